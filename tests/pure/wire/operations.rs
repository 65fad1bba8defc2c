//! `apply`: operations become requests; what the comments of our rules say.

use lanemark::apply::rules::{read_rule_comment, read_table_comment};
use lanemark::apply::{self, Family, Request};
use lanemark::config::Shares;
use lanemark::control::Direction;
use lanemark::engine::{Devices, Lanes, Line, Look, Op, Put};
use lanemark::value::{
    Before, Framing, IfIndex, Kbit, Leaf, LeafKind, RuleMark, Ruleset, ShaperClass, ShaperKind,
    TableNote, TcHandle, TickRate, Ticks,
};
use lanemark::wire::{Order, tc};

use super::emitted;
use super::fixture::ORDERS;
use super::rules::{batch, change, few, ruleset, unusual};

/// Rules of one set.
const RULES: u16 = 16;

/// Some queues.
const LANES: Lanes = Lanes {
    line: Line {
        direction: Direction::Up,
        rate: Kbit(950),
        mtu_bytes: 1500,
        framing: Framing {
            overhead_bytes: 0,
            mpu_bytes: 0,
            cells: false,
        },
        shares: Shares::WHOLE,
        ceilings: Shares::WHOLE,
        pace: Kbit(950),
    },
    shaper: ShaperKind::Htb,
    leaf: LeafKind::Bfifo,
    ticks: TickRate { ticks: 125, us: 8 },
    capped: [0; 5],
};

/// Bulk's class.
const CLASS: ShaperClass = ShaperClass {
    handle: TcHandle::new(0x4c4d, 0x40),
    parent: TcHandle::new(0x4c4d, 1),
    rate: Kbit(8),
    ceil: Kbit(950),
    burst: Ticks(1),
    cburst: Ticks(2),
    quantum_bytes: 1514,
    prio: 3,
    ..ShaperClass::NONE
};

#[test]
fn qdiscs_and_classes_are_one_message_with_the_number_that_was_given() {
    let (dev, handle) = (IfIndex(7), TcHandle::new(0x4c4d, 0));
    let (lanes, root) = (LANES, LANES.root());
    let class_handle = CLASS.handle;
    let class = CLASS;
    let leaf = Leaf::Pfifo { limit_packets: 10 };
    let leaf_handle = TcHandle::new(0x4c40, 0);
    let place = tc::LeafPlace {
        class: class_handle,
        handle: leaf_handle,
    };
    let slow = TickRate { ticks: 1, us: 1 };
    for order in ORDERS {
        let ask = |op: Op| {
            let mut request = None;
            let bytes = emitted(order, |w| {
                request = apply::change(&op, &Devices::default(), &[], &[], slow, 77, w)
            });
            assert_eq!(
                request,
                Some(Request {
                    family: Family::Route,
                    last_seq: 77
                })
            );
            bytes
        };
        assert_eq!(
            ask(Op::Root {
                dev,
                lanes,
                put: Put::Instead
            }),
            emitted(order, |w| tc::emit_root(
                w,
                77,
                dev,
                handle,
                &root,
                tc::Put::Instead
            ))
        );
        assert_eq!(
            ask(Op::DeleteClass { dev, handle }),
            emitted(order, |w| tc::emit_class_delete(w, 77, dev, handle))
        );
        assert_eq!(
            ask(Op::DeleteRoot { dev, handle }),
            emitted(order, |w| tc::emit_root_delete(w, 77, dev, handle))
        );
        for (put, same) in [(Put::New, tc::Put::New), (Put::Change, tc::Put::Change)] {
            let expected = emitted(order, |w| tc::emit_class(w, 77, dev, &class, same, slow));
            assert_eq!(ask(Op::Class { dev, class, put }), expected);
            let expected = emitted(order, |w| tc::emit_leaf(w, 77, dev, place, &leaf, same));
            assert_eq!(
                ask(Op::Leaf {
                    dev,
                    class: class_handle,
                    handle: leaf_handle,
                    leaf,
                    put
                }),
                expected
            );
        }
    }
}

#[test]
fn what_is_no_request_writes_nothing() {
    for op in [Op::Look(Look::Links), Op::Accounting(true), Op::Save] {
        let bytes = emitted(Order::HOST, |w| assert_eq!(change(&op, &few(), 1, w), None));
        assert!(bytes.is_empty(), "{op:?}");
    }
}

#[test]
fn the_comments_of_rules_number_them_and_are_read_back() {
    for set in [ruleset(), unusual()] {
        let (lines, _) = batch(
            &Op::Rules {
                ruleset: set,
                instead: false,
            },
            &few(),
            1,
        );
        let comments = lines
            .iter()
            .filter(|(_, line)| line.contains(": rule "))
            .map(|(_, line)| line.split('"').nth(1).unwrap());
        let marks: Vec<_> = comments
            .map(|comment| read_rule_comment(comment).unwrap())
            .collect();
        let fingerprint = set.fingerprint();
        let expected = (1..=RULES).map(|number| RuleMark {
            fingerprint,
            number,
            of: RULES,
        });
        assert_eq!(marks, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_comment_of_somebody_else_is_no_mark_of_ours() {
    let expected = RuleMark {
        fingerprint: 0x0123_abcd,
        number: 7,
        of: 10,
    };
    assert_eq!(read_rule_comment("lanemark 0123abcd 7/10"), Some(expected));
    for comment in [
        "",
        "lanemark",
        "lanemark ",
        "lanemark 0123abcd",
        "lanemark 0123abcd 7",
        "lanemark 0123abcd 7/",
        "lanemark 0123abcd /10",
        "lanemark 0123abcd 7/10 ",
        "lanemark 0123abcd 65536/10",
        "lanemark 0123abcdef 7/10",
        "lanemark xyz 7/10",
        "Lanemark 0123abcd 7/10",
        " lanemark 0123abcd 7/10",
        "otherwise 0123abcd 7/10",
    ] {
        assert_eq!(read_rule_comment(comment), None, "{comment:?}");
    }
}

#[test]
fn the_comment_of_the_table_says_what_was_before_us_and_where_the_class_stands() {
    for acct in [None, Some(false), Some(true)] {
        let set = Ruleset {
            before: Before { acct },
            ..ruleset()
        };
        let (lines, _) = batch(
            &Op::Rules {
                ruleset: set,
                instead: false,
            },
            &few(),
            1,
        );
        let comment = lines[1].1.split('"').nth(1).unwrap();
        let note = TableNote {
            before: set.before,
            layout: set.layout,
            caps: None,
        };
        assert_eq!(read_table_comment(comment), Some(note), "{comment}");
    }
    for comment in [
        "",
        "mark 7f/0",
        "nf_conntrack_acct was 0",
        "mark 7f; nf_conntrack_acct was 0",
        "mark 7f/26; nf_conntrack_acct was 0",
        "mark 1/0; nf_conntrack_acct was 0",
        "mark xyz/0; nf_conntrack_acct was 0",
    ] {
        assert_eq!(read_table_comment(comment), None, "{comment:?}");
    }
}
