//! The rules that hold devices to their caps; without a cap there are none of them.
//!
//! ```text
//! map device_cap   { type ether_addr : verdict }      one element a capped device: goto its slot's chain
//! map cap_queue    { type mark : classid }            one element a slot
//! chain cap1 ..    { ct mark set ct mark & ~cap mask | 1 }
//! chain capped     { hook prerouting; one rule a LAN: from there, flow without slot: look the source MAC up }
//!                    or, with `Ruleset::afresh`: from there: look it up; else the slot goes
//! chain lanes      { last: priority = the queue of the flow's slot }
//! chain small      { last: the same }
//! ```
//!
//! The slot stands in bits of its own, so that it goes with whatever class the user's rules give. It is the last word about the priority: what
//! goes ahead of others in a lane does so among those without caps, and a cap holds for every packet.

use super::rules::{Marks, TABLE, due_from, from, put_in_mark, steer_by_mark, take_from_mark};
use crate::engine::{Devices, cap_handle};
use crate::value::{CapRules, Ruleset, ShaperKind};
use crate::wire::nft::{Batch, Change, Hook, MapKind, Register, element_device, element_mark};

const DEVICE_MAP: &str = "device_cap";
const DEVICE_MAP_ID: u32 = 4;
const QUEUE_MAP: &str = "cap_queue";
const QUEUE_MAP_ID: u32 = 5;
const CHAIN_CAPPED: &str = "capped";

/// How many rules there are; and one more where packets go ahead of others.
pub(super) fn size(ruleset: &Ruleset) -> u16 {
    let lans = ruleset.lans.iter().map(|_| 1).sum::<u16>();
    let a_lan = 1 + u16::from(ruleset.afresh);
    let caps = ruleset.caps;
    caps.map_or(0, |caps| u16::from(caps.slots) + lans * a_lan + 1)
}

fn chain(slot: u8) -> heapless::String<8> {
    let mut name = heapless::String::new();
    // Six letters.
    let _ = core::fmt::Write::write_fmt(&mut name, format_args!("cap{slot}"));
    name
}

/// The maps, and a chain a slot.
pub(super) fn begin(batch: &mut Batch<'_, '_>, caps: CapRules) {
    batch.map(TABLE, DEVICE_MAP, MapKind::MacToVerdict, DEVICE_MAP_ID);
    batch.map(TABLE, QUEUE_MAP, MapKind::MarkToClassid, QUEUE_MAP_ID);
    for slot in 1..=caps.slots {
        batch.chain(TABLE, &chain(slot));
    }
}

/// The chain that the kernel calls.
pub(super) fn hook(batch: &mut Batch<'_, '_>) {
    batch.base_chain(TABLE, CHAIN_CAPPED, Hook::Prerouting, &[]);
}

/// The rules of the slots' chains.
pub(super) fn slots(batch: &mut Batch<'_, '_>, marks: &mut Marks, caps: CapRules) {
    let CapRules { layout, slots, .. } = caps;
    for slot in 1..=slots {
        batch.rule(TABLE, &chain(slot), &marks.next(), |w| {
            put_in_mark(w, layout.mask(), layout.slot_bits(slot));
        });
    }
}

/// What gives flows their slots.
pub(super) fn lookups(
    batch: &mut Batch<'_, '_>,
    marks: &mut Marks,
    caps: CapRules,
    ruleset: &Ruleset,
) {
    let mask = caps.layout.mask();
    for lan in ruleset.lans.iter() {
        batch.rule(TABLE, CHAIN_CAPPED, &marks.next(), |w| {
            due_from(w, *lan, ruleset, mask);
            super::pattern::source_mac(w);
            w.lookup(DEVICE_MAP, DEVICE_MAP_ID, Register::Verdict);
        });
        if ruleset.afresh {
            batch.rule(TABLE, CHAIN_CAPPED, &marks.next(), |w| {
                from(w, *lan);
                take_from_mark(w, mask, (QUEUE_MAP, QUEUE_MAP_ID));
            });
        }
    }
}

/// What gives packets the priority of their flow's slot.
#[inline(never)]
pub(super) fn queue(batch: &mut Batch<'_, '_>, marks: &mut Marks, chain: &str, caps: CapRules) {
    batch.rule(TABLE, chain, &marks.next(), |w| {
        steer_by_mark(w, caps.layout.mask(), (QUEUE_MAP, QUEUE_MAP_ID));
    });
}

/// Who has which slot, and which queue that is.
pub(super) fn elements(
    batch: &mut Batch<'_, '_>,
    caps: CapRules,
    shaper: ShaperKind,
    devices: &Devices,
) {
    let slots = || (1..=caps.slots).zip(devices.caps());
    batch.elements(TABLE, DEVICE_MAP, Change::Add, |w| {
        for (slot, cap) in slots() {
            element_device(w, cap.mac, Some(&chain(slot)));
        }
    });
    batch.elements(TABLE, QUEUE_MAP, Change::Add, |w| {
        for (slot, _) in slots() {
            element_mark(w, caps.layout.slot_bits(slot), cap_handle(shaper, slot).0);
        }
    });
}
