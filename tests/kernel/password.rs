//! The admin password: a hash in a file that only root can read, and in nothing else.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use lanemark::config::password::Stored;
use lanemark::lab::house::WAN;

use crate::bed::{Bed, Wish, text};
use crate::program::{Said, run, under_test};
use crate::promise::{Tried, need, promises, root};
use crate::see;

promises! {
    a_password_is_stored_as_a_hash_for_root_only_and_is_in_no_log,
    what_is_no_hash_is_refused_and_the_password_stays,
    a_password_that_cannot_be_stored_is_told_and_the_old_one_stays,
}

const FIRST: &str = "correct horse battery";
const SECOND: &str = "Ein Pferd, ein Königreich!";

/// Sets a password, from standard input.
fn set(bed: &Bed, password: &str) -> Said {
    let script = format!(
        "printf '%s\\n' '{password}' | {} password --socket {}",
        under_test(),
        text(&bed.socket())
    );
    run(bed.router(), &["sh", "-c", &script])
}

fn stored(bed: &Bed) -> String {
    fs::read_to_string(bed.dir().join("password")).expect("the file")
}

fn is_stored(bed: &Bed, password: &str) -> bool {
    Stored::parse(stored(bed).as_bytes())
        .expect("a hash")
        .is_of(password.as_bytes())
}

fn a_password_is_stored_as_a_hash_for_root_only_and_is_in_no_log() -> Tried {
    need(&["sh"])?;
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let mut lanemark = bed.spawn_verbose();
    bed.await_state(&mut lanemark, "on");
    let config = fs::read(bed.config_file()).expect("the file");
    let mut hashes = Vec::new();
    for password in [FIRST, SECOND, SECOND] {
        let said = set(&bed, password);
        assert_eq!(
            (said.code, said.out.as_str(), said.err.as_str()),
            (Some(0), "the admin password is set\n", "")
        );
        assert!(is_stored(&bed, password));
        let mode = fs::metadata(bed.dir().join("password"))
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        hashes.push(stored(&bed));
    }
    assert!(!is_stored(&bed, FIRST), "the old one is none any more");
    assert_ne!(hashes[1], hashes[2], "each has its own salt");
    // Nothing but the hash of the last one is anywhere.
    let (log, shown) = (lanemark.said(), bed.ask(&["config", "show"]));
    for secret in hashes.iter().map(String::as_str).chain([FIRST, SECOND]) {
        assert!(!log.contains(secret.trim_end()) && !shown.contains(secret.trim_end()));
    }
    assert_eq!(log.matches("the admin password was set").count(), 3);
    assert!(!log.contains("scrypt"), "{log}");
    let mut names: Vec<_> = fs::read_dir(bed.dir())
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["config.json", "password"]);
    // The lanes have nothing to do with it.
    assert_eq!(fs::read(bed.config_file()).expect("the file"), config);
    assert_eq!(see::root_qdisc(bed.router(), WAN), "htb 4c4d:");
    lanemark.kill();
    let _next = bed.start_again();
    assert!(is_stored(&bed, SECOND));
    Ok(())
}

fn what_is_no_hash_is_refused_and_the_password_stays() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&Wish {
        enabled: false,
        ..Wish::workstation("premium")
    });
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    assert_eq!(set(&bed, FIRST).code, Some(0));
    let before = stored(&bed);
    let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut say = |words: &str| {
        stream.write_all(words.as_bytes()).expect("to ask");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("an answer");
        answer
    };
    for line in [
        "",
        "\"\"",
        FIRST,
        "\"correct horse battery\"",
        &before,
        &format!("\"{}\"", before.replace("scrypt$11", "scrypt$31")),
        &format!("\"{}", before.trim_end()),
        "{\"verb\":\"status\"}",
    ] {
        let answer = say(&format!("{{\"verb\":\"password\"}}\n{}\n", line.trim_end()));
        assert_eq!(
            answer,
            "{\"error\":{\"fault\":\"input\",\"message\":\"expected the hash of a password, found something else\"}}\n",
            "{line}"
        );
        assert_eq!(stored(&bed), before);
    }
    // On the same connection, behind a question and before one.
    let good = format!(
        "{{\"verb\":\"doctor\"}}\n{{\"verb\":\"password\"}}\n\"{}\"\n{{\"verb\":\"status\"}}\n",
        before.replace("$11$8$1$", "$12$8$1$").trim_end()
    );
    assert!(say(&good).starts_with("{\"findings\""));
    assert!(say("").contains("\"saved\":true"));
    assert!(say("").contains("\"state\":\"off\""));
    assert!(stored(&bed).starts_with("scrypt$12$8$1$"));
    // Without a second line there is nothing to store, and without an end neither.
    for half in ["{\"verb\":\"password\"}\n", "{\"verb\":\"password\"}\n\"x"] {
        let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
        stream.write_all(half.as_bytes()).expect("to ask");
        drop(stream);
        bed.await_state(&mut lanemark, "off");
    }
    assert!(stored(&bed).starts_with("scrypt$12$8$1$"));
    Ok(())
}

fn a_password_that_cannot_be_stored_is_told_and_the_old_one_stays() -> Tried {
    root()?;
    need(&["sh", "head"])?;
    let bed = Bed::new()?;
    bed.write_config(&Wish {
        enabled: false,
        ..Wish::workstation("premium")
    });
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    assert_eq!(set(&bed, FIRST).code, Some(0));
    lanemark.kill();
    let mount = format!(
        "mount --bind {dir} {dir} && mount -o remount,ro,bind {dir}",
        dir = text(&bed.dir())
    );
    let mut lanemark = bed.spawn_behind(&mount)?;
    bed.await_state(&mut lanemark, "off");
    let said = set(&bed, SECOND);
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (
            Some(1),
            "",
            "lanemark: password not saved: Read-only file system (while creating)\n"
        )
    );
    assert!(is_stored(&bed, FIRST));
    Ok(())
}
