//! The admin page: who is let in, what is asked of the daemon, what is told to browsers; time by hand.
//!
//! `world` plays browsers, daemon and clock; the other files are promises.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "all of it is test, the functions between the tests too"
)]

mod answers;
mod crowd;
mod gate;
mod live;
mod metrics;
mod openapi;
mod passing;
mod plain;
mod schema;
mod session;
mod table;
mod world;
