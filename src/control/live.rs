//! The lines of `watch`: what changed, compact, in pieces and without a copy of what it is about.

use super::write::Writer;

/// Watchers at once: the page process is one for all its visitors, and somebody may watch over SSH. A further one is refused.
pub const WATCHERS_MAX: usize = 4;

/// A number of such a line that is not known: null.
pub const UNKNOWN: u32 = u32::MAX;

/// One line in the making.
pub struct Live<'a> {
    writer: Writer<'a>,
}

impl<'a> Live<'a> {
    /// Begins a line behind what is in `to`.
    pub fn begin(to: &'a mut Vec<u8>) -> Live<'a> {
        Live {
            writer: Writer::object(to),
        }
    }

    /// Ends it, with its line break.
    pub fn end(self) {
        self.writer.end_line();
    }

    /// A text.
    pub fn text(&mut self, name: &'static str, text: &str) {
        self.writer.quote_or_null(name, Some(text));
    }

    /// A number.
    pub fn number(&mut self, name: &'static str, number: u32) {
        self.writer.number_or_null(name, number);
    }

    /// Some numbers.
    pub fn row(&mut self, name: &'static str, numbers: &[u32]) {
        self.open(name);
        for number in numbers {
            self.writer.number_or_null("", *number);
        }
        self.close();
    }

    /// Begins an array: what follows without a name is in it.
    pub fn open(&mut self, name: &'static str) {
        self.writer.open(name);
    }

    /// Ends it.
    pub fn close(&mut self) {
        self.writer.close();
    }
}
