//! Caps of devices.

use lanemark::config::{Config, Problem};
use lanemark::value::{CAPS_MAX, Kbit, MarkLayout};

fn parse(text: &str) -> Result<Config, Problem> {
    lanemark::config::parse(text.as_bytes())
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn devices(count: usize, more: &str) -> String {
    let device = |number: usize| {
        format!("{{\"mac\": \"02:00:00:00:01:{number:02x}\", \"name\": \"d{number}\"{more}}}")
    };
    let list: Vec<String> = (0..count).map(device).collect();
    format!("{{\"version\": 1, \"devices\": [{}]}}", list.join(","))
}

#[test]
fn a_cap_is_a_rate_for_each_direction_and_a_device_needs_nothing_else() {
    let text = r#"{"version": 1, "devices": [{"mac": "02:00:00:00:00:0a", "up_max_kbit": 64},
        {"mac": "02:00:00:00:00:0b", "class": "bulk", "up_max_kbit": null, "down_max_kbit": 10000000}]}"#;
    let config = parse(text).unwrap();
    let caps: Vec<_> = config
        .devices
        .iter()
        .map(|device| (device.up_max, device.down_max))
        .collect();
    assert_eq!(
        caps,
        [(Some(Kbit(64)), None), (None, Some(Kbit(10_000_000)))]
    );
    assert_eq!(config.cap_mark, MarkLayout::CAPS);
}

#[test]
fn as_many_devices_can_have_a_cap_as_there_are_slots_and_no_more() {
    assert!(parse(&devices(CAPS_MAX, ", \"up_max_kbit\": 64")).is_ok());
    assert_eq!(
        refused(&devices(CAPS_MAX + 1, ", \"up_max_kbit\": 64")),
        "devices[64]: expected at most 64 devices with a cap, found one more"
    );
    assert!(parse(&devices(CAPS_MAX + 1, "")).is_ok());
}

#[test]
fn what_cannot_be_held_is_refused_in_one_line() {
    let device =
        r#""devices": [{"mac": "02:00:00:00:00:0a", "down_max_kbit": 500, "up_max_kbit": 300}]"#;
    for (text, words) in [
        (
            r#"{"version": 1, "devices": [{"mac": "02:00:00:00:00:0a", "up_max_kbit": 63}]}"#.to_owned(),
            "line 1: devices[0].up_max_kbit: expected a whole number from 64 to 10000000, found 63",
        ),
        (
            r#"{"version": 1, "devices": [{"mac": "02:00:00:00:00:0a", "down_max_kbit": 10000001}]}"#.to_owned(),
            "line 1: devices[0].down_max_kbit: expected a whole number from 64 to 10000000, found 10000001",
        ),
        (
            r#"{"version": 1, "devices": [{"mac": "02:00:00:00:00:0a", "down_max_kbit": "fast"}]}"#.to_owned(),
            "line 1: devices[0].down_max_kbit: expected a whole number from 64 to 10000000, found \"fast\"",
        ),
        (
            format!(r#"{{"version": 1, {device}, "wan": {{"up_kbit": 299}}}}"#),
            "devices[0].up_max_kbit: expected at most the line's wan.up_kbit, found more",
        ),
        (
            format!(r#"{{"version": 1, "wan": {{"down_kbit": 499}}, {device}}}"#),
            "devices[0].down_max_kbit: expected at most the line's wan.down_kbit, found more",
        ),
        (
            format!(r#"{{"version": 1, "scheduler": "cake", {device}}}"#),
            "scheduler: expected htb or hfsc, since devices have caps, found cake",
        ),
        (
            format!(r#"{{"version": 1, {device}, "cap_mark": {{"mask": "0x7e00"}}}}"#),
            "cap_mark.mask: expected a mask that covers the seven bits above the shift, found a narrower one",
        ),
        (
            format!(r#"{{"version": 1, {device}, "cap_mark": {{"mask": "0x7f", "shift": 0}}}}"#),
            "cap_mark.mask: expected a mask without a bit of mark.mask, found one with such a bit",
        ),
        (
            format!(r#"{{"version": 1, {device}, "mark": {{"mask": "0xff00", "shift": 9}}}}"#),
            "cap_mark.mask: expected a mask without a bit of mark.mask, found one with such a bit",
        ),
        (
            r#"{"version": 1, "cap_mark": {"mask": "0x7f"}}"#.to_owned(),
            "line 1: cap_mark: expected a mask that covers the seven bits above the shift, found 0x7f and shift 8",
        ),
    ] {
        assert_eq!(refused(&text), words, "{text}");
    }
}

#[test]
fn masks_that_meet_are_none_of_our_business_while_nobody_has_a_cap() {
    let text = r#"{"version": 1, "scheduler": "cake", "mark": {"mask": "0x7f00", "shift": 8}}"#;
    assert!(parse(text).is_ok());
}
