use core::fmt::{self, Write};

use super::{Ahead, Class, IfName, IfNames, Mac, MarkLayout, Rule, Segments, ShaperKind};

/// The rules that we want in the kernel. The devices' elements are kept apart, since they change more often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ruleset {
    /// Where the home is.
    pub lans: IfNames,
    /// Where the slow line is.
    pub wan: IfName,
    /// Where the class stands in the mark.
    pub layout: MarkLayout,
    /// The lane of flows without a class.
    pub default_class: Class,
    /// Which packets of the lower lanes have a queue of their own.
    pub ahead: Ahead,
    /// Which segment sizes TCP flows may agree on.
    pub mss: Segments,
    /// Of the user's rules; 0 without any. They themselves stand in the configuration.
    pub policy: u32,
    /// Whose classes the priorities of packets name.
    pub shaper: ShaperKind,
    /// Of the devices where packets get the lane of their sender as they arrive, since another program's flowtable takes them there: see
    /// [`names`]. 0 without any.
    pub arrival: u32,
    /// Whether each packet from the home gives its flow a class, and not only the first: for kernels where nobody can change that of an open flow.
    pub afresh: bool,
    /// What holds devices to their caps; none without any, and then no bit of theirs is touched.
    pub caps: Option<CapRules>,
    /// Whether the kernel shall keep others' hands off the table and keep it when we die.
    pub guarded: bool,
    /// What was there before us, kept with the table so that whoever removes it can restore it.
    pub before: Before,
}

/// Which devices have caps, and where their slots stand in the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CapRules {
    /// Where.
    pub layout: MarkLayout,
    /// How many slots there are.
    pub slots: u8,
    /// Of whose they are: see [`macs`].
    pub devices: u32,
}

/// What a sysctl of ours was before we came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Before {
    /// `net.netfilter.nf_conntrack_acct`; none where the kernel has no such file.
    pub acct: Option<bool>,
}

/// What stands in the comment of our table, for whoever finds it: what was there before it, and where it puts the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableNote {
    /// What was there before us.
    pub before: Before,
    /// Where the rules put the class.
    pub layout: MarkLayout,
    /// Where they put the slots of capped devices, if they do.
    pub caps: Option<MarkLayout>,
}

/// What stands in the comment of each rule of ours: of which rule set, and which rule of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleMark {
    /// Of the rule set.
    pub fingerprint: u32,
    /// Counted from 1, in the order in which the kernel tells them.
    pub number: u16,
    /// How many there are.
    pub of: u16,
}

/// Something of our table that the kernel told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSeen {
    /// The table.
    Table {
        /// Whether it is guarded: it stays when its owner dies.
        persistent: bool,
        /// What its comment says; none when that is not ours.
        note: Option<TableNote>,
    },
    /// A rule; none is a rule that is not ours.
    Rule(Option<RuleMark>),
    /// An element of the map of devices; none is an element that is not ours.
    Device(Option<(Mac, Class)>),
    /// A device where a flowtable of another program takes packets.
    Flowtable(IfName),
    /// All rules are as wished, and all devices: of a kernel whose rules can be compared and not read.
    AsWished,
}

impl Ruleset {
    /// Counts the forms that the rules of one rule set have had; a change of their form by a newer program changes it, so that
    /// what an older one left is replaced.
    const FORM: u32 = 4;

    /// Differs between rule sets that differ (FNV-1a, 32 bits: not against an adversary, who would need to be root).
    pub fn fingerprint(&self) -> u32 {
        let mut hash = FNV_OFFSET;
        for number in [
            Ruleset::FORM,
            self.layout.mask(),
            u32::from(self.layout.shift()),
            self.default_class.mark(),
            self.policy,
            self.ahead.bits().into(),
            self.mss.to_path.into(),
            self.mss.up.unwrap_or_default().into(),
            self.mss.down.unwrap_or_default().into(),
            self.shaper as u32,
        ] {
            hash = fnv_1a(hash, &number.to_be_bytes());
        }
        if let Some(caps) = self.caps {
            for number in [caps.layout.mask(), caps.layout.shift().into(), caps.devices] {
                hash = fnv_1a(hash, &number.to_be_bytes());
            }
        }
        hash = fnv_1a(hash, self.wan.as_str().as_bytes());
        hash = fnv_1a(hash, &names(&mut self.lans.iter()).to_be_bytes());
        if self.arrival != 0 {
            hash = fnv_1a(hash, &self.arrival.to_be_bytes());
        }
        if self.afresh {
            hash = fnv_1a(hash, b"afresh");
        }
        fnv_1a(hash, &[u8::from(self.guarded)])
    }
}

/// Differs between sets of names, whatever their order; 0 for an empty one.
#[inline(never)]
pub fn names(names: &mut dyn Iterator<Item = &IfName>) -> u32 {
    names.fold(0, |sum, name| {
        sum.wrapping_add(fnv_1a(FNV_OFFSET, name.as_str().as_bytes()))
    })
}

/// Differs between lists of rules that differ in more than names; 0 for an empty one.
pub fn policy(rules: &[Rule]) -> u32 {
    if rules.is_empty() {
        return 0;
    }
    let mut hash = FNV_OFFSET;
    for rule in rules {
        hash = fnv_1a(hash, &[0, rule.class as u8]);
        // A hash takes whatever is written to it.
        let _ = rule.conditions(&mut |name, shown| {
            hash = fnv_1a(hash, name.as_bytes());
            let mut text = Hashed(hash);
            write!(text, " {shown} ")?;
            hash = text.0;
            Ok(())
        });
    }
    hash
}

/// Differs between lists of devices.
pub fn macs(macs: &mut dyn Iterator<Item = Mac>) -> u32 {
    macs.fold(FNV_OFFSET, |hash, mac| fnv_1a(hash, &mac.0))
}

/// A text of which only the hash is kept.
struct Hashed(u32);

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = fnv_1a(self.0, text.as_bytes());
        Ok(())
    }
}

/// Where FNV-1a begins.
const FNV_OFFSET: u32 = 0x811c_9dc5;

fn fnv_1a(hash: u32, bytes: &[u8]) -> u32 {
    let add = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(hash, add)
}
