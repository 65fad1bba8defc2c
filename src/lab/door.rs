//! A door from the machine into the house: what comes to an address of the machine is carried on to the router's page, as if the
//! workstation's browser had asked.
//!
//! The lab leaves the machine's network before anything else happens, but a socket that was opened before stays there. So the door is hung
//! first ([`Door::hang`]), and opened when the house stands ([`Door::open`]).

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;
use std::time::Duration;

use super::error::Error;
use super::host::Host;

/// Connections that are carried at a time: several browsers. Each has two threads; a further one is closed.
pub const CARRIED_MAX: usize = 64;
/// For a connection from the workstation to the router, which are two ends of a cable.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Bytes carried at once.
const PIECE_BYTES: usize = 16 * 1024;

/// A listening socket of the machine, on its loopback only.
#[derive(Debug)]
pub struct Door(TcpListener);

impl Door {
    /// Listens. Must be called before the lab leaves the machine's network.
    ///
    /// # Errors
    /// `Io` when the port is taken.
    pub fn hang(port: u16) -> Result<Self, Error> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map(Self)
            .map_err(Error::io("listen for browsers on this machine"))
    }

    /// Carries whatever comes to `to`, as `from` sees it, for as long as the lab lives. A thread that a host starts lives on it, and so do
    /// the connections that it makes.
    ///
    /// # Errors
    /// `Io` when that thread cannot be started.
    pub fn open(self, from: &Host, to: SocketAddr) -> Result<(), Error> {
        let thread = Builder::new().name("door".into());
        from.run(move || thread.spawn(move || self.serve(to)))?
            .map(drop)
            .map_err(Error::io("start the door's thread"))
    }

    fn serve(self, to: SocketAddr) {
        let carried = Arc::new(AtomicUsize::new(0));
        for visitor in self.0.incoming().flatten() {
            if carried.load(Ordering::Relaxed) >= CARRIED_MAX {
                continue;
            }
            // While the daemon is away there is no page: the browser tries again.
            let Ok(page) = TcpStream::connect_timeout(&to, CONNECT_WITHIN) else {
                continue;
            };
            carried.fetch_add(1, Ordering::Relaxed);
            if carry(visitor, page, Arc::clone(&carried)).is_err() {
                carried.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Carries both ways until both have ended.
fn carry(
    visitor: TcpStream,
    page: TcpStream,
    carried: Arc<AtomicUsize>,
) -> Result<(), std::io::Error> {
    let (mut asks, mut answers) = (visitor.try_clone()?, page.try_clone()?);
    Builder::new().name("visitor".into()).spawn(move || {
        let (mut page, mut visitor) = (page, visitor);
        let inward = Builder::new()
            .name("visitor's questions".into())
            .spawn(move || pour(&mut asks, &mut page));
        pour(&mut answers, &mut visitor);
        if let Ok(inward) = inward {
            let _ = inward.join();
        }
        carried.fetch_sub(1, Ordering::Relaxed);
    })?;
    Ok(())
}

/// Until one of them has ended; then the other is told.
fn pour(from: &mut TcpStream, to: &mut TcpStream) {
    let mut piece = [0; PIECE_BYTES];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        let Some(piece) = piece.get(..count) else {
            break;
        };
        if to.write_all(piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
