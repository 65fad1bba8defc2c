//! Bytes from outside, made wrong at random: heads, codes with percent signs, frames, bodies in JSON.
//!
//! A plain driver that needs no other compiler: inputs are changed in a few places, and one that is judged in a way that none before was is kept and
//! changed further. `fuzz/` has what was kept by long runs; each run begins with it. An ordinary test run is short;
//! `LANEMARK_FUZZ=10000000 cargo test --release --test pure fuzz` is a long one, and writes what it kept into `fuzz/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use heapless::String as Short;
use lanemark::config;
use lanemark::control::{self, Fields, Found, Record, text_field};
use lanemark::value::Crc32;
use lanemark::wire::http::{Host, Name, PATH_BYTES_MAX, Parsed, cookie, parameter, path};
use lanemark::wire::websocket::{Ear, Heard};

use crate::dice::{Dice, chosen_seed};

/// How often each target is tried in an ordinary run.
const SHORT: u64 = 20_000;

/// Inputs that are kept at most.
const KEPT_MAX: usize = 400;

/// Bytes of an input at most that is stored.
const STORED_BYTES_MAX: usize = 300;

/// Bytes of an input at most.
const INPUT_BYTES_MAX: usize = 6_000;

/// How often each target is tried.
fn count() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a long run is asked for")]
    std::env::var("LANEMARK_FUZZ").map_or(SHORT, |count| count.parse().unwrap())
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/{name}.hex"))
}

/// What was kept: a line an input, in hex.
fn kept(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(file(name)).unwrap_or_default();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines()
        .map(|line| line.as_bytes().chunks(2).map(byte).collect())
        .collect()
}

fn keep(name: &str, inputs: &[Vec<u8>]) {
    let mut text = String::new();
    for input in inputs
        .iter()
        .filter(|input| input.len() <= STORED_BYTES_MAX)
    {
        input.iter().for_each(|byte| text += &format!("{byte:02x}"));
        text.push('\n');
    }
    fs::write(file(name), text).unwrap();
}

/// Changes an input in a few places.
fn change(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[&[u8]], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let place = dice.below(input.len() + 1);
        match dice.below(6) {
            0 if place < input.len() => input[place] = dice.byte(),
            1 if place < input.len() => input[place] ^= 1 << dice.below(8),
            2 if place < input.len() => drop(input.remove(place)),
            3 => input.truncate(place),
            4 => {
                let word = words[dice.below(words.len())];
                input.splice(place..place, word.iter().copied());
            }
            _ => {
                let other = &others[dice.below(others.len())];
                let from = dice.below(other.len() + 1);
                input.truncate(place);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
}

/// Tries a target: `judge` panics when something is wrong, and otherwise tells a number for the way in which it judged.
fn run(name: &str, seeds: &[&[u8]], words: &[&[u8]], judge: fn(&[u8]) -> u64) {
    let count = count();
    let seed = chosen_seed().unwrap_or(1);
    println!("{name}: {count} tries, LANEMARK_SEED={seed}");
    let mut dice = Dice::new(seed);
    let mut inputs: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    inputs.extend(kept(name));
    let mut ways: BTreeSet<u64> = inputs.iter().map(|input| judge(input)).collect();
    let begun = ways.len();
    for _ in 0..count {
        let mut input = inputs[dice.below(inputs.len())].clone();
        change(&mut input, &inputs, words, &mut dice);
        if ways.insert(judge(&input)) && inputs.len() < KEPT_MAX {
            inputs.push(input);
        }
    }
    println!(
        "{name}: {} ways to be judged, {begun} of them known",
        ways.len()
    );
    assert!(ways.len() > 10, "most ways of judging were never taken");
    if count > SHORT {
        keep(name, &inputs[seeds.len()..]);
    }
}

/// A small number for a length: those of one class are alike.
fn class(len: usize) -> u64 {
    u64::from(usize::BITS - len.leading_zeros())
}

fn judge_head(bytes: &[u8]) -> u64 {
    match Parsed::of(bytes) {
        Parsed::Partial => class(bytes.len()),
        Parsed::Foreign => 100,
        Parsed::Bad(status) => 1_000 + status as u64,
        Parsed::Whole(head) => {
            assert!(head.len <= bytes.len() && bytes[..head.len].ends_with(b"\r\n\r\n"));
            // What stands behind the head changes nothing of it, and nothing before its end is one.
            assert!(matches!(
                Parsed::of(&bytes[..head.len - 1]),
                Parsed::Partial
            ));
            let again = Parsed::of(&bytes[..head.len]);
            assert!(matches!(again, Parsed::Whole(same) if same.body_len == head.body_len));
            assert!(head.target.starts_with(b"/"));
            let host = head.field(Name::Host).and_then(Host::parse);
            let session = head
                .field(Name::Cookie)
                .and_then(|all| cookie(all, "lanemark"));
            10_000
                + 64 * u64::from(host.is_some())
                + 128 * u64::from(session.is_some())
                + 256 * head.method as u64
                + class(head.body_len)
                + 4_096 * u64::from(head.persists)
                + 8_192 * u64::from(head.waits)
        }
    }
}

#[test]
fn no_head_makes_the_parser_panic_or_disagree_with_itself() {
    let seeds: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: 192.168.1.1:8080\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"PUT /a?b=c HTTP/1.0\r\nHost: [fd00::1]\r\nCookie: lanemark=0; x=y\r\nExpect: 100-continue\r\n\r\n",
        b"\x16\x03\x01",
        b"get / HTTP/1.1\r\n\r\n",
    ];
    let words: [&[u8]; 12] = [
        b"\r\n",
        b"\n",
        b"Host: a\r\n",
        b"Content-Length: 1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b" ",
        b"\0",
        b"HTTP/2.0",
        b"Expect: x\r\n",
        b"http://",
        b"Cookie: lanemark=a\r\n",
        b"DELETE /",
    ];
    run("head", &seeds, &words, judge_head);
}

fn judge_code(bytes: &[u8]) -> u64 {
    let mut room = [0; PATH_BYTES_MAX];
    let way = match path(bytes, &mut room) {
        Ok(text) => {
            assert!(text.len() <= bytes.len());
            assert!(!text.bytes().any(|byte| byte.is_ascii_control()));
            1_000 + class(text.len())
        }
        Err(status) => status as u64,
    };
    let mut room = [0; 16];
    match parameter(bytes, "a", &mut room) {
        Some(text) => way + 10_000 + 100_000 * class(text.len()),
        None => way,
    }
}

#[test]
fn no_code_with_percent_signs_makes_the_decoder_panic_or_grow() {
    let seeds: [&[u8]; 5] = [
        b"/",
        b"/api/v1/devices/02%3A00?a=b+c%20d",
        b"a=%c3%a4&b",
        b"/%00",
        b"/%ff",
    ];
    let words: [&[u8]; 8] = [b"%", b"%41", b"%zz", b"?", b"&a=", b"+", b"%c3%a4", b"/"];
    run("percent", &seeds, &words, judge_code);
}

fn judge_frames(bytes: &[u8]) -> u64 {
    let mut ear = Ear::default();
    let mut rest = bytes.to_vec();
    let mut way: u64 = 0;
    for _ in 0..4 {
        let len = rest.len();
        let (kind, used) = match ear.hear(&mut rest) {
            Heard::Partial => return way * 8 + 1,
            Heard::End(close) => return way * 10_000 + close as u64,
            Heard::Nothing(used) => (2, used),
            Heard::Pong(used) => (3, used),
            Heard::Ping(payload, used) => {
                assert!(payload.len() <= 125 && payload.len() < used);
                (4, used)
            }
        };
        assert!(used > 0 && used <= len);
        rest.drain(..used);
        way = way * 8 + kind;
    }
    way
}

#[test]
fn no_frames_make_the_listener_panic_or_take_more_than_came() {
    let seeds: [&[u8]; 6] = [
        b"\x81\x85\0\0\0\0hello",
        b"\x89\x81\x01\x02\x03\x04x\x8a\x80\0\0\0\0",
        b"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0\xa4",
        b"\x88\x82\0\0\0\0\x03\xe8",
        b"\x82\x80\0\0\0\0",
        b"\x81\xfe\0\x7e\0\0\0\0",
    ];
    let words: [&[u8]; 8] = [
        b"\x81\x80\0\0\0\0",
        b"\x00\x80\0\0\0\0",
        b"\x80\x80\0\0\0\0",
        b"\x89\x80\0\0\0\0",
        b"\xff",
        b"\xc3",
        b"\xfe\0\x7e",
        b"\x88\x80\0\0\0\0",
    ];
    run("frames", &seeds, &words, judge_frames);
}

/// The number of a configuration, as a rollback names it.
#[derive(Default)]
struct Numbered(Option<u32>);

impl Record for Numbered {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.number("number", &mut self.0);
    }
}

/// How a field is judged that shall be a text. Where another reader finds a text there too, it is the same one.
fn judge_field(bytes: &[u8], name: &str, other: Option<&serde_json::Value>) -> u64 {
    let mut text = Short::<128>::new();
    let found = text_field(bytes, name, &mut text);
    // A name that has escapes is another name to us.
    let has_escapes = bytes.contains(&b'\\');
    let other = other.filter(|_| !has_escapes).map(|all| &all[name]);
    match (found, other) {
        (Ok(Found::Text), Some(other)) => assert_eq!(other.as_str(), Some(text.as_str())),
        (Ok(Found::Null | Found::Nothing), Some(other)) => assert!(other.is_null()),
        _ => {}
    }
    match found {
        Ok(Found::Nothing) => 0,
        Ok(Found::Null) => 1,
        Ok(Found::Text) => 2 + class(text.len()),
        Err(bad) => 20 + bad as u64,
    }
}

/// What a problem is about, without what was found.
fn kind(problem: &config::Problem) -> u64 {
    let words = problem.to_string();
    let words = words.split(", found ").next().unwrap_or_default();
    let words = words
        .trim_start_matches(|letter: char| letter.is_ascii_digit() || "line :".contains(letter));
    u64::from(Crc32::of(words.as_bytes()))
}

fn judge_body(bytes: &[u8]) -> u64 {
    let other = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let other = other.filter(serde_json::Value::is_object);
    let mut way = 0;
    for name in ["password", "class", "new", "current"] {
        way = way * 32 + judge_field(bytes, name, other.as_ref());
    }
    let number = control::read::<Numbered>(bytes);
    way = way * 16
        + number.map_or(15, |Numbered(number)| {
            number.map_or(0, |number| 1 + u64::from(number > 9))
        });
    let config = match config::parse(bytes) {
        Ok(config) => config,
        Err(problem) => return way << 33 | kind(&problem),
    };
    // Another reader takes it for JSON too, and what is written is what was read.
    assert!(other.is_some());
    let (mut compact, mut pretty) = (String::new(), String::new());
    config::write_compact(&config, &mut compact).unwrap();
    config::write(&config, &mut pretty).unwrap();
    for text in [compact.as_str(), pretty.as_str()] {
        assert!(
            config::parse(text.as_bytes()).as_ref() == Ok(&config),
            "{text}"
        );
    }
    let sizes = [
        config.devices.len(),
        config.rules.len(),
        config.schedules.len(),
    ];
    sizes
        .into_iter()
        .fold(way << 33 | 1 << 32, |way, size| way ^ class(size) << 40)
}

#[test]
fn no_body_makes_a_reader_of_json_panic_or_disagree_with_another() {
    let seeds: [&[u8]; 9] = [
        br#"{"password":"secret word"}"#,
        br#"{"class":null}"#,
        br#"{"new":"secret word","current":"another \u0041\ud83d\ude00"}"#,
        br#"{"number":3}"#,
        br#"{"version":1,"enabled":true,"wan":{"interface":"wan","up_kbit":970,"down_kbit":7600,"link":"ptm","lower_mss":536,"probe":"192.0.2.1"}}"#,
        br#"{"version":1,"lan":["br0"],"shares":{"up":{"premium":70},"down":{"bulk":1}},"ceilings":{"bulk":70},"prioritize":["ack","dns"]}"#,
        br#"{"version":1,"devices":[{"mac":"02:00:00:00:00:0a","name":"tv","class":"bulk","up_max_kbit":64}],"scheduler":"hfsc","leaf":"sfq"}"#,
        br#"{"version":1,"rules":[{"name":"a","class":"bulk","cidr":"192.168.1.0/28","proto":"udp","ports":"22,8000-8100","dscp":"cs1"},{"class":"premium","service":"ssh"}]}"#,
        br#"{"version":1,"time_zone":"CET-1CEST,M3.5.0,M10.5.0/3","schedules":[{"days":"sun-thu","from":"21:00","until":"06:00","enabled":false}],"mark":{"mask":"0x7f00","shift":8},"cap_mark":{"mask":"0x7f","shift":0},"admin":{"port":80,"addresses":["10.0.0.1"],"names":["a"],"metrics_token":"0123456789abcdef"}}"#,
    ];
    let words: [&[u8]; 20] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"null",
        b"true",
        b"-1",
        b"1e9",
        b"4294967296",
        b"\\u0000",
        b"\\ud800",
        b"\xc3\xa4",
        b"\"version\":1,",
        b"\"devices\":[",
        b"\"mac\":\"02:00:00:00:00:0b\",",
        b"\"class\":\"bulk\",",
        b"\"rules\":[",
    ];
    run("json", &seeds, &words, judge_body);
}
