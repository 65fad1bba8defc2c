//! What the daemon tells its page process.

use lanemark::wire::channel::{
    MESSAGE_BYTES_MAX, METRICS_BYTES_MAX, NAMES_BYTES_MAX, Place, Settings, Told,
};

/// Every kind of message, as it is sent.
const MESSAGES: [(Told<'static>, &str); 7] = [
    (Told::Listen, "L"),
    (Told::Unlisten("192.168.1.1:8080"), "U192.168.1.1:8080"),
    (Told::Unlisten("[fd00::1]:8080"), "U[fd00::1]:8080"),
    (Told::Control, "C"),
    (
        Told::Settings(Settings {
            has_password: true,
            names: "router.lan,gateway",
            connections: 64,
            metrics: "",
        }),
        "Sp=1 n=router.lan,gateway c=64 m=",
    ),
    (
        Told::Settings(Settings {
            has_password: false,
            names: "",
            connections: 4096,
            metrics: "0123456789abcde=",
        }),
        "Sp=0 n= c=4096 m=0123456789abcde=",
    ),
    (Told::Forget, "F"),
];

#[test]
fn what_is_told_is_what_is_heard() {
    for (told, text) in MESSAGES {
        assert_eq!(told.emit().unwrap(), text.as_bytes());
        assert_eq!(Told::parse(text.as_bytes()), Some(told));
    }
}

#[test]
fn what_no_daemon_says_is_nothing() {
    for text in [
        "",
        "X",
        "Lx",
        "Cx",
        "Fx",
        "l",
        "S",
        "Sp",
        "Sp=1 x=2",
        "Sp=1 c=",
        "Sc=65536",
        "Sc=-1",
        "Sp=1  c=1",
    ] {
        assert_eq!(Told::parse(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(Told::parse(b"U\xff"), None);
}

#[test]
fn the_longest_names_fit_and_longer_ones_are_not_sent() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(TOKEN.len(), METRICS_BYTES_MAX);
    assert_eq!(METRICS_BYTES_MAX, lanemark::config::TOKEN_BYTES_MAX);
    let names = "n".repeat(NAMES_BYTES_MAX);
    let settings = |names| {
        Told::Settings(Settings {
            has_password: true,
            names,
            connections: u16::MAX,
            metrics: TOKEN,
        })
    };
    let message = settings(&names).emit().unwrap();
    assert_eq!(Told::parse(&message), Some(settings(&names)));
    assert_eq!(settings(&"n".repeat(MESSAGE_BYTES_MAX)).emit(), None);
}

#[test]
fn a_place_is_written_with_its_port_and_a_link_local_one_with_its_interface() {
    for (place, wanted) in [
        ("192.168.1.1:8080", "192.168.1.1:8080"),
        ("[fd00::1]:80", "[fd00::1]:80"),
        ("[fe80::1%3]:8080", "[fe80::1%3]:8080"),
    ] {
        assert_eq!(Place(place.parse().unwrap()).to_string(), wanted);
    }
}
