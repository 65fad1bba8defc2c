use super::{IfIndex, IfName, Mac};

/// A network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number.
    pub index: IfIndex,
    /// Its name.
    pub name: IfName,
    /// Its Ethernet address; none on PPP, tunnels and the like.
    pub mac: Option<Mac>,
    /// Largest packet in bytes, without the link-layer header.
    pub mtu: u32,
    /// The bridge or bond that it is part of.
    pub master: Option<IfIndex>,
    /// The interface whose packets it wraps or shares: that below a VLAN. What leaves here leaves there next.
    pub below: Option<IfIndex>,
    /// What it is, as far as it matters to us.
    pub kind: LinkKind,
    /// Whether it is switched on.
    pub up: bool,
}

/// What an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `lo`.
    Loopback,
    /// A bridge.
    Bridge,
    /// An intermediate functional block: what is handed to it waits in its queues and then goes on from where it came.
    Ifb,
    /// Anything else.
    Other,
}

/// What an interface has carried, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkBytes {
    /// Received.
    pub rx: u64,
    /// Sent.
    pub tx: u64,
}

impl Link {
    /// Bytes of the header that the device counts as part of each packet: an Ethernet header, or none (PPP, raw IP, tunnels).
    pub const fn header_bytes(&self) -> u8 {
        if self.mac.is_some() { 14 } else { 0 }
    }
}
