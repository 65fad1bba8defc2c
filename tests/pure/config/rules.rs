//! What rules may say, and what is said of those that may not.

use lanemark::config::{CONFIG_BYTES_MAX, Config, KERNEL_RULES_MAX, RULES_MAX};
use lanemark::value::{LowerMss, PORT_RANGES_MAX, Rule, Service};

use super::{crowd, parse, pretty, refusal};

const README: &str = include_str!("../../../README.md");

fn text(rules: &str) -> String {
    format!("{{\"version\": 1, \"rules\": [{rules}]}}")
}

/// The rules of a text that must be taken.
fn taken(rules: &str) -> Vec<Rule> {
    let text = text(rules);
    match parse(text.as_bytes()) {
        Ok(config) => config.rules.to_vec(),
        Err(problem) => panic!("{rules}: {problem}"),
    }
}

/// Each rule of the table is refused with exactly the line below it.
fn refused(table: &str) {
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert!(rows.len() >= 2 && rows.len().is_multiple_of(2));
    for row in rows.chunks(2) {
        let line = refusal(text(row[0]));
        assert_eq!(
            line,
            format!("line 1: {}", row[1].trim_start()),
            "{}",
            row[0]
        );
    }
}

#[test]
fn a_condition_that_makes_no_sense_is_refused_where_it_stands() {
    refused(
        r##"
{"mac": "02:00:00:00:00:0a"}
    rules[0].class: expected exempt, premium, express, standard or bulk, found nothing
{"class": "gold", "proto": "tcp"}
    rules[0].class: expected exempt, premium, express, standard or bulk, found "gold"
{"class": null, "proto": "tcp"}
    rules[0].class: expected exempt, premium, express, standard or bulk, found null
{"class": "bulk"}
    rules[0]: expected a condition: mac, cidr, remote, proto, ports, service, interface or dscp, found none
{"class": "bulk", "name": "all", "mac": null}
    rules[0]: expected a condition: mac, cidr, remote, proto, ports, service, interface or dscp, found none
{"class": "bulk", "name": "", "proto": "tcp"}
    rules[0].name: expected a name of 1 to 63 bytes without control characters, found ""
{"class": "bulk", "mac": "01:00:00:00:00:0a"}
    rules[0].mac: expected the MAC address of one device, found "01:00:00:00:00:0a"
{"class": "bulk", "cidr": "192.168.1.1/28"}
    rules[0].cidr: expected an address, or a network like 192.168.1.0/28 without bits behind its prefix, found "192.168.1.1/28"
{"class": "bulk", "cidr": "2001:db8::1/64"}
    rules[0].cidr: expected an address, or a network like 192.168.1.0/28 without bits behind its prefix, found "2001:db8::1/64"
{"class": "bulk", "cidr": "192.168.1.0/33"}
    rules[0].cidr: expected an address, or a network like 192.168.1.0/28 without bits behind its prefix, found "192.168.1.0/33"
{"class": "bulk", "remote": "2001:db8::/129"}
    rules[0].remote: expected an address, or a network like 192.168.1.0/28 without bits behind its prefix, found "2001:db8::/129"
{"class": "bulk", "remote": "10.0.0.0/+8"}
    rules[0].remote: expected an address, or a network like 192.168.1.0/28 without bits behind its prefix, found "10.0.0.0/+8"
{"class": "bulk", "remote": "example.org"}
    rules[0].remote: expected an address, or a network like 192.168.1.0/28 without bits behind its prefix, found "example.org"
{"class": "bulk", "cidr": "192.168.1.0/28", "remote": "2001:db8::/32"}
    rules[0].remote: expected the IP version of cidr, found the other
{"class": "bulk", "proto": "tpc"}
    rules[0].proto: expected tcp, udp, icmp or a number from 0 to 255, found "tpc"
{"class": "bulk", "proto": 256}
    rules[0].proto: expected tcp, udp, icmp or a number from 0 to 255, found 256
{"class": "bulk", "proto": true}
    rules[0].proto: expected tcp, udp, icmp or a number from 0 to 255, found true
{"class": "bulk", "ports": "22", "proto": "icmp"}
    rules[0].proto: expected one with ports beside ports, found another
{"class": "bulk", "ports": "22", "proto": 47}
    rules[0].proto: expected one with ports beside ports, found another
{"class": "bulk", "ports": 22}
    rules[0].ports: expected up to 10 ports and ranges that do not overlap, like "22,8000-8100", found 22
{"class": "bulk", "ports": ""}
    rules[0].ports: expected up to 10 ports and ranges that do not overlap, like "22,8000-8100", found ""
{"class": "bulk", "ports": "0"}
    rules[0].ports: expected up to 10 ports and ranges that do not overlap, like "22,8000-8100", found "0"
{"class": "bulk", "ports": "65536"}
    rules[0].ports: expected up to 10 ports and ranges that do not overlap, like "22,8000-8100", found "65536"
{"class": "bulk", "ports": "8100-8000"}
    rules[0].ports: expected up to 10 ports and ranges that do not overlap, like "22,8000-8100", found "8100-8000"
{"class": "bulk", "ports": "22,8000-8100,8100"}
    rules[0].ports: expected up to 10 ports and ranges that do not overlap, like "22,8000-8100", found "22,8000-8100,8100"
{"class": "bulk", "ports": "22,"}
    rules[0].ports: expected up to 10 ports and ranges that do not overlap, like "22,8000-8100", found "22,"
{"class": "bulk", "service": "sssh"}
    rules[0].service: expected ssh, dns, ntp, voip, games, video-calls, streaming, torrents or backup, found "sssh"
{"class": "bulk", "service": "ssh", "proto": "tcp"}
    rules[0].service: expected neither proto nor ports beside it, found one
{"class": "bulk", "service": "ssh", "ports": "22"}
    rules[0].service: expected neither proto nor ports beside it, found one
{"class": "bulk", "interface": "br guest"}
    rules[0].interface: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', found "br guest"
{"class": "bulk", "dscp": 64}
    rules[0].dscp: expected a number from 0 to 63, or a name like ef, le, cs1 or af41, found 64
{"class": "bulk", "dscp": "af44"}
    rules[0].dscp: expected a number from 0 to 63, or a name like ef, le, cs1 or af41, found "af44""##,
    );
}

#[test]
fn a_rule_that_an_earlier_one_covers_is_refused_and_the_earlier_one_named() {
    let covered = |rules: &str| {
        let line = refusal(text(rules));
        let tail =
            ": expected a rule that can match, found that rules[1] takes all its flows first";
        assert_eq!(line, format!("line 1: rules[2]{tail}"), "{rules}");
    };
    let first = r#"{"class": "bulk", "mac": "02:00:00:00:00:ff"}"#;
    for [wide, narrow] in [
        [r#""proto": "tcp""#, r#""proto": "tcp""#],
        [r#""proto": "tcp""#, r#""service": "ssh""#],
        [
            r#""proto": "tcp""#,
            r#""proto": "tcp", "ports": "22", "dscp": "ef""#,
        ],
        [r#""ports": "1-1024""#, r#""service": "ssh""#],
        [
            r#""ports": "1-1024""#,
            r#""proto": "udp", "ports": "5,100-200""#,
        ],
        [r#""service": "ssh""#, r#""proto": "tcp", "ports": "22""#],
        [
            r#""cidr": "192.168.0.0/16""#,
            r#""cidr": "192.168.1.0/28", "proto": "icmp""#,
        ],
        [r#""remote": "2001:db8::/32""#, r#""remote": "2001:db8::1""#],
        [
            r#""remote": "0.0.0.0/0""#,
            r#""remote": "8.8.8.8", "cidr": "10.0.0.0/8""#,
        ],
        [
            r#""interface": "br-guest""#,
            r#""interface": "br-guest", "mac": "02:00:00:00:00:0a""#,
        ],
        [r#""dscp": 46"#, r#""dscp": "ef", "cidr": "10.0.0.0/8""#],
    ] {
        covered(&format!(
            r#"{first}, {{"class": "bulk", {wide}}}, {{"class": "premium", {narrow}}}"#
        ));
    }
    for [one, other] in [
        [r#""proto": "tcp", "ports": "22""#, r#""ports": "22""#],
        [r#""ports": "22""#, r#""proto": "tcp""#],
        [r#""ports": "22-30""#, r#""ports": "30-40""#],
        [r#""remote": "0.0.0.0/0""#, r#""remote": "::/0""#],
        [r#""cidr": "10.0.0.0/8""#, r#""remote": "10.0.0.0/8""#],
        [r#""proto": "icmp""#, r#""proto": "tcp""#],
        [
            r#""mac": "02:00:00:00:00:0a""#,
            r#""mac": "02:00:00:00:00:0b""#,
        ],
        [r#""interface": "br-guest""#, r#""interface": "br-lan""#],
        [r#""dscp": 46, "cidr": "10.0.0.0/8""#, r#""dscp": 46"#],
    ] {
        let rules = taken(&format!(
            r#"{{"class": "bulk", {one}}}, {{"class": "bulk", {other}}}"#
        ));
        assert_eq!(rules.len(), 2);
    }
}

/// A rule of its own for each number, with so many port ranges.
fn numbered(count: usize, ranges: usize) -> String {
    let rule = |number: usize| {
        let ports: Vec<String> = (0..ranges)
            .map(|range| (1 + 2 * range).to_string())
            .collect();
        let [_, high, low] = [0, number / 256, number % 256];
        format!(
            r#"{{"class": "bulk", "mac": "02:00:00:00:{high:02x}:{low:02x}", "proto": "udp", "ports": "{}"}}"#,
            ports.join(",")
        )
    };
    (0..count).map(rule).collect::<Vec<_>>().join(",")
}

#[test]
fn one_rule_or_range_or_rule_of_the_kernel_too_many_is_refused() {
    assert_eq!(taken(&numbered(RULES_MAX, 1)).len(), RULES_MAX);
    assert_eq!(
        refusal(text(&numbered(RULES_MAX + 1, 1))),
        "line 1: rules: expected at most 256, found one more"
    );
    assert_eq!(
        taken(&numbered(1, PORT_RANGES_MAX))[0].ports.len(),
        PORT_RANGES_MAX
    );
    assert!(refusal(text(&numbered(1, PORT_RANGES_MAX + 1))).contains("up to 10 ports and ranges"));
    let full = KERNEL_RULES_MAX / 4;
    assert_eq!(taken(&numbered(full, 4)).len(), full);
    let ranges = 5;
    let last = KERNEL_RULES_MAX / ranges;
    assert_eq!(
        refusal(text(&numbered(last + 1, ranges))),
        format!(
            "line 1: rules[{last}]: expected at most 1024 rules of the kernel (one for each port range, each for tcp and udp), found one more"
        )
    );
}

#[test]
fn the_largest_configuration_with_rules_fits_the_limit_of_its_text() {
    let rule = |number: usize| {
        let name = format!("{number:03}{}", "\\\"".repeat(60));
        let group = format!("{:x}", 0x1000 + number);
        let network = |tail: &str| format!("fd00:1111:2222:3333:4444:5555:{group}:{tail}/128");
        format!(
            r#"{{"name": "{name}", "class": "standard", "mac": "02:00:00:00:00:0a", "cidr": "{}", "remote": "{}", "proto": "udp", "ports": "10000-20000,20001-30000,30001-40000", "interface": "a23456789012345", "dscp": "af41"}}"#,
            network("aaaa"),
            network("bbbb")
        )
    };
    let rules: Vec<String> = (0..RULES_MAX).map(rule).collect();
    let devices = crowd(lanemark::config::DEVICES_MAX);
    let devices = devices.strip_suffix('}').unwrap();
    let text = format!("{devices}, \"rules\": [{}]}}", rules.join(","));
    let written = pretty(&parse(text.as_bytes()).unwrap());
    println!("{} bytes", written.len());
    assert!(written.len() <= CONFIG_BYTES_MAX);
    assert!(text.len() <= CONFIG_BYTES_MAX);
}

#[test]
fn a_rule_becomes_these_patterns() {
    let patterns = |rule: &str| -> Vec<String> {
        let rules = taken(&format!(r#"{{"class": "bulk", {rule}}}"#));
        let shown = rules[0].patterns().map(|pattern| {
            let part = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            format!(
                "{} {} {}",
                part(pattern.version.map(|version| format!("{version:?}"))),
                part(pattern.proto.map(|proto| proto.to_string())),
                part(pattern.ports.map(|ports| ports.to_string()))
            )
        });
        shown.collect()
    };
    for (rule, expected) in [
        (r#""mac": "02:00:00:00:00:0a""#, &["- - -"][..]),
        (r#""interface": "br-guest""#, &["- - -"]),
        (r#""proto": "tcp""#, &["- 6 -"]),
        (r#""proto": "icmp""#, &["- 1 -", "- 58 -"]),
        (r#""proto": 58"#, &["- 58 -"]),
        (
            r#""ports": "22,80-90""#,
            &["- 6 22", "- 17 22", "- 6 80-90", "- 17 80-90"],
        ),
        (
            r#""proto": 132, "ports": "22,80-90""#,
            &["- 132 22", "- 132 80-90"],
        ),
        (r#""service": "ssh""#, &["- 6 22"]),
        (
            r#""service": "dns""#,
            &["- 17 53", "- 6 53", "- 6 853", "- 17 853"],
        ),
        (r#""cidr": "10.0.0.0/8", "dscp": "ef""#, &["V4 - -"]),
        (r#""remote": "2001:db8::/32""#, &["V6 - -"]),
        (r#""dscp": "ef""#, &["V4 - -", "V6 - -"]),
        (
            r#""dscp": 0, "ports": "1""#,
            &["V4 6 1", "V6 6 1", "V4 17 1", "V6 17 1"],
        ),
    ] {
        assert_eq!(patterns(rule), expected, "{rule}");
    }
}

#[test]
fn segment_sizes_have_a_range_and_may_be_left_alone() {
    let of = |wan: &str| format!("{{\"version\": 1, \"wan\": {{{wan}}}}}");
    let mss = |wan: &str| parse(of(wan).as_bytes()).unwrap().wan.mss;
    assert_eq!((mss("").to_path, mss("").lower), (true, LowerMss::Auto));
    assert!(!mss(r#""mss": "off""#).to_path);
    for (text, size) in [
        ("536", LowerMss::Bytes(536)),
        ("1460", LowerMss::Bytes(1460)),
        ("null", LowerMss::Off),
        ("\"auto\"", LowerMss::Auto),
    ] {
        assert_eq!(mss(&format!("\"lower_mss\": {text}")).lower, size);
    }
    for (text, probe) in [("\"1.1.1.1\"", Some([1, 1, 1, 1].into())), ("null", None)] {
        let config = parse(of(&format!("\"probe\": {text}")).as_bytes());
        assert_eq!(config.unwrap().wan.probe, probe);
    }
    for (wan, line) in [
        (
            r#""probe": "2620:fe::9""#,
            r#"wan.probe: expected an IPv4 address like 9.9.9.9, found "2620:fe::9""#,
        ),
        (
            r#""probe": "224.0.0.1""#,
            r#"wan.probe: expected an IPv4 address like 9.9.9.9, found "224.0.0.1""#,
        ),
        (
            r#""probe": 9"#,
            "wan.probe: expected an IPv4 address like 9.9.9.9, found 9",
        ),
        (
            r#""mss": 1400"#,
            "wan.mss: expected pmtu or off, found 1400",
        ),
        (
            r#""lower_mss": 535"#,
            "wan.lower_mss: expected auto, null or a whole number from 536 to 1460, found 535",
        ),
        (
            r#""lower_mss": 1461"#,
            "wan.lower_mss: expected auto, null or a whole number from 536 to 1460, found 1461",
        ),
        (
            r#""lower_mss": "off""#,
            r#"wan.lower_mss: expected auto, null or a whole number from 536 to 1460, found "off""#,
        ),
    ] {
        assert_eq!(refusal(of(wan)), format!("line 1: {line}"));
    }
}

#[test]
fn kinds_of_packets_are_named_once_or_not_at_all() {
    let of = |list: &str| format!("{{\"version\": 1, \"prioritize\": {list}}}");
    let bits = |list: &str| parse(of(list).as_bytes()).unwrap().prioritize.bits();
    assert_eq!(bits("[]"), 0);
    assert_eq!(bits(r#"["dns", "ack"]"#), 0b10_0001);
    let all = r#"["ack", "syn", "fin", "rst", "icmp", "dns"]"#;
    assert_eq!(parse(of(all).as_bytes()), Ok(Config::default()));
    let place = "line 1: prioritize: expected an array of ack, syn, fin, rst, icmp and dns, each at most once, found";
    for (list, found) in [
        (r#""ack""#, r#""ack""#),
        ("null", "null"),
        (r#"["ack", "ack"]"#, r#""ack""#),
        (r#"["arp"]"#, r#""arp""#),
        ("[1]", "1"),
    ] {
        assert_eq!(refusal(of(list)), format!("{place} {found}"));
    }
    assert!(
        refusal(of(&all.replace(']', ", \"ack\"]"))).contains("expected at most 6, found one more")
    );
}

#[test]
fn every_service_has_ports_and_the_message_names_it() {
    let line = refusal(text(r#"{"class": "bulk", "service": "x"}"#));
    for service in Service::all() {
        assert!(line.contains(service.name()), "{}", service.name());
        assert!(!service.parts().is_empty());
        for part in service.parts() {
            assert!(matches!(part.proto, 6 | 17) && part.ports.first <= part.ports.last);
        }
        assert_eq!(Service::parse(service.name()), Some(service));
        // The README has a row of each.
        let parts = service.parts().iter().map(|part| {
            let proto = if part.proto == 6 { "TCP" } else { "UDP" };
            format!("{proto} {}", part.ports)
        });
        let row = format!(
            "\n| `{}` | {} |",
            service.name(),
            parts.collect::<Vec<_>>().join(", ")
        );
        assert!(README.contains(&row), "expected in the README: {row}");
    }
    assert_eq!(Service::all().count(), 9);
}
