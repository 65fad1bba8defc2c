//! What error numbers mean. They differ between architectures: only here are they looked at, and by name.

use nix::errno::Errno;

use crate::value::{Cause, Meaning, Refused};
use crate::wire::netlink::Refusal;

/// What the error numbers mean that netlink, files, sockets and what else is called here can give, and their words in Linux. nix' own
/// words for all 133 of them take 5 kB; one that is not here is told by its number.
static MEANINGS: [(Errno, Meaning); 51] = [
    (Errno::ENOENT, (Cause::Gone, "No such file or directory")),
    (Errno::ENODEV, (Cause::Gone, "No such device")),
    (Errno::ENXIO, (Cause::Gone, "No such device or address")),
    (Errno::ESRCH, (Cause::Gone, "No such process")),
    (Errno::EEXIST, (Cause::Exists, "File exists")),
    (Errno::EPERM, (Cause::Denied, "Operation not permitted")),
    (Errno::EACCES, (Cause::Denied, "Permission denied")),
    (
        Errno::EOPNOTSUPP,
        (
            Cause::Unsupported,
            "Operation not supported on transport endpoint",
        ),
    ),
    (
        Errno::EPROTONOSUPPORT,
        (Cause::Unsupported, "Protocol not supported"),
    ),
    (
        Errno::EAFNOSUPPORT,
        (
            Cause::Unsupported,
            "Address family not supported by protocol",
        ),
    ),
    (
        Errno::ENOSYS,
        (Cause::Unsupported, "Function not implemented"),
    ),
    (Errno::EINVAL, (Cause::Invalid, "Invalid argument")),
    (
        Errno::ERANGE,
        (Cause::Invalid, "Math result not representable"),
    ),
    (Errno::EBUSY, (Cause::Busy, "Device or resource busy")),
    (Errno::EAGAIN, (Cause::Busy, "Try again")),
    (Errno::EINTR, (Cause::Busy, "Interrupted system call")),
    (Errno::ETIMEDOUT, (Cause::Busy, "Connection timed out")),
    (Errno::ENOSPC, (Cause::Full, "No space left on device")),
    (Errno::EDQUOT, (Cause::Full, "Quota exceeded")),
    (Errno::ENFILE, (Cause::Full, "File table overflow")),
    (Errno::EMFILE, (Cause::Full, "Too many open files")),
    (Errno::EIO, (Cause::Other, "I/O error")),
    (Errno::E2BIG, (Cause::Other, "Argument list too long")),
    (Errno::EBADF, (Cause::Other, "Bad file number")),
    (Errno::ENOMEM, (Cause::Other, "Out of memory")),
    (Errno::EFAULT, (Cause::Other, "Bad address")),
    (Errno::EXDEV, (Cause::Other, "Cross-device link")),
    (Errno::ENOTDIR, (Cause::Other, "Not a directory")),
    (Errno::EISDIR, (Cause::Other, "Is a directory")),
    (Errno::ENOTTY, (Cause::Other, "Not a typewriter")),
    (Errno::ETXTBSY, (Cause::Other, "Text file busy")),
    (Errno::EFBIG, (Cause::Other, "File too large")),
    (Errno::ESPIPE, (Cause::Other, "Illegal seek")),
    (Errno::EROFS, (Cause::Other, "Read-only file system")),
    (Errno::EMLINK, (Cause::Other, "Too many links")),
    (Errno::EPIPE, (Cause::Other, "Broken pipe")),
    (
        Errno::EDEADLK,
        (Cause::Other, "Resource deadlock would occur"),
    ),
    (Errno::ENAMETOOLONG, (Cause::Other, "File name too long")),
    (Errno::ENOLCK, (Cause::Other, "No record locks available")),
    (Errno::ENOTEMPTY, (Cause::Other, "Directory not empty")),
    (
        Errno::ELOOP,
        (Cause::Other, "Too many symbolic links encountered"),
    ),
    (
        Errno::EOVERFLOW,
        (Cause::Other, "Value too large for defined data type"),
    ),
    (Errno::EILSEQ, (Cause::Other, "Illegal byte sequence")),
    (Errno::EMSGSIZE, (Cause::Other, "Message too long")),
    (Errno::EADDRINUSE, (Cause::Other, "Address already in use")),
    (
        Errno::EADDRNOTAVAIL,
        (Cause::Other, "Cannot assign requested address"),
    ),
    (Errno::ENOBUFS, (Cause::Other, "No buffer space available")),
    (
        Errno::ENOTCONN,
        (Cause::Other, "Transport endpoint is not connected"),
    ),
    (Errno::ECONNREFUSED, (Cause::Other, "Connection refused")),
    (
        Errno::ECONNRESET,
        (Cause::Other, "Connection reset by peer"),
    ),
    (Errno::ESTALE, (Cause::Other, "Stale file handle")),
];

fn meaning(errno: Errno) -> Option<&'static Meaning> {
    let mut meanings = MEANINGS.iter();
    let (_, meaning) = meanings.find(|(known, _)| *known == errno)?;
    Some(meaning)
}

/// What an error number means.
pub fn cause(errno: Errno) -> Cause {
    meaning(errno).map_or(Cause::Other, |(cause, _)| *cause)
}

/// The words for an error number.
pub fn words(errno: Errno) -> &'static str {
    meaning(errno).map_or("an error without a name", |(_, words)| words)
}

/// A refused system call.
pub fn refused(errno: Errno) -> Refused {
    match meaning(errno) {
        Some(meaning) => Refused::known(meaning),
        None => Refused::other(format_args!("error {}", errno as i32)),
    }
}

/// A refused netlink request: the kernel's own words where it has some.
pub fn refused_by_kernel(refusal: Refusal<'_>) -> Refused {
    let errno = Errno::from_raw(refusal.errno);
    match refusal.text {
        "" => refused(errno),
        text => Refused::new(cause(errno), text),
    }
}
