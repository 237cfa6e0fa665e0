//! What a list was made of, kept with it: enough to say later why each item stood where it stood.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::candidates::Candidates;
use super::catalogue::{Catalogue, Unavailable};
use super::eligibility::Ineligible;
use super::rank::{DropReason, RankedList};
use super::source::Source;
use foundation::{Id, id};
use ranking::blend::calibrate;

type Content = Id<id::Content>;

/// The versions of what a list depends on beside its models and the user's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The newest transaction that the catalogue had taken up.
    pub catalogue: u64,
    /// A digest of the settings and of the weights of the scorer.
    pub settings: u64,
}

/// What a list was made of, as bytes: they are written and read far more often than looked into.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance(Vec<u8>);

/// The same, to be looked into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Composition {
    /// The versions of what it depends on.
    pub versions: Versions,
    /// What each signal said, in the order of the blend.
    pub signals: Vec<Signal>,
    /// Candidates that have no place in the list, and why.
    pub dropped: Vec<(Content, DropReason)>,
}

/// What one signal said of the candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The source that it belongs to.
    pub source: Source,
    /// Which signal of the source it is, from 0.
    pub part: u8,
    /// The weight that it was given.
    pub weight: f32,
    /// Every candidate that it knows.
    pub scores: Vec<SignalScore>,
}

/// What one signal said of one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalScore {
    /// The candidate.
    pub content: Content,
    /// The score on the signal's own scale.
    pub raw: f32,
    /// The score on the common scale, in (0, 1]; `None` where the candidate was not eligible.
    pub calibrated: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    versions: Versions,
    /// The candidates that were dropped; those in the list are named there, by rank.
    dropped: Vec<Uuid>,
    /// Why each was.
    reasons: Vec<u8>,
    signals: Vec<StoredSignal>,
}

#[derive(Serialize, Deserialize)]
struct StoredSignal {
    source: u8,
    part: u8,
    weight: f32,
    /// One number for each item of the list and then for each that was dropped, little-endian; NaN
    /// where the signal does not know it.
    raw: Vec<u8>,
}

impl Provenance {
    /// Notes what `list` was made of.
    pub fn new(
        candidates: &[Candidates],
        list: &RankedList,
        catalogue: &Catalogue,
        versions: Versions,
    ) -> Self {
        let slots = list.items.iter().map(|item| item.slot);
        let slots: Vec<u32> = slots
            .chain(list.dropped.iter().map(|(slot, _)| *slot))
            .collect();
        let indices: FxHashMap<u32, usize> = slots.iter().copied().zip(0..).collect();
        let id = |slot: &u32| {
            catalogue
                .entry(*slot)
                .map_or(Uuid::nil(), |item| item.id.uuid())
        };
        let signal = |from: &Candidates| {
            let mut raw = vec![f32::NAN; slots.len()];
            for (slot, score) in &from.scored {
                if let Some(index) = indices.get(slot) {
                    raw[*index] = *score;
                }
            }
            StoredSignal {
                source: from.source as u8,
                part: from.part,
                weight: from.weight,
                raw: raw.iter().flat_map(|score| score.to_le_bytes()).collect(),
            }
        };
        let stored = Stored {
            versions,
            dropped: list.dropped.iter().map(|(slot, _)| id(slot)).collect(),
            reasons: list.dropped.iter().map(|(_, why)| code(*why)).collect(),
            signals: candidates.iter().map(signal).collect(),
        };
        // Writing to memory what has no maps does not fail; if it did, nothing would be known.
        Self(postcard::to_allocvec(&stored).unwrap_or_default())
    }

    /// The provenance that was stored as these bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to be stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How much memory it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.0.len()
    }

    /// What the list was made of, `listed` being all its items by rank; `None` where that is not known,
    /// was written by a release that wrote it otherwise, or is of another list.
    pub fn read(&self, listed: &[Content]) -> Option<Composition> {
        let stored: Stored = postcard::from_bytes(&self.0).ok()?;
        let reasons = stored.reasons.iter().map(|code| reason(*code));
        let reasons: Vec<DropReason> = reasons.collect::<Option<_>>()?;
        let dropped: Vec<Content> = stored.dropped.iter().map(|id| (*id).into()).collect();
        if dropped.len() != reasons.len() {
            return None;
        }
        let contents: Vec<Content> = listed.iter().chain(&dropped).copied().collect();
        let eligible = |index: usize| {
            let why = index.checked_sub(listed.len()).map(|index| reasons[index]);
            !matches!(why, Some(DropReason::Ineligible(_)))
        };
        let query = Source::Query as u8;
        let searched = stored.signals.iter().any(|from| from.source == query);
        let signals = stored.signals.iter().map(|signal| {
            let raw = signal.raw.as_chunks::<4>().0.iter();
            let raw: Vec<f32> = raw.map(|bytes| f32::from_le_bytes(*bytes)).collect();
            if raw.len() != contents.len() {
                return None;
            }
            let passed: Vec<f32> = raw
                .iter()
                .enumerate()
                .map(|(index, raw)| if eligible(index) { *raw } else { f32::NAN })
                .collect();
            // A search is ranked before: its values count as they are.
            let calibrated = if searched { passed } else { calibrate(&passed) };
            let scores = contents.iter().zip(&raw).zip(calibrated).enumerate();
            let scores = scores.filter(|(_, ((_, raw), _))| !raw.is_nan());
            Some(Signal {
                source: *Source::ALL.get(usize::from(signal.source))?,
                part: signal.part,
                weight: signal.weight,
                scores: scores
                    .map(|(index, ((content, raw), calibrated))| SignalScore {
                        content: *content,
                        raw: *raw,
                        calibrated: eligible(index).then_some(calibrated),
                    })
                    .collect(),
            })
        });
        Some(Composition {
            versions: stored.versions,
            signals: signals.collect::<Option<_>>()?,
            dropped: dropped.into_iter().zip(reasons.iter().copied()).collect(),
        })
    }
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

fn code(why: DropReason) -> u8 {
    let index = REASONS.iter().position(|reason| *reason == why);
    // A reason that is not in the table has no meaning for a reader, and 255 says so.
    index
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or(u8::MAX)
}

fn reason(code: u8) -> Option<DropReason> {
    REASONS.get(usize::from(code)).copied()
}
