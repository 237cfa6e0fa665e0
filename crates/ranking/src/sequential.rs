//! SLIST: a linear model of what comes next.
//!
//! Choi, Kim, Lee, Shim, Lee 2021, "Session-aware Linear Item-Item Models for Session-based
//! Recommendation", WWW; a user's whole history in the order of time is the session. At each step
//! of a history the past items are the source row `S` and the later ones the target row `T`, both
//! weighed by their distance from the step. SLIT (§4.2) is the ridge regression of `T` on `S`,
//! SLIS (§4.1) that of a whole history `X` on itself with nothing on the diagonal, and SLIST
//! (§4.3) both at once: `B = P ((1 − α) SᵀT + α XᵀX) − P diag(γ)` with
//! `P = ((1 − α) SᵀS + α XᵀX + λI)⁻¹`, and `γ` such that nothing is on the diagonal, or 0 for SLIT.
//! Nothing is ever written down step by step: what a pair of one history adds to `SᵀS` and `SᵀT`
//! over all steps is a geometric series in the distance of their positions.

mod histories;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::ease::most_taken;
use super::input;
use super::item_weights::{DenseWeights, ItemWeights};
use super::matrix::Interactions;
use super::symmetric::{Observer, Stopped, Strips, Symmetric};
use histories::{Decays, Histories};

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
            source_half_life: 1.0,
            target_half_life: 1.0,
            recency: 4.0,
            together: 0.0,
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
            Some("the share of what is positives together must be from 0 to 1")
        } else if !(1..=MOST_ITEMS).contains(&self.most_items) {
            Some("the sequential model must have from 1 to 10000 items")
        } else {
            input::complaint(self.confidence)
        }
    }
}

/// Trains on users (rows) by items (columns) with their times. Items past the most taken
/// `most_items` have no weights; nor has any where no time is known. It takes memory for two and a
/// half squares of the items, in f32, and time for three times their cube.
///
/// # Errors
/// [`Stopped`] if `observe` says so.
pub fn fit(
    table: &Interactions,
    settings: &SequentialSettings,
    observe: &mut Observer,
) -> Result<ItemWeights, Stopped> {
    if !table.has_times() {
        return Ok(ItemWeights::none(table.columns()));
    }
    let head = most_taken(table, settings.most_items);
    let positives = input::strengths(&table.with_columns(&head), settings.confidence);
    let histories = Histories::of(&positives);
    let decays = Decays::of(settings);
    let work = |item: usize| histories.steps_of(item) * decays.window();
    let sources = |item: usize, first: usize, sums: &mut [f32]| {
        histories.add_sources(item, first, &decays, sums);
    };
    let mut matrix =
        Symmetric::from_rows(head.len(), &work, &sources, &mut |done| observe(0.1 * done))?;
    for item in 0..head.len() {
        matrix.add_to_diagonal(item, settings.regularisation);
    }
    matrix.invert(&mut |done| observe(0.1 + 0.3 * done))?;
    let targets = |item: usize, sums: &mut [f32]| histories.add_targets(item, &decays, sums);
    let right = Strips::from_rows(head.len(), &work, &targets, &mut |done| {
        observe(0.4 + 0.1 * done)
    })?;
    let constrained = settings.together > 0.0;
    let weights =
        matrix.negated_product(&right, constrained, &mut |done| observe(0.5 + 0.5 * done))?;
    let dense = DenseWeights::new(head, weights);
    Ok(ItemWeights::Dense(dense.expect(
        "the head is in order, and there is a row and a column for each of its items",
    )))
}
