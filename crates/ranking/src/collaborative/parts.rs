//! What each part of a model says on its own.

use super::Scored;
use super::scaling::spread;

/// The scores of each part of a recipe, in its order, in the units of the part.
#[derive(Clone, Debug, Default)]
pub(super) struct PartScores {
    /// The items that were scored, ascending; `None` for all.
    items: Option<Vec<u32>>,
    /// A score for each of them, for each part.
    own: Vec<Vec<f32>>,
}

impl PartScores {
    /// The scores of all items.
    pub(super) fn of_all(own: Vec<Vec<f32>>) -> Self {
        Self { items: None, own }
    }

    /// The scores of some items, which ascend.
    pub(super) fn of_some(items: Vec<u32>, own: Vec<Vec<f32>>) -> Self {
        let items = Some(items);
        Self { items, own }
    }

    fn place(&self, item: u32) -> Option<usize> {
        match &self.items {
            Some(items) => items.binary_search(&item).ok(),
            None => Some(item as usize),
        }
    }
}

impl Scored {
    /// The scores of these items by each part of the recipe, in its order, in the units of the part; for a
    /// scorer that weighs the parts itself. An item that was not scored has 0. A part that cannot tell the
    /// items apart says nothing. Empty after [`Model::scores_of_each`](super::Model::scores_of_each).
    pub fn parts_among(&self, items: &[u32]) -> Vec<Option<Vec<f32>>> {
        let places: Vec<_> = items.iter().map(|item| self.parts.place(*item)).collect();
        let of_part = |own: &Vec<f32>| {
            let score = |place: &Option<usize>| place.and_then(|place| own.get(place).copied());
            let some: Vec<f32> = places
                .iter()
                .map(|place| score(place).unwrap_or(0.0))
                .collect();
            let (_, deviation) = spread(&some);
            Some(some).filter(|_| deviation > 0.0 && deviation.is_finite())
        };
        self.parts.own.iter().map(of_part).collect()
    }
}
