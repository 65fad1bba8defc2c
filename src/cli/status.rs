use core::fmt::{self, Write as _};

use crate::control::{ClassStatus, PROVEN_PERCENT_MIN, Side, State, Status};

use super::amount::Amount;
use super::answer::Answer;
use super::screen::{Column, Screen, Tone};
use super::trouble::Outcome;

/// Columns for a mark; wider ones make the table wider: 79 with the widest.
const MARK: usize = 4;

/// The lines above the lanes: what the columns are about, and the columns.
const ABOVE: [Column; 5] = [
    Column::left(" ", 8),
    Column::right(" ", MARK),
    Column::right("guarantee", 21),
    Column::right("rate", 21),
    Column::right("queued ms", 9),
];
const TABLE: [Column; 9] = [
    Column::left("class", 8),
    Column::right("mark", MARK),
    Column::right("up", 10),
    Column::right("down", 10),
    Column::right("up", 10),
    Column::right("down", 10),
    Column::right("up", 4),
    Column::right("down", 4),
    Column::right("drops", 5),
];

/// Prints whether the lanes work, and the lanes.
pub(super) fn print(screen: &mut Screen<'_>, answer: &mut Answer<'_>) -> Outcome {
    let mut status = Box::<Status>::default();
    answer.object(&mut *status)?;
    health(screen, &status);
    if !status.classes.is_empty() {
        table(screen, &status.classes);
    }
    around(screen, &status);
    Ok(())
}

/// The first line: is it on, and is it proven.
fn health(screen: &mut Screen<'_>, status: &Status) {
    let (up, down) = (&status.up, &status.down);
    let bypassed = is_bypassed(up) || is_bypassed(down);
    let reason = status.reason.as_str();
    let (tone, lead, usual) = match status.state {
        State::On if bypassed => (Tone::Doubtful, "on:", ""),
        State::On => (Tone::Good, "on:", ""),
        State::Off => (Tone::Bad, "off:", "the configuration says so"),
        State::Waiting => (Tone::Doubtful, "waiting:", "something is not there yet"),
        State::Failing => (
            Tone::Bad,
            "failing:",
            "the kernel refuses; it is tried again",
        ),
    };
    if status.state != State::On {
        let why = if reason.is_empty() { usual } else { reason };
        return screen.prose(tone, &lead, &why);
    }
    let proof = match (up.proven_percent, down.proven_percent) {
        (None, None) => "not proven yet (too little traffic to tell)".to_owned(),
        (up, down) => {
            let but = if bypassed { "but bypassed, " } else { "" };
            let (up, down) = (Percent(up), Percent(down));
            format!("{but}proven {up}\u{a0}up, {down}\u{a0}down")
        }
    };
    let shapes = format_args!(
        "{proof}; {}\u{a0}shapes uploads at\u{a0}{}, {}\u{a0}downloads at\u{a0}{}",
        one_word(&up.interface),
        Amount::LineRate(up.line_kbit),
        one_word(&down.interface),
        Amount::LineRate(down.line_kbit),
    );
    screen.prose(tone, &lead, &shapes);
    if !reason.is_empty() {
        screen.prose(tone, &"note:", &reason);
    }
}

/// How much of the line's bytes went through our queues.
struct Percent(Option<u8>);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(percent) => write!(f, "{percent}\u{a0}%"),
            None => f.write_str("not\u{a0}yet"),
        }
    }
}

fn is_bypassed(side: &Side) -> bool {
    side.proven_percent
        .is_some_and(|percent| percent < PROVEN_PERCENT_MIN)
}

/// Interface names have no spaces; a name with one is somebody's trick, and shall stay one word.
fn one_word(name: &str) -> String {
    let letters = name.chars();
    letters
        .map(|letter| if letter == ' ' { '\u{a0}' } else { letter })
        .collect()
}

fn table(screen: &mut Screen<'_>, classes: &[ClassStatus]) {
    let (mut above, mut table) = (ABOVE, TABLE);
    let ([_, above_mark, ..], [_, mark, ..]) = (&mut above, &mut table);
    for class in classes {
        mark.columns = mark.columns.max(class.mark.to_string().len());
    }
    above_mark.columns = mark.columns;
    screen.heading(&above);
    screen.heading(&table);
    for class in classes {
        let (up, down) = (&class.up, &class.down);
        screen.row(
            &table,
            &[
                &class.class,
                &class.mark,
                &Guarantee(up.guarantee_kbit),
                &Guarantee(down.guarantee_kbit),
                &Amount::Rate(up.rate_kbit),
                &Amount::Rate(down.rate_kbit),
                &Amount::Count(u64::from(up.delay_ms)),
                &Amount::Count(u64::from(down.delay_ms)),
                &Amount::Count(u64::from(up.dropped) + u64::from(down.dropped)),
            ],
        );
    }
}

/// A rate in kbit/s that is promised, or a dash.
struct Guarantee(u32);

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("-"),
            kbit => Amount::Rate(kbit).fmt(f),
        }
    }
}

/// What stands around the lanes: the line now, the router, the daemon.
fn around(screen: &mut Screen<'_>, status: &Status) {
    let (up, down) = (&status.up, &status.down);
    let mut line = format!(
        "{} up, {} down",
        Amount::Rate(up.rate_kbit),
        Amount::Rate(down.rate_kbit)
    );
    if !up.leaf.is_empty() || !down.leaf.is_empty() {
        let [up, down] = [&up.leaf, &down.leaf].map(|leaf| match leaf.as_str() {
            "" => "none",
            leaf => leaf,
        });
        // Writing into a growing string does not fail.
        let _ = write!(line, "; queues inside the lanes: {up} up, {down} down");
    }
    screen.prose(Tone::Plain, &"line now:", &line);
    let mut home = Amount::Things(u32::from(status.devices), "device").to_string();
    if status.flows_max > 0 {
        let (flows, max) = (status.flows, status.flows_max);
        let _ = write!(home, ", {flows}\u{a0}of\u{a0}{max} flows");
    }
    screen.prose(Tone::Plain, &"home:", &home);
    let saved = if status.saved {
        "saved"
    } else {
        "not saved yet"
    };
    let daemon = format_args!(
        "version\u{a0}{}, process\u{a0}{}, up {}; configuration {saved}",
        status.version,
        status.pid,
        Amount::Lasting(status.uptime_s)
    );
    screen.prose(Tone::Plain, &"daemon:", &daemon);
}
