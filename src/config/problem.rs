use core::fmt::{self, Write};

use super::{CONFIG_BYTES_MAX, LANS_MAX, NAME_BYTES_MAX, RATE_MAX, RATE_MIN, Shares, VERSION};
use crate::value::{BadIfName, BadMac, BadMarkLayout, BadTimeZone, UnknownClass, utf8};

/// Bytes of the text that a problem quotes: enough to find it again, and a message stays on one line of a terminal.
pub const FOUND_BYTES_MAX: usize = 32;

/// Why a text is no configuration: the first thing in it that is wrong, as one line.
///
/// It is small and owns what it quotes, so it outlives the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1; none when it is about the text as a whole, or about something that is not in it.
    pub line: Option<u32>,
    /// The object or field.
    pub place: Place,
    /// What is wrong there.
    pub cause: Cause,
}

const _: () = assert!(
    size_of::<Problem>() <= 128,
    "a problem is handed around by value"
);

/// A place in the form of the text, shown as `wan.up_kbit`, `lan[1]` or `devices[3].mac`; the first element is number 0,
/// as `jq` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The object.
    pub object: Object,
    /// A field of it, or none for the object itself.
    pub field: Option<&'static str>,
}

/// An object of the text, or an element of one of its arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The outermost.
    Whole,
    /// The value of this field of the outermost.
    Named(&'static str),
    /// This element of the array with that name.
    Element(&'static str, usize),
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is nothing, or nothing but white space.
    Empty,
    /// The text has so many bytes, over [`CONFIG_BYTES_MAX`].
    TooLong(usize),
    /// This byte cannot stand there in UTF-8.
    NotUtf8(u8),
    /// Something else was expected.
    Unexpected(Expected, Found),
    /// The object has no such field, but these.
    UnknownField(&'static [&'static str], Found),
    /// The field was there before.
    SecondField,
    /// The array has more elements than so many.
    TooMany(usize),
    /// Fields that do not go together: what was expected and what was found.
    Misfit(&'static str),
    /// The rule with this number matches first whatever this one could match.
    Covered(usize),
    /// The guarantees, given or by default, add up to more than 100 percent.
    SharesAbove100(Shares),
}

/// What was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Of JSON: a character, or a kind of value.
    Json(&'static str),
    /// What these words say, which stand with who found it missing.
    This(&'static str),
    /// A string whose control characters are escaped. A line break in a string is most often a forgotten quote.
    QuotedOnItsLine,
    /// An escape that JSON knows.
    Escape,
    /// The version that we know.
    Version,
    /// A whole number in a range.
    Whole {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// A rate, which an enabled configuration cannot do without.
    RateWhenEnabled,
    /// An interface or `auto`.
    Interface,
    /// Interfaces or `auto`.
    Lan,
    /// An interface of the LAN.
    LanInterface,
    /// An interface of the LAN that the WAN is not on.
    OtherThanWan,
    /// An interface of the WAN that the LAN is not on.
    OtherThanLan,
    /// An interface that is not in the list yet.
    NewInterface,
    /// A link layer.
    LinkLayer,
    /// A class that can be everybody's.
    DefaultClass,
    /// A class.
    Class,
    /// A MAC address.
    Mac(BadMac),
    /// A MAC address that no device before has.
    NewMac,
    /// A device name.
    Name,
    /// A device name that `set` cannot take for an address.
    NameNotAddress,
    /// A device name that no device before has.
    NewName,
    /// A device that has one of the three.
    NameOrClass,
    /// A ceiling that leaves a class its share.
    Ceiling {
        /// Percent of the line that it is promised.
        share: u8,
    },
    /// A mask.
    Mask,
    /// A mask and shift that can hold the classes.
    Mark(BadMarkLayout),
    /// A time zone, or `auto`.
    TimeZone,
    /// Days of the week.
    Days,
    /// A time of day.
    TimeOfDay,
    /// Another time of day than the one that the window begins at.
    OtherTimeOfDay,
    /// What a schedule does.
    Scheduled,
}

/// What was found: the raw text, cut at [`FOUND_BYTES_MAX`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The text ends there.
    End,
    /// The field is not there.
    Nothing,
    /// This.
    Text {
        /// UTF-8, the first `len` of them.
        bytes: [u8; FOUND_BYTES_MAX],
        /// How many.
        len: u8,
        /// Whether there was more.
        cut: bool,
    },
}

impl Object {
    /// The object itself.
    pub(super) const fn itself(self) -> Place {
        Place {
            object: self,
            field: None,
        }
    }

    /// A field of it.
    pub(super) const fn field(self, field: &'static str) -> Place {
        Place {
            object: self,
            field: Some(field),
        }
    }
}

impl Found {
    /// Quotes a piece of the text; an empty one means that the text ends.
    pub(super) fn of(text: &str) -> Found {
        if text.is_empty() {
            return Found::End;
        }
        let kept = text
            .get(..text.floor_char_boundary(FOUND_BYTES_MAX))
            .unwrap_or_default();
        let mut bytes = [0; FOUND_BYTES_MAX];
        for (to, from) in bytes.iter_mut().zip(kept.bytes()) {
            *to = from;
        }
        Found::Text {
            bytes,
            len: u8::try_from(kept.len()).unwrap_or(0),
            cut: kept.len() < text.len(),
        }
    }
}

impl Found {
    /// A number that follows from what was read.
    pub(super) fn number(number: u32) -> Found {
        let mut text = heapless::String::<10>::new();
        // Ten digits hold every number of 32 bits.
        let _ = write!(text, "{number}");
        Found::of(&text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if self.place != Object::Whole.itself() {
            write!(f, "{}: ", self.place)?;
        }
        fmt::Display::fmt(&self.cause, f)
    }
}

impl core::error::Error for Problem {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field.unwrap_or_default();
        let dot = self.field.map_or("", |_| ".");
        let words = match &self.object {
            Object::Whole => format_args!("{field}"),
            Object::Named(name) => format_args!("{}{dot}{field}", *name),
            Object::Element(name, index) => format_args!("{}[{}]{dot}{field}", *name, *index),
        };
        f.write_fmt(words)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Cause::Empty => format_args!(
                "expected a configuration like {{\"version\": {VERSION}}}, found an empty text"
            ),
            Cause::TooLong(bytes) => {
                format_args!(
                    "expected at most {CONFIG_BYTES_MAX} bytes, found {}",
                    *bytes
                )
            }
            Cause::NotUtf8(byte) => {
                format_args!("expected UTF-8 text, found the byte 0x{:02x}", *byte)
            }
            Cause::Unexpected(expected, found) => format_args!("{}, found {}", *expected, *found),
            Cause::UnknownField(names, found) => {
                f.write_str("expected one of the fields ")?;
                for name in *names {
                    write!(f, "{name}, ")?;
                }
                format_args!("found {}", *found)
            }
            Cause::SecondField => format_args!("expected this field once, found it again"),
            Cause::TooMany(max) => format_args!("expected at most {}, found one more", *max),
            Cause::Misfit(words) => return f.write_str(words),
            Cause::Covered(rule) => format_args!(
                "expected a rule that can match, found that rules[{}] takes all its flows first",
                *rule
            ),
            Cause::SharesAbove100(shares) => format_args!(
                "expected a sum of at most 100, found {}: premium {}, express {}, standard {}, bulk {}",
                shares.sum(),
                shares.premium,
                shares.express,
                shares.standard,
                shares.bulk
            ),
        };
        f.write_fmt(words)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Expected::Json(what) | Expected::This(what) => format_args!("expected {}", *what),
            Expected::QuotedOnItsLine => {
                format_args!(
                    "expected a string that ends on its line and has no raw control characters"
                )
            }
            Expected::Escape => {
                format_args!(r#"expected an escape of JSON (\" \\ \/ \b \f \n \r \t \u0000)"#)
            }
            Expected::Version => {
                format_args!("expected {VERSION}, the only version that this program knows")
            }
            Expected::Whole { min, max } => {
                format_args!("expected a whole number from {} to {}", *min, *max)
            }
            Expected::RateWhenEnabled => {
                format_args!(
                    "expected a whole number from {} to {} when enabled is true",
                    RATE_MIN.0, RATE_MAX.0
                )
            }
            Expected::Interface => format_args!("{BadIfName}, or \"auto\""),
            Expected::Lan => {
                format_args!("expected \"auto\" or an array of 1 to {LANS_MAX} interface names")
            }
            Expected::LanInterface => format_args!("{BadIfName}"),
            Expected::OtherThanWan => format_args!("expected an interface other than the WAN's"),
            Expected::OtherThanLan => format_args!("expected an interface other than the LAN's"),
            Expected::NewInterface => format_args!("expected each interface once"),
            Expected::LinkLayer => format_args!(
                "expected none, ethernet, docsis, ptm, pppoe-ptm, or adsl-pppoa, adsl-bridged or adsl-pppoe with -vc or -llc"
            ),
            Expected::DefaultClass => {
                format_args!(
                    "expected premium, express, standard or bulk (by default exempt, nothing would be managed)"
                )
            }
            Expected::Class => format_args!("{UnknownClass}"),
            Expected::Mac(bad) => format_args!("{}", *bad),
            Expected::NewMac => format_args!("expected each MAC address once"),
            Expected::Name => format_args!(
                "expected a name of 1 to {NAME_BYTES_MAX} bytes without control characters"
            ),
            Expected::NameNotAddress => {
                format_args!("expected a name that is no MAC or IP address")
            }
            Expected::NewName => format_args!("expected each name once, in any case"),
            Expected::NameOrClass => format_args!("expected a name, a class or a cap"),
            Expected::Ceiling { share } => {
                format_args!("expected at least its share of {}", *share)
            }
            Expected::Mask => format_args!("expected a mask of up to 32 bits like \"0x7f\""),
            Expected::Mark(bad) => format_args!("{}", *bad),
            Expected::TimeZone => format_args!("{BadTimeZone}, or \"auto\""),
            Expected::Days => format_args!("expected days like \"mon-fri\" or \"sat,sun\""),
            Expected::TimeOfDay => {
                format_args!("expected a time of day from \"00:00\" to \"24:00\"")
            }
            Expected::OtherTimeOfDay => {
                format_args!(
                    "expected an end other than the beginning (\"00:00\" to \"24:00\" is all day)"
                )
            }
            Expected::Scheduled => {
                format_args!("expected a mac and a class, or \"enabled\": false")
            }
        };
        f.write_fmt(words)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, len, cut) = match self {
            Found::End => return f.write_str("the end of the text"),
            Found::Nothing => return f.write_str("nothing"),
            Found::Text { bytes, len, cut } => (bytes, *len, *cut),
        };
        let text = utf8(bytes.get(..usize::from(len)).unwrap_or_default()).unwrap_or_default();
        for letter in text.chars() {
            if is_invisible(letter) {
                write!(f, "\\u{{{:x}}}", u32::from(letter))?
            } else {
                f.write_char(letter)?
            }
        }
        if cut { f.write_str("...") } else { Ok(()) }
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a character would move the cursor, change the direction of the line, or show nothing.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
