//! The two tables the maths works on: sparse interactions and dense factors.

#[cfg(test)]
mod tests;

use thiserror::Error;

use super::kernel::Rows;

/// Why a table could not be built.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum MatrixError {
    /// A triplet points outside the table.
    #[error("entry ({row}, {column}) lies outside a table of {rows} rows and {columns} columns")]
    Outside {
        /// The row of the triplet, from 0.
        row: u32,
        /// The column of the triplet, from 0.
        column: u32,
        /// How many rows the table has.
        rows: usize,
        /// How many columns the table has.
        columns: usize,
    },
    /// A weight is zero, negative, infinite or not a number.
    #[error("entry ({row}, {column}) weighs {weight}, but a weight is a positive finite number")]
    Weight {
        /// The row of the triplet, from 0.
        row: u32,
        /// The column of the triplet, from 0.
        column: u32,
        /// The weight that was refused.
        weight: f32,
    },
    /// The numbers do not fill the rows and columns exactly.
    #[error("{values} numbers do not fill {rows} rows of {columns}")]
    Shape {
        /// How many numbers there are.
        values: usize,
        /// How many rows they should fill.
        rows: usize,
        /// How many numbers a row has.
        columns: usize,
    },
}

/// What becomes of several triplets for the same row and column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repeats {
    /// The largest weight stays: for signals that say the same thing again.
    Max,
    /// The weights are added up: for counts.
    Sum,
}

/// Who has taken what: a sparse table of users (rows) by items (columns) in compressed row form.
///
/// A row holds its columns in ascending order, each once, each with a positive finite weight.
/// It takes 8 bytes an entry and 8 a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Interactions {
    columns: usize,
    /// Where each row starts in `indices` and `weights`; one more at the end.
    starts: Vec<usize>,
    indices: Vec<u32>,
    weights: Vec<f32>,
}

impl Interactions {
    /// Builds the table from `(row, column, weight)` triplets in any order.
    ///
    /// The triplets are walked through twice and never copied; the work needs no more memory
    /// than the table itself with its repeats. The order of the triplets does not change the
    /// result, not even in the last bit of a sum.
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
        let mut starts = vec![0_usize; rows + 1];
        for (row, column, weight) in triplets.clone() {
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
            starts[row as usize + 1] += 1;
        }
        for row in 0..rows {
            starts[row + 1] += starts[row];
        }
        let mut indices = vec![0_u32; starts[rows]];
        let mut weights = vec![0_f32; starts[rows]];
        let mut next = starts.clone();
        for (row, column, weight) in triplets {
            let at = &mut next[row as usize];
            indices[*at] = column;
            weights[*at] = weight;
            *at += 1;
        }
        let mut table = Self {
            columns,
            starts,
            indices,
            weights,
        };
        table.sort_and_merge(repeats);
        Ok(table)
    }

    /// Sorts each row and closes the gaps that merged repeats leave.
    fn sort_and_merge(&mut self, repeats: Repeats) {
        let mut row_entries: Vec<(u32, f32)> = Vec::new();
        let mut kept = 0;
        for row in 0..self.rows() {
            let range = self.starts[row]..self.starts[row + 1];
            row_entries.clear();
            row_entries.extend(
                self.indices[range.clone()]
                    .iter()
                    .copied()
                    .zip(self.weights[range].iter().copied()),
            );
            // By weight as well, so that a sum does not depend on the order of the input.
            row_entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            self.starts[row] = kept;
            for &(column, weight) in &row_entries {
                if kept > self.starts[row] && self.indices[kept - 1] == column {
                    let merged = &mut self.weights[kept - 1];
                    *merged = match repeats {
                        Repeats::Max => merged.max(weight),
                        // Adding many large weights must not leave the finite numbers.
                        Repeats::Sum => (*merged + weight).min(f32::MAX),
                    };
                } else {
                    self.indices[kept] = column;
                    self.weights[kept] = weight;
                    kept += 1;
                }
            }
        }
        let rows = self.rows();
        self.starts[rows] = kept;
        self.indices.truncate(kept);
        self.weights.truncate(kept);
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

    /// The columns of a row in ascending order and their weights, two slices of equal length.
    ///
    /// # Panics
    /// If `row` is not below [`Interactions::rows`].
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.indices[range.clone()], &self.weights[range])
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

    /// The same rows with these columns (ascending, each once, all known) alone, renumbered from
    /// 0 in their order.
    pub(super) fn with_columns(&self, columns: &[u32]) -> Self {
        let mut places = vec![u32::MAX; self.columns];
        for (place, column) in (0..).zip(columns) {
            places[*column as usize] = place;
        }
        let mut kept = Self {
            columns: columns.len(),
            starts: vec![0],
            indices: Vec::new(),
            weights: Vec::new(),
        };
        for row in 0..self.rows() {
            let (columns, weights) = self.row(row);
            for (column, weight) in columns.iter().zip(weights) {
                let place = places[*column as usize];
                if place != u32::MAX {
                    kept.indices.push(place);
                    kept.weights.push(*weight);
                }
            }
            kept.starts.push(kept.indices.len());
        }
        kept
    }

    /// The same entries with rows and columns exchanged: items by users.
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
        }
    }
}

/// A dense table of numbers, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// A table of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            values: vec![0.0; rows * columns],
        }
    }

    /// A table of `rows` × `columns` from its numbers, row after row.
    ///
    /// # Errors
    /// [`MatrixError::Shape`] if there are not exactly `rows · columns` numbers.
    pub fn from_values(rows: usize, columns: usize, values: Vec<f32>) -> Result<Self, MatrixError> {
        if rows.checked_mul(columns) == Some(values.len()) {
            Ok(Self {
                rows,
                columns,
                values,
            })
        } else {
            Err(MatrixError::Shape {
                values: values.len(),
                rows,
                columns,
            })
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All numbers, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One row.
    ///
    /// # Panics
    /// If `row` is not below [`Matrix::rows`].
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The same table with rows of `columns` numbers: cut at the right, or filled up with zeros.
    pub(super) fn with_columns(self, columns: usize) -> Self {
        if columns == self.columns {
            return self;
        }
        let mut wanted = Self::zeros(self.rows, columns);
        let shared = columns.min(self.columns);
        for row in 0..self.rows {
            wanted.row_mut(row)[..shared].copy_from_slice(&self.row(row)[..shared]);
        }
        wanted
    }

    pub(super) fn as_rows(&self) -> Rows<'_> {
        Rows {
            values: &self.values,
            stride: self.columns,
        }
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}
