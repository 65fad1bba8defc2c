//! What the kernel tells by itself.

use super::kernel::Kernel;
use super::look;
use crate::apply::rules::TABLE;
use crate::engine::{Engine, Input};
use crate::sys::netlink::{Heard, Listener, Protocol};
use crate::value::{Instant, Refused};
use crate::wire::link::LinkChange;
use crate::wire::netlink::Message;
use crate::wire::tc::TcChange;
use crate::wire::{address, link, nft, route, tc};

/// `RTNLGRP_LINK`, `_TC`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR` and `_IPV6_ROUTE` (linux/rtnetlink.h), as a mask.
const ROUTE_GROUPS: u32 = 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10;

/// `RTNLGRP_NEIGH`. On a socket of its own: a LAN host can cause these at will, and what is lost with them must not be the news of a qdisc.
const NEIGHBOUR_GROUPS: u32 = 1 << 2;

/// `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h), as a mask.
const RULE_GROUPS: u32 = 1 << 6;

/// Which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Interfaces, routes and queues.
    Route,
    /// Who has which address.
    Neighbours,
    /// Rules.
    Rules,
}

/// The sockets that hear. Flows are not among what is heard: the kernel marks them by itself, and an event a flow would wake a
/// small router for nothing.
pub(super) struct Events {
    route: Listener,
    neighbours: Listener,
    rules: Option<Listener>,
    /// What somebody else's change that is being told is about.
    touched: Touched,
    /// Our own addresses may be others than before.
    addresses_changed: bool,
}

impl Events {
    pub(super) fn open(nft: bool) -> Result<Events, Refused> {
        let rules = if nft {
            Some(Listener::open(Protocol::Netfilter, RULE_GROUPS)?)
        } else {
            None
        };
        Ok(Events {
            route: Listener::open(Protocol::Route, ROUTE_GROUPS)?,
            neighbours: Listener::open(Protocol::Route, NEIGHBOUR_GROUPS)?,
            rules,
            touched: Touched::default(),
            addresses_changed: false,
        })
    }

    /// The socket to wait for; none where the kernel has no such events.
    pub(super) const fn socket(&self, about: About) -> Option<&Listener> {
        match about {
            About::Route => Some(&self.route),
            About::Neighbours => Some(&self.neighbours),
            About::Rules => self.rules.as_ref(),
        }
    }

    /// Whether our own addresses may have changed since this was asked last.
    pub(super) const fn take_addresses_changed(&mut self) -> bool {
        core::mem::replace(&mut self.addresses_changed, false)
    }

    /// Hands in one datagram. Returns whether there may be more.
    pub(super) fn hear(
        &mut self,
        about: About,
        engine: &mut Engine,
        kernel: &mut Kernel,
        now: Instant,
    ) -> bool {
        let own_ports = kernel.ports();
        let room = &mut kernel.room;
        let listener = match about {
            About::Route => &mut self.route,
            About::Neighbours => &mut self.neighbours,
            About::Rules => match &mut self.rules {
                Some(rules) => rules,
                None => return false,
            },
        };
        let touched = &mut self.touched;
        let addresses_changed = &mut self.addresses_changed;
        let heard = listener.hear(room, &mut |message| {
            let input = match about {
                About::Route => {
                    *addresses_changed |= address::is_change(message);
                    route_input(message, own_ports)
                }
                About::Neighbours => look::neighbour_there(message),
                About::Rules if own_ports.contains(&message.header.port) => None,
                About::Rules => rules_input(message, touched),
            };
            if let Some(input) = input {
                engine.handle(now, input);
            }
        });
        match heard {
            Ok(Heard::Some) => true,
            Ok(Heard::Nothing) => false,
            Ok(Heard::Lost) | Err(_) => {
                self.addresses_changed |= about == About::Route;
                engine.handle(
                    now,
                    if about == About::Neighbours {
                        Input::NeighboursLost
                    } else {
                        Input::Lost
                    },
                );
                false
            }
        }
    }
}

/// What a change of rules is about, as far as that was told.
#[derive(Clone, Copy, Debug, Default)]
struct Touched {
    /// Our table.
    ours: bool,
    /// A flowtable.
    flowtables: bool,
}

fn rules_input(message: Message<'_>, touched: &mut Touched) -> Option<Input<'static>> {
    // The end of a change comes once, after all that it changed. Others change their tables all the time.
    touched.ours |= nft::names(message, TABLE);
    touched.flowtables |= nft::is_flowtable(&message);
    if !matches!(nft::parse(message), Ok(Some(nft::Seen::Changed { .. }))) {
        return None;
    }
    match core::mem::take(touched) {
        Touched { ours: true, .. } => Some(Input::RulesTouched),
        Touched { flowtables, .. } => flowtables.then_some(Input::FlowtablesTouched),
    }
}

fn route_input(message: Message<'_>, own_ports: [u32; 2]) -> Option<Input<'static>> {
    if route::is_change(message) {
        return Some(Input::RoutesChanged);
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
        Ok(Some(TcChange::Filter(filter))) => Some(Input::TreeTouched(filter.dev)),
        Ok(Some(TcChange::QdiscGone { dev, .. } | TcChange::ClassGone { dev, .. })) => {
            Some(Input::TreeTouched(dev))
        }
        _ => None,
    }
}
