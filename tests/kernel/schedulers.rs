//! Other shapers than HTB, and other leaves, where the kernel has them; and how it is told where it has not. In the emulated router it has all.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use lanemark::lab::house::{self, LAN, Resident, WAN};

use crate::bed::{Bed, Wish, text};
use crate::change::apply;
use crate::program::{run, tool};
use crate::promise::{SOON, Skip, Tried, promises, until};
use crate::see;
use crate::shares::{self, LANES, SHARES};
use crate::talk::{self, PAYLOAD_BYTES};

promises! {
    a_scheduler_that_the_kernel_lacks_is_refused_by_the_name_of_its_module,
    a_leaf_that_the_kernel_lacks_is_refused_by_the_name_of_its_module,
    every_leaf_that_the_kernel_has_can_be_asked_for,
    hfsc_gives_each_lane_its_share,
    hfsc_lets_pass_what_the_router_says_to_the_home,
    cake_sorts_the_lanes_into_its_tins,
    the_scheduler_changes_under_traffic_with_a_gap_of_a_moment,
}

const SCHEDULERS: [(&str, &str); 3] = [
    ("htb", "htb 4c4d:"),
    ("hfsc", "hfsc 4c4e:"),
    ("cake", "cake 4c4f:"),
];
const LEAVES: [&str; 7] = ["fq_codel", "sfq", "codel", "pie", "bfifo", "pfifo", "cake"];

/// Whether `tc` can make such a qdisc here.
fn has(bed: &Bed, kind: &str) -> bool {
    let mut words = vec![
        "tc", "qdisc", "add", "dev", WAN, "root", "handle", "99:", kind,
    ];
    if kind == "cake" {
        words.extend(["bandwidth", "1gbit"]);
    }
    let there = run(bed.router(), &words).code == Some(0);
    if there {
        tool(bed.router(), &format!("tc qdisc del dev {WAN} root"));
    }
    there
}

pub fn need_qdisc(bed: &Bed, kind: &str) -> Tried {
    if has(bed, kind) {
        Ok(())
    } else {
        Err(Skip::NotBuilt(format!("this kernel has no {kind}")))
    }
}

/// That a configuration is refused in these words, and nothing changed.
fn refused(bed: &Bed, wish: &Wish<'_>, module: &str) {
    let before = see::kernel(bed.router());
    let file = bed.scratch_file("refused.json");
    std::fs::write(&file, wish.text()).expect("a configuration");
    let said = bed.lanemark(&["config", "apply", text(&file)]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert_eq!(said.err.trim().lines().count(), 1, "{}", said.err);
    for word in [module, "left as it was"] {
        assert!(said.err.contains(word), "expected {word}: {}", said.err);
    }
    see::kernel(bed.router()).assert_is(&before, "after a refusal");
}

fn a_scheduler_that_the_kernel_lacks_is_refused_by_the_name_of_its_module() -> Tried {
    let bed = Bed::new()?;
    let lacking: Vec<_> = SCHEDULERS
        .into_iter()
        .filter(|(kind, _)| !has(&bed, kind))
        .collect();
    if lacking.is_empty() {
        return Err(Skip::NotBuilt("this kernel has every scheduler".into()));
    }
    let _lanemark = bed.start_settled(&Wish::workstation("premium"));
    for (scheduler, _) in lacking {
        let wish = Wish {
            scheduler,
            ..Wish::workstation("premium")
        };
        refused(&bed, &wish, &format!("(sch_{scheduler})"));
    }
    Ok(())
}

fn a_leaf_that_the_kernel_lacks_is_refused_by_the_name_of_its_module() -> Tried {
    let bed = Bed::new()?;
    let lacking: Vec<_> = LEAVES.into_iter().filter(|kind| !has(&bed, kind)).collect();
    if lacking.is_empty() {
        return Err(Skip::NotBuilt("this kernel has every leaf".into()));
    }
    let _lanemark = bed.start_settled(&Wish::workstation("premium"));
    for leaf in lacking {
        let wish = Wish {
            leaf,
            ..Wish::workstation("premium")
        };
        refused(&bed, &wish, &format!("(sch_{leaf})"));
    }
    Ok(())
}

fn every_leaf_that_the_kernel_has_can_be_asked_for() -> Tried {
    let bed = Bed::new()?;
    let there: Vec<_> = LEAVES.into_iter().filter(|kind| has(&bed, kind)).collect();
    let _lanemark = bed.start_settled(&Wish::workstation("premium"));
    for leaf in there {
        apply(
            &bed,
            &Wish {
                leaf,
                ..Wish::workstation("premium")
            },
        );
        for dev in [WAN, LAN] {
            let listed = tool(bed.router(), &format!("tc qdisc show dev {dev}"));
            let leaves: Vec<&str> = listed
                .lines()
                .filter(|line| line.contains(" parent 4c4d:"))
                .collect();
            let wished = format!("qdisc {leaf} ");
            assert_eq!(leaves.len(), 6, "{listed}");
            assert!(
                leaves.iter().all(|line| line.starts_with(&wished)),
                "{listed}"
            );
        }
        // What the kernel tells of it is what was asked for: nothing is made anew by a look.
        let before = see::kernel(bed.router());
        bed.ask(&["status"]);
        talk::download(bed.workstation(), house::SERVER_V4.into(), 50_000);
        see::kernel(bed.router()).assert_queues_are(&before, "after a look");
    }
    Ok(())
}

/// Starts with this scheduler and waits until it stands on both devices, with the whole line.
fn start(bed: &Bed, wish: &Wish<'_>) -> crate::program::Along {
    let lanemark = bed.start(wish);
    let root = SCHEDULERS.iter().find(|(kind, _)| *kind == wish.scheduler);
    let (_, root) = root.expect("a scheduler by its name");
    for dev in [WAN, LAN] {
        assert_eq!(see::root_qdisc(bed.router(), dev), *root);
    }
    lanemark
}

/// A line that an emulated router fills.
const SLOW_KBIT: [u32; 2] = [2_000, 4_000];

fn hfsc_gives_each_lane_its_share() -> Tried {
    let bed = Bed::with_guests(2)?;
    need_qdisc(&bed, "hfsc")?;
    let [up_kbit, down_kbit] = SLOW_KBIT;
    let wish = Wish {
        scheduler: "hfsc",
        up_kbit,
        down_kbit,
        ..shares::wish()
    };
    let _lanemark = start(&bed, &wish);
    until("the whole line", SOON, || {
        let classes = tool(bed.router(), &format!("tc class show dev {WAN}"));
        classes.contains("ul m1 0bit d 0us m2 2Mbit").then_some(())
    });
    let _floods = shares::pour(&bed, None, SLOW_KBIT);
    until("packets that wait in every lane", SOON, || {
        let full = LANES.iter().all(|(_, _, class)| {
            let class = class.replace("4c4d", "4c4e");
            [WAN, LAN]
                .iter()
                .all(|dev| see::backlog_packets(bed.router(), dev, &class) > 0)
        });
        full.then_some(())
    });
    for (classes, line) in shares::measured(&bed).iter().zip(SLOW_KBIT) {
        let mut sum = 0;
        for ((_, class, handle), share) in LANES.iter().zip(SHARES) {
            let found = classes[&handle.replace("4c4d", "4c4e")];
            sum += found;
            let promised = line * u32::from(share) / 100;
            shares::near(class, found, promised, 15);
        }
        shares::near("the line", sum, line, 5);
    }
    Ok(())
}

fn hfsc_lets_pass_what_the_router_says_to_the_home() -> Tried {
    let bed = Bed::new()?;
    need_qdisc(&bed, "hfsc")?;
    let _lanemark = start(
        &bed,
        &Wish {
            scheduler: "hfsc",
            down_kbit: 64,
            ..Wish::default()
        },
    );
    let socket = bed
        .router()
        .run(|| UdpSocket::bind("0.0.0.0:0"))
        .expect("the router")
        .expect("a socket");
    for _ in 0..100 {
        socket
            .send_to(&[0; PAYLOAD_BYTES], "192.168.77.10:9")
            .expect("a datagram to the workstation");
    }
    // At 64 kbit/s they would take 12 s.
    let sent = see::classes(bed.router(), LAN)["4c4e:2"];
    assert!(sent.bytes >= 100_000 && sent.dropped == 0, "{sent:?}");
    Ok(())
}

/// Bytes of each of CAKE's tins, as `tc` lists them: bulk, best effort, video, voice.
pub fn tins(bed: &Bed, dev: &str) -> Vec<u64> {
    let listed = tool(bed.router(), &format!("tc -s qdisc show dev {dev}"));
    let line = listed
        .lines()
        .find(|line| line.trim_start().starts_with("bytes "))
        .expect("CAKE's table");
    let numbers = line.split_whitespace().skip(1);
    numbers
        .map(|number| number.parse().expect("bytes"))
        .collect()
}

fn cake_sorts_the_lanes_into_its_tins() -> Tried {
    let bed = Bed::new()?;
    need_qdisc(&bed, "cake")?;
    let _lanemark = start(
        &bed,
        &Wish {
            scheduler: "cake",
            ..Wish::default()
        },
    );
    for (class, tin) in [("premium", 3), ("express", 2), ("standard", 1), ("bulk", 0)] {
        bed.ask(&["set", "192.168.77.10", class]);
        let before = [WAN, LAN].map(|dev| tins(&bed, dev));
        talk::upload(bed.workstation(), house::SERVER_V4.into(), 60);
        talk::download(bed.workstation(), house::SERVER_V4.into(), 200_000);
        let after = [WAN, LAN].map(|dev| tins(&bed, dev));
        for (before, after) in before.iter().zip(&after) {
            for place in 0..4 {
                let carried = after[place] - before[place];
                assert!(
                    (carried > 50_000) == (place == tin),
                    "{class}: {before:?} {after:?}"
                );
            }
        }
    }
    let told = bed.ask(&["status", "--json"]);
    let premium = told.split("\"class\":\"premium\"").nth(1).expect("a lane");
    let premium = premium.split("\"class\"").next().unwrap_or_default();
    let counted = premium.split("\"bytes\":").skip(1);
    let counted: Vec<u64> = counted
        .map(|rest| rest.split(',').next().unwrap_or_default())
        .map(|bytes| bytes.parse().expect("a number"))
        .collect();
    assert!(
        counted.len() == 2 && counted.iter().all(|bytes| *bytes > 50_000),
        "{told}"
    );
    Ok(())
}

/// A datagram each so often, and the longest wait that is no fault: the kernel takes the device's queue out of use while it puts another there.
const PULSE: Duration = Duration::from_millis(5);
const GAP_MAX: Duration = Duration::from_millis(500);

fn the_scheduler_changes_under_traffic_with_a_gap_of_a_moment() -> Tried {
    let bed = Bed::new()?;
    let there: Vec<_> = SCHEDULERS
        .into_iter()
        .filter(|(kind, _)| has(&bed, kind))
        .collect();
    if there.len() < 2 {
        return Err(Skip::NotBuilt("this kernel has no second scheduler".into()));
    }
    let wish = |scheduler| Wish {
        scheduler,
        ..Wish::workstation("premium").and(&Resident::tv(), "bulk")
    };
    let _lanemark = start(&bed, &wish(there[0].0));
    let receiver = bed
        .server()
        .run(|| UdpSocket::bind(SocketAddr::from((house::SERVER_V4, 0))))
        .expect("the server")
        .expect("a socket");
    receiver.set_read_timeout(Some(SOON)).expect("a time limit");
    let to = receiver.local_addr().expect("its address");
    let sender = talk::sender(bed.workstation(), house::SERVER_V4.into());
    sender.connect(to).expect("an address");
    let done = AtomicBool::new(false);
    let gap = scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = sender.send(&[1; 100]);
                sleep(PULSE);
            }
            let _ = sender.send(&[0; 1]);
        });
        let heard = scope.spawn(|| {
            let (mut longest, mut last) = (Duration::ZERO, None::<Instant>);
            let mut room = [0; 100];
            while receiver.recv(&mut room).expect("a datagram") > 1 {
                longest = longest.max(last.map_or(Duration::ZERO, |last| last.elapsed()));
                last = Some(Instant::now());
            }
            longest
        });
        for (scheduler, root) in there.iter().chain(there.iter().rev()) {
            apply(&bed, &wish(scheduler));
            for dev in [WAN, LAN] {
                assert_eq!(see::root_qdisc(bed.router(), dev), *root);
            }
        }
        done.store(true, Ordering::Relaxed);
        heard.join().expect("the receiver")
    });
    println!("longest gap {} ms", gap.as_millis());
    assert!(gap < GAP_MAX, "a gap of {gap:?}");
    Ok(())
}
