//! HTB: the root's and the classes' options.
//!
//! Read before editing: linux/pkt_sched.h (6.12) `struct tc_htb_glob`, `struct tc_htb_opt`, `struct tc_ratespec`; net/sched/sch_htb.c.

use super::super::{Malformed, Reader, Writer};
use crate::value::{Framing, HtbRoot, Kbit, ShaperClass, TickRate, Ticks};

const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const TCA_HTB_CTAB: u16 = 3;
const TCA_HTB_RTAB: u16 = 4;
const TCA_HTB_DIRECT_QLEN: u16 = 5;

/// The only version of HTB's interface there is (`HTB_VER >> 16`).
const VERSION: u32 = 3;
/// A class' quantum is its rate divided by this where none is given; we always give one.
const RATE_TO_QUANTUM: u32 = 10;

const TC_LINKLAYER_ETHERNET: u8 = 1;
const TC_LINKLAYER_ATM: u8 = 2;
/// The kernel looks a packet's time up at `(bytes - 1) >> cell_log`.
const CELL_ALIGN: u16 = 0xffff;
/// 256 steps of 8 bytes: the table ends at 2,048 bytes; a longer packet's time is put together from several steps.
const CELL_LOG: u8 = 3;
const CELLS: u32 = 256;

pub(super) fn emit_root(w: &mut Writer<'_>, root: HtbRoot) {
    w.attribute(TCA_HTB_INIT, |w| {
        w.u32(VERSION);
        w.u32(RATE_TO_QUANTUM);
        w.u32(u32::from(root.default_minor));
        // debug, direct_pkts.
        w.zeroes(8);
    });
    w.attribute_u32(TCA_HTB_DIRECT_QLEN, root.direct_packets_max);
}

pub(super) fn parse_root(options: &mut Reader<'_>) -> Result<HtbRoot, Malformed> {
    let mut default_minor = None;
    let mut direct_packets_max = 0;
    options.attributes(&mut |kind, init| {
        if kind == TCA_HTB_DIRECT_QLEN {
            direct_packets_max = init.u32();
        } else if kind == TCA_HTB_INIT {
            init.skip(8);
            // HTB itself looks at 16 bits of it.
            let [_, _, high, low] = init.u32().to_be_bytes();
            default_minor = Some(u16::from_be_bytes([high, low]));
        }
    });
    options.end()?;
    let attribute = TCA_HTB_INIT;
    Ok(HtbRoot {
        default_minor: default_minor.ok_or(Malformed::Missing { attribute })?,
        direct_packets_max,
    })
}

pub(super) fn emit_class(w: &mut Writer<'_>, class: &ShaperClass, ticks: TickRate) {
    w.attribute(TCA_HTB_PARMS, |w| {
        emit_ratespec(w, class, class.rate);
        emit_ratespec(w, class, class.ceil);
        w.u32(class.burst.0);
        w.u32(class.cburst.0);
        w.u32(class.quantum_bytes);
        // level: the kernel knows.
        w.u32(0);
        w.u32(u32::from(class.prio));
    });
    // Kernels before 3.9 or so refuse a class without its tables; newer ones work without. The overhead is not in them: those kernels add
    // it themselves before they look a packet up. Cells and the smallest packet are, since those kernels know nothing of either.
    for (kind, rate) in [(TCA_HTB_RTAB, class.rate), (TCA_HTB_CTAB, class.ceil)] {
        w.attribute(kind, |w| {
            for cell in 1..=CELLS {
                let bytes = class.framing.on_wire(cell << CELL_LOG);
                w.u32(ticks.transmit(rate, bytes).0);
            }
        });
    }
}

/// `struct tc_ratespec`: `cell_log`, `linklayer`, `overhead` (16), `cell_align` (16), `mpu` (16), `rate` (32, bytes a second).
fn emit_ratespec(w: &mut Writer<'_>, class: &ShaperClass, rate: Kbit) {
    w.u8(CELL_LOG);
    w.u8(if class.framing.cells {
        TC_LINKLAYER_ATM
    } else {
        TC_LINKLAYER_ETHERNET
    });
    w.u16(u16::from(class.framing.overhead_bytes));
    w.u16(CELL_ALIGN);
    w.u16(u16::from(class.framing.mpu_bytes));
    w.u32(u32::try_from(rate.bytes_per_s()).unwrap_or(u32::MAX));
}

pub(super) fn parse_class(
    options: &mut Reader<'_>,
    class: &mut ShaperClass,
) -> Result<(), Malformed> {
    let mut found = false;
    options.attributes(&mut |kind, parms| {
        if kind == TCA_HTB_PARMS {
            found = true;
            (class.rate, class.framing) = parse_ratespec(parms);
            (class.ceil, _) = parse_ratespec(parms);
            class.burst = Ticks(parms.u32());
            class.cburst = Ticks(parms.u32());
            class.quantum_bytes = parms.u32();
            parms.skip(4);
            let prio = parms.u32();
            match u8::try_from(prio) {
                Ok(prio) => class.prio = prio,
                Err(_) => parms.fail(Malformed::Value { found: prio }),
            }
        }
    });
    options.end()?;
    let attribute = TCA_HTB_PARMS;
    found.then_some(()).ok_or(Malformed::Missing { attribute })
}

/// The rate and the framing. Somebody else's class may have what ours never has: the nearest value of ours stands for it, which differs
/// from any wish of ours and so gets mended.
#[inline(never)]
fn parse_ratespec(parms: &mut Reader<'_>) -> (Kbit, Framing) {
    parms.skip(1);
    let cells = parms.u8() == TC_LINKLAYER_ATM;
    let overhead_bytes = u8::try_from(parms.u16()).unwrap_or(u8::MAX);
    parms.skip(2);
    let mpu_bytes = u8::try_from(parms.u16()).unwrap_or(u8::MAX);
    let framing = Framing {
        overhead_bytes,
        mpu_bytes,
        cells,
    };
    (Kbit(parms.u32() / 125), framing)
}
