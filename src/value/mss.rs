use super::Kbit;

/// Which segment sizes TCP flows over the line may agree on, as the user says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mss {
    /// None that does not fit the path: where a router on the way does not say that a packet is too large, the connection stands still.
    pub to_path: bool,
    /// What else holds in the lanes of Standard and Bulk.
    pub lower: LowerMss,
}

/// The largest segment in the lanes of Standard and Bulk: a full packet of theirs is what a packet of a higher lane waits for, 12 ms at 1 Mbit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LowerMss {
    /// What each direction of the line makes of it, see [`LowerMss::for_rate`].
    Auto,
    /// As the flows' ends agree on it.
    Off,
    /// So many bytes, in both directions.
    Bytes(u16),
}

/// Where the packet passes that opens a flow, or answers to it: what it says holds for what the other end sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// It comes from the line.
    Comes,
    /// It goes to the line.
    Goes,
    /// One of both.
    Passes,
}

/// The same for one line: the largest segments that its ends are told of, for each direction; `None` leaves them alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segments {
    /// As [`Mss::to_path`].
    pub to_path: bool,
    /// Those that the home may send in the lower lanes.
    pub up: Option<u16>,
    /// Those that it may be sent.
    pub down: Option<u16>,
}

impl LowerMss {
    /// The least that can be asked for: what every host takes (RFC 9293, 3.7.1).
    pub const MIN: u16 = 536;
    /// The most: what fits an Ethernet frame, so that more would change nothing.
    pub const MAX: u16 = 1460;
    /// How long a packet of the lower lanes may take on the line by itself, with `auto`; what the link adds, cells too, comes on top.
    /// At 1 Mbit/s upwards, beside eight flows, this took 6.6 ms off the median of Premium's keystrokes (33.6 -> 27.0, idle 21.4) and 12 off
    /// their p99, and 9 and 12 off those of a device without a class. Not only what waits behind a full packet is sooner: acknowledgements
    /// that do leave together, and the servers answer with bursts that wait in the modem, on the way down. It costs an upload 5 % of its
    /// rate for headers there.
    pub const PACKET_MS: u32 = 5;
    /// Bytes around a segment: Ethernet, IPv4, TCP with time stamps.
    const AROUND: u32 = 14 + 20 + 32;

    /// The largest segment in a direction of this rate.
    pub fn for_rate(self, rate: Kbit) -> Option<u16> {
        match self {
            LowerMss::Off => None,
            LowerMss::Bytes(bytes) => Some(bytes),
            LowerMss::Auto => {
                // One bit a millisecond is one kbit/s.
                let bytes = rate.0.saturating_mul(LowerMss::PACKET_MS) / 8;
                let bytes = u16::try_from(bytes.saturating_sub(LowerMss::AROUND)).ok()?;
                (bytes < LowerMss::MAX).then_some(bytes.max(LowerMss::MIN))
            }
        }
    }
}

impl Mss {
    /// For a line of these rates, upwards and downwards.
    pub fn on_line(self, [up, down]: [Kbit; 2]) -> Segments {
        Segments {
            to_path: self.to_path,
            up: self.lower.for_rate(up),
            down: self.lower.for_rate(down),
        }
    }
}

impl Segments {
    /// All as the flows' ends agree on it.
    pub const ALONE: Segments = Segments {
        to_path: false,
        up: None,
        down: None,
    };

    /// What the packets that open the flows of the lower lanes may say at most, and which packets. What holds for both directions is said once.
    pub fn lower(self) -> impl Iterator<Item = (Opener, u16)> {
        let Segments { up, down, .. } = self;
        let (up, down, both) = if up == down {
            (None, None, up)
        } else {
            (up, down, None)
        };
        let all = [
            (Opener::Comes, up),
            (Opener::Goes, down),
            (Opener::Passes, both),
        ];
        all.into_iter()
            .filter_map(|(opener, bytes)| Some((opener, bytes?)))
    }
}

impl Default for Mss {
    fn default() -> Mss {
        Mss {
            to_path: true,
            lower: LowerMss::Auto,
        }
    }
}
