//! The one vocabulary that the command line, the page and the tests speak with the daemon.
//!
//! Must not: decide, look at sockets, or know how the kernel says things.
//!
//! On the control socket every line is one JSON value:
//!
//! 1. The client sends a [`Request`] as one line, which the daemon reads as [`Heard`]; for [`Verb::ConfigApply`] a second line follows that is the
//!    configuration itself, and for [`Verb::Password`] one that is a string, the hash of the password.
//! 2. The daemon answers with one line: a [`Failure`] as `{"error":{...}}`, or the verb's answer ([`Status`],
//!    [`Changed`], the configuration), or, for [`Verb::Devices`], [`Verb::Flows`] and [`Verb::Doctor`], an object whose only field is
//!    an array of [`Device`], [`Flow`] or [`Finding`]. Such a line may have no bound, so it is written and read element by element
//!    ([`Elements`]).
//! 3. The connection may be used again.
//!
//! What an answer consists of is said once, in [`Record::fields`]; [`fill`] and [`write()`] go by it, whoever reads or writes.
//!
//! Told nonsense (no JSON, an unknown verb, a line over [`REQUEST_BYTES_MAX`]) the daemon answers with a [`Failure`] whose fault is
//! `input`, and changes nothing.

mod answer;
mod elements;
mod failure;
mod json;
mod record;
mod request;
mod write;

pub use answer::{
    BadAnswer, Changed, ClassStatus, Device, Direction, Doctor, FINDINGS_MAX, Finding, Flow, Line,
    PROVEN_PERCENT_MIN, REASON_BYTES_MAX, Side, State, Status, Text,
};
pub use elements::{ELEMENT_BYTES_MAX, Elements, NESTING_MAX, Piece};
pub use failure::{FAILURE_BYTES_MAX, Failure, Fault, Refusal};
pub use json::{fill, read};
pub use record::{Fields, List, Number, Record};
pub use request::{BadRequest, Heard, REQUEST_BYTES_MAX, Request, Verb};
pub use write::write;
