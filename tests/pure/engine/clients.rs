//! Whoever asks gets exactly one answer, and nobody else gets it.

use lanemark::config::{self, Config};
use lanemark::control::{Fault, State, Verb};
use lanemark::engine::limits::WAITING_CLIENTS_MAX;
use lanemark::engine::{Abilities, Answer, Client, FlowFilter, Input};
use lanemark::value::{Cause, Class, Kbit};

use super::house::{self, ABLE, PHONE, TV, WORK, address, mac, opened_by};
use super::wished::assert_as_wished;
use super::world::{World, failure};

const QUESTIONS: [Verb; 5] = [
    Verb::Status,
    Verb::Devices,
    Verb::Flows,
    Verb::ConfigShow,
    Verb::Doctor,
];

fn whom(world: &World) -> Vec<u8> {
    let mut clients: Vec<u8> = world.answers.iter().map(|(client, _)| *client).collect();
    clients.sort_unstable();
    clients
}

fn apply(world: &mut World, client: u8, config: Config) {
    world.tell(Input::Apply(Client(client), Box::new(config)));
}

#[test]
fn every_question_has_its_answer() {
    let mut world = World::settled(&house::config());
    assert!(matches!(
        world.answer(Verb::Status, None, None),
        Answer::Status(_)
    ));
    assert!(matches!(
        world.answer(Verb::ConfigShow, None, None),
        Answer::Config
    ));
    assert!(matches!(
        world.answer(Verb::Doctor, None, None),
        Answer::Doctor(_)
    ));
    assert!(matches!(
        world.answer(Verb::Flows, None, None),
        Answer::Flows(FlowFilter {
            device: None,
            class: None
        })
    ));
    assert_eq!(world.devices().len(), 3);
    let told = failure(world.answer(Verb::ConfigApply, None, None));
    assert_eq!(
        (told.fault, told.message.as_str()),
        (Fault::Input, "expected the configuration, found none")
    );
}

#[test]
fn several_clients_at_once_each_get_one_answer() {
    for same in QUESTIONS {
        let mut world = World::settled(&house::config());
        for client in 0..8 {
            world.ask(client, same, None, None);
        }
        world.pass(1_000);
        assert_eq!(whom(&world), [0, 1, 2, 3, 4, 5, 6, 7], "{same:?}");
    }
    let mut world = World::settled(&house::config());
    for (client, verb) in (0..).zip(QUESTIONS) {
        world.ask(client, verb, None, None);
    }
    world.ask(5, Verb::Set, Some("192.168.1.10"), Some("bulk"));
    world.ask(6, Verb::Set, Some("nobody"), Some("bulk"));
    apply(&mut world, 7, house::config());
    world.pass(1_000);
    assert_eq!(whom(&world), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn eight_clients_with_nonsense_each_hear_of_it() {
    let mut world = World::settled(&house::config());
    for client in 0..8 {
        world.ask(client, Verb::Set, Some("nobody"), Some("bulk"));
    }
    world.drive();
    assert_eq!(whom(&world), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_client_beyond_waiting_clients_max_is_told_to_come_again() {
    let many = u8::try_from(WAITING_CLIENTS_MAX).unwrap();
    for change in [false, true] {
        let mut world = World::settled(&house::config());
        for client in 0..=many {
            if change {
                world.ask(client, Verb::Set, Some("192.168.1.10"), Some("bulk"));
            } else {
                world.ask(client, Verb::Devices, None, None);
            }
        }
        world.pass(1_000);
        assert_eq!(world.answers.len(), WAITING_CLIENTS_MAX + 1);
        let last = world
            .answers
            .into_iter()
            .find(|(client, _)| *client == many)
            .unwrap();
        let told = failure(last.1);
        assert_eq!(told.fault, Fault::Refused);
        assert_eq!(
            told.message.as_str(),
            format!("{WAITING_CLIENTS_MAX} clients wait already; try again")
        );
    }
}

#[test]
fn two_sets_at_once_are_both_in_force_and_both_told() {
    let mut world = World::settled(&house::config());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.kernel.open(opened_by(address(TV), 2, 0));
    world.ask(1, Verb::Set, Some("192.168.1.10"), Some("premium"));
    world.ask(2, Verb::Set, Some("192.168.1.11"), Some("bulk"));
    world.drive();
    let told: Vec<(u8, String)> = world
        .answers
        .iter()
        .map(|(client, answer)| match answer {
            Answer::Changed(changed) => (*client, changed.mac.as_str().to_owned()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(1, mac(WORK).to_string()), (2, mac(TV).to_string())]);
    assert_eq!(
        (world.kernel.marks(WORK), world.kernel.marks(TV)),
        (vec![10], vec![40])
    );
    assert_eq!(world.writes.len(), 1, "one write for both");
    assert_as_wished(&world);
}

#[test]
fn changes_that_came_together_are_undone_together() {
    let before = house::config_with(&[
        (TV, "tv", Some(Class::Bulk)),
        (PHONE, "", Some(Class::Express)),
    ]);
    let mut world = World::settled(&before);
    let picture = world.kernel.picture();
    world.refuse("elements", Cause::Other);
    world.ask(1, Verb::Set, Some("192.168.1.10"), Some("premium"));
    world.ask(2, Verb::Unset, Some("192.168.1.12"), None);
    world.ask(3, Verb::Set, Some("tv"), Some("standard"));
    world.ask(4, Verb::Set, Some("192.168.1.12"), Some("bulk"));
    world.drive();
    assert_eq!(whom(&world), [1, 2, 3, 4]);
    for (_, answer) in std::mem::take(&mut world.answers) {
        assert!(
            failure(answer)
                .message
                .contains("the configuration was left as it was")
        );
    }
    assert_eq!(
        (world.engine.config(), &world.kernel.picture()),
        (&before, &picture)
    );
    assert!(world.writes.is_empty());
}

#[test]
fn of_a_set_and_a_configuration_that_is_refused_neither_stays() {
    let before = house::config();
    let mut world = World::settled(&before);
    let mut faster = before.clone();
    faster.wan.up = Some(Kbit(5_000));
    world.refuse("class", Cause::Invalid);
    world.ask(1, Verb::Set, Some("192.168.1.10"), Some("premium"));
    apply(&mut world, 2, faster);
    world.drive();
    assert_eq!(whom(&world), [1, 2]);
    assert_eq!(*world.engine.config(), before);
    assert_as_wished(&world);
}

#[test]
fn a_client_that_left_gets_no_answer() {
    for verb in QUESTIONS {
        let mut world = World::settled(&house::config());
        world.ask(1, verb, None, None);
        world.ask(2, verb, None, None);
        world.tell(Input::Left(Client(1)));
        world.pass(1_000);
        assert_eq!(whom(&world), [2], "{verb:?}");
    }
}

#[test]
fn what_a_client_that_left_had_changed_stays_changed_and_nobody_is_told() {
    let mut world = World::settled(&house::config());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.ask(1, Verb::Set, Some("192.168.1.10"), Some("premium"));
    world.tell(Input::Left(Client(1)));
    // Whoever comes next gets the same number.
    world.drive();
    assert!(world.answers.is_empty());
    assert_eq!(
        (world.kernel.marks(WORK), world.writes.len()),
        (vec![10], 1)
    );
    world.ask(1, Verb::Set, Some("nobody"), Some("premium"));
    world.tell(Input::Left(Client(1)));
    world.drive();
    assert!(world.answers.is_empty());
}

#[test]
fn a_stop_whose_client_left_still_stops() {
    let mut world = World::settled(&house::config());
    world.ask(1, Verb::Stop, None, None);
    world.tell(Input::Left(Client(1)));
    world.drive();
    assert!(world.ended && world.answers.is_empty());
    assert!(!world.kernel.has_anything_of_ours());
}

#[test]
fn everybody_who_waits_is_answered_before_the_end() {
    // Where bytes were counted before us, devices wait for a second count.
    for acct in [None, Some(false), Some(true)] {
        let mut kernel = house::kernel();
        kernel.acct = acct;
        let mut world = World::of(kernel, &house::config(), ABLE);
        world.settle();
        for (client, verb) in (0..).zip(QUESTIONS) {
            world.ask(client, verb, None, None);
        }
        world.ask(5, Verb::Stop, None, None);
        world.ask(6, Verb::Stop, None, None);
        world.ask(7, Verb::Devices, None, None);
        world.drive();
        assert!(world.ended);
        assert_eq!(whom(&world), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}

#[test]
fn a_kernel_that_tells_no_flows_still_tells_its_devices() {
    let mut world = World::of(
        house::kernel(),
        &house::config(),
        Abilities {
            conntrack: false,
            ..ABLE
        },
    );
    world.drive();
    assert!(matches!(
        world.answer(Verb::Devices, None, None),
        Answer::Devices
    ));
    assert_eq!(world.count("look at flows"), 0, "there are none to look at");
    let told = failure(world.answer(Verb::Flows, None, None));
    assert!(told.message.contains("CONFIG_NF_CT_NETLINK"), "{told}");
}

#[test]
fn an_unlucky_count_of_flows_still_ends_in_an_answer() {
    for skip in 0..2 {
        let mut world = World::settled(&house::config());
        world.refusals.push(super::world::No {
            kind: "look at flows",
            skip,
            times: 1,
            cause: Cause::Busy,
        });
        assert_eq!(world.devices().len(), 3);
    }
}

#[test]
fn the_flows_of_a_device_or_a_class_are_asked_for_by_whatever_means_it() {
    let mut world = World::settled(&house::config_with(&[(WORK, "work", Some(Class::Premium))]));
    let answer = world.answer(Verb::Flows, Some("WORK"), Some("Premium"));
    let Answer::Flows(filter) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        filter,
        FlowFilter {
            device: Some(mac(WORK)),
            class: Some(Class::Premium)
        }
    );
    world.kernel.open(opened_by(address(WORK), 1, 0x80));
    world.kernel.flows.push(opened_by(address(WORK), 2, 40));
    world.kernel.open(opened_by(address(TV), 3, 0));
    let told: Vec<_> = world
        .kernel
        .flows
        .iter()
        .filter_map(|flow| world.engine.flow_report(flow, filter))
        .collect();
    let [flow] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (flow.device.as_str(), flow.mark, flow.sport),
        ("work", 0x8a, 1)
    );
    for (device, class) in [(Some("nobody"), None), (None, Some("first"))] {
        assert_eq!(
            failure(world.answer(Verb::Flows, device, class)).fault,
            Fault::Input
        );
    }
}

#[test]
fn a_flow_of_nobody_is_told_without_a_device() {
    let world = World::settled(&house::config());
    let flow = opened_by([10, 9, 9, 9].into(), 1, 0x80);
    let told = world
        .engine
        .flow_report(&flow, FlowFilter::default())
        .unwrap();
    assert_eq!(
        (
            told.device.as_str(),
            told.class.as_deref(),
            told.proto.as_str()
        ),
        ("", None, "tcp")
    );
    let unnamed = world
        .engine
        .flow_report(&opened_by(address(TV), 2, 40), FlowFilter::default())
        .unwrap();
    assert_eq!(
        (unnamed.device.as_str(), unnamed.class.as_deref()),
        ("02:00:00:00:00:0b", Some("bulk"))
    );
}

#[test]
fn the_513th_configured_device_is_refused_by_set() {
    let mut config = house::config();
    for number in 0..config::DEVICES_MAX {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        let mac = lanemark::value::Mac([2, 1, 0, 0, high, low]);
        config
            .devices
            .push(config::Device {
                mac,
                name: heapless::String::new(),
                class: Some(Class::Bulk),
                up_max: None,
                down_max: None,
            })
            .unwrap();
    }
    let mut world = World::settled(&config);
    let told = failure(world.answer(Verb::Set, Some("192.168.1.10"), Some("premium")));
    assert_eq!(
        (told.fault, told.message.as_str()),
        (
            Fault::Input,
            "expected at most 512 configured devices; unset one first"
        )
    );
    assert_eq!(*world.engine.config(), config);
    world.unset("02:01:00:00:00:00");
    world.set("192.168.1.10", "premium");
    assert_as_wished(&world);
}

#[test]
fn status_says_off_on_waiting_and_failing() {
    let mut world = World::new(&house::off(&house::config()));
    assert_eq!(world.status().state, State::Off);
    let mut world = World::settled(&house::config());
    assert_eq!(
        (world.status().state, world.status().reason.as_str()),
        (State::On, "")
    );
    let mut kernel = house::kernel();
    kernel.links.remove(0);
    let mut world = World::of(kernel, &house::config(), ABLE);
    let status = world.status();
    assert_eq!(status.state, State::Waiting);
    assert!(status.reason.contains("eth0"), "{}", status.reason);
    let mut world = World::new(&house::config());
    world.refuse_all("rules", Cause::Denied);
    let status = world.status();
    assert_eq!(status.state, State::Failing);
    assert_eq!(
        status.reason.as_str(),
        "the kernel refused the rules: the test says no"
    );
}
