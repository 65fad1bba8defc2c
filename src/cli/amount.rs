//! Amounts for people: three digits at most, and a unit.

/// A measured rate: `970 kbit/s`, `7.8 Mbit/s`; at most ten columns.
pub(super) fn rate(kbit: u32) -> String {
    short(
        u64::from(kbit),
        &[
            "\u{a0}kbit/s",
            "\u{a0}Mbit/s",
            "\u{a0}Gbit/s",
            "\u{a0}Tbit/s",
        ],
    )
}

/// A measured rate in a narrow column: `970k`, `7.8M`; at most four columns.
pub(super) fn bits(kbit: Option<u32>) -> String {
    match kbit {
        None => "-".to_owned(),
        Some(0) => "0".to_owned(),
        Some(kbit) => short(u64::from(kbit), &["k", "M", "G", "T"]),
    }
}

/// A configured rate, as exactly as it was configured: `7760 kbit/s`, `94.5 Mbit/s`.
pub(super) fn line_rate(kbit: u32) -> String {
    match (kbit / 1000, kbit % 1000) {
        (..10, _) => format!("{kbit}\u{a0}kbit/s"),
        (mbit, 0) => format!("{mbit}\u{a0}Mbit/s"),
        (mbit, rest) => {
            let rest = format!("{rest:03}");
            format!("{mbit}.{}\u{a0}Mbit/s", rest.trim_end_matches('0'))
        }
    }
}

/// A number of things: exact up to 9999, then `12k`; at most four columns.
pub(super) fn count(number: u64) -> String {
    if number < 10_000 {
        number.to_string()
    } else {
        short(number, &["", "k", "M", "G", "T", "P", "E"])
    }
}

/// A number of bytes: `831`, `12k`, `1.2G`; at most four columns.
pub(super) fn bytes(number: u64) -> String {
    short(number, &["", "k", "M", "G", "T", "P", "E"])
}

/// How long ago: `now`, `42s`, `5m`; at most four columns.
pub(super) fn ago(seconds: Option<u32>) -> String {
    let Some(seconds) = seconds else {
        return "-".to_owned();
    };
    match seconds {
        0..2 => "now".to_owned(),
        2..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..86_400_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_557_600),
    }
}

/// How long: `42 s`, `5 min`, `3 h 12 min`, `2 d 5 h`.
pub(super) fn lasting(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}\u{a0}s"),
        (0, 0, _) => format!("{minutes}\u{a0}min"),
        (0, _, _) => format!("{hours}\u{a0}h\u{a0}{}\u{a0}min", minutes % 60),
        (_, _, _) => format!("{days}\u{a0}d\u{a0}{}\u{a0}h", hours % 24),
    }
}

/// `1 live flow`, `3 live flows`.
pub(super) fn plural(number: u32, thing: &str) -> String {
    format!(
        "{number}\u{a0}{thing}{}",
        if number == 1 { "" } else { "s" }
    )
}

/// Two digits with a point, or three without, and the unit of that thousand. Beyond the last unit the number has more digits.
fn short(number: u64, units: &[&str]) -> String {
    let (mut whole, mut rest) = (number, 0);
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    let mut scaled = false;
    while whole >= 1000 || (whole == 999 && rest >= 500) {
        let Some(next) = units.next() else { break };
        // 999.5 is 1.0 of the next unit.
        whole += u64::from(whole == 999);
        rest = whole % 1000;
        whole /= 1000;
        unit = next;
        scaled = true;
    }
    let tenths = whole.saturating_mul(10) + (rest + 50) / 100;
    if scaled && tenths < 100 {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    } else {
        format!("{}{unit}", whole + u64::from(rest >= 500))
    }
}

#[cfg(test)]
mod tests {
    use super::{ago, bits, bytes, count, lasting, line_rate, rate};

    fn plain(text: String) -> String {
        text.replace('\u{a0}', " ")
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
            assert_eq!(plain(rate(kbit)), expected);
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
            assert_eq!(plain(line_rate(kbit)), expected);
        }
    }

    #[test]
    fn narrow_amounts_never_take_more_than_four_columns() {
        let mut number: u64 = 0;
        for _ in 0..2000 {
            let small = u32::try_from(number).unwrap_or(u32::MAX);
            for text in [
                count(number),
                bytes(number),
                bits(Some(small)),
                ago(Some(small)),
            ] {
                assert!(text.len() <= 4, "{number}: {text}");
            }
            assert!(plain(rate(small)).len() <= 10, "{small}");
            number = number.saturating_mul(3) / 2 + 7;
        }
        assert_eq!(count(u64::MAX), "18E");
        assert_eq!(count(9999), "9999");
        assert_eq!(count(99_950), "100k");
        assert_eq!(bytes(1234), "1.2k");
        assert_eq!(bytes(999_600), "1.0M");
    }

    #[test]
    fn times_are_told_in_their_unit() {
        assert_eq!(ago(None), "-");
        assert_eq!(ago(Some(59)), "59s");
        assert_eq!(ago(Some(u32::MAX)), "136y");
        assert_eq!(plain(lasting(59)), "59 s");
        assert_eq!(plain(lasting(11_530)), "3 h 12 min");
        assert_eq!(plain(lasting(86_400 * 2 + 3600 * 5)), "2 d 5 h");
    }
}
