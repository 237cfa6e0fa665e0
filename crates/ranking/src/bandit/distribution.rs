//! The distribution that the weights of a slate are drawn from.

use serde::{Deserialize, Serialize};

use super::likelihood::ROWS;
use super::linear_algebra::{Cholesky, dot};
use super::model::Model;
use super::random::Normals;
use super::{Bandit, SIGNALS, Sampler, Signals, SlateContext};

/// The normal distribution that a bandit draws from in one context: of the weights themselves (logistic
/// sampler) or of the logits that they follow from (softmax sampler). It is that of whole parameters, since
/// `x = Θ φ(c)` is linear.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DrawDistribution {
    /// What is drawn.
    pub sampler: Sampler,
    /// The mean.
    pub mean: Signals,
    /// The lower triangular factor `F` of the covariance `F Fᵀ`.
    pub factor: [Signals; SIGNALS],
}

impl DrawDistribution {
    /// What is drawn with a seed: what [`Bandit::draw`] turns into weights.
    pub fn draw(&self, seed: u64) -> Signals {
        self.at(&Normals::new(seed).signals())
    }

    /// `μ + F n` of standard normal numbers `n`.
    pub(super) fn at(&self, normal: &Signals) -> Signals {
        let mut x = self.mean;
        for (at, (x, row)) in x.iter_mut().zip(&self.factor).enumerate() {
            for column in 0..=at {
                *x += row[column] * normal[column];
            }
        }
        x
    }
}

/// The distribution of the weights themselves, however they follow from what is drawn.
pub(super) struct WeightDistribution<'a> {
    model: &'a Model,
    pub(super) draws: DrawDistribution,
}

impl WeightDistribution<'_> {
    /// The weights that belong to standard normal numbers.
    pub(super) fn weights(&self, normal: &Signals) -> Signals {
        self.model.weights(&self.draws.at(normal))
    }

    /// The weights at the mean.
    pub(super) fn typical(&self) -> Signals {
        self.model.weights(&self.draws.mean)
    }
}

impl Bandit {
    /// What the weights of a slate in this context are drawn from. Stored with a slate, it tells how probable
    /// the draw was, which judging another bandit by the slate needs.
    pub fn draw_distribution(&self, context: &SlateContext) -> DrawDistribution {
        self.distribution(context).draws
    }

    pub(super) fn distribution(&self, context: &SlateContext) -> WeightDistribution<'_> {
        let features = self.model.features(context);
        let columns = features.len();
        let x = self.model.local(&self.posterior.mean, &features);
        let mut mean = [0.0; SIGNALS];
        mean.copy_from_slice(&x[1..]);
        let sampler = self.model.settings.sampler;
        let exploration = self.model.settings.exploration;
        let mut factor = [[0.0; SIGNALS]; SIGNALS];
        match sampler {
            Sampler::Softmax => {
                let size = self.model.size();
                for (signal, row) in factor.iter_mut().enumerate() {
                    let first = (signal + 1) * columns;
                    let variance: f64 = features
                        .iter()
                        .enumerate()
                        .map(|(at, f)| f * f / self.posterior.precision[(first + at) * (size + 1)])
                        .sum();
                    row[signal] = exploration * variance.sqrt();
                }
            }
            Sampler::Logistic => {
                // Bᵀ A⁻¹ B = (L⁻¹ B)ᵀ (L⁻¹ B), where B places φ(c) in the rows of a signal.
                let halves: Vec<Vec<f64>> = (1..ROWS)
                    .map(|row| {
                        let mut half = vec![0.0; self.model.size()];
                        half[row * columns..][..columns].copy_from_slice(&features);
                        if let Some(factor) = &self.posterior.factor {
                            factor.forward(&mut half);
                        }
                        half
                    })
                    .collect();
                let mut covariance = Vec::with_capacity(SIGNALS * SIGNALS);
                for a in &halves {
                    covariance.extend(halves.iter().map(|b| exploration * exploration * dot(a, b)));
                }
                if let Some(cholesky) = Cholesky::new(&covariance, SIGNALS) {
                    factor = cholesky.factor();
                }
            }
        }
        WeightDistribution {
            model: &self.model,
            draws: DrawDistribution {
                sampler,
                mean,
                factor,
            },
        }
    }
}
