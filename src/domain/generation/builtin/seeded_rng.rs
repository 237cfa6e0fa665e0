//! Reproducible random numbers for compositions.

use crate::foundation::Rng;

/// A random source that is determined by a seed and a text.
pub(super) struct SeededRng(Rng);

impl SeededRng {
    /// `text` distinguishes compositions with the same seed.
    pub(super) fn new(seed: i64, text: &str) -> Self {
        let text = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        Self(Rng::seeded(seed.cast_unsigned() ^ text))
    }

    /// A uniform number in [0, 1).
    pub(super) fn fraction(&self) -> f64 {
        self.0.fraction()
    }

    /// A uniform number in [`from`, `to`).
    pub(super) fn between(&self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.fraction()
    }

    /// `true` with the given probability.
    pub(super) fn happens(&self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// A uniform integer in [0, `count`); 0 if `count` is 0.
    pub(super) fn below(&self, count: usize) -> usize {
        self.0.seed() as usize % count.max(1)
    }

    /// A random element of a non-empty list.
    pub(super) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
