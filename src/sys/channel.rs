//! The channel between the daemon and its page process: a pair of sockets whose packets may bring a descriptor along.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    getsockname, recvmsg, sendmsg, socketpair,
};

use super::errno::refused;
use super::file::Moved;
use crate::value::Refused;
use crate::wire::channel::DESCRIPTOR;

/// One end.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    /// A message of so many bytes, and what came along.
    Message(usize, Option<OwnedFd>),
    /// Nothing for now.
    Nothing,
    /// The other side is gone.
    Over,
}

impl Channel {
    /// Both ends; neither waits, and no child gets either that is not given it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn pair() -> Result<(Channel, Channel), Refused> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(refused)?;
        Ok((Channel { socket: ours }, Channel { socket: theirs }))
    }

    /// The end that the page process was started with, as [`DESCRIPTOR`]. To be called once, before anything is opened.
    ///
    /// # Errors
    /// [`Refused`] when there is no UNIX socket at that number: nobody of ours has started this process.
    pub fn inherited() -> Result<Channel, Refused> {
        getsockname::<UnixAddr>(DESCRIPTOR).map_err(refused)?;
        Ok(Channel {
            socket: adopted(DESCRIPTOR),
        })
    }

    /// Tells a message, with a descriptor of which the other side gets a copy. `Moved::Nothing` when the other side is far behind.
    pub fn tell(&self, message: &[u8], along: Option<BorrowedFd<'_>>) -> Moved {
        let descriptors = along.map(|file| [file.as_raw_fd()]);
        let control = descriptors
            .as_ref()
            .map(|descriptors| [ControlMessage::ScmRights(descriptors)]);
        let flags = MsgFlags::MSG_NOSIGNAL;
        let (socket, text) = (self.socket.as_raw_fd(), [IoSlice::new(message)]);
        sendmsg::<()>(
            socket,
            &text,
            control.as_slice().as_flattened(),
            flags,
            None,
        )
        .into()
    }

    /// Hears the next message, as far as there is room for it.
    pub fn hear(&self, room: &mut [u8]) -> Heard {
        let mut control = cmsg_space!(RawFd);
        let mut text = [IoSliceMut::new(room)];
        let socket = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let received = match recvmsg::<()>(socket, &mut text, Some(&mut control), flags) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Heard::Nothing,
            Err(_) => return Heard::Over,
        };
        let mut along = None;
        if let Ok(mut messages) = received.cmsgs()
            && let Some(ControlMessageOwned::ScmRights(descriptors)) = messages.next()
        {
            // There is room for one; what does not fit is closed by the kernel.
            along = descriptors.first().copied().map(adopted);
        }
        // No message is empty: each has its tag.
        match received.bytes {
            0 => Heard::Over,
            count => Heard::Message(count, along),
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A descriptor that the kernel has just given to us, or that this process was started with.
#[expect(
    unsafe_code,
    reason = "neither nix nor the standard library has a safe way from a number to an owner"
)]
pub(super) fn adopted(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the number comes from the kernel in the call before, which made the descriptor for us, or is the one that a page process is
    // started with; nobody else owns it or will close it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}
