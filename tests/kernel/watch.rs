//! Tools that run along and write down what they see.

use nix::sys::signal::Signal;

use lanemark::lab::host::Host;

use crate::bed::Bed;
use crate::program::{Along, tool};
use crate::promise::{SOON, patient, until};

/// Netlink families and multicast groups, as `/proc/net/netlink` shows them: the family's number and a bit a group.
const ROUTE: u32 = 0;
const NETFILTER: u32 = 12;
const GROUP_NEIGH: u32 = 1 << 2;
const GROUP_TC: u32 = 1 << 3;
const GROUP_CT_NEW: u32 = 1 << 0;
const GROUP_CT_DESTROY: u32 = 1 << 2;
const GROUP_NFTABLES: u32 = 1 << 6;

/// See the module.
#[derive(Debug)]
pub struct Watch {
    program: Along,
}

impl Watch {
    /// New flows of the router.
    pub fn new_flows(bed: &Bed) -> Watch {
        let words = [
            "conntrack",
            "-E",
            "-e",
            "NEW",
            "-o",
            "extended",
            "-b",
            "33554432",
        ];
        Watch::start(bed, &words, "new-flows", (NETFILTER, GROUP_CT_NEW))
    }

    /// Flows of the router that end.
    pub fn lost_flows(bed: &Bed) -> Watch {
        let words = [
            "conntrack",
            "-E",
            "-e",
            "DESTROY",
            "-o",
            "extended",
            "-b",
            "33554432",
        ];
        Watch::start(bed, &words, "lost-flows", (NETFILTER, GROUP_CT_DESTROY))
    }

    /// Changes of the router's rules.
    pub fn rules(bed: &Bed) -> Watch {
        Watch::start(
            bed,
            &["nft", "-nn", "monitor"],
            "rules",
            (NETFILTER, GROUP_NFTABLES),
        )
    }

    /// Changes of the router's queues.
    pub fn queues(bed: &Bed) -> Watch {
        Watch::start(bed, &["tc", "monitor"], "queues", (ROUTE, GROUP_TC))
    }

    /// Whatever rtnetlink tells: interfaces, addresses, routes, neighbours.
    pub fn everything(bed: &Bed) -> Watch {
        Watch::start(
            bed,
            &["ip", "monitor", "all"],
            "everything",
            (ROUTE, GROUP_NEIGH),
        )
    }

    fn start(bed: &Bed, words: &[&str], file: &str, socket: (u32, u32)) -> Watch {
        let before = listeners(bed.router(), socket);
        let mut program = Along::start(bed.router(), words, &bed.scratch_file(file));
        until("a tool that listens", SOON, || {
            assert!(
                program.ended().is_none(),
                "{words:?} ended: {}",
                program.said()
            );
            (listeners(bed.router(), socket) > before).then_some(())
        });
        Watch { program }
    }

    /// What it has seen so far.
    pub fn seen(&self) -> String {
        self.program.said()
    }

    /// Waits until so many lines have this in them.
    pub fn await_lines(&self, count: usize, with: &str) {
        let found = || {
            self.seen()
                .lines()
                .filter(|line| line.contains(with))
                .count()
        };
        let deadline = std::time::Instant::now() + patient(SOON);
        while found() < count {
            let late = std::time::Instant::now() > deadline;
            assert!(
                !late,
                "waited in vain for {count} lines with {with}, found {} and at last {:?}",
                found(),
                self.seen().lines().last()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Ends it and gives what it has seen. Causes an event first and waits for it: what came before is then written down, too.
    fn end(mut self, mark: &str) -> String {
        self.await_lines(1, mark);
        self.program.signal(Signal::SIGTERM);
        self.program.end();
        self.seen()
    }

    /// Ends a watch over new flows.
    pub fn end_new_flows(self) -> String {
        self.program.signal(Signal::SIGTERM);
        let mut program = self.program;
        program.end();
        program.said()
    }

    /// Ends a watch over queues.
    pub fn end_queues(self, bed: &Bed) -> Vec<String> {
        tool(
            bed.router(),
            "tc qdisc add dev lo root handle fade: pfifo limit 7",
        );
        let seen = self.end("dev lo");
        tool(bed.router(), "tc qdisc del dev lo root");
        seen.lines()
            .filter(|line| !line.contains("dev lo"))
            .map(str::to_owned)
            .collect()
    }

    /// Ends a watch over rules. What a program says about itself (generation and its name) is not a change.
    pub fn end_rules(self, bed: &Bed) -> Vec<String> {
        tool(bed.router(), "nft add table ip sentinel");
        let seen = self.end("sentinel");
        tool(bed.router(), "nft delete table ip sentinel");
        let change = |line: &&str| {
            !line.contains("sentinel")
                && !line.starts_with("# new generation")
                && !line.trim().is_empty()
        };
        seen.lines().filter(change).map(str::to_owned).collect()
    }

    /// Ends a watch over flows that end; the lines of those that did.
    pub fn end_lost_flows(self, bed: &Bed) -> Vec<String> {
        let create = "conntrack -I -p udp -s 10.9.9.9 -d 10.9.9.8 --sport 9 --dport 9 -t 60";
        tool(bed.router(), create);
        tool(bed.router(), "conntrack -D -s 10.9.9.9");
        let seen = self.end("10.9.9.9");
        seen.lines()
            .filter(|line| line.contains("DESTROY") && !line.contains("10.9.9.9"))
            .map(str::to_owned)
            .collect()
    }
}

/// Sockets of this family in this group. `/proc/net/netlink` has the columns sk, Eth, Pid, Groups.
fn listeners(host: &Host, (family, group): (u32, u32)) -> usize {
    let table = host.run(|| std::fs::read_to_string("/proc/thread-self/net/netlink"));
    let table = table.expect("the host").expect("/proc/net/netlink");
    let is_one = |line: &&str| {
        let mut columns = line.split_whitespace().skip(1);
        let its_family = columns.next().and_then(|word| word.parse().ok());
        let groups = columns
            .nth(1)
            .and_then(|word| u32::from_str_radix(word, 16).ok());
        its_family == Some(family) && groups.is_some_and(|groups| groups & group != 0)
    };
    table.lines().skip(1).filter(is_one).count()
}
