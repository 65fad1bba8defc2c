//! Who watches is told what changes: once a second, and at once what cannot wait.
//!
//! One table of what is told serves all watchers: each entry knows with which change it became what it is, and a watcher only
//! how many changes he was told of. So what a slow one missed is in his next line, once, and nothing is kept for him.

use heapless::String;

use super::limits::WATCH_EVERY;
use super::report::text;
use super::request::refused;
use super::{Client, Engine, Queue, Timer};
use crate::control::{Direction, Failure, Live, UNKNOWN, WATCHERS_MAX};
use crate::value::{Crc32, Instant};

/// What is told, besides the devices: a few numbers each, and with which change they became what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fact {
    numbers: [u32; 4],
    changed: u32,
}

/// What a fact is about, by its place; the lanes follow.
const CONFIG: usize = 0;
const STATE: usize = 1;
const PROVEN: usize = 2;
const LINE: usize = 3;
const FLOWS: usize = 4;
const LATENCY: usize = 5;
const LANES: usize = 6;

const FACTS: usize = LANES + Queue::ALL.len();

/// The numbers of a fact that nobody knows.
const NOTHING: [u32; 4] = [UNKNOWN; 4];

/// See the module.
#[derive(Debug)]
pub(super) struct Watch {
    watchers: heapless::Vec<Watcher, WATCHERS_MAX>,
    facts: [Fact; FACTS],
    /// How often something changed. It counts a second a time: 136 years.
    changes: u32,
    /// The counters are being looked at for the watchers.
    sampling: bool,
    /// Of the list of devices, as the watchers were last called for it, and when.
    generation: u32,
    called: Option<Instant>,
}

/// Who watches.
#[derive(Clone, Copy, Debug)]
struct Watcher {
    client: Client,
    /// Up to which change he was told; none before the whole was.
    told: Option<u32>,
    generation: u32,
    /// He has not taken the last line yet.
    behind: bool,
    /// He may be told what there is.
    called: bool,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            watchers: heapless::Vec::new(),
            facts: [Fact {
                numbers: NOTHING,
                changed: 0,
            }; FACTS],
            changes: 0,
            sampling: false,
            generation: 0,
            called: None,
        }
    }
}

impl Watch {
    pub(super) const fn is_sampling(&self) -> bool {
        self.sampling
    }

    /// The number of the change that is being seen.
    pub(super) const fn next_change(&self) -> u32 {
        self.changes.saturating_add(1)
    }

    /// A watcher has taken all that he was told.
    pub(super) fn taken(&mut self, client: Client) {
        for watcher in &mut self.watchers {
            watcher.behind &= watcher.client != client;
        }
    }

    /// Whether that is news.
    fn learn(&mut self, place: usize, numbers: [u32; 4]) -> bool {
        let changed = self.next_change();
        match self.facts.get_mut(place) {
            Some(fact) if fact.numbers != numbers => {
                *fact = Fact { numbers, changed };
                true
            }
            _ => false,
        }
    }

    /// Everybody may be told.
    fn call(&mut self) {
        self.changes = self.next_change();
        for watcher in &mut self.watchers {
            watcher.called = true;
        }
    }
}

impl Engine {
    /// A client wants to watch.
    ///
    /// # Errors
    /// [`Failure`]: too many do.
    pub(super) fn watch(&mut self, client: Client) -> Result<(), Box<Failure>> {
        let watcher = Watcher {
            client,
            told: None,
            generation: 0,
            behind: false,
            called: true,
        };
        let first = self.watch.watchers.is_empty();
        if self.watch.watchers.push(watcher).is_err() {
            return Err(refused(format_args!(
                "{WATCHERS_MAX} clients watch already; try again"
            )));
        }
        if first {
            // What was counted long ago is not what is.
            for device in self.devices.iter_mut() {
                device.traffic.rate_kbit = None;
            }
            self.rates.prove_slowly(true);
            self.count_on(Some(self.started));
            self.unknown.accounting = true;
            self.ask_for_watchers();
        }
        Ok(())
    }

    /// A client watches no more. With the last, all that was done for them ends.
    pub(super) fn unwatch(&mut self, client: Client) {
        let watchers = &mut self.watch.watchers;
        let Some(place) = watchers.iter().position(|known| known.client == client) else {
            return;
        };
        watchers.remove(place);
        if watchers.is_empty() {
            self.watch.sampling = false;
            self.timers.clear(Timer::Watch);
            self.echo.want(false);
            self.rates.prove_slowly(false);
            self.count_on(None);
        }
    }

    /// It is time for what is told.
    pub(super) fn ask_for_watchers(&mut self) {
        self.watch.sampling = true;
        self.unknown.fill = true;
        if self.is_on() {
            self.ask_for_counters();
        }
        if self.accounting.acct == Some(true) {
            self.want_count();
        }
    }

    /// Who is told now, when everything that was to be looked at or changed is.
    pub(super) fn next_watcher(&mut self, now: Instant) -> Option<Client> {
        if self.watch.watchers.is_empty() {
            return None;
        }
        let reason = Crc32::of(self.reason().as_bytes());
        let state = self.state() as u32;
        let mut news = self.watch.learn(CONFIG, [self.config_crc, 0, 0, 0]);
        news |= self.watch.learn(STATE, [state, reason, 0, 0]);
        // A LAN host can make the list another at will: for that alone nobody is told more often than for everything.
        let generation = self.devices.generation();
        if self.watch.generation != generation
            && self
                .watch
                .called
                .is_none_or(|last| now >= last.after(WATCH_EVERY))
        {
            self.watch.generation = generation;
            self.watch.called = Some(now);
            news = true;
        }
        if core::mem::take(&mut self.watch.sampling) {
            let [latency, least] = self.echo.latency(now);
            self.watch.learn(LATENCY, [latency, least, 0, 0]);
            self.echo.want(true);
            self.learn_sample();
            self.timers.set(Timer::Watch, now.after(WATCH_EVERY));
            news = true;
        }
        if news {
            self.watch.call();
        }
        let (changes, facts) = (self.watch.changes, &self.watch.facts);
        for watcher in &mut self.watch.watchers {
            if watcher.behind || !core::mem::take(&mut watcher.called) {
                continue;
            }
            let told = watcher.told.filter(|_| watcher.generation == generation);
            let news = told.is_none_or(|told| {
                facts.iter().any(|fact| fact.changed > told)
                    || self.devices.iter().any(|device| device.rated > told)
            });
            if news {
                watcher.behind = true;
                return Some(watcher.client);
            }
            watcher.told = Some(changes);
        }
        None
    }

    fn learn_sample(&mut self) {
        let interval = self.rates.interval();
        let (flows, flows_max) = self.rates.fill();
        let percent = interval.proven_percent;
        let [up, down] = percent.map(|percent| match percent {
            Some(percent) if self.is_on() => u32::from(percent),
            _ => UNKNOWN,
        });
        let [up_kbit, down_kbit] = [self.config.wan.up, self.config.wan.down];
        let line = [up_kbit, down_kbit].map(|rate| rate.map_or(UNKNOWN, |rate| rate.0));
        self.watch.learn(PROVEN, [up, down, 0, 0]);
        self.watch.learn(LINE, [line[0], line[1], 0, 0]);
        self.watch.learn(FLOWS, [flows, flows_max, 0, 0]);
        let mut lanes = [[0; 4]; Queue::ALL.len()];
        if let Ok(places) = self.links.places(&self.config) {
            for (place, (queue, lane)) in Queue::ALL.iter().zip(&mut lanes).enumerate() {
                for (way, direction) in Direction::BOTH.into_iter().enumerate() {
                    let kbit = interval.queue_kbit[way][place];
                    let line = self.queue_line(*queue, direction, &places, kbit);
                    lane[way] = line.rate_kbit;
                    lane[way + 2] = line.delay_ms;
                }
            }
        }
        for (place, lane) in lanes.into_iter().enumerate() {
            self.watch.learn(LANES + place, lane);
        }
    }

    /// Tells a watcher what he does not know yet; everything, when he knows nothing or the list of devices is another.
    pub fn tell_watcher(&mut self, client: Client, to: &mut Vec<u8>) {
        let generation = self.devices.generation();
        let changes = self.watch.changes;
        let mut watchers = self.watch.watchers.iter_mut();
        let Some(watcher) = watchers.find(|known| known.client == client) else {
            return;
        };
        let told = watcher.told.filter(|_| watcher.generation == generation);
        watcher.told = Some(changes);
        watcher.generation = generation;
        let mut live = Live::begin(to);
        if told.is_none() {
            live.number("g", generation);
            live.open("m");
            for device in self.devices.iter() {
                live.text("", &text::<17>(format_args!("{}", device.mac)));
            }
            live.close();
            live.open("k");
            for queue in Queue::ALL {
                live.text("", queue.name());
            }
            live.close();
        }
        self.tell_facts(&mut live, told);
        self.tell_devices(&mut live, told);
        live.end();
    }

    fn tell_facts(&self, live: &mut Live<'_>, told: Option<u32>) {
        let facts = self.watch.facts.iter().enumerate();
        let mut lanes = false;
        for (place, fact) in facts.filter(|(_, fact)| told.is_none_or(|told| fact.changed > told)) {
            let [a, b, c, d] = fact.numbers;
            match place {
                CONFIG => {
                    let crc: String<8> = text(format_args!("{a:08x}"));
                    live.text("c", &crc);
                }
                STATE => {
                    live.text("s", self.state().name());
                    live.text("r", &self.reason());
                }
                PROVEN => live.row("p", &[a, b]),
                LINE => live.row("n", &[a, b]),
                FLOWS => live.row("f", &[a, b]),
                LATENCY => live.row("t", &[a, b]),
                _ => {
                    if !core::mem::replace(&mut lanes, true) {
                        live.open("l");
                    }
                    let place = u32::try_from(place - LANES).unwrap_or_default();
                    live.row("", &[place, a, b, c, d]);
                }
            }
        }
        if lanes {
            live.close();
        }
    }

    fn tell_devices(&self, live: &mut Live<'_>, told: Option<u32>) {
        let mut some = false;
        for (device, place) in self.devices.iter().zip(0..) {
            let (up, down) = device.traffic.rate_kbit.unwrap_or_default();
            let news = match told {
                Some(told) => device.rated > told,
                None => up > 0 || down > 0,
            };
            if news {
                if !core::mem::replace(&mut some, true) {
                    live.open("d");
                }
                live.row("", &[place, up, down]);
            }
        }
        if some {
            live.close();
        }
    }
}
