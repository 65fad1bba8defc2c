//! What is asked of the daemon, and how its answers are passed on.

use std::time::Duration;

use lanemark::value::Crc32;
use lanemark::web::{
    ANSWER_BYTES_MAX, ANSWER_MAX, CONFIG_BYTES_MAX, KEPT_MAX, LINKS_MAX, WRITING_MAX, Wish,
};

use super::world::{CHANGED, World, body, change, get, status};

const STATUS: &str = r#"{"state":"on","reason":"a \"classes\":[1] b","classes":[{"class":"exempt","up":{"bytes":1}},{"class":"bulk"}],"devices":2}"#;

/// Asks with a session; the connection.
fn ask(world: &mut World, path: &str, cookie: &str) -> usize {
    let place = world.visit();
    world.say(place, get(path, cookie).as_bytes());
    place
}

#[test]
fn each_route_asks_its_question_and_passes_the_answer_on_as_it_is() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let keys = (cookie.as_str(), token.as_str());
    let answer = r#"{"any":["thing", 1.5e3, {"x":null}]}"#;
    for (request, lines) in [
        (get("/api/v1/doctor", &cookie), r#"{"verb":"doctor"}"#),
        (get("/api/v1/config", &cookie), r#"{"verb":"config-show"}"#),
        (
            get("/api/v1/config/history", &cookie),
            r#"{"verb":"history"}"#,
        ),
        (
            get("/api/v1/config/history/11", &cookie),
            r#"{"verb":"history-show","device":"11"}"#,
        ),
        (
            get("/api/v1/config/history/%22%5c", &cookie),
            r#"{"verb":"history-show","device":"\"\\"}"#,
        ),
        (get("/api/v1/status", &cookie), r#"{"verb":"status"}"#),
        (get("/api/v1/devices", &cookie), r#"{"verb":"devices"}"#),
        (
            change(
                "PUT /api/v1/devices/02:00:00:00:00:0A",
                keys,
                "",
                r#"{"class":"premium"}"#,
            ),
            r#"{"verb":"set","device":"02:00:00:00:00:0a","class":"premium"}"#,
        ),
        (
            change(
                "PUT /api/v1/devices/02:00:00:00:00:0a",
                keys,
                "",
                r#"{"class":null}"#,
            ),
            r#"{"verb":"unset","device":"02:00:00:00:00:0a"}"#,
        ),
        (
            change("POST /api/v1/config/rollback", keys, "", r#"{"number":11}"#),
            r#"{"verb":"rollback","device":"11"}"#,
        ),
        (
            change("POST /api/v1/config/check", keys, "", "{\n}"),
            "{\"verb\":\"config-check\"}\n{ }",
        ),
        (
            change("POST /api/v1/config/rollback", keys, "", "{}"),
            r#"{"verb":"rollback"}"#,
        ),
    ] {
        let place = world.visit();
        world.say(place, request.as_bytes());
        assert_eq!(world.text(place), "", "it waits");
        world.answers(&format!("{lines}\n"), answer);
        let text = world.text(place);
        assert_eq!((status(&text), body(&text)), (200, answer), "{lines}");
        assert!(world.is_open(place));
    }
}

#[test]
fn flows_are_asked_for_by_device_and_class() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    for (query, lines) in [
        ("", r#"{"verb":"flows"}"#),
        ("?device=my%20tv", r#"{"verb":"flows","device":"my tv"}"#),
        (
            "?class=bulk&device=a%22",
            r#"{"verb":"flows","device":"a\"","class":"bulk"}"#,
        ),
    ] {
        let place = ask(&mut world, &format!("/api/v1/flows{query}"), &cookie);
        world.answers(&format!("{lines}\n"), r#"{"flows":[]}"#);
        let text = world.text(place);
        assert!(text.contains("Transfer-Encoding: chunked\r\n"), "{text}");
        assert_eq!(body(&text), "c\r\n{\"flows\":[]}\r\n0\r\n\r\n");
    }
}

#[test]
fn an_answer_without_bound_is_passed_on_as_it_is_read_and_no_faster() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let place = ask(&mut world, "/api/v1/flows", &cookie);
    let (link, _) = world.asked().unwrap();
    world.deaf.push(place);
    let piece = [b'x'; 1024];
    world.tell(link, b"{\"flows\":[");
    let mut told = 0;
    while world.web.link_wish(link) == Wish::Read {
        world.tell(link, &piece);
        told += piece.len();
        assert!(told < 64 * 1024, "the daemon is not held back");
    }
    // Read on, it goes on.
    world.deaf.clear();
    world.web.received(world.now, place, b"");
    assert_eq!(world.web.link_wish(link), Wish::Nothing);
    let mut out: Vec<u8> = Vec::new();
    loop {
        let piece = world.web.output(place).to_vec();
        if piece.is_empty() {
            break;
        }
        out.extend(&piece);
        world.web.sent(world.now, place, piece.len());
    }
    assert!(out.len() > told);
    assert_eq!(world.web.link_wish(link), Wish::Read);
    world.tell(link, b"]}\n");
    assert!(world.text(place).ends_with("]}\r\n0\r\n\r\n"));
    // The link is free for the next.
    ask(&mut world, "/api/v1/doctor", &cookie);
    assert_eq!(world.asked().map(|(place, _)| place), Some(link));
}

#[test]
fn a_reader_of_flows_that_takes_nothing_is_dropped_and_the_link_with_it() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let place = ask(&mut world, "/api/v1/flows", &cookie);
    let (link, _) = world.asked().unwrap();
    world.deaf.push(place);
    world.tell(link, &[b'x'; 9000]);
    world.pass(WRITING_MAX);
    assert!(!world.is_open(place) && !world.links.contains(&link));
}

#[test]
fn flows_that_break_off_are_not_taken_for_all() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let place = ask(&mut world, "/api/v1/flows", &cookie);
    let (link, _) = world.asked().unwrap();
    world.tell(link, b"{\"flows\":[{},");
    world.unlink(link);
    assert!(!world.is_open(place));
    assert!(!world.text(place).ends_with("0\r\n\r\n"));
}

#[test]
fn the_last_free_link_is_not_given_to_flows() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    for _ in 0..10 {
        ask(&mut world, "/api/v1/flows", &cookie);
    }
    let mut asked = Vec::new();
    while let Some((link, _)) = world.asked() {
        asked.push(link);
    }
    assert_eq!(asked.len(), 3);
    ask(&mut world, "/api/v1/doctor", &cookie);
    world.answers("{\"verb\":\"doctor\"}\n", "{}");
    assert_eq!(world.asked(), None);
    // One is over: the next of those who wait.
    world.tell(asked[0], b"{\"flows\":[]}\n");
    assert_eq!(world.asked().unwrap().1, "{\"verb\":\"flows\"}\n");
}

#[test]
fn status_and_devices_are_asked_for_once_a_second_however_many_ask() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let waiting: Vec<usize> = (0..5)
        .map(|_| ask(&mut world, "/api/v1/status", &cookie))
        .collect();
    world.answers("{\"verb\":\"status\"}\n", STATUS);
    for place in waiting {
        assert_eq!(body(&world.text(place)), STATUS);
    }
    world.pass(KEPT_MAX - Duration::from_millis(1));
    let place = ask(&mut world, "/api/v1/status", &cookie);
    assert_eq!((body(&world.text(place)), world.asked()), (STATUS, None));
    world.pass(Duration::from_millis(1));
    let place = ask(&mut world, "/api/v1/status", &cookie);
    world.answers("{\"verb\":\"status\"}\n", "{\"new\":1}");
    assert_eq!(body(&world.text(place)), "{\"new\":1}");
}

#[test]
fn a_change_is_seen_at_once() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    ask(&mut world, "/api/v1/devices", &cookie);
    world.answers("{\"verb\":\"devices\"}\n", "{\"devices\":[]}");
    let place = world.visit();
    let set = change(
        "PUT /api/v1/devices/02:00:00:00:00:0a",
        (&cookie, &token),
        "",
        "{\"class\":\"bulk\"}",
    );
    world.say(place, set.as_bytes());
    let (link, _) = world.asked().unwrap();
    world.tell(link, format!("{CHANGED}\n").as_bytes());
    ask(&mut world, "/api/v1/devices", &cookie);
    assert_eq!(world.asked().unwrap().1, "{\"verb\":\"devices\"}\n");
}

#[test]
fn classes_are_the_lanes_of_the_status() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let place = ask(&mut world, "/api/v1/classes", &cookie);
    world.answers("{\"verb\":\"status\"}\n", STATUS);
    let text = world.text(place);
    assert_eq!(
        body(&text),
        r#"{"classes":[{"class":"exempt","up":{"bytes":1}},{"class":"bulk"}]}"#
    );
}

#[test]
fn what_the_browser_has_is_not_sent_again() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let config = "{\"version\":1}";
    let tag = format!("\"{:08x}\"", Crc32::of(config.as_bytes()));
    for path in ["/api/v1/config", "/api/v1/status", "/api/v1/devices"] {
        let place = ask(&mut world, path, &cookie);
        let (link, _) = world.asked().unwrap();
        world.tell(link, format!("{config}\n").as_bytes());
        let text = world.text(place);
        assert!(text.contains(&format!("ETag: {tag}\r\n")), "{text}");
        let again =
            get(path, &cookie).replace("Cookie", &format!("If-None-Match: {tag}\r\nCookie"));
        world.say(place, again.as_bytes());
        if let Some((link, _)) = world.asked() {
            world.tell(link, format!("{config}\n").as_bytes());
        }
        let text = world.text(place);
        assert_eq!((status(&text), body(&text)), (304, ""), "{path}");
    }
    // A file of the page too.
    let text = world.visit();
    world.say(text, get("/icon.svg", "").as_bytes());
    let answer = String::from_utf8_lossy(&world.heard(text)).into_owned();
    let tag = super::world::between(&answer, "ETag: ", "\r\n");
    let again = get("/icon.svg", "").replace("Cookie", &format!("If-None-Match: {tag}\r\nCookie"));
    assert_eq!(status(&world.ask(&again)), 304);
}

#[test]
fn a_configuration_needs_the_tag_of_the_one_that_it_replaces() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let keys = (cookie.as_str(), token.as_str());
    let put = |more: &str, body: &str| change("PUT /api/v1/config", keys, more, body);
    for (more, wanted) in [
        ("", 428),
        ("If-Match: *\r\n", 409),
        ("If-Match: 1a2b3c4d\r\n", 409),
        ("If-Match: W/\"1a2b3c4d\"\r\n", 409),
    ] {
        assert_eq!(status(&world.ask(&put(more, "{}"))), wanted, "{more}");
    }
    assert_eq!(world.asked(), None);
    let place = world.visit();
    world.say(
        place,
        put("If-Match: \"1A2b3c4d\"\r\n", "{\r\n \"version\": 1\n}").as_bytes(),
    );
    let (link, asked) = world.asked().unwrap();
    assert_eq!(
        asked,
        "{\"verb\":\"config-apply\",\"device\":\"1a2b3c4d\"}\n{   \"version\": 1 }\n"
    );
    let stale = r#"{"error":{"fault":"stale","message":"expected 1a2b3c4d, found 99999999"}}"#;
    world.tell(link, format!("{stale}\n").as_bytes());
    let text = world.text(place);
    assert_eq!(status(&text), 409);
    assert_eq!(
        body(&text),
        r#"{"error":{"field":null,"expected":"1a2b3c4d","found":"99999999"}}"#
    );
}

#[test]
fn the_longest_configuration_is_passed_on_and_a_longer_one_is_not_waited_for() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let text = "x".repeat(CONFIG_BYTES_MAX);
    let tag = "If-Match: \"00000000\"\r\n";
    let put = |text: &str| change("PUT /api/v1/config", (&cookie, &token), tag, text);
    let request = put(&text);
    let place = world.visit();
    assert_eq!(world.say(place, request.as_bytes()), request.len());
    assert!(world.asked().unwrap().1.ends_with(&format!("\n{text}\n")));
    assert_eq!(status(&world.ask(&put(&format!("{text}x")))), 413);
    assert_eq!(world.asked(), None);
}

#[test]
fn no_more_than_two_configurations_are_on_their_way_at_once() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let put = change(
        "PUT /api/v1/config",
        (&cookie, &token),
        "If-Match: \"00000000\"\r\n",
        "{ }",
    );
    let (begun, rest) = put.split_at(put.len() - 1);
    let places: Vec<usize> = (0..3).map(|_| world.visit()).collect();
    for &place in &places {
        world.say(place, begun.as_bytes());
    }
    assert_eq!(world.status(places[2]), 503);
    for &place in &places[..2] {
        world.say(place, rest.as_bytes());
        assert!(world.asked().is_some());
    }
}

#[test]
fn a_body_that_waits_is_asked_for() {
    let mut world = World::new(64);
    let place = world.visit();
    let request =
        super::world::login("secret word").replace("Origin", "Expect: 100-continue\r\nOrigin");
    let (head, body) = request.split_at(request.find("{").unwrap());
    world.say(place, head.as_bytes());
    assert_eq!(world.text(place), "HTTP/1.1 100 Continue\r\n\r\n");
    world.say(place, body.as_bytes());
    assert!(world.asked().is_some());
    // Whoever would be refused anyway is refused before.
    let answer = world.ask(&head.replace("application/json", "text/plain"));
    assert_eq!(status(&answer), 415);
}

#[test]
fn a_failure_becomes_a_status_and_names_field_expectation_and_finding() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let set = change(
        "PUT /api/v1/devices/02:00:00:00:00:0a",
        (&cookie, &token),
        "",
        "{\"class\":\"x\"}",
    );
    for (fault, message, wanted, told) in [
        (
            "input",
            "line 1: wan.up_kbit: expected 64 to 10000000, found 0",
            400,
            r#"{"field":"wan.up_kbit","expected":"64 to 10000000","found":"0"}"#,
        ),
        (
            "input",
            "devices[3].name: expected a name, found \\\"<b>\\\"",
            400,
            r#"{"field":"devices[3].name","expected":"a name","found":"\"<b>\""}"#,
        ),
        (
            "input",
            "expected a class, found x",
            400,
            r#"{"field":null,"expected":"a class","found":"x"}"#,
        ),
        (
            "input",
            "no such device",
            400,
            r#"{"field":null,"expected":"","found":"no such device"}"#,
        ),
        (
            "refused",
            "the kernel refused: busy",
            502,
            r#"{"field":null,"expected":"","found":"the kernel refused: busy"}"#,
        ),
        (
            "new-fault",
            "?",
            502,
            r#"{"field":null,"expected":"","found":"?"}"#,
        ),
    ] {
        let place = world.visit();
        world.say(place, set.as_bytes());
        let (link, _) = world.asked().unwrap();
        let line = format!("{{\"error\":{{\"fault\":\"{fault}\",\"message\":\"{message}\"}}}}\n");
        world.tell(link, line.as_bytes());
        let text = world.text(place);
        assert_eq!(
            (status(&text), body(&text)),
            (wanted, format!("{{\"error\":{told}}}").as_str())
        );
    }
}

#[test]
fn a_daemon_that_does_not_answer_or_goes_is_told_and_the_rest_goes_on() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let place = ask(&mut world, "/api/v1/doctor", &cookie);
    let (link, _) = world.asked().unwrap();
    world.unlink(link);
    assert_eq!(world.status(place), 503);
    let (doctor, kept) = (
        ask(&mut world, "/api/v1/doctor", &cookie),
        ask(&mut world, "/api/v1/status", &cookie),
    );
    let links = [world.asked().unwrap().0, world.asked().unwrap().0];
    world.pass(ANSWER_MAX);
    assert_eq!((world.status(doctor), world.status(kept)), (503, 503));
    // An answer that comes now would be taken for that of another question.
    assert!(links.iter().all(|link| !world.links.contains(link)));
    // The daemon replaces them.
    while world.links.len() < 4 {
        world.link();
    }
    let place = ask(&mut world, "/api/v1/status", &cookie);
    world.answers("{\"verb\":\"status\"}\n", STATUS);
    assert_eq!(world.status(place), 200);
}

#[test]
fn an_answer_to_somebody_who_is_gone_is_not_given_to_the_next() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let place = ask(&mut world, "/api/v1/doctor", &cookie);
    world.hang_up(place);
    let next = world.visit();
    assert_eq!(next, place, "he has the same place");
    world.say(next, get("/api/v1/config", &cookie).as_bytes());
    let (link, _) = world.asked().unwrap();
    world.tell(link, b"{\"doctor\":1}\n");
    assert_eq!(world.text(next), "");
    world.answers("{\"verb\":\"config-show\"}\n", "{\"config\":1}");
    assert_eq!(body(&world.text(next)), "{\"config\":1}");
}

#[test]
fn an_answer_without_end_is_none() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let place = ask(&mut world, "/api/v1/doctor", &cookie);
    let (link, _) = world.asked().unwrap();
    for _ in 0..=ANSWER_BYTES_MAX / 4096 {
        world.tell(link, &[b'x'; 4096]);
    }
    assert_eq!(world.status(place), 503);
    assert!(!world.links.contains(&link));
}

#[test]
fn what_the_daemon_says_unasked_ends_the_link() {
    let mut world = World::new(64);
    world.tell(0, b"{}\n");
    assert!(!world.links.contains(&0));
    // Beyond the limit it may give as many as it likes.
    for _ in 0..LINKS_MAX {
        world.link();
    }
    assert_eq!(world.links.len(), LINKS_MAX);
    assert_eq!(world.link(), None);
}
