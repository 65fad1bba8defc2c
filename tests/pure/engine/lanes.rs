//! What holds of the queues at any rate: the rules behind the numbers, not the numbers.

use lanemark::config::{RATE_MAX, RATE_MIN, Shares};
use lanemark::control::Direction;
use lanemark::engine::{Lanes, Line, MAJOR, Part, Queue, class_minor, root_handle};
use lanemark::value::{
    Class, Framing, Kbit, Leaf, LeafKind, Root, ShaperClass, ShaperKind, TcHandle, TickRate, Ticks,
};

use super::house::{LINE, ROOT, class_handle};

const RATES: [Kbit; 9] = [
    RATE_MIN,
    Kbit(256),
    Kbit(1_000),
    Kbit(8_000),
    Kbit(50_000),
    Kbit(100_000),
    Kbit(940_000),
    Kbit(2_500_000),
    RATE_MAX,
];

const HALF: Shares = Shares {
    premium: 90,
    express: 50,
    standard: 30,
    bulk: 20,
};

fn line(direction: Direction, rate: Kbit, shares: Shares) -> Line {
    Line {
        direction,
        rate,
        mtu_bytes: 1500,
        framing: Framing {
            overhead_bytes: 44,
            ..Framing::default()
        },
        shares,
        ceilings: Shares::WHOLE,
        pace: rate,
    }
}

fn lanes(line: Line, leaf: LeafKind) -> Lanes {
    Lanes {
        line,
        shaper: ShaperKind::Htb,
        leaf,
        ticks: TickRate::default(),
        capped: [0; Class::ALL.len()],
    }
}

fn each(mut check: impl FnMut(&Line, &Lanes)) {
    let few = Shares {
        premium: 97,
        express: 1,
        standard: 1,
        bulk: 1,
    };
    for (shares, ceilings) in [
        (Shares::default(), Shares::WHOLE),
        (few, Shares::WHOLE),
        (Shares::default(), HALF),
    ] {
        for rate in RATES {
            for direction in Direction::BOTH {
                for kind in LeafKind::ALL {
                    let line = Line {
                        ceilings,
                        ..line(direction, rate, shares)
                    };
                    check(&line, &lanes(line, kind));
                }
            }
        }
    }
}

/// A class of the tree.
struct Made {
    class: ShaperClass,
    leaf: Option<(TcHandle, Leaf)>,
}

fn node(lanes: &Lanes, part: Part) -> Made {
    let node = lanes.node(part).unwrap();
    Made {
        class: node.class,
        leaf: node.leaf,
    }
}

fn parts() -> impl Iterator<Item = Part> {
    Part::ALL.into_iter().filter(|part| *part != Part::Own)
}

/// The classes below the line.
fn shaped(lanes: &Lanes) -> impl Iterator<Item = Made> {
    let beside = Part::Queue(Queue::Lane(Class::Exempt));
    let below = parts().filter(move |part| ![Part::Line, beside].contains(part));
    below.map(|part| node(lanes, part))
}

fn leaves(lanes: &Lanes) -> impl Iterator<Item = (TcHandle, Leaf)> {
    parts().filter_map(|part| node(lanes, part).leaf)
}

fn of(lanes: &Lanes, class: Class) -> ShaperClass {
    node(lanes, Part::Queue(Queue::Lane(class))).class
}

fn kbit_below(lanes: &Lanes, parent: TcHandle) -> u32 {
    let rates = shaped(lanes).filter(|node| node.class.parent == parent);
    // Nobody is promised nothing: a kilobit is the least, and does not count.
    rates
        .map(|node| node.class.rate.0)
        .filter(|rate| *rate > 1)
        .sum()
}

#[test]
fn guarantees_never_add_up_to_more_than_what_they_are_part_of() {
    each(|line, lanes| {
        assert!(kbit_below(lanes, LINE) <= line.rate.0, "at {}", line.rate);
        for class in Class::SHAPED {
            let share = node(lanes, Part::Share(class)).class;
            assert!(
                kbit_below(lanes, share.handle) <= share.rate.0,
                "{class} at {}",
                line.rate
            );
        }
        assert!(shaped(lanes).all(|node| node.class.rate.0 > 0));
    });
}

#[test]
fn every_lane_has_its_share_between_itself_and_the_line() {
    each(|line, lanes| {
        for class in Class::SHAPED {
            let share = node(lanes, Part::Share(class)).class;
            assert_eq!(share.parent, LINE);
            assert_eq!(share.rate, line.rate.percent(line.shares.of(class)));
            assert_eq!(of(lanes, class).parent, share.handle);
        }
        let small = node(lanes, Part::Queue(Queue::Small)).class;
        assert_eq!(small.parent, of(lanes, Class::Standard).parent);
    });
}

#[test]
fn no_lane_may_have_more_than_its_ceiling() {
    each(|line, lanes| {
        let whole = node(lanes, Part::Line).class;
        assert_eq!((whole.rate, whole.ceil), (line.rate, line.rate));
        for class in Class::SHAPED {
            let ceiling = line.rate.percent(line.ceilings.of(class));
            assert_eq!(node(lanes, Part::Share(class)).class.ceil, ceiling);
            assert_eq!(of(lanes, class).ceil, ceiling);
        }
        assert!(shaped(lanes).all(|node| node.class.rate <= node.class.ceil));
    });
}

#[test]
fn higher_classes_are_lent_to_first() {
    each(|_, lanes| {
        let prio = Class::SHAPED.map(|class| of(lanes, class).prio);
        assert!(prio.windows(2).all(|pair| pair[0] < pair[1]), "{prio:?}");
        let small = node(lanes, Part::Queue(Queue::Small)).class;
        assert!(small.prio < of(lanes, Class::Standard).prio);
        assert!(small.prio > of(lanes, Class::Premium).prio);
    });
}

#[test]
fn exempt_stands_beside_the_line_and_never_waits_for_it() {
    each(|_, lanes| {
        let exempt = of(lanes, Class::Exempt);
        assert_eq!(
            (exempt.parent, exempt.rate, exempt.ceil),
            (ROOT, RATE_MAX, RATE_MAX)
        );
    });
}

#[test]
fn what_names_no_class_is_standard_on_its_way_out_and_unshaped_on_its_way_home() {
    each(|line, lanes| {
        let expected = match line.direction {
            Direction::Up => class_minor(Class::Standard),
            Direction::Down => 0,
        };
        let Root::Htb(root) = lanes.root() else {
            panic!("expected HTB");
        };
        assert_eq!(root.default_minor, expected);
        assert_eq!(lanes.handle(), root_handle(ShaperKind::Htb));
    });
}

#[test]
fn every_burst_and_quantum_holds_a_whole_packet() {
    each(|line, lanes| {
        let packet = line.mtu_bytes + u32::from(line.framing.overhead_bytes);
        let whole = node(lanes, Part::Line);
        for class in shaped(lanes).chain([whole]).map(|node| node.class) {
            let ticks = TickRate::default();
            assert!(class.quantum_bytes >= packet);
            assert!(
                class.burst >= ticks.transmit(class.rate, packet),
                "{}",
                class.handle
            );
            assert!(
                class.cburst >= ticks.transmit(class.ceil, packet),
                "{}",
                class.handle
            );
            assert_eq!(class.framing, line.framing);
        }
    });
}

#[test]
fn every_leaf_holds_some_packets_and_no_more_than_a_small_router_has_room_for() {
    each(|line, lanes| {
        for (_, leaf) in leaves(lanes) {
            let packet = line.mtu_bytes;
            match leaf {
                Leaf::Bfifo { limit_bytes } => {
                    assert!(
                        (3 * packet..=1 << 20).contains(&limit_bytes),
                        "{limit_bytes} at {}",
                        line.rate
                    );
                }
                Leaf::Pfifo { limit_packets } => assert!((3..=1_000).contains(&limit_packets)),
                Leaf::Sfq(sfq) => assert!(sfq.limit_packets >= 3 && sfq.quantum_bytes >= packet),
                Leaf::FqCodel(codel) => {
                    assert!(codel.limit_packets >= 3 && codel.quantum_bytes >= packet);
                    assert!(codel.memory_bytes <= 4 << 20);
                }
                Leaf::Codel(codel) => assert!(codel.limit_packets >= 3),
                Leaf::Pie(pie) => assert!(pie.limit_packets >= 3 && pie.target_us >= 15_000),
                Leaf::Cake(cake) => {
                    assert_eq!(cake.rate, None);
                    assert!((1 << 16..=4 << 20).contains(&cake.memory_bytes));
                }
            }
        }
    });
}

#[test]
fn codels_target_is_never_below_the_time_of_a_packet() {
    each(|line, lanes| {
        let packet_us = u64::from(line.mtu_bytes) * 1_000_000 / line.rate.bytes_per_s();
        for (_, leaf) in leaves(lanes) {
            let (target_us, interval_us) = match leaf {
                Leaf::FqCodel(codel) => (codel.target_us, codel.interval_us),
                Leaf::Codel(codel) => (codel.target_us, codel.interval_us),
                _ => continue,
            };
            assert!(
                u64::from(target_us) > packet_us && target_us >= 5_000,
                "{target_us} at {}",
                line.rate
            );
            assert!(interval_us >= 100_000 && interval_us > target_us);
        }
    });
}

#[test]
fn handles_are_the_marks_read_as_hex_and_none_is_there_twice() {
    for class in Class::ALL {
        assert_eq!(
            class_handle(class).to_string(),
            format!("4c4d:{}", class.mark())
        );
    }
    each(|_, lanes| {
        let nodes = parts().map(|part| node(lanes, part)).collect::<Vec<_>>();
        let leaves: Vec<TcHandle> = leaves(lanes).map(|(handle, _)| handle).collect();
        let mut handles: Vec<TcHandle> = nodes.iter().map(|node| node.class.handle).collect();
        assert!(handles.iter().all(|handle| handle.major() == MAJOR));
        assert!(
            leaves
                .iter()
                .all(|leaf| leaf.major() != MAJOR && leaf.minor() == 0)
        );
        handles.extend(leaves);
        handles.push(ROOT);
        let count = handles.len();
        handles.sort_unstable();
        handles.dedup();
        assert_eq!(handles.len(), count);
        for (part, node) in parts().zip(nodes) {
            assert_eq!(TcHandle::new(MAJOR, part.minor()), node.class.handle);
        }
    });
}

#[test]
fn what_is_above_comes_before_what_is_below() {
    each(|_, lanes| {
        let mut made = vec![ROOT];
        for part in parts() {
            let class = node(lanes, part).class;
            assert!(made.contains(&class.parent), "{}", class.handle);
            made.push(class.handle);
        }
    });
}

#[test]
fn every_leaf_is_of_the_kind_that_was_asked_for() {
    for kind in LeafKind::ALL {
        let lanes = lanes(line(Direction::Up, Kbit(1_000), Shares::default()), kind);
        assert!(leaves(&lanes).all(|(_, leaf)| leaf.kind() == kind));
    }
}

#[test]
fn a_paced_line_is_the_same_tree_with_less_of_everything() {
    let whole = line(Direction::Down, Kbit(8_000), Shares::default());
    let paced = Line {
        pace: Kbit(4_000),
        ..whole
    };
    let [whole, paced] = [whole, paced].map(|line| lanes(line, LeafKind::Bfifo));
    assert_eq!(node(&paced, Part::Line).class.ceil, Kbit(4_000));
    for (whole, paced) in shaped(&whole).zip(shaped(&paced)) {
        assert_eq!(paced.class.ceil, Kbit(4_000));
        assert_eq!(paced.class.rate, whole.class.rate.percent(50));
        assert_eq!(paced.leaf, whole.leaf, "leaves are not made anew for it");
    }
    assert_eq!(of(&paced, Class::Exempt), of(&whole, Class::Exempt));
}

#[test]
fn the_largest_packet_of_any_device_overflows_nothing() {
    let line = Line {
        mtu_bytes: u32::MAX,
        framing: Framing {
            overhead_bytes: 255,
            mpu_bytes: 255,
            cells: true,
        },
        ..line(Direction::Up, RATE_MIN, Shares::default())
    };
    for leaf in LeafKind::ALL {
        let ticks = TickRate {
            ticks: u32::MAX,
            us: 1,
        };
        let lanes = Lanes {
            ticks,
            ..lanes(line, leaf)
        };
        assert_eq!(node(&lanes, Part::Line).class.burst, Ticks(u32::MAX));
    }
}
