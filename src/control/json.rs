//! Reads the vocabulary from JSON, looking at the bytes where they lie.
//!
//! By hand and not by the derives: for our eight answers those are 48 kB of code (measured, x86_64, `-Copt-level=s`), this is 6 kB. The
//! derives stay for programs on the host. A value that nobody asks for is only skipped: its brackets and strings are matched.

use core::fmt::Write;

use heapless::{String, Vec};

use super::elements::Nest;
use super::{
    BadAnswer, Changed, ClassStatus, Device, Failure, Fault, Finding, Flow, Line, Side, State,
    Status,
};

/// Reads one answer, or one element of an answer.
///
/// # Errors
/// [`BadAnswer::Form`] when it is no `T`, or when a text of it is longer than `T` holds.
pub fn read<T: FromJson>(bytes: &[u8]) -> Result<T, BadAnswer> {
    T::from_json(Json::whole(bytes)?)
}

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads it; fields that it does not know are skipped, since they are those of a newer daemon.
    ///
    /// # Errors
    /// [`BadAnswer`] when it is something else.
    fn from_json(json: Json<'_>) -> Result<Self, BadAnswer>;
}

/// The bytes of one JSON value.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(&'a [u8]);

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

    fn items(self) -> Result<Entries<'a>, BadAnswer> {
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

    fn flag(self) -> Result<bool, BadAnswer> {
        match self.0 {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(BadAnswer::Form),
        }
    }

    fn number(self) -> Result<u64, BadAnswer> {
        if self.0.len() > 1 && self.0.starts_with(b"0") {
            return Err(BadAnswer::Form);
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(10);
        self.0
            .iter()
            .try_fold(0_u64, |number, byte| {
                number.checked_mul(10)?.checked_add(u64::from(digit(byte)?))
            })
            .ok_or(BadAnswer::Form)
    }

    fn small<T: TryFrom<u64>>(self) -> Result<T, BadAnswer> {
        T::try_from(self.number()?).map_err(|_| BadAnswer::Form)
    }

    /// The text of a string that has at most `N` bytes.
    pub(super) fn text<const N: usize>(self) -> Result<String<N>, BadAnswer> {
        let mut text = String::new();
        self.unescape(&mut text)?;
        Ok(text)
    }

    /// Writes the text of a string. Bytes that are no UTF-8 become `?`: one strange name must not hide all others.
    fn unescape(self, to: &mut dyn Write) -> Result<(), BadAnswer> {
        let inside = self
            .0
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .ok_or(BadAnswer::Form)?;
        let form = |_| BadAnswer::Form;
        for chunk in inside.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some((plain, escape)) = rest.split_once('\\') {
                to.write_str(plain).map_err(form)?;
                let (letter, after) = unescaped(escape).ok_or(BadAnswer::Form)?;
                to.write_char(letter).map_err(form)?;
                rest = after;
            }
            to.write_str(rest).map_err(form)?;
            chunk
                .invalid()
                .iter()
                .try_for_each(|_| to.write_char('?'))
                .map_err(form)?;
        }
        Ok(())
    }

    fn list<T: FromJson, const N: usize>(self) -> Result<Vec<T, N>, BadAnswer> {
        let mut list = Vec::new();
        let mut items = self.items()?;
        while let Some((_, item)) = items.next()? {
            list.push(T::from_json(item)?)
                .map_err(|_| BadAnswer::Form)?;
        }
        Ok(list)
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

/// The character of the escape behind a backslash, and what stands behind it.
fn unescaped(escape: &str) -> Option<(char, &str)> {
    let mut letters = escape.chars();
    let letter = match letters.next()? {
        letter @ ('"' | '\\' | '/') => letter,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (first, rest) = unit(letters.as_str())?;
            if !(0xd800..0xe000).contains(&first) {
                return Some((char::from_u32(first)?, rest));
            }
            let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
            let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
            return Some((char::decode_utf16(pair).next()?.ok()?, rest));
        }
        _ => return None,
    };
    Some((letter, letters.as_str()))
}

/// Four hex digits.
fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let number = digits
        .chars()
        .try_fold(0, |number, digit| Some(number * 16 + digit.to_digit(16)?))?;
    Some((number, rest))
}

impl<const N: usize> FromJson for String<N> {
    fn from_json(json: Json<'_>) -> Result<String<N>, BadAnswer> {
        json.text()
    }
}

impl FromJson for Failure {
    fn from_json(json: Json<'_>) -> Result<Failure, BadAnswer> {
        let fault = match json.field("fault")?.text::<8>()?.as_str() {
            "refused" => Fault::Refused,
            "input" => Fault::Input,
            _ => return Err(BadAnswer::Form),
        };
        Ok(Failure {
            fault,
            message: json.field("message")?.text()?,
        })
    }
}

impl FromJson for Status {
    fn from_json(json: Json<'_>) -> Result<Status, BadAnswer> {
        let state = match json.field("state")?.text::<8>()?.as_str() {
            "off" => State::Off,
            "on" => State::On,
            "waiting" => State::Waiting,
            "failing" => State::Failing,
            _ => return Err(BadAnswer::Form),
        };
        Ok(Status {
            state,
            reason: json.field("reason")?.text()?,
            version: json.field("version")?.text()?,
            pid: json.field("pid")?.small()?,
            uptime_s: json.field("uptime_s")?.number()?,
            up: Side::from_json(json.field("up")?)?,
            down: Side::from_json(json.field("down")?)?,
            classes: json.field("classes")?.list()?,
            devices: json.field("devices")?.small()?,
            flows: json.field("flows")?.small()?,
            flows_max: json.field("flows_max")?.small()?,
            saved: json.field("saved")?.flag()?,
        })
    }
}

impl FromJson for Side {
    fn from_json(json: Json<'_>) -> Result<Side, BadAnswer> {
        Ok(Side {
            interface: json.field("interface")?.text()?,
            line_kbit: json.field("line_kbit")?.small()?,
            rate_kbit: json.field("rate_kbit")?.small()?,
            proven_percent: json
                .field("proven_percent")?
                .optional()
                .map(Json::small)
                .transpose()?,
            leaf: json.field("leaf")?.text()?,
        })
    }
}

impl FromJson for ClassStatus {
    fn from_json(json: Json<'_>) -> Result<ClassStatus, BadAnswer> {
        Ok(ClassStatus {
            class: json.field("class")?.text()?,
            mark: json.field("mark")?.small()?,
            up: Line::from_json(json.field("up")?)?,
            down: Line::from_json(json.field("down")?)?,
        })
    }
}

impl FromJson for Line {
    fn from_json(json: Json<'_>) -> Result<Line, BadAnswer> {
        Ok(Line {
            guarantee_kbit: json.field("guarantee_kbit")?.small()?,
            rate_kbit: json.field("rate_kbit")?.small()?,
            bytes: json.field("bytes")?.number()?,
            packets: json.field("packets")?.number()?,
            dropped: json.field("dropped")?.small()?,
            backlog_bytes: json.field("backlog_bytes")?.small()?,
            delay_ms: json.field("delay_ms")?.small()?,
        })
    }
}

impl FromJson for Device {
    fn from_json(json: Json<'_>) -> Result<Device, BadAnswer> {
        Ok(Device {
            name: json.field("name")?.text()?,
            mac: json.field("mac")?.text()?,
            addresses: json.field("addresses")?.list()?,
            class: json
                .field("class")?
                .optional()
                .map(Json::text)
                .transpose()?,
            flows: json.field("flows")?.small()?,
            up_kbit: json
                .field("up_kbit")?
                .optional()
                .map(Json::small)
                .transpose()?,
            down_kbit: json
                .field("down_kbit")?
                .optional()
                .map(Json::small)
                .transpose()?,
            seen_s: json
                .field("seen_s")?
                .optional()
                .map(Json::small)
                .transpose()?,
        })
    }
}

impl FromJson for Flow {
    fn from_json(json: Json<'_>) -> Result<Flow, BadAnswer> {
        Ok(Flow {
            proto: json.field("proto")?.text()?,
            src: json.field("src")?.text()?,
            sport: json.field("sport")?.small()?,
            dst: json.field("dst")?.text()?,
            dport: json.field("dport")?.small()?,
            device: json.field("device")?.text()?,
            class: json
                .field("class")?
                .optional()
                .map(Json::text)
                .transpose()?,
            mark: json.field("mark")?.small()?,
            bytes_out: json
                .field("bytes_out")?
                .optional()
                .map(Json::number)
                .transpose()?,
            bytes_back: json
                .field("bytes_back")?
                .optional()
                .map(Json::number)
                .transpose()?,
        })
    }
}

impl FromJson for Changed {
    fn from_json(json: Json<'_>) -> Result<Changed, BadAnswer> {
        Ok(Changed {
            mac: json.field("mac")?.text()?,
            name: json.field("name")?.text()?,
            flows_marked: json.field("flows_marked")?.small()?,
            saved: json.field("saved")?.flag()?,
            remark: json.field("remark")?.text()?,
        })
    }
}

impl FromJson for Finding {
    fn from_json(json: Json<'_>) -> Result<Finding, BadAnswer> {
        Ok(Finding {
            what: json.field("what")?.text()?,
            good: json.field("good")?.flag()?,
            found: json.field("found")?.text()?,
        })
    }
}
