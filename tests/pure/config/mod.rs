//! What a configuration text may say, and what is said of any other.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of it is test, the functions between the tests too"
)]

mod caps;
mod mutation;
mod password;
mod refusal;
mod rules;

use std::fmt::Write;

use lanemark::config::{
    Admin, BothWays, CONFIG_BYTES_MAX, Config, DEVICES_MAX, Days, Device, HostName, Lan, LinkLayer,
    NAME_BYTES_MAX, RULES_MAX, Schedule, Scheduled, Shares, TimeOfDay, Wan, Zone, parse, write,
    write_compact,
};
use lanemark::value::{
    Address, Ahead, Class, Framing, IfName, Kbit, LeafKind, LowerMss, Mac, MarkLayout, Mss,
    Network, Ports, Rule, Service, ShaperKind, TimeZone,
};

const FULL: &str = r#"{
  "version": 1,
  "enabled": true,
  "wan": { "interface": "eth0", "up_kbit": 1000, "down_kbit": 8000, "link": "adsl-pppoe-llc", "overhead": 22, "mpu": 64, "mss": "off", "lower_mss": 536, "probe": "9.9.9.9" },
  "lan": ["br-lan", "wlan0"],
  "default_class": "bulk",
  "scheduler": "hfsc",
  "leaf": "cake",
  "shares": { "premium": 70, "express": 15, "standard": 9, "bulk": 1 },
  "ceilings": { "up": { "premium": 100, "express": 90, "standard": 80, "bulk": 70 }, "down": { "premium": 100, "express": 100, "standard": 100, "bulk": 50 } },
  "devices": [
    { "mac": "02:00:00:00:00:0a", "name": "workstation", "class": "premium" },
    { "mac": "02:00:00:00:00:0b", "name": "Zoë's \"\\\" tablet", "class": null, "up_max_kbit": 64, "down_max_kbit": 8000 },
    { "mac": "02:00:00:00:00:0c", "name": null, "class": "exempt" }
  ],
  "rules": [
    { "name": "calls \\ \"home\"", "class": "express", "service": "voip" },
    { "class": "bulk", "mac": "02:00:00:00:00:0b", "cidr": "192.168.1.0/28", "remote": "203.0.113.0/24", "proto": "udp", "ports": "22,8000-8100", "interface": "br-guest", "dscp": "ef" },
    { "class": "exempt", "cidr": "2001:db8::1/128", "proto": "47" },
    { "class": "premium", "proto": "icmp", "dscp": "63" }
  ],
  "prioritize": ["ack", "fin", "dns"],
  "mark": { "mask": "0x7f00", "shift": 8 },
  "cap_mark": { "mask": "0x7f0000", "shift": 16 },
  "time_zone": "CET-1CEST,M3.5.0,M10.5.0/3",
  "schedules": [
    { "days": "mon,tue,sun", "from": "21:00", "until": "06:00", "mac": "02:00:00:00:00:0b", "class": "bulk" },
    { "days": "mon-sun", "from": "00:00", "until": "24:00", "enabled": false }
  ],
  "admin": { "enabled": false, "port": 443, "addresses": ["192.168.1.1", "fd00::1"], "names": ["router.lan", "Gate-1"], "connections": 4096, "metrics_token": "0123456789abcdef" }
}
"#;

/// A link layer by its name.
fn layer(name: &str) -> &'static LinkLayer {
    let text = format!(r#"{{"version": 1, "wan": {{"link": "{name}"}}}}"#);
    parse(text.as_bytes()).unwrap().wan.link
}

#[test]
fn a_link_layer_says_what_the_line_adds_unless_the_user_knows_better() {
    // What an IP packet takes, by tc-cake(8): overhead, smallest packet, cells.
    for (name, overhead, mpu, cells) in [
        ("none", 0, 0, false),
        ("ethernet", 38, 84, false),
        ("docsis", 18, 64, false),
        ("ptm", 22, 68, false),
        ("pppoe-ptm", 30, 68, false),
        ("adsl-pppoa-vc", 10, 0, true),
        ("adsl-pppoa-llc", 14, 0, true),
        ("adsl-bridged-vc", 24, 0, true),
        ("adsl-bridged-llc", 32, 0, true),
        ("adsl-pppoe-vc", 32, 0, true),
        ("adsl-pppoe-llc", 40, 0, true),
    ] {
        let mut wan = Config::default().wan;
        wan.link = layer(name);
        let framing = |overhead_bytes, mpu_bytes| Framing {
            overhead_bytes,
            mpu_bytes,
            cells,
        };
        assert_eq!(wan.framing(0), framing(overhead, mpu), "{name} on PPP");
        let beyond = overhead.saturating_sub(14);
        assert_eq!(wan.framing(14), framing(beyond, mpu), "{name} on Ethernet");
        [wan.overhead, wan.mpu] = [Some(7), Some(9)];
        assert_eq!(wan.framing(14), framing(7, 9), "{name}");
    }
}

fn full() -> Config {
    let device = |last, name: &str, class| Device {
        mac: Mac([2, 0, 0, 0, 0, last]),
        name: name.try_into().unwrap(),
        class,
        up_max: None,
        down_max: None,
    };
    Config {
        enabled: true,
        wan: Wan {
            interface: Some(IfName::parse("eth0").unwrap()),
            up: Some(Kbit(1000)),
            down: Some(Kbit(8000)),
            link: layer("adsl-pppoe-llc"),
            overhead: Some(22),
            mpu: Some(64),
            mss: Mss {
                to_path: false,
                lower: LowerMss::Bytes(536),
            },
            probe: Some([9, 9, 9, 9].into()),
        },
        lan: Lan::Interfaces(
            [
                IfName::parse("br-lan").unwrap(),
                IfName::parse("wlan0").unwrap(),
            ]
            .into_iter()
            .collect(),
        ),
        default_class: Class::Bulk,
        scheduler: Some(ShaperKind::Hfsc),
        leaf: Some(LeafKind::Cake),
        shares: BothWays::same(percent([70, 15, 9, 1])),
        ceilings: BothWays {
            up: percent([100, 90, 80, 70]),
            down: percent([100, 100, 100, 50]),
        },
        devices: Box::new(
            [
                device(10, "workstation", Some(Class::Premium)),
                Device {
                    up_max: Some(Kbit(64)),
                    down_max: Some(Kbit(8000)),
                    ..device(11, "Zoë's \"\\\" tablet", None)
                },
                device(12, "", Some(Class::Exempt)),
            ]
            .into_iter()
            .collect(),
        ),
        rules: Box::new(rules()),
        prioritize: ahead(),
        mark: MarkLayout::new(0x7f00, 8).unwrap(),
        cap_mark: MarkLayout::new(0x7f_0000, 16).unwrap(),
        time_zone: Some(Box::new(Zone {
            text: BERLIN.try_into().unwrap(),
            zone: TimeZone::parse(BERLIN).unwrap(),
        })),
        schedules: Box::new(schedules().into_iter().collect()),
        admin: Box::new(admin()),
    }
}

/// The admin page of [`FULL`].
fn admin() -> Admin {
    let address = |text| Address(Address::parse(text).unwrap());
    let name = |text| HostName::try_from(text).unwrap();
    Admin {
        enabled: false,
        port: 443,
        addresses: ["192.168.1.1", "fd00::1"]
            .map(address)
            .into_iter()
            .collect(),
        names: ["router.lan", "Gate-1"].map(name).into_iter().collect(),
        connections: 4096,
        metrics_token: "0123456789abcdef".try_into().unwrap(),
    }
}

/// Percent of Premium, Express, Standard and Bulk.
const fn percent([premium, express, standard, bulk]: [u8; 4]) -> Shares {
    Shares {
        premium,
        express,
        standard,
        bulk,
    }
}

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// School nights, and always.
fn schedules() -> [Schedule; 2] {
    let at = |text: &str| TimeOfDay::parse(text).unwrap();
    let window = |days, from, until, what| Schedule {
        days: Days::parse(days).unwrap(),
        from: at(from),
        until: at(until),
        what,
    };
    let bulk = Scheduled::Class(Mac([2, 0, 0, 0, 0, 11]), Class::Bulk);
    [
        window("sun-tue", "21:00", "06:00", bulk),
        window("mon-sun", "00:00", "24:00", Scheduled::Off),
    ]
}

/// The packets of [`FULL`] that go ahead.
fn ahead() -> Ahead {
    let mut ahead = Ahead::NOTHING;
    for name in ["ack", "dns", "fin"] {
        assert!(ahead.add(name));
    }
    ahead
}

/// The rules of [`FULL`].
fn rules() -> heapless::Vec<Rule, RULES_MAX> {
    let network = |text| Some(Network::parse(text).unwrap());
    let range = |first, last| Ports { first, last };
    let [calls, narrow, tunnel, icmp] =
        [Class::Express, Class::Bulk, Class::Exempt, Class::Premium].map(Rule::of);
    [
        Rule {
            name: "calls \\ \"home\"".try_into().unwrap(),
            service: Service::parse("voip"),
            ..calls
        },
        Rule {
            mac: Some(Mac([2, 0, 0, 0, 0, 11])),
            cidr: network("192.168.1.0/28"),
            remote: network("203.0.113.0/24"),
            proto: Some(17),
            ports: [range(22, 22), range(8000, 8100)].into_iter().collect(),
            interface: Some(IfName::parse("br-guest").unwrap()),
            dscp: Some(46),
            ..narrow
        },
        Rule {
            cidr: network("2001:db8::1"),
            proto: Some(47),
            ..tunnel
        },
        Rule {
            proto: Some(1),
            dscp: Some(63),
            ..icmp
        },
    ]
    .into_iter()
    .collect()
}

/// A configuration with this many devices, and names of the greatest length.
fn crowd(devices: usize) -> String {
    let mut text = String::from("{\"version\": 1, \"devices\": [");
    for number in 0..devices {
        let comma = if number == 0 { "" } else { "," };
        let name = format!("{number:04}{}", "\\\"".repeat(NAME_BYTES_MAX - 4));
        let (high, low) = (number >> 8, number & 0xff);
        write!(
            text,
            "{comma}\n{{\"mac\": \"02:00:00:00:{high:02x}:{low:02x}\", \"name\": \"{name}\", \"class\": \"standard\"}}"
        )
        .unwrap();
    }
    text + "]}"
}

fn pretty(config: &Config) -> String {
    let mut text = String::new();
    write(config, &mut text).unwrap();
    text
}

fn compact(config: &Config) -> String {
    let mut text = String::new();
    write_compact(config, &mut text).unwrap();
    text
}

/// The one line that is said of a text that is refused.
fn refusal(text: impl AsRef<[u8]>) -> String {
    match &parse(text.as_ref()) {
        Ok(_) => panic!("a text that must be refused was taken"),
        Err(problem) => problem.to_string(),
    }
}

/// A second opinion.
#[cfg(feature = "lab")]
fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text).is_ok()
}

/// No second opinion on a router.
#[cfg(not(feature = "lab"))]
fn is_json(_: &[u8]) -> bool {
    true
}

#[test]
fn shares_and_ceilings_are_said_once_or_for_each_direction() {
    let read = |text: &str| parse(format!("{{\"version\":1,{text}}}").as_bytes()).unwrap();
    let flat = read(r#""shares": {"premium": 60}, "ceilings": {"bulk": 40}"#);
    assert_eq!(flat.shares, BothWays::same(percent([60, 15, 9, 1])));
    assert_eq!(flat.ceilings, BothWays::same(percent([100, 100, 100, 40])));
    let each = read(
        r#""shares": {"down": {"premium": 50, "bulk": 26}}, "ceilings": {"up": {"express": 15}, "down": {}}"#,
    );
    assert_eq!(each.shares.up, Shares::default());
    assert_eq!(each.shares.down, percent([50, 15, 9, 26]));
    assert_eq!(each.ceilings.up, percent([100, 15, 100, 100]));
    assert_eq!(each.ceilings.down, Shares::WHOLE);
    assert_eq!(parse(pretty(&each).as_bytes()), Ok(each));
}

#[test]
fn every_field_is_read_and_written_as_it_stands() {
    assert_eq!(parse(FULL.as_bytes()).unwrap(), full());
    assert_eq!(pretty(&full()), FULL);
}

#[test]
fn only_the_version_is_required() {
    assert_eq!(parse(b"{\"version\": 1}").unwrap(), Config::default());
    assert_eq!(
        parse(
            b"\r\n\t{ \"version\" :1 , \"wan\":{},\"shares\" : { } ,\"devices\":[ ],\"mark\":{}}\n"
        )
        .unwrap(),
        Config::default()
    );
}

#[test]
fn the_default_is_written_with_every_field() {
    assert_eq!(
        pretty(&Config::default()),
        r#"{
  "version": 1,
  "enabled": false,
  "wan": { "interface": "auto", "up_kbit": null, "down_kbit": null, "link": "none", "overhead": null, "mpu": null, "mss": "pmtu", "lower_mss": "auto", "probe": null },
  "lan": "auto",
  "default_class": "standard",
  "scheduler": "auto",
  "leaf": "auto",
  "shares": { "premium": 75, "express": 15, "standard": 9, "bulk": 1 },
  "ceilings": { "premium": 100, "express": 100, "standard": 100, "bulk": 100 },
  "devices": [],
  "rules": [],
  "prioritize": ["ack", "syn", "fin", "rst", "icmp", "dns"],
  "mark": { "mask": "0x7f", "shift": 0 },
  "cap_mark": { "mask": "0x7f00", "shift": 8 },
  "time_zone": "auto",
  "schedules": [],
  "admin": { "enabled": true, "port": 8080, "addresses": "auto", "names": [], "connections": 64 }
}
"#
    );
}

#[test]
fn the_compact_form_is_one_line_without_spaces() {
    assert_eq!(
        compact(&full()),
        concat!(
            r#"{"version":1,"enabled":true,"wan":{"interface":"eth0","up_kbit":1000,"down_kbit":8000,"link":"adsl-pppoe-llc","overhead":22,"mpu":64,"mss":"off","lower_mss":536,"probe":"9.9.9.9"},"#,
            r#""lan":["br-lan","wlan0"],"default_class":"bulk","scheduler":"hfsc","leaf":"cake","shares":{"premium":70,"express":15,"standard":9,"bulk":1},"#,
            r#""ceilings":{"up":{"premium":100,"express":90,"standard":80,"bulk":70},"down":{"premium":100,"express":100,"standard":100,"bulk":50}},"#,
            r#""devices":[{"mac":"02:00:00:00:00:0a","name":"workstation","class":"premium"},"#,
            r#"{"mac":"02:00:00:00:00:0b","name":"Zoë's \"\\\" tablet","class":null,"up_max_kbit":64,"down_max_kbit":8000},"#,
            r#"{"mac":"02:00:00:00:00:0c","name":null,"class":"exempt"}],"#,
            r#""rules":[{"name":"calls \\ \"home\"","class":"express","service":"voip"},"#,
            r#"{"class":"bulk","mac":"02:00:00:00:00:0b","cidr":"192.168.1.0/28","remote":"203.0.113.0/24","proto":"udp","#,
            r#""ports":"22,8000-8100","interface":"br-guest","dscp":"ef"},"#,
            r#"{"class":"exempt","cidr":"2001:db8::1/128","proto":"47"},{"class":"premium","proto":"icmp","dscp":"63"}],"#,
            r#""prioritize":["ack", "fin", "dns"],"mark":{"mask":"0x7f00","shift":8},"cap_mark":{"mask":"0x7f0000","shift":16},"#,
            r#""time_zone":"CET-1CEST,M3.5.0,M10.5.0/3","schedules":["#,
            r#"{"days":"mon,tue,sun","from":"21:00","until":"06:00","mac":"02:00:00:00:00:0b","class":"bulk"},"#,
            r#"{"days":"mon-sun","from":"00:00","until":"24:00","enabled":false}],"#,
            r#""admin":{"enabled":false,"port":443,"addresses":["192.168.1.1","fd00::1"],"names":["router.lan","Gate-1"],"connections":4096,"metrics_token":"0123456789abcdef"}}"#
        )
    );
}

#[test]
fn what_is_written_is_read_as_the_same_value() {
    for config in [
        Config::default(),
        full(),
        parse(crowd(DEVICES_MAX).as_bytes()).unwrap(),
    ] {
        assert!(is_json(pretty(&config).as_bytes()) && is_json(compact(&config).as_bytes()));
        assert_eq!(parse(pretty(&config).as_bytes()), Ok(config.clone()));
        assert_eq!(parse(compact(&config).as_bytes()), Ok(config));
    }
}

#[test]
fn the_largest_configuration_fits_the_limit_of_its_text() {
    let config = parse(crowd(DEVICES_MAX).as_bytes()).unwrap();
    assert_eq!(config.devices.len(), DEVICES_MAX);
    let bytes = pretty(&config).len();
    assert!(bytes <= CONFIG_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn limits_themselves_are_allowed() {
    for text in [
        r#"{"version": 1, "wan": {"up_kbit": 64, "down_kbit": 10000000, "overhead": 128, "mpu": 128}}"#,
        r#"{"version": 1, "wan": {"up_kbit": null, "overhead": 0, "mpu": null}, "lan": ["a", "b", "c", "abcdefghijklmno"]}"#,
        r#"{"version": 1, "shares": {"premium": 97, "express": 1, "standard": 1, "bulk": 1}}"#,
        r#"{"version": 1, "mark": {"mask": "0xFFFFFFFF", "shift": 25}}"#,
        r#"{"version": 1, "mark": {"mask": 4294967295, "shift": 0}}"#,
        r#"{"version": 1, "lan": "auto", "wan": {"interface": "auto"}, "default_class": "Premium"}"#,
    ] {
        assert!(parse(text.as_bytes()).is_ok(), "{text}: {}", refusal(text));
    }
}

#[test]
fn escapes_in_names_are_replaced() {
    let name = |escaped: &str| {
        let text = format!(
            "{{\"version\": 1, \"devices\": [{{\"mac\": \"02:00:00:00:00:0a\", \"name\": \"{escaped}\"}}]}}"
        );
        parse(text.as_bytes())
            .map(|config| config.devices[0].name.as_str().to_owned())
            .map_err(|problem| problem.to_string())
    };
    assert_eq!(name(r#"\"\\\/ \u00e9\u20ac"#).unwrap(), "\"\\/ é€");
    assert_eq!(
        name(r"\ud83d\udcf1").unwrap(),
        "📱",
        "a surrogate pair, as Python writes it"
    );
    assert_eq!(
        name(&"\\u0061".repeat(63)).unwrap(),
        "a".repeat(63),
        "63 bytes, 378 in the text"
    );
    assert_eq!(
        parse(br#"{"\u0076ersion": 1, "\u006can": "\u0061uto"}"#),
        Ok(Config::default()),
        "everywhere"
    );
}

#[test]
fn names_that_only_resemble_an_address_are_taken() {
    for name in [
        "02:00:00:00:00",
        "10.0.0.300",
        "1.2.3",
        "dead:beef",
        "7",
        "a b",
        "Küche",
    ] {
        let text = format!(
            "{{\"version\": 1, \"devices\": [{{\"mac\": \"02:00:00:00:00:0a\", \"name\": \"{name}\"}}]}}"
        );
        assert_eq!(parse(text.as_bytes()).unwrap().devices[0].name, name);
    }
}

/// What reading may take: two configurations of 40 kB and little more, as the optimiser leaves it (measured: 88 kB);
/// without it some more copies, each in its own frame (measured: 208 kB). A frame for each of 100,000 brackets fits in
/// neither.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 384 } else { 128 } * 1024;

#[test]
fn deep_nesting_is_refused_at_its_first_step() {
    let deep = |before: &str, open: &str| before.to_owned() + &open.repeat(100_000);
    let answer = |text: String| {
        let parser = std::thread::Builder::new().stack_size(STACK_BYTES);
        parser.spawn(move || refusal(text)).unwrap().join().unwrap()
    };
    for (text, line) in [
        (deep("", "["), "line 1: expected an object, found ["),
        (
            deep("", "{"),
            "line 1: expected a field name in quotes, found {",
        ),
        (
            deep("{\"version\": 1, \"devices\": ", "["),
            "line 1: devices[0]: expected an object, found [",
        ),
        (
            deep("{\"version\": ", "["),
            "line 1: version: expected 1, the only version that this program knows, found [",
        ),
        (
            deep("{\"lan\": ", "["),
            "line 1: lan[0]: expected an interface name of 1 to 15 letters, digits, '.', '_' or '-', found [",
        ),
    ] {
        assert_eq!(answer(text), line);
    }
    let unknown = answer(
        deep("{\"a\": ", "{\"a\":")
            .chars()
            .take(CONFIG_BYTES_MAX)
            .collect(),
    );
    assert!(unknown.ends_with("found \"a\""), "{unknown}");
}

#[test]
fn the_largest_configuration_is_read_in_a_bounded_stack() {
    let text = crowd(DEVICES_MAX);
    let parser = std::thread::Builder::new().stack_size(STACK_BYTES);
    let devices = parser
        .spawn(move || {
            parse(text.as_bytes())
                .as_ref()
                .map(|config| config.devices.len())
                .map_err(|problem| *problem)
        })
        .unwrap();
    assert_eq!(devices.join().unwrap(), Ok(DEVICES_MAX));
}

#[test]
fn interfaces_are_called_as_vlans_ppp_and_modems_are() {
    for name in [
        "eth0.2",
        "eth0.4094",
        "br-lan.20",
        "vlan2",
        "ppp0",
        "pppoe-wan",
        "wwan0",
        "usb0",
    ] {
        let text = format!(
            r#"{{"version": 1, "wan": {{"interface": "{name}"}}, "lan": ["x-{}"]}}"#,
            &name[..name.len().min(13)]
        );
        let config = parse(text.as_bytes()).unwrap_or_else(|bad| panic!("{name}: {bad}"));
        assert_eq!(config.wan.interface.unwrap().as_str(), name);
    }
    // What `ip link` shows behind a VLAN's name is no part of it.
    let text = r#"{"version": 1, "wan": {"interface": "eth0.2@eth0"}}"#;
    let refused = parse(text.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("found \"eth0.2@eth0\""), "{refused}");
}
