use super::{Framing, Kbit};

/// Parameters of `cake`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cake {
    /// The line; none where it is the leaf of a class, which has a rate already.
    pub rate: Option<Kbit>,
    /// Which tins there are.
    pub tins: CakeTins,
    /// Among whom it is fair.
    pub isolation: Isolation,
    /// What the link layer makes of each packet; the overhead is what is beyond IP.
    pub framing: Framing,
    /// How far away most of the Internet is.
    pub rtt_us: u32,
    /// Memory that may be used.
    pub memory_bytes: u32,
}

/// What CAKE sorts packets into; the numbers are the kernel's (`CAKE_DIFFSERV_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CakeTins {
    /// Bulk, best effort, video, voice.
    Diffserv4 = 1,
    /// One for all.
    BestEffort = 3,
}

/// Among whom CAKE is fair before it is fair among flows; the numbers are the kernel's (`CAKE_FLOW_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Those who send.
    Sources = 5,
    /// Those to whom it is sent.
    Destinations = 6,
}
