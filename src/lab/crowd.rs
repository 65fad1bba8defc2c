//! Many flows at once, silent after their first words: what a kernel test needs to count marks.

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::error::Error;
use super::host::Host;
use super::service;

/// Flows that stay open until this is dropped.
#[derive(Debug, Default)]
pub struct Crowd {
    tcp: Vec<TcpStream>,
    udp: Vec<UdpSocket>,
}

/// How the flows of a crowd speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// A connection to [`service::HOLD`], established and silent.
    Tcp,
    /// One datagram to [`service::ABSORBER`], from a port of its own; never answered.
    Udp,
}

impl Crowd {
    /// Opens `count` flows from `host` to `server`, one after the other in the host's thread.
    ///
    /// # Errors
    /// `Io`, at the latest when the ports or files of the machine run out (about 28,000 a server address).
    pub fn open(host: &Host, server: IpAddr, speech: Speech, count: usize) -> Result<Self, Error> {
        raise_file_limit();
        host.run(move || {
            let mut crowd = Self::default();
            for _ in 0..count {
                match speech {
                    Speech::Tcp => crowd
                        .tcp
                        .push(TcpStream::connect(SocketAddr::new(server, service::HOLD))?),
                    Speech::Udp => crowd.udp.push(datagram(server)?),
                }
            }
            Ok(crowd)
        })?
        .map_err(Error::io("open a crowd of flows"))
    }

    /// Every UDP flow of the crowd sends one more datagram.
    ///
    /// # Errors
    /// `Io` when the network refuses one.
    pub fn speak_again(&self) -> Result<(), Error> {
        self.udp
            .iter()
            .try_for_each(|socket| socket.send(WORD).map(drop))
            .map_err(Error::io("send a datagram"))
    }

    /// How many flows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tcp.len() + self.udp.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

const WORD: &[u8] = b"here";

fn datagram(server: IpAddr) -> std::io::Result<UdpSocket> {
    let any: IpAddr = if server.is_ipv4() {
        [0; 4].into()
    } else {
        [0; 16].into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(server, service::ABSORBER))?;
    socket.send(WORD)?;
    Ok(socket)
}

/// As many open files as the system lets us have. If it does not, opening the crowd tells.
fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
