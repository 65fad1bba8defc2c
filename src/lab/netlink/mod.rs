//! A netlink socket that asks one thing at a time.
//!
//! It must not be used for events: a socket here belongs to one request, and an answer with a foreign sequence number is
//! skipped. That is enough for building a house, and little enough to be right.

pub mod message;

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    socket,
};

use self::message::{HEADER_LENGTH, Header};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Bytes. The kernel sends dumps in datagrams of at most 32 KiB (`NLMSG_GOODSIZE` and the growth rule of `netlink_dump`).
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;

/// A netlink socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl Socket {
    /// Opens a socket of this netlink family.
    ///
    /// # Errors
    /// What the kernel says; `EPROTONOSUPPORT` when it lacks the family.
    pub fn open(protocol: SockProtocol) -> Result<Self, Errno> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self(fd))
    }

    /// Sends `request` and collects whole messages until the kernel has acknowledged `acks` times, or finished a dump.
    /// The acknowledgements themselves are not among the answers.
    ///
    /// # Errors
    /// The first refusal, or `EBADMSG` for an answer that does not follow the frame format.
    pub fn ask(&self, request: &[u8], acks: usize) -> Result<Vec<Vec<u8>>, Errno> {
        send(self.0.as_raw_fd(), request, MsgFlags::empty())?;
        let mut answers = Vec::new();
        let mut acks_left = acks;
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        while acks_left > 0 {
            let length = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_TRUNC)?;
            let mut rest = buffer.get(..length).ok_or(Errno::EMSGSIZE)?;
            while !rest.is_empty() {
                let header = Header::read(rest).ok_or(Errno::EBADMSG)?;
                let whole = rest.get(..header.length).ok_or(Errno::EBADMSG)?;
                rest = rest
                    .get(header.length.next_multiple_of(4)..)
                    .unwrap_or_default();
                match header.kind {
                    NLMSG_ERROR => {
                        refusal(whole)?;
                        acks_left = acks_left.saturating_sub(1);
                    }
                    NLMSG_DONE => {
                        refusal(whole)?;
                        return Ok(answers);
                    }
                    _ => answers.push(whole.to_vec()),
                }
            }
        }
        Ok(answers)
    }
}

/// The code in an acknowledgement or in the end of a dump: zero, or a negative errno in host order.
fn refusal(whole: &[u8]) -> Result<(), Errno> {
    let code = whole
        .get(HEADER_LENGTH..HEADER_LENGTH + 4)
        .and_then(|bytes| bytes.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        None => Err(Errno::EBADMSG),
        Some(0..) => Ok(()),
        Some(code) => Err(Errno::from_raw(code.saturating_neg())),
    }
}
