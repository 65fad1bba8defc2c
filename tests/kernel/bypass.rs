//! What carries packets past the lanes is proven by the kernel's counters, and named.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use lanemark::lab::host::Host;
use lanemark::lab::house::{self, Resident};
use lanemark::lab::service;

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::{run, tool};
use crate::promise::{SOON, Skip, Tried, promises, until};
use crate::see;
use crate::talk;

promises! {
    packets_that_go_past_the_lanes_are_told_of_with_a_way_out,
    flows_that_a_flowtable_forwards_are_named,
    uploads_that_a_flowtable_takes_have_the_lane_of_their_device,
}

/// Waits until the health says this, while the workstation downloads.
fn await_note(bed: &Bed, note: &str) {
    until(&format!("the health to say {note:?}"), SOON, || {
        for server in SERVERS {
            talk::download(bed.workstation(), server, 200_000);
        }
        let status = bed.ask(&["status", "--json"]);
        status.contains(note).then_some(())
    });
}

fn packets_that_go_past_the_lanes_are_told_of_with_a_way_out() -> Tried {
    let bed = Bed::new()?;
    let router = bed.router();
    let _lanemark = bed.start(&Wish::workstation("premium"));
    await_note(&bed, "\"proven_percent\":100");
    assert!(!bed.ask(&["status"]).contains("past the lanes"));
    // Another program takes the lane away again.
    tool(router, "nft add table inet other");
    tool(
        router,
        "nft add chain inet other post { type filter hook postrouting priority 0 ; }",
    );
    tool(
        router,
        "nft add rule inet other post oifname br-lan meta priority set 0:0",
    );
    await_note(&bed, "\"reason\":\"packets go past the lanes");
    let told = bed.ask(&["status"]);
    assert!(told.contains("but bypassed"), "{told}");
    tool(router, "nft delete table inet other");
    await_note(&bed, "\"reason\":\"\"");
    Ok(())
}

/// Another program has a flowtable on these devices, for TCP.
fn offload(router: &Host, devices: &str) -> Tried {
    tool(router, "nft add table inet fast");
    let flowtable = format!(
        "add flowtable inet fast ft {{ hook ingress priority 0; devices = {{ {devices} }}; }}"
    );
    let made = run(router, &["nft", &flowtable]);
    if made.code != Some(0) {
        return Err(Skip::NotBuilt(format!(
            "no flowtables: {}",
            made.err.trim()
        )));
    }
    tool(
        router,
        "nft add chain inet fast forward { type filter hook forward priority 0 ; }",
    );
    tool(
        router,
        "nft add rule inet fast forward meta l4proto tcp flow add @ft",
    );
    Ok(())
}

fn flows_that_a_flowtable_forwards_are_named() -> Tried {
    let bed = Bed::new()?;
    offload(bed.router(), "wan0, br-lan")?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    await_note(
        &bed,
        "software flow offloading carries downloads past the lanes",
    );
    let doctor = bed.ask(&["doctor"]);
    assert!(doctor.contains("software flow offloading"), "{doctor}");
    Ok(())
}

/// Says words on an open connection, and in which class of the WAN they went.
fn assert_lane(bed: &Bed, stream: &mut TcpStream, class: &str) {
    const WORDS: u64 = 50;
    let word = [0; talk::PAYLOAD_BYTES];
    let sent = || see::classes(bed.router(), house::WAN);
    let before = sent();
    for _ in 0..WORDS {
        stream.write_all(&word).expect("to say a word");
        stream.read_exact(&mut word.clone()).expect("the word back");
    }
    let listed = tool(bed.router(), "conntrack -L -p tcp --dport 22")
        + &tool(bed.router(), "conntrack -L -f ipv6 -p tcp --dport 22");
    assert!(listed.contains("[OFFLOAD]"), "{listed}");
    let after = sent();
    let words = WORDS * u64::try_from(word.len()).expect("a number");
    for (other, sent) in &after {
        let bytes = sent.bytes - before[other].bytes;
        let leaf = ["10", "20", "30", "36", "40", "100"].map(|minor| format!("4c4d:{minor}"));
        if other == class {
            assert!(bytes >= words, "{bytes} bytes in {other}");
        } else if leaf.contains(other) {
            assert!(bytes < words / 5, "{bytes} bytes in {other}, not {class}");
        }
    }
}

fn uploads_that_a_flowtable_takes_have_the_lane_of_their_device() -> Tried {
    // OpenWrt's are on the ports.
    for (devices, late) in [("wan0, br-lan", false), ("wan0, lan1, lan2", true)] {
        let bed = Bed::new()?;
        let router = bed.router();
        if !late {
            offload(router, devices)?;
        }
        let _lanemark = bed.start(&Wish::workstation("premium"));
        if late {
            offload(router, devices)?;
        }
        until("the chain", SOON, || {
            see::rules(router).contains("chain arrival").then_some(())
        });
        for server in SERVERS {
            let mut stream =
                talk::connect(bed.workstation(), SocketAddr::new(server, service::ECHO));
            until("the flowtable to have the flow", SOON, || {
                talk::echo(&mut stream);
                let family = if server.is_ipv4() { "ipv4" } else { "ipv6" };
                let listed = format!("conntrack -L -f {family} -p tcp --dport 22");
                tool(router, &listed).contains("[OFFLOAD]").then_some(())
            });
            for (verb, class) in [
                (None, "4c4d:10"),
                (Some("bulk"), "4c4d:40"),
                (Some("express"), "4c4d:20"),
                (Some("premium"), "4c4d:10"),
            ] {
                if let Some(class) = verb {
                    bed.ask(&["set", &Resident::workstation().mac_text(), class]);
                }
                assert_lane(&bed, &mut stream, class);
            }
        }
        tool(router, "nft delete table inet fast");
        until("the chain to go", SOON, || {
            (!see::rules(router).contains("chain arrival")).then_some(())
        });
    }
    Ok(())
}
