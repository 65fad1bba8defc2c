//! Rules: what they give to flows, to open ones too, and what becomes of flows of which little is known.

use std::net::IpAddr;

use lanemark::config::{Config, parse};
use lanemark::engine::{Abilities, Input, Op, classify, narrowest};
use lanemark::value::{Class, Flow, LowerMss, Mac};

use super::house::{self, TV, WORK, address, mac, opened_by, opened_to};
use super::wished::assert_as_wished;
use super::world::{World, changed};

/// The house, its workstation Premium, with these rules.
fn with(rules: &str) -> Config {
    let text = format!("{{\"version\": 1, \"rules\": [{rules}]}}");
    let parsed = parse(text.as_bytes()).unwrap_or_else(|problem| panic!("{problem}"));
    Config {
        rules: parsed.rules,
        ..house::config_with(&[(WORK, "", Some(Class::Premium))])
    }
}

/// A flow that nobody knows the owner of, masqueraded or not.
fn strangers(port: u16, mark: u32, masqueraded: bool) -> Flow {
    let stranger = IpAddr::from([192, 168, 9, 9]);
    let mut flow = opened_by(stranger, port, mark);
    if !masqueraded {
        flow.back.dst = stranger;
    }
    flow
}

#[test]
fn a_change_of_the_rules_marks_the_flows_of_all_before_it_is_told() {
    let mut world = World::settled(&with(""));
    for (port, device) in [(1, WORK), (2, TV)] {
        world.kernel.open(opened_by(address(device), port, 0x80));
        world.kernel.open(opened_to(address(device), port + 10, 0));
    }
    world.kernel.flows.push(strangers(3, 0x100, true));
    let marks =
        |world: &World| -> Vec<u32> { world.kernel.flows.iter().map(|flow| flow.mark).collect() };
    assert_eq!(marks(&world), [0x80 | 10, 10, 0x80, 0, 0x100]);
    let answer = changed(world.apply(&with(r#"{"class": "bulk", "ports": "443"}"#)));
    assert_eq!(answer.flows_marked, 3);
    assert_eq!(marks(&world), [0x80 | 40, 10, 0x80 | 40, 0, 0x100 | 40]);
    assert_as_wished(&world);
    let answer = changed(world.apply(&with(r#"{"class": "express", "service": "ssh"}"#)));
    assert_eq!(answer.flows_marked, 5);
    assert_eq!(marks(&world), [0x80 | 10, 20, 0x80, 20, 0x100]);
    let answer = changed(world.apply(&with("")));
    assert_eq!(answer.flows_marked, 2);
    assert_eq!(marks(&world), [0x80 | 10, 10, 0x80, 0, 0x100]);
}

#[test]
fn another_name_of_a_rule_is_stored_and_changes_nothing_in_the_kernel() {
    let mut world = World::settled(&with(r#"{"class": "bulk", "ports": "443"}"#));
    world.kernel.open(opened_by(address(TV), 1, 0));
    let writes = world.writes.len();
    let answer = changed(world.apply(&with(r#"{"name": "web", "class": "bulk", "ports": "443"}"#)));
    assert_eq!(answer.flows_marked, 0);
    assert_eq!(world.writes.len(), writes + 1);
    assert!(!world.ops.iter().any(|op| matches!(op, Op::Rules { .. })));
    assert_eq!(world.kernel.marks(TV), [40]);
}

#[test]
fn a_kernel_that_cannot_lower_segment_sizes_is_not_asked_to() {
    let mut config = with("");
    config.wan.mss.lower = LowerMss::Bytes(536);
    for (mss, expected) in [(true, (true, Some(536))), (false, (false, None))] {
        let abilities = Abilities { mss, ..house::ABLE };
        let mut world = World::of(house::kernel(), &config, abilities);
        world.settle();
        let made = world.kernel.table.as_ref().unwrap().ruleset.mss;
        assert_eq!((made.to_path, made.up), expected);
    }
}

#[test]
fn rules_that_came_with_a_start_reach_the_flows_that_were_there_before() {
    let mut world = World::new(&with(r#"{"class": "bulk", "ports": "443"}"#));
    world.kernel.flows.push(opened_by(address(TV), 1, 0));
    world.kernel.flows.push(strangers(2, 0, true));
    world.settle();
    assert_eq!(world.kernel.marks(TV), [40]);
    assert_eq!(world.kernel.flows[1].mark, 40);
}

#[test]
fn a_flow_of_which_nothing_tells_that_it_is_the_homes_is_left_alone() {
    let rules = r#"{"class": "bulk", "ports": "443"}"#;
    let mut world = World::settled(&with(""));
    // The router's own, say: no address is known, and none was translated.
    world.kernel.flows.push(strangers(1, 0x500, false));
    // It has a class, so it came from the home.
    world.kernel.flows.push(strangers(2, 0x500 | 20, false));
    // A device whose address is not known may have its class by its MAC address.
    world.kernel.flows.push(strangers(3, 10, true));
    changed(world.apply(&with(rules)));
    let marks: Vec<u32> = world.kernel.flows.iter().map(|flow| flow.mark).collect();
    assert_eq!(marks, [0x500, 0x500 | 40, 40]);
    world.kernel.flows[2].mark = 10;
    changed(world.apply(&with(r#"{"class": "bulk", "ports": "22"}"#)));
    let marks: Vec<u32> = world.kernel.flows.iter().map(|flow| flow.mark).collect();
    assert_eq!(
        marks,
        [0x500, 0x500, 10],
        "nobody but the rule can have given 40; a device is Premium"
    );
}

#[test]
fn rules_that_somebody_removed_are_put_back_and_reach_what_was_opened_meanwhile() {
    let mut world = World::settled(&with(r#"{"class": "bulk", "ports": "443"}"#));
    world.kernel.table = None;
    world.kernel.open(opened_by(address(TV), 1, 0));
    assert_eq!(world.kernel.marks(TV), [0]);
    world.tell(Input::RulesTouched);
    world.drive();
    assert_eq!(world.kernel.marks(TV), [40]);
    assert_as_wished(&world);
}

#[test]
fn what_an_entry_does_not_tell_holds_for_a_flow_that_has_the_class_and_for_no_other() {
    let rules = with(
        r#"{"class": "bulk", "dscp": "cs1", "ports": "443"},
        {"class": "express", "interface": "br-guest"},
        {"class": "exempt", "mac": "02:00:00:00:00:0b", "ports": "80"},
        {"class": "standard", "ports": "443,80"}"#,
    )
    .rules;
    let of = |mac: Option<Mac>, port, class| {
        let narrowest = narrowest(mac, [address(TV), address(1)], 6, port);
        classify(&rules, narrowest, class)
    };
    let tv = Some(mac(TV));
    for (class, expected) in [
        (None, Class::Standard),
        (Some(Class::Bulk), Class::Bulk),
        (Some(Class::Express), Class::Express),
        (Some(Class::Premium), Class::Standard),
    ] {
        assert_eq!(of(tv, 443, class), Some(expected), "{class:?}");
    }
    assert_eq!(of(tv, 22, Some(Class::Bulk)), None, "another port");
    assert_eq!(of(tv, 80, None), Some(Class::Exempt));
    assert_eq!(
        of(Some(mac(WORK)), 80, Some(Class::Exempt)),
        Some(Class::Standard)
    );
    // Nobody knows whose address it is.
    assert_eq!(of(None, 80, None), Some(Class::Standard));
    assert_eq!(of(None, 80, Some(Class::Exempt)), Some(Class::Exempt));
}
