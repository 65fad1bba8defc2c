//! Who holds what is in the kernel: the daemon that lives, the one that died, and another layout of the mark.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use lanemark::lab::house::{self, Resident};

use crate::bed::{Bed, Wish, text};
use crate::program::{run, tool, under_test};
use crate::promise::{SOON, Skip, Tried, patient, promises, throughout, until};
use crate::see;

promises! {
    stop_that_misses_the_socket_of_a_living_daemon_harms_nothing,
    whoever_is_told_that_it_stopped_can_start_it_at_once,
    stop_of_a_killed_daemon_clears_the_class_where_its_rules_had_put_it,
    a_daemon_that_comes_back_with_another_layout_leaves_no_bits_of_the_old,
    without_file_descriptors_it_waits_and_does_not_spin,
    who_says_no_more_is_still_answered,
}

/// The class in the second byte of the mark.
const MOVED: &str = "\"mark\": { \"mask\": \"0x7f00\", \"shift\": 8 },\n  \"devices\"";

fn moved(wish: &Wish<'_>) -> String {
    wish.text().replace("\"devices\"", MOVED)
}

fn stop_that_misses_the_socket_of_a_living_daemon_harms_nothing() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    if !see::rules(bed.router()).contains("flags owner") {
        return Err(Skip::Machine("this kernel has no guarded tables".into()));
    }
    let _open = bed.crowds("workstation", 10);
    let before = see::kernel(bed.router());
    let elsewhere = bed.scratch_file("nobody.sock");
    let words = [under_test(), "--socket", text(&elsewhere), "stop"];
    let said = run(bed.router(), &words);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(
        said.err.contains("not all could be removed"),
        "{}",
        said.err
    );
    see::kernel(bed.router()).assert_is(&before, "after a stop that was for nobody");
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
    bed.await_state(&mut lanemark, "on");
    Ok(())
}

fn whoever_is_told_that_it_stopped_can_start_it_at_once() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    for _ in 0..10 {
        bed.ask(&["stop"]);
        let next = bed.start_again();
        assert_eq!(lanemark.end().code(), Some(0));
        lanemark = next;
    }
    Ok(())
}

fn stop_of_a_killed_daemon_clears_the_class_where_its_rules_had_put_it() -> Tried {
    let bed = Bed::new()?;
    fs::write(bed.config_file(), moved(&Wish::workstation("premium"))).expect("a configuration");
    bed.start_again().kill();
    let _open = bed.crowds("workstation", 10);
    assert_eq!(
        see::marks(bed.router(), &Resident::workstation()),
        [10 << 8]
    );
    // Somebody else's bits stand where the class stands by default.
    for family in ["-f ipv4 -s 192.168.77.10", "-f ipv6 -s fd77::10"] {
        tool(
            bed.router(),
            &format!("conntrack -U {family} --mark 0x14/0xff"),
        );
    }
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [0xa14]);
    bed.ask(&["stop"]);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [0x14]);
    Ok(())
}

fn a_daemon_that_comes_back_with_another_layout_leaves_no_bits_of_the_old() -> Tried {
    let bed = Bed::new()?;
    bed.start(&Wish::workstation("premium")).kill();
    let _open = bed.crowds("workstation", 10);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [10]);
    fs::write(bed.config_file(), moved(&Wish::workstation("premium"))).expect("a configuration");
    let mut lanemark = bed.start_again();
    assert_eq!(
        see::marks(bed.router(), &Resident::workstation()),
        [10 << 8]
    );
    bed.ask(&["stop"]);
    lanemark.end();
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [0]);
    Ok(())
}

fn without_file_descriptors_it_waits_and_does_not_spin() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&Wish::workstation("premium"));
    // What it needs itself, and a few clients: fewer than it has places for.
    let mut lanemark = bed.spawn_under(&["prlimit", "--nofile=20"]);
    bed.await_state(&mut lanemark, "on");
    let open = || fs::read_dir(format!("/proc/{}/fd", lanemark.pid())).map_or(0, Iterator::count);
    // Clients that come and stay until no more are let in.
    let mut clients = Vec::new();
    until("no file descriptor is left", SOON, || {
        clients.push(UnixStream::connect(bed.socket()).expect("a place in the queue"));
        (open() >= 20).then_some(())
    });
    clients.push(UnixStream::connect(bed.socket()).expect("a place in the queue"));
    let time = |pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
        // Its own time and the kernel's for it, in hundredths of a second.
        let fields: Vec<u64> = stat
            .split_whitespace()
            .skip(13)
            .take(2)
            .filter_map(|word| word.parse().ok())
            .collect();
        fields.iter().sum::<u64>()
    };
    let before = time(lanemark.pid());
    throughout("it rests", Duration::from_secs(4), || {
        lanemark.pid().as_raw() > 0
    });
    let spent = time(lanemark.pid()) - before;
    assert!(spent < 40, "{spent} hundredths of a second in four seconds");
    drop(clients);
    bed.ask(&["status"]);
    Ok(())
}

fn who_says_no_more_is_still_answered() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    for (verb, answer) in [
        ("status", "\"state\""),
        ("devices", "\"devices\""),
        ("flows", "\"flows\""),
        ("config-show", house::LAN),
    ] {
        let mut client = UnixStream::connect(bed.socket()).expect("a client");
        client
            .set_read_timeout(Some(patient(SOON)))
            .expect("a time-out");
        writeln!(client, "{{\"verb\":\"{verb}\"}}").expect("a question");
        client.shutdown(Shutdown::Write).expect("no more");
        let mut said = String::new();
        client
            .read_to_string(&mut said)
            .expect("an answer, and its end");
        assert!(
            said.contains(answer) && said.ends_with('\n'),
            "{verb}: {said}"
        );
    }
    Ok(())
}
