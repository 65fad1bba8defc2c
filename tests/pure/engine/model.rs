//! Everything at random: whatever happens in whatever order, the end is what the configuration says.

use std::collections::BTreeMap;
use std::net::IpAddr;

use lanemark::config::{Config, Device};
use lanemark::control::Verb;
use lanemark::engine::limits::{DEVICES_MAX, FIGHT_WINDOW};
use lanemark::engine::{Answer, Client, Input, Judgement};
use lanemark::value::{
    Cause, Class, Flow, IfIndex, Kbit, LeafKind, Link, MarkLayout, Ports, Rule, ShaperKind,
};

use super::house::{
    self, ABLE, LAN, WAN, address, at, lan_link, mac, opened_by, opened_to, wan_link,
};
use super::kernel::{Spoilt, by_rules};
use super::wished::assert_as_wished;
use super::world::{No, World};
use crate::dice::{Dice, roll, rounds};

/// Sequences of the ordinary run: some seconds without optimisation.
const SEQUENCES: u64 = 3_000;

/// Things that happen in one sequence, at most.
const ACTS_MAX: usize = 40;

/// Devices of this house.
const DEVICES: [u8; 6] = [10, 11, 12, 13, 14, 15];

/// Clients beside the one that `World::set` and its like speak for.
const CLIENTS: [u8; 4] = [1, 2, 3, 4];

/// Bits that no configuration of this house gives to us.
const FOREIGN: u32 = !0x7f00_7f7f;

const KINDS: [&str; 11] = [
    "root",
    "class",
    "leaf",
    "rules",
    "elements",
    "adopt",
    "delete rules",
    "delete root",
    "save",
    "look at flows",
    "look at rules",
];

struct Play {
    world: World,
    dice: Dice,
    /// Who waits for how many answers.
    waiting: BTreeMap<u8, usize>,
    next_dev: u32,
    next_port: u16,
    /// The foreign bits of each flow, in the order of the flows.
    foreign: Vec<u32>,
    /// A kill left marks that nothing in the kernel or on flash tells of: behind a table that is gone already, or whose place in the
    /// mark is another than the configuration's.
    orphans: bool,
}

fn random_class(dice: &mut Dice) -> Option<Class> {
    Class::ALL.get(dice.below(Class::ALL.len() + 2)).copied()
}

fn layouts() -> [MarkLayout; 2] {
    [MarkLayout::default(), MarkLayout::new(0x7f00, 8).unwrap()]
}

fn random_config(dice: &mut Dice) -> Config {
    let mut config = house::config();
    config.enabled = dice.below(6) > 0;
    config.wan.up = Some(Kbit([512, 1_000, 20_000][dice.below(3)]));
    config.default_class = [Class::Standard, Class::Bulk][dice.below(2)];
    config.leaf = [None, Some(LeafKind::Sfq)][usize::from(dice.below(4) == 0)];
    config.scheduler = match dice.below(6) {
        0 => Some(ShaperKind::Hfsc),
        1 => Some(ShaperKind::Cake),
        _ => None,
    };
    config.cap_mark = MarkLayout::new(0x7f00_0000, 24).unwrap();
    config.mark = layouts()[usize::from(dice.below(4) == 0)];
    for last in DEVICES {
        let class = random_class(dice);
        if dice.below(3) == 0 {
            let device = Device {
                mac: mac(last),
                name: heapless::String::new(),
                class,
                up_max: [None, Some(Kbit(100))][usize::from(dice.below(3) == 0)],
                down_max: None,
            };
            if device.is_capped() && config.scheduler == Some(ShaperKind::Cake) {
                config.scheduler = None;
            }
            config.devices.push(device).unwrap();
        }
    }
    for _ in 0..[0, 0, 1, 3][dice.below(4)] {
        let rule = random_rule(dice);
        if !config.rules.iter().any(|before| before.covers(&rule)) {
            config.rules.push(rule).unwrap();
        }
    }
    config
}

/// A rule for a device's flows, for those that were opened to a port, or for all of one of the two kinds of the house.
fn random_rule(dice: &mut Dice) -> Rule {
    let port = [22, 443][dice.below(2)];
    let ports = Ports {
        first: port,
        last: port,
    };
    let mut rule = Rule::of(Class::ALL[dice.below(Class::ALL.len())]);
    match dice.below(3) {
        0 => rule.mac = Some(mac(DEVICES[dice.below(DEVICES.len())])),
        1 => rule.ports.push(ports).unwrap(),
        _ => {
            rule.mac = Some(mac(DEVICES[dice.below(DEVICES.len())]));
            rule.ports.push(ports).unwrap();
        }
    }
    rule
}

impl Play {
    fn begin(mut dice: Dice) -> Play {
        let mut kernel = house::kernel();
        kernel.acct = [None, Some(false), Some(true)][dice.below(3)];
        let config = random_config(&mut dice);
        Play {
            world: World::of(kernel, &config, ABLE),
            dice,
            waiting: BTreeMap::new(),
            next_dev: 100,
            next_port: 1,
            foreign: Vec::new(),
            orphans: false,
        }
    }

    fn device(&mut self) -> u8 {
        DEVICES[self.dice.below(DEVICES.len())]
    }

    fn act(&mut self) {
        match self.dice.below(16) {
            0..3 => self.ask(),
            3 => self.change_class(),
            4..6 => self.open_flow(),
            6 => self.end_flow(),
            7 => self.move_address(),
            8 => self.redial(),
            9 => self.interfere(),
            10 => self.refuse(),
            11 => self.restart(),
            12 => {
                let config = random_config(&mut self.dice);
                self.world
                    .engine
                    .handle(self.world.now, Input::Reload(Box::new(config.clone())));
                self.world.flash = Some(config);
            }
            13 => {
                self.world.deaf = !self.world.deaf;
                if !self.world.deaf {
                    self.world.hear_again();
                }
            }
            14 => {
                let ms = [1, 500, 1_000, 5_000, 31_000][self.dice.below(5)];
                self.world.pass(ms);
            }
            _ => {
                self.world.drive();
            }
        }
    }

    /// Somebody asks for something, and may leave before the answer.
    fn ask(&mut self) {
        let client = CLIENTS[self.dice.below(CLIENTS.len())];
        if self.waiting.contains_key(&client) {
            return;
        }
        let device = self.device();
        let text = [
            mac(device).to_string(),
            address(device).to_string(),
            "nobody".to_owned(),
        ];
        let text = text[self.dice.below(3)].as_str();
        let class = ["premium", "bulk", "no class"][self.dice.below(3)];
        match self.dice.below(8) {
            0..3 => self.world.ask(client, Verb::Set, Some(text), Some(class)),
            3 => self.world.ask(client, Verb::Unset, Some(text), None),
            4 => {
                let config = random_config(&mut self.dice);
                self.world.engine.handle(
                    self.world.now,
                    Input::Apply(Client(client), Box::new(config)),
                );
            }
            other => {
                let verb = [
                    Verb::Status,
                    Verb::Devices,
                    Verb::Doctor,
                    Verb::Flows,
                    Verb::ConfigShow,
                ][other - 5 + self.dice.below(3)];
                self.world.ask(client, verb, None, None);
            }
        }
        self.waiting.insert(client, 1);
        if self.dice.below(8) == 0 {
            self.world
                .engine
                .handle(self.world.now, Input::Left(Client(client)));
            self.waiting.remove(&client);
        }
    }

    /// A change of class, and what must be true at once when it was told to be in force.
    fn change_class(&mut self) {
        self.collect();
        let (device, class) = (self.device(), random_class(&mut self.dice));
        let text = mac(device).to_string();
        let verb = if class.is_some() {
            Verb::Set
        } else {
            Verb::Unset
        };
        self.world.ask(0, verb, Some(&text), class.map(Class::name));
        self.world.drive();
        let mine = self
            .world
            .answers
            .iter()
            .position(|(client, _)| *client == 0)
            .unwrap();
        let (_, answer) = self.world.answers.remove(mine);
        let Answer::Changed(changed) = answer else {
            return;
        };
        // Addresses that the engine has not heard of are not its fault.
        if !changed.remark.is_empty() || !self.world.engine.config().enabled || self.world.deaf {
            return;
        }
        let layout = self.world.engine.config().mark;
        for flow in &self.world.kernel.flows {
            let known = |at: IpAddr| self.world.engine.devices().by_address(at);
            let owner = known(flow.out.src).or_else(|| known(flow.back.src));
            if owner
                .and_then(|id| self.world.engine.devices().get(id))
                .is_some_and(|owner| owner.mac == mac(device))
            {
                let rules = &self.world.engine.config().rules;
                let expected = by_rules(rules, flow, mac(device)).or(class);
                assert_eq!(layout.class(flow.mark), expected, "{flow:?}");
            }
        }
    }

    fn open_flow(&mut self) {
        let at = address(self.device());
        let foreign = u32::from(self.dice.byte()) << 16 & FOREIGN;
        self.next_port += 1;
        let open = [opened_by, opened_to][self.dice.below(2)];
        self.world.kernel.open(open(at, self.next_port, foreign));
        self.foreign.push(foreign);
    }

    fn end_flow(&mut self) {
        if !self.foreign.is_empty() {
            let place = self.dice.below(self.foreign.len());
            self.world.kernel.flows.remove(place);
            self.foreign.remove(place);
        }
    }

    /// Somebody takes an address, a new one or another's.
    fn move_address(&mut self) {
        let (host, owner) = (address(self.device()), mac(self.device()));
        // There and back again, and nothing of it heard: nobody could know.
        if self.world.deaf
            && self
                .world
                .kernel
                .neighbours
                .iter()
                .any(|other| other.address == host)
        {
            return;
        }
        let known = at(host, owner);
        self.world
            .kernel
            .neighbours
            .retain(|other| other.address != host);
        self.world.kernel.neighbours.push(known);
        self.world.tell(Input::Neighbour(known));
    }

    /// The WAN or the LAN goes, and comes back under another number.
    fn redial(&mut self) {
        let made =
            [wan_link as fn(IfIndex) -> Link, lan_link][usize::from(self.dice.below(4) == 0)];
        let name = made(IfIndex(1)).name;
        if let Some(place) = self
            .world
            .kernel
            .links
            .iter()
            .position(|link| link.name == name)
        {
            let gone = self.world.kernel.links.remove(place).index;
            self.world.kernel.trees.remove(&gone);
            self.world.tell(Input::LinkGone(gone));
        }
        if self.dice.below(3) == 0 {
            self.world.drive();
        }
        self.next_dev = (self.next_dev + 1) % 150 + 100;
        let lan = name == lan_link(LAN).name;
        // The neighbours of this house say where they are: the LAN keeps its number.
        let link = made(if lan { LAN } else { IfIndex(self.next_dev) });
        self.world.kernel.links.push(link);
        self.world.tell(Input::Link(link));
    }

    /// Another program is at our things.
    fn interfere(&mut self) {
        let spoilt = [Spoilt::Added, Spoilt::Removed][self.dice.below(2)];
        let (device, class) = (self.device(), random_class(&mut self.dice));
        let kernel = &mut self.world.kernel;
        let wan = kernel
            .links
            .iter()
            .find(|link| link.name == wan_link(WAN).name)
            .map_or(WAN, |link| link.index);
        match self.dice.below(7) {
            6 => {
                let all = [wan_link(WAN).name, lan_link(LAN).name];
                kernel.flowtables = all[..self.dice.below(3)].to_vec();
                self.world.tell(Input::FlowtablesTouched);
            }
            0 => kernel
                .trees
                .remove(&wan)
                .map_or((), |_| self.world.tell(Input::TreeTouched(wan))),
            1 => kernel
                .trees
                .remove(&LAN)
                .map_or((), |_| self.world.tell(Input::TreeTouched(LAN))),
            2 => {
                kernel.table = None;
                self.world.tell(Input::RulesTouched);
            }
            3 => {
                if let Some(table) = &mut kernel.table {
                    table.spoilt = Some(spoilt);
                    self.world.tell(Input::RulesTouched);
                }
            }
            // Put right without having been noticed, it would leave marks that nobody knows of.
            4 if self.world.deaf => {}
            4 => {
                if let Some(table) = &mut kernel.table {
                    match class {
                        Some(class) => table.elements.insert(mac(device), class),
                        None => table.elements.remove(&mac(device)),
                    };
                    self.world.tell(Input::RulesTouched);
                    self.world.drive();
                }
            }
            _ => {
                if let Some(root) = kernel.trees.get_mut(&wan) {
                    root.classes
                        .values_mut()
                        .for_each(|(class, _)| class.rate = Kbit(7));
                    self.world.tell(Input::TreeTouched(wan));
                }
            }
        }
    }

    fn refuse(&mut self) {
        let kind = KINDS[self.dice.below(KINDS.len())];
        let cause = [Cause::Other, Cause::Busy, Cause::Denied][self.dice.below(3)];
        let (skip, times) = (self.dice.below(4), 1 + self.dice.below(3));
        self.world.refusals.push(No {
            kind,
            skip,
            times,
            cause,
        });
    }

    /// A kill, at any step.
    fn restart(&mut self) {
        let steps = self.dice.below(30);
        self.world.drive_steps(steps);
        let stored = self.world.flash.as_ref().map(|config| config.mark);
        let table = self
            .world
            .kernel
            .table
            .as_ref()
            .map(|table| table.ruleset.layout);
        self.orphans |=
            table.is_none() || table != stored || stored != Some(self.world.engine.config().mark);
        // The walk that moves them was not over.
        let moving = |flow: &Flow| {
            layouts()
                .into_iter()
                .any(|old| Some(old) != stored && old.class(flow.mark).is_some())
        };
        self.orphans |= self.world.kernel.flows.iter().any(moving);
        self.world.restart();
        self.world.deaf = false;
        self.world.hear_again();
        self.waiting.clear();
        self.world.answers.clear();
        self.world.drive();
        self.orphans |= self.world.engine.trouble_text().is_some();
    }

    /// Answers that came: each to somebody who waits, none twice.
    fn collect(&mut self) {
        self.world.pass(1_000);
        for (client, answer) in std::mem::take(&mut self.world.answers) {
            assert_eq!(
                self.waiting.remove(&client),
                Some(1),
                "{client} was not asked for {answer:?}"
            );
        }
        assert!(
            self.waiting.is_empty(),
            "without an answer: {:?}",
            self.waiting.keys()
        );
    }

    fn check(&self) {
        for (flow, foreign) in self.world.kernel.flows.iter().zip(&self.foreign) {
            assert_eq!(flow.mark & FOREIGN, *foreign, "bits that are not ours");
        }
        assert!(self.world.engine.devices().len() <= DEVICES_MAX);
    }

    /// From here on nobody is in the way.
    fn calm(&mut self) {
        self.world.refusals.clear();
        self.world.deaf = false;
        self.world.hear_again();
        let fight = u64::try_from(FIGHT_WINDOW.as_millis()).unwrap();
        self.world.pass(2 * fight);
        self.collect();
        assert_eq!(self.world.engine.trouble_text(), None);
        assert!(!self.world.engine.save_due());
        assert_as_wished(&self.world);
        self.check_flows();
    }

    fn check_flows(&mut self) {
        let config = self.world.engine.config().clone();
        assert_eq!(self.world.flash.as_ref(), Some(&config));
        for place in 0..self.world.kernel.flows.len() {
            let flow = self.world.kernel.flows[place].clone();
            let class = config.mark.class(flow.mark);
            let owner = self.world.kernel.owner(&flow);
            let known = config
                .devices
                .iter()
                .find(|device| Some(device.mac) == owner);
            let by_rules = owner.and_then(|mac| by_rules(&config.rules, &flow, mac));
            let expected = by_rules
                .or(known.and_then(|device| device.class))
                .filter(|_| config.enabled);
            if expected.is_some() || owner.is_some() && !self.orphans {
                assert_eq!(class, expected, "{flow:?} of {owner:?}");
            }
            let capped = config.devices.iter().filter(|device| device.is_capped());
            let mut slots = (1..).zip(capped);
            let slot = slots.find(|(_, device)| Some(device.mac) == owner);
            let slot = slot.filter(|_| config.enabled).map_or(0, |(slot, _)| slot);
            if slot != 0 || owner.is_some() && !self.orphans {
                assert_eq!(
                    config.cap_mark.slot(flow.mark),
                    slot,
                    "{flow:?} of {owner:?}"
                );
            }
            assert_eq!(self.world.engine.judge(&flow), Judgement::Leave);
        }
    }
}

#[test]
fn whatever_happened_the_end_is_what_the_configuration_says() {
    roll(rounds(SEQUENCES), |dice| {
        let mut play = Play::begin(dice);
        for _ in 0..play.dice.below(ACTS_MAX) {
            play.act();
            play.check();
        }
        play.collect();
        play.calm();
        // And a stop takes out all of it.
        play.world.stop();
        play.check();
        assert!(play.world.ended && !play.world.kernel.has_anything_of_ours());
        assert!(
            play.orphans
                || play
                    .world
                    .kernel
                    .flows
                    .iter()
                    .all(|flow| flow.mark & FOREIGN == flow.mark)
        );
        true
    });
}
