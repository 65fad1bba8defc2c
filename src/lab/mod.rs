//! The lab: a house in network namespaces, in which lanemark is shown and tested on a real kernel.
//!
//! # What it must not do
//! Touch the machine. Everything stands in namespaces that exist as long as the process, and nothing is imitated of
//! lanemark: the lab starts the real program and talks to it through its command line. It names [`crate::wire`] in one file
//! ([`marks`]), to read flows where the kernel does not show them as text; everything else it knows about netlink comes from
//! elsewhere, so that a mistake there cannot hide a mistake here. It is host code: it may allocate, start threads, read the
//! clock and run programs, and it is never built for a router.
//!
//! # Words
//! A *host* is a network namespace with a thread in it. *Residents* are the hosts of the LAN; *guests* are residents besides
//! the workstation and the television. The *line* is what the modem emulates. A *crowd* is many flows that say one word.
//!
//! # How it is driven
//! As a program: `lanemark-lab demo`, `lanemark-lab bench`, `lanemark-lab house`, `lanemark-lab type`. As a library, for tests against the kernel:
//!
//! 1. [`isolation::leave`] first in `main`, before any thread exists: an ordinary user becomes root of a user namespace.
//! 2. [`house::House::build`] with [`house::Options`]: with a line, or with a direct cable when only marks matter. The path of
//!    the `lanemark-lab` program is a parameter, since a test is another program and programs on hosts are tethered by it
//!    (`env!("CARGO_BIN_EXE_lanemark-lab")`).
//! 3. [`host::Host::run`] executes a closure on a host; sockets made there stay there. [`host::Host::command`] starts a
//!    program there. [`daemon::Daemon`] is lanemark itself: `start` with files in a [`scratch::Scratch`], `await_shaping`, `call`
//!    or `ask` its command line, `log` for what it wrote, `kill` or drop. Tests pass [`interrupt::Interrupt::never`].
//! 4. [`crowd::Crowd`] opens many flows quickly, [`bulk::Bulk`] fills the line, [`keystroke::Keystrokes`] measures,
//!    [`marks::flows`] is the router's table of flows, [`link`] changes and reads interfaces.
//! 5. Dropping the house takes it all out of the kernel. So does the end of the process, also by `SIGKILL`.
//!
//! ```no_run
//! # fn main() -> Result<(), lanemark::lab::error::Error> {
//! use lanemark::lab::{crowd::{Crowd, Speech}, house::{self, House, Options, Resident}, isolation, marks};
//!
//! isolation::leave()?;
//! let mut guest = Resident::guest(0);
//! guest.mac = [2, 0, 0, 0, 0x77, 1];
//! let mut options = Options::direct("target/debug/lanemark-lab");
//! options.guests.push(guest.clone());
//! let house = House::build(&options)?;
//! let crowd = Crowd::open(house.lan_host("guest0")?, house::SERVER_V6.into(), Speech::Udp, 1000)?;
//! let listed = house.router().command("nft").args(["list", "ruleset"]).output()?;
//! let marks = marks::distinct(&marks::flows(house.router())?, &guest);
//! # drop((crowd, listed, marks));
//! # Ok(())
//! # }
//! ```
//!
//! # Told nonsense
//! An [`error::Error`] names the step and the cause. A step that the kernel refuses ends the building, and what stood already
//! goes with it. A frame that the line cannot hold is dropped and counted; a frame longer than Ethernet's is cut short, as it can
//! only come from an offload that should be off.
#![allow(
    clippy::disallowed_methods,
    reason = "the lab is an outside of its own: clock, environment and programs of the host"
)]

pub mod bench;
pub mod bulk;
pub mod congestion;
pub mod crowd;
pub mod daemon;
pub mod demo;
pub mod directions;
pub mod door;
pub mod error;
pub mod host;
pub mod house;
pub mod interrupt;
pub mod isolation;
pub mod keystroke;
pub mod line;
pub mod link;
pub mod marks;
pub mod masquerade;
pub mod modem;
pub mod netlink;
pub mod options;
pub mod report;
pub mod sample;
pub mod scratch;
pub mod serve;
pub mod service;
pub mod stdout;
pub mod tether;
pub mod typing;
pub mod visit;
