//! What a bandit believes: weights with their deviations, and the probabilities of picks and clicks.

use super::likelihood::{choice_probabilities, logistic, utility};
use super::random::Normals;
use super::sampler::{Bandit, MAX_REPLAYS, Weight};
use super::{SIGNALS, Sampler, Signals, SlateContext};

/// The replays that summarise weights of the softmax sampler.
const SUMMARY: usize = 4096;

impl Bandit {
    /// Mean and deviation of the weight of each signal in a context.
    pub fn weights(&self, context: &SlateContext) -> [Weight; SIGNALS] {
        let mut out = [Weight::default(); SIGNALS];
        if self.model.settings.sampler == Sampler::Logistic {
            let distribution = self.distribution(context);
            let rows = distribution
                .draws
                .mean
                .iter()
                .zip(&distribution.draws.factor);
            for (out, (mean, row)) in out.iter_mut().zip(rows) {
                out.mean = *mean;
                out.deviation = row.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
            }
            return out;
        }
        let samples = self.weight_samples(context, SUMMARY, 0);
        let count = samples.len() as f64;
        for (at, out) in out.iter_mut().enumerate() {
            let of_signal = samples.iter().map(|weights| weights[at]);
            out.mean = of_signal.clone().sum::<f64>() / count;
            let variance = of_signal
                .map(|weight| (weight - out.mean).powi(2))
                .sum::<f64>()
                / count;
            out.deviation = variance.sqrt();
        }
        out
    }

    /// Draws of the weights in a context, for pictures of their marginal distributions; at most
    /// [`MAX_REPLAYS`].
    pub fn weight_samples(
        &self,
        context: &SlateContext,
        samples: usize,
        seed: u64,
    ) -> Vec<Signals> {
        let distribution = self.distribution(context);
        let mut normals = Normals::new(seed);
        (0..samples.min(MAX_REPLAYS))
            .map(|_| distribution.weights(&normals.signals()))
            .collect()
    }

    /// The probability of each item shown to be picked, if one is to be picked or none, by the mean
    /// parameters. What is missing from 1 is the probability of none.
    pub fn pick_probabilities(&self, context: &SlateContext, shown: &[Signals]) -> Vec<f64> {
        let mut out = self.utilities(context, shown);
        choice_probabilities(&mut out, true);
        out
    }

    /// The probability of each item shown to be taken, if items are taken independently, by the mean
    /// parameters.
    pub fn click_probabilities(&self, context: &SlateContext, shown: &[Signals]) -> Vec<f64> {
        let utilities = self.utilities(context, shown);
        utilities.into_iter().map(logistic).collect()
    }

    pub(super) fn utilities(&self, context: &SlateContext, shown: &[Signals]) -> Vec<f64> {
        let features = self.model.features(context);
        let x = self.model.local(&self.posterior.mean, &features);
        let at = self.model.effective(&x);
        shown.iter().map(|item| utility(&at, item)).collect()
    }
}
