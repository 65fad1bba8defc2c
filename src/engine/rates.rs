//! Rates, and the proof that traffic went through our queues: differences of the kernel's own counters.

use heapless::Vec;

use super::limits::{
    HEALTH_EVERY, PROOF_BYTES_MIN, RATE_WINDOW, WAITING_CLIENTS_MAX, WATCH_EVERY, WATCH_WALK_REST,
};
use super::request::Question;
use super::{Engine, Look, Queue, Timer};
use crate::control::Direction;
use crate::value::{IfIndex, Instant, LinkBytes, TcStats};

/// The counters at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    wan: LinkBytes,
    /// The WAN's device, and the one that downloads leave by.
    devices: [IfIndex; 2],
    /// Of each queue on either.
    classes: [[TcStats; Queue::ALL.len()]; 2],
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rates {
    wan: LinkBytes,
    previous: Option<Sample>,
    latest: Option<Sample>,
    flows: u32,
    flows_max: u32,
    count: Count,
    /// While somebody watches, the proof is of longer intervals than the rates.
    proof: Option<Box<Proof>>,
    /// When the walk that goes on for a count began.
    walk_began: Option<Instant>,
    /// While somebody watches: before, no walk is made only to count.
    walk_after: Option<Instant>,
    /// While somebody watches: the devices' rates are those of the last two walks.
    fresh: bool,
}

/// The proof as it stands. What waits in our queues has come over the WAN and not gone through yet: in one second that weighs too much.
#[derive(Debug)]
struct Proof {
    from: Option<Sample>,
    percent: [Option<u8>; 2],
}

/// Where the count of the devices' bytes stands: it takes two walks through the flows, a moment apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Count {
    #[default]
    Idle,
    /// The first walk is due or goes on.
    First,
    /// It ended then.
    Between(Instant),
    /// The second goes on; the first ended then.
    Second(Instant),
}

/// What the difference of two samples says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    /// Kilobits a second of each queue, up and down.
    pub(super) queue_kbit: [[u32; Queue::ALL.len()]; 2],
    /// Percent of the WAN device's bytes that went through our queues, up and down; none with too little traffic to tell.
    pub(super) proven_percent: [Option<u8>; 2],
}

impl Rates {
    pub(super) fn learn_bytes(&mut self, wan: LinkBytes) {
        self.wan = wan;
    }

    pub(super) fn learn_fill(&mut self, flows: u32, flows_max: u32) {
        self.flows = flows;
        self.flows_max = flows_max;
    }

    /// Flows in the table, and how many fit.
    pub(super) const fn fill(&self) -> (u32, u32) {
        (self.flows, self.flows_max)
    }

    pub(super) const fn is_unsampled(&self) -> bool {
        self.latest.is_none()
    }

    /// What the last interval says.
    pub(super) fn interval(&self) -> Interval {
        let mut interval = Interval::default();
        let (Some(previous), Some(latest)) = (&self.previous, &self.latest) else {
            return interval;
        };
        let ms = latest.at.ms_since(previous.at).max(1);
        let told = interval.queue_kbit.iter_mut();
        let counted = previous.classes.iter().zip(&latest.classes);
        for ((before, after), kbits) in counted.zip(told) {
            for ((before, after), kbit) in before.iter().zip(after).zip(kbits) {
                *kbit = kbit_of(after.bytes.saturating_sub(before.bytes), ms);
            }
        }
        interval.proven_percent = match &self.proof {
            Some(proof) => proof.percent,
            None => proven(previous, latest),
        };
        interval
    }

    /// The proof is of longer intervals from now on, or of the last two samples again.
    pub(super) fn prove_slowly(&mut self, slowly: bool) {
        let percent = self.interval().proven_percent;
        self.proof = slowly.then(|| {
            Box::new(Proof {
                from: self.latest,
                percent,
            })
        });
    }

    /// Another sample is there.
    fn prove(&mut self) {
        let (Some(proof), Some(latest)) = (&mut self.proof, &self.latest) else {
            return;
        };
        if self.previous.is_none() {
            // Another line: what was proven of the one before says nothing of it.
            proof.from = None;
            proof.percent = [None; 2];
        }
        let from = proof.from.get_or_insert(*latest);
        // A tick before the whole interval: ticks are a little late each time.
        if latest.at.after(WATCH_EVERY) >= from.at.after(HEALTH_EVERY) {
            proof.percent = proven(from, latest);
            *from = *latest;
        }
    }
}

/// Percent of the WAN device's bytes that went through our queues between two samples.
fn proven(previous: &Sample, latest: &Sample) -> [Option<u8>; 2] {
    let mut percents = [None; 2];
    let counted = previous.classes.iter().zip(&latest.classes);
    let told = counted.zip(&mut percents);
    for (direction, ((before, after), percent)) in Direction::BOTH.iter().zip(told) {
        let mut queued = 0_u64;
        // Queues or a WAN that were made anew count from 0 again: such an interval proves nothing.
        let mut whole = true;
        for (before, after) in before.iter().zip(after) {
            whole &= after.bytes >= before.bytes;
            queued = queued.saturating_add(after.bytes.saturating_sub(before.bytes));
            // What was dropped on its way home had come over the WAN all the same.
            if *direction == Direction::Down {
                queued = queued.saturating_add(dropped_bytes(before, after));
            }
        }
        let (before, after) = match direction {
            Direction::Up => (previous.wan.tx, latest.wan.tx),
            Direction::Down => (previous.wan.rx, latest.wan.rx),
        };
        if whole && let Some(carried) = after.checked_sub(before) {
            *percent = proven_percent(queued, carried);
        }
    }
    percents
}

/// The rate of so many bytes in so many milliseconds.
fn kbit_of(bytes: u64, ms: u64) -> u32 {
    u32::try_from(bytes.saturating_mul(8) / ms).unwrap_or(u32::MAX)
}

/// Bytes that were dropped. Only packets are counted; those that were sent tell their size.
fn dropped_bytes(before: &TcStats, after: &TcStats) -> u64 {
    let dropped = u64::from(after.dropped.saturating_sub(before.dropped));
    let packets = u64::from(after.packets.wrapping_sub(before.packets)).max(1);
    after.bytes.saturating_sub(before.bytes) / packets * dropped
}

fn proven_percent(queued: u64, carried: u64) -> Option<u8> {
    if carried < PROOF_BYTES_MIN {
        return None;
    }
    u8::try_from((queued.saturating_mul(100) / carried).min(100)).ok()
}

impl Engine {
    /// The counters of the queues and of the WAN are wanted.
    pub(super) fn ask_for_counters(&mut self) {
        self.unknown.qdiscs = true;
        self.unknown.bytes = true;
    }

    /// The counters are all there: they were asked for in this order, the WAN's bytes last.
    pub(super) fn take_sample(&mut self, now: Instant) {
        let Ok(places) = self.links.places(&self.config) else {
            return;
        };
        let Some(down) = places.down else { return };
        let devices = [places.wan.index, down.index];
        match &self.rates.latest {
            // Another device's counters have another start.
            Some(latest) if latest.devices != devices => self.rates.previous = None,
            // Two questions in a row would leave an interval too short to say anything: the earlier sample then stays.
            Some(latest) if now < latest.at.after(RATE_WINDOW) => return,
            latest => self.rates.previous = *latest,
        }
        let sample = self.rates.latest.insert(Sample {
            at: now,
            wan: self.rates.wan,
            devices,
            classes: Default::default(),
        });
        for (dev, classes) in devices.iter().zip(&mut sample.classes) {
            if let Some(tree) = self.trees.tree(*dev) {
                for (stats, queue) in classes.iter_mut().zip(&Queue::ALL) {
                    *stats = tree.stats(*queue);
                }
            }
        }
        self.rates.prove();
    }

    /// A count of the devices' bytes is wanted.
    pub(super) fn want_count(&mut self) {
        // Leaving, nobody waits for a second walk.
        let counts = self.abilities.conntrack && self.goal == super::Goal::Configured;
        if counts && self.rates.count == Count::Idle {
            self.rates.count = Count::First;
        }
    }

    /// The walk that the count needs now.
    pub(super) fn next_count(&mut self, now: Instant) -> Option<Look> {
        match self.rates.count {
            Count::First => {}
            Count::Between(_) if !self.second_count_due(now) => return None,
            Count::Between(first) => self.rates.count = Count::Second(first),
            Count::Idle | Count::Second(_) => return None,
        }
        self.rates.walk_began = Some(now);
        Some(Look::Flows)
    }

    fn second_count_due(&self, now: Instant) -> bool {
        match self.rates.walk_after {
            // With the other counters, so that all are told at once.
            Some(after) => self.watch.is_sampling() && now >= after,
            None => !self.timers.is_set(Timer::RateWindow),
        }
    }

    /// From now on walks follow each other as long as somebody watches, or not any more.
    pub(super) fn count_on(&mut self, now: Option<Instant>) {
        self.rates.walk_after = now;
        self.rates.fresh = false;
        let waited_for = self.asked.iter();
        let mut waited_for = waited_for.filter(|asked| asked.question == Question::Devices);
        if now.is_none() && waited_for.next().is_none() {
            self.stop_counting();
        }
    }

    /// Whether the devices' bytes are being counted.
    pub(super) fn is_counting(&self) -> bool {
        self.rates.count != Count::Idle
    }

    /// Nobody waits for a second walk any more.
    pub(super) fn stop_counting(&mut self) {
        self.rates.count = Count::Idle;
    }

    /// A walk is over: what it counted is what devices carried.
    pub(super) fn end_count(&mut self, now: Instant) {
        let began = self.rates.walk_began.take();
        let goes_on = self.accounting.acct == Some(true) && self.rates.walk_after.is_some();
        if goes_on && let Some(began) = began {
            let rest = (now.since(began) * WATCH_WALK_REST).max(RATE_WINDOW);
            self.rates.walk_after = Some(now.after(rest));
        }
        let since = match self.rates.count {
            Count::First if self.accounting.acct == Some(true) => {
                self.rates.count = Count::Between(now);
                if !goes_on {
                    self.timers.set(Timer::RateWindow, now.after(RATE_WINDOW));
                }
                None
            }
            Count::Second(first) if goes_on => {
                self.rates.count = Count::Between(now);
                self.rates.fresh = true;
                Some(first)
            }
            Count::Second(first) => {
                self.rates.count = Count::Idle;
                self.rates.fresh = false;
                Some(first)
            }
            Count::First => {
                self.rates.count = Count::Idle;
                None
            }
            // A walk of the marking in between: the first count stays the start.
            Count::Between(_) => return,
            Count::Idle => None,
        };
        let ms = since.map(|first| now.ms_since(first).max(1));
        for device in self.devices.iter_mut() {
            let (before, after) = (&device.traffic, &device.counting);
            let up_bytes = after.up_bytes.saturating_sub(before.up_bytes);
            let down_bytes = after.down_bytes.saturating_sub(before.down_bytes);
            if ms.is_some() && up_bytes > 0 {
                // The kernel counts what it forwards, whatever its neighbour table remembers.
                device.seen = Some(now);
            }
            let told = device.traffic.rate_kbit.unwrap_or_default();
            device.traffic = device.counting;
            device.traffic.rate_kbit =
                ms.map(|ms| (kbit_of(up_bytes, ms), kbit_of(down_bytes, ms)));
            if device.traffic.rate_kbit.unwrap_or_default() != told {
                device.rated = self.watch.next_change();
            }
        }
    }

    /// The clients that wait for a count that is over.
    pub(super) fn counted_clients(&mut self) -> Option<super::Client> {
        if self.is_counting() && !self.rates.fresh {
            return None;
        }
        let place = self
            .asked
            .iter()
            .position(|asked| asked.question == Question::Devices)?;
        Some(self.asked.remove(place).client)
    }
}

/// As many as can wait at once.
pub(super) type Waiting = Vec<super::Asked, WAITING_CLIENTS_MAX>;
