//! Echo requests and their answers.

use lanemark::wire::icmp::{ECHO_BYTES, EchoKey, emit_echo, parse_reply};
use lanemark::wire::{Order, Writer};

use crate::dice::roll;

fn request(key: EchoKey) -> Vec<u8> {
    let mut room = [0xa5; 64];
    let mut w = Writer::new(&mut room, Order::HOST);
    emit_echo(&mut w, key);
    w.finish().unwrap().to_vec()
}

/// RFC 1071, 4.1.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

/// The answer as a raw socket gives it, behind a header of so many words.
fn answer(key: EchoKey, words: u8) -> Vec<u8> {
    let mut packet = vec![0; usize::from(words) * 4];
    packet[0] = 0x40 | words;
    packet.extend(request(key));
    packet[usize::from(words) * 4] = 0;
    packet
}

#[test]
fn the_checksum_of_any_request_is_right() {
    roll(500, |mut dice| {
        let mut any = || u16::from_be_bytes([dice.byte(), dice.byte()]);
        let key = EchoKey {
            id: any(),
            seq: any(),
        };
        let bytes = request(key);
        assert_eq!(bytes.len(), ECHO_BYTES);
        assert_eq!((bytes[0], bytes[1]), (8, 0));
        // All words with the sum are all ones.
        assert_eq!(sum(&bytes), 0xffff, "{key:?}");
        true
    });
}

#[test]
fn an_answer_is_read_behind_a_header_of_any_length_and_nothing_else_is_one() {
    let key = EchoKey { id: 0x1234, seq: 7 };
    for words in [5, 6, 15] {
        let packet = answer(key, words);
        assert_eq!(parse_reply(&packet), Some(key));
        for end in 0..usize::from(words) * 4 + 8 {
            assert_eq!(parse_reply(&packet[..end]), None, "cut at {end}");
        }
    }
    let mut others = [(); 4].map(|()| answer(key, 5));
    others[0][20] = 8;
    others[1][21] = 1;
    others[2][0] = 0x65;
    others[3][0] = 0x40;
    for other in others {
        assert_eq!(parse_reply(&other), None, "{other:?}");
    }
}

#[test]
fn no_bytes_make_the_reader_of_answers_panic() {
    roll(2_000, |mut dice| {
        let length = dice.below(96);
        let bytes: Vec<u8> = (0..length).map(|_| dice.byte()).collect();
        parse_reply(&bytes).is_some()
    });
}
