//! How large a packet the path takes: a router in the middle with a narrow link behind it, judged by `tcpdump` at the line.

use std::net::UdpSocket;
use std::path::Path;

use lanemark::lab::host::Host;
use lanemark::lab::house::{self, PORT, WAN};
use lanemark::lab::link::veth::{self, End};

use crate::bed::{Bed, Wish};
use crate::program::{Along, lab, tool};
use crate::promise::{SOON, Tried, need, promises, until};

promises! {
    doctor_tells_a_narrow_path_from_a_black_hole_and_from_a_good_one,
}

/// Who is asked, behind the server.
const FAR: &str = "198.51.100.2";

/// What the link to it takes.
const NARROW: &str = "1400";

/// Requests for one answer at most.
const REQUESTS_MAX: usize = 18;

/// The host behind the server, which forwards.
fn far(bed: &Bed) -> Host {
    let far = Host::new("far", Path::new(lab())).expect("a host");
    let (here, there) = (bed.server(), &far);
    let ends = [(here, "far0"), (there, PORT)].map(|(host, name)| End {
        host,
        name,
        mac: None,
    });
    let [one, other] = ends;
    veth::connect(one, other).expect("a cable");
    veth::switch_on(ends).expect("a cable in use");
    tool(here, "ip addr add 198.51.100.1/24 dev far0");
    tool(there, &format!("ip addr add {FAR}/24 dev {PORT}"));
    tool(there, "ip route add default via 198.51.100.1");
    here.set_sysctl("net/ipv4/ip_forward", "1")
        .expect("a server that forwards");
    far
}

/// Whether the line of `doctor` about the path is good, and what it says.
fn path(bed: &Bed) -> (bool, String) {
    let said = bed.ask(&["doctor", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let findings = said["findings"].as_array().expect("findings");
    let line = findings.iter().find(|line| line["what"] == "path");
    let line = line.expect("a line about the path");
    let good = line["good"].as_bool().expect("good or not");
    (good, line["found"].as_str().expect("words").to_owned())
}

/// The same, and the sizes of the packets that asked for it; none of them may be split.
fn asked(bed: &Bed, name: &str) -> (bool, String, Vec<u16>) {
    let file = bed.scratch_file(name);
    let words = [
        "tcpdump",
        "-l",
        "-n",
        "-v",
        "-p",
        "-i",
        PORT,
        "icmp[0] = 8 or udp port 9",
    ];
    let along = Along::start(bed.server(), &words, &file);
    until("tcpdump", SOON, || {
        along.said().contains("listening on").then_some(())
    });
    let (good, found) = path(bed);
    // What was sent before this one was seen before this one.
    let last = || UdpSocket::bind("0.0.0.0:0")?.send_to(&[0], (house::SERVER_V4, 9));
    let sent = bed.router().run(last).expect("the router");
    sent.expect("a last datagram");
    let seen = until("the last datagram", SOON, || {
        let said = along.said();
        said.contains("proto UDP").then_some(said)
    });
    let mut sizes = Vec::new();
    for head in seen.lines().filter(|line| line.contains("proto ICMP")) {
        assert!(head.contains("flags [DF]"), "{head}");
        let (_, length) = head.rsplit_once("length ").expect("a length");
        let length: u16 = length.trim_end_matches(')').parse().expect("a number");
        sizes.push(length);
    }
    assert!((1..=REQUESTS_MAX).contains(&sizes.len()), "{sizes:?}");
    (good, found, sizes)
}

fn doctor_tells_a_narrow_path_from_a_black_hole_and_from_a_good_one() -> Tried {
    need(&["tcpdump"])?;
    let bed = Bed::new()?;
    let far = far(&bed);
    let probe = format!(r#", "probe": "{FAR}""#);
    let _lanemark = bed.start(&Wish {
        wan_more: &probe,
        ..Wish::workstation("premium")
    });
    let (good, found, sizes) = asked(&bed, "whole");
    assert!(
        good && found.starts_with("packets of 1500 bytes"),
        "{found}"
    );
    assert_eq!(sizes.first(), Some(&1500));
    // Narrow, and the server says so.
    tool(bed.server(), &format!("ip link set far0 mtu {NARROW}"));
    tool(&far, &format!("ip link set {PORT} mtu {NARROW}"));
    let (good, found, _) = asked(&bed, "told");
    let says = format!("takes {NARROW} bytes to {FAR}, and says so");
    assert!(good && found.starts_with(&says), "{found}");
    // And it does not any more. What the router's kernel has learned of the path before is not asked.
    for line in [
        "nft add table ip swallow",
        "nft add chain ip swallow output { type filter hook output priority 0 ; }",
        "nft add rule ip swallow output icmp type destination-unreachable drop",
    ] {
        tool(bed.server(), line);
    }
    let (good, found, sizes) = asked(&bed, "hole");
    let says = format!("packets above {NARROW} bytes to {FAR} vanish");
    assert!(!good && found.starts_with(&says), "{found}");
    assert!(
        sizes.iter().filter(|size| **size == 1500).count() >= 2,
        "{sizes:?}"
    );
    let text = bed.ask(&["doctor"]);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    // The way out that it tells.
    tool(bed.router(), &format!("ip link set {WAN} mtu {NARROW}"));
    let (good, found, sizes) = asked(&bed, "cured");
    assert!(
        good && found.starts_with("packets of 1400 bytes"),
        "{found}"
    );
    assert_eq!(sizes, [1400]);
    // Who answers nothing leaves it unknown.
    far.set_sysctl("net/ipv4/icmp_echo_ignore_all", "1")
        .expect("a host that is silent");
    let (good, found, _) = asked(&bed, "silent");
    assert!(good && found.starts_with("not known"), "{found}");
    Ok(())
}
