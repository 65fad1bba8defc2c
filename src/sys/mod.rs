//! The outside: netlink sockets, the poller, signals, files, the control socket, the clock, the log.
//!
//! Must not: know of classes, devices, or anything else of QoS. It is the only door to nix, and the only place that reads the clock, the
//! environment and `/proc`.
//!
//! What a platform must provide is what stands here: netlink, epoll, signalfd, UNIX sockets, a monotonic clock.

pub mod channel;
pub mod child;
pub mod client;
pub mod clock;
pub mod echo;
pub mod errno;
pub mod file;
pub mod keys;
pub mod listener;
pub mod log;
pub mod netlink;
pub mod path;
pub mod poller;
pub mod proc;
#[cfg(feature = "xtables")]
pub mod program;
pub mod sandbox;
pub mod secret;
/// Older versions of a document.
mod shelf;
pub mod signals;
/// The safe store of a document.
pub mod store;
pub mod tcp;
pub mod tcp_listener;

pub use shelf::Kept;
