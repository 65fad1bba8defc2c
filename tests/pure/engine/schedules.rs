//! What is different at some times of the week.

use lanemark::config::{self, Config, parse};
use lanemark::control::State;
use lanemark::engine::Input;

use super::house::{self, PHONE, TV, WORK, address, mac, opened_by};
use super::kernel::Kernel;
use super::world::World;

/// Tuesday, 3 March 2026, 20:58:30 in UTC.
const EVENING_S: u32 = 1_772_571_510;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// The house with these schedules; it is this late when the tests begin.
fn at(unix_s: u32, schedules: &str) -> World {
    let mut world = World::of(kernel(unix_s), &with(schedules), house::ABLE);
    world.kernel.open(opened_by(address(TV), 1, 0));
    world.settle();
    world
}

fn kernel(unix_s: u32) -> Kernel {
    Kernel {
        // The world's own clock has run for a thousand seconds.
        wall_s: unix_s.saturating_sub(1000),
        ..house::kernel()
    }
}

fn with(schedules: &str) -> Config {
    let text = format!("{{\"version\": 1, \"schedules\": [{schedules}]}}");
    let parsed = parse(text.as_bytes()).unwrap();
    Config {
        schedules: parsed.schedules,
        ..house::config()
    }
}

fn class(from: &str, until: &str, device: u8, class: &str) -> String {
    let mac = mac(device);
    format!(r#"{{"from": "{from}", "until": "{until}", "mac": "{mac}", "class": "{class}"}}"#)
}

#[test]
fn a_schedule_begins_and_ends_with_the_minute_and_takes_live_flows_along() {
    let mut world = at(EVENING_S, &class("21:00", "06:00", TV, "bulk"));
    world.pass(85_000);
    assert_eq!(world.kernel.marks(TV), [0], "it is 20:59:58");
    world.pass(3_000);
    assert_eq!(world.kernel.marks(TV), [40], "it is 21:00:01");
    assert_eq!(world.device(TV).class.as_deref(), Some("bulk"));
    world.pass(9 * HOUR_MS);
    assert_eq!(world.kernel.marks(TV), [0]);
    assert_eq!(world.device(TV).class, None);
}

#[test]
fn nothing_is_in_force_until_the_clock_is_set() {
    let mut world = at(1_000, &class("00:00", "24:00", TV, "bulk"));
    world.pass(HOUR_MS);
    assert_eq!(world.kernel.marks(TV), [0]);
    // NTP answers.
    world.kernel.wall_s = EVENING_S;
    world.pass(MINUTE_MS);
    assert_eq!(world.kernel.marks(TV), [40]);
}

#[test]
fn the_first_schedule_about_a_device_counts_and_goes_before_its_class() {
    let both = [
        class("20:00", "22:00", TV, "express"),
        class("00:00", "24:00", TV, "bulk"),
    ];
    let mut world = at(EVENING_S, &both.join(","));
    assert_eq!(world.kernel.marks(TV), [20]);
    let changed = world.set("02:00:00:00:00:0b", "premium");
    assert_eq!(
        changed.remark.as_str(),
        "a schedule has it in express until 22:00; then it counts"
    );
    assert_eq!(world.kernel.marks(TV), [20]);
    world.pass(2 * HOUR_MS);
    assert_eq!(
        world.kernel.marks(TV),
        [40],
        "the other one still is in force"
    );
}

#[test]
fn a_device_without_a_schedule_is_left_alone() {
    let mut world = at(EVENING_S, &class("21:00", "22:00", TV, "bulk"));
    world.kernel.open(opened_by(address(PHONE), 1, 0));
    world.set("02:00:00:00:00:0a", "premium");
    world.kernel.open(opened_by(address(WORK), 1, 0));
    let begins = world.kernel.marks(WORK);
    world.pass(5 * MINUTE_MS);
    assert_eq!((begins, world.kernel.marks(WORK)), (vec![10], vec![10]));
    assert_eq!(world.kernel.marks(PHONE), [0]);
}

#[test]
fn the_whole_policy_goes_and_comes_back() {
    let off = r#"{"from": "21:00", "until": "06:00", "enabled": false}"#;
    let mut world = at(EVENING_S, off);
    let before = world.kernel.picture();
    world.pass(2 * MINUTE_MS);
    assert!(world.kernel.trees.is_empty() && world.kernel.table.is_none());
    let status = world.status();
    assert_eq!(status.state, State::Off);
    assert_eq!(
        status.reason.as_str(),
        "a schedule switches it off until 06:00"
    );
    world.pass(9 * HOUR_MS + MINUTE_MS);
    assert_eq!(world.status().state, State::On);
    assert_eq!(world.kernel.picture(), before);
}

#[test]
fn while_it_is_off_a_queue_of_another_program_is_seen_before_it_comes_back() {
    let off = r#"{"from": "20:00", "until": "21:00", "enabled": false}"#;
    let mut world = World::of(kernel(EVENING_S), &with(off), house::ABLE);
    world.drive();
    let foreign = super::kernel::Root::foreign(lanemark::value::TcHandle::new(0x8001, 0));
    world.kernel.trees.insert(house::WAN, foreign.clone());
    world.pass(2 * MINUTE_MS);
    assert_eq!(world.kernel.trees[&house::WAN], foreign);
    assert_eq!(world.status().state, State::Failing);
}

#[test]
fn days_are_those_of_the_routers_zone_and_midnight_belongs_to_the_day_before() {
    // Tuesday 23:30 in UTC is Wednesday 00:30 in Berlin.
    let tuesday = r#"{"days": "tue", "from": "21:00", "until": "06:00", "mac": "02:00:00:00:00:0b", "class": "bulk"}"#;
    let mut night = kernel(1_772_580_600);
    night.zone = "CET-1CEST,M3.5.0,M10.5.0/3";
    let mut world = World::of(night, &with(tuesday), house::ABLE);
    world.kernel.open(opened_by(address(TV), 1, 0));
    world.settle();
    assert_eq!(world.kernel.marks(TV), [40], "it began on Tuesday");
    world.pass(24 * HOUR_MS);
    assert_eq!(world.kernel.marks(TV), [0], "Wednesday night is another");
}

#[test]
fn with_schedules_it_wakes_once_a_minute_and_without_never() {
    let mut world = at(EVENING_S, &class("03:00", "04:00", TV, "bulk"));
    world.pass(MINUTE_MS);
    world.ops.clear();
    world.pass(10 * MINUTE_MS);
    assert_eq!(world.count("look at the clock"), 10);
    let mut world = at(EVENING_S, "");
    world.ops.clear();
    world.pass(10 * MINUTE_MS);
    assert_eq!(world.count("look at the clock"), 0);
}

#[test]
fn a_list_that_is_replaced_counts_from_that_moment() {
    let mut world = at(EVENING_S, &class("20:00", "22:00", TV, "bulk"));
    assert_eq!(world.kernel.marks(TV), [40]);
    world.apply(&with(&class("20:00", "22:00", PHONE, "bulk")));
    assert_eq!(world.kernel.marks(TV), [0]);
    world.apply(&with(""));
    world.ops.clear();
    world.pass(10 * MINUTE_MS);
    assert_eq!(world.count("look at the clock"), 0);
}

#[test]
fn a_clock_without_schedules_changes_nothing() {
    let mut world = at(EVENING_S, "");
    world.tell(Input::Clock {
        unix_s: EVENING_S,
        zone: "",
    });
    world.drive();
    assert!(world.changes().is_empty());
}

#[test]
fn thirty_two_schedules_are_taken_and_the_next_is_refused() {
    let many = |count| vec![class("01:00", "02:00", TV, "bulk"); count].join(",");
    assert_eq!(with(&many(config::SCHEDULES_MAX)).schedules.len(), 32);
    let text = format!("{{\"version\": 1, \"schedules\": [{}]}}", many(33));
    assert_eq!(
        parse(text.as_bytes()).unwrap_err().to_string(),
        "line 1: schedules: expected at most 32, found one more"
    );
}
