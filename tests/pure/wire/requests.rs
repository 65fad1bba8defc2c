//! What we ask of the kernel, beside what `tc` and `conntrack` asked for the same thing.

use lanemark::value::{
    Cake, Codel, FlowKey, FqCodel, Framing, HfscRoot, HtbRoot, IfIndex, Isolation, Kbit, Leaf,
    LeafKind, Pie, Root, Sfq, ShaperClass, ShaperKind, TcHandle, TickRate, Ticks,
};
use lanemark::wire::conntrack::{self, MarkChange};
use lanemark::wire::tc::{self, LeafPlace, ProbedKind, Put};
use lanemark::wire::{Order, Writer, address, link, neighbour, nft, route};

use super::catalog::{CAKE, CURVED};
use super::emitted;
use super::fixture::{ORDERS, fixture};
use super::raw::{
    Attribute, Be32, Nest, Part, Raw, Text, U8, U32, Zeroes, message, take_one_apart,
};

/// The device of the recorded requests.
const DEV: IfIndex = IfIndex(7);

/// Where the leaves were recorded.
const UNDER: LeafPlace = LeafPlace {
    class: TcHandle::new(1, 0x10),
    handle: TcHandle::new(0x110, 0),
};

type Emit = fn(&mut Writer<'_>);

/// Ours and theirs, both in `order`; numbers of requests differ and do not matter.
fn both(order: Order, name: &str, emit: impl FnOnce(&mut Writer<'_>)) -> [Raw; 2] {
    let ours = take_one_apart(&emitted(order, emit), order);
    [ours, take_one_apart(&fixture(order, name).bytes, order)]
}

/// Only these fields differ, each for the reason beside it.
fn assert_alike([ours, theirs]: [Raw; 2], nests: &[&str], meant: &[(&str, &str)]) {
    let nests = |path: &str| nests.contains(&path);
    let (ours, theirs) = (ours.fields(nests), theirs.fields(nests));
    let mut differ: Vec<_> = ours
        .keys()
        .chain(theirs.keys())
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .collect();
    differ.sort();
    differ.dedup();
    let mut meant: Vec<_> = meant.iter().map(|(path, _)| path).collect();
    meant.sort();
    assert!(
        differ.iter().eq(&meant),
        "differ: {differ:?}, are meant to: {meant:?}\n{ours:02x?}\n{theirs:02x?}"
    );
}

/// Where qdiscs and classes have attributes in their options.
const OPTIONS: &[&str] = &["2"];
/// FIFO and SFQ have a bare struct there.
const BARE: &[&str] = &[];

const REPLACE: (&str, &str) = (
    "flags",
    "REPLACE, not EXCL: the kernel's own default may stand there",
);

#[test]
fn qdiscs_are_made_as_tc_makes_them() {
    let root: Emit = |w| {
        let root = Root::Htb(HtbRoot {
            default_minor: 0x30,
            direct_packets_max: 1000,
        });
        tc::emit_root(w, 1, DEV, TcHandle::new(0x4c4d, 0), &root, Put::New);
    };
    let leaf = |leaf| move |w: &mut Writer<'_>| tc::emit_leaf(w, 1, DEV, UNDER, &leaf, Put::New);
    let codel = Codel {
        limit_packets: 50,
        target_us: 19_000,
        interval_us: 114_000,
        ecn: false,
    };
    let fq_codel = FqCodel {
        limit_packets: 1001,
        target_us: 19_000,
        interval_us: 114_000,
        quantum_bytes: 300,
        memory_bytes: 1 << 20,
        ecn: false,
    };
    for order in ORDERS {
        let direct = (
            "2/5",
            "packets that may wait unshaped; tc leaves it to the device's queue length",
        );
        assert_alike(both(order, "req-qdisc-htb-add", root), OPTIONS, &[direct]);
        let fifo = leaf(Leaf::Bfifo {
            limit_bytes: 12_000,
        });
        assert_alike(both(order, "req-qdisc-bfifo-add", fifo), BARE, &[REPLACE]);
        let fifo = leaf(Leaf::Pfifo { limit_packets: 10 });
        assert_alike(both(order, "req-qdisc-pfifo-add", fifo), BARE, &[REPLACE]);
        assert_alike(
            both(order, "req-qdisc-codel-add", leaf(Leaf::Codel(codel))),
            OPTIONS,
            &[REPLACE],
        );
        let flows = ("2/5", "how many queues: ours keeps the kernel's 1,024");
        let fq_codel = both(
            order,
            "req-qdisc-fq-codel-add",
            leaf(Leaf::FqCodel(fq_codel)),
        );
        assert_alike(fq_codel, OPTIONS, &[REPLACE, flows]);
    }
}

#[test]
fn hfsc_cake_and_pie_are_made_as_tc_makes_them() {
    let hfsc = Root::Hfsc(HfscRoot {
        default_minor: 0x30,
        overhead_bytes: 18,
    });
    let class = ShaperClass {
        parent: TcHandle::new(0x4c4e, 0),
        ..CURVED
    };
    let cake = Root::Cake(Cake {
        isolation: Isolation::Sources,
        rtt_us: 100_000,
        memory_bytes: 1 << 20,
        ..CAKE
    });
    let pie = Leaf::Pie(Pie {
        limit_packets: 50,
        target_us: 19_000,
        ecn: true,
    });
    let device = IfIndex(6);
    for order in ORDERS {
        let root = |handle, root| {
            move |w: &mut Writer<'_>| tc::emit_root(w, 1, device, handle, &root, Put::New)
        };
        assert_alike(
            both(
                order,
                "req-qdisc-hfsc-add",
                root(TcHandle::new(0x4c4e, 0), hfsc),
            ),
            &["8"],
            &[],
        );
        assert_alike(
            both(order, "req-class-hfsc-add", |w| {
                tc::emit_class(w, 1, device, &class, Put::New, TickRate::default())
            }),
            OPTIONS,
            &[],
        );
        assert_alike(
            both(
                order,
                "req-qdisc-cake-root-add",
                root(TcHandle::new(0x4c4f, 0), cake),
            ),
            OPTIONS,
            &[
                ("2/8", "tc says the target that follows from the distance"),
                ("2/9", "tc says what is so anyway: no other rate than this"),
                ("2/4", "no cells, which tc does not say"),
            ],
        );
        assert_alike(
            both(order, "req-qdisc-pie-add", |w| {
                tc::emit_leaf(w, 1, DEV, UNDER, &pie, Put::New)
            }),
            OPTIONS,
            &[
                REPLACE,
                ("2/3", "how often it looks: ours keeps the kernel's 15 ms"),
            ],
        );
    }
}

#[test]
fn sfq_is_made_with_the_struct_that_every_kernel_takes() {
    let leaf = Leaf::Sfq(Sfq {
        limit_packets: 40,
        quantum_bytes: 1514,
        perturb_s: 10,
    });
    for order in ORDERS {
        let sfq = both(order, "req-qdisc-sfq-add", |w| {
            tc::emit_leaf(w, 1, DEV, UNDER, &leaf, Put::New)
        });
        let [ours, theirs] = sfq.each_ref().map(|raw| raw.payload(2).to_vec());
        assert_eq!((ours.len(), &ours[..]), (20, &theirs[..20]), "{order:?}");
        assert!(theirs[20..].iter().all(|byte| *byte == 0));
        assert_alike(
            sfq,
            BARE,
            &[
                REPLACE,
                (
                    "2",
                    "the old struct; the longer one of newer kernels adds zeroes here",
                ),
            ],
        );
    }
}

/// What the recorded requests say of the link layer.
const PLAIN: Framing = Framing {
    overhead_bytes: 0,
    mpu_bytes: 0,
    cells: false,
};
const LEAST: Framing = Framing {
    overhead_bytes: 18,
    mpu_bytes: 64,
    cells: false,
};
const CELLS: Framing = Framing {
    overhead_bytes: 44,
    mpu_bytes: 0,
    cells: true,
};

/// A class of the recorded requests.
fn class(
    minor: u16,
    [rate, ceil]: [u32; 2],
    [burst, cburst]: [u32; 2],
    prio: u8,
    framing: Framing,
) -> ShaperClass {
    let (handle, parent) = (
        TcHandle::new(0x4c4d, minor),
        TcHandle::new(0x4c4d, u16::from(minor != 1)),
    );
    let (rate, ceil, burst, cburst) = (Kbit(rate), Kbit(ceil), Ticks(burst), Ticks(cburst));
    ShaperClass {
        handle,
        parent,
        rate,
        ceil,
        burst,
        cburst,
        quantum_bytes: 1514,
        prio,
        framing,
        ..ShaperClass::NONE
    }
}

const TABLES: [(&str, &str); 2] = [
    (
        "2/3",
        "tc cuts each time to a whole microsecond; kernels since 3.9 do not look",
    ),
    ("2/4", "as 2/3"),
];

#[test]
fn classes_are_made_and_changed_as_tc_does_it() {
    let line = class(1, [950, 950], [210_515, 210_515], 0, PLAIN);
    let lane = class(0x10, [712, 950], [280_890, 210_515], 0, LEAST);
    let faster = class(1, [1900, 1900], [105_250, 105_250], 0, PLAIN);
    let slower = class(0x10, [600, 1900], [333_328, 105_250], 1, CELLS);
    for order in ORDERS {
        for (name, class, put) in [
            ("req-class-htb-add", line, Put::New),
            ("req-class-htb-change", faster, Put::Change),
            ("req-class-htb-add-overhead", lane, Put::New),
            ("req-class-htb-change-overhead", slower, Put::Change),
        ] {
            let emit =
                |w: &mut Writer<'_>| tc::emit_class(w, 1, DEV, &class, put, TickRate::default());
            assert_alike(both(order, name, emit), OPTIONS, &TABLES);
        }
    }
}

#[test]
fn the_tables_of_a_class_are_those_of_tc_to_the_microsecond() {
    let line = class(1, [950, 950], [0, 0], 0, PLAIN);
    let lane = class(0x10, [712, 950], [0, 0], 0, LEAST);
    let slower = class(0x10, [600, 1900], [0, 0], 1, CELLS);
    for order in ORDERS {
        for (name, class, put) in [
            ("req-class-htb-add", line, Put::New),
            ("req-class-htb-add-overhead", lane, Put::New),
            ("req-class-htb-change-overhead", slower, Put::Change),
        ] {
            let emit =
                |w: &mut Writer<'_>| tc::emit_class(w, 1, DEV, &class, put, TickRate::default());
            let [ours, theirs] = both(order, name, emit).map(|raw| raw.fields(|path| path == "2"));
            for table in ["2/3", "2/4"] {
                let [ours, theirs] =
                    [&ours[table], &theirs[table]].map(|table| cells(order, table));
                assert_eq!((ours.len(), theirs.len()), (256, 256));
                for (place, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
                    // A microsecond has 15.625 ticks.
                    assert!(
                        (theirs..theirs + 16).contains(&ours),
                        "{name} {table} {place}: {ours} {theirs}"
                    );
                }
            }
        }
    }
}

fn cells(order: Order, table: &[u8]) -> Vec<u32> {
    let (cells, []) = table.as_chunks::<4>() else {
        panic!("{} bytes", table.len())
    };
    cells
        .iter()
        .map(|cell| {
            if order == Order::Big {
                u32::from_be_bytes(*cell)
            } else {
                u32::from_le_bytes(*cell)
            }
        })
        .collect()
}

#[test]
fn what_is_removed_is_named() {
    let class: Emit = |w| tc::emit_class_delete(w, 1, DEV, TcHandle::new(0x4c4d, 0x10));
    let root: Emit = |w| tc::emit_root_delete(w, 1, DEV, TcHandle::new(0x4c4d, 0));
    for order in ORDERS {
        assert_alike(both(order, "req-class-htb-del", class), OPTIONS, &[]);
        let [ours, theirs] = both(order, "req-qdisc-del", root);
        assert_alike(
            [ours, theirs.clone()],
            OPTIONS,
            &[(
                "fixed",
                "tc removes whatever is the root; we only what is ours",
            )],
        );
        let any: Emit = |w| tc::emit_root_delete(w, 1, DEV, TcHandle::NONE);
        assert_alike(
            [take_one_apart(&emitted(order, any), order), theirs],
            OPTIONS,
            &[],
        );
    }
}

#[test]
fn a_mark_is_changed_as_conntrack_does_it() {
    let change = MarkChange {
        bits: 10,
        mask: 0x7f,
    };
    let nests = &["4", "4/1"];
    let mask = ("21", "only our bits of the mark");
    let state = ("4", "conntrack repeats the state of the connection");
    for order in ORDERS {
        let theirs = take_one_apart(&fixture(order, "req-ct-update-mark").bytes, order);
        let tuple = heapless::Vec::from_slice(theirs.payload(1)).unwrap();
        let mut key = FlowKey {
            family: 2,
            zone: 0,
            tuple,
        };
        let ours = take_one_apart(
            &emitted(order, |w| conntrack::emit_mark(w, 1, &key, change)),
            order,
        );
        assert_alike([ours.clone(), theirs.clone()], &[], &[mask, state]);
        assert_alike([ours.clone(), theirs.without(4)], nests, &[mask]);
        assert_eq!(ours.payload(21), [0, 0, 0, 0x7f]);
        assert_eq!(
            ours.attributes[0].0, 0x8001,
            "kernels since 5.2 insist on the flag of nests"
        );
        key.zone = 0x0102;
        let zoned = take_one_apart(
            &emitted(order, |w| conntrack::emit_mark(w, 1, &key, change)),
            order,
        );
        assert_eq!(zoned.payload(18), [1, 2]);
        assert_eq!(zoned.without(18), ours);
    }
}

/// A request with the number 9, in both orders.
fn assert_emits(emit: impl Fn(&mut Writer<'_>), kind: u16, flags: u16, parts: &[Part<'_>]) {
    for order in ORDERS {
        let expected = message(order, [kind, flags], [9, 0], parts);
        assert_eq!(emitted(order, &emit), expected, "{order:?} {kind:#x}");
    }
}

const DUMP: u16 = 0x301;
const ASK: u16 = 0x005;

#[test]
fn questions_to_the_routing_family_are_these_bytes() {
    // RTEXT_FILTER_SKIP_STATS in IFLA_EXT_MASK.
    assert_emits(
        |w| link::emit_dump(w, 9),
        18,
        DUMP,
        &[Zeroes(16), Attribute(29, &[U32(8)])],
    );
    assert_emits(
        |w| link::emit_get(w, 9, IfIndex(258)),
        18,
        ASK,
        &[Zeroes(4), U32(258), Zeroes(8)],
    );
    assert_emits(|w| address::emit_dump(w, 9), 22, DUMP, &[Zeroes(8)]);
    assert_emits(|w| neighbour::emit_dump(w, 9), 30, DUMP, &[Zeroes(12)]);
    assert_emits(|w| route::emit_dump(w, 9), 26, DUMP, &[Zeroes(12)]);
    assert_emits(|w| tc::emit_qdisc_dump(w, 9), 38, DUMP, &[Zeroes(20)]);
    assert_emits(
        |w| tc::emit_class_dump(w, 9, IfIndex(258)),
        42,
        DUMP,
        &[Zeroes(4), U32(258), Zeroes(12)],
    );
}

#[test]
fn questions_to_the_netfilter_family_are_these_bytes() {
    let any = [Zeroes(4)];
    assert_emits(
        |w| conntrack::emit_dump(w, 9, conntrack::Wanted::All),
        0x101,
        DUMP,
        &any,
    );
    let marked = conntrack::Wanted::Marked(MarkChange {
        bits: 0x0a00,
        mask: 0x7f00,
    });
    let parts = [
        Zeroes(4),
        Attribute(8, &[Be32(0x0a00)]),
        Attribute(21, &[Be32(0x7f00)]),
    ];
    assert_emits(|w| conntrack::emit_dump(w, 9, marked), 0x101, DUMP, &parts);
    assert_emits(|w| conntrack::emit_probe(w, 9), 0x105, ASK, &any);
    let inet = || [U8(1), Zeroes(3)];
    let [family, rest] = inet();
    assert_emits(|w| nft::emit_probe(w, 9), 0xa10, ASK, &[family, rest]);
    let [family, rest] = inet();
    let table = nft::Table { name: "t" };
    assert_emits(
        |w| nft::emit_get_table(w, 9, table),
        0xa01,
        ASK,
        &[family, rest, Attribute(1, &[Text("t")])],
    );
    let [family, rest] = inet();
    assert_emits(
        |w| nft::emit_rule_dump(w, 9, table),
        0xa07,
        DUMP,
        &[family, rest, Attribute(1, &[Text("t")])],
    );
    let [family, rest] = inet();
    let parts = [
        family,
        rest,
        Attribute(1, &[Text("t")]),
        Attribute(2, &[Text("map")]),
    ];
    assert_emits(
        |w| nft::emit_element_dump(w, 9, table, "map"),
        0xa0d,
        DUMP,
        &parts,
    );
}

#[test]
fn a_probe_has_options_that_no_kernel_takes() {
    for (kind, name, nested) in [
        (ProbedKind::Shaper(ShaperKind::Htb), "htb", true),
        (ProbedKind::Shaper(ShaperKind::Hfsc), "hfsc", false),
        (ProbedKind::Shaper(ShaperKind::Cake), "cake", true),
        (ProbedKind::Leaf(LeafKind::Cake), "cake", true),
        (ProbedKind::Leaf(LeafKind::Pie), "pie", true),
        (ProbedKind::Leaf(LeafKind::FqCodel), "fq_codel", true),
        (ProbedKind::Leaf(LeafKind::Codel), "codel", true),
        (ProbedKind::Leaf(LeafKind::Sfq), "sfq", false),
        (ProbedKind::Leaf(LeafKind::Bfifo), "bfifo", false),
        (ProbedKind::Leaf(LeafKind::Pfifo), "pfifo", false),
    ] {
        let short = [Attribute(2, &[U8(0)])];
        let options = if nested {
            Nest(2, &short)
        } else {
            Attribute(2, &[U8(0)])
        };
        let parts = [
            Zeroes(4),
            U32(7),
            U32(0),
            U32(u32::MAX),
            Zeroes(4),
            Attribute(1, &[Text(name)]),
            options,
        ];
        assert_emits(|w| tc::emit_probe(w, 9, DEV, kind), 36, 0x605, &parts);
    }
}
