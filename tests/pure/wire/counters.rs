//! Counters of qdiscs and classes as older kernels tell them, and options out of the ordinary.

use lanemark::value::{Discipline, FqCodel, HtbRoot, IfIndex, Leaf, Root, TcHandle, TcStats};
use lanemark::wire::Malformed;
use lanemark::wire::tc::{self, TcChange};

use super::fixture::{ORDERS, fixture};
use super::parsed;
use super::queues::{BFIFO, NOTHING, qdisc, read};
use super::raw::{
    Attribute, Nest, Payload, Raw, U8, U16, U32, U64, take_apart, take_one_apart, write,
};

/// The recorded `bfifo`, with these counters.
const fn bfifo(counted: TcStats) -> TcChange {
    qdisc(
        7,
        0x0110_0000,
        0x0001_0010,
        Discipline::Leaf(BFIFO),
        counted,
    )
}

#[test]
fn the_counters_of_old_kernels_say_the_same_as_those_of_new_ones() {
    const STATS: u16 = 3;
    const STATS2: u16 = 7;
    for order in ORDERS {
        for name in [
            "class-htb",
            "qdisc-htb-root",
            "qdisc-bfifo",
            "qdisc-fq-codel",
            "qdisc-sfq",
        ] {
            for (raw, both) in take_apart(&fixture(order, name).bytes, order)
                .iter()
                .zip(read(order, name))
            {
                for number in [STATS, STATS2] {
                    assert_eq!(
                        parsed(&raw.without(number).bytes(), order, tc::parse),
                        Ok(both),
                        "{name} {number}"
                    );
                }
            }
        }
        let uncounted = take_one_apart(&fixture(order, "qdisc-bfifo").bytes, order)
            .without(STATS)
            .without(STATS2);
        let seen = parsed(&uncounted.bytes(), order, tc::parse).unwrap();
        assert_eq!(seen, Some(bfifo(NOTHING)));
    }
}

#[test]
fn counters_that_end_early_are_read_as_far_as_they_go() {
    for order in ORDERS {
        let bare = take_one_apart(&fixture(order, "qdisc-bfifo").bytes, order)
            .without(3)
            .without(7);
        // bytes, packets, drops, overlimits, bps, pps, qlen, backlog.
        let fields = write(
            order,
            &[
                U64(1 << 33),
                U32(2),
                U32(3),
                U32(4),
                U32(5),
                U32(6),
                U32(7),
                U32(8),
            ],
        );
        let whole = TcStats {
            bytes: 1 << 33,
            packets: 2,
            dropped: 3,
            backlog_packets: 7,
            backlog_bytes: 8,
        };
        for (len, expected) in [
            (36, whole),
            (
                32,
                TcStats {
                    backlog_bytes: 0,
                    ..whole
                },
            ),
            (
                28,
                TcStats {
                    backlog_packets: 0,
                    backlog_bytes: 0,
                    ..whole
                },
            ),
            (
                12,
                TcStats {
                    bytes: 1 << 33,
                    packets: 2,
                    ..NOTHING
                },
            ),
            (0, NOTHING),
        ] {
            let raw = bare.with(&Payload(3, &fields[..len]));
            let seen = parsed(&raw.bytes(), order, tc::parse);
            assert_eq!(seen, Ok(Some(bfifo(expected))), "{order:?} {len}");
        }
    }
}

#[test]
fn the_counters_of_new_kernels_are_wide() {
    for order in ORDERS {
        let bare = take_one_apart(&fixture(order, "qdisc-bfifo").bytes, order)
            .without(3)
            .without(7);
        let basic = Nest(1, &[U64(1 << 40), U32(9)]);
        let raw = bare.with(&Nest(
            7,
            &[basic, Nest(3, &[U32(4), U32(5), U32(6), U32(7), U32(8)])],
        ));
        let counted = TcStats {
            bytes: 1 << 40,
            packets: 9,
            dropped: 6,
            backlog_packets: 4,
            backlog_bytes: 5,
        };
        assert_eq!(
            parsed(&raw.bytes(), order, tc::parse),
            Ok(Some(bfifo(counted)))
        );
    }
}

fn options(raw: &Raw, change: impl FnOnce(&mut Vec<u8>)) -> Result<Option<TcChange>, Malformed> {
    parsed(&raw.changed(2, change).bytes(), raw.order, tc::parse)
}

#[test]
fn what_cannot_be_a_value_of_ours_is_told_as_the_nearest_or_refused() {
    for order in ORDERS {
        let root = take_apart(&fixture(order, "qdisc-htb-root").bytes, order).swap_remove(1);
        let class = take_apart(&fixture(order, "class-htb").bytes, order).swap_remove(1);
        let put = |at: usize, part| {
            move |bytes: &mut Vec<u8>| {
                let value = write(order, &[part]);
                bytes[at..at + value.len()].copy_from_slice(&value);
            }
        };
        // The default class: HTB looks at 16 bits of it. 4 bytes of attribute header, version, r2q.
        let Some(TcChange::Qdisc(seen)) = options(&root, put(12, U32(0x1234_0567))).unwrap() else {
            panic!()
        };
        assert_eq!(
            seen.discipline,
            Discipline::Shaper(Root::Htb(HtbRoot {
                default_minor: 0x0567,
                direct_packets_max: 1000,
            }))
        );
        // The overhead, 16 bits, of which ours takes 8.
        let Some(TcChange::Class(seen)) = options(&class, put(6, U16(300))).unwrap() else {
            panic!()
        };
        assert_eq!(seen.class.framing.overhead_bytes, 255);
        assert_eq!(
            options(&class, put(44, U32(256))),
            Err(Malformed::Value { found: 256 }),
            "precedence"
        );
        assert_eq!(
            options(&class, Vec::clear),
            Err(Malformed::Missing { attribute: 1 })
        );
        assert_eq!(
            options(&root, Vec::clear),
            Err(Malformed::Missing { attribute: 2 })
        );
        let bfifo = take_one_apart(&fixture(order, "qdisc-bfifo").bytes, order);
        assert_eq!(
            options(&bfifo, Vec::clear),
            Err(Malformed::Short {
                expected: 4,
                found: 0
            })
        );
    }
}

#[test]
fn a_class_without_a_class_above_it_belongs_to_its_qdisc() {
    for order in ORDERS {
        let mut raw = take_apart(&fixture(order, "class-htb").bytes, order).swap_remove(0);
        assert_eq!(
            raw.fixed[12..16],
            [0xff; 4],
            "the kernel says that it belongs to the root of the device"
        );
        raw.fixed.splice(12..16, write(order, &[U32(0x4c4d_0000)]));
        let Some(TcChange::Class(seen)) = parsed(&raw.bytes(), order, tc::parse).unwrap() else {
            panic!()
        };
        assert_eq!(seen.class.parent, TcHandle::new(0x4c4d, 0));
        raw.kind = 41;
        let gone = TcChange::ClassGone {
            dev: IfIndex(4),
            handle: TcHandle::new(0x4c4d, 1),
        };
        assert_eq!(parsed(&raw.bytes(), order, tc::parse), Ok(Some(gone)));
        raw.kind = 42;
        assert_eq!(parsed(&raw.bytes(), order, tc::parse), Ok(None));
    }
}

#[test]
fn fq_codel_of_old_kernels_has_no_memory_limit() {
    for order in ORDERS {
        let raw = take_one_apart(&fixture(order, "qdisc-fq-codel").bytes, order);
        let parts = [
            Attribute(1, &[U32(1)]),
            Attribute(2, &[U32(2)]),
            Attribute(3, &[U32(3)]),
            Attribute(6, &[U32(4)]),
        ];
        let seen = options(&raw, |bytes| *bytes = write(order, &parts)).unwrap();
        let Some(TcChange::Qdisc(seen)) = seen else {
            panic!()
        };
        let fq = FqCodel {
            limit_packets: 2,
            target_us: 1,
            interval_us: 3,
            quantum_bytes: 4,
            memory_bytes: 0,
            ecn: false,
        };
        assert_eq!(seen.discipline, Discipline::Leaf(Leaf::FqCodel(fq)));
        let short = options(&raw, |bytes| {
            *bytes = write(order, &[Attribute(1, &[U8(1)])])
        });
        assert_eq!(
            short,
            Err(Malformed::Short {
                expected: 4,
                found: 1
            })
        );
    }
}
