//! Ctrl-C and its relatives, as something that one can wait for.
//!
//! The signals are blocked in every thread and taken by one that waits for them. Whoever waits for time to pass waits here
//! and is told; nothing is cut off in the middle. A second signal ends the process on the spot, which is safe: everything
//! the lab makes dies with it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

use super::error::Error;

/// The ways in which people and systems end programs.
const ENDINGS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Whether somebody asked us to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<(Mutex<Option<Signal>>, Condvar)>);

/// The signals are blocked; see [`block`].
#[derive(Debug)]
pub struct Blocked(SigSet);

/// Blocks the signals in this thread and those that it starts. Call it before the first thread is started.
///
/// # Errors
/// `System`, which no known kernel returns.
pub fn block() -> Result<Blocked, Error> {
    let set: SigSet = ENDINGS.into_iter().collect();
    set.thread_block().map_err(Error::system("block signals"))?;
    Ok(Blocked(set))
}

impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// `Io` when the thread cannot be started.
    pub fn listen(blocked: Blocked) -> Result<Self, Error> {
        let state = Arc::new((Mutex::new(None), Condvar::new()));
        let shared = Arc::clone(&state);
        Builder::new()
            .name("signals".into())
            .spawn(move || {
                while let Ok(signal) = blocked.0.wait() {
                    let (seen, news) = &*shared;
                    let first = seen
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .replace(signal);
                    news.notify_all();
                    if first.is_some() {
                        std::process::exit(Error::Interrupted(signal).exit_code().into());
                    }
                }
            })
            .map_err(Error::io("start the thread that waits for signals"))?;
        Ok(Self(state))
    }

    /// For programs that end on a signal in their own way, such as tests.
    #[must_use]
    pub fn never() -> Self {
        Self(Arc::default())
    }

    /// Whether there was a signal already.
    ///
    /// # Errors
    /// `Interrupted` if so.
    pub fn check(&self) -> Result<(), Error> {
        self.pause_until(Instant::now())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// `Interrupted` as soon as a signal comes.
    pub fn pause(&self, duration: Duration) -> Result<(), Error> {
        self.pause_until(Instant::now() + duration)
    }

    /// Lets time pass until then.
    ///
    /// # Errors
    /// `Interrupted` as soon as a signal comes.
    pub fn pause_until(&self, deadline: Instant) -> Result<(), Error> {
        let (seen, news) = &*self.0;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let (seen, _) = news
            .wait_timeout_while(seen, left, |signal| signal.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        match *seen {
            Some(signal) => Err(Error::Interrupted(signal)),
            None => Ok(()),
        }
    }

    /// Waits for a signal, for as long as it takes.
    #[must_use]
    pub fn wait(&self) -> Error {
        let (seen, news) = &*self.0;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = news
            .wait_while(seen, |signal| signal.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        Error::Interrupted(seen.unwrap_or(Signal::SIGTERM))
    }
}
