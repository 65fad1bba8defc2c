//! The verb `bench`: how long things take and what they cost, on this machine, in one run.
//!
//! Figures of one machine say little about another; so what can be a ratio within one run is one, and the rest stands beside what was promised.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::crowd::{Crowd, Speech};
use super::daemon::{self, Daemon};
use super::error::Error;
use super::house::{self, House, Options, Resident};
use super::interrupt::{self, Interrupt};
use super::scratch::Scratch;
use super::{isolation, marks, options, stdout};

/// Flows of the device whose class changes.
const OWN_FLOWS: usize = 1_000;
/// Flows of the other devices, half each.
const OTHER_FLOWS: usize = 9_000;
/// Changes that are timed; the median counts.
const CHANGES: usize = 9;
/// How long wake-ups are counted.
const QUIET: Duration = Duration::from_secs(10);
/// Wake-ups in that time when nothing happens: a look at the counters every five seconds.
const OWN_WAKEUPS: u64 = 2;
/// How often it is tried, since the hosts of a new house still talk to each other, and each word is an event.
const QUIET_TRIES: usize = 6;
/// Rounds of the comparison, one device and many in turn, since the machine's speed drifts.
const ROUNDS: usize = 9;
/// Packets of a round: enough that a turn of the scheduler does not matter.
const PACKETS: u32 = 40_000;
/// Devices of the larger configuration: as many as can be configured.
const MANY: usize = 512;
/// Devices and rules of the one with rules: as many rules as can be configured.
const RULED: usize = 256;
/// What an established flow's packet may cost with them, by one without rules and with one device.
const RULED_RATIO_MAX: f64 = 1.1;
/// A port of the server's that answers once.
const ANSWERER: u16 = 5002;

/// Measures and prints.
///
/// # Errors
/// Whatever kept a figure from being measured.
pub fn run(options: &options::Bench) -> Result<(), Error> {
    let lab = std::env::current_exe().map_err(Error::io("find this program"))?;
    let program = daemon::program(options.lanemark.as_deref(), &lab)?;
    let blocked = interrupt::block()?;
    isolation::leave()?;
    let interrupt = Interrupt::listen(blocked)?;
    let scratch = Scratch::new(&lab)?;
    let mut wanted = Options::direct(lab);
    wanted.guests.push(Resident::guest(0));
    let house = House::build(&wanted)?;
    let bench = Bench {
        house,
        program,
        scratch,
        interrupt,
    };
    let report = json!({
        "quiet": bench.quiet()?,
        "remark": bench.remark()?,
        "packet": bench.packet()?,
    });
    let text = if options.json {
        format!("{report}\n")
    } else {
        readable(&report)
    };
    stdout::print(&text)
}

struct Bench {
    house: House,
    program: PathBuf,
    scratch: Scratch,
    interrupt: Interrupt,
}

impl Bench {
    fn start(&self) -> Result<Daemon, Error> {
        let mut daemon = Daemon::start(
            self.house.router(),
            &self.program,
            &self.scratch,
            Some(&config(1, 0)),
        )?;
        daemon.await_shaping(self.house.router(), &self.interrupt)?;
        Ok(daemon)
    }

    /// What a daemon at rest has for itself, and how often it wakes.
    fn quiet(&self) -> Result<Value, Error> {
        let daemon = self.start()?;
        let status = daemon.call(self.house.router(), &self.interrupt, &["status", "--json"])?;
        let status: Value =
            serde_json::from_slice(&status.stdout).map_err(|_| Error::Nonsense("status"))?;
        let pid = status["pid"].as_u64().ok_or(Error::Nonsense("status"))?;
        // New queues are slowed for three seconds, and getting the whole line is a wake-up; it is not what is counted.
        self.interrupt.pause(Duration::from_secs(4))?;
        let mut woken = u64::MAX;
        for _ in 0..QUIET_TRIES {
            let before = sum(pid, "status", "voluntary_ctxt_switches")?;
            self.interrupt.pause(QUIET)?;
            woken = woken.min(sum(pid, "status", "voluntary_ctxt_switches")? - before);
            if woken <= OWN_WAKEUPS {
                break;
            }
        }
        let private_kb = sum(pid, "smaps_rollup", "Private_")?;
        daemon.call(self.house.router(), &self.interrupt, &["stop"])?;
        Ok(
            json!({"private_kb": private_kb, "private_kb_max": 1024, "wakeups": woken, "wakeups_max": OWN_WAKEUPS, "seconds": QUIET.as_secs()}),
        )
    }

    /// From the start of `lanemark set` to its end, flows re-marked.
    fn remark(&self) -> Result<Value, Error> {
        let daemon = self.start()?;
        let router = self.house.router();
        let server = house::SERVER_V4.into();
        let workstation = Resident::workstation();
        let own = Crowd::open(
            self.house.lan_host("workstation")?,
            server,
            Speech::Udp,
            OWN_FLOWS,
        )?;
        let others = [
            Crowd::open(
                self.house.lan_host("tv")?,
                server,
                Speech::Udp,
                OTHER_FLOWS / 2,
            )?,
            Crowd::open(
                self.house.lan_host("guest0")?,
                server,
                Speech::Udp,
                OTHER_FLOWS / 2,
            )?,
        ];
        let mut waits_ms = Vec::new();
        for change in 0..CHANGES {
            let (class, mark) = if change % 2 == 0 {
                ("premium", 10)
            } else {
                ("bulk", 40)
            };
            let begin = Instant::now();
            daemon.call(
                router,
                &self.interrupt,
                &["set", &workstation.mac_text(), class],
            )?;
            waits_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
            let flows = marks::flows(router)?;
            let marked = flows
                .iter()
                .filter(|flow| flow.is_of(&workstation) && flow.mark == mark)
                .count();
            if marked < OWN_FLOWS {
                return Err(Error::Nonsense("the number of re-marked flows"));
            }
            for crowd in others.iter().chain([&own]) {
                // Unanswered datagrams are forgotten after half a minute.
                crowd.speak_again()?;
            }
        }
        daemon.call(router, &self.interrupt, &["stop"])?;
        let (median, max) = (
            median(&mut waits_ms),
            waits_ms.iter().copied().fold(0.0, f64::max),
        );
        Ok(json!({
            "flows": OWN_FLOWS + OTHER_FLOWS, "changed": OWN_FLOWS, "median_ms": rounded(median), "max_ms": rounded(max), "ms_max": 100,
        }))
    }

    /// What a packet of an established flow costs that is looked up in the map, with one device in it, with many, and with rules before it.
    /// The router's work is done in the sender's time, so the sender's processor time is what is compared.
    fn packet(&self) -> Result<Value, Error> {
        let daemon = self.start()?;
        let (mut one, mut many, mut ruled) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let kinds = [
                (1, 0, &mut one),
                (MANY, 0, &mut many),
                (RULED, RULED, &mut ruled),
            ];
            for (devices, rules, costs) in kinds {
                let file = self.scratch.path().join("bench.json");
                fs::write(&file, config(devices, rules))
                    .map_err(Error::io("write a configuration"))?;
                self.apply(&daemon, &file)?;
                costs.push(self.send()?);
            }
        }
        daemon.call(self.house.router(), &self.interrupt, &["stop"])?;
        let (one_ns, many_ns, ruled_ns) = (median(&mut one), median(&mut many), median(&mut ruled));
        Ok(json!({
            "one_device_ns": rounded(one_ns), "many_devices": MANY, "many_devices_ns": rounded(many_ns), "ratio": rounded(many_ns / one_ns),
            "rules": RULED, "rules_ns": rounded(ruled_ns), "rules_ratio": rounded(ruled_ns / one_ns), "rules_ratio_max": RULED_RATIO_MAX,
        }))
    }

    fn apply(&self, daemon: &Daemon, file: &Path) -> Result<(), Error> {
        let file = file.to_str().ok_or(Error::Nonsense("the path of a file"))?;
        daemon
            .call(
                self.house.router(),
                &self.interrupt,
                &["config", "apply", file],
            )
            .map(drop)
    }

    /// Nanoseconds of processor time a packet, from a device that is in no lane, in a flow that was answered: each of its packets is looked
    /// up in the map.
    fn send(&self) -> Result<f64, Error> {
        let answerer = self
            .house
            .server()
            .run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ANSWERER)))?
            .map_err(Error::io("open a port of the server"))?;
        let tv = self.house.lan_host("tv")?;
        let socket = tv
            .run(|| -> Result<UdpSocket, std::io::Error> {
                let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
                socket.connect(SocketAddr::new(house::SERVER_V4.into(), ANSWERER))?;
                socket.send(b"first")?;
                Ok(socket)
            })?
            .map_err(Error::io("open a flow"))?;
        let mut word = [0; 8];
        let mut answer = || -> Result<(), std::io::Error> {
            let (_, from) = answerer.recv_from(&mut word)?;
            answerer.send_to(b"second", from)?;
            socket.recv(&mut word).map(drop)
        };
        answer().map_err(Error::io("answer"))?;
        let sent = tv.run(move || -> Result<f64, std::io::Error> {
            let begin = processor_time()?;
            for _ in 0..PACKETS {
                socket.send(b"packet")?;
            }
            Ok((processor_time()? - begin).as_secs_f64() * 1e9 / f64::from(PACKETS))
        })?;
        sent.map_err(Error::io("send packets"))
    }
}

fn processor_time() -> Result<Duration, std::io::Error> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// A configuration with so many devices and rules, none of them about anybody in the house, on a line that is never the bottleneck.
fn config(devices: usize, rules: usize) -> String {
    let devices: Vec<Value> = (0..devices)
        .map(|number| json!({"mac": format!("02:00:00:01:{:02x}:{:02x}", number / 256, number % 256), "class": "premium"}))
        .collect();
    let rules: Vec<Value> = (0..rules)
        .map(|number| json!({"remote": format!("198.18.{number}.0/24"), "class": "bulk"}))
        .collect();
    json!({
        "version": 1, "enabled": true, "lan": [house::LAN], "devices": devices, "rules": rules,
        "wan": {"interface": house::WAN, "up_kbit": 10_000_000, "down_kbit": 10_000_000},
    })
    .to_string()
}

/// The sum of the numbers behind the names that begin so, in a file of a process.
fn sum(pid: u64, file: &str, name: &str) -> Result<u64, Error> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"))
        .map_err(Error::io("read of the daemon in /proc"))?;
    let lines = text.lines().filter(|line| line.starts_with(name));
    Ok(lines
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Three digits behind the point.
fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

fn readable(report: &Value) -> String {
    let (quiet, remark, packet) = (&report["quiet"], &report["remark"], &report["packet"]);
    let mut text = String::new();
    // A string takes whatever is written to it.
    let _ = writeln!(
        text,
        "at rest           {} kB private (at most {}), {} wake-ups in {} s (at most {})",
        quiet["private_kb"],
        quiet["private_kb_max"],
        quiet["wakeups"],
        quiet["seconds"],
        quiet["wakeups_max"]
    );
    let _ = writeln!(
        text,
        "class set         {} of {} flows re-marked in {} ms (median; max {}, at most {})",
        remark["changed"], remark["flows"], remark["median_ms"], remark["max_ms"], remark["ms_max"]
    );
    let _ = writeln!(
        text,
        "a packet's cost   {} ns with 1 device, {} ns with {}: ratio {}; with 256 devices and 256 rules {} ns: ratio {} (at most {})",
        packet["one_device_ns"],
        packet["many_devices_ns"],
        packet["many_devices"],
        packet["ratio"],
        packet["rules_ns"],
        packet["rules_ratio"],
        packet["rules_ratio_max"],
    );
    text
}
