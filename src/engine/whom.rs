//! Whom a text means: a MAC address, an IP address or a name.

use core::fmt;

use super::{Device, Engine, FlowFilter};
use crate::control::{Failure, Request};
use crate::value::{Address, Class, Mac};

/// What was asked makes no sense.
pub(super) fn input(words: fmt::Arguments<'_>) -> Box<Failure> {
    Box::new(Failure::input(words))
}

/// The class that a text means.
pub(super) fn class_of(text: &str) -> Result<Class, Box<Failure>> {
    Class::parse(text).map_err(|unknown| input(format_args!("class: {unknown}, found {text}")))
}

impl Engine {
    /// Which flows a client asks for.
    ///
    /// # Errors
    /// [`Failure`]: no such device or class.
    pub(super) fn flow_filter(&self, request: Request<'_>) -> Result<FlowFilter, Box<Failure>> {
        let device = match request.device {
            Some(text) => Some(self.find_device(text)?.mac),
            None => None,
        };
        let class = request.class.map(class_of).transpose()?;
        Ok(FlowFilter { device, class })
    }

    /// The device that a MAC address, an IP address or a name means.
    ///
    /// # Errors
    /// [`Failure`]: none, or more than one.
    pub(super) fn find_device<'a>(&'a self, text: &'a str) -> Result<&'a Device, Box<Failure>> {
        let nobody = || {
            input(format_args!(
                "expected the MAC address, IP address or name of a device that 'lanemark devices' shows, found {text}"
            ))
        };
        if let Ok(mac) = Mac::parse(text) {
            let id = self.devices.find(mac);
            return id.and_then(|id| self.devices.get(id)).ok_or_else(|| {
                input(format_args!(
                    "expected a device that was seen or configured, found {mac}; to class one before it is seen, add it with 'lanemark config apply'"
                ))
            });
        }
        if let Some(address) = Address::parse(text) {
            let id = self.devices.by_address(address);
            return id.and_then(|id| self.devices.get(id)).ok_or_else(nobody);
        }
        let mut named = self.devices.named(text);
        let device = named.next().ok_or_else(nobody)?;
        match named.next() {
            None => Ok(device),
            Some(other) => {
                let (one, other) = (device.mac, other.mac);
                Err(input(format_args!(
                    "expected one device, found that {text} is the name of {one} and {other}; give the MAC address"
                )))
            }
        }
    }
}
