//! What holds of the queues at any rate: the rules behind the numbers, not the numbers.

use lanemark::config::{RATE_MAX, RATE_MIN, Shares};
use lanemark::control::Direction;
use lanemark::engine::{LINE, Lane, Lanes, Line, MAJOR, Queue, ROOT, class_handle, class_minor};
use lanemark::value::{Class, Kbit, Leaf, LeafKind, TickRate, Ticks};

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

fn line(direction: Direction, rate: Kbit, shares: Shares) -> Line {
    Line {
        direction,
        rate,
        mtu_bytes: 1500,
        overhead_bytes: 44,
        shares,
        pace_percent: 100,
    }
}

fn each(mut check: impl FnMut(&Line, &Lanes)) {
    let few = Shares {
        premium: 97,
        express: 1,
        standard: 1,
        bulk: 1,
    };
    for shares in [Shares::default(), few] {
        for rate in RATES {
            for direction in Direction::BOTH {
                for kind in LeafKind::ALL {
                    let line = line(direction, rate, shares);
                    check(&line, &line.lanes(kind, TickRate::default()));
                }
            }
        }
    }
}

fn shaped(lanes: &Lanes) -> impl Iterator<Item = &Lane> {
    lanes
        .lanes
        .iter()
        .filter(|lane| lane.queue != Queue::Lane(Class::Exempt))
}

fn of(lanes: &Lanes, class: Class) -> Lane {
    *lanes
        .lanes
        .iter()
        .find(|lane| lane.queue == Queue::Lane(class))
        .unwrap()
}

#[test]
fn guarantees_never_add_up_to_more_than_the_line() {
    each(|line, lanes| {
        // Nobody is promised nothing: a kilobit is the least, and does not count.
        let more = shaped(lanes)
            .map(|lane| lane.htb.rate.0)
            .filter(|rate| *rate > 1);
        assert!(more.sum::<u32>() <= line.rate.0, "at {}", line.rate);
        assert!(shaped(lanes).all(|lane| lane.htb.rate.0 > 0));
    });
}

#[test]
fn every_lane_may_have_the_whole_line_and_no_more() {
    each(|line, lanes| {
        assert_eq!((lanes.line.rate, lanes.line.ceil), (line.rate, line.rate));
        for lane in shaped(lanes) {
            assert_eq!((lane.htb.parent, lane.htb.ceil), (LINE, line.rate));
        }
    });
}

#[test]
fn higher_classes_are_lent_to_first() {
    each(|_, lanes| {
        let prio = Class::SHAPED.map(|class| of(lanes, class).htb.prio);
        assert!(prio.windows(2).all(|pair| pair[0] < pair[1]), "{prio:?}");
        let small = lanes
            .lanes
            .iter()
            .find(|lane| lane.queue == Queue::Small)
            .unwrap();
        assert!(small.htb.prio < of(lanes, Class::Standard).htb.prio);
        assert!(small.htb.prio > of(lanes, Class::Premium).htb.prio);
    });
}

#[test]
fn exempt_stands_beside_the_line_and_never_waits_for_it() {
    each(|_, lanes| {
        let exempt = of(lanes, Class::Exempt).htb;
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
        assert_eq!(lanes.root.default_minor, expected);
    });
}

#[test]
fn every_burst_and_quantum_holds_a_whole_packet() {
    each(|line, lanes| {
        let packet = line.mtu_bytes + u32::from(line.overhead_bytes);
        for class in shaped(lanes).map(|lane| lane.htb).chain([lanes.line]) {
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
            assert_eq!(class.overhead_bytes, line.overhead_bytes);
        }
    });
}

#[test]
fn every_leaf_holds_some_packets_and_no_more_than_a_small_router_has_room_for() {
    each(|line, lanes| {
        for lane in &lanes.lanes {
            let packet = line.mtu_bytes;
            match lane.leaf {
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
            }
        }
    });
}

#[test]
fn codels_target_is_never_below_the_time_of_a_packet() {
    each(|line, lanes| {
        let packet_us = u64::from(line.mtu_bytes) * 1_000_000 / line.rate.bytes_per_s();
        for lane in &lanes.lanes {
            let (target_us, interval_us) = match lane.leaf {
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
        let mut handles: Vec<_> = lanes
            .lanes
            .iter()
            .flat_map(|lane| [lane.htb.handle, lane.leaf_handle])
            .collect();
        handles.extend([LINE, ROOT]);
        let count = handles.len();
        handles.sort_unstable();
        handles.dedup();
        assert_eq!(handles.len(), count);
        for lane in &lanes.lanes {
            assert_eq!(
                (lane.htb.handle.major(), lane.leaf_handle.minor()),
                (MAJOR, 0)
            );
            assert_ne!(lane.leaf_handle.major(), MAJOR);
        }
    });
}

#[test]
fn every_leaf_is_of_the_kind_that_was_asked_for() {
    for kind in LeafKind::ALL {
        let lanes =
            line(Direction::Up, Kbit(1_000), Shares::default()).lanes(kind, TickRate::default());
        assert!(lanes.lanes.iter().all(|lane| lane.leaf.kind() == kind));
    }
}

#[test]
fn a_paced_line_is_the_same_tree_with_less_of_everything() {
    let whole = line(Direction::Down, Kbit(8_000), Shares::default());
    let paced = Line {
        pace_percent: 50,
        ..whole
    };
    let [whole, paced] =
        [whole, paced].map(|line| line.lanes(LeafKind::Bfifo, TickRate::default()));
    assert_eq!(paced.line.ceil, Kbit(4_000));
    for (whole, paced) in shaped(&whole).zip(shaped(&paced)) {
        assert_eq!(paced.htb.ceil, Kbit(4_000));
        assert_eq!(paced.htb.rate, whole.htb.rate.percent(50));
        assert_eq!(paced.leaf, whole.leaf, "leaves are not made anew for it");
    }
    assert_eq!(of(&paced, Class::Exempt), of(&whole, Class::Exempt));
}

#[test]
fn the_largest_packet_of_any_device_overflows_nothing() {
    let line = Line {
        mtu_bytes: u32::MAX,
        overhead_bytes: 255,
        ..line(Direction::Up, RATE_MIN, Shares::default())
    };
    for kind in LeafKind::ALL {
        let lanes = line.lanes(
            kind,
            TickRate {
                ticks: u32::MAX,
                us: 1,
            },
        );
        assert_eq!(lanes.line.burst, Ticks(u32::MAX));
    }
}
