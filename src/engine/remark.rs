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
    /// Where the class stood before the configuration moved it.
    old_layout: Option<MarkLayout>,
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

    /// The class stood elsewhere until now.
    pub(super) fn layout_was(&mut self, old: MarkLayout) {
        self.old_layout = Some(old);
    }

    /// Why the last walk came to no end, if it did not.
    pub(super) fn take_refused(&mut self) -> Option<Refused> {
        self.refused.take()
    }

    /// How many flows were marked since the last time this was asked.
    pub(super) fn take_marked(&mut self) -> u32 {
        core::mem::take(&mut self.marked)
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

    pub(super) fn begin_flows(&mut self) {
        self.remark.marked_in_pass = 0;
        for device in self.devices.iter_mut() {
            device.counting = super::Traffic::default();
        }
    }

    /// What shall become of a flow, while a look at the flows goes on.
    pub fn judge(&mut self, flow: &Flow) -> Judgement {
        let found = self.owner(flow);
        if let Some((id, opener)) = found {
            self.count(id, opener, flow);
        }
        if !self.remark.due {
            return Judgement::Leave;
        }
        let device = found.and_then(|(id, _)| self.devices.get(id));
        let layout = self.layout();
        let (mask, bits) = if self.remark.clear {
            let ours = layout.class(flow.mark).is_some();
            (if ours { layout.mask() } else { 0 }, 0)
        } else {
            // Bits where the class stood before carry a class only if we put it there.
            let old = self
                .remark
                .old_layout
                .filter(|old| old.class(flow.mark).is_some());
            let due = device.is_some_and(|device| device.remark) || old.is_some();
            let mask = old.map_or(0, MarkLayout::mask) | layout.mask();
            (
                if due { mask } else { 0 },
                layout.bits(device.and_then(|device| device.class)),
            )
        };
        if flow.mark & mask == bits & mask {
            return Judgement::Leave;
        }
        self.remark.marked_in_pass = self.remark.marked_in_pass.saturating_add(1);
        Judgement::Mark { bits, mask }
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
        if self.remark.due {
            self.remark.due = false;
            self.remark.refused = Some(refused);
            self.timers.set(Timer::Remark, now.after(REMARK_EVERY));
        }
    }

    /// A walk is over.
    pub(super) fn end_flows(&mut self, now: Instant) {
        self.end_count(now);
        if !self.remark.due {
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
        let marked = self.remark.marked;
        self.remark = Remark {
            marked,
            ..Remark::default()
        };
        self.devices
            .iter_mut()
            .for_each(|device| device.remark = false);
    }
}
