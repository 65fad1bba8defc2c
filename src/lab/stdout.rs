//! Writing the answer.

use std::io::{ErrorKind, Write as _};

use super::error::Error;

/// Prints to the standard output. A reader that has gone has read what it wanted: that is no error.
///
/// # Errors
/// `Io`, for instance when the disk that the output goes to is full.
pub fn print(text: &str) -> Result<(), Error> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Io {
            step: "print",
            source: error,
        }),
        _ => Ok(()),
    }
}
