//! The modem: a user-space link emulator between two packet sockets.
//!
//! Kernels of routers and build machines often come without netem, so the line is emulated here. Every frame that the router
//! sends into its WAN cable goes through a [`Line`] and comes out at the server's cable, and the other way round; ARP and
//! neighbour discovery pass like everything else. The modem has no addresses and answers nothing itself.
//!
//! The arrival time of a frame is the kernel's time stamp, not the moment we read it: on a busy machine the thread may run
//! some milliseconds late, and a line that loses those milliseconds would be slower than it claims.

use std::io::IoSliceMut;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::prctl;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind,
    recvmsg, send, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

use super::error::Error;
use super::host::Host;
use super::line::{Direction, Line, Tally};

/// The interface of the modem's host towards the router.
pub const TOWARDS_ROUTER: &str = "line0";
/// The interface of the modem's host towards the server.
pub const TOWARDS_SERVER: &str = "isp0";

/// `PACKET_OUTGOING` of `linux/if_packet.h`: a frame that this host itself sent.
const PACKET_OUTGOING: u8 = 4;
/// Bytes: an Ethernet frame of MTU 1500 with one VLAN tag, and room to notice anything longer.
const FRAME_BYTES_MAX: usize = 2048;
/// Bytes of receive buffer, for the bursts that arrive while the thread is not running. Eight times the deepest typical line.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Frames taken from a socket before the other side gets its turn.
const BURST_FRAMES_MAX: usize = 64;
/// A time stamp further from now than this is a step of the wall clock, not lateness of ours.
const LATENESS_MAX: Duration = Duration::from_millis(200);

/// The line as the customer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// From the house to the server.
    pub up: Direction,
    /// From the server to the house.
    pub down: Direction,
}

/// The ends' counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// From the house to the server.
    pub up: Tally,
    /// From the server to the house.
    pub down: Tally,
}

/// A running modem. Dropping it pulls the plug.
#[derive(Debug)]
pub struct Modem {
    tallies: Arc<Mutex<Tallies>>,
    // Its end closes the thread's poll.
    plug: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Modem {
    /// Starts emulating between the two interfaces of `host`.
    ///
    /// # Errors
    /// `System` when the kernel refuses packet sockets.
    pub fn start(host: &Host, rates: Rates) -> Result<Self, Error> {
        let (house, net) =
            host.run(|| Ok::<_, Error>((open(TOWARDS_ROUTER)?, open(TOWARDS_SERVER)?)))??;
        let (plug, socket) = UnixStream::pair().map_err(Error::io("make the modem's plug"))?;
        let tallies = Arc::new(Mutex::new(Tallies::default()));
        let mut emulation = Emulation {
            house,
            net,
            plug: socket,
            up: Line::new(rates.up),
            down: Line::new(rates.down),
            tallies: Arc::clone(&tallies),
        };
        let thread = Builder::new()
            .name("modem".into())
            .spawn(move || emulation.run())
            .map_err(Error::io("start the modem"))?;
        Ok(Self {
            tallies,
            plug: Some(plug),
            thread: Some(thread),
        })
    }

    /// What became of the frames so far.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        *self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Modem {
    fn drop(&mut self) {
        self.plug = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Emulation {
    house: OwnedFd,
    net: OwnedFd,
    plug: UnixStream,
    up: Line,
    down: Line,
    tallies: Arc<Mutex<Tallies>>,
}

impl Emulation {
    fn run(&mut self) {
        // A slack of 50 microseconds, the default, would be added to every frame. Without the call we are that much late.
        let _ = prctl::set_timerslack(1);
        let mut buffer = [0; FRAME_BYTES_MAX];
        loop {
            receive(&self.house, &mut self.up, &mut buffer);
            receive(&self.net, &mut self.down, &mut buffer);
            let now = Instant::now();
            deliver(&mut self.up, now, &self.net);
            deliver(&mut self.down, now, &self.house);
            *self.tallies.lock().unwrap_or_else(PoisonError::into_inner) = Tallies {
                up: self.up.tally(now),
                down: self.down.tally(now),
            };
            if self.wait().is_break() {
                return;
            }
        }
    }

    fn wait(&self) -> std::ops::ControlFlow<()> {
        let next = [self.up.next_delivery(), self.down.next_delivery()]
            .into_iter()
            .flatten()
            .min();
        let timeout =
            next.map(|at| TimeSpec::from_duration(at.saturating_duration_since(Instant::now())));
        let mut fds = [
            PollFd::new(self.house.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.net.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.plug.as_fd(), PollFlags::POLLIN),
        ];
        match ppoll(&mut fds, timeout, None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return std::ops::ControlFlow::Break(()),
        }
        let [_, _, plug] = fds;
        if plug.any().unwrap_or(true) {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    }
}

/// A packet socket for all frames of one interface, in the namespace of the calling thread.
fn open(interface: &str) -> Result<OwnedFd, Error> {
    const STEP: &str = "open a packet socket";
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(
        AddressFamily::Packet,
        SockType::Raw,
        flags,
        SockProtocol::EthAll,
    )
    .map_err(Error::system(STEP))?;
    let address = link_address(interface)?;
    bind(fd.as_raw_fd(), &address).map_err(Error::system(STEP))?;
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true).map_err(Error::system(STEP))?;
    // Only root of the machine may exceed the system's limit; others get the limit, which by default holds about 90 full frames.
    if setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES).map_err(Error::system(STEP))?;
    }
    Ok(fd)
}

/// The address to bind a packet socket to. The list of interfaces is the one place where safe code gets one from.
fn link_address(interface: &str) -> Result<LinkAddr, Error> {
    let mut all = getifaddrs().map_err(Error::system("list interfaces"))?;
    all.find_map(|entry| {
        let address = entry
            .address
            .filter(|_| entry.interface_name == interface)?;
        address.as_link_addr().copied()
    })
    .ok_or(Error::System {
        step: "find the modem's interface",
        errno: Errno::ENODEV,
    })
}

fn receive(from: &OwnedFd, line: &mut Line, buffer: &mut [u8; FRAME_BYTES_MAX]) {
    let mut control = nix::cmsg_space!(TimeSpec);
    for _ in 0..BURST_FRAMES_MAX {
        let (length, arrived) = {
            let mut slices = [IoSliceMut::new(buffer)];
            let Ok(message) = recvmsg::<LinkAddr>(
                from.as_raw_fd(),
                &mut slices,
                Some(&mut control),
                MsgFlags::MSG_DONTWAIT,
            ) else {
                // Nothing left, or the cable is down: the next poll tells.
                return;
            };
            if message
                .address
                .is_some_and(|address| address.pkttype() == PACKET_OUTGOING)
            {
                continue;
            }
            (
                message.bytes,
                arrival(message.cmsgs().ok().and_then(|mut all| all.next()).as_ref()),
            )
        };
        if let Some(frame) = buffer.get(..length) {
            line.push(arrived, frame);
        }
    }
}

/// The kernel's time stamp, which is of the wall clock, as a point of the monotonic clock.
fn arrival(stamp: Option<&ControlMessageOwned>) -> Instant {
    let now = Instant::now();
    let (Some(ControlMessageOwned::ScmTimestampns(stamp)), Ok(wall)) =
        (stamp, clock_gettime(ClockId::CLOCK_REALTIME))
    else {
        return now;
    };
    let late = Duration::from(wall)
        .checked_sub(Duration::from(*stamp))
        .filter(|late| *late <= LATENESS_MAX);
    late.and_then(|late| now.checked_sub(late)).unwrap_or(now)
}

fn deliver(line: &mut Line, now: Instant, to: &OwnedFd) {
    while let Some(frame) = line.pop(now) {
        // A cable that is down loses the frame, as a real one does.
        let _ = send(to.as_raw_fd(), &frame, MsgFlags::MSG_DONTWAIT);
    }
}
