//! Frames, attributes and acknowledgements that all netlink families share.
//!
//! Read before editing: linux/netlink.h (6.12); Documentation/userspace-api/netlink/intro.rst for acks and extended acks.

use core::fmt;

use super::cursor::Place;
use super::{Malformed, Order, Reader, Writer};
use crate::value::{Mac, utf8};

/// Bytes of a message header (`struct nlmsghdr`).
pub const HEADER_BYTES: usize = 16;
/// Bytes of an attribute header (`struct nlattr`).
const ATTRIBUTE_HEADER_BYTES: usize = 4;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

/// It is a request.
pub const NLM_F_REQUEST: u16 = 0x1;
/// The kernel shall acknowledge it.
pub const NLM_F_ACK: u16 = 0x4;
/// A dump: all objects.
pub const NLM_F_DUMP: u16 = 0x300;
/// Replace what is there.
pub const NLM_F_REPLACE: u16 = 0x100;
/// Fail when it is there.
pub const NLM_F_EXCL: u16 = 0x200;
/// Make it when it is not there.
pub const NLM_F_CREATE: u16 = 0x400;
/// Add at the end.
pub const NLM_F_APPEND: u16 = 0x800;
/// In an ack: the request is not repeated.
const NLM_F_CAPPED: u16 = 0x100;
/// In an ack: attributes follow.
const NLM_F_ACK_TLVS: u16 = 0x200;
/// In a dump: objects changed meanwhile; it may be incomplete.
pub const NLM_F_DUMP_INTR: u16 = 0x10;

const NLA_F_NESTED: u16 = 0x8000;
/// The attribute's number without the nested and byte order flags.
const NLA_TYPE_MASK: u16 = 0x3fff;

const NLMSGERR_ATTR_MSG: u16 = 1;

/// A message's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message's type.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// The request's number, which answers repeat; 0 in events.
    pub seq: u32,
    /// The netlink port of the asker; in events, of whoever made the change.
    pub port: u32,
}

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its header.
    pub header: Header,
    /// What follows the header.
    pub body: Reader<'a>,
}

/// What a message is, before any family looks at it.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    /// A family's message.
    Message(Message<'a>),
    /// The answer to a request: done, or refused.
    Ack {
        /// Whose request.
        seq: u32,
        /// Whether it was done.
        result: Result<(), Refusal<'a>>,
    },
    /// The end of a dump.
    Done {
        /// Whose request.
        seq: u32,
        /// Whether it was carried to the end.
        result: Result<(), Refusal<'a>>,
        /// Whether changes overtook it: it may be incomplete. A message of the dump may say so instead.
        overtaken: bool,
    },
    /// The kernel lost messages that were for us.
    Lost,
}

/// The kernel's no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The error number, positive. Its meaning differs between architectures: `sys` names it.
    pub errno: i32,
    /// The kernel's own words (extended ack); empty when it has none.
    pub text: &'a str,
}

/// The messages of a datagram, first to last. Ends after the first malformed one.
pub fn messages(datagram: &[u8], order: Order) -> Frames<'_> {
    Frames {
        left: Reader::new(datagram, order),
    }
}

/// See [`messages`].
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    left: Reader<'a>,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Malformed>;

    fn next(&mut self) -> Option<Result<Frame<'a>, Malformed>> {
        loop {
            if self.left.is_empty() {
                return None;
            }
            let Message { header, mut body } = message(&mut self.left);
            let Header { kind, seq, .. } = header;
            let frame = match kind {
                NLMSG_NOOP if self.left.end().is_ok() => continue,
                NLMSG_OVERRUN => Frame::Lost,
                NLMSG_ERROR => Frame::Ack {
                    seq,
                    result: ack(header.flags, &mut body),
                },
                NLMSG_DONE => Frame::Done {
                    seq,
                    result: match body.is_empty() {
                        // Kernels before 2.6.25 or so end a dump without a result.
                        true => Ok(()),
                        false => outcome(body.u32(), ""),
                    },
                    overtaken: header.flags & NLM_F_DUMP_INTR != 0,
                },
                _ => Frame::Message(Message { header, body }),
            };
            // What was read of a header that lies, or is cut short, is no frame.
            return Some(match self.left.end().and(body.end()) {
                Ok(()) => Ok(frame),
                Err(malformed) => {
                    self.left = Reader::new(&[], self.left.order());
                    Err(malformed)
                }
            });
        }
    }
}

fn message<'a>(left: &mut Reader<'a>) -> Message<'a> {
    let room = left.rest().len();
    let found = usize::try_from(left.u32()).unwrap_or(usize::MAX);
    let header = Header {
        kind: left.u16(),
        flags: left.u16(),
        seq: left.u32(),
        port: left.u32(),
    };
    let body = left.framed(HEADER_BYTES, Framed { room, found });
    Message { header, body }
}

fn ack<'a>(flags: u16, body: &mut Reader<'a>) -> Result<(), Refusal<'a>> {
    let code = body.u32();
    let request_bytes = usize::try_from(body.u32()).unwrap_or(usize::MAX);
    body.skip(HEADER_BYTES - 4);
    let mut text = "";
    if flags & NLM_F_ACK_TLVS != 0 {
        if flags & NLM_F_CAPPED == 0 {
            let request_bytes = request_bytes.saturating_sub(HEADER_BYTES);
            body.skip(request_bytes.saturating_add(request_bytes.wrapping_neg() % 4));
        }
        body.attributes(&mut |kind, value| {
            if kind == NLMSGERR_ATTR_MSG {
                text = value.text();
            }
        });
    }
    outcome(code, text)
}

fn outcome(code: u32, text: &str) -> Result<(), Refusal<'_>> {
    match code.cast_signed() {
        0.. => Ok(()),
        code => Err(Refusal {
            errno: code.saturating_neg(),
            text,
        }),
    }
}

/// What the length field of a message or an attribute says, and how many bytes there are, both with the header.
struct Framed {
    room: usize,
    found: usize,
}

impl<'a> Reader<'a> {
    /// The attributes that fill the rest of a message or of a nest: `each` gets the number of every one, flags removed, and what it
    /// holds. Ends after the first malformed one, and after one that `each` finds to be so.
    #[inline(never)]
    pub fn attributes(&mut self, each: &mut dyn FnMut(u16, &mut Reader<'a>)) {
        while !self.is_empty() {
            let room = self.rest().len();
            let found = usize::from(self.u16());
            let kind = self.u16() & NLA_TYPE_MASK;
            let mut value = self.framed(ATTRIBUTE_HEADER_BYTES, Framed { room, found });
            if self.end().is_ok() {
                each(kind, &mut value);
            }
            if let Err(malformed) = value.end() {
                self.fail(malformed);
            }
        }
    }

    /// What follows a header of so many bytes, and is passed over with its padding.
    #[inline(never)]
    fn framed(&mut self, header_bytes: usize, Framed { room, found }: Framed) -> Reader<'a> {
        let order = self.order();
        if found < header_bytes || found > room {
            self.fail(Malformed::Length { room, found });
            return Reader::new(&[], order);
        }
        let framed = Reader::new(self.bytes(found - header_bytes), order);
        self.skip_padding(found.wrapping_neg() % 4);
        framed
    }

    /// A text up to its NUL. Some kernels leave the NUL out: the end of the attribute then ends it. [`Malformed::Text`] when it is not
    /// UTF-8.
    #[inline(never)]
    pub fn text(&mut self) -> &'a str {
        let bytes = self.rest();
        let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        utf8(text).unwrap_or_else(|_| {
            self.fail(Malformed::Text);
            ""
        })
    }

    /// An Ethernet address; none when it has another length (IP tunnels, InfiniBand).
    pub fn mac(&self) -> Option<Mac> {
        <[u8; 6]>::try_from(self.rest()).ok().map(Mac)
    }
}

impl Writer<'_> {
    /// Appends a message; `body` writes what follows the header.
    pub fn message(&mut self, header: Header, body: impl FnOnce(&mut Self)) {
        let place = self.begin_message(header);
        body(self);
        self.end_message(place);
    }

    /// Appends a header, whose length [`Writer::end_message`] fills in.
    #[inline(never)]
    pub(super) fn begin_message(&mut self, header: Header) -> Place {
        let place = self.place();
        self.u32(0);
        self.u16(header.kind);
        self.u16(header.flags);
        self.u32(header.seq);
        self.u32(header.port);
        place
    }

    #[inline(never)]
    pub(super) fn end_message(&mut self, place: Place) {
        self.fill_u32(place, self.since(place));
        self.align();
    }

    /// Appends an attribute; `payload` writes what it holds.
    pub fn attribute(&mut self, kind: u16, payload: impl FnOnce(&mut Self)) {
        let place = self.begin_attribute(kind);
        payload(self);
        self.end_attribute(place);
    }

    /// Appends an attribute's header, whose length [`Writer::end_attribute`] fills in.
    #[inline(never)]
    pub(super) fn begin_attribute(&mut self, kind: u16) -> Place {
        let place = self.place();
        self.u16(0);
        self.u16(kind);
        place
    }

    #[inline(never)]
    pub(super) fn end_attribute(&mut self, place: Place) {
        self.fill_u16(place, self.since(place));
        self.align();
    }

    /// Appends an attribute that holds attributes.
    pub fn nest(&mut self, kind: u16, payload: impl FnOnce(&mut Self)) {
        self.attribute(kind | NLA_F_NESTED, payload);
    }

    /// Appends the header of an attribute that holds attributes; [`Writer::end_attribute`] fills its length in.
    pub(super) fn begin_nest(&mut self, kind: u16) -> Place {
        self.begin_attribute(kind | NLA_F_NESTED)
    }

    /// Appends attributes of four bytes in the machine's order.
    pub fn attributes_u32(&mut self, fields: &[(u16, u32)]) {
        for &(kind, value) in fields {
            self.attribute_u32(kind, value);
        }
    }

    /// Appends four bytes in the machine's order as an attribute.
    #[inline(never)]
    pub fn attribute_u32(&mut self, kind: u16, value: u32) {
        self.attribute(kind, |w| w.u32(value));
    }

    /// Appends four bytes in network order as an attribute.
    #[inline(never)]
    pub fn attribute_be32(&mut self, kind: u16, value: u32) {
        self.attribute_bytes(kind, &value.to_be_bytes());
    }

    /// Appends a text with its NUL as an attribute.
    #[inline(never)]
    pub fn attribute_text(&mut self, kind: u16, text: &str) {
        self.attribute(kind, |w| {
            w.bytes(text.as_bytes());
            w.u8(0);
        });
    }

    /// Appends bytes as an attribute.
    #[inline(never)]
    pub fn attribute_bytes(&mut self, kind: u16, bytes: &[u8]) {
        self.attribute(kind, |w| w.bytes(bytes));
    }
}

impl Header {
    /// A request that the kernel acknowledges; `extra` are flags on top. The sender fills in `seq`.
    pub const fn request(kind: u16, extra: u16, seq: u32) -> Header {
        Header {
            kind,
            flags: NLM_F_REQUEST | NLM_F_ACK | extra,
            seq,
            port: 0,
        }
    }

    /// A request for all objects.
    pub const fn dump(kind: u16, seq: u32) -> Header {
        Header {
            kind,
            flags: NLM_F_REQUEST | NLM_F_DUMP,
            seq,
            port: 0,
        }
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text {
            "" => write!(f, "error {}", self.errno),
            text => write!(f, "{text} (error {})", self.errno),
        }
    }
}
