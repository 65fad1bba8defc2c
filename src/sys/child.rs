//! This program again, as another process: for work that must not be done in the daemon, neither its risk nor its time.
//!
//! It is the running program itself that is started (`/proc/self/exe`), by its words, never through a shell. It inherits no environment, no
//! blocked signal, and no file but its standard ones and those that it is given.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};

use super::errno::refused;
use super::file::{self, Moved};
use super::listener::never_wait;
use crate::value::Refused;

/// The program that is running, also after another one took its place on flash.
const OWN: &CStr = c"/proc/self/exe";

/// What it is called in the list of processes.
const NAME: &CStr = c"lanemark";

/// A process of ours. Dropped, it is killed.
#[derive(Debug)]
pub struct Child {
    pid: Option<Pid>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Child {
    /// Starts this program with one word; each of the files is there under its number.
    ///
    /// # Errors
    /// [`Refused`]: the system has no room for it.
    pub fn start(word: &CStr, files: &[(BorrowedFd<'_>, RawFd)]) -> Result<Child, Refused> {
        match spawn(OWN, &[NAME, word], files) {
            Ok(pid) => Ok(Child { pid: Some(pid) }),
            Err(errno) => Err(refused(errno)),
        }
    }

    /// Starts another program, by its path and its words, the first of which is its name.
    #[cfg(feature = "xtables")]
    pub(super) fn other(
        path: &CStr,
        words: &[&CStr],
        files: &[(BorrowedFd<'_>, RawFd)],
    ) -> Result<Child, Errno> {
        let pid = spawn(path, words, files)?;
        Ok(Child { pid: Some(pid) })
    }

    /// Waits until it has ended, and how.
    #[cfg(feature = "xtables")]
    pub(super) fn wait(mut self) -> Ended {
        let status = self.pid.take().map(|pid| waitpid(pid, None));
        match status {
            Some(Ok(WaitStatus::Exited(_, code))) => Ended::Code(code),
            Some(Ok(WaitStatus::Signaled(_, signal, _))) => Ended::Signal(signal as i32),
            _ => Ended::Signal(0),
        }
    }

    /// How it ended, if it did; told once.
    pub fn ended(&mut self) -> Option<Ended> {
        let ended = match waitpid(self.pid?, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return None,
            Ok(WaitStatus::Exited(_, code)) => Ended::Code(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ended::Signal(signal as i32),
            // Somebody else has taken its end away.
            _ => Ended::Signal(0),
        };
        self.pid = None;
        Some(ended)
    }

    /// Whether it has ended, whoever was told how.
    pub fn is_over(&mut self) -> bool {
        self.ended();
        self.pid.is_none()
    }

    /// Ends it without a word to it; [`Child::ended`] tells when that is done.
    pub fn kill(&self) {
        if let Some(pid) = self.pid {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    /// Its number, while it lives.
    pub fn pid(&self) -> Option<u32> {
        self.pid.and_then(|pid| u32::try_from(pid.as_raw()).ok())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        // A process that was killed ends at once, and its files with it.
        if let Some(pid) = self.pid {
            let _ = waitpid(pid, None);
        }
    }
}

/// Our ends of the pipes to and from a process.
#[derive(Debug)]
pub struct Pipes {
    input: Option<OwnedFd>,
    output: OwnedFd,
}

impl Pipes {
    /// Starts this program with one word and pipes as its standard input and output.
    ///
    /// # Errors
    /// [`Refused`]: the system has no room for it.
    pub fn start(word: &CStr) -> Result<(Child, Pipes), Refused> {
        let pipes = || -> Result<_, Errno> {
            let (its_input, input) = pipe2(OFlag::O_CLOEXEC)?;
            let (output, its_output) = pipe2(OFlag::O_CLOEXEC)?;
            never_wait(&input)?;
            never_wait(&output)?;
            let input = Some(input);
            Ok((its_input, its_output, Pipes { input, output }))
        };
        let (its_input, its_output, pipes) = pipes().map_err(refused)?;
        let child = Child::start(word, &[(its_input.as_fd(), 0), (its_output.as_fd(), 1)])?;
        Ok((child, pipes))
    }

    /// Gives it its whole input, and the end of it. Returns whether it took all: a pipe takes 4096 bytes at once.
    pub fn give(&mut self, text: &[u8]) -> bool {
        let input = self.input.take();
        input.is_some_and(|input| file::give(&input, text) == Moved::Bytes(text.len()))
    }

    /// Takes what it says.
    pub fn take(&self, room: &mut [u8]) -> Moved {
        file::take(&self.output, room)
    }
}

impl AsFd for Pipes {
    /// What it says.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }
}

fn spawn(path: &CStr, words: &[&CStr], files: &[(BorrowedFd<'_>, RawFd)]) -> Result<Pid, Errno> {
    let mut actions = PosixSpawnFileActions::init()?;
    for (file, number) in files {
        actions.add_dup2(file.as_raw_fd(), *number)?;
    }
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    attributes.set_sigmask(&SigSet::empty())?;
    // The standard library ignores it, and programs inherit that.
    attributes.set_sigdefault(&SigSet::from(Signal::SIGPIPE))?;
    let environment: &[&CStr] = &[];
    posix_spawn(path, &actions, &attributes, words, environment)
}
