use crate::control::Device;

use super::amount::Amount;
use super::answer::Answer;
use super::screen::{COLUMNS, Column, Screen, Tone};
use super::trouble::Outcome;

/// Columns for an address.
const ADDRESS: usize = 15;

/// The table; with a space between each two columns it is as wide as a terminal.
const TABLE: [Column; 8] = [
    Column::left("name", 16),
    Column::left("MAC", 17),
    Column::left("address", ADDRESS),
    Column::left("class", 8),
    Column::right("flows", 5),
    Column::right("up", 4),
    Column::right("down", 4),
    Column::right("seen", 4),
];

const _: () = assert!(Column::together(&TABLE) == COLUMNS);

/// Where addresses start that do not fit into their column.
const INDENT: &str = "    ";

/// Prints every device.
pub(super) fn print(screen: &mut Screen<'_>, answer: &mut Answer<'_>) -> Outcome {
    let mut device = Device::default();
    let mut first = true;
    while answer.element(&mut device)? {
        if first {
            screen.heading(&TABLE);
            first = false;
        }
        line(screen, &device);
        screen.send_much()?;
    }
    if first {
        screen.prose(
            Tone::Plain,
            &"no devices yet:",
            &"none has been heard since the router started",
        );
    }
    Ok(())
}

fn line(screen: &mut Screen<'_>, device: &Device) {
    // Beside the others stands the first that fits into the column: the IPv4 address, for most.
    let (mut beside, mut below) = ("", String::new());
    for address in &device.addresses {
        if beside.is_empty() && address.len() <= ADDRESS {
            beside = address;
        } else {
            below.push_str(address);
            below.push(' ');
        }
    }
    screen.row(
        &TABLE,
        &[
            &or_dash(&device.name),
            &device.mac,
            &or_dash(beside),
            &device.class.as_deref().unwrap_or("-"),
            &Amount::Count(u64::from(device.flows)),
            &Amount::Bits(device.up_kbit),
            &Amount::Bits(device.down_kbit),
            &Amount::Ago(device.seen_s),
        ],
    );
    if !below.is_empty() {
        screen.prose(Tone::Plain, &INDENT, &below);
    }
    for (most, way) in [(device.up_max_kbit, " up"), (device.down_max_kbit, " down")] {
        if most.is_some() {
            let words = format_args!("at most {}{way}", Amount::Bits(most));
            screen.prose(Tone::Plain, &INDENT, &words);
        }
    }
}

/// A dash for no text.
pub(super) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
