use core::fmt;

/// A rate in kilobits (1,000 bits) a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kbit(pub u32);

impl Kbit {
    /// Bytes a second.
    pub const fn bytes_per_s(self) -> u64 {
        self.0 as u64 * 125
    }

    /// `percent` of it, at least 1 kbit/s. In two pieces, so that 32 bits hold it.
    #[inline(never)]
    pub fn percent(self, percent: u8) -> Kbit {
        let percent = u32::from(percent);
        let whole = (self.0 / 100).saturating_mul(percent);
        Kbit(whole.saturating_add(self.0 % 100 * percent / 100).max(1))
    }

    /// Bytes that pass in `ms` milliseconds. Exact up to 400 ms of 10 Gbit/s, and too few beyond.
    pub const fn bytes_in_ms(self, ms: u32) -> u32 {
        self.0.saturating_mul(ms) / 8
    }

    /// Microseconds that so many bytes take. Exact up to half a megabyte, and too few beyond.
    #[inline(never)]
    pub fn us_of(self, bytes: u32) -> u32 {
        bytes.saturating_mul(8_000) / self.0.max(1)
    }
}

impl fmt::Display for Kbit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kbit/s", self.0)
    }
}
