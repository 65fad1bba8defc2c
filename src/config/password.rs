//! The admin password: what may be one, and the text that is stored instead of it.
//!
//! The text is `scrypt$11$8$1$SALT$HASH`: how costly the hash is (the logarithm of scrypt's N, its r and p), and salt and hash in hex. The
//! cost stands in the text, so that another one for new passwords leaves the old ones valid.

use core::fmt::{self, Write};

use subtle::ConstantTimeEq;

use crate::value::{Pieces, utf8};

/// Bytes of the shortest password: chosen, the least that is usual.
pub const PASSWORD_BYTES_MIN: usize = 8;

/// Bytes of the longest password: chosen, room for a sentence.
pub const PASSWORD_BYTES_MAX: usize = 128;

/// Bytes of a salt: no two passwords share one, on all routers of the world.
pub const SALT_BYTES: usize = 16;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Bytes of the longest text that is looked at; ours have 111.
pub const STORED_BYTES_MAX: usize = 128;

/// The cost of new hashes. 2 MiB, once, in the process that hashes; on a router with 400 MHz it takes less than a second.
const COST: Cost = Cost {
    log_n: 11,
    r: 8,
    p: 1,
};

/// How costly a hash is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    log_n: u8,
    r: u32,
    p: u32,
}

impl Cost {
    /// Whether it may stand in a stored text: not so cheap that the hash is none, and at most eight times ours, 16 MiB. A text from
    /// who knows where must neither exhaust the memory nor keep a router busy.
    fn is_bearable(self) -> bool {
        let Cost { log_n, r, p } = self;
        (10..=14).contains(&log_n)
            && (1..=8).contains(&r)
            && (1..=8).contains(&p)
            && (r * p) << log_n <= 8 << 14
    }
}

/// Why something is no password. What it is, is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPassword {
    /// It has so many bytes.
    Short(usize),
    /// It has more bytes than [`PASSWORD_BYTES_MAX`].
    Long,
    /// It is no text without control characters, hence nothing that can be typed into a page.
    Untypable,
}

impl fmt::Display for BadPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes, found "
        )?;
        match self {
            BadPassword::Short(len) => write!(f, "{len}"),
            BadPassword::Long => f.write_str("more"),
            BadPassword::Untypable => f.write_str("some that cannot be typed"),
        }
    }
}

/// Whether something can be a password.
///
/// # Errors
/// [`BadPassword`], by cause.
pub fn check(password: &[u8]) -> Result<(), BadPassword> {
    match password.len() {
        len @ ..PASSWORD_BYTES_MIN => Err(BadPassword::Short(len)),
        len if len > PASSWORD_BYTES_MAX => Err(BadPassword::Long),
        _ if password.iter().any(u8::is_ascii_control) => Err(BadPassword::Untypable),
        _ if utf8(password).is_err() => Err(BadPassword::Untypable),
        _ => Ok(()),
    }
}

/// What is stored instead of a password. It cannot be printed by accident: only its `Display` tells it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

impl Stored {
    /// Of a password. Takes time, and 2 MiB.
    ///
    /// # Errors
    /// As of [`check`].
    pub fn new(password: &[u8], salt: [u8; SALT_BYTES]) -> Result<Stored, BadPassword> {
        check(password)?;
        // Whatever is bearable is not refused.
        let hash = hash(password, &salt, COST).ok_or(BadPassword::Untypable)?;
        Ok(Stored {
            cost: COST,
            salt,
            hash,
        })
    }

    /// Reads the text that `Display` writes; none for another, and for a cost beyond what a router bears.
    pub fn parse(text: &[u8]) -> Option<Stored> {
        let text = utf8(text).ok()?.strip_prefix("scrypt$")?;
        let mut parts = Pieces::of(text, b'$');
        let mut number = || parts.next()?.parse().ok();
        let cost = Cost {
            log_n: u8::try_from(number()?).ok()?,
            r: number()?,
            p: number()?,
        };
        let mut stored = Stored {
            cost,
            salt: [0; SALT_BYTES],
            hash: [0; HASH_BYTES],
        };
        unhex(parts.next()?, &mut stored.salt)?;
        unhex(parts.next()?, &mut stored.hash)?;
        (parts.next().is_none() && cost.is_bearable()).then_some(stored)
    }

    /// Whether this is the password. Takes as long as storing it did, wherever the two differ.
    pub fn is_of(&self, password: &[u8]) -> bool {
        check(password).is_ok()
            && hash(password, &self.salt, self.cost)
                .is_some_and(|hash| self.hash.ct_eq(&hash).into())
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { log_n, r, p } = self.cost;
        write!(f, "scrypt${log_n}${r}${p}")?;
        for bytes in [self.salt.as_slice(), &self.hash] {
            f.write_char('$')?;
            for byte in bytes {
                for digit in [byte >> 4, byte & 15] {
                    f.write_char(char::from(
                        if digit < 10 { b'0' } else { b'a' - 10 } + digit,
                    ))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stored(..)")
    }
}

fn hash(password: &[u8], salt: &[u8], Cost { log_n, r, p }: Cost) -> Option<[u8; HASH_BYTES]> {
    let params = scrypt::Params::new(log_n, r, p, HASH_BYTES).ok()?;
    let mut hash = [0; HASH_BYTES];
    scrypt::scrypt(password, salt, &params, &mut hash).ok()?;
    Some(hash)
}

/// Two small hex digits a byte, and nothing behind.
fn unhex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let digit = |digit: &u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks() else {
        return None;
    };
    if pairs.len() != bytes.len() {
        return None;
    }
    for ([high, low], byte) in pairs.iter().zip(bytes) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(())
}
