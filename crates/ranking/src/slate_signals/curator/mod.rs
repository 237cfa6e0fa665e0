//! The curator signal: which films programmers pick on which occasions.
//!
//! A logistic regression tells past picks from [`UNPICKED_PER_PICK`] random films each that were not picked
//! (see `encoder.rs` for its features, `sampling.rs` for the films). It has two answers:
//!
//! - [`CuratorModel::signals`], the probability of being the pick as among the examples, where one in six is:
//!   ½ says that the film is as likely a pick as not when held against five random films. This is the signal.
//! - [`CuratorModel::probabilities`], corrected to all candidates of an occasion. Picks were taken whole, of
//!   the unpicked only a share `m / M` (`m` drawn of `M` that there were over all occasions), so the odds of
//!   the examples are those of the candidates times `M / m`, and the intercept is lowered:
//!   `a = â + ln(m / M)`. That is the prior correction of King and Zeng 2001 ("Logistic regression in rare
//!   events data", eq. 7) with `τ / (1 − τ) = picks / M` and `ȳ / (1 − ȳ) = picks / m`. With ten thousand
//!   candidates it is of the order of 1e-4 for every film, which is no use as a signal on a scale to 1.

use std::borrow::Borrow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::artifact::{self, ArtifactError};
use super::context::BroadcastContext;
use super::film::FilmFeatures;
use super::metrics;
use super::time_split;
use super::training_error::TrainingError;

mod encoder;
mod logistic;
mod sampling;

use encoder::{Encoder, Row};
use logistic::{Examples, sigmoid};
use sampling::Comparison;

/// With fewer picks nothing is learned.
pub const LEAST_PICKS: usize = 50;

/// How many unpicked films each pick is compared with.
pub const UNPICKED_PER_PICK: usize = 5;

/// Of more picks only the latest are used.
const MOST_PICKS: usize = 20_000;

/// How far the preferences of one group of occasions may be from those of all, relative to the latter: what is
/// tried, the most cautious first. There are dozens of products with groups to each feature of a film, and in
/// full size a few hundred picks would be learned by heart.
const GROUP_SCALES: [f64; 4] = [0.1, 0.2, 0.5, 1.0];

const MAGIC: &[u8; 8] = b"MARQUEEK";
const PICKS: &str = "picks";

/// A film that was picked for an occasion.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PastPick {
    /// When, in any unit: picks are ordered and held out by it, and those of one time are one occasion.
    pub time: i64,
    /// Index of the film in the catalogue.
    pub film: u32,
    /// The occasion that the film was picked for.
    pub context: BroadcastContext,
}

/// What a curator model is trained with.
#[derive(Clone, Debug, PartialEq)]
pub struct CuratorSettings {
    /// λ of the penalty `λ/2 |w|²` on the summed loss, from 1e-6 to 1e6: a prior of weights with deviation
    /// `1/√λ`. How much smaller the weights of single slots, weekdays, seasons and channels are expected to be
    /// is chosen by the latest fifth of the picks that training may see.
    pub l2: f64,
    /// Decides which unpicked films are drawn.
    pub seed: u64,
}

impl Default for CuratorSettings {
    fn default() -> Self {
        Self { l2: 4.0, seed: 0 }
    }
}

/// How good a model is on the latest fifth of the picks, when it has learned from the rest alone. The served
/// model has then learned from all of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct CuratorEvaluation {
    /// Picks that the evaluated model has learned from.
    pub training_picks: u64,
    /// Picks that it was evaluated on.
    pub held_out_picks: u64,
    /// The share of picks among the held-out examples, about 1/6.
    pub base_rate: f64,
    /// Mean negative log-likelihood of the held-out examples in nats, by [`CuratorModel::signals`].
    pub log_loss: f64,
    /// The same of a model that predicts the share of picks among the training examples for every film.
    pub base_log_loss: f64,
    /// Probability that a pick is predicted higher than an unpicked film, over all held-out examples; ½ is
    /// chance.
    pub auc: f64,
}

impl CuratorEvaluation {
    fn is_finite(&self) -> bool {
        [self.base_rate, self.log_loss, self.base_log_loss, self.auc]
            .into_iter()
            .all(f64::is_finite)
    }
}

/// A film as a [`CuratorModel`] reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct CuratorFilm(Row);

/// A trained curator model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CuratorModel {
    encoder: Encoder,
    weights: Vec<f64>,
    /// For examples of one pick and [`UNPICKED_PER_PICK`] others.
    intercept: f64,
    /// `ln(m / M)`, not above 0.
    correction: f64,
    evaluation: CuratorEvaluation,
}

impl CuratorModel {
    /// Trains a model on the picks, and evaluates it on the latest fifth of them. The result depends on the
    /// picks as a set (repeats count once), the catalogue with its order, and the settings.
    ///
    /// # Errors
    /// [`TrainingError`]: fewer than [`LEAST_PICKS`] picks, no film that was not picked, picks of one time
    /// only, a film that is not in the catalogue, or settings out of range.
    pub fn train(
        catalogue: &[FilmFeatures],
        picks: &[PastPick],
        settings: &CuratorSettings,
    ) -> Result<Self, TrainingError> {
        if !(1e-6..=1e6).contains(&settings.l2) {
            return Err(TrainingError::Settings(
                "the penalty `l2` of the curator model must be from 1e-6 to 1e6",
            ));
        }
        let unknown = picks
            .iter()
            .find(|pick| pick.film as usize >= catalogue.len());
        if let Some(pick) = unknown {
            return Err(TrainingError::UnknownFilm {
                film: pick.film,
                films: catalogue.len(),
            });
        }
        let mut sorted: Vec<&PastPick> = picks.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let sorted = &sorted[sorted.len().saturating_sub(MOST_PICKS)..];
        if sorted.len() < LEAST_PICKS {
            return Err(TrainingError::TooFew {
                what: PICKS,
                found: sorted.len(),
                needed: LEAST_PICKS,
            });
        }
        let times: Vec<i64> = sorted.iter().map(|pick| pick.time).collect();
        let cut = time_split::held_out_from(&times, PICKS)?;
        let comparisons = sampling::compare(catalogue.len(), sorted, settings.seed);
        let early = comparisons.partition_point(|comparison| comparison.pick.time < cut);
        let (early, late) = comparisons.split_at(early);
        let scale = choose_group_scale(catalogue, early, settings.l2);
        let evaluation =
            Self::fit(catalogue, early, settings.l2, scale)?.evaluate(catalogue, early, late);
        let mut model = Self::fit(catalogue, &comparisons, settings.l2, scale)?;
        model.evaluation = evaluation;
        Ok(model)
    }

    fn fit(
        catalogue: &[FilmFeatures],
        comparisons: &[Comparison<'_>],
        l2: f64,
        group_scale: f64,
    ) -> Result<Self, TrainingError> {
        let count = |of: fn(&Comparison<'_>) -> usize| comparisons.iter().map(of).sum::<usize>();
        let drawn = count(|comparison| comparison.unpicked.len());
        if drawn == 0 {
            return Err(TrainingError::TooFew {
                what: "films that were not picked",
                found: 0,
                needed: 1,
            });
        }
        let contexts = comparisons
            .iter()
            .map(|comparison| &comparison.pick.context);
        let encoder = Encoder::fit(catalogue, contexts);
        let mut examples = Examples::default();
        for comparison in comparisons {
            let context = &comparison.pick.context;
            for (film, picked) in examples_of(comparison) {
                let film = encoder.film(&catalogue[film as usize], context.year);
                examples.push(encoder.product(&film, context, group_scale), picked);
            }
        }
        let mut fit = logistic::fit(&examples, encoder.width(), l2);
        encoder.unscale(&mut fit.weights, group_scale);
        let available = count(|comparison| comparison.available);
        Ok(Self {
            encoder,
            weights: fit.weights,
            intercept: fit.intercept,
            correction: (drawn as f64 / available.max(drawn) as f64).ln(),
            evaluation: CuratorEvaluation::default(),
        })
    }

    fn evaluate(
        &self,
        catalogue: &[FilmFeatures],
        early: &[Comparison<'_>],
        late: &[Comparison<'_>],
    ) -> CuratorEvaluation {
        let (mut predicted, mut outcomes) = (Vec::new(), Vec::new());
        for comparison in late {
            let context = &comparison.pick.context;
            let weights = self.encoder.weights_in(context, &self.weights);
            for (film, picked) in examples_of(comparison) {
                let logit = self.logit(&catalogue[film as usize], context.year, &weights);
                predicted.push(sigmoid(logit));
                outcomes.push(picked);
            }
        }
        let rate = |comparisons: &[Comparison<'_>]| {
            let examples = comparisons.iter().map(|it| 1 + it.unpicked.len());
            comparisons.len() as f64 / examples.sum::<usize>().max(1) as f64
        };
        let base = vec![rate(early); outcomes.len()];
        CuratorEvaluation {
            training_picks: early.len() as u64,
            held_out_picks: late.len() as u64,
            base_rate: rate(late),
            log_loss: metrics::log_loss(&predicted, &outcomes),
            base_log_loss: metrics::log_loss(&base, &outcomes),
            auc: metrics::auc(&predicted, &outcomes),
        }
    }

    /// How good the model is on picks that it has not learned from.
    pub fn evaluation(&self) -> &CuratorEvaluation {
        &self.evaluation
    }

    /// The curator signal of each film, in [0, 1]: the probability of being picked on this occasion, as
    /// among one pick and five random films. Films may be given as references.
    pub fn signals<F: Borrow<FilmFeatures> + Sync>(
        &self,
        context: &BroadcastContext,
        films: &[F],
    ) -> Vec<f64> {
        self.predict(context, films, 0.0)
    }

    /// What the model reads of a film that is broadcast in this year: the same for all slates of the year.
    pub fn encode(&self, film: &FilmFeatures, year: i32) -> CuratorFilm {
        CuratorFilm(self.encoder.film(film, year))
    }

    /// The same as [`CuratorModel::signals`] of films that were encoded by this model for the year of the occasion.
    pub fn signals_of_encoded(
        &self,
        context: &BroadcastContext,
        films: &[&CuratorFilm],
    ) -> Vec<f64> {
        let weights = self.encoder.weights_in(context, &self.weights);
        let signal = |film: &&CuratorFilm| sigmoid(self.logit_of(&film.0, &weights));
        films.par_iter().with_min_len(1024).map(signal).collect()
    }

    /// The probability of each film, in [0, 1], to be picked on this occasion from all films that may be
    /// shown, whose number is taken to be as in the past: small, and comparable over occasions.
    pub fn probabilities<F: Borrow<FilmFeatures> + Sync>(
        &self,
        context: &BroadcastContext,
        films: &[F],
    ) -> Vec<f64> {
        self.predict(context, films, self.correction)
    }

    fn predict<F: Borrow<FilmFeatures> + Sync>(
        &self,
        context: &BroadcastContext,
        films: &[F],
        correction: f64,
    ) -> Vec<f64> {
        let weights = self.encoder.weights_in(context, &self.weights);
        let predict = |film: &F| {
            let logit = self.logit(film.borrow(), context.year, &weights);
            sigmoid(logit + correction)
        };
        films.par_iter().with_min_len(256).map(predict).collect()
    }

    fn logit(&self, film: &FilmFeatures, year: i32, weights: &[f64]) -> f64 {
        self.logit_of(&self.encoder.film(film, year), weights)
    }

    /// Of a row of the encoder.
    fn logit_of(&self, row: &Row, weights: &[f64]) -> f64 {
        let products = row.iter().map(|(at, x)| weights[*at as usize] * x);
        products.sum::<f64>() + self.intercept
    }

    /// The model as bytes, about 8 for each weight.
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::encode(MAGIC, self)
    }

    /// The model that [`CuratorModel::to_bytes`] has written.
    ///
    /// # Errors
    /// [`ArtifactError`], whatever the bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let model: Self = artifact::decode(MAGIC, bytes)?;
        // Sums of a slate's weights stay finite.
        let bounded = |number: &f64| number.abs() <= 1e100;
        let valid = model.encoder.is_valid()
            && model.weights.len() == model.encoder.width()
            && model.weights.iter().all(bounded)
            && bounded(&model.intercept)
            && bounded(&model.correction)
            && model.evaluation.is_finite();
        valid.then_some(model).ok_or(ArtifactError::Damaged)
    }
}

/// The one of [`GROUP_SCALES`] with the lowest loss on the latest fifth of these comparisons, when learned from
/// the rest; of equal ones, and where nothing can be held out, the most cautious.
fn choose_group_scale(catalogue: &[FilmFeatures], comparisons: &[Comparison<'_>], l2: f64) -> f64 {
    let times: Vec<i64> = comparisons.iter().map(|it| it.pick.time).collect();
    let cut = time_split::held_out_from(&times, PICKS);
    let early = cut.map_or(0, |cut| times.partition_point(|time| *time < cut));
    let (early, late) = comparisons.split_at(early);
    let loss = |scale: f64| {
        let model = CuratorModel::fit(catalogue, early, l2, scale).ok()?;
        Some(model.evaluate(catalogue, early, late).log_loss)
    };
    let mut best = (GROUP_SCALES[0], f64::INFINITY);
    for scale in GROUP_SCALES {
        match loss(scale) {
            Some(loss) if loss < best.1 => best = (scale, loss),
            _ => {}
        }
    }
    best.0
}

/// The films of a comparison, and whether each was picked.
fn examples_of(comparison: &Comparison<'_>) -> impl Iterator<Item = (u32, bool)> {
    let unpicked = comparison.unpicked.iter().map(|film| (*film, false));
    std::iter::once((comparison.pick.film, true)).chain(unpicked)
}

#[cfg(test)]
mod tests;
