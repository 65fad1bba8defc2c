use core::fmt;

/// A rate in kilobits (1,000 bits) a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kbit(pub u32);

impl Kbit {
    /// Bytes a second.
    pub const fn bytes_per_s(self) -> u64 {
        self.0 as u64 * 125
    }

    /// `percent` of it, at least 1 kbit/s.
    pub fn percent(self, percent: u8) -> Kbit {
        let part = u64::from(self.0) * u64::from(percent) / 100;
        Kbit(u32::try_from(part).unwrap_or(u32::MAX).max(1))
    }

    /// Bytes that pass in `ms` milliseconds, at most `u32::MAX`.
    pub fn bytes_in_ms(self, ms: u32) -> u32 {
        u32::try_from(self.bytes_per_s() * u64::from(ms) / 1000).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Kbit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kbit/s", self.0)
    }
}
