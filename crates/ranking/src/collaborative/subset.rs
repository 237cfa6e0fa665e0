//! Scoring some of very many items, where scoring all of them would take too long for a request.

use super::parts::PartScores;
use super::{CollaborativeError, Entry, Model, Scored, add_scaled, scale_to_unit, silent};

impl Model {
    /// What [`Model::scores`] says, of these known items only: all others have no score (NaN), and
    /// 1 and 0 are the best and the worst of these. The parts are blended by how far they spread
    /// over these items.
    ///
    /// # Errors
    /// [`CollaborativeError::Entry`] if an item is unknown or a weight is not positive and finite.
    pub fn scores_among(
        &self,
        entries: &[Entry],
        among: &[u32],
    ) -> Result<Scored, CollaborativeError> {
        // The row checks that the items exist, and that each comes once.
        let among = self.row(
            &among
                .iter()
                .map(|item| (*item, 1.0).into())
                .collect::<Vec<_>>(),
        )?;
        let among: Vec<u32> = among.into_iter().map(|entry| entry.item).collect();
        let entries = self.row(entries)?;
        let mut blended = vec![0.0; among.len()];
        let (mut worths, mut parts) = (Vec::new(), Vec::new());
        for (part, trained) in self.recipe.parts.iter().zip(&self.parts) {
            let own = trained.scores_among(self.items, &entries, &among)?;
            worths.push(add_scaled(&own, part.weight, &mut blended));
            parts.push(own);
        }
        if silent(&entries, &worths) {
            let counts: Vec<f32> = among
                .iter()
                .map(|item| self.popular[*item as usize])
                .collect();
            add_scaled(&counts, 1.0, &mut blended);
        }
        scale_to_unit(&mut blended, &mut worths);
        let mut scores = vec![f32::NAN; self.items];
        for (item, score) in among.iter().zip(blended) {
            scores[*item as usize] = score;
        }
        let parts = PartScores::of_some(among, parts);
        Ok(Scored {
            scores,
            worths,
            parts,
        })
    }
}
