//! The interfaces, and which of them are the WAN and the LAN.

use core::fmt;
use core::net::Ipv4Addr;

use heapless::Vec;

use super::Route;
use super::ifb::IFB_NAME;
use super::limits::LINKS_MAX;
use crate::config::{Config, LANS_MAX, Lan};
use crate::value::{IfIndex, IfName, Link, LinkKind};

/// What is known of the interfaces.
#[derive(Debug, Default)]
pub struct Links {
    links: Vec<Link, LINKS_MAX>,
    /// The best default route.
    route: Option<Route>,
    /// The best one of IPv4 with a router at its other end.
    gateway: Option<Route>,
}

/// The devices that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places<'a> {
    /// Where uploads leave.
    pub wan: &'a Link,
    /// Where the home is: those that are there; the places behind them hold the first again.
    pub lans: Lans<'a>,
    /// How many are there.
    pub count: usize,
    /// Several LANs are meant: all that leaves them goes through one IFB device first, so that their sum is held to the line.
    pub several: bool,
    /// Where downloads are shaped: at the one LAN, or at that IFB device, once it is there.
    pub down: Option<&'a Link>,
    /// Which of several LANs is not there yet, the first of them. It is taken in when it comes.
    pub missing: Option<Unplaced>,
}

/// Some interfaces.
pub type Lans<'a> = [&'a Link; LANS_MAX];

impl<'a> Places<'a> {
    /// The kernel's numbers of the LANs.
    pub fn lan_indexes(&self) -> [IfIndex; LANS_MAX] {
        self.lans.map(|lan| lan.index)
    }

    /// All of them, some more than once.
    pub fn all(&self) -> [&'a Link; LANS_MAX + 2] {
        let [a, b, c, d] = self.lans;
        [self.wan, self.down.unwrap_or(self.wan), a, b, c, d]
    }

    /// What the device that downloads are shaped at is called, also before it is there.
    pub fn down_name(&self) -> &'a str {
        self.down.map_or(IFB_NAME, |down| down.name.as_str())
    }
}

/// Why the WAN or the LAN is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// `auto`, and there is no default route.
    NoDefaultRoute,
    /// The interface is not there (yet).
    Missing {
        /// The field of the configuration that names it.
        field: &'static str,
        /// The name.
        name: IfName,
    },
    /// `auto`, and nothing can be the LAN.
    NoLan,
    /// `auto`, and more can be the LAN than can be told apart, or than there is room for.
    SeveralLans(IfName, IfName),
    /// The LAN is the WAN.
    Same(IfName),
    /// One of them is on top of another, in that order.
    Stacked(IfName, IfName),
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Unplaced::NoDefaultRoute => format_args!(
                "wan.interface is auto and there is no default route yet; name the interface or wait for it",
            ),
            Unplaced::Missing { field, name } => format_args!(
                "{}: expected an interface of this router, found {}, which is not there",
                *field, *name
            ),
            Unplaced::NoLan => {
                format_args!(
                    "lan is auto and no bridge or second interface is there; name the interface"
                )
            }
            Unplaced::SeveralLans(one, other) => format_args!(
                "lan is auto and both {} and {} could be it; name the interface",
                *one, *other
            ),
            Unplaced::Same(name) => {
                format_args!(
                    "lan: expected another interface than the WAN's, found {}",
                    *name
                )
            }
            Unplaced::Stacked(upper, lower) => format_args!(
                "wan and lan: expected interfaces beside each other, found {} on top of {}, where its packets would wait again",
                *upper, *lower
            ),
        };
        f.write_fmt(words)
    }
}

/// Interfaces on top of each other that are looked through: a bridge of VLANs of a bridge of bonds. The kernel allows eight.
const STACKED_MAX: u8 = 4;

/// What became of news of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing new.
    Known,
    /// Something is different.
    News,
    /// There was no room.
    Full,
}

impl Links {
    /// Forgets all, before a dump.
    pub fn forget(&mut self) {
        self.links.clear();
    }

    /// An interface is there, like this.
    pub fn learn(&mut self, link: Link) -> Learned {
        if let Some(known) = self
            .links
            .iter_mut()
            .find(|known| known.index == link.index)
        {
            if *known == link {
                return Learned::Known;
            }
            *known = link;
            return Learned::News;
        }
        match self.links.push(link) {
            Ok(()) => Learned::News,
            Err(_) => Learned::Full,
        }
    }

    /// An interface is gone. Returns whether there was no room for another until now.
    pub fn lose(&mut self, index: IfIndex) -> bool {
        let full = self.links.is_full();
        if let Some(place) = self.links.iter().position(|link| link.index == index) {
            self.links.remove(place);
        }
        full
    }

    /// Forgets the routes, before a dump.
    pub fn forget_routes(&mut self) {
        self.route = None;
        self.gateway = None;
    }

    /// There is a default route. IPv4's and IPv6's metrics are compared as they are: both lead to the same device in any home.
    pub fn learn_route(&mut self, route: Route) {
        let best = |known: &Option<Route>| known.is_none_or(|best| route.metric < best.metric);
        if best(&self.route) {
            self.route = Some(route);
        }
        if route.gateway.is_some() && best(&self.gateway) {
            self.gateway = Some(route);
        }
    }

    /// The router at the other end of an interface, over IPv4.
    pub fn gateway(&self, dev: IfIndex) -> Option<Ipv4Addr> {
        self.gateway.filter(|route| route.dev == dev)?.gateway
    }

    /// An interface by its number.
    pub fn by_index(&self, index: IfIndex) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
    }

    /// Whether an interface of this name is there.
    pub fn has(&self, name: IfName) -> bool {
        self.links.iter().any(|link| link.name == name)
    }

    fn by_name(&self, field: &'static str, name: IfName) -> Result<&Link, Unplaced> {
        self.links
            .iter()
            .find(|link| link.name == name)
            .ok_or(Unplaced::Missing { field, name })
    }

    /// Where the WAN and the LAN are.
    ///
    /// # Errors
    /// [`Unplaced`]: which of both is not known, and why.
    pub fn places(&self, config: &Config) -> Result<Places<'_>, Unplaced> {
        let wan = match config.wan.interface {
            Some(name) => self.by_name("wan.interface", name)?,
            None => self
                .route
                .and_then(|route| self.by_index(route.dev))
                .ok_or(Unplaced::NoDefaultRoute)?,
        };
        let mut found = Found {
            lans: [wan; LANS_MAX],
            count: 0,
        };
        let mut missing = None;
        let several = match &config.lan {
            Lan::Auto => {
                self.automatic_lans(wan, &mut found)?;
                found.count > 1
            }
            Lan::Interfaces(names) => {
                for name in names {
                    match self.by_name("lan", *name) {
                        Ok(lan) if lan.index == wan.index => return Err(Unplaced::Same(*name)),
                        // As many as the configuration can name.
                        Ok(lan) => drop(found.push(lan, LANS_MAX)),
                        Err(unplaced) => {
                            missing.get_or_insert(unplaced);
                        }
                    }
                }
                names.len() > 1
            }
        };
        let Found { lans, count } = found;
        if count == 0 {
            return Err(missing.unwrap_or(Unplaced::NoLan));
        }
        Ok(Places {
            wan,
            lans,
            count,
            several,
            down: if several { self.ifb() } else { Some(lans[0]) },
            missing,
        })
    }

    /// Whether one of the places is on top of another: each has queues, and what leaves the upper one would wait in both.
    ///
    /// # Errors
    /// [`Unplaced::Stacked`].
    pub fn beside_each_other(&self, places: &Places<'_>) -> Result<(), Unplaced> {
        let lans = || places.lans.iter().take(places.count);
        let all = || lans().chain([&places.wan]);
        for upper in all() {
            for lower in all() {
                if self.is_above(upper.index, lower.index, STACKED_MAX) {
                    return Err(Unplaced::Stacked(upper.name, lower.name));
                }
            }
        }
        Ok(())
    }

    /// The same of a candidate. Those that are in use already are not the fault of what is changed.
    ///
    /// # Errors
    /// [`Unplaced::Stacked`].
    pub fn stay_beside(&self, old: &Config, new: &Config) -> Result<(), Unplaced> {
        match self.places(new) {
            Ok(places) if (old.wan.interface, &old.lan) != (new.wan.interface, &new.lan) => {
                self.beside_each_other(&places)
            }
            _ => Ok(()),
        }
    }

    /// Whether what leaves the upper interface leaves the lower one later: what is below a VLAN, or a port of a bridge, or of what so many are
    /// on top of.
    fn is_above(&self, upper: IfIndex, lower: IfIndex, most: u8) -> bool {
        self.links.iter().any(|link| {
            let next = if link.index == upper {
                link.below
            } else {
                Some(link.index).filter(|_| link.master == Some(upper))
            };
            next.is_some_and(|next| {
                next == lower || (most > 0 && self.is_above(next, lower, most - 1))
            })
        })
    }

    /// The interfaces of the home, also where the WAN is not known yet: bridges then, or those that are named. None where that cannot be told.
    pub fn home(&self, config: &Config) -> Option<Vec<IfIndex, LANS_MAX>> {
        if let Ok(places) = self.places(config) {
            let lans = places.lans.iter().take(places.count);
            return Some(lans.map(|lan| lan.index).collect());
        }
        let is_wan = |link: &Link| {
            config.wan.interface == Some(link.name)
                || (config.wan.interface.is_none()
                    && self.route.is_some_and(|route| route.dev == link.index))
        };
        let is_lan = |link: &&Link| match &config.lan {
            Lan::Interfaces(names) => names.contains(&link.name),
            Lan::Auto => link.kind == LinkKind::Bridge && link.master.is_none(),
        };
        let lans = self.links.iter().filter(is_lan);
        let lans = lans.filter(|link| link.up && !is_wan(link));
        let home: Vec<_, LANS_MAX> = lans.take(LANS_MAX).map(|link| link.index).collect();
        (!home.is_empty()).then_some(home)
    }

    /// The IFB device that several LANs share, if it is there.
    pub fn ifb(&self) -> Option<&Link> {
        let mut links = self.links.iter();
        links.find(|link| link.kind == LinkKind::Ifb && link.name.as_str() == IFB_NAME)
    }

    /// The bridges; without bridges, the one other interface. A bridge's ports and switched-off interfaces do not count.
    fn automatic_lans<'l>(&'l self, wan: &Link, found: &mut Found<'l>) -> Result<(), Unplaced> {
        for (kind, room) in [(LinkKind::Bridge, LANS_MAX), (LinkKind::Other, 1)] {
            for link in &self.links {
                let usable = link.kind == kind
                    && link.up
                    && link.index != wan.index
                    && link.master.is_none()
                    && link.mac.is_some();
                if usable && !found.push(link, room) {
                    return Err(Unplaced::SeveralLans(found.lans[0].name, link.name));
                }
            }
            if found.count > 0 {
                break;
            }
        }
        Ok(())
    }
}

/// LANs that were found.
struct Found<'a> {
    lans: Lans<'a>,
    count: usize,
}

impl<'a> Found<'a> {
    /// Adds one where there is room for so many. Returns whether there was.
    fn push(&mut self, link: &'a Link, room: usize) -> bool {
        if self.count == 0 {
            self.lans = [link; LANS_MAX];
        }
        match self.lans.get_mut(self.count).filter(|_| self.count < room) {
            Some(place) => *place = link,
            None => return false,
        }
        self.count += 1;
        true
    }
}
