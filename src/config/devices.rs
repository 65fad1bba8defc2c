//! Reads the devices.

use heapless::{String, Vec};

use super::form::{self, Field};
use super::problem::{Expected, Found, Object};
use super::reader::{Fields, Reader, Scalar, Stop};
use super::{DEVICES_MAX, Device};
use crate::value::{Address, BadMac, Class, Mac};

/// The array of devices.
pub(super) fn read(
    reader: &mut Reader<'_>,
    devices: &mut Vec<Device, DEVICES_MAX>,
) -> Result<(), Stop> {
    let place = Object::Named("devices").itself();
    reader.place = place;
    reader.array(Expected::Json("an array of devices"))?;
    while reader.element(devices.len(), DEVICES_MAX)? {
        let device = device(reader, devices)?;
        // There is room: an element beyond it was refused.
        let _ = devices.push(device);
        reader.place = place;
    }
    Ok(())
}

/// The next device.
fn device(reader: &mut Reader<'_>, before: &[Device]) -> Result<Device, Stop> {
    let object = Object::Element("devices", before.len());
    let start = reader.here();
    let (mut mac, mut name, mut class) = (None, String::new(), None);
    let mut fields = Fields::of(object, &form::DEVICE);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        reader.step()?;
        let refused = match (field, reader.value) {
            (Field::Mac, _) => {
                reader.text(Expected::Mac(BadMac::Form))?;
                let parsed = Mac::parse(&reader.plain);
                mac = parsed.ok();
                match parsed {
                    Err(bad) => Some(Expected::Mac(bad)),
                    Ok(mac) if before.iter().any(|device| device.mac == mac) => {
                        Some(Expected::NewMac)
                    }
                    Ok(_) => None,
                }
            }
            (_, Scalar::Null) => None,
            (Field::Name, _) => {
                reader.text(Expected::Name)?;
                name.clone_from(&reader.plain);
                bad_name(&name, before)
            }
            _ => {
                reader.text(Expected::Class)?;
                class = Class::parse(&reader.plain).ok();
                class.is_none().then_some(Expected::Class)
            }
        };
        if let Some(expected) = refused {
            return Err(reader.refuse_last(expected));
        }
    }
    // What it needs, wherever in the object that stands.
    let (place, expected) = match mac {
        None => (object.field("mac"), Expected::Mac(BadMac::Form)),
        Some(_) if name.is_empty() && class.is_none() => (object.itself(), Expected::NameOrClass),
        Some(mac) => return Ok(Device { mac, name, class }),
    };
    reader.place = place;
    Err(reader.refuse_found(Some(start), expected, Found::Nothing))
}

/// What a name should have been. Letters outside ASCII are compared as they are: the tables for their case would
/// take more flash than all of this folder.
fn bad_name(name: &str, before: &[Device]) -> Option<Expected> {
    if name.is_empty() || name.chars().any(char::is_control) {
        Some(Expected::Name)
    } else if !matches!(Mac::parse(name), Err(BadMac::Form)) || Address::parse(name).is_some() {
        Some(Expected::NameNotAddress)
    } else if before
        .iter()
        .any(|device| device.name.eq_ignore_ascii_case(name))
    {
        Some(Expected::NewName)
    } else {
        None
    }
}
