//! The kinds of packets that go ahead, and no others, are in the queue of small packets.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use lanemark::lab::house::{LAN, Resident, WAN};
use lanemark::lab::service;
use lanemark::value::Dialect;

use crate::bed::{Bed, SERVERS, Wish, text};
use crate::policy::echo_request;
use crate::program::tool;
use crate::promise::{SOON, Tried, promises, until};
use crate::see;
use crate::talk;

promises! {
    only_the_kinds_that_are_named_go_ahead_in_both_directions_and_keep_their_mark,
}

const SMALL: &str = "4c4d:36";

/// A port of the server's where nobody is.
const NOBODY: u16 = 4999;

/// What a workstation does, and which kinds of packets go up and come down.
type Act = (
    fn(&Bed, IpAddr),
    &'static [&'static str],
    &'static [&'static str],
);

const ACTS: [Act; 5] = [
    // A word there and back; it ends with a FIN of both.
    (word, &["ack", "syn", "fin"], &["ack", "syn", "fin"]),
    // Refused.
    (refused, &["ack", "syn"], &["ack", "rst"]),
    (ping, &["icmp"], &["icmp"]),
    (question, &["dns"], &["dns"]),
    // Large datagrams to no port in particular.
    (|bed, to| talk::upload(bed.workstation(), to, 3), &[], &[]),
];

fn word(bed: &Bed, to: IpAddr) {
    let mut stream = talk::connect(bed.workstation(), SocketAddr::new(to, service::ECHO));
    talk::echo(&mut stream);
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("to close");
    stream.flush().expect("to close");
    // The server's FIN.
    assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
}

fn refused(bed: &Bed, to: IpAddr) {
    let call = move || TcpStream::connect(SocketAddr::new(to, NOBODY));
    let called = bed.workstation().run(call).expect("the workstation");
    assert!(called.is_err(), "nobody is there");
}

fn ping(bed: &Bed, to: IpAddr) {
    let asked = bed.workstation().run(move || echo_request(to));
    asked.expect("the workstation");
}

/// A question of 1,000 bytes, and an answer as long.
fn question(bed: &Bed, to: IpAddr) {
    let within = Some(Duration::from_secs(20));
    let server = bed
        .server()
        .run(move || UdpSocket::bind(SocketAddr::new(to, 53)));
    let server = server.expect("the server").expect("the port of DNS");
    let resident = Resident::workstation();
    let own: IpAddr = if to.is_ipv4() {
        resident.v4.into()
    } else {
        resident.v6.into()
    };
    let asker = bed
        .workstation()
        .run(move || UdpSocket::bind(SocketAddr::new(own, 0)));
    let asker = asker.expect("the workstation").expect("a port");
    for socket in [&server, &asker] {
        socket.set_read_timeout(within).expect("a time limit");
    }
    let mut room = [0; 1000];
    asker
        .send_to(&room, SocketAddr::new(to, 53))
        .expect("to ask");
    let (_, from) = server.recv_from(&mut room).expect("the question");
    server.send_to(&room, from).expect("to answer");
    asker.recv_from(&mut room).expect("the answer");
}

/// Bytes that the queue of small packets has sent: up, down.
fn small(bed: &Bed) -> [u64; 2] {
    [WAN, LAN].map(|dev| see::classes(bed.router(), dev)[SMALL].bytes)
}

fn only_the_kinds_that_are_named_go_ahead_in_both_directions_and_keep_their_mark() -> Tried {
    let bed = Bed::new()?;
    let wish = Wish::workstation("bulk");
    let _lanemark = bed.start(&wish);
    let file = bed.scratch_file("ahead.json");
    for kinds in ["", "ack", "syn", "fin", "rst", "icmp", "dns"] {
        let named = if kinds.is_empty() {
            String::new()
        } else {
            format!("\"{kinds}\"")
        };
        let wish = Wish {
            prioritize: &named,
            ..wish.clone()
        };
        fs::write(&file, wish.text()).expect("a configuration");
        bed.ask(&["config", "apply", text(&file)]);
        let (rules, leads) = match bed.dialect() {
            Dialect::Nftables => (
                tool(bed.router(), "nft list chain inet lanemark lanes"),
                "goto small",
            ),
            Dialect::Xtables => (crate::xtables::saved(bed.router()), "-g LANEMARK_SMALL"),
        };
        let ways = rules.matches(leads).count();
        let expected = match (kinds, bed.dialect()) {
            ("", _) => 0,
            // One a version of IP.
            ("icmp", _) | (_, Dialect::Xtables) => 2,
            _ => 1,
        };
        assert_eq!(ways, expected, "{kinds}: {rules}");
        for (number, (act, up, down)) in ACTS.into_iter().enumerate() {
            for to in SERVERS {
                let before = small(&bed);
                act(&bed, to);
                let told = || format!("act {number} to {to}, with {kinds:?} ahead");
                for (way, kinds_there) in [up, down].into_iter().enumerate() {
                    if kinds_there.contains(&kinds) {
                        until(&told(), SOON, || {
                            (small(&bed)[way] > before[way]).then_some(())
                        });
                    } else {
                        assert_eq!(small(&bed)[way], before[way], "{}", told());
                    }
                }
            }
        }
        assert_eq!(see::marks(bed.router(), &Resident::workstation()), [40]);
    }
    Ok(())
}
