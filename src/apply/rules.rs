//! Our rules, for `nf_tables`.
//!
//! ```text
//! table inet lanemark {
//!   map device_class { type ether_addr : verdict }          one element a device: goto its class' chain
//!   map lane         { type mark : classid }                one element a class, and 0
//!   map small_lane   { type mark : classid }                the classes some of whose packets go ahead
//!   chain premium    { ct mark set ct mark & ~mask | 10 }   one chain a class; then, if there is the chain arrival, its lane
//!   chain rules      { the user's: goto their class' chain; then look the source MAC up }
//!   chain unmarked   { a flow's first packet, or the home's first answer: goto rules; else look the source MAC up }
//!   chain first      { hook prerouting; one rule a LAN: from there, flow without class: goto unmarked }
//!   chain steer      { hook forward; to or from the WAN: goto lanes }
//!   chain small      { priority = the queue of small packets, if the flow's mark is in small_lane }
//!   chain lanes      { priority = the default lane's; then the lane of the flow's mark; then, one rule a kind of packet, goto small }
//!   chain arrival    { hook ingress of the devices of others' flowtables; look the source MAC up }
//! }
//! ```
//!
//! Devices with caps bring rules of their own: see `caps`; those of the lanes are in `lanes`. One chain a class with a constant in it, because kernels
//! before 6.13 cannot OR two registers, and the mark's other bits must stay. The lookup costs the same for one device and for 512. A flow that has a class passes by the lookup with one comparison, and one that
//! has none passes by the user's rules with two. Without rules of the user their two chains are left out. The priority is
//! set in the forward hook, where both devices are known on every kernel; what the router itself sends to the home never comes there,
//! and so stays unshaped.
//!
//! Where nobody can change the mark of an open flow ([`Ruleset::afresh`]), each packet from the home meets the user's rules and the lookup, a lookup that
//! finds nothing is followed by a rule that takes our bits away, and the chain `unmarked` is left out.
//!
//! What a flowtable takes, no rule sees between its arrival and the queue of the WAN device, and conntrack neither: at that queue it has the
//! addresses of the line (NAT comes with the flowtable), which is why no action of tc that asks conntrack (`connmark`, `ctinfo`) finds its flow
//! there. But its priority stays, so it gets that of its sender as it arrives, in a chain that is only there with such a flowtable.

use super::comment::{Comment, comment, table_comment};
use super::{Family, Request, caps, lanes, pattern};
use crate::engine::{Device, Devices};
use crate::value::{Class, IfName, Rule, Ruleset};
use crate::wire::Writer;
use crate::wire::nft::{
    Batch, Change, CtKey, Guard, Hook, MapKind, MetaKey, Register, Table, Target, element_device,
};

pub use super::comment::{read_rule_comment, read_table_comment};

/// Our table.
pub const TABLE: Table<'static> = Table { name: "lanemark" };

/// The map of devices.
pub const DEVICE_MAP: &str = "device_class";
const DEVICE_MAP_ID: u32 = 1;

const CHAIN_FIRST: &str = "first";
const CHAIN_UNMARKED: &str = "unmarked";
const CHAIN_RULES: &str = "rules";
const CHAIN_STEER: &str = "steer";
const CHAIN_ARRIVAL: &str = "arrival";

/// `NF_CT_STATE_BIT(IP_CT_NEW)` and `..(IP_CT_RELATED)`: nothing has come back yet.
const FRESH: u32 = 1 << 3 | 1 << 2;

/// `IP_CT_DIR_REPLY`.
const ANSWER: u8 = 1;

/// `IPS_ASSURED`: packets have gone both ways for a while.
const ASSURED: u32 = 1 << 2;

/// Rules of a set without any of the user, of the kinds of packets that go ahead, and of those that find what comes from the LANs, one each: one
/// a class, two that steer, two that set the priority.
const RULES: u16 = 9;

/// Rules of packets that a flowtable takes: one a class, and the lookup.
const ARRIVAL_RULES: u16 = 6;

/// Rules that the user's bring with them besides themselves: two that find fresh flows, and the lookup behind each way.
const RULES_BESIDES: u16 = 4;

/// And where each packet meets them: the lookup, and what takes a class away.
const RULES_BESIDES_AFRESH: u16 = 2;

const _: () = assert!(
    RULES as usize == Class::ALL.len() + 4 && ARRIVAL_RULES as usize == Class::ALL.len() + 1,
    "the comments count the rules"
);

const fn guard(ruleset: &Ruleset) -> Guard {
    if ruleset.guarded {
        Guard::OwnedAndPersistent
    } else {
        Guard::Open
    }
}

/// The whole set, in the place of the one that is there.
pub(super) fn install(
    w: &mut Writer<'_>,
    seq: u32,
    ruleset: &Ruleset,
    instead: bool,
    devices: &Devices,
    rules: &[Rule],
    arrivals: &[IfName],
) -> Request {
    let mut batch = Batch::begin(w, seq);
    if instead {
        batch.delete_table(TABLE);
    }
    batch.new_table(TABLE, guard(ruleset), &table_comment(ruleset));
    batch.map(TABLE, DEVICE_MAP, MapKind::MacToVerdict, DEVICE_MAP_ID);
    lanes::maps(&mut batch);
    for class in Class::ALL {
        batch.chain(TABLE, class.name());
    }
    if let Some(caps) = ruleset.caps {
        caps::begin(&mut batch, caps);
    }
    // The kernel tells the rules in the order of their chains, and they are counted so.
    if !rules.is_empty() {
        batch.chain(TABLE, CHAIN_RULES);
        if !ruleset.afresh {
            batch.chain(TABLE, CHAIN_UNMARKED);
        }
    }
    batch.base_chain(TABLE, CHAIN_FIRST, Hook::Prerouting, &[]);
    if ruleset.caps.is_some() {
        caps::hook(&mut batch);
    }
    batch.base_chain(TABLE, CHAIN_STEER, Hook::Forward, &[]);
    lanes::chains(&mut batch, ruleset);
    if ruleset.arrival != 0 {
        batch.base_chain(TABLE, CHAIN_ARRIVAL, Hook::Arrival, arrivals);
    }
    made(&mut batch, ruleset, rules);
    lanes::elements(&mut batch, ruleset);
    if let Some(caps) = ruleset.caps {
        caps::elements(&mut batch, caps, ruleset.shaper, devices);
    }
    device_elements(&mut batch, Change::Add, devices, |device| {
        device.class.is_some()
    });
    Request {
        family: Family::Netfilter,
        last_seq: batch.end(),
    }
}

/// Numbers the rules.
pub(super) struct Marks {
    fingerprint: u32,
    number: u16,
    of: u16,
}

impl Marks {
    fn of(ruleset: &Ruleset, rules: &[Rule]) -> Marks {
        let own: usize = rules.iter().map(|rule| rule.size()).sum();
        let lans = ruleset.lans.iter().map(|_| 1).sum::<u16>();
        let besides = match (rules.is_empty(), ruleset.afresh) {
            (true, false) => 0,
            (true, true) => lans,
            (false, false) => RULES_BESIDES,
            (false, true) => RULES_BESIDES_AFRESH,
        };
        Marks {
            fingerprint: ruleset.fingerprint(),
            number: 0,
            // At most 1,024: the configuration sees to it.
            of: RULES
                + if ruleset.arrival == 0 {
                    0
                } else {
                    ARRIVAL_RULES
                }
                + lans
                + besides
                + lanes::size(ruleset)
                + caps::size(ruleset)
                + u16::try_from(own).unwrap_or(u16::MAX / 2),
        }
    }

    /// The comment of the next rule.
    #[inline(never)]
    pub(super) fn next(&mut self) -> Comment {
        self.number += 1;
        let Marks {
            fingerprint,
            number,
            of,
        } = self;
        comment(format_args!("lanemark {fingerprint:08x} {number}/{of}"))
    }
}

/// The user's rules, and what leads to them.
#[inline(never)]
fn user_rules(batch: &mut Batch<'_, '_>, marks: &mut Marks, ruleset: &Ruleset, rules: &[Rule]) {
    for rule in rules {
        for pattern in rule.patterns() {
            batch.rule(TABLE, CHAIN_RULES, &marks.next(), |w| {
                pattern::conditions(w, &pattern);
                w.verdict(Target::Goto(rule.class.name()));
            });
        }
    }
    batch.rule(TABLE, CHAIN_RULES, &marks.next(), look_device_up);
    if ruleset.afresh {
        return batch.rule(TABLE, CHAIN_RULES, &marks.next(), |w| {
            take_from_mark(w, ruleset.layout.mask(), lanes::MAP);
        });
    }
    batch.rule(TABLE, CHAIN_UNMARKED, &marks.next(), |w| {
        w.load_ct(CtKey::State);
        w.has_any(FRESH);
        w.verdict(Target::Goto(CHAIN_RULES));
    });
    batch.rule(TABLE, CHAIN_UNMARKED, &marks.next(), |w| {
        w.load_ct(CtKey::Direction);
        w.equals_u8(ANSWER);
        w.load_ct(CtKey::Status);
        w.bitwise(ASSURED, 0);
        w.equals_u32(0);
        w.verdict(Target::Goto(CHAIN_RULES));
    });
    batch.rule(TABLE, CHAIN_UNMARKED, &marks.next(), look_device_up);
}

fn look_device_up(w: &mut Writer<'_>) {
    pattern::source_mac(w);
    w.lookup(DEVICE_MAP, DEVICE_MAP_ID, Register::Verdict);
}

/// The bits of the flow's mark under the mask become these.
#[inline(never)]
pub(super) fn put_in_mark(w: &mut Writer<'_>, mask: u32, bits: u32) {
    w.load_ct(CtKey::Mark);
    w.bitwise(!mask, bits);
    w.set_ct(CtKey::Mark);
}

/// Goes on only for what comes from this LAN.
#[inline(never)]
pub(super) fn from(w: &mut Writer<'_>, lan: IfName) {
    w.load_meta(MetaKey::InputName);
    w.equals_name(lan);
}

/// As [`from`]; and where not each packet is looked at, only if its flow has none of these bits.
#[inline(never)]
pub(super) fn due_from(w: &mut Writer<'_>, lan: IfName, ruleset: &Ruleset, mask: u32) {
    from(w, lan);
    if !ruleset.afresh {
        w.load_ct(CtKey::Mark);
        w.bitwise(mask, 0);
        w.equals_u32(0);
    }
}

/// The bits of the flow's mark under the mask go, if the map has something for them; others are not ours.
#[inline(never)]
pub(super) fn take_from_mark(w: &mut Writer<'_>, mask: u32, (map, id): (&str, u32)) {
    w.load_ct(CtKey::Mark);
    w.bitwise(mask, 0);
    w.lookup(map, id, Register::Data);
    put_in_mark(w, mask, 0);
}

/// The priority is what the map has for these bits of the flow's mark; it stays where the map has nothing.
#[inline(never)]
pub(super) fn steer_by_mark(w: &mut Writer<'_>, mask: u32, (map, id): (&str, u32)) {
    w.load_ct(CtKey::Mark);
    w.bitwise(mask, 0);
    w.lookup(map, id, Register::Data);
    w.set_meta(MetaKey::Priority);
}

fn made(batch: &mut Batch<'_, '_>, ruleset: &Ruleset, rules: &[Rule]) {
    let layout = ruleset.layout;
    let mut marks = Marks::of(ruleset, rules);
    for class in Class::ALL {
        batch.rule(TABLE, class.name(), &marks.next(), |w| {
            put_in_mark(w, layout.mask(), layout.bits(Some(class)));
        });
        if ruleset.arrival != 0 {
            // A rule of its own: where there is no flow yet, the one above ends early.
            lanes::set(batch, &mut marks, class.name(), lanes::lane(ruleset, class));
        }
    }
    if let Some(caps) = ruleset.caps {
        caps::slots(batch, &mut marks, caps);
    }
    if !rules.is_empty() {
        user_rules(batch, &mut marks, ruleset, rules);
    }
    for lan in ruleset.lans.iter() {
        batch.rule(TABLE, CHAIN_FIRST, &marks.next(), |w| {
            due_from(w, *lan, ruleset, layout.mask());
            match (rules.is_empty(), ruleset.afresh) {
                (true, _) => look_device_up(w),
                (false, false) => w.verdict(Target::Goto(CHAIN_UNMARKED)),
                (false, true) => w.verdict(Target::Goto(CHAIN_RULES)),
            }
        });
        if rules.is_empty() && ruleset.afresh {
            batch.rule(TABLE, CHAIN_FIRST, &marks.next(), |w| {
                from(w, *lan);
                take_from_mark(w, layout.mask(), lanes::MAP);
            });
        }
    }
    if let Some(caps) = ruleset.caps {
        caps::lookups(batch, &mut marks, caps, ruleset);
    }
    for key in [MetaKey::OutputName, MetaKey::InputName] {
        batch.rule(TABLE, CHAIN_STEER, &marks.next(), |w| {
            w.load_meta(key);
            w.equals_name(ruleset.wan);
            w.verdict(Target::Goto(lanes::CHAIN));
        });
    }
    lanes::rules(batch, &mut marks, ruleset);
    if ruleset.arrival != 0 {
        batch.rule(TABLE, CHAIN_ARRIVAL, &marks.next(), look_device_up);
    }
}

/// The table that a dead owner left becomes ours.
pub(super) fn adopt(w: &mut Writer<'_>, seq: u32, ruleset: &Ruleset) -> Request {
    let mut batch = Batch::begin(w, seq);
    batch.adopt_table(TABLE, guard(ruleset));
    Request {
        family: Family::Netfilter,
        last_seq: batch.end(),
    }
}

/// The devices' elements as they should be: what is wrong goes and what is right comes in one moment, so that no flow is opened without its class.
pub(super) fn elements(w: &mut Writer<'_>, seq: u32, devices: &Devices) -> Request {
    let mut batch = Batch::begin(w, seq);
    device_elements(&mut batch, Change::Remove, devices, |device| {
        device.kernel_class.is_some() && device.class != device.kernel_class
    });
    device_elements(&mut batch, Change::Add, devices, |device| {
        device.class.is_some() && device.class != device.kernel_class
    });
    Request {
        family: Family::Netfilter,
        last_seq: batch.end(),
    }
}

/// The elements of those devices that are `meant`, where there are any: their classes come, or what is there of them goes.
fn device_elements(
    batch: &mut Batch<'_, '_>,
    change: Change,
    devices: &Devices,
    meant: fn(&Device) -> bool,
) {
    if !devices.iter().any(meant) {
        return;
    }
    batch.elements(TABLE, DEVICE_MAP, change, |w| {
        for device in devices.iter().filter(|device| meant(device)) {
            // To remove one, its key is enough.
            let class = device.class.filter(|_| change == Change::Add);
            element_device(w, device.mac, class.map(Class::name));
        }
    });
}

/// The table goes, with all that is in it.
pub(super) fn delete(w: &mut Writer<'_>, seq: u32) -> Request {
    let mut batch = Batch::begin(w, seq);
    batch.delete_table(TABLE);
    Request {
        family: Family::Netfilter,
        last_seq: batch.end(),
    }
}
