//! `apply`: our rules, as a batch of messages.

use lanemark::apply::{self, DATAGRAM_BYTES_MAX, Family, Request};
use lanemark::config::{KERNEL_RULES_MAX, RULES_MAX};
use lanemark::engine::limits::DEVICES_MAX;
use lanemark::engine::{Devices, Op, Seen};
use lanemark::value::{
    Ahead, Before, Class, IfIndex, IfName, IfNames, Mac, MarkLayout, Rule, Ruleset, Segments,
    ShaperKind, TcHandle, TickRate, policy,
};
use lanemark::wire::Writer;

use super::catalog::Emit;
use super::fixture::ORDERS;
use super::listing::listing;
use super::{emitted, emitted_into};

pub fn ruleset() -> Ruleset {
    Ruleset {
        lans: IfNames::of(&mut [IfName::parse("br-lan").unwrap()].into_iter()),
        wan: IfName::parse("eth0.2").unwrap(),
        layout: MarkLayout::default(),
        default_class: Class::Standard,
        policy: 0,
        mss: Segments::ALONE,
        ahead: Ahead::default(),
        shaper: ShaperKind::Htb,
        arrival: 0,
        afresh: false,
        caps: None,
        guarded: false,
        before: Before { acct: Some(false) },
    }
}

/// Everything else than usual: the mark's third byte, a guard, names of the longest kind.
pub fn unusual() -> Ruleset {
    Ruleset {
        lans: IfNames::of(&mut [IfName::parse("a23456789012345").unwrap()].into_iter()),
        wan: IfName::parse("b23456789012345").unwrap(),
        layout: MarkLayout::new(0x00ff_0000, 17).unwrap(),
        default_class: Class::Bulk,
        policy: 0,
        mss: Segments::ALONE,
        ahead: Ahead::default(),
        shaper: ShaperKind::Htb,
        arrival: 0,
        afresh: false,
        caps: None,
        guarded: true,
        before: Before { acct: None },
    }
}

/// Where a flowtable takes packets.
pub fn arrivals() -> [IfName; 2] {
    ["lan1", "lan2"].map(|name| IfName::parse(name).unwrap())
}

/// `count` devices; each is given its classes, the wanted one and the kernel's.
fn devices(count: usize, classes: impl Fn(usize) -> [Option<Class>; 2]) -> Devices {
    let mut devices = Devices::default();
    for number in 0..count {
        let [_, _, a, b] = u32::try_from(number).unwrap().to_be_bytes();
        let Seen::Added(id) = devices.see(Mac([2, 0, 0, 0, a, b])) else {
            panic!("{number}")
        };
        let device = devices.get_mut(id).unwrap();
        [device.class, device.kernel_class] = classes(number);
    }
    devices
}

/// Six devices: one of each lane and one without; the kernel has the second and fifth elsewhere and the last one still.
pub fn few() -> Devices {
    let kernel = [
        None,
        Some(Class::Bulk),
        Some(Class::Express),
        None,
        Some(Class::Premium),
        Some(Class::Exempt),
    ];
    devices(6, move |number| {
        [Class::ALL.get(number).copied(), kernel[number]]
    })
}

pub fn change(op: &Op, devices: &Devices, seq: u32, w: &mut Writer<'_>) -> Option<Request> {
    apply::change(op, devices, &[], &arrivals(), TickRate::default(), seq, w)
}

/// The batch of an operation line by line, the same in both orders, and what is said of it.
pub fn batch(op: &Op, devices: &Devices, seq: u32) -> (Vec<(u32, String)>, Request) {
    let [little, big] = ORDERS.map(|order| {
        let mut request = None;
        let bytes = emitted(order, |w| request = change(op, devices, seq, w));
        (listing(&bytes, order), request.unwrap())
    });
    assert_eq!(little, big);
    little
}

/// Requests of every kind, for what holds of all that is written.
pub fn requests() -> Vec<(String, Emit)> {
    let dev = IfIndex(7);
    let handle = TcHandle::new(0x4c4d, 0);
    let ops = [
        Op::Rules {
            ruleset: ruleset(),
            instead: true,
        },
        Op::Rules {
            ruleset: unusual(),
            instead: false,
        },
        Op::Adopt(unusual()),
        Op::Elements(ruleset()),
        Op::DeleteRules,
        Op::DeleteRoot { dev, handle },
    ];
    let emit = |op: Op| -> (String, Emit) {
        let name = format!("{op:?}");
        let write = move |w: &mut Writer<'_>| assert!(change(&op, &few(), 5, w).is_some());
        (name, Box::new(write))
    };
    ops.map(emit).into()
}

#[test]
fn a_whole_rule_set_is_these_messages() {
    let set = ruleset();
    let (lines, request) = batch(
        &Op::Rules {
            ruleset: set,
            instead: false,
        },
        &few(),
        100,
    );
    let texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    let expected = [
        "begin",
        "!cx lanemark: table flags 0x0 \"mark 7f/0; nf_conntrack_acct was 0\"",
        "!c lanemark: map device_class #1 flags 0x8 key 9 of 6 data 0xffffff00 of 16 orders 2 0",
        "!c lanemark: map lane #2 flags 0x8 key 19 of 4 data 0x17 of 4 orders 1 1",
        "!c lanemark: map small_lane #3 flags 0x8 key 19 of 4 data 0x17 of 4 orders 1 1",
        "!c lanemark: chain exempt",
        "!c lanemark: chain premium",
        "!c lanemark: chain express",
        "!c lanemark: chain standard",
        "!c lanemark: chain bulk",
        "!c lanemark: chain first filter hook 0 priority -150 policy 1",
        "!c lanemark: chain steer filter hook 2 priority -150 policy 1",
        "!c lanemark: chain lanes",
        "!c lanemark: chain small",
        "ca lanemark: rule exempt \"lanemark FP 1/16\": data = ct 3; data = data & 0xffffff80 ^ 0x00000064 of 4; ct 3 = data",
        "ca lanemark: rule premium \"lanemark FP 2/16\": data = ct 3; data = data & 0xffffff80 ^ 0x0000000a of 4; ct 3 = data",
        "ca lanemark: rule express \"lanemark FP 3/16\": data = ct 3; data = data & 0xffffff80 ^ 0x00000014 of 4; ct 3 = data",
        "ca lanemark: rule standard \"lanemark FP 4/16\": data = ct 3; data = data & 0xffffff80 ^ 0x0000001e of 4; \
         ct 3 = data",
        "ca lanemark: rule bulk \"lanemark FP 5/16\": data = ct 3; data = data & 0xffffff80 ^ 0x00000028 of 4; ct 3 = data",
        "ca lanemark: rule first \"lanemark FP 6/16\": data = meta 6; data == \"br-lan\"; data = ct 3; \
         data = data & 0x0000007f ^ 0x00000000 of 4; data == 0x00000000; data = meta 8; data == 0x0001; \
         data = payload 0 at 6 of 6; verdict = device_class #1 [data]",
        "ca lanemark: rule steer \"lanemark FP 7/16\": data = meta 7; data == \"eth0.2\"; verdict = goto lanes",
        "ca lanemark: rule steer \"lanemark FP 8/16\": data = meta 6; data == \"eth0.2\"; verdict = goto lanes",
        "ca lanemark: rule lanes \"lanemark FP 9/16\": data = 4c4d0030; meta 2 = data",
        "ca lanemark: rule lanes \"lanemark FP 10/16\": data = ct 3; data = data & 0x0000007f ^ 0x00000000 of 4; \
         data = lane #2 [data]; meta 2 = data",
        "ca lanemark: rule lanes \"lanemark FP 11/16\": data = meta 16; data == 0x06; data = meta 0; \
         data = data & 0xffffff80 ^ 0x00000000 of 4; data == 0x00000000; verdict = goto small",
        "ca lanemark: rule lanes \"lanemark FP 12/16\": data = meta 16; data == 0x06; data = payload 2 at 13 of 1; \
         data = data & 07 of 1; data != 0x00; verdict = goto small",
        "ca lanemark: rule lanes \"lanemark FP 13/16\": data = meta 16; data == 0x01; verdict = goto small",
        "ca lanemark: rule lanes \"lanemark FP 14/16\": data = meta 16; data == 0x3a; verdict = goto small",
        "ca lanemark: rule lanes \"lanemark FP 15/16\": data = ct 12 of [0]; data == 0035; verdict = goto small",
        "ca lanemark: rule small \"lanemark FP 16/16\": data = ct 3; data = data & 0x0000007f ^ 0x00000000 of 4; \
         data = small_lane #3 [data]; meta 2 = data",
        "!c lanemark: elements lane {0x0 = 4c4d0030, 0x64 = 4c4d0100, 0xa = 4c4d0010, 0x14 = 4c4d0020, 0x1e = 4c4d0030, \
         0x28 = 4c4d0040}",
        "!c lanemark: elements small_lane {0x0 = 4c4d0036, 0x1e = 4c4d0036, 0x28 = 4c4d0036}",
        "!c lanemark: elements device_class {02:00:00:00:00:00 goto exempt, 02:00:00:00:00:01 goto premium, \
         02:00:00:00:00:02 goto express, 02:00:00:00:00:03 goto standard, 02:00:00:00:00:04 goto bulk}",
        "end",
    ];
    let fingerprint = format!("{:08x}", set.fingerprint());
    assert_eq!(texts, expected.map(|line| line.replace("FP", &fingerprint)));
    assert_eq!(
        request,
        Request {
            family: Family::Netfilter,
            last_seq: 132
        }
    );
    let numbers: Vec<u32> = lines.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(
        numbers,
        (100..=133).collect::<Vec<_>>(),
        "the last one, which nobody acknowledges, is END"
    );
}

#[test]
fn each_lan_has_a_lookup_of_its_own_and_all_rules_count_them() {
    let names = ["br-lan", "br-guest", "br-iot", "eth3"];
    let set = Ruleset {
        lans: IfNames::of(&mut names.into_iter().map(|name| IfName::parse(name).unwrap())),
        ..ruleset()
    };
    let op = Op::Rules {
        ruleset: set,
        instead: false,
    };
    let (lines, _) = batch(&op, &few(), 1);
    let of_chain = |chain: &str| -> Vec<&str> {
        let wanted = format!(": rule {chain} ");
        let texts = lines.iter().map(|(_, text)| text.as_str());
        texts.filter(|text| text.contains(&wanted)).collect()
    };
    let found = of_chain("first");
    assert_eq!(found.len(), names.len());
    for (number, (line, name)) in found.iter().zip(names).enumerate() {
        assert!(line.contains(&format!("data == \"{name}\"")), "{line}");
        assert!(line.contains(&format!(" {}/19\"", number + 6)), "{line}");
        assert!(line.ends_with("verdict = device_class #1 [data]"), "{line}");
    }
    assert!(of_chain("lanes").iter().all(|line| line.contains("/19\"")));
}

#[test]
fn another_layout_guard_and_default_show_where_they_matter_and_nowhere_else() {
    let (usual, _) = batch(
        &Op::Rules {
            ruleset: ruleset(),
            instead: false,
        },
        &few(),
        1,
    );
    let (unusual_lines, request) = batch(
        &Op::Rules {
            ruleset: unusual(),
            instead: true,
        },
        &few(),
        1,
    );
    assert_eq!(request.last_seq, 34, "one more, for the table that goes");
    let lines: Vec<&str> = unusual_lines
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(lines[1], "! lanemark: no table");
    assert_eq!(
        lines[2],
        "!cx lanemark: table flags 0x6 \"mark ff0000/17; nf_conntrack_acct was -\""
    );
    let fingerprints = [ruleset(), unusual()].map(|set| format!("{:08x}", set.fingerprint()));
    assert_ne!(fingerprints[0], fingerprints[1]);
    let mut moved: Vec<String> = usual.into_iter().map(|(_, text)| text).collect();
    let marks = [
        ("00000064", "00c80000"),
        ("0000000a", "00140000"),
        ("00000014", "00280000"),
        ("0000001e", "003c0000"),
        ("00000028", "00500000"),
    ];
    for line in &mut moved {
        if line.contains(" rule ") {
            *line = line.replace(&fingerprints[0], &fingerprints[1]);
            // One mark a line, so that none is moved twice.
            if let Some((from, to)) = marks
                .iter()
                .find(|(from, _)| line.contains(&format!("^ 0x{from} ")))
            {
                *line = line.replace(from, to);
            }
            // The mask that the length of a small packet has none of is not the mark's.
            if !line.contains("meta 0") {
                *line = line.replace("0xffffff80", "0xff00ffff");
            }
            *line = line.replace("0x0000007f", "0x00ff0000");
            *line = line
                .replace("\"br-lan\"", "\"a23456789012345\"")
                .replace("\"eth0.2\"", "\"b23456789012345\"");
            *line = line.replace("4c4d0030", "4c4d0040");
        }
        if line.contains("elements small_lane") {
            *line = line
                .replace("0x1e ", "0x3c0000 ")
                .replace("0x28 ", "0x500000 ");
        }
        if line.contains("elements lane") {
            *line = "!c lanemark: elements lane {0x0 = 4c4d0040, 0xc80000 = 4c4d0100, 0x140000 = 4c4d0010, \
                     0x280000 = 4c4d0020, 0x3c0000 = 4c4d0030, 0x500000 = 4c4d0040}"
                .to_owned();
        }
    }
    assert_eq!(lines[3..], moved[2..]);
}

#[test]
fn without_devices_of_a_class_no_empty_message_is_sent() {
    for none in [
        Devices::default(),
        devices(3, |_| [None, Some(Class::Bulk)]),
    ] {
        let (lines, request) = batch(
            &Op::Rules {
                ruleset: ruleset(),
                instead: false,
            },
            &none,
            1,
        );
        assert!(
            !lines
                .iter()
                .any(|(_, line)| line.contains("elements device_class"))
        );
        assert_eq!((lines.len(), request.last_seq), (33, 32));
    }
    let (lines, _) = batch(
        &Op::Elements(ruleset()),
        &devices(3, |_| [Some(Class::Bulk); 2]),
        1,
    );
    assert_eq!(lines.len(), 2, "only begin and end: {lines:?}");
}

#[test]
fn elements_that_are_wrong_go_and_right_ones_come_in_one_batch() {
    let (lines, request) = batch(&Op::Elements(ruleset()), &few(), 7);
    let expected = [
        (7, "begin"),
        (
            8,
            "! lanemark: no elements device_class {02:00:00:00:00:01, 02:00:00:00:00:04, 02:00:00:00:00:05}",
        ),
        (
            9,
            "!c lanemark: elements device_class {02:00:00:00:00:00 goto exempt, 02:00:00:00:00:01 goto premium, \
             02:00:00:00:00:03 goto standard, 02:00:00:00:00:04 goto bulk}",
        ),
        (10, "end"),
    ];
    assert_eq!(lines, expected.map(|(seq, line)| (seq, line.to_owned())));
    assert_eq!(
        request,
        Request {
            family: Family::Netfilter,
            last_seq: 9
        }
    );
    let (lines, request) = batch(
        &Op::Elements(ruleset()),
        &devices(1, |_| [None, Some(Class::Bulk)]),
        7,
    );
    assert_eq!((lines.len(), request.last_seq), (3, 8));
    let (lines, request) = batch(
        &Op::Elements(ruleset()),
        &devices(1, |_| [Some(Class::Bulk), None]),
        7,
    );
    assert_eq!((lines.len(), request.last_seq), (3, 8));
}

#[test]
fn a_table_is_adopted_and_removed_by_one_message() {
    for (op, line) in [
        (Op::Adopt(unusual()), "! lanemark: table flags 0x6"),
        (Op::Adopt(ruleset()), "! lanemark: table flags 0x0"),
        (Op::DeleteRules, "! lanemark: no table"),
    ] {
        let (lines, request) = batch(&op, &few(), 41);
        assert_eq!(
            lines,
            [(41, "begin"), (42, line), (43, "end")].map(|(seq, line)| (seq, line.to_owned()))
        );
        assert_eq!(
            request,
            Request {
                family: Family::Netfilter,
                last_seq: 42
            }
        );
    }
}

#[test]
fn five_hundred_and_twelve_devices_and_all_that_can_be_known_fit_a_datagram() {
    for count in [512, DEVICES_MAX] {
        let before = devices(count, |_| [Some(Class::Standard); 2]);
        let moved = devices(count, |_| [Some(Class::Standard), Some(Class::Premium)]);
        for order in ORDERS {
            let room = [DATAGRAM_BYTES_MAX, 0xa5];
            let install = Op::Rules {
                ruleset: unusual(),
                instead: true,
            };
            let update = Op::Elements(ruleset());
            let install = emitted_into(room, order, |w| {
                assert!(change(&install, &before, 1, w).is_some())
            })
            .unwrap();
            let moved = emitted_into(room, order, |w| {
                assert!(change(&update, &moved, 1, w).is_some())
            })
            .unwrap();
            let elements = listing(&moved, order);
            for (line, sign) in elements[1..3].iter().zip([":", "goto standard"]) {
                assert!(line.1.matches(sign).count() >= count, "all {count} of them");
            }
            println!(
                "{order:?}: {count} devices: install {} bytes, change {} bytes",
                install.len(),
                moved.len()
            );
            assert!(install.len() < 52 * count + 6144 && moved.len() < 72 * count + 256);
        }
    }
}

/// The rules of a configuration.
fn rules_of(text: &str) -> Vec<Rule> {
    let text = format!("{{\"version\": 1, \"rules\": [{text}]}}");
    lanemark::config::parse(text.as_bytes())
        .unwrap_or_else(|problem| panic!("{problem}"))
        .rules
        .to_vec()
}

/// The rules of the set with these of the user.
fn user_rules(rules: &[Rule]) -> Vec<String> {
    let set = Ruleset {
        policy: policy(rules),
        ..ruleset()
    };
    installed(set, rules)
}

/// The rules of a set, each as its chain and what it says: the same in both orders, and numbered as they are counted.
pub fn installed(set: Ruleset, rules: &[Rule]) -> Vec<String> {
    let op = Op::Rules {
        ruleset: set,
        instead: false,
    };
    let [little, big] = ORDERS.map(|order| {
        let bytes = emitted(order, |w| {
            let request =
                apply::change(&op, &few(), rules, &[], TickRate::default(), 1, w).unwrap();
            assert!(request.last_seq > 0);
        });
        listing(&bytes, order)
    });
    assert_eq!(little, big);
    let fingerprint = format!("{:08x}", set.fingerprint());
    let rules: Vec<&str> = little
        .iter()
        .filter_map(|(_, line)| line.strip_prefix("ca lanemark: rule "))
        .collect();
    let of = rules.len();
    let numbered = rules.iter().zip(1..).map(|(line, number)| {
        let mark = format!("\"lanemark {fingerprint} {number}/{of}\"");
        assert!(line.contains(&mark), "expected {mark}, found {line}");
        line.replace(&format!(" {mark}"), "")
    });
    numbered.collect()
}

#[test]
fn the_users_rules_are_these_messages() {
    let rules = rules_of(
        r#"{"class": "express", "service": "ssh"},
        {"class": "bulk", "mac": "02:00:00:00:00:0b", "cidr": "192.168.1.16/28", "remote": "203.0.113.7", "proto": "udp", "ports": "8000-8100", "interface": "br-guest", "dscp": "ef"},
        {"class": "premium", "cidr": "2001:db8:8000::/33", "remote": "2001:db8::1", "dscp": 46},
        {"class": "exempt", "proto": "icmp"}"#,
    );
    let chains = user_rules(&rules);
    let lookup = "data = meta 8; data == 0x0001; data = payload 0 at 6 of 6; verdict = device_class #1 [data]";
    let expected = [
        "rules: data = ct 10 of [0]; data == 06; data = ct 12 of [0]; data == 0016; verdict = goto express".to_owned(),
        "rules: data = meta 6; data == \"br-guest\"; data = meta 8; data == 0x0001; data = payload 0 at 6 of 6; \
         data == 02000000000b; data = meta 15; data == 0x02; data = payload 1 at 1 of 1; data = data & fc of 1; data == b8; \
         data = payload 1 at 12 of 4; data = data & fffffff0 of 4; data == c0a80110; data = payload 1 at 16 of 4; data == cb007107; \
         data = ct 10 of [0]; data == 11; data = ct 12 of [0]; data >= 1f40; data <= 1fa4; verdict = goto bulk"
            .to_owned(),
        "rules: data = meta 15; data == 0x0a; data = payload 1 at 0 of 2; data = data & 0fc0 of 2; data == 0b80; \
         data = payload 1 at 8 of 16; data = data & ffffffff800000000000000000000000 of 16; \
         data == 20010db8800000000000000000000000; data = payload 1 at 24 of 16; \
         data == 20010db8000000000000000000000001; verdict = goto premium"
            .to_owned(),
        "rules: data = ct 10 of [0]; data == 01; verdict = goto exempt".to_owned(),
        "rules: data = ct 10 of [0]; data == 3a; verdict = goto exempt".to_owned(),
        format!("rules: {lookup}"),
        "unmarked: data = ct 0; data = data & 0x0000000c ^ 0x00000000 of 4; data != 0x00000000; verdict = goto rules".to_owned(),
        "unmarked: data = ct 1; data == 0x01; data = ct 2; data = data & 0x00000004 ^ 0x00000000 of 4; data == 0x00000000; \
         verdict = goto rules"
            .to_owned(),
        format!("unmarked: {lookup}"),
        "first: data = meta 6; data == \"br-lan\"; data = ct 3; data = data & 0x0000007f ^ 0x00000000 of 4; data == 0x00000000; \
         verdict = goto unmarked"
            .to_owned(),
    ];
    assert_eq!(chains[5..5 + expected.len()], expected);
    assert_eq!(chains.len(), 16 + rules.len() + 1 + 4);
}

#[test]
fn the_most_rules_of_the_longest_kind_and_all_devices_fit_a_datagram() {
    let rule = |number: usize| {
        let ports: Vec<String> = (0..KERNEL_RULES_MAX / RULES_MAX)
            .map(|range| format!("{}-{}", 1000 * range + 1000, 1000 * range + 1999))
            .collect();
        format!(
            r#"{{"class": "standard", "mac": "02:00:00:00:00:0b", "cidr": "fd00::{number:x}:0/112", "remote": "2001:db8::/33", "proto": "udp", "ports": "{}", "interface": "a23456789012345", "dscp": "ef"}}"#,
            ports.join(",")
        )
    };
    let rules = rules_of(&(0..RULES_MAX).map(rule).collect::<Vec<_>>().join(","));
    let patterns: usize = rules.iter().map(Rule::size).sum();
    assert_eq!(patterns, KERNEL_RULES_MAX);
    let all = devices(DEVICES_MAX, |_| [Some(Class::Standard); 2]);
    let op = Op::Rules {
        ruleset: Ruleset {
            policy: policy(&rules),
            ..unusual()
        },
        instead: true,
    };
    for order in ORDERS {
        let bytes = emitted_into([DATAGRAM_BYTES_MAX, 0xa5], order, |w| {
            assert!(apply::change(&op, &all, &rules, &[], TickRate::default(), 1, w).is_some());
        })
        .unwrap();
        println!("{order:?}: {} bytes", bytes.len());
        let lines = listing(&bytes, order);
        let made = lines.iter().filter(|(_, line)| line.contains(": rule "));
        assert_eq!(made.count(), patterns + 16 + 4);
        assert!(
            lines[lines.len() - 2]
                .1
                .starts_with("!c lanemark: elements device_class")
        );
    }
}

#[test]
fn of_the_packets_that_go_ahead_only_those_that_are_named_have_a_rule() {
    for (names, expected) in [
        (&[][..], &[][..]),
        (
            &["rst"],
            &[
                "data = meta 16; data == 0x06; data = payload 2 at 13 of 1; data = data & 04 of 1; data != 0x00",
            ],
        ),
        (
            &["syn", "fin"],
            &[
                "data = meta 16; data == 0x06; data = payload 2 at 13 of 1; data = data & 03 of 1; data != 0x00",
            ],
        ),
        (
            &["icmp"],
            &[
                "data = meta 16; data == 0x01",
                "data = meta 16; data == 0x3a",
            ],
        ),
        (&["dns"], &["data = ct 12 of [0]; data == 0035"]),
    ] {
        let mut ahead = Ahead::NOTHING;
        assert!(names.iter().all(|name| ahead.add(name)));
        let op = Op::Rules {
            ruleset: Ruleset { ahead, ..ruleset() },
            instead: false,
        };
        let (lines, _) = batch(&op, &few(), 1);
        let found: Vec<&str> = lines
            .iter()
            .filter_map(|(_, line)| {
                line.strip_suffix("; verdict = goto small")?
                    .split_once("\": ")
            })
            .map(|(_, conditions)| conditions)
            .collect();
        assert_eq!(found, expected, "{names:?}");
        let small = lines.iter().any(|(_, line)| line.contains("chain small"));
        assert_eq!(small, !names.is_empty());
    }
}

#[test]
fn under_cake_the_lower_lanes_are_known_and_their_small_packets_stay_in_them() {
    let ruleset = Ruleset {
        shaper: ShaperKind::Cake,
        ..ruleset()
    };
    let op = Op::Rules {
        ruleset,
        instead: false,
    };
    let (lines, _) = batch(&op, &few(), 1);
    let elements = |map: &str| {
        let lead = format!("elements {map} {{");
        let found = lines.iter().find_map(|(_, line)| line.split_once(&lead));
        let (_, rest) = found.unwrap_or_else(|| panic!("{map}"));
        let list = rest.trim_end_matches('}').split(", ").map(str::to_owned);
        list.collect::<Vec<_>>()
    };
    let (lanes, lower) = (elements("lane"), elements("small_lane"));
    assert_eq!(lower.len(), 3, "{lower:?}");
    assert!(lower.iter().all(|element| lanes.contains(element)));
}

#[test]
fn segment_sizes_are_lowered_by_these_rules() {
    let opens = "data = meta 16; data == 0x06; data = payload 2 at 13 of 1; data = data & 02 of 1; data != 0x00";
    let set = "option 1 [2] at 2 of 2 = data";
    let path = format!("{opens}; data = rt 3; data = byteorder 1 of data, 2 by 2; {set}");
    let lower = |opens: &str, size: &str| {
        format!(
            "{opens}; data = ct 3; data = data & 0x0000007f ^ 0x00000000 of 4; data = small_lane #3 [data]; data = bytes {size}; {set}"
        )
    };
    // What comes from the line says how much the home may send.
    let [up, down] = [(6, "0218"), (7, "04b0")].map(|(key, size)| {
        lower(
            &format!("{opens}; data = meta {key}; data == \"eth0.2\""),
            size,
        )
    });
    let both = lower(opens, "0218");
    for (to_path, sizes, expected) in [
        (true, [None, None], vec![&path]),
        (false, [Some(536), Some(536)], vec![&both]),
        (true, [Some(536), None], vec![&path, &up]),
        (false, [Some(536), Some(1200)], vec![&up, &down]),
        (false, [None, Some(1200)], vec![&down]),
        (false, [None, None], vec![]),
    ] {
        let [up, down] = sizes;
        let mss = Segments { to_path, up, down };
        let op = Op::Rules {
            ruleset: Ruleset { mss, ..ruleset() },
            instead: false,
        };
        let (lines, _) = batch(&op, &few(), 1);
        let found: Vec<&str> = lines
            .iter()
            .filter_map(|(_, line)| line.split_once("\": "))
            .map(|(_, conditions)| conditions)
            .filter(|conditions| conditions.contains("option"))
            .collect();
        assert_eq!(found, expected);
        let of = 16 + expected.len();
        assert!(
            lines
                .iter()
                .any(|(_, line)| line.contains(&format!(" {of}/{of}\"")))
        );
    }
}

#[test]
fn rules_that_differ_in_more_than_a_name_have_another_fingerprint() {
    let base = r#""mac": "02:00:00:00:00:0b", "cidr": "10.0.0.0/8", "ports": "1-2""#;
    let of = |rules: &str| policy(&rules_of(rules));
    let rule = |class: &str, conditions: &str| format!(r#"{{"class": "{class}", {conditions}}}"#);
    let mut seen = vec![0, of(&rule("bulk", base))];
    assert_eq!(
        of(&rule("bulk", &format!("\"name\": \"x\", {base}"))),
        seen[1]
    );
    for other in [
        rule("premium", base),
        rule("bulk", &base.replace("0b", "0c")),
        rule("bulk", &base.replace("/8", "/9")),
        rule("bulk", &base.replace("cidr", "remote")),
        rule("bulk", &base.replace("1-2", "1,2")),
        rule("bulk", &format!("{base}, \"proto\": \"tcp\"")),
        rule("bulk", &format!("{base}, \"dscp\": 1")),
        rule("bulk", &format!("{base}, \"interface\": \"lan1\"")),
        rule("bulk", r#""service": "ssh""#),
        [rule("bulk", base), rule("bulk", r#""service": "ssh""#)].join(","),
        [rule("bulk", r#""service": "ssh""#), rule("bulk", base)].join(","),
    ] {
        let policy = of(&other);
        assert!(!seen.contains(&policy), "{other}");
        seen.push(policy);
    }
    let set = |policy| {
        Ruleset {
            policy,
            ..ruleset()
        }
        .fingerprint()
    };
    assert_ne!(set(0), set(seen[1]));
}
