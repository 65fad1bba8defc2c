//! Reads the rules.

use heapless::Vec;

use super::RULES_MAX;
use super::form::{self, Field};
use super::problem::{Cause, Expected, Found, Object};
use super::reader::{Fields, Reader, Scalar, Stop};
use crate::value::assigned::{Assigned, CODE_POINT_MAX, CODE_POINTS, PROTOCOLS, has_ports};
use crate::value::{
    Class, IfName, Mac, Network, PORT_RANGES_MAX, Pieces, Ports, Rule, Service, decimal, halves,
};

/// Rules that the kernel has at most, a rule of ours with several port ranges or protocols being several of its. Each takes up to 1.3 kB in
/// the batch that makes them and some 500 bytes of kernel memory. Beyond, the configuration is refused.
pub const KERNEL_RULES_MAX: usize = 1024;

const TOO_MANY: Cause = Cause::Misfit(
    "expected at most 1024 rules of the kernel (one for each port range, each for tcp and udp), found one more",
);

const _: () = assert!(KERNEL_RULES_MAX == 1024, "the message says so");

/// The array of rules.
pub(super) fn read(reader: &mut Reader<'_>, rules: &mut Vec<Rule, RULES_MAX>) -> Result<(), Stop> {
    let place = Object::Named("rules").itself();
    reader.place = place;
    reader.array(Expected::Json("an array of rules"))?;
    let mut kernel_rules = 0;
    while reader.element(rules.len(), RULES_MAX)? {
        let object = Object::Element("rules", rules.len());
        let start = reader.here();
        // There is room: an element beyond it was refused.
        let _ = rules.push(Rule::of(Class::Standard));
        let Some((rule, before)) = rules.split_last_mut() else {
            break;
        };
        let any = read_rule(reader, object, rule)?;
        reader.place = object.itself();
        if let Some((field, words)) = misfit(rule, any) {
            reader.place.field = field;
            return Err(reader.refuse(Some(start), Cause::Misfit(words)));
        }
        if let Some(first) = before.iter().position(|other| other.covers(rule)) {
            return Err(reader.refuse(Some(start), Cause::Covered(first)));
        }
        kernel_rules += rule.size();
        if kernel_rules > KERNEL_RULES_MAX {
            return Err(reader.refuse(Some(start), TOO_MANY));
        }
        reader.place = place;
    }
    Ok(())
}

/// The next rule, field by field; whether it has a condition.
fn read_rule(reader: &mut Reader<'_>, object: Object, rule: &mut Rule) -> Result<bool, Stop> {
    let start = reader.here();
    let mut any = false;
    let mut fields = Fields::of(object, &form::RULE);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        reader.step()?;
        let expected = expected(field);
        let numbered = matches!(field, Field::Proto | Field::Dscp);
        let whole = match reader.value {
            Scalar::Null if field != Field::Class => continue,
            Scalar::Whole(number) if numbered => Some(number),
            _ => {
                reader.text(expected)?;
                None
            }
        };
        if !take(rule, field, &reader.plain, whole) {
            return Err(reader.refuse_last(expected));
        }
        any |= !matches!(field, Field::Name | Field::Class);
    }
    if !fields.have(Field::Class) {
        reader.place = object.field("class");
        return Err(reader.refuse_found(Some(start), Expected::Class, Found::Nothing));
    }
    Ok(any)
}

const fn expected(field: Field) -> Expected {
    Expected::This(match field {
        Field::Name => return Expected::Name,
        Field::Class => return Expected::Class,
        Field::Interface => return Expected::LanInterface,
        Field::Mac => "the MAC address of one device",
        Field::Cidr | Field::Remote => {
            "an address, or a network like 192.168.1.0/28 without bits behind its prefix"
        }
        Field::Proto => "tcp, udp, icmp or a number from 0 to 255",
        Field::Ports => "up to 10 ports and ranges that do not overlap, like \"22,8000-8100\"",
        Field::Service => "ssh, dns, ntp, voip, games, video-calls, streaming, torrents or backup",
        _ => "a number from 0 to 63, or a name like ef, le, cs1 or af41",
    })
}

const _: () = assert!(PORT_RANGES_MAX == 10, "the message says so");

/// Takes what a field says, as a text or as a number; false when it makes no sense.
fn take(rule: &mut Rule, field: Field, text: &str, whole: Option<u32>) -> bool {
    let number = |names: Assigned| match whole {
        Some(number) => u8::try_from(number).ok(),
        None => names.number(text),
    };
    match field {
        Field::Name => {
            rule.name.clear();
            let good = !text.is_empty() && !text.chars().any(char::is_control);
            good && rule.name.push_str(text).is_ok()
        }
        Field::Class => Class::parse(text).is_ok_and(|class| {
            rule.class = class;
            true
        }),
        Field::Mac => put(&mut rule.mac, Mac::parse(text).ok()),
        Field::Cidr => put(&mut rule.cidr, Network::parse(text)),
        Field::Remote => put(&mut rule.remote, Network::parse(text)),
        Field::Proto => put(&mut rule.proto, number(PROTOCOLS)),
        Field::Ports => ports(text, &mut rule.ports).is_some(),
        Field::Service => put(&mut rule.service, Service::parse(text)),
        Field::Interface => put(&mut rule.interface, IfName::parse(text).ok()),
        _ => put(
            &mut rule.dscp,
            number(CODE_POINTS).filter(|dscp| *dscp <= CODE_POINT_MAX),
        ),
    }
}

fn put<T>(to: &mut Option<T>, value: Option<T>) -> bool {
    *to = value;
    to.is_some()
}

/// Reads ports and ranges; none when they make no sense.
fn ports(text: &str, ports: &mut Vec<Ports, PORT_RANGES_MAX>) -> Option<()> {
    let port = |text: &str| u16::try_from(decimal(text)?).ok().filter(|port| *port > 0);
    for piece in Pieces::of(text, b',') {
        let (first, last) = halves(piece, b'-').unwrap_or((piece, piece));
        let range = Ports {
            first: port(first)?,
            last: port(last)?,
        };
        if range.first > range.last || ports.iter().any(|other| other.meets(range)) {
            return None;
        }
        ports.push(range).ok()?;
    }
    Some(())
}

/// What can only be told of a whole rule: at which field, and the words.
fn misfit(rule: &Rule, any: bool) -> Option<(Option<&'static str>, &'static str)> {
    let versions = rule.cidr.zip(rule.remote);
    Some(if !any {
        (
            None,
            "expected a condition: mac, cidr, remote, proto, ports, service, interface or dscp, found none",
        )
    } else if rule.service.is_some() && (rule.proto.is_some() || !rule.ports.is_empty()) {
        (
            Some("service"),
            "expected neither proto nor ports beside it, found one",
        )
    } else if !rule.ports.is_empty() && !rule.proto.is_none_or(has_ports) {
        (
            Some("proto"),
            "expected one with ports beside ports, found another",
        )
    } else if versions.is_some_and(|(cidr, remote)| cidr.version() != remote.version()) {
        (
            Some("remote"),
            "expected the IP version of cidr, found the other",
        )
    } else {
        return None;
    })
}
