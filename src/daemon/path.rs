//! While `doctor` waits for it: the requests that sound the path, and what becomes of them.

use core::net::Ipv4Addr;

use super::{Daemon, EVENTS_A_TURN, TOKEN_PATH};
use crate::engine::Input;
use crate::sys::clock::now;
use crate::sys::path::{Heard, Path};
use crate::sys::poller::Interest;
use crate::value::{IfName, Refused, TcHandle};

/// The socket for it.
pub(super) type Sounded = Option<Path>;

impl Daemon {
    /// Sends a request of this number with so many bytes.
    pub(super) fn sound(
        &mut self,
        to: Ipv4Addr,
        dev: IfName,
        priority: TcHandle,
        (seq, bytes): (u16, u16),
    ) -> Result<(), Refused> {
        // A search has one interface, and its socket goes with it.
        if self.path.is_none() {
            let path = Path::open(dev.as_str(), priority.0)?;
            self.poller.add(&path, TOKEN_PATH, Interest::Read)?;
            self.path = Some(path);
        }
        match &self.path {
            Some(path) => path.send(to, seq, bytes),
            None => Ok(()),
        }
    }

    /// An answer, or what somebody else takes for one.
    pub(super) fn hear_path(&mut self) {
        for _ in 0..EVENTS_A_TURN {
            let input = match self.path.as_ref().map(Path::receive) {
                Some(Heard::Passed(seq)) => Input::Passed { seq },
                Some(Heard::TooLarge(seq, mtu)) => Input::TooLarge { seq, mtu },
                Some(Heard::Other) => continue,
                Some(Heard::Nothing) | None => break,
            };
            self.engine.handle(now(), input);
        }
    }

    /// Nobody waits for it any more: neither does the socket.
    pub(super) fn end_sounding(&mut self) {
        if !self.engine.is_sounding() {
            self.path = None;
        }
    }
}
