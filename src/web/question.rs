//! A request that was let in becomes an answer, or a question to the daemon.

use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr};

use heapless::String;

use super::answer::Fault;
use super::assets::Asset;
use super::connection::{Exchange, Source, State};
use super::kept::Which;
use super::routes::{Does, Route};
use super::sessions::Key;
use super::{Place, Web};
use crate::control::{self, Fields, Found, Record, quote, text_field};
use crate::value::{Address, Instant, Mac, utf8};
use crate::wire::http::{
    Content, Head, Length, Name, PATH_BYTES_MAX, Parsed, Reply, Status, is_token_in_list,
    parameter, path,
};
use crate::wire::websocket;

/// Bytes of a password at most, as the daemon has it.
pub const PASSWORD_BYTES_MAX: usize = 128;

/// Bytes of a device's name at most, as the daemon has it.
pub(super) const DEVICE_BYTES_MAX: usize = 63;

/// Bytes of a class's name at most.
pub(super) const CLASS_BYTES_MAX: usize = 15;

/// Passwords at most that wait to be looked at, and those of one visitor: a further one is refused at once. The daemon looks at one a second or so, and
/// others shall not wait for a flood of them.
pub const LOGINS_MAX: usize = 8;
/// See [`LOGINS_MAX`].
pub const LOGINS_OF_ONE_MAX: usize = 2;

/// What becomes of the daemon's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is kept, and shown so.
    Kept(Which, Show),
    /// It is passed on.
    Pass,
    /// It says what was changed.
    Change,
    /// It says whether the password is right.
    Login,
    /// It says whether there is a new one.
    Enroll,
    /// As `Login`, for the page without JavaScript.
    PlainLogin,
    /// As `Change`, for the page without JavaScript.
    PlainSet,
    /// It is passed on as it comes.
    Flows,
}

/// How a kept answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// As it is.
    Whole,
    /// The lanes of a status.
    Classes,
    /// As a page.
    Page,
    /// As metrics, of which these are the first; those of the devices follow.
    Metrics,
    /// See `Metrics`.
    DeviceMetrics,
}

/// The number of a configuration.
#[derive(Default)]
struct Numbered {
    number: Option<u32>,
}

impl Record for Numbered {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.number("number", &mut self.number);
    }
}

/// What a request came to.
pub(super) enum Outcome {
    /// It is answered: the output is written, and this follows.
    Answer(Source),
    /// The daemon is asked: the output has the lines.
    Ask(Then),
    /// The connection becomes a live socket.
    Live,
    /// It is refused.
    Fault(Fault<'static>),
}

impl From<Status> for Outcome {
    fn from(status: Status) -> Outcome {
        Outcome::Fault(Fault::of(status))
    }
}

impl Then {
    /// Whether a password is looked at, which takes the daemon a second each.
    pub(super) const fn is_slow(self) -> bool {
        matches!(self, Then::Login | Then::Enroll | Then::PlainLogin)
    }
}

impl Web {
    /// Does what a request wants that was let in and is there as a whole.
    pub(super) fn act(&mut self, place: Place, mut exchange: Box<Exchange>, now: Instant) {
        let Some(route) = exchange.route else {
            return;
        };
        let input = core::mem::take(&mut exchange.input);
        let outcome = match Parsed::of(&input) {
            Parsed::Whole(head) => self.outcome(place, route, &head, &input, &mut exchange),
            _ => Status::BadRequest.into(),
        };
        exchange.input = input;
        self.carry_out(place, exchange, outcome, now);
    }

    /// Does what a request came to, which takes no more of the input.
    pub(super) fn carry_out(
        &mut self,
        place: Place,
        mut exchange: Box<Exchange>,
        outcome: Outcome,
        now: Instant,
    ) {
        exchange.input.drain(..exchange.used);
        let is_flood =
            matches!(outcome, Outcome::Ask(then) if then.is_slow()) && self.is_flooded(place);
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        match outcome {
            Outcome::Answer(source) => connection.answer(exchange, source),
            Outcome::Fault(fault) => self.fault(place, exchange, &fault),
            Outcome::Live => {
                connection.answer(exchange, Source::Nothing);
                connection.state = State::Writing(super::connection::After::Live);
            }
            Outcome::Ask(Then::PlainLogin) if is_flood => {
                let words = "too many tries; try again in a moment";
                let source = self.plain_login(&mut exchange, place, Status::TooMany, words);
                self.deliver(place, exchange, source);
            }
            Outcome::Ask(_) if is_flood => {
                self.fault(place, exchange, &Fault::of(Status::TooMany));
            }
            Outcome::Ask(Then::Kept(which, show)) => {
                self.ask_kept(place, exchange, (which, show), now);
            }
            Outcome::Ask(then) => {
                self.queued += 1;
                self.wait_for(place, exchange, then, now);
            }
        }
        self.note(place);
    }

    /// Shows what is kept, or waits for it.
    pub(super) fn ask_kept(
        &mut self,
        place: Place,
        exchange: Box<Exchange>,
        (which, show): (Which, Show),
        now: Instant,
    ) {
        match self.kept_of(which).get(now) {
            Some(kept) => self.show(place, exchange, show, kept, now),
            None => {
                self.kept_of(which).wanted = true;
                self.wait_for(place, exchange, Then::Kept(which, show), now);
            }
        }
    }

    fn wait_for(&mut self, place: Place, exchange: Box<Exchange>, then: Then, now: Instant) {
        let deadline = now.after(super::ASKING_MAX);
        if let Some(connection) = self.connections.get_mut(place) {
            connection.exchange = Some(exchange);
            connection.state = State::Asking(then);
            connection.deadline = deadline;
        }
        self.look_at(deadline);
    }

    /// Whether too many passwords wait to be looked at already, or too many of this visitor.
    fn is_flooded(&self, place: Place) -> bool {
        let own = self.connections.get(place).map(|each| each.visitor);
        let (mut all, mut of_one) = (0, 0);
        for connection in &self.connections {
            if matches!(connection.state, State::Asking(then) if then.is_slow()) {
                all += 1;
                of_one += usize::from(Some(connection.visitor) == own);
            }
        }
        all >= LOGINS_MAX || of_one >= LOGINS_OF_ONE_MAX
    }

    pub(super) fn outcome(
        &mut self,
        place: Place,
        route: &Route,
        head: &Head<'_>,
        input: &[u8],
        exchange: &mut Exchange,
    ) -> Outcome {
        let Some(connection) = self.connections.get_mut(place) else {
            return Status::Unavailable.into();
        };
        connection.known = head.field(Name::IfNoneMatch).and_then(tag);
        let (visitor, session) = (connection.visitor, connection.session);
        let mut room = [0; PATH_BYTES_MAX];
        let thing = match route.takes_name() {
            true => path(head.target, &mut room).ok(),
            false => None,
        };
        let thing = thing.and_then(|path| route.matches(path));
        let thing = thing.unwrap_or_default();
        let body = input.get(head.len..exchange.used).unwrap_or_default();
        exchange.begin_output();
        match route.does {
            Does::Asset(asset) => Outcome::Answer(self.file(exchange, place, asset)),
            Does::Session => {
                self.session_answer(exchange, session, place, "");
                Outcome::Answer(Source::Nothing)
            }
            Does::Logout => self.logout(exchange, place, session),
            Does::Login => login_by(exchange, visitor, body),
            Does::Password => change_password(exchange, visitor, body),
            Does::Kept(which) => Outcome::Ask(Then::Kept(which, Show::Whole)),
            Does::Classes => Outcome::Ask(Then::Kept(Which::Status, Show::Classes)),
            Does::Ask(verb) => {
                control::ask(verb, None, None, &mut exchange.output);
                Outcome::Ask(Then::Pass)
            }
            Does::AskOf(verb) => {
                control::ask(verb, Some(thing), None, &mut exchange.output);
                Outcome::Ask(Then::Pass)
            }
            Does::Flows => flows(exchange, head.target),
            Does::Set => set(exchange, thing, body),
            Does::Apply => apply(exchange, head),
            Does::Check => config(exchange, "config-check", None),
            Does::Rollback => rollback(exchange, body),
            Does::Live => live(exchange, head),
            Does::Metrics => Outcome::Ask(Then::Kept(Which::Status, Show::Metrics)),
            Does::Plain => match session {
                Some(_) => Outcome::Ask(Then::Kept(Which::Devices, Show::Page)),
                None => Outcome::Answer(self.plain_login(exchange, place, Status::Done, "")),
            },
            Does::PlainLogin => {
                let mut room = [0; PASSWORD_BYTES_MAX];
                let password = parameter(body, "password", &mut room).unwrap_or_default();
                login(exchange, visitor, password);
                Outcome::Ask(Then::PlainLogin)
            }
            Does::PlainSet => self.plain_set(exchange, session, body),
        }
    }

    /// A file, or that the other side has it.
    fn file(&mut self, exchange: &mut Exchange, place: Place, asset: &'static Asset) -> Source {
        let known = self.connections.get(place).and_then(|each| each.known);
        if known == Some(asset.tag()) {
            self.unchanged(place, exchange, asset.tag());
            return Source::Nothing;
        }
        exchange.head(&Reply {
            content: Content::Packed(asset.kind),
            length: Length::Bytes(asset.packed.len()),
            tag: Some(asset.tag()),
            persists: self.persists(place),
            ..Reply::plain(Status::Done)
        });
        if exchange.head_only {
            Source::Nothing
        } else {
            Source::Fixed(asset.packed)
        }
    }

    fn logout(&mut self, exchange: &mut Exchange, place: Place, session: Option<Key>) -> Outcome {
        if let Some(key) = session {
            self.sessions.end(key);
            self.sessions_ended();
        }
        exchange.head(&Reply {
            length: Length::None,
            persists: self.persists(place),
            ..Reply::plain(Status::NoContent)
        });
        Outcome::Answer(Source::Nothing)
    }

    fn plain_set(&mut self, exchange: &mut Exchange, session: Option<Key>, body: &[u8]) -> Outcome {
        let mut room = [0; DEVICE_BYTES_MAX];
        let token = parameter(body, "token", &mut room).unwrap_or_default();
        let is_token = session.is_some_and(|key| self.sessions.is_token(key, token.as_bytes()));
        if !is_token {
            return Status::Forbidden.into();
        }
        let mut class_room = [0; CLASS_BYTES_MAX];
        let device = parameter(body, "device", &mut room).unwrap_or_default();
        let class = parameter(body, "class", &mut class_room).unwrap_or_default();
        match class {
            "" => control::ask("unset", Some(device), None, &mut exchange.output),
            class => control::ask("set", Some(device), Some(class), &mut exchange.output),
        }
        Outcome::Ask(Then::PlainSet)
    }

    /// Who asks, and the token of his session.
    pub(super) fn session_answer(
        &self,
        exchange: &mut Exchange,
        session: Option<Key>,
        place: Place,
        cookie: &str,
    ) {
        let mut body = std::string::String::new();
        // A string takes whatever is written to it.
        let _ = match session.and_then(|key| self.sessions.secrets(key)) {
            Some((_, token)) => {
                // Which of the devices the visitor sits at.
                let visitor = self.connections.get(place).map(|each| each.visitor);
                let address = Address(visitor.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
                write!(
                    body,
                    "{{\"user\":true,\"token\":\"{token}\",\"first\":false,\"address\":\"{address}\"}}"
                )
            }
            None => write!(
                body,
                "{{\"user\":false,\"token\":null,\"first\":{}}}",
                !self.has_password
            ),
        };
        exchange.head(&Reply {
            content: Content::Json,
            length: Length::Bytes(body.len()),
            persists: self.persists(place),
            more: &[cookie],
            ..Reply::plain(Status::Done)
        });
        exchange.output.extend_from_slice(body.as_bytes());
    }
}

impl From<Fault<'static>> for Outcome {
    fn from(fault: Fault<'static>) -> Outcome {
        Outcome::Fault(fault)
    }
}

/// The lines that ask whether a password is right.
fn login(exchange: &mut Exchange, visitor: IpAddr, password: &str) {
    who_asks("login", visitor, exchange);
    quote(password, &mut exchange.output);
    exchange.output.push(b'\n');
}

fn login_by(exchange: &mut Exchange, visitor: IpAddr, body: &[u8]) -> Outcome {
    let mut password = String::<PASSWORD_BYTES_MAX>::new();
    match text_field(body, "password", &mut password) {
        Ok(Found::Text) if utf8(body).is_ok() => {
            login(exchange, visitor, &password);
            Outcome::Ask(Then::Login)
        }
        _ => Fault::expected("password, a text of at most 128 bytes").into(),
    }
}

fn rollback(exchange: &mut Exchange, body: &[u8]) -> Outcome {
    let Ok(Numbered { number }) = control::read::<Numbered>(body) else {
        return Fault::expected("number, of a configuration").into();
    };
    let mut text = String::<10>::new();
    if let Some(number) = number {
        // Ten digits are the most there are.
        let _ = write!(text, "{number}");
    }
    let device = number.map(|_| text.as_str());
    control::ask("rollback", device, None, &mut exchange.output);
    Outcome::Ask(Then::Change)
}

/// The first line of a question that is counted by who asks.
fn who_asks(verb: &str, visitor: IpAddr, exchange: &mut Exchange) {
    // The longest address of IPv6, with IPv4 at its end.
    let mut device = String::<45>::new();
    let _ = write!(device, "{}", Address(visitor));
    control::ask(verb, Some(&device), None, &mut exchange.output);
}

fn change_password(exchange: &mut Exchange, visitor: IpAddr, body: &[u8]) -> Outcome {
    let mut new = String::<PASSWORD_BYTES_MAX>::new();
    let mut current = String::<PASSWORD_BYTES_MAX>::new();
    let found = text_field(body, "new", &mut new);
    let current_found = text_field(body, "current", &mut current);
    if found != Ok(Found::Text) || current_found.is_err() || utf8(body).is_err() {
        return Fault::expected("new and current, passwords of at most 128 bytes").into();
    }
    who_asks("enroll", visitor, exchange);
    quote(&new, &mut exchange.output);
    exchange.output.push(b'\n');
    match current_found {
        Ok(Found::Text) => quote(&current, &mut exchange.output),
        _ => exchange.output.extend_from_slice(b"null"),
    }
    exchange.output.push(b'\n');
    Outcome::Ask(Then::Enroll)
}

fn flows(exchange: &mut Exchange, target: &[u8]) -> Outcome {
    let (mut device, mut class) = ([0; DEVICE_BYTES_MAX], [0; CLASS_BYTES_MAX]);
    let device = parameter(target, "device", &mut device);
    let class = parameter(target, "class", &mut class);
    control::ask("flows", device, class, &mut exchange.output);
    Outcome::Ask(Then::Flows)
}

fn set(exchange: &mut Exchange, thing: &str, body: &[u8]) -> Outcome {
    let Ok(mac) = Mac::parse(thing) else {
        return Fault::of(Status::NotFound).into();
    };
    let mut device = String::<17>::new();
    let _ = write!(device, "{mac}");
    let mut class = String::<CLASS_BYTES_MAX>::new();
    match text_field(body, "class", &mut class) {
        Ok(Found::Text) => control::ask("set", Some(&device), Some(&class), &mut exchange.output),
        Ok(Found::Null) => control::ask("unset", Some(&device), None, &mut exchange.output),
        _ => return Fault::expected("class, a name or null").into(),
    }
    Outcome::Ask(Then::Change)
}

fn apply(exchange: &mut Exchange, head: &Head<'_>) -> Outcome {
    let Some(wanted) = head.field(Name::IfMatch) else {
        return Status::Unconditional.into();
    };
    let Some(wanted) = tag(wanted) else {
        return Status::Conflict.into();
    };
    // Another's change in between must not be lost: the daemon compares.
    let mut version = String::<8>::new();
    let _ = write!(version, "{wanted:08x}");
    config(exchange, "config-apply", Some(&version))
}

/// What is done with the configuration that is the body.
fn config(exchange: &mut Exchange, verb: &str, version: Option<&str>) -> Outcome {
    control::ask(verb, version, None, &mut exchange.output);
    let is_short = exchange.body.is_empty();
    if is_short {
        return Fault::expected("a configuration").into();
    }
    // Line breaks are white space to JSON, and the end of the question to the daemon.
    for byte in &mut exchange.body {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    exchange.body.push(b'\n');
    Outcome::Ask(Then::Change)
}

fn live(exchange: &mut Exchange, head: &Head<'_>) -> Outcome {
    let has = |name, word: &str| {
        head.field(name)
            .is_some_and(|list| is_token_in_list(list, word))
    };
    let wanted = has(Name::Upgrade, "websocket") && has(Name::Connection, "upgrade");
    if !wanted || head.field(Name::WebSocketVersion) != Some(b"13") {
        return Fault {
            more: "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
            ..Fault::of(Status::UpgradeRequired)
        }
        .into();
    }
    let Some(accept) = head.field(Name::WebSocketKey).and_then(websocket::accept) else {
        return Status::BadRequest.into();
    };
    exchange.head(&Reply {
        length: Length::None,
        more: &[
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
            &accept,
            "\r\n",
        ],
        ..Reply::plain(Status::Switching)
    });
    Outcome::Live
}

/// A tag of ours in quotation marks. Weak ones, lists and the star are none of ours.
pub(super) fn tag(value: &[u8]) -> Option<u32> {
    let digits = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if digits.len() != 8 {
        return None;
    }
    digits.iter().try_fold(0, |tag, &digit| {
        Some(tag << 4 | u32::from(crate::wire::http::hex_digit(digit)?))
    })
}
