//! Looks at what is there: asks the kernel, and hands what it tells to the engine.

use std::path::Path;

use super::kernel::{ACCOUNTING, Kernel, Question, too_large};
use crate::apply::Family;
use crate::apply::rules::{DEVICE_MAP, TABLE, read_rule_comment, read_table_comment};
use crate::engine::{Engine, Input, Judgement, Lease, Look, Route};
use crate::sys::netlink::{Asker, Progress};
use crate::sys::{clock, proc};
use crate::value::{
    Before, Cause, Class, Flow, IfIndex, Instant, Refused, RuleSeen, TcHandle, halves,
};
use crate::wire::neighbour::NeighbourChange;
use crate::wire::netlink::Message;
use crate::wire::{Order, Writer, conntrack, lease, link, neighbour, nft, route, tc};

/// Where lease files are: OpenWrt's dnsmasq and odhcpd, Debian's and DD-WRT's dnsmasq.
const LEASE_FILES: [&str; 4] = [
    "/tmp/dhcp.leases",
    "/tmp/hosts/odhcpd",
    "/var/lib/misc/dnsmasq.leases",
    "/tmp/dnsmasq.leases",
];

/// Bytes of a lease file that are read: 1,000 leases. A longer one is read as far as that.
const LEASE_BYTES_MAX: usize = 96 * 1024;

/// Bytes of the list of modules that are read: 500 modules.
const MODULES_BYTES_MAX: usize = 64 * 1024;

/// Where OpenWrt and DD-WRT write the time zone.
const ZONE_FILE: &str = "/etc/TZ";

/// Bytes of it that are read.
const ZONE_BYTES_MAX: usize = 128;

/// How many flows there are and how many fit; older kernels have the second folder only.
const FILL_FILES: [(&str, &str); 2] = [
    (
        "/proc/sys/net/netfilter/nf_conntrack_count",
        "/proc/sys/net/netfilter/nf_conntrack_max",
    ),
    (
        "/proc/sys/net/ipv4/netfilter/ip_conntrack_count",
        "/proc/sys/net/ipv4/netfilter/ip_conntrack_max",
    ),
];

/// Marks that are set with one datagram: their acknowledgements must fit the socket's receive buffer.
const MARKS_A_DATAGRAM: u32 = 64;

/// Bytes of an acknowledgement at most: each comes in a datagram of its own, with the request in it on old kernels.
const ACK_BYTES: usize = 1024;

/// Carries a look out.
pub(super) fn look(
    kernel: &mut Kernel,
    look: Look,
    engine: &mut Engine,
    now: Instant,
) -> Result<(), Refused> {
    match look {
        Look::Rules => rules(kernel, engine, now),
        Look::Presence => {
            #[cfg(feature = "xtables")]
            if let Some(xtables) = kernel.xtables {
                super::xtables::presence(kernel, xtables, engine, now);
            }
            Ok(())
        }
        Look::Flows => flows(kernel, engine, now),
        Look::Filters(dev) => filters(kernel, engine, dev, now),
        Look::Leases | Look::Accounting | Look::Fill | Look::Modules | Look::Clock => {
            files(look, engine, now);
            Ok(())
        }
        _ => dump(kernel, look, engine, now),
    }
}

/// Interfaces, and what hangs on them.
fn dump(kernel: &mut Kernel, look: Look, engine: &mut Engine, now: Instant) -> Result<(), Refused> {
    let mut question = kernel.question(Family::Route);
    let Question { w, seq, .. } = &mut question;
    let read: Read = match look {
        Look::Routes => {
            route::emit_dump(w, *seq);
            default_route
        }
        Look::Neighbours => {
            neighbour::emit_dump(w, *seq);
            neighbour_there
        }
        Look::Qdiscs => {
            tc::emit_qdisc_dump(w, *seq);
            tree
        }
        Look::Classes(dev) => {
            tc::emit_class_dump(w, *seq, dev);
            tree
        }
        Look::Bytes(dev) => {
            link::emit_get(w, *seq, dev);
            bytes
        }
        // `Look::Links`: no other comes here.
        _ => {
            link::emit_dump(w, *seq);
            link_there
        }
    };
    question.ask(&mut |message| {
        if let Some(input) = read(message) {
            engine.handle(now, input);
        }
    })
}

/// The filters on both of a device's ways.
fn filters(
    kernel: &mut Kernel,
    engine: &mut Engine,
    dev: IfIndex,
    now: Instant,
) -> Result<(), Refused> {
    for parent in [TcHandle::EGRESS, TcHandle::INGRESS] {
        let mut question = kernel.question(Family::Route);
        tc::emit_filter_dump(&mut question.w, question.seq, dev, parent);
        question.ask(&mut |message| {
            if let Ok(Some(tc::TcChange::Filter(filter))) = tc::parse(message) {
                engine.handle(now, Input::Filter(filter));
            }
        })?;
    }
    Ok(())
}

/// What a message tells the engine. None for a message that cannot be read: what is there is then none of ours.
type Read = fn(Message<'_>) -> Option<Input<'_>>;

fn link_there(message: Message<'_>) -> Option<Input<'_>> {
    match link::parse(message) {
        Ok(Some(link::LinkChange::Present(link))) => Some(Input::Link(link)),
        _ => None,
    }
}

fn default_route(message: Message<'_>) -> Option<Input<'_>> {
    let default = route::parse(message).ok().flatten()?;
    Some(Input::DefaultRoute(Route {
        dev: default.dev,
        metric: default.metric,
        gateway: default.gateway,
    }))
}

/// An entry of a dump, or an event.
pub(super) fn neighbour_there(message: Message<'_>) -> Option<Input<'_>> {
    match neighbour::parse_event(message) {
        Ok(Some(NeighbourChange::Present(neighbour))) => Some(Input::Neighbour(neighbour)),
        // A device keeps an address that is gone until another has it: its flows live on.
        _ => None,
    }
}

fn tree(message: Message<'_>) -> Option<Input<'_>> {
    match tc::parse(message) {
        Ok(Some(tc::TcChange::Qdisc(qdisc))) => Some(Input::Qdisc(qdisc)),
        Ok(Some(tc::TcChange::Class(class))) => Some(Input::Class(class)),
        _ => None,
    }
}

fn bytes(message: Message<'_>) -> Option<Input<'_>> {
    let bytes = link::parse_bytes(message).ok().flatten()?;
    Some(Input::Bytes(bytes))
}

/// What stands in files.
fn files(look: Look, engine: &mut Engine, now: Instant) {
    match look {
        Look::Leases => leases(engine, now),
        Look::Accounting => {
            let acct = proc::number(ACCOUNTING).map(|number| number != 0);
            engine.handle(now, Input::Accounting(Before { acct }));
        }
        Look::Fill => {
            let mut files = FILL_FILES.iter();
            let fill = files.find_map(|(count, max)| proc::number(count).zip(proc::number(max)));
            let (flows, flows_max) = fill.unwrap_or_default();
            engine.handle(now, Input::Fill { flows, flows_max });
        }
        Look::Clock => {
            let mut read = false;
            let unix_s = clock::unix_s();
            proc::lines(Path::new(ZONE_FILE), ZONE_BYTES_MAX, &mut |zone| {
                if !core::mem::replace(&mut read, true) {
                    engine.handle(now, Input::Clock { unix_s, zone });
                }
            });
            if !read {
                engine.handle(now, Input::Clock { unix_s, zone: "" });
            }
        }
        Look::Modules => {
            proc::lines(Path::new("/proc/modules"), MODULES_BYTES_MAX, &mut |line| {
                let name = halves(line, b' ').map_or(line, |(name, _)| name);
                engine.handle(now, Input::Module(name));
            });
        }
        _ => {}
    }
}

/// No table is an answer too.
fn rules(kernel: &mut Kernel, engine: &mut Engine, now: Instant) -> Result<(), Refused> {
    #[cfg(feature = "xtables")]
    if let Some(xtables) = kernel.xtables {
        return super::xtables::look(kernel, xtables, engine, now);
    }
    let mut question = kernel.question(Family::Netfilter);
    nft::emit_flowtable_dump(&mut question.w, question.seq);
    // A kernel that refuses has none.
    let _ = question.ask(&mut |message| {
        // What was read until something is wrong is there.
        let _ = nft::parse_flowtable(message, &mut |dev| {
            engine.handle(now, Input::Rule(RuleSeen::Flowtable(dev)));
        });
    });
    let mut question = kernel.question(Family::Netfilter);
    nft::emit_get_table(&mut question.w, question.seq, TABLE);
    let table = question.ask(&mut |message| {
        if let Ok(Some(nft::Seen::Table {
            persistent,
            comment,
            ..
        })) = nft::parse(message)
        {
            let note = read_table_comment(comment);
            let table = RuleSeen::Table { persistent, note };
            engine.handle(now, Input::Rule(table));
        }
    });
    match table {
        Err(refused)
            if matches!(
                refused.cause(),
                Cause::Gone | Cause::Unsupported | Cause::Invalid
            ) =>
        {
            return Ok(());
        }
        result => result?,
    }
    let mut question = kernel.question(Family::Netfilter);
    nft::emit_rule_dump(&mut question.w, question.seq, TABLE);
    question.ask(&mut |message| {
        // Older kernels do not filter by table.
        if let Ok(Some(nft::Seen::Rule { table, comment })) = nft::parse(message)
            && table == TABLE.name
        {
            engine.handle(now, Input::Rule(RuleSeen::Rule(read_rule_comment(comment))));
        }
    })?;
    let mut question = kernel.question(Family::Netfilter);
    nft::emit_element_dump(&mut question.w, question.seq, TABLE, DEVICE_MAP);
    let elements = question.ask(&mut |message| {
        let mut seen = |device| engine.handle(now, Input::Rule(RuleSeen::Device(device)));
        // What cannot be read is not ours.
        let read = nft::parse_device_elements(message, &mut |element| {
            seen(element.and_then(|(mac, chain)| Some((mac, Class::parse(chain).ok()?))));
        });
        if read.is_err() {
            seen(None);
        }
    });
    match elements {
        // A table of ours without the map: somebody was at it. The rules then do not match either.
        Err(refused) if refused.cause() == Cause::Gone => Ok(()),
        result => result,
    }
}

/// Hands in what the lease files say.
pub(super) fn leases(engine: &mut Engine, now: Instant) {
    for file in LEASE_FILES {
        proc::lines(Path::new(file), LEASE_BYTES_MAX, &mut |line| {
            if let Some(lease) = lease::parse(line) {
                let lease = Lease {
                    mac: lease.mac,
                    address: lease.address,
                    name: lease.name,
                };
                engine.handle(now, Input::Lease(lease));
            }
        });
    }
}

/// Walks through the flows and marks those that the engine says, a piece of the dump at a time.
pub(super) fn flows(kernel: &mut Kernel, engine: &mut Engine, now: Instant) -> Result<(), Refused> {
    let seq = kernel.walker.next_seq();
    let mut w = Writer::new(&mut kernel.request, Order::HOST);
    conntrack::emit_dump(&mut w, seq, conntrack::Wanted::All);
    let request = w.finish().map_err(|_| too_large())?;
    kernel.walker.begin(request, seq)?;
    let Kernel {
        walker,
        netfilter,
        request,
        room,
        ..
    } = kernel;
    // The dump's room is being read while marks are set: their acknowledgements, some 40 bytes each, need room of their own.
    let mut acks = [0; ACK_BYTES];
    loop {
        let mut marks = Marks {
            netfilter,
            w: Writer::new(request, Order::HOST),
            count: 0,
            acks: &mut acks,
        };
        let progress = walker.read(room, &mut |message| {
            if let Ok(Some(change)) = conntrack::parse(message) {
                let flow = change.flow();
                if let Judgement::Mark { bits, mask } = engine.judge(flow) {
                    marks.add(flow, conntrack::MarkChange { bits, mask }, engine, now);
                }
            }
        })?;
        marks.flush(engine, now);
        if let Progress::End(result) = progress {
            return result;
        }
    }
}

/// Marks that are to be set with one datagram.
struct Marks<'k> {
    netfilter: &'k mut Asker,
    w: Writer<'k>,
    count: u32,
    acks: &'k mut [u8],
}

impl Marks<'_> {
    fn add(
        &mut self,
        flow: &Flow,
        change: conntrack::MarkChange,
        engine: &mut Engine,
        now: Instant,
    ) {
        let seq = self.netfilter.next_seq().wrapping_add(self.count);
        conntrack::emit_mark(&mut self.w, seq, &flow.key, change);
        self.count += 1;
        if self.count == MARKS_A_DATAGRAM {
            self.flush(engine, now);
        }
    }

    fn flush(&mut self, engine: &mut Engine, now: Instant) {
        if self.count == 0 {
            return;
        }
        let last_seq = self.netfilter.next_seq().wrapping_add(self.count - 1);
        let mut refused = |cause| engine.handle(now, Input::Unmarked(cause));
        match self.w.written() {
            Ok(request) => {
                // One that could not be sent at all is found again by the next walk, which sees the old mark.
                let _ = self
                    .netfilter
                    .ask_many(request, last_seq, self.acks, &mut refused);
            }
            Err(_) => refused(Cause::Full),
        }
        self.w.clear();
        self.count = 0;
    }
}
