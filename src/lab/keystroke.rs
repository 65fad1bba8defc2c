//! Somebody types over SSH: ten small segments a second over one connection, and how long each echo takes.
//!
//! The connection is opened once and stays open through everything that happens to the router. A keystroke that is never
//! echoed counts with the time it has waited, see [`Summary`].

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::congestion::Congestion;
use super::error::Error;
use super::host::Host;
use super::sample::Summary;
use super::service;

/// Between two keystrokes: a fast typist, and enough of them for a 99th percentile in ten seconds.
const INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of one keystroke: what SSH makes of a letter (its packet length, padding and authentication).
const SEGMENT_BYTES: usize = 36;

/// A typist at work. Dropping it closes the connection.
#[derive(Debug)]
pub struct Keystrokes {
    log: Arc<Mutex<Log>>,
    plug: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// The beginning of a phase.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

#[derive(Debug, Default)]
struct Log {
    // Keystrokes in the order of sending; their index is their sequence number.
    typed: Vec<Typed>,
    broken: bool,
}

#[derive(Debug)]
struct Typed {
    at: Instant,
    wait: Option<Duration>,
}

impl Keystrokes {
    /// Connects from `host` to the echo service at `server` and begins to type.
    ///
    /// # Errors
    /// `Io` when there is no connection, `Congestion` when the control did not take effect.
    pub fn start(host: &Host, server: IpAddr, congestion: &Congestion) -> Result<Self, Error> {
        let address = SocketAddr::new(server, service::ECHO);
        let stream = host
            .run(move || TcpStream::connect(address))?
            .map_err(Error::io("connect to the echo service"))?;
        stream
            .set_nodelay(true)
            .map_err(Error::io("switch Nagle's algorithm off"))?;
        congestion.apply(&stream)?;
        let (plug, unplugged) = UnixStream::pair().map_err(Error::io("make the typist's plug"))?;
        let log = Arc::new(Mutex::new(Log::default()));
        let mut typist = Typist {
            stream,
            unplugged,
            log: Arc::clone(&log),
            partial: Vec::new(),
            echoed: 0,
        };
        let thread = Builder::new()
            .name("keystrokes".into())
            .spawn(move || {
                if typist.work().is_err() {
                    typist.log().broken = true;
                }
            })
            .map_err(Error::io("start the typist"))?;
        Ok(Self {
            log,
            plug: Some(plug),
            thread: Some(thread),
        })
    }

    /// A phase begins: what is typed from now on belongs to it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.log().typed.len())
    }

    /// The phase that began at `mark` ends now.
    ///
    /// # Errors
    /// `Late` when the connection broke: the story is about connections that stay open.
    pub fn summary(&self, mark: Mark) -> Result<Summary, Error> {
        let log = self.log();
        if log.broken {
            return Err(Error::Late(
                "echoes: the connection of the workstation broke",
            ));
        }
        let now = Instant::now();
        let phase = log.typed.get(mark.0..).unwrap_or_default();
        let unanswered = phase.iter().filter(|typed| typed.wait.is_none()).count();
        let waits = phase.iter().map(|typed| {
            typed
                .wait
                .unwrap_or_else(|| now.saturating_duration_since(typed.at))
        });
        Ok(Summary::of(waits.collect(), unanswered))
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Keystrokes {
    fn drop(&mut self) {
        self.plug = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Typist {
    stream: TcpStream,
    unplugged: UnixStream,
    log: Arc<Mutex<Log>>,
    // Bytes of an echo that has not come whole.
    partial: Vec<u8>,
    echoed: usize,
}

impl Typist {
    fn work(&mut self) -> std::io::Result<()> {
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            if next <= now {
                self.press(now)?;
                // From plan to plan, not from now: a late thread types the same number.
                next += INTERVAL;
            }
            let timeout = TimeSpec::from_duration(next.saturating_duration_since(Instant::now()));
            let mut fds = [
                PollFd::new(self.stream.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.unplugged.as_fd(), PollFlags::POLLIN),
            ];
            match ppoll(&mut fds, Some(timeout), None) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let [stream, unplugged] = fds;
            if unplugged.any().unwrap_or(true) {
                return Ok(());
            }
            if stream.any().unwrap_or(true) {
                self.read_echoes()?;
            }
        }
    }

    fn press(&mut self, now: Instant) -> std::io::Result<()> {
        let mut segment = [0; SEGMENT_BYTES];
        let number = {
            let mut log = self.log();
            log.typed.push(Typed {
                at: now,
                wait: None,
            });
            log.typed.len() as u64
        };
        if let Some(place) = segment.first_chunk_mut() {
            *place = number.to_be_bytes();
        }
        self.stream.write_all(&segment)
    }

    fn read_echoes(&mut self) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        let length = self.stream.read(&mut buffer)?;
        let now = Instant::now();
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.partial
            .extend_from_slice(buffer.get(..length).unwrap_or_default());
        while let Some((segment, rest)) = self.partial.split_at_checked(SEGMENT_BYTES) {
            // TCP keeps the order, so the number only proves that the echo is ours.
            let number = segment.first_chunk().copied().map_or(0, u64::from_be_bytes);
            if number != self.echoed as u64 + 1 {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            if let Some(typed) = self.log().typed.get_mut(self.echoed) {
                typed.wait = Some(now.saturating_duration_since(typed.at));
            }
            self.partial = rest.to_vec();
            self.echoed += 1;
        }
        Ok(())
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
