//! What a LAN host can cause, and how much of it.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use lanemark::lab::house::{LAN, Resident, WAN};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::bed::{Bed, Wish, text};
use crate::program::{Along, run, tool};
use crate::promise::{SOON, Tried, patience, promises, throughout, until};
use crate::see;

promises! {
    a_flood_of_neighbours_while_stopped_is_made_good_afterwards,
    five_thousand_false_hardware_addresses_push_no_configured_device_out,
    flows_that_come_and_go_all_the_time_do_not_keep_set_from_returning,
}

/// Kilobytes that a flood may add: the tables of devices and addresses are made at the start.
const GROWTH_KB_MAX: u64 = 512;

/// Has the kernel learn neighbours: address and hardware address for each number.
pub fn flood(bed: &Bed, count: u32, neighbour: impl Fn(u32) -> (String, String)) {
    let mut batch = String::new();
    for number in 0..count {
        let (address, mac) = neighbour(number);
        writeln!(
            batch,
            "neigh replace {address} lladdr {mac} dev {LAN} nud stale"
        )
        .expect("a string takes all");
    }
    let file = bed.scratch_file("neighbours");
    fs::write(&file, batch).expect("a batch");
    let said = run(bed.router(), &["ip", "-force", "-batch", text(&file)]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

/// What the kernel has dropped of the events for a process: the ninth column of `/proc/net/netlink`, of its socket in groups of rtnetlink.
pub fn dropped_events(bed: &Bed, lanemark: &Along) -> u64 {
    see::netlink_sockets(bed.router(), lanemark.pid())
        .iter()
        .filter(|line| line.get(1).is_some_and(|family| family == "0"))
        .filter_map(|line| line.get(8)?.parse::<u64>().ok())
        .sum()
}

pub fn devices(bed: &Bed) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&bed.ask(&["devices", "--json"])).expect("JSON");
    listed["devices"].as_array().expect("a list").clone()
}

/// Who has an address, as lanemark says.
fn owner(devices: &[Value], address: &str) -> Vec<String> {
    let has = |device: &&Value| {
        device["addresses"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == address))
    };
    devices
        .iter()
        .filter(has)
        .filter_map(|device| device["mac"].as_str())
        .map(str::to_owned)
        .collect()
}

fn a_flood_of_neighbours_while_stopped_is_made_good_afterwards() -> Tried {
    const EVENTS: u32 = 100_000;
    const ADDRESSES: u32 = 100;
    // A slow machine cannot make as many in time. That they are too many for the kernel to keep is seen below.
    let events = EVENTS / patience();
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = [bed.crowds("workstation", 10), bed.crowds("tv", 10)];
    let (kernel, held) = (
        see::kernel(bed.router()),
        see::status_number(lanemark.pid(), "VmRSS"),
    );
    lanemark.signal(Signal::SIGSTOP);
    let mac = |number: u32| format!("06:00:00:00:00:{:02x}", number % 251);
    flood(&bed, events, |number| {
        (
            format!("192.168.77.{}", 120 + number % ADDRESSES),
            mac(number),
        )
    });
    assert!(
        dropped_events(&bed, &lanemark) > 0,
        "the flood was larger than what the kernel keeps"
    );
    // The event of this is lost, too.
    tool(bed.router(), "tc qdisc del dev wan0 root");
    throughout(
        "a stopped daemon does nothing",
        Duration::from_secs(10),
        || see::root_qdisc(bed.router(), WAN) != see::OUR_ROOT,
    );
    lanemark.signal(Signal::SIGCONT);
    until("everything as it was", SOON, || {
        (see::kernel(bed.router()) == kernel).then_some(())
    });
    bed.await_state(&mut lanemark, "on");
    let known = devices(&bed);
    for last in 0..ADDRESSES {
        let address = format!("192.168.77.{}", 120 + last);
        let truth = tool(bed.router(), &format!("ip neigh show {address}"));
        let owners = owner(&known, &address);
        assert!(
            owners.len() == 1 && truth.contains(&owners[0]),
            "{address}: the kernel says {truth}, lanemark {owners:?}"
        );
    }
    assert_eq!(owner(&known, "192.168.77.10"), ["02:00:00:00:00:0a"]);
    let now = see::status_number(lanemark.pid(), "VmRSS");
    assert!(
        now <= held + GROWTH_KB_MAX,
        "{held} kB before, {now} kB after"
    );
    bed.ask(&["set", "192.168.77.10", "bulk"]);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [40]);
    Ok(())
}

fn five_thousand_false_hardware_addresses_push_no_configured_device_out() -> Tried {
    const FALSE: u32 = 5_000;
    let bed = Bed::new()?;
    let mut lanemark =
        bed.start_settled(&Wish::workstation("premium").and(&Resident::guest(7), "express"));
    let _open = [bed.crowds("workstation", 10), bed.crowds("tv", 10)];
    let held = see::status_number(lanemark.pid(), "VmRSS");
    let mac = |number: u32| format!("06:00:00:01:{:02x}:{:02x}", number / 256, number % 256);
    flood(&bed, FALSE, |number| {
        (format!("192.168.77.{}", 120 + number % 100), mac(number))
    });
    bed.await_state(&mut lanemark, "on");
    let known = devices(&bed);
    // As many as the program says it holds (limits.rs), and no more.
    assert!(known.len() <= 768, "{} devices", known.len());
    for mac in [
        "02:00:00:00:00:0a".to_owned(),
        Resident::guest(7).mac_text(),
    ] {
        assert!(
            known.iter().any(|device| device["mac"] == mac.as_str()),
            "{mac} is kept"
        );
    }
    let elements = tool(bed.router(), "nft list map inet lanemark device_class");
    assert_eq!(elements.matches(" : goto ").count(), 2, "{elements}");
    let now = see::status_number(lanemark.pid(), "VmRSS");
    assert!(
        now <= held + GROWTH_KB_MAX,
        "{held} kB before, {now} kB after"
    );
    bed.ask(&["set", "192.168.77.10", "bulk"]);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [40]);
    // The log is not what a LAN host can fill.
    assert!(lanemark.said().lines().count() < 20, "{}", lanemark.said());
    Ok(())
}

fn flows_that_come_and_go_all_the_time_do_not_keep_set_from_returning() -> Tried {
    let bed = Bed::with_guests(1)?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let _open = bed.crowds("workstation", 100);
    std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            (0..10).for_each(|_| drop(bed.datagrams("guest0", 1000)));
        });
        for (class, mark) in [("bulk", 40), ("premium", 10), ("express", 20)]
            .into_iter()
            .cycle()
            .take(9)
        {
            bed.ask(&["set", "192.168.77.10", class]);
            let marks = until("flows", SOON, || {
                Some(see::marks(bed.router(), &Resident::workstation()))
            });
            assert_eq!(marks, [mark]);
        }
        storm.join().expect("the storm");
    });
    Ok(())
}
