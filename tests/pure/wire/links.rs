//! Interfaces, addresses and default routes.

use std::net::Ipv4Addr;

use lanemark::value::{IfIndex, IfName, Link, LinkBytes, LinkKind, Mac};
use lanemark::wire::address::{self, OwnAddress};
use lanemark::wire::link::{self, LinkChange};
use lanemark::wire::netlink::Message;
use lanemark::wire::route::{self, DefaultRoute};
use lanemark::wire::{Malformed, Order};

use super::fixture::{ORDERS, fixture};
use super::raw::{
    Attribute, Bytes, Nest, Part, Raw, Text, U8, U16, U32, U64, Zeroes, message, take_apart, write,
};
use super::{mac, parsed};

/// Attribute numbers of links: name, counters of 32 and of 64 bits.
const IFNAME: u16 = 3;
const STATS: u16 = 7;
const STATS64: u16 = 23;

fn present(index: u32, name: &str, mac: Option<Mac>) -> Link {
    let name = IfName::parse(name).unwrap();
    Link {
        index: IfIndex(index),
        name,
        mac,
        mtu: 1500,
        master: None,
        below: None,
        kind: LinkKind::Other,
        up: true,
    }
}

#[test]
fn a_dump_of_links_tells_name_mac_mtu_master_kind_and_state() {
    let lo = Link {
        mtu: 65_536,
        kind: LinkKind::Loopback,
        ..present(1, "lo", Some(Mac([0; 6])))
    };
    let bridge = Link {
        kind: LinkKind::Bridge,
        ..present(2, "br-lan", Some(mac(1)))
    };
    let port = Link {
        master: Some(IfIndex(2)),
        ..present(3, "lan0", Some(mac(2)))
    };
    for order in ORDERS {
        let fixture = fixture(order, "link-dump");
        let seen: Vec<_> = fixture.messages().into_iter().map(link::parse).collect();
        assert_eq!(
            seen,
            [lo, bridge, port].map(|link| Ok(Some(LinkChange::Present(link)))),
            "{order:?}"
        );
    }
}

#[test]
fn a_dump_of_links_tells_their_counters() {
    for (order, counters) in [
        (Order::Little, [(0, 0), (512, 944), (596, 1840)]),
        (Order::Big, [(0, 0), (644, 1000), (756, 1896)]),
    ] {
        let fixture = fixture(order, "link-dump");
        let seen: Vec<_> = fixture
            .messages()
            .into_iter()
            .map(link::parse_bytes)
            .collect();
        assert_eq!(
            seen,
            counters.map(|(rx, tx)| Ok(Some(LinkBytes { rx, tx }))),
            "{order:?}"
        );
    }
}

#[test]
fn without_wide_counters_the_narrow_ones_count_and_without_any_none() {
    for order in ORDERS {
        let dump = fixture(order, "link-dump");
        for raw in take_apart(&dump.bytes, order) {
            let wide = parsed(&raw.bytes(), order, link::parse_bytes).unwrap();
            let narrow = raw.without(STATS64);
            assert_eq!(parsed(&narrow.bytes(), order, link::parse_bytes), Ok(wide));
            assert_eq!(
                parsed(&narrow.without(STATS).bytes(), order, link::parse_bytes),
                Ok(None)
            );
        }
        let wide = [
            Zeroes(16),
            Attribute(STATS64, &[Zeroes(16), U64(1 << 40), U64(3 << 33)]),
        ];
        let seen = parsed(
            &message(order, [16, 0], [0, 0], &wide),
            order,
            link::parse_bytes,
        );
        assert_eq!(
            seen,
            Ok(Some(LinkBytes {
                rx: 1 << 40,
                tx: 3 << 33
            }))
        );
    }
}

#[test]
fn a_new_link_is_present_and_a_deleted_one_is_gone() {
    let new = LinkChange::Present(Link {
        up: false,
        ..present(9, "ev0", Some(mac(0xee)))
    });
    let gone = LinkChange::Gone(IfIndex(9));
    for (order, name, change) in [
        (Order::Little, "link-new-event", new),
        (Order::Big, "link-new-event", new),
        (Order::Little, "link-del-event", gone),
        (Order::Big, "link-del-event", gone),
        (Order::Little, "link-del-event-mips", gone),
    ] {
        let fixture = fixture(order, name);
        assert_eq!(
            link::parse(fixture.message()),
            Ok(Some(change)),
            "{order:?} {name}"
        );
        let counted = link::parse_bytes(fixture.message()).unwrap();
        assert_eq!(
            counted.is_some(),
            name.contains("new"),
            "only a link that is there has counters"
        );
    }
}

/// A link message of `family`, with an Ethernet address of `mac` and this name.
fn link_message(order: Order, kind: u16, family: u8, parts: &[Part<'_>]) -> Vec<u8> {
    let mut all = vec![U8(family), U8(0), U16(1), U32(5), U32(0x1043), Zeroes(4)];
    let body = write(order, parts);
    all.push(Bytes(&body));
    message(order, [kind, 0], [0, 0], &all)
}

#[test]
fn a_bridge_that_speaks_of_its_port_is_not_heard() {
    const AF_BRIDGE: u8 = 7;
    for order in ORDERS {
        for kind in [16, 17] {
            let bytes = link_message(
                order,
                kind,
                AF_BRIDGE,
                &[Attribute(IFNAME, &[Text("lan0")])],
            );
            assert_eq!(parsed(&bytes, order, link::parse), Ok(None));
            let bytes = link_message(order, kind, 0, &[Attribute(IFNAME, &[Text("lan0")])]);
            assert!(parsed(&bytes, order, link::parse).unwrap().is_some());
        }
    }
}

#[test]
fn links_of_unusual_form_are_read_as_far_as_they_matter() {
    let ipv4 = [10, 0, 0, 1];
    let name = |name| Attribute(IFNAME, name);
    for order in ORDERS {
        let read = |kind, parts: &[Part<'_>]| {
            parsed(&link_message(order, kind, 0, parts), order, link::parse)
        };
        // A tunnel has an IPv4 address where others have a MAC address.
        let tunnel = read(
            16,
            &[
                name(&[Text("wg0")]),
                Attribute(1, &[Bytes(&ipv4)]),
                Attribute(4, &[U32(1420)]),
            ],
        );
        let expected = Link {
            mtu: 1420,
            ..present(5, "wg0", None)
        };
        assert_eq!(tunnel, Ok(Some(LinkChange::Present(expected))));
        // The kind of a link stands among other things, and a bridge's port says so elsewhere.
        let kinds = [
            Attribute(4, &[Text("bridge")]),
            Attribute(1, &[Text("vlan")]),
        ];
        let vlan = read(16, &[name(&[Text("x.1")]), Nest(18, &kinds)]);
        assert_eq!(
            vlan,
            Ok(Some(LinkChange::Present(Link {
                mtu: 0,
                ..present(5, "x.1", None)
            })))
        );
        assert_eq!(read(16, &[name(&[Text("a b")])]), Ok(None));
        assert_eq!(read(16, &[]), Err(Malformed::Missing { attribute: IFNAME }));
        assert_eq!(
            read(16, &[name(&[Bytes(b"\xff\xfe\0")])]),
            Err(Malformed::Text)
        );
        assert_eq!(read(17, &[]), Ok(Some(LinkChange::Gone(IfIndex(5)))));
        assert_eq!(read(18, &[]), Ok(None), "a request is no news");
    }
}

/// Attribute numbers: the address, the MTU, the other interface, what it is.
const ADDRESS: u16 = 1;
const MTU: u16 = 4;
const LINK: u16 = 5;
const LINKINFO: u16 = 18;

#[test]
fn what_is_below_a_vlan_is_told_and_the_other_end_of_a_cable_is_not_below() {
    for order in ORDERS {
        for (kind, below) in [
            ("vlan", Some(IfIndex(3))),
            ("macvlan", Some(IfIndex(3))),
            ("veth", None),
            ("dsa", None),
            ("gre", None),
        ] {
            // As linux/if_link.h has them; the kernels of the recordings have no VLANs.
            let parts = [
                Attribute(IFNAME, &[Text("eth0.2")]),
                Attribute(MTU, &[U32(1500)]),
                Attribute(LINK, &[U32(3)]),
                Nest(LINKINFO, &[Attribute(1, &[Text(kind)])]),
            ];
            let read = parsed(&link_message(order, 16, 0, &parts), order, link::parse);
            let expected = Link {
                below,
                ..present(5, "eth0.2", None)
            };
            assert_eq!(read, Ok(Some(LinkChange::Present(expected))), "{kind}");
        }
    }
}

#[test]
fn what_a_device_counts_of_its_header_is_not_added_again() {
    let wan = |link| {
        let text = format!(r#"{{"version": 1, "wan": {{"link": "{link}"}}}}"#);
        lanemark::config::parse(text.as_bytes()).unwrap().wan
    };
    // PPP has no address, raw IP of a mobile modem none either; a VLAN has its Ethernet header, and its tag is put on below it.
    let ethernet: &[u8] = &[2, 0, 0, 0, 0, 1];
    for (name, kind, mac, counted) in [
        ("ppp0", "ppp", None, 0),
        ("pppoe-wan", "ppp", None, 0),
        ("wwan0", "", None, 0),
        ("eth0.2", "vlan", Some(ethernet), 14),
        ("eth0", "", Some(ethernet), 14),
    ] {
        let address = mac.map(|mac| [Bytes(mac)]);
        let (name_part, kind_part) = ([Text(name)], [Attribute(1, &[Text(kind)])]);
        let mut parts = vec![Attribute(IFNAME, &name_part), Nest(LINKINFO, &kind_part)];
        parts.extend(address.iter().map(|address| Attribute(ADDRESS, address)));
        let bytes = link_message(Order::HOST, 16, 0, &parts);
        let Ok(Some(LinkChange::Present(link))) = parsed(&bytes, Order::HOST, link::parse) else {
            panic!("{name} is no link");
        };
        assert_eq!(link.header_bytes(), counted, "{name}");
        for (layer, adds) in [("pppoe-ptm", 30), ("docsis", 18), ("ethernet", 38)] {
            let framing = wan(layer).framing(link.header_bytes());
            assert_eq!(framing.overhead_bytes, adds - counted, "{name}: {layer}");
        }
    }
}

fn own(dev: u32, address: &str, present: bool) -> OwnAddress {
    OwnAddress {
        dev: IfIndex(dev),
        address: address.parse().unwrap(),
        present,
        usable: true,
    }
}

#[test]
fn own_addresses_come_and_go() {
    let dump = [
        (1, "127.0.0.1"),
        (2, "192.168.77.1"),
        (4, "203.0.113.1"),
        (1, "::1"),
        (2, "fd77::1"),
        (2, "fe80::ff:fe00:1"),
        (4, "2001:db8:113::1"),
        (4, "fe80::ff:fe00:3"),
    ];
    let dump = dump.map(|(dev, address)| own(dev, address, true)).to_vec();
    for (name, expected) in [
        ("addr-dump", dump),
        ("addr-new-event", vec![own(2, "192.168.78.1", true)]),
        ("addr-new-event-v6", vec![own(2, "fd78::1", true)]),
        ("addr-del-event", vec![own(2, "192.168.78.1", false)]),
        ("addr-del-event-v6", vec![own(2, "fd78::1", false)]),
    ] {
        for order in ORDERS {
            let fixture = fixture(order, name);
            let seen = fixture.messages().into_iter().map(|message| {
                assert!(address::is_change(message));
                let seen = address::parse(message).unwrap();
                // The recordings begin before the kernel knows that nobody else has an IPv6 address.
                seen.map(|seen| OwnAddress {
                    usable: true,
                    ..seen
                })
            });
            let expected: Vec<_> = expected.iter().copied().map(Some).collect();
            assert_eq!(seen.collect::<Vec<_>>(), expected, "{order:?} {name}");
        }
    }
}

#[test]
fn on_a_point_to_point_link_the_local_address_is_ours() {
    let (local, peer) = (
        Attribute(2, &[Bytes(&[10, 0, 0, 1])]),
        Attribute(1, &[Bytes(&[10, 0, 0, 2])]),
    );
    let fixed = [U8(2), U8(32), U8(0), U8(0), U32(6)];
    let address = |parts: &[Part<'_>]| {
        let body = [write(Order::HOST, &fixed), write(Order::HOST, parts)].concat();
        parsed(
            &message(Order::HOST, [20, 0], [0, 0], &[Bytes(&body)]),
            Order::HOST,
            address::parse,
        )
        .unwrap()
    };
    assert_eq!(address(&[peer, local]), Some(own(6, "10.0.0.1", true)));
    assert_eq!(address(&[]), None);
}

#[test]
fn an_address_that_another_host_may_have_cannot_be_used() {
    for order in ORDERS {
        for (flags, usable) in [
            (0, true),
            (0x80, true),
            (0x40, false),
            (0x08, false),
            (0xc0, false),
        ] {
            let fixed = [U8(2), U8(24), U8(flags), U8(0), U32(6)];
            let body = [
                write(order, &fixed),
                write(order, &[Attribute(2, &[Bytes(&[10, 0, 0, 1])])]),
            ]
            .concat();
            let seen = parsed(
                &message(order, [20, 0], [0, 0], &[Bytes(&body)]),
                order,
                address::parse,
            );
            assert_eq!(
                seen.unwrap().unwrap().usable,
                usable,
                "{order:?} {flags:#x}"
            );
        }
    }
}

const DEFAULTS: [DefaultRoute; 2] = [
    DefaultRoute {
        dev: IfIndex(4),
        metric: 0,
        family: 2,
        gateway: Some(Ipv4Addr::new(203, 0, 113, 254)),
    },
    DefaultRoute {
        dev: IfIndex(4),
        metric: 1024,
        family: 10,
        gateway: None,
    },
];

#[test]
fn default_routes_of_the_main_table_are_found_among_others() {
    for order in ORDERS {
        let fixture = fixture(order, "route-dump-default");
        let seen: Vec<_> = fixture
            .messages()
            .into_iter()
            .map(|message| route::parse(message).unwrap())
            .collect();
        assert_eq!(
            seen,
            [None, Some(DEFAULTS[0]), None, Some(DEFAULTS[1])],
            "{order:?}: the others are of table 100"
        );
        assert!(fixture.messages().into_iter().all(route::is_change));
    }
}

/// The IPv4 default route of the recording.
fn route_raw(order: Order) -> Raw {
    take_apart(&fixture(order, "route-dump-default").bytes, order).swap_remove(1)
}

#[test]
fn only_a_default_route_that_leads_somewhere_counts() {
    let read = |raw: &Raw| parsed(&raw.bytes(), raw.order, route::parse);
    for order in ORDERS {
        let default = route_raw(order);
        assert_eq!(read(&default), Ok(Some(DEFAULTS[0])));
        // The byte of the fixed part and what it must not become: bits of the destination, table, type.
        for (at, value) in [(1, 24), (7, 6)] {
            let mut other = default.clone();
            other.fixed[at] = value;
            assert_eq!(read(&other), Ok(None), "byte {at}");
        }
        let mut without_table = default.without(15);
        assert_eq!(
            read(&without_table),
            Ok(Some(DEFAULTS[0])),
            "the table of the fixed part"
        );
        without_table.fixed[4] = 100;
        assert_eq!(read(&without_table), Ok(None));
        // Tables above 255 do not fit the fixed part; the attribute wins.
        for (number, expected) in [(254, Some(DEFAULTS[0])), (1000, None)] {
            for fixed in [0, 252, 254] {
                without_table.fixed[4] = fixed;
                let raw = without_table.with(&Attribute(15, &[U32(number)]));
                assert_eq!(read(&raw), Ok(expected), "{number} {fixed}");
            }
        }
        assert_eq!(
            read(&default.without(4)),
            Ok(None),
            "it leads to no interface"
        );
        let mut gone = default.clone();
        gone.kind = 25;
        assert_eq!(read(&gone), Ok(None));
        assert!(
            parsed(&gone.bytes(), order, |message: Message<'_>| Ok(
                route::is_change(message)
            ))
            .unwrap()
        );
    }
}

#[test]
fn the_first_of_several_next_hops_counts() {
    for order in ORDERS {
        // struct rtnexthop: length, flags, hops, interface.
        let hops = [U16(8), U8(0), U8(0), U32(6), U16(8), U8(0), U8(9), U32(7)];
        let raw = route_raw(order)
            .without(4)
            .with(&Attribute(9, &hops))
            .with(&Attribute(6, &[U32(5)]));
        let expected = DefaultRoute {
            dev: IfIndex(6),
            metric: 5,
            family: 2,
            gateway: DEFAULTS[0].gateway,
        };
        assert_eq!(
            parsed(&raw.bytes(), order, route::parse),
            Ok(Some(expected))
        );
    }
}

#[test]
fn a_neighbour_is_no_route_change() {
    for order in ORDERS {
        assert!(!route::is_change(
            fixture(order, "neigh-new-event").message()
        ));
    }
}
