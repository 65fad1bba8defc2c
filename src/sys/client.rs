//! What a short-lived command needs of the outside: its words and environment, a file, standard input, and the one socket.
//!
//! Must not: know what is said on the socket. It carries lines.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use std::{env, fmt, fs};

/// How long the other side may be silent. The slowest answer is that of a change while a slow router writes thousands of marks: a
/// few seconds (chosen, with room).
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What the command was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The words behind the program's name.
    pub words: Vec<OsString>,
    /// `LANEMARK_SOCKET`; `None` when it is empty too.
    pub socket: Option<OsString>,
    /// Whether standard output is a terminal.
    pub terminal: bool,
    /// Whether that terminal may be sent colours: `NO_COLOR` is unset or empty, and `TERM` is not `dumb`.
    pub colour: bool,
}

impl Surroundings {
    /// Those of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment is read in sys, and this is it"
    )]
    pub fn here() -> Surroundings {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let terminal = io::stdout().is_terminal();
        Surroundings {
            words: env::args_os().skip(1).collect(),
            socket: set("LANEMARK_SOCKET"),
            terminal,
            colour: terminal
                && set("NO_COLOR").is_none()
                && set("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// Whether there is such a folder.
pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Why a file was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFile {
    /// It has more bytes than the limit.
    TooLong,
    /// There is no such file, or it is a folder.
    Absent(ErrorKind),
    /// The system refused.
    System(ErrorKind),
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFile::TooLong => f.write_str("file too long"),
            BadFile::Absent(kind) | BadFile::System(kind) => kind.fmt(f),
        }
    }
}

/// The bytes of a file, or of standard input for `None`; never more than `bytes_max` of them are held.
///
/// # Errors
/// [`BadFile`], by cause.
pub fn read_file(path: Option<&Path>, bytes_max: usize) -> Result<Vec<u8>, BadFile> {
    let refused = |error: io::Error| match error.kind() {
        kind @ (ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory) => {
            BadFile::Absent(kind)
        }
        kind => BadFile::System(kind),
    };
    match path {
        Some(path) => read_bounded(fs::File::open(path).map_err(refused)?, bytes_max),
        None => read_bounded(io::stdin().lock(), bytes_max),
    }
    .map_err(refused)?
    .ok_or(BadFile::TooLong)
}

/// One byte more than allowed is asked for, so that a longer source is told from a full one.
fn read_bounded(source: impl Read, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    source.take(limit).read_to_end(&mut bytes)?;
    Ok(if bytes.len() > bytes_max {
        None
    } else {
        Some(bytes)
    })
}

/// Why a line did not come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLine {
    /// Nobody listens: the socket is missing, or left by a process that is gone.
    Nobody,
    /// The socket is not for this user.
    Denied,
    /// The path is longer than a socket address holds.
    Path,
    /// The other side closed the connection.
    Closed,
    /// The other side was silent for too long.
    Silent,
    /// The system refused.
    System(ErrorKind),
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadLine::Nobody => f.write_str("nobody answers"),
            BadLine::Denied => f.write_str("permission denied"),
            BadLine::Path => f.write_str("expected a socket path of at most 107 bytes"),
            BadLine::Closed => f.write_str("the connection was closed"),
            BadLine::Silent => f.write_str("no answer in time"),
            BadLine::System(kind) => kind.fmt(f),
        }
    }
}

impl From<io::Error> for BadLine {
    fn from(error: io::Error) -> BadLine {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => BadLine::Nobody,
            ErrorKind::PermissionDenied => BadLine::Denied,
            ErrorKind::InvalidInput => BadLine::Path,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
                BadLine::Closed
            }
            // What Linux calls the end of a read or write time-out.
            ErrorKind::WouldBlock | ErrorKind::TimedOut => BadLine::Silent,
            kind => BadLine::System(kind),
        }
    }
}

/// A connection to whoever listens on a UNIX socket.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects. Each later read and write may take `silence_max`.
    ///
    /// # Errors
    /// [`BadLine`], by cause.
    pub fn connect(path: &Path, silence_max: Duration) -> Result<Client, BadLine> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(silence_max))?;
        stream.set_write_timeout(Some(silence_max))?;
        Ok(Client { stream })
    }

    /// Sends a line and its end.
    ///
    /// # Errors
    /// [`BadLine`]; after `Closed` there may still be an answer that tells why.
    pub fn send(&mut self, line: &[u8]) -> Result<(), BadLine> {
        self.stream.write_all(line)?;
        self.stream.write_all(b"\n")?;
        Ok(())
    }

    /// Waits for bytes and tells how many came: at least one.
    ///
    /// # Errors
    /// [`BadLine`]; the end of the connection is `Closed`.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, BadLine> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(BadLine::Closed),
                Ok(len) => return Ok(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
