//! The configuration on disk is whole at every moment.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::bed::{Bed, Wish, text};
use crate::program::{Along, run, under_test};
use crate::promise::{SOON, Tried, need, promises, root, until};
use crate::see;

promises! {
    a_kill_at_any_step_of_a_save_leaves_a_whole_configuration,
    a_kill_in_the_middle_of_changes_leaves_a_whole_configuration,
    a_class_is_on_disk_when_set_returns,
    a_directory_that_cannot_be_written_is_told_and_the_class_counts,
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
    for call in ["openat", "write", "fsync", "rename", "flock", "unlink"] {
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
    lanemark.signal(nix::sys::signal::Signal::SIGTERM);
    lanemark.end();
    assert_eq!(stored(&bed), "standard");
    Ok(())
}

fn a_directory_that_cannot_be_written_is_told_and_the_class_counts() -> Tried {
    root()?;
    need(&["unshare", "mount", "sh"])?;
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let (dir, socket) = (bed.dir(), bed.socket());
    let script = format!(
        "mount --bind {dir} {dir} && mount -o remount,ro,bind {dir} && exec {} run --dir {dir} --socket {socket}",
        under_test(),
        dir = text(&dir),
        socket = text(&socket),
    );
    let tried = run(bed.router(), &["unshare", "-m", "true"]);
    if tried.code != Some(0) {
        return Err(crate::promise::Skip(format!(
            "no mount namespace: {}",
            tried.err.trim()
        )));
    }
    let mut lanemark = Along::start(
        bed.router(),
        &["unshare", "-m", "sh", "-c", &script],
        &bed.scratch_file("lanemark.log"),
    );
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
