//! DD-WRT's QoS settings become a configuration, by every shell and awk of this machine that a router could have.
#![expect(
    clippy::disallowed_methods,
    reason = "the import is a program, and so is everything around it"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of it is test, the functions between the tests too"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lanemark::config::{Config, RULES_MAX, parse};
use lanemark::value::{Class, Kbit, Kind};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("board/files/import-ddwrt.sh")
}

/// How it ended, and what it said on both outputs.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The script under a shell, with the applets of busybox before those of the machine or without them.
fn import(shell: &[&str], settings: &str) -> Said {
    let mut command = Command::new(shell[0]);
    let mut child = command
        .args(&shell[1..])
        .arg(script())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shell:?}: {error}"));
    let mut input = child.stdin.take().unwrap();
    input.write_all(settings.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// What all shells say, which must be the same. busybox ash prefers its own applets, its awk too, where it was built so.
fn imported(settings: &str) -> Said {
    let is_here = |program: &str| {
        let look = format!("command -v {program}");
        let found = Command::new("sh").args(["-c", &look]).output();
        found.is_ok_and(|found| found.status.success())
    };
    let shells = [&["busybox", "sh"][..], &["dash"], &["sh"]];
    let here = shells.into_iter().filter(|shell| is_here(shell[0]));
    let mut said: Vec<Said> = here.map(|shell| import(shell, settings)).collect();
    let last = said.pop().unwrap();
    for other in said {
        assert_eq!((other.code, &other.out), (last.code, &last.out));
    }
    last
}

fn config(settings: &str) -> (Config, String) {
    let said = imported(settings);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let config = parse(said.out.as_bytes());
    (
        config.unwrap_or_else(|problem| panic!("{problem}\n{}", said.out)),
        said.err,
    )
}

/// The rules, as `class condition value ..`.
fn rules(config: &Config) -> Vec<String> {
    let shown = config.rules.iter().map(|rule| {
        let mut words = rule.class.to_string();
        rule.conditions(&mut |name, value| {
            words += &format!(" {name} {value}");
            Ok(())
        })
        .unwrap();
        words
    });
    shown.collect()
}

#[test]
fn the_settings_of_v24_become_rules_in_its_precedence() {
    let (config, left_out) = config(
        "os_version=24\nwshaper_enable=1\nwshaper_dev=WAN\nwshaper_uplink=970\nwshaper_downlink=7600\nqos_type=0\n\
         svqos_svcs=ssh tcp 22:22 10 |web both 80:80 30 |bittorrent p2p 0:0 40 |ping icmp 0:0 20 |all udp 0:65535 40 |\n\
         svqos_ips=192.168.1.16/28 20 |203.0.113.7/255.255.255.255 100 |10.1.2.3/255.255.0.0 40 |\n\
         svqos_macs=02:00:00:00:00:0A 10 |02:00:00:00:00:0b 100 |\n\
         svqos_pkts=ACK | SYN | FIN | RST | ICMP |\n",
    );
    assert_eq!(left_out, "");
    assert!(config.enabled);
    assert_eq!(
        (config.wan.up, config.wan.down),
        (Some(Kbit(970)), Some(Kbit(7600)))
    );
    assert_eq!(
        rules(&config),
        [
            "premium mac 02:00:00:00:00:0a",
            "exempt mac 02:00:00:00:00:0b",
            "express cidr 192.168.1.16/28",
            "exempt remote 203.0.113.7/32",
            "bulk cidr 10.1.0.0/16",
            "premium proto tcp ports 22",
            "standard ports 80",
            "bulk service torrents",
            "express proto icmp",
            "bulk proto udp ports 1-65535",
        ]
    );
    let ahead = Kind::ALL.map(|kind| config.prioritize.has(kind));
    assert_eq!(ahead, [true, true, true, true, true, false]);
    assert_eq!(config.default_class, Class::Standard);
    assert!(config.devices.is_empty());
}

#[test]
fn the_longer_entries_of_later_builds_have_their_level_last() {
    let (config, _) = config(
        "wshaper_enable=0\nwshaper_uplink=970\nwshaper_downlink=0\n\
         svqos_macs=02:00:00:00:00:0a 0 0 user br0 10 |02:00:00:00:00:0b 512 4096 hostprio br0 40 |\n\
         svqos_ips=192.168.1.20/32 0 0 br0 30 |\nsvqos_devs=br1 0 0 none 40 |\nsvqos_pkts=\n",
    );
    assert!(!config.enabled && config.wan.down.is_none());
    assert_eq!(
        rules(&config),
        [
            "premium mac 02:00:00:00:00:0a",
            "bulk mac 02:00:00:00:00:0b",
            "standard cidr 192.168.1.20/32",
            "bulk interface br1",
        ]
    );
    assert_eq!(config.prioritize.bits(), 0);
}

#[test]
fn what_cannot_be_carried_over_is_said_and_left_out() {
    let (config, left_out) = config(
        "wshaper_enable=1\nwshaper_uplink=0\nwshaper_downlink=8000\nqos_type=1\n\
         svqos_macs=02:00:00:00:00:0a 10 |02:00:00:00:00:0A 20 |nonsense 10 |02:00:00:00:00:0c 213 |lonely |\n\
         svqos_ips=192.168.1.300/32 10 |192.168.1.1/33 10 |fd00::1/64 10 |\n\
         svqos_svcs=edonkey l7 0:0 40 |\"quoted\\ tcp 21:20 10 |odd tcp x:y 10 |\n",
    );
    assert!(!config.enabled, "without both rates it cannot be on");
    assert_eq!(rules(&config), ["premium mac 02:00:00:00:00:0a"]);
    for words in [
        "02:00:00:00:00:0a: an earlier entry has the same conditions",
        "nonsense: no MAC address",
        "02:00:00:00:00:0c: expected level 100, 10, 20, 30 or 40, found 213",
        "lonely : expected more fields",
        "192.168.1.300/32: no IPv4 network",
        "192.168.1.1/33: no IPv4 network",
        "fd00::1/64: no IPv4 network",
        "edonkey: known by its traffic (l7), not by ports",
        "\"quoted\\: no ports: 21:20",
        "odd: no ports: x:y",
        "enabled: expected both rates of the line",
        "qos_type 1: HFSC",
    ] {
        assert!(
            left_out.contains(words),
            "expected {words}, found {left_out}"
        );
    }
    assert_eq!(left_out.lines().count(), 12, "{left_out}");
}

#[test]
fn more_entries_than_rules_are_left_out_and_no_settings_are_an_error() {
    let macs: Vec<String> = (0..=RULES_MAX)
        .map(|number| format!("02:00:00:00:{:02x}:{:02x} 40 |", number / 256, number % 256))
        .collect();
    let (config, left_out) = config(&format!("svqos_macs={}\r\n", macs.concat()));
    assert_eq!(config.rules.len(), RULES_MAX);
    assert!(left_out.contains("more than 256 rules"), "{left_out}");
    let said = imported("wan_proto=dhcp\n");
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(
        said.err.contains("expected the output of nvram show"),
        "{}",
        said.err
    );
}

#[test]
fn the_script_has_no_fault_that_shellcheck_knows() {
    let Ok(checked) = Command::new("shellcheck")
        .args(["-s", "sh"])
        .arg(script())
        .output()
    else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "no shellcheck"
        );
        println!("skipped: shellcheck is missing");
        return;
    };
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
}
