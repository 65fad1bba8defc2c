//! Echo requests, and the answers to them.
//!
//! Read before editing: RFC 792, page 14; RFC 1071 for the checksum; RFC 791, 3.1 for the header that a raw socket leaves before the
//! answer.

use super::{Order, Reader, Writer};

const ECHO_REPLY: u8 = 0;
const ECHO: u8 = 8;

/// Bytes of a request: the header and as much again.
pub const ECHO_BYTES: usize = 16;

/// By which an answer is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoKey {
    /// Whose.
    pub id: u16,
    /// Which of his.
    pub seq: u16,
}

/// A request.
pub fn emit_echo(w: &mut Writer<'_>, key: EchoKey) {
    // What is not said here is zero, and adds nothing.
    let sum = u32::from(ECHO) << 8;
    let sum = sum + u32::from(key.id) + u32::from(key.seq);
    // Three words of 16 bits carry twice at most.
    let sum = (sum & 0xffff) + (sum >> 16);
    let [_, _, high, low] = ((sum & 0xffff) + (sum >> 16)).to_be_bytes();
    w.u8(ECHO);
    w.u8(0);
    w.u8(!high);
    w.u8(!low);
    w.be16(key.id);
    w.be16(key.seq);
    w.zeroes(8);
}

/// The answer in a packet with its IPv4 header; none in any other packet.
pub fn parse_reply(packet: &[u8]) -> Option<EchoKey> {
    let mut reader = Reader::new(packet, Order::HOST);
    let first = reader.u8();
    // The header's length in words of four bytes, of which one byte is read.
    let header_bytes = usize::from(first & 15) * 4;
    reader.skip(header_bytes.checked_sub(1)?);
    let [kind, code] = reader.array();
    reader.skip(2);
    let key = EchoKey {
        id: reader.be16(),
        seq: reader.be16(),
    };
    let read = reader.end().is_ok();
    (read && first >> 4 == 4 && (kind, code) == (ECHO_REPLY, 0)).then_some(key)
}
