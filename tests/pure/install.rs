//! The package and its installer, in a scratch root, under every shell of this machine that a router could have.
#![expect(
    clippy::disallowed_methods,
    reason = "the installer is a program, and so is everything around it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is test, the functions between the tests too"
)]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

/// The board whose programs run on this machine, and where its program goes.
const BOARD: &str = "generic-x86-64";
const BINARY: &str = "usr/sbin/lanemark";
const START: &str = "etc/init.d/lanemark";
const CONFIG: &str = "etc/lanemark/config.json";
const BACKUP: &str = "etc/lanemark/backup";

/// Exit codes of the installer, those of the program.
const DONE: i32 = 0;
const REFUSED: i32 = 1;
const INPUT: i32 = 2;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn is_here(program: &str) -> bool {
    let look = format!("command -v {program}");
    run(Command::new("sh").args(["-c", &look])).status.success()
}

/// A trial that cannot be made here; with `CI=true` that is a failure.
fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    println!("skipped: {why}");
}

/// The shells of routers that are here.
fn shells() -> Vec<&'static [&'static str]> {
    let machine = run(Command::new("uname").arg("-m"));
    if text(&machine).trim() != "x86_64" {
        skip("the board of the trials is an x86-64 one");
        return Vec::new();
    }
    let mut shells: Vec<&[&str]> = Vec::new();
    for shell in [&["busybox", "sh"][..], &["dash"]] {
        if is_here(shell[0]) {
            shells.push(shell);
        } else {
            skip(&format!("{} is missing", shell[0]));
        }
    }
    shells
}

/// Does it in all shells at once: most of it is waiting.
fn each(trial: impl Fn(&'static [&'static str]) + Sync) {
    thread::scope(|scope| {
        for shell in shells() {
            let trial = &trial;
            scope.spawn(move || trial(shell));
        }
    });
}

/// What a stand-in for the program is made with.
#[derive(Clone, Copy)]
enum Kind {
    /// Works; the word tells it from others.
    Works(&'static str),
    /// Its daemon ends at once.
    Broken,
    /// Takes the rest of the flash when its version is looked at.
    Fills,
    /// Says that it is another version.
    Foreign,
}

impl Kind {
    /// What it calls itself.
    fn build(self) -> &'static str {
        match self {
            Kind::Works(build) => build,
            Kind::Broken => "broken",
            Kind::Fills => "fills",
            Kind::Foreign => "foreign",
        }
    }
}

/// A router of files, its shell, and what is run there. Gone afterwards, its daemon too.
struct Trial {
    dir: PathBuf,
    shell: &'static [&'static str],
}

impl Trial {
    fn new(name: &str, shell: &'static [&'static str]) -> Trial {
        let own = format!(
            "lanemark-install-{name}-{}-{}",
            shell[0],
            std::process::id()
        );
        let dir = std::env::temp_dir().join(own);
        let _ = fs::remove_dir_all(&dir);
        for folder in [
            "root/var/run",
            "root/proc",
            "root/etc/rc.d",
            "root/bin",
            "path",
            "made",
        ] {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        Trial { dir, shell }
    }

    fn root(&self, path: &str) -> PathBuf {
        self.dir.join("root").join(path)
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A program of the firmware.
    fn firmware_program(&self, name: &str, script: &str) {
        let path = self.dir.join("path").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Packs a program for a board and unpacks it again; the folder.
    fn package_of(&self, board: &str, program: &Path) -> PathBuf {
        let out = self.dir.join("packed");
        let made = pack(board, program, &out);
        assert!(made.status.success(), "{}", text(&made));
        self.unpack(&archive(&out, board), "made/other")
    }

    /// The package of a stand-in, packed once for all trials.
    fn package(&self, kind: Kind) -> PathBuf {
        let mut packed = PACKED.lock().unwrap();
        let out = made_once(kind.build());
        if !packed.contains(&kind.build()) {
            let made = pack(BOARD, &stand_in(kind), &out);
            assert!(made.status.success(), "{}", text(&made));
            packed.push(kind.build());
        }
        self.unpack(&archive(&out, BOARD), &format!("made/{}", kind.build()))
    }

    fn unpack(&self, archive: &Path, into: &str) -> PathBuf {
        let into = self.dir.join(into);
        fs::create_dir_all(&into).unwrap();
        let mut tar = Command::new("tar");
        let unpacked = run(tar.arg("-xzf").arg(archive).arg("-C").arg(&into));
        assert!(unpacked.status.success(), "{}", text(&unpacked));
        let name = archive.file_name().unwrap().to_str().unwrap();
        into.join(name.trim_end_matches(".tar.gz"))
    }

    /// Runs the installer of a package on the trial's root.
    fn install(&self, package: &Path, verb: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.dir.join("path").display());
        let mut command = Command::new(self.shell[0]);
        command.args(&self.shell[1..]);
        command.arg(package.join("install.sh"));
        // A machine under load is slow; only who waits in vain should not wait long.
        let patience = if package.parent().unwrap().ends_with("broken") {
            "4"
        } else {
            "60"
        };
        command.args([verb, "--wait", patience, "--root"]);
        run(command.arg(self.root("")).env("PATH", path))
    }

    /// The same, with the exit code and a part of what it says.
    fn expect(&self, package: &Path, verb: &str, (code, part): (i32, &str)) -> String {
        let output = self.install(package, verb);
        let said = text(&output);
        let shell = self.shell[0];
        assert_eq!(output.status.code(), Some(code), "{shell} {verb}: {said}");
        assert!(
            said.contains(part),
            "{shell} {verb}: no '{part}' in: {said}"
        );
        said
    }

    /// Every file with its mode and bytes, but for the backup and what lives in memory.
    fn files(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let inside = path.strip_prefix(self.root("")).unwrap().to_owned();
                if inside.starts_with("var/run") || inside.starts_with(BACKUP) {
                    continue;
                }
                let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(inside, (mode, fs::read(path).unwrap()));
                }
            }
        }
        found
    }

    /// What the daemon that answers was built as.
    fn answering(&self) -> Option<String> {
        let socket = self.root("var/run/lanemark.sock");
        let mut status = Command::new(self.root(BINARY));
        let output = run(status.args(["status", "--json", "--socket"]).arg(socket));
        let said = text(&output);
        let rest = said.split_once("\"build\":\"")?.1;
        Some(rest.split_once('"')?.0.to_owned())
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let start = self.root(START);
        if start.exists() {
            let mut stop = Command::new(start);
            let _ = stop
                .arg("stop")
                .env("LANEMARK_ROOT", self.root(""))
                .output();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The kinds whose package is made.
static PACKED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// Where what all trials share is made, once a run.
fn made_once(build: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
    dir.join(build)
}

/// Makes a stand-in for the program.
fn stand_in(kind: Kind) -> PathBuf {
    let out = made_once(kind.build());
    fs::create_dir_all(&out).unwrap();
    let program = out.join("program");
    let version = match kind {
        Kind::Foreign => "9.9.9",
        _ => env!("CARGO_PKG_VERSION"),
    };
    let define = match kind {
        Kind::Works(_) | Kind::Foreign => "-DWORKS",
        Kind::Broken => "-DBROKEN",
        Kind::Fills => "-DFILL",
    };
    let mut compiler = Command::new("cc");
    compiler.args(["-Os", "-s", define]);
    compiler.arg(format!("-DVERSION=\"{version}\""));
    compiler.arg(format!("-DBUILD=\"{}\"", kind.build()));
    compiler.arg("-o").arg(&program);
    let made = run(compiler.arg(repository().join("tests/fixtures/install/stand_in.c")));
    assert!(made.status.success(), "{}", text(&made));
    program
}

fn archive(out: &Path, board: &str) -> PathBuf {
    out.join(format!(
        "lanemark-{}-{board}.tar.gz",
        env!("CARGO_PKG_VERSION")
    ))
}

fn pack(board: &str, program: &Path, out: &Path) -> Output {
    let mut bash = Command::new("bash");
    bash.arg(repository().join("board/package.sh"));
    run(bash.arg(board).arg(program).arg(out))
}

/// A program for another machine, as far as its header tells.
fn header_of(class: u8, data: u8, machine: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
    bytes[18..20].copy_from_slice(&machine);
    bytes
}

const MIPS_BIG: (u8, u8, [u8; 2]) = (1, 2, [0, 8]);
const MIPS_LITTLE: (u8, u8, [u8; 2]) = (1, 1, [8, 0]);
const ARM: (u8, u8, [u8; 2]) = (1, 1, [40, 0]);

/// In every shell: a package that must not be installed, because of the package or of the router.
fn refused(name: &str, prepare: impl Fn(&Trial) -> PathBuf + Sync, expected: (i32, &str)) {
    each(|shell| {
        let trial = Trial::new(name, shell);
        let package = prepare(&trial);
        let before = trial.files();
        trial.expect(&package, "check", expected);
        trial.expect(&package, "install", expected);
        assert!(trial.files() == before, "{shell:?}: something was touched");
        assert!(!trial.root(BACKUP).exists(), "{shell:?}");
    });
}

#[test]
fn a_package_has_the_same_bytes_each_time_and_belongs_to_root() {
    for shell in shells().into_iter().take(1) {
        let trial = Trial::new("twice-packed", shell);
        let program = trial.package(Kind::Works("one")).join("lanemark");
        let archives = ["first", "second"].map(|out| {
            let made = pack(BOARD, &program, &trial.dir.join(out));
            assert!(made.status.success(), "{}", text(&made));
            PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
        });
        assert!(fs::read(&archives[0]).unwrap() == fs::read(&archives[1]).unwrap());
        let mut tar = Command::new("tar");
        let list = text(&run(tar
            .args(["--numeric-owner", "-tvzf"])
            .arg(&archives[0])));
        let mut names: Vec<_> = list
            .lines()
            .filter_map(|line| line.rsplit('/').next())
            .collect();
        names.retain(|name| !name.is_empty());
        assert_eq!(
            names,
            [
                "config.json",
                "import-ddwrt.sh",
                "install.sh",
                "lanemark",
                "package.txt",
                "start"
            ]
        );
        assert!(list.lines().all(|line| line.contains(" 0/0 ")), "{list}");
    }
}

#[test]
fn a_program_for_another_machine_or_above_its_budget_is_not_packed() {
    for shell in shells().into_iter().take(1) {
        let trial = Trial::new("not-packed", shell);
        let program = trial.dir.join("program");
        let (class, data, machine) = MIPS_BIG;
        fs::write(&program, header_of(class, data, machine)).unwrap();
        let made = pack(BOARD, &program, &trial.dir);
        assert_eq!(made.status.code(), Some(INPUT));
        assert!(text(&made).contains("found 32 big 8"), "{}", text(&made));

        let mut large = header_of(class, data, machine);
        large.resize(364 * 1024 + 1, 0);
        fs::write(&program, large).unwrap();
        let made = pack("tplink-archer-c7", &program, &trial.dir);
        assert_eq!(made.status.code(), Some(INPUT));
        assert!(text(&made).contains("at most 372736"), "{}", text(&made));

        let made = pack("toaster", &program, &trial.dir);
        assert_eq!(made.status.code(), Some(INPUT));
        assert!(text(&made).contains("expected a board"), "{}", text(&made));
    }
}

#[test]
fn wrong_words_are_told() {
    each(|shell| {
        let trial = Trial::new("words", shell);
        let package = trial.package(Kind::Works("one"));
        trial.expect(&package, "frobnicate", (INPUT, "expected check, install"));
        trial.expect(&package, "--root", (INPUT, "expected check, install"));
    });
}

#[test]
fn a_package_for_another_machine_is_refused_and_both_are_named() {
    let other = |trial: &Trial| {
        let program = trial.dir.join("other");
        let (class, data, machine) = MIPS_BIG;
        fs::write(&program, header_of(class, data, machine)).unwrap();
        trial.package_of("tplink-archer-c7", &program)
    };
    let words = "32-bit big-endian MIPS; this router is 64-bit little-endian x86-64";
    refused("machine", other, (INPUT, words));
}

#[test]
fn a_package_of_the_other_byte_order_is_refused_and_both_are_named() {
    let other = |trial: &Trial| {
        let (class, data, machine) = MIPS_BIG;
        trial.put("bin/busybox", header_of(class, data, machine));
        let program = trial.dir.join("other");
        let (class, data, machine) = MIPS_LITTLE;
        fs::write(&program, header_of(class, data, machine)).unwrap();
        trial.package_of("qemu-malta", &program)
    };
    let words = "32-bit little-endian MIPS; this router is 32-bit big-endian MIPS";
    refused("order", other, (INPUT, words));
}

#[test]
fn hardware_floats_are_refused_where_the_kernel_has_none() {
    let other = |trial: &Trial| {
        let (class, data, machine) = ARM;
        let mut bytes = header_of(class, data, machine);
        trial.put("bin/busybox", &bytes);
        trial.put("proc/cpuinfo", "Features\t: swp half fastmult edsp tls\n");
        // EF_ARM_ABI_FLOAT_HARD
        bytes[37] = 4;
        let program = trial.dir.join("other");
        fs::write(&program, bytes).unwrap();
        trial.package_of("linksys-wrt1200ac", &program)
    };
    refused("floats", other, (INPUT, "this router's kernel offers none"));
}

#[test]
fn a_router_that_is_not_served_is_refused_with_the_reason() {
    // All routers that there is data of are served: this is one that is not.
    let other = |trial: &Trial| {
        let tree = trial.dir.join("tree");
        let mut copy = Command::new("cp");
        fs::create_dir_all(&tree).unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy.arg("-r")
            .args(["board", "Cargo.toml"].map(|name| from.join(name)));
        assert!(run(copy.arg(&tree)).status.success());
        let data = tree.join("board/netgear-r7000.toml");
        let said = fs::read_to_string(&data).unwrap();
        let lines = said.lines().map(|line| match line.split(' ').next() {
            Some("served") => "served = false\n".to_owned(),
            Some("served_why") => "served_why = \"its kernel has no queues\"\n".to_owned(),
            _ => format!("{line}\n"),
        });
        fs::write(&data, lines.collect::<String>()).unwrap();
        let (class, data, machine) = ARM;
        let program = trial.dir.join("other");
        fs::write(&program, header_of(class, data, machine)).unwrap();
        let out = trial.dir.join("packed");
        let mut pack = Command::new("bash");
        pack.arg(tree.join("board/package.sh")).arg("netgear-r7000");
        let made = run(pack.arg(&program).arg(&out));
        assert!(made.status.success(), "{}", text(&made));
        trial.unpack(&archive(&out, "netgear-r7000"), "made/other")
    };
    refused(
        "served",
        other,
        (REFUSED, "is not served yet: its kernel has no queues"),
    );
}

#[test]
fn a_program_that_says_another_version_is_refused() {
    let other = |trial: &Trial| trial.package(Kind::Foreign);
    refused("version", other, (INPUT, "found 'lanemark 9.9.9'"));
}

#[test]
fn a_package_cut_in_half_is_refused() {
    for file in ["lanemark", "config.json", "start", "package.txt"] {
        let cut = |trial: &Trial| {
            let package = trial.package(Kind::Works("one"));
            let bytes = fs::read(package.join(file)).unwrap();
            fs::write(package.join(file), &bytes[..bytes.len() / 2]).unwrap();
            package
        };
        refused("cut", cut, (INPUT, "damaged package: "));
    }
}

#[test]
fn an_archive_that_was_cut_or_changed_on_its_way_does_not_get_as_far_as_the_router() {
    for damage in ["cut", "flip"] {
        let damaged = |trial: &Trial| {
            let mut program = fs::read(trial.package(Kind::Works("one")).join("lanemark")).unwrap();
            // As large as a real one, and as hard to compress.
            let mut dice = crate::dice::Dice::new(1);
            program.extend((0..200_000).map(|_| dice.byte()));
            let large = trial.dir.join("large");
            fs::write(&large, program).unwrap();
            let out = trial.dir.join("packed");
            assert!(pack(BOARD, &large, &out).status.success());
            let mut bytes = fs::read(archive(&out, BOARD)).unwrap();
            let half = bytes.len() / 2;
            match damage {
                "cut" => bytes.truncate(half),
                _ => bytes[half] ^= 1,
            }
            fs::write(archive(&out, BOARD), bytes).unwrap();
            let mut tar = Command::new("tar");
            let said = run(tar
                .arg("-xzf")
                .arg(archive(&out, BOARD))
                .arg("-C")
                .arg(&out));
            assert!(!said.status.success(), "tar saw nothing");
            archive(&out, BOARD).with_extension("").with_extension("")
        };
        refused("archive", damaged, (INPUT, "damaged package: "));
    }
}

#[test]
fn a_package_without_one_of_its_files_is_refused() {
    for file in ["lanemark", "config.json", "start", "package.txt"] {
        let short = |trial: &Trial| {
            let package = trial.package(Kind::Works("one"));
            fs::remove_file(package.join(file)).unwrap();
            package
        };
        refused("missing", short, (INPUT, "is missing; unpack it again"));
    }
}

#[test]
fn a_flipped_byte_anywhere_in_a_package_is_refused() {
    for (file, place) in [
        ("lanemark", 2000),
        ("lanemark", 0),
        ("config.json", 40),
        // In the comment that the script begins with.
        ("install.sh", 20),
        ("start", 100),
        ("package.txt", 30),
    ] {
        let flip = |trial: &Trial| {
            let package = trial.package(Kind::Works("one"));
            let mut bytes = fs::read(package.join(file)).unwrap();
            bytes[place] ^= 1;
            fs::write(package.join(file), bytes).unwrap();
            package
        };
        refused("flip", flip, (INPUT, "damaged package: "));
    }
}

#[test]
fn too_little_memory_is_refused_on_new_and_on_old_kernels() {
    for meminfo in [
        "MemTotal: 29000 kB\nMemFree: 9000 kB\nMemAvailable: 1100 kB\n",
        "MemTotal: 29000 kB\nMemFree: 1100 kB\nBuffers: 900 kB\n",
    ] {
        let poor = |trial: &Trial| {
            trial.put("proc/meminfo", meminfo);
            trial.package(Kind::Works("one"))
        };
        refused(
            "memory",
            poor,
            (REFUSED, "1100 kB available, expected 2048 kB"),
        );
    }
}

#[test]
fn another_qos_that_is_on_is_refused_and_how_to_turn_it_off_is_told() {
    let ddwrt = |trial: &Trial| {
        trial.firmware_program("nvram", r#"[ "$*" != "get wshaper_enable" ] || echo 1"#);
        trial.package(Kind::Works("one"))
    };
    refused("wshaper", ddwrt, (REFUSED, "nvram set wshaper_enable=0"));
    let sqm = |trial: &Trial| {
        let script =
            r#"[ "$*" != "-q show sqm" ] || printf "sqm.eth1=queue\nsqm.eth1.enabled='1'\n""#;
        trial.firmware_program("uci", script);
        trial.package(Kind::Works("one"))
    };
    refused("sqm", sqm, (REFUSED, "uci set sqm.eth1.enabled=0"));
    let qosify = |trial: &Trial| {
        let script = r#"[ "$*" != "-q show qosify" ] || printf "qosify.wan=interface\n""#;
        trial.firmware_program("uci", script);
        trial.put("etc/rc.d/S19qosify", "");
        trial.package(Kind::Works("one"))
    };
    refused("qosify", qosify, (REFUSED, "/etc/init.d/qosify stop"));
}

#[test]
fn a_qos_that_is_there_and_off_is_no_obstacle() {
    each(|shell| {
        let trial = Trial::new("off", shell);
        trial.firmware_program("nvram", "echo 0");
        let script = r#"case "$*" in
            "-q show sqm") printf "sqm.eth1=queue\nsqm.eth1.enabled='0'\n" ;;
            "-q show qosify") printf "qosify.wan=interface\nqosify.wan.disabled='1'\n" ;;
            "-q get qosify.wan.disabled") echo 1 ;;
        esac"#;
        trial.firmware_program("uci", script);
        trial.put("etc/rc.d/S19qosify", "");
        let package = trial.package(Kind::Works("one"));
        trial.expect(&package, "check", (DONE, "can be installed here"));
    });
}

#[test]
fn installed_twice_nothing_changes_the_second_time() {
    each(|shell| {
        let trial = Trial::new("twice", shell);
        let package = trial.package(Kind::Works("one"));
        trial.expect(&package, "status", (REFUSED, "not installed"));
        trial.expect(&package, "install", (DONE, "is installed and runs"));
        assert_eq!(trial.answering().as_deref(), Some("one"));
        let (mode, _) = trial.files()[Path::new(CONFIG)];
        assert_eq!(mode & 0o777, 0o600);
        let before = (
            trial.files(),
            fs::read(trial.root("etc/lanemark/backup/was.txt")).unwrap(),
        );
        let process = fs::read(trial.root("var/run/lanemark.sock")).unwrap();
        trial.expect(&package, "install", (DONE, "nothing was changed"));
        let after = (
            trial.files(),
            fs::read(trial.root("etc/lanemark/backup/was.txt")).unwrap(),
        );
        assert!(before == after, "{shell:?}");
        let same = fs::read(trial.root("var/run/lanemark.sock")).unwrap();
        assert_eq!(process, same, "{shell:?}: the daemon was started again");
        trial.expect(&package, "status", (DONE, "the daemon answers"));
    });
}

#[test]
fn undo_of_the_first_install_leaves_nothing() {
    each(|shell| {
        let trial = Trial::new("first", shell);
        let before = trial.files();
        let package = trial.package(Kind::Works("one"));
        trial.expect(&package, "undo", (REFUSED, "nothing to undo"));
        trial.expect(&package, "install", (DONE, "is installed and runs"));
        trial.expect(&package, "undo", (DONE, "taken off again"));
        assert!(trial.files() == before, "{shell:?}");
        assert!(!trial.root("etc/lanemark").exists(), "{shell:?}");
        assert!(
            !trial.root("var/run/lanemark.sock").exists(),
            "{shell:?}: it still runs"
        );
        trial.expect(&package, "undo", (REFUSED, "nothing to undo"));
    });
}

#[test]
fn an_upgrade_keeps_the_configuration_and_undo_brings_back_every_byte() {
    each(|shell| {
        let trial = Trial::new("upgrade", shell);
        let old = trial.package(Kind::Works("old"));
        trial.expect(&old, "install", (DONE, "is installed and runs"));
        trial.put(
            CONFIG,
            "{ \"version\": 1, \"enabled\": false, \"lan\": [\"br7\"] }\n",
        );
        let before = trial.files();
        let new = trial.package(Kind::Works("new"));
        trial.expect(&new, "install", (DONE, "is installed and runs"));
        assert_eq!(trial.answering().as_deref(), Some("new"));
        assert!(trial.files()[Path::new(CONFIG)] == before[Path::new(CONFIG)]);
        assert!(trial.files() != before);
        // As after a restart of the router: the unpacked package is gone.
        fs::remove_dir_all(&new).unwrap();
        trial.expect(
            &trial.root(BACKUP),
            "undo",
            (DONE, "the old program is back and runs"),
        );
        assert!(trial.files() == before, "{shell:?}");
        assert_eq!(trial.answering().as_deref(), Some("old"));
    });
}

#[test]
fn undo_that_a_power_cut_ended_halfway_can_be_repeated() {
    each(|shell| {
        let trial = Trial::new("halfway", shell);
        trial.expect(
            &trial.package(Kind::Works("old")),
            "install",
            (DONE, "runs"),
        );
        let before = trial.files();
        let new = trial.package(Kind::Works("new"));
        trial.expect(&new, "install", (DONE, "runs"));
        let backup = trial.root(BACKUP).join("binary");
        fs::rename(backup, trial.root("usr/sbin/lanemark.new")).unwrap();
        trial.expect(&new, "undo", (DONE, "the old program is back and runs"));
        assert!(trial.files() == before, "{shell:?}");
    });
}

#[test]
fn a_new_program_that_does_not_answer_gives_way_to_the_old_one() {
    each(|shell| {
        let trial = Trial::new("broken", shell);
        trial.expect(
            &trial.package(Kind::Works("old")),
            "install",
            (DONE, "runs"),
        );
        let before = trial.files();
        let broken = trial.package(Kind::Broken);
        trial.expect(
            &broken,
            "install",
            (REFUSED, "the old program is back and runs"),
        );
        assert!(trial.files() == before, "{shell:?}");
        assert_eq!(trial.answering().as_deref(), Some("old"));
    });
}

#[test]
fn a_first_program_that_does_not_answer_is_taken_off_again() {
    each(|shell| {
        let trial = Trial::new("broken-first", shell);
        let before = trial.files();
        let broken = trial.package(Kind::Broken);
        trial.expect(&broken, "install", (REFUSED, "it was taken off again"));
        assert!(trial.files() == before, "{shell:?}");
    });
}

/// Runs a script with a flash of so many kB under the trial's root; nothing where that cannot be made.
fn with_flash(trial: &Trial, kilobytes: u32, script: &str) -> Option<String> {
    let root = trial.root("");
    let mount = format!(
        "mount -t tmpfs -o size={kilobytes}k,mode=755 flash '{0}' || exit 77; mkdir -p '{0}/var/run' || exit 77; cd '{1}'; {script}",
        root.display(),
        trial.dir.display()
    );
    let mut command = Command::new("unshare");
    let output = run(command.args(["-rm", "sh", "-c", &mount]));
    if output.status.code() == Some(77) || text(&output).contains("unshare: ") {
        skip("no mount namespace can be made here");
        return None;
    }
    Some(text(&output))
}

#[test]
fn too_little_flash_is_refused_before_anything_is_written() {
    each(|shell| {
        let trial = Trial::new("flash", shell);
        let package = trial.package(Kind::Works("one"));
        let script = format!(
            "{} '{}/install.sh' install --root root; echo code $?; find root -type f
            [ ! -x root/{START} ] || LANEMARK_ROOT=$PWD/root root/{START} stop",
            shell.join(" "),
            package.display()
        );
        if let Some(said) = with_flash(&trial, 300, &script) {
            assert!(said.contains("kB free, expected 896 kB"), "{said}");
            assert!(said.contains("code 1\n"), "{said}");
            assert!(!said.contains("\nroot/"), "{said}");
        }
    });
}

#[test]
fn a_flash_that_fills_up_during_the_copy_leaves_the_old_program_running() {
    each(|shell| {
        let trial = Trial::new("filled", shell);
        let (old, new) = (
            trial.package(Kind::Works("old")),
            trial.package(Kind::Fills),
        );
        let script = format!(
            "{shell} '{old}/install.sh' install --root root >/dev/null || exit 1
            sha256sum root/{BINARY} root/{START} root/{CONFIG} root/{BACKUP}/* > before
            export STAND_IN_FILL=root/filler
            {shell} '{new}/install.sh' install --root root; echo code $?
            sha256sum root/{BINARY} root/{START} root/{CONFIG} root/{BACKUP}/* > after
            cmp before after && echo same; find root -name '*.new'
            root/{BINARY} status --json --socket root/var/run/lanemark.sock
            rm -f root/filler; LANEMARK_ROOT=$PWD/root root/{START} stop",
            shell = shell.join(" "),
            old = old.display(),
            new = new.display(),
        );
        if let Some(said) = with_flash(&trial, 2048, &script) {
            assert!(
                said.contains("lanemark.new: cannot be written whole"),
                "{said}"
            );
            assert!(said.contains("code 1\nsame\n"), "{said}");
            assert!(!said.contains("lanemark.new\n"), "{said}");
            assert!(said.contains("\"build\":\"old\""), "{said}");
        }
    });
}

#[test]
fn procd_is_told_to_start_it_again_for_as_long_as_it_takes() {
    each(|shell| {
        let trial = Trial::new("procd", shell);
        let program = trial.dir.join("other");
        let (class, data, machine) = MIPS_LITTLE;
        fs::write(&program, header_of(class, data, machine)).unwrap();
        let package = trial.package_of("ubnt-edgerouter-x", &program);
        let script = r#"procd_open_instance() { :; }; procd_close_instance() { :; }
            procd_set_param() { echo "$*"; }; . "$0"; start_service"#;
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", script]);
        let said = text(&run(command.arg(package.join("start"))));
        let started = "command /usr/sbin/lanemark run --dir /etc/lanemark\n";
        assert!(said.contains(started), "{said}");
        assert!(said.contains("respawn 3600 5 0\n"), "{said}");
    });
}

#[test]
fn the_loop_keeps_the_daemon_until_it_is_told_to_stop() {
    each(|shell| {
        let trial = Trial::new("loop", shell);
        let package = trial.package(Kind::Works("one"));
        fs::create_dir_all(trial.root("usr/sbin")).unwrap();
        fs::copy(package.join("lanemark"), trial.root(BINARY)).unwrap();
        let socket = trial.root("var/run/lanemark.sock");
        let mut keep = Command::new(shell[0]);
        keep.args(&shell[1..])
            .arg(package.join("start"))
            .arg("keep");
        let mut keeper = keep.env("LANEMARK_ROOT", trial.root("")).spawn().unwrap();
        let answers = |other_than: &str| {
            for _ in 0..150 {
                let process = fs::read_to_string(&socket).unwrap_or_default();
                if process.ends_with('\n') && process != other_than {
                    return process;
                }
                thread::sleep(std::time::Duration::from_millis(100));
            }
            panic!("{shell:?}: no daemon");
        };
        let first = answers("");
        let end = |process: &str| run(Command::new("kill").args(["-TERM", process.trim()]));
        // It ends by itself, and another one comes.
        end(&first);
        answers(&first);
        end(&keeper.id().to_string());
        assert!(keeper.wait().unwrap().success(), "{shell:?}");
        assert!(!socket.exists(), "{shell:?}: the daemon outlived the loop");
        assert!(!trial.root("var/run/lanemark.keeper").exists(), "{shell:?}");
    });
}
