//! The family streams: parallel TCP flows, each as fast as the network lets it, in both directions at once.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

use super::congestion::Congestion;
use super::error::Error;
use super::host::Host;
use super::service::{self, Services};

const CHUNK_BYTES: usize = 64 * 1024;

/// What to start.
#[derive(Clone, Debug)]
pub struct Load {
    /// Flows in each direction.
    pub flows: u16,
    /// The congestion control of both sides.
    pub congestion: Congestion,
}

/// Bytes of payload that arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// At the server.
    pub up: u64,
    /// At the host in the LAN.
    pub down: u64,
}

/// Running flows. Dropping them resets their connections, so that the queues are empty soon and new ones can be started.
#[derive(Debug)]
pub struct Bulk {
    streams: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    // Not 64 bits: MIPS has no such atomics, and no run carries 4 GB there.
    received: Arc<AtomicUsize>,
    sunk_before: u64,
}

impl Bulk {
    /// Starts the flows between `host` and the server.
    ///
    /// # Errors
    /// `Io` when a connection fails, `Congestion` when the control did not take effect.
    pub fn start(
        host: &Host,
        server: IpAddr,
        services: &Services,
        load: &Load,
    ) -> Result<Self, Error> {
        services.set_congestion(&load.congestion);
        let mut bulk = Self {
            streams: Vec::new(),
            threads: Vec::new(),
            received: Arc::new(AtomicUsize::new(0)),
            sunk_before: services.sunk_bytes(),
        };
        // All connect before the first speaks: a connection through full queues takes seconds.
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for _ in 0..load.flows {
            up.push(bulk.connect(
                host,
                SocketAddr::new(server, service::SINK),
                &load.congestion,
            )?);
            down.push(bulk.connect(
                host,
                SocketAddr::new(server, service::SOURCE),
                &load.congestion,
            )?);
        }
        for stream in up {
            bulk.spawn(move || send(stream))?;
        }
        for stream in down {
            let received = Arc::clone(&bulk.received);
            bulk.spawn(move || receive(stream, &received))?;
        }
        Ok(bulk)
    }

    /// What has arrived since the start.
    #[must_use]
    pub fn arrived(&self, services: &Services) -> Arrived {
        Arrived {
            up: services.sunk_bytes().saturating_sub(self.sunk_before),
            down: self.received.load(Ordering::Relaxed) as u64,
        }
    }

    fn connect(
        &mut self,
        host: &Host,
        to: SocketAddr,
        congestion: &Congestion,
    ) -> Result<TcpStream, Error> {
        const STEP: &str = "start a bulk flow";
        let stream = host
            .run(move || TcpStream::connect(to))?
            .map_err(Error::io(STEP))?;
        congestion.apply(&stream)?;
        // At the end a reset: megabytes in the send buffer would go on filling the line after the flow has ended.
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &linger).map_err(Error::system(STEP))?;
        self.streams
            .push(stream.try_clone().map_err(Error::io(STEP))?);
        Ok(stream)
    }

    fn spawn(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = Builder::new()
            .name("bulk".into())
            .spawn(work)
            .map_err(Error::io("start a bulk flow"))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        for stream in &self.streams {
            // Ends the blocking call of the flow's thread.
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn send(mut stream: TcpStream) {
    let zeros = vec![0; CHUNK_BYTES];
    while stream.write_all(&zeros).is_ok() {}
}

fn receive(mut stream: TcpStream, count: &AtomicUsize) {
    let mut buffer = vec![0; CHUNK_BYTES];
    if stream.write_all(&[0]).is_err() {
        return;
    }
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        count.fetch_add(length, Ordering::Relaxed);
    }
}

/// Kilobits per second of so many bytes in that time.
#[must_use]
pub fn kbit_per_second(bytes: u64, during: Duration) -> u64 {
    let micros = u64::try_from(during.as_micros()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(8000) / micros
}
