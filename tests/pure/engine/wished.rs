//! What must be in the kernel, told from the configuration alone.

use std::collections::BTreeMap;

use lanemark::config::{Config, Lan};
use lanemark::control::Direction;
use lanemark::engine::{Cap, IFB_NAME, Lanes, Line, Node, Part};
use lanemark::value::{Class, IfIndex, IfName, IfNames, Kbit, LeafKind, Link, Mac, ShaperKind};

use super::house::{ABLE, name};
use super::kernel::{Hook, Kernel, Root};
use super::world::World;

/// The WAN, and where downloads leave.
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
    let down = if names.len() > 1 {
        name(IFB_NAME)
    } else {
        names[0]
    };
    Some([wan, find(down)?])
}

/// The capped devices of a configuration without schedules.
fn caps(config: &Config) -> Vec<Cap> {
    let capped = config.devices.iter().filter(|device| device.is_capped());
    capped
        .map(|device| Cap {
            mac: device.mac,
            class: device.class.unwrap_or(config.default_class),
            up: device.up_max,
            down: device.down_max,
        })
        .collect()
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
        framing: config.wan.framing(link.header_bytes()),
        shares,
        ceilings,
        pace: rate,
    };
    Lanes {
        line,
        shaper: config.scheduler.unwrap_or(ShaperKind::Htb),
        leaf: config.leaf.unwrap_or(LeafKind::FqCodel),
        ticks: ABLE.ticks,
        capped: Class::ALL.map(|class| {
            let inside = caps(config);
            u8::try_from(inside.iter().filter(|cap| cap.class == class).count()).unwrap()
        }),
    }
}

fn assert_tree(root: &Root, wished: &Lanes, caps: &[Cap]) {
    assert_eq!(
        (root.handle, root.shaper),
        (wished.handle(), Some(wished.root()))
    );
    let nodes: Vec<Node> = (0..Part::ALL.len() + caps.len())
        .filter_map(|place| wished.at(place, caps))
        .collect();
    let classes: Vec<_> = root.classes.values().map(|(class, _)| *class).collect();
    let mut expected: Vec<_> = nodes.iter().map(|node| node.class).collect();
    expected.sort_by_key(|class| class.handle);
    assert_eq!(classes, expected);
    for node in nodes.iter().filter(|node| node.leaf.is_some()) {
        let (handle, leaf, _) = root.leaves[&node.class.handle];
        let (name, wished) = node.leaf.unwrap();
        // It has two names in turn.
        assert!([name.0, name.0 ^ 0x8000_0000].contains(&handle.0));
        assert_eq!(leaf, wished);
    }
    let queues = nodes.iter().filter(|node| node.leaf.is_some()).count();
    assert_eq!(root.leaves.len(), queues);
}

/// With several LANs, each that is there leads to the IFB device; with one, nothing does and there is none.
fn assert_redirected(kernel: &Kernel, names: &[IfName], down: &Link) {
    let several = names.len() > 1;
    let lans = kernel
        .links
        .iter()
        .filter(|link| names.contains(&link.name));
    let mut expected: Vec<IfIndex> = lans.map(|link| link.index).collect();
    expected.retain(|_| several);
    expected.sort();
    let leads = |hook: &Hook| hook.filters.values().any(|to| *to == Some(down.index));
    let hooks = kernel.hooks.iter().filter(|(_, hook)| leads(hook));
    let found: Vec<IfIndex> = hooks.map(|(dev, _)| *dev).collect();
    assert_eq!(found, expected, "LANs that lead to the IFB device");
    assert_eq!(kernel.swallowing(), []);
    assert!(down.up);
    let ifbs = kernel
        .links
        .iter()
        .filter(|link| link.name == name(IFB_NAME));
    assert_eq!(ifbs.count(), usize::from(several));
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
        .filter(|(_, root)| root.shaper.is_some())
        .map(|(dev, _)| *dev)
        .collect();
    let mut expected = vec![wan.index, lan.index];
    expected.sort();
    assert_eq!(ours, expected, "devices with queues of ours");
    let (up, down) = (config.wan.up.unwrap(), config.wan.down.unwrap());
    assert_tree(
        &kernel.trees[&wan.index],
        &lanes(Direction::Up, up, wan, config),
        &caps(config),
    );
    assert_tree(
        &kernel.trees[&lan.index],
        &lanes(Direction::Down, down, lan, config),
        &caps(config),
    );
    let table = kernel.table.as_ref().unwrap();
    let ruleset = &table.ruleset;
    let Lan::Interfaces(names) = &config.lan else {
        panic!("the houses of these tests name their LAN");
    };
    let lans = IfNames::of(&mut names.iter().copied());
    assert_eq!((ruleset.wan, ruleset.lans), (wan.name, lans));
    assert_redirected(kernel, names, lan);
    assert_eq!(
        (ruleset.layout, ruleset.default_class),
        (config.mark, config.default_class)
    );
    let shaper = config.scheduler.unwrap_or(ShaperKind::Htb);
    assert_eq!(ruleset.shaper, shaper);
    assert_eq!(table.elements, classes_of(config));
    assert_eq!(table.rules, config.rules.as_slice());
    assert_eq!((table.owned, table.spoilt), (ruleset.guarded, None));
    assert_ne!(kernel.acct, Some(false), "the bytes of flows are counted");
}
