//! Echo requests and their answers.

use lanemark::wire::icmp::{ECHO_BYTES, EchoKey, emit_echo, parse_reply, parse_too_large};
use lanemark::wire::{Order, Writer};

use crate::dice::roll;

fn request(key: EchoKey) -> Vec<u8> {
    let mut room = [0xa5; 64];
    let mut w = Writer::new(&mut room, Order::HOST);
    emit_echo(&mut w, key, ECHO_BYTES);
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
        parse_reply(&bytes).is_some() | parse_too_large(&bytes).is_some()
    });
}

/// What a router says of a request with a header of so many words, behind a header of its own.
fn too_large(key: EchoKey, mtu: u16, words: u8) -> Vec<u8> {
    let mut packet = vec![0; 28];
    packet[0] = 0x45;
    packet[20..22].copy_from_slice(&[3, 4]);
    packet[26..].copy_from_slice(&mtu.to_be_bytes());
    let mut inner = vec![0; usize::from(words) * 4];
    inner[0] = 0x40 | words;
    inner[9] = 1;
    // No more than eight bytes of it are owed.
    inner.extend(&request(key)[..8]);
    packet.extend(inner);
    packet
}

#[test]
fn a_router_that_says_which_request_is_too_large_is_understood_and_nobody_else() {
    let key = EchoKey { id: 0x1234, seq: 7 };
    for words in [5, 15] {
        let packet = too_large(key, 1400, words);
        assert_eq!(parse_too_large(&packet), Some((key, 1400)));
        assert_eq!(parse_reply(&packet), None);
        for end in 0..packet.len() {
            assert_eq!(parse_too_large(&packet[..end]), None, "cut at {end}");
        }
    }
    // Another type, another code, an answer instead of a request, UDP from a port that looks like one, IPv6, a header that is too short.
    for (place, byte) in [(20, 11), (21, 1), (48, 0), (37, 17), (28, 0x65), (28, 0x44)] {
        let mut packet = too_large(key, 1400, 5);
        packet[place] = byte;
        assert_eq!(parse_too_large(&packet), None, "{place}: {byte}");
    }
}

#[test]
fn a_request_has_the_size_that_it_is_asked_to_have() {
    let key = EchoKey { id: 1, seq: 2 };
    for (asked, made) in [(0, 8), (8, 8), (16, 16), (1480, 1480)] {
        let mut room = [0xa5; 1500];
        let mut w = Writer::new(&mut room, Order::HOST);
        emit_echo(&mut w, key, asked);
        let bytes = w.finish().unwrap();
        assert_eq!((bytes.len(), sum(bytes)), (made, 0xffff));
    }
}
