//! One of every request that there is.

use lanemark::value::{
    Cake, CakeTins, Codel, Curve, FlowKey, FqCodel, Framing, HfscRoot, HtbRoot, IfIndex, IfbChange,
    IfbVerb, Isolation, Kbit, Leaf, LeafKind, Pie, Redirect, Root, Sfq, ShaperClass, ShaperKind,
    TcHandle, TickRate, Ticks,
};
use lanemark::wire::conntrack::{self, MarkChange, Wanted};
use lanemark::wire::nft::{self, Table};
use lanemark::wire::tc::{self, LeafPlace, ProbedKind, Put};
use lanemark::wire::{Order, Writer, address, link, neighbour, route};

use super::raw::{Attribute, Be16, Bytes, Nest, U8, write};
use super::rules;

/// Writes a request.
pub type Emit = Box<dyn Fn(&mut Writer<'_>)>;

pub const DEV: IfIndex = IfIndex(7);
pub const TABLE: Table<'static> = Table { name: "lanemark" };
pub const ROOT_HANDLE: TcHandle = TcHandle::new(0x4c4d, 0);
pub const ROOTS: [Root; 3] = [
    Root::Htb(HtbRoot {
        default_minor: 0x30,
        direct_packets_max: 1000,
    }),
    Root::Hfsc(HfscRoot {
        default_minor: 0x30,
        overhead_bytes: 18,
    }),
    Root::Cake(CAKE),
];
pub const CAKE: Cake = Cake {
    rate: Some(Kbit(950)),
    tins: CakeTins::Diffserv4,
    isolation: Isolation::Destinations,
    framing: Framing {
        overhead_bytes: 18,
        mpu_bytes: 64,
        cells: false,
    },
    rtt_us: 0x0203_0405,
    memory_bytes: u32::MAX,
};
pub const CURVED: ShaperClass = ShaperClass {
    shaper: ShaperKind::Hfsc,
    handle: TcHandle::new(0x4c4e, 0x10),
    parent: TcHandle::new(0x4c4e, 1),
    rate: Kbit(712),
    ceil: Kbit(950),
    deadline: Curve {
        first: Kbit(950),
        us: 12_000,
        then: Kbit(712),
    },
    ..ShaperClass::NONE
};
pub const PLACE: LeafPlace = LeafPlace {
    class: TcHandle::new(0x4c4d, 0x10),
    handle: TcHandle::new(0x4c10, 0),
};
pub const CHANGE: MarkChange = MarkChange {
    bits: 0x0a00,
    mask: 0x7f00,
};
pub const CLASS: ShaperClass = ShaperClass {
    shaper: ShaperKind::Htb,
    handle: TcHandle::new(0x4c4d, 0x10),
    parent: TcHandle::new(0x4c4d, 1),
    rate: Kbit(712),
    ceil: Kbit(950),
    burst: Ticks(280_890),
    cburst: Ticks(210_515),
    quantum_bytes: 1514,
    prio: 7,
    framing: Framing {
        overhead_bytes: 255,
        mpu_bytes: 254,
        cells: true,
    },
    ..ShaperClass::NONE
};
pub const LEAVES: [Leaf; 7] = [
    Leaf::FqCodel(FqCodel {
        limit_packets: 1,
        target_us: 0x0203_0405,
        interval_us: 3,
        quantum_bytes: 4,
        memory_bytes: u32::MAX,
        ecn: true,
    }),
    Leaf::Sfq(Sfq {
        limit_packets: 1,
        quantum_bytes: 0x0203_0405,
        perturb_s: 3,
    }),
    Leaf::Codel(Codel {
        limit_packets: 1,
        target_us: 0x0203_0405,
        interval_us: 3,
        ecn: true,
    }),
    Leaf::Pie(Pie {
        limit_packets: 1,
        target_us: 0x0203_0405,
        ecn: true,
    }),
    Leaf::Cake(CAKE),
    Leaf::Bfifo {
        limit_bytes: 0x0203_0405,
    },
    Leaf::Pfifo {
        limit_packets: 0x0203_0405,
    },
];

pub const REDIRECT: Redirect = Redirect {
    dev: DEV,
    preference: 0xfdea,
    to: IfIndex(0x0102_0304),
};

pub const IFB_CHANGES: [IfbChange; 7] = [
    IfbVerb::Make.on(IfIndex(0)),
    IfbVerb::On.on(DEV),
    IfbVerb::Delete.on(DEV),
    IfbVerb::Hook.on(DEV),
    IfbVerb::Unhook.on(DEV),
    IfbChange {
        verb: IfbVerb::Redirect,
        at: REDIRECT,
    },
    IfbChange {
        verb: IfbVerb::Release,
        at: REDIRECT,
    },
];

pub fn key(order: Order, family: u8, zone: u16) -> FlowKey {
    let address = if family == 2 {
        &[192, 0, 2, 1][..]
    } else {
        &[0x20; 16]
    };
    let numbers = if family == 2 { [1, 2] } else { [3, 4] };
    let addresses = numbers
        .map(|number| write(order, &[Attribute(number, &[Bytes(address)])]))
        .concat();
    let ports = [
        Attribute(1, &[U8(6)]),
        Attribute(2, &[Be16(1)]),
        Attribute(3, &[Be16(2)]),
    ];
    let tuple = write(order, &[Nest(1, &[Bytes(&addresses)]), Nest(2, &ports)]);
    FlowKey {
        family,
        zone,
        tuple: heapless::Vec::from_slice(&tuple).unwrap(),
    }
}

/// With all that can be in it.
pub fn requests() -> Vec<(String, Emit)> {
    let mut all = routing();
    all.extend(netfilter());
    all.extend(rules::requests());
    all
}

fn named(name: &str, emit: impl Fn(&mut Writer<'_>) + 'static) -> (String, Emit) {
    (name.to_owned(), Box::new(emit))
}

fn routing() -> Vec<(String, Emit)> {
    let mut all = vec![
        named("links", |w| link::emit_dump(w, 1)),
        named("link", |w| link::emit_get(w, 1, DEV)),
        named("addresses", |w| address::emit_dump(w, 1)),
        named("neighbours", |w| neighbour::emit_dump(w, 1)),
        named("routes", |w| route::emit_dump(w, 1)),
        named("qdiscs", |w| tc::emit_qdisc_dump(w, 1)),
        named("classes", |w| tc::emit_class_dump(w, 1, DEV)),
        named("filters", |w| {
            tc::emit_filter_dump(w, 1, DEV, TcHandle::EGRESS)
        }),
        named("no root", |w| tc::emit_root_delete(w, 1, DEV, ROOT_HANDLE)),
        named("class", |w| {
            tc::emit_class(w, 1, DEV, &CLASS, Put::New, TickRate::default())
        }),
        named("curved class", |w| {
            tc::emit_class(w, 1, DEV, &CURVED, Put::Change, TickRate::default())
        }),
        named("no class", |w| {
            tc::emit_class_delete(w, 1, DEV, CLASS.handle)
        }),
    ];
    for change in IFB_CHANGES {
        let name = format!("{change:?}");
        all.push(named(&name, move |w| {
            tc::emit_ifb(w, 1, "ifb-lanemark", &change)
        }));
    }
    for root in ROOTS {
        let kind = root.kind();
        for put in [Put::New, Put::Instead, Put::Change] {
            all.push(named(&format!("{} {put:?}", kind.name()), move |w| {
                tc::emit_root(w, 1, DEV, ROOT_HANDLE, &root, put)
            }));
        }
        all.push(named(&format!("probe {}", kind.name()), move |w| {
            tc::emit_probe(w, 1, DEV, ProbedKind::Shaper(kind))
        }));
    }
    for leaf in LEAVES {
        let name = format!("{leaf:?}");
        all.push(named(&name, move |w| {
            tc::emit_leaf(w, 1, DEV, PLACE, &leaf, Put::Change)
        }));
    }
    for kind in LeafKind::ALL {
        let name = format!("probe {kind:?}");
        all.push(named(&name, move |w| {
            tc::emit_probe(w, 1, DEV, ProbedKind::Leaf(kind))
        }));
    }
    all
}

fn netfilter() -> Vec<(String, Emit)> {
    let mark = |family| {
        move |w: &mut Writer<'_>| conntrack::emit_mark(w, 1, &key(w.order(), family, 5), CHANGE)
    };
    vec![
        named("flows", |w| conntrack::emit_dump(w, 1, Wanted::All)),
        named("marked flows", |w| {
            conntrack::emit_dump(w, 1, Wanted::Marked(CHANGE))
        }),
        named("probe conntrack", |w| conntrack::emit_probe(w, 1)),
        named("mark of IPv4", mark(2)),
        named("mark of IPv6", mark(10)),
        named("probe nft", |w| nft::emit_probe(w, 1)),
        named("table", |w| nft::emit_get_table(w, 1, TABLE)),
        named("rules", |w| nft::emit_rule_dump(w, 1, TABLE)),
        named("flowtables", |w| nft::emit_flowtable_dump(w, 1)),
        named("elements", |w| {
            nft::emit_element_dump(w, 1, TABLE, "device_class")
        }),
    ]
}
