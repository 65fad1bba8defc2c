//! How large a packet the path takes, told to whoever asks `doctor`: sounded by echo requests that no router on the way may split.
//!
//! A path that takes less than the WAN device and whose routers say so is slow to begin with, no more. One that says nothing (the ICMP
//! message is lost, or somebody drops it) is a black hole: connections open and then stand still. Nobody finds that by looking at the router.
//!
//! The largest packet goes first, and on a good path it is the only one. One request at a time is on its way, in Premium's lane; what is not
//! answered is tried again before it counts, the largest a third time: a lost packet makes no black hole. Nothing is sent unless somebody
//! waits for the answer of `doctor`, and all is over within [`SOUNDING`].

use core::fmt;
use core::net::Ipv4Addr;
use core::time::Duration;

use heapless::Vec;

use super::doctor::add;
use super::limits::{SOUNDING, SOUNDINGS_MAX};
use super::{Engine, Goal, Op, Queue, Timer};
use crate::control::Doctor;
use crate::value::{Class, IfName, Instant, Refused};

/// Nothing larger crosses the Internet, whatever a device takes.
const LARGEST: u16 = 1500;

/// What every path takes: who does not answer this answers nothing. IPv4 asks for 576 of a host.
const SMALLEST: u16 = 576;

/// The least that a router may say it takes (RFC 791, 3.2).
const MTU_MIN: u16 = 68;

/// The largest packets of lines and tunnels that there are: PPPoE, IPv6 in IPv4, GRE with PPPoE, mobile networks, WireGuard, VPNs, the least of
/// IPv6. Between them nothing is tried: a few bytes more are not worth a second of everybody who asks.
const RUNGS: [u16; 11] = [
    1280, 1320, 1360, 1380, 1400, 1420, 1440, 1460, 1472, 1480, 1492,
];

/// How long the first answer is waited for, in ms; later ones twice as long as that took, and [`GRACE_MS`].
const FIRST_WAIT_MS: u64 = 400;
const GRACE_MS: u64 = 100;

/// What is known of the path.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// Somebody wants to know.
    wanted: bool,
    sounding: Option<Box<Sounding>>,
    found: Option<Found>,
    /// The number of the last request. It goes on, so that no answer is taken for another's.
    seq: u16,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// There is nobody to ask.
    Nobody,
    /// Nothing could be sent.
    Refused(Refused),
    /// No answer, or too few.
    Silent(Ipv4Addr),
    Passed {
        to: Ipv4Addr,
        dev: IfName,
        /// The largest of which an answer came.
        bytes: u16,
        how: How,
    },
}

/// What becomes of larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The device takes none.
    Whole,
    /// Somebody says that they are too large.
    Told,
    /// They vanish.
    Hole,
}

/// While it goes on.
#[derive(Debug)]
struct Sounding {
    to: Ipv4Addr,
    dev: IfName,
    /// When it is over, whatever is known then, and until when an answer to the last request is waited for.
    over: Instant,
    next: Instant,
    sent: Instant,
    wait_ms: u64,
    /// What the device takes; what the path should take by what was said.
    whole: u16,
    top: u16,
    /// The largest that was answered, and the smallest that does not pass.
    passes: u16,
    fails: u16,
    /// The largest that vanished as often as it was tried; 0 when none did.
    vanished: u16,
    /// The requests, by their numbers from here on.
    first: u16,
    sizes: Vec<u16, SOUNDINGS_MAX>,
}

/// What is next.
enum Turn {
    Send(u16),
    Wait,
    Over,
}

impl Sounding {
    fn turn(&mut self, now: Instant) -> Turn {
        let is_known = self.passes >= self.top && self.vanished == 0;
        if now < self.next && !is_known {
            return Turn::Wait;
        }
        let size = self.next_size();
        let Some(size) = size.filter(|size| self.sizes.push(*size).is_ok()) else {
            return Turn::Over;
        };
        self.sent = now;
        let wait = Duration::from_millis(self.wait_ms);
        self.next = now.after(wait).min(self.over);
        Turn::Send(size)
    }

    fn tries(&self, size: u16) -> usize {
        self.sizes.iter().filter(|known| **known == size).count()
    }

    /// What is to be sent now that nothing is waited for; none when there is no more to find out.
    fn next_size(&mut self) -> Option<u16> {
        let (top, passes) = (self.top, self.passes);
        if let Some(last) = self.sizes.last().copied()
            && passes > 0
            && (passes + 1..self.fails).contains(&last)
            && self.tries(last) >= 2
        {
            self.fails = last;
            self.vanished = self.vanished.max(last);
        }
        if passes >= top {
            return self.vanished_seldom();
        }
        if self.tries(top) == 0 {
            return Some(top);
        }
        if passes == 0 {
            let smallest = SMALLEST.min(top);
            return Some(smallest).filter(|size| self.tries(*size) < 2);
        }
        let fails = self.fails;
        if fails > top {
            return Some(top);
        }
        let between = |size: &&u16| passes < **size && **size < fails;
        let rungs = RUNGS.iter().filter(between).count();
        let rung = RUNGS.iter().filter(between).nth(rungs / 2).copied();
        rung.or_else(|| self.vanished_seldom())
    }

    /// The largest that vanished, while it may have been by chance.
    fn vanished_seldom(&self) -> Option<u16> {
        Some(self.vanished).filter(|size| *size > 0 && self.tries(*size) < 3)
    }

    /// The size of a request, by its number.
    fn size(&self, seq: u16) -> Option<u16> {
        let place = usize::from(seq.wrapping_sub(self.first));
        self.sizes.get(place).copied()
    }

    /// An answer to this one came.
    fn pass(&mut self, now: Instant, size: u16) {
        self.passes = self.passes.max(size);
        // What was taken for lost only was late.
        if self.fails <= size {
            self.fails = u16::MAX;
        }
        if self.vanished <= size {
            self.vanished = 0;
        }
        if self.sizes.last() == Some(&size) {
            self.wait_ms = now.ms_since(self.sent) * 2 + GRACE_MS;
            self.next = now;
        }
    }

    /// Somebody says that this one is too large, and what would not be; old routers say only the first.
    fn refuse(&mut self, now: Instant, size: u16, mtu: u16) {
        if size <= self.passes {
            return;
        }
        if mtu >= MTU_MIN.max(self.passes) && mtu < size {
            self.top = self.top.min(mtu);
        }
        self.fails = self.fails.min(size);
        if self.vanished == size {
            self.vanished = 0;
        }
        self.next = now;
    }

    fn found(&self) -> Found {
        let to = self.to;
        let known = self.passes >= self.top || self.fails <= self.top;
        if self.passes == 0 || !known {
            return Found::Silent(to);
        }
        let how = match () {
            () if self.passes >= self.whole => How::Whole,
            () if self.vanished > 0 => How::Hole,
            () => How::Told,
        };
        Found::Passed {
            to,
            dev: self.dev,
            bytes: self.passes,
            how,
        }
    }
}

impl Path {
    /// Somebody wants to know. While it is being found out, that serves him too.
    pub(super) const fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether the answer has to wait.
    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// An answer came.
    pub(super) fn passed(&mut self, now: Instant, seq: u16) {
        if let Some(sounding) = &mut self.sounding
            && let Some(size) = sounding.size(seq)
        {
            sounding.pass(now, size);
        }
    }

    /// A router says that one is too large.
    pub(super) fn too_large(&mut self, now: Instant, seq: u16, mtu: u16) {
        if let Some(sounding) = &mut self.sounding
            && let Some(size) = sounding.size(seq)
        {
            sounding.refuse(now, size, mtu);
        }
    }

    /// Nothing can be sent.
    pub(super) fn refused(&mut self, refused: Refused) {
        self.end(Found::Refused(refused));
    }

    fn end(&mut self, found: Found) {
        self.wanted = false;
        self.sounding = None;
        self.found = Some(found);
    }
}

impl Engine {
    /// Whether answers to [`Op::Sound`] are waited for.
    pub fn is_sounding(&self) -> bool {
        self.path.sounding.is_some()
    }

    /// The request that is due.
    pub(super) fn next_sounding(&mut self, now: Instant) -> Option<Op> {
        if !self.path.wanted {
            return None;
        }
        let begun = self.path.sounding.take();
        let Some(mut sounding) = begun.or_else(|| self.begin_sounding(now)) else {
            self.path.end(Found::Nobody);
            return None;
        };
        self.timers.clear(Timer::Path);
        let somebody_waits = self.is_asked_for_doctor() && self.goal == Goal::Configured;
        let turn = match somebody_waits && now < sounding.over {
            true => sounding.turn(now),
            false => Turn::Over,
        };
        let op = match turn {
            Turn::Over => {
                self.path.end(sounding.found());
                return None;
            }
            Turn::Wait => None,
            Turn::Send(bytes) => {
                self.path.seq = self.path.seq.wrapping_add(1);
                Some(Op::Sound {
                    to: sounding.to,
                    dev: sounding.dev,
                    priority: Queue::Lane(Class::Premium).priority(self.shaper()),
                    seq: self.path.seq,
                    bytes,
                })
            }
        };
        self.timers.set(Timer::Path, sounding.next);
        self.path.sounding = Some(sounding);
        op
    }

    /// `wan.probe` before the gateway: the farther, the more of the path is seen.
    fn begin_sounding(&self, now: Instant) -> Option<Box<Sounding>> {
        let wan = self.links.places(&self.config).ok()?.wan;
        let to = self
            .config
            .wan
            .probe
            .or_else(|| self.links.gateway(wan.index))?;
        let whole = u16::try_from(wan.mtu).unwrap_or(LARGEST).min(LARGEST);
        Some(Box::new(Sounding {
            to,
            dev: wan.name,
            over: now.after(SOUNDING),
            next: now,
            sent: now,
            wait_ms: FIRST_WAIT_MS,
            whole: whole.max(MTU_MIN),
            top: whole.max(MTU_MIN),
            passes: 0,
            fails: u16::MAX,
            vanished: 0,
            first: self.path.seq.wrapping_add(1),
            sizes: Vec::new(),
        }))
    }

    /// What was found, among the lines of `doctor`: good unless it is known to harm.
    pub(super) fn path_finding(&self, doctor: &mut Doctor) {
        let Some(found) = &self.path.found else {
            return;
        };
        let good = !matches!(found, Found::Passed { how: How::Hole, .. });
        add(doctor, "path", good, format_args!("{found}"));
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Found::Nobody => {
                format_args!("not known: no IPv4 gateway to ask, and no wan.probe")
            }
            Found::Refused(refused) => format_args!("not known: {}", *refused),
            Found::Silent(to) => format_args!(
                "not known: too few answers from {}; wan.probe names another to ask",
                *to
            ),
            Found::Passed {
                to,
                dev,
                bytes,
                how,
            } => match how {
                How::Whole => {
                    format_args!(
                        "packets of {} bytes, all that {} takes, reach {}",
                        *bytes, *dev, *to
                    )
                }
                How::Told => format_args!(
                    "takes {} bytes to {}, and says so; {} with that MTU spares everybody finding out",
                    *bytes, *to, *dev
                ),
                How::Hole => format_args!(
                    "packets above {} bytes to {} vanish, and nobody says so: set the MTU of {} to {}",
                    *bytes, *to, *dev, *bytes
                ),
            },
        };
        f.write_fmt(words)
    }
}
