//! What this kernel can do, what it lacks, and what carries packets past our queues.

use core::fmt;

use heapless::Vec;

use super::report::text;
use super::{Abilities, Engine};
use crate::control::{Doctor, FINDINGS_MAX, Finding, PROVEN_PERCENT_MIN, Text};
use crate::value::{FlowPath, LeafKind, ShaperKind};

/// Kernel modules that carry packets past our queues or rules, and what they are. That the kernel's own flowtable is loaded says nothing
/// (OpenWrt's firewall loads it always): flows tell.
const BYPASSES: [(&str, &str); 10] = [
    ("ctf", "Broadcom's CTF"),
    ("bcm_fc", FLOW_CACHE),
    ("bcm_fcache", FLOW_CACHE),
    ("pktflow", FLOW_CACHE),
    ("shortcut_fe", SHORTCUT),
    ("fast_classifier", SHORTCUT),
    ("qca_nss_drv", NSS),
    ("ecm", NSS),
    ("mtk_ppe", PPE),
    ("mtkhnat", PPE),
];
const FLOW_CACHE: &str = "Broadcom's flow cache";
const SHORTCUT: &str = "Qualcomm's Shortcut Forwarding Engine";
const NSS: &str = "Qualcomm's NSS acceleration";
const PPE: &str = "MediaTek's packet engine";
/// It translates addresses where a packet comes in, so that on the way out neither side of the flow has the packet's tuple: the action `connmark` at the
/// WAN's root, which looks a flow up by it, marks nothing behind NAT (measured with Linux 6.1: 1,470 packets, none; without NAT, IPv6, all 1,486).
/// Whoever wants to give uploads their lane there has to set the priority on the way in from the LAN, which the flowtable leaves alone.
const FLOWTABLE: &str = "software flow offloading";
const HARDWARE: &str = "hardware flow offloading";

/// What may carry packets past us.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bypass {
    /// Which modules are loaded, a bit each.
    loaded: u16,
    /// Flows that others forward were seen in the last walk.
    flowtable: bool,
    hardware: bool,
}

impl Bypass {
    /// Before a list of modules.
    pub(super) const fn forget_modules(&mut self) {
        self.loaded = 0;
    }

    /// Before a walk through the flows.
    pub(super) const fn forget_flows(&mut self) {
        self.flowtable = false;
        self.hardware = false;
    }

    pub(super) fn learn(&mut self, module: &str) {
        for (place, (name, _)) in BYPASSES.iter().enumerate() {
            if *name == module {
                self.loaded |= 1 << place;
            }
        }
    }

    /// A flow is forwarded so.
    pub(super) fn learn_flow(&mut self, path: FlowPath) {
        self.flowtable |= path == FlowPath::Flowtable;
        self.hardware |= path == FlowPath::Hardware;
    }

    /// What was found, with the name of the module. `there`: somebody has a flowtable, whether or not a flow was seen in it.
    fn causes(&self, there: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
        let flowtable = there || self.flowtable;
        let flows = [(self.hardware, HARDWARE), (flowtable, FLOWTABLE)];
        let flows = flows.into_iter().filter(|(seen, _)| *seen);
        let modules = BYPASSES.iter().enumerate();
        let loaded = self.loaded;
        let modules = modules.filter(move |(place, _)| loaded & (1 << place) != 0);
        let modules = modules.map(|(_, (name, what))| (*name, *what));
        flows.map(|(_, what)| ("flows", what)).chain(modules)
    }
}

/// What it does, and the way out.
struct Cure {
    what: &'static str,
    /// What it takes has got its lane before.
    late: bool,
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let carries = match self.late {
            true => "downloads past the lanes (uploads keep those of their devices)",
            false => "packets past the lanes",
        };
        write!(
            f,
            "{} carries {carries}; switch it off in the router's settings",
            self.what
        )
    }
}

/// Adds a line to those of `doctor`.
pub(super) fn add(to: &mut Doctor, what: &str, good: bool, found: fmt::Arguments<'_>) {
    // There are fewer lines than there is room for: three abilities, the shapers, the leaves, eight more, and what bypasses us.
    let _ = to.findings.push(Finding {
        what: text(format_args!("{what}")),
        good,
        found: text(found),
    });
}

const _: () = assert!(
    3 + ShaperKind::ALL.len() + LeafKind::ALL.len() + 8 + 2 + BYPASSES.len() <= FINDINGS_MAX,
    "doctor has room for all it can find"
);

impl Engine {
    /// What this kernel can do.
    pub(super) fn doctor(&self) -> Box<Doctor> {
        let mut doctor = Box::new(Doctor {
            findings: Vec::new(),
        });
        self.shapers(&mut doctor);
        abilities(&mut doctor, &self.abilities);
        self.leaves(&mut doctor);
        self.surroundings(&mut doctor);
        if !self.page.what.is_empty() {
            // As `add`.
            let _ = doctor.findings.push(self.page.clone());
        }
        let mut causes = self.causes().peekable();
        let nothing = causes.peek().is_none();
        for (name, what) in causes {
            let found = self.cure(what);
            add(&mut doctor, name, false, format_args!("{found}"));
        }
        if nothing {
            let found = format_args!("nothing known to carry packets past the lanes");
            add(&mut doctor, "bypass", true, found);
        }
        doctor
    }

    fn shapers(&self, doctor: &mut Doctor) {
        let used = self.shaper();
        for (kind, there) in ShaperKind::ALL.iter().zip(&self.abilities.shapers) {
            let why = match (there, *kind == used, self.config.scheduler) {
                (true, true, None) => "there, in use: the best of those that are there",
                (true, true, Some(_)) => "there, in use: the configuration says so",
                (true, false, _) => "there",
                (false, ..) => "",
            };
            let found = match there {
                true => format_args!("{why}"),
                false => format_args!("missing: this kernel needs {}", kind.option()),
            };
            // CAKE is a leaf too, and then its second line would be the same.
            let what = format_args!("scheduler {}", kind.name());
            let what = text::<24>(what);
            add(doctor, &what, *there || *kind > used, found);
        }
    }

    /// Whether the counters say that packets of the line went past our queues.
    fn is_bypassed(&self) -> bool {
        let proven = self.rates.interval().proven_percent;
        let little = |percent: &u8| *percent < PROVEN_PERCENT_MIN;
        self.is_on() && proven.iter().flatten().any(little)
    }

    /// The counters are fresh: where they say that packets go past us, the flows may say why to whoever asks.
    pub(super) fn suspect(&mut self) {
        if self.is_bypassed() && self.is_asked_for_health() {
            self.remark.begin();
        }
    }

    fn causes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.bypass.causes(!self.arrivals.is_empty())
    }

    fn cure(&self, what: &'static str) -> Cure {
        let wished = self.wished().filter(|_| what == FLOWTABLE);
        Cure {
            what,
            late: wished.is_some_and(|wished| wished.arrival != 0),
        }
    }

    /// Why packets go past us, as far as that is known; nothing while they do not.
    pub(super) fn bypass_reason(&self) -> Text {
        if !self.is_bypassed() {
            return Text::new();
        }
        match self.causes().next() {
            Some((_, what)) => text(format_args!("{}", self.cure(what))),
            None => text(format_args!(
                "packets go past the lanes, and no cause that lanemark knows is there: look for acceleration or another QoS in the router's settings"
            )),
        }
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
        let places = places.and_then(|places| {
            let stacked = self.links.beside_each_other(&places);
            stacked.map(|()| places)
        });
        let found = match &places {
            Ok(places) => format_args!("WAN {}, LAN {}", places.wan.name, places.down_name()),
            Err(unplaced) => format_args!("{}", *unplaced),
        };
        add(doctor, "interfaces", places.is_ok(), found);
        self.path_finding(doctor);
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

/// Whether flows can be told of and changed.
fn flows(doctor: &mut Doctor, abilities: &Abilities) {
    let found = match (abilities.conntrack, abilities.can_class_open_flows()) {
        (true, _) => "there",
        (false, true) => {
            "missing (CONFIG_NF_CT_NETLINK): no list of flows, no rates of devices, and open flows change lanes with their next packet"
        }
        (false, false) => "missing: this kernel needs CONFIG_NF_CT_NETLINK",
    };
    let found = format_args!("{found}");
    add(doctor, "conntrack", abilities.conntrack, found);
}

fn abilities(doctor: &mut Doctor, abilities: &Abilities) {
    flows(doctor, abilities);
    if abilities.has_xtables() {
        return xtables(doctor, abilities);
    }
    let needed = [
        ("nf_tables", abilities.nft, "CONFIG_NF_TABLES"),
        ("segment sizes", abilities.mss, "nf_tables of Linux 4.14"),
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

/// The rules are made by other programs: why, and what these rules cannot do here.
fn xtables(doctor: &mut Doctor, abilities: &Abilities) {
    let xtables = abilities.xtables.unwrap_or_default();
    let why = match xtables.wanted {
        true => "'lanemark run' was told so",
        false => "this kernel has no nf_tables",
    };
    let v6 = match xtables.v6 {
        true => "",
        false => "; no classes over IPv6 (no ip6tables)",
    };
    let origin = match xtables.origin {
        true => "",
        false => "; rules do not see flows from outside (needs Linux 2.6.38)",
    };
    let found = format_args!("in use, since {why}{v6}{origin}");
    add(doctor, "xtables", true, found);
    let needed = [("segment sizes", abilities.mss, "xt_TCPMSS and xt_tcpmss")];
    for (what, there, option) in &needed {
        let found = match there {
            true => format_args!("there"),
            false => format_args!("missing: this kernel needs {}", *option),
        };
        add(doctor, what, *there, found);
    }
    let found = format_args!("others can change our rules; they are put back within 10 s");
    add(doctor, "guarded rules", false, found);
}
