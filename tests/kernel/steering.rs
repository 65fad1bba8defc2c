//! Packets go through the class of their flow, in both directions, and what is not the line's goes around.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use lanemark::lab::house::{self, LAN, WAN};

use crate::bed::{Bed, OURS, SERVERS, Wish};
use crate::program::tool;
use crate::promise::{SOON, Tried, promises, until};
use crate::see::{self, Sent};
use crate::talk::{self, PAYLOAD_BYTES};

promises! {
    each_class_carries_what_its_device_sends_and_gets,
    a_device_without_a_class_is_in_the_default_lane,
    what_the_router_says_to_the_home_is_not_shaped,
    what_the_home_says_to_the_router_is_not_shaped,
    what_the_router_says_to_the_internet_is_in_the_standard_lane,
    bits_of_a_class_that_is_not_ours_lead_to_the_default_lane,
    answers_to_a_download_have_their_own_way_unless_the_lane_is_a_high_one,
}

const CLASSES: [(&str, &str); 5] = [
    ("exempt", "4c4d:100"),
    ("premium", "4c4d:10"),
    ("express", "4c4d:20"),
    ("standard", "4c4d:30"),
    ("bulk", "4c4d:40"),
];

/// Datagrams of an upload, and bytes of a download.
const DATAGRAMS: usize = 60;
const BYTES: usize = 200_000;

/// Bytes that may be in another class meanwhile: ARP, neighbour discovery and the like.
const NOISE_BYTES: u64 = 3_000;

/// What each class of both devices carried while something was done, by device and class.
fn carried(bed: &Bed, what: impl FnOnce()) -> BTreeMap<(&'static str, String), u64> {
    let look = || -> BTreeMap<(&'static str, String), u64> {
        let both = [WAN, LAN].map(|dev| {
            see::classes(bed.router(), dev)
                .into_iter()
                .map(move |(class, sent)| ((dev, class), sent.bytes))
        });
        both.into_iter().flatten().collect()
    };
    let before = look();
    what();
    // Nothing waits in a queue any more: all is counted.
    until("empty queues", SOON, || {
        let waits = CLASSES.iter().any(|(_, class)| {
            [WAN, LAN]
                .iter()
                .any(|dev| see::backlog_packets(bed.router(), dev, class) > 0)
        });
        (!waits).then_some(())
    });
    let after = look();
    after
        .into_iter()
        .map(|(key, bytes)| {
            (
                key.clone(),
                bytes - before.get(&key).copied().unwrap_or_default(),
            )
        })
        .collect()
}

/// That one lane of a device carried at least so much, and the others of the same device nothing to speak of.
fn only_in(
    carried: &BTreeMap<(&'static str, String), u64>,
    dev: &'static str,
    class: &str,
    bytes: u64,
) {
    for (_, lane) in CLASSES {
        let found = carried
            .get(&(dev, lane.to_owned()))
            .copied()
            .unwrap_or_default();
        if lane == class {
            assert!(
                found >= bytes,
                "expected {bytes} bytes in {lane} of {dev}, found {found}: {carried:?}"
            );
        } else {
            assert!(
                found < NOISE_BYTES,
                "expected nothing in {lane} of {dev}, found {found}: {carried:?}"
            );
        }
    }
}

/// That the line carried what is shaped, and nothing of what is beside it.
fn line_carried(carried: &BTreeMap<(&'static str, String), u64>, dev: &'static str, class: &str) {
    let line = carried
        .get(&(dev, "4c4d:1".to_owned()))
        .copied()
        .unwrap_or_default();
    let beside = class == "4c4d:100";
    assert!(
        (line < 3 * NOISE_BYTES) == beside,
        "{line} bytes of {class} in the line of {dev}"
    );
}

fn size(bytes: usize) -> u64 {
    bytes.try_into().expect("a small number")
}

fn each_class_carries_what_its_device_sends_and_gets() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::default());
    for (class, handle) in CLASSES {
        bed.ask(&["set", "192.168.77.10", class]);
        for server in SERVERS {
            let up = carried(&bed, || talk::upload(bed.workstation(), server, DATAGRAMS));
            only_in(&up, WAN, handle, size(DATAGRAMS * PAYLOAD_BYTES));
            line_carried(&up, WAN, handle);
            let down = carried(&bed, || talk::download(bed.workstation(), server, BYTES));
            only_in(&down, LAN, handle, size(BYTES));
            line_carried(&down, LAN, handle);
        }
    }
    Ok(())
}

fn a_device_without_a_class_is_in_the_default_lane() -> Tried {
    let bed = Bed::new()?;
    let wish = Wish {
        default_class: "bulk",
        ..Wish::workstation("premium")
    };
    let _lanemark = bed.start(&wish);
    for server in SERVERS {
        let up = carried(&bed, || talk::upload(bed.tv(), server, DATAGRAMS));
        only_in(&up, WAN, "4c4d:40", size(DATAGRAMS * PAYLOAD_BYTES));
        let down = carried(&bed, || talk::download(bed.tv(), server, BYTES));
        only_in(&down, LAN, "4c4d:40", size(BYTES));
    }
    Ok(())
}

/// The packets that HTB sent without any class: `direct_packets_stat 12`.
fn direct_packets(bed: &Bed, dev: &str) -> u64 {
    let text = tool(bed.router(), &format!("tc -d -s qdisc show dev {dev}"));
    let mut words = text
        .split_whitespace()
        .skip_while(|word| *word != "direct_packets_stat");
    words
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("expected direct_packets_stat, found {text}"))
}

fn what_the_router_says_to_the_home_is_not_shaped() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let direct = direct_packets(&bed, LAN);
    let quiet = carried(&bed, || {
        let socket = bed
            .router()
            .run(|| UdpSocket::bind("0.0.0.0:0"))
            .expect("the router")
            .expect("a socket");
        for _ in 0..DATAGRAMS {
            socket
                .send_to(&[0; PAYLOAD_BYTES], "192.168.77.10:9")
                .expect("a datagram to the workstation");
        }
    });
    only_in(&quiet, LAN, "none", 0);
    assert!(
        direct_packets(&bed, LAN) >= direct + size(DATAGRAMS),
        "HTB sent them directly"
    );
    Ok(())
}

fn what_the_home_says_to_the_router_is_not_shaped() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let listener = bed
        .router()
        .run(|| TcpListener::bind("192.168.77.1:8081"))
        .expect("the router")
        .expect("a port");
    let router = SocketAddr::from((house::ROUTER_V4, 8081));
    let quiet = carried(&bed, || {
        use std::io::{Read as _, Write as _};
        let mut stream = talk::connect(bed.workstation(), router);
        let (mut other, _) = listener.accept().expect("a connection");
        stream.write_all(&[0; 50_000]).expect("to send");
        other.read_exact(&mut [0; 50_000]).expect("to receive");
        other.write_all(&[0; 50_000]).expect("to send");
        stream.read_exact(&mut [0; 50_000]).expect("to receive");
    });
    only_in(&quiet, LAN, "none", 0);
    only_in(&quiet, WAN, "none", 0);
    Ok(())
}

fn what_the_router_says_to_the_internet_is_in_the_standard_lane() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    for server in SERVERS {
        let up = carried(&bed, || talk::upload(bed.router(), server, DATAGRAMS));
        only_in(&up, WAN, "4c4d:30", size(DATAGRAMS * PAYLOAD_BYTES));
    }
    Ok(())
}

fn bits_of_a_class_that_is_not_ours_lead_to_the_default_lane() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish {
        default_class: "express",
        ..Wish::workstation("premium")
    });
    for server in SERVERS {
        let (source, family) = if server.is_ipv4() {
            ("192.168.77.10", "ipv4")
        } else {
            ("fd77::10", "ipv6")
        };
        let socket = talk::sender(bed.workstation(), server);
        socket.send(&[0]).expect("a datagram");
        tool(
            bed.router(),
            &format!(
                "conntrack -U -f {family} -p udp -s {source} --mark 0xab000037/{:#x}",
                0xff00_0000 | OURS
            ),
        );
        let up = carried(&bed, || {
            (0..DATAGRAMS).for_each(|_| {
                assert_eq!(socket.send(&[0; PAYLOAD_BYTES]).ok(), Some(PAYLOAD_BYTES))
            })
        });
        only_in(&up, WAN, "4c4d:20", size(DATAGRAMS * PAYLOAD_BYTES));
    }
    // The kernel's word that nothing was lost on the way.
    assert!(
        see::classes(bed.router(), WAN)
            .values()
            .all(|Sent { dropped, .. }| *dropped == 0)
    );
    Ok(())
}

/// Small packets of the lanes below Express; their mark is that of the flow.
const SMALL: &str = "4c4d:36";

fn answers_to_a_download_have_their_own_way_unless_the_lane_is_a_high_one() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::default());
    for (class, handle) in CLASSES {
        bed.ask(&["set", "192.168.77.10", class]);
        for server in SERVERS {
            let answers = carried(&bed, || talk::download(bed.workstation(), server, BYTES));
            let lane = if ["standard", "bulk"].contains(&class) {
                SMALL
            } else {
                handle
            };
            let found = answers
                .get(&(WAN, lane.to_owned()))
                .copied()
                .unwrap_or_default();
            assert!(
                found > 300,
                "{class}: expected the answers in {lane} of {WAN}, found {answers:?}"
            );
        }
    }
    Ok(())
}
