//! A regression tree over coded features (Breiman, Friedman, Olshen, Stone 1984), grown from histograms.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::forest::{BINS, Codes, MOST_FEATURES, Table, TreeLimits};

/// Trees are no deeper.
pub(super) const DEEPEST: usize = 14;

/// Where a walk through the tree goes on: to `left` if the code of `feature` is at most `threshold`, else to
/// the node after it. A leaf leads to itself, so that a walk may take more steps than it needs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Node {
    feature: u8,
    threshold: u8,
    left: u16,
}

/// No code is above this.
const LEAF: u8 = u8::MAX;

impl Node {
    fn leaf(at: usize) -> Self {
        Self {
            feature: 0,
            threshold: LEAF,
            left: at as u16,
        }
    }
}

/// A tree: the root first, children behind their parents and side by side.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The mean of the targets at each node; only those of leaves are predicted.
    values: Vec<f32>,
    /// Steps from the root to the deepest leaf.
    depth: u8,
}

/// How many walks are taken at once: each waits for memory, and together they do not.
const LANES: usize = 16;

impl Tree {
    /// Adds the prediction of each row to its sum. The tree is valid.
    pub(super) fn add_predictions(&self, rows: &[Codes], sums: &mut [f64]) {
        let (blocks, rest) = rows.as_chunks::<LANES>();
        let (sum_blocks, rest_sums) = sums.as_chunks_mut::<LANES>();
        for (rows, sums) in blocks.iter().zip(sum_blocks) {
            self.add_lanes(rows, sums);
        }
        for (row, sum) in rest.iter().zip(rest_sums) {
            self.add_lanes(std::array::from_ref(row), std::array::from_mut(sum));
        }
    }

    fn add_lanes<const N: usize>(&self, rows: &[Codes; N], sums: &mut [f64; N]) {
        let mut at = [0_u16; N];
        for _ in 0..self.depth {
            for (at, row) in at.iter_mut().zip(rows) {
                let node = self.nodes[usize::from(*at)];
                let code = row[usize::from(node.feature) % MOST_FEATURES];
                *at = node.left + u16::from(code > node.threshold);
            }
        }
        for (sum, at) in sums.iter_mut().zip(at) {
            *sum += f64::from(self.values[usize::from(at)]);
        }
    }

    /// The same tree for rows whose first codes are these: their splits are taken beforehand.
    pub(super) fn given(&self, first: &[u8]) -> Self {
        let resolved = |mut at: usize| {
            loop {
                let node = self.nodes[at];
                match first.get(usize::from(node.feature)) {
                    Some(code) if node.threshold != LEAF => {
                        at = usize::from(node.left) + usize::from(*code > node.threshold);
                    }
                    _ => return at,
                }
            }
        };
        let root = resolved(0);
        let mut tree = Self {
            nodes: vec![Node::leaf(0)],
            values: vec![self.values[root]],
            depth: 0,
        };
        // Each node with the node that it is copied from and its depth.
        let mut open = vec![(0, root, 0)];
        while let Some((at, from, depth)) = open.pop() {
            let node = self.nodes[from];
            if node.threshold == LEAF {
                continue;
            }
            let left = tree.nodes.len();
            tree.nodes[at] = Node {
                left: left as u16,
                ..node
            };
            tree.depth = tree.depth.max(depth + 1);
            for child in 0..2 {
                let from = resolved(usize::from(node.left) + child);
                tree.nodes.push(Node::leaf(left + child));
                tree.values.push(self.values[from]);
                open.push((left + child, from, depth + 1));
            }
        }
        tree
    }

    /// Whether every walk stays in the tree and ends in a leaf, and no feature is beyond `width`.
    pub(super) fn is_valid(&self, width: usize) -> bool {
        let count = self.nodes.len();
        if count == 0 || self.values.len() != count || count > usize::from(u16::MAX) {
            return false;
        }
        let mut depths = vec![0_usize; count];
        for (at, node) in self.nodes.iter().enumerate() {
            let left = usize::from(node.left);
            let leaf = left == at && node.threshold == LEAF;
            if usize::from(node.feature) >= width || !self.values[at].is_finite() {
                return false;
            }
            if !leaf {
                if left <= at || left + 1 >= count || node.threshold == LEAF {
                    return false;
                }
                for child in [left, left + 1] {
                    depths[child] = depths[child].max(depths[at] + 1);
                }
            }
        }
        depths.into_iter().max() == Some(usize::from(self.depth))
            && usize::from(self.depth) <= DEEPEST
    }

    /// Grows a tree on these rows of the table, of which some may stand there several times: at each node
    /// the split that lowers the squared error most, among those of `limits.features` random features.
    pub(super) fn grow(
        table: &Table,
        rows: &mut [u32],
        limits: &TreeLimits,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let mut tree = Self {
            nodes: vec![Node::leaf(0)],
            values: vec![0.0],
            depth: 0,
        };
        let mut features: Vec<u8> = table.varying_features();
        // Node, first and last row, depth.
        let mut open = vec![(0_usize, 0_usize, rows.len(), 0_usize)];
        while let Some((at, start, end, depth)) = open.pop() {
            let rows = &mut rows[start..end];
            let sum: f64 = rows.iter().map(|row| table.target(*row)).sum();
            tree.values[at] = (sum / rows.len().max(1) as f64) as f32;
            if depth >= limits.depth || rows.len() < 2 * limits.least_leaf {
                continue;
            }
            let Some((feature, threshold)) =
                best_split(table, rows, sum, limits, &mut features, random)
            else {
                continue;
            };
            let column = table.column(feature);
            let middle = start + partition(rows, |row| column[row as usize] <= threshold);
            let left = tree.nodes.len();
            tree.nodes[at] = Node {
                feature,
                threshold,
                left: left as u16,
            };
            tree.nodes.extend([Node::leaf(left), Node::leaf(left + 1)]);
            tree.values.extend([0.0, 0.0]);
            tree.depth = tree.depth.max(depth as u8 + 1);
            open.push((left + 1, middle, end, depth + 1));
            open.push((left, start, middle, depth + 1));
        }
        tree
    }
}

/// The feature and threshold that lower the squared error most, if any does.
fn best_split(
    table: &Table,
    rows: &[u32],
    sum: f64,
    limits: &TreeLimits,
    features: &mut [u8],
    random: &mut ChaCha8Rng,
) -> Option<(u8, u8)> {
    let count = rows.len() as f64;
    // What a split must exceed: the same sum for the node as a whole, and rounding.
    let mut best_gain = sum * sum / count * (1.0 + 1e-12) + 1e-12;
    let mut best = None;
    let mut tried = 0;
    for at in 0..features.len() {
        let drawn = random.random_range(at..features.len());
        features.swap(at, drawn);
        let feature = features[at];
        let mut sums = [0.0_f64; BINS];
        let mut counts = [0_u32; BINS];
        let column = table.column(feature);
        for row in rows {
            let bin = usize::from(column[*row as usize]);
            sums[bin] += table.target(*row);
            counts[bin] += 1;
        }
        let constant = counts.iter().filter(|count| **count > 0).count() < 2;
        if constant {
            continue;
        }
        let (mut left, mut on_left) = (0.0, 0_usize);
        for threshold in 0..BINS - 1 {
            if counts[threshold] == 0 {
                continue;
            }
            left += sums[threshold];
            on_left += counts[threshold] as usize;
            let on_right = rows.len() - on_left;
            if on_right < limits.least_leaf {
                break;
            }
            if on_left < limits.least_leaf {
                continue;
            }
            let right = sum - left;
            let gain = left * left / on_left as f64 + right * right / on_right as f64;
            if gain > best_gain {
                best_gain = gain;
                best = Some((feature, threshold as u8));
            }
        }
        tried += 1;
        if tried == limits.features {
            break;
        }
    }
    best
}

/// Brings the rows of the left side to the front, both sides in their order, and says how many there are.
fn partition(rows: &mut [u32], is_left: impl Fn(u32) -> bool) -> usize {
    let right: Vec<u32> = rows.iter().copied().filter(|row| !is_left(*row)).collect();
    let mut left = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        if is_left(row) {
            rows[left] = row;
            left += 1;
        }
    }
    rows[left..].copy_from_slice(&right);
    left
}
