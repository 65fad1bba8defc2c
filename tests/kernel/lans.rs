//! Several LANs share one line, and so one shaper.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lanemark::lab::congestion::Congestion;
use lanemark::lab::house::{self, LAN, Resident, WAN};
use lanemark::lab::keystroke::Keystrokes;
use lanemark::lab::service;

use crate::bed::{Bed, SERVERS, Wish};
use crate::program::{Along, run, tool};
use crate::promise::{SOON, Skip, Tried, promises, until};
use crate::see::{self, OUR_ROOT};
use crate::talk;
use crate::watch::Watch;

promises! {
    three_lans_together_stay_within_the_line_and_premium_does_not_wait,
    each_lan_has_its_classes_and_what_goes_from_one_to_another_is_not_shaped,
    a_second_start_changes_nothing_with_several_lans,
    stop_leaves_the_kernel_as_it_was_with_several_lans,
    filters_of_another_program_stay,
    a_lan_that_comes_later_is_taken_in,
    an_ifb_device_that_somebody_removes_cuts_nobody_off,
}

const IFB: &str = "ifb-lanemark";
const GUESTS: &str = "br-guest";
const WIRE: &str = "lan4";

/// A house with three LANs: the bridge, a second bridge with a guest, and a guest at a plain port.
fn three() -> Result<Bed, Skip> {
    let bed = Bed::with_guests(2)?;
    let router = bed.router();
    let tried = run(router, &["ip", "link", "add", "probe-ifb", "type", "ifb"]);
    if tried.code != Some(0) {
        return Err(Skip::Machine(format!(
            "no IFB device: {}",
            tried.err.trim()
        )));
    }
    tool(router, "ip link del probe-ifb");
    tool(router, "ip link set lan3 nomaster");
    tool(router, "ip link set lan4 nomaster");
    tool(router, "ip link add br-guest type bridge");
    tool(router, "ip link set lan3 master br-guest");
    tool(router, "ip link set br-guest up");
    for (number, dev, guest) in [(78, GUESTS, "guest0"), (79, WIRE, "guest1")] {
        move_out(&bed, number, dev, guest);
    }
    Ok(bed)
}

/// A guest and its router get addresses of another network.
fn move_out(bed: &Bed, number: u8, dev: &str, guest: &str) {
    let host = bed.host(guest);
    tool(
        bed.router(),
        &format!("ip addr add 192.168.{number}.1/24 dev {dev}"),
    );
    tool(
        bed.router(),
        &format!("ip addr add fd{number}::1/64 dev {dev}"),
    );
    tool(host, "ip addr flush dev eth0");
    tool(
        host,
        &format!("ip addr add 192.168.{number}.10/24 dev eth0"),
    );
    tool(
        host,
        &format!("ip addr add fd{number}::10/64 dev eth0 nodad"),
    );
    tool(
        host,
        &format!("ip route replace default via 192.168.{number}.1"),
    );
    tool(
        host,
        &format!("ip -6 route replace default via fd{number}::1"),
    );
    let back = format!("ip -6 route add fd{number}::/64 via {}", house::WAN_V6);
    tool(bed.server(), &back);
}

fn wish() -> Wish<'static> {
    Wish {
        lans: vec![LAN, GUESTS, WIRE],
        up_kbit: 20_000,
        down_kbit: 8_000,
        ..Wish::workstation("premium").and(&Resident::guest(1), "bulk")
    }
}

/// Started, with the whole line.
fn start(bed: &Bed) -> Along {
    let lanemark = bed.start(&wish());
    until("the whole line", SOON, || {
        (see::line_kbit(bed.router(), IFB) == Some(8_000)).then_some(())
    });
    lanemark
}

/// Somebody who takes as much as the line gives. Dropping it ends that.
struct Glutton(Arc<AtomicBool>);

impl Glutton {
    fn new(bed: &Bed, host: &str, server: IpAddr) -> Glutton {
        let to = SocketAddr::new(server, service::SOURCE);
        let mut stream = talk::connect(bed.host(host), to);
        let full = Arc::new(AtomicBool::new(false));
        let is_full = Arc::clone(&full);
        thread::spawn(move || {
            let mut room = vec![0; 64 * 1024];
            let mut more = stream.write(&[0]).is_ok();
            while more && !is_full.load(Ordering::Relaxed) {
                more = stream.read(&mut room).is_ok_and(|count| count > 0);
            }
        });
        Glutton(full)
    }
}

impl Drop for Glutton {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Bytes that a device has sent, by `ip -s link`: the number below `TX:  bytes`.
fn sent(bed: &Bed, dev: &str) -> u64 {
    let listed = tool(bed.router(), &format!("ip -s link show dev {dev}"));
    let mut lines = listed.lines().skip_while(|line| !line.contains("TX:"));
    let numbers = lines.nth(1).expect("a line of numbers");
    let first = numbers.split_whitespace().next().expect("a number");
    first.parse().expect("bytes")
}

fn three_lans_together_stay_within_the_line_and_premium_does_not_wait() -> Tried {
    /// Long beside a burst, and beside the moment between two looks.
    const WHILE: Duration = Duration::from_secs(4);
    let bed = three()?;
    let _lanemark = start(&bed);
    let hosts = ["tv", "guest0", "guest1"];
    let _gluttons: Vec<Glutton> = hosts
        .iter()
        .flat_map(|host| SERVERS.map(|server| Glutton::new(&bed, host, server)))
        .collect();
    let all = || [LAN, GUESTS, WIRE].map(|dev| sent(&bed, dev));
    let start = all();
    until("something for everybody", SOON, || {
        all()
            .iter()
            .zip(start)
            .all(|(now, then)| *now > then + 50_000)
            .then_some(())
    });
    let congestion = Congestion("cubic".into());
    let typist = Keystrokes::start(bed.workstation(), SERVERS[0], &congestion);
    let typist = typist.expect("a connection");
    let phase = typist.mark();
    let (before, began) = (all(), Instant::now());
    thread::sleep(WHILE);
    let (after, took) = (all(), began.elapsed());
    let bytes: u64 = after.iter().sum::<u64>() - before.iter().sum::<u64>();
    let kbit = u128::from(bytes) * 8 / took.as_millis();
    assert!(
        (6_400..=8_240).contains(&kbit),
        "8,000 kbit/s were to be shared, found {kbit}"
    );
    let waited = typist.summary(phase).expect("an open connection");
    assert!(
        waited.p50 < Duration::from_millis(25),
        "premium waits {waited:?} while three LANs are full"
    );
    Ok(())
}

/// Bytes that the lanes of the IFB device carried, and packets that passed by them.
fn lanes(bed: &Bed, class: &str) -> u64 {
    see::classes(bed.router(), IFB)
        .get(class)
        .map_or(0, |sent| sent.bytes)
}

fn each_lan_has_its_classes_and_what_goes_from_one_to_another_is_not_shaped() -> Tried {
    const BYTES: usize = 200_000;
    let bed = three()?;
    let _lanemark = start(&bed);
    for server in SERVERS {
        for (host, class) in [
            ("workstation", "4c4d:10"),
            ("guest0", "4c4d:30"),
            ("guest1", "4c4d:40"),
        ] {
            let before = lanes(&bed, class);
            talk::download(bed.host(host), server, BYTES);
            let carried = lanes(&bed, class) - before;
            assert!(
                carried >= 200_000,
                "{host} from {server}: {carried} bytes in {class}"
            );
        }
    }
    // What the server sent before it heard that nobody listens any more is still on its way.
    let mut line = 0;
    until("a quiet line", SOON, || {
        let before = std::mem::replace(&mut line, lanes(&bed, "4c4d:1"));
        (before == line).then_some(())
    });
    for address in ["192.168.78.10", "fd78::10"] {
        let to = SocketAddr::new(address.parse().expect("an address"), 7777);
        let guest = bed.host("guest0").run(move || TcpListener::bind(to));
        let guest = guest.expect("the guest").expect("a port");
        let mut stream = talk::connect(bed.workstation(), to);
        let (mut other, _) = guest.accept().expect("a connection");
        for _ in 0..20 {
            stream.write_all(&[0; 10_000]).expect("to send");
            other.read_exact(&mut [0; 10_000]).expect("to receive");
            other.write_all(&[0; 10_000]).expect("to send");
            stream.read_exact(&mut [0; 10_000]).expect("to receive");
        }
    }
    assert!(lanes(&bed, "4c4d:1") - line < 3_000, "it was shaped");
    Ok(())
}

/// All that several LANs add to what [`see::kernel`] tells.
fn around(bed: &Bed) -> String {
    let lists = [LAN, GUESTS, WIRE].map(|dev| {
        let list = |way| tool(bed.router(), &format!("tc filter show dev {dev} {way}"));
        [list("egress"), list("ingress")].concat()
    });
    lists.concat() + &tool(bed.router(), "ip -br link")
}

fn a_second_start_changes_nothing_with_several_lans() -> Tried {
    let bed = three()?;
    let mut lanemark = start(&bed);
    let (before, filters) = (see::kernel(bed.router()), around(&bed));
    let watch = Watch::queues(&bed);
    lanemark.kill();
    let mut again = bed.start_again();
    bed.await_state(&mut again, "on");
    assert_eq!(watch.end_queues(&bed), [""; 0]);
    see::kernel(bed.router()).assert_is(&before, "after a second start");
    assert_eq!(around(&bed), filters);
    Ok(())
}

fn stop_leaves_the_kernel_as_it_was_with_several_lans() -> Tried {
    for killed in [false, true] {
        let bed = three()?;
        let (before, filters) = (see::kernel(bed.router()), around(&bed));
        let mut lanemark = start(&bed);
        assert_ne!(around(&bed), filters);
        if killed {
            lanemark.kill();
        }
        let said = bed.ask(&["stop"]);
        assert!(said.contains("nothing of it is left") || killed, "{said}");
        see::kernel(bed.router()).assert_is(&before, "after stop");
        assert_eq!(around(&bed), filters);
    }
    Ok(())
}

fn filters_of_another_program_stay() -> Tried {
    let bed = three()?;
    let router = bed.router();
    tool(router, "tc qdisc add dev br-guest clsact");
    for way in ["egress", "ingress"] {
        tool(
            router,
            &format!(
                "tc filter add dev br-guest {way} pref 5 protocol ip u32 match ip tos 0x20 0xff flowid 1:1"
            ),
        );
    }
    let (before, filters) = (see::kernel(router), around(&bed));
    let mut lanemark = start(&bed);
    let said = bed.ask(&["doctor"]);
    assert!(
        said.contains("br-guest has filters of another program"),
        "{said}"
    );
    let carried = lanes(&bed, "4c4d:30");
    talk::download(bed.host("guest0"), SERVERS[0], 50_000);
    assert!(lanes(&bed, "4c4d:30") >= carried + 50_000);
    bed.ask(&["stop"]);
    lanemark.end();
    see::kernel(router).assert_is(&before, "after stop");
    assert_eq!(around(&bed), filters);
    Ok(())
}

fn a_lan_that_comes_later_is_taken_in() -> Tried {
    let bed = three()?;
    let router = bed.router();
    tool(router, "ip link set lan3 nomaster");
    tool(router, "ip link del br-guest");
    let mut lanemark = start(&bed);
    bed.await_state(&mut lanemark, "on");
    let said = bed.ask(&["status"]);
    assert!(said.contains("found br-guest"), "{said}");
    for _ in 0..2 {
        tool(router, "ip link add br-guest type bridge");
        tool(router, "ip link set lan3 master br-guest");
        tool(router, "ip link set br-guest up");
        tool(router, "ip addr add 192.168.78.1/24 dev br-guest");
        until("the filter", SOON, || {
            let listed = tool(router, "tc filter show dev br-guest egress");
            listed
                .contains(&format!("Egress Redirect to device {IFB}"))
                .then_some(())
        });
        let carried = lanes(&bed, "4c4d:30");
        talk::download(bed.host("guest0"), SERVERS[0], 50_000);
        assert!(lanes(&bed, "4c4d:30") >= carried + 50_000);
        tool(router, "ip link set lan3 nomaster");
        tool(router, "ip link del br-guest");
    }
    bed.await_state(&mut lanemark, "on");
    Ok(())
}

fn an_ifb_device_that_somebody_removes_cuts_nobody_off() -> Tried {
    let bed = three()?;
    let mut lanemark = start(&bed);
    for line in [
        format!("ip link del {IFB}"),
        format!("ip link set {IFB} down"),
    ] {
        tool(bed.router(), &line);
        until("our root on the IFB device", SOON, || {
            let on = tool(bed.router(), "ip -br link")
                .lines()
                .any(|line| line.starts_with(IFB) && line.contains(",UP"));
            (on && see::root_qdisc(bed.router(), IFB) == OUR_ROOT).then_some(())
        });
        bed.await_state(&mut lanemark, "on");
        for host in ["workstation", "guest0", "guest1"] {
            talk::download(bed.host(host), SERVERS[1], 50_000);
        }
    }
    assert_eq!(see::root_qdisc(bed.router(), WAN), OUR_ROOT);
    Ok(())
}
