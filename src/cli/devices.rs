use std::time::Duration;

use crate::control::{Device, Request, Verb};

use super::amount::{ago, bits, count};
use super::answer::Answer;
use super::command::Command;
use super::screen::{COLUMNS, Row, Screen, Tone};
use super::trouble::Trouble;

/// The columns of the table; with a space between each two they are the 80 of a terminal.
const NAME: usize = 16;
const MAC: usize = 17;
const ADDRESS: usize = 15;
const CLASS: usize = 8;
const FLOWS: usize = 5;
const RATE: usize = 4;
const SEEN: usize = 4;

const _: () = assert!(NAME + MAC + ADDRESS + CLASS + FLOWS + 2 * RATE + SEEN + 7 == COLUMNS);

/// Where addresses start that do not fit into their column.
const INDENT: usize = 4;

/// Prints every device.
pub(super) fn show(
    screen: &mut Screen<'_>,
    command: &Command,
    wait: Duration,
) -> Result<(), Trouble> {
    let mut answer = Answer::to(&Request::plain(Verb::Devices), None, command, wait)?;
    if answer.as_json(screen)? {
        return Ok(());
    }
    let mut first = true;
    answer.elements(|device: Device| {
        if first {
            heading(screen)?;
            first = false;
        }
        line(screen, &device)
    })?;
    if first {
        screen.prose(
            Tone::Plain,
            "no devices yet:",
            "none has been heard since the router started",
        )?;
    }
    Ok(())
}

fn heading(screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let row = Row::new(Tone::Heading)
        .left("name", NAME)
        .left("MAC", MAC)
        .left("address", ADDRESS)
        .left("class", CLASS)
        .right("flows", FLOWS)
        .right("up", RATE)
        .right("down", RATE)
        .right("seen", SEEN);
    Ok(screen.row(&row)?)
}

fn line(screen: &mut Screen<'_>, device: &Device) -> Result<(), Trouble> {
    // The first that fits into the column: the IPv4 address, for most.
    let beside = device
        .addresses
        .iter()
        .position(|address| address.len() <= ADDRESS);
    let row = Row::new(Tone::Plain)
        .left(or_dash(&device.name), NAME)
        .left(&device.mac, MAC)
        .left(
            beside
                .and_then(|index| device.addresses.get(index))
                .map_or("-", |address| address),
            ADDRESS,
        )
        .left(device.class.as_deref().unwrap_or("-"), CLASS)
        .right(&count(u64::from(device.flows)), FLOWS)
        .right(&bits(device.up_kbit), RATE)
        .right(&bits(device.down_kbit), RATE)
        .right(&ago(device.seen_s), SEEN);
    screen.row(&row)?;

    let mut below = Row::new(Tone::Plain).indent(INDENT);
    for (_, address) in device
        .addresses
        .iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != beside)
    {
        let columns = super::screen::width(&super::screen::clean(address));
        if below.width() > INDENT && below.width() + 1 + columns > COLUMNS {
            screen.row(&below)?;
            below = Row::new(Tone::Plain).indent(INDENT);
        }
        below = below.left(address, columns.min(COLUMNS - INDENT));
    }
    if below.width() > INDENT {
        screen.row(&below)?;
    }
    Ok(())
}

/// A dash for no text.
pub(super) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
