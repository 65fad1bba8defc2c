//! Echo requests that nobody on the way may split, and what becomes of them.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrIn, recv, sendto, setsockopt};
use nix::{setsockopt_impl, sockopt_impl};

use super::echo::{REPLIES, own_id, raw};
use super::errno::refused;
use crate::value::Refused;
use crate::wire::icmp::{EchoKey, IPV4_BYTES, emit_echo, parse_reply, parse_too_large};
use crate::wire::{Order, Writer};

sockopt_impl!(
    /// Whether the kernel lets packets be split.
    Splitting, SetOnly, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::c_int
);

/// That something does not reach its destination, a kind of messages.
const UNREACHABLE: u32 = 1 << 3;

/// The largest request.
const REQUEST_BYTES_MAX: usize = 1500 - IPV4_BYTES;

/// A header with all its options twice, and what is read behind each.
const ANSWER_BYTES: usize = 2 * (60 + 8);

/// Bytes of answers that wait to be read: some of the largest. Whoever is flooded loses them, and then nothing is known.
const WAITING_BYTES: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Path {
    socket: OwnedFd,
    id: u16,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer to the request of this number.
    Passed(u16),
    /// The request of this number is too large; what would not be, or 0.
    TooLarge(u16, u16),
    /// Something that is no answer to us.
    Other,
    /// Nothing more.
    Nothing,
}

impl Path {
    /// A socket at the interface, whose packets have this priority. What the kernel believes of the path is not asked.
    ///
    /// # Errors
    /// [`Refused`]: it needs `CAP_NET_RAW`, and `CAP_NET_ADMIN` for the priority.
    pub fn open(interface: &str, priority: u32) -> Result<Path, Refused> {
        Path::socket(interface, priority).map_err(refused)
    }

    fn socket(interface: &str, priority: u32) -> Result<Path, Errno> {
        // Not connected: what a router on the way says comes from its address.
        let socket = raw(interface, priority, REPLIES | UNREACHABLE, WAITING_BYTES)?;
        setsockopt(&socket, Splitting, &libc::IP_PMTUDISC_PROBE)?;
        Ok(Path {
            socket,
            // Another than that of the requests which measure time: both have numbers of their own.
            id: !own_id(),
        })
    }

    /// Sends a request, whose packet has so many bytes.
    ///
    /// # Errors
    /// [`Refused`]: there is no way there, or the interface takes no such packet.
    pub fn send(&self, to: Ipv4Addr, seq: u16, bytes: u16) -> Result<(), Refused> {
        let mut room = [0; REQUEST_BYTES_MAX];
        let mut w = Writer::new(&mut room, Order::HOST);
        let wished = usize::from(bytes).saturating_sub(IPV4_BYTES);
        emit_echo(&mut w, EchoKey { id: self.id, seq }, wished);
        let request = w.finish().unwrap_or_default();
        let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
        let sent = sendto(self.socket.as_raw_fd(), request, &to, MsgFlags::empty());
        sent.map(drop).map_err(refused)
    }

    /// What has come, without waiting.
    pub fn receive(&self) -> Heard {
        let mut packet = [0; ANSWER_BYTES];
        let count = match recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            Ok(count) => count,
            Err(Errno::EAGAIN) => return Heard::Nothing,
            Err(_) => return Heard::Other,
        };
        let packet = packet.get(..count).unwrap_or_default();
        match (parse_reply(packet), parse_too_large(packet)) {
            (Some(EchoKey { id, seq }), _) if id == self.id => Heard::Passed(seq),
            (_, Some((EchoKey { id, seq }, mtu))) if id == self.id => Heard::TooLarge(seq, mtu),
            _ => Heard::Other,
        }
    }
}

impl AsFd for Path {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
