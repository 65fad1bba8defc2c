//! The conntrack table: dumps, events, and the change of a mark.
//!
//! Read before editing: linux/netfilter/nfnetlink_conntrack.h (6.12); net/netfilter/nf_conntrack_netlink.c. Integers are in network
//! order throughout.

use core::net::IpAddr;

use heapless::Vec;

use super::neighbour::{AF_INET, AF_INET6, ip_address};
use super::netlink::{Header, Message};
use super::{Malformed, Reader, Writer};
use crate::value::{FLOW_KEY_BYTES_MAX, Flow, FlowKey, FlowPath, Tuple};

const NFNL_SUBSYS_CTNETLINK: u16 = 1;
const CT_NEW: u16 = NFNL_SUBSYS_CTNETLINK << 8;
const CT_GET: u16 = CT_NEW | 1;
const CT_DELETE: u16 = CT_NEW | 2;
const CT_GET_STATS: u16 = CT_NEW | 5;

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_MARK: u16 = 8;
const CTA_COUNTERS_ORIG: u16 = 9;
const CTA_COUNTERS_REPLY: u16 = 10;
const CTA_ZONE: u16 = 18;
const CTA_MARK_MASK: u16 = 21;

const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
const CTA_COUNTERS_BYTES: u16 = 2;

/// Bits of the status (linux/netfilter/nf_conntrack_common.h).
const IPS_OFFLOAD: u32 = 1 << 14;
const IPS_HW_OFFLOAD: u32 = 1 << 15;

/// New entries carry the flags that made them: create and exclusive.
const EVENT_NEW_FLAGS: u16 = 0x600;

/// Bits of a mark to change, and what to change them to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkChange {
    /// What the bits shall be; nothing outside `mask`.
    pub bits: u32,
    /// Which bits.
    pub mask: u32,
}

/// Which flows a dump is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    All,
    /// Those whose mark has these bits.
    Marked(MarkChange),
}

/// Asks for the entries of both families.
pub fn emit_dump(w: &mut Writer<'_>, seq: u32, wanted: Wanted) {
    w.message(Header::dump(CT_GET, seq), |w| {
        fixed(w, 0);
        if let Wanted::Marked(MarkChange { bits, mask }) = wanted {
            w.attribute_be32(CTA_MARK, bits);
            w.attribute_be32(CTA_MARK_MASK, mask);
        }
    });
}

/// Asks for the table's statistics: the cheapest question that only a kernel with ctnetlink answers.
pub fn emit_probe(w: &mut Writer<'_>, seq: u32) {
    w.message(Header::request(CT_GET_STATS, 0, seq), |w| fixed(w, 0));
}

/// Changes bits of the mark of one flow. Neither CREATE nor EXCL: a flow that is gone stays gone (`ENOENT`).
pub fn emit_mark(w: &mut Writer<'_>, seq: u32, key: &FlowKey, change: MarkChange) {
    w.message(Header::request(CT_NEW, 0, seq), |w| {
        fixed(w, key.family);
        w.nest(CTA_TUPLE_ORIG, |w| w.bytes(&key.tuple));
        if key.zone != 0 {
            w.attribute(CTA_ZONE, |w| w.be16(key.zone));
        }
        w.attribute_be32(CTA_MARK, change.bits);
        w.attribute_be32(CTA_MARK_MASK, change.mask);
    });
}

/// `struct nfgenmsg`: family, version, resource.
fn fixed(w: &mut Writer<'_>, family: u8) {
    w.u8(family);
    w.zeroes(3);
}

/// What a conntrack message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowChange {
    /// An event: a flow was opened.
    Opened(Flow),
    /// An entry of a dump, or an event: a flow is like this.
    Present(Flow),
    /// An event: a flow is over.
    Closed(Flow),
}

impl FlowChange {
    /// The flow, whatever became of it.
    pub const fn flow(&self) -> &Flow {
        match self {
            FlowChange::Opened(flow) | FlowChange::Present(flow) | FlowChange::Closed(flow) => flow,
        }
    }
}

/// Reads an entry of a dump, or an event. `None`: another message, or a family that is not IP.
///
/// # Errors
/// [`Malformed`].
pub fn parse(message: Message<'_>) -> Result<Option<FlowChange>, Malformed> {
    let Header { kind, flags, .. } = message.header;
    if kind != CT_NEW && kind != CT_DELETE {
        return Ok(None);
    }
    let mut body = message.body;
    let family = body.u8();
    body.skip(3);
    body.end()?;
    if family != AF_INET && family != AF_INET6 {
        return Ok(None);
    }
    let mut flow = Flow {
        key: FlowKey {
            family,
            zone: 0,
            tuple: Vec::new(),
        },
        out: no_tuple(family),
        back: no_tuple(family),
        mark: 0,
        bytes: None,
        path: FlowPath::Rules,
    };
    let (mut has_out, mut has_back) = (false, false);
    body.attributes(&mut |kind, value| match kind {
        CTA_TUPLE_ORIG => {
            let raw = value.rest();
            flow.key.tuple.clear();
            if flow.key.tuple.extend_from_slice(raw).is_err() {
                value.fail(Malformed::Length {
                    room: FLOW_KEY_BYTES_MAX,
                    found: raw.len(),
                });
            }
            read_tuple(&mut flow.out, family, value);
            has_out = true;
        }
        CTA_TUPLE_REPLY => {
            read_tuple(&mut flow.back, family, value);
            has_back = true;
        }
        CTA_STATUS => flow.path = path(value.be32()),
        CTA_MARK => flow.mark = value.be32(),
        CTA_ZONE => flow.key.zone = value.be16(),
        CTA_COUNTERS_ORIG => {
            flow.bytes.get_or_insert_default().out = counted_bytes(value);
        }
        CTA_COUNTERS_REPLY => {
            flow.bytes.get_or_insert_default().back = counted_bytes(value);
        }
        _ => {}
    });
    body.end()?;
    for (has, attribute) in [(has_out, CTA_TUPLE_ORIG), (has_back, CTA_TUPLE_REPLY)] {
        if !has {
            return Err(Malformed::Missing { attribute });
        }
    }
    Ok(Some(match kind {
        CT_DELETE => FlowChange::Closed(flow),
        _ if flags & EVENT_NEW_FLAGS == EVENT_NEW_FLAGS => FlowChange::Opened(flow),
        _ => FlowChange::Present(flow),
    }))
}

const fn path(status: u32) -> FlowPath {
    if status & IPS_HW_OFFLOAD != 0 {
        FlowPath::Hardware
    } else if status & IPS_OFFLOAD != 0 {
        FlowPath::Flowtable
    } else {
        FlowPath::Rules
    }
}

fn no_tuple(family: u8) -> Tuple {
    let unspecified = if family == AF_INET {
        IpAddr::from([0; 4])
    } else {
        IpAddr::from([0; 16])
    };
    Tuple {
        src: unspecified,
        dst: unspecified,
        sport: 0,
        dport: 0,
        proto: 0,
    }
}

fn read_tuple(tuple: &mut Tuple, family: u8, nest: &mut Reader<'_>) {
    nest.attributes(&mut |part, fields| {
        // What else stands there, the zone of one direction, holds no attributes.
        if !matches!(part, CTA_TUPLE_IP | CTA_TUPLE_PROTO) {
            return;
        }
        fields.attributes(&mut |field, value| match (part, field) {
            (CTA_TUPLE_IP, CTA_IP_V4_SRC | CTA_IP_V6_SRC) => {
                tuple.src = ip_address(family, value).unwrap_or(tuple.src);
            }
            (CTA_TUPLE_IP, CTA_IP_V4_DST | CTA_IP_V6_DST) => {
                tuple.dst = ip_address(family, value).unwrap_or(tuple.dst);
            }
            (CTA_TUPLE_PROTO, CTA_PROTO_NUM) => tuple.proto = value.u8(),
            (CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT) => tuple.sport = value.be16(),
            (CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT) => tuple.dport = value.be16(),
            _ => {}
        });
    });
}

fn counted_bytes(nest: &mut Reader<'_>) -> u64 {
    let mut bytes = 0;
    nest.attributes(&mut |kind, counter| {
        if kind == CTA_COUNTERS_BYTES {
            bytes = counter.be64();
        }
    });
    bytes
}
