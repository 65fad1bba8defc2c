//! The rules that lead the packets of the line into their lanes: maps and chains `lane`, `small_lane`, `lanes` and `small` of [`super::rules`].
//!
//! Whose packet it is stands in the mark of its flow; that is not decided here.

use super::caps;
use super::rules::{Marks, TABLE, steer_by_mark};
use crate::engine::Queue;
use crate::value::assigned::{ICMP, ICMPV6, TCP};
use crate::value::{Ahead, Class, Kind, Opener, Ruleset, ShaperKind};
use crate::wire::Writer;
use crate::wire::nft::{
    Batch, Change, CtKey, Is, MapKind, MetaKey, Part, Register, Target, element_mark,
};

/// The map of lanes, and its number: one element a class, and 0.
pub(super) const MAP: (&str, u32) = ("lane", 2);
/// That of the lanes some of whose packets go ahead.
const SMALL_MAP: (&str, u32) = ("small_lane", 3);

/// The chain where the packets of the line get their lane.
pub(super) const CHAIN: &str = "lanes";
const CHAIN_SMALL: &str = "small";

/// The flag of TCP that opens (RFC 9293, 3.1).
const SYN: u8 = 2;

/// The port of DNS (RFC 1035, 4.2).
const DNS: u16 = 53;

/// A packet is small when its length has none of these bits: below 128 bytes. A mask, since a comparison of order would want the length
/// in network order, which takes an expression more. An acknowledgement has 40 to 100 bytes, a keystroke over SSH up to 120.
const NOT_SMALL: u32 = !0x7f;

/// The classes whose small packets go ahead of their large ones.
const SMALL_CLASSES: [Class; 2] = [Class::Standard, Class::Bulk];

/// How many rules there are, beside the two that set the priority.
pub(super) fn size(ruleset: &Ruleset) -> u16 {
    ahead_rules(ruleset.ahead)
        + u16::from(ruleset.mss.to_path)
        + ruleset.mss.lower().map(|_| 1).sum::<u16>()
        + u16::from(ruleset.caps.is_some() && ruleset.ahead != Ahead::NOTHING)
}

/// Makes the maps.
pub(super) fn maps(batch: &mut Batch<'_, '_>) {
    for (map, id) in [MAP, SMALL_MAP] {
        batch.map(TABLE, map, MapKind::MarkToClassid, id);
    }
}

/// Makes the chains.
pub(super) fn chains(batch: &mut Batch<'_, '_>, ruleset: &Ruleset) {
    batch.chain(TABLE, CHAIN);
    if ruleset.ahead != Ahead::NOTHING {
        batch.chain(TABLE, CHAIN_SMALL);
    }
}

/// Which lanes there are. Under CAKE, which lets packets of flows that take little go first by itself, they stay in their lanes; that a class is
/// in the second map also means that its flows' segments are lowered.
pub(super) fn elements(batch: &mut Batch<'_, '_>, ruleset: &Ruleset) {
    let layout = ruleset.layout;
    batch.elements(TABLE, MAP.0, Change::Add, |w| {
        element_mark(w, 0, lane(ruleset, ruleset.default_class));
        for class in Class::ALL {
            element_mark(w, layout.bits(Some(class)), lane(ruleset, class));
        }
    });

    let to = |class| match ruleset.shaper {
        ShaperKind::Cake => lane(ruleset, class),
        shaper => Queue::Small.priority(shaper).0,
    };
    batch.elements(TABLE, SMALL_MAP.0, Change::Add, |w| {
        if SMALL_CLASSES.contains(&ruleset.default_class) {
            element_mark(w, 0, to(ruleset.default_class));
        }
        for class in SMALL_CLASSES {
            element_mark(w, layout.bits(Some(class)), to(class));
        }
    });
}

/// The priority of a class' packets.
pub(super) const fn lane(ruleset: &Ruleset, class: Class) -> u32 {
    Queue::Lane(class).priority(ruleset.shaper).0
}

/// All rules of the two chains.
pub(super) fn rules(batch: &mut Batch<'_, '_>, marks: &mut Marks, ruleset: &Ruleset) {
    let layout = ruleset.layout;
    // First the default: a mark that is no class of ours ends the second rule early.
    let default_lane = lane(ruleset, ruleset.default_class);
    set(batch, marks, CHAIN, default_lane);
    batch.rule(TABLE, CHAIN, &marks.next(), |w| {
        steer_by_mark(w, layout.mask(), MAP);
    });
    segment_sizes(batch, marks, ruleset);
    ahead(batch, marks, ruleset);
    if let Some(caps) = ruleset.caps {
        caps::queue(batch, marks, CHAIN, caps);
    }
    if ruleset.ahead == Ahead::NOTHING {
        return;
    }
    batch.rule(TABLE, CHAIN_SMALL, &marks.next(), |w| {
        steer_by_mark(w, layout.mask(), SMALL_MAP);
    });
    if let Some(caps) = ruleset.caps {
        caps::queue(batch, marks, CHAIN_SMALL, caps);
    }
}

/// The packet's priority is that of a lane.
#[inline(never)]
pub(super) fn set(batch: &mut Batch<'_, '_>, marks: &mut Marks, chain: &str, lane: u32) {
    batch.rule(TABLE, chain, &marks.next(), |w| {
        w.load_u32(lane);
        w.set_meta(MetaKey::Priority);
    });
}

/// What opens a TCP flow asks for no larger segments than fit the path, and in the lower lanes than the user or the line says.
fn segment_sizes(batch: &mut Batch<'_, '_>, marks: &mut Marks, ruleset: &Ruleset) {
    if ruleset.mss.to_path {
        batch.rule(TABLE, CHAIN, &marks.next(), |w| clamp_to_path(w));
    }
    for (opener, mss) in ruleset.mss.lower() {
        batch.rule(TABLE, CHAIN, &marks.next(), |w| {
            tcp_flags(w, SYN);
            let key = match opener {
                Opener::Comes => Some(MetaKey::InputName),
                Opener::Goes => Some(MetaKey::OutputName),
                Opener::Passes => None,
            };
            if let Some(key) = key {
                w.load_meta(key);
                w.equals_name(ruleset.wan);
            }
            w.load_ct(CtKey::Mark);
            w.bitwise(ruleset.layout.mask(), 0);
            // Only whether it is there matters.
            w.lookup(SMALL_MAP.0, SMALL_MAP.1, Register::Data);
            w.load_be16(mss);
            w.lower_mss();
        });
    }
}

/// The rule that a kernel must know for it.
pub fn clamp_to_path(w: &mut Writer<'_>) {
    tcp_flags(w, SYN);
    w.load_path_mss();
    w.lower_mss();
}

/// Goes on only for TCP with one of these flags.
fn tcp_flags(w: &mut Writer<'_>, flags: u8) {
    w.load_meta(MetaKey::Protocol);
    w.equals_u8(TCP);
    w.load_payload(Part::Transport, 13, 1);
    w.mask_bytes(&[flags]);
    w.compare(Is::Other, &[0]);
}

/// How many rules the packets take that go ahead.
fn ahead_rules(ahead: Ahead) -> u16 {
    let kinds = [
        ahead != Ahead::NOTHING,
        ahead.has(Kind::Ack),
        ahead.tcp_flags() != 0,
        ahead.has(Kind::Icmp),
        ahead.has(Kind::Icmp),
        ahead.has(Kind::Dns),
    ];
    kinds.map(u16::from).iter().sum()
}

/// The packets that go ahead.
#[inline(never)]
fn ahead(batch: &mut Batch<'_, '_>, marks: &mut Marks, ruleset: &Ruleset) {
    let Ruleset { ahead, .. } = ruleset;
    let flags = ahead.tcp_flags();
    let kinds = [
        (ahead.has(Kind::Ack), Some(TCP)),
        (flags != 0, Some(TCP)),
        (ahead.has(Kind::Icmp), Some(ICMP)),
        (ahead.has(Kind::Icmp), Some(ICMPV6)),
        (ahead.has(Kind::Dns), None),
    ];
    for (place, (wanted, proto)) in kinds.into_iter().enumerate() {
        if !wanted {
            continue;
        }
        batch.rule(TABLE, CHAIN, &marks.next(), |w| {
            match (place, proto) {
                (1, _) => tcp_flags(w, flags),
                (_, Some(proto)) => {
                    w.load_meta(MetaKey::Protocol);
                    w.equals_u8(proto);
                }
                // Both ways, and whichever of the protocols.
                _ => {
                    w.load_ct(CtKey::OpenedTo);
                    w.compare(Is::Equal, &DNS.to_be_bytes());
                }
            }
            if place == 0 {
                w.load_meta(MetaKey::Length);
                w.bitwise(NOT_SMALL, 0);
                w.equals_u32(0);
            }
            w.verdict(Target::Goto(CHAIN_SMALL));
        });
    }
}
