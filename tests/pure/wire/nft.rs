//! What `nf_tables` tells.

use lanemark::value::Mac;
use lanemark::wire::netlink::Message;
use lanemark::wire::nft::{self, Seen};
use lanemark::wire::{Malformed, Order};

use super::fixture::{ORDERS, fixture};
use super::raw::{
    Attribute, Be32, Bytes, Nest, Part, Payload, Raw, Text, Zeroes, message, take_one_apart,
};
use super::{mac, parsed};

const NEWTABLE: u16 = 0xa00;
const NEWRULE: u16 = 0xa06;
const NEWSETELEM: u16 = 0xa0c;
const NEWGEN: u16 = 0xa0f;

/// What every message of a recording says; the others are none.
fn assert_read(order: Order, name: &str, expected: &[Option<Seen<'_>>]) {
    let fixture = fixture(order, name);
    let seen: Vec<_> = fixture
        .messages()
        .into_iter()
        .map(|message| nft::parse(message).unwrap())
        .collect();
    assert_eq!(seen, expected, "{order:?} {name}");
}

#[test]
fn a_table_and_its_rules_are_told_with_their_comments() {
    let table = Some(Seen::Table {
        name: "lanemark",
        persistent: false,
        comment: "acct=0",
    });
    let rule = |comment| {
        Some(Seen::Rule {
            table: "lanemark",
            comment,
        })
    };
    for order in ORDERS {
        assert_read(order, "nft-table", &[table]);
        let rules = ["premium", "", "lookup", "", "", "", ""].map(rule);
        assert_read(order, "nft-rules", &rules);
        assert_read(order, "nft-newrule-event", &[rule("")]);
        assert_read(order, "nft-chains", &[None; 5]);
        assert_read(order, "nft-sets", &[None; 2]);
    }
    assert_read(Order::Little, "nft-newrule-event-mips", &[rule("")]);
}

#[test]
fn the_end_of_a_change_tells_who_made_it() {
    for order in ORDERS {
        for name in ["nft-gen", "nft-newgen-event"] {
            let fixture = fixture(order, name);
            // The netlink port of a program's first socket is its process number.
            let pid = fixture.message().header.port;
            assert!(
                pid != 0 && nft::parse(fixture.message()) == Ok(Some(Seen::Changed { pid })),
                "{order:?} {name}"
            );
            let raw = take_one_apart(&fixture.bytes, order).without(2);
            assert_eq!(
                parsed(&raw.bytes(), order, nft::parse),
                Ok(Some(Seen::Changed { pid: 0 })),
                "an old kernel"
            );
        }
    }
    let fixture = fixture(Order::Little, "nft-newgen-event");
    assert_eq!(
        nft::parse(fixture.message()),
        Ok(Some(Seen::Changed { pid: 10_040 }))
    );
}

/// The elements in a message.
fn elements(message: Message<'_>) -> Result<Vec<Option<(Mac, String)>>, Malformed> {
    let mut elements = Vec::new();
    nft::parse_device_elements(message, &mut |element| {
        elements.push(element.map(|(mac, chain)| (mac, chain.to_owned())))
    })?;
    Ok(elements)
}

#[test]
fn the_elements_of_the_map_of_devices_are_told() {
    let device = |last, chain: &str| Some((mac(last), chain.to_owned()));
    for order in ORDERS {
        let read = |name: &str| {
            let fixture = fixture(order, name);
            fixture
                .messages()
                .into_iter()
                .flat_map(|message| elements(message).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read("nft-elements-device-class"),
            [device(10, "premium"), device(11, "bulk")],
            "{order:?}"
        );
        assert_eq!(
            read("nft-newsetelem-event"),
            [device(12, "bulk")],
            "{order:?}"
        );
        assert_eq!(
            read("nft-elements-lane"),
            [None, None],
            "{order:?}: marks are no devices"
        );
        assert!(read("nft-rules").is_empty());
    }
}

/// A message of the family `inet`.
fn inet(order: Order, kind: u16, parts: &[Part<'_>]) -> Vec<u8> {
    let body = super::raw::write(order, parts);
    message(
        order,
        [kind, 0],
        [0, 0],
        &[Bytes(&[1, 0, 0, 0]), Bytes(&body)],
    )
}

#[test]
fn a_guarded_table_is_told_apart() {
    // Dormant, owned, persistent.
    for (flags, persistent) in [
        (0, false),
        (1, false),
        (2, false),
        (4, true),
        (6, true),
        (0x0400_0000, false),
    ] {
        for order in ORDERS {
            let bytes = inet(
                order,
                NEWTABLE,
                &[Attribute(1, &[Text("t")]), Attribute(2, &[Be32(flags)])],
            );
            let table = Seen::Table {
                name: "t",
                persistent,
                comment: "",
            };
            assert_eq!(
                parsed(&bytes, order, nft::parse),
                Ok(Some(table)),
                "{flags:#x}"
            );
        }
    }
}

#[test]
fn a_comment_is_found_among_what_programs_keep_with_an_object() {
    let (table, rule) = ((NEWTABLE, 6), (NEWRULE, 7));
    for order in ORDERS {
        for (userdata, expected) in [
            (&b"\x00\x03hi\0"[..], Ok("hi")),
            (b"\x00\x02hi", Ok("hi")),
            (b"\x01\x04\x00\x00\x00\x00\x00\x03hi\0", Ok("hi")),
            (b"\x02\x00\x00\x03hi\0\x00\x03no\0", Ok("hi")),
            (b"\x01\x02hi", Ok("")),
            (b"", Ok("")),
            (b"\x00\x00", Ok("")),
            (b"\x00\x01\0", Ok("")),
            (
                b"\x00\x04hi\0",
                Err(Malformed::Short {
                    expected: 4,
                    found: 3,
                }),
            ),
            (
                b"\x01",
                Err(Malformed::Short {
                    expected: 1,
                    found: 0,
                }),
            ),
            (b"\x00\x02\xff\xfe", Err(Malformed::Text)),
        ] {
            for (kind, number) in [table, rule] {
                let bytes = inet(
                    order,
                    kind,
                    &[Attribute(1, &[Text("t")]), Payload(number, userdata)],
                );
                let comment = parsed(&bytes, order, nft::parse).map(|seen| match seen {
                    Some(Seen::Table { comment, .. } | Seen::Rule { comment, .. }) => comment,
                    other => panic!("{other:?}"),
                });
                assert_eq!(comment, expected, "{userdata:?}");
            }
        }
    }
}

#[test]
fn an_element_of_another_form_is_told_as_such() {
    let address = mac(5).0;
    let key = Nest(1, &[Attribute(1, &[Bytes(&address)])]);
    let goto_bulk = Nest(
        2,
        &[Nest(
            2,
            &[
                Attribute(1, &[Be32(0xffff_fffc)]),
                Attribute(2, &[Text("bulk")]),
            ],
        )],
    );
    let jump_bulk = Nest(
        2,
        &[Nest(
            2,
            &[
                Attribute(1, &[Be32(0xffff_fffd)]),
                Attribute(2, &[Text("bulk")]),
            ],
        )],
    );
    let accept = Nest(2, &[Nest(2, &[Attribute(1, &[Be32(1)])])]);
    let value = Nest(2, &[Attribute(1, &[Bytes(&[1, 2, 3, 4])])]);
    let long_key = Nest(1, &[Attribute(1, &[Zeroes(8)])]);
    let expected = Some((mac(5), "bulk".to_owned()));
    for order in ORDERS {
        for (element, expected) in [
            (&[&key, &goto_bulk][..], expected.clone()),
            (&[&goto_bulk, &key], expected.clone()),
            (&[&key, &jump_bulk], None),
            (&[&key, &accept], None),
            (&[&key, &value], None),
            (&[&key], None),
            (&[&goto_bulk], None),
            (&[&long_key, &goto_bulk], None),
            (&[], None),
        ] {
            let parts: Vec<u8> = element
                .iter()
                .flat_map(|part| super::raw::write(order, std::slice::from_ref(*part)))
                .collect();
            let bytes = inet(order, NEWSETELEM, &[Nest(3, &[Nest(1, &[Bytes(&parts)])])]);
            assert_eq!(parsed(&bytes, order, elements), Ok(vec![expected]));
        }
        let bytes = inet(order, NEWGEN, &[Nest(3, &[Nest(1, &[])])]);
        assert_eq!(
            parsed(&bytes, order, elements),
            Ok(Vec::new()),
            "not a message of elements"
        );
    }
}

#[test]
fn other_messages_say_nothing() {
    for order in ORDERS {
        let rule = fixture(order, "nft-newrule-event");
        let raw = take_one_apart(&rule.bytes, order);
        for kind in [0xa01, 0xa02, 0xa07, 0xa08, 0xa10, 0x906, 0x006] {
            let raw = Raw {
                kind,
                ..raw.clone()
            };
            assert_eq!(
                parsed(&raw.bytes(), order, nft::parse),
                Ok(None),
                "{kind:#x}"
            );
        }
    }
}
