//! How intercept and weights follow from parameters and context, for both samplers.
//!
//! Parameters are a matrix `Θ` of seven rows (intercept, then the signals) by one column for each
//! feature of the context, the first feature being 1: `x = Θ φ(c)`. The logistic sampler takes
//! `x` as intercept and weights. The softmax sampler takes `x` as intercept and logits `z`, with
//! `q = softmax(z / τ)`, `w = (1 − α) q + α/S` and effective weights `γ w`.

use super::likelihood::{Derivatives, Local, ROWS};
use super::{SIGNALS, Sampler, Settings, Signals, SlateContext};

/// The shape of the parameters, and what is known of them beforehand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Model {
    pub(super) settings: Settings,
    pub(super) channels: usize,
    /// Columns of `Θ`.
    pub(super) features: usize,
    /// `Θ` before anything was learned.
    pub(super) prior_mean: Vec<f64>,
    /// The precision of each parameter before anything was learned.
    pub(super) prior_precision: Vec<f64>,
}

/// Which derivatives are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// The first.
    First,
    /// With them the Fisher information.
    Fisher,
    /// With them the second.
    Second,
}

impl Model {
    pub(super) fn new(settings: Settings, channels: usize) -> Self {
        let features = match settings.sampler {
            Sampler::Softmax => 17 + channels,
            Sampler::Logistic if channels > 1 => 8 + channels,
            Sampler::Logistic => 8,
        };
        let means = match settings.sampler {
            Sampler::Softmax => settings.wanted_logits(),
            Sampler::Logistic => settings.wanted_shares().map(|share| settings.scale * share),
        };
        let mut prior_mean = vec![0.0; ROWS * features];
        let mut prior_precision = vec![settings.context_deviation.powi(-2); ROWS * features];
        prior_mean[0] = settings.intercept;
        prior_precision[0] = settings.intercept_deviation.powi(-2);
        for (signal, mean) in means.into_iter().enumerate() {
            prior_mean[(signal + 1) * features] = mean;
            prior_precision[(signal + 1) * features] = settings.weight_deviation.powi(-2);
        }
        Self {
            settings,
            channels,
            features,
            prior_mean,
            prior_precision,
        }
    }

    /// How many parameters there are.
    pub(super) fn size(&self) -> usize {
        ROWS * self.features
    }

    /// `φ(c)`, beginning with 1.
    pub(super) fn features(&self, context: &SlateContext) -> Vec<f64> {
        let rest = match self.settings.sampler {
            Sampler::Softmax => context.one_hot(self.channels),
            Sampler::Logistic => context.cyclic(self.channels),
        };
        std::iter::once(1.0).chain(rest).collect()
    }

    /// `Θ φ(c)`.
    pub(super) fn local(&self, parameters: &[f64], features: &[f64]) -> Local {
        let mut out = [0.0; ROWS];
        for (out, row) in out.iter_mut().zip(parameters.chunks_exact(self.features)) {
            *out = row.iter().zip(features).map(|(a, b)| a * b).sum();
        }
        out
    }

    /// What the utility of an item rises by where its weighted signals rise by 1.
    pub(super) fn scale(&self) -> f64 {
        match self.settings.sampler {
            Sampler::Softmax => self.settings.scale,
            Sampler::Logistic => 1.0,
        }
    }

    /// The weights at the last six of `x`.
    pub(super) fn weights(&self, x: &Signals) -> Signals {
        if self.settings.sampler == Sampler::Logistic {
            return *x;
        }
        let share = self.settings.uniform_share;
        let q = self.softmax(x);
        q.map(|q| (1.0 - share) * q + share / SIGNALS as f64)
    }

    fn softmax(&self, x: &Signals) -> Signals {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers = x.map(|z| ((z - largest) / self.settings.temperature).exp());
        let total: f64 = powers.iter().sum();
        powers.map(|power| power / total)
    }

    /// How the weights of the softmax sampler change with its logits:
    /// `(1 − α)/τ · (diag q − q qᵀ)`.
    fn jacobian(&self, q: &Signals) -> [Signals; SIGNALS] {
        let factor = (1.0 - self.settings.uniform_share) / self.settings.temperature;
        let mut out = [[0.0; SIGNALS]; SIGNALS];
        for (a, row) in out.iter_mut().enumerate() {
            for (b, entry) in row.iter_mut().enumerate() {
                let diagonal = if a == b { q[a] } else { 0.0 };
                *entry = factor * (diagonal - q[a] * q[b]);
            }
        }
        out
    }

    /// Intercept and effective weights at `x`.
    pub(super) fn effective(&self, x: &Local) -> Local {
        let mut logits = [0.0; SIGNALS];
        logits.copy_from_slice(&x[1..]);
        let weights = self.weights(&logits);
        let mut out = [x[0]; ROWS];
        for (out, weight) in out[1..].iter_mut().zip(weights) {
            *out = self.scale() * weight;
        }
        out
    }

    /// Turns derivatives in intercept and effective weights into those in `x`: `J g` and, for the
    /// Fisher information, `J H J`. The exact second derivative has that of the link added,
    /// `γ (1 − α)/τ² · (δ_ab q_a (g_a − ḡ) − q_a q_b (g_a + g_b − 2 ḡ))` where `ḡ = Σ q_k g_k`.
    pub(super) fn pull_back(&self, x: &Local, derivatives: &mut Derivatives, order: Order) {
        if self.settings.sampler == Sampler::Logistic {
            return;
        }
        let mut logits = [0.0; SIGNALS];
        logits.copy_from_slice(&x[1..]);
        let q = self.softmax(&logits);
        let scale = self.scale();
        let mut chain = [[0.0; ROWS]; ROWS];
        chain[0][0] = 1.0;
        for (row, entries) in chain[1..].iter_mut().zip(self.jacobian(&q)) {
            for (entry, slope) in row[1..].iter_mut().zip(entries) {
                *entry = scale * slope;
            }
        }
        let multiply = |a: &[Local; ROWS], b: &[Local; ROWS]| {
            let mut out = [[0.0; ROWS]; ROWS];
            for (out, a) in out.iter_mut().zip(a) {
                for (factor, b) in a.iter().zip(b) {
                    for (out, b) in out.iter_mut().zip(b) {
                        *out += factor * b;
                    }
                }
            }
            out
        };
        let gradient = derivatives.gradient;
        for (out, row) in derivatives.gradient.iter_mut().zip(chain) {
            *out = row.iter().zip(gradient).map(|(a, b)| a * b).sum();
        }
        if order == Order::First {
            return;
        }
        derivatives.curvature = multiply(&multiply(&chain, &derivatives.curvature), &chain);
        if order == Order::Second {
            let g = &gradient[1..];
            let mean: f64 = q.iter().zip(g).map(|(q, g)| q * g).sum();
            let factor =
                scale * (1.0 - self.settings.uniform_share) / self.settings.temperature.powi(2);
            for a in 0..SIGNALS {
                derivatives.curvature[a + 1][a + 1] += factor * q[a] * (g[a] - mean);
                for b in 0..SIGNALS {
                    derivatives.curvature[a + 1][b + 1] -=
                        factor * q[a] * q[b] * (g[a] + g[b] - 2.0 * mean);
                }
            }
        }
    }
}
