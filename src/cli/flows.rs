use std::time::Duration;

use crate::control::{Flow, Request, Verb};
use crate::value::Class;

use super::amount::bytes;
use super::answer::Answer;
use super::command::Command;
use super::devices::or_dash;
use super::screen::{COLUMNS, Row, Screen, Tone, clean, width};
use super::trouble::Trouble;

/// The columns of the table; with a space between each two they are the 80 of a terminal. A mark that needs more columns takes them
/// from the device.
const PROTO: usize = 4;
const DEVICE: usize = 11;
const CLASS: usize = 8;
const MARK: usize = 4;
const BYTES: usize = 5;
/// `192.168.100.100:65535`.
const END: usize = 21;

const _: () = assert!(PROTO + DEVICE + CLASS + MARK + BYTES + 2 * END + 6 == COLUMNS);

/// Where the two ends of a flow start.
const ENDS: usize = COLUMNS - 2 * END - 1;

/// Prints flows, of one device or class only if that was asked for.
pub(super) fn show(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
    (device, class): (Option<&str>, Option<Class>),
) -> Result<(), Trouble> {
    let request = Request {
        verb: Verb::Flows,
        device,
        class: class.map(Class::name),
    };
    let mut answer = Answer::to(&request, None, command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let mut first = true;
    answer.elements(|flow: Flow| {
        if first {
            let row = left_part(Tone::Heading, &["prot", "device", "class", "mark", "bytes"]);
            screen.row(&row.left("source", END).left("destination", END))?;
            first = false;
        }
        line(screen, &flow)
    })?;
    if first {
        screen.prose(Tone::Plain, "no flows", "")?;
    }
    Ok(())
}

fn line(screen: &mut Screen<'_>, flow: &Flow) -> Result<(), Trouble> {
    let total = match (flow.bytes_out, flow.bytes_back) {
        (None, None) => "-".to_owned(),
        (out, back) => bytes(out.unwrap_or(0).saturating_add(back.unwrap_or(0))),
    };
    let class = flow.class.as_deref().unwrap_or("-");
    let mark = flow.mark.to_string();
    let row = left_part(
        Tone::Plain,
        &[&flow.proto, or_dash(&flow.device), class, &mark, &total],
    );
    let [source, destination] = [end(&flow.src, flow.sport), end(&flow.dst, flow.dport)];
    if width(&source) <= END && width(&destination) <= END {
        screen.row(&row.left(&source, END).left(&destination, END))?;
        return Ok(());
    }
    // Two IPv6 addresses: one below the other, as far to the left as they need.
    let room = COLUMNS - ENDS;
    if width(&source) <= room {
        screen.row(&row.left(&source, room))?;
    } else {
        screen.row(&row)?;
        below(screen, &source)?;
    }
    below(screen, &destination)
}

/// A line of its own for an end of a flow.
fn below(screen: &mut Screen<'_>, end: &str) -> Result<(), Trouble> {
    let columns = width(end).min(COLUMNS);
    Ok(screen.row(
        &Row::new(Tone::Plain)
            .indent(ENDS.min(COLUMNS - columns))
            .left(end, columns),
    )?)
}

fn left_part(tone: Tone, [proto, device, class, mark, bytes]: &[&str; 5]) -> Row {
    let mark_columns = mark.len().max(MARK);
    Row::new(tone)
        .left(proto, PROTO)
        .left(device, (DEVICE + MARK).saturating_sub(mark_columns))
        .left(class, CLASS)
        .right(mark, mark_columns)
        .right(bytes, BYTES)
}

/// `192.0.2.1:443`, `[2001:db8::1]:443`; without the port where there is none.
fn end(address: &str, port: u16) -> String {
    let address = clean(address);
    match (port, address.contains(':')) {
        (0, _) => address,
        (port, false) => format!("{address}:{port}"),
        (port, true) => format!("[{address}]:{port}"),
    }
}
