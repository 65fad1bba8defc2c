//! What an interface has carried so far.

use netlink_packet_core::NLM_F_REQUEST;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use super::{ask, index, parse};
use crate::lab::error::Error;

/// Bytes of Ethernet frames without the frame check sequence, as `tc` counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Sent by the interface.
    pub sent: u64,
    /// Received by it.
    pub received: u64,
}

/// Reads the counters of an interface.
///
/// # Errors
/// `System` when there is no such interface, `Nonsense` when the answer has no counters.
pub fn read(interface: &str) -> Result<Carried, Error> {
    const STEP: &str = "read interface counters";
    let mut message = LinkMessage::default();
    message.header.index = index(interface)?;
    // A request for one link is answered by the link and, since we ask for it, an acknowledgement that ends the wait.
    let flags = NLM_F_REQUEST | netlink_packet_core::NLM_F_ACK;
    let answers = ask(RouteNetlinkMessage::GetLink(message), flags).map_err(Error::system(STEP))?;
    let links = answers.iter().filter_map(|bytes| parse(bytes));
    for link in links {
        let RouteNetlinkMessage::NewLink(link) = link else {
            continue;
        };
        for attribute in link.attributes {
            if let LinkAttribute::Stats64(stats) = attribute {
                return Ok(Carried {
                    sent: stats.tx_bytes,
                    received: stats.rx_bytes,
                });
            }
        }
    }
    Err(Error::Nonsense(STEP))
}
