//! Writes the vocabulary as JSON, without spaces, in the order of the fields.

use core::fmt::{self, Write};

use heapless::String;
use heapless::string::StringView;

use super::live::UNKNOWN;
use super::record::{Fields, List, Number, Record};

/// Writes a record behind what is in `to`.
pub fn write(record: &mut dyn Record, to: &mut Vec<u8>) {
    Writer { to, first: true }.record("", record);
}

/// Writes the fields of a record.
pub(super) struct Writer<'a> {
    to: &'a mut Vec<u8>,
    /// Whether a bracket was opened last.
    first: bool,
}

impl<'a> Writer<'a> {
    /// Opens an object.
    pub(super) fn object(to: &'a mut Vec<u8>) -> Writer<'a> {
        to.push(b'{');
        Writer { to, first: true }
    }

    /// Closes it.
    pub(super) fn end(self) {
        self.to.push(b'}');
    }

    /// A field that is a text, or null.
    pub(super) fn quote_or_null(&mut self, name: &'static str, text: Option<&str>) {
        self.name(name);
        match text {
            Some(text) => self.quote(text),
            None => self.to.extend_from_slice(b"null"),
        }
    }

    /// Closes it, and the line that it is.
    pub(super) fn end_line(self) {
        self.to.extend_from_slice(b"}\n");
    }

    /// A number, or null for [`UNKNOWN`].
    #[inline(never)]
    pub(super) fn number_or_null(&mut self, name: &'static str, number: u32) {
        let mut known = (number != UNKNOWN).then_some(number);
        self.number(name, &mut known);
    }

    /// Opens an array.
    pub(super) fn open(&mut self, name: &'static str) {
        self.name(name);
        self.to.push(b'[');
        self.first = true;
    }

    /// Closes it.
    pub(super) fn close(&mut self) {
        self.to.push(b']');
        self.first = false;
    }

    /// What stands before a value; an element of an array has no name.
    fn name(&mut self, name: &'static str) {
        if !self.first {
            self.to.push(b',');
        }
        self.first = false;
        if !name.is_empty() {
            self.quote(name);
            self.to.push(b':');
        }
    }

    fn quote(&mut self, text: &str) {
        self.to.push(b'"');
        for &byte in text.as_bytes() {
            let letter = match byte {
                b'"' | b'\\' => byte,
                0x08 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                0x0c => b'f',
                b'\r' => b'r',
                ..0x20 => b'u',
                _ => {
                    self.to.push(byte);
                    continue;
                }
            };
            self.to.extend_from_slice(&[b'\\', letter]);
            if letter == b'u' {
                // A vector takes whatever is written to it.
                let _ = write!(self, "{byte:04X}");
            }
        }
        self.to.push(b'"');
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.to.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Fields for Writer<'_> {
    fn text(&mut self, name: &'static str, text: &mut StringView) {
        self.quote_or_null(name, Some(text));
    }

    fn text_or_null(&mut self, name: &'static str, text: &mut Option<String<15>>) {
        self.quote_or_null(name, text.as_deref());
    }

    fn number(&mut self, name: &'static str, number: &mut dyn Number) {
        self.name(name);
        // A vector takes whatever is written to it.
        let _ = match number.value() {
            Some(number) => write!(self, "{number}"),
            None => self.write_str("null"),
        };
    }

    fn flag(&mut self, name: &'static str, flag: &mut bool) {
        self.name(name);
        let _ = self.write_str(if *flag { "true" } else { "false" });
    }

    fn word(&mut self, name: &'static str, words: &[&str], place: &mut usize) {
        self.quote_or_null(name, words.get(*place).copied());
    }

    fn record(&mut self, name: &'static str, record: &mut dyn Record) {
        self.name(name);
        self.to.push(b'{');
        self.first = true;
        record.fields(self);
        self.to.push(b'}');
        self.first = false;
    }

    fn list(&mut self, name: &'static str, list: &mut dyn List) {
        self.open(name);
        let mut place = 0;
        while list.lend(place, self) {
            place += 1;
        }
        self.close();
    }
}

/// Writes a text as a JSON string, behind what is in `to`.
pub fn quote(text: &str, to: &mut Vec<u8>) {
    Writer { to, first: true }.quote(text);
}
