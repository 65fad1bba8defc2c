//! WebSocket: the handshake of the RFC, and the close code of every wrong frame.

use lanemark::wire::websocket::{
    CONTROL_BYTES_MAX, Close, Ear, FRAME_BYTES_MAX, Heard, Kind, PAYLOAD_BYTES_MAX, accept,
    frame_head,
};

use crate::dice::roll;

/// A frame of a browser: the first byte as it is, the payload masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()).unwrap() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            bytes.push(0xfe);
            bytes.extend(long.to_be_bytes());
        }
    }
    let mask = [0x12, 0x34, 0x56, 0x78];
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

/// Why a connection ends that says these frames; none when it does not.
fn end(frames: &[Vec<u8>]) -> Option<Close> {
    let mut ear = Ear::default();
    let mut bytes = frames.concat();
    loop {
        match ear.hear(&mut bytes) {
            Heard::Partial => return None,
            Heard::Nothing(used) | Heard::Pong(used) | Heard::Ping(_, used) => {
                bytes.drain(..used);
            }
            Heard::End(close) => return Some(close),
        }
    }
}

#[test]
fn the_key_of_the_rfc_has_the_answer_of_the_rfc() {
    let answer = accept(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
    assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    // By other tools: printf %s KEY GUID | sha1sum | xxd -r -p | base64
    let answer = accept(b"AAAAAAAAAAAAAAAAAAAAAA==").unwrap();
    assert_eq!(answer, "ICX+Yqv66kxgM0FcWaLWlFLwTAI=");
}

#[test]
fn what_is_no_key_has_no_answer() {
    for key in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZ!==",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(accept(key.as_bytes()), None, "{key}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_wrong_frame_has_the_close_code_of_the_rfc() {
    let close = |code: u16, reason: &[u8]| frame(0x88, &[&code.to_be_bytes(), reason].concat());
    let long = vec![b'x'; PAYLOAD_BYTES_MAX + 1];
    let rows: &[(&str, Vec<Vec<u8>>, Close)] = &[
        ("not masked", vec![vec![0x81, 1, b'x']], Close::Protocol),
        (
            "first reserved bit",
            vec![frame(0xc1, b"x")],
            Close::Protocol,
        ),
        (
            "second reserved bit",
            vec![frame(0xa1, b"x")],
            Close::Protocol,
        ),
        (
            "third reserved bit",
            vec![frame(0x91, b"x")],
            Close::Protocol,
        ),
        ("opcode 3", vec![frame(0x83, b"x")], Close::Protocol),
        ("opcode 7", vec![frame(0x87, b"x")], Close::Protocol),
        ("opcode 11", vec![frame(0x8b, b"x")], Close::Protocol),
        (
            "a ping in fragments",
            vec![frame(0x09, b"x")],
            Close::Protocol,
        ),
        (
            "a close in fragments",
            vec![frame(0x08, b"")],
            Close::Protocol,
        ),
        (
            "a long ping",
            vec![frame(0x89, &[0; CONTROL_BYTES_MAX + 1])],
            Close::Protocol,
        ),
        (
            "a rest without beginning",
            vec![frame(0x80, b"x")],
            Close::Protocol,
        ),
        (
            "a text within a text",
            vec![frame(0x01, b"x"), frame(0x81, b"x")],
            Close::Protocol,
        ),
        ("binary", vec![frame(0x82, b"x")], Close::Unsupported),
        ("no UTF-8", vec![frame(0x81, b"\xff")], Close::NotText),
        ("half a letter", vec![frame(0x81, b"\xc3")], Close::NotText),
        (
            "half a letter, then another",
            vec![frame(0x01, b"\xc3"), frame(0x80, b"x")],
            Close::NotText,
        ),
        (
            "half a letter, then nothing",
            vec![frame(0x01, b"\xc3"), frame(0x80, b"")],
            Close::NotText,
        ),
        (
            "a half of a pair of UTF-16",
            vec![frame(0x81, b"\xed\xa0\x80")],
            Close::NotText,
        ),
        (
            "an overlong letter",
            vec![frame(0x81, b"\xc0\x80")],
            Close::NotText,
        ),
        (
            "beyond the last letter",
            vec![frame(0x81, b"\xf4\x90\x80\x80")],
            Close::NotText,
        ),
        ("too long", vec![frame(0x81, &long)], Close::TooBig),
        ("64 bits of length", vec![vec![0x81, 0xff]], Close::TooBig),
        (
            "a short length in the long form",
            vec![vec![0x81, 0xfe, 0, 5, 0, 0, 0, 0]],
            Close::Protocol,
        ),
        (
            "a close of one byte",
            vec![frame(0x88, b"x")],
            Close::Protocol,
        ),
        ("close code 0", vec![close(0, b"")], Close::Protocol),
        ("close code 999", vec![close(999, b"")], Close::Protocol),
        ("close code 1004", vec![close(1004, b"")], Close::Protocol),
        ("close code 1005", vec![close(1005, b"")], Close::Protocol),
        ("close code 1006", vec![close(1006, b"")], Close::Protocol),
        ("close code 1015", vec![close(1015, b"")], Close::Protocol),
        ("close code 2999", vec![close(2999, b"")], Close::Protocol),
        ("close code 5000", vec![close(5000, b"")], Close::Protocol),
        (
            "a reason that is no UTF-8",
            vec![close(1000, b"\xff")],
            Close::NotText,
        ),
        ("a good close", vec![close(1000, b"bye")], Close::Normal),
        (
            "a close of one's own",
            vec![close(4999, b"")],
            Close::Normal,
        ),
        (
            "a close without reason",
            vec![frame(0x88, b"")],
            Close::Normal,
        ),
    ];
    for (what, frames, wanted) in rows {
        assert_eq!(end(frames), Some(*wanted), "{what}");
    }
}

#[test]
fn good_frames_are_heard_in_whatever_pieces_they_come() {
    let talk = [
        frame(0x81, "König".as_bytes()),
        frame(0x01, b"\xe2\x82"),
        frame(0x89, b"in between"),
        frame(0x00, b"\xac \xf0\x9f"),
        frame(0x80, b"\x98\x80"),
        frame(0x8a, b""),
        frame(0x81, &[b'x'; PAYLOAD_BYTES_MAX]),
    ];
    assert_eq!(end(&talk), None);
    let all = talk.concat();
    let mut ear = Ear::default();
    let (mut bytes, mut heard) = (Vec::new(), Vec::new());
    for byte in all {
        bytes.push(byte);
        let used = match ear.hear(&mut bytes) {
            Heard::Partial => continue,
            Heard::Ping(payload, used) => {
                assert_eq!(payload, b"in between");
                used
            }
            Heard::Nothing(used) | Heard::Pong(used) => used,
            Heard::End(close) => panic!("{close:?}"),
        };
        assert!(used <= FRAME_BYTES_MAX);
        bytes.drain(..used);
        heard.push(used);
    }
    assert!(bytes.is_empty());
    assert_eq!(heard.len(), talk.len());
}

#[test]
fn the_head_of_a_frame_of_ours_tells_its_length_in_the_shortest_way() {
    for (len, wanted) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 255, 255]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        assert_eq!(frame_head(Kind::Text, len), wanted);
    }
    assert_eq!(frame_head(Kind::Ping, 0), [0x89, 0]);
}

#[test]
fn no_bytes_make_it_panic_and_none_are_used_that_did_not_come() {
    let seeds = [
        frame(0x81, "König".as_bytes()),
        frame(0x89, b"ping"),
        frame(0x88, b"\x03\xe8bye"),
        frame(0x01, &[b'x'; 200]),
    ];
    roll(3_000, |mut dice| {
        let mut bytes = seeds[dice.below(seeds.len())].clone();
        for _ in 0..dice.below(5) {
            let place = dice.below(bytes.len());
            bytes[place] = dice.byte();
        }
        bytes.truncate(dice.below(bytes.len() + 1));
        let len = bytes.len();
        match Ear::default().hear(&mut bytes) {
            Heard::Nothing(used) | Heard::Pong(used) | Heard::Ping(_, used) => assert!(used <= len),
            Heard::Partial | Heard::End(_) => {}
        }
        true
    });
}
