//! What a client brings in the lines behind its request, when that is about the password.

use core::net::IpAddr;

use heapless::Vec;

use crate::control::{Heard, Verb};
use crate::value::Address;

/// Lines behind a request at most.
const LINES_MAX: usize = 2;

/// See the module.
pub(super) struct Errand {
    pub(super) verb: Verb,
    /// Who tries a password; none where that is not told.
    pub(super) from: Option<IpAddr>,
    pub(super) lines: Vec<std::vec::Vec<u8>, LINES_MAX>,
    /// It was counted as a try already.
    pub(super) counted: bool,
}

impl Errand {
    /// The errand that a request begins; none when the request has no lines behind it.
    pub(super) fn of(heard: &Heard) -> Option<Box<Errand>> {
        matches!(heard.verb, Verb::Password | Verb::Login | Verb::Enroll).then(|| {
            let from = heard.device.as_deref().and_then(Address::parse);
            Box::new(Errand {
                verb: heard.verb,
                from,
                lines: Vec::new(),
                counted: false,
            })
        })
    }

    /// Takes the next line. Returns whether it was the last.
    pub(super) fn take(&mut self, line: std::vec::Vec<u8>) -> bool {
        // As many as are waited for.
        let _ = self.lines.push(line);
        self.lines.len()
            == if self.verb == Verb::Enroll {
                LINES_MAX
            } else {
                1
            }
    }
}
