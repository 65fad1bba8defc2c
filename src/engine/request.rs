//! What clients ask for, and what they are told. What they want changed: see `pending`.

use core::fmt;

use super::limits::WAITING_CLIENTS_MAX;
use super::pending::Pending;
use super::report::text;
use super::whom::input;
use super::{Answer, Client, Engine, FlowFilter, Goal, Timer};
use crate::control::{Changed, Failure, Request, Text, Verb};
use crate::value::{Instant, Mac};

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

/// The system refused.
pub(super) fn refused(words: fmt::Arguments<'_>) -> Box<Failure> {
    Box::new(Failure::refused(words))
}

pub(super) fn too_many() -> Box<Failure> {
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

    pub(super) fn refuse_if(&mut self, client: Client, taken: Result<(), Box<Failure>>) {
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
}
