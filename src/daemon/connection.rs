//! One client of the control socket: lines in, lines out, without waiting for it.
//!
//! A client has one question at a time. An answer without bound (devices, flows) is written piece by piece as the client reads: the
//! kernel makes the next piece of a dump when it is asked for it, so a slow client costs a socket and no memory.

use core::fmt::Write as _;
use std::os::fd::OwnedFd;

use super::errand::Errand;
use super::look;
use super::walk::Walk;
use crate::config::{self, CONFIG_BYTES_MAX};
use crate::control::{self, Failure, Heard, REQUEST_BYTES_MAX, Record, Refusal, Request, Verb};
use crate::engine::{Answer, Client, Engine, Input};
use crate::sys::file::{self, Moved};
use crate::sys::netlink::Progress;
use crate::sys::poller::{Interest, Poller};
use crate::sys::proc;
use crate::value::{Crc32, Instant, Refused};

/// Bytes that are read at once.
const READ_BYTES: usize = 4096;

/// Bytes of an answer that may wait for the client before the next piece is made.
const WAITING_BYTES: usize = 16 * 1024;

/// Pieces of a long answer before others have their turn.
const PIECES_A_TURN: usize = 8;

/// What is told of a configuration that is one, as by the command line.
const CHECKED: &[u8] = b"{\"ok\":true}";

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody who came to the control socket: root.
    Socket,
    /// The page process, which speaks for whoever has the admin password.
    Page,
}

pub(super) struct Connection {
    stream: OwnedFd,
    origin: Origin,
    input: Vec<u8>,
    output: Vec<u8>,
    interest: Interest,
    state: State,
    /// Counts up with each client that comes: the least is the oldest.
    number: u32,
    /// It says no more.
    ended: bool,
}

enum State {
    /// It may ask.
    Listening,
    /// It announced a configuration.
    Configuring(Purpose),
    /// It announced an errand.
    Entrusting(Box<Errand>),
    /// It brought that, and nobody has looked at it yet, or it waits until another's is done.
    Entrusted(Box<Errand>),
    /// Somebody looks at that, under this number.
    Judged(u32),
    /// It asked, and the engine has not answered.
    Waiting,
    /// It is being told of the devices, this one next.
    Devices(usize),
    /// It is being told of the flows.
    Flows(Box<Walk>),
    /// It is told what changes.
    Watching,
    /// It said something that cannot be followed: after what it is told, the end.
    Closing,
}

/// What a configuration is announced for.
#[derive(Clone, Copy)]
enum Purpose {
    /// To replace the one with this CRC-32, or whichever.
    Replace(Option<u32>),
    /// To be told whether it is one.
    Check,
}

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    Over,
}

impl Connection {
    /// A client that has just come; `number` counts up with each.
    pub(super) fn new(stream: OwnedFd, number: u32, origin: Origin) -> Connection {
        Connection {
            stream,
            origin,
            input: Vec::new(),
            output: Vec::new(),
            interest: Interest::Read,
            state: State::Listening,
            number,
            ended: false,
        }
    }

    /// Whether it asks nothing.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Listening)
    }

    /// Counts up with each client that comes: the least is the oldest.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// It has sent something, or has room.
    pub(super) fn serve(&mut self, client: Client, engine: &mut Engine, now: Instant) -> Fate {
        let fate = match self.interest {
            Interest::Read => self.read(client, engine, now),
            Interest::Write => Fate::Lives,
            // Only the end of everything is told then.
            Interest::Nothing => Fate::Over,
        };
        match fate {
            Fate::Lives => self.write(client, engine, now),
            Fate::Over => Fate::Over,
        }
    }

    /// The engine has an answer.
    pub(super) fn answer(
        &mut self,
        client: Client,
        answer: Answer,
        engine: &mut Engine,
        now: Instant,
    ) -> Fate {
        self.take(client, answer, engine);
        self.write(client, engine, now)
    }

    /// Waits for what it needs next.
    pub(super) fn wait(&mut self, poller: &Poller, token: u64) -> Result<(), Refused> {
        let unfinished = matches!(self.state, State::Devices(_) | State::Flows(_));
        let wanted = if unfinished || !self.output.is_empty() {
            Interest::Write
        } else if self.ended {
            Interest::Nothing
        } else {
            Interest::Read
        };
        if self.interest != wanted {
            poller.change(&self.stream, token, wanted)?;
            self.interest = wanted;
        }
        Ok(())
    }

    /// What is still to be told is told, as far as it goes without waiting.
    pub(super) fn finish(&mut self) {
        let _ = file::give(&self.stream, &self.output);
    }

    /// What it brought about the password; one that was looked at before only when `is_free`. It waits from now on.
    pub(super) fn take_errand(&mut self, is_free: bool, ticket: u32) -> Option<Box<Errand>> {
        if !matches!(&self.state, State::Entrusted(errand) if is_free || !errand.counted) {
            return None;
        }
        match core::mem::replace(&mut self.state, State::Judged(ticket)) {
            State::Entrusted(errand) => Some(errand),
            _ => None,
        }
    }

    /// What it brought has to wait.
    pub(super) fn put_errand(&mut self, ticket: u32, errand: Box<Errand>) {
        if self.awaits(ticket) {
            self.state = State::Entrusted(errand);
        }
    }

    /// Whether it waits for this errand.
    pub(super) const fn awaits(&self, ticket: u32) -> bool {
        matches!(self.state, State::Judged(awaited) if awaited == ticket)
    }

    fn read(&mut self, client: Client, engine: &mut Engine, now: Instant) -> Fate {
        let mut piece = [0; READ_BYTES];
        loop {
            match file::take(&self.stream, &mut piece) {
                // It says no more, and may still want its answer.
                Moved::Bytes(0) => {
                    self.ended = true;
                    return Fate::Lives;
                }
                Moved::Bytes(count) => self
                    .input
                    .extend_from_slice(piece.get(..count).unwrap_or_default()),
                Moved::Nothing => return Fate::Lives,
                Moved::Broken => return Fate::Over,
            }
            self.hear(client, engine, now);
            if self.input.len() > CONFIG_BYTES_MAX + REQUEST_BYTES_MAX {
                return Fate::Over;
            }
        }
    }

    /// Takes the next whole line, if it may ask now.
    fn hear(&mut self, client: Client, engine: &mut Engine, now: Instant) {
        let limit = match self.state {
            State::Listening | State::Entrusting(_) => REQUEST_BYTES_MAX,
            State::Configuring(_) => CONFIG_BYTES_MAX,
            _ => return,
        };
        let end = self.input.iter().position(|&byte| byte == b'\n');
        let Some(end) = end.filter(|&end| end <= limit) else {
            if self.input.len() > limit {
                self.fail(Failure::input(format_args!(
                    "expected a line of at most {limit} bytes, found more"
                )));
                self.input.clear();
                self.state = State::Closing;
            }
            return;
        };
        let line: Vec<u8> = self.input.drain(..=end).take(end).collect();
        if let State::Configuring(purpose) = self.state {
            return self.configure(purpose, &line, (client, engine, now));
        }
        if let State::Entrusting(errand) = &mut self.state {
            errand.take(line);
            return self.entrust(client, engine, now);
        }
        match Heard::read(&line) {
            Ok(Heard { verb, .. }) if self.origin == Origin::Page && !is_for_page(verb) => {
                let name = verb.name();
                self.fail(Failure::input(format_args!(
                    "expected a request that the page may make, found {name}"
                )));
            }
            Ok(Heard {
                verb: Verb::ConfigApply,
                device,
                ..
            }) => {
                let number = |text: &str| u32::from_str_radix(text, 16).ok();
                self.state = State::Configuring(match device.as_deref().map(number) {
                    Some(None) => Purpose::Replace(Some(!crc(engine))),
                    wanted => Purpose::Replace(wanted.flatten()),
                });
                self.hear(client, engine, now);
            }
            Ok(Heard {
                verb: Verb::ConfigCheck,
                ..
            }) => {
                self.state = State::Configuring(Purpose::Check);
                self.hear(client, engine, now);
            }
            Ok(heard) => {
                if let Some(errand) = Errand::of(&heard) {
                    self.state = State::Entrusting(errand);
                    return self.entrust(client, engine, now);
                }
                self.state = State::Waiting;
                if heard.device.is_some() {
                    // It may be called by the name of a lease that is a second old.
                    look::leases(engine, now);
                }
                let request = Request {
                    verb: heard.verb,
                    device: heard.device.as_deref(),
                    class: heard.class.as_deref(),
                };
                engine.handle(now, Input::Request(client, request));
            }
            Err(bad) => self.fail(Failure::input(format_args!("{bad}"))),
        }
    }

    /// Takes a configuration.
    fn configure(
        &mut self,
        purpose: Purpose,
        line: &[u8],
        (client, engine, now): (Client, &mut Engine, Instant),
    ) {
        let Purpose::Replace(wanted) = purpose else {
            return match config::parse(line) {
                Ok(_) => self.tell(CHECKED),
                Err(problem) => self.fail(Failure::input(format_args!("{problem}"))),
            };
        };
        self.state = State::Waiting;
        let found = crc(engine);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            return self.fail(Failure::stale(format_args!(
                "expected {wanted:08x} in force, found {found:08x}: somebody changed the configuration meanwhile"
            )));
        }
        match config::parse(line) {
            Ok(config) => engine.handle(now, Input::Apply(client, Box::new(config))),
            Err(problem) => self.fail(Failure::input(format_args!("{problem}"))),
        }
    }

    /// The errand is ready, or its next line is waited for.
    fn entrust(&mut self, client: Client, engine: &mut Engine, now: Instant) {
        match core::mem::replace(&mut self.state, State::Listening) {
            State::Entrusting(errand) if errand.is_whole() => {
                self.state = State::Entrusted(errand);
            }
            state => {
                self.state = state;
                self.hear(client, engine, now);
            }
        }
    }

    fn fail(&mut self, mut failure: Failure) {
        self.line(&mut Refusal(&mut failure));
        self.state = State::Listening;
    }

    /// The answer to an errand, as a line without its end.
    pub(super) fn tell(&mut self, line: &[u8]) {
        self.state = State::Listening;
        self.output.extend_from_slice(line);
        self.output.push(b'\n');
    }

    /// An answer of bounded texts: its length has a limit, and a test that knows it.
    fn line(&mut self, record: &mut dyn Record) {
        control::write(record, &mut self.output);
        self.output.push(b'\n');
    }

    fn take(&mut self, client: Client, answer: Answer, engine: &mut Engine) {
        self.state = State::Listening;
        match answer {
            Answer::Failure(failure) => self.fail(*failure),
            Answer::Changed(mut changed) => self.line(&mut *changed),
            Answer::Status(mut status) => {
                status.pid = proc::own_pid();
                // Eight digits have room.
                let _ = write!(status.config, "{:08x}", crc(engine));
                self.line(&mut *status);
            }
            Answer::Doctor(mut doctor) => self.line(&mut *doctor),
            Answer::Config => {
                let mut text = String::new();
                // A string takes whatever is written to it.
                let _ = config::write_compact(engine.config(), &mut text);
                self.output.extend_from_slice(text.trim_end().as_bytes());
                self.output.push(b'\n');
            }
            Answer::Watch => {
                engine.tell_watcher(client, &mut self.output);
                self.state = State::Watching;
            }
            Answer::Devices => {
                self.output.extend_from_slice(b"{\"devices\":[");
                self.state = State::Devices(0);
            }
            Answer::Flows(filter) => match Walk::start(filter) {
                Ok(walk) => {
                    self.output.extend_from_slice(b"{\"flows\":[");
                    self.state = State::Flows(walk);
                }
                Err(refused) => self.fail(Failure::refused(format_args!(
                    "the kernel refused to list flows: {refused}"
                ))),
            },
        }
    }

    /// Writes what waits, and makes the next piece of a long answer when there is room.
    pub(super) fn write(&mut self, client: Client, engine: &mut Engine, now: Instant) -> Fate {
        for _ in 0..PIECES_A_TURN {
            while self.output.len() < WAITING_BYTES && self.make_more(engine, now) {
                if self.output.is_empty() {
                    // A filter that lets little through: the others have their turn.
                    return Fate::Lives;
                }
            }
            while !self.output.is_empty() {
                match file::give(&self.stream, &self.output) {
                    Moved::Bytes(0) | Moved::Broken => return Fate::Over,
                    Moved::Bytes(count) => drop(self.output.drain(..count)),
                    Moved::Nothing => return Fate::Lives,
                }
            }
            match self.state {
                State::Devices(_) | State::Flows(_) => {}
                State::Closing => return Fate::Over,
                State::Listening
                | State::Configuring(_)
                | State::Entrusting(_)
                | State::Entrusted(_)
                | State::Judged(_)
                | State::Waiting => {
                    return self.await_more(client, engine, now);
                }
                State::Watching => {
                    engine.handle(now, Input::Taken(client));
                    return self.await_more(client, engine, now);
                }
            }
        }
        Fate::Lives
    }

    /// Everything is told: the next question, if it is here already.
    fn await_more(&mut self, client: Client, engine: &mut Engine, now: Instant) -> Fate {
        // A long answer's buffer is not kept for the next short one. A watcher's lines are short and come each second.
        if !matches!(self.state, State::Watching) || self.output.capacity() > READ_BYTES {
            self.output = Vec::new();
        }
        self.hear(client, engine, now);
        let waits = matches!(
            self.state,
            State::Waiting | State::Entrusted(_) | State::Judged(_)
        );
        let asks = waits || !self.output.is_empty();
        if self.ended && !asks {
            Fate::Over
        } else {
            Fate::Lives
        }
    }

    /// Makes the next piece of a long answer. Returns whether there may be more.
    fn make_more(&mut self, engine: &Engine, now: Instant) -> bool {
        match &mut self.state {
            State::Devices(place) => {
                let Some(mut device) = engine.device_report(now, *place) else {
                    self.output.extend_from_slice(b"]}\n");
                    self.state = State::Listening;
                    return false;
                };
                if *place > 0 {
                    self.output.push(b',');
                }
                *place += 1;
                control::write(&mut device, &mut self.output);
                true
            }
            State::Flows(walk) => match walk.make_more(engine, &mut self.output) {
                Ok(Progress::More) => true,
                Ok(Progress::End(Ok(()))) => {
                    self.output.extend_from_slice(b"]}\n");
                    self.state = State::Listening;
                    false
                }
                // Cut short: a line without its end, so that nobody takes a part for the whole.
                Ok(Progress::End(Err(_))) | Err(_) => {
                    self.state = State::Closing;
                    false
                }
            },
            _ => false,
        }
    }
}

/// Whether the page process may ask this. It may not end the daemon, nor set a password without knowing the one before.
fn is_for_page(verb: Verb) -> bool {
    !matches!(verb, Verb::Stop | Verb::Password)
}

/// The CRC-32 of the configuration in force, as it is told on one line.
fn crc(engine: &Engine) -> u32 {
    let mut crc = Crc32::default();
    // A sum takes whatever is written to it.
    let _ = config::write_compact(engine.config(), &mut crc);
    crc.value()
}
