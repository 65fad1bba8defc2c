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
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Instant {
            ms: self.ms.saturating_add(wait_ms),
        }
    }

    /// The time since `earlier`; zero when that is not earlier.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_millis(self.ms.saturating_sub(earlier.ms))
    }
}
