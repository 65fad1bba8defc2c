//! Why what is wished is not what is.

use core::fmt;
use core::time::Duration;

use super::limits::{FIGHT_WINDOW, FIGHTS_MAX, HEALTH_EVERY, RETRY_MAX, RETRY_MIN_S};
use super::links::Unplaced;
use super::{Engine, Event, Goal, Timer};
use crate::value::{IfName, Instant, Refused, TcHandle};

/// A reason that someone can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The WAN or the LAN is not known (yet).
    Unplaced(Unplaced),
    /// Somebody else has set a root qdisc on the device.
    Foreign {
        /// The device.
        dev: IfName,
        /// The qdisc's name.
        handle: TcHandle,
    },
    /// The kernel lacks something that nothing can stand in for.
    Lacks {
        /// What.
        what: &'static str,
        /// The kernel's option, for whoever builds the firmware.
        option: &'static str,
    },
    /// The kernel refused.
    Refused {
        /// What it was asked for.
        what: &'static str,
        /// Its words.
        refused: Refused,
    },
    /// Somebody else keeps undoing what we do.
    Fight {
        /// How often within a minute.
        rounds: u8,
    },
}

impl Trouble {
    /// Whether it ends by an event that we are told of.
    pub const fn waits_for_news(&self) -> bool {
        matches!(self, Trouble::Unplaced(_))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Trouble::Unplaced(unplaced) => format_args!("{}", *unplaced),
            Trouble::Foreign { dev, handle } => format_args!(
                "{} has a root qdisc {} of another program (SQM, QoS); turn that off first",
                *dev, *handle
            ),
            Trouble::Lacks { what, option } => {
                format_args!("this kernel has no {}; it needs {}", *what, *option)
            }
            Trouble::Refused { what, refused } => {
                format_args!("the kernel refused {}: {}", *what, *refused)
            }
            Trouble::Fight { rounds } => format_args!(
                "another program undid our queues or rules {} times in a minute; next try in a minute",
                *rounds
            ),
        };
        f.write_fmt(words)
    }
}

/// Other programs that undo what we do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fights {
    /// Somebody touched something since all was last as wished.
    pub(super) touched: bool,
    since: Option<Instant>,
    rounds: u8,
    /// Where the WAN and the LANs were when all was last as wished.
    places: u32,
}

impl Fights {
    /// What differs next differs because the wish is another.
    pub(super) const fn forget_places(&mut self) {
        self.places = 0;
    }
}

impl Engine {
    /// Everything is as wished, or as near to it as it gets.
    pub(super) fn settle(&mut self, now: Instant) {
        self.fights.touched = false;
        if self.gave_up.is_anything() || self.blind {
            // What is still there although it should not be is not forgotten. Leaving, there is no later.
            if self.goal == Goal::Configured {
                self.retry_later(now);
            }
            return;
        }
        self.trouble = None;
        self.retry_s = RETRY_MIN_S;
        if !self.is_on() {
            return;
        }
        self.fights.places = self.places_now();
        let caps = self.cap_rules().map(|caps| caps.layout);
        self.remark.rules_have(self.config.mark, caps);
        if !self.timers.is_set(Timer::Health) {
            // The first look at the counters is the start of the first interval.
            if self.rates.is_unsampled() {
                self.ask_for_counters();
            }
            self.timers.set(Timer::Health, now.after(HEALTH_EVERY));
        }
    }

    /// Where the WAN and the LANs are, as a number that differs when they do: 0 while it is not known.
    fn places_now(&self) -> u32 {
        let Ok(places) = self.links.places(&self.config) else {
            return 0;
        };
        places.all().iter().fold(1, |sum: u32, link| {
            let state = link.mtu ^ u32::from(link.up) << 31;
            // FNV's multiplier: each number has its own place in the sum.
            (sum.wrapping_mul(0x0100_0193) ^ link.index.0).wrapping_mul(0x0100_0193) ^ state
        })
    }

    fn retry_later(&mut self, now: Instant) {
        let wait = Duration::from_secs(self.retry_s.into());
        self.timers
            .set(Timer::Retry, now.after(wait.min(RETRY_MAX)));
        self.retry_s = self.retry_s.saturating_mul(2);
    }

    /// Something of ours was undone by somebody. Returns whether we stop putting it back.
    pub(super) fn fought(&mut self, now: Instant) -> bool {
        self.fights.touched = false;
        // A WAN that was made anew has no queues, and another configuration has other ones, whoever touched something besides.
        if self.fights.places != self.places_now() {
            return false;
        }
        self.journal.note(now, Event::Fought);
        match self.fights.since {
            Some(since) if now < since.after(FIGHT_WINDOW) => {
                self.fights.rounds = self.fights.rounds.saturating_add(1);
            }
            _ => {
                self.fights.since = Some(now);
                self.fights.rounds = 1;
            }
        }
        if self.fights.rounds <= FIGHTS_MAX {
            return false;
        }
        self.trouble = Some(Trouble::Fight { rounds: FIGHTS_MAX });
        self.timers.set(Timer::Retry, now.after(FIGHT_WINDOW));
        true
    }

    /// Nothing can be done about a difference for now.
    pub(super) fn in_trouble(&mut self, now: Instant, trouble: Trouble) {
        self.journal.note(now, Event::Refused);
        if self.goal != Goal::Configured {
            // There is no later; the first reason is told.
            self.trouble.get_or_insert(trouble);
            return;
        }
        if self.undo_pending(now, &trouble) {
            return;
        }
        if trouble.waits_for_news() {
            // An event will tell: nothing to try in the meantime. A far timer only guards against an event that is never sent.
            self.timers.set(Timer::Retry, now.after(RETRY_MAX));
        } else {
            self.retry_later(now);
        }
        self.trouble = Some(trouble);
    }
}
