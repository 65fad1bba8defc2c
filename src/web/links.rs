//! The connections to the daemon, on each of which one question is asked at a time.

use core::time::Duration;

use super::Place;
use super::kept::Which;
use crate::value::Instant;

/// Links at most: the daemon gives four.
pub const LINKS_MAX: usize = 8;

/// Bytes of an answer at most that is told as a whole: 512 devices, with room. A longer one is none.
pub const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// Bytes of an answer without bound that wait for whoever asked: then the daemon waits too.
pub(super) const WAITING_BYTES: usize = 8 * 1024;

/// How long the daemon may take for an answer. The slowest is that of a change while a slow router writes thousands of marks.
pub const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// There is none.
    Absent,
    /// Nobody asks.
    Free,
    /// Somebody asks, or has gone since.
    Asked(Place),
    /// The flows are told to somebody.
    Told(Place),
    /// An answer is asked for that is kept.
    Kept(Which),
    /// What changes is told.
    Watch,
    /// What there is at the moment is told, for who has come to the live socket.
    Whole,
    /// It is to be closed.
    Over,
}

pub(super) struct Link {
    pub(super) used: Use,
    /// What is to be said, and how many bytes of it were.
    pub(super) output: Vec<u8>,
    pub(super) sent: usize,
    /// What was answered and is not told yet.
    pub(super) answer: Vec<u8>,
    /// Whether the end of the line was read.
    pub(super) ended: bool,
    /// Until when it has to be answered.
    pub(super) deadline: Option<Instant>,
}

impl Link {
    /// None yet.
    pub(super) const fn new() -> Link {
        Link {
            used: Use::Absent,
            output: Vec::new(),
            sent: 0,
            answer: Vec::new(),
            ended: false,
            deadline: None,
        }
    }

    /// What is still to be said.
    #[inline(never)]
    pub(super) fn rest(&self) -> &[u8] {
        self.output.get(self.sent..).unwrap_or_default()
    }

    /// Begins to ask.
    #[inline(never)]
    pub(super) fn ask(&mut self, used: Use, now: Instant) {
        self.used = used;
        self.sent = 0;
        self.answer = Vec::new();
        self.ended = false;
        // What is watched may be silent.
        self.deadline = (used != Use::Watch).then(|| now.after(ANSWER_MAX));
    }

    /// Is free again.
    #[inline(never)]
    pub(super) fn free(&mut self) {
        *self = Link {
            used: Use::Free,
            ..Link::new()
        };
    }

    /// Cannot be used again: what was asked on it is not answered to its end.
    #[inline(never)]
    pub(super) fn end(&mut self) {
        *self = Link {
            used: Use::Over,
            ..Link::new()
        };
    }
}
