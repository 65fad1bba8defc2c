//! The program: words in, exit code out. What there is to do is in the library.

use std::process::ExitCode;

use lanemark::cli::{Exit, Next, Session};
use lanemark::daemon::{self, Cleared};
use lanemark::page::{self, End};
use lanemark::sys::client::{Stream, Surroundings};

fn main() -> ExitCode {
    let surroundings = Surroundings::here();
    let (mut out, mut err) = (Stream::Output, Stream::Error);
    let mut session = Session::new(&surroundings, &mut out, &mut err);
    let exit = match session.start() {
        Next::Exit(exit) => exit,
        Next::Run(options) => match daemon::run(&options) {
            Ok(()) => Exit::Done,
            Err(error) => session.refused(&error),
        },
        Next::Clear => match daemon::clear() {
            Ok(cleared) => session.cleared(cleared != Cleared::Nothing),
            Err(error) => session.refused(&error),
        },
        Next::Page => match page::run() {
            End::Over => Exit::Done,
            end => session.refused(&end),
        },
    };
    ExitCode::from(exit.code())
}
