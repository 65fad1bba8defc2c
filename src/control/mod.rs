//! The one vocabulary that the command line, the page and the tests speak with the daemon.
//!
//! Must not: decide, look at sockets, or know how the kernel says things.
//!
//! On the control socket every line is one JSON value:
//!
//! 1. The client sends a [`Request`] as one line, which the daemon reads as [`Heard`]; for [`Verb::ConfigApply`] and [`Verb::ConfigCheck`] a second line follows that is the
//!    configuration itself, for [`Verb::Password`] one that is a string, the hash of the password, or `null` for none, for
//!    [`Verb::Login`] one that is the password, and for [`Verb::Enroll`] two: the new one, and the one before or `null`.
//! 2. The daemon answers with one line: a [`Failure`] as `{"error":{...}}`, or the verb's answer ([`Status`],
//!    [`Changed`], the configuration, `{"ok":true}` for one that was only looked at), or, for [`Verb::Devices`], [`Verb::Flows`] and [`Verb::Doctor`], an object whose only field is
//!    an array of [`Device`], [`Flow`] or [`Finding`]. Such a line may have no bound, so it is written and read element by element
//!    ([`Elements`]).
//!    [`Verb::Watch`] is answered with a line now and with more as things change ([`Live`]).
//! 3. The connection may be used again, unless it watches.
//!
//! What an answer consists of is said once, in [`Record::fields`]; [`fill`] and [`write()`] go by it, whoever reads or writes.
//!
//! A line of `watch` has, of these, what changed since the one before; a whole line has all of them, and is the only one with `m`:
//!
//! | key | what |
//! | --- | --- |
//! | `g`, `m` | a number that changes when devices come, go or have another name or class; their MAC addresses, in the order of `devices` |
//! | `c` | CRC-32 of the configuration in force, as one line |
//! | `s`, `r` | the state and its reason, as in [`Status`] |
//! | `p` | percent of the line's bytes that went through our queues, up and down; null where it cannot be told |
//! | `n` | kbit/s of the line, up and down |
//! | `k` | the names of the lanes |
//! | `l` | of each lane: its place in `k`, kbit/s up and down, the wait in its queue in ms up and down |
//! | `d` | of each device: its place in `m`, kbit/s up and down; one that no line since the whole one tells of is silent |
//! | `t` | how long the line takes there and back, in 0.1 ms: now, and the least of the last hour; null where it is not known |
//! | `f` | flows in the conntrack table, and how many fit |
//!
//! Told nonsense (no JSON, an unknown verb, a line over [`REQUEST_BYTES_MAX`]) the daemon answers with a [`Failure`] whose fault is
//! `input`, and changes nothing.

mod answer;
mod body;
mod elements;
mod failure;
mod json;
mod live;
mod record;
mod request;
mod write;

pub use answer::{
    BadAnswer, Changed, ClassStatus, Device, Direction, Doctor, FINDINGS_MAX, Finding, Flow,
    History, Line, PROVEN_PERCENT_MIN, REASON_BYTES_MAX, Side, State, Status, Text, VERSIONS_MAX,
    Version,
};
pub use body::{Found, ask, text_field};
pub use elements::{ELEMENT_BYTES_MAX, Elements, NESTING_MAX, Piece};
pub use failure::{FAILURE_BYTES_MAX, Failure, Fault, Refusal};
pub use json::{fill, read, text_or_null};
pub use live::{Live, UNKNOWN, WATCHERS_MAX, hear};
pub use record::{Fields, List, Number, Record};
pub use request::{BadRequest, Heard, REQUEST_BYTES_MAX, Request, Verb};
pub use write::{quote, write};
