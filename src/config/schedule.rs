//! What is different at some times of the week.

use core::fmt;

use heapless::Vec;

use super::SCHEDULES_MAX;
use super::form::{self, Field};
use super::problem::{Expected, Found, Object};
use super::reader::{Fields, Reader, Scalar, Stop};
use crate::value::{BadMac, Class, Mac, Pieces, WallTime, halves};

/// A window of time that comes again each week, and what is different in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// On which days it begins.
    pub days: Days,
    /// When it begins.
    pub from: TimeOfDay,
    /// When it ends; on the next day when that is not later.
    pub until: TimeOfDay,
    /// What is different.
    pub what: Scheduled,
}

/// What a schedule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduled {
    /// This device is in this class, whatever it is in otherwise.
    Class(Mac, Class),
    /// Nothing of ours is in the kernel.
    Off,
}

/// Days of the week, a bit each; the lowest is Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

/// Minutes since midnight: 0 to 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

/// The days of the week, as they are written.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ALL_DAYS: Days = Days(0x7f);

impl Schedule {
    /// Whether it is in force. A window that goes over midnight belongs to the day on which it begins.
    pub fn is_at(&self, now: WallTime) -> bool {
        let minute = TimeOfDay(now.minute);
        let today = self.days.has(now.weekday);
        if self.from < self.until {
            return today && self.from <= minute && minute < self.until;
        }
        let yesterday = self.days.has((now.weekday + 6) % 7);
        today && self.from <= minute || yesterday && minute < self.until
    }
}

impl Days {
    const fn has(self, weekday: u8) -> bool {
        self.0 >> weekday & 1 != 0
    }

    /// `mon-fri`, `sat,sun`, `fri-mon`; none for anything else.
    pub fn parse(text: &str) -> Option<Days> {
        let number = |name: &str| WEEKDAYS.iter().position(|known| *known == name);
        let mut days = 0;
        for piece in Pieces::of(text, b',') {
            let (first, last) = halves(piece, b'-').unwrap_or((piece, piece));
            let (mut day, last) = (number(first)?, number(last)?);
            days |= 1 << day;
            while day != last {
                day = (day + 1) % 7;
                days |= 1 << day;
            }
        }
        Some(Days(days))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == ALL_DAYS {
            return f.write_str("mon-sun");
        }
        let mut before = "";
        for (name, day) in WEEKDAYS.iter().zip(0..) {
            if self.has(day) {
                f.write_str(before)?;
                f.write_str(name)?;
                before = ",";
            }
        }
        Ok(())
    }
}

impl TimeOfDay {
    /// `00:00` to `24:00`, always two digits each; none for anything else.
    pub fn parse(text: &str) -> Option<TimeOfDay> {
        let &[h, hh, b':', m, mm] = text.as_bytes() else {
            return None;
        };
        let two = |tens: u8, ones: u8| {
            let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
            digits.then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        };
        let minutes = two(m, mm).filter(|minutes| *minutes < 60)?;
        let time = two(h, hh)? * 60 + minutes;
        (time <= 24 * 60).then_some(TimeOfDay(time))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The array of schedules.
pub(super) fn read(
    reader: &mut Reader<'_>,
    schedules: &mut Vec<Schedule, SCHEDULES_MAX>,
) -> Result<(), Stop> {
    let place = Object::Named("schedules").itself();
    reader.place = place;
    reader.array(Expected::Json("an array of schedules"))?;
    while reader.element(schedules.len(), SCHEDULES_MAX)? {
        let schedule = schedule(reader, schedules.len())?;
        // There is room: an element beyond it was refused.
        let _ = schedules.push(schedule);
        reader.place = place;
    }
    Ok(())
}

/// The next schedule.
fn schedule(reader: &mut Reader<'_>, index: usize) -> Result<Schedule, Stop> {
    let object = Object::Element("schedules", index);
    let start = reader.here();
    let (mut days, mut from, mut until) = (ALL_DAYS, None, None);
    let (mut mac, mut class, mut off) = (None, None, false);
    let mut fields = Fields::of(object, &form::SCHEDULE);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        reader.step()?;
        let expected = match field {
            Field::Days => Expected::Days,
            Field::Mac => Expected::Mac(BadMac::Form),
            Field::Class => Expected::Class,
            Field::Enabled => {
                if !matches!(reader.value, Scalar::Flag(false)) {
                    return Err(reader.refuse_last(Expected::Scheduled));
                }
                off = true;
                continue;
            }
            _ => Expected::TimeOfDay,
        };
        reader.text(expected)?;
        let text = &reader.plain;
        let refused = match field {
            Field::Days => Days::parse(text).map(|given| days = given).is_none(),
            Field::Mac => Mac::parse(text).map(|given| mac = Some(given)).is_err(),
            Field::Class => Class::parse(text).map(|given| class = Some(given)).is_err(),
            _ => {
                let time = TimeOfDay::parse(text);
                let (slot, latest) = match field {
                    Field::From => (&mut from, 24 * 60 - 1),
                    _ => (&mut until, 24 * 60),
                };
                *slot = time.filter(|time| time.0 <= latest);
                slot.is_none()
            }
        };
        if refused {
            return Err(reader.refuse_last(expected));
        }
    }
    // What it needs, wherever in the object that stands.
    let what = match (mac, class, off) {
        (Some(mac), Some(class), false) => Some(Scheduled::Class(mac, class)),
        (None, None, true) => Some(Scheduled::Off),
        _ => None,
    };
    let (place, expected) = match (from, until, what) {
        (None, ..) => (object.field("from"), Expected::TimeOfDay),
        (_, None, _) => (object.field("until"), Expected::TimeOfDay),
        (Some(from), Some(until), _) if from == until => {
            (object.field("until"), Expected::OtherTimeOfDay)
        }
        (Some(from), Some(until), Some(what)) => {
            return Ok(Schedule {
                days,
                from,
                until,
                what,
            });
        }
        _ => (object.itself(), Expected::Scheduled),
    };
    reader.place = place;
    Err(reader.refuse_found(Some(start), expected, Found::Nothing))
}
