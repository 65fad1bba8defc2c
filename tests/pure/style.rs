//! The tree, held to its own rules: who may name whom, which folder is the door to which package, how long a file may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which folders a folder may name. What is not listed may name nobody.
const LAYERS: [(&str, &[&str]); 12] = [
    ("value", &[]),
    ("wire", &["value"]),
    ("config", &["value"]),
    ("control", &["value"]),
    ("engine", &["value", "config", "control"]),
    ("apply", &["value", "wire", "engine"]),
    ("sys", &["value", "wire"]),
    ("cli", &["value", "config", "control", "sys"]),
    (
        "daemon",
        &[
            "value", "wire", "config", "control", "engine", "apply", "sys", "cli",
        ],
    ),
    ("web", &["value", "wire", "control"]),
    ("page", &["value", "wire", "control", "web", "sys"]),
    ("lab", &["value", "wire"]),
];

/// Which folders may name a package.
const DOORS: [(&str, &[&str]); 8] = [
    ("nix", &["sys", "lab"]),
    ("libc", &["sys", "lab"]),
    ("netlink_packet_route", &["wire", "lab"]),
    ("netlink_packet_core", &["wire", "lab"]),
    ("serde_json_core", &[]),
    ("serde_json", &["lab"]),
    ("scrypt", &["config"]),
    ("subtle", &["config"]),
];

/// Lines of a source file at most, its tests elsewhere: above, it holds more than one noun.
const LINES_MAX: usize = 520;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root().join("src"), &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root()).unwrap().to_owned(), text)
        })
        .collect()
}

/// The folder of `src` that a file is in, or its name for a file of `src` itself.
fn folder(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Code without comments: a doc may name what the code may not.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
}

/// The words that follow `prefix` in the code, where `prefix` begins a path.
fn named<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for line in code(text) {
        for (place, _) in line.match_indices(prefix) {
            let before = line[..place].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || "_:".contains(letter)) {
                continue;
            }
            let rest = &line[place + prefix.len()..];
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let word = &rest[..end.unwrap_or(rest.len())];
            if !word.is_empty() {
                found.insert(word);
            }
        }
    }
    found
}

fn allowed<'t>(table: &'t [(&str, &'t [&'t str])], name: &str) -> &'t [&'t str] {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&[], |(_, may)| may)
}

#[test]
fn every_folder_names_only_the_folders_below_it() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let own = folder(&path);
        if own == "lib" || own == "main" {
            continue;
        }
        assert!(
            LAYERS.iter().any(|(known, _)| *known == own),
            "{own} is not in the table of layers"
        );
        for other in named(&text, "crate::") {
            if other != own && !allowed(&LAYERS, &own).contains(&other) {
                faults.push(format!("{}: {own} names {other}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_imported_name_is_on_one_line_with_crate_so_that_the_layers_can_be_read() {
    // `use crate::{engine::.., sys::..}` would hide folders from the test above.
    let hidden: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| code(text).any(|line| line.contains("crate::{")))
        .map(|(path, _)| path)
        .collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn every_package_has_its_door() {
    let mut faults = Vec::new();
    for (package, doors) in DOORS {
        for (path, text) in sources() {
            let own = folder(&path);
            let prefix = format!("{package}::");
            if !named(&text, &prefix).is_empty() && !doors.contains(&own.as_str()) {
                faults.push(format!("{}: {own} names {package}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_engine_reads_no_clock_file_socket_or_environment() {
    let outside = [
        "std::time",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::io",
        "std::os",
    ];
    for (path, text) in sources() {
        if ["engine", "wire", "apply", "value", "control", "web"].contains(&folder(&path).as_str())
        {
            for name in outside {
                assert!(
                    !code(&text).any(|line| line.contains(name)),
                    "{} names {name}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn no_file_outgrows_its_noun() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:?}");
}

#[test]
fn nothing_outside_tests_unwraps_or_leaves_work_undone() {
    let marks = [".unwrap()", "todo!", "unimplemented!", "TODO", "FIXME"];
    for (path, text) in sources() {
        // A file's own tests stand at its end.
        let product = text
            .lines()
            .take_while(|line| !line.contains("#[cfg(test)]"));
        for (number, line) in product.enumerate() {
            for mark in marks {
                assert!(
                    !line.contains(mark),
                    "{}:{}: {mark}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn every_folder_opens_with_what_it_is_for_and_what_it_must_not_do() {
    for (folder, _) in LAYERS {
        let path = root().join("src").join(folder).join("mod.rs");
        let text = fs::read_to_string(&path).unwrap();
        let first: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        assert!(
            first.to_lowercase().contains("must not"),
            "{}: says nothing of what it must not do",
            path.display()
        );
    }
}

#[test]
fn unsafe_code_is_where_a_passed_descriptor_gets_its_owner_and_privileges_go_and_nowhere_else() {
    for (path, text) in sources() {
        let places = code(&text).filter(|line| line.contains("unsafe ")).count();
        let allowed = match path.to_str() {
            Some("src/sys/channel.rs") => 1,
            Some("src/sys/sandbox.rs") => 2,
            _ => 0,
        };
        assert!(places <= allowed, "{}: {places}", path.display());
    }
}
