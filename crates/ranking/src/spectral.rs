//! GF-CF: filters on the graph of users and items.
//!
//! Shen, Wu, Zhang, Shan, Zhang, Letaief, Li 2021, "How Powerful is Graph Convolution for
//! Recommendation?", CIKM, §4.2: with `R̃ = D_U^-½ R D_I^-½` a user's row `r` is scored
//! `r R̃ᵀR̃ + α r D_I^-½ V Vᵀ D_I^½`, the linear filter and the ideal low-pass filter of the `k`
//! strongest right singular vectors `V` of `R̃`.

use serde::{Deserialize, Serialize};

use super::input;

/// The most vectors a low-pass filter may have.
pub const MOST_VECTORS: usize = 1024;

/// What the filters are made of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SpectralSettings {
    /// k: how many singular vectors pass the low-pass filter, 1 to [`MOST_VECTORS`].
    pub vectors: usize,
    /// α: how much the low-pass filter counts beside the linear one, not negative.
    pub low_pass: f32,
    /// How many sources a target keeps in the linear filter, at least 1.
    pub keep: usize,
    /// How much the weight of an entry says: its exponent, 0 to 4.
    pub confidence: f32,
}

impl Default for SpectralSettings {
    /// The width and the weight of the paper.
    fn default() -> Self {
        Self {
            vectors: 256,
            low_pass: 0.3,
            keep: 300,
            confidence: 1.0,
        }
    }
}

impl SpectralSettings {
    pub(super) fn complaint(&self) -> Option<&'static str> {
        if !(1..=MOST_VECTORS).contains(&self.vectors) {
            Some("the low-pass filter must have from 1 to 1024 vectors")
        } else if !(self.low_pass.is_finite() && self.low_pass >= 0.0) {
            Some("the weight of the low-pass filter must not be negative")
        } else if self.keep == 0 {
            Some("an item must keep at least 1 neighbour")
        } else {
            input::complaint(self.confidence)
        }
    }
}
