//! A second opinion: what netlink-packet-route makes of the same recordings.

use lanemark::value::{Discipline, FqCodel, IfIndex, Leaf, LinkKind, Mac, TcHandle, TcStats};
use lanemark::wire::Order;
use lanemark::wire::address::{self, OwnAddress};
use lanemark::wire::link::{self, LinkChange};
use lanemark::wire::neighbour::{self, NeighbourChange};
use lanemark::wire::netlink::{Frame, Message, messages};
use lanemark::wire::route::{self, DefaultRoute};
use lanemark::wire::tc::{self, TcChange};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::tc::{TcAttribute, TcMessage, TcOption, TcQdiscFqCodelOption, TcStats2};

use super::fixture::{Fixture, fixtures};
use super::raw::frame_lengths;

/// How many messages of each kind were compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    links: u32,
    addresses: u32,
    neighbours: u32,
    routes: u32,
    qdiscs: u32,
    classes: u32,
    filters: u32,
}

#[test]
fn the_package_reads_the_same_out_of_every_recording_that_it_knows() {
    // It reads the order of this machine only.
    let mut compared = Compared::default();
    // What is asked of a link names it by its number only.
    let is_told = |fixture: &Fixture| !fixture.name.starts_with("req-link");
    for fixture in fixtures(Order::HOST).into_iter().filter(is_told) {
        let mut at = 0;
        for len in frame_lengths(&fixture.bytes, Order::HOST) {
            let bytes = &fixture.bytes[at..at + len];
            at += len;
            let Some(Ok(Frame::Message(message))) = messages(bytes, Order::HOST).next() else {
                continue;
            };
            // Below 16 are acknowledgements, batches are 16 and 17 without a link, above 255 are other families.
            if message.header.kind > 0xff || message.body.rest().len() < 8 {
                continue;
            }
            let theirs = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes)
                .unwrap_or_else(|error| panic!("{}: {error:?}", fixture.name));
            let header = message.header;
            assert_eq!(
                (header.seq, header.port),
                (theirs.header.sequence_number, theirs.header.port_number)
            );
            assert_eq!(
                (header.kind, header.flags),
                (theirs.header.message_type, theirs.header.flags)
            );
            let NetlinkPayload::InnerMessage(theirs) = theirs.payload else {
                panic!("{}", fixture.name)
            };
            compare(message, theirs, &mut compared);
        }
    }
    if Order::HOST == Order::Little {
        let expected = Compared {
            links: 9,
            addresses: 12,
            neighbours: 19,
            routes: 4,
            qdiscs: 46,
            classes: 34,
            filters: 9,
        };
        assert_eq!(compared, expected);
    }
}

fn compare(message: Message<'_>, theirs: RouteNetlinkMessage, compared: &mut Compared) {
    match theirs {
        RouteNetlinkMessage::NewLink(theirs) => {
            compared.links += 1;
            compare_link(message, &theirs);
        }
        RouteNetlinkMessage::DelLink(theirs) => {
            compared.links += 1;
            let gone = LinkChange::Gone(IfIndex(theirs.header.index));
            assert_eq!(link::parse(message), Ok(Some(gone)));
        }
        RouteNetlinkMessage::NewAddress(theirs) => {
            compared.addresses += 1;
            assert_eq!(address::parse(message), Ok(own_address(&theirs, true)));
        }
        RouteNetlinkMessage::DelAddress(theirs) => {
            compared.addresses += 1;
            assert_eq!(address::parse(message), Ok(own_address(&theirs, false)));
        }
        RouteNetlinkMessage::NewNeighbour(theirs) => {
            compared.neighbours += 1;
            compare_neighbour(message, &theirs);
        }
        RouteNetlinkMessage::DelNeighbour(theirs) => {
            compared.neighbours += 1;
            let Ok(Some(NeighbourChange::Gone { dev, address })) = neighbour::parse_event(message)
            else {
                panic!()
            };
            assert_eq!(
                (dev.0, Some(address)),
                (theirs.header.ifindex, neighbour_address(&theirs))
            );
        }
        RouteNetlinkMessage::NewRoute(theirs) => {
            compared.routes += 1;
            assert_eq!(route::parse(message), Ok(default_route(&theirs)));
        }
        RouteNetlinkMessage::NewQueueDiscipline(theirs) => {
            compared.qdiscs += 1;
            compare_qdisc(message, &theirs);
        }
        RouteNetlinkMessage::DelQueueDiscipline(theirs) => {
            compared.qdiscs += 1;
            let (dev, handle, _) = header(&theirs);
            assert_eq!(
                tc::parse(message),
                Ok(Some(TcChange::QdiscGone { dev, handle }))
            );
        }
        RouteNetlinkMessage::NewTrafficClass(theirs) => {
            compared.classes += 1;
            compare_class(message, &theirs);
        }
        RouteNetlinkMessage::DelTrafficClass(theirs) => {
            compared.classes += 1;
            let (dev, handle, _) = header(&theirs);
            assert_eq!(
                tc::parse(message),
                Ok(Some(TcChange::ClassGone { dev, handle }))
            );
        }
        // Ours reads none yet: that they are whole is all that is shown.
        RouteNetlinkMessage::NewTrafficFilter(_) | RouteNetlinkMessage::DelTrafficFilter(_) => {
            compared.filters += 1;
        }
        other => panic!("{other:?}"),
    }
}

fn compare_link(message: Message<'_>, theirs: &LinkMessage) {
    let Ok(Some(LinkChange::Present(ours))) = link::parse(message) else {
        panic!("{theirs:?}")
    };
    let bytes = link::parse_bytes(message).unwrap().unwrap();
    assert_eq!(ours.index.0, theirs.header.index);
    assert_eq!(ours.up, theirs.header.flags.contains(LinkFlags::Up));
    let (mut bridge, mut master) = (false, None);
    for attribute in &theirs.attributes {
        match attribute {
            LinkAttribute::IfName(name) => assert_eq!(ours.name.as_str(), name),
            LinkAttribute::Mtu(mtu) => assert_eq!(ours.mtu, *mtu),
            LinkAttribute::Address(mac) => {
                assert_eq!(ours.mac.map(|mac| mac.0.to_vec()).as_ref(), Some(mac))
            }
            LinkAttribute::Controller(index) => master = Some(IfIndex(*index)),
            LinkAttribute::Stats64(stats) => {
                assert_eq!((bytes.rx, bytes.tx), (stats.rx_bytes, stats.tx_bytes))
            }
            LinkAttribute::LinkInfo(infos) => {
                bridge = infos.contains(&LinkInfo::Kind(InfoKind::Bridge))
            }
            _ => {}
        }
    }
    assert_eq!(ours.master, master);
    assert_eq!(ours.kind == LinkKind::Bridge, bridge);
    assert_eq!(
        ours.kind == LinkKind::Loopback,
        theirs.header.link_layer_type == LinkLayerType::Loopback
    );
}

fn own_address(theirs: &AddressMessage, present: bool) -> Option<OwnAddress> {
    let local = theirs
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
    let remote = theirs
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        });
    local.or(remote).map(|address| OwnAddress {
        dev: IfIndex(theirs.header.index),
        address,
        present,
        usable: theirs.header.flags.bits() & 0x48 == 0,
    })
}

fn neighbour_address(theirs: &NeighbourMessage) -> Option<core::net::IpAddr> {
    theirs
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => {
                Some((*address).into())
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => {
                Some((*address).into())
            }
            _ => None,
        })
}

fn compare_neighbour(message: Message<'_>, theirs: &NeighbourMessage) {
    let address = neighbour_address(theirs).unwrap();
    let Some(NeighbourChange::Present(ours)) = neighbour::parse_event(message).unwrap() else {
        assert!(address.is_multicast());
        return;
    };
    assert_eq!((ours.dev.0, ours.address), (theirs.header.ifindex, address));
    let answered = [
        NeighbourState::Reachable,
        NeighbourState::Stale,
        NeighbourState::Permanent,
    ];
    let mac = theirs
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => Some(Mac(bytes[..].try_into().unwrap())),
            _ => None,
        });
    assert_eq!(
        ours.mac,
        mac.filter(|_| answered.contains(&theirs.header.state))
    );
    let ago = theirs
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::CacheInfo(info) => Some(info.confirmed * 10),
            _ => None,
        });
    assert_eq!(ours.confirmed_ago_ms, ago);
}

fn default_route(theirs: &RouteMessage) -> Option<DefaultRoute> {
    let (mut dev, mut metric, mut table) = (None, 0, u32::from(theirs.header.table));
    let mut gateway = None;
    for attribute in &theirs.attributes {
        match attribute {
            RouteAttribute::Oif(index) => dev = Some(IfIndex(*index)),
            RouteAttribute::Priority(priority) => metric = *priority,
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => gateway = Some(*address),
            RouteAttribute::Table(number) => table = *number,
            _ => {}
        }
    }
    let default = theirs.header.destination_prefix_length == 0
        && theirs.header.kind == RouteType::Unicast
        && table == 254;
    let family = theirs.header.address_family.into();
    dev.filter(|_| default).map(|dev| DefaultRoute {
        dev,
        metric,
        family,
        gateway,
    })
}

fn header(theirs: &TcMessage) -> (IfIndex, TcHandle, TcHandle) {
    let dev = IfIndex(theirs.header.index.cast_unsigned());
    let [handle, parent] = [theirs.header.handle, theirs.header.parent]
        .map(|handle| TcHandle::new(handle.major, handle.minor));
    (dev, handle, parent)
}

fn kind(theirs: &TcMessage) -> &str {
    let kind = theirs
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            TcAttribute::Kind(kind) => Some(kind),
            _ => None,
        });
    kind.unwrap()
}

fn counters(theirs: &TcMessage) -> TcStats {
    let mut counted = TcStats::default();
    for stats in theirs
        .attributes
        .iter()
        .filter_map(|attribute| match attribute {
            TcAttribute::Stats2(stats) => Some(stats),
            _ => None,
        })
    {
        for stats in stats {
            match stats {
                TcStats2::Basic(basic) => {
                    (counted.bytes, counted.packets) = (basic.bytes, basic.packets)
                }
                TcStats2::Queue(queue) => {
                    counted.dropped = queue.drops;
                    (counted.backlog_packets, counted.backlog_bytes) = (queue.qlen, queue.backlog);
                }
                _ => {}
            }
        }
    }
    counted
}

fn compare_qdisc(message: Message<'_>, theirs: &TcMessage) {
    let Ok(Some(TcChange::Qdisc(ours))) = tc::parse(message) else {
        panic!("{theirs:?}")
    };
    assert_eq!((ours.dev, ours.handle, ours.parent), header(theirs));
    assert_eq!(ours.stats, counters(theirs));
    let name = match ours.discipline {
        Discipline::Shaper(root) => root.kind().name(),
        Discipline::Leaf(leaf) => leaf.kind().name(),
        Discipline::Clsact => "clsact",
        Discipline::Other => "",
    };
    assert!(
        name == kind(theirs)
            || name.is_empty()
                && ["clsact", "ingress", "noqueue", "pfifo_fast"].contains(&kind(theirs))
    );
    let Discipline::Leaf(Leaf::FqCodel(ours)) = ours.discipline else {
        return;
    };
    let mut fq = FqCodel {
        limit_packets: 0,
        target_us: 0,
        interval_us: 0,
        quantum_bytes: 0,
        memory_bytes: 0,
        ecn: false,
    };
    for options in theirs
        .attributes
        .iter()
        .filter_map(|attribute| match attribute {
            TcAttribute::Options(options) => Some(options),
            _ => None,
        })
    {
        for option in options {
            match option {
                TcOption::FqCodel(TcQdiscFqCodelOption::Limit(value)) => fq.limit_packets = *value,
                TcOption::FqCodel(TcQdiscFqCodelOption::Target(value)) => fq.target_us = *value,
                TcOption::FqCodel(TcQdiscFqCodelOption::Interval(value)) => fq.interval_us = *value,
                TcOption::FqCodel(TcQdiscFqCodelOption::Quantum(value)) => {
                    fq.quantum_bytes = *value
                }
                TcOption::FqCodel(TcQdiscFqCodelOption::Ecn(value)) => fq.ecn = *value != 0,
                TcOption::FqCodel(TcQdiscFqCodelOption::MemoryLimit(value)) => {
                    fq.memory_bytes = *value
                }
                _ => {}
            }
        }
    }
    assert_eq!(ours, fq);
}

fn compare_class(message: Message<'_>, theirs: &TcMessage) {
    let (dev, handle, parent) = header(theirs);
    match tc::parse(message).unwrap() {
        Some(TcChange::Class(ours)) => {
            assert_eq!(
                (ours.class.shaper.name(), ours.dev, ours.class.handle),
                (kind(theirs), dev, handle)
            );
            // What belongs to the root of the device belongs to its qdisc, for us.
            let root =
                parent == TcHandle::ROOT && ours.class.parent == TcHandle::new(handle.major(), 0);
            assert!(root || ours.class.parent == parent);
            assert_eq!(ours.stats, counters(theirs));
        }
        other => assert!(other.is_none() && !["htb", "hfsc"].contains(&kind(theirs))),
    }
}
