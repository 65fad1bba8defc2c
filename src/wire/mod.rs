//! Bytes become values, and values become bytes: netlink frames and what they carry.
//!
//! Must not: keep state, do input or output, name a folder of ours other than the small values, panic on any bytes, or allocate
//! per message (the second reader of neighbour dumps goes through a package that does; the daemon does not call it).
//!
//! Words: a *datagram* is what one `recv` gives; it holds *messages*; a message has a header, a fixed part and *attributes*; an
//! attribute may be *nested*.
//!
//! How it is driven:
//! 1. [`netlink::messages`] cuts a datagram into messages; each family's `parse` makes a small value of one message.
//! 2. Each family's `emit` appends a message to a [`Writer`]; [`Writer::finish`] tells whether all of it fitted.
//!
//! Told nonsense: [`Malformed`], which names what was expected; nothing above has to be defensive. Unknown attributes and
//! unknown messages are skipped, since newer kernels have more of them. Attributes that are shorter than today's
//! (older kernels) are read as far as they go; what is missing is zero.
//!
//! Byte order: netlink speaks the machine's own order, with islands of network order (conntrack, nf_tables attributes). The order
//! is a value, [`Order`], so that recordings of big-endian kernels are read by the tests of a little-endian machine. Each
//! accessor says which it is: `u32` is the machine's, `be32` is the network's.
//!
//! Indexing stands in `cursor.rs` only.

mod cursor;
mod order;

pub mod address;
pub mod channel;
pub mod conntrack;
pub mod http;
pub mod icmp;
pub mod lease;
pub mod link;
pub mod neighbour;
pub mod netlink;
pub mod nft;
pub mod route;
pub mod tc;
pub mod websocket;
#[cfg(feature = "xtables")]
pub mod xtables;

pub use cursor::{Malformed, Overflow, Reader, Writer};
pub use order::Order;
