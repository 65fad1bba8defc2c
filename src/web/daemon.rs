//! What is asked of the daemon, and what comes from it.

use super::answer::Fault;
use super::connection::{Source, State};
use super::kept::Which;
use super::links::{ANSWER_BYTES_MAX, LINKS_MAX, Link, Use, WAITING_BYTES};
use super::question::Then;
use super::{Place, WRITING_MAX, Web, Wish};
use crate::value::Instant;
use crate::wire::http::{Content, Length, Reply, Status};

/// Links at most on which passwords are looked at: the others are for whoever is logged in.
const SLOW_LINKS_MAX: usize = 2;

impl Web {
    /// A link has come. Its number; none when there are enough.
    pub fn link_opened(&mut self, now: Instant) -> Option<Place> {
        let place = (0..LINKS_MAX).find(|&place| self.links[place].used == Use::Absent)?;
        self.links[place].free();
        self.pump(now);
        Some(place)
    }

    /// A link is closed: whoever waited for an answer on it gets none.
    pub fn link_closed(&mut self, place: Place, now: Instant) {
        self.link_lost(place, Use::Absent, now);
        self.pump(now);
    }

    /// What is to be said on a link.
    pub fn link_output(&self, place: Place) -> &[u8] {
        self.links.get(place).map_or(&[], Link::rest)
    }

    /// So many bytes of that went.
    pub fn link_sent(&mut self, place: Place, count: usize) {
        if let Some(link) = self.links.get_mut(place) {
            link.sent += count;
            if link.rest().is_empty() {
                link.output = Vec::new();
                link.sent = 0;
            }
        }
    }

    /// What a link is to be waited for.
    pub fn link_wish(&self, place: Place) -> Wish {
        match self.links.get(place) {
            None => Wish::Close,
            Some(link) => match link.used {
                Use::Over => Wish::Close,
                _ if !link.rest().is_empty() => Wish::Write,
                Use::Told(_) if link.answer.len() >= WAITING_BYTES || link.ended => Wish::Nothing,
                _ => Wish::Read,
            },
        }
    }

    /// The daemon said something on a link.
    pub fn link_received(&mut self, now: Instant, place: Place, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(place) else {
            return;
        };
        link.answer.extend_from_slice(bytes);
        match link.used {
            // Nobody asked.
            Use::Absent | Use::Free | Use::Over => link.end(),
            Use::Watch | Use::Whole => self.watched(place, now),
            Use::Told(asker) => self.flowed(place, asker, now),
            Use::Asked(asker) => {
                if self.asks_flows(asker) && !self.is_failure(place) {
                    self.begin_flow(place, asker, now);
                } else {
                    self.concluded(place, now);
                }
            }
            Use::Kept(_) => self.concluded(place, now),
        }
        self.pump(now);
    }

    fn asks_flows(&self, asker: Place) -> bool {
        self.connections
            .get(asker)
            .is_some_and(|each| matches!(each.state, State::Asking(Then::Flows)))
    }

    /// Whether an answer without bound is a failure, or too short to tell.
    fn is_failure(&self, place: Place) -> bool {
        const FAILURE: &[u8] = b"{\"error\"";
        let Some(link) = self.links.get(place) else {
            return true;
        };
        link.answer.len() < FAILURE.len() || link.answer.starts_with(FAILURE)
    }

    /// An answer that is told as a whole may be there.
    fn concluded(&mut self, place: Place, now: Instant) {
        let Some(link) = self.links.get_mut(place) else {
            return;
        };
        if link.answer.last() != Some(&b'\n') {
            if link.answer.len() > ANSWER_BYTES_MAX {
                self.link_lost(place, Use::Over, now);
            }
            return;
        }
        let mut line = core::mem::take(&mut link.answer);
        line.pop();
        let used = link.used;
        link.free();
        match used {
            Use::Kept(which) => self.kept_answered(which, line, now),
            Use::Asked(asker) => self.answered(asker, line, now),
            _ => {}
        }
    }

    /// Flows are told as they come.
    fn begin_flow(&mut self, place: Place, asker: Place, now: Instant) {
        let Some(connection) = self.connections.get_mut(asker) else {
            return;
        };
        let Some(mut exchange) = connection.exchange.take() else {
            return;
        };
        exchange.head(&Reply {
            content: Content::Json,
            length: Length::Chunks,
            persists: connection.persists,
            ..Reply::plain(Status::Done)
        });
        connection.answer(exchange, Source::Link(place));
        if let Some(link) = self.links.get_mut(place) {
            link.used = Use::Told(asker);
            link.deadline = None;
        }
        self.flowed(place, asker, now);
    }

    fn flowed(&mut self, place: Place, asker: Place, now: Instant) {
        if let Some(link) = self.links.get_mut(place)
            && link.answer.last() == Some(&b'\n')
        {
            link.answer.pop();
            link.ended = true;
        }
        if let Some(connection) = self.connections.get_mut(asker) {
            connection.deadline = now.after(WRITING_MAX);
        }
        self.look_at(now.after(WRITING_MAX));
        self.note(asker);
    }

    /// Whether there is something of an answer without bound to be passed on.
    pub(super) fn has_told(&self, place: Place) -> bool {
        self.links
            .get(place)
            .is_some_and(|link| link.ended || !link.answer.is_empty())
    }

    /// A link is of no use any more.
    pub(super) fn link_lost(&mut self, place: Place, becomes: Use, now: Instant) {
        let Some(link) = self.links.get_mut(place) else {
            return;
        };
        let used = link.used;
        link.end();
        link.used = becomes;
        match used {
            Use::Absent | Use::Free | Use::Over => {}
            Use::Kept(which) => self.kept_failed(which, Status::Unavailable),
            Use::Watch => self.watch_lost(),
            Use::Whole => self.live_waits(),
            // Cut in the middle of a chunk, nobody takes a part for the whole.
            Use::Told(asker) => self.ended(asker),
            Use::Asked(asker) => {
                let exchange = self
                    .connections
                    .get_mut(asker)
                    .filter(|each| matches!(each.state, State::Asking(_)))
                    .and_then(|each| each.exchange.take());
                if let Some(exchange) = exchange {
                    self.fault(asker, exchange, &Fault::of(Status::Unavailable));
                }
            }
        }
        self.look_at(now);
    }

    /// Asks what waits to be asked, as far as there are links.
    pub(super) fn pump(&mut self, now: Instant) {
        self.watch(now);
        for which in Which::ALL {
            let kept = self.kept_of(which);
            if !kept.wanted || kept.asked {
                continue;
            }
            let Some(link) = self.links.iter_mut().find(|link| link.used == Use::Free) else {
                return;
            };
            link.ask(Use::Kept(which), now);
            crate::control::ask(which.verb(), None, None, &mut link.output);
            self.kept_of(which).asked = true;
            self.look_at(now.after(super::ANSWER_MAX));
        }
        while self.queued > 0 && self.ask_next(now) {}
    }

    /// Whether a password is looked at on a link. An answer that nobody waits for any more may be such a one.
    fn is_slow(&self, link: &Link) -> bool {
        let Use::Asked(asker) = link.used else {
            return false;
        };
        self.connections
            .get(asker)
            .is_none_or(|each| matches!(each.state, State::Asking(then) if then.is_slow()))
    }

    /// Asks the question that waits longest. Whether there was one, and a link for it.
    fn ask_next(&mut self, now: Instant) -> bool {
        let mut free = self.links.iter().filter(|link| link.used == Use::Free);
        // The last one is kept for short questions.
        let (Some(_), is_last) = (free.next(), free.next().is_none()) else {
            return false;
        };
        let slow = self.links.iter().filter(|link| self.is_slow(link)).count();
        let (mut best, mut waits) = (None, false);
        for (place, connection) in self.connections.iter().enumerate() {
            let State::Asking(then) = connection.state else {
                continue;
            };
            let has_lines = connection
                .exchange
                .as_ref()
                .is_some_and(|exchange| !exchange.output.is_empty());
            if !has_lines {
                continue;
            }
            waits = true;
            let age = self.count.wrapping_sub(connection.number);
            let may = if then.is_slow() {
                slow < SLOW_LINKS_MAX
            } else {
                !(is_last && then == Then::Flows)
            };
            if may && best.is_none_or(|(most, _)| age > most) {
                best = Some((age, place));
            }
        }
        let Some((_, place)) = best else {
            if !waits {
                self.queued = 0;
            }
            return false;
        };
        self.queued -= 1;
        let exchange = self
            .connections
            .get_mut(place)
            .and_then(|each| each.exchange.as_mut());
        let link = self.links.iter_mut().find(|link| link.used == Use::Free);
        let (Some(exchange), Some(link)) = (exchange, link) else {
            return false;
        };
        link.ask(Use::Asked(place), now);
        link.output = exchange.output.clone();
        link.output.append(&mut core::mem::take(&mut exchange.body));
        exchange.body_len = 0;
        exchange.begin_output();
        self.look_at(now.after(super::ANSWER_MAX));
        true
    }
}
