//! The configurations that were in force, and what is different in the one that is.

use crate::control::{VERSIONS_MAX, Version};
use crate::sys::clock;
use crate::value::Pieces;

use super::amount::Amount;
use super::answer::Answer;
use super::command::Form;
use super::config::pretty;
use super::screen::{Column, Screen, Tone, clean};
use super::trouble::Outcome;

const TABLE: [Column; 4] = [
    Column::right("number", 6),
    Column::right("stored", 6),
    Column::right("bytes", 6),
    Column::left("", 8),
];

/// Prints what is kept, a line each.
pub(super) fn print(screen: &mut Screen<'_>, answer: &mut Answer<'_>) -> Outcome {
    let mut version = Version::default();
    let mut count = 0;
    screen.heading(&TABLE);
    while answer.element(&mut version)? {
        let ago = version
            .time
            .map(|time| clock::unix_s().saturating_sub(time));
        let state = if version.current { "in force" } else { "" };
        screen.row(
            &TABLE,
            &[
                &version.number,
                &Amount::Ago(ago),
                &Amount::Bytes(version.bytes.into()),
                &state,
            ],
        );
        count += 1;
        if count == VERSIONS_MAX {
            // The daemon never has more.
            break;
        }
    }
    Ok(())
}

/// Prints what the one in force has that the other has not, and the reverse.
pub(super) fn diff(
    screen: &mut Screen<'_>,
    form: Form,
    before: &mut Answer<'_>,
    after: &mut Answer<'_>,
) -> Outcome {
    let (before, after) = (before.line()?, after.line()?);
    if form == Form::Json {
        for (lead, line) in [("{\"before\":", &before), (",\"after\":", &after)] {
            screen.text(lead);
            screen.json(line.strip_suffix(b"\n").unwrap_or(line));
        }
        screen.text("}\n");
        return Ok(());
    }
    let (before, after) = (pretty(&before)?, pretty(&after)?);
    if before == after {
        screen.prose(Tone::Plain, &"", &"no difference");
        return Ok(());
    }
    let lines = |text| Pieces::of(text, b'\n').collect::<Vec<&str>>();
    compare(&lines(&before), &lines(&after), &mut |sign, line| {
        screen.text(sign);
        screen.text(&clean(&line));
        screen.text("\n");
    });
    Ok(())
}

/// Tells the lines that only one has, in their order. Lines are sought near where they are expected first: a device, a rule or a setting that
/// came or went is one line, and what follows is the same again. It takes no memory, and a text that is all different is told as that.
fn compare(mut before: &[&str], mut after: &[&str], tell: &mut dyn FnMut(&str, &str)) {
    while let (Some((old, before_rest)), Some((new, after_rest))) =
        (before.split_first(), after.split_first())
    {
        if old == new {
            (before, after) = (before_rest, after_rest);
            continue;
        }
        let gone = before_rest.iter().position(|line| line == new);
        let came = after_rest.iter().position(|line| line == old);
        match (gone, came) {
            (Some(gone), came) if came.is_none_or(|came| gone <= came) => {
                tell("- ", old);
                before = before_rest;
            }
            (_, Some(_)) => {
                tell("+ ", new);
                after = after_rest;
            }
            _ => {
                tell("- ", old);
                tell("+ ", new);
                (before, after) = (before_rest, after_rest);
            }
        }
    }
    before.iter().for_each(|line| tell("- ", line));
    after.iter().for_each(|line| tell("+ ", line));
}

#[cfg(test)]
mod tests {
    use super::compare;

    fn told(before: &str, after: &str) -> String {
        let mut told = String::new();
        let (before, after): (Vec<_>, Vec<_>) =
            (before.split(' ').collect(), after.split(' ').collect());
        compare(&before, &after, &mut |sign, line| {
            told += &format!("{}{line} ", sign.trim_end());
        });
        told.trim_end().to_owned()
    }

    #[test]
    fn a_line_that_came_went_or_changed_is_told_alone() {
        for (before, after, expected) in [
            ("a b c", "a b c", ""),
            ("a b c", "a x b c", "+x"),
            ("a b c", "a c", "-b"),
            ("a b c", "a x c", "-b +x"),
            ("a b c d e", "a c d e f", "-b +f"),
            ("a b", "b a", "-a +a"),
            ("a", "b c", "-a +b +c"),
            ("a b c", "d", "-a +d -b -c"),
        ] {
            assert_eq!(told(before, after), expected, "{before} -> {after}");
        }
    }
}
