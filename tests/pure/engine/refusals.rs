//! The kernel says no: to a part of a change, to a look, for a while, for ever.

use std::time::Duration;

use lanemark::config::Config;
use lanemark::control::{Fault, State, Verb};
use lanemark::engine::limits::{BUSY_LOOKS_MAX, RETRY_MAX, RETRY_MIN};
use lanemark::engine::{Abilities, Event, Input};
use lanemark::value::{Cause, Class, Kbit, MarkLayout, Xtables};

use super::house::{self, ABLE, PHONE, TV, WORK, address, neighbour, opened_by};
use super::wished::assert_as_wished;
use super::world::{No, World, changed, failure};

fn base() -> Config {
    house::config_with(&[
        (WORK, "work", Some(Class::Premium)),
        (TV, "", Some(Class::Bulk)),
    ])
}

/// Everything in it changes something else.
fn other() -> Config {
    let mut other = house::config_with(&[
        (WORK, "desk", Some(Class::Bulk)),
        (PHONE, "", Some(Class::Express)),
    ]);
    other.wan.up = Some(Kbit(5_000));
    other.default_class = Class::Bulk;
    other.mark = MarkLayout::new(0x7f00, 8).unwrap();
    other
}

#[test]
fn a_configuration_that_is_refused_at_any_step_leaves_everything_as_it_was() {
    // While lanemark is off, the bits under the mask are another program's.
    for (from, to, kinds, phone) in [
        (
            base(),
            other(),
            &["class", "leaf", "rules"][..],
            0x8000_0000,
        ),
        (
            house::off(&base()),
            base(),
            &["root", "class", "leaf", "rules"][..],
            0x8000_0014,
        ),
    ] {
        for kind in kinds {
            for skip in [0, 1, 3, 6, 11] {
                let mut world = World::settled(&from);
                world.kernel.open(opened_by(address(WORK), 1, 0x8000_0000));
                world.kernel.open(opened_by(address(PHONE), 2, phone));
                let before = world.kernel.picture();
                world.refusals = vec![No {
                    kind,
                    skip,
                    times: 1,
                    cause: Cause::Other,
                }];
                let answer = world.apply(&to);
                if world.refusals[0].times == 1 {
                    // There are fewer of them.
                    changed(answer);
                    continue;
                }
                let told = failure(answer);
                assert_eq!(told.fault, Fault::Refused);
                assert!(
                    told.message
                        .contains("the test says no; the configuration was left as it was"),
                    "{told}"
                );
                assert_eq!(*world.engine.config(), from, "{kind} {skip}");
                world.pass(4_000);
                assert_eq!(world.kernel.picture(), before, "{kind} {skip}");
                assert!(
                    world.writes.is_empty() && !world.engine.save_due(),
                    "{kind} {skip}"
                );
                assert_as_wished(&world);
            }
        }
    }
}

#[test]
fn a_set_that_is_refused_leaves_everything_as_it_was() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    let before = world.kernel.picture();
    for (verb, device) in [
        (Verb::Set, "work"),
        (Verb::Unset, "work"),
        (Verb::Set, "192.168.1.12"),
    ] {
        world.refuse("elements", Cause::Denied);
        let told = failure(world.answer(verb, Some(device), Some("bulk")));
        assert_eq!(told.fault, Fault::Refused);
        assert!(told.message.contains("a device's rule"), "{told}");
        assert_eq!(*world.engine.config(), base());
        assert_eq!(world.kernel.picture(), before);
    }
    assert!(world.writes.is_empty());
    world.set("work", "bulk");
    assert_eq!(world.kernel.marks(WORK), [40]);
}

#[test]
fn a_refused_move_of_the_mask_touches_no_flow() {
    let mut world = World::settled(&base());
    // Its device is not known, and in the new place stands another program's mark.
    world
        .kernel
        .flows
        .push(opened_by([10, 9, 9, 9].into(), 1, 0x0a00 | 20));
    world.refuse("rules", Cause::Other);
    failure(world.apply(&other()));
    world.pass(60_000);
    assert_eq!(world.kernel.flows[0].mark, 0x0a00 | 20);
    world.set("work", "express");
    assert_eq!(world.kernel.flows[0].mark, 0x0a00 | 20);
}

#[test]
fn without_the_sysctl_everything_else_works() {
    let mut world = World::new(&base());
    world.refuse_all("accounting", Cause::Denied);
    world.drive();
    assert_eq!(
        (world.status().state, world.kernel.acct),
        (State::On, Some(false))
    );
    assert!(world.kernel.table.is_some());
    assert_eq!(world.device(WORK).up_kbit, None);
    world.kernel.open(opened_by(address(PHONE), 1, 0));
    world.set("192.168.1.12", "premium");
    assert_eq!(world.kernel.marks(PHONE), [10]);
    changed(world.stop());
}

#[test]
fn a_start_that_is_refused_is_tried_again_at_growing_distances() {
    let mut world = World::new(&base());
    world.refuse_all("rules", Cause::Other);
    let mut waits: Vec<Duration> = Vec::new();
    while waits.len() < 8 {
        let tries = world.count("rules");
        let before = world.now;
        while world.count("rules") == tries {
            world.pass(100);
        }
        waits.push(world.now.since(before));
    }
    assert!(waits[0] <= Duration::from_millis(100));
    for (wait, secs) in waits[1..].iter().zip([2, 4, 8, 16, 32, 60, 60]) {
        let late = wait.abs_diff(Duration::from_secs(secs));
        assert!(
            late <= Duration::from_millis(100),
            "{wait:?} instead of {secs} s"
        );
    }
    assert_eq!((RETRY_MIN.as_secs(), RETRY_MAX.as_secs()), (2, 60));
    world.refusals.clear();
    world.pass(60_000);
    assert_as_wished(&world);
    assert_eq!(world.engine.trouble_text(), None);
}

#[test]
fn after_a_success_the_next_refusal_is_tried_again_soon() {
    let mut world = World::new(&base());
    world.refusals.push(No {
        kind: "rules",
        skip: 0,
        times: 5,
        cause: Cause::Other,
    });
    world.pass(120_000);
    assert_as_wished(&world);
    world.kernel.table = None;
    world.tell(Input::RulesTouched);
    world.refuse("rules", Cause::Other);
    world.drive();
    world.pass(u64::try_from(RETRY_MIN.as_millis()).unwrap());
    assert_as_wished(&world);
}

#[test]
fn a_set_during_trouble_is_kept_and_told_to_be_not_in_force() {
    let mut world = World::new(&base());
    world.refuse_all("rules", Cause::Other);
    world.drive();
    let answer = world.set("work", "bulk");
    assert!(
        answer
            .remark
            .starts_with("not in force yet: the kernel refused the rules"),
        "{}",
        answer.remark
    );
    assert!(answer.saved);
    world.refusals.clear();
    world.pass(60_000);
    assert_as_wished(&world);
}

#[test]
fn a_list_that_is_refused_is_not_asked_for_without_pause() {
    for look in [
        "links",
        "routes",
        "neighbours",
        "accounting",
        "rules",
        "qdiscs",
        "classes",
    ] {
        let kind: &'static str = format!("look at {look}").leak();
        for cause in [Cause::Other, Cause::Busy] {
            let mut world = World::new(&base());
            world.refuse_all(kind, cause);
            world.drive();
            let most = usize::from(BUSY_LOOKS_MAX) + 1;
            // Each device has classes.
            let most = if look == "classes" { 2 * most } else { most };
            assert!(world.count(kind) <= most, "{kind}");
            assert!(
                world.changes().is_empty(),
                "{kind}: nothing is decided without it"
            );
            assert_eq!(world.status().state, State::Failing);
            world.refusals.clear();
            world.settle_later();
            assert_as_wished(&world);
        }
    }
}

#[test]
fn a_list_that_was_overtaken_is_asked_for_again_at_once() {
    for look in [
        "links",
        "routes",
        "neighbours",
        "rules",
        "qdiscs",
        "classes",
    ] {
        let kind: &'static str = format!("look at {look}").leak();
        let mut world = World::new(&base());
        let times = usize::from(BUSY_LOOKS_MAX);
        world.refusals.push(No {
            kind,
            skip: 0,
            times,
            cause: Cause::Busy,
        });
        world.drive();
        assert_eq!(world.engine.trouble_text(), None, "{kind}");
    }
}

#[test]
fn a_list_that_is_refused_to_an_engine_that_is_off_is_asked_for_later() {
    let mut world = World::settled(&base());
    world.flash = Some(house::off(&base()));
    world.restart();
    world.refusals.push(No {
        kind: "look at rules",
        skip: 0,
        times: 3,
        cause: Cause::Other,
    });
    world.pass(60_000);
    assert!(!world.kernel.has_anything_of_ours());
    assert_eq!(world.drive(), None);
}

#[test]
fn a_list_that_fails_in_the_middle_of_a_set_undoes_the_set() {
    let mut world = World::settled(&base());
    world.refuse("elements", Cause::Gone);
    world.refuse("look at rules", Cause::Other);
    let before = world.kernel.picture();
    failure(world.answer(Verb::Set, Some("work"), Some("bulk")));
    world.settle_later();
    assert_eq!(world.kernel.picture(), before);
    assert_as_wished(&world);
}

#[test]
fn a_set_that_finds_the_rules_gone_is_undone_and_they_come_back_at_once() {
    let mut world = World::settled(&base());
    let before = world.kernel.picture();
    world.kernel.table = None;
    let told = failure(world.answer(Verb::Set, Some("work"), Some("bulk")));
    assert!(told.message.contains("a device's rule"), "{told}");
    assert_eq!(world.kernel.picture(), before);
}

#[test]
fn lists_that_were_overtaken_now_and_then_never_add_up_to_a_refusal() {
    let mut world = World::settled(&base());
    for _ in 0..3 * BUSY_LOOKS_MAX {
        world.refuse("look at qdiscs", Cause::Busy);
        world.tell(Input::TreeTouched(house::WAN));
        world.drive();
        assert_eq!(world.engine.trouble_text(), None);
    }
}

#[test]
fn lists_that_only_tell_something_hold_nothing_up() {
    for look in ["leases", "bytes", "fill", "modules"] {
        let kind: &'static str = format!("look at {look}").leak();
        let mut world = World::new(&base());
        world.refuse_all(kind, Cause::Other);
        world.settle();
        assert_as_wished(&world);
        assert_eq!(world.status().state, State::On);
        assert!(matches!(
            world.answer(Verb::Doctor, None, None),
            lanemark::engine::Answer::Doctor(_)
        ));
    }
}

#[test]
fn an_old_kernel_gets_the_rules_without_the_guard() {
    for cause in [Cause::Unsupported, Cause::Invalid] {
        let mut world = World::new(&base());
        world.refuse("rules", cause);
        world.settle();
        assert_as_wished(&world);
        assert!(!world.kernel.table.as_ref().unwrap().ruleset.guarded);
        assert_eq!(world.status().state, State::On);
        world.kernel.table = None;
        world.tell(Input::RulesTouched);
        world.drive();
        assert_eq!(world.count("rules"), 1, "the guard is not asked for again");
    }
}

#[test]
fn rules_that_are_refused_for_another_reason_are_not_retried_without_their_guard() {
    let mut world = World::new(&base());
    world.refuse("rules", Cause::Denied);
    world.drive();
    assert_eq!(world.count("rules"), 1);
    world.settle_later();
    assert!(world.kernel.table.as_ref().unwrap().ruleset.guarded);
}

#[test]
fn without_ctnetlink_the_rules_look_at_each_packet_and_no_flow_is_asked_for() {
    let xtables = Xtables {
        origin: true,
        ..Xtables::default()
    };
    for (nft, xtables) in [(true, None), (false, Some(xtables))] {
        let abilities = Abilities {
            nft,
            xtables,
            guard: nft,
            conntrack: false,
            ..ABLE
        };
        let mut world = World::of(house::kernel(), &base(), abilities);
        world.settle();
        assert_as_wished(&world);
        assert!(world.kernel.table.as_ref().unwrap().ruleset.afresh);
        world.kernel.open(opened_by(address(WORK), 1, 0));
        let told = world.set("work", "bulk");
        assert_eq!(told.flows_marked, 0);
        assert!(
            told.remark.contains("with their next packet"),
            "{}",
            told.remark
        );
        assert_as_wished(&world);
        assert_eq!(world.count("look at flows"), 0);
    }
}

#[test]
fn what_a_kernel_lacks_is_named_once_and_nothing_is_done() {
    for (abilities, lacking) in [
        (
            Abilities {
                shapers: [false; 3],
                ..ABLE
            },
            "CONFIG_NET_SCH_HTB (sch_htb)",
        ),
        (Abilities { nft: false, ..ABLE }, "CONFIG_NF_TABLES"),
        (
            Abilities {
                nft: false,
                conntrack: false,
                xtables: Some(Xtables::default()),
                ..ABLE
            },
            "CONFIG_NF_CT_NETLINK",
        ),
    ] {
        let mut world = World::of(house::kernel(), &base(), abilities);
        world.pass(600_000);
        assert!(world.changes().is_empty());
        let status = world.status();
        assert_eq!(status.state, State::Failing);
        assert!(status.reason.contains(lacking), "{}", status.reason);
        let told = failure(world.apply(&other()));
        assert!(told.message.contains(lacking), "{told}");
        assert!(changed(world.apply(&house::off(&base()))).remark.is_empty());
    }
}

#[test]
fn a_device_that_could_not_be_told_of_is_told_of_later() {
    let mut world = World::settled(&base());
    world.kernel.neighbours.push(neighbour(50));
    world.refuse("look at neighbours", Cause::Other);
    world.tell(Input::Lost);
    world.settle_later();
    world.set("192.168.1.50", "express");
}

#[test]
fn refusals_are_counted() {
    let mut world = World::settled(&base());
    let before = world.engine.journal().count(Event::Refused);
    world.refuse("elements", Cause::Denied);
    failure(world.answer(Verb::Set, Some("work"), Some("bulk")));
    assert_eq!(world.engine.journal().count(Event::Refused), before + 1);
}
