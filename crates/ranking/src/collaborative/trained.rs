//! One trained part of a model.

use super::super::als::Ials;
use super::super::fold_in::FoldIn;
use super::super::input::Input;
use super::super::item_weights::ItemWeights;
use super::super::matrix::{Entry, Interactions};
use super::super::spectral::{self, Spectral};
use super::super::symmetric::Observer;
use super::super::{ease, graph, popularity, sequential, slim};
use super::{CollaborativeError, Kind, affordable};

/// One trained part.
#[derive(Clone, Debug)]
pub(crate) enum Trained {
    /// Vectors of the items, ready to fold users in.
    Factors(FoldIn),
    /// What each item says of every other, to add up over a user's entries.
    Linear(Input, ItemWeights),
    /// Filters on the graph.
    Spectral(Input, Spectral),
    /// The same scores for everybody.
    Popular(Vec<f32>),
}

impl Kind {
    /// How a part of this kind reads the entries of a user.
    pub(super) fn input(&self) -> Input {
        match self {
            Self::Ials(settings) => Input::of_any_time(settings.confidence),
            Self::Ease(settings) => Input {
                recency: settings.recency,
                ..Input::of_any_time(settings.confidence)
            },
            Self::Slim(settings) => Input {
                recency: settings.recency,
                ..Input::of_any_time(settings.confidence)
            },
            Self::Graph(settings) => Input::of_any_time(settings.confidence),
            Self::Spectral(settings) => Input::of_any_time(settings.confidence),
            Self::Sequential(settings) => Input {
                confidence: settings.confidence,
                recency: settings.recency,
                ordered: true,
            },
            Self::Popular => Input::of_any_time(0.0),
        }
    }
}

impl Trained {
    /// Trains one part on users (rows) by items (columns), on all threads of the rayon pool.
    ///
    /// # Errors
    /// As [`Model::fit`](super::Model::fit).
    pub(crate) fn fit(
        kind: &Kind,
        table: &Interactions,
        observe: &mut Observer,
    ) -> Result<Self, CollaborativeError> {
        let input = kind.input();
        match kind {
            Kind::Ials(settings) => {
                let factors = Ials::fit(table, settings, observe)?;
                Ok(Self::Factors(FoldIn::new(factors.items(), settings)?))
            }
            Kind::Ease(settings) => Ok(Self::Linear(input, ease::fit(table, settings, observe)?)),
            Kind::Slim(settings) => {
                let settings = slim::SlimSettings {
                    keep: affordable(settings.keep, table.columns()),
                    ..settings.clone()
                };
                Ok(Self::Linear(input, slim::fit(table, &settings, observe)?))
            }
            Kind::Graph(settings) => {
                let settings = graph::GraphSettings {
                    keep: affordable(settings.keep, table.columns()),
                    ..settings.clone()
                };
                let lists = graph::fit(table, &settings, observe)?;
                Ok(Self::Linear(input, ItemWeights::Lists(lists)))
            }
            Kind::Spectral(settings) => {
                let settings = spectral::SpectralSettings {
                    keep: affordable(settings.keep, table.columns()),
                    ..settings.clone()
                };
                let filters = spectral::fit(table, &settings, observe)?;
                Ok(Self::Spectral(input, filters))
            }
            Kind::Sequential(settings) => Ok(Self::Linear(
                input,
                sequential::fit(table, settings, observe)?,
            )),
            Kind::Popular => Ok(Self::Popular(popularity::counts(table))),
        }
    }

    /// The scores of all items in the units of this part, for each of these users.
    ///
    /// # Errors
    /// [`CollaborativeError::Entry`] if an item is unknown or a weight is not positive.
    pub(crate) fn scores(
        &self,
        items: usize,
        users: &[Vec<Entry>],
    ) -> Result<Vec<Vec<f32>>, CollaborativeError> {
        let mut scores = vec![vec![0.0; items]; users.len()];
        match self {
            Self::Factors(fold_in) => {
                let vectors = users.iter().map(|entries| fold_in.user(&pairs(entries)));
                fold_in.add_scores(&vectors.collect::<Result<Vec<_>, _>>()?, &mut scores);
            }
            Self::Linear(input, weights) => {
                for (entries, scores) in users.iter().zip(&mut scores) {
                    weights.add_scores(&input.strengths(entries), scores);
                }
            }
            Self::Spectral(input, filters) => {
                for (entries, scores) in users.iter().zip(&mut scores) {
                    filters.add_scores(&input.strengths(entries), scores);
                }
            }
            Self::Popular(counts) => scores.fill(counts.clone()),
        }
        Ok(scores)
    }

    /// The scores of these known items for a user, in their order.
    pub(super) fn scores_among(
        &self,
        items: usize,
        entries: &[Entry],
        among: &[u32],
    ) -> Result<Vec<f32>, CollaborativeError> {
        let pick = |all: &[f32]| among.iter().map(|item| all[*item as usize]).collect();
        Ok(match self {
            Self::Factors(fold_in) => fold_in.scores_among(&fold_in.user(&pairs(entries))?, among),
            Self::Linear(input, weights) => {
                let mut all = vec![0.0; items];
                weights.add_scores(&input.strengths(entries), &mut all);
                pick(&all)
            }
            Self::Spectral(input, filters) => {
                let mut all = vec![0.0; items];
                filters.add_scores(&input.strengths(entries), &mut all);
                pick(&all)
            }
            Self::Popular(counts) => pick(counts),
        })
    }

    /// Adds to `sums` how much of each item's score comes from some of the entries, times `worth`: a
    /// row for each item, with a column for each of `among`, which are indices of the entries. The
    /// entries ascend, without repeats.
    pub(super) fn add_contributions(
        &self,
        entries: &[Entry],
        among: &[usize],
        items: &[u32],
        worth: f32,
        sums: &mut [f32],
    ) -> Result<(), CollaborativeError> {
        let some = |strengths: Vec<(u32, f32)>| -> Vec<(u32, f32)> {
            among.iter().map(|at| strengths[*at]).collect()
        };
        match self {
            Self::Factors(fold_in) => {
                fold_in.add_contributions(&pairs(entries), among, items, worth, sums)?;
            }
            Self::Linear(input, weights) => {
                weights.add_products(&some(input.strengths(entries)), items, worth, sums);
            }
            Self::Spectral(input, filters) => {
                filters.add_products(&some(input.strengths(entries)), items, worth, sums);
            }
            Self::Popular(_) => {}
        }
        Ok(())
    }
}

fn pairs(entries: &[Entry]) -> Vec<(u32, f32)> {
    let pair = |entry: &Entry| (entry.item, entry.weight);
    entries.iter().map(pair).collect()
}
