//! Amounts for people: three digits at most, and a unit.

use std::fmt;

/// Units of rates in sentences and wide columns.
const RATES: [&str; 4] = [
    "\u{a0}kbit/s",
    "\u{a0}Mbit/s",
    "\u{a0}Gbit/s",
    "\u{a0}Tbit/s",
];

/// A number and what it is.
#[derive(Clone, Copy)]
pub(super) enum Amount {
    /// A measured rate in kbit/s: `970 kbit/s`, `7.8 Mbit/s`; at most ten columns.
    Rate(u32),
    /// A measured rate in kbit/s in a narrow column: `970k`, `7.8M`; at most four columns.
    Bits(Option<u32>),
    /// A configured rate in kbit/s, as exactly as it was configured: `7760 kbit/s`, `94.5 Mbit/s`.
    LineRate(u32),
    /// A number of things: exact up to 9999, then `12k`; at most four columns.
    Count(u64),
    /// A number of bytes: `831`, `12k`, `1.2G`; at most four columns.
    Bytes(u64),
    /// So many seconds ago: `now`, `42s`, `5m`; at most four columns.
    Ago(Option<u32>),
    /// So many seconds long: `42 s`, `5 min`, `3 h 12 min`, `2 d 5 h`.
    Lasting(u64),
    /// `1 live flow`, `3 live flows`.
    Things(u32, &'static str),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With one unit the number stays as it is.
        let (number, units): (u64, &[&str]) = match *self {
            Amount::Bits(None) | Amount::Ago(None) => return f.write_str("-"),
            Amount::Ago(Some(0..2)) => return f.write_str("now"),
            Amount::Bits(Some(0)) => return f.write_str("0"),
            Amount::Bits(Some(kbit)) => (u64::from(kbit), &["k", "M", "G", "T"]),
            Amount::Rate(kbit) => (u64::from(kbit), &RATES),
            Amount::LineRate(kbit @ ..10_000) => (u64::from(kbit), &["\u{a0}kbit/s"]),
            Amount::LineRate(kbit) => return line_rate(f, kbit),
            Amount::Count(number @ ..10_000) => (number, &[""]),
            Amount::Count(number) | Amount::Bytes(number) => {
                (number, &["", "k", "M", "G", "T", "P", "E"])
            }
            Amount::Ago(Some(seconds)) => match seconds {
                ..60 => (u64::from(seconds), &["s"]),
                60..3600 => (u64::from(seconds / 60), &["m"]),
                3600..86_400 => (u64::from(seconds / 3600), &["h"]),
                86_400..86_400_000 => (u64::from(seconds / 86_400), &["d"]),
                _ => (u64::from(seconds / 31_557_600), &["y"]),
            },
            Amount::Lasting(seconds) => return lasting(f, seconds),
            Amount::Things(number, thing) => {
                let plural = if number == 1 { "" } else { "s" };
                return write!(f, "{number}\u{a0}{thing}{plural}");
            }
        };
        short(f, number, units)
    }
}

fn line_rate(f: &mut fmt::Formatter<'_>, kbit: u32) -> fmt::Result {
    let (mut rest, mut digits) = (kbit % 1000, 3);
    write!(f, "{}", kbit / 1000)?;
    if rest > 0 {
        while rest.is_multiple_of(10) {
            (rest, digits) = (rest / 10, digits - 1);
        }
        write!(f, ".{rest:0digits$}")?;
    }
    f.write_str("\u{a0}Mbit/s")
}

fn lasting(f: &mut fmt::Formatter<'_>, seconds: u64) -> fmt::Result {
    // 136 years are enough.
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let (long, unit, rest, rest_unit) = match (days, hours, minutes) {
        (0, 0, 0) => return write!(f, "{seconds}\u{a0}s"),
        (0, 0, _) => return write!(f, "{minutes}\u{a0}min"),
        (0, _, _) => (hours, "h", minutes % 60, "min"),
        (_, _, _) => (days, "d", hours % 24, "h"),
    };
    write!(f, "{long}\u{a0}{unit}\u{a0}{rest}\u{a0}{rest_unit}")
}

/// Two digits with a point, or three without, and the unit of that thousand. Beyond the last unit the number has more digits.
fn short(f: &mut fmt::Formatter<'_>, number: u64, units: &[&str]) -> fmt::Result {
    let (mut whole, mut rest) = (number, 0);
    let mut place = 0;
    while (whole >= 1000 || (whole == 999 && rest >= 500)) && place + 1 < units.len() {
        // 999.5 is 1.0 of the next unit.
        whole += u64::from(whole == 999);
        rest = whole % 1000;
        whole /= 1000;
        place += 1;
    }
    let tenths = whole.saturating_mul(10) + (rest + 50) / 100;
    if place > 0 && tenths < 100 {
        write!(f, "{}.{}", tenths / 10, tenths % 10)?;
    } else {
        write!(f, "{}", whole + u64::from(rest >= 500))?;
    }
    f.write_str(units.get(place).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::Amount;

    fn plain(amount: Amount) -> String {
        amount.to_string().replace('\u{a0}', " ")
    }

    #[test]
    fn a_rate_has_three_digits_and_a_unit() {
        for (kbit, expected) in [
            (0, "0 kbit/s"),
            (970, "970 kbit/s"),
            (999, "999 kbit/s"),
            (1000, "1.0 Mbit/s"),
            (7760, "7.8 Mbit/s"),
            (9949, "9.9 Mbit/s"),
            (9950, "10 Mbit/s"),
            (94_500, "95 Mbit/s"),
            (999_499, "999 Mbit/s"),
            (999_500, "1.0 Gbit/s"),
            (u32::MAX, "4.3 Tbit/s"),
        ] {
            assert_eq!(plain(Amount::Rate(kbit)), expected);
        }
    }

    #[test]
    fn a_configured_rate_is_exact() {
        for (kbit, expected) in [
            (970, "970 kbit/s"),
            (7760, "7760 kbit/s"),
            (94_500, "94.5 Mbit/s"),
            (94_050, "94.05 Mbit/s"),
            (1_000_000, "1000 Mbit/s"),
        ] {
            assert_eq!(plain(Amount::LineRate(kbit)), expected);
        }
    }

    #[test]
    fn narrow_amounts_never_take_more_than_four_columns() {
        let mut number: u64 = 0;
        for _ in 0..2000 {
            let small = u32::try_from(number).unwrap_or(u32::MAX);
            for amount in [
                Amount::Count(number),
                Amount::Bytes(number),
                Amount::Bits(Some(small)),
                Amount::Ago(Some(small)),
            ] {
                let text = plain(amount);
                assert!(text.len() <= 4, "{number}: {text}");
            }
            assert!(plain(Amount::Rate(small)).len() <= 10, "{small}");
            number = number.saturating_mul(3) / 2 + 7;
        }
        assert_eq!(plain(Amount::Count(u64::MAX)), "18E");
        assert_eq!(plain(Amount::Count(9999)), "9999");
        assert_eq!(plain(Amount::Count(99_950)), "100k");
        assert_eq!(plain(Amount::Bytes(1234)), "1.2k");
        assert_eq!(plain(Amount::Bytes(999_600)), "1.0M");
    }

    #[test]
    fn times_are_told_in_their_unit() {
        assert_eq!(plain(Amount::Ago(None)), "-");
        assert_eq!(plain(Amount::Ago(Some(59))), "59s");
        assert_eq!(plain(Amount::Ago(Some(u32::MAX))), "136y");
        assert_eq!(plain(Amount::Lasting(59)), "59 s");
        assert_eq!(plain(Amount::Lasting(11_530)), "3 h 12 min");
        assert_eq!(plain(Amount::Lasting(86_400 * 2 + 3600 * 5)), "2 d 5 h");
    }
}
