//! What goes in and what comes out.

use core::net::{IpAddr, Ipv4Addr};

use super::Lanes;
use crate::config::Config;
use crate::control::{Changed, Doctor, Failure, Request, Status};
use crate::value::{
    Before, Cause, ClassSeen, FilterSeen, IfIndex, IfName, IfbChange, Leaf, LeafKind, Link,
    LinkBytes, Mac, Neighbour, Qdisc, Refused, RuleSeen, Ruleset, ShaperClass, ShaperKind,
    TcHandle, TickRate, Xtables,
};

/// A client of the control socket, numbered by whoever holds the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub u8);

/// What the kernel can do, as probed at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Conntrack can be listed and marks be changed.
    pub conntrack: bool,
    /// Rules can be made over netlink.
    pub nft: bool,
    /// Rules are made by other programs instead.
    pub xtables: Option<Xtables>,
    /// Rules can change the segment size that TCP asks for.
    pub mss: bool,
    /// Rules can see packets as they arrive, before a flowtable takes them.
    pub arrival: bool,
    /// A table can be guarded against others and outlive us. Taken for granted until the kernel refuses it.
    pub guard: bool,
    /// Which shapers are there, in the order of [`ShaperKind::ALL`].
    pub shapers: [bool; ShaperKind::ALL.len()],
    /// Which leaf qdiscs are there, in the order of [`LeafKind::ALL`].
    pub leaves: [bool; LeafKind::ALL.len()],
    /// The scheduler's clock.
    pub ticks: TickRate,
}

impl Abilities {
    /// Whether rules are made by other programs; never in a program that cannot run them.
    pub const fn has_xtables(&self) -> bool {
        cfg!(feature = "xtables") && self.xtables.is_some()
    }

    /// Whether an open flow can get another class: by netlink, or else by its next packet, of which rules must see to what its flow was opened.
    pub fn can_class_open_flows(&self) -> bool {
        self.conntrack || self.nft || self.xtables.is_some_and(|xtables| xtables.origin)
    }
}

/// A default route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub dev: IfIndex,
    /// The lowest wins.
    pub metric: u32,
    /// The next router; none where there is nobody else at the other end, and for IPv6.
    pub gateway: Option<Ipv4Addr>,
}

/// A line of a lease file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease<'a> {
    /// Who.
    pub mac: Mac,
    /// Which address.
    pub address: IpAddr,
    /// What it calls itself; empty when it does not say. Anything may stand in it.
    pub name: &'a str,
}

/// Something that happened, or that was asked for and seen.
#[derive(Debug)]
pub enum Input<'a> {
    /// An interface is there, or changed.
    Link(Link),
    /// An interface is gone.
    LinkGone(IfIndex),
    /// Some route changed.
    RoutesChanged,
    /// A default route, in answer to [`Look::Routes`].
    DefaultRoute(Route),
    /// Who has an address.
    Neighbour(Neighbour),
    /// A line of a lease file, in answer to [`Look::Leases`].
    Lease(Lease<'a>),
    /// A qdisc, in answer to [`Look::Qdiscs`].
    Qdisc(Qdisc),
    /// A class, in answer to [`Look::Classes`].
    Class(ClassSeen),
    /// A filter, in answer to [`Look::Filters`].
    Filter(FilterSeen),
    /// Somebody else changed qdiscs, classes or filters of this device.
    TreeTouched(IfIndex),
    /// Something of our rules, in answer to [`Look::Rules`].
    Rule(RuleSeen),
    /// Somebody else changed rules.
    RulesTouched,
    /// Somebody's flowtable was made, changed or removed.
    FlowtablesTouched,
    /// Whether the kernel counts the bytes of flows, in answer to [`Look::Accounting`].
    Accounting(Before),
    /// What a device has carried, in answer to [`Look::Bytes`].
    Bytes(LinkBytes),
    /// How many flows there are, and how many fit, in answer to [`Look::Fill`].
    Fill {
        /// Flows.
        flows: u32,
        /// What fits.
        flows_max: u32,
    },
    /// A mark that [`super::Engine::judge`] asked for could not be set.
    Unmarked(Cause),
    /// What the clock on the wall says, in answer to [`Look::Clock`].
    Clock {
        /// Seconds since the start of 1970 in UTC.
        unix_s: u32,
        /// What `/etc/TZ` says; empty when there is none.
        zone: &'a str,
    },
    /// A kernel module is loaded, in answer to [`Look::Modules`].
    Module(&'a str),
    /// Events were lost, of whatever kind but neighbours.
    Lost,
    /// Events of neighbours were lost.
    NeighboursLost,
    /// The answer to [`Op::Echo`] took so long.
    Echo {
        /// In 0.1 ms.
        tenth_ms: u32,
    },
    /// An answer to [`Op::Sound`].
    Passed {
        /// To which.
        seq: u16,
    },
    /// A router on the way says that an [`Op::Sound`] was too large.
    TooLarge {
        /// Which.
        seq: u16,
        /// The largest packet, in bytes, that would not have been; 0 where it does not say.
        mtu: u16,
    },
    /// The last operation is done, or was refused.
    Done(Result<(), Refused>),
    /// A client asks.
    Request(Client, Request<'a>),
    /// A client brings a configuration.
    Apply(Client, Box<Config>),
    /// The configuration was changed where it is stored.
    Reload(Box<Config>),
    /// A client is gone: it needs no answer.
    Left(Client),
    /// A watcher has taken all that it was told.
    Taken(Client),
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// All interfaces.
    Links,
    /// The default routes.
    Routes,
    /// All neighbours.
    Neighbours,
    /// The lease files.
    Leases,
    /// All qdiscs.
    Qdiscs,
    /// The classes of a device.
    Classes(IfIndex),
    /// The filters of a device that has a hook for them.
    Filters(IfIndex),
    /// Our table, its rules and its devices.
    Rules,
    /// Whether our rules are still there, where nobody tells: if not, [`Input::RulesTouched`].
    Presence,
    /// Whether the kernel counts the bytes of flows.
    Accounting,
    /// What a device has carried.
    Bytes(IfIndex),
    /// How full the conntrack table is.
    Fill,
    /// All flows. Each is shown to [`super::Engine::judge`] while the look goes on.
    Flows,
    /// The kernel's modules.
    Modules,
    /// The clock on the wall, and by which zone it goes.
    Clock,
}

/// Whether something is made or only changed; a change keeps what is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is not there; or, of a leaf, is something else.
    New,
    /// Another of ours is there, and goes in the same moment.
    Instead,
    /// It is there.
    Change,
}

/// Something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Look, and bring what is seen as inputs.
    Look(Look),
    /// Make or change the root qdisc of a device.
    Root {
        /// The device.
        dev: IfIndex,
        /// What it belongs to.
        lanes: Lanes,
        /// Which of all.
        put: Put,
    },
    /// Make or change a class.
    Class {
        /// The device.
        dev: IfIndex,
        /// How.
        class: ShaperClass,
        /// Which of both.
        put: Put,
    },
    /// Remove a class, with what waits in it.
    DeleteClass {
        /// The device.
        dev: IfIndex,
        /// Its name.
        handle: TcHandle,
    },
    /// Make or change the leaf qdisc of a class.
    Leaf {
        /// The device.
        dev: IfIndex,
        /// The class.
        class: TcHandle,
        /// The leaf's name.
        handle: TcHandle,
        /// How.
        leaf: Leaf,
        /// Which of both.
        put: Put,
    },
    /// Remove the root qdisc of a device.
    DeleteRoot {
        /// The device.
        dev: IfIndex,
        /// Its name.
        handle: TcHandle,
    },
    /// Change what several LANs share one shaper by.
    Ifb(IfbChange),
    /// Make this rule set, with all devices, at once.
    Rules {
        /// How.
        ruleset: Ruleset,
        /// A table of ours is there, which goes in the same moment.
        instead: bool,
    },
    /// Take the guarded table that a dead owner left into our hands.
    Adopt(Ruleset),
    /// Bring the elements of devices up to date, at once.
    Elements(Ruleset),
    /// Remove our rules.
    DeleteRules,
    /// Let the kernel count the bytes of flows, or not.
    Accounting(bool),
    /// Store the configuration.
    Save,
    /// Send an echo request; the answer comes as [`Input::Echo`], or never.
    Echo {
        /// To whom.
        to: Ipv4Addr,
        /// Through which interface.
        dev: IfName,
        /// In which class of our queues.
        priority: TcHandle,
    },
    /// Send an echo request that nobody on the way may split; what becomes of it comes as [`Input::Passed`] or [`Input::TooLarge`], or never.
    Sound {
        /// To whom.
        to: Ipv4Addr,
        /// Through which interface.
        dev: IfName,
        /// In which class of our queues.
        priority: TcHandle,
        /// Its number.
        seq: u16,
        /// Bytes of the packet, from its IP header on.
        bytes: u16,
    },
}

/// What shall become of a flow that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing.
    Leave,
    /// Its mark shall have these bits under this mask.
    Mark {
        /// What the bits shall be.
        bits: u32,
        /// Which bits.
        mask: u32,
    },
}

/// What comes out of the engine.
#[derive(Debug)]
pub enum Step {
    /// Do this, bring back what was seen, then [`Input::Done`].
    Do(Op),
    /// Tell a client.
    Answer(Client, Answer),
    /// Nothing, until something happens or this long has passed. `None`: until something happens.
    Wait(Option<core::time::Duration>),
    /// Everything is taken out: end.
    End,
}

/// An answer to a client.
#[derive(Debug)]
pub enum Answer {
    /// It was not carried out.
    Failure(Box<Failure>),
    /// It was carried out.
    Changed(Box<Changed>),
    /// The health.
    Status(Box<Status>),
    /// What the kernel can do.
    Doctor(Box<Doctor>),
    /// The configuration in force; whoever answers takes it from the engine.
    Config,
    /// The devices, whose table is fresh; whoever answers takes them from the engine.
    Devices,
    /// The flows; whoever answers reads them from the kernel.
    Flows(FlowFilter),
    /// What changed; whoever answers takes it from the engine, with [`super::Engine::tell_watcher`].
    Watch,
}

/// Which flows a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowFilter {
    /// Those of this device.
    pub device: Option<Mac>,
    /// Those of this class.
    pub class: Option<crate::value::Class>,
}
