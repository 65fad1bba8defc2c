//! Our rules, for `xtables`: the input of `iptables-restore --noflush` and `ip6tables-restore --noflush`.
//!
//! ```text
//! table mangle
//!   PREROUTING          first of all: to LANEMARK_FIRST
//!   FORWARD             first of all: to LANEMARK_STEER
//!   LANEMARK_FIRST      one rule a LAN: from there, to LANEMARK_HOME
//!   LANEMARK_HOME       a flow's first packet, or the home's first answer: to LANEMARK_FRESH
//!   LANEMARK_FRESH      flow without slot: to LANEMARK_CAPPED; flow without class: to LANEMARK_RULES or LANEMARK_MAC
//!                       or, where nobody can change the mark of an open flow: each packet: to LANEMARK_CAPPED, and to LANEMARK_RULES or LANEMARK_MAC
//!   LANEMARK_ANSWER     as LANEMARK_FRESH without the user's rules, where a kernel cannot say what a flow was opened to
//!   LANEMARK_RULES      the user's: to their class' chain; then to LANEMARK_MAC
//!   LANEMARK_MAC        one rule a device: to its class' chain; where each packet comes here, then what takes a class away
//!   LANEMARK_CAPPED     one rule a capped device: its slot; where each packet comes here, then what takes a slot away
//!   LANEMARK_PREMIUM .. the class' bits of the flow's mark
//!   LANEMARK_STEER      to or from the WAN: to LANEMARK_LANES
//!   LANEMARK_LANES      the default lane; the lane of the flow's mark; segment sizes; kinds of packets that go ahead: to LANEMARK_SMALL
//!   LANEMARK_SMALL      the queue of small packets, of flows in the lower lanes
//!   LANEMARK_QUEUES     the queue of the flow's slot
//!   LANEMARK_M_7f_0_1   empty: its name tells where the class stands in the mark, and what nf_conntrack_acct was
//!   LANEMARK_C_7f00_8   empty: its name tells where slots stand in the mark
//! ```
//!
//! Lists are walked by the first packets of a flow only, so that an established flow's packet costs the same with 256 devices and with
//! one. One input is one change of the whole table: `:CHAIN - [0:0]` makes a chain or empties it, and what was there before is in force until
//! the end. What follows our jumps, and every chain of others, is as it was.
//!
//! `xtables` tells nobody of changes, and prints rules in other words than it was told them. So the rules are looked at by an input that would
//! remove each of them, word by word, and then the chains, which must be empty: run with `--test`, it changes nothing, and fails where anything
//! is not as it was made. The everyday look, every few seconds, asks the same of the jumps and of the number of rules in each chain.
//!
//! Words that iptables 1.3 and 1.8 both know: `--set-mark value/mask`, no `-C`, no `!` (its place has changed).

mod caps;
mod lanes;
mod listing;
mod pattern;
mod text;

use core::fmt::Write;

use crate::engine::Devices;
use crate::value::{Class, IpVersion, Rule, Ruleset};

pub use listing::{Listing, Name};
pub use text::Text;

use text::Verb;

/// What all chains of ours begin with. Nobody else's do.
pub const PREFIX: &str = "LANEMARK_";

const FIRST: &str = "LANEMARK_FIRST";
const HOME: &str = "LANEMARK_HOME";
const FRESH: &str = "LANEMARK_FRESH";
const ANSWER: &str = "LANEMARK_ANSWER";
const RULES: &str = "LANEMARK_RULES";
const MAC: &str = "LANEMARK_MAC";
const CAPPED: &str = "LANEMARK_CAPPED";
const STEER: &str = "LANEMARK_STEER";
const LANES: &str = "LANEMARK_LANES";
const SMALL: &str = "LANEMARK_SMALL";
const QUEUES: &str = "LANEMARK_QUEUES";

/// The chains of the kernel that lead to ours.
pub(super) const JUMPS: [(&str, &str); 2] = [("PREROUTING", FIRST), ("FORWARD", STEER)];

/// Chains that are there whatever the rules are, beside one a class.
const CHAINS: [&str; 11] = [
    FIRST, HOME, FRESH, ANSWER, RULES, MAC, CAPPED, STEER, LANES, SMALL, QUEUES,
];

/// The chain of a class.
const fn class_chain(class: Class) -> &'static str {
    match class {
        Class::Exempt => "LANEMARK_EXEMPT",
        Class::Premium => "LANEMARK_PREMIUM",
        Class::Express => "LANEMARK_EXPRESS",
        Class::Standard => "LANEMARK_STANDARD",
        Class::Bulk => "LANEMARK_BULK",
    }
}

/// What the rules are made of, for one version of IP.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// How.
    pub ruleset: &'a Ruleset,
    /// The user's.
    pub rules: &'a [Rule],
    /// Whose classes and slots they know.
    pub devices: &'a Devices,
    /// Of which version.
    pub version: IpVersion,
    /// A rule can ask what a flow was opened to, and in which of its directions a packet goes.
    pub origin: bool,
}

/// The whole set, in the place of what is there. None where it does not fit the room.
pub fn install<'b>(room: &'b mut [u8], set: &Set<'_>, there: &Listing) -> Option<&'b [u8]> {
    let mut text = Text::begin(room, Verb::Make);
    unhook(&mut text, there);
    let mut wanted = |name: &str| text.line(format_args!(":{name} - [0:0]"));
    chains(set.ruleset, &mut wanted);
    let is_wanted = |name: &str| {
        let mut found = false;
        chains(set.ruleset, &mut |wanted| found |= wanted == name);
        found
    };
    let stale = there.chains.iter().filter(|name| !is_wanted(name));
    // Emptied first: one may lead to another.
    for name in stale.clone() {
        text.line(format_args!(":{name} - [0:0]"));
    }
    made(&mut text, set);
    for name in stale {
        text.line(format_args!("-X {name}"));
    }
    for (from, to) in JUMPS {
        // The first, so that nobody's verdict keeps a packet from us.
        text.line(format_args!("-I {from} -j {to}"));
    }
    text.end()
}

/// Run with `--test`, succeeds where the set is there, whole, and nothing besides it in our chains. The order of the rules of a chain is not compared.
pub fn compare<'b>(room: &'b mut [u8], set: &Set<'_>) -> Option<&'b [u8]> {
    let mut text = Text::begin(room, Verb::Compare);
    for (from, to) in JUMPS {
        text.line(format_args!("-D {from} -j {to}"));
    }
    made(&mut text, set);
    chains(set.ruleset, &mut |name| {
        text.line(format_args!("-X {name}"))
    });
    text.end()
}

/// Run with `--test`, succeeds where our jumps are there, and each chain of ours has as many rules as it should, or more.
pub fn count<'b>(room: &'b mut [u8], set: &Set<'_>) -> Option<&'b [u8]> {
    let mut text = Text::begin(room, Verb::Count);
    for (from, to) in JUMPS {
        text.line(format_args!("-D {from} -j {to}"));
    }
    made(&mut text, set);
    text.end()
}

/// The classes of the devices alone, in such a set.
pub fn elements<'b>(room: &'b mut [u8], ruleset: &Ruleset, devices: &Devices) -> Option<&'b [u8]> {
    let mut text = Text::begin(room, Verb::Make);
    text.line(format_args!(":{MAC} - [0:0]"));
    macs(&mut text, ruleset, devices);
    text.end()
}

/// Nothing of ours.
pub fn delete<'b>(room: &'b mut [u8], there: &Listing) -> Option<&'b [u8]> {
    let mut text = Text::begin(room, Verb::Make);
    unhook(&mut text, there);
    for verb in ["-F", "-X"] {
        for name in &there.chains {
            text.line(format_args!("{verb} {name}"));
        }
    }
    text.end()
}

/// Lists the table.
pub fn list(room: &mut [u8]) -> Option<&[u8]> {
    let mut text = Text::begin(room, Verb::Make);
    text.line(format_args!("-L -n"));
    text.end()
}

/// What is asked for before anything is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// What no set does without.
    Needed,
    /// Segment sizes.
    Mss,
    /// [`Set::origin`].
    Origin,
}

/// Makes a chain that nothing leads to, with such rules, and removes it again: succeeds where the kernel takes them.
pub fn probe(room: &mut [u8], ability: Ability) -> Option<&[u8]> {
    const PROBE: &str = "LANEMARK_PROBE";
    let rules: &[&str] = match ability {
        Ability::Needed => &[
            "-m mac --mac-source 02:00:00:00:00:01 -j RETURN",
            "-m conntrack --ctstate NEW,RELATED -j RETURN",
            "-m conntrack --ctstatus ASSURED -j RETURN",
            "-m connmark --mark 0xa/0x7f -j RETURN",
            "-p tcp -m tcp --tcp-flags SYN SYN -m length --length 0:127 -j RETURN",
            "-j CONNMARK --set-mark 0xa/0x7f",
            "-j CLASSIFY --set-class 4c4d:10",
        ],
        Ability::Mss => &[
            "-p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --clamp-mss-to-pmtu",
            "-p tcp -m tcp --tcp-flags SYN SYN -m tcpmss --mss 537:65535 -j TCPMSS --set-mss 536",
        ],
        Ability::Origin => &[
            "-m conntrack --ctproto 6 --ctorigdstport 1:2 -j RETURN",
            "-m conntrack --ctdir REPLY -j RETURN",
        ],
    };
    let mut text = Text::begin(room, Verb::Make);
    text.line(format_args!(":{PROBE} - [0:0]"));
    for rule in rules {
        text.rule(PROBE, format_args!("{rule}"));
    }
    text.line(format_args!("COMMIT\n*mangle\n-F {PROBE}\n-X {PROBE}"));
    text.end()
}

/// Takes our jumps out of the kernel's chains, as often as they stand there.
fn unhook(text: &mut Text<'_>, there: &Listing) {
    for ((from, to), count) in JUMPS.into_iter().zip(there.jumps) {
        for _ in 0..count {
            text.line(format_args!("-D {from} -j {to}"));
        }
    }
}

/// The names of all chains of a set.
fn chains(ruleset: &Ruleset, each: &mut dyn FnMut(&str)) {
    for name in CHAINS.into_iter().chain(Class::ALL.map(class_chain)) {
        each(name);
    }
    let mut name = Name::new();
    let _ = write!(name, "{}", listing::MarkNote::of(ruleset));
    each(&name);
    if let Some(caps) = ruleset.caps {
        name.clear();
        let _ = write!(name, "{}", listing::CapsNote(caps));
        each(&name);
    }
}

/// All rules, chain by chain.
fn made(text: &mut Text<'_>, set: &Set<'_>) {
    let Set {
        ruleset,
        rules,
        devices,
        ..
    } = *set;
    let (layout, mask) = (ruleset.layout, ruleset.layout.mask());
    for class in Class::ALL {
        let bits = layout.bits(Some(class));
        text.rule(
            class_chain(class),
            format_args!("-j CONNMARK --set-mark {bits:#x}/{mask:#x}"),
        );
    }
    for lan in ruleset.lans.iter() {
        text.rule(FIRST, format_args!("-i {lan} -j {HOME}"));
    }
    home(text, set);
    for rule in rules {
        for pattern in rule.patterns() {
            pattern::rule(text, set, &pattern);
        }
    }
    text.rule(RULES, format_args!("-g {MAC}"));
    macs(text, ruleset, devices);
    caps::slots(text, set);
    lanes::steer(text, ruleset.wan);
    lanes::lanes(text, set);
    lanes::small(text, ruleset);
    caps::queues(text, set);
}

/// What finds the flows that lists are walked for.
fn home(text: &mut Text<'_>, set: &Set<'_>) {
    let next = if set.rules.is_empty() { MAC } else { RULES };
    if set.ruleset.afresh {
        text.rule(HOME, format_args!("-g {FRESH}"));
        if set.ruleset.caps.is_some() {
            text.rule(FRESH, format_args!("-j {CAPPED}"));
        }
        return text.rule(FRESH, format_args!("-g {next}"));
    }
    text.rule(
        HOME,
        format_args!("-m conntrack --ctstate NEW,RELATED -g {FRESH}"),
    );
    text.rule(
        HOME,
        format_args!("-m conntrack --ctstatus ASSURED -j RETURN"),
    );
    if set.origin {
        text.rule(HOME, format_args!("-m conntrack --ctdir REPLY -g {FRESH}"));
    } else {
        text.rule(HOME, format_args!("-g {ANSWER}"));
    }
    let mask = set.ruleset.layout.mask();
    for (chain, next) in [(FRESH, next), (ANSWER, MAC)] {
        if let Some(caps) = set.ruleset.caps {
            let mask = caps.layout.mask();
            text.rule(
                chain,
                format_args!("-m connmark --mark 0x0/{mask:#x} -j {CAPPED}"),
            );
        }
        text.rule(
            chain,
            format_args!("-m connmark --mark 0x0/{mask:#x} -g {next}"),
        );
    }
}

/// The classes of the devices.
fn macs(text: &mut Text<'_>, ruleset: &Ruleset, devices: &Devices) {
    for device in devices.iter() {
        if let Some(class) = device.class {
            let to = class_chain(class);
            text.rule(
                MAC,
                format_args!("-m mac --mac-source {} -g {to}", device.mac),
            );
        }
    }
    if ruleset.afresh {
        let (layout, mask) = (ruleset.layout, ruleset.layout.mask());
        for bits in Class::ALL.map(|class| layout.bits(Some(class))) {
            take(text, MAC, bits, mask);
        }
    }
}

/// A mark with these bits has none of them any more.
fn take(text: &mut Text<'_>, chain: &'static str, bits: u32, mask: u32) {
    text.rule(
        chain,
        format_args!("-m connmark --mark {bits:#x}/{mask:#x} -j CONNMARK --set-mark 0x0/{mask:#x}"),
    );
}
