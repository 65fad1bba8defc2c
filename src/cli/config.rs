use std::fmt;

use crate::config::{CONFIG_BYTES_MAX, Config, parse, write, write_compact};
use crate::control::{self, BadAnswer, Changed, Failure, Refusal};
use crate::sys::client::read_file;
use crate::sys::file::shown;

use super::answer::Answer;
use super::command::{Form, Source};
use super::screen::{Screen, Tone, clean};
use super::set::tell;
use super::trouble::{Exit, Outcome, Trouble};

/// Prints the configuration in force, in the form in which people edit it.
pub(super) fn print(screen: &mut Screen<'_>, answer: &mut Answer<'_>) -> Outcome {
    let text = pretty(&answer.line()?)?;
    // It is JSON and stays JSON: it can be sent to a file and applied again.
    screen.json(text.as_bytes());
    Ok(())
}

/// The form in which people edit what the daemon tells on one line.
pub(super) fn pretty(line: &[u8]) -> Outcome<String> {
    let config = parse(line).map_err(|_| Trouble::answer(BadAnswer::Form))?;
    let mut text = String::new();
    // Writing into a growing string does not fail.
    let _ = write(&config, &mut text);
    Ok(text)
}

/// Says whether a file is a configuration. Needs no daemon.
pub(super) fn check(screen: &mut Screen<'_>, form: Form, source: Source<'_>) -> Outcome {
    let outcome = read(source).map(drop);
    match (form, &outcome) {
        (Form::Table, Ok(())) => screen.prose(Tone::Good, &format_args!("{source}:"), &"ok"),
        (Form::Table, Err(_)) => {}
        (Form::Json, Ok(())) => screen.text("{\"ok\":true}\n"),
        // In the form in which the daemon says that something makes no sense.
        (Form::Json, Err(trouble)) => {
            let mut failure = Failure::input(format_args!("{trouble}"));
            let mut json = Vec::new();
            control::write(&mut Refusal(&mut failure), &mut json);
            json.push(b'\n');
            screen.json(&json);
        }
    }
    outcome
}

/// The configuration as one line. It is read here before it is sent, since only here its lines have their numbers.
pub(super) fn line(source: Source<'_>) -> Outcome<String> {
    let config = read(source)?;
    let mut line = String::new();
    // Writing into a growing string does not fail.
    let _ = write_compact(&config, &mut line);
    Ok(line)
}

/// Tells that a configuration is in force.
pub(super) fn applied(screen: &mut Screen<'_>, what: &dyn fmt::Display, changed: &Changed) {
    tell(screen, &format_args!("{what} is in force"), changed);
}

#[inline(never)]
fn read(source: Source<'_>) -> Outcome<Box<Config>> {
    let path = match source {
        Source::File(path) => Some(path),
        Source::StandardInput => None,
    };
    let text = read_file(path, CONFIG_BYTES_MAX).map_err(|bad| Trouble::file(&source, bad))?;
    parse(&text)
        .map(Box::new)
        .map_err(|problem| Trouble::new(Exit::Input, format_args!("{source}: {problem}")))
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => f.write_str(&clean(&shown(path))),
            Source::StandardInput => f.write_str("standard input"),
        }
    }
}
