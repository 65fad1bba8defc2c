//! Sessions: how they begin and end.

use std::time::Duration;

use lanemark::web::{
    AGE_MAX, BODY_BYTES_MAX, IDLE_MAX, PASSWORD_BYTES_MAX, PING_AFTER, SESSIONS_MAX,
};

use super::world::{CHANGED, World, between, body, change, get, login, status};

/// Whether that cookie is one of a session.
fn is_known(world: &mut World, cookie: &str) -> bool {
    let answer = world.ask(&get("/api/v1/session", cookie));
    body(&answer).starts_with("{\"user\":true,")
}

#[test]
fn a_login_makes_a_new_session_whose_cookie_no_script_sees() {
    let mut world = World::new(64);
    let place = world.visit();
    // An old cookie is of no use to whoever planted it.
    let planted = "a".repeat(32);
    world.say(
        place,
        login("secret word")
            .replace("lanemark=", &format!("lanemark={planted}"))
            .as_bytes(),
    );
    world.answers(
        "{\"verb\":\"login\",\"device\":\"192.168.1.5\"}\n\"secret word\"\n",
        CHANGED,
    );
    let answer = world.text(place);
    assert!(answer.contains("\"address\":\"192.168.1.5\""), "{answer}");
    let cookie = between(&answer, "Set-Cookie: ", "\r\n");
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"),
        "{cookie}"
    );
    let name = between(&cookie, "lanemark=", ";");
    assert!(name.len() == 32 && name != planted);
    assert!(is_known(&mut world, &name) && !is_known(&mut world, &planted));
    let (second, _) = world.log_in();
    assert_ne!(second, name);
    assert!(is_known(&mut world, &name));
}

#[test]
fn a_wrong_password_makes_none_and_too_many_tries_are_told() {
    let mut world = World::new(64);
    for (failure, wanted) in [
        (
            r#"{"error":{"fault":"input","message":"wrong password"}}"#,
            401,
        ),
        (
            r#"{"error":{"fault":"refused","message":"too many tries; try again in 7 s"}}"#,
            429,
        ),
    ] {
        let place = world.visit();
        world.say(place, login("secret word").as_bytes());
        let (link, _) = world.asked().unwrap();
        world.tell(link, format!("{failure}\n").as_bytes());
        let answer = world.text(place);
        assert_eq!(status(&answer), wanted);
        assert!(!answer.contains("Set-Cookie"), "{answer}");
        // The owner may try again on the same connection.
        assert!(world.is_open(place));
    }
}

#[test]
fn what_is_no_password_is_not_asked() {
    let mut world = World::new(64);
    let longest = "x".repeat(PASSWORD_BYTES_MAX);
    for text in [
        "{}",
        "{\"password\":null}",
        "{\"password\":1}",
        "[]",
        "x",
        "{\"password\":\"a\",\"password\":\"b\"}",
        "{\"password\":\"a\"} x",
        &format!("{{\"password\":\"{longest}x\"}}"),
    ] {
        let answer = world.ask(&change("POST /api/v1/session", ("", ""), "", text));
        assert_eq!(status(&answer), 400, "{text}");
    }
    let too_long = " ".repeat(BODY_BYTES_MAX + 1);
    let answer = world.ask(&change("POST /api/v1/session", ("", ""), "", &too_long));
    assert_eq!(status(&answer), 413);
    assert_eq!(world.asked(), None);
    world.ask(&login(&longest));
    assert!(world.asked().unwrap().1.contains(&longest));
}

#[test]
fn a_password_cannot_end_the_line_that_it_stands_in() {
    let mut world = World::new(64);
    let place = world.visit();
    world.say(place, login(r#"a\n{\"verb\":\"stop\"}\u0000\\"#).as_bytes());
    let (_, asked) = world.asked().unwrap();
    assert_eq!(asked.lines().count(), 2);
    assert_eq!(
        asked.lines().nth(1),
        Some(r#""a\n{\"verb\":\"stop\"}\u0000\\""#)
    );
}

#[test]
fn a_session_is_over_after_half_an_hour_without_a_request() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    world.pass(IDLE_MAX - Duration::from_secs(1));
    assert!(is_known(&mut world, &cookie), "and used again now");
    world.pass(IDLE_MAX - Duration::from_millis(1));
    assert!(is_known(&mut world, &cookie));
    world.pass(IDLE_MAX);
    assert!(!is_known(&mut world, &cookie));
}

#[test]
fn a_live_socket_does_not_keep_its_session_alive_and_ends_with_it() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let live = world.live(&cookie);
    let mut rest = IDLE_MAX;
    while rest > PING_AFTER {
        world.pass(PING_AFTER);
        rest -= PING_AFTER;
        assert_eq!(world.heard(live), [0x89, 0]);
        // It is there.
        world.say(live, &[0x8a, 0x80, 0, 0, 0, 0]);
    }
    world.pass(rest);
    // 1001: going away.
    assert_eq!(world.heard(live), [0x88, 2, 3, 0xe9]);
    assert!(!is_known(&mut world, &cookie));
}

#[test]
fn a_session_is_over_after_half_a_day_however_much_it_is_used() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let step = Duration::from_secs(20 * 60);
    let steps = u32::try_from(AGE_MAX.as_secs() / step.as_secs()).unwrap();
    for _ in 1..steps {
        world.pass(step);
        assert!(is_known(&mut world, &cookie));
    }
    world.pass(step);
    assert!(!is_known(&mut world, &cookie));
}

#[test]
fn a_logout_ends_the_session_and_its_live_socket_and_no_other() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let (other, _) = world.log_in();
    let (live, live_of_other) = (world.live(&cookie), world.live(&other));
    let answer = world.ask(&change("DELETE /api/v1/session", (&cookie, &token), "", ""));
    assert_eq!(status(&answer), 204);
    assert!(!is_known(&mut world, &cookie) && is_known(&mut world, &other));
    // 1001: going away.
    assert_eq!(world.heard(live), [0x88, 2, 3, 0xe9]);
    world.pass(lanemark::web::DRAINING_MAX);
    assert!(!world.is_open(live) && world.is_open(live_of_other));
}

#[test]
fn a_new_password_ends_all_sessions_but_the_one_that_it_begins() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let (other, _) = world.log_in();
    let place = world.visit();
    let wish = "{\"new\":\"second word\",\"current\":\"secret word\"}";
    world.say(
        place,
        change("PUT /api/v1/password", (&cookie, &token), "", wish).as_bytes(),
    );
    let lines =
        "{\"verb\":\"enroll\",\"device\":\"192.168.1.5\"}\n\"second word\"\n\"secret word\"\n";
    // The daemon's own word on it comes before its answer.
    world.web.forget();
    world.answers(lines, CHANGED);
    let answer = world.text(place);
    let new = between(&answer, "Set-Cookie: lanemark=", ";");
    assert!(is_known(&mut world, &new));
    assert!(!is_known(&mut world, &cookie) && !is_known(&mut world, &other));
}

#[test]
fn the_first_password_can_be_set_by_anybody_and_the_second_only_with_a_session() {
    let mut world = World::new(64);
    world.configure(false, "");
    assert_eq!(
        body(&world.ask(&get("/api/v1/session", ""))),
        "{\"user\":false,\"token\":null,\"first\":true}"
    );
    assert_eq!(status(&world.ask(&get("/api/v1/status", ""))), 401);
    let wish = change(
        "PUT /api/v1/password",
        ("", ""),
        "",
        "{\"new\":\"first word\",\"current\":null}",
    );
    let place = world.visit();
    world.say(place, wish.as_bytes());
    world.answers(
        "{\"verb\":\"enroll\",\"device\":\"192.168.1.5\"}\n\"first word\"\nnull\n",
        CHANGED,
    );
    let answer = world.text(place);
    assert!(is_known(
        &mut world,
        &between(&answer, "Set-Cookie: lanemark=", ";")
    ));
    assert_eq!(status(&world.ask(&wish)), 401);
    assert_eq!(world.asked(), None);
}

#[test]
fn a_further_session_takes_the_place_of_the_one_that_was_used_longest_ago() {
    let mut world = World::new(64);
    let mut cookies: Vec<String> = (0..SESSIONS_MAX)
        .map(|_| {
            world.pass(Duration::from_secs(1));
            world.log_in().0
        })
        .collect();
    // The first is used again: the second is the oldest now.
    world.pass(Duration::from_secs(1));
    assert!(is_known(&mut world, &cookies[0]));
    cookies.push(world.log_in().0);
    for (number, cookie) in cookies.iter().enumerate() {
        assert_eq!(is_known(&mut world, cookie), number != 1, "{number}");
    }
}

#[test]
fn what_the_daemon_forgets_is_forgotten() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    world.web.forget();
    assert!(!is_known(&mut world, &cookie));
}
