//! How large a packet the path takes, and what `doctor` says of it: stories of paths of every kind.

use std::net::Ipv4Addr;

use lanemark::control::{Finding, Verb};
use lanemark::engine::limits::{SOUNDING, SOUNDINGS_MAX};
use lanemark::engine::{Answer, Client, Input, Op};
use lanemark::value::{Cause, Class, Instant};

use super::house::{self, WAN};
use super::world::World;
use crate::dice::{roll, rounds, stride};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const PROBE: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);

/// What there is between the line and who answers.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// The links in their order: what each takes, and what the router before it says of a larger packet; none when nothing.
    links: [(u16, Option<u16>); 2],
    rtt_ms: u64,
    /// These requests get lost, a bit each.
    lost: u32,
}

const GOOD: Way = Way {
    links: [(1500, None); 2],
    rtt_ms: 20,
    lost: 0,
};

impl Way {
    /// A narrow link that is silent.
    const fn hole(mtu: u16) -> Way {
        Way {
            links: [(1500, None), (mtu, None)],
            ..GOOD
        }
    }

    /// One that says so.
    const fn told(mtu: u16) -> Way {
        Way {
            links: [(1500, None), (mtu, Some(mtu))],
            ..GOOD
        }
    }

    fn becomes(self, seq: u16, bytes: u16) -> Option<Input<'static>> {
        for (mtu, says) in self.links {
            if bytes > mtu {
                return says.map(|mtu| Input::TooLarge { seq, mtu });
            }
        }
        Some(Input::Passed { seq })
    }
}

/// A router with a gateway.
fn router() -> World {
    let mut world = World::new(&house::config());
    world.kernel.gateway = Some(GATEWAY);
    world.settle();
    world
}

/// What was sent: number and size.
fn sent(world: &mut World) -> Vec<(u16, u16)> {
    let ops = std::mem::take(&mut world.ops).into_iter();
    let sounds = ops.filter_map(|op| match op {
        Op::Sound { seq, bytes, .. } => Some((seq, bytes)),
        _ => None,
    });
    sounds.collect()
}

/// What `doctor` says, the sizes that were sent for it, and how many milliseconds that took.
struct Told {
    good: bool,
    found: String,
    sizes: Vec<u16>,
    took_ms: u64,
}

fn path_line(answer: &Answer) -> Finding {
    let Answer::Doctor(doctor) = answer else {
        panic!("expected what doctor finds, found {answer:?}");
    };
    let mut lines = doctor.findings.iter();
    lines.find(|line| line.what == "path").unwrap().clone()
}

fn doctor(world: &mut World, way: Way) -> Told {
    world.ops.clear();
    let began = world.now.as_ms();
    world.ask(0, Verb::Doctor, None, None);
    let mut coming: Vec<(u64, Input<'static>)> = Vec::new();
    let mut sizes = Vec::new();
    while world.answers.is_empty() {
        let wait = world.drive();
        let new = sent(world);
        assert!(new.len() <= 1, "one at a time");
        for (seq, bytes) in new {
            let lost = way.lost & (1 << sizes.len()) != 0;
            sizes.push(bytes);
            if let Some(input) = way.becomes(seq, bytes).filter(|_| !lost) {
                coming.push((world.now.as_ms() + way.rtt_ms, input));
            }
        }
        if !world.answers.is_empty() {
            break;
        }
        let wake = world.now.after(wait.unwrap()).as_ms();
        let first = coming.iter().map(|(at, _)| *at).min();
        world.now = Instant::from_ms(first.map_or(wake, |first| first.min(wake)));
        while let Some(place) = coming.iter().position(|(at, _)| *at <= world.now.as_ms()) {
            let (_, input) = coming.remove(place);
            world.tell(input);
        }
    }
    let line = path_line(&world.only_answer());
    let took_ms = world.now.as_ms() - began;
    assert!(u128::from(took_ms) <= SOUNDING.as_millis(), "{took_ms} ms");
    assert!(sizes.len() <= SOUNDINGS_MAX, "{sizes:?}");
    Told {
        good: line.good,
        found: line.found.as_str().to_owned(),
        sizes,
        took_ms,
    }
}

#[test]
fn a_path_that_takes_all_that_the_device_does_is_known_from_one_packet() {
    let told = doctor(&mut router(), GOOD);
    assert_eq!(
        (told.good, told.sizes, told.took_ms),
        (true, vec![1500], 20)
    );
    assert_eq!(
        told.found,
        "packets of 1500 bytes, all that eth0 takes, reach 203.0.113.1"
    );
    // PPPoE, and a device that takes more than the Internet does.
    for (mtu, first) in [(1492, 1492), (9000, 1500)] {
        let mut world = router();
        world.kernel.links[0].mtu = mtu;
        world.tell(Input::Link(world.kernel.links[0]));
        let told = doctor(&mut world, GOOD);
        assert_eq!((told.good, told.sizes), (true, vec![first]));
    }
}

#[test]
fn the_packets_are_in_premiums_lane() {
    let mut world = router();
    world.ask(0, Verb::Doctor, None, None);
    world.drive();
    let premium = house::class_handle(Class::Premium);
    let sound = |op: &&Op| matches!(op, Op::Sound { to, priority, .. } if (*to, *priority) == (GATEWAY, premium));
    assert_eq!(world.ops.iter().filter(sound).count(), 1);
}

#[test]
fn a_black_hole_of_any_size_is_told_with_the_way_out() {
    for mtu in (576..1500).step_by(7 * stride()) {
        let told = doctor(&mut router(), Way::hole(mtu));
        assert!(!told.good, "{mtu}: {}", told.found);
        let rungs = [
            576, 1280, 1320, 1360, 1380, 1400, 1420, 1440, 1460, 1472, 1480, 1492,
        ];
        let best = rungs.iter().rev().find(|rung| **rung <= mtu).unwrap();
        assert_eq!(
            told.found,
            format!(
                "packets above {best} bytes to 203.0.113.1 vanish, and nobody says so: set the MTU of eth0 to {best}"
            )
        );
        // Each that vanished, more than once.
        for size in told.sizes.iter().filter(|size| **size > mtu) {
            let tries = told.sizes.iter().filter(|known| *known == size).count();
            assert!(tries >= 2, "{mtu}: {:?}", told.sizes);
        }
    }
}

#[test]
fn a_narrow_path_that_says_so_is_no_fault() {
    for mtu in (576..1500).step_by(7 * stride()) {
        let told = doctor(&mut router(), Way::told(mtu));
        assert!(told.good, "{mtu}: {}", told.found);
        let says = format!("takes {mtu} bytes to 203.0.113.1, and says so");
        assert!(told.found.starts_with(&says), "{}", told.found);
        assert_eq!(told.sizes, [1500, mtu]);
    }
    // A router of before 1990 says that it is too large, and nothing else.
    let old = Way {
        links: [(1500, None), (1400, Some(0))],
        ..GOOD
    };
    let told = doctor(&mut router(), old);
    assert!(told.good, "{}", told.found);
    assert!(told.found.contains("takes 1400 bytes"), "{}", told.found);
}

#[test]
fn of_two_narrow_links_the_narrower_counts_and_whether_it_says_so() {
    for (links, good, bytes) in [
        ([(1480, Some(1480)), (1400, Some(1400))], true, 1400),
        ([(1480, Some(1480)), (1400, None)], false, 1400),
        ([(1480, None), (1400, Some(1400))], false, 1400),
        ([(1400, Some(1400)), (1480, None)], true, 1400),
    ] {
        let told = doctor(&mut router(), Way { links, ..GOOD });
        assert_eq!(told.good, good, "{links:?}: {}", told.found);
        assert!(
            told.found.contains(&format!("{bytes} bytes")),
            "{}",
            told.found
        );
    }
}

#[test]
fn lost_packets_make_no_black_hole() {
    // Any two of the first requests; where there is more to ask, one.
    for (way, losses) in [(GOOD, 2), (Way::told(1400), 1)] {
        for lost in (0..1_u32 << 6).filter(|lost| lost.count_ones() <= losses) {
            let told = doctor(&mut router(), Way { lost, ..way });
            assert!(told.good, "{lost:b}: {} {:?}", told.found, told.sizes);
            assert!(
                !told.found.starts_with("not known"),
                "{lost:b}: {}",
                told.found
            );
        }
    }
}

#[test]
fn who_does_not_answer_leaves_it_unknown() {
    let silent = Way {
        lost: u32::MAX,
        ..GOOD
    };
    let told = doctor(&mut router(), silent);
    assert!(told.good && told.found.contains("too few answers from 203.0.113.1"));
    assert_eq!(told.sizes, [1500, 576, 576]);
    // Nobody to ask: nothing is sent, and the answer comes at once.
    let mut world = World::settled(&house::config());
    let told = doctor(&mut world, GOOD);
    assert!(told.good && told.found.contains("no IPv4 gateway"));
    assert_eq!((told.sizes, told.took_ms), (vec![], 0));
    // No right to send.
    let mut world = router();
    world.refuse_all("sound", Cause::Denied);
    let told = doctor(&mut world, GOOD);
    assert!(
        told.good && told.found.contains("the test says no"),
        "{}",
        told.found
    );
    assert_eq!((told.took_ms, world.engine.trouble_text()), (0, None));
}

#[test]
fn a_slow_line_is_waited_for_within_the_two_seconds() {
    for rtt_ms in [200, 700, 1_100] {
        let told = doctor(&mut router(), Way { rtt_ms, ..GOOD });
        assert!(
            told.found.starts_with("packets of 1500"),
            "{rtt_ms}: {}",
            told.found
        );
        let told = doctor(
            &mut router(),
            Way {
                rtt_ms,
                ..Way::hole(1400)
            },
        );
        // As far as there is time: what is told to pass does.
        let hole = told.found.starts_with("packets above") && !told.good;
        assert!(
            hole || told.found.starts_with("not known"),
            "{}",
            told.found
        );
    }
}

#[test]
fn wan_probe_is_asked_before_the_gateway_since_it_is_farther() {
    let mut config = house::config();
    config.wan.probe = Some(PROBE);
    let mut world = World::new(&config);
    world.kernel.gateway = Some(GATEWAY);
    world.settle();
    assert!(doctor(&mut world, GOOD).found.ends_with("reach 9.9.9.9"));
}

#[test]
fn nothing_is_sent_unless_somebody_asks_and_no_more_once_he_has_left() {
    let mut world = router();
    world.pass(600_000);
    world.answer(Verb::Status, None, None);
    assert_eq!(world.count("sound"), 0);
    world.ask(0, Verb::Doctor, None, None);
    world.drive();
    assert_eq!(world.count("sound"), 1);
    assert!(world.engine.is_sounding());
    world.tell(Input::Left(Client(0)));
    world.pass(10_000);
    assert_eq!(world.count("sound"), 1);
    assert!(!world.engine.is_sounding() && world.answers.is_empty());
}

#[test]
fn others_are_answered_meanwhile_and_two_who_ask_are_served_by_one_search() {
    let mut world = router();
    world.ask(0, Verb::Doctor, None, None);
    world.drive();
    world.ask(1, Verb::Status, None, None);
    world.ask(2, Verb::Doctor, None, None);
    world.drive();
    let answered = |world: &World| {
        world
            .answers
            .iter()
            .map(|(who, _)| *who)
            .collect::<Vec<_>>()
    };
    assert_eq!(answered(&world), [1]);
    let (seq, _) = sent(&mut world)[0];
    world.tell(Input::Passed { seq });
    world.drive();
    assert_eq!(answered(&world), [1, 0, 2]);
    assert_eq!(world.count("sound"), 0);
    for (_, answer) in world.answers.iter().filter(|(who, _)| *who != 1) {
        assert!(path_line(answer).found.starts_with("packets of 1500"));
    }
}

#[test]
fn who_stops_meanwhile_keeps_nobody_waiting() {
    let mut world = router();
    world.ask(0, Verb::Doctor, None, None);
    world.drive();
    world.ask(1, Verb::Stop, None, None);
    world.drive();
    assert!(world.ended);
    assert_eq!(world.answers.len(), 2, "{:?}", world.answers);
}

#[test]
fn the_wan_that_goes_meanwhile_leaves_it_unknown_in_time() {
    let mut world = router();
    world.ask(0, Verb::Doctor, None, None);
    world.drive();
    world.kernel.delete_link(WAN);
    world.tell(Input::LinkGone(WAN));
    world.refuse_all("sound", Cause::Gone);
    world.pass(u64::try_from(SOUNDING.as_millis()).unwrap());
    assert!(
        path_line(&world.only_answer())
            .found
            .starts_with("not known")
    );
}

#[test]
fn answers_of_another_search_and_nonsense_say_nothing() {
    let mut world = router();
    let first = doctor(&mut world, Way::hole(1400));
    assert!(!first.good);
    // All numbers of the first search, late.
    world.ask(0, Verb::Doctor, None, None);
    world.drive();
    let (seq, _) = sent(&mut world)[0];
    for late in 1..=u16::try_from(SOUNDINGS_MAX).unwrap() {
        world.tell(Input::Passed {
            seq: seq.wrapping_sub(late),
        });
        world.tell(Input::Passed {
            seq: seq.wrapping_add(late),
        });
    }
    world.drive();
    assert!(world.answers.is_empty());
    // Sizes that no router says: as if it said none.
    for mtu in [0, 1, 67, 1500, 1501, u16::MAX] {
        world.tell(Input::TooLarge { seq, mtu });
        world.drive();
    }
    world.pass(u64::try_from(SOUNDING.as_millis()).unwrap());
    let line = path_line(&world.only_answer());
    assert!(line.found.starts_with("not known"), "{}", line.found);
}

#[test]
fn whatever_comes_it_is_over_in_time_after_so_many_packets() {
    roll(rounds(300), |mut dice| {
        let mut world = router();
        world.ask(0, Verb::Doctor, None, None);
        let began = world.now.as_ms();
        let mut sent = 0;
        for _ in 0..10_000 {
            world.drive();
            if !world.answers.is_empty() {
                break;
            }
            sent = world.count("sound");
            let known = world.ops.iter().rev().find_map(|op| match op {
                Op::Sound { seq, bytes, .. } => Some((*seq, *bytes)),
                _ => None,
            });
            let (seq, bytes) = known.unwrap();
            let seq = seq.wrapping_sub(u16::try_from(dice.below(3)).unwrap());
            let mtu = bytes.saturating_sub(u16::try_from(dice.below(40)).unwrap());
            match dice.below(8) {
                0 => world.tell(Input::Passed { seq }),
                1 | 2 => world.tell(Input::TooLarge { seq, mtu }),
                _ => {}
            }
            let step = dice.below(120);
            world.now = Instant::from_ms(world.now.as_ms() + u64::try_from(step).unwrap());
        }
        assert_eq!(world.answers.len(), 1);
        assert!(sent <= SOUNDINGS_MAX, "{sent}");
        // A step beyond at most.
        assert!(u128::from(world.now.as_ms() - began) <= SOUNDING.as_millis() + 120);
        true
    });
}
