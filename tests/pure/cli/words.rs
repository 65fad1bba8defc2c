//! Words become a command, or one line that tells what was expected and found.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lanemark::cli::{Command, Form, Next, RunOptions, Source, Task};
use lanemark::control::Verb;
use lanemark::sys::client::Surroundings;
use lanemark::value::Class;

use super::daemon::{Place, call, call_in, text};
use super::tables::columns;

/// Each verb with words that make it complete, and the options that its help must name.
const VERBS: [(&[&str], &[&str], &[&str]); 16] = [
    (
        &["run"],
        &[],
        &["--dir DIR", "--socket PATH", "--verbose", "--help"],
    ),
    (&["status"], &[], &["--socket PATH", "--json", "--help"]),
    (&["watch"], &[], &["--socket PATH", "--json", "--help"]),
    (&["devices"], &[], &["--socket PATH", "--json", "--help"]),
    (
        &["flows"],
        &[],
        &[
            "--device D",
            "--class C",
            "--socket PATH",
            "--json",
            "--help",
        ],
    ),
    (
        &["set"],
        &["tv", "bulk"],
        &["D", "CLASS", "--socket PATH", "--json", "--help"],
    ),
    (
        &["unset"],
        &["tv"],
        &["D", "--socket PATH", "--json", "--help"],
    ),
    (
        &["config", "show"],
        &[],
        &["--socket PATH", "--json", "--help"],
    ),
    (&["config", "check"], &["-"], &["F", "--json", "--help"]),
    (
        &["config", "apply"],
        &["-"],
        &["F", "--socket PATH", "--json", "--help"],
    ),
    (
        &["config", "history"],
        &[],
        &["--socket PATH", "--json", "--help"],
    ),
    (
        &["config", "diff"],
        &["11"],
        &["[N]", "--socket PATH", "--json", "--help"],
    ),
    (
        &["config", "rollback"],
        &["11"],
        &["[N]", "--socket PATH", "--json", "--help"],
    ),
    (&["doctor"], &[], &["--socket PATH", "--json", "--help"]),
    (
        &["password"],
        &[],
        &["--reset", "--socket PATH", "--json", "--help"],
    ),
    (&["stop"], &[], &["--socket PATH", "--json", "--help"]),
];

fn parse(words: &[&str]) -> Result<Command<'static>, String> {
    // A command borrows its words.
    let words: &'static [OsString] = Vec::leak(words.iter().map(OsString::from).collect());
    Command::parse(words, None).map_err(|usage| usage.to_string())
}

#[test]
fn every_help_fits_80_columns_and_names_its_options() {
    for (verb, _, named) in VERBS {
        let ended = call(&[verb, &["--help"]].concat());
        assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{verb:?}");
        assert!(
            ended
                .text()
                .starts_with(&format!("usage: lanemark {}", verb.join(" "))),
            "{}",
            ended.text()
        );
        for name in named {
            assert!(
                ended
                    .text()
                    .lines()
                    .any(|line| line.trim_start().starts_with("usage") || line.contains(name)),
                "{verb:?}: {name}"
            );
            let listed = |line: &str| {
                line.starts_with("  ")
                    && (line[2..].starts_with(name) || line.starts_with(&format!("  -h, {name}")))
            };
            assert!(
                ended.text().lines().any(listed),
                "{verb:?} does not explain {name}:\n{}",
                ended.text()
            );
        }
        let usage = ended.text().lines().next().expect("a first line");
        for name in named.iter().filter(|name| **name != "--help") {
            assert!(usage.contains(name), "{usage}: {name}");
        }
        for line in ended.text().lines() {
            assert!(
                columns(line) <= 80 && !line.ends_with(' '),
                "{verb:?}: {line}"
            );
        }
    }
}

#[test]
fn the_help_of_the_program_lists_every_verb_and_exit_code() {
    for words in [
        &["--help"][..],
        &["-h"],
        &["--json", "--help"],
        &["--help", "--socket=x"],
    ] {
        let ended = call(words);
        assert_eq!(ended.code(), 0);
        for (verb, _, _) in VERBS {
            assert!(
                ended.text().contains(&format!("\n  {}", verb.join(" "))),
                "{verb:?}"
            );
        }
        for needed in [
            "--socket PATH",
            "--json",
            "--help",
            "--version",
            "LANEMARK_SOCKET",
            "/var/run/lanemark.sock",
            "0 done",
            "3 the daemon",
        ] {
            assert!(ended.text().contains(needed), "{needed}");
        }
        assert!(ended.text().lines().all(|line| columns(line) <= 80));
    }
    let group = call(&["config", "--help"]);
    assert!(
        group.text().contains("config check F") && !group.text().contains("  doctor"),
        "{}",
        group.text()
    );
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = env!("CARGO_PKG_VERSION");
    for words in [&["--version"][..], &["-V"], &["status", "--version"]] {
        assert_eq!(call(words).text(), format!("lanemark {version}\n"));
    }
    assert_eq!(
        call(&["--version", "--json"]).text(),
        format!("{{\"version\":\"{version}\"}}\n")
    );
}

#[test]
fn options_may_stand_before_or_after_the_verb() {
    for (verb, operands, _) in VERBS.iter().filter(|(verb, _, _)| *verb != ["run"]) {
        let after =
            parse(&[verb, *operands, &["--json", "--socket", "/s"]].concat()).expect("good words");
        assert_eq!(
            (after.form, after.socket.to_str()),
            (Form::Json, Some("/s")),
            "{verb:?}"
        );
        assert_eq!(
            parse(&[&["--socket=/s", "--json"], *verb, *operands].concat()),
            Ok(after)
        );
        assert_eq!(
            parse(&[*verb, &["--socket=/s"], *operands, &["--json"]].concat()),
            Ok(after)
        );
        assert_eq!(
            parse(&[&["--json", "--json", "--socket=/s"], *verb, *operands].concat()),
            Ok(after)
        );
    }
}

/// A command that says nothing but what to do.
fn plain(task: Task) -> Command<'static> {
    Command {
        socket: Path::new("/var/run/lanemark.sock"),
        form: Form::Table,
        task,
        device: None,
        class: None,
        source: Source::StandardInput,
        dir: None,
        verbose: false,
        reset: false,
        rules: None,
    }
}

fn about(verb: Verb, device: Option<&'static str>, class: Option<Class>) -> Command<'static> {
    Command {
        device,
        class,
        ..plain(Task::Ask(verb))
    }
}

#[test]
fn each_verb_means_its_task() {
    let ask = |verb| plain(Task::Ask(verb));
    for (words, expected) in [
        (&["status"][..], ask(Verb::Status)),
        (&["devices"], ask(Verb::Devices)),
        (&["flows"], ask(Verb::Flows)),
        (
            &["flows", "--class", "BULK", "--device=tv"],
            about(Verb::Flows, Some("tv"), Some(Class::Bulk)),
        ),
        (
            &["set", "tv", "Premium"],
            about(Verb::Set, Some("tv"), Some(Class::Premium)),
        ),
        (
            &["set", "--", "--tv", "exempt"],
            about(Verb::Set, Some("--tv"), Some(Class::Exempt)),
        ),
        (&["unset", "tv"], about(Verb::Unset, Some("tv"), None)),
        (&["config", "show"], ask(Verb::ConfigShow)),
        (&["config", "check", "-"], plain(Task::Check)),
        (
            &["config", "apply", "./-"],
            Command {
                source: Source::File(Path::new("./-")),
                ..ask(Verb::ConfigApply)
            },
        ),
        (&["doctor"], ask(Verb::Doctor)),
        (
            &["stop", "--json", "--socket", "/s"],
            Command {
                form: Form::Json,
                socket: Path::new("/s"),
                ..ask(Verb::Stop)
            },
        ),
        (
            &["run", "--dir", "/d", "--verbose"],
            Command {
                dir: Some(Path::new("/d")),
                verbose: true,
                ..plain(Task::Run)
            },
        ),
        (&["set", "--help"], plain(Task::Help("set"))),
    ] {
        assert_eq!(parse(words), Ok(expected), "{words:?}");
    }
}

#[test]
fn the_socket_is_the_option_else_the_environment_else_the_default() {
    let environment = |words: &[&str], socket: Option<&str>| {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        let socket = socket.map(OsString::from);
        Command::parse(&words, socket.as_deref())
            .expect("good words")
            .socket
            .to_owned()
    };
    assert_eq!(
        environment(&["status"], None),
        PathBuf::from("/var/run/lanemark.sock")
    );
    assert_eq!(environment(&["status"], Some("/e")), PathBuf::from("/e"));
    assert_eq!(
        environment(&["status", "--socket", "/o"], Some("/e")),
        PathBuf::from("/o")
    );
}

#[test]
fn run_is_handed_to_the_daemon_with_its_options() {
    let surroundings = Surroundings {
        socket: Some("/e".into()),
        ..Surroundings::default()
    };
    let ended = call_in(&["run", "--dir=/d", "--verbose"], surroundings);
    let expected = RunOptions {
        dir: PathBuf::from("/d"),
        socket: PathBuf::from("/e"),
        verbose: true,
        rules: None,
    };
    assert_eq!(
        (ended.next, ended.err.as_str(), ended.out.len()),
        (Next::Run(expected), "", 0)
    );
}

/// Wrong usage is one line on standard error that tells what was expected and found, and exit code 2.
fn refused(words: &[&str], expected: &str) {
    let ended = call(words);
    assert_eq!(ended.err, format!("lanemark: {expected}\n"), "{words:?}");
    assert_eq!((ended.code(), ended.out.len()), (2, 0), "{words:?}");
}

#[test]
fn a_missing_or_unknown_verb_is_told_the_verbs() {
    let verbs = "run, status, watch, devices, flows, set, unset, config, doctor, password or stop";
    for (words, expected) in [
        (&[][..], format!("expected {verbs}, found nothing")),
        (&["--json"], format!("expected {verbs}, found nothing")),
        (&["stauts"], format!("expected {verbs}, found 'stauts'")),
        (
            &["stauts", "--help"],
            format!("expected {verbs}, found 'stauts'"),
        ),
        (&[""], format!("expected {verbs}, found ''")),
        (&["-"], format!("expected {verbs}, found '-'")),
        (
            &["config"],
            "config: expected show, check, apply, history, diff or rollback, found nothing".into(),
        ),
        (
            &["config", "compare"],
            "config: expected show, check, apply, history, diff or rollback, found 'compare'"
                .into(),
        ),
        (
            &["st\u{1b}[31m\u{202e}\nx"],
            format!("expected {verbs}, found 'st?[31m??x'"),
        ),
    ] {
        refused(words, &expected);
    }
}

#[test]
fn a_wrong_option_is_told_the_options_or_what_its_value_is() {
    for (words, expected) in [
        (
            &["status", "--jsno"][..],
            "expected --socket, --json, --dir, --verbose, --reset, --rules, --device, --class, --help or --version, found '--jsno'",
        ),
        (
            &["-x"],
            "expected --socket, --json, --dir, --verbose, --reset, --rules, --device, --class, --help or --version, found '-x'",
        ),
        (
            &["status", "--dir", "/d"],
            "status: expected --socket, --json or --help, found --dir",
        ),
        (
            &["run", "--json"],
            "run: expected --dir, --socket, --verbose, --rules or --help, found --json",
        ),
        (
            &["status", "--class=bulk"],
            "status: expected --socket, --json or --help, found --class",
        ),
        (
            &["status", "--socket"],
            "--socket: expected a path, found nothing",
        ),
        (
            &["status", "--socket="],
            "--socket: expected a path, found nothing",
        ),
        (
            &["status", "--socket", ""],
            "--socket: expected a path, found nothing",
        ),
        (
            &["status", "--socket", "--json"],
            "--socket: expected a path, found '--json'",
        ),
        (&["run", "--dir"], "--dir: expected a path, found nothing"),
        (
            &["flows", "--device"],
            "--device: expected a device, found nothing",
        ),
        (
            &["flows", "--class"],
            "--class: expected a class, found nothing",
        ),
        (
            &["status", "--json=yes"],
            "--json: expected no value, found 'yes'",
        ),
        (&["--help=set"], "--help: expected no value, found 'set'"),
        (
            &["--socket=a", "status", "--socket=b"],
            "--socket: expected once, found twice",
        ),
    ] {
        refused(words, expected);
    }
}

#[test]
fn a_wrong_operand_is_told_what_stands_there() {
    let long = "x".repeat(64);
    for (words, expected) in [
        (&["status", "now"][..], "status: expected nothing more, found 'now'".into()),
        (&["set", "a", "bulk", "b"], "set: expected nothing more, found 'b'".into()),
        (&["config", "show", "x"], "config show: expected nothing more, found 'x'".into()),
        (&["set"], "set: expected D (the device: its MAC address, an IP address, or its name), found nothing".into()),
        (
            &["unset"],
            "unset: expected D (the device: its MAC address, an IP address, or its name), found nothing".into(),
        ),
        (&["set", "tv"], "set: expected CLASS (exempt, premium, express, standard or bulk), found nothing".into()),
        (&["config", "check"], "config check: expected F (the file; - is standard input), found nothing".into()),
        (&["config", "apply"], "config apply: expected F (the file; - is standard input), found nothing".into()),
        (&["set", "tv", "gold"], "set: expected exempt, premium, express, standard or bulk, found 'gold'".into()),
        (&["set", "tv", ""], "set: expected exempt, premium, express, standard or bulk, found ''".into()),
        (
            &["flows", "--class", "10"],
            "--class: expected exempt, premium, express, standard or bulk, found '10'".into(),
        ),
        (
            &["unset", ""],
            "unset: expected a MAC address, an IP address or a name of 1 to 63 bytes of UTF-8, found ''".into(),
        ),
        (
            &["set", "a\u{fffd}", "bulk"],
            "set: expected a MAC address, an IP address or a name of 1 to 63 bytes of UTF-8, found 'a\u{fffd}'".into(),
        ),
        (
            &["flows", "--device", &long],
            format!(
                "--device: expected a MAC address, an IP address or a name of 1 to 63 bytes of UTF-8, found '{}~'",
                "x".repeat(59)
            ),
        ),
    ] {
        refused(words, &expected);
    }
}

#[test]
fn a_configuration_is_checked_without_a_daemon() {
    let place = Place::new();
    let write = |name: &str, content: &[u8]| {
        std::fs::write(place.path(name), content).expect("a file of the test");
        text(&place.path(name))
    };
    let check = |file: &str| call(&["config", "check", file, "--socket", "/nowhere"]);

    let good = write("good.json", b"{\"version\":1}");
    assert_eq!(
        (check(&good).code(), check(&good).text()),
        (0, format!("{good}: ok\n").as_str())
    );
    assert_eq!(
        call(&["config", "check", "--json", &good]).text(),
        "{\"ok\":true}\n"
    );

    let bad = write("bad.json", b"{\n\"version\":1,\n\"wan\":{\"up_kbit\":-7}}");
    let message = format!(
        "{bad}: line 3: wan.up_kbit: expected a whole number from 64 to 10000000, found -7"
    );
    assert_eq!(
        (check(&bad).code(), check(&bad).err),
        (2, format!("lanemark: {message}\n"))
    );
    let json = call(&["config", "check", "--json", &bad]);
    assert_eq!(
        (json.code(), json.text()),
        (
            2,
            format!("{{\"error\":{{\"fault\":\"input\",\"message\":\"{message}\"}}}}\n").as_str()
        )
    );

    let missing = text(&place.path("missing"));
    assert_eq!(
        (check(&missing).code(), check(&missing).err),
        (2, format!("lanemark: {missing}: entity not found\n"))
    );
    let folder = text(&place.path("."));
    assert_eq!(
        (check(&folder).code(), check(&folder).err),
        (2, format!("lanemark: {folder}: is a directory\n"))
    );

    let limit = lanemark::config::CONFIG_BYTES_MAX;
    let padded = |bytes: usize| format!("{{\"version\":1}}{}", " ".repeat(bytes - 13));
    let full = write("full.json", padded(limit).as_bytes());
    assert_eq!(
        check(&full).code(),
        0,
        "a file of exactly the limit is read"
    );
    let huge = write("huge.json", padded(limit + 1).as_bytes());
    assert_eq!(
        (check(&huge).code(), check(&huge).err),
        (
            2,
            format!("lanemark: {huge}: expected at most {limit} bytes, found more\n")
        )
    );
    assert_eq!(
        check("/dev/zero").code(),
        2,
        "an endless file is not read to its end"
    );
}

#[test]
fn the_number_of_a_configuration_may_be_left_out_and_is_a_number() {
    for verb in ["diff", "rollback"] {
        assert_eq!(parse(&["config", verb]).expect("good words").device, None);
        let command = parse(&["config", verb, "11"]).expect("good words");
        assert_eq!(command.device, Some("11"));
        for word in ["eleven", "+1", "-", "99999999999"] {
            refused(
                &["config", verb, word],
                &format!("config {verb}: expected a whole number, found '{word}'"),
            );
        }
    }
}
