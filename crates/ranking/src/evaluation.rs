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
}
