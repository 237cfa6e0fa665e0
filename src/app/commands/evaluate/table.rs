//! The rows of a file as input of the models.

use anyhow::ensure;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::rows::Row;
use ranking::collaborative::Model;
use ranking::{Entry, Interactions, Repeats, top};

/// What a value at or below the middle of a rating scale weighs, the highest weighing 1: next to
/// nothing, but the item is one that the user knows.
const LEAST_WEIGHT: f32 = 0.01;

/// Values that lie further apart than this ratio are amounts, and not ratings.
const SCALE: f32 = 20.0;

/// Interactions under the ids of the file. Indices ascend with the ids, so the order of the
/// rows in the file does not matter, and ties go to the smaller id.
pub struct Table {
    /// The users, ascending.
    pub users: Vec<i64>,
    /// The items, ascending.
    pub items: Vec<i64>,
    /// What each user took.
    pub seen: Interactions,
}

impl Table {
    /// Reads values as [`Weights::of`] the rows does.
    ///
    /// # Errors
    /// More users or items than can be numbered.
    pub fn new(rows: &[Row]) -> anyhow::Result<Self> {
        let ascending = |id: fn(&Row) -> i64| {
            let mut ids: Vec<i64> = rows.iter().map(id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let (users, items) = (ascending(|row| row.user), ascending(|row| row.item));
        ensure!(
            u32::try_from(users.len().max(items.len())).is_ok(),
            "there are more than four thousand million users or items"
        );
        let indices = |ids: &[i64]| ids.iter().copied().zip(0_u32..).collect();
        let of_user: FxHashMap<i64, u32> = indices(&users);
        let of_item: FxHashMap<i64, u32> = indices(&items);
        let weights = Weights::of(rows);
        let events = rows.iter().map(|row| {
            let entry = Entry {
                item: of_item[&row.item],
                weight: weights.weight(row.value),
                time: row.time,
            };
            (of_user[&row.user], entry)
        });
        let seen = Interactions::from_events(users.len(), items.len(), events, Repeats::Max)?;
        Ok(Self { users, items, seen })
    }

    /// The place of a known user and a known item.
    pub fn index(&self, (user, item): (i64, i64)) -> Option<(u32, u32)> {
        let user = self.users.binary_search(&user).ok()?;
        let item = self.items.binary_search(&item).ok()?;
        // A table has fewer than 2³² of each.
        Some((user as u32, item as u32))
    }

    /// The best `keep` unseen items for each of these users that is known, by ascending user.
    ///
    /// # Errors
    /// None that a table could cause.
    pub fn rank(
        &self,
        model: &Model,
        users: impl Iterator<Item = i64>,
        keep: usize,
    ) -> anyhow::Result<Vec<(i64, Vec<i64>)>> {
        let mut known: Vec<usize> = users
            .filter_map(|user| self.users.binary_search(&user).ok())
            .collect();
        known.sort_unstable();
        let list = |user: usize| {
            let items = self.seen.row(user).0;
            let entries: Vec<Entry> = self.seen.entries(user).collect();
            let scored = model.scores(&entries)?;
            let best = top::best(&scored.scores, keep, items);
            let ids = best.iter().map(|(item, _)| self.items[*item as usize]);
            Ok((self.users[user], ids.collect()))
        };
        known.into_par_iter().map(list).collect()
    }
}

/// What values weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weights {
    /// All the same: there are no values, or only one.
    Equal,
    /// Ratings: by how far they are above the middle of the scale.
    Ratings {
        /// The middle of the scale.
        middle: f32,
        /// The highest value.
        most: f32,
    },
    /// Amounts: in proportion, 1 being their mean.
    Amounts {
        /// The mean of the values.
        mean: f32,
    },
}

impl Weights {
    /// From the values of the rows: positive ones that lie far apart are amounts, others ratings.
    /// How much of the difference the models then make is chosen by them; see `confidence` in
    /// their settings.
    pub fn of(rows: &[Row]) -> Self {
        let values = || rows.iter().filter_map(|row| row.value);
        let least = values().fold(f32::INFINITY, f32::min);
        let most = values().fold(f32::NEG_INFINITY, f32::max);
        if least >= most {
            return Self::Equal;
        }
        if least > 0.0 && most > SCALE * least {
            let sum: f64 = values().map(f64::from).sum();
            let mean = sum / values().count() as f64;
            return Self::Amounts { mean: mean as f32 };
        }
        Self::Ratings {
            middle: least.midpoint(most),
            most,
        }
    }

    /// Positive and finite; a value that is not known counts as one in the middle of what says
    /// something.
    fn weight(self, value: Option<f32>) -> f32 {
        match self {
            Self::Equal => 1.0,
            Self::Ratings { middle, most } => value.map_or(0.5, |value| {
                ((value - middle) / (most - middle)).clamp(LEAST_WEIGHT, 1.0)
            }),
            Self::Amounts { mean } => {
                value.map_or(1.0, |value| (value / mean).max(f32::MIN_POSITIVE))
            }
        }
    }

    /// Whether a value says that the user likes the item.
    pub fn likes(self, value: Option<f32>) -> bool {
        match self {
            Self::Ratings { middle, .. } => value.is_none_or(|value| value > middle),
            Self::Equal | Self::Amounts { .. } => true,
        }
    }
}
