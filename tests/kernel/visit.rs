//! A browser's way through both processes, by `curl` on the workstation.

use std::fs;

use lanemark::lab::house::{Resident, WAN};
use serde_json::Value;

use crate::bed::{Bed, Wish, text};
use crate::program::{run, under_test};
use crate::promise::{SOON, Tried, need, promises, until};
use crate::see;

promises! {
    a_visitor_sets_the_first_password_and_then_needs_it,
    a_visitor_changes_a_configuration_that_he_has_seen_and_takes_that_back,
    another_password_from_the_command_line_ends_all_sessions,
}

const PAGE: &str = "http://192.168.77.1:8080";
const PASSWORD: &str = "correct horse battery";

/// What is answered: its number, the headers and the body.
struct Said {
    code: u32,
    head: String,
    body: String,
}

/// A visitor with what it needs to be known again.
struct Visitor<'a> {
    bed: &'a Bed,
    cookie: String,
    token: String,
}

impl Visitor<'_> {
    fn ask(&self, method: &str, path: &str, body: Option<&str>, more: &[&str]) -> Said {
        let url = format!("{PAGE}{path}");
        let file = self.bed.scratch_file("head");
        let (cookie, token) = (
            format!("Cookie: lanemark={}", self.cookie),
            format!("X-Lanemark-Token: {}", self.token),
        );
        let origin = format!("Origin: {PAGE}");
        let mut words = vec![
            "curl",
            "-s",
            "-S",
            "--max-time",
            "20",
            "-X",
            method,
            "-D",
            text(&file),
            "-H",
            &cookie,
            "-H",
            &token,
            "-H",
            &origin,
            "-H",
            "Content-Type: application/json",
        ];
        if let Some(body) = body {
            words.extend(["--data-binary", body]);
        }
        for header in more {
            words.extend(["-H", header]);
        }
        words.push(&url);
        let said = run(self.bed.workstation(), &words);
        assert_eq!(said.code, Some(0), "{method} {path}: {}", said.err);
        let head = fs::read_to_string(&file).expect("a head");
        let code = head
            .split_whitespace()
            .nth(1)
            .expect("a number")
            .parse()
            .expect("a number");
        Said {
            code,
            head,
            body: said.out,
        }
    }

    fn set_password(&self, new: &str, current: &str) -> Said {
        let body = format!("{{\"new\":\"{new}\",\"current\":{current}}}");
        self.ask("PUT", "/api/v1/password", Some(&body), &[])
    }

    fn know(&mut self, said: &Said) {
        let line = said
            .head
            .lines()
            .find(|line| line.to_lowercase().starts_with("set-cookie:"));
        let (_, cookie) = line
            .expect("a cookie")
            .split_once("lanemark=")
            .expect("our cookie");
        self.cookie = cookie.split(';').next().expect("a value").to_owned();
        let body: Value = serde_json::from_str(&said.body).expect("JSON");
        self.token = body["token"].as_str().expect("a token").to_owned();
    }
}

/// A visitor who has set the first password.
fn enrolled(bed: &Bed) -> Visitor<'_> {
    let mut visitor = Visitor {
        bed,
        cookie: "0".repeat(32),
        token: "0".repeat(32),
    };
    let url = format!("{PAGE}/api/v1/session");
    let first = until("the page", SOON, || {
        let said = run(bed.workstation(), &["curl", "-s", &url]);
        (said.code == Some(0)).then_some(said.out)
    });
    let first: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(
        (&first["user"], &first["first"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert_eq!(visitor.ask("GET", "/api/v1/status", None, &[]).code, 401);
    let said = visitor.set_password(PASSWORD, "null");
    assert_eq!(said.code, 200, "{}{}", said.head, said.body);
    visitor.know(&said);
    assert_eq!(visitor.ask("GET", "/api/v1/status", None, &[]).code, 200);
    visitor
}

fn a_visitor_sets_the_first_password_and_then_needs_it() -> Tried {
    need(&["curl"])?;
    let bed = Bed::new()?;
    let lanemark = bed.start(&Wish::workstation("premium"));
    let mut visitor = enrolled(&bed);
    let again = visitor.set_password("another password", "null");
    assert!((400..500).contains(&again.code), "{}", again.code);
    let log_in = |visitor: &Visitor<'_>, password: &str| {
        let body = format!("{{\"password\":\"{password}\"}}");
        visitor.ask("POST", "/api/v1/session", Some(&body), &[])
    };
    assert_eq!(log_in(&visitor, "wrong password").code, 401);
    let said = log_in(&visitor, PASSWORD);
    assert_eq!(said.code, 200, "{}", said.body);
    visitor.know(&said);
    // Who changes it stays in, with a session of its own.
    let said = visitor.set_password("another password", &format!("\"{PASSWORD}\""));
    assert_eq!(said.code, 200, "{}", said.body);
    assert_eq!(visitor.ask("GET", "/api/v1/status", None, &[]).code, 401);
    visitor.know(&said);
    assert_eq!(visitor.ask("GET", "/api/v1/status", None, &[]).code, 200);
    assert_eq!(log_in(&visitor, PASSWORD).code, 401);
    let log = lanemark.said();
    assert!(!log.contains("page process ended"), "{log}");
    Ok(())
}

fn a_visitor_changes_a_configuration_that_he_has_seen_and_takes_that_back() -> Tried {
    need(&["curl"])?;
    let bed = Bed::new()?;
    let lanemark = bed.start(&Wish::workstation("premium"));
    let visitor = enrolled(&bed);
    let config = visitor.ask("GET", "/api/v1/config", None, &[]);
    assert_eq!(config.code, 200);
    let mut heads = config.head.lines();
    let tag = heads.find(|line| line.to_lowercase().starts_with("etag:"));
    let (_, tag) = tag.and_then(|line| line.split_once(':')).expect("an ETag");
    let matching = format!("If-Match: {}", tag.trim());
    let other = config
        .body
        .replace("\"up_kbit\":20000", "\"up_kbit\":15000");
    assert_ne!(other, config.body);
    let put = |more: &[&str]| visitor.ask("PUT", "/api/v1/config", Some(&other), more);
    assert_eq!(put(&[]).code, 428);
    let said = put(&[&matching]);
    assert_eq!(said.code, 200, "{}", said.body);
    assert_eq!(
        see::line_kbit(bed.router(), WAN).map(|kbit| kbit <= 15_000),
        Some(true)
    );
    let late = put(&[&matching]);
    assert_eq!(late.code, 409, "{}", late.body);
    let history = visitor.ask("GET", "/api/v1/config/history", None, &[]);
    let history: Value = serde_json::from_str(&history.body).expect("JSON");
    let number = history["versions"][1]["number"].clone();
    let shown = visitor.ask(
        "GET",
        &format!("/api/v1/config/history/{number}"),
        None,
        &[],
    );
    assert!(shown.body.contains("\"up_kbit\":20000"), "{}", shown.body);
    let back = format!("{{\"number\":{number}}}");
    let said = visitor.ask("POST", "/api/v1/config/rollback", Some(&back), &[]);
    assert_eq!(said.code, 200, "{}", said.body);
    let shown = visitor.ask("GET", "/api/v1/config", None, &[]);
    assert!(shown.body.contains("\"up_kbit\":20000"), "{}", shown.body);
    let mac = Resident::workstation().mac_text();
    let class = Some("{\"class\":\"bulk\"}");
    let said = visitor.ask("PUT", &format!("/api/v1/devices/{mac}"), class, &[]);
    assert_eq!(said.code, 200, "{}", said.body);
    let log = lanemark.said();
    assert!(!log.contains("page process ended"), "{log}");
    Ok(())
}

fn another_password_from_the_command_line_ends_all_sessions() -> Tried {
    need(&["curl", "sh"])?;
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let visitor = enrolled(&bed);
    let socket = bed.socket();
    let set = format!(
        "printf 'another password\\n' | {} password --socket {}",
        under_test(),
        text(&socket)
    );
    assert_eq!(run(bed.router(), &["sh", "-c", &set]).code, Some(0));
    until("the end of the session", SOON, || {
        let said = visitor.ask("GET", "/api/v1/status", None, &[]);
        (said.code == 401).then_some(())
    });
    Ok(())
}
