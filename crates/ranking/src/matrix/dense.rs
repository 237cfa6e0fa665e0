//! Dense factors.

use super::super::kernel::Rows;
use super::MatrixError;

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
    pub(crate) fn with_columns(self, columns: usize) -> Self {
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

    pub(crate) fn as_rows(&self) -> Rows<'_> {
        Rows {
            values: &self.values,
            stride: self.columns,
        }
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}
