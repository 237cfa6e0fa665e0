//! Serving a trained model to people it was not trained on, and saying why.

use std::ops::ControlFlow;

use super::als::{IalsError, IalsSettings, Method};
use super::kernel::{Kernel, Rows};
use super::matrix::{Interactions, Matrix, Repeats};
use super::solver::{Fixed, Scratch, gramian, padded};
use super::symmetric::Stopped;

/// So many items' vectors stay in the processor's cache while several users are scored.
const AT_ONCE: usize = 1024;

/// What is needed to place a user among fixed items: made once per model, then quick per user.
#[derive(Clone, Debug)]
pub struct FoldIn {
    items: Matrix,
    shared: Vec<f32>,
    settings: IalsSettings,
}

/// Why an item has its score: the past item that speaks loudest for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The recommended item.
    pub item: u32,
    /// The past item with the largest contribution; of equals the smaller index.
    pub because: u32,
    /// How much of the score comes from that past item; may be negative if all of them are.
    pub contribution: f32,
    /// The score, which is the sum of the contributions of all past items.
    pub score: f32,
}

impl FoldIn {
    /// Prepares the items of a model that was trained with these settings; of the settings the
    /// unobserved weight, the regularisation, the exponent and the confidence matter here.
    ///
    /// # Errors
    /// [`IalsError::Settings`] if a setting is out of range, or if `factors` is not the length
    /// of the vectors.
    pub fn new(items: &Matrix, settings: &IalsSettings) -> Result<Self, IalsError> {
        settings.check()?;
        if settings.factors != items.columns() {
            return Err(IalsError::Settings(
                "factors must be the length of the items' vectors",
            ));
        }
        let items = items.clone().with_columns(padded(settings.factors));
        let mut goes_on = || ControlFlow::Continue(());
        let weight = settings.unobserved_weight;
        let shared = gramian(Kernel::detect(), &items, weight, &mut goes_on)
            .map_err(|Stopped| IalsError::Stopped(settings.sweeps))?;
        Ok(Self {
            items,
            shared,
            settings: settings.clone(),
        })
    }

    fn fixed(&self) -> Fixed<'_> {
        Fixed::new(Kernel::detect(), &self.items, &self.shared, &self.settings)
    }

    /// Entries as one sorted row without repeats (the larger weight stays).
    fn row(&self, entries: &[(u32, f32)]) -> Result<Interactions, IalsError> {
        let triplets = entries.iter().map(|&(item, weight)| (0, item, weight));
        Ok(Interactions::from_triplets(
            1,
            self.items.rows(),
            triplets,
            Repeats::Max,
        )?)
    }

    /// The vector of a user with these `(item, weight)` entries, in any order: the exact
    /// solution for one row (Hu, Koren, Volinsky 2008, eq. 4). Zeros if there are none.
    ///
    /// # Errors
    /// [`IalsError::Table`] if an item is unknown or a weight is not positive and finite.
    pub fn user(&self, entries: &[(u32, f32)]) -> Result<Vec<f32>, IalsError> {
        let row = self.row(entries)?;
        let mut x = vec![0.0; self.items.columns()];
        self.fixed()
            .solve_batch(&row, 0, Method::Exact, &mut x, &mut Scratch::default());
        x.truncate(self.settings.factors);
        Ok(x)
    }

    /// For each recommended item the past item that contributed most to its score, in the
    /// order of `recommended`; empty if the user has no entries.
    ///
    /// Hu, Koren, Volinsky 2008, §5: the score of item `i` is `Σ_j w_j · y_iᵀ W y_j` over the
    /// past items `j`, `W` being the inverse of the user's second derivative. It takes one
    /// factorisation per user, one solution `W y` per item of whichever are fewer, recommended or
    /// past, and one product per pair; `W` is never formed.
    ///
    /// # Errors
    /// [`IalsError::Table`] if an item is unknown or a weight is not positive and finite.
    pub fn explain(
        &self,
        entries: &[(u32, f32)],
        recommended: &[u32],
    ) -> Result<Vec<Reason>, IalsError> {
        // The row checks that the recommended items exist, too.
        self.row(
            &recommended
                .iter()
                .map(|&item| (item, 1.0))
                .collect::<Vec<_>>(),
        )?;
        let row = self.row(entries)?;
        let (history, _) = row.row(0);
        if history.is_empty() {
            return Ok(Vec::new());
        }
        let mut parts = vec![0.0; recommended.len() * history.len()];
        let all: Vec<usize> = (0..history.len()).collect();
        self.add_contributions(entries, &all, recommended, 1.0, &mut parts)?;
        let parts = parts.chunks_exact(history.len());
        let reasons = recommended.iter().zip(parts).map(|(&item, parts)| {
            let mut strongest = 0;
            for (at, part) in parts.iter().enumerate() {
                if *part > parts[strongest] {
                    strongest = at;
                }
            }
            Reason {
                item,
                because: history[strongest],
                contribution: parts[strongest],
                score: parts.iter().sum(),
            }
        });
        Ok(reasons.collect())
    }

    /// Adds to `sums` how much of the score of each recommended item comes from some of the past
    /// items, times `worth`: a row for each recommended item, in their order, with a column for each
    /// of `past`, which are indices of the past items in ascending order. See [`FoldIn::explain`];
    /// the recommended items have to be known.
    ///
    /// # Panics
    /// If `sums` has another size, or an index is outside of the past items.
    pub(super) fn add_contributions(
        &self,
        entries: &[(u32, f32)],
        past: &[usize],
        recommended: &[u32],
        worth: f32,
        sums: &mut [f32],
    ) -> Result<(), IalsError> {
        let row = self.row(entries)?;
        let (history, weights) = row.row(0);
        assert_eq!(sums.len(), recommended.len() * past.len());
        let fixed = self.fixed();
        let mut scratch = Scratch::default();
        fixed.factor(history, weights, &mut scratch);
        // `W` is symmetric: it may stand with either side, and solving costs the most.
        let past_items: Vec<u32> = past.iter().map(|at| history[*at]).collect();
        let by_past = past.len() < recommended.len();
        let (solved, others) = if by_past {
            (past_items.as_slice(), recommended)
        } else {
            (recommended, past_items.as_slice())
        };
        let (mut values, stride) = (Vec::new(), self.items.columns());
        fixed.copy(others, &mut values);
        let values = &values[..];
        let (mut direction, mut parts) = (vec![0.0; stride], vec![0.0; others.len()]);
        for (at, item) in solved.iter().enumerate() {
            direction.copy_from_slice(self.items.row(*item as usize));
            fixed.kernel.solve(&scratch.hessian, &mut direction);
            parts.fill(0.0);
            let others = Rows { values, stride };
            fixed.kernel.add_products(others, 0, &direction, &mut parts);
            for (other, part) in parts.iter().enumerate() {
                let (item, column) = if by_past { (other, at) } else { (at, other) };
                sums[item * past.len() + column] += worth * weights[past[column]] * part;
            }
        }
        Ok(())
    }

    /// Adds the scores of every item for each of these users' vectors from [`FoldIn::user`], to
    /// one row of `scores` for each. The items are read once for all users.
    ///
    /// # Panics
    /// If a vector is longer than those of the items, or a row is not as long as there are items.
    pub(super) fn add_scores(&self, users: &[Vec<f32>], scores: &mut [Vec<f32>]) {
        let (kernel, Rows { values, stride }) = (Kernel::detect(), self.items.as_rows());
        for (at, values) in values.chunks(AT_ONCE * stride).enumerate() {
            let of = at * AT_ONCE..at * AT_ONCE + values.len() / stride;
            for (user, scores) in users.iter().zip(&mut *scores) {
                kernel.add_products(Rows { values, stride }, 0, user, &mut scores[of.clone()]);
            }
        }
    }

    /// The scores of these known items for a user's vector from [`FoldIn::user`].
    pub(super) fn scores_among(&self, user: &[f32], items: &[u32]) -> Vec<f32> {
        let mut padded = user.to_vec();
        padded.resize(self.items.columns(), 0.0);
        let mut scores = vec![0.0; items.len()];
        Kernel::detect().picked_products(self.items.as_rows(), items, &padded, &mut scores);
        scores
    }

    /// The vectors of the items, as they were given.
    pub(super) fn vectors(&self) -> Matrix {
        self.items.clone().with_columns(self.settings.factors)
    }
}
