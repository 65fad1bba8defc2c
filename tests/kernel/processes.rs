//! The page process: where it is and where not, what it is left, and what happens when one of the two processes dies.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use lanemark::lab::house::{LAN, ROUTER_V4, ROUTER_V6, SERVER_V4, WAN_V4, WAN_V6};
use lanemark::wire::channel::LISTENERS_MAX;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bed::{Bed, Wish, text};
use crate::program::{Along, tool};
use crate::promise::{SOON, Tried, need, patient, promises, root, until};
use crate::see;

promises! {
    the_page_is_at_every_address_of_the_lan_and_at_none_of_the_wan,
    an_address_that_comes_is_served_within_two_seconds_and_one_that_goes_is_not,
    of_more_addresses_than_there_is_room_for_the_page_is_at_sixteen_and_says_so,
    the_page_process_can_do_nothing_but_answer,
    a_killed_page_process_is_back_in_two_seconds_and_the_traffic_goes_on,
    a_killed_daemon_takes_its_page_process_along_and_its_successor_has_another,
    a_port_of_another_program_is_told_and_taken_over_when_it_is_free,
    the_page_can_be_elsewhere_or_nowhere,
    more_addresses_than_there_are_sockets_for_are_told_and_so_is_that_they_are_gone,
}

const PORT: u16 = 8080;

/// A page that died is back after so long.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// Where somebody listens on the router, as `ss` shows it.
fn listening(bed: &Bed) -> BTreeSet<String> {
    let shown = tool(bed.router(), "ss -Hltn");
    let places = shown
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3));
    // A link-local address has its interface behind it.
    places.map(str::to_owned).collect()
}

fn place(address: impl std::fmt::Display, port: u16) -> String {
    format!("{address}:{port}")
}

/// Where the page of a house as it is built shall be.
fn usual(port: u16) -> BTreeSet<String> {
    [
        place(ROUTER_V4, port),
        place(format!("[{ROUTER_V6}]"), port),
    ]
    .into()
}

fn is_link_local(place: &str) -> bool {
    place.starts_with("[fe80:")
}

fn await_places(bed: &Bed, wished: &BTreeSet<String>) {
    until(&format!("the page at {wished:?}"), SOON, || {
        let mut found = listening(bed);
        found.retain(|place| !is_link_local(place));
        (found == *wished).then_some(())
    });
}

/// The page process of a daemon.
fn page_of(lanemark: &Along) -> Option<Pid> {
    let parent = format!("PPid:\t{}", lanemark.pid());
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        if read("status").lines().any(|line| line == parent)
            && read("cmdline") == "lanemark\0page\0"
        {
            return Some(Pid::from_raw(pid));
        }
    }
    None
}

fn await_page(lanemark: &Along) -> Pid {
    until("the page process", SOON, || page_of(lanemark))
}

fn is_there(pid: Pid) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn connects(bed: &Bed, from: &str, to: SocketAddr) -> bool {
    bed.host(from)
        .run(move || TcpStream::connect_timeout(&to, Duration::from_secs(1)).is_ok())
        .expect("a host")
}

fn finding(bed: &Bed) -> String {
    let shown = bed.ask(&["doctor"]);
    let mut lines = shown.lines().skip_while(|line| !line.contains(" page "));
    let first = lines.next().unwrap_or_default().to_owned();
    // A long one goes on in the lines below.
    lines
        .take_while(|line| line.starts_with("    "))
        .fold(first, |all, line| all + " " + line.trim())
}

fn the_page_is_at_every_address_of_the_lan_and_at_none_of_the_wan() -> Tried {
    need(&["ss"])?;
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    await_places(&bed, &usual(PORT));
    let found = listening(&bed);
    let local: Vec<_> = found.iter().filter(|place| is_link_local(place)).collect();
    assert_eq!(
        local.len(),
        1,
        "the link-local address of the LAN alone: {found:?}"
    );
    assert!(local[0].contains(&format!("%{LAN}:")), "{local:?}");
    let at = |address: std::net::IpAddr| SocketAddr::new(address, PORT);
    for address in [ROUTER_V4.into(), ROUTER_V6.into()] {
        assert!(connects(&bed, "workstation", at(address)), "{address}");
    }
    for address in [WAN_V4.into(), WAN_V6.into()] {
        assert!(!connects(&bed, "tv", at(address)), "{address}");
        let from_outside = bed
            .server()
            .run(move || TcpStream::connect_timeout(&at(address), Duration::from_secs(1)).is_ok());
        assert!(!from_outside.expect("the server"), "{address}");
    }
    let udp = tool(bed.router(), "ss -Hlun");
    assert_eq!(udp, "", "nothing on UDP");
    let finding = finding(&bed);
    assert!(
        finding.contains("ok") && finding.contains("at http://192.168.77.1:8080"),
        "{finding}"
    );
    Ok(())
}

fn an_address_that_comes_is_served_within_two_seconds_and_one_that_goes_is_not() -> Tried {
    need(&["ss"])?;
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::workstation("premium"));
    await_places(&bed, &usual(PORT));
    for (address, place) in [
        ("192.168.99.1/24", "192.168.99.1:8080"),
        ("fd99::1/64", "[fd99::1]:8080"),
    ] {
        let began = Instant::now();
        tool(
            bed.router(),
            &format!("ip address add {address} dev {LAN} nodad"),
        );
        let mut more = usual(PORT);
        more.insert(place.to_owned());
        await_places(&bed, &more);
        assert!(
            began.elapsed() < patient(BACK_WITHIN),
            "{:?}",
            began.elapsed()
        );
        tool(bed.router(), &format!("ip address del {address} dev {LAN}"));
        await_places(&bed, &usual(PORT));
    }
    // One that the kernel has still to ask the neighbours about.
    tool(
        bed.router(),
        &format!("ip address add fd98::1/64 dev {LAN}"),
    );
    let mut more = usual(PORT);
    more.insert("[fd98::1]:8080".to_owned());
    await_places(&bed, &more);
    // The WAN's neither.
    tool(bed.router(), "ip address add 198.51.100.1/24 dev wan0");
    tool(
        bed.router(),
        &format!("ip address add 192.168.99.1/24 dev {LAN}"),
    );
    more.insert("192.168.99.1:8080".to_owned());
    await_places(&bed, &more);
    Ok(())
}

fn of_more_addresses_than_there_is_room_for_the_page_is_at_sixteen_and_says_so() -> Tried {
    need(&["ss", "ip"])?;
    let bed = Bed::new()?;
    let lanemark = bed.start(&Wish::workstation("premium"));
    await_places(&bed, &usual(PORT));
    let page = await_page(&lanemark);
    let further = |what: &str| {
        for number in 1..=LISTENERS_MAX + 4 {
            let line = format!("ip address {what} 10.77.0.{number}/32 dev {LAN}");
            tool(bed.router(), &line);
        }
    };
    further("add");
    until("as many as there is room for", SOON, || {
        (listening(&bed).len() == LISTENERS_MAX).then_some(())
    });
    let told = until("what doctor says", SOON, || {
        Some(finding(&bed)).filter(|told| told.contains("only at the first 16 addresses"))
    });
    assert!(told.contains("!!"), "{told}");
    // Where it was it still is: the kernel lists the addresses of a family in the order in which they came.
    let home = SocketAddr::new(ROUTER_V4.into(), PORT);
    assert!(connects(&bed, "workstation", home));
    further("del");
    await_places(&bed, &usual(PORT));
    until("what doctor says", SOON, || {
        Some(finding(&bed)).filter(|told| !told.contains("only") && !told.contains("!!"))
    });
    assert_eq!(await_page(&lanemark), page, "the same process all the time");
    Ok(())
}

fn the_page_process_can_do_nothing_but_answer() -> Tried {
    root()?;
    let bed = Bed::new()?;
    let lanemark = bed.start(&Wish::workstation("premium"));
    let page = await_page(&lanemark);
    until("the filter", SOON, || {
        (see::status_number(page, "Seccomp") == 2).then_some(())
    });
    assert_eq!(
        see::status_text(page, "Uid")
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["65534"; 4]
    );
    assert_eq!(
        see::status_text(page, "Gid")
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["65534"; 4]
    );
    assert_eq!(see::status_text(page, "Groups").trim(), "");
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(
            see::status_text(page, set).trim(),
            "0000000000000000",
            "{set}"
        );
    }
    assert_eq!(see::status_number(page, "NoNewPrivs"), 1);
    assert_eq!(see::status_number(page, "Threads"), 1);
    let root = fs::read_link(format!("/proc/{page}/root")).expect("a root");
    assert!(text(&root).ends_with(" (deleted)"), "{root:?}");
    assert_eq!(
        fs::read_dir(format!("/proc/{page}/root/"))
            .expect("the root")
            .count(),
        0
    );
    let limits = fs::read_to_string(format!("/proc/{page}/limits")).expect("limits");
    let processes = limits
        .lines()
        .find(|line| line.starts_with("Max processes"))
        .expect("a limit");
    assert_eq!(
        processes.split_whitespace().nth(2),
        Some("0"),
        "{processes}"
    );
    assert_files_are_known(page);
    let netlink = see::netlink_sockets(bed.router(), page);
    assert!(netlink.is_empty(), "{netlink:?}");
    assert!(
        !lanemark.said().contains("goes on without"),
        "{}",
        lanemark.said()
    );
    Ok(())
}

/// Nothing of the daemon's is open but what the page was given.
fn assert_files_are_known(page: Pid) {
    // Standard streams, the channel, its poller, three listeners, four connections: and no netlink, no file, nothing of the daemon's.
    for entry in fs::read_dir(format!("/proc/{page}/fd"))
        .expect("files")
        .flatten()
    {
        let number: u32 = entry
            .file_name()
            .to_str()
            .expect("a number")
            .parse()
            .expect("a number");
        let file = fs::read_link(entry.path()).expect("a file");
        let file = text(&file);
        let known = file.starts_with("socket:")
            || file == "anon_inode:[eventpoll]"
            || file == "/dev/urandom";
        assert!(number < 3 || known, "{number}: {file}");
    }
}

fn a_killed_page_process_is_back_in_two_seconds_and_the_traffic_goes_on() -> Tried {
    need(&["ss"])?;
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    await_places(&bed, &usual(PORT));
    let before = see::kernel(bed.router());
    let page = await_page(&lanemark);
    let began = Instant::now();
    kill(page, Signal::SIGKILL).expect("the page process");
    let next = until("another page process", SOON, || {
        page_of(&lanemark).filter(|next| *next != page)
    });
    assert!(
        began.elapsed() < patient(BACK_WITHIN),
        "{:?}",
        began.elapsed()
    );
    assert!(!is_there(page), "it was taken away");
    // Nobody was refused meanwhile: the sockets are the daemon's.
    assert!(connects(
        &bed,
        "workstation",
        SocketAddr::new(ROUTER_V4.into(), PORT)
    ));
    // The second in a row waits, and comes.
    kill(next, Signal::SIGKILL).expect("the page process");
    until("a third page process", SOON, || {
        page_of(&lanemark).filter(|third| *third != next)
    });
    assert!(lanemark.ended().is_none());
    see::kernel(bed.router()).assert_is(&before, "after the page process was killed");
    assert!(
        lanemark
            .said()
            .contains("the page process ended (signal 9)"),
        "{}",
        lanemark.said()
    );
    Ok(())
}

fn a_killed_daemon_takes_its_page_process_along_and_its_successor_has_another() -> Tried {
    need(&["ss"])?;
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    await_places(&bed, &usual(PORT));
    let page = await_page(&lanemark);
    lanemark.kill();
    let began = Instant::now();
    let next = bed.start_again();
    await_page(&next);
    await_places(&bed, &usual(PORT));
    assert!(
        began.elapsed() < patient(Duration::from_secs(6)),
        "{:?}",
        began.elapsed()
    );
    until("the end of the page process", SOON, || {
        (!is_there(page)).then_some(())
    });
    Ok(())
}

fn a_port_of_another_program_is_told_and_taken_over_when_it_is_free() -> Tried {
    need(&["ss"])?;
    let bed = Bed::new()?;
    let other = bed
        .router()
        .run(|| TcpListener::bind((ROUTER_V4, PORT)).expect("a port"))
        .expect("the router");
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    until("the finding", SOON, || {
        let finding = finding(&bed);
        finding
            .contains("not at 192.168.77.1:8080: another program listens there")
            .then_some(())
    });
    let status = bed.ask(&["status"]);
    assert!(
        !status.contains("another program"),
        "the lanes are as they shall be: {status}"
    );
    assert!(connects(
        &bed,
        "workstation",
        SocketAddr::new(ROUTER_V6.into(), PORT)
    ));
    drop(other);
    // It is tried again every ten seconds.
    until("the page", Duration::from_secs(15), || {
        finding(&bed)
            .contains("at http://192.168.77.1:8080")
            .then_some(())
    });
    assert!(lanemark.ended().is_none());
    let told = lanemark.said().matches("cannot be at").count();
    assert_eq!(told, 1, "once: {}", lanemark.said());
    Ok(())
}

fn the_page_can_be_elsewhere_or_nowhere() -> Tried {
    need(&["ss"])?;
    let bed = Bed::new()?;
    let mut lanemark = bed.start(&Wish::workstation("premium"));
    await_places(&bed, &usual(PORT));
    let page = await_page(&lanemark);
    let apply = |admin: &str| {
        let wish = Wish::workstation("premium").text();
        let config =
            wish.trim_end().trim_end_matches('}').to_owned() + &format!(", \"admin\": {admin} }}");
        let file = bed.scratch_file("new.json");
        fs::write(&file, config).expect("a file");
        bed.ask(&["config", "apply", text(&file)]);
    };
    apply(r#"{ "port": 8081 }"#);
    await_places(&bed, &usual(8081));
    assert_eq!(page_of(&lanemark), Some(page), "it goes on");
    // An address that the LAN does not have is not listened at, whose ever it is.
    apply(&format!(
        r#"{{ "addresses": ["{ROUTER_V4}", "{WAN_V4}", "{SERVER_V4}"] }}"#
    ));
    await_places(&bed, &[place(ROUTER_V4, PORT)].into());
    apply(r#"{ "enabled": false }"#);
    await_places(&bed, &BTreeSet::new());
    until("the end of the page process", SOON, || {
        (!is_there(page)).then_some(())
    });
    assert!(finding(&bed).contains("off: admin.enabled is false"));
    apply("{}");
    await_places(&bed, &usual(PORT));
    assert!(lanemark.ended().is_none());
    Ok(())
}

fn more_addresses_than_there_are_sockets_for_are_told_and_so_is_that_they_are_gone() -> Tried {
    let bed = Bed::new()?;
    let _lanemark = bed.start(&Wish::default());
    await_places(&bed, &usual(PORT));
    let page_is_good = || {
        let said = bed.ask(&["doctor", "--json"]);
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        let lines = said["findings"].as_array().expect("findings");
        let line = lines.iter().find(|line| line["what"] == "page");
        line.expect("a line about the page")["good"] == true
    };
    // The link-local address is the last that the kernel tells of.
    let taken = until("a link-local address", SOON, || {
        let found = listening(&bed);
        found
            .iter()
            .any(|place| is_link_local(place))
            .then_some(found.len())
    });
    for number in taken..=LISTENERS_MAX {
        tool(
            bed.router(),
            &format!("ip addr add 192.168.{number}.1/24 dev {LAN}"),
        );
    }
    until("as many sockets as there can be", SOON, || {
        (listening(&bed).len() == LISTENERS_MAX && !page_is_good()).then_some(())
    });
    // Nobody listens at the one too many: which sockets there are stays as it is.
    assert!(!listening(&bed).iter().any(|place| is_link_local(place)));
    tool(
        bed.router(),
        &format!("ip -6 addr flush dev {LAN} scope link"),
    );
    until("a page at all addresses", SOON, || {
        page_is_good().then_some(())
    });
    assert_eq!(listening(&bed).len(), LISTENERS_MAX);
    Ok(())
}
