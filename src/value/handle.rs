use core::fmt;

/// The name of a qdisc (`major:`) or of a class in it (`major:minor`), as in `tc`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcHandle(pub u32);

impl TcHandle {
    /// No handle: what the kernel gives to the qdisc that it attaches by itself.
    pub const NONE: TcHandle = TcHandle(0);
    /// The root of a device (`TC_H_ROOT`, linux/pkt_sched.h 6.12).
    pub const ROOT: TcHandle = TcHandle(0xffff_ffff);

    /// Where `clsact` and `ingress` stand on a device (`TC_H_CLSACT`).
    pub const CLSACT: TcHandle = TcHandle(0xffff_fff1);
    /// What filters for arriving packets hang in (`TC_H_MIN_INGRESS`).
    pub const INGRESS: TcHandle = TcHandle(0xffff_fff2);
    /// What filters for leaving packets hang in (`TC_H_MIN_EGRESS`).
    pub const EGRESS: TcHandle = TcHandle(0xffff_fff3);

    /// `major:minor`.
    pub const fn new(major: u16, minor: u16) -> TcHandle {
        TcHandle(((major as u32) << 16) | minor as u32)
    }

    /// The qdisc's half.
    pub const fn major(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The class' half; 0 for a qdisc.
    pub const fn minor(self) -> u16 {
        (self.0 & 0xffff) as u16
    }
}

impl fmt::Display for TcHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor() {
            0 => write!(f, "{:x}:", self.major()),
            minor => write!(f, "{:x}:{minor:x}", self.major()),
        }
    }
}

impl fmt::Debug for TcHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
