//! Qdiscs and classes.

use lanemark::value::{
    CAKE_TINS, Cake, CakeTins, ClassSeen, Codel, Curve, Discipline, FqCodel, Framing, HfscRoot,
    HtbRoot, IfIndex, Isolation, Kbit, Leaf, Pie, Qdisc, Root, Sfq, ShaperClass, ShaperKind,
    TcHandle, TcStats, Ticks,
};
use lanemark::wire::Order;
use lanemark::wire::tc::{self, TcChange};

use super::fixture::{ORDERS, fixture};

const LITTLE: Order = Order::Little;
const BIG: Order = Order::Big;

/// Bytes and packets sent, dropped, waiting packets and bytes.
pub const fn stats([bytes, packets, dropped, backlog_packets, backlog_bytes]: [u32; 5]) -> TcStats {
    TcStats {
        bytes: bytes as u64,
        packets,
        dropped,
        backlog_packets,
        backlog_bytes,
    }
}

pub const NOTHING: TcStats = stats([0; 5]);

pub const fn qdisc(
    dev: u32,
    handle: u32,
    parent: u32,
    discipline: Discipline,
    stats: TcStats,
) -> TcChange {
    let (handle, parent) = (TcHandle(handle), TcHandle(parent));
    TcChange::Qdisc(Qdisc {
        dev: IfIndex(dev),
        handle,
        parent,
        discipline,
        stats,
        tins: [NOTHING; CAKE_TINS],
    })
}

pub fn read(order: Order, name: &str) -> Vec<Option<TcChange>> {
    let fixture = fixture(order, name);
    let read = |message| {
        tc::parse(message).unwrap_or_else(|malformed| panic!("{order:?} {name}: {malformed}"))
    };
    fixture.messages().into_iter().map(read).collect()
}

const ROOT: u32 = 0xffff_ffff;

/// The leaves that were recorded below class 1:10 of device 7, as the kernel tells of them: times are rounded down there.
const FQ_CODEL: Leaf = Leaf::FqCodel(FqCodel {
    limit_packets: 1001,
    target_us: 18_999,
    interval_us: 113_999,
    quantum_bytes: 300,
    memory_bytes: 1 << 20,
    ecn: false,
});
const SFQ: Leaf = Leaf::Sfq(Sfq {
    limit_packets: 40,
    quantum_bytes: 1514,
    perturb_s: 10,
});
const CODEL: Leaf = Leaf::Codel(Codel {
    limit_packets: 50,
    target_us: 18_999,
    interval_us: 113_999,
    ecn: false,
});
const PIE: Leaf = Leaf::Pie(Pie {
    limit_packets: 50,
    target_us: 19_000,
    ecn: true,
});
pub const BFIFO: Leaf = Leaf::Bfifo {
    limit_bytes: 12_000,
};
const PFIFO: Leaf = Leaf::Pfifo { limit_packets: 10 };

#[test]
fn leaves_are_told_with_parameters_and_counters() {
    for (name, discipline, counted) in [
        (
            "bfifo",
            Discipline::Leaf(BFIFO),
            [[18_168, 12, 8, 5, 7_570], [27_252, 18, 8, 0, 0]],
        ),
        (
            "pfifo",
            Discipline::Leaf(PFIFO),
            [[18_314, 13, 7, 7, 10_598], [31_940, 22, 6, 2, 1_660]],
        ),
        (
            "fq-codel",
            Discipline::Leaf(FQ_CODEL),
            [[24_224, 16, 36, 36, 49_416], [32_470, 23, 48, 17, 23_386]],
        ),
        (
            "sfq",
            Discipline::Leaf(SFQ),
            [[24_370, 17, 5, 35, 50_254], [33_454, 23, 4, 31, 42_830]],
        ),
        (
            "codel",
            Discipline::Leaf(CODEL),
            [[25_884, 18, 61, 9, 11_274], [31_340, 22, 66, 0, 0]],
        ),
        (
            "pie",
            Discipline::Leaf(PIE),
            [[30_426, 21, 13, 23, 31_102], [41_170, 29, 4, 15, 20_358]],
        ),
    ] {
        for (order, counted) in ORDERS.into_iter().zip(counted) {
            let expected = qdisc(7, 0x0110_0000, 0x0001_0010, discipline, stats(counted));
            assert_eq!(
                read(order, &format!("qdisc-{name}")),
                [Some(expected)],
                "{order:?} {name}"
            );
        }
    }
    let mips = qdisc(
        7,
        0x0110_0000,
        0x0001_0010,
        Discipline::Leaf(FQ_CODEL),
        stats([21_196, 14, 35, 39, 53_958]),
    );
    assert_eq!(read(LITTLE, "qdisc-fq-codel-mips"), [Some(mips)]);
}

/// What hangs at `wan0`: the root, a `bfifo` and a `pfifo`.
fn tree() -> [TcChange; 3] {
    let htb = Discipline::Shaper(Root::Htb(HtbRoot {
        default_minor: 0x30,
        direct_packets_max: 1000,
    }));
    [
        qdisc(4, 0x4c4d_0000, ROOT, htb, stats([14_452, 18, 3, 0, 0])),
        qdisc(
            4,
            0x4c10_0000,
            0x4c4d_0010,
            Discipline::Leaf(BFIFO),
            stats([14_116, 14, 3, 0, 0]),
        ),
        qdisc(
            4,
            0x4c40_0000,
            0x4c4d_0040,
            Discipline::Leaf(PFIFO),
            NOTHING,
        ),
    ]
}

#[test]
fn a_tree_is_told_among_the_other_devices_qdiscs() {
    let fq = FqCodel {
        limit_packets: 10_240,
        target_us: 4_999,
        interval_us: 99_999,
        quantum_bytes: 1_514,
        memory_bytes: 32 << 20,
        ecn: true,
    };
    let lo = qdisc(1, 0, ROOT, Discipline::Other, NOTHING);
    // The kernel without fq_codel attaches pfifo_fast to ifb0 by itself, the other one fq_codel.
    for (order, ifb) in [
        (LITTLE, Discipline::Other),
        (BIG, Discipline::Leaf(Leaf::FqCodel(fq))),
    ] {
        let [root, bfifo, pfifo] = tree();
        let expected = [lo, root, bfifo, pfifo, qdisc(5, 0, ROOT, ifb, NOTHING)];
        assert_eq!(
            read(order, "qdisc-htb-root"),
            expected.map(Some),
            "{order:?}"
        );
    }
    assert_eq!(read(LITTLE, "qdisc-htb-root-mips"), tree().map(Some));
}

#[test]
fn the_queues_that_the_kernel_made_by_itself_have_no_handle() {
    let pfifo = Discipline::Leaf(Leaf::Pfifo {
        limit_packets: 1000,
    });
    let standard = qdisc(4, 0, 0x4c4d_0030, pfifo, stats([336, 4, 0, 0, 0]));
    for order in ORDERS {
        let expected = [standard, qdisc(4, 0, 0x4c4d_0020, pfifo, NOTHING)];
        assert_eq!(
            read(order, "qdisc-htb-root-invisible"),
            expected.map(Some),
            "{order:?}"
        );
    }
}

#[test]
fn a_qdisc_that_takes_anothers_place_is_two_events() {
    let gone = |handle| {
        Some(TcChange::QdiscGone {
            dev: IfIndex(7),
            handle: TcHandle(handle),
        })
    };
    let new = qdisc(
        7,
        0x0009_0000,
        ROOT,
        Discipline::Leaf(Leaf::Bfifo { limit_bytes: 5000 }),
        NOTHING,
    );
    for order in ORDERS {
        assert_eq!(
            read(order, "qdisc-new-event"),
            [gone(0), Some(new)],
            "{order:?}"
        );
        assert_eq!(
            read(order, "qdisc-del-event"),
            [gone(0x0009_0000)],
            "{order:?}"
        );
    }
}

/// A class of 4c4d: on device 4, by minor number, rate, burst in ticks and precedence; all may send 950 kbit/s.
fn class(minor: u16, rate: u32, burst: u32, prio: u8) -> ShaperClass {
    ShaperClass {
        handle: TcHandle::new(0x4c4d, minor),
        parent: TcHandle::new(0x4c4d, u16::from(minor != 1)),
        rate: Kbit(rate),
        ceil: Kbit(950),
        burst: Ticks(burst),
        cburst: Ticks(210_515),
        quantum_bytes: 1514,
        prio,
        framing: match minor {
            0x10 => Framing {
                overhead_bytes: 18,
                mpu_bytes: 64,
                cells: false,
            },
            _ => Framing::default(),
        },
        ..ShaperClass::NONE
    }
}

const fn seen(dev: u32, class: ShaperClass, stats: TcStats) -> Option<TcChange> {
    Some(TcChange::Class(ClassSeen {
        dev: IfIndex(dev),
        class,
        stats,
    }))
}

#[test]
fn classes_are_told_with_parameters_and_counters() {
    for (order, name, line, standard) in [
        (
            LITTLE,
            "class-htb",
            [14_452, 18, 0, 0, 0],
            Some([336, 4, 0, 0, 0]),
        ),
        (
            BIG,
            "class-htb",
            [14_494, 19, 0, 0, 0],
            Some([378, 5, 0, 0, 0]),
        ),
        (LITTLE, "class-htb-mips", [14_452, 18, 0, 0, 0], None),
    ] {
        let mut expected = vec![
            seen(4, class(1, 950, 210_515, 0), stats(line)),
            seen(
                4,
                class(0x10, 712, 280_890, 0),
                stats([14_116, 14, 3, 0, 0]),
            ),
        ];
        if let Some(standard) = standard {
            expected.push(seen(4, class(0x20, 142, 1_408_437, 1), NOTHING));
            expected.push(seen(4, class(0x30, 95, 2_105_250, 2), stats(standard)));
            expected.push(seen(4, class(0x40, 8, 25_000_000, 3), NOTHING));
        }
        assert_eq!(read(order, name), expected, "{order:?} {name}");
    }
}

#[test]
fn the_flows_of_a_leaf_are_no_classes_of_ours() {
    let parameters = ShaperClass {
        handle: TcHandle::new(1, 0x10),
        parent: TcHandle::new(1, 0),
        rate: Kbit(100),
        ceil: Kbit(100),
        burst: Ticks(2_000_000),
        cburst: Ticks(2_000_000),
        ..class(1, 0, 0, 0)
    };
    for (order, kind, flows, counted) in [
        (LITTLE, "fq-codel", 1, [28_766, 19, 0, 25, 34_130]),
        (BIG, "fq-codel", 1, [37_542, 27, 0, 0, 0]),
        (LITTLE, "sfq", 1, [28_912, 20, 5, 32, 45_712]),
        (BIG, "sfq", 1, [45_712, 32, 4, 22, 30_572]),
        (LITTLE, "cake", 2, [30_130, 21, 0, 4, 5_072]),
        (BIG, "cake", 2, [31_340, 22, 0, 0, 0]),
    ] {
        let mut expected = vec![seen(7, parameters, stats(counted))];
        expected.resize(1 + flows, None);
        assert_eq!(
            read(order, &format!("class-{kind}-flows")),
            expected,
            "{order:?} {kind}"
        );
    }
}

#[test]
fn hfsc_is_told_with_its_sizes_curves_and_counters() {
    let root = Discipline::Shaper(Root::Hfsc(HfscRoot {
        default_minor: 0x30,
        overhead_bytes: 18,
    }));
    let class = |minor, deadline, rate, ceil| ShaperClass {
        shaper: ShaperKind::Hfsc,
        handle: TcHandle::new(0x4c4e, minor),
        parent: TcHandle::new(0x4c4e, u16::from(minor > 1)),
        rate: Kbit(rate),
        ceil: Kbit(ceil),
        deadline,
        ..ShaperClass::NONE
    };
    let none = Curve::default();
    let deadline = Curve {
        first: Kbit(950),
        us: 12_000,
        then: Kbit(712),
    };
    for order in ORDERS {
        let counted = stats([12_256, 8, 4, 0, 0]);
        let expected = qdisc(7, 0x4c4e_0000, ROOT, root, counted);
        assert_eq!(read(order, "qdisc-hfsc"), [Some(expected)], "{order:?}");
        let classes = [
            (class(0, none, 0, 0), NOTHING),
            (class(1, none, 950, 950), NOTHING),
            (class(0x10, deadline, 712, 950), NOTHING),
            (class(0x30, none, 95, 950), counted),
        ];
        let expected = classes.map(|(class, stats)| {
            let dev = IfIndex(7);
            Some(TcChange::Class(ClassSeen { dev, class, stats }))
        });
        assert_eq!(read(order, "class-hfsc"), expected, "{order:?}");
    }
}

#[test]
fn cake_is_told_with_parameters_and_the_counters_of_its_tins() {
    let root = Cake {
        rate: Some(Kbit(950)),
        tins: CakeTins::Diffserv4,
        isolation: Isolation::Sources,
        framing: Framing {
            overhead_bytes: 18,
            mpu_bytes: 64,
            cells: false,
        },
        rtt_us: 100_000,
        memory_bytes: 1 << 20,
    };
    // Recorded with `triple-isolate`, which is none of ours.
    let leaf = Cake { rate: None, ..root };
    for (order, counted, tins) in [
        (
            LITTLE,
            [74_192, 52, 7, 0, 0],
            [[0; 5], [61_528, 44, 7, 0, 0], [0; 5], [20_526, 15, 0, 0, 0]],
        ),
        (
            BIG,
            [72_970, 53, 6, 0, 0],
            [[0; 5], [61_528, 44, 6, 0, 0], [0; 5], [20_526, 15, 0, 0, 0]],
        ),
    ] {
        let found = read(order, "qdisc-cake-root");
        let [Some(TcChange::Qdisc(seen))] = found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (seen.handle, seen.parent, seen.discipline),
            (
                TcHandle::new(0x4c4f, 0),
                TcHandle::ROOT,
                Discipline::Leaf(Leaf::Cake(root))
            )
        );
        assert_eq!(
            (seen.stats, seen.tins),
            (stats(counted), tins.map(stats)),
            "{order:?}"
        );
        let found = read(order, "qdisc-cake");
        let [Some(TcChange::Qdisc(seen))] = found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            seen.discipline,
            Discipline::Leaf(Leaf::Cake(leaf)),
            "{order:?}"
        );
    }
}

#[test]
fn what_the_kernel_rounds_or_does_not_know_is_still_in_force() {
    let wished = FqCodel {
        limit_packets: 1001,
        target_us: 19_000,
        interval_us: 114_000,
        quantum_bytes: 1514,
        memory_bytes: 1 << 20,
        ecn: true,
    };
    let seen = |change: fn(&mut FqCodel)| {
        let mut seen = wished;
        change(&mut seen);
        Leaf::FqCodel(wished).is_in_force_as(&Leaf::FqCodel(seen))
    };
    assert!(seen(|_| {}));
    assert!(seen(|fq| fq.target_us = 18_999), "as a recording shows");
    assert!(seen(|fq| fq.memory_bytes = 0), "kernels before 4.7");
    assert!(!seen(|fq| fq.target_us = 19_001));
    assert!(!seen(|fq| fq.interval_us -= 3));
    assert!(!seen(|fq| fq.memory_bytes = 1 << 21));
    assert!(!seen(|fq| fq.limit_packets = 10_240));
    assert!(!seen(|fq| fq.quantum_bytes = 300));
    let other = Leaf::Bfifo { limit_bytes: 1001 };
    assert!(!Leaf::FqCodel(wished).is_in_force_as(&other));
}
