//! What the clock on the wall says: a POSIX time zone, and the weekday and minute of a moment in it.

use core::fmt;

/// Seconds of a day.
const DAY_S: u32 = 86_400;

/// Without a time of its own, summer time begins and ends at two (POSIX.1-2024, section 8.3).
const CHANGE_AT_S: i32 = 2 * 3600;

/// The farthest that a zone is from UTC (the same section: 24 hours), and the farthest that a change is from its day's midnight (167 hours, RFC 8536).
const OFFSET_HOURS_MAX: u32 = 24;
const CHANGE_HOURS_MAX: u32 = 167;

/// The zone of a place, as the variable TZ has it: `CET-1CEST,M3.5.0,M10.5.0/3`. Changes by month, week and weekday only; by the day of the
/// year, as POSIX has them too, no place has had them for decades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone {
    /// Seconds that its clocks are ahead of UTC in winter.
    ahead_s: i32,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    ahead_s: i32,
    begins: Change,
    ends: Change,
}

/// When clocks are changed: `M3.5.0/2` is at two on the last Sunday of March.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    /// 1 to 12.
    month: u8,
    /// 1 to 4, and 5 for the last.
    week: u8,
    /// 0 is Sunday.
    weekday: u8,
    /// After that day's midnight, on the clock that is in force before.
    at_s: i32,
}

/// What the clock on the wall says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime {
    /// 0 is Monday.
    pub weekday: u8,
    /// Of the day: 0 to 1439.
    pub minute: u16,
}

/// A text that is no time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTimeZone;

impl fmt::Display for BadTimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a time zone like \"CET-1CEST,M3.5.0,M10.5.0/3\" (as in /etc/TZ)")
    }
}

impl TimeZone {
    /// Where no zone is said.
    pub const UTC: TimeZone = TimeZone {
        ahead_s: 0,
        summer: None,
    };

    /// Reads what stands in TZ or `/etc/TZ`.
    ///
    /// # Errors
    /// [`BadTimeZone`]: also for names like `Europe/Berlin`, for which a router has no table.
    pub fn parse(text: &str) -> Result<TimeZone, BadTimeZone> {
        let mut rest = Rest(text.as_bytes());
        let zone = rest.zone().filter(|_| rest.0.is_empty());
        zone.ok_or(BadTimeZone)
    }

    /// The weekday and minute there, so many seconds after the start of 1970 in UTC.
    pub fn at(self, unix_s: u32) -> WallTime {
        let winter_s = unix_s.saturating_add_signed(self.ahead_s);
        let ahead_s = match self.summer {
            Some(summer) if summer.is_at(winter_s, self.ahead_s) => summer.ahead_s,
            _ => self.ahead_s,
        };
        let local_s = unix_s.saturating_add_signed(ahead_s);
        let minute = local_s % DAY_S / 60;
        WallTime {
            weekday: weekday_of(local_s / DAY_S),
            minute: u16::try_from(minute).unwrap_or_default(),
        }
    }
}

/// The weekday of a day counted from 1 January 1970, a Thursday. 0 is Monday.
fn weekday_of(day: u32) -> u8 {
    u8::try_from((day + 3) % 7).unwrap_or_default()
}

/// How many days of 1970 and the years after it were over when this year began.
const fn days_before(year: u32) -> u32 {
    // Until 2100, which is beyond what 32 bits of seconds reach by six years; those are a day off.
    (year - 1970) * 365 + (year - 1969) / 4
}

const fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4)
}

/// Days of a month, counted from 1.
const fn days_of(month: u8, year: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Summer {
    /// Whether it is summer time when the clocks of winter say so.
    fn is_at(&self, winter_s: u32, winter_ahead_s: i32) -> bool {
        let day = winter_s / DAY_S;
        // At most one too far: a year has 365.25 days.
        let mut year = 1970 + day / 365;
        while days_before(year) > day {
            year -= 1;
        }
        let begins = self.begins.in_year(year);
        // The end is told by the clocks of summer.
        let ends = self
            .ends
            .in_year(year)
            .saturating_add_signed(winter_ahead_s - self.ahead_s);
        if begins <= ends {
            (begins..ends).contains(&winter_s)
        } else {
            // South of the equator.
            !(ends..begins).contains(&winter_s)
        }
    }
}

impl Change {
    /// The moment in a year, in seconds of the clock that is in force before, from the start of 1970.
    fn in_year(self, year: u32) -> u32 {
        let months = (1..self.month).map(|month| days_of(month, year));
        let first = days_before(year) + months.sum::<u32>();
        let sunday_first = (u32::from(weekday_of(first)) + 1) % 7;
        let mut day = (u32::from(self.weekday) + 7 - sunday_first) % 7;
        day += 7 * (u32::from(self.week) - 1);
        while day >= days_of(self.month, year) {
            day -= 7;
        }
        ((first + day) * DAY_S).saturating_add_signed(self.at_s)
    }
}

/// What is not read yet.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.0.first() == Some(&byte);
        if eaten {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        eaten
    }

    fn digit(&self) -> Option<u32> {
        let digit = self.0.first().filter(|byte| byte.is_ascii_digit());
        digit.map(|digit| u32::from(digit - b'0'))
    }

    fn number(&mut self, most: u32) -> Option<u32> {
        let mut number = self.digit()?;
        self.0 = self.0.get(1..)?;
        while let Some(digit) = self.digit() {
            number = number * 10 + digit;
            self.0 = self.0.get(1..)?;
            if number > most {
                return None;
            }
        }
        (number <= most).then_some(number)
    }

    /// The name of a clock: three letters or more, or anything between angle brackets.
    fn name(&mut self) -> Option<()> {
        let quoted = self.eat(b'<');
        let ends = |byte: &u8| {
            if quoted {
                *byte == b'>'
            } else {
                !byte.is_ascii_alphabetic()
            }
        };
        let len = self.0.iter().position(ends);
        let len = len.unwrap_or(self.0.len());
        self.0 = self.0.get(len..)?;
        let ended = !quoted || self.eat(b'>');
        (len >= 3 && ended).then_some(())
    }

    /// `1`, `-1:30`, `5:45:10`, in seconds.
    fn time(&mut self, hours_max: u32) -> Option<i32> {
        let back = self.eat(b'-');
        if !back {
            self.eat(b'+');
        }
        let mut seconds = self.number(hours_max)? * 3600;
        if self.eat(b':') {
            seconds += self.number(59)? * 60;
            if self.eat(b':') {
                seconds += self.number(59)?;
            }
        }
        let seconds = i32::try_from(seconds).ok()?;
        Some(if back { -seconds } else { seconds })
    }

    /// What clocks show, ahead of UTC; the text has it the other way round.
    fn ahead(&mut self) -> Option<i32> {
        self.time(OFFSET_HOURS_MAX).map(core::ops::Neg::neg)
    }

    fn change(&mut self) -> Option<Change> {
        if !(self.eat(b',') && self.eat(b'M')) {
            return None;
        }
        let month = self.number(12)?;
        let week = self.eat(b'.').then(|| self.number(5))??;
        let weekday = self.eat(b'.').then(|| self.number(6))??;
        let at_s = if self.eat(b'/') {
            self.time(CHANGE_HOURS_MAX)?
        } else {
            CHANGE_AT_S
        };
        if month == 0 || week == 0 {
            return None;
        }
        let small = |number| u8::try_from(number).ok();
        Some(Change {
            month: small(month)?,
            week: small(week)?,
            weekday: small(weekday)?,
            at_s,
        })
    }

    fn zone(&mut self) -> Option<TimeZone> {
        self.name()?;
        let ahead_s = self.ahead()?;
        if self.0.is_empty() {
            return Some(TimeZone {
                ahead_s,
                summer: None,
            });
        }
        self.name()?;
        let summer_ahead_s = match self.0.first() {
            Some(b',') => ahead_s + 3600,
            _ => self.ahead()?,
        };
        let summer = Summer {
            ahead_s: summer_ahead_s,
            begins: self.change()?,
            ends: self.change()?,
        };
        Some(TimeZone {
            ahead_s,
            summer: Some(summer),
        })
    }
}
