//! Messages taken apart and put together without the code under test.

use std::collections::BTreeMap;

use lanemark::wire::Order;

/// `NLA_F_NESTED`; some programs set it and some do not.
const NESTED: u16 = 0x8000;

/// A message taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    pub order: Order,
    pub kind: u16,
    pub flags: u16,
    pub seq: u32,
    pub port: u32,
    /// The family's own header.
    pub fixed: Vec<u8>,
    pub attributes: Vec<(u16, Vec<u8>)>,
}

/// The messages of a datagram.
pub fn take_apart(mut bytes: &[u8], order: Order) -> Vec<Raw> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let len = usize::try_from(u32_at(order, bytes, 0)).unwrap();
        let (kind, flags) = (u16_at(order, bytes, 4), u16_at(order, bytes, 6));
        let (seq, port) = (u32_at(order, bytes, 8), u32_at(order, bytes, 12));
        let (fixed, rest) = bytes[16..len].split_at(fixed_bytes(kind, len));
        let attributes = attributes(order, rest);
        messages.push(Raw {
            order,
            kind,
            flags,
            seq,
            port,
            fixed: fixed.to_vec(),
            attributes,
        });
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}

/// The only message of a datagram.
pub fn take_one_apart(bytes: &[u8], order: Order) -> Raw {
    let mut messages = take_apart(bytes, order);
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

pub fn attributes(order: Order, mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut attributes = Vec::new();
    while !bytes.is_empty() {
        let len = usize::from(u16_at(order, bytes, 0));
        assert!(
            len >= 4 && len <= bytes.len(),
            "a length of {len} in {} bytes",
            bytes.len()
        );
        attributes.push((u16_at(order, bytes, 2), bytes[4..len].to_vec()));
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    attributes
}

/// The first and last message of a batch have the numbers of links, but are shorter than any link.
const fn fixed_bytes(kind: u16, len: usize) -> usize {
    match kind {
        16 | 17 if len < 32 => 4,
        16..=19 => 16,
        20..=22 => 8,
        24..=30 => 12,
        36..=46 => 20,
        _ => 4,
    }
}

fn u16_at(order: Order, bytes: &[u8], at: usize) -> u16 {
    let bytes = bytes[at..at + 2].try_into().unwrap();
    if order == Order::Big {
        u16::from_be_bytes(bytes)
    } else {
        u16::from_le_bytes(bytes)
    }
}

fn u32_at(order: Order, bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes[at..at + 4].try_into().unwrap();
    if order == Order::Big {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}

impl Raw {
    /// The datagram again.
    pub fn bytes(&self) -> Vec<u8> {
        let mut parts = vec![Bytes(&self.fixed)];
        parts.extend(
            self.attributes
                .iter()
                .map(|(kind, payload)| Payload(*kind, payload)),
        );
        message(
            self.order,
            [self.kind, self.flags],
            [self.seq, self.port],
            &parts,
        )
    }

    /// Without the attributes of this number.
    pub fn without(&self, kind: u16) -> Raw {
        let mut raw = self.clone();
        raw.attributes
            .retain(|(number, _)| number & !NESTED != kind);
        assert!(
            raw.attributes.len() < self.attributes.len(),
            "there is no attribute {kind}"
        );
        raw
    }

    /// With a further attribute at the end.
    pub fn with(&self, part: &Part<'_>) -> Raw {
        let mut raw = self.clone();
        raw.attributes.extend(attributes(
            self.order,
            &write(self.order, std::slice::from_ref(part)),
        ));
        raw
    }

    /// With something else in the attribute of this number.
    pub fn changed(&self, kind: u16, change: impl FnOnce(&mut Vec<u8>)) -> Raw {
        let mut raw = self.clone();
        change(
            &mut raw
                .attributes
                .iter_mut()
                .find(|(number, _)| number & !NESTED == kind)
                .unwrap()
                .1,
        );
        raw
    }

    /// What the attribute of this number holds.
    pub fn payload(&self, kind: u16) -> &[u8] {
        &self
            .attributes
            .iter()
            .find(|(number, _)| number & !NESTED == kind)
            .unwrap()
            .1
    }

    /// Every field by its path: `flags`, `fixed`, and the numbers of the attributes from the outermost to the innermost. Where a number
    /// is repeated, the place among its like follows. `nests` says which paths hold attributes.
    pub fn fields(&self, nests: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<u8>> {
        let mut fields = BTreeMap::new();
        fields.insert("kind".to_owned(), self.kind.to_be_bytes().to_vec());
        fields.insert("flags".to_owned(), self.flags.to_be_bytes().to_vec());
        fields.insert("fixed".to_owned(), self.fixed.clone());
        self.add(&mut fields, "", &self.attributes, &nests);
        fields
    }

    fn add(
        &self,
        fields: &mut BTreeMap<String, Vec<u8>>,
        above: &str,
        list: &[(u16, Vec<u8>)],
        nests: &impl Fn(&str) -> bool,
    ) {
        let mut seen = BTreeMap::new();
        for (kind, payload) in list {
            let number = kind & !NESTED;
            let place = seen
                .entry(number)
                .and_modify(|count| *count += 1)
                .or_insert(0);
            let path = match place {
                0 => format!("{above}{number}"),
                place => format!("{above}{number}#{place}"),
            };
            if nests(&path) {
                self.add(
                    fields,
                    &format!("{path}/"),
                    &attributes(self.order, payload),
                    nests,
                );
            } else {
                fields.insert(path, payload.clone());
            }
        }
    }
}

/// A piece of a message that is to be.
pub enum Part<'a> {
    Zeroes(usize),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    Be16(u16),
    Be32(u32),
    Be64(u64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Attribute(u16, &'a [Part<'a>]),
    Nest(u16, &'a [Part<'a>]),
    /// An attribute whose flags stand in its number.
    Payload(u16, &'a [u8]),
}

pub use Part::{
    Attribute, Be16, Be32, Be64, Bytes, Nest, Payload, Text, U8, U16, U32, U64, Zeroes,
};

/// A message of kind and flags, number and port.
pub fn message(
    order: Order,
    [kind, flags]: [u16; 2],
    [seq, port]: [u32; 2],
    parts: &[Part<'_>],
) -> Vec<u8> {
    let body = write(order, parts);
    let len = u32::try_from(16 + body.len()).unwrap();
    let mut bytes = write(
        order,
        &[
            U32(len),
            U16(kind),
            U16(flags),
            U32(seq),
            U32(port),
            Bytes(&body),
        ],
    );
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The bytes of the parts; attributes are padded.
pub fn write(order: Order, parts: &[Part<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let big = order == Order::Big;
    for part in parts {
        match *part {
            Zeroes(count) => bytes.resize(bytes.len() + count, 0),
            U8(value) => bytes.push(value),
            U16(value) => bytes.extend(if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }),
            U32(value) => bytes.extend(if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }),
            U64(value) => bytes.extend(if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }),
            Be16(value) => bytes.extend(value.to_be_bytes()),
            Be32(value) => bytes.extend(value.to_be_bytes()),
            Be64(value) => bytes.extend(value.to_be_bytes()),
            Text(text) => bytes.extend(text.bytes().chain([0])),
            Bytes(more) => bytes.extend(more),
            Attribute(kind, parts) => {
                bytes.extend(write(order, &[Payload(kind, &write(order, parts))]))
            }
            Nest(kind, parts) => bytes.extend(write(
                order,
                &[Payload(kind | NESTED, &write(order, parts))],
            )),
            Payload(kind, payload) => {
                let len = u16::try_from(4 + payload.len()).unwrap();
                bytes.extend(write(order, &[U16(len), U16(kind), Bytes(payload)]));
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
        }
    }
    bytes
}

/// The lengths of the messages of a datagram, with their padding.
pub fn frame_lengths(mut bytes: &[u8], order: Order) -> Vec<usize> {
    let mut lengths = Vec::new();
    while !bytes.is_empty() {
        let len = usize::try_from(u32_at(order, bytes, 0))
            .unwrap()
            .next_multiple_of(4)
            .min(bytes.len());
        lengths.push(len);
        bytes = &bytes[len..];
    }
    lengths
}
