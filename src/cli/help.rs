use std::io;

use super::command::Form;
use super::screen::Screen;
use super::verbs::{HELP, JSON, OPTIONS, Opt, SOCKET, VERBS, VERSION, Verb};

/// Where the explanation of a verb, operand or option starts.
const EXPLANATION: usize = 22;

/// Help on the one verb, on the verbs of a group, or on everything.
pub(super) fn show(screen: &mut Screen<'_>, topic: &[&str]) -> io::Result<()> {
    let name = topic.join(" ");
    if let Some(verb) = VERBS.into_iter().find(|verb| verb.name == name) {
        return screen.text(&of_verb(verb));
    }
    let mut text = String::new();
    if name.is_empty() {
        text += "lanemark: every device in its lane, and proof that it works\n\n";
    }
    text += "usage: lanemark [--socket PATH] [--json] VERB ...\n\n";
    for verb in VERBS
        .into_iter()
        .filter(|verb| verb.name.starts_with(&name))
    {
        let operands: String = verb
            .operands
            .iter()
            .map(|operand| format!(" {}", operand.name))
            .collect();
        text += &entry(&format!("{}{operands}", verb.name), verb.summary);
    }
    text += "\n";
    for option in [&SOCKET, &JSON, &HELP, &VERSION] {
        text += &of_option(option);
    }
    text += "\n'lanemark VERB --help' tells more about a verb.\n";
    text += "exit codes: 0 done, 1 refused by the system, 2 wrong usage or input,\n";
    text += "            3 the daemon is not running\n";
    screen.text(&text)
}

/// The program's name and version.
pub(super) fn version(screen: &mut Screen<'_>, form: Form) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    screen.text(&match form {
        Form::Table => format!("lanemark {version}\n"),
        Form::Json => format!("{{\"version\":\"{version}\"}}\n"),
    })
}

fn of_verb(verb: &Verb) -> String {
    let operands: String = verb
        .operands
        .iter()
        .map(|operand| format!(" {}", operand.name))
        .collect();
    let mut usage = format!("usage: lanemark {}{operands}", verb.name);
    for option in verb.options {
        usage += &format!(" [{}]", with_value(option));
    }
    let operands: String = verb
        .operands
        .iter()
        .map(|operand| entry(operand.name, operand.help))
        .collect();
    // In the order of the table, so that all helps look alike.
    let own = |option: &&&Opt| {
        verb.options.iter().any(|own| own.name == option.name) || option.name == HELP.name
    };
    let options: String = OPTIONS
        .iter()
        .filter(own)
        .map(|option| of_option(option))
        .collect();
    format!(
        "{usage}\n\n{}.\n\n{}\n{operands}{options}",
        capital(verb.summary),
        verb.about
    )
}

fn of_option(option: &Opt) -> String {
    let letter = option
        .letter
        .map(|letter| format!("-{letter}, "))
        .unwrap_or_default();
    entry(&format!("{letter}{}", with_value(option)), option.help)
}

fn with_value(option: &Opt) -> String {
    match option.value {
        Some((value, _)) => format!("{} {value}", option.name),
        None => option.name.to_owned(),
    }
}

fn entry(name: &str, help: &str) -> String {
    let indented = help.replace('\n', &format!("\n{:EXPLANATION$}", ""));
    format!("  {name:width$}{indented}\n", width = EXPLANATION - 2)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}
