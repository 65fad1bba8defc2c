//! Chance that can be repeated.

#![expect(clippy::unwrap_used, reason = "all of it is test")]

use std::panic::{RefUnwindSafe, catch_unwind, resume_unwind};

use super::program::EMULATOR_VARIABLE;

/// The generator of Marsaglia's "Xorshift RNGs": seeded, so that a failure can be repeated.
pub struct Dice(u64);

impl Dice {
    /// Neighbouring seeds give unlike sequences.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % limit as u64).unwrap()
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// Whether the environment variable `LANEMARK_SEED` asks for one seed.
pub fn chosen_seed() -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a failed run is repeated with its seed"
    )]
    std::env::var("LANEMARK_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap())
}

/// So many rounds here: a fourth where a processor is emulated, which the host's whole number does not need again.
pub fn rounds(count: u64) -> u64 {
    if is_emulated() { count / 4 } else { count }
}

/// From one case of a row to the next one that is tried: each; where a processor is emulated each fifth, which in a datagram comes by all four alignments.
pub fn stride() -> usize {
    if is_emulated() { 5 } else { 1 }
}

fn is_emulated() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "who runs the tests under an emulator says so"
    )]
    std::env::var_os(EMULATOR_VARIABLE).is_some()
}

/// Runs `each` with the seeds from 1 to `count`, or with the chosen one; tells the seed of a panic. Returns how many said yes.
pub fn roll(count: u64, each: impl Fn(Dice) -> bool + RefUnwindSafe) -> u64 {
    let seeds = chosen_seed().map_or(1..=count, |seed| seed..=seed);
    let mut yes = 0;
    for seed in seeds {
        match catch_unwind(|| each(Dice::new(seed))) {
            Ok(said) => yes += u64::from(said),
            Err(panic) => {
                println!("repeat it with LANEMARK_SEED={seed}");
                resume_unwind(panic);
            }
        }
    }
    yes
}
