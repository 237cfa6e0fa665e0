//! The audience signal: how many viewers a film is likely to have.
//!
//! A random forest predicts `ln(1 + viewers)` from hour, weekday, season, holiday, channel, duration,
//! popularity, votes, age, language and genres. What it predicts is therefore near the median of the
//! audience, not its mean; the signal is the quantile rank of the prediction among the out-of-bag predictions
//! of past airings, so that ½ is a usual audience.
//!
//! Why a forest of our own and not that of the crate `smartcore` (0.7): ten thousand candidates must be
//! predicted within a few milliseconds. With 100 trees of depth 12 and about 40 features its forest took 0.9 s
//! of processor time to predict 10,000 rows, 1.2 s to train on 5,000 and 7.4 s on 20,000 rows, on one thread
//! only, and 2.9 and 5.6 MB in postcard's encoding. This one takes 15 ms, spread over the cores, 0.34 s and
//! 1.5 s, and 0.9 and 1.9 MB: it codes every feature in 6 bits, finds splits by histograms, grows trees in
//! parallel, resolves the splits on the occasion once for a slate, and walks sixteen rows through a tree at
//! once.

use std::borrow::Borrow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::artifact::{self, ArtifactError};
use super::context::BroadcastContext;
use super::film::FilmFeatures;
use super::metrics;
use super::normaliser::{Normaliser, Scale};
use super::time_split;
use super::training_error::TrainingError;

mod encoder;
mod forest;
mod tree;

use encoder::Encoder;
use forest::{Codes, Forest, Table, TreeLimits};

/// With fewer airings of known audience nothing is learned.
pub const LEAST_AIRINGS: usize = 100;

/// Of more airings only the latest are used.
const MOST_AIRINGS: usize = 200_000;
const MOST_TREES: usize = 400;

/// More viewers than these are an error of the source.
const MOST_VIEWERS: f64 = 1e10;

const MAGIC: &[u8; 8] = b"MARQUEEA";
const AIRINGS: &str = "airings with audience figures";

/// A past broadcast of a film.
#[derive(Clone, Debug, PartialEq)]
pub struct Airing {
    /// When, in any unit: airings are ordered and held out by it.
    pub time: i64,
    /// Index of the film in the catalogue.
    pub film: u32,
    /// The occasion.
    pub context: BroadcastContext,
    /// Number of viewers. An airing whose number is negative, above 1e10 or not finite is left out.
    pub viewers: f64,
}

/// What an audience model is trained with.
#[derive(Clone, Debug, PartialEq)]
pub struct AudienceSettings {
    /// Number of trees, 1–400.
    pub trees: usize,
    /// Depth of the trees at most, 1–14.
    pub depth: usize,
    /// Airings in a leaf at least, from 1.
    pub least_leaf: usize,
    /// The share of features that are tried at each node, above 0 to 1.
    pub feature_share: f64,
    /// Decides the samples of airings and features.
    pub seed: u64,
}

impl Default for AudienceSettings {
    fn default() -> Self {
        Self {
            trees: 100,
            depth: 12,
            least_leaf: 5,
            feature_share: 1.0 / 3.0,
            seed: 0,
        }
    }
}

impl AudienceSettings {
    fn check(&self) -> Result<(), TrainingError> {
        let complaint = if !(1..=MOST_TREES).contains(&self.trees) {
            "an audience model must have 1 to 400 trees"
        } else if !(1..=tree::DEEPEST).contains(&self.depth) {
            "the trees of an audience model must be 1 to 14 deep"
        } else if self.least_leaf == 0 || self.least_leaf > MOST_AIRINGS {
            "the leaves of an audience model must have at least 1 airing, and not more than 200,000"
        } else if !(self.feature_share > 0.0 && self.feature_share <= 1.0) {
            "the share of features that a node tries must be above 0 and at most 1"
        } else {
            return Ok(());
        };
        Err(TrainingError::Settings(complaint))
    }
}

/// How good a model is on the latest fifth of the airings, when it has learned from the rest alone. The
/// served model has then learned from all of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct AudienceEvaluation {
    /// Airings that the evaluated model has learned from.
    pub training_airings: u64,
    /// Airings that it was evaluated on.
    pub held_out_airings: u64,
    /// Coefficient of determination of `ln(1 + viewers)`; 0 is as good as the mean of the held-out airings.
    pub r_squared: f64,
    /// Mean absolute error, in viewers.
    pub mean_absolute_error: f64,
    /// The same of a model that predicts the median of the training airings for every film.
    pub base_mean_absolute_error: f64,
    /// Spearman's rank correlation of predicted and actual viewers.
    pub spearman: f64,
}

impl AudienceEvaluation {
    fn is_finite(&self) -> bool {
        [
            self.r_squared,
            self.mean_absolute_error,
            self.base_mean_absolute_error,
            self.spearman,
        ]
        .into_iter()
        .all(f64::is_finite)
    }
}

/// The prediction for one film.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AudienceEstimate {
    /// Predicted viewers, near the median of what is to be expected.
    pub viewers: f64,
    /// The audience signal, in [0, 1].
    pub signal: f64,
}

/// A film as an [`AudienceModel`] reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct AudienceFilm(Codes);

/// A trained audience model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AudienceModel {
    encoder: Encoder,
    forest: Forest,
    /// Of predictions, on the scale of the targets.
    ranks: Normaliser,
    evaluation: AudienceEvaluation,
}

impl AudienceModel {
    /// Trains a model on the airings, and evaluates it on the latest fifth of them. The result depends on
    /// the airings, not on their order, and on the settings; it is the same with any number of threads.
    ///
    /// # Errors
    /// [`TrainingError`]: fewer than [`LEAST_AIRINGS`] airings of known audience, airings of one time only,
    /// a film that is not in the catalogue, or settings out of range.
    pub fn train(
        catalogue: &[FilmFeatures],
        airings: &[Airing],
        settings: &AudienceSettings,
    ) -> Result<Self, TrainingError> {
        settings.check()?;
        let unknown = airings
            .iter()
            .find(|airing| airing.film as usize >= catalogue.len());
        if let Some(airing) = unknown {
            return Err(TrainingError::UnknownFilm {
                film: airing.film,
                films: catalogue.len(),
            });
        }
        let mut usable: Vec<&Airing> = airings
            .iter()
            .filter(|airing| (0.0..=MOST_VIEWERS).contains(&airing.viewers))
            .collect();
        let mut times: Vec<i64> = usable.iter().map(|airing| airing.time).collect();
        if let Some(first) = time_split::latest_from(&mut times, MOST_AIRINGS) {
            usable.retain(|airing| airing.time >= first);
        }
        if usable.len() < LEAST_AIRINGS {
            return Err(TrainingError::TooFew {
                what: AIRINGS,
                found: usable.len(),
                needed: LEAST_AIRINGS,
            });
        }
        // One order, however they were given: sums and samples depend on it.
        usable.sort_unstable_by(|a, b| {
            let key = |airing: &Airing| (airing.time, airing.film);
            let order = key(a).cmp(&key(b)).then(a.context.cmp(&b.context));
            order.then(a.viewers.total_cmp(&b.viewers))
        });
        let times: Vec<i64> = usable.iter().map(|airing| airing.time).collect();
        let cut = time_split::held_out_from(&times, AIRINGS)?;
        let (early, late): (Vec<&Airing>, Vec<&Airing>) =
            usable.iter().partition(|airing| airing.time < cut);
        let evaluation = Self::fit(catalogue, &early, settings).evaluate(catalogue, &early, &late);
        let mut model = Self::fit(catalogue, &usable, settings);
        model.evaluation = evaluation;
        Ok(model)
    }

    fn fit(catalogue: &[FilmFeatures], airings: &[&Airing], settings: &AudienceSettings) -> Self {
        let encoder = Encoder::fit(catalogue, airings);
        let width = encoder.width();
        let rows = encode(&encoder, catalogue, airings);
        let targets = airings.iter().map(|airing| airing.viewers.ln_1p());
        let table = Table::new(&rows, targets.collect(), width);
        let limits = TreeLimits {
            depth: settings.depth,
            least_leaf: settings.least_leaf,
            features: ((width as f64 * settings.feature_share).ceil() as usize).max(1),
        };
        let (forest, out_of_bag) =
            Forest::grow(&rows, &table, settings.trees, &limits, settings.seed);
        Self {
            encoder,
            forest,
            ranks: Normaliser::fit(out_of_bag, Scale::Linear),
            evaluation: AudienceEvaluation::default(),
        }
    }

    fn evaluate(
        &self,
        catalogue: &[FilmFeatures],
        early: &[&Airing],
        late: &[&Airing],
    ) -> AudienceEvaluation {
        let codes = encode(&self.encoder, catalogue, late);
        let predicted = self.forest.predict(&codes);
        let viewers: Vec<f64> = predicted.iter().map(|target| target.exp_m1()).collect();
        let actual: Vec<f64> = late.iter().map(|airing| airing.viewers).collect();
        let targets: Vec<f64> = actual.iter().map(|viewers| viewers.ln_1p()).collect();
        let mut known: Vec<f64> = early.iter().map(|airing| airing.viewers).collect();
        known.sort_unstable_by(f64::total_cmp);
        let median = vec![known.get(known.len() / 2).copied().unwrap_or(0.0); actual.len()];
        AudienceEvaluation {
            training_airings: early.len() as u64,
            held_out_airings: late.len() as u64,
            r_squared: metrics::r_squared(&predicted, &targets),
            mean_absolute_error: metrics::mean_absolute_error(&viewers, &actual),
            base_mean_absolute_error: metrics::mean_absolute_error(&median, &actual),
            spearman: metrics::spearman(&predicted, &targets),
        }
    }

    /// How good the model is on airings that it has not learned from.
    pub fn evaluation(&self) -> &AudienceEvaluation {
        &self.evaluation
    }

    /// The audience of each film if it were broadcast on this occasion. Films may be given as references.
    pub fn predict<F: Borrow<FilmFeatures> + Sync>(
        &self,
        context: &BroadcastContext,
        films: &[F],
    ) -> Vec<AudienceEstimate> {
        let encoded = films.par_iter().with_min_len(256);
        let encoded = encoded.map(|film| self.encode(film.borrow(), context.year));
        let encoded: Vec<AudienceFilm> = encoded.collect();
        self.predict_encoded(context, &encoded.iter().collect::<Vec<_>>())
    }

    /// What the model reads of a film that is broadcast in this year: the same for all slates of the year.
    pub fn encode(&self, film: &FilmFeatures, year: i32) -> AudienceFilm {
        // The codes of the occasion are not read: the trees are resolved by them.
        let mut codes = [0; forest::MOST_FEATURES];
        self.encoder.write_film(film, year, &mut codes);
        AudienceFilm(codes)
    }

    /// The same as [`AudienceModel::predict`] of films that were encoded by this model for the year of the occasion.
    pub fn predict_encoded(
        &self,
        context: &BroadcastContext,
        films: &[&AudienceFilm],
    ) -> Vec<AudienceEstimate> {
        let occasion = self.encoder.context(context);
        let forest = self.forest.given(&occasion[..self.encoder.context_width()]);
        let rows: Vec<Codes> = films.iter().map(|film| film.0).collect();
        let predicted = forest.predict(&rows);
        let estimates = predicted.into_iter().map(|target| AudienceEstimate {
            viewers: target.exp_m1().clamp(0.0, MOST_VIEWERS),
            signal: self.ranks.rank(Some(target)),
        });
        estimates.collect()
    }

    /// The model as bytes, about 8 for each node of a tree.
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::encode(MAGIC, self)
    }

    /// The model that [`AudienceModel::to_bytes`] has written.
    ///
    /// # Errors
    /// [`ArtifactError`], whatever the bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let model: Self = artifact::decode(MAGIC, bytes)?;
        let width = model.encoder.width();
        let valid = model.encoder.is_valid()
            && model.forest.is_valid(width, MOST_TREES)
            && model.evaluation.is_finite();
        valid.then_some(model).ok_or(ArtifactError::Damaged)
    }
}

/// The codes of airings.
fn encode(encoder: &Encoder, catalogue: &[FilmFeatures], airings: &[&Airing]) -> Vec<Codes> {
    let encode = |airing: &&Airing| {
        let mut codes = encoder.context(&airing.context);
        let film = &catalogue[airing.film as usize];
        encoder.write_film(film, airing.context.year, &mut codes);
        codes
    };
    airings.iter().map(encode).collect()
}

#[cfg(test)]
mod tests;
