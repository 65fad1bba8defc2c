use super::{IfIndex, TcHandle};

/// What becomes of what several LANs share one shaper by: an IFB device, and on each LAN a hook with a filter that hands it what leaves
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfbVerb {
    /// Make the IFB device, switched on. Its number is not known yet.
    Make,
    /// Switch it on: while it is off, what is handed to it is lost.
    On,
    /// Remove it.
    Delete,
    /// Give a LAN the hook (`clsact`) that filters hang in.
    Hook,
    /// Take the hook away, with all that hangs in it.
    Unhook,
    /// Hang the filter into it.
    Redirect,
    /// Take the filter out.
    Release,
}

/// A change of that.
// One form for all, and not fields by verb: what matches on it is a good part of the program otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfbChange {
    /// What is done.
    pub verb: IfbVerb,
    /// The device; of the filter, what it is and where it leads to, which only [`IfbVerb::Redirect`] reads.
    pub at: Redirect,
}

impl IfbVerb {
    /// On a device, as far as no filter is meant.
    pub const fn on(self, dev: IfIndex) -> IfbChange {
        let at = Redirect {
            dev,
            preference: 0,
            to: IfIndex(0),
        };
        IfbChange { verb: self, at }
    }

    /// Whether it takes something away.
    pub const fn is_removal(self) -> bool {
        matches!(self, IfbVerb::Delete | IfbVerb::Unhook | IfbVerb::Release)
    }
}

/// A filter that hands what leaves one device to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The device that it hangs on.
    pub dev: IfIndex,
    /// The lowest is asked first.
    pub preference: u16,
    /// The device that gets the packets.
    pub to: IfIndex,
}

/// A filter that the kernel told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterSeen {
    /// The device.
    pub dev: IfIndex,
    /// What it hangs in.
    pub parent: TcHandle,
    /// The lowest is asked first.
    pub preference: u16,
}
