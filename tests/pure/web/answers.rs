//! What a daemon answers to each verb, written by the records that a daemon writes: once with everything, once with as little as there can be.

use heapless::Vec as Few;
use lanemark::config;
use lanemark::control::{
    self, Changed, ClassStatus, Device, Doctor, Finding, Flow, History, Record, Side, Status,
    Version,
};

fn line(record: &mut dyn Record) -> String {
    let mut line = Vec::new();
    control::write(record, &mut line);
    String::from_utf8(line).unwrap()
}

fn text<const N: usize>(text: &str) -> heapless::String<N> {
    text.try_into().unwrap()
}

/// A configuration that says everything that one can say.
pub const CONFIG: &str = include_str!("config.json");

fn array(name: &str, elements: &mut [&mut dyn Record]) -> String {
    let elements: Vec<String> = elements.iter_mut().map(|each| line(*each)).collect();
    format!("{{\"{name}\":[{}]}}", elements.join(","))
}

pub fn answers(verb: &str) -> Vec<String> {
    match verb {
        "status" => statuses(),
        "devices" => devices(),
        "flows" => flows(),
        "doctor" => doctors(),
        "history" => histories(),
        "config-show" | "history-show" => configs(),
        "config-check" => vec![r#"{"ok":true}"#.to_owned()],
        _ => vec![line(&mut Changed::default())],
    }
}

fn statuses() -> Vec<String> {
    let class = |name| ClassStatus {
        class: text(name),
        ..ClassStatus::default()
    };
    let mut classes = Few::new();
    for name in ["exempt", "premium", "express", "small", "standard", "bulk"] {
        classes.push(class(name)).unwrap();
    }
    let up = Side {
        proven_percent: Some(98),
        ..Side::default()
    };
    vec![line(&mut Status {
        classes,
        up,
        config: text("1a2b3c4d"),
        ..Status::default()
    })]
}

fn devices() -> Vec<String> {
    let mut all = Device {
        mac: text("02:00:00:00:00:0a"),
        class: Some(text("bulk")),
        ..Device::default()
    };
    all.addresses.push(text("192.168.1.5")).unwrap();
    for number in [
        &mut all.up_max_kbit,
        &mut all.down_max_kbit,
        &mut all.up_kbit,
        &mut all.down_kbit,
        &mut all.seen_s,
    ] {
        *number = Some(u32::MAX);
    }
    (all.up_bytes, all.down_bytes) = (Some(u64::MAX), Some(0));
    vec![
        array("devices", &mut [&mut all, &mut Device::default()]),
        array("devices", &mut []),
    ]
}

fn flows() -> Vec<String> {
    let mut all = Flow {
        class: Some(text("bulk")),
        bytes_out: Some(u64::MAX),
        bytes_back: Some(0),
        ..Flow::default()
    };
    vec![
        array("flows", &mut [&mut all, &mut Flow::default()]),
        array("flows", &mut []),
    ]
}

fn doctors() -> Vec<String> {
    let mut doctor = Doctor::default();
    doctor.findings.push(Finding::default()).unwrap();
    vec![line(&mut doctor)]
}

fn histories() -> Vec<String> {
    let mut history = History::default();
    history.versions.push(Version::default()).unwrap();
    history
        .versions
        .push(Version {
            time: Some(u32::MAX),
            ..Version::default()
        })
        .unwrap();
    vec![line(&mut history)]
}

fn configs() -> Vec<String> {
    let mut all = Vec::new();
    for text in [CONFIG, r#"{"version":1}"#] {
        let config = config::parse(text.as_bytes()).unwrap();
        let mut text = String::new();
        config::write_compact(&config, &mut text).unwrap();
        all.push(text);
    }
    all
}
