use std::time::Duration;

use crate::config::{CONFIG_BYTES_MAX, Config, parse, write, write_compact};
use crate::control::{BadAnswer, Changed, ELEMENT_BYTES_MAX, Failure, Request, Verb};
use crate::sys::client::read_file;

use super::answer::Answer;
use super::command::{Command, Form, Source};
use super::screen::{Screen, Tone, clean};
use super::set::tell;
use super::trouble::Trouble;

/// Prints the configuration in force, in the form in which people edit it.
pub(super) fn show(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
) -> Result<(), Trouble> {
    let mut answer = Answer::to(&Request::plain(Verb::ConfigShow), None, command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let line = answer.line()?;
    let config = parse(&line).map_err(|_| Trouble::Answer(BadAnswer::Form))?;
    let mut text = String::new();
    // Writing into a growing string does not fail.
    let _ = write(&config, &mut text);
    // It is JSON and stays JSON: it can be sent to a file and applied again.
    Ok(screen.json(text.as_bytes(), &mut Vec::new())?)
}

/// Says whether a file is a configuration. Needs no daemon.
pub(super) fn check(screen: &mut Screen<'_>, form: Form, source: &Source) -> Result<(), Trouble> {
    let outcome = read(source).map(drop);
    match (form, &outcome) {
        (Form::Table, Ok(())) => screen.prose(Tone::Good, &format!("{}:", name(source)), "ok")?,
        (Form::Table, Err(_)) => {}
        (Form::Json, Ok(())) => screen.text("{\"ok\":true}\n")?,
        // In the form in which the daemon says that something makes no sense.
        (Form::Json, Err(trouble)) => {
            let failure = Failure::input(format_args!("{trouble}"));
            let mut json = [0; ELEMENT_BYTES_MAX];
            let len = serde_json_core::to_slice(&failure, &mut json).unwrap_or(0);
            let json = str::from_utf8(json.get(..len).unwrap_or_default()).unwrap_or("{}");
            screen.json(
                format!("{{\"error\":{json}}}\n").as_bytes(),
                &mut Vec::new(),
            )?;
        }
    }
    outcome
}

/// Puts a configuration in force. It is read here first, since only here its lines have their numbers.
pub(super) fn apply(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
    source: &Source,
) -> Result<(), Trouble> {
    let config = read(source)?;
    let mut line = String::new();
    // Writing into a growing string does not fail.
    let _ = write_compact(&config, &mut line);
    let request = Request::plain(Verb::ConfigApply);
    let mut answer = Answer::to(&request, Some(line.as_bytes()), command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let changed: Changed = answer.object()?;
    tell(screen, &format!("{} is in force", name(source)), &changed)
}

fn read(source: &Source) -> Result<Config, Trouble> {
    let path = match source {
        Source::File(path) => Some(path.as_path()),
        Source::StandardInput => None,
    };
    let text = read_file(path, CONFIG_BYTES_MAX).map_err(|bad| Trouble::File {
        name: name(source),
        bad,
    })?;
    parse(&text).map_err(|problem| Trouble::Config {
        name: name(source),
        problem: Box::new(problem),
    })
}

fn name(source: &Source) -> String {
    match source {
        Source::File(path) => clean(&path.to_string_lossy()),
        Source::StandardInput => "standard input".to_owned(),
    }
}
