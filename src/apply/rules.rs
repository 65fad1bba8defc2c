//! Our rules, for `nf_tables`.
//!
//! ```text
//! table inet lanemark {
//!   map device_class { type ether_addr : verdict }          one element a device: goto its class' chain
//!   map lane         { type mark : classid }                one element a class, and 0
//!   map small_lane   { type mark : classid }                the classes whose small packets go ahead
//!   chain premium    { ct mark set ct mark & ~mask | 10 }   one chain a class
//!   chain first      { hook prerouting; one rule a LAN: from there, flow without class: look the source MAC up }
//!   chain steer      { hook forward; to or from the WAN: goto lanes }
//!   chain lanes      { priority = the default lane's; then the lane of the flow's mark; then, for a small packet, its queue }
//! }
//! ```
//!
//! One chain a class with a constant in it, because kernels before 6.13 cannot OR two registers, and the mark's other bits must
//! stay. The lookup costs the same for one device and for 512. A flow that has a class passes by the lookup with one comparison. The priority is
//! set in the forward hook, where both devices are known on every kernel; what the router itself sends to the home never comes there,
//! and so stays unshaped.

use super::{Family, Request};
use crate::engine::{Device, Devices, Queue, class_handle};
use crate::value::{Before, Class, MarkLayout, RuleMark, Ruleset, TableNote, halves};
use crate::wire::Writer;
use crate::wire::nft::{
    Batch, Change, CtKey, Guard, Hook, MapKind, MetaKey, Register, Table, Target, element_device,
    element_mark,
};

/// Our table.
pub const TABLE: Table<'static> = Table { name: "lanemark" };

/// The map of devices.
pub const DEVICE_MAP: &str = "device_class";
const LANE_MAP: &str = "lane";
const DEVICE_MAP_ID: u32 = 1;
const LANE_MAP_ID: u32 = 2;
const SMALL_MAP: &str = "small_lane";
const SMALL_MAP_ID: u32 = 3;

const CHAIN_FIRST: &str = "first";
const CHAIN_STEER: &str = "steer";
const CHAIN_LANES: &str = "lanes";

const ARPHRD_ETHER: u16 = 1;
const IPPROTO_TCP: u8 = 6;

/// A packet is small when its length has none of these bits: below 128 bytes. A mask, since a comparison of order would want the length
/// in network order, which takes an expression more. An acknowledgement has 40 to 100 bytes, a keystroke over SSH up to 120.
const NOT_SMALL: u32 = !0x7f;

/// The classes whose small packets go ahead of their large ones.
const SMALL_CLASSES: [Class; 2] = [Class::Standard, Class::Bulk];

/// Rules of one set beside the lookups, of which each LAN has one: one a class, two that steer, three that set the priority.
const RULES: u8 = 10;

const _: () = assert!(
    RULES as usize == Class::ALL.len() + 5,
    "the comments count the rules"
);

/// Writes the comment of a rule or of the table.
fn comment(words: core::fmt::Arguments<'_>) -> heapless::String<48> {
    let mut text = heapless::String::new();
    // The longest is "lanemark 01234567 14/14".
    let _ = core::fmt::Write::write_fmt(&mut text, words);
    text
}

/// What a rule's comment says, if the rule is ours.
pub fn read_rule_comment(text: &str) -> Option<RuleMark> {
    let (fingerprint, count) = halves(text.strip_prefix("lanemark ")?, b' ')?;
    let (number, of) = halves(count, b'/')?;
    Some(RuleMark {
        fingerprint: u32::from_str_radix(fingerprint, 16).ok()?,
        number: number.parse().ok()?,
        of: of.parse().ok()?,
    })
}

/// What the table's comment says, if the table is ours.
pub fn read_table_comment(text: &str) -> Option<TableNote> {
    let (mark, acct) = halves(text.strip_prefix("mark ")?, b';')?;
    let acct = acct.strip_prefix(" nf_conntrack_acct was ")?;
    let (mask, shift) = halves(mark, b'/')?;
    let mask = u32::from_str_radix(mask, 16).ok()?;
    let layout = MarkLayout::new(mask, shift.parse().ok()?).ok()?;
    let acct = match acct {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    Some(TableNote {
        before: Before { acct },
        layout,
    })
}

fn table_comment(ruleset: &Ruleset) -> heapless::String<48> {
    let acct = match ruleset.before.acct {
        Some(false) => "0",
        Some(true) => "1",
        None => "-",
    };
    let (mask, shift) = (ruleset.layout.mask(), ruleset.layout.shift());
    comment(format_args!(
        "mark {mask:x}/{shift}; nf_conntrack_acct was {acct}"
    ))
}

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
) -> Request {
    let mut batch = Batch::begin(w, seq);
    if instead {
        batch.delete_table(TABLE);
    }
    batch.new_table(TABLE, guard(ruleset), &table_comment(ruleset));
    batch.map(TABLE, DEVICE_MAP, MapKind::MacToVerdict, DEVICE_MAP_ID);
    batch.map(TABLE, LANE_MAP, MapKind::MarkToClassid, LANE_MAP_ID);
    batch.map(TABLE, SMALL_MAP, MapKind::MarkToClassid, SMALL_MAP_ID);
    for class in Class::ALL {
        batch.chain(TABLE, class.name());
    }
    batch.base_chain(TABLE, CHAIN_FIRST, Hook::Prerouting);
    batch.base_chain(TABLE, CHAIN_STEER, Hook::Forward);
    batch.chain(TABLE, CHAIN_LANES);
    let layout = ruleset.layout;
    batch.elements(TABLE, LANE_MAP, Change::Add, |w| {
        element_mark(w, 0, class_handle(ruleset.default_class).0);
        for class in Class::ALL {
            element_mark(w, layout.bits(Some(class)), class_handle(class).0);
        }
    });
    batch.elements(TABLE, SMALL_MAP, Change::Add, |w| {
        let small = Queue::Small.handle().0;
        if SMALL_CLASSES.contains(&ruleset.default_class) {
            element_mark(w, 0, small);
        }
        for class in SMALL_CLASSES {
            element_mark(w, layout.bits(Some(class)), small);
        }
    });
    rules(&mut batch, ruleset);
    // Last, since its verdicts name the chains.
    device_elements(&mut batch, Change::Add, devices, |device| {
        device.class.is_some()
    });
    Request {
        family: Family::Netfilter,
        last_seq: batch.end(),
    }
}

fn rules(batch: &mut Batch<'_, '_>, ruleset: &Ruleset) {
    let layout = ruleset.layout;
    let fingerprint = ruleset.fingerprint();
    let lookups = ruleset.lans.iter().map(|_| 1).sum::<u8>();
    let of = RULES + lookups;
    let mut number = 0;
    let mut mark = || {
        number += 1;
        comment(format_args!("lanemark {fingerprint:08x} {number}/{of}"))
    };
    for class in Class::ALL {
        batch.rule(TABLE, class.name(), &mark(), |w| {
            w.load_ct(CtKey::Mark);
            w.bitwise(!layout.mask(), layout.bits(Some(class)));
            w.set_ct(CtKey::Mark);
        });
    }
    for lan in ruleset.lans.iter() {
        batch.rule(TABLE, CHAIN_FIRST, &mark(), |w| {
            w.load_meta(MetaKey::InputName);
            w.equals_name(*lan);
            w.load_ct(CtKey::Mark);
            w.bitwise(layout.mask(), 0);
            w.equals_u32(0);
            w.load_meta(MetaKey::InputType);
            w.equals_u16(ARPHRD_ETHER);
            w.load_source_mac();
            w.lookup(DEVICE_MAP, DEVICE_MAP_ID, Register::Verdict);
        });
    }
    for key in [MetaKey::OutputName, MetaKey::InputName] {
        batch.rule(TABLE, CHAIN_STEER, &mark(), |w| {
            w.load_meta(key);
            w.equals_name(ruleset.wan);
            w.verdict(Target::Goto(CHAIN_LANES));
        });
    }
    // First the default: a mark that is no class of ours ends the second rule early.
    batch.rule(TABLE, CHAIN_LANES, &mark(), |w| {
        w.load_u32(class_handle(ruleset.default_class).0);
        w.set_meta(MetaKey::Priority);
    });
    batch.rule(TABLE, CHAIN_LANES, &mark(), |w| {
        w.load_ct(CtKey::Mark);
        w.bitwise(layout.mask(), 0);
        w.lookup(LANE_MAP, LANE_MAP_ID, Register::Data);
        w.set_meta(MetaKey::Priority);
    });
    batch.rule(TABLE, CHAIN_LANES, &mark(), |w| {
        w.load_meta(MetaKey::Protocol);
        w.equals_u8(IPPROTO_TCP);
        w.load_meta(MetaKey::Length);
        w.bitwise(NOT_SMALL, 0);
        w.equals_u32(0);
        w.load_ct(CtKey::Mark);
        w.bitwise(layout.mask(), 0);
        w.lookup(SMALL_MAP, SMALL_MAP_ID, Register::Data);
        w.set_meta(MetaKey::Priority);
    });
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
