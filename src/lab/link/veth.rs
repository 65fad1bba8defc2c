//! Cables: pairs of virtual Ethernet interfaces.

use std::os::fd::{AsFd as _, AsRawFd as _};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};

use super::{Mac, create, offload, up};
use crate::lab::error::Error;
use crate::lab::host::Host;

/// One end of a cable: where it goes, what it is called there, and its hardware address if that matters.
#[derive(Clone, Copy, Debug)]
pub struct End<'host> {
    /// The host that the end is plugged into.
    pub host: &'host Host,
    /// The name of the interface there.
    pub name: &'static str,
    /// A fixed address, or one of the kernel's choice.
    pub mac: Option<Mac>,
}

/// Connects two hosts. Both ends are left down: whoever plugs them switches them on when all is set.
///
/// All offloads are off on both ends. Frames of the house pass through packet sockets and shapers that count what an
/// Ethernet cable would carry: one frame of at most 1514 bytes each time, with its checksums complete.
///
/// # Errors
/// `System`, as the kernel says.
pub fn connect(one: End<'_>, other: End<'_>) -> Result<(), Error> {
    let (name, mac) = (one.name.to_owned(), one.mac);
    let (peer_name, peer_mac, peer_namespace) = (
        other.name.to_owned(),
        other.mac,
        other.host.namespace().clone(),
    );
    one.host.run(move || {
        let mut peer = end(peer_name, peer_mac);
        peer.attributes
            .push(LinkAttribute::NetNsFd(peer_namespace.as_fd().as_raw_fd()));
        let mut message = end(name, mac);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        create(RouteNetlinkMessage::NewLink(message), "create a cable")
    })??;
    for end in [one, other] {
        let name = end.name;
        end.host.run(move || offload::switch_off(name))??;
    }
    Ok(())
}

/// Switches both ends on.
///
/// # Errors
/// `System`, as the kernel says.
pub fn switch_on(ends: [End<'_>; 2]) -> Result<(), Error> {
    for end in ends {
        let name = end.name;
        end.host.run(move || up(name))??;
    }
    Ok(())
}

fn end(name: String, mac: Option<Mac>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name));
    if let Some(mac) = mac {
        message
            .attributes
            .push(LinkAttribute::Address(mac.to_vec()));
    }
    message
}
