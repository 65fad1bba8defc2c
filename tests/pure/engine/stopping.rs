//! Stopping, off and on again: nothing of ours stays, and nothing else goes.

use lanemark::config::Config;
use lanemark::control::State;
use lanemark::engine::Input;
use lanemark::value::{Cause, Class, MarkLayout, TcHandle};

use super::house::{self, ABLE, OTHER, PHONE, TV, WORK, address, opened_by, opened_to};
use super::kernel::Root;
use super::wished::assert_as_wished;
use super::world::{World, changed, failure};

fn premium() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

#[test]
fn stop_takes_everything_out_and_ends() {
    let mut world = World::settled(&premium());
    let answer = changed(world.stop());
    assert!(world.ended);
    assert_eq!((answer.mac.as_str(), answer.remark.as_str()), ("", ""));
    assert!(!world.kernel.has_anything_of_ours());
    let kinds = world.kinds();
    assert_eq!(
        kinds,
        ["accounting", "delete rules", "delete root", "delete root"],
        "the reverse of coming"
    );
}

#[test]
fn stop_leaves_the_sysctl_as_it_was_before_the_first_start() {
    for before in [Some(false), Some(true), None] {
        let mut kernel = house::kernel();
        kernel.acct = before;
        let mut world = World::of(kernel, &premium(), ABLE);
        world.drive();
        assert_eq!(world.kernel.acct, before.map(|_| true));
        // What the first run found is in the table, not in the process.
        world.restart();
        world.drive();
        changed(world.stop());
        assert_eq!(world.kernel.acct, before, "it was {before:?}");
    }
}

#[test]
fn stop_goes_on_after_a_refusal_and_tells_of_it() {
    for refused in ["accounting", "delete rules", "delete root"] {
        let mut world = World::settled(&premium());
        world.refuse(refused, Cause::Other);
        let failure = failure(world.stop());
        assert!(
            failure.message.contains("not all could be removed"),
            "{failure}"
        );
        assert!(failure.message.contains("the test says no"), "{failure}");
        assert_eq!(
            world.kinds().len(),
            4,
            "each is tried once, whatever becomes of the others"
        );
        assert!(world.ended);
    }
}

#[test]
fn what_a_living_owner_guards_is_left_with_everything_else() {
    let mut world = World::settled(&premium());
    // As `lanemark stop` does that finds no daemon at its socket, while there is one at another.
    world.restart();
    world.refuse_all("delete rules", Cause::Denied);
    let failure = failure(world.stop());
    assert!(failure.message.contains("to remove the rules"), "{failure}");
    assert_eq!(world.kinds(), ["delete rules"], "and nothing besides");
    assert!(world.kernel.has_anything_of_ours() && world.ended);
}

#[test]
fn stop_tells_of_every_list_that_it_could_not_see() {
    for refused in ["look at rules", "look at qdiscs", "look at links"] {
        let mut world = World::new(&premium());
        world.drive();
        world.restart();
        world.refuse_all(refused, Cause::Other);
        let failure = failure(world.stop());
        assert!(
            failure.message.contains("a list of what is there"),
            "{failure}"
        );
        assert!(world.ended, "{refused}");
        // What was seen is removed all the same.
        assert_eq!(world.kernel.table.is_some(), refused == "look at rules");
        assert_eq!(world.kernel.trees.is_empty(), refused != "look at qdiscs");
    }
}

#[test]
fn what_is_gone_already_is_no_failure_of_stop() {
    let mut world = World::settled(&premium());
    for refused in ["delete rules", "delete root"] {
        world.refuse(refused, Cause::Gone);
    }
    changed(world.stop());
}

#[test]
fn a_second_stop_tries_again_what_the_first_could_not_remove() {
    let mut world = World::settled(&premium());
    world.refuse("delete rules", Cause::Busy);
    failure(world.stop());
    assert!(world.kernel.table.is_some());
    changed(world.stop());
    assert!(!world.kernel.has_anything_of_ours());
}

#[test]
fn stop_clears_our_bits_of_every_flow_and_no_other() {
    let mut world = World::settled(&premium());
    let foreign = 0xdead_be80;
    for (port, mark) in [
        (1, foreign | 10),
        (2, foreign | 40),
        (3, foreign),
        (4, foreign | 0x35),
        (5, 100),
    ] {
        let device = if port == 2 { TV } else { WORK };
        world
            .kernel
            .flows
            .push(opened_by(address(device), port, mark));
    }
    // Of a device that nobody knows.
    world
        .kernel
        .flows
        .push(opened_by([10, 9, 9, 9].into(), 6, foreign | 20));
    changed(world.stop());
    let marks: Vec<u32> = world.kernel.flows.iter().map(|flow| flow.mark).collect();
    assert_eq!(
        marks,
        [foreign, foreign, foreign, foreign | 0x35, 0, foreign]
    );
}

#[test]
fn an_engine_that_only_leaves_clears_what_a_dead_one_left() {
    let mut world = World::settled(&premium());
    world.kernel.flows.push(opened_by(address(WORK), 1, 10));
    world.restart();
    world.engine.leave();
    world.drive();
    assert!(world.ended && world.answers.is_empty());
    assert!(!world.kernel.has_anything_of_ours());
    assert_eq!(
        (world.kernel.acct, world.kernel.marks(WORK)),
        (Some(false), vec![0])
    );
}

#[test]
fn leaving_when_nothing_is_there_changes_nothing() {
    let mut world = World::new(&house::off(&house::config()));
    world.engine.leave();
    world.drive();
    assert!(world.ended);
    assert!(world.changes().is_empty());
}

#[test]
fn off_takes_everything_out_and_on_brings_it_back() {
    let mut world = World::settled(&premium());
    world.kernel.open(opened_by(address(WORK), 1, 0x100));
    let on = world.kernel.picture();
    changed(world.apply(&house::off(&premium())));
    assert!(!world.kernel.has_anything_of_ours());
    assert_eq!(
        (world.kernel.acct, world.kernel.marks(WORK)),
        (Some(false), vec![0x100])
    );
    assert_eq!(world.status().state, State::Off);
    assert!(!world.ended);
    changed(world.apply(&premium()));
    world.settle();
    assert_eq!(world.kernel.picture(), on);
    assert_as_wished(&world);
}

#[test]
fn a_sysctl_that_the_user_changed_while_we_were_off_is_what_stop_restores() {
    let mut world = World::settled(&premium());
    changed(world.apply(&house::off(&premium())));
    world.kernel.acct = Some(true);
    changed(world.apply(&premium()));
    changed(world.stop());
    assert_eq!(world.kernel.acct, Some(true));
}

#[test]
fn on_after_an_off_that_could_not_clear_the_flows_leaves_no_classed_flow_unmarked() {
    let mut world = World::settled(&premium());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.refuse("look at flows", Cause::Busy);
    changed(world.apply(&house::off(&premium())));
    changed(world.apply(&premium()));
    world.pass(20_000);
    assert_eq!(world.kernel.marks(WORK), [10]);
}

#[test]
fn off_and_another_mask_at_once_still_clears_the_old_bits() {
    let mut world = World::settled(&premium());
    world.kernel.open(opened_by(address(WORK), 1, 0x8000_0000));
    let mut moved = house::off(&premium());
    moved.mark = MarkLayout::new(0x7f00, 8).unwrap();
    changed(world.apply(&moved));
    assert_eq!(world.kernel.marks(WORK), [0x8000_0000]);
}

#[test]
fn an_off_that_was_refused_is_tried_again() {
    let mut world = World::settled(&premium());
    world.refuse("delete rules", Cause::Busy);
    let answer = changed(world.apply(&house::off(&premium())));
    assert!(
        answer.remark.contains("the test says no"),
        "{}",
        answer.remark
    );
    assert!(world.status().reason.contains("the test says no"));
    world.pass(10_000);
    assert!(!world.kernel.has_anything_of_ours());
    assert_eq!(world.drive(), None, "and now it waits for ever");
}

#[test]
fn a_start_that_is_off_removes_what_a_dead_engine_left() {
    let mut world = World::settled(&premium());
    world.flash = Some(house::off(&premium()));
    world.restart();
    world.drive();
    assert!(!world.kernel.has_anything_of_ours());
    assert_eq!(world.kernel.acct, Some(false));
}

#[test]
fn a_start_that_is_off_leaves_others_alone() {
    let mut world = World::new(&house::off(&premium()));
    world
        .kernel
        .trees
        .insert(OTHER, Root::foreign(TcHandle::new(0x8001, 0)));
    world.kernel.flows.push(opened_by(address(WORK), 1, 10));
    world.drive();
    assert!(world.changes().is_empty());
    assert_eq!(
        world.kernel.marks(WORK),
        [10],
        "a mark of somebody else's QoS"
    );
}

#[test]
fn marks_are_cleared_although_another_program_took_the_rules_away_first() {
    for stop in [false, true] {
        let mut world = World::settled(&premium());
        world.kernel.open(opened_by(address(WORK), 1, 0x80));
        world.kernel.table = None;
        world.tell(Input::RulesTouched);
        changed(if stop {
            world.stop()
        } else {
            world.apply(&house::off(&premium()))
        });
        assert_eq!(world.kernel.marks(WORK), [0x80]);
        assert_eq!(world.kernel.acct, Some(false));
        assert!(world.count("look at flows") <= 2);
    }
}

#[test]
fn a_flow_from_outside_is_cleared_too() {
    let mut world = World::settled(&house::config_with(&[(PHONE, "", Some(Class::Bulk))]));
    world.kernel.open(opened_to(address(PHONE), 1, 0));
    assert_eq!(world.kernel.marks(PHONE), [40]);
    changed(world.stop());
    assert_eq!(world.kernel.marks(PHONE), [0]);
}
