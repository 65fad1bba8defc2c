//! A promise as a trial, and what keeps it from being tried.

use std::env;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lanemark::lab::error::Error;
use lanemark::lab::isolation::Standing;
use lanemark::value::Dialect;
use libtest_mimic::{Completion, Trial};

use crate::xtables;

/// Why a promise was not tried.
#[derive(Debug)]
pub enum Skip {
    /// The machine is not fit for it: a program, a right or something of the kernel is missing that a machine for CI must have.
    Machine(String),
    /// This kernel was built without flowtables or a qdisc, and so are kernels that most other promises can be shown on: another has to show this
    /// one.
    NotBuilt(String),
}

/// What a promise ends with; one that is broken panics.
pub type Tried = Result<(), Skip>;

static STANDING: OnceLock<Result<Standing, String>> = OnceLock::new();

/// As whom the tests run, or why they stand in the machine's own network and must not begin.
pub fn set_standing(standing: Result<Standing, Error>) {
    let _ = STANDING.set(standing.map_err(|error| error.to_string()));
}

/// That namespaces are to be had.
pub fn isolated() -> Result<Standing, Skip> {
    match STANDING.get() {
        Some(Ok(standing)) => Ok(*standing),
        Some(Err(reason)) => Err(Skip::Machine(reason.clone())),
        None => Err(Skip::Machine(
            "the process did not leave the machine's network".into(),
        )),
    }
}

/// That we are root of the machine.
pub fn root() -> Tried {
    match isolated()? {
        Standing::Root => Ok(()),
        Standing::UserNamespace => Err(Skip::Machine(
            "expected root of the machine, found root of a user namespace".into(),
        )),
    }
}

/// That these programs are there.
pub fn need(programs: &[&str]) -> Tried {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    // Where Debian keeps them, and where an ordinary user does not look.
    folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let missing = programs
        .iter()
        .find(|program| !folders.iter().any(|folder| folder.join(program).is_file()));
    missing.map_or(Ok(()), |program| {
        Err(Skip::Machine(format!("there is no program {program}")))
    })
}

/// A promise, as a trial.
pub fn promise(name: &str, keep: fn() -> Tried) -> Trial {
    promise_in(Dialect::Nftables, name, keep)
}

/// A promise, as a trial in which lanemark makes its rules in this dialect.
pub fn promise_in(dialect: Dialect, name: &str, keep: fn() -> Tried) -> Trial {
    // The crate's own name is on every line otherwise.
    let name = name.strip_prefix("kernel::").unwrap_or(name);
    let name = match dialect {
        Dialect::Nftables => name.to_owned(),
        Dialect::Xtables => format!("xtables::{name}"),
    };
    let keep = move || {
        xtables::speak(dialect);
        keep()
    };
    Trial::ignorable_test(name, move || match keep() {
        Ok(()) => Ok(Completion::Completed),
        Err(Skip::Machine(reason)) if env::var_os("CI").is_some_and(|ci| ci == "true") => {
            Err(format!("skipped, which CI=true does not allow: {reason}").into())
        }
        Err(Skip::Machine(reason) | Skip::NotBuilt(reason)) => Ok(Completion::ignored_with(reason)),
    })
}

/// The trials of a file: each function is one, and its name is the promise.
macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        pub fn all() -> Vec<libtest_mimic::Trial> {
            vec![$($crate::promise::promise(concat!(module_path!(), "::", stringify!($name)), $name)),+]
        }

        /// Some of them by name, with the rules in the other dialect.
        #[allow(dead_code, reason = "some files have none that the dialect matters for")]
        pub fn under_xtables(names: &[&str]) -> Vec<libtest_mimic::Trial> {
            let all = [$((stringify!($name), $name as fn() -> $crate::promise::Tried)),+];
            let named = |name: &&str| *all.iter().find(|(known, _)| known == name).expect("a promise of that name");
            names
                .iter()
                .map(named)
                .map(|(name, keep)| {
                    let name = format!(concat!(module_path!(), "::{}"), name);
                    $crate::promise::promise_in(lanemark::value::Dialect::Xtables, &name, keep)
                })
                .collect()
        }
    };
}
pub(crate) use promises;

/// Time for anything that should come at once: only a fault takes so long.
pub const SOON: Duration = Duration::from_secs(15);

/// How many times as long a fault takes here: 1, or what this variable says on a machine that is slow.
const PATIENCE_VARIABLE: &str = "LANEMARK_PATIENCE";

/// How many times as long everything takes on this machine.
pub fn patience() -> u32 {
    static PATIENCE: LazyLock<u32> = LazyLock::new(|| {
        env::var(PATIENCE_VARIABLE).map_or(1, |text| text.parse().expect("a whole number"))
    });
    *PATIENCE
}

/// A limit of waiting as it is on this machine. What is promised to take so long, or to last so long, is no such limit.
pub fn patient(limit: Duration) -> Duration {
    limit * patience()
}

/// Waits until a look finds something.
pub fn until<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_or_tell(what, within, look, String::new)
}

/// As [`until`]; when it was in vain, what there is instead is told.
pub fn until_or_tell<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
    tell: impl FnOnce() -> String,
) -> T {
    /// Between two looks, some of which start a program.
    const PAUSE: Duration = Duration::from_millis(20);
    let within = patient(within);
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() >= deadline {
            panic!("waited {within:?} in vain for {what}{}", tell());
        }
        sleep(PAUSE);
    }
}

/// That a condition holds whenever it is looked at, for so long.
pub fn throughout(what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
    const PAUSE: Duration = Duration::from_millis(50);
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert!(holds(), "expected for {time:?}: {what}");
        sleep(PAUSE);
    }
}
