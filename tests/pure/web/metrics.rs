//! What Prometheus is told, and that nobody else is.

use std::collections::BTreeSet;

use super::answers::answers;
use super::world::{World, body, get, status};

const TOKEN: &str = "0123456789abcdef!#~0";

fn scrape(field: &str) -> String {
    format!("GET /metrics HTTP/1.1\r\nHost: 192.168.1.1:8080\r\n{field}\r\n\r\n")
}

fn bearer(token: &str) -> String {
    scrape(&format!("Authorization: Bearer {token}"))
}

/// The answer, with these devices.
fn told(world: &mut World, devices: &str) -> String {
    let place = world.visit();
    world.say(place, bearer(TOKEN).as_bytes());
    world.answers("{\"verb\":\"status\"}\n", &answers("status")[0]);
    assert_eq!(world.text(place), "", "the devices are missing");
    world.answers("{\"verb\":\"devices\"}\n", devices);
    world.text(place)
}

#[test]
fn without_a_token_of_their_own_there_are_no_metrics_for_anybody() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    let nowhere = world.ask(&get("/nowhere", &cookie));
    for request in [
        get("/metrics", &cookie),
        bearer(TOKEN),
        bearer(""),
        scrape("Authorization: Bearer"),
    ] {
        assert_eq!(world.ask(&request), nowhere, "{request}");
    }
    assert_eq!(world.asked(), None);
}

#[test]
fn whoever_shows_another_token_finds_nothing_there() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    world.tell_metrics_to(TOKEN);
    let nowhere = world.ask(&get("/nowhere", &cookie));
    for request in [
        get("/metrics", &cookie),
        bearer(""),
        bearer(&TOKEN[1..]),
        bearer(&TOKEN[..TOKEN.len() - 1]),
        bearer(&format!("{TOKEN}0")),
        bearer(&TOKEN.replace('a', "A")),
        bearer(&token),
        scrape(&format!("Authorization: {TOKEN}")),
        scrape(&format!("Authorization: Basic {TOKEN}")),
        scrape(&format!("Cookie: lanemark={TOKEN}")),
        scrape(&format!("X-Lanemark-Token: {TOKEN}")),
        bearer(TOKEN).replace("/metrics", "/metrics/"),
    ] {
        assert_eq!(world.ask(&request), nowhere, "{request}");
    }
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = world.ask(&bearer(TOKEN).replace("GET", method));
        assert_eq!(status(&answer), 404, "{method}");
    }
    let foreign = bearer(TOKEN).replace("192.168.1.1:8080", "evil.example");
    assert_eq!(status(&world.ask(&foreign)), 421);
    let twice = scrape(&format!(
        "Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer x"
    ));
    assert_eq!(status(&world.ask(&twice)), 400);
    // The token of the metrics opens nothing else.
    let status_of = bearer(TOKEN).replace("/metrics", "/api/v1/status");
    assert_eq!(status(&world.ask(&status_of)), 401);
    assert_eq!(world.asked(), None);
}

#[test]
fn each_metric_has_its_type_and_its_samples_in_one_place() {
    let mut world = World::new(64);
    world.tell_metrics_to(TOKEN);
    let answer = told(&mut world, &answers("devices")[0]);
    assert_eq!(status(&answer), 200);
    assert!(answer.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    let (mut types, mut metric) = (BTreeSet::new(), String::new());
    for line in body(&answer).lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(types.insert(name.to_owned()), "twice: {line}");
            name.clone_into(&mut metric);
            continue;
        }
        let (name, rest) = line.split_at(line.find([' ', '{']).unwrap());
        assert_eq!(name, metric, "{line}");
        let (_, number) = rest.rsplit_once(' ').unwrap();
        assert!(number.parse::<u64>().is_ok(), "{line}");
    }
    for sample in [
        "lanemark_on 0",
        "lanemark_config_info{config=\"1a2b3c4d\"} 1",
        "lanemark_conntrack_flows_max 0",
        "lanemark_proven_percent{direction=\"up\"} 98",
        "lanemark_lane_bytes_total{lane=\"premium\",direction=\"down\"} 0",
        "lanemark_lane_dropped_total{lane=\"small\",direction=\"up\"} 0",
        "lanemark_lane_delay_milliseconds{lane=\"bulk\",direction=\"up\"} 0",
        "lanemark_device_up_open_bytes{mac=\"02:00:00:00:00:0a\",name=\"\"} 18446744073709551615",
        "lanemark_device_up_kbit{mac=\"02:00:00:00:00:0a\",name=\"\"} 4294967295",
    ] {
        assert!(
            body(&answer).lines().any(|line| line == sample),
            "{sample}\n{answer}"
        );
    }
    // What nobody knows is not told.
    assert!(!answer.contains("proven_percent{direction=\"down\"}"));
    assert!(!answer.contains("device_up_kbit{mac=\"\","));
}

#[test]
fn a_name_ends_neither_its_label_nor_its_line() {
    let mut world = World::new(64);
    world.tell_metrics_to(TOKEN);
    let all = answers("devices");
    for (name, label) in [
        (r#"a\"} 1\nlanemark_on 7"#, r#"a\"} 1\nlanemark_on 7"#),
        (r"a\\", r"a\\"),
        (r"\u202e<b>\t", "\u{202e}<b>\t"),
    ] {
        let devices = all[0].replacen("\"name\":\"\"", &format!("\"name\":\"{name}\""), 1);
        world.pass(lanemark::web::KEPT_MAX);
        let answer = told(&mut world, &devices);
        let sample =
            format!("lanemark_device_flows{{mac=\"02:00:00:00:00:0a\",name=\"{label}\"}} 0");
        assert!(
            body(&answer).lines().any(|line| line == sample),
            "{sample}\n{answer}"
        );
    }
}

#[test]
fn both_answers_are_those_of_the_last_second_and_a_daemon_that_is_gone_is_told() {
    let mut world = World::new(64);
    world.tell_metrics_to(TOKEN);
    let first = told(&mut world, &answers("devices")[1]);
    assert_eq!(world.ask(&bearer(TOKEN)), first);
    assert_eq!(world.asked(), None);
    world.pass(lanemark::web::KEPT_MAX);
    let place = world.visit();
    world.say(place, bearer(TOKEN).as_bytes());
    world.answers("{\"verb\":\"status\"}\n", &answers("status")[0]);
    let (link, _) = world.asked().unwrap();
    world.unlink(link);
    assert_eq!(world.status(place), 503);
}
