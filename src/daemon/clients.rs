//! The clients of the control socket and the connections of the page process, as many as there are places for each.

use std::os::fd::{AsFd, BorrowedFd};

use super::TOKEN_CLIENTS;
use super::connection::{Connection, Fate, Origin};
use super::errand::Errand;
use super::password::Visitor;
use crate::engine::limits::WAITING_CLIENTS_MAX;
use crate::engine::{Answer, Client, Engine, Input};
use crate::sys::clock::now;
use crate::sys::listener::{self, Accepted, Listener};
use crate::sys::poller::{Interest, Poller};
use crate::value::Instant;

/// Clients at most: root only, and each has one question. A further one takes the place of one that asks nothing, else of the oldest.
/// Together with the page's as many as can wait for an answer at once, so that none is ever lost.
const CLIENTS_MAX: usize = WAITING_CLIENTS_MAX - PAGE_MAX;

/// Connections that the page process has: for a question, a long answer, a password, and the live values.
const PAGE_MAX: usize = 4;

#[derive(Default)]
pub(super) struct Clients {
    /// Those of the socket, then those of the page.
    connections: [Option<Connection>; CLIENTS_MAX + PAGE_MAX],
    accepted: u32,
    /// Counts up with each errand.
    tickets: u32,
}

/// What is left of the queue of those who want to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// Nobody.
    Empty,
    /// Somebody, and no file descriptor is free: looking again at once would be spinning.
    Stuck,
}

impl Clients {
    /// Takes the clients that have come. When all places are taken, the one that asks nothing goes, else the oldest: connections that are
    /// left open must not lock the command line out.
    pub(super) fn accept(
        &mut self,
        listener: &Listener,
        engine: &mut Engine,
        poller: &Poller,
        now: Instant,
    ) -> Queue {
        loop {
            let stream = match listener.accept() {
                Accepted::Client(stream) => stream,
                Accepted::TurnedAway => continue,
                Accepted::Nobody => return Queue::Empty,
                Accepted::NoRoom => return Queue::Stuck,
            };
            let place = self.place_for_another();
            let (Some(slot), Ok(client)) = (self.connections.get_mut(place), u8::try_from(place))
            else {
                return Queue::Empty;
            };
            if slot.take().is_some() {
                engine.handle(now, Input::Left(Client(client)));
            }
            if poller
                .add(&stream, TOKEN_CLIENTS + u64::from(client), Interest::Read)
                .is_err()
            {
                continue;
            }
            self.accepted = self.accepted.wrapping_add(1);
            *slot = Some(Connection::new(stream, self.accepted, Origin::Socket));
        }
    }

    /// Makes the connections that the page process lacks; `give` gives it the other end of each, and says whether it took it.
    pub(super) fn lend(&mut self, poller: &Poller, give: &mut dyn FnMut(BorrowedFd<'_>) -> bool) {
        let places = self.connections.iter_mut().zip(0_u8..).skip(CLIENTS_MAX);
        for (slot, place) in places.filter(|(slot, _)| slot.is_none()) {
            let Ok((ours, theirs)) = listener::pair() else {
                return;
            };
            let token = TOKEN_CLIENTS + u64::from(place);
            if !give(theirs.as_fd()) || poller.add(&ours, token, Interest::Read).is_err() {
                return;
            }
            *slot = Some(Connection::new(ours, 0, Origin::Page));
        }
    }

    fn place_for_another(&self) -> usize {
        let worth = |connection: &Option<Connection>| match connection {
            None => (0, 0),
            Some(idle) if idle.is_idle() => (1, idle.number()),
            Some(busy) => (2, busy.number()),
        };
        let places = self.connections.iter().take(CLIENTS_MAX).enumerate();
        let least = places.min_by_key(|(_, connection)| worth(connection));
        least.map_or(0, |(place, _)| place)
    }

    /// A client has sent something, or has room.
    pub(super) fn serve(
        &mut self,
        client: Client,
        engine: &mut Engine,
        poller: &Poller,
        now: Instant,
    ) {
        let Some(Some(connection)) = self.connections.get_mut(usize::from(client.0)) else {
            return;
        };
        let fate = connection.serve(client, engine, now);
        self.settle(client, fate, engine, poller, now);
    }

    /// The errand of somebody, and who; one that was looked at before only when `is_free`.
    pub(super) fn take_errand(&mut self, is_free: bool) -> Option<(Visitor, Box<Errand>)> {
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = self.tickets;
        let mut places = self.connections.iter_mut().zip(0..);
        places.find_map(|(slot, place)| {
            let errand = slot.as_mut()?.take_errand(is_free, ticket)?;
            let client = Client(place);
            Some((Visitor { client, ticket }, errand))
        })
    }

    /// It has to wait.
    pub(super) fn put_errand(&mut self, visitor: Visitor, errand: Box<Errand>) {
        let slot = self.connections.get_mut(usize::from(visitor.client.0));
        if let Some(connection) = slot.and_then(Option::as_mut) {
            connection.put_errand(visitor.ticket, errand);
        }
    }

    /// It is done. Who has left meanwhile is not told, nor whoever has his place.
    pub(super) fn answer_errand(
        &mut self,
        visitor: Visitor,
        answer: Answer,
        engine: &mut Engine,
        poller: &Poller,
    ) {
        let slot = self.connections.get(usize::from(visitor.client.0));
        let connection = slot.and_then(Option::as_ref);
        if connection.is_some_and(|connection| connection.awaits(visitor.ticket)) {
            self.answer(visitor.client, answer, engine, poller);
        }
    }

    /// The engine has an answer.
    pub(super) fn answer(
        &mut self,
        client: Client,
        answer: Answer,
        engine: &mut Engine,
        poller: &Poller,
    ) {
        let Some(Some(connection)) = self.connections.get_mut(usize::from(client.0)) else {
            return;
        };
        let fate = connection.answer(client, answer, engine, now());
        self.settle(client, fate, engine, poller, now());
    }

    /// The same with a line that is the answer.
    pub(super) fn tell_errand(
        &mut self,
        visitor: Visitor,
        line: &[u8],
        engine: &mut Engine,
        poller: &Poller,
    ) {
        let slot = self.connections.get_mut(usize::from(visitor.client.0));
        if let Some(connection) = slot.and_then(Option::as_mut)
            && connection.awaits(visitor.ticket)
        {
            connection.tell(line);
            let fate = connection.write(visitor.client, engine, now());
            self.settle(visitor.client, fate, engine, poller, now());
        }
    }

    fn settle(
        &mut self,
        client: Client,
        fate: Fate,
        engine: &mut Engine,
        poller: &Poller,
        now: Instant,
    ) {
        let Some(slot) = self.connections.get_mut(usize::from(client.0)) else {
            return;
        };
        let Some(connection) = slot else { return };
        let token = TOKEN_CLIENTS + u64::from(client.0);
        let changed = connection.wait(poller, token).is_ok();
        if fate == Fate::Over || !changed {
            // Closing the file takes it out of the poller.
            *slot = None;
            engine.handle(now, Input::Left(client));
        }
    }

    /// The daemon ends: what is still to be told is told, without waiting for whoever does not read.
    pub(super) fn finish(&mut self) {
        for connection in self.connections.iter_mut().flatten() {
            connection.finish();
        }
    }
}
