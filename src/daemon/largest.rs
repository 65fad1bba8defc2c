//! The largest answer of each kind: a promise to whoever reads them, kept by the size of a buffer.

use serde::Serialize;

use super::connection::{ELEMENT_BYTES_MAX, FailureLine};
use crate::control::{
    Changed, ClassStatus, Device, Doctor, FINDINGS_MAX, Failure, Fault, Finding, Flow, Line, Side,
    State, Status,
};

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
    }
}

fn device() -> Device {
    Device {
        name: full('"'),
        mac: full('x'),
        addresses: (0..8).map(|_| full('x')).collect(),
        class: Some(full('x')),
        flows: u32::MAX,
        up_kbit: Some(u32::MAX),
        down_kbit: Some(u32::MAX),
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

fn assert_fits(value: &impl Serialize) {
    let mut json = vec![0; ELEMENT_BYTES_MAX];
    let written = serde_json_core::to_slice(value, &mut json);
    assert!(written.is_ok(), "over {ELEMENT_BYTES_MAX} bytes");
}

#[test]
fn the_largest_answer_of_each_kind_fits_its_buffer() {
    assert_fits(&status());
    assert_fits(&device());
    assert_fits(&flow());
    assert_fits(&doctor());
    assert_fits(&Changed {
        mac: full('x'),
        name: full('"'),
        flows_marked: u32::MAX,
        saved: false,
        remark: full('"'),
    });
    let failure = Failure {
        fault: Fault::Refused,
        message: full('"'),
    };
    assert_fits(&FailureLine { error: &failure });
}
