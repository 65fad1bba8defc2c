//! Why the daemon does not run.

use core::fmt;
use std::path::PathBuf;

use crate::config::Problem;
use crate::sys::listener::ListenError;
use crate::sys::store::StoreError;
use crate::value::{Cause, Refused};

/// See the module. Nothing in the kernel was changed.
#[derive(Debug)]
pub enum Error {
    /// The configuration's file could not be read.
    Store(PathBuf, StoreError),
    /// It makes no sense.
    Config(PathBuf, Box<Problem>),
    /// There is no control socket.
    Listen(PathBuf, Box<ListenError>),
    /// There is no netlink.
    Netlink(Refused),
    /// Something else of the system is not to be had.
    System(&'static str, Refused),
    /// Not everything could be removed.
    Left(Box<crate::control::Text>),
}

impl Error {
    /// What the process ends with: 1 where the system refused, 2 where what the user wrote makes no sense.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Error::Config(..) => 2,
            Error::Store(..)
            | Error::Listen(..)
            | Error::Netlink(_)
            | Error::System(..)
            | Error::Left(_) => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why): (&dyn fmt::Display, &dyn fmt::Display) = match self {
            Error::Store(path, error) => (&path.display(), error),
            Error::Config(path, problem) => (&path.display(), problem),
            Error::Listen(path, error) => match error.as_ref() {
                ListenError::Taken { pid } => {
                    let path = path.display();
                    return write!(f, "already running, pid {pid} (it holds {path})");
                }
                ListenError::Refused(refused) => (&path.display(), refused),
            },
            Error::Netlink(refused) if refused.cause == Cause::Denied => {
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
