//! What can go wrong in the lab: each variant is a cause that someone can act on.

use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::signal::Signal;

/// A cause, named so that the reader knows whose fault it is.
#[derive(Debug)]
pub enum Error {
    /// The kernel refused a step. On `EPERM` the machine forbids user namespaces.
    System {
        /// What was tried, as a phrase.
        step: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// A file, pipe or connection failed.
    Io {
        /// What was tried, as a phrase.
        step: &'static str,
        /// What the standard library said.
        source: io::Error,
    },
    /// The kernel answered with something that is not an answer to the question.
    Nonsense(&'static str),
    /// The congestion control asked for did not take effect on a socket.
    Congestion {
        /// What the user asked for.
        wanted: String,
        /// What the socket uses instead.
        found: String,
    },
    /// No host of this name lives in the house.
    NoHost(String),
    /// The thread that held a host's namespace has ended.
    HostGone(String),
    /// Something that had to become true did not, within its time.
    Late(&'static str),
    /// A program of ours (`lanemark`) did not do what it was asked.
    Program {
        /// The words it was called with.
        call: String,
        /// Its exit code, or none when a signal ended it.
        code: Option<i32>,
        /// The last line that it wrote to its error output.
        said: String,
    },
    /// There is no program at this path.
    NoProgram(PathBuf),
    /// The user wrote something that we do not understand.
    Usage(String),
    /// The user or the system asked us to stop.
    Interrupted(Signal),
}

impl Error {
    /// For `map_err`: attaches the step to an errno.
    pub fn system(step: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::System { step, errno }
    }

    /// For `map_err`: attaches the step to an I/O error.
    pub fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }

    /// The exit code that `main` returns for this cause.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Interrupted(Signal::SIGTERM) => 143,
            Self::Interrupted(Signal::SIGHUP) => 129,
            Self::Interrupted(_) => 130,
            _ => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System {
                step,
                errno: Errno::EPERM,
            } => write!(
                f,
                "{step}: not permitted (the lab needs root, or a kernel that lets users create user namespaces)"
            ),
            Self::System { step, errno } => write!(f, "{step}: {}", errno.desc()),
            Self::Io { step, source } => write!(f, "{step}: {source}"),
            Self::Nonsense(what) => write!(f, "the kernel sent nonsense: {what}"),
            Self::Congestion { wanted, found } => {
                write!(
                    f,
                    "congestion control: expected {wanted}, the socket uses {found}"
                )
            }
            Self::NoHost(name) => write!(f, "no host named {name:?} in the house"),
            Self::HostGone(name) => write!(f, "the thread of host {name:?} has ended"),
            Self::Late(what) => write!(f, "waited in vain: {what}"),
            Self::Program {
                call,
                code: Some(code),
                said,
            } => write!(f, "{call}: exit code {code}: {said}"),
            Self::Program {
                call,
                code: None,
                said,
            } => write!(f, "{call}: ended by a signal: {said}"),
            Self::NoProgram(path) => write!(
                f,
                "no program at {} (build it with `cargo build --bin lanemark`, or name one with --lanemark)",
                path.display()
            ),
            Self::Usage(what) => write!(f, "{what} (see --help)"),
            Self::Interrupted(signal) => write!(f, "stopped by {signal}"),
        }
    }
}

impl std::error::Error for Error {}
