//! TCP as a server that does not wait: who comes, and to which address.

use core::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    Shutdown, SockFlag, SockaddrStorage, accept4, getpeername, getsockname, setsockopt, shutdown,
    sockopt,
};

use super::channel::adopted;

/// What became of a look for visitors.
#[derive(Debug)]
pub enum Visit {
    /// There is one: his socket, his address, and the one that he has come to.
    Visitor(OwnedFd, IpAddr, SocketAddr),
    /// There was one, who is gone already.
    Gone,
    /// There is none.
    Nobody,
    /// There is one, and no file descriptor for him: he stays in the queue.
    NoRoom,
}

/// The next visitor of a listening socket.
pub fn accept(listener: &OwnedFd) -> Visit {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = match accept4(listener.as_raw_fd(), flags) {
        Ok(socket) => adopted(socket),
        Err(Errno::EAGAIN) => return Visit::Nobody,
        Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
            return Visit::NoRoom;
        }
        Err(_) => return Visit::Gone,
    };
    // What we write is whole; the kernel has nothing to wait for.
    let _ = setsockopt(&socket, sockopt::TcpNoDelay, &true);
    let visitor = getpeername::<SockaddrStorage>(socket.as_raw_fd());
    match (visitor.ok().as_ref().and_then(place), local(&socket)) {
        (Some(visitor), Some(local)) => Visit::Visitor(socket, visitor.ip(), local),
        _ => Visit::Gone,
    }
}

/// The address that a socket has here.
pub fn local(socket: &OwnedFd) -> Option<SocketAddr> {
    let address = getsockname::<SockaddrStorage>(socket.as_raw_fd()).ok()?;
    place(&address)
}

/// Says that nothing more will be sent.
pub fn end_writing(socket: &OwnedFd) {
    // Who is gone needs not be told.
    let _ = shutdown(socket.as_raw_fd(), Shutdown::Write);
}

fn place(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some((address.ip(), address.port()).into());
    }
    let address = address.as_sockaddr_in6()?;
    let (ip, port, scope) = (address.ip(), address.port(), address.scope_id());
    Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))
}
