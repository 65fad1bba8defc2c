//! Router QoS by device: lanes by MAC, conntrack marks, queues that are proven to shape.
//!
//! The folders are the layers, and values travel through them in one direction:
//!
//! ```text
//! kernel bytes -> wire -> engine -> apply -> wire -> kernel bytes
//!                          ^  |
//!        config, control --+  +--> replies
//! ```
//!
//! * [`value`]: the words that everybody uses: MAC addresses, classes, marks, rates, moments.
//! * [`wire`]: bytes become values and back. No state, no input or output.
//! * [`engine`]: decisions. It gets one input and the time and answers with operations; it reads no clock,
//!   file, socket or environment.
//! * [`apply`]: an operation becomes netlink bytes, or the input of `iptables-restore`. Runs nothing.
//! * [`config`]: what the user wrote becomes what it means.
//! * [`control`]: the one vocabulary of requests and responses between the daemon and its clients.
//! * [`cli`]: one file a verb.
//! * [`sys`]: the outside: sockets, poller, files, signals, clock. Knows nothing of QoS.
//! * [`web`]: the admin page: HTTP requests become requests of [`control`], and their answers HTTP. Pure, as the engine is.
//! * [`daemon`]: the loop that carries values between them.
//! * [`page`]: the loop of the process that speaks with browsers, which has no rights.
//! * `lab`: the house in namespaces; host builds only (feature `lab`).
//!
//! A test compares every `use crate::` line with this table.

pub mod apply;
pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod engine;
#[cfg(feature = "lab")]
pub mod lab;
pub mod page;
pub mod sys;
pub mod value;
pub mod web;
pub mod wire;
