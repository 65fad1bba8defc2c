//! The expressions that our rules are made of, beside those of `nft`.

use std::collections::BTreeSet;

use lanemark::value::IfName;
use lanemark::wire::Writer;
use lanemark::wire::nft::{
    Batch, Change, CtKey, Guard, Hook, MapKind, MetaKey, Register, Table, Target, element_device,
    element_mark,
};

use super::fixture::{ORDERS, fixture};
use super::raw::{Payload, Raw, attributes, take_apart, write};
use super::{emitted, mac};

const TABLE: Table<'static> = Table { name: "lanemark" };
const STANDARD: u32 = 0x4c4d_0030;
const PREMIUM: u32 = 0x4c4d_0010;

/// The rule set of `lanemark.nft`, message by message as `nft` sent it.
fn write_recorded(w: &mut Writer<'_>) {
    let name = |name| IfName::parse(name).unwrap();
    let mut batch = Batch::begin(w, 0);
    batch.new_table(TABLE, Guard::Open, "acct=0");
    batch.chain(TABLE, "premium");
    batch.chain(TABLE, "bulk");
    batch.base_chain(TABLE, "marking", Hook::Prerouting, &[]);
    batch.chain(TABLE, "lanes");
    batch.base_chain(TABLE, "steer", Hook::Forward, &[]);
    batch.map(TABLE, "device_class", MapKind::MacToVerdict, 1);
    batch.elements(TABLE, "device_class", Change::Add, |w| {
        element_device(w, mac(0x0a), Some("premium"));
        element_device(w, mac(0x0b), Some("bulk"));
    });
    batch.map(TABLE, "lane", MapKind::MarkToClassid, 2);
    batch.elements(TABLE, "lane", Change::Add, |w| {
        element_mark(w, 0, STANDARD);
        element_mark(w, 10, PREMIUM);
    });
    for (chain, mark, comment) in [("premium", 10, "premium"), ("bulk", 40, "")] {
        batch.rule(TABLE, chain, comment, |w| {
            w.load_ct(CtKey::Mark);
            w.bitwise(0xffff_ff80, mark);
            w.set_ct(CtKey::Mark);
        });
    }
    batch.rule(TABLE, "marking", "lookup", |w| {
        w.load_meta(MetaKey::InputName);
        w.equals_name(name("br-lan"));
        w.load_ct(CtKey::Mark);
        w.bitwise(0x7f, 0);
        w.equals_u32(0);
        w.load_meta(MetaKey::InputType);
        w.equals_u16(1);
        w.load_source_mac();
        w.lookup("device_class", 1, Register::Verdict);
    });
    batch.rule(TABLE, "lanes", "", |w| {
        w.load_u32(STANDARD);
        w.set_meta(MetaKey::Priority);
    });
    batch.rule(TABLE, "lanes", "", |w| {
        w.load_ct(CtKey::Mark);
        w.bitwise(0x7f, 0);
        w.lookup("lane", 2, Register::Data);
        w.set_meta(MetaKey::Priority);
    });
    for key in [MetaKey::OutputName, MetaKey::InputName] {
        batch.rule(TABLE, "steer", "", |w| {
            w.load_meta(key);
            w.equals_name(name("wan0"));
            w.verdict(Target::Goto("lanes"));
        });
    }
    assert_eq!(batch.end(), 17);
}

/// What differs for a reason, by kind of message and field.
const MEANT: [(u16, &str, &str); 9] = [
    (
        0xa00,
        "flags",
        "acknowledged; and the table must not be there",
    ),
    (0xa03, "flags", "acknowledged"),
    (
        0xa06,
        "4/1/2/6",
        "the operation of a bitwise: mask and xor is the default, and all that old kernels have",
    ),
    (
        0xa06,
        "7",
        "every rule of ours has a comment; here an empty one",
    ),
    (0xa09, "flags", "acknowledged"),
    (
        0xa09,
        "13",
        "nft adds that data are no intervals, which is the default",
    ),
    (
        0xa09,
        "7",
        "bytes of a verdict: the kernel does not look, nft says 0",
    ),
    (0xa0c, "flags", "acknowledged"),
    (
        0xa0c,
        "4",
        "the set's number in the batch; its name is enough",
    ),
];

/// The numbers of a path without the places among their like: why a field may differ holds for all of its like.
fn theme(path: &str) -> String {
    path.split('/')
        .map(|number| number.split('#').next().unwrap())
        .collect::<Vec<_>>()
        .join("/")
}

fn nests(raw: &Raw, path: &str) -> bool {
    let path = theme(path);
    let nests: &[&str] = match raw.kind {
        0xa03 => &["4"],
        // Elements, an element, key and data; in the map of devices data are a verdict.
        0xa0c if raw.payload(2) == b"device_class\0" => &["3", "3/1", "3/1/1", "3/1/2", "3/1/2/2"],
        0xa0c => &["3", "3/1", "3/1/1", "3/1/2"],
        // Expressions, an expression, its data. What is below is compared as bytes.
        0xa06 => &["4", "4/1", "4/1/2"],
        _ => &[],
    };
    nests.contains(&path.as_str())
}

/// `nft` numbers the elements of a list, where the kernel does not look.
fn without_numbers(raw: &Raw) -> Raw {
    const ELEMENTS: u16 = 3;
    const LIST_ELEM: u16 = 0x8001;
    if raw.kind != 0xa0c {
        return raw.clone();
    }
    let elements: Vec<_> = attributes(raw.order, raw.payload(ELEMENTS));
    let elements: Vec<_> = elements
        .iter()
        .map(|(_, payload)| Payload(LIST_ELEM, payload))
        .collect();
    let elements = write(raw.order, &elements);
    raw.changed(ELEMENTS, |payload| *payload = elements)
}

#[test]
fn a_rule_set_is_written_as_nft_writes_it() {
    for order in ORDERS {
        let ours = take_apart(&emitted(order, write_recorded), order);
        let theirs = take_apart(&fixture(order, "req-nft-batch").bytes, order);
        assert_eq!(ours.len(), theirs.len());
        let mut found = BTreeSet::new();
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(
                (ours.kind, ours.seq, ours.port),
                (theirs.kind, theirs.seq, theirs.port)
            );
            let [ours_fields, theirs_fields] =
                [ours, &without_numbers(theirs)].map(|raw| raw.fields(|path| nests(raw, path)));
            if ours.kind == 0xa09 {
                assert!(theirs.payload(13).starts_with(ours.payload(13)));
            }
            if let (0xa06, Some(comment)) = (ours.kind, theirs_fields.get("7")) {
                assert_eq!(ours.payload(7), comment);
            }
            for path in ours_fields.keys().chain(theirs_fields.keys()) {
                if ours_fields.get(path) != theirs_fields.get(path) {
                    found.insert((ours.kind, theme(path)));
                }
            }
        }
        let meant: BTreeSet<_> = MEANT
            .iter()
            .map(|(kind, path, _)| (*kind, (*path).to_owned()))
            .collect();
        assert_eq!(found, meant, "{order:?}");
    }
}
