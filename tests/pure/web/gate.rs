//! Who is let in.

use super::world::{World, body, change, get, status, upgrade};

#[test]
fn a_session_that_is_none_is_none() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    for wrong in [
        String::new(),
        "0".repeat(32),
        cookie.to_uppercase(),
        format!("{cookie}0"),
        cookie[1..].to_owned(),
        format!("{cookie}; lanemark={cookie}"),
        token,
    ] {
        let answer = world.ask(&get("/api/v1/status", &wrong));
        assert_eq!(status(&answer), 401, "{wrong}");
    }
    assert_eq!(world.asked(), None);
}

#[test]
fn a_host_that_is_not_ours_is_told_nothing() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    for path in ["/", "/api/v1/status", "/api/v1/live", "/nowhere"] {
        for host in [
            "evil.example",
            "192.168.1.2:8080",
            "192.168.1.1:80",
            "192.168.1.1",
            "192.168.1.1.evil.example",
            "router.lan.evil.example",
            "localhost:8080",
            "[::1]:8080",
            ",",
        ] {
            let request = get(path, &cookie).replace("192.168.1.1:8080", host);
            let answer = world.ask(&request);
            assert_eq!((status(&answer), body(&answer)), (421, ""), "{host}");
        }
    }
    for host in [
        "router.lan",
        "ROUTER.lan:8080",
        "gateway:9000",
        "192.168.1.1:8080",
    ] {
        let answer = world.ask(&get("/api/v1/session", "").replace("192.168.1.1:8080", host));
        assert_eq!(status(&answer), 200, "{host}");
    }
}

#[test]
fn a_configured_name_may_be_the_address_of_a_tunnels_other_end() {
    let mut world = World::new(64);
    world.configure(true, "127.0.0.1,[::1]");
    for (host, wanted) in [
        ("127.0.0.1:8080", 200),
        ("127.0.0.1:9000", 200),
        ("[::1]:9000", 200),
        ("127.0.0.2:8080", 421),
        ("router.lan", 421),
    ] {
        let answer = world.ask(&get("/api/v1/session", "").replace("192.168.1.1:8080", host));
        assert_eq!(status(&answer), wanted, "{host}");
    }
}

#[test]
fn a_change_needs_our_origin_our_type_and_the_token_of_its_session() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let (_, other) = world.log_in();
    let good = change(
        "PUT /api/v1/devices/02:00:00:00:00:0a",
        (&cookie, &token),
        "",
        "{\"class\":\"bulk\"}",
    );
    let origin = "Origin: http://192.168.1.1:8080\r\n";
    for (from, to, wanted) in [
        (origin, "", 403),
        (origin, "Origin: null\r\n", 403),
        (origin, "Origin: http://192.168.1.1\r\n", 403),
        (origin, "Origin: https://192.168.1.1:8080\r\n", 403),
        (origin, "Origin: http://evil.example\r\n", 403),
        ("application/json", "text/plain", 415),
        ("application/json", "application/x-www-form-urlencoded", 415),
        ("application/json", "text/plain; application/json", 415),
        (token.as_str(), other.as_str(), 403),
        (token.as_str(), "", 403),
        ("X-Lanemark-Token", "X-Other", 403),
        ("02:00:00:00:00:0a", "..%2f", 404),
        ("{\"class\":\"bulk\"}", "{\"class\":[\"bul]}", 400),
        ("{\"class\":\"bulk\"}", "{\"clazz\":\"bulk\"}", 400),
    ] {
        let answer = world.ask(&good.replace(from, to));
        assert_eq!(status(&answer), wanted, "{from} -> {to}");
        assert_eq!(world.asked(), None, "{from} -> {to}");
    }
    let place = world.visit();
    world.say(
        place,
        good.replace("application/json", "Application/JSON; charset=utf-8")
            .as_bytes(),
    );
    let (_, asked) = world.asked().unwrap();
    assert_eq!(
        asked,
        "{\"verb\":\"set\",\"device\":\"02:00:00:00:00:0a\",\"class\":\"bulk\"}\n"
    );
}

#[test]
fn a_live_socket_needs_a_session_and_our_origin() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let ours = "http://192.168.1.1:8080";
    assert_eq!(status(&world.ask(&upgrade("", ours))), 401);
    for origin in [
        "http://evil.example",
        "null",
        "https://192.168.1.1:8080",
        "",
    ] {
        assert_eq!(
            status(&world.ask(&upgrade(&cookie, origin))),
            403,
            "{origin}"
        );
    }
    for (from, to, wanted) in [
        ("Upgrade: websocket\r\n", "", 426),
        ("Upgrade\r\nSec", "close\r\nSec", 426),
        ("Version: 13", "Version: 8", 426),
        ("dGhl", "dGh", 400),
    ] {
        let answer = world.ask(&upgrade(&cookie, ours).replace(from, to));
        assert_eq!(status(&answer), wanted, "{to}");
    }
    assert_eq!(world.asked(), None);
}

#[test]
fn only_exact_paths_are_there() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    for path in [
        "//",
        "/./",
        "/../",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/status/",
        "/api//v1/status",
        "/api/v1/../v1/status",
        "/api/v1/%2e%2e/v1/status",
        "/api/v1/status%00",
        "/API/v1/status",
        "/api/v1/status;x",
        "/page.js/../api/v1/status",
        "/api/v1/devices/",
        "/api/v1/devices/a/b",
        "/api/v1/config/history/1/2",
        "/plain/",
        "/index.html",
    ] {
        let found = status(&world.ask(&get(path, &cookie)));
        assert!([400, 404, 405].contains(&found), "{path}: {found}");
        assert_eq!(world.asked(), None, "{path}");
    }
    world.ask(&get("/%61pi/v1/doctor?x", &cookie));
    assert!(world.asked().is_some());
}

#[test]
fn nothing_of_a_request_is_in_the_answer_to_a_stranger() {
    let mut world = World::new(64);
    for request in [
        "GET /canary HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nX: canary\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: canary\r\n\r\n",
        "CANARY / HTTP/1.1\r\nHost: 192.168.1.1:8080\r\n\r\n",
        "GET /api/v1/devices?canary HTTP/1.1\r\nHost: 192.168.1.1:8080\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 192.168.1.1:8080\r\ncanary\r\n\r\n",
    ] {
        let answer = world.ask(request).to_lowercase();
        assert!(!answer.contains("canary"), "{answer}");
        assert!(!answer.contains("lanemark/") && !answer.contains(env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn behind_a_framing_error_nothing_runs() {
    for bad in [
        "GET /api/v1/doctor HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nX : y\r\n\r\n",
        "POST /api/v1/session HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "POST /api/v1/doctor HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let mut world = World::new(64);
        let (cookie, _) = world.log_in();
        let place = world.visit();
        world.say(
            place,
            format!("{bad}{}", get("/api/v1/doctor", &cookie)).as_bytes(),
        );
        let answer = world.text(place);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.contains("Connection: close\r\n"), "{answer}");
        assert_eq!(world.asked(), None, "{bad}");
        // What still comes is thrown away, and not for long.
        world.say(place, get("/api/v1/doctor", &cookie).as_bytes());
        assert_eq!((world.text(place).as_str(), world.asked()), ("", None));
        world.pass(lanemark::web::DRAINING_MAX);
        assert!(!world.is_open(place));
    }
}

#[test]
fn what_is_no_http_is_closed_without_a_word_and_counted() {
    let mut world = World::new(64);
    let place = world.visit();
    world.say(place, b"\x16\x03\x01\x02\x00");
    assert!(!world.is_open(place));
    assert_eq!(world.text(place), "");
    assert_eq!((world.web.take_foreign(), world.web.take_foreign()), (1, 0));
}

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    let mut world = World::new(64);
    let place = world.visit();
    let session = get("/api/v1/session", "");
    let all = format!("{session}{}{session}", get("/nowhere", ""));
    world.say(place, all.as_bytes());
    let answer = world.text(place);
    let codes: Vec<&str> = answer
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|one| &one[..3])
        .collect();
    assert_eq!(codes, ["200", "404", "200"]);
    assert!(world.is_open(place));
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let mut world = World::new(64);
    let place = world.visit();
    for byte in super::world::login("secret word").bytes() {
        assert_eq!(world.text(place), "");
        assert_eq!(world.say(place, &[byte]), 1);
    }
    let (_, asked) = world.asked().unwrap();
    assert!(asked.ends_with("\n\"secret word\"\n"));
}
