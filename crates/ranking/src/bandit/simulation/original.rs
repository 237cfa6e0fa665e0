//! The softmax sampler as it was first written down, kept to be compared with. Its faults: the
//! precision is a moving average of squared gradients and forgets where it began, there is no
//! intercept, the Jacobian takes the mixed weights for the softmax and divides by the temperature
//! twice, each rejected item counts as much as the pick, and its noise hardly explores.

use super::super::likelihood::logistic;
use super::super::random::Normals;
use super::super::{SIGNALS, Settings, Signals, SlateContext, SlateFeedback};
use super::policies::taken;

const FEATURES: usize = 17;
const LEARNING_RATE: f64 = 0.05;
const L2: f64 = 1e-4;
const DECAY: f64 = 0.999;
const NOISE: f64 = 0.01;
const TEMPERATURE: f64 = 2.0;
const SHARE: f64 = 0.3;

/// Its parameters: logits by signal and one-hot context, with the bias last.
#[derive(Debug)]
pub(super) struct Original {
    u: [[f64; FEATURES + 1]; SIGNALS],
    h: [[f64; FEATURES + 1]; SIGNALS],
}

impl Default for Original {
    fn default() -> Self {
        let mut u = [[0.0; FEATURES + 1]; SIGNALS];
        for (row, logit) in u.iter_mut().zip(Settings::softmax().wanted_logits()) {
            row[FEATURES] = logit;
        }
        Self {
            u,
            h: [[1.0; FEATURES + 1]; SIGNALS],
        }
    }
}

fn features(context: &SlateContext) -> Vec<f64> {
    context.one_hot(1).into_iter().chain([1.0]).collect()
}

fn weights(logits: &Signals) -> Signals {
    let powers = logits.map(|z| (z / TEMPERATURE).exp());
    let total: f64 = powers.iter().sum();
    powers.map(|power| (1.0 - SHARE) * power / total + SHARE / SIGNALS as f64)
}

impl Original {
    pub(super) fn scores(
        &self,
        context: &SlateContext,
        candidates: &[Signals],
        random: &mut Normals,
    ) -> Vec<f64> {
        let c = features(context);
        let mut logits = [0.0; SIGNALS];
        for ((logit, u), h) in logits.iter_mut().zip(&self.u).zip(&self.h) {
            for ((u, h), c) in u.iter().zip(h).zip(&c) {
                *logit += (u + random.one() * (NOISE / h).sqrt()) * c;
            }
        }
        let drawn = weights(&logits);
        let score = |item: &Signals| item.iter().zip(drawn).map(|(s, w)| s * w).sum();
        candidates.iter().map(score).collect()
    }

    pub(super) fn learn(&mut self, event: &SlateFeedback) {
        let c = features(&event.context);
        for (signals, taken) in event.shown.iter().zip(taken(event)) {
            let mut logits = [0.0; SIGNALS];
            for (logit, u) in logits.iter_mut().zip(&self.u) {
                *logit = u.iter().zip(&c).map(|(u, c)| u * c).sum();
            }
            let w = weights(&logits);
            let p = logistic(w.iter().zip(signals).map(|(w, s)| w * s).sum());
            let slope = p - f64::from(u8::from(taken));
            let along: f64 = w.iter().zip(signals).map(|(w, s)| w * slope * s).sum();
            for at in 0..SIGNALS {
                let g_z = (1.0 - SHARE) / (TEMPERATURE * TEMPERATURE)
                    * w[at]
                    * (slope * signals[at] - along);
                for ((u, h), c) in self.u[at].iter_mut().zip(&mut self.h[at]).zip(&c) {
                    let g = g_z * c + L2 * *u;
                    *h = DECAY * *h + (1.0 - DECAY) * g * g;
                    *u -= LEARNING_RATE * g;
                }
            }
        }
    }
}
