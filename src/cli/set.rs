use std::time::Duration;

use crate::control::{Changed, Request, Verb};
use crate::value::Class;

use super::amount::plural;
use super::answer::Answer;
use super::command::Command;
use super::screen::{Screen, Tone};
use super::trouble::Trouble;

/// Gives a device a class, or takes it away, and tells what changed.
pub(super) fn change(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
    (device, class): (&str, Option<Class>),
) -> Result<(), Trouble> {
    let verb = if class.is_some() {
        Verb::Set
    } else {
        Verb::Unset
    };
    let request = Request {
        verb,
        device: Some(device),
        class: class.map(Class::name),
    };
    let mut answer = Answer::to(&request, None, command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let changed: Changed = answer.object()?;
    let who = match changed.name.as_str() {
        "" => changed.mac.to_string(),
        name => format!("{name} ({})", changed.mac),
    };
    match class {
        Some(class) => tell(screen, &format!("{who} is {class}"), &changed),
        None => tell(screen, &format!("{who} has no class now"), &changed),
    }
}

/// What changed, in one sentence, and the daemon's remark.
pub(super) fn tell(screen: &mut Screen<'_>, what: &str, changed: &Changed) -> Result<(), Trouble> {
    let saved = if changed.saved { "" } else { "; not saved yet" };
    let flows = plural(changed.flows_marked, "live flow");
    screen.prose(
        Tone::Plain,
        "",
        &format!("{what}; {flows} re-marked{saved}"),
    )?;
    if !changed.remark.is_empty() {
        screen.prose(Tone::Doubtful, "note:", &changed.remark)?;
    }
    Ok(())
}
