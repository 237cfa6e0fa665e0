//! Draws that can be repeated.

use crate::foundation::Rng;

/// Throws the same for the same seed and text.
pub(super) struct Dice(Rng);

impl Dice {
    /// `text` tells apart what shares a seed.
    pub(super) fn new(seed: i64, text: &str) -> Self {
        let text = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        Self(Rng::seeded(seed.cast_unsigned() ^ text))
    }

    /// 0 to 1, without 1.
    pub(super) fn unit(&self) -> f64 {
        (self.0.seed() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `from` to `to`, without `to`.
    pub(super) fn between(&self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Whether it falls so; `share` of all throws do.
    pub(super) fn chance(&self, share: f64) -> bool {
        self.unit() < share
    }

    /// 0 to `count`, without `count`; 0 where there is nothing to choose.
    pub(super) fn below(&self, count: usize) -> usize {
        self.0.seed() as usize % count.max(1)
    }

    /// One of these; the list is not empty.
    pub(super) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
