//! What of ours stands in the table, by the list that the kernel gives of it.

use core::fmt;

use heapless::{String, Vec};

use super::{JUMPS, PREFIX};
use crate::value::{Before, CapRules, MarkLayout, Ruleset, TableNote, decimal, halves};
use crate::wire::xtables::{Listed, parse};

/// Bytes of a name of ours at most. iptables has room for 28.
const NAME_BYTES_MAX: usize = 28;

/// Chains that begin as ours do, at most. A set has 18; a further one is not seen, and stays until one of those is gone.
const CHAINS_MAX: usize = 24;

/// The name of a chain.
pub type Name = String<NAME_BYTES_MAX>;

/// What the list says of us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Our chains.
    pub chains: Vec<Name, CHAINS_MAX>,
    /// How often each of our jumps stands in the kernel's chains.
    pub jumps: [u8; JUMPS.len()],
    /// The chain whose rules are listed; for each of our jumps, whether it starts there.
    in_chain: [bool; JUMPS.len()],
}

impl Listing {
    /// Takes the next line of the list.
    pub fn take(&mut self, line: &str) {
        match parse(line) {
            Some(Listed::Chain(name)) => {
                self.in_chain = JUMPS.map(|(from, _)| from == name);
                if name.starts_with(PREFIX)
                    && let Ok(name) = Name::try_from(name)
                {
                    let _ = self.chains.push(name);
                }
            }
            Some(Listed::Rule(target)) => {
                let jumps = self.jumps.iter_mut().zip(self.in_chain).zip(JUMPS);
                for ((count, here), (_, to)) in jumps {
                    if here && to == target {
                        *count = count.saturating_add(1);
                    }
                }
            }
            None => {}
        }
    }

    /// Whether anything of ours is there.
    pub fn is_anything(&self) -> bool {
        !self.chains.is_empty()
    }

    /// What the names of chains tell.
    pub fn note(&self) -> Option<TableNote> {
        let mut caps = None;
        let mut mark = None;
        for name in self
            .chains
            .iter()
            .filter_map(|name| name.strip_prefix(PREFIX))
        {
            if let Some(words) = name.strip_prefix("C_") {
                caps = read_layout(words);
            }
            if let Some(words) = name.strip_prefix("M_") {
                mark = read_mark(words);
            }
        }
        mark.map(|(layout, before)| TableNote {
            before,
            layout,
            caps,
        })
    }
}

/// `7f_0_1`.
fn read_mark(words: &str) -> Option<(MarkLayout, Before)> {
    let end = words.len().checked_sub(2)?;
    let layout = read_layout(words.get(..end)?)?;
    let acct = match words.get(end..)? {
        "_0" => Some(false),
        "_1" => Some(true),
        "_-" => None,
        _ => return None,
    };
    Some((layout, Before { acct }))
}

/// `7f_0`.
fn read_layout(words: &str) -> Option<MarkLayout> {
    let (mask, shift) = halves(words, b'_')?;
    let mask = u32::from_str_radix(mask, 16).ok()?;
    MarkLayout::new(mask, u8::try_from(decimal(shift)?).ok()?).ok()
}

/// The name of the chain that tells where the class stands, and what was there before.
pub(super) struct MarkNote {
    layout: MarkLayout,
    before: Before,
}

impl MarkNote {
    pub(super) const fn of(ruleset: &Ruleset) -> MarkNote {
        MarkNote {
            layout: ruleset.layout,
            before: ruleset.before,
        }
    }
}

impl fmt::Display for MarkNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mask, shift) = (self.layout.mask(), self.layout.shift());
        let acct = match self.before.acct {
            Some(false) => '0',
            Some(true) => '1',
            None => '-',
        };
        write!(f, "{PREFIX}M_{mask:x}_{shift}_{acct}")
    }
}

/// The name of the chain that tells where slots stand.
pub(super) struct CapsNote(pub(super) CapRules);

impl fmt::Display for CapsNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mask, shift) = (self.0.layout.mask(), self.0.layout.shift());
        write!(f, "{PREFIX}C_{mask:x}_{shift}")
    }
}
