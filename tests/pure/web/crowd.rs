//! Many who come at once, and many who are slow: whoever is logged in or quick is served.

use std::time::Duration;

use lanemark::web::{
    BODY_MAX, EXCHANGES_MAX, HEAD_MAX, IDLE_CONNECTION_MAX, LOGINS_MAX, LOGINS_OF_ONE_MAX,
    WRITING_MAX, strangers_of_one_max,
};

use super::world::{World, get, login, status};

#[test]
fn a_head_has_five_seconds_however_it_comes() {
    let mut world = World::new(64);
    let (silent, slow) = (world.visit(), world.visit());
    for _ in 0..4 {
        world.say(slow, b"G");
        world.pass(Duration::from_secs(1));
    }
    assert!(world.is_open(silent) && world.is_open(slow));
    world.pass(HEAD_MAX - Duration::from_secs(4));
    assert!(!world.is_open(silent) && !world.is_open(slow));
}

#[test]
fn a_connection_may_rest_between_requests_but_not_within_one() {
    let mut world = World::new(64);
    let request = get("/api/v1/session", "");
    let (idle, slow) = (world.visit(), world.visit());
    for place in [idle, slow] {
        world.say(place, request.as_bytes());
        assert_eq!(world.status(place), 200);
    }
    world.pass(HEAD_MAX * 2);
    world.say(slow, b"GET ");
    world.pass(HEAD_MAX);
    assert!(world.is_open(idle) && !world.is_open(slow));
    world.pass(IDLE_CONNECTION_MAX);
    assert!(!world.is_open(idle));
}

#[test]
fn a_body_and_the_reading_of_an_answer_have_their_time() {
    let mut world = World::new(64);
    let (body, deaf) = (world.visit(), world.visit());
    let request = login("secret word");
    world.say(body, &request.as_bytes()[..request.len() - 1]);
    world.deaf.push(deaf);
    world.say(deaf, get("/", "").as_bytes());
    world.pass(WRITING_MAX);
    assert!(world.is_open(body) && !world.is_open(deaf));
    world.pass(BODY_MAX - WRITING_MAX);
    assert!(!world.is_open(body));
    assert_eq!(world.asked(), None);
}

#[test]
fn one_address_has_its_share_of_the_places_and_its_oldest_go_first() {
    let mut world = World::new(64);
    let share = strangers_of_one_max(64);
    let other = world.visit_from("192.168.1.9");
    let places: Vec<usize> = (0..share).map(|_| world.visit()).collect();
    assert_eq!(world.open.len(), share + 1);
    for turn in 0..100 {
        let place = world.visit();
        assert_eq!(place, places[turn % share], "the oldest of its own");
        assert_eq!(world.open.len(), share + 1);
    }
    assert!(world.is_open(other));
}

#[test]
fn a_full_house_takes_the_place_of_the_oldest_stranger_and_never_of_a_session() {
    let mut world = World::new(16);
    let (cookie, _) = world.log_in();
    let own = world.visit();
    world.say(own, get("/api/v1/session", &cookie).as_bytes());
    assert_eq!(world.status(own), 200);
    for number in 0..200 {
        let place = world.visit_from(&format!("192.168.2.{number}"));
        assert_ne!(place, own);
        world.say(place, b"GET / HT");
    }
    assert_eq!(world.open.len(), 16);
    world.say(own, get("/api/v1/session", &cookie).as_bytes());
    assert_eq!(world.status(own), 200);
    // And somebody new is served too.
    let place = world.visit_from("192.168.1.9");
    world.say(place, get("/api/v1/session", "").as_bytes());
    assert_eq!(world.status(place), 200);
}

#[test]
fn slow_requests_of_strangers_do_not_keep_a_quick_one_waiting() {
    let mut world = World::new(4096);
    for number in 0..1000 {
        let place = world.visit_from(&format!("10.0.{}.{}", number / 250, number % 250 + 1));
        world.say(place, b"GET / HTTP/1.1\r\nHost: ");
    }
    let holding = world.open.len();
    assert_eq!(holding, EXCHANGES_MAX, "whoever was let go held no more");
    let place = world.visit_from("192.168.1.9");
    world.say(place, get("/api/v1/session", "").as_bytes());
    assert_eq!(world.status(place), 200);
}

#[test]
fn a_request_with_a_session_keeps_its_buffers_against_strangers() {
    let mut world = World::new(4096);
    let (cookie, _) = world.log_in();
    let place = world.visit();
    world.say(place, get("/api/v1/doctor", &cookie).as_bytes());
    for number in 0..1000 {
        let stranger = world.visit_from(&format!("10.0.{}.{}", number / 250, number % 250 + 1));
        world.say(stranger, b"GET /");
    }
    world.answers("{\"verb\":\"doctor\"}\n", "{}");
    assert_eq!(world.status(place), 200);
}

#[test]
fn whoever_only_stands_there_holds_no_buffers() {
    let mut world = World::new(4096);
    let idle: Vec<usize> = (0..1000)
        .map(|number| {
            let place = world.visit_from(&format!("10.0.{}.{}", number / 250, number % 250 + 1));
            world.say(place, get("/api/v1/session", "").as_bytes());
            assert_eq!(world.status(place), 200);
            place
        })
        .collect();
    assert!(idle.iter().all(|&place| world.is_open(place)));
}

#[test]
fn every_truncation_of_a_request_is_closed_in_time_and_asks_nothing() {
    let request = login("secret word");
    let mut world = World::new(64);
    for end in 0..request.len() {
        let place = world.visit();
        world.say(place, &request.as_bytes()[..end]);
        if end % 2 == 0 {
            world.hang_up(place);
        } else {
            world.pass(HEAD_MAX + BODY_MAX);
        }
        assert!(!world.is_open(place), "{end}");
        assert_eq!(world.asked(), None);
    }
    assert_eq!(status(&world.ask(&get("/api/v1/session", ""))), 200);
}

#[test]
fn a_flood_of_passwords_leaves_links_for_whoever_is_logged_in() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let mut refused = 0;
    for number in 0..20 {
        let place = world.visit_from(&format!("192.168.2.{number}"));
        world.say(place, login("wrong word").as_bytes());
        refused += usize::from(world.text(place).starts_with("HTTP/1.1 429"));
    }
    assert_eq!(refused, 20 - LOGINS_MAX);
    let first = world.asked().unwrap();
    let _second = world.asked().unwrap();
    assert_eq!(world.asked(), None, "the others wait");
    let place = world.visit();
    world.say(place, get("/api/v1/doctor", &cookie).as_bytes());
    world.answers("{\"verb\":\"doctor\"}\n", "{}");
    assert_eq!(world.status(place), 200);
    // One is looked at: the next of them.
    let failure = "{\"error\":{\"fault\":\"input\",\"message\":\"wrong password\"}}\n";
    world.tell(first.0, failure.as_bytes());
    assert!(world.asked().unwrap().1.contains("\"login\""));
}

#[test]
fn one_visitor_has_few_passwords_looked_at_at_once_and_another_has_his() {
    let mut world = World::new(64);
    let places: Vec<usize> = (0..=LOGINS_OF_ONE_MAX).map(|_| world.visit()).collect();
    for &place in &places {
        world.say(place, login("wrong word").as_bytes());
    }
    assert_eq!(world.status(places[LOGINS_OF_ONE_MAX]), 429);
    let owner = world.visit_from("192.168.1.9");
    world.say(owner, login("secret word").as_bytes());
    assert_eq!(world.text(owner), "", "it is looked at");
}
