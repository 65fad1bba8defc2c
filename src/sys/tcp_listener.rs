//! TCP sockets that listen. Whoever gets a copy of one accepts.

use core::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockType, SockaddrStorage, bind, listen,
    setsockopt, shutdown, socket, sockopt,
};

use super::errno::refused;
use crate::value::{Cause, Refused};

/// Connections that may wait to be accepted: chosen, two pages' worth. The kernel turns further ones away.
const WAITING_MAX: i32 = 16;

/// A socket that listens at one address.
#[derive(Debug)]
pub struct TcpListener {
    socket: OwnedFd,
}

impl TcpListener {
    /// Listens at this address and port, and at no other: an IPv6 socket takes no IPv4.
    ///
    /// # Errors
    /// [`Refused`]; as busy when another program listens there.
    pub fn open(place: SocketAddr) -> Result<TcpListener, Refused> {
        match open(place) {
            Ok(socket) => Ok(TcpListener { socket }),
            Err(Errno::EADDRINUSE) => Err(Refused::known(&TAKEN)),
            Err(errno) => Err(refused(errno)),
        }
    }
}

/// Told without allocating: it is tried again and again.
static TAKEN: (Cause, &str) = (Cause::Busy, "another program listens there");

fn open(place: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match place {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Stream, flags, None)?;
    // Connections of a process that was here before us may still be on their way out.
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    if place.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(place))?;
    listen(&socket, Backlog::new(WAITING_MAX)?)?;
    Ok(socket)
}

impl Drop for TcpListener {
    /// Nobody listens there any more, whoever else has a copy.
    fn drop(&mut self) {
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Read);
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
