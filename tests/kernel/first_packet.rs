//! The mark is there with the first packet of a flow, whatever our process does.

use std::fs;
use std::path::Path;

use lanemark::lab::house::Resident;
use nix::sys::signal::Signal;

use crate::bed::{Bed, Wish};
use crate::program::tool;
use crate::promise::{Skip, Tried, promises, root};
use crate::watch::Watch;

promises! {
    of_a_thousand_flows_of_a_premium_device_each_is_born_with_its_mark,
    flows_are_born_with_their_mark_while_the_daemon_is_stopped,
    the_kernels_own_table_shows_mark_10_for_the_workstation_and_mark_0_for_the_others,
}

/// Flows for each of TCP and UDP over IPv4 and IPv6: a thousand in all.
const EACH: usize = 250;

fn of_a_thousand_flows_of_a_premium_device_each_is_born_with_its_mark() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    born_marked(&bed);
    Ok(())
}

fn flows_are_born_with_their_mark_while_the_daemon_is_stopped() -> Tried {
    let bed = Bed::new()?;
    let lanemark = bed.start(&Wish::workstation("premium"));
    lanemark.signal(Signal::SIGSTOP);
    born_marked(&bed);
    lanemark.signal(Signal::SIGCONT);
    Ok(())
}

/// First packets by the mark that they have on their way out: counted in the kernel, since a tool that listens may miss events. And no
/// event of a new flow tells another mark.
fn born_marked(bed: &Bed) {
    let judge = Judge::seat(bed);
    let watch = Watch::new_flows(bed);
    let _open = [bed.crowds("workstation", EACH), bed.crowds("tv", EACH)];
    for (resident, mark) in [(Resident::workstation(), 10), (Resident::tv(), 0)] {
        for source in [resident.v4.to_string(), resident.v6.to_string()] {
            for proto in ["tcp", "udp"] {
                let found = judge.count(&source, proto);
                let expected = Marks {
                    zero: if mark == 0 { EACH } else { 0 },
                    ten: if mark == 10 { EACH } else { 0 },
                    all: EACH,
                };
                assert_eq!(
                    found, expected,
                    "first packets of {}: {proto} from {source}",
                    resident.name
                );
            }
        }
    }
    watch.await_lines(4 * EACH, "dport=500");
    let seen = watch.end_new_flows();
    for (resident, mark) in [
        (Resident::workstation(), Some("mark=10")),
        (Resident::tv(), None),
    ] {
        let is_its = |line: &&str| {
            line.contains("dport=500")
                && [resident.v4.to_string(), resident.v6.to_string()]
                    .iter()
                    .any(|own| line.contains(&format!(" src={own} ")))
        };
        // An event leaves a mark of 0 out.
        let said = |line: &str| {
            line.split_whitespace()
                .find(|word| word.starts_with("mark="))
                .map(str::to_owned)
        };
        let wrong: Vec<&str> = seen
            .lines()
            .filter(is_its)
            .filter(|line| said(line).as_deref() != mark)
            .take(3)
            .collect();
        assert!(
            wrong.is_empty(),
            "{}: expected {mark:?} in the first event of each flow, found {wrong:#?}",
            resident.name
        );
    }
}

/// Rules of the test's own, behind lanemark's, that count the first packet of each flow by its mark.
struct Judge<'a>(&'a Bed);

/// First packets with these marks.
#[derive(Debug, PartialEq, Eq)]
struct Marks {
    zero: usize,
    ten: usize,
    all: usize,
}

impl Judge<'_> {
    fn seat(bed: &Bed) -> Judge<'_> {
        tool(bed.router(), "nft add table inet judge");
        tool(
            bed.router(),
            "nft add chain inet judge leave { type filter hook postrouting priority 0 ; }",
        );
        for resident in [Resident::workstation(), Resident::tv()] {
            for source in [
                format!("ip saddr {}", resident.v4),
                format!("ip6 saddr {}", resident.v6),
            ] {
                for proto in ["tcp", "udp"] {
                    for mark in ["ct mark 0", "ct mark 10", ""] {
                        tool(
                            bed.router(),
                            &format!(
                                "nft add rule inet judge leave {source} meta l4proto {proto} ct state new {mark} counter"
                            ),
                        );
                    }
                }
            }
        }
        Judge(bed)
    }

    /// The counters of one kind of flow: for mark 0, for mark 10, and for all.
    fn count(&self, source: &str, proto: &str) -> Marks {
        let listed = tool(self.0.router(), "nft list chain inet judge leave");
        let is_its =
            |line: &&str| line.contains(&format!("saddr {source} ")) && line.contains(proto);
        let packets = |line: &str| {
            line.split_whitespace()
                .skip_while(|word| *word != "packets")
                .nth(1)
                .and_then(|word| word.parse().ok())
        };
        let counts: Vec<usize> = listed.lines().filter(is_its).filter_map(packets).collect();
        let [zero, ten, all] = counts.as_slice() else {
            panic!("expected three counters, found {listed}")
        };
        Marks {
            zero: *zero,
            ten: *ten,
            all: *all,
        }
    }
}

fn the_kernels_own_table_shows_mark_10_for_the_workstation_and_mark_0_for_the_others() -> Tried {
    root()?;
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let _open = [bed.crowds("workstation", 5), bed.crowds("tv", 5)];
    let table = bed
        .router()
        .run(|| fs::read_to_string(Path::new("/proc/thread-self/net/nf_conntrack")))
        .expect("the router");
    let table = table.map_err(|error| Skip::Machine(format!("/proc/net/nf_conntrack: {error}")))?;
    for (resident, mark) in [
        (Resident::workstation(), "mark=10"),
        (Resident::tv(), "mark=0"),
    ] {
        // What a person would grep for; the kernel writes IPv6 addresses out.
        let address = format!("src={} ", resident.v4);
        let lines: Vec<&str> = table
            .lines()
            .filter(|line| line.contains(&address) && line.contains("dport=500"))
            .collect();
        assert_eq!(lines.len(), 10, "{table}");
        for line in lines {
            assert!(
                line.split_whitespace().any(|word| word == mark),
                "expected {mark}, found {line}"
            );
        }
    }
    Ok(())
}
