//! Why the daemon does not run.

use core::fmt;
use std::path::PathBuf;

use crate::sys::file::shown;
use crate::sys::listener::ListenError;
use crate::value::{Cause, Refused};

/// See the module. Nothing in the kernel was changed.
#[derive(Debug)]
pub enum Error {
    /// There is no control socket.
    Listen(PathBuf, Box<ListenError>),
    /// There is no netlink.
    Netlink(Refused),
    /// Something else of the system is not to be had.
    System(&'static str, Refused),
    /// Not everything could be removed.
    Left(Box<crate::control::Text>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why): (&dyn fmt::Display, &dyn fmt::Display) = match self {
            Error::Listen(path, error) => match error.as_ref() {
                ListenError::Taken { pid } => {
                    let path = shown(path);
                    return write!(f, "already running, pid {pid} (it holds {path})");
                }
                ListenError::Refused(refused) => (&shown(path), refused),
            },
            Error::Netlink(refused) if refused.cause() == Cause::Denied => {
                (&"expected to run as root (CAP_NET_ADMIN), found", refused)
            }
            Error::Netlink(refused) => (
                &"expected a kernel with netlink (CONFIG_NETFILTER_NETLINK), found",
                refused,
            ),
            Error::System(what, refused) => (what, refused),
            Error::Left(text) => (&"not all could be removed", text),
        };
        write!(f, "{what}: {why}")
    }
}
