//! The command line: words become a command, a command becomes a request, and the answer becomes text of 80 columns.
//!
//! Must not: look at the kernel, read the environment, or decide what only the daemon can know. Files and the socket are reached
//! through [`sys::client`](crate::sys::client).
//!
//! Words:
//! * a *verb* is what the user wants (`config show` is one verb); its line in the table of `verbs` is its only definition;
//! * an *operand* is a word without a name behind the verb, an *option* one with a name, at any place;
//! * *trouble* is why a command was not carried out; it knows its line on standard error and its [`Exit`].
//!
//! How it is driven:
//! 1. [`Session::start`] does everything, or says what `main` has to do with the daemon's own code: [`Next`].
//! 2. [`Session::cleared`] or [`Session::refused`] then say how that ended.
//!
//! Whatever the answer says, no line of a table is wider than 80 columns and no control character of it reaches a terminal: text
//! goes out through `screen` only, which cleans it. Told nonsense by the daemon, the command ends with exit code 1 and says so.

mod amount;
mod answer;
mod command;
mod config;
mod devices;
mod doctor;
mod flows;
mod help;
mod screen;
mod set;
mod status;
mod stop;
mod trouble;
mod usage;
mod verbs;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::client::{self, Surroundings};

pub use command::{Command, Form, Source, Task};
pub use trouble::{Exit, Trouble};
pub use usage::Usage;

use screen::Screen;

/// Where the daemon listens, unless told otherwise.
pub const SOCKET_DEFAULT: &str = "/var/run/lanemark.sock";

/// Where the configuration is, unless told otherwise.
pub const DIR_DEFAULT: &str = "/etc/lanemark";

/// Where the configuration is on DD-WRT, whose `/etc` is lost at each start.
pub const DIR_JFFS: &str = "/jffs/etc/lanemark";

/// What `lanemark run` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Where the configuration is.
    pub dir: PathBuf,
    /// Where to listen.
    pub socket: PathBuf,
    /// Whether to log decisions too.
    pub verbose: bool,
}

/// What is left to do after [`Session::start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// End with this code.
    Exit(Exit),
    /// Be the daemon.
    Run(RunOptions),
    /// No daemon runs: take what a dead one left out of the kernel, and tell [`Session::cleared`].
    Clear,
}

/// One call of the program.
pub struct Session<'a> {
    surroundings: &'a Surroundings,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    form: Form,
    silence_max: Duration,
}

impl<'a> Session<'a> {
    /// With the program's words and streams.
    pub fn new(
        surroundings: &'a Surroundings,
        out: &'a mut dyn Write,
        err: &'a mut dyn Write,
    ) -> Session<'a> {
        Session {
            surroundings,
            out,
            err,
            form: Form::Table,
            silence_max: client::SILENCE_MAX,
        }
    }

    /// Waits this long for each part of an answer, instead of [`client::SILENCE_MAX`].
    #[must_use]
    pub fn with_silence_max(mut self, silence_max: Duration) -> Session<'a> {
        self.silence_max = silence_max;
        self
    }

    /// Carries the command out, as far as it can be without the daemon's own code.
    pub fn start(&mut self) -> Next {
        let words = &self.surroundings.words;
        let outcome = Command::parse(words, self.surroundings.socket.as_deref())
            .map_err(Trouble::Usage)
            .and_then(|command| {
                self.form = command.form;
                self.carry_out(&command)
            });
        match outcome {
            Ok(Next::Exit(exit)) => Next::Exit(self.end(Ok(exit))),
            Ok(next) => next,
            Err(trouble) => Next::Exit(self.end(Err(trouble))),
        }
    }

    /// Says that the kernel was cleared, and whether there was `something` of ours in it.
    pub fn cleared(&mut self, something: bool) -> Exit {
        let form = self.form;
        let said = stop::cleared(&mut self.screen(), form, something);
        self.end(said.map(|()| Exit::Done))
    }

    /// Says why the daemon's own code did not do it. `code` is the exit code of that error, 1 or 2.
    pub fn refused(&mut self, error: &dyn fmt::Display, code: u8) -> Exit {
        // Nothing can be done about a standard error that takes no text.
        let _ = writeln!(self.err, "lanemark: {}", screen::clean(&error.to_string()));
        if code == 2 {
            Exit::Input
        } else {
            Exit::Refused
        }
    }

    fn carry_out(&mut self, command: &Command) -> Result<Next, Trouble> {
        let wait = self.silence_max;
        let screen = &mut self.screen();
        match &command.task {
            Task::Help(topic) => help::show(screen, topic)?,
            Task::Version => help::version(screen, command.form)?,
            Task::Run { dir, verbose } => {
                let dir = dir
                    .clone()
                    .unwrap_or_else(|| default_dir(client::is_folder));
                return Ok(Next::Run(RunOptions {
                    dir,
                    socket: command.socket.clone(),
                    verbose: *verbose,
                }));
            }
            Task::Status => status::show(screen, command, wait)?,
            Task::Devices => devices::show(screen, command, wait)?,
            Task::Flows { device, class } => {
                flows::show(screen, command, wait, (device.as_deref(), *class))?
            }
            Task::Set { device, class } => {
                set::change(screen, command, wait, (device, Some(*class)))?
            }
            Task::Unset { device } => set::change(screen, command, wait, (device, None))?,
            Task::ConfigShow => config::show(screen, command, wait)?,
            Task::ConfigCheck(source) => config::check(screen, command.form, source)?,
            Task::ConfigApply(source) => config::apply(screen, command, wait, source)?,
            Task::Doctor => doctor::show(screen, command, wait)?,
            Task::Stop => match stop::stop(screen, command, wait) {
                Err(Trouble::Line {
                    bad: client::BadLine::Nobody,
                    ..
                }) => return Ok(Next::Clear),
                outcome => outcome?,
            },
        }
        Ok(Next::Exit(Exit::Done))
    }

    /// Ends: what is still in a buffer goes out, and trouble is told once.
    fn end(&mut self, outcome: Result<Exit, Trouble>) -> Exit {
        let flushed = self.out.flush().map_err(Trouble::from);
        match outcome.and_then(|exit| flushed.map(|()| exit)) {
            Ok(exit) => exit,
            // Whoever read our output has seen enough, as in `lanemark flows | head`.
            Err(Trouble::Output(ErrorKind::BrokenPipe)) => Exit::Done,
            Err(trouble) => {
                // Nothing can be done about a standard error that takes no text.
                let _ = writeln!(
                    self.err,
                    "{}{}",
                    trouble.lead(),
                    screen::clean(&trouble.to_string())
                );
                trouble.exit()
            }
        }
    }

    fn screen(&mut self) -> Screen<'_> {
        Screen::new(self.out, self.surroundings)
    }
}

/// Where the configuration is when nobody says it: on DD-WRT the folder that outlives a restart.
fn default_dir(is_folder: fn(&Path) -> bool) -> PathBuf {
    let on_jffs =
        Path::new(DIR_JFFS).parent().is_some_and(is_folder) && !is_folder(Path::new(DIR_DEFAULT));
    PathBuf::from(if on_jffs { DIR_JFFS } else { DIR_DEFAULT })
}

#[cfg(test)]
mod tests {
    use super::{DIR_DEFAULT, DIR_JFFS, default_dir};

    #[test]
    fn the_folder_on_jffs_is_used_where_there_is_a_jffs_and_no_folder_in_etc() {
        assert_eq!(default_dir(|_| false).to_str(), Some(DIR_DEFAULT));
        assert_eq!(default_dir(|_| true).to_str(), Some(DIR_DEFAULT));
        assert_eq!(
            default_dir(|path| path.starts_with("/jffs/etc")).to_str(),
            Some(DIR_JFFS)
        );
        assert_eq!(
            default_dir(|path| path.starts_with("/etc/lanemark")).to_str(),
            Some(DIR_DEFAULT)
        );
    }
}
