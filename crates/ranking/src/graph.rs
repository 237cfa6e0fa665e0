//! Neighbours by steps through the graph of users and items.
//!
//! From an item to those who took it and on to what else they took: the weight of target `j` for
//! source `i` is `Σ_u |S_u|^−γ / ((|S_i| + s)^a (|S_j| + s)^b)`, the sum being over the users who
//! took both, each counting as much as both of their entries say. Known models are points of it: RP3beta (Christoffel et al. 2015, "Blockbusters and
//! Wallflowers", RecSys; γ = 1, a = 1, b = β), cosine similarity (γ = 0, a = b = ½), and both with
//! shrinkage `s` (Bell and Koren 2007, §3), which keeps two rare items that met once apart.

use serde::{Deserialize, Serialize};

use super::input;
use super::item_lists::Neighbours;
use super::matrix::Interactions;
use super::symmetric::{ADDITIONS, Observer, Stopped};

/// A user's row is looked at in so many places at most. More would cost its square and say no
/// more: who has taken everything likes nothing in particular.
const LONGEST: usize = 1000;

/// How many targets are done at most between two looks at the observer, which also is asked after
/// every [`ADDITIONS`].
const TARGETS: usize = 2048;

/// What the graph is weighed with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct GraphSettings {
    /// γ: how much less a user with many entries says, 0 to 2.
    pub user_exponent: f32,
    /// a: how much less a source says that many took, 0 to 2.
    pub source_exponent: f32,
    /// b, or β: how much less a target gets that many took, 0 to 2.
    pub target_exponent: f32,
    /// s, added to how many took an item; not negative.
    pub shrinkage: f32,
    /// How many sources a target keeps, at least 1.
    pub keep: usize,
    /// How much the weight of an entry says: its exponent, 0 to 4. At 0 all entries count alike.
    pub confidence: f32,
}

impl GraphSettings {
    pub(super) fn complaint(&self) -> Option<&'static str> {
        let exponents = [
            self.user_exponent,
            self.source_exponent,
            self.target_exponent,
        ];
        if !exponents
            .iter()
            .all(|exponent| (0.0..=2.0).contains(exponent))
        {
            Some("the exponents of the graph must be from 0 to 2")
        } else if !(self.shrinkage.is_finite() && self.shrinkage >= 0.0) {
            Some("shrinkage must not be negative")
        } else if self.keep == 0 {
            Some("an item must keep at least 1 neighbour")
        } else {
            input::complaint(self.confidence)
        }
    }
}

impl Default for GraphSettings {
    /// What was taken most together, of items of like frequency.
    fn default() -> Self {
        Self {
            user_exponent: 0.5,
            source_exponent: 0.5,
            target_exponent: 0.5,
            shrinkage: 10.0,
            keep: 300,
            confidence: 0.5,
        }
    }
}

/// Weighs the graph. The work is the sum of the squares of the users' numbers of entries, of
/// which at most 1000 count.
///
/// # Errors
/// [`Stopped`] if `observe` says so.
pub fn fit(
    table: &Interactions,
    settings: &GraphSettings,
    observe: &mut Observer,
) -> Result<Neighbours, Stopped> {
    let table = &input::strengths(table, settings.confidence);
    let by_item = table.transpose();
    let items = table.columns();
    let mut lists = Vec::with_capacity(items);
    let of_user: Vec<f32> = (0..table.rows())
        .map(|user| (table.row(user).0.len() as f32).powf(-settings.user_exponent))
        .collect();
    let shares = |exponent: f32| -> Vec<f32> {
        (0..items)
            .map(|item| (by_item.row(item).0.len() as f32 + settings.shrinkage).powf(-exponent))
            .collect()
    };
    let (of_source, of_target) = (
        shares(settings.source_exponent),
        shares(settings.target_exponent),
    );
    let work = |target: usize| -> usize {
        let users = by_item.row(target).0.iter();
        users
            .map(|user| table.row(*user as usize).0.len().min(LONGEST))
            .sum()
    };
    while lists.len() < items {
        let first = lists.len();
        let (mut end, mut additions) = (first, 0);
        while end < items.min(first + TARGETS) && additions < ADDITIONS {
            additions += work(end);
            end += 1;
        }
        let targets = first..end;
        let scratch = || (vec![0.0_f32; items], Vec::new());
        lists.extend(Neighbours::collect(
            settings.keep,
            targets,
            &[],
            scratch,
            |target, (sums, met): &mut (Vec<f32>, Vec<u32>), found| {
                let (users, weights) = by_item.row(target);
                for (user, weight) in users.iter().zip(weights) {
                    let (positives, weights) = table.row(*user as usize);
                    let share = of_user[*user as usize] * weight;
                    let step = positives.len().div_ceil(LONGEST).max(1);
                    for (source, weight) in positives.iter().zip(weights).step_by(step) {
                        let sum = &mut sums[*source as usize];
                        if *sum == 0.0 {
                            met.push(*source);
                        }
                        *sum += share * weight;
                    }
                }
                for source in met.drain(..) {
                    let sum = std::mem::take(&mut sums[source as usize]);
                    if source as usize != target {
                        found.push((source, sum * of_source[source as usize] * of_target[target]));
                    }
                }
            },
        ));
        if observe(lists.len() as f32 / items as f32).is_break() {
            return Err(Stopped);
        }
    }
    Ok(Neighbours::from_targets(&lists, 4 * settings.keep))
}
