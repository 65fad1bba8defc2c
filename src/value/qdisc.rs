use super::{Cake, IfIndex, Root, ShaperClass, TcHandle};

/// The qdisc that keeps the packets of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Fair queues with CoDel.
    FqCodel(FqCodel),
    /// Fair queues without regard to delay.
    Sfq(Sfq),
    /// One queue with CoDel.
    Codel(Codel),
    /// One queue with PIE.
    Pie(Pie),
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
    /// Fair queues with CoDel, first among hosts and then among the flows of each.
    Cake(Cake),
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
    /// Packets that allow it are marked before they are dropped.
    pub ecn: bool,
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
    /// Packets that allow it are marked before they are dropped.
    pub ecn: bool,
}

/// Parameters of `pie`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pie {
    /// Packets that may wait.
    pub limit_packets: u32,
    /// Delay that is good.
    pub target_us: u32,
    /// Packets that allow it are marked before they are dropped.
    pub ecn: bool,
}

/// The kinds of leaves, best first; CAKE, which takes several times the memory and processor time, comes to use by name only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeafKind {
    /// See [`Leaf::FqCodel`].
    FqCodel,
    /// See [`Leaf::Sfq`].
    Sfq,
    /// See [`Leaf::Codel`].
    Codel,
    /// See [`Leaf::Pie`].
    Pie,
    /// See [`Leaf::Bfifo`].
    Bfifo,
    /// See [`Leaf::Pfifo`].
    Pfifo,
    /// See [`Leaf::Cake`].
    Cake,
}

impl LeafKind {
    /// All, best first.
    pub const ALL: [LeafKind; 7] = [
        LeafKind::FqCodel,
        LeafKind::Sfq,
        LeafKind::Codel,
        LeafKind::Pie,
        LeafKind::Bfifo,
        LeafKind::Pfifo,
        LeafKind::Cake,
    ];

    /// The kernel's name.
    pub const fn name(self) -> &'static str {
        match self {
            LeafKind::FqCodel => "fq_codel",
            LeafKind::Sfq => "sfq",
            LeafKind::Codel => "codel",
            LeafKind::Pie => "pie",
            LeafKind::Bfifo => "bfifo",
            LeafKind::Pfifo => "pfifo",
            LeafKind::Cake => "cake",
        }
    }

    /// The kernel's option, and the module, for whoever builds the firmware.
    pub const fn option(self) -> &'static str {
        match self {
            LeafKind::FqCodel => "CONFIG_NET_SCH_FQ_CODEL (sch_fq_codel)",
            LeafKind::Sfq => "CONFIG_NET_SCH_SFQ (sch_sfq)",
            LeafKind::Codel => "CONFIG_NET_SCH_CODEL (sch_codel)",
            LeafKind::Pie => "CONFIG_NET_SCH_PIE (sch_pie)",
            LeafKind::Bfifo | LeafKind::Pfifo => "CONFIG_NET_SCH_FIFO",
            LeafKind::Cake => "CONFIG_NET_SCH_CAKE (sch_cake)",
        }
    }
}

impl Leaf {
    /// Whether `seen`, which the kernel told, is what this asks for. The kernel keeps the times of CoDel and PIE in units of its own and tells
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
            (Leaf::Pie(wished), Leaf::Pie(told)) => unround(wished.target_us, &mut told.target_us),
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
            Leaf::Pie(_) => LeafKind::Pie,
            Leaf::Cake(_) => LeafKind::Cake,
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
    /// Of CAKE: what went through its tins, in the order of their numbers.
    pub tins: [TcStats; CAKE_TINS],
}

/// Tins that are looked at: `diffserv4` has so many. What a CAKE of another program has beyond is nobody's business.
pub const CAKE_TINS: usize = 4;

/// What a qdisc is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// A shaper; one that can be a leaf too is told as a leaf.
    Shaper(Root),
    /// One that can be a leaf of ours.
    Leaf(Leaf),
    /// What filters for leaving packets hang in.
    Clsact,
    /// Any other.
    Other,
}

/// A class of a shaper that the kernel told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassSeen {
    /// The device.
    pub dev: IfIndex,
    /// Its parameters.
    pub class: ShaperClass,
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
