//! Which segment sizes are agreed on, as `tcpdump` sees them at both ends.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use lanemark::lab::host::Host;
use lanemark::lab::house::{PORT, WAN};
use lanemark::lab::service;

use crate::bed::{Bed, SERVERS, Wish, text};
use crate::program::{Along, tool};
use crate::promise::{SOON, Tried, need, promises, until};
use crate::schedulers::need_qdisc;
use crate::talk;

promises! {
    by_itself_only_what_the_home_sends_over_a_slow_uplink_is_in_small_segments,
    segments_fit_the_path_both_ways_unless_that_is_off,
    flows_of_the_lower_lanes_agree_on_small_segments_where_that_is_asked_for_and_others_do_not,
    so_they_do_under_cake,
}

/// A line with PPPoE and something else around it.
const NARROW_MTU: u16 = 1400;

/// Bytes of the headers: of IP and TCP.
const fn headers(to: IpAddr) -> u16 {
    if to.is_ipv4() { 40 } else { 60 }
}

/// Listens for what opens connections, where a host has its cable.
fn listen(bed: &Bed, host: &Host) -> Along {
    let file = bed.scratch_file(&format!("opened-{}", host.name()));
    let _ = fs::remove_file(&file);
    let words = [
        "tcpdump",
        "-l",
        "-n",
        "-p",
        "-i",
        PORT,
        "tcp[13] & 2 != 0 or (ip6 and ip6[53] & 2 != 0)",
    ];
    let along = Along::start(host, &words, &file);
    until("tcpdump", SOON, || {
        along.said().contains("listening on").then_some(())
    });
    along
}

/// The segment sizes that the workstation's next connection asks for, at the server, and that the server asks for, at the workstation.
fn asked_for(bed: &Bed, to: IpAddr) -> [u16; 2] {
    let [there, here] = [bed.server(), bed.workstation()].map(|host| listen(bed, host));
    let _open = talk::connect(bed.workstation(), SocketAddr::new(to, service::HOLD));
    // A SYN, or the answer to one.
    [(there, "Flags [S]"), (here, "Flags [S.]")].map(|(along, flags)| {
        until("a segment size", SOON, || {
            let said = along.said();
            let line = said.lines().find(|line| line.contains(flags))?;
            let size = line.split("mss ").nth(1)?;
            let digits: String = size.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
    })
}

fn apply(bed: &Bed, wish: &Wish<'_>) {
    let file = bed.scratch_file("mss.json");
    fs::write(&file, wish.text()).expect("a configuration");
    bed.ask(&["config", "apply", text(&file)]);
}

fn segments_fit_the_path_both_ways_unless_that_is_off() -> Tried {
    need(&["tcpdump"])?;
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::default());
    for to in SERVERS {
        assert_eq!(asked_for(&bed, to), [1500 - headers(to); 2], "a plain path");
    }
    tool(bed.router(), &format!("ip link set {WAN} mtu {NARROW_MTU}"));
    for to in SERVERS {
        assert_eq!(
            asked_for(&bed, to),
            [NARROW_MTU - headers(to); 2],
            "a narrow one"
        );
    }
    apply(
        &bed,
        &Wish {
            wan_more: r#", "mss": "off""#,
            ..Wish::default()
        },
    );
    for to in SERVERS {
        assert_eq!(asked_for(&bed, to), [1500 - headers(to); 2], "off");
    }
    Ok(())
}

fn by_itself_only_what_the_home_sends_over_a_slow_uplink_is_in_small_segments() -> Tried {
    need(&["tcpdump"])?;
    let bed = Bed::new()?;
    let wish = Wish {
        up_kbit: 1_200,
        down_kbit: 8_000,
        ..Wish::default()
    };
    let _lanemark = bed.start(&wish);
    for to in SERVERS {
        // The server is told what the workstation takes, the workstation what it may send.
        assert_eq!(asked_for(&bed, to), [1500 - headers(to), 684], "to {to}");
    }
    let wish = Wish {
        up_kbit: 8_000,
        down_kbit: 1_200,
        ..wish
    };
    apply(&bed, &wish);
    for to in SERVERS {
        assert_eq!(asked_for(&bed, to), [684, 1500 - headers(to)], "to {to}");
    }
    let wan_more = r#", "lower_mss": null"#;
    apply(&bed, &Wish { wan_more, ..wish });
    for to in SERVERS {
        assert_eq!(asked_for(&bed, to), [1500 - headers(to); 2], "to {to}");
    }
    Ok(())
}

fn flows_of_the_lower_lanes_agree_on_small_segments_where_that_is_asked_for_and_others_do_not()
-> Tried {
    small_segments_below("auto")
}

fn so_they_do_under_cake() -> Tried {
    small_segments_below("cake")
}

fn small_segments_below(scheduler: &'static str) -> Tried {
    need(&["tcpdump"])?;
    let bed = Bed::new()?;
    if scheduler != "auto" {
        need_qdisc(&bed, scheduler)?;
    }
    let _lanemark = bed.start(&Wish::default());
    for (class, lower) in [
        ("exempt", false),
        ("premium", false),
        ("express", false),
        ("standard", true),
        ("bulk", true),
    ] {
        let wish = Wish {
            wan_more: r#", "lower_mss": 536"#,
            scheduler,
            ..Wish::workstation(class)
        };
        apply(&bed, &wish);
        for to in SERVERS {
            let expected = if lower { 536 } else { 1500 - headers(to) };
            assert_eq!(asked_for(&bed, to), [expected; 2], "{class} to {to}");
        }
    }
    // A device without a class is in the default lane.
    apply(
        &bed,
        &Wish {
            wan_more: r#", "lower_mss": 1000"#,
            scheduler,
            ..Wish::default()
        },
    );
    for to in SERVERS {
        assert_eq!(asked_for(&bed, to), [1000; 2]);
    }
    Ok(())
}
