//! A connection that the page process has: what it may not ask.

use std::os::fd::OwnedFd;

use super::UNPROBED;
use super::connection::{Connection, Fate, Origin};
use crate::engine::{Client, Engine};
use crate::sys::file::{self, Moved};
use crate::sys::listener::pair;
use crate::value::Instant;

/// What is answered to these lines.
fn answer(connection: &mut Connection, theirs: &OwnedFd, lines: &str) -> String {
    let start = Instant::from_ms(0);
    let mut engine = Engine::new(start, Box::default(), UNPROBED);
    assert_eq!(
        file::give(theirs, lines.as_bytes()),
        Moved::Bytes(lines.len())
    );
    assert!(connection.serve(Client(0), &mut engine, start) == Fate::Lives);
    let mut room = [0; 1024];
    match file::take(theirs, &mut room) {
        Moved::Bytes(count) => String::from_utf8_lossy(&room[..count]).into_owned(),
        _ => String::new(),
    }
}

#[test]
fn the_page_may_neither_stop_the_daemon_nor_set_a_password_without_the_one_before() {
    let (ours, theirs) = pair().expect("a connection");
    let mut connection = Connection::new(ours, 0, Origin::Page);
    for verb in ["stop", "password"] {
        let said = answer(
            &mut connection,
            &theirs,
            &format!("{{\"verb\":\"{verb}\"}}\n"),
        );
        assert_eq!(
            said,
            format!(
                "{{\"error\":{{\"fault\":\"input\",\"message\":\"expected a request that the page may make, found {verb}\"}}}}\n"
            )
        );
    }
    // It may go on asking: a login with its password is taken, and nothing is said before it was looked at.
    let login = "{\"verb\":\"login\",\"device\":\"192.168.1.5\"}\n\"secret\"\n";
    assert_eq!(answer(&mut connection, &theirs, login), "");
    let errand = connection.take_errand(true, 7).expect("an errand");
    assert!(errand.from.is_some() && errand.lines.len() == 1);
    assert!(connection.awaits(7) && !connection.awaits(8));
}

#[test]
fn a_configuration_is_looked_at_without_being_put_in_force() {
    let (ours, theirs) = pair().expect("a connection");
    let mut connection = Connection::new(ours, 0, Origin::Page);
    for (config, said) in [
        ("{\"version\":1,\"enabled\":false}", "{\"ok\":true}\n"),
        (
            "{\"version\":2}",
            "{\"error\":{\"fault\":\"input\",\"message\":\"line 1: version: expected 1, the only version that this program knows, found 2\"}}\n",
        ),
        (
            "{\"version\":1,\"enabled\":true}",
            "{\"error\":{\"fault\":\"input\",\"message\":\"wan.up_kbit: expected a whole number from 64 to 10000000 when enabled is true, found nothing\"}}\n",
        ),
    ] {
        let lines = format!("{{\"verb\":\"config-check\"}}\n{config}\n");
        assert_eq!(answer(&mut connection, &theirs, &lines), said);
        assert!(connection.is_idle());
    }
}

#[test]
fn root_may_set_a_password_and_an_enrolment_has_two_lines() {
    let (ours, theirs) = pair().expect("a connection");
    let mut connection = Connection::new(ours, 0, Origin::Socket);
    assert_eq!(
        answer(&mut connection, &theirs, "{\"verb\":\"enroll\"}\n\"new\"\n"),
        ""
    );
    assert!(
        connection.take_errand(true, 1).is_none(),
        "a line is missing"
    );
    assert_eq!(answer(&mut connection, &theirs, "null\n"), "");
    let mut errand = connection.take_errand(true, 2).expect("an errand");
    assert_eq!(errand.lines.len(), 2);
    errand.counted = true;
    connection.put_errand(2, errand);
    assert!(connection.take_errand(false, 3).is_none(), "it waits");
    assert!(connection.take_errand(true, 4).is_some());
}
