//! What was in force before can be seen, compared and brought back; and who is late does not undo what another has changed.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::bed::{Bed, Wish, text};
use crate::promise::{SOON, Tried, promises, until};

promises! {
    an_earlier_configuration_is_shown_compared_and_brought_back,
    the_ninth_before_is_gone_and_numbers_go_on_over_restarts,
    a_configuration_is_only_replaced_by_who_has_seen_it,
}

fn say(bed: &Bed, lines: &str) -> String {
    let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
    stream.write_all(lines.as_bytes()).expect("to ask");
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .expect("an answer");
    answer
}

fn off(up_kbit: u32) -> Wish<'static> {
    Wish {
        enabled: false,
        up_kbit,
        ..Wish::workstation("premium")
    }
}

fn apply(bed: &Bed, up_kbit: u32) {
    let file = bed.scratch_file("new.json");
    fs::write(&file, off(up_kbit).text()).expect("a file");
    bed.ask(&["config", "apply", text(&file)]);
}

/// Number, whether it is in force, and whether the time is known, of each.
fn history(bed: &Bed) -> Vec<(u64, bool, bool)> {
    let listed: Value =
        serde_json::from_str(&bed.ask(&["config", "history", "--json"])).expect("JSON");
    let versions = listed["versions"].as_array().expect("a list");
    let each = versions.iter().map(|version| {
        assert!(version["bytes"].as_u64().expect("bytes") > 100, "{version}");
        (
            version["number"].as_u64().expect("a number"),
            version["current"].as_bool().expect("a flag"),
            version["time"].is_u64(),
        )
    });
    each.collect()
}

fn up_kbit(bed: &Bed) -> u64 {
    let shown: Value = serde_json::from_str(&bed.ask(&["config", "show"])).expect("JSON");
    shown["wan"]["up_kbit"].as_u64().expect("a rate")
}

fn an_earlier_configuration_is_shown_compared_and_brought_back() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&off(1000));
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    assert_eq!(history(&bed), [(1, true, true)]);
    let said = bed.lanemark(&["config", "rollback"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("found no such one"), "{said:?}");
    apply(&bed, 2000);
    assert_eq!(history(&bed), [(2, true, true), (1, false, true)]);
    let diff = bed.ask(&["config", "diff"]);
    let [gone, came] = diff.lines().collect::<Vec<_>>()[..] else {
        panic!("two lines: {diff}")
    };
    assert!(
        gone.starts_with("-   \"wan\": {") && gone.contains("\"up_kbit\": 1000"),
        "{diff}"
    );
    assert!(
        came.starts_with("+   \"wan\": {") && came.contains("\"up_kbit\": 2000"),
        "{diff}"
    );
    assert_eq!(bed.ask(&["config", "diff", "2"]), "no difference\n");
    let both: Value =
        serde_json::from_str(&bed.ask(&["config", "diff", "1", "--json"])).expect("JSON");
    assert_eq!(both["before"]["wan"]["up_kbit"], 1000);
    assert_eq!(both["after"]["wan"]["up_kbit"], 2000);
    assert!(
        bed.ask(&["config", "rollback", "1"])
            .contains("the earlier configuration is in force")
    );
    assert_eq!(up_kbit(&bed), 1000);
    // It is not on flash for half a minute: what is there is not in force, and the one before.
    assert_eq!(history(&bed), [(2, false, true), (1, false, true)]);
    bed.ask(&["config", "rollback"]);
    assert_eq!(up_kbit(&bed), 2000);
    let table = bed.ask(&["config", "history"]);
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    for number in ["0", "3", "4294967295"] {
        let said = bed.lanemark(&["config", "rollback", number]);
        assert_eq!(said.code, Some(2), "{said:?}");
    }
    assert_eq!(up_kbit(&bed), 2000);
    // A spoiled one is told, and nothing changes.
    fs::write(
        bed.dir().join("config.prev.json"),
        "{\"version\": 1, \"enabled\": 5}",
    )
    .expect("a file");
    let said = bed.lanemark(&["config", "rollback", "1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("configuration 1 cannot be used: line 1: enabled: expected"),
        "{said:?}"
    );
    assert_eq!(up_kbit(&bed), 2000);
    Ok(())
}

fn the_ninth_before_is_gone_and_numbers_go_on_over_restarts() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&off(1001));
    // The first change after a start is written at once.
    for kbit in 1002..=1012 {
        let mut lanemark = bed.spawn();
        bed.await_state(&mut lanemark, "off");
        apply(&bed, kbit);
        lanemark.kill();
    }
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    let numbers: Vec<_> = history(&bed).iter().map(|version| version.0).collect();
    assert_eq!(numbers, [12, 11, 10, 9, 8, 7, 6, 5, 4]);
    let shown = say(&bed, "{\"verb\":\"history-show\",\"device\":\"4\"}\n");
    assert!(shown.contains("\"up_kbit\":1004"), "{shown}");
    bed.ask(&["config", "rollback", "5"]);
    assert_eq!(up_kbit(&bed), 1005);
    // The end writes what is not on flash yet.
    bed.ask(&["stop"]);
    until("the end", SOON, || lanemark.ended());
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    assert_eq!(up_kbit(&bed), 1005);
    assert_eq!(history(&bed)[0], (13, true, true));
    assert_eq!(history(&bed).len(), 9);
    Ok(())
}

fn a_configuration_is_only_replaced_by_who_has_seen_it() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&off(1000));
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    let in_force = || {
        let status: Value = serde_json::from_str(&bed.ask(&["status", "--json"])).expect("JSON");
        status["config"].as_str().expect("a text").to_owned()
    };
    let seen = in_force();
    assert_eq!(seen.len(), 8);
    let shown = say(&bed, "{\"verb\":\"config-show\"}\n");
    let other = shown.replace("\"up_kbit\":1000", "\"up_kbit\":3000");
    let put = |seen: &str, config: &str| {
        say(
            &bed,
            &format!(
                "{{\"verb\":\"config-apply\",\"device\":\"{seen}\"}}\n{}\n",
                config.trim_end()
            ),
        )
    };
    assert!(
        put(&seen, &other).starts_with("{\"mac\""),
        "it was in force"
    );
    assert_ne!(in_force(), seen);
    for late in [seen.as_str(), "00000000", "nonsense", ""] {
        let answer = put(late, &shown);
        assert!(
            answer.starts_with("{\"error\":{\"fault\":\"stale\",\"message\":\"expected "),
            "{late}: {answer}"
        );
    }
    assert_eq!(up_kbit(&bed), 3000);
    // Whoever says nothing is not asked.
    let answer = say(
        &bed,
        &format!("{{\"verb\":\"config-apply\"}}\n{}\n", shown.trim_end()),
    );
    assert!(answer.starts_with("{\"mac\""), "{answer}");
    assert_eq!(in_force(), seen);
    Ok(())
}
