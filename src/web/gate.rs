//! Who is let in: what a request has to be before anything is done for it. The order is that of the rows below; the first that is not so answers.

use core::net::SocketAddr;

use super::routes::{Form, Guard, ROUTES, Route};
use super::sessions::{Key, Sessions, same};
use crate::value::{Instant, Pieces};
use crate::wire::http::{Head, Host, Method, Name, PATH_BYTES_MAX, Status, cookie, path};

/// The name of the cookie.
pub(super) const COOKIE: &str = "lanemark";

/// What the gate knows.
pub(super) struct Gate<'a> {
    pub(super) has_password: bool,
    /// Host names that are served, with commas between them.
    pub(super) names: &'a str,
    /// The token of the metrics; empty: there are none.
    pub(super) metrics: &'a str,
    /// The address that the visitor has come to.
    pub(super) local: SocketAddr,
}

/// Who was let in.
pub(super) struct Admitted {
    pub(super) route: &'static Route,
    pub(super) session: Option<Key>,
}

/// Who was not, and what he has shown.
pub(super) struct Turned {
    pub(super) status: Status,
    pub(super) session: Option<Key>,
    /// The methods that the path has, when that was it.
    pub(super) allow: Option<&'static str>,
}

impl From<Status> for Turned {
    fn from(status: Status) -> Turned {
        Turned {
            status,
            session: None,
            allow: None,
        }
    }
}

impl Gate<'_> {
    /// Judges a head.
    pub(super) fn judge(
        &self,
        head: &Head<'_>,
        sessions: &mut Sessions,
        now: Instant,
    ) -> Result<Admitted, Turned> {
        let host = head.field(Name::Host).unwrap_or_default();
        if !self.serves(host) {
            return Err(Status::Misdirected.into());
        }
        let mut room = [0; PATH_BYTES_MAX];
        let path = path(head.target, &mut room)?;
        let session = head
            .field(Name::Cookie)
            .and_then(|field| cookie(field, COOKIE))
            .and_then(|name| sessions.find(now, name));
        let turned = |status| Turned {
            status,
            session,
            allow: None,
        };
        let route = match route(path, head.method) {
            Found::Route(route) if route.guard != Guard::Metrics || self.tells_metrics(head) => {
                route
            }
            Found::Route(_) | Found::Nothing => return Err(turned(Status::NotFound)),
            Found::OtherMethods(allow) => {
                return Err(Turned {
                    allow: Some(allow),
                    ..turned(Status::NotAllowed)
                });
            }
        };
        match route.guard {
            Guard::Nobody | Guard::Metrics => {}
            Guard::FirstUse if !self.has_password => {}
            Guard::Session | Guard::FirstUse if session.is_none() => {
                return Err(turned(Status::Unauthorized));
            }
            Guard::Session | Guard::FirstUse => {}
        }
        let changes = route.method != Method::Get;
        // A live socket is not bound to the origin by the browser, and so by us.
        if changes || head.field(Name::Upgrade).is_some() {
            let origin = head.field(Name::Origin).unwrap_or_default();
            let scheme = origin.strip_prefix(b"http://");
            if !scheme.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
                return Err(turned(Status::Forbidden));
            }
        }
        if changes {
            self.changes(head, route, session, sessions)
                .map_err(turned)?;
        }
        if head.body_len > route.bytes_max {
            return Err(turned(Status::TooLarge));
        }
        Ok(Admitted { route, session })
    }

    /// What a change needs besides a good origin.
    fn changes(
        &self,
        head: &Head<'_>,
        route: &Route,
        session: Option<Key>,
        sessions: &Sessions,
    ) -> Result<(), Status> {
        let wanted: &[u8] = match route.form {
            Form::Json => b"application/json",
            Form::Page => b"application/x-www-form-urlencoded",
        };
        let kind = head.field(Name::ContentType).unwrap_or_default();
        let mut parts = kind.split(|&byte| byte == b';');
        let kind = parts.next().unwrap_or_default().trim_ascii();
        if !kind.eq_ignore_ascii_case(wanted) {
            return Err(Status::MediaType);
        }
        let token = head.field(Name::Token).unwrap_or_default();
        match (route.guard, route.form, session) {
            // Nobody's session is used; or the token is among the fields of the form.
            (Guard::Nobody, ..) | (_, Form::Page, _) | (_, _, None) => Ok(()),
            (_, _, Some(key)) if sessions.is_token(key, token) => Ok(()),
            _ => Err(Status::Forbidden),
        }
    }

    /// Whether he shows the token of the metrics.
    fn tells_metrics(&self, head: &Head<'_>) -> bool {
        let shown = head.field(Name::Authorization).unwrap_or_default();
        let token = shown.strip_prefix(b"Bearer ");
        !self.metrics.is_empty() && token.is_some_and(|token| same(self.metrics.as_bytes(), token))
    }

    /// Whether we are meant: the address that he has come to, or a configured name. A name that an evil name server made point to us is neither.
    /// A name may be an address, too: that of a tunnel's other end.
    fn serves(&self, host: &[u8]) -> bool {
        let mut names = Pieces::of(self.names, b',').filter(|name| !name.is_empty());
        match Host::parse(host) {
            None => false,
            Some(Host::Address(address, port)) => {
                // 80 is what no port means.
                let own = address == self.local.ip() && port.unwrap_or(80) == self.local.port();
                let known = Some(Host::Address(address, None));
                own || names.any(|name| Host::parse(name.as_bytes()) == known)
            }
            Some(Host::Name(name)) => names.any(|known| known.eq_ignore_ascii_case(name)),
        }
    }
}

/// What is at a path.
enum Found {
    Route(&'static Route),
    /// Routes for these methods.
    OtherMethods(&'static str),
    Nothing,
}

fn route(path: &str, method: Method) -> Found {
    // One bit a method that routes have.
    let mut methods = 0;
    for route in &ROUTES {
        if route.matches(path).is_none() {
            continue;
        }
        // Whoever asks for these in another way is told of nothing there either.
        if route.guard == Guard::Metrics && route.method != method {
            continue;
        }
        let is_file = route.is_file();
        if route.method == method || (is_file && method == Method::Head) {
            return Found::Route(route);
        }
        methods |= match (route.method, is_file) {
            (Method::Get, true) => 16,
            (Method::Get, false) => 1,
            (Method::Post, _) => 2,
            (Method::Put, _) => 4,
            _ => 8,
        };
    }
    Found::OtherMethods(match methods {
        0 => return Found::Nothing,
        1 => "Allow: GET\r\n",
        2 => "Allow: POST\r\n",
        4 => "Allow: PUT\r\n",
        5 => "Allow: GET, PUT\r\n",
        16 => "Allow: GET, HEAD\r\n",
        _ => "Allow: GET, POST, DELETE\r\n",
    })
}
