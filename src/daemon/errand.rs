//! What a client wants that the engine knows nothing of: passwords, which it brings in the lines behind its request, and what is stored.

use core::net::IpAddr;

use heapless::Vec;

use crate::control::{Heard, Verb};
use crate::value::{Address, decimal};

/// Lines behind a request at most.
const LINES_MAX: usize = 2;

/// A version of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The one before the one in force.
    Before,
    /// The one of this number.
    Number(u32),
    /// What was said is no number.
    Nonsense,
}

/// See the module.
pub(super) struct Errand {
    pub(super) verb: Verb,
    /// Who tries a password; none where that is not told.
    pub(super) from: Option<IpAddr>,
    /// Which version of the configuration it is about.
    pub(super) version: Wanted,
    pub(super) lines: Vec<std::vec::Vec<u8>, LINES_MAX>,
    /// It was counted as a try already.
    pub(super) counted: bool,
}

/// Lines behind a request that is an errand; none for one that is for the engine.
const fn lines(verb: Verb) -> Option<usize> {
    match verb {
        Verb::History | Verb::HistoryShow | Verb::Rollback => Some(0),
        Verb::Password | Verb::Login => Some(1),
        Verb::Enroll => Some(LINES_MAX),
        _ => None,
    }
}

impl Errand {
    /// The errand that a request begins; none when it is for the engine.
    pub(super) fn of(heard: &Heard) -> Option<Box<Errand>> {
        let device = heard.device.as_deref();
        lines(heard.verb).map(|_| {
            Box::new(Errand {
                verb: heard.verb,
                from: device.and_then(Address::parse),
                version: match device.map(decimal) {
                    None => Wanted::Before,
                    Some(None) => Wanted::Nonsense,
                    Some(Some(number)) => Wanted::Number(number),
                },
                lines: Vec::new(),
                counted: false,
            })
        })
    }

    /// Takes the next line.
    pub(super) fn take(&mut self, line: std::vec::Vec<u8>) {
        // As many as are waited for.
        let _ = self.lines.push(line);
    }

    /// Whether all its lines are there.
    pub(super) fn is_whole(&self) -> bool {
        Some(self.lines.len()) == lines(self.verb)
    }
}
