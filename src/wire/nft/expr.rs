//! What rules do: the expressions that ours are made of.

use super::super::{Order, Reader, Writer};
use super::{padded, register_u32};
use crate::value::{IfName, Mac};

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;

pub(super) const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFTA_VERDICT_CHAIN: u16 = 2;
const NFT_GOTO: i32 = -4;

const NFTA_META_DREG: u16 = 1;
const NFTA_META_KEY: u16 = 2;
const NFTA_META_SREG: u16 = 3;
const NFTA_CT_DREG: u16 = 1;
const NFTA_CT_KEY: u16 = 2;
const NFTA_CT_DIRECTION: u16 = 3;
const NFTA_CT_SREG: u16 = 4;
const NFTA_CMP_SREG: u16 = 1;
const NFTA_CMP_OP: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;
const NFTA_BITWISE_SREG: u16 = 1;
const NFTA_BITWISE_DREG: u16 = 2;
const NFTA_BITWISE_LEN: u16 = 3;
const NFTA_BITWISE_MASK: u16 = 4;
const NFTA_BITWISE_XOR: u16 = 5;
const NFTA_PAYLOAD_DREG: u16 = 1;
const NFTA_PAYLOAD_BASE: u16 = 2;
const NFTA_PAYLOAD_OFFSET: u16 = 3;
const NFTA_PAYLOAD_LEN: u16 = 4;
const NFTA_LOOKUP_SET: u16 = 1;
const NFTA_LOOKUP_SREG: u16 = 2;
const NFTA_LOOKUP_DREG: u16 = 3;
const NFTA_LOOKUP_SET_ID: u16 = 4;
const NFTA_IMMEDIATE_DREG: u16 = 1;
const NFTA_IMMEDIATE_DATA: u16 = 2;

const NFTA_RT_DREG: u16 = 1;
const NFTA_RT_KEY: u16 = 2;
const NFTA_BYTEORDER_SREG: u16 = 1;
const NFTA_BYTEORDER_DREG: u16 = 2;
const NFTA_BYTEORDER_OP: u16 = 3;
const NFTA_BYTEORDER_LEN: u16 = 4;
const NFTA_BYTEORDER_SIZE: u16 = 5;
const NFTA_EXTHDR_TYPE: u16 = 2;
const NFTA_EXTHDR_OFFSET: u16 = 3;
const NFTA_EXTHDR_LEN: u16 = 4;
const NFTA_EXTHDR_OP: u16 = 6;
const NFTA_EXTHDR_SREG: u16 = 7;

/// Where an expression leaves its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// What becomes of the packet.
    Verdict,
    /// The one data register that every kernel with `nf_tables` has.
    Data,
}

impl Register {
    const fn number(self) -> u32 {
        match self {
            Register::Verdict => 0,
            Register::Data => 1,
        }
    }
}

/// What of a packet is read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaKey {
    /// `skb->priority`, which names the class of a qdisc.
    Priority,
    /// The interface that it came in by, by name.
    InputName,
    /// The interface that it leaves by, by name.
    OutputName,
    /// What kind of device it came in by (`ARPHRD_*`).
    InputType,
    /// Its length in bytes, from the IP header on.
    Length,
    /// The protocol above IP (`IPPROTO_*`), a single byte.
    Protocol,
    /// The version of IP (`NFPROTO_*`), a single byte.
    Version,
}

impl MetaKey {
    const fn number(self) -> u32 {
        match self {
            MetaKey::Priority => 2,
            MetaKey::InputName => 6,
            MetaKey::OutputName => 7,
            MetaKey::InputType => 8,
            MetaKey::Length => 0,
            MetaKey::Version => 15,
            MetaKey::Protocol => 16,
        }
    }
}

/// What of a flow is read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtKey {
    /// Its mark.
    Mark,
    /// How far it is: a bit of `NF_CT_STATE_*`.
    State,
    /// Which way this packet goes: a byte, 0 as the opener, 1 as the answers.
    Direction,
    /// Bits of `IPS_*`.
    Status,
    /// The protocol above IP, a byte: that of the flow, also where the packet is an ICMP error about it.
    Protocol,
    /// The port that it was opened to, in network order, whichever way the packet goes and wherever NAT sent it.
    OpenedTo,
}

/// How what is loaded shall compare with other bytes, the first byte weighing most (`NFT_CMP_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// The same.
    Equal,
    /// Another.
    Other,
    /// The same or below.
    AtMost,
    /// The same or above.
    AtLeast,
}

impl Is {
    const fn number(self) -> u32 {
        match self {
            Is::Equal => 0,
            Is::Other => 1,
            Is::AtMost => 3,
            Is::AtLeast => 5,
        }
    }
}

/// What of the packet's own bytes is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// From the start of the frame.
    Frame,
    /// From the start of the IP header.
    Network,
    /// From the start of the header above IP.
    Transport,
}

impl CtKey {
    const fn number(self) -> u32 {
        match self {
            CtKey::State => 0,
            CtKey::Direction => 1,
            CtKey::Status => 2,
            CtKey::Mark => 3,
            CtKey::Protocol => 10,
            CtKey::OpenedTo => 12,
        }
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// It goes on in this chain and does not come back.
    Goto(&'a str),
}

impl Writer<'_> {
    fn expression(&mut self, name: &str, data: impl FnOnce(&mut Self)) {
        self.nest(NFTA_LIST_ELEM, |w| {
            w.attribute_text(NFTA_EXPR_NAME, name);
            w.nest(NFTA_EXPR_DATA, data);
        });
    }

    /// Appends raw register data.
    pub(super) fn data(&mut self, kind: u16, value: &[u8]) {
        self.nest(kind, |w| w.attribute_bytes(NFTA_DATA_VALUE, value));
    }

    /// Appends an expression of numbers only.
    fn numbers(&mut self, name: &str, fields: &[(u16, u32)]) {
        self.expression(name, |w| {
            for &(kind, value) in fields {
                w.attribute_be32(kind, value);
            }
        });
    }

    /// Loads something of the packet.
    pub fn load_meta(&mut self, key: MetaKey) {
        let data = Register::Data.number();
        self.numbers(
            "meta",
            &[(NFTA_META_KEY, key.number()), (NFTA_META_DREG, data)],
        );
    }

    /// Sets something of the packet to what is loaded.
    pub fn set_meta(&mut self, key: MetaKey) {
        let data = Register::Data.number();
        self.numbers(
            "meta",
            &[(NFTA_META_KEY, key.number()), (NFTA_META_SREG, data)],
        );
    }

    /// Loads something of the flow. A packet without a flow leaves the rule here.
    pub fn load_ct(&mut self, key: CtKey) {
        const ORIGINAL: u8 = 0;
        self.expression("ct", |w| {
            w.attribute_be32(NFTA_CT_KEY, key.number());
            w.attribute_be32(NFTA_CT_DREG, Register::Data.number());
            // The protocol is the same both ways; older kernels want to be told one all the same.
            if matches!(key, CtKey::Protocol | CtKey::OpenedTo) {
                w.attribute_bytes(NFTA_CT_DIRECTION, &[ORIGINAL]);
            }
        });
    }

    /// Sets something of the flow to what is loaded.
    pub fn set_ct(&mut self, key: CtKey) {
        let data = Register::Data.number();
        self.numbers("ct", &[(NFTA_CT_KEY, key.number()), (NFTA_CT_SREG, data)]);
    }

    /// Loads the source address of the frame.
    pub fn load_source_mac(&mut self) {
        self.load_payload(Part::Frame, 6, 6);
    }

    /// Loads so many bytes of the packet, from there on.
    pub fn load_payload(&mut self, part: Part, offset: u8, len: u8) {
        let base = match part {
            Part::Frame => 0,
            Part::Network => 1,
            Part::Transport => 2,
        };
        let fields = [
            (NFTA_PAYLOAD_DREG, Register::Data.number()),
            (NFTA_PAYLOAD_BASE, base),
            (NFTA_PAYLOAD_OFFSET, offset.into()),
            (NFTA_PAYLOAD_LEN, len.into()),
        ];
        self.numbers("payload", &fields);
    }

    /// Replaces what is loaded by `(loaded & mask) ^ xor`: the one form of bitwise that every kernel with `nf_tables` has.
    pub fn bitwise(&mut self, mask: u32, xor: u32) {
        let order = self.order();
        self.bitwise_bytes(&register_u32(order, mask), &register_u32(order, xor));
    }

    /// Clears the bits of what is loaded that the mask has not.
    pub fn mask_bytes(&mut self, mask: &[u8]) {
        let zeroes = [0; 16];
        self.bitwise_bytes(mask, zeroes.get(..mask.len()).unwrap_or_default());
    }

    fn bitwise_bytes(&mut self, mask: &[u8], xor: &[u8]) {
        self.expression("bitwise", |w| {
            w.attribute_be32(NFTA_BITWISE_SREG, Register::Data.number());
            w.attribute_be32(NFTA_BITWISE_DREG, Register::Data.number());
            w.attribute_be32(
                NFTA_BITWISE_LEN,
                u32::try_from(mask.len()).unwrap_or_default(),
            );
            w.data(NFTA_BITWISE_MASK, mask);
            w.data(NFTA_BITWISE_XOR, xor);
        });
    }

    /// Goes on only when what is loaded compares so with these bytes.
    pub fn compare(&mut self, is: Is, bytes: &[u8]) {
        self.expression("cmp", |w| {
            w.attribute_be32(NFTA_CMP_SREG, Register::Data.number());
            w.attribute_be32(NFTA_CMP_OP, is.number());
            w.data(NFTA_CMP_DATA, bytes);
        });
    }

    /// Goes on only when what is loaded is these bytes.
    fn equals(&mut self, bytes: &[u8]) {
        self.compare(Is::Equal, bytes);
    }

    /// Goes on only when what is loaded, a number of four bytes, has one of these bits.
    pub fn has_any(&mut self, bits: u32) {
        self.bitwise(bits, 0);
        self.compare(Is::Other, &[0; 4]);
    }

    /// Goes on only when what is loaded is this number of four bytes.
    pub fn equals_u32(&mut self, value: u32) {
        let bytes = register_u32(self.order(), value);
        self.equals(&bytes);
    }

    /// Goes on only when what is loaded is this byte.
    pub fn equals_u8(&mut self, value: u8) {
        self.equals(&[value]);
    }

    /// Goes on only when what is loaded is this number of two bytes.
    pub fn equals_u16(&mut self, value: u16) {
        let bytes = match self.order() {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        };
        self.equals(&bytes);
    }

    /// Goes on only when what is loaded is this interface's name.
    pub fn equals_name(&mut self, name: IfName) {
        self.equals(&padded(name));
    }

    /// Looks up what is loaded; without a match the packet leaves the rule here. `id` is the map's number in this batch.
    pub fn lookup(&mut self, map: &str, id: u32, result: Register) {
        self.expression("lookup", |w| {
            w.attribute_text(NFTA_LOOKUP_SET, map);
            w.attribute_be32(NFTA_LOOKUP_SREG, Register::Data.number());
            w.attribute_be32(NFTA_LOOKUP_DREG, result.number());
            w.attribute_be32(NFTA_LOOKUP_SET_ID, id);
        });
    }

    /// Loads a number of four bytes.
    pub fn load_u32(&mut self, value: u32) {
        let bytes = register_u32(self.order(), value);
        self.expression("immediate", |w| {
            w.attribute_be32(NFTA_IMMEDIATE_DREG, Register::Data.number());
            w.data(NFTA_IMMEDIATE_DATA, &bytes);
        });
    }

    /// Loads the largest segment that fits the path of the packet, both ways, as it stands in TCP's option. Kernels since 4.14.
    pub fn load_path_mss(&mut self) {
        const NFT_RT_TCPMSS: u32 = 3;
        const NFT_BYTEORDER_HTON: u32 = 1;
        let data = Register::Data.number();
        self.numbers("rt", &[(NFTA_RT_DREG, data), (NFTA_RT_KEY, NFT_RT_TCPMSS)]);
        self.numbers(
            "byteorder",
            &[
                (NFTA_BYTEORDER_SREG, data),
                (NFTA_BYTEORDER_DREG, data),
                (NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON),
                (NFTA_BYTEORDER_LEN, 2),
                (NFTA_BYTEORDER_SIZE, 2),
            ],
        );
    }

    /// Loads two bytes.
    pub fn load_be16(&mut self, value: u16) {
        self.expression("immediate", |w| {
            w.attribute_be32(NFTA_IMMEDIATE_DREG, Register::Data.number());
            w.data(NFTA_IMMEDIATE_DATA, &value.to_be_bytes());
        });
    }

    /// The segment size that TCP asks for becomes what is loaded, if it is larger (the kernel never raises it). Kernels since 4.14.
    pub fn lower_mss(&mut self) {
        const TCPOPT_MAXSEG: u8 = 2;
        const NFT_EXTHDR_OP_TCPOPT: u32 = 1;
        self.expression("exthdr", |w| {
            w.attribute_be32(NFTA_EXTHDR_SREG, Register::Data.number());
            w.attribute_bytes(NFTA_EXTHDR_TYPE, &[TCPOPT_MAXSEG]);
            w.attribute_be32(NFTA_EXTHDR_OFFSET, 2);
            w.attribute_be32(NFTA_EXTHDR_LEN, 2);
            w.attribute_be32(NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
        });
    }

    /// Decides what becomes of the packet.
    pub fn verdict(&mut self, target: Target<'_>) {
        self.expression("immediate", |w| {
            w.attribute_be32(NFTA_IMMEDIATE_DREG, Register::Verdict.number());
            w.nest(NFTA_IMMEDIATE_DATA, |w| emit_verdict(w, target));
        });
    }
}

pub(super) fn emit_verdict(w: &mut Writer<'_>, target: Target<'_>) {
    let Target::Goto(chain) = target;
    w.nest(NFTA_DATA_VERDICT, |w| {
        w.attribute_be32(NFTA_VERDICT_CODE, NFT_GOTO.cast_unsigned());
        w.attribute_text(NFTA_VERDICT_CHAIN, chain);
    });
}

/// The Ethernet address in a data attribute.
pub(super) fn parse_mac(data: &mut Reader<'_>) -> Option<Mac> {
    let mut mac = None;
    data.attributes(&mut |kind, value| {
        if kind == NFTA_DATA_VALUE {
            mac = value.mac();
        }
    });
    mac
}

/// The chain that a verdict in a data attribute goes to; `None` for other verdicts.
pub(super) fn parse_verdict_chain<'a>(data: &mut Reader<'a>) -> Option<&'a str> {
    let (mut code, mut chain) = (0, None);
    data.attributes(&mut |kind, verdict| {
        if kind != NFTA_DATA_VERDICT {
            return;
        }
        verdict.attributes(&mut |kind, value| match kind {
            NFTA_VERDICT_CODE => code = value.be32().cast_signed(),
            NFTA_VERDICT_CHAIN => chain = Some(value.text()),
            _ => {}
        });
    });
    chain.filter(|_| code == NFT_GOTO)
}
