//! Other programs at our things, and events that never came.

use std::time::Duration;

use lanemark::config::Config;
use lanemark::control::{State, Verb};
use lanemark::engine::limits::{FIGHT_WINDOW, FIGHTS_MAX, HEALTH_EVERY, RESYNC_EVERY};
use lanemark::engine::{Event, Input, Look, Op};
use lanemark::value::{Class, Kbit, RuleSeen, TcHandle};

use super::house::{self, LAN, PHONE, TV, WAN, WORK, address, at, mac, opened_by};
use super::kernel::{Root, Spoilt};
use super::wished::assert_as_wished;
use super::world::{World, kind};

const SQM: TcHandle = TcHandle::new(0x8001, 0);

fn base() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

fn minute() -> u64 {
    u64::try_from(FIGHT_WINDOW.as_millis()).unwrap()
}

/// Another program takes the WAN's queues away.
fn takes_the_queues(world: &mut World) {
    world.kernel.trees.remove(&WAN);
    world.tell(Input::TreeTouched(WAN));
    world.drive();
}

#[test]
fn queues_that_another_program_removes_come_back() {
    let mut world = World::settled(&base());
    takes_the_queues(&mut world);
    assert_eq!(world.engine.journal().count(Event::Fought), 1);
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn queues_that_go_unheard_come_back_with_the_next_look_at_the_counters() {
    let mut world = World::settled(&base());
    world.kernel.trees.remove(&WAN);
    world.pass(u64::try_from(HEALTH_EVERY.as_millis()).unwrap());
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn a_class_or_leaf_that_another_program_changes_is_put_right() {
    let mut world = World::settled(&base());
    let express = super::house::class_handle(Class::Express);
    let root = world.kernel.tree(LAN);
    root.classes.get_mut(&express).unwrap().0.rate = Kbit(1);
    root.leaves.remove(&express);
    world.tell(Input::TreeTouched(LAN));
    world.drive();
    assert_eq!(world.kinds(), ["class", "leaf"]);
    assert_as_wished(&world);
}

#[test]
fn a_table_that_another_program_removes_comes_back_with_its_devices() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.kernel.table = None;
    world.kernel.open(opened_by(address(WORK), 2, 0));
    world.tell(Input::RulesTouched);
    world.drive();
    assert_eq!(world.kinds(), ["rules"]);
    assert_as_wished(&world);
    assert_eq!(
        world.kernel.marks(WORK),
        [10, 10],
        "the one that was opened meanwhile too"
    );
    super::world::changed(world.stop());
    assert_eq!(
        world.kernel.acct,
        Some(false),
        "what was before us is not forgotten"
    );
}

#[test]
fn a_table_with_a_rule_too_many_or_too_few_is_made_anew() {
    for spoilt in [Spoilt::Added, Spoilt::Removed] {
        let mut world = World::settled(&base());
        world.kernel.table.as_mut().unwrap().spoilt = Some(spoilt);
        world.tell(Input::RulesTouched);
        world.drive();
        let ops = world.changes();
        assert!(
            matches!(ops[..], [Op::Rules { instead: true, .. }]),
            "{ops:?}"
        );
        assert_as_wished(&world);
    }
}

#[test]
fn elements_that_another_program_changes_are_put_right() {
    let mut world = World::settled(&base());
    let elements = &mut world.kernel.table.as_mut().unwrap().elements;
    elements.insert(mac(WORK), Class::Bulk);
    elements.insert(mac(TV), Class::Bulk);
    world.kernel.open(opened_by(address(TV), 1, 0));
    world.tell(Input::RulesTouched);
    world.drive();
    assert_as_wished(&world);
    assert_eq!(world.kernel.marks(TV), [0]);
    // Of a device that nobody knows, or no device at all.
    world
        .kernel
        .table
        .as_mut()
        .unwrap()
        .elements
        .insert(mac(200), Class::Bulk);
    world.tell(Input::RulesTouched);
    world.drive();
    assert_as_wished(&world);
}

#[test]
fn flows_that_got_a_class_from_another_program_while_we_could_do_nothing_are_put_right() {
    let mut world = World::settled(&base());
    let wan = world.kernel.links.remove(0);
    world.kernel.trees.remove(&WAN);
    world.tell(Input::LinkGone(WAN));
    world.drive();
    let table = world.kernel.table.as_mut().unwrap();
    table.elements.insert(mac(TV), Class::Bulk);
    world.tell(Input::RulesTouched);
    world.drive();
    world.kernel.open(opened_by(address(TV), 1, 0));
    // And then it takes even that away.
    world.kernel.table = None;
    world.tell(Input::RulesTouched);
    world.drive();
    world.kernel.links.push(wan);
    world.tell(Input::Link(wan));
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.kernel.marks(TV), [0]);
}

#[test]
fn an_element_that_cannot_be_read_makes_the_rules_anew() {
    let mut world = World::settled(&base());
    // Seen during a look, as the wire tells it.
    world.tell(Input::Rule(RuleSeen::Device(None)));
    world.drive();
    assert_eq!(world.kinds(), ["rules"]);
    assert_as_wished(&world);
}

#[test]
fn after_fights_max_in_a_minute_we_stop_and_say_so_and_try_again_later() {
    let mut world = World::settled(&base());
    for round in 1..=FIGHTS_MAX {
        takes_the_queues(&mut world);
        assert!(world.kernel.trees.contains_key(&WAN), "round {round}");
        world.pass(1_000);
    }
    takes_the_queues(&mut world);
    assert!(
        !world.kernel.trees.contains_key(&WAN),
        "it is the other's for now"
    );
    let status = world.status();
    assert_eq!(status.state, State::Failing);
    assert!(
        status.reason.contains("5 times in a minute"),
        "{}",
        status.reason
    );
    // Nor do events bring it back before its time.
    world.tell(Input::TreeTouched(WAN));
    world.tell(Input::RulesTouched);
    world.tell(Input::Lost);
    world.tell(Input::RoutesChanged);
    world.pass(minute() - 1_000);
    assert!(!world.kernel.trees.contains_key(&WAN));
    world.pass(1_000);
    world.settle();
    assert_as_wished(&world);
    assert!(world.engine.journal().count(Event::Fought) > u32::from(FIGHTS_MAX));
}

#[test]
fn fights_that_are_more_than_fight_window_apart_do_not_add_up() {
    let mut world = World::settled(&base());
    for _ in 0..4 * FIGHTS_MAX {
        takes_the_queues(&mut world);
        assert!(world.kernel.trees.contains_key(&WAN));
        world.pass(minute() / u64::from(FIGHTS_MAX) + 1);
    }
    assert_as_wished(&world);
}

#[test]
fn somebody_who_touches_and_changes_nothing_of_ours_is_no_fight() {
    let mut world = World::settled(&base());
    for _ in 0..100 {
        world.tell(Input::RulesTouched);
        world.tell(Input::TreeTouched(WAN));
        world.drive();
    }
    assert_eq!(world.engine.journal().count(Event::Fought), 0);
    world.set("work", "bulk");
    assert_as_wished(&world);
}

#[test]
fn what_a_client_changes_while_somebody_touches_something_is_no_fight() {
    let mut world = World::settled(&base());
    for number in 0..20 {
        world.tell(Input::RulesTouched);
        world.set("work", Class::ALL[number % 5].name());
        let mut config = world.engine.config().clone();
        config.wan.up = Some(Kbit(1_000 + u32::try_from(number).unwrap()));
        world.tell(Input::TreeTouched(WAN));
        world.tell(Input::Reload(Box::new(config)));
        world.drive();
    }
    assert_eq!(world.engine.journal().count(Event::Fought), 0);
    assert_as_wished(&world);
}

#[test]
fn a_user_who_acts_ends_the_waiting_after_a_fight() {
    let mut world = World::settled(&base());
    for _ in 0..=FIGHTS_MAX {
        takes_the_queues(&mut world);
    }
    assert!(!world.kernel.trees.contains_key(&WAN));
    world.set("work", "bulk");
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn a_stop_in_the_middle_of_a_fight_still_stops() {
    let mut world = World::settled(&base());
    for _ in 0..=FIGHTS_MAX {
        takes_the_queues(&mut world);
    }
    super::world::changed(world.stop());
    assert!(!world.kernel.has_anything_of_ours());
}

/// Milliseconds that are enough for a timer of this length.
fn after(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap() + 1
}

#[test]
fn events_that_go_lost_without_end_lead_to_one_look_each_resync_every() {
    let floods: [(fn() -> Input<'static>, Look); 2] = [
        (|| Input::Lost, Look::Links),
        (|| Input::NeighboursLost, Look::Neighbours),
    ];
    for (lost, look) in floods {
        let mut world = World::settled(&base());
        let looks = |world: &World| {
            let all = world.ops.iter();
            all.filter(|op| **op == Op::Look(look)).count()
        };
        for _ in 0..1_000 {
            world.tell(lost());
            world.drive();
        }
        assert_eq!(
            looks(&world),
            1,
            "{look:?}: at once, and then not for a while"
        );
        world.pass(after(RESYNC_EVERY));
        assert_eq!(
            looks(&world),
            2,
            "{look:?}: what came meanwhile is not forgotten"
        );
        world.pass(after(RESYNC_EVERY));
        assert_eq!(looks(&world), 2, "{look:?}: nothing was lost since");
    }
}

#[test]
fn lost_events_lead_to_a_full_look_and_only_differences_are_changed() {
    let mut world = World::settled(&base());
    world.tell(Input::Lost);
    world.drive();
    for look in [
        Look::Links,
        Look::Routes,
        Look::Neighbours,
        Look::Rules,
        Look::Qdiscs,
        Look::Classes(WAN),
        Look::Classes(LAN),
    ] {
        assert!(world.ops.contains(&Op::Look(look)), "{look:?}");
    }
    assert!(world.changes().is_empty());
    assert_eq!(world.engine.journal().count(Event::Resynced), 1);

    world.pass(after(RESYNC_EVERY));
    world.deaf = true;
    world
        .kernel
        .table
        .as_mut()
        .unwrap()
        .elements
        .insert(mac(WORK), Class::Bulk);
    world.kernel.neighbours.push(at(address(50), mac(50)));
    world.tell(Input::RulesTouched);
    world.hear_again();
    world.drive();
    assert_eq!(world.kinds(), ["elements"]);
    assert_as_wished(&world);
    assert_eq!(
        world.set("192.168.1.50", "bulk").mac.as_str(),
        mac(50).to_string()
    );
    assert_eq!(
        world.engine.journal().count(Event::Fought),
        0,
        "nobody was heard"
    );
}

#[test]
fn losing_events_loses_no_question() {
    let mut world = World::settled(&base());
    for (client, verb) in (0..).zip([Verb::Status, Verb::Doctor, Verb::Devices]) {
        world.ask(client, verb, None, None);
    }
    world.kernel.fill = (99, 4096);
    world.kernel.modules = vec!["ctf"];
    world.tell(Input::Lost);
    world.pass(1_000);
    assert_eq!(world.answers.len(), 3);
    for look in [Look::Fill, Look::Modules, Look::Bytes(WAN)] {
        assert_eq!(
            world.ops.iter().filter(|op| **op == Op::Look(look)).count(),
            1,
            "{look:?}"
        );
    }
}

#[test]
fn whatever_else_is_in_the_kernel_stays_as_it_is() {
    let mut world = World::new(&base());
    world.kernel.trees.insert(house::OTHER, Root::foreign(SQM));
    world
        .kernel
        .flows
        .push(opened_by(address(PHONE), 1, 0xffff_ff80));
    world.settle();
    super::world::changed(world.stop());
    assert_eq!(world.kernel.trees.len(), 1);
    assert_eq!(world.kernel.marks(PHONE), [0xffff_ff80]);
    assert!(world.ops.iter().all(|op| kind(op) != "save"));
}
