//! The demo: the story of the README, measured.
//!
//! Four phases in one house, with two SSH connections (one over IPv4, one over IPv6) that stay open through all of them. What is
//! waited for between the phases is always a condition with a limit; only the measurements last as long as the clock says.

use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::bulk::{self, Arrived, Bulk, Load};
use super::daemon::{self, Daemon};
use super::error::Error;
use super::house::{self, House, Resident};
use super::interrupt::{self, Interrupt};
use super::isolation;
use super::keystroke::Keystrokes;
use super::line::Tally;
use super::link::counters::{self, Carried};
use super::modem::Modem;
use super::options::Demo;
use super::report::{Backlog, Kbit, Measured, Phase, Report};
use super::scratch::Scratch;
use super::{directions, marks, stdout};
use crate::value::LowerMss;

/// Percent of the line's rate that lanemark is told, upstream. A shaper at exactly the line's rate never gives the modem's
/// FIFO a chance to drain what once got into it; since the shaper stands before the FIFO, a little less is enough.
const SHAPED_UP_PERCENT: u64 = 97;
/// The same downstream, where the shaper stands behind the FIFO: it slows senders down by what it drops, and what it drops has
/// used the line, which so carries 96 percent. Measured at 8000/1000 kbit/s, four flows each way, the rest alike, two runs each:
/// a Premium median of 38 and 39 ms at 97 percent, of 34 and 36 ms at 95.
const SHAPED_DOWN_PERCENT: u64 = 95;
/// For the family's flows to fill the modem's FIFOs. The deep one downstream may not be full by then: what counts is that
/// the measurement does not begin with an empty line.
const FILL_WITHIN: Duration = Duration::from_secs(4);
/// For the modem's FIFOs to drain once lanemark shapes. The measurement begins then at the latest.
const DRAIN_WITHIN: Duration = Duration::from_secs(8);
/// What passes as an empty FIFO, as time on the line, on top of one full frame: flows that learn of their new rate send in
/// bursts, and those pass.
const DRAINED: Duration = Duration::from_millis(20);
/// For so long they must stay drained: flows that were just slowed down come back once.
const STEADY: Duration = Duration::from_secs(1);
/// How often a FIFO is looked at, and the progress line is drawn.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the demo and prints what it found.
///
/// # Errors
/// Whatever kept a phase from running.
pub fn run(options: Demo) -> Result<(), Error> {
    let lab = std::env::current_exe().map_err(Error::io("find this program"))?;
    // Now, not after half a minute of measuring.
    let program = daemon::program(options.lanemark.as_deref(), &lab)?;
    let blocked = interrupt::block()?;
    let standing = isolation::leave()?;
    let interrupt = Interrupt::listen(blocked)?;
    let scratch = Scratch::new(&lab)?;
    let rates = house::typical_line(options.down_kbit, options.up_kbit);
    let house = House::build(&house::Options {
        lab,
        rates: Some(rates),
        guests: Vec::new(),
    })?;
    let json = options.json;
    let keep = options.keep;
    let mut demo = Story::begin(options, program, &scratch, &house, &interrupt)?;
    demo.tell()?;
    let report = Report {
        options: demo.options.clone(),
        shaped: demo.shaped(),
        phases: demo.phases.clone(),
        residents: vec![Resident::workstation(), Resident::tv()],
        flows: marks::flows(house.router())?,
    };
    let text = if json {
        format!("{}\n", report.json())
    } else {
        report.to_string()
    };
    stdout::print(&text)?;
    if keep {
        let socket = demo
            .daemon
            .as_ref()
            .map(|daemon| daemon.socket().display().to_string())
            .unwrap_or_default();
        eprint!("{}", directions::to_enter(&house, standing));
        eprintln!("lanemark's socket: {socket}\nThe house stays until Ctrl-C.");
        return Err(interrupt.wait());
    }
    Ok(())
}

struct Story<'house> {
    options: Demo,
    program: PathBuf,
    scratch: &'house Scratch,
    house: &'house House,
    interrupt: &'house Interrupt,
    // Dropped in this order: the daemon takes its rules out while there is still traffic, as on a real router.
    daemon: Option<Daemon>,
    bulk: Option<Bulk>,
    keystrokes: Keystrokes,
    // A second session, so that the promise of equal treatment is seen, too.
    keystrokes_v6: Keystrokes,
    phases: Vec<Measured>,
}

impl<'house> Story<'house> {
    fn begin(
        options: Demo,
        program: PathBuf,
        scratch: &'house Scratch,
        house: &'house House,
        interrupt: &'house Interrupt,
    ) -> Result<Self, Error> {
        let workstation = house.lan_host("workstation")?;
        let keystrokes = Keystrokes::start(workstation, server(), &options.congestion)?;
        let keystrokes_v6 =
            Keystrokes::start(workstation, house::SERVER_V6.into(), &options.congestion)?;
        let (daemon, bulk, phases) = (None, None, Vec::new());
        Ok(Self {
            options,
            program,
            scratch,
            house,
            interrupt,
            daemon,
            bulk,
            keystrokes,
            keystrokes_v6,
            phases,
        })
    }

    fn tell(&mut self) -> Result<(), Error> {
        self.measure(Phase::Idle, Duration::ZERO)?;

        let cause = Instant::now();
        self.start_bulk()?;
        self.await_modem(FILL_WITHIN, Duration::ZERO, |tally, _| {
            tally.dropped_frames > 0
        })?;
        self.measure(Phase::Without, cause.elapsed())?;

        let cause = Instant::now();
        let router = self.house.router();
        let daemon = self.daemon.insert(Daemon::start(
            router,
            &self.program,
            self.scratch,
            Some(&self.config()),
        )?);
        daemon.await_shaping(router, self.interrupt)?;
        if self.options.lower_mss != LowerMss::Off {
            // A segment size is agreed on when a flow begins.
            self.bulk = None;
            self.start_bulk()?;
        }
        self.await_modem(DRAIN_WITHIN, STEADY, |tally, kbit| {
            tally.waiting_bytes <= drained_bytes(kbit)
        })?;
        self.measure(Phase::Default, cause.elapsed())?;

        let cause = Instant::now();
        let workstation = Resident::workstation().mac_text();
        if let Some(daemon) = &self.daemon {
            daemon.call(router, self.interrupt, &["set", &workstation, "premium"])?;
        }
        self.measure(Phase::Premium, cause.elapsed())
    }

    fn start_bulk(&mut self) -> Result<(), Error> {
        let load = Load {
            flows: self.options.flows,
            congestion: self.options.congestion.clone(),
        };
        self.bulk = Some(Bulk::start(
            self.house.lan_host("tv")?,
            server(),
            self.house.services(),
            &load,
        )?);
        Ok(())
    }

    fn measure(&mut self, phase: Phase, settled_in: Duration) -> Result<(), Error> {
        let mut progress = Progress::begin(phase, self.options.phase);
        let (mark, mark_v6) = (self.keystrokes.mark(), self.keystrokes_v6.mark());
        let began = Instant::now();
        let before = self.counters()?;
        let backlog_before = self.backlog();
        while began.elapsed() < self.options.phase {
            progress.show(began.elapsed());
            self.interrupt
                .pause_until((Instant::now() + LOOK_EVERY).min(began + self.options.phase))?;
        }
        let (keystrokes, keystrokes_v6) = (
            self.keystrokes.summary(mark)?,
            self.keystrokes_v6.summary(mark_v6)?,
        );
        let (after, during) = (self.counters()?, began.elapsed());
        let rate = |up: [u64; 2], down: [u64; 2]| Kbit {
            up: bulk::kbit_per_second(up[1].saturating_sub(up[0]), during),
            down: bulk::kbit_per_second(down[1].saturating_sub(down[0]), during),
        };
        self.phases.push(Measured {
            phase,
            keystrokes,
            keystrokes_v6,
            wire: rate(
                [before.0.sent, after.0.sent],
                [before.0.received, after.0.received],
            ),
            goodput: rate([before.1.up, after.1.up], [before.1.down, after.1.down]),
            settled_in,
            backlog: [backlog_before, self.backlog()],
        });
        Ok(())
    }

    fn backlog(&self) -> Backlog {
        let tallies = self.house.modem().map(Modem::tallies).unwrap_or_default();
        Backlog {
            up: tallies.up.waiting_bytes,
            down: tallies.down.waiting_bytes,
        }
    }

    fn counters(&self) -> Result<(Carried, Arrived), Error> {
        let carried = self.house.router().run(|| counters::read(house::WAN))??;
        let arrived = self
            .bulk
            .as_ref()
            .map(|bulk| bulk.arrived(self.house.services()))
            .unwrap_or_default();
        Ok((carried, arrived))
    }

    /// Waits until `state` has held in both directions of the modem for the time `steady`, but no longer than `within`.
    fn await_modem(
        &self,
        within: Duration,
        steady: Duration,
        state: impl Fn(&Tally, u32) -> bool,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        let mut since = Instant::now();
        while let Some(modem) = self.house.modem()
            && Instant::now() < deadline
        {
            let tallies = modem.tallies();
            if !state(&tallies.up, self.options.up_kbit)
                || !state(&tallies.down, self.options.down_kbit)
            {
                since = Instant::now();
            } else if since.elapsed() >= steady {
                break;
            }
            self.interrupt.pause(LOOK_EVERY)?;
        }
        Ok(())
    }

    fn shaped(&self) -> Kbit {
        shaped(&self.options)
    }

    fn config(&self) -> String {
        let Kbit { up, down } = self.shaped();
        let lower_mss = match self.options.lower_mss {
            LowerMss::Auto => json!("auto"),
            LowerMss::Off => json!(null),
            LowerMss::Bytes(bytes) => json!(bytes),
        };
        let mut config = json!({
            "version": 1,
            "enabled": true,
            "wan": {"interface": house::WAN, "up_kbit": up, "down_kbit": down, "overhead": 0, "lower_mss": lower_mss},
            "lan": [house::LAN],
            "default_class": "standard",
            "shares": {"premium": 75, "express": 15, "standard": 9, "bulk": 1},
            "devices": [],
            "mark": {"mask": "0x7f", "shift": 0},
        });
        if let Some(kinds) = &self.options.prioritize {
            let kinds: Vec<&str> = kinds.split(',').filter(|kind| *kind != "none").collect();
            config["prioritize"] = json!(kinds);
        }
        config.to_string()
    }
}

/// What lanemark is told of the line.
pub(super) fn shaped(options: &Demo) -> Kbit {
    Kbit {
        up: u64::from(options.up_kbit) * SHAPED_UP_PERCENT / 100,
        down: u64::from(options.down_kbit) * SHAPED_DOWN_PERCENT / 100,
    }
}

fn drained_bytes(rate_kbit: u32) -> usize {
    /// Bytes of a full Ethernet frame without its check sequence.
    const FRAME_BYTES: u128 = 1514;
    // Bits per millisecond.
    usize::try_from(FRAME_BYTES + DRAINED.as_millis() * u128::from(rate_kbit) / 8)
        .unwrap_or(usize::MAX)
}

fn server() -> IpAddr {
    house::SERVER_V4.into()
}

/// What the user sees while time passes: one line that changes on a terminal, one line a phase elsewhere.
struct Progress {
    phase: Phase,
    length: Duration,
    terminal: bool,
}

impl Progress {
    fn begin(phase: Phase, length: Duration) -> Self {
        let terminal = std::io::stderr().is_terminal();
        if !terminal {
            eprintln!("{}: {} s", phase.title(), length.as_secs());
        }
        Self {
            phase,
            length,
            terminal,
        }
    }

    fn show(&mut self, elapsed: Duration) {
        if self.terminal {
            let number = Phase::ALL
                .iter()
                .position(|phase| *phase == self.phase)
                .unwrap_or_default()
                + 1;
            let left = self.length.saturating_sub(elapsed).as_secs_f64().ceil();
            // Back to the start of the line, and clear what is right of the new text.
            eprint!(
                "\r{number}/{} {}: {left} s\x1b[K",
                Phase::ALL.len(),
                self.phase.title()
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}
