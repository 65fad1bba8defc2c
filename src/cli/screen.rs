//! Standard output, 80 columns wide, and clean whatever is written.
//!
//! Read before editing: names come from DHCP requests, which any device on the LAN can send. A control character moves the cursor or
//! starts an escape sequence; U+202E and its kin turn the rest of the line around; U+200B and its kin show nothing. All of them become
//! `?` here, and everything for people goes out through here.

use std::io::{self, Write};

use crate::sys::client::Surroundings;

/// Columns of the narrowest terminal that is served.
pub(super) const COLUMNS: usize = 80;

/// Where the following lines of a sentence start.
const INDENT: usize = 4;

/// Standard output.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    terminal: bool,
    colour: bool,
}

/// What a word means to the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Doubtful,
    Bad,
    Heading,
    Plain,
}

impl Tone {
    /// The start of its colour (ECMA-48, SGR).
    const fn start(self) -> &'static str {
        match self {
            Tone::Good => "\x1b[32m",
            Tone::Doubtful => "\x1b[33m",
            Tone::Bad => "\x1b[31m",
            Tone::Heading => "\x1b[1m",
            Tone::Plain => "",
        }
    }
}

impl<'a> Screen<'a> {
    /// Writes to `out`, with colours where the surroundings allow them.
    pub(super) fn new(out: &'a mut dyn Write, surroundings: &Surroundings) -> Screen<'a> {
        Screen {
            out,
            terminal: surroundings.terminal,
            colour: surroundings.colour,
        }
    }

    /// A line of a table.
    pub(super) fn row(&mut self, row: &Row) -> io::Result<()> {
        self.toned(row.tone, row.text.trim_end())?;
        self.out.write_all(b"\n")
    }

    /// A sentence that starts with `lead`, in its tone, and is broken between words.
    pub(super) fn prose(&mut self, tone: Tone, lead: &str, text: &str) -> io::Result<()> {
        let lead = clean(lead);
        let indent = if lead.ends_with(' ') {
            width(&lead)
        } else {
            INDENT
        };
        let gap = !lead.is_empty() && !lead.ends_with(' ');
        let mut lines = Lines {
            done: String::new(),
            column: width(&lead),
            indent,
            gap,
        };
        for word in clean_words(text).split(' ').filter(|word| !word.is_empty()) {
            lines.word(&word.replace('\u{a0}', " "));
        }
        let mut lines = lines.done.split('\n').map(str::trim_end);
        let first = lines.next().unwrap_or_default();
        self.toned(
            tone,
            if first.is_empty() {
                lead.trim_end()
            } else {
                &lead
            },
        )?;
        writeln!(self.out, "{first}")?;
        lines.try_for_each(|line| writeln!(self.out, "{line}"))
    }

    /// Lines of our own that are known to fit: help.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// JSON as it came. On a terminal, characters that could play tricks there are written as their JSON escapes, which is the same
    /// JSON; `rest` carries a character whose bytes have not all come yet.
    pub(super) fn json(&mut self, bytes: &[u8], rest: &mut Vec<u8>) -> io::Result<()> {
        if !self.terminal {
            return self.out.write_all(bytes);
        }
        rest.extend_from_slice(bytes);
        let mut keep = 0;
        for chunk in rest.utf8_chunks() {
            for letter in chunk.valid().chars() {
                self.json_letter(letter)?;
            }
            keep += chunk.valid().len();
            let bad = chunk.invalid();
            if is_unfinished(bad) && keep + bad.len() == rest.len() {
                break;
            }
            if !bad.is_empty() {
                self.out.write_all(b"\\ufffd")?;
            }
            keep += bad.len();
        }
        rest.drain(..keep);
        Ok(())
    }

    fn json_letter(&mut self, letter: char) -> io::Result<()> {
        if letter == '\n' || !is_tricky(letter) {
            return write!(self.out, "{letter}");
        }
        letter
            .encode_utf16(&mut [0; 2])
            .iter()
            .try_for_each(|unit| write!(self.out, "\\u{unit:04x}"))
    }

    fn toned(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        if self.colour && tone != Tone::Plain && !text.is_empty() {
            write!(self.out, "{}{text}\x1b[0m", tone.start())
        } else {
            self.out.write_all(text.as_bytes())
        }
    }
}

/// Whether more bytes could make a character of these.
fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// A line of a table, built from left to right.
#[derive(Clone, Debug)]
pub(super) struct Row {
    text: String,
    tone: Tone,
}

impl Row {
    /// An empty line.
    pub(super) fn new(tone: Tone) -> Row {
        Row {
            text: String::new(),
            tone,
        }
    }

    /// A column whose text starts at its left edge; longer text is cut.
    pub(super) fn left(mut self, text: &str, columns: usize) -> Row {
        let text = cut(text, columns);
        let padding = columns - width(&text);
        self.gap();
        self.text.push_str(&text);
        self.text.extend(std::iter::repeat_n(' ', padding));
        self
    }

    /// A column whose text ends at its right edge; longer text is cut.
    pub(super) fn right(mut self, text: &str, columns: usize) -> Row {
        let text = cut(text, columns);
        let padding = columns - width(&text);
        self.gap();
        self.text.extend(std::iter::repeat_n(' ', padding));
        self.text.push_str(&text);
        self
    }

    /// Empty columns at the left edge.
    pub(super) fn indent(mut self, columns: usize) -> Row {
        self.text.extend(std::iter::repeat_n(' ', columns));
        self
    }

    /// The columns in use.
    pub(super) fn width(&self) -> usize {
        width(&self.text)
    }

    fn gap(&mut self) {
        // An indent is a gap already.
        if !self.text.is_empty() && self.text.chars().any(|letter| letter != ' ') {
            self.text.push(' ');
        }
    }
}

/// A sentence in the making.
struct Lines {
    done: String,
    column: usize,
    indent: usize,
    /// Whether a space is due before the next word.
    gap: bool,
}

impl Lines {
    fn word(&mut self, word: &str) {
        if self.gap && self.column + 1 + width(word) > COLUMNS {
            self.line();
        } else if self.gap {
            self.done.push(' ');
            self.column += 1;
        }
        for letter in word.chars() {
            if self.column + letter_width(letter) > COLUMNS {
                self.line();
            }
            self.done.push(letter);
            self.column += letter_width(letter);
        }
        self.gap = true;
    }

    fn line(&mut self) {
        self.done.push('\n');
        self.done.extend(std::iter::repeat_n(' ', self.indent));
        self.column = self.indent;
        self.gap = false;
    }
}

/// The text on one line, with `?` for each character that could play tricks on a terminal.
pub(super) fn clean(text: &str) -> String {
    clean_words(text).replace('\u{a0}', " ")
}

/// The same with its no-break spaces.
fn clean_words(text: &str) -> String {
    text.chars()
        .map(|letter| if is_tricky(letter) { '?' } else { letter })
        .collect()
}

/// The clean text in at most so many columns; a longer one ends in `~`.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let mut text = clean(text);
    if width(&text) <= columns {
        return text;
    }
    let mut used = 0;
    let kept = text.char_indices().find_map(|(index, letter)| {
        used += letter_width(letter);
        (used + 1 > columns).then_some(index)
    });
    text.truncate(kept.unwrap_or(0));
    if columns > 0 {
        text.push('~');
    }
    text
}

/// The columns of a clean text.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(letter_width).sum()
}

/// Two columns for what East Asian fonts and emoji take two for (Unicode 16 EastAsianWidth W and F, rounded to blocks), else one.
/// Combining characters count as one: a line may come out shorter than counted, never longer.
const fn letter_width(letter: char) -> usize {
    match letter as u32 {
        0x1100..0x1160
        | 0x231a..0x2400
        | 0x2600..0x27c0
        | 0x2b00..0x2c00
        | 0x2e80..0xa4d0
        | 0xa960..0xa980
        | 0xac00..0xd7b0
        | 0xf900..0xfb00
        | 0xfe10..0xfe20
        | 0xfe30..0xfe70
        | 0xff00..0xff61
        | 0xffe0..0xffe8
        | 0x1_6000.. => 2,
        _ => 1,
    }
}

/// Controls, line and paragraph ends, direction marks, and what shows nothing.
fn is_tricky(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter as u32,
            0xad | 0x34f
                | 0x61c
                | 0x115f..=0x1160
                | 0x17b4..=0x17b5
                | 0x180b..=0x180f
                | 0x200b..=0x200f
                | 0x2028..=0x202e
                | 0x2060..=0x206f
                | 0x3164
                | 0xfe00..=0xfe0f
                | 0xfeff
                | 0xffa0
                | 0xfff0..=0xfffb
                | 0xe_0000..=0xe_0fff
        )
}
