//! One pattern of a user's rule, as the expressions of a rule of `nf_tables`.
//!
//! The packet comes from the home, the first of its flow or the home's first answer: so its source is the address in the home and its
//! destination the other side, as nothing was translated yet. The protocol and the port are asked of the flow.

use crate::value::{IpVersion, Network, Pattern, Ports};
use crate::wire::Writer;
use crate::wire::nft::{CtKey, Is, MetaKey, Part};

const ARPHRD_ETHER: u16 = 1;

/// `NFPROTO_IPV4` and `NFPROTO_IPV6`.
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;

/// Writes the conditions.
pub(super) fn conditions(w: &mut Writer<'_>, pattern: &Pattern<'_>) {
    let rule = pattern.rule;
    if let Some(interface) = rule.interface {
        w.load_meta(MetaKey::InputName);
        w.equals_name(interface);
    }
    if let Some(mac) = rule.mac {
        source_mac(w);
        w.compare(Is::Equal, &mac.0);
    }
    if let Some(version) = pattern.version {
        w.load_meta(MetaKey::Version);
        w.equals_u8(match version {
            IpVersion::V4 => NFPROTO_IPV4,
            IpVersion::V6 => NFPROTO_IPV6,
        });
        if let Some(dscp) = rule.dscp {
            code_point(w, version, dscp);
        }
    }
    // Where the addresses stand: RFC 791, 3.1, and RFC 8200, 3.
    if let Some(home) = rule.cidr {
        network(w, home, [12, 8]);
    }
    if let Some(remote) = rule.remote {
        network(w, remote, [16, 24]);
    }
    if let Some(proto) = pattern.proto {
        w.load_ct(CtKey::Protocol);
        w.equals_u8(proto);
    }
    if let Some(Ports { first, last }) = pattern.ports {
        w.load_ct(CtKey::OpenedTo);
        if first == last {
            w.compare(Is::Equal, &first.to_be_bytes());
        } else {
            w.compare(Is::AtLeast, &first.to_be_bytes());
            w.compare(Is::AtMost, &last.to_be_bytes());
        }
    }
}

/// Loads the source address of the frame; goes on only where there is one.
pub(super) fn source_mac(w: &mut Writer<'_>) {
    w.load_meta(MetaKey::InputType);
    w.equals_u16(ARPHRD_ETHER);
    w.load_source_mac();
}

fn network(w: &mut Writer<'_>, network: Network, offsets: [u8; 2]) {
    let [v4, v6] = offsets;
    let version = network.version();
    let offset = match version {
        IpVersion::V4 => v4,
        IpVersion::V6 => v6,
    };
    let len = version.bytes();
    w.load_payload(Part::Network, offset, len);
    let (mask, bytes) = (network.mask(), network.bytes());
    if !network.is_host() {
        w.mask_bytes(mask.get(..usize::from(len)).unwrap_or_default());
    }
    w.compare(Is::Equal, bytes.get(..usize::from(len)).unwrap_or_default());
}

/// The upper six bits of the second byte of IPv4; of IPv6, bits 4 to 9.
fn code_point(w: &mut Writer<'_>, version: IpVersion, dscp: u8) {
    match version {
        IpVersion::V4 => {
            w.load_payload(Part::Network, 1, 1);
            w.mask_bytes(&[0xfc]);
            w.equals_u8(dscp << 2);
        }
        IpVersion::V6 => {
            w.load_payload(Part::Network, 0, 2);
            w.mask_bytes(&[0x0f, 0xc0]);
            w.compare(Is::Equal, &(u16::from(dscp) << 6).to_be_bytes());
        }
    }
}
