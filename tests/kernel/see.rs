//! What the kernel is like, in the words of `nft`, `tc`, `conntrack` and `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lanemark::lab::host::Host;
use lanemark::lab::house::Resident;
use lanemark::lab::service;

use crate::program::tool;

/// A flow, as `conntrack -L` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who opened it.
    pub src: String,
    /// The kernel's number of it: another one is another flow.
    pub id: String,
    pub mark: u32,
}

impl Flow {
    pub fn is_of(&self, resident: &Resident) -> bool {
        self.src == resident.v4.to_string() || self.src == resident.v6.to_string()
    }
}

/// All flows of the router, by protocol and the four words of their first direction.
pub fn flows(router: &Host) -> BTreeMap<String, Flow> {
    let mut all = BTreeMap::new();
    for family in ["ipv4", "ipv6"] {
        for line in tool(router, &format!("conntrack -L -f {family} -o extended,id")).lines() {
            let (key, flow) = flow(line);
            assert!(all.insert(key, flow).is_none(), "two flows are one: {line}");
        }
    }
    all
}

/// A line of `conntrack -L`: `ipv4 2 udp 17 29 src=.. dst=.. sport=.. dport=.. [UNREPLIED] src=.. .. mark=10 use=1 id=7`. Of what is told of both
/// directions the first counts. Each word is looked at once: an emulated router lists 10,000 lines.
fn flow(line: &str) -> (String, Flow) {
    const NAMES: [&str; 6] = ["src", "dst", "sport", "dport", "mark", "id"];
    let mut values = [""; NAMES.len()];
    let mut proto = "";
    for (place, word) in line.split(' ').filter(|word| !word.is_empty()).enumerate() {
        if place == 2 {
            proto = word;
        }
        let Some((name, value)) = word.split_once('=') else {
            continue;
        };
        for (known, found) in NAMES.into_iter().zip(&mut values) {
            if known == name && found.is_empty() {
                *found = value;
            }
        }
    }
    let values = values.map(|value| if value.is_empty() { "-" } else { value });
    let [src, dst, sport, dport, mark, id] = values;
    let flow = Flow {
        src: src.to_owned(),
        id: id.to_owned(),
        mark: mark.parse().expect("a mark"),
    };
    (format!("{proto} {src} {dst} {sport} {dport}"), flow)
}

/// That every flow is as it was. One that no crowd holds may have ended by itself: the kernel forgets a closed connection after ten seconds.
pub fn assert_flows_are(router: &Host, before: &BTreeMap<String, Flow>) {
    let after = flows(router);
    assert!(
        before.keys().any(|key| is_of_crowd(key)),
        "flows of a crowd"
    );
    let wrong: Vec<_> = before
        .iter()
        .map(|(key, flow)| (key, flow, after.get(key)))
        .filter(|(key, flow, found)| match found {
            Some(found) => found != flow,
            None => is_of_crowd(key),
        })
        .take(3)
        .collect();
    assert!(
        wrong.is_empty(),
        "every flow is as it was, but for {wrong:#?}"
    );
}

/// Whether the key of a flow is that of one that a crowd holds: it ends with where the flow leads to.
pub fn is_of_crowd(key: &str) -> bool {
    [service::HOLD, service::ABSORBER]
        .iter()
        .any(|port| key.ends_with(&format!(" {port}")))
}

/// The distinct marks of a host's flows.
pub fn marks(router: &Host, resident: &Resident) -> Vec<u32> {
    let mut marks = Vec::new();
    for own in [
        format!("-f ipv4 -s {}", resident.v4),
        format!("-f ipv6 -s {}", resident.v6),
    ] {
        let listed = tool(router, &format!("conntrack -L {own} -o extended,id"));
        marks.extend(listed.lines().map(|line| flow(line).1.mark));
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// Counters of one class of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub bytes: u64,
    pub dropped: u64,
}

/// The classes of a device, by their handle.
pub fn classes(router: &Host, dev: &str) -> BTreeMap<String, Sent> {
    counters(
        &tool(router, &format!("tc -s class show dev {dev}")),
        "class",
    )
}

/// The qdiscs of a device, by their handle.
pub fn qdiscs(router: &Host, dev: &str) -> BTreeMap<String, Sent> {
    counters(
        &tool(router, &format!("tc -s qdisc show dev {dev}")),
        "qdisc",
    )
}

/// `class htb 4c4d:10 parent ..` and, in the next line, ` Sent 1 bytes 2 pkt (dropped 3, ..`.
fn counters(text: &str, what: &str) -> BTreeMap<String, Sent> {
    let mut all = BTreeMap::new();
    let mut handle = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [first, _, name, ..] if *first == what => handle = Some((*name).to_owned()),
            ["Sent", bytes, "bytes", _, "pkt", "(dropped", dropped, ..] => {
                let sent = Sent {
                    bytes: number(bytes),
                    dropped: number(dropped.trim_end_matches(',')),
                };
                all.insert(handle.take().expect("a handle before its counters"), sent);
            }
            _ => {}
        }
    }
    all
}

fn number(word: &str) -> u64 {
    word.parse()
        .unwrap_or_else(|_| panic!("expected a number, found {word}"))
}

/// What stands at the root of a device: kind and handle.
pub fn root_qdisc(router: &Host, dev: &str) -> String {
    let text = tool(router, &format!("tc qdisc show dev {dev}"));
    let root = text
        .lines()
        .find(|line| line.split_whitespace().any(|word| word == "root"))
        .unwrap_or_default();
    root.split_whitespace()
        .skip(1)
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The rate of our line on a device, in kbit/s: `class htb 4c4d:1 root rate 20Mbit`.
pub fn line_kbit(router: &Host, dev: &str) -> Option<u32> {
    let listed = tool(router, &format!("tc class show dev {dev}"));
    let line = listed
        .lines()
        .find(|line| line.starts_with("class htb 4c4d:1 "))?;
    let rate = line
        .split_whitespace()
        .skip_while(|word| *word != "rate")
        .nth(1)?;
    let in_unit = |unit: &str, kbit: u32| {
        rate.strip_suffix(unit)
            .and_then(|count| count.parse::<u32>().ok())
            .map(|count| count * kbit)
    };
    in_unit("Kbit", 1)
        .or_else(|| in_unit("Mbit", 1000))
        .or_else(|| in_unit("Gbit", 1_000_000))
}

/// What our root is called.
pub const OUR_ROOT: &str = "htb 4c4d:";

/// Bytes waiting in the queues of a device's class: `backlog 1514b 1p requeues 0`.
pub fn backlog_packets(router: &Host, dev: &str, class: &str) -> u64 {
    let text = tool(router, &format!("tc -s qdisc show dev {dev}"));
    let mut lines = text
        .lines()
        .skip_while(|line| !line.contains(&format!("parent {class} ")));
    let line = lines
        .find(|line| line.trim_start().starts_with("backlog"))
        .unwrap_or_default();
    let packets = line
        .split_whitespace()
        .find_map(|word| word.strip_suffix('p'))
        .expect("a backlog");
    number(packets)
}

/// All rules of all tables, with their handles and without names for numbers; and, where lanemark uses them, those of xtables.
pub fn rules(router: &Host) -> String {
    tool(router, "nft -a -nn list ruleset") + &crate::xtables::saved(router)
}

/// Everything that lanemark may touch: rules, qdiscs, classes, conntrack's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub rules: String,
    pub qdiscs: String,
    pub classes: String,
    pub settings: BTreeMap<String, String>,
}

impl Kernel {
    /// That it is the same. Says only what differs.
    pub fn assert_is(&self, expected: &Kernel, when: &str) {
        assert_lines(&self.rules, &expected.rules, &format!("rules {when}"));
        self.assert_queues_are(expected, when);
        let wrong: Vec<_> = expected
            .settings
            .iter()
            .filter(|(name, value)| self.settings.get(*name) != Some(value))
            .collect();
        assert!(
            wrong.is_empty() && self.settings.len() == expected.settings.len(),
            "settings {when}: expected {wrong:?}"
        );
    }

    /// That the queues are the same.
    pub fn assert_queues_are(&self, expected: &Kernel, when: &str) {
        assert_lines(&self.qdiscs, &expected.qdiscs, &format!("qdiscs {when}"));
        assert_lines(&self.classes, &expected.classes, &format!("classes {when}"));
    }
}

/// That two texts are the same. Says only which lines differ.
pub fn assert_lines(found: &str, expected: &str, what: &str) {
    let only = |one: &str, other: &str| -> Vec<String> {
        let other: Vec<&str> = other.lines().collect();
        one.lines()
            .filter(|line| !other.contains(line))
            .map(str::to_owned)
            .collect()
    };
    let (surplus, missing) = (only(found, expected), only(expected, found));
    assert!(
        found == expected,
        "{what}: too much {surplus:#?}, missing {missing:#?}"
    );
}

/// Takes it all down.
pub fn kernel(router: &Host) -> Kernel {
    let devices = tool(router, "ip -o link show");
    let name = |line: &str| {
        line.split([':', '@'])
            .nth(1)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    // The flows of a fair leaf are listed as classes too; they come and go with the packets.
    let of_flows = ["class fq_codel ", "class sfq ", "class cake "];
    let is_ours = |line: &&str| !of_flows.iter().any(|kind| line.contains(kind));
    let classes: Vec<String> = devices
        .lines()
        .map(|line| tool(router, &format!("tc class show dev {}", name(line))))
        .map(|listed| {
            let ours: Vec<&str> = listed.split_inclusive('\n').filter(is_ours).collect();
            ours.concat()
        })
        .collect();
    Kernel {
        rules: rules(router),
        qdiscs: qdisc_list(router),
        classes: classes.concat(),
        settings: router.run(settings).expect("the router"),
    }
}

/// The qdiscs without the one counter that stands in their list.
fn qdisc_list(router: &Host) -> String {
    let mut words = Vec::new();
    let listed = tool(router, "tc qdisc show");
    for line in listed.lines() {
        let mut line = line.split(' ');
        while let Some(word) = line.next() {
            words.push(word);
            if word == "direct_packets_stat" {
                line.next();
            }
        }
        words.push("\n");
    }
    words.join(" ")
}

/// `/proc/sys/net/netfilter`, without the number of flows, which is no setting.
fn settings() -> BTreeMap<String, String> {
    let folder = Path::new("/proc/sys/net/netfilter");
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder)
        .expect("conntrack's settings")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "nf_conntrack_count" && entry.path().is_file() {
            // Some can only be written.
            all.insert(name, fs::read_to_string(entry.path()).unwrap_or_default());
        }
    }
    all
}

/// A number of `/proc/PID/status`.
pub fn status_number(pid: nix::unistd::Pid, field: &str) -> u64 {
    let text = status_text(pid, field);
    number(text.split_whitespace().next().unwrap_or_default())
}

/// What stands behind a name in `/proc/PID/status`.
pub fn status_text(pid: nix::unistd::Pid, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .unwrap_or_else(|| panic!("no {field}"))
        .trim()
        .to_owned()
}

/// Kilobytes that a process shares with nobody.
#[derive(Clone, Copy, Debug)]
pub struct Private {
    /// Of its heap, stack and the like.
    pub held: u64,
    /// Of its program: code, constants, and what relocation wrote into them.
    pub program: u64,
}

/// Reads `/proc/PID/smaps`: a line with addresses, device, inode and path for each mapping, then its numbers.
pub fn private(pid: nix::unistd::Pid) -> Private {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("the process is there");
    let mut private = Private {
        held: 0,
        program: 0,
    };
    let mut of_file = false;
    for line in text.lines() {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["Private_Clean:" | "Private_Dirty:", kb, "kB"] if of_file => {
                private.program += number(kb);
            }
            ["Private_Clean:" | "Private_Dirty:", kb, "kB"] => private.held += number(kb),
            [name, ..] if name.ends_with(':') => {}
            [_, _, _, _, inode, ..] => of_file = *inode != "0",
            _ => {}
        }
    }
    private
}

/// The lines of `/proc/net/netlink` that are of sockets of a process, as words.
pub fn netlink_sockets(router: &Host, pid: nix::unistd::Pid) -> Vec<Vec<String>> {
    let table = router
        .run(|| fs::read_to_string("/proc/thread-self/net/netlink"))
        .expect("the router")
        .expect("/proc/net/netlink");
    let own: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("its files")
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            Some(inode.trim_end_matches(']').to_owned())
        })
        .collect();
    table
        .lines()
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .filter(|line: &Vec<String>| line.last().is_some_and(|inode| own.contains(inode)))
        .collect()
}
