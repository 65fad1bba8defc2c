//! The control socket: who may come in, and who holds it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl};
use nix::poll::poll;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, bind, getsockopt, listen, socket, socketpair,
};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Whence, ftruncate, geteuid, lseek};

use super::errno::refused;
use super::file;
use super::proc::{numbers, own_pid};
use crate::value::Refused;

/// How often the lock is tried, and how long is waited in between: one second in all, many times what a daemon takes to end.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE_MS: u8 = 50;

/// A socket that only its owner may speak to, and a lock beside it that says who listens.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    _lock: Flock<OwnedFd>,
}

/// Why there is no socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenError {
    /// Another process listens.
    Taken {
        /// Its number, as it wrote it; 0 when it did not.
        pid: u32,
    },
    /// The system refused.
    Refused(Refused),
}

impl From<Errno> for ListenError {
    fn from(errno: Errno) -> ListenError {
        ListenError::Refused(refused(errno))
    }
}

impl Listener {
    /// Listens at `path`. A socket file that nobody listens at any more is replaced: the lock tells, which the kernel releases with the
    /// process that held it, however that ended.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn open(path: &Path) -> Result<Listener, ListenError> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let file = file::open(Path::new(&lock_path), OFlag::O_RDWR | OFlag::O_CREAT)?;
        let lock = match lock_patiently(file) {
            Ok(lock) => lock,
            Err((file, Errno::EAGAIN)) => {
                let [pid, ..] = numbers(file.as_fd(), 10).unwrap_or_default();
                return Err(ListenError::Taken {
                    pid: pid.unwrap_or_default(),
                });
            }
            Err((_, errno)) => return Err(errno.into()),
        };
        ftruncate(lock.as_fd(), 0)?;
        lseek(lock.as_fd(), 0, Whence::SeekSet)?;
        file::write(lock.as_fd(), format!("{}\n", own_pid()).as_bytes())?;
        match file::remove(path) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        let address = file::address(path)?;
        // Only root may ask: the directory of the socket may be open to all.
        let others = umask(!(Mode::S_IRUSR | Mode::S_IWUSR));
        let bound = bind(socket.as_raw_fd(), &address);
        umask(others);
        bound?;
        listen(&socket, Backlog::MAXALLOWABLE)?;
        Ok(Listener {
            socket: socket.into(),
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The next client, without waiting. Whoever is neither root nor us is turned away, whatever the file's mode let through.
    pub fn accept(&self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, _)) => {
                let may = getsockopt(&stream, PeerCredentials)
                    .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == geteuid().as_raw());
                if may && never_wait(&stream).is_ok() {
                    Accepted::Client(stream.into())
                } else {
                    Accepted::TurnedAway
                }
            }
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EAGAIN) => Accepted::Nobody,
                Some(Errno::EINTR) => Accepted::TurnedAway,
                _ => Accepted::NoRoom,
            },
        }
    }
}

/// Two ends of a connection that nobody had to ask for; neither waits.
///
/// # Errors
/// [`Refused`].
pub fn pair() -> Result<(OwnedFd, OwnedFd), Refused> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socketpair(AddressFamily::Unix, SockType::Stream, None, flags).map_err(refused)
}

/// Reads and writes of this socket come back at once. The standard library's way goes through `ioctl`, which nothing else of ours needs.
pub(super) fn never_wait(socket: impl AsFd) -> Result<(), Errno> {
    let flags = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
    fcntl(socket, flags).map(drop)
}

/// What became of a look for clients.
#[derive(Debug)]
pub enum Accepted {
    /// There is one.
    Client(OwnedFd),
    /// There was one who may not ask, or who is gone already.
    TurnedAway,
    /// There is none.
    Nobody,
    /// There is one, and no file descriptor for it: it stays in the queue.
    NoRoom,
}

/// A daemon that was told to stop answers before it is gone: whoever starts the next one at once gets the lock a moment later.
fn lock_patiently(mut file: OwnedFd) -> Result<Flock<OwnedFd>, (OwnedFd, Errno)> {
    for _ in 0..LOCK_TRIES {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((held, Errno::EAGAIN)) => file = held,
            result => return result,
        }
        // Nothing is waited for but the time.
        let _ = poll(&mut [], LOCK_PAUSE_MS);
    }
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The lock's file stays: removing it would let two processes hold two locks of one name.
        let _ = file::remove(&self.path);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
