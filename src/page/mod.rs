//! The page process: the daemon's own program, started by it without privileges, which speaks with browsers.
//!
//! Must not: decide, hold a secret, or reach the kernel. All that it knows it is told over the channel, and it asks the daemon as the command
//! line does. It ends when the channel does.

use heapless::Vec;

use crate::sys::channel::{Channel, Heard};
use crate::sys::poller::{Interest, Poller};
use crate::sys::sandbox;
use crate::wire::channel::{LISTENERS_MAX, MESSAGE_BYTES_MAX, Told};

/// Descriptors besides those of browsers: standard ones, channel, poller, listeners, connections to the daemon, and some to spare.
const OWN_FILES: u32 = 64;

/// Is the page process until the channel ends.
pub fn run() {
    sandbox::close_inherited();
    let channel = Channel::inherited();
    let Ok(poller) = Poller::open() else { return };
    if poller.add(&channel, 0, Interest::Read).is_err() {
        return;
    }
    sandbox::enter(OWN_FILES);
    let mut listeners = Vec::<_, LISTENERS_MAX>::new();
    let mut connections = Vec::<_, 8>::new();
    let mut room = [0; MESSAGE_BYTES_MAX];
    while poller.wait(None).is_ok() {
        loop {
            match channel.hear(&mut room) {
                Heard::Over => return,
                Heard::Nothing => break,
                Heard::Message(count, Some(file)) => {
                    let _ = match Told::parse(room.get(..count).unwrap_or_default()) {
                        Some(Told::Listen) => listeners.push(file),
                        Some(Told::Control) => connections.push(file),
                        _ => Ok(()),
                    };
                }
                Heard::Message(_, None) => {}
            }
        }
    }
}
