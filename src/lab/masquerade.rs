//! The router's IPv4 NAT: everything that leaves through the WAN gets the WAN's address.
//!
//! Read before editing: `include/uapi/linux/netfilter/nf_tables.h`. Integers are big-endian as attributes; the name that the
//! rule compares is register data, so raw bytes. The table is the house's own (`house_nat`), as a router firmware would have
//! one: lanemark must live beside it and leave it alone.

use nix::sys::socket::SockProtocol;

use super::error::Error;
use super::netlink::Socket;
use super::netlink::message::Writer;

/// The table that holds the rule, family `ip`.
pub const TABLE: &str = "house_nat";

const CHAIN: &str = "postrouting";
const AF_UNSPEC: u8 = 0;
const NFPROTO_IPV4: u8 = 2;
const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
const NFT_MSG_NEWTABLE: u16 = 0;
const NFT_MSG_NEWCHAIN: u16 = 3;
const NFT_MSG_NEWRULE: u16 = 6;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
const ADD: u16 = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;

const NFTA_TABLE_NAME: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NF_INET_POST_ROUTING: u32 = 4;
const NF_IP_PRI_NAT_SRC: u32 = 100;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_META_DREG: u16 = 1;
const NFTA_META_KEY: u16 = 2;
const NFT_META_OIFNAME: u32 = 7;
const NFTA_CMP_SREG: u16 = 1;
const NFTA_CMP_OP: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;
const NFT_CMP_EQ: u32 = 0;
const NFTA_DATA_VALUE: u16 = 1;
const NFT_REG_1: u32 = 1;

/// Bytes of an interface name in a register, zeros included.
const IFNAMSIZ: usize = 16;

/// Installs the rule in the namespace of the calling thread.
///
/// # Errors
/// `System`: `EOPNOTSUPP` or `ENOENT` where the kernel has no nf_tables or no masquerade.
pub fn install(wan: &str) -> Result<(), Error> {
    const STEP: &str = "install the router's NAT";
    let socket = Socket::open(SockProtocol::NetlinkNetFilter).map_err(Error::system(STEP))?;
    // One acknowledgement each for the table, the chain and the rule.
    socket
        .ask(batch(wan).bytes(), 3)
        .map(drop)
        .map_err(Error::system(STEP))
}

fn batch(wan: &str) -> Writer {
    let mut name = wan.as_bytes().to_vec();
    name.resize(IFNAMSIZ, 0);
    let mut writer = Writer::default();
    writer.message(
        NFNL_MSG_BATCH_BEGIN,
        NLM_F_REQUEST,
        &family(AF_UNSPEC, NFNL_SUBSYS_NFTABLES),
        |_| {},
    );
    writer.message(nft(NFT_MSG_NEWTABLE), ADD, &family(NFPROTO_IPV4, 0), |w| {
        w.text(NFTA_TABLE_NAME, TABLE)
    });
    writer.message(nft(NFT_MSG_NEWCHAIN), ADD, &family(NFPROTO_IPV4, 0), |w| {
        w.text(NFTA_CHAIN_TABLE, TABLE);
        w.text(NFTA_CHAIN_NAME, CHAIN);
        w.nest(NFTA_CHAIN_HOOK, |w| {
            w.attribute(NFTA_HOOK_HOOKNUM, &NF_INET_POST_ROUTING.to_be_bytes());
            w.attribute(NFTA_HOOK_PRIORITY, &NF_IP_PRI_NAT_SRC.to_be_bytes());
        });
        w.text(NFTA_CHAIN_TYPE, "nat");
    });
    writer.message(
        nft(NFT_MSG_NEWRULE),
        ADD | NLM_F_APPEND,
        &family(NFPROTO_IPV4, 0),
        |w| {
            w.text(NFTA_RULE_TABLE, TABLE);
            w.text(NFTA_RULE_CHAIN, CHAIN);
            w.nest(NFTA_RULE_EXPRESSIONS, |w| {
                expression(w, "meta", |w| {
                    w.attribute(NFTA_META_KEY, &NFT_META_OIFNAME.to_be_bytes());
                    w.attribute(NFTA_META_DREG, &NFT_REG_1.to_be_bytes());
                });
                expression(w, "cmp", |w| {
                    w.attribute(NFTA_CMP_SREG, &NFT_REG_1.to_be_bytes());
                    w.attribute(NFTA_CMP_OP, &NFT_CMP_EQ.to_be_bytes());
                    w.nest(NFTA_CMP_DATA, |w| w.attribute(NFTA_DATA_VALUE, &name));
                });
                expression(w, "masq", |_| {});
            });
        },
    );
    writer.message(
        NFNL_MSG_BATCH_END,
        NLM_F_REQUEST,
        &family(AF_UNSPEC, NFNL_SUBSYS_NFTABLES),
        |_| {},
    );
    writer
}

fn expression(writer: &mut Writer, name: &str, data: impl FnOnce(&mut Writer)) {
    writer.nest(NFTA_LIST_ELEM, |w| {
        w.text(NFTA_EXPR_NAME, name);
        w.nest(NFTA_EXPR_DATA, data);
    });
}

/// `struct nfgenmsg`: family, version 0, and a resource id that only the batch frames use.
fn family(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

fn nft(message: u16) -> u16 {
    NFNL_SUBSYS_NFTABLES << 8 | message
}
