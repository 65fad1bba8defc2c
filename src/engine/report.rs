//! What is told: the health, the devices, the flows.

use core::fmt;

use heapless::{String, Vec};

use super::rates::Interval;
use super::{Engine, FlowFilter, Goal, Places, Queue, Trouble};
use crate::control::{ClassStatus, Device, Direction, Flow, Line, Side, State, Status, Text};
use crate::value::{Address, Class, Instant, Kbit, LeafKind, ShaperKind, TcStats, write_cut};

/// Writes what fits.
pub(super) fn text<const N: usize>(words: fmt::Arguments<'_>) -> String<N> {
    let mut text = String::new();
    write_cut(&mut text, words);
    text
}

impl Engine {
    /// The health.
    pub(super) fn status(&self, now: Instant) -> Box<Status> {
        let (flows, flows_max) = self.rates.fill();
        let interval = self.rates.interval();
        let mut status = Box::new(Status {
            state: self.state(),
            reason: self.reason(),
            version: text(format_args!("{}", env!("CARGO_PKG_VERSION"))),
            pid: 0,
            uptime_s: now.ms_since(self.started) / 1000,
            up: Side::default(),
            down: Side::default(),
            classes: Vec::new(),
            devices: u16::try_from(self.devices.len()).unwrap_or(u16::MAX),
            flows,
            flows_max,
            saved: !self.saving.due,
            config: String::new(),
        });
        let places = self.links.places(&self.config).ok();
        let Interval {
            queue_kbit: [up_kbit, down_kbit],
            proven_percent: [proven_up, proven_down],
        } = interval;
        if let Some(places) = &places {
            status.up = self.side(Direction::Up, places, &up_kbit, proven_up);
            status.down = self.side(Direction::Down, places, &down_kbit, proven_down);
        }
        for (queue, (up_kbit, down_kbit)) in Queue::ALL.iter().zip(up_kbit.iter().zip(&down_kbit)) {
            let line = |direction, rate_kbit: &u32| match &places {
                Some(places) => self.queue_line(*queue, direction, places, *rate_kbit),
                None => Line::default(),
            };
            // As many as there are queues.
            let _ = status.classes.push(ClassStatus {
                class: text(format_args!("{}", queue.name())),
                mark: match queue {
                    Queue::Lane(class) => self.layout().bits(Some(*class)),
                    Queue::Small => 0,
                },
                up: line(Direction::Up, up_kbit),
                down: line(Direction::Down, down_kbit),
            });
        }
        status
    }

    pub(super) fn state(&self) -> State {
        match (&self.trouble, self.is_on()) {
            (_, false) => State::Off,
            (None, true) => State::On,
            (Some(Trouble::Unplaced(_)), true) => State::Waiting,
            (Some(_), true) => State::Failing,
        }
    }

    pub(super) fn reason(&self) -> Text {
        if let Some(trouble) = &self.trouble {
            return text(format_args!("{trouble}"));
        }
        if !self.saving.spoiled.is_empty() && self.goal == Goal::Configured {
            return self.saving.spoiled.clone();
        }
        let bypass = self.bypass_reason();
        if !bypass.is_empty() {
            return bypass;
        }
        if self.is_on()
            && let Ok(places) = self.links.places(&self.config)
            && let Some(missing) = places.missing
        {
            return text(format_args!("{missing} (yet)"));
        }
        if self.config.enabled && self.goal == Goal::Configured {
            return self.off_reason();
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

    fn side(
        &self,
        direction: Direction,
        places: &Places<'_>,
        queue_kbit: &[u32],
        proven_percent: Option<u8>,
    ) -> Side {
        let (link, rate) = self.way(direction, places);
        let tree = link.and_then(|link| self.trees.tree(link.index));
        let leaf = tree.and_then(super::Tree::leaf);
        let name = match direction {
            Direction::Up => places.wan.name.as_str(),
            Direction::Down => places.down_name(),
        };
        Side {
            interface: text(format_args!("{name}")),
            line_kbit: rate.map_or(0, |rate| rate.0),
            rate_kbit: queue_kbit
                .iter()
                .fold(0, |sum, rate| sum.saturating_add(*rate)),
            proven_percent: proven_percent.filter(|_| self.is_on()),
            leaf: text(format_args!("{}", leaf.map_or("", LeafKind::name))),
        }
    }

    pub(super) fn queue_line(
        &self,
        queue: Queue,
        direction: Direction,
        places: &Places<'_>,
        rate_kbit: u32,
    ) -> Line {
        let (link, _) = self.way(direction, places);
        let tree = link.and_then(|link| self.trees.tree(link.index));
        let stats = tree.map_or(TcStats::default(), |tree| tree.stats(queue));
        let guarantee = match self.line(direction, places) {
            // CAKE's tins have shares of its own.
            Some(line)
                if queue != Queue::Lane(Class::Exempt) && self.shaper() != ShaperKind::Cake =>
            {
                line.share(queue)
            }
            _ => Kbit(0),
        };
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
            if addresses
                .push(text(format_args!("{}", Address(address))))
                .is_err()
            {
                break;
            }
        }
        let rate = device.traffic.rate_kbit;
        let slot = usize::from(device.slot).checked_sub(1);
        let cap = slot.and_then(|slot| self.devices.caps().get(slot));
        Some(Device {
            name: text(format_args!("{}", device.shown_name())),
            mac: text(format_args!("{}", device.mac)),
            addresses,
            class: device.class.map(|class| text(format_args!("{class}"))),
            up_max_kbit: cap.and_then(|cap| cap.up).map(|most| most.0),
            down_max_kbit: cap.and_then(|cap| cap.down).map(|most| most.0),
            flows: device.traffic.flows,
            up_kbit: rate.map(|(up, _)| up),
            down_kbit: rate.map(|(_, down)| down),
            up_bytes: rate.map(|_| device.traffic.up_bytes),
            down_bytes: rate.map(|_| device.traffic.down_bytes),
            seen_s: device
                .seen
                .map(|seen| u32::try_from(now.ms_since(seen) / 1000).unwrap_or(u32::MAX)),
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
        let proto = match flow.out.proto {
            1 => format_args!("icmp"),
            6 => format_args!("tcp"),
            17 => format_args!("udp"),
            58 => format_args!("icmpv6"),
            _ => format_args!("{}", flow.out.proto),
        };
        Some(Flow {
            proto: text(proto),
            src: text(format_args!("{}", Address(flow.out.src))),
            sport: flow.out.sport,
            dst: text(format_args!("{}", Address(flow.out.dst))),
            dport: flow.out.dport,
            device: name,
            class: class.map(|class| text(format_args!("{class}"))),
            mark: flow.mark,
            bytes_out: flow.bytes.map(|bytes| bytes.out),
            bytes_back: flow.bytes.map(|bytes| bytes.back),
        })
    }
}
