//! The interfaces, and which of them are the WAN and the LAN.

use core::fmt;

use heapless::Vec;

use super::limits::LINKS_MAX;
use crate::config::{Config, Lan};
use crate::value::{IfIndex, IfName, Link, LinkKind};

/// What is known of the interfaces.
#[derive(Debug, Default)]
pub struct Links {
    links: Vec<Link, LINKS_MAX>,
    /// Where the best default route leads, and its metric.
    route: Option<(IfIndex, u32)>,
}

/// The two devices that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places<'a> {
    /// Where uploads leave.
    pub wan: &'a Link,
    /// Where downloads leave.
    pub lan: &'a Link,
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
    /// `auto`, and several can be the LAN.
    SeveralLans(IfName, IfName),
    /// More than one interface is configured.
    ManyLans,
    /// The LAN is the WAN.
    Same(IfName),
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
            Unplaced::ManyLans => {
                format_args!("lan: expected one interface, found several; put them into one bridge")
            }
            Unplaced::Same(name) => {
                format_args!(
                    "lan: expected another interface than the WAN's, found {}",
                    *name
                )
            }
        };
        f.write_fmt(words)
    }
}

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

    /// An interface is gone.
    pub fn lose(&mut self, index: IfIndex) {
        if let Some(place) = self.links.iter().position(|link| link.index == index) {
            self.links.remove(place);
        }
    }

    /// Forgets the routes, before a dump.
    pub fn forget_routes(&mut self) {
        self.route = None;
    }

    /// There is a default route. IPv4's and IPv6's metrics are compared as they are: both lead to the same device in any home.
    pub fn learn_route(&mut self, dev: IfIndex, metric: u32) {
        if self.route.is_none_or(|(_, best)| metric < best) {
            self.route = Some((dev, metric));
        }
    }

    /// An interface by its number.
    pub fn by_index(&self, index: IfIndex) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
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
                .and_then(|(dev, _)| self.by_index(dev))
                .ok_or(Unplaced::NoDefaultRoute)?,
        };
        let lan = match &config.lan {
            Lan::Auto => self.only_lan(wan)?,
            Lan::Interfaces(names) => match names.as_slice() {
                [name] => self.by_name("lan", *name)?,
                [] => return Err(Unplaced::NoLan),
                _ => return Err(Unplaced::ManyLans),
            },
        };
        if lan.index == wan.index {
            return Err(Unplaced::Same(lan.name));
        }
        Ok(Places { wan, lan })
    }

    /// The one bridge; without bridges, the one other interface. A bridge's ports and switched-off interfaces do not count.
    fn only_lan(&self, wan: &Link) -> Result<&Link, Unplaced> {
        let usable = |link: &&Link| {
            link.up
                && link.index != wan.index
                && link.master.is_none()
                && link.kind != LinkKind::Loopback
                && link.mac.is_some()
        };
        let only = |kind: LinkKind| {
            let mut found = self
                .links
                .iter()
                .filter(usable)
                .filter(move |link| link.kind == kind);
            match (found.next(), found.next()) {
                (Some(one), Some(other)) => Err(Unplaced::SeveralLans(one.name, other.name)),
                (one, _) => Ok(one),
            }
        };
        match only(LinkKind::Bridge)? {
            Some(bridge) => Ok(bridge),
            None => only(LinkKind::Other)?.ok_or(Unplaced::NoLan),
        }
    }
}
