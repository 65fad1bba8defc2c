//! The parameters of what keeps the packets of a queue: from the line's rate and its packets, and with the memory of a 32 MB router in mind.

use super::lanes::Line;
use crate::control::Direction;
use crate::value::{
    Cake, CakeTins, Codel, FqCodel, Framing, Isolation, Kbit, Leaf, LeafKind, Pie, Sfq,
};

/// How long a FIFO leaf may take to drain at the line's rate. A FIFO is all that some kernels have, and its depth is what a
/// connection in the same lane waits for; too short, and TCP cannot keep the line busy. Tried on one line of 8 Mbit/s with
/// four flows and queues made by hand: 20 to 30 ms kept it full; 40 ms and more cost Premium's median 2 to 5 ms.
const FIFO_MS: u32 = 25;

/// A FIFO leaf holds at least so many packets; fewer, and TCP runs into timeouts at low rates. Tried, one run each: 4 to 10 made no difference at
/// 1 Mbit/s once small packets have their own queue.
const FIFO_PACKETS_MIN: u32 = 7;

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

/// Below this rate upwards packets are dropped rather than marked (ECN): a mark lets the packet take its time on the line, a drop does not. One full
/// packet takes 3 ms there. Downwards the line has carried it already.
const ECN_UP_MIN: Kbit = Kbit(4_000);

/// PIE's target unless the line is slow (RFC 8033, section 5.1).
const PIE_TARGET_US: u32 = 15_000;

/// What CAKE takes for the distance of most of the Internet unless told otherwise.
const CAKE_RTT_US: u32 = 100_000;

/// An Ethernet header, from where HTB and HFSC count a packet; CAKE counts from the IP header once an overhead is given.
const CAKE_HEADER_BYTES: u8 = 14;

impl Line {
    /// CAKE at the root of a device.
    pub(super) fn cake(&self) -> Cake {
        Cake {
            rate: Some(self.pace),
            tins: CakeTins::Diffserv4,
            framing: Framing {
                overhead_bytes: self
                    .framing
                    .overhead_bytes
                    .saturating_add(CAKE_HEADER_BYTES),
                ..self.framing
            },
            ..self.cake_leaf()
        }
    }

    /// CAKE in a class.
    fn cake_leaf(&self) -> Cake {
        Cake {
            rate: None,
            tins: CakeTins::BestEffort,
            isolation: match self.direction {
                Direction::Up => Isolation::Sources,
                Direction::Down => Isolation::Destinations,
            },
            framing: Framing::default(),
            rtt_us: CAKE_RTT_US,
            memory_bytes: self.memory_bytes(),
        }
    }

    fn memory_bytes(&self) -> u32 {
        self.rate
            .bytes_in_ms(FQ_CODEL_MEMORY_MS)
            .clamp(FQ_CODEL_MEMORY_MIN, FQ_CODEL_MEMORY_MAX)
    }

    /// A leaf qdisc. Its depth follows the line's rate, not the class': a lane that is alone has the whole line.
    pub(super) fn leaf(&self, kind: LeafKind) -> Leaf {
        let ecn = self.direction == Direction::Down || self.rate >= ECN_UP_MIN;
        // At low rates one packet takes longer than CoDel's target, and every packet would look late.
        let packet_us = self.rate.us_of(self.packet_bytes());
        let slow_us = packet_us.saturating_add(packet_us / 2);
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
                memory_bytes: self.memory_bytes(),
                ecn,
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
                ecn,
            }),
            LeafKind::Pie => Leaf::Pie(Pie {
                limit_packets: FQ_CODEL_PACKETS,
                target_us: PIE_TARGET_US.max(slow_us),
                ecn,
            }),
            LeafKind::Cake => Leaf::Cake(self.cake_leaf()),
            LeafKind::Bfifo => Leaf::Bfifo { limit_bytes },
            LeafKind::Pfifo => Leaf::Pfifo {
                limit_packets: limit_bytes / self.packet_bytes().max(1),
            },
        }
    }
}
