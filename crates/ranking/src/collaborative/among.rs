//! Scoring some of very many items, where scoring all of them would take too long for a request.

use super::{CollaborativeError, Model, Scored, Trained, add_scaled, range, strengths};

impl Model {
    /// What [`Model::scores`] says, of these known items only: all others have no score (NaN), and
    /// 1 and 0 are the best and the worst of these. The parts are blended by how far they spread
    /// over these items.
    ///
    /// # Errors
    /// [`CollaborativeError::Entry`] if an item is unknown or a weight is not positive and finite.
    pub fn scores_among(
        &self,
        entries: &[(u32, f32)],
        among: &[u32],
    ) -> Result<Scored, CollaborativeError> {
        // The row checks that the items exist, and that each comes once.
        let among = self.row(&among.iter().map(|item| (*item, 1.0)).collect::<Vec<_>>())?;
        let among: Vec<u32> = among.into_iter().map(|(item, _)| item).collect();
        let entries = self.row(entries)?;
        let mut blended = vec![0.0; among.len()];
        let mut worths = Vec::with_capacity(self.parts.len());
        for (part, trained) in self.recipe.parts.iter().zip(&self.parts) {
            let own = trained.scores_among(self.items, &entries, &among)?;
            worths.push(add_scaled(&own, part.weight, &mut blended));
        }
        let (least, most) = range(&blended);
        let shrink = if most > least {
            1.0 / (most - least)
        } else {
            0.0
        };
        let mut scores = vec![f32::NAN; self.items];
        for (item, score) in among.iter().zip(blended) {
            scores[*item as usize] = ((score - least) * shrink).clamp(0.0, 1.0);
        }
        worths.iter_mut().for_each(|worth| *worth *= shrink);
        Ok(Scored { scores, worths })
    }
}

impl Trained {
    fn scores_among(
        &self,
        items: usize,
        entries: &[(u32, f32)],
        among: &[u32],
    ) -> Result<Vec<f32>, CollaborativeError> {
        let pick = |all: &[f32]| among.iter().map(|item| all[*item as usize]).collect();
        Ok(match self {
            Self::Factors(fold_in) => fold_in.scores_among(&fold_in.user(entries)?, among),
            Self::Neighbours(neighbours) => {
                let mut all = vec![0.0; items];
                neighbours.add_scores(&strengths(entries), &mut all);
                pick(&all)
            }
            Self::Popular(counts) => pick(counts),
        })
    }
}
