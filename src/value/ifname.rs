use core::fmt;

/// Bytes of the longest interface name: `IFNAMSIZ` less the NUL (linux/if.h).
pub const IF_NAME_BYTES_MAX: usize = 15;

/// The kernel's number of an interface. A re-created interface has a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(pub u32);

/// An interface name of `[A-Za-z0-9._-]`, 1 to 15 bytes.
///
/// The kernel allows more; names with other characters are treated as not there, so that no name ever needs quoting.
// Aligned: it is part of much that is copied, and routers' processors copy what is not aligned byte by byte.
#[repr(align(4))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfName {
    bytes: [u8; IF_NAME_BYTES_MAX],
    len: u8,
}

/// Interface names that fit [`IfNames`]: a home with a guest network, a network of things, and one more.
pub const IF_NAMES_MAX: usize = 4;

/// A few interface names, in an order that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IfNames {
    /// The places that nobody has are empty.
    names: [IfName; IF_NAMES_MAX],
}

/// A text that is no interface name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIfName;

impl fmt::Display for BadIfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an interface name of 1 to 15 letters, digits, '.', '_' or '-'")
    }
}

impl IfName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`BadIfName`] for any other character, no character, or more than 15.
    pub fn parse(text: &str) -> Result<IfName, BadIfName> {
        // The two names are folders in /sys and /proc.
        if text.len() > IF_NAME_BYTES_MAX || matches!(text, "" | "." | "..") {
            return Err(BadIfName);
        }
        let mut name = IfName {
            bytes: [0; IF_NAME_BYTES_MAX],
            len: 0,
        };
        for (to, byte) in name.bytes.iter_mut().zip(text.bytes()) {
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b'-') {
                return Err(BadIfName);
            }
            *to = byte;
            name.len += 1;
        }
        Ok(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        super::utf8(bytes).unwrap_or_default()
    }
}

impl IfNames {
    /// These; what is beyond [`IF_NAMES_MAX`] is left out.
    // `dyn`: one copy of the code is enough.
    #[inline(never)]
    pub fn of(names: &mut dyn Iterator<Item = IfName>) -> IfNames {
        let nobody = IfName {
            bytes: [0; IF_NAME_BYTES_MAX],
            len: 0,
        };
        let mut all = IfNames {
            names: [nobody; IF_NAMES_MAX],
        };
        for (place, name) in all.names.iter_mut().zip(names) {
            *place = name;
        }
        all
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &IfName> {
        self.names.iter().filter(|name| name.len > 0)
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
