//! A walk through the flows of the kernel for one client, at the pace at which that reads.

use crate::control;
use crate::engine::{Engine, FlowFilter};
use crate::sys::netlink::{Asker, Progress, Protocol, RECEIVE_BYTES};
use crate::value::Refused;
use crate::wire::{Order, Writer, conntrack};

/// See the module.
pub(super) struct Walk {
    asker: Asker,
    room: Box<[u8]>,
    filter: FlowFilter,
    /// None was told yet.
    first: bool,
}

impl Walk {
    /// Begins one; the flows that the filter lets through are told.
    pub(super) fn start(filter: FlowFilter) -> Result<Box<Walk>, Refused> {
        let mut asker = Asker::open(Protocol::Netfilter)?;
        let seq = asker.next_seq();
        let mut request = [0; 64];
        let mut w = Writer::new(&mut request, Order::HOST);
        conntrack::emit_dump(&mut w, seq, conntrack::Wanted::All);
        let request = w.finish().map_err(|_| super::kernel::too_large())?;
        asker.begin(request, seq)?;
        Ok(Box::new(Walk {
            asker,
            room: vec![0; RECEIVE_BYTES].into_boxed_slice(),
            filter,
            first: true,
        }))
    }

    /// Writes the flows of the next datagram that the filter lets through.
    pub(super) fn make_more(
        &mut self,
        engine: &Engine,
        output: &mut Vec<u8>,
    ) -> Result<Progress, Refused> {
        let Walk { filter, first, .. } = self;
        self.asker.read(&mut self.room, &mut |message| {
            let Ok(Some(change)) = conntrack::parse(message) else {
                return;
            };
            let Some(mut flow) = engine.flow_report(change.flow(), *filter) else {
                return;
            };
            if !core::mem::take(first) {
                output.push(b',');
            }
            control::write(&mut flow, output);
        })
    }
}
