//! WebSocket, the side of a server: the answer to the handshake, frames that come, and the heads of frames that go.
//!
//! Read before editing: RFC 6455, sections 4.2.2 (accept key), 5 (frames), 7.4 (close codes).
//!
//! What comes is judged and, but for pings and the end, forgotten: the page says nothing to us here. No extension is spoken.

use heapless::String;
use heapless::Vec;

use crate::value::utf8;

/// Bytes of a key, in Base64.
pub const KEY_BYTES: usize = 24;

/// Bytes of the answer to it, in Base64.
pub const ACCEPT_BYTES: usize = 28;

/// What the key is put before (RFC 6455, 1.3).
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Payload of a frame from a browser at most: ours sends none. A longer one ends the connection with [`Close::TooBig`].
pub const PAYLOAD_BYTES_MAX: usize = 1024;

/// Payload of a ping, pong or close at most (5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// Bytes of a frame from a browser at most: two, two for the length, four for the mask, and the payload.
pub const FRAME_BYTES_MAX: usize = 8 + PAYLOAD_BYTES_MAX;

/// Bytes before a payload of ours at most.
pub const FRAME_HEAD_BYTES_MAX: usize = 10;

/// Base64, as RFC 4648 has it.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The answer to a key. None when the key is not 16 bytes in Base64.
pub fn accept(key: &[u8]) -> Option<String<ACCEPT_BYTES>> {
    let is_good = |byte: &u8| LETTERS.contains(byte);
    let letters = key.strip_suffix(b"==")?;
    if key.len() != KEY_BYTES || !letters.iter().all(is_good) {
        return None;
    }
    let mut text = [0; KEY_BYTES + GUID.len()];
    for (to, from) in text.iter_mut().zip(key.iter().chain(GUID)) {
        *to = *from;
    }
    let mut code = String::new();
    for three in sha1(&text).chunks(3) {
        let mut bits = 0;
        for place in 0..3 {
            bits = bits << 8 | u32::from(three.get(place).copied().unwrap_or_default());
        }
        for place in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * place)) as usize % 64);
            let letter = letter.filter(|_| place <= three.len());
            code.push(letter.map_or('=', |&letter| char::from(letter)))
                .ok()?;
        }
    }
    Some(code)
}

/// SHA-1 (RFC 3174) of so many bytes that they take two blocks. It protects nothing here: it only shows that both sides mean WebSocket.
fn sha1(text: &[u8; KEY_BYTES + GUID.len()]) -> [u8; 20] {
    let mut padded = [0; 128];
    let [.., high, low] = (text.len() * 8).to_be_bytes();
    for (to, from) in padded.iter_mut().zip(text.iter().chain(&[0x80])) {
        *to = *from;
    }
    padded[126..].copy_from_slice(&[high, low]);
    let mut state: [u32; 5] = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    for block in padded.chunks(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        for place in 16..80 {
            words[place] =
                (words[place - 3] ^ words[place - 8] ^ words[place - 14] ^ words[place - 16])
                    .rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (place, word) in words.iter().enumerate() {
            let (mix, constant) = match place {
                0..20 => (b & c | !b & d, 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(mix)
                .wrapping_add(e)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
        }
        for (sum, add) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(add);
        }
    }
    let mut digest = [0; 20];
    for (to, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    digest
}

/// Why a connection ends, as its number on the wire (7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The other side wanted it.
    Normal = 1000,
    /// The session is over, or we are.
    GoingAway = 1001,
    /// The other side does not speak RFC 6455.
    Protocol = 1002,
    /// Binary messages are for nobody here.
    Unsupported = 1003,
    /// A text is no UTF-8.
    NotText = 1007,
    /// A frame is too long.
    TooBig = 1009,
}

/// What kind a frame of ours is, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text = 1,
    /// The end, and why.
    Close = 8,
    /// Are you there?
    Ping = 9,
    /// I am.
    Pong = 10,
}

/// What a frame begins with that is sent whole.
pub fn frame_head(kind: Kind, payload_len: usize) -> Vec<u8, FRAME_HEAD_BYTES_MAX> {
    let [.., a, b, c, d] = payload_len.to_be_bytes();
    let first = 0x80 | kind as u8;
    let mut head = Vec::new();
    // There is room for the longest.
    let _ = match payload_len {
        0..126 => head.extend_from_slice(&[first, d]),
        126..0x1_0000 => head.extend_from_slice(&[first, 126, c, d]),
        _ => head.extend_from_slice(&[first, 127, 0, 0, 0, 0, a, b, c, d]),
    };
    head
}

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The beginning of a frame.
    Partial,
    /// A frame of so many bytes that says nothing to us.
    Nothing(usize),
    /// The other side is there; so many bytes.
    Pong(usize),
    /// It wants to know whether we are, and wants this back; so many bytes.
    Ping(&'a [u8], usize),
    /// The end: it is to be answered with this, and nothing behind it counts.
    End(Close),
}

/// What one connection has heard of a message that is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ear {
    /// A text began, and is good up to this.
    begun: Option<Letters>,
}

impl Ear {
    /// Judges the first frame of what came. Its payload is unmasked where it lies, once it is there as a whole.
    pub fn hear<'a>(&mut self, bytes: &'a mut [u8]) -> Heard<'a> {
        match self.judge(bytes) {
            Ok(heard) => heard,
            Err(close) => Heard::End(close),
        }
    }

    fn judge<'a>(&mut self, bytes: &'a mut [u8]) -> Result<Heard<'a>, Close> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(Heard::Partial);
        };
        let (first, second) = (*first, *second);
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
        // Reserved bits belong to extensions, and there is none. Whoever is no server masks.
        if first & 0x70 != 0 || second & 0x80 == 0 {
            return Err(Close::Protocol);
        }
        let short = usize::from(second & 0x7f);
        match opcode {
            0 if self.begun.is_none() => return Err(Close::Protocol),
            1 if self.begun.is_some() => return Err(Close::Protocol),
            0 | 1 => {}
            2 => return Err(Close::Unsupported),
            8..=10 if is_last && short <= CONTROL_BYTES_MAX => {}
            _ => return Err(Close::Protocol),
        }
        let (len, rest, more) = match (short, rest) {
            (127, _) => return Err(Close::TooBig),
            (126, [high, low, rest @ ..]) => (usize::from(*high) << 8 | usize::from(*low), rest, 8),
            (126, _) => return Ok(Heard::Partial),
            (_, rest) => (short, rest, 6),
        };
        // A short length in the long form.
        if more == 8 && len < 126 {
            return Err(Close::Protocol);
        }
        if len > PAYLOAD_BYTES_MAX {
            return Err(Close::TooBig);
        }
        let Some((mask, rest)) = rest.split_first_chunk_mut::<4>() else {
            return Ok(Heard::Partial);
        };
        let Some(payload) = rest.get_mut(..len) else {
            return Ok(Heard::Partial);
        };
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        let used = more + len;
        Ok(match opcode {
            8 => Heard::End(farewell(payload)?),
            9 => Heard::Ping(payload, used),
            10 => Heard::Pong(used),
            _ => {
                let mut letters = self.begun.unwrap_or_default();
                let is_text = payload.iter().all(|&byte| letters.take(byte));
                if !is_text || (is_last && letters.left > 0) {
                    return Err(Close::NotText);
                }
                self.begun = (!is_last).then_some(letters);
                Heard::Nothing(used)
            }
        })
    }
}

/// How a close frame is answered.
fn farewell(payload: &[u8]) -> Result<Close, Close> {
    let (code, reason) = match payload {
        [] => return Ok(Close::Normal),
        [_] => return Err(Close::Protocol),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    // Those of the RFC and its registry, and those for everybody's own use.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Close::Protocol);
    }
    utf8(reason).map_or(Err(Close::NotText), |_| Ok(Close::Normal))
}

/// UTF-8 that comes in pieces (RFC 3629, section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Letters {
    /// Bytes that the letter still wants.
    left: u8,
    /// What the next of them is between.
    low: u8,
    high: u8,
}

impl Letters {
    /// Whether this byte may come next.
    fn take(&mut self, byte: u8) -> bool {
        if self.left > 0 {
            let is_good = (self.low..=self.high).contains(&byte);
            *self = Letters {
                left: self.left - 1,
                low: 0x80,
                high: 0xbf,
            };
            return is_good;
        }
        let (left, low, high) = match byte {
            ..0x80 => (0, 0, 0),
            0xc2..=0xdf => (1, 0x80, 0xbf),
            0xe0 => (2, 0xa0, 0xbf),
            // No halves of pairs of UTF-16.
            0xed => (2, 0x80, 0x9f),
            0xe1..=0xef => (2, 0x80, 0xbf),
            0xf0 => (3, 0x90, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            _ => return false,
        };
        *self = Letters { left, low, high };
        true
    }
}
