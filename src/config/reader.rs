use core::fmt;

use heapless::String;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json_core::de::Error as JsonError;

use super::NAME_BYTES_MAX;
use super::escape::{BadString, unescape};
use super::problem::{Cause, Expected, Found, Object, Place, Problem};

/// Follows the JSON library through the text, and keeps the first problem.
///
/// The library's errors name no place, and its `Deserializer` does not tell how far it is. But each step that it takes is
/// known here (a key, a comma, a value of a known kind), so `at` is always just behind what it has read, and white space
/// apart the next byte there is what it will look at. That gives the line, what was found, and which kind of value comes
/// next (the library has no `deserialize_any`); it also catches what the library lets pass, see [`Value`] and
/// [`Reader::element`].
pub(super) struct Reader<'t> {
    text: &'t str,
    at: usize,
    problem: Option<Problem>,
}

/// White space as JSON and the library have it; a form feed is none.
const SPACE: [char; 4] = [' ', '\n', '\t', '\r'];

/// A problem was found and stands in the reader; there is nothing more to read.
pub(super) struct Stop;

impl Stop {
    /// The same in the library's words.
    pub(super) fn json<E: Error>(self) -> E {
        E::custom("")
    }
}

/// A value that is no object and no array, with its place in the text.
pub(super) struct Value<'t> {
    pub(super) scalar: Scalar<'t>,
    start: usize,
    token: &'t str,
}

/// What such a value is.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'t> {
    /// A string, as it stands between the quotes.
    Text(&'t str),
    Whole(u32),
    Flag(bool),
    Null,
    /// A fraction, a negative or huge number, an object, an array, no JSON at all: none of what a configuration has.
    /// The library has not read all of it, so this must end in a [`Stop`].
    Other,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Reader<'t> {
        Reader {
            text,
            at: 0,
            problem: None,
        }
    }

    /// The next piece of the text: a string up to its end or the end of the line, a bracket or comma, or a word. Empty at
    /// the end of the text.
    pub(super) fn token(&mut self) -> &'t str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches(SPACE);
        self.at += rest.len() - trimmed.len();
        let mut escaped = false;
        let len = match trimmed.bytes().next() {
            Some(b'"') => trimmed.bytes().skip(1).position(|byte| {
                let ends = (byte == b'"' && !escaped) || byte == b'\n';
                escaped = byte == b'\\' && !escaped;
                ends
            }),
            Some(b'{' | b'}' | b'[' | b']' | b',' | b':') => {
                return trimmed.get(..1).unwrap_or_default();
            }
            _ => {
                let ends = |letter: char| SPACE.contains(&letter) || "{}[],:\"".contains(letter);
                return trimmed
                    .get(..trimmed.find(ends).unwrap_or(trimmed.len()))
                    .unwrap_or_default();
            }
        };
        let token = trimmed
            .get(..len.map_or(trimmed.len(), |len| len + 2))
            .unwrap_or_default();
        token.trim_end_matches(['\n', '\r'])
    }

    /// Steps over a bracket, comma or colon if that is next.
    pub(super) fn eat(&mut self, mark: &str) -> bool {
        let there = self.token() == mark;
        if there {
            self.at += mark.len();
        }
        there
    }

    /// Where the next piece starts.
    pub(super) fn here(&mut self) -> usize {
        self.token();
        self.at
    }

    /// Keeps a problem with the line that `start` is on. The first one counts.
    pub(super) fn refuse(&mut self, start: Option<usize>, place: Place, cause: Cause) -> Stop {
        if self.problem.is_none() {
            let line = start
                .map(|start| line_behind(self.text.as_bytes().get(..start).unwrap_or_default()));
            self.problem = Some(Problem { line, place, cause });
        }
        Stop
    }

    /// Refuses what is next.
    pub(super) fn refuse_next(&mut self, place: Place, expected: Expected) -> Stop {
        let found = Found::of(self.token());
        self.refuse(Some(self.at), place, Cause::Unexpected(expected, found))
    }

    /// Refuses a value.
    pub(super) fn refuse_value(
        &mut self,
        place: Place,
        expected: Expected,
        value: &Value<'t>,
    ) -> Stop {
        self.refuse(
            Some(value.start),
            place,
            Cause::Unexpected(expected, Found::of(value.token)),
        )
    }

    /// The problem that made the library stop: the one that we found, or what its own error means here.
    pub(super) fn problem(&mut self, error: JsonError) -> Problem {
        let closes = self.token() == "]";
        let expected = match error {
            JsonError::EofWhileParsingString => "a closing '\"'",
            JsonError::ExpectedObjectCommaOrEnd | JsonError::EofWhileParsingObject => "',' or '}'",
            JsonError::ExpectedListCommaOrEnd | JsonError::EofWhileParsingList => "',' or ']'",
            JsonError::TrailingComma if closes => "a value",
            JsonError::TrailingComma | JsonError::KeyMustBeAString => "a field name in quotes",
            JsonError::TrailingCharacters => "the end of the text",
            _ => "a JSON value",
        };
        let cause = Cause::Unexpected(Expected::Json(expected), Found::of(self.token()));
        let line = Some(line_behind(
            self.text.as_bytes().get(..self.at).unwrap_or_default(),
        ));
        self.problem.unwrap_or(Problem {
            line,
            place: Object::Whole.itself(),
            cause,
        })
    }

    /// Reads the fields of an object that the library has entered. `field` reads the value of the one with this name.
    pub(super) fn fields<A: MapAccess<'t>>(
        &mut self,
        map: &mut A,
        object: Object,
        names: &'static [&'static str],
        mut field: impl FnMut(&mut Reader<'t>, &mut A, &'static str) -> Result<(), A::Error>,
    ) -> Result<(), A::Error> {
        let mut seen = 0_u32;
        self.eat("{");
        loop {
            // The library calls the end of the text behind a comma a missing value.
            if seen != 0 && self.eat(",") && self.token().is_empty() {
                return Err(self
                    .refuse_next(object.itself(), Expected::Json("a field name in quotes"))
                    .json());
            }
            let Some(key) = map.next_key_seed(RawText)? else {
                self.eat("}");
                return Ok(());
            };
            let start = self.here();
            let found = self.token();
            self.at += key.len() + 2;
            let plain = unescape::<NAME_BYTES_MAX>(key);
            let place = names
                .iter()
                .position(|name| plain.as_ref().is_ok_and(|plain| plain == name));
            let Some((bit, name)) = place.and_then(|place| Some((1 << place, *names.get(place)?)))
            else {
                let cause = Cause::UnknownField(names, Found::of(found));
                return Err(self.refuse(Some(start), object.itself(), cause).json());
            };
            if seen & bit != 0 {
                return Err(self
                    .refuse(Some(start), object.field(name), Cause::SecondField)
                    .json());
            }
            seen |= bit;
            if !self.eat(":") {
                return Err(self
                    .refuse_next(object.field(name), Expected::Json("':'"))
                    .json());
            }
            field(self, map, name)?;
        }
    }

    /// Steps to the next element of an array. The library takes a comma before the first element, and then no longer
    /// asks for one before the second; so this is refused here.
    pub(super) fn element(&mut self, index: usize, place: Place) -> Result<(), Stop> {
        if !self.eat(",") || index != 0 {
            return Ok(());
        }
        self.at -= 1;
        Err(self.refuse_next(place, Expected::Json("a value or ']'")))
    }

    /// A string with its escapes replaced; `expected` is what is said of any other value and of one over 63 bytes.
    pub(super) fn text(
        &mut self,
        place: Place,
        expected: Expected,
        value: &Value<'t>,
    ) -> Result<String<NAME_BYTES_MAX>, Stop> {
        let expected = match value.scalar {
            Scalar::Text(raw) => match unescape(raw) {
                Ok(text) => return Ok(text),
                Err(BadString::TooLong) => expected,
                Err(BadString::Control) => Expected::QuotedOnItsLine,
                Err(BadString::Escape) => Expected::Escape,
            },
            _ => expected,
        };
        Err(self.refuse_value(place, expected, value))
    }

    /// A whole number in a range.
    pub(super) fn whole(
        &mut self,
        place: Place,
        min: u32,
        max: u32,
        value: &Value<'t>,
    ) -> Result<u32, Stop> {
        match value.scalar {
            Scalar::Whole(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(self.refuse_value(place, Expected::Whole { min, max }, value)),
        }
    }

    /// A whole number from 0 or 1 upwards that fits a byte.
    pub(super) fn small(
        &mut self,
        place: Place,
        min: u8,
        max: u8,
        value: &Value<'t>,
    ) -> Result<u8, Stop> {
        let number = self.whole(place, min.into(), max.into(), value)?;
        Ok(u8::try_from(number).unwrap_or(max))
    }
}

/// The number of the line that begins or goes on behind this.
pub(super) fn line_behind(before: &[u8]) -> u32 {
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}

/// Reads a [`Value`] of any kind.
///
/// The library is asked for the kind that the first byte promises. It stops reading a number or word where that could end
/// (`0123` is 0, `1.5` is 1, `truest` is true), so the whole token is compared with what it made of it.
pub(super) struct AnyValue<'r, 't>(pub(super) &'r mut Reader<'t>);

impl<'t> DeserializeSeed<'t> for AnyValue<'_, 't> {
    type Value = Value<'t>;

    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<Value<'t>, D::Error> {
        let AnyValue(reader) = self;
        let start = reader.here();
        let token = reader.token();
        let mut len = token.len();
        let scalar = match token.as_bytes() {
            [b'"', ..] => {
                let raw = from.deserialize_str(RawText)?;
                len = raw.len() + 2;
                Scalar::Text(raw)
            }
            b"0" | [b'1'..=b'9', ..] if token.bytes().all(|byte| byte.is_ascii_digit()) => from
                .deserialize_u32(Number)
                .map_or(Scalar::Other, Scalar::Whole),
            b"true" | b"false" => Scalar::Flag(from.deserialize_bool(Flag)?),
            b"null" => from.deserialize_unit(Null).map(|()| Scalar::Null)?,
            _ => Scalar::Other,
        };
        reader.at = start + len;
        Ok(Value {
            scalar,
            start,
            token,
        })
    }
}

/// Reads an object whose fields are all plain values.
pub(super) struct Leaf<'r, 't, F> {
    pub(super) reader: &'r mut Reader<'t>,
    pub(super) object: Object,
    pub(super) names: &'static [&'static str],
    pub(super) field: F,
}

impl<'t, F> DeserializeSeed<'t> for Leaf<'_, 't, F>
where
    F: FnMut(&mut Reader<'t>, &'static str, &Value<'t>) -> Result<(), Stop>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<(), D::Error> {
        if self.reader.token() != "{" {
            return Err(self
                .reader
                .refuse_next(self.object.itself(), Expected::Json("an object"))
                .json());
        }
        from.deserialize_map(self)
    }
}

impl<'t, F> Visitor<'t> for Leaf<'_, 't, F>
where
    F: FnMut(&mut Reader<'t>, &'static str, &Value<'t>) -> Result<(), Stop>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let Leaf {
            reader,
            object,
            names,
            mut field,
        } = self;
        reader.fields(&mut map, object, names, |reader, map, name| {
            let value = map.next_value_seed(AnyValue(reader))?;
            field(reader, name, &value).map_err(Stop::json)
        })
    }
}

/// Takes a string as it stands in the text: the library is given no buffer to unescape it into, so it always can.
struct RawText;

impl<'t> DeserializeSeed<'t> for RawText {
    type Value = &'t str;

    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<&'t str, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for RawText {
    type Value = &'t str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, raw: &'t str) -> Result<&'t str, E> {
        Ok(raw)
    }
}

struct Number;

impl Visitor<'_> for Number {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u32<E: Error>(self, number: u32) -> Result<u32, E> {
        Ok(number)
    }
}

struct Flag;

impl Visitor<'_> for Flag {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<bool, E> {
        Ok(flag)
    }
}

struct Null;

impl Visitor<'_> for Null {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
