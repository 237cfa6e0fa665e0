//! Sparse interactions.

use super::{Entry, MatrixError, Repeats};

/// Stands for a time that is not known.
const UNKNOWN: i64 = i64::MIN;

/// Who has taken what: a sparse table of users (rows) by items (columns) in compressed row form.
///
/// A row holds its columns in ascending order, each once, each with a positive finite weight and,
/// where the table knows times at all, when it was. It takes 8 bytes an entry and 8 a row, and
/// where there are times 8 more an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Interactions {
    columns: usize,
    /// Where each row starts in `indices` and `weights`; one more at the end.
    starts: Vec<usize>,
    indices: Vec<u32>,
    weights: Vec<f32>,
    /// As long as `indices`, or empty if no time is known.
    times: Vec<i64>,
}

impl Interactions {
    /// Builds the table from `(row, column, weight)` triplets in any order, of unknown time; see
    /// [`Interactions::from_events`].
    ///
    /// # Errors
    /// [`MatrixError::Outside`] or [`MatrixError::Weight`] for the first triplet that is wrong.
    pub fn from_triplets<T>(
        rows: usize,
        columns: usize,
        triplets: T,
        repeats: Repeats,
    ) -> Result<Self, MatrixError>
    where
        T: IntoIterator<Item = (u32, u32, f32)> + Clone,
    {
        let event = |(row, column, weight)| (row, Entry::from((column, weight)));
        Self::from_events(rows, columns, Events(triplets, event), repeats)
    }

    /// Builds the table from what each row did, in any order. Of several entries for one row and
    /// column `repeats` decides the weight, and the latest known time stays.
    ///
    /// The events are walked through twice and never copied; the work needs no more memory
    /// than the table itself with its repeats. Their order does not change the result, not even
    /// in the last bit of a sum.
    ///
    /// # Errors
    /// [`MatrixError::Outside`] or [`MatrixError::Weight`] for the first event that is wrong.
    pub fn from_events<T>(
        rows: usize,
        columns: usize,
        events: T,
        repeats: Repeats,
    ) -> Result<Self, MatrixError>
    where
        T: IntoIterator<Item = (u32, Entry)> + Clone,
    {
        let mut starts = vec![0_usize; rows + 1];
        let mut timed = false;
        for (row, entry) in events.clone() {
            let (column, weight) = (entry.item, entry.weight);
            if row as usize >= rows || column as usize >= columns {
                return Err(MatrixError::Outside {
                    row,
                    column,
                    rows,
                    columns,
                });
            }
            if !(weight.is_finite() && weight > 0.0) {
                return Err(MatrixError::Weight {
                    row,
                    column,
                    weight,
                });
            }
            timed |= entry.time.is_some();
            starts[row as usize + 1] += 1;
        }
        for row in 0..rows {
            starts[row + 1] += starts[row];
        }
        let mut indices = vec![0_u32; starts[rows]];
        let mut weights = vec![0_f32; starts[rows]];
        let mut times = vec![UNKNOWN; if timed { starts[rows] } else { 0 }];
        let mut next = starts.clone();
        for (row, entry) in events {
            let at = &mut next[row as usize];
            indices[*at] = entry.item;
            weights[*at] = entry.weight;
            if let Some(time) = times.get_mut(*at) {
                *time = entry.time.unwrap_or(UNKNOWN);
            }
            *at += 1;
        }
        let mut table = Self {
            columns,
            starts,
            indices,
            weights,
            times,
        };
        table.sort_and_merge(repeats);
        Ok(table)
    }

    /// Sorts each row and closes the gaps that merged repeats leave.
    fn sort_and_merge(&mut self, repeats: Repeats) {
        let mut row_entries: Vec<(u32, f32, i64)> = Vec::new();
        let timed = self.has_times();
        let mut kept = 0;
        for row in 0..self.rows() {
            let range = self.starts[row]..self.starts[row + 1];
            row_entries.clear();
            let time = |at: usize| self.times.get(at).copied().unwrap_or(UNKNOWN);
            row_entries.extend(range.map(|at| (self.indices[at], self.weights[at], time(at))));
            // By weight as well, so that a sum does not depend on the order of the input.
            row_entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            self.starts[row] = kept;
            for &(column, weight, time) in &row_entries {
                if kept > self.starts[row] && self.indices[kept - 1] == column {
                    let merged = &mut self.weights[kept - 1];
                    *merged = match repeats {
                        Repeats::Max => merged.max(weight),
                        // Adding many large weights must not leave the finite numbers.
                        Repeats::Sum => (*merged + weight).min(f32::MAX),
                    };
                    if timed {
                        self.times[kept - 1] = self.times[kept - 1].max(time);
                    }
                } else {
                    self.indices[kept] = column;
                    self.weights[kept] = weight;
                    if timed {
                        self.times[kept] = time;
                    }
                    kept += 1;
                }
            }
        }
        let rows = self.rows();
        self.starts[rows] = kept;
        self.indices.truncate(kept);
        self.weights.truncate(kept);
        self.times.truncate(kept);
    }

    /// The number of rows (users), with and without entries.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of columns (items), with and without entries.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no entry at all.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Whether the time of any entry is known.
    pub fn has_times(&self) -> bool {
        !self.times.is_empty()
    }

    /// The columns of a row in ascending order and their weights, two slices of equal length.
    ///
    /// # Panics
    /// If `row` is not below [`Interactions::rows`].
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.indices[range.clone()], &self.weights[range])
    }

    /// The entries of a row, ascending by item, with their times.
    ///
    /// # Panics
    /// If `row` is not below [`Interactions::rows`].
    pub fn entries(&self, row: usize) -> impl Iterator<Item = Entry> + Clone + '_ {
        let known = |time: &i64| (*time != UNKNOWN).then_some(*time);
        (self.starts[row]..self.starts[row + 1]).map(move |at| Entry {
            item: self.indices[at],
            weight: self.weights[at],
            time: self.times.get(at).and_then(known),
        })
    }

    /// All entries with their times, by row and then by column: what
    /// [`Interactions::from_events`] makes the table of.
    pub fn events(&self) -> impl Iterator<Item = (u32, Entry)> + Clone + '_ {
        (0_u32..)
            .zip(0..self.rows())
            .flat_map(|(row, at)| self.entries(at).map(move |entry| (row, entry)))
    }

    /// All entries as triplets, by row and then by column.
    pub fn triplets(&self) -> impl Iterator<Item = (u32, u32, f32)> + Clone + '_ {
        (0_u32..).zip(0..self.rows()).flat_map(|(row, at)| {
            let (columns, weights) = self.row(at);
            columns
                .iter()
                .zip(weights)
                .map(move |(column, weight)| (row, *column, *weight))
        })
    }

    /// The same entries, each weighing `of` its weight, which has to be positive and finite.
    #[must_use]
    pub(crate) fn with_weights(&self, of: impl Fn(f32) -> f32) -> Self {
        self.mapped(|_, _, weight| of(weight))
    }

    /// The same with what `of` says of row, column and weight.
    #[must_use]
    pub(crate) fn mapped(&self, of: impl Fn(u32, u32, f32) -> f32) -> Self {
        let mut mapped = self.clone();
        let entries = self.triplets().zip(&mut mapped.weights);
        entries.for_each(|((row, column, weight), to)| *to = of(row, column, weight));
        mapped
    }

    /// The same rows with these columns (ascending, each once, all known) alone, renumbered from
    /// 0 in their order.
    pub(crate) fn with_columns(&self, columns: &[u32]) -> Self {
        let mut indices = vec![u32::MAX; self.columns];
        for (index, column) in (0..).zip(columns) {
            indices[*column as usize] = index;
        }
        let mut kept = Self {
            columns: columns.len(),
            starts: vec![0],
            indices: Vec::new(),
            weights: Vec::new(),
            times: Vec::new(),
        };
        for row in 0..self.rows() {
            for at in self.starts[row]..self.starts[row + 1] {
                let index = indices[self.indices[at] as usize];
                if index != u32::MAX {
                    kept.indices.push(index);
                    kept.weights.push(self.weights[at]);
                    kept.times.extend(self.times.get(at));
                }
            }
            kept.starts.push(kept.indices.len());
        }
        kept
    }

    /// The same entries with rows and columns exchanged: items by users. Times are left behind.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let mut starts = vec![0_usize; self.columns + 1];
        for &column in &self.indices {
            starts[column as usize + 1] += 1;
        }
        for column in 0..self.columns {
            starts[column + 1] += starts[column];
        }
        let mut indices = vec![0_u32; self.len()];
        let mut weights = vec![0_f32; self.len()];
        let mut next = starts.clone();
        // Rows come in ascending order, so each new row is filled in ascending order too.
        for (row, column, weight) in self.triplets() {
            let at = &mut next[column as usize];
            indices[*at] = row;
            weights[*at] = weight;
            *at += 1;
        }
        Self {
            columns: self.rows(),
            starts,
            indices,
            weights,
            times: Vec::new(),
        }
    }
}

/// Triplets, which may be walked through more than once, as events.
#[derive(Clone)]
struct Events<T, F>(T, F);

impl<T, F> IntoIterator for Events<T, F>
where
    T: IntoIterator,
    F: Fn(T::Item) -> (u32, Entry),
{
    type Item = (u32, Entry);
    type IntoIter = std::iter::Map<T::IntoIter, F>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(self.1)
    }
}
