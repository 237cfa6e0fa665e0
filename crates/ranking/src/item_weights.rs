//! What each item says of every other: the weights of a linear model.

use super::item_lists::Neighbours;

/// The weights of a linear model, kept in the form that suits their number.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemWeights {
    /// The largest of each item alone.
    Lists(Neighbours),
}

impl ItemWeights {
    /// The weight that `source` gives `target`; 0 where there is none.
    pub fn weight(&self, source: u32, target: u32) -> f32 {
        match self {
            Self::Lists(lists) => lists.weight(source, target),
        }
    }

    /// Adds up the weights of these `(item, strength)` entries:
    /// `scores[target] += strength · weight`.
    pub fn add_scores(&self, entries: &[(u32, f32)], scores: &mut [f32]) {
        match self {
            Self::Lists(lists) => lists.add_scores(entries, scores),
        }
    }
}
