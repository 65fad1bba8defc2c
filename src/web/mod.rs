//! The admin page: bytes of browsers become questions to the daemon, and its answers become bytes for browsers.
//!
//! Must not: read a clock, file, socket or environment; decide anything about the lanes; know the password; keep anything but sessions and what it shows;
//! hold memory without bound for anybody, or much for whoever is not logged in.
//!
//! Words: a *connection* is a browser's, a *link* one to the daemon; a *place* is the number of either. An *exchange* is the buffers of a request that is
//! being read or answered: an idle connection has none. A *stranger* is a connection that has shown no session.
//!
//! How it is driven, with what happened and the time:
//! 1. [`Web::opened`], [`Web::received`], [`Web::sent`], [`Web::ended`] tell of connections, [`Web::link_opened`] and its like of links.
//! 2. [`Web::noted`] names the connections for which something changed: there [`Web::output`] may have something to send, and [`Web::wish`] says what to wait
//!    for. [`Web::link_output`] and [`Web::link_wish`] say the same of links.
//! 3. [`Web::tick`] at the time that [`Web::deadline`] names.
//! 4. [`Web::stock`] when [`Web::needs_chance`]: a session is made of it.
//!
//! When full: a further connection takes the place of the oldest stranger, of its own address first when that has too many; so does a request that needs an
//! exchange. Told nonsense by a browser, it answers with the status of the RFC and listens no more; by the daemon, the request fails and the link is closed.

mod answer;
mod assets;
mod connection;
mod daemon;
mod gate;
mod kept;
mod links;
mod live;
mod metrics;
mod places;
mod plain;
mod question;
mod routes;
mod sessions;
mod talk;

use core::time::Duration;

use heapless::String;

use crate::value::Instant;
use crate::wire::channel::{METRICS_BYTES_MAX, NAMES_BYTES_MAX, Settings};

use connection::{Connection, Exchange, State};
use kept::{Kept, Which};
use links::{Link, Use};
use live::Live;
use sessions::Sessions;

pub use kept::KEPT_MAX;
pub use links::{ANSWER_BYTES_MAX, ANSWER_MAX, LINKS_MAX};
pub use live::{LINE_BYTES_MAX, PING_AFTER};
pub use places::{CONNECTIONS_MAX, EXCHANGES_MAX, strangers_of_one_max};
pub use question::{LOGINS_MAX, LOGINS_OF_ONE_MAX, PASSWORD_BYTES_MAX};
pub use routes::{BODY_BYTES_MAX, CONFIG_BYTES_MAX, Form, Guard, ROUTES, Route};
pub use sessions::{AGE_MAX, CHANCE_BYTES, IDLE_MAX, SESSIONS_MAX};
pub use talk::CONFIGS_MAX;

/// How long a head may take, from the connection or the first byte on.
pub const HEAD_MAX: Duration = Duration::from_secs(5);

/// How long a body may take: a configuration over a slow radio.
pub const BODY_MAX: Duration = Duration::from_secs(20);

/// How long an answer may take to be read. One without bound: to be read on.
pub const WRITING_MAX: Duration = Duration::from_secs(10);

/// How long a connection may wait for its next request: browsers keep some open.
pub const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(60);

/// How long is thrown away what comes after the last answer.
pub const DRAINING_MAX: Duration = Duration::from_secs(2);

/// How long a question may take, with the wait for a link: more than the daemon has for its answer.
const ASKING_MAX: Duration = Duration::from_secs(40);

/// The number of a connection or a link.
pub type Place = usize;

/// What a socket is to be waited for, or what is to become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// For something to read.
    Read,
    /// For room to write.
    Write,
    /// For nothing but its end.
    Nothing,
    /// We say no more; what still comes is to be read and told.
    Drain,
    /// It is to be closed, and told.
    Close,
}

/// See the module.
pub struct Web {
    has_password: bool,
    names: String<NAMES_BYTES_MAX>,
    /// The token of the metrics; empty: there are none.
    metrics: String<METRICS_BYTES_MAX>,
    connections: Vec<Connection>,
    /// Counts up with each connection.
    count: u32,
    /// Connections for which something changed.
    notes: Vec<Place>,
    #[expect(
        clippy::vec_box,
        reason = "they move between here and the connections, which are small for that"
    )]
    exchanges: Vec<Box<Exchange>>,
    sessions: Sessions,
    /// For the next session.
    chance: Option<[u8; CHANCE_BYTES]>,
    links: [Link; LINKS_MAX],
    /// Questions that wait for a link.
    queued: usize,
    kept: [Kept; 2],
    live: Live,
    /// When something may be late.
    check: Option<Instant>,
    /// Connections that were no HTTP, since somebody asked.
    foreign: u32,
}

impl Web {
    /// For so many connections.
    pub fn new(connections: u16) -> Web {
        let connections = usize::from(connections).clamp(1, CONNECTIONS_MAX);
        let exchanges = connections.min(EXCHANGES_MAX);
        Web {
            has_password: false,
            names: String::new(),
            metrics: String::new(),
            connections: places::free(connections),
            count: 0,
            notes: Vec::with_capacity(connections),
            exchanges: (0..exchanges).map(|_| Box::new(Exchange::new())).collect(),
            sessions: Sessions::default(),
            chance: None,
            links: [const { Link::new() }; LINKS_MAX],
            queued: 0,
            kept: Default::default(),
            live: Live::new(),
            check: None,
            foreign: 0,
        }
    }

    /// Connections at most.
    pub fn connections_max(&self) -> usize {
        self.connections.len()
    }

    /// The daemon told settings. How many connections there may be is fixed.
    pub fn settings(&mut self, settings: &Settings<'_>) {
        self.has_password = settings.has_password;
        self.names.clear();
        self.metrics.clear();
        // What is longer cannot be sent.
        let _ = self.names.push_str(settings.names);
        let _ = self.metrics.push_str(settings.metrics);
    }

    /// No session is one any more.
    pub fn forget(&mut self) {
        self.sessions.end_all();
        self.sessions_ended();
    }

    /// Whether there is nothing to make a session of.
    pub fn needs_chance(&self) -> bool {
        self.chance.is_none()
    }

    /// What the next session is made of.
    pub fn stock(&mut self, chance: [u8; CHANCE_BYTES]) {
        self.chance = Some(chance);
    }

    /// How many connections were no HTTP, since this was asked.
    pub fn take_foreign(&mut self) -> u32 {
        core::mem::take(&mut self.foreign)
    }

    /// A connection for which something changed.
    pub fn noted(&mut self, now: Instant) -> Option<Place> {
        let place = self.notes.pop()?;
        let connection = self.connections.get_mut(place)?;
        connection.noted = false;
        // An answer that has just been made has its time from now on.
        let is_new = connection.sent == 0
            && connection
                .exchange
                .as_ref()
                .is_some_and(|exchange| exchange.sent == 0);
        if matches!(connection.state, State::Writing(_)) && is_new {
            let deadline = now.after(WRITING_MAX);
            connection.deadline = deadline;
            self.look_at(deadline);
        }
        Some(place)
    }

    /// When [`Web::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.check
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if self.check.is_none_or(|check| now < check) {
            return;
        }
        self.check = None;
        if let Some(end) = self.sessions.expire(now)
            && self
                .connections
                .iter()
                .any(|each| matches!(each.state, State::Live(_)))
        {
            self.look_at(end);
        }
        for place in 0..self.connections.len() {
            let Some(connection) = self.connections.get(place) else {
                break;
            };
            if matches!(connection.state, State::Free | State::Over) {
                continue;
            }
            if connection.deadline <= now {
                self.late(place, now);
            }
            if let Some(connection) = self.connections.get(place)
                && !matches!(connection.state, State::Free | State::Over)
            {
                self.look_at(connection.deadline);
            }
        }
        // Afterwards: what is told to them has its own time.
        self.sessions_ended();
        for place in 0..LINKS_MAX {
            match self.links[place].deadline {
                Some(deadline) if deadline <= now => self.link_lost(place, Use::Over, now),
                Some(deadline) => self.look_at(deadline),
                None => {}
            }
        }
        self.pump(now);
    }

    fn late(&mut self, place: Place, now: Instant) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        match connection.state {
            State::Live(_) => return self.ping(place, now),
            State::Asking(_) => {
                if let Some(exchange) = connection.exchange.take() {
                    self.unasked(place);
                    let fault = answer::Fault::of(crate::wire::http::Status::Unavailable);
                    self.fault(place, exchange, &fault);
                }
            }
            _ => connection.state = State::Over,
        }
        self.note(place);
    }

    /// Lets the live sockets of sessions go that are none any more.
    fn sessions_ended(&mut self) {
        for place in 0..self.connections.len() {
            let Some(connection) = self.connections.get_mut(place) else {
                return;
            };
            let is_over = |key| !self.sessions.has(key);
            if !connection.session.is_some_and(is_over) {
                continue;
            }
            connection.session = None;
            if !matches!(connection.state, State::Live(_)) {
                continue;
            }
            let exchange = connection.exchange.take().or_else(|| self.exchanges.pop());
            match exchange {
                Some(exchange) => {
                    self.part(place, exchange, crate::wire::websocket::Close::GoingAway);
                }
                // Without a word, then.
                None => {
                    connection.state = State::Over;
                    self.leave();
                    self.note(place);
                }
            }
        }
    }

    fn connection(&mut self, place: Place) -> Option<&mut Connection> {
        self.connections.get_mut(place)
    }

    #[inline(never)]
    fn persists(&self, place: Place) -> bool {
        self.connections
            .get(place)
            .is_some_and(|connection| connection.persists)
    }

    #[inline(never)]
    fn kept_of(&mut self, which: Which) -> &mut Kept {
        match which {
            Which::Status => &mut self.kept[0],
            Which::Devices => &mut self.kept[1],
        }
    }

    /// Something changed for a connection.
    #[inline(never)]
    fn note(&mut self, place: Place) {
        if let Some(connection) = self.connections.get_mut(place)
            && !core::mem::replace(&mut connection.noted, true)
        {
            self.notes.push(place);
        }
    }

    /// Something may be late then.
    #[inline(never)]
    fn look_at(&mut self, moment: Instant) {
        self.check = Some(self.check.map_or(moment, |check| check.min(moment)));
    }
}
