//! An engine between a kernel, a flash and a clock that all belong to the test.

use std::net::Ipv4Addr;
use std::time::Duration;

use lanemark::config::Config;
use lanemark::control::{Changed, Device, Failure, Request, Status, Verb};
use lanemark::engine::limits::{DRAIN, RATE_WINDOW, RETRY_MAX};
use lanemark::engine::{Abilities, Answer, Client, Engine, Input, Look, Op, Step};
use lanemark::value::{Cause, IfbVerb, Instant, Refused};

use super::house;
use super::kernel::Kernel;

/// Steps that the engine may take before it waits: 512 devices and two trees take some 60. More is a livelock.
const STEPS_MAX: usize = 2_000;

/// What happens in the kernel right behind an operation, before the engine hears how it ended.
type Meanwhile = Box<dyn FnMut(&Op, &mut Kernel)>;

/// An operation that is refused.
#[derive(Clone, Copy, Debug)]
pub struct No {
    /// See [`kind`].
    pub kind: &'static str,
    /// So many of the kind pass before.
    pub skip: usize,
    /// So many are refused.
    pub times: usize,
    pub cause: Cause,
}

pub struct World {
    pub now: Instant,
    pub kernel: Kernel,
    pub engine: Box<Engine>,
    pub abilities: Abilities,
    /// Everything that was carried out or refused since it was last taken, looks too.
    pub ops: Vec<Op>,
    pub answers: Vec<(u8, Answer)>,
    /// What watchers were told: when, and each line.
    pub told: Vec<(u8, Instant, String)>,
    /// This watcher does not take what it is told.
    pub slow: Option<u8>,
    /// Who answers echo requests, and after how many tenths of a millisecond.
    pub far: Vec<(Ipv4Addr, u32)>,
    /// How long a walk through the flows takes.
    pub walk_ms: u64,
    pub refusals: Vec<No>,
    /// Every mark is refused so.
    pub unmarkable: Option<Cause>,
    pub meanwhile: Option<Meanwhile>,
    /// The engine hears of nothing by itself, and is told so once it hears again.
    pub deaf: bool,
    missed: bool,
    /// What is on flash, and when it was written.
    pub flash: Option<Config>,
    pub writes: Vec<Instant>,
    pub ended: bool,
}

/// The kind of an operation, for refusals and for short lists.
pub fn kind(op: &Op) -> &'static str {
    match op {
        Op::Look(Look::Links) => "look at links",
        Op::Look(Look::Routes) => "look at routes",
        Op::Look(Look::Neighbours) => "look at neighbours",
        Op::Look(Look::Leases) => "look at leases",
        Op::Look(Look::Qdiscs) => "look at qdiscs",
        Op::Look(Look::Classes(_)) => "look at classes",
        Op::Look(Look::Filters(_)) => "look at filters",
        Op::Look(Look::Rules) => "look at rules",
        Op::Look(Look::Presence) => "look for the rules",
        Op::Look(Look::Accounting) => "look at accounting",
        Op::Look(Look::Bytes(_)) => "look at bytes",
        Op::Look(Look::Fill) => "look at fill",
        Op::Look(Look::Flows) => "look at flows",
        Op::Look(Look::Modules) => "look at modules",
        Op::Look(Look::Clock) => "look at the clock",
        Op::Root { .. } => "root",
        Op::Class { .. } => "class",
        Op::DeleteClass { .. } => "delete class",
        Op::Leaf { .. } => "leaf",
        Op::DeleteRoot { .. } => "delete root",
        Op::Ifb(change) => match change.verb {
            IfbVerb::Make => "ifb",
            IfbVerb::On => "ifb on",
            IfbVerb::Delete => "delete ifb",
            IfbVerb::Hook => "hook",
            IfbVerb::Unhook => "delete hook",
            IfbVerb::Redirect => "redirect",
            IfbVerb::Release => "release",
        },
        Op::Rules { .. } => "rules",
        Op::Adopt(_) => "adopt",
        Op::Elements(_) => "elements",
        Op::DeleteRules => "delete rules",
        Op::Accounting(_) => "accounting",
        Op::Save => "save",
        Op::Echo { .. } => "echo",
        Op::Sound { .. } => "sound",
    }
}

impl World {
    /// The house, the configuration on flash, and an engine that has not begun.
    pub fn new(config: &Config) -> World {
        World::of(house::kernel(), config, house::ABLE)
    }

    pub fn of(kernel: Kernel, config: &Config, abilities: Abilities) -> World {
        let now = Instant::from_ms(1_000_000);
        World {
            now,
            kernel,
            engine: Box::new(Engine::new(now, Box::new(config.clone()), abilities)),
            abilities,
            ops: Vec::new(),
            answers: Vec::new(),
            told: Vec::new(),
            slow: None,
            far: Vec::new(),
            walk_ms: 0,
            refusals: Vec::new(),
            unmarkable: None,
            meanwhile: None,
            deaf: false,
            missed: false,
            flash: Some(config.clone()),
            writes: Vec::new(),
            ended: false,
        }
    }

    /// The same, driven until everything is in place.
    pub fn settled(config: &Config) -> World {
        let mut world = World::new(config);
        world.settle();
        world
    }

    /// Drives until everything is in place, at the line's whole rate.
    pub fn settle(&mut self) {
        self.drive();
        self.pass(u64::try_from(DRAIN.as_millis()).unwrap());
        assert_eq!(self.engine.trouble_text(), None);
        self.ops.clear();
    }

    /// Lets the longest retry pass, and what follows from it.
    pub fn settle_later(&mut self) {
        self.pass(u64::try_from((RETRY_MAX + DRAIN).as_millis()).unwrap());
        assert_eq!(self.engine.trouble_text(), None);
    }

    /// `kill -9`, and a new start over what is in the kernel and on flash.
    pub fn restart(&mut self) {
        if let Some(table) = &mut self.kernel.table {
            table.owned = false;
        }
        let config = self.flash.clone().unwrap_or_default();
        *self.engine = Engine::new(self.now, Box::new(config), self.abilities);
        self.ended = false;
    }

    /// Drives so many operations far, and no further.
    pub fn drive_steps(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.engine.poll(self.now) {
                Step::Do(op) => self.carry_out(&op),
                Step::Answer(client, answer) => self.hear(client, answer),
                Step::Wait(_) | Step::End => return,
            }
        }
    }

    pub fn drive(&mut self) -> Option<Duration> {
        for _ in 0..STEPS_MAX {
            match self.engine.poll(self.now) {
                Step::Do(op) => self.carry_out(&op),
                Step::Answer(client, answer) => self.hear(client, answer),
                Step::Wait(wait) => return wait,
                Step::End => {
                    self.ended = true;
                    return None;
                }
            }
        }
        let last: Vec<&str> = self.ops.iter().rev().take(12).map(kind).collect();
        panic!("after {STEPS_MAX} steps the engine still does not wait; backwards: {last:?}");
    }

    fn hear(&mut self, client: Client, answer: Answer) {
        if !matches!(answer, Answer::Watch) {
            return self.answers.push((client.0, answer));
        }
        let mut line = Vec::new();
        self.engine.tell_watcher(client, &mut line);
        let line = String::from_utf8(line).unwrap();
        self.told.push((client.0, self.now, line));
        if self.slow != Some(client.0) {
            self.engine.handle(self.now, Input::Taken(client));
        }
    }

    /// Lets time pass, and the engine wake whenever it wants. Returns how often it did.
    pub fn pass(&mut self, ms: u64) -> usize {
        let end = self.now.as_ms() + ms;
        let mut wakes = 0;
        while let Some(wait) = self.drive() {
            let next = self.now.after(wait).as_ms();
            if next > end {
                break;
            }
            assert!(wait > Duration::ZERO, "the engine waits for no time at all");
            self.now = Instant::from_ms(next);
            wakes += 1;
        }
        self.now = Instant::from_ms(end);
        self.drive();
        wakes
    }

    /// Something happens that the engine hears of, if it hears.
    pub fn tell(&mut self, input: Input<'_>) {
        if self.deaf {
            self.missed = true;
        } else {
            self.engine.handle(self.now, input);
        }
    }

    pub fn hear_again(&mut self) {
        self.deaf = false;
        if std::mem::take(&mut self.missed) {
            self.engine.handle(self.now, Input::Lost);
        }
    }

    pub fn refuse(&mut self, kind: &'static str, cause: Cause) {
        self.refusals.push(No {
            kind,
            skip: 0,
            times: 1,
            cause,
        });
    }

    pub fn refuse_all(&mut self, kind: &'static str, cause: Cause) {
        self.refusals.push(No {
            kind,
            skip: 0,
            times: usize::MAX,
            cause,
        });
    }

    fn refusal(&mut self, op: &Op) -> Option<Refused> {
        let no = self
            .refusals
            .iter_mut()
            .find(|no| no.kind == kind(op) && no.times > 0)?;
        if no.skip > 0 {
            no.skip -= 1;
            return None;
        }
        no.times -= 1;
        Some(Refused::new(no.cause, "the test says no"))
    }

    fn carry_out(&mut self, op: &Op) {
        self.ops.push(*op);
        let result = match (self.refusal(op), op) {
            (Some(refused), _) => Err(refused),
            (None, Op::Look(look)) => {
                self.look(*look);
                if *look == Look::Flows {
                    self.now = Instant::from_ms(self.now.as_ms() + self.walk_ms);
                }
                Ok(())
            }
            (None, Op::Echo { to, .. }) => {
                if let Some((_, tenth_ms)) = self.far.iter().find(|(known, _)| known == to) {
                    let tenth_ms = *tenth_ms;
                    self.engine.handle(self.now, Input::Echo { tenth_ms });
                }
                Ok(())
            }
            // What becomes of it is told by whoever asked.
            (None, Op::Sound { .. }) => Ok(()),
            (None, Op::Save) => {
                self.flash = Some(self.engine.config().clone());
                self.writes.push(self.now);
                Ok(())
            }
            (None, op) => {
                let rules = self.engine.config().rules.clone();
                self.kernel.change(op, self.engine.devices(), &rules)
            }
        };
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile(op, &mut self.kernel);
        }
        self.engine.handle(self.now, Input::Done(result));
    }

    pub fn ask(&mut self, client: u8, verb: Verb, device: Option<&str>, class: Option<&str>) {
        let request = Request {
            verb,
            device,
            class,
        };
        self.engine
            .handle(self.now, Input::Request(Client(client), request));
    }

    /// Asks, drives, and takes the one answer that there must be.
    pub fn answer(&mut self, verb: Verb, device: Option<&str>, class: Option<&str>) -> Answer {
        self.ask(0, verb, device, class);
        self.drive();
        self.only_answer()
    }

    pub fn only_answer(&mut self) -> Answer {
        let mut answers = std::mem::take(&mut self.answers);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0).1
    }

    pub fn set(&mut self, device: &str, class: &str) -> Changed {
        changed(self.answer(Verb::Set, Some(device), Some(class)))
    }

    pub fn unset(&mut self, device: &str) -> Changed {
        changed(self.answer(Verb::Unset, Some(device), None))
    }

    pub fn apply(&mut self, config: &Config) -> Answer {
        self.engine
            .handle(self.now, Input::Apply(Client(0), Box::new(config.clone())));
        self.drive();
        self.only_answer()
    }

    pub fn stop(&mut self) -> Answer {
        self.answer(Verb::Stop, None, None)
    }

    pub fn status(&mut self) -> Status {
        match self.answer(Verb::Status, None, None) {
            Answer::Status(status) => *status,
            other => panic!("expected the health, found {other:?}"),
        }
    }

    /// Asks for the devices, which may take two walks through the flows, and tells them.
    pub fn devices(&mut self) -> Vec<Device> {
        self.ask(0, Verb::Devices, None, None);
        self.pass(u64::try_from(RATE_WINDOW.as_millis()).unwrap());
        assert!(matches!(self.only_answer(), Answer::Devices));
        (0..)
            .map_while(|place| self.engine.device_report(self.now, place))
            .collect()
    }

    /// One device as it is told.
    pub fn device(&mut self, device: u8) -> Device {
        let mac = house::mac(device).to_string();
        let mut all = self.devices().into_iter();
        all.find(|known| known.mac == mac.as_str()).unwrap()
    }

    /// What was carried out or refused since this was last asked, without looks and the flash.
    pub fn changes(&mut self) -> Vec<Op> {
        let ops = std::mem::take(&mut self.ops);
        ops.into_iter()
            .filter(|op| {
                !matches!(
                    op,
                    Op::Look(_) | Op::Save | Op::Echo { .. } | Op::Sound { .. }
                )
            })
            .collect()
    }

    /// The same, by kind.
    pub fn kinds(&mut self) -> Vec<&'static str> {
        self.changes().iter().map(kind).collect()
    }

    pub fn count(&self, wanted: &str) -> usize {
        self.ops.iter().filter(|op| kind(op) == wanted).count()
    }
}

pub fn changed(answer: Answer) -> Changed {
    match answer {
        Answer::Changed(changed) => *changed,
        other => panic!("expected a change, found {other:?}"),
    }
}

pub fn failure(answer: Answer) -> Failure {
    match answer {
        Answer::Failure(failure) => *failure,
        other => panic!("expected a failure, found {other:?}"),
    }
}
