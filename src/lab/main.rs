//! `lanemark-lab`: the house in namespaces, as a program.

use std::env::args_os;
use std::ffi::OsString;
use std::process::ExitCode;

use lanemark::lab::error::Error;
use lanemark::lab::options::{
    Asked, BENCH_HELP, Bench, DEMO_HELP, Demo, HOUSE_HELP, House, TYPE_HELP, Type,
};
use lanemark::lab::stdout::print;
use lanemark::lab::{bench, demo, scratch, serve, tether, typing, visit};

const HELP: &str = "\
The house in network namespaces in which lanemark is shown and tested.

usage: lanemark-lab VERB [OPTIONS]

  demo    show lanemark at work, in about 40 s
  bench   measure what lanemark costs, in about 30 s
  house   build the house and wait
  type    type into a program and measure its echoes

Each verb explains itself with --help.
";

fn main() -> ExitCode {
    let mut words = args_os().skip(1);
    let verb = words.next().unwrap_or_default();
    match run(verb.to_str(), words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lanemark-lab: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(verb: Option<&str>, words: impl Iterator<Item = OsString>) -> Result<(), Error> {
    match verb {
        Some("demo") => match Demo::read(words)? {
            Asked::Help => print(DEMO_HELP),
            Asked::Run(options) if options.serve => serve::run(&options),
            Asked::Run(options) => demo::run(options),
        },
        Some("bench") => match Bench::read(words)? {
            Asked::Help => print(BENCH_HELP),
            Asked::Run(options) => bench::run(&options),
        },
        Some("house") => match House::read(words)? {
            Asked::Help => print(HOUSE_HELP),
            Asked::Run(options) => visit::run(options),
        },
        Some("type") => match Type::read(words)? {
            Asked::Help => print(TYPE_HELP),
            Asked::Run(options) => typing::run(&options),
        },
        Some(tether::VERB) => Err(tether::become_program(words)),
        Some(scratch::VERB) => scratch::sweep(words),
        Some("-h" | "--help" | "help") => print(HELP),
        Some("") => Err(Error::Usage("expected a verb".into())),
        _ => Err(Error::Usage("unknown verb".into())),
    }
}
