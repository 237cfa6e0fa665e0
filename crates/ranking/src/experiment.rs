//! Statistics of controlled experiments: how two groups of users compare by the share that converted.
//!
//! - [`Proportion::interval`]: the score interval of Wilson (1927), as Newcombe (1998a) recommends it.
//! - [`difference`]: the interval of the difference of two proportions, method 10 of Newcombe (1998b):
//!   from the Wilson intervals of both, without a correction for continuity.
//! - [`p_value`]: the two-sided test of two proportions with the pooled variance.
//! - [`users_needed`]: the size of each group at which that test finds a given difference (Fleiss, Levin
//!   and Paik, *Statistical Methods for Rates and Proportions*, 2003, section 4.2).
//! - [`sample_ratio_p_value`]: Pearson's chi-square test of group sizes against the shares that were meant.
//!
//! Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22. Newcombe,
//! "Two-sided confidence intervals for the single proportion" and "Interval estimation for the difference
//! between independent proportions", Statistics in Medicine 17.

use std::f64::consts::{PI, SQRT_2};

#[cfg(test)]
mod tests;

/// The probability that an interval misses the true value: intervals are of 95 %.
const MISS: f64 = 0.05;
/// The probability with which [`users_needed`] users find the difference.
const POWER: f64 = 0.8;
/// The least count of successes and of failures that the normal approximation of [`p_value`] is good for, in
/// each group, if both had the same proportion (Cochran 1954).
const MIN_EXPECTED: f64 = 5.0;

/// How many of a number of trials were successes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proportion {
    successes: u64,
    trials: u64,
}

/// An estimate with its interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntervalEstimate {
    /// The estimate.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Proportion {
    /// So many successes of so many trials; more successes than trials count as that many.
    pub fn new(successes: u64, trials: u64) -> Self {
        Self {
            successes: successes.min(trials),
            trials,
        }
    }

    /// The share of successes, in [0, 1]; `None` without trials.
    pub fn value(self) -> Option<f64> {
        (self.trials > 0).then(|| self.successes as f64 / self.trials as f64)
    }

    /// The share of successes with its Wilson interval, in [0, 1]; `None` without trials.
    pub fn interval(self) -> Option<IntervalEstimate> {
        let value = self.value()?;
        let (n, z) = (self.trials as f64, critical_value(MISS));
        let squared = z * z / n;
        let centre = (value + squared / 2.0) / (1.0 + squared);
        let half = z * (value * (1.0 - value) / n + squared / (4.0 * n)).sqrt() / (1.0 + squared);
        Some(IntervalEstimate {
            value,
            // Rounding must not move an end beyond the estimate, which it touches at 0 and 1.
            low: (centre - half).clamp(0.0, value),
            high: (centre + half).clamp(value, 1.0),
        })
    }
}

/// By how much the proportion of `variant` is above that of `control`, in [−1, 1], with its interval; `None`
/// where one of them has no trials.
pub fn difference(control: Proportion, variant: Proportion) -> Option<IntervalEstimate> {
    let (control, variant) = (control.interval()?, variant.interval()?);
    let value = variant.value - control.value;
    let below = (variant.value - variant.low).hypot(control.high - control.value);
    let above = (variant.high - variant.value).hypot(control.value - control.low);
    Some(IntervalEstimate {
        value,
        low: value - below,
        high: value + above,
    })
}

/// The probability of a difference at least as large as that between the two, in either direction, if both have
/// the same true proportion. `None` where there are too few successes or failures for the normal approximation:
/// fewer than 5 expected in a group.
pub fn p_value(control: Proportion, variant: Proportion) -> Option<f64> {
    let (one, other) = (control.value()?, variant.value()?);
    let (n, m) = (control.trials as f64, variant.trials as f64);
    let pooled = (control.successes as f64 + variant.successes as f64) / (n + m);
    let rarer = pooled.min(1.0 - pooled);
    if rarer * n.min(m) < MIN_EXPECTED {
        return None;
    }
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    Some(erfc((other - one).abs() / deviation / SQRT_2))
}

/// The number of users that each of two groups needs so that [`p_value`] is below `significance` with a
/// probability of 80 %, where the true proportions are these. `None` for equal proportions, for what is no
/// proportion, and for a significance outside of (0, 1).
pub fn users_needed(control: f64, variant: f64, significance: f64) -> Option<u64> {
    let share = 0.0..=1.0;
    let sound = share.contains(&control) && share.contains(&variant) && control != variant;
    let known = significance > 0.0 && significance < 1.0;
    if !(sound && known) {
        return None;
    }
    let mean = f64::midpoint(control, variant);
    let same = critical_value(significance) * (2.0 * mean * (1.0 - mean)).sqrt();
    // A one-sided quantile: the test errs to the other side next to never.
    let apart = critical_value(2.0 * (1.0 - POWER))
        * (control * (1.0 - control) + variant * (1.0 - variant)).sqrt();
    let needed = ((same + apart) / (variant - control)).powi(2).ceil();
    // What is beyond the range of the type stands for "more than there are".
    Some(needed as u64)
}

/// The probability of group sizes at least as far from the shares that `weights` ask for, if users are assigned
/// by them. `None` for fewer than two groups, where counts and weights differ in number, where a weight is not
/// positive, and where a group is expected to have fewer than 5 users.
pub fn sample_ratio_p_value(counts: &[u64], weights: &[f64]) -> Option<f64> {
    let positive = weights
        .iter()
        .all(|weight| *weight > 0.0 && weight.is_finite());
    if counts.len() != weights.len() || counts.len() < 2 || !positive {
        return None;
    }
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    let whole: f64 = weights.iter().sum();
    let mut statistic = 0.0;
    for (count, weight) in counts.iter().zip(weights) {
        let expected = total * weight / whole;
        if expected < MIN_EXPECTED {
            return None;
        }
        statistic += (*count as f64 - expected).powi(2) / expected;
    }
    Some(chi_square_tail(statistic, counts.len() - 1))
}

/// The probability that a chi-square variable of so many degrees of freedom is above `statistic`:
/// Q(degrees/2, statistic/2) by the recurrence Q(a+1, x) = Q(a, x) + xᵃ·e⁻ˣ/Γ(a+1) (Abramowitz and Stegun 6.5.21),
/// from Q(1/2, x) = erfc(√x) or Q(1, x) = e⁻ˣ.
fn chi_square_tail(statistic: f64, degrees: usize) -> f64 {
    let x = statistic / 2.0;
    // `term` is xᵃ·e⁻ˣ/Γ(a+1).
    let (mut a, mut tail, mut term) = if degrees % 2 == 1 {
        let term = 2.0 * (x / PI).sqrt() * (-x).exp();
        (0.5, erfc(x.sqrt()), term)
    } else {
        (1.0, (-x).exp(), x * (-x).exp())
    };
    while 2.0 * a < degrees as f64 {
        tail += term;
        a += 1.0;
        term *= x / a;
    }
    tail.clamp(0.0, 1.0)
}

/// The number of standard deviations that a normal variable is beyond, to either side, with this probability:
/// 1.96 for 0.05.
fn critical_value(probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    // Halving 40 so often is below the precision of the number.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if erfc(middle / SQRT_2) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The complementary error function of x ≥ 0: 1 minus the series of Abramowitz and Stegun 7.1.6, whose terms are all
/// positive, and from 2.5 on their continued fraction 7.1.14, from its end.
fn erfc(x: f64) -> f64 {
    let scale = (-x * x).exp() / PI.sqrt();
    if x < 2.5 {
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term > sum * f64::EPSILON {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return 1.0 - 2.0 * scale * sum;
    }
    // 100 steps are more than double precision needs from 2.5 on.
    let fraction = (1..=100)
        .rev()
        .fold(x, |below, step| x + f64::from(step) / 2.0 / below);
    scale / fraction
}
