//! Addresses of our own interfaces, through netlink-packet-route.

use core::net::IpAddr;

use netlink_packet_core::Parseable;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};

use super::netlink::{Header, Message};
use super::{Malformed, Order, Writer};
use crate::value::IfIndex;

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;

/// An address of an interface of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// The interface.
    pub dev: IfIndex,
    /// The address.
    pub address: IpAddr,
    /// Whether it is there, or was taken away.
    pub present: bool,
}

/// Asks for all addresses of both families.
pub fn emit_dump(w: &mut Writer<'_>, seq: u32) {
    // struct ifaddrmsg: family, prefix, flags, scope, interface.
    w.message(Header::dump(RTM_GETADDR, seq), |w| w.zeroes(8));
}

/// Reads an entry of a dump, or an event, of this machine's kernel. `None`: another message, or one without an address.
///
/// # Errors
/// [`Malformed::Package`] when the package cannot read it.
pub fn parse(message: Message<'_>) -> Result<Option<OwnAddress>, Malformed> {
    let present = match message.header.kind {
        RTM_NEWADDR => true,
        RTM_DELADDR => false,
        _ => return Ok(None),
    };
    if message.body.order() != Order::HOST {
        return Ok(None);
    }
    let entry = AddressMessage::parse(message.body.rest()).map_err(|_| Malformed::Package)?;
    let dev = IfIndex(entry.header.index);
    // On a point-to-point link `Address` is the peer's and `Local` is ours; elsewhere IPv4 has both and IPv6 only `Address`.
    let mut found = None;
    for attribute in &entry.attributes {
        match attribute {
            AddressAttribute::Local(address) => found = Some(*address),
            AddressAttribute::Address(address) => found = found.or(Some(*address)),
            _ => {}
        }
    }
    Ok(found.map(|address| OwnAddress {
        dev,
        address,
        present,
    }))
}
