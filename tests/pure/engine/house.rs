//! The house that the stories are about: its interfaces, its devices, their flows.

use std::net::{IpAddr, Ipv4Addr};

use lanemark::config::{Config, Device, Lan, Wan};
use lanemark::engine::{Abilities, MAJOR, Queue, root_handle};
use lanemark::value::{
    Class, Flow, FlowBytes, FlowKey, FlowPath, IfIndex, IfName, Kbit, Link, LinkKind, Mac,
    Neighbour, ShaperKind, TcHandle, TickRate, Tuple,
};

use super::kernel::Kernel;

pub const WAN: IfIndex = IfIndex(2);
pub const LAN: IfIndex = IfIndex(3);
pub const OTHER: IfIndex = IfIndex(4);

/// The first three bytes of the home's addresses; the last is the device's.
pub const LAN_ADDRESSES: [u8; 3] = [192, 168, 1];

/// The address of the line.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2));

/// Somebody on the Internet.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

/// Devices of the house.
pub const WORK: u8 = 10;
pub const TV: u8 = 11;
pub const PHONE: u8 = 12;

/// Our root qdisc, and the class that is the line.
pub const ROOT: TcHandle = root_handle(ShaperKind::Htb);
pub const LINE: TcHandle = TcHandle::new(MAJOR, 1);

/// The class of a lane.
pub const fn class_handle(class: Class) -> TcHandle {
    Queue::Lane(class).priority(ShaperKind::Htb)
}

/// All abilities, with `fq_codel` for leaves.
pub const ABLE: Abilities = Abilities {
    conntrack: true,
    nft: true,
    xtables: None,
    mss: true,
    arrival: true,
    guard: true,
    shapers: [true; 3],
    leaves: [true; 7],
    ticks: TickRate { ticks: 125, us: 8 },
};

pub fn name(text: &str) -> IfName {
    IfName::parse(text).unwrap()
}

pub const fn mac(device: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, device])
}

pub const fn address(device: u8) -> IpAddr {
    let [a, b, c] = LAN_ADDRESSES;
    IpAddr::V4(Ipv4Addr::new(a, b, c, device))
}

pub fn link(index: IfIndex, text: &str, kind: LinkKind) -> Link {
    Link {
        index,
        name: name(text),
        mac: Some(Mac([2, 0xff, 0, 0, 0, u8::try_from(index.0).unwrap()])),
        mtu: 1500,
        master: None,
        below: None,
        kind,
        up: true,
    }
}

pub fn wan_link(index: IfIndex) -> Link {
    link(index, "eth0", LinkKind::Other)
}

pub fn lan_link(index: IfIndex) -> Link {
    link(index, "br-lan", LinkKind::Bridge)
}

pub fn neighbour(device: u8) -> Neighbour {
    at(address(device), mac(device))
}

pub fn at(address: IpAddr, mac: Mac) -> Neighbour {
    Neighbour {
        dev: LAN,
        address,
        mac: Some(mac),
        confirmed_ago_ms: Some(0),
    }
}

/// A router with a WAN, a LAN and three devices that were seen.
pub fn kernel() -> Kernel {
    Kernel {
        links: vec![wan_link(WAN), lan_link(LAN)],
        routes: vec![(WAN, 0)],
        neighbours: [WORK, TV, PHONE].map(neighbour).to_vec(),
        acct: Some(false),
        fill: (7, 4096),
        ..Kernel::default()
    }
}

/// The configuration of the story: on, nobody has a class yet.
pub fn config() -> Config {
    Config {
        enabled: true,
        wan: Wan {
            interface: Some(name("eth0")),
            up: Some(Kbit(1_000)),
            down: Some(Kbit(8_000)),
            overhead: Some(22),
            ..Config::default().wan
        },
        lan: Lan::Interfaces([name("br-lan")].into_iter().collect()),
        ..Config::default()
    }
}

pub fn config_with(devices: &[(u8, &str, Option<Class>)]) -> Config {
    let mut config = config();
    for (last, text, class) in devices {
        let device = Device {
            mac: mac(*last),
            name: (*text).try_into().unwrap(),
            class: *class,
            up_max: None,
            down_max: None,
        };
        config.devices.push(device).unwrap();
    }
    config
}

pub fn off(config: &Config) -> Config {
    Config {
        enabled: false,
        ..config.clone()
    }
}

fn tuple(src: IpAddr, dst: IpAddr, ports: (u16, u16)) -> Tuple {
    let (sport, dport) = ports;
    Tuple {
        src,
        dst,
        sport,
        dport,
        proto: 6,
    }
}

fn flow(out: Tuple, back: Tuple, mark: u32) -> Flow {
    let number = out.sport.to_be_bytes();
    Flow {
        path: FlowPath::Rules,
        key: FlowKey {
            family: 2,
            zone: 0,
            tuple: number.into_iter().collect(),
        },
        out,
        back,
        mark,
        bytes: Some(FlowBytes::default()),
    }
}

/// A flow that an address of the home opened, through the masquerade.
pub fn opened_by(address: IpAddr, port: u16, mark: u32) -> Flow {
    let out = tuple(address, PEER, (port, 443));
    flow(out, tuple(PEER, OUTSIDE, (443, port)), mark)
}

/// A flow that came from outside through a forwarded port: the home's address is the source of the answers.
pub fn opened_to(address: IpAddr, port: u16, mark: u32) -> Flow {
    let out = tuple(PEER, OUTSIDE, (port, 22));
    flow(out, tuple(address, PEER, (22, port)), mark)
}
