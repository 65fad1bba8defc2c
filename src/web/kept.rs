//! Answers that are asked for all the time, kept for a moment.

use core::time::Duration;
use std::rc::Rc;

use crate::value::{Crc32, Instant};

/// How long an answer is good: what it tells is measured once a second at most.
pub const KEPT_MAX: Duration = Duration::from_secs(1);

/// Which answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Of `status`.
    Status,
    /// Of `devices`.
    Devices,
}

impl Which {
    pub(super) const ALL: [Which; 2] = [Which::Status, Which::Devices];

    /// The verb.
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Which::Status => "status",
            Which::Devices => "devices",
        }
    }
}

/// A kept answer, and whether a newer one is on its way.
#[derive(Default)]
pub(super) struct Kept {
    answer: Option<(Rc<Vec<u8>>, u32, Instant)>,
    /// Somebody waits for one.
    pub(super) wanted: bool,
    /// A new one is on its way.
    pub(super) asked: bool,
}

impl Kept {
    /// The answer and its tag, while it is good.
    pub(super) fn get(&self, now: Instant) -> Option<(Rc<Vec<u8>>, u32)> {
        let (answer, tag, since) = self.answer.as_ref()?;
        (now.since(*since) < KEPT_MAX).then(|| (answer.clone(), *tag))
    }

    /// A new one came.
    pub(super) fn put(&mut self, now: Instant, answer: Vec<u8>) -> (Rc<Vec<u8>>, u32) {
        let tag = Crc32::of(&answer);
        let answer = Rc::new(answer);
        self.asked = false;
        self.answer = Some((answer.clone(), tag, now));
        (answer, tag)
    }

    /// What is kept may be wrong now.
    pub(super) fn forget(&mut self) {
        self.answer = None;
    }
}
