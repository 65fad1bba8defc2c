//! What is there: tables, rules, elements, and the news that somebody changed them.

use super::super::netlink::Message;
use super::super::{Malformed, Reader};
use super::{
    DELFLOWTABLE, NEWFLOWTABLE, NEWGEN, NEWRULE, NEWSETELEM, NEWTABLE, NFT_TABLE_F_PERSIST,
    NFTA_GEN_PROC_PID, NFTA_RULE_USERDATA, NFTA_SET_ELEM_DATA, NFTA_SET_ELEM_KEY,
    NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_TABLE_FLAGS, NFTA_TABLE_NAME, NFTA_TABLE_USERDATA, SUBSYS,
    Table, UDATA_COMMENT, expr,
};
use crate::value::{IfName, Mac};

/// The subsystem in a message's type.
const SUBSYS_MASK: u16 = 0xff00;

/// What an `nf_tables` message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A table.
    Table {
        /// Its name.
        name: &'a str,
        /// Whether it stays when its owner dies.
        persistent: bool,
        /// Its comment; empty when it has none.
        comment: &'a str,
    },
    /// A rule.
    Rule {
        /// Its table.
        table: &'a str,
        /// Its comment; empty when it has none.
        comment: &'a str,
    },
    /// The rule set was changed.
    Changed {
        /// By this process; 0 where the kernel does not tell.
        pid: u32,
    },
}

/// Reads a table, a rule or the end of a change. `None`: another message.
///
/// # Errors
/// [`Malformed`].
pub fn parse(message: Message<'_>) -> Result<Option<Seen<'_>>, Malformed> {
    let mut body = message.body;
    let kind = message.header.kind;
    if !matches!(kind, NEWTABLE | NEWRULE | NEWGEN) {
        return Ok(None);
    }
    body.skip(4);
    let (mut name, mut comment, mut flags, mut pid) = ("", "", 0, 0);
    body.attributes(&mut |attribute, value| match (kind, attribute) {
        // NFTA_TABLE_NAME and NFTA_RULE_TABLE are the same number.
        (NEWTABLE | NEWRULE, NFTA_TABLE_NAME) => name = value.text(),
        (NEWTABLE, NFTA_TABLE_FLAGS) => flags = value.be32(),
        (NEWTABLE, NFTA_TABLE_USERDATA) | (NEWRULE, NFTA_RULE_USERDATA) => {
            comment = parse_comment(value);
        }
        (NEWGEN, NFTA_GEN_PROC_PID) => pid = value.be32(),
        _ => {}
    });
    body.end()?;
    Ok(Some(match kind {
        NEWTABLE => Seen::Table {
            name,
            persistent: flags & NFT_TABLE_F_PERSIST != 0,
            comment,
        },
        NEWRULE => Seen::Rule {
            table: name,
            comment,
        },
        _ => Seen::Changed { pid },
    }))
}

/// Whether a message is about this table: every message of `nf_tables` but the end of a change names its table in attribute 1.
pub fn names(message: Message<'_>, table: Table<'_>) -> bool {
    let mut body = message.body;
    if message.header.kind & SUBSYS_MASK != SUBSYS || message.header.kind == NEWGEN {
        return false;
    }
    body.skip(4);
    let mut named = false;
    body.attributes(&mut |kind, value| {
        named |= kind == NFTA_TABLE_NAME && value.text() == table.name;
    });
    named
}

/// Whether a flowtable was made, changed or removed.
pub const fn is_flowtable(message: &Message<'_>) -> bool {
    matches!(message.header.kind, NEWFLOWTABLE | DELFLOWTABLE)
}

/// Reads a flowtable: calls `each` with the devices where it takes packets.
///
/// # Errors
/// [`Malformed`].
pub fn parse_flowtable(
    message: Message<'_>,
    each: &mut dyn FnMut(IfName),
) -> Result<(), Malformed> {
    const NFTA_FLOWTABLE_HOOK: u16 = 3;
    const NFTA_FLOWTABLE_HOOK_DEVS: u16 = 3;
    if message.header.kind != NEWFLOWTABLE {
        return Ok(());
    }
    let mut body = message.body;
    body.skip(4);
    body.attributes(&mut |kind, hook| {
        if kind == NFTA_FLOWTABLE_HOOK {
            hook.attributes(&mut |kind, devices| {
                if kind == NFTA_FLOWTABLE_HOOK_DEVS {
                    devices.attributes(&mut |_, name| {
                        if let Ok(name) = IfName::parse(name.text()) {
                            each(name);
                        }
                    });
                }
            });
        }
    });
    body.end()
}

/// The comment among what user space keeps with an object; empty when there is none.
fn parse_comment<'a>(left: &mut Reader<'a>) -> &'a str {
    while !left.is_empty() {
        let kind = left.u8();
        let len = usize::from(left.u8());
        let mut value = Reader::new(left.bytes(len), left.order());
        if kind == UDATA_COMMENT {
            let text = value.text();
            if let Err(malformed) = value.end() {
                left.fail(malformed);
            }
            return text;
        }
    }
    ""
}

/// An element of a map of devices: who, and the chain that the device is sent to.
pub type DeviceElement<'a> = (Mac, &'a str);

/// Reads the elements of a map of devices: calls `each` with the device and its chain, `None` for an element of another form.
///
/// # Errors
/// [`Malformed`].
pub fn parse_device_elements(
    message: Message<'_>,
    each: &mut dyn FnMut(Option<DeviceElement<'_>>),
) -> Result<(), Malformed> {
    if message.header.kind != NEWSETELEM {
        return Ok(());
    }
    let mut body = message.body;
    body.skip(4);
    body.attributes(&mut |kind, list| {
        if kind != NFTA_SET_ELEM_LIST_ELEMENTS {
            return;
        }
        list.attributes(&mut |_, element| {
            let (mut mac, mut chain) = (None, None);
            element.attributes(&mut |kind, value| match kind {
                NFTA_SET_ELEM_KEY => mac = expr::parse_mac(value),
                NFTA_SET_ELEM_DATA => chain = expr::parse_verdict_chain(value),
                _ => {}
            });
            if element.end().is_ok() {
                each(mac.zip(chain));
            }
        });
    });
    body.end()
}
