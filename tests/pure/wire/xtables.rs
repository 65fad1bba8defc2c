//! `apply`: our rules as the input of `iptables-restore`, and `wire`: what it lists.

use std::fs;
use std::path::Path;

use lanemark::apply::DATAGRAM_BYTES_KEPT;
use lanemark::apply::xtables::{self, Ability, Listing, Set};
use lanemark::config::{Config, Device, parse};
use lanemark::engine::limits::DEVICES_MAX;
use lanemark::engine::{Devices, InForce};
use lanemark::value::{
    Before, CAPS_MAX, CapRules, Class, IpVersion, Kbit, Mac, MarkLayout, Rule, Ruleset, Segments,
    policy,
};
use lanemark::wire::xtables::Listed;

use super::rules::{few, ruleset, unusual};

/// With every condition of a rule.
const RULES: &str = r#"{"version": 1, "rules": [
    {"class": "premium", "service": "ssh"},
    {"class": "express", "proto": "icmp"},
    {"class": "bulk", "mac": "02:00:00:00:00:0a", "cidr": "192.168.1.0/28", "remote": "203.0.113.9", "proto": "udp", "ports": "22,8000-8100",
     "interface": "br-guest", "dscp": "ef"},
    {"class": "exempt", "cidr": "fd77::/64", "proto": "tcp"},
    {"class": "bulk", "proto": 132, "ports": "7"},
    {"class": "standard", "dscp": 8},
    {"class": "bulk", "proto": 47},
    {"class": "express", "name": "x -j ACCEPT; $(reboot) `reboot`", "ports": "1-65535"}
]}"#;

fn rules() -> Vec<Rule> {
    parse(RULES.as_bytes()).unwrap().rules.to_vec()
}

fn device(mac: Mac, class: Option<Class>, up_max: Option<Kbit>) -> Device {
    Device {
        mac,
        name: heapless::String::new(),
        class,
        up_max,
        down_max: None,
    }
}

fn capped() -> Devices {
    let mut config = Config::default();
    for (last, class) in [(10, Some(Class::Premium)), (11, None)] {
        let device = device(Mac([2, 0, 0, 0, 0, last]), class, Some(Kbit(300)));
        config.devices.push(device).unwrap();
    }
    let mut devices = Devices::default();
    assert_eq!(devices.configure(&config, InForce::default()), 0);
    devices
}

fn everything(rules: &[Rule]) -> Ruleset {
    Ruleset {
        policy: policy(rules),
        mss: Segments {
            to_path: true,
            up: Some(536),
            down: Some(1200),
        },
        caps: Some(CapRules {
            layout: MarkLayout::CAPS,
            slots: 2,
            devices: 7,
        }),
        ..ruleset()
    }
}

/// For IPv4, on a kernel whose rules see to what a flow was opened.
fn set<'a>(ruleset: &'a Ruleset, rules: &'a [Rule], devices: &'a Devices) -> Set<'a> {
    Set {
        ruleset,
        rules,
        devices,
        version: IpVersion::V4,
        origin: true,
    }
}

/// What a listing of the text's own lines would be.
fn listing(lines: &[&str]) -> Listing {
    let mut listing = Listing::default();
    lines.iter().for_each(|line| listing.take(line));
    listing
}

fn text(make: impl FnOnce(&mut [u8]) -> Option<&[u8]>) -> String {
    let mut room = vec![0; DATAGRAM_BYTES_KEPT];
    String::from_utf8(make(&mut room).unwrap().to_vec()).unwrap()
}

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever means a change says so there"
    )]
    let write = std::env::var("LANEMARK_GOLDEN").is_ok_and(|wish| wish == "write");
    if write {
        fs::write(&path, found).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found, golden,
        "{name} is another text now; LANEMARK_GOLDEN=write takes it over"
    );
}

#[test]
fn a_policy_with_everything_is_these_lines() {
    let (rules, devices) = (rules(), capped());
    let ruleset = everything(&rules);
    for (name, version, origin) in [
        ("xtables-v4.txt", IpVersion::V4, true),
        ("xtables-v6.txt", IpVersion::V6, true),
        ("xtables-old.txt", IpVersion::V4, false),
    ] {
        let set = Set {
            version,
            origin,
            ..set(&ruleset, &rules, &devices)
        };
        compare(
            name,
            &text(|room| xtables::install(room, &set, &Listing::default())),
        );
    }
}

#[test]
fn where_each_packet_is_looked_at_a_policy_with_everything_is_these_lines() {
    let (rules, devices) = (rules(), capped());
    let ruleset = Ruleset {
        afresh: true,
        ..everything(&rules)
    };
    let set = set(&ruleset, &rules, &devices);
    let found = text(|room| xtables::install(room, &set, &Listing::default()));
    compare("xtables-afresh.txt", &found);
    // A class that is set leaves what takes one away.
    let elements = text(|room| xtables::elements(room, &ruleset, &devices));
    let of_mac = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("-A LANEMARK_MAC "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(of_mac(&elements), of_mac(&found));
    assert_eq!(of_mac(&found).len(), 1 + Class::ALL.len());
}

#[test]
fn a_class_that_is_set_is_these_lines() {
    let found = text(|room| xtables::elements(room, &ruleset(), &few()));
    assert_eq!(
        found,
        "*mangle\n:LANEMARK_MAC - [0:0]\n\
         -A LANEMARK_MAC -m mac --mac-source 02:00:00:00:00:00 -g LANEMARK_EXEMPT\n\
         -A LANEMARK_MAC -m mac --mac-source 02:00:00:00:00:01 -g LANEMARK_PREMIUM\n\
         -A LANEMARK_MAC -m mac --mac-source 02:00:00:00:00:02 -g LANEMARK_EXPRESS\n\
         -A LANEMARK_MAC -m mac --mac-source 02:00:00:00:00:03 -g LANEMARK_STANDARD\n\
         -A LANEMARK_MAC -m mac --mac-source 02:00:00:00:00:04 -g LANEMARK_BULK\n\
         COMMIT\n"
    );
}

/// A table as `iptables` 1.8 lists it, with a jump that somebody has doubled.
const LISTED: &[&str] = &[
    "Chain PREROUTING (policy ACCEPT)",
    "target     prot opt source               destination         ",
    "LANEMARK_FIRST  0    --  0.0.0.0/0            0.0.0.0/0           ",
    "LANEMARK_FIRST  all  --  0.0.0.0/0            0.0.0.0/0           ",
    "others     0    --  0.0.0.0/0            0.0.0.0/0           ",
    "",
    "Chain FORWARD (policy ACCEPT)",
    "target     prot opt source               destination         ",
    "LANEMARK_STEER  0    --  0.0.0.0/0            0.0.0.0/0           ",
    "",
    "Chain LANEMARK_C_7f00_8 (0 references)",
    "Chain LANEMARK_FIRST (2 references)",
    "target     prot opt source               destination         ",
    "LANEMARK_HOME  0    --  0.0.0.0/0            0.0.0.0/0           ",
    "Chain LANEMARK_M_7f_0_1 (0 references)",
    "Chain LANEMARK_OF_AN_OLDER_ONE (0 references)",
    "Chain LANEMARK_STEER (1 references)",
    "Chain others (1 references)",
];

#[test]
fn a_list_tells_chains_jumps_and_what_was_there_before() {
    let there = listing(LISTED);
    assert_eq!(
        there
            .chains
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>(),
        [
            "LANEMARK_C_7f00_8",
            "LANEMARK_FIRST",
            "LANEMARK_M_7f_0_1",
            "LANEMARK_OF_AN_OLDER_ONE",
            "LANEMARK_STEER"
        ]
    );
    assert_eq!(there.jumps, [2, 1]);
    let note = there.note().unwrap();
    assert_eq!(note.before, Before { acct: Some(true) });
    assert_eq!(note.layout, MarkLayout::default());
    assert_eq!(note.caps, Some(MarkLayout::CAPS));
}

#[test]
fn nothing_of_ours_is_left_by_these_lines_and_nothing_of_others_touched() {
    assert_eq!(
        text(|room| xtables::delete(room, &listing(LISTED))),
        "*mangle\n-D PREROUTING -j LANEMARK_FIRST\n-D PREROUTING -j LANEMARK_FIRST\n-D FORWARD -j LANEMARK_STEER\n\
         -F LANEMARK_C_7f00_8\n-F LANEMARK_FIRST\n-F LANEMARK_M_7f_0_1\n-F LANEMARK_OF_AN_OLDER_ONE\n-F LANEMARK_STEER\n\
         -X LANEMARK_C_7f00_8\n-X LANEMARK_FIRST\n-X LANEMARK_M_7f_0_1\n-X LANEMARK_OF_AN_OLDER_ONE\n-X LANEMARK_STEER\n\
         COMMIT\n"
    );
}

#[test]
fn what_an_older_set_had_besides_goes_and_a_jump_stands_once() {
    let (ruleset, devices) = (ruleset(), few());
    let set = set(&ruleset, &[], &devices);
    let made = text(|room| xtables::install(room, &set, &listing(LISTED)));
    let count = |line: &str| made.lines().filter(|known| *known == line).count();
    assert_eq!(count("-D PREROUTING -j LANEMARK_FIRST"), 2);
    assert_eq!(count("-I PREROUTING -j LANEMARK_FIRST"), 1);
    for stale in [
        "LANEMARK_C_7f00_8",
        "LANEMARK_M_7f_0_1",
        "LANEMARK_OF_AN_OLDER_ONE",
    ] {
        assert_eq!(count(&format!("-X {stale}")), 1, "{made}");
    }
    assert_eq!(made.matches("-X ").count(), 3);
    assert_eq!(count(":LANEMARK_M_7f_0_0 - [0:0]"), 1, "{made}");
}

#[test]
fn each_rule_that_is_made_is_compared_and_each_chain_counted_and_removed() {
    let (rules, devices) = (rules(), capped());
    let ruleset = everything(&rules);
    let set = set(&ruleset, &rules, &devices);
    let made = text(|room| xtables::install(room, &set, &Listing::default()));
    let compared = text(|room| xtables::compare(room, &set));
    let counted = text(|room| xtables::count(room, &set));
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for line in made.lines() {
        let same = |start: &str, other: &str| {
            line.strip_prefix(start).is_none_or(|rest| {
                compared
                    .lines()
                    .any(|line| line == format!("{other}{rest}"))
            })
        };
        assert!(same("-A ", "-D ") && same("-I ", "-D "), "{line}");
        if let Some(rule) = line.strip_prefix("-A ") {
            *counts.entry(rule.split(' ').next().unwrap()).or_default() += 1;
        }
        if let Some(chain) = line.strip_prefix(':') {
            let chain = chain.split(' ').next().unwrap();
            assert!(compared.contains(&format!("-X {chain}\n")), "{chain}");
        }
    }
    for (chain, count) in counts {
        assert!(
            counted.contains(&format!("-D {chain} {count}\n")),
            "{chain} {count}: {counted}"
        );
    }
    // Chains go after all rules that lead to them.
    let last_rule = compared.rfind("\n-D ").unwrap();
    assert!(last_rule < compared.find("\n-X ").unwrap());
}

#[test]
fn no_word_of_the_user_begins_a_line_or_another_word() {
    let (rules, devices) = (rules(), capped());
    for ruleset in [everything(&rules), unusual()] {
        for version in [IpVersion::V4, IpVersion::V6] {
            for origin in [true, false] {
                let set = Set {
                    version,
                    origin,
                    ..set(&ruleset, &rules, &devices)
                };
                let made = text(|room| xtables::install(room, &set, &Listing::default()));
                assert!(
                    !made.contains("reboot") && !made.contains("ACCEPT"),
                    "{made}"
                );
                for line in made.lines() {
                    let plain = |letter: char| {
                        letter.is_ascii_alphanumeric() || " :-_./,[]*".contains(letter)
                    };
                    assert!(line.chars().all(plain), "{line}");
                    let first = line.split(' ').next().unwrap();
                    let known = ["*mangle", "-A", "-I", "COMMIT"];
                    assert!(
                        known.contains(&first) || first.starts_with(":LANEMARK_"),
                        "{line}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_most_devices_and_caps_fit_the_room_that_is_kept() {
    let mut devices = Devices::default();
    let mut config = Config::default();
    for number in 0..config.devices.capacity() {
        let [_, _, a, b] = u32::try_from(number).unwrap().to_be_bytes();
        let cap = (number < CAPS_MAX).then_some(Kbit(300));
        let device = device(Mac([2, 0, 0, 0, a, b]), Some(Class::Standard), cap);
        config.devices.push(device).unwrap();
    }
    assert_eq!(devices.configure(&config, InForce::default()), 0);
    assert!(DEVICES_MAX >= config.devices.len());
    for afresh in [false, true] {
        let ruleset = Ruleset {
            caps: Some(CapRules {
                layout: MarkLayout::CAPS,
                slots: u8::try_from(CAPS_MAX).unwrap(),
                devices: 7,
            }),
            afresh,
            ..unusual()
        };
        let set = Set {
            version: IpVersion::V6,
            ..set(&ruleset, &[], &devices)
        };
        let made = text(|room| xtables::install(room, &set, &Listing::default()));
        // As the largest batch of the other dialect, three quarters full at most.
        assert!(made.len() < DATAGRAM_BYTES_KEPT / 4 * 3, "{}", made.len());
    }
}

#[test]
fn what_does_not_fit_its_room_is_nothing() {
    let mut room = [0; 40];
    assert_eq!(xtables::elements(&mut room, &ruleset(), &few()), None);
    assert_eq!(
        xtables::list(&mut room),
        Some(&b"*mangle\n-L -n\nCOMMIT\n"[..])
    );
}

#[test]
fn what_is_probed_is_left_by_nobody() {
    for ability in [Ability::Needed, Ability::Mss, Ability::Origin] {
        let probe = text(|room| xtables::probe(room, ability));
        assert!(
            probe.ends_with("COMMIT\n*mangle\n-F LANEMARK_PROBE\n-X LANEMARK_PROBE\nCOMMIT\n"),
            "{probe}"
        );
        assert!(!probe.contains("PREROUTING") && !probe.contains("FORWARD"));
    }
}

#[test]
fn chains_with_names_of_others_or_too_many_are_passed_over() {
    let mut there = Listing::default();
    for number in 0..100 {
        there.take(&format!("Chain LANEMARK_{number} (0 references)"));
        there.take(&format!("Chain XLANEMARK_{number} (0 references)"));
    }
    there.take("Chain LANEMARK_2345678901234567890123456789 (0 references)");
    there.take("Chain");
    there.take("\u{202e} \u{0}");
    assert!(there.is_anything());
    assert_eq!(there.chains.len(), there.chains.capacity());
    assert_eq!(there.note(), None);
    for name in [
        "M_7f_0_2",
        "M_7f",
        "M_",
        "M_zz_0_1",
        "M_7f_99_1",
        "M_1_0_1",
        "M_é_0_1",
        "C_7f",
    ] {
        let line = format!("Chain LANEMARK_{name} (0 references)");
        assert_eq!(listing(&[&line]).note(), None, "{name}");
    }
    assert_eq!(
        lanemark::wire::xtables::parse("Chain a (1 references)"),
        Some(Listed::Chain("a"))
    );
    assert_eq!(lanemark::wire::xtables::parse("  "), None);
}
