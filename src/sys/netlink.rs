//! Netlink sockets: questions with their answers, and events.
//!
//! Two kinds of sockets, since a dump and a change on one socket would wait for each other: [`Asker`] sends one request at a
//! time and reads until its end; [`Listener`] hears events and never sends. Losing events is an outcome, [`Heard::Lost`], and not an
//! error: `NETLINK_NO_ENOBUFS` is never set.
//!
//! What is read goes into the room that the caller brings, [`RECEIVE_BYTES`] of it: one room serves all sockets of one thread.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname,
    recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::{setsockopt_impl, sockopt_impl};

use super::errno::{cause, refused, refused_by_kernel};
use crate::value::{Cause, Refused};
use crate::wire::netlink::{Frame, Message, NLM_F_DUMP_INTR, messages};
use crate::wire::{Malformed, Order};

sockopt_impl!(
    /// The kernel explains its refusals (since 4.12).
    ExtendedAck, SetOnly, libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, bool
);
sockopt_impl!(
    /// The kernel does not repeat the request in its answer (since 4.3).
    CappedAck, SetOnly, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, bool
);

/// Bytes of the largest datagram: the kernel makes dumps of up to 32 KiB for a reader with so much room.
pub const RECEIVE_BYTES: usize = 32 * 1024;

/// The kernel answers a request before `send` returns; only a dump of a device with a slow driver may take its time.
const ANSWER_TIMEOUT_S: i64 = 10;

/// The receive buffer of events that a LAN host can cause: a burst of some 1,000 neighbour events. Beyond it events are lost, and
/// everything is looked at again.
const EVENT_BUFFER_BYTES: usize = 512 * 1024;

/// The families that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Links, addresses, neighbours, qdiscs.
    Route,
    /// Conntrack and rules.
    Netfilter,
}

fn open(protocol: Protocol, groups: u32) -> Result<(OwnedFd, u32), Errno> {
    let family = match protocol {
        Protocol::Route => SockProtocol::NetlinkRoute,
        Protocol::Netfilter => SockProtocol::NetlinkNetFilter,
    };
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        family,
    )?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    let port = getsockname::<NetlinkAddr>(fd.as_raw_fd())?.pid();
    Ok((fd, port))
}

/// Asks and is answered.
#[derive(Debug)]
pub struct Asker {
    fd: OwnedFd,
    port: u32,
    /// The numbers of the request that is being answered.
    first_seq: u32,
    seq: u32,
    /// Changes overtook the dump that is being read.
    overtaken: bool,
    /// There was no room for an answer.
    lost: bool,
}

impl Asker {
    /// Opens a socket of a family.
    ///
    /// # Errors
    /// [`Refused`] when the kernel has no such family, or we may not.
    pub fn open(protocol: Protocol) -> Result<Asker, Refused> {
        let (fd, port) = open(protocol, 0).map_err(refused)?;
        // Older kernels know neither: their refusals then have no words, and a longer form that is read all the same.
        let _ = setsockopt(&fd, ExtendedAck, &true);
        let _ = setsockopt(&fd, CappedAck, &true);
        setsockopt(
            &fd,
            sockopt::ReceiveTimeout,
            &TimeVal::seconds(ANSWER_TIMEOUT_S),
        )
        .map_err(refused)?;
        Ok(Asker {
            fd,
            port,
            first_seq: 0,
            seq: 0,
            overtaken: false,
            lost: false,
        })
    }

    /// The same, for requests of so many bytes. Root may go beyond the system's limit; who may not is refused larger ones.
    #[must_use]
    pub fn sending(self, bytes: usize) -> Asker {
        if setsockopt(&self.fd, sockopt::SndBufForce, &bytes).is_err() {
            let _ = setsockopt(&self.fd, sockopt::SndBuf, &bytes);
        }
        self
    }

    /// Our netlink port: the kernel names it as the author of our changes.
    pub const fn port(&self) -> u32 {
        self.port
    }

    /// The number that the next request begins with.
    pub const fn next_seq(&self) -> u32 {
        self.seq.wrapping_add(1)
    }

    /// Sends a request and reads its answer to the end: `each` gets every message of it.
    ///
    /// # Errors
    /// [`Refused`] with the kernel's words for the first message that it refused; a dump that was overtaken by changes is
    /// refused as busy.
    pub fn ask(
        &mut self,
        request: &[u8],
        last_seq: u32,
        room: &mut [u8],
        each: &mut dyn FnMut(Message<'_>),
    ) -> Result<(), Refused> {
        self.begin(request, last_seq)?;
        loop {
            if let Progress::End(result) = self.read(room, each)? {
                return result;
            }
        }
    }

    /// Sends requests that do not depend on each other and reads all their answers; `each` gets why some were refused.
    ///
    /// # Errors
    /// [`Refused`] when they cannot be sent, or their answers not be read.
    pub fn ask_many(
        &mut self,
        requests: &[u8],
        last_seq: u32,
        room: &mut [u8],
        each: &mut dyn FnMut(Cause),
    ) -> Result<(), Refused> {
        self.begin(requests, last_seq)?;
        let is_stale = self.stale();
        loop {
            let mut over = false;
            for frame in messages(self.receive(room)?, Order::HOST) {
                if let Frame::Ack { seq, result } = frame.map_err(nonsense)?
                    && !is_stale(seq)
                {
                    over |= seq == last_seq;
                    if let Err(refusal) = result {
                        each(cause(Errno::from_raw(refusal.errno)));
                    }
                }
            }
            if over {
                return Ok(());
            }
        }
    }

    /// Sends a request; [`Asker::read`] brings its answer in pieces.
    ///
    /// # Errors
    /// [`Refused`] when it cannot be sent.
    pub fn begin(&mut self, request: &[u8], last_seq: u32) -> Result<(), Refused> {
        // After a loss the kernel drops every answer until none waits any more (net/netlink/af_netlink.c 6.12, `NETLINK_S_CONGESTED`).
        while core::mem::take(&mut self.lost) {
            self.lost = matches!(
                recv(self.fd.as_raw_fd(), &mut [], MsgFlags::MSG_DONTWAIT),
                Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS)
            );
        }
        self.first_seq = self.next_seq();
        self.seq = last_seq;
        self.overtaken = false;
        loop {
            match send(self.fd.as_raw_fd(), request, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(refused(errno)),
            }
        }
    }

    /// Reads one datagram of the answer.
    ///
    /// # Errors
    /// [`Refused`] when it cannot be read, or makes no sense.
    pub fn read(
        &mut self,
        room: &mut [u8],
        each: &mut dyn FnMut(Message<'_>),
    ) -> Result<Progress, Refused> {
        let last_seq = self.seq;
        let is_stale = self.stale();
        let datagram = self.receive(room)?;
        for frame in messages(datagram, Order::HOST) {
            match frame.map_err(nonsense)? {
                // What is left of an earlier request that was given up.
                Frame::Ack { seq, .. } | Frame::Done { seq, .. } if is_stale(seq) => {}
                Frame::Message(message) if is_stale(message.header.seq) => {}
                Frame::Ack {
                    result: Err(refusal),
                    ..
                }
                | Frame::Done {
                    result: Err(refusal),
                    ..
                } => {
                    return Ok(Progress::End(Err(refused_by_kernel(refusal))));
                }
                Frame::Ack { seq, .. } if seq != last_seq => {}
                Frame::Done { overtaken, .. } if overtaken || self.overtaken => {
                    return Ok(Progress::End(Err(refused(Errno::EBUSY))));
                }
                Frame::Ack { .. } | Frame::Done { .. } => return Ok(Progress::End(Ok(()))),
                Frame::Lost => return Ok(Progress::End(Err(refused(Errno::ENOBUFS)))),
                Frame::Message(message) => {
                    self.overtaken |= message.header.flags & NLM_F_DUMP_INTR != 0;
                    each(message);
                }
            }
        }
        Ok(Progress::More)
    }

    /// Tells the numbers of earlier requests from those of the one that is being answered.
    fn stale(&self) -> impl Fn(u32) -> bool + use<> {
        let (first_seq, last_seq) = (self.first_seq, self.seq);
        move |seq| seq.wrapping_sub(first_seq) > last_seq.wrapping_sub(first_seq)
    }

    /// One datagram.
    ///
    /// Of a batch whose first message is refused, most others are refused too, each with an answer, and a thousand have no room. What has is the
    /// first of them: it says what is wrong.
    fn receive<'r>(&mut self, room: &'r mut [u8]) -> Result<&'r [u8], Refused> {
        let count = loop {
            let flags = if self.lost {
                MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT
            } else {
                MsgFlags::MSG_TRUNC
            };
            match recv(self.fd.as_raw_fd(), room, flags) {
                Ok(count) => break count,
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => self.lost = true,
                Err(Errno::EAGAIN) if self.lost => return Err(refused(Errno::ENOBUFS)),
                Err(Errno::EAGAIN) => return Err(refused(Errno::ETIMEDOUT)),
                Err(errno) => return Err(refused(errno)),
            }
        };
        let truncated = || {
            Refused::new(
                Cause::Other,
                "the kernel's answer is larger than its buffer",
            )
        };
        room.get(..count).ok_or_else(truncated)
    }
}

/// How far an answer was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more.
    More,
    /// That was the end.
    End(Result<(), Refused>),
}

fn nonsense(malformed: Malformed) -> Refused {
    Refused::other(format_args!(
        "the kernel's answer makes no sense: {malformed}"
    ))
}

/// Hears events.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
}

/// What became of a look at the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A datagram was read.
    Some,
    /// There is none.
    Nothing,
    /// Events were lost.
    Lost,
}

impl Listener {
    /// Hears the groups of a family: a mask with bit `n - 1` for group `n`.
    ///
    /// # Errors
    /// [`Refused`] when the kernel has no such family, or we may not.
    pub fn open(protocol: Protocol, groups: u32) -> Result<Listener, Refused> {
        let (fd, _) = open(protocol, groups).map_err(refused)?;
        // Root may go beyond the system's limit; who may not has the default, and hears of losses sooner.
        let _ = setsockopt(&fd, sockopt::RcvBufForce, &EVENT_BUFFER_BYTES);
        Ok(Listener { fd })
    }

    /// Reads one datagram without waiting; `each` gets every message of it.
    ///
    /// # Errors
    /// [`Refused`] when it cannot be read. One that makes no sense counts as lost.
    pub fn hear(
        &mut self,
        room: &mut [u8],
        each: &mut dyn FnMut(Message<'_>),
    ) -> Result<Heard, Refused> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
        let count = match recv(self.fd.as_raw_fd(), room, flags) {
            Ok(count) => count,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(Heard::Nothing),
            Err(Errno::ENOBUFS) => return Ok(Heard::Lost),
            Err(errno) => return Err(refused(errno)),
        };
        let Some(datagram) = room.get(..count) else {
            return Ok(Heard::Lost);
        };
        for frame in messages(datagram, Order::HOST) {
            match frame {
                Ok(Frame::Message(message)) => each(message),
                Ok(Frame::Lost) | Err(_) => return Ok(Heard::Lost),
                Ok(Frame::Ack { .. } | Frame::Done { .. }) => {}
            }
        }
        Ok(Heard::Some)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
