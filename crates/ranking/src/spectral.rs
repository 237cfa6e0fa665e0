//! GF-CF: filters on the graph of users and items.
//!
//! Shen, Wu, Zhang, Shan, Zhang, Letaief, Li 2021, "How Powerful is Graph Convolution for
//! Recommendation?", CIKM, §4.2: with `R̃ = D_U^-½ R D_I^-½` a user's row `r` is scored
//! `r R̃ᵀR̃ + α r D_I^-½ V Vᵀ D_I^½`, the linear filter and the ideal low-pass filter of the `k`
//! strongest right singular vectors `V` of `R̃`.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::graph::{self, GraphSettings};
use super::input;
use super::item_lists::Neighbours;
use super::kernel::{Kernel, LANES};
use super::lsa::svd;
use super::matrix::{Interactions, Matrix};
use super::symmetric::{Observer, Stopped};

/// The most vectors a low-pass filter may have.
pub const MOST_VECTORS: usize = 1024;

/// What the filters are made of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SpectralSettings {
    /// k: how many singular vectors pass the low-pass filter, 1 to [`MOST_VECTORS`].
    pub vectors: usize,
    /// α: how much the low-pass filter counts beside the linear one, not negative.
    pub low_pass: f32,
    /// How many sources a target keeps in the linear filter, at least 1.
    pub keep: usize,
    /// How much the weight of an entry says: its exponent, 0 to 4.
    pub confidence: f32,
}

impl Default for SpectralSettings {
    /// The weight of the paper, and the width that was best on films, a quarter of the paper's.
    fn default() -> Self {
        Self {
            vectors: 64,
            low_pass: 0.3,
            keep: 1_000,
            confidence: 1.0,
        }
    }
}

impl SpectralSettings {
    pub(super) fn complaint(&self) -> Option<&'static str> {
        if !(1..=MOST_VECTORS).contains(&self.vectors) {
            Some("the low-pass filter must have from 1 to 1024 vectors")
        } else if !(self.low_pass.is_finite() && self.low_pass >= 0.0) {
            Some("the weight of the low-pass filter must not be negative")
        } else if self.keep == 0 {
            Some("an item must keep at least 1 neighbour")
        } else {
            input::complaint(self.confidence)
        }
    }
}

/// How often the vectors are refined; more changes nothing that lists would show.
const ITERATIONS: usize = 4;

/// The trained filters.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectral {
    /// `R̃ᵀR̃` without its diagonal.
    linear: Neighbours,
    /// `V`, a row for each item, filled up with zeros to a multiple of the lanes.
    vectors: Matrix,
    /// `D_I^½`; 0 for an item that nobody took.
    roots: Vec<f32>,
    /// α.
    low_pass: f32,
}

/// Trains on users (rows) by items (columns).
///
/// # Errors
/// [`Stopped`] if `observe` says so.
pub fn fit(
    table: &Interactions,
    settings: &SpectralSettings,
    observe: &mut Observer,
) -> Result<Spectral, Stopped> {
    let table = input::strengths(table, settings.confidence);
    let (normal, roots) = normalised(&table);
    // Without exponents the graph is the sum of the products.
    let plain = GraphSettings {
        user_exponent: 0.0,
        source_exponent: 0.0,
        target_exponent: 0.0,
        shrinkage: 0.0,
        keep: settings.keep,
        confidence: 1.0,
    };
    let linear = graph::fit(&normal, &plain, &mut |done| observe(0.5 * done))?;
    let rank = settings.vectors.min(table.rows()).min(table.columns());
    let mut between = |iteration: usize| observe(0.5 + 0.5 * iteration as f32 / ITERATIONS as f32);
    let found = svd::truncated(&normal, rank, ITERATIONS, 0, &mut between).ok_or(Stopped)?;
    Ok(Spectral::new(linear, found.right, roots, settings))
}

/// `R̃`, and the roots of the items' sums.
fn normalised(table: &Interactions) -> (Interactions, Vec<f32>) {
    let mut of_item = vec![0.0_f64; table.columns()];
    let mut of_user = vec![0.0_f64; table.rows()];
    for (user, item, weight) in table.triplets() {
        of_user[user as usize] += f64::from(weight);
        of_item[item as usize] += f64::from(weight);
    }
    let normal = table.mapped(|user, item, weight| {
        let sums = of_user[user as usize] * of_item[item as usize];
        (f64::from(weight) / sums.sqrt()) as f32
    });
    let roots = of_item.into_iter().map(|sum| sum.sqrt() as f32).collect();
    (normal, roots)
}

impl Spectral {
    pub(super) fn new(
        linear: Neighbours,
        vectors: Matrix,
        roots: Vec<f32>,
        settings: &SpectralSettings,
    ) -> Self {
        let width = vectors.columns().next_multiple_of(LANES);
        Self {
            linear,
            vectors: vectors.with_columns(width),
            roots,
            low_pass: settings.low_pass,
        }
    }

    /// The lists of the linear filter.
    pub(super) fn linear(&self) -> &Neighbours {
        &self.linear
    }

    /// The vectors of the low-pass filter.
    pub(super) fn vectors(&self) -> &Matrix {
        &self.vectors
    }

    /// The root of how much each item was taken.
    pub(super) fn roots(&self) -> &[f32] {
        &self.roots
    }

    /// Adds the scores of all items for somebody with these `(item, strength)` entries.
    pub(super) fn add_scores(&self, entries: &[(u32, f32)], scores: &mut [f32]) {
        self.linear.add_scores(entries, scores);
        let kernel = Kernel::detect();
        let width = self.vectors.columns();
        let (items, weights): (Vec<u32>, Vec<f32>) = entries
            .iter()
            .map(|&(item, strength)| (item, self.low_pass * strength * self.source(item)))
            .unzip();
        let (zero, mut user) = (vec![0.0; width], vec![0.0; width]);
        // With `x` zero and a target of -1 each vector is pulled by just its weight.
        kernel.add_pulls(
            self.vectors.as_rows(),
            &items,
            &weights,
            &zero,
            -1.0,
            &mut user,
        );
        let mut passed = vec![0.0; scores.len()];
        kernel.add_products(self.vectors.as_rows(), 0, &user, &mut passed);
        for ((score, passed), root) in scores.iter_mut().zip(passed).zip(&self.roots) {
            *score += passed * root;
        }
    }

    /// What one unit of `source` gives `target`.
    pub(super) fn weight(&self, source: u32, target: u32) -> f32 {
        let vector = |item: u32| self.vectors.row(item as usize);
        let product = Kernel::detect().dot(vector(source), vector(target));
        let passed = self.source(source) * self.roots[target as usize] * product;
        self.linear.weight(source, target) + self.low_pass * passed
    }

    /// Adds what each of these `(item, strength)` entries gives each target, times `worth`: a row of
    /// `sums` for each target, with a column for each entry.
    pub(super) fn add_products(
        &self,
        entries: &[(u32, f32)],
        targets: &[u32],
        worth: f32,
        sums: &mut [f32],
    ) {
        for (target, sums) in targets.iter().zip(sums.chunks_exact_mut(entries.len())) {
            for ((source, strength), sum) in entries.iter().zip(sums) {
                *sum += worth * strength * self.weight(*source, *target);
            }
        }
    }

    /// `D_I^-½` of an item.
    fn source(&self, item: u32) -> f32 {
        let root = self.roots[item as usize];
        if root > 0.0 { 1.0 / root } else { 0.0 }
    }
}
