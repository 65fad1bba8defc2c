//! What lease files say.

use lanemark::wire::lease::{LeaseLine, parse};

use super::mac;

fn lease<'a>(last: u8, address: &str, name: &'a str) -> Option<LeaseLine<'a>> {
    Some(LeaseLine {
        mac: mac(last),
        address: address.parse().unwrap(),
        name,
    })
}

#[test]
fn both_servers_lines_are_read() {
    for (line, expected) in [
        (
            "1700000000 02:00:00:00:00:0a 192.168.77.10 laptop 01:02:00:00:00:00:0a",
            lease(10, "192.168.77.10", "laptop"),
        ),
        (
            "0 02:00:00:00:00:0A 192.168.77.10 * *",
            lease(10, "192.168.77.10", ""),
        ),
        (
            "# br-lan 02000000000b ipv4 tv 1700000000 14 32 192.168.77.11/32",
            lease(11, "192.168.77.11", "tv"),
        ),
        (
            "# br-lan 02000000000b ipv4 - 1700000000 14 32 192.168.77.11/32 ",
            lease(11, "192.168.77.11", ""),
        ),
    ] {
        assert_eq!(parse(line), expected, "{line}");
    }
}

#[test]
fn what_is_no_lease_of_a_mac_is_passed_over() {
    for line in [
        "",
        "#",
        "# ",
        "duid 00:01:00:01:2a:2b",
        "1700000000 02:00:00:00:00:0a",
        "1700000000 02:00:00:00:00:0a 192.168.77.10",
        "1700000000 02:00:00:00:00:0a 192.168.77.310 laptop *",
        "1700000000 01:00:00:00:00:0a 192.168.77.10 laptop *",
        "never 02:00:00:00:00:0a 192.168.77.10 laptop *",
        "1700000000 123456 fd77::10 laptop 00:01:00:01",
        "# br-lan 000100012a2b02000000000b 1 tv 1700000000 14 128 fd77::b/128",
        "# br-lan 0200000000zz ipv4 tv 1700000000 14 32 192.168.77.11/32",
        "# br-lan 0200000000é ipv4 tv 1700000000 14 32 192.168.77.11/32",
        "# br-lan 01000000000b ipv4 tv 1700000000 14 32 192.168.77.11/32",
        "# br-lan 02000000000b ipv4 tv 1700000000 14 32 192.168.77.11",
        "# br-lan 02000000000b ipv4 tv 1700000000 14 32",
        "# br-lan 02000000000b ipv4 tv 1700000000 14 32 nonsense/32",
    ] {
        assert_eq!(parse(line), None, "{line}");
    }
    assert_eq!(
        parse("# br-lan +2+0+0+0+0+b ipv4 tv 1 14 32 192.168.77.11/32"),
        None,
        "a sign is no hex digit"
    );
}
