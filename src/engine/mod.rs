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

mod calendar;
mod caps;
mod change;
mod devices;
mod doctor;
mod echo;
mod ifb;
mod input;
mod journal;
mod lanes;
mod leaf;
pub mod limits;
mod links;
mod looks;
mod page;
mod path;
mod pending;
mod policy;
mod rates;
mod remark;
mod report;
mod request;
mod rules;
mod timers;
mod trees;
mod tries;
mod trouble;
mod watch;
mod whom;

use heapless::Vec;

use crate::config::{Config, LANS_MAX, write_compact};
use crate::control::{Failure, Finding};
use crate::value::{
    Before, Crc32, IfIndex, IfName, Instant, MarkLayout, Refused, TcHandle, policy,
};

pub use calendar::InForce;
pub use caps::{Cap, Caps, cap_handle, slot_of};
pub use devices::{Device, DeviceId, Devices, Located, Seen, Told, Traffic};
pub use ifb::{IFB_NAME, Ifb};
pub use input::{
    Abilities, Answer, Client, FlowFilter, Input, Judgement, Lease, Look, Op, Put, Route, Step,
};
pub use journal::{Entry, Event, Journal};
pub use lanes::{Lanes, Line, MAJOR, Node, Part, Queue, minor as class_minor, root_handle};
pub use links::{Learned, Links, Places, Unplaced};
pub use page::Home;
pub use policy::{classify, narrowest};
pub use timers::{Timer, Timers};
pub use trees::{Foreign, Tree, Trees};
pub use tries::{TRIES_AN_ADDRESS, TRIES_MAX, TRIES_WITHIN, Tries};
pub use trouble::Trouble;

use limits::RETRY_MIN_S;
use looks::Unknown;
use pending::Pending;
use rates::Rates;
use remark::Remark;
use request::Asked;
use rules::RulesSeen;
use trouble::Fights;

/// See the module.
#[derive(Debug)]
pub struct Engine {
    config: Box<Config>,
    /// Of its rules.
    policy: u32,
    abilities: Abilities,
    started: Instant,
    goal: Goal,
    links: Links,
    trees: Trees,
    ifb: Ifb,
    rules: RulesSeen,
    /// Where flowtables of other programs take packets.
    arrivals: Vec<IfName, { limits::ARRIVALS_MAX }>,
    devices: Devices,
    remark: Remark,
    rates: Rates,
    journal: Journal,
    timers: Timers,
    /// What is not known any more.
    unknown: Unknown,
    /// A list could not be seen: nothing is decided by what is left of it.
    blind: bool,
    /// Which LANs there were when the neighbours were last asked for.
    neighbours_of: [IfIndex; LANS_MAX],
    /// Lists in a row that were overtaken by changes.
    busy_looks: u8,
    /// When everything was last looked at because events were lost, and when the neighbours were.
    resynced: Option<Instant>,
    resynced_neighbours: Option<Instant>,
    /// What `Input::Done` will be about.
    doing: Option<Op>,
    /// What the kernel was like before us.
    before: Option<Before>,
    accounting: Before,
    /// Why what is wished is not what is.
    trouble: Option<Trouble>,
    /// How long the next wait after a refusal is, in seconds.
    retry_s: u16,
    fights: Fights,
    /// Changes that came together, and are carried out or undone together.
    pending: Vec<Pending, { limits::WAITING_CLIENTS_MAX }>,
    asked: rates::Waiting,
    refused_clients: Vec<(Client, Box<Failure>), { limits::WAITING_CLIENTS_MAX }>,
    saving: Saving,
    gave_up: change::GaveUp,
    bypass: doctor::Bypass,
    calendar: calendar::Calendar,
    /// What is told of the admin page; nothing until somebody knows.
    page: Finding,
    watch: watch::Watch,
    echo: echo::Echo,
    path: path::Path,
    /// CRC-32 of the configuration in force, as one line.
    config_crc: u32,
}

/// What the engine works towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// What the configuration says.
    Configured,
    /// Nothing of ours in the kernel.
    Gone,
    /// That has been reached, as far as the kernel let us.
    Over,
}

/// Where the configuration in force is.
#[derive(Clone, Debug, Default)]
struct Saving {
    /// It differs from what is on flash.
    due: bool,
    last: Option<Instant>,
    refused: Option<Refused>,
    /// Why what is in force is not what is on flash: that is spoiled. Empty when it is not.
    spoiled: crate::control::Text,
}

impl Engine {
    /// An engine that knows its configuration and nothing else yet.
    pub fn new(now: Instant, config: Box<Config>, abilities: Abilities) -> Engine {
        let mut engine = Engine {
            config,
            policy: 0,
            abilities,
            started: now,
            goal: Goal::Configured,
            links: Links::default(),
            trees: Trees::default(),
            ifb: Ifb::default(),
            rules: RulesSeen::default(),
            arrivals: Vec::new(),
            devices: Devices::default(),
            remark: Remark::default(),
            rates: Rates::default(),
            journal: Journal::default(),
            timers: Timers::default(),
            unknown: Unknown::EVERYTHING,
            blind: false,
            neighbours_of: [IfIndex(0); LANS_MAX],
            busy_looks: 0,
            resynced: None,
            resynced_neighbours: None,
            doing: None,
            before: None,
            accounting: Before { acct: None },
            trouble: None,
            retry_s: RETRY_MIN_S,
            fights: Fights::default(),
            pending: Vec::new(),
            asked: Vec::new(),
            refused_clients: Vec::new(),
            saving: Saving::default(),
            gave_up: change::GaveUp::default(),
            bypass: doctor::Bypass::default(),
            calendar: calendar::Calendar::default(),
            page: Finding::default(),
            watch: watch::Watch::default(),
            echo: echo::Echo::default(),
            path: path::Path::default(),
            config_crc: 0,
        };
        engine.configure(now);
        // Whoever ran before us may have died between a change of the rules or the map and the walk.
        engine.remark.rules_are(engine.policy, false);
        engine.remark.begin();
        engine
    }

    /// Takes everything of ours out of the kernel, and then ends. Nobody is told.
    pub fn leave(&mut self) {
        self.goal = Goal::Gone;
    }

    /// What was stored is spoiled, and in force is something else. The health tells of it until a configuration is stored or read again.
    pub fn found_spoiled(&mut self, words: core::fmt::Arguments<'_>) {
        self.saving.spoiled = report::text(words);
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// CRC-32 of the configuration in force, as [`write_compact`] makes it one line.
    pub fn config_crc(&self) -> u32 {
        self.config_crc
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

    fn layout(&self) -> MarkLayout {
        self.config.mark
    }

    fn configure(&mut self, now: Instant) {
        self.policy = policy(&self.config.rules);
        let mut crc = Crc32::default();
        // It takes whatever is written to it.
        let _ = write_compact(&self.config, &mut crc);
        self.config_crc = crc.value();
        self.unknown.clock = !self.config.schedules.is_empty();
        self.calendar.forget();
        self.timers.clear(Timer::Clock);
        self.enlist(now);
        self.fights.forget_places();
        self.begin_anew();
    }

    /// The devices get the classes that they are in now.
    fn enlist(&mut self, now: Instant) {
        let refused = self
            .devices
            .configure(&self.config, self.calendar.in_force());
        for _ in 0..refused {
            self.journal.note(now, Event::DeviceRefused);
        }
    }

    /// What failed before is tried again, whatever it was.
    fn begin_anew(&mut self) {
        self.timers.clear(Timer::Retry);
        self.trouble = None;
        self.gave_up = change::GaveUp::default();
        if self.blind {
            self.look_again();
        }
    }

    /// Takes one input. Afterwards [`Engine::poll`] wants to be called.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Link(link) => match self.links.learn(link) {
                Learned::Known => {}
                Learned::News => {
                    // IPv4 routes of a device that is switched off go without a word.
                    self.unknown.routes = true;
                    self.news();
                }
                Learned::Full => self.journal.note(now, Event::LinkRefused),
            },
            Input::LinkGone(dev) => {
                // One that found no room is not told of again by itself.
                self.unknown.links |= self.links.lose(dev);
                self.trees.lose(dev);
                self.ifb.lose(dev);
                // The route went with it, and the kernel does not always say so.
                self.unknown.routes = true;
                self.news();
            }
            Input::RoutesChanged => {
                self.unknown.routes = true;
                self.news();
            }
            Input::DefaultRoute(route) => self.links.learn_route(route),
            Input::Neighbour(neighbour) => self.see_neighbour(now, &neighbour),
            Input::Lease(lease) => self.see_lease(now, &lease),
            Input::Qdisc(qdisc) if qdisc.parent == TcHandle::CLSACT => self.ifb.learn_hook(&qdisc),
            Input::Qdisc(qdisc) => self.trees.learn_qdisc(&qdisc),
            Input::Filter(filter) => self.ifb.learn_filter(&filter),
            Input::Class(class) => self.trees.learn_class(&class),
            Input::TreeTouched(dev) => {
                match self.links.places(&self.config) {
                    Ok(places) if places.all().iter().all(|link| link.index != dev) => {}
                    Ok(_) => {
                        self.unknown.qdiscs = true;
                        self.fights.touched = true;
                        self.news();
                    }
                    // It may be one of both later, and what was seen of it is not true any more.
                    Err(_) => self.unknown.qdiscs = true,
                }
            }
            Input::Rule(seen) => self.see_rule(seen),
            Input::RulesTouched => {
                self.unknown.rules = true;
                self.fights.touched = true;
                self.news();
            }
            Input::FlowtablesTouched => {
                self.unknown.rules = true;
                self.news();
            }
            Input::Accounting(before) => self.accounting = before,
            Input::Bytes(bytes) => self.rates.learn_bytes(bytes),
            Input::Fill { flows, flows_max } => self.rates.learn_fill(flows, flows_max),
            Input::Unmarked(cause) => self.unmarked(now, cause),
            Input::Clock { unix_s, zone } => self.see_clock(now, unix_s, zone),
            Input::Module(name) => self.bypass.learn(name),
            Input::Lost => self.lost(now, Timer::Resync),
            Input::NeighboursLost => self.lost(now, Timer::ResyncNeighbours),
            Input::Done(result) => self.done(now, result),
            Input::Request(client, request) => self.request(now, client, request),
            Input::Apply(client, config) => self.apply(now, client, config),
            Input::Reload(config) => self.reload(now, config),
            Input::Left(client) => self.forget_client(client),
            Input::Echo { tenth_ms } => self.echo.learn(now, tenth_ms),
            Input::Passed { seq } => self.path.passed(now, seq),
            Input::TooLarge { seq, mtu } => self.path.too_large(now, seq, mtu),
            Input::Taken(client) => self.watch.taken(client),
        }
    }

    /// The world is different: what failed before may work now.
    pub(super) fn news(&mut self) {
        if !matches!(self.trouble, Some(Trouble::Fight { .. })) {
            self.timers.clear(Timer::Retry);
            if self.blind {
                self.look_again();
            }
        }
    }

    /// The next thing to do, or how long to wait.
    pub fn poll(&mut self, now: Instant) -> Step {
        self.wake(now);
        if let Some(look) = self.next_look() {
            return self.look(look);
        }
        // Not with each list that was seen: two of them may be asked for in turn.
        self.busy_looks = 0;
        if let Some(op) = self.next_op(now) {
            self.doing = Some(op);
            return Step::Do(op);
        }
        // Not before: what is not as wished yet would be missed.
        if core::mem::take(&mut self.unknown.presence) && self.is_on() {
            return self.look(Look::Presence);
        }
        // With everything in place the counters are wanted.
        if let Some(look) = self.next_look() {
            return self.look(look);
        }
        if self.remark_due() {
            return self.look(Look::Flows);
        }
        if self.saving.due && !self.timers.is_set(Timer::Save) {
            return self.save();
        }
        if let Some(op) = self.next_sounding(now) {
            self.doing = Some(op);
            return Step::Do(op);
        }
        if let Some((client, answer)) = self.next_answer(now) {
            return Step::Answer(client, answer);
        }
        if self.goal == Goal::Over {
            return Step::End;
        }
        if let Some(look) = self.next_count(now) {
            return self.look(look);
        }
        if let Some(client) = self.next_watcher(now) {
            return Step::Answer(client, Answer::Watch);
        }
        // Last: nothing else takes time until the answer comes.
        if let Some(op) = self.next_echo() {
            self.doing = Some(op);
            return Step::Do(op);
        }
        Step::Wait(self.timers.next(now))
    }

    fn wake(&mut self, now: Instant) {
        if self.timers.take_due(Timer::Health, now) {
            self.ask_for_counters();
            self.unknown.presence = self.abilities.has_xtables();
        }
        if self.timers.take_due(Timer::Retry, now) {
            self.gave_up = change::GaveUp::default();
            self.look_again();
        }
        self.resync_if_due(now);
        // These are looked at where they matter: a timer that is not set holds nothing back.
        self.timers.take_due(Timer::Save, now);
        self.timers.take_due(Timer::RateWindow, now);
        self.timers.take_due(Timer::Path, now);
        // The next comparison finds the wished rates whole again.
        self.timers.take_due(Timer::Drain, now);
        if self.timers.take_due(Timer::Clock, now) {
            self.unknown.clock = true;
        }
        if self.timers.take_due(Timer::Remark, now) {
            self.remark.begin();
        }
        if self.timers.take_due(Timer::Watch, now) {
            self.ask_for_watchers();
        }
    }

    /// The next change, unless the kernel's last no is too young, or there is nothing to change.
    fn next_op(&mut self, now: Instant) -> Option<Op> {
        if self.timers.is_set(Timer::Retry) || self.goal == Goal::Over {
            return None;
        }
        match self.next_change() {
            Ok(Some(op)) => {
                // Who leaves fights for nothing.
                let may_fight = self.is_on() && self.fights.touched;
                if may_fight && self.fought(now) {
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

    fn save(&mut self) -> Step {
        self.doing = Some(Op::Save);
        Step::Do(Op::Save)
    }

    /// Whether something of ours is meant to be in the kernel.
    fn is_on(&self) -> bool {
        self.config.enabled && self.goal == Goal::Configured && !self.off_by_schedule()
    }
}
