use core::fmt;

use crate::control::Changed;
use crate::value::Class;

use super::amount::Amount;
use super::screen::{Screen, Tone};

/// Tells what a device's class is now.
pub(super) fn print(screen: &mut Screen<'_>, changed: &Changed, class: Option<Class>) {
    let who = match changed.name.as_str() {
        "" => changed.mac.to_string(),
        name => format!("{name} ({})", changed.mac),
    };
    let (verb, class) = class.map_or(("has", "no class now"), |class| ("is", class.name()));
    tell(screen, &format_args!("{who} {verb} {class}"), changed);
}

/// What changed, in one sentence.
pub(super) fn tell(screen: &mut Screen<'_>, what: &dyn fmt::Display, changed: &Changed) {
    let saved = if changed.saved { "" } else { "; not saved yet" };
    let flows = Amount::Things(changed.flows_marked, "live flow");
    let sentence = format_args!("{what}; {flows} re-marked{saved}");
    screen.prose(Tone::Plain, &"", &sentence);
}
