//! Lines of every kind: what they make of a packet, and devices without an Ethernet header.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lanemark::lab::house::{LAN, WAN};

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::{run, tool};
use crate::promise::{SOON, Skip, Tried, patience, patient, promises, until};
use crate::see::{self, OUR_ROOT};
use crate::talk;

promises! {
    small_packets_take_what_the_line_makes_of_them,
    a_vlan_as_wan_is_shaped_like_a_port,
    a_point_to_point_wan_is_shaped_without_an_ethernet_header_and_again_after_each_dial,
}

/// Sends small datagrams, more than the line takes. Dropping it ends that.
struct Patter(Arc<AtomicBool>);

impl Patter {
    fn new(bed: &Bed, to: IpAddr, payload_bytes: usize) -> Patter {
        let socket = talk::sender(bed.workstation(), to);
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        thread::spawn(move || {
            let payload = vec![0; payload_bytes];
            while !is_over.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    let _ = socket.send(&payload);
                }
                // 10,000 a second at most: the machine is not to be busy with what is dropped.
                thread::sleep(Duration::from_millis(2));
            }
        });
        Patter(over)
    }
}

impl Drop for Patter {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn small_packets_take_what_the_line_makes_of_them() -> Tried {
    /// Bytes of a packet as the WAN counts it, beside its payload: Ethernet, IPv4 and UDP headers.
    const HEADERS: u64 = 14 + 20 + 8;
    const UP_KBIT: u32 = 1_000;
    const WHILE: Duration = Duration::from_secs(5);
    let bed = Bed::new()?;
    // Payload, and what its packet takes on the wire by hand.
    for (link, payload, wire) in [
        // 40 + 28 + 40 = 108 bytes: three cells of 48.
        ("adsl-pppoe-llc", 40, 3 * 53),
        // 28 + 28 + 40 = 96 bytes: exactly two.
        ("adsl-pppoe-llc", 28, 2 * 53),
        // 10 + 28 + 38 = 76 bytes: less than Ethernet's smallest.
        ("ethernet", 10, 84),
        ("none", 40, 82),
    ] {
        let wish = Wish {
            link,
            up_kbit: UP_KBIT,
            down_kbit: 8_000,
            ..Wish::workstation("premium")
        };
        let mut lanemark = bed.start_settled(&wish);
        let _patter = Patter::new(&bed, SERVERS[0], payload);
        let sent = || see::classes(bed.router(), WAN)["4c4d:10"].bytes;
        let first = sent();
        until("a full queue", SOON, || {
            (sent() > first + 50_000).then_some(())
        });
        let (before, began) = (sent(), Instant::now());
        thread::sleep(WHILE);
        let (after, took) = (sent(), began.elapsed());
        let payload = u64::try_from(payload).expect("a small number");
        let packets = (after - before) / (HEADERS + payload);
        let expected = u128::from(UP_KBIT) * took.as_millis() / 8 / wire;
        let percent = u128::from(packets) * 100 / expected;
        assert!(
            (97..=103).contains(&percent),
            "{link}, {payload} bytes: expected {expected} packets, found {packets}"
        );
        bed.ask(&["stop"]);
        lanemark.end();
    }
    Ok(())
}

/// As many providers have it, and as the switch in a router hands its WAN port to the processor.
fn a_vlan_as_wan_is_shaped_like_a_port() -> Tried {
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    const WHILE: Duration = Duration::from_secs(5);
    // A slow machine counts for as many times as long on a line as many times slower.
    let line_kbit = 4_000 / patience();
    let bed = Bed::new()?;
    let (router, server) = (bed.router(), bed.server());
    let namespace = server.namespace_path();
    tool(
        router,
        &format!(
            "ip link add up0 type veth peer name up0 netns {}",
            namespace.display()
        ),
    );
    for (host, address) in [(server, "198.51.100.1/24"), (router, "198.51.100.2/24")] {
        let words = "ip link add link up0 name up0.7 type vlan id 7";
        let made = run(host, &words.split(' ').collect::<Vec<_>>());
        if made.code != Some(0) {
            return Err(Skip::NotBuilt(format!("no VLANs: {}", made.err.trim())));
        }
        for dev in ["up0", "up0.7"] {
            tool(host, &format!("ip link set {dev} up"));
        }
        tool(host, &format!("ip address add {address} dev up0.7"));
    }
    tool(server, "ip route replace 192.168.77.0/24 via 198.51.100.2");
    tool(router, "ip route replace default via 198.51.100.1");
    let wish = Wish {
        wan: "auto",
        up_kbit: line_kbit,
        down_kbit: 2 * line_kbit,
        ..Wish::workstation("premium")
    };
    let mut lanemark = bed.start(&wish);
    bed.await_state(&mut lanemark, "on");
    let sent = |dev| see::classes(router, dev)["4c4d:10"].bytes;
    talk::download(bed.workstation(), THERE, 200_000);
    assert!(sent(LAN) > 200_000, "downloads are in the lane");
    let _patter = Patter::new(&bed, THERE, 1_000);
    let first = sent("up0.7");
    until("a full queue", SOON, || {
        (sent("up0.7") > first + 50_000).then_some(())
    });
    let (before, began) = (sent("up0.7"), Instant::now());
    thread::sleep(patient(WHILE));
    let kbit = u128::from(sent("up0.7") - before) * 8 / began.elapsed().as_millis();
    let percent = kbit * 100 / u128::from(line_kbit);
    assert!(
        (95..=101).contains(&percent),
        "{kbit} of {line_kbit} kbit/s"
    );
    Ok(())
}

fn a_point_to_point_wan_is_shaped_without_an_ethernet_header_and_again_after_each_dial() -> Tried {
    let bed = Bed::new()?;
    let router = bed.router();
    let dial = || {
        let made = run(
            router,
            &["ip", "tuntap", "add", "dev", "ppp0", "mode", "tun"],
        );
        if made.code != Some(0) {
            return Err(Skip::Machine(format!("no tun device: {}", made.err.trim())));
        }
        tool(router, "ip link set ppp0 up");
        tool(router, "ip route replace default dev ppp0");
        tool(router, "ip -6 route replace default dev ppp0");
        Ok(())
    };
    dial()?;
    let wish = Wish {
        wan: "auto",
        link: "pppoe-ptm",
        ..Wish::workstation("premium")
    };
    let mut lanemark = bed.start(&wish);
    for _ in 0..3 {
        until("our root on ppp0", SOON, || {
            (see::root_qdisc(router, "ppp0") == OUR_ROOT).then_some(())
        });
        bed.await_state(&mut lanemark, "on");
        // All that the line adds on the device that counts IP packets; on the other, an Ethernet header less.
        for (dev, overhead) in [("ppp0", 30), (LAN, 16)] {
            let classes = tool(router, &format!("tc -d class show dev {dev}"));
            let line = classes.lines().find(|line| line.contains("htb 4c4d:1 "));
            let line = line.unwrap_or_default();
            assert!(line.contains(&format!("overhead {overhead} ")), "{line}");
        }
        let rules = tool(router, "nft list table inet lanemark");
        assert_eq!(rules.matches("ifname \"ppp0\" goto lanes").count(), 2);
        tool(router, "ip link del ppp0");
        bed.await_state(&mut lanemark, "waiting");
        dial()?;
    }
    Ok(())
}
