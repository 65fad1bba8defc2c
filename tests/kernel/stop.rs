//! What lanemark leaves behind: nothing.

use lanemark::lab::house::Resident;

use crate::bed::{Bed, OURS, Wish};
use crate::program::tool;
use crate::promise::{Tried, promises};
use crate::see;

promises! {
    stop_leaves_the_kernel_as_it_was_where_flows_were_not_counted,
    stop_leaves_the_kernel_as_it_was_where_flows_were_counted,
    stop_clears_what_a_killed_daemon_left,
    stop_after_a_restart_still_knows_how_it_was_before_the_first_start,
    to_stop_twice_is_told_and_does_no_harm,
    stop_takes_our_bits_from_flows_and_leaves_those_of_others,
    switching_off_takes_everything_out_and_keeps_the_daemon,
}

/// Rules of somebody else, and what is counted.
fn furnish(bed: &Bed, acct: &'static str) {
    let router = bed.router();
    router
        .set_sysctl("net/netfilter/nf_conntrack_acct", acct)
        .expect("the counting of flows");
    tool(router, "nft add table inet firewall");
    tool(
        router,
        "nft add chain inet firewall forward { type filter hook forward priority 0 ; policy accept ; }",
    );
    tool(
        router,
        "nft add rule inet firewall forward ct state established,related accept",
    );
    tool(
        router,
        "nft add set inet firewall friends { type ipv4_addr ; elements = { 192.0.2.1, 192.0.2.2 } ; }",
    );
    tool(router, "tc qdisc add dev lo root handle 7: pfifo limit 77");
}

fn everything() -> Wish<'static> {
    Wish::workstation("premium").and(&Resident::tv(), "bulk")
}

fn as_before(acct: &'static str) -> Tried {
    let bed = Bed::new()?;
    furnish(&bed, acct);
    let before = see::kernel(bed.router());
    let mut lanemark = bed.start(&everything());
    let _open = bed.crowds("workstation", 10);
    let during = see::kernel(bed.router());
    assert_ne!(during.rules, before.rules);
    assert_ne!(during.qdiscs, before.qdiscs);
    assert_eq!(
        during.settings["nf_conntrack_acct"].trim(),
        "1",
        "rates of devices need it"
    );
    let said = bed.ask(&["stop"]);
    assert!(said.contains("nothing of it is left"), "{said}");
    assert_eq!(lanemark.end().code(), Some(0));
    see::kernel(bed.router()).assert_is(&before, "after stop");
    Ok(())
}

fn stop_leaves_the_kernel_as_it_was_where_flows_were_not_counted() -> Tried {
    as_before("0")
}

fn stop_leaves_the_kernel_as_it_was_where_flows_were_counted() -> Tried {
    as_before("1")
}

fn stop_clears_what_a_killed_daemon_left() -> Tried {
    for acct in ["0", "1"] {
        let bed = Bed::new()?;
        furnish(&bed, acct);
        let before = see::kernel(bed.router());
        bed.start(&everything()).kill();
        let _open = bed.crowds("workstation", 10);
        assert_ne!(see::kernel(bed.router()), before);
        let said = bed.ask(&["stop"]);
        assert!(
            said.contains("was not running; removed what it had left"),
            "{said}"
        );
        see::kernel(bed.router()).assert_is(&before, "after stop");
        assert_eq!(see::marks(bed.router(), &Resident::workstation()), [0]);
    }
    Ok(())
}

fn stop_after_a_restart_still_knows_how_it_was_before_the_first_start() -> Tried {
    for acct in ["0", "1"] {
        let bed = Bed::new()?;
        furnish(&bed, acct);
        let before = see::kernel(bed.router());
        bed.start(&everything()).kill();
        let mut lanemark = bed.start(&Wish {
            up_kbit: 9_000,
            ..Wish::workstation("bulk")
        });
        bed.ask(&["stop"]);
        lanemark.end();
        see::kernel(bed.router()).assert_is(
            &before,
            &format!("after stop, where nf_conntrack_acct was {acct}"),
        );
    }
    Ok(())
}

fn to_stop_twice_is_told_and_does_no_harm() -> Tried {
    let bed = Bed::new()?;
    furnish(&bed, "0");
    let before = see::kernel(bed.router());
    let mut lanemark = bed.start(&everything());
    bed.ask(&["stop"]);
    lanemark.end();
    for _ in 0..2 {
        let said = bed.lanemark(&["stop"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        assert!(
            said.out
                .contains("was not running; nothing of it was in the kernel"),
            "{}",
            said.out
        );
        see::kernel(bed.router()).assert_is(&before, "after stop");
    }
    Ok(())
}

fn stop_takes_our_bits_from_flows_and_leaves_those_of_others() -> Tried {
    let bed = Bed::new()?;
    // The house has tried its paths. The kernel forgets such a flow by itself, and then it is not counted below.
    tool(bed.router(), "conntrack -F");
    let mut lanemark = bed.start(&everything());
    let _open = [bed.crowds("workstation", 25), bed.crowds("tv", 25)];
    tool(
        bed.router(),
        "conntrack -U -f ipv4 -p tcp -s 192.168.77.10 --mark 0xabcdef80/0xffffff80",
    );
    tool(
        bed.router(),
        "conntrack -U -f ipv6 -p udp -s fd77::20 --mark 0x00000100/0xffffff80",
    );
    let before = see::flows(bed.router());
    assert!(
        before.values().any(|flow| flow.mark == 0xabcd_ef8a)
            && before.values().any(|flow| flow.mark == 0x128)
    );
    let said = bed.ask(&["stop"]);
    lanemark.end();
    let after = see::flows(bed.router());
    for (key, old) in &before {
        let Some(new) = after.get(key) else {
            assert!(!see::is_of_crowd(key), "{key} is gone");
            continue;
        };
        assert_eq!((&new.id, new.mark), (&old.id, old.mark & !OURS), "{key}");
    }
    let marked = before.values().filter(|flow| flow.mark & OURS != 0).count();
    // It is broken into lines for a terminal.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(&format!("the mark of {marked} live flows was taken away")),
        "{marked}: {said}"
    );
    Ok(())
}

fn switching_off_takes_everything_out_and_keeps_the_daemon() -> Tried {
    let bed = Bed::new()?;
    furnish(&bed, "0");
    let before = see::kernel(bed.router());
    let mut lanemark = bed.start(&everything());
    let _open = bed.crowds("workstation", 10);
    let off = bed.scratch_file("off.json");
    std::fs::write(
        &off,
        Wish {
            enabled: false,
            ..everything()
        }
        .text(),
    )
    .expect("a configuration");
    bed.ask(&["config", "apply", crate::bed::text(&off)]);
    see::kernel(bed.router()).assert_is(&before, "while it is off");
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [0]);
    bed.await_state(&mut lanemark, "off");
    std::fs::write(&off, everything().text()).expect("a configuration");
    bed.ask(&["config", "apply", crate::bed::text(&off)]);
    assert_eq!(
        see::marks(bed.router(), &Resident::workstation()),
        [10],
        "and on again: live flows have their class"
    );
    Ok(())
}
