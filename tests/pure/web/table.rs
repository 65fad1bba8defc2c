//! Every row of the table of routes, by the table itself: a new row that is open, or changes something for whoever should not, fails here.

use lanemark::web::{Form, Guard, ROUTES, Route};
use lanemark::wire::http::Method;

use super::world::{World, body, get, status};

const METHODS: [(&str, Method); 7] = [
    ("GET", Method::Get),
    ("HEAD", Method::Head),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("DELETE", Method::Delete),
    ("OPTIONS", Method::Options),
    ("PATCH", Method::Patch),
];

/// What is for everybody, all of it: files, the forms for the password, and who one is.
const OPEN: [&str; 9] = [
    "GET /",
    "GET /page.js",
    "GET /page.css",
    "GET /icon.svg",
    "GET /favicon.ico",
    "GET /plain",
    "POST /plain/login",
    "GET /api/v1/session",
    "POST /api/v1/session",
];

const HOST: &str = "192.168.1.1:8080";

/// The token where an honest body has it.
const TOKEN: &str = "TOKEN";

pub fn method_name(method: Method) -> &'static str {
    let (name, _) = METHODS.iter().find(|(_, known)| *known == method).unwrap();
    name
}

/// A path of the route.
pub fn path(route: &Route) -> String {
    match route.path {
        "/api/v1/config/history/" => format!("{}3", route.path),
        path if route.takes_name() => format!("{path}02:00:00:00:00:0a"),
        path => path.to_owned(),
    }
}

/// How the table and the tests call a route.
fn name(route: &Route) -> String {
    format!("{} {}", method_name(route.method), route.path)
}

fn changing() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.method != Method::Get)
}

/// A request, of which a test changes a part.
#[derive(Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub host: &'static str,
    pub origin: Option<&'static str>,
    pub kind: Option<&'static str>,
    pub cookie: String,
    pub token: Option<String>,
    pub if_match: &'static str,
    /// A further field.
    pub more: String,
    pub body: String,
}

impl Asked {
    /// What our own page would send.
    pub fn honest(route: &Route, (cookie, token): (&str, &str)) -> Asked {
        let body = match name(route).as_str() {
            name if name.starts_with("GET ") => "",
            "POST /api/v1/session" => r#"{"password":"secret word"}"#,
            "DELETE /api/v1/session" => "",
            "PUT /api/v1/password" => r#"{"new":"another word","current":"secret word"}"#,
            "PUT /api/v1/devices/" => r#"{"class":"bulk"}"#,
            "PUT /api/v1/config" => r#"{"version":1}"#,
            "POST /api/v1/config/check" => r#"{"version":1}"#,
            "POST /api/v1/config/rollback" => "{}",
            "POST /plain/login" => "password=secret+word",
            "POST /plain/set" => "token=TOKEN&device=02:00:00:00:00:0a&class=bulk",
            new => panic!("say what an honest request for {new} has as its body"),
        };
        Asked {
            method: method_name(route.method).to_owned(),
            path: path(route),
            host: HOST,
            origin: Some("http://192.168.1.1:8080"),
            kind: Some(match route.form {
                Form::Json => "application/json",
                Form::Page => "application/x-www-form-urlencoded",
            }),
            cookie: cookie.to_owned(),
            token: (route.form == Form::Json).then(|| token.to_owned()),
            if_match: "\"00000000\"",
            more: "X-More: none".to_owned(),
            body: body.replace(TOKEN, token),
        }
    }

    pub fn text(&self) -> String {
        let field = |name: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!("{name}: {value}\r\n"))
        };
        format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nCookie: lanemark={}\r\n{}{}{}{}{}\r\nContent-Length: {}\r\n\r\n{}",
            self.method,
            self.path,
            self.host,
            self.cookie,
            field("Origin", self.origin),
            field("Content-Type", self.kind),
            field("X-Lanemark-Token", self.token.as_deref()),
            field(
                "If-Match",
                Some(self.if_match).filter(|tag| !tag.is_empty())
            ),
            self.more,
            self.body.len(),
            self.body
        )
    }
}

#[test]
fn only_what_is_named_here_is_for_everybody() {
    for route in &ROUTES {
        let is_named = OPEN.contains(&name(route).as_str());
        assert_eq!(route.guard == Guard::Nobody, is_named, "{}", name(route));
    }
    for named in OPEN {
        assert!(ROUTES.iter().any(|route| name(route) == named), "{named}");
    }
}

#[test]
fn without_a_session_only_what_is_for_everybody_is_there() {
    for route in &ROUTES {
        for (method, known) in METHODS {
            let of_path = ROUTES.iter().filter(|other| other.path == route.path);
            let mut of_path = of_path.filter(|other| {
                other.method == known || (other.is_file() && known == Method::Head)
            });
            let wanted: &[u16] = match of_path.next() {
                None if route.guard == Guard::Metrics => &[404],
                None => &[405],
                Some(found) if found.guard == Guard::Metrics => &[404],
                Some(found) if found.guard != Guard::Nobody => &[401],
                // Nothing is no password; all else is told.
                Some(found) if found.method == Method::Post => &[400, 415],
                Some(_) => &[200],
            };
            let mut world = World::new(64);
            let asked =
                super::world::change(&format!("{method} {}", path(route)), ("", ""), "", "");
            let answer = world.ask(&asked);
            let found = status(&answer);
            assert!(wanted.contains(&found), "{method} {}: {answer}", route.path);
            assert_eq!(world.asked(), None, "{method} {}", route.path);
            assert!(method != "HEAD" || body(&answer).is_empty());
        }
    }
}

#[test]
fn what_only_tells_is_told_to_no_other_host_and_to_nobody_without_a_session() {
    for route in ROUTES.iter().filter(|route| route.method == Method::Get) {
        let mut world = World::new(64);
        let (cookie, _) = world.log_in();
        for cookie in [cookie.as_str(), ""] {
            let foreign = get(&path(route), cookie).replace(HOST, "evil.example");
            let answer = world.ask(&foreign);
            assert_eq!(
                (status(&answer), body(&answer)),
                (421, ""),
                "{}",
                route.path
            );
        }
        let wanted = match route.guard {
            Guard::Nobody => 200,
            Guard::Metrics => 404,
            Guard::Session | Guard::FirstUse => 401,
        };
        assert_eq!(status(&world.ask(&get(&path(route), ""))), wanted);
        assert_eq!(world.asked(), None, "{}", route.path);
    }
}

#[test]
fn an_honest_request_for_each_change_is_let_in() {
    for route in changing() {
        let mut world = World::new(64);
        let (cookie, token) = world.log_in();
        let asked = Asked::honest(route, (&cookie, &token));
        let place = world.visit();
        world.say(place, asked.text().as_bytes());
        let is_done = name(route) == "DELETE /api/v1/session" && world.status(place) == 204;
        assert!(is_done || world.asked().is_some(), "{}", name(route));
    }
}

/// What must not be let in, and the status of each for who has a session.
fn dishonest(route: &Route, honest: &Asked, other_token: &str) -> Vec<(&'static str, Asked, u16)> {
    let mut all = Vec::new();
    let mut with = |what, status, change: &dyn Fn(&mut Asked)| {
        let mut asked = honest.clone();
        change(&mut asked);
        all.push((what, asked, status));
    };
    for origin in [
        None,
        Some("null"),
        Some("http://192.168.1.1"),
        Some("https://192.168.1.1:8080"),
        Some("http://evil.example"),
        Some("http://192.168.1.1:8080.evil.example"),
    ] {
        with("another origin", 403, &|asked| asked.origin = origin);
    }
    for kind in [
        None,
        Some(""),
        Some("text/plain"),
        Some("multipart/form-data"),
        Some("text/plain; application/json"),
    ] {
        with("another type", 415, &|asked| asked.kind = kind);
    }
    let other_form = match route.form {
        Form::Json => "application/x-www-form-urlencoded",
        Form::Page => "application/json",
    };
    with("the other form's type", 415, &|asked| {
        asked.kind = Some(other_form)
    });
    // What begins a session has none, and so no token.
    if route.guard != Guard::Nobody {
        let cut = &other_token[1..];
        for token in ["", "0", cut, other_token] {
            with("another token", 403, &|asked| {
                if let Some(own) = asked.token.replace(token.to_owned()) {
                    asked.body = asked.body.replace(&own, token);
                } else {
                    asked.token = None;
                    let (_, rest) = asked.body.split_once('&').unwrap();
                    asked.body = format!("token={token}&{rest}");
                }
            });
        }
        with("no token", 403, &|asked| {
            asked.token = None;
            asked.body = asked.body.replace("token=", "x=");
        });
    }
    for host in ["evil.example", "192.168.1.2:8080", "localhost:8080"] {
        with("another host", 421, &|asked| asked.host = host);
    }
    for (method, known) in METHODS {
        let has = |other: &Route| other.path == route.path && other.method == known;
        if !ROUTES.iter().any(has) {
            with("another method", 405, &|asked| {
                method.clone_into(&mut asked.method)
            });
        }
    }
    all
}

#[test]
fn no_change_is_made_for_whoever_lacks_a_part_of_it() {
    for route in changing() {
        let mut world = World::new(64);
        let (cookie, token) = world.log_in();
        let (_, other_token) = world.log_in();
        let honest = Asked::honest(route, (&cookie, &token));
        for (what, mut asked, wanted) in dishonest(route, &honest, &other_token) {
            let place = format!("{}: {what}: {}", name(route), asked.text());
            assert_eq!(status(&world.ask(&asked.text())), wanted, "{place}");
            assert_eq!(world.asked(), None, "{place}");
            // Without a session it is even less than that.
            asked.cookie = String::new();
            let found = status(&world.ask(&asked.text()));
            let is_closed = route.guard != Guard::Nobody && ![405, 421].contains(&wanted);
            assert_eq!(found, if is_closed { 401 } else { wanted }, "{place}");
            assert_eq!(world.asked(), None, "{place}");
        }
        if route.guard != Guard::Nobody {
            let mut stranger = honest.clone();
            stranger.cookie = "0".repeat(32);
            assert_eq!(status(&world.ask(&stranger.text())), 401, "{}", name(route));
        }
        // A change by GET or HEAD is none, whatever else is at that path.
        for method in ["GET", "HEAD"] {
            let mut asked = honest.clone();
            method.clone_into(&mut asked.method);
            world.ask(&asked.text());
            if let Some((_, lines)) = world.asked() {
                assert_eq!(
                    (method, lines.as_str()),
                    ("GET", "{\"verb\":\"config-show\"}\n")
                );
            }
        }
        assert_eq!(world.asked(), None);
    }
}
