//! Streams of datagrams that wait for nobody: what a lane does with them is the lane's doing.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use lanemark::lab::house;

use crate::bed::Bed;
use crate::talk::{self, PAYLOAD_BYTES};

/// Between two bursts of a stream.
const PULSE: Duration = Duration::from_millis(2);

/// For the word that opens a flow from the home.
const WORD_WITHIN: Duration = Duration::from_secs(10);

/// A stream that goes on until this is dropped.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Keeps the receiving end open, so that nobody says that nobody is there.
    _receiver: Option<UdpSocket>,
}

impl Flood {
    /// From a host of the home to the server, at so many kilobits of payload a second.
    pub fn up(bed: &Bed, host: &str, kbit: u32) -> Flood {
        let socket = talk::sender(bed.host(host), house::SERVER_V4.into());
        Flood::start(socket, kbit, None)
    }

    /// From the server to a host of the home, which opens the flow.
    pub fn down(bed: &Bed, host: &str, kbit: u32) -> Flood {
        let server = bed
            .server()
            .run(|| UdpSocket::bind(SocketAddr::from((house::SERVER_V4, 0))))
            .expect("the server")
            .expect("a socket");
        server
            .set_read_timeout(Some(WORD_WITHIN))
            .expect("a time limit");
        let address = server.local_addr().expect("its address");
        let receiver = bed
            .host(host)
            .run(|| UdpSocket::bind("0.0.0.0:0"))
            .expect("the host")
            .expect("a socket");
        receiver.send_to(&[0], address).expect("to open a flow");
        let (_, from) = server.recv_from(&mut [0]).expect("the word of the host");
        server.connect(from).expect("an address");
        Flood::start(server, kbit, Some(receiver))
    }

    fn start(socket: UdpSocket, kbit: u32, receiver: Option<UdpSocket>) -> Flood {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let bytes_a_s = u128::from(kbit) * 125;
        let thread = spawn(move || {
            let begun = Instant::now();
            let mut sent = 0_u128;
            while !stopped.load(Ordering::Relaxed) {
                let due = begun.elapsed().as_micros() * bytes_a_s / 1_000_000;
                while sent < due {
                    // A full socket buffer is a queue that is full: the datagram counts as offered.
                    let _ = socket.send(&[0; PAYLOAD_BYTES]);
                    sent += PAYLOAD_BYTES as u128;
                }
                sleep(PULSE);
            }
        });
        Flood {
            stop,
            thread: Some(thread),
            _receiver: receiver,
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A stream that panicked has said so.
            let _ = thread.join();
        }
    }
}
