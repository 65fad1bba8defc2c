//! The control socket: who may come in, and who holds it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::errno::refused_io;
use crate::value::Refused;

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
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((mut file, Errno::EAGAIN)) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(ListenError::Taken {
                    pid: text.trim().parse().unwrap_or_default(),
                });
            }
            Err((_, errno)) => return Err(ListenError::Refused(super::errno::refused(errno))),
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
        socket.set_nonblocking(true).map_err(io)?;
        Ok(Listener {
            socket,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The next client, without waiting.
    pub fn accept(&self) -> Option<UnixStream> {
        let (stream, _) = self.socket.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    }
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
