//! The table of verbs and options: each has its one definition here, with its name, its help and its meaning.
//!
//! Help, usage errors and the parser are made from it.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::config::NAME_BYTES_MAX;
use crate::value::Class;

use super::command::{Said, Source, Task};
use super::usage::Usage;

/// A word behind a verb.
pub(super) struct Operand {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
}

/// A word that starts with `--`.
pub(super) struct Opt {
    pub(super) name: &'static str,
    /// One letter for it, or none.
    pub(super) letter: Option<char>,
    /// What its value is called and what it is; `None` for an option without a value.
    pub(super) value: Option<(&'static str, &'static str)>,
    pub(super) help: &'static str,
}

/// What the user wants.
pub(super) struct Verb {
    /// One word or two.
    pub(super) name: &'static str,
    pub(super) operands: &'static [&'static Operand],
    pub(super) options: &'static [&'static Opt],
    /// A line of the list of verbs.
    pub(super) summary: &'static str,
    /// Lines of at most 80 columns, each with its line break.
    pub(super) about: &'static str,
    /// The task of what was said; it only looks at words.
    pub(super) task: fn(&Said<'_>) -> Result<Task, Usage>,
}

const DEVICE: Operand = Operand {
    name: "D",
    help: "the device: its MAC address, an IP address, or its name",
};

const CLASS: Operand = Operand {
    name: "CLASS",
    help: "exempt, premium, express, standard or bulk",
};

const FILE: Operand = Operand {
    name: "F",
    help: "the file; - is standard input",
};

/// Where the daemon listens.
pub(super) const SOCKET: Opt = Opt {
    name: "--socket",
    letter: None,
    value: Some(("PATH", "a path")),
    help: "the daemon's socket (else $LANEMARK_SOCKET,\nelse /var/run/lanemark.sock)",
};

/// JSON instead of tables.
pub(super) const JSON: Opt = Opt {
    name: "--json",
    letter: None,
    value: None,
    help: "print the answer as one line of JSON, as it came",
};

const DIR: Opt = Opt {
    name: "--dir",
    letter: None,
    value: Some(("DIR", "a path")),
    help: "where config.json is (else /etc/lanemark; or\n/jffs/etc/lanemark where only /jffs/etc exists)",
};

const VERBOSE: Opt = Opt {
    name: "--verbose",
    letter: None,
    value: None,
    help: "log each decision too",
};

const ONLY_DEVICE: Opt = Opt {
    name: "--device",
    letter: None,
    value: Some(("D", "a device")),
    help: "only flows of this device: MAC, IP or name",
};

const ONLY_CLASS: Opt = Opt {
    name: "--class",
    letter: None,
    value: Some(("C", "a class")),
    help: "only flows of this class: exempt, premium,\nexpress, standard or bulk",
};

/// Help on the program or the verb.
pub(super) const HELP: Opt = Opt {
    name: "--help",
    letter: Some('h'),
    value: None,
    help: "print this",
};

/// The program's version.
pub(super) const VERSION: Opt = Opt {
    name: "--version",
    letter: Some('V'),
    value: None,
    help: "print the version of this program",
};

/// Every option.
pub(super) const OPTIONS: [&Opt; 8] = [
    &SOCKET,
    &JSON,
    &DIR,
    &VERBOSE,
    &ONLY_DEVICE,
    &ONLY_CLASS,
    &HELP,
    &VERSION,
];

/// Every verb, in the order of the list.
pub(super) const VERBS: [&Verb; 11] = [
    &RUN,
    &STATUS,
    &DEVICES,
    &FLOWS,
    &SET,
    &UNSET,
    &CONFIG_SHOW,
    &CONFIG_CHECK,
    &CONFIG_APPLY,
    &DOCTOR,
    &STOP,
];

const RUN: Verb = Verb {
    name: "run",
    operands: &[],
    options: &[&DIR, &SOCKET, &VERBOSE],
    summary: "be the daemon, in the foreground",
    about: "\
The init script keeps it running. It takes over what it finds of its own in the
kernel, so a restart changes nothing for the traffic; and so does its end: only
'lanemark stop' takes the lanes away. Root is needed.
",
    task: |said| {
        let dir = said.value(&DIR).map(PathBuf::from);
        Ok(Task::Run {
            dir,
            verbose: said.has(&VERBOSE),
        })
    },
};

const STATUS: Verb = Verb {
    name: "status",
    operands: &[],
    options: &[&SOCKET, &JSON],
    summary: "is it on, is it proven to shape, rates and queues",
    about: "\
The first line says whether the lanes work. 'proven 99 % down' means: of all
bytes that the line carried downwards, 99 % went through our queues.
The table has a line for each lane: its conntrack mark, what it is promised,
what passes now, how many milliseconds a packet waits, and packets dropped.
",
    task: |_| Ok(Task::Status),
};

const DEVICES: Verb = Verb {
    name: "devices",
    operands: &[],
    options: &[&SOCKET, &JSON],
    summary: "every device: name, addresses, class, flows, rates",
    about: "\
'up' and 'down' are bits a second, with k and M for thousands and millions;
'-' where the kernel does not count. 'seen' is how long ago the kernel last had
word from the device. Addresses that do not fit stand on the lines below.
",
    task: |_| Ok(Task::Devices),
};

const FLOWS: Verb = Verb {
    name: "flows",
    operands: &[],
    options: &[&ONLY_DEVICE, &ONLY_CLASS, &SOCKET, &JSON],
    summary: "every flow: device, class, mark, bytes, who with whom",
    about: "\
Each line is a flow of the kernel's conntrack table. 'mark' is its whole mark,
as in /proc/net/nf_conntrack; 'bytes' are those of both ways.
",
    task: |said| {
        let device = said
            .value(&ONLY_DEVICE)
            .map(|word| device(ONLY_DEVICE.name, word))
            .transpose()?;
        let class = said
            .value(&ONLY_CLASS)
            .map(|word| class(ONLY_CLASS.name, word))
            .transpose()?;
        Ok(Task::Flows { device, class })
    },
};

const SET: Verb = Verb {
    name: "set",
    operands: &[&DEVICE, &CLASS],
    options: &[&SOCKET, &JSON],
    summary: "give a device a class; its live flows too",
    about: "\
The class is in force, and the device's open connections are re-marked, before
this returns. It is saved to flash a little later; 'lanemark status' tells.
",
    task: |said| match said.operands() {
        [who, what, ..] => Ok(Task::Set {
            device: device("set", who)?,
            class: class("set", what)?,
        }),
        operands => Err(said.missing(operands.len())),
    },
};

const UNSET: Verb = Verb {
    name: "unset",
    operands: &[&DEVICE],
    options: &[&SOCKET, &JSON],
    summary: "take the class of a device away",
    about: "\
The device goes back to the default class, its open connections too.
",
    task: |said| match said.operands() {
        [who, ..] => Ok(Task::Unset {
            device: device("unset", who)?,
        }),
        operands => Err(said.missing(operands.len())),
    },
};

const CONFIG_SHOW: Verb = Verb {
    name: "config show",
    operands: &[],
    options: &[&SOCKET, &JSON],
    summary: "print the configuration in force",
    about: "\
What it prints can be edited and given to 'lanemark config apply'.
",
    task: |_| Ok(Task::ConfigShow),
};

const CONFIG_CHECK: Verb = Verb {
    name: "config check",
    operands: &[&FILE],
    options: &[&JSON, &SOCKET],
    summary: "read a configuration and say what is wrong with it",
    about: "\
Needs no daemon and changes nothing. Exit code 0 when it is good, else 2.
",
    task: |said| match said.operands() {
        [file, ..] => Ok(Task::ConfigCheck(source(file))),
        operands => Err(said.missing(operands.len())),
    },
};

const CONFIG_APPLY: Verb = Verb {
    name: "config apply",
    operands: &[&FILE],
    options: &[&SOCKET, &JSON],
    summary: "put a configuration in force",
    about: "\
It is checked first. When the kernel refuses it, the old one stays in force.
",
    task: |said| match said.operands() {
        [file, ..] => Ok(Task::ConfigApply(source(file))),
        operands => Err(said.missing(operands.len())),
    },
};

const DOCTOR: Verb = Verb {
    name: "doctor",
    operands: &[],
    options: &[&SOCKET, &JSON],
    summary: "what this kernel can do, and what bypasses the queues",
    about: "\
A line for each thing that was looked at: ok, or !! with what to do about it.
",
    task: |_| Ok(Task::Doctor),
};

const STOP: Verb = Verb {
    name: "stop",
    operands: &[],
    options: &[&SOCKET, &JSON],
    summary: "take everything of ours out of the kernel",
    about: "\
The daemon does it and ends. When none runs, what a dead one left is removed.
",
    task: |_| Ok(Task::Stop),
};

/// A device's name or address: what it means is for the daemon to say.
fn device(place: &'static str, word: &OsStr) -> Result<String, Usage> {
    let wrong = || Usage::NoDevice {
        place,
        found: word.to_owned(),
    };
    let text = word.to_str().ok_or_else(wrong)?;
    let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(wrong())
    }
}

fn class(place: &'static str, word: &OsStr) -> Result<Class, Usage> {
    let wrong = |why| Usage::NoClass {
        place,
        why,
        found: word.to_owned(),
    };
    // What is no UTF-8 is no class either.
    Class::parse(word.to_str().unwrap_or_default()).map_err(wrong)
}

fn source(word: &OsStr) -> Source {
    if word == "-" {
        Source::StandardInput
    } else {
        Source::File(PathBuf::from(word))
    }
}
