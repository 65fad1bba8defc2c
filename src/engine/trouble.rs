//! Why what is wished is not what is.

use core::fmt;

use super::links::Unplaced;
use crate::value::{IfName, Refused, TcHandle};

/// A reason that someone can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The WAN or the LAN is not known (yet).
    Unplaced(Unplaced),
    /// Somebody else has set a root qdisc on the device.
    Foreign {
        /// The device.
        dev: IfName,
        /// The qdisc's name.
        handle: TcHandle,
    },
    /// The kernel lacks something that nothing can stand in for.
    Lacks {
        /// What.
        what: &'static str,
        /// The kernel's option, for whoever builds the firmware.
        option: &'static str,
    },
    /// The kernel refused.
    Refused {
        /// What it was asked for.
        what: &'static str,
        /// Its words.
        refused: Refused,
    },
    /// Somebody else keeps undoing what we do.
    Fight {
        /// How often within a minute.
        rounds: u8,
    },
}

impl Trouble {
    /// Whether it ends by an event that we are told of.
    pub const fn waits_for_news(&self) -> bool {
        matches!(self, Trouble::Unplaced(_))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Unplaced(unplaced) => unplaced.fmt(f),
            Trouble::Foreign { dev, handle } => {
                write!(
                    f,
                    "{dev} has a root qdisc {handle} of another program (SQM, QoS); turn that off first"
                )
            }
            Trouble::Lacks { what, option } => {
                write!(f, "this kernel has no {what}; it needs {option}")
            }
            Trouble::Refused { what, refused } => write!(f, "the kernel refused {what}: {refused}"),
            Trouble::Fight { rounds } => {
                write!(
                    f,
                    "another program undid our queues or rules {rounds} times in a minute; next try in a minute"
                )
            }
        }
    }
}
