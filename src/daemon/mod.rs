//! The loop that carries values between the outside and the engine.
//!
//! Must not: decide. What happens goes to the engine, what the engine wants is carried out, and what a client is told is written to it.
//!
//! How it is driven: [`run`] probes the kernel, reads the configuration, and then, one thread: wait for a file or for the engine's
//! time; hand in what happened; [`drive`](Daemon::drive) the engine until it waits again.
//!
//! When it dies, the kernel goes on as it was; the next start adopts what it finds. TERM and INT end it like that too, after what is not
//! on flash yet was written: only `stop` takes anything out of the kernel.

mod clients;
mod error;
mod events;
mod kernel;
mod look;
mod probe;

use core::time::Duration;
use std::path::Path;

use crate::cli::RunOptions;
use crate::config::{self, CONFIG_BYTES_MAX, Config};
use crate::engine::{Abilities, Engine, Input, Op, Step};
use crate::sys::clock::now;
use crate::sys::listener::Listener;
use crate::sys::poller::{Interest, Poller};
use crate::sys::signals::{Asked, Signals};
use crate::sys::store::{Document, Loaded, Store, Version};
use crate::value::{Cause, Refused};

use clients::Clients;
use events::Events;
use kernel::Kernel;

pub use error::Error;

/// The configuration's files.
const CONFIG: Document = Document {
    current: "config.json",
    previous: "config.prev.json",
    temporary: "config.json.new",
    bytes_max: CONFIG_BYTES_MAX,
};

const TOKEN_SIGNALS: u64 = 0;
const TOKEN_ROUTE: u64 = 1;
const TOKEN_RULES: u64 = 2;
const TOKEN_CONTROL: u64 = 3;
/// The first client's; the others follow.
const TOKEN_CLIENTS: u64 = 4;

/// Datagrams of events that are read before others have their turn: a flood of them must not shut a client out.
const EVENTS_A_TURN: usize = 32;

/// What was left in the kernel by a daemon that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// Nothing.
    Nothing,
    /// Something, which is removed now.
    Something,
}

struct Daemon {
    engine: Box<Engine>,
    kernel: Kernel,
    store: Store,
    clients: Clients,
    poller: Poller,
    /// Everything is taken out of the kernel: end.
    over: bool,
    /// The last reason for trouble that was logged, so that it is logged once.
    logged: heapless::String<{ crate::control::REASON_BYTES_MAX }>,
}

/// Runs the daemon until it is stopped.
///
/// # Errors
/// [`Error`]: why it could not start.
pub fn run(options: &RunOptions) -> Result<(), Error> {
    crate::sys::log::open(options.verbose);
    let store = Store::new(&options.dir, CONFIG);
    let config = load(&store, &options.dir)?;
    let listener = Listener::open(&options.socket)
        .map_err(|error| Error::Listen(options.socket.clone(), Box::new(error)))?;
    let mut kernel = Kernel::open().map_err(Error::Netlink)?;
    let abilities = probe::abilities(&mut kernel).map_err(Error::Netlink)?;
    let mut signals = Signals::open().map_err(|refused| Error::System("signals", refused))?;
    let mut events = Events::open(abilities.nft).map_err(Error::Netlink)?;
    let poller = Poller::open().map_err(|refused| Error::System("epoll", refused))?;
    let watch =
        |result: Result<(), Refused>| result.map_err(|refused| Error::System("epoll", refused));
    watch(poller.add(&signals, TOKEN_SIGNALS, Interest::Read))?;
    watch(poller.add(events.route(), TOKEN_ROUTE, Interest::Read))?;
    if let Some(rules) = events.rules() {
        watch(poller.add(rules, TOKEN_RULES, Interest::Read))?;
    }
    watch(poller.add(&listener, TOKEN_CONTROL, Interest::Read))?;
    let engine = Box::new(Engine::new(now(), config, abilities));
    log::info!("started, configuration from {}", options.dir.display());
    let mut daemon = Daemon {
        engine,
        kernel,
        store,
        clients: Clients::default(),
        poller,
        over: false,
        logged: heapless::String::new(),
    };
    let mut wait = daemon.drive();
    while !daemon.over {
        let ready: heapless::Vec<u64, 8> = match daemon.poller.wait(wait) {
            Ok(ready) => ready.iter().copied().collect(),
            Err(refused) => return Err(Error::System("epoll", refused)),
        };
        for token in ready {
            match token {
                TOKEN_SIGNALS => {
                    if daemon.signalled(&mut signals, &options.dir) {
                        return Ok(());
                    }
                }
                TOKEN_ROUTE | TOKEN_RULES => daemon.hear(&mut events, token),
                TOKEN_CONTROL => daemon.clients.accept(&listener, &daemon.poller),
                client => daemon.serve(client),
            }
        }
        wait = daemon.drive();
    }
    daemon.clients.finish();
    log::info!("everything was taken out of the kernel; ending");
    Ok(())
}

/// Takes out of the kernel what a daemon that is gone has left there.
///
/// # Errors
/// [`Error`]: what could not be removed, and why.
pub fn clear() -> Result<Cleared, Error> {
    let mut kernel = Kernel::open().map_err(Error::Netlink)?;
    let abilities = probe::abilities(&mut kernel).map_err(Error::Netlink)?;
    let mut engine = Engine::new(now(), Box::default(), abilities);
    engine.leave();
    let mut cleared = Cleared::Nothing;
    loop {
        match engine.poll(now()) {
            Step::Do(op) => {
                if !matches!(op, Op::Look(_)) {
                    cleared = Cleared::Something;
                }
                kernel.carry_out(&op, &mut engine, now());
            }
            Step::Answer(..) => {}
            // Nothing is left to do; and nothing will come that could be waited for.
            Step::End | Step::Wait(_) => break,
        }
    }
    match engine.trouble_text() {
        None => Ok(cleared),
        Some(text) => Err(Error::Left(Box::new(text))),
    }
}

/// The configuration in the directory; the default one when there is none.
fn load(store: &Store, dir: &Path) -> Result<Box<Config>, Error> {
    let loaded = store
        .load()
        .map_err(|error| Error::Store(dir.join(CONFIG.current), error))?;
    let Loaded::Text { bytes, from } = loaded else {
        log::info!(
            "no {} in {}: off until there is one",
            CONFIG.current,
            dir.display()
        );
        return Ok(Box::default());
    };
    if from == Version::Previous {
        log::warn!(
            "{} is empty or missing: {} is used",
            CONFIG.current,
            CONFIG.previous
        );
    }
    let file = if from == Version::Previous {
        CONFIG.previous
    } else {
        CONFIG.current
    };
    config::parse(&bytes)
        .map(Box::new)
        .map_err(|problem| Error::Config(dir.join(file), Box::new(problem)))
}

impl Daemon {
    /// Drives the engine until it waits; how long.
    fn drive(&mut self) -> Option<Duration> {
        loop {
            match self.engine.poll(now()) {
                Step::Do(Op::Save) => {
                    let result = self.save();
                    self.engine.handle(now(), Input::Done(result));
                }
                Step::Do(op) => {
                    log::debug!("{op:?}");
                    self.kernel.carry_out(&op, &mut self.engine, now());
                }
                Step::Answer(client, answer) => {
                    self.clients
                        .answer(client, answer, &mut self.engine, &self.poller)
                }
                Step::Wait(wait) => {
                    self.log_trouble();
                    return wait;
                }
                Step::End => {
                    self.over = true;
                    return None;
                }
            }
        }
    }

    fn log_trouble(&mut self) {
        let text = self.engine.trouble_text().unwrap_or_default();
        if text != self.logged {
            match text.as_str() {
                "" => log::info!("the lanes are as configured"),
                text => log::warn!("{text}"),
            }
            self.logged = text;
        }
    }

    fn save(&mut self) -> Result<(), Refused> {
        let mut text = String::new();
        // A string takes whatever is written to it.
        let _ = config::write(self.engine.config(), &mut text);
        self.store.save(text.as_bytes()).map_err(|error| {
            log::warn!("{error}");
            let mut words = heapless::String::<{ crate::value::REFUSED_TEXT_BYTES_MAX }>::new();
            let _ = core::fmt::Write::write_fmt(&mut words, format_args!("{error}"));
            Refused::new(Cause::Other, &words)
        })
    }

    /// A signal came. Returns whether to end.
    fn signalled(&mut self, signals: &mut Signals, dir: &Path) -> bool {
        while let Some(asked) = signals.take() {
            match asked {
                Asked::End => {
                    if self.engine.save_due() {
                        // What cannot be written now was logged by `save`.
                        let _ = self.save();
                    }
                    log::info!("ending; the lanes stay in the kernel");
                    return true;
                }
                Asked::Reload => match load(&self.store, dir) {
                    Ok(config) => {
                        log::info!("configuration read again");
                        self.engine.handle(now(), Input::Reload(config));
                    }
                    Err(error) => log::error!("{error}; the configuration in force stays"),
                },
            }
        }
        false
    }

    fn hear(&mut self, events: &mut Events, token: u64) {
        let ports = self.kernel.ports();
        for _ in 0..EVENTS_A_TURN {
            let more = match token {
                TOKEN_ROUTE => {
                    events.hear_route(&mut self.engine, ports, &mut self.kernel.room, now())
                }
                _ => events.hear_rules(&mut self.engine, ports, &mut self.kernel.room, now()),
            };
            if !more {
                break;
            }
        }
    }

    fn serve(&mut self, token: u64) {
        let Ok(place) = u8::try_from(token.saturating_sub(TOKEN_CLIENTS)) else {
            return;
        };
        self.clients.serve(
            crate::engine::Client(place),
            &mut self.engine,
            &self.poller,
            now(),
        );
    }
}

/// Abilities before they are probed: none, except what is taken for granted until the kernel refuses it.
const UNPROBED: Abilities = Abilities {
    conntrack: false,
    nft: false,
    guard: true,
    htb: false,
    leaves: [false; crate::value::LeafKind::ALL.len()],
    ticks: crate::value::TickRate { ticks: 125, us: 8 },
};
