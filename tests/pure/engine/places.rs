//! The WAN and the LAN: not there yet, gone, somewhere else.

use lanemark::config::{Config, Lan};
use lanemark::control::{State, Verb};
use lanemark::engine::limits::{LINKS_MAX, RETRY_MAX};
use lanemark::engine::{Answer, Event, IFB_NAME, Input, Op, Unplaced};
use lanemark::value::{Class, IfIndex, Link, LinkKind, TcHandle};

use super::house::{
    self, ABLE, LAN, OTHER, TV, WAN, WORK, address, lan_link, link, name, opened_by, wan_link,
};
use super::kernel::Root;
use super::wished::assert_as_wished;
use super::world::{World, changed, failure};

fn base() -> Config {
    house::config_with(&[(WORK, "", Some(Class::Premium))])
}

fn auto() -> Config {
    let mut config = base();
    config.wan.interface = None;
    config
}

fn without(dev: IfIndex) -> World {
    let mut kernel = house::kernel();
    kernel.links.retain(|link| link.index != dev);
    World::of(kernel, &base(), ABLE)
}

fn comes(world: &mut World, link: Link) {
    world.kernel.links.push(link);
    world.tell(Input::Link(link));
    world.drive();
}

/// The device goes, and its queues with it; the kernel says so of the device only.
fn goes(world: &mut World, dev: IfIndex) {
    world.kernel.links.retain(|link| link.index != dev);
    world.kernel.routes.retain(|(to, _)| *to != dev);
    world.kernel.trees.remove(&dev);
    world.tell(Input::LinkGone(dev));
    world.drive();
}

fn routed(world: &mut World, routes: &[(IfIndex, u32)]) {
    world.kernel.routes = routes.to_vec();
    world.tell(Input::RoutesChanged);
    world.drive();
}

#[test]
fn a_wan_that_comes_later_is_waited_for() {
    let mut world = without(WAN);
    assert_eq!(world.status().state, State::Waiting);
    assert!(world.changes().is_empty());
    world.pass(300_000);
    comes(&mut world, wan_link(WAN));
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.status().state, State::On);
}

#[test]
fn a_lan_that_comes_later_is_waited_for_and_so_are_its_devices() {
    let mut world = without(LAN);
    assert_eq!(world.status().state, State::Waiting);
    assert!(
        failure(world.answer(Verb::Set, Some("192.168.1.11"), Some("bulk")))
            .message
            .contains("192.168.1.11")
    );
    world.kernel.flows.push(opened_by(address(WORK), 1, 0));
    comes(&mut world, lan_link(LAN));
    world.settle();
    assert_as_wished(&world);
    world.set("192.168.1.11", "bulk");
    world.settle_later();
    assert_eq!(world.kernel.marks(WORK), [10]);
}

#[test]
fn what_waits_wakes_no_more_than_once_a_minute() {
    let mut world = without(WAN);
    let wakes = world.pass(3_600_000);
    assert!(wakes <= 60, "{wakes}");
    assert_eq!(RETRY_MAX.as_secs(), 60);
}

#[test]
fn an_event_that_never_came_is_made_up_for_within_a_minute() {
    let mut world = without(WAN);
    world.drive();
    world.kernel.links.push(wan_link(WAN));
    world.settle_later();
    assert_as_wished(&world);
}

#[test]
fn a_wan_that_is_made_anew_gets_its_queues_back() {
    let mut world = World::settled(&base());
    goes(&mut world, WAN);
    assert_eq!(world.status().state, State::Waiting);
    assert!(
        world.kernel.table.is_some() && world.changes().is_empty(),
        "nothing is torn down meanwhile"
    );
    comes(&mut world, wan_link(IfIndex(9)));
    world.settle();
    assert_as_wished(&world);
    assert!(
        world
            .changes()
            .iter()
            .all(|op| !matches!(op, Op::Rules { .. })),
        "they go by name"
    );
}

#[test]
fn a_wan_that_dials_a_hundred_times_a_minute_is_shaped_each_time() {
    let mut world = World::settled(&base());
    for number in 0..100_u8 {
        let dev = IfIndex(100 + u32::from(number));
        let last = world
            .kernel
            .links
            .iter()
            .find(|link| link.name == name("eth0"))
            .unwrap()
            .index;
        goes(&mut world, last);
        // The firewall is loaded again each time, and is heard of in the same moment.
        world.tell(Input::RulesTouched);
        comes(&mut world, wan_link(dev));
        world.tell(Input::TreeTouched(dev));
        world.drive();
        assert!(
            world.kernel.trees.contains_key(&dev),
            "after {number} times"
        );
        world.pass(600);
    }
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.engine.journal().count(Event::Fought), 0);
}

#[test]
fn a_wan_that_is_renamed_is_followed_by_its_name() {
    let mut world = World::settled(&base());
    let renamed = link(WAN, "wan", LinkKind::Other);
    world.kernel.links[0] = renamed;
    world.tell(Input::Link(renamed));
    world.drive();
    assert_eq!(world.status().state, State::Waiting);
    comes(&mut world, wan_link(IfIndex(8)));
    world.settle();
    assert_as_wished(&world);
    assert_eq!(
        world.kernel.trees.get(&WAN),
        None,
        "what was the WAN has no queues of ours any more"
    );
}

#[test]
fn another_wan_in_the_configuration_moves_the_queues() {
    let mut world = World::settled(&base());
    comes(&mut world, link(OTHER, "eth1", LinkKind::Other));
    let mut config = base();
    config.wan.interface = Some(name("eth1"));
    changed(world.apply(&config));
    world.settle();
    assert_as_wished(&world);
    assert!(!world.kernel.trees.contains_key(&WAN));
    assert!(world.kernel.trees.contains_key(&OTHER));
}

#[test]
fn the_default_route_says_where_an_automatic_wan_is() {
    let mut kernel = house::kernel();
    kernel.links.push(link(OTHER, "wwan0", LinkKind::Other));
    let mut world = World::of(kernel, &auto(), ABLE);
    world.settle();
    assert_as_wished(&world);
    // A second route, worse; then better; then the only one.
    routed(&mut world, &[(WAN, 0), (OTHER, 700)]);
    assert!(world.changes().is_empty());
    routed(&mut world, &[(WAN, 900), (OTHER, 700)]);
    world.settle();
    assert_as_wished(&world);
    assert!(!world.kernel.trees.contains_key(&WAN));
    goes(&mut world, OTHER);
    routed(&mut world, &[(WAN, 900)]);
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn a_route_that_goes_with_its_device_is_forgotten_without_an_event_of_its_own() {
    let mut world = World::of(house::kernel(), &auto(), ABLE);
    world.settle();
    goes(&mut world, WAN);
    let status = world.status();
    assert_eq!(status.state, State::Waiting);
    assert!(
        status.reason.contains("no default route yet"),
        "{}",
        status.reason
    );
    world.kernel.routes = vec![(IfIndex(9), 0)];
    world.tell(Input::RoutesChanged);
    comes(&mut world, wan_link(IfIndex(9)));
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn the_next_best_route_counts_as_soon_as_the_best_ones_device_is_gone() {
    let mut kernel = house::kernel();
    kernel.links.push(link(OTHER, "wwan0", LinkKind::Other));
    kernel.routes = vec![(WAN, 0), (OTHER, 700)];
    let mut world = World::of(kernel, &auto(), ABLE);
    world.settle();
    // Of the route nothing is told.
    goes(&mut world, WAN);
    world.settle();
    assert_as_wished(&world);
    assert!(world.kernel.trees.contains_key(&OTHER));
}

#[test]
fn a_lan_that_is_made_anew_under_its_old_number_gets_its_queues_at_once() {
    let mut world = World::settled(&base());
    goes(&mut world, LAN);
    comes(&mut world, lan_link(LAN));
    assert_eq!(world.engine.trouble_text(), None);
    assert!(world.kernel.trees.contains_key(&LAN));
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn an_automatic_configuration_without_a_route_is_taken_and_waits() {
    let mut world = World::settled(&house::off(&base()));
    routed(&mut world, &[]);
    let answer = changed(world.apply(&auto()));
    assert!(
        answer
            .remark
            .starts_with("not in force yet: wan.interface is auto"),
        "{}",
        answer.remark
    );
    assert!(answer.saved);
    routed(&mut world, &[(WAN, 0)]);
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn an_automatic_lan_is_each_bridge_else_the_one_other_interface() {
    let bridge = |index, text: &str| link(IfIndex(index), text, LinkKind::Bridge);
    let wire = |index, text| link(IfIndex(index), text, LinkKind::Other);
    let down = |link| Link { up: false, ..link };
    let port = |link| Link {
        master: Some(IfIndex(3)),
        ..link
    };
    let ppp = |link| Link { mac: None, ..link };
    let lo = Link {
        kind: LinkKind::Loopback,
        ..wire(1, "lo")
    };
    for (others, expected) in [
        (vec![bridge(3, "br-lan"), wire(5, "wlan0")], Ok("br-lan")),
        (vec![wire(5, "eth1")], Ok("eth1")),
        (
            vec![
                lo,
                ppp(wire(6, "tun0")),
                down(wire(7, "eth2")),
                wire(5, "eth1"),
            ],
            Ok("eth1"),
        ),
        (
            vec![bridge(3, "br-lan"), port(wire(5, "eth1"))],
            Ok("br-lan"),
        ),
        (vec![down(bridge(3, "br-lan")), wire(5, "eth1")], Ok("eth1")),
        (
            vec![bridge(3, "br-lan"), bridge(5, "br-guest"), wire(6, "eth1")],
            Ok(IFB_NAME),
        ),
        (
            (3..8)
                .map(|index| bridge(index, &format!("br{index}")))
                .collect(),
            Err("both br3 and br7 could be it"),
        ),
        (
            vec![wire(5, "eth1"), wire(6, "wlan0")],
            Err("both eth1 and wlan0 could be it"),
        ),
        (vec![lo], Err("no bridge or second interface is there")),
    ] {
        let mut kernel = house::kernel();
        kernel.links.truncate(1);
        kernel.links.extend(others);
        let mut config = base();
        config.lan = Lan::Auto;
        let mut world = World::of(kernel, &config, ABLE);
        let status = world.status();
        match expected {
            Ok(lan) => assert_eq!(
                (status.state, status.down.interface.as_str()),
                (State::On, lan)
            ),
            Err(told) => assert!(status.reason.contains(told), "{}", status.reason),
        }
    }
}

#[test]
fn interfaces_of_no_interest_change_nothing() {
    let mut world = World::settled(&base());
    comes(&mut world, link(OTHER, "wlan0", LinkKind::Other));
    world.tell(Input::TreeTouched(OTHER));
    goes(&mut world, OTHER);
    world.tell(Input::LinkGone(IfIndex(77)));
    world.drive();
    assert!(world.changes().is_empty());
    assert_eq!(world.engine.trouble_text(), None);
}

#[test]
fn an_interface_beyond_links_max_is_counted_and_not_there() {
    let mut world = World::settled(&base());
    for number in 0..u32::try_from(LINKS_MAX).unwrap() {
        let vlan = Link {
            index: IfIndex(100 + number),
            ..link(OTHER, &format!("eth0.{number}"), LinkKind::Other)
        };
        comes(&mut world, vlan);
    }
    assert_eq!(
        world.engine.journal().count(Event::LinkRefused),
        2,
        "the WAN and the LAN had their places"
    );
    assert_as_wished(&world);
    let mut config = base();
    config.wan.interface = Some(name("eth0.47"));
    assert!(failure(world.apply(&config)).message.contains("eth0.47"));
}

#[test]
fn an_interface_that_found_no_room_is_found_once_another_goes() {
    let mut world = without(WAN);
    for number in 1..u32::try_from(LINKS_MAX).unwrap() {
        let vlan = Link {
            index: IfIndex(100 + number),
            ..link(OTHER, &format!("eth0.{number}"), LinkKind::Other)
        };
        comes(&mut world, vlan);
    }
    comes(&mut world, wan_link(WAN));
    assert_eq!(world.engine.journal().count(Event::LinkRefused), 1);
    assert_eq!(world.status().state, State::Waiting);
    goes(&mut world, IfIndex(101));
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.status().state, State::On);
}

#[test]
fn roots_of_other_devices_leave_room_for_ours_beyond_roots_max() {
    use lanemark::engine::limits::ROOTS_MAX;
    let mut kernel = house::kernel();
    // More devices with queues than are remembered, and all before the WAN's turn comes.
    for number in 0..u32::try_from(ROOTS_MAX).unwrap() + 10 {
        kernel.trees.insert(
            IfIndex(number + 100),
            Root::foreign(TcHandle::new(0x8000, 0)),
        );
    }
    kernel.links[0].index = IfIndex(900);
    kernel
        .trees
        .insert(IfIndex(900), Root::foreign(TcHandle::new(0x8001, 0)));
    let mut world = World::of(kernel, &base(), ABLE);
    world.drive();
    assert!(
        world
            .status()
            .reason
            .contains("eth0 has a root qdisc 8001:"),
        "{}",
        world.status().reason
    );
    assert!(world.changes().is_empty());
}

#[test]
fn every_reason_for_waiting_reads_as_a_sentence() {
    for (unplaced, words) in [
        (
            Unplaced::NoLan,
            "lan is auto and no bridge or second interface is there; name the interface",
        ),
        (
            Unplaced::Same(name("eth0")),
            "lan: expected another interface than the WAN's, found eth0",
        ),
        (
            Unplaced::Stacked(name("eth1.3"), name("eth1")),
            "wan and lan: expected interfaces beside each other, found eth1.3 on top of eth1, where its packets would wait again",
        ),
    ] {
        assert_eq!(unplaced.to_string(), words);
    }
}

#[test]
fn a_device_keeps_its_place_while_the_wan_is_away() {
    let mut world = World::settled(&base());
    goes(&mut world, WAN);
    let Answer::Changed(answer) = world.answer(Verb::Set, Some("192.168.1.11"), Some("bulk"))
    else {
        panic!("not kept");
    };
    assert!(
        answer.remark.starts_with("not in force yet"),
        "{}",
        answer.remark
    );
    world.kernel.flows.push(opened_by(address(TV), 1, 0));
    comes(&mut world, wan_link(IfIndex(9)));
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.kernel.marks(TV), [40]);
}

#[test]
fn a_configuration_that_still_names_the_wan_that_is_away_is_taken() {
    let mut config = base();
    config.wan.interface = Some(name("eth0"));
    let mut world = World::settled(&config);
    goes(&mut world, WAN);
    config.default_class = Class::Bulk;
    let Answer::Changed(answer) = world.apply(&config) else {
        panic!("not taken");
    };
    assert!(
        answer.remark.starts_with("not in force yet"),
        "{}",
        answer.remark
    );
    comes(&mut world, wan_link(IfIndex(9)));
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.engine.config().default_class, Class::Bulk);
}

/// A house whose LAN is a switch's port with VLANs on it, one of them in a bridge: `eth1` below `eth1.2` and `eth1.3`, `br-guest` above the last.
fn stack() -> World {
    let on = |index: u32, text: &str, below: u32| Link {
        below: Some(IfIndex(below)),
        ..link(IfIndex(index), text, LinkKind::Other)
    };
    let mut kernel = house::kernel();
    kernel.links.extend([
        link(IfIndex(10), "eth1", LinkKind::Other),
        on(11, "eth1.2", 10),
        Link {
            master: Some(IfIndex(13)),
            ..on(12, "eth1.3", 10)
        },
        link(IfIndex(13), "br-guest", LinkKind::Bridge),
        on(14, "eth0.7", WAN.0),
    ]);
    let mut world = World::of(kernel, &base(), ABLE);
    world.settle();
    world
}

/// The line of `doctor` about the interfaces: whether it is good, and what it says.
fn interfaces(world: &mut World) -> (bool, String) {
    let Answer::Doctor(doctor) = world.answer(Verb::Doctor, None, None) else {
        panic!("no findings");
    };
    let mut findings = doctor.findings.iter();
    let line = findings.find(|line| line.what == "interfaces").unwrap();
    (line.good, line.found.as_str().to_owned())
}

#[test]
fn interfaces_on_top_of_each_other_are_refused_with_both_names_and_nothing_changes() {
    let mut world = stack();
    for (wan, lans, stacked) in [
        ("eth0", &["eth1", "eth1.2"][..], Some(("eth1.2", "eth1"))),
        ("eth0", &["eth1.2", "eth1"], Some(("eth1.2", "eth1"))),
        ("eth0", &["br-guest", "eth1"], Some(("br-guest", "eth1"))),
        (
            "eth0",
            &["eth1.3", "br-guest"],
            Some(("br-guest", "eth1.3")),
        ),
        ("eth0.7", &["br-lan", "eth0"], Some(("eth0.7", "eth0"))),
        ("eth1", &["br-guest"], Some(("br-guest", "eth1"))),
        ("eth0", &["eth1.2", "eth1.3"], None),
        ("eth0.7", &["br-lan", "br-guest"], None),
    ] {
        let mut config = base();
        config.wan.interface = Some(name(wan));
        config.lan = Lan::Interfaces(lans.iter().copied().map(name).collect());
        let answer = world.apply(&config);
        match stacked {
            Some((upper, lower)) => {
                let words = format!("found {upper} on top of {lower},");
                let failure = failure(answer);
                assert!(failure.message.contains(&words), "{}", failure.message);
                assert_eq!(world.changes(), []);
                assert_ne!(*world.engine.config(), config);
            }
            None => drop(changed(answer)),
        }
    }
    world.settle();
    assert!(interfaces(&mut world).0);
}

#[test]
fn a_stack_that_is_in_use_already_is_told_by_doctor_and_hinders_no_other_change() {
    let mut config = base();
    config.lan = Lan::Interfaces([name("eth1"), name("eth1.2")].into_iter().collect());
    let mut world = World::of(stack().kernel, &config, ABLE);
    world.settle();
    let (good, found) = interfaces(&mut world);
    assert!(!good && found.contains("eth1.2 on top of eth1"), "{found}");
    config.default_class = Class::Bulk;
    changed(world.apply(&config));
    // One cable that leads to itself, as no kernel allows it.
    let mut round = world.kernel.links[2];
    round.below = Some(round.index);
    world.tell(Input::Link(round));
    assert!(!interfaces(&mut world).0);
}
