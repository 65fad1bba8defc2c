//! What must be in the kernel, told from the configuration alone.

use std::collections::BTreeMap;

use lanemark::config::{Config, Lan};
use lanemark::control::Direction;
use lanemark::engine::{Lanes, Line, Part, Queue};
use lanemark::value::{Class, IfIndex, Kbit, LeafKind, Link, Mac};

use super::house::ABLE;
use super::kernel::{Kernel, Root};
use super::world::World;

fn named<'k>(kernel: &'k Kernel, config: &Config) -> Option<[&'k Link; 2]> {
    let find = |name| kernel.links.iter().find(|link| link.name == name);
    let wan = match config.wan.interface {
        Some(name) => find(name)?,
        None => {
            let (dev, _) = kernel.routes.iter().min_by_key(|(_, metric)| *metric)?;
            kernel.links.iter().find(|link| link.index == *dev)?
        }
    };
    let Lan::Interfaces(names) = &config.lan else {
        panic!("the houses of these tests name their LAN");
    };
    Some([wan, find(names[0])?])
}

fn lanes(direction: Direction, rate: Kbit, link: &Link, config: &Config) -> Lanes {
    let (shares, ceilings) = match direction {
        Direction::Up => (config.shares.up, config.ceilings.up),
        Direction::Down => (config.shares.down, config.ceilings.down),
    };
    let line = Line {
        direction,
        rate,
        mtu_bytes: link.mtu,
        overhead_bytes: config.wan.overhead,
        shares,
        ceilings,
        pace_percent: 100,
    };
    Lanes {
        line,
        leaf: LeafKind::FqCodel,
        ticks: ABLE.ticks,
    }
}

fn assert_tree(root: &Root, wished: &Lanes) {
    assert_eq!(root.htb, Some(wished.root()));
    let nodes = Part::ALL.map(|part| wished.node(part));
    let classes: Vec<_> = root.classes.values().map(|(class, _)| *class).collect();
    let mut expected = nodes.map(|node| node.class);
    expected.sort_by_key(|class| class.handle);
    assert_eq!(classes, expected);
    for node in nodes.iter().filter(|node| node.leaf.is_some()) {
        let (handle, leaf, _) = root.leaves[&node.class.handle];
        assert_eq!(Some((handle, leaf)), node.leaf);
    }
    assert_eq!(root.leaves.len(), Queue::ALL.len());
}

pub fn classes_of(config: &Config) -> BTreeMap<Mac, Class> {
    let devices = config.devices.iter();
    devices
        .filter_map(|device| Some((device.mac, device.class?)))
        .collect()
}

/// The kernel is exactly what the configuration in force asks for, and nothing of ours is anywhere else.
pub fn assert_as_wished(world: &World) {
    let (kernel, config) = (&world.kernel, world.engine.config());
    if !config.enabled {
        assert!(
            !kernel.has_anything_of_ours(),
            "off, and still there: {:?}",
            kernel.picture()
        );
        return;
    }
    let Some([wan, lan]) = named(kernel, config) else {
        return;
    };
    let ours: Vec<IfIndex> = kernel
        .trees
        .iter()
        .filter(|(_, root)| root.htb.is_some())
        .map(|(dev, _)| *dev)
        .collect();
    let mut expected = vec![wan.index, lan.index];
    expected.sort();
    assert_eq!(ours, expected, "devices with queues of ours");
    let (up, down) = (config.wan.up.unwrap(), config.wan.down.unwrap());
    assert_tree(
        &kernel.trees[&wan.index],
        &lanes(Direction::Up, up, wan, config),
    );
    assert_tree(
        &kernel.trees[&lan.index],
        &lanes(Direction::Down, down, lan, config),
    );
    let table = kernel.table.as_ref().unwrap();
    let ruleset = &table.ruleset;
    assert_eq!((ruleset.wan, ruleset.lan), (wan.name, lan.name));
    assert_eq!(
        (ruleset.layout, ruleset.default_class),
        (config.mark, config.default_class)
    );
    assert_eq!(table.elements, classes_of(config));
    assert_eq!((table.owned, table.spoilt), (ruleset.guarded, None));
    assert_ne!(kernel.acct, Some(false), "the bytes of flows are counted");
}
