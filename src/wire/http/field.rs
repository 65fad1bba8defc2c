//! Fields with a form of their own.

use core::net::IpAddr;

use crate::value::{Address, decimal, halves, utf8};

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// An address, and the port that was named.
    Address(IpAddr, Option<u16>),
    /// A name. Its port is not told: it says nothing of who is meant, and behind a tunnel it is another one.
    Name(&'a str),
}

impl<'a> Host<'a> {
    /// Reads the field `Host`. None for what is neither.
    pub fn parse(value: &'a [u8]) -> Option<Host<'a>> {
        let text = utf8(value).ok()?;
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = halves(rest, b']')?;
                (address, port)
            }
            None => {
                let place = text.bytes().position(|byte| byte == b':');
                text.split_at_checked(place.unwrap_or(text.len()))?
            }
        };
        let port = match port {
            "" => None,
            port => {
                let port = decimal(port.strip_prefix(':')?)?;
                Some(u16::try_from(port).ok()?)
            }
        };
        let is_bracketed = text.starts_with('[');
        match Address::parse(host) {
            Some(address) if address.is_ipv6() == is_bracketed => {
                Some(Host::Address(address, port))
            }
            None if !is_bracketed && !host.is_empty() => Some(Host::Name(host)),
            _ => None,
        }
    }
}

/// The value of the cookie of that name, if it is there once. Two of them are a trick: a page of the same host, on another port, can set a second.
pub fn cookie<'a>(field: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = None;
    for pair in field.split(|&byte| byte == b';') {
        let value = pair
            .trim_ascii()
            .strip_prefix(name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="));
        if value.is_some() && found.is_some() {
            return None;
        }
        found = value.or(found);
    }
    found
}

/// Whether a word is in a list with commas, in letters of either case.
pub fn is_token_in_list(list: &[u8], word: &str) -> bool {
    list.split(|&byte| byte == b',')
        .any(|each| each.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}
