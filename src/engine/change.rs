//! What is wished against what is seen: the first difference, as an operation.
//!
//! The order: queues before rules, so that a packet that names a class finds it; the table before the sysctl, since the table keeps
//! what the sysctl was. Going away is the same backwards.

use heapless::Vec;

use super::limits::{DRAIN, DRAIN_DOWN_PERCENT, DRAIN_UP_PERCENT, ROOTS_MAX};
use super::{Engine, Event, Lanes, Line, Look, Op, Places, Put, Timer, Trouble, Unplaced};
use crate::config::Lan;
use crate::control::Direction;
use crate::value::{
    Before, CapRules, Cause, Class, IfIndex, IfNames, IfbChange, IfbVerb, Instant, Kbit, LeafKind,
    Link, Neighbour, Redirect, Refused, Ruleset, Segments, ShaperKind, TcHandle, macs,
};

/// What could not be removed while going away.
#[derive(Debug, Default)]
pub(super) struct GaveUp {
    rules: bool,
    accounting: bool,
    /// Another process holds it all.
    owned: bool,
    devices: Vec<IfIndex, ROOTS_MAX>,
}

impl GaveUp {
    pub(super) fn is_anything(&self) -> bool {
        self.rules || self.accounting || self.owned || !self.devices.is_empty()
    }
}

impl Engine {
    /// The first difference.
    ///
    /// # Errors
    /// [`Trouble`]: why nothing can be done about it.
    pub(super) fn next_change(&mut self) -> Result<Option<Op>, Trouble> {
        if !self.is_on() {
            return Ok(self.next_removal());
        }
        let (shaper, leaf) = (self.shaper(), self.leaf_kind());
        let has_leaf = self.abilities.leaves.get(leaf as usize) == Some(&true);
        let (what, option) = if self.abilities.shapers.get(shaper as usize) != Some(&true) {
            (shaper.name(), shaper.option())
        } else if !has_leaf && shaper != ShaperKind::Cake {
            (leaf.name(), leaf.option())
        } else if !self.abilities.nft && !self.abilities.has_xtables() {
            ("nf_tables", "CONFIG_NF_TABLES")
        } else if !self.abilities.can_class_open_flows() {
            ("conntrack over netlink", "CONFIG_NF_CT_NETLINK")
        } else {
            return self.next_difference();
        };
        Err(Trouble::Lacks { what, option })
    }

    /// The first difference to what is configured, on a kernel that can do it.
    fn next_difference(&mut self) -> Result<Option<Op>, Trouble> {
        if let Some(change) = self.ifb.lossy(self.links.ifb()) {
            return Ok(Some(Op::Ifb(change)));
        }
        let places = self.links.places(&self.config).map_err(Trouble::Unplaced)?;
        if self.neighbours_of != places.lan_indexes() {
            // Who is there was asked before it was known where the LANs are.
            self.unknown.neighbours = true;
        }
        if places.several && places.down.is_none() {
            return Ok(Some(Op::Ifb(IfbVerb::Make.on(IfIndex(0)))));
        }
        for direction in Direction::BOTH {
            let (Some(link), _) = self.way(direction, &places) else {
                continue;
            };
            if self.trees.tree(link.index).is_none() {
                // The WAN or the LAN is another device than at the last look.
                self.forget_trees();
                return Ok(Some(Op::Look(Look::Qdiscs)));
            }
            if let Some(op) = self.tree_change(direction, &places)? {
                return Ok(Some(op));
            }
        }
        let wished = self.wished_rules(&places);
        if let Some(op) = self.rules_change(wished) {
            return Ok(Some(op));
        }
        let stale = self.trees.stale_cap(self.devices.caps().len());
        if stale.is_some() {
            return Ok(stale);
        }
        let change = self.redirect_change(&places);
        let change = change.map_err(|lan| Trouble::Foreign {
            dev: lan.name,
            handle: TcHandle::new(TcHandle::CLSACT.major(), 0),
        })?;
        // Last: what the kernel may still refuse of the new must not have cost the old its queues.
        let lans = places.lan_indexes();
        let lans: &[IfIndex] = if places.several { &lans } else { &[] };
        if let Some(change) = change.or_else(|| self.ifb.stale(lans, &[])) {
            return Ok(Some(Op::Ifb(change)));
        }
        let wan = places.wan.index;
        let down = places.down.map_or(wan, |down| down.index);
        if let Some(op) = self.stale_queues(&[wan, down], places.several) {
            return Ok(Some(op));
        }
        Ok((self.accounting.acct == Some(false)).then_some(Op::Accounting(true)))
    }

    /// The next thing that several LANs need to share the one shaper.
    ///
    /// # Errors
    /// The LAN where another program's qdisc excludes it.
    #[inline(never)]
    fn redirect_change<'p>(&self, places: &Places<'p>) -> Result<Option<IfbChange>, &'p Link> {
        let Some(ifb) = places.down.filter(|_| places.several) else {
            return Ok(None);
        };
        for lan in places.lans {
            let change = self.ifb.change(lan.index, ifb.index);
            if let Some(change) = change.map_err(|_| lan)? {
                return Ok(Some(change));
            }
        }
        Ok(None)
    }

    fn tree_change(
        &self,
        direction: Direction,
        places: &Places<'_>,
    ) -> Result<Option<Op>, Trouble> {
        let (way, line) = (self.way(direction, places), self.line(direction, places));
        let ((Some(link), _), Some(line)) = (way, line) else {
            return Ok(None);
        };
        let caps = self.devices.caps();
        let mut lanes = Lanes {
            line,
            shaper: self.shaper(),
            leaf: self.leaf_kind(),
            ticks: self.abilities.ticks,
            capped: [0; Class::ALL.len()],
        };
        for cap in caps {
            if let Some(count) = lanes.capped.get_mut(cap.class.index()) {
                *count += 1;
            }
        }
        self.trees
            .change(link.index, &lanes, caps)
            .map_err(|foreign| Trouble::Foreign {
                dev: link.name,
                handle: foreign.handle,
            })
    }

    /// A direction of the line as configured; none where the rate is not said.
    pub(super) fn line(&self, direction: Direction, places: &Places<'_>) -> Option<Line> {
        let (link, rate) = self.way(direction, places);
        let rate = rate?;
        let config = &self.config;
        let (shares, ceilings) = match direction {
            Direction::Up => (config.shares.up, config.ceilings.up),
            Direction::Down => (config.shares.down, config.ceilings.down),
        };
        Some(Line {
            direction,
            rate,
            pace: rate.percent(self.pace_percent(direction)),
            mtu_bytes: link?.mtu,
            framing: config.wan.framing(link?.header_bytes()),
            shares,
            ceilings,
        })
    }

    /// Where a direction of the line leaves us, and its rate as far as that is said.
    pub(super) fn way<'p>(
        &self,
        direction: Direction,
        places: &Places<'p>,
    ) -> (Option<&'p Link>, Option<Kbit>) {
        match direction {
            Direction::Up => (Some(places.wan), self.config.wan.up),
            Direction::Down => (places.down, self.config.wan.down),
        }
    }

    /// How much of the line is used for now.
    fn pace_percent(&self, direction: Direction) -> u8 {
        match direction {
            _ if !self.timers.is_set(Timer::Drain) => 100,
            Direction::Up => DRAIN_UP_PERCENT,
            Direction::Down => DRAIN_DOWN_PERCENT,
        }
    }

    /// The shaper that is configured, else the best that the kernel has; CAKE has no caps.
    pub(super) fn shaper(&self) -> ShaperKind {
        let mut kinds = ShaperKind::ALL.iter().zip(&self.abilities.shapers);
        let capped = !self.devices.caps().is_empty();
        let can = |kind| !(capped && kind == ShaperKind::Cake);
        let best = kinds.find(|(kind, there)| **there && can(**kind));
        let scheduler = self.config.scheduler.or(best.map(|(kind, _)| *kind));
        scheduler.unwrap_or(ShaperKind::Htb)
    }

    /// The leaf that is configured, else the best that the kernel has. A FIFO is in every kernel with queues.
    pub(super) fn leaf_kind(&self) -> LeafKind {
        if let Some(leaf) = self.config.leaf {
            return leaf;
        }
        let mut kinds = LeafKind::ALL.iter().zip(&self.abilities.leaves);
        kinds
            .find(|(_, there)| **there)
            .map_or(LeafKind::Bfifo, |(kind, _)| *kind)
    }

    /// What holds devices to their caps.
    pub(super) fn cap_rules(&self) -> Option<CapRules> {
        let caps = self.devices.caps();
        let slots = u8::try_from(caps.len()).ok().filter(|slots| *slots > 0)?;
        Some(CapRules {
            layout: self.config.cap_mark,
            slots,
            devices: macs(&mut caps.iter().map(|cap| cap.mac)),
        })
    }

    pub(super) fn wished_rules(&self, places: &Places<'_>) -> Ruleset {
        Ruleset {
            lans: match &self.config.lan {
                // One that is not there yet has its rule already.
                Lan::Interfaces(names) => IfNames::of(&mut names.iter().copied()),
                Lan::Auto => {
                    IfNames::of(&mut places.lans.iter().take(places.count).map(|lan| lan.name))
                }
            },
            wan: places.wan.name,
            layout: self.config.mark,
            default_class: self.config.default_class,
            ahead: self.config.prioritize,
            mss: Some(self.config.wan.segments())
                .filter(|_| self.abilities.mss)
                .unwrap_or(Segments::ALONE),
            policy: self.policy,
            shaper: self.shaper(),
            arrival: self.wished_arrival(places),
            afresh: !self.abilities.conntrack,
            caps: self.cap_rules(),
            guarded: self.abilities.guard,
            before: self.before.unwrap_or(self.accounting),
        }
    }

    /// Nothing of ours shall be there: the first thing that still is. What could not be removed is passed over, so that the rest is.
    fn next_removal(&mut self) -> Option<Op> {
        if self.gave_up.owned {
            return None;
        }
        let counted_before = self.before.and_then(|before| before.acct);
        if self.rules.owned_or_open()
            && self.accounting.acct == Some(true)
            && counted_before == Some(false)
            && !self.gave_up.accounting
        {
            return Some(Op::Accounting(false));
        }
        if self.rules.table && !self.gave_up.rules {
            return Some(Op::DeleteRules);
        }
        if !self.rules.table {
            // Another program may have removed them before us; the marks that they made are still ours.
            self.remark.clear_left();
        }
        if let Some(change) = self.ifb.stale(&[], &self.gave_up.devices) {
            return Some(Op::Ifb(change));
        }
        let devices = &self.gave_up.devices;
        // While something may still lead to the IFB device, what leads there would be lost.
        let stale = self.stale_queues(devices, !devices.is_empty());
        if stale.is_none() && !self.gave_up.is_anything() {
            // Whoever comes back finds what then is.
            self.before = None;
        }
        stale
    }

    /// A tree of ours on any device but these, then the IFB device, unless it is to stay.
    #[inline(never)]
    fn stale_queues(&self, but: &[IfIndex], ifb_stays: bool) -> Option<Op> {
        let stale = self.trees.stale(but);
        if stale.is_some() {
            return stale;
        }
        let ifb = self.links.ifb().filter(|_| !ifb_stays)?;
        Some(Op::Ifb(IfbVerb::Delete.on(ifb.index)))
    }

    /// The operation that was going on is over.
    pub(super) fn done(&mut self, now: Instant, result: Result<(), Refused>) {
        let Some(op) = self.doing.take() else { return };
        match (&op, result) {
            (Op::Look(look), result) => self.looked(now, *look, result),
            (Op::Save, result) => self.saved(now, result),
            // One that could not be sent is one without an answer.
            (Op::Echo { .. }, _) | (Op::Sound { .. }, Ok(())) => {}
            (Op::Sound { .. }, Err(refused)) => self.path.refused(refused),
            (op, Ok(())) => self.carried_out(now, op),
            // What is gone already needs no removal.
            (
                op @ (Op::DeleteRules | Op::DeleteRoot { .. } | Op::DeleteClass { .. }),
                Err(refused),
            ) if refused.cause() == Cause::Gone => {
                self.carried_out(now, op);
            }
            // Without its hook the kernel calls a filter that is not there invalid.
            (op @ Op::Ifb(change), Err(refused))
                if change.verb.is_removal()
                    && matches!(refused.cause(), Cause::Gone | Cause::Invalid) =>
            {
                self.carried_out(now, op);
            }
            (op, Err(refused)) => self.refused(now, op, refused),
        }
    }

    fn carried_out(&mut self, now: Instant, op: &Op) {
        self.journal.note(now, Event::Changed);
        self.trees.done(op);
        self.rules_done(op);
        match *op {
            Op::Rules { ruleset, .. } => {
                self.before = Some(ruleset.before);
                let caps = ruleset.caps.map(|caps| caps.layout);
                self.remark.rules_have(ruleset.layout, caps);
            }
            Op::Accounting(on) => self.accounting = Before { acct: Some(on) },
            Op::Ifb(change) => self.ifb_done(change),
            Op::DeleteRules => self.remark.clear_all(),
            // Not longer for the second device than for the first. Another shaper of ours has kept the modem's queue short.
            Op::Root { put: Put::New, .. } => self.timers.set(Timer::Drain, now.after(DRAIN)),
            _ => {}
        }
    }

    fn refused(&mut self, now: Instant, op: &Op, refused: Refused) {
        if !self.is_on() {
            self.journal.note(now, Event::Refused);
            self.give_up(op, refused);
            return;
        }
        // Kernels before 6.9 know no table that is guarded and stays: then without.
        let unknown = matches!(refused.cause(), Cause::Unsupported | Cause::Invalid);
        if matches!(op, Op::Rules { ruleset, .. } if ruleset.guarded) && unknown {
            self.abilities.guard = false;
            return;
        }
        // Without it the bytes of flows are not told, and everything else works: a user namespace may not write it.
        if matches!(op, Op::Accounting(_)) {
            self.journal.note(now, Event::Refused);
            self.accounting.acct = None;
            return;
        }
        // What we believed to be there is not, or the reverse: look again before the next try.
        self.unknown.qdiscs = true;
        self.unknown.rules = true;
        self.in_trouble(
            now,
            Trouble::Refused {
                what: what(op),
                refused,
            },
        );
    }

    /// Going away: the rest still goes.
    fn give_up(&mut self, op: &Op, refused: Refused) {
        let denied = refused.cause() == Cause::Denied;
        if self.trouble.is_none() {
            self.trouble = Some(Trouble::Refused {
                what: what(op),
                refused,
            });
        }
        match *op {
            // A guarded table that may not be removed has a living owner, and all the rest is his too.
            Op::DeleteRules if denied => self.gave_up.owned = true,
            Op::DeleteRules => self.gave_up.rules = true,
            Op::Accounting(_) => self.gave_up.accounting = true,
            Op::DeleteRoot { dev, .. }
            | Op::Ifb(IfbChange {
                at: Redirect { dev, .. },
                ..
            }) => {
                let _ = self.gave_up.devices.push(dev);
            }
            _ => {}
        }
    }

    /// The kernel is as the change says.
    fn ifb_done(&mut self, change: IfbChange) {
        self.ifb.done(change);
        // The device has another number, or none: what its name leads to is looked up again.
        self.unknown.links |= matches!(change.verb, IfbVerb::Make | IfbVerb::On | IfbVerb::Delete);
    }

    /// Somebody has an address.
    pub(super) fn see_neighbour(&mut self, now: Instant, neighbour: &Neighbour) {
        let Some(mac) = neighbour.mac else { return };
        let ours = self
            .links
            .places(&self.config)
            .is_ok_and(|places| places.lan_indexes().contains(&neighbour.dev));
        if !ours {
            return;
        }
        let ago_ms = u64::from(neighbour.confirmed_ago_ms.unwrap_or_default());
        let seen = Instant::from_ms(now.as_ms().saturating_sub(ago_ms));
        self.see_device(now, mac, neighbour.address, Some(seen));
    }

    /// A lease file says who has an address. It does not say that the device is there.
    pub(super) fn see_lease(&mut self, now: Instant, lease: &super::Lease<'_>) {
        if let Some(id) = self.see_device(now, lease.mac, lease.address, None)
            && !lease.name.is_empty()
        {
            self.devices.call(id, lease.name);
        }
    }

    fn see_device(
        &mut self,
        now: Instant,
        mac: crate::value::Mac,
        address: core::net::IpAddr,
        seen: Option<Instant>,
    ) -> Option<super::DeviceId> {
        let id = match self.devices.see(mac) {
            super::Seen::Known(id) | super::Seen::Added(id) => id,
            super::Seen::Evicted(id) => {
                self.journal.note(now, Event::DeviceEvicted);
                id
            }
            super::Seen::Full => {
                self.journal.note(now, Event::DeviceRefused);
                return None;
            }
        };
        let told = seen.map_or(super::Told::ByLease, super::Told::ByKernel);
        match self.devices.locate(id, address, told) {
            super::Located::Known => {}
            super::Located::Moved => self.moved(now, id),
            super::Located::Evicted => {
                self.journal.note(now, Event::AddressEvicted);
                self.moved(now, id);
            }
        }
        if let Some(device) = self.devices.get_mut(id) {
            device.seen = device.seen.max(seen);
        }
        Some(id)
    }

    /// A device has a new address: flows of that address may have been opened before we knew whose it is, or by whoever had it before.
    fn moved(&mut self, now: Instant, id: super::DeviceId) {
        if let Some(device) = self.devices.get_mut(id) {
            device.remark = true;
            self.remark_later(now);
        }
    }

    /// Whether a candidate names interfaces that are there.
    ///
    /// # Errors
    /// [`Unplaced`].
    pub(super) fn placeable(&self, config: &crate::config::Config) -> Result<(), Unplaced> {
        match self.links.places(config) {
            // What `auto` finds may come later; a name is meant to be there.
            Ok(Places {
                missing: Some(missing),
                ..
            }) if config.lan != self.config.lan => Err(missing),
            Ok(_) | Err(Unplaced::NoDefaultRoute | Unplaced::NoLan) => Ok(()),
            // One that is waited for already is no mistake: a device can be classed while the line is down.
            Err(Unplaced::Missing { .. })
                if config.wan.interface == self.config.wan.interface
                    && config.lan == self.config.lan =>
            {
                Ok(())
            }
            Err(unplaced) => Err(unplaced),
        }
    }
}

/// What an operation asks the kernel for, for a message.
const fn what(op: &Op) -> &'static str {
    match op {
        Op::Look(_) => "a look",
        Op::Root { .. } => "the root qdisc",
        Op::Class { .. } => "a class",
        Op::DeleteClass { .. } => "to remove a class",
        Op::Leaf { .. } => "a leaf qdisc",
        Op::DeleteRoot { .. } => "to remove the root qdisc",
        Op::Ifb(_) => "what several LANs need (modules ifb, sch_ingress, cls_u32, act_mirred)",
        Op::Rules { .. } => "the rules",
        Op::Adopt(_) => "to take over the rules",
        Op::Elements(_) => "a device's rule",
        Op::DeleteRules => "to remove the rules",
        Op::Accounting(_) => "net.netfilter.nf_conntrack_acct",
        Op::Save => "to store the configuration",
        Op::Echo { .. } | Op::Sound { .. } => "an echo request",
    }
}
