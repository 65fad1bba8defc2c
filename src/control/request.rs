use core::fmt;

use heapless::String;
use serde::{Deserialize, Serialize};

use super::BadAnswer;
use super::json::Json;

/// Bytes of the longest request line: a verb, a device and a class, with room for a device name of 63 escaped bytes.
/// A longer line is answered with a failure and the connection is closed. (The configuration's own line has its own limit.)
pub const REQUEST_BYTES_MAX: usize = 1024;

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Is it on, is it proven, rates.
    Status,
    /// Every device.
    Devices,
    /// Every flow.
    Flows,
    /// Give `device` the `class`.
    Set,
    /// Take the class of `device` away.
    Unset,
    /// The configuration in force.
    ConfigShow,
    /// Replace the configuration; the next line is the new one.
    ConfigApply,
    /// What this kernel can do, what bypasses the queues.
    Doctor,
    /// Take everything of ours out of the kernel and end.
    Stop,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Verb; 9] = [
        Verb::Status,
        Verb::Devices,
        Verb::Flows,
        Verb::Set,
        Verb::Unset,
        Verb::ConfigShow,
        Verb::ConfigApply,
        Verb::Doctor,
        Verb::Stop,
    ];

    /// Its name in a request; a test compares it with what is written.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Status => "status",
            Verb::Devices => "devices",
            Verb::Flows => "flows",
            Verb::Set => "set",
            Verb::Unset => "unset",
            Verb::ConfigShow => "config-show",
            Verb::ConfigApply => "config-apply",
            Verb::Doctor => "doctor",
            Verb::Stop => "stop",
        }
    }

    fn of(name: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

/// One request, as the client says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Request<'a> {
    /// What to do.
    pub verb: Verb,
    /// A MAC address, an IP address or a name; for `set`, `unset` and as a filter of `flows`.
    pub device: Option<&'a str>,
    /// A class name; for `set` and as a filter of `flows`.
    pub class: Option<&'a str>,
}

impl Request<'_> {
    /// A request without a device or class.
    pub const fn plain(verb: Verb) -> Request<'static> {
        Request {
            verb,
            device: None,
            class: None,
        }
    }

    /// Writes it as JSON without the line break, and tells the length.
    ///
    /// # Errors
    /// [`BadRequest`] when it does not fit; what [`Heard`] can hold always fits.
    pub fn write(&self, line: &mut [u8; REQUEST_BYTES_MAX]) -> Result<usize, BadRequest> {
        serde_json_core::to_slice(self, line).map_err(|_| BadRequest)
    }
}

/// One request, as the daemon reads it. It owns its texts: a name with a quote or a backslash stands escaped in the line and cannot
/// be borrowed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// See [`Request::verb`].
    pub verb: Verb,
    /// See [`Request::device`].
    pub device: Option<String<63>>,
    /// See [`Request::class`].
    pub class: Option<String<15>>,
}

/// A line that is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRequest;

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a request like {\"verb\":\"status\"}, with a device of up to 63 bytes and a class of up to 15",
        )
    }
}

impl Heard {
    /// Reads a request line, with or without its line break.
    ///
    /// # Errors
    /// [`BadRequest`] for anything else, a longer line and a longer text too.
    pub fn read(line: &[u8]) -> Result<Heard, BadRequest> {
        if line.len() > REQUEST_BYTES_MAX {
            return Err(BadRequest);
        }
        Heard::sort(line).ok().flatten().ok_or(BadRequest)
    }

    /// `None` for a field that is not ours, or that is there twice.
    fn sort(line: &[u8]) -> Result<Option<Heard>, BadAnswer> {
        let (mut verb, mut device, mut class) = (None, None, None);
        let mut fields = Json::whole(line)?.fields()?;
        while let Some((name, value)) = fields.next()? {
            let again = match name {
                b"verb" => verb.replace(Verb::of(&value.text::<15>()?)).is_some(),
                b"device" => device
                    .replace(value.optional().map(Json::text).transpose()?)
                    .is_some(),
                b"class" => class
                    .replace(value.optional().map(Json::text).transpose()?)
                    .is_some(),
                _ => true,
            };
            if again {
                return Ok(None);
            }
        }
        let (device, class) = (device.flatten(), class.flatten());
        Ok(verb.flatten().map(|verb| Heard {
            verb,
            device,
            class,
        }))
    }

    /// The same, borrowed.
    pub fn request(&self) -> Request<'_> {
        Request {
            verb: self.verb,
            device: self.device.as_deref(),
            class: self.class.as_deref(),
        }
    }
}
