use core::fmt;

use heapless::String;

use super::write_cut;

/// Bytes of the kernel's own words that are kept; the longest seen have 60.
pub const REFUSED_TEXT_BYTES_MAX: usize = 80;

/// The system's no. Two words, since it is handed up through every call that can be refused, and most are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Words);

/// Only words that somebody made up for this one refusal take memory: what happens to a router by itself is refused in known ones.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Words {
    Known(&'static Meaning),
    Told(Box<Told>),
}

/// What a refusal means, and the words for it that are always the same.
pub type Meaning = (Cause, &'static str);

/// What a refusal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    cause: Cause,
    /// The kernel's extended ack, say.
    text: String<REFUSED_TEXT_BYTES_MAX>,
}

/// What a refusal means to us. Error numbers differ between architectures, so `sys` translates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is not there (`ENOENT`, `ENODEV`).
    Gone,
    /// It is there already (`EEXIST`).
    Exists,
    /// We may not (`EPERM`, `EACCES`).
    Denied,
    /// The kernel does not have this (`EOPNOTSUPP`, `EPROTONOSUPPORT`, `EAFNOSUPPORT`).
    Unsupported,
    /// It makes no sense to the kernel (`EINVAL`).
    Invalid,
    /// Somebody else is at it (`EBUSY`, `EAGAIN`, `EINTR` of a dump that was overtaken).
    Busy,
    /// The device is full (`ENOSPC`).
    Full,
    /// Anything else.
    Other,
}

impl Refused {
    /// A refusal in words that are always the same. Allocates nothing.
    pub const fn known(meaning: &'static Meaning) -> Refused {
        Refused(Words::Known(meaning))
    }

    /// A refusal; what does not fit of the text is cut.
    pub fn new(cause: Cause, text: &str) -> Refused {
        Refused::told(cause, format_args!("{text}"))
    }

    /// A refusal of other meaning, in these words; what does not fit is left out.
    pub fn other(words: fmt::Arguments<'_>) -> Refused {
        Refused::told(Cause::Other, words)
    }

    fn told(cause: Cause, words: fmt::Arguments<'_>) -> Refused {
        let mut text = String::new();
        write_cut(&mut text, words);
        Refused(Words::Told(Box::new(Told { cause, text })))
    }

    /// What it means.
    pub const fn cause(&self) -> Cause {
        match &self.0 {
            Words::Known((cause, _)) => *cause,
            Words::Told(told) => told.cause,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Words::Known((_, words)) => words,
            Words::Told(told) => &told.text,
        })
    }
}
