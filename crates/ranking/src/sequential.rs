//! SLIST: a linear model of what comes next.
//!
//! Choi, Kim, Lee, Shim, Lee 2021, "Session-aware Linear Item-Item Models for Session-based
//! Recommendation", WWW; a user's whole history in the order of time is the session. At each step
//! of a history the past items are the source row `S` and the later ones the target row `T`, both
//! weighed by their distance from the step. SLIT (§4.2) is the ridge regression of `T` on `S`,
//! SLIS (§4.1) that of a whole history `X` on itself with nothing on the diagonal, and SLIST
//! (§4.3) both at once.

use serde::{Deserialize, Serialize};

use super::input;

/// The most items the model may have: three matrices of 400 MB while it is trained.
pub const MOST_ITEMS: usize = 10_000;

/// What the model is trained with. Half-lives are in positions of a history.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SequentialSettings {
    /// λ, positive: some to some thousands.
    pub regularisation: f32,
    /// After how many positions before the step a past item counts half, positive.
    pub source_half_life: f32,
    /// After how many positions after the step a later item counts half, positive.
    pub target_half_life: f32,
    /// When scoring: after how many positions from the latest an entry counts half, positive.
    pub recency: f32,
    /// α of the paper, 0 to 1: the share of SLIS; at 0 the model is SLIT.
    pub together: f32,
    /// How many sources a target keeps where the model is too large to be kept whole, at least 1.
    pub keep: usize,
    /// Of how many items, the most taken, the model consists at most; 1 to [`MOST_ITEMS`].
    pub most_items: usize,
    /// How much the weight of an entry says: its exponent, 0 to 4.
    pub confidence: f32,
}

impl Default for SequentialSettings {
    /// A fair start on films.
    fn default() -> Self {
        Self {
            regularisation: 50.0,
            source_half_life: 5.0,
            target_half_life: 2.0,
            recency: 3.0,
            together: 0.0,
            keep: 300,
            most_items: 5_000,
            confidence: 0.0,
        }
    }
}

impl SequentialSettings {
    pub(super) fn complaint(&self) -> Option<&'static str> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        let half_lives = [self.source_half_life, self.target_half_life, self.recency];
        if !positive(self.regularisation) {
            Some("the regularisation of the sequential model must be positive")
        } else if !half_lives.into_iter().all(positive) {
            Some("the half-lives of the sequential model must be positive")
        } else if !(0.0..=1.0).contains(&self.together) {
            Some("the share of what is taken together must be from 0 to 1")
        } else if !(1..=MOST_ITEMS).contains(&self.most_items) {
            Some("the sequential model must have from 1 to 10000 items")
        } else if self.keep == 0 {
            Some("an item must keep at least 1 neighbour")
        } else {
            input::complaint(self.confidence)
        }
    }
}
