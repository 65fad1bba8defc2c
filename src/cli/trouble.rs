use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::config;
use crate::control::{BadAnswer, Failure, Fault};
use crate::sys::client::{BadFile, BadLine};

use super::usage::Usage;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was done: 0.
    Done,
    /// The system refused: 1.
    Refused,
    /// The words or a file make no sense: 2.
    Input,
    /// No daemon runs: 3.
    NotRunning,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Input => 2,
            Exit::NotRunning => 3,
        }
    }
}

/// Why a command was not carried out. Shown without the program's name.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The words make no sense.
    Usage(Usage),
    /// The daemon was not heard.
    Line {
        /// Where it should listen.
        socket: PathBuf,
        /// Why.
        bad: BadLine,
    },
    /// The daemon was heard but not understood.
    Answer(BadAnswer),
    /// The daemon said no.
    Failure(Box<Failure>),
    /// A file was not read.
    File {
        /// Its name, as on the command line.
        name: String,
        /// Why.
        bad: BadFile,
    },
    /// A file is no configuration.
    Config {
        /// Its name, as on the command line.
        name: String,
        /// Why.
        problem: Box<config::Problem>,
    },
    /// Standard output takes no more.
    Output(ErrorKind),
}

impl Trouble {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        match self {
            Trouble::Usage(_) | Trouble::Config { .. } => Exit::Input,
            Trouble::Line {
                bad: BadLine::Nobody,
                ..
            } => Exit::NotRunning,
            Trouble::Line {
                bad: BadLine::Path, ..
            } => Exit::Input,
            Trouble::Failure(failure) if failure.fault == Fault::Input => Exit::Input,
            Trouble::File {
                bad: BadFile::TooLong | BadFile::Absent(_),
                ..
            } => Exit::Input,
            Trouble::Line { .. }
            | Trouble::Answer(_)
            | Trouble::Failure(_)
            | Trouble::File { .. } => Exit::Refused,
            Trouble::Output(_) => Exit::Refused,
        }
    }
}

impl Trouble {
    /// What stands before it on standard error.
    pub(super) fn lead(&self) -> &'static str {
        match self {
            Trouble::Line {
                bad: BadLine::Nobody,
                ..
            } => "lanemark is ",
            _ => "lanemark: ",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Usage(usage) => fmt::Display::fmt(usage, f),
            Trouble::Line { socket, bad } => {
                let socket = socket.display();
                if *bad == BadLine::Nobody {
                    return write!(
                        f,
                        "not running (no answer at {socket}); start it with 'lanemark run'"
                    );
                }
                write!(f, "{socket}: ")?;
                match bad {
                    BadLine::Denied => f.write_str("permission denied; root is needed"),
                    BadLine::Closed => f.write_str(
                        "the daemon closed the connection before its answer was complete",
                    ),
                    BadLine::Silent => f.write_str("the daemon runs but does not answer"),
                    bad => fmt::Display::fmt(bad, f),
                }
            }
            Trouble::Answer(bad) => {
                write!(
                    f,
                    "the daemon's answer is not understood: {bad}; is it of another version?"
                )
            }
            Trouble::Failure(failure) => fmt::Display::fmt(failure, f),
            Trouble::File {
                name,
                bad: BadFile::TooLong,
            } => {
                write!(
                    f,
                    "{name}: expected at most {} bytes, found more",
                    config::CONFIG_BYTES_MAX
                )
            }
            Trouble::File { name, bad } => write!(f, "{name}: {bad}"),
            Trouble::Config { name, problem } => write!(f, "{name}: {problem}"),
            Trouble::Output(kind) => write!(f, "standard output: {kind}"),
        }
    }
}

impl From<io::Error> for Trouble {
    /// Of all the streams only standard output is written with `?`.
    fn from(error: io::Error) -> Trouble {
        Trouble::Output(error.kind())
    }
}
