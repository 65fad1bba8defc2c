use std::fmt::Write;

use crate::value::Pieces;

use super::command::Form;
use super::screen::Screen;
use super::verbs::{HELP, JSON, OPTIONS, Opt, SOCKET, VERBS, VERSION, Verb};

/// Where the explanation of a verb, operand or option starts.
const EXPLANATION: usize = 22;

/// Help on the one verb, on the verbs of a group, or on everything.
pub(super) fn show(screen: &mut Screen<'_>, topic: &str) {
    if let Some(verb) = VERBS.iter().find(|verb| verb.name == topic) {
        return of_verb(screen, verb);
    }
    if topic.is_empty() {
        screen.text("lanemark: every device in its lane, and proof that it works\n\n");
    }
    screen.text("usage: lanemark [--socket PATH] [--json] VERB ...\n\n");
    for verb in VERBS.iter().filter(|verb| verb.name.starts_with(topic)) {
        entry(screen, &with_operands(verb), verb.summary);
    }
    screen.text("\n");
    for option in [&SOCKET, &JSON, &HELP, &VERSION] {
        of_option(screen, option);
    }
    screen.text(
        "
'lanemark VERB --help' tells more about a verb.
exit codes: 0 done, 1 refused by the system, 2 wrong usage or input,
            3 the daemon is not running
",
    );
}

/// The program's name and version.
pub(super) fn version(screen: &mut Screen<'_>, form: Form) {
    screen.text(match form {
        Form::Table => concat!("lanemark ", env!("CARGO_PKG_VERSION"), "\n"),
        Form::Json => concat!("{\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}\n"),
    });
}

fn of_verb(screen: &mut Screen<'_>, verb: &Verb) {
    let mut usage = format!("usage: lanemark {}", with_operands(verb));
    for option in verb.options {
        usage += " [";
        usage += &with_value(option);
        usage += "]";
    }
    let (first, rest) = verb.summary.split_at_checked(1).unwrap_or_default();
    let first = first.to_ascii_uppercase();
    // What waits takes whatever is written to it.
    let _ = write!(screen, "{usage}\n\n{first}{rest}.\n\n{}\n", verb.about);
    for operand in verb.operands {
        entry(screen, operand.name, operand.help);
    }
    // In the order of the table, so that all helps look alike.
    for option in OPTIONS {
        if verb.has(option.meaning) || option.name == HELP.name {
            of_option(screen, option);
        }
    }
}

fn of_option(screen: &mut Screen<'_>, option: &Opt) {
    let comma = if option.letter.is_empty() { "" } else { ", " };
    let name = format!("{}{comma}{}", option.letter, with_value(option));
    entry(screen, &name, option.help);
}

fn with_value(option: &Opt) -> String {
    let mut text = option.name.to_owned();
    if let Some((value, _)) = option.value {
        text += " ";
        text += value;
    }
    text
}

fn with_operands(verb: &Verb) -> String {
    let mut text = verb.name.to_owned();
    for operand in verb.operands {
        text += " ";
        text += operand.name;
    }
    text
}

fn entry(screen: &mut Screen<'_>, name: &str, help: &str) {
    // What waits takes whatever is written to it.
    let _ = write!(screen, "  {name:width$}", width = EXPLANATION - 2);
    for (index, line) in Pieces::of(help, b'\n').enumerate() {
        let indent = if index == 0 { 0 } else { EXPLANATION };
        let _ = writeln!(screen, "{:indent$}{line}", "");
    }
}
