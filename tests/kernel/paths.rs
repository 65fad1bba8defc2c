//! The ways that packets take through a home: forwarded ports, from the LAN to the LAN by way of the outside address, behind another
//! router, and all of the story over IPv6 alone.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use lanemark::lab::host::Host;
use lanemark::lab::house::{self, LAN, Resident, WAN};
use lanemark::lab::service;

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::tool;
use crate::promise::{SOON, Tried, promises, until};
use crate::see;
use crate::talk;

promises! {
    a_forwarded_port_is_in_the_lane_of_its_device_both_ways,
    what_goes_to_the_lan_by_way_of_the_outside_address_is_not_shaped,
    a_client_behind_a_router_in_the_lan_is_in_that_routers_lane,
    the_story_over_ipv6_alone,
}

/// Bytes of one exchange: many packets, well above what else passes.
const BYTES: usize = 100_000;
const NOISE_BYTES: u64 = 3_000;

fn carried(bed: &Bed, what: impl FnOnce()) -> BTreeMap<(&'static str, String), u64> {
    let look = || -> BTreeMap<(&'static str, String), u64> {
        let of = |dev| {
            let classes = see::classes(bed.router(), dev).into_iter();
            classes.map(move |(class, sent)| ((dev, class), sent.bytes))
        };
        [WAN, LAN].into_iter().flat_map(of).collect()
    };
    let before = look();
    what();
    let mut carried = look();
    for (key, bytes) in &mut carried {
        *bytes -= before.get(key).copied().unwrap_or_default();
    }
    carried
}

/// That a class of a device carried so much.
fn assert_in(carried: &BTreeMap<(&'static str, String), u64>, dev: &'static str, class: &str) {
    let found = carried.get(&(dev, class.to_owned())).copied();
    let enough = u64::try_from(BYTES).expect("a small number");
    assert!(
        found.is_some_and(|bytes| bytes >= enough),
        "expected {enough} bytes in {class} of {dev}, found {carried:?}"
    );
}

/// A port of the outside address that leads to the workstation, from both sides.
fn forward(bed: &Bed, port: u16) {
    let router = bed.router();
    tool(router, "nft add table ip forwards");
    for (chain, priority) in [("prerouting", -100), ("postrouting", 100)] {
        tool(
            router,
            &format!(
                "nft add chain ip forwards {chain} {{ type nat hook {chain} priority {priority} ; }}"
            ),
        );
    }
    let outside = house::WAN_V4;
    tool(
        router,
        &format!(
            "nft add rule ip forwards prerouting ip daddr {outside} tcp dport {port} dnat to 192.168.77.10"
        ),
    );
    // Who asks from inside is answered by way of the router, too.
    tool(
        router,
        "nft add rule ip forwards postrouting iifname br-lan oifname br-lan masquerade",
    );
}

/// Says so many bytes to a port of the workstation, and hears as many.
fn exchange(bed: &Bed, from: &Host, port: u16) {
    let inside = bed
        .workstation()
        .run(move || TcpListener::bind(("192.168.77.10", port)))
        .expect("the workstation")
        .expect("a port");
    let mut one = talk::connect(from, SocketAddr::new(house::WAN_V4.into(), port));
    let (mut other, _) = inside.accept().expect("a connection");
    let pass = |from: &mut TcpStream, to: &mut TcpStream| {
        // Less than a socket holds at once.
        for _ in 0..10 {
            from.write_all(&[0; BYTES / 10]).expect("to send");
            to.read_exact(&mut [0; BYTES / 10]).expect("to receive");
        }
    };
    pass(&mut one, &mut other);
    pass(&mut other, &mut one);
}

fn a_forwarded_port_is_in_the_lane_of_its_device_both_ways() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    forward(&bed, 2222);
    let both = carried(&bed, || exchange(&bed, bed.server(), 2222));
    assert_in(&both, LAN, "4c4d:10");
    assert_in(&both, WAN, "4c4d:10");
    Ok(())
}

fn what_goes_to_the_lan_by_way_of_the_outside_address_is_not_shaped() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    forward(&bed, 2222);
    let quiet = carried(&bed, || exchange(&bed, bed.tv(), 2222));
    for ((dev, class), bytes) in &quiet {
        assert!(*bytes < NOISE_BYTES, "{bytes} bytes in {class} of {dev}");
    }
    // And it did take that way.
    let flows = see::flows(bed.router());
    let outside = house::WAN_V4.to_string();
    let hairpin =
        |(key, flow): (&String, &see::Flow)| key.contains(&outside) && flow.is_of(&Resident::tv());
    assert!(flows.iter().any(hairpin), "{flows:?}");
    Ok(())
}

fn a_client_behind_a_router_in_the_lan_is_in_that_routers_lane() -> Tried {
    let bed = Bed::with_guests(1)?;
    let (router, guest) = (bed.router(), bed.host("guest0"));
    // The guest speaks for a network of its own: what comes from there carries the guest's MAC address.
    for (family, address, network, gateway) in [
        ("-4", "192.168.90.5/32", "192.168.90.0/24", "192.168.77.100"),
        ("-6", "fd90::5/128", "fd90::/64", "fd77::100"),
    ] {
        tool(guest, &format!("ip {family} addr add {address} dev lo"));
        tool(
            router,
            &format!("ip {family} route add {network} via {gateway}"),
        );
    }
    tool(
        bed.server(),
        &format!("ip -6 route add fd90::/64 via {}", house::WAN_V6),
    );
    let _lanemark = bed.start(&Wish::default().and(&Resident::guest(0), "bulk"));
    for (own, server) in ["192.168.90.5", "fd90::5"].into_iter().zip(SERVERS) {
        let mut stream = bound(guest, own, SocketAddr::new(server, service::SOURCE));
        let down = carried(&bed, || {
            stream.write_all(&[0]).expect("to ask for bytes");
            stream.read_exact(&mut vec![0; BYTES]).expect("the bytes");
        });
        assert_in(&down, LAN, "4c4d:40");
        // A walk through the flows, which knows no device of that address, leaves it its class.
        bed.ask(&["set", "192.168.77.10", "premium"]);
        let flows = see::flows(router);
        let of_client = flows.values().find(|flow| flow.src == own);
        assert_eq!(of_client.map(|flow| flow.mark), Some(40), "{own}");
    }
    Ok(())
}

/// A connection from one of a host's own addresses.
fn bound(host: &Host, own: &str, to: SocketAddr) -> TcpStream {
    use std::os::fd::AsRawFd as _;

    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket,
    };
    let own = SocketAddr::new(own.parse().expect("an address"), 0);
    let made = host.run(move || {
        let family = match own.ip() {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        let made = socket(family, SockType::Stream, SockFlag::empty(), None)?;
        bind(made.as_raw_fd(), &SockaddrStorage::from(own))?;
        connect(made.as_raw_fd(), &SockaddrStorage::from(to))?;
        Ok::<_, nix::errno::Errno>(TcpStream::from(made))
    });
    made.expect("the host").expect("a connection")
}

fn the_story_over_ipv6_alone() -> Tried {
    let bed = Bed::new()?;
    for host in [bed.workstation(), bed.tv()] {
        tool(host, "ip -4 addr flush dev eth0");
    }
    let server = SERVERS[1];
    let echo = SocketAddr::new(server, service::ECHO);
    // Opened before anything was configured, and still open afterwards.
    let mut early = talk::connect(bed.workstation(), echo);
    talk::echo(&mut early);
    let _lanemark = bed.start(&Wish::default());
    let work = Resident::workstation();
    assert_eq!(see::marks(bed.router(), &work), [0]);
    until("the workstation among the devices", SOON, || {
        bed.ask(&["devices"]).contains("fd77::10").then_some(())
    });
    bed.ask(&["set", "fd77::10", "premium"]);
    assert_eq!(see::marks(bed.router(), &work), [10], "marked while open");
    talk::echo(&mut early);
    let mut late = talk::connect(bed.workstation(), echo);
    talk::echo(&mut late);
    assert_eq!(see::marks(bed.router(), &work), [10], "born with it");
    let told = bed.ask(&["flows", "--device", "fd77::10", "--json"]);
    // The house has tried its path over IPv4 before.
    let told: Vec<&str> = told
        .split('{')
        .filter(|flow| flow.contains("\"src\":\"fd77::10\""))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|flow| flow.contains("\"mark\":10")),
        "{told:?}"
    );
    let mut tv = talk::connect(bed.tv(), echo);
    talk::echo(&mut tv);
    assert_eq!(see::marks(bed.router(), &Resident::tv()), [0]);
    let down = carried(&bed, || talk::download(bed.workstation(), server, BYTES));
    assert_in(&down, LAN, "4c4d:10");
    let devices = bed.ask(&["devices", "--json"]);
    assert!(devices.contains(&work.mac_text()), "{devices}");
    Ok(())
}
