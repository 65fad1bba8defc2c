//! The command line: words become a command, a command becomes a request, and the answer becomes text of 80 columns.
//!
//! Must not: look at the kernel, read the environment, or decide what only the daemon can know. Files and the socket are reached
//! through [`sys::client`](crate::sys::client), what is typed without being shown through [`sys::secret`](crate::sys::secret).
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
mod history;
mod password;
mod screen;
mod set;
mod status;
mod stop;
mod trouble;
mod usage;
mod verbs;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control::{Changed, Request, Verb};
use crate::sys::client::{self, Sink, Surroundings};
use crate::value::{Class, Dialect};

pub use command::{Command, Form, Source, Task};
pub use trouble::{Exit, Outcome, Trouble};

use answer::Answer;
use screen::{Screen, Tone};

/// Where the daemon listens, unless told otherwise.
pub const SOCKET_DEFAULT: &str = "/var/run/lanemark.sock";

/// Where the configuration is, unless told otherwise.
pub const DIR_DEFAULT: &str = "/etc/lanemark";

/// Where the configuration is on DD-WRT, whose `/etc` is lost at each start.
pub const DIR_JFFS: &str = "/jffs/etc/lanemark";

/// The folder that [`DIR_JFFS`] is in, where there is one.
const ETC_JFFS: &str = "/jffs/etc";

/// The word by which the daemon starts its page process.
const PAGE: &str = "page";

/// The word by which the daemon has a password looked at.
const JUDGE: &str = "judge";

/// What `lanemark run` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Where the configuration is.
    pub dir: PathBuf,
    /// Where to listen.
    pub socket: PathBuf,
    /// Whether to log decisions too.
    pub verbose: bool,
    /// In which dialect to make rules; none is the best that the kernel has.
    pub rules: Option<Dialect>,
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
    /// Be the page process, which only the daemon starts.
    Page,
}

/// One call of the program.
pub struct Session<'a> {
    surroundings: &'a Surroundings,
    screen: Screen<'a>,
    err: &'a mut dyn Sink,
    form: Form,
    silence_max: Duration,
}

impl<'a> Session<'a> {
    /// With the program's words and streams.
    pub fn new(
        surroundings: &'a Surroundings,
        out: &'a mut dyn Sink,
        err: &'a mut dyn Sink,
    ) -> Session<'a> {
        Session {
            surroundings,
            screen: Screen::new(out, surroundings),
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
        // No verbs: nobody types these.
        match words.as_slice() {
            [word] if word == PAGE => return Next::Page,
            [word] if word == JUDGE => {
                let exit = password::judge(&mut self.screen);
                return Next::Exit(self.end(Ok(())).max(exit));
            }
            _ => {}
        }
        let outcome = Command::parse(words, self.surroundings.socket.as_deref())
            .and_then(|command| self.carry_out(&command));
        match outcome {
            Ok(None) => Next::Exit(self.end(Ok(()))),
            Ok(Some(next)) => next,
            Err(trouble) => Next::Exit(self.end(Err(trouble))),
        }
    }

    /// Says that the kernel was cleared, and whether there was `something` of ours in it.
    pub fn cleared(&mut self, something: bool) -> Exit {
        stop::cleared(&mut self.screen, self.form, something);
        self.end(Ok(()))
    }

    /// Says why the system did not let the daemon's own code do it.
    pub fn refused(&mut self, error: &dyn fmt::Display) -> Exit {
        self.end(Err(Trouble::new(Exit::Refused, format_args!("{error}"))))
    }

    /// What is left to do, if anything.
    fn carry_out(&mut self, command: &Command<'_>) -> Outcome<Option<Next>> {
        self.form = command.form;
        let screen = &mut self.screen;
        match command.task {
            Task::Help(topic) => help::show(screen, topic),
            Task::Version => help::version(screen, command.form),
            Task::Run => {
                let dir = command.dir.map(Path::to_owned);
                return Ok(Some(Next::Run(RunOptions {
                    dir: dir.unwrap_or_else(|| default_dir(client::is_folder)),
                    socket: command.socket.to_owned(),
                    verbose: command.verbose,
                    rules: command.rules,
                })));
            }
            Task::Check => config::check(screen, command.form, command.source)?,
            Task::Ask(verb) => match self.ask(verb, command) {
                Err(trouble) if verb == Verb::Stop && trouble.exit == Exit::NotRunning => {
                    return Ok(Some(Next::Clear));
                }
                outcome => outcome?,
            },
        }
        Ok(None)
    }

    /// Asks the daemon and prints its answer.
    fn ask(&mut self, verb: Verb, command: &Command<'_>) -> Outcome {
        let wait = self.silence_max;
        if verb == Verb::Watch {
            return watch::follow(&mut self.screen, command.form, command.socket, wait);
        }
        let second = match verb {
            Verb::ConfigApply => Some(config::line(command.source)?),
            Verb::Password if command.reset => Some("null".to_owned()),
            Verb::Password => Some(password::line(command.socket, wait)?),
            _ => None,
        };
        let request = Request {
            verb,
            device: command.device,
            class: command.class.map(Class::name),
        };
        let mut answer = Answer::to(&request, second.as_deref(), command.socket, wait)?;
        let (screen, answer) = (&mut self.screen, &mut *answer);
        if verb == Verb::HistoryShow {
            let mut now = Answer::to(
                &Request::plain(Verb::ConfigShow),
                None,
                command.socket,
                wait,
            )?;
            return history::diff(screen, command.form, answer, &mut now);
        }
        if command.form == Form::Json {
            return answer.print(screen);
        }
        match verb {
            Verb::Status => status::print(screen, answer)?,
            Verb::Devices => devices::print(screen, answer)?,
            Verb::Flows => flows::print(screen, answer)?,
            Verb::ConfigShow => config::print(screen, answer)?,
            Verb::History => history::print(screen, answer)?,
            Verb::Doctor => doctor::print(screen, answer)?,
            // It was answered before.
            Verb::Watch => {}
            // Logging in and checking are the page's, and no verbs of the command line's daemon; what an earlier configuration was is told above.
            Verb::Set
            | Verb::HistoryShow
            | Verb::Rollback
            | Verb::Unset
            | Verb::ConfigApply
            | Verb::ConfigCheck
            | Verb::Password
            | Verb::Stop
            | Verb::Login
            | Verb::Enroll => {
                let mut changed = Changed::default();
                answer.object(&mut changed)?;
                match verb {
                    Verb::Stop => stop::print(screen, &changed),
                    Verb::Password if command.reset => {
                        screen.prose(Tone::Plain, &"", &password::REMOVED);
                    }
                    Verb::Password => screen.prose(Tone::Plain, &"", &password::SET),
                    Verb::ConfigApply => config::applied(screen, &command.source, &changed),
                    Verb::Rollback => {
                        config::applied(screen, &"the earlier configuration", &changed);
                    }
                    _ => set::print(screen, &changed, command.class),
                }
                if !changed.remark.is_empty() {
                    screen.prose(Tone::Doubtful, &"note:", &changed.remark);
                }
            }
        }
        Ok(())
    }

    /// Ends: what still waits goes out, and trouble is told once.
    fn end(&mut self, outcome: Outcome) -> Exit {
        let sent = self.screen.send();
        let Err(trouble) = outcome.and(sent) else {
            return Exit::Done;
        };
        if trouble.exit != Exit::Done {
            let line = format!("{}{}\n", trouble.lead(), screen::clean(&trouble));
            // Nothing can be done about a standard error that takes no text.
            let _ = self.err.send(line.as_bytes());
        }
        trouble.exit
    }
}

/// Where the configuration is when nobody says it: on DD-WRT the folder that outlives a restart.
fn default_dir(is_folder: fn(&Path) -> bool) -> PathBuf {
    let on_jffs = is_folder(Path::new(ETC_JFFS)) && !is_folder(Path::new(DIR_DEFAULT));
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
