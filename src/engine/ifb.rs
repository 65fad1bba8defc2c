//! What several LANs share one shaper by: an IFB device, and on each LAN a filter that hands it everything that leaves there.
//!
//! A filter whose device is gone or switched off swallows what leaves its LAN (net/sched/act_mirred.c): such a one is mended before
//! anything else, and the device is the last to go.

use heapless::Vec;

use super::limits::ROOTS_MAX;
use crate::config::LANS_MAX;
use crate::value::{
    Discipline, FilterSeen, IfIndex, IfbChange, IfbVerb, Link, Qdisc, Redirect, TcHandle,
};

/// The name of the IFB device.
pub const IFB_NAME: &str = "ifb-lanemark";

/// Our filter is the last that is asked, since no packet comes behind it: by itself the kernel counts preferences down from 49,152. The
/// number tells whoever finds it all that there is to know: whether the hook was there before us, and which device the filter leads to.
const PREFERENCE: u16 = 0xe000;
const PREFERENCE_FOUND_HOOK: u16 = 0x1000;
/// Of the device's number. One that is made anew has the next number, not one that is 4,096 higher.
const PREFERENCE_DEVICE: u16 = 0x0fff;

fn preference_of(kind: Kind, to: IfIndex) -> u16 {
    let [_, _, high, low] = to.0.to_be_bytes();
    let found = if kind == Kind::Found {
        PREFERENCE_FOUND_HOOK
    } else {
        0
    };
    PREFERENCE | found | u16::from_be_bytes([high, low]) & PREFERENCE_DEVICE
}

/// What filters can hang in on a device.
#[derive(Clone, Copy, Debug)]
struct Hook {
    dev: IfIndex,
    kind: Kind,
    /// The preference of ours.
    filter: Option<u16>,
    /// Filters of other programs hang there.
    others: bool,
    /// Its filters have been looked at.
    seen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `clsact`, which we have made, now or in an earlier life.
    Made,
    /// `clsact`.
    Found,
    /// `ingress` of another program: there cannot be both.
    Ingress,
}

/// An `ingress` qdisc of another program stands where our hook belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excluded;

/// The hooks of all devices, as seen.
#[derive(Debug, Default)]
pub struct Ifb {
    hooks: Vec<Hook, ROOTS_MAX>,
    /// Where this process has made the hook: until our filter hangs there, nothing else tells.
    made: Vec<IfIndex, LANS_MAX>,
}

impl Ifb {
    /// Forgets all, before a dump.
    pub(super) fn forget(&mut self) {
        self.hooks.clear();
    }

    /// A hook is there.
    #[inline(never)]
    pub(super) fn learn_hook(&mut self, qdisc: &Qdisc) {
        let clsact = qdisc.discipline == Discipline::Clsact;
        let kind = match clsact {
            true if self.made.contains(&qdisc.dev) => Kind::Made,
            true => Kind::Found,
            false => Kind::Ingress,
        };
        self.push(qdisc.dev, kind);
    }

    fn push(&mut self, dev: IfIndex, kind: Kind) {
        // One an interface: there is room for all that are known.
        let _ = self.hooks.push(Hook {
            dev,
            kind,
            filter: None,
            others: false,
            seen: kind == Kind::Ingress,
        });
    }

    fn hook_mut(&mut self, dev: IfIndex) -> Option<&mut Hook> {
        self.hooks.iter_mut().find(|hook| hook.dev == dev)
    }

    /// A filter is there.
    #[inline(never)]
    pub(super) fn learn_filter(&mut self, seen: &FilterSeen) {
        let FilterSeen {
            dev, preference, ..
        } = *seen;
        let Some(hook) = self.hook_mut(dev) else {
            return;
        };
        if preference & PREFERENCE != PREFERENCE || seen.parent != TcHandle::EGRESS {
            hook.others = true;
            return;
        }
        if preference & PREFERENCE_FOUND_HOOK == 0 {
            hook.kind = Kind::Made;
        }
        hook.filter = Some(preference);
    }

    /// A device whose filters have to be looked at.
    pub(super) fn next_look(&mut self) -> Option<IfIndex> {
        let hook = self.hooks.iter_mut().find(|hook| !hook.seen)?;
        hook.seen = true;
        Some(hook.dev)
    }

    /// A device is gone, and its hook with it.
    pub(super) fn lose(&mut self, dev: IfIndex) {
        if let Some(place) = self.made.iter().position(|made| *made == dev) {
            self.made.remove(place);
        }
        if let Some(place) = self.hooks.iter().position(|hook| hook.dev == dev) {
            self.hooks.remove(place);
        }
    }

    /// What keeps a LAN from swallowing what leaves it.
    #[inline(never)]
    pub(super) fn lossy(&self, ifb: Option<&Link>) -> Option<IfbChange> {
        if let Some(ifb) = ifb.filter(|ifb| !ifb.up) {
            return Some(IfbVerb::On.on(ifb.index));
        }
        let to = ifb.map(|ifb| ifb.index);
        let lost = |hook: &&Hook| {
            let right = to.map(|to| preference_of(hook.kind, to));
            hook.filter.is_some() && hook.filter != right
        };
        self.hooks.iter().find(lost).and_then(release)
    }

    /// The next thing that a LAN needs so that what leaves it goes to the IFB device.
    ///
    /// # Errors
    /// When somebody else has set what excludes a hook.
    #[inline(never)]
    pub(super) fn change(&self, dev: IfIndex, to: IfIndex) -> Result<Option<IfbChange>, Excluded> {
        let Some(hook) = self.hooks.iter().find(|hook| hook.dev == dev) else {
            return Ok(Some(IfbVerb::Hook.on(dev)));
        };
        if hook.kind == Kind::Ingress {
            return Err(Excluded);
        }
        let missing = hook.filter.is_none();
        let preference = preference_of(hook.kind, to);
        let at = Redirect {
            dev,
            preference,
            to,
        };
        let verb = IfbVerb::Redirect;
        Ok(missing.then_some(IfbChange { verb, at }))
    }

    /// The next thing of ours that should not be, on any device but the LANs and those where it cannot be removed.
    #[inline(never)]
    pub(super) fn stale(&self, lans: &[IfIndex], kept: &[IfIndex]) -> Option<IfbChange> {
        let wanted = |dev| lans.contains(&dev) || kept.contains(&dev);
        let mut hooks = self.hooks.iter().filter(|hook| !wanted(hook.dev));
        hooks.find_map(|hook| {
            if hook.kind == Kind::Made && !hook.others {
                return Some(IfbVerb::Unhook.on(hook.dev));
            }
            release(hook)
        })
    }

    /// A device on which filters of other programs are asked before ours.
    pub(super) fn shared(&self) -> Option<IfIndex> {
        let mut hooks = self.hooks.iter();
        let shared = hooks.find(|hook| hook.others && hook.filter.is_some())?;
        Some(shared.dev)
    }

    /// A change was carried out.
    #[inline(never)]
    pub(super) fn done(&mut self, change: IfbChange) {
        let IfbChange { verb, at } = change;
        match verb {
            IfbVerb::Hook => {
                // As many as there can be LANs; beyond, one hook stays behind empty.
                let _ = self.made.push(at.dev);
                self.push(at.dev, Kind::Made);
            }
            IfbVerb::Unhook => self.lose(at.dev),
            IfbVerb::Redirect | IfbVerb::Release => {
                if let Some(hook) = self.hook_mut(at.dev) {
                    hook.filter = (verb == IfbVerb::Redirect).then_some(at.preference);
                }
            }
            IfbVerb::Make | IfbVerb::On | IfbVerb::Delete => {}
        }
    }
}

/// Takes our filter out of a hook.
fn release(hook: &Hook) -> Option<IfbChange> {
    let mut release = IfbVerb::Release.on(hook.dev);
    release.at.preference = hook.filter?;
    Some(release)
}
