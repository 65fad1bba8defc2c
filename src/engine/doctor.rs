//! What this kernel can do, what it lacks, and what carries packets past our queues.

use core::fmt;

use heapless::Vec;

use super::report::text;
use super::{Abilities, Engine};
use crate::control::{Doctor, FINDINGS_MAX, Finding};
use crate::value::LeafKind;

/// Kernel modules that carry packets past our queues or rules, and what to do about each.
const BYPASSES: [(&str, &str); 6] = [
    (
        "ctf",
        "Broadcom CTF carries packets past every queue; switch it off in the firmware's settings",
    ),
    (
        "bcm_fc",
        "Broadcom's flow cache carries packets past every queue; switch it off in the firmware's settings",
    ),
    (
        "shortcut_fe",
        "Qualcomm's fast path carries established flows past the rules; switch 'Shortcut Forwarding Engine' off",
    ),
    (
        "qca_nss_drv",
        "NSS carries packets past every queue; switch NSS acceleration off",
    ),
    (
        "mtk_ppe",
        "MediaTek's packet engine carries packets past every queue; switch hardware flow offloading off",
    ),
    (
        "nf_flow_table",
        "flow offloading may be in use: offloaded flows keep the lane they had; switch it off to be sure",
    ),
];

/// Which of them are loaded, a bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bypass {
    loaded: u8,
}

impl Bypass {
    pub(super) fn learn(&mut self, module: &str) {
        for (place, (name, _)) in BYPASSES.iter().enumerate() {
            if *name == module {
                self.loaded |= 1 << place;
            }
        }
    }
}

/// Adds a line to those of `doctor`.
fn add(to: &mut Doctor, what: &str, good: bool, found: fmt::Arguments<'_>) {
    // There are fewer lines than there is room for: four abilities, five leaves, six more, and the bypasses.
    let _ = to.findings.push(Finding {
        what: text(format_args!("{what}")),
        good,
        found: text(found),
    });
}

const _: () = assert!(
    4 + LeafKind::ALL.len() + 6 + BYPASSES.len() <= FINDINGS_MAX,
    "doctor has room for all it can find"
);

impl Engine {
    /// What this kernel can do.
    pub(super) fn doctor(&self) -> Box<Doctor> {
        let mut doctor = Box::new(Doctor {
            findings: Vec::new(),
        });
        abilities(&mut doctor, &self.abilities);
        self.leaves(&mut doctor);
        self.surroundings(&mut doctor);
        for (place, (name, cure)) in BYPASSES.iter().enumerate() {
            if self.bypass.loaded & (1 << place) != 0 {
                add(&mut doctor, name, false, format_args!("{cure}"));
            }
        }
        if self.bypass.loaded == 0 {
            let found = format_args!("no module known to carry packets past the queues");
            add(&mut doctor, "bypass", true, found);
        }
        doctor
    }

    fn leaves(&self, doctor: &mut Doctor) {
        let used = self.leaf_kind();
        for (kind, there) in LeafKind::ALL.iter().zip(&self.abilities.leaves) {
            let found = match there {
                true if *kind == used => "there, in use: the best of those that are there",
                true => "there",
                false => "not in this kernel",
            };
            // A better one than the one in use is missed; a worse one is not.
            let good = *there || *kind > used;
            add(doctor, kind.name(), good, format_args!("{found}"));
        }
    }

    fn surroundings(&self, doctor: &mut Doctor) {
        let counted = match self.accounting.acct {
            Some(true) => "counted",
            Some(false) => "not counted (nf_conntrack_acct is 0); on while lanemark is on",
            None => "not counted: no nf_conntrack_acct in this kernel",
        };
        let counts = self.accounting.acct.is_some();
        add(doctor, "bytes of flows", counts, format_args!("{counted}"));
        let places = self.links.places(&self.config);
        let found = match &places {
            Ok(places) => format_args!("WAN {}, LAN {}", places.wan.name, places.down_name()),
            Err(unplaced) => format_args!("{}", *unplaced),
        };
        add(doctor, "interfaces", places.is_ok(), found);
        if let Some((good, found)) = self.calendar_finding() {
            add(doctor, "schedules", good, format_args!("{found}"));
        }
        let shared = self.ifb.shared().and_then(|dev| self.links.by_index(dev));
        if let Some(link) = shared {
            let found = format_args!(
                "{} has filters of another program, which are asked before ours",
                link.name
            );
            add(doctor, "filters", false, found);
        }
        if let Some(trouble) = &self.trouble {
            add(doctor, "lanes", false, format_args!("{trouble}"));
        }
    }
}

fn abilities(doctor: &mut Doctor, abilities: &Abilities) {
    let needed = [
        ("HTB", abilities.htb, "CONFIG_NET_SCH_HTB"),
        ("nf_tables", abilities.nft, "CONFIG_NF_TABLES"),
        ("conntrack", abilities.conntrack, "CONFIG_NF_CT_NETLINK"),
    ];
    for (what, there, option) in &needed {
        let found = match there {
            true => format_args!("there"),
            false => format_args!("missing: this kernel needs {}", *option),
        };
        add(doctor, what, *there, found);
    }
    let guarded = if abilities.guard {
        "others cannot change our rules"
    } else {
        "others can change our rules (needs Linux 6.9)"
    };
    let found = format_args!("{guarded}");
    add(doctor, "guarded rules", abilities.guard, found);
}
