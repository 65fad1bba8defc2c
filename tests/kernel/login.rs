//! Who gets in with the admin password, how often that may be tried, and by which process it is looked at.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use lanemark::config::password::Stored;
use lanemark::lab::house::{ROUTER_V4, Resident};

use crate::bed::{Bed, Wish, text};
use crate::program::{Along, run};
use crate::promise::{SOON, Tried, need, patient, promises, until};

promises! {
    the_first_password_needs_none_before_and_every_other_the_one_before,
    a_spoiled_hash_lets_nobody_in_and_nobody_make_himself_one,
    a_reset_ends_every_session_and_the_page_is_as_on_a_new_router,
    the_metrics_are_there_while_the_configuration_has_a_token_for_them,
    wrong_passwords_are_slowed_down_and_somebody_elsewhere_gets_in_meanwhile,
    the_daemon_runs_no_program_but_itself,
}

const FIRST: &str = "correct horse battery";
const SECOND: &str = "Ein Pferd, ein K\u{f6}nigreich!";
const DONE: &str =
    "{\"mac\":\"\",\"name\":\"\",\"flows_marked\":0,\"saved\":true,\"remark\":\"\"}\n";

fn off() -> Wish<'static> {
    Wish {
        enabled: false,
        ..Wish::workstation("premium")
    }
}

fn start(bed: &Bed) -> Along {
    bed.write_config(&off());
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    lanemark
}

/// What is answered to these lines, of which the first is the request.
fn say(bed: &Bed, lines: &str) -> String {
    let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
    stream.write_all(lines.as_bytes()).expect("to ask");
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .expect("an answer");
    answer
}

fn log_in(bed: &Bed, from: &str, password: &str) -> String {
    let request = format!("{{\"verb\":\"login\",\"device\":\"{from}\"}}\n\"{password}\"\n");
    say(bed, &request)
}

fn enroll(bed: &Bed, new: &str, current: &str) -> String {
    let request =
        format!("{{\"verb\":\"enroll\",\"device\":\"192.168.77.9\"}}\n{new}\n{current}\n");
    say(bed, &request)
}

fn failure(fault: &str, message: &str) -> String {
    format!("{{\"error\":{{\"fault\":\"{fault}\",\"message\":\"{message}\"}}}}\n")
}

fn wrong() -> String {
    failure("input", "wrong password")
}

fn the_first_password_needs_none_before_and_every_other_the_one_before() -> Tried {
    let bed = Bed::new()?;
    let lanemark = start(&bed);
    let file = bed.dir().join("password");
    let (first, second) = (format!("\"{FIRST}\""), format!("\"{SECOND}\""));
    assert_eq!(
        log_in(&bed, "192.168.77.10", FIRST),
        wrong(),
        "there is none"
    );
    assert_eq!(enroll(&bed, &first, &second), wrong(), "there is none");
    let short = failure("input", "password: expected 8 to 128 bytes, found 5");
    assert_eq!(enroll(&bed, "\"short\"", "null"), short);
    assert!(!file.exists());
    assert_eq!(enroll(&bed, &first, "null"), DONE);
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(enroll(&bed, &second, "null"), wrong(), "once");
    assert_eq!(enroll(&bed, &second, &second), wrong());
    assert_eq!(log_in(&bed, "192.168.77.10", FIRST), DONE);
    assert_eq!(log_in(&bed, "fd77::10", "correct horse batterx"), wrong());
    assert_eq!(log_in(&bed, "fd77::10", "correct\\nhorse"), wrong());
    assert_eq!(enroll(&bed, &second, &first), DONE);
    assert_eq!(log_in(&bed, "192.168.77.10", FIRST), wrong());
    assert_eq!(
        log_in(&bed, "192.168.77.10", "Ein Pferd, ein K\\u00f6nigreich!"),
        DONE
    );
    // The stored hash is no password.
    let stored = fs::read_to_string(&file).expect("the file");
    assert_eq!(log_in(&bed, "192.168.77.10", stored.trim_end()), wrong());
    assert!(log_in(&bed, "nowhere", SECOND).contains("expected the visitor's address"));
    for not_a_string in ["secret", "{}", "\"\\ud800\""] {
        let lines = format!("{{\"verb\":\"login\",\"device\":\"10.0.0.1\"}}\n{not_a_string}\n");
        assert!(
            say(&bed, &lines).contains("as a JSON string, found something else"),
            "{not_a_string}"
        );
    }
    let log = lanemark.said();
    for secret in [FIRST, SECOND, stored.trim_end()] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(
        log.contains("a wrong admin password was tried from fd77::10"),
        "{log}"
    );
    Ok(())
}

/// The page, asked by the workstation: the head and the body of its answer.
fn browse(bed: &Bed, words: &[&str], path: &str) -> String {
    let url = format!("http://{ROUTER_V4}:8080{path}");
    let origin = format!("Origin: http://{ROUTER_V4}:8080");
    let usual = ["curl", "-s", "-i", "-H", &origin];
    let json = ["-H", "Content-Type: application/json"];
    run(
        bed.workstation(),
        &[&usual[..], &json, words, &[&url]].concat(),
    )
    .out
}

fn a_reset_ends_every_session_and_the_page_is_as_on_a_new_router() -> Tried {
    need(&["curl"])?;
    let bed = Bed::new()?;
    let lanemark = start(&bed);
    let file = bed.dir().join("password");
    assert_eq!(enroll(&bed, &format!("\"{FIRST}\""), "null"), DONE);
    let body = format!("{{\"password\":\"{FIRST}\"}}");
    let cookie = until("a session", SOON, || {
        let answer = browse(&bed, &["-d", &body], "/api/v1/session");
        let (_, rest) = answer.split_once("Set-Cookie: ")?;
        Some(format!("Cookie: {}", rest.split_once(';')?.0))
    });
    let who = || browse(&bed, &["-H", &cookie], "/api/v1/session");
    assert!(who().contains("\"user\":true"), "{}", who());
    let said = bed.ask(&["password", "--reset"]);
    assert!(
        said.starts_with("there is no admin password any more"),
        "{said}"
    );
    assert!(!file.exists());
    until("a page for everybody", SOON, || {
        let told = "{\"user\":false,\"token\":null,\"first\":true}";
        who().ends_with(told).then_some(())
    });
    let closed = browse(&bed, &["-H", &cookie], "/api/v1/status");
    assert!(closed.starts_with("HTTP/1.1 401"), "{closed}");
    assert_eq!(log_in(&bed, "192.168.77.10", FIRST), wrong());
    // The page itself cannot do it, and whoever comes first sets the next one.
    let next = format!("{{\"new\":\"{SECOND}\"}}");
    let set = browse(&bed, &["-X", "PUT", "-d", &next], "/api/v1/password");
    assert!(set.starts_with("HTTP/1.1 200"), "{set}");
    let again = browse(&bed, &["-X", "PUT", "-d", &next], "/api/v1/password");
    assert!(again.starts_with("HTTP/1.1 401"), "{again}");
    assert_eq!(log_in(&bed, "192.168.77.11", SECOND), DONE);
    // A second reset, of nothing, is none the less done.
    bed.ask(&["password", "--reset"]);
    bed.ask(&["password", "--reset"]);
    assert!(lanemark.said().contains("the admin password was removed"));
    Ok(())
}

fn the_metrics_are_there_while_the_configuration_has_a_token_for_them() -> Tried {
    need(&["curl"])?;
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let without = bed.ask(&["config", "show"]);
    let end = "\"connections\": 64 }";
    let with = without.replace(
        end,
        "\"connections\": 64, \"metrics_token\": \"0123456789abcdef\" }",
    );
    assert_ne!(with, without);
    let scrape = || {
        let words = ["-H", "Authorization: Bearer 0123456789abcdef"];
        browse(&bed, &words, "/metrics")
    };
    let apply = |config: &str| {
        let file = bed.scratch_file("metrics.json");
        fs::write(&file, config).expect("a file");
        bed.ask(&["config", "apply", text(&file)]);
    };
    apply(&with);
    let told = until("metrics", SOON, || {
        let told = scrape();
        told.starts_with("HTTP/1.1 200").then_some(told)
    });
    let mac = Resident::workstation().mac_text();
    let device = format!("lanemark_device_up_open_bytes{{mac=\"{mac}\",");
    for sample in [
        "\nlanemark_on 1\n",
        "\nlanemark_lane_bytes_total{lane=\"premium\",direction=\"up\"} ",
        &device,
    ] {
        assert!(told.contains(sample), "{sample}: {told}");
    }
    apply(&without);
    until("no metrics", SOON, || {
        scrape().starts_with("HTTP/1.1 404").then_some(())
    });
    Ok(())
}

fn a_spoiled_hash_lets_nobody_in_and_nobody_make_himself_one() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = start(&bed);
    let file = bed.dir().join("password");
    for spoiled in ["", "scrypt$1$1$1$00$00", "\0\0\0\0"] {
        fs::write(&file, spoiled).expect("the file");
        let first = format!("\"{FIRST}\"");
        assert_eq!(enroll(&bed, &first, "null"), wrong(), "{spoiled:?}");
        assert_eq!(log_in(&bed, "192.168.77.10", FIRST), wrong(), "{spoiled:?}");
        assert_eq!(fs::read_to_string(&file).expect("the file"), spoiled);
    }
    Ok(())
}

fn wrong_passwords_are_slowed_down_and_somebody_elsewhere_gets_in_meanwhile() -> Tried {
    let bed = Bed::new()?;
    let lanemark = start(&bed);
    let salt = [7; 16];
    let stored = Stored::new(FIRST.as_bytes(), salt).expect("a hash");
    fs::write(bed.dir().join("password"), stored.to_string()).expect("the file");
    // Twenty at once: as many as there are places.
    let request = "{\"verb\":\"login\",\"device\":\"192.168.77.20\"}\n\"wrong password\"\n";
    let (mut refused, mut evaluated) = (0, 0);
    for _ in 0..5 {
        let streams: Vec<_> = (0..4)
            .map(|_| {
                let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
                stream.write_all(request.as_bytes()).expect("to ask");
                stream
            })
            .collect();
        // The daemon answers others while a password is being looked at.
        let began = Instant::now();
        bed.ask(&["status"]);
        assert!(
            began.elapsed() < patient(Duration::from_secs(1)),
            "{:?}",
            began.elapsed()
        );
        for stream in streams {
            let mut answer = String::new();
            BufReader::new(stream)
                .read_line(&mut answer)
                .expect("an answer");
            if answer == wrong() {
                evaluated += 1;
            } else {
                assert!(
                    answer.contains(
                        "\"fault\":\"refused\",\"message\":\"too many tries; try again in "
                    ),
                    "{answer}"
                );
                refused += 1;
            }
        }
    }
    assert_eq!((evaluated, refused), (10, 10));
    assert_eq!(
        log_in(&bed, "192.168.77.10", FIRST),
        DONE,
        "the owner, elsewhere"
    );
    assert!(log_in(&bed, "192.168.77.20", FIRST).contains("too many tries"));
    // Who left before the answer has none, and nobody has his.
    let mut gone = UnixStream::connect(bed.socket()).expect("the socket");
    let right = format!("{{\"verb\":\"login\",\"device\":\"192.168.77.10\"}}\n\"{FIRST}\"\n");
    gone.write_all(right.as_bytes()).expect("to ask");
    drop(gone);
    assert_eq!(log_in(&bed, "192.168.77.11", "wrong password"), wrong());
    drop(lanemark);
    Ok(())
}

fn the_daemon_runs_no_program_but_itself() -> Tried {
    need(&["strace"])?;
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let output = bed.scratch_file("execs");
    let mut lanemark = bed.spawn_under(&[
        "strace",
        "-D",
        "-f",
        "-o",
        text(&output),
        "-e",
        "trace=execve,execveat",
    ]);
    bed.await_state(&mut lanemark, "on");
    assert_eq!(enroll(&bed, &format!("\"{FIRST}\""), "null"), DONE);
    assert_eq!(log_in(&bed, "192.168.77.10", FIRST), DONE);
    bed.ask(&["set", &Resident::workstation().mac_text(), "bulk"]);
    let traced = |wanted: &str| {
        let calls = fs::read_to_string(&output).unwrap_or_default();
        calls.contains(wanted).then_some(calls)
    };
    until("the page process", SOON, || {
        traced("[\"lanemark\", \"page\"]")
    });
    bed.ask(&["stop"]);
    lanemark.end();
    let calls = until("the end of the trace", SOON, || traced("+++ exited"));
    let mut started: Vec<_> = calls
        .lines()
        .filter(|line| line.contains("execve"))
        // The first is lanemark itself, by the tracer.
        .skip(1)
        .map(|line| {
            let (_, call) = line.split_once("execve(").expect("a call");
            let (words, _) = call.split_once(']').expect("words");
            words.to_owned()
        })
        .collect();
    started.dedup();
    let own = |word: &str| format!("\"/proc/self/exe\", [\"lanemark\", \"{word}\"");
    assert!(
        started
            .iter()
            .all(|call| *call == own("page") || *call == own("judge")),
        "{started:?}"
    );
    assert!(
        started.contains(&own("page")) && started.contains(&own("judge")),
        "{started:?}"
    );
    Ok(())
}
