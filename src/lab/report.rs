//! What the demo found, as a table for a terminal or as one JSON object.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::house::Resident;
use super::marks::{self, Flow};
use super::options::Demo;
use super::sample::Summary;

/// The phases in the order of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody else is on the line.
    Idle,
    /// The family streams, the router only forwards.
    Without,
    /// lanemark is on, no device has a lane of its own.
    Default,
    /// The workstation is Premium.
    Premium,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Without, Self::Default, Self::Premium];

    /// The phase's name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Without => "without",
            Self::Default => "default",
            Self::Premium => "premium",
        }
    }

    /// The phase in a table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Idle => "nobody else",
            Self::Without => "family streams",
            Self::Default => "+ lanemark on",
            Self::Premium => "+ set to premium",
        }
    }
}

/// Kilobits per second in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kbit {
    /// Towards the Internet.
    pub up: u64,
    /// Towards the house.
    pub down: u64,
}

/// Bytes in the modem's FIFOs: what the shaper has failed to keep out of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Towards the Internet.
    pub up: usize,
    /// Towards the house.
    pub down: usize,
}

/// What was measured in one phase.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Which one.
    pub phase: Phase,
    /// The keystrokes over IPv4.
    pub keystrokes: Summary,
    /// The keystrokes over IPv6, which the table leaves out.
    pub keystrokes_v6: Summary,
    /// Frames through the router's WAN interface.
    pub wire: Kbit,
    /// Payload of the family's flows that arrived.
    pub goodput: Kbit,
    /// From the phase's cause (the load, lanemark, the lane) until the measurement began.
    pub settled_in: Duration,
    /// The modem's FIFOs at the beginning and at the end of the measurement.
    pub backlog: [Backlog; 2],
}

/// Everything the demo found.
#[derive(Debug)]
pub struct Report {
    /// What was asked for.
    pub options: Demo,
    /// What lanemark was told of the line.
    pub shaped: Kbit,
    /// One entry a phase.
    pub phases: Vec<Measured>,
    /// The workstation and the television.
    pub residents: Vec<Resident>,
    /// The router's flows at the end of the last phase.
    pub flows: Vec<Flow>,
}

impl Report {
    /// The report as one JSON object on one line, its fields in the order of the story.
    #[must_use]
    pub fn json(&self) -> String {
        let phases = self
            .phases
            .iter()
            .map(|measured| (measured.phase.name(), keystrokes(&measured.keystrokes)));
        let marks = self.residents.iter().map(|host| {
            (
                host.name.as_str(),
                list(&marks::distinct(&self.flows, host)),
            )
        });
        let ipv6 = self
            .phases
            .iter()
            .map(|measured| (measured.phase.name(), keystrokes(&measured.keystrokes_v6)));
        let settled = self
            .phases
            .iter()
            .map(|measured| (measured.phase.name(), milliseconds(measured.settled_in)));
        let backlogs = self.phases.iter().map(|measured| {
            let [begin, end] = measured.backlog.map(|at| directions(at.up, at.down));
            (
                measured.phase.name(),
                object([("begin", begin), ("end", end)]),
            )
        });
        let used = [
            (
                "line_kbit",
                directions(self.options.up_kbit, self.options.down_kbit),
            ),
            ("shaped_kbit", directions(self.shaped.up, self.shaped.down)),
            ("flows", self.options.flows.to_string()),
            (
                "congestion_control",
                Value::from(self.options.congestion.0.as_str()).to_string(),
            ),
            ("phase_seconds", self.options.phase.as_secs().to_string()),
        ];
        let others = [
            ("marks", object(marks)),
            ("wire_kbit", self.rates(|measured| measured.wire)),
            ("goodput_kbit", self.rates(|measured| measured.goodput)),
            ("ipv6", object(ipv6)),
            ("settled_ms", object(settled)),
            ("modem_backlog_bytes", object(backlogs)),
            ("used", object(used)),
        ];
        object(phases.chain(others))
    }

    fn rates(&self, of: impl Fn(&Measured) -> Kbit) -> String {
        let loaded = self
            .phases
            .iter()
            .filter(|measured| measured.phase != Phase::Idle);
        object(loaded.map(|measured| {
            (
                measured.phase.name(),
                directions(of(measured).up, of(measured).down),
            )
        }))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18}{:>37}{:>23}",
            "", "keystroke until its echo, ms", "on the wire, kbit/s"
        )?;
        writeln!(
            f,
            "{:<18}{:>9}{:>9}{:>9}{:>10}{:>12}{:>11}",
            "", "median", "p99", "max", "no echo", "up", "down"
        )?;
        for Measured {
            phase,
            keystrokes,
            wire,
            ..
        } in &self.phases
        {
            let Summary {
                p50,
                p99,
                max,
                unanswered,
                ..
            } = keystrokes;
            let mut times = String::new();
            for time in [p50, p99, max] {
                write!(times, "{:>9.1}", time.as_secs_f64() * 1000.0)?;
            }
            let title = phase.title();
            writeln!(
                f,
                "{title:<18}{times}{unanswered:>10}{:>12}{:>11}",
                wire.up, wire.down
            )?;
        }
        for resident in &self.residents {
            writeln!(f, "\n{} {}, on the router:", resident.name, resident.v4)?;
            for flow in self.flows.iter().filter(|flow| flow.is_of(resident)) {
                writeln!(f, "{}", flow.line)?;
            }
        }
        Ok(())
    }
}

fn keystrokes(summary: &Summary) -> String {
    object([
        ("p50_ms", milliseconds(summary.p50)),
        ("p99_ms", milliseconds(summary.p99)),
        ("max_ms", milliseconds(summary.max)),
        ("keystrokes", summary.count.to_string()),
        ("unanswered", summary.unanswered.to_string()),
    ])
}

/// Milliseconds with a tenth: more digits would be noise.
fn milliseconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1000.0)
}

fn directions(up: impl fmt::Display, down: impl fmt::Display) -> String {
    object([("up", up.to_string()), ("down", down.to_string())])
}

fn list(numbers: &[u32]) -> String {
    Value::from(numbers).to_string()
}

/// A JSON object of values that are JSON already. The package's own map would sort the phases by their names.
fn object<'key>(fields: impl IntoIterator<Item = (&'key str, String)>) -> String {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| format!("{}:{value}", Value::from(key)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::congestion::Congestion;

    fn report() -> Report {
        let keystrokes = Summary::of(vec![Duration::from_micros(21_250); 80], 1);
        let phases = Phase::ALL.into_iter().map(|phase| Measured {
            phase,
            keystrokes,
            keystrokes_v6: keystrokes,
            wire: Kbit {
                up: 970,
                down: 7750,
            },
            goodput: Kbit::default(),
            settled_in: Duration::ZERO,
            backlog: [Backlog::default(); 2],
        });
        let line = "ipv4 2 tcp 6 300 ESTABLISHED src=192.168.77.10 dst=203.0.113.1 mark=10";
        Report {
            options: Demo {
                phase: Duration::from_secs(8),
                up_kbit: 1000,
                down_kbit: 8000,
                flows: 4,
                congestion: Congestion("cubic".into()),
                lower_mss: crate::value::LowerMss::Auto,
                prioritize: None,
                json: true,
                keep: false,
                serve: false,
                new: false,
                port: 8080,
                lanemark: None,
            },
            shaped: Kbit {
                up: 970,
                down: 7760,
            },
            phases: phases.collect(),
            residents: vec![Resident::workstation(), Resident::tv()],
            flows: vec![Flow {
                from: Resident::workstation().v4.into(),
                mark: 10,
                line: line.into(),
            }],
        }
    }

    #[test]
    fn the_object_begins_with_the_phases_and_reads_back() {
        let text = report().json();
        assert!(text.starts_with("{\"idle\":{\"p50_ms\":21.2"), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["marks"]["workstation"], serde_json::json!([10]));
        assert_eq!(read["marks"]["tv"], serde_json::json!([]));
        assert_eq!(read["wire_kbit"]["premium"]["up"], 970);
        assert!(
            read["wire_kbit"].get("idle").is_none(),
            "nobody streams in that phase"
        );
        assert_eq!(read["premium"]["unanswered"], 1);
    }

    #[test]
    fn the_table_fits_eighty_columns() {
        assert!(
            report().to_string().lines().all(|line| line.len() <= 80),
            "{}",
            report()
        );
    }
}
