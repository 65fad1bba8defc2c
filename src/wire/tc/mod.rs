//! Qdiscs and classes, with their counters; filters.
//!
//! Read before editing: linux/pkt_sched.h, linux/rtnetlink.h (6.12) `struct tcmsg`, linux/gen_stats.h.

mod cake;
mod filter;
mod hfsc;
mod htb;
mod leaf;

use super::cursor::Place;
use super::netlink::{Header, Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use super::{Malformed, Reader, Writer};
use crate::value::{
    CAKE_TINS, ClassSeen, Discipline, FilterSeen, IfIndex, Leaf, LeafKind, Qdisc, Root,
    ShaperClass, ShaperKind, TcHandle, TcStats, TickRate,
};

pub use filter::{emit_filter_dump, emit_ifb};

const RTM_NEWQDISC: u16 = 36;
const RTM_DELQDISC: u16 = 37;
const RTM_GETQDISC: u16 = 38;
const RTM_NEWTCLASS: u16 = 40;
const RTM_DELTCLASS: u16 = 41;
const RTM_GETTCLASS: u16 = 42;

const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_STATS: u16 = 3;
const TCA_STATS2: u16 = 7;
const TCA_STAB: u16 = 8;
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;
const TCA_STATS_APP: u16 = 4;

/// Whether something is made or only changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is not there yet.
    New,
    /// Something else is there, which goes in the same moment with what is queued in it.
    Instead,
    /// It is there and keeps what is queued in it.
    Change,
}

/// `struct tcmsg`.
#[derive(Clone, Copy)]
struct Fixed {
    dev: IfIndex,
    handle: TcHandle,
    parent: TcHandle,
}

impl Fixed {
    fn emit(self, w: &mut Writer<'_>) {
        w.zeroes(4);
        w.u32(self.dev.0);
        w.u32(self.handle.0);
        w.u32(self.parent.0);
        w.zeroes(4);
    }

    fn parse(body: &mut Reader<'_>) -> Fixed {
        body.skip(4);
        let fixed = Fixed {
            dev: IfIndex(body.u32()),
            handle: TcHandle(body.u32()),
            parent: TcHandle(body.u32()),
        };
        body.skip(4);
        fixed
    }
}

/// Begins a message about a qdisc or a class of a kind; [`Writer::end_message`] ends it.
#[inline(never)]
fn begin(w: &mut Writer<'_>, header: Header, fixed: Fixed, kind: &str) -> Place {
    let message = w.begin_message(header);
    fixed.emit(w);
    w.attribute_text(TCA_KIND, kind);
    message
}

/// Asks for the qdiscs of all devices.
pub fn emit_qdisc_dump(w: &mut Writer<'_>, seq: u32) {
    let all = Fixed {
        dev: IfIndex(0),
        handle: TcHandle::NONE,
        parent: TcHandle::NONE,
    };
    w.message(Header::dump(RTM_GETQDISC, seq), |w| all.emit(w));
}

/// Asks for the classes of one device.
pub fn emit_class_dump(w: &mut Writer<'_>, seq: u32, dev: IfIndex) {
    let all = Fixed {
        dev,
        handle: TcHandle::NONE,
        parent: TcHandle::NONE,
    };
    w.message(Header::dump(RTM_GETTCLASS, seq), |w| all.emit(w));
}

/// Makes or changes the root qdisc.
pub fn emit_root(
    w: &mut Writer<'_>,
    seq: u32,
    dev: IfIndex,
    handle: TcHandle,
    root: &Root,
    put: Put,
) {
    let fixed = Fixed {
        dev,
        handle,
        parent: TcHandle::ROOT,
    };
    let extra = match put {
        // EXCL: the kernel's own default (handle 0) does not count as there, and what another program has set meanwhile is not ours to replace.
        Put::New => NLM_F_CREATE | NLM_F_EXCL,
        Put::Instead => NLM_F_CREATE | NLM_F_REPLACE,
        Put::Change => 0,
    };
    let header = Header::request(RTM_NEWQDISC, extra, seq);
    let message = begin(w, header, fixed, root.kind().name());
    match root {
        Root::Htb(htb) => w.nest(TCA_OPTIONS, |w| htb::emit_root(w, *htb)),
        Root::Hfsc(hfsc) => {
            w.attribute(TCA_OPTIONS, |w| hfsc::emit_root(w, *hfsc));
            if hfsc.overhead_bytes > 0 {
                w.nest(TCA_STAB, |w| hfsc::emit_sizes(w, hfsc.overhead_bytes));
            }
        }
        Root::Cake(cake) => w.nest(TCA_OPTIONS, |w| cake::emit(w, cake)),
    }
    w.end_message(message);
}

/// Removes the root qdisc with all that is below; the kernel attaches its default again.
pub fn emit_root_delete(w: &mut Writer<'_>, seq: u32, dev: IfIndex, handle: TcHandle) {
    let fixed = Fixed {
        dev,
        handle,
        parent: TcHandle::ROOT,
    };
    w.message(Header::request(RTM_DELQDISC, 0, seq), |w| fixed.emit(w));
}

/// Makes or changes a class.
pub fn emit_class(
    w: &mut Writer<'_>,
    seq: u32,
    dev: IfIndex,
    class: &ShaperClass,
    put: Put,
    ticks: TickRate,
) {
    let fixed = Fixed {
        dev,
        handle: class.handle,
        parent: class.parent,
    };
    let extra = match put {
        Put::New | Put::Instead => NLM_F_CREATE | NLM_F_EXCL,
        Put::Change => 0,
    };
    let header = Header::request(RTM_NEWTCLASS, extra, seq);
    let message = begin(w, header, fixed, class.shaper.name());
    w.nest(TCA_OPTIONS, |w| match class.shaper {
        ShaperKind::Htb => htb::emit_class(w, class, ticks),
        _ => hfsc::emit_class(w, class),
    });
    w.end_message(message);
}

/// Removes a class; what waits in it is lost.
pub fn emit_class_delete(w: &mut Writer<'_>, seq: u32, dev: IfIndex, handle: TcHandle) {
    let fixed = Fixed {
        dev,
        handle,
        parent: TcHandle::NONE,
    };
    w.message(Header::request(RTM_DELTCLASS, 0, seq), |w| fixed.emit(w));
}

/// Makes the leaf qdisc of a class in the place of what is there, or changes its parameters.
pub fn emit_leaf(
    w: &mut Writer<'_>,
    seq: u32,
    dev: IfIndex,
    place: LeafPlace,
    leaf: &Leaf,
    put: Put,
) {
    let fixed = Fixed {
        dev,
        handle: place.handle,
        parent: place.class,
    };
    let extra = match put {
        Put::New | Put::Instead => NLM_F_CREATE | NLM_F_REPLACE,
        Put::Change => 0,
    };
    let header = Header::request(RTM_NEWQDISC, extra, seq);
    let message = begin(w, header, fixed, leaf.kind().name());
    leaf::emit(w, TCA_OPTIONS, leaf);
    w.end_message(message);
}

/// Where a leaf qdisc is, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafPlace {
    /// The class that it keeps the packets of.
    pub class: TcHandle,
    /// Its own name.
    pub handle: TcHandle,
}

/// Asks for a qdisc that cannot be made: its options are cut short on purpose.
///
/// The kernel looks the kind up (and loads its module) before it reads the options, so the error tells whether it has the kind
/// (`EINVAL` or `ERANGE`) or not (`ENOENT`), and nothing is attached either way. Seen on 6.1 and 6.18.
pub fn emit_probe(w: &mut Writer<'_>, seq: u32, dev: IfIndex, kind: ProbedKind) {
    let fixed = Fixed {
        dev,
        handle: TcHandle::NONE,
        parent: TcHandle::ROOT,
    };
    let header = Header::request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, seq);
    let message = begin(w, header, fixed, kind.name());
    match kind {
        // A bare struct: one byte is shorter than any. (A whole attribute is not: a FIFO takes its header for a limit.)
        ProbedKind::Shaper(ShaperKind::Hfsc)
        | ProbedKind::Leaf(LeafKind::Bfifo | LeafKind::Pfifo | LeafKind::Sfq) => {
            w.attribute_bytes(TCA_OPTIONS, &[0]);
        }
        // Attributes: number 2 of each has four bytes or more.
        _ => w.nest(TCA_OPTIONS, |w| w.attribute_bytes(2, &[0])),
    }
    w.end_message(message);
}

/// A kind that [`emit_probe`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbedKind {
    /// A shaper.
    Shaper(ShaperKind),
    /// A leaf.
    Leaf(LeafKind),
}

impl ProbedKind {
    const fn name(self) -> &'static str {
        match self {
            ProbedKind::Shaper(kind) => kind.name(),
            ProbedKind::Leaf(kind) => kind.name(),
        }
    }
}

/// What a tc message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcChange {
    /// A qdisc is there, like this.
    Qdisc(Qdisc),
    /// A class of a shaper is there, like this.
    Class(ClassSeen),
    /// A qdisc is gone.
    QdiscGone {
        /// The device.
        dev: IfIndex,
        /// Its name.
        handle: TcHandle,
    },
    /// A filter is there, like this, or is gone.
    Filter(FilterSeen),
    /// A class is gone.
    ClassGone {
        /// The device.
        dev: IfIndex,
        /// Its name.
        handle: TcHandle,
    },
}

/// Reads a message about a qdisc, a class or a filter. `None`: another message, or a class of another discipline.
///
/// # Errors
/// [`Malformed`].
pub fn parse(message: Message<'_>) -> Result<Option<TcChange>, Malformed> {
    let kind = message.header.kind;
    if matches!(kind, filter::RTM_NEWTFILTER | filter::RTM_DELTFILTER) {
        return filter::parse(message).map(Some);
    }
    if !matches!(
        kind,
        RTM_NEWQDISC | RTM_DELQDISC | RTM_NEWTCLASS | RTM_DELTCLASS
    ) {
        return Ok(None);
    }
    let mut body = message.body;
    let Fixed {
        dev,
        handle,
        parent,
    } = Fixed::parse(&mut body);
    body.end()?;
    match kind {
        RTM_DELQDISC => return Ok(Some(TcChange::QdiscGone { dev, handle })),
        RTM_DELTCLASS => return Ok(Some(TcChange::ClassGone { dev, handle })),
        _ => {}
    }
    let nothing = Reader::new(&[], body.order());
    let (mut name, mut options, mut sizes) = ("", nothing, nothing);
    let (mut stats, mut tins) = (TcStats::default(), [TcStats::default(); CAKE_TINS]);
    body.attributes(&mut |kind, value| match kind {
        TCA_KIND => name = value.text(),
        TCA_OPTIONS => options = *value,
        TCA_STATS => stats = old_stats(value),
        TCA_STATS2 => value.attributes(&mut |kind, value| match kind {
            TCA_STATS_APP if name == ShaperKind::Cake.name() => cake::parse_tins(value, &mut tins),
            _ => new_stats(&mut stats, kind, value),
        }),
        TCA_STAB => sizes = *value,
        _ => {}
    });
    body.end()?;
    if kind == RTM_NEWQDISC {
        return Ok(Some(TcChange::Qdisc(Qdisc {
            dev,
            handle,
            parent,
            discipline: discipline(name, &mut options, &mut sizes)?,
            stats,
            tins,
        })));
    }
    // The kernel tells of a class without a class above it that its parent is the root, whatever it was made with.
    let parent = if parent == TcHandle::ROOT {
        TcHandle::new(handle.major(), 0)
    } else {
        parent
    };
    let mut class = ShaperClass {
        handle,
        parent,
        ..ShaperClass::NONE
    };
    if name == ShaperKind::Htb.name() {
        htb::parse_class(&mut options, &mut class)?;
    } else if name == ShaperKind::Hfsc.name() {
        class.shaper = ShaperKind::Hfsc;
        hfsc::parse_class(&mut options, &mut class);
        options.end()?;
    } else {
        return Ok(None);
    }
    Ok(Some(TcChange::Class(ClassSeen { dev, class, stats })))
}

fn discipline(
    name: &str,
    options: &mut Reader<'_>,
    sizes: &mut Reader<'_>,
) -> Result<Discipline, Malformed> {
    if name == ShaperKind::Htb.name() {
        return Ok(Discipline::Shaper(Root::Htb(htb::parse_root(options)?)));
    }
    if name == ShaperKind::Hfsc.name() {
        let root = hfsc::parse_root(options, sizes);
        options.end()?;
        sizes.end()?;
        return Ok(Discipline::Shaper(Root::Hfsc(root)));
    }
    if name == filter::KIND_CLSACT {
        return Ok(Discipline::Clsact);
    }
    let Some(kind) = LeafKind::ALL.into_iter().find(|kind| kind.name() == name) else {
        return Ok(Discipline::Other);
    };
    let leaf = leaf::parse(kind, options);
    options.end()?;
    Ok(Discipline::Leaf(leaf))
}

/// `struct tc_stats`, all that kernels before 2.6.10 or so have: bytes (64), packets, drops, overlimits, bps, pps, qlen, backlog.
fn old_stats(stats: &mut Reader<'_>) -> TcStats {
    let bytes = stats.u64_or_zero();
    let packets = stats.u32_or_zero();
    let dropped = stats.u32_or_zero();
    stats.skip_padding(12);
    let backlog_packets = stats.u32_or_zero();
    TcStats {
        bytes,
        packets,
        dropped,
        backlog_packets,
        backlog_bytes: stats.u32_or_zero(),
    }
}

fn new_stats(stats: &mut TcStats, kind: u16, value: &mut Reader<'_>) {
    match kind {
        TCA_STATS_BASIC => {
            stats.bytes = value.u64();
            stats.packets = value.u32();
        }
        TCA_STATS_QUEUE => {
            stats.backlog_packets = value.u32();
            stats.backlog_bytes = value.u32();
            stats.dropped = value.u32();
        }
        _ => {}
    }
}
