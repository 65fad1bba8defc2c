//! The demo for visitors: the house stays up under load, and its router's page is on this machine.
//!
//! The workstation begins in the worst place: in Bulk, without small packets going ahead. A visitor who sets it to Premium sees the wait of
//! its lane fall on the page, and the wait of its keystrokes in the terminal. Or the router is new (`--new`): nobody has set a password or
//! the line, and the page's guide leads there.
//!
//! A daemon that ends is started again, as an init system would.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use super::bulk::{Bulk, Load};
use super::daemon::{self, Daemon};
use super::door::Door;
use super::error::Error;
use super::house::{self, House, Resident};
use super::interrupt::{self, Interrupt};
use super::isolation;
use super::keystroke::Keystrokes;
use super::options::Demo;
use super::report::Kbit;
use super::scratch::Scratch;
use super::{demo, directions};

/// Between two lines on how long keystrokes take.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Runs until a signal comes.
///
/// # Errors
/// `Interrupted` in the end; anything else kept the house from standing.
pub fn run(options: &Demo) -> Result<(), Error> {
    let lab = std::env::current_exe().map_err(Error::io("find this program"))?;
    let program = daemon::program(options.lanemark.as_deref(), &lab)?;
    let door = Door::hang(options.port)?;
    let blocked = interrupt::block()?;
    let standing = isolation::leave()?;
    let interrupt = Interrupt::listen(blocked)?;
    let scratch = Scratch::new(&lab)?;
    let house = House::build(&house::Options {
        lab,
        rates: Some(house::typical_line(options.down_kbit, options.up_kbit)),
        guests: Vec::new(),
    })?;
    // First: the kernel counts the bytes of flows that begin after it was asked to.
    let mut daemon = Daemon::start(house.router(), &program, &scratch, Some(&config(options)))?;
    if !options.new {
        daemon.await_shaping(house.router(), &interrupt)?;
    }
    let workstation = house.lan_host("workstation")?;
    let keystrokes = Keystrokes::start(workstation, house::SERVER_V4.into(), &options.congestion)?;
    let _bulk = Bulk::start(
        house.lan_host("tv")?,
        house::SERVER_V4.into(),
        house.services(),
        &Load {
            flows: options.flows,
            congestion: options.congestion.clone(),
        },
    )?;
    door.open(
        workstation,
        SocketAddr::from((house::ROUTER_V4, options.port)),
    )?;
    let advice = match options.new {
        true => format!(
            "The line has {} kbit/s down and {} up.",
            options.down_kbit, options.up_kbit
        ),
        false => "Set the workstation to Premium there.".into(),
    };
    eprintln!(
        "The router's page: http://127.0.0.1:{}\n{advice} The house stays until Ctrl-C.",
        options.port
    );
    eprint!("{}", directions::to_enter(&house, standing));
    eprintln!("lanemark's socket: {}", daemon.socket().display());
    loop {
        let mark = keystrokes.mark();
        interrupt.pause(TOLD_EVERY)?;
        if daemon.ended()?.is_some() {
            daemon = Daemon::start(house.router(), &program, &scratch, None)?;
        }
        if std::io::stderr().is_terminal() {
            let wait_ms = keystrokes.summary(mark)?.p50.as_millis();
            // Back to the start of the line, and clear what is right of the new text.
            eprint!("\rthe workstation's keystrokes: {wait_ms} ms\x1b[K");
        }
    }
}

fn config(options: &Demo) -> String {
    // The same port as here: a browser names it.
    let admin = json!({"port": options.port, "names": ["127.0.0.1", "localhost"]});
    if options.new {
        return json!({"version": 1, "admin": admin}).to_string();
    }
    let Kbit { up, down } = demo::shaped(options);
    json!({
        "version": 1,
        "enabled": true,
        "wan": {"interface": house::WAN, "up_kbit": up, "down_kbit": down, "overhead": 0},
        "lan": [house::LAN],
        "prioritize": [],
        "devices": [
            {"mac": Resident::workstation().mac_text(), "name": "workstation", "class": "bulk"},
            {"mac": Resident::tv().mac_text(), "name": "tv"},
        ],
        "admin": admin,
    })
    .to_string()
}
