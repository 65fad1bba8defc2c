//! How several LANs share one shaper: an IFB device; `clsact` on each LAN, and in it one filter: everything that leaves goes to the IFB
//! device first. The kernel clones each packet for that; its priority stays.
//!
//! Read before editing: linux/pkt_cls.h (6.12) `struct tc_u32_sel`, linux/tc_act/tc_mirred.h `struct tc_mirred`; net/sched/act_mirred.c.
//!
//! The filter is `u32` with one key that matches all: every kernel with classifiers has it, `matchall` only those since 4.8.

use super::super::link::{
    IFF_UP, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, KIND_IFB, RTM_DELLINK, RTM_NEWLINK,
};
use super::super::netlink::{Header, Message, NLM_F_CREATE, NLM_F_EXCL};
use super::super::{Malformed, Order, Writer};
use super::{Fixed, RTM_DELQDISC, RTM_NEWQDISC, TCA_KIND, TCA_OPTIONS, TcChange};
use crate::value::{FilterSeen, IfIndex, IfbChange, IfbVerb, TcHandle};

pub(super) const RTM_NEWTFILTER: u16 = 44;
pub(super) const RTM_DELTFILTER: u16 = 45;
const RTM_GETTFILTER: u16 = 46;

pub(super) const KIND_CLSACT: &str = "clsact";
const KIND_U32: &str = "u32";
const KIND_MIRRED: &str = "mirred";

const TCA_U32_SEL: u16 = 5;
const TCA_U32_ACT: u16 = 7;
const TCA_ACT_KIND: u16 = 1;
const TCA_ACT_OPTIONS: u16 = 2;
const TCA_MIRRED_PARMS: u16 = 2;

const TC_U32_TERMINAL: u8 = 1;
const TC_ACT_STOLEN: u32 = 4;
const TCA_EGRESS_REDIR: u32 = 1;
const ETH_P_ALL: u16 = 3;

/// The only action of our filter.
const FIRST_ACTION: u16 = 1;

/// The name of a `clsact` qdisc: there is one on a device.
const CLSACT_HANDLE: TcHandle = TcHandle::new(0xffff, 0);

/// Asks for the filters that hang in one of a device's hooks.
pub fn emit_filter_dump(w: &mut Writer<'_>, seq: u32, dev: IfIndex, parent: TcHandle) {
    let all = Fixed {
        dev,
        handle: TcHandle::NONE,
        parent,
    };
    w.message(Header::dump(RTM_GETTFILTER, seq), |w| all.emit(w));
}

/// The last field of our filter's `struct tcmsg`: its preference and, in network order, the protocol.
fn info(order: Order, preference: u16) -> u32 {
    let protocol = match order {
        Order::Little => ETH_P_ALL.swap_bytes(),
        Order::Big => ETH_P_ALL,
    };
    u32::from(preference) << 16 | u32::from(protocol)
}

/// Carries a change out. `name` is what the IFB device is called.
///
/// The fixed part is `struct ifinfomsg` (nothing, index, flags, which flags) or `struct tcmsg` (nothing, index, handle, parent, info).
pub fn emit_ifb(w: &mut Writer<'_>, seq: u32, name: &str, change: &IfbChange) {
    const MAKE: u16 = NLM_F_CREATE | NLM_F_EXCL;
    const ON: [u32; 2] = [IFF_UP; 2];
    const HOOK: [u32; 2] = [CLSACT_HANDLE.0, TcHandle::CLSACT.0];
    const FILTER: [u32; 2] = [0, TcHandle::EGRESS.0];
    let IfbChange { verb, at } = change;
    let (kind, extra, [a, b]) = match verb {
        IfbVerb::Make => (RTM_NEWLINK, MAKE, ON),
        IfbVerb::On => (RTM_NEWLINK, 0, ON),
        IfbVerb::Delete => (RTM_DELLINK, 0, [0; 2]),
        IfbVerb::Hook => (RTM_NEWQDISC, MAKE, HOOK),
        IfbVerb::Unhook => (RTM_DELQDISC, 0, HOOK),
        IfbVerb::Redirect => (RTM_NEWTFILTER, MAKE, FILTER),
        IfbVerb::Release => (RTM_DELTFILTER, 0, FILTER),
    };
    let message = w.begin_message(Header::request(kind, extra, seq));
    for word in [0, at.dev.0, a, b] {
        w.u32(word);
    }
    if kind >= RTM_NEWTFILTER {
        w.u32(info(w.order(), at.preference));
    } else if kind >= RTM_NEWQDISC {
        w.u32(0);
    }
    match verb {
        IfbVerb::Make => {
            w.attribute_text(IFLA_IFNAME, name);
            let info = w.begin_nest(IFLA_LINKINFO);
            w.attribute_text(IFLA_INFO_KIND, KIND_IFB);
            w.end_attribute(info);
        }
        IfbVerb::Hook => w.attribute_text(TCA_KIND, KIND_CLSACT),
        IfbVerb::Redirect => emit_options(w, at.to),
        _ => {}
    }
    w.end_message(message);
}

/// The rest of our filter: one key that matches all, and the action.
fn emit_options(w: &mut Writer<'_>, to: IfIndex) {
    w.attribute_text(TCA_KIND, KIND_U32);
    let options = w.begin_nest(TCA_OPTIONS);
    let selector = w.begin_attribute(TCA_U32_SEL);
    // flags, offshift, number of keys; the rest, and the key, is empty.
    w.bytes(&[TC_U32_TERMINAL, 0, 1]);
    w.zeroes(13 + 16);
    w.end_attribute(selector);
    let actions = w.begin_nest(TCA_U32_ACT);
    let action = w.begin_nest(FIRST_ACTION);
    w.attribute_text(TCA_ACT_KIND, KIND_MIRRED);
    let mirred = w.begin_nest(TCA_ACT_OPTIONS);
    let parms = w.begin_attribute(TCA_MIRRED_PARMS);
    // index and capab, which the kernel picks; what becomes of the packet here; two counts; where to.
    for word in [0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, to.0] {
        w.u32(word);
    }
    for place in [parms, mirred, action, actions, options] {
        w.end_attribute(place);
    }
}

/// Reads a filter message. What the filter does is not looked at.
pub(super) fn parse(message: Message<'_>) -> Result<TcChange, Malformed> {
    let mut body = message.body;
    body.skip(4);
    let dev = IfIndex(body.u32());
    body.skip(4);
    let parent = TcHandle(body.u32());
    let [high, low, _, _] = body.u32().to_be_bytes();
    body.end()?;
    Ok(TcChange::Filter(FilterSeen {
        dev,
        parent,
        preference: u16::from_be_bytes([high, low]),
    }))
}
