//! Live flows whose class changed get the new mark; no flow is ever deleted, and no bit that is not ours is changed.
//!
//! One walk through the flows does three jobs: it marks, it clears marks that are nobody's any more, and it counts what devices carry.

use super::limits::{REMARK_EVERY, REMARK_PASSES_MAX};
use super::{DeviceId, Engine, Event, Judgement, Timer};
use crate::value::{Cause, Flow, Instant, MarkLayout, Refused};

/// The walks that are due, and what they have done.
#[derive(Debug, Default)]
pub(super) struct Remark {
    due: bool,
    passes: u8,
    marked_in_pass: u32,
    /// Since the last change began.
    marked: u32,
    /// Our bits go, whatever the device: lanemark is off, or leaves.
    clear: bool,
    /// Every flow is held against the rules, whatever the device.
    all: bool,
    /// Of the user's rules in the kernel, as far as we made them.
    policy: u32,
    /// Where the rules in the kernel put the class, as far as we made or saw them.
    layout: Option<MarkLayout>,
    /// Where they put it before, until all flows were walked through.
    old_layout: Option<MarkLayout>,
    /// Where they put the slots of capped devices, and where they put them before; as the two above.
    caps: Option<MarkLayout>,
    old_caps: Option<MarkLayout>,
    /// Why the last walk came to no end.
    refused: Option<Refused>,
}

impl Remark {
    /// Walks are due, for the devices that are flagged.
    pub(super) fn begin(&mut self) {
        self.due = true;
        self.passes = 0;
    }

    /// Walks are due that take our bits out of every flow.
    pub(super) fn clear_all(&mut self) {
        self.clear = true;
        self.begin();
    }

    /// The rules are gone: as [`Remark::clear_all`], if they have ever been in force and their marks were not cleared yet.
    pub(super) fn clear_left(&mut self) {
        if self.layout.is_some() && !self.clear {
            self.clear_all();
        }
    }

    /// The rules in the kernel put the class there. They did not clear it away from where others put it.
    pub(super) fn rules_have(&mut self, layout: MarkLayout, caps: Option<MarkLayout>) {
        self.clear = false;
        if caps != self.caps
            && let Some(old) = core::mem::replace(&mut self.caps, caps)
        {
            self.old_caps = Some(old);
        }
        match self.layout.replace(layout) {
            Some(old) if old != layout => self.old_layout = Some(old),
            _ => {}
        }
    }

    /// The user's rules in the kernel are these: flows that were opened before may carry what others gave. `instead` of a table of which nobody
    /// knows what rules it had.
    pub(super) const fn rules_are(&mut self, policy: u32, instead: bool) {
        self.all |= policy != 0 || self.policy != 0 || instead;
        self.policy = policy;
    }

    /// A table that was found puts the class there.
    pub(super) const fn table_has(&mut self, layout: MarkLayout, caps: Option<MarkLayout>) {
        if self.layout.is_none() {
            self.layout = Some(layout);
            self.caps = caps;
        }
    }

    /// Why the last walk came to no end, if it did not.
    pub(super) fn take_refused(&mut self) -> Option<Refused> {
        self.refused.take()
    }

    /// How many flows were marked since [`Remark::forget_marked`].
    pub(super) const fn marked(&self) -> u32 {
        self.marked
    }

    /// What was marked so far is not what the next answer tells of.
    pub(super) const fn forget_marked(&mut self) {
        self.marked = 0;
    }
}

impl Engine {
    /// Whether a walk is due and makes sense: the map gives new flows the new class already, so that none slips through.
    pub(super) fn remark_due(&self) -> bool {
        let settled = if self.is_on() {
            self.trouble.is_none()
        } else {
            self.remark.clear
        };
        self.remark.due && settled && self.abilities.conntrack
    }

    /// A walk is due soon, unless one is due anyway.
    pub(super) fn remark_later(&mut self, now: Instant) {
        if !self.remark.due {
            self.timers.set(Timer::Remark, now.after(REMARK_EVERY));
        }
    }

    pub(super) fn begin_flows(&mut self) {
        self.remark.marked_in_pass = 0;
        self.bypass.forget_flows();
        for device in self.devices.iter_mut() {
            device.counting = super::Traffic::default();
        }
    }

    /// What shall become of a flow, while a look at the flows goes on.
    pub fn judge(&mut self, flow: &Flow) -> Judgement {
        self.bypass.learn_flow(flow.path);
        let found = self.owner(flow);
        if let Some((id, opener)) = found {
            self.count(id, opener, flow);
        }
        // A walk that only counts changes nothing: off, say.
        if !self.remark_due() {
            return Judgement::Leave;
        }
        let device = found.and_then(|(id, _)| self.devices.get(id));
        let layout = self.layout();
        let (mask, bits) = if self.remark.clear {
            // Unknown where no rules of ours were seen or made: then no bit is known to be ours.
            let Remark {
                layout,
                old_layout,
                caps,
                old_caps,
                ..
            } = self.remark;
            let mut mask = 0;
            for (layout, caps) in [(layout, caps), (old_layout, old_caps)] {
                mask |= layout
                    .filter(|layout| layout.class(flow.mark).is_some())
                    .map_or(0, MarkLayout::mask);
                mask |= caps
                    .filter(|caps| caps.slot(flow.mark) != 0)
                    .map_or(0, MarkLayout::mask);
            }
            (mask, 0)
        } else {
            // Bits where the class stood before carry a class only if we put it there.
            let old = self
                .remark
                .old_layout
                .filter(|old| old.class(flow.mark).is_some());
            let class = self.class_of(flow, found);
            // What is no class was not put there for a device that has none.
            let ours = class.is_some() || layout.class(flow.mark).is_some();
            let due = old.is_some()
                || ours
                    && device.map_or(self.remark.all, |device| device.remark || self.remark.all);
            let mask = old.map_or(0, MarkLayout::mask) | layout.mask();
            let (cap_mask, slot) = self.cap_part(flow, device);
            let mask = if due { mask } else { 0 };
            (mask | cap_mask, layout.bits(class) | slot)
        };
        // The kernel takes bits beyond the mask for ones to turn around.
        let bits = bits & mask;
        if flow.mark & mask == bits {
            return Judgement::Leave;
        }
        self.remark.marked_in_pass = self.remark.marked_in_pass.saturating_add(1);
        Judgement::Mark { bits, mask }
    }

    /// Which bits of a mark are to tell the slot, and what they shall be.
    fn cap_part(&self, flow: &Flow, device: Option<&super::Device>) -> (u32, u32) {
        let slot_in = |layout: &MarkLayout| layout.slot(flow.mark) != 0;
        let old = self.remark.old_caps.filter(slot_in);
        let old = old.map_or(0, MarkLayout::mask);
        let (Some(layout), Some(device)) = (self.remark.caps, device) else {
            return (old, 0);
        };
        let due = device.remark || self.remark.all;
        // What is no slot was not put there for a device that has none.
        let ours = device.slot != 0 || slot_in(&layout);
        let mask = if due && ours { layout.mask() } else { 0 };
        (mask | old, layout.slot_bits(device.slot))
    }

    /// Whose flow it is, and whether the device opened it. One that was opened from outside has the device as the source of its answers.
    pub(super) fn owner(&self, flow: &Flow) -> Option<(DeviceId, bool)> {
        let opener = self.devices.by_address(flow.out.src).map(|id| (id, true));
        opener.or_else(|| self.devices.by_address(flow.back.src).map(|id| (id, false)))
    }

    fn count(&mut self, id: DeviceId, opener: bool, flow: &Flow) {
        let Some(device) = self.devices.get_mut(id) else {
            return;
        };
        let bytes = flow.bytes.unwrap_or_default();
        let (up, down) = if opener {
            (bytes.out, bytes.back)
        } else {
            (bytes.back, bytes.out)
        };
        device.counting.flows = device.counting.flows.saturating_add(1);
        device.counting.up_bytes = device.counting.up_bytes.saturating_add(up);
        device.counting.down_bytes = device.counting.down_bytes.saturating_add(down);
    }

    /// A mark could not be set.
    pub(super) fn unmarked(&mut self, now: Instant, cause: Cause) {
        self.remark.marked_in_pass = self.remark.marked_in_pass.saturating_sub(1);
        // A flow that ended meanwhile needs no mark.
        if cause != Cause::Gone {
            self.journal.note(now, Event::FlowUnmarked);
        }
    }

    /// A walk came to no end: again, later.
    pub(super) fn break_flows(&mut self, now: Instant, refused: Refused) {
        self.end_count(now);
        if self.remark_due() {
            self.remark.due = false;
            self.remark.refused = Some(refused);
            self.timers.set(Timer::Remark, now.after(REMARK_EVERY));
        }
    }

    /// A walk is over.
    pub(super) fn end_flows(&mut self, now: Instant) {
        self.end_count(now);
        if !self.remark_due() {
            return;
        }
        self.remark.marked = self
            .remark
            .marked
            .saturating_add(self.remark.marked_in_pass);
        self.remark.passes += 1;
        // A packet that was on its way while the map changed may have opened a flow with the old class behind the walk's back.
        if self.remark.marked_in_pass > 0 && self.remark.passes < REMARK_PASSES_MAX {
            return;
        }
        let Remark {
            marked,
            layout,
            caps,
            clear,
            ..
        } = self.remark;
        self.remark = Remark {
            marked,
            policy: self.remark.policy,
            // Where nothing of ours is left, whatever stands there later is somebody else's.
            layout: layout.filter(|_| !clear),
            caps: caps.filter(|_| !clear),
            ..Remark::default()
        };
        self.devices
            .iter_mut()
            .for_each(|device| device.remark = false);
    }
}
