//! The house: who lives in it and how they are wired.
//!
//! ```text
//!  workstation --+                                  (rate, delay, FIFO)
//!  tv -----------+-- br-lan [router] wan0 ----------- [modem] ----------- [server]
//!  more guests --+   192.168.77.1    203.0.113.2                          203.0.113.1
//!                    fd77::1         2001:db8:77::2                       2001:db8:77::1
//! ```
//!
//! The router does NAT for IPv4 and plain routing for IPv6, as most routers do. Without a line in the options the modem is
//! left out and the router's WAN is plugged directly into the server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use super::error::Error;
use super::host::Host;
use super::line::Direction;
use super::link::address::{self, Network};
use super::link::veth::{self, End};
use super::link::{self, Mac, bridge};
use super::masquerade;
use super::modem::{self, Modem, Rates};
use super::service::{self, Services};

/// The router's interface towards the Internet.
pub const WAN: &str = "wan0";
/// The router's LAN.
pub const LAN: &str = "br-lan";
/// The interface of every host but the router.
pub const PORT: &str = "eth0";

/// The router in the LAN.
pub const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);
/// The router in the LAN.
pub const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
/// The router in the Internet.
pub const WAN_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// The router in the Internet.
pub const WAN_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 2);
/// The server.
pub const SERVER_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The server.
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1);

const BRIDGE_MAC: Mac = [0x02, 0, 0, 0, 0, 0x01];
const WAN_MAC: Mac = [0x02, 0, 0, 0, 0, 0x02];
/// Guests' addresses start here, so that they never meet those of the family.
const FIRST_GUEST: u8 = 100;
/// Ports of the bridge. The names are written out because an interface name must live as long as the house.
const PORTS: [&str; 10] = [
    "lan1", "lan2", "lan3", "lan4", "lan5", "lan6", "lan7", "lan8", "lan9", "lan10",
];
/// Until the first connection through the whole house works. It takes two round trips when all is well.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// One attempt at that: less than the second after which TCP repeats a lost SYN.
const ATTEMPT: Duration = Duration::from_millis(250);

/// A host of the LAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// What the house calls it.
    pub name: String,
    /// Its hardware address.
    pub mac: Mac,
    /// Its address in 192.168.77.0/24.
    pub v4: Ipv4Addr,
    /// Its address in fd77::/64.
    pub v6: Ipv6Addr,
}

impl Resident {
    /// The workstation of the story.
    #[must_use]
    pub fn workstation() -> Self {
        Self::numbered("workstation", 0x0a, 10)
    }

    /// The family's television.
    #[must_use]
    pub fn tv() -> Self {
        Self::numbered("tv", 0x0b, 20)
    }

    /// One more host, `guest0`, `guest1` and so on; change its fields for another hardware address.
    #[must_use]
    pub fn guest(number: u8) -> Self {
        let host = FIRST_GUEST.saturating_add(number);
        Self::numbered(&format!("guest{number}"), host, host)
    }

    /// Its hardware address as people write it.
    #[must_use]
    pub fn mac_text(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }

    fn numbered(name: &str, mac: u8, host: u8) -> Self {
        // So that 192.168.77.10 and fd77::10 are one host to the eye.
        let digits = u16::from_str_radix(&host.to_string(), 16).unwrap_or(host.into());
        let v6 = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, digits);
        Self {
            name: name.to_owned(),
            mac: [2, 0, 0, 0, 0, mac],
            v4: Ipv4Addr::new(192, 168, 77, host),
            v6,
        }
    }
}

/// What to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `lanemark-lab` program, which tethers the programs that hosts start.
    pub lab: PathBuf,
    /// The line to the server, or none for a direct cable.
    pub rates: Option<Rates>,
    /// Hosts besides the workstation and the television; at most eight.
    pub guests: Vec<Resident>,
}

impl Options {
    /// A house with a direct cable and no guests.
    #[must_use]
    pub fn direct(lab: impl Into<PathBuf>) -> Self {
        Self {
            lab: lab.into(),
            rates: None,
            guests: Vec::new(),
        }
    }
}

/// A line of these rates with the other properties of a typical slow one: 20 ms to the server and back, a FIFO of half a
/// megabyte downstream and 128 kB upstream, which is half a second and a second when it is full.
#[must_use]
pub fn typical_line(down_kbit: u32, up_kbit: u32) -> Rates {
    let delay = Duration::from_millis(10);
    Rates {
        up: Direction {
            rate_kbit: up_kbit,
            delay,
            depth_bytes: 128 * 1000,
        },
        down: Direction {
            rate_kbit: down_kbit,
            delay,
            depth_bytes: 512 * 1000,
        },
    }
}

/// A house. Dropping it takes everything out of the kernel.
// Fields are dropped from top to bottom: first those who talk, then the wires.
#[derive(Debug)]
pub struct House {
    services: Services,
    modem: Option<Modem>,
    lan: Vec<(Resident, Host)>,
    router: Host,
    server: Host,
    // Holds the namespace with the line's ends.
    _line: Option<Host>,
}

impl House {
    /// Builds it and waits until the workstation reaches the server over both families.
    ///
    /// # Errors
    /// `System` with the step that the kernel refused, `Late` when all was accepted and nothing gets through,
    /// `Usage` for more guests than the bridge has ports.
    pub fn build(options: &Options) -> Result<Self, Error> {
        let lab = options.lab.as_path();
        let router = host("router", lab)?;
        let server = host("server", lab)?;
        let residents = [Resident::workstation(), Resident::tv()]
            .into_iter()
            .chain(options.guests.iter().cloned());
        let residents: Vec<_> = residents.collect();
        if residents.len() > PORTS.len() {
            return Err(Error::Usage(format!(
                "at most {} guests, found {}",
                PORTS.len() - 2,
                options.guests.len()
            )));
        }
        set_up_lan(&router)?;
        let mut lan = Vec::new();
        for (resident, port) in residents.into_iter().zip(PORTS) {
            let resident_host = host(&resident.name, lab)?;
            move_in(&router, port, &resident, &resident_host)?;
            lan.push((resident, resident_host));
        }
        let (line, modem) = connect_server(&router, &server, options.rates, lab)?;
        set_up_wan(&router)?;
        set_up_server(&server)?;
        let services = Services::start(&server)?;
        let house = Self {
            services,
            modem,
            lan,
            router,
            server,
            _line: line,
        };
        house.await_path()?;
        Ok(house)
    }

    /// The router.
    #[must_use]
    pub fn router(&self) -> &Host {
        &self.router
    }

    /// The server in the Internet.
    #[must_use]
    pub fn server(&self) -> &Host {
        &self.server
    }

    /// The hosts of the LAN with their addresses: workstation, television, guests.
    #[must_use]
    pub fn lan(&self) -> &[(Resident, Host)] {
        &self.lan
    }

    /// A host of the LAN by name.
    ///
    /// # Errors
    /// `NoHost` when nobody has that name.
    pub fn lan_host(&self, name: &str) -> Result<&Host, Error> {
        let found = self.lan.iter().find(|(resident, _)| resident.name == name);
        found
            .map(|(_, host)| host)
            .ok_or_else(|| Error::NoHost(name.to_owned()))
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.lan
            .iter()
            .map(|(_, host)| host)
            .chain([&self.router, &self.server])
    }

    /// The modem, where there is one.
    #[must_use]
    pub fn modem(&self) -> Option<&Modem> {
        self.modem.as_ref()
    }

    /// What the server offers.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    fn await_path(&self) -> Result<(), Error> {
        let workstation = self.lan_host("workstation")?;
        for address in [IpAddr::from(SERVER_V4), IpAddr::from(SERVER_V6)] {
            let deadline = Instant::now() + READY_WITHIN;
            let echo = SocketAddr::new(address, service::ECHO);
            while workstation.run(move || try_path(&echo))?.is_err() {
                if Instant::now() > deadline {
                    return Err(Error::Late(
                        "a connection from the workstation to the server",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Connects and resets: an orderly end would stay in the router's table of flows for minutes.
fn try_path(to: &SocketAddr) -> std::io::Result<()> {
    let stream = TcpStream::connect_timeout(to, ATTEMPT)?;
    let reset = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    Ok(setsockopt(&stream, sockopt::Linger, &reset)?)
}

/// A host with the settings that all have in common. They come first: an interface copies them when it appears.
fn host(name: &str, lab: &Path) -> Result<Host, Error> {
    let host = Host::new(name, lab)?;
    for (setting, value) in [
        ("net/ipv4/ip_forward", "0"),
        // A namespace copies the machine's settings; strict filters there would drop what the house routes.
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/ipv4/conf/default/rp_filter", "0"),
        ("net/ipv6/conf/all/disable_ipv6", "0"),
        ("net/ipv6/conf/default/disable_ipv6", "0"),
        // Link-local addresses work at once, too.
        ("net/ipv6/conf/default/accept_dad", "0"),
        ("net/ipv6/conf/default/accept_ra", "0"),
        // Bulk flows that are started again must not remember what the last ones learned of the path.
        ("net/ipv4/tcp_no_metrics_save", "1"),
    ] {
        host.set_sysctl(setting, value)?;
    }
    host.run(|| link::up("lo"))??;
    Ok(host)
}

fn move_in(
    router: &Host,
    port: &'static str,
    resident: &Resident,
    host: &Host,
) -> Result<(), Error> {
    let ends = [
        End {
            host: router,
            name: port,
            mac: None,
        },
        End {
            host,
            name: PORT,
            mac: Some(resident.mac),
        },
    ];
    let [one, other] = ends;
    veth::connect(one, other)?;
    router.run(move || bridge::plug(LAN, port))??;
    let (v4, v6) = (resident.v4, resident.v6);
    host.run(move || {
        address::add(PORT, Network::new(v4, 24))?;
        address::add(PORT, Network::new(v6, 64))
    })??;
    veth::switch_on(ends)?;
    host.run(|| {
        address::add_route(Network::new(Ipv4Addr::UNSPECIFIED, 0), ROUTER_V4.into())?;
        address::add_route(Network::new(Ipv6Addr::UNSPECIFIED, 0), ROUTER_V6.into())
    })?
}

fn connect_server(
    router: &Host,
    server: &Host,
    rates: Option<Rates>,
    lab: &Path,
) -> Result<(Option<Host>, Option<Modem>), Error> {
    let wan = End {
        host: router,
        name: WAN,
        mac: Some(WAN_MAC),
    };
    let net = End {
        host: server,
        name: PORT,
        mac: None,
    };
    let Some(rates) = rates else {
        veth::connect(wan, net)?;
        veth::switch_on([wan, net])?;
        return Ok((None, None));
    };
    let line = Host::new("modem", lab)?;
    // The modem is a wire: with IPv6 it would announce itself to both sides.
    line.set_sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
    let towards_router = End {
        host: &line,
        name: modem::TOWARDS_ROUTER,
        mac: None,
    };
    let towards_server = End {
        host: &line,
        name: modem::TOWARDS_SERVER,
        mac: None,
    };
    veth::connect(wan, towards_router)?;
    veth::connect(net, towards_server)?;
    // Listening before the cables are on: no frame is missed and none arrives at the wrong socket.
    let modem = Modem::start(&line, rates)?;
    veth::switch_on([wan, towards_router])?;
    veth::switch_on([net, towards_server])?;
    Ok((Some(line), Some(modem)))
}

/// The bridge is on before it has a port: one that finds its ports up waits up to a second for its own link to count.
fn set_up_lan(router: &Host) -> Result<(), Error> {
    router.set_sysctl("net/ipv4/ip_forward", "1")?;
    router.set_sysctl("net/ipv6/conf/all/forwarding", "1")?;
    router.run(|| {
        bridge::add(LAN, BRIDGE_MAC)?;
        link::up(LAN)?;
        address::add(LAN, Network::new(ROUTER_V4, 24))?;
        address::add(LAN, Network::new(ROUTER_V6, 64))
    })?
}

fn set_up_wan(router: &Host) -> Result<(), Error> {
    router.run(|| {
        address::add(WAN, Network::new(WAN_V4, 24))?;
        address::add(WAN, Network::new(WAN_V6, 64))?;
        address::add_route(Network::new(Ipv4Addr::UNSPECIFIED, 0), SERVER_V4.into())?;
        address::add_route(Network::new(Ipv6Addr::UNSPECIFIED, 0), SERVER_V6.into())?;
        masquerade::install(WAN)
    })?
}

fn set_up_server(server: &Host) -> Result<(), Error> {
    server.run(|| {
        address::add(PORT, Network::new(SERVER_V4, 24))?;
        address::add(PORT, Network::new(SERVER_V6, 64))?;
        let house = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0);
        address::add_route(Network::new(house, 64), WAN_V6.into())
    })?
}
