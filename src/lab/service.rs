//! What the server offers: an echo, an endless source, a bottomless sink, and a port that swallows datagrams.
//!
//! Each service is a thread that accepts and one thread for each connection. That is no way to write a server, but the
//! house has a dozen connections, and a thread that blocks measures nothing but the network.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use nix::sys::socket::{self, Backlog};

use super::congestion::Congestion;
use super::error::Error;
use super::host::Host;

/// Sends back what it gets. The port of SSH, so that the router's table of flows reads as in the story.
pub const ECHO: u16 = 22;
/// Sends without end, from the moment that the client says a first byte.
pub const SOURCE: u16 = 443;
/// Reads without end and counts.
pub const SINK: u16 = 8443;
/// Accepts connections and holds them, silent.
pub const HOLD: u16 = 5000;
/// Swallows datagrams.
pub const ABSORBER: u16 = 5001;

/// Bytes in one call: enough that the calls do not cost, little enough that an end is noticed.
const CHUNK_BYTES: usize = 64 * 1024;

/// The running services. Dropping them closes their ports and connections.
#[derive(Debug)]
pub struct Services {
    _open: Vec<Service>,
    // Not 64 bits: MIPS has no such atomics, and no run carries 4 GB there.
    sunk: Arc<AtomicUsize>,
    congestion: Arc<Mutex<Option<Congestion>>>,
    // Never read: the kernel drops what does not fit, and a bound port answers no ICMP error.
    _absorber: UdpSocket,
}

#[derive(Debug)]
struct Service {
    listener: Arc<TcpListener>,
    connections: Connections,
    thread: Option<JoinHandle<()>>,
}

/// Open connections by the order in which they came.
type Connections = Arc<Mutex<BTreeMap<u64, TcpStream>>>;
type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

impl Services {
    /// Opens the ports on `host`, for both address families.
    ///
    /// # Errors
    /// `Io` when a port cannot be opened.
    pub fn start(host: &Host) -> Result<Self, Error> {
        let sunk = Arc::new(AtomicUsize::new(0));
        let congestion = Arc::new(Mutex::new(None));
        let count = Arc::clone(&sunk);
        let control = Arc::clone(&congestion);
        let handlers: [(u16, Handler); 3] = [
            (ECHO, Arc::new(echo)),
            (SOURCE, Arc::new(move |stream| pour(stream, &control))),
            (SINK, Arc::new(move |stream| drain(stream, &count))),
        ];
        let mut open = Vec::new();
        for (port, handler) in handlers {
            open.push(Service::start(host, port, Some(handler))?);
        }
        open.push(Service::start(host, HOLD, None)?);
        let absorber = host
            .run(|| UdpSocket::bind(any(ABSORBER)))?
            .map_err(Error::io("open the absorber's port"))?;
        Ok(Self {
            _open: open,
            sunk,
            congestion,
            _absorber: absorber,
        })
    }

    /// Bytes that the sink has read so far.
    #[must_use]
    pub fn sunk_bytes(&self) -> u64 {
        self.sunk.load(Ordering::Relaxed) as u64
    }

    /// The congestion control of connections that the source serves from now on.
    pub fn set_congestion(&self, congestion: &Congestion) {
        *self
            .congestion
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(congestion.clone());
    }
}

impl Service {
    fn start(host: &Host, port: u16, handler: Option<Handler>) -> Result<Self, Error> {
        let listener = host
            .run(move || TcpListener::bind(any(port)))?
            .map_err(Error::io("open a port of the server"))?;
        socket::listen(&listener, backlog()).map_err(Error::system("open a port of the server"))?;
        let listener = Arc::new(listener);
        let connections = Connections::default();
        let (accepting, list) = (Arc::clone(&listener), Arc::clone(&connections));
        let thread = Builder::new()
            .name(format!("port {port}"))
            .spawn(move || accept(&accepting, &list, handler.as_ref()))
            .map_err(Error::io("start a service"))?;
        Ok(Self {
            listener,
            connections,
            thread: Some(thread),
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Wakes the thread that waits in accept: a listener that is shut down accepts no more.
        let _ = socket::shutdown(self.listener.as_raw_fd(), socket::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for stream in self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Connections that may wait to be accepted. The 128 of the standard library are too few for a crowd: the kernel then drops
/// its first packets, and each waits a second before it repeats them. More than the system's limit is cut to the limit.
fn backlog() -> Backlog {
    Backlog::new(4096).unwrap_or(Backlog::MAXCONN)
}

/// The unspecified IPv6 address takes both families.
fn any(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from(Ipv6Addr::UNSPECIFIED), port)
}

fn accept(listener: &TcpListener, connections: &Connections, handler: Option<&Handler>) {
    let mut number = 0;
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                ) =>
            {
                continue;
            }
            Err(_) => return,
        };
        let Ok(kept) = stream.try_clone() else {
            continue;
        };
        number += 1;
        connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, kept);
        let Some(handler) = handler.map(Arc::clone) else {
            continue;
        };
        let list = Arc::clone(connections);
        let serve = move || {
            handler(stream);
            // The list holds a second handle: without this the connection would stay open.
            list.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&number);
        };
        if Builder::new()
            .name("connection".into())
            .spawn(serve)
            .is_err()
        {
            // Out of threads: the client sees its connection close.
            connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&number);
        }
    }
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    let _ = stream.set_nodelay(true);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        if stream
            .write_all(buffer.get(..length).unwrap_or_default())
            .is_err()
        {
            return;
        }
    }
}

fn pour(mut stream: TcpStream, congestion: &Mutex<Option<Congestion>>) {
    let wanted = congestion
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    // A connection with the wrong control is closed: the client fails loudly instead of measuring something else.
    if wanted.is_some_and(|wanted| wanted.apply(&stream).is_err()) {
        return;
    }
    if stream.read_exact(&mut [0]).is_err() {
        return;
    }
    let zeros = vec![0; CHUNK_BYTES];
    while stream.write_all(&zeros).is_ok() {}
}

fn drain(mut stream: TcpStream, count: &AtomicUsize) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        count.fetch_add(length, Ordering::Relaxed);
    }
}
