//! What is told: the health, the devices, the flows.

use core::fmt;

use heapless::{String, Vec};

use super::{Engine, FlowFilter, Goal, Queue, Trouble};
use crate::control::{ClassStatus, Device, Direction, Flow, Line, Side, State, Status, Text};
use crate::value::{Class, Instant, Kbit, TcStats, write_cut};

/// Writes what fits.
pub(super) fn text<const N: usize>(words: fmt::Arguments<'_>) -> String<N> {
    let mut text = String::new();
    write_cut(&mut text, words);
    text
}

impl Engine {
    /// The health.
    pub(super) fn status(&self, now: Instant) -> Status {
        let (flows, flows_max) = self.rates.fill();
        let interval = self.rates.interval();
        let mut classes = Vec::new();
        for queue in Queue::ALL {
            let line = |direction| self.queue_line(queue, direction);
            let status = ClassStatus {
                class: text(format_args!("{}", queue.name())),
                mark: match queue {
                    Queue::Lane(class) => self.layout().bits(Some(class)),
                    Queue::Small => 0,
                },
                up: line(Direction::Up),
                down: line(Direction::Down),
            };
            // As many as there are queues.
            let _ = classes.push(status);
        }
        let [proven_up, proven_down] = interval.proven_percent;
        Status {
            state: self.state(),
            reason: self.reason(),
            version: text(format_args!("{}", env!("CARGO_PKG_VERSION"))),
            pid: 0,
            uptime_s: now.since(self.started).as_secs(),
            up: self.side(Direction::Up, proven_up),
            down: self.side(Direction::Down, proven_down),
            classes,
            devices: u16::try_from(self.devices.len()).unwrap_or(u16::MAX),
            flows,
            flows_max,
            saved: !self.saving.due,
        }
    }

    fn state(&self) -> State {
        match (&self.trouble, self.is_on()) {
            (_, false) => State::Off,
            (None, true) => State::On,
            (Some(Trouble::Unplaced(_)), true) => State::Waiting,
            (Some(_), true) => State::Failing,
        }
    }

    fn reason(&self) -> Text {
        if let Some(trouble) = &self.trouble {
            return text(format_args!("{trouble}"));
        }
        if self.config.enabled {
            return Text::new();
        }
        if self.goal != Goal::Configured {
            return text(format_args!("lanemark is leaving"));
        }
        if self.config.wan.up.is_none() || self.config.wan.down.is_none() {
            return text(format_args!(
                "set wan.up_kbit, wan.down_kbit and enabled in the configuration ('lanemark config apply')"
            ));
        }
        text(format_args!("'enabled' is false in the configuration"))
    }

    fn side(&self, direction: Direction, proven_percent: Option<u8>) -> Side {
        let Ok(places) = self.links.places(&self.config) else {
            return Side::default();
        };
        let link = match direction {
            Direction::Up => places.wan,
            Direction::Down => places.lan,
        };
        let rate = match direction {
            Direction::Up => self.config.wan.up,
            Direction::Down => self.config.wan.down,
        };
        let rates = self.rates.interval().queue_kbit;
        let rate_kbit = rates.get(direction as usize).map_or(0, |all| {
            all.iter()
                .fold(0, |sum: u32, rate| sum.saturating_add(*rate))
        });
        let leaf = self.trees.tree(link.index).and_then(super::Tree::leaf);
        Side {
            interface: text(format_args!("{}", link.name)),
            line_kbit: rate.map_or(0, |rate| rate.0),
            rate_kbit,
            proven_percent: proven_percent.filter(|_| self.is_on()),
            leaf: text(format_args!(
                "{}",
                leaf.map_or("", |leaf| leaf.kind().name())
            )),
        }
    }

    fn queue_line(&self, queue: Queue, direction: Direction) -> Line {
        let Ok(places) = self.links.places(&self.config) else {
            return Line::default();
        };
        let dev = match direction {
            Direction::Up => places.wan.index,
            Direction::Down => places.lan.index,
        };
        let line = self.line(direction, &places);
        let stats = self
            .trees
            .tree(dev)
            .map_or(TcStats::default(), |tree| tree.stats(queue));
        let rates = self.rates.interval().queue_kbit;
        let rate_kbit = rates
            .get(direction as usize)
            .and_then(|all| all.iter().zip(Queue::ALL).find(|(_, own)| *own == queue))
            .map(|(rate, _)| *rate)
            .unwrap_or_default();
        let guarantee = line
            .filter(|_| queue != Queue::Lane(Class::Exempt))
            .map_or(Kbit(0), |line| line.share(queue));
        // What waits leaves at the rate that the class has now, at least at its guarantee.
        let drain = Kbit(rate_kbit.max(guarantee.0)).bytes_per_s().max(1);
        let delay_ms = u64::from(stats.backlog_bytes) * 1000 / drain;
        Line {
            guarantee_kbit: guarantee.0,
            rate_kbit,
            bytes: stats.bytes,
            packets: u64::from(stats.packets),
            dropped: stats.dropped,
            backlog_bytes: stats.backlog_bytes,
            delay_ms: u32::try_from(delay_ms).unwrap_or(u32::MAX),
        }
    }

    /// A device, as it is told; `place` counts from 0.
    pub fn device_report(&self, now: Instant, place: usize) -> Option<Device> {
        let device = self.devices.at(place)?;
        let mut addresses = Vec::new();
        for address in self.devices.addresses(device.mac) {
            // What does not fit is not told: a device with more than eight addresses is known by the first.
            if addresses.push(text(format_args!("{address}"))).is_err() {
                break;
            }
        }
        let rate = device.traffic.rate_kbit;
        Some(Device {
            name: text(format_args!("{}", device.shown_name())),
            mac: text(format_args!("{}", device.mac)),
            addresses,
            class: device.class.map(|class| text(format_args!("{class}"))),
            flows: device.traffic.flows,
            up_kbit: rate.map(|(up, _)| up),
            down_kbit: rate.map(|(_, down)| down),
            seen_s: device
                .seen
                .map(|seen| u32::try_from(now.since(seen).as_secs()).unwrap_or(u32::MAX)),
        })
    }

    /// A flow, as it is told; none when the filter keeps it out.
    pub fn flow_report(&self, flow: &crate::value::Flow, filter: FlowFilter) -> Option<Flow> {
        let device = self.owner(flow).and_then(|(id, _)| self.devices.get(id));
        let class = self.layout().class(flow.mark);
        let wanted = filter
            .device
            .is_none_or(|mac| device.is_some_and(|device| device.mac == mac))
            && filter.class.is_none_or(|wanted| class == Some(wanted));
        if !wanted {
            return None;
        }
        let name = match device {
            Some(device) if !device.shown_name().is_empty() => {
                text(format_args!("{}", device.shown_name()))
            }
            Some(device) => text(format_args!("{}", device.mac)),
            None => String::new(),
        };
        Some(Flow {
            proto: match flow.out.proto {
                1 => text(format_args!("icmp")),
                6 => text(format_args!("tcp")),
                17 => text(format_args!("udp")),
                58 => text(format_args!("icmpv6")),
                number => text(format_args!("{number}")),
            },
            src: text(format_args!("{}", flow.out.src)),
            sport: flow.out.sport,
            dst: text(format_args!("{}", flow.out.dst)),
            dport: flow.out.dport,
            device: name,
            class: class.map(|class| text(format_args!("{class}"))),
            mark: flow.mark,
            bytes_out: flow.bytes.map(|bytes| bytes.out),
            bytes_back: flow.bytes.map(|bytes| bytes.back),
        })
    }
}
