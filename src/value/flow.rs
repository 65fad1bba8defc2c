use core::net::IpAddr;

use heapless::Vec;

/// Bytes of the kernel's name for a flow: two IPv6 addresses, protocol and ports, nested, take 72; ICMPv6 80.
/// A longer one is a protocol that we do not know; such a flow is left alone and counted.
pub const FLOW_KEY_BYTES_MAX: usize = 128;

/// One direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// From.
    pub src: IpAddr,
    /// To.
    pub dst: IpAddr,
    /// From, 0 where the protocol has no ports.
    pub sport: u16,
    /// To, 0 where the protocol has no ports.
    pub dport: u16,
    /// The IP protocol number.
    pub proto: u8,
}

/// How the kernel names a flow. Opaque: taken from what it told, and handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// The address family.
    pub family: u8,
    /// The conntrack zone.
    pub zone: u16,
    /// The opener's tuple as the kernel encodes it.
    pub tuple: Vec<u8, FLOW_KEY_BYTES_MAX>,
}

/// An entry of the conntrack table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its name.
    pub key: FlowKey,
    /// As its opener sent it.
    pub out: Tuple,
    /// As the answers come: other addresses where there is NAT.
    pub back: Tuple,
    /// Its mark.
    pub mark: u32,
    /// Bytes both ways; none where the kernel does not count.
    pub bytes: Option<FlowBytes>,
    /// Who forwards its packets.
    pub path: FlowPath,
}

/// Who forwards the packets of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowPath {
    /// The kernel, with its rules.
    #[default]
    Rules,
    /// The kernel's flowtable, past the rules (`[OFFLOAD]`).
    Flowtable,
    /// Hardware, past rules and queues (`[HW_OFFLOAD]`).
    Hardware,
}

/// Bytes of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowBytes {
    /// From the opener.
    pub out: u64,
    /// To the opener.
    pub back: u64,
}
