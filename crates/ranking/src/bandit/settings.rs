//! What can be set about the bandit, with defaults that the simulator settled (`docs/slates.md`).

use serde::{Deserialize, Serialize};

use super::{BanditError, SIGNALS, Signals};

/// How weights follow from the context, and what is kept of their uncertainty.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Weights are a softmax of logits that are linear in the one-hot context, mixed with equal
    /// weights; each parameter has a precision of its own.
    Softmax,
    /// Weights are linear in the cyclic context; the parameters have a full covariance.
    Logistic,
}

/// Settings of a [`Bandit`](super::Bandit).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which of the two samplers.
    pub sampler: Sampler,
    /// The weights wanted before anything was learned; not negative, their sum is taken as 1.
    pub wanted: Signals,
    /// The width of draws, in posterior deviations (`v`, and `√ε`): 0 is greedy; at most 10.
    pub exploration: f64,
    /// How much an event counts once another has come, `γ_f` in (0, 1]; 1 forgets nothing.
    pub forgetting: f64,
    /// By how much the utility of a film, in logits, rises on average from signals of 0 to signals
    /// of 1 (`γ`), from above 0 to 100. The softmax sampler keeps to it; for the logistic one it
    /// is the mean of the prior.
    pub scale: f64,
    /// The logit before anything was learned that a film with signals of ½ is picked, rather than
    /// none; −20 to 20.
    pub intercept: f64,
    /// The prior deviation of the intercept, from above 0 to 100.
    pub intercept_deviation: f64,
    /// The prior deviation of what a signal counts in all contexts, from above 0 to 100; for the
    /// softmax sampler in logits of weights.
    pub weight_deviation: f64,
    /// The prior deviation of what one feature of the context adds to that, from above 0 to 100.
    pub context_deviation: f64,
    /// The temperature `τ` of the softmax sampler, from above 0 to 100.
    pub temperature: f64,
    /// The share `α` of equal weights in the softmax sampler, from 0 to below 1.
    pub uniform_share: f64,
    /// How much the signals count that a curator ticks (`λ_m`), 0 to 100.
    pub tick_weight: f64,
    /// How much a past pick counts in a warm start, beside an event of a slate; 0 to 1.
    pub warm_weight: f64,
    /// Where the sequence of [`Bandit::next_seed`](super::Bandit::next_seed) begins.
    pub seed: u64,
}

/// The weights wanted before anything was learned.
const WANTED: Signals = [0.30, 0.28, 0.105, 0.07, 0.14, 0.105];

impl Settings {
    /// The defaults of one sampler.
    pub fn of(sampler: Sampler) -> Self {
        match sampler {
            Sampler::Softmax => Self::softmax(),
            Sampler::Logistic => Self::logistic(),
        }
    }

    /// The defaults of the softmax sampler.
    pub fn softmax() -> Self {
        Self {
            sampler: Sampler::Softmax,
            wanted: WANTED,
            exploration: 0.5,
            forgetting: 1.0,
            scale: 6.0,
            intercept: -1.0,
            intercept_deviation: 2.0,
            weight_deviation: 2.0,
            context_deviation: 1.0,
            temperature: 2.0,
            uniform_share: 0.3,
            tick_weight: 0.5,
            warm_weight: 1.0,
            seed: 0,
        }
    }

    /// The defaults of the logistic sampler.
    pub fn logistic() -> Self {
        Self {
            sampler: Sampler::Logistic,
            exploration: 0.2,
            weight_deviation: 1.5,
            context_deviation: 0.3,
            ..Self::softmax()
        }
    }

    /// Whether all settings are in range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), BanditError> {
        let total: f64 = self.wanted.iter().sum();
        let wanted = if self
            .wanted
            .iter()
            .all(|weight| (0.0..=1e6).contains(weight))
        {
            total
        } else {
            f64::NAN
        };
        let positive = f64::MIN_POSITIVE;
        let ranges = [
            (
                "wanted",
                "weights of at least 0, not all 0",
                wanted,
                1e-9,
                1e7,
            ),
            ("exploration", "from 0 to 10", self.exploration, 0.0, 10.0),
            (
                "forgetting",
                "from above 0 to 1",
                self.forgetting,
                positive,
                1.0,
            ),
            ("scale", "from above 0 to 100", self.scale, 1e-3, 100.0),
            ("intercept", "from -20 to 20", self.intercept, -20.0, 20.0),
            (
                "intercept_deviation",
                "from 0.001 to 100",
                self.intercept_deviation,
                1e-3,
                100.0,
            ),
            (
                "weight_deviation",
                "from 0.001 to 100",
                self.weight_deviation,
                1e-3,
                100.0,
            ),
            (
                "context_deviation",
                "from 0.001 to 100",
                self.context_deviation,
                1e-3,
                100.0,
            ),
            (
                "temperature",
                "from 0.001 to 100",
                self.temperature,
                1e-3,
                100.0,
            ),
            (
                "uniform_share",
                "from 0 to 0.99",
                self.uniform_share,
                0.0,
                0.99,
            ),
            ("tick_weight", "from 0 to 100", self.tick_weight, 0.0, 100.0),
            ("warm_weight", "from 0 to 1", self.warm_weight, 0.0, 1.0),
        ];
        for (setting, range, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(BanditError::Setting {
                    setting,
                    range,
                    value,
                });
            }
        }
        Ok(())
    }

    /// The wanted weights, which sum to 1.
    pub(super) fn wanted_shares(&self) -> Signals {
        let total: f64 = self.wanted.iter().sum();
        self.wanted.map(|weight| weight / total)
    }

    /// The logits of the softmax sampler whose weights are the wanted ones, as near as its range
    /// allows; their mean is 0.
    pub(super) fn wanted_logits(&self) -> Signals {
        let (share, rest) = (self.uniform_share, 1.0 - self.uniform_share);
        let softmax = self
            .wanted_shares()
            .map(|weight| ((weight - share / SIGNALS as f64) / rest).max(1e-3));
        let total: f64 = softmax.iter().sum();
        let logits = softmax.map(|q| self.temperature * (q / total).ln());
        let mean = logits.iter().sum::<f64>() / SIGNALS as f64;
        logits.map(|logit| logit - mean)
    }
}

impl Default for Settings {
    /// The sampler with the lower regret.
    fn default() -> Self {
        Self::logistic()
    }
}
