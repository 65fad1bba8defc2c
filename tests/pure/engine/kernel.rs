//! A kernel as far as we need one: it does what it is told, refuses what a real one refuses, and tells what it has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use lanemark::engine::{
    Devices, IFB_NAME, Judgement, MAJOR, Op, Put, classify, narrowest, root_handle,
};
use lanemark::value::{
    CAKE_TINS, Cause, Class, Flow, IfIndex, IfName, IfbChange, IfbVerb, Leaf, Link, LinkBytes,
    LinkKind, Mac, MarkLayout, Neighbour, Refused, Root as Shaper, Rule, Ruleset, ShaperClass,
    ShaperKind, TcHandle, TcStats,
};

use super::house::{LAN, LAN_ADDRESSES, class_handle, link};

#[derive(Clone, Debug, Default)]
pub struct Kernel {
    pub links: Vec<Link>,
    pub routes: Vec<(IfIndex, u32)>,
    pub neighbours: Vec<Neighbour>,
    /// What the lease file says; not the kernel's, but as far outside of the engine.
    pub leases: Vec<(Mac, IpAddr, String)>,
    pub trees: BTreeMap<IfIndex, Root>,
    pub hooks: BTreeMap<IfIndex, Hook>,
    pub table: Option<Table>,
    /// Where flowtables of others take packets.
    pub flowtables: Vec<IfName>,
    /// `nf_conntrack_acct`; none is a kernel without it.
    pub acct: Option<bool>,
    pub flows: Vec<Flow>,
    pub bytes: BTreeMap<IfIndex, LinkBytes>,
    pub fill: (u32, u32),
    /// The next router.
    pub gateway: Option<Ipv4Addr>,
    pub modules: Vec<&'static str>,
    /// What the clock on the wall showed when that of the tests began, and the zone of the router.
    pub wall_s: u32,
    pub zone: &'static str,
}

/// What filters hang in on a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hook {
    /// It is the old `ingress`, which leaving packets do not pass.
    pub ingress: bool,
    /// Their preferences, and where those of ours lead.
    pub filters: BTreeMap<u16, Option<IfIndex>>,
}

/// The qdisc at the root of a device, with what is below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    pub handle: TcHandle,
    /// None is a qdisc of another program.
    pub shaper: Option<Shaper>,
    pub tins: [TcStats; CAKE_TINS],
    pub classes: BTreeMap<TcHandle, (ShaperClass, TcStats)>,
    /// By class.
    pub leaves: BTreeMap<TcHandle, (TcHandle, Leaf, u32)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub ruleset: Ruleset,
    pub elements: BTreeMap<Mac, Class>,
    /// Capped devices and their slots.
    pub slots: BTreeMap<Mac, u8>,
    /// The user's rules.
    pub rules: Vec<Rule>,
    /// A living process holds it. Without guard nobody does.
    pub owned: bool,
    /// A rule that another program has put into it, or one of ours that it has taken out.
    pub spoilt: Option<Spoilt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    Added,
    Removed,
}

impl Root {
    pub fn foreign(handle: TcHandle) -> Root {
        Root {
            handle,
            shaper: None,
            tins: [TcStats::default(); CAKE_TINS],
            classes: BTreeMap::new(),
            leaves: BTreeMap::new(),
        }
    }

    pub fn class_mut(&mut self, class: Class) -> &mut TcStats {
        &mut self.classes.get_mut(&class_handle(class)).unwrap().1
    }
}

/// The class of the user's rules for a flow of a device of the house.
pub fn by_rules(rules: &[Rule], flow: &Flow, mac: Mac) -> Option<Class> {
    let at_home = flow.out.src.to_string().starts_with("192.168.1.");
    let home = if at_home { flow.out } else { flow.back };
    let addresses = [home.src, home.dst];
    let narrowest = narrowest(Some(mac), addresses, flow.out.proto, flow.out.dport);
    classify(rules, narrowest, None)
}

impl Table {
    /// What it gives to the first packet of a device's flow.
    fn class(&self, flow: &Flow, mac: Mac) -> Option<Class> {
        by_rules(&self.rules, flow, mac).or_else(|| self.elements.get(&mac).copied())
    }
}

fn no(cause: Cause) -> Result<(), Refused> {
    Err(Refused::new(cause, &format!("{cause:?}")))
}

impl Kernel {
    /// Carries out what changes something.
    pub fn change(&mut self, op: &Op, devices: &Devices, rules: &[Rule]) -> Result<(), Refused> {
        match op {
            Op::Root { dev, lanes, put } => {
                self.make_root(*dev, lanes.handle(), lanes.root(), *put)?;
                let first = lanes.first().iter().filter(|_| *put != Put::Change);
                let mut classes = first.filter_map(|part| lanes.node(*part));
                classes.try_for_each(|node| self.put_class(*dev, node.class, Put::New))
            }
            Op::Class { dev, class, put } => self.put_class(*dev, *class, *put),
            Op::Leaf {
                dev,
                class,
                handle,
                leaf,
                put,
            } => self.put_leaf(*dev, *class, (*handle, *leaf), *put),
            Op::DeleteClass { dev, handle } => self.delete_class(*dev, *handle),
            Op::DeleteRoot { dev, handle } => match self.trees.get(dev) {
                Some(root) if root.handle == *handle => {
                    self.trees.remove(dev);
                    Ok(())
                }
                _ => no(Cause::Gone),
            },
            Op::Ifb(change) => self.change_ifb(*change),
            Op::Rules { ruleset, instead } => self.make_rules(*ruleset, *instead, (devices, rules)),
            Op::Adopt(_) => match &mut self.table {
                Some(table) if table.ruleset.guarded && !table.owned => {
                    table.owned = true;
                    Ok(())
                }
                Some(_) => no(Cause::Denied),
                None => no(Cause::Gone),
            },
            Op::Elements(_) => self.put_elements(devices),
            Op::DeleteRules => self
                .table
                .take()
                .map_or_else(|| no(Cause::Gone), |_| Ok(())),
            Op::Accounting(on) => match &mut self.acct {
                Some(acct) => {
                    *acct = *on;
                    Ok(())
                }
                None => no(Cause::Gone),
            },
            Op::Look(_) | Op::Save | Op::Echo { .. } | Op::Sound { .. } => {
                unreachable!("not a change of the kernel")
            }
        }
    }

    fn change_ifb(&mut self, change: IfbChange) -> Result<(), Refused> {
        let IfbChange { verb, at } = change;
        let dev = at.dev;
        match verb {
            IfbVerb::Make => {
                if self.links.iter().any(|link| link.name.as_str() == IFB_NAME) {
                    return no(Cause::Exists);
                }
                let highest = self.links.iter().map(|link| link.index.0).max();
                let index = IfIndex(highest.unwrap_or_default().max(50) + 1);
                self.links.push(link(index, IFB_NAME, LinkKind::Ifb));
            }
            IfbVerb::On => match self.links.iter_mut().find(|link| link.index == dev) {
                Some(link) => link.up = true,
                None => return no(Cause::Gone),
            },
            IfbVerb::Delete => self.delete_link(dev),
            IfbVerb::Hook => {
                if self.hooks.contains_key(&dev) {
                    return no(Cause::Exists);
                }
                self.hooks.insert(dev, Hook::default());
            }
            IfbVerb::Unhook => {
                return match self.hooks.remove(&dev) {
                    Some(_) => Ok(()),
                    None => no(Cause::Gone),
                };
            }
            IfbVerb::Redirect => {
                let up = |link: &&Link| link.index == at.to && link.up;
                if !self.links.iter().any(|link| up(&link)) {
                    return no(Cause::Gone);
                }
                match self.hooks.get_mut(&at.dev).filter(|hook| !hook.ingress) {
                    Some(hook) => {
                        hook.filters.insert(at.preference, Some(at.to));
                    }
                    None => return no(Cause::Invalid),
                }
            }
            IfbVerb::Release => {
                let hook = self.hooks.get_mut(&dev);
                if hook
                    .and_then(|hook| hook.filters.remove(&at.preference))
                    .is_none()
                {
                    return no(Cause::Gone);
                }
            }
        }
        Ok(())
    }

    /// What a device has goes with it; filters that lead to it lead nowhere from then on.
    pub fn delete_link(&mut self, dev: IfIndex) {
        self.links.retain(|link| link.index != dev);
        self.trees.remove(&dev);
        self.hooks.remove(&dev);
        for to in self
            .hooks
            .values_mut()
            .flat_map(|hook| hook.filters.values_mut())
        {
            if *to == Some(dev) {
                *to = Some(IfIndex(0));
            }
        }
    }

    /// Devices of which nothing leaves, since a filter leads to a device that is gone or off.
    pub fn swallowing(&self) -> Vec<IfIndex> {
        let on = |dev: &IfIndex| self.links.iter().any(|link| link.index == *dev && link.up);
        let hooks = self.hooks.iter();
        let lost = hooks.filter(|(_, hook)| hook.filters.values().flatten().any(|to| !on(to)));
        lost.map(|(dev, _)| *dev).collect()
    }

    fn make_root(
        &mut self,
        dev: IfIndex,
        handle: TcHandle,
        shaper: Shaper,
        put: Put,
    ) -> Result<(), Refused> {
        if !self.links.iter().any(|link| link.index == dev) {
            return no(Cause::Gone);
        }
        let old = self.trees.get_mut(&dev);
        let same = old.as_ref().is_some_and(|old| old.handle == handle);
        match (put, old) {
            // HTB changes nothing of itself in place.
            (Put::Change, Some(old))
                if same && matches!(old.shaper, Some(Shaper::Hfsc(_) | Shaper::Cake(_))) =>
            {
                old.shaper = Some(shaper);
                return Ok(());
            }
            (Put::Change, _) => return no(Cause::Invalid),
            (Put::New, Some(_)) => return no(Cause::Exists),
            // No root is replaced by one of the same name.
            (Put::Instead, _) if same => return no(Cause::Invalid),
            _ => {}
        }
        let made = Root {
            shaper: Some(shaper),
            ..Root::foreign(handle)
        };
        self.trees.insert(dev, made);
        Ok(())
    }

    fn ours(&mut self, dev: IfIndex) -> Option<&mut Root> {
        self.trees
            .get_mut(&dev)
            .filter(|root| root.shaper.is_some())
    }

    fn put_class(&mut self, dev: IfIndex, class: ShaperClass, put: Put) -> Result<(), Refused> {
        let Some(root) = self.ours(dev) else {
            return no(Cause::Gone);
        };
        if class.parent != root.handle && !root.classes.contains_key(&class.parent) {
            return no(Cause::Gone);
        }
        match (put, root.classes.get_mut(&class.handle)) {
            (Put::New | Put::Instead, None) => {
                root.classes
                    .insert(class.handle, (class, TcStats::default()));
                Ok(())
            }
            (Put::Change, Some((known, _))) => {
                // A real one keeps it where it is, whatever it is told.
                *known = ShaperClass {
                    parent: known.parent,
                    ..class
                };
                Ok(())
            }
            (Put::New | Put::Instead, Some(_)) => no(Cause::Exists),
            (Put::Change, None) => no(Cause::Gone),
        }
    }

    fn delete_class(&mut self, dev: IfIndex, handle: TcHandle) -> Result<(), Refused> {
        let Some(root) = self.ours(dev) else {
            return no(Cause::Gone);
        };
        if root
            .classes
            .values()
            .any(|(class, _)| class.parent == handle)
        {
            return no(Cause::Busy);
        }
        root.leaves.remove(&handle);
        root.classes
            .remove(&handle)
            .map_or_else(|| no(Cause::Gone), |_| Ok(()))
    }

    fn put_leaf(
        &mut self,
        dev: IfIndex,
        class: TcHandle,
        (handle, leaf): (TcHandle, Leaf),
        put: Put,
    ) -> Result<(), Refused> {
        let Some(root) = self.ours(dev) else {
            return no(Cause::Gone);
        };
        if !root.classes.contains_key(&class) {
            return no(Cause::Gone);
        }
        let before = root.leaves.get(&class);
        if put == Put::Change && before.is_none_or(|before| before.1.kind() != leaf.kind()) {
            return no(Cause::Invalid);
        }
        // A name stays with its kind.
        if before.is_some_and(|before| before.0 == handle && before.1.kind() != leaf.kind()) {
            return no(Cause::Invalid);
        }
        root.leaves.insert(class, (handle, leaf, 0));
        Ok(())
    }

    fn make_rules(
        &mut self,
        ruleset: Ruleset,
        instead: bool,
        (devices, rules): (&Devices, &[Rule]),
    ) -> Result<(), Refused> {
        match (instead, &self.table) {
            (true, None) => return no(Cause::Gone),
            (false, Some(_)) => return no(Cause::Exists),
            _ => {}
        }
        let classed = devices
            .iter()
            .filter_map(|device| Some((device.mac, device.class?)));
        self.table = Some(Table {
            ruleset,
            elements: classed.collect(),
            slots: match ruleset.caps {
                Some(_) => (1..)
                    .zip(devices.caps())
                    .map(|(slot, cap)| (cap.mac, slot))
                    .collect(),
                None => BTreeMap::new(),
            },
            rules: rules.to_vec(),
            owned: ruleset.guarded,
            spoilt: None,
        });
        Ok(())
    }

    /// As one batch: what the engine believes to be there and wrong goes, what is right comes, or nothing of it.
    fn put_elements(&mut self, devices: &Devices) -> Result<(), Refused> {
        let Some(table) = &mut self.table else {
            return no(Cause::Gone);
        };
        let mut elements = table.elements.clone();
        for device in devices
            .iter()
            .filter(|device| device.class != device.kernel_class)
        {
            if device.kernel_class.is_some() && elements.remove(&device.mac).is_none() {
                return no(Cause::Gone);
            }
            if let Some(class) = device.class
                && elements
                    .insert(device.mac, class)
                    .is_some_and(|old| old != class)
            {
                return no(Cause::Exists);
            }
        }
        table.elements = elements;
        Ok(())
    }

    /// A flow is opened; the rules mark it, if it comes from the home.
    pub fn open(&mut self, flow: Flow) {
        let owner = self.owner(&flow);
        let mut flow = flow;
        if let Some(table) = &self.table
            && let Some(class) = owner.and_then(|mac| table.class(&flow, mac))
            && flow.mark & table.ruleset.layout.mask() == 0
        {
            flow.mark = table.ruleset.layout.marked(flow.mark, Some(class));
        }
        if let Some(table) = &self.table
            && let Some(caps) = table.ruleset.caps
            && let Some(slot) = owner.and_then(|mac| table.slots.get(&mac))
            && flow.mark & caps.layout.mask() == 0
        {
            flow.mark |= caps.layout.slot_bits(*slot);
        }
        self.flows.push(flow);
    }

    /// Who has the flow's address on the LAN, as the neighbours say.
    pub fn owner(&self, flow: &Flow) -> Option<Mac> {
        let has = |address: IpAddr| {
            let mut on_lan = self
                .neighbours
                .iter()
                .rev()
                .filter(|known| known.dev == LAN);
            on_lan.find(|known| known.address == address)?.mac
        };
        has(flow.out.src).or_else(|| has(flow.back.src))
    }

    pub fn mark(&mut self, flow: usize, judgement: Judgement) {
        if let Judgement::Mark { bits, mask } = judgement {
            let mark = &mut self.flows[flow].mark;
            *mark = *mark & !mask | bits & mask;
        }
    }

    /// Everything of ours that is there, for a comparison; the counters are left out.
    pub fn picture(&self) -> Picture {
        let mut trees = self.trees.clone();
        for root in trees.values_mut() {
            root.tins = [TcStats::default(); CAKE_TINS];
            root.classes
                .values_mut()
                .for_each(|(_, stats)| *stats = TcStats::default());
            root.leaves
                .values_mut()
                .for_each(|(_, _, backlog)| *backlog = 0);
        }
        Picture {
            trees,
            hooks: self.hooks.clone(),
            table: self.table.clone(),
            acct: self.acct,
            marks: self.flows.iter().map(|flow| flow.mark).collect(),
        }
    }

    pub fn has_anything_of_ours(&self) -> bool {
        self.table.is_some()
            || self
                .trees
                .values()
                .any(|root| (MAJOR..MAJOR + 3).contains(&root.handle.major()))
            || self.links.iter().any(|link| link.name.as_str() == IFB_NAME)
            || self
                .hooks
                .values()
                .any(|hook| hook.filters.values().any(Option::is_some))
    }

    pub fn elements(&self) -> BTreeMap<Mac, Class> {
        self.table
            .as_ref()
            .map(|table| table.elements.clone())
            .unwrap_or_default()
    }

    pub fn tree(&mut self, dev: IfIndex) -> &mut Root {
        self.tree_of(dev, ShaperKind::Htb)
    }

    pub fn tree_of(&mut self, dev: IfIndex, shaper: ShaperKind) -> &mut Root {
        let root = self.trees.get_mut(&dev).unwrap();
        assert_eq!(root.handle, root_handle(shaper), "it is not ours");
        root
    }

    /// The marks of the flows of a device of the house, in the order in which they were opened.
    pub fn marks(&self, device: u8) -> Vec<u32> {
        let mine = |flow: &&Flow| {
            let own = IpAddr::from([LAN_ADDRESSES[0], LAN_ADDRESSES[1], LAN_ADDRESSES[2], device]);
            flow.out.src == own || flow.back.src == own
        };
        self.flows
            .iter()
            .filter(mine)
            .map(|flow| flow.mark)
            .collect()
    }

    /// The classes of the flows of a device of the house.
    pub fn classes(&self, device: u8, layout: MarkLayout) -> Vec<Option<Class>> {
        self.marks(device)
            .into_iter()
            .map(|mark| layout.class(mark))
            .collect()
    }
}

/// What of a kernel matters to us.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub trees: BTreeMap<IfIndex, Root>,
    pub hooks: BTreeMap<IfIndex, Hook>,
    pub table: Option<Table>,
    pub acct: Option<bool>,
    pub marks: Vec<u32>,
}
