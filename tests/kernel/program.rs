//! Programs on the hosts of the house, and what they said.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use lanemark::lab::host::Host;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::promise::{SOON, patient, until};

/// No command of ours takes longer: one that does hangs.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);

/// The folder of the programs under test where they are not where they were built: the tests were carried to another machine.
const FOLDER_VARIABLE: &str = "LANEMARK_PROGRAMS";

/// The program under test.
pub fn under_test() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| found(env!("CARGO_BIN_EXE_lanemark")));
    &PATH
}

/// The program that the house starts others with.
pub fn lab() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| found(env!("CARGO_BIN_EXE_lanemark-lab")));
    &PATH
}

fn found(built: &str) -> String {
    let Some(folder) = env::var_os(FOLDER_VARIABLE) else {
        return built.to_owned();
    };
    let name = Path::new(built).file_name().expect("a name of a program");
    let path = Path::new(&folder).join(name);
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a program on a host to its end.
pub fn run(host: &Host, words: &[&str]) -> Said {
    let (program, arguments) = words.split_first().expect("a program");
    let child = host
        .command(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let id = pid(&child);
    let (done, result) = channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    let within = patient(COMMAND_WITHIN);
    let Ok(output) = result.recv_timeout(within) else {
        // Its thread still waits for it, so the number cannot belong to somebody else yet.
        let _ = kill(id, Signal::SIGKILL);
        panic!("{words:?} did not end within {within:?}");
    };
    let output = output.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// Runs a tool that must succeed; its standard output. No word of `line` has a space in it.
pub fn tool(host: &Host, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let said = run(host, &words);
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    said.out
}

/// A program that runs along. Dropping it ends it at once.
#[derive(Debug)]
pub struct Along {
    child: Child,
    output: PathBuf,
    ended: Option<ExitStatus>,
}

impl Along {
    /// Starts it, with both its outputs behind what is in the file already.
    pub fn start(host: &Host, words: &[&str], output: &Path) -> Along {
        let (program, arguments) = words.split_first().expect("a program");
        let file = File::options()
            .create(true)
            .append(true)
            .open(output)
            .expect("a file for a program's output");
        let errors = file.try_clone().expect("a file for a program's errors");
        let child = host
            .command(program)
            .args(arguments)
            .stdout(file)
            .stderr(errors)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        Along {
            child,
            output: output.to_owned(),
            ended: None,
        }
    }

    pub fn pid(&self) -> Pid {
        pid(&self.child)
    }

    /// What it wrote so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).expect("a program's output")).into_owned()
    }

    pub fn signal(&self, signal: Signal) {
        assert!(
            self.ended.is_none(),
            "the program has ended already: {}",
            self.said()
        );
        kill(self.pid(), signal).expect("the program is there");
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("the program is ours");
        }
        self.ended
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        until("the end of a program", SOON, || self.ended())
    }

    /// Ends it without a word to it.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::SIGKILL);
            self.end();
        }
    }
}

impl Drop for Along {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process number"))
}
