//! Small objects that come from outside of the vocabulary: what a browser sends.

use heapless::string::StringView;

use super::BadAnswer;
use super::json::Json;
use super::write::Writer;

/// A field that shall be a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no such field.
    Nothing,
    /// It is null.
    Null,
    /// It is a text.
    Text,
}

/// Reads a field of an object; a text is put in the place of what was in `to`.
///
/// # Errors
/// [`BadAnswer::Form`] when it is something else, is there twice, or is longer than there is room for.
pub fn text_field(object: &[u8], name: &str, to: &mut StringView) -> Result<Found, BadAnswer> {
    let mut found = Found::Nothing;
    let mut fields = Json::whole(object)?.fields()?;
    while let Some((field, value)) = fields.next()? {
        if field != name.as_bytes() {
            continue;
        }
        if found != Found::Nothing {
            return Err(BadAnswer::Form);
        }
        found = match value.optional() {
            None => Found::Null,
            Some(text) => {
                text.text(to)?;
                Found::Text
            }
        };
    }
    Ok(found)
}

/// Writes a request line, with its end, behind what is in `to`.
pub fn ask(verb: &str, device: Option<&str>, class: Option<&str>, to: &mut Vec<u8>) {
    let mut writer = Writer::object(to);
    writer.quote_or_null("verb", Some(verb));
    for (name, value) in [("device", device), ("class", class)] {
        if value.is_some() {
            writer.quote_or_null(name, value);
        }
    }
    writer.end();
    to.push(b'\n');
}
