//! The live socket: what the daemon tells of changes, told to all who watch.

use core::time::Duration;
use std::rc::Rc;

use super::connection::{After, Exchange, Source, State};
use super::links::Use;
use super::{Place, Web};
use crate::value::Instant;
use crate::wire::websocket::{Close, Ear, Heard, Kind, frame_head};

/// How long a live socket is left alone before it is asked whether it is there, and then has time to say so: whoever is not is let go within 60 s.
pub const PING_AFTER: Duration = Duration::from_secs(25);

/// Bytes of the longest line that is told: 512 devices with their rates, and room. A longer one ends the watch, which is begun anew.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// A connection that watches.
#[derive(Clone, Copy, Default)]
pub(super) struct Listener {
    ear: Ear,
    /// Whether it has been told everything once, so that changes mean something to it.
    joined: bool,
    /// Whether it was asked whether it is there.
    asked: bool,
}

/// What all of them have in common.
pub(super) struct Live {
    /// Connections that watch.
    count: usize,
    /// Whether some of them wait for everything.
    waiting: bool,
    ping: Rc<Vec<u8>>,
}

impl Live {
    pub(super) fn new() -> Live {
        Live {
            count: 0,
            waiting: false,
            ping: Rc::new(frame_head(Kind::Ping, 0).to_vec()),
        }
    }
}

impl Web {
    /// A connection has become a live socket.
    pub(super) fn join(&mut self, place: Place, now: Instant) {
        let Some(connection) = self.connection(place) else {
            return;
        };
        connection.state = State::Live(Listener::default());
        connection.deadline = now.after(PING_AFTER);
        self.live.count += 1;
        self.live.waiting = true;
        self.look_at(now.after(PING_AFTER));
    }

    /// A live socket is one no longer.
    pub(super) fn leave(&mut self) {
        self.live.count = self.live.count.saturating_sub(1);
        if self.live.count == 0 {
            self.live.waiting = false;
            // Nobody is interested any more; the daemon then looks at less.
            for link in &mut self.links {
                if matches!(link.used, Use::Watch | Use::Whole) {
                    link.end();
                }
            }
        }
    }

    /// Asks the daemon for what the live sockets need.
    pub(super) fn watch(&mut self, now: Instant) {
        if !self.live.waiting {
            return;
        }
        let has = |wanted: Use| self.links.iter().any(|link| link.used == wanted);
        let wanted = match (has(Use::Watch), has(Use::Whole)) {
            // Its first line tells everything.
            (false, _) => Use::Watch,
            // Changes go on to come on the other one: each tells a value as it is, so that one more of them does no harm.
            (true, false) => Use::Whole,
            (true, true) => return,
        };
        let free = self.links.iter_mut().find(|link| link.used == Use::Free);
        if let Some(link) = free {
            link.ask(wanted, now);
            link.output = b"{\"verb\":\"watch\"}\n".to_vec();
            if wanted == Use::Watch {
                // The first line has to come soon; afterwards it may be silent.
                link.deadline = Some(now.after(super::links::ANSWER_MAX));
            }
        }
    }

    /// The daemon told something on a link that watches.
    pub(super) fn watched(&mut self, place: usize, now: Instant) {
        loop {
            let Some(link) = self.links.get_mut(place) else {
                return;
            };
            let end = link.answer.iter().position(|&byte| byte == b'\n');
            let Some(end) = end else {
                if link.answer.len() > LINE_BYTES_MAX {
                    self.link_lost(place, Use::Over, now);
                }
                return;
            };
            let whole = link.used == Use::Whole || link.deadline.take().is_some();
            let head = frame_head(Kind::Text, end);
            let mut frame = Vec::with_capacity(head.len() + end);
            frame.extend_from_slice(&head);
            frame.extend(link.answer.drain(..=end).take(end));
            // A failure is nothing that a page could show.
            let is_good = !frame
                .get(head.len()..)
                .is_some_and(|line| line.starts_with(b"{\"error\""));
            let used = link.used;
            if !is_good {
                return self.link_lost(place, Use::Over, now);
            }
            if used == Use::Whole {
                link.end();
            }
            self.tell(&Rc::new(frame), whole, used == Use::Watch && !whole);
            if used == Use::Whole {
                return;
            }
        }
    }

    /// Tells a line: a whole one to whoever waits for it, another to all who know what it changes.
    fn tell(&mut self, frame: &Rc<Vec<u8>>, whole: bool, to_joined: bool) {
        if whole {
            self.live.waiting = false;
        }
        for place in 0..self.connections.len() {
            let Some(connection) = self.connections.get_mut(place) else {
                return;
            };
            let State::Live(listener) = &mut connection.state else {
                continue;
            };
            let is_idle = matches!(connection.source, Source::Nothing);
            match (listener.joined, is_idle) {
                (true, true) if to_joined => {}
                (false, true) if whole => listener.joined = true,
                (true, false) if to_joined => {
                    // It does not keep up: when it has what it is being told, it is told everything anew.
                    listener.joined = false;
                    continue;
                }
                _ => continue,
            }
            connection.source = Source::Shared(frame.clone());
            connection.sent = 0;
            self.note(place);
        }
    }

    /// Nobody tells changes any more: the next to do so begins with everything, for all.
    pub(super) fn watch_lost(&mut self) {
        for connection in &mut self.connections {
            if let State::Live(listener) = &mut connection.state {
                listener.joined = false;
            }
        }
        self.live_waits();
    }

    /// Somebody may wait for everything.
    pub(super) fn live_waits(&mut self) {
        self.live.waiting = self.live.count > 0;
    }

    /// A live socket said something: judged, answered where it has to be, and forgotten.
    pub(super) fn listen(&mut self, place: Place, mut exchange: Box<Exchange>, now: Instant) {
        loop {
            let Some(connection) = self.connections.get_mut(place) else {
                return;
            };
            let State::Live(listener) = &mut connection.state else {
                return;
            };
            listener.asked = false;
            let used = match listener.ear.hear(&mut exchange.input) {
                Heard::Partial => break,
                Heard::Nothing(used) | Heard::Pong(used) => used,
                Heard::Ping(payload, used) => {
                    // Whoever asks again before he took the answer gets one answer (5.5.3).
                    if exchange.output.is_empty() {
                        exchange
                            .output
                            .extend_from_slice(&frame_head(Kind::Pong, payload.len()));
                        exchange.output.extend_from_slice(payload);
                    }
                    used
                }
                Heard::End(close) => return self.part(place, exchange, close),
            };
            exchange.input.drain(..used);
        }
        if exchange.input.is_empty() && exchange.output.is_empty() {
            self.put_back(exchange);
        } else if let Some(connection) = self.connection(place) {
            // An unfinished frame has no deadline of its own: that of the next ping counts.
            connection.exchange = Some(exchange);
        }
        self.look_at(now.after(PING_AFTER));
    }

    /// A live socket ends, with a reason.
    pub(super) fn part(&mut self, place: Place, mut exchange: Box<Exchange>, close: Close) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let in_midst = connection.sent > 0 || exchange.sent > 0;
        connection.source = Source::Nothing;
        connection.sent = 0;
        exchange.clear();
        if in_midst {
            // Half a frame went: the reason would be taken for its other half.
            connection.state = State::Over;
        } else {
            let [high, low] = (close as u16).to_be_bytes();
            exchange
                .output
                .extend_from_slice(&frame_head(Kind::Close, 2));
            exchange.output.extend_from_slice(&[high, low]);
            connection.state = State::Writing(After::Drain);
        }
        connection.exchange = Some(exchange);
        self.leave();
        self.note(place);
    }

    /// The time of a live socket is over: it is asked whether it is there, or was and did not say so.
    pub(super) fn ping(&mut self, place: Place, now: Instant) {
        let ping = self.live.ping.clone();
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let State::Live(listener) = &mut connection.state else {
            return;
        };
        let is_idle = matches!(connection.source, Source::Nothing) && connection.exchange.is_none();
        if listener.asked || !is_idle {
            connection.state = State::Over;
            self.leave();
        } else {
            listener.asked = true;
            connection.source = Source::Shared(ping);
            connection.sent = 0;
            connection.deadline = now.after(PING_AFTER);
        }
        self.note(place);
    }

    /// What a live socket was being told is gone.
    pub(super) fn told(&mut self, place: Place) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        if let State::Live(listener) = &connection.state
            && !listener.joined
        {
            self.live.waiting = true;
        }
        connection.source = Source::Nothing;
        connection.sent = 0;
        let idle = connection
            .exchange
            .take_if(|exchange| exchange.rest().is_empty() && exchange.input.is_empty());
        if let Some(exchange) = idle {
            self.put_back(exchange);
        }
    }
}
