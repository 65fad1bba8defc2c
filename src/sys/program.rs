//! Another program, run to its end: by its path and its words, never through a shell, with an input, and for so long at most.
//!
//! It inherits no environment, no blocked signal, and no file but the three pipes of its standard ones. Whoever runs one waits for it: so the
//! time is limited, and a program that needs longer is killed.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::child::{Child, Ended};
use super::clock::now;
use super::errno::refused;
use super::file::{self, Moved};
use super::listener::never_wait;
use crate::value::{Cause, Meaning, Refused, utf8};

/// Bytes of a line of its output at most; a longer one is cut into several.
const LINE_BYTES_MAX: usize = 512;

/// What came of one that was still at it.
static LATE: Meaning = (Cause::Other, "it did not end in time, and was killed");

/// A program that may be run, and where it may be: the first that is there.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What it is called.
    pub name: &'static CStr,
    /// Its paths.
    pub paths: &'static [&'static CStr],
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this exit code.
    Code(i32),
    /// By a signal.
    Killed,
}

/// What it says, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A line of its output.
    Output(&'a str),
    /// A line of its complaints.
    Complaint(&'a str),
}

/// Our ends of its pipes; one that is done with is none.
struct Ends {
    input: Option<OwnedFd>,
    /// Its output and its complaints.
    says: [Option<OwnedFd>; 2],
}

/// A line that is not whole yet.
struct Line {
    room: [u8; LINE_BYTES_MAX],
    used: usize,
}

/// Runs it with these words behind its name and this input; `each` gets what it says, line by line.
///
/// # Errors
/// [`Refused`]: it is nowhere, the system has no room for it, or it took too long.
pub fn run(
    program: &Program,
    words: &[&CStr],
    input: &[u8],
    within: Duration,
    each: &mut dyn FnMut(Said<'_>),
) -> Result<Outcome, Refused> {
    let deadline = now().after(within);
    let (child, mut ends) = start(program, words).map_err(refused)?;
    let mut lines = [(); 2].map(|()| Line {
        room: [0; LINE_BYTES_MAX],
        used: 0,
    });
    let mut left = input;
    while ends.says.iter().any(Option::is_some) {
        let wait = deadline.since(now());
        if wait.is_zero() {
            // Dropped, it is killed.
            return Err(Refused::known(&LATE));
        }
        ends.await_any(wait).map_err(refused)?;
        if let Some(pipe) = &ends.input {
            match file::give(pipe, left) {
                Moved::Bytes(count) => left = left.get(count..).unwrap_or_default(),
                Moved::Nothing => {}
                // It ended without reading all: how it ended tells.
                Moved::Broken => left = &[],
            }
            if left.is_empty() {
                ends.input = None;
            }
        }
        for (place, (end, line)) in ends.says.iter_mut().zip(&mut lines).enumerate() {
            let mut said = |words: &str| {
                each(match place {
                    0 => Said::Output(words),
                    _ => Said::Complaint(words),
                });
            };
            if end.as_ref().is_some_and(|pipe| line.hear(pipe, &mut said)) {
                line.end(&mut said);
                *end = None;
            }
        }
    }
    // Nobody has its pipes any more, so it is ending.
    Ok(match child.wait() {
        Ended::Code(code) => Outcome::Code(code),
        Ended::Signal(_) => Outcome::Killed,
    })
}

fn start(program: &Program, words: &[&CStr]) -> Result<(Child, Ends), Errno> {
    let (its_input, input) = pipe2(OFlag::O_CLOEXEC)?;
    let (output, its_output) = pipe2(OFlag::O_CLOEXEC)?;
    let (complaints, its_complaints) = pipe2(OFlag::O_CLOEXEC)?;
    for pipe in [&input, &output, &complaints] {
        never_wait(pipe)?;
    }
    let files = [
        (its_input.as_fd(), 0),
        (its_output.as_fd(), 1),
        (its_complaints.as_fd(), 2),
    ];
    let mut all: Vec<&CStr> = Vec::with_capacity(words.len() + 1);
    all.push(program.name);
    all.extend_from_slice(words);
    let mut last = Errno::ENOENT;
    for path in program.paths {
        match Child::other(path, &all, &files) {
            Ok(child) => {
                let ends = Ends {
                    input: Some(input),
                    says: [Some(output), Some(complaints)],
                };
                return Ok((child, ends));
            }
            Err(Errno::ENOENT) => {}
            Err(errno) => last = errno,
        }
    }
    Err(last)
}

impl Ends {
    /// Waits until something can be given or taken.
    fn await_any(&self, wait: Duration) -> Result<(), Errno> {
        let Ends { input, says } = self;
        let [output, complaints] = says;
        let mut fds: heapless::Vec<PollFd<'_>, 3> = heapless::Vec::new();
        for (pipe, flags) in [
            (input, PollFlags::POLLOUT),
            (output, PollFlags::POLLIN),
            (complaints, PollFlags::POLLIN),
        ] {
            if let Some(pipe) = pipe {
                // There is room for three.
                let _ = fds.push(PollFd::new(pipe.as_fd(), flags));
            }
        }
        let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, wait) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

impl Line {
    /// Takes what there is. Returns whether nothing more will come.
    fn hear(&mut self, pipe: &OwnedFd, each: &mut dyn FnMut(&str)) -> bool {
        loop {
            let free = self.room.get_mut(self.used..).unwrap_or_default();
            let count = match file::take(pipe, free) {
                Moved::Bytes(count) if count > 0 => count,
                Moved::Nothing => return false,
                Moved::Bytes(_) | Moved::Broken => return true,
            };
            self.used += count;
            while let Some(length) = self.held().iter().position(|byte| *byte == b'\n') {
                tell(self.held().get(..length).unwrap_or_default(), each);
                self.room.copy_within(length + 1..self.used, 0);
                self.used -= length + 1;
            }
            if self.used == self.room.len() {
                self.end(each);
            }
        }
    }

    fn held(&self) -> &[u8] {
        self.room.get(..self.used).unwrap_or_default()
    }

    /// What is left is a line too.
    fn end(&mut self, each: &mut dyn FnMut(&str)) {
        if self.used > 0 {
            tell(self.held(), each);
            self.used = 0;
        }
    }
}

/// What is no UTF-8 is nothing that anybody here reads.
fn tell(line: &[u8], each: &mut dyn FnMut(&str)) {
    if let Ok(line) = utf8(line) {
        each(line);
    }
}
