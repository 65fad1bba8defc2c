//! Where the input of `iptables-restore` is written.

use core::fmt::{self, Write};

/// What a chain of the set is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// To be made.
    Make,
    /// To be compared, word by word, with what is there: it would be removed, if this were not only tried.
    Compare,
    /// To be found to have as many rules as it should.
    Count,
}

/// An input as it is written; each line, and a line that does not fit makes the whole too large.
pub struct Text<'b> {
    room: &'b mut [u8],
    used: usize,
    full: bool,
    verb: Verb,
    /// The chain whose rules are being counted, and how many it has so far.
    counted: (&'static str, u16),
}

impl<'b> Text<'b> {
    pub(super) fn begin(room: &'b mut [u8], verb: Verb) -> Text<'b> {
        let mut text = Text {
            room,
            used: 0,
            full: false,
            verb,
            counted: ("", 0),
        };
        text.line(format_args!("*mangle"));
        text
    }

    /// Ends it; none when it did not fit.
    pub(super) fn end(mut self) -> Option<&'b [u8]> {
        self.end_count();
        self.line(format_args!("COMMIT"));
        let Text {
            room, used, full, ..
        } = self;
        room.get(..used).filter(|_| !full)
    }

    #[inline(never)]
    pub(super) fn line(&mut self, words: fmt::Arguments<'_>) {
        // What does not fit is known by `full`.
        let _ = self.write_fmt(words);
        let _ = self.write_str("\n");
    }

    /// The next rule of a chain. All rules of a chain come one after the other.
    #[inline(never)]
    pub(super) fn rule(&mut self, chain: &'static str, words: fmt::Arguments<'_>) {
        match self.verb {
            Verb::Make => self.line(format_args!("-A {chain} {words}")),
            Verb::Compare => self.line(format_args!("-D {chain} {words}")),
            Verb::Count => {
                if self.counted.0 != chain {
                    self.end_count();
                    self.counted = (chain, 0);
                }
                self.counted.1 = self.counted.1.saturating_add(1);
            }
        }
    }

    fn end_count(&mut self) {
        let (chain, count) = core::mem::take(&mut self.counted);
        if count > 0 {
            self.line(format_args!("-D {chain} {count}"));
        }
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        match self.room.get_mut(self.used..end) {
            Some(room) if !self.full => {
                room.copy_from_slice(text.as_bytes());
                self.used = end;
                Ok(())
            }
            _ => {
                self.full = true;
                Err(fmt::Error)
            }
        }
    }
}
