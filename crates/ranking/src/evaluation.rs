//! How good a list is, judged by what the person really took afterwards.
//!
//! All measures have binary relevance. A list is cut to its first [`DEEPEST`] items; an item
//! that stands in it twice counts the first time only, and the list moves up. Relevant items
//! that no model could know stay in the denominators: they are misses for every model alike.

use std::hash::Hash;

use rustc_hash::FxHashSet;
use serde::Serialize;

/// The deepest rank that any measure looks at.
pub const DEEPEST: usize = 100;

/// The measures of one list, or their means over many; each is from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// NDCG of the first 10: Järvelin and Kekäläinen 2002, gain 1 and discount
    /// `1 / log2(1 + rank)`, over the ideal list of `min(10, relevant)` hits.
    pub ndcg_at_10: f64,
    /// The same of the first 100.
    pub ndcg_at_100: f64,
    /// Hits among the first 10 over the number of relevant items.
    pub recall_at_10: f64,
    /// The same of the first 20.
    pub recall_at_20: f64,
    /// The same of the first 100.
    pub recall_at_100: f64,
    /// Average precision: the sum of the precision at each hit among the first 10, over
    /// `min(10, relevant)`.
    pub map_at_10: f64,
    /// 1 if there is a hit among the first 10.
    pub hit_rate_at_10: f64,
}

impl Scores {
    /// Judges one list, best first, against the items that were relevant. A user without
    /// relevant items cannot be judged and scores 0.
    pub fn of<T: Copy + Eq + Hash>(list: &[T], relevant: &FxHashSet<T>) -> Self {
        if relevant.is_empty() {
            return Self::default();
        }
        let mut listed = FxHashSet::default();
        let hits: Vec<bool> = list
            .iter()
            .filter(|item| listed.insert(**item))
            .take(DEEPEST)
            .map(|item| relevant.contains(item))
            .collect();
        let ranks: Vec<usize> = (0..hits.len()).filter(|at| hits[*at]).collect();
        Self::of_ranks(&ranks, relevant.len())
    }

    /// Judges a list by the places, counted from 0 and ascending, at which its hits stand, of
    /// `relevant` items that it could have hit.
    pub fn of_ranks(hits: &[usize], relevant: usize) -> Self {
        if relevant == 0 {
            return Self::default();
        }
        let first = |k: usize| &hits[..hits.partition_point(|at| *at < k)];
        let count = |k: usize| first(k).len() as f64;
        let recall = |k: usize| count(k) / relevant as f64;
        let ndcg = |k: usize| {
            let ideal: f64 = (0..k.min(relevant)).map(discount).sum();
            let gain = first(k).iter().map(|at| discount(*at));
            gain.sum::<f64>() / ideal
        };
        let mut found = 0.0;
        let mut precision = 0.0;
        for at in first(10) {
            found += 1.0;
            precision += found / (at + 1) as f64;
        }
        Self {
            ndcg_at_10: ndcg(10),
            ndcg_at_100: ndcg(100),
            recall_at_10: recall(10),
            recall_at_20: recall(20),
            recall_at_100: recall(100),
            map_at_10: precision / relevant.min(10) as f64,
            hit_rate_at_10: f64::from(found > 0.0),
        }
    }

    /// The means over users; all 0 if there are none.
    pub fn mean(users: &[Self]) -> Self {
        let mean =
            |of: fn(&Self) -> f64| users.iter().map(of).sum::<f64>() / users.len().max(1) as f64;
        Self {
            ndcg_at_10: mean(|user| user.ndcg_at_10),
            ndcg_at_100: mean(|user| user.ndcg_at_100),
            recall_at_10: mean(|user| user.recall_at_10),
            recall_at_20: mean(|user| user.recall_at_20),
            recall_at_100: mean(|user| user.recall_at_100),
            map_at_10: mean(|user| user.map_at_10),
            hit_rate_at_10: mean(|user| user.hit_rate_at_10),
        }
    }
}

/// What a hit is worth at this place, counted from 0.
fn discount(at: usize) -> f64 {
    1.0 / (at as f64 + 2.0).log2()
}

/// A mean over users, with its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean; 0 of no values.
    pub mean: f64,
    /// The standard error of the mean: the deviation of the values over the root of their number; 0 of
    /// fewer than two.
    pub error: f64,
}

impl Estimate {
    /// Of these values, one a user, in their order.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = if values.len() < 2 {
            0.0
        } else {
            (squares / (count - 1.0) / count).sqrt()
        };
        Self { mean, error }
    }

    /// Of the differences of these values, user by user: how much better the first are.
    pub fn paired(first: &[f64], second: &[f64]) -> Self {
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
        Self::of(&differences)
    }
}

/// How surprising a list is: the mean of `−log2` of the share of users who took each item, a share
/// being that of `takers` in `users`, at least of one of them (Vargas and Castells 2011, "Rank and
/// relevance in novelty and diversity metrics", RecSys). In bits; 0 for an empty list.
pub fn novelty(consumers: impl IntoIterator<Item = usize>, users: usize) -> f64 {
    let (mut bits, mut count) = (0.0, 0_u32);
    for consumers in consumers {
        bits -= (consumers.max(1) as f64 / users.max(1) as f64).log2();
        count += 1;
    }
    bits / f64::from(count.max(1))
}

/// How far a list is from the user's own proportions: the Kullback-Leibler divergence of the shares of
/// genres in the list from those in the history, the former mixed with a hundredth of the latter
/// (Steck 2018, "Calibrated recommendations", RecSys, eq. 6 and 7, α = .01). 0 is the same, in nats;
/// both are shares that sum to 1, in the same order.
pub fn miscalibration(history: &[f64], list: &[f64]) -> f64 {
    const MIXED: f64 = 0.01;
    let pairs = history.iter().zip(list).filter(|(p, _)| **p > 0.0);
    let divergence: f64 = pairs
        .map(|(p, q)| p * (p / ((1.0 - MIXED) * q + MIXED * p)).ln())
        .sum();
    divergence.max(0.0)
}

/// The share of a catalogue of `catalogue` items that stands among the first `k` of at least
/// one list; 0 for an empty catalogue.
pub fn coverage<'a, T: Copy + Eq + Hash + 'a>(
    lists: impl IntoIterator<Item = &'a [T]>,
    k: usize,
    catalogue: usize,
) -> f64 {
    let shown: FxHashSet<T> = lists
        .into_iter()
        .flat_map(|list| &list[..k.min(list.len())])
        .copied()
        .collect();
    shown.len() as f64 / catalogue.max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: [i64; 21] = [
        7, 3, 9, 1, 4, 8, 2, 6, 5, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
    ];

    fn set(items: &[i64]) -> FxHashSet<i64> {
        items.iter().copied().collect()
    }

    /// The numbers come from `per_user` of the project's independent judge in Python
    /// (`evaluate.py`), called with this list and these relevant items.
    #[test]
    fn a_list_gets_the_scores_of_the_independent_judge() {
        let scores = Scores::of(&LIST, &set(&[3, 4, 11, 22, 99, 100, 101]));

        let near = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-12, "{got}");
        near(scores.ndcg_at_10, 0.359_221_417_451_236_7);
        near(scores.ndcg_at_100, 0.420_860_737_530_840_7);
        near(scores.recall_at_10, 3.0 / 7.0);
        near(scores.recall_at_20, 3.0 / 7.0);
        near(scores.recall_at_100, 4.0 / 7.0);
        near(scores.map_at_10, 0.171_428_571_428_571_43);
        near(scores.hit_rate_at_10, 1.0);
    }

    #[test]
    fn an_item_that_stands_twice_counts_once_and_the_list_moves_up() {
        let relevant = set(&[3, 9]);

        assert_eq!(
            Scores::of(&[3, 3, 9], &relevant),
            Scores::of(&[3, 9], &relevant)
        );
    }

    #[test]
    fn who_has_no_list_scores_nothing() {
        assert_eq!(Scores::of(&[], &set(&[1])), Scores::default());
        assert_eq!(Scores::of(&[1], &set(&[])), Scores::default());
        assert_eq!(Scores::mean(&[]), Scores::default());
    }

    #[test]
    fn coverage_counts_each_item_once() {
        let lists: [&[i64]; 3] = [&[1, 2, 3], &[2, 4], &[]];

        assert!((coverage(lists, 2, 6) - 0.5).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn every_score_is_from_0_to_1_and_a_perfect_list_has_1(
            list in prop::collection::vec(0_i64..60, 0..130),
            relevant in prop::collection::hash_set(0_i64..60, 1..50),
        ) {
            let relevant: FxHashSet<i64> = relevant.into_iter().collect();
            let Scores {
                ndcg_at_10, ndcg_at_100, recall_at_10, recall_at_20, recall_at_100, map_at_10,
                hit_rate_at_10,
            } = Scores::of(&list, &relevant);
            for score in [
                ndcg_at_10, ndcg_at_100, recall_at_10, recall_at_20, recall_at_100, map_at_10,
                hit_rate_at_10,
            ] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&score));
            }

            let perfect: Vec<i64> = relevant.iter().copied().collect();
            prop_assert!((Scores::of(&perfect, &relevant).ndcg_at_10 - 1.0).abs() < 1e-12);
            prop_assert!((Scores::of(&perfect, &relevant).map_at_10 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_mean_has_the_error_that_numpy_gives() {
        // numpy: mean, std(ddof=1) / sqrt(n) of these.
        let estimate = Estimate::of(&[0.1, 0.4, 0.35, 0.8]);
        assert!((estimate.mean - 0.4125).abs() < 1e-12);
        assert!(
            (estimate.error - 0.144_877_822_089_280_93).abs() < 1e-9,
            "{estimate:?}"
        );
        assert_eq!(Estimate::of(&[]), Estimate::default());
        let paired = Estimate::paired(&[0.2, 0.5], &[0.1, 0.4]);
        assert!((paired.mean - 0.1).abs() < 1e-12 && paired.error < 1e-12);
    }

    #[test]
    fn what_few_took_is_new_and_the_same_proportions_are_calibrated() {
        // Two items that half and an eighth of the users took: (1 + 3) / 2 bits.
        assert!((novelty([32, 8], 64) - 2.0).abs() < 1e-12);
        assert_eq!(novelty([], 64), 0.0);
        assert_eq!(miscalibration(&[0.7, 0.3], &[0.7, 0.3]), 0.0);
        // numpy: p = (.7, .3), q = (1, 0) mixed with a hundredth of p.
        let wanted = 0.7 * (0.7_f64 / 0.997).ln() + 0.3 * (0.3_f64 / 0.003).ln();
        assert!((miscalibration(&[0.7, 0.3], &[1.0, 0.0]) - wanted).abs() < 1e-12);
    }
}
