//! Rates, the proof, and when the engine wakes.

use std::time::Duration;

use lanemark::config::Config;
use lanemark::control::{Side, State, Status};
use lanemark::engine::limits::{HEALTH_EVERY, PROOF_BYTES_MIN, RATE_WINDOW};
use lanemark::engine::{Look, Op};
use lanemark::value::{Class, FlowPath, IfIndex, LinkBytes, TcStats};

use super::house::{self, LAN, WAN, WORK, link, wan_link};
use super::world::{World, changed};

const HEALTH_MS: u64 = HEALTH_EVERY.as_secs() * 1_000;
const RATE_MS: u64 = RATE_WINDOW.as_secs() * 1_000;

fn base() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

/// Bytes that the WAN carried.
fn carry(world: &mut World, tx: u64, rx: u64) {
    let bytes = world.kernel.bytes.entry(WAN).or_default();
    bytes.tx += tx;
    bytes.rx += rx;
}

/// Packets of 1,000 bytes that went through a class.
fn queue(world: &mut World, dev: IfIndex, class: Class, packets: u32) {
    let stats = world.kernel.tree(dev).class_mut(class);
    stats.bytes += u64::from(packets) * 1_000;
    stats.packets = stats.packets.wrapping_add(packets);
}

fn class(status: &Status, class: Class) -> (u32, u32) {
    let line = status
        .classes
        .iter()
        .find(|line| line.class.as_str() == class.name())
        .unwrap();
    (line.up.rate_kbit, line.down.rate_kbit)
}

/// Lets the shortest interval pass and tells the health at its end.
fn interval(world: &mut World) -> Status {
    world.pass(RATE_MS);
    world.status()
}

fn proven(side: &Side) -> Option<u8> {
    side.proven_percent
}

/// Settled, with the first sample taken right now.
fn sampled() -> World {
    let mut world = World::settled(&base());
    interval(&mut world);
    world
}

#[test]
fn with_nothing_to_do_the_engine_sleeps_for_health_every() {
    let mut world = World::settled(&base());
    let wakes = world.pass(100 * HEALTH_MS);
    assert!((99..=101).contains(&wakes), "{wakes}");
    assert!(world.ops.iter().all(|op| matches!(
        op,
        Op::Look(Look::Qdiscs | Look::Classes(_) | Look::Bytes(_))
    )));
    let wait = world.drive().unwrap();
    assert!(wait <= HEALTH_EVERY && wait > Duration::ZERO);
    assert!(HEALTH_EVERY >= Duration::from_secs(5));
}

#[test]
fn an_engine_that_is_off_sleeps_for_ever() {
    let mut world = World::settled(&base());
    changed(world.apply(&house::off(&base())));
    world.pass(60_000);
    assert_eq!(world.drive(), None);
    world.set("work", "bulk");
    world.devices();
    world.pass(60_000);
    assert_eq!(world.drive(), None);
    let mut world = World::new(&house::off(&base()));
    assert_eq!(world.drive(), None);
}

#[test]
fn the_first_interval_begins_with_the_start() {
    for adopted in [false, true] {
        let mut world = World::new(&base());
        if adopted {
            world.settle();
            world.restart();
        }
        world.drive();
        carry(&mut world, 1_000_000, 0);
        queue(&mut world, WAN, Class::Bulk, 1_000);
        let status = interval(&mut world);
        assert_eq!(proven(&status.up), Some(100), "adopted: {adopted}");
    }
}

#[test]
fn rates_are_the_difference_of_the_counters_over_the_interval() {
    let mut world = sampled();
    queue(&mut world, WAN, Class::Premium, 50);
    queue(&mut world, LAN, Class::Bulk, 1_000);
    carry(&mut world, 50_000, 1_000_000);
    let status = interval(&mut world);
    assert_eq!(
        class(&status, Class::Premium),
        (400, 0),
        "50 kB in a second"
    );
    assert_eq!(class(&status, Class::Bulk), (0, 8_000));
    assert_eq!((status.up.rate_kbit, status.down.rate_kbit), (400, 8_000));
    let status = interval(&mut world);
    assert_eq!((status.up.rate_kbit, status.down.rate_kbit), (0, 0));
}

#[test]
fn the_proof_is_the_share_of_the_wans_bytes_that_went_through_the_queues() {
    for (queued, expected) in [(1_000, 100), (600, 60), (0, 0), (1_050, 100)] {
        let mut world = sampled();
        carry(&mut world, 1_000_000, 1_000_000);
        queue(&mut world, WAN, Class::Express, queued);
        queue(&mut world, LAN, Class::Express, queued);
        let status = interval(&mut world);
        assert_eq!(
            (proven(&status.up), proven(&status.down)),
            (Some(expected), Some(expected))
        );
    }
}

#[test]
fn below_proof_bytes_min_nothing_is_proven_or_denied() {
    let mut world = sampled();
    carry(&mut world, PROOF_BYTES_MIN - 1, PROOF_BYTES_MIN);
    let status = interval(&mut world);
    assert_eq!((proven(&status.up), proven(&status.down)), (None, Some(0)));
}

#[test]
fn what_was_dropped_on_its_way_home_had_come_over_the_wan() {
    let mut world = sampled();
    carry(&mut world, 1_000_000, 1_000_000);
    for dev in [WAN, LAN] {
        queue(&mut world, dev, Class::Bulk, 800);
        world.kernel.tree(dev).class_mut(Class::Bulk).dropped += 200;
    }
    let status = interval(&mut world);
    assert_eq!(
        proven(&status.down),
        Some(100),
        "800 sent and 200 dropped of 1,000 that came"
    );
    assert_eq!(
        proven(&status.up),
        Some(80),
        "what is dropped on its way out never reaches the WAN"
    );
}

#[test]
fn queues_that_were_made_anew_prove_nothing_until_the_next_interval() {
    let mut world = sampled();
    queue(&mut world, LAN, Class::Bulk, 100_000);
    world.kernel.tree(LAN).class_mut(Class::Bulk).dropped = 50_000;
    carry(&mut world, 0, 100_000_000);
    interval(&mut world);
    // Counters begin at 0 again, and most of what came since went past them.
    *world.kernel.tree(LAN).class_mut(Class::Bulk) = TcStats::default();
    queue(&mut world, LAN, Class::Bulk, 100);
    carry(&mut world, 0, 10_000_000);
    let status = interval(&mut world);
    assert_eq!(proven(&status.down), None);
    assert_eq!(class(&status, Class::Bulk), (0, 0));
    queue(&mut world, LAN, Class::Bulk, 1_000);
    carry(&mut world, 0, 10_000_000);
    assert_eq!(proven(&interval(&mut world).down), Some(10));
}

#[test]
fn drops_that_were_counted_before_do_not_prove_what_goes_past_the_queues() {
    let mut world = sampled();
    world.kernel.tree(LAN).class_mut(Class::Bulk).dropped = 50_000;
    interval(&mut world);
    // Less, and no more bytes than before to tell: another class tells them.
    world.kernel.tree(LAN).class_mut(Class::Bulk).dropped = 0;
    queue(&mut world, LAN, Class::Bulk, 1_000);
    carry(&mut world, 0, 10_000_000);
    assert_eq!(proven(&interval(&mut world).down), Some(10));
}

#[test]
fn packets_that_wrap_at_32_bits_do_not_disturb_the_proof() {
    let mut world = sampled();
    world.kernel.tree(LAN).class_mut(Class::Bulk).packets = u32::MAX - 10;
    interval(&mut world);
    queue(&mut world, LAN, Class::Bulk, 800);
    world.kernel.tree(LAN).class_mut(Class::Bulk).dropped += 200;
    carry(&mut world, 0, 1_000_000);
    assert_eq!(proven(&interval(&mut world).down), Some(100));
}

#[test]
fn a_wan_that_counts_from_0_again_denies_nothing() {
    let mut world = sampled();
    carry(&mut world, 5_000_000, 5_000_000);
    interval(&mut world);
    world.kernel.bytes.insert(
        WAN,
        LinkBytes {
            tx: 1_000_000,
            rx: 1_000_000,
        },
    );
    let status = interval(&mut world);
    assert_eq!((proven(&status.up), proven(&status.down)), (None, None));
}

#[test]
fn the_counters_of_another_wan_are_not_held_against_those_of_the_last() {
    let mut config = base();
    config.wan.interface = None;
    let mut world = World::settled(&config);
    interval(&mut world);
    let other = IfIndex(9);
    world.kernel.links.push(lanemark::value::Link {
        index: other,
        ..link(WAN, "wwan0", wan_link(WAN).kind)
    });
    // It has carried much before it was ours.
    world.kernel.bytes.insert(
        other,
        LinkBytes {
            tx: 900_000_000,
            rx: 900_000_000,
        },
    );
    world.kernel.routes = vec![(other, 0)];
    world.tell(lanemark::engine::Input::Lost);
    world.drive();
    let status = interval(&mut world);
    assert_eq!((proven(&status.up), proven(&status.down)), (None, None));
}

#[test]
fn off_proves_nothing() {
    let mut world = sampled();
    carry(&mut world, 1_000_000, 1_000_000);
    interval(&mut world);
    changed(world.apply(&house::off(&base())));
    let status = world.status();
    assert_eq!((proven(&status.up), proven(&status.down)), (None, None));
}

#[test]
fn whoever_asks_all_the_time_still_gets_the_rate_of_now() {
    let mut world = sampled();
    // Much at first, nothing later; asked for twice in each rate window.
    for second in 0..20 {
        for half in 0..2 {
            world.status();
            if second < 10 && half == 0 {
                queue(&mut world, WAN, Class::Bulk, 125);
            }
            world.pass(RATE_MS / 2);
        }
        if second == 9 {
            assert_eq!(class(&world.status(), Class::Bulk).0, 1_000);
        }
    }
    assert_eq!(class(&world.status(), Class::Bulk).0, 0);
}

#[test]
fn the_delay_of_a_queue_is_its_backlog_at_the_rate_that_it_has() {
    let mut world = sampled();
    let bulk = super::house::class_handle(Class::Bulk);
    world.kernel.tree(WAN).leaves.get_mut(&bulk).unwrap().2 = 12_500;
    queue(&mut world, WAN, Class::Bulk, 100);
    let status = interval(&mut world);
    let line = status
        .classes
        .iter()
        .find(|line| line.class.as_str() == "bulk")
        .unwrap()
        .up;
    assert_eq!(
        (line.backlog_bytes, line.delay_ms),
        (12_500, 125),
        "12.5 kB at 800 kbit/s"
    );
    let idle = status
        .classes
        .iter()
        .find(|line| line.class.as_str() == "premium")
        .unwrap()
        .up;
    assert_eq!((idle.backlog_bytes, idle.delay_ms), (0, 0));
}

#[test]
fn status_tells_the_line_the_marks_and_the_fill() {
    let mut world = World::settled(&base());
    world.pass(42_000);
    let status = world.status();
    assert_eq!(
        (status.up.interface.as_str(), status.down.interface.as_str()),
        ("eth0", "br-lan")
    );
    assert_eq!((status.up.line_kbit, status.down.line_kbit), (1_000, 8_000));
    assert_eq!(
        (status.flows, status.flows_max, status.devices),
        (7, 4096, 3)
    );
    for class in Class::ALL {
        let line = status
            .classes
            .iter()
            .find(|line| line.class.as_str() == class.name())
            .unwrap();
        assert_eq!(line.mark, class.mark());
    }
    assert_eq!(
        status.classes[0].up.guarantee_kbit, 0,
        "exempt has no promise"
    );
    assert_eq!(
        (
            status.classes[1].up.guarantee_kbit,
            status.classes[1].down.guarantee_kbit
        ),
        (750, 6_000)
    );
    assert_eq!((status.up.leaf.as_str(), status.uptime_s), ("fq_codel", 45));
}

#[test]
fn the_health_says_why_packets_go_past_us_and_the_way_out() {
    let cure = |what: &str| {
        format!("{what} carries packets past the lanes; switch it off in the router's settings")
    };
    let unknown = "packets go past the lanes, and no cause that lanemark knows is there: \
                   look for acceleration or another QoS in the router's settings";
    for (modules, path, told) in [
        (vec![], FlowPath::Rules, unknown.to_owned()),
        (vec!["ctf"], FlowPath::Rules, cure("Broadcom's CTF")),
        (vec!["nf_flow_table"], FlowPath::Rules, unknown.to_owned()),
        (
            vec!["nf_flow_table"],
            FlowPath::Flowtable,
            cure("software flow offloading"),
        ),
        (
            vec!["ecm"],
            FlowPath::Hardware,
            cure("hardware flow offloading"),
        ),
    ] {
        let mut world = sampled();
        world.kernel.modules = modules;
        let mut flow = house::opened_by(house::address(house::WORK), 1, 0);
        flow.path = path;
        world.kernel.flows.push(flow);
        // Loaded is not in use: the counters decide.
        carry(&mut world, 1_000_000, 1_000_000);
        queue(&mut world, WAN, Class::Bulk, 1_000);
        queue(&mut world, LAN, Class::Bulk, 1_000);
        assert_eq!(interval(&mut world).reason.as_str(), "");
        carry(&mut world, 1_000_000, 1_000_000);
        queue(&mut world, LAN, Class::Bulk, 890);
        let status = interval(&mut world);
        assert_eq!(status.reason.as_str(), told);
        assert_eq!(status.state, State::On);
    }
}
