//! Echo requests, and the answers to them.
//!
//! Read before editing: RFC 792, pages 4 and 14; RFC 1191, 4 for the size that a router tells; RFC 1071 for the checksum; RFC 791, 3.1 for
//! the header that a raw socket leaves before the answer.

use super::{Order, Reader, Writer};

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const TOO_LARGE: u8 = 4;
const ECHO: u8 = 8;

/// The protocol in an IPv4 header.
const ICMP: u8 = 1;

/// Bytes of a request: the header and as much again.
pub const ECHO_BYTES: usize = 16;

/// Bytes of an IPv4 header without options.
pub const IPV4_BYTES: usize = 20;

/// Bytes of a message's header.
const HEADER_BYTES: usize = 8;

/// By which an answer is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoKey {
    /// Whose.
    pub id: u16,
    /// Which of his.
    pub seq: u16,
}

/// A request of so many bytes; of its header at least.
pub fn emit_echo(w: &mut Writer<'_>, key: EchoKey, bytes: usize) {
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
    w.zeroes(bytes.saturating_sub(HEADER_BYTES));
}

/// The answer in a packet with its IPv4 header; none in any other packet.
pub fn parse_reply(packet: &[u8]) -> Option<EchoKey> {
    let mut reader = Reader::new(packet, Order::HOST);
    let (_, key) = message(&mut reader, (ECHO_REPLY, 0))?;
    reader.end().is_ok().then_some(key)
}

/// The request that a router did not send on since it is too large, and what would not be; 0 where it does not say. None in any other packet.
pub fn parse_too_large(packet: &[u8]) -> Option<(EchoKey, u16)> {
    let mut reader = Reader::new(packet, Order::HOST);
    // What would not be stands where an echo has its number.
    let (_, EchoKey { seq: mtu, .. }) = message(&mut reader, (UNREACHABLE, TOO_LARGE))?;
    let (protocol, key) = message(&mut reader, (ECHO, 0))?;
    (reader.end().is_ok() && protocol == ICMP).then_some((key, mtu))
}

/// The protocol that the header tells, and what a message of this type and code says behind its checksum; none where another is, or something
/// else than IPv4.
#[inline(never)]
fn message(reader: &mut Reader<'_>, wanted: (u8, u8)) -> Option<(u8, EchoKey)> {
    let first = reader.u8();
    // The header's length is in words of four bytes.
    let header_bytes = usize::from(first & 15) * 4;
    let options_bytes = header_bytes.checked_sub(IPV4_BYTES)?;
    reader.skip(8);
    let protocol = reader.u8();
    reader.skip(10 + options_bytes);
    let [kind, code] = reader.array();
    reader.skip(2);
    let said = EchoKey {
        id: reader.be16(),
        seq: reader.be16(),
    };
    (first >> 4 == 4 && (kind, code) == wanted).then_some((protocol, said))
}
