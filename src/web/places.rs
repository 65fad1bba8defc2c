//! The places of connections: who gets one, and who loses his for it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use super::connection::{After, Connection, Exchange, Source, State};
use super::links::Use;
use super::{DRAINING_MAX, HEAD_MAX, Place, Web, Wish};
use crate::value::Instant;

/// Connections at most, as the configuration may say.
pub const CONNECTIONS_MAX: usize = 4096;

/// Requests at most that are read or answered at once: 12 kB each, once used.
pub const EXCHANGES_MAX: usize = 32;

/// Strangers of one address at most, of so many connections: no host takes the page from the others. At least what a browser opens at once.
pub const fn strangers_of_one_max(connections: usize) -> usize {
    let quarter = connections / 4;
    if quarter < 8 { 8 } else { quarter }
}

/// So many free places.
pub(super) fn free(count: usize) -> Vec<Connection> {
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let nowhere = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
    let place = || Connection {
        state: State::Free,
        visitor: nobody,
        local: nowhere,
        session: None,
        deadline: Instant::from_ms(0),
        number: 0,
        persists: true,
        noted: false,
        known: None,
        exchange: None,
        source: Source::Nothing,
        sent: 0,
    };
    core::iter::repeat_with(place).take(count).collect()
}

impl Web {
    /// Somebody has come, to the address `local`. His place: if another was there, that one's socket is to be closed without a further word.
    pub fn opened(&mut self, now: Instant, visitor: IpAddr, local: SocketAddr) -> Place {
        let place = self.place_for(visitor);
        self.leave_place(place);
        self.count = self.count.wrapping_add(1);
        let (number, deadline) = (self.count, now.after(HEAD_MAX));
        if let Some(connection) = self.connections.get_mut(place) {
            connection.state = State::Reading;
            connection.visitor = visitor;
            connection.local = local;
            connection.number = number;
            connection.deadline = deadline;
        }
        self.look_at(deadline);
        place
    }

    fn place_for(&self, visitor: IpAddr) -> Place {
        let (mut free, mut own, mut count) = (None, None, 0);
        let (mut stranger, mut other) = (None, None);
        for (place, connection) in self.connections.iter().enumerate() {
            let older = |best: Option<(u32, Place)>| {
                // The count may have gone round.
                let age = self.count.wrapping_sub(connection.number);
                if best.is_none_or(|(oldest, _)| age > oldest) {
                    Some((age, place))
                } else {
                    best
                }
            };
            match connection.state {
                State::Free => free = free.or(Some((0, place))),
                _ if connection.session.is_some() => other = older(other),
                _ => {
                    stranger = older(stranger);
                    if connection.visitor == visitor {
                        own = older(own);
                        count += 1;
                    }
                }
            }
        }
        let own = own.filter(|_| count >= strangers_of_one_max(self.connections.len()));
        own.or(free)
            .or(stranger)
            .or(other)
            .map_or(0, |(_, place)| place)
    }

    /// The connection is closed: its place is free.
    pub fn closed(&mut self, place: Place, now: Instant) {
        self.leave_place(place);
        self.pump(now);
    }

    #[inline(never)]
    fn leave_place(&mut self, place: Place) {
        self.unasked(place);
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let before = core::mem::replace(&mut connection.state, State::Free);
        connection.session = None;
        connection.source = Source::Nothing;
        connection.sent = 0;
        connection.persists = true;
        let exchange = connection.exchange.take();
        if let Some(exchange) = exchange {
            self.put_back(exchange);
        }
        if matches!(before, State::Live(_)) {
            self.leave();
        }
    }

    /// Nobody waits for what this connection asked.
    pub(super) fn unasked(&mut self, place: Place) {
        for link in &mut self.links {
            match link.used {
                Use::Asked(asker) if asker == place => link.used = Use::Asked(Place::MAX),
                // The rest of it would be told to nobody.
                Use::Told(asker) if asker == place => link.end(),
                _ => {}
            }
        }
    }

    /// The other side will say no more.
    #[inline(never)]
    pub fn ended(&mut self, place: Place) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        if matches!(connection.state, State::Live(_)) {
            connection.state = State::Over;
            self.leave();
        } else if !matches!(connection.state, State::Free) {
            connection.state = State::Over;
        }
        self.note(place);
    }

    /// Buffers for a request. The oldest stranger who has some loses his place when there are none; then that of any other who is not waiting for the daemon.
    #[inline(never)]
    pub(super) fn take_exchange(&mut self) -> Option<Box<Exchange>> {
        if let Some(exchange) = self.exchanges.pop() {
            return Some(exchange);
        }
        let mut best = None;
        for (place, connection) in self.connections.iter().enumerate() {
            let holds = connection.exchange.is_some()
                && !matches!(connection.state, State::Asking(_) | State::Over);
            if !holds {
                continue;
            }
            let rank = (
                connection.is_stranger(),
                self.count.wrapping_sub(connection.number),
            );
            if best.is_none_or(|(most, _)| rank > most) {
                best = Some((rank, place));
            }
        }
        let (_, place) = best?;
        let exchange = self.connections.get_mut(place)?.exchange.take();
        self.ended(place);
        exchange.map(|mut exchange| {
            exchange.clear();
            exchange
        })
    }

    /// Buffers that nobody needs any more.
    #[inline(never)]
    pub(super) fn put_back(&mut self, mut exchange: Box<Exchange>) {
        exchange.clear();
        self.exchanges.push(exchange);
    }

    /// What is to be done with the socket of a connection.
    pub fn wish(&self, place: Place) -> Wish {
        let Some(connection) = self.connections.get(place) else {
            return Wish::Close;
        };
        let waits = connection
            .exchange
            .as_ref()
            .is_some_and(|exchange| !exchange.rest().is_empty());
        match &connection.state {
            State::Free | State::Over => Wish::Close,
            State::Reading => Wish::Read,
            State::Body if waits => Wish::Write,
            State::Body => Wish::Read,
            State::Asking(_) => Wish::Nothing,
            State::Writing(_) => match connection.source {
                Source::Link(link) if !waits && !self.has_told(link) => Wish::Nothing,
                _ => Wish::Write,
            },
            State::Live(_) if waits || !matches!(connection.source, Source::Nothing) => Wish::Write,
            State::Live(_) => Wish::Read,
            State::Draining => Wish::Drain,
        }
    }

    /// An answer is gone.
    #[inline(never)]
    pub(super) fn answered_whole(&mut self, place: Place, after: After, now: Instant) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        connection.source = Source::Nothing;
        connection.sent = 0;
        if let Some(exchange) = &mut connection.exchange {
            exchange.begin_output();
            exchange.body = Vec::new();
            exchange.route = None;
        }
        match after {
            After::Next => {
                connection.state = State::Reading;
                let deadline = now.after(HEAD_MAX);
                connection.deadline = deadline;
                self.look_at(deadline);
                self.advance(place, now);
            }
            After::Drain => {
                connection.state = State::Draining;
                connection.deadline = now.after(DRAINING_MAX);
                let exchange = connection.exchange.take();
                let deadline = connection.deadline;
                if let Some(exchange) = exchange {
                    self.put_back(exchange);
                }
                self.look_at(deadline);
            }
            After::Live => {
                let exchange = connection.exchange.take();
                self.join(place, now);
                match exchange {
                    // It speaks already.
                    Some(exchange) if !exchange.input.is_empty() => {
                        self.listen(place, exchange, now);
                    }
                    Some(exchange) => self.put_back(exchange),
                    None => {}
                }
            }
        }
    }
}
