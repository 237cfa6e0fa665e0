//! What each part of a model says on its own.

use super::scaling::spread;
use super::{CollaborativeError, Entry, Model};

impl Model {
    /// The scores of these known items by each part of the recipe, in its order, in the units of the
    /// part; for a scorer that weighs the parts itself. A part that cannot tell the items apart says
    /// nothing.
    ///
    /// # Errors
    /// [`CollaborativeError::Entry`] if an item is unknown or a weight is not positive and finite.
    pub fn part_scores(
        &self,
        entries: &[Entry],
        among: &[u32],
    ) -> Result<Vec<Option<Vec<f32>>>, CollaborativeError> {
        let entries = self.row(entries)?;
        let of_part = |trained: &super::Trained| {
            let own = trained.scores_among(self.items, &entries, among)?;
            let (_, deviation) = spread(&own);
            Ok(Some(own).filter(|_| deviation > 0.0 && deviation.is_finite()))
        };
        self.parts.iter().map(of_part).collect()
    }
}
