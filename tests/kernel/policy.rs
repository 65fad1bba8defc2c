//! One policy, and what becomes of some 250 flows under it: a table, and judges that know nothing of lanemark.
//!
//! The table is written out by hand. How the policy gets into the kernel and where its effect is looked for are arguments ([`Way`],
//! [`Lanes`]), so that other dialects of rules and other schedulers are held to the same table.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use lanemark::engine::{classify, narrowest};
use lanemark::lab::house::{self, Resident, WAN};
use lanemark::value::{Class, Mac};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sendto, setsockopt,
    socket, sockopt,
};

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::{Along, tool};
use crate::promise::{SOON, Tried, promises, until};
use crate::schedulers::{need_qdisc, tins};
use crate::see;

promises! {
    every_flow_of_the_table_has_the_class_that_the_table_says,
    every_flow_of_the_table_leaves_through_the_lane_of_its_class,
    every_flow_of_the_table_leaves_through_the_lane_of_its_class_under_hfsc,
    every_flow_of_the_table_leaves_through_the_tin_of_its_class_under_cake,
    a_change_of_the_rules_marks_the_flows_that_are_open,
    a_flow_from_outside_gets_its_class_at_the_homes_first_answer_by_the_port_that_it_was_opened_to,
    nft_reads_the_rules_as_they_are_meant,
    the_most_rules_take_no_more_memory_at_rest_than_promised,
}

/// The rules, last those whose conditions a conntrack entry does not tell; `WS`, `TV`, `G0` and `G1` stand for MAC addresses.
const RULES: &str = r#"
    {"name": "games of the tv", "class": "exempt", "mac": "TV", "proto": "udp", "ports": "3074"},
    {"class": "express", "service": "voip"},
    {"class": "premium", "service": "ssh"},
    {"class": "bulk", "service": "torrents"},
    {"class": "standard", "mac": "WS", "ports": "8000-8100,9000"},
    {"class": "exempt", "remote": "203.0.113.9", "proto": "tcp"},
    {"class": "bulk", "remote": "203.0.113.8/29"},
    {"class": "express", "remote": "2001:db8:77::8/125", "proto": "udp"},
    {"class": "premium", "cidr": "192.168.77.100/31", "proto": "udp", "ports": "1000-1999"},
    {"class": "premium", "cidr": "fd77::100/127", "proto": "udp", "ports": "1000-1999"},
    {"class": "bulk", "proto": "icmp", "mac": "TV"},
    {"class": "express", "proto": "icmp"},
    {"class": "bulk", "proto": "tcp", "ports": "8022"},
    {"class": "premium", "service": "ntp"},
    {"class": "express", "service": "dns"},
    {"class": "standard", "mac": "G0", "cidr": "192.168.77.0/24", "remote": "203.0.113.1", "proto": 6, "ports": "443"},
    {"class": "exempt", "mac": "G0", "cidr": "192.168.77.20", "proto": "tcp"},
    {"class": "bulk", "mac": "G1", "ports": "60000-65535"},
    {"class": "premium", "remote": "::/0", "proto": "tcp", "ports": "4443"},
    {"class": "exempt", "remote": "0.0.0.0/0", "proto": "udp", "ports": "4443"},
    {"class": "bulk", "dscp": "cs1"},
    {"class": "express", "dscp": 46, "proto": "udp"},
    {"class": "exempt", "interface": "br-guest", "proto": "udp", "ports": "7000"},
    {"class": "express", "interface": "br-lan", "ports": "7000"},
    {"class": "express", "mac": "WS", "dscp": "af41"}
"#;

/// A kind of flow, and its class when the workstation, the television, the first and the second guest open it, over IPv4 and over IPv6:
/// the first letter of the class, `x` for exempt, `-` for none.
type Row = (&'static str, u16, u8, To, &'static str, &'static str);

/// Where to: the server's address, or its other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Server,
    Other,
}
use To::{Other, Server};

#[rustfmt::skip]
const TABLE: [Row; 31] = [
    // The devices alone.
    ("udp", 5001, 0, Server, "pb-e", "pb-e"),
    ("tcp", 5000, 0, Server, "pb-e", "pb-e"),
    // A device's port of one protocol.
    ("udp", 3074, 0, Server, "px-e", "px-e"),
    ("tcp", 3074, 0, Server, "pb-e", "pb-e"),
    // Services.
    ("udp", 5060, 0, Server, "eeee", "eeee"),
    ("udp", 20000, 0, Server, "eeee", "eeee"),
    ("tcp", 22, 0, Server, "pppp", "pppp"),
    ("udp", 22, 0, Server, "pb-e", "pb-e"),
    ("tcp", 6900, 0, Server, "bbbb", "bbbb"),
    ("udp", 51413, 0, Server, "bbbb", "bbbb"),
    ("udp", 123, 0, Server, "pppp", "pppp"),
    ("tcp", 853, 0, Server, "eeee", "eeee"),
    // Ports of both protocols, at the edges of a range.
    ("tcp", 8000, 0, Server, "sb-e", "sb-e"),
    ("udp", 8100, 0, Server, "sb-e", "sb-e"),
    ("udp", 8101, 0, Server, "pb-e", "pb-e"),
    ("tcp", 9000, 0, Server, "sb-e", "sb-e"),
    // The other side's address.
    ("tcp", 443, 0, Other, "xxxx", "pb-e"),
    ("udp", 443, 0, Other, "bbbb", "eeee"),
    // The home's address.
    ("udp", 1500, 0, Server, "pbpp", "pbpp"),
    ("udp", 2000, 0, Server, "pb-e", "pb-e"),
    // Code points.
    ("udp", 5002, 8, Server, "bbbb", "bbbb"),
    ("udp", 5003, 46, Server, "eeee", "eeee"),
    ("tcp", 5003, 46, Server, "pb-e", "pb-e"),
    ("tcp", 5004, 34, Server, "eb-e", "eb-e"),
    // The interface.
    ("tcp", 7000, 0, Server, "eeee", "eeee"),
    ("udp", 7000, 0, Server, "eeee", "eeee"),
    ("icmp", 0, 0, Server, "ebee", "ebee"),
    // All conditions at once, and one that does not hold.
    ("tcp", 443, 0, Server, "pbse", "pb-e"),
    ("udp", 61000, 0, Server, "pb-b", "pb-b"),
    // One version of IP.
    ("tcp", 4443, 0, Server, "pb-e", "pppp"),
    ("udp", 4443, 0, Server, "xxxx", "pb-e"),
];

/// The classes of the devices.
const DEVICES: &str = "pb-e";

/// The server's other addresses.
const OTHERS: [&str; 2] = ["203.0.113.9", "2001:db8:77::9"];

/// The first port that flows are opened from; each row has its own.
const FROM: u16 = 30_000;

/// Datagrams of a flow where lanes are counted, and bytes of each: more than the noise that other packets make.
const DATAGRAMS: usize = 8;
const PAYLOAD_BYTES: usize = 1000;
const NOISE_BYTES: u64 = 6_000;

/// How a policy gets into the kernel.
pub trait Way {
    /// Starts lanemark with this configuration and waits until it is in force.
    fn start(&self, bed: &Bed, wish: &Wish<'_>) -> Along;
}

/// Where the packets of a class are counted.
pub trait Lanes {
    /// Bytes that left towards the Internet so far, by the letter of the lane.
    fn sent(&self, bed: &Bed) -> BTreeMap<char, u64>;

    /// The letter of the lane that this class has.
    fn of(&self, class: char) -> char {
        if class == '-' { 's' } else { class }
    }
}

/// What lanemark does where it has `nf_tables`.
pub struct Nftables;

impl Way for Nftables {
    fn start(&self, bed: &Bed, wish: &Wish<'_>) -> Along {
        bed.start(wish)
    }
}

/// The classes of HTB or HFSC, below this major number.
pub struct Tree(&'static str);

impl Lanes for Tree {
    fn sent(&self, bed: &Bed) -> BTreeMap<char, u64> {
        let classes = see::classes(bed.router(), WAN);
        let lanes = [('x', 100), ('p', 10), ('e', 20), ('s', 30), ('b', 40)];
        lanes
            .map(|(letter, minor)| (letter, classes[&format!("{}:{minor}", self.0)].bytes))
            .into()
    }
}

/// The tins of CAKE, where exempt travels with Premium.
pub struct Tins;

impl Lanes for Tins {
    fn sent(&self, bed: &Bed) -> BTreeMap<char, u64> {
        ['b', 's', 'e', 'p']
            .into_iter()
            .zip(tins(bed, WAN))
            .collect()
    }

    fn of(&self, class: char) -> char {
        match class {
            '-' => 's',
            'x' => 'p',
            class => class,
        }
    }
}

/// A flow of the table.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Whose: the number of the host.
    host: usize,
    row: Row,
    from: u16,
    src: IpAddr,
    dst: IpAddr,
    class: char,
}

fn hosts() -> [Resident; 4] {
    [
        Resident::workstation(),
        Resident::tv(),
        Resident::guest(0),
        Resident::guest(1),
    ]
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (row, from) in TABLE.into_iter().zip(FROM..) {
        for (host, resident) in hosts().into_iter().enumerate() {
            for (version, classes) in [row.4, row.5].into_iter().enumerate() {
                let others = OTHERS.map(|other| other.parse().expect("an address"));
                let servers = if row.3 == Server { SERVERS } else { others };
                samples.push(Sample {
                    host,
                    row,
                    from,
                    src: [IpAddr::V4(resident.v4), IpAddr::V6(resident.v6)][version],
                    dst: servers[version],
                    class: classes.chars().nth(host).expect("a class for each host"),
                });
            }
        }
    }
    samples
}

impl Sample {
    /// As `conntrack` names it.
    fn key(&self) -> String {
        let (proto, to, ..) = self.row;
        let Sample { from, src, dst, .. } = self;
        match (proto, dst) {
            ("icmp", IpAddr::V4(_)) => format!("icmp {src} {dst} - -"),
            ("icmp", IpAddr::V6(_)) => format!("icmpv6 {src} {dst} - -"),
            _ => format!("{proto} {src} {dst} {from} {to}"),
        }
    }

    /// Opens it with one packet, or says so many.
    fn speak(&self, bed: &Bed, datagrams: usize) {
        let Sample {
            row: (proto, to, dscp, ..),
            from,
            src,
            dst,
            host,
            ..
        } = *self;
        let spoken = bed.host(&hosts()[host].name).run(move || match proto {
            "udp" => {
                let socket = UdpSocket::bind(SocketAddr::new(src, from))?;
                point(&socket, dst, dscp);
                socket.connect(SocketAddr::new(dst, to))?;
                (0..datagrams).try_for_each(|_| socket.send(&[0; PAYLOAD_BYTES]).map(drop))
            }
            "tcp" => {
                open_tcp(src, from, dst, (to, dscp));
                Ok(())
            }
            _ => {
                echo_request(dst);
                Ok(())
            }
        });
        spoken.expect("the host").expect("to open a flow");
    }
}

/// Sets the code point of what a socket sends.
fn point(socket: &impl std::os::fd::AsFd, to: IpAddr, dscp: u8) {
    let class = i32::from(dscp) << 2;
    let set = if to.is_ipv4() {
        setsockopt(socket, sockopt::Ipv4Tos, &class)
    } else {
        setsockopt(socket, sockopt::Ipv6TClass, &class)
    };
    set.expect("to set a code point");
}

/// Sends a SYN, to which nobody answers.
fn open_tcp(src: IpAddr, from: u16, dst: IpAddr, (to, dscp): (u16, u8)) {
    let family = if src.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let made = socket(family, SockType::Stream, SockFlag::SOCK_NONBLOCK, None).expect("a socket");
    point(&made, dst, dscp);
    let address = |ip, port| SockaddrStorage::from(SocketAddr::new(ip, port));
    nix::sys::socket::bind(made.as_raw_fd(), &address(src, from)).expect("a port of its own");
    let begun = nix::sys::socket::connect(made.as_raw_fd(), &address(dst, to));
    assert_eq!(begun, Err(Errno::EINPROGRESS));
}

/// Sends an echo request.
pub fn echo_request(dst: IpAddr) {
    let (family, proto, mut packet) = match dst {
        IpAddr::V4(_) => (
            AddressFamily::Inet,
            SockProtocol::Icmp,
            [8, 0, 0, 0, 0, 1, 0, 1],
        ),
        // The kernel adds the checksum itself.
        IpAddr::V6(_) => (
            AddressFamily::Inet6,
            SockProtocol::IcmpV6,
            [128, 0, 0, 0, 0, 1, 0, 1],
        ),
    };
    if dst.is_ipv4() {
        // RFC 1071, of 0x0800, 0, 1 and 1.
        [packet[2], packet[3]] = (!0x0802_u16).to_be_bytes();
    }
    let made = socket(family, SockType::Raw, SockFlag::empty(), proto).expect("a raw socket");
    let to = SockaddrStorage::from(SocketAddr::new(dst, 0));
    sendto(made.as_raw_fd(), &packet, &to, MsgFlags::empty()).expect("to send an echo request");
}

/// A house whose server has two addresses and is deaf to all but ICMP, so that flows stay as they were opened.
fn deaf_house() -> Result<Bed, crate::promise::Skip> {
    let bed = Bed::with_guests(2)?;
    for (address, bits) in OTHERS.into_iter().zip(["32", "128 nodad"]) {
        tool(
            bed.server(),
            &format!("ip addr add {address}/{bits} dev {}", house::PORT),
        );
    }
    for line in [
        "nft add table inet deaf",
        "nft add chain inet deaf hear { type filter hook input priority 0 ; }",
        "nft add rule inet deaf hear meta l4proto { tcp, udp } drop",
    ] {
        tool(bed.server(), line);
    }
    for timeout in [
        "net/netfilter/nf_conntrack_icmp_timeout",
        "net/netfilter/nf_conntrack_icmpv6_timeout",
        "net/netfilter/nf_conntrack_tcp_timeout_syn_sent",
    ] {
        bed.router()
            .set_sysctl(timeout, "600")
            .expect("a timeout of flows");
    }
    Ok(bed)
}

/// The rules with MAC addresses.
fn rules() -> String {
    let names = ["WS", "TV", "G0", "G1"].into_iter().zip(hosts());
    names.fold(RULES.to_owned(), |rules, (name, resident)| {
        rules.replace(
            &format!("\"{name}\""),
            &format!("\"{}\"", resident.mac_text()),
        )
    })
}

fn wish(rules: &str) -> Wish<'_> {
    let wish = Wish {
        up_kbit: 1_000_000,
        down_kbit: 1_000_000,
        rules,
        ..Wish::default()
    };
    let devices = hosts().into_iter().zip(DEVICES.chars());
    devices.fold(wish, |wish, (resident, letter)| match class(letter) {
        Some(class) => wish.and(&resident, class.name()),
        None => wish,
    })
}

fn class(letter: char) -> Option<Class> {
    Some(match letter {
        'x' => Class::Exempt,
        'p' => Class::Premium,
        'e' => Class::Express,
        's' => Class::Standard,
        'b' => Class::Bulk,
        _ => return None,
    })
}

/// The flows that have another class than expected.
fn wrong(bed: &Bed, expected: impl Fn(&Sample) -> char) -> Vec<String> {
    let flows = see::flows(bed.router());
    let mut wrong = Vec::new();
    for sample in samples() {
        let key = sample.key();
        let found = flows.get(&key).map(|flow| flow.mark);
        let class = class(expected(&sample));
        let mark = class.map_or(0, Class::mark);
        if found != Some(mark) {
            wrong.push(format!("{key}: expected {class:?}, found mark {found:?}"));
        }
    }
    wrong
}

pub fn every_flow_of_the_table_has_the_class_that_the_table_says() -> Tried {
    let bed = deaf_house()?;
    let rules = rules();
    let _lanemark = Nftables.start(&bed, &wish(&rules));
    let samples = samples();
    assert!(samples.len() >= 200);
    for sample in &samples {
        sample.speak(&bed, 1);
    }
    let wrong = wrong(&bed, |sample| sample.class);
    assert!(wrong.is_empty(), "{} flows: {wrong:#?}", wrong.len());
    // And the daemon, for flows that are open already, decides the same by the same rules.
    let text = format!("{{\"version\": 1, \"rules\": [{rules}]}}");
    let config = lanemark::config::parse(text.as_bytes()).expect("the rules");
    for sample in samples {
        let proto = match (sample.row.0, sample.dst) {
            ("tcp", _) => 6,
            ("udp", _) => 17,
            (_, IpAddr::V4(_)) => 1,
            (_, IpAddr::V6(_)) => 58,
        };
        let mac = Mac(hosts()[sample.host].mac);
        let narrowest = narrowest(Some(mac), [sample.src, sample.dst], proto, sample.row.1);
        let device = class(DEVICES.chars().nth(sample.host).expect("a device"));
        assert_eq!(
            classify(&config.rules, narrowest, class(sample.class)).or(device),
            class(sample.class),
            "{}",
            sample.key()
        );
    }
    Ok(())
}

pub fn every_flow_of_the_table_leaves_through_the_lane_of_its_class() -> Tried {
    leaves_under("htb", &Tree("4c4d"))
}

fn every_flow_of_the_table_leaves_through_the_lane_of_its_class_under_hfsc() -> Tried {
    leaves_under("hfsc", &Tree("4c4e"))
}

fn every_flow_of_the_table_leaves_through_the_tin_of_its_class_under_cake() -> Tried {
    leaves_under("cake", &Tins)
}

fn leaves_under(scheduler: &str, lanes: &dyn Lanes) -> Tried {
    let bed = deaf_house()?;
    need_qdisc(&bed, scheduler)?;
    let rules = rules();
    let wish = Wish {
        scheduler,
        ..wish(&rules)
    };
    let _lanemark = Nftables.start(&bed, &wish);
    leaves_through_its_lane(&bed, lanes);
    Ok(())
}

fn leaves_through_its_lane(bed: &Bed, lanes: &dyn Lanes) {
    // Of UDP, whose packets are all sent and all of one size.
    let samples: Vec<Sample> = samples()
        .into_iter()
        .filter(|sample| sample.row.0 == "udp")
        .collect();
    let mut expected: BTreeMap<char, u64> = lanes.sent(bed);
    let before = expected.clone();
    for sample in &samples {
        sample.speak(bed, DATAGRAMS);
        let headers = if sample.dst.is_ipv4() { 42 } else { 62 };
        let lane = lanes.of(sample.class);
        *expected.get_mut(&lane).expect("a lane") += (DATAGRAMS * (PAYLOAD_BYTES + headers)) as u64;
    }
    let near = |found: &BTreeMap<char, u64>| {
        found
            .iter()
            .all(|(lane, bytes)| (expected[lane]..expected[lane] + NOISE_BYTES).contains(bytes))
    };
    until("the bytes of each lane", SOON, || {
        let found = lanes.sent(bed);
        let more = found
            .iter()
            .any(|(lane, bytes)| *bytes >= expected[lane] + NOISE_BYTES);
        assert!(
            !more,
            "before {before:?}, expected {expected:?}, found {found:?}"
        );
        near(&found).then_some(())
    });
}

fn a_change_of_the_rules_marks_the_flows_that_are_open() -> Tried {
    let bed = deaf_house()?;
    let rules = rules();
    let (with, without) = (wish(&rules), wish(""));
    let _lanemark = Nftables.start(&bed, &with);
    for sample in samples() {
        sample.speak(&bed, 1);
    }
    let by_device = |sample: &Sample| DEVICES.chars().nth(sample.host).expect("a device");
    let file = bed.scratch_file("policy.json");
    let apply = |wish: &Wish<'_>| {
        std::fs::write(&file, wish.text()).expect("a configuration");
        bed.ask(&["config", "apply", crate::bed::text(&file)]);
    };
    // When it answers, it is done.
    apply(&without);
    let left = wrong(&bed, by_device);
    assert!(left.is_empty(), "without rules: {left:#?}");
    apply(&with);
    let left = wrong(&bed, |sample| {
        let (_, port, dscp, ..) = sample.row;
        // A conntrack entry does not tell the code point and the interface.
        if (dscp > 0 && port != 5003 || dscp == 46 && sample.row.0 == "udp") || port == 7000 {
            by_device(sample)
        } else {
            sample.class
        }
    });
    assert!(left.is_empty(), "with rules again: {left:#?}");
    Ok(())
}

fn a_flow_from_outside_gets_its_class_at_the_homes_first_answer_by_the_port_that_it_was_opened_to()
-> Tried {
    let bed = Bed::with_guests(2)?;
    let rules = rules();
    let _lanemark = Nftables.start(&bed, &wish(&rules));
    forward_to_tv(&bed);
    let tv = Resident::tv();
    let port = |to: SocketAddr| {
        bed.tv()
            .run(move || TcpListener::bind(to))
            .expect("the television")
            .expect("a port")
    };
    let _ports = [
        port(SocketAddr::new(tv.v4.into(), 22)),
        port(SocketAddr::new(tv.v6.into(), 22)),
    ];
    let call = |to: SocketAddr| {
        let within = Duration::from_secs(20);
        bed.server()
            .run(move || TcpStream::connect_timeout(&to, within))
            .expect("the server")
            .expect("an answer")
    };
    let _open = [
        call(SocketAddr::new(house::WAN_V4.into(), 8022)),
        call(SocketAddr::new(tv.v6.into(), 22)),
    ];
    let silent = bed
        .tv()
        .run(move || UdpSocket::bind(SocketAddr::new(tv.v6.into(), 3074)))
        .expect("the television")
        .expect("a port");
    let caller = bed
        .server()
        .run(move || UdpSocket::bind(SocketAddr::new(SERVERS[1], 4000)))
        .expect("the server")
        .expect("a port");
    caller
        .send_to(b"hello", SocketAddr::new(tv.v6.into(), 3074))
        .expect("a datagram");
    let mut word = [0; 16];
    let (_, from) = silent.recv_from(&mut word).expect("the datagram");
    let mark = |proto: &str, to: &str| {
        let flows = see::flows(bed.router());
        let found = flows
            .iter()
            .find(|(key, _)| key.starts_with(proto) && key.ends_with(to));
        found.map(|(_, flow)| flow.mark)
    };
    assert_eq!(
        mark("tcp", " 8022"),
        Some(40),
        "by the port that was opened, not the one behind it"
    );
    assert_eq!(mark("tcp", " 22"), Some(10), "the service");
    assert_eq!(
        mark("udp", " 4000 3074"),
        Some(0),
        "the home has not answered"
    );
    silent.send_to(b"yes", from).expect("an answer");
    caller.recv_from(&mut word).expect("the answer");
    assert_eq!(
        mark("udp", " 4000 3074"),
        Some(100),
        "the home has answered"
    );
    Ok(())
}

/// The router's port 8022 is the television's 22.
fn forward_to_tv(bed: &Bed) {
    let forward = [
        "nft add table inet forwarded".to_owned(),
        "nft add chain inet forwarded pre { type nat hook prerouting priority dstnat ; }"
            .to_owned(),
        format!(
            "nft add rule inet forwarded pre iifname {WAN} tcp dport 8022 dnat ip to 192.168.77.20:22"
        ),
    ];
    for line in forward {
        tool(bed.router(), &line);
    }
}

fn nft_reads_the_rules_as_they_are_meant() -> Tried {
    let bed = Bed::with_guests(2)?;
    let rules = rules();
    let _lanemark = bed.start(&wish(&rules));
    let listed = tool(bed.router(), "nft -nn list chain inet lanemark rules");
    let plain: Vec<String> = listed
        .lines()
        .filter_map(|line| line.split(" comment ").next())
        .map(decimal_ports)
        .collect();
    for line in [
        "ether saddr 02:00:00:00:00:0b ct protocol 17 ct original proto-dst 3074 goto exempt",
        "ct protocol 6 ct original proto-dst 6881-6999 goto bulk",
        "ct protocol 6 ct original proto-dst 22 goto premium",
        "ip daddr 203.0.113.9 ct protocol 6 goto exempt",
        "ip daddr 203.0.113.8/29 goto bulk",
        "ip6 daddr 2001:db8:77::8/125 ct protocol 17 goto express",
        "ip saddr 192.168.77.100/31 ct protocol 17 ct original proto-dst 1000-1999 goto premium",
        "ip6 saddr fd77::100/127 ct protocol 17 ct original proto-dst 1000-1999 goto premium",
        "ip dscp 0x08 goto bulk",
        "ip6 dscp 0x08 goto bulk",
        "iifname \"br-guest\" ct protocol 17 ct original proto-dst 7000 goto exempt",
        "ct protocol 58 goto express",
        "ether saddr vmap @device_class",
    ] {
        assert!(
            plain.iter().any(|known| known == line),
            "expected {line}, found {listed}"
        );
    }
    let unmarked = tool(bed.router(), "nft list chain inet lanemark unmarked");
    for words in [
        "ct state related,new goto rules",
        "ct direction reply",
        "goto rules",
    ] {
        assert!(
            unmarked.contains(words),
            "expected {words}, found {unmarked}"
        );
    }
    Ok(())
}

/// `nft` knows the type of a port only behind `ip` or `tcp`; otherwise it writes `0x16 [invalid type]`.
fn decimal_ports(line: &str) -> String {
    let words = line.trim().replace(" [invalid type]", "");
    let ports = |word: &str| {
        let port = |text: &str| u16::from_str_radix(text.strip_prefix("0x")?, 16).ok();
        let ends: Option<Vec<u16>> = word.split('-').map(port).collect();
        let ends = ends?.iter().map(u16::to_string).collect::<Vec<_>>();
        Some(ends.join("-"))
    };
    let mut before = "";
    let words = words.split(' ').map(|word| {
        let is_port = std::mem::replace(&mut before, word) == "proto-dst";
        let decimal = ports(word).filter(|_| is_port);
        decimal.unwrap_or_else(|| word.to_owned())
    });
    words.collect::<Vec<_>>().join(" ")
}

fn the_most_rules_take_no_more_memory_at_rest_than_promised() -> Tried {
    const PRIVATE_KB_MAX: u64 = 1024;
    const UNOPTIMISED_STACK_KB: u64 = 400;
    let bed = Bed::new()?;
    let rule = |number: usize| {
        format!(
            r#"{{"name": "{number:063}", "class": "bulk", "mac": "06:00:00:00:{:02x}:{:02x}", "cidr": "fd77::/64", "remote": "2001:db8::/33", "proto": "udp", "ports": "1-9,20-29,40-49,60-69", "interface": "br-lan", "dscp": "ef"}}"#,
            number / 256,
            number % 256
        )
    };
    let rules = (0..lanemark::config::RULES_MAX).map(rule);
    let rules = rules.collect::<Vec<_>>().join(",\n");
    bed.write_config(&wish(&rules));
    // A router's C library maps whatever is larger than this, always; the host's would stop doing so.
    let mut lanemark = bed.spawn_under(&["env", "MALLOC_MMAP_THRESHOLD_=131072"]);
    bed.await_state(&mut lanemark, "on");
    let listed = tool(bed.router(), "nft list chain inet lanemark rules");
    let made = listed
        .lines()
        .filter(|line| line.contains("goto bulk"))
        .count();
    assert_eq!(made, lanemark::config::KERNEL_RULES_MAX);
    // Again, over what is there: the room of a large request must not stay.
    let file = bed.config_file();
    bed.ask(&["config", "apply", crate::bed::text(&file)]);
    let now = see::private(lanemark.pid());
    // The program of a build for tests is by itself several times as large as all of one for routers, and so is its stack.
    let (program, stack) = if cfg!(debug_assertions) {
        (0, UNOPTIMISED_STACK_KB)
    } else {
        (now.program, 0)
    };
    assert!(
        now.held + program <= PRIVATE_KB_MAX + stack,
        "{now:?} kB private"
    );
    Ok(())
}
