//! What is told of devices, and by the doctor.

use lanemark::config::Config;
use lanemark::control::{Finding, Verb};
use lanemark::engine::{Abilities, Answer, Look, Op};
use lanemark::value::{Class, FlowBytes};

use super::house::{self, ABLE, TV, WORK, address, opened_by, opened_to};
use super::world::World;

fn base() -> Config {
    house::config_with(&[(WORK, "work", Some(Class::Premium))])
}

#[test]
fn a_devices_rate_is_what_its_flows_carried_in_the_rate_window() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.kernel.open(opened_to(address(WORK), 2, 0));
    world.kernel.open(opened_by(address(TV), 3, 0));
    let mut walks = 0;
    world.meanwhile = Some(Box::new(move |op, kernel| {
        if *op == Op::Look(Look::Flows) {
            walks += 1;
            if walks == 1 {
                kernel.flows[0].bytes = Some(FlowBytes {
                    out: 1_000,
                    back: 10_000,
                });
                kernel.flows[1].bytes = Some(FlowBytes {
                    out: 5_000,
                    back: 125_000,
                });
            }
        }
    }));
    let work = world.device(WORK);
    assert_eq!(
        (work.flows, work.up_kbit, work.down_kbit),
        (2, Some(1_008), Some(120))
    );
    let telly = world.device(TV);
    assert_eq!(
        (telly.flows, telly.up_kbit, telly.down_kbit),
        (1, Some(0), Some(0))
    );
}

#[test]
fn flow_counters_that_another_program_resets_are_no_rate() {
    let mut world = World::settled(&base());
    world.kernel.open(opened_by(address(WORK), 1, 0));
    world.kernel.flows[0].bytes = Some(FlowBytes {
        out: 9_000_000,
        back: 9_000_000,
    });
    world.meanwhile = Some(Box::new(|op, kernel| {
        if *op == Op::Look(Look::Flows) {
            kernel.flows[0].bytes = Some(FlowBytes::default());
        }
    }));
    let work = world.device(WORK);
    assert_eq!((work.up_kbit, work.down_kbit), (Some(0), Some(0)));
}

#[test]
fn flows_that_ended_are_no_longer_counted() {
    let mut world = World::settled(&base());
    for port in 1..=10_000 {
        world.kernel.open(opened_by(address(WORK), port, 0));
    }
    assert_eq!(world.device(WORK).flows, 10_000);
    world.kernel.flows.clear();
    assert_eq!(world.device(WORK).flows, 0);
}

#[test]
fn without_counted_bytes_devices_are_told_at_once_and_without_rates() {
    let mut kernel = house::kernel();
    kernel.acct = None;
    let mut world = World::of(kernel, &base(), ABLE);
    world.settle();
    world.kernel.open(opened_by(address(WORK), 1, 0));
    assert!(matches!(
        world.answer(Verb::Devices, None, None),
        Answer::Devices
    ));
    let work = world.engine.device_report(world.now, 0).unwrap();
    assert_eq!((work.flows, work.up_kbit, work.down_kbit), (1, None, None));
}

#[test]
fn doctor_names_what_is_missing_and_what_bypasses_the_queues() {
    let doctor = |world: &mut World| -> Vec<Finding> {
        match world.answer(Verb::Doctor, None, None) {
            Answer::Doctor(doctor) => doctor.findings.into_iter().collect(),
            other => panic!("{other:?}"),
        }
    };
    let found = |findings: &[Finding], what: &str| {
        let finding = findings
            .iter()
            .find(|finding| finding.what.as_str() == what)
            .unwrap();
        (finding.good, finding.found.as_str().to_owned())
    };
    let mut world = World::settled(&base());
    let all = doctor(&mut world);
    assert!(all.iter().all(|finding| finding.good), "{all:?}");
    assert!(found(&all, "interfaces").1.contains("WAN eth0, LAN br-lan"));

    let bare = Abilities {
        shapers: [false; 3],
        leaves: [false, false, false, false, true, true, false],
        ..ABLE
    };
    let mut kernel = house::kernel();
    kernel.modules = vec!["nf_conntrack", "ctf", "mtk_ppe"];
    kernel.acct = None;
    kernel.links.clear();
    let mut world = World::of(kernel, &base(), bare);
    let all = doctor(&mut world);
    for what in [
        "scheduler htb",
        "fq_codel",
        "bytes of flows",
        "interfaces",
        "lanes",
        "ctf",
        "mtk_ppe",
    ] {
        assert!(!found(&all, what).0, "{what}");
    }
    assert!(found(&all, "bfifo").1.contains("in use"));
    world.kernel.modules.clear();
    assert!(
        doctor(&mut world)
            .iter()
            .all(|finding| finding.what.as_str() != "ctf"),
        "it was unloaded"
    );
}
