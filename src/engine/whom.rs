//! Whom a text means: a MAC address, an IP address or a name.

use core::net::IpAddr;
use core::str::FromStr;

use super::{Device, Engine, FlowFilter};
use crate::control::{Failure, Request};
use crate::value::{Class, Mac};

/// Why a text names no device.
enum NotFound<'a> {
    Nobody(&'a str),
    UnseenMac(Mac),
    Several(&'a str, Mac, Mac),
}

impl NotFound<'_> {
    fn failure(&self) -> Box<Failure> {
        Box::new(match self {
            NotFound::Nobody(text) => Failure::input(format_args!(
                "expected the MAC address, IP address or name of a device that 'lanemark devices' shows, found {text}"
            )),
            NotFound::UnseenMac(mac) => Failure::input(format_args!(
                "expected a device that was seen or configured, found {mac}; to class one before it is seen, add it with 'lanemark config apply'"
            )),
            NotFound::Several(name, one, other) => Failure::input(format_args!(
                "expected one device, found that {name} is the name of {one} and {other}; give the MAC address"
            )),
        })
    }
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
        let class = match request.class {
            Some(text) => {
                let parsed = Class::parse(text);
                Some(parsed.map_err(|unknown| {
                    Failure::input(format_args!("class: {unknown}, found {text}"))
                })?)
            }
            None => None,
        };
        Ok(FlowFilter { device, class })
    }

    /// The device that a MAC address, an IP address or a name means.
    ///
    /// # Errors
    /// [`Failure`]: none, or more than one.
    pub(super) fn find_device<'a>(&'a self, text: &'a str) -> Result<&'a Device, Box<Failure>> {
        self.find(text).map_err(|not_found| not_found.failure())
    }

    fn find<'a>(&'a self, text: &'a str) -> Result<&'a Device, NotFound<'a>> {
        if let Ok(mac) = Mac::parse(text) {
            let id = self.devices.find(mac).ok_or(NotFound::UnseenMac(mac))?;
            return self.devices.get(id).ok_or(NotFound::UnseenMac(mac));
        }
        if let Ok(address) = IpAddr::from_str(text) {
            let id = self
                .devices
                .by_address(address)
                .ok_or(NotFound::Nobody(text))?;
            return self.devices.get(id).ok_or(NotFound::Nobody(text));
        }
        let mut named = self.devices.named(text);
        match (named.next(), named.next()) {
            (Some(device), None) => Ok(device),
            (Some(one), Some(other)) => Err(NotFound::Several(text, one.mac, other.mac)),
            (None, _) => Err(NotFound::Nobody(text)),
        }
    }
}
