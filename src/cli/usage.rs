use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::config::NAME_BYTES_MAX;
use crate::value::UnknownClass;

use super::screen::cut;
use super::verbs::{OPTIONS, Operand, Opt, VERBS, Verb};

/// Columns of what is quoted of the user's words: they are on the screen already.
const FOUND_COLUMNS: usize = 60;

/// What is wrong with the words of a command.
#[derive(Clone)]
pub enum Usage {
    /// No verb at all.
    NoVerb,
    /// A word that is no verb.
    UnknownVerb {
        /// The word.
        found: OsString,
    },
    /// Half a verb, like `config`.
    NoSecondWord {
        /// The half.
        group: &'static str,
        /// What stands behind it.
        found: Option<OsString>,
    },
    /// A name that is no option.
    UnknownOption {
        /// The name.
        found: OsString,
    },
    /// An option of another verb.
    #[expect(
        private_interfaces,
        reason = "the table is the command line's own; an error only quotes it"
    )]
    ForeignOption {
        /// The verb.
        verb: &'static Verb,
        /// The option.
        option: &'static Opt,
    },
    /// An option without its value, or with an empty one.
    #[expect(
        private_interfaces,
        reason = "the table is the command line's own; an error only quotes it"
    )]
    NoValue {
        /// The option.
        option: &'static Opt,
        /// The option that stands in its place.
        found: Option<OsString>,
    },
    /// A value for an option that has none.
    #[expect(
        private_interfaces,
        reason = "the table is the command line's own; an error only quotes it"
    )]
    Valued {
        /// The option.
        option: &'static Opt,
        /// The value.
        found: OsString,
    },
    /// Two values for one option.
    #[expect(
        private_interfaces,
        reason = "the table is the command line's own; an error only quotes it"
    )]
    Twice {
        /// The option.
        option: &'static Opt,
    },
    /// A verb without one of its operands.
    #[expect(
        private_interfaces,
        reason = "the table is the command line's own; an error only quotes it"
    )]
    NoOperand {
        /// The verb.
        verb: &'static Verb,
        /// The operand.
        operand: &'static Operand,
    },
    /// A word too many.
    #[expect(
        private_interfaces,
        reason = "the table is the command line's own; an error only quotes it"
    )]
    Surplus {
        /// The verb.
        verb: &'static Verb,
        /// The word.
        found: OsString,
    },
    /// Nothing that could be a device.
    NoDevice {
        /// The verb or option.
        place: &'static str,
        /// The word.
        found: OsString,
    },
    /// No class.
    NoClass {
        /// The verb or option.
        place: &'static str,
        /// What was expected.
        why: UnknownClass,
        /// The word.
        found: OsString,
    },
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Usage::NoVerb => write!(f, "expected {}, found nothing", Choice(&first_words())),
            Usage::UnknownVerb { found } => write!(
                f,
                "expected {}, found {}",
                Choice(&first_words()),
                Quoted(found)
            ),
            Usage::NoSecondWord { group, found } => {
                let second = VERBS
                    .iter()
                    .filter_map(|verb| verb.name.strip_prefix(group)?.strip_prefix(' '));
                let second: Vec<_> = second.collect();
                write!(
                    f,
                    "{group}: expected {}, found {}",
                    Choice(&second),
                    Maybe(found.as_deref())
                )
            }
            Usage::UnknownOption { .. }
            | Usage::ForeignOption { .. }
            | Usage::NoValue { .. }
            | Usage::Valued { .. }
            | Usage::Twice { .. } => self.about_an_option(f),
            Usage::NoOperand { verb, operand } => {
                write!(
                    f,
                    "{}: expected {} ({}), found nothing",
                    verb.name, operand.name, operand.help
                )
            }
            Usage::Surplus { verb, found } => {
                write!(
                    f,
                    "{}: expected nothing more, found {}",
                    verb.name,
                    Quoted(found)
                )
            }
            Usage::NoDevice { place, found } => {
                write!(
                    f,
                    "{place}: expected a MAC address, an IP address or a name of 1 to {NAME_BYTES_MAX} bytes"
                )?;
                write!(f, " of UTF-8, found {}", Quoted(found))
            }
            Usage::NoClass { place, why, found } => {
                write!(f, "{place}: {why}, found {}", Quoted(found))
            }
        }
    }
}

impl Usage {
    fn about_an_option(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Usage::UnknownOption { found } => {
                let names: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
                write!(f, "expected {}, found {}", Choice(&names), Quoted(found))
            }
            Usage::ForeignOption { verb, option } => {
                let names: Vec<_> = verb
                    .options
                    .iter()
                    .map(|option| option.name)
                    .chain(["--help"])
                    .collect();
                write!(
                    f,
                    "{}: expected {}, found {}",
                    verb.name,
                    Choice(&names),
                    option.name
                )
            }
            Usage::NoValue { option, found } => {
                let what = option.value.map_or("", |(_, what)| what);
                write!(
                    f,
                    "{}: expected {what}, found {}",
                    option.name,
                    Maybe(found.as_deref())
                )
            }
            Usage::Valued { option, found } => {
                write!(
                    f,
                    "{}: expected no value, found {}",
                    option.name,
                    Quoted(found)
                )
            }
            Usage::Twice { option } => write!(f, "{}: expected once, found twice", option.name),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first word of each verb, once.
fn first_words() -> Vec<&'static str> {
    let mut words: Vec<_> = VERBS
        .iter()
        .map(|verb| verb.name.split(' ').next().unwrap_or_default())
        .collect();
    words.dedup();
    words
}

/// `a, b or c`.
struct Choice<'a>(&'a [&'static str]);

impl fmt::Display for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            f.write_str(match index {
                0 => "",
                index if index + 1 == self.0.len() => " or ",
                _ => ", ",
            })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// A word of the user's, in quotes, without what could play tricks.
struct Quoted<'a>(&'a OsStr);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", cut(&self.0.to_string_lossy(), FOUND_COLUMNS))
    }
}

/// The same, or nothing.
struct Maybe<'a>(Option<&'a OsStr>);

impl fmt::Display for Maybe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(word) => fmt::Display::fmt(&Quoted(word), f),
            None => f.write_str("nothing"),
        }
    }
}
