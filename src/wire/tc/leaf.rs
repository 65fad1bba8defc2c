//! The options of the qdiscs that can keep a class' packets.
//!
//! Read before editing: linux/pkt_sched.h (6.12) `struct tc_fifo_qopt`, `struct tc_sfq_qopt`, `TCA_CODEL_*`, `TCA_FQ_CODEL_*`,
//! `TCA_PIE_*`.

use super::super::{Reader, Writer};
use super::cake;
use crate::value::{Codel, FqCodel, Leaf, LeafKind, Pie, Sfq};

const TCA_FQ_CODEL_TARGET: u16 = 1;
const TCA_FQ_CODEL_LIMIT: u16 = 2;
const TCA_FQ_CODEL_INTERVAL: u16 = 3;
const TCA_FQ_CODEL_ECN: u16 = 4;
const TCA_FQ_CODEL_QUANTUM: u16 = 6;
const TCA_FQ_CODEL_MEMORY_LIMIT: u16 = 9;

const TCA_CODEL_TARGET: u16 = 1;
const TCA_CODEL_LIMIT: u16 = 2;
const TCA_CODEL_INTERVAL: u16 = 3;
const TCA_CODEL_ECN: u16 = 4;

const TCA_PIE_TARGET: u16 = 1;
const TCA_PIE_LIMIT: u16 = 2;
const TCA_PIE_ECN: u16 = 6;

/// Appends the options attribute `kind`. FIFO and SFQ have a bare struct in it, the others attributes.
pub(super) fn emit(w: &mut Writer<'_>, kind: u16, leaf: &Leaf) {
    match *leaf {
        Leaf::FqCodel(fq) => w.nest(kind, |w| {
            w.attributes_u32(&[
                (TCA_FQ_CODEL_TARGET, fq.target_us),
                (TCA_FQ_CODEL_LIMIT, fq.limit_packets),
                (TCA_FQ_CODEL_INTERVAL, fq.interval_us),
                (TCA_FQ_CODEL_ECN, fq.ecn.into()),
                (TCA_FQ_CODEL_QUANTUM, fq.quantum_bytes),
                (TCA_FQ_CODEL_MEMORY_LIMIT, fq.memory_bytes),
            ]);
        }),
        Leaf::Codel(codel) => w.nest(kind, |w| {
            w.attributes_u32(&[
                (TCA_CODEL_TARGET, codel.target_us),
                (TCA_CODEL_LIMIT, codel.limit_packets),
                (TCA_CODEL_INTERVAL, codel.interval_us),
                (TCA_CODEL_ECN, codel.ecn.into()),
            ]);
        }),
        Leaf::Pie(pie) => w.nest(kind, |w| {
            w.attributes_u32(&[
                (TCA_PIE_TARGET, pie.target_us),
                (TCA_PIE_LIMIT, pie.limit_packets),
                (TCA_PIE_ECN, pie.ecn.into()),
            ]);
        }),
        Leaf::Cake(cake) => w.nest(kind, |w| cake::emit(w, &cake)),
        Leaf::Sfq(sfq) => w.attribute(kind, |w| {
            w.u32(sfq.quantum_bytes);
            w.u32(sfq.perturb_s);
            w.u32(sfq.limit_packets);
            // divisor, flows: the kernel's own.
            w.zeroes(8);
        }),
        Leaf::Bfifo { limit_bytes: limit }
        | Leaf::Pfifo {
            limit_packets: limit,
        } => w.attribute(kind, |w| w.u32(limit)),
    }
}

pub(super) fn parse(kind: LeafKind, options: &mut Reader<'_>) -> Leaf {
    match kind {
        LeafKind::Bfifo => Leaf::Bfifo {
            limit_bytes: options.u32(),
        },
        LeafKind::Pfifo => Leaf::Pfifo {
            limit_packets: options.u32(),
        },
        LeafKind::Sfq => Leaf::Sfq(Sfq {
            quantum_bytes: options.u32(),
            perturb_s: options.u32(),
            limit_packets: options.u32(),
        }),
        LeafKind::FqCodel => {
            let mut fq = FqCodel {
                limit_packets: 0,
                target_us: 0,
                interval_us: 0,
                quantum_bytes: 0,
                memory_bytes: 0,
                ecn: false,
            };
            options.attributes(&mut |kind, value| match kind {
                TCA_FQ_CODEL_TARGET => fq.target_us = value.u32(),
                TCA_FQ_CODEL_LIMIT => fq.limit_packets = value.u32(),
                TCA_FQ_CODEL_INTERVAL => fq.interval_us = value.u32(),
                TCA_FQ_CODEL_ECN => fq.ecn = value.u32() != 0,
                TCA_FQ_CODEL_QUANTUM => fq.quantum_bytes = value.u32(),
                TCA_FQ_CODEL_MEMORY_LIMIT => fq.memory_bytes = value.u32(),
                _ => {}
            });
            Leaf::FqCodel(fq)
        }
        LeafKind::Cake => Leaf::Cake(cake::parse(options)),
        LeafKind::Pie => {
            let mut pie = Pie {
                limit_packets: 0,
                target_us: 0,
                ecn: false,
            };
            options.attributes(&mut |kind, value| match kind {
                TCA_PIE_TARGET => pie.target_us = value.u32(),
                TCA_PIE_LIMIT => pie.limit_packets = value.u32(),
                TCA_PIE_ECN => pie.ecn = value.u32() != 0,
                _ => {}
            });
            Leaf::Pie(pie)
        }
        LeafKind::Codel => {
            let mut codel = Codel {
                limit_packets: 0,
                target_us: 0,
                interval_us: 0,
                ecn: false,
            };
            options.attributes(&mut |kind, value| match kind {
                TCA_CODEL_TARGET => codel.target_us = value.u32(),
                TCA_CODEL_LIMIT => codel.limit_packets = value.u32(),
                TCA_CODEL_INTERVAL => codel.interval_us = value.u32(),
                TCA_CODEL_ECN => codel.ecn = value.u32() != 0,
                _ => {}
            });
            Leaf::Codel(codel)
        }
    }
}
