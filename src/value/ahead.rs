use core::fmt;

/// A kind of packet that goes ahead of others of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP below 128 bytes: acknowledgements, keystrokes.
    Ack,
    /// TCP that opens.
    Syn,
    /// TCP that closes.
    Fin,
    /// TCP that breaks off.
    Rst,
    /// ICMP of both versions of IP.
    Icmp,
    /// What goes to port 53 and back.
    Dns,
}

/// Which kinds go ahead, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ahead(u8);

impl Kind {
    /// Every kind, as DD-WRT lists them, and names.
    pub const ALL: [Kind; 6] = [
        Kind::Ack,
        Kind::Syn,
        Kind::Fin,
        Kind::Rst,
        Kind::Icmp,
        Kind::Dns,
    ];

    /// The name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ack => "ack",
            Kind::Syn => "syn",
            Kind::Fin => "fin",
            Kind::Rst => "rst",
            Kind::Icmp => "icmp",
            Kind::Dns => "dns",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Default for Ahead {
    /// All kinds.
    fn default() -> Ahead {
        Ahead(0x3f)
    }
}

impl Ahead {
    /// No kind.
    pub const NOTHING: Ahead = Ahead(0);

    /// Whether a kind is among them.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Adds the kind with this name, in lower case; false when there is none, or it is there already.
    pub fn add(&mut self, name: &str) -> bool {
        let before = self.0;
        for kind in Kind::ALL {
            if kind.name() == name {
                self.0 |= kind.bit();
            }
        }
        self.0 != before
    }

    /// The kinds, a bit each.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The flags of TCP's header that are asked for, as they stand in its fourteenth byte (RFC 9293, 3.1).
    pub const fn tcp_flags(self) -> u8 {
        // FIN, SYN and RST are the lowest bits in this order.
        self.has(Kind::Fin) as u8
            | (self.has(Kind::Syn) as u8) << 1
            | (self.has(Kind::Rst) as u8) << 2
    }
}

/// As an array of JSON.
impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "[\"";
        for kind in Kind::ALL {
            if self.has(kind) {
                f.write_str(before)?;
                f.write_str(kind.name())?;
                before = "\", \"";
            }
        }
        f.write_str(if self.0 == 0 { "[]" } else { "\"]" })
    }
}
