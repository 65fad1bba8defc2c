//! The live socket.

use std::time::Duration;

use lanemark::web::{LINE_BYTES_MAX, PING_AFTER};

use super::world::{World, get};

const WHOLE: &str = r#"{"g":1,"m":["02:00:00:00:00:0a"],"s":"on"}"#;

/// Lines that a live socket was told, by the frames that came.
fn lines(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while let [first, short, rest @ ..] = bytes {
        let (len, rest) = match short {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            short => (usize::from(*short), rest),
        };
        let word = match first {
            0x81 => "",
            0x88 => "close ",
            0x89 => "ping",
            0x8a => "pong ",
            other => panic!("{other}"),
        };
        lines.push(format!("{word}{}", String::from_utf8_lossy(&rest[..len])));
        bytes = &rest[len..];
    }
    lines
}

fn heard(world: &mut World, place: usize) -> Vec<String> {
    lines(&world.heard(place))
}

/// A world in which one live socket is told; the cookie, the socket and the link.
fn watched(world: &mut World) -> (String, usize, usize) {
    let (cookie, _) = world.log_in();
    let place = world.live(&cookie);
    let (link, asked) = world.asked().unwrap();
    assert_eq!(asked, "{\"verb\":\"watch\"}\n");
    world.tell(link, format!("{WHOLE}\n").as_bytes());
    assert_eq!(heard(world, place), [WHOLE]);
    (cookie, place, link)
}

/// A frame of a browser whose mask is nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    [&[first, 0x80 | len, 0, 0, 0, 0], payload].concat()
}

#[test]
fn whoever_watches_is_told_everything_and_then_what_changes() {
    let mut world = World::new(64);
    let (_, place, link) = watched(&mut world);
    world.tell(link, b"{\"d\":[[0,1,");
    assert_eq!(heard(&mut world, place), [""; 0]);
    world.tell(link, b"2]]}\n{\"t\":[1,1]}\n");
    assert_eq!(
        heard(&mut world, place).len(),
        1,
        "the other is told when it has taken the first"
    );
}

#[test]
fn the_daemon_is_asked_to_watch_once_for_all_and_stops_with_the_last() {
    let mut world = World::new(64);
    let (cookie, first, link) = watched(&mut world);
    let second = world.live(&cookie);
    let third = world.live(&cookie);
    // Everything is asked for on another link, which is not kept.
    let (helper, asked) = world.asked().unwrap();
    assert_eq!(
        (asked.as_str(), world.asked()),
        ("{\"verb\":\"watch\"}\n", None)
    );
    // Changes mean nothing to those who know nothing.
    world.tell(link, b"{\"n\":[1,1]}\n");
    assert_eq!(heard(&mut world, first), ["{\"n\":[1,1]}"]);
    assert_eq!(heard(&mut world, second), [""; 0]);
    world.tell(helper, format!("{WHOLE}\n").as_bytes());
    assert!(!world.links.contains(&helper));
    assert_eq!(heard(&mut world, second), [WHOLE]);
    assert_eq!(heard(&mut world, third), [WHOLE]);
    assert_eq!(heard(&mut world, first), [""; 0]);
    world.tell(link, b"{\"n\":[2,2]}\n");
    for place in [first, second, third] {
        assert_eq!(heard(&mut world, place), ["{\"n\":[2,2]}"]);
        assert!(world.links.contains(&link));
        world.hang_up(place);
    }
    assert!(!world.links.contains(&link));
}

#[test]
fn when_the_daemon_comes_back_everybody_is_told_everything_anew() {
    let mut world = World::new(64);
    let (_, place, link) = watched(&mut world);
    world.unlink(link);
    let (link, asked) = world.asked().unwrap();
    assert_eq!(asked, "{\"verb\":\"watch\"}\n");
    world.tell(link, format!("{WHOLE}\n{{\"t\":[1,1]}}\n").as_bytes());
    assert_eq!(heard(&mut world, place)[0], WHOLE);
    assert!(world.is_open(place));
}

#[test]
fn a_reader_that_falls_behind_is_told_everything_when_it_has_caught_up() {
    let mut world = World::new(64);
    let (_, place, link) = watched(&mut world);
    world.deaf.push(place);
    for number in 0..100 {
        world.tell(link, format!("{{\"n\":[{number},0]}}\n").as_bytes());
    }
    world.deaf.clear();
    // It has room again.
    while !world.web.output(place).is_empty() {
        let piece = world.web.output(place).to_vec();
        assert_eq!(
            lines(&piece),
            ["{\"n\":[0,0]}"],
            "one line waited, and not a hundred"
        );
        world.web.sent(world.now, place, piece.len());
    }
    let (helper, _) = {
        world.link();
        world.asked().unwrap()
    };
    world.tell(helper, format!("{WHOLE}\n").as_bytes());
    assert_eq!(heard(&mut world, place), [WHOLE]);
}

#[test]
fn a_reader_that_takes_nothing_is_dropped() {
    let mut world = World::new(64);
    let (_, place, link) = watched(&mut world);
    world.deaf.push(place);
    world.tell(link, b"{\"n\":[1,0]}\n");
    world.pass(PING_AFTER);
    assert!(!world.is_open(place));
    assert!(!world.links.contains(&link), "nobody watches any more");
}

#[test]
fn whoever_is_there_says_so_and_whoever_does_not_is_gone_within_a_minute() {
    let mut world = World::new(64);
    let (cookie, there, _) = watched(&mut world);
    let gone = world.live(&cookie);
    let (helper, _) = world.asked().unwrap();
    world.tell(helper, format!("{WHOLE}\n").as_bytes());
    assert_eq!(heard(&mut world, gone), [WHOLE]);
    for _ in 0..5 {
        world.pass(PING_AFTER);
        assert_eq!(heard(&mut world, there), ["ping"]);
        world.say(there, &frame(0x8a, b""));
    }
    assert!(world.is_open(there) && !world.is_open(gone));
    assert!(2 * PING_AFTER < Duration::from_secs(60));
}

#[test]
fn a_ping_is_answered_with_what_it_brought_and_the_end_with_the_end() {
    let mut world = World::new(64);
    let (_, place, _) = watched(&mut world);
    world.say(place, &frame(0x89, b"are you there"));
    assert_eq!(heard(&mut world, place), ["pong are you there"]);
    world.say(place, &frame(0x88, &[3, 0xe8]));
    assert_eq!(world.heard(place), [0x88, 2, 3, 0xe8]);
    world.pass(Duration::from_secs(2));
    assert!(!world.is_open(place));
}

#[test]
fn a_wrong_frame_ends_it_with_its_code_and_what_is_behind_does_not_count() {
    let mut world = World::new(64);
    let (_, place, _) = watched(&mut world);
    world.say(place, &[frame(0x83, b""), frame(0x89, b"x")].concat());
    assert_eq!(world.heard(place), [0x88, 2, 3, 0xea]);
}

#[test]
fn a_frame_may_come_byte_by_byte_but_not_for_ever() {
    let mut world = World::new(64);
    let (_, place, _) = watched(&mut world);
    for byte in frame(0x89, b"slow") {
        world.say(place, &[byte]);
    }
    assert_eq!(heard(&mut world, place), ["pong slow"]);
    world.say(place, &frame(0x89, b"never")[..3]);
    world.pass(PING_AFTER);
    assert!(!world.is_open(place));
}

#[test]
fn a_line_without_end_ends_the_watch_and_not_the_live_socket() {
    let mut world = World::new(64);
    let (_, place, link) = watched(&mut world);
    for _ in 0..=LINE_BYTES_MAX / 4096 {
        world.tell(link, &[b'x'; 4096]);
    }
    assert!(!world.links.contains(&link) && world.is_open(place));
    assert!(world.asked().is_some(), "it is asked for on another one");
}

#[test]
fn requests_go_on_beside_live_sockets() {
    let mut world = World::new(64);
    let (cookie, _, _) = watched(&mut world);
    let place = world.visit();
    world.say(place, get("/api/v1/doctor", &cookie).as_bytes());
    world.answers("{\"verb\":\"doctor\"}\n", "{}");
    assert_eq!(world.status(place), 200);
}
