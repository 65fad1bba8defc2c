//! What the daemon tells its page process: one message a packet, a tag and then text; some bring a file descriptor along.
//!
//! Read before editing: both sides are the same program, so that there is no version in it. The page process answers nothing here.

use core::fmt::{self, Write};
use core::net::SocketAddr;

use heapless::Vec;

use crate::value::{Address, Pieces, decimal, halves, utf8};

/// Bytes of the longest message: [`NAMES_BYTES_MAX`] and the numbers before them.
pub const MESSAGE_BYTES_MAX: usize = 640;

/// Bytes of all further Host names together, with the commas between them: eight of the longest names that DNS has labels for.
pub const NAMES_BYTES_MAX: usize = 8 * 64 - 1;

/// Bytes of the longest token of the metrics.
pub const METRICS_BYTES_MAX: usize = 64;

/// Listening sockets at most: four LANs with IPv4, a global, a local and a link-local IPv6 address.
pub const LISTENERS_MAX: usize = 16;

/// The descriptor that the page process finds its end of the channel at.
pub const DESCRIPTOR: i32 = 3;

/// One message, without the descriptor that comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// `L`: a listening TCP socket comes along.
    Listen,
    /// `U`: the listener of this address, as [`Place`] writes it, shall be closed.
    Unlisten(&'a str),
    /// `C`: a connection to the control socket comes along.
    Control,
    /// `S`: settings.
    Settings(Settings<'a>),
    /// `F`: no session is one any more.
    Forget,
}

/// What the page process has to know of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a> {
    /// Whether there is an admin password.
    pub has_password: bool,
    /// Host names that are served beside the addresses, with commas between them, at most [`NAMES_BYTES_MAX`] bytes.
    pub names: &'a str,
    /// Connections at most; the first that is told counts.
    pub connections: u16,
    /// The token of the metrics, at most [`METRICS_BYTES_MAX`] bytes without spaces; empty when there are none. Whoever is logged in sees it in the
    /// configuration anyway, so that the page process gets to know nothing new.
    pub metrics: &'a str,
}

impl<'a> Told<'a> {
    /// Reads a message. None for what no daemon says.
    pub fn parse(message: &'a [u8]) -> Option<Told<'a>> {
        let (tag, text) = message.split_first()?;
        let text = utf8(text).ok()?;
        Some(match (tag, text) {
            (b'L', "") => Told::Listen,
            (b'U', place) => Told::Unlisten(place),
            (b'C', "") => Told::Control,
            (b'S', settings) => Told::Settings(Settings::parse(settings)?),
            (b'F', "") => Told::Forget,
            _ => return None,
        })
    }

    /// As it is sent. None when the names are too long.
    pub fn emit(&self) -> Option<Vec<u8, MESSAGE_BYTES_MAX>> {
        let mut message = Vec::new();
        match self {
            Told::Listen => message.write_char('L'),
            Told::Unlisten(place) => write!(message, "U{place}"),
            Told::Control => message.write_char('C'),
            Told::Settings(settings) => {
                let password = u8::from(settings.has_password);
                let Settings {
                    names,
                    connections,
                    metrics,
                    ..
                } = settings;
                write!(
                    message,
                    "Sp={password} n={names} c={connections} m={metrics}"
                )
            }
            Told::Forget => message.write_char('F'),
        }
        .ok()?;
        Some(message)
    }
}

impl<'a> Settings<'a> {
    fn parse(text: &'a str) -> Option<Settings<'a>> {
        let mut settings = Settings {
            has_password: false,
            names: "",
            connections: 0,
            metrics: "",
        };
        for field in Pieces::of(text, b' ') {
            match halves(field, b'=')? {
                ("p", value) => settings.has_password = value == "1",
                ("n", names) => settings.names = names,
                ("m", token) => settings.metrics = token,
                ("c", count) => settings.connections = u16::try_from(decimal(count)?).ok()?,
                _ => return None,
            }
        }
        Some(settings)
    }
}

/// An address and port in the form in which [`Told::Unlisten`] has it: `192.168.1.1:8080`, `[fd00::1]:8080`, and `[fe80::1%3]:8080` for one that
/// counts on interface number 3 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub SocketAddr);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Address(self.0.ip());
        let port = self.0.port();
        match self.0 {
            SocketAddr::V4(_) => write!(f, "{address}:{port}"),
            SocketAddr::V6(place) if place.scope_id() == 0 => write!(f, "[{address}]:{port}"),
            SocketAddr::V6(place) => write!(f, "[{address}%{}]:{port}", place.scope_id()),
        }
    }
}
