//! EASE and EDLAE: linear models that rebuild what a user took from the other things they took.
//!
//! EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW) finds the item
//! weights `B` that minimise `|X − XB|² + λ|B|²` with nothing on the diagonal; in closed form
//! `B_ij = −P_ij / P_jj` with `P = (XᵀX + λI)⁻¹` (eq. 8). EDLAE (Steck 2020, "Autoencoders that
//! don't overfit towards the Identity", NeurIPS) trains the same with a share `p` of the entries
//! dropped, which comes out as a regularisation of `λ + p/(1−p) · (XᵀX)_ii` for item `i` (eq. 5).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::half_matrix::{HalfMatrix, RowMut};
use super::item_lists::Neighbours;
use super::item_weights::{DenseWeights, ItemWeights, MAX_DENSE};
use super::matrix::Interactions;
use super::symmetric::{Observer, Stopped, Symmetric};
use super::{input, popularity, top};

/// What the model is trained with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct EaseSettings {
    /// λ, positive: grows with the number of users; some tens to some thousands.
    pub regularisation: f32,
    /// p, the share of entries that is dropped, from 0 (EASE) up to below 1.
    pub dropout: f32,
    /// How many sources a target keeps where the model is too large to be kept whole, at least 1.
    pub keep: usize,
    /// Of how many items, the most taken, the model consists at most; 1 to [`MOST_ITEMS`].
    pub most_items: usize,
    /// When scoring: after how many positions from the latest nine tenths of an entry count half, a
    /// tenth of it lasting; 0 if the order does not matter. Without times it does not.
    pub recency: f32,
    /// How much the weight of an entry says: its exponent, 0 to 4. At 0 all entries count alike.
    pub confidence: f32,
}

/// How many items' neighbours are read off between two looks at the observer.
const TARGETS: usize = 2048;

/// The most items the model may have: a matrix of 3.2 GB.
pub const MOST_ITEMS: usize = 40_000;

impl Default for EaseSettings {
    /// A fair start on films.
    fn default() -> Self {
        Self {
            regularisation: 200.0,
            dropout: 0.2,
            keep: 300,
            most_items: 10_000,
            recency: 0.0,
            confidence: 1.0,
        }
    }
}

impl EaseSettings {
    pub(super) fn complaint(&self) -> Option<&'static str> {
        if !(self.regularisation.is_finite() && self.regularisation > 0.0) {
            Some("the regularisation of the linear model must be positive")
        } else if !(0.0..1.0).contains(&self.dropout) {
            Some("dropout must be from 0 to below 1")
        } else if !(1..=MOST_ITEMS).contains(&self.most_items) {
            Some("the linear model must have from 1 to 40000 items")
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
/// taken `most_items`, have no weights. It takes memory for half of the square of the items,
/// in f32, and time for their cube. Up to [`MAX_DENSE`] items all weights are kept.
///
/// # Errors
/// [`Stopped`] if `observe` says so.
pub fn fit(
    table: &Interactions,
    settings: &EaseSettings,
    observe: &mut Observer,
) -> Result<ItemWeights, Stopped> {
    fit_within(table, settings, MAX_DENSE, observe)
}

/// The same, with another limit to what is kept whole.
///
/// # Errors
/// As [`fit`].
pub fn fit_within(
    table: &Interactions,
    settings: &EaseSettings,
    most_whole: usize,
    observe: &mut Observer,
) -> Result<ItemWeights, Stopped> {
    let head = most_taken(table, settings.most_items);
    let positives = input::strengths(&table.with_columns(&head), settings.confidence);
    let (inverse, counts) = inverse(&positives, settings, observe)?;
    if head.len() <= most_whole {
        return dense(head, &inverse, observe);
    }
    let lists = lists(&inverse, &counts, settings.keep, observe)?;
    let mut of_each = vec![Vec::new(); table.columns()];
    for (target, mut sources) in head.iter().zip(lists) {
        let name = |(source, _): &mut (u32, f32)| *source = head[*source as usize];
        sources.iter_mut().for_each(name);
        of_each[*target as usize] = sources;
    }
    let lists = Neighbours::from_targets(&of_each, 4 * settings.keep);
    Ok(ItemWeights::Lists(lists))
}

/// How many items, the most taken first, it takes to carry 97 of 100 entries, at most
/// `EaseSettings::default().most_items`: the rest is hardly worth the cube that it costs.
pub fn head(table: &Interactions) -> usize {
    let mut counts = popularity::counts(table);
    counts.sort_unstable_by(|a, b| b.total_cmp(a));
    let wanted = 0.97 * table.len() as f32;
    let mut carried = 0.0;
    let enough = counts.iter().take_while(|count| {
        let more = carried < wanted;
        carried += **count;
        more
    });
    enough.count().clamp(1, EaseSettings::default().most_items)
}

/// The items that most users took, at most so many and each at least once, in ascending order; of
/// equals the smaller index.
pub(super) fn most_taken(table: &Interactions, most: usize) -> Vec<u32> {
    let counts = popularity::counts(table);
    let mut head: Vec<u32> = top::best(&counts, most, &[])
        .into_iter()
        .filter(|(_, count)| *count > 0.0)
        .map(|(item, _)| item)
        .collect();
    head.sort_unstable();
    head
}

/// `−P`, and `(XᵀX)_ii` of each item.
fn inverse(
    table: &Interactions,
    settings: &EaseSettings,
    observe: &mut Observer,
) -> Result<(Symmetric, Vec<f32>), Stopped> {
    // The inverse is the longer half, and the longer the more items there are.
    let mut together = Symmetric::gramian(table, &mut |done| observe(0.3 * done))?;
    let items = together.size();
    let dropped = settings.dropout / (1.0 - settings.dropout);
    let counts: Vec<f32> = (0..items).map(|item| together.get(item, item)).collect();
    for (item, count) in counts.iter().enumerate() {
        together.add_to_diagonal(item, settings.regularisation + dropped * count);
    }
    together.invert(&mut |done| observe(0.3 + 0.65 * done))?;
    Ok((together, counts))
}

/// All weights, from `−P`.
fn dense(
    head: Vec<u32>,
    inverse: &Symmetric,
    observe: &mut Observer,
) -> Result<ItemWeights, Stopped> {
    let items = inverse.size();
    let own: Vec<f32> = (0..items).map(|item| -inverse.get(item, item)).collect();
    let mut weights = HalfMatrix::zeros(items, items);
    let mut rows = weights.rows_mut();
    for (group, rows) in rows.chunks_mut(TARGETS).enumerate() {
        let of_source = |values: &mut Vec<f32>, (at, row): (usize, &mut RowMut<'_>)| {
            let source = group * TARGETS + at;
            inverse.row(source, values);
            values[source] = 0.0;
            for (value, own) in values.iter_mut().zip(&own) {
                *value /= own;
            }
            row.write(values);
        };
        rows.par_iter_mut()
            .enumerate()
            .for_each_init(Vec::new, of_source);
        let done = (group * TARGETS + rows.len()) as f32 / items as f32;
        if observe(0.95 + 0.05 * done).is_break() {
            return Err(Stopped);
        }
    }
    let dense = DenseWeights::new(head, weights);
    Ok(ItemWeights::Dense(dense.expect(
        "the head is in order, and there is a row and a column for each of its items",
    )))
}

/// The sources of each item with the most influence, from `−P`.
fn lists(
    inverse: &Symmetric,
    counts: &[f32],
    keep: usize,
    observe: &mut Observer,
) -> Result<Vec<Vec<(u32, f32)>>, Stopped> {
    let items = inverse.size();
    // Rows and columns are alike.
    let sources = |target: usize, row: &mut Vec<f32>, found: &mut Vec<(u32, f32)>| {
        inverse.row(target, row);
        let own = -row[target];
        let others = (0_u32..)
            .zip(row.iter())
            .filter(|(source, _)| *source as usize != target);
        found.extend(others.map(|(source, value)| (source, value / own)));
    };
    let sizes: Vec<f32> = counts.iter().map(|count| count.sqrt()).collect();
    let mut lists = Vec::with_capacity(items);
    while lists.len() < items {
        let targets = lists.len()..(lists.len() + TARGETS).min(items);
        let some = Neighbours::collect(keep, targets, &sizes, Vec::new, sources);
        lists.extend(some);
        if observe(0.95 + 0.05 * lists.len() as f32 / items as f32).is_break() {
            return Err(Stopped);
        }
    }
    Ok(lists)
}
