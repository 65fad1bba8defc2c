//! The rules that are in the kernel, as far as they are ours.

use heapless::Vec;

use super::limits::ARRIVALS_MAX;
use super::{Engine, Op, Places};
use crate::value::{IfName, RuleMark, RuleSeen, Ruleset, names};

/// Our table, as seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RulesSeen {
    /// The table is there.
    pub(super) table: bool,
    /// It stays when its owner dies.
    pub(super) persistent: bool,
    /// It is in the hands of this process.
    pub(super) owned: bool,
    /// Of the first rule.
    fingerprint: Option<u32>,
    /// How many rules are there, and how many there should be.
    count: u16,
    of: u16,
    /// Something is there that is not ours, not of one rule set, or not in its place: the kernel tells the rules in the order in which
    /// they were made, chain by chain, so that a rule that was moved or is missing breaks the count.
    strange: bool,
}

impl RulesSeen {
    /// What is known before a dump: only in whose hands the table was.
    pub(super) fn unseen(last: &RulesSeen) -> RulesSeen {
        RulesSeen {
            owned: last.owned,
            ..RulesSeen::default()
        }
    }

    /// Whether it is ours to remove: nobody guards it, or we do, or nobody has since its owner died (which the kernel tells when it is removed).
    pub(super) const fn owned_or_open(&self) -> bool {
        self.owned || !self.persistent
    }

    fn learn(&mut self, mark: Option<RuleMark>) {
        let Some(mark) = mark else {
            self.strange = true;
            return;
        };
        let first = *self.fingerprint.get_or_insert(mark.fingerprint);
        self.count = self.count.saturating_add(1);
        self.strange |= first != mark.fingerprint || self.count != mark.number;
        self.of = mark.of;
    }

    /// Whether the table is there, whole, and of this rule set.
    fn is(&self, wished: &Ruleset) -> bool {
        self.table
            && self.of > 0
            && self.count == self.of
            && !self.strange
            && self.persistent == wished.guarded
            && self.fingerprint == Some(wished.fingerprint())
    }
}

impl Engine {
    /// Something of our table is there.
    pub(super) fn see_rule(&mut self, seen: RuleSeen) {
        match seen {
            RuleSeen::Table { persistent, note } => {
                self.rules.table = true;
                self.rules.persistent = persistent;
                if let Some(note) = note {
                    // What an earlier run of ours found is nearer to the truth than what we find now; and the marks that its rules made
                    // are where it says, whatever the configuration says by now.
                    self.before = Some(note.before);
                    self.remark.table_has(note.layout, note.caps);
                }
            }
            RuleSeen::Rule(mark) => self.rules.learn(mark),
            RuleSeen::Flowtable(dev) => {
                if !self.arrivals.contains(&dev) {
                    // When full: see `ARRIVALS_MAX`.
                    let _ = self.arrivals.push(dev);
                }
            }
            RuleSeen::Device(None) => self.rules.strange = true,
            RuleSeen::AsWished => {
                let fingerprint = self.wished().map(|wished| wished.fingerprint());
                self.rules.learn(fingerprint.map(|fingerprint| RuleMark {
                    fingerprint,
                    number: 1,
                    of: 1,
                }));
                for device in self.devices.iter_mut() {
                    device.kernel_class = device.class;
                }
            }
            RuleSeen::Device(Some((mac, class))) => {
                let known = self
                    .devices
                    .find(mac)
                    .and_then(|id| self.devices.get_mut(id));
                match known {
                    Some(device) => device.kernel_class = Some(class),
                    // A device that is no longer configured: the rule set is made anew rather than the device remembered.
                    None => self.rules.strange = true,
                }
            }
        }
    }

    /// Which rules are wished; none while nothing of ours shall be there, or it is not known where.
    pub fn wished(&self) -> Option<Ruleset> {
        let places = self.links.places(&self.config).ok()?;
        self.is_on().then(|| self.wished_rules(&places))
    }

    /// Where packets get the lane of their sender as they arrive. The sender alone does not tell what a rule of the user gives to a flow; and what
    /// goes from one of several LANs to another would wait in the queues of the line.
    pub(super) fn wished_arrival(&self, places: &Places<'_>) -> u32 {
        if self.abilities.arrival && self.policy == 0 && !places.several {
            names(&mut self.arrivals_there())
        } else {
            0
        }
    }

    /// With a device that is not there, the kernel would refuse the whole rule set.
    fn arrivals_there(&self) -> impl Iterator<Item = &IfName> {
        self.arrivals.iter().filter(|name| self.links.has(**name))
    }

    /// Of which devices [`Ruleset::arrival`] is.
    pub fn arrivals(&self) -> Vec<IfName, ARRIVALS_MAX> {
        self.arrivals_there().copied().collect()
    }

    /// The first operation that brings the rules nearer to what they should be.
    pub(super) fn rules_change(&self, wished: Ruleset) -> Option<Op> {
        if !self.rules.is(&wished) {
            Some(Op::Rules {
                ruleset: wished,
                instead: self.rules.table,
            })
        } else if wished.guarded && !self.rules.owned {
            Some(Op::Adopt(wished))
        } else if self.devices.kernel_differs() {
            Some(Op::Elements(wished))
        } else {
            None
        }
    }

    /// Rules were made, adopted, brought up to date or removed.
    pub(super) fn rules_done(&mut self, op: &Op) {
        match *op {
            Op::Rules { ruleset, instead } => {
                self.rules = RulesSeen {
                    table: true,
                    persistent: ruleset.guarded,
                    owned: true,
                    fingerprint: Some(ruleset.fingerprint()),
                    count: 1,
                    of: 1,
                    strange: false,
                };
                self.remark.rules_are(ruleset.policy, instead);
                for device in self.devices.iter_mut() {
                    // Nobody knows which slots were given before.
                    device.remark |= device.slot != 0;
                }
                self.elements_done();
            }
            Op::Adopt(_) => self.rules.owned = true,
            Op::Elements(_) => self.elements_done(),
            Op::DeleteRules => {
                self.rules = RulesSeen::default();
                self.devices
                    .iter_mut()
                    .for_each(|device| device.kernel_class = None);
            }
            _ => {}
        }
    }

    /// The map is as it should be; flows of devices for which it was not may carry another class.
    fn elements_done(&mut self) {
        for device in self
            .devices
            .iter_mut()
            .filter(|device| device.kernel_class != device.class)
        {
            device.kernel_class = device.class;
            device.remark = true;
        }
        self.remark.begin();
    }
}
