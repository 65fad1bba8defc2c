use core::fmt;
use core::str::Chars;

use heapless::String;

use super::NAME_BYTES_MAX;

/// Why the inside of a JSON string is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadString {
    /// A backslash before something else than JSON allows, or half of a surrogate pair.
    Escape,
    /// A control character as itself; a line break most of the time, after a forgotten quote.
    Control,
    /// More than the bytes that there is room for.
    TooLong,
}

/// Puts what stands between the quotes into `text`, with its escapes replaced.
///
/// Not that of the JSON library: it knows no surrogate pairs (which is how many programs write an emoji), takes
/// `\u+123`, lets raw control characters pass, and gives back a copy that no longer tells its place in the text.
pub(super) fn unescape(raw: &str, text: &mut String<NAME_BYTES_MAX>) -> Result<(), BadString> {
    text.clear();
    let mut rest = raw.chars();
    while let Some(letter) = rest.next() {
        let letter = match letter {
            '\\' => escaped(&mut rest).ok_or(BadString::Escape)?,
            '\0'..='\x1f' => return Err(BadString::Control),
            plain => plain,
        };
        text.push(letter).map_err(|_| BadString::TooLong)?;
    }
    Ok(())
}

/// The character that the escape behind a backslash stands for.
fn escaped(rest: &mut Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        same @ ('"' | '\\' | '/') => same,
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => match unit(rest)? {
            high @ 0xd800..=0xdbff => {
                let pair = rest.next()? == '\\' && rest.next()? == 'u';
                let low = unit(rest).filter(|low| pair && (0xdc00..=0xdfff).contains(low))?;
                char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
            }
            alone => char::from_u32(alone)?,
        },
        _ => return None,
    })
}

/// Four hex digits.
fn unit(rest: &mut Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + rest.next()?.to_digit(16)?))
}

/// A text as the inside of a JSON string.
pub(super) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            let words = match letter {
                '"' | '\\' => format_args!("\\{letter}"),
                '\0'..='\x1f' | '\x7f' => format_args!("\\u{:04x}", u32::from(letter)),
                _ => format_args!("{letter}"),
            };
            f.write_fmt(words)?;
        }
        Ok(())
    }
}
