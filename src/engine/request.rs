//! What clients ask for, and what becomes of it.
//!
//! A change is a transaction: the configuration is replaced, the kernel is brought in line, live flows are marked, the flash is written,
//! and then the client is told. When the kernel refuses, the configuration that was there comes back and the client is told why.

use core::fmt;

use super::limits::{SAVE_EVERY, WAITING_CLIENTS_MAX};
use super::report::text;
use super::whom::{class_of, input};
use super::{Answer, Client, Engine, Event, FlowFilter, Goal, Timer, Trouble};
use crate::config::{self, Config};
use crate::control::{Changed, Failure, Request, Text, Verb};
use crate::value::{Class, Instant, Mac, Refused};

/// A client that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) question: Question,
}

/// What it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Status,
    Devices,
    Doctor,
    Config,
    Flows(FlowFilter),
    /// Told once nothing of ours is left.
    Stop,
}

/// A change that is being carried out.
#[derive(Debug)]
pub(super) struct Pending {
    /// None: it did not wait for the answer.
    client: Option<Client>,
    /// Whose class it is; none for the configuration as a whole.
    mac: Option<Mac>,
    /// None: it was undone.
    undo: Option<Undo>,
    /// How things stood before.
    was: Stood,
    /// It failed, and was undone.
    failure: Option<Box<Failure>>,
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

/// The system refused.
pub(super) fn refused(words: fmt::Arguments<'_>) -> Box<Failure> {
    Box::new(Failure::refused(words))
}

fn too_many() -> Box<Failure> {
    refused(format_args!(
        "{WAITING_CLIENTS_MAX} clients wait already; try again"
    ))
}

impl Engine {
    /// A client asks.
    pub(super) fn request(&mut self, now: Instant, client: Client, request: Request<'_>) {
        let taken = self.take(now, client, request);
        self.refuse_if(client, taken);
    }

    /// # Errors
    /// [`Failure`]: what the client is told at once.
    fn take(
        &mut self,
        now: Instant,
        client: Client,
        request: Request<'_>,
    ) -> Result<(), Box<Failure>> {
        let question = match request.verb {
            Verb::Status => Question::Status,
            Verb::Devices => Question::Devices,
            Verb::Doctor => Question::Doctor,
            Verb::ConfigShow => Question::Config,
            Verb::Flows if !self.abilities.conntrack => {
                return Err(refused(format_args!(
                    "this kernel lists no flows: it needs CONFIG_NF_CT_NETLINK"
                )));
            }
            Verb::Flows => Question::Flows(self.flow_filter(request)?),
            Verb::Set | Verb::Unset => return self.classify(now, client, request),
            Verb::Stop => Question::Stop,
            Verb::Watch => return self.watch(client),
            // The configuration comes by itself, as `Input::Apply`, and passwords and what is stored are none of our business.
            Verb::ConfigApply
            | Verb::ConfigCheck
            | Verb::History
            | Verb::HistoryShow
            | Verb::Rollback
            | Verb::Password
            | Verb::Login
            | Verb::Enroll => {
                return Err(input(format_args!(
                    "expected the configuration, found none"
                )));
            }
        };
        if self.asked.push(Asked { client, question }).is_err() {
            return Err(too_many());
        }
        match question {
            Question::Status => {
                if self.is_on() {
                    self.ask_for_counters();
                }
                self.unknown.fill = true;
                self.unknown.modules = true;
            }
            Question::Devices => {
                self.unknown.neighbours = true;
                self.unknown.leases = true;
                // Somebody else may have switched it off.
                self.unknown.accounting = true;
                self.want_count();
            }
            Question::Doctor => {
                self.unknown.modules = true;
                self.unknown.accounting = true;
                self.path.want();
                // Flows tell who forwards them.
                self.remark.begin();
            }
            Question::Flows(_) => self.unknown.leases = true,
            Question::Config => {}
            Question::Stop => {
                self.goal = Goal::Gone;
                // What was marked before, at the start say, is not what is told of now.
                self.remark.forget_marked();
                self.begin_anew();
                // Nothing is put off any more.
                self.timers.clear(Timer::Save);
                self.stop_counting();
            }
        }
        Ok(())
    }

    /// Whether a client waits for the health.
    pub(super) fn is_asked_for_health(&self) -> bool {
        let mut asked = self.asked.iter();
        asked.any(|asked| asked.question == Question::Status)
    }

    /// Whether a client waits for what `doctor` finds.
    pub(super) fn is_asked_for_doctor(&self) -> bool {
        let mut asked = self.asked.iter();
        asked.any(|asked| asked.question == Question::Doctor)
    }

    /// A client is gone.
    pub(super) fn forget_client(&mut self, client: Client) {
        self.unwatch(client);
        let asked = &mut self.asked;
        while let Some(place) = asked.iter().position(|asked| asked.client == client) {
            asked.remove(place);
        }
        let refused = &mut self.refused_clients;
        while let Some(place) = refused.iter().position(|(known, _)| *known == client) {
            refused.remove(place);
        }
        // The change itself goes on.
        for pending in &mut self.pending {
            pending.client = pending.client.filter(|known| *known != client);
        }
    }

    fn refuse_if(&mut self, client: Client, taken: Result<(), Box<Failure>>) {
        if let Err(failure) = taken {
            // A client has one question at a time, and is answered before the next is read: there is room for as many as there are clients.
            let _ = self.refused_clients.push((client, failure));
        }
    }

    /// What can be told to whom, now that everything that was to be looked at or changed is.
    pub(super) fn next_answer(&mut self, now: Instant) -> Option<(Client, Answer)> {
        if let Some((client, failure)) = self.refused_clients.pop() {
            return Some((client, Answer::Failure(failure)));
        }
        while !self.pending.is_empty() {
            let Pending {
                client,
                mac,
                failure,
                ..
            } = self.pending.remove(0);
            if let Some(client) = client {
                return Some((client, self.finish(mac, failure)));
            }
        }
        if self.goal == Goal::Gone {
            self.goal = Goal::Over;
        }
        if let Some(client) = self.counted_clients() {
            return Some((client, Answer::Devices));
        }
        let sounding = self.path.is_wanted();
        let place = self.asked.iter().position(|asked| match asked.question {
            Question::Devices => false,
            Question::Doctor => !sounding,
            _ => true,
        })?;
        let Asked { client, question } = self.asked.remove(place);
        let answer = match question {
            Question::Status => Answer::Status(self.status(now)),
            Question::Doctor => Answer::Doctor(self.doctor()),
            Question::Config => Answer::Config,
            Question::Flows(filter) => Answer::Flows(filter),
            Question::Devices => Answer::Devices,
            Question::Stop => match &self.trouble {
                Some(trouble) => {
                    Answer::Failure(refused(format_args!("not all could be removed: {trouble}")))
                }
                None => Answer::Changed(self.changed(None)),
            },
        };
        Some((client, answer))
    }

    fn changed(&mut self, mac: Option<Mac>) -> Box<Changed> {
        let mut changed = Box::new(Changed {
            mac: heapless::String::new(),
            name: heapless::String::new(),
            flows_marked: self.remark.marked(),
            saved: !self.saving.due,
            remark: Text::new(),
        });
        if let Some(mac) = mac {
            changed.mac = text(format_args!("{mac}"));
            if let Some(device) = self.devices.find(mac).and_then(|id| self.devices.get(id)) {
                let _ = changed.name.push_str(device.shown_name());
            }
        }
        if let Some(trouble) = &self.trouble {
            changed.remark = text(format_args!("not in force yet: {trouble}"));
        } else if let Some(refused) = self.remark.take_refused() {
            changed.remark = text(format_args!("not all live flows are marked yet: {refused}"));
        } else if !self.config.enabled && mac.is_some() {
            let _ = changed
                .remark
                .push_str("lanemark is off ('enabled' is false): it counts once that is on");
        } else if let Some(mac) = mac {
            changed.remark = self.overruled(mac);
            if changed.remark.is_empty() && !self.abilities.conntrack {
                let _ = changed
                    .remark
                    .push_str("open flows change lanes with their next packet");
            }
        }
        changed
    }

    /// The kernel is in line, or cannot be yet, and the flash was written, or may not be yet.
    fn finish(&mut self, mac: Option<Mac>, failure: Option<Box<Failure>>) -> Answer {
        if let Some(failure) = failure {
            return Answer::Failure(failure);
        }
        if let Some(refused) = self.saving.refused.as_ref().filter(|_| self.saving.due) {
            let words = format_args!("in force, but not stored: {refused}");
            return Answer::Failure(self::refused(words));
        }
        Answer::Changed(self.changed(mac))
    }

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
    fn classify(
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
