//! The daemon on an allocator that counts, and the count told to whoever asks from outside.
//!
//! The tests' own program is also this one, when its first word says so: an allocator belongs to a whole program, and what is counted is
//! [`lanemark::daemon::run`] itself, with no word in it of being counted. The count is told by a thread that has nothing to do with it and
//! allocates nothing: two questions in a row get the same answer.

use std::alloc::System;
use std::env;
use std::io::{Read as _, Write as _};
use std::ops::Sub;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use lanemark::cli::RunOptions;
use lanemark::daemon;
use nix::sys::signal::SigSet;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::bed::{Bed, text};
use crate::program::{Along, run};
use crate::promise::{SOON, Skip, patient, until};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The first word of a call that wants the daemon; the count's socket, the daemon's directory and its socket follow.
const WORD: &str = "run-counted";

/// Bytes of an answer at most: two numbers.
const ANSWER_BYTES: usize = 64;

/// What was allocated since the start of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub allocations: usize,
    pub reallocations: usize,
}

impl Count {
    pub const NOTHING: Count = Count {
        allocations: 0,
        reallocations: 0,
    };
}

impl Sub for Count {
    type Output = Count;

    fn sub(self, earlier: Count) -> Count {
        Count {
            allocations: self.allocations - earlier.allocations,
            reallocations: self.reallocations - earlier.reallocations,
        }
    }
}

/// Is the daemon until its end, if that is what this program was called for.
pub fn daemon_if_called() -> Option<ExitCode> {
    let mut words = env::args_os().skip(1);
    let first = words.next()?;
    if first == "page" && words.len() == 0 {
        // The daemon starts itself again as its page process.
        lanemark::page::run();
        return Some(ExitCode::SUCCESS);
    }
    if first != WORD {
        return None;
    }
    let mut path = || PathBuf::from(words.next().expect("a path"));
    let (count, dir, socket) = (path(), path(), path());
    let listener = UnixListener::bind(count).expect("the count's socket");
    thread::spawn(move || tell(&listener));
    let ended = daemon::run(&RunOptions {
        dir,
        socket,
        verbose: false,
        rules: None,
    });
    Some(match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// Tells the count to each who comes.
fn tell(listener: &UnixListener) {
    // Signals are the daemon's.
    SigSet::all().thread_block().expect("a mask of signals");
    loop {
        let (mut stream, _) = listener.accept().expect("somebody who asks");
        let count = own_count();
        let mut answer = [0; ANSWER_BYTES];
        let mut rest = answer.as_mut_slice();
        write!(rest, "{} {}", count.allocations, count.reallocations).expect("room");
        let length = ANSWER_BYTES - rest.len();
        // Who does not wait for the answer has none.
        let _ = stream.write_all(&answer[..length]);
    }
}

/// Starts it on the router, in a mount namespace where `leases` is the folder of dnsmasq's lease file.
pub fn start(bed: &Bed, leases: &Path) -> Result<Along, Skip> {
    let own = env::current_exe().expect("this program");
    let (dir, socket, count) = (bed.dir(), bed.socket(), count_socket(bed));
    let script = format!(
        "mount --bind {} {LEASES} && exec {} {WORD} {} {} {}",
        text(leases),
        text(&own),
        text(&count),
        text(&dir),
        text(&socket),
    );
    let tried = run(bed.router(), &["unshare", "-m", "test", "-d", LEASES]);
    if tried.code != Some(0) {
        let reason = format!(
            "no mount namespace, or no {LEASES} in it: {}",
            tried.err.trim()
        );
        return Err(Skip::Machine(reason));
    }
    let words = ["unshare", "-m", "sh", "-c", &script];
    let mut lanemark = Along::start(bed.router(), &words, &bed.scratch_file("lanemark.log"));
    bed.await_state(&mut lanemark, "on");
    Ok(lanemark)
}

/// Where Debian's dnsmasq keeps its lease file.
const LEASES: &str = "/var/lib/misc";

fn count_socket(bed: &Bed) -> PathBuf {
    bed.scratch_file("count.sock")
}

/// The count of this program itself.
pub fn own_count() -> Count {
    let stats = ALLOCATOR.stats();
    Count {
        allocations: stats.allocations,
        reallocations: stats.reallocations,
    }
}

/// The daemon's count so far.
pub fn count(bed: &Bed) -> Count {
    let path = count_socket(bed);
    let mut stream = until("the count's socket", SOON, || {
        UnixStream::connect(&path).ok()
    });
    stream
        .set_read_timeout(Some(patient(SOON)))
        .expect("a time limit");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let mut numbers = answer
        .split(' ')
        .map(|word| word.parse().expect("a number"));
    Count {
        allocations: numbers.next().expect("a count"),
        reallocations: numbers.next().expect("a count"),
    }
}
