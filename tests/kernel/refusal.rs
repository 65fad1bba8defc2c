//! What the system can refuse, and that it leaves everything as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lanemark::lab::house::Resident;
use nix::sys::signal::Signal;

use crate::bed::{Bed, Wish, text};
use crate::program::{Along, Said, run, tool, under_test};
use crate::promise::{SOON, Skip, Tried, need, promises, root, until};
use crate::see;
use crate::trace::{Injection, call_number};

promises! {
    a_second_instance_is_told_who_runs_and_disturbs_nobody,
    without_rights_it_says_which_it_needs,
    without_a_daemon_each_verb_says_so_with_code_3,
    a_socket_that_a_dead_daemon_left_is_no_obstacle,
    a_socket_in_a_folder_that_is_not_there_is_told,
    without_netfilter_in_the_kernel_it_says_which_option,
    without_a_configuration_it_is_off_and_says_what_to_set,
    what_the_kernel_refuses_in_the_middle_leaves_the_old_configuration_in_force,
    a_foreign_qdisc_on_the_new_wan_leaves_the_old_configuration_in_force,
}

fn one_line(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "one line: {said:?}");
    assert!(
        words.iter().all(|word| said.err.contains(word)),
        "expected {words:?} in {said:?}"
    );
}

fn a_second_instance_is_told_who_runs_and_disturbs_nobody() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let before = see::kernel(bed.router());
    let (dir, socket) = (bed.dir(), bed.socket());
    for _ in 0..3 {
        let said = run(
            bed.router(),
            &[
                under_test(),
                "run",
                "--dir",
                text(&dir),
                "--socket",
                text(&socket),
            ],
        );
        let last = said.err.lines().last().unwrap_or_default();
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            last.contains(&format!("already running, pid {} ", lanemark.pid())),
            "{last}"
        );
    }
    see::kernel(bed.router()).assert_is(&before, "after a second start");
    bed.await_state(&mut lanemark, "on");
    Ok(())
}

fn without_rights_it_says_which_it_needs() -> Tried {
    root()?;
    need(&["setpriv"])?;
    let bed = Bed::new()?;
    let nobody = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let reached = run(
        bed.router(),
        &[nobody.as_slice(), &[under_test(), "--version"]].concat(),
    );
    if reached.code != Some(0) {
        return Err(Skip::Machine(format!(
            "nobody cannot start the program under test: {}",
            reached.err.trim()
        )));
    }
    let before = see::kernel(bed.router());
    let (folder, dir) = (bed.scratch_file(""), bed.scratch_file("open"));
    fs::create_dir(&dir).expect("a folder");
    for (path, mode) in [(&folder, 0o711), (&dir, 0o777)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
    }
    let socket = dir.join("lanemark.sock");
    fs::write(dir.join("config.json"), Wish::workstation("premium").text())
        .expect("a configuration");
    let start = [
        under_test(),
        "run",
        "--dir",
        text(&dir),
        "--socket",
        text(&socket),
    ];
    let said = run(bed.router(), &[nobody.as_slice(), &start].concat());
    one_line(
        &said,
        1,
        &["expected to run as root (CAP_NET_ADMIN)", "found"],
    );
    see::kernel(bed.router()).assert_is(&before, "after a start without rights");
    let _lanemark = bed.start_settled(&Wish::workstation("premium"));
    let during = see::kernel(bed.router());
    let socket = bed.socket();
    for words in [
        ["status"].as_slice(),
        &["stop"],
        &["set", "192.168.77.10", "bulk"],
    ] {
        let said = run(
            bed.router(),
            &[
                nobody.as_slice(),
                &[under_test(), "--socket", text(&socket)],
                words,
            ]
            .concat(),
        );
        one_line(&said, 1, &["permission denied; root is needed"]);
    }
    see::kernel(bed.router()).assert_is(&during, "after orders without rights");
    Ok(())
}

fn without_a_daemon_each_verb_says_so_with_code_3() -> Tried {
    let bed = Bed::new()?;
    let file = bed.scratch_file("good.json");
    fs::write(&file, Wish::default().text()).expect("a configuration");
    let verbs: [&[&str]; 7] = [
        &["status"],
        &["devices"],
        &["flows"],
        &["doctor"],
        &["set", "a", "bulk"],
        &["unset", "a"],
        &["config", "apply", text(&file)],
    ];
    for words in verbs {
        one_line(&bed.lanemark(words), 3, &["not running", "lanemark run"]);
    }
    Ok(())
}

fn a_socket_that_a_dead_daemon_left_is_no_obstacle() -> Tried {
    let bed = Bed::new()?;
    bed.start(&Wish::workstation("premium")).kill();
    assert!(bed.socket().exists(), "the dead do not clean up");
    one_line(&bed.lanemark(&["status"]), 3, &["not running"]);
    let _lanemark = bed.start_again();
    let mode = fs::metadata(bed.socket())
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner only");
    Ok(())
}

fn a_socket_in_a_folder_that_is_not_there_is_told() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let before = see::kernel(bed.router());
    let (dir, socket) = (bed.dir(), bed.scratch_file("missing/lanemark.sock"));
    let said = run(
        bed.router(),
        &[
            under_test(),
            "run",
            "--dir",
            text(&dir),
            "--socket",
            text(&socket),
        ],
    );
    one_line(&said, 1, &["missing/lanemark.sock"]);
    see::kernel(bed.router()).assert_is(&before, "after a start without a socket");
    Ok(())
}

fn without_netfilter_in_the_kernel_it_says_which_option() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let socket = call_number(&bed, "socket", |line| line.contains("NETLINK_NETFILTER"))?;
    let before = see::kernel(bed.router());
    let mut lanemark = Injection::new(&bed, "socket", "EPROTONOSUPPORT", socket)
        .onwards()
        .spawn();
    assert_eq!(lanemark.end().code(), Some(1));
    let last = lanemark
        .said()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned();
    assert!(
        last.contains("CONFIG_NETFILTER_NETLINK")
            && last.contains("expected")
            && last.contains("found"),
        "{last}"
    );
    see::kernel(bed.router()).assert_is(&before, "without netfilter");
    Ok(())
}

fn without_a_configuration_it_is_off_and_says_what_to_set() -> Tried {
    let bed = Bed::new()?;
    let before = see::kernel(bed.router());
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    let status = bed.ask(&["status", "--json"]);
    assert!(
        ["wan.up_kbit", "wan.down_kbit", "enabled", "config apply"]
            .iter()
            .all(|word| status.contains(word)),
        "{status}"
    );
    see::kernel(bed.router()).assert_is(&before, "without a configuration");
    Ok(())
}

fn what_the_kernel_refuses_in_the_middle_leaves_the_old_configuration_in_force() -> Tried {
    need(&["strace"])?;
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = bed.crowds("workstation", 5);
    let (kernel, file, shown) = (
        see::kernel(bed.router()),
        fs::read(bed.config_file()).expect("the file"),
        bed.ask(&["config", "show"]),
    );
    let next = bed.scratch_file("next.json");
    fs::write(
        &next,
        Wish {
            up_kbit: 5_000,
            down_kbit: 7_000,
            shares: [10, 20, 30, 40],
            ..Wish::workstation("bulk")
        }
        .text(),
    )
    .expect("a configuration");
    for number in [1, 2, 5, 9, 14] {
        let (pid, inject) = (
            lanemark.pid().to_string(),
            format!("inject=sendto:error=ENOMEM:when={number}"),
        );
        let trace = bed.scratch_file("trace");
        let mut tracer = Along::start(
            bed.router(),
            &[
                "strace",
                "-p",
                &pid,
                "-o",
                text(&trace),
                "-e",
                "trace=sendto",
                "-e",
                &inject,
            ],
            &bed.scratch_file("strace.log"),
        );
        until("the tracer", SOON, || {
            (see::status_number(lanemark.pid(), "TracerPid") > 0).then_some(())
        });
        let said = bed.lanemark(&["config", "apply", text(&next)]);
        tracer.signal(Signal::SIGTERM);
        tracer.end();
        one_line(
            &said,
            1,
            &["the kernel refused", "the configuration was left as it was"],
        );
        bed.await_state(&mut lanemark, "on");
        see::kernel(bed.router()).assert_is(&kernel, &format!("after a refusal of call {number}"));
        assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
        assert_eq!(bed.ask(&["config", "show"]), shown);
        assert_eq!(fs::read(bed.config_file()).expect("the file"), file);
    }
    Ok(())
}

fn a_foreign_qdisc_on_the_new_wan_leaves_the_old_configuration_in_force() -> Tried {
    let bed = Bed::new()?;
    tool(bed.router(), "ip link add wan1 type veth peer name spare");
    tool(bed.router(), "ip link set wan1 up");
    tool(
        bed.router(),
        "tc qdisc add dev wan1 root handle 7: pfifo limit 70",
    );
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let (kernel, file) = (
        see::kernel(bed.router()),
        fs::read(bed.config_file()).expect("the file"),
    );
    let next = bed.scratch_file("next.json");
    fs::write(
        &next,
        Wish {
            wan: "wan1",
            up_kbit: 9_000,
            ..Wish::workstation("bulk")
        }
        .text(),
    )
    .expect("a configuration");
    one_line(
        &bed.lanemark(&["config", "apply", text(&next)]),
        1,
        &["wan1", "7:", "the configuration was left as it was"],
    );
    bed.await_state(&mut lanemark, "on");
    see::kernel(bed.router()).assert_is(&kernel, "after a refused change of the WAN");
    assert_eq!(fs::read(bed.config_file()).expect("the file"), file);
    Ok(())
}
