//! What happened, for whoever asks later: the last events and a counter a kind that outlives them.

use heapless::Deque;

use super::limits::JOURNAL_MAX;
use crate::value::Instant;

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The kernel's part was brought in line with the configuration.
    Changed,
    /// The kernel refused.
    Refused,
    /// Another program had removed or changed something of ours.
    Fought,
    /// Events were lost; everything was looked at again.
    Resynced,
    /// A device's class was changed.
    ClassSet,
    /// A device made room for another.
    DeviceEvicted,
    /// There was no room for a device.
    DeviceRefused,
    /// An address made room for another.
    AddressEvicted,
    /// There was no room for an interface.
    LinkRefused,
    /// A flow could not be marked.
    FlowUnmarked,
    /// The configuration was stored.
    Saved,
    /// The configuration could not be stored.
    SaveFailed,
    /// A schedule began or ended.
    Scheduled,
}

impl Event {
    /// All kinds.
    pub const ALL: [Event; 13] = [
        Event::Changed,
        Event::Refused,
        Event::Fought,
        Event::Resynced,
        Event::ClassSet,
        Event::DeviceEvicted,
        Event::DeviceRefused,
        Event::AddressEvicted,
        Event::LinkRefused,
        Event::FlowUnmarked,
        Event::Saved,
        Event::SaveFailed,
        Event::Scheduled,
    ];

    /// What it is called in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Event::Changed => "changed",
            Event::Refused => "refused",
            Event::Fought => "fought",
            Event::Resynced => "resynced",
            Event::ClassSet => "class_set",
            Event::DeviceEvicted => "device_evicted",
            Event::DeviceRefused => "device_refused",
            Event::AddressEvicted => "address_evicted",
            Event::LinkRefused => "link_refused",
            Event::FlowUnmarked => "flow_unmarked",
            Event::Saved => "saved",
            Event::SaveFailed => "save_failed",
            Event::Scheduled => "scheduled",
        }
    }
}

/// An event and how often it happened in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub event: Event,
    /// When last.
    pub at: Instant,
    /// How often in a row.
    pub times: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Deque<Entry, JOURNAL_MAX>,
    counts: [u32; Event::ALL.len()],
}

impl Journal {
    /// Notes an event; the same one again only counts.
    pub fn note(&mut self, at: Instant, event: Event) {
        if let Some(count) = self.counts.get_mut(event as usize) {
            *count = count.saturating_add(1);
        }
        if let Some(last) = self.entries.back_mut().filter(|last| last.event == event) {
            last.at = at;
            last.times = last.times.saturating_add(1);
            return;
        }
        if self.entries.is_full() {
            self.entries.pop_front();
        }
        // There is room now.
        let _ = self.entries.push_back(Entry {
            event,
            at,
            times: 1,
        });
    }

    /// How often it happened since the start.
    pub fn count(&self, event: Event) -> u32 {
        self.counts.get(event as usize).copied().unwrap_or_default()
    }

    /// What is kept, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}
