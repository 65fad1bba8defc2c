use core::fmt;

use crate::control::Changed;
use crate::value::Class;

use super::amount::Amount;
use super::answer::Answer;
use super::screen::{Screen, Tone};
use super::trouble::Trouble;

/// Tells what a device's class is now.
pub(super) fn print(
    screen: &mut Screen<'_>,
    answer: &mut Answer<'_>,
    class: Option<Class>,
) -> Result<(), Box<Trouble>> {
    let mut changed = Changed::default();
    answer.object(&mut changed)?;
    let who = match changed.name.as_str() {
        "" => changed.mac.to_string(),
        name => format!("{name} ({})", changed.mac),
    };
    let (verb, class) = class.map_or(("has", "no class now"), |class| ("is", class.name()));
    tell(screen, &format_args!("{who} {verb} {class}"), &changed);
    Ok(())
}

/// What changed, in one sentence, and the daemon's remark.
pub(super) fn tell(screen: &mut Screen<'_>, what: &dyn fmt::Display, changed: &Changed) {
    let saved = if changed.saved { "" } else { "; not saved yet" };
    let flows = Amount::Things(changed.flows_marked, "live flow");
    screen.prose(
        Tone::Plain,
        &"",
        &format_args!("{what}; {flows} re-marked{saved}"),
    );
    remark(screen, changed);
}

/// The daemon's remark, if it has one.
pub(super) fn remark(screen: &mut Screen<'_>, changed: &Changed) {
    if !changed.remark.is_empty() {
        screen.prose(Tone::Doubtful, &"note:", &changed.remark);
    }
}
