//! The page process, and the sockets that it answers at.
//!
//! The sockets are opened and kept here, and the process gets copies: whoever asks while it is started again waits a moment instead of
//! being refused. It may be killed at any time, and is started again: at once, then after a second, then after twice as long each time.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::os::fd::AsFd;

use heapless::{String, Vec};

use super::clients::Clients;
use super::kernel::Kernel;
use super::{TOKEN_PAGE, earlier};
use crate::apply::Family;
use crate::config::Admin;
use crate::engine::{Engine, Home};
use crate::sys::channel::Channel;
use crate::sys::child::{Child, Ended};
use crate::sys::file::Moved;
use crate::sys::log::{Level, tell};
use crate::sys::poller::{Interest, Poller};
use crate::sys::tcp_listener::TcpListener;
use crate::value::{Instant, Refused};
use crate::wire::address;
use crate::wire::channel::{DESCRIPTOR, LISTENERS_MAX, NAMES_BYTES_MAX, Place, Settings, Told};

/// After a first refusal, a socket is tried again so soon: the page of a daemon before us may be on its way out.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Between two tries of a socket that is refused again and again, since another program is there.
const RETRY: Duration = Duration::from_secs(10);

/// Before the second start in a row; each further one waits twice as long.
const RESTART_MIN: Duration = Duration::from_secs(1);

/// See [`RESTART_MIN`]: at most this long.
const RESTART_MAX: Duration = Duration::from_secs(30);

/// A process that lived so long had another reason to end than the one before.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// Between two looks whether a process that was killed has ended, which takes it less.
const ENDING: Duration = Duration::from_millis(20);

/// Where the page is, or shall be.
struct Listener {
    place: SocketAddr,
    /// None until the system gives it.
    socket: Option<TcpListener>,
    /// Why not; told once.
    refused: Option<Refused>,
}

enum Process {
    /// It is not there.
    Down {
        /// When it may be started.
        next: Instant,
        /// One that was killed, and has not ended yet.
        ending: Option<Child>,
    },
    Up {
        child: Child,
        channel: Channel,
        since: Instant,
    },
}

/// See the module.
pub(super) struct Page {
    /// What was carried out last.
    admin: Admin,
    home: Home,
    has_password: bool,
    /// Our own addresses may be others than were seen.
    stale: bool,
    listeners: Vec<Listener, LISTENERS_MAX>,
    /// There were more places than there is room for.
    crowded: bool,
    /// When what was refused is tried again.
    retry: Option<Instant>,
    process: Process,
    /// How long it will be waited when it ends by itself.
    waited: Duration,
    /// It ended by itself, which is not told yet.
    fell: bool,
    /// What `doctor` tells is not true any more.
    news: bool,
}

/// What the page is carried out with.
pub(super) struct With<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) kernel: &'a mut Kernel,
    pub(super) clients: &'a mut Clients,
    pub(super) poller: &'a Poller,
}

impl Page {
    /// No page yet; whether there is a password.
    pub(super) fn new(has_password: bool, now: Instant) -> Page {
        Page {
            admin: Admin {
                enabled: false,
                ..Admin::default()
            },
            home: Home::new(),
            has_password,
            stale: true,
            listeners: Vec::new(),
            crowded: false,
            retry: None,
            process: Process::Down {
                next: now,
                ending: None,
            },
            waited: Duration::ZERO,
            fell: false,
            news: true,
        }
    }

    /// Our own addresses may be others than were seen.
    pub(super) const fn look_again(&mut self) {
        self.stale = true;
    }

    /// Whether there is a password.
    pub(super) fn password_is(&mut self, there: bool, now: Instant) {
        if core::mem::replace(&mut self.has_password, there) != there {
            self.tell_settings(now);
        }
    }

    /// Whoever the page let in is out. For what the page itself has changed it is not told so: it would forget who changed it.
    pub(super) fn forget(&mut self, now: Instant) {
        self.tell(&Told::Forget, None, now);
    }

    /// Does what is due; how long it can wait for the rest.
    pub(super) fn turn(&mut self, with: &mut With<'_>, now: Instant) -> Option<Duration> {
        let admin = &with.engine.config().admin;
        let home = with.engine.home().unwrap_or_else(|| self.home.clone());
        let changed = **admin != self.admin;
        if changed {
            let before = core::mem::replace(&mut self.admin, Admin::clone(admin));
            if before.connections != self.admin.connections || !self.admin.enabled {
                // How many connections there can be is fixed for the life of the process.
                self.end(now);
                self.waited = Duration::ZERO;
            }
            self.tell_settings(now);
            self.news = true;
        }
        if changed || self.stale || home != self.home {
            self.home = home;
            self.stale = self.find_places(with, now).is_err();
        }
        if self.retry.is_some_and(|retry| retry <= now) {
            self.open(now);
        }
        self.keep_process(with, now);
        if core::mem::take(&mut self.news) {
            self.report(with.engine);
        }
        self.wait(now)
    }

    fn wait(&self, now: Instant) -> Option<Duration> {
        let mut wait = self.retry.map(|retry| retry.since(now));
        if self.stale {
            wait = earlier(wait, Some(FIRST_RETRY));
        }
        match &self.process {
            Process::Down {
                ending: Some(_), ..
            } => earlier(wait, Some(ENDING)),
            Process::Down { next, .. } if self.is_wanted() => earlier(wait, Some(next.since(now))),
            _ => wait,
        }
    }

    fn is_wanted(&self) -> bool {
        self.admin.enabled && self.listeners.iter().any(|each| each.socket.is_some())
    }

    /// Compares where the page is with where it shall be.
    fn find_places(&mut self, with: &mut With<'_>, now: Instant) -> Result<(), Refused> {
        let mut wished: Vec<SocketAddr, LISTENERS_MAX> = Vec::new();
        let mut crowded = false;
        let mut question = with.kernel.question(Family::Route);
        address::emit_dump(&mut question.w, question.seq);
        question.ask(&mut |message| {
            if let Ok(Some(own)) = address::parse(message)
                && own.usable
                && let Some(place) = with.engine.page_at(&self.home, own.dev, own.address)
                && !wished.contains(&place)
            {
                crowded |= wished.push(place).is_err();
            }
        })?;
        // Those who are one too many have no socket: which there are says nothing of them.
        self.news |= core::mem::replace(&mut self.crowded, crowded) != crowded;
        while let Some(at) = self
            .listeners
            .iter()
            .position(|each| !wished.contains(&each.place))
        {
            let gone = self.listeners.remove(at);
            if gone.socket.is_some() {
                let mut place = String::<PLACE_BYTES_MAX>::new();
                // The longest address of all has room.
                let _ = fmt::write(&mut place, format_args!("{}", Place(gone.place)));
                self.tell(&Told::Unlisten(&place), None, now);
            }
            self.news = true;
        }
        for place in wished {
            if self.listeners.iter().all(|each| each.place != place) {
                // As many as can be wished.
                let _ = self.listeners.push(Listener {
                    place,
                    socket: None,
                    refused: None,
                });
                self.retry = Some(now);
                self.news = true;
            }
        }
        Ok(())
    }

    /// Opens the sockets that are not open yet.
    fn open(&mut self, now: Instant) {
        let mut retry = None;
        for at in 0..self.listeners.len() {
            let Some(each) = self.listeners.get_mut(at) else {
                break;
            };
            if each.socket.is_some() {
                continue;
            }
            match TcpListener::open(each.place) {
                Ok(socket) => {
                    each.refused = None;
                    each.socket = Some(socket);
                    let words = format_args!("the admin page is at http://{}", Place(each.place));
                    tell(Level::Info, words);
                    self.tell(&Told::Listen, Some(at), now);
                }
                Err(refused) => {
                    let wait = if each.refused.is_some() {
                        RETRY
                    } else {
                        FIRST_RETRY
                    };
                    retry = earlier(retry, Some(wait));
                    if each.refused.as_ref() != Some(&refused) {
                        let place = Place(each.place);
                        let words = format_args!("the admin page cannot be at {place}: {refused}");
                        tell(Level::Warn, words);
                    }
                    each.refused = Some(refused);
                }
            }
            self.news = true;
        }
        self.retry = retry.map(|wait| now.after(wait));
    }

    /// Tells the process, if it is there; with the socket of this listener. One that does not listen is ended.
    fn tell(&mut self, told: &Told<'_>, listener: Option<usize>, now: Instant) {
        let Process::Up { channel, .. } = &self.process else {
            return;
        };
        let listener = listener.and_then(|at| self.listeners.get(at));
        let socket = listener.and_then(|listener| listener.socket.as_ref());
        let moved = match told.emit() {
            Some(message) => channel.tell(&message, socket.map(AsFd::as_fd)),
            None => Moved::Broken,
        };
        if !matches!(moved, Moved::Bytes(_)) {
            self.end(now);
        }
    }

    fn tell_settings(&mut self, now: Instant) {
        let mut names = String::<NAMES_BYTES_MAX>::new();
        for name in &self.admin.names {
            // As many of the longest as the configuration takes have room.
            let comma = if names.is_empty() { "" } else { "," };
            let _ = names.push_str(comma);
            let _ = names.push_str(name);
        }
        let metrics = self.admin.metrics_token.clone();
        let settings = Settings {
            has_password: self.has_password,
            names: &names,
            connections: self.admin.connections,
            metrics: &metrics,
        };
        self.tell(&Told::Settings(settings), None, now);
    }

    /// Starts the process when it is time, and gives it what it lacks.
    fn keep_process(&mut self, with: &mut With<'_>, now: Instant) {
        if let Process::Down { next, ending } = &mut self.process {
            let over = ending.as_mut().map(Child::ended);
            match over {
                Some(None) => return,
                Some(Some(ended)) if core::mem::take(&mut self.fell) => {
                    let (how, number) = match ended {
                        Ended::Code(code) => ("exit code", code),
                        Ended::Signal(signal) => ("signal", signal),
                    };
                    let wait_s = next.since(now).as_secs();
                    tell(
                        Level::Warn,
                        format_args!(
                            "the page process ended ({how} {number}); the next starts in {wait_s} s"
                        ),
                    );
                }
                _ => {}
            }
            *ending = None;
            if *next > now || !self.is_wanted() {
                return;
            }
            self.start(with.poller, now);
        }
        if let Process::Up { channel, .. } = &self.process {
            with.clients.lend(with.poller, &mut |connection| {
                let message = Told::Control.emit().unwrap_or_default();
                matches!(channel.tell(&message, Some(connection)), Moved::Bytes(_))
            });
        }
    }

    fn start(&mut self, poller: &Poller, now: Instant) {
        let started = Channel::pair().and_then(|(channel, theirs)| {
            poller.add(&channel, TOKEN_PAGE, Interest::Read)?;
            let child = Child::start(c"page", &[(theirs.as_fd(), DESCRIPTOR)])?;
            Ok((child, channel))
        });
        self.news = true;
        match started {
            Ok((child, channel)) => {
                self.process = Process::Up {
                    child,
                    channel,
                    since: now,
                };
                self.tell_settings(now);
                for at in 0..self.listeners.len() {
                    if self
                        .listeners
                        .get(at)
                        .is_some_and(|each| each.socket.is_some())
                    {
                        self.tell(&Told::Listen, Some(at), now);
                    }
                }
            }
            Err(refused) => {
                tell(
                    Level::Warn,
                    format_args!("the page process cannot be started: {refused}"),
                );
                self.waited = longer(self.waited);
                self.process = Process::Down {
                    next: now.after(self.waited),
                    ending: None,
                };
            }
        }
    }

    /// The channel has something: the process never says a word, so that is its end.
    pub(super) fn heard(&mut self, now: Instant) {
        let Process::Up { since, .. } = &self.process else {
            return;
        };
        let wait = if now.since(*since) < LONG_LIFE {
            self.waited
        } else {
            Duration::ZERO
        };
        self.waited = longer(wait);
        self.fell = true;
        self.end(now.after(wait));
    }

    /// Ends the process, if it is there; when the next one may be started.
    fn end(&mut self, next: Instant) {
        let down = Process::Down { next, ending: None };
        match core::mem::replace(&mut self.process, down) {
            Process::Up { child, .. } => {
                child.kill();
                let ending = Some(child);
                self.process = Process::Down { next, ending };
                self.news = true;
            }
            down => self.process = down,
        }
    }

    /// Tells `doctor`.
    fn report(&self, engine: &mut Engine) {
        if !self.admin.enabled {
            return engine.page_is(true, format_args!("off: admin.enabled is false"));
        }
        let mut refused = self.listeners.iter();
        let refused = refused.find_map(|each| Some((each.place, each.refused.as_ref()?)));
        match (refused, &self.process) {
            _ if self.listeners.is_empty() => engine.page_is(
                false,
                format_args!(
                    "nowhere: no LAN interface has an address that admin.addresses allows"
                ),
            ),
            (Some((place, refused)), _) => {
                let place = Place(place);
                engine.page_is(false, format_args!("not at {place}: {refused}"));
            }
            (None, Process::Down { .. }) if !self.waited.is_zero() => engine.page_is(
                false,
                format_args!("its process ended; the log tells how often, and why"),
            ),
            // Told first: what does not fit is cut, and so many addresses do not.
            _ if self.crowded => engine.page_is(
                false,
                format_args!(
                    "only at the first {LISTENERS_MAX} addresses of the LAN; admin.addresses can name others: {self}"
                ),
            ),
            _ => engine.page_is(true, format_args!("at {self}")),
        }
    }
}

/// Bytes of the longest place: an IPv6 address, an interface number, a port, and the signs between them.
const PLACE_BYTES_MAX: usize = 39 + 10 + 5 + 4;

/// Where it is.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for each in &self.listeners {
            write!(f, "{before}http://{}", Place(each.place))?;
            before = ", ";
        }
        Ok(())
    }
}

/// The wait after this one.
fn longer(waited: Duration) -> Duration {
    (waited * 2).clamp(RESTART_MIN, RESTART_MAX)
}
