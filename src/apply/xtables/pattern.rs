//! One pattern of a user's rule, as a rule of `xtables`.
//!
//! The packet comes from the home, the first of its flow or the home's first answer: so its source is the address in the home and its
//! destination the other side, as nothing was translated yet. The protocol and the port are asked of the flow; where the kernel cannot
//! say them, of the packet, and then only a flow's first ones come here.

use core::fmt;

use super::{RULES, Set, Text, class_chain};
use crate::value::assigned::{TCP, UDP};
use crate::value::{Pattern, Ports};

/// Writes the rule, if it can match anything of this version of IP.
pub(super) fn rule(text: &mut Text<'_>, set: &Set<'_>, pattern: &Pattern<'_>) {
    if pattern.version.is_none_or(|version| version == set.version) {
        let conditions = Conditions {
            pattern,
            origin: set.origin,
        };
        let to = class_chain(pattern.rule.class);
        text.rule(RULES, format_args!("{conditions}-g {to}"));
    }
}

/// The conditions, each with a space behind it.
struct Conditions<'a> {
    pattern: &'a Pattern<'a>,
    origin: bool,
}

impl fmt::Display for Conditions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.pattern.rule;
        if let Some(interface) = rule.interface {
            write!(f, "-i {interface} ")?;
        }
        if let Some(home) = rule.cidr {
            write!(f, "-s {home} ")?;
        }
        if let Some(remote) = rule.remote {
            write!(f, "-d {remote} ")?;
        }
        if !self.origin
            && let Some(proto) = self.pattern.proto
        {
            write!(f, "-p {proto} ")?;
        }
        if let Some(mac) = rule.mac {
            write!(f, "-m mac --mac-source {mac} ")?;
        }
        if let Some(dscp) = rule.dscp {
            write!(f, "-m dscp --dscp {dscp} ")?;
        }
        match (self.pattern.proto, self.pattern.ports) {
            (Some(proto), Some(ports)) if self.origin => {
                write!(
                    f,
                    "-m conntrack --ctproto {proto} --ctorigdstport {} ",
                    Range(ports)
                )
            }
            (Some(proto), None) if self.origin => write!(f, "-m conntrack --ctproto {proto} "),
            (Some(proto), Some(ports)) => {
                let (matches, word) = match proto {
                    TCP => ("tcp", "--dport"),
                    UDP => ("udp", "--dport"),
                    _ => ("multiport", "--dports"),
                };
                write!(f, "-m {matches} {word} {} ", Range(ports))
            }
            _ => Ok(()),
        }
    }
}

/// Ports as `xtables` reads them.
struct Range(Ports);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ports { first, last } = self.0;
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}:{last}")
        }
    }
}
