//! What the clock on the wall says, against figures that `TZ=... date -d @...` of GNU coreutils printed.

use lanemark::value::{TimeZone, WallTime};

/// 0 is Monday.
fn at(zone: &str, unix_s: u32) -> (u8, u16, u16) {
    let WallTime { weekday, minute } = TimeZone::parse(zone).unwrap().at(unix_s);
    (weekday, minute / 60, minute % 60)
}

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
const SYDNEY: &str = "AEST-10AEDT,M10.1.0,M4.1.0/3";
const KATHMANDU: &str = "<+0545>-5:45";

#[test]
fn summer_time_begins_and_ends_with_the_second() {
    // 29 March 2026, 01:00 UTC, a Sunday.
    assert_eq!(at(BERLIN, 1_774_745_999), (6, 1, 59));
    assert_eq!(at(BERLIN, 1_774_746_000), (6, 3, 0));
    // 25 October 2026, 01:00 UTC.
    assert_eq!(at(BERLIN, 1_792_889_999), (6, 2, 59));
    assert_eq!(at(BERLIN, 1_792_890_000), (6, 2, 0));
    // 8 March and 1 November 2026, at two there.
    assert_eq!(at(NEW_YORK, 1_772_953_199), (6, 1, 59));
    assert_eq!(at(NEW_YORK, 1_772_953_200), (6, 3, 0));
    assert_eq!(at(NEW_YORK, 1_793_512_799), (6, 1, 59));
    assert_eq!(at(NEW_YORK, 1_793_512_800), (6, 1, 0));
}

#[test]
fn south_of_the_equator_summer_goes_over_new_year() {
    assert_eq!(at(SYDNEY, 1_767_225_600), (3, 11, 0), "1 January 2026");
    assert_eq!(at(SYDNEY, 1_782_864_000), (2, 10, 0), "1 July 2026");
    // 5 April 2026, 16:00 UTC the day before.
    assert_eq!(at(SYDNEY, 1_775_318_399), (6, 2, 59));
    assert_eq!(at(SYDNEY, 1_775_318_400), (6, 2, 0));
}

#[test]
fn a_zone_may_have_no_summer_time_and_be_minutes_off() {
    assert_eq!(at(KATHMANDU, 1_767_225_600), (3, 5, 45));
    assert_eq!(at("UTC0", 0), (3, 0, 0), "1 January 1970 was a Thursday");
    assert_eq!(at("UTC0", u32::MAX), (6, 6, 28), "7 February 2106");
    assert_eq!(at("<-12>12", 0), (3, 0, 0), "nothing is before 1970");
}

#[test]
fn summer_time_may_be_another_time_than_an_hour() {
    // Lord Howe Island: half an hour.
    let zone = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
    assert_eq!(at(zone, 1_767_225_600), (3, 11, 0));
    assert_eq!(at(zone, 1_782_864_000), (2, 10, 30));
}

#[test]
fn what_is_no_zone_is_refused() {
    for text in [
        "",
        "Europe/Berlin",
        "CET",
        "CE-1",
        "CET-25",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0/168",
        "CET-1CEST,J60,J300",
        "CET-1CEST,M3.5.0,M10.5.0 ",
        "CET-99999999999",
        "<+03-3",
        "CET-1:60",
    ] {
        assert!(TimeZone::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_year_has_its_days_all_the_way_to_the_end_of_the_century() {
    let utc = TimeZone::parse("UTC0").unwrap();
    let berlin = TimeZone::parse(BERLIN).unwrap();
    for day in (0..47_000_u32).step_by(13) {
        let noon = day * 86_400 + 43_200;
        assert_eq!(u32::from(utc.at(noon).weekday), (day + 3) % 7);
        let ahead = (berlin.at(noon).minute + 1440 - 720) % 1440;
        assert!(ahead == 60 || ahead == 120, "day {day}");
    }
}
