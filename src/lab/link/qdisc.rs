//! Which queueing discipline stands at the root of an interface: the kernel's own word on whether somebody shapes.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};

use super::{dump, index};
use crate::lab::error::Error;

/// The kind of the root qdisc (`noqueue`, `htb`, ..), or nothing while the interface has none.
///
/// # Errors
/// `System` when there is no such interface, `Nonsense` when the answer cannot be read.
pub fn root_kind(interface: &str) -> Result<Option<String>, Error> {
    let wanted =
        i32::try_from(index(interface)?).map_err(|_| Error::Nonsense("interface number"))?;
    let answers = dump(
        RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default()),
        "list queueing disciplines",
    )?;
    for answer in answers {
        let RouteNetlinkMessage::NewQueueDiscipline(qdisc) = answer else {
            continue;
        };
        if qdisc.header.index != wanted || qdisc.header.parent != TcHandle::ROOT {
            continue;
        }
        for attribute in qdisc.attributes {
            if let TcAttribute::Kind(kind) = attribute {
                return Ok(Some(kind));
            }
        }
    }
    Ok(None)
}
