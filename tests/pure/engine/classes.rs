//! A device gets a class, another one, or none: the map, the flows that there are, and who may be meant.

use lanemark::control::{Fault, Verb};
use lanemark::engine::limits::{REMARK_EVERY, REMARK_PASSES_MAX};
use lanemark::engine::{Event, Input, Look, Op};
use lanemark::value::{Cause, Class, Mac};

use super::house::{self, PHONE, TV, WORK, address, at, mac, neighbour, opened_by, opened_to};
use super::wished::assert_as_wished;
use super::world::{World, failure};

fn sees(name: &str, device: u8) -> (Mac, std::net::IpAddr, String) {
    (mac(device), address(device), name.to_owned())
}

#[test]
fn a_set_changes_one_element_and_the_flows_of_that_device() {
    let mut world = World::settled(&house::config_with(&[(TV, "", Some(Class::Bulk))]));
    let upper = 0xabcd_ef80;
    for (port, device) in [(1, WORK), (2, TV), (3, PHONE), (4, WORK)] {
        world.kernel.open(opened_by(address(device), port, upper));
    }
    world.kernel.open(opened_to(address(WORK), 5, 0));
    let answer = world.set("02:00:00:00:00:0a", "premium");
    assert_eq!(world.kinds(), ["elements"]);
    assert_eq!(world.kernel.marks(WORK), [upper | 10, upper | 10, 10]);
    assert_eq!(
        (world.kernel.marks(TV), world.kernel.marks(PHONE)),
        (vec![upper | 40], vec![upper])
    );
    assert_eq!(
        (answer.flows_marked, answer.saved, answer.mac.as_str()),
        (3, true, "02:00:00:00:00:0a")
    );
    assert_as_wished(&world);
}

#[test]
fn every_class_can_follow_every_other_and_none() {
    let mut world = World::settled(&house::config());
    world.kernel.open(opened_by(address(WORK), 1, 0x80));
    let layout = world.engine.config().mark;
    for before in Class::ALL {
        for after in Class::ALL {
            world.set("192.168.1.10", before.name());
            world.set("192.168.1.10", after.name());
            assert_eq!(
                world.kernel.classes(WORK, layout),
                [Some(after)],
                "{before} to {after}"
            );
            assert_eq!(world.kernel.elements()[&mac(WORK)], after);
        }
        world.unset("192.168.1.10");
        assert_eq!(world.kernel.marks(WORK), [0x80]);
        assert!(world.kernel.elements().is_empty());
    }
}

#[test]
fn unset_clears_the_flows_and_keeps_the_name() {
    let mut world = World::settled(&house::config_with(&[
        (WORK, "work", Some(Class::Premium)),
        (TV, "", Some(Class::Bulk)),
    ]));
    world.kernel.open(opened_by(address(WORK), 1, 0x100));
    world.kernel.open(opened_by(address(TV), 2, 0));
    let answer = world.unset("work");
    assert_eq!((answer.name.as_str(), answer.flows_marked), ("work", 1));
    assert_eq!(
        (world.kernel.marks(WORK), world.kernel.marks(TV)),
        (vec![0x100], vec![40])
    );
    assert_eq!(
        world.engine.config().devices.len(),
        2,
        "the name is still configured"
    );
    world.unset("02:00:00:00:00:0b");
    assert_eq!(
        world.engine.config().devices.len(),
        1,
        "nothing is left to configure"
    );
    assert_as_wished(&world);
}

#[test]
fn a_flow_that_slips_through_behind_the_first_walk_is_caught_by_the_second() {
    let mut world = World::settled(&house::config());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    let mut walks = 0;
    world.meanwhile = Some(Box::new(move |op, kernel| {
        if *op == Op::Look(Look::Flows) {
            walks += 1;
            if walks == 1 {
                // Its packet had passed the old map.
                kernel.flows.push(opened_by(address(WORK), 2, 0));
            }
        }
    }));
    let answer = world.set("192.168.1.10", "premium");
    assert_eq!(
        (world.kernel.marks(WORK), answer.flows_marked),
        (vec![10, 10], 2)
    );
}

#[test]
fn a_set_ends_although_flows_with_the_old_class_never_stop_coming() {
    let mut world = World::settled(&house::config());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    let mut port = 1;
    world.meanwhile = Some(Box::new(move |op, kernel| {
        if *op == Op::Look(Look::Flows) {
            port += 1;
            kernel.flows.push(opened_by(address(WORK), port, 0));
        }
    }));
    world.set("192.168.1.10", "premium");
    assert_eq!(world.count("look at flows"), usize::from(REMARK_PASSES_MAX));
}

#[test]
fn a_set_to_what_is_set_already_still_holds_the_flows_against_it() {
    let mut world = World::settled(&house::config_with(&[(WORK, "", Some(Class::Premium))]));
    world.kernel.flows.push(opened_by(address(WORK), 1, 40));
    let answer = world.set("192.168.1.10", "premium");
    assert_eq!(
        (world.kernel.marks(WORK), answer.flows_marked),
        (vec![10], 1)
    );
    assert!(world.changes().is_empty());
    assert!(world.writes.is_empty(), "the flash holds it already");
}

#[test]
fn a_walk_that_is_refused_is_told_and_repeated() {
    let mut world = World::settled(&house::config());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.refuse("look at flows", Cause::Busy);
    let answer = world.set("192.168.1.10", "premium");
    assert!(
        answer
            .remark
            .contains("not all live flows are marked yet: the test says no"),
        "{}",
        answer.remark
    );
    assert_eq!(world.kernel.marks(WORK), [0]);
    world.pass(u64::try_from(REMARK_EVERY.as_millis()).unwrap());
    assert_eq!(world.kernel.marks(WORK), [10]);
}

#[test]
fn flows_that_cannot_be_marked_are_not_told_as_marked() {
    for (cause, noted) in [(Cause::Gone, 0), (Cause::Denied, 2)] {
        let mut world = World::settled(&house::config());
        world.kernel.open(opened_by(address(WORK), 1, 0));
        world.kernel.open(opened_by(address(WORK), 2, 0));
        world.unmarkable = Some(cause);
        let answer = world.set("192.168.1.10", "premium");
        assert_eq!(answer.flows_marked, 0);
        assert_eq!(
            world.engine.journal().count(Event::FlowUnmarked),
            noted,
            "{cause:?}"
        );
    }
}

#[test]
fn a_device_is_meant_by_its_mac_its_address_or_its_name_in_any_case() {
    let mut world = World::settled(&house::config_with(&[(WORK, "Büro-PC", None)]));
    world.kernel.leases = vec![sees("Galaxy-S9", PHONE)];
    world.devices();
    for (text, device) in [
        ("02:00:00:00:00:0a", WORK),
        ("02-00-00-00-00-0A", WORK),
        ("192.168.1.10", WORK),
        ("BüRO-pc", WORK),
        ("galaxy-s9", PHONE),
        ("GALAXY-S9", PHONE),
    ] {
        let answer = world.set(text, "express");
        assert_eq!(answer.mac.as_str(), mac(device).to_string(), "{text}");
    }
}

#[test]
fn an_ipv6_address_means_its_device_however_it_is_written() {
    let mut world = World::settled(&house::config());
    world.tell(Input::Neighbour(at(
        "2001:db8::a".parse().unwrap(),
        mac(WORK),
    )));
    let answer = world.set("2001:DB8:0:0::000a", "premium");
    assert_eq!(answer.mac.as_str(), "02:00:00:00:00:0a");
}

#[test]
fn a_configured_name_goes_before_what_devices_call_themselves() {
    let mut world = World::settled(&house::config_with(&[(TV, "tv", None)]));
    // Anybody may call itself so.
    world.kernel.leases = vec![sees("TV", PHONE), sees("television", TV)];
    world.devices();
    assert_eq!(world.set("tv", "premium").mac.as_str(), "02:00:00:00:00:0b");
    assert_eq!(
        world.set("television", "bulk").mac.as_str(),
        "02:00:00:00:00:0b"
    );
    assert!(!world.kernel.elements().contains_key(&mac(PHONE)));
}

#[test]
fn a_name_of_two_devices_is_refused_with_both_addresses() {
    let mut world = World::settled(&house::config());
    world.kernel.leases = vec![sees("phone", PHONE), sees("Phone", TV)];
    world.devices();
    let failure = failure(world.answer(Verb::Set, Some("phone"), Some("bulk")));
    assert_eq!(failure.fault, Fault::Input);
    for device in [PHONE, TV] {
        assert!(
            failure.message.contains(&mac(device).to_string()),
            "{failure}"
        );
    }
    assert!(world.kernel.elements().is_empty());
}

#[test]
fn whoever_is_nobody_is_refused_and_nothing_changes() {
    let mut world = World::settled(&house::config());
    for (device, told) in [
        ("02:00:00:00:00:63", "found 02:00:00:00:00:63"),
        ("192.168.1.99", "found 192.168.1.99"),
        ("printer", "found printer"),
        ("", "expected the MAC address"),
        ("ff:ff:ff:ff:ff:ff", "found ff:ff:ff:ff:ff:ff"),
        ("01:00:5e:00:00:01", "found 01:00:5e:00:00:01"),
    ] {
        let failure = failure(world.answer(Verb::Set, Some(device), Some("bulk")));
        assert_eq!(failure.fault, Fault::Input);
        assert!(failure.message.contains(told), "{failure}");
    }
    let failure = failure(world.answer(Verb::Set, None, Some("bulk")));
    assert_eq!(failure.fault, Fault::Input);
    assert!(world.changes().is_empty() && world.writes.is_empty());
    assert!(world.engine.config().devices.is_empty());
}

#[test]
fn a_class_that_is_none_is_refused_with_the_five() {
    let mut world = World::settled(&house::config());
    for class in [Some("first"), Some(""), None] {
        let failure = failure(world.answer(Verb::Set, Some("192.168.1.10"), class));
        assert_eq!(failure.fault, Fault::Input);
        assert!(
            failure
                .message
                .contains("exempt, premium, express, standard or bulk"),
            "{failure}"
        );
    }
    assert!(world.changes().is_empty());
    assert_eq!(
        world.set("192.168.1.10", "PreMium").mac.as_str(),
        "02:00:00:00:00:0a",
        "in any case"
    );
}

#[test]
fn a_device_of_the_configuration_can_be_set_before_it_is_seen() {
    let mut world = World::settled(&house::config_with(&[(99, "laptop", None)]));
    world.set("laptop", "premium");
    assert_eq!(world.kernel.elements()[&mac(99)], Class::Premium);
}

#[test]
fn a_new_address_of_a_classed_device_has_its_flows_marked_soon() {
    let mut world = World::settled(&house::config_with(&[(WORK, "", Some(Class::Premium))]));
    let new = address(77);
    world.kernel.flows.push(opened_to(new, 1, 0x80));
    world.kernel.neighbours.push(at(new, mac(WORK)));
    world.tell(Input::Neighbour(at(new, mac(WORK))));
    world.drive();
    assert_eq!(
        world.kernel.marks(77),
        [0x80],
        "not at once: a LAN host can change its address at will"
    );
    world.pass(u64::try_from(REMARK_EVERY.as_millis()).unwrap());
    assert_eq!(world.kernel.marks(77), [0x8a]);
}

#[test]
fn a_host_that_changes_its_address_all_the_time_causes_no_more_walks_than_one_in_five_seconds() {
    let mut world = World::settled(&house::config_with(&[(WORK, "", Some(Class::Premium))]));
    for second in 0..30_u8 {
        for host in 0..20 {
            let address = [10, 0, second, host].into();
            world.tell(Input::Neighbour(at(address, mac(WORK))));
            world.drive();
        }
        world.pass(1_000);
    }
    let most = 30 / usize::try_from(REMARK_EVERY.as_secs()).unwrap() + 1;
    assert!(
        world.count("look at flows") <= most,
        "{}",
        world.count("look at flows")
    );
}

#[test]
fn a_host_that_keeps_taking_addresses_does_not_put_off_the_walk_for_ever() {
    let mut world = World::settled(&house::config_with(&[(WORK, "", Some(Class::Premium))]));
    let new = address(77);
    world.kernel.flows.push(opened_to(new, 1, 0));
    world.tell(Input::Neighbour(at(new, mac(WORK))));
    for second in 0..8 {
        world.pass(1_000);
        let next = [10, 0, 0, second].into();
        world.tell(Input::Neighbour(at(next, mac(TV))));
    }
    assert_eq!(world.kernel.marks(77), [10]);
}

#[test]
fn when_devices_swap_addresses_the_class_follows_the_mac() {
    let mut world = World::settled(&house::config_with(&[(WORK, "", Some(Class::Premium))]));
    world.kernel.open(opened_by(address(WORK), 1, 0x80));
    world.kernel.open(opened_by(address(TV), 2, 0));
    world.kernel.neighbours = vec![at(address(TV), mac(WORK)), at(address(WORK), mac(TV))];
    for known in world.kernel.neighbours.clone() {
        world.tell(Input::Neighbour(known));
    }
    world.pass(u64::try_from(REMARK_EVERY.as_millis()).unwrap());
    assert_eq!(world.kernel.marks(TV), [10], "the workstation is there now");
    assert_eq!(
        world.kernel.marks(WORK),
        [0x80],
        "and here is the television, which has no class"
    );
    assert_eq!(
        world.set("192.168.1.11", "bulk").mac.as_str(),
        "02:00:00:00:00:0a"
    );
}

#[test]
fn a_host_outside_of_the_lan_is_no_device() {
    let mut world = World::settled(&house::config());
    let before = world.engine.devices().len();
    let mut outside = neighbour(99);
    outside.dev = house::WAN;
    world.tell(Input::Neighbour(outside));
    let mut asking = neighbour(98);
    asking.mac = None;
    world.tell(Input::Neighbour(asking));
    world.drive();
    assert_eq!(world.engine.devices().len(), before);
}

#[test]
fn while_lanemark_is_off_a_set_is_kept_and_marks_nothing() {
    let mut world = World::new(&house::off(&house::config()));
    world.drive();
    world.kernel.flows.push(opened_by(address(WORK), 1, 0));
    world.devices();
    let answer = world.set("192.168.1.10", "premium");
    assert!(
        answer.saved && answer.remark.contains("lanemark is off"),
        "{}",
        answer.remark
    );
    // A count walks through the flows too.
    world.devices();
    world.pass(60_000);
    assert_eq!(world.kernel.marks(WORK), [0]);
    assert!(world.changes().is_empty());
}

#[test]
fn a_set_asks_for_two_walks_when_it_marked_and_for_one_when_there_was_nothing_to_mark() {
    let mut world = World::settled(&house::config());
    world.set("192.168.1.10", "premium");
    assert_eq!(world.count("look at flows"), 1);
    world.ops.clear();
    world.kernel.open(opened_by(address(TV), 1, 0));
    world.set("192.168.1.11", "bulk");
    assert_eq!(world.count("look at flows"), 2);
}
