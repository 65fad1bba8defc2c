use core::fmt;

use heapless::String;
use heapless::string::StringView;
use serde::{Deserialize, Serialize};

use super::BadAnswer;
use super::json::Json;
use super::write::Writer;

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
    /// Replace the configuration; the next line is the new one. With a `device`, only if that is the CRC-32 of the one in force.
    ConfigApply,
    /// Whether the next line is a configuration; nothing is changed.
    ConfigCheck,
    /// The configurations that are kept.
    History,
    /// One of them, by its number as the `device`; without, the one before the one in force.
    HistoryShow,
    /// Put that one in force again.
    Rollback,
    /// What this kernel can do, what bypasses the queues.
    Doctor,
    /// Replace the admin password; the next line is the hash of the new one, or `null` to have none any more.
    Password,
    /// What changes, as it changes, until the connection is closed.
    Watch,
    /// Whether the next line is the admin password; `device` is the address of whoever tries it.
    Login,
    /// Replace the admin password by that of the next line, if the line behind that is the one before, or `null` and there is none yet; `device` as
    /// for [`Verb::Login`].
    Enroll,
    /// Take everything of ours out of the kernel and end.
    Stop,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Verb; 17] = [
        Verb::Status,
        Verb::Devices,
        Verb::Flows,
        Verb::Set,
        Verb::Unset,
        Verb::ConfigShow,
        Verb::ConfigApply,
        Verb::ConfigCheck,
        Verb::History,
        Verb::HistoryShow,
        Verb::Rollback,
        Verb::Doctor,
        Verb::Password,
        Verb::Watch,
        Verb::Login,
        Verb::Enroll,
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
            Verb::ConfigCheck => "config-check",
            Verb::History => "history",
            Verb::HistoryShow => "history-show",
            Verb::Rollback => "rollback",
            Verb::Doctor => "doctor",
            Verb::Password => "password",
            Verb::Watch => "watch",
            Verb::Login => "login",
            Verb::Enroll => "enroll",
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

    /// As JSON without the line break. What [`Heard`] can hold always fits into [`REQUEST_BYTES_MAX`].
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let mut writer = Writer::object(&mut line);
        writer.quote_or_null("verb", Some(self.verb.name()));
        writer.quote_or_null("device", self.device);
        writer.quote_or_null("class", self.class);
        writer.end();
        line
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
        let (mut verb, mut device, mut class) = <(String<15>, String<63>, String<15>)>::default();
        let (mut seen, mut told) = ([false; 3], [false; 3]);
        let mut fields = Json::whole(line)?.fields()?;
        while let Some((name, value)) = fields.next()? {
            let (field, text): (_, &mut StringView) = match name {
                b"verb" => (0, &mut verb),
                b"device" => (1, &mut device),
                b"class" => (2, &mut class),
                _ => return Ok(None),
            };
            if core::mem::replace(&mut seen[field], true) {
                return Ok(None);
            }
            if let Some(value) = value.optional() {
                value.text(text)?;
                told[field] = true;
            }
        }
        Ok(Verb::of(&verb).map(|verb| Heard {
            verb,
            device: told[1].then_some(device),
            class: told[2].then_some(class),
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
