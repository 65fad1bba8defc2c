//! The small words: what they accept, how they read, and what they come to.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::dice::{Dice, rounds};

use lanemark::value::{Address, Ahead, Lossy, LowerMss, Mss, Pieces, Segments, halves, utf8};
use lanemark::value::{
    BadIfName, BadMac, BadMarkLayout, Before, Cause, Class, Crc32, IfName, IfNames, Instant, Kbit,
    LeafKind, Mac, MarkLayout, REFUSED_TEXT_BYTES_MAX, Refused, Ruleset, ShaperKind, TcHandle,
    TickRate, Ticks,
};

#[test]
fn a_mac_address_is_read_in_every_usual_form_and_written_in_one() {
    for text in [
        "02:00:00:00:0a:ff",
        "02-00-00-00-0A-FF",
        "02:00-00:00-0a:fF",
    ] {
        let mac = Mac::parse(text).unwrap();
        assert_eq!(
            (mac, mac.to_string().as_str()),
            (Mac([2, 0, 0, 0, 10, 255]), "02:00:00:00:0a:ff")
        );
    }
}

#[test]
fn what_is_no_mac_address_is_refused_by_form() {
    for text in [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:0a:0b",
        "2:0:0:0:0:a",
        "02:00:00:00:00:0g",
        "0200.0000.000a",
        "02000000000a",
        " 02:00:00:00:00:0a",
        "02:00:00:00:00:0a ",
        "+2:00:00:00:00:0a",
        "02:00:00:00:00:",
        "02:00:00:00:00:é",
    ] {
        assert_eq!(Mac::parse(text), Err(BadMac::Form), "{text:?}");
    }
}

#[test]
fn addresses_of_groups_and_of_nobody_are_no_device() {
    for text in [
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:01",
        "33:33:00:00:00:01",
        "03:00:00:00:00:0a",
    ] {
        assert_eq!(Mac::parse(text), Err(BadMac::Nobody), "{text}");
    }
    for text in [
        "00:00:00:00:00:01",
        "02:00:00:00:00:00",
        "fe:ff:ff:ff:ff:ff",
    ] {
        assert!(Mac::parse(text).unwrap().is_device(), "{text}");
    }
}

#[test]
fn interface_names_are_those_that_never_need_quoting() {
    for text in [
        "a",
        "eth0",
        "br-lan",
        "eth0.100",
        "pppoe-wan",
        "wlan0_1",
        "...",
        "abcdefghijklmno",
    ] {
        let name = IfName::parse(text).unwrap();
        assert_eq!((name.as_str(), name.to_string().as_str()), (text, text));
    }
    for text in [
        "",
        ".",
        "..",
        "abcdefghijklmnop",
        "eth 0",
        "eth0\n",
        "eth/0",
        "eth:0",
        "wän0",
        "$(x)",
        "a'b",
        "\0",
        "eth0@if5",
    ] {
        assert_eq!(IfName::parse(text), Err(BadIfName), "{text:?}");
    }
    assert_ne!(
        IfName::parse("eth0"),
        IfName::parse("eth0."),
        "the rest of the room does not count"
    );
    assert_eq!(format!("[{:>6}]", IfName::parse("lo").unwrap()), "[    lo]");
}

#[test]
fn the_marks_are_those_of_dd_wrt_and_0_is_nobodys() {
    let marks: Vec<u32> = Class::ALL.into_iter().map(Class::mark).collect();
    assert_eq!(marks, [100, 10, 20, 30, 40]);
    for class in Class::ALL {
        assert_eq!(Class::of_mark(class.mark()), Some(class));
        assert_eq!(Class::ALL[class.index()], class);
        assert_eq!(Class::parse(&class.name().to_uppercase()), Ok(class));
    }
    for mark in [0, 1, 9, 11, 50, 101, 0x0a00, u32::MAX] {
        assert_eq!(Class::of_mark(mark), None, "{mark}");
    }
    assert!(Class::parse("").is_err() && Class::parse("premium ").is_err());
}

#[test]
fn a_mark_layout_holds_every_class_or_is_refused() {
    for (mask, shift) in [
        (0x7f, 0),
        (0x7e, 0),
        (0xff, 1),
        (0x7f00, 8),
        (0xfe00_0000, 25),
        (u32::MAX, 0),
        (u32::MAX, 25),
    ] {
        let layout = MarkLayout::new(mask, shift).unwrap();
        assert_eq!((layout.mask(), layout.shift()), (mask, shift));
        for class in Class::ALL {
            assert_eq!(layout.class(layout.bits(Some(class))), Some(class));
        }
    }
    for (mask, shift, why) in [
        (0, 0, BadMarkLayout::TooNarrow),
        (0x3f, 0, BadMarkLayout::TooNarrow),
        (0x7f, 1, BadMarkLayout::TooNarrow),
        (0x7f00, 0, BadMarkLayout::TooNarrow),
        (0x7f00, 9, BadMarkLayout::TooNarrow),
        (u32::MAX, 26, BadMarkLayout::ShiftRange),
        (u32::MAX, 255, BadMarkLayout::ShiftRange),
    ] {
        assert_eq!(MarkLayout::new(mask, shift), Err(why), "{mask:#x} {shift}");
    }
    assert_eq!(MarkLayout::new(0x7f, 0), Ok(MarkLayout::default()));
}

#[test]
fn a_mark_keeps_every_bit_that_is_not_ours() {
    for layout in [
        MarkLayout::default(),
        MarkLayout::new(0x7f00, 8).unwrap(),
        MarkLayout::new(0xfe00_0000, 25).unwrap(),
    ] {
        for mark in [0, 1, 0x7f, 0x80, 0xdead_beef, 0x5555_5555, u32::MAX] {
            for class in Class::ALL.into_iter().map(Some).chain([None]) {
                let marked = layout.marked(mark, class);
                assert_eq!(marked & !layout.mask(), mark & !layout.mask());
                assert_eq!(layout.class(marked), class);
                assert_eq!(layout.marked(marked, None), mark & !layout.mask());
            }
        }
    }
    assert_eq!(
        MarkLayout::default().marked(0, Some(Class::Premium)),
        10,
        "as the user reads it in nf_conntrack"
    );
}

#[test]
fn bits_beside_the_class_but_under_the_mask_are_no_class() {
    let wide = MarkLayout::new(0xff, 0).unwrap();
    assert_eq!(
        (wide.class(10), wide.class(0x80 | 10)),
        (Some(Class::Premium), None)
    );
}

#[test]
fn a_rate_is_a_thousand_bits_a_second() {
    for (rate, percent, part) in [
        (1_000, 75, 750),
        (1_000, 0, 1),
        (64, 1, 1),
        (10_000_000, 100, 10_000_000),
        (u32::MAX, 100, u32::MAX),
        (3, 50, 1),
    ] {
        assert_eq!(
            Kbit(rate).percent(percent),
            Kbit(part),
            "{percent} % of {rate}"
        );
    }
    assert_eq!(
        (Kbit(8).bytes_per_s(), Kbit(u32::MAX).bytes_per_s()),
        (1_000, 536_870_911_875)
    );
    for (rate, ms, bytes) in [
        (8, 1_000, 1_000),
        (1_000, 1, 125),
        (64, 1, 8),
        (10_000_000, 400, 500_000_000),
        (10_000_000, 10_000, u32::MAX / 8),
        (0, 5, 0),
    ] {
        assert_eq!(Kbit(rate).bytes_in_ms(ms), bytes);
    }
    assert_eq!(
        (Kbit(1_000).us_of(1_514), Kbit(0).us_of(1)),
        (12_112, 8_000)
    );
    assert_eq!(
        Kbit(8).us_of(u32::MAX),
        u32::MAX / 8,
        "too few beyond half a megabyte"
    );
    assert_eq!(Kbit(950).to_string(), "950 kbit/s");
}

#[test]
fn the_schedulers_ticks_are_64_ns_unless_the_kernel_says_otherwise() {
    let usual = TickRate::default();
    // 1,514 bytes at 1 Mbit/s take 12.112 ms.
    assert_eq!(usual.transmit(Kbit(1_000), 1_514), Ticks(189_250));
    assert_eq!(
        TickRate { ticks: 1, us: 1 }.transmit(Kbit(1_000), 1_514),
        Ticks(12_112)
    );
    for (ticks, us, rate, bytes) in [
        (u32::MAX, 1, 1, u32::MAX),
        (125, 8, 0, u32::MAX),
        (1, 0, 0, u32::MAX),
    ] {
        assert_eq!(
            TickRate { ticks, us }.transmit(Kbit(rate), bytes),
            Ticks(u32::MAX),
            "it ends at the widest field"
        );
    }
    assert_eq!(usual.transmit(Kbit(u32::MAX), 0), Ticks(0));
}

#[test]
fn handles_read_as_in_tc() {
    for (handle, text) in [
        (TcHandle::new(0x4c4d, 0), "4c4d:"),
        (TcHandle::new(0x4c4d, 0x10), "4c4d:10"),
        (TcHandle::new(1, 0xffff), "1:ffff"),
        (TcHandle::NONE, "0:"),
        (TcHandle::ROOT, "ffff:ffff"),
    ] {
        assert_eq!(handle.to_string(), text);
        assert_eq!(TcHandle::new(handle.major(), handle.minor()), handle);
    }
}

#[test]
fn rule_sets_that_differ_have_other_fingerprints() {
    let name = |text| IfName::parse(text).unwrap();
    fn lans(texts: &[&str]) -> IfNames {
        IfNames::of(&mut texts.iter().map(|text| IfName::parse(text).unwrap()))
    }
    let one = Ruleset {
        lans: lans(&["br-lan"]),
        wan: name("eth0"),
        layout: MarkLayout::default(),
        default_class: Class::Standard,
        policy: 0,
        mss: Mss::default().on_line([Kbit(970), Kbit(7600)]),
        ahead: Ahead::default(),
        shaper: ShaperKind::Htb,
        arrival: 0,
        afresh: false,
        caps: None,
        guarded: true,
        before: Before { acct: Some(false) },
    };
    let mut all = vec![
        one,
        Ruleset {
            lans: lans(&["eth0"]),
            wan: name("br-lan"),
            ..one
        },
        Ruleset {
            lans: lans(&["br-lane"]),
            wan: name("th0"),
            ..one
        },
        Ruleset {
            wan: name("eth1"),
            ..one
        },
        Ruleset {
            lans: lans(&["br-lan", "br-guest"]),
            ..one
        },
    ];
    for shift in [0, 1] {
        let layout = MarkLayout::new(0xff, shift).unwrap();
        all.push(Ruleset { layout, ..one });
    }
    let (up, down) = (Some(541), Some(541));
    for mss in [
        Segments::ALONE,
        Segments { up, ..one.mss },
        Segments { down, ..one.mss },
    ] {
        all.push(Ruleset { mss, ..one });
    }
    let (default_class, shaper, guarded) = (Class::Bulk, ShaperKind::Cake, false);
    let other = Ruleset {
        default_class,
        ..one
    };
    all.push(Ruleset { arrival: 1, ..one });
    all.push(Ruleset {
        afresh: true,
        ..one
    });
    all.extend([other, Ruleset { shaper, ..one }, Ruleset { guarded, ..one }]);
    let count = all.len();
    all.sort_by_key(Ruleset::fingerprint);
    all.dedup_by_key(|ruleset| ruleset.fingerprint());
    assert_eq!(all.len(), count);
    // What was before us is no rule.
    let before = Before { acct: Some(true) };
    assert_eq!(Ruleset { before, ..one }.fingerprint(), one.fingerprint());
}

#[test]
fn leaf_kinds_are_in_the_order_in_which_they_are_preferred() {
    assert!(LeafKind::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(
        LeafKind::ALL.map(LeafKind::name),
        ["fq_codel", "sfq", "codel", "pie", "bfifo", "pfifo", "cake"]
    );
}

#[test]
fn the_clock_neither_overflows_nor_runs_backwards() {
    let late = Instant::from_ms(u64::MAX - 5);
    assert_eq!(
        late.after(Duration::from_secs(10)),
        Instant::from_ms(u64::MAX)
    );
    assert_eq!(
        Instant::from_ms(0).after(Duration::MAX),
        Instant::from_ms(u64::MAX)
    );
    assert_eq!(Instant::from_ms(5).since(late), Duration::ZERO);
    assert_eq!(
        Instant::from_ms(1_500).since(Instant::from_ms(500)),
        Duration::from_secs(1)
    );
}

#[test]
fn a_long_refusal_is_cut_at_a_letter() {
    let refused = Refused::new(Cause::Other, &"é".repeat(REFUSED_TEXT_BYTES_MAX));
    assert_eq!(refused.to_string(), "é".repeat(REFUSED_TEXT_BYTES_MAX / 2));
    assert_eq!(
        Refused::new(Cause::Gone, "No such device").to_string(),
        "No such device"
    );
}

/// Addresses, and what is nearly one.
const ADDRESSES: [&str; 45] = [
    "0.0.0.0",
    "255.255.255.255",
    "256.1.1.1",
    "01.1.1.1",
    "1.1.1",
    "1.1.1.1.1",
    "1.1.1.1 ",
    " 1.1.1.1",
    "1..1.1",
    "::",
    "::1",
    "1::",
    "1::2",
    ":::",
    "::1::",
    "1::2::3",
    ":1",
    "1:",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "::g",
    "FE80::aB",
    "::ffff:192.0.2.1",
    "::192.0.2.1",
    "1:2:3:4:5:6:192.0.2.1",
    "1:2:3:4:5:6:7:192.0.2.1",
    "1::3:4:5:6:192.0.2.1",
    "::2:3:4:5:6:7:1.2.3.4",
    "192.0.2.1::",
    "::1.2.3.4:5",
    "::1.2.3",
    "fe80::1%eth0",
    "[::1]",
    "",
    ".",
    ":",
    "1",
    "00000::",
    "0000::",
    "é::",
];

/// What such texts are made of.
const PIECES: [&str; 17] = [
    "::", ":", ":", ":", ".", ".", "0", "00", "1", "10", "255", "256", "f", "ffff", "abcde",
    "1.2.3.4", "::ffff:",
];

/// The library's own reading and writing is the judge.
fn assert_as_the_library_reads(text: &str) {
    assert_eq!(Address::parse(text), text.parse().ok(), "{text:?}");
}

#[test]
fn an_address_is_read_and_written_as_the_library_does_it() {
    for text in ADDRESSES {
        assert_as_the_library_reads(text);
    }
    let mut dice = Dice::new(1);
    for _ in 0..rounds(200_000) {
        let text: String = (0..dice.below(18))
            .map(|_| PIECES[dice.below(PIECES.len())])
            .collect();
        assert_as_the_library_reads(&text);
        let groups: [u16; 8] = core::array::from_fn(|_| match dice.below(4) {
            0 | 1 => 0,
            2 => 0xffff,
            _ => u16::from_be_bytes([dice.byte(), dice.byte()]),
        });
        let octets = [dice.byte(), dice.byte(), dice.byte(), dice.byte()];
        for address in [IpAddr::from(groups), IpAddr::from(octets)] {
            let text = address.to_string();
            assert_eq!(Address(address).to_string(), text);
            assert_eq!(Address::parse(&text), Some(address));
        }
    }
    for address in [
        "::ffff:1.2.3.4",
        "::",
        "::1",
        "1::",
        "1:0:0:2::",
        "0:1::",
        "1:2:3:4:5:6:7:0",
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(Address(address).to_string(), address.to_string());
    }
}

#[test]
fn bytes_become_text_as_the_library_does_it() {
    let mut dice = Dice::new(2);
    for _ in 0..50_000 {
        let pieces: [&[u8]; 8] = [
            b"a",
            b"\xc3\xa9",
            b"\xe2\x82\xac",
            b"\xf0\x9f\x98\x80",
            b"\xe2\x82",
            b"\xff",
            b"\x80",
            b"\xf0\x9f",
        ];
        let bytes: Vec<u8> = (0..dice.below(6))
            .flat_map(|_| pieces[dice.below(pieces.len())])
            .copied()
            .collect();
        let expected = std::str::from_utf8(&bytes).map_err(|bad| bad.valid_up_to());
        assert_eq!(utf8(&bytes), expected);
        assert_eq!(Lossy(&bytes).to_string(), String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn texts_are_parted_at_a_letter() {
    for text in ["", " ", "a", "a b", " a  b ", "é ü"] {
        assert!(Pieces::of(text, b' ').eq(text.split(' ')), "{text:?}");
        assert_eq!(halves(text, b' '), text.split_once(' '), "{text:?}");
    }
}

#[test]
fn the_crc_of_a_text_is_that_of_gzip_in_whatever_pieces_it_comes() {
    // The check value of the catalogue of CRCs ("CRC-32/ISO-HDLC"), and what `gzip -lv` prints of the others.
    for (text, expected) in [
        ("123456789", 0xcbf4_3926),
        ("", 0),
        ("a", 0xe8b7_be43),
        (
            "The quick brown fox jumps over the lazy dog",
            0x414f_a339_u32,
        ),
    ] {
        assert_eq!(Crc32::of(text.as_bytes()), expected, "{text:?}");
        for cut in 0..text.len() {
            let mut pieces = Crc32::default();
            write!(pieces, "{}", &text[..cut]).unwrap();
            pieces.add(&text.as_bytes()[cut..]);
            assert_eq!(pieces.value(), expected, "{text:?} cut at {cut}");
        }
    }
}

#[test]
fn a_packet_of_the_lower_lanes_takes_five_milliseconds_of_a_slow_line_and_what_it_takes_of_a_fast_one()
 {
    let auto = |kbit| LowerMss::Auto.for_rate(Kbit(kbit));
    // 5 ms of 1,200 kbit/s are 750 bytes, of which 66 are headers.
    for (kbit, expected) in [
        (1, Some(536)),
        (500, Some(536)),
        (964, Some(536)),
        (965, Some(537)),
        (1_200, Some(684)),
        (2_440, Some(1_459)),
        (2_442, None),
        (100_000, None),
        (u32::MAX, None),
    ] {
        assert_eq!(auto(kbit), expected, "{kbit} kbit/s");
    }
    for kbit in [1, 1_000, u32::MAX] {
        assert_eq!(LowerMss::Off.for_rate(Kbit(kbit)), None);
        assert_eq!(LowerMss::Bytes(1_000).for_rate(Kbit(kbit)), Some(1_000));
    }
    // Each direction by itself.
    let line = Mss::default().on_line([Kbit(970), Kbit(7_600)]);
    assert_eq!(
        line,
        Segments {
            to_path: true,
            up: Some(540),
            down: None
        }
    );
}
