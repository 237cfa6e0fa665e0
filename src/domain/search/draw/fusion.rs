//! Words and meaning in one list.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Draw, Drawn, MOST_DRAWN, popular_first};
use crate::engine::catalogue::Catalogue;
use ranking::blend::{RANK_CONSTANT, Ranked, rank_fusion};

impl Draw {
    /// Reciprocal rank fusion of the best of each source, scaled so that the first of all sources
    /// has 1. What comes behind [`MOST_DRAWN`] others has no chance to be drawn by its score.
    /// Answers the sum that stands for 1.
    pub(super) fn fuse(
        &mut self,
        catalogue: &Catalogue,
        mut words: Vec<(u32, f32)>,
        weight: f32,
        mut meant: Vec<(u32, f32)>,
    ) -> f32 {
        rank(&mut words, catalogue);
        rank(&mut meant, catalogue);
        let slots = |found: &[(u32, f32)]| found.iter().map(|(slot, _)| *slot).collect();
        let (words, meant): (Vec<u32>, Vec<u32>) = (slots(&words), slots(&meant));
        let lists = [(weight, &words), (1.0, &meant)].map(|(weight, keys)| Ranked {
            weight,
            keys: keys.as_slice(),
        });
        let most = most(&lists);
        let mut drawn: FxHashMap<u32, Drawn> = FxHashMap::default();
        for (slot, sum) in rank_fusion(&lists) {
            let relevance = (sum / most).min(1.0);
            let fused = Drawn {
                slot,
                score: relevance,
                relevance,
                ..Drawn::default()
            };
            drawn.insert(slot, fused);
        }
        for (slot, rank) in words.iter().zip(1..) {
            drawn.entry(*slot).or_default().words = rank;
        }
        for (slot, rank) in meant.iter().zip(1..) {
            drawn.entry(*slot).or_default().meaning = rank;
        }
        self.drawn = drawn.into_values().collect();
        most
    }

    /// Draws what words found behind the best as well: an order by a field may bring it forward.
    pub(super) fn take_the_rest(&mut self, weight: f32, most: f32) {
        let drawn: FxHashSet<u32> = self.drawn.iter().map(|drawn| drawn.slot).collect();
        let last = MOST_DRAWN as u32 + 1;
        let relevance = (weight / (RANK_CONSTANT + last as f32) / most).min(1.0);
        let rest = self.matched.iter().filter(|slot| !drawn.contains(slot));
        self.drawn.extend(rest.map(|slot| Drawn {
            slot: *slot,
            score: relevance,
            relevance,
            words: last,
            ..Drawn::default()
        }));
    }
}

/// Every slot that words or meaning found, once.
pub(super) fn union(words: &[(u32, f32)], meant: &[(u32, f32)]) -> Vec<u32> {
    let mut only_meant: FxHashSet<u32> = meant.iter().map(|(slot, _)| *slot).collect();
    let mut all: Vec<u32> = words.iter().map(|(slot, _)| *slot).collect();
    all.iter().for_each(|slot| {
        only_meant.remove(slot);
    });
    all.extend(only_meant);
    all
}

/// What the first of all lists that found anything would have.
fn most(lists: &[Ranked<'_, u32>]) -> f32 {
    let found = lists.iter().filter(|list| !list.keys.is_empty());
    found
        .map(|list| list.weight / (RANK_CONSTANT + 1.0))
        .sum::<f32>()
        .max(f32::MIN_POSITIVE)
}

/// The best [`MOST_DRAWN`], exactly ordered.
fn rank(found: &mut Vec<(u32, f32)>, catalogue: &Catalogue) {
    let order = |a: &(u32, f32), b: &(u32, f32)| {
        b.1.total_cmp(&a.1)
            .then_with(|| popular_first(catalogue, a.0, b.0))
    };
    if found.len() > MOST_DRAWN {
        found.select_nth_unstable_by(MOST_DRAWN, order);
        found.truncate(MOST_DRAWN);
    }
    found.sort_unstable_by(order);
}
