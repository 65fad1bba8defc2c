//! What is known of link layers.

use super::Wan;
use crate::value::Framing;

/// A link layer, by what it adds to an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLayer {
    /// What the user calls it.
    pub name: &'static str,
    /// Bytes added to an IP packet.
    overhead: u8,
    /// Bytes that the smallest packet takes, with what is added.
    mpu: u8,
    /// ATM cells.
    cells: bool,
}

const fn packets(name: &'static str, overhead: u8, mpu: u8) -> LinkLayer {
    LinkLayer {
        name,
        overhead,
        mpu,
        cells: false,
    }
}

const fn cells(name: &'static str, overhead: u8) -> LinkLayer {
    LinkLayer {
        name,
        overhead,
        mpu: 0,
        cells: true,
    }
}

/// Those that have a name; the first is the default. The sums are those of tc-cake(8): an Ethernet header is 14 bytes, its checksum 4, preamble and gap
/// 20; PTM adds 4 (ITU-T G.992.3, annex N); PPPoE 8 (RFC 2516); AAL5's trailer is 8, LLC 8 and padding 2 (RFC 2684), PPP 2 (RFC 2364).
pub(super) static LINK_LAYERS: [LinkLayer; 11] = [
    packets("none", 0, 0),
    packets("ethernet", 38, 84),
    packets("docsis", 18, 64),
    packets("ptm", 22, 68),
    packets("pppoe-ptm", 30, 68),
    cells("adsl-pppoa-vc", 10),
    cells("adsl-pppoa-llc", 14),
    cells("adsl-bridged-vc", 24),
    cells("adsl-bridged-llc", 32),
    cells("adsl-pppoe-vc", 32),
    cells("adsl-pppoe-llc", 40),
];

impl Wan {
    /// What the line makes of a packet of a device that counts so much of its header. What the user says counts as it is.
    pub fn framing(&self, header_bytes: u8) -> Framing {
        let link = self.link;
        Framing {
            overhead_bytes: self
                .overhead
                .unwrap_or(link.overhead.saturating_sub(header_bytes)),
            mpu_bytes: self.mpu.unwrap_or(link.mpu),
            cells: link.cells,
        }
    }
}
