use core::fmt;

use crate::control::Flow;

use super::amount::Amount;
use super::answer::Answer;
use super::devices::or_dash;
use super::screen::{COLUMNS, Column, Screen, Tone, clean, width};
use super::trouble::Outcome;

/// `192.168.100.100:65535`.
const END: usize = 21;

/// The table; with a space between each two columns it is as wide as a terminal.
const TABLE: [Column; 7] = [
    Column::left("prot", 4),
    Column::left("device", 11),
    Column::left("class", 8),
    Column::right("mark", 4),
    Column::right("bytes", 5),
    Column::left("source", END),
    Column::left("destination", END),
];

const _: () = assert!(Column::together(&TABLE) == COLUMNS);

/// Where the two ends of a flow start.
const ENDS: usize = COLUMNS - 2 * END - 1;

/// Prints flows.
pub(super) fn print(screen: &mut Screen<'_>, answer: &mut Answer<'_>) -> Outcome {
    let mut flow = Flow::default();
    let mut first = true;
    while answer.element(&mut flow)? {
        if first {
            screen.heading(&TABLE);
            first = false;
        }
        line(screen, &flow);
        screen.send_much()?;
    }
    if first {
        screen.prose(Tone::Plain, &"no flows", &"");
    }
    Ok(())
}

fn line(screen: &mut Screen<'_>, flow: &Flow) {
    let total: &dyn fmt::Display = match (flow.bytes_out, flow.bytes_back) {
        (None, None) => &"-",
        (out, back) => &Amount::Bytes(out.unwrap_or(0).saturating_add(back.unwrap_or(0))),
    };
    let source = end(&flow.src, flow.sport);
    let destination = end(&flow.dst, flow.dport);
    let mark = flow.mark.to_string();

    let mut table = TABLE;
    let [_, device, _, mark_column, _, source_column, _] = &mut table;
    // A mark that needs more columns takes them from the device.
    let more = mark.len().saturating_sub(mark_column.columns);
    mark_column.columns += more;
    device.columns -= more;
    // Two IPv6 addresses: one below the other, as far to the left as they need.
    let together = width(&source) <= END && width(&destination) <= END;
    let room = COLUMNS - ENDS;
    let beside = together || width(&source) <= room;
    if !together {
        source_column.columns = room;
    }
    let cells: [&dyn fmt::Display; 7] = [
        &flow.proto,
        &or_dash(&flow.device),
        &flow.class.as_deref().unwrap_or("-"),
        &mark,
        total,
        &source,
        &destination,
    ];
    let count = match (together, beside) {
        (true, _) => 7,
        (_, true) => 6,
        (_, false) => 5,
    };
    screen.row(&table, cells.get(..count).unwrap_or_default());
    if !beside {
        below(screen, &source);
    }
    if !together {
        below(screen, &destination);
    }
}

/// A line of its own for an end of a flow.
fn below(screen: &mut Screen<'_>, end: &str) {
    let columns = width(end).min(COLUMNS);
    let indent = ENDS.min(COLUMNS - columns);
    screen.row(
        &[Column::left("", indent), Column::left("", columns)],
        &[&"", &end],
    );
}

/// `192.0.2.1:443`, `[2001:db8::1]:443`; without the port where there is none.
fn end(address: &str, port: u16) -> String {
    let mut text = clean(&address);
    if port > 0 {
        if text.contains(':') {
            text = format!("[{text}]");
        }
        text = format!("{text}:{port}");
    }
    text
}
