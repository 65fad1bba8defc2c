//! Bytes that no kernel sends: cut short, and damaged at random.

use lanemark::apply::rules::{read_rule_comment, read_table_comment};
use lanemark::value::Mac;
use lanemark::wire::netlink::{Frame, HEADER_BYTES, Message, messages};
use lanemark::wire::nft::Seen;
use lanemark::wire::{Malformed, Order, address, conntrack, link, neighbour, nft, route, tc};

use super::fixture::{Fixture, ORDERS, fixtures};
use super::raw::write;
use crate::dice::{Dice, chosen_seed, roll, rounds, stride};

/// What all parsers make of a datagram.
#[derive(Default)]
struct Read {
    /// Frames, in text.
    frames: Vec<String>,
    /// Values that some parser found.
    values: usize,
    /// Why it ended early.
    malformed: Option<Malformed>,
}

fn read(bytes: &[u8], order: Order) -> Read {
    let mut read = Read::default();
    for frame in messages(bytes, order) {
        match frame {
            Ok(frame) => {
                if let Frame::Message(message) = frame {
                    read.values += values(message);
                }
                read.frames.push(format!("{frame:?}"));
            }
            Err(malformed) => {
                assert_eq!(
                    read.malformed.replace(malformed),
                    None,
                    "a malformed message is the last"
                );
                assert!(!malformed.to_string().is_empty());
            }
        }
        assert!(
            read.frames.len() <= bytes.len() / HEADER_BYTES,
            "more messages than headers"
        );
    }
    read
}

/// How many parsers found something in a message.
fn values(message: Message<'_>) -> usize {
    let mut elements = 0;
    let mut each = |element: Option<(Mac, &str)>| elements += usize::from(element.is_some());
    let nft_elements = nft::parse_device_elements(message, &mut each);
    assert!(
        elements <= message.body.rest().len() / 4
            && (nft_elements.is_ok() || message.header.kind == 0xa0c)
    );
    if let Ok(Some(Seen::Table { comment, .. } | Seen::Rule { comment, .. })) = nft::parse(message)
    {
        let _ = (read_rule_comment(comment), read_table_comment(comment));
    }
    let flowtables = nft::parse_flowtable(message, &mut |_| elements += 1);
    assert!(flowtables.is_ok() || nft::is_flowtable(&message));
    let found = [
        matches!(link::parse(message), Ok(Some(_))),
        matches!(link::parse_bytes(message), Ok(Some(_))),
        matches!(address::parse(message), Ok(Some(_))),
        matches!(neighbour::parse_event(message), Ok(Some(_))),
        matches!(neighbour::parse_dumped(message), Ok(Some(_))),
        matches!(route::parse(message), Ok(Some(_))),
        matches!(tc::parse(message), Ok(Some(_))),
        matches!(conntrack::parse(message), Ok(Some(_))),
        matches!(nft::parse(message), Ok(Some(_))),
        route::is_change(message),
    ];
    elements + found.into_iter().filter(|found| *found).count()
}

fn all() -> Vec<Fixture> {
    ORDERS.into_iter().flat_map(fixtures).collect()
}

/// Where the messages begin, and the end.
fn edges(fixture: &Fixture) -> Vec<usize> {
    let mut edges = vec![0];
    for len in super::raw::frame_lengths(&fixture.bytes, fixture.order) {
        edges.push(edges.last().unwrap() + len);
    }
    edges
}

#[test]
fn every_prefix_of_a_datagram_is_fewer_messages_or_an_error() {
    for fixture in all() {
        let (edges, whole) = (edges(&fixture), read(&fixture.bytes, fixture.order));
        assert_eq!(
            (whole.frames.len(), whole.malformed),
            (edges.len() - 1, None),
            "{}",
            fixture.name
        );
        for cut in (0..fixture.bytes.len()).step_by(stride()) {
            let cut_short = read(&fixture.bytes[..cut], fixture.order);
            // Of the last message the padding may be missing.
            let count = edges.iter().filter(|edge| **edge <= cut).count() - 1;
            let padding = cut_short.frames.len() == count + 1 && cut + 3 >= edges[count + 1];
            assert!(
                cut_short.frames.len() == count || padding,
                "{:?} {} at {cut}",
                fixture.order,
                fixture.name
            );
            assert_eq!(cut_short.frames[..], whole.frames[..cut_short.frames.len()]);
            let at_edge = edges.contains(&cut) || padding;
            assert_eq!(
                cut_short.malformed.is_none(),
                at_edge,
                "{:?} {} at {cut}",
                fixture.order,
                fixture.name
            );
            // In the other order hardly anything makes sense, and nothing may go wrong.
            let other = if fixture.order == Order::Little {
                Order::Big
            } else {
                Order::Little
            };
            read(&fixture.bytes[..cut], other);
        }
    }
}

#[test]
fn every_prefix_of_a_message_is_an_error_or_less_of_it() {
    for fixture in all() {
        let edges = edges(&fixture);
        for edge in edges.windows(2) {
            let whole = &fixture.bytes[edge[0]..edge[1]];
            let found = read(whole, fixture.order).values;
            for cut in (HEADER_BYTES..whole.len()).step_by(stride()) {
                let mut bytes = whole[..cut].to_vec();
                let len = u32::try_from(cut).unwrap();
                bytes.splice(..4, write(fixture.order, &[super::raw::U32(len)]));
                let cut_short = read(&bytes, fixture.order);
                assert!(
                    cut_short.values <= found + 1,
                    "{:?} {} at {cut}",
                    fixture.order,
                    fixture.name
                );
            }
        }
    }
}

/// Flips, cuts, lengthens, repeats, or puts a piece of another recording in.
fn damage(bytes: &mut Vec<u8>, others: &[Fixture], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    match dice.below(8) {
        0 if at < bytes.len() => bytes[at] = dice.byte(),
        1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..(at + 1 + dice.below(24)).min(bytes.len()))),
        4 | 5 => {
            // Lengths, counts and numbers begin at multiples of four; values near the edges are the ones that hurt.
            const EDGES: [u32; 12] = [
                0,
                1,
                3,
                4,
                5,
                15,
                16,
                17,
                0xffff,
                0xfffe,
                0x7fff_ffff,
                u32::MAX,
            ];
            let at = at / 4 * 4;
            let near = u32::try_from(bytes.len() + 3 - dice.below(4)).unwrap();
            let value = if dice.below(3) == 0 {
                near
            } else {
                EDGES[dice.below(EDGES.len())]
            };
            let wide = dice.below(2) == 0;
            let part = if wide {
                super::raw::U32(value)
            } else {
                super::raw::U16((value & 0xffff).try_into().unwrap())
            };
            let order = ORDERS[dice.below(2)];
            for (room, byte) in bytes.iter_mut().skip(at).zip(write(order, &[part])) {
                *room = byte;
            }
        }
        6 => {
            let end = (at + 4 + 4 * dice.below(16)).min(bytes.len());
            let again = bytes[at..end].to_vec();
            let to = dice.below(bytes.len() + 1);
            drop(bytes.splice(to..to, again));
        }
        _ => {
            let other = &others[dice.below(others.len())].bytes;
            let from = dice.below(other.len()) / 4 * 4;
            let piece = other[from..(from + 4 + 4 * dice.below(32)).min(other.len())].to_vec();
            let end = (at + piece.len() * dice.below(2)).min(bytes.len());
            drop(bytes.splice(at..end, piece));
        }
    }
}

#[test]
fn mutations_never_panic() {
    let mutations = rounds(200_000);
    let recordings = all();
    let alive = roll(mutations, |mut dice| {
        let recording = &recordings[dice.below(recordings.len())];
        let mut bytes = recording.bytes.clone();
        for _ in 0..=dice.below(3) {
            damage(&mut bytes, &recordings, &mut dice);
        }
        let read = ORDERS.map(|order| read(&bytes, order));
        read.iter().any(|read| read.values > 0)
    });
    println!("in {alive} of the mutations something was found");
    // If next to nothing gets past the frames, the parsers behind them are not tried.
    assert!(
        chosen_seed().is_some() || alive > mutations / 4,
        "only {alive}: damage less"
    );
}
