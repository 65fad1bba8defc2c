//! Other programs touch what is ours: it is guarded, or put back, or named when they do not stop.

use std::time::Duration;

use lanemark::lab::house::{LAN, Resident, WAN};

use crate::bed::{Bed, Wish};
use crate::program::{run, tool};
use crate::promise::{SOON, Skip, Tried, promises, throughout, until};
use crate::see::{self, OUR_ROOT};
use crate::trace::{Injection, call_number};

promises! {
    guarded_rules_survive_a_flush_of_all_rules,
    others_cannot_change_guarded_rules,
    rules_without_a_guard_are_put_back_after_a_flush,
    queues_that_another_program_takes_down_are_put_back,
    after_five_fights_in_a_minute_lanemark_stops_and_names_it,
    a_foreign_root_qdisc_is_left_alone_and_named,
}

fn our_roots(bed: &Bed) -> bool {
    [WAN, LAN]
        .iter()
        .all(|dev| see::root_qdisc(bed.router(), dev) == OUR_ROOT)
}

fn our_table(bed: &Bed) -> String {
    tool(bed.router(), "nft -a -nn list table inet lanemark")
}

/// Each rule of ours has a comment.
fn rule_count(table: &str) -> usize {
    table.matches("comment \"lanemark ").count()
}

/// Skips where the kernel has no tables that an owner guards (before 6.9).
fn guarded(bed: &Bed) -> Tried {
    let listed = our_table(bed);
    if listed.contains("flags owner") {
        Ok(())
    } else {
        Err(Skip::Machine("this kernel has no guarded tables".into()))
    }
}

fn guarded_rules_survive_a_flush_of_all_rules() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    guarded(&bed)?;
    let before = our_table(&bed);
    tool(bed.router(), "nft flush ruleset");
    assert_eq!(our_table(&bed), before);
    let _open = bed.datagrams("workstation", 2);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
    bed.await_state(&mut lanemark, "on");
    // The guard is the process: when that is gone, the rules stay until somebody flushes them, and the next start brings them back.
    lanemark.kill();
    tool(bed.router(), "nft flush ruleset");
    let _next = bed.start_again();
    assert_eq!(rule_count(&our_table(&bed)), rule_count(&before));
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
    Ok(())
}

fn others_cannot_change_guarded_rules() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    guarded(&bed)?;
    let before = our_table(&bed);
    for line in [
        "nft delete table inet lanemark",
        "nft flush chain inet lanemark first",
        "nft add element inet lanemark device_class { 02:00:00:00:00:0b : goto premium }",
    ] {
        let said = run(bed.router(), &line.split(' ').collect::<Vec<_>>());
        assert_eq!(said.code, Some(1), "{line}: {}{}", said.out, said.err);
    }
    assert_eq!(our_table(&bed), before);
    Ok(())
}

fn rules_without_a_guard_are_put_back_after_a_flush() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    // A kernel that does not know guarded tables refuses the batch that makes ours.
    // The first two batches are the probe's, which are never carried out.
    let batches = std::cell::Cell::new(0);
    let batch = call_number(&bed, "sendto", |line| {
        let begins = line.contains("NFNL_MSG_BATCH_BEGIN");
        begins && batches.replace(batches.get() + 1) == 2
    })?;
    let mut lanemark = Injection::new(&bed, "sendto", "EOPNOTSUPP", batch).spawn();
    bed.await_state(&mut lanemark, "on");
    let before = our_table(&bed);
    assert!(!before.contains("flags owner"), "{before}");
    for line in [
        "nft flush ruleset",
        "nft delete table inet lanemark",
        "nft flush chain inet lanemark first",
    ] {
        tool(bed.router(), line);
        until(&format!("our rules after {line}"), SOON, || {
            let said = run(bed.router(), &["nft", "list", "table", "inet", "lanemark"]);
            (said.code == Some(0) && rule_count(&said.out) == rule_count(&before)).then_some(())
        });
        bed.await_state(&mut lanemark, "on");
        let _open = bed.datagrams("workstation", 2);
        assert_eq!(
            see::marks(bed.router(), &Resident::workstation()),
            [10],
            "{line}"
        );
    }
    Ok(())
}

fn queues_that_another_program_takes_down_are_put_back() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let before = see::kernel(bed.router());
    for line in [
        "tc qdisc del dev wan0 root",
        "tc qdisc del dev br-lan root",
        "tc class change dev wan0 classid 4c4d:1 parent 4c4d: htb rate 1mbit",
    ] {
        tool(bed.router(), line);
        until(&format!("our queues after {line}"), SOON, || {
            (see::kernel(bed.router()) == before).then_some(())
        });
    }
    bed.await_state(&mut lanemark, "on");
    Ok(())
}

fn after_five_fights_in_a_minute_lanemark_stops_and_names_it() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let before = see::kernel(bed.router());
    for round in 1..=5 {
        tool(bed.router(), "tc qdisc del dev wan0 root");
        until(&format!("our queues in round {round}"), SOON, || {
            (see::kernel(bed.router()) == before).then_some(())
        });
        bed.await_state(&mut lanemark, "on");
    }
    tool(bed.router(), "tc qdisc del dev wan0 root");
    bed.await_state(&mut lanemark, "failing");
    throughout(
        "nobody puts the queues back",
        Duration::from_secs(3),
        || see::root_qdisc(bed.router(), WAN) != OUR_ROOT,
    );
    let (status, log) = (bed.ask(&["status", "--json"]), lanemark.said());
    assert!(
        status.contains("another program undid our queues or rules 5 times in a minute"),
        "{status}"
    );
    assert_eq!(
        log.matches("another program").count(),
        1,
        "told once: {log}"
    );
    // Further events do not fill the log.
    for _ in 0..20 {
        tool(
            bed.router(),
            "tc qdisc add dev wan0 root handle 9: pfifo limit 10",
        );
        tool(bed.router(), "tc qdisc del dev wan0 root");
    }
    bed.await_state(&mut lanemark, "failing");
    assert!(
        lanemark.said().lines().count() <= log.lines().count() + 1,
        "{}",
        lanemark.said()
    );
    // What it still has stays, and stop takes it all.
    bed.ask(&["stop"]);
    lanemark.end();
    assert!(
        !tool(bed.router(), "tc qdisc show").contains("4c4d")
            && !see::rules(bed.router()).contains("lanemark")
    );
    Ok(())
}

fn a_foreign_root_qdisc_is_left_alone_and_named() -> Tried {
    let bed = Bed::new()?;
    let has_tbf = run(
        bed.router(),
        &[
            "tc", "qdisc", "add", "dev", "wan0", "root", "handle", "7:", "pfifo", "limit", "70",
        ],
    );
    assert_eq!(has_tbf.code, Some(0), "{}", has_tbf.err);
    let before = see::kernel(bed.router());
    bed.write_config(&Wish::workstation("premium"));
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "failing");
    let status = bed.ask(&["status", "--json"]);
    assert!(
        status.contains("wan0") && status.contains("7:") && status.contains("another program"),
        "{status}"
    );
    throughout("the foreign qdisc stays", Duration::from_secs(3), || {
        see::root_qdisc(bed.router(), WAN) == "pfifo 7:"
    });
    assert_eq!(see::kernel(bed.router()).qdiscs, before.qdiscs);
    // When its owner goes, we come.
    tool(bed.router(), "tc qdisc del dev wan0 root");
    bed.await_state(&mut lanemark, "on");
    assert!(our_roots(&bed));
    Ok(())
}
