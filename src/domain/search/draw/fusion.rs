//! Words and meaning in one list.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Draw, Drawn, MOST_DRAWN, popular_first};
use crate::engine::catalogue::Catalogue;
use ranking::blend::{Weighted, blend, calibrate};

impl Draw {
    /// Blends the best of both sources, so that the first of all sources has 1. What comes behind
    /// [`MOST_DRAWN`] others cannot be ranked by its score.
    pub(super) fn fuse(
        &mut self,
        catalogue: &Catalogue,
        mut words: Vec<(u32, f32)>,
        weight: f32,
        mut meant: Vec<(u32, f32)>,
    ) {
        rank(&mut words, catalogue);
        rank(&mut meant, catalogue);
        let (by_words, by_meaning) = (on_scale(&words), on_scale(&meant));
        let blended = blend(&[
            Weighted {
                weight,
                scores: &by_words,
            },
            Weighted {
                weight: 1.0,
                scores: &by_meaning,
            },
        ]);
        let mut drawn: FxHashMap<u32, Drawn> = FxHashMap::default();
        for item in blended.items {
            let fused = Drawn {
                slot: item.key,
                score: item.score,
                relevance: item.score,
                ..Drawn::default()
            };
            drawn.insert(item.key, fused);
        }
        for ((slot, _), rank) in words.iter().zip(1..) {
            drawn.entry(*slot).or_default().words = rank;
        }
        for ((slot, _), rank) in meant.iter().zip(1..) {
            drawn.entry(*slot).or_default().meaning = rank;
        }
        self.drawn = drawn.into_values().collect();
    }

    /// Draws what words found behind the best as well, with no score: an order by a field may bring
    /// it forward.
    pub(super) fn take_the_rest(&mut self) {
        let drawn: FxHashSet<u32> = self.drawn.iter().map(|drawn| drawn.slot).collect();
        let rest = self.matched.iter().filter(|slot| !drawn.contains(slot));
        self.drawn.extend(rest.map(|slot| Drawn {
            slot: *slot,
            words: MOST_DRAWN as u32 + 1,
            ..Drawn::default()
        }));
    }
}

/// Slots in the order of their rank, on the scale of a blend.
fn on_scale(ranked: &[(u32, f32)]) -> Vec<(u32, f32)> {
    // By place and not by score: of equals the more popular one stands first.
    let scores: Vec<f32> = (0..ranked.len()).map(|place| -(place as f32)).collect();
    let slots = ranked.iter().map(|(slot, _)| *slot);
    slots.zip(calibrate(&scores)).collect()
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
