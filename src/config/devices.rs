//! Reads the devices.

use heapless::{String, Vec};

use super::form::{self, Field};
use super::parse::rate;
use super::problem::{Cause, Expected, Found, Object, Place};
use super::reader::{Fields, Reader, Scalar, Stop};
use super::{Config, DEVICES_MAX, Device};
use crate::value::{Address, BadMac, CAPS_MAX, Class, Kbit, Mac, ShaperKind};

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
    let (mut up_max, mut down_max) = (None, None);
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
            (Field::UpMax, _) => {
                up_max = rate(reader)?;
                None
            }
            (Field::DownMax, _) => {
                down_max = rate(reader)?;
                None
            }
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
        Some(mac) => {
            let device = Device {
                mac,
                name,
                class,
                up_max,
                down_max,
            };
            if !device.name.is_empty() || device.class.is_some() || device.is_capped() {
                return Ok(device);
            }
            (object.itself(), Expected::NameOrClass)
        }
    };
    reader.place = place;
    Err(reader.refuse_found(Some(start), expected, Found::Nothing))
}

/// What of the caps can only be told of the whole.
pub(super) fn check_caps(reader: &mut Reader<'_>, config: &Config) -> Result<(), Stop> {
    let Some((place, words)) = misfit(config) else {
        return Ok(());
    };
    reader.place = place;
    Err(reader.refuse(None, Cause::Misfit(words)))
}

/// The first cap that does not go with the rest, and why.
fn misfit(config: &Config) -> Option<(Place, &'static str)> {
    const MOST: &str = "expected at most 64 devices with a cap, found one more";
    const UP: &str = "expected at most the line's wan.up_kbit, found more";
    const DOWN: &str = "expected at most the line's wan.down_kbit, found more";
    const SCHEDULER: &str = "expected htb or hfsc, since devices have caps, found cake";
    const NARROW: &str =
        "expected a mask that covers the seven bits above the shift, found a narrower one";
    const SHARED: &str = "expected a mask without a bit of mark.mask, found one with such a bit";
    let (wan, cap_mark) = (&config.wan, config.cap_mark);
    let above =
        |cap: Option<Kbit>, line: Option<Kbit>| cap.zip(line).is_some_and(|(cap, line)| cap > line);
    let mut count = 0;
    for (number, device) in config.devices.iter().enumerate() {
        let object = Object::Element("devices", number);
        count += usize::from(device.is_capped());
        if count > CAPS_MAX {
            return Some((object.itself(), MOST));
        }
        if above(device.up_max, wan.up) {
            return Some((object.field("up_max_kbit"), UP));
        }
        if above(device.down_max, wan.down) {
            return Some((object.field("down_max_kbit"), DOWN));
        }
    }
    if count == 0 {
        return None;
    }
    let mask = Object::Named("cap_mark").field("mask");
    match config.scheduler {
        Some(ShaperKind::Cake) => Some((Object::Whole.field("scheduler"), SCHEDULER)),
        _ if !cap_mark.holds_slots() => Some((mask, NARROW)),
        _ if cap_mark.mask() & config.mark.mask() != 0 => Some((mask, SHARED)),
        _ => None,
    }
}

const _: () = assert!(CAPS_MAX == 64, "the message names it");

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
