//! Standard output, 80 columns wide, and clean whatever is written.
//!
//! Read before editing: names come from DHCP requests, which any device on the LAN can send. A control character moves the cursor or
//! starts an escape sequence; U+202E and its kin turn the rest of the line around; U+200B and its kin show nothing. All of them become
//! `?` here, and everything for people goes out through here.

use std::fmt::{self, Display, Write};

use crate::sys::client::{Sink, Surroundings};
use crate::value::Pieces;

use super::trouble::{Outcome, Trouble};

/// Columns of the narrowest terminal that is served.
pub(super) const COLUMNS: usize = 80;

/// Where the following lines of a sentence start.
const INDENT: usize = 4;

/// Bytes that wait before they are written: chosen, so that a long list takes few system calls.
const WAITING_BYTES: usize = 4096;

/// Standard output. What is printed waits here until it is sent.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Sink,
    waiting: Vec<u8>,
    /// The start of a character of JSON whose end has not come yet.
    unfinished: Vec<u8>,
    terminal: bool,
    colour: bool,
    /// The same lines are written again and again.
    live: bool,
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

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) columns: usize,
    edge: Edge,
}

/// Where the text of a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Left,
    Right,
}

impl Column {
    /// Its text starts at its left edge.
    pub(super) const fn left(heading: &'static str, columns: usize) -> Column {
        Column {
            heading,
            columns,
            edge: Edge::Left,
        }
    }

    /// Its text ends at its right edge.
    pub(super) const fn right(heading: &'static str, columns: usize) -> Column {
        Column {
            heading,
            columns,
            edge: Edge::Right,
        }
    }

    /// The columns of a table, with a space between each two.
    pub(super) const fn together(table: &[Column]) -> usize {
        let mut sum = table.len() - 1;
        let mut index = 0;
        while index < table.len() {
            sum += table[index].columns;
            index += 1;
        }
        sum
    }

    /// Puts the text behind what is on the line.
    fn cell(&self, line: &mut String, text: &dyn Display) {
        let text = cut(text, self.columns);
        let padding = self.columns - width(&text);
        // An indent is a gap already.
        if line.bytes().any(|byte| byte != b' ') {
            line.push(' ');
        }
        if self.edge == Edge::Left {
            line.push_str(&text);
        }
        pad(line, padding);
        if self.edge == Edge::Right {
            line.push_str(&text);
        }
    }
}

fn pad(line: &mut String, columns: usize) {
    for _ in 0..columns {
        line.push(' ');
    }
}

impl<'a> Screen<'a> {
    /// Writes to `out`, with colours where the surroundings allow them.
    pub(super) fn new(out: &'a mut dyn Sink, surroundings: &Surroundings) -> Screen<'a> {
        Screen {
            out,
            waiting: Vec::new(),
            unfinished: Vec::new(),
            terminal: surroundings.terminal,
            colour: surroundings.colour,
            live: false,
        }
    }

    /// From now on each frame takes the place of the one before, if this is a terminal.
    pub(super) fn begin_live(&mut self) -> bool {
        self.live = self.terminal;
        if self.live {
            // The screen is emptied once (ECMA-48, ED). Later each line is only cleared behind its end, so that nothing flickers.
            self.text("\x1b[2J");
        }
        self.live
    }

    /// Whether it is so.
    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// Begins a frame in the upper left corner (CUP).
    pub(super) fn begin_frame(&mut self) {
        if self.live {
            self.text("\x1b[H");
        }
    }

    /// Ends it: what stands below is of the frame before (ED).
    pub(super) fn end_frame(&mut self) {
        self.text("\x1b[J");
    }

    /// Sends what waits.
    pub(super) fn send(&mut self) -> Outcome {
        let sent = self.out.send(&self.waiting);
        self.waiting.clear();
        sent.map_err(Trouble::output)
    }

    /// Sends what waits when it is much: in a list, whose end may be far.
    pub(super) fn send_much(&mut self) -> Outcome {
        if self.waiting.len() < WAITING_BYTES {
            return Ok(());
        }
        self.send()
    }

    /// The line above a table.
    pub(super) fn heading(&mut self, columns: &[Column]) {
        let mut line = String::new();
        for column in columns {
            column.cell(&mut line, &column.heading);
        }
        self.line(Tone::Heading, &line);
    }

    /// A line of a table. Longer texts are cut.
    pub(super) fn row(&mut self, columns: &[Column], cells: &[&dyn Display]) {
        let mut line = String::new();
        for (column, cell) in columns.iter().zip(cells) {
            column.cell(&mut line, cell);
        }
        self.line(Tone::Plain, &line);
    }

    fn line(&mut self, tone: Tone, line: &str) {
        self.toned(tone, without_end(line));
        // Behind it may be what is left of a longer one (EL).
        self.text(if self.live { "\x1b[K\n" } else { "\n" });
    }

    /// A sentence that starts with `lead`, in its tone, and is broken between words. The following lines start at `INDENT`, or where
    /// the first one does when the lead ends in a space.
    pub(super) fn prose(&mut self, tone: Tone, lead: &dyn Display, text: &dyn Display) {
        let mut lines = Lines::behind(clean(lead));
        let lead = lines.done.len();
        for word in Pieces::of(&clean_words(text), b' ') {
            lines.word(word);
        }
        let mut lines = Pieces::of(&lines.done, b'\n');
        let first = without_end(lines.next().unwrap_or_default());
        let (lead, rest) = first.split_at_checked(lead).unwrap_or((first, ""));
        self.toned(tone, lead);
        self.line(Tone::Plain, rest);
        for line in lines {
            self.line(Tone::Plain, line);
        }
    }

    /// Lines of our own that are known to fit: help.
    pub(super) fn text(&mut self, text: &str) {
        self.waiting.extend_from_slice(text.as_bytes());
    }

    /// JSON as it came. On a terminal, characters that could play tricks there are written as their JSON escapes, which is the same
    /// JSON.
    pub(super) fn json(&mut self, bytes: &[u8]) {
        if !self.terminal {
            return self.waiting.extend_from_slice(bytes);
        }
        let mut all = core::mem::take(&mut self.unfinished);
        all.extend_from_slice(bytes);
        let mut seen = 0;
        for chunk in all.utf8_chunks() {
            let (valid, bad) = (chunk.valid(), chunk.invalid());
            for letter in valid.chars() {
                self.json_letter(letter);
            }
            seen += valid.len() + bad.len();
            if seen == all.len() && is_unfinished(bad) {
                self.unfinished.extend_from_slice(bad);
            } else if !bad.is_empty() {
                self.text("\\ufffd");
            }
        }
    }

    fn json_letter(&mut self, letter: char) {
        if letter == '\n' || !is_tricky(letter) {
            return self.text(letter.encode_utf8(&mut [0; 4]));
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // What waits takes whatever is written to it.
            let _ = write!(self, "\\u{unit:04x}");
        }
    }

    fn toned(&mut self, tone: Tone, text: &str) {
        let toned = self.colour && tone != Tone::Plain && !text.is_empty();
        if toned {
            self.text(tone.start());
        }
        self.text(text);
        if toned {
            self.text("\x1b[0m");
        }
    }
}

impl Write for Screen<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// Whether more bytes could make a character of these, which come before the end and after the last good one: of what starts a character, as
/// much as could still become one is held together.
fn is_unfinished(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0xc2..=0xf4))
}

/// The line without spaces at its end.
fn without_end(mut line: &str) -> &str {
    while let Some(shorter) = line.strip_suffix(' ') {
        line = shorter;
    }
    line
}

/// A sentence in the making.
struct Lines {
    done: String,
    column: usize,
    /// Where the following lines start.
    indent: usize,
    /// Whether a space is due before the next word.
    gap: bool,
}

impl Lines {
    fn behind(lead: String) -> Lines {
        let column = width(&lead);
        let gap = !lead.ends_with(' ');
        Lines {
            indent: if gap { INDENT } else { column },
            gap: gap && !lead.is_empty(),
            column,
            done: lead,
        }
    }

    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        if self.gap && self.column + 1 + width(word) > COLUMNS {
            self.line();
        } else if self.gap {
            self.letter(' ');
        }
        for letter in word.chars() {
            self.letter(if letter == NO_BREAK { ' ' } else { letter });
        }
        self.gap = true;
    }

    fn letter(&mut self, letter: char) {
        let columns = letter_width(letter);
        if self.column + columns > COLUMNS {
            self.line();
        }
        self.done.push(letter);
        self.column += columns;
    }

    fn line(&mut self) {
        self.done.push('\n');
        pad(&mut self.done, self.indent);
        self.column = self.indent;
        self.gap = false;
    }
}

/// The space at which no line is broken.
const NO_BREAK: char = '\u{a0}';

/// The text on one line, with `?` for each character that could play tricks on a terminal.
pub(super) fn clean(text: &dyn Display) -> String {
    cleaned(text, ' ')
}

/// The same with its no-break spaces.
fn clean_words(text: &dyn Display) -> String {
    cleaned(text, NO_BREAK)
}

fn cleaned(text: &dyn Display, no_break: char) -> String {
    struct Clean {
        text: String,
        no_break: char,
    }
    impl Write for Clean {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for letter in text.chars() {
                self.text.push(match letter {
                    NO_BREAK => self.no_break,
                    letter if is_tricky(letter) => '?',
                    letter => letter,
                });
            }
            Ok(())
        }
    }
    let mut clean = Clean {
        text: String::new(),
        no_break,
    };
    // A string takes whatever is written to it.
    let _ = write!(clean, "{text}");
    clean.text
}

/// The clean text in at most so many columns; a longer one ends in `~`.
pub(super) fn cut(text: &dyn Display, columns: usize) -> String {
    let mut text = clean(text);
    if width(&text) <= columns {
        return text;
    }
    let (mut used, mut kept) = (0, 0);
    for letter in text.chars() {
        used += letter_width(letter);
        // A column is for the `~`.
        if used >= columns {
            break;
        }
        kept += letter.len_utf8();
    }
    text.truncate(kept);
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
