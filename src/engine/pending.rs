//! Changes that clients want, from the moment they are taken until they are told.
//!
//! A change is a transaction: the configuration is replaced, the kernel is brought in line, live flows are marked, the flash is written,
//! and then the client is told. When the kernel refuses, the configuration that was there comes back and the client is told why.

use super::limits::SAVE_EVERY;
use super::request::{refused, too_many};
use super::whom::{class_of, input};
use super::{Client, Engine, Event, Timer, Trouble};
use crate::config::{self, Config};
use crate::control::{Failure, Request, Verb};
use crate::value::{Class, Instant, Mac, Refused};

/// A change that is being carried out.
#[derive(Debug)]
pub(super) struct Pending {
    /// None: it did not wait for the answer.
    pub(super) client: Option<Client>,
    /// Whose class it is; none for the configuration as a whole.
    pub(super) mac: Option<Mac>,
    /// None: it was undone.
    undo: Option<Undo>,
    /// How things stood before.
    was: Stood,
    /// It failed, and was undone.
    pub(super) failure: Option<Box<Failure>>,
}

/// How things stood before a change.
#[derive(Clone, Copy, Debug)]
struct Stood {
    /// Everything was as wished.
    well: bool,
    /// An earlier change was not on flash yet.
    unsaved: bool,
}

/// What brings the configuration back.
#[derive(Debug)]
enum Undo {
    /// A device was configured so and stood there in the list, or was not configured.
    Device(Mac, Option<Box<(usize, config::Device)>>),
    /// The whole was so.
    Whole(Box<Config>),
}

impl Engine {
    /// The store answered.
    pub(super) fn saved(&mut self, now: Instant, result: Result<(), Refused>) {
        self.saving.last = Some(now);
        match result {
            Ok(()) => {
                self.saving.due = false;
                self.saving.refused = None;
                self.saving.spoiled.clear();
                self.journal.note(now, Event::Saved);
            }
            Err(refused) => {
                self.saving.refused = Some(refused);
                self.journal.note(now, Event::SaveFailed);
                self.timers.set(Timer::Save, now.after(SAVE_EVERY));
            }
        }
    }

    fn save_soon(&mut self, now: Instant) {
        self.saving.due = true;
        self.saving.refused = None;
        match self.saving.last {
            Some(last) if now < last.after(SAVE_EVERY) => {
                self.timers.set(Timer::Save, last.after(SAVE_EVERY))
            }
            _ => self.timers.clear(Timer::Save),
        }
    }

    /// A client gives a device a class, or takes it away.
    pub(super) fn classify(
        &mut self,
        now: Instant,
        client: Client,
        request: Request<'_>,
    ) -> Result<(), Box<Failure>> {
        let class = match request.verb {
            Verb::Set => Some(class_of(request.class.unwrap_or_default())?),
            _ => None,
        };
        let mac = self.find_device(request.device.unwrap_or_default())?.mac;
        if self.pending.is_full() {
            return Err(too_many());
        }
        let before = self.configured(mac);
        let before = before.map(|(place, device)| Box::new((place, device.clone())));
        let changed = before.as_ref().and_then(|before| before.1.class) != class;
        if changed {
            self.put_class(mac, before.as_ref().map(|before| before.0), class)?;
        } else {
            // Nothing to change in the configuration; the kernel and the flows are held against it all the same.
            self.remark_device(mac);
        }
        self.begin(now, client, Some(mac), Undo::Device(mac, before), changed);
        Ok(())
    }

    fn remark_device(&mut self, mac: Mac) {
        if let Some(id) = self.devices.find(mac)
            && let Some(device) = self.devices.get_mut(id)
        {
            device.remark = true;
        }
    }

    /// Gives the device, which stands there in the configuration or not at all, another class. One that has neither class nor name is not
    /// configured.
    fn put_class(
        &mut self,
        mac: Mac,
        place: Option<usize>,
        class: Option<Class>,
    ) -> Result<(), Box<Failure>> {
        let devices = &mut self.config.devices;
        match place.and_then(|place| Some((place, devices.get_mut(place)?))) {
            Some((place, known))
                if class.is_none() && known.name.is_empty() && !known.is_capped() =>
            {
                devices.remove(place);
            }
            Some((_, known)) => known.class = class,
            None => {
                let name = heapless::String::new();
                let device = config::Device {
                    mac,
                    name,
                    class,
                    up_max: None,
                    down_max: None,
                };
                let max = config::DEVICES_MAX;
                devices.push(device).map_err(|_| {
                    input(format_args!(
                        "expected at most {max} configured devices; unset one first"
                    ))
                })?;
            }
        }
        Ok(())
    }

    /// A client brings a configuration.
    pub(super) fn apply(&mut self, now: Instant, client: Client, config: Box<Config>) {
        let taken = self.replace(now, client, config);
        self.refuse_if(client, taken);
    }

    fn replace(
        &mut self,
        now: Instant,
        client: Client,
        config: Box<Config>,
    ) -> Result<(), Box<Failure>> {
        if self.pending.is_full() {
            return Err(too_many());
        }
        if config.enabled {
            let placeable = self.placeable(&config);
            let beside = placeable.and_then(|()| self.links.stay_beside(&self.config, &config));
            beside.map_err(|unplaced| input(format_args!("{unplaced}")))?;
        }
        // The user may have changed it while we did not need it.
        self.unknown.accounting = true;
        // A root qdisc that somebody set meanwhile must not be replaced because nobody was heard.
        self.unknown.qdiscs = true;
        let changed = config != self.config;
        let old = core::mem::replace(&mut self.config, config);
        self.begin(now, client, None, Undo::Whole(old), changed);
        Ok(())
    }

    /// The configuration was changed where it is stored: it counts, and whatever is not stored yet is overtaken by it.
    pub(super) fn reload(&mut self, now: Instant, config: Box<Config>) {
        for pending in self
            .pending
            .iter_mut()
            .filter(|pending| pending.failure.is_none())
        {
            // What it would go back to is not what is stored any more.
            pending.undo = None;
            pending.failure = Some(refused(format_args!(
                "the stored configuration was read again meanwhile, and counts"
            )));
        }
        self.unknown.accounting = true;
        self.unknown.qdiscs = true;
        self.config = config;
        self.configure(now);
        self.remark.begin();
        self.saving.due = false;
        self.saving.spoiled.clear();
        self.timers.clear(Timer::Save);
    }

    fn begin(&mut self, now: Instant, client: Client, mac: Option<Mac>, undo: Undo, changed: bool) {
        // What comes while an earlier change is under way shares its fate.
        let earlier = self.pending.iter().find(|other| other.failure.is_none());
        let was = earlier.map_or(
            Stood {
                well: self.trouble.is_none(),
                unsaved: self.saving.due,
            },
            |other| other.was,
        );
        if self.pending.is_empty() {
            self.remark.forget_marked();
        }
        self.journal.note(now, Event::ClassSet);
        self.configure(now);
        self.remark.begin();
        if changed || self.saving.due {
            self.save_soon(now);
        }
        // Whoever called saw that there is room.
        let _ = self.pending.push(Pending {
            client: Some(client),
            mac,
            undo: Some(undo),
            was,
            failure: None,
        });
    }

    fn configured(&self, mac: Mac) -> Option<(usize, &config::Device)> {
        let mut devices = self.config.devices.iter().enumerate();
        devices.find(|(_, device)| device.mac == mac)
    }

    /// The kernel refused what clients want: what was before comes back, the last change first. Returns whether anything was undone.
    pub(super) fn undo_pending(&mut self, now: Instant, trouble: &Trouble) -> bool {
        let group = self.pending.iter();
        let mut going_on = group.filter(|pending| pending.failure.is_none());
        let was = going_on.clone().next().map(|first| first.was);
        let whole = going_on.any(|pending| matches!(pending.undo, Some(Undo::Whole(_))));
        // What does not work yet is not made worse by a device's class; and what waits for an interface has not been refused.
        let undone = was.filter(|was| !trouble.waits_for_news() && (whole || was.well));
        let Some(was) = undone else { return false };
        for place in (0..self.pending.len()).rev() {
            let Some(pending) = self.pending.get_mut(place) else {
                continue;
            };
            let Some(undo) = pending.undo.take_if(|_| pending.failure.is_none()) else {
                continue;
            };
            pending.failure = Some(refused(format_args!(
                "{trouble}; the configuration was left as it was"
            )));
            match undo {
                Undo::Device(mac, before) => self.put_back(mac, before),
                Undo::Whole(old) => self.config = old,
            }
        }
        self.saving.due = was.unsaved;
        if !was.unsaved {
            self.timers.clear(Timer::Save);
        }
        self.configure(now);
        self.remark.begin();
        true
    }

    fn put_back(&mut self, mac: Mac, before: Option<Box<(usize, config::Device)>>) {
        let devices = &mut self.config.devices;
        if let Some(place) = devices.iter().position(|device| device.mac == mac) {
            devices.remove(place);
        }
        if let Some((place, device)) = before.map(|before| *before) {
            // It was there before, so there is room.
            let _ = devices.insert(place.min(devices.len()), device);
        }
    }
}
