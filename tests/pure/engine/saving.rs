//! The flash: written seldom, and never told to be written when it was not.

use lanemark::config::Config;
use lanemark::control::{Fault, REASON_BYTES_MAX, State, Verb};
use lanemark::engine::limits::SAVE_EVERY;
use lanemark::engine::{Client, Event, Input};
use lanemark::value::{Cause, Class, Instant};

use super::house::{self, WORK};
use super::wished::classes_of;
use super::world::{World, changed, failure};

const SAVE_MS: u64 = SAVE_EVERY.as_secs() * 1_000;

#[test]
fn a_change_is_on_flash_before_it_is_told() {
    let mut world = World::settled(&house::config());
    assert!(world.set("192.168.1.10", "premium").saved);
    assert_eq!(world.flash.as_ref(), Some(world.engine.config()));
    assert_eq!(world.engine.journal().count(Event::Saved), 1);
}

#[test]
fn a_thousand_sets_in_a_second_are_two_writes_and_the_last_one_wins() {
    let mut world = World::settled(&house::config());
    let started = world.now;
    for number in 0..1_000 {
        let class = Class::ALL[number % 5];
        let answer = world.set("192.168.1.10", class.name());
        assert_eq!(answer.saved, number == 0);
        world.now = Instant::from_ms(world.now.as_ms() + 1);
    }
    assert!(!world.status().saved);
    world.pass(120_000);
    let after: Vec<u64> = world
        .writes
        .iter()
        .map(|at| at.as_ms() - started.as_ms())
        .collect();
    assert_eq!(after, [0, SAVE_MS]);
    assert_eq!(
        world.flash.as_ref().map(classes_of).unwrap()[&house::mac(WORK)],
        Class::Bulk
    );
    assert!(world.status().saved);
}

#[test]
fn a_change_every_second_for_an_hour_is_a_write_in_thirty_seconds() {
    let mut world = World::settled(&house::config());
    for second in 0..3_600 {
        world.set("192.168.1.10", Class::ALL[second % 5].name());
        world.pass(1_000);
    }
    for pair in world.writes.windows(2) {
        assert!(pair[1].since(pair[0]) >= SAVE_EVERY);
    }
    assert!(world.writes.len() > 100);
}

#[test]
fn a_flash_that_fails_is_told_and_tried_again() {
    let mut world = World::settled(&house::config());
    world.refuse("save", Cause::Full);
    let told = failure(world.answer(Verb::Set, Some("192.168.1.10"), Some("premium")));
    assert_eq!(told.fault, Fault::Refused);
    assert_eq!(
        told.message.as_str(),
        "in force, but not stored: the test says no"
    );
    assert_eq!(
        world.kernel.elements()[&house::mac(WORK)],
        Class::Premium,
        "in force"
    );
    assert!(!world.status().saved && world.engine.save_due());
    assert_eq!(world.engine.journal().count(Event::SaveFailed), 1);
    world.pass(SAVE_MS - 1);
    assert!(world.writes.is_empty());
    world.pass(1);
    assert_eq!(world.writes.len(), 1);
    assert!(world.status().saved);
}

#[test]
fn a_flash_that_keeps_failing_is_tried_every_thirty_seconds_and_no_more() {
    let mut world = World::settled(&house::config());
    world.refuse_all("save", Cause::Full);
    failure(world.answer(Verb::Set, Some("192.168.1.10"), Some("premium")));
    world.pass(10 * SAVE_MS);
    assert_eq!(world.count("save"), 11);
    assert_eq!(world.drive().map(|wait| wait.as_secs() > 0), Some(true));
}

#[test]
fn a_set_again_after_a_failed_write_does_not_claim_to_be_stored() {
    let mut world = World::settled(&house::config());
    world.refuse("save", Cause::Full);
    failure(world.answer(Verb::Set, Some("192.168.1.10"), Some("premium")));
    let again = world.set("192.168.1.10", "premium");
    assert!(!again.saved);
    world.pass(SAVE_MS);
    assert_eq!(world.flash.as_ref(), Some(world.engine.config()));
}

#[test]
fn stop_writes_what_was_put_off() {
    let mut world = World::settled(&house::config());
    world.set("192.168.1.10", "premium");
    world.set("192.168.1.10", "bulk");
    assert_eq!(world.writes.len(), 1);
    assert!(changed(world.stop()).saved);
    assert_eq!(world.flash.as_ref(), Some(world.engine.config()));
}

#[test]
fn a_stop_with_a_flash_that_fails_ends_all_the_same() {
    let mut world = World::settled(&house::config());
    world.refuse_all("save", Cause::Full);
    failure(world.answer(Verb::Set, Some("192.168.1.10"), Some("premium")));
    assert!(!changed(world.stop()).saved);
    assert!(world.ended);
}

#[test]
fn a_change_that_was_undone_does_not_hold_up_one_that_was_not_stored_yet() {
    let mut world = World::settled(&house::config());
    world.set("192.168.1.10", "premium");
    world.set("192.168.1.10", "bulk");
    world.refuse("elements", Cause::Other);
    failure(world.answer(Verb::Set, Some("192.168.1.10"), Some("express")));
    assert!(world.engine.save_due());
    world.pass(SAVE_MS);
    assert_eq!(
        (world.writes.len(), world.flash.as_ref()),
        (2, Some(world.engine.config()))
    );
    assert_eq!(
        world.flash.as_ref().map(classes_of).unwrap()[&house::mac(WORK)],
        Class::Bulk
    );
}

#[test]
fn starting_running_and_stopping_write_nothing() {
    let mut world = World::new(&house::config());
    world.pass(3_600_000);
    world.tell(Input::Left(Client(3)));
    world.stop();
    assert_eq!(world.count("save"), 0);
}

#[test]
fn that_what_was_stored_is_spoiled_is_told_until_something_is_stored_or_read_again() {
    for enabled in [true, false] {
        let config = Config {
            enabled,
            ..house::config()
        };
        let begin = || {
            let mut world = World::new(&config);
            world
                .engine
                .found_spoiled(format_args!("config.json: {}", "x".repeat(200)));
            world.settle();
            world
        };
        let mut world = begin();
        let told = world.status();
        assert_eq!(told.state, if enabled { State::On } else { State::Off });
        assert!(
            told.reason.starts_with("config.json: xxx") && told.reason.len() == REASON_BYTES_MAX,
            "{}",
            told.reason
        );
        world.refuse("save", Cause::Full);
        failure(world.answer(Verb::Set, Some("192.168.1.10"), Some("premium")));
        assert_eq!(world.status().reason, told.reason);
        world.pass(SAVE_MS);
        assert!(!world.status().reason.contains("config.json"));

        let mut world = begin();
        world.tell(Input::Reload(Box::new(config.clone())));
        world.settle();
        assert!(!world.status().reason.contains("config.json"));
    }
}
