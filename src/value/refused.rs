use core::fmt;
use core::ops::Deref;

use heapless::String;

use super::write_cut;

/// Bytes of the kernel's own words that are kept; the longest seen have 60.
pub const REFUSED_TEXT_BYTES_MAX: usize = 80;

/// The system's no. A box, since it is handed up through every call that can be refused, and most are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Box<Told>);

/// What a refusal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it means.
    pub cause: Cause,
    /// The system's words: the kernel's extended ack, else the error's name.
    pub text: String<REFUSED_TEXT_BYTES_MAX>,
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
        Refused(Box::new(Told { cause, text }))
    }
}

impl Deref for Refused {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
