//! Addresses and routes.

use std::net::IpAddr;

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{create, index};
use crate::lab::error::Error;

/// An address with the length of its network part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address in the network, or the network's own.
    pub address: IpAddr,
    /// Bits of the network part.
    pub prefix: u8,
}

impl Network {
    /// `address/prefix`.
    #[must_use]
    pub fn new(address: impl Into<IpAddr>, prefix: u8) -> Self {
        Self {
            address: address.into(),
            prefix,
        }
    }
}

/// Gives an interface an address that works at once: duplicate detection, which takes IPv6 a second, is skipped.
///
/// # Errors
/// `System`, as the kernel says.
pub fn add(interface: &str, network: Network) -> Result<(), Error> {
    let mut message = AddressMessage::default();
    message.header.family = family(network.address);
    message.header.prefix_len = network.prefix;
    message.header.flags = AddressHeaderFlags::Nodad;
    message.header.index = index(interface)?;
    message
        .attributes
        .push(AddressAttribute::Local(network.address));
    message
        .attributes
        .push(AddressAttribute::Address(network.address));
    create(RouteNetlinkMessage::NewAddress(message), "add an address")
}

/// Adds a route to `destination` through `gateway`; prefix 0 is the default route.
///
/// # Errors
/// `System`, as the kernel says.
pub fn add_route(destination: Network, gateway: IpAddr) -> Result<(), Error> {
    let mut message = RouteMessage::default();
    message.header.address_family = family(gateway);
    message.header.destination_prefix_length = destination.prefix;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    if destination.prefix > 0 {
        message
            .attributes
            .push(RouteAttribute::Destination(RouteAddress::from(
                destination.address,
            )));
    }
    message
        .attributes
        .push(RouteAttribute::Gateway(RouteAddress::from(gateway)));
    create(RouteNetlinkMessage::NewRoute(message), "add a route")
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    }
}
