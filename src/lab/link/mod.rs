//! Interfaces, addresses and routes of the house, over rtnetlink.
//!
//! Every function acts in the namespace of the calling thread: call it inside `Host::run`. Nothing here keeps state; an
//! interface is looked up by name each time, since building a house is no hot path.

pub mod address;
pub mod bridge;
pub mod counters;
pub mod offload;
pub mod qdisc;
pub mod veth;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockProtocol;

use super::error::Error;
use super::netlink::Socket;

/// A hardware address.
pub type Mac = [u8; 6];

/// The kernel's number of an interface.
///
/// # Errors
/// `System` with `ENODEV` when there is no such interface in this namespace.
pub fn index(name: &str) -> Result<u32, Error> {
    if_nametoindex(name).map_err(Error::system("look up an interface"))
}

/// Switches an interface on.
///
/// # Errors
/// `System`, as the kernel says.
pub fn up(name: &str) -> Result<(), Error> {
    let mut message = LinkMessage::default();
    message.header.index = index(name)?;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    change(
        RouteNetlinkMessage::SetLink(message),
        0,
        "switch an interface on",
    )
}

/// Gives an interface another hardware address, also while it is on.
///
/// # Errors
/// `System`, as the kernel says.
pub fn set_mac(name: &str, mac: Mac) -> Result<(), Error> {
    let mut message = LinkMessage::default();
    message.header.index = index(name)?;
    message
        .attributes
        .push(LinkAttribute::Address(mac.to_vec()));
    change(
        RouteNetlinkMessage::SetLink(message),
        0,
        "set a hardware address",
    )
}

/// Takes an interface out of the kernel; the other end of a veth goes with it.
///
/// # Errors
/// `System`, as the kernel says.
pub fn delete(name: &str) -> Result<(), Error> {
    let mut message = LinkMessage::default();
    message.header.index = index(name)?;
    change(
        RouteNetlinkMessage::DelLink(message),
        0,
        "delete an interface",
    )
}

fn create(what: RouteNetlinkMessage, step: &'static str) -> Result<(), Error> {
    change(what, NLM_F_CREATE | NLM_F_EXCL, step)
}

fn change(what: RouteNetlinkMessage, flags: u16, step: &'static str) -> Result<(), Error> {
    ask(what, NLM_F_REQUEST | NLM_F_ACK | flags)
        .map(drop)
        .map_err(Error::system(step))
}

fn dump(what: RouteNetlinkMessage, step: &'static str) -> Result<Vec<RouteNetlinkMessage>, Error> {
    let answers = ask(what, NLM_F_REQUEST | NLM_F_DUMP).map_err(Error::system(step))?;
    answers
        .iter()
        .map(|bytes| parse(bytes).ok_or(Error::Nonsense(step)))
        .collect()
}

fn ask(what: RouteNetlinkMessage, flags: u16) -> Result<Vec<Vec<u8>>, Errno> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(what));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    Socket::open(SockProtocol::NetlinkRoute)?.ask(&bytes, 1)
}

fn parse(bytes: &[u8]) -> Option<RouteNetlinkMessage> {
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes)
        .ok()?
        .payload
    {
        NetlinkPayload::InnerMessage(inner) => Some(inner),
        _ => None,
    }
}
