use core::time::Duration;

/// A moment on the monotonic clock, in milliseconds since a start that means nothing.
///
/// Never the wall clock: routers boot in 1970 and jump when NTP answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    ms: u64,
}

impl Instant {
    /// The moment `ms` milliseconds after the start of the clock.
    pub const fn from_ms(ms: u64) -> Instant {
        Instant { ms }
    }

    /// Milliseconds since the start of the clock.
    pub const fn as_ms(self) -> u64 {
        self.ms
    }

    /// The moment `wait` later; the end of time when there is none.
    pub fn after(self, wait: Duration) -> Instant {
        // Not `as_millis`: its 128 bits are expensive on 32-bit machines.
        let wait_ms = wait
            .as_secs()
            .saturating_mul(1000)
            .saturating_add(wait.subsec_millis().into());
        Instant {
            ms: self.ms.saturating_add(wait_ms),
        }
    }

    /// Milliseconds since `earlier`; zero when that is not earlier.
    pub const fn ms_since(self, earlier: Instant) -> u64 {
        self.ms.saturating_sub(earlier.ms)
    }

    /// The time since `earlier`; zero when that is not earlier.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_millis(self.ms_since(earlier))
    }
}
