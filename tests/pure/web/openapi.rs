//! `tests/openapi.json`, which says what the page's routes take and answer, held against what they do: its operations are the rows of the table, each
//! answer that is had here is one that it lists, with a body of that form, and each that it lists is had here.

use std::collections::{BTreeMap, BTreeSet};

use lanemark::config;
use lanemark::web::{CONFIGS_MAX, Form, Guard, LOGINS_OF_ONE_MAX, ROUTES, Route};
use lanemark::wire::http::Method;
use serde_json::Value;

use super::answers::{CONFIG, answers};
use super::schema::Schemas;
use super::table::{Asked, method_name};
use super::world::{World, between, body, status, upgrade};

fn document() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

/// The operations of the table: method and path.
fn rows() -> BTreeMap<(String, String), &'static Route> {
    let mut rows = BTreeMap::new();
    for route in &ROUTES {
        let path = match route.path {
            "/api/v1/devices/" => "/api/v1/devices/{mac}".to_owned(),
            "/api/v1/config/history/" => "/api/v1/config/history/{number}".to_owned(),
            path if route.takes_name() => panic!("say what {path} is followed by"),
            path => path.to_owned(),
        };
        rows.insert(
            (method_name(route.method).to_lowercase(), path.clone()),
            route,
        );
        if route.is_file() {
            rows.insert(("head".to_owned(), path), route);
        }
    }
    rows
}

#[test]
fn the_document_has_the_routes_of_the_table_and_no_others() {
    let document = document();
    let mut told = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            told.insert((method.clone(), path.clone()));
        }
    }
    let rows: BTreeSet<_> = rows().into_keys().collect();
    assert_eq!(told, rows);
}

#[test]
fn the_document_says_who_may_and_in_which_form_as_the_table_does() {
    let document = document();
    for ((method, path), route) in rows() {
        let operation = &document["paths"][&path][&method];
        let changes = route.method != Method::Get;
        let wanted = match (route.guard, changes, route.form) {
            (Guard::Nobody, ..) => "[]",
            (Guard::Metrics, ..) => r#"[{"metrics":[]}]"#,
            (Guard::FirstUse, ..) => r#"[{"session":[],"token":[]},{}]"#,
            (Guard::Session, true, Form::Json) => r#"[{"session":[],"token":[]}]"#,
            // The token of a page's form is one of its fields.
            (Guard::Session, ..) => r#"[{"session":[]}]"#,
        };
        assert_eq!(operation["security"].to_string(), wanted, "{method} {path}");
        let kinds = operation.pointer("/requestBody/content");
        let kinds: Vec<&String> = kinds
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(kind, _)| kind)
            .collect();
        let wanted = match (route.method, route.form) {
            (Method::Get | Method::Delete, _) => vec![],
            (_, Form::Json) => vec!["application/json"],
            (_, Form::Page) => vec!["application/x-www-form-urlencoded"],
        };
        assert_eq!(kinds, wanted, "{method} {path}");
    }
}

const METRICS: &str = "0123456789abcdef";

/// What is asked for a route, in every way that has an answer of its own.
struct Trial<'a> {
    route: &'a Route,
    method: &'a str,
    seen: BTreeSet<u16>,
    document: &'a Value,
    operation: &'a Value,
}

impl Trial<'_> {
    /// Holds an answer against the document.
    fn hold(&mut self, what: &str, answer: &str) {
        let place = format!("{} {}: {what}: {answer}", self.method, self.route.path);
        let schemas = Schemas {
            whole: self.document,
        };
        let code = status(answer);
        self.seen.insert(code);
        let listed = &self.operation["responses"][code.to_string()];
        assert!(listed.is_object(), "not listed: {place}");
        let content = schemas.meant(listed).get("content");
        let kind = answer
            .split_once("Content-Type: ")
            .map(|(_, rest)| rest.split(['\r', ';']).next().unwrap());
        let Some((told, form)) =
            content.and_then(|content| content.as_object().unwrap().iter().next())
        else {
            assert_eq!(body(answer).len(), 0, "{place}");
            return;
        };
        assert_eq!(Some(told.as_str()), kind, "{place}");
        if told == "application/json" {
            let body = body(answer);
            let body = match answer.contains("Transfer-Encoding: chunked") {
                true => between(body, "\r\n", "\r\n0\r\n"),
                false => body.to_owned(),
            };
            let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{place}"));
            if let Err(wrong) = schemas.check(&form["schema"], &body, "body") {
                panic!("{wrong}: {place}");
            }
        }
    }

    /// A request of the route; what it asks the daemon, and what becomes of each answer.
    fn ask(&mut self, what: &str, change: &dyn Fn(&mut Asked)) {
        for failing in 0.. {
            let mut world = World::new(64);
            let (cookie, token) = world.log_in();
            let mut asked = Asked::honest(self.route, (&cookie, &token));
            self.method.clone_into(&mut asked.method);
            if self.route.guard == Guard::Metrics {
                world.tell_metrics_to(METRICS);
                asked.more = format!("Authorization: Bearer {METRICS}");
            }
            change(&mut asked);
            let place = world.visit();
            world.say(place, asked.text().as_bytes());
            let Some((link, lines)) = world.asked() else {
                let answer = String::from_utf8_lossy(&world.heard(place)).into_owned();
                self.hold(what, &answer);
                if let Some((_, rest)) = answer.split_once("ETag: ") {
                    asked.more = format!("If-None-Match: {}", &rest[..10]);
                    self.hold("again", &world.ask(&asked.text()));
                }
                return;
            };
            let verb = between(&lines, "{\"verb\":\"", "\"");
            let mut all = answers(&verb);
            let failures = ["input", "refused", "stale"].map(|fault| {
                format!(r#"{{"error":{{"fault":"{fault}","message":"a: expected b, found c"}}}}"#)
            });
            // Only a configuration can be stale.
            all.extend(
                failures
                    .into_iter()
                    .take(if verb == "config-apply" { 3 } else { 2 }),
            );
            match all.get(failing) {
                Some(line) => {
                    world.tell(link, format!("{line}\n").as_bytes());
                    let mut answer = world.text(place);
                    if answer.is_empty() {
                        // A further question goes with it.
                        let (link, lines) = world.asked().unwrap();
                        let all = answers(&between(&lines, "{\"verb\":\"", "\""));
                        world.tell(link, format!("{}\n", all[0]).as_bytes());
                        answer = world.text(place);
                    }
                    self.hold(line, &answer);
                    if let Some((_, rest)) = answer.split_once("ETag: ") {
                        asked.more = format!("If-None-Match: {}", &rest[..10]);
                        world.say(place, asked.text().as_bytes());
                        if let Some((link, _)) = world.asked() {
                            world.tell(link, format!("{line}\n").as_bytes());
                        }
                        let answer = world.text(place);
                        self.hold("again", &answer);
                    }
                }
                None => {
                    world.unlink(link);
                    let answer = world.text(place);
                    return self.hold("without a daemon", &answer);
                }
            }
        }
    }

    /// Everything that may be wrong with a request.
    fn ask_wrongly(&mut self) {
        self.ask("a stranger", &|asked| asked.cookie = String::new());
        if self.route.guard == Guard::Metrics {
            self.ask("a session alone", &|asked| asked.more = "X: y".to_owned());
        }
        self.ask("another host", &|asked| asked.host = "evil.example");
        if self.route.method != Method::Get {
            self.ask("another origin", &|asked| asked.origin = Some("null"));
            self.ask("another type", &|asked| asked.kind = None);
            let long = "x".repeat(self.route.bytes_max + 1);
            self.ask("too long", &|asked| asked.body.clone_from(&long));
            self.ask("no JSON", &|asked| {
                // A form of the page is no JSON in the first place, and has its token there.
                if asked.kind == Some("application/json") && asked.method != "DELETE" {
                    asked.body = "{".to_owned();
                }
            });
        }
        match (self.method, self.route.path) {
            ("PUT", "/api/v1/config") => {
                self.ask("no tag", &|asked| asked.if_match = "");
                self.ask("another tag", &|asked| asked.if_match = "*");
                self.ask("nothing", &|asked| asked.body = String::new());
                self.crowd(CONFIGS_MAX);
            }
            ("POST", "/api/v1/config/check") => {
                self.ask("nothing", &|asked| asked.body = String::new());
                self.crowd(CONFIGS_MAX);
            }
            ("PUT", "/api/v1/devices/") => {
                self.ask("no address", &|asked| {
                    "/api/v1/devices/tv".clone_into(&mut asked.path)
                });
            }
            ("POST", "/api/v1/session" | "/plain/login") | ("PUT", "/api/v1/password") => {
                self.crowd(LOGINS_OF_ONE_MAX);
            }
            ("GET", "/plain") => self.ask("a stranger", &|asked| asked.cookie = String::new()),
            ("GET", "/api/v1/live") => self.ask_live(),
            _ => {}
        }
    }

    /// So many are on their way already.
    fn crowd(&mut self, count: usize) {
        let mut world = World::new(64);
        let (cookie, token) = world.log_in();
        let asked = Asked::honest(self.route, (&cookie, &token)).text();
        let begun = asked.len() - usize::from(self.route.path.starts_with("/api/v1/config"));
        for _ in 0..count {
            let place = world.visit();
            world.say(place, &asked.as_bytes()[..begun]);
        }
        let answer = world.ask(&asked);
        self.hold("too many", &answer);
    }

    fn ask_live(&mut self) {
        let mut world = World::new(64);
        let (cookie, _) = world.log_in();
        let ours = "http://192.168.1.1:8080";
        let good = upgrade(&cookie, ours);
        for (what, asked) in [
            ("all is well", good.clone()),
            ("a stranger", upgrade("", ours)),
            ("another origin", upgrade(&cookie, "null")),
            ("no key", good.replace("dGhl", "dGh")),
        ] {
            let answer = world.ask(&asked);
            self.hold(what, &answer);
        }
    }
}

#[test]
fn each_answer_is_one_that_the_document_lists_and_each_that_it_lists_is_had() {
    let document = document();
    for ((method, path), route) in rows() {
        let operation = &document["paths"][&path][&method];
        let mut trial = Trial {
            route,
            method: &method.to_uppercase(),
            seen: BTreeSet::new(),
            document: &document,
            operation,
        };
        trial.ask("all is well", &|_| {});
        trial.ask_wrongly();
        let listed: BTreeSet<u16> = operation["responses"]
            .as_object()
            .unwrap()
            .keys()
            .map(|code| code.parse().unwrap())
            .collect();
        assert_eq!(trial.seen, listed, "had and listed: {method} {path}");
    }
}

#[test]
fn what_a_page_sends_is_of_the_form_that_the_document_says() {
    let document = document();
    let schemas = Schemas { whole: &document };
    for ((method, path), route) in rows() {
        let place = "/requestBody/content/application~1json/schema";
        let Some(schema) = document["paths"][&path][&method].pointer(place) else {
            continue;
        };
        let honest = Asked::honest(route, ("", &"0".repeat(32)));
        let body = serde_json::from_str(&honest.body).unwrap();
        assert_eq!(
            schemas.check(schema, &body, "body"),
            Ok(()),
            "{method} {path}"
        );
    }
}

/// The one of the README, with what has another form elsewhere.
#[test]
fn what_the_document_takes_for_a_configuration_is_one() {
    let document = document();
    let schemas = Schemas { whole: &document };
    let config = &document["components"]["schemas"]["Config"];
    let readme = include_str!("../../../README.md");
    let readme = format!("{{{}\n}}", between(readme, "```json\n{", "\n}\n```"));
    for text in [readme.as_str(), CONFIG, r#"{"version":1}"#] {
        assert!(config::parse(text.as_bytes()).is_ok());
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(schemas.check(config, &value, "config"), Ok(()));
    }
    for text in [
        r#"{}"#,
        r#"{"version":2}"#,
        r#"{"version":1,"wan":{"up_kbit":63}}"#,
        r#"{"version":1,"devices":[{}]}"#,
        r#"{"version":1,"colour":"red"}"#,
        r#"{"version":1,"schedules":[{"from":"1:00","until":"2:00","class":"bulk"}]}"#,
    ] {
        assert!(config::parse(text.as_bytes()).is_err(), "{text}");
        let value = serde_json::from_str(text).unwrap();
        assert!(schemas.check(config, &value, "config").is_err(), "{text}");
    }
}
