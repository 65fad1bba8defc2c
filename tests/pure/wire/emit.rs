//! What holds for everything that is written, and the limits.

use lanemark::apply::DATAGRAM_BYTES_MAX;
use lanemark::engine::limits::DEVICES_MAX;
use lanemark::value::{
    Discipline, FLOW_KEY_BYTES_MAX, FilterSeen, Kbit, Leaf, LinkKind, Mac, Root, ShaperClass,
    TcHandle, TickRate,
};
use lanemark::wire::conntrack;
use lanemark::wire::link::{self, LinkChange};
use lanemark::wire::nft::{self, Batch, Change, ELEMENTS_A_MESSAGE, Guard, Seen};
use lanemark::wire::tc::{self, Put, TcChange};
use lanemark::wire::{Order, Overflow, Writer, netlink};

use crate::dice::stride;

use super::catalog::{
    CHANGE, CLASS, CURVED, DEV, IFB_CHANGES, LEAVES, PLACE, REDIRECT, ROOT_HANDLE, ROOTS, TABLE,
    key, requests,
};
use super::fixture::ORDERS;
use super::raw::{Attribute, Bytes, Nest, take_one_apart, write};
use super::{emitted, emitted_into, parsed};

#[test]
fn no_byte_is_left_unwritten() {
    for (name, emit) in requests() {
        for order in ORDERS {
            let [zeroes, marked] =
                [0, 0xa5].map(|filler| emitted_into([DATAGRAM_BYTES_MAX, filler], order, &emit));
            assert!(zeroes.is_ok(), "{name}");
            assert_eq!(zeroes, marked, "{order:?} {name}");
        }
    }
}

#[test]
fn any_buffer_that_is_too_small_is_told() {
    for (name, emit) in requests() {
        for order in ORDERS {
            let whole = emitted(order, &emit);
            assert!(whole.len() % 4 == 0 && !whole.is_empty(), "{name}");
            for room in (0..whole.len()).step_by(stride()) {
                let cut = emitted_into([room, 0xa5], order, &emit);
                assert_eq!(
                    cut,
                    Err(Overflow),
                    "{order:?} {name} in {room} of {} bytes",
                    whole.len()
                );
            }
            assert_eq!(
                emitted_into([whole.len(), 0xa5], order, &emit),
                Ok(whole),
                "{name}"
            );
        }
    }
}

#[test]
fn every_request_is_whole_messages_of_whole_attributes() {
    for (name, emit) in requests() {
        for order in ORDERS {
            let bytes = emitted(order, &emit);
            let messages = super::raw::take_apart(&bytes, order);
            assert!(
                messages
                    .iter()
                    .all(|raw| raw.port == 0 && raw.flags & 1 == 1),
                "{name}: for the kernel, a request"
            );
            let together: Vec<u8> = messages.iter().flat_map(super::raw::Raw::bytes).collect();
            assert_eq!(together, bytes, "{name}");
        }
    }
}

#[test]
fn qdiscs_classes_and_leaves_are_read_as_they_were_written() {
    for order in ORDERS {
        let read = |emit: &dyn Fn(&mut Writer<'_>)| {
            parsed(&emitted(order, emit), order, tc::parse)
                .unwrap()
                .unwrap()
        };
        for root in ROOTS {
            let TcChange::Qdisc(seen) =
                read(&|w| tc::emit_root(w, 1, DEV, ROOT_HANDLE, &root, Put::New))
            else {
                panic!()
            };
            assert_eq!(
                (seen.dev, seen.handle, seen.parent),
                (DEV, ROOT_HANDLE, TcHandle::ROOT)
            );
            let expected = match root {
                Root::Cake(cake) => Discipline::Leaf(Leaf::Cake(cake)),
                root => Discipline::Shaper(root),
            };
            assert_eq!(seen.discipline, expected);
        }
        for put in [Put::New, Put::Change] {
            for class in [CLASS, CURVED] {
                let emit = |w: &mut Writer<'_>| {
                    tc::emit_class(w, 1, DEV, &class, put, TickRate::default())
                };
                let TcChange::Class(seen) = read(&emit) else {
                    panic!()
                };
                assert_eq!((seen.dev, seen.class), (DEV, class));
            }
            for leaf in LEAVES {
                let TcChange::Qdisc(seen) = read(&|w| tc::emit_leaf(w, 1, DEV, PLACE, &leaf, put))
                else {
                    panic!()
                };
                assert_eq!(
                    (seen.dev, seen.handle, seen.parent),
                    (DEV, PLACE.handle, PLACE.class)
                );
                assert_eq!(seen.discipline, Discipline::Leaf(leaf));
            }
        }
        let gone = TcChange::QdiscGone {
            dev: DEV,
            handle: ROOT_HANDLE,
        };
        assert_eq!(
            read(&|w| tc::emit_root_delete(w, 1, DEV, ROOT_HANDLE)),
            gone
        );
        let gone = TcChange::ClassGone {
            dev: DEV,
            handle: CLASS.handle,
        };
        assert_eq!(
            read(&|w| tc::emit_class_delete(w, 1, DEV, CLASS.handle)),
            gone
        );
    }
}

#[test]
fn a_rate_beyond_the_kernels_field_is_the_fastest_that_fits() {
    for (rate, read) in [
        (10_000_000, 10_000_000),
        (34_359_738, 34_359_738),
        (u32::MAX, u32::MAX / 125),
    ] {
        for order in ORDERS {
            let class = ShaperClass {
                rate: Kbit(rate),
                ..CLASS
            };
            let bytes = emitted(order, |w| {
                tc::emit_class(w, 1, DEV, &class, Put::New, TickRate::default())
            });
            let Some(TcChange::Class(seen)) = parsed(&bytes, order, tc::parse).unwrap() else {
                panic!()
            };
            assert_eq!((seen.class.rate, seen.class.ceil), (Kbit(read), Kbit(950)));
        }
    }
}

#[test]
fn a_flow_is_named_as_the_kernel_named_it_up_to_the_longest_name() {
    for order in ORDERS {
        let mut longest = key(order, 10, 7);
        let filler = vec![0x5a; FLOW_KEY_BYTES_MAX - longest.tuple.len() - 4];
        longest
            .tuple
            .extend(write(order, &[Attribute(77, &[Bytes(&filler)])]));
        assert!(longest.tuple.is_full());
        for key in [key(order, 2, 0), key(order, 10, 7), longest] {
            let bytes = emitted(order, |w| conntrack::emit_mark(w, 1, &key, CHANGE));
            // An entry has a reply too, which a request has not.
            let raw = take_one_apart(&bytes, order).with(&Nest(2, &[Bytes(&key.tuple)]));
            let seen = parsed(&raw.bytes(), order, conntrack::parse)
                .unwrap()
                .unwrap();
            assert_eq!((&seen.flow().key, seen.flow().mark), (&key, CHANGE.bits));
        }
    }
}

#[test]
fn comments_and_elements_are_read_as_they_were_written() {
    const COMMENT: &str = "lanemark 01234567 10/10";
    for order in ORDERS {
        let bytes = emitted(order, |w| {
            let mut batch = Batch::begin(w, 1);
            batch.new_table(TABLE, Guard::OwnedAndPersistent, "a table");
            batch.rule(TABLE, "premium", COMMENT, |_| {});
            batch.elements(TABLE, "device_class", Change::Add, |w| {
                nft::element_device(w, super::mac(9), Some("bulk"))
            });
            assert_eq!(batch.end(), 4);
        });
        let messages: Vec<_> = netlink::messages(&bytes, order)
            .map(|frame| match frame.unwrap() {
                netlink::Frame::Message(message) => message,
                other => panic!("{other:?}"),
            })
            .collect();
        let table = Seen::Table {
            name: "lanemark",
            persistent: true,
            comment: "a table",
        };
        assert_eq!(nft::parse(messages[1]), Ok(Some(table)));
        assert_eq!(
            nft::parse(messages[2]),
            Ok(Some(Seen::Rule {
                table: "lanemark",
                comment: COMMENT
            }))
        );
        let mut seen = Vec::new();
        let mut each = |element: Option<(Mac, &str)>| {
            seen.push(element.map(|(mac, chain)| (mac, chain.to_owned())))
        };
        assert_eq!(nft::parse_device_elements(messages[3], &mut each), Ok(()));
        assert_eq!(seen, [Some((super::mac(9), "bulk".to_owned()))]);
    }
}

/// A message with so many elements, each as long as an element can be.
fn with_elements(order: Order, count: usize) -> Result<Vec<u8>, Overflow> {
    emitted_into([1 << 20, 0xa5], order, |w| {
        let mut batch = Batch::begin(w, 1);
        batch.elements(TABLE, "device_class", Change::Add, |w| {
            for number in 0..count {
                let [_, _, a, b] = u32::try_from(number).unwrap().to_be_bytes();
                nft::element_device(w, Mac([2, 0, 0, 0, a, b]), Some("standard"));
            }
        });
        batch.end();
    })
}

#[test]
fn a_nest_ends_at_65535_bytes() {
    const ELEMENT_BYTES: usize = 52;
    let most = (65_535 - 4) / ELEMENT_BYTES;
    assert!(
        DEVICES_MAX <= ELEMENTS_A_MESSAGE && ELEMENTS_A_MESSAGE <= most,
        "all devices fit into one message"
    );
    for order in ORDERS {
        for count in [1, ELEMENTS_A_MESSAGE, most] {
            let bytes = with_elements(order, count).unwrap();
            let raw = super::raw::take_apart(&bytes, order).swap_remove(1);
            assert_eq!(raw.payload(3).len(), count * ELEMENT_BYTES);
            assert_eq!(super::raw::attributes(order, raw.payload(3)).len(), count);
        }
        for count in [most + 1, 2 * most, 3 * most] {
            assert_eq!(
                with_elements(order, count),
                Err(Overflow),
                "{count} elements"
            );
        }
    }
    let fits = |count| {
        emitted_into([1 << 17, 0], Order::HOST, |w| {
            w.attribute(1, |w| w.zeroes(count))
        })
        .is_ok()
    };
    assert!(
        fits(65_531) && !fits(65_532) && !fits(65_536),
        "a length that began anew at zero would be a lie"
    );
}

#[test]
fn what_is_only_changed_is_not_made_when_it_is_gone() {
    const CREATE: u16 = 0x400;
    for order in ORDERS {
        let flags =
            |emit: &dyn Fn(&mut Writer<'_>)| take_one_apart(&emitted(order, emit), order).flags;
        for (put, made, leaf_flags, root_flags) in [
            (Put::New, true, 0x505, 0x605),
            (Put::Instead, true, 0x505, 0x505),
            (Put::Change, false, 0x005, 0x005),
        ] {
            let ticks = TickRate::default();
            let class = flags(&|w| tc::emit_class(w, 1, DEV, &CLASS, put, ticks));
            assert_eq!(class & CREATE != 0, made);
            let leaf = flags(&|w| tc::emit_leaf(w, 1, DEV, PLACE, &LEAVES[0], put));
            assert_eq!(leaf, leaf_flags);
            let root = flags(&|w| tc::emit_root(w, 1, DEV, ROOT_HANDLE, &ROOTS[1], put));
            assert_eq!(root, root_flags);
        }
    }
}

#[test]
fn a_redirection_and_an_ifb_device_read_as_they_were_written() {
    for order in ORDERS {
        let filter = |parent| {
            TcChange::Filter(FilterSeen {
                dev: DEV,
                parent,
                preference: REDIRECT.preference,
            })
        };
        let [make, .., hook, _, redirect, release] = IFB_CHANGES
            .map(|change| emitted(order, |w| tc::emit_ifb(w, 1, "ifb-lanemark", &change)));
        let read = parsed(&redirect, order, tc::parse);
        assert_eq!(read, Ok(Some(filter(TcHandle::EGRESS))));
        let read = parsed(&release, order, tc::parse);
        assert_eq!(read, Ok(Some(filter(TcHandle::EGRESS))));
        let Ok(Some(TcChange::Qdisc(hook))) = parsed(&hook, order, tc::parse) else {
            panic!("no qdisc")
        };
        let found = (hook.discipline, hook.parent);
        assert_eq!(found, (Discipline::Clsact, TcHandle::CLSACT));
        let Ok(Some(LinkChange::Present(made))) = parsed(&make, order, link::parse) else {
            panic!("no link")
        };
        let found = (made.kind, made.up, made.name.as_str());
        assert_eq!(found, (LinkKind::Ifb, true, "ifb-lanemark"));
    }
}
