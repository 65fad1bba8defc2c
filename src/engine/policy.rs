//! Which class a flow has: by the first rule that it is a flow of, else by its device.
//!
//! The kernel decides this for a flow's first packet; for flows that are open already it is decided here, of what their conntrack entries
//! tell. Both go by the same [`Pattern`](crate::value::Pattern)s.

use core::net::IpAddr;

use super::{DeviceId, Engine};
use crate::value::{Class, Flow, Mac, Network, Ports, Rule};

/// The narrowest rule that a flow is of, without its class: whatever covers it has the flow too. Without a MAC address nobody knows whose the
/// address in the home is. `port` is the one that the flow was opened to.
pub fn narrowest(mac: Option<Mac>, [home, remote]: [IpAddr; 2], proto: u8, port: u16) -> Rule {
    let mut rule = Rule::of(Class::Standard);
    rule.mac = mac;
    rule.cidr = Some(Network::host(home));
    rule.remote = Some(Network::host(remote));
    rule.proto = Some(proto);
    let port = Ports {
        first: port,
        last: port,
    };
    // There is room for one.
    let _ = rule.ports.push(port);
    rule
}

/// The class of the first rule that a flow is of, which has this class now: what the kernel gave to its first packet, or would give now.
///
/// A condition of which the entry does not tell (interface, code point, and the device where nobody knows it) holds for a flow that has
/// the rule's class already, and for no other.
pub fn classify(rules: &[Rule], mut flow: Rule, class: Option<Class>) -> Option<Class> {
    let mac = flow.mac;
    for rule in rules {
        let stranger = mac.is_none() && rule.mac.is_some();
        if stranger || rule.interface.is_some() || rule.dscp.is_some() {
            if class != Some(rule.class) {
                continue;
            }
            flow.mac = mac.or(rule.mac);
            flow.interface = rule.interface;
            flow.dscp = rule.dscp;
        }
        if rule.covers(&flow) {
            return Some(rule.class);
        }
    }
    None
}

impl Engine {
    /// The class that a flow should have, its owner being this device, which opened it or did not.
    #[inline(never)]
    pub(super) fn class_of(&self, flow: &Flow, owner: Option<(DeviceId, bool)>) -> Option<Class> {
        let class = self.layout().class(flow.mark);
        let device = owner.and_then(|(id, _)| self.devices.get(id));
        let opened = match owner {
            Some((_, opened)) => opened,
            // Of two that nobody knows, the one in the home is the one whose address was translated; without translation it is only known
            // that a flow with a class is one of the home's.
            None if flow.out.src != flow.back.dst => true,
            None if flow.out.dst != flow.back.src => false,
            None if class.is_some() => true,
            None => return None,
        };
        let home = if opened { &flow.out } else { &flow.back };
        let addresses = [home.src, home.dst];
        let mac = device.map(|device| device.mac);
        let narrowest = narrowest(mac, addresses, flow.out.proto, flow.out.dport);
        classify(&self.config.rules, narrowest, class).or_else(|| match device {
            Some(device) => device.class,
            // A device whose address nobody knows may have it by its MAC address.
            None => class.filter(|class| {
                self.devices
                    .iter()
                    .any(|device| device.class == Some(*class))
            }),
        })
    }
}
