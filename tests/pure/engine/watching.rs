//! Who watches is told what changes, when it changes, and nothing when nothing does.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use lanemark::config::{Config, write_compact};
use lanemark::control::{Fault, Verb, WATCHERS_MAX};
use lanemark::engine::limits::{
    DEVICES_MAX, ECHO_LOST_MAX, ECHO_PERIOD_S, ECHO_PERIODS, HEALTH_EVERY, WATCH_EVERY,
    WATCH_WALK_REST,
};
use lanemark::engine::{Client, Input, Op};
use lanemark::value::{Cause, Class, Crc32, Instant};
use serde_json::Value;

use crate::dice::roll;

use super::house::{self, LAN, PHONE, TV, WAN, WORK, address, neighbour, opened_by};
use super::world::{World, failure};

const TICK_MS: u64 = WATCH_EVERY.as_secs() * 1_000;

fn base() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

/// A client begins to watch, and is told the whole.
fn join(world: &mut World, client: u8) -> Value {
    world.ask(client, Verb::Watch, None, None);
    world.drive();
    let mut lines = told(world, client);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

/// What a client was told since this was last asked; the others' lines stay.
fn told(world: &mut World, client: u8) -> Vec<Value> {
    let (own, others) = std::mem::take(&mut world.told)
        .into_iter()
        .partition(|(whom, ..)| *whom == client);
    world.told = others;
    let own: Vec<(u8, Instant, String)> = own;
    own.iter()
        .map(|(_, _, line)| {
            assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
            serde_json::from_str(line).unwrap()
        })
        .collect()
}

fn leave(world: &mut World, client: u8) {
    world.tell(Input::Left(Client(client)));
    world.drive();
}

/// A settled house where nothing passes, and one who watches and was told everything.
fn watched() -> World {
    let mut world = World::settled(&base());
    world.kernel.acct = Some(true);
    join(&mut world, 1);
    world.pass(3 * TICK_MS);
    world.told.clear();
    world
}

/// A flow of a device carries more.
fn carry(world: &mut World, device: u8, up: u64, down: u64) {
    let address = address(device);
    let flows = &mut world.kernel.flows;
    if !flows.iter().any(|flow| flow.out.src == address) {
        flows.push(opened_by(address, 1_000 + u16::from(device), 0));
    }
    let flow = flows.iter_mut().find(|flow| flow.out.src == address);
    let bytes = flow.unwrap().bytes.as_mut().unwrap();
    bytes.out += up;
    bytes.back += down;
}

fn crc(config: &Config) -> String {
    let mut text = String::new();
    write_compact(config, &mut text).unwrap();
    format!("{:08x}", Crc32::of(text.as_bytes()))
}

fn keys(line: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn the_first_line_tells_the_whole() {
    let mut world = World::settled(&base());
    let line = join(&mut world, 1);
    assert_eq!(
        line["m"].as_array().unwrap(),
        &[
            "02:00:00:00:00:0a",
            "02:00:00:00:00:0b",
            "02:00:00:00:00:0c"
        ]
    );
    assert_eq!(
        line["k"].as_array().unwrap(),
        &["exempt", "premium", "express", "small", "standard", "bulk"]
    );
    assert_eq!(line["c"], crc(world.engine.config()));
    assert_eq!((&line["s"], &line["r"]), (&"on".into(), &"".into()));
    assert_eq!(line["n"], serde_json::json!([1_000, 8_000]));
    assert_eq!(line["p"], serde_json::json!([null, null]));
    assert_eq!(line["f"], serde_json::json!([7, 4096]));
    assert_eq!(line["l"].as_array().unwrap().len(), 6);
    assert_eq!(line["l"][5], serde_json::json!([5, 0, 0, 0, 0]));
    assert!(line["g"].as_u64().is_some());
}

#[test]
fn nothing_is_told_when_nothing_changes_and_it_is_looked_once_a_second() {
    let mut world = watched();
    world.ops.clear();
    let wakes = world.pass(20 * TICK_MS);
    assert_eq!(told(&mut world, 1), Vec::<Value>::new());
    assert_eq!(world.count("look at fill"), 20);
    assert!(
        wakes <= 24,
        "{wakes}: the looks at the counters have a time of their own"
    );
}

#[test]
fn when_the_last_watcher_leaves_the_engine_sleeps_as_before() {
    let mut world = watched();
    join(&mut world, 2);
    leave(&mut world, 1);
    world.ops.clear();
    world.pass(5 * TICK_MS);
    assert_eq!(world.count("look at fill"), 5, "one still watches");
    leave(&mut world, 2);
    world.ops.clear();
    let health_ms = u64::try_from(HEALTH_EVERY.as_millis()).unwrap();
    let wakes = world.pass(20 * health_ms);
    assert!((19..=21).contains(&wakes), "{wakes}");
    assert_eq!(
        world.count("look at fill") + world.count("look at flows"),
        0
    );
    // Who asks for the devices then is answered after two walks again.
    assert_eq!(world.devices().len(), 3);
    assert_eq!(world.count("look at flows"), 2);
}

#[test]
fn a_tick_tells_what_changed_and_nothing_else() {
    let mut world = watched();
    let stats = world.kernel.tree(WAN).class_mut(Class::Bulk);
    stats.bytes += 25_000;
    carry(&mut world, TV, 12_500, 125_000);
    world.pass(TICK_MS);
    let lines = told(&mut world, 1);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(keys(&lines[0]), ["d", "l"]);
    assert_eq!(lines[0]["l"], serde_json::json!([[5, 200, 0, 0, 0]]));
    assert_eq!(lines[0]["d"], serde_json::json!([[1, 100, 1_000]]));
    world.pass(TICK_MS);
    let lines = told(&mut world, 1);
    assert_eq!(
        lines,
        [serde_json::json!({"l": [[5, 0, 0, 0, 0]], "d": [[1, 0, 0]]})],
        "it is over"
    );
    world.pass(3 * TICK_MS);
    assert_eq!(told(&mut world, 1), Vec::<Value>::new());
}

#[test]
fn a_tick_of_twenty_devices_that_all_changed_takes_400_bytes_at_most() {
    let mut world = World::settled(&base());
    world.kernel.acct = Some(true);
    for device in 13..30 {
        world.tell(Input::Neighbour(neighbour(device)));
    }
    join(&mut world, 1);
    world.pass(3 * TICK_MS);
    world.told.clear();
    // 960 kbit/s up and 7,600 down, among twenty.
    for device in 10..30 {
        carry(&mut world, device, 6_000, 47_500);
    }
    for dev in [WAN, LAN] {
        for class in Class::ALL {
            world.kernel.tree(dev).class_mut(class).bytes += 24_000;
        }
    }
    world.kernel.fill = (812, 16_384);
    world.pass(TICK_MS);
    let (_, _, line) = world.told.last().unwrap();
    let parsed: Value = serde_json::from_str(line).unwrap();
    assert_eq!(parsed["d"].as_array().unwrap().len(), 20);
    assert_eq!(parsed["l"].as_array().unwrap().len(), 5);
    println!("{} bytes: {line}", line.len());
    assert!(line.len() <= 400, "{} bytes: {line}", line.len());
}

#[test]
fn a_class_that_is_set_is_told_at_once_and_not_with_the_next_tick() {
    let mut world = watched();
    world.pass(300);
    let before = world.now;
    world.ask(2, Verb::Set, Some("192.168.1.11"), Some("bulk"));
    world.drive();
    assert_eq!(world.now, before);
    let lines = told(&mut world, 1);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["c"], crc(world.engine.config()));
    assert!(
        lines[0].get("m").is_some(),
        "the list of devices is another"
    );
    assert_eq!(lines[0]["g"], world.engine.devices().generation());
}

#[test]
fn a_state_that_changes_is_told_at_once_with_its_reason() {
    let mut world = watched();
    world.pass(300);
    world.kernel.links.retain(|link| link.index != WAN);
    world.tell(Input::LinkGone(WAN));
    world.drive();
    let lines = told(&mut world, 1);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(keys(&lines[0]), ["r", "s"]);
    assert_eq!(lines[0]["s"], "waiting");
    assert!(lines[0]["r"].as_str().unwrap().contains("eth0"));
}

#[test]
fn a_device_that_comes_makes_the_next_line_a_whole_one_but_a_flood_of_them_one_a_second() {
    let mut world = watched();
    let before = world.engine.devices().generation();
    world.tell(Input::Neighbour(neighbour(13)));
    world.drive();
    let lines = told(&mut world, 1);
    assert_eq!(lines.len(), 1, "at once: {lines:?}");
    assert_eq!(lines[0]["m"].as_array().unwrap().len(), 4);
    assert_ne!(lines[0]["g"], before);
    for device in 14..254 {
        world.tell(Input::Neighbour(neighbour(device)));
        world.pass(50);
    }
    let wholes = told(&mut world, 1);
    // 240 devices in 12 s.
    assert!((10..=14).contains(&wholes.len()), "{}", wholes.len());
    world.pass(TICK_MS);
    let last = told(&mut world, 1).pop().or(wholes.last().cloned());
    assert_eq!(last.unwrap()["m"].as_array().unwrap().len(), 244);
}

#[test]
fn a_slow_watcher_is_told_once_what_it_missed_and_holds_up_nobody() {
    let mut world = watched();
    join(&mut world, 2);
    world.slow = Some(2);
    for tick in 1..=5_u64 {
        carry(&mut world, PHONE, 1_250 * tick, 12_500 * tick);
        if tick == 3 {
            carry(&mut world, TV, 125, 1_250);
        }
        world.pass(TICK_MS);
    }
    assert_eq!(told(&mut world, 1).len(), 5);
    assert_eq!(
        told(&mut world, 2),
        [serde_json::json!({"d": [[2, 10, 100]]})],
        "none before the one before was taken"
    );
    world.slow = None;
    world.tell(Input::Taken(Client(2)));
    world.drive();
    assert_eq!(
        told(&mut world, 2),
        [serde_json::json!({"d": [[1, 0, 0], [2, 50, 500]]})],
        "what is, and not what was"
    );
    world.pass(TICK_MS);
    assert_eq!(told(&mut world, 2), told(&mut world, 1));
}

#[test]
fn who_joins_later_is_told_the_whole_and_nobody_else_is() {
    let mut world = watched();
    carry(&mut world, PHONE, 1_250, 12_500);
    world.pass(TICK_MS);
    world.told.clear();
    let whole = join(&mut world, 2);
    assert_eq!(whole["d"], serde_json::json!([[2, 10, 100]]));
    assert_eq!(told(&mut world, 1), Vec::<Value>::new());
}

#[test]
fn rates_of_an_earlier_watch_are_not_told_in_a_later_one() {
    let mut world = watched();
    carry(&mut world, PHONE, 1_250, 12_500);
    world.pass(TICK_MS);
    leave(&mut world, 1);
    carry(&mut world, PHONE, 999_000, 999_000);
    world.pass(60_000);
    world.told.clear();
    let whole = join(&mut world, 1);
    assert_eq!(whole.get("d"), None);
    world.pass(2 * TICK_MS);
    assert_eq!(told(&mut world, 1), Vec::<Value>::new());
}

#[test]
fn beyond_watchers_max_a_client_is_refused_until_one_leaves() {
    let mut world = World::settled(&base());
    for client in 0..u8::try_from(WATCHERS_MAX).unwrap() {
        join(&mut world, client);
    }
    world.ask(7, Verb::Watch, None, None);
    world.drive();
    let told = failure(world.only_answer());
    assert_eq!(told.fault, Fault::Refused);
    assert_eq!(
        told.message.as_str(),
        format!("{WATCHERS_MAX} clients watch already; try again")
    );
    leave(&mut world, 0);
    join(&mut world, 7);
}

#[test]
fn walks_take_a_twentieth_of_the_time_at_most() {
    for walk_ms in [0, 1, 40, 52, 53, 100, 900] {
        let mut world = watched();
        world.walk_ms = walk_ms;
        world.ops.clear();
        let begin = world.now.as_ms();
        world.pass(120_000);
        let walks = u64::try_from(world.count("look at flows")).unwrap();
        let spent = world.now.as_ms() - begin;
        let rest = u64::from(WATCH_WALK_REST) + 1;
        assert!(
            walks * walk_ms * rest <= spent + walk_ms * rest,
            "{walks} walks of {walk_ms} ms in {spent} ms"
        );
        let possible = spent / TICK_MS.max(walk_ms * rest + TICK_MS);
        assert!(walks >= possible, "{walks} walks of {walk_ms} ms");
        assert!(walks <= 120, "at most one a second: {walks}");
    }
}

#[test]
fn rates_are_right_when_walks_are_far_apart() {
    let mut world = watched();
    world.walk_ms = 200;
    let mut seen = Vec::new();
    for _ in 0..200 {
        carry(&mut world, PHONE, 12_500, 125_000);
        world.pass(100);
        seen.extend(told(&mut world, 1));
    }
    let rates: Vec<(u64, u64)> = seen
        .iter()
        .filter_map(|line| line.get("d")?.get(0))
        .map(|row| (row[1].as_u64().unwrap(), row[2].as_u64().unwrap()))
        .collect();
    assert!(!rates.is_empty());
    for (up, down) in &rates[1..] {
        assert!((900..=1_050).contains(up), "{rates:?}");
        assert!((9_000..=10_500).contains(down), "{rates:?}");
    }
}

#[test]
fn who_asks_for_devices_while_somebody_watches_is_answered_at_once_and_without_a_walk() {
    let mut world = watched();
    carry(&mut world, PHONE, 1_250, 12_500);
    world.pass(TICK_MS + 300);
    world.ops.clear();
    world.ask(3, Verb::Devices, None, None);
    world.drive();
    assert_eq!(world.answers.len(), 1);
    assert_eq!(world.count("look at flows"), 0);
    let phone = world.engine.device_report(world.now, 2).unwrap();
    assert_eq!((phone.up_kbit, phone.down_kbit), (Some(10), Some(100)));
}

#[test]
fn where_the_kernel_counts_no_bytes_nobody_walks_for_watchers() {
    let mut world = World::settled(&base());
    world.refuse_all("accounting", Cause::Denied);
    world.kernel.acct = None;
    join(&mut world, 1);
    world.pass(2 * TICK_MS);
    world.ops.clear();
    world.pass(10 * TICK_MS);
    assert_eq!(world.count("look at flows"), 0);
}

#[test]
fn the_proof_is_of_longer_intervals_than_the_rates() {
    let mut world = watched();
    let mut seen = Vec::new();
    for tick in 0..20_u64 {
        // What waits in our queue has come and not gone: 30 % of a second's bytes, every other second.
        let gone = if tick % 2 == 0 { 700_000 } else { 1_300_000 };
        let bytes = world.kernel.bytes.entry(WAN).or_default();
        bytes.rx += 1_000_000;
        let stats = world.kernel.tree(LAN).class_mut(Class::Bulk);
        stats.bytes += gone;
        world.pass(TICK_MS);
        seen.extend(told(&mut world, 1));
    }
    let mut proofs = String::new();
    for line in &seen {
        if let Some(proof) = line.get("p") {
            write!(proofs, "{} ", proof[1]).unwrap();
            assert!(
                proof[1].as_u64().is_none_or(|percent| percent >= 90),
                "{proofs}"
            );
        }
    }
    assert!(!proofs.is_empty());
}

#[test]
fn the_largest_line_is_bounded_with_devices_max() {
    let mut world = World::settled(&base());
    world.kernel.acct = Some(true);
    for number in 0..DEVICES_MAX {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        let mut neighbour = neighbour(0);
        neighbour.mac = Some(lanemark::value::Mac([6, 0, 0, 0, high, low]));
        neighbour.address = std::net::Ipv4Addr::new(10, 1, high, low).into();
        world.tell(Input::Neighbour(neighbour));
    }
    world.pass(5_000);
    join(&mut world, 1);
    world.pass(2 * TICK_MS);
    for device in world.engine.devices().iter().cloned().collect::<Vec<_>>() {
        let address = world.engine.devices().addresses(device.mac).next();
        if let Some(address) = address {
            let mut flow = opened_by(address, 1, 0);
            flow.bytes.as_mut().unwrap().out = u64::MAX / 4096;
            flow.bytes.as_mut().unwrap().back = u64::MAX / 4096;
            world.kernel.flows.push(flow);
        }
    }
    world.pass(TICK_MS);
    world.told.clear();
    world.ask(2, Verb::Watch, None, None);
    world.drive();
    let (_, _, line) = world.told.last().unwrap();
    println!("{} bytes", line.len());
    assert!(line.len() <= 40 * 1024, "{} bytes", line.len());
}

/// What somebody knows who heard some lines.
fn merge(known: &mut Value, line: &Value) {
    let whole = line.get("m").is_some();
    if whole {
        *known = serde_json::json!({"l": {}, "d": {}});
    }
    for (key, value) in line.as_object().unwrap() {
        if key != "l" && key != "d" {
            known[key] = value.clone();
            continue;
        }
        for row in value.as_array().unwrap() {
            let row = row.as_array().unwrap();
            known[key][row[0].to_string()] = row[1..].into();
        }
    }
    let devices = known["d"].as_object_mut().unwrap();
    devices.retain(|_, rates| *rates != serde_json::json!([0, 0]));
}

#[test]
fn whoever_hears_all_lines_knows_what_a_newcomer_is_told_whatever_happened() {
    roll(40, |mut dice| {
        let mut world = World::settled(&base());
        world.kernel.acct = Some(true);
        let mut known = join(&mut world, 1);
        let first = known.clone();
        merge(&mut known, &first);
        for _ in 0..60 {
            let device = [WORK, TV, PHONE, 13, 14][dice.below(5)];
            match dice.below(10) {
                0..4 => {
                    let bytes = [1_250, 125_000][dice.below(2)];
                    carry(&mut world, device, bytes, 2 * bytes);
                }
                4 => {
                    let class = Class::ALL[dice.below(Class::ALL.len())];
                    world
                        .kernel
                        .tree([WAN, LAN][dice.below(2)])
                        .class_mut(class)
                        .bytes += 9_000;
                }
                5 => {
                    let class = ["bulk", "premium"][dice.below(2)];
                    world.ask(
                        2,
                        Verb::Set,
                        Some(&house::mac(device).to_string()),
                        Some(class),
                    );
                    world.drive();
                }
                6 => world.tell(Input::Neighbour(neighbour(device))),
                7 => {
                    world.slow = None;
                    world.tell(Input::Taken(Client(1)));
                }
                8 => world.slow = Some(1),
                _ => world.kernel.fill.0 = u32::try_from(dice.below(100)).unwrap(),
            }
            world.pass([10, 700, 1_000, 2_500][dice.below(4)]);
        }
        world.slow = None;
        world.tell(Input::Taken(Client(1)));
        world.pass(2 * TICK_MS);
        for line in told(&mut world, 1) {
            merge(&mut known, &line);
        }
        let whole = join(&mut world, 3);
        let mut newcomer = Value::Null;
        merge(&mut newcomer, &whole);
        assert_eq!(known, newcomer);
        true
    });
}

const GATEWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const PROBE: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);

/// A line with a router at its other end, and one who watches.
fn far(probe: Option<Ipv4Addr>) -> World {
    let mut config = base();
    config.wan.probe = probe;
    let mut world = World::new(&config);
    world.kernel.gateway = Some(GATEWAY);
    world.settle();
    world.far = vec![(GATEWAY, 214), (PROBE, 305)];
    join(&mut world, 1);
    world
}

/// What the watcher was last told of the latency.
fn latency(world: &mut World) -> Option<Value> {
    let lines = told(world, 1);
    lines.iter().rev().find_map(|line| line.get("t").cloned())
}

fn asked(world: &World) -> Vec<Ipv4Addr> {
    let echoes = world.ops.iter().filter_map(|op| match op {
        Op::Echo { to, .. } => Some(*to),
        _ => None,
    });
    echoes.collect()
}

#[test]
fn while_watched_the_gateway_is_asked_once_a_second_in_premiums_lane_and_else_nobody() {
    let mut world = far(None);
    world.ops.clear();
    world.pass(5 * TICK_MS);
    assert_eq!(asked(&world), [GATEWAY; 5]);
    assert!(world.ops.iter().all(|op| match op {
        Op::Echo { priority, .. } => *priority == house::class_handle(Class::Premium),
        _ => true,
    }));
    assert_eq!(latency(&mut world), Some(serde_json::json!([214, 214])));
    leave(&mut world, 1);
    world.ops.clear();
    world.pass(60_000);
    assert!(asked(&world).is_empty());
}

#[test]
fn the_least_latency_is_that_of_the_last_hour() {
    let mut world = far(None);
    let period = u64::from(ECHO_PERIOD_S) * 1_000;
    world.pass(2 * TICK_MS);
    assert_eq!(latency(&mut world), Some(serde_json::json!([214, 214])));
    world.far[0].1 = 10_305;
    world.pass(2 * TICK_MS);
    assert_eq!(latency(&mut world), Some(serde_json::json!([10_305, 214])));
    world.pass((u64::from(ECHO_PERIODS) - 2) * period);
    assert_eq!(latency(&mut world), None, "nothing changed");
    world.pass(3 * period);
    assert_eq!(
        latency(&mut world),
        Some(serde_json::json!([10_305, 10_305]))
    );
    world.far[0].1 = 190;
    world.pass(2 * TICK_MS);
    assert_eq!(latency(&mut world), Some(serde_json::json!([190, 190])));
}

#[test]
fn after_echo_lost_max_requests_without_an_answer_the_other_address_has_its_turn() {
    let mut world = far(Some(PROBE));
    world.pass(2 * TICK_MS);
    world.far.remove(0);
    world.ops.clear();
    world.pass((u64::from(ECHO_LOST_MAX) + 2) * TICK_MS);
    let whom = asked(&world);
    let lost = usize::from(ECHO_LOST_MAX);
    assert_eq!(whom[..lost], vec![GATEWAY; lost]);
    assert_eq!(whom[lost..], [PROBE, PROBE]);
    // What the one took is not compared with what the other takes.
    assert_eq!(latency(&mut world), Some(serde_json::json!([305, 305])));
    // Neither answers: each in turn, and nothing is known.
    world.far.clear();
    world.ops.clear();
    world.pass(4 * u64::from(ECHO_LOST_MAX) * TICK_MS);
    assert_eq!(latency(&mut world), Some(serde_json::json!([null, null])));
    let whom = asked(&world);
    assert!(whom.contains(&GATEWAY) && whom.contains(&PROBE));
}

#[test]
fn a_few_lost_answers_leave_what_is_known_and_nobody_to_ask_is_no_trouble() {
    let mut world = far(None);
    world.pass(2 * TICK_MS);
    world.told.clear();
    world.far.clear();
    world.pass(u64::from(ECHO_LOST_MAX) * TICK_MS);
    assert_eq!(latency(&mut world), None);
    world.pass(TICK_MS);
    assert_eq!(latency(&mut world), Some(serde_json::json!([null, 214])));
    // A line without a router at its other end, and one through which nothing can be sent.
    let mut world = watched();
    assert!(asked(&world).is_empty());
    world.kernel.gateway = Some(GATEWAY);
    world.tell(Input::RoutesChanged);
    world.refuse_all("echo", Cause::Denied);
    world.pass(10 * TICK_MS);
    assert_eq!(world.engine.trouble_text(), None);
    assert_eq!(world.count("echo"), 10);
}
