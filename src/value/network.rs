use core::fmt;
use core::net::IpAddr;

use super::{Address, decimal, halves};

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Addresses with the same first bits, as `192.168.1.0/28`; a single one is one with all its bits.
// Aligned, as interface names are.
#[repr(align(4))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address, the rest zeroes.
    bytes: [u8; 16],
    prefix: u8,
    version: IpVersion,
}

impl IpVersion {
    /// That of an address.
    pub const fn of(address: IpAddr) -> IpVersion {
        match address {
            IpAddr::V4(_) => IpVersion::V4,
            IpAddr::V6(_) => IpVersion::V6,
        }
    }

    /// Bytes of an address.
    pub const fn bytes(self) -> u8 {
        match self {
            IpVersion::V4 => 4,
            IpVersion::V6 => 16,
        }
    }
}

/// The bytes of an address, the rest zeroes.
fn bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}

/// The first bits set.
#[inline(never)]
fn mask(prefix: u8) -> [u8; 16] {
    let mut left = u32::from(prefix);
    let mut mask = [0; 16];
    for byte in &mut mask {
        *byte = !0xff_u8.checked_shr(left).unwrap_or_default();
        left = left.saturating_sub(8);
    }
    mask
}

impl Network {
    /// Reads `192.168.1.0/28`, or an address. None for anything else, and for a prefix that does not cover all bits that are set.
    #[inline(never)]
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match halves(text, b'/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = Address::parse(address)?;
        let mut network = Network::host(address);
        if let Some(digits) = prefix {
            let prefix = decimal(digits).and_then(|prefix| u8::try_from(prefix).ok());
            let fits = |prefix: &u8| *prefix <= network.prefix;
            network.prefix = prefix.filter(fits)?;
        }
        // Nothing of it stands outside its own mask.
        same(&network.bytes, &[0; 16], &invert(network.mask())).then_some(network)
    }

    /// One address.
    pub fn host(address: IpAddr) -> Network {
        let version = IpVersion::of(address);
        Network {
            bytes: bytes(address),
            prefix: version.bytes() * 8,
            version,
        }
    }

    /// Of which version.
    pub const fn version(&self) -> IpVersion {
        self.version
    }

    /// Its first address, the rest zeroes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// The bits that its addresses have in common.
    pub fn mask(&self) -> [u8; 16] {
        mask(self.prefix)
    }

    /// Whether it is one address.
    pub const fn is_host(&self) -> bool {
        self.prefix == self.version.bytes() * 8
    }

    /// Whether all of another network is in it.
    #[inline(never)]
    pub fn covers(&self, other: &Network) -> bool {
        self.version == other.version
            && self.prefix <= other.prefix
            && same(&self.bytes, &other.bytes, &self.mask())
    }
}

/// Whether the bits of the mask are the same.
#[inline(never)]
fn same(one: &[u8; 16], other: &[u8; 16], mask: &[u8; 16]) -> bool {
    let mut bits = one.iter().zip(other).zip(mask);
    bits.all(|((one, other), mask)| (one ^ other) & mask == 0)
}

fn invert(mask: [u8; 16]) -> [u8; 16] {
    mask.map(|byte| !byte)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.bytes;
        let address = match self.version {
            IpVersion::V4 => [a, b, c, d].into(),
            IpVersion::V6 => self.bytes.into(),
        };
        Address(address).fmt(f)?;
        f.write_str("/")?;
        self.prefix.fmt(f)
    }
}
