use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use super::record::{Fields, Record};

/// Bytes of the longest reason or remark in an answer.
pub const REASON_BYTES_MAX: usize = 160;

/// Lines of `doctor` at most: one a capability and one a bypass that is known.
pub const FINDINGS_MAX: usize = 33;

/// Configurations that are kept, with the one in force.
pub const VERSIONS_MAX: usize = 9;

/// Below so many percent the line is not ours alone: something bypasses the queues. Chosen: the counters of two devices are not read
/// in the same instant, and a few percent are that.
pub const PROVEN_PERCENT_MIN: u8 = 90;

/// A short text of an answer.
pub type Text = String<REASON_BYTES_MAX>;

/// An answer that is not one of this vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAnswer {
    /// Not the JSON that was expected.
    Form,
    /// An array element beyond [`ELEMENT_BYTES_MAX`](super::ELEMENT_BYTES_MAX) bytes, or a line beyond the reader's limit.
    TooLong,
    /// More than [`NESTING_MAX`](super::NESTING_MAX) brackets open at once.
    TooDeep,
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadAnswer::Form => "it is not the expected JSON",
            BadAnswer::TooLong => "it is too long",
            BadAnswer::TooDeep => "it is nested too deeply",
        })
    }
}

/// Whether the lanes work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The configuration says off.
    #[default]
    Off,
    /// Everything of ours is in the kernel.
    On,
    /// Something that the configuration names is not there yet.
    Waiting,
    /// The kernel refuses; it is tried again.
    Failing,
}

impl State {
    const ALL: [State; 4] = [State::Off, State::On, State::Waiting, State::Failing];
    const NAMES: [&str; 4] = ["off", "on", "waiting", "failing"];

    /// Its name in an answer.
    pub const fn name(self) -> &'static str {
        State::NAMES[self as usize]
    }
}

/// The health of the line and its lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether the lanes work.
    pub state: State,
    /// Why not, or what is worth knowing; empty when there is nothing to say.
    pub reason: Text,
    /// The daemon's version.
    pub version: String<24>,
    /// Its process.
    pub pid: u32,
    /// How long it has run.
    pub uptime_s: u64,
    /// Uploads: the WAN device.
    pub up: Side,
    /// Downloads: the LAN device.
    pub down: Side,
    /// The lanes, first to last, and among them the queue of small packets.
    pub classes: Vec<ClassStatus, 6>,
    /// Devices known.
    pub devices: u16,
    /// Flows in the conntrack table, and how many fit; 0 and 0 where the kernel does not tell.
    pub flows: u32,
    /// See `flows`.
    pub flows_max: u32,
    /// Whether the configuration in force is on flash.
    pub saved: bool,
    /// The configuration in force: the CRC-32 of its compact text, in hex.
    pub config: String<8>,
}

impl Record for Status {
    fn fields(&mut self, with: &mut dyn Fields) {
        let mut place = self.state as usize;
        with.word("state", &State::NAMES, &mut place);
        self.state = State::ALL.get(place).copied().unwrap_or_default();
        with.text("reason", &mut self.reason);
        with.text("version", &mut self.version);
        with.number("pid", &mut self.pid);
        with.number("uptime_s", &mut self.uptime_s);
        with.record("up", &mut self.up);
        with.record("down", &mut self.down);
        with.list("classes", &mut self.classes);
        with.number("devices", &mut self.devices);
        with.number("flows", &mut self.flows);
        with.number("flows_max", &mut self.flows_max);
        with.flag("saved", &mut self.saved);
        with.text("config", &mut self.config);
    }
}

/// One direction of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The device whose queues shape it; empty when there is none.
    pub interface: String<15>,
    /// The configured rate.
    pub line_kbit: u32,
    /// What went through, over the last interval.
    pub rate_kbit: u32,
    /// Of the bytes that the WAN device carried in this direction, how many went through our queues; null before the first interval
    /// with enough traffic to tell.
    pub proven_percent: Option<u8>,
    /// The leaf qdisc in use; empty when there is none.
    pub leaf: String<15>,
}

impl Record for Side {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("interface", &mut self.interface);
        with.number("line_kbit", &mut self.line_kbit);
        with.number("rate_kbit", &mut self.rate_kbit);
        with.number("proven_percent", &mut self.proven_percent);
        with.text("leaf", &mut self.leaf);
    }
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the home: shaped at the WAN device.
    Up,
    /// To the home: shaped at the LAN device.
    Down,
}

impl Direction {
    /// Both, up first.
    pub const BOTH: [Direction; 2] = [Direction::Up, Direction::Down];
}

/// One lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassStatus {
    /// Its name.
    pub class: String<15>,
    /// Its conntrack mark; 0 for the queue of small packets, which keep the mark of their flow.
    pub mark: u32,
    /// Uploads.
    pub up: Line,
    /// Downloads.
    pub down: Line,
}

impl Record for ClassStatus {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("class", &mut self.class);
        with.number("mark", &mut self.mark);
        with.record("up", &mut self.up);
        with.record("down", &mut self.down);
    }
}

/// One lane in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is promised; 0 for exempt.
    pub guarantee_kbit: u32,
    /// Over the last interval.
    pub rate_kbit: u32,
    /// Since the class was made.
    pub bytes: u64,
    /// Since the class was made.
    pub packets: u64,
    /// Since the class was made.
    pub dropped: u32,
    /// Waiting now.
    pub backlog_bytes: u32,
    /// How long a packet that came now would wait, from the backlog and the rate; 0 when nothing waits.
    pub delay_ms: u32,
}

impl Record for Line {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.number("guarantee_kbit", &mut self.guarantee_kbit);
        with.number("rate_kbit", &mut self.rate_kbit);
        with.number("bytes", &mut self.bytes);
        with.number("packets", &mut self.packets);
        with.number("dropped", &mut self.dropped);
        with.number("backlog_bytes", &mut self.backlog_bytes);
        with.number("delay_ms", &mut self.delay_ms);
    }
}

/// A device of the home.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name: the configured one, else the one from its DHCP lease, else empty.
    pub name: String<63>,
    /// Its MAC address.
    pub mac: String<17>,
    /// Its addresses, up to eight.
    pub addresses: Vec<String<39>, 8>,
    /// Its configured class, or null.
    pub class: Option<String<15>>,
    /// What it may send at most; null without a cap.
    pub up_max_kbit: Option<u32>,
    /// What may be sent to it at most; null without a cap.
    pub down_max_kbit: Option<u32>,
    /// Its flows in the conntrack table.
    pub flows: u32,
    /// Over the last second; null where the kernel does not count bytes of flows.
    pub up_kbit: Option<u32>,
    /// See `up_kbit`.
    pub down_kbit: Option<u32>,
    /// Of its flows that are open: less when some end, and null where the kernel does not count.
    pub up_bytes: Option<u64>,
    /// See `up_bytes`.
    pub down_bytes: Option<u64>,
    /// Seconds since the kernel last had word from it; null when it never had.
    pub seen_s: Option<u32>,
}

impl Record for Device {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("name", &mut self.name);
        with.text("mac", &mut self.mac);
        with.list("addresses", &mut self.addresses);
        with.text_or_null("class", &mut self.class);
        with.number("up_max_kbit", &mut self.up_max_kbit);
        with.number("down_max_kbit", &mut self.down_max_kbit);
        with.number("flows", &mut self.flows);
        with.number("up_kbit", &mut self.up_kbit);
        with.number("down_kbit", &mut self.down_kbit);
        with.number("up_bytes", &mut self.up_bytes);
        with.number("down_bytes", &mut self.down_bytes);
        with.number("seen_s", &mut self.seen_s);
    }
}

/// A flow of the conntrack table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// `tcp`, `udp`, `icmp`, or the protocol's number.
    pub proto: String<8>,
    /// Who opened it.
    pub src: String<39>,
    /// Its port, 0 where the protocol has none.
    pub sport: u16,
    /// To whom.
    pub dst: String<39>,
    /// See `sport`.
    pub dport: u16,
    /// The device: its name, else its MAC address, else empty.
    pub device: String<63>,
    /// The class that its mark names, or null.
    pub class: Option<String<15>>,
    /// Its whole conntrack mark.
    pub mark: u32,
    /// Bytes from its opener; null where the kernel does not count.
    pub bytes_out: Option<u64>,
    /// Bytes back.
    pub bytes_back: Option<u64>,
}

impl Record for Flow {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("proto", &mut self.proto);
        with.text("src", &mut self.src);
        with.number("sport", &mut self.sport);
        with.text("dst", &mut self.dst);
        with.number("dport", &mut self.dport);
        with.text("device", &mut self.device);
        with.text_or_null("class", &mut self.class);
        with.number("mark", &mut self.mark);
        with.number("bytes_out", &mut self.bytes_out);
        with.number("bytes_back", &mut self.bytes_back);
    }
}

/// A change that was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The device, or empty for the configuration as a whole.
    pub mac: String<17>,
    /// Its name, else empty.
    pub name: String<63>,
    /// Live flows whose mark was changed.
    pub flows_marked: u32,
    /// Whether it is on flash already.
    pub saved: bool,
    /// What is worth knowing; empty when there is nothing to say.
    pub remark: Text,
}

impl Record for Changed {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("mac", &mut self.mac);
        with.text("name", &mut self.name);
        with.number("flows_marked", &mut self.flows_marked);
        with.flag("saved", &mut self.saved);
        with.text("remark", &mut self.remark);
    }
}

/// A configuration that was in force, or is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts up with each that is stored.
    pub number: u32,
    /// When it was stored, in seconds since the start of 1970 in UTC; null when the clock was not set then.
    pub time: Option<u32>,
    /// How long it is.
    pub bytes: u32,
    /// Whether it is in force.
    pub current: bool,
}

impl Record for Version {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.number("number", &mut self.number);
        with.number("time", &mut self.time);
        with.number("bytes", &mut self.bytes);
        with.flag("current", &mut self.current);
    }
}

/// The configurations that are kept, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The one in force, and those before it.
    pub versions: Vec<Version, VERSIONS_MAX>,
}

impl Record for History {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.list("versions", &mut self.versions);
    }
}

/// One line of `doctor`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String<24>,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found, and what to do about it.
    pub found: Text,
}

impl Record for Finding {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.text("what", &mut self.what);
        with.flag("good", &mut self.good);
        with.text("found", &mut self.found);
    }
}

/// What this kernel can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doctor {
    /// One line each.
    pub findings: Vec<Finding, FINDINGS_MAX>,
}

impl Record for Doctor {
    fn fields(&mut self, with: &mut dyn Fields) {
        with.list("findings", &mut self.findings);
    }
}
