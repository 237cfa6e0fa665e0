//! SLIM: a sparse linear model without negative weights.
//!
//! Ning and Karypis 2011, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM: the
//! weights `w` of the sources of target `j` minimise
//! `½|x_j − Xw|² + ½ ridge |w|² + lasso |w|₁` with `w ≥ 0` and `w_j = 0` (eq. 4). Few weights
//! differ from zero, and none speaks against an item, so that the model errs elsewhere than the
//! dense ones of [`ease`](super::ease): a blend of both is better than either.
//!
//! Each target is solved alone by coordinate descent on `G = XᵀX` (Friedman, Hastie and Tibshirani
//! 2010, "Regularization Paths for Generalized Linear Models via Coordinate Descent", Journal of
//! Statistical Software 33(1), §2.1). As neither `G` nor `w` is ever negative, a source with
//! `G_ij ≤ lasso` can have no weight: it is never looked at. Of the others a few enter at a time,
//! those that lower the objective most.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::ease::most_taken;
use super::item_lists::Neighbours;
use super::item_weights::ItemWeights;
use super::matrix::Interactions;
use super::symmetric::{Observer, Stopped, Symmetric};
use super::{input, top};

#[cfg(test)]
mod tests;

/// The most items the model may have: a matrix of 400 MB while it is trained.
pub const MOST_ITEMS: usize = 10_000;

/// How many sources enter at a time.
const ENTERING: usize = 32;

/// How often sources enter, or the weights are gone through again, at most.
const ROUNDS: usize = 100;

/// How often the weights of those that have entered are gone through before others enter.
const SWEEPS: usize = 4;

/// No step larger than this is left in the end: weights are of the order of a tenth.
const SMALLEST_STEP: f32 = 1e-4;

/// A source enters if its pull is above the threshold by more than this share of it: less is
/// rounding.
const MARGIN: f32 = 1e-3;

/// How many targets are solved between two looks at the observer.
const TARGETS: usize = 256;

/// What the model is trained with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SlimSettings {
    /// The weight of the squares of the weights, positive: some tens to some hundreds.
    pub ridge: f32,
    /// The weight of the sum of the weights, positive: how often two items must at least have been
    /// taken together; the larger, the fewer weights.
    pub lasso: f32,
    /// How many sources a target keeps, at least 1.
    pub keep: usize,
    /// Of how many items, the most taken, the model consists at most; 1 to [`MOST_ITEMS`].
    pub most_items: usize,
    /// When scoring: after how many positions from the latest nine tenths of an entry count half, a
    /// tenth of it lasting; 0 if the order does not matter. Without times it does not.
    pub recency: f32,
    /// How much the weight of an entry says: its exponent, 0 to 4. At 0 all entries count alike.
    pub confidence: f32,
}

impl Default for SlimSettings {
    /// A fair start on films.
    fn default() -> Self {
        Self {
            ridge: 50.0,
            lasso: 2.0,
            keep: 300,
            most_items: 5_000,
            recency: 0.0,
            confidence: 1.0,
        }
    }
}

impl SlimSettings {
    pub(super) fn complaint(&self) -> Option<&'static str> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        if !positive(self.ridge) || !positive(self.lasso) {
            Some("the regularisation of the sparse linear model must be positive")
        } else if !(1..=MOST_ITEMS).contains(&self.most_items) {
            Some("the sparse linear model must have from 1 to 10000 items")
        } else if self.keep == 0 {
            Some("an item must keep at least 1 neighbour")
        } else if !(self.recency.is_finite() && self.recency >= 0.0) {
            Some("the half-life of an entry must not be negative")
        } else {
            input::complaint(self.confidence)
        }
    }
}

/// Trains on users (rows) by items (columns). Items that nobody took, and those past the most
/// taken `most_items`, have no weights. It takes memory for the square of the items, in f32.
///
/// # Errors
/// [`Stopped`] if `observe` says so.
pub fn fit(
    table: &Interactions,
    settings: &SlimSettings,
    observe: &mut Observer,
) -> Result<ItemWeights, Stopped> {
    let head = most_taken(table, settings.most_items);
    let taken = input::strengths(&table.with_columns(&head), settings.confidence);
    let together = Square::of(&taken, &mut |done| observe(0.2 * done))?;
    let items = together.size;
    let sizes: Vec<f32> = (0..items)
        .map(|item| together.row(item)[item].sqrt())
        .collect();
    let mut of_each = vec![Vec::new(); table.columns()];
    for first in (0..items).step_by(TARGETS) {
        let targets = first..(first + TARGETS).min(items);
        let lists = Neighbours::collect(
            settings.keep,
            targets.clone(),
            &sizes,
            Descent::default,
            |target, descent, found| descent.solve(&together, target, settings, found),
        );
        for (target, mut sources) in targets.clone().zip(lists) {
            let name = |(source, _): &mut (u32, f32)| *source = head[*source as usize];
            sources.iter_mut().for_each(name);
            of_each[head[target] as usize] = sources;
        }
        if observe(0.2 + 0.8 * targets.end as f32 / items as f32).is_break() {
            return Err(Stopped);
        }
    }
    let lists = Neighbours::from_targets(&of_each, 4 * settings.keep);
    Ok(ItemWeights::Lists(lists))
}

/// `XᵀX`, all of it: descent reads whole rows.
struct Square {
    size: usize,
    values: Vec<f32>,
}

impl Square {
    fn of(table: &Interactions, observe: &mut Observer) -> Result<Self, Stopped> {
        let half = Symmetric::gramian(table, observe)?;
        let size = half.size();
        let mut values = vec![0.0; size * size];
        values
            .par_chunks_exact_mut(size.max(1))
            .enumerate()
            .for_each_init(Vec::new, |whole, (at, row)| {
                half.row(at, whole);
                row.copy_from_slice(&whole[..size]);
            });
        Ok(Self { size, values })
    }

    fn row(&self, item: usize) -> &[f32] {
        &self.values[item * self.size..][..self.size]
    }
}

/// What one thread works with; all of it is written anew for a target.
#[derive(Default)]
struct Descent {
    /// The sources that can have a weight, ascending.
    candidates: Vec<u32>,
    /// For each item `G_ij − Σ_k G_ik w_k`: how much of the target it could still explain.
    pulls: Vec<f32>,
    /// The sources that have entered, and their weights.
    entered: Vec<(u32, f32)>,
    /// `G` between those that have entered, row by row.
    between: Vec<f32>,
}

impl Descent {
    /// Writes the sources of a target that have a weight, ascending.
    fn solve(
        &mut self,
        together: &Square,
        target: usize,
        settings: &SlimSettings,
        found: &mut Vec<(u32, f32)>,
    ) {
        let row = together.row(target);
        self.pulls.clear();
        self.pulls.extend_from_slice(row);
        self.entered.clear();
        self.candidates.clear();
        let above = (0_u32..)
            .zip(row)
            .filter(|(source, pull)| **pull > settings.lasso && *source as usize != target);
        self.candidates.extend(above.map(|(source, _)| source));
        for _ in 0..ROUNDS {
            let entered = self.enter(together, settings);
            let step = self.descend(together, settings);
            if !entered && step < SMALLEST_STEP {
                break;
            }
        }
        found.extend_from_slice(&self.entered);
        found.sort_unstable_by_key(|(source, _)| *source);
    }

    /// Lets the sources enter whose weight would lower the objective most; whether there were any.
    fn enter(&mut self, together: &Square, settings: &SlimSettings) -> bool {
        let threshold = settings.lasso * (1.0 + MARGIN);
        let mut is_in: Vec<u32> = self.entered.iter().map(|(source, _)| *source).collect();
        is_in.sort_unstable();
        let pulling = self.candidates.iter().filter(|source| {
            self.pulls[**source as usize] > threshold && is_in.binary_search(source).is_err()
        });
        let gains = pulling.map(|source| {
            let at = *source as usize;
            let own = together.row(at)[at] + settings.ridge;
            (*source, (self.pulls[at] - settings.lasso).powi(2) / own)
        });
        let best = top::best_of(gains, ENTERING);
        self.entered
            .extend(best.iter().map(|(source, _)| (*source, 0.0)));
        !best.is_empty()
    }

    /// Goes through the weights of those that have entered, and finds what they leave of the pulls.
    /// Those whose weight became 0 leave. Answers the largest step of the last time through.
    fn descend(&mut self, together: &Square, settings: &SlimSettings) -> f32 {
        let count = self.entered.len();
        let columns = |row: &[f32], out: &mut Vec<f32>| {
            out.extend(self.entered.iter().map(|(source, _)| row[*source as usize]));
        };
        self.between.clear();
        for (source, _) in &self.entered {
            columns(together.row(*source as usize), &mut self.between);
        }
        let before: Vec<f32> = self.entered.iter().map(|(_, weight)| *weight).collect();
        let mut pulls = Vec::with_capacity(count);
        columns(&self.pulls, &mut pulls);
        let mut largest = 0.0_f32;
        for _ in 0..SWEEPS {
            largest = 0.0;
            for at in 0..count {
                let row = &self.between[at * count..][..count];
                let weight = &mut self.entered[at].1;
                let wanted = (pulls[at] + row[at] * *weight - settings.lasso).max(0.0);
                let step = wanted / (row[at] + settings.ridge) - *weight;
                if step == 0.0 {
                    continue;
                }
                *weight += step;
                largest = largest.max(step.abs());
                subtract(&mut pulls, step, row);
            }
            if largest < SMALLEST_STEP {
                break;
            }
        }
        for ((source, weight), before) in self.entered.iter().zip(before) {
            if *weight != before {
                let row = together.row(*source as usize);
                subtract(&mut self.pulls, weight - before, row);
            }
        }
        self.entered.retain(|(_, weight)| *weight > 0.0);
        largest
    }
}

/// `from -= factor · row`.
fn subtract(from: &mut [f32], factor: f32, row: &[f32]) {
    for (from, value) in from.iter_mut().zip(row) {
        *from -= factor * value;
    }
}
