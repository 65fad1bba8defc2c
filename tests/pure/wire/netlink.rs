//! Frames, acknowledgements, and the reader and writer below them.

use lanemark::wire::netlink::{Frame, HEADER_BYTES, Refusal, messages};
use lanemark::wire::{Malformed, Order, Overflow, Reader, Writer};

use super::fixture::{ORDERS, fixture};
use super::raw::{
    Attribute, Bytes, Part, Payload, Text, U16, U32, U64, Zeroes, frame_lengths, message,
    take_one_apart, write,
};

/// What an acknowledgement, or the end of a dump, says.
#[derive(Debug, PartialEq, Eq)]
enum Said<'a> {
    Ack(u32, Result<(), Refusal<'a>>),
    Done(u32, Result<(), Refusal<'a>>),
    Lost,
}

fn said(bytes: &[u8], order: Order) -> Vec<Result<Said<'_>, Malformed>> {
    let said = |frame| match frame {
        Frame::Ack { seq, result } => Said::Ack(seq, result),
        Frame::Done { seq, result, .. } => Said::Done(seq, result),
        Frame::Lost => Said::Lost,
        Frame::Message(message) => panic!("{message:?}"),
    };
    messages(bytes, order)
        .map(|frame| frame.map(said))
        .collect()
}

#[test]
fn answers_tell_whose_request_and_what_became_of_it() {
    const UNKNOWN: Refusal<'static> = Refusal {
        errno: 2,
        text: "Specified qdisc kind is unknown",
    };
    let bare = Refusal { errno: 2, text: "" };
    let [little, big] = [Order::Little, Order::Big];
    for (order, name, expected) in [
        (little, "ack-ok", Said::Ack(1_795_168_544, Ok(()))),
        (big, "ack-ok", Said::Ack(seq_of(big, "ack-ok"), Ok(()))),
        (
            little,
            "ack-error-extack",
            Said::Ack(1_795_168_545, Err(UNKNOWN)),
        ),
        (
            big,
            "ack-error-extack",
            Said::Ack(seq_of(big, "ack-error-extack"), Err(UNKNOWN)),
        ),
        (
            little,
            "ack-error-extack-capped",
            Said::Ack(7, Err(UNKNOWN)),
        ),
        (big, "ack-error-extack-capped", Said::Ack(7, Err(UNKNOWN))),
        (little, "ack-nft-error", Said::Ack(1, Err(bare))),
        (big, "ack-nft-error", Said::Ack(1, Err(bare))),
        (little, "dump-done", Said::Done(1_795_168_557, Ok(()))),
        (
            big,
            "dump-done",
            Said::Done(seq_of(big, "dump-done"), Ok(())),
        ),
    ] {
        let fixture = fixture(order, name);
        let said: Vec<_> = fixture
            .frames()
            .into_iter()
            .filter(|frame| !matches!(frame, Frame::Message(_)))
            .collect();
        assert_eq!(said.len(), 1, "{order:?} {name}");
        let start = fixture.bytes.len() - answer_bytes(&fixture.bytes, order);
        assert_eq!(
            self::said(&fixture.bytes[start..], order),
            [Ok(expected)],
            "{order:?} {name}"
        );
    }
}

/// The number in the header of the last message, by position.
fn seq_of(order: Order, name: &str) -> u32 {
    let bytes = fixture(order, name).bytes;
    let at = bytes.len() - answer_bytes(&bytes, order) + 8;
    let seq: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
    if order == Order::Big {
        u32::from_be_bytes(seq)
    } else {
        u32::from_le_bytes(seq)
    }
}

/// Bytes of the last message.
fn answer_bytes(bytes: &[u8], order: Order) -> usize {
    *frame_lengths(bytes, order).last().unwrap()
}

/// `NLMSG_ERROR` with these flags, this code and these parts.
fn ack(order: Order, flags: u16, code: i32, parts: &[Part<'_>]) -> Vec<u8> {
    let body = write(order, parts);
    message(
        order,
        [2, flags],
        [9, 0],
        &[U32(code.cast_unsigned()), Bytes(&body)],
    )
}

#[test]
fn the_kernels_text_is_found_behind_a_repeated_request_and_behind_its_header_alone() {
    const CAPPED: u16 = 0x100;
    const TLVS: u16 = 0x200;
    let text = Attribute(1, &[Text("no such class")]);
    let offset = Attribute(2, &[U32(20)]);
    let refused = |text| vec![Ok(Said::Ack(9, Err(Refusal { errno: 22, text })))];
    for order in ORDERS {
        // Requests of 16, 17, 20 and 36 bytes; what follows is padded.
        for request in [16_u32, 17, 20, 36] {
            let body = usize::try_from(request - 16).unwrap().next_multiple_of(4);
            let parts = [
                U32(request),
                Zeroes(12),
                Zeroes(body),
                Attribute(2, &[U32(1)]),
                Attribute(1, &[Text("no")]),
            ];
            assert_eq!(
                said(&ack(order, TLVS, -22, &parts), order),
                refused("no"),
                "{request}"
            );
            let parts = [U32(request), Zeroes(12), Attribute(1, &[Text("no")])];
            assert_eq!(
                said(&ack(order, TLVS | CAPPED, -22, &parts), order),
                refused("no"),
                "{request}"
            );
        }
        let parts = [U32(36), Zeroes(12), Zeroes(20)];
        assert_eq!(
            said(&ack(order, 0, -22, &parts), order),
            refused(""),
            "an old kernel has no text"
        );
        // The length of a repeated request that is a lie.
        for request in [37, 1000, u32::MAX, u32::MAX - 2] {
            let parts = [U32(request), Zeroes(12), Zeroes(20)];
            let [Err(Malformed::Short { .. })] = said(&ack(order, TLVS, -22, &parts), order)[..]
            else {
                panic!()
            };
        }
        let parts = [U32(3), Zeroes(12)];
        assert_eq!(said(&ack(order, TLVS, -22, &parts), order), refused(""));
    }
    let parts = [U32(36), Zeroes(12), offset, text];
    assert_eq!(
        said(&ack(Order::HOST, TLVS | CAPPED, -22, &parts), Order::HOST),
        refused("no such class")
    );
}

#[test]
fn an_error_number_is_positive_and_a_positive_code_is_no_error() {
    for order in ORDERS {
        for (code, expected) in [
            (0, None),
            (5, None),
            (-1, Some(1)),
            (-131, Some(131)),
            (i32::MIN, Some(i32::MAX)),
        ] {
            let result = expected.map_or(Ok(()), |errno| Err(Refusal { errno, text: "" }));
            let bytes = ack(order, 0, code, &[U32(16), Zeroes(12)]);
            assert_eq!(said(&bytes, order), [Ok(Said::Ack(9, result))]);
            let bytes = message(order, [3, 2], [9, 0], &[U32(code.cast_unsigned())]);
            assert_eq!(said(&bytes, order), [Ok(Said::Done(9, result))]);
        }
    }
}

#[test]
fn a_dump_of_an_old_kernel_ends_without_a_result_and_a_loss_is_told() {
    for order in ORDERS {
        let bytes = [
            message(order, [1, 0], [9, 0], &[]),
            message(order, [3, 0], [9, 0], &[]),
        ]
        .concat();
        assert_eq!(
            said(&bytes, order),
            [Ok(Said::Done(9, Ok(())))],
            "the message that says nothing is passed over"
        );
        assert_eq!(
            said(&message(order, [4, 0], [0, 0], &[]), order),
            [Ok(Said::Lost)]
        );
    }
}

#[test]
fn a_message_knows_its_kind_flags_number_and_port() {
    for order in ORDERS {
        let bytes = message(
            order,
            [0x1234, 0x5678],
            [0x9abc_def0, 0x0fed_cba9],
            &[U64(7)],
        );
        let [Ok(Frame::Message(message))] = messages(&bytes, order).collect::<Vec<_>>()[..] else {
            panic!()
        };
        let header = message.header;
        assert_eq!(
            (header.kind, header.flags, header.seq, header.port),
            (0x1234, 0x5678, 0x9abc_def0, 0x0fed_cba9)
        );
        assert_eq!(message.body.rest().len(), bytes.len() - HEADER_BYTES);
        let raw = take_one_apart(&fixture(order, "neigh-new-event").bytes, order);
        assert_eq!(
            raw.bytes(),
            fixture(order, "neigh-new-event").bytes,
            "taken apart and put together"
        );
    }
}

#[test]
fn after_a_length_that_lies_nothing_more_is_read() {
    for order in ORDERS {
        let good = message(order, [16, 0], [1, 0], &[Zeroes(16)]);
        for (len, expected) in [
            (0, Malformed::Length { room: 32, found: 0 }),
            (
                15,
                Malformed::Length {
                    room: 32,
                    found: 15,
                },
            ),
            (
                33,
                Malformed::Length {
                    room: 32,
                    found: 33,
                },
            ),
            (
                u32::MAX,
                Malformed::Length {
                    room: 32,
                    found: 0xffff_ffff,
                },
            ),
        ] {
            let mut bad = good.clone();
            bad.splice(..4, write(order, &[U32(len)]));
            let frames: Vec<_> = messages(&[good.clone(), bad].concat(), order)
                .map(|frame| frame.err())
                .collect();
            assert_eq!(frames, [None, Some(expected)]);
        }
        // The padding of the last message may be missing, and the padding of an attribute too.
        let mut unpadded = message(order, [16, 0], [1, 0], &[Attribute(3, &[Bytes(b"lo")])]);
        unpadded.truncate(unpadded.len() - 2);
        unpadded.splice(..4, write(order, &[U32(22)]));
        let [Ok(Frame::Message(message))] = messages(&unpadded, order).collect::<Vec<_>>()[..]
        else {
            panic!()
        };
        let mut body = message.body;
        let mut names = Vec::new();
        body.attributes(&mut |kind, value| names.push((kind, value.text())));
        assert_eq!(
            (names, body.end()),
            (vec![(3, "lo")], Ok(())),
            "a text may end without NUL"
        );
    }
}

#[test]
fn after_an_attribute_whose_length_lies_nothing_more_is_read() {
    for order in ORDERS {
        for len in [0_u16, 3, 9, 0xffff] {
            let bytes = write(order, &[Attribute(1, &[U32(7)]), U16(len), U16(2), U32(7)]);
            let mut reader = Reader::new(&bytes, order);
            let mut kinds = Vec::new();
            reader.attributes(&mut |kind, _| kinds.push(kind));
            assert_eq!(
                (kinds, reader.end()),
                (
                    vec![1],
                    Err(Malformed::Length {
                        room: 8,
                        found: usize::from(len)
                    })
                )
            );
        }
        let mut reader = Reader::new(&[1, 2, 3], order);
        reader.attributes(&mut |_, _| panic!("half a header is no attribute"));
        assert_eq!(
            reader.end(),
            Err(Malformed::Short {
                expected: 2,
                found: 1
            })
        );
    }
}

#[test]
fn flags_are_no_part_of_an_attributes_number() {
    for order in ORDERS {
        let bytes = write(order, &[Payload(0xc005, &[1, 2, 3, 4, 5, 6, 7, 8])]);
        let attribute = only(&bytes, order, 5);
        let read = || attribute;
        assert_eq!(
            (read().u8(), read().be16(), read().be32()),
            (1, 0x0102, 0x0102_0304)
        );
        let (u32, u64) = if order == Order::Big {
            (0x0102_0304, 0x0102_0304_0506_0708)
        } else {
            (0x0403_0201, 0x0807_0605_0403_0201)
        };
        assert_eq!(
            (read().u32(), read().u64(), read().be64()),
            (u32, u64, 0x0102_0304_0506_0708)
        );
        assert_eq!(attribute.mac(), None);
    }
}

#[test]
fn what_is_not_there_reads_as_zeroes_and_the_first_fault_is_told() {
    for order in ORDERS {
        let bytes = write(order, &[Payload(5, &[1])]);
        let mut short = only(&bytes, order, 5);
        assert_eq!(short.end(), Ok(()));
        assert_eq!((short.u32_or_zero(), short.end()), (0, Ok(())));
        assert_eq!((short.u32(), short.u8()), (0, 0), "nothing more is read");
        let expected = Malformed::Short {
            expected: 4,
            found: 1,
        };
        short.fail(Malformed::Text);
        assert_eq!(short.end(), Err(expected));

        let twice = [bytes.clone(), bytes].concat();
        let mut reader = Reader::new(&twice, order);
        let mut seen = 0;
        reader.attributes(&mut |_, value| {
            seen += 1;
            value.u32();
        });
        assert_eq!(
            (seen, reader.end()),
            (1, Err(expected)),
            "the fault of one attribute is the fault of all"
        );
    }
}

/// The one attribute in some bytes.
fn only(bytes: &[u8], order: Order, expected: u16) -> Reader<'_> {
    let mut values = Vec::new();
    let mut reader = Reader::new(bytes, order);
    reader.attributes(&mut |kind, value| values.push((kind, *value)));
    assert_eq!(reader.end(), Ok(()));
    let [(kind, value)] = values[..] else {
        panic!()
    };
    assert_eq!(kind, expected);
    value
}

#[test]
fn what_does_not_fit_is_told_at_the_end_and_after_that_nothing_is_written() {
    let mut buffer = [0xa5; 8];
    let mut w = Writer::new(&mut buffer, Order::Little);
    w.u32(1);
    let place = w.place();
    w.u64(2);
    w.u8(3);
    w.fill_u16(place, 7);
    assert_eq!(
        (w.len(), w.written().err()),
        (4, Some(Overflow)),
        "a byte that would fit comes no more"
    );
    w.clear();
    assert!(w.is_empty() && w.written() == Ok(&[]));
    w.u64(2);
    assert_eq!(w.finish(), Ok(&[2, 0, 0, 0, 0, 0, 0, 0][..]));
}

#[test]
fn a_place_is_filled_in_the_order_of_the_machine() {
    for order in ORDERS {
        let mut buffer = [0xa5; 16];
        let mut w = Writer::new(&mut buffer, order);
        let place = w.place();
        w.zeroes(5);
        w.align();
        assert_eq!((w.since(place), w.order()), (8, order));
        w.fill_u16(place, 0x0102);
        w.fill_u32(place, 0x0304_0506);
        let filled = if order == Order::Big {
            [3, 4, 5, 6]
        } else {
            [6, 5, 4, 3]
        };
        assert_eq!(w.written().map(|bytes| &bytes[..4]), Ok(&filled[..]));
        w.fill_u16(place, 0x1_0000);
        assert_eq!(
            w.finish(),
            Err(Overflow),
            "a length that its field cannot hold"
        );
    }
}

#[test]
fn troubles_say_what_was_expected_and_what_was_found() {
    for (said, expected) in [
        (
            Malformed::Short {
                expected: 4,
                found: 1,
            }
            .to_string(),
            "expected 4 more bytes, found 1",
        ),
        (
            Malformed::Length { room: 8, found: 9 }.to_string(),
            "expected a length of at most 8, found 9",
        ),
        (
            Malformed::Missing { attribute: 3 }.to_string(),
            "expected attribute 3, found none",
        ),
        (
            Malformed::Value { found: 256 }.to_string(),
            "found a value without meaning, 256",
        ),
        (
            Malformed::Text.to_string(),
            "expected a text in UTF-8 that ends in NUL",
        ),
        (
            Malformed::Package.to_string(),
            "an address or neighbour message could not be read",
        ),
        (Overflow.to_string(), "a message is larger than its buffer"),
        (
            Refusal {
                errno: 22,
                text: "",
            }
            .to_string(),
            "error 22",
        ),
        (
            Refusal {
                errno: 2,
                text: "no such class",
            }
            .to_string(),
            "no such class (error 2)",
        ),
    ] {
        assert_eq!(said, expected);
    }
}
