//! Lease files: which name goes with which MAC address.
//!
//! dnsmasq (`lease-file` in its manual): `expiry mac address name client-id`, name `*` when the host gave none. odhcpd:
//! `# interface duid iaid name expiry hostid length address/length ...`: IPv4 leases have the MAC address as DUID, 12 hex digits.
//! Whatever else stands there is passed over: the file is written by hosts of the LAN as much as by the server.

use core::net::IpAddr;

use crate::value::{Address, Mac, Pieces, halves};

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
    let (line, odhcpd) = match line.strip_prefix("# ") {
        Some(line) => (line, true),
        None => (line, false),
    };
    let mut words = [None; 8];
    for (place, word) in words.iter_mut().zip(Pieces::of(line, b' ')) {
        *place = Some(word);
    }
    let (mac, address, name) = if odhcpd {
        let [_, duid, _, name, _, _, _, address] = words;
        let (address, _) = halves(address?, b'/')?;
        (mac_of_duid(duid?)?, address, name?)
    } else {
        let [expiry, mac, address, name, ..] = words;
        expiry?.parse::<u64>().ok()?;
        (Mac::parse(mac?).ok()?, address?, name?)
    };
    Some(LeaseLine {
        mac,
        address: Address::parse(address)?,
        name: said(name),
    })
}

fn mac_of_duid(duid: &str) -> Option<Mac> {
    let mut mac = [0; 6];
    if duid.len() != 12 {
        return None;
    }
    let mut digits = duid.bytes().map(|byte| char::from(byte).to_digit(16));
    for byte in &mut mac {
        *byte = u8::try_from(digits.next()?? * 16 + digits.next()??).ok()?;
    }
    Some(Mac(mac)).filter(|mac| mac.is_device())
}

/// Both programs write a sign where the host gave no name.
fn said(name: &str) -> &str {
    if matches!(name, "*" | "-") { "" } else { name }
}
