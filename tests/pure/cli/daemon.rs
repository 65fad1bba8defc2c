//! A daemon that is played by a thread, and a call of the program against it.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lanemark::cli::{Next, Session};
use lanemark::sys::client::Surroundings;

/// A folder of its own for each test.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lanemark-cli-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Place(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("socket")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Listens for one connection, reads so many lines, and gives the connection to `act`. Joined, it tells the lines.
pub fn daemon(
    place: &Place,
    lines: usize,
    act: impl FnOnce(UnixStream) + Send + 'static,
) -> JoinHandle<Vec<String>> {
    let listener = UnixListener::bind(place.socket()).expect("a socket for the test");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let heard = (0..lines)
            .map(|_| {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                line
            })
            .collect();
        act(stream);
        heard
    })
}

/// How a call of the program ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub next: Next,
    pub out: Vec<u8>,
    pub err: String,
}

impl Ended {
    pub fn code(&self) -> u8 {
        match &self.next {
            Next::Exit(exit) => exit.code(),
            other => panic!("expected an exit, found {other:?}"),
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("standard output is UTF-8")
    }
}

/// Calls the program with words as they stand, in a pipe.
pub fn call(words: &[&str]) -> Ended {
    call_in(words, Surroundings::default())
}

/// The same on a terminal, with or without colours, or with a socket from the environment.
pub fn call_in(words: &[&str], surroundings: Surroundings) -> Ended {
    // `\xff` stands for a byte that is no UTF-8, which a `&str` cannot hold.
    let raw = |word: &&str| {
        OsString::from_vec(
            word.replace('\u{fffd}', "\u{0}")
                .bytes()
                .map(|byte| if byte == 0 { 0xff } else { byte })
                .collect(),
        )
    };
    let surroundings = Surroundings {
        words: words.iter().map(raw).collect(),
        ..surroundings
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let next = Session::new(&surroundings, &mut out, &mut err)
        .with_silence_max(Duration::from_secs(10))
        .start();
    Ended {
        next,
        out,
        err: String::from_utf8(err).expect("standard error is UTF-8"),
    }
}

/// Calls the program against a daemon that gives this answer; tells the lines that the daemon heard, too.
pub fn asked(words: &[&str], answer: &str) -> (Ended, Vec<String>) {
    asked_in(words, answer.as_bytes().to_vec(), Surroundings::default())
}

pub fn asked_in(
    words: &[&str],
    answer: Vec<u8>,
    surroundings: Surroundings,
) -> (Ended, Vec<String>) {
    let place = Place::new();
    let lines = if words.contains(&"apply") { 2 } else { 1 };
    let heard = daemon(&place, lines, move |mut stream| {
        // A client that has seen enough may be gone.
        let _ = stream.write_all(&answer);
    });
    let ended = call_in(
        &[&["--socket", &text(&place.socket())], words].concat(),
        surroundings,
    );
    (ended, heard.join().expect("the daemon ends well"))
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("a path of the test").to_owned()
}
