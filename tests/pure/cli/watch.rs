//! `lanemark watch`: frames on a terminal, lines elsewhere, and what came for programs.

use std::fmt::Write as _;

use lanemark::control::{BadAnswer, UNKNOWN, hear};
use lanemark::sys::client::Surroundings;

use super::daemon::{asked, asked_in};
use crate::dice::roll;

/// A whole line of a house with so many devices, the last the busiest.
fn whole(devices: u32) -> String {
    let (mut macs, mut rates) = (String::new(), String::new());
    for device in 0..devices {
        let comma = if device == 0 { "" } else { "," };
        write!(macs, "{comma}\"02:00:00:00:00:{device:02x}\"").unwrap();
        write!(rates, "{comma}[{device},{},{}]", device * 10, device * 100).unwrap();
    }
    format!(
        "{{\"g\":7,\"m\":[{macs}],\"k\":[\"exempt\",\"premium\",\"express\",\"small\",\"standard\",\"bulk\"],\
         \"c\":\"1a2b3c4d\",\"s\":\"on\",\"r\":\"\",\"p\":[98,null],\"n\":[970,7600],\"f\":[812,16384],\"t\":[214,198],\
         \"l\":[[0,0,0,0,0],[1,100,7000,2,31],[2,0,0,0,0],[3,9,1,0,0],[4,800,500,120,7],[5,0,0,0,0]],\"d\":[{rates}]}}\n"
    )
}

const TICK: &str =
    "{\"s\":\"waiting\",\"r\":\"eth0 is not there\",\"l\":[[1,0,0,0,0]],\"t\":[null,198]}\n";

fn terminal() -> Surroundings {
    Surroundings {
        terminal: true,
        ..Surroundings::default()
    }
}

#[test]
fn with_json_the_lines_are_passed_on_as_they_came() {
    let lines = whole(3) + TICK;
    let (ended, heard) = asked(&["watch", "--json"], &lines);
    assert_eq!(ended.text(), lines);
    assert_eq!(
        heard,
        ["{\"verb\":\"watch\",\"device\":null,\"class\":null}\n"]
    );
    assert_eq!(
        (ended.code(), ended.err.as_str()),
        (3, "lanemark is not running any more\n")
    );
}

#[test]
fn in_a_pipe_each_line_of_the_daemon_becomes_three_for_people() {
    let (ended, _) = asked(&["watch"], &(whole(3) + TICK));
    assert_eq!(
        ended.text(),
        "on: proven 98 % up, - down\n\
         line: 909 kbit/s of 970 kbit/s up, 7.5 Mbit/s of 7.6 Mbit/s down\n\
         latency: 21.4 ms (least 19.8 ms); 812 of 16384 flows\n\
         waiting: eth0 is not there\n\
         line: 809 kbit/s of 970 kbit/s up, 501 kbit/s of 7.6 Mbit/s down\n\
         latency: - (least 19.8 ms); 812 of 16384 flows\n"
    );
}

#[test]
fn on_a_terminal_each_frame_takes_the_place_of_the_one_before_in_80_by_24() {
    for devices in [0, 3, 40, 250] {
        let (ended, _) = asked_in(&["watch"], (whole(devices) + TICK).into_bytes(), terminal());
        let text = ended.text().strip_prefix("\x1b[2J").unwrap();
        assert!(!text.contains("\x1b[2J"), "it would flicker");
        let frames: Vec<&str> = text.split("\x1b[H").skip(1).collect();
        assert_eq!(frames.len(), 2);
        for frame in frames {
            let lines: Vec<&str> = frame.strip_suffix("\x1b[J").unwrap().lines().collect();
            assert!(lines.len() < 24, "{frame}");
            for line in lines {
                let line = line.strip_suffix("\x1b[K").unwrap();
                assert!(line.chars().count() <= 80, "{line}");
                assert!(!line.contains('\x1b'));
            }
        }
    }
}

#[test]
fn the_busiest_devices_come_first_and_silent_ones_not_at_all() {
    let (ended, _) = asked_in(&["watch"], whole(250).into_bytes(), terminal());
    let macs: Vec<&str> = ended
        .text()
        .lines()
        .filter_map(|line| line.split_once("  02:00:00:00:00:"))
        .map(|(_, last)| last.trim_end_matches("\x1b[K"))
        .collect();
    assert_eq!(
        macs,
        ["f9", "f8", "f7", "f6", "f5", "f4", "f3", "f2", "f1", "f0"]
    );
    let (ended, _) = asked_in(&["watch"], whole(2).into_bytes(), terminal());
    assert_eq!(ended.text().matches("02:00:00").count(), 1);
}

#[test]
fn what_cannot_be_read_ends_it_and_a_refusal_is_told() {
    let refusal =
        "{\"error\":{\"fault\":\"refused\",\"message\":\"4 clients watch already; try again\"}}\n";
    let (ended, _) = asked(&["watch"], refusal);
    assert_eq!(
        (ended.code(), ended.err.as_str()),
        (1, "lanemark: 4 clients watch already; try again\n")
    );
    for nonsense in [
        "watch\n",
        "{\"p\":[98,\n",
        "{\"s\":-1}\n",
        "{\"l\":[[1,\"x]]}\n",
    ] {
        let (ended, _) = asked(&["watch"], nonsense);
        assert_eq!(ended.code(), 1, "{nonsense}");
        assert!(ended.err.contains("is not understood"), "{}", ended.err);
    }
    // A line without end.
    let (ended, _) = asked(&["watch"], &"x".repeat(100_000));
    assert!(ended.err.contains("it is too long"), "{}", ended.err);
}

#[test]
fn a_line_is_read_field_by_field_and_row_by_row() {
    let mut heard = Vec::new();
    hear(whole(2).as_bytes(), &mut |name, row, text| {
        heard.push((char::from(name), row.to_vec(), text.to_owned()));
    })
    .unwrap();
    let of = |wanted| heard.iter().filter(move |(name, ..)| *name == wanted);
    assert_eq!(of('g').next().unwrap().1, [7]);
    assert_eq!(of('m').nth(1).unwrap().2, "02:00:00:00:00:01");
    assert_eq!(of('p').next().unwrap().1, [98, UNKNOWN]);
    assert_eq!(of('l').nth(4).unwrap().1, [4, 800, 500, 120, 7]);
    assert_eq!(
        (of('l').count(), of('d').count(), of('k').count()),
        (6, 2, 6)
    );
    assert_eq!(
        hear(b"{\"p\":[1,2,3,4,5,6,7,8,9]}", &mut |_, _, _| {}),
        Err(BadAnswer::TooLong)
    );
}

#[test]
fn no_bytes_make_the_reader_of_lines_panic() {
    let line = whole(3).into_bytes();
    roll(3_000, |mut dice| {
        let mut line = line.clone();
        for _ in 0..=dice.below(4) {
            let place = dice.below(line.len());
            line[place] = dice.byte();
        }
        line.truncate(dice.below(2 * line.len()));
        hear(&line, &mut |_, _, _| {}).is_ok()
    });
}
