//! The monotonic clock, by which everything goes but schedules, which go by the clock on the wall.

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

/// What the clock on the wall shows, in seconds since the start of 1970 in UTC. It may never have been set, and jumps when it is.
pub fn unix_s() -> u32 {
    clock_gettime(ClockId::CLOCK_REALTIME)
        .ok()
        .and_then(|time| u32::try_from(time.tv_sec()).ok())
        .unwrap_or_default()
}
