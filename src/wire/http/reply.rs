//! The head of an answer.

use core::fmt::{self, Write};

/// Bytes of the longest head that [`Reply::emit`] writes; a test measures it.
pub const REPLY_BYTES_MAX: usize = 1024;

/// What every answer has, errors too. `data:` is for the small pictures of form elements in browsers' own style sheets.
const ALWAYS: &str = "\r\n\
Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'\r\n\
X-Content-Type-Options: nosniff\r\n\
X-Frame-Options: DENY\r\n\
Referrer-Policy: no-referrer\r\n\
Cross-Origin-Resource-Policy: same-origin\r\n";

/// What stands before the kind of a body.
const TYPE: &str = "Content-Type: ";

macro_rules! statuses {
    ($($name:ident $code:literal $words:literal,)*) => {
        /// How a request ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Status {
            $(#[doc = $words] $name = $code,)*
        }

        impl Status {
            /// Every status.
            pub const ALL: &[Status] = &[$(Status::$name),*];

            /// As the first line of an answer has it.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Status::$name => concat!($code, " ", $words),)*
                }
            }
        }
    };
}

statuses! {
    Switching 101 "Switching Protocols",
    Done 200 "OK",
    NoContent 204 "No Content",
    SeeOther 303 "See Other",
    NotModified 304 "Not Modified",
    BadRequest 400 "Bad Request",
    Unauthorized 401 "Unauthorized",
    Forbidden 403 "Forbidden",
    NotFound 404 "Not Found",
    NotAllowed 405 "Method Not Allowed",
    TimedOut 408 "Request Timeout",
    Conflict 409 "Conflict",
    TooLarge 413 "Content Too Large",
    UriTooLong 414 "URI Too Long",
    MediaType 415 "Unsupported Media Type",
    ExpectationFailed 417 "Expectation Failed",
    Misdirected 421 "Misdirected Request",
    UpgradeRequired 426 "Upgrade Required",
    Unconditional 428 "Precondition Required",
    TooMany 429 "Too Many Requests",
    FieldsTooLarge 431 "Request Header Fields Too Large",
    NotImplemented 501 "Not Implemented",
    BadGateway 502 "Bad Gateway",
    Unavailable 503 "Service Unavailable",
    VersionUnknown 505 "HTTP Version Not Supported",
    NotSaved 507 "Insufficient Storage",
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing is said of it: there is none.
    None,
    /// JSON.
    Json,
    /// A page that we have made.
    Html,
    /// The text format of Prometheus.
    Metrics,
    /// A file of ours of this media type, packed with gzip.
    Packed(&'static str),
}

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Bytes(usize),
    /// It comes in chunks, of which the last is empty.
    Chunks,
    /// By its status there is none.
    None,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// How it ended.
    pub status: Status,
    /// What the body is.
    pub content: Content,
    /// How long it is.
    pub length: Length,
    /// CRC-32 of the body, for whoever asks again.
    pub tag: Option<u32>,
    /// Whether the connection is for further requests.
    pub persists: bool,
    /// Further lines, each with its end.
    pub more: &'a [&'a str],
}

impl Reply<'_> {
    /// An answer without body.
    pub const fn plain(status: Status) -> Reply<'static> {
        Reply {
            status,
            content: Content::None,
            length: Length::Bytes(0),
            tag: None,
            persists: true,
            more: &[],
        }
    }

    /// Writes the head.
    ///
    /// # Errors
    /// When there is no room.
    pub fn emit(&self, to: &mut dyn Write) -> fmt::Result {
        // Texts by themselves: what joins them in one go takes ten times as long as to copy them.
        for text in ["HTTP/1.1 ", self.status.words(), ALWAYS] {
            to.write_str(text)?;
        }
        let (before, kind, behind) = match self.content {
            Content::None => ("", "", ""),
            Content::Json => (TYPE, "application/json", "\r\n"),
            Content::Html => (TYPE, "text/html; charset=utf-8", "\r\n"),
            Content::Metrics => (TYPE, "text/plain; version=0.0.4; charset=utf-8", "\r\n"),
            Content::Packed(kind) => (TYPE, kind, "\r\nContent-Encoding: gzip\r\n"),
        };
        for text in [before, kind, behind] {
            to.write_str(text)?;
        }
        match self.length {
            Length::Bytes(count) => write!(to, "Content-Length: {count}\r\n")?,
            Length::Chunks => to.write_str("Transfer-Encoding: chunked\r\n")?,
            Length::None => {}
        }
        // With a tag it may be kept, but has to be asked for each time.
        match self.tag {
            Some(tag) => write!(
                to,
                "ETag: \"{tag:08x}\"\r\nCache-Control: private, no-cache\r\n"
            )?,
            None => to.write_str("Cache-Control: no-store\r\n")?,
        }
        if !self.persists {
            to.write_str("Connection: close\r\n")?;
        }
        for line in self.more {
            to.write_str(line)?;
        }
        to.write_str("\r\n")
    }
}
