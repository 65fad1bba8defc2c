//! Somebody types over SSH: ten small segments a second over one connection, and how long each echo takes.
//!
//! The connection is opened once and stays open through everything that happens to the router. A keystroke that is never
//! echoed counts with the time it has waited, see [`Summary`].
//!
//! Where there is a real SSH client, the typist types into that instead: see [`Keystrokes::into_program`].

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
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
    program: Option<Child>,
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
        let echoes = stream
            .try_clone()
            .map_err(Error::io("connect to the echo service"))?;
        Self::between(
            OwnedFd::from(stream),
            OwnedFd::from(echoes),
            Stroke::Segment,
        )
    }

    /// Types letters into the standard input of a program that repeats them on its standard output, as `ssh SERVER cat` does.
    ///
    /// # Errors
    /// `Io` when the program cannot be started.
    pub fn into_program(command: &mut Command) -> Result<Self, Error> {
        const STEP: &str = "start the program to type into";
        let mut program = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io(STEP))?;
        let (Some(to), Some(from)) = (program.stdin.take(), program.stdout.take()) else {
            return Err(Error::io(STEP)(std::io::ErrorKind::BrokenPipe.into()));
        };
        let mut keystrokes = Self::between(to.into(), from.into(), Stroke::Letter)?;
        keystrokes.program = Some(program);
        Ok(keystrokes)
    }

    fn between(to: OwnedFd, from: OwnedFd, stroke: Stroke) -> Result<Self, Error> {
        let (plug, unplugged) = UnixStream::pair().map_err(Error::io("make the typist's plug"))?;
        let log = Arc::new(Mutex::new(Log::default()));
        let mut typist = Typist {
            to: File::from(to),
            from: File::from(from),
            stroke,
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
            program: None,
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
        // Its standard input is closed by now; one that waits for a lost connection would wait for minutes.
        if let Some(program) = &mut self.program {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// What one keystroke puts on the way. It tells its number, so that an echo is known to be ours.
#[derive(Clone, Copy, Debug)]
enum Stroke {
    /// What SSH makes of a letter, for a connection without SSH.
    Segment,
    /// A letter, for an SSH client.
    Letter,
}

impl Stroke {
    fn bytes(self, number: u64) -> Vec<u8> {
        match self {
            Self::Segment => {
                let mut segment = number.to_be_bytes().to_vec();
                segment.resize(SEGMENT_BYTES, 0);
                segment
            }
            Self::Letter => vec![b'a' + u8::try_from(number % 26).unwrap_or(0)],
        }
    }
}

struct Typist {
    to: File,
    from: File,
    stroke: Stroke,
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
                PollFd::new(self.from.as_fd(), PollFlags::POLLIN),
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
        let number = {
            let mut log = self.log();
            log.typed.push(Typed {
                at: now,
                wait: None,
            });
            log.typed.len() as u64
        };
        self.to.write_all(&self.stroke.bytes(number))
    }

    fn read_echoes(&mut self) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        let length = self.from.read(&mut buffer)?;
        let now = Instant::now();
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.partial
            .extend_from_slice(buffer.get(..length).unwrap_or_default());
        loop {
            // The connection keeps the order, so the number only proves that the echo is ours.
            let expected = self.stroke.bytes(self.echoed as u64 + 1);
            let Some((echo, rest)) = self.partial.split_at_checked(expected.len()) else {
                break;
            };
            if echo != expected {
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
