//! Lease files: which name goes with which MAC address.
//!
//! dnsmasq (`lease-file` in its manual): `expiry mac address name client-id`, name `*` when the host gave none. odhcpd:
//! `# interface duid iaid name expiry hostid length address/length ...`: IPv4 leases have the MAC address as DUID, 12 hex digits.
//! Whatever else stands there is passed over: the file is written by hosts of the LAN as much as by the server.

use core::net::IpAddr;

use crate::value::Mac;

/// One lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseLine<'a> {
    /// Who.
    pub mac: Mac,
    /// Which address.
    pub address: IpAddr,
    /// What it calls itself; empty when it does not say. Anything may stand in it.
    pub name: &'a str,
}

/// Reads a line. `None` for a comment, an IPv6 lease by DUID, or nonsense.
pub fn parse(line: &str) -> Option<LeaseLine<'_>> {
    match line.strip_prefix("# ") {
        Some(line) => odhcpd(line),
        None => dnsmasq(line),
    }
}

fn dnsmasq(line: &str) -> Option<LeaseLine<'_>> {
    let mut words = line.split(' ');
    words.next()?.parse::<u64>().ok()?;
    let mac = Mac::parse(words.next()?).ok()?;
    let address = words.next()?.parse().ok()?;
    Some(LeaseLine {
        mac,
        address,
        name: said(words.next()?),
    })
}

fn odhcpd(line: &str) -> Option<LeaseLine<'_>> {
    let mut words = line.split(' ');
    let (_, duid, _, name) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (_, _, _) = (words.next()?, words.next()?, words.next()?);
    let (address, _) = words.next()?.split_once('/')?;
    let mut mac = [0; 6];
    // Without the second question a sign would pass for a digit.
    if duid.len() != 12 || !duid.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in mac.iter_mut().zip(duid.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    let mac = Mac(mac);
    mac.is_device().then_some(LeaseLine {
        mac,
        address: address.parse().ok()?,
        name: said(name),
    })
}

/// Both programs write a sign where the host gave no name.
fn said(name: &str) -> &str {
    if matches!(name, "*" | "-") { "" } else { name }
}
