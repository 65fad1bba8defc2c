use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::value::Class;

use super::SOCKET_DEFAULT;
use super::usage::Usage;
use super::verbs::{self, OPTIONS, Opt, VERBS, Verb};

/// What was asked for, in which form, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Where the daemon listens.
    pub socket: PathBuf,
    /// How the answer shall look.
    pub form: Form,
    /// What to do.
    pub task: Task,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Help on the verbs that start with these words; on the program for none.
    Help(Vec<&'static str>),
    /// The program's version.
    Version,
    /// Be the daemon.
    Run {
        /// Where the configuration is, if that was said.
        dir: Option<PathBuf>,
        /// Whether to log decisions too.
        verbose: bool,
    },
    /// Is it on and proven.
    Status,
    /// Every device.
    Devices,
    /// Flows.
    Flows {
        /// Of this device only.
        device: Option<String>,
        /// Of this class only.
        class: Option<Class>,
    },
    /// A class for a device.
    Set {
        /// The device.
        device: String,
        /// Its class.
        class: Class,
    },
    /// No class for a device.
    Unset {
        /// The device.
        device: String,
    },
    /// The configuration in force.
    ConfigShow,
    /// Read a configuration.
    ConfigCheck(Source),
    /// Put a configuration in force.
    ConfigApply(Source),
    /// What this kernel can do.
    Doctor,
    /// Nothing of ours in the kernel.
    Stop,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This file.
    File(PathBuf),
    /// Standard input.
    StandardInput,
}

impl Command {
    /// Reads the words behind the program's name; `socket` is what the environment says about it.
    ///
    /// # Errors
    /// [`Usage`]: the first thing that is wrong.
    pub fn parse(words: &[OsString], socket: Option<&OsStr>) -> Result<Command, Usage> {
        let said = Said::sort(words)?;
        let form = if said.has(&verbs::JSON) {
            Form::Json
        } else {
            Form::Table
        };
        let socket = said
            .value(&verbs::SOCKET)
            .or(socket)
            .map_or_else(|| PathBuf::from(SOCKET_DEFAULT), PathBuf::from);
        Ok(Command {
            socket,
            form,
            task: said.task()?,
        })
    }
}

/// What was typed, sorted into options and the rest.
pub(super) struct Said<'a> {
    /// The verb's words and its operands.
    rest: Vec<&'a OsStr>,
    options: Vec<(&'static Opt, Option<&'a OsStr>)>,
    /// Words of `rest` that are the verb.
    verb_words: usize,
    verb: Option<&'static Verb>,
}

impl<'a> Said<'a> {
    fn sort(words: &'a [OsString]) -> Result<Said<'a>, Usage> {
        let mut said = Said {
            rest: Vec::new(),
            options: Vec::new(),
            verb_words: 0,
            verb: None,
        };
        let mut words = words.iter().map(OsString::as_os_str);
        while let Some(word) = words.next() {
            if word == "--" {
                said.rest.extend(words);
                break;
            }
            // A lone `-` is standard input.
            if word == "-" || !word.as_bytes().starts_with(b"-") {
                said.rest.push(word);
                continue;
            }
            let (option, joined) = option(word)?;
            let value = match (option.value, joined) {
                (None, None) => None,
                (None, Some(found)) => {
                    return Err(Usage::Valued {
                        option,
                        found: found.to_owned(),
                    });
                }
                (Some(_), Some(value)) if !value.is_empty() => Some(value),
                (Some(_), Some(_)) => {
                    return Err(Usage::NoValue {
                        option,
                        found: None,
                    });
                }
                (Some(_), None) => match words.next().filter(|value| !value.is_empty()) {
                    // A path that starts so can still be said with `=`.
                    Some(value) if value.as_bytes().starts_with(b"--") => {
                        return Err(Usage::NoValue {
                            option,
                            found: Some(value.to_owned()),
                        });
                    }
                    None => {
                        return Err(Usage::NoValue {
                            option,
                            found: None,
                        });
                    }
                    value => value,
                },
            };
            if value.is_some() && said.value(option).is_some() {
                return Err(Usage::Twice { option });
            }
            said.options.push((option, value));
        }
        said.find_verb();
        Ok(said)
    }

    /// Whether the option was there.
    pub(super) fn has(&self, option: &Opt) -> bool {
        self.options
            .iter()
            .any(|(other, _)| other.name == option.name)
    }

    /// The option's value, if it was there.
    pub(super) fn value(&self, option: &Opt) -> Option<&'a OsStr> {
        self.options
            .iter()
            .find(|(other, _)| other.name == option.name)
            .and_then(|(_, value)| *value)
    }

    /// The words behind the verb.
    pub(super) fn operands(&self) -> &[&'a OsStr] {
        self.rest.get(self.verb_words..).unwrap_or_default()
    }

    /// That the operand with this index is not there.
    pub(super) fn missing(&self, index: usize) -> Usage {
        let operand = self
            .verb
            .and_then(|verb| verb.operands.get(index).map(|operand| (verb, *operand)));
        operand.map_or(Usage::NoVerb, |(verb, operand)| Usage::NoOperand {
            verb,
            operand,
        })
    }

    fn find_verb(&mut self) {
        for verb in VERBS {
            let words = verb.name.split(' ');
            let count = words.clone().count();
            if self
                .rest
                .iter()
                .take(count)
                .copied()
                .eq(words.map(OsStr::new))
            {
                (self.verb, self.verb_words) = (Some(verb), count);
            }
        }
    }

    fn task(&self) -> Result<Task, Usage> {
        if self.has(&verbs::HELP) {
            return self.help();
        }
        if self.has(&verbs::VERSION) {
            return Ok(Task::Version);
        }
        let Some(verb) = self.verb else {
            return Err(self.no_verb());
        };
        for (option, _) in &self.options {
            if !verb.options.iter().any(|own| own.name == option.name) {
                return Err(Usage::ForeignOption { verb, option });
            }
        }
        if let Some(word) = self.operands().get(verb.operands.len()) {
            return Err(Usage::Surplus {
                verb,
                found: (*word).to_owned(),
            });
        }
        (verb.task)(self)
    }

    /// Help never fails for what stands behind the verb: whoever asks for it is about to find out.
    fn help(&self) -> Result<Task, Usage> {
        if let Some(verb) = self.verb {
            return Ok(Task::Help(verb.name.split(' ').collect()));
        }
        let Some(first) = self.rest.first() else {
            return Ok(Task::Help(Vec::new()));
        };
        let group = VERBS
            .iter()
            .filter_map(|verb| verb.name.split_once(' '))
            .find(|(group, _)| OsStr::new(group) == *first);
        group
            .map(|(group, _)| Task::Help(vec![group]))
            .ok_or_else(|| self.no_verb())
    }

    fn no_verb(&self) -> Usage {
        let Some(first) = self.rest.first() else {
            return Usage::NoVerb;
        };
        let group = VERBS
            .iter()
            .filter_map(|verb| verb.name.split_once(' '))
            .find(|(group, _)| OsStr::new(group) == *first);
        match group {
            Some((group, _)) => Usage::NoSecondWord {
                group,
                found: self.rest.get(1).map(|&word| word.to_owned()),
            },
            None => Usage::UnknownVerb {
                found: (*first).to_owned(),
            },
        }
    }
}

/// The option of `--name`, `--name=value` or `-n`, and the value behind `=`.
fn option(word: &OsStr) -> Result<(&'static Opt, Option<&OsStr>), Usage> {
    let bytes = word.as_bytes();
    let equals = bytes
        .iter()
        .position(|&byte| byte == b'=')
        .unwrap_or(bytes.len());
    let (name, value) = bytes.split_at(equals);
    let is_letter = |option: &Opt| matches!((name, option.letter), ([b'-', letter], Some(own)) if char::from(*letter) == own);
    OPTIONS
        .into_iter()
        .find(|option| option.name.as_bytes() == name || is_letter(option))
        .map(|option| {
            (
                option,
                value
                    .split_first()
                    .map(|(_, value)| OsStr::from_bytes(value)),
            )
        })
        .ok_or_else(|| Usage::UnknownOption {
            found: OsStr::from_bytes(name).to_owned(),
        })
}
