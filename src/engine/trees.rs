//! The queues that are in the kernel, as far as they are ours or in our way.

use heapless::Vec;

use super::lanes::{LINE, Lanes, Queue, ROOT};
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
#[derive(Clone, Copy, Debug, Default)]
pub struct Tree {
    line: Option<HtbClass>,
    classes: [Seen; Queue::ALL.len()],
}

/// The queues of all devices, as seen.
#[derive(Debug, Default)]
pub struct Trees {
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
        let Some(tree) = self.tree_mut(dev) else {
            return;
        };
        for (seen, queue) in tree.classes.iter_mut().zip(Queue::ALL) {
            if parent == queue.handle() {
                seen.backlog_bytes = qdisc.stats.backlog_bytes;
                if let Discipline::Leaf(leaf) = qdisc.discipline {
                    seen.leaf = Some((handle, leaf));
                }
            }
        }
    }

    /// A class is there.
    pub fn learn_class(&mut self, seen: &ClassSeen) {
        let Some(tree) = self.tree_mut(seen.dev) else {
            return;
        };
        if seen.class.handle == LINE {
            tree.line = Some(seen.class);
        }
        for (known, queue) in tree.classes.iter_mut().zip(Queue::ALL) {
            if seen.class.handle == queue.handle() {
                known.htb = Some(seen.class);
                known.stats = seen.stats;
            }
        }
    }

    /// A device is gone, and its queues with it: the kernel says so of the device only.
    pub fn lose(&mut self, dev: IfIndex) {
        self.roots.retain(|root| root.dev != dev);
        for (known, tree) in &mut self.trees {
            if *known == Some(dev) {
                *known = None;
                *tree = Tree::default();
            }
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
        match self.root(dev) {
            Some(root)
                if root.handle == ROOT && root.default_minor == Some(wished.root.default_minor) => {
            }
            // HTB refuses to change its default in place (EINVAL): only an older program of ours can have left another.
            Some(root) if root.handle == ROOT && root.default_minor.is_some() => {
                return Ok(Some(Op::DeleteRoot { dev, handle: ROOT }));
            }
            Some(root) if root.handle != TcHandle::NONE => {
                return Err(Foreign {
                    handle: root.handle,
                });
            }
            _ => {
                return Ok(Some(Op::Root {
                    dev,
                    root: wished.root,
                }));
            }
        }
        let tree = self.tree(dev).copied().unwrap_or_default();
        if let Some(op) = class_change(
            dev,
            tree.line.map(|seen| told_of_inner(seen, wished.line)),
            wished.line,
        ) {
            return Ok(Some(op));
        }
        for (lane, seen) in wished.lanes.iter().zip(&tree.classes) {
            if let Some(op) = class_change(dev, seen.htb, lane.htb) {
                return Ok(Some(op));
            }
            let leaf_op = |put| Op::Leaf {
                dev,
                class: lane.htb.handle,
                handle: lane.leaf_handle,
                leaf: lane.leaf,
                put,
            };
            match seen.leaf {
                Some((handle, leaf))
                    if handle == lane.leaf_handle && lane.leaf.is_in_force_as(&leaf) => {}
                Some((handle, leaf))
                    if handle == lane.leaf_handle && leaf.kind() == lane.leaf.kind() =>
                {
                    return Ok(Some(leaf_op(Put::Change)));
                }
                _ => return Ok(Some(leaf_op(Put::New))),
            }
        }
        Ok(None)
    }

    /// An operation was carried out: the kernel now is as it says.
    pub fn done(&mut self, op: &Op) {
        match *op {
            Op::Root { dev, root } => {
                self.roots.retain(|known| known.dev != dev);
                let _ = self.roots.push(Root {
                    dev,
                    handle: root.handle,
                    default_minor: Some(root.default_minor),
                });
                if let Some(tree) = self.tree_mut(dev) {
                    *tree = Tree::default();
                }
            }
            Op::DeleteRoot { dev, .. } => {
                self.roots.retain(|known| known.dev != dev);
                if let Some(tree) = self.tree_mut(dev) {
                    *tree = Tree::default();
                }
            }
            Op::Class { dev, class, .. } => {
                let stats = self
                    .tree(dev)
                    .map_or(TcStats::default(), |tree| tree.stats_of(class.handle));
                self.learn_class(&ClassSeen { dev, class, stats });
            }
            Op::Leaf {
                dev,
                class,
                handle,
                leaf,
                ..
            } => {
                if let Some(tree) = self.tree_mut(dev) {
                    for (seen, _) in tree
                        .classes
                        .iter_mut()
                        .zip(Queue::ALL)
                        .filter(|(_, own)| own.handle() == class)
                    {
                        seen.leaf = Some((handle, leaf));
                    }
                }
            }
            _ => {}
        }
    }
}

/// HTB has quantum and precedence for leaves only, and tells those of an inner class as they were when it was made.
const fn told_of_inner(seen: HtbClass, wished: HtbClass) -> HtbClass {
    HtbClass {
        quantum_bytes: wished.quantum_bytes,
        prio: wished.prio,
        ..seen
    }
}

fn class_change(dev: IfIndex, seen: Option<HtbClass>, wished: HtbClass) -> Option<Op> {
    match seen {
        Some(seen) if seen == wished => None,
        Some(_) => Some(Op::Class {
            dev,
            class: wished,
            put: Put::Change,
        }),
        None => Some(Op::Class {
            dev,
            class: wished,
            put: Put::New,
        }),
    }
}

impl Tree {
    fn stats_of(&self, handle: TcHandle) -> TcStats {
        let mut classes = self.classes.iter().zip(Queue::ALL);
        classes
            .find(|(_, queue)| queue.handle() == handle)
            .map_or(TcStats::default(), |(seen, _)| seen.stats)
    }

    /// What went through a class, and how many bytes wait in it.
    pub fn stats(&self, queue: Queue) -> TcStats {
        let mut classes = self.classes.iter().zip(Queue::ALL);
        let seen = classes
            .find(|(_, own)| *own == queue)
            .map_or(Seen::default(), |(seen, _)| *seen);
        TcStats {
            backlog_bytes: seen.backlog_bytes,
            ..seen.stats
        }
    }

    /// The leaf in use.
    pub fn leaf(&self) -> Option<Leaf> {
        self.classes
            .iter()
            .find_map(|seen| seen.leaf.map(|(_, leaf)| leaf))
    }
}
