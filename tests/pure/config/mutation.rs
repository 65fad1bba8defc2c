//! Twenty thousand damaged texts.

use lanemark::config::{Config, Lan, TimeOfDay};
use lanemark::value::{Class, IfName, Mac, MarkLayout, ShaperKind, TimeZone};

use super::{FULL, compact, full, is_json, parse, pretty};
use crate::dice::{Dice, chosen_seed, roll, rounds};

/// What holds of the caps.
fn assert_caps(config: &Config) {
    let capped = config.devices.iter().filter(|device| device.is_capped());
    assert!(capped.clone().count() <= 64);
    for device in capped.clone() {
        for (cap, line) in [
            (device.up_max, config.wan.up),
            (device.down_max, config.wan.down),
        ] {
            assert!(cap.is_none_or(|cap| cap.0 >= 64 && line.is_none_or(|line| cap <= line)));
        }
    }
    if capped.count() > 0 {
        let cap_mark = config.cap_mark;
        assert!(cap_mark.holds_slots() && cap_mark.mask() & config.mark.mask() == 0);
        assert_ne!(config.scheduler, Some(ShaperKind::Cake));
    }
}

/// What the rest of the program relies on.
fn assert_invariants(config: &Config) {
    let Config {
        enabled,
        wan,
        lan,
        default_class,
        scheduler: _,
        leaf: _,
        shares,
        ceilings,
        devices,
        rules,
        prioritize,
        mark,
        cap_mark: _,
        time_zone,
        schedules,
        admin,
    } = config;
    for rate in [wan.up, wan.down] {
        assert!(!enabled || rate.is_some());
        assert!(rate.is_none_or(|rate| (64..=10_000_000).contains(&rate.0)));
    }
    assert!(wan.overhead.is_none_or(|bytes| bytes <= 128));
    assert!(wan.mpu.is_none_or(|bytes| bytes <= 128));
    if let Lan::Interfaces(names) = lan {
        assert!(!names.is_empty());
        for (index, name) in names.iter().enumerate() {
            assert!(wan.interface != Some(*name) && !names[..index].contains(name));
            assert_eq!(IfName::parse(name.as_str()), Ok(*name));
        }
    }
    assert_ne!(*default_class, Class::Exempt);
    for (shares, ceilings) in [(shares.up, ceilings.up), (shares.down, ceilings.down)] {
        assert!(shares.sum() <= 100);
        for class in Class::SHAPED {
            let (share, ceiling) = (shares.of(class), ceilings.of(class));
            assert!((1..=100).contains(&share) && (share..=100).contains(&ceiling));
        }
    }
    assert_eq!(MarkLayout::new(mark.mask(), mark.shift()), Ok(*mark));
    assert_caps(config);
    if let Some(zone) = time_zone {
        assert_eq!(TimeZone::parse(&zone.text), Ok(zone.zone));
    }
    assert!(admin.port > 0 && (8..=4096).contains(&admin.connections));
    for schedule in schedules.iter() {
        assert_ne!(schedule.from, schedule.until);
        assert!(Some(schedule.from) < TimeOfDay::parse("24:00"));
    }
    assert!(prioritize.bits() < 64);
    for (index, rule) in rules.iter().enumerate() {
        assert!(rule.patterns().next().is_some());
        assert!(!rules[..index].iter().any(|before| before.covers(rule)));
    }
    for (index, device) in devices.iter().enumerate() {
        assert!(device.mac.is_device() && (device.class.is_some() || !device.name.is_empty()));
        assert!(!device.name.chars().any(char::is_control));
        assert!(
            Mac::parse(&device.name).is_err() && device.name.parse::<std::net::IpAddr>().is_err()
        );
        for before in &devices[..index] {
            assert_ne!(before.mac, device.mac);
            assert!(device.name.is_empty() || !before.name.eq_ignore_ascii_case(&device.name));
        }
    }
}

/// Changes, cuts, repeats or inserts something.
fn mutate(text: &mut Vec<u8>, dice: &mut Dice) {
    const PIECES: [&str; 28] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "\\ud83d",
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e9",
        "0x",
        "\n",
        "\u{0}",
        "é",
        "📱",
        "\"lan\"",
        "\"wan\"",
        "\"name\"",
        "[[[[",
        "eth0",
        "99999999999",
        " ",
    ];
    let at = dice.below(text.len() + 1);
    match dice.below(8) {
        0 if at < text.len() => text[at] = u8::try_from(dice.below(256)).unwrap(),
        1 if at < text.len() => text[at] ^= 1 << dice.below(8),
        2 => text.truncate(at),
        3 => {
            let end = (at + 1 + dice.below(20)).min(text.len());
            text.drain(at..end);
        }
        4 => {
            let end = (at + 1 + dice.below(80)).min(text.len());
            let again = text[at..end].to_vec();
            let to = dice.below(text.len() + 1);
            text.splice(to..to, again);
        }
        5 | 6 => {
            // Numbers stay numbers, so that the rules behind the form are reached too.
            if let Some(digit) = text.iter_mut().skip(at).find(|byte| byte.is_ascii_digit()) {
                *digit = b'0' + u8::try_from(dice.below(10)).unwrap();
            }
        }
        _ => drop(text.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
    }
}

#[test]
fn mutations_never_panic_and_what_parses_is_sound() {
    let mutations = rounds(20_000);
    let bases = [FULL.as_bytes().to_vec(), compact(&full()).into_bytes()];
    let good = roll(mutations, |mut dice| {
        let mut text = bases[dice.below(2)].clone();
        for _ in 0..=dice.below(2) {
            mutate(&mut text, &mut dice);
        }
        let parsed = parse(&text);
        match &parsed {
            Ok(config) => {
                assert_invariants(config);
                assert_eq!(parse(pretty(config).as_bytes()).as_ref(), Ok(config));
                assert_eq!(parse(compact(config).as_bytes()).as_ref(), Ok(config));
            }
            Err(problem) => {
                let line = problem.to_string();
                assert!(
                    line.len() <= 240 && !line.chars().any(char::is_control),
                    "{line:?}"
                );
                assert!(
                    line.contains("expected ") && line.contains("found "),
                    "{line:?}"
                );
            }
        }
        assert!(
            parsed.is_err() || is_json(&text),
            "taken, but another reader says it is no JSON"
        );
        parsed.is_ok()
    });
    println!("{good} of the mutated texts were configurations");
    assert!(
        chosen_seed().is_some() || good > mutations / 40,
        "only {good} mutated texts were configurations: mutate less"
    );
}
