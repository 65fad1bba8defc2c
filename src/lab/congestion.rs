//! TCP congestion control, asked for by name and verified.

use std::ffi::OsString;
use std::net::TcpStream;

use nix::sys::socket::{getsockopt, setsockopt, sockopt};

use super::error::Error;

/// The name of a congestion control, such as `cubic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Congestion(pub String);

impl Congestion {
    /// Sets it on a socket and reads it back: a default that quietly stayed in place would make a measurement a lie.
    ///
    /// # Errors
    /// `System` with `ENOENT` when the kernel has no such control, `Congestion` when it did not take effect.
    pub fn apply(&self, stream: &TcpStream) -> Result<(), Error> {
        setsockopt(stream, sockopt::TcpCongestion, &OsString::from(&self.0))
            .map_err(Error::system("set congestion control"))?;
        let found = getsockopt(stream, sockopt::TcpCongestion)
            .map_err(Error::system("read congestion control"))?;
        let found = found.to_string_lossy().trim_end_matches('\0').to_owned();
        if found == self.0 {
            Ok(())
        } else {
            Err(Error::Congestion {
                wanted: self.0.clone(),
                found,
            })
        }
    }
}
