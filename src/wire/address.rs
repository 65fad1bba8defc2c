//! Addresses of our own interfaces.
//!
//! Read before editing: linux/if_addr.h (6.12).

use core::net::IpAddr;

use super::neighbour::ip_address;
use super::netlink::{Header, Message};
use super::{Malformed, Writer};
use crate::value::IfIndex;

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Another host has it, or nobody knows yet whether one does (RFC 4862): it cannot be listened at. Its end is told by another event.
const IFA_F_UNUSABLE: u8 = IFA_F_DADFAILED | IFA_F_TENTATIVE;
const IFA_F_DADFAILED: u8 = 0x08;
const IFA_F_TENTATIVE: u8 = 0x40;

/// An address of an interface of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// The interface.
    pub dev: IfIndex,
    /// The address.
    pub address: IpAddr,
    /// Whether it is there, or was taken away.
    pub present: bool,
    /// Whether it can be used.
    pub usable: bool,
}

/// Asks for all addresses of both families.
pub fn emit_dump(w: &mut Writer<'_>, seq: u32) {
    // struct ifaddrmsg: family, prefix, flags, scope, interface.
    w.message(Header::dump(RTM_GETADDR, seq), |w| w.zeroes(8));
}

/// Whether a message tells that some address changed.
pub fn is_change(message: Message<'_>) -> bool {
    matches!(message.header.kind, RTM_NEWADDR | RTM_DELADDR)
}

/// Reads an entry of a dump, or an event. `None`: another message, or one without an address that we know.
///
/// # Errors
/// [`Malformed`].
pub fn parse(message: Message<'_>) -> Result<Option<OwnAddress>, Malformed> {
    if !is_change(message) {
        return Ok(None);
    }
    let mut body = message.body;
    let family = body.u8();
    body.skip(1);
    let flags = body.u8();
    body.skip(1);
    let dev = IfIndex(body.u32());
    // On a point-to-point link `IFA_ADDRESS` is the peer's and `IFA_LOCAL` is ours; elsewhere IPv4 has both and IPv6 only `IFA_ADDRESS`.
    let (mut address, mut local) = (None, None);
    body.attributes(&mut |kind, value| match kind {
        IFA_ADDRESS => address = ip_address(family, value),
        IFA_LOCAL => local = ip_address(family, value),
        _ => {}
    });
    body.end()?;
    Ok(local.or(address).map(|address| OwnAddress {
        dev,
        address,
        present: message.header.kind == RTM_NEWADDR,
        usable: flags & IFA_F_UNUSABLE == 0,
    }))
}
