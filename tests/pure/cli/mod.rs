//! The command line: words, tables, and the socket to a daemon that is played by a thread.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends that way"
)]

mod answers;
mod client;
mod daemon;
mod password;
mod tables;
mod watch;
mod words;
