//! What the user of the lab asks for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::congestion::Congestion;
use super::error::Error;
use crate::value::LowerMss;

/// The text of `lanemark-lab demo --help`.
pub const DEMO_HELP: &str = "\
Shows lanemark at work in a house made of network namespaces, in about 40 s.

Somebody types over SSH while the family streams in both directions over a slow
line. The demo measures how long each keystroke's echo takes: with nobody else
on the line, with the family, with lanemark on the router, and with the
workstation set to Premium. Then it shows the marks of the router's flows.

usage: lanemark-lab demo [OPTIONS]

  --seconds N      seconds measured in each of the four phases (7)
  --up-kbit N      rate of the line towards the Internet (1000)
  --down-kbit N    rate of the line towards the house (8000)
  --flows N        TCP flows of the family in each direction (4)
  --cc NAME        their congestion control (cubic)
  --lower-mss W    wan.lower_mss: auto, none or bytes; the family's flows begin
                   anew with it (auto)
  --prioritize L   the packets that go ahead, like ack,dns; none for none (all)
  --json           prints one JSON object instead of the table
  --keep           leaves the house up, load and all, until Ctrl-C
  --serve          instead: the house stays up under load, and its router's page
                   is at http://127.0.0.1:8080 on this machine
  --new            for --serve, lanemark begins as on a router that it was just
                   flashed to: no password, no line, no lanes
  --port N         for --serve, another port (8080)
  --lanemark PATH  the router's program (default: lanemark beside this one)
  -h, --help       this text

Needs root, or a kernel that lets users create user namespaces. Nothing on the
machine is changed; everything disappears with the program.

exit codes: 0 all phases ran, 1 the system refused or lanemark did not do its
part, 2 wrong usage, 130 Ctrl-C, 143 terminated
";

/// The text of `lanemark-lab house --help`.
pub const HOUSE_HELP: &str = "\
Builds the house of the demo, without load and without lanemark, and tells how
to enter each host. Ctrl-C takes it away again.

usage: lanemark-lab house [OPTIONS]

  --up-kbit N      rate of the line towards the Internet (1000)
  --down-kbit N    rate of the line towards the house (8000)
  --direct         no emulated line: a cable between router and server
  -h, --help       this text
";

/// The text of `lanemark-lab bench --help`.
pub const BENCH_HELP: &str = "\
Measures what lanemark costs on this machine, in about 30 s: its memory and its
wake-ups at rest, how long it takes to re-mark 1,000 of 10,000 flows, and what a
packet costs with 1 device configured and with 512.

usage: lanemark-lab bench [OPTIONS]

  --json           prints one JSON object instead of the lines
  --lanemark PATH  the router's program (default: lanemark beside this one)
  -h, --help       this text
";

/// The text of `lanemark-lab type --help`.
pub const TYPE_HELP: &str = "\
Types ten letters a second into a program that repeats them, such as
`ssh SERVER cat`, and measures how long each takes to come back.

usage: lanemark-lab type PROGRAM [WORD...]

Each line of the standard input ends a phase of that name, of which one line of
JSON tells the waits, and begins the next; the word `begin` only begins one.
";

/// Kilobits per second. Below, one full frame takes a second; above, a user-space line is no longer exact.
const RATE_KBIT: std::ops::RangeInclusive<u32> = 12..=200_000;
/// Bytes of a segment, as the configuration allows them.
const SEGMENT_BYTES: std::ops::RangeInclusive<u16> = LowerMss::MIN..=LowerMss::MAX;
/// Seconds of one phase: one keystroke is no statistic, and nobody watches for an hour.
const PHASE_SECONDS: std::ops::RangeInclusive<u32> = 1..=3600;
/// A port of this machine; below 1024 they are root's.
const PORT: std::ops::RangeInclusive<u32> = 1..=65_535;
/// Flows a direction: each costs four threads.
const FLOWS: std::ops::RangeInclusive<u32> = 1..=64;

/// Options of `bench`.
#[derive(Clone, Debug)]
pub struct Bench {
    /// JSON instead of lines.
    pub json: bool,
    /// The router's program.
    pub lanemark: Option<PathBuf>,
}

/// Options of `demo`.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The measured length of each phase.
    pub phase: Duration,
    /// The line's rate upstream.
    pub up_kbit: u32,
    /// The line's rate downstream.
    pub down_kbit: u32,
    /// Bulk flows in each direction.
    pub flows: u16,
    /// Their congestion control.
    pub congestion: Congestion,
    /// The segment size of the lower lanes.
    pub lower_mss: LowerMss,
    /// The packets that go ahead, if not the default.
    pub prioritize: Option<String>,
    /// One JSON object instead of a table.
    pub json: bool,
    /// The house stays until a signal comes.
    pub keep: bool,
    /// No phases: the page for visitors, until a signal comes.
    pub serve: bool,
    /// Those visitors find a router that nobody has set up.
    pub new: bool,
    /// Where the page is on this machine.
    pub port: u16,
    /// The router's program, if not the one beside the lab's.
    pub lanemark: Option<PathBuf>,
}

/// Options of `house`.
#[derive(Clone, Copy, Debug)]
pub struct House {
    /// The line's rate upstream.
    pub up_kbit: u32,
    /// The line's rate downstream.
    pub down_kbit: u32,
    /// No line at all.
    pub direct: bool,
}

/// Options of `type`.
#[derive(Clone, Debug)]
pub struct Type {
    /// The program and its words.
    pub program: Vec<OsString>,
}

/// What the words after a verb ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<T> {
    /// The verb's help.
    Help,
    /// The verb itself.
    Run(T),
}

impl Demo {
    /// Reads the words after `demo`.
    ///
    /// # Errors
    /// `Usage` that names the word.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Asked<Self>, Error> {
        let mut demo = Self {
            phase: Duration::from_secs(7),
            up_kbit: 1000,
            down_kbit: 8000,
            flows: 4,
            congestion: Congestion("cubic".into()),
            lower_mss: LowerMss::Auto,
            prioritize: None,
            json: false,
            keep: false,
            serve: false,
            new: false,
            port: 8080,
            lanemark: None,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("-h" | "--help") => return Ok(Asked::Help),
                Some("--seconds") => {
                    demo.phase =
                        Duration::from_secs(number(&mut words, &word, PHASE_SECONDS)?.into())
                }
                Some("--up-kbit") => demo.up_kbit = number(&mut words, &word, RATE_KBIT)?,
                Some("--down-kbit") => demo.down_kbit = number(&mut words, &word, RATE_KBIT)?,
                Some("--flows") => {
                    demo.flows =
                        u16::try_from(number(&mut words, &word, FLOWS)?).unwrap_or(u16::MAX)
                }
                Some("--cc") => {
                    demo.congestion =
                        Congestion(value(&mut words, &word)?.to_string_lossy().into_owned())
                }
                Some("--lower-mss") => demo.lower_mss = lower(&mut words, &word)?,
                Some("--prioritize") => {
                    demo.prioritize = Some(value(&mut words, &word)?.to_string_lossy().into_owned())
                }
                Some("--json") => demo.json = true,
                Some("--keep") => demo.keep = true,
                Some("--serve") => demo.serve = true,
                Some("--new") => demo.new = true,
                Some("--port") => {
                    demo.port = u16::try_from(number(&mut words, &word, PORT)?).unwrap_or(u16::MAX)
                }
                Some("--lanemark") => demo.lanemark = Some(value(&mut words, &word)?.into()),
                _ => return Err(unknown(&word)),
            }
        }
        Ok(Asked::Run(demo))
    }
}

impl Bench {
    /// Reads the words after `bench`.
    ///
    /// # Errors
    /// `Usage` that names the word.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Asked<Self>, Error> {
        let mut bench = Self {
            json: false,
            lanemark: None,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("-h" | "--help") => return Ok(Asked::Help),
                Some("--json") => bench.json = true,
                Some("--lanemark") => bench.lanemark = Some(value(&mut words, &word)?.into()),
                _ => return Err(unknown(&word)),
            }
        }
        Ok(Asked::Run(bench))
    }
}

impl House {
    /// Reads the words after `house`.
    ///
    /// # Errors
    /// `Usage` that names the word.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Asked<Self>, Error> {
        let mut house = Self {
            up_kbit: 1000,
            down_kbit: 8000,
            direct: false,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("-h" | "--help") => return Ok(Asked::Help),
                Some("--up-kbit") => house.up_kbit = number(&mut words, &word, RATE_KBIT)?,
                Some("--down-kbit") => house.down_kbit = number(&mut words, &word, RATE_KBIT)?,
                Some("--direct") => house.direct = true,
                _ => return Err(unknown(&word)),
            }
        }
        Ok(Asked::Run(house))
    }
}

impl Type {
    /// Reads the words after `type`.
    ///
    /// # Errors
    /// `Usage` when there is no program.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Asked<Self>, Error> {
        let program: Vec<_> = words.collect();
        match program.first().and_then(|word| word.to_str()) {
            None if program.is_empty() => Err(Error::Usage("type: expected a program".into())),
            Some("-h" | "--help") => Ok(Asked::Help),
            _ => Ok(Asked::Run(Self { program })),
        }
    }
}

fn value(words: &mut impl Iterator<Item = OsString>, option: &OsString) -> Result<OsString, Error> {
    words
        .next()
        .ok_or_else(|| Error::Usage(format!("{}: expected a value", option.to_string_lossy())))
}

fn number(
    words: &mut impl Iterator<Item = OsString>,
    option: &OsString,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, Error> {
    let word = value(words, option)?;
    let number = word
        .to_str()
        .and_then(|text| text.parse().ok())
        .filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (option, word) = (option.to_string_lossy(), word.to_string_lossy());
        Error::Usage(format!(
            "{option}: expected a number from {} to {}, found {word:?}",
            range.start(),
            range.end()
        ))
    })
}

fn lower(words: &mut impl Iterator<Item = OsString>, option: &OsString) -> Result<LowerMss, Error> {
    let word = value(words, option)?;
    let text = word.to_string_lossy();
    match &*text {
        "auto" => return Ok(LowerMss::Auto),
        "none" => return Ok(LowerMss::Off),
        _ => {}
    }
    let bytes = text
        .parse()
        .ok()
        .filter(|bytes| SEGMENT_BYTES.contains(bytes));
    bytes.map(LowerMss::Bytes).ok_or_else(|| {
        let (option, range) = (option.to_string_lossy(), SEGMENT_BYTES);
        Error::Usage(format!(
            "{option}: expected auto, none or a number from {} to {}, found {text:?}",
            range.start(),
            range.end()
        ))
    })
}

fn unknown(word: &OsString) -> Error {
    Error::Usage(format!("unknown option {:?}", word.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Asked<Demo>, Error> {
        Demo::read(words.iter().map(OsString::from))
    }

    #[test]
    fn a_number_out_of_range_names_the_range_and_the_word() {
        let error = read(&["--flows", "0"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--flows: expected a number from 1 to 64, found \"0\" (see --help)"
        );
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn an_option_without_its_value_is_wrong_usage() {
        assert!(matches!(read(&["--cc"]), Err(Error::Usage(_))));
        assert!(matches!(read(&["--fast"]), Err(Error::Usage(_))));
    }

    #[test]
    fn help_wins_over_what_follows() {
        assert!(matches!(read(&["--help", "--fast"]), Ok(Asked::Help)));
    }

    #[test]
    fn help_fits_eighty_columns() {
        assert!(
            DEMO_HELP
                .lines()
                .chain(HOUSE_HELP.lines())
                .chain(TYPE_HELP.lines())
                .all(|line| line.len() <= 80)
        );
    }
}
