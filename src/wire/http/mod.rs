//! HTTP/1.1 as the admin page speaks it: the head of a request becomes values, and a reply's head becomes bytes.
//!
//! Must not: keep state, know of sessions or routes, or be lenient. What a proxy in front of us could read in another way than we do is refused.
//!
//! Read before editing: RFC 9110 (fields), RFC 9112 (framing), RFC 6265 (cookies), RFC 3986 (targets).
//!
//! How it is driven:
//! 1. [`Parsed::of`] is asked with all bytes that came so far, until it is no longer [`Parsed::Partial`].
//! 2. [`path`](path()) and [`parameter`] read the target, [`Host::parse`] and [`cookie`] two fields that have a form of their own.
//! 3. [`Reply::emit`] writes the head of the answer, with the fields that every answer has.
//!
//! Told nonsense: [`Parsed::Bad`] with the status that the RFC has for it, or [`Parsed::Foreign`] for what is no HTTP at all; either way the connection is
//! to be closed, since nobody knows where the next request begins.
//!
//! By hand and not with `httparse`: that takes lines that end in LF alone, empty lines before the request, and several spaces, which would all have to be
//! looked for before it.

mod field;
mod head;
mod path;
mod reply;

pub use field::{Host, cookie, is_token_in_list};
pub use head::{FIELDS_MAX, HEAD_BYTES_MAX, Head, LINE_BYTES_MAX, Method, Name, Parsed};
pub use path::{PATH_BYTES_MAX, hex_digit, parameter, path};
pub use reply::{Content, Length, REPLY_BYTES_MAX, Reply, Status};
