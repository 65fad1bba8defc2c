//! Interfaces and their byte counters.
//!
//! Read before editing: linux/if_link.h, linux/rtnetlink.h (6.12). Links are our own reader: the package's costs 180 kB on mipsel.

use super::netlink::{Header, Message};
use super::{Malformed, Writer};
use crate::value::{IfIndex, IfName, Link, LinkBytes, LinkKind};

pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;

const AF_UNSPEC: u8 = 0;
const ARPHRD_LOOPBACK: u16 = 772;
pub(super) const IFF_UP: u32 = 1;

const IFLA_ADDRESS: u16 = 1;
pub(super) const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_STATS: u16 = 7;
const IFLA_MASTER: u16 = 10;
pub(super) const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_EXT_MASK: u16 = 29;
pub(super) const IFLA_INFO_KIND: u16 = 1;
const RTEXT_FILTER_SKIP_STATS: u32 = 8;
pub(super) const KIND_IFB: &str = "ifb";

/// What a link message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It is there, like this.
    Present(Link),
    /// It is gone.
    Gone(IfIndex),
}

/// Asks for all interfaces, without counters.
pub fn emit_dump(w: &mut Writer<'_>, seq: u32) {
    w.message(Header::dump(RTM_GETLINK, seq), |w| {
        fixed(w, IfIndex(0));
        w.attribute_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    });
}

/// Asks for one interface with its counters. Its answer comes instead of an acknowledgement when there is one.
pub fn emit_get(w: &mut Writer<'_>, seq: u32, dev: IfIndex) {
    w.message(Header::request(RTM_GETLINK, 0, seq), |w| fixed(w, dev));
}

/// `struct ifinfomsg`: family, pad, type (16 bits), index, flags, change.
fn fixed(w: &mut Writer<'_>, dev: IfIndex) {
    w.zeroes(4);
    w.u32(dev.0);
    w.zeroes(8);
}

/// Reads a link message. `None`: another message, a bridge's view of its port (whose DELLINK only says that it left the bridge), or an
/// interface whose name we would not speak.
///
/// # Errors
/// [`Malformed`].
pub fn parse(message: Message<'_>) -> Result<Option<LinkChange>, Malformed> {
    let kind = message.header.kind;
    if kind != RTM_NEWLINK && kind != RTM_DELLINK {
        return Ok(None);
    }
    let mut body = message.body;
    let family = body.u8();
    body.skip(1);
    let hardware = body.u16();
    let index = IfIndex(body.u32());
    let flags = body.u32();
    body.skip(4);
    body.end()?;
    if family != AF_UNSPEC {
        return Ok(None);
    }
    let (mut name, mut mac, mut mtu, mut master) = (None, None, 0, None);
    let (mut told, mut link, mut is_stacked) = (LinkKind::Other, None, false);
    body.attributes(&mut |kind, value| match kind {
        IFLA_ADDRESS => mac = value.mac(),
        IFLA_IFNAME => name = Some(value.text()),
        IFLA_MTU => mtu = value.u32(),
        IFLA_LINK => link = Some(IfIndex(value.u32())),
        IFLA_MASTER => master = Some(IfIndex(value.u32())),
        IFLA_LINKINFO => value.attributes(&mut |kind, value| {
            if kind == IFLA_INFO_KIND {
                let kind = value.text();
                told = match kind {
                    "bridge" => LinkKind::Bridge,
                    KIND_IFB => LinkKind::Ifb,
                    _ => LinkKind::Other,
                };
                // Of others it says who is at the other end, or which port of a switch's chip.
                is_stacked = matches!(kind, "vlan" | "macvlan");
            }
        }),
        _ => {}
    });
    body.end()?;
    if kind == RTM_DELLINK {
        return Ok(Some(LinkChange::Gone(index)));
    }
    let Ok(name) = IfName::parse(name.ok_or(Malformed::Missing {
        attribute: IFLA_IFNAME,
    })?) else {
        return Ok(None);
    };
    let kind = match hardware {
        ARPHRD_LOOPBACK => LinkKind::Loopback,
        _ => told,
    };
    Ok(Some(LinkChange::Present(Link {
        index,
        name,
        mac,
        mtu,
        master,
        below: link.filter(|_| is_stacked),
        kind,
        up: flags & IFF_UP != 0,
    })))
}

/// Reads the counters of a link message; the 32-bit ones where the kernel has no others (before 2.6.35).
///
/// # Errors
/// [`Malformed`].
pub fn parse_bytes(message: Message<'_>) -> Result<Option<LinkBytes>, Malformed> {
    if message.header.kind != RTM_NEWLINK {
        return Ok(None);
    }
    let mut body = message.body;
    body.skip(16);
    let (mut counted, mut counted_64) = (None, None);
    body.attributes(&mut |kind, stats| match kind {
        IFLA_STATS64 => {
            stats.skip(16);
            counted_64 = Some(LinkBytes {
                rx: stats.u64(),
                tx: stats.u64(),
            });
        }
        IFLA_STATS => {
            stats.skip(8);
            counted = Some(LinkBytes {
                rx: u64::from(stats.u32()),
                tx: u64::from(stats.u32()),
            });
        }
        _ => {}
    });
    body.end()?;
    Ok(counted_64.or(counted))
}
