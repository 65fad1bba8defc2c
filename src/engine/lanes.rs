//! The queues that we want on a device: one tree, in it a share a lane, in that the lane's queue.
//!
//! ```text
//! 4c4d:                HTB; what names no class: on the WAN Standard, on the LAN unshaped (the router's own traffic to the home)
//!  +- 4c4d:1           the line: nothing below it exceeds its rate
//!  |   +- 4c4d:11      Premium's share
//!  |   |   +- 4c4d:10  Premium                           prio 0
//!  |   +- 4c4d:21      Express' share
//!  |   |   +- 4c4d:20  Express                           prio 1
//!  |   +- 4c4d:31      Standard's share
//!  |   |   +- 4c4d:36  small packets of the lanes below  prio 1
//!  |   |   +- 4c4d:30  Standard                          prio 2
//!  |   +- 4c4d:41      Bulk's share
//!  |       +- 4c4d:40  Bulk                              prio 3
//!  +- 4c4d:100         Exempt: beside the line, never waits for it
//! ```
//!
//! HTB serves what is within its own rate first, then what its lane's share has left, then what the line has left, the latter two in the order of
//! precedence. So what stands between the queue and the line is what makes a guarantee exact: whatever of Standard's share
//! small packets leave is Standard's before it is anybody's, and a queue can come or go in a lane without another one being touched.
//!
//! Small packets (what `prioritize` names: TCP below 128 bytes, that is acknowledgements, keystrokes, the opening and closing of connections;
//! ICMP; DNS) of the lanes below Express
//! have a queue of their own in Standard's share. On an asymmetric line the answers to a download fill the uplink's queue, and
//! a sender whose answers come in clumps sends in clumps. Behind 4 + 4 bulk flows at 8,000/1,000 kbit/s Premium's longest wait was 57 to 96 ms
//! without it and 42 to 48 ms with it (idle 21 ms). That was with queues made by hand in the house, before this code, and with 100 bytes
//! as the border; some 75 settings were tried on that one line, and these kept. What they carry keeps its mark.
//!
//! HFSC has the same tree as `4c4e:`, and a class `4c4e:2` beside the line for the router's own traffic to the home. CAKE is one qdisc, `4c4f:`,
//! which has four tins of its own in the place of all this.
//!
//! The minor numbers of queues read, in hex as `tc` prints them, as the conntrack marks; a share's is its lane's plus one. Both devices have
//! the same major number, so that one priority of a packet names its class on either.

use crate::config::Shares;
use crate::control::Direction;
use crate::value::{
    Class, Curve, Framing, HfscRoot, HtbRoot, Kbit, Leaf, LeafKind, Root, ShaperClass, ShaperKind,
    TcHandle, TickRate,
};

/// The major number of ours: "LM" for HTB, the two behind it for HFSC and CAKE. The kernel replaces a root qdisc in one step only by one of another
/// name.
pub const MAJOR: u16 = 0x4c4d;

/// The name of our root qdisc.
pub const fn root_handle(shaper: ShaperKind) -> TcHandle {
    TcHandle::new(MAJOR + shaper as u16, 0)
}

/// The class that is the line.
const LINE_MINOR: u16 = 1;

/// The class of what the router itself says to the home, where the shaper lets nothing pass without a class.
const OWN_MINOR: u16 = 2;

/// The rate of the Exempt class, which shall never make anybody wait: 10 Gbit/s, the fastest line that can be configured.
const EXEMPT_RATE: Kbit = crate::config::RATE_MAX;

/// An Ethernet header. A device without one (PPP) has smaller packets; the few bytes do not matter where this is used.
const ETHERNET_HEADER_BYTES: u32 = 14;

/// Burst and quantum: what passes in one millisecond, at least one packet. Longer bursts at the line's rate stand in the modem's
/// queue, where no lane helps; shorter ones cost CPU time (sqm-scripts' practice, measured again in the house).
const BURST_MS: u32 = 1;

/// Percent of the line that small packets are promised, out of Standard's share, at most half of it. The answers to a download of 8 Mbit/s
/// take some 150 kbit/s; what the promise does not cover is borrowed before Standard and Bulk have their turn.
const SMALL_SHARE_MAX: u8 = 4;

/// Packets that may pass unshaped to the home at once: the queue length of an Ethernet device.
const DIRECT_PACKETS: u32 = 1000;

/// A queue of the tree: a class' lane, or the one of small packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// The lane of a class.
    Lane(Class),
    /// Small packets of the lanes below Express.
    Small,
}

/// A class of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The line.
    Line,
    /// What the router itself says to the home; HFSC only, beside the line.
    Own,
    /// The share of a lane.
    Share(Class),
    /// A queue.
    Queue(Queue),
}

/// A class of the tree, as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its parameters.
    pub class: ShaperClass,
    /// The name of its leaf qdisc, and what that is; only a queue has one.
    pub leaf: Option<(TcHandle, Leaf)>,
}

/// The queues of one device: what they are is told one by one, so that nobody holds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// What they follow from.
    pub line: Line,
    /// What holds the line to its rate.
    pub shaper: ShaperKind,
    /// The kind of leaves.
    pub leaf: LeafKind,
    /// The kernel's clock.
    pub ticks: TickRate,
    /// How many devices in each class have a queue of their own, in the order of [`Class::ALL`].
    pub capped: [u8; Class::ALL.len()],
}

/// What the queues of a device follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which way.
    pub direction: Direction,
    /// How fast.
    pub rate: Kbit,
    /// The largest packet of the device, without its header.
    pub mtu_bytes: u32,
    /// What the link layer makes of each packet.
    pub framing: Framing,
    /// What each lane is promised.
    pub shares: Shares,
    /// What each lane may have at most.
    pub ceilings: Shares,
    /// How much of that is used for now: less than all while a queue in the modem drains.
    pub pace: Kbit,
}

impl Queue {
    /// Every queue, in the order of precedence.
    pub const ALL: [Queue; 6] = [
        Queue::Lane(Class::Exempt),
        Queue::Lane(Class::Premium),
        Queue::Lane(Class::Express),
        Queue::Small,
        Queue::Lane(Class::Standard),
        Queue::Lane(Class::Bulk),
    ];

    /// The minor number of its class.
    pub const fn minor(self) -> u16 {
        match self {
            Queue::Lane(class) => minor(class),
            // Below us, on a device that keeps the priority, the kernel's own pfifo_fast reads its last four bits: 6 is its first band, 1 its last.
            Queue::Small => 0x36,
        }
    }

    /// The priority of its packets: the name of its class, or the number of its tin (net/sched/sch_cake.c, `cake_select_tin`). CAKE has no tin
    /// for exempt, and none for small packets: it lets flows that take little go first anyway.
    pub const fn priority(self, shaper: ShaperKind) -> TcHandle {
        let minor = match (shaper, self) {
            (ShaperKind::Cake, Queue::Lane(Class::Exempt | Class::Premium)) => 4,
            (ShaperKind::Cake, Queue::Lane(Class::Express)) => 3,
            (ShaperKind::Cake, Queue::Small | Queue::Lane(Class::Standard)) => 2,
            (ShaperKind::Cake, Queue::Lane(Class::Bulk)) => 1,
            _ => self.minor(),
        };
        TcHandle::new(root_handle(shaper).major(), minor)
    }

    /// Whether CAKE counts its packets, in the tin of its priority, and nobody else's.
    pub const fn has_tin(self) -> bool {
        !matches!(self, Queue::Small | Queue::Lane(Class::Exempt))
    }

    /// The name of its leaf qdisc.
    pub const fn leaf_handle(self) -> TcHandle {
        Queue::leaf_of(self.minor())
    }

    /// The name of the leaf qdisc of a class with this minor number.
    pub(super) const fn leaf_of(minor: u16) -> TcHandle {
        TcHandle::new(0x4c00 + minor, 0)
    }

    /// The lane that it is in the share of.
    pub const fn lane(self) -> Class {
        match self {
            Queue::Lane(class) => class,
            Queue::Small => Class::Standard,
        }
    }

    /// Who is served first when there is room to lend: 0 before 7.
    const fn prio(self) -> u8 {
        match self {
            Queue::Lane(Class::Exempt | Class::Premium) => 0,
            Queue::Lane(Class::Express) | Queue::Small => 1,
            Queue::Lane(Class::Standard) => 2,
            Queue::Lane(Class::Bulk) => 3,
        }
    }

    /// What it is called in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Queue::Lane(class) => class.name(),
            Queue::Small => "small",
        }
    }
}

impl Part {
    /// Every class, above before below.
    pub const ALL: [Part; 12] = [
        Part::Line,
        Part::Own,
        Part::Queue(Queue::Lane(Class::Exempt)),
        Part::Share(Class::Premium),
        Part::Queue(Queue::Lane(Class::Premium)),
        Part::Share(Class::Express),
        Part::Queue(Queue::Lane(Class::Express)),
        Part::Share(Class::Standard),
        Part::Queue(Queue::Small),
        Part::Queue(Queue::Lane(Class::Standard)),
        Part::Share(Class::Bulk),
        Part::Queue(Queue::Lane(Class::Bulk)),
    ];

    /// The minor number of its name.
    pub const fn minor(self) -> u16 {
        match self {
            Part::Line => LINE_MINOR,
            Part::Own => OWN_MINOR,
            Part::Share(class) => minor(class) + 1,
            Part::Queue(queue) => queue.minor(),
        }
    }

    /// The minor number of what it is part of; 0 is the root.
    const fn parent(self) -> u16 {
        match self {
            Part::Line | Part::Own | Part::Queue(Queue::Lane(Class::Exempt)) => 0,
            Part::Share(_) => LINE_MINOR,
            Part::Queue(queue) => minor(queue.lane()) + 1,
        }
    }
}

/// The minor number of a class: its mark, read as hex.
pub const fn minor(class: Class) -> u16 {
    match class {
        Class::Exempt => 0x100,
        Class::Premium => 0x10,
        Class::Express => 0x20,
        Class::Standard => 0x30,
        Class::Bulk => 0x40,
    }
}

impl Lanes {
    /// The name of the root qdisc.
    pub const fn handle(&self) -> TcHandle {
        root_handle(self.shaper)
    }

    /// The root qdisc.
    pub fn root(&self) -> Root {
        let line = &self.line;
        match self.shaper {
            ShaperKind::Htb => Root::Htb(HtbRoot {
                default_minor: match line.direction {
                    Direction::Up => minor(Class::Standard),
                    Direction::Down => 0,
                },
                direct_packets_max: DIRECT_PACKETS,
            }),
            ShaperKind::Hfsc => Root::Hfsc(HfscRoot {
                default_minor: match line.direction {
                    Direction::Up => minor(Class::Standard),
                    Direction::Down => OWN_MINOR,
                },
                overhead_bytes: line.framing.overhead_bytes,
            }),
            ShaperKind::Cake => Root::Cake(line.cake()),
        }
    }

    /// The classes that are made in one step with the root, because it drops what names no class until they are there.
    pub const fn first(&self) -> &'static [Part] {
        match (self.shaper, self.line.direction) {
            (ShaperKind::Hfsc, Direction::Up) => &[
                Part::Line,
                Part::Share(Class::Standard),
                Part::Queue(Queue::Lane(Class::Standard)),
            ],
            (ShaperKind::Hfsc, Direction::Down) => &[Part::Own],
            _ => &[],
        }
    }

    /// A class; none where the shaper has no use for it.
    pub fn node(&self, part: Part) -> Option<Node> {
        let wanted = match self.shaper {
            ShaperKind::Htb => part != Part::Own,
            ShaperKind::Hfsc => part != Part::Own || self.line.direction == Direction::Down,
            ShaperKind::Cake => false,
        };
        wanted.then(|| Node {
            class: self.class_of(part, self.rates(part)),
            leaf: match part {
                Part::Queue(queue) => Some((queue.leaf_handle(), self.line.leaf(self.leaf))),
                _ => None,
            },
        })
    }

    /// What a class is promised, and what it may have.
    pub(super) fn rates(&self, part: Part) -> (Kbit, Kbit) {
        let line = &self.line;
        let (mut rate, ceil) = match part {
            Part::Line => (line.pace, line.pace),
            Part::Own | Part::Queue(Queue::Lane(Class::Exempt)) => (EXEMPT_RATE, EXEMPT_RATE),
            Part::Share(class) => {
                let share = line.pace.percent(line.shares.of(class));
                (share, line.ceiling(class))
            }
            Part::Queue(queue) => (line.share(queue), line.ceiling(queue.lane())),
        };
        // Exempt's is no promise, and nothing to be dealt.
        if let Part::Queue(Queue::Lane(class)) = part
            && class != Class::Exempt
        {
            let capped = self.capped.get(class.index()).copied().unwrap_or_default();
            rate = Kbit(rate.0 / (u32::from(capped) + 1)).max(Kbit(1));
        }
        (rate, ceil)
    }

    /// A class with this rate and this ceiling.
    #[inline(never)]
    pub(super) fn class_of(&self, part: Part, (rate, ceil): (Kbit, Kbit)) -> ShaperClass {
        let line = &self.line;
        let handle = |minor| TcHandle::new(self.handle().major(), minor);
        let mut class = ShaperClass {
            shaper: self.shaper,
            handle: handle(part.minor()),
            parent: handle(part.parent()),
            rate,
            ceil,
            ..ShaperClass::NONE
        };
        if self.shaper == ShaperKind::Hfsc {
            self.curve(part, &mut class);
            return class;
        }
        class.burst = self.ticks.transmit(rate, line.burst_bytes(rate));
        class.cburst = self.ticks.transmit(ceil, line.burst_bytes(ceil));
        class.quantum_bytes = line.packet_bytes();
        class.framing = line.framing;
        if let Part::Queue(queue) = part {
            class.prio = queue.prio();
        }
        class
    }

    /// HFSC lends by shares, not by precedence; what comes first is said by deadlines: a packet of Premium that finds its queue empty is sent as if
    /// it had the line to itself, one of Express as if it had half of it. Its limits stand above the queues.
    fn curve(&self, part: Part, class: &mut ShaperClass) {
        let packets = match part {
            Part::Line | Part::Share(_) => return,
            Part::Queue(Queue::Lane(Class::Premium)) => 1,
            Part::Queue(Queue::Lane(Class::Express)) => 2,
            _ => 0,
        };
        class.ceil = Kbit(0);
        let pace = self.line.pace;
        // A share that is larger than that needs no help at first.
        if let Some(first) = pace.0.checked_div(packets) {
            class.deadline = Curve {
                first: Kbit(first).max(class.rate),
                us: pace.us_of(self.line.packet_bytes()).saturating_mul(packets),
                then: class.rate,
            };
        }
    }
}

impl Line {
    #[inline(never)]
    pub(super) fn packet_bytes(&self) -> u32 {
        self.mtu_bytes
            .saturating_add(ETHERNET_HEADER_BYTES)
            .saturating_add(u32::from(self.framing.overhead_bytes))
    }

    fn burst_bytes(&self, rate: Kbit) -> u32 {
        let packet_bytes = self.framing.on_wire(self.packet_bytes());
        rate.bytes_in_ms(BURST_MS).max(packet_bytes)
    }

    /// What a lane may have at most.
    fn ceiling(&self, lane: Class) -> Kbit {
        self.pace.percent(self.ceilings.of(lane))
    }

    /// What a queue is promised; exempt has no promise.
    #[inline(never)]
    pub fn share(&self, queue: Queue) -> Kbit {
        let small = SMALL_SHARE_MAX.min(self.shares.of(Class::Standard) / 2);
        self.pace.percent(match queue {
            Queue::Lane(Class::Standard) => self.shares.of(Class::Standard) - small,
            Queue::Lane(class) => self.shares.of(class),
            Queue::Small => small,
        })
    }
}
