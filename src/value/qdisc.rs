use super::{IfIndex, Kbit, TcHandle};

/// Time in the packet scheduler's own ticks (`/proc/net/psched`); most kernels have one tick in 64 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u32);

/// How many scheduler ticks a microsecond has, as a fraction: it is not whole on any kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickRate {
    /// Ticks ...
    pub ticks: u32,
    /// ... in so many microseconds.
    pub us: u32,
}

impl Default for TickRate {
    /// 15.625 ticks a microsecond: every kernel since 2.6.31.
    fn default() -> TickRate {
        TickRate { ticks: 125, us: 8 }
    }
}

impl TickRate {
    /// The time that `bytes` take at `rate`.
    pub fn transmit(self, rate: Kbit, bytes: u32) -> Ticks {
        let divisor = rate.bytes_per_s().max(1) * u64::from(self.us.max(1));
        let ticks = (u64::from(bytes) * 1_000_000).saturating_mul(u64::from(self.ticks)) / divisor;
        Ticks(u32::try_from(ticks).unwrap_or(u32::MAX))
    }
}

/// A class of an HTB qdisc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtbClass {
    /// Its name.
    pub handle: TcHandle,
    /// The class or qdisc that it is part of.
    pub parent: TcHandle,
    /// What it may send without asking.
    pub rate: Kbit,
    /// What it may send while others leave room.
    pub ceil: Kbit,
    /// How long it may send at once at its rate.
    pub burst: Ticks,
    /// How long it may send at once at its ceiling.
    pub cburst: Ticks,
    /// Bytes that it sends before another class of its precedence has its turn.
    pub quantum_bytes: u32,
    /// Who is served first when there is room to lend: 0 before 7.
    pub prio: u8,
    /// What the link layer makes of each packet.
    pub framing: Framing,
}

/// What the link layer makes of a packet, beyond what the device counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// Bytes that are added.
    pub overhead_bytes: u8,
    /// Bytes that the smallest packet takes, with what is added.
    pub mpu_bytes: u8,
    /// It is cut into ATM cells, of which the last is filled up.
    pub cells: bool,
}

impl Framing {
    /// Bytes on the wire, of a packet with its overhead.
    pub fn on_wire(self, bytes: u32) -> u32 {
        /// An ATM cell, and what it carries (ITU-T I.361).
        const CELL_BYTES: u32 = 53;
        const CELL_PAYLOAD_BYTES: u32 = 48;
        let bytes = bytes.max(self.mpu_bytes.into());
        match self.cells {
            true => bytes
                .div_ceil(CELL_PAYLOAD_BYTES)
                .saturating_mul(CELL_BYTES),
            false => bytes,
        }
    }
}

/// The root qdisc of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtbRoot {
    /// Its name.
    pub handle: TcHandle,
    /// The minor number of the class for packets that name none; 0 lets them pass unshaped.
    pub default_minor: u16,
    /// Packets that may wait unshaped.
    pub direct_packets_max: u32,
}

/// The qdisc that keeps the packets of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Fair queues with CoDel.
    FqCodel(FqCodel),
    /// Fair queues without regard to delay.
    Sfq(Sfq),
    /// One queue with CoDel.
    Codel(Codel),
    /// One queue, limited in bytes.
    Bfifo {
        /// Bytes that may wait.
        limit_bytes: u32,
    },
    /// One queue, limited in packets.
    Pfifo {
        /// Packets that may wait.
        limit_packets: u32,
    },
}

/// Parameters of `fq_codel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FqCodel {
    /// Packets that may wait.
    pub limit_packets: u32,
    /// Delay that is good.
    pub target_us: u32,
    /// How long it may be worse before packets are dropped.
    pub interval_us: u32,
    /// Bytes that a flow sends before the next has its turn.
    pub quantum_bytes: u32,
    /// Memory that may be used; kernels before 4.7 do not know it.
    pub memory_bytes: u32,
}

/// Parameters of `sfq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sfq {
    /// Packets that may wait.
    pub limit_packets: u32,
    /// Bytes that a flow sends before the next has its turn.
    pub quantum_bytes: u32,
    /// Seconds after which flows are dealt to other queues.
    pub perturb_s: u32,
}

/// Parameters of `codel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codel {
    /// Packets that may wait.
    pub limit_packets: u32,
    /// Delay that is good.
    pub target_us: u32,
    /// How long it may be worse before packets are dropped.
    pub interval_us: u32,
}

/// The kinds of leaves, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeafKind {
    /// See [`Leaf::FqCodel`].
    FqCodel,
    /// See [`Leaf::Sfq`].
    Sfq,
    /// See [`Leaf::Codel`].
    Codel,
    /// See [`Leaf::Bfifo`].
    Bfifo,
    /// See [`Leaf::Pfifo`].
    Pfifo,
}

impl LeafKind {
    /// All, best first.
    pub const ALL: [LeafKind; 5] = [
        LeafKind::FqCodel,
        LeafKind::Sfq,
        LeafKind::Codel,
        LeafKind::Bfifo,
        LeafKind::Pfifo,
    ];

    /// The kernel's name.
    pub const fn name(self) -> &'static str {
        match self {
            LeafKind::FqCodel => "fq_codel",
            LeafKind::Sfq => "sfq",
            LeafKind::Codel => "codel",
            LeafKind::Bfifo => "bfifo",
            LeafKind::Pfifo => "pfifo",
        }
    }
}

impl Leaf {
    /// Whether `seen`, which the kernel told, is what this asks for. The kernel keeps CoDel's times in units of 1.024 us and tells
    /// them rounded down, and one before 4.7 knows no memory limit (and tells none).
    pub fn is_in_force_as(&self, seen: &Leaf) -> bool {
        let mut told = *seen;
        match (self, &mut told) {
            (Leaf::FqCodel(wished), Leaf::FqCodel(told)) => {
                if told.memory_bytes == 0 {
                    told.memory_bytes = wished.memory_bytes;
                }
                unround(wished.target_us, &mut told.target_us);
                unround(wished.interval_us, &mut told.interval_us);
            }
            (Leaf::Codel(wished), Leaf::Codel(told)) => {
                unround(wished.target_us, &mut told.target_us);
                unround(wished.interval_us, &mut told.interval_us);
            }
            _ => {}
        }
        told == *self
    }

    /// Its kind.
    pub const fn kind(&self) -> LeafKind {
        match self {
            Leaf::FqCodel(_) => LeafKind::FqCodel,
            Leaf::Sfq(_) => LeafKind::Sfq,
            Leaf::Codel(_) => LeafKind::Codel,
            Leaf::Bfifo { .. } => LeafKind::Bfifo,
            Leaf::Pfifo { .. } => LeafKind::Pfifo,
        }
    }
}

/// Takes a time that lost at most two microseconds on its way through CoDel's units for the one that was asked for.
const fn unround(wished_us: u32, told_us: &mut u32) {
    if *told_us <= wished_us && wished_us - *told_us <= 2 {
        *told_us = wished_us;
    }
}

/// A qdisc that the kernel told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qdisc {
    /// The device.
    pub dev: IfIndex,
    /// Its name; [`TcHandle::NONE`] for the one that the kernel attached by itself.
    pub handle: TcHandle,
    /// The class that it is the leaf of, or [`TcHandle::ROOT`].
    pub parent: TcHandle,
    /// What it is.
    pub discipline: Discipline,
    /// What went through.
    pub stats: TcStats,
}

/// What a qdisc is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// HTB.
    Htb {
        /// See [`HtbRoot::default_minor`].
        default_minor: u16,
        /// Packets that passed unshaped.
        direct_packets: u32,
    },
    /// One that can be a leaf of ours.
    Leaf(Leaf),
    /// What filters for leaving packets hang in.
    Clsact,
    /// Any other.
    Other,
}

/// An HTB class that the kernel told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassSeen {
    /// The device.
    pub dev: IfIndex,
    /// Its parameters.
    pub class: HtbClass,
    /// What went through.
    pub stats: TcStats,
}

/// Counters of a qdisc or class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcStats {
    /// Sent.
    pub bytes: u64,
    /// Sent; the counter of older kernels wraps at 32 bits.
    pub packets: u32,
    /// Not sent, ever.
    pub dropped: u32,
    /// Packets that wait.
    pub backlog_packets: u32,
    /// Bytes that wait.
    pub backlog_bytes: u32,
}
