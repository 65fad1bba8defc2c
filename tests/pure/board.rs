//! The data files of the routers are whole, each fact says where it was read, and what is packed for a router is what the program takes.
#![expect(
    clippy::disallowed_methods,
    reason = "the package's configuration comes from its script"
)]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is test, the functions between the tests too"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lanemark::cli::{DIR_DEFAULT, DIR_JFFS};
use lanemark::config::{self, Lan};
use lanemark::value::IfName;
use toml::{Table, Value};

use super::program;

/// What a router is: each with `KEY_from`.
const FACTS: [&str; 17] = [
    "cpu",
    "clock_mhz",
    "ram_mb",
    "flash_mb",
    "hardware_float",
    "firmware",
    "firmware_packages",
    "kernel",
    "nf_tables",
    "xtables",
    "ctnetlink",
    "schedulers",
    "epoll",
    "ipv6_netfilter",
    "conntrack_file",
    "wan",
    "lan",
];

/// What we decided for it.
const CHOICES: [&str; 12] = [
    "title",
    "served",
    "served_why",
    "target",
    "byte_order",
    "config_dir",
    "binary_dir",
    "start",
    "binary_bytes_max",
    "private_memory_bytes_max",
    "flash_free_kb",
    "ram_free_kb",
];

/// Target, byte order, and bytes of its program at most.
const TARGETS: [(&str, &str, i64); 9] = [
    ("mipsel", "little", 364 * 1024),
    ("mipsel-ddwrt", "little", 384 * 1024),
    ("mips", "big", 364 * 1024),
    ("mips-ddwrt", "big", 384 * 1024),
    ("armv7", "little", 308 * 1024),
    ("arm", "little", 308 * 1024),
    ("arm-ddwrt", "little", 328 * 1024),
    ("aarch64", "little", 384 * 1024),
    ("x86_64", "little", 388 * 1024),
];

const SCHEDULERS: [&str; 6] = ["htb", "hfsc", "sfq", "codel", "fq_codel", "cake"];

const UNKNOWN: &str = "unknown";

struct Board {
    name: String,
    table: Table,
}

impl Board {
    fn text(&self, key: &str) -> &str {
        self.table[key]
            .as_str()
            .unwrap_or_else(|| panic!("{}: {key} is no text", self.name))
    }

    fn number(&self, key: &str) -> i64 {
        self.table[key]
            .as_integer()
            .unwrap_or_else(|| panic!("{}: {key} is no number", self.name))
    }

    fn is_unknown(&self, key: &str) -> bool {
        self.table[key].as_str() == Some(UNKNOWN)
    }

    fn one_of(&self, key: &str, allowed: &[&str]) {
        let found = self.text(key);
        assert!(allowed.contains(&found), "{}: {key} is {found}", self.name);
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("board")
}

fn boards() -> Vec<Board> {
    let mut boards = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let table = fs::read_to_string(&path).unwrap().parse::<Table>();
        let table = table.unwrap_or_else(|bad| panic!("{name}: {bad}"));
        boards.push(Board { name, table });
    }
    assert!(boards.len() >= 6, "{} boards", boards.len());
    boards
}

#[test]
fn every_board_has_all_keys_and_no_others() {
    for board in boards() {
        let sources = FACTS.map(|fact| format!("{fact}_from"));
        let mut expected: Vec<&str> = FACTS.into_iter().chain(CHOICES).collect();
        expected.extend(sources.iter().map(String::as_str));
        expected.sort_unstable();
        let mut found: Vec<&str> = board.table.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", board.name);
    }
}

#[test]
fn every_fact_says_where_it_was_read() {
    for board in boards() {
        for fact in FACTS {
            let source = board.text(&format!("{fact}_from"));
            assert!(source.len() > 2, "{}: {fact}_from", board.name);
            assert_ne!(source, UNKNOWN, "{}: {fact}_from", board.name);
        }
    }
}

#[test]
fn a_file_is_named_after_its_board_and_can_be_part_of_the_name_of_a_package() {
    for board in boards() {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let good = |letter: char| plain(letter) || letter == '-';
        assert!(board.name.chars().all(good), "{}", board.name);
        // Vendor and model, as the title says them.
        let words: String = board.text("title").to_lowercase();
        let vendor = board.name.split('-').next().unwrap();
        let known = [
            ("ubnt", "ubiquiti"),
            ("generic", "pc"),
            ("tplink", "tp-link"),
        ];
        let vendor = known
            .iter()
            .find(|(short, _)| *short == vendor)
            .map_or(vendor, |(_, long)| long);
        assert!(words.contains(vendor), "{}: {words}", board.name);
    }
}

#[test]
fn the_target_has_the_byte_order_and_the_budget_of_the_board() {
    for board in boards() {
        let name = &board.name;
        let target = TARGETS
            .iter()
            .find(|(target, ..)| *target == board.text("target"));
        let (target, order, bytes) = target.unwrap_or_else(|| panic!("{name}: no such target"));
        assert_eq!(board.text("byte_order"), *order, "{name}");
        assert_eq!(board.number("binary_bytes_max"), *bytes, "{name}");
        assert_eq!(board.number("private_memory_bytes_max"), 1 << 20, "{name}");
        if *target == "armv7" {
            assert_eq!(board.text("hardware_float"), "yes", "{name}");
        }
    }
}

#[test]
fn what_the_installer_asks_for_is_enough_and_fits_the_router() {
    for board in boards() {
        let name = &board.name;
        let program = board.number("binary_bytes_max");
        // The new program beside the old one, and the old one as a backup; scripts and lists.
        let flash = board.number("flash_free_kb") * 1024;
        assert!(flash >= 2 * program + 64 * 1024, "{name}: {flash}");
        let memory = board.number("ram_free_kb") * 1024;
        let needed = program + board.number("private_memory_bytes_max");
        assert!(memory >= needed, "{name}: {memory}");
        for (key, asked) in [("flash_mb", flash), ("ram_mb", memory)] {
            if !board.is_unknown(key) {
                let has = board.number(key) * 1024 * 1024;
                assert!(has > 4 * asked, "{name}: {key} {has}");
            }
        }
    }
}

#[test]
fn the_facts_are_in_range() {
    for board in boards() {
        let name = &board.name;
        for (key, most) in [
            ("clock_mhz", 6_000),
            ("ram_mb", 65_536),
            ("flash_mb", 65_536),
        ] {
            if !board.is_unknown(key) {
                assert!((1..=most).contains(&board.number(key)), "{name}: {key}");
            }
        }
        for key in ["nf_tables", "xtables", "ctnetlink", "ipv6_netfilter"] {
            board.one_of(key, &["yes", "no", "module", UNKNOWN]);
        }
        for key in ["epoll", "hardware_float"] {
            board.one_of(key, &["yes", "no", UNKNOWN]);
        }
        board.one_of("firmware", &["openwrt", "ddwrt", "plain"]);
        let files = ["/proc/net/nf_conntrack", "/proc/net/ip_conntrack", UNKNOWN];
        board.one_of("conntrack_file", &files);
        if let Value::Array(names) = &board.table["schedulers"] {
            for one in names {
                assert!(
                    SCHEDULERS.contains(&one.as_str().unwrap()),
                    "{name}: {one:?}"
                );
            }
        } else {
            board.one_of("schedulers", &[UNKNOWN]);
        }
        assert!(board.table["firmware_packages"].is_array(), "{name}");
        let kernel = board.text("kernel");
        assert!(
            kernel.starts_with(|first: char| first.is_ascii_digit()),
            "{name}: {kernel}"
        );
    }
}

#[test]
fn a_router_is_served_only_if_its_kernel_has_what_the_program_speaks() {
    for board in boards() {
        let served = board.table["served"].as_bool().unwrap();
        // Only these programs can run iptables-restore.
        let restores = board.text("target").ends_with("-ddwrt");
        let rules = if restores { "xtables" } else { "nf_tables" };
        let lacking = board.text(rules) == "no";
        assert!(!(served && lacking), "{}", board.name);
        assert!(board.text("served_why").len() > 10, "{}", board.name);
    }
}

#[test]
fn the_folders_are_those_that_the_program_looks_into_and_outlive_a_restart() {
    for board in boards() {
        let ddwrt = board.text("firmware") == "ddwrt";
        let dir = if ddwrt { DIR_JFFS } else { DIR_DEFAULT };
        assert_eq!(board.text("config_dir"), dir, "{}", board.name);
        for key in ["binary_dir", "start"] {
            let path = board.text(key);
            assert!(path.starts_with('/') && !path.ends_with('/'), "{path}");
            assert_eq!(path.starts_with("/jffs/"), ddwrt, "{}: {path}", board.name);
        }
    }
}

#[test]
fn the_packed_configuration_is_off_names_the_boards_interfaces_and_is_accepted() {
    for board in boards() {
        let name = &board.name;
        let mut command = Command::new("bash");
        command.arg(folder().join("package.sh"));
        let made = command.args(["--config", name]).output().unwrap();
        assert!(made.status.success(), "{name}: {made:?}");
        let config = config::parse(&made.stdout);
        let config = config.unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert!(!config.enabled, "{name}");
        assert!(config.devices.is_empty(), "{name}");
        let named = |key| (!board.is_unknown(key)).then(|| IfName::parse(board.text(key)).unwrap());
        assert_eq!(config.wan.interface, named("wan"), "{name}");
        let lan = named("lan").map_or(Lan::Auto, |lan| {
            Lan::Interfaces([lan].into_iter().collect())
        });
        assert_eq!(config.lan, lan, "{name}");
        let file =
            std::env::temp_dir().join(format!("lanemark-{name}-{}.json", std::process::id()));
        fs::write(&file, &made.stdout).unwrap();
        let line = program::line(env!("CARGO_BIN_EXE_lanemark"));
        let (program, words) = line.split_first().unwrap();
        let check = Command::new(program)
            .args(words)
            .args(["config", "check"])
            .arg(&file)
            .output();
        fs::remove_file(&file).unwrap();
        let check = check.unwrap();
        assert_eq!(check.status.code(), Some(0), "{name}: {check:?}");
        // The program writes it back as it was packed, but for the space in empty brackets.
        let mut written = String::new();
        config::write(&config, &mut written).unwrap();
        assert_eq!(config::parse(written.as_bytes()).unwrap(), config);
    }
}
