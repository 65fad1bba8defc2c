//! Bytes of real kernels, and ours for them.
//!
//! `fixture` reads the recordings, `raw` takes messages apart without the code under test; the other files are promises.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of it is test, the functions between the tests too"
)]

mod afresh;
mod arrival;
mod caps;
mod catalog;
mod channel;
mod conntrack;
mod counters;
mod emit;
mod fixture;
mod hostile;
mod http;
mod icmp;
mod lease;
mod links;
mod listing;
mod neighbours;
mod netlink;
mod nft;
mod operations;
mod opinion;
mod queues;
mod raw;
mod requests;
mod rules;
mod ruleset;
mod websocket;
#[cfg(feature = "xtables")]
mod xtables;

use lanemark::value::Mac;
use lanemark::wire::netlink::{Frame, Message, messages};
use lanemark::wire::{Malformed, Order, Overflow, Writer};

/// The devices of the recordings differ in the last byte.
const fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, last])
}

/// What a parser makes of the first message.
fn parsed<'a, T>(
    bytes: &'a [u8],
    order: Order,
    parse: impl FnOnce(Message<'a>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    match messages(bytes, order).next() {
        Some(Ok(Frame::Message(message))) => parse(message),
        other => panic!("{other:?}"),
    }
}

/// What is written into a buffer of `room` bytes that was filled with `filler`.
fn emitted_into(
    [room, filler]: [usize; 2],
    order: Order,
    emit: impl FnOnce(&mut Writer<'_>),
) -> Result<Vec<u8>, Overflow> {
    let mut buffer = vec![u8::try_from(filler).unwrap(); room];
    let mut w = Writer::new(&mut buffer, order);
    emit(&mut w);
    w.finish().map(<[u8]>::to_vec)
}

/// What is written, into a large buffer.
fn emitted(order: Order, emit: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    emitted_into([lanemark::apply::DATAGRAM_BYTES_MAX, 0xa5], order, emit).unwrap()
}
