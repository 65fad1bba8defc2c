//! What clients ask for, and what becomes of it.
//!
//! A change is a transaction: the configuration is replaced, the kernel is brought in line, live flows are marked, the flash is written,
//! and then the client is told. When the kernel refuses, the configuration that was there comes back and the client is told why.

use core::net::IpAddr;
use core::str::FromStr;

use super::limits::{SAVE_EVERY, WAITING_CLIENTS_MAX};
use super::{Answer, Client, Device, Engine, Event, FlowFilter, Goal, Timer, Trouble};
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
}

/// A change that is being carried out.
#[derive(Debug)]
pub(super) struct Pending {
    client: Client,
    /// Whose class it is; none for the configuration as a whole.
    mac: Option<Mac>,
    undo: Undo,
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
    /// A device was configured so, or not at all.
    Device(Mac, Option<config::Device>),
    /// The whole was so.
    Whole(Box<Config>),
}

/// Why a text names no device.
enum NotFound<'a> {
    Nobody(&'a str),
    UnseenMac(Mac),
    Several(&'a str, Mac, Mac),
}

impl NotFound<'_> {
    fn failure(&self) -> Box<Failure> {
        Box::new(match self {
            NotFound::Nobody(text) => Failure::input(format_args!(
                "expected the MAC address, IP address or name of a device that 'lanemark devices' shows, found {text}"
            )),
            NotFound::UnseenMac(mac) => Failure::input(format_args!(
                "expected a device that was seen or configured, found {mac}; to class one before it is seen, add it with 'lanemark config apply'"
            )),
            NotFound::Several(name, one, other) => Failure::input(format_args!(
                "expected one device, found that {name} is the name of {one} and {other}; give the MAC address"
            )),
        })
    }
}

impl Engine {
    /// A client asks.
    pub(super) fn request(&mut self, now: Instant, client: Client, request: Request<'_>) {
        let question = match request.verb {
            Verb::Status => Question::Status,
            Verb::Devices => Question::Devices,
            Verb::Doctor => Question::Doctor,
            Verb::ConfigShow => Question::Config,
            Verb::Flows => match self.flow_filter(request) {
                Ok(filter) => Question::Flows(filter),
                Err(failure) => return self.refuse(client, failure),
            },
            Verb::Set => return self.set(now, client, request),
            Verb::Unset => return self.unset(now, client, request),
            Verb::Stop => {
                self.goal = Goal::Gone(Some(client));
                // What was marked before, at the start say, is not what is told of now.
                self.remark.take_marked();
                self.trouble = None;
                self.timers.clear(Timer::Retry);
                return;
            }
            // The configuration comes by itself, as `Input::Apply`.
            Verb::ConfigApply => {
                return self.refuse(
                    client,
                    Failure::input(format_args!("expected the configuration, found none")),
                );
            }
        };
        if self.asked.push(Asked { client, question }).is_err() {
            return self.refuse(
                client,
                Failure::refused(format_args!(
                    "{WAITING_CLIENTS_MAX} clients wait already; try again"
                )),
            );
        }
        match question {
            Question::Status => {
                if self.is_on() {
                    self.ask_for_counters();
                }
                self.unknown.fill = true;
            }
            Question::Devices => {
                self.unknown.neighbours = true;
                self.unknown.leases = true;
                self.want_count();
            }
            Question::Doctor => self.unknown.modules = true,
            Question::Flows(_) => self.unknown.leases = true,
            Question::Config => {}
        }
    }

    /// A client is gone.
    pub(super) fn forget_client(&mut self, client: Client) {
        self.asked.retain(|asked| asked.client != client);
        self.refused_clients
            .retain(|(refused, _)| *refused != client);
    }

    fn refuse(&mut self, client: Client, failure: impl Into<Box<Failure>>) {
        // A client has one question at a time, and is answered before the next is read: there is room.
        let _ = self.refused_clients.push((client, failure.into()));
    }

    /// What can be told to whom, now that everything that was to be looked at or changed is.
    pub(super) fn next_answer(&mut self, now: Instant) -> Option<(Client, Answer)> {
        if let Some((client, failure)) = self.refused_clients.pop() {
            return Some((client, Answer::Failure(failure)));
        }
        if let Some(pending) = self.pending.take() {
            return self.finish(now, pending);
        }
        if let Goal::Gone(client) = self.goal {
            self.goal = Goal::Over;
            let answer = match &self.trouble {
                Some(trouble) => Answer::Failure(Box::new(Failure::refused(format_args!(
                    "not all could be removed: {trouble}"
                )))),
                None => Answer::Changed(Box::new(self.changed(None))),
            };
            return client.map(|client| (client, answer));
        }
        if let Some(client) = self.counted_clients() {
            return Some((client, Answer::Devices));
        }
        let place = self
            .asked
            .iter()
            .position(|asked| asked.question != Question::Devices)?;
        let Asked { client, question } = self.asked.remove(place);
        let answer = match question {
            Question::Status => Answer::Status(Box::new(self.status(now))),
            Question::Doctor => Answer::Doctor(Box::new(self.doctor())),
            Question::Config => Answer::Config,
            Question::Flows(filter) => Answer::Flows(filter),
            Question::Devices => Answer::Devices,
        };
        Some((client, answer))
    }

    fn changed(&mut self, mac: Option<Mac>) -> Changed {
        use core::fmt::Write;
        let mut changed = Changed {
            mac: heapless::String::new(),
            name: heapless::String::new(),
            flows_marked: self.remark.take_marked(),
            saved: !self.saving.due,
            remark: Text::new(),
        };
        if let Some(mac) = mac {
            // 17 bytes fit 17 bytes.
            let _ = write!(changed.mac, "{mac}");
            if let Some(device) = self.devices.find(mac).and_then(|id| self.devices.get(id)) {
                let _ = changed.name.push_str(device.shown_name());
            }
        }
        if let Some(trouble) = &self.trouble {
            let _ = write!(changed.remark, "not in force yet: {trouble}");
        } else if let Some(refused) = self.remark.take_refused() {
            let _ = write!(
                changed.remark,
                "not all live flows are marked yet: {refused}"
            );
        } else if !self.config.enabled && mac.is_some() {
            let _ = changed
                .remark
                .push_str("lanemark is off ('enabled' is false): it counts once that is on");
        }
        changed
    }

    /// The kernel is in line, or cannot be yet: now the flash, then the answer.
    fn finish(&mut self, now: Instant, pending: Pending) -> Option<(Client, Answer)> {
        if let Some(failure) = pending.failure {
            return Some((pending.client, Answer::Failure(failure)));
        }
        let waits = self
            .saving
            .last
            .is_some_and(|last| now.since(last) < SAVE_EVERY);
        if self.saving.due && !waits && self.saving.refused.is_none() {
            // `poll` writes to flash next and comes back here.
            self.pending = Some(pending);
            self.timers.clear(Timer::Save);
            return None;
        }
        if let Some(refused) = self.saving.refused.clone().filter(|_| self.saving.due) {
            let failure = Failure::refused(format_args!("in force, but not stored: {refused}"));
            return Some((pending.client, Answer::Failure(Box::new(failure))));
        }
        let changed = self.changed(pending.mac);
        Some((pending.client, Answer::Changed(Box::new(changed))))
    }

    /// The store answered.
    pub(super) fn saved(&mut self, now: Instant, result: Result<(), Refused>) {
        self.saving.last = Some(now);
        match result {
            Ok(()) => {
                self.saving.due = false;
                self.saving.refused = None;
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
            Some(last) if now.since(last) < SAVE_EVERY => {
                self.timers.set(Timer::Save, last.after(SAVE_EVERY))
            }
            _ => self.timers.clear(Timer::Save),
        }
    }

    fn set(&mut self, now: Instant, client: Client, request: Request<'_>) {
        let class = match Class::parse(request.class.unwrap_or_default()) {
            Ok(class) => class,
            Err(unknown) => {
                let found = request.class.unwrap_or_default();
                return self.refuse(
                    client,
                    Failure::input(format_args!("class: {unknown}, found {found}")),
                );
            }
        };
        self.classify(now, client, request.device.unwrap_or_default(), Some(class));
    }

    fn unset(&mut self, now: Instant, client: Client, request: Request<'_>) {
        self.classify(now, client, request.device.unwrap_or_default(), None);
    }

    fn classify(&mut self, now: Instant, client: Client, text: &str, class: Option<Class>) {
        let mac = match self.find_device(text) {
            Ok(device) => device.mac,
            Err(not_found) => {
                let failure = not_found.failure();
                return self.refuse(client, failure);
            }
        };
        let known = self
            .config
            .devices
            .iter()
            .position(|device| device.mac == mac);
        let before = known.and_then(|place| self.config.devices.get(place).cloned());
        let name = before
            .as_ref()
            .map(|device| device.name.clone())
            .unwrap_or_default();
        let after =
            (class.is_some() || !name.is_empty()).then_some(config::Device { mac, name, class });
        if before == after {
            // Nothing to change in the configuration; the kernel and the flows are held against it all the same.
            self.remark_device(mac);
        }
        let undo = Undo::Device(mac, before);
        if self.put_device(mac, after).is_err() {
            let max = config::DEVICES_MAX;
            return self.refuse(
                client,
                Failure::input(format_args!(
                    "expected at most {max} configured devices; unset one first"
                )),
            );
        }
        self.begin(now, client, Some(mac), undo);
    }

    fn remark_device(&mut self, mac: Mac) {
        if let Some(device) = self
            .devices
            .find(mac)
            .and_then(|id| self.devices.get_mut(id))
        {
            device.remark = true;
        }
    }

    fn put_device(
        &mut self,
        mac: Mac,
        device: Option<config::Device>,
    ) -> Result<(), config::Device> {
        let devices = &mut self.config.devices;
        match (devices.iter().position(|known| known.mac == mac), device) {
            (Some(place), Some(device)) => {
                if let Some(known) = devices.get_mut(place) {
                    *known = device;
                }
                Ok(())
            }
            (Some(place), None) => {
                devices.remove(place);
                Ok(())
            }
            (None, Some(device)) => devices.push(device),
            (None, None) => Ok(()),
        }
    }

    /// A client brings a configuration.
    pub(super) fn apply(&mut self, now: Instant, client: Client, config: Box<Config>) {
        if config.enabled
            && let Err(unplaced) = self.placeable(&config)
        {
            return self.refuse(client, Failure::input(format_args!("{unplaced}")));
        }
        let old = core::mem::replace(&mut self.config, config);
        self.begin(now, client, None, Undo::Whole(old));
    }

    /// The configuration was changed where it is stored: it counts, and whatever is not stored yet is overtaken by it.
    pub(super) fn reload(&mut self, now: Instant, config: Box<Config>) {
        if self.config.mark != config.mark {
            self.remark.layout_was(self.config.mark);
        }
        self.config = config;
        self.configure(now);
        self.remark.begin();
        self.saving.due = false;
        self.timers.clear(Timer::Save);
    }

    fn begin(&mut self, now: Instant, client: Client, mac: Option<Mac>, undo: Undo) {
        let was = Stood {
            well: self.trouble.is_none(),
            unsaved: self.saving.due,
        };
        let old_layout = match &undo {
            Undo::Whole(old) if old.mark != self.config.mark => Some(old.mark),
            _ => None,
        };
        self.journal.note(now, Event::ClassSet);
        self.configure(now);
        self.remark.take_marked();
        self.remark.begin();
        if let Some(old) = old_layout {
            self.remark.layout_was(old);
        }
        self.save_soon(now);
        self.pending = Some(Pending {
            client,
            mac,
            undo,
            was,
            failure: None,
        });
    }

    /// The kernel refused what a client wants: what was before comes back. `None` when nothing is to be undone.
    pub(super) fn undo_pending(&mut self, now: Instant, trouble: &Trouble) -> Option<Failure> {
        let pending = self
            .pending
            .as_mut()
            .filter(|pending| pending.failure.is_none())?;
        // What does not work yet is not made worse by a device's class; and what waits for an interface has not been refused.
        let whole = matches!(pending.undo, Undo::Whole(_));
        if trouble.waits_for_news() || !(whole || pending.was.well) {
            return None;
        }
        let unsaved = pending.was.unsaved;
        match core::mem::replace(&mut pending.undo, Undo::Device(Mac([0; 6]), None)) {
            Undo::Device(mac, before) => {
                // It was there before, so there is room.
                let _ = self.put_device(mac, before);
            }
            Undo::Whole(old) => self.config = old,
        }
        self.saving.due = unsaved;
        if !unsaved {
            self.timers.clear(Timer::Save);
        }
        self.configure(now);
        self.remark.begin();
        Some(Failure::refused(format_args!(
            "{trouble}; the configuration was left as it was"
        )))
    }

    fn flow_filter(&self, request: Request<'_>) -> Result<FlowFilter, Box<Failure>> {
        let device = match request.device {
            Some(text) => Some(
                self.find_device(text)
                    .map_err(|not_found| not_found.failure())?
                    .mac,
            ),
            None => None,
        };
        let class = match request.class {
            Some(text) => {
                let parsed = Class::parse(text);
                Some(parsed.map_err(|unknown| {
                    Failure::input(format_args!("class: {unknown}, found {text}"))
                })?)
            }
            None => None,
        };
        Ok(FlowFilter { device, class })
    }

    /// The device that a MAC address, an IP address or a name means.
    fn find_device<'a>(&'a self, text: &'a str) -> Result<&'a Device, NotFound<'a>> {
        if let Ok(mac) = Mac::parse(text) {
            let id = self.devices.find(mac).ok_or(NotFound::UnseenMac(mac))?;
            return self.devices.get(id).ok_or(NotFound::UnseenMac(mac));
        }
        if let Ok(address) = IpAddr::from_str(text) {
            let id = self
                .devices
                .by_address(address)
                .ok_or(NotFound::Nobody(text))?;
            return self.devices.get(id).ok_or(NotFound::Nobody(text));
        }
        let mut named = self.devices.named(text);
        match (named.next(), named.next()) {
            (Some(device), None) => Ok(device),
            (Some(one), Some(other)) => Err(NotFound::Several(text, one.mac, other.mac)),
            (None, _) => Err(NotFound::Nobody(text)),
        }
    }
}
