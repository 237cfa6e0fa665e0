//! A random forest for regression (Breiman 2001, "Random forests") over coded features.
//!
//! Each tree is grown on a bootstrap sample with a generator of its own, seeded by the forest's seed and the
//! number of the tree; predictions are summed in the order of the trees. So the result is the same with any
//! number of threads.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::tree::Tree;

/// Codes are below this.
pub(super) const BINS: usize = 64;

/// The features of a row at most.
pub(super) const MOST_FEATURES: usize = 64;

/// The code of each feature, each below [`BINS`]; those that are not used are 0.
pub(super) type Codes = [u8; MOST_FEATURES];

/// How many rows are predicted by one task.
const ROWS_AT_ONCE: usize = 256;

/// How far a tree grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct TreeLimits {
    pub(super) depth: usize,
    /// Rows in a leaf at least.
    pub(super) least_leaf: usize,
    /// Features that are tried at each node.
    pub(super) features: usize,
}

/// Coded rows with their targets, column by column.
pub(super) struct Table {
    codes: Vec<u8>,
    targets: Vec<f64>,
    width: usize,
}

impl Table {
    /// Of rows that use the first `width` codes, in the order that the forest is to know them by.
    pub(super) fn new(rows: &[Codes], targets: Vec<f64>, width: usize) -> Self {
        let columns = (0..width).flat_map(|feature| rows.iter().map(move |row| row[feature]));
        Self {
            codes: columns.collect(),
            targets,
            width,
        }
    }

    pub(super) fn target(&self, row: u32) -> f64 {
        self.targets[row as usize]
    }

    pub(super) fn column(&self, feature: u8) -> &[u8] {
        let rows = self.targets.len();
        &self.codes[usize::from(feature) * rows..][..rows]
    }

    /// The features that do not have the same code in every row.
    pub(super) fn varying_features(&self) -> Vec<u8> {
        let features = (0..=u8::MAX).take(self.width);
        let varies = |feature: &u8| {
            let column = self.column(*feature);
            column.iter().any(|code| *code != column[0])
        };
        features.filter(varies).collect()
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Forest {
    trees: Vec<Tree>,
}

impl Forest {
    /// Grows `trees` trees on the table of these rows, and predicts each row by the trees that have not seen
    /// it ("out of bag"); nothing for a row that every tree has seen.
    pub(super) fn grow(
        rows: &[Codes],
        table: &Table,
        trees: usize,
        limits: &TreeLimits,
        seed: u64,
    ) -> (Self, Vec<Option<f64>>) {
        let grown: Vec<(Tree, Vec<bool>)> = (0..trees as u64)
            .into_par_iter()
            .map(|tree| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                random.set_stream(tree);
                let mut sample: Vec<u32> = (0..rows.len())
                    .map(|_| random.random_range(0..rows.len() as u32))
                    .collect();
                // Rows that are read one after another are read faster.
                sample.sort_unstable();
                let mut seen = vec![false; rows.len()];
                sample.iter().for_each(|row| seen[*row as usize] = true);
                (Tree::grow(table, &mut sample, limits, &mut random), seen)
            })
            .collect();
        let mut sums = vec![(0.0, 0_u32); rows.len()];
        sums.par_chunks_mut(ROWS_AT_ONCE)
            .zip(rows.par_chunks(ROWS_AT_ONCE))
            .enumerate()
            .for_each(|(chunk, (sums, rows))| {
                for (tree, seen) in &grown {
                    let mut predicted = vec![0.0; rows.len()];
                    tree.add_predictions(rows, &mut predicted);
                    let seen = &seen[chunk * ROWS_AT_ONCE..];
                    let all = sums.iter_mut().zip(&predicted).zip(seen);
                    for ((sum, predicted), _) in all.filter(|(_, seen)| !**seen) {
                        sum.0 += predicted;
                        sum.1 += 1;
                    }
                }
            });
        let mean = |(sum, count): (f64, u32)| (count > 0).then(|| sum / f64::from(count));
        let out_of_bag = sums.into_iter().map(mean).collect();
        let trees = grown.into_iter().map(|(tree, _)| tree).collect();
        (Self { trees }, out_of_bag)
    }

    /// The same forest for rows whose first codes are these.
    pub(super) fn given(&self, first: &[u8]) -> Self {
        let trees = self.trees.par_iter().map(|tree| tree.given(first));
        Self {
            trees: trees.collect(),
        }
    }

    /// The mean prediction of the trees for each row.
    pub(super) fn predict(&self, rows: &[Codes]) -> Vec<f64> {
        let mut means = vec![0.0; rows.len()];
        means
            .par_chunks_mut(ROWS_AT_ONCE)
            .zip(rows.par_chunks(ROWS_AT_ONCE))
            .for_each(|(means, rows)| {
                for tree in &self.trees {
                    tree.add_predictions(rows, means);
                }
                for mean in means {
                    *mean /= self.trees.len() as f64;
                }
            });
        means
    }

    /// Whether these are at least one and at most `most` valid trees over `width` features.
    pub(super) fn is_valid(&self, width: usize, most: usize) -> bool {
        (1..=most).contains(&self.trees.len())
            && (1..=MOST_FEATURES).contains(&width)
            && self.trees.iter().all(|tree| tree.is_valid(width))
    }
}
