//! The admin password: what may be one, and what is stored instead. The hashes were made by another program (Python's `hashlib.scrypt`, which
//! is OpenSSL's).

use lanemark::config::password::{
    BadPassword, PASSWORD_BYTES_MAX, SALT_BYTES, STORED_BYTES_MAX, Stored, check,
};

const SALT: &str = "000102030405060708090a0b0c0d0e0f";

/// Cost, password and hash.
const KNOWN: [(&str, &str, &str); 4] = [
    (
        "11$8$1",
        "correct horse battery",
        "0b67f0e17453d166effa662f2f1461fadae66e8556b69cf5eef94728ff1be558",
    ),
    (
        "10$8$1",
        "pässwörter",
        "4723783315ba58d5c12c352781ab414bef63af8415da59b856404867067f6012",
    ),
    (
        "10$4$2",
        "correct horse battery",
        "58d3b6a5ef39e322b87ef03e190f4f833b622af75363704c756c770b20573677",
    ),
    (
        "11$8$1",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "cbe6f699de757616eb288db009158e2827f580debd9cdbb3cdd0e305520fd3ef",
    ),
];

fn text((cost, _, hash): (&str, &str, &str)) -> String {
    format!("scrypt${cost}${SALT}${hash}")
}

fn salt() -> [u8; SALT_BYTES] {
    core::array::from_fn(|place| u8::try_from(place).unwrap())
}

#[test]
fn hashes_are_those_of_another_program() {
    for known in KNOWN {
        let (cost, password, _) = known;
        let stored = Stored::parse(text(known).as_bytes()).unwrap();
        assert!(stored.is_of(password.as_bytes()), "{cost} {password}");
        assert!(!stored.is_of(format!("{password}.").as_bytes()));
        assert!(!stored.is_of(b"correct horse Battery"));
        assert_eq!(stored.to_string(), text(known));
        if cost == "11$8$1" {
            assert_eq!(Stored::new(password.as_bytes(), salt()), Ok(stored));
        }
    }
}

#[test]
fn what_is_stored_is_not_the_password_and_is_not_told_by_accident() {
    let stored = Stored::new(b"correct horse battery", salt()).unwrap();
    let text = stored.to_string();
    assert!(text.len() < STORED_BYTES_MAX && !text.contains("correct"));
    for part in text.split('$').chain([text.as_str()]) {
        assert!(!stored.is_of(part.as_bytes()), "{part}");
    }
    assert_eq!(format!("{stored:?}"), "Stored(..)");
}

#[test]
fn a_password_is_8_to_128_bytes_that_can_be_typed() {
    let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
    for (password, outcome) in [
        ("", Err(BadPassword::Short(0))),
        ("1234567", Err(BadPassword::Short(7))),
        ("12345678", Ok(())),
        ("ääää", Ok(())),
        ("correct horse battery", Ok(())),
        (&long[1..], Ok(())),
        (&long, Err(BadPassword::Long)),
        ("correct\u{3}", Err(BadPassword::Untypable)),
        ("correct horse\r", Err(BadPassword::Untypable)),
        ("correct\0horse", Err(BadPassword::Untypable)),
        ("correct\u{7f}horse", Err(BadPassword::Untypable)),
    ] {
        assert_eq!(check(password.as_bytes()), outcome, "{password:?}");
        if let Err(bad) = outcome {
            assert_eq!(Stored::new(password.as_bytes(), salt()), Err(bad));
        }
    }
    assert_eq!(check(b"correct\xffhorse"), Err(BadPassword::Untypable));
    let told = [
        (BadPassword::Short(7), "expected 8 to 128 bytes, found 7"),
        (BadPassword::Long, "expected 8 to 128 bytes, found more"),
        (
            BadPassword::Untypable,
            "expected 8 to 128 bytes, found some that cannot be typed",
        ),
    ];
    for (bad, line) in told {
        assert_eq!(bad.to_string(), line);
    }
}

#[test]
fn a_cost_that_a_router_does_not_bear_is_no_stored_password() {
    let of = |cost: &str| Stored::parse(text((cost, "", KNOWN[0].2)).as_bytes());
    for cost in ["10$8$1", "11$8$1", "14$8$1", "10$1$1", "11$8$8", "13$4$4"] {
        assert!(of(cost).is_some(), "{cost}");
    }
    for cost in [
        // Next to nothing, and 1 GiB and more.
        "0$8$1",
        "1$1$1",
        "9$8$1",
        "20$8$1",
        "63$8$1",
        "255$8$1",
        "256$8$1",
        // Eight times ours, by time or by memory.
        "15$8$1",
        "14$8$2",
        "14$1$9",
        "12$8$8",
        "11$9$1",
        "11$8$9",
        "11$4294967295$1",
        "11$8$4294967295",
        "11$2147483648$2",
        "11$0$1",
        "11$8$0",
        "11$8$-1",
        "11$8$",
        "11$8",
        "",
    ] {
        assert_eq!(of(cost), None, "{cost}");
    }
    // The costliest one that is taken: 16 MiB.
    assert!(!of("14$8$1").unwrap().is_of(b"correct horse battery"));
}

#[test]
fn a_text_that_was_cut_or_changed_is_no_stored_password_or_another_one() {
    let (whole, password) = (text(KNOWN[2]), KNOWN[2].1.as_bytes());
    for end in 0..whole.len() {
        assert_eq!(
            Stored::parse(&whole.as_bytes()[..end]),
            None,
            "{end} bytes of it"
        );
    }
    for place in 0..whole.len() {
        for byte in [b'0', b'g', b'A', b'$', b' ', b'\n', 0, 0xff] {
            let mut bytes = whole.clone().into_bytes();
            if core::mem::replace(&mut bytes[place], byte) != byte {
                let other = Stored::parse(&bytes);
                // A zero is a digit of salt and hash; hashing each of them would take a while.
                let tried = place % 16 == 0;
                assert!(
                    other.is_none_or(|other| byte == b'0' && (!tried || !other.is_of(password))),
                    "{byte} at {place}"
                );
            }
        }
    }
    for text in [
        format!("{whole}$"),
        format!("{whole}0"),
        format!(" {whole}"),
        format!("{whole}\n"),
        whole.replace("scrypt", "pbkdf2"),
        whole.to_uppercase(),
    ] {
        assert_eq!(Stored::parse(text.as_bytes()), None, "{text}");
    }
}
