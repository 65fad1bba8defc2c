//! Switches an interface's offloads off, over generic netlink.
//!
//! Read before editing: `include/uapi/linux/ethtool_netlink.h` (`ETHTOOL_MSG_FEATURES_SET`) and `genetlink.h`.

use nix::sys::socket::SockProtocol;

use crate::lab::error::Error;
use crate::lab::netlink::Socket;
use crate::lab::netlink::message::{HEADER_LENGTH, Writer, find};

const GENL_ID_CTRL: u16 = 0x10;
const GENL_HEADER_LENGTH: usize = 4;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const ETHTOOL_MSG_FEATURES_SET: u8 = 12;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_WANTED: u16 = 3;
const ETHTOOL_A_HEADER_DEV_NAME: u16 = 2;
const ETHTOOL_A_HEADER_FLAGS: u16 = 3;
const ETHTOOL_FLAG_OMIT_REPLY: u32 = 1 << 1;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_BITS_BIT: u16 = 1;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;

/// The kernel's names of everything that lets a veth carry something else than finished Ethernet frames.
const OFFLOADS: [&str; 11] = [
    "tx-checksum-sctp",
    "tx-checksum-ip-generic",
    "tx-generic-segmentation",
    "tx-tcp-segmentation",
    "tx-tcp6-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-udp-segmentation",
    "tx-sctp-segmentation",
    "rx-gro",
    "rx-gro-list",
];

/// Switches all of them off.
///
/// # Errors
/// `System`: `EOPNOTSUPP` or `ENOENT` on kernels before 5.7, which have no ethtool netlink.
pub fn switch_off(interface: &str) -> Result<(), Error> {
    const STEP: &str = "switch offloads off";
    let socket = Socket::open(SockProtocol::NetlinkGeneric).map_err(Error::system(STEP))?;
    let family = family(&socket)?;
    let mut writer = Writer::default();
    writer.message(
        family,
        NLM_F_REQUEST | NLM_F_ACK,
        &[ETHTOOL_MSG_FEATURES_SET, 1, 0, 0],
        |w| {
            w.nest(ETHTOOL_A_FEATURES_HEADER, |w| {
                w.text(ETHTOOL_A_HEADER_DEV_NAME, interface);
                w.attribute(
                    ETHTOOL_A_HEADER_FLAGS,
                    &ETHTOOL_FLAG_OMIT_REPLY.to_ne_bytes(),
                );
            });
            // A bit that is named and carries no value is one to be switched off.
            w.nest(ETHTOOL_A_FEATURES_WANTED, |w| {
                w.nest(ETHTOOL_A_BITSET_BITS, |w| {
                    for name in OFFLOADS {
                        w.nest(ETHTOOL_A_BITSET_BITS_BIT, |w| {
                            w.text(ETHTOOL_A_BITSET_BIT_NAME, name)
                        });
                    }
                });
            });
        },
    );
    socket
        .ask(writer.bytes(), 1)
        .map(drop)
        .map_err(Error::system(STEP))
}

fn family(socket: &Socket) -> Result<u16, Error> {
    const STEP: &str = "look up ethtool in generic netlink";
    let mut writer = Writer::default();
    writer.message(
        GENL_ID_CTRL,
        NLM_F_REQUEST | NLM_F_ACK,
        &[CTRL_CMD_GETFAMILY, 1, 0, 0],
        |w| {
            w.text(CTRL_ATTR_FAMILY_NAME, "ethtool");
        },
    );
    let answers = socket.ask(writer.bytes(), 1).map_err(Error::system(STEP))?;
    let attributes = answers
        .first()
        .and_then(|answer| answer.get(HEADER_LENGTH + GENL_HEADER_LENGTH..));
    let id = attributes
        .and_then(|bytes| find(bytes, CTRL_ATTR_FAMILY_ID))
        .and_then(|value| value.try_into().ok());
    id.map(u16::from_ne_bytes).ok_or(Error::Nonsense(STEP))
}
