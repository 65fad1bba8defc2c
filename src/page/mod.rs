//! The page process: the loop between browsers, the daemon's links and [`web`](crate::web).
//!
//! Must not: decide what is answered, hold a secret of the daemon, open anything once it has begun, or live longer than the daemon.
//!
//! How it is driven: the daemon starts the program again, as `lanemark page`, with its end of the channel as descriptor 3 and no rights worth having; [`run`]
//! gives up the rest, hears what to listen on, and then, one thread: wait for a file or a time; tell the web what happened; carry out what it wishes.
//!
//! When full: without a descriptor for a visitor it lets nobody in for a second; the rest is for the web to say. Told nonsense by the daemon, or left by it, it
//! ends: the daemon starts it again.

mod wires;

use core::fmt;
use core::time::Duration;
use std::os::fd::OwnedFd;

use crate::sys::channel::{Channel, Heard};
use crate::sys::clock::now;
use crate::sys::file::{Moved, give, take};
use crate::sys::log::{Level, tell};
use crate::sys::poller::{Interest, Poller};
use crate::sys::sandbox;
use crate::sys::secret::Chance;
use crate::sys::tcp::{Visit, accept, end_writing};
use crate::value::{Instant, Refused};
use crate::web::{LINKS_MAX, Place, Web, Wish};
use crate::wire::channel::{LISTENERS_MAX, MESSAGE_BYTES_MAX, Told};

use wires::Wires;

/// The channel's; then the listeners', the links' and the connections'.
const TOKEN_CHANNEL: usize = 0;
const TOKEN_LISTENERS: usize = 1;
const TOKEN_LINKS: usize = TOKEN_LISTENERS + LISTENERS_MAX;
const TOKEN_CONNECTIONS: usize = TOKEN_LINKS + LINKS_MAX;

/// Descriptors besides those of browsers: standard ones, channel, poller, listeners, links to the daemon, and some to spare.
const OWN_FILES: u32 = 64;

/// Bytes that are read at once.
const READ_BYTES: usize = 8192;

/// Visitors of one listener that are let in before others have their turn.
const VISITS_A_TURN: usize = 16;

/// How long nobody is let in after the file descriptors ran out.
const STUCK_WAIT: Duration = Duration::from_secs(1);

/// How often the log tells of what is no HTTP.
const FOREIGN_EVERY: Duration = Duration::from_secs(60);

/// Why the page process ends.
#[derive(Debug)]
pub enum End {
    /// The daemon is gone, or wants it.
    Over,
    /// The daemon says what none says.
    Nonsense,
    /// Nobody has given it a channel: only the daemon starts it.
    Alone(Refused),
    /// The system refused something.
    System(Refused),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Over => f.write_str("the daemon is gone"),
            End::Nonsense => f.write_str("the daemon says what none says"),
            End::Alone(refused) => write!(f, "only the daemon starts this: {refused}"),
            End::System(refused) => refused.fmt(f),
        }
    }
}

impl From<Refused> for End {
    fn from(refused: Refused) -> End {
        End::System(refused)
    }
}

/// Runs until the daemon is gone.
pub fn run() -> End {
    match Page::open() {
        // The process ends with it: what takes it apart would be a kilobyte of program.
        Ok(page) => Box::leak(Box::new(page)).turn_until_over(),
        Err(end) => end,
    }
}

struct Page {
    channel: Channel,
    chance: Chance,
    poller: Poller,
    web: Web,
    listeners: Wires,
    links: Wires,
    connections: Wires,
    /// What is read comes here first. Made once: clearing so much memory for each request would take as long as reading it.
    piece: Box<[u8; READ_BYTES]>,
    /// Until when nobody is let in.
    stuck: Option<Instant>,
    /// When the log may tell again of what is no HTTP.
    foreign_from: Instant,
}

impl Page {
    fn open() -> Result<Page, End> {
        sandbox::close_inherited();
        let channel = Channel::inherited().map_err(End::Alone)?;
        crate::sys::log::open(false);
        let chance = Chance::open()?;
        let poller = Poller::open()?;
        poller.add(&channel, TOKEN_CHANNEL as u64, Interest::Read)?;
        let mut room = [0; MESSAGE_BYTES_MAX];
        let settings = loop {
            match channel.hear(&mut room) {
                Heard::Message(count, _) => break room.get(..count).and_then(Told::parse),
                Heard::Nothing => drop(poller.wait(None)?),
                Heard::Over => return Err(End::Over),
            }
        };
        let Some(Told::Settings(settings)) = settings else {
            return Err(End::Nonsense);
        };
        // Everything is open that is ever opened here, and no byte of a browser was read.
        let connections = settings.connections;
        sandbox::enter(OWN_FILES.saturating_add(connections.into()));
        let mut web = Web::new(connections);
        web.settings(&settings);
        Ok(Page {
            channel,
            chance,
            poller,
            listeners: Wires::new(LISTENERS_MAX, TOKEN_LISTENERS),
            links: Wires::new(LINKS_MAX, TOKEN_LINKS),
            connections: Wires::new(web.connections_max(), TOKEN_CONNECTIONS),
            web,
            piece: Box::new([0; READ_BYTES]),
            stuck: None,
            foreign_from: now(),
        })
    }

    fn turn_until_over(&mut self) -> End {
        loop {
            if let Err(end) = self.turn() {
                return end;
            }
        }
    }

    fn turn(&mut self) -> Result<(), End> {
        let due = [self.web.deadline(), self.stuck]
            .into_iter()
            .flatten()
            .min();
        let wait = due.map(|moment| moment.since(now()));
        let ready = self.poller.wait(wait)?;
        // What the daemon says of sessions goes before what it answers, and before what browsers ask: the channel is among those that have something,
        // unless there are more of them than are told of at once.
        if ready.is_full() || ready.contains(&(TOKEN_CHANNEL as u64)) {
            self.hear()?;
        }
        let now = now();
        self.unstick(now)?;
        for token in ready {
            if self.web.needs_chance() {
                self.web.stock(self.chance.draw()?);
            }
            let token = usize::try_from(token).unwrap_or_default();
            if let Some(place) = token.checked_sub(TOKEN_CONNECTIONS) {
                self.attend(place, now);
            } else if let Some(place) = token.checked_sub(TOKEN_LINKS) {
                self.attend_link(place, now);
            } else if let Some(place) = token.checked_sub(TOKEN_LISTENERS) {
                self.let_in(place, now)?;
            }
            self.settle_connections(now)?;
        }
        self.web.tick(now);
        self.settle(now)?;
        self.tell_foreign(now);
        Ok(())
    }

    /// Hears everything that the daemon tells.
    fn hear(&mut self) -> Result<(), End> {
        let mut room = [0; MESSAGE_BYTES_MAX];
        loop {
            let (count, along) = match self.channel.hear(&mut room) {
                Heard::Message(count, along) => (count, along),
                Heard::Nothing => return Ok(()),
                Heard::Over => return Err(End::Over),
            };
            let told = room.get(..count).and_then(Told::parse);
            match (told.ok_or(End::Nonsense)?, along) {
                (Told::Listen, Some(socket)) => self.listeners.listen(socket, &self.poller)?,
                (Told::Unlisten(place), _) => self.listeners.unlisten(place),
                (Told::Control, Some(socket)) => self.link(socket)?,
                (Told::Settings(settings), _) => self.web.settings(&settings),
                (Told::Forget, _) => self.web.forget(),
                (Told::Listen | Told::Control, None) => return Err(End::Nonsense),
            }
        }
    }

    fn link(&mut self, socket: OwnedFd) -> Result<(), End> {
        // Beyond the limit it is closed at once.
        if let Some(place) = self.web.link_opened(now()) {
            self.links.put(place, socket, &self.poller)?;
        }
        Ok(())
    }

    /// Somebody has come.
    fn let_in(&mut self, listener: Place, now: Instant) -> Result<(), End> {
        for _ in 0..VISITS_A_TURN {
            let Some(socket) = self.listeners.get(listener) else {
                break;
            };
            match accept(socket) {
                Visit::Visitor(socket, visitor, local) => {
                    let place = self.web.opened(now, visitor, local);
                    self.connections.put(place, socket, &self.poller)?;
                    // The request is here most often.
                    self.attend(place, now);
                    self.settle_connections(now)?;
                }
                Visit::Gone => {}
                Visit::Nobody => break,
                Visit::NoRoom => {
                    self.stuck = Some(now.after(STUCK_WAIT));
                    self.listeners.want_all(Interest::Nothing, &self.poller)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Lets visitors in again, after a while in which nobody was.
    fn unstick(&mut self, now: Instant) -> Result<(), End> {
        if self.stuck.is_some_and(|until| until <= now) {
            self.stuck = None;
            self.listeners.want_all(Interest::Read, &self.poller)?;
        }
        Ok(())
    }

    /// A connection has said something, or has room, or is over.
    fn attend(&mut self, place: Place, now: Instant) {
        let Some(socket) = self.connections.get(place) else {
            return;
        };
        match self.web.wish(place) {
            Wish::Read | Wish::Drain => {
                let room = self.web.room(place).min(READ_BYTES);
                match take(socket, self.piece.get_mut(..room).unwrap_or_default()) {
                    Moved::Bytes(0) | Moved::Broken => self.web.ended(place),
                    Moved::Bytes(count) => {
                        let bytes = self.piece.get(..count).unwrap_or_default();
                        self.web.received(now, place, bytes);
                    }
                    Moved::Nothing => {}
                }
            }
            Wish::Write => self.flush(place, now),
            // Only its end is told then.
            Wish::Nothing => self.web.ended(place),
            Wish::Close => {}
        }
    }

    /// Sends what there is for a connection, as far as it goes.
    fn flush(&mut self, place: Place, now: Instant) {
        while let Some(socket) = self.connections.get(place) {
            let output = self.web.output(place);
            if output.is_empty() {
                return;
            }
            match give(socket, output) {
                Moved::Bytes(0) | Moved::Broken => return self.web.ended(place),
                Moved::Bytes(count) => self.web.sent(now, place, count),
                Moved::Nothing => return,
            }
        }
    }

    /// The daemon has said something on a link, or has room, or has closed it.
    fn attend_link(&mut self, place: Place, now: Instant) {
        let Some(socket) = self.links.get(place) else {
            return;
        };
        if self.web.link_wish(place) != Wish::Read {
            return;
        }
        match take(socket, self.piece.as_mut_slice()) {
            Moved::Bytes(0) | Moved::Broken => {
                self.links.close(place);
                self.web.link_closed(place, now);
            }
            Moved::Bytes(count) => {
                let bytes = self.piece.get(..count).unwrap_or_default();
                self.web.link_received(now, place, bytes);
            }
            Moved::Nothing => {}
        }
    }

    /// Carries out what the web wishes, until it wishes nothing more.
    fn settle(&mut self, now: Instant) -> Result<(), End> {
        loop {
            self.settle_connections(now)?;
            let mut moved = false;
            for place in 0..LINKS_MAX {
                moved |= self.settle_link(place, now)?;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn settle_connections(&mut self, now: Instant) -> Result<(), End> {
        while let Some(place) = self.web.noted(now) {
            self.flush(place, now);
            let interest = match self.web.wish(place) {
                Wish::Read => Interest::Read,
                Wish::Write => Interest::Write,
                Wish::Nothing => Interest::Nothing,
                Wish::Drain => {
                    if let Some(socket) = self.connections.get(place) {
                        end_writing(socket);
                    }
                    Interest::Read
                }
                Wish::Close => {
                    if self.connections.close(place) {
                        self.web.closed(place, now);
                    }
                    continue;
                }
            };
            self.connections.want(place, interest, &self.poller)?;
        }
        Ok(())
    }

    /// Whether a question went out, or the link is gone: then there may be more to do.
    fn settle_link(&mut self, place: Place, now: Instant) -> Result<bool, End> {
        let mut moved = false;
        while let Some(socket) = self.links.get(place) {
            let interest = match self.web.link_wish(place) {
                Wish::Write => match give(socket, self.web.link_output(place)) {
                    Moved::Bytes(count) if count > 0 => {
                        self.web.link_sent(place, count);
                        moved = true;
                        continue;
                    }
                    Moved::Nothing => Interest::Write,
                    _ => {
                        self.links.close(place);
                        self.web.link_closed(place, now);
                        moved = true;
                        continue;
                    }
                },
                Wish::Close => {
                    self.links.close(place);
                    self.web.link_closed(place, now);
                    moved = true;
                    continue;
                }
                Wish::Read => Interest::Read,
                Wish::Nothing | Wish::Drain => Interest::Nothing,
            };
            self.links.want(place, interest, &self.poller)?;
            break;
        }
        Ok(moved)
    }

    fn tell_foreign(&mut self, now: Instant) {
        if now < self.foreign_from {
            return;
        }
        let count = self.web.take_foreign();
        if count > 0 {
            self.foreign_from = now.after(FOREIGN_EVERY);
            tell(
                Level::Warn,
                format_args!("admin page: {count} connections were no HTTP, and were closed"),
            );
        }
    }
}
