//! The configuration on disk is whole at every moment.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lanemark::config::CONFIG_BYTES_MAX;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::bed::{Bed, Wish, text};
use crate::program::Along;
use crate::promise::{SOON, Tried, need, promises, root, until};
use crate::see;

promises! {
    a_kill_at_any_step_of_a_save_leaves_a_whole_configuration,
    a_kill_in_the_middle_of_changes_leaves_a_whole_configuration,
    a_class_is_on_disk_when_set_returns,
    a_directory_that_cannot_be_written_is_told_and_the_class_counts,
    a_full_flash_is_told_the_class_counts_and_is_stored_once_there_is_room,
    a_spoiled_configuration_is_kept_and_the_one_before_is_used,
    a_blank_configuration_is_not_kept_and_the_one_before_is_used,
    a_spoiled_configuration_that_cannot_be_kept_is_no_obstacle,
    without_any_good_configuration_it_is_off_and_says_why_until_one_is_applied,
    a_configuration_that_is_spoiled_while_it_runs_changes_nothing,
}

/// The class of the workstation as stored: in the current file, or where that is missing in the one before.
fn stored(bed: &Bed) -> String {
    let read = |name: &str| fs::read_to_string(bed.dir().join(name)).ok();
    let text = read("config.json")
        .or_else(|| read("config.prev.json"))
        .expect("a stored configuration");
    let config: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("expected a whole configuration, found {error}: {text}"));
    assert_eq!(config["wan"]["up_kbit"], 20_000, "{text}");
    config["devices"][0]["class"]
        .as_str()
        .unwrap_or("-")
        .to_owned()
}

/// A daemon that keeps out of the kernel starts at once; it stores all the same.
fn off(class: &'static str) -> Wish<'static> {
    Wish {
        enabled: false,
        ..Wish::workstation(class)
    }
}

fn a_kill_at_any_step_of_a_save_leaves_a_whole_configuration() -> Tried {
    need(&["strace"])?;
    let bed = Bed::new()?;
    let (mut killed, mut stores) = (0, [0; 2]);
    // Which of several calls a C library takes differs by processor; `?`: it may not be there.
    for call in [
        "?open,openat",
        "write",
        "fsync",
        "?rename,?renameat",
        "flock",
        "?unlink,unlinkat",
    ] {
        for number in 1..=4 {
            let _ = fs::remove_dir_all(bed.dir());
            fs::create_dir(bed.dir()).expect("lanemark's directory");
            bed.write_config(&off("premium"));
            let mut lanemark = bed.spawn();
            bed.await_state(&mut lanemark, "off");
            let (pid, log) = (lanemark.pid().to_string(), bed.scratch_file("strace.log"));
            let (trace, inject) = (
                format!("trace={call}"),
                format!("inject={call}:signal=KILL:when={number}"),
            );
            // Only what is done in that directory is traced: `-P` of its files.
            let paths = ["", "config.json", "config.json.new", "config.prev.json"]
                .map(|name| bed.dir().join(name));
            let mut words = vec![
                "strace",
                "-p",
                &pid,
                "-o",
                "/dev/null",
                "-e",
                &trace,
                "-e",
                &inject,
            ];
            words.extend(paths.iter().flat_map(|path| ["-P", text(path)]));
            let mut tracer = Along::start(bed.router(), &words, &log);
            until("the tracer", SOON, || {
                (see::status_number(lanemark.pid(), "TracerPid") > 0).then_some(())
            });
            let said = bed.lanemark(&["set", "02:00:00:00:00:0a", "bulk"]);
            tracer.kill();
            let dead = said.code != Some(0);
            killed += usize::from(dead);
            let class = stored(&bed);
            assert!(
                if dead {
                    ["premium", "bulk"].contains(&class.as_str())
                } else {
                    class == "bulk"
                },
                "{call} {number}: {class}"
            );
            stores[usize::from(class == "bulk")] += 1;
            lanemark.kill();
            // The next one goes on with what is there, and stores again.
            let mut next = bed.spawn();
            bed.await_state(&mut next, "off");
            bed.ask(&["set", "02:00:00:00:00:0a", "express"]);
            assert_eq!(stored(&bed), "express", "{call} {number}");
        }
    }
    assert!(
        killed >= 6 && stores.iter().all(|count| *count > 0),
        "{killed} kills hit a save, old and new were found {stores:?} times"
    );
    Ok(())
}

fn a_kill_in_the_middle_of_changes_leaves_a_whole_configuration() -> Tried {
    const ROUNDS: usize = 30;
    let bed = Bed::new()?;
    bed.write_config(&off("premium"));
    for round in 0..ROUNDS {
        let mut lanemark = bed.spawn();
        bed.await_state(&mut lanemark, "off");
        let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
        let class = if round % 2 == 0 { "bulk" } else { "premium" };
        let question = format!(
            "{{\"verb\":\"set\",\"device\":\"02:00:00:00:00:0a\",\"class\":\"{class}\"}}\n"
        );
        stream.write_all(question.as_bytes()).expect("to ask");
        // Another moment each round: so many looks at the clock of the kernel pass before the kill.
        for _ in 0..round * 20 {
            let _ = fs::metadata(bed.config_file());
        }
        lanemark.kill();
        assert!(
            ["premium", "bulk"].contains(&stored(&bed).as_str()),
            "round {round}"
        );
    }
    Ok(())
}

fn a_class_is_on_disk_when_set_returns() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    bed.ask(&["set", "02:00:00:00:00:0a", "bulk"]);
    lanemark.kill();
    assert_eq!(stored(&bed), "bulk");
    // Changes that follow each other are stored together, at the latest by an orderly end.
    let mut lanemark = bed.start_again();
    for class in ["premium", "express", "standard"] {
        bed.ask(&["set", "02:00:00:00:00:0a", class]);
    }
    lanemark.signal(Signal::SIGTERM);
    lanemark.end();
    assert_eq!(stored(&bed), "standard");
    Ok(())
}

fn a_directory_that_cannot_be_written_is_told_and_the_class_counts() -> Tried {
    root()?;
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let mount = format!(
        "mount --bind {dir} {dir} && mount -o remount,ro,bind {dir}",
        dir = text(&bed.dir())
    );
    let mut lanemark = bed.spawn_behind(&mount)?;
    bed.await_state(&mut lanemark, "on");
    let _open = bed.crowds("workstation", 3);
    let said = bed.lanemark(&["set", "02:00:00:00:00:0a", "bulk"]);
    assert_eq!(
        (said.code, said.out.as_str(), said.err.lines().count()),
        (Some(1), "", 1),
        "{said:?}"
    );
    assert!(
        said.err.contains("in force, but not stored") && said.err.contains("Read-only file system"),
        "{said:?}"
    );
    assert_eq!(
        see::marks(bed.router(), &lanemark::lab::house::Resident::workstation()),
        [40]
    );
    assert_eq!(stored(&bed), "premium");
    let status = bed.ask(&["status", "--json"]);
    assert!(status.contains("\"saved\":false"), "{status}");
    Ok(())
}

fn a_full_flash_is_told_the_class_counts_and_is_stored_once_there_is_room() -> Tried {
    root()?;
    need(&["cp", "head"])?;
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    // As much room as there is on a small flash: for the configuration, and for nothing more.
    let mount = format!(
        "mkdir {dir}.full && mount -t tmpfs -o size=64k none {dir}.full && cp {dir}/config.json {dir}.full && \
         {{ head -c 1000000 /dev/zero > {dir}.full/filler; mount --bind {dir}.full {dir}; }} 2>/dev/null",
        dir = text(&bed.dir())
    );
    let mut lanemark = bed.spawn_behind(&mount)?;
    bed.await_state(&mut lanemark, "on");
    let seen = PathBuf::from(format!("/proc/{}/root{}", lanemark.pid(), text(&bed.dir())));
    let (file, before) = (seen.join("config.json"), fs::read(bed.config_file()));
    let _open = bed.crowds("workstation", 3);
    let said = bed.lanemark(&["set", "02:00:00:00:00:0a", "bulk"]);
    assert_eq!(
        (said.code, said.out.as_str(), said.err.lines().count()),
        (Some(1), "", 1),
        "{said:?}"
    );
    assert!(
        said.err.contains("in force, but not stored")
            && said.err.contains("No space left on device"),
        "{said:?}"
    );
    assert_eq!(
        see::marks(bed.router(), &lanemark::lab::house::Resident::workstation()),
        [40]
    );
    assert_eq!(
        fs::read(&file).expect("the old one"),
        before.expect("the first one")
    );
    assert_eq!(
        names(&seen),
        ["config.json", "filler"],
        "nothing half is left"
    );
    assert!(bed.ask(&["status"]).contains("not saved"));
    fs::remove_file(seen.join("filler")).expect("room");
    // It is tried again every half minute.
    until("a second try", Duration::from_secs(40), || {
        bed.ask(&["status", "--json"])
            .contains("\"saved\":true")
            .then_some(())
    });
    let config: Value =
        serde_json::from_slice(&fs::read(&file).expect("the new one")).expect("a whole one");
    assert_eq!(config["devices"][0]["class"], "bulk");
    Ok(())
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a name of ours")
        })
        .collect();
    names.sort();
    names
}

/// An empty directory, and in it the previous configuration, if any.
fn clean(bed: &Bed, previous: Option<&str>) {
    let _ = fs::remove_dir_all(bed.dir());
    fs::create_dir(bed.dir()).expect("lanemark's directory");
    if let Some(previous) = previous {
        fs::write(bed.dir().join("config.prev.json"), previous).expect("the previous one");
    }
}

/// What can stand where the configuration should.
type Spoil = (&'static str, fn(&Path), &'static [&'static str]);

const SPOILT: [Spoil; 7] = [
    (
        "half of one",
        |path| {
            let whole = Wish::workstation("bulk").text();
            let (half, _) = whole.split_at(whole.len() / 2);
            fs::write(path, half).expect("a file");
        },
        &["expected", "found"],
    ),
    (
        "an object without a field",
        |path| fs::write(path, "{}").expect("a file"),
        &["version", "expected"],
    ),
    (
        "a class that is none",
        |path| {
            let text = Wish::workstation("platinum").text();
            // What is wrong stands in the fourth line, however long the rest grows.
            let (before, class) = text.split_once("\"devices\"").expect("devices");
            let text = before.replace('\n', " ").replacen('{', "{\n\n", 1) + "\"devices\"" + class;
            fs::write(path, text).expect("a file");
        },
        &["line 4:", "devices[0].class", "expected", "found"],
    ),
    (
        "noise",
        |path| fs::write(path, "\u{0}\u{1}").expect("a file"),
        &["expected", "found"],
    ),
    (
        "a later version",
        |path| {
            let text = Wish::workstation("bulk").text();
            fs::write(path, text.replace("\"version\": 1", "\"version\": 2")).expect("a file");
        },
        &["version", "expected 1", "found 2"],
    ),
    (
        "a directory",
        |path| {
            fs::create_dir(path).expect("a directory");
            fs::write(path.join("file"), "").expect("a file");
        },
        &["expected a regular file"],
    ),
    (
        "too long a file",
        |path| {
            let file = fs::File::create(path).expect("a file");
            file.set_len(CONFIG_BYTES_MAX as u64 + 1).expect("its size");
        },
        &["expected at most", "bytes", "found"],
    ),
];

/// The last line of the log that says that something is wrong.
fn error_line(lanemark: &Along) -> String {
    let said = lanemark.said();
    let mut errors = said.lines().filter(|line| line.starts_with("<3>"));
    errors.next_back().unwrap_or_default().to_owned()
}

fn a_spoiled_configuration_is_kept_and_the_one_before_is_used() -> Tried {
    let bed = Bed::new()?;
    let (current, kept) = (bed.config_file(), bed.dir().join("config.bad.json"));
    for (what, spoil, words) in SPOILT {
        clean(&bed, Some(&off("premium").text()));
        // What was kept before gives way.
        fs::write(&kept, "older").expect("a file");
        spoil(&current);
        let mut lanemark = bed.spawn();
        bed.await_state(&mut lanemark, "off");
        let line = error_line(&lanemark);
        assert!(
            words.iter().all(|word| line.contains(word))
                && line.contains(&format!("{}/config.json", text(&bed.dir())))
                && line.ends_with("; kept as config.bad.json; config.prev.json is used"),
            "{what}: {line}"
        );
        assert_eq!(
            names(&bed.dir()),
            ["config.bad.json", "config.prev.json"],
            "{what}"
        );
        assert!(
            kept.is_dir() || fs::metadata(&kept).expect("a file").len() != 5,
            "{what}: the older one is still there"
        );
        assert!(bed.ask(&["config", "show"]).contains("premium"), "{what}");
        let status = bed.ask(&["status", "--json"]);
        assert!(
            status.contains("config.prev.json is used; config.json"),
            "{what}: {status}"
        );
        // Once something is stored again, there is nothing to tell.
        bed.ask(&["set", "02:00:00:00:00:0a", "bulk"]);
        assert_eq!(stored(&bed), "bulk", "{what}");
        let status = bed.ask(&["status", "--json"]);
        assert!(!status.contains("config.prev.json"), "{what}: {status}");
        lanemark.kill();
    }
    // And the lanes are up with it.
    clean(&bed, Some(&Wish::workstation("premium").text()));
    fs::write(&current, "{").expect("a file");
    let _lanemark = bed.start_again();
    assert_eq!(
        see::root_qdisc(bed.router(), lanemark::lab::house::WAN),
        "htb 4c4d:"
    );
    Ok(())
}

fn a_blank_configuration_is_not_kept_and_the_one_before_is_used() -> Tried {
    let bed = Bed::new()?;
    for blank in [&b""[..], &[0; 5_000]] {
        clean(&bed, Some(&off("premium").text()));
        fs::write(bed.config_file(), blank).expect("a file");
        let mut lanemark = bed.spawn();
        bed.await_state(&mut lanemark, "off");
        assert!(bed.ask(&["config", "show"]).contains("premium"));
        assert_eq!(names(&bed.dir()), ["config.json", "config.prev.json"]);
        lanemark.kill();
    }
    Ok(())
}

fn a_spoiled_configuration_that_cannot_be_kept_is_no_obstacle() -> Tried {
    root()?;
    let bed = Bed::new()?;
    clean(&bed, Some(&Wish::workstation("premium").text()));
    fs::write(bed.config_file(), "{").expect("a file");
    let mount = format!(
        "mount --bind {dir} {dir} && mount -o remount,ro,bind {dir}",
        dir = text(&bed.dir())
    );
    let mut lanemark = bed.spawn_behind(&mount)?;
    bed.await_state(&mut lanemark, "on");
    let line = error_line(&lanemark);
    assert!(
        line.ends_with(
            "; not kept as config.bad.json: Read-only file system; config.prev.json is used"
        ),
        "{line}"
    );
    Ok(())
}

fn without_any_good_configuration_it_is_off_and_says_why_until_one_is_applied() -> Tried {
    let bed = Bed::new()?;
    let before = see::kernel(bed.router());
    let good = bed.scratch_file("good.json");
    fs::write(&good, Wish::workstation("bulk").text()).expect("a configuration");
    for previous in [None, Some("{"), Some("")] {
        clean(&bed, previous);
        fs::write(bed.config_file(), "{\"version\": 7}").expect("a file");
        let mut lanemark = bed.spawn();
        bed.await_state(&mut lanemark, "off");
        let line = error_line(&lanemark);
        assert!(
            line.contains("config.json: line 1: version: expected 1, ")
                && line
                    .ends_with("QoS is off: apply a good configuration ('lanemark config apply')")
                && line.contains("config.prev.json") == previous.is_some(),
            "{previous:?}: {line}"
        );
        let status = bed.ask(&["status"]);
        assert!(
            ["off:", "lanemark config apply", "config.json: line 1"]
                .iter()
                .all(|word| status.contains(word)),
            "{status}"
        );
        // The next one says it too.
        lanemark.kill();
        let mut lanemark = bed.spawn();
        bed.await_state(&mut lanemark, "off");
        let status = bed.ask(&["status"]);
        assert!(
            status.contains("lanemark config apply") && status.contains("config."),
            "{status}"
        );
        see::kernel(bed.router()).assert_is(&before, "without a good configuration");
        bed.ask(&["config", "apply", text(&good)]);
        bed.await_state(&mut lanemark, "on");
        assert_eq!(stored(&bed), "bulk", "{previous:?}");
        lanemark.kill();
        let _next = bed.start_again();
        bed.ask(&["stop"]);
    }
    Ok(())
}

fn a_configuration_that_is_spoiled_while_it_runs_changes_nothing() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let before = see::kernel(bed.router());
    fs::write(bed.config_file(), "{").expect("a file");
    // Neither by reading it again, nor by a second start, which ends at once.
    lanemark.signal(Signal::SIGHUP);
    until("the reason", SOON, || {
        error_line(&lanemark)
            .ends_with("the configuration in force stays")
            .then_some(())
    });
    assert_eq!(bed.spawn().end().code(), Some(1));
    assert_eq!(names(&bed.dir()), ["config.json"]);
    assert_eq!(fs::read(bed.config_file()).expect("the file"), b"{");
    bed.await_state(&mut lanemark, "on");
    see::kernel(bed.router()).assert_is(&before, "after nonsense in the file");
    Ok(())
}
