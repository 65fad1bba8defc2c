//! HTB: the root's and the classes' options.
//!
//! Read before editing: linux/pkt_sched.h (6.12) `struct tc_htb_glob`, `struct tc_htb_opt`, `struct tc_ratespec`; net/sched/sch_htb.c.

use super::super::netlink::attributes;
use super::super::{Malformed, Reader, Writer};
use crate::value::{Discipline, HtbClass, HtbRoot, Kbit, TcHandle, TickRate, Ticks};

pub(super) const KIND: &str = "htb";

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

pub(super) fn parse_root(options: Reader<'_>) -> Result<Discipline, Malformed> {
    for attribute in attributes(options) {
        let mut attribute = attribute?;
        if attribute.kind == TCA_HTB_INIT {
            attribute.payload.skip(8)?;
            // HTB itself looks at 16 bits of it.
            let [_, _, high, low] = attribute.payload.u32()?.to_be_bytes();
            attribute.payload.skip(4)?;
            let default_minor = u16::from_be_bytes([high, low]);
            return Ok(Discipline::Htb {
                default_minor,
                direct_packets: attribute.payload.u32()?,
            });
        }
    }
    Err(Malformed::Missing {
        attribute: TCA_HTB_INIT,
    })
}

pub(super) fn emit_class(w: &mut Writer<'_>, class: &HtbClass, ticks: TickRate) {
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
    // it themselves before they look a packet up.
    for (kind, rate) in [(TCA_HTB_RTAB, class.rate), (TCA_HTB_CTAB, class.ceil)] {
        w.attribute(kind, |w| {
            for cell in 1..=CELLS {
                w.u32(ticks.transmit(rate, cell << CELL_LOG).0);
            }
        });
    }
}

/// `struct tc_ratespec`: `cell_log`, `linklayer`, `overhead` (16), `cell_align` (16), `mpu` (16), `rate` (32, bytes a second).
fn emit_ratespec(w: &mut Writer<'_>, class: &HtbClass, rate: Kbit) {
    w.u8(CELL_LOG);
    w.u8(TC_LINKLAYER_ETHERNET);
    w.u16(u16::from(class.overhead_bytes));
    w.u16(CELL_ALIGN);
    w.u16(0);
    w.u32(u32::try_from(rate.bytes_per_s()).unwrap_or(u32::MAX));
}

pub(super) fn parse_class(
    handle: TcHandle,
    parent: TcHandle,
    options: Reader<'_>,
) -> Result<HtbClass, Malformed> {
    for attribute in attributes(options) {
        let attribute = attribute?;
        if attribute.kind == TCA_HTB_PARMS {
            let mut parms = attribute.payload;
            let (rate, overhead_bytes) = parse_ratespec(&mut parms)?;
            let (ceil, _) = parse_ratespec(&mut parms)?;
            let burst = Ticks(parms.u32()?);
            let cburst = Ticks(parms.u32()?);
            let quantum_bytes = parms.u32()?;
            parms.skip(4)?;
            let prio = parms.u32()?;
            let prio = u8::try_from(prio).map_err(|_| Malformed::Value { found: prio })?;
            return Ok(HtbClass {
                handle,
                parent,
                rate,
                ceil,
                burst,
                cburst,
                quantum_bytes,
                prio,
                overhead_bytes,
            });
        }
    }
    Err(Malformed::Missing {
        attribute: TCA_HTB_PARMS,
    })
}

/// The rate and the overhead. Somebody else's class may have what ours never has: the nearest value of ours stands for it, which differs
/// from any wish of ours and so gets mended.
fn parse_ratespec(parms: &mut Reader<'_>) -> Result<(Kbit, u8), Malformed> {
    parms.skip(2)?;
    let overhead = u8::try_from(parms.u16()?).unwrap_or(u8::MAX);
    parms.skip(4)?;
    Ok((Kbit(parms.u32()? / 125), overhead))
}
