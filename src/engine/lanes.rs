//! The queues that we want on a device: one HTB tree, in it a share a lane, in that the lane's queue.
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
//! The minor numbers of queues read, in hex as `tc` prints them, as the conntrack marks; a share's is its lane's plus one. Both devices have
//! the same major number, so that one priority of a packet names its class on either.

use crate::config::Shares;
use crate::control::Direction;
use crate::value::{
    Class, Codel, FqCodel, Framing, HtbClass, HtbRoot, Kbit, Leaf, LeafKind, Sfq, TcHandle,
    TickRate,
};

/// The major number of ours: "LM".
pub const MAJOR: u16 = 0x4c4d;

/// Our root qdisc.
pub const ROOT: TcHandle = TcHandle::new(MAJOR, 0);

/// The class that is the line.
pub const LINE: TcHandle = TcHandle::new(MAJOR, 1);

/// The rate of the Exempt class, which shall never make anybody wait: 10 Gbit/s, the fastest line that can be configured.
const EXEMPT_RATE: Kbit = crate::config::RATE_MAX;

/// An Ethernet header. A device without one (PPP) has smaller packets; the few bytes do not matter where this is used.
const ETHERNET_HEADER_BYTES: u32 = 14;

/// Burst and quantum: what passes in one millisecond, at least one packet. Longer bursts at the line's rate stand in the modem's
/// queue, where no lane helps; shorter ones cost CPU time (sqm-scripts' practice, measured again in the house).
const BURST_MS: u32 = 1;

/// How long a FIFO leaf may take to drain at the line's rate. A FIFO is all that some kernels have, and its depth is what a
/// connection in the same lane waits for; too short, and TCP cannot keep the line busy. Tried on one line of 8 Mbit/s with
/// four flows and queues made by hand: 20 to 30 ms kept it full; 40 ms and more cost Premium's median 2 to 5 ms.
const FIFO_MS: u32 = 25;

/// A FIFO leaf holds at least so many packets; fewer, and TCP runs into timeouts at low rates. Tried, one run each: 4 to 10 made no difference at
/// 1 Mbit/s once small packets have their own queue.
const FIFO_PACKETS_MIN: u32 = 7;

/// Percent of the line that small packets are promised, out of Standard's share, at most half of it. The answers to a download of 8 Mbit/s
/// take some 150 kbit/s; what the promise does not cover is borrowed before Standard and Bulk have their turn.
const SMALL_SHARE_MAX: u8 = 4;

/// A FIFO leaf holds at most so many bytes, whatever the rate: memory of a 32 MB router.
const FIFO_BYTES_MAX: u32 = 256 * 1024;

/// A leaf that counts packets holds so many: sqm-scripts' number for small routers.
const FQ_CODEL_PACKETS: u32 = 1001;

/// Memory that one `fq_codel` may use: what passes in 50 ms, within these bounds. There are twelve of them, and a router with 32 MB is not to
/// give more than 6 MB to queues.
const FQ_CODEL_MEMORY_MS: u32 = 50;
const FQ_CODEL_MEMORY_MIN: u32 = 512 * 1024;
const FQ_CODEL_MEMORY_MAX: u32 = 4 * 1024 * 1024;

/// SFQ's queue length everywhere until 3.3, and its default.
const SFQ_PACKETS: u32 = 127;

/// After so many seconds two flows that share a queue by chance part again.
const SFQ_PERTURB_S: u32 = 10;

/// CoDel's target and interval on a line that is not slow (RFC 8289, section 4.2 and 4.3).
const CODEL_TARGET_US: u32 = 5_000;
const CODEL_INTERVAL_US: u32 = 100_000;

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
    /// The share of a lane.
    Share(Class),
    /// A queue.
    Queue(Queue),
}

/// A class of the tree, as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its parameters.
    pub class: HtbClass,
    /// The name of its leaf qdisc, and what that is; only a queue has one.
    pub leaf: Option<(TcHandle, Leaf)>,
}

/// The queues of one device: what they are is told one by one, so that nobody holds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// What they follow from.
    pub line: Line,
    /// The kind of leaves.
    pub leaf: LeafKind,
    /// The kernel's clock.
    pub ticks: TickRate,
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
    /// Percent of the rate that is used for now: less than 100 while a queue in the modem drains.
    pub pace_percent: u8,
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

    /// The name of its class, which is also the priority of its packets.
    pub const fn handle(self) -> TcHandle {
        TcHandle::new(MAJOR, self.minor())
    }

    /// The name of its leaf qdisc.
    pub const fn leaf_handle(self) -> TcHandle {
        TcHandle::new(0x4c00 + self.minor(), 0)
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
    pub const ALL: [Part; 11] = [
        Part::Line,
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

    /// Its name.
    pub const fn handle(self) -> TcHandle {
        match self {
            Part::Line => LINE,
            Part::Share(class) => TcHandle::new(MAJOR, minor(class) + 1),
            Part::Queue(queue) => queue.handle(),
        }
    }

    /// What it is part of.
    const fn parent(self) -> TcHandle {
        match self {
            Part::Line | Part::Queue(Queue::Lane(Class::Exempt)) => ROOT,
            Part::Share(_) => LINE,
            Part::Queue(queue) => Part::Share(queue.lane()).handle(),
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

/// The name of a class, which is also the priority of its packets.
pub const fn handle(class: Class) -> TcHandle {
    TcHandle::new(MAJOR, minor(class))
}

impl Lanes {
    /// The root qdisc.
    pub const fn root(&self) -> HtbRoot {
        HtbRoot {
            handle: ROOT,
            default_minor: match self.line.direction {
                Direction::Up => minor(Class::Standard),
                Direction::Down => 0,
            },
            direct_packets_max: DIRECT_PACKETS,
        }
    }

    /// A class.
    pub fn node(&self, part: Part) -> Node {
        let line = &self.line;
        let (rate, ceil, prio) = match part {
            Part::Line => (line.pace(), line.pace(), 0),
            Part::Share(class) => {
                let share = line.pace().percent(line.shares.of(class));
                (share, line.ceiling(Queue::Lane(class)), 0)
            }
            Part::Queue(Queue::Lane(Class::Exempt)) => (EXEMPT_RATE, EXEMPT_RATE, 0),
            Part::Queue(queue) => (line.share(queue), line.ceiling(queue), queue.prio()),
        };
        let transmit = |rate| self.ticks.transmit(rate, line.burst_bytes(rate));
        Node {
            class: HtbClass {
                handle: part.handle(),
                parent: part.parent(),
                rate,
                ceil,
                burst: transmit(rate),
                cburst: transmit(ceil),
                quantum_bytes: line.packet_bytes(),
                prio,
                framing: line.framing,
            },
            leaf: match part {
                Part::Queue(queue) => Some((queue.leaf_handle(), line.leaf(self.leaf))),
                _ => None,
            },
        }
    }
}

impl Line {
    fn packet_bytes(&self) -> u32 {
        self.mtu_bytes
            .saturating_add(ETHERNET_HEADER_BYTES)
            .saturating_add(u32::from(self.framing.overhead_bytes))
    }

    fn burst_bytes(&self, rate: Kbit) -> u32 {
        let packet_bytes = self.framing.on_wire(self.packet_bytes());
        rate.bytes_in_ms(BURST_MS).max(packet_bytes)
    }

    /// What a queue may have at most.
    fn ceiling(&self, queue: Queue) -> Kbit {
        match queue {
            Queue::Lane(Class::Exempt) => EXEMPT_RATE,
            _ => self.pace().percent(self.ceilings.of(queue.lane())),
        }
    }

    /// What a queue is promised; exempt has no promise.
    pub fn share(&self, queue: Queue) -> Kbit {
        let small = SMALL_SHARE_MAX.min(self.shares.of(Class::Standard) / 2);
        self.pace().percent(match queue {
            Queue::Lane(Class::Standard) => self.shares.of(Class::Standard) - small,
            Queue::Lane(class) => self.shares.of(class),
            Queue::Small => small,
        })
    }

    fn pace(&self) -> Kbit {
        self.rate.percent(self.pace_percent)
    }

    /// A leaf qdisc. Its depth follows the line's rate, not the class': a lane that is alone has the whole line.
    fn leaf(&self, kind: LeafKind) -> Leaf {
        let packet_us = u64::from(self.packet_bytes()) * 1_000_000 / self.rate.bytes_per_s().max(1);
        // At low rates one packet takes longer than CoDel's target, and every packet would look late.
        let slow_us = u32::try_from(packet_us * 3 / 2).unwrap_or(u32::MAX);
        let target_us = CODEL_TARGET_US.max(slow_us);
        let interval_us = CODEL_INTERVAL_US.saturating_add(target_us - CODEL_TARGET_US);
        let fifo_packets = FIFO_PACKETS_MIN.saturating_mul(self.packet_bytes());
        let limit_bytes = self
            .rate
            .bytes_in_ms(FIFO_MS)
            .clamp(fifo_packets, FIFO_BYTES_MAX.max(fifo_packets));
        match kind {
            LeafKind::FqCodel => Leaf::FqCodel(FqCodel {
                limit_packets: FQ_CODEL_PACKETS,
                target_us,
                interval_us,
                quantum_bytes: self.packet_bytes(),
                memory_bytes: self
                    .rate
                    .bytes_in_ms(FQ_CODEL_MEMORY_MS)
                    .clamp(FQ_CODEL_MEMORY_MIN, FQ_CODEL_MEMORY_MAX),
            }),
            LeafKind::Sfq => Leaf::Sfq(Sfq {
                limit_packets: SFQ_PACKETS,
                quantum_bytes: self.packet_bytes(),
                perturb_s: SFQ_PERTURB_S,
            }),
            LeafKind::Codel => Leaf::Codel(Codel {
                limit_packets: FQ_CODEL_PACKETS,
                target_us,
                interval_us,
            }),
            LeafKind::Bfifo => Leaf::Bfifo { limit_bytes },
            LeafKind::Pfifo => Leaf::Pfifo {
                limit_packets: limit_bytes / self.packet_bytes().max(1),
            },
        }
    }
}
