use core::fmt::{self, Write};

use heapless::string::StringView;

/// Writes what fits; the rest is cut at a character.
pub fn write_cut(to: &mut StringView, words: fmt::Arguments<'_>) {
    // What does not fit is no failure.
    let _ = Cut(to).write_fmt(words);
}

/// The text that bytes are, or how many of them are good UTF-8. What makes text of strange bytes is in the program anyway; the library's
/// check alone is quicker, and 900 bytes more.
///
/// # Errors
/// How many bytes come before the first bad one.
#[inline(never)]
pub fn utf8(bytes: &[u8]) -> Result<&str, usize> {
    match bytes.utf8_chunks().next() {
        None => Ok(""),
        Some(all) if all.invalid().is_empty() => Ok(all.valid()),
        Some(chunk) => Err(chunk.valid().len()),
    }
}

/// Bytes as text, with a sign in the place of what is no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lossy<'a>(pub &'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// A whole number in digits alone: the library's reading would take a sign.
#[inline(never)]
pub fn decimal(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// What stands before and behind the first `separator`, which is ASCII.
#[inline(never)]
pub fn halves(text: &str, separator: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == separator)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// What stands between the separators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Pieces<'a> {
    /// Of `text`, with a separator that is ASCII.
    pub fn of(text: &'a str, separator: u8) -> Pieces<'a> {
        Pieces {
            rest: Some(text),
            separator,
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        let Some((piece, rest)) = halves(text, self.separator) else {
            return Some(text);
        };
        self.rest = Some(rest);
        Some(piece)
    }
}

struct Cut<'a>(&'a mut StringView);

impl Write for Cut<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for letter in piece.chars() {
            self.0.push(letter).map_err(|_| fmt::Error)?;
        }
        Ok(())
    }
}
