//! What a list was made of, kept with it: enough to say later why each item stood where it stood, and
//! to make the list again (see [`crate::recording`]).

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::candidates::{Candidates, NonPersonalised};
use super::catalogue::Catalogue;
use super::eligibility::Ineligible;
use super::rank::{DropReason, RankedList};
use super::ranker::Ranker;
use super::request::RecommendationRequest;
use super::similarities::Similarities;
use super::source::Source;
use foundation::{Id, id};
use ranking::blend::calibrate;

mod stored;

use stored::{Stored, StoredSignal};

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

/// A ranking as it happened: what its provenance is taken from.
#[derive(Clone, Copy)]
pub struct Ranking<'a> {
    /// What was asked for.
    pub request: &'a RecommendationRequest,
    /// What the sources offered. All signals count by rank ([`crate::candidates::Scale::Rank`]), but for those of a
    /// search, which is ranked before ([`crate::fusion::FoundOrder`]).
    pub candidates: &'a [Candidates],
    /// The learned weights of the signals, where these made the scores.
    pub ranker: Option<&'a Ranker>,
    /// What could fill the list.
    pub fallback: &'a NonPersonalised,
    /// The most items of the list.
    pub length: usize,
    /// What came of it.
    pub list: &'a RankedList,
    /// The catalogue that the slots are of.
    pub catalogue: &'a Catalogue,
    /// The versions of the rest.
    pub versions: Versions,
}

/// What a list was made of, to be looked into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Composition {
    /// The versions of what it depends on.
    pub versions: Versions,
    /// The most items that it could have.
    pub length: usize,
    /// Whether learned weights made the scores.
    pub learned: bool,
    /// What each signal said, in the order of the blend.
    pub signals: Vec<Signal>,
    /// Candidates that have no place in the list, and why.
    pub dropped: Vec<(Content, DropReason)>,
    /// Candidates that were not eligible and stand in the list because of a pin.
    pub overridden: Vec<(Content, Ineligible)>,
    /// Items that filled the list by a fallback until pins pushed them over its end, with that fallback.
    pub displaced: Vec<(Content, Source)>,
    /// The popularity of the items that fill or filled the list because they are popular, from 0 to 1.
    pub popularity: FxHashMap<Content, f32>,
    /// Which boosts of the request matched an item, one bit each in their order; items that none
    /// matched are left out.
    pub boosts: FxHashMap<Content, u16>,
    /// The items that were made diverse, in the order of the similarities.
    pub heads: Vec<Content>,
    /// How similar these are, in the order of `heads`.
    pub similarities: Vec<u8>,
}

/// What one signal said of the candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The source that it belongs to.
    pub source: Source,
    /// Which signal of the source it is, from 0.
    pub part: u8,
    /// The weight that is configured for it.
    pub weight: f32,
    /// The weight that was learned for it; 0 where none was.
    pub learned: f32,
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

impl Signal {
    /// Whether any of its candidates was eligible, so that it had a say.
    pub fn spoke(&self) -> bool {
        self.scores.iter().any(|score| score.calibrated.is_some())
    }
}

impl Composition {
    /// The weight that each signal had in the scores, in their order, before the weights of those that
    /// had nothing to say were shared out: the learned one, or where no signal with a learned weight
    /// had anything to say, and where nothing was learned, the configured one.
    pub fn weights(&self) -> Vec<f32> {
        let learned = |signal: &Signal| signal.learned > 0.0 && signal.spoke();
        let learned = self.learned && self.signals.iter().any(learned);
        let weight = |signal: &Signal| match learned {
            true => signal.learned,
            false => signal.weight,
        };
        self.signals.iter().map(weight).collect()
    }
}

impl Provenance {
    /// Notes what a list was made of.
    pub fn new(ranking: &Ranking<'_>) -> Self {
        let (list, catalogue) = (ranking.list, ranking.catalogue);
        let slots = list.items.iter().map(|item| item.slot);
        let slots: Vec<u32> = slots
            .chain(list.dropped.iter().map(|(slot, _)| *slot))
            .collect();
        // A list and what was dropped have less than four thousand million items.
        let indices: FxHashMap<u32, u32> = slots.iter().copied().zip(0..).collect();
        let id = |slot: &u32| {
            catalogue
                .entry(*slot)
                .map_or(uuid::Uuid::nil(), |item| item.id.uuid())
        };
        let dropped = list.dropped.iter();
        let stored = Stored {
            format: stored::FORMAT,
            versions: ranking.versions,
            length: u32::try_from(ranking.length).unwrap_or(u32::MAX),
            learned: ranking.ranker.is_some(),
            dropped: dropped
                .clone()
                .flat_map(|(slot, _)| id(slot).into_bytes())
                .collect(),
            reasons: dropped.map(|(_, why)| stored::code(*why)).collect(),
            overridden: list
                .overridden
                .iter()
                .filter_map(|(slot, why)| Some((*indices.get(slot)?, stored::code((*why).into()))))
                .collect(),
            signals: ranking
                .candidates
                .iter()
                .map(|from| StoredSignal::new(from, ranking.ranker, &indices))
                .collect(),
            displaced: list
                .displaced
                .iter()
                .filter_map(|(slot, source)| Some((*indices.get(slot)?, *source as u8)))
                .collect(),
            popularity: popularity(ranking, &indices),
            boosts: stored::boosts(ranking.request, catalogue, &slots),
            heads: list
                .similarities
                .slots
                .iter()
                .filter_map(|slot| indices.get(slot).copied())
                .collect(),
            similarities: list.similarities.values.clone(),
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
        if stored.format != stored::FORMAT {
            return None;
        }
        let reasons = stored.reasons.iter().map(|code| stored::reason(*code));
        let reasons: Vec<DropReason> = reasons.collect::<Option<_>>()?;
        let dropped = stored.dropped.as_chunks::<16>().0.iter();
        let dropped: Vec<Content> = dropped
            .map(|bytes| uuid::Uuid::from_bytes(*bytes).into())
            .collect();
        if dropped.len() != reasons.len() {
            return None;
        }
        let contents: Vec<Content> = listed.iter().chain(&dropped).copied().collect();
        let content = |index: u32| contents.get(index as usize).copied();
        let mut eligible = vec![true; contents.len()];
        for (eligible, why) in eligible[listed.len()..].iter_mut().zip(&reasons) {
            *eligible = !matches!(why, DropReason::Ineligible(_));
        }
        let mut overridden = Vec::with_capacity(stored.overridden.len());
        for (index, code) in &stored.overridden {
            let Some(DropReason::Ineligible(why)) = stored::reason(*code) else {
                return None;
            };
            *eligible.get_mut(*index as usize)? = false;
            overridden.push((content(*index)?, why));
        }
        let query = Source::Query as u8;
        let searched = stored.signals.iter().any(|from| from.source == query);
        let signals = stored.signals.iter().map(|signal| {
            let raw = signal.raw(contents.len())?;
            let passed = raw.iter().zip(&eligible);
            let passed: Vec<f32> = passed
                .map(|(raw, eligible)| if *eligible { *raw } else { f32::NAN })
                .collect();
            // A search is ranked before: its values count as they are.
            let calibrated = if searched { passed } else { calibrate(&passed) };
            let scores = contents.iter().zip(&raw).zip(calibrated).zip(&eligible);
            let scores = scores.filter(|(((_, raw), _), _)| !raw.is_nan());
            Some(Signal {
                source: *Source::ALL.get(usize::from(signal.source))?,
                part: signal.part,
                weight: signal.weight,
                learned: signal.learned,
                scores: scores
                    .map(|(((content, raw), calibrated), eligible)| SignalScore {
                        content: *content,
                        raw: *raw,
                        calibrated: eligible.then_some(calibrated),
                    })
                    .collect(),
            })
        });
        let signals = signals.collect::<Option<_>>()?;
        let displaced = stored.displaced.iter().map(|(index, source)| {
            let source = Source::ALL.get(usize::from(*source));
            Some((content(*index)?, *source?))
        });
        let popularity = stored.popularity.iter();
        let popularity = popularity.map(|(index, score)| Some((content(*index)?, *score)));
        let boosts = contents.iter().copied().zip(stored.boosts.iter().copied());
        let heads = stored.heads.iter().map(|index| content(*index));
        Some(Composition {
            versions: stored.versions,
            length: stored.length as usize,
            learned: stored.learned,
            signals,
            dropped: dropped.into_iter().zip(reasons).collect(),
            overridden,
            displaced: displaced.collect::<Option<_>>()?,
            popularity: popularity.collect::<Option<_>>()?,
            boosts: boosts.filter(|(_, mask)| *mask != 0).collect(),
            heads: heads.collect::<Option<_>>()?,
            similarities: stored.similarities,
        })
    }
}

/// The popularity of the items that fill or filled the list because they are popular, by their places.
fn popularity(ranking: &Ranking<'_>, indices: &FxHashMap<u32, u32>) -> Vec<(u32, f32)> {
    let list = ranking.list;
    let fills = |slot: u32| {
        let index = *indices.get(&slot)?;
        let fills = match list.items.get(index as usize) {
            Some(item) => item.sources == Source::Popular.into(),
            None => list.displaced.contains(&(slot, Source::Popular)),
        };
        fills.then_some(index)
    };
    let popular = ranking.fallback.popular.iter();
    popular
        .filter_map(|(slot, score)| Some((fills(*slot)?, *score)))
        .collect()
}

impl Composition {
    /// The similarities of the items that were made diverse, whose slots are `slot` of their ids; `None`
    /// where they are not of these items.
    pub(crate) fn similarities(
        &self,
        slot: impl Fn(Content) -> Option<u32>,
    ) -> Option<Similarities> {
        let slots: Option<Vec<u32>> = self.heads.iter().map(|content| slot(*content)).collect();
        Some(Similarities {
            slots: slots?,
            values: self.similarities.clone(),
        })
    }
}
