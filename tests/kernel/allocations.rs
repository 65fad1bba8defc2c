//! What a LAN host or the kernel can cause makes the daemon allocate nothing.
//!
//! Words: *start-up* is everything until the queues have the whole line for the first time. The *event path* is what happens afterwards
//! without a client: neighbours, interfaces, addresses, routes, other programs' rules and queues, flows, lease files, events that were
//! lost, and the looks and walks by the clock. Not on it: what a client asks for, and a reload.
//!
//! Nor is a refusal that the kernel explains in words of its own: it is one allocation, given back with it.
//!
//! The events here are caused and seen with other tools; no client asks the daemon anything while its allocations are counted.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use lanemark::lab::crowd::Crowd;
use lanemark::lab::house::{LAN, PORT, Resident, WAN};
use lanemark::sys::errno::{refused, refused_by_kernel};
use lanemark::value::Refused;
use lanemark::wire::netlink::Refusal;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::bed::{Bed, Wish, text};
use crate::counted::{self, Count};
use crate::interfaces::lay;
use crate::program::{Along, run, tool};
use crate::promise::{SOON, Tried, need, promises, until};
use crate::robustness::{devices, dropped_events, flood};
use crate::see::{self, OUR_ROOT};

promises! {
    nothing_that_happens_without_a_client_makes_it_allocate,
    a_refusal_in_known_words_allocates_nothing_and_one_in_the_kernels_words_once,
    after_five_thousand_addresses_and_ten_thousand_flows_it_has_one_mebibyte_at_most,
}

/// Flows of one device, over each of two families.
const FLOWS: usize = 5_000;

/// False hardware addresses.
const FALSE: u32 = 5_000;

/// Addresses that they take in turn.
const ADDRESSES: u32 = 100;

/// Longer than the daemon waits for anything by the clock that is not a refusal: looks at the counters, walks, looks after losses.
const ALL_TIMERS: Duration = Duration::from_millis(5_500);

/// A house with a daemon that is counted.
struct Counted {
    bed: Bed,
    lanemark: Along,
    leases: PathBuf,
    flows: Vec<Crowd>,
}

/// Makes something happen, and waits until it has.
type Cause = fn(&mut Counted);

fn nothing_that_happens_without_a_client_makes_it_allocate() -> Tried {
    need(&["unshare", "mount", "sh"])?;
    let bed = Bed::new()?;
    let leases = bed.scratch_file("leases");
    fs::create_dir(&leases).expect("a folder for leases");
    let wish = Wish::workstation("premium");
    bed.write_config(&wish);
    let lanemark = counted::start(&bed, &leases)?;
    bed.await_rates(&wish);
    let mut counted = Counted {
        bed,
        lanemark,
        leases,
        flows: Vec::new(),
    };
    counted.caught_up();
    let begin = counted.count();
    assert_eq!(
        counted.count(),
        begin,
        "being asked for the count is counted"
    );
    counted.bed.ask(&["status"]);
    assert!(
        counted.count().allocations > begin.allocations,
        "an answer to a client is counted"
    );

    let _open = counted.bed.crowds("workstation", 5);
    let kinds: [(&str, Cause); 9] = [
        ("new flows and looks at the counters", Counted::new_flows),
        ("false hardware addresses", Counted::false_addresses),
        (
            "addresses that change hands, and their flows",
            Counted::swaps,
        ),
        ("neighbour events that are lost", Counted::lost_neighbours),
        ("interfaces, addresses and routes", Counted::interfaces),
        (
            "lost events, and lease files that changed",
            Counted::lost_events,
        ),
        ("rules and queues of other programs", Counted::others),
        ("cables and switches", Counted::cables),
        ("a WAN that is made anew", Counted::new_wan),
    ];
    let mut faults = String::new();
    for (kind, cause) in kinds {
        counted.caught_up();
        let before = counted.count();
        cause(&mut counted);
        counted.caught_up();
        let count = counted.count() - before;
        if count != Count::NOTHING {
            writeln!(faults, "{kind}: {count:?}").expect("a string takes all");
        }
    }
    assert_eq!(faults, "", "expected no allocation");
    // All that was not for nothing: the events were heard, and the leases read.
    fs::remove_file(counted.lease_file()).expect("the leases");
    let known = devices(&counted.bed);
    assert!(known.len() > 700, "{} devices", known.len());
    let named = |device: &&Value| {
        device["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("lease"))
    };
    let named = known.iter().filter(named).count();
    assert!(named >= 90, "{named} devices with the name of a lease");
    Ok(())
}

impl Counted {
    fn count(&self) -> Count {
        counted::count(&self.bed)
    }

    /// Waits until the daemon has heard everything and waits itself.
    fn caught_up(&self) {
        /// Looks in a row that must find it so: events follow what it does.
        const LOOKS: u32 = 5;
        let mut idle = 0;
        until("a daemon that has heard everything", SOON, || {
            let sockets = see::netlink_sockets(self.bed.router(), self.lanemark.pid());
            let heard = sockets
                .iter()
                .all(|line| line.get(4).is_some_and(|unread| unread == "0"));
            let waits = see::status_text(self.lanemark.pid(), "State").starts_with('S');
            idle = if heard && waits { idle + 1 } else { 0 };
            (idle == LOOKS).then_some(())
        });
    }

    /// Waits until everything by the clock was done.
    fn await_timers(&self) {
        self.caught_up();
        sleep(ALL_TIMERS);
    }

    fn new_flows(&mut self) {
        let wakes = || see::status_number(self.lanemark.pid(), "voluntary_ctxt_switches");
        let before = wakes();
        // All walks from now on are through these.
        self.flows = self.bed.datagrams("tv", FLOWS);
        self.await_timers();
        assert!(wakes() > before, "a look at the counters");
    }

    fn false_addresses(&mut self) {
        flood(&self.bed, FALSE, |number| {
            let address = format!("192.168.77.{}", 120 + number % ADDRESSES);
            (address, false_mac(number))
        });
        self.await_timers();
    }

    /// The television's addresses become the workstation's and its own again, and its flows change class with them.
    fn swaps(&mut self) {
        const SWAPS: u32 = 1_000;
        let (workstation, tv) = (Resident::workstation(), Resident::tv());
        for (owner, marks) in [(&workstation, [10]), (&tv, [0])] {
            for address in [tv.v4.to_string(), tv.v6.to_string()] {
                let mac = owner.mac_text();
                let line =
                    format!("ip neigh replace {address} lladdr {mac} dev {LAN} nud permanent");
                tool(self.bed.router(), &line);
            }
            flood(&self.bed, SWAPS, |number| {
                let address = format!("192.168.77.{}", 120 + number % 2);
                (address, false_mac(number / 2 % 2))
            });
            until("the class of the new owner", SOON, || {
                (see::marks(self.bed.router(), &tv) == marks).then_some(())
            });
        }
    }

    fn lost_neighbours(&mut self) {
        let lost = dropped_events(&self.bed, &self.lanemark);
        self.lanemark.signal(Signal::SIGSTOP);
        flood(&self.bed, 2 * FALSE, |number| {
            let address = format!("192.168.77.{}", 120 + number % ADDRESSES);
            (address, false_mac(number))
        });
        assert!(
            dropped_events(&self.bed, &self.lanemark) > lost,
            "neighbour events were lost"
        );
        self.lanemark.signal(Signal::SIGCONT);
        self.await_timers();
    }

    /// More interfaces than it remembers, all with addresses, several times.
    fn interfaces(&mut self) {
        const INTERFACES: u32 = 60;
        const ROUNDS: u32 = 2;
        let mut batch = String::new();
        let mut write = |line: String| batch.push_str(&format!("{line}\n"));
        for _ in 0..ROUNDS {
            for number in 0..INTERFACES {
                write(format!(
                    "link add ours{number} type veth peer name theirs{number}"
                ));
                write(format!("link set ours{number} up"));
                write(format!(
                    "address add 198.51.100.{number}/32 dev ours{number}"
                ));
                write(format!(
                    "route replace default dev ours{number} metric {}",
                    5000 + number
                ));
                write(format!(
                    "neigh replace 198.51.100.200 lladdr {} dev ours{number}",
                    false_mac(number)
                ));
            }
            for number in 0..INTERFACES {
                write(format!("link set ours{number} down"));
                write(format!("link set ours{number} name changed{number}"));
                write(format!("link del changed{number}"));
            }
        }
        self.batch("ip", &batch);
        self.await_timers();
    }

    /// A thousand leases, and so many route events that some are lost: everything is looked at again.
    fn lost_events(&mut self) {
        const LEASES: u32 = 1_000;
        const ROUTES: u32 = 10_000;
        let mut text = String::new();
        for number in 0..LEASES {
            let mac = false_mac(2 * FALSE + number);
            let host = 120 + number % ADDRESSES;
            writeln!(text, "1700000000 {mac} 192.168.77.{host} lease{number} *")
                .expect("a string takes all");
        }
        // The first of them are in the house.
        flood(&self.bed, ADDRESSES, |number| {
            let address = format!("192.168.77.{}", 120 + number);
            (address, false_mac(2 * FALSE + number))
        });
        self.caught_up();
        fs::write(self.lease_file(), text).expect("leases");
        let lost = dropped_events(&self.bed, &self.lanemark);
        self.lanemark.signal(Signal::SIGSTOP);
        let mut batch = String::new();
        for number in 0..ROUTES {
            let word = if number % 2 == 0 { "add" } else { "del" };
            writeln!(batch, "route {word} 198.51.100.0/24 dev {LAN}").expect("a string takes all");
        }
        self.batch("ip", &batch);
        assert!(
            dropped_events(&self.bed, &self.lanemark) > lost,
            "route events were lost"
        );
        self.lanemark.signal(Signal::SIGCONT);
        self.await_timers();
    }

    fn others(&mut self) {
        let router = self.bed.router();
        for words in [
            "nft add table inet other",
            "nft add chain inet other forward",
            "nft add rule inet other forward counter",
            "nft delete table inet other",
            "tc qdisc replace dev lan1 root handle 7: pfifo limit 70",
            "tc qdisc del dev lan1 root",
        ] {
            tool(router, words);
        }
        tool(router, &format!("tc qdisc del dev {WAN} root"));
        until("our root again", SOON, || {
            (see::root_qdisc(router, WAN) == OUR_ROOT).then_some(())
        });
        self.await_timers();
    }

    fn cables(&mut self) {
        let switch = |host, dev: &str, to: &str| tool(host, &format!("ip link set {dev} {to}"));
        for _ in 0..10 {
            for to in ["down", "up"] {
                switch(self.bed.tv(), PORT, to);
                switch(self.bed.server(), PORT, to);
                switch(self.bed.router(), WAN, to);
            }
        }
        tool(
            self.bed.router(),
            "ip route replace default via 203.0.113.1",
        );
        self.await_timers();
    }

    fn new_wan(&mut self) {
        let router = self.bed.router();
        tool(router, &format!("ip link del {WAN}"));
        self.caught_up();
        lay(&self.bed, WAN, PORT, 113);
        tool(router, "ip route replace default via 203.0.113.1");
        until("our root on the new WAN", SOON, || {
            (see::root_qdisc(router, WAN) == OUR_ROOT).then_some(())
        });
        self.await_timers();
    }

    fn lease_file(&self) -> PathBuf {
        self.leases.join("dnsmasq.leases")
    }

    /// Has a tool carry out many lines.
    fn batch(&self, tool: &str, lines: &str) {
        let file = self.bed.scratch_file("batch");
        fs::write(&file, lines).expect("a batch");
        let said = run(self.bed.router(), &[tool, "-force", "-batch", text(&file)]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
}

fn false_mac(number: u32) -> String {
    format!(
        "06:00:00:01:{:02x}:{:02x}",
        number / 256 % 256,
        number % 256
    )
}

/// A refusal is on the event path too: a list that was overtaken, a device that is gone. It happens when it happens, so it is made here.
fn a_refusal_in_known_words_allocates_nothing_and_one_in_the_kernels_words_once() -> Tried {
    /// Other threads of this program may allocate meanwhile, but not each time.
    const TRIES: usize = 20;
    let least = |refuse: &dyn Fn() -> Refused| {
        let tries = (0..TRIES).map(|_| {
            let before = counted::own_count();
            drop(refuse());
            let count = counted::own_count() - before;
            count.allocations + count.reallocations
        });
        tries.min().expect("a try")
    };
    for known in [
        Errno::EBUSY,
        Errno::ENODEV,
        Errno::ENOENT,
        Errno::ENOBUFS,
        Errno::ETIMEDOUT,
    ] {
        assert_eq!(least(&|| refused(known)), 0, "{known}");
    }
    let explained = || {
        refused_by_kernel(Refusal {
            errno: Errno::EINVAL as i32,
            text: "the kernel's own words",
        })
    };
    assert_eq!(least(&explained), 1);
    Ok(())
}

fn after_five_thousand_addresses_and_ten_thousand_flows_it_has_one_mebibyte_at_most() -> Tried {
    /// Kilobytes.
    const PRIVATE_MAX: u64 = 1024;
    let bed = Bed::new()?;
    let lanemark = bed.start_settled(&Wish::workstation("premium"));
    let at_start = see::private(lanemark.pid());
    let _flows = bed.datagrams("workstation", FLOWS);
    flood(&bed, FALSE, |number| {
        let address = format!("192.168.77.{}", 120 + number % ADDRESSES);
        (address, false_mac(number))
    });
    // Its answer comes after the walks through all flows.
    bed.ask(&["set", "192.168.77.10", "bulk"]);
    assert_eq!(see::marks(bed.router(), &Resident::workstation()), [40]);
    assert!(devices(&bed).len() > 700);
    let now = see::private(lanemark.pid());
    // The program of a build for tests is by itself several times as large as all of one for routers.
    let program = if cfg!(debug_assertions) {
        0
    } else {
        now.program
    };
    assert!(
        now.held + program <= PRIVATE_MAX,
        "{at_start:?} kB at the start, {now:?} kB now"
    );
    Ok(())
}
