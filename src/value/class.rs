use core::fmt;

/// A lane: the priority class of a device.
///
/// The order of the variants is the order of precedence, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Not managed: passes the shaper without waiting in a queue of ours.
    Exempt,
    /// First.
    Premium,
    /// Second.
    Express,
    /// The default.
    Standard,
    /// Whatever is left.
    Bulk,
}

/// A text that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownClass;

impl fmt::Display for UnknownClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected exempt, premium, express, standard or bulk")
    }
}

impl Class {
    /// Every class, first to last.
    pub const ALL: [Class; 5] = [
        Class::Exempt,
        Class::Premium,
        Class::Express,
        Class::Standard,
        Class::Bulk,
    ];

    /// The classes that share the line by guarantees.
    pub const SHAPED: [Class; 4] = [Class::Premium, Class::Express, Class::Standard, Class::Bulk];

    /// The conntrack mark of the class before shift and mask, as DD-WRT v24 has it.
    pub const fn mark(self) -> u32 {
        match self {
            Class::Exempt => 100,
            Class::Premium => 10,
            Class::Express => 20,
            Class::Standard => 30,
            Class::Bulk => 40,
        }
    }

    /// The class of such a mark; none for 0 and for marks that are not ours.
    pub fn of_mark(mark: u32) -> Option<Class> {
        let mut all = Class::ALL.iter().copied();
        all.find(|class| class.mark() == mark)
    }

    /// The place of the class in [`Class::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Exempt => "exempt",
            Class::Premium => "premium",
            Class::Express => "express",
            Class::Standard => "standard",
            Class::Bulk => "bulk",
        }
    }

    /// Reads a name, in any case.
    ///
    /// # Errors
    /// [`UnknownClass`] when it is none of the five.
    pub fn parse(text: &str) -> Result<Class, UnknownClass> {
        let mut all = Class::ALL.iter().copied();
        all.find(|class| class.name().eq_ignore_ascii_case(text))
            .ok_or(UnknownClass)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
