//! What each item says of every other: the weights of a linear model.

use super::half_matrix::HalfMatrix;
use super::item_lists::Neighbours;

/// A model of so many items at most is kept whole: 200 MB. Of a larger one each item keeps its
/// largest weights alone.
pub const MAX_DENSE: usize = 10_000;

/// The weights of a linear model, kept in the form that suits their number.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemWeights {
    /// The largest of each item alone.
    Lists(Neighbours),
    /// All of them.
    Dense(DenseWeights),
}

/// All weights between some of the items, in half precision; the others have none.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseWeights {
    /// Those items, ascending.
    head: Vec<u32>,
    /// A row for each source, a column for each target.
    weights: HalfMatrix,
}

impl DenseWeights {
    /// From the weights between these items, ascending; nothing if the weights are not square or
    /// the items not in order.
    pub(crate) fn new(head: Vec<u32>, weights: HalfMatrix) -> Option<Self> {
        let square = weights.rows() == head.len() && weights.columns() == head.len();
        (square && head.is_sorted_by(|a, b| a < b)).then_some(Self { head, weights })
    }

    /// The items that have weights, ascending.
    pub(crate) fn head(&self) -> &[u32] {
        &self.head
    }

    /// The weights between them.
    pub(crate) fn weights(&self) -> &HalfMatrix {
        &self.weights
    }

    fn index(&self, item: u32) -> Option<usize> {
        self.head.binary_search(&item).ok()
    }
}

impl ItemWeights {
    /// No weights at all between so many items.
    pub(crate) fn none(items: usize) -> Self {
        Self::Lists(Neighbours::from_rows(std::iter::repeat_n(&[][..], items)))
    }

    /// The weight that `source` gives `target`; 0 where there is none.
    pub fn weight(&self, source: u32, target: u32) -> f32 {
        match self {
            Self::Lists(lists) => lists.weight(source, target),
            Self::Dense(dense) => match (dense.index(source), dense.index(target)) {
                (Some(source), Some(target)) => dense.weights.get(source, target),
                _ => 0.0,
            },
        }
    }

    /// Adds what each of these `(item, strength)` entries gives each target, times `worth`: a row of
    /// `sums` for each target, with a column for each entry.
    pub(crate) fn add_products(
        &self,
        entries: &[(u32, f32)],
        targets: &[u32],
        worth: f32,
        sums: &mut [f32],
    ) {
        let width = entries.len();
        // Where an item stands in the head is looked up once, and not once for each pair.
        let columns: Option<Vec<Option<usize>>> = match self {
            Self::Lists(_) => None,
            Self::Dense(dense) => Some(targets.iter().map(|item| dense.index(*item)).collect()),
        };
        for (at, (source, strength)) in entries.iter().enumerate() {
            if *strength == 0.0 {
                continue;
            }
            let strength = worth * strength;
            match (self, &columns) {
                (Self::Dense(dense), Some(columns)) => {
                    let Some(source) = dense.index(*source) else {
                        continue;
                    };
                    for (row, column) in columns.iter().enumerate() {
                        if let Some(column) = column {
                            sums[row * width + at] += strength * dense.weights.get(source, *column);
                        }
                    }
                }
                _ => {
                    for (row, target) in targets.iter().enumerate() {
                        sums[row * width + at] += strength * self.weight(*source, *target);
                    }
                }
            }
        }
    }

    /// Adds up the weights of these `(item, strength)` entries:
    /// `scores[target] += strength · weight`.
    pub fn add_scores(&self, entries: &[(u32, f32)], scores: &mut [f32]) {
        match self {
            Self::Lists(lists) => lists.add_scores(entries, scores),
            Self::Dense(dense) => {
                let speaking = entries.iter().filter(|(_, strength)| *strength != 0.0);
                let picked: Vec<(u32, f32)> = speaking
                    // A head has no more items than there are.
                    .filter_map(|(item, strength)| Some((dense.index(*item)? as u32, *strength)))
                    .collect();
                let mut sum = Vec::new();
                dense.weights.sum_of_rows(&picked, &mut sum);
                for (item, sum) in dense.head.iter().zip(sum) {
                    scores[*item as usize] += sum;
                }
            }
        }
    }
}
