//! The batch model that a server trains, stores and serves: a blend of complementary models of
//! who took what.
//!
//! A [`Recipe`] says which parts, with which settings, and how much each counts. [`Model::fit`]
//! cooks it. Each part scores all items for a user from nothing but the user's entries, so a
//! user the training knew, one who has done more since, and one who came later are all the same:
//! factors by folding in, neighbours by adding up their lists.
//!
//! Parts score in units of their own. For each user every part is brought to mean 0 and standard
//! deviation 1 over all items before they are added up with their weights; the sum is then laid
//! onto [0, 1], 1 being the best item of this user and 0 the worst. A part that cannot tell the
//! items apart for a user says nothing, and the others decide; where none can, popularity does.

mod bytes;
mod given;
mod parts;
mod recipe;
mod scaling;
mod subset;
#[cfg(test)]
mod tests;
mod trained;

use std::ops::ControlFlow;

use thiserror::Error;

use super::als::IalsError;
use super::fold_in::Reason;
use super::item_lists::Neighbours;
use super::matrix::{Entry, Interactions, MatrixError, Repeats};
use super::symmetric::Stopped;
use super::{graph, popularity, top};
use parts::PartScores;
use scaling::scale_to_unit;

pub use bytes::BytesError;
pub use recipe::{Kind, Part, Recipe};
pub(crate) use scaling::add_scaled;
pub(crate) use trained::Trained;

/// How many neighbours [`Model::neighbours`] knows of an item at most.
pub const MOST_NEIGHBOURS: usize = 100;

/// So many users are scored together where there are many: more spare little reading.
pub const TOGETHER: usize = 8;

/// So many neighbours all items of a large catalogue have together: 8 bytes each.
const ALL_NEIGHBOURS: usize = 32 << 20;
/// What each has at least, however many there are.
const LEAST_NEIGHBOURS: usize = 16;

/// How many neighbours of each of `items` items are worth their memory, of `wanted` at most.
fn affordable(wanted: usize, items: usize) -> usize {
    wanted.min((ALL_NEIGHBOURS / items.max(1)).max(LEAST_NEIGHBOURS))
}

/// Why there is no model, or no answer from it.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CollaborativeError {
    /// The recipe is wrong; the text says where.
    #[error("{0}")]
    Recipe(&'static str),
    /// There is nothing to learn from.
    #[error("there are no interactions to learn from")]
    NoInteractions,
    /// The observer asked to stop.
    #[error("training was stopped")]
    Stopped,
    /// Numbers grew past what can be written: weights or settings are far too large.
    #[error("training left the range of numbers; the weights or settings are far too large")]
    Diverged,
    /// An item is unknown, or a weight is not positive and finite.
    #[error(transparent)]
    Entry(#[from] MatrixError),
}

impl From<IalsError> for CollaborativeError {
    fn from(error: IalsError) -> Self {
        match error {
            IalsError::Settings(complaint) => Self::Recipe(complaint),
            IalsError::NoInteractions => Self::NoInteractions,
            IalsError::Stopped(_) => Self::Stopped,
            IalsError::Diverged => Self::Diverged,
            IalsError::Table(error) => Self::Entry(error),
        }
    }
}

impl From<Stopped> for CollaborativeError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// A trained model. See the [module](self).
#[derive(Clone, Debug)]
pub struct Model {
    recipe: Recipe,
    items: usize,
    parts: Vec<Trained>,
    /// What was taken most together, whatever the recipe: for [`Model::neighbours`].
    together: Neighbours,
    /// How often each item was taken: for users of whom no part can say anything.
    popular: Vec<f32>,
}

/// Whether no part of a blend can tell the items apart for somebody of whom something is known.
fn silent(entries: &[Entry], worths: &[f32]) -> bool {
    !entries.is_empty() && worths.iter().all(|worth| *worth == 0.0)
}

/// What a model says of all items for one user.
#[derive(Clone, Debug)]
pub struct Scored {
    /// A score in [0, 1] for each item: 1 for the best, 0 for the worst, comparable for one user
    /// only.
    pub scores: Vec<f32>,
    /// What one unit of each part's own score is worth in these.
    worths: Vec<f32>,
    /// What each part says on its own.
    parts: PartScores,
}

impl Model {
    /// Trains on users (rows) by items (columns), on all threads of the current rayon pool.
    ///
    /// `observe` hears how much is done, from 0 to 1, several times a second, and may end the
    /// training. Equal recipes and interactions give equal models on one kind of processor,
    /// whatever the number of threads.
    ///
    /// # Errors
    /// [`CollaborativeError::Recipe`], [`CollaborativeError::NoInteractions`],
    /// [`CollaborativeError::Stopped`] or [`CollaborativeError::Diverged`].
    pub fn fit(
        recipe: &Recipe,
        table: &Interactions,
        observe: &mut dyn FnMut(f32) -> ControlFlow<()>,
    ) -> Result<Self, CollaborativeError> {
        recipe.check()?;
        if table.is_empty() {
            return Err(CollaborativeError::NoInteractions);
        }
        let steps = (recipe.parts.len() + 1) as f32;
        let mut parts = Vec::with_capacity(recipe.parts.len());
        for (at, part) in recipe.parts.iter().enumerate() {
            let mut within = |done: f32| observe((at as f32 + done) / steps);
            parts.push(Trained::fit(&part.kind, table, &mut within)?);
        }
        let settings = graph::GraphSettings {
            keep: affordable(MOST_NEIGHBOURS, table.columns()),
            confidence: 0.0,
            ..graph::GraphSettings::default()
        };
        let mut within = |done: f32| observe((steps - 1.0 + done) / steps);
        let together = graph::fit(table, &settings, &mut within)?;
        Ok(Self {
            recipe: recipe.clone(),
            items: table.columns(),
            parts,
            together,
            popular: popularity::counts(table),
        })
    }

    /// What the model was made by.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How many items it knows; their indices are below this.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The scores of all items for a user with these entries. They may come in any
    /// order; of two for one item the larger weight and the later time count. What the user has taken
    /// has a score, too. Without entries all scores are equal, 0, unless popularity is a part.
    ///
    /// # Errors
    /// [`CollaborativeError::Entry`] if an item is unknown or a weight is not positive and finite.
    pub fn scores(&self, entries: &[Entry]) -> Result<Scored, CollaborativeError> {
        let entries = self.row(entries)?;
        let mut scores = vec![0.0; self.items];
        let (mut worths, mut parts) = (Vec::new(), Vec::new());
        for (part, trained) in self.recipe.parts.iter().zip(&self.parts) {
            let users = std::slice::from_ref(&entries);
            for own in trained.scores(self.items, users)? {
                worths.push(add_scaled(&own, part.weight, &mut scores));
                parts.push(own);
            }
        }
        if silent(&entries, &worths) {
            add_scaled(&self.popular, 1.0, &mut scores);
        }
        scale_to_unit(&mut scores, &mut worths);
        let parts = PartScores::of_all(parts);
        Ok(Scored {
            scores,
            worths,
            parts,
        })
    }

    /// The same for several users at once, which reads the model once for all of them: where
    /// there are many items, reading takes longer than counting. Takes 4 bytes for each user,
    /// item and part. What the parts say on their own is not kept.
    ///
    /// # Errors
    /// As [`Model::scores`].
    pub fn scores_of_each<E: AsRef<[Entry]>>(
        &self,
        users: &[E],
    ) -> Result<Vec<Scored>, CollaborativeError> {
        let rows = users.iter().map(|entries| self.row(entries.as_ref()));
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        let mut blended = vec![vec![0.0; self.items]; rows.len()];
        let mut worths = vec![Vec::with_capacity(self.parts.len()); rows.len()];
        for (part, trained) in self.recipe.parts.iter().zip(&self.parts) {
            let own = trained.scores(self.items, &rows)?;
            for ((own, blended), worths) in own.iter().zip(&mut blended).zip(&mut worths) {
                worths.push(add_scaled(own, part.weight, blended));
            }
        }
        let silent = rows
            .iter()
            .zip(&worths)
            .map(|(row, worths)| silent(row, worths));
        for (_, blended) in silent.zip(&mut blended).filter(|(silent, _)| *silent) {
            add_scaled(&self.popular, 1.0, blended);
        }
        let scaled = blended
            .into_iter()
            .zip(worths)
            .map(|(mut scores, mut worths)| {
                scale_to_unit(&mut scores, &mut worths);
                Scored {
                    scores,
                    worths,
                    parts: PartScores::default(),
                }
            });
        Ok(scaled.collect())
    }

    /// Why these items have the scores they have, in their order: of the entries whose items `may`
    /// be named, the one whose contribution stands out, how much of the score came from it, and the
    /// score; empty if no entry may be named. `scored` is what [`Model::scores`] gives for the same
    /// entries.
    ///
    /// An entry of great weight contributes much to every item and would be named for all of them. So
    /// contributions are compared as shares of what the entry contributes to these items in all,
    /// under the root: `c_ei / √(Σ_j max(c_ej, 0))`, as vectors are compared by their cosine.
    ///
    /// # Errors
    /// [`CollaborativeError::Entry`] if an item is unknown or a weight is not positive and finite.
    pub fn explain(
        &self,
        entries: &[Entry],
        scored: &Scored,
        items: &[u32],
        may: impl Fn(u32) -> bool,
    ) -> Result<Vec<Reason>, CollaborativeError> {
        // The row checks that the items exist.
        self.row(
            &items
                .iter()
                .map(|&item| (item, 1.0).into())
                .collect::<Vec<_>>(),
        )?;
        let entries = self.row(entries)?;
        let among: Vec<usize> = (0..entries.len())
            .filter(|at| may(entries[*at].item))
            .collect();
        if among.is_empty() {
            return Ok(Vec::new());
        }
        let mut sums = vec![0.0; items.len() * among.len()];
        for (part, worth) in self.parts.iter().zip(&scored.worths) {
            part.add_contributions(&entries, &among, items, *worth, &mut sums)?;
        }
        let mut whole = vec![0.0_f32; among.len()];
        for sums in sums.chunks_exact(among.len()) {
            for (whole, sum) in whole.iter_mut().zip(sums) {
                *whole += sum.max(0.0);
            }
        }
        let reason = |(&item, sums): (&u32, &[f32])| {
            let outstanding = sums.iter().zip(&whole).map(|(sum, whole)| match *whole {
                whole if whole > 0.0 => sum / whole.sqrt(),
                // It contributes to none of them.
                _ => *sum,
            });
            let first = top::best_of((0_u32..).zip(outstanding), 1);
            let at = first.first().map_or(0, |(at, _)| *at as usize);
            Reason {
                item,
                because: entries[among[at]].item,
                contribution: sums[at],
                score: scored.scores[item as usize],
            }
        };
        let sums = sums.chunks_exact(among.len());
        Ok(items.iter().zip(sums).map(reason).collect())
    }

    /// The at most `keep` items (and at most [`MOST_NEIGHBOURS`]) that were taken most together
    /// with an item, for how often each is taken, as `(item, weight)`, best first. An unknown
    /// item has none.
    pub fn neighbours(&self, item: u32, keep: usize) -> Vec<(u32, f32)> {
        self.together.best(item, keep)
    }

    /// Entries in ascending order without repeats, all known.
    fn row(&self, entries: &[Entry]) -> Result<Vec<Entry>, CollaborativeError> {
        let events = entries.iter().map(|entry| (0, *entry));
        let row = Interactions::from_events(1, self.items, events, Repeats::Max)?;
        Ok(row.entries(0).collect())
    }
}
