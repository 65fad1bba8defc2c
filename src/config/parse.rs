use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr};

use heapless::Vec;

use super::form::{self, Field, Form};
use super::link::LINK_LAYERS;
use super::problem::{Cause, Expected, Found, Object, Problem};
use super::reader::{Fields, Reader, Scalar, Stop, line_behind};
use super::{
    CONFIG_BYTES_MAX, Config, LANS_MAX, Lan, MPU_MAX, OVERHEAD_MAX, RATE_MAX, RATE_MIN, VERSION,
    Zone,
};
use super::{admin, devices, percents, rules, schedule};
use crate::value::{
    Address, Ahead, Class, IfName, Kbit, Kind, LeafKind, LowerMss, MarkLayout, ShaperKind,
    TimeZone, utf8,
};

/// The word that means: find it yourself.
pub(super) const AUTO: &str = "auto";

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
    let whole = |line, cause| Problem {
        line,
        place: Object::Whole.itself(),
        cause,
    };
    if text.len() > CONFIG_BYTES_MAX {
        return Err(whole(None, Cause::TooLong(text.len())));
    }
    let text = utf8(text).map_err(|good| {
        let (good, rest) = text.split_at(good);
        whole(
            Some(line_behind(good)),
            Cause::NotUtf8(rest.first().copied().unwrap_or_default()),
        )
    })?;
    let mut reader = Reader::new(text);
    let mut config = Config::default();
    match read(&mut reader, &mut config) {
        Ok(()) => Ok(config),
        Err(Stop) => Err(reader.problem),
    }
}

/// Reads into `config`, whose devices stand on the heap: no frame below holds them.
fn read(reader: &mut Reader<'_>, config: &mut Config) -> Result<(), Stop> {
    if reader.peek().is_none() {
        // An empty text is what a reader takes a text for that it has not begun with.
        return Err(Stop);
    }
    let mut fields = Fields::of(Object::Whole, &form::WHOLE);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        match field {
            Field::Wan => object(reader, config, Object::Named("wan"), &form::WAN)?,
            Field::Lan => lan(reader, config)?,
            Field::Shares => percents::read(reader, &percents::SHARES, 0, &mut config.shares)?,
            Field::Ceilings => {
                percents::read(reader, &percents::CEILINGS, 0, &mut config.ceilings)?
            }
            Field::Devices => devices::read(reader, &mut config.devices)?,
            Field::Rules => rules::read(reader, &mut config.rules)?,
            Field::Prioritize => config.prioritize = prioritize(reader)?,
            Field::Mark => mark(reader, "mark", &mut config.mark)?,
            Field::CapMark => mark(reader, "cap_mark", &mut config.cap_mark)?,
            Field::TimeZone => time_zone(reader, config)?,
            Field::Schedules => schedule::read(reader, &mut config.schedules)?,
            Field::Admin => admin::read(reader, &mut config.admin)?,
            plain => setting(reader, config, plain)?,
        }
    }
    complete(reader, config, fields.have(Field::Version))?;
    reader.end()
}

/// What can only be told of the whole.
fn complete(reader: &mut Reader<'_>, config: &Config, versioned: bool) -> Result<(), Stop> {
    let wan = Object::Named("wan");
    let (place, expected) = if !versioned {
        (Object::Whole.field("version"), Expected::Version)
    } else if config.enabled && config.wan.up.is_none() {
        (wan.field("up_kbit"), Expected::RateWhenEnabled)
    } else if config.enabled && config.wan.down.is_none() {
        (wan.field("down_kbit"), Expected::RateWhenEnabled)
    } else {
        percents::check_ceilings(reader, config)?;
        return devices::check_caps(reader, config);
    };
    reader.place = place;
    Err(reader.refuse_found(None, expected, Found::Nothing))
}

/// An object whose fields are all plain values.
fn object(
    reader: &mut Reader<'_>,
    config: &mut Config,
    object: Object,
    form: &'static Form,
) -> Result<(), Stop> {
    let mut fields = Fields::of(object, form);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        setting(reader, config, field)?;
    }
    Ok(())
}

/// A field that is a plain value, whatever else the configuration says.
fn setting(reader: &mut Reader<'_>, config: &mut Config, field: Field) -> Result<(), Stop> {
    reader.step()?;
    match field {
        Field::Version => {
            if !matches!(reader.value, Scalar::Whole(VERSION)) {
                return Err(reader.refuse_last(Expected::Version));
            }
        }
        Field::Enabled => config.enabled = reader.flag()?,
        Field::Interface => config.wan.interface = interface(reader, &config.lan)?,
        Field::Link => {
            reader.text(Expected::LinkLayer)?;
            let mut known = LINK_LAYERS.iter();
            let link = known.find(|link| link.name == reader.plain);
            config.wan.link = link.ok_or_else(|| reader.refuse_last(Expected::LinkLayer))?;
        }
        Field::Overhead => config.wan.overhead = bytes(reader, OVERHEAD_MAX)?,
        Field::Mpu => config.wan.mpu = bytes(reader, MPU_MAX)?,
        Field::Mss => {
            const MSS: Expected = Expected::This("pmtu or off");
            reader.text(MSS)?;
            config.wan.mss.to_path = match reader.plain.as_str() {
                "pmtu" => true,
                "off" => false,
                _ => return Err(reader.refuse_last(MSS)),
            };
        }
        Field::LowerMss => config.wan.mss.lower = lower_mss(reader)?,
        Field::Probe if matches!(reader.value, Scalar::Null) => config.wan.probe = None,
        Field::Probe => {
            const PROBE: Expected = Expected::This("an IPv4 address like 9.9.9.9");
            reader.text(PROBE)?;
            config.wan.probe = match Address::parse(&reader.plain) {
                Some(IpAddr::V4(address)) if is_host(address) => Some(address),
                _ => return Err(reader.refuse_last(PROBE)),
            };
        }
        Field::Up => config.wan.up = rate(reader)?,
        Field::Down => config.wan.down = rate(reader)?,
        Field::Scheduler => {
            const SCHEDULER: Expected = Expected::This("auto, htb, hfsc or cake");
            reader.text(SCHEDULER)?;
            let mut all = ShaperKind::ALL.into_iter();
            config.scheduler = all.find(|kind| reader.plain == kind.name());
            known_or_auto(reader, config.scheduler.is_some(), SCHEDULER)?;
        }
        Field::Leaf => {
            const LEAF: Expected =
                Expected::This("auto, fq_codel, cake, codel, sfq, pie, pfifo or bfifo");
            reader.text(LEAF)?;
            let mut all = LeafKind::ALL.into_iter();
            config.leaf = all.find(|kind| reader.plain == kind.name());
            known_or_auto(reader, config.leaf.is_some(), LEAF)?;
        }
        // The default class: what is no setting has a reader of its own.
        _ => {
            reader.text(Expected::DefaultClass)?;
            match Class::parse(&reader.plain) {
                Ok(class) if class != Class::Exempt => config.default_class = class,
                _ => return Err(reader.refuse_last(Expected::DefaultClass)),
            }
        }
    }
    Ok(())
}

/// Whether the address can be one host's: neither everybody's nor nobody's.
const fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_broadcast() || address.is_multicast())
}

/// So many bytes at most; none where the link layer says it.
fn bytes(reader: &mut Reader<'_>, most: u8) -> Result<Option<u8>, Stop> {
    if matches!(reader.value, Scalar::Null) {
        return Ok(None);
    }
    reader.small(0, most).map(Some)
}

/// The largest segment of the lower lanes.
fn lower_mss(reader: &mut Reader<'_>) -> Result<LowerMss, Stop> {
    const EXPECTED: Expected = Expected::This("auto, null or a whole number from 536 to 1460");
    const _: () = assert!(LowerMss::MIN == 536 && LowerMss::MAX == 1460);
    const BYTES: core::ops::RangeInclusive<u32> = LowerMss::MIN as u32..=LowerMss::MAX as u32;
    match reader.value {
        Scalar::Null => Ok(LowerMss::Off),
        Scalar::Text(AUTO) => Ok(LowerMss::Auto),
        Scalar::Whole(bytes) if BYTES.contains(&bytes) => {
            Ok(u16::try_from(bytes).map_or(LowerMss::Auto, LowerMss::Bytes))
        }
        _ => Err(reader.refuse_last(EXPECTED)),
    }
}

/// Refuses a word that is neither known nor `auto`.
fn known_or_auto(reader: &mut Reader<'_>, known: bool, expected: Expected) -> Result<(), Stop> {
    if known || reader.plain == AUTO {
        return Ok(());
    }
    Err(reader.refuse_last(expected))
}

pub(super) fn rate(reader: &mut Reader<'_>) -> Result<Option<Kbit>, Stop> {
    if matches!(reader.value, Scalar::Null) {
        return Ok(None);
    }
    let kbit = reader.whole(RATE_MIN.0, RATE_MAX.0)?;
    Ok(Some(Kbit(kbit)))
}

/// The WAN's interface; none is `auto`.
fn interface(reader: &mut Reader<'_>, lan: &Lan) -> Result<Option<IfName>, Stop> {
    let name = reader.interface(Expected::Interface)?;
    match lan {
        _ if reader.plain == AUTO => Ok(None),
        Lan::Interfaces(names) if names.contains(&name) => {
            Err(reader.refuse_last(Expected::OtherThanLan))
        }
        _ => Ok(Some(name)),
    }
}

fn mark(reader: &mut Reader<'_>, name: &'static str, layout: &mut MarkLayout) -> Result<(), Stop> {
    let start = reader.here();
    let (mut mask, mut shift) = (layout.mask(), layout.shift());
    let mut fields = Fields::of(Object::Named(name), &form::MARK);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        reader.step()?;
        if field == Field::Shift {
            shift = reader.small(0, MarkLayout::SHIFT_MAX)?;
            continue;
        }
        let given = match reader.value {
            Scalar::Whole(mask) => Some(mask),
            Scalar::Text(_) => {
                reader.text(Expected::Mask)?;
                hex(&reader.plain)
            }
            _ => None,
        };
        mask = given.ok_or_else(|| reader.refuse_last(Expected::Mask))?;
    }
    *layout = MarkLayout::new(mask, shift).map_err(|bad| {
        reader.plain.clear();
        // A mask and a shift take fewer than 40 bytes.
        let _ = write!(reader.plain, "{mask:#x} and shift {shift}");
        let found = Found::of(&reader.plain);
        reader.refuse_found(Some(start), Expected::Mark(bad), found)
    })?;
    Ok(())
}

fn time_zone(reader: &mut Reader<'_>, config: &mut Config) -> Result<(), Stop> {
    reader.step()?;
    reader.text(Expected::TimeZone)?;
    if reader.plain == AUTO {
        config.time_zone = None;
        return Ok(());
    }
    let Ok(zone) = TimeZone::parse(&reader.plain) else {
        return Err(reader.refuse_last(Expected::TimeZone));
    };
    let text = reader.plain.clone();
    config.time_zone = Some(Box::new(Zone { text, zone }));
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

/// Kinds of packets: an array, which may be empty.
fn prioritize(reader: &mut Reader<'_>) -> Result<Ahead, Stop> {
    const KINDS: Expected =
        Expected::This("an array of ack, syn, fin, rst, icmp and dns, each at most once");
    let mut ahead = Ahead::NOTHING;
    reader.place = Object::Named("prioritize").itself();
    reader.array(KINDS)?;
    let mut count = 0;
    while reader.element(count, Kind::ALL.len())? {
        reader.step()?;
        reader.text(KINDS)?;
        if !ahead.add(&reader.plain) {
            return Err(reader.refuse_last(KINDS));
        }
        count += 1;
    }
    Ok(ahead)
}

/// The LAN: `auto` or an array.
fn lan(reader: &mut Reader<'_>, config: &mut Config) -> Result<(), Stop> {
    reader.place = Object::Named("lan").itself();
    if reader.peek() != Some(b'[') {
        reader.step()?;
        reader.text(Expected::Lan)?;
        if reader.plain != AUTO {
            return Err(reader.refuse_last(Expected::Lan));
        }
        config.lan = Lan::Auto;
        return Ok(());
    }
    let mut names = Vec::<IfName, LANS_MAX>::new();
    reader.array(Expected::Lan)?;
    while reader.element(names.len(), usize::MAX)? {
        reader.place = Object::Element("lan", names.len()).itself();
        reader.step()?;
        let name = reader.interface(Expected::LanInterface)?;
        let refused = if reader.plain == AUTO {
            Some(Expected::Lan)
        } else if config.wan.interface == Some(name) {
            Some(Expected::OtherThanWan)
        } else if names.contains(&name) {
            Some(Expected::NewInterface)
        } else {
            names.push(name).err().map(|_| Expected::Lan)
        };
        if let Some(expected) = refused {
            return Err(reader.refuse_last(expected));
        }
    }
    if names.is_empty() {
        return Err(reader.refuse_last(Expected::Lan));
    }
    config.lan = Lan::Interfaces(names);
    Ok(())
}
