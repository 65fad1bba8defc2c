//! How long the line takes there and back: what a Premium packet of ours waits, told to watchers.
//!
//! While somebody watches, an echo request a second goes to the default gateway of the WAN, or where that does not answer to
//! `wan.probe`. It goes out in Premium's lane: what it waits there and beyond is what a keystroke waits. Nobody watches: nothing is sent.

use core::net::Ipv4Addr;

use super::limits::{ECHO_LOST_MAX, ECHO_PERIOD_S, ECHO_PERIODS};
use super::{Engine, Op, Queue};
use crate::control::UNKNOWN;
use crate::value::{Class, Instant};

/// What is known of the line's latency, in 0.1 ms.
#[derive(Debug)]
pub(super) struct Echo {
    /// The next request is due.
    due: bool,
    to: Option<Ipv4Addr>,
    /// Requests in a row that have no answer yet.
    unanswered: u8,
    /// It is `wan.probe`'s turn.
    elsewhere: bool,
    now: u32,
    /// The least of each period, by its number; the current one's number.
    least: [u32; ECHO_PERIODS as usize],
    period: u32,
}

impl Default for Echo {
    fn default() -> Echo {
        Echo {
            due: false,
            to: None,
            unanswered: 0,
            elsewhere: false,
            now: UNKNOWN,
            least: [UNKNOWN; ECHO_PERIODS as usize],
            period: 0,
        }
    }
}

impl Echo {
    /// The latency now, and the least of the last hour.
    pub(super) fn latency(&mut self, now: Instant) -> [u32; 2] {
        self.enter(now);
        if self.unanswered >= ECHO_LOST_MAX {
            self.unanswered = 0;
            self.now = UNKNOWN;
            self.elsewhere ^= true;
        }
        let least = self.least.iter().copied().min();
        [self.now, least.unwrap_or(UNKNOWN)]
    }

    /// A request is due, or none is any more.
    pub(super) const fn want(&mut self, due: bool) {
        self.due = due;
        if !due {
            self.unanswered = 0;
            self.now = UNKNOWN;
        }
    }

    /// An answer came.
    pub(super) fn learn(&mut self, now: Instant, tenth_ms: u32) {
        self.unanswered = 0;
        self.now = tenth_ms;
        self.enter(now);
        if let Some(least) = self.slot(self.period) {
            *least = tenth_ms.min(*least);
        }
    }

    fn slot(&mut self, period: u32) -> Option<&mut u32> {
        self.least.get_mut((period % ECHO_PERIODS) as usize)
    }

    /// Forgets the periods that are over.
    fn enter(&mut self, now: Instant) {
        let seconds = u32::try_from(now.as_ms() / 1000).unwrap_or_default();
        let period = seconds / ECHO_PERIOD_S;
        for begun in 0..period.wrapping_sub(self.period).min(ECHO_PERIODS) {
            if let Some(least) = self.slot(period.wrapping_sub(begun)) {
                *least = UNKNOWN;
            }
        }
        self.period = period;
    }
}

impl Engine {
    /// The request that is due, where there is somebody to ask.
    pub(super) fn next_echo(&mut self) -> Option<Op> {
        if !core::mem::take(&mut self.echo.due) {
            return None;
        }
        let wan = self.links.places(&self.config).ok()?.wan;
        let (index, dev) = (wan.index, wan.name);
        let both = [self.links.gateway(index), self.config.wan.probe];
        let [first, second] = both;
        let to = if self.echo.elsewhere {
            second.or(first)
        } else {
            first.or(second)
        };
        if self.echo.to != to {
            // What another took says nothing of this one.
            self.echo = Echo {
                to,
                elsewhere: self.echo.elsewhere,
                period: self.echo.period,
                ..Echo::default()
            };
        }
        self.echo.unanswered += 1;
        Some(Op::Echo {
            to: to?,
            dev,
            priority: Queue::Lane(Class::Premium).priority(self.shaper()),
        })
    }
}
