//! Everybody sends as much as he can: each lane gets what it was promised, and what is not taken is lent. By the counters of `tc`.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lanemark::lab::house::{LAN, Resident, WAN};

use crate::bed::{Bed, Wish};
use crate::flood::Flood;
use crate::program::tool;
use crate::promise::{SOON, Tried, patience, patient, promises, until};
use crate::see::{self, Sent};

promises! {
    each_lane_gets_its_share_while_all_want_more,
    what_one_lane_does_not_take_is_lent_to_the_others,
    a_ceiling_holds_while_the_line_is_empty,
    lanes_that_an_older_program_left_below_the_line_move_into_their_shares,
}

/// So long is counted: 40 packets of the smallest share, at the rate below. A slow machine takes longer to look, and less surely at once.
const WINDOW: Duration = Duration::from_secs(4);

/// The line, up and down, and what each host offers: a little more than all of it.
const LINE_KBIT: [u32; 2] = [10_000, 20_000];
const OFFERED_PERCENT: u32 = 115;

/// Who sends in which lane.
pub const LANES: [(&str, &str, &str); 4] = [
    ("workstation", "premium", "4c4d:10"),
    ("tv", "express", "4c4d:20"),
    ("guest0", "standard", "4c4d:30"),
    ("guest1", "bulk", "4c4d:40"),
];

/// The line on this machine. A slow one cannot fill more, and then its processor would be measured and not the shaper.
pub fn line_kbit() -> [u32; 2] {
    LINE_KBIT.map(|kbit| kbit / patience())
}

pub const SHARES: [u8; 4] = [60, 25, 13, 2];

pub fn wish() -> Wish<'static> {
    let residents = [
        Resident::workstation(),
        Resident::tv(),
        Resident::guest(0),
        Resident::guest(1),
    ];
    let wish = Wish {
        up_kbit: line_kbit()[0],
        down_kbit: line_kbit()[1],
        shares: SHARES,
        ..Wish::default()
    };
    let lanes = residents.iter().zip(LANES);
    lanes.fold(wish, |wish, (resident, (_, class, _))| {
        wish.and(resident, class)
    })
}

/// Everybody but one sends and gets, and their lanes are full.
fn floods(bed: &Bed, silent: Option<&str>) -> Vec<Flood> {
    let floods = pour(bed, silent, line_kbit());
    until("packets that wait in every lane", SOON, || {
        let full = LANES.iter().all(|(host, _, class)| {
            Some(*host) == silent
                || [WAN, LAN]
                    .iter()
                    .all(|dev| see::backlog_packets(bed.router(), dev, class) > 0)
        });
        full.then_some(())
    });
    floods
}

/// Everybody but one sends and gets.
pub fn pour(bed: &Bed, silent: Option<&str>, line_kbit: [u32; 2]) -> Vec<Flood> {
    let wanting: Vec<_> = LANES
        .into_iter()
        .filter(|(host, ..)| Some(*host) != silent)
        .collect();
    let [up_kbit, down_kbit] = line_kbit.map(|kbit| kbit * OFFERED_PERCENT / 100);
    let floods = wanting.iter().flat_map(|(host, ..)| {
        [
            Flood::up(bed, host, up_kbit),
            Flood::down(bed, host, down_kbit),
        ]
    });
    floods.collect()
}

/// Kilobits a second of each class of each device, over the window.
pub fn measured(bed: &Bed) -> [BTreeMap<String, u64>; 2] {
    // The program that looks takes its time: the counters are of some moment meanwhile.
    let look = || {
        [WAN, LAN].map(|dev| {
            let began = Instant::now();
            let classes = see::classes(bed.router(), dev);
            (classes, began + began.elapsed() / 2)
        })
    };
    let before = look();
    sleep(patient(WINDOW));
    let mut after = look().into_iter();
    before.map(|(before, then)| {
        let (after, now) = after.next().expect("as many as before");
        let ms = u64::try_from((now - then).as_millis()).expect("some seconds");
        let kbit = |(class, sent): (String, Sent)| {
            let earlier = before.get(&class).copied().unwrap_or_default();
            (class, (sent.bytes - earlier.bytes) * 8 / ms)
        };
        after.into_iter().map(kbit).collect()
    })
}

/// That a rate is so many percent of what it should be, give or take.
pub fn near(what: &str, found: u64, expected: u32, percent: u32) {
    let (least, most) = (
        u64::from(expected * (100 - percent) / 100),
        u64::from(expected * (100 + percent) / 100),
    );
    assert!(
        (least..=most).contains(&found),
        "{what}: expected {expected} kbit/s within {percent} %, found {found}"
    );
}

fn each_lane_gets_its_share_while_all_want_more() -> Tried {
    let bed = Bed::with_guests(2)?;
    let _lanemark = bed.start_settled(&wish());
    let _floods = floods(&bed, None);
    for (classes, line) in measured(&bed).iter().zip(line_kbit()) {
        near("the line", classes["4c4d:1"], line, 3);
        for ((_, class, handle), share) in LANES.iter().zip(SHARES) {
            let promised = line * u32::from(share) / 100;
            near(class, classes[*handle], promised, 10);
        }
    }
    Ok(())
}

fn what_one_lane_does_not_take_is_lent_to_the_others() -> Tried {
    let bed = Bed::with_guests(2)?;
    let _lanemark = bed.start_settled(&wish());
    for (silent, ..) in LANES {
        let _floods = floods(&bed, Some(silent));
        for (classes, line) in measured(&bed).iter().zip(line_kbit()) {
            near(
                &format!("the line without {silent}"),
                classes["4c4d:1"],
                line,
                5,
            );
            for ((host, class, handle), share) in LANES.iter().zip(SHARES) {
                let least = u64::from(line * u32::from(share) / 100) * 9 / 10;
                let found = classes[*handle];
                assert!(
                    *host == silent || found >= least,
                    "{class} without {silent}: expected at least {least} kbit/s, found {found}"
                );
            }
        }
    }
    Ok(())
}

fn a_ceiling_holds_while_the_line_is_empty() -> Tried {
    let bed = Bed::with_guests(2)?;
    let wish = Wish {
        ceilings: r#"{ "up": { "bulk": 30 }, "down": { "bulk": 50, "express": 40 } }"#,
        ..wish()
    };
    let _lanemark = bed.start_settled(&wish);
    for (host, handle, percent) in [
        ("guest1", "4c4d:40", [30, 50]),
        ("tv", "4c4d:20", [100, 40]),
    ] {
        let _up = Flood::up(&bed, host, line_kbit()[0] * OFFERED_PERCENT / 100);
        let _down = Flood::down(&bed, host, line_kbit()[1] * OFFERED_PERCENT / 100);
        until("packets that wait", SOON, || {
            let full = [WAN, LAN]
                .iter()
                .all(|dev| see::backlog_packets(bed.router(), dev, handle) > 0);
            full.then_some(())
        });
        for ((classes, line), percent) in measured(&bed).iter().zip(line_kbit()).zip(percent) {
            near(host, classes[handle], line * percent / 100, 5);
        }
    }
    Ok(())
}

fn lanes_that_an_older_program_left_below_the_line_move_into_their_shares() -> Tried {
    let bed = Bed::new()?;
    let tc = |words: &str| tool(bed.router(), &format!("tc {words}"));
    for (dev, default) in [(WAN, "0x30"), (LAN, "0")] {
        tc(&format!(
            "qdisc add dev {dev} root handle 4c4d: htb default {default}"
        ));
        tc(&format!(
            "class add dev {dev} parent 4c4d: classid 4c4d:1 htb rate 20mbit"
        ));
        for minor in [10, 20, 36, 30, 40] {
            tc(&format!(
                "class add dev {dev} parent 4c4d:1 classid 4c4d:{minor} htb rate 1mbit ceil 20mbit"
            ));
            tc(&format!(
                "qdisc add dev {dev} parent 4c4d:{minor} handle 4c{minor}: bfifo"
            ));
        }
    }
    let _lanemark = bed.start_settled(&Wish::default());
    for dev in [WAN, LAN] {
        let listed = tc(&format!("class show dev {dev}"));
        for (class, share) in [(10, 11), (20, 21), (36, 31), (30, 31), (40, 41)] {
            let moved = format!("class htb 4c4d:{class} parent 4c4d:{share} ");
            assert!(listed.contains(&moved), "expected {moved}: {listed}");
        }
        assert_eq!(see::root_qdisc(bed.router(), dev), see::OUR_ROOT);
    }
    Ok(())
}
