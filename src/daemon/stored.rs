//! The configuration that is stored: a spoiled one is told, kept, and keeps nobody from starting.

use core::fmt;
use std::path::Path;

use crate::config::{self, CONFIG_BYTES_MAX, Config, Problem};
use crate::sys::file::shown;
use crate::sys::log::{Level, tell};
use crate::sys::store::{Document, Loaded, Store, StoreError, Version};

/// The configuration before.
const PREVIOUS: &str = "config.prev.json";

/// Configurations before that one that are kept: eight with it. Each takes some 2 kB of flash, those of a home with hundreds of devices 80 kB.
const OLDER_MAX: usize = 7;

/// The configuration's files.
pub(super) const CONFIG: Document = Document {
    current: "config.json",
    previous: Some(PREVIOUS),
    older: OLDER_MAX,
    temporary: "config.json.new",
    bytes_max: CONFIG_BYTES_MAX,
};

/// What a spoiled configuration is kept as, once: the next one replaces it.
const SPOILED: &str = "config.bad.json";

/// What the user has to do when nothing that is stored can be used.
const CURE: &str = "apply a good configuration ('lanemark config apply')";

/// Why a stored configuration cannot be used. Its words begin with the file's name.
#[derive(Debug)]
pub(super) enum Spoiled {
    /// It could not be read.
    Unread(StoreError),
    /// It makes no sense.
    Nonsense(&'static str, Box<Problem>),
}

impl Spoiled {
    fn file(&self) -> &'static str {
        match self {
            Spoiled::Unread(error) => error.file,
            Spoiled::Nonsense(file, _) => file,
        }
    }
}

impl fmt::Display for Spoiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spoiled::Unread(error) => error.fmt(f),
            Spoiled::Nonsense(file, problem) => write!(f, "{file}: {problem}"),
        }
    }
}

/// The configuration in the directory; none when there is none.
pub(super) fn load(store: &Store, dir: &Path) -> Result<Option<Box<Config>>, Spoiled> {
    let (bytes, file) = match store.load().map_err(Spoiled::Unread)? {
        Loaded::Missing => {
            tell(
                Level::Info,
                format_args!(
                    "no {} in {}: off until there is one",
                    CONFIG.current,
                    shown(dir)
                ),
            );
            return Ok(None);
        }
        Loaded::Text {
            bytes,
            from: Version::Current,
        } => (bytes, CONFIG.current),
        Loaded::Text {
            bytes,
            from: Version::Previous,
        } => {
            tell(
                Level::Warn,
                format_args!("{} is empty or missing: {PREVIOUS} is used", CONFIG.current),
            );
            (bytes, PREVIOUS)
        }
    };
    parse(&bytes, file).map(Some)
}

/// The configuration to start with, and why it is not the one that was stored; no words when it is.
pub(super) fn at_start(store: &Store, dir: &Path) -> (Box<Config>, String) {
    let spoiled = match load(store, dir) {
        Ok(Some(config)) => return (config, String::new()),
        // An earlier start may have found it spoiled.
        Ok(None) if store.has(SPOILED) => {
            return (
                Box::default(),
                format!("{CURE}; {SPOILED} is one that was not"),
            );
        }
        Ok(None) => return (Box::default(), String::new()),
        Err(spoiled) => spoiled,
    };
    let mut said = format!("{}/{spoiled}", shown(dir));
    let mut before = None;
    if spoiled.file() == CONFIG.current {
        match store.set_aside(SPOILED) {
            Ok(true) => said += &format!("; kept as {SPOILED}"),
            Ok(false) => {}
            Err(cause) => said += &format!("; not kept as {SPOILED}: {cause}"),
        }
        match previous(store) {
            Ok(config) => before = config,
            Err(spoiled) => said += &format!("; {spoiled}"),
        }
    }
    // What to do comes first where there is little room.
    let (config, instead, told) = match before {
        Some(config) => {
            let used = format!("{} is used", PREVIOUS);
            (config, used.clone(), used)
        }
        None => (
            Box::default(),
            format!("QoS is off: {CURE}"),
            CURE.to_owned(),
        ),
    };
    tell(Level::Error, format_args!("{said}; {instead}"));
    (config, format!("{told}; {spoiled}"))
}

/// The previous configuration, whatever the current one is like.
fn previous(store: &Store) -> Result<Option<Box<Config>>, Spoiled> {
    let bytes = store.previous().map_err(Spoiled::Unread)?;
    bytes.map(|bytes| parse(&bytes, PREVIOUS)).transpose()
}

fn parse(bytes: &[u8], file: &'static str) -> Result<Box<Config>, Spoiled> {
    config::parse(bytes)
        .map(Box::new)
        .map_err(|problem| Spoiled::Nonsense(file, Box::new(problem)))
}
