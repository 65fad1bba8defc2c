//! The control socket: who may come in, and who holds it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl};
use nix::poll::poll;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::geteuid;

use super::errno::{refused, refused_io};
use super::proc::numbers;
use crate::value::Refused;

/// How often the lock is tried, and how long is waited in between: one second in all, many times what a daemon takes to end.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE_MS: u8 = 50;

/// A socket that only its owner may speak to, and a lock beside it that says who listens.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    _lock: Flock<File>,
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

impl Listener {
    /// Listens at `path`. A socket file that nobody listens at any more is replaced: the lock tells, which the kernel releases with the
    /// process that held it, however that ended.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn open(path: &Path) -> Result<Listener, ListenError> {
        let io = |error: std::io::Error| ListenError::Refused(refused_io(&error));
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(io)?;
        let mut lock = match lock_patiently(file) {
            Ok(lock) => lock,
            Err((mut file, Errno::EAGAIN)) => {
                let [pid, ..] = numbers(&mut file, 10).unwrap_or_default();
                return Err(ListenError::Taken {
                    pid: pid.unwrap_or_default(),
                });
            }
            Err((_, errno)) => return Err(ListenError::Refused(refused(errno))),
        };
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(io)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let socket = UnixListener::bind(path).map_err(io)?;
        // Only root may ask: the directory of the socket may be open to all.
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(io)?;
        never_wait(&socket).map_err(ListenError::Refused)?;
        Ok(Listener {
            socket,
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
                    Accepted::Client(stream)
                } else {
                    Accepted::TurnedAway
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Accepted::Nobody,
            Err(error) if error.kind() == ErrorKind::Interrupted => Accepted::TurnedAway,
            Err(_) => Accepted::NoRoom,
        }
    }
}

/// Reads and writes of this socket come back at once. The standard library's way goes through `ioctl`, which nothing else of ours needs.
fn never_wait(socket: impl AsFd) -> Result<(), Refused> {
    let flags = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
    fcntl(socket, flags).map(|_| ()).map_err(refused)
}

/// What became of a look for clients.
#[derive(Debug)]
pub enum Accepted {
    /// There is one.
    Client(UnixStream),
    /// There was one who may not ask, or who is gone already.
    TurnedAway,
    /// There is none.
    Nobody,
    /// There is one, and no file descriptor for it: it stays in the queue.
    NoRoom,
}

/// A daemon that was told to stop answers before it is gone: whoever starts the next one at once gets the lock a moment later.
fn lock_patiently(mut file: File) -> Result<Flock<File>, (File, Errno)> {
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
        let _ = std::fs::remove_file(&self.path);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
