//! System calls that are counted, and made to fail, by `strace`.

use std::fs;

use crate::bed::{Bed, text};
use crate::program::Along;
use crate::promise::{SOON, Skip, need, until};

/// A lanemark for which one system call fails.
pub struct Injection<'a> {
    bed: &'a Bed,
    inject: String,
    call: &'a str,
}

impl<'a> Injection<'a> {
    /// The call of that number, counted from 1, fails.
    pub fn new(bed: &'a Bed, call: &'a str, errno: &str, number: usize) -> Self {
        Injection {
            bed,
            inject: format!("inject={call}:error={errno}:when={number}"),
            call,
        }
    }

    /// And all calls after it fail too: some C libraries ask again in another way.
    pub fn onwards(mut self) -> Self {
        self.inject.push('+');
        self
    }

    /// Starts it. With `-D` the tracer is the grandchild, so that lanemark has the process number that we know.
    pub fn spawn(self) -> Along {
        let (trace, output) = (
            format!("trace={}", self.call),
            self.bed.scratch_file("strace"),
        );
        self.bed.spawn_under(&[
            "strace",
            "-D",
            "-f",
            "-o",
            text(&output),
            "-e",
            &trace,
            "-e",
            &self.inject,
        ])
    }
}

/// Which of its system calls of this name, counted from 1, is the first of this kind. Starts a lanemark to its first rest, and takes
/// out what it did.
pub fn call_number(bed: &Bed, call: &str, is_it: impl Fn(&str) -> bool) -> Result<usize, Skip> {
    need(&["strace"])?;
    let (trace, output) = (format!("trace={call}"), bed.scratch_file("calls"));
    let mut lanemark = bed.spawn_under(&[
        "strace",
        "-D",
        "-f",
        "-s",
        "64",
        "-o",
        text(&output),
        "-e",
        &trace,
    ]);
    bed.await_state(&mut lanemark, "on");
    bed.ask(&["stop"]);
    lanemark.end();
    let calls = until("the end of the trace", SOON, || {
        let calls = fs::read_to_string(&output).expect("a trace");
        calls.contains("+++ exited").then_some(calls)
    });
    let mut calls = calls
        .lines()
        .filter(|line| line.contains(&format!("{call}(")));
    let place = calls.position(is_it);
    Ok(place.unwrap_or_else(|| panic!("no such {call}")) + 1)
}
