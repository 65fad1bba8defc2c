//! A change of rates and shares happens in place: no queue is taken down, and nothing that waits is lost.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::thread::scope;

use lanemark::lab::house::{self, LAN, Resident, WAN};

use crate::bed::{Bed, SERVERS, Wish, text};
use crate::program::tool;
use crate::promise::{SOON, Tried, patient, promises};
use crate::see::{self, Sent};
use crate::talk;
use crate::watch::Watch;

promises! {
    other_rates_and_shares_change_the_classes_in_place,
    what_waits_in_a_queue_survives_a_change_of_rates,
    a_device_that_comes_and_goes_touches_no_queue_and_no_rule,
    hup_reads_the_file_again,
}

/// Puts a configuration in force.
pub fn apply(bed: &Bed, wish: &Wish<'_>) {
    let file = bed.scratch_file("next.json");
    fs::write(&file, wish.text()).expect("a configuration");
    bed.ask(&["config", "apply", text(&file)]);
}

/// Rate and ceiling of a class, as `tc` says: `rate 15Mbit ceil 20Mbit`.
fn rates(bed: &Bed, dev: &str, class: &str) -> String {
    let listed = tool(bed.router(), &format!("tc class show dev {dev}"));
    let line = listed
        .lines()
        .find(|line| line.starts_with(&format!("class htb {class} ")))
        .unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let value = |key| {
        words
            .iter()
            .skip_while(|word| **word != key)
            .nth(1)
            .copied()
            .unwrap_or("-")
    };
    format!("{} {}", value("rate"), value("ceil"))
}

fn other_rates_and_shares_change_the_classes_in_place() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = bed.crowds("workstation", 20);
    let flows = see::flows(bed.router());
    let router = bed.router();
    let look = || [WAN, LAN].map(|dev| (see::classes(router, dev), see::qdiscs(router, dev)));
    assert_eq!(rates(&bed, WAN, "4c4d:10"), "15Mbit 20Mbit");
    let (rules, before, watches) = (
        see::rules(bed.router()),
        look(),
        [Watch::queues(&bed), Watch::rules(&bed)],
    );
    scope(|scope| {
        let traffic = scope
            .spawn(|| (0..20).for_each(|_| talk::download(bed.workstation(), SERVERS[0], 100_000)));
        for (up_kbit, down_kbit, shares) in [
            (10_000, 30_000, [40, 30, 20, 10]),
            (40_000, 90_000, [10, 20, 30, 40]),
            (30_000, 80_000, [50, 30, 10, 10]),
        ] {
            apply(
                &bed,
                &Wish {
                    up_kbit,
                    down_kbit,
                    shares,
                    ..Wish::workstation("premium")
                },
            );
        }
        traffic.join().expect("the traffic");
    });
    assert_eq!(rates(&bed, WAN, "4c4d:1"), "30Mbit 30Mbit");
    assert_eq!(rates(&bed, WAN, "4c4d:10"), "15Mbit 30Mbit");
    assert_eq!(rates(&bed, LAN, "4c4d:20"), "24Mbit 80Mbit");
    let [queues, told] = watches;
    let queues = queues.end_queues(&bed);
    let wrong: Vec<_> = queues
        .iter()
        .filter(|line| line.contains("deleted"))
        .collect();
    assert!(wrong.is_empty(), "nothing is taken down: {wrong:#?}");
    assert!(
        queues.iter().any(|line| line.contains("class htb 4c4d:10")),
        "the watch saw the changes: {queues:#?}"
    );
    assert_eq!(
        told.end_rules(&bed),
        [""; 0],
        "rules have nothing to do with rates"
    );
    see::assert_lines(
        &see::rules(bed.router()),
        &rules,
        "rules after a change of rates",
    );
    for ((classes, qdiscs), (classes_after, qdiscs_after)) in before.iter().zip(&look()) {
        assert_go_on(classes, classes_after);
        assert_go_on(qdiscs, qdiscs_after);
    }
    see::assert_flows_are(bed.router(), &flows);
    Ok(())
}

/// That the same handles are there, and their counters did not go back.
fn assert_go_on(before: &BTreeMap<String, Sent>, after: &BTreeMap<String, Sent>) {
    let same = before.keys().eq(after.keys());
    let grown = |(handle, sent): (&String, &Sent)| {
        after.get(handle).is_some_and(|new| new.bytes >= sent.bytes)
    };
    assert!(
        same && before.iter().all(grown),
        "counters go on: {before:?} {after:?}"
    );
}

fn what_waits_in_a_queue_survives_a_change_of_rates() -> Tried {
    /// As many as the shallowest queue takes, less one.
    const DATAGRAMS: usize = 7;
    let bed = Bed::new()?;
    // A full packet takes 130 ms at this rate: the queue stays filled while the configuration is changed.
    let slow = Wish {
        up_kbit: 64,
        shares: [1, 1, 1, 97],
        ..Wish::workstation("bulk")
    };
    let _lanemark = bed.start_settled(&slow);
    let server = bed
        .server()
        .run(|| UdpSocket::bind((house::SERVER_V4, 6000)))
        .expect("the server")
        .expect("a port");
    server
        .set_read_timeout(Some(patient(SOON)))
        .expect("a time limit");
    let sender = bed
        .workstation()
        .run(|| UdpSocket::bind("0.0.0.0:0"))
        .expect("the workstation")
        .expect("a socket");
    for number in 0..DATAGRAMS {
        let payload = [u8::try_from(number).expect("few"); 1000];
        sender
            .send_to(&payload, (house::SERVER_V4, 6000))
            .expect("a datagram");
    }
    let waited = see::backlog_packets(bed.router(), WAN, "4c4d:40");
    assert!(waited > 2, "expected a queue, found {waited} packets");
    let drops = || {
        see::qdiscs(bed.router(), WAN)
            .values()
            .map(|sent| sent.dropped)
            .sum::<u64>()
    };
    let dropped = drops();
    // Shorter queues, then longer ones.
    for up_kbit in [65, 20_000] {
        apply(
            &bed,
            &Wish {
                up_kbit,
                ..slow.clone()
            },
        );
    }
    let mut arrived: Vec<u8> = Vec::new();
    for _ in 0..DATAGRAMS {
        let mut payload = [0xff; 1000];
        server.recv(&mut payload).expect("each datagram arrives");
        arrived.push(payload[0]);
    }
    assert_eq!(
        arrived,
        [0, 1, 2, 3, 4, 5, 6],
        "in the order in which they were sent"
    );
    assert_eq!(drops(), dropped);
    Ok(())
}

fn a_device_that_comes_and_goes_touches_no_queue_and_no_rule() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = bed.crowds("tv", 5);
    let (queues, told) = (Watch::queues(&bed), Watch::rules(&bed));
    bed.ask(&["set", "02:00:00:00:00:0b", "bulk"]);
    bed.ask(&["set", "02:00:00:00:00:0b", "express"]);
    bed.ask(&["unset", "02:00:00:00:00:0b"]);
    assert_eq!(queues.end_queues(&bed), [""; 0]);
    let told = told.end_rules(&bed);
    assert_eq!(told.len(), 4, "in, out and in again, out: {told:#?}");
    assert!(
        told.iter()
            .all(|line| line.contains(" element inet lanemark device_class")),
        "{told:#?}"
    );
    Ok(())
}

fn hup_reads_the_file_again() -> Tried {
    let bed = Bed::new()?;
    let lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = bed.crowds("tv", 5);
    let changed = Wish {
        up_kbit: 12_000,
        ..Wish::workstation("premium").and(&Resident::tv(), "bulk")
    };
    bed.write_config(&changed);
    lanemark.signal(nix::sys::signal::Signal::SIGHUP);
    crate::promise::until("the new rate and mark", crate::promise::SOON, || {
        let marked = see::marks(bed.router(), &Resident::tv()) == [40];
        (marked && rates(&bed, WAN, "4c4d:1") == "12Mbit 12Mbit").then_some(())
    });
    // Nonsense is told, and what is in force stays.
    let kernel = see::kernel(bed.router());
    fs::write(bed.config_file(), "{ \"version\": 1, \"wan\": 7 }").expect("a configuration");
    lanemark.signal(nix::sys::signal::Signal::SIGHUP);
    crate::promise::until("a word about it", crate::promise::SOON, || {
        lanemark
            .said()
            .contains("the configuration in force stays")
            .then_some(())
    });
    see::kernel(bed.router()).assert_is(&kernel, "after a reload of nonsense");
    Ok(())
}
