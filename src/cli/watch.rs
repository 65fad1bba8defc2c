use core::fmt;
use std::path::Path;
use std::time::Duration;

use heapless::String;
use heapless::string::StringView;

use crate::control::{
    BadAnswer, Device, ELEMENT_BYTES_MAX, Request, Text, UNKNOWN, Verb, hear, read,
};
use crate::sys::keys::Keys;
use crate::sys::poller::{Interest, Poller};

use super::Form;
use super::amount::Amount;
use super::answer::Answer;
use super::screen::{Column, Screen, Tone};
use super::trouble::{Exit, Outcome, Trouble};

/// Bytes of the longest line: a whole one with the most devices takes 28,000.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Devices that are kept: more than the daemon has.
const DEVICES_MAX: usize = 1024;

/// Lanes that are kept: more than the daemon has.
const LANES_MAX: usize = 8;

/// Devices that are shown: with three lines above them, of which the first may be broken into three, and the lanes, they leave one of 24 lines free.
const SHOWN: usize = 10;

const LANES: [Column; 5] = [
    Column::left("lane", 17),
    Column::right("up", 12),
    Column::right("down", 12),
    Column::right("ms up", 9),
    Column::right("ms down", 9),
];

const DEVICES: [Column; 4] = [
    Column::left("busiest devices", 17),
    Column::right("up", 12),
    Column::right("down", 12),
    Column::left("  MAC", 19),
];

const TOKEN_DAEMON: u64 = 0;
const TOKEN_KEYS: u64 = 1;

/// What was told so far.
#[derive(Default)]
struct Seen {
    state: String<15>,
    reason: Text,
    proven: [u32; 2],
    line: [u32; 2],
    latency: [u32; 2],
    flows: [u32; 2],
    lanes: Vec<Lane>,
    devices: Vec<Row>,
}

#[derive(Default)]
struct Lane {
    name: String<15>,
    numbers: [u32; 4],
}

#[derive(Default)]
struct Row {
    mac: String<17>,
    name: String<63>,
    kbit: [u32; 2],
}

/// Shows what the daemon tells, until it ends or somebody presses q.
pub(super) fn follow(
    screen: &mut Screen<'_>,
    form: Form,
    socket: &Path,
    wait: Duration,
) -> Outcome {
    let system = |refused| Trouble::new(Exit::Refused, format_args!("{refused}"));
    let request = Request::plain(Verb::Watch);
    let mut answer = Answer::to(&request, None, socket, wait)?;
    let live = form == Form::Table && screen.begin_live();
    let keys = if live { Keys::begin() } else { None };
    let poller = Poller::open().map_err(system)?;
    poller
        .add(answer.client(), TOKEN_DAEMON, Interest::Read)
        .map_err(system)?;
    if let Some(keys) = &keys {
        poller
            .add(keys, TOKEN_KEYS, Interest::Read)
            .map_err(system)?;
    }
    let mut seen = Seen::default();
    let mut waiting = Vec::new();
    loop {
        for token in poller.wait(None).map_err(system)? {
            match &keys {
                Some(keys) if token == TOKEN_KEYS => {
                    if keys.end() {
                        return Ok(());
                    }
                    continue;
                }
                _ => match answer.more() {
                    Ok(bytes) => waiting.extend_from_slice(bytes),
                    Err(_) => {
                        let gone = format_args!("not running any more");
                        return Err(Trouble::new(Exit::NotRunning, gone));
                    }
                },
            }
            while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = waiting.drain(..=end).collect();
                take(screen, form, &mut seen, &line)?;
                if form == Form::Table && line.starts_with(b"{\"g\":") {
                    // Without names it is shown all the same.
                    let _ = names(&mut seen, socket, wait);
                }
            }
            if waiting.len() > LINE_BYTES_MAX {
                return Err(Trouble::answer(BadAnswer::TooLong));
            }
        }
    }
}

/// One line.
fn take(screen: &mut Screen<'_>, form: Form, seen: &mut Seen, line: &[u8]) -> Outcome {
    if let Some(failure) = line.strip_prefix(b"{\"error\":")
        && line.len() <= ELEMENT_BYTES_MAX
        && let Some(failure) = failure.strip_suffix(b"}\n")
    {
        let failure = read(failure).map_err(Trouble::answer)?;
        return Err(Trouble::failure(&failure));
    }
    if form == Form::Json {
        screen.json(line);
        return screen.send();
    }
    hear(line, &mut |name, row, text| seen.learn(name, row, text)).map_err(Trouble::answer)?;
    seen.show(screen);
    screen.send()
}

/// What the devices are called.
fn names(seen: &mut Seen, socket: &Path, wait: Duration) -> Outcome {
    let mut answer = Answer::to(&Request::plain(Verb::Devices), None, socket, wait)?;
    let mut device = Device::default();
    while answer.element(&mut device)? {
        if let Some(row) = seen.devices.iter_mut().find(|row| row.mac == device.mac) {
            row.name.clone_from(&device.name);
        }
    }
    Ok(())
}

impl Seen {
    /// A row of numbers, or a text, of a field.
    fn learn(&mut self, name: u8, row: &[u32], text: &str) {
        let at = |place: usize| row.get(place).copied().unwrap_or_default();
        let place = usize::try_from(at(0)).unwrap_or_default();
        match name {
            b'g' => *self = Seen::default(),
            b's' => copy(&mut self.state, text),
            b'r' => copy(&mut self.reason, text),
            b'p' => self.proven = [at(0), at(1)],
            b'n' => self.line = [at(0), at(1)],
            b't' => self.latency = [at(0), at(1)],
            b'f' => self.flows = [at(0), at(1)],
            b'm' if self.devices.len() < DEVICES_MAX => {
                let mut row = Row::default();
                copy(&mut row.mac, text);
                self.devices.push(row);
            }
            b'k' if self.lanes.len() < LANES_MAX => {
                let mut lane = Lane::default();
                copy(&mut lane.name, text);
                self.lanes.push(lane);
            }
            b'l' => {
                if let Some(lane) = self.lanes.get_mut(place) {
                    lane.numbers = [at(1), at(2), at(3), at(4)];
                }
            }
            b'd' => {
                if let Some(device) = self.devices.get_mut(place) {
                    device.kbit = [at(1), at(2)];
                }
            }
            _ => {}
        }
    }

    fn show(&self, screen: &mut Screen<'_>) {
        screen.begin_frame();
        let tone = match self.state.as_str() {
            "on" => Tone::Good,
            "waiting" => Tone::Doubtful,
            _ => Tone::Bad,
        };
        let lead = format_args!("{}:", self.state);
        if self.reason.is_empty() {
            let [up, down] = self.proven.map(|percent| Known(percent, "\u{a0}%"));
            screen.prose(tone, &lead, &format_args!("proven {up} up, {down} down"));
        } else {
            screen.prose(tone, &lead, &self.reason);
        }
        let sum = |way: usize| {
            let lanes = self.lanes.iter().filter_map(|lane| lane.numbers.get(way));
            lanes.fold(0_u32, |sum, kbit| sum.saturating_add(*kbit))
        };
        let ([up, down], [now, least]) = (self.line, self.latency.map(Latency));
        let line = format_args!(
            "{} of {} up, {} of {} down",
            Amount::Rate(sum(0)),
            Amount::Rate(known(up)),
            Amount::Rate(sum(1)),
            Amount::Rate(known(down)),
        );
        screen.prose(Tone::Plain, &"line:", &line);
        let [flows, most] = self.flows;
        let line = format_args!("{now} (least {least}); {flows} of {most} flows");
        screen.prose(Tone::Plain, &"latency:", &line);
        if !screen.is_live() {
            return;
        }
        screen.heading(&LANES);
        for Lane { name, numbers } in &self.lanes {
            let [up, down, up_ms, down_ms] = numbers;
            screen.row(
                &LANES,
                &[
                    name,
                    &Amount::Rate(*up),
                    &Amount::Rate(*down),
                    up_ms,
                    down_ms,
                ],
            );
        }
        self.busiest(screen);
        screen.end_frame();
    }

    fn busiest(&self, screen: &mut Screen<'_>) {
        screen.heading(&DEVICES);
        let mut shown = [false; DEVICES_MAX];
        for _ in 0..SHOWN {
            let mut most: Option<(u32, &Row, &mut bool)> = None;
            for (row, shown) in self.devices.iter().zip(&mut shown) {
                let sum = row.kbit[0].saturating_add(row.kbit[1]);
                if !*shown && sum > most.as_ref().map_or(0, |(most, ..)| *most) {
                    most = Some((sum, row, shown));
                }
            }
            let Some((_, row, shown)) = most else { return };
            *shown = true;
            let [up, down] = row.kbit;
            let mac = format_args!("  {}", row.mac);
            screen.row(
                &DEVICES,
                &[&row.name, &Amount::Rate(up), &Amount::Rate(down), &mac],
            );
        }
    }
}

/// As much as fits.
fn copy(to: &mut StringView, text: &str) {
    to.clear();
    for letter in text.chars() {
        if to.push(letter).is_err() {
            return;
        }
    }
}

/// Null is nothing.
const fn known(number: u32) -> u32 {
    if number == UNKNOWN { 0 } else { number }
}

/// A number with its unit, or a dash.
struct Known(u32, &'static str);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            UNKNOWN => f.write_str("-"),
            number => write!(f, "{number}{}", self.1),
        }
    }
}

/// Tenths of a millisecond.
struct Latency(u32);

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            UNKNOWN => f.write_str("-"),
            tenths => write!(f, "{}.{}\u{a0}ms", tenths / 10, tenths % 10),
        }
    }
}
