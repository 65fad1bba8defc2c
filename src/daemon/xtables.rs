//! Rules by `iptables-restore` and `ip6tables-restore`, the only other programs that are ever run.

use std::ffi::CStr;
use std::path::Path;
use std::time::Duration;

use crate::apply::xtables::{self, Ability, Listing, Set};
use crate::engine::{Engine, Input, Op};
use crate::sys::proc;
use crate::sys::program::{Outcome, Program, Said, run};
use crate::value::{Cause, Instant, IpVersion, Refused, RuleSeen, Ruleset, Xtables, decimal};

use super::kernel::{Kernel, too_large};

/// The whole list of what may be run.
const IPTABLES: Program = Program {
    name: c"iptables-restore",
    paths: &[c"/usr/sbin/iptables-restore", c"/sbin/iptables-restore"],
};
const IP6TABLES: Program = Program {
    name: c"ip6tables-restore",
    paths: &[c"/usr/sbin/ip6tables-restore", c"/sbin/ip6tables-restore"],
};

/// What is there stays, but for what the input says.
const CHANGE: &[&CStr] = &[c"--noflush"];

/// As [`CHANGE`], and nothing is changed.
const TRY: &[&CStr] = &[c"--noflush", c"--test"];

/// How long a run may take. With 1,024 rules it takes a small router about one second.
const WITHIN: Duration = Duration::from_secs(10);

/// Which tables of xtables are in use.
const TABLES: &str = "/proc/net/ip_tables_names";
const TABLES_BYTES_MAX: usize = 1024;

/// The exit code of a program that another one keeps from the table.
const BUSY: i32 = 4;

/// Bytes of a complaint that are kept.
const COMPLAINT_BYTES_MAX: usize = 120;

/// What xtables can do here, beside segment sizes; nothing where they cannot do what every set needs.
///
/// # Errors
/// [`Refused`]: why they cannot.
pub(super) fn probe(room: &mut [u8]) -> Result<(Xtables, bool), Refused> {
    let mut can = |version, ability| {
        let input = xtables::probe(room, ability).ok_or_else(too_large)?;
        restore(version, CHANGE, input, &mut |_| {})
    };
    can(IpVersion::V4, Ability::Needed)?;
    let xtables = Xtables {
        v6: can(IpVersion::V6, Ability::Needed).is_ok(),
        origin: can(IpVersion::V4, Ability::Origin).is_ok(),
        wanted: false,
    };
    Ok((xtables, can(IpVersion::V4, Ability::Mss).is_ok()))
}

/// Whether the table that our chains would be in is in use at all.
pub(super) fn is_in_use() -> bool {
    let mut found = false;
    proc::lines(Path::new(TABLES), TABLES_BYTES_MAX, &mut |line| {
        found |= line == "mangle";
    });
    found
}

/// Carries out a change of the rules.
pub(super) fn change(
    op: &Op,
    engine: &Engine,
    xtables: Xtables,
    room: &mut [u8],
) -> Result<(), Refused> {
    let mut result = Ok(());
    for version in versions(xtables) {
        let changed = change_of(op, engine, (xtables, version), room);
        // What is to go goes as far as it can.
        if !matches!(op, Op::DeleteRules) {
            changed?;
        } else if result.is_ok() {
            result = changed;
        }
    }
    result
}

fn change_of(
    op: &Op,
    engine: &Engine,
    (xtables, version): (Xtables, IpVersion),
    room: &mut [u8],
) -> Result<(), Refused> {
    let input = match op {
        Op::Rules { ruleset, .. } => {
            let there = list(version, room)?;
            let set = set(engine, ruleset, (xtables, version));
            xtables::install(room, &set, &there)
        }
        Op::DeleteRules => {
            let there = list(version, room)?;
            if !there.is_anything() {
                return Ok(());
            }
            xtables::delete(room, &there)
        }
        Op::Elements(ruleset) => xtables::elements(room, ruleset, engine.devices()),
        // Nobody has a table in his hands here.
        _ => return Ok(()),
    };
    restore(version, CHANGE, input.ok_or_else(too_large)?, &mut |_| {})
}

/// Hands in what of ours is there.
pub(super) fn look(
    kernel: &mut Kernel,
    xtables: Xtables,
    engine: &mut Engine,
    now: Instant,
) -> Result<(), Refused> {
    let mut any = false;
    for version in versions(xtables) {
        let there = list(version, &mut kernel.request)?;
        if there.is_anything() {
            any = true;
            let note = there.note();
            let persistent = false;
            engine.handle(now, Input::Rule(RuleSeen::Table { persistent, note }));
        }
    }
    if !any {
        return Ok(());
    }
    let large = !engine.config().rules.is_empty();
    let as_wished = match engine.wished() {
        None => false,
        Some(ruleset) if large => kernel.with_large_room(|kernel| {
            tried(kernel, engine, &ruleset, (xtables, xtables::compare))
        })?,
        Some(ruleset) => tried(kernel, engine, &ruleset, (xtables, xtables::compare))?,
    };
    let seen = if as_wished {
        RuleSeen::AsWished
    } else {
        RuleSeen::Rule(None)
    };
    engine.handle(now, Input::Rule(seen));
    Ok(())
}

/// Tells the engine when something is missing of what it believes to be there.
pub(super) fn presence(kernel: &mut Kernel, xtables: Xtables, engine: &mut Engine, now: Instant) {
    let Some(ruleset) = engine.wished() else {
        return;
    };
    // Where nobody could look, nobody knows better than before.
    if tried(kernel, engine, &ruleset, (xtables, xtables::count)) == Ok(false) {
        engine.handle(now, Input::RulesTouched);
    }
}

/// Writes what is tried about a set.
type Question = for<'b> fn(&'b mut [u8], &Set<'_>) -> Option<&'b [u8]>;

/// Whether what is tried holds, for each version of IP.
fn tried(
    kernel: &mut Kernel,
    engine: &Engine,
    ruleset: &Ruleset,
    (xtables, question): (Xtables, Question),
) -> Result<bool, Refused> {
    for version in versions(xtables) {
        let set = set(engine, ruleset, (xtables, version));
        let input = question(&mut kernel.request, &set).ok_or_else(too_large)?;
        match restore(version, TRY, input, &mut |_| {}) {
            Ok(()) => {}
            Err(refused) if refused.cause() == Cause::Invalid => return Ok(false),
            // It could not be tried.
            Err(refused) => return Err(refused),
        }
    }
    Ok(true)
}

fn versions(xtables: Xtables) -> impl Iterator<Item = IpVersion> {
    let v6 = xtables.v6.then_some(IpVersion::V6);
    [IpVersion::V4].into_iter().chain(v6)
}

fn set<'a>(
    engine: &'a Engine,
    ruleset: &'a Ruleset,
    (xtables, version): (Xtables, IpVersion),
) -> Set<'a> {
    Set {
        ruleset,
        rules: engine.config().rules.as_slice(),
        devices: engine.devices(),
        version,
        origin: xtables.origin,
    }
}

fn list(version: IpVersion, room: &mut [u8]) -> Result<Listing, Refused> {
    let mut there = Listing::default();
    let input = xtables::list(room).ok_or_else(too_large)?;
    restore(version, TRY, input, &mut |line| there.take(line))?;
    Ok(there)
}

/// Runs the program of a version of IP.
fn restore(
    version: IpVersion,
    words: &[&CStr],
    input: &[u8],
    each: &mut dyn FnMut(&str),
) -> Result<(), Refused> {
    let program = match version {
        IpVersion::V4 => &IPTABLES,
        IpVersion::V6 => &IP6TABLES,
    };
    let mut complaint = heapless::String::<COMPLAINT_BYTES_MAX>::new();
    let outcome = run(program, words, input, WITHIN, &mut |said| match said {
        Said::Output(line) => each(line),
        // The first says it; what follows is how to get help. DD-WRT's repeats its own words before it.
        Said::Complaint(line) if complaint.is_empty() && !line.contains(" --noflush") => {
            crate::value::write_cut(&mut complaint, format_args!("{line}"));
        }
        Said::Complaint(_) => {}
    })?;
    match outcome {
        Outcome::Code(0) => Ok(()),
        Outcome::Code(BUSY) => Err(Refused::new(Cause::Busy, &complaint)),
        Outcome::Code(_) => Err(refusal(input, &complaint)),
        Outcome::Killed => Err(Refused::new(Cause::Other, "the program was killed")),
    }
}

/// `iptables-restore: line 7 failed` says little without that line.
fn refusal(input: &[u8], complaint: &str) -> Refused {
    let number = complaint
        .strip_suffix(" failed")
        .and_then(|words| decimal(words.rsplit(' ').next()?));
    let mut lines = crate::value::utf8(input).unwrap_or_default().lines();
    let line = number.and_then(|number| {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        lines.nth(place)
    });
    let words = match line {
        Some("COMMIT") => "the kernel lacks a part of xtables, or was busy",
        Some(line) => line,
        None => complaint,
    };
    Refused::new(Cause::Invalid, words)
}
