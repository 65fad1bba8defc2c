//! The rules of kernels without ctnetlink, where each packet from the home gives its flow a class.

use lanemark::config::parse;
use lanemark::value::{CapRules, IfName, IfNames, MarkLayout, Ruleset, policy};

use super::rules::{installed, ruleset};

fn afresh() -> Ruleset {
    Ruleset {
        afresh: true,
        ..ruleset()
    }
}

/// What the rules of a chain say.
fn of_chain<'a>(rules: &'a [String], wanted: &str) -> Vec<&'a str> {
    let lines = rules.iter().filter_map(|line| line.split_once(": "));
    let there = lines.filter(|(chain, _)| *chain == wanted);
    there.map(|(_, says)| says).collect()
}

const LOOK_UP: &str =
    "data = meta 8; data == 0x0001; data = payload 0 at 6 of 6; verdict = device_class #1 [data]";
const TAKE: &str = "data = ct 3; data = data & 0x0000007f ^ 0x00000000 of 4; data = lane #2 [data]; \
                    data = ct 3; data = data & 0xffffff80 ^ 0x00000000 of 4; ct 3 = data";
const FROM: &str = "data = meta 6; data == \"br-lan\"; ";

#[test]
fn each_packet_from_the_home_is_looked_up_and_loses_a_class_that_its_device_has_not() {
    let found = installed(afresh(), &[]);
    assert_eq!(
        of_chain(&found, "first"),
        [format!("{FROM}{LOOK_UP}"), format!("{FROM}{TAKE}")]
    );
}

#[test]
fn with_rules_of_the_user_each_packet_meets_them_first() {
    let config = parse(br#"{"version": 1, "rules": [{"class": "bulk", "proto": "udp"}]}"#).unwrap();
    let set = Ruleset {
        policy: policy(&config.rules),
        ..afresh()
    };
    let found = installed(set, &config.rules);
    assert_eq!(
        of_chain(&found, "first"),
        [format!("{FROM}verdict = goto rules")]
    );
    let rules = of_chain(&found, "rules");
    assert!(rules[0].ends_with("goto bulk"), "{rules:?}");
    assert_eq!(rules[1..], [LOOK_UP, TAKE]);
    assert_eq!(of_chain(&found, "unmarked"), [""; 0]);
}

#[test]
fn a_slot_that_a_device_has_not_any_more_goes_with_the_next_packet() {
    let caps = Some(CapRules {
        layout: MarkLayout::CAPS,
        slots: 2,
        devices: 7,
    });
    let found = installed(Ruleset { caps, ..afresh() }, &[]);
    let capped = of_chain(&found, "capped");
    let [look_up, take] = capped[..] else {
        panic!("{capped:?}")
    };
    assert!(look_up.starts_with(FROM) && look_up.ends_with("verdict = device_cap #4 [data]"));
    assert!(!look_up.contains("ct 3"), "{look_up}");
    assert!(
        take.starts_with(FROM)
            && take.ends_with("data = data & 0xffff80ff ^ 0x00000000 of 4; ct 3 = data")
    );
    assert!(take.contains("cap_queue"), "bits of others stay: {take}");
}

#[test]
fn the_rules_are_numbered_as_they_are_counted() {
    let config =
        parse(br#"{"version": 1, "rules": [{"class": "bulk", "service": "dns"}]}"#).unwrap();
    let caps = CapRules {
        layout: MarkLayout::CAPS,
        slots: 3,
        devices: 7,
    };
    let names = ["br-lan", "br-guest"].map(|name| IfName::parse(name).unwrap());
    for rules in [&[], config.rules.as_slice()] {
        for caps in [None, Some(caps)] {
            for count in 1..=names.len() {
                let set = Ruleset {
                    lans: IfNames::of(&mut names.into_iter().take(count)),
                    policy: policy(rules),
                    caps,
                    ..afresh()
                };
                assert!(!installed(set, rules).is_empty());
            }
        }
    }
}
