//! The one sink of the log: standard error, a line an event. The init system keeps it.

use core::fmt;
use core::fmt::Write as _;

pub use log::Level;
use log::{LevelFilter, Log, Metadata, Record};

use super::client::Stream;

struct Sink;

static SINK: Sink = Sink;

impl Log for Sink {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // A level as syslog numbers it: logread and journald sort by it. A closed standard error is nobody's loss.
        let level = match record.level() {
            log::Level::Error => 3,
            log::Level::Warn => 4,
            log::Level::Info => 6,
            log::Level::Debug | log::Level::Trace => 7,
        };
        let _ = writeln!(Stream::Error, "<{level}>lanemark: {}", record.args());
    }

    fn flush(&self) {}
}

/// Tells an event. The macros of `log` make a record at each place that tells something.
#[inline(never)]
pub fn tell(level: Level, words: fmt::Arguments<'_>) {
    log::log!(level, "{words}");
}

/// From now on events go to standard error.
pub fn open(verbose: bool) {
    let level = if verbose {
        LevelFilter::Debug
    } else {
        LevelFilter::Info
    };
    if log::set_logger(&SINK).is_ok() {
        log::set_max_level(level);
    }
}
