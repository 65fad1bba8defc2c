//! Nothing happens when nothing happens, and nothing grows.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use lanemark::lab::crowd::{Crowd, Speech};
use lanemark::lab::house::Resident;

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::{Along, tool};
use crate::promise::{SOON, Tried, patient, promises, throughout, until};
use crate::see;
use crate::watch::Watch;

promises! {
    in_ten_quiet_seconds_the_daemon_wakes_three_times_at_most,
    a_daemon_that_is_off_does_not_wake_at_all,
    once_the_last_watcher_is_gone_it_is_as_quiet_as_before,
    two_thousand_changes_leave_memory_and_files_as_they_were,
    a_client_that_does_not_read_blocks_nobody,
}

/// How long nothing happens: twice the interval of the counters.
const QUIET: Duration = Duration::from_secs(10);

/// Voluntary context switches within a quiet time: one in which the kernel had nothing to tell.
fn wakes(bed: &Bed, lanemark: &Along) -> u64 {
    /// Quiet times that are tried: neighbours ask for each other now and then, whatever we do.
    const TRIES: usize = 5;
    calm(bed);
    let count = || see::status_number(lanemark.pid(), "voluntary_ctxt_switches");
    for _ in 0..TRIES {
        let events = Watch::everything(bed);
        let (heard, before) = (events.seen(), count());
        throughout("a daemon that lives", QUIET, || {
            Path::new(&format!("/proc/{}", lanemark.pid())).exists()
        });
        let wakes = count() - before;
        if events.seen() == heard {
            return wakes;
        }
    }
    panic!("there was something to tell in each of {TRIES} times of {QUIET:?}");
}

/// The router is sure of its neighbours from now on.
fn calm(bed: &Bed) {
    for line in tool(bed.router(), "ip neigh show").lines() {
        if let [address, "dev", dev, "lladdr", mac, ..] =
            line.split_whitespace().collect::<Vec<_>>().as_slice()
        {
            tool(
                bed.router(),
                &format!("ip neigh replace {address} dev {dev} lladdr {mac} nud permanent"),
            );
        }
    }
}

fn in_ten_quiet_seconds_the_daemon_wakes_three_times_at_most() -> Tried {
    let bed = Bed::new()?;
    let mut lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = bed.crowds("workstation", 50);
    let wakes = wakes(&bed, &lanemark);
    assert!(wakes <= 3, "{wakes} wakes in {QUIET:?}");
    bed.await_state(&mut lanemark, "on");
    Ok(())
}

fn a_daemon_that_is_off_does_not_wake_at_all() -> Tried {
    let bed = Bed::new()?;
    bed.write_config(&Wish {
        enabled: false,
        ..Wish::workstation("premium")
    });
    let mut lanemark = bed.spawn();
    bed.await_state(&mut lanemark, "off");
    assert_eq!(wakes(&bed, &lanemark), 0);
    Ok(())
}

fn once_the_last_watcher_is_gone_it_is_as_quiet_as_before() -> Tried {
    let bed = Bed::new()?;
    let lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = bed.crowds("workstation", 50);
    let mut watchers = [connect(&bed), connect(&bed)];
    for watcher in &mut watchers {
        assert!(ask(watcher, r#"{"verb":"watch"}"#).contains("\"m\""));
    }
    let count = || see::status_number(lanemark.pid(), "voluntary_ctxt_switches");
    let before = count();
    until("a tick for whoever watches", SOON, || {
        (count() >= before + 3).then_some(())
    });
    drop(watchers);
    let wakes = wakes(&bed, &lanemark);
    assert!(wakes <= 3, "{wakes} wakes in {QUIET:?}");
    Ok(())
}

/// A question and its answer on an open connection.
fn ask(stream: &mut BufReader<UnixStream>, question: &str) -> String {
    writeln!(stream.get_mut(), "{question}").expect("to ask");
    let mut answer = String::new();
    stream.read_line(&mut answer).expect("an answer");
    assert!(!answer.contains("\"error\""), "{question}: {answer}");
    answer
}

fn connect(bed: &Bed) -> BufReader<UnixStream> {
    let stream = UnixStream::connect(bed.socket()).expect("the socket");
    stream
        .set_read_timeout(Some(patient(SOON)))
        .expect("a time limit");
    BufReader::new(stream)
}

fn two_thousand_changes_leave_memory_and_files_as_they_were() -> Tried {
    const CHANGES: usize = 2000;
    /// Kilobytes: what an allocator may round up to, and far less than one byte a change would be if each leaked a line.
    const GROWTH_KB_MAX: u64 = 64;
    let bed = Bed::new()?;
    let lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open = [bed.crowds("workstation", 5), bed.crowds("tv", 5)];
    let change = |count: usize| {
        let mut stream = connect(&bed);
        for class in ["bulk", "premium", "exempt", "express"]
            .into_iter()
            .cycle()
            .take(count)
        {
            ask(
                &mut stream,
                &format!(r#"{{"verb":"set","device":"02:00:00:00:00:0b","class":"{class}"}}"#),
            );
        }
        ask(&mut stream, r#"{"verb":"devices"}"#);
        ask(&mut stream, r#"{"verb":"flows"}"#);
    };
    let files = || {
        fs::read_dir(format!("/proc/{}/fd", lanemark.pid()))
            .expect("its files")
            .count()
    };
    let memory = || see::status_number(lanemark.pid(), "RssAnon");
    change(200);
    // With one client, who has been answered, there is one file more than with none.
    let mut client = connect(&bed);
    ask(&mut client, r#"{"verb":"status"}"#);
    let open = until("all other clients are gone", SOON, || {
        let now = files();
        ask(&mut client, r#"{"verb":"status"}"#);
        (files() == now).then(|| now - 1)
    });
    drop(client);
    let held = memory();
    change(CHANGES);
    assert_eq!(until_same(open, files), open, "open files");
    assert!(
        memory() <= held + GROWTH_KB_MAX,
        "{held} kB before, {} kB after",
        memory()
    );
    assert_eq!(
        see::marks(bed.router(), &Resident::tv()),
        [20],
        "the last change counts"
    );
    Ok(())
}

/// The connection that was closed is noticed a moment later.
fn until_same(wanted: usize, look: impl Fn() -> usize) -> usize {
    until("the files of before", SOON, || {
        Some(look()).filter(|found| *found == wanted)
    })
}

fn a_client_that_does_not_read_blocks_nobody() -> Tried {
    const FLOWS: usize = 3000;
    /// Kilobytes: of what waits for a slow client, some pieces of a dump.
    const GROWTH_KB_MAX: u64 = 1024;
    let bed = Bed::new()?;
    let lanemark = bed.start_settled(&Wish::workstation("premium"));
    let _open: Vec<Crowd> = SERVERS
        .iter()
        .map(|server| Crowd::open(bed.tv(), *server, Speech::Udp, FLOWS).expect("a crowd"))
        .collect();
    let held = see::status_number(lanemark.pid(), "VmRSS");
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&bed);
        writeln!(stream.get_mut(), r#"{{"verb":"flows"}}"#).expect("to ask");
        // The first words have come: the rest waits.
        stream
            .get_mut()
            .read_exact(&mut [0; 16])
            .expect("the beginning of an answer");
        slow.push(stream);
    }
    bed.ask(&["status"]);
    bed.ask(&["set", "192.168.77.20", "bulk"]);
    assert_eq!(see::marks(bed.router(), &Resident::tv()), [40]);
    let listed = bed.ask(&["flows", "--json"]);
    assert!(
        listed.matches("\"mark\":40").count() >= 2 * FLOWS,
        "the flows are all told to somebody else"
    );
    let now = see::status_number(lanemark.pid(), "VmRSS");
    assert!(
        now <= held + GROWTH_KB_MAX,
        "{held} kB before, {now} kB with three slow clients"
    );
    drop(slow);
    bed.ask(&["unset", "192.168.77.20"]);
    Ok(())
}
