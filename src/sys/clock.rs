//! The monotonic clock: the only clock there is.

use nix::time::{ClockId, clock_gettime};

use crate::value::Instant;

/// Now.
pub fn now() -> Instant {
    // The kernel has this clock, so that reading it cannot fail; the start of time would be the harmless answer.
    let ms = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
        let nanoseconds = u64::try_from(time.tv_nsec()).unwrap_or_default();
        seconds * 1000 + nanoseconds / 1_000_000
    });
    Instant::from_ms(ms)
}
