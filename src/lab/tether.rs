//! Ties a program to the lab: when the lab dies, by whatever signal, the program dies.
//!
//! The lab starts programs as `lanemark-lab tether PARENT -- PROGRAM ARGS`: the same executable asks the kernel for a signal
//! at the death of its parent and then becomes the program. Doing this between fork and exec of the lab itself would need
//! unsafe code, and a supervisor process would be one more thing that can be killed.
//!
//! The kernel counts the *thread* that started the program as its parent. In the house that is the thread of the host, so
//! a program also ends when its host does.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getppid;

use super::error::Error;

/// The hidden verb. Not in `--help`: nobody but the lab calls it.
pub const VERB: &str = "tether";

/// Arguments after the program's name that tether `program` to the process `parent`.
#[must_use]
pub fn arguments(parent: u32, program: OsString) -> [OsString; 4] {
    [VERB.into(), parent.to_string().into(), "--".into(), program]
}

/// Becomes the program; returns only if that is impossible.
#[must_use]
pub fn become_program(mut arguments: impl Iterator<Item = OsString>) -> Error {
    let parent = arguments
        .next()
        .and_then(|word| word.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(_), Some(program)) = (parent, arguments.next(), arguments.next())
    else {
        return Error::Usage("tether: expected PARENT -- PROGRAM [ARGUMENTS]".into());
    };
    if let Err(errno) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return Error::System {
            step: "tether",
            errno,
        };
    }
    // The parent may have died before the kernel knew of our wish; nobody would send the signal then.
    if getppid().as_raw() != parent {
        return Error::Late("tether: the parent to be tethered to");
    }
    // The lab blocks the signals that end it; a blocked signal stays blocked across exec.
    if let Err(errno) = SigSet::empty().thread_set_mask() {
        return Error::System {
            step: "unblock signals",
            errno,
        };
    }
    let source = Command::new(&program).args(arguments).exec();
    Error::Io {
        step: "start the tethered program",
        source,
    }
}
