//! What Prometheus is told: the line, its lanes and the devices, for whoever shows the token of the configuration.
//!
//! Made of the two answers that the page keeps anyway, one after the other. Text format 0.0.4: the samples of a metric stand together, behind its type.

use core::fmt::{self, Write};
use std::rc::Rc;

use heapless::String;
use heapless::string::StringView;

use super::answer::Fault;
use super::connection::{Exchange, Source, Text};
use super::kept::Which;
use super::question::Show;
use super::{Place, Web};
use crate::control::{self, Device, Elements, Fields, List, Number, Piece, Record, State, Status};
use crate::value::Instant;
use crate::wire::http::{Content, Length, Reply, Status as Code};

/// A metric, and the field of the record that has its number.
type Metric = (&'static str, &'static str);

const WHOLE: [Metric; 4] = [
    ("uptime_seconds", "uptime_s"),
    ("devices", "devices"),
    ("conntrack_flows", "flows"),
    ("conntrack_flows_max", "flows_max"),
];

const SIDES: [Metric; 3] = [
    ("line_kbit", "line_kbit"),
    ("rate_kbit", "rate_kbit"),
    ("proven_percent", "proven_percent"),
];

const LANES: [Metric; 5] = [
    ("lane_bytes_total", "bytes"),
    ("lane_packets_total", "packets"),
    ("lane_dropped_total", "dropped"),
    ("lane_backlog_bytes", "backlog_bytes"),
    ("lane_delay_milliseconds", "delay_ms"),
];

const DEVICES: [Metric; 5] = [
    ("device_flows", "flows"),
    ("device_up_kbit", "up_kbit"),
    ("device_down_kbit", "down_kbit"),
    ("device_up_open_bytes", "up_bytes"),
    ("device_down_open_bytes", "down_bytes"),
];

/// A text that may be anything, as the value of a label.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\n' => f.write_str("\\n")?,
                '\\' | '"' => write!(f, "\\{letter}")?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// Finds a number of a record by the name of its field.
struct Pick {
    wanted: &'static str,
    found: Option<u64>,
}

impl Fields for Pick {
    fn text(&mut self, _: &'static str, _: &mut StringView) {}
    fn text_or_null(&mut self, _: &'static str, _: &mut Option<String<15>>) {}
    fn number(&mut self, name: &'static str, number: &mut dyn Number) {
        if name == self.wanted {
            self.found = number.value();
        }
    }
    fn flag(&mut self, _: &'static str, _: &mut bool) {}
    fn word(&mut self, _: &'static str, _: &[&str], _: &mut usize) {}
    fn record(&mut self, _: &'static str, _: &mut dyn Record) {}
    fn list(&mut self, _: &'static str, _: &mut dyn List) {}
}

/// What stands before the samples of a metric.
fn begin(to: &mut Vec<u8>, name: &str) {
    let kind = if name.ends_with("_total") {
        "counter"
    } else {
        "gauge"
    };
    // A vector takes whatever is written to it.
    let _ = writeln!(Text(to), "# TYPE lanemark_{name} {kind}");
}

/// A sample, unless nobody knows the number.
fn sample(
    to: &mut Vec<u8>,
    (name, field): Metric,
    record: &mut dyn Record,
    labels: fmt::Arguments<'_>,
) {
    let mut pick = Pick {
        wanted: field,
        found: None,
    };
    record.fields(&mut pick);
    if let Some(number) = pick.found {
        // See `begin`.
        let _ = writeln!(Text(to), "lanemark_{name}{labels} {number}");
    }
}

fn line(status: &mut Status, to: &mut Vec<u8>) {
    let on = u8::from(status.state == State::On);
    begin(to, "on");
    // See `begin`.
    let _ = writeln!(Text(to), "lanemark_on {on}");
    begin(to, "config_info");
    let _ = writeln!(
        Text(to),
        "lanemark_config_info{{config=\"{}\"}} 1",
        status.config
    );
    for metric in WHOLE {
        begin(to, metric.0);
        sample(to, metric, status, format_args!(""));
    }
    for metric in SIDES {
        begin(to, metric.0);
        for (way, side) in [("up", &mut status.up), ("down", &mut status.down)] {
            sample(to, metric, side, format_args!("{{direction=\"{way}\"}}"));
        }
    }
    for metric in LANES {
        begin(to, metric.0);
        for lane in &mut status.classes {
            for (way, line) in [("up", &mut lane.up), ("down", &mut lane.down)] {
                let labels = format_args!("{{lane=\"{}\",direction=\"{way}\"}}", lane.class);
                sample(to, metric, line, labels);
            }
        }
    }
}

impl Web {
    /// The line and its lanes; what the devices have is asked for next.
    pub(super) fn line_metrics(
        &mut self,
        place: Place,
        mut exchange: Box<Exchange>,
        answer: &[u8],
        now: Instant,
    ) {
        match control::read::<Status>(answer) {
            Ok(mut status) => line(&mut status, &mut exchange.body),
            Err(_) => return self.fault(place, exchange, &Fault::of(Code::BadGateway)),
        }
        self.ask_kept(place, exchange, (Which::Devices, Show::DeviceMetrics), now);
    }

    /// The devices, and with them the answer is whole. There are as many as the daemon's table has room for.
    pub(super) fn device_metrics(
        &mut self,
        exchange: &mut Exchange,
        place: Place,
        mut answer: &[u8],
    ) -> Source {
        // In one walk, with what belongs together on its own.
        let mut told = [const { Vec::new() }; DEVICES.len()];
        let mut elements = Elements::new();
        while let Ok(Some(piece)) = elements.next(&mut answer) {
            if let Piece::Element(element) = piece
                && let Ok(mut device) = control::read::<Device>(element)
            {
                let (mac, name) = (device.mac.clone(), device.name.clone());
                for (metric, told) in DEVICES.into_iter().zip(&mut told) {
                    let labels = format_args!("{{mac=\"{mac}\",name=\"{}\"}}", Label(&name));
                    sample(told, metric, &mut device, labels);
                }
            }
        }
        let mut body = core::mem::take(&mut exchange.body);
        for (metric, told) in DEVICES.into_iter().zip(told) {
            begin(&mut body, metric.0);
            body.extend_from_slice(&told);
        }
        exchange.head(&Reply {
            content: Content::Metrics,
            length: Length::Bytes(body.len()),
            persists: self.persists(place),
            ..Reply::plain(Code::Done)
        });
        Source::Shared(Rc::new(body))
    }
}
