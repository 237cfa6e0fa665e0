//! The two tables that the algorithms work on: sparse interactions and dense factors.

mod dense;
mod interactions;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use dense::Matrix;
pub use interactions::Interactions;

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

/// One thing that a user took: what a model knows of a user is a list of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Which item, by its index.
    pub item: u32,
    /// How much it says, positive and finite.
    pub weight: f32,
    /// When, in seconds since 1970; nothing if it is not known.
    pub time: Option<i64>,
}

impl From<(u32, f32)> for Entry {
    /// An entry of unknown time.
    fn from((item, weight): (u32, f32)) -> Self {
        Self {
            item,
            weight,
            time: None,
        }
    }
}
