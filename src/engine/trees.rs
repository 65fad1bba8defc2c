//! The queues that are in the kernel, as far as they are ours or in our way.

use heapless::Vec;

use super::lanes::{Lanes, Node, Part, Queue, ROOT};
use super::limits::ROOTS_MAX;
use super::{Op, Put};
use crate::value::{ClassSeen, Discipline, HtbClass, IfIndex, Leaf, Qdisc, TcHandle, TcStats};

/// What stands at the root of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Root {
    dev: IfIndex,
    handle: TcHandle,
    /// Of an HTB root.
    default_minor: Option<u16>,
}

/// One class of ours, as seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    htb: Option<HtbClass>,
    stats: TcStats,
    leaf: Option<(TcHandle, Leaf)>,
    backlog_bytes: u32,
}

/// The queues of one device, as seen.
#[derive(Clone, Copy, Debug)]
pub struct Tree {
    /// In the order of [`Part::ALL`].
    classes: [Seen; Part::ALL.len()],
}

/// The queues of all devices, as seen.
#[derive(Debug, Default)]
pub struct Trees {
    /// The smallest packet that was asked for last: older kernels tell none.
    mpu_bytes: u8,
    roots: Vec<Root, ROOTS_MAX>,
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
        self.trees = devices.map(|dev| (dev, Tree::default()));
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
            let default_minor = match qdisc.discipline {
                Discipline::Htb { default_minor, .. } => Some(default_minor),
                _ => None,
            };
            // The roots of other devices are nobody's business: with many of them there would be no room for the two that matter.
            if handle != ROOT && self.tree(dev).is_none() {
                return;
            }
            // Ours are on a device each, and there are not more devices.
            let _ = self.roots.push(Root {
                dev,
                handle,
                default_minor,
            });
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
        self.tree_mut(dev)?.classes.get_mut(place)
    }

    /// A class is there.
    pub fn learn_class(&mut self, seen: &ClassSeen) {
        self.put_class(seen.dev, &seen.class);
        if let Some(known) = self.seen_mut(seen.dev, seen.class.handle) {
            known.stats = seen.stats;
        }
    }

    fn put_class(&mut self, dev: IfIndex, class: &HtbClass) {
        if let Some(known) = self.seen_mut(dev, class.handle) {
            known.htb = Some(*class);
        }
    }

    /// A device is gone, and its queues with it: the kernel says so of the device only.
    pub fn lose(&mut self, dev: IfIndex) {
        self.forget_root(dev);
        for (known, _) in &mut self.trees {
            known.take_if(|known| *known == dev);
        }
    }

    /// A device whose root is ours although it should not be.
    pub fn stale(&self, wanted: &[IfIndex]) -> Option<IfIndex> {
        let ours = self
            .roots
            .iter()
            .filter(|root| root.handle == ROOT && root.default_minor.is_some());
        ours.map(|root| root.dev).find(|dev| !wanted.contains(dev))
    }

    fn root(&self, dev: IfIndex) -> Option<&Root> {
        self.roots.iter().find(|root| root.dev == dev)
    }

    /// The first operation that brings the queues of a device nearer to what they should be. Top down: what is below needs what is above.
    ///
    /// # Errors
    /// [`Foreign`] when somebody else has set a root qdisc there: it is not ours to replace.
    pub fn change(&self, dev: IfIndex, wished: &Lanes) -> Result<Option<Op>, Foreign> {
        let root = wished.root();
        match self.root(dev) {
            Some(seen) if seen.handle == ROOT && seen.default_minor == Some(root.default_minor) => {
            }
            // HTB refuses to change its default in place (EINVAL): only an older program of ours can have left another.
            Some(seen) if seen.handle == ROOT && seen.default_minor.is_some() => {
                return Ok(Some(Op::DeleteRoot { dev, handle: ROOT }));
            }
            Some(seen) if seen.handle != TcHandle::NONE => {
                return Err(Foreign {
                    handle: seen.handle,
                });
            }
            _ => return Ok(Some(Op::Root { dev, root })),
        }
        Ok(self.class_change(dev, wished))
    }

    /// The first operation below the root.
    fn class_change(&self, dev: IfIndex, wished: &Lanes) -> Option<Op> {
        let unseen = Seen::default();
        let tree = self.tree(dev);
        for (place, part) in Part::ALL.iter().enumerate() {
            let Node { class, leaf } = wished.node(*part);
            let seen = tree.and_then(|tree| tree.classes.get(place));
            let seen = seen.unwrap_or(&unseen);
            match &seen.htb {
                // A class cannot be moved. An older program of ours had the lanes right below the line; what waits in this one is lost.
                Some(known) if known.parent != class.parent => {
                    let handle = class.handle;
                    return Some(Op::DeleteClass { dev, handle });
                }
                Some(known) if is_in_force(known, &class, leaf.is_some(), self.mpu_bytes) => {}
                known => {
                    let put = known.map_or(Put::New, |_| Put::Change);
                    return Some(Op::Class { dev, class, put });
                }
            }
            if let Some((handle, leaf)) = leaf
                && let Some(put) = leaf_put(handle, &leaf, seen)
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

    /// An operation was carried out: the kernel now is as it says.
    pub fn done(&mut self, op: &Op) {
        match op {
            Op::Root { dev, root } => {
                self.forget_root(*dev);
                let _ = self.roots.push(Root {
                    dev: *dev,
                    handle: root.handle,
                    default_minor: Some(root.default_minor),
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
            *tree = Tree::default();
        }
    }
}

/// The place of a class in [`Part::ALL`], by its name.
fn place_of(class: TcHandle) -> Option<usize> {
    Part::ALL.iter().position(|part| part.handle() == class)
}

/// Whether a class is as it should be. HTB has quantum and precedence for leaves only, and tells those of an inner class as they were when it
/// was made.
fn is_in_force(seen: &HtbClass, wished: &HtbClass, leaf: bool, untold_mpu: u8) -> bool {
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

/// What the leaf of a queue needs; none when it is as it should be.
fn leaf_put(handle: TcHandle, wished: &Leaf, seen: &Seen) -> Option<Put> {
    match &seen.leaf {
        Some((known, leaf)) if *known == handle => {
            if wished.is_in_force_as(leaf) {
                None
            } else if leaf.kind() == wished.kind() {
                Some(Put::Change)
            } else {
                Some(Put::New)
            }
        }
        _ => Some(Put::New),
    }
}

impl Default for Tree {
    fn default() -> Tree {
        Tree {
            classes: [Seen::default(); Part::ALL.len()],
        }
    }
}

impl Tree {
    /// What went through a class, and how many bytes wait in it.
    pub fn stats(&self, queue: Queue) -> TcStats {
        let place = place_of(queue.handle());
        let seen = place.and_then(|place| self.classes.get(place));
        seen.map_or(TcStats::default(), |seen| TcStats {
            backlog_bytes: seen.backlog_bytes,
            ..seen.stats
        })
    }

    /// The leaf in use.
    pub fn leaf(&self) -> Option<Leaf> {
        self.classes
            .iter()
            .find_map(|seen| seen.leaf.map(|(_, leaf)| leaf))
    }
}
