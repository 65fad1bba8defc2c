//! CAKE, as a shaper and as a leaf.
//!
//! Read before editing: linux/pkt_sched.h (6.12) `TCA_CAKE_*`, `TCA_CAKE_STATS_*`, `TCA_CAKE_TIN_STATS_*`; net/sched/sch_cake.c.

use super::super::{Reader, Writer};
use crate::value::{CAKE_TINS, Cake, CakeTins, Framing, Isolation, Kbit, TcStats};

const TCA_CAKE_BASE_RATE64: u16 = 2;
const TCA_CAKE_DIFFSERV_MODE: u16 = 3;
const TCA_CAKE_ATM: u16 = 4;
const TCA_CAKE_FLOW_MODE: u16 = 5;
const TCA_CAKE_OVERHEAD: u16 = 6;
const TCA_CAKE_RTT: u16 = 7;
const TCA_CAKE_MEMORY: u16 = 10;
const TCA_CAKE_NAT: u16 = 11;
const TCA_CAKE_WASH: u16 = 13;
const TCA_CAKE_MPU: u16 = 14;
const TCA_CAKE_ACK_FILTER: u16 = 16;

/// Cells of ATM; PTM's is 2.
const CAKE_ATM_ATM: u32 = 1;

const TCA_CAKE_STATS_TIN_STATS: u16 = 10;
const TCA_CAKE_TIN_STATS_SENT_PACKETS: u16 = 2;
const TCA_CAKE_TIN_STATS_SENT_BYTES64: u16 = 3;
const TCA_CAKE_TIN_STATS_DROPPED_PACKETS: u16 = 4;
const TCA_CAKE_TIN_STATS_BACKLOG_PACKETS: u16 = 10;
const TCA_CAKE_TIN_STATS_BACKLOG_BYTES: u16 = 11;

pub(super) fn emit(w: &mut Writer<'_>, cake: &Cake) {
    w.attribute(TCA_CAKE_BASE_RATE64, |w| {
        w.u64(cake.rate.map_or(0, Kbit::bytes_per_s));
    });
    w.attributes_u32(&[
        (TCA_CAKE_DIFFSERV_MODE, cake.tins as u32),
        (TCA_CAKE_FLOW_MODE, cake.isolation as u32),
        (TCA_CAKE_OVERHEAD, cake.framing.overhead_bytes.into()),
        (TCA_CAKE_MPU, cake.framing.mpu_bytes.into()),
        (TCA_CAKE_ATM, cake.framing.cells.into()),
        (TCA_CAKE_RTT, cake.rtt_us),
        (TCA_CAKE_MEMORY, cake.memory_bytes),
        // Behind a masquerade all senders look like one, unless CAKE asks conntrack.
        (TCA_CAKE_NAT, 1),
        (TCA_CAKE_WASH, 0),
        (TCA_CAKE_ACK_FILTER, 0),
    ]);
}

/// What is none of ours (a mode that we never use) reads as the other of ours, which differs from the wish and so gets mended.
pub(super) fn parse(options: &mut Reader<'_>) -> Cake {
    let mut cake = Cake {
        rate: None,
        tins: CakeTins::BestEffort,
        isolation: Isolation::Sources,
        framing: Framing::default(),
        rtt_us: 0,
        memory_bytes: 0,
    };
    options.attributes(&mut |kind, value| match kind {
        TCA_CAKE_BASE_RATE64 => {
            let kbit = u32::try_from(value.u64() / 125).unwrap_or(u32::MAX);
            cake.rate = (kbit > 0).then_some(Kbit(kbit));
        }
        TCA_CAKE_DIFFSERV_MODE if value.u32() == CakeTins::Diffserv4 as u32 => {
            cake.tins = CakeTins::Diffserv4;
        }
        TCA_CAKE_FLOW_MODE if value.u32() == Isolation::Destinations as u32 => {
            cake.isolation = Isolation::Destinations;
        }
        TCA_CAKE_OVERHEAD => cake.framing.overhead_bytes = small(value),
        TCA_CAKE_MPU => cake.framing.mpu_bytes = small(value),
        TCA_CAKE_ATM => cake.framing.cells = value.u32() == CAKE_ATM_ATM,
        TCA_CAKE_RTT => cake.rtt_us = value.u32(),
        TCA_CAKE_MEMORY => cake.memory_bytes = value.u32(),
        _ => {}
    });
    cake
}

fn small(value: &mut Reader<'_>) -> u8 {
    u8::try_from(value.u32()).unwrap_or(u8::MAX)
}

/// CAKE's own counters: an attribute a tin, from number 1 on.
pub(super) fn parse_tins(counters: &mut Reader<'_>, tins: &mut [TcStats; CAKE_TINS]) {
    counters.attributes(&mut |kind, all| {
        if kind == TCA_CAKE_STATS_TIN_STATS {
            all.attributes(&mut |number, tin| {
                let place = usize::from(number).wrapping_sub(1);
                if let Some(stats) = tins.get_mut(place) {
                    parse_tin(tin, stats);
                }
            });
        }
    });
}

fn parse_tin(tin: &mut Reader<'_>, stats: &mut TcStats) {
    tin.attributes(&mut |kind, value| match kind {
        TCA_CAKE_TIN_STATS_SENT_PACKETS => stats.packets = value.u32(),
        TCA_CAKE_TIN_STATS_SENT_BYTES64 => stats.bytes = value.u64(),
        TCA_CAKE_TIN_STATS_DROPPED_PACKETS => stats.dropped = value.u32(),
        TCA_CAKE_TIN_STATS_BACKLOG_PACKETS => stats.backlog_packets = value.u32(),
        TCA_CAKE_TIN_STATS_BACKLOG_BYTES => stats.backlog_bytes = value.u32(),
        _ => {}
    });
}
