use core::fmt;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// A text that is no MAC address of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMac {
    /// Not six pairs of hex digits.
    Form,
    /// A group address or all zeroes: nobody's.
    Nobody,
}

impl fmt::Display for BadMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadMac::Form => "expected a MAC address like 02:00:00:00:00:0a",
            BadMac::Nobody => {
                "expected the MAC address of one device, not a multicast or zero address"
            }
        })
    }
}

impl Mac {
    /// Whether it can be the source of a frame: neither a group address nor all zeroes.
    pub const fn is_device(self) -> bool {
        let [first, rest @ ..] = self.0;
        let [a, b, c, d, e] = rest;
        first & 1 == 0 && (first | a | b | c | d | e) != 0
    }

    /// Reads `02:00:00:00:00:0a`; `-` may stand for `:`, digits in any case.
    ///
    /// # Errors
    /// [`BadMac`], by form or because no device can have it.
    pub fn parse(text: &str) -> Result<Mac, BadMac> {
        // Two digits and what parts them, six times; nothing parts the last two from what follows.
        if text.len() != 6 * 3 - 1 {
            return Err(BadMac::Form);
        }
        let mut mac = Mac([0; 6]);
        for (place, letter) in text.chars().enumerate() {
            match (place % 3, letter.to_digit(16)) {
                (2, _) if matches!(letter, ':' | '-') => {}
                (0 | 1, Some(digit)) => {
                    let byte = mac.0.get_mut(place / 3).ok_or(BadMac::Form)?;
                    *byte = *byte << 4 | u8::try_from(digit).unwrap_or_default();
                }
                _ => return Err(BadMac::Form),
            }
        }
        if mac.is_device() {
            Ok(mac)
        } else {
            Err(BadMac::Nobody)
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
