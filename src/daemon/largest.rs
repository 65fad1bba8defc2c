//! The largest answer of each kind: a promise to whoever reads them, and what one answer makes the daemon hold.

use crate::control::{
    self, Changed, ClassStatus, Device, Doctor, FINDINGS_MAX, Failure, Fault, Finding, Flow,
    History, Line, Record, Refusal, Side, State, Status, VERSIONS_MAX, Version,
};

/// Bytes of the largest element of an answer in JSON: a device with eight IPv6 addresses takes 700, the whole health 2,500.
const ELEMENT_BYTES_MAX: usize = 8 * 1024;

/// As many letters as fit. A quotation mark takes two bytes in JSON; names are the user's and may be full of them.
fn full<const N: usize>(letter: char) -> heapless::String<N> {
    (0..N).map(|_| letter).collect()
}

fn status() -> Status {
    let line = Line {
        guarantee_kbit: u32::MAX,
        rate_kbit: u32::MAX,
        bytes: u64::MAX,
        packets: u64::MAX,
        dropped: u32::MAX,
        backlog_bytes: u32::MAX,
        delay_ms: u32::MAX,
    };
    let class = ClassStatus {
        class: full('x'),
        mark: u32::MAX,
        up: line,
        down: line,
    };
    let side = Side {
        interface: full('x'),
        line_kbit: u32::MAX,
        rate_kbit: u32::MAX,
        proven_percent: Some(100),
        leaf: full('x'),
    };
    Status {
        state: State::Failing,
        reason: full('"'),
        version: full('x'),
        pid: u32::MAX,
        uptime_s: u64::MAX,
        up: side.clone(),
        down: side,
        classes: (0..6).map(|_| class.clone()).collect(),
        devices: u16::MAX,
        flows: u32::MAX,
        flows_max: u32::MAX,
        saved: false,
        config: full('x'),
    }
}

fn device() -> Device {
    Device {
        name: full('"'),
        mac: full('x'),
        addresses: (0..8).map(|_| full('x')).collect(),
        class: Some(full('x')),
        up_max_kbit: Some(u32::MAX),
        down_max_kbit: Some(u32::MAX),
        flows: u32::MAX,
        up_kbit: Some(u32::MAX),
        down_kbit: Some(u32::MAX),
        up_bytes: Some(u64::MAX),
        down_bytes: Some(u64::MAX),
        seen_s: Some(u32::MAX),
    }
}

fn flow() -> Flow {
    Flow {
        proto: full('x'),
        src: full('x'),
        sport: u16::MAX,
        dst: full('x'),
        dport: u16::MAX,
        device: full('"'),
        class: Some(full('x')),
        mark: u32::MAX,
        bytes_out: Some(u64::MAX),
        bytes_back: Some(u64::MAX),
    }
}

fn doctor() -> Doctor {
    let finding = Finding {
        what: full('x'),
        good: false,
        found: full('x'),
    };
    Doctor {
        findings: (0..FINDINGS_MAX).map(|_| finding.clone()).collect(),
    }
}

fn assert_fits(record: &mut dyn Record) {
    let mut json = Vec::new();
    control::write(record, &mut json);
    assert!(json.len() <= ELEMENT_BYTES_MAX, "{} bytes", json.len());
}

#[test]
fn the_largest_answer_of_each_kind_fits_its_buffer() {
    assert_fits(&mut status());
    assert_fits(&mut device());
    assert_fits(&mut flow());
    assert_fits(&mut doctor());
    let version = Version {
        number: u32::MAX,
        time: Some(u32::MAX),
        bytes: u32::MAX,
        current: false,
    };
    assert_fits(&mut History {
        versions: (0..VERSIONS_MAX).map(|_| version.clone()).collect(),
    });
    assert_fits(&mut Changed {
        mac: full('x'),
        name: full('"'),
        flows_marked: u32::MAX,
        saved: false,
        remark: full('"'),
    });
    let mut failure = Failure {
        fault: Fault::Refused,
        message: full('"'),
    };
    assert_fits(&mut Refusal(&mut failure));
}
