//! The connection: nobody there, a daemon that dies, is slow, talks nonsense or talks much, and a reader that has seen enough.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use lanemark::cli::{Exit, Next, Session};
use lanemark::sys::client::{BadLine, Client, Surroundings};

use nix::errno::Errno;

use super::daemon::{Place, asked, asked_in, call, daemon, text};
use crate::program;

fn connect(path: &Path) -> Result<Client, BadLine> {
    Client::connect(path, Duration::from_millis(50))
}

#[test]
fn a_missing_or_stale_socket_means_that_no_daemon_runs() {
    let place = Place::new();
    let socket = text(&place.socket());
    let expected =
        format!("lanemark is not running (no answer at {socket}); start it with 'lanemark run'\n");
    let verbs: [&[&str]; 8] = [
        &["status"],
        &["devices"],
        &["flows"],
        &["set", "tv", "bulk"],
        &["unset", "tv"],
        &["config", "show"],
        &["doctor"],
        &["status", "--json"],
    ];
    let nobody = || {
        for verb in verbs {
            let ended = call(&[&["--socket", socket.as_str()], verb].concat());
            assert_eq!(
                (ended.code(), ended.err.as_str(), ended.out.len()),
                (3, expected.as_str(), 0),
                "{verb:?}"
            );
        }
        assert_eq!(
            call(&["--socket", &socket, "stop"]).next,
            Next::Clear,
            "what is left is taken away without a daemon"
        );
    };
    nobody();
    drop(UnixListener::bind(place.socket()).expect("a socket"));
    assert!(place.socket().exists(), "the file is still there");
    nobody();
    fs::remove_file(place.socket())
        .and_then(|()| fs::write(place.socket(), ""))
        .expect("a plain file");
    nobody();
}

#[test]
fn a_socket_path_that_is_too_long_is_wrong_input() {
    let long = format!("/{}", "x".repeat(120));
    let ended = call(&["status", "--socket", &long]);
    assert_eq!(ended.code(), 2);
    assert_eq!(
        ended.err,
        format!("lanemark: {long}: expected a socket path of at most 107 bytes\n")
    );
}

#[test]
fn the_causes_of_the_system_have_their_names() {
    for (errno, expected) in [
        (Errno::EACCES, BadLine::Denied),
        (Errno::EPERM, BadLine::Denied),
        (Errno::ENOENT, BadLine::Nobody),
        (Errno::ECONNREFUSED, BadLine::Nobody),
        (Errno::EPIPE, BadLine::Closed),
        (Errno::ECONNRESET, BadLine::Closed),
        (Errno::EAGAIN, BadLine::Silent),
        (Errno::ENAMETOOLONG, BadLine::Path),
        (Errno::ENOMEM, BadLine::System(ErrorKind::OutOfMemory)),
    ] {
        assert_eq!(BadLine::from(errno), expected);
    }
    let trouble = lanemark::cli::Trouble::line(Path::new("/s"), BadLine::Denied);
    assert_eq!(
        (trouble.to_string().as_str(), trouble.exit),
        ("/s: permission denied; root is needed", Exit::Refused)
    );
}

#[test]
fn a_daemon_that_closes_midway_is_told_from_one_that_does_not_run() {
    let whole = "{\"devices\":[{\"name\":\"a\",\"mac\":\"\",\"addresses\":[],\"class\":null,\"flows\":0,\"up_kbit\":null,\"down_kbit\":null,\"seen_s\":null}]}\n";
    for len in 0..whole.len() {
        for words in [
            &["devices"][..],
            &["devices", "--json"],
            &["status"],
            &["config", "show"],
        ] {
            let (ended, _) = asked(words, &whole[..len]);
            assert_eq!(ended.code(), 1, "{words:?} after {len} bytes");
            assert!(
                ended.err.ends_with(
                    ": the daemon closed the connection before its answer was complete\n"
                ),
                "{}",
                ended.err
            );
        }
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_an_error() {
    for words in [
        &["status"][..],
        &["devices"],
        &["flows"],
        &["set", "a", "bulk"],
        &["config", "show"],
        &["doctor"],
        &["stop"],
        &["status", "--json"],
    ] {
        for answer in [
            "\n",
            "null\n",
            "[]\n",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "{\"error\":1}\n",
            "{\"error\":{\"fault\":\"mine\"}}\n",
            "{\"a\":[{]}\n",
        ] {
            let (ended, _) = asked(words, answer);
            assert_eq!(ended.code(), 1, "{words:?} {answer}");
            assert!(
                ended
                    .err
                    .starts_with("lanemark: the daemon's answer is not understood: "),
                "{words:?} {answer}: {}",
                ended.err
            );
        }
    }
    for (words, answer) in [
        (&["status"][..], "{}\n"),
        (&["devices"], "{}\n"),
        (&["devices"], "{\"devices\":[{}]}\n"),
        (&["flows"], "{\"a\":1}\n"),
    ] {
        assert_eq!(asked(words, answer).0.code(), 1, "{words:?} {answer}");
    }
    let endless = format!(
        "{{\"state\":\"{}\n",
        "x".repeat(lanemark::config::CONFIG_BYTES_MAX)
    );
    let (ended, _) = asked(&["status"], &endless);
    assert_eq!(
        ended.err,
        "lanemark: the daemon's answer is not understood: it is too long; is it of another version?\n"
    );
}

#[test]
fn a_silent_daemon_is_given_up_and_a_slow_one_is_not() {
    let place = Place::new();
    let (silence, end) = UnixStream::pair().expect("a pair");
    let heard = daemon(&place, 1, move |stream| {
        // Holds the connection open until the test is over.
        let _ = io::Read::read(&mut &silence, &mut [0]);
        drop(stream);
    });
    let surroundings = Surroundings {
        words: vec!["status".into()],
        socket: Some(place.socket().into()),
        ..Surroundings::default()
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let next = Session::new(&surroundings, &mut out, &mut err)
        .with_silence_max(Duration::from_millis(50))
        .start();
    assert_eq!(next, Next::Exit(Exit::Refused));
    assert_eq!(
        String::from_utf8_lossy(&err),
        format!(
            "lanemark: {}: the daemon runs but does not answer\n",
            text(&place.socket())
        )
    );
    drop(end);
    heard.join().expect("the daemon ends well");

    let place = Place::new();
    let heard = daemon(&place, 1, |mut stream| {
        for byte in b"{\"flows\":[]}\n" {
            thread::sleep(Duration::from_millis(20));
            stream.write_all(&[*byte]).expect("the client waits");
        }
    });
    let surroundings = Surroundings {
        words: vec!["flows".into()],
        socket: Some(place.socket().into()),
        ..Surroundings::default()
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    // 13 waits of 20 ms are more than 200 ms together, each is less.
    let next = Session::new(&surroundings, &mut out, &mut err)
        .with_silence_max(Duration::from_millis(200))
        .start();
    assert_eq!(
        (next, String::from_utf8_lossy(&out).as_ref()),
        (Next::Exit(Exit::Done), "no flows\n")
    );
    heard.join().expect("the daemon ends well");
}

#[test]
fn a_daemon_that_refuses_before_it_has_read_everything_is_heard() {
    let place = Place::new();
    let file = place.path("config.json");
    let devices: Vec<_> = (0..500)
        .map(|n| {
            format!(
                "{{\"mac\":\"02:00:00:00:{:02x}:{:02x}\",\"name\":\"{n:060}\"}}",
                n / 256,
                n % 256
            )
        })
        .collect();
    fs::write(
        &file,
        format!("{{\"version\":1,\"devices\":[{}]}}", devices.join(",")),
    )
    .expect("a file of the test");
    let heard = daemon(&place, 1, |mut stream| {
        stream
            .write_all(b"{\"error\":{\"fault\":\"refused\",\"message\":\"not now\"}}\n")
            .expect("the client is there");
        // Reads nothing of the second line and closes.
    });
    let ended = call(&[
        "--socket",
        &text(&place.socket()),
        "config",
        "apply",
        &text(&file),
    ]);
    // The kernel may throw the answer away together with the unread line; then the connection was closed, and nothing worse.
    assert_eq!(ended.code(), 1);
    let closed = "the daemon closed the connection before its answer was complete\n";
    assert!(
        ended.err == "lanemark: not now\n" || ended.err.ends_with(closed),
        "{}",
        ended.err
    );
    heard.join().expect("the daemon ends well");
}

#[test]
fn an_answer_outlives_the_connection_that_was_closed_before_the_second_line() {
    let place = Place::new();
    let heard = daemon(&place, 1, |mut stream| {
        stream.write_all(b"no\n").expect("the client is there")
    });
    let mut client = connect(&place.socket()).expect("a connection");
    client.send(b"one").expect("the line is taken");
    heard.join().expect("the daemon ends well");
    assert_eq!(client.send(b"two"), Err(BadLine::Closed));
    let mut buffer = [0; 8];
    assert_eq!(
        (client.receive(&mut buffer), &buffer[..3]),
        (Ok(3), b"no\n".as_slice())
    );
}

#[test]
fn what_stands_behind_the_answer_is_not_read() {
    let (ended, _) = asked(&["flows"], "{\"flows\":[]}\nnonsense");
    assert_eq!((ended.code(), ended.text()), (0, "no flows\n"));
    let (ended, _) = asked(&["flows", "--json"], "{\"flows\":[]}\nnonsense");
    assert_eq!((ended.code(), ended.text()), (0, "{\"flows\":[]}\n"));
}

#[test]
fn the_client_carries_lines_and_knows_nothing_of_them() {
    let place = Place::new();
    let heard = daemon(&place, 2, |mut stream| {
        stream.write_all(b"\x00\xff").expect("the client is there")
    });
    let mut client = connect(&place.socket()).expect("a connection");
    client
        .send(b"one")
        .and_then(|()| client.send(b""))
        .expect("lines are taken");
    let mut buffer = [0; 8];
    assert_eq!(
        (client.receive(&mut buffer), &buffer[..2]),
        (Ok(2), b"\x00\xff".as_slice())
    );
    assert_eq!(client.receive(&mut buffer), Err(BadLine::Closed));
    assert_eq!(heard.join().expect("the daemon ends well"), ["one\n", "\n"]);
}

/// A reader that is gone after so many bytes.
struct Gone(usize, ErrorKind);

impl Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.0.min(bytes.len());
        self.0 -= taken;
        if taken == 0 {
            Err(self.1.into())
        } else {
            Ok(taken)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written_to(out: &mut Gone, words: &[&str], answer: &'static str) -> (Next, String) {
    let place = Place::new();
    let heard = daemon(&place, 1, |mut stream| {
        let _ = stream.write_all(answer.as_bytes());
    });
    let surroundings = Surroundings {
        words: words.iter().map(Into::into).collect(),
        socket: Some(place.socket().into()),
        ..Surroundings::default()
    };
    let mut err = Vec::new();
    let next = Session::new(&surroundings, out, &mut err).start();
    heard.join().expect("the daemon ends well");
    (next, String::from_utf8_lossy(&err).into_owned())
}

const DEVICES: &str = "{\"devices\":[{\"name\":\"a\",\"mac\":\"\",\"addresses\":[\"::1\",\"1111:2222:3333:4444:5555:6666:7777:8888\"],\"class\":null,\"flows\":0,\"up_kbit\":null,\"down_kbit\":null,\"seen_s\":null}]}\n";

#[test]
fn a_closed_standard_output_is_no_error_at_any_byte() {
    for words in [&["devices"][..], &["devices", "--json"]] {
        for bytes in 0..DEVICES.len() {
            let (next, err) = written_to(&mut Gone(bytes, ErrorKind::BrokenPipe), words, DEVICES);
            assert_eq!(
                (next, err.as_str()),
                (Next::Exit(Exit::Done), ""),
                "{words:?} after {bytes} bytes"
            );
        }
    }
    let surroundings = Surroundings {
        words: vec!["--help".into()],
        ..Surroundings::default()
    };
    let (mut pipe, reader) = UnixStream::pair().expect("a pair");
    drop(reader);
    let mut err = Vec::new();
    let next = Session::new(&surroundings, &mut pipe, &mut err).start();
    assert_eq!(
        (next, err.len()),
        (Next::Exit(Exit::Done), 0),
        "a real closed pipe too"
    );
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let (next, err) = written_to(&mut Gone(10, ErrorKind::StorageFull), &["devices"], DEVICES);
    assert_eq!(
        (next, err.as_str()),
        (
            Next::Exit(Exit::Refused),
            "lanemark: standard output: no storage space\n"
        )
    );
}

#[test]
fn a_standard_error_that_is_closed_changes_no_exit_code() {
    let surroundings = Surroundings {
        words: vec!["stauts".into()],
        ..Surroundings::default()
    };
    let (mut out, mut err) = (Vec::new(), Gone(0, ErrorKind::BrokenPipe));
    assert_eq!(
        Session::new(&surroundings, &mut out, &mut err).start(),
        Next::Exit(Exit::Input)
    );
}

const FLOW: &str = "{\"proto\":\"tcp\",\"src\":\"192.168.1.10\",\"sport\":51234,\"dst\":\"203.0.113.7\",\"dport\":443,\"device\":\"workstation\",\"class\":\"premium\",\"mark\":10,\"bytes_out\":12345,\"bytes_back\":99999}";

/// Bytes of the answer of a router with a full conntrack table.
const LONG_ANSWER_BYTES: usize = 5_000_000;

#[test]
fn a_long_answer_arrives_whole() {
    let flows = LONG_ANSWER_BYTES / FLOW.len();
    let answer = format!("{{\"flows\":[{}]}}\n", vec![FLOW; flows].join(","));
    let (ended, _) = asked_in(
        &["flows"],
        answer.clone().into_bytes(),
        Surroundings::default(),
    );
    assert_eq!((ended.code(), ended.text().lines().count()), (0, flows + 1));
    let (ended, _) = asked_in(
        &["flows", "--json"],
        answer.clone().into_bytes(),
        Surroundings::default(),
    );
    assert!(
        ended.code() == 0 && ended.out == answer.as_bytes(),
        "5 MB came through unchanged"
    );
}

/// The real program, asked with `words`, gets `flows` flows; tells its highest resident memory in kB when all but the end has come.
fn memory_kb(flows: usize, words: &[&str]) -> u64 {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).expect("a socket for the test");
    let program = program::line(env!("CARGO_BIN_EXE_lanemark"));
    #[expect(
        clippy::disallowed_methods,
        reason = "the memory of a process can only be seen from another one"
    )]
    let mut child = Command::new(&program[0])
        .args(&program[1..])
        .args(words)
        .arg("--socket")
        .arg(place.socket())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program can be run here");
    let (mut stream, _) = listener.accept().expect("the program asks");
    stream
        .write_all(b"{\"flows\":[")
        .expect("the program reads");
    for _ in 1..flows {
        stream
            .write_all(FLOW.as_bytes())
            .and_then(|()| stream.write_all(b","))
            .expect("the program reads");
    }
    let status =
        fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the program still runs");
    stream
        .write_all(FLOW.as_bytes())
        .and_then(|()| stream.write_all(b"]}\n"))
        .expect("the program reads");
    assert!(child.wait().expect("it ends").success());
    let highest = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("the kernel tells");
    highest
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

#[test]
fn a_long_answer_takes_no_more_memory_than_a_short_one() {
    for words in [&["flows"][..], &["flows", "--json"]] {
        // Enough to fill the socket, so that the program is seen at work.
        let short = memory_kb(5_000, words);
        let long = memory_kb(LONG_ANSWER_BYTES / FLOW.len(), words);
        // A program that held the answer would take 5,000 kB more. The kernel counts pages of a process in batches, so that a few
        // hundred kB come and go.
        assert!(
            long <= short + 1000,
            "{words:?}: {short} kB for a short answer, {long} kB for a long one"
        );
    }
}
