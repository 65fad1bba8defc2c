//! An operation of the engine becomes netlink bytes; the rules, where a kernel has no `nf_tables`, the input of `iptables-restore`.
//!
//! Must not: send anything, keep anything, or decide anything.
//!
//! [`change`] writes the request of one operation, whole, into one datagram, and tells which socket it is for and which number the last
//! acknowledgement has. [`rules`] is the only place that knows how our rules are made, and of it the user's in `pattern` and the caps' in `caps`;
//! `xtables` is the same for the other dialect.

mod caps;
mod comment;
pub mod lanes;
mod pattern;
pub mod rules;
#[cfg(feature = "xtables")]
pub mod xtables;

use crate::engine::{Devices, IFB_NAME, Op, Put};
use crate::value::{IfName, Rule, TickRate};
use crate::wire::{Writer, tc};

/// Bytes of the largest datagram: a rule set with all 768 devices takes 44 kB, their change from one class to another 55 kB, and each of
/// 1,024 rules up to 1.3 kB.
pub const DATAGRAM_BYTES_MAX: usize = 1536 * 1024;

/// Bytes of the largest datagram without rules of the user, for which there always is room. The room for a larger one is given back.
pub const DATAGRAM_BYTES_KEPT: usize = 160 * 1024;

/// Which netlink family a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `NETLINK_ROUTE`.
    Route,
    /// `NETLINK_NETFILTER`.
    Netfilter,
}

/// A request that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// For which family.
    pub family: Family,
    /// The number of the last message that is acknowledged.
    pub last_seq: u32,
}

/// Writes the request of an operation that is a netlink request; the numbers of its messages begin at `seq`. `None` for the others (looks, the
/// sysctl, the store). `arrivals` are the devices of [`Ruleset::arrival`](crate::value::Ruleset).
pub fn change(
    op: &Op,
    devices: &Devices,
    rules: &[Rule],
    arrivals: &[IfName],
    ticks: TickRate,
    seq: u32,
    w: &mut Writer<'_>,
) -> Option<Request> {
    let put = |put: Put| match put {
        Put::New => tc::Put::New,
        Put::Instead => tc::Put::Instead,
        Put::Change => tc::Put::Change,
    };
    let mut last_seq = seq;
    match op {
        Op::Root {
            dev,
            lanes,
            put: how,
        } => {
            let (handle, root) = (lanes.handle(), lanes.root());
            tc::emit_root(w, seq, *dev, handle, &root, put(*how));
            if *how != Put::Change {
                for node in lanes.first().iter().filter_map(|part| lanes.node(*part)) {
                    last_seq = last_seq.wrapping_add(1);
                    tc::emit_class(w, last_seq, *dev, &node.class, tc::Put::New, ticks);
                }
            }
        }
        Op::Class {
            dev,
            class,
            put: how,
        } => tc::emit_class(w, seq, *dev, class, put(*how), ticks),
        Op::DeleteClass { dev, handle } => tc::emit_class_delete(w, seq, *dev, *handle),
        Op::Leaf {
            dev,
            class,
            handle,
            leaf,
            put: how,
        } => {
            let place = tc::LeafPlace {
                class: *class,
                handle: *handle,
            };
            tc::emit_leaf(w, seq, *dev, place, leaf, put(*how));
        }
        Op::DeleteRoot { dev, handle } => tc::emit_root_delete(w, seq, *dev, *handle),
        Op::Ifb(change) => tc::emit_ifb(w, seq, IFB_NAME, change),
        Op::Rules { ruleset, instead } => {
            return Some(rules::install(
                w, seq, ruleset, *instead, devices, rules, arrivals,
            ));
        }
        Op::Adopt(ruleset) => return Some(rules::adopt(w, seq, ruleset)),
        Op::Elements(_) => return Some(rules::elements(w, seq, devices)),
        Op::DeleteRules => return Some(rules::delete(w, seq)),
        Op::Look(_) | Op::Accounting(_) | Op::Save | Op::Echo { .. } | Op::Sound { .. } => {
            return None;
        }
    }
    Some(Request {
        family: Family::Route,
        last_seq,
    })
}
