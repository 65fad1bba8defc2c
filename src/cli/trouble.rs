use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::CONFIG_BYTES_MAX;
use crate::control::{BadAnswer, Failure, Fault};
use crate::sys::client::{BadFile, BadLine};
use crate::sys::file::shown;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        self as u8
    }
}

/// What became of a command or a part of it.
pub type Outcome<T = ()> = Result<T, Box<Trouble>>;

/// Why a command was not carried out: its sentence, without the program's name, and the exit code that goes with it.
///
/// Made where it happens and told once, hence a sentence and not its parts; in a box, so that passing it on costs a word.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// How the program ends with it.
    pub exit: Exit,
    said: String,
}

impl Trouble {
    /// With this sentence.
    #[cold]
    #[inline(never)]
    pub fn new(exit: Exit, sentence: fmt::Arguments<'_>) -> Box<Trouble> {
        Box::new(Trouble {
            exit,
            said: sentence.to_string(),
        })
    }

    /// The daemon was not heard.
    #[inline(never)]
    pub fn line(socket: &Path, bad: BadLine) -> Box<Trouble> {
        let socket = shown(socket);
        let (exit, why) = match bad {
            BadLine::Nobody => {
                return Trouble::new(
                    Exit::NotRunning,
                    format_args!(
                        "not running (no answer at {socket}); start it with 'lanemark run'"
                    ),
                );
            }
            BadLine::Denied => (Exit::Refused, "permission denied; root is needed"),
            BadLine::Closed => (
                Exit::Refused,
                "the daemon closed the connection before its answer was complete",
            ),
            BadLine::Silent => (Exit::Refused, "the daemon runs but does not answer"),
            BadLine::Path => {
                return Trouble::new(Exit::Input, format_args!("{socket}: {bad}"));
            }
            BadLine::System(_) => {
                return Trouble::new(Exit::Refused, format_args!("{socket}: {bad}"));
            }
        };
        Trouble::new(exit, format_args!("{socket}: {why}"))
    }

    /// The daemon was heard but not understood.
    #[inline(never)]
    pub fn answer(bad: BadAnswer) -> Box<Trouble> {
        Trouble::new(
            Exit::Refused,
            format_args!("the daemon's answer is not understood: {bad}; is it of another version?"),
        )
    }

    /// The daemon said no.
    pub fn failure(failure: &Failure) -> Box<Trouble> {
        let exit = match failure.fault {
            Fault::Input => Exit::Input,
            Fault::Refused | Fault::Stale => Exit::Refused,
        };
        Trouble::new(exit, format_args!("{failure}"))
    }

    /// A file was not read. Its name is the one on the command line.
    pub fn file(name: &dyn fmt::Display, bad: BadFile) -> Box<Trouble> {
        match bad {
            BadFile::TooLong => Trouble::new(
                Exit::Input,
                format_args!("{name}: expected at most {CONFIG_BYTES_MAX} bytes, found more"),
            ),
            BadFile::Absent(_) => Trouble::new(Exit::Input, format_args!("{name}: {bad}")),
            BadFile::System(_) => Trouble::new(Exit::Refused, format_args!("{name}: {bad}")),
        }
    }

    /// Standard output takes no more.
    pub fn output(kind: ErrorKind) -> Box<Trouble> {
        let exit = match kind {
            // Whoever read our output has seen enough, as in `lanemark flows | head`.
            ErrorKind::BrokenPipe => Exit::Done,
            _ => Exit::Refused,
        };
        Trouble::new(exit, format_args!("standard output: {kind}"))
    }

    /// What stands before it on standard error.
    pub(super) fn lead(&self) -> &'static str {
        match self.exit {
            Exit::NotRunning => "lanemark is ",
            _ => "lanemark: ",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}
