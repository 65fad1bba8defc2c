//! Where the admin page shall be, and what `doctor` tells of it.
//!
//! It is at addresses of the LAN interfaces only, also while nobody knows yet where the WAN is: a router without a line has a page too.

use core::fmt;
use core::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use heapless::Vec;

use super::Engine;
use super::report::text;
use crate::config::LANS_MAX;
use crate::control::Finding;
use crate::value::{Address, IfIndex};

/// The interfaces of the home.
pub type Home = Vec<IfIndex, LANS_MAX>;

impl Engine {
    /// The interfaces that the page may be at; none while that cannot be told.
    pub fn home(&self) -> Option<Home> {
        self.links.home(&self.config)
    }

    /// Where the page shall be, given an address of an interface; none when not there.
    pub fn page_at(&self, home: &Home, dev: IfIndex, address: IpAddr) -> Option<SocketAddr> {
        let admin = &self.config.admin;
        let wished = admin.addresses.is_empty() || admin.addresses.contains(&Address(address));
        let usable = !(address.is_loopback() || address.is_multicast() || address.is_unspecified());
        if !(admin.enabled && wished && usable && home.contains(&dev)) {
            return None;
        }
        Some(match address {
            IpAddr::V4(address) => SocketAddrV4::new(address, admin.port).into(),
            IpAddr::V6(address) => {
                // A link-local address means something only together with its interface.
                let scope = if address.is_unicast_link_local() {
                    dev.0
                } else {
                    0
                };
                SocketAddrV6::new(address, admin.port, 0, scope).into()
            }
        })
    }

    /// Whether the page is as it shall be, and what is to be told of it.
    pub fn page_is(&mut self, good: bool, words: fmt::Arguments<'_>) {
        self.page = Finding {
            what: text(format_args!("page")),
            good,
            found: text(words),
        };
    }
}
