//! What another policy would have earned on slates that were logged.
//!
//! Somebody who picks one item or none compares the items of a slate with each other: what an item
//! earns depends on what stands beside it, and sums of estimates item by item are wrong. For such
//! feedback ([`whole_slates`]) a slate is one action, whose importance is the ratio of the
//! probabilities that either policy shows exactly this set. Where items are taken independently of
//! each other ([`independent_items`]) each shown item has an importance of its own, which varies much
//! less (Li et al. 2018, "Offline Evaluation of Ranking Policies with Click Models", §4).
//!
//! Of each there are three estimates: inverse propensity scoring (Horvitz and Thompson 1952), the
//! same normalised by its weights (Swaminathan and Joachims 2015), and the doubly robust one, which
//! needs weights only for what a reward model gets wrong (Dudík, Langford, Li 2011).

use serde::Serialize;
use thiserror::Error;

/// The effective sample size that an estimate needs at least, unless more is asked for.
pub const LEAST_EFFECTIVE: f64 = 50.0;

/// The quantile of the normal distribution for an interval of 95 %.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// A logged slate as a whole. Only the ratio of `target` to `logged` matters: instead of the probabilities of
/// the set both may be those of slates that are alike, see [`super::Bandit::judge`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlateRecord {
    /// The probability that the logging policy showed exactly this set; above 0.
    pub logged: f64,
    /// The probability that the judged policy would have.
    pub target: f64,
    /// What the slate earned: 1 if something was picked.
    pub reward: f64,
    /// What the reward model expects of the slate as shown.
    pub predicted: f64,
    /// What the reward model expects of the judged policy in this context: the mean over its slates.
    pub predicted_target: f64,
}

/// An item of a logged slate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ItemRecord {
    /// The probability that the logging policy showed it; above 0.
    pub logged: f64,
    /// The probability that the judged policy would have.
    pub target: f64,
    /// What it earned: 1 if it was taken.
    pub reward: f64,
    /// What the reward model expects of it.
    pub predicted: f64,
}

/// A logged slate whose items are taken independently.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRecord {
    /// The items shown.
    pub items: Vec<ItemRecord>,
    /// What the reward model expects of the judged policy in this context: the sum over all
    /// candidates of what it expects of them times the probability that they are shown.
    pub predicted_target: f64,
}

/// An estimate of what a policy earns a slate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The estimates of one policy on one log.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimates {
    /// Inverse propensity scoring.
    pub ips: Estimate,
    /// Self-normalised inverse propensity scoring.
    pub snips: Estimate,
    /// Doubly robust.
    pub doubly_robust: Estimate,
    /// How many slates of the judged policy the log is worth: `(Σ ρ)² / Σ ρ²` of the importance
    /// weights `ρ` (Kong 1992).
    pub effective_samples: f64,
    /// How many slates the log has.
    pub slates: usize,
}

/// Why there is no estimate.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum OffPolicyError {
    /// A record is not possible.
    #[error("slate {at} of the log: {problem}")]
    Record {
        /// The place of the slate in the log, from 0.
        at: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The policies differ too much for so short a log.
    #[error(
        "the log is worth {effective:.1} slates of the judged policy, and at least {least:.0} are \
         needed: log more slates, or judge a policy that is nearer to the one that made the log"
    )]
    TooFewEffective {
        /// The effective sample size.
        effective: f64,
        /// What it must be.
        least: f64,
    },
}

/// What one slate adds to the sums.
struct Sample {
    /// The importance, of the slate or summed over its items.
    weight: f64,
    /// The sum of squares of the importances.
    squares: f64,
    /// Importances times rewards.
    weighted: f64,
    /// What self-normalised weights are multiplied by: how many of them a slate has.
    size: f64,
    /// The doubly robust estimate from this slate alone.
    corrected: f64,
}

/// Judges a policy by slates of which one item or none was picked. `least` is the effective sample
/// size that is needed, [`LEAST_EFFECTIVE`] at least.
///
/// # Errors
/// For a record that is not possible, and if the effective sample size is too small.
pub fn whole_slates(records: &[SlateRecord], least: f64) -> Result<Estimates, OffPolicyError> {
    let sample = |(at, record): (usize, &SlateRecord)| {
        check(at, record.logged, record.target)?;
        check_finite(
            at,
            &[record.reward, record.predicted, record.predicted_target],
        )?;
        let weight = record.target / record.logged;
        Ok(Sample {
            weight,
            squares: weight * weight,
            weighted: weight * record.reward,
            size: 1.0,
            corrected: record.predicted_target + weight * (record.reward - record.predicted),
        })
    };
    let samples: Result<Vec<Sample>, _> = records.iter().enumerate().map(sample).collect();
    estimate(&samples?, least)
}

/// Judges a policy by slates whose items are taken independently of each other. Not for slates of
/// which one item is picked. `least` is the effective sample size that is needed,
/// [`LEAST_EFFECTIVE`] at least.
///
/// # Errors
/// For a record that is not possible, and if the effective sample size is too small.
pub fn independent_items(records: &[FeedRecord], least: f64) -> Result<Estimates, OffPolicyError> {
    let sample = |(at, record): (usize, &FeedRecord)| {
        check_finite(at, &[record.predicted_target])?;
        let mut out = Sample {
            weight: 0.0,
            squares: 0.0,
            weighted: 0.0,
            size: record.items.len() as f64,
            corrected: record.predicted_target,
        };
        for item in &record.items {
            check(at, item.logged, item.target)?;
            check_finite(at, &[item.reward, item.predicted])?;
            let weight = item.target / item.logged;
            out.weight += weight;
            out.squares += weight * weight;
            out.weighted += weight * item.reward;
            out.corrected += weight * (item.reward - item.predicted);
        }
        Ok(out)
    };
    let samples: Result<Vec<Sample>, _> = records.iter().enumerate().map(sample).collect();
    estimate(&samples?, least)
}

/// What a policy earned that made the log itself: the mean with its interval.
pub fn observed(rewards: impl Iterator<Item = f64> + Clone) -> Estimate {
    mean(rewards)
}

fn check(at: usize, logged: f64, target: f64) -> Result<(), OffPolicyError> {
    let problem = if !(logged > 0.0 && logged <= 1.0) {
        "the probability of what was shown must be above 0 and at most 1"
    } else if !(0.0..=1.0).contains(&target) {
        "the probability under the judged policy must be from 0 to 1"
    } else {
        return Ok(());
    };
    Err(OffPolicyError::Record { at, problem })
}

fn check_finite(at: usize, numbers: &[f64]) -> Result<(), OffPolicyError> {
    if numbers.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    let problem = "rewards and predictions must be finite numbers";
    Err(OffPolicyError::Record { at, problem })
}

fn estimate(samples: &[Sample], least: f64) -> Result<Estimates, OffPolicyError> {
    let sum = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>();
    let count = samples.len() as f64;
    let (weights, squares) = (sum(|one| one.weight), sum(|one| one.squares));
    let size = sum(|one| one.size);
    // Of items, as many as there are in a slate make one.
    let effective = if squares > 0.0 {
        weights * weights / squares * count / size
    } else {
        0.0
    };
    let least = least.max(LEAST_EFFECTIVE);
    if effective < least {
        return Err(OffPolicyError::TooFewEffective { effective, least });
    }
    let ratio = sum(|one| one.weighted) / weights;
    let length = size / count;
    let mean_weight = weights / count;
    // The delta method: a ratio of means varies as these do.
    let linear =
        |one: &Sample| ratio * length + length / mean_weight * (one.weighted - ratio * one.weight);
    Ok(Estimates {
        ips: mean(samples.iter().map(|one| one.weighted)),
        snips: mean(samples.iter().map(linear)),
        doubly_robust: mean(samples.iter().map(|one| one.corrected)),
        effective_samples: effective,
        slates: samples.len(),
    })
}

/// The mean with its interval, by the central limit theorem.
fn mean(numbers: impl Iterator<Item = f64> + Clone) -> Estimate {
    let count = numbers.clone().count() as f64;
    let value = numbers.clone().sum::<f64>() / count;
    let squares: f64 = numbers.map(|number| (number - value).powi(2)).sum();
    let error = (squares / (count - 1.0).max(1.0) / count).sqrt();
    Estimate {
        value,
        low: value - QUANTILE * error,
        high: value + QUANTILE * error,
    }
}
