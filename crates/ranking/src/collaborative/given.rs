//! A model of item factors that were trained elsewhere.

use std::ops::ControlFlow;

use super::super::als::IalsSettings;
use super::super::fold_in::FoldIn;
use super::super::matrix::{Interactions, Matrix};
use super::super::{graph, popularity};
use super::{CollaborativeError, Kind, MOST_NEIGHBOURS, Model, Recipe, Trained, affordable};

impl Model {
    /// A model of a single part, iALS with these vectors of the items, a row for each: users are folded in from
    /// their entries, with the unobserved weight, the regularisation, the exponent and the confidence of
    /// `settings`; its number of factors is that of the vectors. What is taken together and what is popular
    /// comes from `table` of users (rows) by items (columns), which may be empty.
    ///
    /// `observe` receives the fraction that is done, in [0, 1], and may end it.
    ///
    /// # Errors
    /// [`CollaborativeError::Recipe`] for settings or vectors that are out of range,
    /// [`CollaborativeError::Diverged`] for vectors that are not finite or whose products are not,
    /// [`CollaborativeError::Stopped`].
    ///
    /// # Panics
    /// If `table` has another number of items than there are vectors.
    pub fn of_item_factors(
        vectors: &Matrix,
        settings: &IalsSettings,
        table: &Interactions,
        observe: &mut dyn FnMut(f32) -> ControlFlow<()>,
    ) -> Result<Self, CollaborativeError> {
        assert_eq!(
            table.columns(),
            vectors.rows(),
            "the table has a column for each vector"
        );
        let settings = IalsSettings {
            factors: vectors.columns(),
            ..settings.clone()
        };
        // A product of two vectors is a sum of so many products.
        let largest = (f32::MAX / vectors.columns().max(1) as f32).sqrt();
        let in_range = |value: &f32| value.is_finite() && value.abs() < largest;
        if !vectors.values().iter().all(in_range) {
            return Err(CollaborativeError::Diverged);
        }
        let factors = Trained::Factors(FoldIn::new(vectors, &settings)?);
        let graph_settings = graph::GraphSettings {
            keep: affordable(MOST_NEIGHBOURS, table.columns()),
            confidence: 0.0,
            ..graph::GraphSettings::default()
        };
        let together = graph::fit(table, &graph_settings, observe)?;
        Ok(Self {
            recipe: Recipe::of(Kind::Ials(settings)),
            items: table.columns(),
            parts: vec![factors],
            together,
            popular: popularity::counts(table),
        })
    }

    /// The vectors of the items, a row for each, of the first part that has such; `None` where none has.
    pub fn item_factors(&self) -> Option<Matrix> {
        self.parts.iter().find_map(|part| match part {
            Trained::Factors(fold_in) => Some(fold_in.vectors()),
            Trained::Linear(..) | Trained::Spectral(..) | Trained::Popular(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::matrix::{Entry, Repeats};
    use super::*;

    const GO_ON: fn(f32) -> ControlFlow<()> = |_| ControlFlow::Continue(());

    fn table(rows: usize, triplets: &[(u32, u32, f32)]) -> Interactions {
        Interactions::from_triplets(rows, 3, triplets.iter().copied(), Repeats::Max).unwrap()
    }

    fn settings() -> IalsSettings {
        IalsSettings {
            unobserved_weight: 0.5,
            regularisation: 0.2,
            exponent: 0.0,
            ..IalsSettings::default()
        }
    }

    fn vectors() -> Matrix {
        Matrix::from_values(3, 2, vec![1.0, 0.0, 0.8, 0.6, 0.0, 2.0]).unwrap()
    }

    /// The vector of a user who took one item is `(α₀ YᵀY + w y yᵀ + λI)⁻¹ w y` (Hu, Koren, Volinsky 2008,
    /// eq. 4), here by Cramer's rule.
    #[test]
    fn a_user_is_folded_in_among_the_given_vectors() {
        let mut model =
            Model::of_item_factors(&vectors(), &settings(), &table(0, &[]), &mut { GO_ON })
                .unwrap();
        let rows = [[1.0, 0.0], [0.8, 0.6], [0.0, 2.0_f64]];
        let weight = 0.7;
        let mut a = [[0.2, 0.0], [0.0, 0.2]];
        for (at, row) in rows.iter().enumerate() {
            let share = 0.5 + if at == 1 { weight } else { 0.0 };
            for i in 0..2 {
                for j in 0..2 {
                    a[i][j] += share * row[i] * row[j];
                }
            }
        }
        let b = [weight * 0.8, weight * 0.6];
        let determinant = a[0][0] * a[1][1] - a[0][1] * a[1][0];
        let user = [
            (b[0] * a[1][1] - a[0][1] * b[1]) / determinant,
            (a[0][0] * b[1] - b[0] * a[1][0]) / determinant,
        ];
        let expected = rows.map(|row| row[0] * user[0] + row[1] * user[1]);

        let entries = [Entry::from((1, weight as f32))];
        for _ in 0..2 {
            let scored = model.scores(&entries).unwrap();
            let own = scored.parts_among(&[0, 1, 2]).remove(0).unwrap();
            for (own, expected) in own.iter().zip(expected) {
                assert!(
                    (f64::from(*own) - expected).abs() < 1e-5,
                    "{own} {expected}"
                );
            }
            // And so it is after it was stored.
            model = Model::from_bytes(&model.to_bytes()).unwrap();
        }
        assert_eq!(model.item_factors().unwrap(), vectors());
        assert_eq!(model.recipe().parts.len(), 1);
    }

    #[test]
    fn what_is_taken_together_comes_from_the_interactions() {
        let taken = table(2, &[(0, 0, 1.0), (0, 2, 1.0), (1, 0, 1.0), (1, 2, 1.0)]);
        let model =
            Model::of_item_factors(&vectors(), &settings(), &taken, &mut { GO_ON }).unwrap();
        let near: Vec<u32> = model
            .neighbours(0, 5)
            .iter()
            .map(|(item, _)| *item)
            .collect();
        assert_eq!(near, [2]);
        let empty = Model::of_item_factors(&vectors(), &settings(), &table(0, &[]), &mut { GO_ON })
            .unwrap();
        assert!(empty.neighbours(0, 5).is_empty());
    }

    #[test]
    fn vectors_that_are_too_large_to_multiply_are_refused() {
        for value in [f32::NAN, f32::INFINITY, 2e19] {
            let vectors = Matrix::from_values(3, 1, vec![1.0, value, 1.0]).unwrap();
            let model =
                Model::of_item_factors(&vectors, &settings(), &table(0, &[]), &mut { GO_ON });
            assert_eq!(model.unwrap_err(), CollaborativeError::Diverged);
        }
    }
}
