//! Devices that are held to a cap: by the counters of `tc`, the marks of `conntrack` and the waits of a typist.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use lanemark::lab::congestion::Congestion;
use lanemark::lab::house::{self, LAN, Resident, WAN};
use lanemark::lab::keystroke::Keystrokes;
use lanemark::lab::service;
use lanemark::value::CAPS_MAX;
use nix::sys::socket::{setsockopt, sockopt};

use crate::bed::{Bed, OURS, SERVERS, Wish};
use crate::change::apply;
use crate::flood::Flood;
use crate::policy::echo_request;
use crate::program::tool;
use crate::promise::{SOON, Tried, patience, promises, until};
use crate::schedulers::need_qdisc;
use crate::see;
use crate::shares;
use crate::talk::{self, PAYLOAD_BYTES};

promises! {
    caps_hold_with_as_many_devices_as_can_have_one,
    hfsc_holds_caps_of_first_and_last_lanes,
    a_capped_premium_device_has_premiums_latency_while_the_line_is_full,
    a_cap_holds_for_every_packet_whatever_class_a_rule_gives_it,
    live_flows_get_and_lose_the_bits_of_their_slot_and_no_other,
    set_keeps_the_cap_and_moves_the_queue,
    a_new_start_adopts_the_caps_that_it_finds,
}

/// The bits of slots, unless the configuration says otherwise.
const SLOTS: u32 = 0x7f00;

/// What everybody may, up and down, and what everybody offers: a datagram each so often.
const CAP_KBIT: [u32; 2] = [100, 150];
const PULSE: Duration = Duration::from_millis(40);

/// As many devices as can have a cap, on one host: each a pair of cable ends whose other ends are on a bridge with the host's port.
fn crowd(bed: &Bed) -> Vec<(String, Ipv4Addr)> {
    let host = bed.host("guest0");
    for (setting, value) in [
        ("net/ipv6/conf/default/disable_ipv6", "1"),
        ("net/ipv4/conf/all/arp_ignore", "1"),
        ("net/ipv4/conf/all/arp_announce", "2"),
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/ipv4/conf/default/rp_filter", "0"),
    ] {
        host.set_sysctl(setting, value).expect("a sysctl");
    }
    let port = house::PORT;
    let mut batch = format!(
        "addr flush dev {port}\nlink add hub type bridge\nlink set {port} master hub\nlink set hub up\n"
    );
    let mut devices = Vec::new();
    for number in 0..u8::try_from(CAPS_MAX).expect("few") {
        let mac = format!("02:00:00:00:02:{number:02x}");
        let address = Ipv4Addr::new(192, 168, 77, 100 + number);
        writeln!(
            batch,
            "link add e{number} address {mac} type veth peer name p{number}\n\
             link set p{number} master hub\nlink set p{number} up\nlink set e{number} up\n\
             addr add {address}/24 dev e{number}\n\
             route add default via {} dev e{number} metric {}",
            house::ROUTER_V4,
            100 + u32::from(number)
        )
        .expect("a string takes all");
        devices.push((mac, address));
    }
    let file = bed.scratch_file("crowd.ip");
    std::fs::write(&file, batch).expect("a file");
    tool(host, &format!("ip -batch {}", crate::bed::text(&file)));
    devices
}

/// A socket of one of the crowd.
fn socket(bed: &Bed, number: usize, address: Ipv4Addr) -> UdpSocket {
    bed.host("guest0")
        .run(move || {
            let socket = UdpSocket::bind(SocketAddr::from((address, 0)))?;
            setsockopt(&socket, sockopt::BindToDevice, &format!("e{number}").into())?;
            Ok::<_, std::io::Error>(socket)
        })
        .expect("the host")
        .expect("a socket")
}

/// Everybody sends and gets a datagram a pulse, until this is dropped.
struct Pulse {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _receivers: Vec<UdpSocket>,
}

impl Pulse {
    fn start(bed: &Bed, devices: &[(String, Ipv4Addr)]) -> Pulse {
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for (number, (_, address)) in devices.iter().enumerate() {
            let up = socket(bed, number, *address);
            up.connect(SocketAddr::from((house::SERVER_V4, service::ABSORBER)))
                .expect("an address");
            senders.push(up);
            let down = bed
                .server()
                .run(|| UdpSocket::bind(SocketAddr::from((house::SERVER_V4, 0))))
                .expect("the server")
                .expect("a socket");
            down.set_read_timeout(Some(SOON)).expect("a time limit");
            let receiver = socket(bed, number, *address);
            let to = down.local_addr().expect("its address");
            receiver.send_to(&[0], to).expect("to open a flow");
            let (_, from) = down.recv_from(&mut [0]).expect("the word of the host");
            down.connect(from).expect("an address");
            senders.push(down);
            receivers.push(receiver);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for sender in &senders {
                    let _ = sender.send(&[0; PAYLOAD_BYTES]);
                }
                sleep(PULSE);
            }
        });
        Pulse {
            stop,
            thread: Some(thread),
            _receivers: receivers,
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The class of a slot, as `tc` names it.
fn slot(number: usize) -> String {
    format!("4c4d:{:x}", 0x1000 | number << 4)
}

fn caps_hold_with_as_many_devices_as_can_have_one() -> Tried {
    const CLASSES: [&str; 5] = ["premium", "express", "standard", "bulk", "exempt"];
    let bed = Bed::with_guests(1)?;
    let devices = crowd(&bed);
    let mut wish = Wish::default();
    for ((mac, _), class) in devices.iter().zip(CLASSES.into_iter().cycle()) {
        wish.devices.push((mac.clone(), class));
        wish = wish.capped(mac.clone(), CAP_KBIT.map(Some));
    }
    let _lanemark = bed.start_settled(&wish);
    // A slow machine cannot carry what all of them want; the others are silent there.
    let speaking = CAPS_MAX / usize::try_from(patience()).expect("few");
    let _pulse = Pulse::start(&bed, &devices[..speaking]);
    until("packets that wait in every device's queue", SOON, || {
        let full = [WAN, LAN].iter().all(|dev| {
            let listed = tool(bed.router(), &format!("tc -s class show dev {dev}"));
            let full = |number| {
                let name = format!("class htb {} ", slot(number));
                let mut lines = listed.lines().skip_while(|line| !line.starts_with(&name));
                let backlog = lines.find(|line| line.trim_start().starts_with("backlog"));
                backlog.is_some_and(|line| !line.contains("backlog 0b 0p"))
            };
            (1..=speaking).all(full)
        });
        full.then_some(())
    });
    for (classes, cap) in shares::measured(&bed).iter().zip(CAP_KBIT) {
        for number in 1..=speaking {
            let handle = slot(number);
            shares::near(&handle, classes[&handle], cap, 5);
        }
    }
    Ok(())
}

fn hfsc_holds_caps_of_first_and_last_lanes() -> Tried {
    let bed = Bed::new()?;
    need_qdisc(&bed, "hfsc")?;
    let wish = Wish {
        scheduler: "hfsc",
        up_kbit: 2_000,
        down_kbit: 4_000,
        ..Wish::workstation("premium").and(&Resident::tv(), "bulk")
    };
    let wish = wish
        .capped(Resident::workstation().mac_text(), CAP_KBIT.map(Some))
        .capped(Resident::tv().mac_text(), CAP_KBIT.map(Some));
    let _lanemark = bed.start(&wish);
    let _floods = ["workstation", "tv"].map(|host| {
        let [up_kbit, down_kbit] = CAP_KBIT.map(|kbit| kbit * 3);
        [
            Flood::up(&bed, host, up_kbit),
            Flood::down(&bed, host, down_kbit),
        ]
    });
    let slots = [1, 2].map(|number| slot(number).replace("4c4d", "4c4e"));
    until("packets that wait", SOON, || {
        let full = slots.iter().all(|class| {
            [WAN, LAN]
                .iter()
                .all(|dev| see::backlog_packets(bed.router(), dev, class) > 0)
        });
        full.then_some(())
    });
    for (classes, cap) in shares::measured(&bed).iter().zip(CAP_KBIT) {
        for class in &slots {
            shares::near(class, classes[class], cap, 5);
        }
    }
    Ok(())
}

fn a_capped_premium_device_has_premiums_latency_while_the_line_is_full() -> Tried {
    const WHILE: Duration = Duration::from_secs(6);
    const LINE_KBIT: [u32; 2] = [2_000, 8_000];
    /// More than Premium's waits differ by chance, and less than one packet of the others takes.
    const MORE: Duration = Duration::from_millis(3);
    let bed = Bed::with_guests(1)?;
    let workstation = Resident::workstation();
    let [up_kbit, down_kbit] = LINE_KBIT;
    let wish = Wish {
        up_kbit,
        down_kbit,
        // The television's keystrokes wait with all else that it sends.
        prioritize: "",
        // In a fair queue they would not wait for the rest of it.
        leaf: "bfifo",
        ..Wish::workstation("premium")
            .and(&Resident::guest(0), "premium")
            .and(&Resident::tv(), "bulk")
    };
    let wish = wish.capped(workstation.mac_text(), [Some(200), Some(400)]);
    let _lanemark = bed.start_settled(&wish);
    let _floods = [
        Flood::up(&bed, "tv", up_kbit * 2),
        Flood::down(&bed, "tv", down_kbit * 2),
    ];
    until("a full line", SOON, || {
        let full = [WAN, LAN]
            .iter()
            .all(|dev| see::backlog_packets(bed.router(), dev, "4c4d:40") > 0);
        full.then_some(())
    });
    let before = see::classes(bed.router(), WAN)[&slot(1)];
    let congestion = Congestion("cubic".into());
    let typists = ["workstation", "guest0", "tv"].map(|host| {
        let typist = Keystrokes::start(bed.host(host), SERVERS[0], &congestion);
        let typist = typist.expect("a connection");
        (typist.mark(), typist)
    });
    sleep(WHILE);
    // Side by side, so that what else the machine does is in all of them.
    let [capped, premium, bulk] =
        typists.map(|(phase, typist)| typist.summary(phase).expect("an open connection"));
    assert!(
        capped.p50 < premium.p50 + MORE && capped.p50 < bulk.p50 / 4 && capped.unanswered == 0,
        "capped {capped:?}, premium {premium:?}, bulk {bulk:?}"
    );
    let after = see::classes(bed.router(), WAN)[&slot(1)];
    assert!(after.bytes > before.bytes + 2_000, "through its own queue");
    Ok(())
}

fn a_cap_holds_for_every_packet_whatever_class_a_rule_gives_it() -> Tried {
    let bed = Bed::new()?;
    let workstation = Resident::workstation();
    let wish = Wish {
        rules: r#"{"class": "express", "proto": "udp", "ports": "5001"}"#,
        ..Wish::workstation("standard")
    };
    let _lanemark = bed.start_settled(&wish.capped(workstation.mac_text(), [None, Some(20_000)]));
    let sent = |class: &str| see::classes(bed.router(), WAN)[class].bytes;
    let before = ["4c4d:1010", "4c4d:20", "4c4d:36"].map(sent);
    talk::upload(bed.workstation(), house::SERVER_V4.into(), 20);
    for server in SERVERS {
        bed.workstation()
            .run(move || echo_request(server))
            .expect("the workstation");
    }
    let least = 20 * (PAYLOAD_BYTES as u64 + 42) + 2 * 42;
    until("the packets in the device's queue", SOON, || {
        (sent("4c4d:1010") >= before[0] + least).then_some(())
    });
    let after = ["4c4d:20", "4c4d:36"].map(sent);
    assert_eq!(after, before[1..], "nothing of it in the lanes");
    assert_eq!(
        see::flows(bed.router())
            .iter()
            .filter(|(key, flow)| key.ends_with(" 5001") && flow.is_of(&workstation))
            .map(|(_, flow)| flow.mark)
            .collect::<Vec<_>>(),
        [0x100 | 20],
        "the rule's class and the device's slot"
    );
    Ok(())
}

fn live_flows_get_and_lose_the_bits_of_their_slot_and_no_other() -> Tried {
    const FOREIGN: u32 = 0xabcd_8080;
    let bed = Bed::new()?;
    for line in [
        "nft add table inet foreign".to_owned(),
        "nft add chain inet foreign pre { type filter hook prerouting priority -160 ; }".to_owned(),
        format!("nft add rule inet foreign pre ct state new ct mark set {FOREIGN:#x}"),
    ] {
        tool(bed.router(), &line);
    }
    let plain = Wish::workstation("premium").and(&Resident::tv(), "bulk");
    let _lanemark = bed.start(&plain);
    let _open = [bed.crowds("workstation", 20), bed.crowds("tv", 20)];
    // What was opened before the other program came has none of its bits.
    let marks = || {
        let flows = see::flows(bed.router());
        [Resident::workstation(), Resident::tv()].map(|resident| {
            let own = flows
                .iter()
                .filter(|(key, flow)| see::is_of_crowd(key) && flow.is_of(&resident));
            let mut marks: Vec<u32> = own.map(|(_, flow)| flow.mark).collect();
            assert!(marks.len() >= 20);
            marks.sort_unstable();
            marks.dedup();
            marks
        })
    };
    let only = |slots: [u32; 2]| [vec![FOREIGN | slots[0] | 10], vec![FOREIGN | slots[1] | 40]];
    assert_eq!(marks(), only([0, 0]));
    let caps = |wish: Wish<'static>, resident: Resident| {
        wish.capped(resident.mac_text(), [Some(5_000), None])
    };
    let both = caps(caps(plain.clone(), Resident::workstation()), Resident::tv());
    // When it answers, it is done.
    apply(&bed, &both);
    assert_eq!(marks(), only([0x100, 0x200]));
    apply(&bed, &caps(plain.clone(), Resident::tv()));
    assert_eq!(marks(), only([0, 0x100]));
    assert!(!see::rules(bed.router()).contains("cap2"));
    apply(&bed, &plain);
    assert_eq!(marks(), only([0, 0]));
    let listed = tool(bed.router(), &format!("tc class show dev {WAN}"));
    assert!(!listed.contains("4c4d:1010"), "{listed}");
    apply(&bed, &both);
    bed.ask(&["stop"]);
    assert_eq!(marks(), [vec![FOREIGN], vec![FOREIGN]]);
    Ok(())
}

fn set_keeps_the_cap_and_moves_the_queue() -> Tried {
    let bed = Bed::new()?;
    let workstation = Resident::workstation();
    let wish = Wish::workstation("premium").capped(workstation.mac_text(), [Some(700), Some(900)]);
    let _lanemark = bed.start_settled(&wish);
    let _open = bed.crowds("workstation", 20);
    for (class, parent, mark) in [
        ("bulk", "parent 4c4d:41", 40),
        ("exempt", "root", 100),
        ("express", "parent 4c4d:21", 20),
    ] {
        bed.ask(&["set", "192.168.77.10", class]);
        for (dev, ceil) in [(WAN, "ceil 700Kbit"), (LAN, "ceil 900Kbit")] {
            let listed = tool(bed.router(), &format!("tc class show dev {dev}"));
            let name = format!("class htb 4c4d:1010 {parent} ");
            let line = listed.lines().find(|line| line.starts_with(&name));
            assert!(line.is_some_and(|line| line.contains(ceil)), "{listed}");
        }
        let marks = see::marks(bed.router(), &workstation);
        assert_eq!(marks, [0x100 | mark], "{class}");
    }
    let shown = bed.ask(&["config", "show"]);
    assert!(
        shown.contains("\"class\": \"express\", \"up_max_kbit\": 700, \"down_max_kbit\": 900"),
        "{shown}"
    );
    let told = bed.ask(&["devices"]);
    assert!(told.contains("at most 700k up"), "{told}");
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    Ok(())
}

fn a_new_start_adopts_the_caps_that_it_finds() -> Tried {
    let bed = Bed::new()?;
    let workstation = Resident::workstation();
    let wish = Wish::workstation("premium").capped(workstation.mac_text(), [Some(700), None]);
    let mut lanemark = bed.start_settled(&wish);
    let _open = bed.crowds("workstation", 20);
    assert_eq!(see::marks(bed.router(), &workstation), [0x10a]);
    lanemark.kill();
    let before = see::kernel(bed.router());
    let mut lanemark = bed.start_again();
    let after = see::kernel(bed.router());
    after.assert_queues_are(&before, "after a new start");
    let chains = |kernel: &see::Kernel| kernel.rules.matches("goto cap1").count();
    assert_eq!((chains(&after), chains(&before)), (1, 1));
    // Without the cap, while nobody is there.
    lanemark.kill();
    let _lanemark = bed.start(&Wish::workstation("premium"));
    until("flows without a slot", SOON, || {
        (see::marks(bed.router(), &workstation) == [10]).then_some(())
    });
    assert_eq!(OURS & SLOTS, 0, "of a mask of its own");
    let talk: IpAddr = SERVERS[0];
    talk::download(bed.workstation(), talk, 20_000);
    Ok(())
}
