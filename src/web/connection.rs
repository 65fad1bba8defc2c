//! One connection: what it has said, what it is told, and what it waits for.

use core::fmt::{self, Write};
use core::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use super::answer::Fault;
use super::live::Listener;
use super::question::Then;
use super::sessions::Key;
use crate::value::Instant;
use crate::wire::http::{HEAD_BYTES_MAX, REPLY_BYTES_MAX, Reply, Status};

use super::routes::{BODY_BYTES_MAX, Route};

/// Bytes of a request that wait to be understood: the longest head and the longest body but a configuration.
pub(super) const INPUT_BYTES: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

/// Bytes of an answer that go out at once: a head with a status behind it.
pub(super) const OUTPUT_BYTES: usize = 4096;

/// The buffers of a request that is being read or answered. A connection without one has none.
#[derive(Default)]
pub(super) struct Exchange {
    /// What came and is not done with.
    pub(super) input: Vec<u8>,
    /// The body, when it is a configuration.
    pub(super) body: Vec<u8>,
    /// What goes out before anything else; while the daemon is to be asked, the lines for it.
    pub(super) output: Vec<u8>,
    /// Bytes of `output` that are gone.
    pub(super) sent: usize,
    /// What the request that was let in wants.
    pub(super) route: Option<&'static Route>,
    /// Whether only the head of the answer is wanted.
    pub(super) head_only: bool,
    /// Bytes of `input` that this request takes, once they are there.
    pub(super) used: usize,
    /// Bytes of `body` that there will be.
    pub(super) body_len: usize,
    /// Why the request was not let in.
    pub(super) refused: Option<Fault<'static>>,
}

impl Exchange {
    /// One with its room.
    pub(super) fn new() -> Exchange {
        Exchange {
            input: Vec::with_capacity(INPUT_BYTES),
            output: Vec::with_capacity(OUTPUT_BYTES),
            ..Exchange::default()
        }
    }

    /// As new. What a configuration took is given back.
    #[inline(never)]
    pub(super) fn clear(&mut self) {
        self.input.clear();
        self.body = Vec::new();
        self.begin_output();
        self.route = None;
    }

    /// Nothing goes out yet.
    #[inline(never)]
    pub(super) fn begin_output(&mut self) {
        self.output.clear();
        self.sent = 0;
    }

    /// What still has to go out.
    pub(super) fn rest(&self) -> &[u8] {
        self.output.get(self.sent..).unwrap_or_default()
    }

    /// Writes a head into an empty output.
    #[inline(never)]
    pub(super) fn head(&mut self, reply: &Reply<'_>) {
        self.begin_output();
        self.output.reserve(REPLY_BYTES_MAX);
        // A vector takes whatever is written to it.
        let _ = reply.emit(&mut Text(&mut self.output));
    }

    /// Writes behind what is there.
    pub(super) fn write(&mut self, words: fmt::Arguments<'_>) {
        // A vector takes whatever is written to it.
        let _ = Text(&mut self.output).write_fmt(words);
    }
}

/// Bytes as something that text is written to.
pub(super) struct Text<'a>(pub(super) &'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// What goes out behind the output.
#[derive(Clone, Default)]
pub(super) enum Source {
    /// Nothing.
    #[default]
    Nothing,
    /// A part of the program.
    Fixed(&'static [u8]),
    /// An answer that others may be told too.
    Shared(Rc<Vec<u8>>),
    /// What this link is being told, in chunks.
    Link(usize),
}

impl Source {
    /// What is there, from a place on.
    #[inline(never)]
    pub(super) fn from(&self, sent: usize) -> &[u8] {
        let all = match self {
            Source::Fixed(bytes) => bytes,
            Source::Shared(bytes) => bytes.as_slice(),
            Source::Nothing | Source::Link(_) => &[],
        };
        all.get(sent..).unwrap_or_default()
    }
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The next request.
    Next,
    /// Nothing. What still comes is thrown away for a while: closed at once, the kernel would take the answer back from the other side too.
    Drain,
    /// The live socket.
    Live,
}

/// What a connection is doing.
pub(super) enum State {
    /// Nothing: the place is free.
    Free,
    /// A head is on its way, or will be.
    Reading,
    /// Its body is.
    Body,
    /// It waits for the daemon; this is what becomes of the answer.
    Asking(Then),
    /// It is told something.
    Writing(After),
    /// It is a live socket.
    Live(Listener),
    /// It was told everything, and is not listened to.
    Draining,
    /// It is to be closed.
    Over,
}

/// See the module.
pub(super) struct Connection {
    pub(super) state: State,
    pub(super) visitor: IpAddr,
    pub(super) local: SocketAddr,
    /// The session that it has shown. It may be over by now.
    pub(super) session: Option<Key>,
    /// When it is to be over, or pinged.
    pub(super) deadline: Instant,
    /// Counts up with each that comes: the least is the oldest.
    pub(super) number: u32,
    /// Whether the request that is being answered lets the connection live.
    pub(super) persists: bool,
    /// Whether it waits to be looked at.
    pub(super) noted: bool,
    /// The tag of the answer that the other side has already.
    pub(super) known: Option<u32>,
    pub(super) exchange: Option<Box<Exchange>>,
    pub(super) source: Source,
    /// Bytes of the source that are gone.
    pub(super) sent: usize,
}

impl Connection {
    /// The answer is written; what of it is not in the output comes from the source.
    #[inline(never)]
    pub(super) fn answer(&mut self, exchange: Box<Exchange>, source: Source) {
        let after = if self.persists {
            After::Next
        } else {
            After::Drain
        };
        self.exchange = Some(exchange);
        self.source = source;
        self.sent = 0;
        self.state = State::Writing(after);
    }

    /// An answer without anything but its status, after which nothing is heard any more.
    #[inline(never)]
    pub(super) fn refuse(&mut self, mut exchange: Box<Exchange>, status: Status) {
        self.persists = false;
        exchange.head(&Reply {
            persists: false,
            ..Reply::plain(status)
        });
        self.answer(exchange, Source::Nothing);
    }

    /// Whether it is in use and has shown no session.
    pub(super) fn is_stranger(&self) -> bool {
        self.session.is_none() && !matches!(self.state, State::Free | State::Over)
    }
}
