//! The loop that carries values between the outside and the engine.
//!
//! Must not: decide. What happens goes to the engine, what the engine wants is carried out, and what a client is told is written to it.
//!
//! How it is driven: [`run`] probes the kernel, reads the configuration, and then, one thread: wait for a file or for the engine's
//! time; hand in what happened; drive the engine until it waits again.
//!
//! A stored configuration that is spoiled does not keep it from starting: the one before it is used, or QoS is off until a good one is
//! applied, and `status` says so. Read again while it runs, a spoiled one changes nothing.
//!
//! When it dies, the kernel goes on as it was; the next start adopts what it finds. TERM and INT end it like that too, after what is not
//! on flash yet was written: only `stop` takes anything out of the kernel.

mod clients;
mod connection;
mod errand;
mod error;
mod events;
mod history;
mod kernel;
#[cfg(test)]
mod largest;
#[cfg(test)]
mod lent;
mod look;
mod page;
mod password;
mod path;
mod probe;
mod stored;
mod walk;
#[cfg(feature = "xtables")]
mod xtables;

use core::net::Ipv4Addr;
use core::time::Duration;
use std::path::Path;

use crate::cli::RunOptions;
use crate::config;
use crate::control::Changed;
use crate::engine::{Abilities, Answer, Engine, Input, Op, Step};
use crate::sys::clock::now;
use crate::sys::echo::{Echo, Heard};
use crate::sys::file::shown;
use crate::sys::listener::Listener;
use crate::sys::log::{Level, tell};
use crate::sys::poller::{Interest, Poller};
use crate::sys::signals::{Asked, Signals};
use crate::sys::store::Store;
use crate::value::{Dialect, IfName, Refused, TcHandle};

use clients::{Clients, Queue};
use events::{About, Events};
use kernel::Kernel;
use page::{Page, With};
use password::Judge;

pub use error::Error;

const TOKEN_SIGNALS: u64 = 0;
const TOKEN_CONTROL: u64 = 1;
const TOKEN_EVENTS: [(u64, About); 3] =
    [(2, About::Route), (3, About::Neighbours), (4, About::Rules)];
const TOKEN_PAGE: u64 = 5;
const TOKEN_JUDGE: u64 = 6;
const TOKEN_PATH: u64 = 7;
const TOKEN_ECHO: u64 = 8;
/// The first client's; the others follow.
const TOKEN_CLIENTS: u64 = 9;

/// How long nobody is let in after the file descriptors ran out.
const STUCK_WAIT: Duration = Duration::from_secs(1);

/// Datagrams of events that are read before others have their turn: a flood of them must not shut a client out.
const EVENTS_A_TURN: usize = 32;

/// What was left in the kernel by a daemon that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    page: Page,
    judge: Judge,
    poller: Poller,
    /// While the latency of the line is watched: the interface and the class, and the socket there.
    echo: Option<((IfName, TcHandle), Echo)>,
    /// While `doctor` waits for what the path takes.
    path: path::Sounded,
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
    let store = Store::new(&options.dir, stored::CONFIG);
    let listener = Listener::open(&options.socket)
        .map_err(|error| Error::Listen(options.socket.clone(), Box::new(error)))?;
    let mut kernel = Kernel::open().map_err(Error::Netlink)?;
    let abilities = probe::abilities(&mut kernel, options.rules).map_err(Error::Netlink)?;
    let files = Files {
        signals: Signals::open().map_err(|refused| Error::System("signals", refused))?,
        events: Events::open(abilities.nft).map_err(Error::Netlink)?,
        listener,
        stuck: false,
    };
    let poller = Poller::open().map_err(no_epoll)?;
    files.watch(&poller).map_err(no_epoll)?;
    tell(
        Level::Info,
        format_args!("started, configuration from {}", shown(&options.dir)),
    );
    // Not before: another daemon may be running, whose files these are.
    let (config, spoiled) = stored::at_start(&store, &options.dir);
    let mut engine = Box::new(Engine::new(now(), config, abilities));
    engine.found_spoiled(format_args!("{spoiled}"));
    let page = Page::new(password::is_there(&options.dir), now());
    let mut daemon = Daemon {
        engine,
        kernel,
        store,
        clients: Clients::default(),
        page,
        judge: Judge::default(),
        poller,
        echo: None,
        path: None,
        over: false,
        logged: heapless::String::new(),
    };
    daemon
        .turn_until_over(files, &options.dir)
        .map_err(no_epoll)
}

fn no_epoll(refused: Refused) -> Error {
    Error::System("epoll", refused)
}

/// What is waited for, besides the clients.
struct Files {
    signals: Signals,
    events: Events,
    listener: Listener,
    /// Somebody waits to come in, and no file descriptor was free for him.
    stuck: bool,
}

impl Files {
    fn watch(&self, poller: &Poller) -> Result<(), Refused> {
        poller.add(&self.signals, TOKEN_SIGNALS, Interest::Read)?;
        poller.add(&self.listener, TOKEN_CONTROL, Interest::Read)?;
        for (token, about) in TOKEN_EVENTS {
            if let Some(socket) = self.events.socket(about) {
                poller.add(socket, token, Interest::Read)?;
            }
        }
        Ok(())
    }
}

/// Takes out of the kernel what a daemon that is gone has left there.
///
/// # Errors
/// [`Error`]: what could not be removed, and why.
pub fn clear() -> Result<Cleared, Error> {
    // First: a guarded table tells that its owner lives, and all the rest is his too.
    let cleared = clear_of(Dialect::Nftables)?;
    #[cfg(feature = "xtables")]
    if xtables::is_in_use() {
        return Ok(cleared.max(clear_of(Dialect::Xtables)?));
    }
    Ok(cleared)
}

fn clear_of(dialect: Dialect) -> Result<Cleared, Error> {
    let mut kernel = Kernel::open().map_err(Error::Netlink)?;
    let abilities = probe::abilities(&mut kernel, Some(dialect)).map_err(Error::Netlink)?;
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

/// What a client changed, for whoever reads the log.
fn tell_change(changed: &Changed) {
    let Changed {
        mac, flows_marked, ..
    } = changed;
    match mac.as_str() {
        "" => tell(
            Level::Info,
            format_args!("changed as asked; {flows_marked} live flows re-marked"),
        ),
        mac => tell(
            Level::Info,
            format_args!("the class of {mac} was changed; {flows_marked} live flows re-marked"),
        ),
    }
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
                Step::Do(Op::Echo { to, dev, priority }) => {
                    let result = self.send_echo(to, dev, priority);
                    self.engine.handle(now(), Input::Done(result));
                }
                Step::Do(Op::Sound {
                    to,
                    dev,
                    priority,
                    seq,
                    bytes,
                }) => {
                    let result = self.sound(to, dev, priority, (seq, bytes));
                    self.engine.handle(now(), Input::Done(result));
                }
                Step::Do(op) => {
                    log::debug!("{op:?}");
                    self.kernel.carry_out(&op, &mut self.engine, now());
                }
                Step::Answer(client, answer) => {
                    if let Answer::Changed(changed) = &answer {
                        tell_change(changed);
                    }
                    self.clients
                        .answer(client, answer, &mut self.engine, &self.poller)
                }
                Step::Wait(_) if self.attend_errands() => {}
                Step::Wait(wait) => {
                    self.log_trouble();
                    self.end_sounding();
                    return wait;
                }
                Step::End => {
                    tell(Level::Info, format_args!("ending, as asked"));
                    self.over = true;
                    return None;
                }
            }
        }
    }

    /// Drives the engine, then the judge of passwords and the page, which follow it; how long all can wait.
    fn drive_all(&mut self) -> Option<Duration> {
        let wait = self.drive();
        if self.over {
            return None;
        }
        let wait = earlier(wait, self.judge());
        let mut with = With {
            engine: &mut self.engine,
            kernel: &mut self.kernel,
            clients: &mut self.clients,
            poller: &self.poller,
        };
        earlier(wait, self.page.turn(&mut with, now()))
    }

    fn turn_until_over(&mut self, mut files: Files, dir: &Path) -> Result<(), Refused> {
        let mut wait = self.drive_all();
        while !self.over {
            if files.stuck {
                wait = earlier(wait, Some(STUCK_WAIT));
            }
            let ready = self.poller.wait(wait)?;
            if core::mem::take(&mut files.stuck) {
                self.poller
                    .change(&files.listener, TOKEN_CONTROL, Interest::Read)?;
            }
            for token in ready {
                self.attend(token, &mut files, dir)?;
            }
            if self.over {
                break;
            }
            if files.events.take_addresses_changed() {
                self.page.look_again();
            }
            wait = self.drive_all();
        }
        // Who starts the next one as soon as he is answered finds the lock free.
        drop(files);
        self.clients.finish();
        Ok(())
    }

    fn attend(&mut self, token: u64, files: &mut Files, dir: &Path) -> Result<(), Refused> {
        let events = TOKEN_EVENTS.into_iter().find(|(own, _)| *own == token);
        match (token, events) {
            (TOKEN_SIGNALS, _) => self.signalled(&mut files.signals, dir),
            // `drive_all` looks at it each time.
            (TOKEN_JUDGE, _) => {}
            (TOKEN_PAGE, _) => self.page.heard(now()),
            (TOKEN_CONTROL, _) => {
                let queue =
                    self.clients
                        .accept(&files.listener, &mut self.engine, &self.poller, now());
                if queue == Queue::Stuck {
                    self.poller
                        .change(&files.listener, TOKEN_CONTROL, Interest::Nothing)?;
                    files.stuck = true;
                }
            }
            (_, Some((_, about))) => {
                for _ in 0..EVENTS_A_TURN {
                    if !files
                        .events
                        .hear(about, &mut self.engine, &mut self.kernel, now())
                    {
                        break;
                    }
                }
            }
            (TOKEN_ECHO, _) => self.hear_echo(),
            (TOKEN_PATH, _) => self.hear_path(),
            (client, None) => self.serve(client),
        }
        Ok(())
    }

    fn send_echo(&mut self, to: Ipv4Addr, dev: IfName, priority: TcHandle) -> Result<(), Refused> {
        // The socket of another interface is closed first: one number is one file's.
        self.echo = self
            .echo
            .take()
            .filter(|(known, _)| *known == (dev, priority));
        if self.echo.is_none() {
            let echo = Echo::open(dev.as_str(), priority.0)?;
            self.poller.add(&echo, TOKEN_ECHO, Interest::Read)?;
            self.echo = Some(((dev, priority), echo));
        }
        match &mut self.echo {
            Some((_, echo)) => echo.send(to),
            None => Ok(()),
        }
    }

    /// An answer, or what somebody else takes for one.
    fn hear_echo(&mut self) {
        for _ in 0..EVENTS_A_TURN {
            match self.echo.as_mut().map(|(_, echo)| echo.receive()) {
                Some(Heard::Answer(tenth_ms)) => {
                    self.engine.handle(now(), Input::Echo { tenth_ms });
                }
                Some(Heard::Other) => {}
                Some(Heard::Unasked) => self.echo = None,
                Some(Heard::Nothing) | None => break,
            }
        }
    }

    fn log_trouble(&mut self) {
        let text = self.engine.trouble_text().unwrap_or_default();
        if text != self.logged {
            match text.as_str() {
                "" => tell(Level::Info, format_args!("the lanes are as configured")),
                text => tell(Level::Warn, format_args!("{text}")),
            }
            self.logged = text;
        }
    }

    fn save(&mut self) -> Result<(), Refused> {
        let mut text = String::new();
        // A string takes whatever is written to it.
        let _ = config::write(self.engine.config(), &mut text);
        self.store.save(text.as_bytes()).map_err(|error| {
            tell(Level::Warn, format_args!("{error}"));
            Refused::other(format_args!("{error}"))
        })
    }

    /// A signal came.
    fn signalled(&mut self, signals: &mut Signals, dir: &Path) {
        while let Some(asked) = signals.take() {
            match asked {
                Asked::End => {
                    if self.engine.save_due() {
                        // What cannot be written now was logged by `save`.
                        let _ = self.save();
                    }
                    tell(
                        Level::Info,
                        format_args!("ending; the lanes stay in the kernel"),
                    );
                    self.over = true;
                }
                Asked::Reload => match stored::load(&self.store, dir) {
                    Ok(config) => {
                        tell(Level::Info, format_args!("configuration read again"));
                        let config = config.unwrap_or_default();
                        self.engine.handle(now(), Input::Reload(config));
                    }
                    Err(spoiled) => tell(
                        Level::Error,
                        format_args!("{}/{spoiled}; the configuration in force stays", shown(dir)),
                    ),
                },
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

/// The shorter of two waits; none is for ever.
fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Abilities before they are probed: none, except what is taken for granted until the kernel refuses it.
const UNPROBED: Abilities = Abilities {
    conntrack: false,
    nft: false,
    xtables: None,
    mss: false,
    arrival: false,
    guard: true,
    shapers: [false; crate::value::ShaperKind::ALL.len()],
    leaves: [false; crate::value::LeafKind::ALL.len()],
    ticks: crate::value::TickRate { ticks: 125, us: 8 },
};
