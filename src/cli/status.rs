use std::time::Duration;

use crate::control::{ClassStatus, Request, Side, State, Status, Verb};

use super::amount::{count, lasting, line_rate, plural, rate};
use super::answer::Answer;
use super::command::Command;
use super::screen::{Row, Screen, Tone};
use super::trouble::Trouble;

/// Below so many percent the line is not ours alone: something bypasses the queues. Chosen: the counters of two devices are not read
/// in the same instant, and a few percent are that.
const PROVEN_PERCENT_MIN: u8 = 90;

/// Prints whether the lanes work, and the lanes.
pub(super) fn show(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
) -> Result<(), Trouble> {
    let mut answer = Answer::to(&Request::plain(Verb::Status), None, command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let status: Status = answer.object()?;
    health(screen, &status)?;
    if !status.classes.is_empty() {
        table(screen, &status.classes)?;
    }
    around(screen, &status)
}

/// The first line: is it on, and is it proven.
fn health(screen: &mut Screen<'_>, status: &Status) -> Result<(), Trouble> {
    let or = |usual: &'static str| {
        if status.reason.is_empty() {
            usual
        } else {
            status.reason.as_str()
        }
    };
    match status.state {
        State::On => {
            let tone = if is_bypassed(&status.up) || is_bypassed(&status.down) {
                Tone::Doubtful
            } else {
                Tone::Good
            };
            let (up, down) = (&status.up, &status.down);
            let text = format!(
                "{}; {}\u{a0}shapes uploads at\u{a0}{}, {}\u{a0}downloads at\u{a0}{}",
                proof(up, down),
                one_word(&up.interface),
                line_rate(up.line_kbit),
                one_word(&down.interface),
                line_rate(down.line_kbit),
            );
            screen.prose(tone, "on:", &text)?;
            if !status.reason.is_empty() {
                screen.prose(tone, "note:", &status.reason)?;
            }
        }
        State::Off => screen.prose(Tone::Bad, "off:", or("the configuration says so"))?,
        State::Waiting => {
            screen.prose(Tone::Doubtful, "waiting:", or("something is not there yet"))?
        }
        State::Failing => screen.prose(
            Tone::Bad,
            "failing:",
            or("the kernel refuses; it is tried again"),
        )?,
    }
    Ok(())
}

fn proof(up: &Side, down: &Side) -> String {
    let percent = |side: &Side, way| match side.proven_percent {
        Some(percent) => format!("{percent}\u{a0}%\u{a0}{way}"),
        None => format!("not\u{a0}yet\u{a0}{way}"),
    };
    if up.proven_percent.is_none() && down.proven_percent.is_none() {
        return "not proven yet (too little traffic to tell)".to_owned();
    }
    let bypassed = if is_bypassed(up) || is_bypassed(down) {
        "but bypassed, "
    } else {
        ""
    };
    format!(
        "{bypassed}proven {}, {}",
        percent(up, "up"),
        percent(down, "down")
    )
}

fn is_bypassed(side: &Side) -> bool {
    side.proven_percent
        .is_some_and(|percent| percent < PROVEN_PERCENT_MIN)
}

/// Interface names have no spaces; a name with one is somebody's trick, and shall stay one word.
fn one_word(name: &str) -> String {
    name.replace(' ', "\u{a0}")
}

/// Columns: 8 for the class, at least 4 for the mark, 10 a rate, 4 a delay, 5 for drops; 79 with the widest mark.
fn table(screen: &mut Screen<'_>, classes: &[ClassStatus]) -> Result<(), Trouble> {
    let mark_columns = classes
        .iter()
        .map(|class| class.mark.to_string().len())
        .fold(4, usize::max);
    let heading = |class, mark| {
        Row::new(Tone::Heading)
            .left(class, 8)
            .right(mark, mark_columns)
    };
    screen.row(
        &heading(" ", " ")
            .right("guarantee", 21)
            .right("rate", 21)
            .right("queued ms", 9),
    )?;
    let mut row = heading("class", "mark");
    for _ in 0..2 {
        row = row.right("up", 10).right("down", 10);
    }
    screen.row(&row.right("up", 4).right("down", 4).right("drops", 5))?;
    for class in classes {
        let (up, down) = (&class.up, &class.down);
        let guarantee = |kbit| {
            if kbit == 0 {
                "-".to_owned()
            } else {
                rate(kbit)
            }
        };
        let row = Row::new(Tone::Plain)
            .left(&class.class, 8)
            .right(&class.mark.to_string(), mark_columns)
            .right(&guarantee(up.guarantee_kbit), 10)
            .right(&guarantee(down.guarantee_kbit), 10)
            .right(&rate(up.rate_kbit), 10)
            .right(&rate(down.rate_kbit), 10)
            .right(&count(u64::from(up.delay_ms)), 4)
            .right(&count(u64::from(down.delay_ms)), 4)
            .right(&count(u64::from(up.dropped) + u64::from(down.dropped)), 5);
        screen.row(&row)?;
    }
    Ok(())
}

/// What stands around the lanes: the line now, the router, the daemon.
fn around(screen: &mut Screen<'_>, status: &Status) -> Result<(), Trouble> {
    let mut line = format!(
        "{} up, {} down",
        rate(status.up.rate_kbit),
        rate(status.down.rate_kbit)
    );
    let leaves = [status.up.leaf.as_str(), status.down.leaf.as_str()];
    if leaves.iter().any(|leaf| !leaf.is_empty()) {
        let [up, down] = leaves.map(|leaf| if leaf.is_empty() { "none" } else { leaf });
        line += &format!("; queues inside the lanes: {up} up, {down} down");
    }
    screen.prose(Tone::Plain, "line now:", &line)?;
    let flows = match status.flows_max {
        0 => String::new(),
        max => format!(", {}\u{a0}of\u{a0}{max} flows", status.flows),
    };
    let devices = plural(u32::from(status.devices), "device");
    screen.prose(Tone::Plain, "home:", &format!("{devices}{flows}"))?;
    let saved = if status.saved {
        "saved"
    } else {
        "not saved yet"
    };
    let daemon = format!(
        "version\u{a0}{}, process\u{a0}{}, up {}; configuration {saved}",
        status.version,
        status.pid,
        lasting(status.uptime_s)
    );
    screen.prose(Tone::Plain, "daemon:", &daemon)?;
    Ok(())
}
