//! Root qdiscs of other programs: never replaced, always named.

use lanemark::config::Config;
use lanemark::control::State;
use lanemark::engine::Input;
use lanemark::value::{Class, TcHandle};

use super::house::{self, LAN, ROOT, WAN, WORK};
use super::kernel::Root;
use super::wished::assert_as_wished;
use super::world::{World, failure};

const SQM: TcHandle = TcHandle::new(0x8001, 0);

fn base() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

#[test]
fn a_foreign_root_is_never_replaced_and_always_named() {
    for (dev, name) in [(WAN, "eth0"), (LAN, "br-lan")] {
        let mut kernel = house::kernel();
        kernel.trees.insert(dev, Root::foreign(SQM));
        let mut world = World::of(kernel, &base(), house::ABLE);
        world.pass(600_000);
        let status = world.status();
        assert_eq!(status.state, State::Failing);
        let told = format!("{name} has a root qdisc 8001: of another program");
        assert!(status.reason.starts_with(&told), "{}", status.reason);
        assert_eq!(world.kernel.trees[&dev], Root::foreign(SQM));
        assert!(world.kernel.table.is_none());
    }
}

#[test]
fn a_foreign_root_that_goes_makes_room() {
    let mut kernel = house::kernel();
    kernel.trees.insert(WAN, Root::foreign(SQM));
    let mut world = World::of(kernel, &base(), house::ABLE);
    world.drive();
    world.kernel.trees.remove(&WAN);
    world.tell(Input::TreeTouched(WAN));
    world.settle();
    assert_as_wished(&world);
}

#[test]
fn a_foreign_root_that_goes_unheard_makes_room_within_a_minute() {
    let mut kernel = house::kernel();
    kernel.trees.insert(WAN, Root::foreign(SQM));
    let mut world = World::of(kernel, &base(), house::ABLE);
    world.pass(600_000);
    world.kernel.trees.remove(&WAN);
    world.settle_later();
    assert_as_wished(&world);
}

#[test]
fn a_configuration_that_finds_a_foreign_root_is_refused_and_leaves_no_half_of_it() {
    let mut world = World::settled(&house::off(&base()));
    world.kernel.trees.insert(LAN, Root::foreign(SQM));
    let before = world.kernel.picture();
    let told = failure(world.apply(&base()));
    assert!(told.message.contains("br-lan has a root qdisc"), "{told}");
    assert_eq!(world.kernel.picture(), before);
}

#[test]
fn a_foreign_root_that_came_while_the_wan_was_not_known_is_not_replaced() {
    let mut config = base();
    config.wan.interface = None;
    let mut world = World::of(house::kernel(), &house::off(&config), house::ABLE);
    world.drive();
    for routes in [vec![], vec![(WAN, 0)]] {
        world.kernel.routes = routes;
        world.tell(Input::RoutesChanged);
        world.drive();
        world.kernel.trees.insert(LAN, Root::foreign(SQM));
        world.tell(Input::TreeTouched(LAN));
        world.drive();
    }
    world.tell(Input::Reload(Box::new(config)));
    world.drive();
    assert_eq!(world.kernel.trees[&LAN], Root::foreign(SQM));
}

#[test]
fn a_program_that_puts_its_root_in_the_place_of_ours_keeps_it() {
    let mut world = World::settled(&base());
    world.kernel.trees.insert(WAN, Root::foreign(SQM));
    world.tell(Input::TreeTouched(WAN));
    world.pass(300_000);
    assert_eq!(world.kernel.trees[&WAN], Root::foreign(SQM));
    assert_eq!(world.status().state, State::Failing);
    super::world::changed(world.stop());
    assert_eq!(world.kernel.trees[&WAN], Root::foreign(SQM));
    assert!(world.kernel.table.is_none());
}

#[test]
fn an_htb_of_ours_by_name_that_is_not_ours_by_kind_is_foreign() {
    let mut kernel = house::kernel();
    kernel.trees.insert(WAN, Root::foreign(ROOT));
    let mut world = World::of(kernel, &base(), house::ABLE);
    world.drive();
    assert!(world.changes().is_empty());
    assert_eq!(world.status().state, State::Failing);
}
