//! Whatever happens to a save, a whole document is there afterwards.
#![expect(
    clippy::disallowed_methods,
    reason = "children are run to be killed, and learn from the environment where"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of it is test, the functions between the tests too"
)]

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lanemark::sys::store::{Document, Loaded, Store, Version};

use crate::program;

const DOCUMENT: Document = Document {
    current: "config.json",
    previous: Some("config.prev.json"),
    older: 0,
    temporary: "config.new.json",
    bytes_max: 128 * 1024,
};

/// The child finds its directory there.
const DIR_VARIABLE: &str = "LANEMARK_TEST_STORE";

/// A directory of this test's own, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path =
            std::env::temp_dir().join(format!("lanemark-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn store(&self) -> Store {
        Store::new(&self.0, DOCUMENT)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A document that takes several pages, so that half of one is not a whole one.
fn version(number: u8) -> Vec<u8> {
    let mut bytes = vec![b'0' + number; 100_000];
    bytes.push(b'.');
    bytes
}

fn text(bytes: impl Into<Vec<u8>>, from: Version) -> Loaded {
    Loaded::Text {
        bytes: bytes.into(),
        from,
    }
}

/// Tells of a test that could not run, past the harness' capture; fails instead where all must run.
fn skip(why: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "must not be skipped: {why}"
    );
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// As [`DOCUMENT`], with three versions before the previous one.
fn with_shelf(scratch: &Scratch) -> Store {
    let document = Document {
        older: 3,
        ..DOCUMENT
    };
    Store::new(&scratch.0, document)
}

/// The numbers of the versions, and the first byte of each.
fn versions(store: &Store) -> Vec<(u32, u8)> {
    let versions = store.versions().into_iter();
    versions
        .map(|kept| {
            let text = store.version(&kept).unwrap();
            assert_eq!(text.len(), kept.bytes as usize);
            assert!(kept.unix_s > 1_700_000_000);
            (kept.number, text[0] - b'0')
        })
        .collect()
}

#[test]
fn older_versions_stay_with_their_numbers_until_there_are_too_many() {
    let scratch = Scratch::new("shelf");
    let store = with_shelf(&scratch);
    assert_eq!(versions(&store), []);
    for number in 1..=9 {
        store.save(&version(number)).unwrap();
        let first = number.saturating_sub(4).max(1);
        let expected: Vec<_> = (first..=number).rev().map(|n| (n.into(), n)).collect();
        assert_eq!(versions(&store), expected);
    }
    assert_eq!(
        scratch.names(),
        [
            "config.5.json",
            "config.6.json",
            "config.7.json",
            "config.json",
            "config.prev.json"
        ]
    );
    // What others call so is none of ours, and is left alone.
    for name in [
        "config.8.json.bak",
        "config.x.json",
        "config.+9.json",
        "other.9.json",
    ] {
        scratch.put(name, b"9");
    }
    store.save(&version(0)).unwrap();
    assert_eq!(versions(&store)[0], (10, 0));
    assert!(scratch.names().contains(&"config.x.json".to_owned()));
}

#[test]
fn a_version_that_a_power_cut_left_empty_is_none_and_the_good_one_before_is_not_put_away() {
    let scratch = Scratch::new("shelf-blank");
    let store = with_shelf(&scratch);
    for number in 1..=3 {
        store.save(&version(number)).unwrap();
    }
    scratch.put("config.json", b"");
    assert_eq!(versions(&store), [(2, 2), (1, 1)]);
    // The previous one is what would be loaded: it stays where it is until there is a new one.
    store.save(&version(4)).unwrap();
    assert_eq!(versions(&store), [(3, 4), (2, 2), (1, 1)]);
    scratch.put("config.1.json", b"");
    store.save(&version(5)).unwrap();
    assert_eq!(versions(&store), [(4, 5), (3, 4), (2, 2)]);
}

#[test]
fn what_cannot_be_put_away_keeps_nothing_from_being_saved() {
    let scratch = Scratch::new("shelf-taken");
    let store = with_shelf(&scratch);
    store.save(&version(1)).unwrap();
    store.save(&version(2)).unwrap();
    // The greatest number that there is: none comes behind it.
    fs::create_dir(scratch.0.join("config.4294967295.json")).unwrap();
    fs::create_dir(scratch.0.join("config.7.json")).unwrap();
    store.save(&version(3)).unwrap();
    assert_eq!(store.load(), Ok(text(version(3), Version::Current)));
    assert_eq!(versions(&store)[0].1, 3);
}

#[test]
fn nothing_saved_is_missing_and_loading_makes_nothing() {
    let scratch = Scratch::new("missing");
    assert_eq!(scratch.store().load(), Ok(Loaded::Missing));
    let below = scratch.0.join("etc/lanemark");
    assert_eq!(Store::new(&below, DOCUMENT).load(), Ok(Loaded::Missing));
    assert_eq!(scratch.names(), [""; 0]);
}

#[test]
fn what_was_saved_is_loaded_and_the_version_before_is_kept() {
    let scratch = Scratch::new("saved");
    let store = scratch.store();
    for number in 1..=3 {
        store.save(&version(number)).unwrap();
        assert_eq!(store.load(), Ok(text(version(number), Version::Current)));
    }
    assert_eq!(
        fs::read(scratch.0.join("config.prev.json")).unwrap(),
        version(2)
    );
    assert_eq!(scratch.names(), ["config.json", "config.prev.json"]);
}

#[test]
fn directory_and_file_are_made_for_their_owner_only() {
    let scratch = Scratch::new("mode");
    let dir = scratch.0.join("etc/lanemark");
    Store::new(&dir, DOCUMENT).save(b"{}").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("config.json")), 0o600);
    assert_ne!(
        mode(&scratch.0.join("etc")),
        0o700,
        "the directories above are not ours to close"
    );
}

#[test]
fn a_directory_that_is_there_keeps_its_mode() {
    let scratch = Scratch::new("kept-mode");
    fs::set_permissions(&scratch.0, Permissions::from_mode(0o755)).unwrap();
    scratch.store().save(b"{}").unwrap();
    assert_eq!(
        fs::metadata(&scratch.0).unwrap().permissions().mode() & 0o777,
        0o755
    );
}

#[test]
fn a_blank_or_absent_file_falls_back_to_the_version_before() {
    let zeroes: &[u8] = &[0; 5000];
    let good: &[u8] = b"{}";
    type Bytes<'a> = Option<&'a [u8]>;
    let rows: [(Bytes, Bytes, Loaded); 9] = [
        (Some(good), Some(b"[]"), text(good, Version::Current)),
        (
            Some(b"\0\0{"),
            Some(good),
            text(*b"\0\0{", Version::Current),
        ),
        (Some(b""), Some(good), text(good, Version::Previous)),
        (Some(zeroes), Some(good), text(good, Version::Previous)),
        (None, Some(good), text(good, Version::Previous)),
        (Some(b""), None, text([], Version::Current)),
        (Some(zeroes), None, text([], Version::Current)),
        (Some(b""), Some(zeroes), text([], Version::Current)),
        (None, Some(b""), text([], Version::Current)),
    ];
    for (index, (current, previous, loaded)) in rows.into_iter().enumerate() {
        let scratch = Scratch::new(&format!("blank-{index}"));
        for (name, bytes) in [("config.json", current), ("config.prev.json", previous)] {
            if let Some(bytes) = bytes {
                scratch.put(name, bytes);
            }
        }
        assert_eq!(scratch.store().load(), Ok(loaded), "row {index}");
    }
}

#[test]
fn a_blank_file_never_replaces_a_good_version_before() {
    for blank in [&b""[..], &[0; 5000]] {
        let scratch = Scratch::new(&format!("keep-{}", blank.len()));
        scratch.put("config.json", blank);
        scratch.put("config.prev.json", b"good");
        scratch.store().save(b"new").unwrap();
        assert_eq!(scratch.store().load(), Ok(text(*b"new", Version::Current)));
        assert_eq!(
            fs::read(scratch.0.join("config.prev.json")).unwrap(),
            b"good"
        );
    }
}

#[test]
fn the_leftover_of_a_killed_save_is_removed_and_never_followed() {
    let scratch = Scratch::new("leftover");
    scratch.put("config.new.json", b"half");
    scratch.store().save(b"new").unwrap();
    assert_eq!(scratch.names(), ["config.json"]);

    scratch.put("elsewhere", b"not ours");
    symlink(
        scratch.0.join("elsewhere"),
        scratch.0.join("config.new.json"),
    )
    .unwrap();
    scratch.store().save(b"newer").unwrap();
    assert_eq!(fs::read(scratch.0.join("elsewhere")).unwrap(), b"not ours");
    assert_eq!(
        scratch.names(),
        ["config.json", "config.prev.json", "elsewhere"]
    );
}

#[test]
fn a_document_over_the_limit_is_neither_read_nor_saved() {
    let scratch = Scratch::new("long");
    // Takes no room on the disk, and would take a terabyte of memory.
    File::create(scratch.0.join("config.json"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let refused = scratch.store().load().unwrap_err().to_string();
    assert_eq!(
        refused,
        "config.json not read: expected at most 131072 bytes, found 1099511627776"
    );
    let refused = scratch
        .store()
        .save(&vec![b' '; DOCUMENT.bytes_max + 1])
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "config.json not saved: expected at most 131072 bytes, found 131073 (while writing)"
    );

    scratch.put("config.json", &vec![b' '; DOCUMENT.bytes_max]);
    assert_eq!(
        scratch.store().load(),
        Ok(text(vec![b' '; DOCUMENT.bytes_max], Version::Current))
    );
}

#[test]
fn only_regular_files_are_read_or_replaced() {
    type Make = fn(&Path);
    let kinds: [(&str, Make); 4] = [
        ("directory", |path| fs::create_dir(path).unwrap()),
        ("device", |path| symlink("/dev/zero", path).unwrap()),
        ("link", |path| symlink("/proc/self/status", path).unwrap()),
        ("fifo", |path| {
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRUSR).unwrap()
        }),
    ];
    for (kind, make) in kinds {
        let scratch = Scratch::new(kind);
        make(&scratch.0.join("config.json"));
        let line = |done: Result<(), _>| {
            done.map_err(|error: lanemark::sys::store::StoreError| error.to_string())
        };
        let not = "expected a regular file, found something else";
        assert_eq!(
            line(scratch.store().load().map(drop)),
            Err(format!("config.json not read: {not}")),
            "{kind}"
        );
        let refused = format!("config.json not saved: {not} (while keeping the previous version)");
        assert_eq!(line(scratch.store().save(b"new")), Err(refused), "{kind}");
        assert_eq!(scratch.names(), ["config.json"], "{kind}");
        fs::rename(
            scratch.0.join("config.json"),
            scratch.0.join("config.prev.json"),
        )
        .unwrap();
        assert_eq!(
            line(scratch.store().load().map(drop)),
            Err(format!("config.prev.json not read: {not}")),
            "{kind}"
        );
    }
}

#[test]
fn where_no_version_before_is_kept_the_new_one_takes_its_place() {
    let scratch = Scratch::new("alone");
    let document = Document {
        current: "password",
        previous: None,
        older: 0,
        temporary: "password.new",
        ..DOCUMENT
    };
    let store = Store::new(&scratch.0, document);
    for bytes in [b"first", b"other"] {
        store.save(bytes).unwrap();
        assert_eq!(store.load(), Ok(text(*bytes, Version::Current)));
        assert_eq!(scratch.names(), ["password"]);
    }
    scratch.put("password.new", b"half of");
    assert_eq!(store.remove(), Ok(()));
    assert_eq!(
        (store.load(), scratch.names().len()),
        (Ok(Loaded::Missing), 0)
    );
    assert_eq!(store.remove(), Ok(()), "it is gone already");
    // Lost is lost, and is not the same as never there.
    scratch.put("password", b"");
    assert_eq!(store.load(), Ok(text([], Version::Current)));
    fs::remove_file(scratch.0.join("password")).unwrap();
    assert_eq!(store.load(), Ok(Loaded::Missing));
    fs::create_dir(scratch.0.join("password")).unwrap();
    let refused = store.save(b"new").unwrap_err().to_string();
    assert_eq!(
        refused,
        "password not saved: Is a directory (while replacing)"
    );
    let refused = store.remove().unwrap_err().to_string();
    assert_eq!(refused, "Is a directory");
    assert_eq!(scratch.names(), ["password"]);
}

#[test]
fn whatever_is_in_the_files_place_is_set_aside_and_the_one_before_stays() {
    type Make = fn(&Path);
    let kinds: [(&str, Make); 4] = [
        ("text", |path| fs::write(path, "{").unwrap()),
        ("long", |path| {
            File::create(path).unwrap().set_len(1 << 40).unwrap()
        }),
        ("directory", |path| fs::create_dir(path).unwrap()),
        ("link", |path| symlink("/dev/zero", path).unwrap()),
    ];
    for (kind, make) in kinds {
        let scratch = Scratch::new(&format!("aside-{kind}"));
        scratch.put("config.prev.json", b"good");
        // Twice: what was set aside before gives way.
        for _ in 0..2 {
            make(&scratch.0.join("config.json"));
            assert_eq!(
                scratch.store().set_aside("config.bad.json"),
                Ok(true),
                "{kind}"
            );
            assert_eq!(
                scratch.names(),
                ["config.bad.json", "config.prev.json"],
                "{kind}"
            );
            assert_eq!(scratch.store().previous(), Ok(Some(b"good".to_vec())));
        }
        scratch.store().save(b"new").unwrap();
        assert_eq!(scratch.store().load(), Ok(text(*b"new", Version::Current)));
    }
}

#[test]
fn a_directory_takes_the_place_of_a_file_that_was_set_aside() {
    let scratch = Scratch::new("aside-dir");
    scratch.put("config.bad.json", b"older");
    fs::create_dir(scratch.0.join("config.json")).unwrap();
    assert_eq!(scratch.store().set_aside("config.bad.json"), Ok(true));
    assert!(scratch.0.join("config.bad.json").is_dir());
    // The other way round it would have to be emptied, which is not ours to do.
    fs::write(scratch.0.join("config.bad.json/file"), "").unwrap();
    scratch.put("config.json", b"{");
    let refused = scratch.store().set_aside("config.bad.json").unwrap_err();
    assert_eq!(refused.to_string(), "Is a directory");
    assert_eq!(scratch.names(), ["config.bad.json", "config.json"]);
}

#[test]
fn what_is_absent_or_blank_is_not_set_aside() {
    let scratch = Scratch::new("aside-blank");
    scratch.put("config.bad.json", b"older");
    assert!(scratch.store().has("config.bad.json") && !scratch.store().has("config.json"));
    assert_eq!(scratch.store().set_aside("config.bad.json"), Ok(false));
    for blank in [&b""[..], &[0; 5000]] {
        scratch.put("config.json", blank);
        assert_eq!(scratch.store().set_aside("config.bad.json"), Ok(false));
    }
    assert_eq!(
        fs::read(scratch.0.join("config.bad.json")).unwrap(),
        b"older"
    );
}

#[test]
fn two_saves_at_once_are_refused() {
    let scratch = Scratch::new("lock");
    let other = File::open(&scratch.0).unwrap();
    other.lock().unwrap();
    let refused = scratch.store().save(b"new").unwrap_err().to_string();
    assert_eq!(
        refused,
        "config.json not saved: Try again (while another program saves)"
    );
    other.unlock().unwrap();
    assert_eq!(scratch.store().save(b"new"), Ok(()));
}

#[test]
fn a_file_in_place_of_the_directory_is_refused() {
    let scratch = Scratch::new("not-a-dir");
    scratch.put("file", b"");
    let refused = Store::new(scratch.0.join("file"), DOCUMENT)
        .save(b"new")
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "config.json not saved: Not a directory (while opening the directory)"
    );
    let refused = Store::new(scratch.0.join("file/below"), DOCUMENT)
        .save(b"new")
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "config.json not saved: Not a directory (while opening the directory)"
    );
}

/// Not a test: what the tests below run as a child, to be killed and hindered.
#[test]
#[ignore = "run by other tests"]
fn a_child_saves() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else {
        return;
    };
    let store = Store::new(dir, DOCUMENT);
    match store.save(&version(2)) {
        Ok(()) => println!("\nsaved"),
        Err(error) => println!("\n{error}"),
    }
}

/// What a child said of its save, and which names there were afterwards in its mount namespace, if it had one.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    outcome: String,
    left: String,
}

/// Runs the command with the child behind it.
fn child(mut command: Command, dir: &Path) -> Option<Said> {
    command.args(program::line(std::env::current_exe().unwrap()));
    command.args([
        "--exact",
        "store::a_child_saves",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let Output { stdout, .. } = command.env(DIR_VARIABLE, dir).output().unwrap();
    let said = String::from_utf8(stdout).unwrap();
    let outcome = said
        .lines()
        .find(|line| *line == "saved" || line.starts_with("config.json not"))?
        .to_owned();
    let left = said
        .lines()
        .find_map(|line| line.strip_prefix("left: "))
        .unwrap_or_default()
        .to_owned();
    Some(Said { outcome, left })
}

/// strace, looking only at system calls on the files of the store.
fn strace(dir: &Path, log: &Path) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qqq", "-o"])
        .arg(log)
        .arg("-P")
        .arg(dir);
    for name in [DOCUMENT.current, "config.prev.json", DOCUMENT.temporary] {
        command.arg("-P").arg(dir.join(name));
    }
    command
}

/// What is there before a save: nothing, one version, two, or what a power cut left.
const BEFORE: [(&str, &[&str]); 5] = [
    ("nothing", &[]),
    ("one", &["config.json"]),
    ("two", &["config.json", "config.prev.json"]),
    ("previous only", &["config.prev.json"]),
    (
        "leftover",
        &["config.json", "config.prev.json", "config.new.json"],
    ),
];

/// Puts version 1 where the next load finds it, and something older behind it.
fn prepare(scratch: &Scratch, names: &[&str]) {
    for name in scratch.names() {
        fs::remove_file(scratch.0.join(name)).unwrap();
    }
    for name in names {
        let older = *name == "config.prev.json" && names.contains(&"config.json");
        scratch.put(
            name,
            &if *name == "config.new.json" {
                b"half".to_vec()
            } else {
                version(u8::from(!older))
            },
        );
    }
}

/// The system calls of a save, each with which one of its name it is: strace counts them so.
fn system_calls(scratch: &Scratch, log: &Path) -> Option<Vec<(String, usize, String)>> {
    if Command::new("strace").arg("-V").output().is_err() {
        skip("saves killed and hindered at each system call: there is no strace");
        return None;
    }
    if child(strace(&scratch.0, log), &scratch.0).is_none_or(|said| said.outcome != "saved") {
        skip("saves killed and hindered at each system call: strace may not trace here");
        return None;
    }
    let mut calls: Vec<(String, usize, String)> = Vec::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let call = line.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' ');
        let name = call.split('(').next().unwrap().to_owned();
        let nth = 1 + calls.iter().filter(|(other, ..)| *other == name).count();
        calls.push((name, nth, call.to_owned()));
    }
    Some(calls)
}

/// Either version 1 (or nothing, when there was none), or version 2; and the next save works and cleans up.
fn assert_old_or_new(scratch: &Scratch, before: &[&str], story: &str) -> bool {
    let old = if before.is_empty() {
        matches!(scratch.store().load(), Ok(Loaded::Missing))
    } else {
        matches!(scratch.store().load(), Ok(Loaded::Text { bytes, .. }) if bytes == version(1))
    };
    let new = scratch.store().load() == Ok(text(version(2), Version::Current));
    assert!(old || new, "{story}: {:?}", scratch.names());
    scratch.store().save(&version(3)).expect(story);
    assert_eq!(
        scratch.store().load(),
        Ok(text(version(3), Version::Current)),
        "{story}"
    );
    assert!(
        !scratch.names().contains(&DOCUMENT.temporary.to_owned()),
        "{story}"
    );
    new
}

#[test]
fn a_save_killed_before_any_of_its_system_calls_leaves_the_old_or_the_new() {
    let (scratch, logs) = (Scratch::new("killed"), Scratch::new("killed-log"));
    let log = logs.0.join("log");
    for (state, names) in BEFORE {
        prepare(&scratch, names);
        let Some(calls) = system_calls(&scratch, &log) else {
            return;
        };
        assert!(calls.len() >= 8, "{calls:?}");
        let mut news = Vec::new();
        for (name, nth, call) in &calls {
            prepare(&scratch, names);
            let mut killer = strace(&scratch.0, &log);
            killer
                .arg("-e")
                .arg(format!("inject={name}:signal=KILL:when={nth}"));
            let story = format!("{state}: killed before {call}");
            assert_eq!(child(killer, &scratch.0), None, "{story}");
            news.push(assert_old_or_new(&scratch, names, &story));
        }
        assert!(
            news.is_sorted() && news.first() == Some(&false) && news.last() == Some(&true),
            "{state}: {news:?}"
        );
    }
}

#[test]
fn a_save_whose_system_calls_fail_says_so_and_leaves_the_old_or_the_new() {
    let (scratch, logs) = (Scratch::new("failing"), Scratch::new("failing-log"));
    let log = logs.0.join("log");
    for (state, names) in BEFORE {
        prepare(&scratch, names);
        let Some(calls) = system_calls(&scratch, &log) else {
            return;
        };
        for (name, nth, call) in &calls {
            prepare(&scratch, names);
            let mut fault = strace(&scratch.0, &log);
            fault
                .arg("-e")
                .arg(format!("inject={name}:error=EIO:when={nth}"));
            let story = format!("{state}: refused {call}");
            let said = child(fault, &scratch.0).expect(&story).outcome;
            let new = assert_old_or_new(&scratch, names, &story);
            let unsure = said.ends_with("(while syncing the directory)");
            assert!(
                said == "saved" || said.starts_with("config.json not saved: I/O error (while "),
                "{story}: {said}"
            );
            assert!(unsure || new == (said == "saved"), "{story}: {said}");
            // The lock goes anyway when the handle is closed.
            let must_tell = !call.contains("LOCK_UN")
                && ["write", "fsync", "rename", "renameat", "renameat2", "flock"]
                    .contains(&name.as_str());
            assert!(!must_tell || said != "saved", "{story}");
        }
    }
}

#[test]
fn bytes_are_on_flash_before_their_name_and_names_before_the_answer() {
    let (scratch, logs) = (Scratch::new("order"), Scratch::new("order-log"));
    prepare(&scratch, &["config.json"]);
    let Some(calls) = system_calls(&scratch, &logs.0.join("log")) else {
        return;
    };
    let steps: Vec<&str> = calls
        .iter()
        .map(|(name, ..)| name.trim_end_matches("at2").trim_end_matches("at"))
        .collect();
    let effects = |step: &&str| ["write", "fsync", "rename", "unlink", "close"].contains(step);
    let effects: Vec<&str> = steps.into_iter().filter(effects).collect();
    // The temporary file; the current one, looked at; the directory.
    assert_eq!(
        effects,
        [
            "write", "fsync", "close", "close", "rename", "rename", "fsync", "close"
        ]
    );
}

#[test]
fn a_refused_replacement_puts_the_old_version_back() {
    let (scratch, logs) = (Scratch::new("undo"), Scratch::new("undo-log"));
    let log = logs.0.join("log");
    prepare(&scratch, &["config.json"]);
    let Some(calls) = system_calls(&scratch, &log) else {
        return;
    };
    let (name, nth, _) = calls
        .iter()
        .rfind(|(name, ..)| name.starts_with("rename"))
        .unwrap();
    prepare(&scratch, &["config.json"]);
    let mut fault = strace(&scratch.0, &log);
    fault
        .arg("-e")
        .arg(format!("inject={name}:error=ENOSPC:when={nth}"));
    let said = child(fault, &scratch.0).unwrap().outcome;
    assert_eq!(
        said,
        "config.json not saved: No space left on device (while replacing)"
    );
    assert_eq!(
        scratch.store().load(),
        Ok(text(version(1), Version::Current))
    );
    assert_eq!(scratch.names(), ["config.json"]);
}

/// As on an overlay over a jffs2 without whiteouts, where the firmware brought the file.
#[test]
fn a_current_version_that_cannot_be_renamed_is_copied_to_the_previous_one() {
    let (scratch, logs) = (Scratch::new("copied"), Scratch::new("copied-log"));
    let log = logs.0.join("log");
    prepare(&scratch, &["config.json"]);
    let Some(calls) = system_calls(&scratch, &log) else {
        return;
    };
    let (name, nth, _) = calls
        .iter()
        .find(|(name, ..)| name.starts_with("rename"))
        .unwrap();
    for (errno, names) in [
        ("EINVAL", ["config.json"].as_slice()),
        ("EXDEV", &["config.json", "config.prev.json"]),
    ] {
        prepare(&scratch, names);
        let mut fault = strace(&scratch.0, &log);
        fault
            .arg("-e")
            .arg(format!("inject={name}:error={errno}:when={nth}"));
        assert_eq!(child(fault, &scratch.0).unwrap().outcome, "saved");
        let new = scratch.store().load() == Ok(text(version(2), Version::Current));
        let kept = scratch.store().previous() == Ok(Some(version(1)));
        assert!(new && kept, "{errno}: new {new}, kept {kept}");
        assert_eq!(scratch.names(), ["config.json", "config.prev.json"]);
    }
}

#[test]
fn each_failure_names_its_step() {
    let (scratch, logs) = (Scratch::new("steps"), Scratch::new("steps-log"));
    let log = logs.0.join("log");
    prepare(&scratch, &["config.json"]);
    let Some(calls) = system_calls(&scratch, &log) else {
        return;
    };
    for (piece, errno, said) in [
        (
            "flock(",
            "EIO",
            "config.json not saved: I/O error (while another program saves)",
        ),
        ("flock(", "ENOSYS", "saved"),
        (
            "O_EXCL",
            "EACCES",
            "config.json not saved: Permission denied (while creating)",
        ),
        (
            "write(",
            "ENOSPC",
            "config.json not saved: No space left on device (while writing)",
        ),
        ("write(", "EINTR", "saved"),
        (
            "fsync(",
            "EIO",
            "config.json not saved: I/O error (while syncing)",
        ),
        (
            "config.prev.json\"",
            "ENOSPC",
            "config.json not saved: No space left on device (while keeping the previous version)",
        ),
    ] {
        let (name, nth, _) = calls
            .iter()
            .find(|(_, _, call)| call.contains(piece))
            .expect(piece);
        prepare(&scratch, &["config.json"]);
        let mut fault = strace(&scratch.0, &log);
        fault
            .arg("-e")
            .arg(format!("inject={name}:error={errno}:when={nth}"));
        assert_eq!(
            child(fault, &scratch.0).unwrap().outcome,
            said,
            "{piece} {errno}"
        );
    }
}

/// Runs the child in a mount namespace of its own, where this was done to its directory first.
fn in_namespace(scratch: &Scratch, mount: &str) -> Option<Said> {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--mount", "sh", "-c"])
        .arg(format!(
            "dir=$0; {mount} && \"$@\" && echo left: $(ls -A \"$dir\")"
        ))
        .arg(&scratch.0);
    let said = child(command, &scratch.0);
    if said.is_none() {
        skip("saves on a full and on a read-only file system: no mount namespace here");
    }
    said
}

#[test]
fn a_full_file_system_leaves_the_old_version_and_no_rest() {
    let scratch = Scratch::new("full");
    // 64 kB: of the document's 100 kB some are written, the rest is refused.
    let mount = "mount -t tmpfs -o size=64k none \"$dir\" && echo old > \"$dir/config.json\"";
    let Some(said) = in_namespace(&scratch, mount) else {
        return;
    };
    assert_eq!(
        said.outcome,
        "config.json not saved: No space left on device (while writing)"
    );
    assert_eq!(said.left, "config.json");
}

#[test]
fn a_full_file_system_is_no_hindrance_when_a_killed_save_filled_it() {
    let scratch = Scratch::new("filled");
    let fill = "head -c 100000 /dev/zero > \"$dir/config.new.json\"";
    let mount = format!("mount -t tmpfs -o size=140k none \"$dir\" && {fill}");
    let Some(said) = in_namespace(&scratch, &mount) else {
        return;
    };
    assert_eq!(
        (said.outcome.as_str(), said.left.as_str()),
        ("saved", "config.json")
    );
}

#[test]
fn a_read_only_file_system_is_named() {
    let scratch = Scratch::new("read-only");
    scratch.put("config.json", b"old");
    let mount = "mount --bind \"$dir\" \"$dir\" && mount -o remount,bind,ro \"$dir\"";
    let Some(said) = in_namespace(&scratch, mount) else {
        return;
    };
    assert_eq!(
        said.outcome,
        "config.json not saved: Read-only file system (while creating)"
    );
    assert_eq!(said.left, "config.json");
    assert_eq!(scratch.store().load(), Ok(text(*b"old", Version::Current)));
}
