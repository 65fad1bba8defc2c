//! Reads the devices.

use core::fmt;
use core::net::IpAddr;

use heapless::String;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};

use super::problem::{Cause, Expected, Found, Object};
use super::reader::{Leaf, Reader, Scalar, Stop, Value};
use super::{Config, DEVICES_MAX, Device, NAME_BYTES_MAX};
use crate::value::{BadMac, Class, Mac};

const DEVICE_FIELDS: [&str; 3] = ["mac", "name", "class"];

/// The array of devices.
pub(super) struct Devices<'r, 't> {
    pub(super) reader: &'r mut Reader<'t>,
    pub(super) config: &'r mut Config,
}

impl<'t> DeserializeSeed<'t> for Devices<'_, 't> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'t>>(self, from: D) -> Result<(), D::Error> {
        if self.reader.token() != "[" {
            let place = Object::Named("devices").itself();
            return Err(self
                .reader
                .refuse_next(place, Expected::Json("an array of devices"))
                .json());
        }
        from.deserialize_seq(self)
    }
}

impl<'t> Visitor<'t> for Devices<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut array: A) -> Result<(), A::Error> {
        let Devices { reader, config } = self;
        let place = Object::Named("devices").itself();
        let devices = &mut config.devices;
        reader.eat("[");
        loop {
            reader.element(devices.len(), place).map_err(Stop::json)?;
            let start = reader.here();
            if devices.len() == DEVICES_MAX && reader.token() != "]" {
                return Err(reader
                    .refuse(Some(start), place, Cause::TooManyDevices)
                    .json());
            }
            let object = Object::Element("devices", devices.len());
            let mut entry = Entry {
                mac: None,
                name: String::new(),
                class: None,
            };
            let field = |reader: &mut Reader<'t>, name, value: &Value<'t>| {
                entry.set(reader, object, devices, name, value)
            };
            let leaf = Leaf {
                reader: &mut *reader,
                object,
                names: &DEVICE_FIELDS,
                field,
            };
            if array.next_element_seed(leaf)?.is_none() {
                reader.eat("]");
                return Ok(());
            }
            let device = entry.complete(reader, object, start).map_err(Stop::json)?;
            // The room was looked at above.
            let _ = devices.push(device);
        }
    }
}

/// A device that is being read.
struct Entry {
    mac: Option<Mac>,
    name: String<NAME_BYTES_MAX>,
    class: Option<Class>,
}

impl Entry {
    fn set<'t>(
        &mut self,
        reader: &mut Reader<'t>,
        object: Object,
        before: &[Device],
        field: &'static str,
        value: &Value<'t>,
    ) -> Result<(), Stop> {
        let place = object.field(field);
        let refused = match (field, value.scalar) {
            ("mac", _) => {
                let text = reader.text(place, Expected::Mac(BadMac::Form), value)?;
                match Mac::parse(&text) {
                    Err(bad) => Some(Expected::Mac(bad)),
                    Ok(mac) if before.iter().any(|device| device.mac == mac) => {
                        Some(Expected::NewMac)
                    }
                    Ok(mac) => {
                        self.mac = Some(mac);
                        None
                    }
                }
            }
            (_, Scalar::Null) => None,
            ("name", _) => {
                self.name = reader.text(place, Expected::Name, value)?;
                bad_name(&self.name, before)
            }
            _ => {
                let text = reader.text(place, Expected::Class, value)?;
                self.class = Class::parse(&text).ok();
                self.class.is_none().then_some(Expected::Class)
            }
        };
        refused.map_or(Ok(()), |expected| {
            Err(reader.refuse_value(place, expected, value))
        })
    }

    /// The device, if it has all that one needs.
    fn complete(
        self,
        reader: &mut Reader<'_>,
        object: Object,
        start: usize,
    ) -> Result<Device, Stop> {
        let Entry { mac, name, class } = self;
        let missing = |expected| Cause::Unexpected(expected, Found::Nothing);
        let Some(mac) = mac else {
            let cause = missing(Expected::Mac(BadMac::Form));
            return Err(reader.refuse(Some(start), object.field("mac"), cause));
        };
        if name.is_empty() && class.is_none() {
            return Err(reader.refuse(
                Some(start),
                object.itself(),
                missing(Expected::NameOrClass),
            ));
        }
        Ok(Device { mac, name, class })
    }
}

/// What a name should have been. Letters outside ASCII are compared as they are: the tables for their case would
/// take more flash than all of this folder.
fn bad_name(name: &str, before: &[Device]) -> Option<Expected> {
    if name.is_empty() || name.chars().any(char::is_control) {
        Some(Expected::Name)
    } else if !matches!(Mac::parse(name), Err(BadMac::Form)) || name.parse::<IpAddr>().is_ok() {
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
