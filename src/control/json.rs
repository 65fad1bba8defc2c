//! Reads the vocabulary from JSON, looking at the bytes where they lie.
//!
//! By hand and not by the derives: for our answers those are 48 kB of code (measured, x86_64, `-Copt-level=s`). The derives stay for
//! programs on the host. A value that nobody asks for is only skipped: its brackets and strings are matched.

use core::str::Chars;

use heapless::String;
use heapless::string::StringView;

use super::BadAnswer;
use super::elements::Nest;
use super::live::UNKNOWN;
use super::record::{Fields, List, Number, Record};
use crate::value::utf8;

/// Bytes of the longest word that stands for one of several.
const WORD_BYTES_MAX: usize = 15;

/// Reads one answer, or one element of an answer.
///
/// # Errors
/// As [`fill`].
pub fn read<T: Record + Default>(bytes: &[u8]) -> Result<T, BadAnswer> {
    let mut record = T::default();
    fill(&mut record, bytes)?;
    Ok(record)
}

/// Reads into a record; nothing of its old fields stays. Fields that it does not know are skipped, since they are those of a newer
/// daemon.
///
/// # Errors
/// [`BadAnswer::Form`] when it is something else, or when a text of it is longer than the record holds. The record then holds a part
/// of what was read.
pub fn fill(record: &mut dyn Record, bytes: &[u8]) -> Result<(), BadAnswer> {
    Reader::fill(record, Json::whole(bytes)?)
}

/// Reads a line that is one string; false for `null`.
///
/// # Errors
/// [`BadAnswer::Form`] when it is something else, is no UTF-8, or is longer than there is room for.
pub fn text_or_null(line: &[u8], to: &mut StringView) -> Result<bool, BadAnswer> {
    utf8(line).map_err(|_| BadAnswer::Form)?;
    match Json::whole(line)?.optional() {
        Some(json) => json.text(to).map(|()| true),
        None => Ok(false),
    }
}

/// Fills the fields of a record from an object.
struct Reader<'a> {
    /// The object; in an array, the element itself.
    json: Json<'a>,
    /// The first thing that was wrong.
    outcome: Result<(), BadAnswer>,
}

impl<'a> Reader<'a> {
    fn fill(record: &mut dyn Record, json: Json<'a>) -> Result<(), BadAnswer> {
        json.fields()?;
        let mut reader = Reader {
            json,
            outcome: Ok(()),
        };
        record.fields(&mut reader);
        reader.outcome
    }

    /// The value of a field; null where there is none, and where something was wrong before.
    fn value(&mut self, name: &str) -> Json<'a> {
        if name.is_empty() {
            return self.json;
        }
        match self.json.field(name) {
            Ok(value) if self.outcome.is_ok() => value,
            outcome => {
                self.note(outcome.map(drop));
                Json(b"null")
            }
        }
    }

    fn note(&mut self, outcome: Result<(), BadAnswer>) {
        if self.outcome.is_ok() {
            self.outcome = outcome;
        }
    }

    fn demand(&mut self, good: bool) {
        self.note(if good { Ok(()) } else { Err(BadAnswer::Form) });
    }

    fn items(list: &mut dyn List, json: Json<'a>) -> Result<(), BadAnswer> {
        list.clear();
        let mut items = json.items()?;
        let mut place = 0;
        while let Some((_, json)) = items.next()? {
            let mut reader = Reader {
                json,
                outcome: Ok(()),
            };
            if !list.grow() || !list.lend(place, &mut reader) {
                return Err(BadAnswer::Form);
            }
            reader.outcome?;
            place += 1;
        }
        Ok(())
    }
}

impl Fields for Reader<'_> {
    fn text(&mut self, name: &'static str, text: &mut StringView) {
        let outcome = self.value(name).text(text);
        self.note(outcome);
    }

    fn text_or_null(&mut self, name: &'static str, text: &mut Option<String<15>>) {
        *text = None;
        if let Some(json) = self.value(name).optional() {
            let outcome = json.text(text.insert(String::new()));
            self.note(outcome);
        }
    }

    fn number(&mut self, name: &'static str, number: &mut dyn Number) {
        let json = self.value(name);
        let value = json.number();
        // What is neither a number nor null has no room anywhere.
        let fits = number.set(value) && (value.is_some() || json.optional().is_none());
        self.demand(fits);
    }

    fn flag(&mut self, name: &'static str, flag: &mut bool) {
        let value = self.value(name).0;
        *flag = value == b"true";
        self.demand(*flag || value == b"false");
    }

    fn word(&mut self, name: &'static str, words: &[&str], place: &mut usize) {
        let mut text = String::<WORD_BYTES_MAX>::new();
        self.text(name, &mut text);
        match words.iter().position(|word| *word == text.as_str()) {
            Some(found) => *place = found,
            None => self.demand(false),
        }
    }

    fn record(&mut self, name: &'static str, record: &mut dyn Record) {
        let outcome = Reader::fill(record, self.value(name));
        self.note(outcome);
    }

    fn list(&mut self, name: &'static str, list: &mut dyn List) {
        let outcome = Reader::items(list, self.value(name));
        self.note(outcome);
    }
}

/// The bytes of one JSON value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<'a>(&'a [u8]);

impl<'a> Json<'a> {
    /// The one value that these bytes are, with white space around.
    pub(super) fn whole(bytes: &'a [u8]) -> Result<Json<'a>, BadAnswer> {
        let (value, rest) = split(bytes)?;
        if rest.trim_ascii_start().is_empty() {
            Ok(value)
        } else {
            Err(BadAnswer::Form)
        }
    }

    /// The fields of an object: names as they stand, and values.
    pub(super) fn fields(self) -> Result<Entries<'a>, BadAnswer> {
        let rest = self.0.strip_prefix(b"{").ok_or(BadAnswer::Form)?;
        Ok(Entries {
            rest,
            close: b'}',
            first: true,
        })
    }

    pub(super) fn items(self) -> Result<Entries<'a>, BadAnswer> {
        let rest = self.0.strip_prefix(b"[").ok_or(BadAnswer::Form)?;
        Ok(Entries {
            rest,
            close: b']',
            first: true,
        })
    }

    /// The field of that name, or null where there is none.
    fn field(self, name: &str) -> Result<Json<'a>, BadAnswer> {
        let mut fields = self.fields()?;
        while let Some((found, value)) = fields.next()? {
            if found == name.as_bytes() {
                return Ok(value);
            }
        }
        Ok(Json(b"null"))
    }

    /// `None` for null.
    pub(super) fn optional(self) -> Option<Json<'a>> {
        if self.0 == b"null" { None } else { Some(self) }
    }

    /// A small number, with null as [`UNKNOWN`].
    pub(super) fn number_or_null(self) -> Option<u32> {
        match self.optional() {
            Some(json) => json.number().and_then(|number| u32::try_from(number).ok()),
            None => Some(UNKNOWN),
        }
    }

    /// A whole number without sign, if it is one.
    fn number(self) -> Option<u64> {
        if self.0.len() > 1 && self.0.starts_with(b"0") {
            return None;
        }
        let mut number = 0_u64;
        for &byte in self.0 {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 || number > u64::MAX / 10 {
                return None;
            }
            number = (number * 10).checked_add(u64::from(digit))?;
        }
        Some(number)
    }

    /// The text of a string, in place of what was in `to`. Bytes that are no UTF-8 become `?`: one strange name must not hide all
    /// others.
    pub(super) fn text(self, to: &mut StringView) -> Result<(), BadAnswer> {
        let inside = self
            .0
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .ok_or(BadAnswer::Form)?;
        to.clear();
        for chunk in inside.utf8_chunks() {
            let mut letters = chunk.valid().chars();
            while let Some(letter) = letters.next() {
                let letter = match letter {
                    '\\' => escaped(&mut letters),
                    letter => Some(letter),
                };
                push(to, letter)?;
            }
            for _ in chunk.invalid() {
                push(to, Some('?'))?;
            }
        }
        Ok(())
    }
}

/// What stands between the brackets of an object or array.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    close: u8,
    first: bool,
}

impl<'a> Entries<'a> {
    /// The next name and value; the name is empty in an array.
    pub(super) fn next(&mut self) -> Result<Option<(&'a [u8], Json<'a>)>, BadAnswer> {
        let (&byte, after) = self
            .rest
            .trim_ascii_start()
            .split_first()
            .ok_or(BadAnswer::Form)?;
        if byte == self.close {
            // A comma before it was taken together with its entry, which would have failed.
            return Ok(None);
        }
        if !self.first {
            if byte != b',' {
                return Err(BadAnswer::Form);
            }
            self.rest = after;
        }
        self.first = false;
        let mut name: &[u8] = b"";
        if self.close == b'}' {
            let (Json(quoted), after) = split(self.rest)?;
            name = quoted
                .strip_prefix(b"\"")
                .and_then(|rest| rest.strip_suffix(b"\""))
                .ok_or(BadAnswer::Form)?;
            self.rest = after
                .trim_ascii_start()
                .strip_prefix(b":")
                .ok_or(BadAnswer::Form)?;
        }
        let (value, rest) = split(self.rest)?;
        self.rest = rest;
        Ok(Some((name, value)))
    }
}

/// The first value, and what stands behind it.
fn split(bytes: &[u8]) -> Result<(Json<'_>, &[u8]), BadAnswer> {
    let bytes = bytes.trim_ascii_start();
    let len = match bytes.first() {
        Some(b'{' | b'[' | b'"') => {
            let mut nest = Nest::NONE;
            let mut end = None;
            for (index, &byte) in bytes.iter().enumerate() {
                nest.step(byte)?;
                if nest.is_outside() {
                    end = Some(index + 1);
                    break;
                }
            }
            end
        }
        // A number, true, false or null.
        Some(_) => {
            let literal = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            Some(bytes.iter().take_while(|byte| literal(byte)).count()).filter(|&len| len > 0)
        }
        None => None,
    };
    let (value, rest) = bytes
        .split_at_checked(len.ok_or(BadAnswer::Form)?)
        .ok_or(BadAnswer::Form)?;
    Ok((Json(value), rest))
}

fn push(to: &mut StringView, letter: Option<char>) -> Result<(), BadAnswer> {
    letter
        .and_then(|letter| to.push(letter).ok())
        .ok_or(BadAnswer::Form)
}

/// The character of the escape whose backslash was taken.
fn escaped(letters: &mut Chars<'_>) -> Option<char> {
    Some(match letters.next()? {
        letter @ ('"' | '\\' | '/') => letter,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => match unit(letters)? {
            first @ 0xd800..0xdc00 => {
                if letters.next()? != '\\' || letters.next()? != 'u' {
                    return None;
                }
                let second = unit(letters)?
                    .checked_sub(0xdc00)
                    .filter(|&low| low < 0x400)?;
                char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)?
            }
            // None for the second half of a pair.
            letter => char::from_u32(letter)?,
        },
        _ => return None,
    })
}

/// Four hex digits.
fn unit(letters: &mut Chars<'_>) -> Option<u32> {
    let mut number = 0;
    for _ in 0..4 {
        number = number * 16 + letters.next()?.to_digit(16)?;
    }
    Some(number)
}
