//! The monotonic clock, by which everything goes but schedules, which go by the clock on the wall.

use nix::time::{ClockId, clock_gettime};

use crate::value::Instant;

/// Microseconds on the monotonic clock, which begin anew after 71 minutes: for what takes seconds.
pub fn now_us() -> u32 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        let [seconds, nanoseconds] = [time.tv_sec(), time.tv_nsec()].map(low_word);
        seconds
            .wrapping_mul(1_000_000)
            .wrapping_add(nanoseconds / 1000)
    })
}

/// The low half of a number: what wraps may.
fn low_word(number: impl Into<i64>) -> u32 {
    let [.., a, b, c, d] = number.into().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

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
