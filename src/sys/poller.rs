//! Waits for whichever file has something, or for a time.

use core::time::Duration;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::errno::refused;
use crate::value::Refused;

/// Files that are told of at once; more are told of at the next wait. Chosen: as many as there are requests on their way when a page is busy.
const EVENTS: usize = 32;

/// What a file shall be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// It has something to read, or is over.
    Read,
    /// It has room to write to, or is over.
    Write,
    /// Nothing for now; only that it is over altogether.
    Nothing,
}

impl Interest {
    const fn flags(self) -> EpollFlags {
        match self {
            Interest::Read => EpollFlags::EPOLLIN,
            Interest::Write => EpollFlags::EPOLLOUT,
            Interest::Nothing => EpollFlags::empty(),
        }
    }
}

/// See the module. Each file has a token, which the wait gives back.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
}

/// The tokens of files that have something.
pub type Ready = heapless::Vec<u64, EVENTS>;

impl Poller {
    /// A poller without files.
    ///
    /// # Errors
    /// [`Refused`] when the kernel has no epoll.
    pub fn open() -> Result<Poller, Refused> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(refused)?;
        Ok(Poller { epoll })
    }

    /// Waits for a file from now on.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn add(&self, file: impl AsFd, token: u64, interest: Interest) -> Result<(), Refused> {
        self.epoll
            .add(file, EpollEvent::new(interest.flags(), token))
            .map_err(refused)
    }

    /// Waits for something else of a file.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn change(&self, file: impl AsFd, token: u64, interest: Interest) -> Result<(), Refused> {
        let mut event = EpollEvent::new(interest.flags(), token);
        self.epoll.modify(file, &mut event).map_err(refused)
    }

    /// Waits; the tokens of the files that have something. None after the time, or after a signal.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Ready, Refused> {
        let timeout = match timeout {
            None => EpollTimeout::NONE,
            // Rounded up: a millisecond too early would be a turn for nothing.
            Some(wait) => u64::from(wait.subsec_nanos().div_ceil(1_000_000))
                .checked_add(wait.as_secs().saturating_mul(1000))
                .and_then(|ms| i32::try_from(ms).ok())
                .and_then(|ms| EpollTimeout::try_from(ms).ok())
                .unwrap_or(EpollTimeout::MAX),
        };
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(refused(errno)),
        };
        Ok(events.iter().take(count).map(EpollEvent::data).collect())
    }
}
