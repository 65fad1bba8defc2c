use core::fmt;

use heapless::{String, Vec};

use super::assigned::{CODE_POINTS, ICMP, ICMPV6, PROTOCOLS, TCP, UDP};
use super::{Class, IfName, IpVersion, Mac, Network, Part, Ports, Service};

/// Bytes of the longest name of a rule: as of a device.
pub const RULE_NAME_BYTES_MAX: usize = 63;

/// Ports and ranges of one rule at most. With more, the configuration is refused: another rule can have the rest.
pub const PORT_RANGES_MAX: usize = 10;

/// Which flows get which class. All conditions that are there must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the user calls it; empty for no name.
    pub name: String<RULE_NAME_BYTES_MAX>,
    /// The class of the flows.
    pub class: Class,
    /// The device in the home.
    pub mac: Option<Mac>,
    /// The address in the home.
    pub cidr: Option<Network>,
    /// The address on the other side.
    pub remote: Option<Network>,
    /// The protocol above IP. [`ICMP`] means that of IPv6 too.
    pub proto: Option<u8>,
    /// The port that the flow was opened to; of TCP and UDP where no protocol is said.
    pub ports: Vec<Ports, PORT_RANGES_MAX>,
    /// Ports and protocols of something known; with neither of the two above.
    pub service: Option<Service>,
    /// The interface that the home's packet came in by.
    pub interface: Option<IfName>,
    /// The code point of the home's packet.
    pub dscp: Option<u8>,
}

/// What one rule of a kernel can tell: of a [`Rule`], one of its protocols with one of its port ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern<'r> {
    /// The rule, whose other conditions hold for each of its patterns.
    pub rule: &'r Rule,
    /// The version of IP, where an address or the place of the code point asks for one.
    pub version: Option<IpVersion>,
    /// The protocol above IP.
    pub proto: Option<u8>,
    /// The ports that the flow was opened to. Only with a protocol.
    pub ports: Option<Ports>,
}

impl Rule {
    /// A rule without conditions.
    pub const fn of(class: Class) -> Rule {
        Rule {
            name: String::new(),
            class,
            mac: None,
            cidr: None,
            remote: None,
            proto: None,
            ports: Vec::new(),
            service: None,
            interface: None,
            dscp: None,
        }
    }

    /// Calls `each` with every condition, as it is written.
    pub fn conditions(
        &self,
        each: &mut dyn FnMut(&'static str, &dyn fmt::Display) -> fmt::Result,
    ) -> fmt::Result {
        if let Some(mac) = &self.mac {
            each("mac", mac)?;
        }
        if let Some(network) = &self.cidr {
            each("cidr", network)?;
        }
        if let Some(network) = &self.remote {
            each("remote", network)?;
        }
        if let Some(proto) = self.proto {
            each("proto", &PROTOCOLS.shown(proto))?;
        }
        if !self.ports.is_empty() {
            each("ports", &List(&self.ports))?;
        }
        if let Some(service) = self.service {
            each("service", &service.name())?;
        }
        if let Some(interface) = &self.interface {
            each("interface", interface)?;
        }
        match self.dscp {
            Some(dscp) => each("dscp", &CODE_POINTS.shown(dscp)),
            None => Ok(()),
        }
    }

    /// Its patterns: a flow that one of them matches is a flow of the rule, and the reverse.
    pub fn patterns(&self) -> impl Iterator<Item = Pattern<'_>> {
        (0..).map_while(|number| self.pattern(number))
    }

    /// How many patterns it has.
    pub fn size(&self) -> usize {
        self.patterns().count()
    }

    /// Whether every flow of the other one is a flow of this one, as far as one pattern of this covers each of the other.
    #[inline(never)]
    pub fn covers(&self, other: &Rule) -> bool {
        let network = |own: &Option<Network>, other: &Option<Network>| match (own, other) {
            (None, _) => true,
            (Some(own), Some(other)) => own.covers(other),
            (Some(_), None) => false,
        };
        implied(self.mac, other.mac)
            && implied(self.dscp, other.dscp)
            && implied(self.interface, other.interface)
            && network(&self.cidr, &other.cidr)
            && network(&self.remote, &other.remote)
            && other
                .patterns()
                .all(|other| self.patterns().any(|own| own.covers(&other)))
    }

    /// The pattern with this number, counted from 0.
    #[inline(never)]
    fn pattern(&self, number: usize) -> Option<Pattern<'_>> {
        let address = self.cidr.or(self.remote);
        // The code point stands elsewhere in each version.
        let (version, number) = match address {
            Some(network) => (Some(network.version()), number),
            None if self.dscp.is_none() => (None, number),
            None if number.is_multiple_of(2) => (Some(IpVersion::V4), number / 2),
            None => (Some(IpVersion::V6), number / 2),
        };
        let of_both = |protos: [u8; 2]| protos.get(number % 2).copied();
        let range = |number: usize| self.ports.get(number).copied();
        let (proto, ports) = match (self.service, self.proto) {
            (Some(service), _) => {
                let Part { proto, ports } = *service.parts().get(number)?;
                (Some(proto), Some(ports))
            }
            (None, Some(ICMP)) if number < 2 => (of_both([ICMP, ICMPV6]), None),
            (None, None) if !self.ports.is_empty() => {
                (of_both([TCP, UDP]), Some(range(number / 2)?))
            }
            (None, proto) if !self.ports.is_empty() => (proto, Some(range(number)?)),
            (None, proto) if number == 0 => (proto, None),
            _ => return None,
        };
        Some(Pattern {
            rule: self,
            version,
            proto,
            ports,
        })
    }
}

/// Whether a condition that may not be there holds for what another asks for.
fn implied<T: Copy + PartialEq>(own: Option<T>, other: Option<T>) -> bool {
    own.is_none() || own == other
}

impl Pattern<'_> {
    /// Whether every flow of the other one is a flow of this one, whatever else their rules say.
    fn covers(&self, other: &Pattern<'_>) -> bool {
        implied(self.proto, other.proto)
            && implied(self.version, other.version)
            && match (self.ports, other.ports) {
                (None, _) => true,
                (Some(own), Some(other)) => own.covers(other),
                (Some(_), None) => false,
            }
    }
}

/// Ports, with commas between.
struct List<'a>(&'a [Ports]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for ports in self.0 {
            f.write_str(before)?;
            ports.fmt(f)?;
            before = ",";
        }
        Ok(())
    }
}
