//! Flowtables of other programs: what they take gets the lane of its sender as it arrives.

use lanemark::config::Config;
use lanemark::control::Verb;
use lanemark::engine::limits::ARRIVALS_MAX;
use lanemark::engine::{Abilities, Answer, Input};
use lanemark::value::{Class, FlowPath, IfIndex, LinkKind, Rule, names};

use super::house::{self, ABLE, LAN, WAN, WORK, address, link, name, opened_by};
use super::wished::assert_as_wished;
use super::world::{World, kind};

const PORT: IfIndex = IfIndex(8);

fn base() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

/// A house with a port in its LAN, where a flowtable is, as on the WAN.
fn offloading(config: &Config, abilities: Abilities) -> World {
    let mut kernel = house::kernel();
    let mut port = link(PORT, "lan1", LinkKind::Other);
    port.master = Some(LAN);
    kernel.links.push(port);
    kernel.flowtables = vec![name("eth0"), name("lan1")];
    World::of(kernel, config, abilities)
}

fn arrival(world: &World) -> u32 {
    world.kernel.table.as_ref().unwrap().ruleset.arrival
}

fn of(texts: &[&str]) -> u32 {
    let all: Vec<_> = texts.iter().map(|text| name(text)).collect();
    names(&mut all.iter())
}

#[test]
fn where_a_flowtable_takes_packets_they_get_their_lane_as_they_arrive() {
    let mut world = offloading(&base(), ABLE);
    world.settle();
    assert_as_wished(&world);
    assert_eq!(arrival(&world), of(&["lan1", "eth0"]));
    assert_eq!(world.engine.arrivals(), [name("eth0"), name("lan1")]);
    // A new start adopts it.
    let before = world.kernel.picture();
    world.restart();
    world.drive();
    assert_eq!(world.kinds(), ["adopt"]);
    assert_eq!(world.kernel.picture(), before);
    super::world::changed(world.stop());
    assert_eq!(world.kernel.table, None);
}

#[test]
fn a_flowtable_that_comes_changes_or_goes_takes_the_chain_along() {
    let mut world = World::settled(&base());
    assert_eq!(arrival(&world), 0);
    for (devices, made) in [
        (vec!["eth0", "br-lan"], true),
        (vec!["br-lan", "eth0"], false),
        (vec!["br-lan"], true),
        (vec!["br-lan", "gone"], false),
        (vec![], true),
        (vec![], false),
    ] {
        world.ops.clear();
        world.kernel.flowtables = devices.iter().map(|text| name(text)).collect();
        world.tell(Input::FlowtablesTouched);
        world.drive();
        let there: Vec<_> = devices.into_iter().filter(|text| *text != "gone").collect();
        assert_eq!(arrival(&world), of(&there), "{there:?}");
        let kinds: Vec<_> = world.changes().iter().map(kind).collect();
        assert_eq!(kinds.contains(&"rules"), made, "{there:?}: {kinds:?}");
        assert_as_wished(&world);
    }
    assert_eq!(
        world
            .engine
            .journal()
            .count(lanemark::engine::Event::Fought),
        0,
        "nobody was at ours"
    );
}

#[test]
fn a_device_that_goes_is_not_asked_for_any_more() {
    let mut world = offloading(&base(), ABLE);
    world.settle();
    world.kernel.links.retain(|link| link.index != PORT);
    world.tell(Input::LinkGone(PORT));
    world.drive();
    assert_eq!(arrival(&world), of(&["eth0"]));
    assert_as_wished(&world);
}

#[test]
fn what_the_sender_alone_does_not_tell_is_left_to_the_default_lane() {
    let mut ruled = base();
    let mut rule = Rule::of(Class::Bulk);
    rule.mac = Some(house::mac(WORK));
    ruled.rules.push(rule).unwrap();
    let unable = Abilities {
        arrival: false,
        ..ABLE
    };
    for (config, abilities) in [(ruled, ABLE), (base(), unable)] {
        let mut world = offloading(&config, abilities);
        world.settle();
        assert_as_wished(&world);
        assert_eq!(arrival(&world), 0);
    }
}

#[test]
fn of_more_devices_than_there_is_room_for_the_last_are_left_out() {
    let mut world = offloading(&base(), ABLE);
    for number in 0..ARRIVALS_MAX {
        let text = format!("port{number}");
        let index = IfIndex(20 + u32::try_from(number).unwrap());
        world.kernel.links.push(link(index, &text, LinkKind::Other));
        world.kernel.flowtables.push(name(&text));
    }
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.engine.arrivals().len(), ARRIVALS_MAX);
    assert_eq!(world.engine.arrivals()[0], name("eth0"));
}

#[test]
fn doctor_says_what_is_left_of_the_lanes() {
    for (abilities, told) in [
        (
            ABLE,
            "software flow offloading carries downloads past the lanes (uploads keep those of their devices); \
             switch it off in the router's settings",
        ),
        (
            Abilities {
                arrival: false,
                ..ABLE
            },
            "software flow offloading carries packets past the lanes; switch it off in the router's settings",
        ),
    ] {
        let mut world = offloading(&base(), abilities);
        let mut flow = opened_by(address(WORK), 1, 0);
        flow.path = FlowPath::Flowtable;
        world.kernel.open(flow);
        world.settle();
        world.ask(1, Verb::Doctor, None, None);
        world.drive();
        let found = world.answers.iter().find_map(|(_, answer)| match answer {
            Answer::Doctor(doctor) => {
                let mut findings = doctor.findings.iter();
                findings.find(|finding| finding.what.as_str() == "flows")
            }
            _ => None,
        });
        assert_eq!(found.unwrap().found.as_str(), told);
        assert!(world.kernel.trees.contains_key(&WAN));
    }
}
