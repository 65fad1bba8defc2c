use heapless::String;

use super::NAME_BYTES_MAX;
use super::escape::{BadString, unescape};
use super::form::{Field, Form};
use super::problem::{Cause, Expected, Found, Object, Place, Problem};
use crate::value::IfName;

/// Steps through the text from one field, element and value to the next, and keeps the problem that ended this.
///
/// It reads no further than the form goes: what is no string, number, word or known bracket at its place is refused at its
/// first byte, so that nothing is skipped and nothing recurses.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// How much of it is read.
    at: usize,
    /// Where the key, value or bracket that was read last begins.
    start: usize,
    /// The value that was read last.
    pub(super) value: Scalar<'t>,
    /// The string or key that was read last, with its escapes replaced, once that was asked for.
    pub(super) plain: String<NAME_BYTES_MAX>,
    /// Where in the form the reader is.
    pub(super) place: Place,
    /// What is wrong, once there was a [`Stop`].
    pub(super) problem: Problem,
}

/// A problem was found and stands in the reader; there is nothing more to read.
pub(super) struct Stop;

/// What a value is.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'t> {
    /// A string, as it stands between the quotes.
    Text(&'t str),
    Whole(u32),
    Flag(bool),
    Null,
    /// A fraction, a negative or huge number, an object, an array, no JSON at all: none of what a configuration has.
    /// Not all of it has been read, so this must end in a [`Stop`].
    Other,
}

/// An object that is being read.
pub(super) struct Fields {
    object: Object,
    form: &'static Form,
    /// Which fields were there, a bit each.
    seen: u32,
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':')
}

impl<'t> Reader<'t> {
    /// A reader at the start, which has found nothing yet.
    pub(super) const fn new(text: &'t str) -> Reader<'t> {
        let place = Object::Whole.itself();
        Reader {
            text,
            at: 0,
            start: 0,
            value: Scalar::Other,
            plain: String::new(),
            place,
            problem: Problem {
                line: None,
                place,
                cause: Cause::Empty,
            },
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The first byte of what is next; none at the end of the text.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.rest().first() {
            if !is_space(*byte) {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// The next piece of the text: a string up to its end or the end of the line, a bracket or comma, or a word. Empty at
    /// the end of the text.
    fn token(&mut self) -> &'t str {
        let first = self.peek().unwrap_or_default();
        let rest = self.rest();
        let len = if first == b'"' {
            let string = rest.get(..string_bytes(rest).unwrap_or(rest.len()));
            let mut lines = string.unwrap_or_default().split(|byte| *byte == b'\n');
            let line = lines.next().unwrap_or_default();
            let returns = line.iter().rev().take_while(|byte| **byte == b'\r');
            line.len() - returns.count()
        } else if is_mark(first) {
            1
        } else {
            let ends = |byte: &u8| is_space(*byte) || is_mark(*byte) || *byte == b'"';
            rest.iter().position(ends).unwrap_or(rest.len())
        };
        self.text.get(self.at..self.at + len).unwrap_or_default()
    }

    /// Steps over a bracket, comma or colon if that is next.
    fn eat(&mut self, mark: u8) -> bool {
        let there = self.peek() == Some(mark);
        if there {
            self.start = self.at;
            self.at += 1;
        }
        there
    }

    /// Steps over a string; what stands between its quotes.
    fn string(&mut self) -> Result<&'t str, Stop> {
        self.start = self.at;
        let Some(len) = string_bytes(self.rest()) else {
            return Err(self.refuse_json("a closing '\"'"));
        };
        self.at += len;
        Ok(self
            .text
            .get(self.start + 1..self.at - 1)
            .unwrap_or_default())
    }

    /// Where the next piece starts.
    pub(super) fn here(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Keeps a problem at this place of the form, with the line that `start` is on.
    pub(super) fn refuse(&mut self, start: Option<usize>, cause: Cause) -> Stop {
        let before = |start| self.text.as_bytes().get(..start).unwrap_or_default();
        self.problem = Problem {
            line: start.map(|start| line_behind(before(start))),
            place: self.place,
            cause,
        };
        Stop
    }

    /// Refuses what is next.
    pub(super) fn refuse_next(&mut self, expected: Expected) -> Stop {
        let found = Found::of(self.token());
        self.refuse_found(Some(self.at), expected, found)
    }

    /// Keeps that something else was expected, as [`Reader::refuse`].
    pub(super) fn refuse_found(
        &mut self,
        start: Option<usize>,
        expected: Expected,
        found: Found,
    ) -> Stop {
        self.refuse(start, Cause::Unexpected(expected, found))
    }

    /// Refuses what was read last.
    pub(super) fn refuse_last(&mut self, expected: Expected) -> Stop {
        self.at = self.start;
        self.refuse_next(expected)
    }

    /// Refuses what is next because it is no JSON, whatever the form is.
    fn refuse_json(&mut self, expected: &'static str) -> Stop {
        self.place = Object::Whole.itself();
        self.refuse_next(Expected::Json(expected))
    }

    /// Steps into an object.
    pub(super) fn object(&mut self, fields: &Fields) -> Result<(), Stop> {
        self.place = fields.object.itself();
        if self.eat(b'{') {
            Ok(())
        } else {
            Err(self.refuse_next(Expected::Json("an object")))
        }
    }

    /// Steps to the value of the next field; none when the object ends, which is stepped over.
    pub(super) fn field(&mut self, fields: &mut Fields) -> Result<Option<Field>, Stop> {
        self.place = fields.object.itself();
        let first = fields.seen == 0;
        let comma = !first && self.eat(b',');
        match self.peek() {
            Some(b'"') if first || comma => {}
            Some(b'}') if !comma => {
                self.eat(b'}');
                return Ok(None);
            }
            None if comma => {
                return Err(self.refuse_next(Expected::Json("a field name in quotes")));
            }
            Some(_) if first || comma => return Err(self.refuse_json("a field name in quotes")),
            _ => return Err(self.refuse_json("',' or '}'")),
        }
        let key = self.string()?;
        let Form { names, fields: all } = fields.form;
        let known = match unescape(key, &mut self.plain) {
            Ok(()) => names.iter().position(|name| self.plain == *name),
            Err(_) => None,
        };
        let Some(number) = known else {
            self.at = self.start;
            let found = Found::of(self.token());
            return Err(self.refuse(Some(self.start), Cause::UnknownField(names, found)));
        };
        self.place.field = names.get(number).copied();
        let bit = 1 << number;
        if fields.seen & bit != 0 {
            return Err(self.refuse(Some(self.start), Cause::SecondField));
        }
        fields.seen |= bit;
        if !self.eat(b':') {
            return Err(self.refuse_next(Expected::Json("':'")));
        }
        Ok(all.get(number).copied())
    }

    /// Steps into an array.
    pub(super) fn array(&mut self, expected: Expected) -> Result<(), Stop> {
        if self.eat(b'[') {
            Ok(())
        } else {
            Err(self.refuse_next(expected))
        }
    }

    /// Steps to the element with this index; false when the array ends, which is stepped over. Something beyond so many
    /// elements is refused.
    pub(super) fn element(&mut self, index: usize, max: usize) -> Result<bool, Stop> {
        if index == 0 && self.peek() == Some(b',') {
            return Err(self.refuse_next(Expected::Json("a value or ']'")));
        }
        let comma = self.eat(b',');
        let next = self.peek();
        if index == max && next != Some(b']') {
            return Err(self.refuse(Some(self.at), Cause::TooMany(max)));
        }
        match next {
            Some(b']') if !comma => {
                self.eat(b']');
                Ok(false)
            }
            Some(b']') => Err(self.refuse_json("a value")),
            None if comma => Err(self.refuse_json("a JSON value")),
            Some(_) if comma || index == 0 => Ok(true),
            _ => Err(self.refuse_json("',' or ']'")),
        }
    }

    /// Steps over the end of the text.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.refuse_json("the end of the text")),
        }
    }

    /// Steps over a value and keeps it.
    pub(super) fn step(&mut self) -> Result<(), Stop> {
        let token = self.token();
        if token.as_bytes().first() == Some(&b'"') {
            self.value = Scalar::Text(self.string()?);
            return Ok(());
        }
        self.value = match token {
            "true" => Scalar::Flag(true),
            "false" => Scalar::Flag(false),
            "null" => Scalar::Null,
            // `01` and `+1` are no numbers of JSON.
            word if word == "0" || !word.starts_with(['0', '+']) => {
                word.parse().map_or(Scalar::Other, Scalar::Whole)
            }
            _ => Scalar::Other,
        };
        self.start = self.at;
        self.at += token.len();
        Ok(())
    }

    /// Puts the value into `plain`; `expected` is what is said of one that is no string, and of one over 63 bytes.
    pub(super) fn text(&mut self, expected: Expected) -> Result<(), Stop> {
        let expected = match self.value {
            Scalar::Text(raw) => match unescape(raw, &mut self.plain) {
                Ok(()) => return Ok(()),
                Err(BadString::TooLong) => expected,
                Err(BadString::Control) => Expected::QuotedOnItsLine,
                Err(BadString::Escape) => Expected::Escape,
            },
            _ => expected,
        };
        Err(self.refuse_last(expected))
    }

    /// The value as a whole number in a range.
    pub(super) fn whole(&mut self, min: u32, max: u32) -> Result<u32, Stop> {
        match self.value {
            Scalar::Whole(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(self.refuse_last(Expected::Whole { min, max })),
        }
    }

    /// The value as true or false.
    pub(super) fn flag(&mut self) -> Result<bool, Stop> {
        match self.value {
            Scalar::Flag(flag) => Ok(flag),
            _ => Err(self.refuse_last(Expected::Json("true or false"))),
        }
    }

    /// The value as a whole number from 0 or 1 upwards that fits a byte.
    pub(super) fn small(&mut self, min: u8, max: u8) -> Result<u8, Stop> {
        let number = self.whole(min.into(), max.into())?;
        Ok(u8::try_from(number).unwrap_or(max))
    }

    /// The value as the name of an interface.
    pub(super) fn interface(&mut self, expected: Expected) -> Result<IfName, Stop> {
        self.text(expected)?;
        IfName::parse(&self.plain).map_err(|_| self.refuse_last(expected))
    }
}

impl Fields {
    /// An object of which no field has been read.
    pub(super) const fn of(object: Object, form: &'static Form) -> Fields {
        Fields {
            object,
            form,
            seen: 0,
        }
    }

    /// The field that was there, and no other, decides that the object has this form.
    pub(super) fn settle(&mut self, form: &'static Form, field: Field) {
        self.form = form;
        let place = form.fields.iter().position(|known| *known == field);
        self.seen = 1 << place.unwrap_or_default();
    }

    /// Whether it was the first field that was there.
    pub(super) const fn is_first(&self) -> bool {
        self.seen.is_power_of_two()
    }

    /// Whether a field was there.
    pub(super) fn have(&self, field: Field) -> bool {
        let mut fields = self.form.fields.iter();
        let place = fields.position(|known| *known == field);
        place.is_some_and(|place| self.seen & (1 << place) != 0)
    }
}

/// How long the string is that begins here, with its quotes; none when it does not end.
fn string_bytes(rest: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let mut bytes = rest.iter().skip(1);
    let inside = bytes.position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    inside.map(|inside| inside + 2)
}

/// The number of the line that begins or goes on behind this.
pub(super) fn line_behind(before: &[u8]) -> u32 {
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}
