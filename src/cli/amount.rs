//! Amounts for people: three digits at most, and a unit.

use std::fmt;

/// Units of thousands.
const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

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

/// A number, perhaps a second one with leading zeros, and what stands between and behind them.
struct Parts {
    first: u64,
    between: &'static str,
    second: Option<(u32, usize)>,
    unit: &'static str,
}

impl Parts {
    const fn one(first: u64, unit: &'static str) -> Parts {
        Parts {
            first,
            between: "",
            second: None,
            unit,
        }
    }

    const fn two(first: u64, between: &'static str, second: u32, unit: &'static str) -> Parts {
        Parts {
            first,
            between,
            second: Some((second, 0)),
            unit,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match *self {
            Amount::Bits(None) | Amount::Ago(None) => return f.write_str("-"),
            Amount::Ago(Some(0..2)) => return f.write_str("now"),
            Amount::Rate(kbit) => short(u64::from(kbit), &RATES),
            Amount::Bits(Some(0)) => Parts::one(0, ""),
            Amount::Bits(Some(kbit)) => {
                short(u64::from(kbit), PREFIXES.get(1..5).unwrap_or_default())
            }
            Amount::LineRate(kbit) => line_rate(kbit),
            Amount::Count(number @ ..10_000) => Parts::one(number, ""),
            Amount::Count(number) | Amount::Bytes(number) => short(number, &PREFIXES),
            Amount::Ago(Some(seconds)) => {
                let (unit_s, unit) = match seconds {
                    ..60 => (1, "s"),
                    60..3600 => (60, "m"),
                    3600..86_400 => (3600, "h"),
                    86_400..86_400_000 => (86_400, "d"),
                    _ => (31_557_600, "y"),
                };
                Parts::one(u64::from(seconds / unit_s), unit)
            }
            Amount::Lasting(seconds) => lasting(seconds),
            Amount::Things(number, thing) => {
                let plural = if number == 1 { "" } else { "s" };
                return write!(f, "{number}\u{a0}{thing}{plural}");
            }
        };
        write!(f, "{}{}", parts.first, parts.between)?;
        if let Some((second, digits)) = parts.second {
            write!(f, "{second:0digits$}")?;
        }
        f.write_str(parts.unit)
    }
}

fn line_rate(kbit: u32) -> Parts {
    let (mbit, mut rest, mut digits) = (kbit / 1000, kbit % 1000, 3);
    if mbit < 10 {
        return Parts::one(u64::from(kbit), "\u{a0}kbit/s");
    }
    let unit = "\u{a0}Mbit/s";
    if rest == 0 {
        return Parts::one(u64::from(mbit), unit);
    }
    while rest.is_multiple_of(10) {
        (rest, digits) = (rest / 10, digits - 1);
    }
    Parts {
        second: Some((rest, digits)),
        ..Parts::two(u64::from(mbit), ".", 0, unit)
    }
}

fn lasting(seconds: u64) -> Parts {
    // 136 years are enough.
    let minutes = u32::try_from(seconds).unwrap_or(u32::MAX) / 60;
    let (hours, days) = (minutes / 60, minutes / 1440);
    match (days, hours, minutes) {
        (0, 0, 0) => Parts::one(seconds, "\u{a0}s"),
        (0, 0, _) => Parts::one(u64::from(minutes), "\u{a0}min"),
        (0, _, _) => Parts::two(u64::from(hours), "\u{a0}h\u{a0}", minutes % 60, "\u{a0}min"),
        (_, _, _) => Parts::two(u64::from(days), "\u{a0}d\u{a0}", hours % 24, "\u{a0}h"),
    }
}

/// Two digits with a point, or three without, and the unit of that thousand. Beyond the last unit the number has more digits.
fn short(number: u64, units: &[&'static str]) -> Parts {
    let (mut whole, mut rest) = (number, 0);
    let mut unit = 0;
    while (whole >= 1000 || (whole == 999 && rest >= 500)) && unit + 1 < units.len() {
        // 999.5 is 1.0 of the next unit.
        whole += u64::from(whole == 999);
        rest = u32::try_from(whole % 1000).unwrap_or_default();
        whole /= 1000;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    let tenths = (rest + 50) / 100;
    match (whole, tenths) {
        // 9.95 is 10.
        (..9, _) | (9, ..10) if unit > 0 => {
            Parts::two(whole + u64::from(tenths / 10), ".", tenths % 10, name)
        }
        _ => Parts::one(whole + u64::from(rest >= 500), name),
    }
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
