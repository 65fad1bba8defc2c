//! Which schedules are in force. Nothing is, until the clock on the wall is known: routers boot in 1970.

use core::time::Duration;

use super::report::text;
use super::{Engine, Event, Timer};
use crate::config::{Schedule, Scheduled};
use crate::control::Text;
use crate::value::{Class, Instant, Mac, TimeZone, WallTime};

/// A clock that shows less was never set: 1 January 2024, before there was a lanemark.
const CLOCK_KNOWN_S: u32 = 1_704_067_200;

/// Schedules begin and end with the minute, and somebody may set the clock.
const MINUTE_S: u32 = 60;

/// The schedules that are in force, a bit each, in the order of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InForce(u32);

/// What is known of the time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Calendar {
    in_force: InForce,
    now: WallClock,
}

/// What the clock on the wall shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WallClock {
    /// Nobody has looked.
    #[default]
    Unseen,
    /// It was never set.
    Unset,
    /// By the zone of the router or the user; by UTC where there is none that can be read.
    Shows { time: WallTime, zoned: bool },
}

impl InForce {
    const fn has(self, place: usize) -> bool {
        self.0 >> place & 1 != 0
    }

    /// Those of the list.
    pub(super) fn of(self, schedules: &[Schedule]) -> impl Iterator<Item = (usize, &Schedule)> {
        let all = schedules.iter().enumerate();
        all.filter(move |(place, _)| self.has(*place))
    }

    /// Each device that is in a class by schedule, and the class. Where several are about one device, the first comes last.
    pub(super) fn each_class(self, schedules: &[Schedule], each: &mut dyn FnMut(Mac, Class)) {
        for (place, schedule) in schedules.iter().enumerate().rev() {
            if let Scheduled::Class(mac, class) = schedule.what
                && self.has(place)
            {
                each(mac, class);
            }
        }
    }

    /// The schedule that says which class this device is in now, and the class. The first counts.
    pub(super) fn class_of(self, mac: Mac, schedules: &[Schedule]) -> Option<(&Schedule, Class)> {
        let mut about = self
            .of(schedules)
            .filter_map(|(_, schedule)| match schedule.what {
                Scheduled::Class(whose, class) if whose == mac => Some((schedule, class)),
                _ => None,
            });
        about.next()
    }
}

impl Calendar {
    pub(super) const fn in_force(&self) -> InForce {
        self.in_force
    }

    /// The list is another: what is in force of it will be looked at.
    pub(super) const fn forget(&mut self) {
        self.in_force = InForce(0);
    }
}

impl Engine {
    /// The clock on the wall was looked at.
    pub(super) fn see_clock(&mut self, now: Instant, unix_s: u32, zone: &str) {
        let schedules = &self.config.schedules;
        if schedules.is_empty() {
            return;
        }
        let wait_s = MINUTE_S - unix_s % MINUTE_S;
        let wait = Duration::from_secs(u64::from(wait_s));
        self.timers.set(Timer::Clock, now.after(wait));
        let written = self.config.time_zone.as_ref().map(|zone| zone.zone);
        let zone = written.or_else(|| TimeZone::parse(zone).ok());
        let time = zone.unwrap_or(TimeZone::UTC).at(unix_s);
        let mut in_force = InForce(0);
        if unix_s < CLOCK_KNOWN_S {
            self.calendar.now = WallClock::Unset;
        } else {
            let zoned = zone.is_some();
            self.calendar.now = WallClock::Shows { time, zoned };
            for (place, schedule) in schedules.iter().enumerate() {
                in_force.0 |= u32::from(schedule.is_at(time)) << place;
            }
        }
        if in_force == self.calendar.in_force {
            return;
        }
        self.calendar.in_force = in_force;
        self.journal.note(now, Event::Scheduled);
        self.enlist(now);
        self.begin_anew();
        // As when a configuration is applied: while it was off, nobody watched.
        self.unknown.accounting = true;
        self.unknown.qdiscs = true;
        self.remark.begin();
    }

    /// Whether a schedule says that nothing of ours is to be in the kernel.
    pub(super) fn off_by_schedule(&self) -> bool {
        self.switching_off().is_some()
    }

    fn switching_off(&self) -> Option<&Schedule> {
        let mut in_force = self.calendar.in_force.of(&self.config.schedules);
        let off = in_force.find(|(_, schedule)| schedule.what == Scheduled::Off);
        off.map(|(_, schedule)| schedule)
    }

    /// Until when a schedule keeps it off; empty when none does.
    pub(super) fn off_reason(&self) -> Text {
        self.switching_off().map_or(Text::new(), |schedule| {
            text(format_args!(
                "a schedule switches it off until {}",
                schedule.until
            ))
        })
    }

    /// What is to be told to whoever gives a device a class while a schedule gives it another; empty when none does.
    pub(super) fn overruled(&self, mac: Mac) -> Text {
        let schedule = self.calendar.in_force.class_of(mac, &self.config.schedules);
        schedule.map_or(Text::new(), |(schedule, class)| {
            text(format_args!(
                "a schedule has it in {class} until {}; then it counts",
                schedule.until
            ))
        })
    }

    /// How many schedules are in force, and by which clock; none where there are none.
    pub(super) fn calendar_finding(&self) -> Option<(bool, Text)> {
        let schedules = &self.config.schedules;
        if schedules.is_empty() {
            return None;
        }
        let (good, words) = match self.calendar.now {
            WallClock::Shows { time, zoned } => {
                let day = crate::config::WEEKDAYS.get(usize::from(time.weekday));
                let zone = if zoned {
                    ""
                } else {
                    " UTC (no time zone in /etc/TZ)"
                };
                let words = text(format_args!(
                    "{} of {} in force at {} {:02}:{:02}{zone}",
                    self.calendar.in_force.0.count_ones(),
                    schedules.len(),
                    day.unwrap_or(&""),
                    time.minute / 60,
                    time.minute % 60,
                ));
                (zoned, words)
            }
            _ => (
                false,
                text(format_args!(
                    "do nothing: the clock was never set (is there an NTP client?)"
                )),
            ),
        };
        Some((good, words))
    }
}
