//! The words that every folder uses: who (MAC, address), where (interface), how (class, mark, rate), when (instant).
//!
//! Must not: know bytes on a wire, files, or what is decided with these values. Everything here is small, `Copy` or of
//! fixed capacity, and valid by construction: text from outside becomes a value through `parse`, which says what it expected.

mod address;
mod ahead;
pub mod assigned;
mod cake;
mod class;
mod crc;
mod dialect;
mod flow;
mod handle;
mod ifb;
mod ifname;
mod instant;
mod link;
mod mac;
mod mark;
mod mss;
mod neighbour;
mod network;
mod qdisc;
mod rate;
mod refused;
mod rule;
mod rules;
mod service;
mod shaper;
mod text;
mod timezone;

pub use address::Address;
pub use ahead::{Ahead, Kind};
pub use cake::{Cake, CakeTins, Isolation};
pub use class::{Class, UnknownClass};
pub use crc::Crc32;
pub use dialect::{Dialect, Xtables};
pub use flow::{FLOW_KEY_BYTES_MAX, Flow, FlowBytes, FlowKey, FlowPath, Tuple};
pub use handle::TcHandle;
pub use ifb::{FilterSeen, IfbChange, IfbVerb, Redirect};
pub use ifname::{BadIfName, IF_NAME_BYTES_MAX, IF_NAMES_MAX, IfIndex, IfName, IfNames};
pub use instant::Instant;
pub use link::{Link, LinkBytes, LinkKind};
pub use mac::{BadMac, Mac};
pub use mark::{BadMarkLayout, CAPS_MAX, MarkLayout};
pub use mss::{LowerMss, Mss, Opener, Segments};
pub use neighbour::Neighbour;
pub use network::{IpVersion, Network};
pub use qdisc::{
    CAKE_TINS, ClassSeen, Codel, Discipline, FqCodel, Leaf, LeafKind, Pie, Qdisc, Sfq, TcStats,
};
pub use rate::Kbit;
pub use refused::{Cause, Meaning, REFUSED_TEXT_BYTES_MAX, Refused};
pub use rule::{PORT_RANGES_MAX, Pattern, RULE_NAME_BYTES_MAX, Rule};
pub use rules::{Before, CapRules, RuleMark, RuleSeen, Ruleset, TableNote, macs, names, policy};
pub use service::{Part, Ports, Service};
pub use shaper::{
    Curve, Framing, HfscRoot, HtbRoot, Root, ShaperClass, ShaperKind, TickRate, Ticks,
};
pub use text::{Lossy, Pieces, decimal, halves, utf8, write_cut};
pub use timezone::{BadTimeZone, TimeZone, WallTime};
