//! lanemark on a real kernel: each promise is one trial with a house of its own.
//!
//! Must not: judge by lanemark's own words where another tool can tell. `nft`, `tc`, `conntrack` and `/proc` are the judges; what lanemark
//! says is looked at only where the promise is about what it says. Waits for conditions, never for time, except where the promise is that
//! nothing happens for so long.
//!
//! Words: the [`bed::Bed`] is a house with room for one lanemark; a [`watch::Watch`] is a tool that runs along and writes down what it sees.
//!
//! On a slow machine `LANEMARK_PATIENCE=4` makes every limit of waiting four times as long. What is measured wants a machine that does nothing
//! else: `LANEMARK_MEASURED=none` leaves those trials out, `LANEMARK_MEASURED=only` all others.
//!
//! A trial that cannot run here (a tool is missing, the kernel refuses namespaces) is skipped and says why; with `CI=true` that is a failure,
//! except for the one trial of flowtables, which few kernels of machines have. Skips are counted on the last line.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends that way")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests are outside of the program: clock, environment and programs of the host"
)]

mod bed;
mod counted;
mod flood;
mod program;
mod promise;
mod see;
mod talk;
mod trace;
mod watch;

mod ahead;
mod allocations;
mod answers;
mod browsers;
mod bypass;
mod caps;
mod change;
mod ctnetlink;
mod first_packet;
mod history;
mod holder;
mod input;
mod interfaces;
mod interference;
mod lans;
mod login;
mod mss;
mod password;
mod path;
mod paths;
mod policy;
mod processes;
mod quiet;
mod refusal;
mod remark;
mod restart;
mod robustness;
mod rules;
mod schedule;
mod schedulers;
mod shares;
mod steering;
mod stop;
mod store;

mod visit;
mod wans;
mod watching;
mod xtables;

use std::env;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Conclusion, Trial};

/// Which of the trials are wanted.
const MEASURED_VARIABLE: &str = "LANEMARK_MEASURED";

fn main() -> ExitCode {
    if let Some(code) = counted::daemon_if_called() {
        return code;
    }
    // Before any thread exists: nothing that follows can touch the machine's own network.
    promise::set_standing(lanemark::lab::isolation::leave());
    let arguments = Arguments::from_args();
    // Most have two houses at a time, unless somebody asks for another number. Some wait for long, and count: a neighbour takes nothing from them.
    let counted = [quiet::all(), bypass::all()];
    let unmeasured = [
        (2, others()),
        (4, counted.into_iter().flatten().collect()),
        (1, large()),
    ];
    let asked = env::var(MEASURED_VARIABLE).ok();
    let trials: Vec<(usize, Vec<Trial>)> = match asked.as_deref() {
        None => unmeasured.into_iter().chain([(1, measured())]).collect(),
        Some("none") => unmeasured.into(),
        Some("only") => vec![(1, measured())],
        Some(found) => {
            eprintln!("{MEASURED_VARIABLE}: expected none or only, found {found}");
            return ExitCode::FAILURE;
        }
    };
    let ended: Vec<Conclusion> = trials
        .into_iter()
        .map(|(at_a_time, trials)| conclude(&arguments, at_a_time, trials))
        .collect();
    let sum = |count: fn(&Conclusion) -> u64| ended.iter().map(count).sum::<u64>();
    println!(
        "{} passed, {} failed, {} skipped",
        sum(|one| one.num_passed),
        sum(|one| one.num_failed),
        sum(|one| one.num_ignored)
    );
    match ended.iter().find(|one| one.has_failed()) {
        Some(failed) => failed.exit_code(),
        None => ExitCode::SUCCESS,
    }
}

/// What a neighbour would disturb, in the same process or beside it.
fn measured() -> Vec<Trial> {
    let all = [
        ahead::all(),
        shares::all(),
        caps::all(),
        schedulers::all(),
        lans::all(),
        watching::all(),
        wans::all(),
        xtables::in_common(),
    ];
    all.into_iter().flatten().collect()
}

/// What opens as many sockets as a process may, or asks for what a whole machine has.
fn large() -> Vec<Trial> {
    let all = [
        processes::all(),
        browsers::all(),
        visit::all(),
        robustness::all(),
        allocations::all(),
    ];
    all.into_iter().flatten().collect()
}

fn others() -> Vec<Trial> {
    let all = [
        answers::all(),
        first_packet::all(),
        remark::all(),
        steering::all(),
        ctnetlink::all(),
        schedule::all(),
        rules::all(),
        mss::all(),
        policy::all(),
        restart::all(),
        stop::all(),
        holder::all(),
        change::all(),
        interfaces::all(),
        interference::all(),
        input::all(),
        refusal::all(),
        path::all(),
        paths::all(),
        store::all(),
        history::all(),
        login::all(),
        password::all(),
        xtables::all(),
    ];
    all.into_iter().flatten().collect()
}

/// Tries them, so many at a time.
fn conclude(arguments: &Arguments, at_a_time: usize, trials: Vec<Trial>) -> Conclusion {
    let mut arguments = arguments.clone();
    arguments.test_threads.get_or_insert(at_a_time);
    libtest_mimic::run(&arguments, trials)
}
