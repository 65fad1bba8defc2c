//! The rules of kernels without ctnetlink, where each packet from the home gives its flow a class.

use lanemark::apply;
use lanemark::config::parse;
use lanemark::engine::Op;
use lanemark::value::{CapRules, IfName, IfNames, MarkLayout, Rule, Ruleset, TickRate, policy};

use super::emitted;
use super::fixture::ORDERS;
use super::listing::listing;
use super::rules::{few, ruleset};

fn afresh() -> Ruleset {
    Ruleset {
        afresh: true,
        ..ruleset()
    }
}

/// The rules that a set brings, each as its chain, its number and what it says.
fn made(ruleset: Ruleset, rules: &[Rule]) -> Vec<[String; 3]> {
    let op = Op::Rules {
        ruleset,
        instead: false,
    };
    let [little, big] = ORDERS.map(|order| {
        let bytes = emitted(order, |w| {
            apply::change(&op, &few(), rules, &[], TickRate::default(), 1, w).unwrap();
        });
        listing(&bytes, order)
    });
    assert_eq!(little, big);
    let lines = little.into_iter().map(|(_, line)| line);
    lines
        .filter_map(|line| {
            let (chain, rest) = line.split_once(": rule ")?.1.split_once(" \"")?;
            let (comment, says) = rest.split_once("\": ")?;
            let number = comment.rsplit(' ').next()?;
            Some([chain, number, says].map(str::to_owned))
        })
        .collect()
}

fn of_chain<'a>(made: &'a [[String; 3]], wanted: &str) -> Vec<&'a str> {
    let there = made.iter().filter(|[chain, ..]| chain == wanted);
    there.map(|[.., says]| says.as_str()).collect()
}

const LOOK_UP: &str =
    "data = meta 8; data == 0x0001; data = payload 0 at 6 of 6; verdict = device_class #1 [data]";
const TAKE: &str = "data = ct 3; data = data & 0x0000007f ^ 0x00000000 of 4; data = lane #2 [data]; \
                    data = ct 3; data = data & 0xffffff80 ^ 0x00000000 of 4; ct 3 = data";
const FROM: &str = "data = meta 6; data == \"br-lan\"; ";

#[test]
fn each_packet_from_the_home_is_looked_up_and_loses_a_class_that_its_device_has_not() {
    let found = made(afresh(), &[]);
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
    let found = made(set, &config.rules);
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
    let found = made(Ruleset { caps, ..afresh() }, &[]);
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
                let found = made(set, rules);
                let numbers = found.iter().map(|[_, number, _]| number.clone());
                let all = found.len();
                assert!(numbers.eq((1..=all).map(|number| format!("{number}/{all}"))));
            }
        }
    }
}
