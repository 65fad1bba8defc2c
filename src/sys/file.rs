//! Files by the system's own calls, with their error numbers: what the standard library makes of them is ten times as large.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, renameat};
use nix::sys::socket::UnixAddr;
use nix::sys::stat::Mode;
use nix::unistd;

use crate::value::Lossy;

/// Bytes of a path at most, with its end: the kernel takes no more.
const PATH_BYTES: usize = 4096;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 4096;

/// A path as the kernel wants it.
fn name<'r>(path: &Path, room: &'r mut [u8; PATH_BYTES]) -> Result<&'r CStr, Errno> {
    let bytes = path.as_os_str().as_bytes();
    let with_end = room.get_mut(..=bytes.len()).ok_or(Errno::ENAMETOOLONG)?;
    if let Some(start) = with_end.get_mut(..bytes.len()) {
        start.copy_from_slice(bytes);
    }
    CStr::from_bytes_with_nul(with_end).map_err(|_| Errno::EINVAL)
}

/// Makes a call again that a signal interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// Opens a file. One that is made thereby is for its owner only; no child of ours gets it.
#[inline(never)]
pub(super) fn open(path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let mut room = [0; PATH_BYTES];
    let name = name(path, &mut room)?;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    uninterrupted(|| nix::fcntl::open(name, flags | OFlag::O_CLOEXEC, mode))
}

/// Reads what there is, as far as there is room. None is the end.
#[inline(never)]
pub(super) fn read(file: BorrowedFd<'_>, room: &mut [u8]) -> Result<usize, Errno> {
    uninterrupted(|| unistd::read(file, room))
}

/// Reads to the end, or so many bytes.
pub(super) fn read_up_to(file: BorrowedFd<'_>, bytes_max: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    let mut piece = [0; PIECE_BYTES];
    loop {
        let wanted = PIECE_BYTES.min(bytes_max - bytes.len());
        let count = read(file, piece.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

/// Writes all of it.
#[inline(never)]
pub(super) fn write(file: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let count = uninterrupted(|| unistd::write(file, bytes))?;
        if count == 0 {
            // The device took nothing.
            return Err(Errno::ENOSPC);
        }
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}

/// Waits until its bytes are on flash.
#[inline(never)]
pub(super) fn sync(file: &OwnedFd) -> Result<(), Errno> {
    uninterrupted(|| unistd::fsync(file))
}

/// Removes a file.
#[inline(never)]
pub(super) fn remove(path: &Path) -> Result<(), Errno> {
    unistd::unlink(name(path, &mut [0; PATH_BYTES])?)
}

/// Removes a directory that is empty.
#[inline(never)]
pub(super) fn remove_dir(path: &Path) -> Result<(), Errno> {
    let mut room = [0; PATH_BYTES];
    let name = name(path, &mut room)?;
    unistd::unlinkat(AT_FDCWD, name, unistd::UnlinkatFlags::RemoveDir)
}

/// Gives a file another name; what had it is replaced.
#[inline(never)]
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Errno> {
    let (mut from_room, mut to_room) = ([0; PATH_BYTES], [0; PATH_BYTES]);
    let (from, to) = (name(from, &mut from_room)?, name(to, &mut to_room)?);
    renameat(AT_FDCWD, from, AT_FDCWD, to)
}

/// Makes a directory.
#[inline(never)]
pub(super) fn make_dir(path: &Path, mode: Mode) -> Result<(), Errno> {
    unistd::mkdir(name(path, &mut [0; PATH_BYTES])?, mode)
}

/// The address of a socket that has a path.
#[inline(never)]
pub(super) fn address(path: &Path) -> Result<UnixAddr, Errno> {
    UnixAddr::new(name(path, &mut [0; PATH_BYTES])?)
}

/// A path, or another word of the system, as text.
pub fn shown<P: AsRef<OsStr> + ?Sized>(path: &P) -> Lossy<'_> {
    Lossy(path.as_ref().as_bytes())
}

/// What a read or write of a socket that does not wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes went; none is the end.
    Bytes(usize),
    /// The other side is not ready.
    Nothing,
    /// The connection is broken.
    Broken,
}

impl From<Result<usize, Errno>> for Moved {
    fn from(result: Result<usize, Errno>) -> Moved {
        match result {
            Ok(count) => Moved::Bytes(count),
            Err(Errno::EAGAIN) => Moved::Nothing,
            Err(_) => Moved::Broken,
        }
    }
}

/// Takes what a socket has.
pub fn take(socket: &OwnedFd, room: &mut [u8]) -> Moved {
    read(socket.as_fd(), room).into()
}

/// Gives a socket what it has room for.
pub fn give(socket: &OwnedFd, bytes: &[u8]) -> Moved {
    uninterrupted(|| unistd::write(socket, bytes)).into()
}
