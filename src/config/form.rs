//! What fields each object of the text has.

/// A field of some object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Version,
    Enabled,
    Wan,
    Lan,
    DefaultClass,
    Scheduler,
    Leaf,
    Shares,
    Ceilings,
    Devices,
    Rules,
    Prioritize,
    Mark,
    CapMark,
    Interface,
    Up,
    Down,
    Link,
    Overhead,
    Mpu,
    Mss,
    LowerMss,
    Probe,
    Upwards,
    Downwards,
    Premium,
    Express,
    Standard,
    Bulk,
    Mask,
    Shift,
    Mac,
    Name,
    Class,
    UpMax,
    DownMax,
    Cidr,
    Remote,
    Proto,
    Ports,
    Service,
    Dscp,
    TimeZone,
    Schedules,
    Days,
    From,
    Until,
    Admin,
    Port,
    Addresses,
    Names,
    Connections,
    MetricsToken,
}

/// The fields of an object and their names, in the same order.
pub(super) struct Form {
    pub(super) names: &'static [&'static str],
    pub(super) fields: &'static [Field],
}

pub(super) const WHOLE: Form = Form {
    names: &[
        "version",
        "enabled",
        "wan",
        "lan",
        "default_class",
        "scheduler",
        "leaf",
        "shares",
        "ceilings",
        "devices",
        "rules",
        "prioritize",
        "mark",
        "cap_mark",
        "time_zone",
        "schedules",
        "admin",
    ],
    fields: &[
        Field::Version,
        Field::Enabled,
        Field::Wan,
        Field::Lan,
        Field::DefaultClass,
        Field::Scheduler,
        Field::Leaf,
        Field::Shares,
        Field::Ceilings,
        Field::Devices,
        Field::Rules,
        Field::Prioritize,
        Field::Mark,
        Field::CapMark,
        Field::TimeZone,
        Field::Schedules,
        Field::Admin,
    ],
};

pub(super) const WAN: Form = Form {
    names: &[
        "interface",
        "up_kbit",
        "down_kbit",
        "link",
        "overhead",
        "mpu",
        "mss",
        "lower_mss",
        "probe",
    ],
    fields: &[
        Field::Interface,
        Field::Up,
        Field::Down,
        Field::Link,
        Field::Overhead,
        Field::Mpu,
        Field::Mss,
        Field::LowerMss,
        Field::Probe,
    ],
};

/// Percent of each class.
pub(super) const PERCENTS: Form = Form {
    names: &["premium", "express", "standard", "bulk"],
    fields: &[Field::Premium, Field::Express, Field::Standard, Field::Bulk],
};

/// The same for each direction.
pub(super) const BOTH_WAYS: Form = Form {
    names: &["up", "down"],
    fields: &[Field::Upwards, Field::Downwards],
};

/// What the first field of shares or ceilings can be: it decides which of the two forms above is meant.
pub(super) const EITHER: Form = Form {
    names: &["premium", "express", "standard", "bulk", "up", "down"],
    fields: &[
        Field::Premium,
        Field::Express,
        Field::Standard,
        Field::Bulk,
        Field::Upwards,
        Field::Downwards,
    ],
};

pub(super) const MARK: Form = Form {
    names: &["mask", "shift"],
    fields: &[Field::Mask, Field::Shift],
};

pub(super) const DEVICE: Form = Form {
    names: &["mac", "name", "class", "up_max_kbit", "down_max_kbit"],
    fields: &[
        Field::Mac,
        Field::Name,
        Field::Class,
        Field::UpMax,
        Field::DownMax,
    ],
};

pub(super) const RULE: Form = Form {
    names: &[
        "name",
        "class",
        "mac",
        "cidr",
        "remote",
        "proto",
        "ports",
        "service",
        "interface",
        "dscp",
    ],
    fields: &[
        Field::Name,
        Field::Class,
        Field::Mac,
        Field::Cidr,
        Field::Remote,
        Field::Proto,
        Field::Ports,
        Field::Service,
        Field::Interface,
        Field::Dscp,
    ],
};

pub(super) const SCHEDULE: Form = Form {
    names: &["days", "from", "until", "mac", "class", "enabled"],
    fields: &[
        Field::Days,
        Field::From,
        Field::Until,
        Field::Mac,
        Field::Class,
        Field::Enabled,
    ],
};

pub(super) const ADMIN: Form = Form {
    names: &[
        "enabled",
        "port",
        "addresses",
        "names",
        "connections",
        "metrics_token",
    ],
    fields: &[
        Field::Enabled,
        Field::Port,
        Field::Addresses,
        Field::Names,
        Field::Connections,
        Field::MetricsToken,
    ],
};
