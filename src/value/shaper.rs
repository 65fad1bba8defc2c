use super::{Cake, Kbit, TcHandle};

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

/// What can hold a line to its rate, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShaperKind {
    /// Classes with a rate, a ceiling and precedence.
    Htb,
    /// Classes with curves: a bound of the delay, and a share.
    Hfsc,
    /// All in one, with four tins.
    Cake,
}

impl ShaperKind {
    /// All, best first: HTB lends by precedence and knows every ceiling and share; HFSC lends by shares; CAKE has shares of its own.
    pub const ALL: [ShaperKind; 3] = [ShaperKind::Htb, ShaperKind::Hfsc, ShaperKind::Cake];

    /// The kernel's name.
    pub const fn name(self) -> &'static str {
        match self {
            ShaperKind::Htb => "htb",
            ShaperKind::Hfsc => "hfsc",
            ShaperKind::Cake => "cake",
        }
    }

    /// The kernel's option, and the module, for whoever builds the firmware.
    pub const fn option(self) -> &'static str {
        match self {
            ShaperKind::Htb => "CONFIG_NET_SCH_HTB (sch_htb)",
            ShaperKind::Hfsc => "CONFIG_NET_SCH_HFSC (sch_hfsc)",
            ShaperKind::Cake => "CONFIG_NET_SCH_CAKE (sch_cake)",
        }
    }
}

/// A class of a shaper. What the shaper has no use for is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShaperClass {
    /// Of which shaper it is.
    pub shaper: ShaperKind,
    /// Its name.
    pub handle: TcHandle,
    /// The class or qdisc that it is part of.
    pub parent: TcHandle,
    /// What it may send without asking; of HFSC its part of what is left, next to the others' parts.
    pub rate: Kbit,
    /// What it may send while others leave room. Of HFSC 0 is no limit.
    pub ceil: Kbit,
    /// How long it may send at once at its rate. HTB only.
    pub burst: Ticks,
    /// How long it may send at once at its ceiling. HTB only.
    pub cburst: Ticks,
    /// Bytes that it sends before another class of its precedence has its turn. HTB only.
    pub quantum_bytes: u32,
    /// Who is served first when there is room to lend: 0 before 7. HTB only.
    pub prio: u8,
    /// What the link layer makes of each packet. HTB only.
    pub framing: Framing,
    /// What it gets by a deadline, whatever others want. HFSC only, of a class without classes below.
    pub deadline: Curve,
}

impl ShaperClass {
    /// One of HTB that has and may have nothing.
    pub const NONE: ShaperClass = ShaperClass {
        shaper: ShaperKind::Htb,
        handle: TcHandle::NONE,
        parent: TcHandle::NONE,
        rate: Kbit(0),
        ceil: Kbit(0),
        burst: Ticks(0),
        cburst: Ticks(0),
        quantum_bytes: 0,
        prio: 0,
        framing: Framing {
            overhead_bytes: 0,
            mpu_bytes: 0,
            cells: false,
        },
        deadline: Curve {
            first: Kbit(0),
            us: 0,
            then: Kbit(0),
        },
    };
}

/// A rate for a while, and another from then on; all zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Curve {
    /// The rate at first ...
    pub first: Kbit,
    /// ... for so many microseconds ...
    pub us: u32,
    /// ... and then.
    pub then: Kbit,
}

/// A shaper, at the root of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// HTB.
    Htb(HtbRoot),
    /// HFSC.
    Hfsc(HfscRoot),
    /// CAKE.
    Cake(Cake),
}

impl Root {
    /// What it is.
    pub const fn kind(&self) -> ShaperKind {
        match self {
            Root::Htb(_) => ShaperKind::Htb,
            Root::Hfsc(_) => ShaperKind::Hfsc,
            Root::Cake(_) => ShaperKind::Cake,
        }
    }
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

/// HTB at the root of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtbRoot {
    /// The minor number of the class for packets that name none; 0 lets them pass unshaped.
    pub default_minor: u16,
    /// Packets that may wait unshaped.
    pub direct_packets_max: u32,
}

/// HFSC at the root of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HfscRoot {
    /// The minor number of the class for packets that name none; HFSC drops them where there is no such class.
    pub default_minor: u16,
    /// Bytes that the link layer adds to each packet.
    pub overhead_bytes: u8,
}
