use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::config::NAME_BYTES_MAX;
use crate::control;
use crate::value::{Class, Dialect, decimal, utf8};

use super::SOCKET_DEFAULT;
use super::trouble::{Outcome, Trouble};
use super::usage::{Choice, Found, usage};
use super::verbs::{CLASS, HELP, Meaning, OPTIONS, Opt, VERBS, Verb};

/// What was asked for, in which form, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Where the daemon listens.
    pub socket: &'a Path,
    /// How the answer shall look.
    pub form: Form,
    /// What to do.
    pub task: Task,
    /// The device that it is about, or that flows shall be of; or the number of a configuration.
    pub device: Option<&'a str>,
    /// The class that a device gets, or that flows shall be of.
    pub class: Option<Class>,
    /// The configuration that it is about.
    pub source: Source<'a>,
    /// Where the daemon's configuration is, if that was said.
    pub dir: Option<&'a Path>,
    /// Whether the daemon logs decisions too.
    pub verbose: bool,
    /// Whether there shall be no password any more.
    pub reset: bool,
    /// In which dialect the daemon makes rules, if that was said.
    pub rules: Option<Dialect>,
}

/// How an answer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Table,
    /// For programs: the line of the daemon.
    Json,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Help on the verbs that start with these words; on the program for none.
    Help(&'static str),
    /// The program's version.
    Version,
    /// Be the daemon.
    Run,
    /// Read a configuration.
    Check,
    /// Ask the daemon, and print its answer.
    Ask(control::Verb),
}

/// Where a configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// This file.
    File(&'a Path),
    /// Standard input.
    StandardInput,
}

impl<'a> Command<'a> {
    /// Reads the words behind the program's name; `socket` is what the environment says about it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(words: &'a [OsString], socket: Option<&'a OsStr>) -> Outcome<Command<'a>> {
        let said = Said::sort(words)?;
        let mut command = Command {
            socket: Path::new(socket.unwrap_or(OsStr::new(SOCKET_DEFAULT))),
            form: Form::Table,
            task: Task::Help(""),
            device: None,
            class: None,
            source: Source::StandardInput,
            dir: None,
            verbose: false,
            reset: false,
            rules: None,
        };
        for (option, value) in &said.options {
            let value = value.unwrap_or_default();
            match option.meaning {
                Meaning::Socket => command.socket = Path::new(value),
                Meaning::Dir => command.dir = Some(Path::new(value)),
                Meaning::Json => command.form = Form::Json,
                Meaning::Verbose => command.verbose = true,
                Meaning::Reset => command.reset = true,
                _ => {}
            }
        }
        command.task = if said.has(Meaning::Help) {
            Task::Help(said.topic()?)
        } else if said.has(Meaning::Version) {
            Task::Version
        } else {
            let Some(verb) = said.verb else {
                return Err(said.no_verb());
            };
            command.take(verb, &said)?;
            verb.task
        };
        Ok(command)
    }

    /// Takes the operands, and the options that are about devices and classes.
    fn take(&mut self, verb: &'static Verb, said: &Said<'a>) -> Outcome {
        for (option, _) in &said.options {
            if !verb.has(option.meaning) {
                let mut own = Choice::default();
                for option in verb.options.iter().copied().chain([&HELP]) {
                    own.add(option.name);
                }
                return Err(usage(verb.name, &own, Found::Own(option.name)));
            }
        }
        let operands = said.operands();
        if let Some(word) = operands.get(verb.operands.len()) {
            return Err(usage(verb.name, &"nothing more", Found::Word(word)));
        }
        let missing = verb.operands.get(operands.len());
        if let Some(missing) = missing.filter(|missing| !missing.name.starts_with('[')) {
            let what = format_args!("{} ({})", missing.name, missing.help);
            return Err(usage(verb.name, &what, Found::Nothing));
        }
        for (operand, word) in verb.operands.iter().zip(operands) {
            self.mean(operand.meaning, verb.name, word)?;
        }
        for option in verb.options {
            if let Some(word) = said.value(option.meaning) {
                self.mean(option.meaning, option.name, word)?;
            }
        }
        Ok(())
    }

    fn mean(&mut self, meaning: Meaning, place: &'static str, word: &'a OsStr) -> Outcome {
        // What is no UTF-8 is no device, and no class either.
        let text = utf8(word.as_bytes()).unwrap_or_default();
        match meaning {
            // A device's name or address: which it is, is for the daemon to say.
            Meaning::Device => {
                if !(1..=NAME_BYTES_MAX).contains(&text.len()) {
                    let expected = format_args!(
                        "a MAC address, an IP address or a name of 1 to {NAME_BYTES_MAX} bytes of UTF-8"
                    );
                    return Err(usage(place, &expected, Found::Word(word)));
                }
                self.device = Some(text);
            }
            Meaning::Number => {
                if decimal(text).is_none() {
                    return Err(usage(place, &"a whole number", Found::Word(word)));
                }
                self.device = Some(text);
            }
            Meaning::Class => {
                let class =
                    Class::parse(text).map_err(|_| usage(place, &CLASS.help, Found::Word(word)))?;
                self.class = Some(class);
            }
            #[cfg(feature = "xtables")]
            Meaning::Rules if text == "auto" => self.rules = None,
            #[cfg(feature = "xtables")]
            Meaning::Rules => {
                let mut all = Dialect::ALL.into_iter();
                self.rules = all.find(|dialect| dialect.name() == text);
                if self.rules.is_none() {
                    let expected = "auto, nftables or xtables";
                    return Err(usage(place, &expected, Found::Word(word)));
                }
            }
            Meaning::File if word == "-" => self.source = Source::StandardInput,
            Meaning::File => self.source = Source::File(Path::new(word)),
            _ => {}
        }
        Ok(())
    }
}

/// What was typed, sorted into options and the rest.
struct Said<'a> {
    /// The verb's words and its operands.
    rest: Vec<&'a OsStr>,
    options: Vec<(&'static Opt, Option<&'a OsStr>)>,
    /// Words of `rest` that are the verb.
    verb_words: usize,
    verb: Option<&'static Verb>,
}

impl<'a> Said<'a> {
    fn sort(words: &'a [OsString]) -> Outcome<Said<'a>> {
        let mut said = Said {
            rest: Vec::new(),
            options: Vec::new(),
            verb_words: 0,
            verb: None,
        };
        let mut words = words.iter().map(OsString::as_os_str);
        let mut only_operands = false;
        while let Some(word) = words.next() {
            let bytes = word.as_bytes();
            // A lone `-` is standard input.
            if only_operands || bytes == b"-" || !bytes.starts_with(b"-") {
                said.rest.push(word);
                continue;
            }
            if bytes == b"--" {
                only_operands = true;
                continue;
            }
            let (option, joined) = option(bytes)?;
            let value = match (option.value, joined) {
                (None, None) => None,
                (None, Some(found)) => {
                    return Err(usage(option.name, &"no value", Found::Word(found)));
                }
                (Some((_, what)), joined) => {
                    let value = joined
                        .or_else(|| words.next())
                        .filter(|value| !value.is_empty());
                    // A path that starts so can still be said with `=`.
                    let is_option = |value: &&OsStr| value.as_bytes().starts_with(b"--");
                    if value.is_none()
                        || (joined.is_none() && value.as_ref().is_some_and(is_option))
                    {
                        return Err(usage(option.name, &what, Found::maybe(value)));
                    }
                    if said.has(option.meaning) {
                        return Err(usage(option.name, &"once", Found::Own("twice")));
                    }
                    value
                }
            };
            said.options.push((option, value));
        }
        said.find_verb();
        Ok(said)
    }

    /// Whether the option was there.
    fn has(&self, meaning: Meaning) -> bool {
        self.options
            .iter()
            .any(|(option, _)| option.meaning == meaning)
    }

    /// The option's value, if it was there.
    fn value(&self, meaning: Meaning) -> Option<&'a OsStr> {
        self.options
            .iter()
            .find(|(option, _)| option.meaning == meaning)
            .and_then(|(_, value)| *value)
    }

    /// The words behind the verb.
    fn operands(&self) -> &[&'a OsStr] {
        self.rest.get(self.verb_words..).unwrap_or_default()
    }

    fn find_verb(&mut self) {
        for verb in &VERBS {
            let (first, second) = verb.words();
            if self.begins(first) && (second.is_empty() || self.word(1) == Some(OsStr::new(second)))
            {
                self.verb = Some(verb);
                self.verb_words = if second.is_empty() { 1 } else { 2 };
            }
        }
    }

    fn word(&self, place: usize) -> Option<&'a OsStr> {
        self.rest.get(place).copied()
    }

    fn begins(&self, first: &str) -> bool {
        self.word(0) == Some(OsStr::new(first))
    }

    /// What help is wanted on. It never fails for what stands behind the verb: whoever asks for it is about to find out.
    fn topic(&self) -> Outcome<&'static str> {
        match (self.verb, self.group()) {
            (Some(verb), _) => Ok(verb.name),
            (None, Some(group)) => Ok(group),
            (None, None) if self.rest.is_empty() => Ok(""),
            (None, None) => Err(self.no_verb()),
        }
    }

    /// The first word, if verbs of two words begin with it.
    fn group(&self) -> Option<&'static str> {
        let mut groups = VERBS.iter().map(Verb::words);
        groups
            .find(|(first, second)| !second.is_empty() && self.begins(first))
            .map(|(first, _)| first)
    }

    fn no_verb(&self) -> Box<Trouble> {
        let group = self.group().unwrap_or_default();
        let mut words = Choice::default();
        for (first, second) in VERBS.iter().map(Verb::words) {
            if group.is_empty() {
                words.add(first);
            } else if first == group {
                words.add(second);
            }
        }
        let found = self.word(usize::from(!group.is_empty()));
        usage(group, &words, Found::maybe(found))
    }
}

/// The option of `--name`, `--name=value` or `-n`, and the value behind `=`.
fn option(word: &[u8]) -> Outcome<(&'static Opt, Option<&OsStr>)> {
    let equals = word.iter().position(|&byte| byte == b'=');
    let (name, value) = word.split_at(equals.unwrap_or(word.len()));
    let value = value
        .split_first()
        .map(|(_, value)| OsStr::from_bytes(value));
    let known = OPTIONS
        .iter()
        .find(|option| option.name.as_bytes() == name || option.letter.as_bytes() == name);
    let Some(option) = known else {
        let mut names = Choice::default();
        OPTIONS.iter().for_each(|option| names.add(option.name));
        return Err(usage("", &names, Found::Word(OsStr::from_bytes(name))));
    };
    Ok((option, value))
}
