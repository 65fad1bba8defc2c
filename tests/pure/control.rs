//! The vocabulary of the control socket, and the splitter of its long answers.

#![expect(clippy::cast_possible_truncation, reason = "dice are small")]

use lanemark::control::{
    BadAnswer, Changed, ClassStatus, Device, Doctor, ELEMENT_BYTES_MAX, Elements,
    FAILURE_BYTES_MAX, Failure, Fault, Fields, Finding, Flow, Heard, History, Line, NESTING_MAX,
    Piece, REASON_BYTES_MAX, REQUEST_BYTES_MAX, Record, Refusal, Request, Side, State, Status,
    Verb, Version, read, write,
};
use serde::Serialize;
use serde_json::Value;

use crate::dice::rounds;

/// A piece that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Element(Vec<u8>),
    Failure(Vec<u8>),
    Object,
    End,
}

/// Feeds the slices one after the other, each until nothing more comes of it.
fn split<'a>(slices: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Part>, BadAnswer> {
    let mut elements = Elements::new();
    let mut parts = Vec::new();
    for mut slice in slices {
        while let Some(piece) = elements.next(&mut slice)? {
            parts.push(match piece {
                Piece::Element(bytes) => Part::Element(bytes.to_vec()),
                Piece::Failure(bytes) => Part::Failure(bytes.to_vec()),
                Piece::Object => Part::Object,
                Piece::End => Part::End,
            });
        }
        assert!(
            slice.is_empty(),
            "bytes were left without a piece or an error"
        );
    }
    Ok(parts)
}

fn element(text: &str) -> Part {
    Part::Element(text.as_bytes().to_vec())
}

/// Each sample answer and what it is made of.
fn samples() -> Vec<(&'static str, Vec<Part>)> {
    vec![
        ("{\"flows\":[]}\n", vec![Part::End]),
        (" { \"flows\" : [ ] } \r\n", vec![Part::End]),
        ("{\"devices\":[{}]}\n", vec![element("{}"), Part::End]),
        (
            "{\"devices\":[{\"name\":\"a\"},{\"name\":\"b\",\"addresses\":[\"::1\"]}]}\n",
            vec![
                element("{\"name\":\"a\"}"),
                element("{\"name\":\"b\",\"addresses\":[\"::1\"]}"),
                Part::End,
            ],
        ),
        // Brackets, quotes and backslashes inside strings end nothing.
        (
            "{\"devices\":[ {\"name\":\"]}\\\"]}\\\\\"} , {\"n\":\"\\\\\\\"{[\"} ]}\n",
            vec![
                element("{\"name\":\"]}\\\"]}\\\\\"}"),
                element("{\"n\":\"\\\\\\\"{[\"}"),
                Part::End,
            ],
        ),
        (
            "{\"error\":{\"fault\":\"input\",\"message\":\"expected {, found }\"}}\n",
            vec![
                Part::Failure(
                    b"{\"fault\":\"input\",\"message\":\"expected {, found }\"}".to_vec(),
                ),
                Part::End,
            ],
        ),
        ("{}\n", vec![Part::Object, Part::End]),
        (
            "{\"state\":\"on\",\"classes\":[{\"up\":{}}],\"error\":{}}\n",
            vec![Part::Object, Part::End],
        ),
        ("{\"up\":{\"a\":[[]]}}\n", vec![Part::Object, Part::End]),
        (
            "{\"saved\":true}\n{\"flows\":[{}]}\n",
            vec![Part::Object, Part::End, element("{}"), Part::End],
        ),
        (
            "{\"n\\\"ame\":[{\"\u{65e5}\u{672c}\":\"\u{202e}\"}]}\n",
            vec![element("{\"\u{65e5}\u{672c}\":\"\u{202e}\"}"), Part::End],
        ),
    ]
}

#[test]
fn an_answer_is_taken_apart_the_same_way_wherever_it_is_cut() {
    for (text, expected) in samples() {
        let bytes = text.as_bytes();
        assert_eq!(split([bytes]).as_ref(), Ok(&expected), "{text}");
        assert_eq!(
            split(bytes.chunks(1)).as_ref(),
            Ok(&expected),
            "{text} byte by byte"
        );
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let slices = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(
                    split(slices).as_ref(),
                    Ok(&expected),
                    "{text} cut at {first} and {second}"
                );
            }
        }
    }
}

#[test]
fn an_answer_that_ends_too_early_has_no_end() {
    for (text, _) in samples() {
        // Up to its first line break a sample is one answer.
        let line = text.find('\n').expect("every sample has a line break");
        for len in 0..line {
            let parts =
                split([&text.as_bytes()[..len]]).expect("a prefix of an answer is not nonsense");
            assert!(!parts.contains(&Part::End), "{text} at {len}");
        }
    }
}

#[test]
fn nonsense_is_an_error_and_stays_one() {
    for text in [
        "\n",
        "[]\n",
        "null\n",
        "x",
        "{x",
        "{,",
        "{\"a\"}",
        "{\"a\",",
        "{\"a\":}",
        "{\"a\":]",
        "{\"a\":,",
        "{\"a\n",
        "{\"a\\\n",
        "{\"a\":[1]}\n",
        "{\"a\":[\"x\"]}\n",
        "{\"a\":[[]]}\n",
        "{\"a\":[,{}]}\n",
        "{\"a\":[{},]}\n",
        "{\"a\":[{}{}]}\n",
        "{\"a\":[{]}]}\n",
        "{\"a\":[{\"b\":[}]}]}\n",
        "{\"a\":[{}],\"b\":1}\n",
        "{\"a\":[{}]]\n",
        "{\"a\":[{}]\n",
        "{\"a\":[{\n",
        "{\"a\":[{\"b\":\"\n\"}]}\n",
        "{\"a\":[{\"b\":\"\u{1b}[2J\"}]}\n",
        "{\"a\":[]} x",
        "{} {}",
        "{\"error\":[]}\n",
        "{\"error\":\"x\"}\n",
        "{\"error\":{}]\n",
        "{\"a\":1]\n",
        "{\"a\":{\"b\":[}}\n",
        "{\"a\":1\n",
        "\0",
        "{\"a\":[{\"\\\n\"}]}\n",
    ] {
        assert_eq!(split([text.as_bytes()]), Err(BadAnswer::Form), "{text:?}");
        assert_eq!(
            split(text.as_bytes().chunks(1)),
            Err(BadAnswer::Form),
            "{text:?} byte by byte"
        );
    }
    let mut elements = Elements::new();
    assert_eq!(elements.next(&mut b"]".as_slice()), Err(BadAnswer::Form));
    assert_eq!(
        elements.next(&mut b"{\"a\":[]}\n".as_slice()),
        Err(BadAnswer::Form),
        "a broken answer does not heal"
    );
}

#[test]
fn an_element_may_have_exactly_the_bytes_of_the_limit() {
    let answer = |len: usize| format!("{{\"a\":[{{\"b\":\"{}\"}}]}}\n", "x".repeat(len - 8));
    let whole = answer(ELEMENT_BYTES_MAX);
    let parts = split([whole.as_bytes()]).expect("an element of the limit fits");
    assert!(
        matches!(parts.first(), Some(Part::Element(bytes)) if bytes.len() == ELEMENT_BYTES_MAX)
    );
    assert_eq!(
        split([answer(ELEMENT_BYTES_MAX + 1).as_bytes()]),
        Err(BadAnswer::TooLong)
    );
    let name = format!("{{\"{}\":[]}}\n", "x".repeat(ELEMENT_BYTES_MAX + 1));
    assert_eq!(split([name.as_bytes()]), Err(BadAnswer::TooLong));
}

#[test]
fn brackets_may_be_nested_exactly_to_the_limit() {
    let answer = |depth: usize| {
        let inner = depth - 1;
        format!(
            "{{\"a\":[{{\"b\":{}{}}}]}}\n",
            "[".repeat(inner),
            "]".repeat(inner)
        )
    };
    assert_eq!(
        split([answer(usize::from(NESTING_MAX)).as_bytes()]).map(|parts| parts.len()),
        Ok(2)
    );
    assert_eq!(
        split([answer(usize::from(NESTING_MAX) + 1).as_bytes()]),
        Err(BadAnswer::TooDeep)
    );
    let object = "{\"a\":[1,";
    assert_eq!(
        split([object.as_bytes()]),
        Err(BadAnswer::Form),
        "an array of numbers is no list of ours"
    );
    let object = format!("{{\"a\":1,\"b\":{}", "[".repeat(usize::from(NESTING_MAX)));
    assert_eq!(split([object.as_bytes()]), Err(BadAnswer::TooDeep));
}

/// A small generator with a seed (xorshift, Marsaglia 2003).
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % sides
    }
}

fn value(dice: &mut Dice, depth: u32, text: &mut String) {
    let pad = ["", "", " ", "\t"][dice.roll(4) as usize];
    text.push_str(pad);
    match dice.roll(if depth > 6 { 6 } else { 9 }) {
        0 => text.push_str("null"),
        1 => text.push_str("-12.5e3"),
        2 => text.push_str("true"),
        3..=5 => string(dice, text),
        6 | 7 => object(dice, depth, text),
        _ => {
            text.push('[');
            for index in 0..dice.roll(4) {
                if index > 0 {
                    text.push(',');
                }
                value(dice, depth + 1, text);
            }
            text.push(']');
        }
    }
    text.push_str(pad);
}

fn object(dice: &mut Dice, depth: u32, text: &mut String) {
    text.push('{');
    for index in 0..dice.roll(4) {
        if index > 0 {
            text.push(',');
        }
        // Each name once, since the second opinion keeps only the last.
        text.push_str(&format!("\"{index}"));
        text.push_str("\":");
        value(dice, depth + 1, text);
    }
    text.push('}');
}

fn string(dice: &mut Dice, text: &mut String) {
    text.push('"');
    for _ in 0..dice.roll(8) {
        text.push_str(
            [
                "a",
                "{",
                "}",
                "[",
                "]",
                ",",
                ":",
                "\\\"",
                "\\\\",
                "\\u001b",
                "\\n",
                "\u{e9}",
                "\u{1f600}",
            ][dice.roll(13) as usize],
        );
    }
    text.push('"');
}

#[test]
fn random_answers_are_split_as_serde_json_splits_them() {
    for seed in 1..=3000 {
        let mut dice = Dice(seed);
        let mut text = String::from("{\"list\":[");
        for index in 0..dice.roll(5) {
            if index > 0 {
                text.push(',');
            }
            object(&mut dice, 0, &mut text);
        }
        text.push_str("]}\n");
        let whole: Value = serde_json::from_str(&text).expect("the generator makes JSON");
        let expected = whole["list"].as_array().expect("a list");
        let step = 1 + dice.roll(40) as usize;
        let parts = match split(text.as_bytes().chunks(step)) {
            Ok(parts) => parts,
            Err(bad) => {
                assert_eq!(bad, BadAnswer::TooLong, "seed {seed}: {text}");
                continue;
            }
        };
        let (last, elements) = parts.split_last().expect("an end at least");
        assert_eq!(*last, Part::End, "seed {seed}");
        let found: Vec<Value> = elements
            .iter()
            .map(|part| match part {
                Part::Element(bytes) => serde_json::from_slice(bytes).expect("an element is JSON"),
                other => panic!("seed {seed}: {other:?}"),
            })
            .collect();
        assert_eq!(&found, expected, "seed {seed}: {text}");
    }
}

#[test]
fn flipped_and_cut_answers_never_panic_and_never_invent_json() {
    let mut dice = Dice(0x5eed);
    for _ in 0..rounds(20_000) {
        let samples = samples();
        let mut bytes = samples[dice.roll(samples.len() as u32) as usize]
            .0
            .as_bytes()
            .to_vec();
        for _ in 0..=dice.roll(3) {
            let index = dice.roll(bytes.len() as u32) as usize;
            bytes[index] = b"{}[]\",:\\\n x\x00\xff1"[dice.roll(14) as usize];
        }
        bytes.truncate(dice.roll(bytes.len() as u32 + 1) as usize);
        let whole = split([bytes.as_slice()]);
        assert_eq!(
            whole,
            split(bytes.chunks(1)),
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
        // What is valid for the second opinion and has our shape must be valid for us; an object of any kind is complete.
        let line = bytes
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        if let (Ok(Value::Object(_)), true, Err(bad)) = (
            serde_json::from_slice(line),
            bytes.len() > line.len(),
            &whole,
        ) {
            let first_only = split([line, b"\n".as_slice()]);
            let value: Value = serde_json::from_slice(line).expect("parsed before");
            let ours = value.as_object().is_some_and(|fields| {
                let listed = |value: &Value| {
                    value
                        .as_array()
                        .is_some_and(|list| list.iter().all(Value::is_object))
                };
                fields.len() == 1
                    && fields
                        .values()
                        .all(|value| listed(value) || value.is_object())
            });
            assert!(
                !ours || first_only.is_ok(),
                "{bad:?}: {:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

#[test]
fn the_largest_values_of_the_vocabulary_fit_into_an_element() {
    // Each byte of a text takes six when it has to be escaped.
    let worst = |bytes: usize| "\u{1}".repeat(bytes);
    let text = |bytes: usize| {
        worst(bytes)
            .as_str()
            .try_into()
            .expect("it has that many bytes")
    };

    let mut addresses = heapless::Vec::new();
    while addresses
        .push(
            "1111:2222:3333:4444:5555:6666:7777:8888"
                .try_into()
                .expect("39 bytes"),
        )
        .is_ok()
    {}
    let mut device = Device {
        name: worst(63).as_str().try_into().expect("63 bytes"),
        mac: "02:00:00:00:00:0a".try_into().expect("17 bytes"),
        addresses,
        class: Some("standard".try_into().expect("short")),
        up_max_kbit: Some(u32::MAX),
        down_max_kbit: Some(u32::MAX),
        flows: u32::MAX,
        up_kbit: Some(u32::MAX),
        down_kbit: Some(u32::MAX),
        up_bytes: Some(u64::MAX),
        down_bytes: Some(u64::MAX),
        seen_s: Some(u32::MAX),
    };
    let json = written(&mut device);
    assert!(json.len() <= ELEMENT_BYTES_MAX, "device {}", json.len());
    assert_eq!(read(&json), Ok(device));

    let mut flow = Flow {
        proto: "icmp".try_into().expect("short"),
        src: "1111:2222:3333:4444:5555:6666:7777:8888"
            .try_into()
            .expect("39 bytes"),
        sport: u16::MAX,
        dst: "1111:2222:3333:4444:5555:6666:7777:8888"
            .try_into()
            .expect("39 bytes"),
        dport: u16::MAX,
        device: worst(63).as_str().try_into().expect("63 bytes"),
        class: Some("standard".try_into().expect("short")),
        mark: u32::MAX,
        bytes_out: Some(u64::MAX),
        bytes_back: Some(u64::MAX),
    };
    let json = written(&mut flow);
    assert!(json.len() <= ELEMENT_BYTES_MAX, "flow {}", json.len());
    assert_eq!(read(&json), Ok(flow));

    let mut finding = Finding {
        what: worst(24).as_str().try_into().expect("24 bytes"),
        good: false,
        found: text(REASON_BYTES_MAX),
    };
    let json = written(&mut finding);
    assert!(json.len() <= ELEMENT_BYTES_MAX, "finding {}", json.len());
    assert_eq!(read(&json), Ok(finding));

    let mut failure = Failure::input(format_args!(""));
    failure.message = worst(FAILURE_BYTES_MAX)
        .as_str()
        .try_into()
        .expect("240 bytes");
    let json = written(&mut failure);
    assert!(json.len() <= ELEMENT_BYTES_MAX, "failure {}", json.len());
    assert_eq!(read(&json), Ok(failure));
}

fn written(record: &mut dyn Record) -> Vec<u8> {
    let mut json = b"[".to_vec();
    write(record, &mut json);
    json.remove(0);
    json
}

/// Written as the derives write it, and read again as it was.
fn there_and_back<T: Record + Default + Serialize + Clone + PartialEq + std::fmt::Debug>(
    value: &T,
) {
    let json = written(&mut value.clone());
    let mut room = vec![0; 64 * 1024];
    let len = serde_json_core::to_slice(value, &mut room);
    assert_eq!(
        Ok(String::from_utf8_lossy(&json)),
        len.map(|len| String::from_utf8_lossy(&room[..len]))
    );
    assert_eq!(read::<T>(&json).as_ref(), Ok(value));
}

fn dice_text<const N: usize>(dice: &mut Dice) -> heapless::String<N> {
    let mut text = heapless::String::new();
    for _ in 0..dice.roll(2 * N as u32) {
        let letter = match dice.roll(4) {
            0 => char::from(dice.roll(0x80) as u8),
            1 => {
                ['"', '\\', '/', '\u{7f}', '\u{e9}', '\u{2028}', '\u{1f600}'][dice.roll(7) as usize]
            }
            _ => 'a',
        };
        if text.push(letter).is_err() {
            break;
        }
    }
    text
}

fn dice_number(dice: &mut Dice) -> u64 {
    let number = u64::from(dice.roll(u32::MAX)) << 32 | u64::from(dice.roll(u32::MAX));
    [0, 9, 10, u64::MAX, number, number >> dice.roll(64)][dice.roll(6) as usize]
}

fn dice_line(dice: &mut Dice) -> Line {
    Line {
        guarantee_kbit: dice_number(dice) as u32,
        rate_kbit: dice_number(dice) as u32,
        bytes: dice_number(dice),
        packets: dice_number(dice),
        dropped: dice_number(dice) as u32,
        backlog_bytes: dice_number(dice) as u32,
        delay_ms: dice_number(dice) as u32,
    }
}

fn dice_side(dice: &mut Dice) -> Side {
    Side {
        interface: dice_text(dice),
        line_kbit: dice_number(dice) as u32,
        rate_kbit: dice_number(dice) as u32,
        proven_percent: [None, Some(dice_number(dice) as u8)][dice.roll(2) as usize],
        leaf: dice_text(dice),
    }
}

fn dice_status(dice: &mut Dice) -> Status {
    Status {
        state: [State::Off, State::On, State::Waiting, State::Failing][dice.roll(4) as usize],
        reason: dice_text(dice),
        version: dice_text(dice),
        pid: dice_number(dice) as u32,
        uptime_s: dice_number(dice),
        up: dice_side(dice),
        down: dice_side(dice),
        classes: (0..dice.roll(7))
            .map(|_| ClassStatus {
                class: dice_text(dice),
                mark: dice_number(dice) as u32,
                up: dice_line(dice),
                down: dice_line(dice),
            })
            .collect(),
        devices: dice_number(dice) as u16,
        flows: dice_number(dice) as u32,
        flows_max: dice_number(dice) as u32,
        saved: dice.roll(2) == 0,
        config: dice_text(dice),
    }
}

#[test]
fn records_are_written_as_the_derives_write_them_and_read_again() {
    for seed in 1..=rounds(2000) as u32 {
        let dice = &mut Dice(seed);
        there_and_back(&dice_status(dice));
        there_and_back(&Device {
            name: dice_text(dice),
            mac: dice_text(dice),
            addresses: (0..dice.roll(9)).map(|_| dice_text(dice)).collect(),
            class: [None, Some(dice_text(dice))][dice.roll(2) as usize].clone(),
            up_max_kbit: [None, Some(dice_number(dice) as u32)][dice.roll(2) as usize],
            down_max_kbit: None,
            flows: dice_number(dice) as u32,
            up_kbit: [None, Some(dice_number(dice) as u32)][dice.roll(2) as usize],
            down_kbit: None,
            up_bytes: [None, Some(dice_number(dice))][dice.roll(2) as usize],
            down_bytes: None,
            seen_s: Some(dice_number(dice) as u32),
        });
        there_and_back(&Flow {
            proto: dice_text(dice),
            src: dice_text(dice),
            sport: dice_number(dice) as u16,
            dst: dice_text(dice),
            dport: dice_number(dice) as u16,
            device: dice_text(dice),
            class: [None, Some(dice_text(dice))][dice.roll(2) as usize].clone(),
            mark: dice_number(dice) as u32,
            bytes_out: [None, Some(dice_number(dice))][dice.roll(2) as usize],
            bytes_back: None,
        });
        there_and_back(&Changed {
            mac: dice_text(dice),
            name: dice_text(dice),
            flows_marked: dice_number(dice) as u32,
            saved: dice.roll(2) == 0,
            remark: dice_text(dice),
        });
        there_and_back(&History {
            versions: (0..dice.roll(10))
                .map(|_| Version {
                    number: dice_number(dice) as u32,
                    time: [None, Some(dice_number(dice) as u32)][dice.roll(2) as usize],
                    bytes: dice_number(dice) as u32,
                    current: dice.roll(2) == 0,
                })
                .collect(),
        });
        there_and_back(&Doctor {
            findings: (0..dice.roll(33))
                .map(|_| Finding {
                    what: dice_text(dice),
                    good: dice.roll(2) == 0,
                    found: dice_text(dice),
                })
                .collect(),
        });
        let mut failure = Failure {
            fault: [Fault::Refused, Fault::Input, Fault::Stale][dice.roll(3) as usize],
            message: dice_text(dice),
        };
        there_and_back(&failure);
        let json = written(&mut failure);
        let answer = [b"{\"error\":", json.as_slice(), b"}"].concat();
        assert_eq!(written(&mut Refusal(&mut failure)), answer);
    }
}

#[test]
fn an_answer_of_another_kind_is_not_read() {
    for json in [
        "",
        "{}",
        "[]",
        "{\"mac\":1}",
        "{\"mac\":\"\",\"name\":\"\",\"flows_marked\":-1,\"saved\":true,\"remark\":\"\"}",
    ] {
        assert_eq!(
            read::<Changed>(json.as_bytes()),
            Err(BadAnswer::Form),
            "{json}"
        );
    }
    let newer = "{\"mac\":\"\",\"name\":\"\",\"flows_marked\":1,\"saved\":true,\"remark\":\"\",\"later\":[{\"x\":null}]}";
    assert!(
        read::<Changed>(newer.as_bytes()).is_ok(),
        "fields of a newer daemon are skipped"
    );
}

#[test]
fn a_request_arrives_as_it_was_said() {
    for device in [
        "02:00:00:00:00:0a",
        "Bob's \"big\" TV",
        "back\\slash",
        "\u{1}\u{2}",
        "\u{65e5}\u{672c}",
        "a\nb",
    ] {
        let request = Request {
            verb: Verb::Set,
            device: Some(device),
            class: Some("premium"),
        };
        let line = request.line();
        assert!(!line.contains(&b'\n'), "a request is one line");
        let heard = Heard::read(&line).expect("what was written can be read");
        assert_eq!(heard.request(), request);
        assert_eq!(
            line.as_slice(),
            serde_json_core::to_vec::<_, REQUEST_BYTES_MAX>(&request)
                .expect("a short request fits")
        );
    }
    let worst = "\u{1}".repeat(63);
    let request = Request {
        verb: Verb::ConfigApply,
        device: Some(&worst),
        class: Some("\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}"),
    };
    assert!(
        request.line().len() <= REQUEST_BYTES_MAX,
        "the longest request fits"
    );
    assert_eq!(
        Heard::read(b"{\"verb\":\"stop\"}\n").map(|heard| heard.verb),
        Ok(Verb::Stop)
    );
}

#[test]
fn a_line_that_is_no_request_is_refused() {
    let long = format!("{{\"verb\":\"set\",\"device\":\"{}\"}}", "x".repeat(64));
    let huge = " ".repeat(REQUEST_BYTES_MAX + 1);
    for line in [
        "",
        "\n",
        "{}",
        "status",
        "{\"verb\":\"reboot\"}",
        "{\"verb\":\"status\"} x",
        "{\"verb\":\"status\",\"shell\":\"sh\"}",
        "{\"verb\":\"set\",\"device\":7}",
        "{\"verb\":\"set\",\"class\":\"0123456789abcdef\"}",
        &long,
        &huge,
    ] {
        assert!(Heard::read(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn the_names_of_the_verbs_are_those_that_are_written() {
    for verb in Verb::ALL {
        assert_eq!(serde_json::to_value(verb).expect("a name"), verb.name());
        let line = format!("{{\"verb\":\"{}\"}}", verb.name());
        assert_eq!(
            Heard::read(line.as_bytes()).map(|heard| heard.verb),
            Ok(verb)
        );
    }
    for twice in [
        "{\"verb\":\"stop\",\"verb\":\"status\"}",
        "{\"verb\":\"set\",\"device\":null,\"device\":\"a\"}",
    ] {
        assert!(Heard::read(twice.as_bytes()).is_err(), "{twice}");
    }
}

/// A record of one text, and of one that is looked for behind it in vain, so that all of the object is read.
#[derive(Debug, Default)]
struct Texts<const N: usize>(heapless::String<N>, Option<heapless::String<15>>);

impl<const N: usize> Record for Texts<N> {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("text", &mut self.0);
        with.text_or_null("nowhere", &mut self.1);
    }
}

fn text<const N: usize>(json: &[u8]) -> Result<heapless::String<N>, BadAnswer> {
    let object = [b"{\"text\":", json, b"}"].concat();
    read::<Texts<N>>(&object).map(|texts| texts.0)
}

#[test]
fn texts_are_unescaped_as_serde_json_unescapes_them() {
    let escapes = [
        "a",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\f",
        "\\n",
        "\\r",
        "\\t",
        "\\u0041",
        "\\u00e9",
        "\\u202E",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\ude00",
        "\\ud83d\\u0041",
        "\\u12",
        "\\u+123",
        "\\x",
        "\\",
        "\u{65e5}",
        "\u{1f600}",
    ];
    let mut dice = Dice(0x7e57);
    for round in 0..rounds(20_000) {
        let inside: String = (0..dice.roll(6))
            .map(|_| escapes[dice.roll(escapes.len() as u32) as usize])
            .collect();
        let json = format!("\"{inside}\"");
        let ours = text::<200>(json.as_bytes());
        let theirs = serde_json::from_str::<String>(&json);
        assert_eq!(
            ours.as_deref().ok(),
            theirs.as_deref().ok(),
            "round {round}: {json}"
        );
    }
    assert_eq!(text::<3>(b"\"abc\"").as_deref(), Ok("abc"));
    assert_eq!(
        text::<3>(b"\"abcd\""),
        Err(BadAnswer::Form),
        "a text that is too long is not cut"
    );
    assert_eq!(
        text::<8>(b"\"a\xff\xe2\x80b\"").as_deref(),
        Ok("a???b"),
        "what is no UTF-8 is shown as such"
    );
}

#[test]
fn changed_answers_are_read_as_the_derives_read_them() {
    let samples = [
        r#"{"proto":"tcp","src":"192.0.2.1","sport":1,"dst":"::1","dport":65535,"device":"a","class":"bulk","mark":4294967295,"bytes_out":18446744073709551615,"bytes_back":null}"#,
        r#"{"proto":"","src":"","sport":0,"dst":"","dport":0,"device":"\n","class":null,"mark":0,"bytes_out":0,"bytes_back":7,"later":{"x":[1,"]"]}}"#,
    ];
    let mut dice = Dice(0xdead);
    let (mut read_by_both, mut refused_by_both) = (0, 0);
    for _ in 0..rounds(40_000) {
        let mut bytes = samples[dice.roll(2) as usize].as_bytes().to_vec();
        for _ in 0..dice.roll(3) {
            let index = dice.roll(bytes.len() as u32) as usize;
            bytes[index] = b"{}[]\",:\\ 0159-ntfz"[dice.roll(18) as usize];
        }
        let (ours, theirs) = (read::<Flow>(&bytes), serde_json::from_slice::<Flow>(&bytes));
        // We skip what nobody asks for without reading it, so we may read more than the derives, but never something else.
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&bytes));
                read_by_both += 1;
            }
            (Err(_), Ok(_)) => panic!(
                "refused although it is a flow: {}",
                String::from_utf8_lossy(&bytes)
            ),
            (Err(_), Err(_)) => refused_by_both += 1,
            (Ok(_), Err(_)) => {}
        }
    }
    assert!(
        read_by_both > 1000 && refused_by_both > 1000,
        "{read_by_both} and {refused_by_both}"
    );
}

#[test]
fn numbers_are_read_exactly_or_not_at_all() {
    let flows = |number: &str| {
        let json = format!(
            "{{\"mac\":\"\",\"name\":\"\",\"flows_marked\":{number},\"saved\":true,\"remark\":\"\"}}"
        );
        read::<Changed>(json.as_bytes()).map(|changed| changed.flows_marked)
    };
    assert_eq!(flows("4294967295"), Ok(u32::MAX));
    for wrong in [
        "4294967296",
        "18446744073709551616",
        "-1",
        "1.5",
        "1e3",
        "01",
        "0x1",
        "",
        "\"1\"",
        "null",
        "true",
        "[]",
    ] {
        assert_eq!(flows(wrong), Err(BadAnswer::Form), "{wrong}");
    }
}
