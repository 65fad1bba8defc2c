//! What each verb asks, and how the answer is told.

use std::fs;

use lanemark::control::FINDINGS_MAX;
use serde_json::{Value, json};

use super::daemon::{Place, asked, call, text};

fn said(line: &str) -> Value {
    serde_json::from_str(line).expect("a request is JSON")
}

fn side(interface: &str, line_kbit: u32, proven_percent: Option<u8>) -> Value {
    json!({"interface": interface, "line_kbit": line_kbit, "rate_kbit": 340, "proven_percent": proven_percent, "leaf": "fq_codel"})
}

fn line(guarantee_kbit: u32, rate_kbit: u32) -> Value {
    json!({"guarantee_kbit": guarantee_kbit, "rate_kbit": rate_kbit, "bytes": 1, "packets": 1, "dropped": 2, "backlog_bytes": 0, "delay_ms": 12})
}

fn status(state: &str, reason: &str, up: Option<u8>, down: Option<u8>) -> String {
    json!({
        "state": state, "reason": reason, "version": "0.1.0", "pid": 812, "uptime_s": 11_530,
        "up": side("wan0", 970, up), "down": side("br-lan", 7760, down),
        "classes": [
            {"class": "exempt", "mark": 100, "up": line(0, 0), "down": line(0, 0)},
            {"class": "premium", "mark": 10, "up": line(727, 12), "down": line(5820, 340)},
        ],
        "devices": 5, "flows": 132, "flows_max": 16384, "saved": false, "config": "1a2b3c4d",
    })
    .to_string()
        + "\n"
}

#[test]
fn status_begins_with_whether_the_lanes_work_and_are_proven() {
    for (answer, expected) in [
        (
            status("on", "", Some(100), Some(99)),
            "on: proven 100 % up, 99 % down; wan0 shapes uploads at 970 kbit/s,\n    br-lan downloads at 7760 kbit/s\n",
        ),
        (
            status("on", "", None, None),
            "on: not proven yet (too little traffic to tell); wan0 shapes uploads\n",
        ),
        (
            status("on", "", Some(98), None),
            "on: proven 98 % up, not yet down; wan0 shapes",
        ),
        (
            status("on", "", Some(12), Some(99)),
            "on: but bypassed, proven 12 % up, 99 % down; wan0 shapes",
        ),
        (
            status("off", "", None, None),
            "off: the configuration says so\n",
        ),
        (
            status("waiting", "interface wan0 is not there yet", None, None),
            "waiting: interface wan0 is not there yet\n",
        ),
        (
            status("failing", "no HTB in this kernel", None, None),
            "failing: no HTB in this kernel\n",
        ),
    ] {
        let (ended, heard) = asked(&["status"], &answer);
        assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
        assert!(
            ended.text().starts_with(expected),
            "expected\n{expected}\nfound\n{}",
            ended.text()
        );
        assert_eq!(said(&heard[0])["verb"], "status");
    }
}

#[test]
fn status_has_a_line_for_each_lane() {
    let (ended, _) = asked(
        &["status"],
        &status("on", "fq_codel is missing", Some(100), Some(99)),
    );
    let expected = "\
note: fq_codel is missing
                        guarantee                  rate queued ms
class    mark         up       down         up       down   up down drops
exempt    100          -          -   0 kbit/s   0 kbit/s   12   12     4
premium    10 727 kbit/s 5.8 Mbit/s  12 kbit/s 340 kbit/s   12   12     4
line now: 340 kbit/s up, 340 kbit/s down; queues inside the lanes: fq_codel up,
    fq_codel down
home: 5 devices, 132 of 16384 flows
daemon: version 0.1.0, process 812, up 3 h 12 min; configuration not saved yet
";
    assert!(
        ended.text().ends_with(expected),
        "expected\n{expected}\nfound\n{}",
        ended.text()
    );
}

#[test]
fn devices_have_a_line_each_and_their_other_addresses_below() {
    let answer = json!({"devices": [
        {"name": "workstation", "mac": "02:00:00:00:00:0a",
         "addresses": ["fe80::ff:fe00:a", "192.168.1.10", "2001:db8:1:0:c1d2:3a4b:5c6d:7e8f"],
         "class": "premium", "flows": 3, "up_kbit": 12, "down_kbit": 340, "seen_s": 0},
        {"name": "television in the living room", "mac": "02:00:00:00:00:0b", "addresses": ["192.168.1.11"],
         "class": null, "up_max_kbit": 2000, "down_max_kbit": 5500, "flows": 41, "up_kbit": 210, "down_kbit": 7600, "seen_s": 4},
    ]});
    let (ended, heard) = asked(&["devices"], &format!("{answer}\n"));
    let expected = "\
name             MAC               address         class    flows   up down seen
workstation      02:00:00:00:00:0a fe80::ff:fe00:a premium      3  12k 340k  now
    192.168.1.10 2001:db8:1:0:c1d2:3a4b:5c6d:7e8f
television in t~ 02:00:00:00:00:0b 192.168.1.11    -           41 210k 7.6M   4s
    at most 2.0M up
    at most 5.5M down
";
    assert_eq!(ended.text(), expected);
    assert_eq!(said(&heard[0])["verb"], "devices");
    let (ended, _) = asked(&["devices"], "{\"devices\":[]}\n");
    assert_eq!(
        ended.text(),
        "no devices yet: none has been heard since the router started\n"
    );
}

#[test]
fn flows_have_a_line_each_and_long_ends_below() {
    let answer = json!({"flows": [
        {"proto": "tcp", "src": "192.168.1.10", "sport": 51234, "dst": "203.0.113.7", "dport": 22, "device": "workstation",
         "class": "premium", "mark": 10, "bytes_out": 12_345, "bytes_back": 99_999},
        {"proto": "tcp", "src": "2001:db8:1:0:c1d2:3a4b:5c6d:7e8f", "sport": 51235, "dst": "2a00:1450:4001:80b::200e", "dport": 443,
         "device": "workstation", "class": "premium", "mark": 10, "bytes_out": 1, "bytes_back": 2},
        {"proto": "icmp", "src": "192.168.1.11", "sport": 0, "dst": "192.168.1.1", "dport": 0, "device": "",
         "class": null, "mark": 2_147_483_648_u32, "bytes_out": null, "bytes_back": null},
    ]});
    let (ended, heard) = asked(
        &["flows", "--class", "premium", "--device=Bob's \"TV\""],
        &format!("{answer}\n"),
    );
    let expected = "\
prot device      class    mark bytes source                destination
tcp  workstation premium    10  112k 192.168.1.10:51234    203.0.113.7:22
tcp  workstation premium    10     3 [2001:db8:1:0:c1d2:3a4b:5c6d:7e8f]:51235
                                     [2a00:1450:4001:80b::200e]:443
icmp -     -        2147483648     - 192.168.1.11          192.168.1.1
";
    assert_eq!(ended.text(), expected);
    assert_eq!(
        said(&heard[0]),
        json!({"verb": "flows", "device": "Bob's \"TV\"", "class": "premium"})
    );
    let (ended, _) = asked(&["flows"], "{\"flows\":[]}\n");
    assert_eq!(ended.text(), "no flows\n");
}

#[test]
fn set_and_unset_tell_who_changed_and_whether_it_is_saved() {
    let changed = |name: &str, flows: u32, saved: bool, remark: &str| {
        json!({"mac": "02:00:00:00:00:0a", "name": name, "flows_marked": flows, "saved": saved, "remark": remark})
            .to_string()
            + "\n"
    };
    for (words, answer, expected) in [
        (
            &["set", "workstation", "PREMIUM"][..],
            changed("workstation", 3, true, ""),
            "workstation (02:00:00:00:00:0a) is premium; 3 live flows re-marked\n",
        ),
        (
            &["set", "192.168.1.10", "bulk"],
            changed("", 1, false, "the flash is full"),
            "02:00:00:00:00:0a is bulk; 1 live flow re-marked; not saved yet\nnote: the flash is full\n",
        ),
        (
            &["unset", "workstation"],
            changed("workstation", 0, true, ""),
            "workstation (02:00:00:00:00:0a) has no class now; 0 live flows re-marked\n",
        ),
    ] {
        let (ended, heard) = asked(words, &answer);
        assert_eq!((ended.code(), ended.text()), (0, expected));
        let class = words
            .get(2)
            .map_or(Value::Null, |class| json!(class.to_lowercase()));
        assert_eq!(
            said(&heard[0]),
            json!({"verb": words[0], "device": words[1], "class": class})
        );
    }
}

#[test]
fn an_unknown_class_is_not_even_sent() {
    let ended = call(&["--socket", "/nowhere", "set", "tv", "gold"]);
    assert_eq!(ended.code(), 2, "not 3: no daemon was looked for");
}

#[test]
fn doctor_has_a_line_for_each_finding() {
    let answer = json!({"findings": [
        {"what": "nf_tables", "good": true, "found": "rules by netlink"},
        {"what": "flow offload", "good": false,
         "found": "table inet fw4 has a flowtable: offloaded flows bypass the queues; set 'flow_offloading' to 0"},
    ]});
    let (ended, _) = asked(&["doctor"], &format!("{answer}\n"));
    let expected = "\
ok  nf_tables     rules by netlink
!!  flow offload  table inet fw4 has a flowtable: offloaded flows bypass the
                  queues; set 'flow_offloading' to 0
";
    assert_eq!((ended.code(), ended.text()), (0, expected));
    let many = format!(
        "{{\"findings\":[{}]}}\n",
        vec!["{\"what\":\"x\",\"good\":true,\"found\":\"\"}"; FINDINGS_MAX + 1].join(",")
    );
    assert_eq!(
        asked(&["doctor"], &many).0.code(),
        1,
        "more findings than the vocabulary has are not collected"
    );
}

#[test]
fn stop_tells_what_was_taken_away() {
    let answer =
        "{\"mac\":\"\",\"name\":\"\",\"flows_marked\":132,\"saved\":true,\"remark\":\"\"}\n";
    let (ended, heard) = asked(&["stop"], answer);
    assert_eq!(
        ended.text(),
        "lanemark has stopped; nothing of it is left in the kernel; the mark of 132 live\n    flows was taken away\n"
    );
    assert_eq!(said(&heard[0])["verb"], "stop");
}

#[test]
fn the_configuration_is_shown_as_it_can_be_applied_again() {
    let place = Place::new();
    let one_line = "{\"version\":1,\"enabled\":true,\"wan\":{\"interface\":\"wan0\",\"up_kbit\":970,\"down_kbit\":7760},\"devices\":[{\"mac\":\"02:00:00:00:00:0a\",\"name\":\"the \\\"big\\\" one\",\"class\":\"premium\"}]}\n";
    let (json, _) = asked(&["config", "show", "--json"], one_line);
    assert_eq!(json.text(), one_line);
    let (shown, _) = asked(&["config", "show"], one_line);
    assert!(
        shown.text().lines().count() > 8,
        "it is pretty: {}",
        shown.text()
    );

    let file = text(&place.path("config.json"));
    fs::write(&file, shown.text()).expect("a file of the test");
    let answer =
        "{\"mac\":\"\",\"name\":\"\",\"flows_marked\":0,\"saved\":false,\"remark\":\"\"}\n";
    let (applied, heard) = asked(&["config", "apply", &file], answer);
    assert_eq!(applied.code(), 0, "{}", applied.err);
    assert!(
        applied
            .text()
            .replace("\n    ", " ")
            .ends_with("is in force; 0 live flows re-marked; not saved yet\n"),
        "{}",
        applied.text()
    );
    assert_eq!(
        said(&heard[0]),
        json!({"verb": "config-apply", "device": null, "class": null})
    );
    let parsed = |text: &str| lanemark::config::parse(text.as_bytes()).expect("a configuration");
    assert_eq!(
        heard[1].matches('\n').count(),
        1,
        "the configuration is one line"
    );
    assert_eq!(parsed(&heard[1]), parsed(one_line));
}

#[test]
fn a_wrong_configuration_is_not_even_sent() {
    let place = Place::new();
    let file = text(&place.path("config.json"));
    fs::write(&file, "{\n  \"version\": 1,\n  \"enabled\": maybe\n}").expect("a file of the test");
    let ended = call(&["--socket", "/nowhere", "config", "apply", &file]);
    assert_eq!(ended.code(), 2, "not 3: no daemon was looked for");
    assert!(
        ended
            .err
            .starts_with(&format!("lanemark: {file}: line 3: enabled: expected ")),
        "{}",
        ended.err
    );
}
