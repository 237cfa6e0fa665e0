//! How probable an outcome is, given the utility of each item shown, and its derivatives.
//!
//! The utility of item `i` is `u_i = a + ω · (s_i − ½)`: an intercept and effective weights. "None"
//! has the utility 0. With `x_i = (1, s_i − ½)`, the negative logarithm of the likelihood has the
//! gradient `Σ (p_i − y_i) x_i` in `(a, ω)` and the second derivative `Σ p_i (1 − p_i) x_i x_iᵀ`
//! for clicks and `Σ p_i x_i x_iᵀ − (Σ p_i x_i)(Σ p_i x_i)ᵀ` for a pick.

use super::feedback::Outcome;
use super::{SIGNALS, Signals};

/// The intercept and a weight for each signal.
pub(super) const ROWS: usize = SIGNALS + 1;

/// A point in the space of intercept and weights, or a derivative there.
pub(super) type Local = [f64; ROWS];

/// The negative logarithm of a likelihood, with its derivatives in intercept and weights.
#[derive(Clone, Debug, Default)]
pub(super) struct Derivatives {
    pub(super) value: f64,
    pub(super) gradient: Local,
    /// Symmetric.
    pub(super) curvature: [Local; ROWS],
}

/// The utility of an item.
pub(super) fn utility(at: &Local, signals: &Signals) -> f64 {
    let mut sum = at[0];
    for (weight, signal) in at[1..].iter().zip(signals) {
        sum += weight * (signal - 0.5);
    }
    sum
}

/// `ln(1 + eˣ)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The logistic function.
pub(super) fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// Turns utilities into the probabilities of a conditional logit, with "none" or without; answers
/// the logarithm of what they were divided by.
pub(super) fn choice_probabilities(utilities: &mut [f64], with_none: bool) -> f64 {
    let start = if with_none { 0.0 } else { f64::NEG_INFINITY };
    let largest = utilities.iter().copied().fold(start, f64::max);
    let mut sum = if with_none { (-largest).exp() } else { 0.0 };
    for utility in utilities.iter_mut() {
        *utility = (*utility - largest).exp();
        sum += *utility;
    }
    for probability in utilities {
        *probability /= sum;
    }
    largest + sum.ln()
}

impl Derivatives {
    /// Adds `weight` times those of an outcome, the second ones only if `curved`. `scratch` is
    /// memory to use again.
    pub(super) fn add(
        &mut self,
        at: &Local,
        shown: &[Signals],
        outcome: &Outcome,
        weight: f64,
        curved: bool,
        scratch: &mut Vec<f64>,
    ) {
        if shown.is_empty() {
            return;
        }
        scratch.clear();
        scratch.extend(shown.iter().map(|signals| utility(at, signals)));
        match outcome {
            Outcome::Clicks(clicks) => {
                for ((utility, signals), clicked) in scratch.iter().zip(shown).zip(clicks) {
                    let y = f64::from(u8::from(*clicked));
                    let p = logistic(*utility);
                    self.value += weight * (softplus(*utility) - y * utility);
                    self.add_slope(signals, weight * (p - y));
                    if curved {
                        self.add_curvature(signals, weight * p * (1.0 - p));
                    }
                }
            }
            Outcome::OnePick(_) | Outcome::PastPick(_) => {
                let (pick, with_none) = match outcome {
                    Outcome::PastPick(at) => (Some(*at), false),
                    Outcome::OnePick(pick) => (*pick, true),
                    Outcome::Clicks(_) => (None, true),
                };
                let picked = pick.map_or(0.0, |pick| scratch[pick]);
                let total = choice_probabilities(scratch, with_none);
                self.value += weight * (total - picked);
                let mut mean = [0.0; ROWS];
                for (at, (p, signals)) in scratch.iter().zip(shown).enumerate() {
                    let y = f64::from(u8::from(pick == Some(at)));
                    self.add_slope(signals, weight * (p - y));
                    if !curved {
                        continue;
                    }
                    self.add_curvature(signals, weight * p);
                    mean[0] += p;
                    for (mean, signal) in mean[1..].iter_mut().zip(signals) {
                        *mean += p * (signal - 0.5);
                    }
                }
                for (row, a) in self.curvature.iter_mut().zip(mean) {
                    for (entry, b) in row.iter_mut().zip(mean) {
                        *entry -= weight * a * b;
                    }
                }
            }
        }
    }

    fn add_slope(&mut self, signals: &Signals, slope: f64) {
        self.gradient[0] += slope;
        for (sum, signal) in self.gradient[1..].iter_mut().zip(signals) {
            *sum += slope * (signal - 0.5);
        }
    }

    fn add_curvature(&mut self, signals: &Signals, curvature: f64) {
        let mut x = [1.0; ROWS];
        for (x, signal) in x[1..].iter_mut().zip(signals) {
            *x = signal - 0.5;
        }
        for (at, row) in self.curvature.iter_mut().enumerate() {
            let scaled = curvature * x[at];
            for (entry, x) in row.iter_mut().zip(x) {
                *entry += scaled * x;
            }
        }
    }

    /// Adds `weight` times the penalty `½ λ |ω/γ − shares|²` of ticked signals.
    pub(super) fn add_ticks(&mut self, at: &Local, shares: &Signals, scale: f64, weight: f64) {
        for (signal, share) in shares.iter().enumerate() {
            let row = signal + 1;
            let missed = at[row] / scale - share;
            self.value += 0.5 * weight * missed * missed;
            self.gradient[row] += weight * missed / scale;
            self.curvature[row][row] += weight / (scale * scale);
        }
    }
}
