use core::net::IpAddr;

use super::{IfIndex, Mac};

/// Who has an address on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// On which interface.
    pub dev: IfIndex,
    /// The address.
    pub address: IpAddr,
    /// Who has it; none while the kernel is still asking, or asked in vain.
    pub mac: Option<Mac>,
    /// Milliseconds since the kernel last had word from it; none where it does not tell.
    pub confirmed_ago_ms: Option<u32>,
}
