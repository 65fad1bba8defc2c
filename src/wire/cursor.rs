use core::fmt;

use super::Order;

/// Bytes that are not what they should be. The peer is the kernel, so the cause is a kernel that we do not know, or a fault of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes are left than the next field needs.
    Short {
        /// Bytes that the field needs.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// A length field that is smaller than its own header or larger than what holds it.
    Length {
        /// Bytes that are there to hold it.
        room: usize,
        /// What the field says.
        found: usize,
    },
    /// An attribute that the message cannot do without is not there.
    Missing {
        /// Its number in the message's family.
        attribute: u16,
    },
    /// A field with a value that has no meaning for us.
    Value {
        /// The value.
        found: u32,
    },
    /// A text without its end, or not in UTF-8.
    Text,
    /// The package that reads addresses and neighbour dumps could not.
    Package,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Malformed::Short { expected, found } => {
                write!(f, "expected {expected} more bytes, found {found}")
            }
            Malformed::Length { room, found } => {
                write!(f, "expected a length of at most {room}, found {found}")
            }
            Malformed::Missing { attribute } => {
                write!(f, "expected attribute {attribute}, found none")
            }
            Malformed::Value { found } => write!(f, "found a value without meaning, {found}"),
            Malformed::Text => f.write_str("expected a text in UTF-8 that ends in NUL"),
            Malformed::Package => f.write_str("an address or neighbour message could not be read"),
        }
    }
}

/// What was written did not fit its buffer, or a nest grew beyond the 65,535 bytes of its length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message is larger than its buffer")
    }
}

/// Reads a slice from front to back; never beyond its end. What is not there reads as zeroes and is remembered, so that callers check
/// once, with [`Reader::end`].
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    order: Order,
    fault: Option<Malformed>,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, whose machine-order fields are in `order`.
    pub const fn new(bytes: &'a [u8], order: Order) -> Reader<'a> {
        Reader {
            bytes,
            order,
            fault: None,
        }
    }

    /// The order of machine-order fields.
    pub const fn order(&self) -> Order {
        self.order
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether all that was read was there and made sense.
    ///
    /// # Errors
    /// The first [`Malformed`].
    #[inline(never)]
    pub fn end(&self) -> Result<(), Malformed> {
        self.fault.map_or(Ok(()), Err)
    }

    /// Remembers what makes no sense, unless something before it did not; nothing more is read.
    #[inline(never)]
    pub fn fail(&mut self, malformed: Malformed) {
        self.bytes = &[];
        self.fault.get_or_insert(malformed);
    }

    /// The next `count` bytes; none, and [`Malformed::Short`], when there are fewer.
    #[inline(never)]
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let found = self.bytes.len();
        let Some((head, tail)) = self.bytes.split_at_checked(count) else {
            let expected = count;
            self.fail(Malformed::Short { expected, found });
            return &[];
        };
        self.bytes = tail;
        head
    }

    /// The next bytes as an array.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap_or([0; N])
    }

    /// Passes over `count` bytes.
    pub fn skip(&mut self, count: usize) {
        self.bytes(count);
    }

    /// Passes over `count` bytes or to the end: the padding of the last part may be missing.
    pub fn skip_padding(&mut self, count: usize) {
        self.bytes = self.bytes.get(count..).unwrap_or_default();
    }

    /// One byte.
    pub fn u8(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Two bytes in the machine's order.
    pub fn u16(&mut self) -> u16 {
        let bytes = self.array();
        match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Four bytes in the machine's order.
    pub fn u32(&mut self) -> u32 {
        let bytes = self.array();
        match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Eight bytes in the machine's order.
    pub fn u64(&mut self) -> u64 {
        let bytes = self.array();
        match self.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        }
    }

    /// Two bytes in network order.
    pub fn be16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// Four bytes in network order.
    pub fn be32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// Eight bytes in network order.
    pub fn be64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// Four bytes in the machine's order, or 0 when an older kernel's struct ends here.
    pub fn u32_or_zero(&mut self) -> u32 {
        if self.bytes.len() < 4 {
            return 0;
        }
        self.u32()
    }

    /// Eight bytes in the machine's order, or 0 when an older kernel's struct ends here.
    pub fn u64_or_zero(&mut self) -> u64 {
        if self.bytes.len() < 8 {
            return 0;
        }
        self.u64()
    }
}

/// Appends to a buffer. What does not fit is left out and remembered, so that callers check once, at the end.
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
    overflow: bool,
    order: Order,
}

/// A place in what was written, whose length is filled in later.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    start: usize,
}

impl<'b> Writer<'b> {
    /// Writes into `buffer` for a kernel of `order`.
    pub fn new(buffer: &'b mut [u8], order: Order) -> Writer<'b> {
        Writer {
            buffer,
            len: 0,
            overflow: false,
            order,
        }
    }

    /// The order of machine-order fields.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was written.
    ///
    /// # Errors
    /// [`Overflow`] when something did not fit.
    pub fn finish(self) -> Result<&'b [u8], Overflow> {
        if self.overflow {
            return Err(Overflow);
        }
        let written: &'b [u8] = self.buffer;
        written.get(..self.len).ok_or(Overflow)
    }

    /// What was written so far.
    ///
    /// # Errors
    /// [`Overflow`] when something did not fit.
    pub fn written(&self) -> Result<&[u8], Overflow> {
        if self.overflow {
            return Err(Overflow);
        }
        self.buffer.get(..self.len).ok_or(Overflow)
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.len = 0;
        self.overflow = false;
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        match self
            .buffer
            .get_mut(self.len..)
            .and_then(|room| room.get_mut(..bytes.len()))
        {
            Some(room) if !self.overflow => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            _ => self.overflow = true,
        }
    }

    /// Appends zeroes.
    pub fn zeroes(&mut self, count: usize) {
        for _ in 0..count {
            self.bytes(&[0]);
        }
    }

    /// Appends zeroes up to the next multiple of four.
    pub fn align(&mut self) {
        self.zeroes(self.len.wrapping_neg() % 4);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Two bytes in the machine's order.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&self.ordered16(value));
    }

    /// Four bytes in the machine's order.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&match self.order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        });
    }

    /// Eight bytes in the machine's order.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&match self.order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        });
    }

    /// Two bytes in network order.
    pub fn be16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Four bytes in network order.
    pub fn be32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Remembers this place for [`Writer::fill_u16`] or [`Writer::fill_u32`].
    pub fn place(&self) -> Place {
        Place { start: self.len }
    }

    /// Bytes written since `place`.
    pub fn since(&self, place: Place) -> usize {
        self.len.saturating_sub(place.start)
    }

    /// Puts two bytes in the machine's order at `place`.
    pub fn fill_u16(&mut self, place: Place, value: usize) {
        match u16::try_from(value) {
            Ok(value) => self.fill(place, &self.ordered16(value)),
            Err(_) => self.overflow = true,
        }
    }

    /// Puts four bytes in the machine's order at `place`.
    pub fn fill_u32(&mut self, place: Place, value: usize) {
        match (u32::try_from(value), self.order) {
            (Ok(value), Order::Little) => self.fill(place, &value.to_le_bytes()),
            (Ok(value), Order::Big) => self.fill(place, &value.to_be_bytes()),
            (Err(_), _) => self.overflow = true,
        }
    }

    fn fill(&mut self, place: Place, bytes: &[u8]) {
        match self.buffer.get_mut(place.start..place.start + bytes.len()) {
            Some(room) if !self.overflow => room.copy_from_slice(bytes),
            _ => self.overflow = true,
        }
    }

    fn ordered16(&self, value: u16) -> [u8; 2] {
        match self.order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }
}
