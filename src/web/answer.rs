//! What the daemon answered becomes an answer to a request.

use std::rc::Rc;

use heapless::String;

use super::connection::{Exchange, Source, State};
use super::gate::COOKIE;
use super::kept::Which;
use super::question::{Show, Then};
use super::{Place, Web};
use crate::control::{self, FAILURE_BYTES_MAX, Fields, Record, quote};
use crate::value::{Crc32, Instant, halves};
use crate::wire::http::{Content, Length, Reply, Status};

/// Why a request is not carried out, as it is told. Without words there is no body.
#[derive(Clone, Copy)]
pub(super) struct Fault<'a> {
    pub(super) status: Status,
    /// What it is about, if that is a part of a configuration.
    pub(super) field: Option<&'a str>,
    pub(super) expected: &'a str,
    pub(super) found: &'a str,
    /// Further lines of the head.
    pub(super) more: &'static str,
}

impl<'a> Fault<'a> {
    /// The constant words for a status.
    pub(super) fn of(status: Status) -> Fault<'a> {
        let expected = match status {
            Status::Unauthorized => "a session",
            Status::Forbidden => "the token of the session, and our own origin",
            Status::NotFound => "a path that there is",
            Status::NotAllowed => "another method",
            Status::MediaType => "application/json",
            Status::TooLarge => "a shorter body",
            Status::Conflict => "the configuration in force",
            Status::Unconditional => "If-Match with the tag of the configuration",
            Status::TooMany => "fewer tries",
            Status::Unavailable => "an answer of the daemon in time",
            Status::BadGateway => "an answer of the daemon",
            _ => "",
        };
        Fault {
            status,
            field: None,
            expected,
            found: "",
            more: "",
        }
    }

    /// A body that is not what it should be.
    pub(super) fn expected(words: &'static str) -> Fault<'a> {
        Fault {
            expected: words,
            ..Fault::of(Status::BadRequest)
        }
    }

    /// What a failure of the daemon says: `wan.up_kbit: expected .., found ..`, or only a part of that.
    fn told(failure: &'a Failure, then: Then) -> Fault<'a> {
        let status = match (failure.fault.as_str(), then) {
            ("input", Then::Login | Then::PlainLogin) => Status::Unauthorized,
            ("refused", Then::Login | Then::PlainLogin | Then::Enroll) => Status::TooMany,
            ("input", Then::Enroll) => Status::Forbidden,
            ("input", _) => Status::BadRequest,
            ("stale", _) => Status::Conflict,
            _ => Status::BadGateway,
        };
        let (field, expected, found) = parts(&failure.message);
        Fault {
            status,
            field: Some(field).filter(|field| !field.is_empty()),
            expected,
            found,
            more: "",
        }
    }
}

/// The parts of a message: what it is about, what was expected, what was found. One that has no such parts is all `found`.
fn parts(message: &str) -> (&str, &str, &str) {
    let Some((before, rest)) = around(message, "expected ") else {
        return ("", "", message);
    };
    // A number of the line stands before it: of no use to a page, which sent one line.
    let mut field = before.strip_suffix(": ").unwrap_or_default();
    while let Some((_, rest)) = halves(field, b' ') {
        field = rest;
    }
    let (expected, found) = around(rest, ", found ").unwrap_or((rest, ""));
    (field, expected, found)
}

/// What stands before and behind the first of these words.
#[inline(never)]
fn around<'a>(text: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    let place = place(text.as_bytes(), words.as_bytes())?;
    Some((text.get(..place)?, text.get(place + words.len()..)?))
}

/// Where these bytes are first.
#[inline(never)]
fn place(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|&place| {
        bytes
            .get(place..)
            .is_some_and(|rest| rest.starts_with(wanted))
    })
}

/// A failure, as the daemon tells it.
#[derive(Default)]
pub(super) struct Failure {
    pub(super) fault: String<15>,
    pub(super) message: String<FAILURE_BYTES_MAX>,
}

struct Answered<'a>(&'a mut Failure);

impl Record for Failure {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("fault", &mut self.fault);
        with.text("message", &mut self.message);
    }
}

impl Record for Answered<'_> {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.record("error", self.0);
    }
}

/// The failure that an answer is, if it is one.
fn failure(line: &[u8]) -> Option<Failure> {
    if !line.starts_with(b"{\"error\"") {
        return None;
    }
    let mut failure = Failure::default();
    // One that cannot be read is one of the system.
    let _ = control::fill(&mut Answered(&mut failure), line);
    Some(failure)
}

impl Web {
    /// Answers that a request is not carried out.
    #[inline(never)]
    pub(super) fn fault(&mut self, place: Place, mut exchange: Box<Exchange>, fault: &Fault<'_>) {
        let mut body = Vec::new();
        let is_told = !fault.expected.is_empty() || !fault.found.is_empty();
        if is_told {
            body.extend_from_slice(b"{\"error\":{\"field\":");
            match fault.field {
                Some(field) => quote(field, &mut body),
                None => body.extend_from_slice(b"null"),
            }
            body.extend_from_slice(b",\"expected\":");
            quote(fault.expected, &mut body);
            body.extend_from_slice(b",\"found\":");
            match fault.found {
                "" => body.extend_from_slice(b"null"),
                found => quote(found, &mut body),
            }
            body.extend_from_slice(b"}}");
        }
        exchange.head(&Reply {
            content: if is_told {
                Content::Json
            } else {
                Content::None
            },
            length: Length::Bytes(body.len()),
            persists: self.persists(place),
            more: &[fault.more],
            ..Reply::plain(fault.status)
        });
        if !exchange.head_only {
            exchange.output.extend_from_slice(&body);
        }
        if let Some(connection) = self.connections.get_mut(place) {
            connection.answer(exchange, Source::Nothing);
        }
        self.note(place);
    }

    /// The daemon has answered what a connection asked.
    pub(super) fn answered(&mut self, place: Place, line: Vec<u8>, now: Instant) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let State::Asking(then) = connection.state else {
            return;
        };
        let Some(mut exchange) = connection.exchange.take() else {
            return;
        };
        if let Some(failure) = failure(&line) {
            return match then {
                Then::PlainLogin | Then::PlainSet => {
                    let status = Fault::told(&failure, then).status;
                    let source = self.plain_login(&mut exchange, place, status, &failure.message);
                    self.deliver(place, exchange, source);
                }
                _ => self.fault(place, exchange, &Fault::told(&failure, then)),
            };
        }
        match then {
            Then::Pass => {
                let tag = Crc32::of(&line);
                self.body(place, &mut exchange, line.len(), Some(tag));
                self.deliver_unless_known(place, exchange, Rc::new(line), tag);
            }
            Then::Change => {
                self.changed();
                self.body(place, &mut exchange, line.len(), None);
                self.deliver(place, exchange, Source::Shared(Rc::new(line)));
            }
            Then::Enroll => {
                // Whoever knew the old one is let out, here too: the daemon's word on it may come later.
                self.has_password = true;
                self.forget();
                self.begin(place, exchange, Then::Enroll, now);
            }
            Then::Login | Then::PlainLogin => self.begin(place, exchange, then, now),
            Then::PlainSet => {
                self.changed();
                self.see_plain(place, exchange, "");
            }
            Then::Kept(..) | Then::Flows => self.deliver(place, exchange, Source::Nothing),
        }
    }

    /// Begins a session, and tells it.
    fn begin(&mut self, place: Place, mut exchange: Box<Exchange>, then: Then, now: Instant) {
        let Some(chance) = self.chance.take() else {
            return self.fault(place, exchange, &Fault::of(Status::Unavailable));
        };
        let key = self.sessions.begin(now, &chance);
        let Some((name, _)) = self.sessions.secrets(key) else {
            return;
        };
        let cookie = format!("Set-Cookie: {COOKIE}={name}; HttpOnly; SameSite=Strict; Path=/\r\n");
        if let Some(connection) = self.connections.get_mut(place) {
            connection.session = Some(key);
        }
        if then == Then::PlainLogin {
            return self.see_plain(place, exchange, &cookie);
        }
        self.session_answer(&mut exchange, Some(key), place, &cookie);
        self.deliver(place, exchange, Source::Nothing);
    }

    /// Sends a browser back to the page without JavaScript: loading it again then changes nothing.
    fn see_plain(&mut self, place: Place, mut exchange: Box<Exchange>, cookie: &str) {
        exchange.head(&Reply {
            persists: self.persists(place),
            more: &["Location: /plain\r\n", cookie],
            ..Reply::plain(Status::SeeOther)
        });
        self.deliver(place, exchange, Source::Nothing);
    }

    /// The head of an answer in JSON.
    #[inline(never)]
    fn body(&self, place: Place, exchange: &mut Exchange, len: usize, tag: Option<u32>) {
        exchange.head(&Reply {
            content: Content::Json,
            length: Length::Bytes(len),
            persists: self.persists(place),
            tag,
            ..Reply::plain(Status::Done)
        });
    }

    /// In the place of an answer that the other side has.
    pub(super) fn unchanged(&self, place: Place, exchange: &mut Exchange, tag: u32) {
        exchange.head(&Reply {
            length: Length::None,
            persists: self.persists(place),
            tag: Some(tag),
            ..Reply::plain(Status::NotModified)
        });
    }

    #[inline(never)]
    pub(super) fn deliver(&mut self, place: Place, exchange: Box<Exchange>, source: Source) {
        if let Some(connection) = self.connections.get_mut(place) {
            connection.answer(exchange, source);
        }
        self.note(place);
    }

    fn deliver_unless_known(
        &mut self,
        place: Place,
        mut exchange: Box<Exchange>,
        body: Rc<Vec<u8>>,
        tag: u32,
    ) {
        let known = self.connections.get(place).and_then(|each| each.known);
        if known == Some(tag) {
            self.unchanged(place, &mut exchange, tag);
            self.deliver(place, exchange, Source::Nothing);
        } else {
            self.deliver(place, exchange, Source::Shared(body));
        }
    }

    /// Something was changed: what is kept may be wrong.
    fn changed(&mut self) {
        self.kept.iter_mut().for_each(super::kept::Kept::forget);
    }

    /// Answers whoever waits for a kept answer, if it is there.
    pub(super) fn serve_kept(&mut self, which: Which, now: Instant) {
        let Some((body, tag)) = self.kept_of(which).get(now) else {
            return;
        };
        self.kept_of(which).wanted = false;
        for place in 0..self.connections.len() {
            let Some(connection) = self.connections.get_mut(place) else {
                return;
            };
            let State::Asking(Then::Kept(wanted, show)) = connection.state else {
                continue;
            };
            if wanted != which {
                continue;
            }
            if let Some(exchange) = connection.exchange.take() {
                self.show(place, exchange, show, (body.clone(), tag), now);
            }
        }
    }

    pub(super) fn show(
        &mut self,
        place: Place,
        mut exchange: Box<Exchange>,
        show: Show,
        (body, tag): (Rc<Vec<u8>>, u32),
        now: Instant,
    ) {
        match show {
            Show::Whole => {
                self.body(place, &mut exchange, body.len(), Some(tag));
                self.deliver_unless_known(place, exchange, body, tag);
            }
            Show::Classes => {
                let mut classes = classes(&body).to_vec();
                classes.insert(0, b'{');
                classes.push(b'}');
                let tag = Crc32::of(&classes);
                self.body(place, &mut exchange, classes.len(), Some(tag));
                self.deliver_unless_known(place, exchange, Rc::new(classes), tag);
            }
            Show::Metrics => self.line_metrics(place, exchange, &body, now),
            Show::DeviceMetrics => {
                let source = self.device_metrics(&mut exchange, place, &body);
                self.deliver(place, exchange, source);
            }
            Show::Page => {
                let source = self.plain_devices(&mut exchange, place, &body);
                self.deliver(place, exchange, source);
            }
        }
    }

    /// The daemon could not be asked for what is kept.
    pub(super) fn kept_failed(&mut self, which: Which, status: Status) {
        *self.kept_of(which) = super::kept::Kept::default();
        for place in 0..self.connections.len() {
            let waits =
                self.connections
                    .get_mut(place)
                    .and_then(|connection| match connection.state {
                        State::Asking(Then::Kept(wanted, _)) if wanted == which => {
                            connection.exchange.take()
                        }
                        _ => None,
                    });
            if let Some(exchange) = waits {
                self.fault(place, exchange, &Fault::of(status));
            }
        }
    }

    /// The daemon answered for what is kept.
    pub(super) fn kept_answered(&mut self, which: Which, line: Vec<u8>, now: Instant) {
        if line.starts_with(b"{\"error\"") {
            return self.kept_failed(which, Status::BadGateway);
        }
        self.kept_of(which).put(now, line);
        self.serve_kept(which, now);
    }
}

/// The field with the lanes, as it stands in a status. No text has an unescaped quotation mark before it.
fn classes(status: &[u8]) -> &[u8] {
    place(status, b"\"classes\":[")
        .and_then(|start| status.get(start..))
        .and_then(|rest| rest.get(..=place(rest, b"]")?))
        .unwrap_or(b"\"classes\":[]")
}
