use core::fmt;

use heapless::{String, Vec};
use serde::de::{DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json_core::de::Deserializer;

use super::devices::Devices;
use super::problem::{Cause, Expected, Found, Object, Problem};
use super::reader::{AnyValue, Leaf, Reader, Scalar, Stop, Value, line_behind};
use super::{
    CONFIG_BYTES_MAX, Config, LANS_MAX, Lan, NAME_BYTES_MAX, OVERHEAD_MAX, RATE_MAX, RATE_MIN,
    VERSION,
};
use crate::value::{Class, IfName, Kbit, MarkLayout};

const FIELDS: [&str; 8] = [
    "version",
    "enabled",
    "wan",
    "lan",
    "default_class",
    "shares",
    "devices",
    "mark",
];
const WAN_FIELDS: [&str; 4] = ["interface", "up_kbit", "down_kbit", "overhead"];
const SHARES_FIELDS: [&str; 4] = ["premium", "express", "standard", "bulk"];
const MARK_FIELDS: [&str; 2] = ["mask", "shift"];

/// The interface name that means: find it yourself.
const AUTO: &str = "auto";

/// Reads the text of `config.json`.
///
/// Only `version` must be there, and both rates when `enabled` is true; every other field has the value of
/// [`Config::default`] when it is left out. `null` stands for "left out" where a value is optional: at the rates and at the
/// name and class of a device.
///
/// The depth is bounded by the form, not by the text: a value of the wrong kind, and a field that the form does not know,
/// is refused at its first byte and never skipped.
///
/// # Errors
/// The first [`Problem`] in the text.
pub fn parse(text: &[u8]) -> Result<Config, Problem> {
    let mut config = Config::default();
    read(text, &mut config)?;
    Ok(config)
}

/// Reads into `config`, whose devices stand on the heap: no frame below holds them.
fn read(text: &[u8], config: &mut Config) -> Result<(), Problem> {
    let whole = |line, cause| Problem {
        line,
        place: Object::Whole.itself(),
        cause,
    };
    if text.len() > CONFIG_BYTES_MAX {
        return Err(whole(None, Cause::TooLong(text.len())));
    }
    let text = core::str::from_utf8(text).map_err(|bad| {
        let (good, rest) = text.split_at(bad.valid_up_to());
        whole(
            Some(line_behind(good)),
            Cause::NotUtf8(rest.first().copied().unwrap_or_default()),
        )
    })?;
    let mut reader = Reader::new(text);
    if reader.token().is_empty() {
        return Err(whole(None, Cause::Empty));
    }
    // Without a buffer to unescape strings into, the library hands every string out as it stands in the text.
    let mut json = Deserializer::new(text.as_bytes(), None);
    if reader.token() != "{" {
        reader.refuse_next(Object::Whole.itself(), Expected::Json("an object"));
    }
    let top = Top {
        reader: &mut reader,
        config,
        versioned: false,
    };
    json.deserialize_map(top)
        .and_then(|()| json.end())
        .map_err(|error| reader.problem(error))?;
    Ok(())
}

/// The outermost object.
struct Top<'r, 't> {
    reader: &'r mut Reader<'t>,
    config: &'r mut Config,
    versioned: bool,
}

impl<'t> Visitor<'t> for Top<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let Top {
            reader,
            config,
            mut versioned,
        } = self;
        reader.fields(
            &mut map,
            Object::Whole,
            &FIELDS,
            |reader, map, name| match name {
                "wan" => wan(reader, config, map),
                "lan" => map.next_value_seed(LanValue { reader, config }),
                "shares" => shares(reader, config, map),
                "devices" => map.next_value_seed(Devices { reader, config }),
                "mark" => mark(reader, config, map),
                plain => {
                    versioned |= plain == "version";
                    let value = map.next_value_seed(AnyValue(reader))?;
                    setting(reader, config, plain, &value).map_err(Stop::json)
                }
            },
        )?;
        complete(reader, config, versioned).map_err(Stop::json)
    }
}

/// The fields of the outermost object that are plain values.
fn setting<'t>(
    reader: &mut Reader<'t>,
    config: &mut Config,
    name: &'static str,
    value: &Value<'t>,
) -> Result<(), Stop> {
    let place = Object::Whole.field(name);
    match (name, value.scalar) {
        ("version", Scalar::Whole(VERSION)) => {}
        ("version", _) => return Err(reader.refuse_value(place, Expected::Version, value)),
        ("enabled", Scalar::Flag(enabled)) => config.enabled = enabled,
        ("enabled", _) => {
            return Err(reader.refuse_value(place, Expected::Json("true or false"), value));
        }
        _ => {
            let text = reader.text(place, Expected::DefaultClass, value)?;
            config.default_class = Class::parse(&text)
                .ok()
                .filter(|class| *class != Class::Exempt)
                .ok_or_else(|| reader.refuse_value(place, Expected::DefaultClass, value))?;
        }
    }
    Ok(())
}

/// What can only be told of the whole.
fn complete(reader: &mut Reader<'_>, config: &Config, versioned: bool) -> Result<(), Stop> {
    let nothing = |expected| Cause::Unexpected(expected, Found::Nothing);
    if !versioned {
        return Err(reader.refuse(
            None,
            Object::Whole.field("version"),
            nothing(Expected::Version),
        ));
    }
    for (name, rate) in [("up_kbit", config.wan.up), ("down_kbit", config.wan.down)] {
        if config.enabled && rate.is_none() {
            let place = Object::Named("wan").field(name);
            return Err(reader.refuse(None, place, nothing(Expected::RateWhenEnabled)));
        }
    }
    Ok(())
}

fn wan<'t, A: MapAccess<'t>>(
    reader: &mut Reader<'t>,
    config: &mut Config,
    map: &mut A,
) -> Result<(), A::Error> {
    let object = Object::Named("wan");
    let field = |reader: &mut Reader<'t>, name, value: &Value<'t>| {
        let place = object.field(name);
        match name {
            "interface" => {
                let text = reader.text(place, Expected::Interface, value)?;
                if text == AUTO {
                    config.wan.interface = None;
                    return Ok(());
                }
                let interface = IfName::parse(&text)
                    .map_err(|_| reader.refuse_value(place, Expected::Interface, value))?;
                if matches!(&config.lan, Lan::Interfaces(names) if names.contains(&interface)) {
                    return Err(reader.refuse_value(place, Expected::OtherThanLan, value));
                }
                config.wan.interface = Some(interface);
            }
            "overhead" => config.wan.overhead = reader.small(place, 0, OVERHEAD_MAX, value)?,
            rate => {
                let kbit = match value.scalar {
                    Scalar::Null => None,
                    _ => Some(Kbit(reader.whole(place, RATE_MIN.0, RATE_MAX.0, value)?)),
                };
                *(if rate == "up_kbit" {
                    &mut config.wan.up
                } else {
                    &mut config.wan.down
                }) = kbit;
            }
        }
        Ok(())
    };
    map.next_value_seed(Leaf {
        reader,
        object,
        names: &WAN_FIELDS,
        field,
    })
}

fn shares<'t, A: MapAccess<'t>>(
    reader: &mut Reader<'t>,
    config: &mut Config,
    map: &mut A,
) -> Result<(), A::Error> {
    let object = Object::Named("shares");
    let start = reader.here();
    let shares = &mut config.shares;
    let field = |reader: &mut Reader<'t>, name, value: &Value<'t>| {
        let share = reader.small(object.field(name), 1, 100, value)?;
        *match name {
            "premium" => &mut shares.premium,
            "express" => &mut shares.express,
            "standard" => &mut shares.standard,
            _ => &mut shares.bulk,
        } = share;
        Ok(())
    };
    map.next_value_seed(Leaf {
        reader: &mut *reader,
        object,
        names: &SHARES_FIELDS,
        field,
    })?;
    let sum: u32 = Class::SHAPED
        .into_iter()
        .map(|class| u32::from(config.shares.of(class)))
        .sum();
    if sum > 100 {
        let cause = Cause::SharesAbove100(config.shares);
        return Err(reader.refuse(Some(start), object.itself(), cause).json());
    }
    Ok(())
}

fn mark<'t, A: MapAccess<'t>>(
    reader: &mut Reader<'t>,
    config: &mut Config,
    map: &mut A,
) -> Result<(), A::Error> {
    let object = Object::Named("mark");
    let start = reader.here();
    let (mut mask, mut shift) = (config.mark.mask(), config.mark.shift());
    // What is quoted when the two do not go together.
    let mut found = Found::Nothing;
    let field = |reader: &mut Reader<'t>, name, value: &Value<'t>| {
        let place = object.field(name);
        if name == "shift" {
            shift = reader.small(place, 0, MarkLayout::SHIFT_MAX, value)?;
            return Ok(());
        }
        mask = match value.scalar {
            Scalar::Whole(mask) => mask,
            Scalar::Text(_) => {
                let text = reader.text(place, Expected::Mask, value)?;
                hex(&text).ok_or_else(|| reader.refuse_value(place, Expected::Mask, value))?
            }
            _ => return Err(reader.refuse_value(place, Expected::Mask, value)),
        };
        Ok(())
    };
    map.next_value_seed(Leaf {
        reader: &mut *reader,
        object,
        names: &MARK_FIELDS,
        field,
    })?;
    config.mark = MarkLayout::new(mask, shift).map_err(|bad| {
        let mut text = String::<NAME_BYTES_MAX>::new();
        // A mask and a shift take fewer than 40 bytes.
        if fmt::write(&mut text, format_args!("{mask:#x} and shift {shift}")).is_ok() {
            found = Found::of(&text);
        }
        reader
            .refuse(
                Some(start),
                object.itself(),
                Cause::Unexpected(Expected::Mark(bad), found),
            )
            .json::<A::Error>()
    })?;
    Ok(())
}

/// `0x` and up to eight hex digits.
fn hex(text: &str) -> Option<u32> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    // `from_str_radix` would take a sign.
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// The LAN: `auto` or an array.
struct LanValue<'r, 't> {
    reader: &'r mut Reader<'t>,
    config: &'r mut Config,
}

impl<'t> DeserializeSeed<'t> for LanValue<'_, 't> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'t>>(self, from: D) -> Result<(), D::Error> {
        if self.reader.token() == "[" {
            return from.deserialize_seq(self);
        }
        let place = Object::Named("lan").itself();
        let value = AnyValue(&mut *self.reader).deserialize(from)?;
        let text = self
            .reader
            .text(place, Expected::Lan, &value)
            .map_err(Stop::json)?;
        if text != AUTO {
            return Err(self
                .reader
                .refuse_value(place, Expected::Lan, &value)
                .json());
        }
        self.config.lan = Lan::Auto;
        Ok(())
    }
}

impl<'t> Visitor<'t> for LanValue<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut array: A) -> Result<(), A::Error> {
        let LanValue { reader, config } = self;
        let place = Object::Named("lan").itself();
        let mut names = Vec::<IfName, LANS_MAX>::new();
        reader.eat("[");
        loop {
            reader.element(names.len(), place).map_err(Stop::json)?;
            let Some(value) = array.next_element_seed(AnyValue(reader))? else {
                break;
            };
            lan_interface(reader, config.wan.interface, &mut names, &value).map_err(Stop::json)?;
        }
        if names.is_empty() {
            return Err(reader.refuse_next(place, Expected::Lan).json());
        }
        reader.eat("]");
        config.lan = Lan::Interfaces(names);
        Ok(())
    }
}

fn lan_interface<'t>(
    reader: &mut Reader<'t>,
    wan: Option<IfName>,
    names: &mut Vec<IfName, LANS_MAX>,
    value: &Value<'t>,
) -> Result<(), Stop> {
    let place = Object::Element("lan", names.len()).itself();
    let text = reader.text(place, Expected::LanInterface, value)?;
    let name = IfName::parse(&text)
        .map_err(|_| reader.refuse_value(place, Expected::LanInterface, value))?;
    let refused = if text == AUTO {
        Some(Expected::Lan)
    } else if wan == Some(name) {
        Some(Expected::OtherThanWan)
    } else if names.contains(&name) {
        Some(Expected::NewInterface)
    } else {
        names.push(name).err().map(|_| Expected::Lan)
    };
    refused.map_or(Ok(()), |expected| {
        Err(reader.refuse_value(place, expected, value))
    })
}
