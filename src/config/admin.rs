//! What the admin page shall be, and how that is read.

use heapless::{String, Vec};

use super::form::{self, Field};
use super::parse::AUTO;
use super::problem::{Expected, Object};
use super::reader::{Fields, Reader, Scalar, Stop};
use crate::value::Address;

/// Addresses at most that the page can be told to be at: several LANs with two families each. The ninth is refused.
pub const ADMIN_ADDRESSES_MAX: usize = 8;

/// Names at most that a browser may call the router by. The ninth is refused.
pub const ADMIN_NAMES_MAX: usize = 8;

/// Bytes of such a name: as much as a DNS label has.
const HOST_BYTES_MAX: usize = super::NAME_BYTES_MAX;

/// Browsers' connections at least: one page takes up to six.
pub const CONNECTIONS_MIN: u16 = 8;

/// Browsers' connections at most: each costs the page's process one file and about 1 kB. More are refused by the configuration.
pub const CONNECTIONS_MAX: u16 = 4096;

/// Bytes of the token of the metrics at least.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Bytes of the token of the metrics at most: 32 random bytes in hex.
pub const TOKEN_BYTES_MAX: usize = 64;

/// A name that a browser may call the router by.
pub type HostName = String<HOST_BYTES_MAX>;

/// The admin page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Whether there is one.
    pub enabled: bool,
    /// Its TCP port.
    pub port: u16,
    /// At which addresses it is; none for `auto`: at all that the LAN interfaces have. One that no LAN interface has is not served.
    pub addresses: Vec<Address, ADMIN_ADDRESSES_MAX>,
    /// By which names a browser may call it, besides its addresses.
    pub names: Vec<HostName, ADMIN_NAMES_MAX>,
    /// Connections at most.
    pub connections: u16,
    /// Whoever shows it is told the metrics; empty: nobody is.
    pub metrics_token: String<TOKEN_BYTES_MAX>,
}

impl Default for Admin {
    /// At all addresses of the LAN, port 8080: 80 is most often another page's.
    fn default() -> Admin {
        Admin {
            enabled: true,
            port: 8080,
            addresses: Vec::new(),
            names: Vec::new(),
            connections: 64,
            metrics_token: String::new(),
        }
    }
}

/// The next object. What it does not name stays as it is.
pub(super) fn read(reader: &mut Reader<'_>, admin: &mut Admin) -> Result<(), Stop> {
    let mut fields = Fields::of(Object::Named("admin"), &form::ADMIN);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        match field {
            Field::Addresses => addresses(reader, &mut admin.addresses)?,
            Field::Names => names(reader, &mut admin.names)?,
            Field::MetricsToken => token(reader, &mut admin.metrics_token)?,
            plain => {
                reader.step()?;
                setting(reader, admin, plain)?;
            }
        }
    }
    Ok(())
}

fn setting(reader: &mut Reader<'_>, admin: &mut Admin, field: Field) -> Result<(), Stop> {
    let (to, min, max) = match field {
        Field::Port => (&mut admin.port, 1, u16::MAX),
        Field::Connections => (&mut admin.connections, CONNECTIONS_MIN, CONNECTIONS_MAX),
        // `enabled`: the form has no other.
        _ => {
            admin.enabled = reader.flag()?;
            return Ok(());
        }
    };
    let number = reader.whole(min.into(), max.into())?;
    *to = u16::try_from(number).unwrap_or(max);
    Ok(())
}

/// A token, or null. It is longer than other texts may be, and has nothing that could be escaped.
fn token(reader: &mut Reader<'_>, token: &mut String<TOKEN_BYTES_MAX>) -> Result<(), Stop> {
    const TOKEN: Expected = Expected::This(
        "16 to 64 visible ASCII characters but quotation marks and backslashes, or null",
    );
    token.clear();
    reader.step()?;
    let good = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    match reader.value {
        Scalar::Null => Ok(()),
        // One that is too long has no room.
        Scalar::Text(raw)
            if raw.len() >= TOKEN_BYTES_MIN
                && raw.bytes().all(good)
                && token.push_str(raw).is_ok() =>
        {
            Ok(())
        }
        _ => Err(reader.refuse_last(TOKEN)),
    }
}

/// `auto`, or an array of addresses.
fn addresses(
    reader: &mut Reader<'_>,
    addresses: &mut Vec<Address, ADMIN_ADDRESSES_MAX>,
) -> Result<(), Stop> {
    const ADDRESSES: Expected = Expected::This("\"auto\" or an array of 1 to 8 addresses");
    const ADDRESS: Expected = Expected::This("the address of a LAN interface, each once");
    addresses.clear();
    if reader.peek() != Some(b'[') {
        reader.step()?;
        reader.text(ADDRESSES)?;
        return if reader.plain == AUTO {
            Ok(())
        } else {
            Err(reader.refuse_last(ADDRESSES))
        };
    }
    let place = reader.place;
    reader.array(ADDRESSES)?;
    while reader.element(addresses.len(), ADMIN_ADDRESSES_MAX)? {
        reader.place = Object::Element("admin.addresses", addresses.len()).itself();
        reader.step()?;
        reader.text(ADDRESS)?;
        let address = Address::parse(&reader.plain).map(Address);
        let usable = address.filter(|address| {
            let nobody = address.0.is_unspecified() || address.0.is_multicast();
            !nobody && !addresses.contains(address)
        });
        // There is room: an element beyond it was refused.
        let taken = usable.and_then(|address| addresses.push(address).ok());
        taken.ok_or_else(|| reader.refuse_last(ADDRESS))?;
        reader.place = place;
    }
    if addresses.is_empty() {
        return Err(reader.refuse_last(ADDRESSES));
    }
    Ok(())
}

const _: () = assert!(ADMIN_ADDRESSES_MAX == 8, "the message says so");

/// An array of host names, which may be empty.
fn names(reader: &mut Reader<'_>, names: &mut Vec<HostName, ADMIN_NAMES_MAX>) -> Result<(), Stop> {
    const NAME: Expected =
        Expected::This("a host name of 1 to 63 letters, digits, dots and hyphens, each once");
    names.clear();
    let place = reader.place;
    reader.array(Expected::Json("an array of host names"))?;
    while reader.element(names.len(), ADMIN_NAMES_MAX)? {
        reader.place = Object::Element("admin.names", names.len()).itself();
        reader.step()?;
        reader.text(NAME)?;
        let name = &reader.plain;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let is_name = !name.is_empty()
            && name.bytes().all(good)
            && !names.iter().any(|other| other.eq_ignore_ascii_case(name));
        // There is room: an element beyond it was refused.
        if !is_name || names.push(name.clone()).is_err() {
            return Err(reader.refuse_last(NAME));
        }
        reader.place = place;
    }
    Ok(())
}
