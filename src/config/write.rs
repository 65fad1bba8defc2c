use core::fmt::{self, Write};

use super::escape::Escaped;
use super::parse::AUTO;
use super::{Admin, BothWays, Config, Device, Lan, Schedule, Scheduled, Shares, VERSION, Wan};
use crate::value::{Address, Class, LeafKind, LowerMss, MarkLayout, Rule, ShaperKind};

/// What stands between the parts of the text.
struct Style {
    colon: &'static str,
    /// Before the first field.
    first: &'static str,
    /// Before each other field.
    next: &'static str,
    /// Before the first member of an object that is on one line.
    open: &'static str,
    /// Before each other member.
    comma: &'static str,
    /// Behind the last.
    close: &'static str,
    /// Before the first device.
    device: &'static str,
    /// Before each other device.
    next_device: &'static str,
    /// Behind the last device.
    devices_end: &'static str,
    /// Behind everything.
    end: &'static str,
}

const PRETTY: Style = Style {
    colon: ": ",
    first: "{\n  ",
    next: ",\n  ",
    open: "{ ",
    comma: ", ",
    close: " }",
    device: "\n    ",
    next_device: ",\n    ",
    devices_end: "\n  ",
    end: "\n}\n",
};

const COMPACT: Style = Style {
    colon: ":",
    first: "{",
    next: ",",
    open: "{",
    comma: ",",
    close: "}",
    device: "",
    next_device: ",",
    devices_end: "",
    end: "}",
};

/// Writes the text for people: every field, one device or rule a line, two spaces of indent, a line break at the end.
///
/// [`parse`](super::parse()) reads the same value from it.
///
/// # Errors
/// Those of `to`.
pub fn write(config: &Config, to: &mut impl Write) -> fmt::Result {
    styled(config, &PRETTY, to)
}

/// Writes the same text as one line, without a line break at the end: for the control socket.
///
/// # Errors
/// Those of `to`.
pub fn write_compact(config: &Config, to: &mut impl Write) -> fmt::Result {
    styled(config, &COMPACT, to)
}

// `dyn`: the text is written a few times a day, and one copy of the code is enough.
fn styled(config: &Config, style: &Style, to: &mut dyn Write) -> fmt::Result {
    let Config {
        enabled,
        wan,
        lan,
        default_class,
        scheduler,
        leaf,
        shares,
        ceilings,
        devices,
        rules,
        prioritize,
        mark,
        cap_mark,
        time_zone,
        schedules,
        admin,
    } = config;
    let Style { next, .. } = *style;
    let text = &mut Text { style, to };
    text.put(style.first, "version", &VERSION)?;
    text.put(next, "enabled", enabled)?;
    text.wan(wan)?;
    match lan {
        Lan::Auto => text.put(next, "lan", &Quoted(Some(&AUTO)))?,
        Lan::Interfaces(names) => text.strings(next, "lan", names.len(), &|place| {
            names.get(place).map(|name| name as _)
        })?,
    }
    text.put(next, "default_class", &Quoted(Some(default_class)))?;
    let scheduler = scheduler.map_or(AUTO, ShaperKind::name);
    text.put(next, "scheduler", &Quoted(Some(&scheduler)))?;
    let leaf = leaf.map_or(AUTO, LeafKind::name);
    text.put(next, "leaf", &Quoted(Some(&leaf)))?;
    text.put(next, "shares", &"")?;
    percents(text, shares)?;
    text.put(next, "ceilings", &"")?;
    percents(text, ceilings)?;
    text.list("devices", devices.len(), &mut |text, place| {
        let device = devices.get(place);
        device.map_or(Ok(()), |device| text.device(device))
    })?;
    text.list("rules", rules.len(), &mut |text, place| {
        rules.get(place).map_or(Ok(()), |rule| text.rule(rule))
    })?;
    text.put(next, "prioritize", prioritize)?;
    text.layout("mark", *mark)?;
    text.layout("cap_mark", *cap_mark)?;
    let zone = time_zone.as_ref().map_or("auto", |zone| &zone.text);
    text.put(next, "time_zone", &Quoted(Some(&Escaped(zone))))?;
    text.list("schedules", schedules.len(), &mut |text, place| {
        let schedule = schedules.get(place);
        schedule.map_or(Ok(()), |schedule| text.schedule(schedule))
    })?;
    text.admin(admin)?;
    text.to.write_str(style.end)
}

/// Percent of each class: once where both directions have the same.
fn percents(text: &mut Text<'_>, both: &BothWays<Shares>) -> fmt::Result {
    let Style {
        open, comma, close, ..
    } = *text.style;
    let once = both.up == both.down;
    let mut outer = open;
    for (way, shares) in [("up", &both.up), ("down", &both.down)] {
        if !once {
            text.put(outer, way, &"")?;
            outer = comma;
        }
        let mut before = open;
        for class in Class::SHAPED {
            text.put(before, class.name(), &shares.of(class))?;
            before = comma;
        }
        text.to.write_str(close)?;
        if once {
            return Ok(());
        }
    }
    text.to.write_str(close)
}

/// The text that is being written.
struct Text<'a> {
    style: &'a Style,
    to: &'a mut dyn Write,
}

impl Text<'_> {
    /// Writes a field.
    fn put(&mut self, before: &str, name: &str, value: &dyn fmt::Display) -> fmt::Result {
        let colon = self.style.colon;
        write!(self.to, "{before}\"{name}\"{colon}{value}")
    }

    fn wan(&mut self, wan: &Wan) -> fmt::Result {
        let Style {
            next,
            open,
            comma,
            close,
            ..
        } = *self.style;
        self.put(next, "wan", &"")?;
        let name = wan.interface.as_ref();
        let name = name.map_or(&AUTO as &dyn fmt::Display, |name| name);
        self.put(open, "interface", &Quoted(Some(name)))?;
        self.put(comma, "up_kbit", &Number(wan.up.map(|rate| rate.0)))?;
        self.put(comma, "down_kbit", &Number(wan.down.map(|rate| rate.0)))?;
        self.put(comma, "link", &Quoted(Some(&wan.link.name)))?;
        self.put(comma, "overhead", &Number(wan.overhead.map(u32::from)))?;
        self.put(comma, "mpu", &Number(wan.mpu.map(u32::from)))?;
        let mss = if wan.mss.to_path { "pmtu" } else { "off" };
        self.put(comma, "mss", &Quoted(Some(&mss)))?;
        let lower: &dyn fmt::Display = match wan.mss.lower {
            LowerMss::Auto => &Quoted(Some(&AUTO)),
            LowerMss::Off => &Number(None),
            LowerMss::Bytes(bytes) => &Number(Some(bytes.into())),
        };
        self.put(comma, "lower_mss", lower)?;
        let probe = wan.probe.map(|probe| Address(probe.into()));
        let probe = probe.as_ref().map(|probe| probe as &dyn fmt::Display);
        self.put(comma, "probe", &Quoted(probe))?;
        self.to.write_str(close)
    }

    /// Writes a list of objects, each on its line; `each` writes what stands in one.
    fn list(
        &mut self,
        name: &str,
        count: usize,
        each: &mut dyn FnMut(&mut Self, usize) -> fmt::Result,
    ) -> fmt::Result {
        self.put(self.style.next, name, &"[")?;
        let mut before = self.style.device;
        for place in 0..count {
            self.to.write_str(before)?;
            each(self, place)?;
            self.to.write_str(self.style.close)?;
            before = self.style.next_device;
        }
        if count > 0 {
            self.to.write_str(self.style.devices_end)?;
        }
        self.to.write_str("]")
    }

    fn layout(&mut self, name: &str, layout: MarkLayout) -> fmt::Result {
        let Style {
            next, open, comma, ..
        } = *self.style;
        self.put(next, name, &"")?;
        self.put(open, "mask", &format_args!("\"{:#x}\"", layout.mask()))?;
        self.put(comma, "shift", &layout.shift())?;
        self.to.write_str(self.style.close)
    }

    fn device(&mut self, device: &Device) -> fmt::Result {
        let Style { open, comma, .. } = *self.style;
        let name = Escaped(&device.name);
        let name = (!device.name.is_empty()).then_some(&name as &dyn fmt::Display);
        let class = device.class.as_ref();
        self.put(open, "mac", &Quoted(Some(&device.mac)))?;
        self.put(comma, "name", &Quoted(name))?;
        self.put(comma, "class", &Quoted(class.map(|class| class as _)))?;
        for (name, most) in [
            ("up_max_kbit", device.up_max),
            ("down_max_kbit", device.down_max),
        ] {
            if let Some(most) = most {
                self.put(comma, name, &most.0)?;
            }
        }
        Ok(())
    }

    /// Writes a rule: what it says, and nothing of what it does not.
    fn rule(&mut self, rule: &Rule) -> fmt::Result {
        let mut before = self.style.open;
        if !rule.name.is_empty() {
            self.put(before, "name", &Quoted(Some(&Escaped(&rule.name))))?;
            before = self.style.comma;
        }
        self.put(before, "class", &Quoted(Some(&rule.class)))?;
        let before = self.style.comma;
        rule.conditions(&mut |name, shown| self.put(before, name, &Quoted(Some(shown))))
    }

    /// Writes an array of strings.
    fn strings<'a>(
        &mut self,
        before: &str,
        name: &str,
        count: usize,
        of: &'a dyn Fn(usize) -> Option<&'a dyn fmt::Display>,
    ) -> fmt::Result {
        let comma = self.style.comma;
        self.put(before, name, &Quotes { comma, count, of })
    }

    fn admin(&mut self, admin: &Admin) -> fmt::Result {
        let Style {
            next, open, comma, ..
        } = *self.style;
        self.put(next, "admin", &"")?;
        self.put(open, "enabled", &admin.enabled)?;
        self.put(comma, "port", &admin.port)?;
        match &admin.addresses {
            addresses if addresses.is_empty() => {
                self.put(comma, "addresses", &Quoted(Some(&AUTO)))?
            }
            addresses => self.strings(comma, "addresses", addresses.len(), &|place| {
                addresses.get(place).map(|address| address as _)
            })?,
        }
        let names = &admin.names;
        self.strings(comma, "names", names.len(), &|place| {
            names.get(place).map(|name| name as _)
        })?;
        self.put(comma, "connections", &admin.connections)?;
        if !admin.metrics_token.is_empty() {
            self.put(comma, "metrics_token", &Quoted(Some(&admin.metrics_token)))?;
        }
        self.to.write_str(self.style.close)
    }

    fn schedule(&mut self, schedule: &Schedule) -> fmt::Result {
        let Style { open, comma, .. } = *self.style;
        self.put(open, "days", &Quoted(Some(&schedule.days)))?;
        self.put(comma, "from", &Quoted(Some(&schedule.from)))?;
        self.put(comma, "until", &Quoted(Some(&schedule.until)))?;
        match &schedule.what {
            Scheduled::Class(mac, class) => {
                self.put(comma, "mac", &Quoted(Some(mac)))?;
                self.put(comma, "class", &Quoted(Some(class)))
            }
            Scheduled::Off => self.put(comma, "enabled", &false),
        }
    }
}

/// Strings in an array.
struct Quotes<'a> {
    comma: &'static str,
    count: usize,
    of: &'a dyn Fn(usize) -> Option<&'a dyn fmt::Display>,
}

impl fmt::Display for Quotes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for place in 0..self.count {
            let before = if place == 0 { "" } else { self.comma };
            write!(f, "{before}{}", Quoted((self.of)(place)))?;
        }
        f.write_str("]")
    }
}

/// A string, or null.
struct Quoted<'a>(Option<&'a dyn fmt::Display>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, "\"{text}\""),
            None => f.write_str("null"),
        }
    }
}

/// A number, or null.
struct Number(Option<u32>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("null"),
        }
    }
}
