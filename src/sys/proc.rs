//! Small files of the kernel and of other programs.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::fcntl::OFlag;

use super::errno::refused;
use super::file;
use crate::value::{Refused, utf8};

/// Bytes of a small file at most; a longer one is cut.
const SMALL_BYTES_MAX: usize = 256;

/// Bytes of a line of such files at most: a lease whose host gave all that DHCP lets it give has half of that. A longer one is passed over.
pub const LINE_BYTES_MAX: usize = 2047;

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

/// Reads a file of lines that others write, up to `bytes_max`, through room for one line: `each` gets every whole line in UTF-8 of at most
/// [`LINE_BYTES_MAX`]. Returns whether there is such a file.
pub fn lines(path: &Path, bytes_max: usize, each: &mut dyn FnMut(&str)) -> bool {
    let Ok(file) = file::open(path, OFlag::O_RDONLY) else {
        return false;
    };
    let mut room = [0; LINE_BYTES_MAX + 1];
    let (mut held, mut left) = (0, bytes_max);
    // The rest of a line whose beginning was too long.
    let mut in_long = false;
    loop {
        let free = room.get_mut(held..).unwrap_or_default();
        let wanted = free.len().min(left);
        let count = match file::read(file.as_fd(), free.get_mut(..wanted).unwrap_or_default()) {
            // A line that is being written, or was cut by the limit, has no end yet.
            Ok(0) => return true,
            Ok(count) => count,
            Err(_) => return false,
        };
        left -= count;
        held += count;
        let mut begin = 0;
        while let Some(rest) = room.get(begin..held)
            && let Some(length) = rest.iter().position(|&byte| byte == b'\n')
        {
            let line = rest.get(..length).unwrap_or_default();
            if !core::mem::take(&mut in_long)
                && let Ok(line) = utf8(line)
            {
                each(line);
            }
            begin += length + 1;
        }
        if begin == 0 && held == room.len() {
            in_long = true;
            begin = held;
        }
        room.copy_within(begin..held, 0);
        held -= begin;
    }
}

/// This process' number.
pub fn own_pid() -> u32 {
    std::process::id()
}
