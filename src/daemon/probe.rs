//! What this kernel can do: found by asking, never taken from its version.

use super::UNPROBED;
use super::kernel::Kernel;
use crate::apply::Family;
use crate::apply::lanes::clamp_to_path;
use crate::engine::Abilities;
#[cfg(feature = "xtables")]
use crate::sys::log::{Level, tell};
use crate::sys::proc;
#[cfg(feature = "xtables")]
use crate::value::Xtables;
use crate::value::{
    Cause, Dialect, IfIndex, IfName, LeafKind, Refused, ShaperKind, TcHandle, TickRate,
};
use crate::wire::nft::{Batch, Guard, Hook, Table};
use crate::wire::tc::{self, ProbedKind};
use crate::wire::{Writer, conntrack, nft};

/// The loopback device has this number in every network namespace.
const LOOPBACK: IfIndex = IfIndex(1);
const LOOPBACK_NAME: &str = "lo";

/// Asks for everything that we may need.
///
/// # Errors
/// [`Refused`] when we may not ask.
pub(super) fn abilities(
    kernel: &mut Kernel,
    wanted: Option<Dialect>,
) -> Result<Abilities, Refused> {
    let mut abilities = UNPROBED;
    for (there, kind) in abilities.shapers.iter_mut().zip(ShaperKind::ALL) {
        *there = has_qdisc(kernel, ProbedKind::Shaper(kind))?;
    }
    for (there, kind) in abilities.leaves.iter_mut().zip(LeafKind::ALL) {
        *there = has_qdisc(kernel, ProbedKind::Leaf(kind))?;
    }
    abilities.nft = wanted != Some(Dialect::Xtables) && answers(kernel, nft::emit_probe)?;
    abilities.conntrack = answers(kernel, conntrack::emit_probe)?;
    abilities.mss = abilities.nft && can_lower_mss(kernel)?;
    abilities.arrival = abilities.nft && can_see_arrivals(kernel)?;
    #[cfg(feature = "xtables")]
    if !abilities.nft && wanted != Some(Dialect::Nftables) {
        abilities_of_xtables(kernel, wanted.is_some(), &mut abilities);
    }
    if let Some(rate) = tick_rate() {
        abilities.ticks = rate;
    }
    Ok(abilities)
}

/// What xtables can do instead; why they cannot is for the log.
#[cfg(feature = "xtables")]
fn abilities_of_xtables(kernel: &mut Kernel, wanted: bool, abilities: &mut Abilities) {
    match super::xtables::probe(&mut kernel.request) {
        Ok((xtables, mss)) => {
            kernel.xtables = Some(Xtables { wanted, ..xtables });
            abilities.xtables = kernel.xtables;
            abilities.mss = mss;
            abilities.guard = false;
        }
        Err(refused) => tell(Level::Warn, format_args!("no xtables: {refused}")),
    }
}

/// The malformed question of [`tc::emit_probe`]: invalid is a yes.
fn has_qdisc(kernel: &mut Kernel, kind: ProbedKind) -> Result<bool, Refused> {
    let mut question = kernel.question(Family::Route);
    tc::emit_probe(&mut question.w, question.seq, LOOPBACK, kind);
    match question.ask(&mut |_| {}) {
        // A kernel that takes the malformed question for a good one: it has the kind, and must not keep the qdisc.
        Ok(()) => {
            let mut question = kernel.question(Family::Route);
            tc::emit_root_delete(&mut question.w, question.seq, LOOPBACK, TcHandle::NONE);
            question.ask(&mut |_| {}).map(|()| true)
        }
        Err(refused) => match refused.cause() {
            Cause::Denied => Err(refused),
            Cause::Invalid | Cause::Other => Ok(true),
            _ => Ok(false),
        },
    }
}

fn answers(kernel: &mut Kernel, probe: fn(&mut Writer<'_>, u32)) -> Result<bool, Refused> {
    let mut question = kernel.question(Family::Netfilter);
    probe(&mut question.w, question.seq);
    match question.ask(&mut |_| {}) {
        Ok(()) => Ok(true),
        Err(refused) if refused.cause() == Cause::Denied => Err(refused),
        Err(_) => Ok(false),
    }
}

const PROBE: Table<'static> = Table {
    name: "lanemark_probe",
};

fn can_lower_mss(kernel: &mut Kernel) -> Result<bool, Refused> {
    accepts(kernel, |batch| {
        batch.base_chain(PROBE, "forward", Hook::Forward, &[]);
        batch.rule(PROBE, "forward", "", |w| clamp_to_path(w));
    })
}

fn can_see_arrivals(kernel: &mut Kernel) -> Result<bool, Refused> {
    accepts(kernel, |batch| {
        // A name as any.
        if let Ok(dev) = IfName::parse(LOOPBACK_NAME) {
            batch.base_chain(PROBE, "arrival", Hook::Arrival, &[dev]);
        }
    })
}

/// A table with this in it, in a batch that is not carried out: its last message makes the table again, and that it is there already is all
/// that is wrong with it.
fn accepts(kernel: &mut Kernel, what: fn(&mut Batch<'_, '_>)) -> Result<bool, Refused> {
    let mut question = kernel.question(Family::Netfilter);
    let mut batch = Batch::begin(&mut question.w, question.seq);
    batch.new_table(PROBE, Guard::Open, "");
    what(&mut batch);
    batch.new_table(PROBE, Guard::Open, "");
    question.seq = batch.end();
    match question.ask(&mut |_| {}) {
        Err(refused) if refused.cause() == Cause::Denied => Err(refused),
        Err(refused) => Ok(refused.cause() == Cause::Exists),
        Ok(()) => Ok(false),
    }
}

/// `/proc/net/psched`: ticks for so many microseconds, the first two of four numbers in hex; the clock's resolution is the third, in
/// ticks a second of the microsecond that it counts (net/sched/sch_api.c, `psched_show`).
fn tick_rate() -> Option<TickRate> {
    let [ticks, us, resolution] = proc::hex_numbers("/proc/net/psched")?;
    // As tc computes it: t2us / us2t * resolution / 1,000,000, in one fraction.
    let ticks = u64::from(ticks) * u64::from(resolution);
    let us = u64::from(us) * 1_000_000;
    let divisor = gcd(ticks, us);
    if divisor == 0 {
        return None;
    }
    Some(TickRate {
        ticks: u32::try_from(ticks / divisor).ok()?,
        us: u32::try_from(us / divisor).ok()?,
    })
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
