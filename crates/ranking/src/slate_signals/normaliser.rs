//! From values on any scale to ranks in [0, 1].

use serde::{Deserialize, Serialize};

/// On which scale values lie between those that were fitted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Scale {
    /// As they are.
    Linear,
    /// `ln(1 + value)`, negative values as 0: for revenue, popularity, age, audience and counts.
    Log1p,
}

/// How many ranks are told apart.
const RESOLUTION: f64 = 1024.0;

/// Values beyond this, positive or negative, count as this.
const BOUND: f64 = 1e15;

/// Maps a value to its quantile rank among the values it was fitted on.
///
/// The rank of a fitted value is `(less + (equal − 1) / 2) / (n − 1)`, the mean rank of those that equal it
/// over the highest one, so that the least of distinct values has 0 and the largest 1; with a single value it
/// is ½. Values in between are interpolated on the [`Scale`], values outside have the rank of the end they
/// are beyond. A missing value, or one that is not finite, counts as the median of those that were known. The
/// ranks are of the known values only: how many were missing changes nothing.
///
/// At most about 2,000 knots are kept, so that ranks are exact to 1/1,024. The result is monotone, and depends
/// on the values alone, not on their order.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "Stored")]
pub struct Normaliser {
    scale: Scale,
    /// Of a missing value.
    median_rank: f64,
    /// Scaled values, ascending, and their ranks.
    values: Vec<f64>,
    ranks: Vec<f64>,
}

impl Normaliser {
    /// Fits the ranks. Without any known value everything has rank ½.
    pub fn fit(values: impl IntoIterator<Item = Option<f64>>, scale: Scale) -> Self {
        let mut known: Vec<f64> = values
            .into_iter()
            .flatten()
            .filter_map(|value| scaled(value, scale))
            .collect();
        known.sort_unstable_by(f64::total_cmp);
        let mut normaliser = Self {
            scale,
            median_rank: 0.5,
            values: Vec::new(),
            ranks: Vec::new(),
        };
        if known.is_empty() {
            return normaliser;
        }
        let mut knots: Vec<(f64, f64)> = Vec::new();
        let mut less = 0;
        for equal in known.chunk_by(|a, b| a == b) {
            let rank = if known.len() == 1 {
                0.5
            } else {
                (less as f64 + (equal.len() - 1) as f64 / 2.0) / (known.len() - 1) as f64
            };
            knots.push((equal[0], rank));
            less += equal.len();
        }
        let mut kept: Option<f64> = None;
        for (at, (value, rank)) in knots.iter().enumerate() {
            let ends = at == 0 || at + 1 == knots.len();
            // A value that many share is a jump, and so it needs the knots on both of its sides.
            let far = |other: Option<f64>| {
                other.is_none_or(|other| (rank - other).abs() >= 1.0 / RESOLUTION)
            };
            let next = knots.get(at + 1).map(|(_, rank)| *rank);
            if ends || far(kept) || far(next) {
                normaliser.values.push(*value);
                normaliser.ranks.push(*rank);
                kept = Some(*rank);
            }
        }
        let middle = known.len() / 2;
        let median = if known.len() % 2 == 1 {
            known[middle]
        } else {
            f64::midpoint(known[middle - 1], known[middle])
        };
        normaliser.median_rank = normaliser.interpolated(median);
        normaliser
    }

    /// The rank of a value, in [0, 1].
    pub fn rank(&self, value: Option<f64>) -> f64 {
        match value.and_then(|value| scaled(value, self.scale)) {
            Some(value) if !self.values.is_empty() => self.interpolated(value),
            _ => self.median_rank,
        }
    }

    /// Of a scaled value, where there are knots.
    fn interpolated(&self, value: f64) -> f64 {
        let above = self.values.partition_point(|knot| *knot <= value);
        if above == 0 {
            return self.ranks[0];
        }
        let (low, rank) = (self.values[above - 1], self.ranks[above - 1]);
        let Some(high) = self.values.get(above) else {
            return rank;
        };
        let share = (value - low) / (high - low);
        // Rounding must not lift it above the next knot.
        (rank + share * (self.ranks[above] - rank)).min(self.ranks[above])
    }
}

fn scaled(value: f64, scale: Scale) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    let value = value.clamp(-BOUND, BOUND);
    Some(match scale {
        // Of the two zeros, one.
        Scale::Linear => value + 0.0,
        Scale::Log1p => value.max(0.0).ln_1p() + 0.0,
    })
}

/// A normaliser as it was written, not checked yet.
#[derive(Deserialize)]
struct Stored {
    scale: Scale,
    median_rank: f64,
    values: Vec<f64>,
    ranks: Vec<f64>,
}

impl TryFrom<Stored> for Normaliser {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored {
            scale,
            median_rank,
            values,
            ranks,
        } = stored;
        let rank = |rank: &f64| (0.0..=1.0).contains(rank);
        let right = values.len() == ranks.len()
            && values.iter().all(|value| value.abs() <= BOUND)
            && values.windows(2).all(|pair| pair[0] < pair[1])
            && ranks.windows(2).all(|pair| pair[0] <= pair[1])
            && ranks.iter().all(rank)
            && rank(&median_rank);
        if !right {
            return Err("the knots of a normaliser must ascend, and its ranks lie in [0, 1]");
        }
        Ok(Self {
            scale,
            median_rank,
            values,
            ranks,
        })
    }
}
