//! Starting, and starting again.

use lanemark::config::Config;
use lanemark::control::{State, Verb};
use lanemark::engine::{Answer, Engine, Input, Look, Op, Part, Put, Step};
use lanemark::value::{Class, IfIndex, Root, TcHandle};

use super::house::{self, ABLE, LAN, WAN, WORK, address, opened_by};
use super::wished::assert_as_wished;
use super::world::{World, kind};

/// The places of the kinds in a list, first and last.
fn span(kinds: &[&str], wanted: &str) -> (usize, usize) {
    let first = kinds.iter().position(|kind| *kind == wanted).unwrap();
    let last = kinds.iter().rposition(|kind| *kind == wanted).unwrap();
    (first, last)
}

fn premium() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

#[test]
fn a_fresh_start_builds_exactly_what_is_wished() {
    let world = &mut World::settled(&premium());
    assert_as_wished(world);
    assert_eq!(world.status().state, State::On);
    assert_eq!(world.engine.trouble_text(), None);
}

#[test]
fn queues_come_before_rules_and_the_table_before_the_sysctl() {
    let mut world = World::new(&premium());
    world.drive();
    let kinds = world.kinds();
    let (rules, _) = span(&kinds, "rules");
    assert!(
        span(&kinds, "leaf").1 < rules && span(&kinds, "class").1 < rules,
        "{kinds:?}"
    );
    assert!(rules < span(&kinds, "accounting").0, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "rules").count(), 1);
    assert!(
        !kinds.contains(&"elements"),
        "the rules came with their devices: {kinds:?}"
    );
}

#[test]
fn a_start_with_everything_in_place_only_looks_and_adopts() {
    let mut world = World::settled(&premium());
    let before = world.kernel.picture();
    world.restart();
    world.drive();
    assert_eq!(world.kinds(), ["adopt"]);
    assert_eq!(world.kernel.picture(), before);
    assert_as_wished(&world);
}

#[test]
fn a_start_after_a_kill_at_any_moment_ends_where_a_start_without_one_does() {
    let mut whole = World::new(&premium());
    whole.kernel.open(opened_by(address(WORK), 1, 0));
    whole.drive();
    let steps = whole.ops.len();
    whole.settle();
    let picture = whole.kernel.picture();
    for killed_after in 0..steps {
        let mut world = World::new(&premium());
        world.kernel.open(opened_by(address(WORK), 1, 0));
        world.drive_steps(killed_after);
        world.restart();
        world.settle();
        assert_eq!(
            world.kernel.picture(),
            picture,
            "killed after {killed_after} of {steps} steps"
        );
    }
}

#[test]
fn a_kill_during_a_change_of_class_loses_no_mark() {
    let config = premium();
    for killed_after in 0..8 {
        let mut world = World::settled(&house::config());
        world.kernel.open(opened_by(address(WORK), 1, 0));
        // The change is on flash, however far it got in the kernel.
        world.flash = Some(config.clone());
        world.ask(0, Verb::Set, Some("02:00:00:00:00:0a"), Some("premium"));
        world.drive_steps(killed_after);
        world.restart();
        world.drive();
        assert_eq!(
            world.kernel.marks(WORK),
            [10],
            "killed after {killed_after} steps"
        );
    }
}

#[test]
fn a_tree_that_an_older_version_left_is_brought_in_line() {
    let mut world = World::settled(&premium());
    let wished = world.kernel.picture();
    let root = world.kernel.tree(WAN);
    let Some(Root::Htb(htb)) = &mut root.shaper else {
        panic!("expected HTB");
    };
    htb.default_minor = 0x99;
    world.restart();
    world.drive();
    let kinds = world.kinds();
    assert_eq!(
        kinds[0], "delete root",
        "HTB does not change its default in place: {kinds:?}"
    );
    world.settle();
    assert_eq!(world.kernel.picture(), wished);
}

#[test]
fn after_a_wait_of_no_length_a_poll_does_no_harm() {
    let mut world = World::settled(&premium());
    world.drive();
    world.ops.clear();
    for _ in 0..5 {
        let Step::Wait(Some(_)) = world.engine.poll(world.now) else {
            panic!("nothing happened, and yet there is something to do");
        };
    }
    assert!(world.ops.is_empty());
}

#[test]
fn the_end_of_an_operation_that_nobody_began_is_ignored() {
    let mut world = World::settled(&premium());
    world.tell(Input::Done(Ok(())));
    world.drive();
    assert!(world.changes().is_empty());
}

#[test]
fn a_tree_is_made_from_the_top_down() {
    let mut world = World::new(&premium());
    world.drive();
    for dev in [WAN, LAN] {
        let mut made: Vec<TcHandle> = vec![TcHandle::NONE];
        for op in &world.ops {
            match op {
                Op::Root { dev: on, lanes, .. } if *on == dev => made.push(lanes.handle()),
                Op::Class {
                    dev: on,
                    class,
                    put,
                } if *on == dev => {
                    assert_eq!(*put, Put::New);
                    assert!(
                        made.contains(&class.parent),
                        "{} before {}",
                        class.handle,
                        class.parent
                    );
                    made.push(class.handle);
                }
                Op::Leaf {
                    dev: on,
                    class,
                    put,
                    ..
                } if *on == dev => {
                    assert!(made.contains(class) && *put == Put::New);
                }
                _ => {}
            }
        }
        assert_eq!(
            made.len(),
            1 + Part::ALL.len(),
            "nothing, the root, the line, the shares and the queues"
        );
    }
}

#[test]
fn before_the_first_change_everything_was_looked_at() {
    let mut world = World::new(&premium());
    world.drive();
    let first = world
        .ops
        .iter()
        .position(|op| !matches!(op, Op::Look(_)))
        .unwrap();
    let looks: Vec<&str> = world.ops[..first].iter().map(kind).collect();
    for look in [
        "links",
        "routes",
        "neighbours",
        "leases",
        "accounting",
        "rules",
        "qdiscs",
        "classes",
    ] {
        assert!(
            looks.contains(&format!("look at {look}").as_str()),
            "{look} is not among {looks:?}"
        );
    }
    let classes = |dev: IfIndex| world.ops[..first].contains(&Op::Look(Look::Classes(dev)));
    assert!(classes(WAN) && classes(LAN));
}

#[test]
fn an_engine_of_defaults_waits_for_ever() {
    let mut world = World::of(house::kernel(), &Config::default(), ABLE);
    assert_eq!(world.drive(), None);
    assert!(world.changes().is_empty());
    let Answer::Status(status) = world.answer(Verb::Status, None, None) else {
        panic!("no health")
    };
    assert_eq!(status.state, State::Off);
    assert!(status.reason.contains("wan.up_kbit"), "{}", status.reason);
    let engine = Engine::new(world.now, Box::default(), ABLE);
    assert_eq!(*engine.config(), Config::default());
}
