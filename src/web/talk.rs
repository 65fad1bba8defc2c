//! What comes from browsers, and what goes to them.

use super::answer::Fault;
use super::connection::{Exchange, INPUT_BYTES, OUTPUT_BYTES, Source, State};
use super::gate::{Admitted, Gate, Turned};
use super::routes::BODY_BYTES_MAX;
use super::{BODY_MAX, HEAD_MAX, IDLE_CONNECTION_MAX, Place, WRITING_MAX, Web};
use crate::value::Instant;
use crate::wire::http::{Head, Method, Parsed, Status};

/// Configurations at most that are on their way at once: each takes as much memory as it is long.
pub const CONFIGS_MAX: usize = 2;

/// Bytes of an answer without bound that go out as one chunk, with room for what is around them.
const CHUNK_BYTES: usize = OUTPUT_BYTES - 16;

/// What stands before a body that is only sent when we say so.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Web {
    /// How many bytes a connection may be given now.
    pub fn room(&self, place: Place) -> usize {
        let Some(connection) = self.connections.get(place) else {
            return 0;
        };
        let exchange = connection.exchange.as_ref();
        let len = exchange.map_or(0, |exchange| exchange.input.len());
        match (&connection.state, exchange) {
            (State::Reading | State::Live(_), _) => INPUT_BYTES.saturating_sub(len),
            (State::Body, Some(exchange)) if exchange.body_len > 0 => {
                exchange.body_len.saturating_sub(exchange.body.len())
            }
            (State::Body, Some(exchange)) => exchange.used.saturating_sub(len),
            // Thrown away.
            (State::Draining, _) => INPUT_BYTES,
            _ => 0,
        }
    }

    /// A connection said something, not more than there is [`Web::room`] for.
    pub fn received(&mut self, now: Instant, place: Place, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let is_heard = matches!(
            connection.state,
            State::Reading | State::Body | State::Live(_)
        );
        if !is_heard {
            return;
        }
        let first = connection.exchange.is_none();
        let Some(mut exchange) = connection.exchange.take().or_else(|| self.take_exchange()) else {
            return self.ended(place);
        };
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        match connection.state {
            State::Body => {
                let into = if exchange.body_len > 0 {
                    &mut exchange.body
                } else {
                    &mut exchange.input
                };
                into.extend_from_slice(bytes);
                self.embody(place, exchange, now);
            }
            State::Reading => {
                exchange.input.extend_from_slice(bytes);
                if first {
                    connection.deadline = connection.deadline.min(now.after(HEAD_MAX));
                    let deadline = connection.deadline;
                    connection.exchange = Some(exchange);
                    self.look_at(deadline);
                } else {
                    connection.exchange = Some(exchange);
                }
                self.advance(place, now);
            }
            _ => {
                exchange.input.extend_from_slice(bytes);
                self.listen(place, exchange, now);
            }
        }
        self.note(place);
        self.pump(now);
    }

    /// Looks whether a request is there.
    pub(super) fn advance(&mut self, place: Place, now: Instant) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let Some(mut exchange) = connection.exchange.take() else {
            return;
        };
        let input = core::mem::take(&mut exchange.input);
        let parsed = Parsed::of(&input);
        match parsed {
            Parsed::Partial => {
                let is_idle = input.is_empty();
                exchange.input = input;
                if is_idle {
                    let deadline = now.after(IDLE_CONNECTION_MAX);
                    connection.deadline = deadline;
                    self.put_back(exchange);
                    self.look_at(deadline);
                } else {
                    connection.exchange = Some(exchange);
                }
            }
            Parsed::Foreign => {
                connection.state = State::Over;
                self.foreign = self.foreign.saturating_add(1);
                exchange.input = input;
                self.put_back(exchange);
            }
            Parsed::Bad(status) => {
                connection.refuse(exchange, status);
                // Of no use any more.
                drop(input);
            }
            Parsed::Whole(head) => {
                self.judge(place, &mut exchange, &head, now, input.len());
                let is_there = input.len() >= exchange.used && exchange.body_len == 0;
                match exchange.route {
                    // Most often: what is asked for is known from the head, and nothing is waited for.
                    Some(route) if is_there => {
                        let outcome = self.outcome(place, route, &head, &input, &mut exchange);
                        exchange.input = input;
                        self.carry_out(place, exchange, outcome, now);
                    }
                    _ => {
                        exchange.input = input;
                        self.go_on(place, exchange, now);
                    }
                }
            }
        }
        self.note(place);
    }

    /// Lets a request in, or not: what is to be told then is in the exchange.
    fn judge(
        &mut self,
        place: Place,
        exchange: &mut Exchange,
        head: &Head<'_>,
        now: Instant,
        len: usize,
    ) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        connection.persists = head.persists;
        let gate = Gate {
            has_password: self.has_password,
            names: &self.names,
            metrics: &self.metrics,
            local: connection.local,
        };
        exchange.head_only = head.method == Method::Head;
        exchange.used = head.len + head.body_len;
        exchange.body_len = 0;
        match gate.judge(head, &mut self.sessions, now) {
            Ok(Admitted { route, session }) => {
                connection.session = session;
                exchange.route = Some(route);
                exchange.refused = None;
                if route.bytes_max > BODY_BYTES_MAX {
                    exchange.body_len = head.body_len;
                    exchange.used = head.len;
                }
                exchange.begin_output();
                if head.waits && len < exchange.used + exchange.body_len {
                    exchange.output.extend_from_slice(CONTINUE);
                }
            }
            Err(Turned {
                status,
                session,
                allow,
            }) => {
                connection.session = session;
                // Whoever means somebody else is not told more; the body of whoever is told is not waited for.
                let is_known = status != Status::Misdirected && status != Status::BadRequest;
                let is_short = is_known && head.body_len == 0;
                connection.persists &= is_short;
                exchange.route = None;
                exchange.refused = Some(if is_known {
                    Fault {
                        more: allow.unwrap_or_default(),
                        ..Fault::of(status)
                    }
                } else {
                    Fault {
                        expected: "",
                        ..Fault::of(status)
                    }
                });
            }
        }
    }

    /// A head was judged: its body is awaited, or the answer is given.
    fn go_on(&mut self, place: Place, mut exchange: Box<Exchange>, now: Instant) {
        if let Some(fault) = exchange.refused.take() {
            let used = exchange.used.min(exchange.input.len());
            exchange.input.drain(..used);
            return self.fault(place, exchange, &fault);
        }
        if exchange.body_len > 0 {
            if self.configs() >= CONFIGS_MAX {
                if let Some(connection) = self.connections.get_mut(place) {
                    connection.persists = false;
                }
                return self.fault(place, exchange, &Fault::of(Status::Unavailable));
            }
            let (used, wanted) = (exchange.used, exchange.body_len);
            let there = exchange.input.len().min(used + wanted);
            let Exchange { input, body, .. } = &mut *exchange;
            body.extend(input.drain(used..there));
        }
        if let Some(connection) = self.connections.get_mut(place) {
            connection.state = State::Body;
            connection.deadline = now.after(BODY_MAX);
            let deadline = connection.deadline;
            self.look_at(deadline);
        }
        self.embody(place, exchange, now);
    }

    /// Acts when the body is there.
    fn embody(&mut self, place: Place, exchange: Box<Exchange>, now: Instant) {
        let is_there =
            exchange.input.len() >= exchange.used && exchange.body.len() >= exchange.body_len;
        if is_there {
            self.act(place, exchange, now);
        } else if let Some(connection) = self.connections.get_mut(place) {
            connection.exchange = Some(exchange);
        }
    }

    /// Configurations that are on their way.
    fn configs(&self) -> usize {
        let mut count = 0;
        for connection in &self.connections {
            if let Some(exchange) = &connection.exchange {
                count += usize::from(exchange.body_len > 0);
            }
        }
        count
    }

    /// What goes out next to a connection.
    pub fn output(&mut self, place: Place) -> &[u8] {
        self.fill(place);
        let Some(connection) = self.connections.get(place) else {
            return &[];
        };
        let rest = match (&connection.state, &connection.exchange) {
            (State::Body | State::Writing(_) | State::Live(_), Some(exchange)) => exchange.rest(),
            (State::Writing(_) | State::Live(_), None) => &[],
            _ => return &[],
        };
        let source = connection.source.from(connection.sent);
        if self.is_source_first(place) {
            source
        } else {
            rest
        }
    }

    /// Whether the source goes out before what is in the exchange, or there is nothing in that.
    fn is_source_first(&self, place: Place) -> bool {
        let Some(connection) = self.connections.get(place) else {
            return false;
        };
        let Some(exchange) = &connection.exchange else {
            return true;
        };
        let has_source = !connection.source.from(connection.sent).is_empty();
        match connection.state {
            // A frame that has begun goes to its end.
            State::Live(_) => has_source && exchange.sent == 0,
            State::Writing(_) => exchange.rest().is_empty(),
            _ => false,
        }
    }

    /// Brings what is behind the output into it, where that saves a packet, or makes the next chunk.
    fn fill(&mut self, place: Place) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let Some(exchange) = &mut connection.exchange else {
            return;
        };
        if !matches!(connection.state, State::Writing(_)) {
            return;
        }
        if let Source::Link(number) = connection.source {
            if !exchange.rest().is_empty() {
                return;
            }
            let Some(link) = self.links.get_mut(number) else {
                return;
            };
            exchange.begin_output();
            let count = link.answer.len().min(CHUNK_BYTES);
            if count > 0 {
                exchange.write(format_args!("{count:x}\r\n"));
                exchange.output.extend(link.answer.drain(..count));
                exchange.output.extend_from_slice(b"\r\n");
            } else if link.ended {
                exchange.output.extend_from_slice(b"0\r\n\r\n");
                link.free();
                connection.source = Source::Nothing;
            }
            return;
        }
        let rest = connection.source.from(connection.sent);
        if exchange.sent == 0
            && !rest.is_empty()
            && rest.len() + exchange.output.len() <= OUTPUT_BYTES
        {
            exchange.output.extend_from_slice(rest);
            connection.source = Source::Nothing;
            connection.sent = 0;
        }
    }

    /// So many bytes of the output went.
    pub fn sent(&mut self, now: Instant, place: Place, count: usize) {
        let is_source = self.is_source_first(place);
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        if is_source {
            connection.sent += count;
        } else if let Some(exchange) = &mut connection.exchange {
            exchange.sent += count;
            if exchange.rest().is_empty() {
                exchange.begin_output();
            }
        }
        let is_link = matches!(connection.source, Source::Link(_));
        let has_rest = connection
            .exchange
            .as_ref()
            .is_some_and(|exchange| !exchange.rest().is_empty());
        let is_source_over = connection.source.from(connection.sent).is_empty();
        match connection.state {
            // Whoever reads on has time.
            State::Writing(_) if is_link => connection.deadline = now.after(WRITING_MAX),
            State::Writing(after) if !has_rest && is_source_over => {
                self.answered_whole(place, after, now);
            }
            State::Live(_) if is_source_over => self.told(place),
            _ => {}
        }
        self.pump(now);
    }
}
