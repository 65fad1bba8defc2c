//! Neighbours: who has which address.
//!
//! Read before editing: linux/neighbour.h (6.12). Events, which a LAN host can cause at will, and dumps go through a reader of our own
//! that allocates nothing. Dumps can be read through netlink-packet-route too, a second opinion that would take 7.7 kB on mipsel.

use core::net::IpAddr;

use netlink_packet_core::Parseable;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};

use super::netlink::{Header, Message};
use super::{Malformed, Order, Reader, Writer};
use crate::value::{IfIndex, Mac, Neighbour};

const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;

pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NDA_CACHEINFO: u16 = 3;

/// Nobody answered, or the entry is the kernel's own (loopback, multicast).
const NUD_NOBODY: u16 = NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP;
const NUD_INCOMPLETE: u16 = 0x01;
const NUD_FAILED: u16 = 0x20;
const NUD_NOARP: u16 = 0x40;

/// The kernel tells ages in hundredths of a second to user space on every machine of ours (`USER_HZ`).
const MS_PER_TICK: u32 = 10;

/// What a neighbour event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighbourChange {
    /// The entry is there, like this.
    Present(Neighbour),
    /// The entry is gone.
    Gone {
        /// On which interface.
        dev: IfIndex,
        /// The address.
        address: IpAddr,
    },
}

/// Asks for all neighbours of both families.
pub fn emit_dump(w: &mut Writer<'_>, seq: u32) {
    // struct ndmsg: family, pads, interface, state, flags, type.
    w.message(Header::dump(RTM_GETNEIGH, seq), |w| w.zeroes(12));
}

/// Reads an event or an entry of a dump. `None`: another message, a bridge's forwarding entry, or a multicast address.
///
/// # Errors
/// [`Malformed`].
pub fn parse_event(message: Message<'_>) -> Result<Option<NeighbourChange>, Malformed> {
    let kind = message.header.kind;
    if kind != RTM_NEWNEIGH && kind != RTM_DELNEIGH {
        return Ok(None);
    }
    let mut body = message.body;
    let family = body.u8();
    body.skip(3);
    let dev = IfIndex(body.u32());
    let state = body.u16();
    body.skip(2);
    let (mut address, mut mac, mut confirmed_ago_ms) = (None, None, None);
    body.attributes(&mut |kind, value| match kind {
        NDA_DST => address = ip_address(family, value),
        NDA_LLADDR => mac = value.mac(),
        NDA_CACHEINFO => confirmed_ago_ms = Some(value.u32().saturating_mul(MS_PER_TICK)),
        _ => {}
    });
    body.end()?;
    let Some(address) = address.filter(|address| !address.is_multicast()) else {
        return Ok(None);
    };
    if kind == RTM_DELNEIGH {
        return Ok(Some(NeighbourChange::Gone { dev, address }));
    }
    let mac = mac
        .filter(|_| state & NUD_NOBODY == 0)
        .filter(|mac: &Mac| mac.is_device());
    Ok(Some(NeighbourChange::Present(Neighbour {
        dev,
        address,
        mac,
        confirmed_ago_ms,
    })))
}

/// Reads one entry of a dump made by this machine's kernel, through the package. `None` as in [`parse_event`].
///
/// # Errors
/// [`Malformed::Package`] when the package cannot read it.
pub fn parse_dumped(message: Message<'_>) -> Result<Option<Neighbour>, Malformed> {
    if message.header.kind != RTM_NEWNEIGH || message.body.order() != Order::HOST {
        return Ok(None);
    }
    let entry = NeighbourMessage::parse(message.body.rest()).map_err(|_| Malformed::Package)?;
    let dev = IfIndex(entry.header.ifindex);
    let nobody = matches!(
        entry.header.state,
        NeighbourState::Incomplete | NeighbourState::Failed | NeighbourState::Noarp
    );
    let (mut address, mut mac, mut confirmed_ago_ms) = (None, None, None);
    for attribute in &entry.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                address = Some(IpAddr::V4(*ip))
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => {
                address = Some(IpAddr::V6(*ip))
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => {
                mac = <[u8; 6]>::try_from(bytes.as_slice()).ok().map(Mac)
            }
            NeighbourAttribute::CacheInfo(info) => {
                confirmed_ago_ms = Some(info.confirmed.saturating_mul(MS_PER_TICK))
            }
            _ => {}
        }
    }
    let mac = mac.filter(|_| !nobody).filter(|mac| mac.is_device());
    Ok(address
        .filter(|address| !address.is_multicast())
        .map(|address| Neighbour {
            dev,
            address,
            mac,
            confirmed_ago_ms,
        }))
}

/// An address of the family; none for families that we do not know.
#[inline(never)]
pub(super) fn ip_address(family: u8, bytes: &mut Reader<'_>) -> Option<IpAddr> {
    match family {
        AF_INET => Some(IpAddr::from(bytes.array::<4>())),
        AF_INET6 => Some(IpAddr::from(bytes.array::<16>())),
        _ => None,
    }
}
