//! Echo requests to one address through one interface, and how long the answers took.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, connect, recv, send,
    setsockopt, socket, sockopt,
};
use nix::{setsockopt_impl, sockopt_impl};

use super::clock::now_us;
use super::errno::refused;
use super::proc::own_pid;
use crate::value::Refused;
use crate::wire::icmp::{ECHO_BYTES, EchoKey, emit_echo, parse_reply};
use crate::wire::{Order, Writer};

/// The level of a raw socket's options (linux/socket.h).
const SOL_RAW: libc::c_int = 255;
/// linux/icmp.h, `struct icmp_filter`.
const ICMP_FILTER: libc::c_int = 1;

sockopt_impl!(
    /// Kinds of ICMP messages that do not come here, a bit each.
    IcmpFilter, SetOnly, SOL_RAW, ICMP_FILTER, u32
);

/// Echo replies, a kind of messages.
pub(super) const REPLIES: u32 = 1;

/// Answers that are waited for: the last so many requests. One a second is sent, so that an answer may take so many seconds: longer than any
/// modem's queue.
const WAITED_FOR: usize = 4;

/// Beyond this nobody waits for an answer any more.
const WAIT_US_MAX: u32 = 5_000_000;

/// Bytes of answers that wait to be read: a flood of them is the kernel's to drop. It makes at least 2 kB of it.
const WAITING_BYTES: usize = 2048;

/// An IPv4 header with all its options, and what is read of the answer.
const ANSWER_BYTES: usize = 60 + ECHO_BYTES;

/// See the module.
#[derive(Debug)]
pub struct Echo {
    socket: OwnedFd,
    to: Ipv4Addr,
    /// When the last requests were sent, in microseconds: by their numbers. None for one that was answered.
    sent_us: [Option<u32>; WAITED_FOR],
    key: EchoKey,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The answer, after so many tenths of a millisecond.
    Answer(u32),
    /// Something that is no answer to us.
    Other,
    /// The same, while nobody waits for an answer: the socket may go.
    Unasked,
    /// Nothing more.
    Nothing,
}

impl Echo {
    /// A socket at the interface, whose packets have this priority.
    ///
    /// # Errors
    /// [`Refused`]: it needs `CAP_NET_RAW`, and `CAP_NET_ADMIN` for the priority.
    pub fn open(interface: &str, priority: u32) -> Result<Echo, Refused> {
        Echo::socket(interface, priority).map_err(refused)
    }

    fn socket(interface: &str, priority: u32) -> Result<Echo, Errno> {
        Ok(Echo {
            socket: raw(interface, priority, REPLIES, WAITING_BYTES)?,
            to: Ipv4Addr::UNSPECIFIED,
            sent_us: [None; WAITED_FOR],
            key: EchoKey {
                id: own_id(),
                seq: 0,
            },
        })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`Refused`]: there is no way there.
    pub fn send(&mut self, to: Ipv4Addr) -> Result<(), Refused> {
        self.try_send(to).map_err(refused)
    }

    fn try_send(&mut self, to: Ipv4Addr) -> Result<(), Errno> {
        if self.to != to {
            // From now on answers come from there only.
            connect(
                self.socket.as_raw_fd(),
                &SockaddrIn::from(SocketAddrV4::new(to, 0)),
            )?;
            self.to = to;
            self.sent_us = [None; WAITED_FOR];
        }
        self.key.seq = self.key.seq.wrapping_add(1);
        let mut room = [0; ECHO_BYTES];
        let mut w = Writer::new(&mut room, Order::HOST);
        emit_echo(&mut w, self.key, ECHO_BYTES);
        let seq = self.key.seq;
        if let Some(slot) = self.slot(seq) {
            *slot = Some(now_us());
        }
        send(self.socket.as_raw_fd(), &room, MsgFlags::empty()).map(drop)
    }

    fn slot(&mut self, seq: u16) -> Option<&mut Option<u32>> {
        self.sent_us.get_mut(usize::from(seq) % WAITED_FOR)
    }

    /// What has come, without waiting.
    pub fn receive(&mut self) -> Heard {
        let mut packet = [0; ANSWER_BYTES];
        let count = match recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            Ok(count) => count,
            Err(Errno::EAGAIN) => return Heard::Nothing,
            // What an ICMP error on the way said: told once.
            Err(_) => return Heard::Other,
        };
        let now = now_us();
        let recent =
            |sent: &Option<u32>| sent.is_some_and(|sent| now.wrapping_sub(sent) < WAIT_US_MAX);
        if !self.sent_us.iter().any(recent) {
            return Heard::Unasked;
        }
        let EchoKey { id, seq } = self.key;
        let reply = packet.get(..count).and_then(parse_reply);
        let ours = reply.filter(|reply| {
            reply.id == id && usize::from(seq.wrapping_sub(reply.seq)) < WAITED_FOR
        });
        let sent = ours.and_then(|reply| self.slot(reply.seq)?.take());
        match sent {
            Some(sent) => Heard::Answer(now.wrapping_sub(sent) / 100),
            None => Heard::Other,
        }
    }
}

/// A socket at the interface, whose packets have this priority, for these kinds of messages; what waits beyond so many bytes is dropped.
pub(super) fn raw(
    interface: &str,
    priority: u32,
    kinds: u32,
    waiting_bytes: usize,
) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let protocol = SockProtocol::Icmp;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, protocol)?;
    setsockopt(&socket, IcmpFilter, &!kinds)?;
    setsockopt(&socket, sockopt::RcvBuf, &waiting_bytes)?;
    setsockopt(&socket, sockopt::BindToDevice, &OsString::from(interface))?;
    setsockopt(&socket, sockopt::Priority, &priority.cast_signed())?;
    Ok(socket)
}

/// Whose requests are ours.
pub(super) fn own_id() -> u16 {
    let [_, _, high, low] = own_pid().to_be_bytes();
    u16::from_be_bytes([high, low])
}

impl AsFd for Echo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
