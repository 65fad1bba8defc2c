//! Numbers that IANA has assigned, and their names.

use core::fmt;

use super::decimal;

/// Names of numbers that IANA has assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned(&'static [(&'static str, u8)]);

/// Protocols above IP whose numbers nobody knows by heart. `icmp` stands for that of either version of IP.
pub const PROTOCOLS: Assigned = Assigned(&[("tcp", TCP), ("udp", UDP), ("icmp", ICMP)]);

/// `IPPROTO_ICMP` (RFC 792).
pub const ICMP: u8 = 1;
/// `IPPROTO_ICMPV6` (RFC 4443).
pub const ICMPV6: u8 = 58;
/// `IPPROTO_TCP` (RFC 9293).
pub const TCP: u8 = 6;
/// `IPPROTO_UDP` (RFC 768).
pub const UDP: u8 = 17;

/// Protocols with ports, of which conntrack knows them: the two, DCCP, SCTP and UDP-Lite.
const WITH_PORTS: [u8; 5] = [TCP, UDP, 33, 132, 136];

/// Differentiated services code points: RFC 2474 (`cs`), 2597 (`af`), 3246 (`ef`), 8622 (`le`).
pub const CODE_POINTS: Assigned = Assigned(&[
    ("cs0", 0),
    ("cs1", 8),
    ("cs2", 16),
    ("cs3", 24),
    ("cs4", 32),
    ("cs5", 40),
    ("cs6", 48),
    ("cs7", 56),
    ("af11", 10),
    ("af12", 12),
    ("af13", 14),
    ("af21", 18),
    ("af22", 20),
    ("af23", 22),
    ("af31", 26),
    ("af32", 28),
    ("af33", 30),
    ("af41", 34),
    ("af42", 36),
    ("af43", 38),
    ("ef", 46),
    ("le", 1),
]);

/// The highest code point: six bits.
pub const CODE_POINT_MAX: u8 = 63;

/// Whether flows of this protocol have ports.
pub fn has_ports(proto: u8) -> bool {
    WITH_PORTS.contains(&proto)
}

impl Assigned {
    /// The number that a name in any case, or a decimal number, stands for.
    #[inline(never)]
    pub fn number(self, text: &str) -> Option<u8> {
        let mut all = self.0.iter();
        match all.find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            Some((_, number)) => Some(*number),
            None => u8::try_from(decimal(text)?).ok(),
        }
    }

    /// The number as people write it.
    pub const fn shown(self, number: u8) -> Shown {
        Shown {
            names: self,
            number,
        }
    }
}

/// An assigned number by its name; one without a name as itself.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    names: Assigned,
    number: u8,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = self.names.0.iter();
        match all.find(|(_, number)| *number == self.number) {
            Some((name, _)) => f.write_str(name),
            None => self.number.fmt(f),
        }
    }
}
