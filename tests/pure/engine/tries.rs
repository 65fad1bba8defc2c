//! How often passwords may be tried.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lanemark::engine::{TRIES_AN_ADDRESS, TRIES_MAX, TRIES_WITHIN, Tries};
use lanemark::value::Instant;

fn at(second: u64) -> Instant {
    Instant::from_ms(second * 1000)
}

fn host(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 1, last))
}

#[test]
fn one_address_has_ten_tries_a_minute_and_another_can_still_try() {
    let mut tries = Tries::default();
    for second in 0..10 {
        assert_eq!(tries.take(at(second), host(1)), Ok(()));
    }
    assert_eq!(TRIES_AN_ADDRESS, 10);
    // A thousand more are not counted, and do not make the wait longer.
    for _ in 0..1000 {
        assert_eq!(tries.take(at(10), host(1)), Err(51));
    }
    assert_eq!(tries.take(at(10), host(2)), Ok(()));
    // The first was a minute ago: one more.
    assert_eq!(tries.take(at(59), host(1)), Err(2));
    assert_eq!(tries.take(at(60), host(1)), Ok(()));
    assert_eq!(tries.take(at(60), host(1)), Err(2));
}

#[test]
fn all_addresses_together_have_sixty_tries_a_minute() {
    let mut tries = Tries::default();
    for number in 0..u8::try_from(TRIES_MAX).unwrap() {
        assert_eq!(tries.take(at(5), host(number)), Ok(()));
    }
    assert_eq!(tries.take(at(6), host(200)), Err(60));
    let later = at(5).after(TRIES_WITHIN);
    assert_eq!(tries.take(later, host(200)), Ok(()));
    assert_eq!(TRIES_WITHIN, Duration::from_secs(60));
}
