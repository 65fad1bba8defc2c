//! `nf_tables`: batches of changes, and what is there.
//!
//! Read before editing: linux/netfilter/nf_tables.h (6.12); net/netfilter/nf_tables_api.c; libnftnl's `NFTNL_UDATA_*` for comments.
//! Integers are attributes in network order, but *register data* (what rules compare, mask and store) is raw memory: marks,
//! priorities and types are in the machine's order there.
//!
//! A batch is one datagram from BEGIN to END and is carried out as a whole or not at all. Each message in it is acknowledged by itself;
//! BEGIN and END are not (acks for END are broken before 6.10), nor are rules: there may be a thousand, and their acknowledgements would
//! not fit the socket's receive buffer. One that is refused is answered all the same.

mod expr;
mod seen;

use super::cursor::Place;
use super::netlink::{Header, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST};
use super::{Order, Writer};
use crate::value::{IfName, Mac};

pub use expr::{CtKey, Is, MetaKey, Part, Register, Target};
pub use seen::{Seen, is_flowtable, names, parse, parse_device_elements, parse_flowtable};

/// `NFPROTO_INET`: IPv4 and IPv6 in one table.
pub const FAMILY_INET: u8 = 1;

const SUBSYS: u16 = 10 << 8;
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
/// In a batch's BEGIN and END this field names the subsystem.
const RES_ID: u16 = 10;

const NEWTABLE: u16 = SUBSYS;
const GETTABLE: u16 = SUBSYS | 1;
const DELTABLE: u16 = SUBSYS | 2;
const NEWCHAIN: u16 = SUBSYS | 3;
const NEWRULE: u16 = SUBSYS | 6;
const GETRULE: u16 = SUBSYS | 7;
const NEWSET: u16 = SUBSYS | 9;
const NEWSETELEM: u16 = SUBSYS | 12;
const GETSETELEM: u16 = SUBSYS | 13;
const DELSETELEM: u16 = SUBSYS | 14;
const NEWGEN: u16 = SUBSYS | 15;
const GETGEN: u16 = SUBSYS | 16;
const NEWFLOWTABLE: u16 = SUBSYS | 22;
const GETFLOWTABLE: u16 = SUBSYS | 23;
const DELFLOWTABLE: u16 = SUBSYS | 24;

const NFTA_TABLE_NAME: u16 = 1;
const NFTA_TABLE_FLAGS: u16 = 2;
const NFTA_TABLE_USERDATA: u16 = 6;
const NFT_TABLE_F_OWNER: u32 = 0x2;
const NFT_TABLE_F_PERSIST: u32 = 0x4;

const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_HOOK_DEVS: u16 = 4;
const NFTA_DEVICE_NAME: u16 = 1;
const NF_ACCEPT: u32 = 1;

const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_USERDATA: u16 = 7;

const NFTA_SET_TABLE: u16 = 1;
const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_FLAGS: u16 = 3;
const NFTA_SET_KEY_TYPE: u16 = 4;
const NFTA_SET_KEY_LEN: u16 = 5;
const NFTA_SET_DATA_TYPE: u16 = 6;
const NFTA_SET_DATA_LEN: u16 = 7;
const NFTA_SET_ID: u16 = 10;
const NFTA_SET_USERDATA: u16 = 13;
const NFT_SET_MAP: u32 = 8;

const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_DATA: u16 = 2;

const NFTA_GEN_PROC_PID: u16 = 2;

/// The type number of a user comment, in tables and rules alike (libnftnl).
const UDATA_COMMENT: u8 = 0;

/// The table that a message is about: the family is `inet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table<'a> {
    /// Its name.
    pub name: &'a str,
}

/// Who may change a table, and whether it outlives its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Anybody may change it; it stays.
    Open,
    /// Only the socket that made or adopted it may change it; it stays when that is closed. Kernels since 6.9.
    OwnedAndPersistent,
}

impl Guard {
    const fn flags(self) -> u32 {
        match self {
            Guard::Open => 0,
            Guard::OwnedAndPersistent => NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST,
        }
    }
}

/// The hook of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Before routing, at mangle's place (after conntrack).
    Prerouting,
    /// Routed packets, at mangle's place.
    Forward,
    /// Whatever arrives at some devices, before conntrack and before flowtables, whose customary priority is 0. Kernels since 5.10.
    Arrival,
}

impl Hook {
    const fn number(self) -> u32 {
        match self {
            Hook::Prerouting => 0,
            Hook::Forward => 2,
            // NF_INET_INGRESS (linux/netfilter.h 6.12).
            Hook::Arrival => 5,
        }
    }
}

/// `NF_IP_PRI_MANGLE`.
const PRIORITY_MANGLE: i32 = -150;

/// What the elements of a map are, for the kernel and for whoever lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// Ethernet address -> chain.
    MacToVerdict,
    /// Mark -> class of a qdisc.
    MarkToClassid,
}

/// A batch that is being written.
pub struct Batch<'w, 'b> {
    w: &'w mut Writer<'b>,
    seq: u32,
}

impl<'w, 'b> Batch<'w, 'b> {
    /// Begins a batch whose first message has the number `seq`.
    pub fn begin(w: &'w mut Writer<'b>, seq: u32) -> Batch<'w, 'b> {
        let mut batch = Batch { w, seq };
        batch.edge(NFNL_MSG_BATCH_BEGIN);
        batch
    }

    /// Ends the batch; returns the number of the last message that is acknowledged.
    pub fn end(mut self) -> u32 {
        let last = self.seq - 1;
        self.edge(NFNL_MSG_BATCH_END);
        last
    }

    fn edge(&mut self, kind: u16) {
        let header = Header {
            kind,
            flags: NLM_F_REQUEST,
            seq: self.seq,
            port: 0,
        };
        self.w.message(header, |w| {
            w.zeroes(2);
            w.be16(RES_ID);
        });
        self.seq += 1;
    }

    fn put(&mut self, kind: u16, extra: u16, body: impl FnOnce(&mut Writer<'b>)) {
        let place = self.begin_message(kind, extra);
        body(self.w);
        self.w.end_message(place);
    }

    #[inline(never)]
    fn begin_message(&mut self, kind: u16, extra: u16) -> Place {
        let mut header = Header::request(kind, extra, self.seq);
        if kind == NEWRULE {
            header.flags &= !NLM_F_ACK;
        }
        self.seq += 1;
        let place = self.w.begin_message(header);
        fixed(self.w);
        place
    }

    /// Makes the table; it must not be there.
    pub fn new_table(&mut self, table: Table<'_>, guard: Guard, comment: &str) {
        self.put(NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, |w| {
            w.attribute_text(NFTA_TABLE_NAME, table.name);
            w.attribute_be32(NFTA_TABLE_FLAGS, guard.flags());
            emit_comment(w, NFTA_TABLE_USERDATA, comment);
        });
    }

    /// Takes over the table that a dead owner left: it is made ours, and nothing in it changes.
    pub fn adopt_table(&mut self, table: Table<'_>, guard: Guard) {
        self.put(NEWTABLE, 0, |w| {
            w.attribute_text(NFTA_TABLE_NAME, table.name);
            w.attribute_be32(NFTA_TABLE_FLAGS, guard.flags());
        });
    }

    /// Removes the table with all that is in it.
    pub fn delete_table(&mut self, table: Table<'_>) {
        self.put(DELTABLE, 0, |w| {
            w.attribute_text(NFTA_TABLE_NAME, table.name)
        });
    }

    /// Makes a chain that is only reached from others.
    pub fn chain(&mut self, table: Table<'_>, name: &str) {
        self.put(NEWCHAIN, NLM_F_CREATE, |w| {
            w.attribute_text(NFTA_CHAIN_TABLE, table.name);
            w.attribute_text(NFTA_CHAIN_NAME, name);
        });
    }

    /// Makes a chain that the kernel calls; at [`Hook::Arrival`] for what comes by one of these devices, which must be there.
    pub fn base_chain(&mut self, table: Table<'_>, name: &str, hook: Hook, devices: &[IfName]) {
        self.put(NEWCHAIN, NLM_F_CREATE, |w| {
            w.attribute_text(NFTA_CHAIN_TABLE, table.name);
            w.attribute_text(NFTA_CHAIN_NAME, name);
            w.nest(NFTA_CHAIN_HOOK, |w| {
                w.attribute_be32(NFTA_HOOK_HOOKNUM, hook.number());
                w.attribute_be32(NFTA_HOOK_PRIORITY, PRIORITY_MANGLE.cast_unsigned());
                if !devices.is_empty() {
                    let names = w.begin_nest(NFTA_HOOK_DEVS);
                    for device in devices {
                        w.attribute_text(NFTA_DEVICE_NAME, device.as_str());
                    }
                    w.end_attribute(names);
                }
            });
            w.attribute_be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
            w.attribute_text(NFTA_CHAIN_TYPE, "filter");
        });
    }

    /// Adds a rule at the end of a chain; `expressions` writes what it does. A batch must not end with one: nobody would answer.
    pub fn rule(
        &mut self,
        table: Table<'_>,
        chain: &str,
        comment: &str,
        expressions: impl FnOnce(&mut Writer<'b>),
    ) {
        let places = self.begin_rule(table, chain);
        expressions(self.w);
        self.end_rule(places, comment);
    }

    #[inline(never)]
    fn end_rule(&mut self, (message, nest): (Place, Place), comment: &str) {
        self.w.end_attribute(nest);
        emit_comment(self.w, NFTA_RULE_USERDATA, comment);
        self.w.end_message(message);
    }

    #[inline(never)]
    fn begin_rule(&mut self, table: Table<'_>, chain: &str) -> (Place, Place) {
        let message = self.begin_message(NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        self.w.attribute_text(NFTA_RULE_TABLE, table.name);
        self.w.attribute_text(NFTA_RULE_CHAIN, chain);
        (message, self.w.begin_nest(NFTA_RULE_EXPRESSIONS))
    }

    /// Makes a map. `id` is any number that no other map of this batch has.
    pub fn map(&mut self, table: Table<'_>, name: &str, kind: MapKind, id: u32) {
        // Type numbers of libnftables, for listings; NFT_DATA_VERDICT is the kernel's own.
        const TYPE_ETHER_ADDR: u32 = 9;
        const TYPE_MARK: u32 = 19;
        const TYPE_CLASSID: u32 = 23;
        const NFT_DATA_VERDICT: u32 = 0xffff_ff00;
        const VERDICT_BYTES: u32 = 16;
        const ORDER_HOST: u32 = 1;
        const ORDER_BIG: u32 = 2;
        let (key, key_bytes, data, data_bytes, key_order, data_order) = match kind {
            MapKind::MacToVerdict => (
                TYPE_ETHER_ADDR,
                6,
                NFT_DATA_VERDICT,
                VERDICT_BYTES,
                ORDER_BIG,
                0,
            ),
            MapKind::MarkToClassid => (TYPE_MARK, 4, TYPE_CLASSID, 4, ORDER_HOST, ORDER_HOST),
        };
        self.put(NEWSET, NLM_F_CREATE, |w| {
            w.attribute_text(NFTA_SET_TABLE, table.name);
            w.attribute_text(NFTA_SET_NAME, name);
            w.attribute_be32(NFTA_SET_FLAGS, NFT_SET_MAP);
            w.attribute_be32(NFTA_SET_KEY_TYPE, key);
            w.attribute_be32(NFTA_SET_KEY_LEN, key_bytes);
            w.attribute_be32(NFTA_SET_DATA_TYPE, data);
            w.attribute_be32(NFTA_SET_DATA_LEN, data_bytes);
            w.attribute_be32(NFTA_SET_ID, id);
            // So that `nft list` prints keys and data the right way round (libnftnl: types 0 and 1, 4 bytes each).
            w.attribute(NFTA_SET_USERDATA, |w| {
                for (kind, order) in [(0, key_order), (1, data_order)] {
                    w.bytes(&[kind, 4]);
                    w.u32(order);
                }
            });
        });
    }

    /// Adds or removes elements of a map, as many as `elements` writes with [`element_device`] or [`element_mark`]; at most [`ELEMENTS_A_MESSAGE`].
    pub fn elements(
        &mut self,
        table: Table<'_>,
        map: &str,
        change: Change,
        elements: impl FnOnce(&mut Writer<'b>),
    ) {
        let (message, nest) = self.begin_elements(table, map, change);
        elements(self.w);
        self.w.end_attribute(nest);
        self.w.end_message(message);
    }

    #[inline(never)]
    fn begin_elements(&mut self, table: Table<'_>, map: &str, change: Change) -> (Place, Place) {
        let (kind, extra) = match change {
            Change::Add => (NEWSETELEM, NLM_F_CREATE),
            Change::Remove => (DELSETELEM, 0),
        };
        let message = self.begin_message(kind, extra);
        self.w.attribute_text(NFTA_SET_ELEM_LIST_TABLE, table.name);
        self.w.attribute_text(NFTA_SET_ELEM_LIST_SET, map);
        (message, self.w.begin_nest(NFTA_SET_ELEM_LIST_ELEMENTS))
    }
}

/// Elements of one message at most: an element takes up to 52 bytes, and the length of the attribute around them has 16 bits, which
/// is enough for 1,260. More are an [`Overflow`](super::Overflow).
pub const ELEMENTS_A_MESSAGE: usize = 1024;

/// Whether elements come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They come.
    Add,
    /// They go.
    Remove,
}

/// An element that sends a device's packets to a chain. To remove one, its key is enough.
pub fn element_device(w: &mut Writer<'_>, mac: Mac, chain: Option<&str>) {
    w.nest(NFTA_LIST_ELEM, |w| {
        w.data(NFTA_SET_ELEM_KEY, &mac.0);
        if let Some(chain) = chain {
            w.nest(NFTA_SET_ELEM_DATA, |w| {
                expr::emit_verdict(w, Target::Goto(chain))
            });
        }
    });
}

/// An element that gives the class of a qdisc to a mark.
pub fn element_mark(w: &mut Writer<'_>, mark: u32, classid: u32) {
    let order = w.order();
    w.nest(NFTA_LIST_ELEM, |w| {
        w.data(NFTA_SET_ELEM_KEY, &register_u32(order, mark));
        w.data(NFTA_SET_ELEM_DATA, &register_u32(order, classid));
    });
}

/// Asks for the number of the current rule set: the cheapest question that only a kernel with `nf_tables` answers.
pub fn emit_probe(w: &mut Writer<'_>, seq: u32) {
    w.message(Header::request(GETGEN, 0, seq), fixed);
}

/// Asks for a table.
pub fn emit_get_table(w: &mut Writer<'_>, seq: u32, table: Table<'_>) {
    w.message(Header::request(GETTABLE, 0, seq), |w| {
        fixed(w);
        w.attribute_text(NFTA_TABLE_NAME, table.name);
    });
}

/// Asks for the rules of a table.
pub fn emit_rule_dump(w: &mut Writer<'_>, seq: u32, table: Table<'_>) {
    w.message(Header::dump(GETRULE, seq), |w| {
        fixed(w);
        w.attribute_text(NFTA_RULE_TABLE, table.name);
    });
}

/// Asks for the elements of a map.
pub fn emit_element_dump(w: &mut Writer<'_>, seq: u32, table: Table<'_>, map: &str) {
    w.message(Header::dump(GETSETELEM, seq), |w| {
        fixed(w);
        w.attribute_text(NFTA_SET_ELEM_LIST_TABLE, table.name);
        w.attribute_text(NFTA_SET_ELEM_LIST_SET, map);
    });
}

/// Asks for the flowtables of everybody, whatever the family of their tables.
pub fn emit_flowtable_dump(w: &mut Writer<'_>, seq: u32) {
    w.message(Header::dump(GETFLOWTABLE, seq), |w| w.zeroes(4));
}

/// `struct nfgenmsg`: family, version, resource.
fn fixed(w: &mut Writer<'_>) {
    w.u8(FAMILY_INET);
    w.zeroes(3);
}

#[inline(never)]
fn emit_comment(w: &mut Writer<'_>, kind: u16, comment: &str) {
    w.attribute(kind, |w| {
        w.u8(UDATA_COMMENT);
        w.u8(u8::try_from(comment.len() + 1).unwrap_or(u8::MAX));
        w.bytes(comment.as_bytes());
        w.u8(0);
    });
}

/// An interface name as rules compare it: 16 bytes, the rest NUL.
fn padded(name: IfName) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (room, byte) in bytes.iter_mut().zip(name.as_str().bytes()) {
        *room = byte;
    }
    bytes
}

/// Four bytes of register data in the order of the machine.
fn register_u32(order: Order, value: u32) -> [u8; 4] {
    match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    }
}
