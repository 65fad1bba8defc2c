use core::fmt::{self, Write};

use heapless::string::StringView;

/// Writes what fits; the rest is cut at a character.
pub fn write_cut(to: &mut StringView, words: fmt::Arguments<'_>) {
    // What does not fit is no failure.
    let _ = Cut(to).write_fmt(words);
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
