//! Seeded random numbers.

use std::f64::consts::TAU;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::{SIGNALS, Signals};

/// A seeded generator of normal numbers.
#[derive(Debug)]
pub(super) struct Normals {
    pub(super) uniform: ChaCha8Rng,
}

impl Normals {
    /// Begins at a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            uniform: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Two independent standard normal numbers: Box and Muller 1958.
    pub(super) fn pair(&mut self) -> (f64, f64) {
        // From (0, 1], of which there is a logarithm.
        let radius = (-2.0 * (1.0 - self.uniform.random::<f64>()).ln()).sqrt();
        let (sine, cosine) = (TAU * self.uniform.random::<f64>()).sin_cos();
        (radius * cosine, radius * sine)
    }

    /// One standard normal number.
    pub(super) fn one(&mut self) -> f64 {
        self.pair().0
    }

    /// A standard normal number for each signal.
    pub(super) fn signals(&mut self) -> Signals {
        let mut out = [0.0; SIGNALS];
        for two in out.chunks_exact_mut(2) {
            (two[0], two[1]) = self.pair();
        }
        out
    }
}

/// A seed of its own for the `count`-th draw of a sequence: SplitMix64 (Steele, Lea, Flood 2014).
pub(super) fn nth_seed(seed: u64, count: u64) -> u64 {
    let mut z = seed.wrapping_add(count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
