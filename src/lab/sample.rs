//! Waiting times and what one says of them.

use std::time::Duration;

/// The waiting times of one phase, summed up. A keystroke that was not echoed by the end of the phase is in it with the
/// time that it had waited until then: leaving it out would praise the worst line of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Half waited no longer.
    pub p50: Duration,
    /// 99 of 100 waited no longer.
    pub p99: Duration,
    /// The longest wait.
    pub max: Duration,
    /// How many waits there were.
    pub count: usize,
    /// How many of them had not ended.
    pub unanswered: usize,
}

impl Summary {
    /// Sums up waits; `unanswered` of them had not ended.
    #[must_use]
    pub fn of(mut waits: Vec<Duration>, unanswered: usize) -> Self {
        waits.sort_unstable();
        Self {
            p50: percentile(&waits, 50),
            p99: percentile(&waits, 99),
            max: waits.last().copied().unwrap_or_default(),
            count: waits.len(),
            unanswered,
        }
    }
}

/// The smallest value that at least `percent` of the sorted values do not exceed (the nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank_of_a_hundred_waits_is_the_wait_of_that_number() {
        let waits = (1..=100).rev().map(Duration::from_millis).collect();
        let summary = Summary::of(waits, 3);
        assert_eq!(summary.p50, Duration::from_millis(50));
        assert_eq!(summary.p99, Duration::from_millis(99));
        assert_eq!(summary.max, Duration::from_millis(100));
        assert_eq!((summary.count, summary.unanswered), (100, 3));
    }

    #[test]
    fn no_waits_sum_up_to_zeros() {
        assert_eq!(Summary::of(Vec::new(), 0), Summary::default());
    }
}
