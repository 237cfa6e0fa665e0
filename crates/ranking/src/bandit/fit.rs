//! The posterior: a normal distribution whose mean is the mode over all events that are kept, and
//! whose precision is the Fisher information that they brought.
//!
//! At the mode `m` the gradient `A0 (m − m0) + Σ γ_f^age Σ_i (p_i − y_i) z_i` vanishes. The
//! precision is `A = A0 + Σ γ_f^age Σ_i p_i (1 − p_i) z_i z_iᵀ` (for a pick with the covariance of
//! the choice in place of `p (1 − p)`). There `p` is what was expected beforehand, at `m0`: evaluated
//! at a mode that moves, information that was had would be lost again, and deviations would rise
//! under feedback that agrees with itself. Both are functions of the set of events.

use super::Sampler;
use super::feedback::{Event, EventLog};
use super::groups::{Group, Groups};
use super::likelihood::{Derivatives, ROWS};
use super::linear_algebra::{Cholesky, dot};
use super::model::{Model, Order};

/// Steps at most; a handful is usual.
const MOST_STEPS: usize = 500;

/// A step smaller than this in every parameter is the last.
const CLOSE: f64 = 1e-11;

/// How much smaller each step must be than the one before, or the second derivative is computed
/// anew.
const CONTRACTION: f64 = 0.05;

/// What is known from events that are no longer kept: `½ θᵀ P θ − lᵀ θ` stands for their part of
/// the negative logarithm of the posterior, as it was around the mode when they were folded.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Folded {
    pub(super) precision: Vec<f64>,
    pub(super) linear: Vec<f64>,
    /// How many events had come when it was made.
    pub(super) arrived: u64,
}

/// A normal distribution over parameters.
#[derive(Clone, Debug)]
pub(super) struct Posterior {
    pub(super) mean: Vec<f64>,
    /// Symmetric, as rows; of the softmax sampler the diagonal counts.
    pub(super) precision: Vec<f64>,
    /// Of the precision, for the logistic sampler.
    pub(super) factor: Option<Cholesky>,
    /// The second derivative somewhere near the mean, to search the next mode with; events that
    /// came since are added to it.
    pub(super) slope: Option<Vec<f64>>,
}

/// The negative logarithm of a posterior and its derivatives.
pub(super) struct Objective {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// Symmetric, as rows; empty where only the first derivative was asked for.
    pub(super) curvature: Vec<f64>,
}

impl Objective {
    fn zero(size: usize, order: Order) -> Self {
        let entries = if order == Order::First {
            0
        } else {
            size * size
        };
        Self {
            value: 0.0,
            gradient: vec![0.0; size],
            curvature: vec![0.0; entries],
        }
    }
}

impl Posterior {
    /// What is known before any event.
    pub(super) fn prior(model: &Model) -> Self {
        let size = model.size();
        let mut precision = vec![0.0; size * size];
        for (at, h0) in model.prior_precision.iter().enumerate() {
            precision[at * (size + 1)] = *h0;
        }
        Self::with(model, model.prior_mean.clone(), precision)
            .expect("prior precisions are positive")
    }

    /// With mean and precision; `None` if this is not positive definite.
    pub(super) fn with(model: &Model, mean: Vec<f64>, precision: Vec<f64>) -> Option<Self> {
        let mut out = Self {
            mean,
            precision,
            factor: None,
            slope: None,
        };
        out.factorise(model);
        let usable = model.settings.sampler == Sampler::Softmax || out.factor.is_some();
        usable.then_some(out)
    }

    /// To be called after the precision changed. A precision that rounding has made singular leaves
    /// the factor as it was.
    pub(super) fn factorise(&mut self, model: &Model) {
        if model.settings.sampler == Sampler::Logistic {
            let factor = Cholesky::new(&self.precision, model.size());
            self.factor = factor.or(self.factor.take());
        }
    }

    /// Adds the information of one more event: `A ← γ_f A + (1 − γ_f) A0 + H`.
    pub(super) fn inform(&mut self, model: &Model, event: &Event) {
        let size = model.size();
        let forgetting = model.settings.forgetting;
        if forgetting < 1.0 {
            self.precision.iter_mut().for_each(|h| *h *= forgetting);
            for (at, h0) in model.prior_precision.iter().enumerate() {
                self.precision[at * (size + 1)] += (1.0 - forgetting) * h0;
            }
        }
        let one = std::slice::from_ref(event);
        let mut out = Objective {
            value: 0.0,
            gradient: vec![0.0; size],
            curvature: std::mem::take(&mut self.precision),
        };
        let groups = Groups::of(model, one);
        let weight = [event.weight];
        let prior = &model.prior_mean;
        add_events(model, one, &groups, &weight, prior, Order::Fisher, &mut out);
        self.precision = std::mem::take(&mut out.curvature);
        if let Some(slope) = self.slope.take() {
            out.curvature = slope;
            add_events(
                model,
                one,
                &groups,
                &weight,
                &self.mean,
                Order::Fisher,
                &mut out,
            );
            self.slope = Some(out.curvature);
        }
    }
}

/// The prior and what is folded.
fn objective_of_prior(
    model: &Model,
    folded: Option<(&Folded, f64)>,
    parameters: &[f64],
    order: Order,
) -> Objective {
    let size = model.size();
    let mut out = Objective::zero(size, order);
    for (at, h0) in model.prior_precision.iter().enumerate() {
        let away = parameters[at] - model.prior_mean[at];
        out.value += 0.5 * h0 * away * away;
        out.gradient[at] = h0 * away;
        if order != Order::First {
            out.curvature[at * (size + 1)] = *h0;
        }
    }
    if let Some((folded, weight)) = folded {
        for (at, row) in folded.precision.chunks_exact(size).enumerate() {
            let pull = dot(row, parameters);
            out.value += weight * parameters[at] * (0.5 * pull - folded.linear[at]);
            out.gradient[at] += weight * (pull - folded.linear[at]);
        }
        for (entry, known) in out.curvature.iter_mut().zip(&folded.precision) {
            *entry += weight * known;
        }
    }
    out
}

/// Sums of derivatives, in which the second ones stand by pairs of rows: for each pair `(r, c)`,
/// `c ≤ r`, a square of features by features. So a group adds multiples of one small matrix.
struct Sums {
    value: f64,
    gradient: Vec<f64>,
    pairs: Vec<f64>,
    outer: Vec<f64>,
}

impl Sums {
    fn new(model: &Model) -> Self {
        let square = model.features * model.features;
        Self {
            value: 0.0,
            gradient: vec![0.0; model.size()],
            pairs: vec![0.0; ROWS * (ROWS + 1) / 2 * square],
            outer: vec![0.0; square],
        }
    }

    fn add(&mut self, features: usize, group: &Group, derivatives: &Derivatives, order: Order) {
        self.value += derivatives.value;
        let rows = self.gradient.chunks_exact_mut(features);
        for (row, slope) in rows.zip(derivatives.gradient) {
            for (at, feature) in &group.nonzero {
                row[*at] += slope * feature;
            }
        }
        if order == Order::First {
            return;
        }
        let entries = (0..ROWS).flat_map(|r| &derivatives.curvature[r][..=r]);
        let squares = self.pairs.chunks_exact_mut(features * features);
        if group.nonzero.len() < features {
            for (square, entry) in squares.zip(entries) {
                for (a, f) in &group.nonzero {
                    let scaled = entry * f;
                    for (b, f) in &group.nonzero {
                        square[a * features + b] += scaled * f;
                    }
                }
            }
            return;
        }
        let outer = self.outer.chunks_exact_mut(features);
        for (row, a) in outer.zip(&group.features) {
            for (entry, b) in row.iter_mut().zip(&group.features) {
                *entry = a * b;
            }
        }
        for (square, entry) in squares.zip(entries) {
            for (sum, product) in square.iter_mut().zip(&self.outer) {
                *sum += entry * product;
            }
        }
    }

    fn add_to(&self, features: usize, out: &mut Objective) {
        let size = ROWS * features;
        out.value += self.value;
        for (out, sum) in out.gradient.iter_mut().zip(&self.gradient) {
            *out += sum;
        }
        if out.curvature.is_empty() {
            return;
        }
        let pairs = (0..ROWS).flat_map(|r| (0..=r).map(move |c| (r, c)));
        for ((r, c), square) in pairs.zip(self.pairs.chunks_exact(features * features)) {
            for (a, row) in square.chunks_exact(features).enumerate() {
                for (b, entry) in row.iter().enumerate() {
                    out.curvature[(r * features + a) * size + c * features + b] += entry;
                    if r != c {
                        out.curvature[(c * features + b) * size + r * features + a] += entry;
                    }
                }
            }
        }
    }
}

/// Adds what events say. `weights` is how much each of them counts.
fn add_events(
    model: &Model,
    events: &[Event],
    groups: &Groups,
    weights: &[f64],
    parameters: &[f64],
    order: Order,
    out: &mut Objective,
) {
    let curved = order != Order::First;
    let mut sums = Sums::new(model);
    let mut scratch = Vec::new();
    for group in &groups.groups {
        let x = model.local(parameters, &group.features);
        let effective = model.effective(&x);
        let mut sum = Derivatives::default();
        for &at in &group.events {
            let Event { feedback, .. } = &events[at];
            let (shown, outcome) = (&feedback.shown, &feedback.outcome);
            sum.add(
                &effective,
                shown,
                outcome,
                weights[at],
                curved,
                &mut scratch,
            );
            if let Some(shares) = feedback.ticked_shares() {
                let weight = model.settings.tick_weight * weights[at];
                sum.add_ticks(&effective, &shares, model.settings.scale, weight);
            }
        }
        model.pull_back(&x, &mut sum, order);
        sums.add(model.features, group, &sum, order);
    }
    sums.add_to(model.features, out);
}

/// The negative logarithm of the posterior at some parameters.
pub(super) fn objective(
    model: &Model,
    log: &EventLog,
    groups: &Groups,
    folded: Option<&Folded>,
    parameters: &[f64],
    order: Order,
) -> Objective {
    let forgetting = model.settings.forgetting;
    let folded = folded.map(|folded| {
        let after = log.arrived - folded.arrived;
        (folded, forgetting.powf(after as f64))
    });
    let mut out = objective_of_prior(model, folded, parameters, order);
    let weights = log.weights(forgetting);
    add_events(
        model,
        &log.events,
        groups,
        &weights,
        parameters,
        order,
        &mut out,
    );
    out
}

impl Posterior {
    /// Moves the mean to the mode, from where it is, by Newton's method: with a second derivative
    /// that was computed before as long as steps shrink fast, with the Fisher information where the
    /// second derivative is not positive definite, and with shorter steps where a whole one leads
    /// upwards. Where numbers overflow, the mean stays where it got to.
    pub(super) fn find_mode(
        &mut self,
        model: &Model,
        log: &EventLog,
        groups: &Groups,
        folded: Option<&Folded>,
    ) {
        let size = model.size();
        let at =
            |parameters: &[f64], order| objective(model, log, groups, folded, parameters, order);
        let mut here = at(&self.mean, Order::First);
        let mut solver = self
            .slope
            .as_ref()
            .and_then(|slope| Cholesky::new(slope, size));
        let mut fresh = false;
        let mut before = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            if solver.is_none() {
                for order in [Order::Second, Order::Fisher] {
                    let slope = at(&self.mean, order).curvature;
                    solver = Cholesky::new(&slope, size);
                    self.slope = Some(slope);
                    if solver.is_some() {
                        break;
                    }
                }
                fresh = true;
            }
            let Some(factor) = &solver else { return };
            let mut step = here.gradient.clone();
            factor.solve(&mut step);
            let largest = step
                .iter()
                .fold(0.0, |most: f64, step| most.max(step.abs()));
            if largest > CONTRACTION * before && largest > CLOSE && !fresh {
                // The derivative at hand is of too long ago.
                solver = None;
                continue;
            }
            let moved = |length: f64, from: &[f64]| -> Vec<f64> {
                from.iter()
                    .zip(&step)
                    .map(|(m, s)| m - length * s)
                    .collect()
            };
            // The next step would be smaller in the proportion of this to the last.
            let next = if before.is_finite() {
                largest * (largest / before)
            } else {
                largest
            };
            if next < CLOSE {
                self.mean = moved(1.0, &self.mean);
                return;
            }
            let decrement = dot(&step, &here.gradient);
            // Where the decrease is smaller than the rounding of the values, a whole step it is.
            let rounding = 1e-12 * (1.0 + here.value.abs());
            let mut length = 1.0;
            loop {
                let tried = moved(length, &self.mean);
                let there = at(&tried, Order::First);
                let enough = here.value - 1e-4 * length * decrement + rounding;
                if there.value <= enough || length < 1e-6 {
                    (self.mean, here) = (tried, there);
                    break;
                }
                length *= 0.5;
            }
            if length < 1.0 {
                solver = None;
            }
            (before, fresh) = (largest, false);
        }
    }
}

/// Folds events into what is known, as they are seen from the mode. `weights` is how much each of
/// them counts now.
pub(super) fn fold(
    model: &Model,
    events: &[Event],
    weights: &[f64],
    known: Option<(&Folded, f64)>,
    mode: &[f64],
    arrived: u64,
) -> Folded {
    let size = model.size();
    let mut sum = Objective::zero(size, Order::Second);
    add_events(
        model,
        events,
        &Groups::of(model, events),
        weights,
        mode,
        Order::Second,
        &mut sum,
    );
    let mut linear: Vec<f64> = sum
        .curvature
        .chunks_exact(size)
        .zip(&sum.gradient)
        .map(|(row, gradient)| dot(row, mode) - gradient)
        .collect();
    let mut precision = sum.curvature;
    if let Some((known, weight)) = known {
        for (sum, known) in precision.iter_mut().zip(&known.precision) {
            *sum += weight * known;
        }
        for (sum, known) in linear.iter_mut().zip(&known.linear) {
            *sum += weight * known;
        }
    }
    Folded {
        precision,
        linear,
        arrived,
    }
}
