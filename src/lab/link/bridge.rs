//! The LAN switch of the router.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};

use super::{Mac, change, create, index};
use crate::lab::error::Error;

/// Creates a bridge with a fixed hardware address: one of its own choice would change with the ports.
///
/// # Errors
/// `System`, as the kernel says.
pub fn add(name: &str, mac: Mac) -> Result<(), Error> {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    message
        .attributes
        .push(LinkAttribute::Address(mac.to_vec()));
    message
        .attributes
        .push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(
            InfoKind::Bridge,
        )]));
    create(RouteNetlinkMessage::NewLink(message), "create the bridge")
}

/// Makes an interface a port of the bridge.
///
/// # Errors
/// `System`, as the kernel says.
pub fn plug(bridge: &str, port: &str) -> Result<(), Error> {
    let mut message = LinkMessage::default();
    message.header.index = index(port)?;
    message
        .attributes
        .push(LinkAttribute::Controller(index(bridge)?));
    change(
        RouteNetlinkMessage::SetLink(message),
        0,
        "plug a port into the bridge",
    )
}
