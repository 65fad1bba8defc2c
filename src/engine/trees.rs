//! The queues that are in the kernel, as far as they are ours or in our way.

use heapless::Vec;

use super::caps::{Cap, slot_of};
use super::lanes::{Lanes, Node, Part, Queue, root_handle};
use super::limits::ROOTS_MAX;
use super::{Op, Put};
use crate::value::{
    CAKE_TINS, CAPS_MAX, ClassSeen, Discipline, IfIndex, Leaf, LeafKind, Qdisc, Root, ShaperClass,
    ShaperKind, TcHandle, TcStats,
};

/// What stands at the root of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RootSeen {
    dev: IfIndex,
    handle: TcHandle,
    /// What it is, where it is a shaper.
    shaper: Option<Root>,
}

impl RootSeen {
    /// Whether it is one of ours: ours have names of their own.
    fn is_ours(&self) -> bool {
        self.shaper
            .is_some_and(|shaper| self.handle == root_handle(shaper.kind()))
    }
}

/// One class of ours, as seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    class: Option<ShaperClass>,
    stats: TcStats,
    leaf: Option<(TcHandle, Leaf)>,
    backlog_bytes: u32,
}

/// Classes of a device: the tree's, and one a slot.
const PLACES: usize = Part::ALL.len() + CAPS_MAX;

/// The queues of one device, as seen.
#[derive(Clone, Debug)]
pub struct Tree {
    /// In the order of [`Part::ALL`].
    classes: [Seen; Part::ALL.len()],
    /// In the order of slots. There is room for it from the first cap on that is configured or found, and it stays: 8 kB that most homes never need.
    caps: Option<Box<[Seen; CAPS_MAX]>>,
    /// Of CAKE.
    tins: Option<[TcStats; CAKE_TINS]>,
}

/// The queues of all devices, as seen.
#[derive(Debug, Default)]
pub struct Trees {
    /// The smallest packet that was asked for last: older kernels tell none.
    mpu_bytes: u8,
    roots: Vec<RootSeen, ROOTS_MAX>,
    /// The WAN's and the LAN's.
    trees: [(Option<IfIndex>, Tree); 2],
}

/// Why a device's queues cannot be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The name of the root qdisc that somebody else has set.
    pub handle: TcHandle,
}

impl Trees {
    /// Forgets all, before a dump; what follows is about these two devices.
    pub fn forget(&mut self, devices: [Option<IfIndex>; 2]) {
        self.roots.clear();
        for ((known, tree), dev) in self.trees.iter_mut().zip(devices) {
            *known = dev;
            tree.forget();
        }
    }

    fn tree_mut(&mut self, dev: IfIndex) -> Option<&mut Tree> {
        self.trees
            .iter_mut()
            .find(|(known, _)| *known == Some(dev))
            .map(|(_, tree)| tree)
    }

    /// The queues of a device.
    pub fn tree(&self, dev: IfIndex) -> Option<&Tree> {
        self.trees
            .iter()
            .find(|(known, _)| *known == Some(dev))
            .map(|(_, tree)| tree)
    }

    /// A qdisc is there.
    pub fn learn_qdisc(&mut self, qdisc: &Qdisc) {
        let Qdisc {
            dev,
            handle,
            parent,
            ..
        } = *qdisc;
        if parent == TcHandle::ROOT {
            let shaper = match qdisc.discipline {
                Discipline::Shaper(root) => Some(root),
                Discipline::Leaf(Leaf::Cake(cake)) => Some(Root::Cake(cake)),
                _ => None,
            };
            let root = RootSeen {
                dev,
                handle,
                shaper,
            };
            // The roots of other devices are nobody's business: with many of them there would be no room for the two that matter.
            if !root.is_ours() && self.tree(dev).is_none() {
                return;
            }
            // Ours are on a device each, and there are not more devices.
            let _ = self.roots.push(root);
            if let (Some(Root::Cake(_)), Some(tree)) = (shaper, self.tree_mut(dev)) {
                tree.tins = Some(qdisc.tins);
            }
            return;
        }
        if let Some(seen) = self.seen_mut(dev, parent) {
            seen.backlog_bytes = qdisc.stats.backlog_bytes;
            if let Discipline::Leaf(leaf) = qdisc.discipline {
                seen.leaf = Some((handle, leaf));
            }
        }
    }

    /// The class of a device with this name, if it is one of ours.
    fn seen_mut(&mut self, dev: IfIndex, class: TcHandle) -> Option<&mut Seen> {
        let place = place_of(class)?;
        self.tree_mut(dev)?.seen_mut(place)
    }

    /// A class is there.
    pub fn learn_class(&mut self, seen: &ClassSeen) {
        self.put_class(seen.dev, &seen.class);
        if let Some(known) = self.seen_mut(seen.dev, seen.class.handle) {
            known.stats = seen.stats;
        }
    }

    fn put_class(&mut self, dev: IfIndex, class: &ShaperClass) {
        if let Some(known) = self.seen_mut(dev, class.handle) {
            known.class = Some(*class);
        }
    }

    /// A device is gone, and its queues with it: the kernel says so of the device only.
    pub fn lose(&mut self, dev: IfIndex) {
        self.forget_root(dev);
        for (known, _) in &mut self.trees {
            known.take_if(|known| *known == dev);
        }
    }

    /// The removal of a root that is ours although it should not be.
    pub fn stale(&self, wanted: &[IfIndex]) -> Option<Op> {
        let mut ours = self.roots.iter().filter(|root| root.is_ours());
        let root = ours.find(|root| !wanted.contains(&root.dev))?;
        Some(Op::DeleteRoot {
            dev: root.dev,
            handle: root.handle,
        })
    }

    fn root(&self, dev: IfIndex) -> Option<&RootSeen> {
        self.roots.iter().find(|root| root.dev == dev)
    }

    /// The first operation that brings the queues of a device nearer to what they should be. Top down: what is below needs what is above.
    ///
    /// # Errors
    /// [`Foreign`] when somebody else has set a root qdisc there: it is not ours to replace.
    pub fn change(
        &self,
        dev: IfIndex,
        wished: &Lanes,
        caps: &[Cap],
    ) -> Result<Option<Op>, Foreign> {
        let (handle, root) = (wished.handle(), wished.root());
        let put = match self.root(dev) {
            Some(seen) if seen.is_ours() && seen.handle == handle => match seen.shaper {
                Some(known) if is_in_force_as(&root, &known) => {
                    return Ok(self.class_change(dev, wished, caps));
                }
                // HTB refuses to change its default in place (EINVAL): only an older program of ours can have left another.
                Some(Root::Htb(_)) => return Ok(Some(Op::DeleteRoot { dev, handle })),
                _ => Put::Change,
            },
            Some(seen) if seen.is_ours() => Put::Instead,
            Some(seen) if seen.handle != TcHandle::NONE => {
                return Err(Foreign {
                    handle: seen.handle,
                });
            }
            _ => Put::New,
        };
        let lanes = *wished;
        Ok(Some(Op::Root { dev, lanes, put }))
    }

    /// The first operation below the root.
    fn class_change(&self, dev: IfIndex, wished: &Lanes, caps: &[Cap]) -> Option<Op> {
        let unseen = Seen::default();
        let tree = self.tree(dev);
        for place in 0..PLACES {
            let Some(Node { class, leaf }) = wished.at(place, caps) else {
                continue;
            };
            let seen = tree.and_then(|tree| tree.seen(place));
            let seen = seen.unwrap_or(&unseen);
            match &seen.class {
                // A class cannot be moved. An older program of ours had the lanes right below the line, and a capped device may be in another lane
                // now; what waits in this one is lost.
                Some(known) if known.parent != class.parent => {
                    let handle = class.handle;
                    return Some(Op::DeleteClass { dev, handle });
                }
                Some(known) if class_is_in_force(known, &class, leaf.is_some(), self.mpu_bytes) => {
                }
                known => {
                    let put = known.map_or(Put::New, |_| Put::Change);
                    return Some(Op::Class { dev, class, put });
                }
            }
            if let Some((handle, leaf)) = leaf
                && let Some((handle, put)) = leaf_put(handle, &leaf, seen)
            {
                return Some(Op::Leaf {
                    dev,
                    class: class.handle,
                    handle,
                    leaf,
                    put,
                });
            }
        }
        None
    }

    /// The removal of a slot's class, where there are but so many slots: no rule leads there any more.
    pub fn stale_cap(&self, slots: usize) -> Option<Op> {
        self.trees.iter().find_map(|(dev, tree)| {
            let mut left = tree.caps.as_ref()?.iter().skip(slots);
            let handle = left.find_map(|seen| seen.class)?.handle;
            Some(Op::DeleteClass {
                dev: (*dev)?,
                handle,
            })
        })
    }

    /// An operation was carried out: the kernel now is as it says.
    pub fn done(&mut self, op: &Op) {
        match op {
            Op::Root { dev, lanes, put } => {
                // What is changed in place keeps what is below it; a look that follows brings no other classes than these.
                if *put == Put::Change {
                    self.roots.retain(|known| known.dev != *dev);
                } else {
                    self.forget_root(*dev);
                    for node in lanes.first().iter().filter_map(|part| lanes.node(*part)) {
                        self.put_class(*dev, &node.class);
                    }
                }
                let _ = self.roots.push(RootSeen {
                    dev: *dev,
                    handle: lanes.handle(),
                    shaper: Some(lanes.root()),
                });
            }
            Op::DeleteRoot { dev, .. } => self.forget_root(*dev),
            // What was counted goes on being counted.
            Op::Class { dev, class, .. } => {
                self.put_class(*dev, class);
                self.mpu_bytes = class.framing.mpu_bytes;
            }
            Op::DeleteClass { dev, handle } => {
                if let Some(seen) = self.seen_mut(*dev, *handle) {
                    *seen = Seen::default();
                }
            }
            Op::Leaf {
                dev,
                class,
                handle,
                leaf,
                ..
            } => {
                if let Some(seen) = self.seen_mut(*dev, *class) {
                    seen.leaf = Some((*handle, *leaf));
                }
            }
            _ => {}
        }
    }

    /// The root of a device is another now, or none, and what was below it is gone.
    fn forget_root(&mut self, dev: IfIndex) {
        while let Some(place) = self.roots.iter().position(|known| known.dev == dev) {
            self.roots.remove(place);
        }
        if let Some(tree) = self.tree_mut(dev) {
            tree.forget();
        }
    }
}

/// The place of a class, by its name.
fn place_of(class: TcHandle) -> Option<usize> {
    let shaper = ShaperKind::ALL.iter();
    let mut ours = shaper.map(|shaper| root_handle(*shaper).major());
    ours.find(|major| *major == class.major())?;
    if let Some(slot) = slot_of(class.minor()) {
        return Some(Part::ALL.len() + usize::from(slot) - 1);
    }
    Part::ALL
        .iter()
        .position(|part| part.minor() == class.minor())
}

/// Whether a root is as it should be. Of HTB's only what it does with packets that name no class can differ.
fn is_in_force_as(wished: &Root, seen: &Root) -> bool {
    match (wished, seen) {
        (Root::Htb(wished), Root::Htb(seen)) => wished.default_minor == seen.default_minor,
        _ => wished == seen,
    }
}

/// Whether a class is as it should be. HTB has quantum and precedence for leaves only, and tells those of an inner class as they were when it
/// was made.
fn class_is_in_force(seen: &ShaperClass, wished: &ShaperClass, leaf: bool, untold_mpu: u8) -> bool {
    let mut told = *seen;
    // Kernels that have not known it keep none.
    if told.framing.mpu_bytes == 0 && untold_mpu == wished.framing.mpu_bytes {
        told.framing.mpu_bytes = wished.framing.mpu_bytes;
    }
    if !leaf {
        told.quantum_bytes = wished.quantum_bytes;
        told.prio = wished.prio;
    }
    told == *wished
}

/// What the leaf of a queue needs, and under which name; none when it is as it should be. One of another kind cannot have the name of the one
/// whose place it takes: there are two names for it, and it has the other.
fn leaf_put(handle: TcHandle, wished: &Leaf, seen: &Seen) -> Option<(TcHandle, Put)> {
    let other = |handle: TcHandle| TcHandle(handle.0 ^ OTHER_LEAF);
    match &seen.leaf {
        Some((known, leaf)) if *known == handle || *known == other(handle) => {
            if wished.is_in_force_as(leaf) {
                None
            } else if leaf.kind() == wished.kind() {
                Some((*known, Put::Change))
            } else {
                Some((other(*known), Put::New))
            }
        }
        _ => Some((handle, Put::New)),
    }
}

/// The bit in which the two names of a leaf differ.
const OTHER_LEAF: u32 = 0x8000_0000;

impl Default for Tree {
    fn default() -> Tree {
        Tree {
            classes: [Seen::default(); Part::ALL.len()],
            caps: None,
            tins: None,
        }
    }
}

impl Tree {
    /// Nothing of it is known any more.
    fn forget(&mut self) {
        self.classes.fill(Seen::default());
        if let Some(caps) = &mut self.caps {
            caps.fill(Seen::default());
        }
        self.tins = None;
    }

    /// The class at this place: those of the tree, then those of slots.
    fn seen(&self, place: usize) -> Option<&Seen> {
        match place.checked_sub(Part::ALL.len()) {
            Some(slot) => self.caps.as_ref()?.get(slot),
            None => self.classes.get(place),
        }
    }

    fn seen_mut(&mut self, place: usize) -> Option<&mut Seen> {
        let Some(slot) = place.checked_sub(Part::ALL.len()) else {
            return self.classes.get_mut(place);
        };
        let caps = &mut self.caps;
        caps.get_or_insert_with(|| Box::new([Seen::default(); CAPS_MAX]))
            .get_mut(slot)
    }

    /// What went through a lane, the queues of capped devices in it with it, and how many bytes wait in it.
    pub fn stats(&self, queue: Queue) -> TcStats {
        if let Some(tins) = &self.tins {
            // Tins are numbered from 1.
            let tin = usize::from(queue.priority(ShaperKind::Cake).minor()) - 1;
            let tin = tins.get(tin).filter(|_| queue.has_tin());
            return tin.copied().unwrap_or_default();
        }
        let place = place_of(queue.priority(ShaperKind::Htb));
        let Some(own) = place.and_then(|place| self.classes.get(place)) else {
            return TcStats::default();
        };
        let parent = own.class.map(|class| class.parent);
        let mut stats = TcStats {
            backlog_bytes: own.backlog_bytes,
            ..own.stats
        };
        for seen in self.caps.iter().flat_map(|caps| caps.iter()) {
            let inside = seen.class.is_some_and(|class| Some(class.parent) == parent);
            if inside && queue != Queue::Small {
                stats.bytes = stats.bytes.saturating_add(seen.stats.bytes);
                stats.packets = stats.packets.wrapping_add(seen.stats.packets);
                stats.dropped = stats.dropped.wrapping_add(seen.stats.dropped);
                stats.backlog_bytes = stats.backlog_bytes.saturating_add(seen.backlog_bytes);
            }
        }
        stats
    }

    /// The kind of leaf in use.
    pub fn leaf(&self) -> Option<LeafKind> {
        if self.tins.is_some() {
            return Some(LeafKind::Cake);
        }
        let mut leaves = self.classes.iter().filter_map(|seen| seen.leaf);
        leaves.next().map(|(_, leaf)| leaf.kind())
    }
}
