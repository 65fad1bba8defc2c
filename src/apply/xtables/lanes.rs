//! What steers packets into their lanes.

use super::{LANES, QUEUES, SMALL, STEER, Set, Text};
use crate::engine::Queue;
use crate::value::{Ahead, Class, IfName, IpVersion, Kind, Opener, Ruleset, ShaperKind, TcHandle};

/// The classes whose small packets go ahead of their large ones, and whose flows' segments are lowered.
const SMALL_CLASSES: [Class; 2] = [Class::Standard, Class::Bulk];

/// Bytes of the largest segment size.
const MSS_MAX: u16 = u16::MAX;

/// What passes the line.
pub(super) fn steer(text: &mut Text<'_>, wan: IfName) {
    for way in ["-o", "-i"] {
        text.rule(STEER, format_args!("{way} {wan} -g {LANES}"));
    }
}

/// Which lane, and what is special about some packets.
pub(super) fn lanes(text: &mut Text<'_>, set: &Set<'_>) {
    let ruleset = set.ruleset;
    let (layout, mask) = (ruleset.layout, ruleset.layout.mask());
    let lane = |class| Queue::Lane(class).priority(ruleset.shaper);
    text.rule(
        LANES,
        format_args!("-j CLASSIFY --set-class {}", lane(ruleset.default_class)),
    );
    for class in Class::ALL {
        let (bits, lane) = (layout.bits(Some(class)), lane(class));
        text.rule(
            LANES,
            format_args!("-m connmark --mark {bits:#x}/{mask:#x} -j CLASSIFY --set-class {lane}"),
        );
    }
    segment_sizes(text, ruleset);
    ahead(text, set);
    if ruleset.caps.is_some() {
        text.rule(LANES, format_args!("-j {QUEUES}"));
    }
}

/// The mark's bits of the flows of the lower lanes.
fn lower(ruleset: &Ruleset) -> impl Iterator<Item = u32> {
    let layout = ruleset.layout;
    let unmarked = SMALL_CLASSES.contains(&ruleset.default_class).then_some(0);
    let marked = SMALL_CLASSES.map(|class| layout.bits(Some(class)));
    unmarked.into_iter().chain(marked)
}

/// What opens a TCP flow asks for no larger segments than fit the path, and in the lower lanes than the user or the line says.
fn segment_sizes(text: &mut Text<'_>, ruleset: &Ruleset) {
    const OPENS: &str = "-p tcp -m tcp --tcp-flags SYN SYN";
    if ruleset.mss.to_path {
        text.rule(LANES, format_args!("{OPENS} -j TCPMSS --clamp-mss-to-pmtu"));
    }
    let (mask, wan) = (ruleset.layout.mask(), ruleset.wan);
    for (opener, most) in ruleset.mss.lower() {
        let [way, wan, gap] = match opener {
            Opener::Comes => ["-i ", wan.as_str(), " "],
            Opener::Goes => ["-o ", wan.as_str(), " "],
            Opener::Passes => [""; 3],
        };
        let above = most.saturating_add(1);
        for bits in lower(ruleset) {
            // Asked first: kernels before 2.6.25 raise a smaller one.
            text.rule(
                LANES,
                format_args!(
                    "{way}{wan}{gap}{OPENS} -m connmark --mark {bits:#x}/{mask:#x} -m tcpmss --mss {above}:{MSS_MAX} -j TCPMSS --set-mss {most}"
                ),
            );
        }
    }
}

/// The packets that go ahead.
fn ahead(text: &mut Text<'_>, set: &Set<'_>) {
    let ahead = set.ruleset.ahead;
    let mut kind = |kind, words: &str| {
        if ahead.has(kind) {
            text.rule(LANES, format_args!("{words} -g {SMALL}"));
        }
    };
    kind(Kind::Ack, "-p tcp -m length --length 0:127");
    kind(Kind::Syn, "-p tcp -m tcp --tcp-flags SYN SYN");
    kind(Kind::Fin, "-p tcp -m tcp --tcp-flags FIN FIN");
    kind(Kind::Rst, "-p tcp -m tcp --tcp-flags RST RST");
    let icmp = match set.version {
        IpVersion::V4 => "-p 1",
        IpVersion::V6 => "-p 58",
    };
    kind(Kind::Icmp, icmp);
    if set.origin {
        kind(Kind::Dns, "-m conntrack --ctorigdstport 53");
        return;
    }
    for words in [
        "-p udp -m udp --dport 53",
        "-p udp -m udp --sport 53",
        "-p tcp -m tcp --dport 53",
        "-p tcp -m tcp --sport 53",
    ] {
        kind(Kind::Dns, words);
    }
}

/// Under CAKE, which lets packets of flows that take little go first by itself, they stay in their lanes.
pub(super) fn small(text: &mut Text<'_>, ruleset: &Ruleset) {
    if ruleset.ahead == Ahead::NOTHING {
        return;
    }
    let mask = ruleset.layout.mask();
    if ruleset.shaper != ShaperKind::Cake {
        let queue: TcHandle = Queue::Small.priority(ruleset.shaper);
        for bits in lower(ruleset) {
            text.rule(
                SMALL,
                format_args!(
                    "-m connmark --mark {bits:#x}/{mask:#x} -j CLASSIFY --set-class {queue}"
                ),
            );
        }
    }
    if ruleset.caps.is_some() {
        text.rule(SMALL, format_args!("-j {QUEUES}"));
    }
}
