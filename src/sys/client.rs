//! What a short-lived command needs of the outside: its words and environment, a file, standard input, and the one socket.
//!
//! Must not: know what is said on the socket. It carries lines.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;
use std::{env, fmt};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, setsockopt, socket, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::file;

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
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let mut given = env::args_os();
        // The program's name.
        given.next();
        let mut words = Vec::new();
        for word in given {
            words.push(word);
        }
        let terminal = io::stdout().is_terminal();
        Surroundings {
            words,
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
    file::open(path, OFlag::O_PATH | OFlag::O_DIRECTORY).is_ok()
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

/// The bytes of a file, or of standard input for `None`; never more than `bytes_max` of them are told.
///
/// # Errors
/// [`BadFile`], by cause.
pub fn read_file(path: Option<&Path>, bytes_max: usize) -> Result<Vec<u8>, BadFile> {
    let refused = |errno| match kind(errno) {
        kind @ (ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory) => {
            BadFile::Absent(kind)
        }
        kind => BadFile::System(kind),
    };
    let (file, input);
    let source = match path {
        Some(path) => {
            file = file::open(path, OFlag::O_RDONLY).map_err(refused)?;
            file.as_fd()
        }
        None => {
            input = io::stdin();
            input.as_fd()
        }
    };
    // Room for one byte more than allowed tells a longer source from a full one.
    let bytes = file::read_up_to(source, bytes_max.saturating_add(1)).map_err(refused)?;
    if bytes.len() > bytes_max {
        return Err(BadFile::TooLong);
    }
    Ok(bytes)
}

/// The table behind it is 500 bytes, and the compiler would copy it to each caller.
#[inline(never)]
fn kind(errno: Errno) -> ErrorKind {
    io::Error::from(errno).kind()
}

/// Where text goes.
pub trait Sink {
    /// Sends all of it on its way.
    ///
    /// # Errors
    /// What the system says.
    fn send(&mut self, bytes: &[u8]) -> Result<(), ErrorKind>;
}

impl<W: Write> Sink for W {
    fn send(&mut self, bytes: &[u8]) -> Result<(), ErrorKind> {
        self.write_all(bytes)
            .and_then(|()| self.flush())
            .map_err(|error| error.kind())
    }
}

/// A standard stream of this process, without a buffer of its own: whoever writes there has one.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Sink for Stream {
    fn send(&mut self, bytes: &[u8]) -> Result<(), ErrorKind> {
        let (output, error) = (io::stdout(), io::stderr());
        let stream = match self {
            Stream::Output => output.as_fd(),
            Stream::Error => error.as_fd(),
        };
        file::write(stream, bytes).map_err(kind)
    }
}

impl fmt::Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes()).map_err(|_| fmt::Error)
    }
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

impl From<Errno> for BadLine {
    fn from(errno: Errno) -> BadLine {
        match errno {
            Errno::ENOENT | Errno::ECONNREFUSED => BadLine::Nobody,
            Errno::EACCES | Errno::EPERM => BadLine::Denied,
            Errno::EINVAL | Errno::ENAMETOOLONG => BadLine::Path,
            Errno::EPIPE | Errno::ECONNRESET => BadLine::Closed,
            // What Linux calls the end of a read or write time-out.
            Errno::EAGAIN | Errno::ETIMEDOUT => BadLine::Silent,
            errno => BadLine::System(kind(errno)),
        }
    }
}

/// A connection to whoever listens on a UNIX socket.
#[derive(Debug)]
pub struct Client {
    stream: OwnedFd,
}

impl Client {
    /// Connects. Each later read and write may take `silence_max`.
    ///
    /// # Errors
    /// [`BadLine`], by cause.
    pub fn connect(path: &Path, silence_max: Duration) -> Result<Client, BadLine> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(stream.as_raw_fd(), &file::address(path)?)?;
        let silence_max_ms = silence_max.as_secs() * 1000 + u64::from(silence_max.subsec_millis());
        let silence_max = TimeVal::milliseconds(i64::try_from(silence_max_ms).unwrap_or_default());
        setsockopt(&stream, sockopt::ReceiveTimeout, &silence_max)?;
        setsockopt(&stream, sockopt::SendTimeout, &silence_max)?;
        Ok(Client { stream })
    }

    /// Sends a line and its end.
    ///
    /// # Errors
    /// [`BadLine`]; after `Closed` there may still be an answer that tells why.
    pub fn send(&mut self, line: &[u8]) -> Result<(), BadLine> {
        file::write(self.stream.as_fd(), line)?;
        file::write(self.stream.as_fd(), b"\n")?;
        Ok(())
    }

    /// Waits for bytes and tells how many came: at least one.
    ///
    /// # Errors
    /// [`BadLine`]; the end of the connection is `Closed`.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, BadLine> {
        match file::read(self.stream.as_fd(), buffer)? {
            0 => Err(BadLine::Closed),
            len => Ok(len),
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
