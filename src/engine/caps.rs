//! The queues of capped devices: each has one of its own in the share of its lane.
//!
//! ```text
//! 4c4d:31               Standard's share
//!  +- 4c4d:36           small packets of the lanes below
//!  +- 4c4d:30           Standard
//!  +- 4c4d:1010         the device in slot 1: at most its cap
//! ```
//!
//! A lane's promise is dealt in equal parts to its own queue and to those of the devices in it, so that the sum stays. A device that is
//! exempt and capped has its queue beside the line, as exempt has. In a direction without a cap the lane's ceiling is the cap.

use super::lanes::{Lanes, Line, Node, Part, Queue, root_handle};
use crate::control::Direction;
use crate::value::{CAPS_MAX, Cake, Class, FqCodel, Kbit, Leaf, Mac, ShaperKind, TcHandle};

/// A device's queue may take a so-manieth part of the memory of a lane's: 64 kB at low rates, and so 8 MB for 64 devices that fill all of theirs.
const MEMORY_DIVISOR: u32 = 8;

/// A device that is held to a cap. Its slot is its place in the list, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Who.
    pub mac: Mac,
    /// In which lane it is now.
    pub class: Class,
    /// What it may send at most.
    pub up: Option<Kbit>,
    /// What may be sent to it at most.
    pub down: Option<Kbit>,
}

/// Capped devices, in the order of their slots.
pub type Caps = heapless::Vec<Cap, CAPS_MAX>;

/// The minor number of a slot's class. It ends with 0, which below us the kernel's own pfifo_fast takes for its middle band.
const fn cap_minor(slot: u8) -> u16 {
    0x1000 | (slot as u16) << 4
}

/// The priority of the packets of a slot: the name of its class.
pub const fn cap_handle(shaper: ShaperKind, slot: u8) -> TcHandle {
    TcHandle::new(root_handle(shaper).major(), cap_minor(slot))
}

/// The slot whose class has this minor number, if it is one.
pub fn slot_of(minor: u16) -> Option<u8> {
    let slot = u8::try_from(minor.checked_sub(0x1000)? >> 4).ok()?;
    let is_slot = (1..=CAPS_MAX).contains(&usize::from(slot)) && cap_minor(slot) == minor;
    is_slot.then_some(slot)
}

impl Lanes {
    /// What is at this place: first [`Part::ALL`], then the slots.
    pub fn at(&self, place: usize, caps: &[Cap]) -> Option<Node> {
        match Part::ALL.get(place) {
            Some(part) => self.node(*part),
            None => self.cap(place - Part::ALL.len(), caps),
        }
    }

    fn cap(&self, place: usize, caps: &[Cap]) -> Option<Node> {
        let cap = caps.get(place)?;
        if self.shaper == ShaperKind::Cake {
            return None;
        }
        let part = Part::Queue(Queue::Lane(cap.class));
        let (fair, ceiling) = self.rates(part);
        let most = match self.line.direction {
            Direction::Up => cap.up,
            Direction::Down => cap.down,
        };
        let ceil = most.map_or(ceiling, |most| most.min(ceiling));
        let slot = u8::try_from(place + 1).ok()?;
        let mut class = self.class_of(part, (fair.min(ceil), ceil));
        class.handle = cap_handle(self.shaper, slot);
        // HFSC's queues have their limits above them, but for this one.
        class.ceil = ceil;
        let line = Line {
            rate: ceil,
            ..self.line
        };
        let mut leaf = line.leaf(self.leaf);
        if let Leaf::FqCodel(FqCodel { memory_bytes, .. }) | Leaf::Cake(Cake { memory_bytes, .. }) =
            &mut leaf
        {
            *memory_bytes /= MEMORY_DIVISOR;
        }
        let handle = Queue::leaf_of(cap_minor(slot));
        Some(Node {
            class,
            leaf: Some((handle, leaf)),
        })
    }
}
