//! Devices with a cap: their queues, their flows, and what becomes of both when caps come, go and move.

use lanemark::config::Config;
use lanemark::engine::{Abilities, Op, slot_of};
use lanemark::value::{Class, Kbit, LeafKind, MarkLayout, ShaperKind, TcHandle, TcStats};

use super::house::{self, ABLE, LAN, PHONE, TV, WAN, WORK, address, opened_by};
use super::wished::assert_as_wished;
use super::world::{World, changed};

/// Workstation and television with caps, the phone without.
fn base() -> Config {
    let mut config = house::config_with(&[
        (WORK, "work", Some(Class::Premium)),
        (PHONE, "phone", Some(Class::Bulk)),
        (TV, "tv", Some(Class::Premium)),
    ]);
    config.devices[0].up_max = Some(Kbit(300));
    config.devices[2].down_max = Some(Kbit(2_000));
    config
}

fn class(world: &World, dev: lanemark::value::IfIndex, minor: u16) -> (TcHandle, Kbit, Kbit) {
    let root = &world.kernel.trees[&dev];
    let (class, _) = root.classes[&TcHandle::new(root.handle.major(), minor)];
    (class.parent, class.rate, class.ceil)
}

#[test]
fn a_capped_device_has_a_queue_of_its_own_in_the_share_of_its_lane() {
    let world = World::settled(&base());
    let share = TcHandle::new(0x4c4d, 0x11);
    // Premium has 75 % of 1,000 kbit/s: a third each for the lane's own queue and the two devices.
    assert_eq!(class(&world, WAN, 0x10).1, Kbit(250));
    assert_eq!(class(&world, WAN, 0x1010), (share, Kbit(250), Kbit(300)));
    assert_eq!(class(&world, WAN, 0x1020), (share, Kbit(250), Kbit(1_000)));
    assert_eq!(
        class(&world, LAN, 0x1010),
        (share, Kbit(2_000), Kbit(8_000))
    );
    assert_eq!(
        class(&world, LAN, 0x1020),
        (share, Kbit(2_000), Kbit(2_000))
    );
    assert_as_wished(&world);
}

#[test]
fn no_bit_of_a_slot_is_touched_while_nobody_has_a_cap() {
    let mut config = base();
    config.devices.iter_mut().for_each(|device| {
        device.up_max = None;
        device.down_max = None;
    });
    let mut world = World::settled(&config);
    world.kernel.open(opened_by(address(WORK), 1, 0x500));
    world.set("work", "bulk");
    assert_eq!(world.kernel.marks(WORK), [0x500 | 40]);
    assert!(world.kernel.table.as_ref().unwrap().ruleset.caps.is_none());
}

#[test]
fn live_flows_get_and_lose_their_slots_with_the_caps_and_no_other_bit() {
    let mut without = base();
    without.devices[0].up_max = None;
    without.devices[2].down_max = None;
    let mut world = World::settled(&without);
    let upper = 0xabcd_8000;
    for (port, device) in [(1, WORK), (2, TV), (3, PHONE)] {
        world.kernel.open(opened_by(address(device), port, upper));
    }
    let marks = |world: &World| [WORK, TV, PHONE].map(|device| world.kernel.marks(device)[0]);
    assert_eq!(marks(&world), [upper | 10, upper | 10, upper | 40]);
    changed(world.apply(&base()));
    assert_eq!(marks(&world), [upper | 0x10a, upper | 0x20a, upper | 40]);
    // The second becomes the first.
    let mut one = base();
    one.devices[0].up_max = None;
    changed(world.apply(&one));
    assert_eq!(marks(&world), [upper | 10, upper | 0x10a, upper | 40]);
    assert_as_wished(&world);
    // Elsewhere in the mark.
    one.cap_mark = MarkLayout::new(0x7f_0000, 16).unwrap();
    let clean = 0xab00_8000;
    for flow in &mut world.kernel.flows {
        flow.mark &= !0x7f_0000;
    }
    changed(world.apply(&one));
    let expected = [
        clean | 0x80_0000 | 10,
        clean | 0x81_000a,
        clean | 0x80_0000 | 40,
    ];
    assert_eq!(marks(&world), expected);
    changed(world.apply(&without));
    let expected = expected.map(|mark| mark & !0x7f_0000);
    assert_eq!(marks(&world), expected);
    assert_as_wished(&world);
}

#[test]
fn set_moves_the_queue_into_the_other_lane_and_keeps_the_cap() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    for name in ["bulk", "standard", "exempt", "premium"] {
        world.set("work", name);
        let wished = Class::parse(name).unwrap();
        assert_eq!(world.kernel.marks(WORK), [0x100 | wished.mark()]);
        assert_eq!(class(&world, WAN, 0x1010).2, Kbit(300), "{name}");
        assert_eq!(world.engine.config().devices[0].up_max, Some(Kbit(300)));
        assert_as_wished(&world);
    }
    assert_eq!(
        world
            .kinds()
            .iter()
            .filter(|kind| **kind == "rules")
            .count(),
        0
    );
}

#[test]
fn an_exempt_capped_device_waits_beside_the_line() {
    let mut world = World::settled(&base());
    world.set("work", "exempt");
    let root = TcHandle::new(0x4c4d, 0);
    assert_eq!(class(&world, WAN, 0x1010), (root, Kbit(300), Kbit(300)));
}

#[test]
fn unset_leaves_a_device_that_only_has_a_cap() {
    let mut config = base();
    config.devices[0].name.clear();
    let mut world = World::settled(&config);
    changed(world.answer(
        lanemark::control::Verb::Unset,
        Some("02:00:00:00:00:0a"),
        None,
    ));
    assert_eq!(world.engine.config().devices[0].up_max, Some(Kbit(300)));
    assert_eq!(class(&world, WAN, 0x1010).0, TcHandle::new(0x4c4d, 0x31));
}

#[test]
fn a_restart_changes_nothing_and_a_stop_leaves_no_bit() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0xabcd_8000));
    let before = world.kernel.picture();
    world.restart();
    world.drive();
    assert_eq!(world.kinds(), ["adopt"]);
    assert_eq!(world.kernel.picture(), before);
    world.stop();
    assert_eq!(world.kernel.marks(WORK), [0xabcd_8000]);
    assert!(!world.kernel.has_anything_of_ours());
}

#[test]
fn caps_that_go_while_the_daemon_is_dead_are_cleared_by_the_next() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.kernel.open(opened_by(address(PHONE), 2, 0));
    let mut without = base();
    without.devices[0].up_max = None;
    without.devices[2].down_max = None;
    world.flash = Some(without);
    world.restart();
    world.settle();
    assert_eq!(world.kernel.marks(WORK), [10]);
    assert_as_wished(&world);
}

#[test]
fn a_lanes_counters_are_those_of_all_queues_in_it() {
    let mut world = World::settled(&base());
    for (minor, bytes) in [(0x10, 1_000), (0x1010, 200), (0x1020, 30), (0x20, 4)] {
        let root = world.kernel.trees.get_mut(&WAN).unwrap();
        let handle = TcHandle::new(0x4c4d, minor);
        root.classes.get_mut(&handle).unwrap().1 = TcStats {
            bytes,
            packets: 1,
            ..TcStats::default()
        };
    }
    let status = world.status();
    let up = |place: usize| {
        (
            status.classes[place].up.bytes,
            status.classes[place].up.packets,
        )
    };
    assert_eq!((up(1), up(2)), ((1_230, 3), (4, 1)));
}

#[test]
fn auto_takes_no_cake_for_caps_and_says_what_is_missing() {
    for (shapers, taken) in [
        ([false, true, true], Some(ShaperKind::Hfsc)),
        ([false, false, true], None),
    ] {
        let mut world = World::of(house::kernel(), &base(), Abilities { shapers, ..ABLE });
        world.drive();
        let root = world.kernel.trees.get(&WAN).and_then(|root| root.shaper);
        assert_eq!(root.map(|root| root.kind()), taken);
        let trouble = world.engine.trouble_text();
        assert_eq!(trouble.is_some(), taken.is_none());
        if let Some(words) = trouble {
            assert!(words.contains("htb"), "{words}");
        }
    }
}

#[test]
fn hfsc_has_the_cap_as_a_limit_of_the_queue_itself() {
    let mut config = base();
    config.scheduler = Some(ShaperKind::Hfsc);
    config.leaf = Some(LeafKind::FqCodel);
    let world = World::settled(&config);
    assert_eq!(class(&world, WAN, 0x1010).2, Kbit(300));
    assert_eq!(class(&world, WAN, 0x10).2, Kbit(0), "no limit of its own");
    assert_as_wished(&world);
}

#[test]
fn the_names_of_slots_are_read_back_and_no_others() {
    for (minor, slot) in [
        (0x1010, Some(1)),
        (0x1400, Some(64)),
        (0x1000, None),
        (0x1410, None),
        (0x1011, None),
        (0x2010, None),
        (0x10, None),
    ] {
        assert_eq!(slot_of(minor), slot, "{minor:x}");
    }
}

#[test]
fn a_cap_that_goes_takes_its_queue_with_it_once_no_rule_names_it() {
    let mut world = World::settled(&base());
    let mut one = base();
    one.devices[2].down_max = None;
    changed(world.apply(&one));
    let ops = world.changes();
    let place = |wanted: &dyn Fn(&Op) -> bool| ops.iter().position(wanted).unwrap();
    let rules = place(&|op| matches!(op, Op::Rules { .. }));
    let delete = place(&|op| matches!(op, Op::DeleteClass { .. }));
    assert!(rules < delete, "{ops:?}");
    assert_as_wished(&world);
}
