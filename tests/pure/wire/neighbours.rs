//! Who has which address: dumps through the package, events through our own reader.

use lanemark::value::{IfIndex, Neighbour};
use lanemark::wire::neighbour::{self, NeighbourChange};
use lanemark::wire::{Malformed, Order};

use super::fixture::{ORDERS, fixture};
use super::raw::{Attribute, Bytes, Part, U8, U16, U32, Zeroes, message, take_one_apart, write};
use super::{mac, parsed};

/// Device, address, last byte of the MAC address (none where nobody answered), and the age in milliseconds in both orders.
const DUMPED: [(u32, &str, Option<u8>, [u32; 2]); 11] = [
    (2, "192.168.77.10", Some(0x0a), [1_140, 2_780]),
    (2, "192.168.77.20", Some(0x14), [6_180, 8_380]),
    (2, "192.168.77.21", Some(0x15), [66_180, 68_260]),
    (2, "192.168.77.99", None, [66_160, 67_350]),
    (7, "198.51.100.2", Some(0x99), [17_240, 47_940]),
    (2, "fd77::10", Some(0x0a), [1_140, 2_520]),
    (2, "fd77::20", Some(0x14), [6_180, 8_160]),
    (2, "fd77::21", Some(0x15), [66_180, 68_040]),
    (2, "fd77::99", None, [63_080, 64_080]),
    (2, "fe80::ff:fe00:a", Some(0x0a), [75_440, 108_820]),
    (4, "fe80::ff:fe00:f1", Some(0xf1), [76_210, 108_790]),
];

fn neighbour(dev: u32, address: &str, last: Option<u8>, ago_ms: Option<u32>) -> Neighbour {
    let address = address.parse().unwrap();
    Neighbour {
        dev: IfIndex(dev),
        address,
        mac: last.map(mac),
        confirmed_ago_ms: ago_ms,
    }
}

/// The dump of an order: the kernel's multicast entries are not in it.
fn dumped(order: Order) -> Vec<Neighbour> {
    let ago = |ago: [u32; 2]| {
        Some(if order == Order::Little {
            ago[0]
        } else {
            ago[1]
        })
    };
    DUMPED
        .iter()
        .map(|&(dev, address, last, ms)| neighbour(dev, address, last, ago(ms)))
        .collect()
}

fn sorted(mut neighbours: Vec<Neighbour>) -> Vec<Neighbour> {
    neighbours.sort_by_key(|neighbour| neighbour.address);
    neighbours
}

#[test]
fn a_dump_tells_who_has_which_address_and_when_it_was_heard() {
    for order in ORDERS {
        let fixture = fixture(order, "neigh-dump");
        let frames = fixture.frames();
        let messages = frames.iter().filter_map(|frame| match frame {
            lanemark::wire::netlink::Frame::Message(message) => Some(*message),
            _ => None,
        });
        let seen: Vec<_> = messages
            .clone()
            .filter_map(|message| neighbour::parse_dumped(message).unwrap())
            .collect();
        // The package reads the order of this machine only; a recording of the other one is not for it.
        let expected = if order == Order::HOST {
            dumped(order)
        } else {
            Vec::new()
        };
        assert_eq!(sorted(seen), expected, "{order:?}");
        let events =
            messages.filter_map(|message| match neighbour::parse_event(message).unwrap() {
                Some(NeighbourChange::Present(neighbour)) => Some(neighbour),
                Some(NeighbourChange::Gone { .. }) => panic!("a dump tells of nobody who went"),
                None => None,
            });
        assert_eq!(
            sorted(events.collect()),
            dumped(order),
            "{order:?}: our own reader says the same"
        );
    }
}

#[test]
fn events_tell_who_came_and_who_went() {
    let gone = |address: &str| NeighbourChange::Gone {
        dev: IfIndex(2),
        address: address.parse().unwrap(),
    };
    let here = |address| NeighbourChange::Present(neighbour(2, address, Some(0x1e), Some(0)));
    for (name, expected) in [
        ("neigh-new-event", here("192.168.77.30")),
        ("neigh-new-event-v6", here("fd77::30")),
        ("neigh-del-event", gone("192.168.77.30")),
        ("neigh-del-event-v6", gone("fd77::30")),
    ] {
        for order in ORDERS {
            let fixture = fixture(order, name);
            assert_eq!(
                neighbour::parse_event(fixture.message()),
                Ok(Some(expected)),
                "{order:?} {name}"
            );
        }
    }
}

/// Of family, state and attributes, on device 3.
fn entry(order: Order, family: u8, state: u16, parts: &[Part<'_>]) -> Vec<u8> {
    let body = write(order, parts);
    let fixed = [
        U8(family),
        Zeroes(3),
        U32(3),
        U16(state),
        Zeroes(2),
        Bytes(&body),
    ];
    message(order, [28, 0], [0, 0], &fixed)
}

#[test]
fn only_an_entry_that_somebody_answered_for_has_a_mac() {
    let (address, host) = ([192, 168, 77, 5], mac(5).0);
    for order in ORDERS {
        for (state, answered) in [
            (1, false),
            (2, true),
            (4, true),
            (8, true),
            (16, true),
            (32, false),
            (64, false),
            (128, true),
        ] {
            let bytes = entry(
                order,
                2,
                state,
                &[
                    Attribute(1, &[Bytes(&address)]),
                    Attribute(2, &[Bytes(&host)]),
                ],
            );
            let expected = neighbour(3, "192.168.77.5", Some(5).filter(|_| answered), None);
            let event = parsed(&bytes, order, neighbour::parse_event);
            assert_eq!(
                event,
                Ok(Some(NeighbourChange::Present(expected))),
                "{order:?} state {state:#x}"
            );
            let entry = parsed(&bytes, order, neighbour::parse_dumped);
            assert_eq!(
                entry,
                Ok(Some(expected).filter(|_| order == Order::HOST)),
                "{order:?} state {state:#x}"
            );
        }
    }
}

#[test]
fn a_mac_that_no_device_can_have_is_nobodys() {
    let address = Attribute(1, &[Bytes(&[192, 168, 77, 5])]);
    let nobody = neighbour(3, "192.168.77.5", None, None);
    for lladdr in [
        &[0; 6][..],
        &[1, 0, 0, 0, 0, 5],
        &[255; 6],
        &[2, 0, 0, 0, 5],
        &[2, 0, 0, 0, 0, 0, 0, 5],
        &[],
    ] {
        for order in ORDERS {
            let parts = [Attribute(2, &[Bytes(lladdr)])];
            let bytes = [
                write(order, std::slice::from_ref(&address)),
                write(order, &parts),
            ]
            .concat();
            let bytes = entry(order, 2, 2, &[Bytes(&bytes)]);
            let event = parsed(&bytes, order, neighbour::parse_event);
            assert_eq!(
                event,
                Ok(Some(NeighbourChange::Present(nobody))),
                "{lladdr:?}"
            );
        }
        let parts = [
            write(Order::HOST, std::slice::from_ref(&address)),
            write(Order::HOST, &[Attribute(2, &[Bytes(lladdr)])]),
        ];
        let bytes = entry(Order::HOST, 2, 2, &[Bytes(&parts.concat())]);
        assert_eq!(
            parsed(&bytes, Order::HOST, neighbour::parse_dumped),
            Ok(Some(nobody)),
            "{lladdr:?}"
        );
    }
}

#[test]
fn a_bridges_entry_a_group_and_a_proxy_without_address_are_not_neighbours() {
    const AF_BRIDGE: u8 = 7;
    for order in ORDERS {
        let host = mac(5).0;
        let bridge = entry(order, AF_BRIDGE, 2, &[Attribute(2, &[Bytes(&host)])]);
        let bridge_vxlan = entry(
            order,
            AF_BRIDGE,
            2,
            &[Attribute(1, &[Bytes(&[10, 0, 0, 1])])],
        );
        let group = entry(order, 2, 64, &[Attribute(1, &[Bytes(&[224, 0, 0, 22])])]);
        let nothing = entry(order, 2, 2, &[]);
        for bytes in [bridge, bridge_vxlan, group, nothing] {
            assert_eq!(parsed(&bytes, order, neighbour::parse_event), Ok(None));
            assert_eq!(parsed(&bytes, order, neighbour::parse_dumped), Ok(None));
        }
        let short = entry(order, 10, 2, &[Attribute(1, &[Bytes(&[192, 168, 77, 5])])]);
        assert_eq!(
            parsed(&short, order, neighbour::parse_event),
            Err(Malformed::Short {
                expected: 16,
                found: 4
            })
        );
    }
}

#[test]
fn an_age_of_fifty_days_is_as_old_as_can_be_told() {
    for order in ORDERS {
        let raw = take_one_apart(&fixture(order, "neigh-new-event").bytes, order);
        for (ticks, ms) in [
            (1, 10),
            (429_496_729, 4_294_967_290),
            (429_496_730, u32::MAX),
            (u32::MAX, u32::MAX),
        ] {
            let raw = raw.changed(3, |info| {
                info.splice(..4, write(order, &[U32(ticks)])).for_each(drop)
            });
            let expected = neighbour(2, "192.168.77.30", Some(0x1e), Some(ms));
            let event = parsed(&raw.bytes(), order, neighbour::parse_event).unwrap();
            assert_eq!(event, Some(NeighbourChange::Present(expected)));
            let entry = parsed(&raw.bytes(), order, neighbour::parse_dumped).unwrap();
            assert_eq!(entry, Some(expected).filter(|_| order == Order::HOST));
        }
    }
}
