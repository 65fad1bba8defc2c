//! Carries the engine's operations out.

use super::look;
use crate::apply::{self, DATAGRAM_BYTES_MAX, Family};
use crate::engine::{Engine, Input, Look, Op};
use crate::sys::netlink::{Asker, Protocol, RECEIVE_BYTES};
use crate::sys::proc;
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
    /// Where requests are written. Larger than what the allocator keeps on its heap, so that what no request ever needs is
    /// address space and not memory.
    pub(super) request: Box<[u8]>,
    /// Where answers and events are read.
    pub(super) room: Box<[u8]>,
}

impl Kernel {
    pub(super) fn open() -> Result<Kernel, Refused> {
        Ok(Kernel {
            route: Asker::open(Protocol::Route)?,
            netfilter: Asker::open(Protocol::Netfilter)?,
            walker: Asker::open(Protocol::Netfilter)?,
            request: vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice(),
            room: vec![0; RECEIVE_BYTES].into_boxed_slice(),
        })
    }

    /// Our ports, by which events of our own changes are known.
    pub(super) const fn ports(&self) -> [u32; 2] {
        [self.route.port(), self.netfilter.port()]
    }

    /// Asks one question of a family: `emit` writes it under its number, `each` gets every message of the answer.
    pub(super) fn ask(
        &mut self,
        family: Family,
        emit: &dyn Fn(&mut Writer<'_>, u32),
        each: &mut dyn FnMut(Message<'_>),
    ) -> Result<(), Refused> {
        let asker = match family {
            Family::Route => &mut self.route,
            Family::Netfilter => &mut self.netfilter,
        };
        let seq = asker.next_seq();
        let mut w = Writer::new(&mut self.request, Order::HOST);
        emit(&mut w, seq);
        let request = w.finish().map_err(|_| too_large())?;
        asker.ask(request, seq, &mut self.room, each)
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
        engine.handle(now, Input::Done(result));
    }

    fn change(&mut self, op: &Op, engine: &Engine) -> Result<(), Refused> {
        let [route_seq, netfilter_seq] = [self.route.next_seq(), self.netfilter.next_seq()];
        let netfilter = matches!(
            op,
            Op::Rules { .. } | Op::Adopt(_) | Op::Elements(_) | Op::DeleteRules
        );
        let seq = if netfilter { netfilter_seq } else { route_seq };
        let mut w = Writer::new(&mut self.request, Order::HOST);
        let Some(request) = apply::change(op, engine.devices(), engine.ticks(), seq, &mut w) else {
            return Ok(());
        };
        let bytes = w.finish().map_err(|_| too_large())?;
        let asker = match request.family {
            Family::Route => &mut self.route,
            Family::Netfilter => &mut self.netfilter,
        };
        asker.ask(bytes, request.last_seq, &mut self.room, &mut |_| {})
    }
}

pub(super) fn too_large() -> Refused {
    Refused::new(Cause::Full, "the request is larger than its buffer")
}
