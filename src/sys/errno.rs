//! What error numbers mean. They differ between architectures: only here are they looked at, and by name.

use nix::errno::Errno;

use crate::value::{Cause, Refused};
use crate::wire::netlink::Refusal;

/// What an error number means.
pub fn cause(errno: Errno) -> Cause {
    match errno {
        Errno::ENOENT | Errno::ENODEV | Errno::ENXIO | Errno::ESRCH => Cause::Gone,
        Errno::EEXIST => Cause::Exists,
        Errno::EPERM | Errno::EACCES => Cause::Denied,
        Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT | Errno::ENOSYS => {
            Cause::Unsupported
        }
        Errno::EINVAL | Errno::ERANGE => Cause::Invalid,
        Errno::EBUSY | Errno::EAGAIN | Errno::EINTR | Errno::ETIMEDOUT => Cause::Busy,
        Errno::ENOSPC | Errno::EDQUOT | Errno::ENFILE | Errno::EMFILE => Cause::Full,
        _ => Cause::Other,
    }
}

/// A refused system call.
pub fn refused(errno: Errno) -> Refused {
    Refused::new(cause(errno), errno.desc())
}

/// A refused netlink request: the kernel's own words where it has some.
pub fn refused_by_kernel(refusal: Refusal<'_>) -> Refused {
    let errno = Errno::from_raw(refusal.errno);
    let text = if refusal.text.is_empty() {
        errno.desc()
    } else {
        refusal.text
    };
    Refused::new(cause(errno), text)
}

/// A refused operation of the standard library.
pub fn refused_io(error: &std::io::Error) -> Refused {
    refused(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}
