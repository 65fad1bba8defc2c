//! What carries packets past the lanes is proven by the kernel's counters, and named.

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::{run, tool};
use crate::promise::{SOON, Skip, Tried, promises, until};
use crate::talk;

promises! {
    packets_that_go_past_the_lanes_are_told_of_with_a_way_out,
    flows_that_a_flowtable_forwards_are_named,
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

fn flows_that_a_flowtable_forwards_are_named() -> Tried {
    let bed = Bed::new()?;
    let router = bed.router();
    tool(router, "nft add table inet fast");
    let made = run(
        router,
        &[
            "nft",
            "add flowtable inet fast ft { hook ingress priority 0; devices = { wan0, br-lan }; }",
        ],
    );
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
    let _lanemark = bed.start(&Wish::workstation("premium"));
    await_note(
        &bed,
        "software flow offloading carries packets past the lanes",
    );
    let doctor = bed.ask(&["doctor"]);
    assert!(doctor.contains("software flow offloading"), "{doctor}");
    Ok(())
}
