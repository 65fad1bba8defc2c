//! Everything that the engine waits for, in one table.

use core::time::Duration;

use crate::value::Instant;

/// A reason to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Look at the counters.
    Health,
    /// Try again what the kernel refused.
    Retry,
    /// Count the flows' bytes a second time.
    RateWindow,
    /// Walk through the flows for devices that have new addresses.
    Remark,
    /// Write the configuration to flash.
    Save,
    /// New queues get the whole line.
    Drain,
    /// Look at everything again, since events were lost.
    Resync,
    /// Look at the neighbours again, since their events were lost.
    ResyncNeighbours,
    /// Look at the clock on the wall, since a schedule may begin or end.
    Clock,
    /// Tell the watchers.
    Watch,
    /// No answer comes any more from the path.
    Path,
}

/// One moment a reason.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    at: [Option<Instant>; Timers::REASONS.len()],
}

impl Timers {
    const REASONS: [Timer; 11] = [
        Timer::Health,
        Timer::Retry,
        Timer::RateWindow,
        Timer::Remark,
        Timer::Save,
        Timer::Drain,
        Timer::Resync,
        Timer::ResyncNeighbours,
        Timer::Clock,
        Timer::Watch,
        Timer::Path,
    ];

    fn slot(&mut self, timer: Timer) -> Option<&mut Option<Instant>> {
        self.at.get_mut(timer as usize)
    }

    /// Wakes for `timer` at `moment`, unless an earlier one is set.
    #[inline(never)]
    pub fn set(&mut self, timer: Timer, moment: Instant) {
        if let Some(slot) = self.slot(timer) {
            *slot = Some(slot.map_or(moment, |earlier| earlier.min(moment)));
        }
    }

    /// Does not wake for it.
    pub fn clear(&mut self, timer: Timer) {
        if let Some(slot) = self.slot(timer) {
            *slot = None;
        }
    }

    /// Whether it is set, due or not.
    pub fn is_set(&self, timer: Timer) -> bool {
        self.at.get(timer as usize).copied().flatten().is_some()
    }

    /// Whether its moment has come; if so, it is cleared.
    #[inline(never)]
    pub fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        match self.slot(timer) {
            Some(slot) if slot.is_some_and(|moment| moment <= now) => {
                *slot = None;
                true
            }
            _ => false,
        }
    }

    /// How long until the next one.
    pub fn next(&self, now: Instant) -> Option<Duration> {
        self.at
            .iter()
            .flatten()
            .min()
            .map(|moment| moment.since(now))
    }
}
