use core::fmt;

use super::assigned::{TCP, UDP};

/// Ports from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    /// The lowest.
    pub first: u16,
    /// The highest, the same for a single one.
    pub last: u16,
}

/// Ports of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The protocol above IP.
    pub proto: u8,
    /// Its ports.
    pub ports: Ports,
}

/// Something that people do, by the ports that it is known to use. What goes over HTTPS (port 443) cannot be told apart so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Service(u8);

const fn tcp(first: u16, last: u16) -> Part {
    let ports = Ports { first, last };
    Part { proto: TCP, ports }
}

const fn udp(first: u16, last: u16) -> Part {
    let ports = Ports { first, last };
    Part { proto: UDP, ports }
}

/// The services. From IANA's registry of ports, and where a product has none there, from its maker's advice on firewalls.
const SERVICES: [(&str, &[Part]); 9] = [
    ("ssh", &[tcp(22, 22)]),
    // Over TLS and QUIC too.
    (
        "dns",
        &[udp(53, 53), tcp(53, 53), tcp(853, 853), udp(853, 853)],
    ),
    ("ntp", &[udp(123, 123)]),
    // SIP, STUN, IAX2, RTP.
    (
        "voip",
        &[
            udp(5060, 5061),
            tcp(5060, 5061),
            udp(3478, 3479),
            udp(4569, 4569),
            udp(16384, 32767),
        ],
    ),
    // Xbox, PlayStation, Steam, Minecraft in both editions. Not Steam's TCP ports 27014 to 27050: downloads come from there, and who puts games
    // ahead does not mean those.
    (
        "games",
        &[
            udp(3074, 3074),
            tcp(3074, 3074),
            udp(3658, 3658),
            udp(4379, 4380),
            udp(9293, 9308),
            udp(27000, 27100),
            tcp(25565, 25565),
            udp(19132, 19133),
        ],
    ),
    // TURN (Teams), Webex, Zoom, FaceTime, Meet.
    (
        "video-calls",
        &[
            udp(3478, 3497),
            udp(5004, 5004),
            udp(8801, 8810),
            tcp(8801, 8802),
            udp(16384, 16402),
            udp(19302, 19309),
        ],
    ),
    // RTSP, RTMP, Spotify, Plex.
    (
        "streaming",
        &[
            tcp(554, 554),
            udp(554, 554),
            tcp(1935, 1935),
            tcp(4070, 4070),
            tcp(32400, 32400),
        ],
    ),
    // BitTorrent's customary ports, and Transmission's.
    (
        "torrents",
        &[
            tcp(6881, 6999),
            udp(6881, 6999),
            tcp(51413, 51413),
            udp(51413, 51413),
        ],
    ),
    // rsync, CrashPlan, Bacula, Syncthing.
    (
        "backup",
        &[
            tcp(873, 873),
            tcp(4282, 4282),
            tcp(9101, 9103),
            tcp(22000, 22000),
            udp(22000, 22000),
        ],
    ),
];

impl Ports {
    /// Whether a port is among them.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// Whether all of the other are among them.
    pub const fn covers(self, other: Ports) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Whether one is among both.
    pub const fn meets(self, other: Ports) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        if self.first == self.last {
            return Ok(());
        }
        f.write_str("-")?;
        self.last.fmt(f)
    }
}

impl Service {
    /// The service with this name, in any case.
    pub fn parse(text: &str) -> Option<Service> {
        let mut all = SERVICES.iter();
        let place = all.position(|(name, _)| name.eq_ignore_ascii_case(text))?;
        u8::try_from(place).ok().map(Service)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Service> {
        (0..=u8::MAX)
            .zip(&SERVICES)
            .map(|(place, _)| Service(place))
    }

    fn known(self) -> (&'static str, &'static [Part]) {
        let known = SERVICES.get(usize::from(self.0));
        known.copied().unwrap_or_default()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.known().0
    }

    /// What it uses.
    pub fn parts(self) -> &'static [Part] {
        self.known().1
    }
}
