//! A class that changes reaches the flows that are open, and nothing else.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};

use lanemark::lab::crowd::{Crowd, Speech};
use lanemark::lab::house::{self, Resident};

use crate::bed::{Bed, OURS, SERVERS, Wish};
use crate::program::{run, tool};
use crate::promise::{Tried, promises};
use crate::see::{self, Flow};
use crate::watch::Watch;

promises! {
    set_marks_exactly_the_flows_of_its_device_and_loses_none,
    flows_that_are_older_than_lanemark_get_the_class_of_their_device,
    a_flow_from_outside_gets_the_class_at_the_devices_first_answer,
    a_device_that_moves_to_another_address_takes_its_class_with_it,
}

/// Flows of the workstation for each of TCP and UDP over IPv4 and IPv6: a thousand in all.
const EACH: usize = 250;
/// Flows of each of the other three over each of IPv4 and IPv6: nine thousand in all.
const OTHERS_EACH: usize = 1500;

/// Foreign bits, another value a kind of flow.
const FOREIGN: [(&str, &str, u32); 5] = [
    ("192.168.77.10", "tcp", 0x0000_0080),
    ("192.168.77.10", "udp", 0x8000_0000),
    ("fd77::10", "tcp", 0x1234_5680),
    ("192.168.77.20", "udp", 0xffff_ff80),
    ("fd77::100", "udp", 0x00ab_cd00),
];

fn set_marks_exactly_the_flows_of_its_device_and_loses_none() -> Tried {
    let bed = Bed::with_guests(2)?;
    mark_foreign(&bed);
    let early = bed.crowds("workstation", EACH / 2);
    let _lanemark = bed.start(&Wish::workstation("express"));
    let late = bed.crowds("workstation", EACH - EACH / 2);
    let others = ["tv", "guest0", "guest1"]
        .into_iter()
        .flat_map(|name| SERVERS.map(|server| (name, server)));
    let others: Vec<Crowd> = others
        .map(|(name, server)| {
            Crowd::open(bed.host(name), server, Speech::Udp, OTHERS_EACH).expect("a crowd")
        })
        .collect();
    // From here on nobody sets foreign bits: those that are there have survived.
    tool(bed.router(), "nft delete table inet foreign");
    let mut before = see::flows(bed.router());
    let own = before
        .values()
        .filter(|flow| flow.is_of(&Resident::workstation()))
        .count();
    assert!(
        (4 * EACH..4 * EACH + 10).contains(&own),
        "{own} flows of the workstation"
    );
    assert!(
        before.len() >= 4 * EACH + 6 * OTHERS_EACH,
        "{} flows in all",
        before.len()
    );
    assert_foreign_bits(&before);
    let watch = Watch::lost_flows(&bed);
    for (words, class) in [
        (["set", "192.168.77.10", "bulk"].as_slice(), 40),
        (&["set", "02:00:00:00:00:0a", "premium"], 10),
        (&["set", "fd77::10", "exempt"], 100),
        (&["unset", "192.168.77.10"], 0),
    ] {
        bed.ask(words);
        let after = see::flows(bed.router());
        compare(&before, &after, class, words);
        before = after;
    }
    let lost = watch.end_lost_flows(&bed);
    let lost: Vec<&String> = lost
        .iter()
        .filter(|line| line.contains("dport=500"))
        .collect();
    assert!(
        lost.is_empty(),
        "no flow ends by a change of class: {lost:#?}"
    );
    drop((early, late, others));
    Ok(())
}

/// The workstation's flows have the class and their foreign bits; the others are as they were.
fn compare(
    before: &BTreeMap<String, Flow>,
    after: &BTreeMap<String, Flow>,
    class: u32,
    words: &[&str],
) {
    let (workstation, mut wrong) = (Resident::workstation(), Vec::new());
    for (key, old) in before {
        let mark = if old.is_of(&workstation) {
            (old.mark & !OURS) | class
        } else {
            old.mark
        };
        let expected = Flow {
            mark,
            ..old.clone()
        };
        match after.get(key) {
            Some(new) if *new == expected => {}
            // The house's own first words, which the kernel forgets.
            None if !see::is_of_crowd(key) => {}
            found => wrong.push(format!("{key}: expected {expected:?}, found {found:?}")),
        }
    }
    let count = wrong.len();
    wrong.truncate(5);
    assert!(
        wrong.is_empty(),
        "after {words:?}, {count} flows are not as they should be: {wrong:#?}"
    );
    // A few may be born meanwhile (an echo of the house), but none among the crowds.
    assert!(
        after
            .keys()
            .filter(|key| key.contains(" 500"))
            .all(|key| before.contains_key(key)),
        "after {words:?} there are new flows"
    );
}

/// Another program that marks flows at their first packet, before us.
fn mark_foreign(bed: &Bed) {
    tool(bed.router(), "nft add table inet foreign");
    tool(
        bed.router(),
        "nft add chain inet foreign pre { type filter hook prerouting priority -160 ; }",
    );
    for (source, proto, bits) in FOREIGN {
        let family = if source.contains(':') { "ip6" } else { "ip" };
        let kind = format!("ct state new {family} saddr {source} meta l4proto {proto}");
        let mark = format!("ct mark set ct mark and 0x7f or {bits:#x}");
        tool(
            bed.router(),
            &format!("nft add rule inet foreign pre {kind} {mark}"),
        );
    }
}

/// That every flow of a kind still has the bits that it was born with, whether it got its class at birth or later.
fn assert_foreign_bits(flows: &BTreeMap<String, Flow>) {
    for (source, proto, bits) in FOREIGN {
        let own =
            |key: &String| key.starts_with(&format!("{proto} {source} ")) && key.contains(" 500");
        let own: Vec<_> = flows.iter().filter(|(key, _)| own(key)).collect();
        let wrong: Vec<_> = own
            .iter()
            .filter(|(_, flow)| flow.mark & !OURS != bits)
            .take(3)
            .collect();
        assert!(
            own.len() >= EACH && wrong.is_empty(),
            "expected {bits:#x} on all of {}, found {wrong:#?}",
            own.len()
        );
    }
}

/// The house's NAT makes the kernel look at IPv4 flows only; this is what a firewall does.
fn track_ipv6(bed: &Bed) {
    tool(bed.router(), "nft add table inet firewall");
    tool(
        bed.router(),
        "nft add chain inet firewall forward { type filter hook forward priority 0 ; }",
    );
    tool(
        bed.router(),
        "nft add rule inet firewall forward ct state invalid counter",
    );
}

fn flows_that_are_older_than_lanemark_get_the_class_of_their_device() -> Tried {
    let bed = Bed::new()?;
    track_ipv6(&bed);
    let _open = [bed.crowds("workstation", 25), bed.crowds("tv", 25)];
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [0]);
    let _lanemark = bed.start(&Wish::workstation("express"));
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [20]);
    assert_eq!(see::marks(bed.router(), &Resident::tv()), [0]);
    Ok(())
}

fn a_flow_from_outside_gets_the_class_at_the_devices_first_answer() -> Tried {
    const PORT: u16 = 2222;
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let listener = bed
        .workstation()
        .run(|| TcpListener::bind(("192.168.77.10", PORT)))
        .expect("the workstation")
        .expect("a port");
    let router = bed.router();
    tool(router, "nft add table ip forwards");
    tool(
        router,
        "nft add chain ip forwards pre { type nat hook prerouting priority -100 ; }",
    );
    tool(
        router,
        "nft add rule ip forwards pre iifname wan0 tcp dport 2222 dnat to 192.168.77.10:2222",
    );
    let watch = Watch::new_flows(&bed);
    let outside = SocketAddr::new(house::WAN_V4.into(), PORT);
    let stream = bed
        .server()
        .run(move || TcpStream::connect(outside))
        .expect("the server")
        .expect("a forwarded port");
    watch.await_lines(1, "dport=2222");
    let seen = watch.end_new_flows();
    let born = seen
        .lines()
        .find(|line| line.contains("dport=2222"))
        .unwrap_or_default();
    assert!(
        !born.contains("mark="),
        "the device has not spoken yet: {born}"
    );
    let mark = || {
        let flows = see::flows(router);
        let found = flows
            .iter()
            .find(|(key, _)| key.ends_with(" 2222"))
            .map(|(_, flow)| flow.mark);
        found.expect("the forwarded flow")
    };
    // Connected: the answer of the workstation has passed the router.
    assert_eq!(mark(), 10);
    bed.ask(&["set", "192.168.77.10", "bulk"]);
    assert_eq!(mark(), 40);
    bed.ask(&["unset", "192.168.77.10"]);
    assert_eq!(mark(), 0);
    drop((stream, listener));
    Ok(())
}

fn a_device_that_moves_to_another_address_takes_its_class_with_it() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let workstation = bed.workstation();
    tool(workstation, "ip address add 192.168.77.33/24 dev eth0");
    tool(
        workstation,
        "ip route replace default via 192.168.77.1 src 192.168.77.33",
    );
    let _open = Crowd::open(workstation, house::SERVER_V4.into(), Speech::Tcp, 5).expect("a crowd");
    let moved = || -> Vec<u32> {
        see::flows(bed.router())
            .values()
            .filter(|flow| flow.src == "192.168.77.33")
            .map(|flow| flow.mark)
            .collect()
    };
    assert_eq!(
        moved(),
        [10; 5],
        "the rule knows the device, not its address"
    );
    // By now the router has spoken to the new address, so that lanemark knows whose it is.
    let said = run(bed.router(), &["ip", "neigh", "show", "192.168.77.33"]);
    assert!(said.out.contains("02:00:00:00:00:0a"), "{}", said.out);
    bed.ask(&["set", "192.168.77.33", "bulk"]);
    assert_eq!(moved(), [40; 5]);
    Ok(())
}
