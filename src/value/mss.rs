/// Which segment sizes TCP flows may agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mss {
    /// None that does not fit the path: where a router on the way does not say that a packet is too large, the connection stands still.
    pub to_path: bool,
    /// None above this in the lanes of Standard and Bulk: a full packet of theirs is what a packet of a higher lane waits for, 12 ms at
    /// 1 Mbit/s.
    pub lower: Option<u16>,
}

impl Mss {
    /// The least that can be asked for: what every host takes (RFC 9293, 3.7.1).
    pub const LOWER_MIN: u16 = 536;
    /// The most: what fits an Ethernet frame, so that more would change nothing.
    pub const LOWER_MAX: u16 = 1460;
}

impl Default for Mss {
    fn default() -> Mss {
        Mss {
            to_path: true,
            lower: None,
        }
    }
}
