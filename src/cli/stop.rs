use std::time::Duration;

use crate::control::{Changed, Request, Verb};

use super::amount::plural;
use super::answer::Answer;
use super::command::{Command, Form};
use super::screen::{Screen, Tone};
use super::trouble::Trouble;

/// Lets the daemon take everything of ours out of the kernel, and end.
pub(super) fn stop(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
) -> Result<(), Trouble> {
    let mut answer = Answer::to(&Request::plain(Verb::Stop), None, command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let changed: Changed = answer.object()?;
    let mut text = "lanemark has stopped; nothing of it is left in the kernel".to_owned();
    if changed.flows_marked > 0 {
        text += &format!(
            "; the mark of {} was taken away",
            plural(changed.flows_marked, "live flow")
        );
    }
    screen.prose(Tone::Plain, "", &text)?;
    if !changed.remark.is_empty() {
        screen.prose(Tone::Doubtful, "note:", &changed.remark)?;
    }
    Ok(())
}

/// Says what was found in the kernel where no daemon ran.
pub(super) fn cleared(screen: &mut Screen<'_>, form: Form, something: bool) -> Result<(), Trouble> {
    match (form, something) {
        (Form::Json, something) => {
            screen.text(&format!("{{\"running\":false,\"removed\":{something}}}\n"))?
        }
        (Form::Table, false) => {
            screen.prose(
                Tone::Plain,
                "",
                "lanemark was not running; nothing of it was in the kernel",
            )?;
        }
        (Form::Table, true) => {
            screen.prose(
                Tone::Plain,
                "",
                "lanemark was not running; removed what it had left",
            )?;
        }
    }
    Ok(())
}
