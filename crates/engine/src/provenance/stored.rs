//! The bytes of a provenance.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::Versions;
use crate::candidates::Candidates;
use crate::catalogue::{Catalogue, Matcher, Unavailable};
use crate::eligibility::Ineligible;
use crate::rank::DropReason;
use crate::ranker::Ranker;
use crate::request::RecommendationRequest;

/// The number of the form below: bytes of another form are not read.
pub(super) const FORMAT: u8 = 2;

/// What is stored. Items are named by their places: those of the list by rank, then those that were
/// dropped; the list itself is stored beside it.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) format: u8,
    pub(super) versions: Versions,
    pub(super) length: u32,
    pub(super) learned: bool,
    /// The ids of the candidates that were dropped, 16 bytes each.
    pub(super) dropped: Vec<u8>,
    /// Why each was.
    pub(super) reasons: Vec<u8>,
    /// What a pin brought in although it was not eligible, and why it was not.
    pub(super) overridden: Vec<(u32, u8)>,
    pub(super) signals: Vec<StoredSignal>,
    /// Items that filled the list until pins pushed them out, with the fallback that brought them.
    pub(super) displaced: Vec<(u32, u8)>,
    /// Items that fill or filled the list as popular ones, with their popularity.
    pub(super) popularity: Vec<(u32, f32)>,
    /// For each item which boosts matched it; empty where there are no boosts.
    pub(super) boosts: Vec<u16>,
    /// The items that were made diverse.
    pub(super) heads: Vec<u32>,
    /// How similar they are.
    pub(super) similarities: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredSignal {
    pub(super) source: u8,
    pub(super) part: u8,
    pub(super) weight: f32,
    pub(super) learned: f32,
    /// A bit for each item, the lowest first: whether the signal knows it.
    known: Vec<u8>,
    /// Its score of each item that it knows, four bytes each, little-endian.
    raw: Vec<u8>,
}

impl StoredSignal {
    pub(super) fn new(
        from: &Candidates,
        ranker: Option<&Ranker>,
        indices: &FxHashMap<u32, u32>,
    ) -> Self {
        let mut raw = vec![f32::NAN; indices.len()];
        for (slot, score) in &from.scored {
            if let Some(index) = indices.get(slot) {
                raw[*index as usize] = *score;
            }
        }
        let mut known = vec![0_u8; raw.len().div_ceil(8)];
        for (index, score) in raw.iter().enumerate() {
            known[index / 8] |= u8::from(!score.is_nan()) << (index % 8);
        }
        let scores = raw.iter().filter(|score| !score.is_nan());
        Self {
            source: from.source as u8,
            part: from.part,
            weight: from.weight,
            learned: ranker.map_or(0.0, |ranker| ranker.weight(from.source, from.part)),
            known,
            raw: scores.flat_map(|score| score.to_le_bytes()).collect(),
        }
    }

    /// The score of each of `items` items, NaN where the signal does not know it; `None` where this
    /// is of another number of items.
    pub(super) fn raw(&self, items: usize) -> Option<Vec<f32>> {
        if self.known.len() != items.div_ceil(8) {
            return None;
        }
        let mut scores = self.raw.as_chunks::<4>().0.iter();
        let known = (0..items).map(|index| self.known[index / 8] >> (index % 8) & 1 == 1);
        let raw = known.map(|known| match known {
            true => scores.next().map(|bytes| f32::from_le_bytes(*bytes)),
            false => Some(f32::NAN),
        });
        let raw: Option<Vec<f32>> = raw.collect();
        raw.filter(|_| scores.next().is_none())
    }
}

/// Which boosts of a request match the items in these slots, a bit for each; empty without boosts.
pub(super) fn boosts(
    request: &RecommendationRequest,
    catalogue: &Catalogue,
    slots: &[u32],
) -> Vec<u16> {
    if request.boost.is_empty() {
        return Vec::new();
    }
    // A request has at most ten.
    let boosts = request.boost.iter();
    let boosts: Vec<Matcher<'_>> = boosts
        .map(|boost| Matcher::new(&boost.filter, catalogue))
        .collect();
    let mask = |slot: &u32| {
        let Some(item) = catalogue.entry(*slot) else {
            return 0;
        };
        let bits = boosts.iter().zip(0..16);
        bits.filter(|(boost, _)| boost.matches(item))
            .fold(0_u16, |mask, (_, bit)| mask | 1 << bit)
    };
    slots.iter().map(mask).collect()
}

/// Every reason, by its code. Codes are stored: new ones are added at the end.
const REASONS: [DropReason; 10] = [
    DropReason::Ineligible(Ineligible::Unavailable(Unavailable::Deleted)),
    DropReason::Ineligible(Ineligible::Unavailable(Unavailable::NotPublic)),
    DropReason::Ineligible(Ineligible::Unavailable(Unavailable::Rights)),
    DropReason::Ineligible(Ineligible::Unavailable(Unavailable::SoldOut)),
    DropReason::Ineligible(Ineligible::Excluded),
    DropReason::Ineligible(Ineligible::Seen),
    DropReason::Ineligible(Ineligible::Filtered),
    DropReason::BelowMinimum,
    DropReason::BeyondLength,
    DropReason::Ineligible(Ineligible::NoBroadcastsLeft),
];

pub(super) fn code(why: DropReason) -> u8 {
    let index = REASONS.iter().position(|reason| *reason == why);
    // A reason that is not in the table has no meaning for a reader, and 255 says so.
    index
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or(u8::MAX)
}

pub(super) fn reason(code: u8) -> Option<DropReason> {
    REASONS.get(usize::from(code)).copied()
}
