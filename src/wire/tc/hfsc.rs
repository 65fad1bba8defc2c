//! HFSC: the root's and the classes' options.
//!
//! Read before editing: linux/pkt_sched.h (6.12) `struct tc_hfsc_qopt`, `struct tc_service_curve`, `struct tc_sizespec`; net/sched/sch_hfsc.c.

use super::super::{Reader, Writer};
use crate::value::{Curve, HfscRoot, Kbit, ShaperClass};

const TCA_STAB_BASE: u16 = 1;
const TC_LINKLAYER_ETHERNET: u32 = 1;

const TCA_HFSC_RSC: u16 = 1;
const TCA_HFSC_FSC: u16 = 2;
const TCA_HFSC_USC: u16 = 3;

/// `struct tc_hfsc_qopt`.
pub(super) fn emit_root(w: &mut Writer<'_>, root: HfscRoot) {
    w.u16(root.default_minor);
}

/// `struct tc_sizespec`, without a table: the overhead alone. HFSC's classes have none of their own.
pub(super) fn emit_sizes(w: &mut Writer<'_>, overhead_bytes: u8) {
    w.attribute(TCA_STAB_BASE, |w| {
        // cell_log, size_log, cell_align.
        w.zeroes(4);
        w.u32(overhead_bytes.into());
        w.u32(TC_LINKLAYER_ETHERNET);
        // mpu, mtu, tsize.
        w.zeroes(12);
    });
}

pub(super) fn parse_root(options: &mut Reader<'_>, sizes: &mut Reader<'_>) -> HfscRoot {
    let mut root = HfscRoot {
        default_minor: options.u16(),
        overhead_bytes: 0,
    };
    sizes.attributes(&mut |kind, base| {
        if kind == TCA_STAB_BASE {
            base.skip(4);
            root.overhead_bytes = u8::try_from(base.u32()).unwrap_or(u8::MAX);
        }
    });
    root
}

pub(super) fn emit_class(w: &mut Writer<'_>, class: &ShaperClass) {
    let straight = |then| Curve {
        then,
        ..Curve::default()
    };
    for (kind, curve) in [
        (TCA_HFSC_RSC, class.deadline),
        (TCA_HFSC_FSC, straight(class.rate)),
        (TCA_HFSC_USC, straight(class.ceil)),
    ] {
        if curve.then.0 > 0 {
            w.attribute(kind, |w| {
                w.u32(bytes_a_s(curve.first));
                w.u32(curve.us);
                w.u32(bytes_a_s(curve.then));
            });
        }
    }
}

fn bytes_a_s(rate: Kbit) -> u32 {
    u32::try_from(rate.bytes_per_s()).unwrap_or(u32::MAX)
}

pub(super) fn parse_class(options: &mut Reader<'_>, class: &mut ShaperClass) {
    options.attributes(&mut |kind, value| {
        let curve = Curve {
            first: Kbit(value.u32() / 125),
            us: value.u32(),
            then: Kbit(value.u32() / 125),
        };
        match kind {
            TCA_HFSC_RSC => class.deadline = curve,
            TCA_HFSC_FSC => class.rate = curve.then,
            TCA_HFSC_USC => class.ceil = curve.then,
            _ => {}
        }
    });
}
