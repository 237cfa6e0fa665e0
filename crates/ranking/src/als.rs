//! Implicit alternating least squares with frequency-scaled regularisation: iALS.
//!
//! After Rendle, Krichene, Zhang, Koren, "Revisiting the Performance of iALS on Item
//! Recommendation Benchmarks" (RecSys 2022, arXiv 2110.14037), which is the implicit
//! factorisation of Hu, Koren, Volinsky (2008) with its settings put right. A user's and an
//! item's vector are found such that their product is near 1 where the user took the item and
//! near 0 elsewhere; how near is a matter of weights:
//!
//! `L = Σ_{(u,i)∈S} w_ui (x_u·y_i − 1)² + α₀ Σ_u Σ_i (x_u·y_i)²`
//! `    + λ Σ_u (|S_u| + α₀|I|)^ν |x_u|² + λ Σ_i (|S_i| + α₀|U|)^ν |y_i|²`   (§3 and §4.2)

use std::borrow::Cow;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::input;
use super::kernel::Kernel;
use super::matrix::{Interactions, Matrix, MatrixError};
use super::solver::{Fixed, gramian, padded};
use super::symmetric::{Observer, Stopped};
use super::top;

/// The most factors a model may have: 4 MiB for the matrix each thread works on.
pub const MOST_FACTORS: usize = 1024;

/// What a model is trained with. The default is a fair start on films, from fifty thousand
/// ratings to twenty million; the best is found by trying.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct IalsSettings {
    /// Length of the vectors, 1 to [`MOST_FACTORS`]; multiples of 16 waste nothing.
    pub factors: usize,
    /// How often both sides are solved, at least 1.
    pub sweeps: usize,
    /// α₀, the weight of the pairs that were not observed; positive. The weight of an observed
    /// pair comes on top of it.
    pub unobserved_weight: f32,
    /// λ, positive.
    pub regularisation: f32,
    /// ν, 0 to 2: 0 regularises all users and items alike, 1 in proportion to their frequency.
    pub exponent: f32,
    /// σ*, positive: the vectors start as N(0, σ*²/factors), so that products start near σ*²
    /// whatever the width (§4.3).
    pub deviation: f32,
    /// Decides the start. Equal seeds, settings and interactions give equal factors on one kind
    /// of processor, whatever the number of threads.
    pub seed: u64,
    /// How a vector is found while the other side stays.
    pub method: Method,
    /// How much the weight of an entry says: its exponent, 0 to 4. At 0 all entries count alike.
    pub confidence: f32,
}

/// How a vector is found while the other side stays.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The minimum itself, by a Cholesky factorisation: some four times the work of 3 steps.
    Exact,
    /// So many steps of conjugate gradients from where the sweep before has left it, at least
    /// 1. Three are enough for lists as good as the exact ones.
    Steps(usize),
}

impl Default for IalsSettings {
    fn default() -> Self {
        Self {
            factors: 128,
            sweeps: 16,
            unobserved_weight: 0.1,
            regularisation: 0.3,
            exponent: 0.5,
            deviation: 0.1,
            seed: 0,
            method: Method::Steps(3),
            confidence: 1.0,
        }
    }
}

impl IalsSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`IalsError::Settings`] with the first setting that is out of range.
    pub fn check(&self) -> Result<(), IalsError> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        let complaint = if !(1..=MOST_FACTORS).contains(&self.factors) {
            "factors must be from 1 to 1024"
        } else if self.sweeps == 0 {
            "sweeps must be at least 1"
        } else if self.method == Method::Steps(0) {
            "there must be at least 1 step"
        } else if !positive(self.unobserved_weight) {
            "the unobserved weight must be positive"
        } else if !positive(self.regularisation) {
            "regularisation must be positive"
        } else if !(0.0..=2.0).contains(&self.exponent) {
            "the exponent must be from 0 to 2"
        } else if !positive(self.deviation) {
            "the deviation must be positive"
        } else if let Some(complaint) = input::complaint(self.confidence) {
            complaint
        } else {
            return Ok(());
        };
        Err(IalsError::Settings(complaint))
    }

    /// The interactions as much as they say.
    pub(super) fn weighed<'a>(&self, interactions: &'a Interactions) -> Cow<'a, Interactions> {
        if self.confidence == 1.0 {
            return Cow::Borrowed(interactions);
        }
        let said = |weight: f32| weight.powf(self.confidence);
        let finite = |weight: f32| said(weight).clamp(f32::MIN_POSITIVE, f32::MAX);
        Cow::Owned(interactions.with_weights(finite))
    }
}

/// Why there are no factors.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum IalsError {
    /// A setting is out of range; the text says which and what it may be.
    #[error("{0}")]
    Settings(&'static str),
    /// There is nothing to learn from.
    #[error("there are no interactions to learn from")]
    NoInteractions,
    /// The observer asked to stop after this many sweeps.
    #[error("training was stopped after {0} sweeps")]
    Stopped(usize),
    /// Numbers grew past what can be written: weights or settings are far too large.
    #[error("training left the range of numbers; the weights or settings are far too large")]
    Diverged,
    /// An item or a table does not fit the model.
    #[error(transparent)]
    Table(#[from] MatrixError),
}

/// A trained model: the score of an item for a user is the product of their vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    users: Matrix,
    items: Matrix,
}

impl Factors {
    /// A model from its vectors, one per row, trained here or elsewhere.
    ///
    /// # Errors
    /// [`MatrixError::Shape`] if users and items do not have vectors of one length, at least 1.
    pub fn new(users: Matrix, items: Matrix) -> Result<Self, MatrixError> {
        if users.columns() == items.columns() && users.columns() > 0 {
            Ok(Self { users, items })
        } else {
            let (values, rows) = (items.values().len(), items.rows());
            Err(MatrixError::Shape {
                values,
                rows,
                columns: users.columns(),
            })
        }
    }

    /// One vector per user.
    pub fn users(&self) -> &Matrix {
        &self.users
    }

    /// One vector per item.
    pub fn items(&self) -> &Matrix {
        &self.items
    }

    /// The scores of all items for a user's vector, stored or folded in, written over `scores`.
    ///
    /// # Panics
    /// If `user` is not as long as the vectors of the items.
    pub fn score_all(&self, user: &[f32], scores: &mut Vec<f32>) {
        assert_eq!(
            user.len(),
            self.items.columns(),
            "user and items have vectors of one length"
        );
        scores.clear();
        scores.resize(self.items.rows(), 0.0);
        Kernel::detect().add_products(self.items.as_rows(), 0, user, scores);
    }

    /// The best `keep` items for each of these users without those in their row of `seen`, as
    /// `(item, score)`, best first; on all threads. See [`top::best`] for ties.
    ///
    /// # Panics
    /// If a user is not below the number of rows of the model or of `seen`.
    pub fn best_of_each(
        &self,
        users: &[u32],
        seen: &Interactions,
        keep: usize,
    ) -> Vec<Vec<(u32, f32)>> {
        users
            .par_iter()
            .map_init(Vec::new, |scores, &user| {
                self.score_all(self.users.row(user as usize), scores);
                top::best(scores, keep, seen.row(user as usize).0)
            })
            .collect()
    }
}

/// The trainer.
#[derive(Clone, Copy, Debug)]
pub struct Ials;

impl Ials {
    /// Trains on users (rows) by items (columns) on all threads of the current rayon pool.
    ///
    /// After every sweep, and within a long one several times, `observe` receives the fraction of
    /// the sweeps that are over, in [0, 1], and may end the training. The users come last in a sweep, and in the last sweep they are solved exactly: a stored vector is then what
    /// [`FoldIn`](super::FoldIn) gives for the same entries, and its explanations add up. A
    /// user or an item without entries gets a vector of zeros.
    ///
    /// # Errors
    /// [`IalsError::Settings`], [`IalsError::NoInteractions`], [`IalsError::Stopped`] or
    /// [`IalsError::Diverged`].
    pub fn fit(
        interactions: &Interactions,
        settings: &IalsSettings,
        observe: &mut Observer,
    ) -> Result<Factors, IalsError> {
        settings.check()?;
        if interactions.is_empty() {
            return Err(IalsError::NoInteractions);
        }
        let weighed = settings.weighed(interactions);
        let interactions = weighed.as_ref();
        let kernel = Kernel::detect();
        let by_item = interactions.transpose();
        let alpha = settings.unobserved_weight;
        let mut users = start(interactions.rows(), settings, 0);
        let mut items = start(interactions.columns(), settings, 1);
        for sweep in 1..=settings.sweeps {
            let done = |sweep: usize| sweep as f32 / settings.sweeps as f32;
            let mut between = || observe(done(sweep - 1));
            let stopped = |Stopped| IalsError::Stopped(sweep - 1);
            let shared = gramian(kernel, &users, alpha, &mut between).map_err(stopped)?;
            Fixed::new(kernel, &users, &shared, settings)
                .solve_all(&by_item, settings.method, &mut items, &mut between)
                .map_err(stopped)?;
            let shared = gramian(kernel, &items, alpha, &mut between).map_err(stopped)?;
            let method = if sweep == settings.sweeps {
                Method::Exact
            } else {
                settings.method
            };
            Fixed::new(kernel, &items, &shared, settings)
                .solve_all(interactions, method, &mut users, &mut between)
                .map_err(stopped)?;
            if observe(done(sweep)).is_break() {
                return Err(IalsError::Stopped(sweep));
            }
        }
        let finite = |matrix: &Matrix| matrix.values().iter().all(|value| value.is_finite());
        if !(finite(&users) && finite(&items)) {
            return Err(IalsError::Diverged);
        }
        let factors = settings.factors;
        Ok(Factors {
            users: users.with_columns(factors),
            items: items.with_columns(factors),
        })
    }
}

/// Vectors to begin with: normal numbers, and zeros from `factors` up to the padded width. Each
/// row draws from a stream of its own, so that rows can be filled in any order.
fn start(rows: usize, settings: &IalsSettings, side: u64) -> Matrix {
    let mut matrix = Matrix::zeros(rows, padded(settings.factors));
    let deviation = settings.deviation / (settings.factors as f32).sqrt();
    let width = matrix.columns();
    matrix
        .values_mut()
        .par_chunks_exact_mut(width)
        .enumerate()
        .for_each(|(row, vector)| {
            let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
            random.set_stream(2 * row as u64 + side);
            for pair in vector[..settings.factors].chunks_mut(2) {
                // Box and Muller 1958: two normal numbers from two uniform ones.
                let (near_zero, turn): (f32, f32) = (random.random(), random.random());
                let radius = deviation * (-2.0 * (1.0 - near_zero).ln()).sqrt();
                let (sine, cosine) = (std::f32::consts::TAU * turn).sin_cos();
                pair.iter_mut()
                    .zip([radius * cosine, radius * sine])
                    .for_each(|(to, n)| *to = n);
            }
        });
    matrix
}
