//! The last steps of the pipeline: what fills a list that is too short, and pins.

use rustc_hash::FxHashSet;
use smallvec::smallvec;

use super::{Assembly, DropReason, RankedItem};
use crate::eligibility::Ineligible;
use crate::source::Source;
use ranking::top::best_passing;

impl Assembly<'_> {
    /// Fills the list up with what can be recommended to everybody, in the order of the fallbacks.
    pub(super) fn fall_back(&mut self) {
        let (input, length) = (self.input, self.input.length);
        if self.indexed.len() >= length || self.request.fallback.is_empty() {
            return;
        }
        // Whatever was decided already: nothing comes twice.
        let candidates = input.candidates.iter().flat_map(|from| &from.scored);
        let mut met: FxHashSet<u32> = candidates.map(|(slot, _)| *slot).collect();
        // Below the last of the list, so that scores never grow with rank.
        let ceiling = self
            .indexed
            .iter()
            .map(|item| item.score)
            .fold(1.0, f32::min);
        for fallback in &self.request.fallback {
            let open = length.saturating_sub(self.indexed.len());
            let may_fill = |slot: u32| !met.contains(&slot) && input.rules.is_eligible(slot);
            let rest: Vec<(u32, f32)> = match fallback {
                Source::Popular => {
                    let popular = input.fallback.popular.iter().copied();
                    popular
                        .filter(|(slot, _)| may_fill(*slot))
                        .take(open)
                        .collect()
                }
                Source::New => {
                    let newest = input.fallback.newest.iter().copied();
                    let newest = newest.filter(|slot| may_fill(*slot)).take(open);
                    newest.map(|slot| (slot, 0.0)).collect()
                }
                _ => self.anything(open, may_fill),
            };
            for (slot, score) in rest {
                met.insert(slot);
                let score = ceiling * score;
                if score < self.request.min_score {
                    continue;
                }
                self.indexed.push(RankedItem {
                    slot,
                    score,
                    sources: (*fallback).into(),
                    parts: smallvec![0.0; self.width],
                    because: None,
                });
            }
        }
    }

    /// The first `most` of the catalogue that may fill a list, what its origin calls popular first.
    fn anything(&self, most: usize, may_fill: impl Fn(u32) -> bool) -> Vec<(u32, f32)> {
        let slot = |content| self.catalogue.slot(content);
        let known = self.catalogue.iter();
        let known = known.map(|(_, item)| (item.id, item.popularity as f32));
        let best = best_passing(known, most, |content| slot(content).is_some_and(&may_fill));
        let slots = best.into_iter().filter_map(|(content, _)| slot(content));
        slots.map(|slot| (slot, 0.0)).collect()
    }

    /// Puts the pinned items at their ranks, the smallest first: what is on offer to nobody stays
    /// out, what the user has may come back.
    pub(super) fn pin(&mut self) {
        let mut pins = self.request.pin.clone();
        pins.sort_unstable_by_key(|pin| pin.rank);
        let slots: Vec<(usize, u32)> = pins
            .iter()
            .filter_map(|pin| {
                let at = usize::try_from(pin.rank - 1).unwrap_or(0);
                Some((at, self.catalogue.slot(pin.content)?))
            })
            .collect();
        self.indexed
            .retain(|item| !slots.iter().any(|(_, slot)| *slot == item.slot));
        for (at, slot) in slots {
            if let Some(why) = self.input.rules.unavailable(slot) {
                self.dropped
                    .push((slot, Ineligible::Unavailable(why).into()));
                continue;
            }
            // Pinned at two ranks, it stands at the first.
            if !self.pinned.insert(slot) {
                continue;
            }
            self.dropped.retain(|(dropped, _)| *dropped != slot);
            let at = at.min(self.indexed.len());
            let pinned = RankedItem {
                slot,
                // That of the item in whose place it stands.
                score: self.indexed.get(at).map_or(0.0, |item| item.score),
                sources: Source::Pinned.into(),
                parts: smallvec![0.0; self.width],
                because: None,
            };
            self.indexed.insert(at, pinned);
        }
        // Pins push others over the end.
        let length = self.input.length.min(self.indexed.len());
        for item in self.indexed.split_off(length) {
            self.pinned.remove(&item.slot);
            let mut fallbacks = self.request.fallback.iter();
            let filled_by = fallbacks.find(|source| item.sources == (**source).into());
            self.displaced
                .extend(filled_by.map(|source| (item.slot, *source)));
            self.dropped.push((item.slot, DropReason::BeyondLength));
        }
    }
}
