//! The admin password: set as a hash by the command line, tried and changed by the page's visitors. Nobody gets to see it again.
//!
//! A password is held against the hash in a process of its own, one at a time: it takes the processor for up to a second, and 2 MiB.

use core::net::IpAddr;
use core::time::Duration;
use std::path::Path;

use heapless::{String, Vec};

use super::errand::Errand;
use super::{Daemon, TOKEN_JUDGE};
use crate::config::password::{PASSWORD_BYTES_MAX, STORED_BYTES_MAX, Stored, check};
use crate::control::{self, Changed, Failure, Verb};
use crate::engine::{Answer, Client, Tries};
use crate::sys::child::{Child, Ended, Pipes};
use crate::sys::clock::now;
use crate::sys::file::Moved;
use crate::sys::log::{Level, tell};
use crate::sys::poller::Interest;
use crate::sys::store::{Document, Loaded, Store};
use crate::value::{Address, Instant};

/// The file of the hash. No version before is kept: it would make an old password valid again. A hash that is lost, as jffs2 was
/// seen to lose the newest file in a power cut, lets nobody in until there is another.
const PASSWORD: Document = Document {
    current: "password",
    previous: None,
    older: 0,
    temporary: "password.new",
    bytes_max: STORED_BYTES_MAX,
};

/// How long holding a password against a hash may take: ten times as long as on the slowest router.
const JUDGED_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at a process that has closed its output and not ended yet, which takes it some microseconds.
const ENDING: Duration = Duration::from_millis(5);

/// What it says at most: a hash.
const SAID_BYTES_MAX: usize = STORED_BYTES_MAX;

/// A password as it was typed.
type Typed = String<PASSWORD_BYTES_MAX>;

/// Whether there is one, be it spoiled: then nobody gets in, and nobody may make himself one without the router's command line.
pub(super) fn is_there(dir: &Path) -> bool {
    Store::new(dir, PASSWORD).has(PASSWORD.current)
}

/// Holds passwords against the hash.
#[derive(Default)]
pub(super) struct Judge {
    tries: Tries,
    trial: Option<Trial>,
}

/// A client that waits for it, by its ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Visitor {
    pub(super) client: Client,
    /// It is the same one that was there before.
    pub(super) ticket: u32,
}

struct Trial {
    visitor: Visitor,
    verb: Verb,
    from: IpAddr,
    child: Child,
    /// None once it has said all.
    pipes: Option<Pipes>,
    said: Vec<u8, SAID_BYTES_MAX>,
    deadline: Instant,
    /// Meanwhile another password was set: what is found is not true any more.
    overtaken: bool,
}

pub(super) type Outcome = Result<(), Box<Failure>>;

fn input(words: core::fmt::Arguments<'_>) -> Box<Failure> {
    Box::new(Failure::input(words))
}

fn refused(words: core::fmt::Arguments<'_>) -> Box<Failure> {
    Box::new(Failure::refused(words))
}

fn wrong() -> Box<Failure> {
    input(format_args!("wrong password"))
}

impl Daemon {
    /// Carries the errands of clients out. Returns whether there was one.
    pub(super) fn attend_errands(&mut self) -> bool {
        let is_free = self.judge.trial.is_none();
        let Some((visitor, errand)) = self.clients.take_errand(is_free) else {
            return false;
        };
        let outcome = match errand.verb {
            Verb::Password => self.set_password(&errand),
            Verb::History | Verb::HistoryShow | Verb::Rollback => {
                match self.look_back(visitor, &errand) {
                    Ok(()) => return true,
                    Err(failure) => Err(failure),
                }
            }
            _ => match self.try_password(visitor, errand) {
                Ok(()) => return true,
                Err(failure) => Err(failure),
            },
        };
        self.answer_errand(visitor, outcome);
        true
    }

    fn answer_errand(&mut self, visitor: Visitor, outcome: Outcome) {
        let answer = match outcome {
            Ok(()) => Answer::Changed(Box::new(Changed {
                saved: true,
                ..Changed::default()
            })),
            Err(failure) => Answer::Failure(failure),
        };
        self.clients
            .answer_errand(visitor, answer, &mut self.engine, &self.poller);
    }

    /// The command line has a new hash, or wants none to be there any more.
    fn set_password(&mut self, errand: &Errand) -> Outcome {
        let line = errand.lines.first().map_or(&[][..], |line| line);
        if line == b"null" {
            return self.remove_password();
        }
        let text = line
            .strip_prefix(b"\"")
            .and_then(|line| line.strip_suffix(b"\""))
            .filter(|text| Stored::parse(text).is_some());
        // What was found may be a password.
        let text = text.ok_or_else(|| {
            input(format_args!(
                "expected the hash of a password, found something else"
            ))
        })?;
        self.save_password(text)?;
        self.page.forget(now());
        Ok(())
    }

    /// As on a new router: whoever comes to the page first sets the next one.
    fn remove_password(&mut self) -> Outcome {
        Store::new(self.store.dir(), PASSWORD)
            .remove()
            .map_err(|cause| unstored(format_args!("password not removed: {cause}")))?;
        tell(Level::Info, format_args!("the admin password was removed"));
        self.password_is(false);
        self.page.forget(now());
        Ok(())
    }

    fn save_password(&mut self, text: &[u8]) -> Outcome {
        Store::new(self.store.dir(), PASSWORD)
            .save(text)
            .map_err(|error| unstored(format_args!("{error}")))?;
        tell(Level::Info, format_args!("the admin password was set"));
        self.password_is(true);
        Ok(())
    }

    fn password_is(&mut self, there: bool) {
        self.page.password_is(there, now());
        if let Some(trial) = &mut self.judge.trial {
            trial.overtaken = true;
        }
    }

    /// Begins to hold a password against the hash, or lets the visitor wait until another's is done.
    fn try_password(&mut self, visitor: Visitor, mut errand: Box<Errand>) -> Outcome {
        let from = errand
            .from
            .ok_or_else(|| input(format_args!("expected the visitor's address as the device")))?;
        if !errand.counted {
            self.judge.tries.take(now(), from).map_err(|wait_s| {
                refused(format_args!("too many tries; try again in {wait_s} s"))
            })?;
            errand.counted = true;
        }
        if self.judge.trial.is_some() {
            self.clients.put_errand(visitor, errand);
            return Ok(());
        }
        let text = self.question(&errand)?;
        let (child, mut pipes) = Pipes::start(c"judge").map_err(|why| cannot(&why))?;
        if !pipes.give(&text) {
            return Err(cannot(&"it does not listen"));
        }
        self.poller
            .add(&pipes, TOKEN_JUDGE, Interest::Read)
            .map_err(|why| cannot(&why))?;
        self.judge.trial = Some(Trial {
            visitor,
            verb: errand.verb,
            from,
            child,
            pipes: Some(pipes),
            said: Vec::new(),
            deadline: now().after(JUDGED_WITHIN),
            overtaken: false,
        });
        Ok(())
    }

    /// What the judging process is asked: the hash, the password, and the new one, a line each. No hash: there is none yet. No new one: nothing
    /// to change.
    fn question(&self, errand: &Errand) -> Result<std::vec::Vec<u8>, Box<Failure>> {
        let mut lines = errand.lines.iter();
        let new = match errand.verb {
            Verb::Enroll => Some(typed(lines.next())?.unwrap_or_default()),
            _ => None,
        };
        if let Some(new) = &new {
            check(new.as_bytes()).map_err(|bad| input(format_args!("password: {bad}")))?;
        }
        let current = typed(lines.next())?;
        let stored = if is_there(self.store.dir()) {
            let stored = match Store::new(self.store.dir(), PASSWORD).load() {
                Ok(Loaded::Text { bytes, .. }) if Stored::parse(&bytes).is_some() => bytes,
                _ => return Err(wrong()),
            };
            // What cannot be one must not become two lines.
            let bad = |current: &Typed| check(current.as_bytes()).is_err();
            if current.as_ref().is_none_or(bad) {
                return Err(wrong());
            }
            stored
        } else if new.is_some() && current.is_none() {
            std::vec::Vec::new()
        } else {
            return Err(wrong());
        };
        let (current, new) = (current.unwrap_or_default(), new.unwrap_or_default());
        let lines = [&stored, current.as_bytes(), new.as_bytes()];
        Ok(lines.join(&b'\n'))
    }

    /// Looks whether the judging process is done; how long it can be left alone.
    pub(super) fn judge(&mut self) -> Option<Duration> {
        let trial = self.judge.trial.as_mut()?;
        if trial.hear(now()) {
            let ended = match trial.child.ended() {
                None => return Some(ENDING),
                Some(ended) => ended,
            };
            let trial = self.judge.trial.take()?;
            let outcome = self.verdict(&trial, ended);
            self.answer_errand(trial.visitor, outcome);
            // The next one waits already, maybe.
            return Some(Duration::ZERO);
        }
        Some(trial.deadline.since(now()))
    }

    fn verdict(&mut self, trial: &Trial, ended: Ended) -> Outcome {
        match ended {
            _ if trial.overtaken => Err(refused(format_args!(
                "the password was changed meanwhile; try again"
            ))),
            Ended::Code(0) if trial.verb == Verb::Enroll => self.save_password(&trial.said),
            Ended::Code(0) => Ok(()),
            Ended::Code(1) => {
                let from = Address(trial.from);
                tell(
                    Level::Info,
                    format_args!("a wrong admin password was tried from {from}"),
                );
                Err(wrong())
            }
            Ended::Code(code) => Err(cannot(&format_args!("exit code {code}"))),
            Ended::Signal(signal) => Err(cannot(&format_args!("signal {signal}"))),
        }
    }
}

fn unstored(words: core::fmt::Arguments<'_>) -> Box<Failure> {
    tell(Level::Warn, words);
    refused(words)
}

fn cannot(why: &dyn core::fmt::Display) -> Box<Failure> {
    refused(format_args!("the password could not be looked at: {why}"))
}

/// The password that a line is; none for `null`.
fn typed(line: Option<&std::vec::Vec<u8>>) -> Result<Option<Typed>, Box<Failure>> {
    let mut password = Typed::new();
    let line = line.map_or(&[][..], |line| line);
    match control::text_or_null(line, &mut password) {
        Ok(true) => Ok(Some(password)),
        Ok(false) => Ok(None),
        // What was found may be a password.
        Err(_) => Err(input(format_args!(
            "expected a password of at most {PASSWORD_BYTES_MAX} bytes as a JSON string, found something else"
        ))),
    }
}

impl Trial {
    /// Takes what the process says. Returns whether that was all.
    fn hear(&mut self, now: Instant) -> bool {
        let mut room = [0; SAID_BYTES_MAX];
        while let Some(pipes) = &self.pipes {
            match pipes.take(&mut room) {
                Moved::Bytes(0) | Moved::Broken => self.pipes = None,
                Moved::Bytes(count) => {
                    // More than there is room for is no hash, and will not be taken for one.
                    let _ = self
                        .said
                        .extend_from_slice(room.get(..count).unwrap_or_default());
                }
                Moved::Nothing if now >= self.deadline => {
                    self.child.kill();
                    self.pipes = None;
                }
                Moved::Nothing => break,
            }
        }
        self.pipes.is_none()
    }
}
