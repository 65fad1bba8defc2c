//! What the kernel tells by itself.

use crate::engine::{Engine, Input};
use crate::sys::netlink::{Heard, Listener, Protocol};
use crate::value::{Instant, Refused};
use crate::wire::link::LinkChange;
use crate::wire::neighbour::NeighbourChange;
use crate::wire::netlink::Message;
use crate::wire::tc::TcChange;
use crate::wire::{link, neighbour, nft, route, tc};

/// `RTNLGRP_LINK`, `_NEIGH`, `_TC`, `_IPV4_ROUTE` and `_IPV6_ROUTE` (linux/rtnetlink.h), as a mask.
const ROUTE_GROUPS: u32 = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 10;

/// `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h), as a mask.
const RULE_GROUPS: u32 = 1 << 6;

/// The sockets that hear. Flows are not among what is heard: the kernel marks them by itself, and an event a flow would wake a
/// small router for nothing.
pub(super) struct Events {
    route: Listener,
    rules: Option<Listener>,
}

impl Events {
    pub(super) fn open(nft: bool) -> Result<Events, Refused> {
        let route = Listener::open(Protocol::Route, ROUTE_GROUPS)?;
        let rules = if nft {
            Some(Listener::open(Protocol::Netfilter, RULE_GROUPS)?)
        } else {
            None
        };
        Ok(Events { route, rules })
    }

    pub(super) const fn route(&self) -> &Listener {
        &self.route
    }

    pub(super) const fn rules(&self) -> Option<&Listener> {
        self.rules.as_ref()
    }

    /// Hands in one datagram about interfaces, routes, neighbours and queues. Returns whether there may be more.
    pub(super) fn hear_route(
        &mut self,
        engine: &mut Engine,
        own_ports: [u32; 2],
        room: &mut [u8],
        now: Instant,
    ) -> bool {
        let heard = self.route.hear(room, |message| {
            if let Some(input) = route_input(message, own_ports) {
                engine.handle(now, input);
            }
        });
        after(heard, engine, now)
    }

    /// Hands in one datagram about rules. Returns whether there may be more.
    pub(super) fn hear_rules(
        &mut self,
        engine: &mut Engine,
        own_ports: [u32; 2],
        room: &mut [u8],
        now: Instant,
    ) -> bool {
        let Some(rules) = &mut self.rules else {
            return false;
        };
        let heard = rules.hear(room, |message| {
            let own = own_ports.contains(&message.header.port);
            // The end of a change comes once, after all that it changed.
            if !own && matches!(nft::parse(message), Ok(Some(nft::Seen::Changed { .. }))) {
                engine.handle(now, Input::RulesTouched);
            }
        });
        after(heard, engine, now)
    }
}

fn after(heard: Result<Heard, Refused>, engine: &mut Engine, now: Instant) -> bool {
    match heard {
        Ok(Heard::Some) => true,
        Ok(Heard::Nothing) => false,
        // Whatever it was: everything is looked at again. What is queued behind it is still read first.
        Ok(Heard::Lost) | Err(_) => {
            engine.handle(now, Input::Lost);
            false
        }
    }
}

fn route_input(message: Message<'_>, own_ports: [u32; 2]) -> Option<Input<'static>> {
    if route::is_change(message) {
        return Some(Input::RoutesChanged);
    }
    if let Ok(Some(change)) = neighbour::parse_event(message) {
        return match change {
            NeighbourChange::Present(neighbour) => Some(Input::Neighbour(neighbour)),
            // The device keeps the address until another has it: its flows live on.
            NeighbourChange::Gone { .. } => None,
        };
    }
    if let Ok(Some(change)) = link::parse(message) {
        return Some(match change {
            LinkChange::Present(link) => Input::Link(link),
            LinkChange::Gone(dev) => Input::LinkGone(dev),
        });
    }
    if own_ports.contains(&message.header.port) {
        return None;
    }
    match tc::parse(message) {
        Ok(Some(TcChange::Qdisc(qdisc))) => Some(Input::TreeTouched(qdisc.dev)),
        Ok(Some(TcChange::Class(class))) => Some(Input::TreeTouched(class.dev)),
        Ok(Some(TcChange::QdiscGone { dev, .. } | TcChange::ClassGone { dev, .. })) => {
            Some(Input::TreeTouched(dev))
        }
        _ => None,
    }
}
