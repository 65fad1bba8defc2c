//! The lines of `watch`: what changed, compact, in pieces and without a copy of what it is about.

use heapless::{String, Vec as Row};

use super::BadAnswer;
use super::answer::REASON_BYTES_MAX;
use super::json::Json;
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

/// Numbers of a row at most.
const ROW_MAX: usize = 8;

/// Reads such a line: `each` gets the letter of a field with each of its rows of numbers, or each of its texts. Fields with longer names are
/// passed over.
///
/// # Errors
/// [`BadAnswer`]: something else.
pub fn hear(line: &[u8], each: &mut dyn FnMut(u8, &[u32], &str)) -> Result<(), BadAnswer> {
    let mut fields = Json::whole(line)?.fields()?;
    while let Some((name, value)) = fields.next()? {
        if let [name] = name {
            field(*name, value, each)?;
        }
    }
    Ok(())
}

/// An array of numbers is a row; what it holds of arrays and texts goes by itself.
fn field(
    name: u8,
    value: Json<'_>,
    each: &mut dyn FnMut(u8, &[u32], &str),
) -> Result<(), BadAnswer> {
    let mut row = Row::<u32, ROW_MAX>::new();
    if let Ok(mut items) = value.items() {
        while let Some((_, item)) = items.next()? {
            match item.number_or_null() {
                Some(number) => row.push(number).map_err(|_| BadAnswer::TooLong)?,
                None => field(name, item, each)?,
            }
        }
    } else if let Some(number) = value.number_or_null() {
        row.extend([number]);
    } else {
        let mut text = String::<REASON_BYTES_MAX>::new();
        value.text(&mut text)?;
        each(name, &[], &text);
    }
    if !row.is_empty() {
        each(name, &row, "");
    }
    Ok(())
}
