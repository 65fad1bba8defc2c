//! Interfaces come, go and change their names; the lanes follow.

use std::time::Duration;

use lanemark::lab::house::{LAN, PORT, WAN};
use lanemark::lab::link;
use lanemark::lab::link::address::{self, Network};
use lanemark::lab::link::veth::{self, End};
use nix::sys::signal::Signal;

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::{run, tool};
use crate::promise::{SOON, Skip, Tried, promises, throughout, until};
use crate::see::{self, OUR_ROOT};
use crate::talk::{self, PAYLOAD_BYTES};
use crate::watch::Watch;

promises! {
    a_wan_with_a_new_name_keeps_its_queues_and_the_rules_follow,
    a_wan_that_is_made_anew_is_shaped_again,
    the_automatic_wan_follows_the_default_route,
    an_automatic_wan_that_is_switched_off_gives_way_to_the_next,
    a_cable_that_is_pulled_changes_nothing,
    a_wan_that_goes_down_and_up_many_times_is_shaped_in_the_end,
    an_interface_that_is_none_of_ours_is_left_alone,
}

fn auto() -> Wish<'static> {
    Wish {
        wan: "auto",
        ..Wish::workstation("premium")
    }
}

/// That what the workstation sends is in its lane on this device.
fn shaped(bed: &Bed, dev: &str) {
    const DATAGRAMS: usize = 30;
    let bytes = || {
        see::classes(bed.router(), dev)
            .get("4c4d:10")
            .map_or(0, |sent| sent.bytes)
    };
    let before = bytes();
    talk::upload(bed.workstation(), SERVERS[0], DATAGRAMS);
    let enough = u64::try_from(DATAGRAMS * PAYLOAD_BYTES).expect("a small number");
    until(
        &format!("{enough} bytes in the premium lane of {dev}"),
        SOON,
        || (bytes() >= before + enough).then_some(()),
    );
}

/// That the rules name this WAN, and only this.
fn await_rules(bed: &Bed, wan: &str) {
    until(&format!("rules for {wan}"), SOON, || {
        let listed = tool(bed.router(), "nft list table inet lanemark");
        (listed
            .matches(&format!("ifname \"{wan}\" goto lanes"))
            .count()
            == 2
            && listed.matches("goto lanes").count() == 2)
            .then_some(())
    });
}

fn a_wan_with_a_new_name_keeps_its_queues_and_the_rules_follow() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&auto());
    shaped(&bed, WAN);
    let (before, watch) = (see::classes(bed.router(), WAN), Watch::queues(&bed));
    let renamed = run(
        bed.router(),
        &["ip", "link", "set", "dev", "wan0", "name", "uplink"],
    );
    if renamed.err.contains("busy") {
        return Err(Skip::Machine(
            "this kernel renames no interface that is up".into(),
        ));
    }
    assert_eq!(renamed.code, Some(0), "{}", renamed.err);
    await_rules(&bed, "uplink");
    bed.await_state(&mut lanemark, "on");
    let after = see::classes(bed.router(), "uplink");
    assert!(
        before
            .iter()
            .all(|(class, sent)| after.get(class).is_some_and(|new| new.bytes >= sent.bytes)),
        "{before:?} {after:?}"
    );
    shaped(&bed, "uplink");
    let touched = watch.end_queues(&bed);
    assert!(
        touched.iter().all(|line| !line.contains("deleted")),
        "{touched:#?}"
    );
    Ok(())
}

/// A cable between the router and the server, and its addresses.
pub fn lay(bed: &Bed, wan: &'static str, port: &'static str, network: u8) {
    let ends = [
        End {
            host: bed.router(),
            name: wan,
            mac: None,
        },
        End {
            host: bed.server(),
            name: port,
            mac: None,
        },
    ];
    let [one, other] = ends;
    veth::connect(one, other).expect("a cable");
    veth::switch_on(ends).expect("both ends on");
    for (end, last) in [(one, 2), (other, 1)] {
        let name = end.name;
        let add = move || address::add(name, Network::new([203, 0, network, last], 24));
        end.host.run(add).expect("the host").expect("an address");
    }
}

fn index(bed: &Bed, name: &'static str) -> u32 {
    bed.router()
        .run(move || link::index(name))
        .expect("the router")
        .expect("the interface")
}

fn a_wan_that_is_made_anew_is_shaped_again() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    shaped(&bed, WAN);
    for _ in 0..3 {
        let number = index(&bed, WAN);
        tool(bed.router(), "ip link del wan0");
        bed.await_state(&mut lanemark, "waiting");
        lay(&bed, WAN, PORT, 113);
        tool(bed.router(), "ip route replace default via 203.0.113.1");
        until("our root on the new WAN", SOON, || {
            (see::root_qdisc(bed.router(), WAN) == OUR_ROOT).then_some(())
        });
        bed.await_state(&mut lanemark, "on");
        assert_ne!(
            index(&bed, WAN),
            number,
            "it is another interface of the same name"
        );
        shaped(&bed, WAN);
    }
    Ok(())
}

fn the_automatic_wan_follows_the_default_route() -> Tried {
    let bed = Bed::new()?;
    lay(&bed, "wan1", "eth1", 200);
    let mut lanemark = bed.start(&auto());
    assert_eq!(see::root_qdisc(bed.router(), WAN), OUR_ROOT);
    let untouched = see::root_qdisc(bed.router(), "lan1");
    for (route, on, off) in [("203.0.200.1", "wan1", WAN), ("203.0.113.1", WAN, "wan1")] {
        tool(
            bed.router(),
            &format!("ip route replace default via {route}"),
        );
        await_rules(&bed, on);
        until("queues on the new WAN only", SOON, || {
            let moved = see::root_qdisc(bed.router(), on) == OUR_ROOT
                && see::root_qdisc(bed.router(), off) == untouched;
            moved.then_some(())
        });
        bed.await_state(&mut lanemark, "on");
        assert_eq!(see::root_qdisc(bed.router(), LAN), OUR_ROOT);
    }
    tool(bed.router(), "ip route del default");
    tool(bed.router(), "ip -6 route del default");
    bed.await_state(&mut lanemark, "waiting");
    let status = bed.ask(&["status"]);
    assert!(status.contains("no default route"), "{status}");
    Ok(())
}

fn an_automatic_wan_that_is_switched_off_gives_way_to_the_next() -> Tried {
    let bed = Bed::new()?;
    lay(&bed, "wan1", "eth1", 200);
    // Of an IPv4 route that goes with its device the kernel says nothing.
    tool(bed.router(), "ip -6 route del default");
    tool(
        bed.router(),
        "ip route add default via 203.0.200.1 metric 900",
    );
    let mut lanemark = bed.start(&auto());
    assert_eq!(see::root_qdisc(bed.router(), WAN), OUR_ROOT);
    tool(bed.router(), &format!("ip link set {WAN} down"));
    await_rules(&bed, "wan1");
    until("queues on the next WAN", SOON, || {
        (see::root_qdisc(bed.router(), "wan1") == OUR_ROOT).then_some(())
    });
    bed.await_state(&mut lanemark, "on");
    Ok(())
}

fn a_cable_that_is_pulled_changes_nothing() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let before = see::kernel(bed.router());
    let watches = [Watch::queues(&bed), Watch::rules(&bed)];
    for (switch, pulled) in [("down", true), ("up", false)] {
        tool(bed.server(), &format!("ip link set eth0 {switch}"));
        until("the carrier", SOON, || {
            (tool(bed.router(), "ip link show wan0").contains("NO-CARRIER") == pulled).then_some(())
        });
    }
    bed.await_state(&mut lanemark, "on");
    let [queues, rules] = watches;
    assert_eq!(queues.end_queues(&bed), [""; 0]);
    assert_eq!(rules.end_rules(&bed), [""; 0]);
    see::kernel(bed.router()).assert_is(&before, "after the cable was pulled and plugged in");
    shaped(&bed, WAN);
    Ok(())
}

fn a_wan_that_goes_down_and_up_many_times_is_shaped_in_the_end() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&auto());
    let before = see::kernel(bed.router());
    for _ in 0..50 {
        tool(bed.router(), "ip link set wan0 down");
        tool(bed.router(), "ip link set wan0 up");
        tool(bed.router(), "ip route replace default via 203.0.113.1");
    }
    await_rules(&bed, WAN);
    bed.await_state(&mut lanemark, "on");
    until("the queues", SOON, || {
        (see::root_qdisc(bed.router(), WAN) == OUR_ROOT).then_some(())
    });
    until("the classes", SOON, || {
        (see::kernel(bed.router()).classes == before.classes).then_some(())
    });
    shaped(&bed, WAN);
    Ok(())
}

fn an_interface_that_is_none_of_ours_is_left_alone() -> Tried {
    let bed = Bed::new()?;
    lay(&bed, "wan1", "eth1", 200);
    tool(
        bed.router(),
        "tc qdisc add dev wan1 root handle 7: pfifo limit 70",
    );
    let lanemark = bed.start_settled(&Wish::workstation("premium"));
    let watch = Watch::queues(&bed);
    tool(
        bed.router(),
        "tc qdisc replace dev wan1 root handle 8: pfifo limit 80",
    );
    tool(bed.router(), "tc qdisc del dev wan1 root");
    tool(bed.router(), "ip link del wan1");
    lanemark.signal(Signal::SIGHUP);
    let ours = |dev| see::root_qdisc(bed.router(), dev) == OUR_ROOT;
    throughout(
        "our roots on the WAN and the LAN",
        Duration::from_secs(1),
        || ours(WAN) && ours(LAN),
    );
    let touched: Vec<_> = watch
        .end_queues(&bed)
        .into_iter()
        .filter(|line| !line.contains("dev wan1"))
        .collect();
    assert_eq!(touched, [""; 0]);
    Ok(())
}
