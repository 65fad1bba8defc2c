//! The configuration changes: what is changed in place, and what is moved with it.

use lanemark::config::{Config, Lan, Shares};
use lanemark::control::Fault;
use lanemark::engine::limits::{DRAIN, DRAIN_DOWN_PERCENT, DRAIN_UP_PERCENT};
use lanemark::engine::{Input, Op, Put};
use lanemark::value::{Class, Kbit, LowerMss, MarkLayout};

use super::house::{self, LAN, LINE, PHONE, ROOT, TV, WAN, WORK, address, name, opened_by};
use super::wished::assert_as_wished;
use super::world::{World, changed, failure, kind};

/// Segments are left alone, so that a rate is about classes and nothing else.
fn base() -> Config {
    let mut config = house::config_with(&[
        (WORK, "work", Some(Class::Premium)),
        (TV, "", Some(Class::Bulk)),
    ]);
    config.wan.mss.lower = LowerMss::Off;
    config
}

#[test]
fn other_rates_change_classes_in_place_and_nothing_else() {
    let mut world = World::settled(&base());
    let mut faster = base();
    faster.wan.up = Some(Kbit(20_000));
    faster.wan.down = Some(Kbit(100_000));
    changed(world.apply(&faster));
    for op in world.changes() {
        let in_place = matches!(
            op,
            Op::Class {
                put: Put::Change,
                ..
            } | Op::Leaf {
                put: Put::Change,
                ..
            }
        );
        assert!(in_place, "{op:?}");
    }
    assert_as_wished(&world);
}

#[test]
fn a_rate_of_one_direction_leaves_the_other_direction_alone() {
    let mut world = World::settled(&base());
    let mut faster = base();
    faster.wan.up = Some(Kbit(2_000));
    changed(world.apply(&faster));
    for op in world.changes() {
        assert!(
            matches!(op, Op::Class { dev: WAN, .. } | Op::Leaf { dev: WAN, .. }),
            "{op:?}"
        );
    }
    assert_as_wished(&world);
}

#[test]
fn the_rules_follow_the_rate_where_segments_do_and_nowhere_else() {
    let mut config = base();
    config.wan.mss.lower = LowerMss::Auto;
    let mut world = World::settled(&config);
    for (up, expected) in [(2_000, Some(1_184)), (2_442, None), (20_000, None)] {
        let before = world.kernel.table.as_ref().unwrap().ruleset.mss.up;
        config.wan.up = Some(Kbit(up));
        changed(world.apply(&config));
        let found = world.kernel.table.as_ref().unwrap().ruleset.mss.up;
        assert_eq!(found, expected, "{up} kbit/s");
        let rules = world
            .changes()
            .into_iter()
            .filter(|op| matches!(op, Op::Rules { .. }));
        assert_eq!(rules.count(), usize::from(before != found), "{up} kbit/s");
        assert_as_wished(&world);
    }
}

#[test]
fn other_shares_change_only_the_classes_that_they_are_about() {
    let mut world = World::settled(&base());
    let mut config = base();
    config.shares.up = Shares {
        premium: 60,
        express: 30,
        standard: 9,
        bulk: 1,
    };
    changed(world.apply(&config));
    assert_eq!(
        world.kinds(),
        ["class"; 4],
        "two shares, and a queue in each"
    );
    assert_as_wished(&world);
    config.shares.down = config.shares.up;
    changed(world.apply(&config));
    assert_eq!(world.kinds(), ["class"; 4], "the same on the other device");
    assert_as_wished(&world);
}

#[test]
fn a_ceiling_changes_the_classes_of_its_lane_and_no_other() {
    let mut world = World::settled(&base());
    let mut config = base();
    config.ceilings.down.bulk = 50;
    changed(world.apply(&config));
    let names: Vec<_> = world
        .changes()
        .iter()
        .map(|op| match op {
            Op::Class {
                dev,
                class,
                put: Put::Change,
            } => (*dev, class.handle.to_string(), class.ceil),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = ["4c4d:41", "4c4d:40"].map(|name| (LAN, name.to_owned(), Kbit(4_000)));
    assert_eq!(names, expected);
    assert_as_wished(&world);
}

#[test]
fn lanes_that_an_older_program_had_right_below_the_line_move_into_their_shares() {
    let mut world = World::settled(&base());
    for dev in [WAN, LAN] {
        let tree = world.kernel.tree(dev);
        tree.classes.retain(|handle, _| {
            !["4c4d:11", "4c4d:21", "4c4d:31", "4c4d:41"].contains(&&*handle.to_string())
        });
        for (class, _) in tree.classes.values_mut() {
            if ![ROOT, LINE].contains(&class.parent) {
                class.parent = LINE;
            }
        }
    }
    world.restart();
    world.drive();
    assert_as_wished(&world);
    let kinds = world.kinds();
    let count = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!(count("root"), 0, "{kinds:?}");
    assert_eq!(count("delete class"), 2 * 5, "{kinds:?}");
}

#[test]
fn a_larger_packet_of_a_device_changes_its_classes_in_place() {
    let mut world = World::settled(&base());
    world.kernel.links[0].mtu = 1492;
    world.tell(Input::Link(world.kernel.links[0]));
    world.drive();
    assert!(world.changes().iter().all(|op| matches!(
        op,
        Op::Class {
            put: Put::Change,
            ..
        } | Op::Leaf {
            put: Put::Change,
            ..
        }
    )));
    assert_as_wished(&world);
}

#[test]
fn another_default_class_makes_new_rules_and_marks_nothing() {
    let mut world = World::settled(&base());
    for (port, device) in [(1, WORK), (2, TV), (3, PHONE)] {
        world.kernel.open(opened_by(address(device), port, 0));
    }
    let mut config = base();
    config.default_class = Class::Bulk;
    changed(world.apply(&config));
    let ops = world.changes();
    assert!(
        matches!(ops[..], [Op::Rules { instead: true, .. }]),
        "{ops:?}"
    );
    assert_eq!(
        [WORK, TV, PHONE].map(|device| world.kernel.marks(device)[0]),
        [10, 40, 0]
    );
    assert_as_wished(&world);
}

#[test]
fn another_mask_moves_the_bits_of_live_flows() {
    let upper = 0xffff_0000;
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, upper));
    world
        .kernel
        .open(opened_by(address(PHONE), 2, upper | 0x33));
    // Of a device that nobody knows; its next packet is looked up anew.
    world
        .kernel
        .flows
        .push(opened_by([10, 9, 9, 9].into(), 3, upper | 20));
    let mut moved = base();
    moved.mark = MarkLayout::new(0x7f00, 8).unwrap();
    changed(world.apply(&moved));
    assert_eq!(
        (world.kernel.marks(WORK), world.kernel.marks(PHONE)),
        (vec![upper | 0x0a00], vec![upper | 0x33])
    );
    assert_eq!(world.kernel.flows[2].mark, upper);
    changed(world.apply(&base()));
    assert_eq!(world.kernel.marks(WORK), [upper | 10]);
    assert_as_wished(&world);
}

#[test]
fn masks_that_overlap_do_not_confuse_the_classes() {
    let mut world = World::settled(&house::config_with(&[
        (WORK, "", Some(Class::Premium)),
        (TV, "", Some(Class::Express)),
    ]));
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.kernel.open(opened_by(address(TV), 2, 0));
    // Express' mark of the one is Premium's of the other.
    let mut moved = world.engine.config().clone();
    moved.mark = MarkLayout::new(0xff, 1).unwrap();
    changed(world.apply(&moved));
    assert_eq!(
        (world.kernel.marks(WORK), world.kernel.marks(TV)),
        (vec![20], vec![40])
    );
}

#[test]
fn a_mask_that_moves_while_lanemark_is_off_touches_no_flow_later() {
    let mut world = World::settled(&house::off(&base()));
    // Another program's, where our class stood by default.
    world.kernel.flows.push(opened_by(address(PHONE), 1, 10));
    let mut moved = base();
    moved.mark = MarkLayout::new(0x7f00, 8).unwrap();
    changed(world.apply(&house::off(&moved)));
    changed(world.apply(&moved));
    assert_eq!(world.kernel.marks(PHONE), [10]);
}

#[test]
fn a_configuration_that_names_a_missing_interface_is_refused_and_nothing_changes() {
    let mut wan = base();
    wan.wan.interface = Some(name("ppp0"));
    let mut lan = base();
    lan.lan = Lan::Interfaces([name("br-guest")].into_iter().collect());
    let mut several = base();
    several.lan = Lan::Interfaces([name("br-lan"), name("eth0")].into_iter().collect());
    let mut same = base();
    same.lan = Lan::Interfaces([name("eth0")].into_iter().collect());
    for (config, told) in [
        (
            wan,
            "wan.interface: expected an interface of this router, found ppp0",
        ),
        (
            lan,
            "lan: expected an interface of this router, found br-guest",
        ),
        (
            several,
            "lan: expected another interface than the WAN's, found eth0",
        ),
        (
            same,
            "lan: expected another interface than the WAN's, found eth0",
        ),
    ] {
        let mut world = World::settled(&base());
        let before = world.kernel.picture();
        let failure = failure(world.apply(&config));
        assert_eq!(failure.fault, Fault::Input);
        assert!(failure.message.contains(told), "{failure}");
        assert_eq!(world.kernel.picture(), before);
        assert!(world.changes().is_empty() && world.writes.is_empty());
        assert_eq!(*world.engine.config(), base());
        changed(world.apply(&house::off(&config)));
    }
}

#[test]
fn an_equal_configuration_changes_nothing_and_wears_no_flash() {
    let mut world = World::settled(&base());
    let before = world.kernel.picture();
    assert!(changed(world.apply(&base())).saved);
    assert_eq!(world.kernel.picture(), before);
    assert!(world.changes().is_empty() && world.writes.is_empty());
}

#[test]
fn devices_that_a_configuration_no_longer_names_lose_their_class_and_their_marks() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0x80));
    world.kernel.open(opened_by(address(TV), 2, 0));
    let mut config = house::config_with(&[(TV, "telly", Some(Class::Express))]);
    config.wan.mss.lower = LowerMss::Off;
    changed(world.apply(&config));
    assert_eq!(
        (world.kernel.marks(WORK), world.kernel.marks(TV)),
        (vec![0x80], vec![20])
    );
    assert_eq!(world.kinds(), ["elements"]);
    assert_as_wished(&world);
}

#[test]
fn a_configuration_that_changed_on_flash_counts_at_once() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    let mut config = house::config_with(&[(WORK, "", Some(Class::Bulk))]);
    config.mark = MarkLayout::new(0x7f00, 8).unwrap();
    world.tell(Input::Reload(Box::new(config)));
    world.drive();
    assert_eq!(world.kernel.marks(WORK), [0x2800]);
    assert!(world.writes.is_empty(), "it came from there");
    assert_as_wished(&world);
}

#[test]
fn a_reload_overtakes_what_was_not_stored_yet() {
    let mut world = World::settled(&base());
    world.set("work", "bulk");
    world.set("work", "express");
    assert!(world.engine.save_due());
    world.tell(Input::Reload(Box::new(base())));
    world.pass(120_000);
    assert_eq!(world.writes.len(), 1, "the first of both sets");
    assert_eq!(*world.engine.config(), base());
}

#[test]
fn new_queues_leave_room_for_what_stands_in_the_modem_and_then_use_the_whole_line() {
    let mut world = World::new(&base());
    world.drive();
    let ceil = |world: &mut World, dev| world.kernel.tree(dev).classes[&LINE].0.ceil;
    assert_eq!(ceil(&mut world, WAN), Kbit(1_000).percent(DRAIN_UP_PERCENT));
    assert_eq!(
        ceil(&mut world, LAN),
        Kbit(8_000).percent(DRAIN_DOWN_PERCENT)
    );
    world.ops.clear();
    let almost = u64::try_from(DRAIN.as_millis()).unwrap() - 1;
    world.pass(almost);
    assert!(world.changes().is_empty());
    world.pass(1);
    let ops = world.changes();
    assert!(
        !ops.is_empty() && ops.iter().all(|op| kind(op) == "class"),
        "{ops:?}"
    );
    assert_as_wished(&world);
}

#[test]
fn queues_that_are_adopted_or_changed_are_not_slowed() {
    let mut world = World::settled(&base());
    world.restart();
    world.drive();
    assert_as_wished(&world);
    let mut faster = base();
    faster.wan.up = Some(Kbit(5_000));
    changed(world.apply(&faster));
    assert_as_wished(&world);
}

#[test]
fn a_start_in_the_middle_of_the_slow_seconds_uses_the_whole_line_at_once() {
    let mut world = World::new(&base());
    world.drive();
    world.restart();
    world.drive();
    assert_as_wished(&world);
}

#[test]
fn a_kernel_that_keeps_no_smallest_packet_is_told_of_it_once() {
    let mut config = base();
    config.wan.mpu = Some(64);
    let mut world = World::new(&config);
    world.meanwhile = Some(Box::new(|_, kernel| {
        for root in kernel.trees.values_mut() {
            for (class, _) in root.classes.values_mut() {
                class.framing.mpu_bytes = 0;
            }
        }
    }));
    world.settle();
    world.pass(60_000);
    assert!(world.changes().is_empty(), "again and again");
    config.wan.mpu = Some(84);
    changed(world.apply(&config));
    let kinds = world.kinds();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| *kind == "class"));
}
