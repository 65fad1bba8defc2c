//! Whatever the daemon says, a table fits 80 columns and a terminal gets no control character of it.

use lanemark::sys::client::Surroundings;
use serde_json::{Value, json};

use super::daemon::{asked, asked_in};

/// Columns of a line by a rule of our own, coarser than the program's: two for everything from Hangul to the end of the CJK planes
/// and for emoji, but for the punctuation and symbols between.
pub fn columns(line: &str) -> usize {
    let wide = |letter: char| {
        matches!(letter, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff60}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
    };
    line.chars()
        .map(|letter| if wide(letter) { 2 } else { 1 })
        .sum()
}

/// Names that devices could give themselves, up to 63 bytes.
fn names() -> Vec<String> {
    let fill = |text: &str| text.repeat(63 / text.len());
    vec![
        String::new(),
        "workstation".into(),
        fill("x"),
        fill("\u{65e5}"),
        fill("\u{1f600}"),
        fill("\u{ac00}a"),
        fill("e\u{301}"),
        fill("\u{5d0}"),
        fill(" "),
        fill("\u{a0}"),
        "\u{1b}[31mred\u{1b}]0;title\u{7}".into(),
        "\u{202e}evil\u{2066}\u{200b}\u{feff}\u{ad}".into(),
        "line\nbreak\r\ttab\u{0}nul\u{7f}del\u{9b}31mcsi\u{85}nel\u{2028}ls".into(),
        "<img src=x onerror=alert(1)>".into(),
        "\"quotes\" and \\backslashes\\".into(),
        "\u{fffd}\u{fffd}".into(),
        fill("\u{ff21}b c"),
    ]
}

fn device(name: &str, big: bool) -> Value {
    let long = "1111:2222:3333:4444:5555:6666:7777:8888";
    let number = if big { json!(u32::MAX) } else { json!(null) };
    json!({
        "name": name, "mac": "02:00:00:00:00:0a",
        "addresses": if big { json!([long, "192.168.100.100", long, "fe80::1", name.chars().take(9).collect::<String>(), long, "::1", "2001:db8::1"]) } else { json!([]) },
        "class": if big { json!("standard") } else { json!(null) },
        "flows": u32::MAX, "up_kbit": number, "down_kbit": number, "seen_s": number,
    })
}

fn flow(name: &str, big: bool) -> Value {
    let address = if big {
        "1111:2222:3333:4444:5555:6666:7777:8888"
    } else {
        "192.168.100.100"
    };
    let bytes = if big { json!(u64::MAX) } else { json!(null) };
    json!({
        "proto": name.chars().take(2).collect::<String>(), "src": address, "sport": 65535, "dst": address, "dport": 65535,
        "device": name, "class": if big { json!("standard") } else { json!(null) },
        "mark": if big { u32::MAX } else { 10 }, "bytes_out": bytes, "bytes_back": bytes,
    })
}

fn status(name: &str, state: &str, big: bool) -> Value {
    let short: String = name
        .chars()
        .scan(0, |bytes, letter| {
            *bytes += letter.len_utf8();
            (*bytes <= 15).then_some(letter)
        })
        .collect();
    let number = if big { u32::MAX } else { 0 };
    let percent = if big { json!(255) } else { json!(null) };
    let side = json!({"interface": short, "line_kbit": number, "rate_kbit": number, "proven_percent": percent, "leaf": short});
    let line = json!({"guarantee_kbit": number, "rate_kbit": number, "bytes": u64::MAX, "packets": u64::MAX, "dropped": number,
        "backlog_bytes": number, "delay_ms": number});
    let class = json!({"class": short, "mark": number, "up": line, "down": line});
    json!({
        "state": state, "reason": name, "version": short, "pid": number, "uptime_s": if big { u64::MAX } else { 0 },
        "up": side, "down": side, "classes": vec![class; 5], "devices": u16::MAX, "flows": number, "flows_max": number,
        "saved": big,
        "config": "1a2b3c4d",
    })
}

fn changed(name: &str) -> Value {
    json!({"mac": "02:00:00:00:00:0a", "name": name, "flows_marked": u32::MAX, "saved": false, "remark": name})
}

fn finding(name: &str, good: bool) -> Value {
    let what: String = name.chars().take(6).collect();
    json!({"what": what, "good": good, "found": name})
}

/// Every kind of answer, with every name.
fn answers() -> Vec<(Vec<&'static str>, String)> {
    let mut answers = Vec::new();
    for name in names() {
        for big in [false, true] {
            let list =
                |kind: &str, element: Value| json!({kind: [element.clone(), element]}).to_string();
            answers.push((vec!["devices"], list("devices", device(&name, big))));
            answers.push((vec!["flows"], list("flows", flow(&name, big))));
            answers.push((vec!["doctor"], list("findings", finding(&name, big))));
            for state in ["on", "off", "waiting", "failing"] {
                answers.push((vec!["status"], status(&name, state, big).to_string()));
            }
        }
        for words in [&["set", "tv", "bulk"][..], &["unset", "tv"], &["stop"]] {
            answers.push((words.to_vec(), changed(&name).to_string()));
        }
        answers.push((
            vec!["status"],
            json!({"error": {"fault": "refused", "message": name}}).to_string(),
        ));
    }
    answers
}

#[test]
fn every_table_fits_80_columns_and_is_clean_whatever_the_names_and_numbers() {
    for (words, answer) in answers() {
        let (ended, _) = asked(&words, &format!("{answer}\n"));
        let expected = u8::from(answer.contains("\"error\""));
        assert_eq!(ended.code(), expected, "{words:?} {answer}: {}", ended.err);
        for line in ended.text().lines() {
            assert!(
                columns(line) <= 80,
                "{} columns of {words:?}: {line}",
                columns(line)
            );
            assert!(!line.ends_with(' '), "{words:?}: {line}");
        }
        assert_eq!(
            ended.err.lines().count(),
            usize::from(expected),
            "{}",
            ended.err
        );
        for letter in ended
            .text()
            .chars()
            .chain(ended.err.chars())
            .filter(|letter| *letter != '\n')
        {
            let tricky = letter.is_control()
                || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            assert!(!tricky, "{words:?}: {letter:?}");
        }
    }
}

#[test]
fn colours_are_for_terminals_and_add_nothing_else() {
    for (words, answer) in answers().into_iter().take(40) {
        let line = format!("{answer}\n").into_bytes();
        let plain = asked_in(
            &words,
            line.clone(),
            Surroundings {
                terminal: true,
                ..Surroundings::default()
            },
        )
        .0;
        let coloured = asked_in(
            &words,
            line,
            Surroundings {
                terminal: true,
                colour: true,
                ..Surroundings::default()
            },
        )
        .0;
        assert!(!plain.text().contains('\u{1b}'));
        let mut uncoloured = coloured.text().to_owned();
        for code in [
            "\u{1b}[0m",
            "\u{1b}[1m",
            "\u{1b}[31m",
            "\u{1b}[32m",
            "\u{1b}[33m",
        ] {
            uncoloured = uncoloured.replace(code, "");
        }
        assert_eq!(uncoloured, plain.text());
    }
    let (ended, _) = asked_in(
        &["doctor"],
        b"{\"findings\":[{\"what\":\"nft\",\"good\":true,\"found\":\"there\"}]}\n".to_vec(),
        Surroundings {
            terminal: true,
            colour: true,
            ..Surroundings::default()
        },
    );
    assert_eq!(ended.text(), "\u{1b}[32mok  nft  \u{1b}[0mthere\n");
}

#[test]
fn a_name_that_is_no_utf8_hides_no_device() {
    let answer = b"{\"devices\":[{\"name\":\"a\xff\xfeb\xc3\",\"mac\":\"02:00:00:00:00:0a\",\"addresses\":[],\"class\":null,\"flows\":0,\"up_kbit\":null,\"down_kbit\":null,\"seen_s\":null}]}\n";
    let (ended, _) = asked_in(&["devices"], answer.to_vec(), Surroundings::default());
    assert_eq!(ended.code(), 0, "{}", ended.err);
    assert!(
        ended
            .text()
            .contains("\na??b?            02:00:00:00:00:0a"),
        "{}",
        ended.text()
    );
}

#[test]
fn json_is_the_line_of_the_daemon_byte_by_byte_in_a_pipe() {
    let strange = b"{\"devices\":[ {\"name\":\"\xe2\x80\xae\xff\x7f\\u001b\"} ] }\n";
    let (ended, _) = asked_in(
        &["devices", "--json"],
        strange.to_vec(),
        Surroundings::default(),
    );
    assert_eq!(
        (ended.code(), ended.out.as_slice()),
        (0, strange.as_slice())
    );
}

#[test]
fn json_on_a_terminal_is_the_same_json_without_tricks() {
    let value = json!({"devices": [{"name": "\u{202e}\u{9b}31m\u{7f}\u{65e5}\u{1f600}\u{e0001}"}]});
    let terminal = Surroundings {
        terminal: true,
        ..Surroundings::default()
    };
    let (ended, _) = asked_in(
        &["devices", "--json"],
        format!("{value}\n").into_bytes(),
        terminal.clone(),
    );
    assert_eq!(
        ended.text(),
        "{\"devices\":[{\"name\":\"\\u202e\\u009b31m\\u007f\u{65e5}\u{1f600}\\udb40\\udc01\"}]}\n"
    );
    let again: Value = serde_json::from_str(ended.text()).expect("still JSON");
    assert_eq!(again, value);
    let (ended, _) = asked_in(
        &["devices", "--json"],
        b"{\"a\":[{\"n\":\"\xff\xe2\x80\"}]}\n".to_vec(),
        terminal,
    );
    assert_eq!(ended.text(), "{\"a\":[{\"n\":\"\\ufffd\\ufffd\"}]}\n");
}

#[test]
fn a_failure_as_json_goes_to_standard_output_and_its_sentence_to_standard_error() {
    let line = "{\"error\":{\"fault\":\"input\",\"message\":\"expected a device, found 'x'\"}}\n";
    let (ended, _) = asked(&["unset", "x", "--json"], line);
    assert_eq!((ended.code(), ended.text()), (2, line));
    assert_eq!(ended.err, "lanemark: expected a device, found 'x'\n");
}
