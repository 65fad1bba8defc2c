//! Default routes: where the WAN is.
//!
//! Read before editing: linux/rtnetlink.h (6.12), `struct rtmsg`, `struct rtnexthop`.

use core::net::Ipv4Addr;

use super::netlink::{Header, Message};
use super::{Malformed, Writer};
use crate::value::IfIndex;

const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;

const AF_INET: u8 = 2;
const RT_TABLE_MAIN: u32 = 254;
const RTN_UNICAST: u8 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;

/// A default route of the main table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultRoute {
    /// The interface; of several next hops, the first.
    pub dev: IfIndex,
    /// The lowest wins.
    pub metric: u32,
    /// The address family, `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// The next router, over IPv4.
    pub gateway: Option<Ipv4Addr>,
}

/// Asks for all routes of both families.
pub fn emit_dump(w: &mut Writer<'_>, seq: u32) {
    w.message(Header::dump(RTM_GETROUTE, seq), |w| w.zeroes(12));
}

/// Whether a message tells that some route changed.
pub fn is_change(message: Message<'_>) -> bool {
    matches!(message.header.kind, RTM_NEWROUTE | RTM_DELROUTE)
}

/// Reads an entry of a dump. `None`: not a default route of the main table that leads to an interface.
///
/// # Errors
/// [`Malformed`].
pub fn parse(message: Message<'_>) -> Result<Option<DefaultRoute>, Malformed> {
    if message.header.kind != RTM_NEWROUTE {
        return Ok(None);
    }
    let mut body = message.body;
    let family = body.u8();
    let destination_bits = body.u8();
    body.skip(2);
    let mut table = u32::from(body.u8());
    body.skip(2);
    let route_type = body.u8();
    body.skip(4);
    let (mut dev, mut metric, mut gateway) = (None, 0, None);
    body.attributes(&mut |kind, value| match kind {
        RTA_OIF => dev = Some(IfIndex(value.u32())),
        RTA_PRIORITY => metric = value.u32(),
        RTA_GATEWAY if family == AF_INET => gateway = Some(value.array().into()),
        RTA_TABLE => table = value.u32(),
        RTA_MULTIPATH => {
            value.skip(4);
            let first = IfIndex(value.u32());
            dev.get_or_insert(first);
        }
        _ => {}
    });
    body.end()?;
    let default = destination_bits == 0 && route_type == RTN_UNICAST && table == RT_TABLE_MAIN;
    Ok(dev.filter(|_| default).map(|dev| DefaultRoute {
        dev,
        metric,
        family,
        gateway,
    }))
}
