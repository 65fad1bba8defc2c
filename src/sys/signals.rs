//! Signals, as a file.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::errno::refused;
use crate::value::Refused;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// End (TERM, INT).
    End,
    /// Read the configuration again (HUP).
    Reload,
}

/// See the module.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// From now on these signals come here and nowhere else.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn open() -> Result<Signals, Refused> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block().map_err(refused)?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .map_err(refused)?;
        Ok(Signals { fd })
    }

    /// The next one, without waiting.
    pub fn take(&mut self) -> Option<Asked> {
        let info = self.fd.read_signal().ok().flatten()?;
        let signal = i32::try_from(info.ssi_signo)
            .ok()
            .and_then(|number| Signal::try_from(number).ok())?;
        Some(if signal == Signal::SIGHUP {
            Asked::Reload
        } else {
            Asked::End
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
