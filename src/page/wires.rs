//! Sockets in places, and what each is waited for.

use std::os::fd::OwnedFd;

use crate::sys::poller::{Interest, Poller};
use crate::sys::tcp::local;
use crate::value::Refused;
use crate::wire::channel::Place as Written;

/// A socket.
struct Wire {
    socket: Option<OwnedFd>,
    interest: Interest,
}

/// See the module.
pub(super) struct Wires {
    all: Vec<Wire>,
    /// The token of the first; the others follow.
    token: usize,
}

impl Wires {
    /// So many empty places.
    pub(super) fn new(count: usize, token: usize) -> Wires {
        let empty = || Wire {
            socket: None,
            interest: Interest::Nothing,
        };
        Wires {
            all: core::iter::repeat_with(empty).take(count).collect(),
            token,
        }
    }

    /// The socket at a place.
    pub(super) fn get(&self, place: usize) -> Option<&OwnedFd> {
        self.all.get(place)?.socket.as_ref()
    }

    /// Puts a socket there, which is waited for to have something to read. What was there is closed.
    pub(super) fn put(
        &mut self,
        place: usize,
        socket: OwnedFd,
        poller: &Poller,
    ) -> Result<(), Refused> {
        let Some(wire) = self.all.get_mut(place) else {
            return Ok(());
        };
        // Closed first: its descriptor may be the same number.
        wire.socket = None;
        wire.interest = Interest::Read;
        poller.add(&socket, (self.token + place) as u64, Interest::Read)?;
        wire.socket = Some(socket);
        Ok(())
    }

    /// Waits for something else of it.
    pub(super) fn want(
        &mut self,
        place: usize,
        interest: Interest,
        poller: &Poller,
    ) -> Result<(), Refused> {
        let Some(wire) = self.all.get_mut(place) else {
            return Ok(());
        };
        if let Some(socket) = &wire.socket
            && wire.interest != interest
        {
            poller.change(socket, (self.token + place) as u64, interest)?;
            wire.interest = interest;
        }
        Ok(())
    }

    /// The same for all.
    pub(super) fn want_all(&mut self, interest: Interest, poller: &Poller) -> Result<(), Refused> {
        for place in 0..self.all.len() {
            self.want(place, interest, poller)?;
        }
        Ok(())
    }

    /// Closes it. Whether there was one.
    pub(super) fn close(&mut self, place: usize) -> bool {
        self.all
            .get_mut(place)
            .is_some_and(|wire| wire.socket.take().is_some())
    }

    /// Puts a listening socket into a free place. When there is none, it is closed.
    pub(super) fn listen(&mut self, socket: OwnedFd, poller: &Poller) -> Result<(), Refused> {
        match self.all.iter().position(|wire| wire.socket.is_none()) {
            Some(place) => self.put(place, socket, poller),
            None => Ok(()),
        }
    }

    /// Closes the listening socket of that address.
    pub(super) fn unlisten(&mut self, address: &str) {
        for wire in &mut self.all {
            let own = wire.socket.as_ref().and_then(local);
            if own.is_some_and(|own| Written(own).to_string() == address) {
                wire.socket = None;
            }
        }
    }
}
