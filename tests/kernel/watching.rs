//! Who watches sees what is: rates by the counters of `tc` and `conntrack`, and changes while they are young.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use lanemark::lab::crowd::Crowd;
use lanemark::lab::house::{LAN, Resident, WAN};
use serde_json::Value;

use crate::bed::{Bed, Wish};
use crate::flood::Flood;
use crate::program::{Along, tool};
use crate::promise::{SOON, Tried, patient, promises, throughout, until};
use crate::see;

promises! {
    rates_are_those_of_tc_and_conntrack_within_10_percent,
    a_class_that_is_set_reaches_a_watcher_within_200_ms,
    the_gateway_is_asked_once_a_second_in_premiums_lane_while_somebody_watches,
    four_watchers_are_told_the_same_and_a_fifth_is_refused,
}

/// Somebody who watches.
struct Watcher {
    stream: BufReader<UnixStream>,
}

impl Watcher {
    fn new(bed: &Bed) -> Watcher {
        let mut stream = UnixStream::connect(bed.socket()).expect("the socket");
        stream
            .set_read_timeout(Some(patient(SOON)))
            .expect("a time limit");
        writeln!(stream, r#"{{"verb":"watch"}}"#).expect("to ask");
        Watcher {
            stream: BufReader::new(stream),
        }
    }

    /// The next line; waits for it.
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// The first line that tells of this.
    fn line_with(&mut self, key: &str) -> Value {
        loop {
            let line = self.line();
            if line.get(key).is_some() {
                return line;
            }
        }
    }
}

/// The house with a lanemark that has heard of the television.
fn settled(bed: &Bed) -> (Along, Vec<Crowd>) {
    let lanemark = bed.start_settled(&Wish::workstation("premium"));
    let open = bed.crowds("tv", 25);
    until("the television", SOON, || {
        let known = bed.ask(&["devices", "--json"]);
        known.contains(&Resident::tv().mac_text()).then_some(())
    });
    (lanemark, open)
}

/// A number of the row that begins with this place.
fn number(rows: &Value, place: usize, column: usize) -> Option<u64> {
    let rows = rows.as_array()?;
    let row = rows.iter().find(|row| row[0] == place)?;
    row[column].as_u64()
}

/// Bytes of all flows that a host has opened, from it and to it.
fn carried(bed: &Bed, resident: &Resident) -> [u64; 2] {
    let listed = tool(
        bed.router(),
        &format!("conntrack -L -s {} -o extended", resident.v4),
    );
    let mut sums = [0; 2];
    for line in listed.lines() {
        let words = line.split_whitespace();
        let counts = words.filter_map(|word| word.strip_prefix("bytes="));
        for (count, sum) in counts.zip(&mut sums) {
            *sum += count.parse::<u64>().expect("bytes");
        }
    }
    sums
}

fn rates_are_those_of_tc_and_conntrack_within_10_percent() -> Tried {
    /// So many lines are compared with what the tools counted between the first and the last of them.
    const LINES: usize = 6;
    let bed = Bed::new()?;
    let _running = settled(&bed);
    let mut watcher = Watcher::new(&bed);
    let whole = watcher.line_with("m");
    let place = |names: &Value, name: &str| {
        let names = names.as_array().expect("names");
        names.iter().position(|known| known == name).expect(name)
    };
    let (work, tv) = (Resident::workstation(), Resident::tv());
    // What fits through the line: what it drops `conntrack` counts and `tc` does not.
    let _floods = [
        Flood::up(&bed, "workstation", 6_000),
        Flood::down(&bed, "tv", 12_000),
    ];
    // The time is that of the beginning, both times: the tools take as long for the second count as for the first.
    let count = || {
        let begin = Instant::now();
        let [up, down] = [(WAN, "4c4d:10"), (LAN, "4c4d:30")]
            .map(|(dev, class)| see::classes(bed.router(), dev)[class].bytes);
        let devices = [carried(&bed, &work)[0], carried(&bed, &tv)[1]];
        (begin, [up, down, devices[0], devices[1]])
    };
    // One that is as before is not told again.
    let mut known = [0_u64; 4];
    let mut next = |watcher: &mut Watcher| {
        let line = watcher.line_with("d");
        let seen = [
            number(&line["l"], place(&whole["k"], "premium"), 1),
            number(&line["l"], place(&whole["k"], "standard"), 2),
            number(&line["d"], place(&whole["m"], &work.mac_text()), 1),
            number(&line["d"], place(&whole["m"], &tv.mac_text()), 2),
        ];
        for (known, seen) in known.iter_mut().zip(seen) {
            *known = seen.unwrap_or(*known);
        }
        known
    };
    // The streams are in full flow once three ticks tell of them.
    for _ in 0..3 {
        next(&mut watcher);
    }
    let (begin, before) = count();
    let mut told = [0_u64; 4];
    for _ in 0..LINES {
        for (sum, known) in told.iter_mut().zip(next(&mut watcher)) {
            *sum += known;
        }
    }
    let (end, after) = count();
    let ms = u64::try_from((end - begin).as_millis()).expect("some seconds");
    let what = ["premium up", "standard down", "workstation up", "tv down"];
    for (((what, told), before), after) in what.iter().zip(told).zip(before).zip(after) {
        let counted = (after - before) * 8 / ms;
        let told = told / LINES as u64;
        println!("{what}: told {told} kbit/s, counted {counted}");
        assert!(
            told.abs_diff(counted) * 10 <= counted,
            "{what}: told {told} kbit/s, the tools counted {counted}"
        );
    }
    Ok(())
}

fn a_class_that_is_set_reaches_a_watcher_within_200_ms() -> Tried {
    const TIMES: usize = 20;
    const WITHIN: Duration = Duration::from_millis(200);
    let bed = Bed::new()?;
    let _running = settled(&bed);
    let mut watcher = Watcher::new(&bed);
    watcher.line_with("m");
    let mut took = Vec::new();
    for class in ["bulk", "express"].into_iter().cycle().take(TIMES) {
        let begin = Instant::now();
        bed.ask(&["set", "192.168.77.20", class]);
        watcher.line_with("c");
        took.push(begin.elapsed());
    }
    took.sort();
    let median = took[TIMES / 2];
    println!(
        "from the call of the command to the line: median {median:?}, longest {:?}",
        took[TIMES - 1]
    );
    assert!(median <= patient(WITHIN), "{took:?}");
    Ok(())
}

/// Echo requests that the server has had, by its kernel's own counter.
fn echoes(bed: &Bed) -> u64 {
    let text = tool(bed.server(), "cat /proc/net/snmp");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Icmp: "));
    let (names, numbers) = (lines.next().expect("names"), lines.next().expect("numbers"));
    let mut both = names.split(' ').zip(numbers.split(' '));
    let (_, number) = both.find(|(name, _)| *name == "InEchos").expect("InEchos");
    number.parse().expect("a number")
}

fn the_gateway_is_asked_once_a_second_in_premiums_lane_while_somebody_watches() -> Tried {
    /// 0.1 ms: a direct cable takes none of them, a busy machine some.
    const DIRECT: u64 = 500;
    const TICKS: u64 = 5;
    let bed = Bed::new()?;
    let _lanemark = bed.start_settled(&Wish::workstation("premium"));
    let premium = || see::classes(bed.router(), WAN)["4c4d:10"].bytes;
    let (asked, carried) = (echoes(&bed), premium());
    let mut watcher = Watcher::new(&bed);
    let told = loop {
        let line = watcher.line_with("t");
        if line["t"][0].is_u64() {
            break line;
        }
    };
    let [now, least] = [0, 1].map(|place| told["t"][place].as_u64().expect("a number"));
    assert!(least <= now && now <= DIRECT, "{told}");
    until("an echo a second", SOON, || {
        (echoes(&bed) >= asked + TICKS).then_some(())
    });
    // Without a link layer in the configuration, a packet is its bytes and the Ethernet header: 20 + 16 + 14.
    let (asked_then, carried_then) = (echoes(&bed), premium());
    assert!(
        carried_then - carried >= TICKS * 50,
        "{carried} before, {carried_then} now"
    );
    assert!(
        asked_then - asked <= TICKS + 2,
        "{asked} before, {asked_then} now"
    );
    // The server hears and says nothing.
    bed.server()
        .set_sysctl("net/ipv4/icmp_echo_ignore_all", "1")
        .expect("a server that is silent");
    loop {
        if watcher.line_with("t")["t"][0].is_null() {
            break;
        }
    }
    bed.server()
        .set_sysctl("net/ipv4/icmp_echo_ignore_all", "0")
        .expect("a server that answers");
    loop {
        if watcher.line_with("t")["t"][0].is_u64() {
            break;
        }
    }
    drop(watcher);
    // The last watcher's end is heard before the next question is answered.
    bed.ask(&["status"]);
    let asked = echoes(&bed);
    throughout("a gateway that nobody asks", Duration::from_secs(5), || {
        echoes(&bed) == asked
    });
    Ok(())
}

fn four_watchers_are_told_the_same_and_a_fifth_is_refused() -> Tried {
    let bed = Bed::new()?;
    let _running = settled(&bed);
    let mut watchers = [(); 4].map(|()| Watcher::new(&bed));
    for watcher in &mut watchers {
        watcher.line_with("m");
    }
    let refused = Watcher::new(&bed).line();
    assert_eq!(refused["error"]["fault"], "refused", "{refused}");
    bed.ask(&["set", "192.168.77.20", "bulk"]);
    let told = watchers
        .each_mut()
        .map(|watcher| watcher.line_with("c")["c"].clone());
    assert!(told.iter().all(|crc| *crc == told[0]), "{told:?}");
    drop(watchers);
    Watcher::new(&bed).line_with("m");
    Ok(())
}
