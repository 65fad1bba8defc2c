//! What there is, for whom, and in which way: the one table.

use crate::wire::http::Method;

use super::assets::{Asset, ICON, INDEX, SCRIPT, STYLE};
use super::kept::Which;

/// Bytes of the longest body: two passwords whose every byte is escaped. A longer one is answered with 413.
pub const BODY_BYTES_MAX: usize = 2048;

/// Bytes of a configuration at most, as the daemon has it.
pub const CONFIG_BYTES_MAX: usize = 224 * 1024;

/// What a route does.
#[derive(Clone, Copy)]
pub(super) enum Does {
    /// Sends a file.
    Asset(&'static Asset),
    /// Says who asks.
    Session,
    /// Begins a session.
    Login,
    /// Ends it.
    Logout,
    /// Changes the password, or sets the first.
    Password,
    /// Tells what the daemon told within the last second.
    Kept(Which),
    /// Tells the lanes, which are a part of the status.
    Classes,
    /// Tells what the daemon answers to this verb.
    Ask(&'static str),
    /// The same, of the thing that the path ends with.
    AskOf(&'static str),
    /// Tells the flows, as they come.
    Flows,
    /// Gives a device a class.
    Set,
    /// Replaces the configuration.
    Apply,
    /// Says whether it would, as far as that can be told beforehand.
    Check,
    /// Brings an older one back.
    Rollback,
    /// Tells what changes, as it changes.
    Live,
    /// Tells what Prometheus wants to know.
    Metrics,
    /// The page without JavaScript, or its form for the password.
    Plain,
    /// What its forms send.
    PlainLogin,
    /// See `PlainLogin`.
    PlainSet,
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Whoever is logged in. Whatever says nothing of it is guarded so.
    Session,
    /// The same; and everybody as long as there is no password.
    FirstUse,
    /// Whoever shows the token of the metrics; for all others there is no such path.
    Metrics,
    /// Everybody.
    Nobody,
}

/// A row of the table.
pub struct Route {
    /// The path; one that ends with a slash and is longer is followed by the name of a thing.
    pub path: &'static str,
    /// How it is asked for.
    pub method: Method,
    pub(super) does: Does,
    /// Who may ask for it.
    pub guard: Guard,
    /// What the body is.
    pub form: Form,
    /// Bytes of the body at most.
    pub bytes_max: usize,
}

/// What a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, and the request has the session's token in a field.
    Json,
    /// A form of a page without JavaScript, which has the token among its fields.
    Page,
}

/// A row as it is when nothing special is said.
const fn route(method: Method, path: &'static str, does: Does) -> Route {
    let bytes_max = match method {
        Method::Get => 0,
        _ => BODY_BYTES_MAX,
    };
    Route {
        path,
        method,
        does,
        guard: Guard::Session,
        form: Form::Json,
        bytes_max,
    }
}

const fn open(route: Route) -> Route {
    Route {
        guard: Guard::Nobody,
        ..route
    }
}

/// The table.
pub static ROUTES: [Route; 26] = [
    open(route(Method::Get, "/", Does::Asset(&INDEX))),
    open(route(Method::Get, "/page.js", Does::Asset(&SCRIPT))),
    open(route(Method::Get, "/page.css", Does::Asset(&STYLE))),
    open(route(Method::Get, "/icon.svg", Does::Asset(&ICON))),
    open(route(Method::Get, "/plain", Does::Plain)),
    Route {
        form: Form::Page,
        ..open(route(Method::Post, "/plain/login", Does::PlainLogin))
    },
    Route {
        form: Form::Page,
        ..route(Method::Post, "/plain/set", Does::PlainSet)
    },
    open(route(Method::Get, "/api/v1/session", Does::Session)),
    open(route(Method::Post, "/api/v1/session", Does::Login)),
    route(Method::Delete, "/api/v1/session", Does::Logout),
    Route {
        guard: Guard::FirstUse,
        ..route(Method::Put, "/api/v1/password", Does::Password)
    },
    route(Method::Get, "/api/v1/status", Does::Kept(Which::Status)),
    route(Method::Get, "/api/v1/devices", Does::Kept(Which::Devices)),
    route(Method::Put, "/api/v1/devices/", Does::Set),
    route(Method::Get, "/api/v1/flows", Does::Flows),
    route(Method::Get, "/api/v1/classes", Does::Classes),
    route(Method::Get, "/api/v1/doctor", Does::Ask("doctor")),
    route(Method::Get, "/api/v1/config", Does::Ask("config-show")),
    Route {
        bytes_max: CONFIG_BYTES_MAX,
        ..route(Method::Put, "/api/v1/config", Does::Apply)
    },
    Route {
        bytes_max: CONFIG_BYTES_MAX,
        ..route(Method::Post, "/api/v1/config/check", Does::Check)
    },
    route(Method::Get, "/api/v1/config/history", Does::Ask("history")),
    route(
        Method::Get,
        "/api/v1/config/history/",
        Does::AskOf("history-show"),
    ),
    route(Method::Post, "/api/v1/config/rollback", Does::Rollback),
    route(Method::Get, "/api/v1/live", Does::Live),
    Route {
        guard: Guard::Metrics,
        ..route(Method::Get, "/metrics", Does::Metrics)
    },
    open(route(Method::Get, "/favicon.ico", Does::Asset(&ICON))),
];

impl Route {
    /// Whether it is a file, of which the head alone can be had too.
    pub fn is_file(&self) -> bool {
        matches!(self.does, Does::Asset(_))
    }

    /// Whether its path is followed by the name of a thing.
    pub fn takes_name(&self) -> bool {
        self.path.len() > 1 && self.path.ends_with('/')
    }

    /// What follows the path of a route for one of many things; empty for the others. None when the path is another.
    pub(super) fn matches<'a>(&self, path: &'a str) -> Option<&'a str> {
        // By length first: each request is held against all rows.
        if self.takes_name() != (path.len() > self.path.len()) {
            return None;
        }
        let rest = path.strip_prefix(self.path)?;
        (!rest.contains('/')).then_some(rest)
    }
}
