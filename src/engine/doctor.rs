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

    fn found(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        BYPASSES
            .into_iter()
            .enumerate()
            .filter(move |(place, _)| self.loaded & (1 << place) != 0)
            .map(|(_, known)| known)
    }
}

/// Lines that are being put together.
#[derive(Default)]
struct Findings {
    lines: Vec<Finding, FINDINGS_MAX>,
}

impl Findings {
    fn add(&mut self, what: &str, good: bool, found: fmt::Arguments<'_>) {
        // There are fewer lines than there is room for: four abilities, five leaves, four more, and the bypasses.
        let _ = self.lines.push(Finding {
            what: text(format_args!("{what}")),
            good,
            found: text(found),
        });
    }
}

const _: () = assert!(
    4 + LeafKind::ALL.len() + 4 + BYPASSES.len() <= FINDINGS_MAX,
    "doctor has room for all it can find"
);

impl Engine {
    /// What this kernel can do.
    pub(super) fn doctor(&self) -> Doctor {
        let mut findings = Findings::default();
        abilities(&mut findings, &self.abilities);
        self.leaves(&mut findings);
        self.surroundings(&mut findings);
        let mut bypassed = false;
        for (name, cure) in self.bypass.found() {
            bypassed = true;
            findings.add(name, false, format_args!("{cure}"));
        }
        if !bypassed {
            findings.add(
                "bypass",
                true,
                format_args!("no module known to carry packets past the queues"),
            );
        }
        Doctor {
            findings: findings.lines,
        }
    }

    fn leaves(&self, findings: &mut Findings) {
        let used = self.leaf_kind();
        for (kind, there) in LeafKind::ALL.into_iter().zip(self.abilities.leaves) {
            let found = match there {
                true if kind == used => "there, in use: the best of those that are there",
                true => "there",
                false => "not in this kernel",
            };
            // A better one than the one in use is missed; a worse one is not.
            findings.add(kind.name(), there || kind > used, format_args!("{found}"));
        }
    }

    fn surroundings(&self, findings: &mut Findings) {
        let counted = match self.accounting.acct {
            Some(true) => "counted",
            Some(false) => "not counted (nf_conntrack_acct is 0); on while lanemark is on",
            None => "not counted: no nf_conntrack_acct in this kernel",
        };
        findings.add(
            "bytes of flows",
            self.accounting.acct.is_some(),
            format_args!("{counted}"),
        );
        match self.links.places(&self.config) {
            Ok(places) => {
                findings.add(
                    "interfaces",
                    true,
                    format_args!("WAN {}, LAN {}", places.wan.name, places.lan.name),
                );
            }
            Err(unplaced) => findings.add("interfaces", false, format_args!("{unplaced}")),
        }
        if let Some(trouble) = &self.trouble {
            findings.add("lanes", false, format_args!("{trouble}"));
        }
    }
}

fn abilities(findings: &mut Findings, abilities: &Abilities) {
    let needed = [
        ("HTB", abilities.htb, "CONFIG_NET_SCH_HTB"),
        ("nf_tables", abilities.nft, "CONFIG_NF_TABLES"),
        ("conntrack", abilities.conntrack, "CONFIG_NF_CT_NETLINK"),
    ];
    for (what, there, option) in needed {
        if there {
            findings.add(what, true, format_args!("there"));
        } else {
            findings.add(
                what,
                false,
                format_args!("missing: this kernel needs {option}"),
            );
        }
    }
    let guarded = if abilities.guard {
        "others cannot change our rules"
    } else {
        "others can change our rules (needs Linux 6.9)"
    };
    findings.add("guarded rules", abilities.guard, format_args!("{guarded}"));
}
