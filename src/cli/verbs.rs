//! The table of verbs and options: each has its one definition here, with its name, its help and its meaning.
//!
//! Help, usage errors and the parser are made from it.

use crate::control;
use crate::value::halves;

use super::command::Task;

/// What a word says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Class,
    Device,
    Dir,
    File,
    Help,
    Json,
    Number,
    Reset,
    #[cfg(feature = "xtables")]
    Rules,
    Socket,
    Verbose,
    Version,
}

/// A word behind a verb; one whose name stands in brackets may be left out.
pub(super) struct Operand {
    pub(super) meaning: Meaning,
    pub(super) name: &'static str,
    pub(super) help: &'static str,
}

/// A word that starts with `--`.
pub(super) struct Opt {
    pub(super) meaning: Meaning,
    pub(super) name: &'static str,
    /// One letter for it, as `-h`; empty for none.
    pub(super) letter: &'static str,
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
    pub(super) task: Task,
}

impl Verb {
    /// Its first word, and its second one or nothing.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        halves(self.name, b' ').unwrap_or((self.name, ""))
    }

    /// Whether it has an option of that meaning.
    pub(super) fn has(&self, meaning: Meaning) -> bool {
        self.options.iter().any(|option| option.meaning == meaning)
    }
}

static DEVICE: Operand = Operand {
    meaning: Meaning::Device,
    name: "D",
    help: "the device: its MAC address, an IP address, or its name",
};

/// A class.
pub(super) static CLASS: Operand = Operand {
    meaning: Meaning::Class,
    name: "CLASS",
    help: "exempt, premium, express, standard or bulk",
};

static NUMBER: Operand = Operand {
    meaning: Meaning::Number,
    name: "[N]",
    help: "the number of a configuration, of 'config history';\nelse the one before the one in force",
};

static FILE: Operand = Operand {
    meaning: Meaning::File,
    name: "F",
    help: "the file; - is standard input",
};

/// Where the daemon listens.
pub(super) static SOCKET: Opt = Opt {
    meaning: Meaning::Socket,
    name: "--socket",
    letter: "",
    value: Some(("PATH", "a path")),
    help: "the daemon's socket (else $LANEMARK_SOCKET,\nelse /var/run/lanemark.sock)",
};

/// JSON instead of tables.
pub(super) static JSON: Opt = Opt {
    meaning: Meaning::Json,
    name: "--json",
    letter: "",
    value: None,
    help: "print the answer as one line of JSON, as it came",
};

static DIR: Opt = Opt {
    meaning: Meaning::Dir,
    name: "--dir",
    letter: "",
    value: Some(("DIR", "a path")),
    help: "where config.json is (else /etc/lanemark; or\n/jffs/etc/lanemark where only /jffs/etc exists)",
};

static VERBOSE: Opt = Opt {
    meaning: Meaning::Verbose,
    name: "--verbose",
    letter: "",
    value: None,
    help: "log each decision too",
};

static RESET: Opt = Opt {
    meaning: Meaning::Reset,
    name: "--reset",
    letter: "",
    value: None,
    help: "have none any more, as on a new router",
};

#[cfg(feature = "xtables")]
static RULES: Opt = Opt {
    meaning: Meaning::Rules,
    name: "--rules",
    letter: "",
    value: Some(("RULES", "auto, nftables or xtables")),
    help: "how to make rules: nftables, xtables, or auto for\nthe first that the kernel has (the default)",
};

static ONLY_DEVICE: Opt = Opt {
    meaning: Meaning::Device,
    name: "--device",
    letter: "",
    value: Some(("D", "a device")),
    help: "only flows of this device: MAC, IP or name",
};

static ONLY_CLASS: Opt = Opt {
    meaning: Meaning::Class,
    name: "--class",
    letter: "",
    value: Some(("C", "a class")),
    help: "only flows of this class: exempt, premium,\nexpress, standard or bulk",
};

/// Help on the program or the verb.
pub(super) static HELP: Opt = Opt {
    meaning: Meaning::Help,
    name: "--help",
    letter: "-h",
    value: None,
    help: "print this",
};

/// The program's version.
pub(super) static VERSION: Opt = Opt {
    meaning: Meaning::Version,
    name: "--version",
    letter: "-V",
    value: None,
    help: "print the version of this program",
};

/// Every option.
pub(super) static OPTIONS: &[&Opt] = &[
    &SOCKET,
    &JSON,
    &DIR,
    &VERBOSE,
    &RESET,
    #[cfg(feature = "xtables")]
    &RULES,
    &ONLY_DEVICE,
    &ONLY_CLASS,
    &HELP,
    &VERSION,
];

/// Every verb, in the order of the list.
pub(super) static VERBS: [Verb; 16] = [
    Verb {
        name: "run",
        operands: &[],
        options: &[
            &DIR,
            &SOCKET,
            &VERBOSE,
            #[cfg(feature = "xtables")]
            &RULES,
        ],
        summary: "be the daemon, in the foreground",
        about: "\
The init script keeps it running. It takes over what it finds of its own in the
kernel, so a restart changes nothing for the traffic; and so does its end: only
'lanemark stop' takes the lanes away. Root is needed.
",
        task: Task::Run,
    },
    Verb {
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
        task: Task::Ask(control::Verb::Status),
    },
    Verb {
        name: "watch",
        operands: &[],
        options: &[&SOCKET, &JSON],
        summary: "the lanes and the busiest devices, as they change",
        about: "\
One screen that is drawn anew each second; q or Ctrl-C ends it. Where standard
output is no terminal, three lines each. 'ms' is what a packet waits in its
lane now. The latency is that of an echo to the next router in Premium's lane,
with the least of the last hour. With --json: a whole line, then what changed.
",
        task: Task::Ask(control::Verb::Watch),
    },
    Verb {
        name: "devices",
        operands: &[],
        options: &[&SOCKET, &JSON],
        summary: "every device: name, addresses, class, flows, rates",
        about: "\
'up' and 'down' are bits a second, with k and M for thousands and millions;
'-' where the kernel does not count. 'seen' is how long ago the kernel last had
word from the device. Addresses that do not fit stand on the lines below.
",
        task: Task::Ask(control::Verb::Devices),
    },
    Verb {
        name: "flows",
        operands: &[],
        options: &[&ONLY_DEVICE, &ONLY_CLASS, &SOCKET, &JSON],
        summary: "every flow: device, class, mark, bytes, who with whom",
        about: "\
Each line is a flow of the kernel's conntrack table. 'mark' is its whole mark,
as in /proc/net/nf_conntrack; 'bytes' are those of both ways.
",
        task: Task::Ask(control::Verb::Flows),
    },
    Verb {
        name: "set",
        operands: &[&DEVICE, &CLASS],
        options: &[&SOCKET, &JSON],
        summary: "give a device a class; its live flows too",
        about: "\
The class is in force, and the device's open connections are re-marked, before
this returns. It is saved to flash a little later; 'lanemark status' tells.
",
        task: Task::Ask(control::Verb::Set),
    },
    Verb {
        name: "unset",
        operands: &[&DEVICE],
        options: &[&SOCKET, &JSON],
        summary: "take the class of a device away",
        about: "\
The device goes back to the default class, its open connections too.
",
        task: Task::Ask(control::Verb::Unset),
    },
    Verb {
        name: "config show",
        operands: &[],
        options: &[&SOCKET, &JSON],
        summary: "print the configuration in force",
        about: "\
What it prints can be edited and given to 'lanemark config apply'.
",
        task: Task::Ask(control::Verb::ConfigShow),
    },
    Verb {
        name: "config check",
        operands: &[&FILE],
        options: &[&JSON, &SOCKET],
        summary: "read a configuration and say what is wrong with it",
        about: "\
Needs no daemon and changes nothing. Exit code 0 when it is good, else 2.
",
        task: Task::Check,
    },
    Verb {
        name: "config apply",
        operands: &[&FILE],
        options: &[&SOCKET, &JSON],
        summary: "put a configuration in force",
        about: "\
It is checked first. When the kernel refuses it, the old one stays in force.
",
        task: Task::Ask(control::Verb::ConfigApply),
    },
    Verb {
        name: "config history",
        operands: &[],
        options: &[&SOCKET, &JSON],
        summary: "the configurations that were in force",
        about: "\
The newest first. The last eight are kept beside the one in force; changes that
come together within half a minute are one.
",
        task: Task::Ask(control::Verb::History),
    },
    Verb {
        name: "config diff",
        operands: &[&NUMBER],
        options: &[&SOCKET, &JSON],
        summary: "what the configuration in force has that one had not",
        about: "\
Lines that begin with - are in that one only, lines with + in the one in force.
With --json, the two of them, as \"before\" and \"after\".
",
        task: Task::Ask(control::Verb::HistoryShow),
    },
    Verb {
        name: "config rollback",
        operands: &[&NUMBER],
        options: &[&SOCKET, &JSON],
        summary: "put an earlier configuration in force again",
        about: "\
As 'lanemark config apply' with that one: when the kernel refuses it, nothing
changes. It becomes the newest, so that the next rollback goes forth again.
",
        task: Task::Ask(control::Verb::Rollback),
    },
    Verb {
        name: "doctor",
        operands: &[],
        options: &[&SOCKET, &JSON],
        summary: "what this kernel can do, and what bypasses the queues",
        about: "\
A line for each thing that was looked at: ok, or !! with what to do about it.
For the path's largest packet it sends some, which takes up to two seconds.
",
        task: Task::Ask(control::Verb::Doctor),
    },
    Verb {
        name: "password",
        operands: &[],
        options: &[&RESET, &SOCKET, &JSON],
        summary: "set the password of the admin page",
        about: "\
It is asked for twice and not shown; where standard input is no terminal, its
first line is taken. 8 to 128 bytes. Only a hash of it leaves this command, and
is stored in the file 'password' beside config.json. With --reset that file is
removed and everybody is logged out: whoever opens the page first sets the next
one, so open it at once.
",
        task: Task::Ask(control::Verb::Password),
    },
    Verb {
        name: "stop",
        operands: &[],
        options: &[&SOCKET, &JSON],
        summary: "take everything of ours out of the kernel",
        about: "\
The daemon does it and ends. When none runs, what a dead one left is removed.
",
        task: Task::Ask(control::Verb::Stop),
    },
];
