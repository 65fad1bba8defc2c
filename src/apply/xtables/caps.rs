//! The rules that hold devices to their caps; without a cap the chains are empty.

use super::{CAPPED, QUEUES, Set, Text};
use crate::engine::cap_handle;
use crate::value::CapRules;

/// What gives flows their slots.
pub(super) fn slots(text: &mut Text<'_>, set: &Set<'_>) {
    let Some(CapRules { layout, slots, .. }) = set.ruleset.caps else {
        return;
    };
    for (slot, cap) in (1..=slots).zip(set.devices.caps()) {
        let (bits, mask) = (layout.slot_bits(slot), layout.mask());
        text.rule(
            CAPPED,
            format_args!(
                "-m mac --mac-source {} -j CONNMARK --set-mark {bits:#x}/{mask:#x}",
                cap.mac
            ),
        );
        if set.ruleset.afresh {
            text.rule(
                CAPPED,
                format_args!("-m mac --mac-source {} -j RETURN", cap.mac),
            );
        }
    }
    if set.ruleset.afresh {
        for slot in 1..=slots {
            super::take(text, CAPPED, layout.slot_bits(slot), layout.mask());
        }
    }
}

/// What gives packets the queue of their flow's slot. One without a slot leaves with the first rule.
pub(super) fn queues(text: &mut Text<'_>, set: &Set<'_>) {
    let Some(CapRules { layout, slots, .. }) = set.ruleset.caps else {
        return;
    };
    let mask = layout.mask();
    text.rule(
        QUEUES,
        format_args!("-m connmark --mark 0x0/{mask:#x} -j RETURN"),
    );
    for (slot, _) in (1..=slots).zip(set.devices.caps()) {
        let (bits, queue) = (layout.slot_bits(slot), cap_handle(set.ruleset.shaper, slot));
        text.rule(
            QUEUES,
            format_args!("-m connmark --mark {bits:#x}/{mask:#x} -j CLASSIFY --set-class {queue}"),
        );
    }
}
