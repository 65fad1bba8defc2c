use crate::control::Changed;

use super::amount::Amount;
use super::command::Form;
use super::screen::{Screen, Tone};

/// Tells that the daemon took everything of ours out of the kernel and ended.
pub(super) fn print(screen: &mut Screen<'_>, changed: &Changed) {
    let mut text = "lanemark has stopped; nothing of it is left in the kernel".to_owned();
    if changed.flows_marked > 0 {
        let flows = Amount::Things(changed.flows_marked, "live flow");
        text += &format!("; the mark of {flows} was taken away");
    }
    screen.prose(Tone::Plain, &"", &text);
}

/// Says what was found in the kernel where no daemon ran.
pub(super) fn cleared(screen: &mut Screen<'_>, form: Form, something: bool) {
    let text = match (form, something) {
        (Form::Json, false) => return screen.text("{\"running\":false,\"removed\":false}\n"),
        (Form::Json, true) => return screen.text("{\"running\":false,\"removed\":true}\n"),
        (Form::Table, false) => "lanemark was not running; nothing of it was in the kernel",
        (Form::Table, true) => "lanemark was not running; removed what it had left",
    };
    screen.prose(Tone::Plain, &"", &text);
}
