use core::fmt;

/// CRC-32 as gzip and Ethernet have it (RFC 1952, section 8; polynomial 0xedb88320, reflected): tells whether two texts are the same. It is
/// no secret and stops nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc32(u32);

/// What four zero bits in front make of each remainder of four bits. Half a byte at a time: 64 bytes of table instead of 1,024.
const STEPS: [u32; 16] = steps();

const fn steps() -> [u32; 16] {
    let mut steps = [0; 16];
    let mut number = 0;
    while number < 16_u32 {
        let mut rest = number;
        let mut bit = 0;
        while bit < 4 {
            rest = (rest >> 1) ^ (0xedb8_8320 & (rest & 1).wrapping_neg());
            bit += 1;
        }
        steps[number as usize] = rest;
        number += 1;
    }
    steps
}

impl Default for Crc32 {
    fn default() -> Crc32 {
        Crc32(u32::MAX)
    }
}

impl Crc32 {
    /// Of these bytes alone.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Crc32::default();
        crc.add(bytes);
        crc.value()
    }

    /// These bytes follow.
    #[inline(never)]
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 ^= u32::from(byte);
            for _ in 0..2 {
                self.0 = (self.0 >> 4) ^ STEPS[self.0 as usize & 15];
            }
        }
    }

    /// Of all bytes so far.
    pub const fn value(self) -> u32 {
        !self.0
    }
}

impl fmt::Write for Crc32 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}
