//! Others' flowtables, and the chain that sees packets before they do.

use lanemark::engine::Op;
use lanemark::value::{IfName, Ruleset, names};
use lanemark::wire::nft;

use super::fixture::ORDERS;
use super::raw::{self, Attribute, Be32, Bytes, Nest, Payload};
use super::rules::{arrivals, batch, few, ruleset};
use super::{emitted, parsed};

#[test]
fn a_class_chain_sets_the_lane_too_and_a_chain_of_arriving_packets_leads_there() {
    let set = Ruleset {
        arrival: names(&mut arrivals().iter()),
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
    let fingerprint = format!("{:08x}", set.fingerprint());
    let lines: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    for expected in [
        "!c lanemark: chain arrival filter hook 5 priority -150 policy 1 devices [\"lan1\", \"lan2\"]",
        "ca lanemark: rule premium \"lanemark FP 3/22\": data = ct 3; data = data & 0xffffff80 ^ 0x0000000a of 4; ct 3 = data",
        "ca lanemark: rule premium \"lanemark FP 4/22\": data = 4c4d0010; meta 2 = data",
        "ca lanemark: rule bulk \"lanemark FP 10/22\": data = 4c4d0040; meta 2 = data",
        "ca lanemark: rule arrival \"lanemark FP 22/22\": data = meta 8; data == 0x0001; data = payload 0 at 6 of 6; \
         verdict = device_class #1 [data]",
    ] {
        let expected = expected.replace("FP", &fingerprint);
        assert!(lines.contains(&expected.as_str()), "{expected}\n{lines:#?}");
    }
    let mut chains = lines.iter().filter(|line| line.contains(": chain "));
    assert!(chains.next_back().unwrap().contains("chain arrival"));
}

#[test]
fn flowtables_of_all_families_are_asked_for_and_their_devices_are_read() {
    let lan = |text: &str| IfName::parse(text).unwrap();
    for order in ORDERS {
        let request = emitted(order, |w| nft::emit_flowtable_dump(w, 9));
        assert_eq!(request.len(), 20);
        assert_eq!(request[16..], [0; 4]);
        // Family, version, resource; then what the kernel tells (nf_tables_fill_flowtable_info).
        let devices = [
            Attribute(1, &[Bytes(b"wan0\0")]),
            Attribute(1, &[Bytes(b"not one\0")]),
            Attribute(1, &[Bytes(b"lan1\0")]),
        ];
        let hook = [
            Attribute(1, &[Be32(0)]),
            Attribute(2, &[Be32(0)]),
            Nest(3, &devices),
        ];
        let parts = [
            Bytes(&[1, 0, 0, 0]),
            Attribute(1, &[Bytes(b"fw4\0")]),
            Attribute(2, &[Bytes(b"ft\0")]),
            Attribute(4, &[Be32(1)]),
            Nest(3, &hook),
        ];
        for (kind, expected) in [(0xa16, vec![lan("wan0"), lan("lan1")]), (0xa18, vec![])] {
            let message = raw::message(order, [kind, 0], [1, 0], &parts);
            let mut seen = Vec::new();
            let read = parsed(&message, order, |message| {
                assert!(nft::is_flowtable(&message));
                nft::parse_flowtable(message, &mut |dev| seen.push(dev))
            });
            assert_eq!(read, Ok(()));
            assert_eq!(seen, expected);
        }
        // A list of devices that claims to be longer than what holds it.
        let long = [Bytes(&[1, 0, 0, 0]), Nest(3, &[Payload(3, &[9, 0, 1, 0])])];
        let message = raw::message(order, [0xa16, 0], [1, 0], &long);
        let read = parsed(&message, order, |message| {
            nft::parse_flowtable(message, &mut |_| panic!("no device"))
        });
        assert!(read.is_err());
    }
}
