//! The target of a request, and forms, which have the same code.

use super::reply::Status;
use crate::value::utf8;

/// Bytes of a decoded path at most; no route is half as long. A longer one is nowhere.
pub const PATH_BYTES_MAX: usize = 128;

/// The path of a target, decoded once, in `room`.
///
/// # Errors
/// 400 for a `%` without two hex digits, and for a path that has control characters or is no UTF-8 afterwards; 404 for one that is longer than any route.
pub fn path<'r>(target: &[u8], room: &'r mut [u8; PATH_BYTES_MAX]) -> Result<&'r str, Status> {
    let end = target.iter().position(|&byte| byte == b'?');
    let path = target.get(..end.unwrap_or(target.len()));
    let decoded = decode(path.unwrap_or_default(), b'+', room)?;
    if decoded.iter().any(u8::is_ascii_control) {
        return Err(Status::BadRequest);
    }
    utf8(decoded).map_err(|_| Status::BadRequest)
}

/// The value of a parameter behind the `?` of a target, or of a field of a form; in `room`. None when it is not there, or is longer than the room, or nonsense.
pub fn parameter<'r>(pairs: &[u8], name: &str, room: &'r mut [u8]) -> Option<&'r str> {
    let question = pairs.iter().position(|&byte| byte == b'?');
    let pairs = pairs.get(question.map_or(0, |place| place + 1)..)?;
    for pair in pairs.split(|&byte| byte == b'&') {
        let value = pair
            .strip_prefix(name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="));
        if let Some(value) = value {
            return utf8(decode(value, b' ', room).ok()?).ok();
        }
    }
    None
}

/// Decodes; `plus` is what a plus sign means.
fn decode<'r>(mut code: &[u8], plus: u8, room: &'r mut [u8]) -> Result<&'r [u8], Status> {
    let mut len = 0;
    while let Some((&first, rest)) = code.split_first() {
        code = rest;
        let byte = match first {
            b'%' => {
                let [high, low, rest @ ..] = code else {
                    return Err(Status::BadRequest);
                };
                code = rest;
                let digits = hex_digit(*high).zip(hex_digit(*low));
                let (high, low) = digits.ok_or(Status::BadRequest)?;
                high * 16 + low
            }
            b'+' => plus,
            byte => byte,
        };
        *room.get_mut(len).ok_or(Status::NotFound)? = byte;
        len += 1;
    }
    room.get(..len).ok_or(Status::NotFound)
}

/// What a hex digit stands for.
pub fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
