//! Rules through `iptables-restore` and `ip6tables-restore`, for kernels without `nf_tables`: what holds for the one dialect holds for the other, and what
//! only this one has to promise.
//!
//! The judges are `conntrack`, `tc`, and the `iptables-legacy-save` of Debian. The programs that lanemark runs are those of the same kind, put in the
//! place of the ones that translate to `nf_tables` in a mount namespace of its own.

use std::cell::Cell;

use lanemark::lab::host::Host;
use lanemark::lab::house::Resident;
use lanemark::value::Dialect;
use libtest_mimic::Trial;

use crate::bed::{Bed, Wish, text};
use crate::program::{run, tool};
use crate::promise::{SOON, Skip, Tried, need, promises, root, until};
use crate::{
    ahead, caps, ctnetlink, first_packet, lans, mss, paths, policy, remark, restart, rules, see,
    steering, stop,
};

promises! {
    what_others_flush_is_put_back_within_ten_seconds_and_their_rules_stay,
    what_is_written_for_old_kernels_and_both_versions_of_ip_is_taken_whole,
    where_the_program_fails_the_reason_is_told_and_nothing_is_half_applied,
    every_flow_of_the_table_has_its_class_and_lane_where_a_kernel_cannot_say_what_a_flow_was_opened_to,
    a_program_that_hangs_is_ended_and_told,
    two_programs_are_run_by_their_words_and_no_other_and_a_new_start_changes_nothing,
}

thread_local! {
    static SPOKEN: Cell<Dialect> = const { Cell::new(Dialect::Nftables) };
    /// The programs know no more than those of DD-WRT.
    static OLD: Cell<bool> = const { Cell::new(false) };
}

/// The trial of this thread is about that dialect.
pub fn speak(dialect: Dialect) {
    SPOKEN.set(dialect);
    OLD.set(false);
}

/// Which one it is about, if this machine can speak it.
pub fn spoken() -> Result<Dialect, Skip> {
    let dialect = SPOKEN.get();
    if dialect == Dialect::Xtables {
        root()?;
        need(&[
            "iptables-legacy-save",
            "ip6tables-legacy-save",
            "unshare",
            "mount",
            "sh",
        ])?;
    }
    Ok(dialect)
}

/// What stands before and behind the words by which lanemark is started.
pub fn words(dialect: Dialect) -> (&'static [&'static str], &'static [&'static str]) {
    /// Both are one program by many names.
    const LEGACY: &str =
        "mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi && exec \"$@\"";
    /// And it refuses what its kernel would not know.
    const OLD_ONE: &str = r#"mount -t tmpfs none /mnt && cat >/mnt/old <<'END'
#!/bin/sh
input=$(cat)
case $input in *--ctdir* | *--ctorigdstport*) exit 2 ;; esac
printf '%s\n' "$input" | exec /usr/sbin/xtables-legacy-multi "${0##*/}" "$@"
END
chmod +x /mnt/old && mount --bind /mnt/old /usr/sbin/xtables-nft-multi && exec "$@""#;
    const XTABLES: &[&str] = &["--rules", "xtables"];
    match dialect {
        Dialect::Nftables => (&[], &[]),
        Dialect::Xtables if OLD.get() => (&["unshare", "-m", "sh", "-c", OLD_ONE, "sh"], XTABLES),
        Dialect::Xtables => (&["unshare", "-m", "sh", "-c", LEGACY, "sh"], XTABLES),
    }
}

/// The table that lanemark's chains are in, without counters and the time.
pub fn saved(router: &Host) -> String {
    if SPOKEN.get() == Dialect::Nftables {
        return String::new();
    }
    let saved = [
        "iptables-legacy-save -t mangle",
        "ip6tables-legacy-save -t mangle",
    ]
    .map(|line| tool(router, line));
    let lines = saved.iter().flat_map(|text| text.lines());
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(" [").next().unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// What holds for both dialects.
pub fn in_common() -> Vec<Trial> {
    [
        policy::under_xtables(&[
            "every_flow_of_the_table_has_the_class_that_the_table_says",
            "every_flow_of_the_table_leaves_through_the_lane_of_its_class",
            "a_change_of_the_rules_marks_the_flows_that_are_open",
            "a_flow_from_outside_gets_its_class_at_the_homes_first_answer_by_the_port_that_it_was_opened_to",
        ]),
        first_packet::under_xtables(&[
            "of_a_thousand_flows_of_a_premium_device_each_is_born_with_its_mark",
            "flows_are_born_with_their_mark_while_the_daemon_is_stopped",
            "the_kernels_own_table_shows_mark_10_for_the_workstation_and_mark_0_for_the_others",
        ]),
        remark::under_xtables(&[
            "set_marks_exactly_the_flows_of_its_device_and_loses_none",
            "flows_that_are_older_than_lanemark_get_the_class_of_their_device",
            "a_flow_from_outside_gets_the_class_at_the_devices_first_answer",
            "a_device_that_moves_to_another_address_takes_its_class_with_it",
        ]),
        ctnetlink::under_xtables(&[
            "an_open_flow_changes_its_class_with_its_next_packet_and_keeps_the_bits_of_others",
            "what_a_rule_gives_to_a_flow_each_of_its_packets_gives_it",
            "a_slot_comes_and_goes_with_the_next_packet",
        ]),
        rules::under_xtables(&["a_device_of_512_is_found_by_its_flows"]),
        steering::under_xtables(&[
            "each_class_carries_what_its_device_sends_and_gets",
            "a_device_without_a_class_is_in_the_default_lane",
            "what_the_router_says_to_the_home_is_not_shaped",
            "what_the_home_says_to_the_router_is_not_shaped",
            "what_the_router_says_to_the_internet_is_in_the_standard_lane",
            "bits_of_a_class_that_is_not_ours_lead_to_the_default_lane",
        ]),
        restart::under_xtables(&[
            "after_a_kill_marks_and_queues_go_on",
            "a_device_taken_out_by_hand_meanwhile_loses_its_mark",
        ]),
        stop::under_xtables(&[
            "stop_leaves_the_kernel_as_it_was_where_flows_were_not_counted",
            "stop_leaves_the_kernel_as_it_was_where_flows_were_counted",
            "stop_clears_what_a_killed_daemon_left",
            "stop_after_a_restart_still_knows_how_it_was_before_the_first_start",
            "to_stop_twice_is_told_and_does_no_harm",
            "stop_takes_our_bits_from_flows_and_leaves_those_of_others",
            "switching_off_takes_everything_out_and_keeps_the_daemon",
        ]),
        mss::under_xtables(&[
            "segments_fit_the_path_both_ways_unless_that_is_off",
            "flows_of_the_lower_lanes_agree_on_small_segments_where_that_is_asked_for_and_others_do_not",
        ]),
        ahead::under_xtables(&[
            "only_the_kinds_that_are_named_go_ahead_in_both_directions_and_keep_their_mark",
        ]),
        paths::under_xtables(&[
            "a_forwarded_port_is_in_the_lane_of_its_device_both_ways",
            "what_goes_to_the_lan_by_way_of_the_outside_address_is_not_shaped",
            "a_client_behind_a_router_in_the_lan_is_in_that_routers_lane",
        ]),
        lans::under_xtables(&[
            "each_lan_has_its_classes_and_what_goes_from_one_to_another_is_not_shaped",
            "stop_leaves_the_kernel_as_it_was_with_several_lans",
        ]),
        caps::under_xtables(&[
            "a_cap_holds_for_every_packet_whatever_class_a_rule_gives_it",
            "live_flows_get_and_lose_the_bits_of_their_slot_and_no_other",
            "set_keeps_the_cap_and_moves_the_queue",
        ]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `-t mangle` of both versions of IP.
const TABLES: [&str; 2] = ["iptables-legacy", "ip6tables-legacy"];

/// Ten seconds of the promise, and what two programs take on a busy machine.
const PUT_BACK_WITHIN: std::time::Duration = std::time::Duration::from_secs(12);

fn what_others_flush_is_put_back_within_ten_seconds_and_their_rules_stay() -> Tried {
    speak(Dialect::Xtables);
    let bed = Bed::new()?;
    let router = bed.router();
    for table in TABLES {
        tool(router, &format!("{table} -t mangle -N others"));
        tool(router, &format!("{table} -t mangle -A FORWARD -j others"));
        tool(
            router,
            &format!("{table} -t mangle -A others -p tcp --dport 9 -j ACCEPT"),
        );
    }
    let _lanemark = bed.start(&Wish::workstation("premium"));
    let whole = saved(router);
    for line in [
        "-A FORWARD -j others",
        "-A others -p tcp -m tcp --dport 9 -j ACCEPT",
    ] {
        assert_eq!(
            whole.lines().filter(|known| *known == line).count(),
            2,
            "{whole}"
        );
    }
    for table in TABLES {
        tool(router, &format!("{table} -t mangle -F PREROUTING"));
    }
    until("the jump", PUT_BACK_WITHIN, || {
        (saved(router) == whole).then_some(())
    });
    for table in TABLES {
        tool(router, &format!("{table} -t mangle -F"));
    }
    let without_others: String = whole
        .lines()
        .filter(|line| !line.starts_with("-A") || !line.contains("others"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    until("all rules", PUT_BACK_WITHIN, || {
        (saved(router) == without_others).then_some(())
    });
    for table in TABLES {
        tool(router, &format!("{table} -t mangle -F LANEMARK_MAC"));
    }
    until("one chain", PUT_BACK_WITHIN, || {
        (saved(router) == without_others).then_some(())
    });
    let _open = bed.crowds("workstation", 5);
    assert_eq!(see::marks(router, &Resident::workstation()), [10]);

    Ok(())
}

/// What was started, by the words that were given to it.
fn started(trace: &str) -> Vec<String> {
    let words = |line: &str| {
        let words = line.split_once(", [")?.1.split_once(']')?.0;
        Some(words.replace(['"', ','], ""))
    };
    trace
        .lines()
        .filter(|line| line.contains("execve(") && line.ends_with("= 0"))
        .filter_map(words)
        .collect()
}

fn two_programs_are_run_by_their_words_and_no_other_and_a_new_start_changes_nothing() -> Tried {
    speak(Dialect::Xtables);
    need(&["strace"])?;
    let bed = Bed::new()?;
    bed.start(&Wish::workstation("premium")).kill();
    let before = saved(bed.router());
    let output = bed.scratch_file("programs");
    let mut lanemark = bed.spawn_under(&[
        "strace",
        "-D",
        "-f",
        "-s",
        "200",
        "-e",
        "trace=execve",
        "-o",
        text(&output),
    ]);
    bed.await_state(&mut lanemark, "on");
    assert_eq!(saved(bed.router()), before);
    let so_far = || started(&std::fs::read_to_string(&output).expect("a trace"));
    let changes = |started: &[String]| {
        let changes = started.iter().filter(|words| words.ends_with("--noflush"));
        changes.count()
    };
    // Four probes, each of which makes a chain that nothing leads to, and removes it.
    assert_eq!(changes(&so_far()), 4, "{:#?}", so_far());
    bed.ask(&["set", "192.168.77.10", "express"]);
    assert_eq!(
        changes(&so_far()),
        6,
        "one a version of IP: {:#?}",
        so_far()
    );
    until("an everyday look", SOON, || {
        let looks = so_far()
            .iter()
            .filter(|words| words.ends_with("--test"))
            .count();
        // The first look has a list and a comparison.
        (looks > 4).then_some(())
    });
    bed.ask(&["stop"]);
    lanemark.end();
    let own = ["lanemark page", "lanemark judge"];
    let others = [
        "iptables-restore --noflush",
        "iptables-restore --noflush --test",
        "ip6tables-restore --noflush",
        "ip6tables-restore --noflush --test",
    ];
    let started = so_far();
    let (first, rest) = started.split_first().expect("lanemark itself");
    assert!(first.contains(" run "), "{first}");
    let odd: Vec<_> = rest
        .iter()
        .filter(|words| !own.iter().chain(&others).any(|known| words == known))
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
    assert!(
        others
            .iter()
            .all(|known| rest.iter().any(|words| words == known))
    );
    Ok(())
}

/// What is written for a policy with everything, for each version of IP, and for kernels that cannot say what a flow was opened to.
const WRITTEN: [(&str, &str, &str); 3] = [
    (
        "iptables-legacy",
        "v4",
        include_str!("../golden/xtables-v4.txt"),
    ),
    (
        "iptables-legacy",
        "old",
        include_str!("../golden/xtables-old.txt"),
    ),
    (
        "ip6tables-legacy",
        "v6",
        include_str!("../golden/xtables-v6.txt"),
    ),
];

fn what_is_written_for_old_kernels_and_both_versions_of_ip_is_taken_whole() -> Tried {
    speak(Dialect::Xtables);
    let bed = Bed::new()?;
    for (program, name, input) in WRITTEN {
        let file = bed.scratch_file(name);
        std::fs::write(&file, input).expect("an input");
        let line = format!("{program}-restore --noflush < {}", text(&file));
        let said = run(bed.router(), &["sh", "-c", &line]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{name}");
        let saved = tool(bed.router(), &format!("{program}-save -t mangle"));
        let count = |text: &str| {
            text.lines()
                .filter(|line| line.starts_with("-A LANEMARK_"))
                .count()
        };
        assert_eq!(count(&saved), count(input), "{saved}");
        tool(bed.router(), &format!("{program} -t mangle -F"));
        tool(bed.router(), &format!("{program} -t mangle -X"));
    }
    Ok(())
}

fn where_the_program_fails_the_reason_is_told_and_nothing_is_half_applied() -> Tried {
    speak(Dialect::Xtables);
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let before = see::kernel(bed.router());
    // No program of that name is there.
    let mut lanemark = bed.spawn_under(&["unshare", "-m", "sh", "-c", HIDE, "sh"]);
    bed.await_state(&mut lanemark, "failing");
    let said = bed.ask(&["status"]);
    assert!(said.contains("CONFIG_NF_TABLES"), "{said}");
    assert!(
        lanemark
            .said()
            .contains("no xtables: No such file or directory"),
        "{}",
        lanemark.said()
    );
    see::kernel(bed.router()).assert_is(&before, "without the programs");
    Ok(())
}

/// The programs are nowhere.
const HIDE: &str = "mount -t tmpfs none /usr/sbin && exec \"$@\"";

fn every_flow_of_the_table_has_its_class_and_lane_where_a_kernel_cannot_say_what_a_flow_was_opened_to()
-> Tried {
    for table in [
        policy::every_flow_of_the_table_has_the_class_that_the_table_says,
        policy::every_flow_of_the_table_leaves_through_the_lane_of_its_class,
    ] {
        speak(Dialect::Xtables);
        OLD.set(true);
        table()?;
    }
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    assert!(
        !saved(bed.router()).contains("ctdir"),
        "the kernel was not asked for it"
    );
    assert!(bed.ask(&["doctor"]).contains("needs Linux 2.6.38"));
    Ok(())
}

/// The programs never end.
const HANG: &str = r#"mount -t tmpfs none /usr/sbin && printf '#!/bin/sh\nexec sleep 1000\n' >/usr/sbin/iptables-restore &&
chmod +x /usr/sbin/iptables-restore && exec "$@""#;

fn a_program_that_hangs_is_ended_and_told() -> Tried {
    speak(Dialect::Xtables);
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    let lanemark = bed.spawn_under(&["unshare", "-m", "sh", "-c", HANG, "sh"]);
    until("what is told of it", SOON, || {
        lanemark
            .said()
            .contains("no xtables: it did not end in time, and was killed")
            .then_some(())
    });
    // Its own process, and the page's at most.
    let children = format!("/proc/{0}/task/{0}/children", lanemark.pid());
    let children = std::fs::read_to_string(children).unwrap_or_default();
    for child in children.split_whitespace() {
        let words = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        assert!(!words.starts_with(b"sleep"), "{child} is still there");
    }
    until("an answer", SOON, || {
        bed.lanemark(&["status"])
            .out
            .contains("CONFIG_NF_TABLES")
            .then_some(())
    });
    Ok(())
}
