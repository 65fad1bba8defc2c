//! Bytes of the netlink messages that no package writes for us: generic netlink and nf_tables.
//!
//! Read before editing: `include/uapi/linux/netlink.h`. Lengths and types of headers and attributes are in host order, an
//! attribute is padded to four bytes, and its length does not count the padding.

/// Bytes of `struct nlmsghdr`.
pub const HEADER_LENGTH: usize = 16;

const ATTRIBUTE_HEADER_LENGTH: usize = 4;
const NLA_F_NESTED: u16 = 1 << 15;
const NLA_TYPE_MASK: u16 = 0x3fff;

/// The first fields of `struct nlmsghdr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the message with its header, without the padding; at least [`HEADER_LENGTH`].
    pub length: usize,
    /// `nlmsg_type`.
    pub kind: u16,
}

impl Header {
    /// Reads a header, or nothing when it is cut short or contradicts itself.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let length = usize::try_from(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        (length >= HEADER_LENGTH).then_some(Self { length, kind })
    }
}

/// A run of messages under construction: one datagram.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Appends one message: `body` is its fixed header, `attributes` fills the rest.
    pub fn message(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        attributes: impl FnOnce(&mut Self),
    ) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&flags.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes.extend_from_slice(body);
        self.pad();
        attributes(self);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.patch(start, &length.to_ne_bytes());
    }

    /// Appends an attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(ATTRIBUTE_HEADER_LENGTH + value.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
    }

    /// Appends a text with the zero that the kernel wants at its end.
    pub fn text(&mut self, kind: u16, value: &str) {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    /// Appends an attribute that holds attributes.
    pub fn nest(&mut self, kind: u16, inner: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.attribute(kind | NLA_F_NESTED, &[]);
        inner(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.patch(start, &length.to_ne_bytes());
    }

    /// The datagram.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn patch(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }
}

/// The value of the first attribute of this kind; nothing when it is missing or the bytes are cut short.
#[must_use]
pub fn find(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
        let found = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?) & NLA_TYPE_MASK;
        let value = attributes.get(ATTRIBUTE_HEADER_LENGTH..length)?;
        if found == kind {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_written_is_an_attribute_found() {
        let mut writer = Writer::default();
        writer.message(7, 1, &[9], |w| {
            w.text(1, "wan0");
            w.nest(2, |w| w.attribute(3, &[4, 5]));
        });
        let header = Header::read(writer.bytes());
        assert_eq!(
            header,
            Some(Header {
                length: writer.bytes().len(),
                kind: 7
            })
        );
        let attributes = &writer.bytes()[HEADER_LENGTH + 4..];
        assert_eq!(find(attributes, 1), Some(&b"wan0\0"[..]));
        assert_eq!(
            find(attributes, 2).and_then(|inner| find(inner, 3)),
            Some(&[4, 5][..])
        );
        assert_eq!(find(attributes, 6), None);
    }

    #[test]
    fn every_prefix_of_attributes_is_answered_without_a_panic() {
        let mut writer = Writer::default();
        writer.text(1, "wan0");
        writer.nest(2, |w| w.attribute(3, &[4, 5]));
        for length in 0..writer.bytes().len() {
            let _ = find(&writer.bytes()[..length], 2);
        }
        assert_eq!(
            find(&[1, 0, 2, 0], 2),
            None,
            "a length below its own header"
        );
    }
}
