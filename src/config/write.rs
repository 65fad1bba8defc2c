use core::fmt::{self, Write};

use super::escape::Escaped;
use super::{Config, Device, Lan, VERSION};
use crate::value::Kbit;

/// What stands between the parts of the text.
struct Style {
    colon: &'static str,
    comma: &'static str,
    open: &'static str,
    close: &'static str,
    /// Before each field.
    field: &'static str,
    /// Before each device.
    device: &'static str,
    /// Before the end.
    end: &'static str,
    /// Behind the end.
    last: &'static str,
}

const PRETTY: Style = Style {
    colon: ": ",
    comma: ", ",
    open: "{ ",
    close: " }",
    field: "\n  ",
    device: "\n    ",
    end: "\n",
    last: "\n",
};

const COMPACT: Style = Style {
    colon: ":",
    comma: ",",
    open: "{",
    close: "}",
    field: "",
    device: "",
    end: "",
    last: "",
};

/// Writes the text for people: every field, one device a line, two spaces of indent, a line break at the end.
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
    let Style {
        colon,
        comma,
        open,
        close,
        field,
        device,
        end,
        last,
    } = *style;
    let comma_field = format_args!(",{field}");
    let Config {
        enabled,
        wan,
        lan,
        default_class,
        shares,
        devices,
        mark,
    } = config;

    write!(to, "{{{field}\"version\"{colon}{VERSION}")?;
    write!(to, "{comma_field}\"enabled\"{colon}{enabled}")?;
    write!(
        to,
        "{comma_field}\"wan\"{colon}{open}\"interface\"{colon}\""
    )?;
    match &wan.interface {
        Some(name) => write!(to, "{name}")?,
        None => to.write_str("auto")?,
    }
    write!(to, "\"{comma}\"up_kbit\"{colon}{}", Rate(wan.up))?;
    write!(to, "{comma}\"down_kbit\"{colon}{}", Rate(wan.down))?;
    write!(to, "{comma}\"overhead\"{colon}{}{close}", wan.overhead)?;
    write!(to, "{comma_field}\"lan\"{colon}")?;
    match lan {
        Lan::Auto => to.write_str("\"auto\"")?,
        Lan::Interfaces(names) => {
            for (index, name) in names.iter().enumerate() {
                write!(to, "{}\"{name}\"", if index == 0 { "[" } else { comma })?;
            }
            to.write_str("]")?;
        }
    }
    write!(
        to,
        "{comma_field}\"default_class\"{colon}\"{default_class}\""
    )?;
    write!(
        to,
        "{comma_field}\"shares\"{colon}{open}\"premium\"{colon}{}",
        shares.premium
    )?;
    write!(to, "{comma}\"express\"{colon}{}", shares.express)?;
    write!(to, "{comma}\"standard\"{colon}{}", shares.standard)?;
    write!(to, "{comma}\"bulk\"{colon}{}{close}", shares.bulk)?;
    write!(to, "{comma_field}\"devices\"{colon}[")?;
    for (index, entry) in devices.iter().enumerate() {
        write!(to, "{}{device}", if index == 0 { "" } else { "," })?;
        styled_device(entry, style, to)?;
    }
    write!(to, "{}]", if devices.is_empty() { "" } else { field })?;
    write!(
        to,
        "{comma_field}\"mark\"{colon}{open}\"mask\"{colon}\"{:#x}\"",
        mark.mask()
    )?;
    write!(to, "{comma}\"shift\"{colon}{}{close}", mark.shift())?;
    write!(to, "{end}}}{last}")
}

fn styled_device(device: &Device, style: &Style, to: &mut dyn Write) -> fmt::Result {
    let Style {
        colon,
        comma,
        open,
        close,
        ..
    } = *style;
    write!(
        to,
        "{open}\"mac\"{colon}\"{}\"{comma}\"name\"{colon}",
        device.mac
    )?;
    match device.name.as_str() {
        "" => to.write_str("null")?,
        name => write!(to, "\"{}\"", Escaped(name))?,
    }
    write!(to, "{comma}\"class\"{colon}")?;
    match device.class {
        Some(class) => write!(to, "\"{class}\"")?,
        None => to.write_str("null")?,
    }
    to.write_str(close)
}

/// A rate as a number, or null.
struct Rate(Option<Kbit>);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Kbit(rate)) => write!(f, "{rate}"),
            None => f.write_str("null"),
        }
    }
}
