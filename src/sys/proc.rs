//! Small files of the kernel and of other programs.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::fcntl::OFlag;

use super::errno::refused;
use super::file;
use crate::value::{Refused, utf8};

/// Bytes of a small file at most; a longer one is cut.
const SMALL_BYTES_MAX: usize = 256;

/// Numbers of a file that anybody wants.
const NUMBERS: usize = 3;

/// The first number in a file; none when there is no such file or no number.
pub fn number(path: &str) -> Option<u32> {
    let [number, ..] = first_numbers(path, 10)?;
    number
}

/// The first numbers in hex of a file; those that are not there are 0.
pub fn hex_numbers(path: &str) -> Option<[u32; NUMBERS]> {
    let numbers = first_numbers(path, 16)?;
    Some(numbers.map(Option::unwrap_or_default))
}

fn first_numbers(path: &str, base: u32) -> Option<[Option<u32>; NUMBERS]> {
    let file = file::open(Path::new(path), OFlag::O_RDONLY).ok()?;
    numbers(file.as_fd(), base)
}

/// The first words of a file, as numbers to this base.
pub(super) fn numbers(file: BorrowedFd<'_>, base: u32) -> Option<[Option<u32>; NUMBERS]> {
    let mut text = [0; SMALL_BYTES_MAX];
    let count = file::read(file, &mut text).ok()?;
    let text = utf8(text.get(..count)?).ok()?;
    let mut words = text.split_ascii_whitespace();
    Some([(); NUMBERS].map(|()| u32::from_str_radix(words.next()?, base).ok()))
}

/// Writes to a file of the kernel.
///
/// # Errors
/// [`Refused`].
pub fn write(path: &str, text: &str) -> Result<(), Refused> {
    let file = file::open(Path::new(path), OFlag::O_WRONLY);
    file.and_then(|file| file::write(file.as_fd(), text.as_bytes()))
        .map_err(refused)
}

/// Reads a file of lines that others write, up to `bytes_max`: `each` gets every whole line in UTF-8. Returns whether there is such a file.
pub fn lines(path: &Path, bytes_max: usize, each: &mut dyn FnMut(&str)) -> bool {
    let file = file::open(path, OFlag::O_RDONLY);
    let Ok(bytes) = file.and_then(|file| file::read_up_to(file.as_fd(), bytes_max)) else {
        return false;
    };
    // A line that is being written, or was cut by the limit, has no end yet.
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
    for line in bytes
        .get(..whole)
        .unwrap_or_default()
        .split(|&byte| byte == b'\n')
    {
        if let Ok(line) = utf8(line) {
            each(line);
        }
    }
    true
}

/// This process' number.
pub fn own_pid() -> u32 {
    std::process::id()
}
