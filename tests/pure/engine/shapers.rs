//! The scheduler and the leaf: which is taken, and how one takes the place of another.

use lanemark::config::Config;
use lanemark::control::Fault;
use lanemark::engine::{Abilities, Op, Put, root_handle};
use lanemark::value::{Class, Kbit, LeafKind, LowerMss, ShaperKind, TcStats};

use super::house::{self, ABLE, LAN, TV, WAN, WORK};
use super::wished::assert_as_wished;
use super::world::{World, changed, failure};

/// Segments are left alone, so that a rate is about queues and nothing else.
fn base() -> Config {
    let mut config = house::config_with(&[
        (WORK, "work", Some(Class::Premium)),
        (TV, "", Some(Class::Bulk)),
    ]);
    config.wan.mss.lower = LowerMss::Off;
    config
}

fn with(scheduler: ShaperKind) -> Config {
    Config {
        scheduler: Some(scheduler),
        ..base()
    }
}

#[test]
fn auto_takes_the_first_that_the_kernel_has() {
    for (shapers, taken) in [
        ([true, true, true], ShaperKind::Htb),
        ([false, true, true], ShaperKind::Hfsc),
        ([false, false, true], ShaperKind::Cake),
    ] {
        let mut world = World::of(house::kernel(), &base(), Abilities { shapers, ..ABLE });
        world.drive();
        assert_eq!(world.kernel.trees[&WAN].handle, root_handle(taken));
        assert_eq!(world.engine.trouble_text(), None);
    }
}

#[test]
fn another_scheduler_takes_the_place_in_one_step_and_then_the_rules_name_its_classes() {
    for from in ShaperKind::ALL {
        for to in ShaperKind::ALL {
            let mut world = World::settled(&with(from));
            changed(world.apply(&with(to)));
            let ops = world.changes();
            let roots: Vec<_> = ops
                .iter()
                .filter_map(|op| match op {
                    Op::Root { dev, lanes, put } => Some((*dev, lanes.shaper, *put)),
                    _ => None,
                })
                .collect();
            if from == to {
                assert!(ops.is_empty(), "{ops:?}");
                continue;
            }
            assert_eq!(roots, [(WAN, to, Put::Instead), (LAN, to, Put::Instead)]);
            assert!(!ops.iter().any(|op| matches!(op, Op::DeleteRoot { .. })));
            assert!(matches!(ops.last(), Some(Op::Rules { instead: true, .. })));
            // Nothing drains: the line is used whole at once.
            assert_as_wished(&world);
            world.restart();
            world.drive();
            assert_eq!(world.kinds(), ["adopt"], "what is there is taken over");
        }
    }
}

#[test]
fn hfsc_and_cake_change_in_place() {
    for scheduler in [ShaperKind::Hfsc, ShaperKind::Cake] {
        let mut world = World::settled(&with(scheduler));
        let mut config = with(scheduler);
        config.wan.up = Some(Kbit(2_000));
        config.wan.overhead = Some(40);
        changed(world.apply(&config));
        for op in world.changes() {
            assert!(
                matches!(
                    op,
                    Op::Root {
                        put: Put::Change,
                        ..
                    } | Op::Class {
                        put: Put::Change,
                        ..
                    } | Op::Leaf {
                        put: Put::Change,
                        ..
                    }
                ),
                "{op:?}"
            );
        }
        assert_as_wished(&world);
    }
}

#[test]
fn hfsc_is_never_without_the_class_of_packets_that_name_none() {
    let mut world = World::new(&with(ShaperKind::Hfsc));
    world.drive();
    for op in &world.ops {
        if let Op::Root { lanes, .. } = op {
            let lanemark::value::Root::Hfsc(root) = lanes.root() else {
                panic!("{op:?}");
            };
            let last = lanes.first().last().map(|part| part.minor());
            assert_eq!(last, Some(root.default_minor));
        }
    }
}

#[test]
fn a_scheduler_or_leaf_that_the_kernel_lacks_is_refused_and_nothing_is_touched() {
    let able = Abilities {
        shapers: [true, false, false],
        leaves: [false, true, true, true, true, true, true],
        ..ABLE
    };
    let mut world = World::of(house::kernel(), &base(), able);
    world.settle();
    let wished = Config {
        leaf: Some(LeafKind::FqCodel),
        ..base()
    };
    for (config, option) in [
        (with(ShaperKind::Hfsc), "CONFIG_NET_SCH_HFSC (sch_hfsc)"),
        (with(ShaperKind::Cake), "CONFIG_NET_SCH_CAKE (sch_cake)"),
        (wished, "CONFIG_NET_SCH_FQ_CODEL (sch_fq_codel)"),
    ] {
        let refused = failure(world.apply(&config));
        assert_eq!(refused.fault, Fault::Refused);
        assert!(refused.message.contains(option), "{refused:?}");
        assert!(world.changes().is_empty());
        assert_eq!(world.engine.config(), &base());
    }
}

#[test]
fn a_leaf_of_another_kind_gets_another_name_and_the_classes_stay() {
    let mut world = World::settled(&base());
    for leaf in [LeafKind::Sfq, LeafKind::Cake, LeafKind::FqCodel] {
        changed(world.apply(&Config {
            leaf: Some(leaf),
            ..base()
        }));
        assert_eq!(world.kinds(), ["leaf"; 12], "six on each device");
        assert_as_wished(&world);
    }
}

#[test]
fn cakes_tins_are_told_as_the_lanes_that_they_carry() {
    let mut world = World::settled(&with(ShaperKind::Cake));
    let tins = [(0, 400), (1, 300), (2, 200), (3, 100)];
    for (tin, bytes) in tins {
        world.kernel.tree_of(WAN, ShaperKind::Cake).tins[tin] = TcStats {
            bytes,
            backlog_bytes: 7,
            ..TcStats::default()
        };
    }
    let status = world.status();
    for lane in &status.classes {
        let expected = match lane.class.as_str() {
            "premium" => (100, 7),
            "express" => (200, 7),
            "standard" => (300, 7),
            "bulk" => (400, 7),
            _ => (0, 0),
        };
        assert_eq!((lane.up.bytes, lane.up.backlog_bytes), expected);
        assert_eq!(lane.up.guarantee_kbit, 0, "CAKE has shares of its own");
    }
    assert_eq!(status.up.leaf, "cake");
}
