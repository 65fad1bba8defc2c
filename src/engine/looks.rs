//! What is not known any more, and the looks that find it out.

use super::limits::{BUSY_LOOKS_MAX, RESYNC_EVERY};
use super::{Engine, Event, Look, Op, Step, Timer, Trouble, rules::RulesSeen};
use crate::config::LANS_MAX;
use crate::value::{Cause, IfIndex, Instant, Refused};

/// What has to be looked at before anything is decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unknown {
    pub(super) links: bool,
    pub(super) routes: bool,
    pub(super) neighbours: bool,
    pub(super) leases: bool,
    pub(super) accounting: bool,
    pub(super) rules: bool,
    /// The qdiscs; then the classes of the WAN's and the LAN's device.
    pub(super) qdiscs: bool,
    pub(super) classes: [Option<IfIndex>; 2],
    pub(super) bytes: bool,
    pub(super) fill: bool,
    pub(super) modules: bool,
    /// Whether the rules are still there; only where nobody tells.
    pub(super) presence: bool,
    /// The clock; only where there are schedules.
    pub(super) clock: bool,
}

impl Unknown {
    /// What decisions rest on.
    pub(super) const EVERYTHING: Unknown = Unknown {
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
        presence: false,
        clock: false,
    };

    /// A look that decisions rest on is due.
    fn want(&mut self, look: Look) {
        match look {
            Look::Links => self.links = true,
            Look::Routes => self.routes = true,
            Look::Neighbours => self.neighbours = true,
            Look::Accounting => self.accounting = true,
            Look::Rules => self.rules = true,
            Look::Qdiscs | Look::Classes(_) | Look::Filters(_) => self.qdiscs = true,
            Look::Leases
            | Look::Presence
            | Look::Bytes(_)
            | Look::Fill
            | Look::Flows
            | Look::Modules
            | Look::Clock => {}
        }
    }
}

impl Engine {
    /// Everything that decisions rest on is looked at again; what a client asked for stays asked for.
    pub(super) fn look_again(&mut self) {
        self.blind = false;
        self.unknown = Unknown {
            bytes: self.unknown.bytes,
            fill: self.unknown.fill,
            modules: self.unknown.modules,
            presence: self.unknown.presence,
            clock: self.unknown.clock,
            ..Unknown::EVERYTHING
        };
    }

    /// Events were lost: what they told of is looked at, now or when the last such look is long enough ago. A LAN host can make
    /// events go lost at will.
    pub(super) fn lost(&mut self, now: Instant, timer: Timer) {
        self.journal.note(now, Event::Resynced);
        let last = match timer {
            Timer::ResyncNeighbours => self.resynced_neighbours,
            _ => self.resynced,
        };
        self.timers.set(
            timer,
            last.map_or(now, |last| last.after(RESYNC_EVERY).max(now)),
        );
    }

    /// Looks at what lost events told of, when it is time.
    pub(super) fn resync_if_due(&mut self, now: Instant) {
        if self.timers.take_due(Timer::Resync, now) {
            self.resynced = Some(now);
            self.look_again();
            self.news();
        }
        if self.timers.take_due(Timer::ResyncNeighbours, now) {
            self.resynced_neighbours = Some(now);
            self.unknown.neighbours = true;
        }
    }

    /// Begins a look: what was known is forgotten.
    pub(super) fn look(&mut self, look: Look) -> Step {
        match look {
            Look::Links => self.links.forget(),
            Look::Routes => self.links.forget_routes(),
            Look::Neighbours => {
                let places = self.links.places(&self.config);
                self.neighbours_of =
                    places.map_or([IfIndex(0); LANS_MAX], |places| places.lan_indexes());
            }
            Look::Qdiscs => self.forget_trees(),
            Look::Rules => {
                self.rules = RulesSeen::unseen(&self.rules);
                self.arrivals.clear();
                for device in self.devices.iter_mut() {
                    // Flows that were opened meanwhile may carry another class, whatever is seen now.
                    device.remark |= device.kernel_class != device.class;
                    device.kernel_class = None;
                }
            }
            Look::Flows => self.begin_flows(),
            Look::Modules => self.bypass.forget_modules(),
            _ => {}
        }
        self.doing = Some(Op::Look(look));
        Step::Do(Op::Look(look))
    }

    pub(super) fn forget_trees(&mut self) {
        let devices = match self.links.places(&self.config) {
            Ok(places) => [Some(places.wan.index), places.down.map(|down| down.index)],
            Err(_) => [None; 2],
        };
        self.ifb.forget();
        self.trees.forget(devices);
        self.unknown.classes = devices;
    }

    /// The next look that is due.
    pub(super) fn next_look(&mut self) -> Option<Look> {
        let unknown = &mut self.unknown;
        let mut due = |flag: fn(&mut Unknown) -> &mut bool, look: Look| {
            core::mem::take(flag(unknown)).then_some(look)
        };
        // First: what is wished depends on it.
        due(|u| &mut u.clock, Look::Clock)
            .or_else(|| due(|u| &mut u.links, Look::Links))
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
            .or_else(|| self.ifb.next_look().map(Look::Filters))
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

    /// A look is over.
    pub(super) fn looked(&mut self, now: Instant, look: Look, result: Result<(), Refused>) {
        match (look, result) {
            (Look::Flows, Ok(())) => self.end_flows(now),
            (Look::Flows, Err(refused)) => self.break_flows(now, refused),
            (Look::Bytes(_), Ok(())) => {
                self.take_sample(now);
                self.suspect();
            }
            (_, Ok(())) => {}
            // These are only told of.
            (
                Look::Bytes(_) | Look::Fill | Look::Leases | Look::Modules | Look::Presence,
                Err(_),
            ) => {
                self.journal.note(now, super::Event::Refused);
            }
            // A list that was overtaken by a change while it was told: the next one most likely is not.
            (look, Err(refused))
                if refused.cause() == Cause::Busy && self.busy_looks < BUSY_LOOKS_MAX =>
            {
                self.busy_looks += 1;
                self.unknown.want(look);
            }
            (_, Err(refused)) => {
                // Held back until the retry. Going away, what was not seen is not removed, and that is told.
                self.blind = true;
                let what = "a list of what is there";
                self.in_trouble(now, Trouble::Refused { what, refused });
            }
        }
    }
}
