//! The table of a comparison.

use std::fmt;

/// The mean of totals over seeds, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The mean.
    pub mean: f64,
    /// The standard error of the mean; 0 for a single seed.
    pub error: f64,
}

impl Cell {
    /// Of the total of each seed.
    pub fn of(totals: &[f64]) -> Self {
        let count = totals.len().max(1) as f64;
        let mean = totals.iter().sum::<f64>() / count;
        let squares: f64 = totals.iter().map(|total| (total - mean).powi(2)).sum();
        Self {
            mean,
            error: (squares / (count - 1.0).max(1.0) / count).sqrt(),
        }
    }
}

/// Cumulative regrets, a row for each policy and a column for each scenario. Printed as Markdown.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The names of the columns.
    pub scenarios: Vec<&'static str>,
    /// The name of each policy with its cells.
    pub rows: Vec<(&'static str, Vec<Cell>)>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| policy |")?;
        for name in &self.scenarios {
            write!(f, " {name} |")?;
        }
        write!(f, "\n|---|")?;
        for _ in &self.scenarios {
            write!(f, "---:|")?;
        }
        for (name, cells) in &self.rows {
            write!(f, "\n| {name} |")?;
            for cell in cells {
                write!(f, " {:.1} ± {:.1} |", cell.mean, cell.error)?;
            }
        }
        writeln!(f)
    }
}
