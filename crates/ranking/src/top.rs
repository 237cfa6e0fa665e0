//! The best few of many, without sorting the many.
//!
//! Equal scores fall back to the smaller index, so that a list never flickers between two
//! requests, two threads or two machines.

use std::cmp::Ordering;

/// TopK first: the larger score, and among equals the smaller index.
///
/// `0.0` and `-0.0` are equal here. Scores that are not numbers have no place in a list and are
/// to be left out before.
pub fn best_first<T: Ord>(a: &(T, f32), b: &(T, f32)) -> Ordering {
    // Adding zero turns -0.0 into 0.0, which `total_cmp` would tell apart.
    (b.1 + 0.0)
        .total_cmp(&(a.1 + 0.0))
        .then_with(|| a.0.cmp(&b.0))
}

/// The best `keep` of all items, `scores[item]` being the score of an item, without those in
/// `seen` (ascending indices), as `(item, score)`, best first. Items whose score is not a
/// number are left out.
///
/// Takes time in proportion to the number of items, and memory in proportion to `keep`.
pub fn best(scores: &[f32], keep: usize, seen: &[u32]) -> Vec<(u32, f32)> {
    let mut seen = seen.iter().copied().peekable();
    let unseen = (0_u32..).zip(scores.iter().copied()).filter(|(item, _)| {
        while seen.next_if(|seen| seen < item).is_some() {}
        seen.peek() != Some(item)
    });
    best_of(unseen, keep)
}

/// The best `keep` of scored things, best first; ties go to the smaller `T`. Scores that are
/// not numbers are left out. The order in which the things come does not matter.
pub fn best_of<T: Copy + Ord>(
    scored: impl IntoIterator<Item = (T, f32)>,
    keep: usize,
) -> Vec<(T, f32)> {
    best_passing(scored, keep, |_| true)
}

/// The same, of those things only that pass. Few are asked: only what is good enough so far.
pub fn best_passing<T: Copy + Ord>(
    scored: impl IntoIterator<Item = (T, f32)>,
    keep: usize,
    passes: impl Fn(T) -> bool,
) -> Vec<(T, f32)> {
    let mut best = TopK::new(keep);
    // `for_each`, since chained and flattened iterators run much faster from the inside.
    scored
        .into_iter()
        .for_each(|candidate| best.offer(candidate, &passes));
    best.finish()
}

/// The best few of what is offered so far.
///
/// Candidates gather up to twice the wanted number; then the worse half is dropped, and from there
/// on whatever is not better than the worst that was kept is passed over at once.
#[derive(Debug)]
pub struct TopK<T> {
    keep: usize,
    held: Vec<(T, f32)>,
    worst_kept: Option<(T, f32)>,
}

impl<T: Copy + Ord> TopK<T> {
    /// To keep so many.
    pub fn new(keep: usize) -> Self {
        Self {
            keep,
            held: Vec::new(),
            worst_kept: None,
        }
    }

    /// Takes a candidate that is good enough so far and passes; only if it is, `passes` is asked.
    #[inline]
    pub fn offer(&mut self, candidate: (T, f32), passes: impl FnOnce(T) -> bool) {
        // Most are passed over here, by one comparison.
        if candidate.1.is_nan() || self.worst_kept.is_some_and(|worst| candidate.1 < worst.1) {
            return;
        }
        let beaten = |worst| best_first(&candidate, &worst).is_gt();
        if self.keep == 0 || self.worst_kept.is_some_and(beaten) || !passes(candidate.0) {
            return;
        }
        self.held.push(candidate);
        if self.held.len() == self.keep.saturating_mul(2) {
            let keep = self.keep;
            let (_, worst, _) = self.held.select_nth_unstable_by(keep - 1, best_first);
            self.worst_kept = Some(*worst);
            self.held.truncate(keep);
        }
    }

    /// The best, best first; ties go to the smaller `T`.
    pub fn finish(mut self) -> Vec<(T, f32)> {
        self.held.sort_unstable_by(best_first);
        self.held.truncate(self.keep);
        self.held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_scores_fall_back_to_the_smaller_index() {
        let scores = [1.0, 2.0, 2.0, 0.0, -0.0, 2.0];

        let ranked: Vec<u32> = best(&scores, 6, &[])
            .into_iter()
            .map(|(item, _)| item)
            .collect();

        assert_eq!(ranked, [1, 2, 5, 0, 3, 4]);
    }

    #[test]
    fn what_was_seen_and_what_has_no_score_is_left_out() {
        let scores = [5.0, f32::NAN, 4.0, 3.0, f32::INFINITY];

        assert_eq!(best(&scores, 2, &[0, 4]), [(2, 4.0), (3, 3.0)]);
    }

    #[test]
    fn nothing_wanted_or_nothing_there_gives_nothing() {
        assert!(best(&[1.0], 0, &[]).is_empty());
        assert!(best(&[], usize::MAX, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_best_few_are_the_head_of_a_full_sort(
            scores in prop::collection::vec((-4_i8..4).prop_map(f32::from), 0..200),
            keep in 0_usize..50,
            every in 2_u32..9,
        ) {
            let seen: Vec<u32> = (0..scores.len() as u32).filter(|item| item % every == 0).collect();
            let mut sorted: Vec<(u32, f32)> =
                (0..).zip(scores.iter().copied()).filter(|(item, _)| item % every != 0).collect();
            sorted.sort_by(best_first);
            sorted.truncate(keep);

            prop_assert_eq!(best(&scores, keep, &seen), sorted);
        }

        #[test]
        fn asking_few_finds_what_asking_all_before_does(
            scores in prop::collection::vec((-4_i8..4).prop_map(f32::from), 0..200),
            keep in 0_usize..20,
            every in 2_u32..9,
        ) {
            let all = || (0_u32..).zip(scores.iter().copied());
            let before = best_of(all().filter(|(item, _)| item % every == 0), keep);

            prop_assert_eq!(best_passing(all(), keep, |item| item % every == 0), before);
        }

        #[test]
        fn shuffling_never_changes_the_answer(
            (scored, shuffled) in prop::collection::vec((-4_i8..4).prop_map(f32::from), 0..100)
                .prop_map(|scores| (0_u32..).zip(scores).collect::<Vec<_>>())
                .prop_flat_map(|scored| (Just(scored.clone()), Just(scored).prop_shuffle())),
            keep in 0_usize..20,
        ) {
            prop_assert_eq!(best_of(scored, keep), best_of(shuffled, keep));
        }
    }
}
