//! When the daemon dies the traffic does not notice, and the next one takes over what it finds.

use std::thread::scope;

use lanemark::lab::house::{LAN, Resident, WAN};
use lanemark::lab::service;
use nix::sys::signal::Signal;

use crate::bed::{Bed, OURS, SERVERS, Wish};
use crate::promise::{SOON, Tried, promises, until};
use crate::see;
use crate::talk;
use crate::watch::Watch;

promises! {
    after_a_kill_marks_and_queues_go_on,
    a_new_start_adopts_what_it_finds_and_changes_nothing,
    an_orderly_end_leaves_the_lanes_too,
    what_was_edited_by_hand_meanwhile_comes_as_a_difference,
    a_device_taken_out_by_hand_meanwhile_loses_its_mark,
}

fn after_a_kill_marks_and_queues_go_on() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    let mut live = talk::connect(bed.workstation(), (SERVERS[0], service::ECHO).into());
    let _open = [bed.crowds("workstation", 20), bed.crowds("tv", 20)];
    let counters = || {
        [
            see::classes(bed.router(), WAN),
            see::classes(bed.router(), LAN),
        ]
    };
    lanemark.kill();
    let (kernel, before) = (see::rules(bed.router()), counters());
    let watch = Watch::new_flows(&bed);
    let _new = [bed.crowds("workstation", 20), bed.crowds("tv", 20)];
    talk::echo(&mut live);
    watch.await_lines(160, "dport=500");
    let born = watch.end_new_flows();
    let marked = born
        .lines()
        .filter(|line| line.contains("dport=500") && line.contains("mark=10"))
        .count();
    assert_eq!(marked, 80, "new flows of the workstation");
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
    assert_eq!(see::marks(bed.router(), &Resident::tv()), [0]);
    for (dev, (before, after)) in [WAN, LAN]
        .into_iter()
        .zip(before.into_iter().zip(counters()))
    {
        let grown = |class: &str| {
            after.get(class).map(|sent| sent.bytes) > before.get(class).map(|sent| sent.bytes)
        };
        assert!(
            grown("4c4d:10"),
            "{dev}: the workstation's lane goes on counting"
        );
    }
    see::assert_lines(&see::rules(bed.router()), &kernel, "rules after the kill");
    Ok(())
}

fn a_new_start_adopts_what_it_finds_and_changes_nothing() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark =
        bed.start_settled(&Wish::workstation("premium").and(&Resident::tv(), "bulk"));
    let _open = [bed.crowds("workstation", 20), bed.crowds("tv", 20)];
    lanemark.kill();
    let (kernel, flows) = (see::kernel(bed.router()), see::flows(bed.router()));
    let counters = || {
        [WAN, LAN].map(|dev| {
            (
                see::classes(bed.router(), dev),
                see::qdiscs(bed.router(), dev),
            )
        })
    };
    let before = counters();
    let watches = [Watch::queues(&bed), Watch::rules(&bed)];
    // Traffic all the while.
    let lanemark = scope(|scope| {
        let traffic = scope
            .spawn(|| (0..20).for_each(|_| talk::download(bed.workstation(), SERVERS[0], 100_000)));
        let lanemark = bed.start_again();
        traffic.join().expect("the traffic");
        lanemark
    });
    let [queues, rules] = watches;
    assert_eq!(queues.end_queues(&bed), [""; 0], "no queue was touched");
    // That the table has an owner again is all that there is to tell.
    let told: Vec<String> = rules
        .end_rules(&bed)
        .into_iter()
        .filter(|line| !line.starts_with("add table inet lanemark"))
        .collect();
    assert_eq!(told, [""; 0], "no rule was touched");
    // Of the table's owner: `# handle 2 progname lanemark` and `flags owner`, as long as there is one.
    let ownerless = |text: &str| -> String {
        let lines = text.lines().filter(|line| !line.starts_with("\tflags"));
        lines
            .map(|line| line.split(" progname").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let after = see::kernel(bed.router());
    see::assert_lines(
        &ownerless(&after.rules),
        &ownerless(&kernel.rules),
        "rules after the new start",
    );
    after.assert_queues_are(&kernel, "after the new start");
    assert_eq!(after.settings, kernel.settings);
    for ((before, _), (after, _)) in before.iter().zip(&counters()) {
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            after.keys().collect::<Vec<_>>()
        );
        assert!(
            before
                .iter()
                .all(|(class, sent)| after[class].bytes >= sent.bytes),
            "counters go on: {before:?} {after:?}"
        );
    }
    see::assert_flows_are(bed.router(), &flows);
    // It does not only look alive: it owns the rules.
    bed.ask(&["set", "192.168.77.10", "express"]);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [20]);
    drop(lanemark);
    Ok(())
}

fn an_orderly_end_leaves_the_lanes_too() -> Tried {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let bed = Bed::new()?;
        let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
        let kernel = see::kernel(bed.router());
        lanemark.signal(signal);
        assert_eq!(lanemark.end().code(), Some(0), "{signal}");
        let after = see::kernel(bed.router());
        after.assert_queues_are(&kernel, "after an orderly end");
        assert_eq!(after.settings, kernel.settings, "{signal}");
        assert!(
            after.rules.contains("table inet lanemark"),
            "{signal}: {}",
            after.rules
        );
        let _open = bed.crowds("workstation", 5);
        assert_eq!(
            see::marks(bed.router(), &Resident::workstation()),
            [10],
            "{signal}"
        );
        assert!(!bed.socket().exists(), "{signal}: nobody listens");
    }
    Ok(())
}

fn what_was_edited_by_hand_meanwhile_comes_as_a_difference() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = [bed.crowds("workstation", 20), bed.crowds("tv", 20)];
    lanemark.kill();
    let watches = [Watch::queues(&bed), Watch::rules(&bed)];
    bed.write_config(&Wish {
        up_kbit: 15_000,
        ..Wish::workstation("express").and(&Resident::tv(), "bulk")
    });
    let _lanemark = bed.start_again();
    let [queues, rules] = watches;
    let queues = queues.end_queues(&bed);
    let wan = format!("dev {WAN}");
    assert!(
        !queues.is_empty()
            && queues
                .iter()
                .all(|line| line.contains(&wan) && !line.contains("deleted")),
        "the upload's rates only: {queues:#?}"
    );
    let rules: Vec<String> = rules
        .end_rules(&bed)
        .into_iter()
        .filter(|line| !line.starts_with("add table inet lanemark"))
        .collect();
    assert!(
        !rules.is_empty() && rules.iter().all(|line| line.contains(" element ")),
        "elements of the map only: {rules:#?}"
    );
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [20]);
    assert_eq!(see::marks(bed.router(), &Resident::tv()), [40]);
    Ok(())
}

fn a_device_taken_out_by_hand_meanwhile_loses_its_mark() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium").and(&Resident::tv(), "bulk"));
    let _open = [bed.crowds("workstation", 20), bed.crowds("tv", 20)];
    lanemark.kill();
    bed.write_config(&Wish::workstation("premium"));
    let _lanemark = bed.start_again();
    assert_eq!(see::marks(bed.router(), &Resident::tv()), [0]);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
    assert!(
        see::flows(bed.router())
            .values()
            .all(|flow| flow.mark & !OURS == 0)
    );
    until("a new flow without a mark", SOON, || {
        let _new = bed.crowds("tv", 2);
        (see::marks(bed.router(), &Resident::tv()) == [0]).then_some(())
    });
    Ok(())
}
