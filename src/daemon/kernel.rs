//! Carries the engine's operations out.

use super::look;
use crate::apply::{self, DATAGRAM_BYTES_KEPT, DATAGRAM_BYTES_MAX, Family};
use crate::engine::{Engine, Input, Look, Op};
use crate::sys::netlink::{Asker, Protocol, RECEIVE_BYTES};
use crate::sys::{clock, proc};
use crate::value::{Cause, Instant, Refused};
use crate::wire::netlink::Message;
use crate::wire::{Order, Writer};

/// Whether the kernel counts the bytes of flows.
pub(super) const ACCOUNTING: &str = "/proc/sys/net/netfilter/nf_conntrack_acct";

/// The sockets that questions and changes go through.
pub(super) struct Kernel {
    pub(super) route: Asker,
    /// Rules and marks. It is the owner of our guarded table: there must be only one, as long as we live.
    pub(super) netfilter: Asker,
    /// Walks through the flows: a dump and a change on one socket would wait for each other.
    pub(super) walker: Asker,
    /// Rules are made by other programs.
    #[cfg(feature = "xtables")]
    pub(super) xtables: Option<crate::value::Xtables>,
    /// Where requests are written.
    pub(super) request: Box<[u8]>,
    /// Where answers and events are read.
    pub(super) room: Box<[u8]>,
}

impl Kernel {
    pub(super) fn open() -> Result<Kernel, Refused> {
        Ok(Kernel {
            route: Asker::open(Protocol::Route)?,
            netfilter: Asker::open(Protocol::Netfilter)?.sending(DATAGRAM_BYTES_MAX),
            walker: Asker::open(Protocol::Netfilter)?,
            #[cfg(feature = "xtables")]
            xtables: None,
            request: room_for_requests(DATAGRAM_BYTES_KEPT),
            room: vec![0; RECEIVE_BYTES].into_boxed_slice(),
        })
    }

    /// Our ports, by which events of our own changes are known.
    pub(super) const fn ports(&self) -> [u32; 2] {
        [self.route.port(), self.netfilter.port()]
    }

    /// Begins a question of a family.
    #[inline(never)]
    pub(super) fn question(&mut self, family: Family) -> Question<'_> {
        let asker = match family {
            Family::Route => &mut self.route,
            Family::Netfilter => &mut self.netfilter,
        };
        Question {
            seq: asker.next_seq(),
            w: Writer::new(&mut self.request, Order::HOST),
            asker,
            room: &mut self.room,
        }
    }

    /// Carries an operation out and hands in what was seen and how it ended.
    pub(super) fn carry_out(&mut self, op: &Op, engine: &mut Engine, now: Instant) {
        let result = match *op {
            Op::Look(Look::Flows) => look::flows(self, engine, now),
            Op::Look(look) => look::look(self, look, engine, now),
            Op::Accounting(on) => proc::write(ACCOUNTING, if on { "1" } else { "0" }),
            _ => self.change(op, engine),
        };
        if let Err(refused) = &result {
            log::debug!("{op:?}: {refused}");
        }
        // Not the time of its beginning: the engine may want to know how long it took.
        engine.handle(clock::now(), Input::Done(result));
    }

    /// The user's rules need more room, and only while they are made: routers' C libraries touch all that they zero.
    fn change(&mut self, op: &Op, engine: &Engine) -> Result<(), Refused> {
        if !matches!(op, Op::Rules { .. }) || engine.config().rules.is_empty() {
            return self.ask_for(op, engine);
        }
        self.with_large_room(|kernel| kernel.ask_for(op, engine))
    }

    /// Does something with room for all rules of the user.
    pub(super) fn with_large_room<T>(&mut self, what: impl FnOnce(&mut Kernel) -> T) -> T {
        let large = room_for_requests(DATAGRAM_BYTES_MAX);
        let kept = core::mem::replace(&mut self.request, large);
        let result = what(self);
        self.request = kept;
        result
    }

    fn ask_for(&mut self, op: &Op, engine: &Engine) -> Result<(), Refused> {
        let family = match op {
            Op::Rules { .. } | Op::Adopt(_) | Op::Elements(_) | Op::DeleteRules => {
                Family::Netfilter
            }
            _ => Family::Route,
        };
        #[cfg(feature = "xtables")]
        if let (Some(xtables), Family::Netfilter) = (self.xtables, family) {
            return super::xtables::change(op, engine, xtables, &mut self.request);
        }
        let mut question = self.question(family);
        let (devices, ticks) = (engine.devices(), engine.ticks());
        let rules = engine.config().rules.as_slice();
        let (seq, w) = (question.seq, &mut question.w);
        let arrivals = engine.arrivals();
        let Some(request) = apply::change(op, devices, rules, &arrivals, ticks, seq, w) else {
            return Ok(());
        };
        question.seq = request.last_seq;
        question.ask(&mut |_| {})
    }
}

fn room_for_requests(bytes: usize) -> Box<[u8]> {
    vec![0; bytes].into_boxed_slice()
}

/// A question that is being written.
pub(super) struct Question<'k> {
    asker: &'k mut Asker,
    room: &'k mut [u8],
    pub(super) w: Writer<'k>,
    /// The number of its message; of several, of the last.
    pub(super) seq: u32,
}

impl Question<'_> {
    /// Asks it; `each` gets every message of the answer.
    pub(super) fn ask(self, each: &mut dyn FnMut(Message<'_>)) -> Result<(), Refused> {
        let request = self.w.finish().map_err(|_| too_large())?;
        self.asker.ask(request, self.seq, self.room, each)
    }
}

pub(super) fn too_large() -> Refused {
    Refused::new(Cause::Full, "the request is larger than its buffer")
}
