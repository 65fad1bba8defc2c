//! What hosts say to each other, in known amounts.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use lanemark::lab::host::Host;
use lanemark::lab::service;

use crate::promise::patient;

/// Bytes of a datagram's payload: a round number that fits every link.
pub const PAYLOAD_BYTES: usize = 1000;

/// For an answer of the other side.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Sends datagrams that nobody answers.
pub fn upload(host: &Host, to: IpAddr, datagrams: usize) {
    let socket = sender(host, to);
    for _ in 0..datagrams {
        socket
            .send(&[0; PAYLOAD_BYTES])
            .expect("to send a datagram");
    }
}

/// A socket of a host that sends to the server's absorber.
pub fn sender(host: &Host, to: IpAddr) -> UdpSocket {
    let any: IpAddr = if to.is_ipv4() {
        [0; 4].into()
    } else {
        [0; 16].into()
    };
    let socket = host
        .run(move || UdpSocket::bind(SocketAddr::new(any, 0)))
        .expect("the host")
        .expect("a socket");
    socket
        .connect(SocketAddr::new(to, service::ABSORBER))
        .expect("an address");
    socket
}

/// Takes so many bytes from the server's source.
pub fn download(host: &Host, from: IpAddr, bytes: usize) {
    let mut stream = connect(host, SocketAddr::new(from, service::SOURCE));
    stream.write_all(&[0]).expect("to ask for bytes");
    stream.read_exact(&mut vec![0; bytes]).expect("the bytes");
}

/// A connection that stays.
pub fn connect(host: &Host, to: SocketAddr) -> TcpStream {
    let stream = host
        .run(move || TcpStream::connect(to))
        .expect("the host")
        .expect("a connection");
    stream
        .set_read_timeout(Some(patient(ANSWER_WITHIN)))
        .expect("a time limit");
    stream
}

/// One word there and back over an open connection to the server's echo.
pub fn echo(stream: &mut TcpStream) {
    stream.write_all(b"word").expect("to say a word");
    stream.read_exact(&mut [0; 4]).expect("the word back");
}
