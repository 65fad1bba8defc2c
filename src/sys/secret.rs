//! What must stay secret: lines that are typed without being shown, and numbers that nobody can guess.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use nix::unistd;

use super::errno::refused;
use super::file;
use crate::value::Refused;

/// The one answer to two questions, typed on the terminal that standard input is, without being shown; at most one byte more than `bytes_max`.
/// None when the two differ; where the first is not `good`, there is no second. Where standard input is no terminal, nobody is asked,
/// and its first line is the answer.
///
/// # Errors
/// The system's no; the terminal is as it was.
pub fn ask(
    questions: [&str; 2],
    bytes_max: usize,
    good: fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, Refused> {
    let input = io::stdin();
    let input = input.as_fd();
    if !input.is_terminal() {
        return first_line(input, bytes_max).map(Some).map_err(refused);
    }
    let hidden = Hidden::begin(input).map_err(refused)?;
    let mut before: Option<Vec<u8>> = None;
    for question in questions {
        // Who does not see the question finds the terminal waiting all the same.
        let _ = unistd::write(io::stderr(), question.as_bytes());
        let line = first_line(hidden.terminal, bytes_max);
        let _ = unistd::write(io::stderr(), b"\n");
        let line = line.map_err(refused)?;
        if before.as_ref().is_some_and(|before| *before != line) {
            return Ok(None);
        }
        let is_good = good(&line);
        before = Some(line);
        if !is_good {
            break;
        }
    }
    Ok(before)
}

/// A terminal that does not show what is typed. Dropped, it does again.
struct Hidden<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl Hidden<'_> {
    fn begin(terminal: BorrowedFd<'_>) -> Result<Hidden<'_>, Errno> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        // The keys that would end us while nothing is shown end the line instead, as part of it.
        hidden
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ISIG);
        hidden.local_flags.insert(LocalFlags::ICANON);
        let key = |key: SpecialCharacterIndices| before.control_chars.get(key as usize).copied();
        for (end, signal) in [
            (
                SpecialCharacterIndices::VEOL,
                SpecialCharacterIndices::VINTR,
            ),
            (
                SpecialCharacterIndices::VEOL2,
                SpecialCharacterIndices::VQUIT,
            ),
        ] {
            if let (Some(end), Some(signal)) =
                (hidden.control_chars.get_mut(end as usize), key(signal))
            {
                *end = signal;
            }
        }
        // What was typed before the question is not an answer to it.
        tcsetattr(terminal, SetArg::TCSAFLUSH, &hidden)?;
        Ok(Hidden { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // The rest of an answer that was too long must not become a command. A terminal that is gone needs none of it.
        let _ = tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

/// The bytes before the first line break, or before the end; cut behind one byte more than `bytes_max`, and behind a control character, which
/// is a key that was to end us, or a fault.
fn first_line(source: BorrowedFd<'_>, bytes_max: usize) -> Result<Vec<u8>, Errno> {
    let mut line = Vec::new();
    // A byte at a time: what stands behind the line is not ours.
    let mut byte = [0];
    while line.len() <= bytes_max && !line.last().is_some_and(u8::is_ascii_control) {
        match unistd::read(source, &mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.extend_from_slice(&byte),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(line)
}

/// Bytes that nobody can guess, of the kernel's making.
///
/// # Errors
/// The system's no: there is no `/dev/urandom`.
pub fn random<const N: usize>() -> Result<[u8; N], Refused> {
    Chance::open()?.draw()
}

/// Where such bytes come from, for who will not be able to open it any more.
#[derive(Debug)]
pub struct Chance(OwnedFd);

impl Chance {
    /// Opens it.
    ///
    /// # Errors
    /// The system's no: there is no `/dev/urandom`.
    pub fn open() -> Result<Chance, Refused> {
        let source = file::open(Path::new("/dev/urandom"), OFlag::O_RDONLY).map_err(refused)?;
        Ok(Chance(source))
    }

    /// Draws bytes.
    ///
    /// # Errors
    /// The system's no.
    pub fn draw<const N: usize>(&self) -> Result<[u8; N], Refused> {
        let mut bytes = [0; N];
        // The kernel gives so few bytes at once, or none.
        match file::read(self.0.as_fd(), &mut bytes).map_err(refused)? {
            count if count == N => Ok(bytes),
            _ => Err(refused(Errno::EIO)),
        }
    }
}
