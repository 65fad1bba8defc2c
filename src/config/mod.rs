//! What the user wrote becomes what it means.
//!
//! Must not: open files (`sys` does), look at the running system, or let a value through that the rest would have to check again.
//!
//! [`Config`] is valid by construction. [`parse`](parse()) makes one of the text of `config.json`; [`Problem`] tells the line, the field, what was
//! expected and what was found. [`write`](write()) makes the text again, such that reading it gives the same value;
//! [`write_compact`] makes it one line. The admin [`password`] is no part of it: its hash has a file of its own.
//!
//! Limits are names here; a text beyond one is refused as a whole, with the limit in the message.

mod admin;
mod devices;
mod escape;
mod form;
mod link;
mod parse;
pub mod password;
mod percents;
mod problem;
mod reader;
mod rules;
mod schedule;
mod write;

use core::net::Ipv4Addr;

use heapless::{String, Vec};

use crate::value::{
    Ahead, Class, IF_NAMES_MAX, IfName, Kbit, LeafKind, Mac, MarkLayout, Mss, Rule, Segments,
    ShaperKind, TimeZone,
};

pub use admin::{
    ADMIN_ADDRESSES_MAX, ADMIN_NAMES_MAX, Admin, CONNECTIONS_MAX, CONNECTIONS_MIN, HostName,
    TOKEN_BYTES_MAX, TOKEN_BYTES_MIN,
};
pub use link::LinkLayer;
pub use parse::parse;
pub use problem::{Cause, Expected, FOUND_BYTES_MAX, Found, Object, Place, Problem};
pub use rules::KERNEL_RULES_MAX;
pub use schedule::{Days, Schedule, Scheduled, TimeOfDay, WEEKDAYS};
pub use write::{write, write_compact};

/// Configured devices at most: a home has tens; 512 cost 40 KB each time that a configuration is held.
/// The 513th is refused by `parse` and by `set`.
pub const DEVICES_MAX: usize = 512;

/// Bytes of the longest device name: a DNS label.
pub const NAME_BYTES_MAX: usize = 63;

/// LAN interfaces at most.
pub const LANS_MAX: usize = IF_NAMES_MAX;

/// Rules at most: more than a person keeps in order. Each takes some 180 bytes each time that a configuration is held. The 257th is refused.
pub const RULES_MAX: usize = 256;

/// Bytes of the longest configuration text: 512 devices with long names, pretty-printed, take 80 kB, 256 rules with all conditions 120 kB.
/// A longer file is refused before it is read.
pub const CONFIG_BYTES_MAX: usize = 224 * 1024;

/// Schedules at most: as many bits as tell which are in force. The 33rd is refused.
pub const SCHEDULES_MAX: usize = 32;

/// Bytes of a time zone's text: the longest in use have 45.
pub const TIME_ZONE_BYTES_MAX: usize = NAME_BYTES_MAX;

/// The slowest line that can be shaped: below it one full packet takes 190 ms.
pub const RATE_MIN: Kbit = Kbit(64);

/// The fastest line: 10 Gbit/s, above which no router of ours forwards.
pub const RATE_MAX: Kbit = Kbit(10_000_000);

/// Bytes that the link layer adds to each packet, at most (ATM cells and their padding are not in it).
pub const OVERHEAD_MAX: u8 = 128;

/// Bytes that the smallest packet takes on the wire, at most. Ethernet has 84.
pub const MPU_MAX: u8 = 128;

/// The version of the text's form.
pub const VERSION: u32 = 1;

/// What the daemon shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether anything of ours shall be in the kernel.
    pub enabled: bool,
    /// The slow line.
    pub wan: Wan,
    /// Where the home is.
    pub lan: Lan,
    /// The lane of flows whose device has no class. They keep mark 0.
    pub default_class: Class,
    /// What holds the line to its rate; `None` is `auto`, the best that the kernel has.
    pub scheduler: Option<ShaperKind>,
    /// What keeps the packets of a lane; `None` is `auto`, the best that the kernel has.
    pub leaf: Option<LeafKind>,
    /// The guarantees; the sum of each direction is at most 100.
    pub shares: BothWays<Shares>,
    /// What each class may have at most; never below its guarantee.
    pub ceilings: BothWays<Shares>,
    /// The devices that have a class or a name.
    /// Boxed, so that handing a configuration around moves a pointer, and places that no device fills are never touched.
    pub devices: Box<Vec<Device, DEVICES_MAX>>,
    /// What goes before the devices' classes; the first that matches counts. Boxed, as the devices.
    pub rules: Box<Vec<Rule, RULES_MAX>>,
    /// Which packets of Standard and Bulk go ahead of the others there.
    pub prioritize: Ahead,
    /// Where the class stands in the conntrack mark.
    pub mark: MarkLayout,
    /// Where the slots of capped devices stand in it; used only where there are any.
    pub cap_mark: MarkLayout,
    /// By which clock schedules go; `None` is `auto`, what `/etc/TZ` says.
    pub time_zone: Option<Box<Zone>>,
    /// What is different at some times. The first that is in force and about a device counts.
    pub schedules: Box<Vec<Schedule, SCHEDULES_MAX>>,
    /// The admin page. Boxed, as the devices.
    pub admin: Box<Admin>,
}

/// A time zone that the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// As it was written.
    pub text: String<TIME_ZONE_BYTES_MAX>,
    /// What it means.
    pub zone: TimeZone,
}

/// The slow line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wan {
    /// Its interface; `None` is `auto`, the default route's.
    pub interface: Option<IfName>,
    /// Its rate upwards; `None` until the user said it. Always there when the configuration is enabled.
    pub up: Option<Kbit>,
    /// Its rate downwards; `None` until the user said it. Always there when the configuration is enabled.
    pub down: Option<Kbit>,
    /// What the line is, for what it adds to packets.
    pub link: &'static LinkLayer,
    /// Bytes that it adds to each packet beyond what the device counts, where the user knows better.
    pub overhead: Option<u8>,
    /// Bytes that the smallest packet takes, where the user knows better.
    pub mpu: Option<u8>,
    /// Which segment sizes TCP flows over it may agree on.
    pub mss: Mss,
    /// Who is asked how long the line takes when its default gateway does not answer.
    pub probe: Option<Ipv4Addr>,
}

impl Wan {
    /// Which segment sizes that makes of the line. One without rates has no lanes.
    pub fn segments(&self) -> Segments {
        match (self.up, self.down) {
            (Some(up), Some(down)) => self.mss.on_line([up, down]),
            _ => Segments::ALONE,
        }
    }
}

/// Where the home is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lan {
    /// Every bridge, else the one other Ethernet device.
    Auto,
    /// These.
    Interfaces(Vec<IfName, LANS_MAX>),
}

/// One value for uploads, one for downloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BothWays<T> {
    /// For uploads.
    pub up: T,
    /// For downloads.
    pub down: T,
}

impl<T: Copy> BothWays<T> {
    /// The same for both.
    pub const fn same(value: T) -> BothWays<T> {
        BothWays {
            up: value,
            down: value,
        }
    }
}

/// Percent of the line for each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Premium's.
    pub premium: u8,
    /// Express'.
    pub express: u8,
    /// Standard's.
    pub standard: u8,
    /// Bulk's.
    pub bulk: u8,
}

/// A device that the user named or classed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Who.
    pub mac: Mac,
    /// What the user calls it; empty for no name.
    pub name: String<NAME_BYTES_MAX>,
    /// Its lane; none for a device that has none of its own.
    pub class: Option<Class>,
    /// What it may send at most, whatever is free.
    pub up_max: Option<Kbit>,
    /// What may be sent to it at most.
    pub down_max: Option<Kbit>,
}

impl Device {
    /// Whether it has a cap.
    pub const fn is_capped(&self) -> bool {
        self.up_max.is_some() || self.down_max.is_some()
    }
}

impl Default for Shares {
    /// The guarantees that DD-WRT users know: 75, 15, 9 and 1 percent.
    fn default() -> Shares {
        Shares {
            premium: 75,
            express: 15,
            standard: 9,
            bulk: 1,
        }
    }
}

impl Shares {
    /// The whole line for each class: the ceilings unless the user says otherwise.
    pub const WHOLE: Shares = Shares {
        premium: 100,
        express: 100,
        standard: 100,
        bulk: 100,
    };

    /// The share of a class, in percent; 0 for exempt, which has no guarantee.
    pub const fn of(&self, class: Class) -> u8 {
        match class {
            Class::Exempt => 0,
            Class::Premium => self.premium,
            Class::Express => self.express,
            Class::Standard => self.standard,
            Class::Bulk => self.bulk,
        }
    }

    /// All of them together, in percent.
    pub fn sum(&self) -> u32 {
        let shares = [self.premium, self.express, self.standard, self.bulk];
        shares.into_iter().map(u32::from).sum()
    }
}

impl Default for Config {
    /// Off, with everything else at its default.
    fn default() -> Config {
        Config {
            enabled: false,
            wan: Wan {
                interface: None,
                up: None,
                down: None,
                link: &link::LINK_LAYERS[0],
                overhead: None,
                mpu: None,
                mss: Mss::default(),
                probe: None,
            },
            lan: Lan::Auto,
            default_class: Class::Standard,
            scheduler: None,
            leaf: None,
            shares: BothWays::same(Shares::default()),
            ceilings: BothWays::same(Shares::WHOLE),
            devices: Box::default(),
            rules: Box::default(),
            prioritize: Ahead::default(),
            mark: MarkLayout::default(),
            cap_mark: MarkLayout::CAPS,
            time_zone: None,
            schedules: Box::default(),
            admin: Box::default(),
        }
    }
}
