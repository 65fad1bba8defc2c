//! The password: asked for without being shown, hashed, and told to nobody.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use lanemark::config::password::Stored;
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};

use super::daemon::{Place, call, text};
use crate::program;

const SET: &str =
    "{\"mac\":\"\",\"name\":\"\",\"flows_marked\":0,\"saved\":true,\"remark\":\"\"}\n";
const GOOD: &str = "correct horse battery";

/// Only a fault takes so long.
const SOON: Duration = Duration::from_secs(20);

/// A daemon that answers so; what is heard comes out line by line.
fn daemon(place: &Place, answer: &'static str) -> Receiver<String> {
    let listener = UnixListener::bind(place.socket()).expect("a socket for the test");
    let (told, heard) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let reader = BufReader::new(stream.try_clone().expect("a second handle"));
            for (number, line) in reader.lines().enumerate() {
                // The test may have seen enough.
                let _ = told.send(line.expect("a line"));
                if number == 1 {
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        }
    });
    heard
}

fn start(place: &Place, words: &[&str], input: impl Into<Stdio>) -> Child {
    let line = program::line(env!("CARGO_BIN_EXE_lanemark"));
    #[expect(
        clippy::disallowed_methods,
        reason = "standard input is the process's own"
    )]
    Command::new(&line[0])
        .args(&line[1..])
        .arg("password")
        .args(words)
        .arg("--socket")
        .arg(place.socket())
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be run here")
}

fn end(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The program with this on its standard input, which is a pipe.
fn piped(place: &Place, words: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child = start(place, words, Stdio::piped());
    let mut pipe = child.stdin.take().expect("a pipe");
    // It may have refused already.
    let _ = pipe.write_all(input);
    drop(pipe);
    end(child)
}

fn assert_asked(heard: &Receiver<String>, password: &str) -> String {
    let line = heard.recv_timeout(SOON).expect("a request");
    assert_eq!(
        line,
        "{\"verb\":\"password\",\"device\":null,\"class\":null}"
    );
    let hash = heard.recv_timeout(SOON).expect("a hash");
    let stored = hash
        .strip_prefix('"')
        .and_then(|hash| Stored::parse(hash.strip_suffix('"')?.as_bytes()))
        .expect("the text of a hash");
    assert!(stored.is_of(password.as_bytes()), "{password}");
    hash
}

#[test]
fn a_line_of_standard_input_is_hashed_and_only_the_hash_is_sent() {
    let place = Place::new();
    let heard = daemon(&place, SET);
    for input in [
        "correct horse battery\n",
        "correct horse battery",
        "correct horse battery\nsomething else\n",
    ] {
        let said = piped(&place, &[], input.as_bytes());
        let expected = "the admin password is set\n".to_owned();
        assert_eq!(said, (Some(0), expected, String::new()), "{input:?}");
        let first = assert_asked(&heard, GOOD);
        let (code, out, err) = piped(&place, &["--json"], input.as_bytes());
        assert_eq!(
            (code, out.as_str(), err.as_str()),
            (Some(0), SET, ""),
            "{input:?}"
        );
        assert_ne!(assert_asked(&heard, GOOD), first, "each has its own salt");
    }
}

#[test]
fn a_reset_asks_for_nothing_and_says_who_sets_the_next_one() {
    let place = Place::new();
    let heard = daemon(&place, SET);
    let (code, out, err) = piped(&place, &["--reset"], b"");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let said = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.starts_with("there is no admin password any more"),
        "{out}"
    );
    let request = "{\"verb\":\"password\",\"device\":null,\"class\":null}";
    assert_eq!(heard.recv_timeout(SOON).expect("a request"), request);
    assert_eq!(heard.recv_timeout(SOON).expect("no hash"), "null");
    // It is no option of anything else.
    let words = ["status", "--reset", "--socket", &text(&place.socket())];
    assert_eq!(call(&words).code(), 2);
}

#[test]
fn what_can_be_no_password_is_refused_and_nothing_is_sent() {
    let place = Place::new();
    let heard = daemon(&place, SET);
    let long = [b'x'; 5_000];
    let cases: [(&[u8], &str); 7] = [
        (b"", "found 0"),
        (b"\n", "found 0"),
        (b"1234567\n", "found 7"),
        (&long[..129], "found more"),
        (&long, "found more"),
        (b"correct horse\r\n", "found some that cannot be typed"),
        (b"correct \xff horse\n", "found some that cannot be typed"),
    ];
    for (input, found) in cases {
        for words in [&[][..], &["--json"]] {
            assert_eq!(
                piped(&place, words, input),
                (
                    Some(2),
                    String::new(),
                    format!("lanemark: password: expected 8 to 128 bytes, {found}\n")
                )
            );
        }
    }
    assert!(heard.try_recv().is_err(), "nothing was sent");
}

#[test]
fn a_daemon_that_cannot_store_it_says_so() {
    let place = Place::new();
    let _heard = daemon(
        &place,
        "{\"error\":{\"fault\":\"refused\",\"message\":\"password not saved: No space left on device (while writing)\"}}\n",
    );
    let (code, out, err) = piped(&place, &[], b"correct horse battery\n");
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (
            Some(1),
            "",
            "lanemark: password not saved: No space left on device (while writing)\n"
        )
    );
}

/// A terminal, as whoever types sees it, and as the program does.
fn terminal() -> (File, OwnedFd) {
    let pair = openpty(None, None).expect("a terminal");
    (File::from(pair.master), pair.slave)
}

/// Reads until it ends so.
fn read_until(source: &mut impl Read, end: &str) -> String {
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(end.as_bytes()) {
        assert_eq!(
            source.read(&mut byte).expect("more"),
            1,
            "expected {end}, found {}",
            String::from_utf8_lossy(&said)
        );
        said.push(byte[0]);
    }
    String::from_utf8(said).expect("UTF-8")
}

/// What the kernel keeps of a terminal. The library's struct has room that the kernel of MIPS does not write.
fn settings(terminal: &Termios) -> impl PartialEq + std::fmt::Debug + use<> {
    const KERNEL_CHARS: usize = 17;
    let chars: Vec<u8> = terminal
        .control_chars
        .iter()
        .take(KERNEL_CHARS)
        .copied()
        .collect();
    (
        terminal.input_flags,
        terminal.output_flags,
        terminal.control_flags,
        terminal.local_flags,
        chars,
    )
}

/// Types an answer to each question; the terminal shows what it would be shown to whoever types.
fn typed(place: &Place, answers: &[&[u8]]) -> (Option<i32>, String, String) {
    let (mut typist, slave) = terminal();
    let before = tcgetattr(&slave).expect("a terminal");
    let mut child = start(place, &[], slave.try_clone().expect("a second handle"));
    let mut questions = child.stderr.take().expect("a pipe");
    for answer in answers {
        read_until(&mut questions, ": ");
        assert!(
            !tcgetattr(&slave)
                .expect("a terminal")
                .local_flags
                .intersects(LocalFlags::ECHO | LocalFlags::ECHONL)
        );
        typist.write_all(answer).expect("a key");
    }
    let mut err = String::new();
    questions.read_to_string(&mut err).expect("the rest");
    let (code, out, _) = end(child);
    // Shown, what is typed from now on is the first thing that is.
    let after = tcgetattr(&slave).expect("a terminal");
    assert_eq!(settings(&after), settings(&before));
    typist.write_all(b"shown").expect("a key");
    assert_eq!(read_until(&mut typist, "shown"), "shown");
    (code, out, err)
}

#[test]
fn on_a_terminal_it_is_asked_for_twice_and_never_shown() {
    let place = Place::new();
    let heard = daemon(&place, SET);
    let (code, out, err) = typed(&place, &[b"correct horse battery\n".as_slice(); 2]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "the admin password is set\n", "\n")
    );
    assert_asked(&heard, GOOD);
    let (code, out, err) = typed(
        &place,
        &[b"correct horse battery\n", b"correct horse bettery\n"],
    );
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (
            Some(2),
            "",
            "\nlanemark: password: expected the same one twice, found two\n"
        )
    );
    // Nobody has to repeat what can be no password.
    for short in [b"short\n".as_slice(), &[b'x'; 200]] {
        let line = [short, b"\n"].concat();
        let (code, _, err) = typed(&place, &[&line]);
        assert_eq!(code, Some(2));
        assert!(!err.contains("Once more"), "{err}");
    }
    // What is corrected while it is typed is not in it.
    let (code, _, _) = typed(
        &place,
        &[
            b"wrong\x15correct horse battery\n",
            b"correct horse battery\n",
        ],
    );
    assert_eq!(code, Some(0));
    assert_asked(&heard, GOOD);
}

#[test]
fn a_key_that_ends_programs_ends_the_question_and_the_terminal_shows_again() {
    let place = Place::new();
    let heard = daemon(&place, SET);
    for key in [b'\x03', b'\x1c', b'\x1a'] {
        let line: &[u8] = match key {
            b'\x1a' => b"correct horse\x1a\n",
            _ => &[b"correct horse", &[key][..]].concat(),
        };
        let (code, _, err) = typed(&place, &[line]);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.ends_with("found some that cannot be typed\n"), "{err}");
    }
    // The end of what is typed is no password either.
    let (code, _, err) = typed(&place, &[b"\x04"]);
    assert_eq!(code, Some(2));
    assert!(err.ends_with("found 0\n"), "{err}");
    assert!(heard.try_recv().is_err(), "nothing was sent");
}

#[test]
fn without_a_daemon_nobody_is_asked() {
    let place = Place::new();
    let (typist, slave) = terminal();
    let (code, out, err) = end(start(&place, &[], slave));
    let socket = text(&place.socket());
    assert_eq!(
        (code, out.as_str(), err),
        (
            Some(3),
            "",
            format!(
                "lanemark is not running (no answer at {socket}); start it with 'lanemark run'\n"
            )
        )
    );
    drop(typist);
    assert_eq!(call(&["password", "--socket", &socket]).code(), 3);
}
