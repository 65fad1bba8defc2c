use core::fmt;

use super::Class;

/// Slots of capped devices at most: each takes a queue on either device, and the kernel's memory for it. Seven bits hold them.
pub const CAPS_MAX: usize = 64;

/// Where in the 32 bits of a conntrack mark the class stands, or, as another of these, the slot of a capped device. All other bits are somebody
/// else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MarkLayout {
    mask: u32,
    shift: u8,
}

/// A mask and shift that cannot hold the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMarkLayout {
    /// A class' mark, shifted, has bits outside the mask.
    TooNarrow,
    /// The shift is above 25, so that seven bits do not fit.
    ShiftRange,
}

impl fmt::Display for BadMarkLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadMarkLayout::TooNarrow => {
                "expected a mask that covers the seven bits above the shift"
            }
            BadMarkLayout::ShiftRange => "expected a shift from 0 to 25",
        })
    }
}

impl Default for MarkLayout {
    /// The low seven bits: `/proc/net/nf_conntrack` then prints exactly `mark=10`.
    fn default() -> MarkLayout {
        MarkLayout {
            mask: 0x7f,
            shift: 0,
        }
    }
}

impl MarkLayout {
    /// The widest shift: 100 needs seven bits.
    pub const SHIFT_MAX: u8 = 25;

    /// A layout that can hold every class.
    ///
    /// # Errors
    /// [`BadMarkLayout`] when a class would not fit.
    pub fn new(mask: u32, shift: u8) -> Result<MarkLayout, BadMarkLayout> {
        if shift > MarkLayout::SHIFT_MAX {
            return Err(BadMarkLayout::ShiftRange);
        }
        let bits = Class::ALL.iter().fold(0, |bits, class| bits | class.mark());
        if (bits << shift) & !mask == 0 {
            Ok(MarkLayout { mask, shift })
        } else {
            Err(BadMarkLayout::TooNarrow)
        }
    }

    /// Where the slots of capped devices stand unless the user says otherwise: above the class.
    pub const CAPS: MarkLayout = MarkLayout {
        mask: 0x7f00,
        shift: 8,
    };

    /// Whether every slot has room: the lowest of the seven bits too, which no class uses.
    pub const fn holds_slots(self) -> bool {
        (0x7f << self.shift) & !self.mask == 0
    }

    /// The bits of a slot; 0 for none.
    pub const fn slot_bits(self, slot: u8) -> u32 {
        (slot as u32) << self.shift
    }

    /// The slot that a flow's whole mark carries; 0 for none, and for bits that are no slot.
    pub fn slot(self, mark: u32) -> u8 {
        let slot = u8::try_from((mark & self.mask) >> self.shift).unwrap_or_default();
        if usize::from(slot) > CAPS_MAX {
            0
        } else {
            slot
        }
    }

    /// Our bits.
    pub const fn mask(self) -> u32 {
        self.mask
    }

    /// How far the class' mark is moved up.
    pub const fn shift(self) -> u8 {
        self.shift
    }

    /// Our bits of a flow of this class; 0 where no class was given.
    pub fn bits(self, class: Option<Class>) -> u32 {
        class.map_or(0, |class| class.mark() << self.shift)
    }

    /// The class that a flow's whole mark carries. `None` is a flow that no rule matched, or bits that are no class.
    pub fn class(self, mark: u32) -> Option<Class> {
        Class::of_mark((mark & self.mask) >> self.shift)
    }

    /// `mark` with our bits replaced.
    pub fn marked(self, mark: u32, class: Option<Class>) -> u32 {
        (mark & !self.mask) | self.bits(class)
    }
}
