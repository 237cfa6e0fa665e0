//! Several sources, one list: putting scores on one scale by rank, and blending them.
//!
//! Everything here depends on scores and keys alone: the order in which candidates come changes
//! nothing, bit for bit.

use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::top::best_first;

/// A number for each source of a blend. A thousand items have one of these each, and few blends
/// have more than four sources.
pub type Parts = SmallVec<[f32; 4]>;

/// Ranks are measured against so many candidates at least.
pub const DEPTH: usize = 1000;

/// Puts the scores of one source on the scale from 0 to 1, by the logarithm of the rank: a score that
/// `r − 1` others beat has the value `1 − ln r / ln (1 + n)`, `n` being the number of candidates, and
/// at least [`DEPTH`], so that a source with few candidates does not fall faster than one with many.
///
/// So the first ranks stand apart and the tail is flat, as in the discount of NDCG (Järvelin and
/// Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002): on a linear scale the first
/// ten of a thousand hardly differ, and the weaker source decides about them. On held-out ratings the
/// logarithm and reciprocal rank fusion do alike; the logarithm uses the whole scale, which least
/// scores and diversity are measured on. Equal scores are equal, order is kept, and how the source
/// spreads its scores does not matter. The values come in the order of the scores. What is not a
/// number comes last and gets 0; infinite scores are ordinary.
pub fn calibrate(scores: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..scores.len())
        .filter(|at| !scores[*at].is_nan())
        .collect();
    // Adding zero turns -0.0 into 0.0, which `total_cmp` would tell apart.
    order.sort_unstable_by(|a, b| (scores[*b] + 0.0).total_cmp(&(scores[*a] + 0.0)));
    let mut values = vec![0.0; scores.len()];
    let scale = RankScale::of(order.len());
    let mut better = 0;
    for equals in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let value = scale.value(better);
        for at in equals {
            values[*at] = value;
        }
        better += equals.len();
    }
    values
}

/// The scale of [`calibrate`], for candidates that are in the order of their ranks already.
#[derive(Clone, Copy, Debug)]
pub struct RankScale {
    /// `ln (1 + n)`.
    depth: f64,
}

impl RankScale {
    /// The scale of so many candidates.
    pub fn of(candidates: usize) -> Self {
        Self {
            depth: (1.0 + candidates.max(DEPTH) as f64).ln(),
        }
    }

    /// The value of a candidate that `better` others beat: 1 for none, above 0 while there are fewer
    /// than the candidates of the scale.
    pub fn value(self, better: usize) -> f32 {
        (1.0 - (1.0 + better as f64).ln() / self.depth) as f32
    }
}

/// One source of candidates and how much it counts.
#[derive(Clone, Copy, Debug)]
pub struct Weighted<'a, K> {
    /// How much the source counts; what is not positive and finite counts as 0.
    pub weight: f32,
    /// Keys with scores from 0 to 1, as [`calibrate`] makes them; scores outside are moved to the
    /// nearer end, what is not a number to 0. If a key comes twice, its larger score counts.
    pub scores: &'a [(K, f32)],
}

/// What came of a blend.
#[derive(Clone, Debug, PartialEq)]
pub struct Blend<K> {
    /// All candidates, best first, ties by the smaller key.
    pub items: Vec<Blended<K>>,
    /// The weight each source really had, in the order of the sources. The sum is 1, or 0 if no
    /// source had anything to say.
    pub weights: Vec<f32>,
}

/// One candidate of a blend.
#[derive(Clone, Debug, PartialEq)]
pub struct Blended<K> {
    /// Which candidate.
    pub key: K,
    /// The weighted mean of the sources' scores, 0 to 1.
    pub score: f32,
    /// What each source adds to the score, in the order of the sources: its weight times its
    /// score, 0 where it does not know the candidate.
    pub contributions: Parts,
}

/// Blends sources over all candidates that any of them has: a candidate's score is the weighted
/// mean of its scores, and 0 counts for a source that does not have it.
///
/// A source without candidates says nothing, so the weights are shared out among the others. If
/// none of those that speak has a weight, all of them count alike.
pub fn blend<K: Copy + Ord + std::hash::Hash>(sources: &[Weighted<'_, K>]) -> Blend<K> {
    let weights = shared_out(sources);
    let most = sources.iter().map(|source| source.scores.len()).max();
    let mut items: Vec<Blended<K>> = Vec::with_capacity(most.unwrap_or(0));
    let mut indices: FxHashMap<K, usize> = FxHashMap::default();
    indices.reserve(items.capacity());
    for (at, source) in sources.iter().enumerate() {
        for (key, score) in source.scores {
            let index = *indices.entry(*key).or_insert_with(|| {
                items.push(Blended {
                    key: *key,
                    score: 0.0,
                    contributions: smallvec![0.0; sources.len()],
                });
                items.len() - 1
            });
            let known = &mut items[index].contributions[at];
            // `max` also turns what is not a number into 0.
            *known = score.min(1.0).max(*known);
        }
    }
    for item in &mut items {
        let mut sum = 0.0;
        for (score, weight) in item.contributions.iter_mut().zip(&weights) {
            let part = f64::from(*score) * weight;
            sum += part;
            *score = part as f32;
        }
        item.score = (sum as f32).min(1.0);
    }
    items.sort_unstable_by(|a, b| best_first(&(a.key, a.score), &(b.key, b.score)));
    Blend {
        items,
        weights: weights.into_iter().map(|weight| weight as f32).collect(),
    }
}

/// The weights of those that speak, with a sum of 1.
fn shared_out<K>(sources: &[Weighted<'_, K>]) -> Vec<f64> {
    let speaks = |source: &Weighted<'_, K>| f64::from(u8::from(!source.scores.is_empty()));
    let mut weights: Vec<f64> = sources
        .iter()
        .map(|source| f64::from(usable(source.weight)) * speaks(source))
        .collect();
    if weights.iter().all(|weight| *weight == 0.0) {
        weights = sources.iter().map(speaks).collect();
    }
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 {
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
    weights
}

fn usable(weight: f32) -> f32 {
    if weight.is_finite() {
        weight.max(0.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn near(got: f32, wanted: f32) -> bool {
        (got - wanted).abs() < 1e-6
    }

    #[test]
    fn a_key_in_two_lists_beats_one_that_leads_a_single_list() {
        let calibrated = |keys: [i32; 3]| {
            let values = calibrate(&[3.0, 2.0, 1.0]);
            keys.into_iter().zip(values).collect::<Vec<_>>()
        };
        let (words, meaning) = (calibrated([7, 3, 5]), calibrated([9, 5, 3]));

        let fused = blend(&[
            Weighted {
                weight: 1.0,
                scores: &words,
            },
            Weighted {
                weight: 1.0,
                scores: &meaning,
            },
        ]);

        let keys: Vec<i32> = fused.items.iter().map(|item| item.key).collect();
        assert_eq!(keys, [3, 5, 7, 9]);
        // Half of the second and the third place, and half of the first.
        assert!(near(fused.items[0].score, 0.870_326_6) && near(fused.items[2].score, 0.5));
    }

    #[test]
    fn the_value_of_a_score_falls_with_its_rank_and_equals_share_the_best() {
        let scores = [0.2, -7.0, 900.0, 0.2, f32::NAN, f32::NEG_INFINITY];

        // By Python: 1 - log(r) / log(1001) for r = 2, 4, 1, 2, none, 5.
        let wanted = [0.899_671_2, 0.799_342_4, 1.0, 0.899_671_2, 0.0, 0.767_043_9];
        for (got, wanted) in calibrate(&scores).into_iter().zip(wanted) {
            assert!(near(got, wanted), "{got} is not {wanted}");
        }
        assert_eq!(calibrate(&[0.0, -0.0]), [1.0, 1.0]);
        assert!(calibrate(&[]).is_empty());
    }

    /// What the linear percentile did: among two hundred candidates, the weaker source decided
    /// about the first ten of the stronger one.
    #[test]
    fn the_head_of_the_stronger_source_stays_at_the_head() {
        let strong: Vec<(i32, f32)> = (0..200).zip((0..200).rev().map(|s| s as f32)).collect();
        // The weaker source has the same candidates in the opposite order.
        let weak: Vec<(i32, f32)> = (0..200).zip((0..200).map(|s| s as f32)).collect();
        let calibrated = |scored: &[(i32, f32)]| {
            let scores: Vec<f32> = scored.iter().map(|(_, score)| *score).collect();
            let keys = scored.iter().map(|(key, _)| *key);
            keys.zip(calibrate(&scores)).collect::<Vec<_>>()
        };
        let (strong, weak) = (calibrated(&strong), calibrated(&weak));

        let blended = blend(&[
            Weighted {
                weight: 0.7,
                scores: &strong,
            },
            Weighted {
                weight: 0.3,
                scores: &weak,
            },
        ]);

        let head: Vec<i32> = blended.items.iter().take(5).map(|item| item.key).collect();
        assert_eq!(head, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_blend_is_the_weighted_mean_and_says_who_gave_what() {
        let batch = Weighted {
            weight: 0.7,
            scores: &[(1, 1.0), (2, 0.5)],
        };
        let live = Weighted {
            weight: 0.3,
            scores: &[(2, 1.0), (3, 0.5)],
        };

        let blend = blend(&[batch, live]);

        assert_eq!(blend.weights, [0.7, 0.3]);
        let got: Vec<(i32, f32)> = blend.items.iter().map(|i| (i.key, i.score)).collect();
        for (got, wanted) in got.iter().zip([(1, 0.7), (2, 0.65), (3, 0.15)]) {
            assert!(
                got.0 == wanted.0 && near(got.1, wanted.1),
                "{got:?} is not {wanted:?}"
            );
        }
        assert_eq!(blend.items[1].contributions[..], [0.35, 0.3]);
    }

    #[test]
    fn one_source_carries_alone_where_the_other_is_empty() {
        let batch = Weighted {
            weight: 0.7,
            scores: &[],
        };
        let live = Weighted {
            weight: 0.3,
            scores: &[(2, 1.0), (3, 0.5)],
        };

        let blend = blend(&[batch, live]);

        assert_eq!(blend.weights, [0.0, 1.0]);
        assert_eq!((blend.items[0].score, blend.items[1].score), (1.0, 0.5));
    }

    #[test]
    fn nothing_to_blend_gives_nothing() {
        let empty = Weighted::<u32> {
            weight: 1.0,
            scores: &[],
        };

        let blend = blend(&[empty, empty]);

        assert!(blend.items.is_empty());
        assert_eq!(blend.weights, [0.0, 0.0]);
    }

    #[test]
    fn those_who_speak_count_alike_where_none_has_a_weight() {
        let a = Weighted {
            weight: -1.0,
            scores: &[(1, 1.0)],
        };
        let b = Weighted {
            weight: f32::INFINITY,
            scores: &[(2, 1.0)],
        };

        assert_eq!(blend(&[a, b]).weights, [0.5, 0.5]);
    }

    type Candidates = Vec<(u32, f32)>;

    /// Scores with ties among them, and the same in another order.
    fn shuffled() -> impl Strategy<Value = (Candidates, Candidates)> {
        prop::collection::btree_map(0_u32..40, (0_u8..8).prop_map(|s| f32::from(s) / 7.0), 0..30)
            .prop_map(|scores| scores.into_iter().collect::<Vec<_>>())
            .prop_flat_map(|scores| (Just(scores.clone()), Just(scores).prop_shuffle()))
    }

    proptest! {
        #[test]
        fn calibration_keeps_order_and_equality_and_ends_at_one(
            scores in prop::collection::vec((-4_i8..4).prop_map(f32::from), 1..60),
        ) {
            let values = calibrate(&scores);
            for (a, va) in scores.iter().zip(&values) {
                prop_assert!(*va > 0.0 && *va <= 1.0);
                for (b, vb) in scores.iter().zip(&values) {
                    prop_assert_eq!(a.total_cmp(b), va.total_cmp(vb));
                }
            }
            prop_assert_eq!(values.iter().copied().fold(0.0, f32::max), 1.0);
        }

        #[test]
        fn shuffled_candidates_calibrate_alike((plain, shuffled) in shuffled()) {
            let calibrated = |pairs: &[(u32, f32)]| {
                let scores: Vec<f32> = pairs.iter().map(|pair| pair.1).collect();
                let keys = pairs.iter().map(|pair| pair.0);
                keys.zip(calibrate(&scores)).collect::<BTreeMap<_, _>>()
            };
            prop_assert_eq!(calibrated(&plain), calibrated(&shuffled));
        }

        #[test]
        fn shuffled_candidates_blend_alike(
            (a, a_shuffled) in shuffled(),
            (b, b_shuffled) in shuffled(),
            weights in prop::array::uniform2(0.0_f32..2.0),
        ) {
            let of = |a: &[(u32, f32)], b: &[(u32, f32)]| blend(&[
                Weighted { weight: weights[0], scores: a },
                Weighted { weight: weights[1], scores: b },
            ]);
            prop_assert_eq!(of(&a, &b), of(&a_shuffled, &b_shuffled));
        }

        #[test]
        fn blended_scores_lie_between_0_and_1_and_the_weights_used_sum_to_1(
            sources in prop::collection::vec(
                (any::<f32>(), prop::collection::vec((0_u32..20, any::<f32>()), 0..20)), 1..4),
        ) {
            let weighted: Vec<Weighted<'_, u32>> = sources
                .iter()
                .map(|(weight, scores)| Weighted { weight: *weight, scores })
                .collect();
            let blend = blend(&weighted);

            let sum: f32 = blend.weights.iter().sum();
            let speaks = sources.iter().any(|source| !source.1.is_empty());
            let wanted: f32 = f32::from(u8::from(speaks));
            prop_assert!((sum - wanted).abs() < 1e-5);
            for item in &blend.items {
                prop_assert!((0.0..=1.0).contains(&item.score));
                let given: f32 = item.contributions.iter().sum();
                prop_assert!((given - item.score).abs() < 1e-5);
            }
            let ranked: Vec<(u32, f32)> =
                blend.items.iter().map(|item| (item.key, item.score)).collect();
            prop_assert!(ranked.is_sorted_by(|a, b| best_first(a, b).is_lt()));
        }
    }
}
