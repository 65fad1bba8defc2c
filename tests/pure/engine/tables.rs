//! Tables of bounded size, whatever a LAN host does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lanemark::engine::limits::{ADDRESSES_MAX, DEVICE_ADDRESSES_MAX, DEVICES_MAX, JOURNAL_MAX};
use lanemark::engine::{Devices, Event, Input, Journal, Lease, Located, Seen, Told};
use lanemark::value::{Class, Instant, Mac};

use super::house::{self, TV, WORK, address, at, mac};
use super::wished::assert_as_wished;
use super::world::World;

fn numbered(number: usize) -> Mac {
    let [a, b, c, d] = u32::try_from(number).unwrap().to_be_bytes();
    Mac([6, 0, a, b, c, d])
}

fn numbered_v4(number: usize) -> IpAddr {
    let number = u32::try_from(number).unwrap();
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

fn numbered_v6(number: usize) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | number as u128))
}

fn flood(world: &mut World, count: usize) {
    for number in 0..count {
        world.tell(Input::Neighbour(at(numbered_v4(number), numbered(number))));
        if number % 50 == 0 {
            world.pass(10);
        }
    }
    world.drive();
}

#[test]
fn five_thousand_false_macs_never_push_out_a_configured_device() {
    let config = house::config_with(&[
        (WORK, "work", Some(Class::Premium)),
        (TV, "named only", None),
    ]);
    let mut world = World::settled(&config);
    flood(&mut world, 5_000);
    let devices = world.engine.devices();
    assert_eq!(devices.len(), DEVICES_MAX);
    for device in [WORK, TV] {
        assert!(devices.find(mac(device)).is_some());
    }
    let evicted = world.engine.journal().count(Event::DeviceEvicted);
    assert_eq!(usize::try_from(evicted).unwrap(), 5_000 + 3 - DEVICES_MAX);
    assert!(world.changes().is_empty());
    assert_as_wished(&world);
    world.set("work", "bulk");
    assert_as_wished(&world);
}

#[test]
fn beyond_devices_max_the_one_that_was_silent_longest_makes_room() {
    let mut devices = Devices::default();
    for number in 0..DEVICES_MAX {
        let Seen::Added(id) = devices.see(numbered(number)) else {
            panic!("there is room")
        };
        let seen = Instant::from_ms(1_000 + number as u64);
        devices.get_mut(id).unwrap().seen = Some(seen);
        assert_eq!(
            devices.locate(id, numbered_v4(number), Told::ByKernel(seen)),
            Located::Moved
        );
    }
    let Seen::Known(spoke) = devices.see(numbered(0)) else {
        panic!("it is there")
    };
    devices.get_mut(spoke).unwrap().seen = Some(Instant::from_ms(9_000));
    let Seen::Evicted(_) = devices.see(numbered(DEVICES_MAX)) else {
        panic!("there was no room")
    };
    assert!(devices.find(numbered(1)).is_none() && devices.find(numbered(0)).is_some());
    assert_eq!(
        devices.by_address(numbered_v4(1)),
        None,
        "its address is nobody's"
    );
    assert_eq!(
        devices.addresses(numbered(DEVICES_MAX)).count(),
        0,
        "and not the new one's"
    );
    assert_eq!(devices.len(), DEVICES_MAX);
}

#[test]
fn one_that_was_never_heard_makes_room_before_one_that_was() {
    let mut devices = Devices::default();
    for number in 0..DEVICES_MAX {
        let Seen::Added(id) = devices.see(numbered(number)) else {
            panic!("there is room")
        };
        devices.get_mut(id).unwrap().seen = (number != 500).then_some(Instant::from_ms(1));
    }
    devices.see(numbered(DEVICES_MAX));
    assert!(
        devices.find(numbered(500)).is_none(),
        "known from a lease only"
    );
}

#[test]
fn when_no_device_may_make_room_a_new_one_is_counted_and_not_kept() {
    let mut devices = Devices::default();
    for number in 0..DEVICES_MAX {
        let Seen::Added(id) = devices.see(numbered(number)) else {
            panic!("there is room")
        };
        let device = devices.get_mut(id).unwrap();
        // Configured, or still in the kernel's map.
        device.configured = number % 2 == 0;
        device.kernel_class = (number % 2 == 1).then_some(Class::Bulk);
    }
    assert_eq!(devices.see(numbered(DEVICES_MAX)), Seen::Full);
    assert!(matches!(devices.see(numbered(5)), Seen::Known(_)));
}

#[test]
fn a_device_that_lost_its_class_stays_until_the_kernel_knows() {
    let mut world = World::settled(&house::config_with(&[(WORK, "", Some(Class::Premium))]));
    // Both come in the same moment, before anything can be carried out.
    world.ask(
        0,
        lanemark::control::Verb::Unset,
        Some("192.168.1.10"),
        None,
    );
    for number in 0..2_000 {
        world.tell(Input::Neighbour(at(numbered_v4(number), numbered(number))));
    }
    world.drive();
    world.only_answer();
    assert!(world.kernel.elements().is_empty());
    assert_as_wished(&world);
}

/// Devices with as many addresses as one may have, until the table is full; the later, the younger.
fn devices_with_all_addresses() -> Devices {
    let mut devices = Devices::default();
    for number in 0..ADDRESSES_MAX {
        let (Seen::Added(id) | Seen::Known(id)) =
            devices.see(numbered(number / DEVICE_ADDRESSES_MAX))
        else {
            panic!("there is room")
        };
        let told = Told::ByKernel(Instant::from_ms(1_000 + number as u64));
        assert_eq!(
            devices.locate(id, numbered_v6(number), told),
            Located::Moved
        );
    }
    devices
}

#[test]
fn beyond_addresses_max_the_address_that_was_silent_longest_makes_room() {
    let mut devices = devices_with_all_addresses();
    let first = devices.find(numbered(0)).unwrap();
    let told = |ms| Told::ByKernel(Instant::from_ms(ms));
    assert_eq!(
        devices.locate(first, numbered_v6(0), told(9_000)),
        Located::Known
    );
    let Seen::Added(newcomer) = devices.see(numbered(700)) else {
        panic!("there is room")
    };
    assert_eq!(
        devices.locate(newcomer, numbered_v6(ADDRESSES_MAX), told(9_001)),
        Located::Evicted
    );
    assert_eq!(devices.by_address(numbered_v6(1)), None);
    assert_eq!(devices.by_address(numbered_v6(0)), Some(first));
    let all = devices
        .iter()
        .map(|device| devices.addresses(device.mac).count());
    assert_eq!(all.sum::<usize>(), ADDRESSES_MAX);
}

#[test]
fn beyond_device_addresses_max_a_device_loses_its_own_oldest_and_nobody_elses() {
    let mut devices = Devices::default();
    let (Seen::Added(quiet), Seen::Added(loud)) = (devices.see(mac(WORK)), devices.see(mac(TV)))
    else {
        panic!("there is room");
    };
    let told = |ms| Told::ByKernel(Instant::from_ms(ms));
    devices.locate(quiet, address(WORK), told(1));
    for number in 0..DEVICE_ADDRESSES_MAX {
        let seen = told(100 + number as u64);
        assert_eq!(
            devices.locate(loud, numbered_v6(number), seen),
            Located::Moved
        );
    }
    for number in DEVICE_ADDRESSES_MAX..3 * DEVICE_ADDRESSES_MAX {
        let seen = told(100 + number as u64);
        assert_eq!(
            devices.locate(loud, numbered_v6(number), seen),
            Located::Evicted
        );
    }
    assert_eq!(devices.by_address(address(WORK)), Some(quiet));
    assert_eq!(devices.addresses(mac(TV)).count(), DEVICE_ADDRESSES_MAX);
    assert_eq!(devices.by_address(numbered_v6(0)), None, "its oldest went");
}

#[test]
fn a_lease_never_takes_an_address_from_whom_the_kernel_saw_with_it() {
    let mut devices = Devices::default();
    let (Seen::Added(work), Seen::Added(telly)) = (devices.see(mac(WORK)), devices.see(mac(TV)))
    else {
        panic!("there is room");
    };
    let (seen, where_) = (Told::ByKernel(Instant::from_ms(7)), address(WORK));
    assert_eq!(devices.locate(telly, where_, Told::ByLease), Located::Moved);
    assert_eq!(devices.locate(work, where_, Told::ByLease), Located::Moved);
    assert_eq!(devices.locate(work, where_, seen), Located::Known);
    assert_eq!(devices.locate(telly, where_, Told::ByLease), Located::Known);
    assert_eq!(devices.by_address(where_), Some(work));
}

#[test]
fn addresses_that_are_evicted_are_counted() {
    let mut world = World::settled(&house::config());
    for number in 0..DEVICE_ADDRESSES_MAX + 10 {
        world.tell(Input::Neighbour(at(numbered_v6(number), mac(TV))));
    }
    let before = world.engine.devices().addresses(mac(TV)).count();
    assert_eq!(before, DEVICE_ADDRESSES_MAX);
    // Some it had before.
    assert!(world.engine.journal().count(Event::AddressEvicted) >= 10);
}

#[test]
fn an_address_that_another_device_takes_is_that_ones() {
    let mut devices = Devices::default();
    let (Seen::Added(work), Seen::Added(telly)) = (devices.see(mac(WORK)), devices.see(mac(TV)))
    else {
        panic!("there is room");
    };
    let now = Told::ByKernel(Instant::from_ms(5));
    assert_eq!(devices.locate(work, address(WORK), now), Located::Moved);
    assert_eq!(devices.locate(telly, address(WORK), now), Located::Moved);
    assert_eq!(devices.locate(telly, address(WORK), now), Located::Known);
    assert_eq!(devices.addresses(mac(WORK)).count(), 0);
    assert_eq!(devices.by_address(address(WORK)), Some(telly));
}

#[test]
fn a_device_with_twenty_addresses_has_all_its_flows_marked() {
    let mut world = World::settled(&house::config());
    for number in 0..20 {
        world.tell(Input::Neighbour(at(numbered_v6(number), mac(WORK))));
        world.kernel.flows.push(house::opened_by(
            numbered_v6(number),
            u16::try_from(number).unwrap(),
            0x80,
        ));
    }
    assert_eq!(world.set("192.168.1.10", "premium").flows_marked, 20);
    assert!(world.kernel.flows.iter().all(|flow| flow.mark == 0x8a));
    assert_eq!(world.device(WORK).addresses.len(), 8, "as many as are told");
}

#[test]
fn what_a_device_calls_itself_is_shown_without_tricks() {
    for (said, shown) in [
        ("laptop", "laptop"),
        ("lap\u{1b}[31mtop\n", "lap?[31mtop?"),
        ("\u{202e}gnp.exe", "?gnp.exe"),
        ("a\u{200e}b\u{2066}c\u{61c}d", "a?b?c?d"),
        ("Zoë's 📱", "Zoë's 📱"),
        ("\0\u{7f}\u{9b}", "???"),
    ] {
        let mut world = World::settled(&house::config());
        world.kernel.leases = vec![(mac(WORK), address(WORK), said.to_owned())];
        assert_eq!(world.device(WORK).name.as_str(), shown, "{said:?}");
    }
}

#[test]
fn a_name_that_is_too_long_is_cut_at_a_letter() {
    let mut world = World::settled(&house::config());
    world.kernel.leases = vec![(mac(WORK), address(WORK), "é".repeat(40))];
    assert_eq!(world.device(WORK).name.as_str(), "é".repeat(31));
}

#[test]
fn a_lease_tells_of_a_device_and_not_that_it_is_there() {
    let mut world = World::settled(&house::config());
    world.kernel.leases = vec![
        (mac(99), address(99), "printer".to_owned()),
        (mac(TV), address(TV), String::new()),
    ];
    let printer = world.device(99);
    assert_eq!((printer.name.as_str(), printer.seen_s), ("printer", None));
    assert!(world.device(TV).seen_s.is_some());
    // A lease without a name takes none away.
    world.kernel.leases = vec![(mac(99), address(99), String::new())];
    assert_eq!(world.device(99).name.as_str(), "printer");
}

#[test]
fn a_device_was_seen_when_the_kernel_last_had_word_of_it() {
    let mut world = World::settled(&house::config());
    world.pass(100_000);
    let mut known = at(address(50), mac(50));
    known.confirmed_ago_ms = Some(30_000);
    world.tell(Input::Neighbour(known));
    assert_eq!(
        world.device(50).seen_s,
        Some(31),
        "30 s, and one that the count takes"
    );
    // Older word does not make it older.
    known.confirmed_ago_ms = Some(90_000);
    world.tell(Input::Neighbour(known));
    assert_eq!(world.device(50).seen_s, Some(32));
    world.tell(Input::Lease(Lease {
        mac: mac(50),
        address: address(50),
        name: "x",
    }));
    assert_eq!(world.device(50).seen_s, Some(33));
}

#[test]
fn beyond_journal_max_the_oldest_event_goes_and_its_counter_stays() {
    let mut journal = Journal::default();
    for number in 0..2 * JOURNAL_MAX {
        let event = if number % 2 == 0 {
            Event::Changed
        } else {
            Event::Resynced
        };
        journal.note(Instant::from_ms(number as u64), event);
    }
    assert_eq!(journal.entries().count(), JOURNAL_MAX);
    assert_eq!(
        journal.entries().next().unwrap().at,
        Instant::from_ms(JOURNAL_MAX as u64)
    );
    assert_eq!(
        (
            journal.count(Event::Changed),
            journal.count(Event::Resynced)
        ),
        (64, 64)
    );
}

#[test]
fn the_same_event_in_a_row_is_one_entry_that_counts() {
    let mut journal = Journal::default();
    for number in 0..1_000 {
        journal.note(Instant::from_ms(number), Event::DeviceEvicted);
    }
    let entries: Vec<_> = journal.entries().collect();
    let [entry] = entries[..] else {
        panic!("{entries:?}")
    };
    assert_eq!(
        (entry.times, entry.at, journal.count(Event::DeviceEvicted)),
        (1_000, Instant::from_ms(999), 1_000)
    );
}

#[test]
fn every_event_has_its_own_counter_and_name() {
    let mut journal = Journal::default();
    for (number, event) in Event::ALL.into_iter().enumerate() {
        for _ in 0..=number {
            journal.note(Instant::from_ms(0), event);
        }
    }
    for (number, event) in Event::ALL.into_iter().enumerate() {
        assert_eq!(
            usize::try_from(journal.count(event)).unwrap(),
            number + 1,
            "{event:?}"
        );
    }
    let mut names: Vec<&str> = Event::ALL.map(Event::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Event::ALL.len());
}
