//! Flows.

use std::net::IpAddr;

use lanemark::value::{FLOW_KEY_BYTES_MAX, Flow, FlowBytes, FlowKey, FlowPath, Tuple};
use lanemark::wire::conntrack::{self, FlowChange};
use lanemark::wire::{Malformed, Order};

use super::fixture::{ORDERS, fixture};
use super::parsed;
use super::raw::{
    Attribute, Be16, Be32, Bytes, Nest, Part, Raw, U8, Zeroes, take_one_apart, write,
};

const ORIG: u16 = 1;
const REPLY: u16 = 2;
const COUNTERS_REPLY: u16 = 10;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

fn tuple(src: &str, dst: &str, [sport, dport]: [u16; 2], proto: u8) -> Tuple {
    Tuple {
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        sport,
        dport,
        proto,
    }
}

/// The tuple as the kernel of `order` encodes it; `icmp` is identifier, type and code.
fn encoded(order: Order, out: &Tuple, icmp: Option<(u16, u8, u8)>) -> Vec<u8> {
    let address = |number, address: IpAddr| match address {
        IpAddr::V4(address) => write(order, &[Attribute(number, &[Bytes(&address.octets())])]),
        IpAddr::V6(address) => write(order, &[Attribute(number + 2, &[Bytes(&address.octets())])]),
    };
    let addresses = [address(1, out.src), address(2, out.dst)].concat();
    let protocol = write(order, &[Attribute(1, &[U8(out.proto)])]);
    let rest = match icmp {
        None => write(
            order,
            &[
                Attribute(2, &[Be16(out.sport)]),
                Attribute(3, &[Be16(out.dport)]),
            ],
        ),
        Some((id, kind, code)) => write(
            order,
            &[
                Attribute(4, &[Be16(id)]),
                Attribute(5, &[U8(kind)]),
                Attribute(6, &[U8(code)]),
            ],
        ),
    };
    write(
        order,
        &[
            Nest(1, &[Bytes(&addresses)]),
            Nest(2, &[Bytes(&protocol), Bytes(&rest)]),
        ],
    )
}

/// The flow of a host to the outside, out and back.
fn flow(order: Order, [out, back]: [Tuple; 2], mark: u32, bytes: Option<[u64; 2]>) -> Flow {
    let icmp = (out.proto == ICMP).then_some((1234, 8, 0));
    let tuple = heapless::Vec::from_slice(&encoded(order, &out, icmp)).unwrap();
    let family = if out.src.is_ipv4() { 2 } else { 10 };
    let bytes = bytes.map(|[out, back]| FlowBytes { out, back });
    Flow {
        key: FlowKey {
            family,
            zone: 0,
            tuple,
        },
        out,
        back,
        mark,
        bytes,
        path: FlowPath::Rules,
    }
}

/// IPv4, behind the address of the WAN.
fn v4(sport: u16, dport: u16, proto: u8) -> [Tuple; 2] {
    [
        tuple("192.168.77.10", "203.0.113.254", [sport, dport], proto),
        tuple("203.0.113.254", "203.0.113.1", [dport, sport], proto),
    ]
}

/// IPv6, behind the address of the WAN.
fn v6(sport: u16, dport: u16, proto: u8) -> [Tuple; 2] {
    [
        tuple("fd77::10", "2001:db8:113::fe", [sport, dport], proto),
        tuple("2001:db8:113::fe", "2001:db8:113::1", [dport, sport], proto),
    ]
}

#[test]
fn a_dump_tells_addresses_ports_mark_counters_and_key() {
    for order in ORDERS {
        let mut expected = [
            flow(order, v4(40_002, 5002, UDP), 0, Some([34, 31])),
            flow(order, v6(40_012, 6002, UDP), 0, Some([54, 51])),
            flow(order, v4(0, 0, ICMP), 0, Some([168, 168])),
            flow(order, v6(40_011, 6001, TCP), 0x00c0_000a, Some([230, 152])),
            flow(order, v4(40_001, 5001, TCP), 10, Some([170, 112])),
        ];
        // The table is hashed: its order means nothing.
        let by_port = |flow: &Flow| (flow.out.sport, flow.out.dport);
        expected.sort_by_key(by_port);
        let fixture = fixture(order, "ct-dump");
        let seen = fixture
            .messages()
            .into_iter()
            .map(|message| match conntrack::parse(message) {
                Ok(Some(FlowChange::Present(flow))) => flow,
                other => panic!("{order:?}: {other:?}"),
            });
        let mut seen: Vec<_> = seen.collect();
        seen.sort_by_key(by_port);
        assert_eq!(seen, expected, "{order:?}");
    }
}

#[test]
fn events_tell_what_became_of_a_flow() {
    const MARK: u32 = 0x00c0_0028;
    let (little, big) = (Order::Little, Order::Big);
    let new = |order| FlowChange::Opened(flow(order, v4(40_003, 5003, TCP), 0, None));
    let new_v6 = |order| FlowChange::Opened(flow(order, v6(40_004, 5004, UDP), 0, None));
    let changed = |order| FlowChange::Present(flow(order, v4(40_003, 5003, TCP), MARK, None));
    let over =
        |order| FlowChange::Closed(flow(order, v4(40_003, 5003, TCP), MARK, Some([170, 112])));
    for (order, name, expected) in [
        (little, "ct-event-new", new(little)),
        (big, "ct-event-new", new(big)),
        (little, "ct-event-new-v6", new_v6(little)),
        (big, "ct-event-new-v6", new_v6(big)),
        (little, "ct-event-update", changed(little)),
        (big, "ct-event-update", changed(big)),
        (little, "ct-event-destroy", over(little)),
        (big, "ct-event-destroy", over(big)),
        (little, "ct-event-destroy-mips", over(little)),
    ] {
        let fixture = fixture(order, name);
        assert_eq!(
            conntrack::parse(fixture.message()).as_ref(),
            Ok(&Some(expected.clone())),
            "{order:?} {name}"
        );
    }
}

fn recorded(order: Order, name: &str) -> Raw {
    take_one_apart(&fixture(order, name).bytes, order)
}

fn read(raw: &Raw) -> Result<Flow, Malformed> {
    parsed(&raw.bytes(), raw.order, conntrack::parse).map(|change| change.unwrap().flow().clone())
}

#[test]
fn only_both_flags_make_a_flow_new() {
    for order in ORDERS {
        let mut raw = recorded(order, "ct-event-new");
        for (flags, new) in [
            (0x600, true),
            (0x602, true),
            (0x400, false),
            (0x200, false),
            (0, false),
            (2, false),
        ] {
            raw.flags = flags;
            let change = parsed(&raw.bytes(), order, conntrack::parse)
                .unwrap()
                .unwrap();
            assert_eq!(matches!(change, FlowChange::Opened(_)), new, "{flags:#x}");
        }
    }
}

#[test]
fn a_zone_is_part_of_the_key_and_a_flow_may_be_counted_one_way() {
    for order in ORDERS {
        let raw = recorded(order, "ct-event-destroy");
        assert_eq!(
            read(&raw.with(&Attribute(18, &[Be16(0x0102)])))
                .unwrap()
                .key
                .zone,
            0x0102
        );
        let counted = read(&raw.without(COUNTERS_REPLY)).unwrap().bytes;
        assert_eq!(counted, Some(FlowBytes { out: 170, back: 0 }));
        let large = Nest(
            COUNTERS_REPLY,
            &[
                Attribute(1, &[Zeroes(8)]),
                Attribute(2, &[super::raw::Be64(1 << 40)]),
            ],
        );
        let counted = read(&raw.without(COUNTERS_REPLY).with(&large))
            .unwrap()
            .bytes;
        assert_eq!(
            counted,
            Some(FlowBytes {
                out: 170,
                back: 1 << 40
            })
        );
        let packets_only = Nest(COUNTERS_REPLY, &[Attribute(1, &[Zeroes(8)])]);
        assert_eq!(
            read(&raw.without(COUNTERS_REPLY).with(&packets_only))
                .unwrap()
                .bytes,
            counted_out_only()
        );
        let narrow = Nest(COUNTERS_REPLY, &[Attribute(2, &[Be32(7)])]);
        let narrow = read(&raw.without(COUNTERS_REPLY).with(&narrow));
        assert_eq!(
            narrow,
            Err(Malformed::Short {
                expected: 8,
                found: 4
            }),
            "counters of 2.6 kernels had other numbers"
        );
    }
}

const fn counted_out_only() -> Option<FlowBytes> {
    Some(FlowBytes { out: 170, back: 0 })
}

#[test]
fn a_flow_tells_who_forwards_its_packets() {
    /// `IPS_SEEN_REPLY` and `IPS_CONFIRMED`: what else stands in a status.
    const USUAL: u32 = 0x0a;
    for order in ORDERS {
        let raw = recorded(order, "ct-event-new").without(3);
        assert_eq!(read(&raw).unwrap().path, FlowPath::Rules);
        for (status, path) in [
            (USUAL, FlowPath::Rules),
            (USUAL | 1 << 14, FlowPath::Flowtable),
            (USUAL | 1 << 15, FlowPath::Hardware),
            (USUAL | 3 << 14, FlowPath::Hardware),
        ] {
            let raw = raw.with(&Attribute(3, &[Be32(status)]));
            assert_eq!(read(&raw).unwrap().path, path, "{status:#x}");
        }
    }
}

#[test]
fn a_flow_without_one_of_its_directions_is_malformed() {
    for order in ORDERS {
        for direction in [ORIG, REPLY] {
            let raw = recorded(order, "ct-event-new").without(direction);
            assert_eq!(
                read(&raw),
                Err(Malformed::Missing {
                    attribute: direction
                })
            );
        }
    }
}

#[test]
fn a_key_that_is_longer_than_any_we_know_is_refused_and_not_cut() {
    for order in ORDERS {
        let raw = recorded(order, "ct-event-new");
        // An attribute that we do not know, inside the key, which fills it up.
        for (len, fits) in [
            (FLOW_KEY_BYTES_MAX, true),
            (FLOW_KEY_BYTES_MAX + 4, false),
            (4096, false),
        ] {
            let grown = raw.changed(ORIG, |key| {
                let filler = vec![0x5a; len - key.len() - 4];
                key.extend(write(order, &[Attribute(77, &[Bytes(&filler)])]));
            });
            let seen = read(&grown);
            match fits {
                true => assert_eq!(seen.unwrap().key.tuple.len(), len),
                false => assert_eq!(
                    seen,
                    Err(Malformed::Length {
                        room: FLOW_KEY_BYTES_MAX,
                        found: len
                    })
                ),
            }
        }
        // The zone of one direction (CTA_TUPLE_ZONE) stands in the key and is handed back with it.
        let zoned = raw.changed(ORIG, |key| {
            key.extend(write(order, &[Attribute(3, &[Be16(7)])]))
        });
        let seen = read(&zoned).unwrap();
        assert_eq!(
            (seen.out, &seen.key.tuple[..]),
            (read(&raw).unwrap().out, zoned.payload(ORIG))
        );
        // A reply is not kept, so that its length does not matter.
        let grown = raw.changed(REPLY, |reply| {
            reply.extend(write(order, &[Attribute(77, &[Zeroes(4096)])]))
        });
        assert_eq!(read(&grown), read(&raw));
    }
}

#[test]
fn what_is_no_flow_of_ip_is_passed_over() {
    const AF_BRIDGE: u8 = 7;
    for order in ORDERS {
        let mut raw = recorded(order, "ct-event-new");
        raw.fixed[0] = AF_BRIDGE;
        assert_eq!(parsed(&raw.bytes(), order, conntrack::parse), Ok(None));
        raw.fixed[0] = 2;
        // A question, statistics, and an expectation, which is another subsystem.
        for kind in [0x101, 0x105, 0x200] {
            raw.kind = kind;
            assert_eq!(parsed(&raw.bytes(), order, conntrack::parse), Ok(None));
        }
    }
}

#[test]
fn an_address_that_is_not_told_is_the_unspecified_one() {
    for order in ORDERS {
        for (family, src, dst) in [(2, "0.0.0.0", "0.0.0.0"), (10, "::", "::")] {
            let nothing = [Nest(2, &[Attribute(1, &[U8(47)])])];
            let mut raw = recorded(order, "ct-event-new").without(ORIG).without(REPLY);
            raw.fixed[0] = family;
            let raw = raw.with(&Nest(ORIG, &nothing)).with(&Nest(REPLY, &nothing));
            assert_eq!(read(&raw).unwrap().out, tuple(src, dst, [0, 0], 47));
        }
        let short: &[Part<'_>] = &[Nest(1, &[Attribute(1, &[U8(1)])])];
        let raw = recorded(order, "ct-event-new")
            .without(ORIG)
            .with(&Nest(ORIG, short));
        assert_eq!(
            read(&raw),
            Err(Malformed::Short {
                expected: 4,
                found: 1
            })
        );
        let marked = recorded(order, "ct-event-destroy")
            .without(8)
            .with(&Attribute(8, &[Be32(0x0102_0304)]));
        assert_eq!(read(&marked).unwrap().mark, 0x0102_0304);
    }
}
