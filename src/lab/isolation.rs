//! Leaving the machine's own network before anything else happens.
//!
//! After [`leave`], the whole process stands in an empty network namespace: a mistake in the lab cannot reach an interface
//! of the machine, since there is none. As root that is one system call. An ordinary user becomes root of a user namespace
//! of their own first, which is enough for everything the house needs.

use std::fs;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, getegid, geteuid};

use super::error::Error;

/// As whom the lab works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Root of the machine (or of whatever container it runs in).
    Root,
    /// Root of a user namespace made by us; an ordinary user outside.
    UserNamespace,
}

/// Moves the process into a network namespace of its own.
///
/// Must be called early in `main`, before any thread exists: the kernel lets only a single-threaded process enter a user
/// namespace, and threads made earlier would stay behind in the machine's network.
///
/// # Errors
/// `System` with `EPERM` where the machine forbids user namespaces, with `EINVAL` when threads exist already.
pub fn leave() -> Result<Standing, Error> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(Standing::Root),
        Err(Errno::EPERM) => {}
        Err(errno) => {
            return Err(Error::System {
                step: "new network namespace",
                errno,
            });
        }
    }
    // Read before the unshare: afterwards both are the overflow ids.
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(Error::system("new user namespace"))?;
    become_root(user, group)?;
    Ok(Standing::UserNamespace)
}

fn become_root(user: Uid, group: Gid) -> Result<(), Error> {
    fs::write("/proc/self/uid_map", format!("0 {user} 1\n")).map_err(Error::io("write uid_map"))?;
    // Without this the kernel refuses gid_map to unprivileged writers (since Linux 3.19).
    fs::write("/proc/self/setgroups", "deny").map_err(Error::io("write setgroups"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1\n")).map_err(Error::io("write gid_map"))
}
