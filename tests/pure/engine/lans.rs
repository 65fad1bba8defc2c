//! Several LANs share one shaper: an IFB device that each of them leads to.

use lanemark::config::{Config, LANS_MAX, Lan};
use lanemark::control::{State, Verb};
use lanemark::engine::{Answer, IFB_NAME, Input};
use lanemark::value::{Cause, Class, IfIndex, Link, LinkKind, TcHandle};

use super::house::{self, ABLE, LAN, OTHER, WAN, WORK, lan_link, link, name};
use super::kernel::{Hook, Kernel};
use super::wished::assert_as_wished;
use super::world::{World, changed, failure};

const GUEST: IfIndex = OTHER;

fn guest_link(index: IfIndex) -> Link {
    link(index, "br-guest", LinkKind::Bridge)
}

fn two() -> Config {
    let mut config = one();
    let names = ["br-lan", "br-guest"].map(name);
    config.lan = Lan::Interfaces(names.into_iter().collect());
    config
}

fn one() -> Config {
    house::config_with(&[(WORK, "", Some(Class::Premium))])
}

fn kernel() -> Kernel {
    let mut kernel = house::kernel();
    kernel.links.push(guest_link(GUEST));
    kernel
}

fn settled() -> World {
    let mut world = World::of(kernel(), &two(), ABLE);
    world.settle();
    assert_as_wished(&world);
    world
}

fn ifb(world: &World) -> IfIndex {
    let mut links = world.kernel.links.iter();
    links
        .find(|link| link.name == name(IFB_NAME))
        .unwrap()
        .index
}

/// What the kernel tells when a device goes.
fn goes(world: &mut World, dev: IfIndex) {
    world.kernel.delete_link(dev);
    world.tell(Input::LinkGone(dev));
}

fn comes(world: &mut World, link: Link) {
    world.kernel.links.push(link);
    world.tell(Input::Link(link));
}

fn seen(world: &mut World) {
    let links = world.kernel.links.clone();
    for link in links {
        world.tell(Input::Link(link));
    }
}

#[test]
fn several_lans_lead_to_one_device_that_is_shaped_and_none_is_shaped_itself() {
    let mut world = World::of(kernel(), &two(), ABLE);
    world.drive();
    let kinds = world.kinds();
    let place = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap();
    assert!(
        place("rules") < place("redirect"),
        "no packet comes before there is a queue for it: {kinds:?}"
    );
    world.settle();
    assert_as_wished(&world);
    let status = world.status();
    assert_eq!(
        (
            status.state,
            status.down.interface.as_str(),
            status.reason.as_str()
        ),
        (State::On, IFB_NAME, "")
    );
}

#[test]
fn a_second_start_changes_nothing_with_several_lans() {
    let mut world = settled();
    let before = world.kernel.picture();
    world.restart();
    world.drive();
    world.pass(10_000);
    assert_eq!(world.kernel.picture(), before);
    assert_eq!(world.kinds(), ["adopt"]);
}

#[test]
fn stop_takes_filters_first_and_the_device_last() {
    let mut world = settled();
    world.restart();
    world.drive();
    world.kinds();
    changed(world.stop());
    assert!(!world.kernel.has_anything_of_ours());
    assert_eq!(world.kernel.hooks.len(), 0);
    let kinds = world.kinds();
    let expected = [
        "accounting",
        "delete rules",
        "delete hook",
        "delete hook",
        "delete root",
        "delete root",
        "delete ifb",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn wherever_it_died_a_stop_leaves_nothing() {
    for steps in 0..90 {
        let mut world = World::of(kernel(), &two(), ABLE);
        world.drive_steps(steps);
        assert_eq!(world.kernel.swallowing(), [], "after {steps} steps");
        world.restart();
        changed(world.stop());
        assert!(!world.kernel.has_anything_of_ours(), "after {steps} steps");
    }
}

#[test]
fn another_programs_filters_stay_and_are_named() {
    let mut world = World::of(kernel(), &two(), ABLE);
    let filters = [(10, None)].into_iter().collect();
    let theirs = Hook {
        ingress: false,
        filters,
    };
    world.kernel.hooks.insert(GUEST, theirs.clone());
    world.settle();
    assert_as_wished(&world);
    let Answer::Doctor(doctor) = world.answer(Verb::Doctor, None, None) else {
        panic!("no findings");
    };
    let mut findings = doctor.findings.iter();
    let finding = findings.find(|finding| finding.what == "filters").unwrap();
    assert_eq!(
        finding.found.as_str(),
        "br-guest has filters of another program, which are asked before ours"
    );
    world.restart();
    world.drive();
    changed(world.stop());
    assert_eq!(world.kernel.hooks, [(GUEST, theirs)].into_iter().collect());
}

#[test]
fn filters_that_came_into_our_hook_keep_it() {
    let mut world = settled();
    let hook = world.kernel.hooks.get_mut(&LAN).unwrap();
    hook.filters.insert(7, None);
    world.tell(Input::TreeTouched(LAN));
    world.drive();
    changed(world.stop());
    let left: Vec<u16> = world.kernel.hooks[&LAN].filters.keys().copied().collect();
    assert_eq!(left, [7]);
    assert!(!world.kernel.has_anything_of_ours());
}

#[test]
fn an_ingress_qdisc_of_another_program_is_named_and_left_alone() {
    let mut world = World::of(kernel(), &two(), ABLE);
    let theirs = Hook {
        ingress: true,
        ..Hook::default()
    };
    world.kernel.hooks.insert(GUEST, theirs.clone());
    let status = world.status();
    assert_eq!(status.state, State::Failing);
    assert!(
        status
            .reason
            .starts_with("br-guest has a root qdisc ffff: of another program"),
        "{}",
        status.reason
    );
    assert_eq!(world.kernel.hooks[&GUEST], theirs);
    world.kernel.hooks.remove(&GUEST);
    world.tell(Input::TreeTouched(GUEST));
    world.settle_later();
    assert_as_wished(&world);
}

#[test]
fn a_lan_that_is_not_there_yet_is_named_and_taken_in_when_it_comes() {
    let mut world = World::of(house::kernel(), &two(), ABLE);
    world.settle();
    assert_as_wished(&world);
    let status = world.status();
    assert_eq!(
        (status.state, status.reason.as_str()),
        (
            State::On,
            "lan: expected an interface of this router, found br-guest, which is not there (yet)"
        )
    );
    world.changes();
    comes(&mut world, guest_link(GUEST));
    world.drive();
    assert_as_wished(&world);
    assert_eq!(world.kinds(), ["hook", "redirect"], "nothing else changes");
    assert_eq!(world.status().reason.as_str(), "");
    goes(&mut world, GUEST);
    world.drive();
    assert_as_wished(&world);
    assert_eq!(world.kinds(), [""; 0]);
    // Made anew, it has a new number.
    comes(&mut world, guest_link(IfIndex(30)));
    world.drive();
    assert_as_wished(&world);
}

#[test]
fn without_any_of_its_lans_it_waits() {
    let mut bare = house::kernel();
    bare.links.retain(|link| link.index == WAN);
    let mut world = World::of(bare, &two(), ABLE);
    let status = world.status();
    assert_eq!(status.state, State::Waiting);
    assert!(status.reason.contains("found br-lan"), "{}", status.reason);
    comes(&mut world, lan_link(LAN));
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn a_configuration_that_names_a_lan_that_is_not_there_is_refused() {
    let mut world = World::settled(&one());
    let before = world.kernel.picture();
    let failure = failure(world.apply(&two()));
    assert!(failure.message.contains("found br-guest"), "{failure}");
    assert_eq!(world.kernel.picture(), before);
    // One that is waited for already is no mistake.
    let mut world = World::of(house::kernel(), &two(), ABLE);
    world.settle();
    let mut bulk = two();
    bulk.default_class = Class::Bulk;
    changed(world.apply(&bulk));
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn from_one_lan_to_two_and_back_nothing_is_left_of_either() {
    let mut world = World::of(kernel(), &one(), ABLE);
    world.settle();
    for config in [two(), one(), two()] {
        changed(world.apply(&config));
        world.settle();
        assert_as_wished(&world);
    }
    world.ops.clear();
    changed(world.apply(&one()));
    let kinds = world.kinds();
    let place = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap();
    assert!(place("root") < place("delete hook"), "{kinds:?}");
    assert!(place("delete hook") < place("delete ifb"), "{kinds:?}");
}

#[test]
fn a_device_that_another_program_removes_swallows_nothing_for_longer_than_it_takes_to_hear() {
    let mut world = settled();
    let dev = ifb(&world);
    goes(&mut world, dev);
    assert_eq!(world.kernel.swallowing(), [LAN, GUEST]);
    // The first is a look at the routes, of which nothing is told when a device goes.
    world.drive_steps(3);
    let kinds = world.kinds();
    assert_eq!(kinds, ["release", "release"], "before anything else");
    assert_eq!(world.kernel.swallowing(), []);
    world.drive();
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn that_holds_without_a_wan_too() {
    let mut world = settled();
    goes(&mut world, WAN);
    world.drive();
    let dev = ifb(&world);
    goes(&mut world, dev);
    world.drive();
    assert_eq!(world.kernel.swallowing(), []);
}

#[test]
fn a_device_that_another_program_switches_off_is_switched_on_again() {
    let mut world = settled();
    let dev = ifb(&world);
    let link = world.kernel.links.iter_mut().find(|link| link.index == dev);
    link.unwrap().up = false;
    seen(&mut world);
    world.drive();
    assert_eq!(world.kinds(), ["ifb on"]);
    assert_as_wished(&world);
}

#[test]
fn a_filter_that_another_program_removes_comes_back() {
    let mut world = settled();
    world.kernel.hooks.clear();
    world.tell(Input::TreeTouched(GUEST));
    world.drive();
    assert_as_wished(&world);
    assert_eq!(world.kinds(), ["hook", "redirect", "hook", "redirect"]);
}

#[test]
fn a_kernel_that_cannot_have_several_lans_says_what_it_lacks() {
    for kind in ["ifb", "hook", "redirect"] {
        let told = "what several LANs need (modules ifb, sch_ingress, cls_u32, act_mirred)";
        let mut world = World::of(kernel(), &one(), ABLE);
        world.settle();
        let before = world.kernel.picture();
        world.refuse_all(kind, Cause::Unsupported);
        let failure = failure(world.apply(&two()));
        assert!(failure.message.contains(told), "{failure}");
        world.settle();
        assert_eq!(world.kernel.picture(), before, "nothing of {kind} is left");
        assert_as_wished(&world);
    }
}

#[test]
fn a_filter_that_cannot_be_removed_keeps_the_device_that_it_leads_to() {
    let mut world = settled();
    world.refuse_all("delete hook", Cause::Other);
    let failure = failure(world.stop());
    assert!(
        failure.message.contains("what several LANs need"),
        "{failure}"
    );
    assert_eq!(world.kernel.swallowing(), []);
    ifb(&world);
}

#[test]
fn as_many_lans_as_can_be_named_are_shaped_together() {
    let mut world = World::of(house::kernel(), &one(), ABLE);
    let mut config = one();
    let mut names = vec![name("br-lan")];
    for number in 1..u32::try_from(LANS_MAX).unwrap() {
        let bridge = link(
            IfIndex(20 + number),
            &format!("br{number}"),
            LinkKind::Bridge,
        );
        names.push(bridge.name);
        comes(&mut world, bridge);
    }
    config.lan = Lan::Interfaces(names.into_iter().collect());
    world.settle();
    changed(world.apply(&config));
    world.settle();
    assert_as_wished(&world);
    assert_eq!(world.kernel.hooks.len(), LANS_MAX);
    assert_eq!(world.kernel.trees.get(&LAN), None);
    assert_eq!(TcHandle::CLSACT.to_string(), "ffff:fff1");
}
