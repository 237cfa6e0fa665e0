//! Lists that do not say the same thing ten times.

use super::top::best_first;

/// Reorders candidates by maximal marginal relevance (Carbonell & Goldstein, "The use of MMR,
/// diversity-based reranking for reordering documents and producing summaries", 1998) and keeps
/// the first `keep` of them: again and again the candidate is selected for which
/// `(1 − diversity) · relevance − diversity · s` is largest, `s` being its similarity to whatever
/// selected candidate it is most similar to.
///
/// - `candidates`: `(key, relevance)`, the relevance from 0 to 1, moved to the nearer end; what is not a
///   number counts as 0.
/// - `diversity`: 0 to 1, moved to the nearer end; what is not a number counts as 0. With 0 the
///   candidates stay in the order in which they came. With 1 only difference counts, after the
///   most relevant candidate has led the way.
/// - `similarity`: of two candidates by their places in `candidates`, at most 1 (a cosine). Less
///   than 0 counts as 0, as nothing can be more different than unrelated; so does what is not a
///   number.
///
/// Returns places in `candidates` in the new order. Ties go to the more relevant, then to the
/// smaller key, so with a diversity above 0 the order of the candidates does not matter. Asks for
/// `keep · candidates` similarities at most.
pub fn rerank<K: Copy + Ord>(
    candidates: &[(K, f32)],
    diversity: f32,
    similarity: impl Fn(usize, usize) -> f32,
    keep: usize,
) -> Vec<usize> {
    let keep = keep.min(candidates.len());
    let diversity = share(diversity);
    if diversity == 0.0 {
        return (0..keep).collect();
    }
    let relevance = |at: usize| share(candidates[at].1);
    let mut waiting: Vec<usize> = (0..candidates.len()).collect();
    // Best first, so that of equals the first one found is the one to take.
    waiting.sort_by(|a, b| {
        best_first(
            &(candidates[*a].0, relevance(*a)),
            &(candidates[*b].0, relevance(*b)),
        )
    });
    let mut nearest = vec![0.0_f32; candidates.len()];
    let mut selected: Vec<usize> = Vec::with_capacity(keep);
    while selected.len() < keep {
        let mut best: Option<(usize, f32)> = None;
        for (index, &at) in waiting.iter().enumerate() {
            if let Some(&last) = selected.last() {
                // `max` passes over what is not a number.
                nearest[at] = nearest[at].max(similarity(at, last));
            }
            let value = (1.0 - diversity) * relevance(at) - diversity * nearest[at];
            let first = selected.is_empty() && diversity == 1.0;
            if best.is_none_or(|(_, best)| !first && value > best) {
                best = Some((index, value));
            }
        }
        let Some((index, _)) = best else { break };
        // Keeps the rest in order.
        selected.push(waiting.remove(index));
    }
    selected
}

/// A number from 0 to 1, whatever comes.
fn share(number: f32) -> f32 {
    if number.is_nan() {
        0.0
    } else {
        number.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Films on a line: the nearer, the more similar.
    fn on_a_line(indices: &[f32]) -> impl Fn(usize, usize) -> f32 + '_ {
        |a, b| 1.0 - (indices[a] - indices[b]).abs()
    }

    #[test]
    fn a_second_film_of_the_same_sort_gives_way_to_another_sort() {
        // Two westerns, nearly alike, and a comedy that is a little less relevant.
        let films = [(1, 0.9), (2, 0.88), (3, 0.7)];
        let indices = [0.0, 0.05, 0.9];

        assert_eq!(rerank(&films, 0.5, on_a_line(&indices), 3), [0, 2, 1]);
        assert_eq!(rerank(&films, 0.1, on_a_line(&indices), 3), [0, 1, 2]);
    }

    #[test]
    fn without_diversity_the_order_stays_as_it_came() {
        let films = [(3, 0.1), (1, 0.9), (2, 0.9)];
        let none = |_, _| panic!("nobody has to be compared");

        assert_eq!(rerank(&films, 0.0, none, 2), [0, 1]);
        assert_eq!(rerank(&films, f32::NAN, none, 9), [0, 1, 2]);
    }

    #[test]
    fn with_nothing_but_diversity_the_most_relevant_still_leads() {
        let films = [(1, 0.2), (2, 0.9), (3, 0.8)];
        let indices = [1.0, 0.0, 0.1];

        assert_eq!(rerank(&films, 1.0, on_a_line(&indices), 3), [1, 0, 2]);
    }

    #[test]
    fn equals_go_by_relevance_and_then_by_key() {
        let films = [(9, 0.5), (4, 0.5), (7, 0.5)];

        assert_eq!(rerank(&films, 0.3, |_, _| 0.0, 3), [1, 2, 0]);
        assert_eq!(rerank(&films, 0.3, |_, _| f32::NAN, 3), [1, 2, 0]);
    }

    /// The definition, word for word, with no thought for speed.
    fn by_definition(
        candidates: &[(u32, f32)],
        diversity: f32,
        similarity: impl Fn(usize, usize) -> f32,
        keep: usize,
    ) -> Vec<usize> {
        let mut selected: Vec<usize> = Vec::new();
        while selected.len() < keep.min(candidates.len()) {
            let value = |at: usize| {
                let most = selected
                    .iter()
                    .map(|t| similarity(at, *t))
                    .fold(0.0, f32::max);
                (1.0 - diversity) * candidates[at].1 - diversity * most
            };
            let rest = (0..candidates.len()).filter(|at| !selected.contains(at));
            let best = rest.max_by(|a, b| {
                let (ca, cb) = (candidates[*a], candidates[*b]);
                value(*a)
                    .total_cmp(&value(*b))
                    .then(ca.1.total_cmp(&cb.1))
                    .then(cb.0.cmp(&ca.0))
            });
            selected.push(best.unwrap());
        }
        selected
    }

    fn candidates() -> impl Strategy<Value = Vec<(u32, f32)>> {
        prop::collection::btree_map(
            0_u32..50,
            (0_u8..16).prop_map(|r| f32::from(r) / 16.0),
            0..25,
        )
        .prop_map(|candidates| candidates.into_iter().collect())
    }

    /// Any two candidates, known by their keys, have some similarity.
    fn of_keys(a: u32, b: u32) -> f32 {
        ((a * b + a + b) % 8) as f32 / 8.0
    }

    proptest! {
        #[test]
        fn it_is_the_definition(
            candidates in candidates(),
            quarters in 1_u8..4,
            keep in 0_usize..30,
        ) {
            let diversity = f32::from(quarters) / 4.0;
            let similarity = |a: usize, b: usize| of_keys(candidates[a].0, candidates[b].0);

            prop_assert_eq!(
                rerank(&candidates, diversity, similarity, keep),
                by_definition(&candidates, diversity, similarity, keep)
            );
        }

        #[test]
        fn shuffled_candidates_come_out_in_one_order(
            (plain, shuffled) in candidates()
                .prop_flat_map(|plain| (Just(plain.clone()), Just(plain).prop_shuffle())),
            diversity in 0.01_f32..=1.0,
        ) {
            let keys = |candidates: &[(u32, f32)]| -> Vec<u32> {
                let similarity = |a: usize, b: usize| of_keys(candidates[a].0, candidates[b].0);
                let order = rerank(candidates, diversity, similarity, usize::MAX);
                order.into_iter().map(|at| candidates[at].0).collect()
            };
            prop_assert_eq!(keys(&plain), keys(&shuffled));
        }

        #[test]
        fn nobody_is_lost_or_doubled_whatever_the_numbers(
            candidates in prop::collection::vec((any::<u32>(), any::<f32>()), 0..20),
            diversity in any::<f32>(),
            noise in any::<f32>(),
        ) {
            let mut order = rerank(&candidates, diversity, |_, _| noise, usize::MAX);
            order.sort_unstable();
            prop_assert_eq!(order, (0..candidates.len()).collect::<Vec<_>>());
        }
    }
}
