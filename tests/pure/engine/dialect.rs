//! Rules that other programs make: they can be compared and not read, and nobody tells of changes.

use lanemark::control::{State, Verb};
use lanemark::engine::{Abilities, Answer, Input, Op};
use lanemark::value::{Cause, Class, Xtables};

use super::house::{self, ABLE, TV, WORK, address, mac, opened_by};
use super::kernel::Spoilt;
use super::wished::assert_as_wished;
use super::world::{World, changed, kind};

const XTABLES: Abilities = Abilities {
    nft: false,
    guard: false,
    xtables: Some(Xtables {
        v6: true,
        origin: true,
        wanted: false,
    }),
    ..ABLE
};

fn settled() -> World {
    let config = house::config_with(&[(WORK, "work", Some(Class::Premium)), (TV, "tv", None)]);
    let mut world = World::of(house::kernel(), &config, XTABLES);
    world.settle();
    world.ops.clear();
    world
}

#[test]
fn a_start_makes_the_rules_that_are_wished() {
    let mut world = settled();
    assert_as_wished(&world);
    assert_eq!(world.status().state, State::On);
}

#[test]
fn a_start_with_everything_in_place_changes_nothing() {
    let mut world = settled();
    let before = world.kernel.picture();
    world.restart();
    world.drive();
    assert_eq!(world.kinds(), [""; 0]);
    assert_eq!(world.kernel.picture(), before);
    assert_as_wished(&world);
}

#[test]
fn a_class_that_is_set_changes_the_devices_and_nothing_else() {
    let mut world = settled();
    world.kernel.open(opened_by(address(TV), 1, 0));
    assert_eq!(world.set("tv", "bulk").flows_marked, 1);
    let rules: Vec<_> = world
        .changes()
        .iter()
        .map(kind)
        .filter(|kind| kind.contains("elements") || kind.contains("rules"))
        .collect();
    assert_eq!(rules, ["elements"]);
    assert_eq!(world.kernel.elements()[&mac(TV)], Class::Bulk);
    assert_as_wished(&world);
}

#[test]
fn what_others_took_away_is_put_back_within_ten_seconds() {
    for spoilt in [None, Some(Spoilt::Removed)] {
        let mut world = settled();
        match spoilt {
            None => world.kernel.table = None,
            spoilt => world.kernel.table.as_mut().unwrap().spoilt = spoilt,
        }
        world.pass(10_000);
        assert_as_wished(&world);
        assert_eq!(world.count("rules"), 1);
    }
}

#[test]
fn the_everyday_look_waits_until_a_change_is_made() {
    let mut world = settled();
    // The moment of the look is the moment of the change.
    world.kernel.table.as_mut().unwrap().spoilt = None;
    for _ in 0..20 {
        world.ops.clear();
        world.set("tv", "express");
        world.pass(5_000);
        world.set("tv", "bulk");
        assert_eq!(world.count("rules"), 0, "{:?}", world.kinds());
        assert_as_wished(&world);
    }
}

#[test]
fn where_nothing_is_wished_nobody_looks() {
    let mut world = settled();
    changed(world.apply(&house::off(&house::config_with(&[]))));
    world.ops.clear();
    world.pass(60_000);
    assert_eq!(world.count("look for the rules"), 0);
    assert!(!world.kernel.has_anything_of_ours());
}

#[test]
fn a_stop_after_a_restart_finds_and_removes_all_and_knows_how_it_was_before() {
    let mut world = settled();
    let before = world.kernel.table.as_ref().unwrap().ruleset.before;
    world.restart();
    changed(world.stop());
    assert!(!world.kernel.has_anything_of_ours());
    assert_eq!(world.kernel.acct, before.acct);
}

#[test]
fn rules_that_are_refused_are_tried_again() {
    let config = house::config_with(&[(WORK, "work", Some(Class::Premium))]);
    let mut world = World::of(house::kernel(), &config, XTABLES);
    world.refuse("rules", Cause::Other);
    world.settle_later();
    assert_as_wished(&world);
}

#[test]
fn doctor_says_which_rules_are_in_use_and_why_and_what_they_lack() {
    let config = house::config_with(&[]);
    for (xtables, words) in [
        (
            Xtables::default(),
            "in use, since this kernel has no nf_tables; no classes over IPv6 (no ip6tables); rules do not see flows from outside (needs Linux 2.6.38)",
        ),
        (
            Xtables {
                v6: true,
                origin: true,
                wanted: true,
            },
            "in use, since 'lanemark run' was told so",
        ),
    ] {
        let abilities = Abilities {
            xtables: Some(xtables),
            ..XTABLES
        };
        let mut world = World::of(house::kernel(), &config, abilities);
        world.settle();
        let Answer::Doctor(doctor) = world.answer(Verb::Doctor, None, None) else {
            panic!("no doctor")
        };
        let found = doctor.findings.iter().find(|found| found.what == "xtables");
        assert_eq!(found.unwrap().found, words);
        assert!(
            doctor
                .findings
                .iter()
                .all(|found| found.what != "nf_tables")
        );
    }
}

#[test]
fn a_look_that_comes_too_late_finds_what_a_client_changed_meanwhile() {
    let mut world = settled();
    world.tell(Input::RulesTouched);
    world.set("tv", "bulk");
    world.drive();
    assert_as_wished(&world);
    assert!(world.ops.iter().all(|op| !matches!(op, Op::DeleteRules)));
}
