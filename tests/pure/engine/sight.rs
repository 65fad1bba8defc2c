//! What the engine sees when it looks: the answers of the world's kernel.

use lanemark::engine::{Input, Judgement, Lease, Look, Route};
use lanemark::value::{
    Before, CAKE_TINS, ClassSeen, Discipline, FilterSeen, IfIndex, Leaf, Qdisc, Root as Shaper,
    RuleMark, RuleSeen, TableNote, TcHandle, TcStats,
};

use super::kernel::Spoilt;
use super::world::World;

/// How many rules a rule set has in this kernel.
const RULES: u16 = 4;

impl World {
    /// Shows the engine what it wants to see.
    pub fn look(&mut self, look: Look) {
        let kernel = &self.kernel;
        let (engine, now) = (&mut self.engine, self.now);
        let mut see = |input: Input<'_>| engine.handle(now, input);
        match look {
            Look::Links => kernel.links.iter().for_each(|link| see(Input::Link(*link))),
            Look::Routes => {
                let routes = kernel.routes.iter();
                routes.for_each(|(dev, metric)| {
                    see(Input::DefaultRoute(Route {
                        dev: *dev,
                        metric: *metric,
                        gateway: kernel.gateway,
                    }))
                });
            }
            Look::Neighbours => {
                kernel
                    .neighbours
                    .iter()
                    .for_each(|known| see(Input::Neighbour(*known)));
            }
            Look::Leases => {
                for (mac, address, name) in &kernel.leases {
                    see(Input::Lease(Lease {
                        mac: *mac,
                        address: *address,
                        name,
                    }));
                }
            }
            Look::Qdiscs => self.look_at_qdiscs(),
            Look::Classes(dev) => {
                if let Some(root) = kernel.trees.get(&dev) {
                    let seen = root.classes.values();
                    seen.for_each(|(class, stats)| {
                        see(Input::Class(ClassSeen {
                            dev,
                            class: *class,
                            stats: *stats,
                        }))
                    });
                }
            }
            Look::Filters(dev) => self.look_at_filters(dev),
            Look::Rules => self.look_at_rules(),
            Look::Presence => self.look_for_rules(),
            Look::Accounting => see(Input::Accounting(Before { acct: kernel.acct })),
            Look::Bytes(dev) => see(Input::Bytes(
                kernel.bytes.get(&dev).copied().unwrap_or_default(),
            )),
            Look::Fill => {
                let (flows, flows_max) = kernel.fill;
                see(Input::Fill { flows, flows_max });
            }
            Look::Modules => kernel
                .modules
                .iter()
                .for_each(|module| see(Input::Module(module))),
            Look::Clock => see(Input::Clock {
                unix_s: kernel.wall_s + u32::try_from(now.as_ms() / 1000).unwrap(),
                zone: kernel.zone,
            }),
            Look::Flows => self.walk(),
        }
    }

    fn look_at_qdiscs(&mut self) {
        let qdisc = |dev: &IfIndex, handle, parent, discipline, backlog_bytes| Qdisc {
            dev: *dev,
            handle,
            parent,
            discipline,
            stats: TcStats {
                backlog_bytes,
                ..TcStats::default()
            },
            tins: [TcStats::default(); CAKE_TINS],
        };
        let bare = self
            .kernel
            .links
            .iter()
            .filter(|link| !self.kernel.trees.contains_key(&link.index));
        let mut seen: Vec<Qdisc> = bare
            .map(|link| {
                qdisc(
                    &link.index,
                    TcHandle::NONE,
                    TcHandle::ROOT,
                    Discipline::Other,
                    0,
                )
            })
            .collect();
        for (dev, root) in &self.kernel.trees {
            let discipline = match root.shaper {
                None => Discipline::Other,
                Some(Shaper::Cake(cake)) => Discipline::Leaf(Leaf::Cake(cake)),
                Some(shaper) => Discipline::Shaper(shaper),
            };
            seen.push(Qdisc {
                tins: root.tins,
                ..qdisc(dev, root.handle, TcHandle::ROOT, discipline, 0)
            });
            let leaves = root.leaves.iter();
            seen.extend(leaves.map(|(class, (handle, leaf, backlog))| {
                qdisc(dev, *handle, *class, Discipline::Leaf(*leaf), *backlog)
            }));
        }
        for (dev, hook) in &self.kernel.hooks {
            let discipline = match hook.ingress {
                true => Discipline::Other,
                false => Discipline::Clsact,
            };
            let handle = TcHandle::new(0xffff, 0);
            seen.push(qdisc(dev, handle, TcHandle::CLSACT, discipline, 0));
        }
        for qdisc in seen {
            self.engine.handle(self.now, Input::Qdisc(qdisc));
        }
    }

    fn look_at_filters(&mut self, dev: IfIndex) {
        let filters = self.kernel.hooks.get(&dev).map(|hook| &hook.filters);
        for preference in filters.into_iter().flat_map(|filters| filters.keys()) {
            let seen = FilterSeen {
                dev,
                parent: TcHandle::EGRESS,
                preference: *preference,
            };
            self.engine.handle(self.now, Input::Filter(seen));
        }
    }

    fn look_at_rules(&mut self) {
        for dev in &self.kernel.flowtables {
            let seen = RuleSeen::Flowtable(*dev);
            self.engine.handle(self.now, Input::Rule(seen));
        }
        let Some(table) = &self.kernel.table else {
            return;
        };
        let fingerprint = table.ruleset.fingerprint();
        let mut seen = vec![RuleSeen::Table {
            persistent: table.ruleset.guarded,
            note: Some(TableNote {
                before: table.ruleset.before,
                layout: table.ruleset.layout,
                caps: table.ruleset.caps.map(|caps| caps.layout),
            }),
        }];
        let numbers = if table.spoilt == Some(Spoilt::Removed) {
            2..=RULES
        } else {
            1..=RULES
        };
        seen.extend(numbers.map(|number| {
            RuleSeen::Rule(Some(RuleMark {
                fingerprint,
                number,
                of: RULES,
            }))
        }));
        if table.spoilt == Some(Spoilt::Added) {
            seen.push(RuleSeen::Rule(None));
        }
        seen.extend(
            table
                .elements
                .iter()
                .map(|(mac, class)| RuleSeen::Device(Some((*mac, *class)))),
        );
        if self.abilities.xtables.is_some() {
            // There, rules are compared as a whole, and only with what is wished.
            seen.truncate(1);
            self.engine.handle(self.now, Input::Rule(seen[0]));
            seen[0] = if self.rules_are_as_wished() {
                RuleSeen::AsWished
            } else {
                RuleSeen::Rule(None)
            };
        }
        for seen in seen {
            self.engine.handle(self.now, Input::Rule(seen));
        }
    }

    fn rules_are_as_wished(&self) -> bool {
        let classed = self.engine.devices().iter();
        let classed = classed.filter_map(|device| Some((device.mac, device.class?)));
        self.kernel.table.as_ref().is_some_and(|table| {
            table.spoilt.is_none()
                && self.engine.wished() == Some(table.ruleset)
                && table.elements == classed.collect()
        })
    }

    /// The everyday look sees what is missing, and nothing else.
    fn look_for_rules(&mut self) {
        let table = self.kernel.table.as_ref();
        if table.is_none_or(|table| table.spoilt == Some(Spoilt::Removed)) {
            self.engine.handle(self.now, Input::RulesTouched);
        }
    }

    fn walk(&mut self) {
        for place in 0..self.kernel.flows.len() {
            let judgement = self.engine.judge(&self.kernel.flows[place]);
            match (self.unmarkable, judgement) {
                (_, Judgement::Leave) => {}
                (Some(cause), _) => self.engine.handle(self.now, Input::Unmarked(cause)),
                (None, judgement) => self.kernel.mark(place, judgement),
            }
        }
    }
}
