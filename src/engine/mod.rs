//! Decisions: what the kernel should be like, how it differs from what was seen, and what to do about it.
//!
//! Must not: read a clock, file, socket or environment, know bytes on a wire, or run anything. Time is an argument, what was seen is an
//! input, losing events is an input too.
//!
//! Words: what the configuration asks for is *wished*; what the kernel told is *seen*; a *look* is a question to the kernel whose
//! answers come as inputs; a *change* is an operation that brings what is seen nearer to what is wished.
//!
//! How it is driven, by law:
//! 1. [`Engine::handle`] one input;
//! 2. then [`Engine::poll`] until it says [`Step::Wait`]. For [`Step::Do`]: carry it out, hand in what was seen, and at last
//!    [`Input::Done`]. While a [`Look::Flows`] goes on, each flow is shown to [`Engine::judge`], and its judgement is carried out at once:
//!    a table of 260,000 flows is decided without being kept.
//! 3. After the wait, or with the next input, go on at 1 (a `poll` too many does no harm).
//!
//! Nothing is queued: `poll` compares what is wished with what is seen each time and names the first difference. So a change that
//! failed, a program that died half-way and another program's interference are one case, and starting twice changes nothing.
//!
//! When full: `limits.rs` names each table's rule. Told nonsense: the wire and the configuration keep it out; a request for a
//! device or class that is not there is answered with a failure.

mod change;
mod devices;
mod doctor;
mod input;
mod journal;
mod lanes;
pub mod limits;
mod links;
mod rates;
mod remark;
mod report;
mod request;
mod rules;
mod timers;
mod trees;
mod trouble;

use core::time::Duration;

use heapless::Vec;

use crate::config::Config;
use crate::control::Failure;
use crate::value::{Before, Instant, MarkLayout, Refused};

pub use devices::{Device, DeviceId, Devices, Located, Seen, Traffic};
pub use input::{
    Abilities, Answer, Client, FlowFilter, Input, Judgement, Lease, Look, Op, Put, Step,
};
pub use journal::{Entry, Event, Journal};
pub use lanes::{
    LINE, Lane, Lanes, Line, MAJOR, Queue, ROOT, handle as class_handle, minor as class_minor,
};
pub use links::{Learned, Links, Places, Unplaced};
pub use timers::{Timer, Timers};
pub use trees::{Foreign, Tree, Trees};
pub use trouble::Trouble;

use limits::{FIGHT_WINDOW, FIGHTS_MAX, HEALTH_EVERY, RETRY_MAX, RETRY_MIN};
use rates::Rates;
use remark::Remark;
use request::{Asked, Pending};
use rules::RulesSeen;

/// See the module.
#[derive(Debug)]
pub struct Engine {
    config: Box<Config>,
    abilities: Abilities,
    started: Instant,
    goal: Goal,
    links: Links,
    trees: Trees,
    rules: RulesSeen,
    devices: Devices,
    remark: Remark,
    rates: Rates,
    journal: Journal,
    timers: Timers,
    /// What is not known any more.
    unknown: Unknown,
    /// What `Input::Done` will be about.
    doing: Option<Op>,
    /// What the kernel was like before us.
    before: Option<Before>,
    accounting: Before,
    /// Why what is wished is not what is.
    trouble: Option<Trouble>,
    retry: Duration,
    fights: Fights,
    pending: Option<Pending>,
    asked: rates::Waiting,
    refused_clients: Vec<(Client, Box<Failure>), { limits::WAITING_CLIENTS_MAX }>,
    saving: Saving,
    gave_up: change::GaveUp,
    bypass: doctor::Bypass,
}

/// What the engine works towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// What the configuration says.
    Configured,
    /// Nothing of ours in the kernel; whoever asked is told.
    Gone(Option<Client>),
    /// That has been reached, and told.
    Over,
}

/// What has to be looked at before anything is decided.
#[derive(Clone, Copy, Debug)]
struct Unknown {
    links: bool,
    routes: bool,
    neighbours: bool,
    leases: bool,
    accounting: bool,
    rules: bool,
    /// The qdiscs; then the classes of the WAN's and the LAN's device.
    qdiscs: bool,
    classes: [Option<crate::value::IfIndex>; 2],
    bytes: bool,
    fill: bool,
    modules: bool,
}

impl Unknown {
    const EVERYTHING: Unknown = Unknown {
        links: true,
        routes: true,
        neighbours: true,
        leases: true,
        accounting: true,
        rules: true,
        qdiscs: true,
        classes: [None; 2],
        bytes: false,
        fill: false,
        modules: false,
    };
}

/// Other programs that undo what we do.
#[derive(Clone, Copy, Debug, Default)]
struct Fights {
    /// Somebody touched something since all was last as wished.
    touched: bool,
    since: Option<Instant>,
    rounds: u8,
}

/// Where the configuration in force is.
#[derive(Clone, Debug, Default)]
struct Saving {
    /// It differs from what is on flash.
    due: bool,
    last: Option<Instant>,
    refused: Option<Refused>,
}

impl Engine {
    /// An engine that knows its configuration and nothing else yet.
    pub fn new(now: Instant, config: Box<Config>, abilities: Abilities) -> Engine {
        let mut engine = Engine {
            config,
            abilities,
            started: now,
            goal: Goal::Configured,
            links: Links::default(),
            trees: Trees::default(),
            rules: RulesSeen::default(),
            devices: Devices::default(),
            remark: Remark::default(),
            rates: Rates::default(),
            journal: Journal::default(),
            timers: Timers::default(),
            unknown: Unknown::EVERYTHING,
            doing: None,
            before: None,
            accounting: Before { acct: None },
            trouble: None,
            retry: RETRY_MIN,
            fights: Fights::default(),
            pending: None,
            asked: Vec::new(),
            refused_clients: Vec::new(),
            saving: Saving::default(),
            gave_up: change::GaveUp::default(),
            bypass: doctor::Bypass::default(),
        };
        engine.configure(now);
        engine
    }

    /// Takes everything of ours out of the kernel, and then ends. Nobody is told.
    pub fn leave(&mut self) {
        self.goal = Goal::Gone(None);
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The devices.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// What happened.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether the configuration in force still has to be stored.
    pub fn save_due(&self) -> bool {
        self.saving.due
    }

    /// The clock of this kernel's scheduler.
    pub fn ticks(&self) -> crate::value::TickRate {
        self.abilities.ticks
    }

    /// Why what is wished is not what is; none when it is.
    pub fn trouble_text(&self) -> Option<crate::control::Text> {
        self.trouble
            .as_ref()
            .map(|trouble| report::text(format_args!("{trouble}")))
    }

    /// Whether everything is in the kernel as wished, as far as is known.
    pub fn is_settled(&self) -> bool {
        self.trouble.is_none() && self.doing.is_none()
    }

    fn layout(&self) -> MarkLayout {
        self.config.mark
    }

    fn configure(&mut self, now: Instant) {
        let refused = self.devices.configure(&self.config);
        for _ in 0..refused {
            self.journal.note(now, Event::DeviceRefused);
        }
        self.timers.clear(Timer::Retry);
        self.trouble = None;
        self.gave_up = change::GaveUp::default();
    }

    /// Takes one input. Afterwards [`Engine::poll`] wants to be called.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Link(link) => match self.links.learn(link) {
                Learned::Known => {}
                Learned::News => self.news(),
                Learned::Full => self.journal.note(now, Event::LinkRefused),
            },
            Input::LinkGone(dev) => {
                self.links.lose(dev);
                self.trees.lose(dev);
                // The route went with it, and the kernel does not always say so.
                self.unknown.routes = true;
                self.news();
            }
            Input::RoutesChanged => {
                self.unknown.routes = true;
                self.news();
            }
            Input::DefaultRoute { dev, metric } => self.links.learn_route(dev, metric),
            Input::Neighbour(neighbour) => self.see_neighbour(now, &neighbour),
            Input::Lease(lease) => self.see_lease(now, &lease),
            Input::Qdisc(qdisc) => self.trees.learn_qdisc(&qdisc),
            Input::Class(class) => self.trees.learn_class(&class),
            Input::TreeTouched(dev) => {
                if self
                    .links
                    .places(&self.config)
                    .is_ok_and(|places| [places.wan.index, places.lan.index].contains(&dev))
                {
                    self.unknown.qdiscs = true;
                    self.fights.touched = true;
                    self.news();
                }
            }
            Input::Rule(seen) => self.see_rule(seen),
            Input::RulesTouched => {
                self.unknown.rules = true;
                self.fights.touched = true;
                self.news();
            }
            Input::Accounting(before) => self.accounting = before,
            Input::Bytes(bytes) => self.rates.learn_bytes(bytes),
            Input::Fill { flows, flows_max } => self.rates.learn_fill(flows, flows_max),
            Input::Unmarked(cause) => self.unmarked(now, cause),
            Input::Module(name) => self.bypass.learn(name),
            Input::Lost => {
                self.journal.note(now, Event::Resynced);
                self.unknown = Unknown {
                    modules: self.unknown.modules,
                    ..Unknown::EVERYTHING
                };
                self.news();
            }
            Input::Done(result) => self.done(now, result),
            Input::Request(client, request) => self.request(now, client, request),
            Input::Apply(client, config) => self.apply(now, client, config),
            Input::Reload(config) => self.reload(now, config),
            Input::Left(client) => self.forget_client(client),
        }
    }

    /// The world is different: what failed before may work now.
    fn news(&mut self) {
        if !matches!(self.trouble, Some(Trouble::Fight { .. })) {
            self.timers.clear(Timer::Retry);
        }
    }

    /// The next thing to do, or how long to wait.
    pub fn poll(&mut self, now: Instant) -> Step {
        self.wake(now);
        if let Some(look) = self.next_look() {
            return self.look(look);
        }
        if let Some(op) = self.next_op(now) {
            self.doing = Some(op.clone());
            return Step::Do(op);
        }
        if self.remark_due() {
            return self.look(Look::Flows);
        }
        if let Some((client, answer)) = self.next_answer(now) {
            return Step::Answer(client, answer);
        }
        if self.goal == Goal::Over {
            return Step::End;
        }
        if self.saving.due && !self.timers.is_set(Timer::Save) {
            return self.save();
        }
        if let Some(look) = self.next_count(now) {
            return self.look(look);
        }
        Step::Wait(self.timers.next(now))
    }

    fn wake(&mut self, now: Instant) {
        if self.timers.take_due(Timer::Health, now) {
            self.ask_for_counters();
        }
        // Retry, Save and RateWindow are looked at where they matter: a timer that is not set holds nothing back.
        self.timers.take_due(Timer::Retry, now);
        self.timers.take_due(Timer::Save, now);
        self.timers.take_due(Timer::RateWindow, now);
        // The next comparison finds the wished rates whole again.
        self.timers.take_due(Timer::Drain, now);
        if self.timers.take_due(Timer::Remark, now) {
            self.remark.begin();
        }
    }

    fn look(&mut self, look: Look) -> Step {
        match look {
            Look::Links => self.links.forget(),
            Look::Routes => self.links.forget_routes(),
            Look::Qdiscs => self.forget_trees(),
            Look::Rules => {
                self.rules = RulesSeen::unseen(&self.rules);
                self.devices
                    .iter_mut()
                    .for_each(|device| device.kernel_class = None);
            }
            Look::Flows => self.begin_flows(),
            Look::Modules => self.bypass = doctor::Bypass::default(),
            _ => {}
        }
        self.doing = Some(Op::Look(look));
        Step::Do(Op::Look(look))
    }

    fn forget_trees(&mut self) {
        let devices = match self.links.places(&self.config) {
            Ok(places) => [Some(places.wan.index), Some(places.lan.index)],
            Err(_) => [None; 2],
        };
        self.trees.forget(devices);
        self.unknown.classes = devices;
    }

    fn next_look(&mut self) -> Option<Look> {
        let unknown = &mut self.unknown;
        let mut due = |flag: fn(&mut Unknown) -> &mut bool, look: Look| {
            core::mem::take(flag(unknown)).then_some(look)
        };
        due(|u| &mut u.links, Look::Links)
            .or_else(|| due(|u| &mut u.routes, Look::Routes))
            .or_else(|| due(|u| &mut u.neighbours, Look::Neighbours))
            .or_else(|| due(|u| &mut u.leases, Look::Leases))
            .or_else(|| due(|u| &mut u.accounting, Look::Accounting))
            .or_else(|| due(|u| &mut u.rules, Look::Rules))
            .or_else(|| due(|u| &mut u.qdiscs, Look::Qdiscs))
            .or_else(|| {
                unknown
                    .classes
                    .iter_mut()
                    .find_map(Option::take)
                    .map(Look::Classes)
            })
            .or_else(|| self.next_counter_look())
    }

    fn next_counter_look(&mut self) -> Option<Look> {
        if core::mem::take(&mut self.unknown.bytes)
            && let Ok(places) = self.links.places(&self.config)
        {
            return Some(Look::Bytes(places.wan.index));
        }
        if core::mem::take(&mut self.unknown.fill) {
            return Some(Look::Fill);
        }
        core::mem::take(&mut self.unknown.modules).then_some(Look::Modules)
    }

    /// The next change, unless the kernel's last no is too young, or there is nothing to change.
    fn next_op(&mut self, now: Instant) -> Option<Op> {
        if self.timers.is_set(Timer::Retry) || self.goal == Goal::Over {
            return None;
        }
        match self.next_change() {
            Ok(Some(op)) => {
                if self.fights.touched && self.pending.is_none() && self.fought(now) {
                    return None;
                }
                Some(op)
            }
            Ok(None) => {
                self.settle(now);
                None
            }
            Err(trouble) => {
                self.in_trouble(now, trouble);
                None
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        self.trouble = None;
        self.retry = RETRY_MIN;
        self.fights.touched = false;
        if self.is_on() && !self.timers.is_set(Timer::Health) {
            // The first look at the counters is the start of the first interval.
            if self.rates.is_unsampled() {
                self.ask_for_counters();
            }
            self.timers.set(Timer::Health, now.after(HEALTH_EVERY));
        }
    }

    /// Something of ours was undone by somebody. Returns whether we stop putting it back.
    fn fought(&mut self, now: Instant) -> bool {
        self.fights.touched = false;
        self.journal.note(now, Event::Fought);
        match self.fights.since {
            Some(since) if now.since(since) < FIGHT_WINDOW => {
                self.fights.rounds = self.fights.rounds.saturating_add(1)
            }
            _ => {
                self.fights = Fights {
                    touched: false,
                    since: Some(now),
                    rounds: 1,
                }
            }
        }
        if self.fights.rounds <= FIGHTS_MAX {
            return false;
        }
        self.trouble = Some(Trouble::Fight { rounds: FIGHTS_MAX });
        self.timers.set(Timer::Retry, now.after(FIGHT_WINDOW));
        true
    }

    fn in_trouble(&mut self, now: Instant, trouble: Trouble) {
        let waits = trouble.waits_for_news();
        self.journal.note(now, Event::Refused);
        if let Some(failure) = self.undo_pending(now, &trouble) {
            self.fail_pending(Box::new(failure));
            return;
        }
        if waits {
            // An event will tell: nothing to try in the meantime. A far timer only guards against an event that is never sent.
            self.timers.set(Timer::Retry, now.after(RETRY_MAX));
        } else {
            self.timers.set(Timer::Retry, now.after(self.retry));
            self.retry = (self.retry * 2).min(RETRY_MAX);
        }
        self.trouble = Some(trouble);
    }

    fn fail_pending(&mut self, failure: Box<Failure>) {
        if let Some(pending) = &mut self.pending {
            pending.failure = Some(failure);
        }
    }

    fn save(&mut self) -> Step {
        self.doing = Some(Op::Save);
        Step::Do(Op::Save)
    }

    /// Whether something of ours is meant to be in the kernel.
    fn is_on(&self) -> bool {
        self.config.enabled && self.goal == Goal::Configured
    }
}
