//! The rules that hold devices to their caps.

use lanemark::apply::rules::read_table_comment;
use lanemark::config;
use lanemark::engine::{Devices, InForce, Op};
use lanemark::value::{Ahead, CAPS_MAX, CapRules, Class, Kbit, Mac, MarkLayout, Ruleset};

use super::rules::{batch, ruleset};

fn devices(count: u8) -> Devices {
    let mut config = config::Config::default();
    for number in 0..count {
        let device = config::Device {
            mac: Mac([2, 0, 0, 0, 0, number]),
            name: heapless::String::new(),
            class: Some(Class::Premium),
            up_max: Some(Kbit(100)),
            down_max: None,
        };
        config.devices.push(device).unwrap();
    }
    let mut devices = Devices::default();
    assert_eq!(devices.configure(&config, InForce::default()), 0);
    devices
}

fn capped(slots: u8) -> Ruleset {
    Ruleset {
        caps: Some(CapRules {
            layout: MarkLayout::CAPS,
            slots,
            devices: 7,
        }),
        ..ruleset()
    }
}

fn made(ruleset: Ruleset, devices: &Devices) -> Vec<String> {
    let instead = false;
    let (lines, _) = batch(&Op::Rules { ruleset, instead }, devices, 1);
    lines.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn two_capped_devices_bring_these_messages() {
    let lines = made(capped(2), &devices(2));
    let plain = made(ruleset(), &devices(2));
    let new: Vec<&str> = lines
        .iter()
        // The comments differ: the fingerprint, and how many rules there are.
        .filter(|line| line.contains("cap") || !plain.iter().any(|old| body(old) == body(line)))
        .map(|line| body(line))
        .collect();
    assert_eq!(
        new,
        [
            "!cx lanemark: table flags 0x0 \"mark 7f/0 7f00/8; nf_conntrack_acct was 0\"",
            "!c lanemark: map device_cap #4 flags 0x8 key 9 of 6 data 0xffffff00 of 16 orders 2 0",
            "!c lanemark: map cap_queue #5 flags 0x8 key 19 of 4 data 0x17 of 4 orders 1 1",
            "!c lanemark: chain cap1",
            "!c lanemark: chain cap2",
            "!c lanemark: chain capped filter hook 0 priority -150 policy 1",
            "data = ct 3; data = data & 0xffff80ff ^ 0x00000100 of 4; ct 3 = data",
            "data = ct 3; data = data & 0xffff80ff ^ 0x00000200 of 4; ct 3 = data",
            "data = meta 6; data == \"br-lan\"; data = ct 3; data = data & 0x00007f00 ^ 0x00000000 of 4; data == 0x00000000; data = meta 8; data == 0x0001; data = payload 0 at 6 of 6; verdict = device_cap #4 [data]",
            "data = ct 3; data = data & 0x00007f00 ^ 0x00000000 of 4; data = cap_queue #5 [data]; meta 2 = data",
            "data = ct 3; data = data & 0x00007f00 ^ 0x00000000 of 4; data = cap_queue #5 [data]; meta 2 = data",
            "!c lanemark: elements device_cap {02:00:00:00:00:00 goto cap1, 02:00:00:00:00:01 goto cap2}",
            "!c lanemark: elements cap_queue {0x100 = 4c4d1010, 0x200 = 4c4d1020}",
        ]
    );
}

/// What stands behind the comment of a rule.
fn body(line: &str) -> &str {
    match line.split_once("\": ") {
        Some((rule, body)) if rule.contains(": rule ") => body,
        _ => line,
    }
}

#[test]
fn rules_are_numbered_in_the_order_of_their_chains_with_caps_too() {
    let most = u8::try_from(CAPS_MAX).unwrap();
    for ahead in [Ahead::default(), Ahead::NOTHING] {
        let set = Ruleset {
            ahead,
            ..capped(most)
        };
        let lines = made(set, &devices(most));
        let chains: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split_once(": chain ")?.1.split(' ').next())
            .collect();
        let rules: Vec<(&str, &str)> = lines
            .iter()
            .filter_map(|line| {
                let (chain, rest) = line.split_once(": rule ")?.1.split_once(' ')?;
                let number = rest.split('"').nth(1)?.rsplit(' ').next()?;
                Some((chain, number))
            })
            .collect();
        let numbers: Vec<String> = (1..=rules.len())
            .map(|number| format!("{number}/{}", rules.len()))
            .collect();
        assert!(rules.iter().map(|(_, number)| number).eq(&numbers));
        let places: Vec<_> = rules
            .iter()
            .map(|(chain, _)| chains.iter().position(|known| known == chain))
            .collect();
        assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    }
}

#[test]
fn the_widest_masks_fit_the_comment_of_the_table() {
    let mut set = capped(1);
    set.layout = MarkLayout::new(0x00ff_ffff, 17).unwrap();
    set.caps = set.caps.map(|caps| CapRules {
        layout: MarkLayout::new(0xff00_0000, 24).unwrap(),
        ..caps
    });
    let lines = made(set, &devices(1));
    let note = read_table_comment(lines[1].split('"').nth(1).unwrap()).unwrap();
    assert_eq!(note.layout, set.layout);
    assert_eq!(note.caps, set.caps.map(|caps| caps.layout));
    for comment in [
        "mark 7f/0 ; nf_conntrack_acct was 0",
        "mark 7f/0 7f00; nf_conntrack_acct was 0",
        "mark 7f/0 7f00/8 7f/0; nf_conntrack_acct was 0",
    ] {
        assert_eq!(read_table_comment(comment), None, "{comment}");
    }
}

#[test]
fn another_place_or_another_device_is_another_rule_set() {
    let one = capped(2);
    let caps = |caps| Ruleset { caps, ..one };
    let own = one.caps.unwrap();
    let others = [
        caps(None),
        caps(Some(CapRules { devices: 8, ..own })),
        caps(Some(CapRules {
            layout: MarkLayout::new(0x7f_0000, 16).unwrap(),
            ..own
        })),
    ];
    for other in others {
        assert_ne!(one.fingerprint(), other.fingerprint(), "{other:?}");
    }
}
