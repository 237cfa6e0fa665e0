//! Scoring of searches: what words and meaning find, and the viewer's affinity.
//!
//! Items with all words of the query come first, by words alone. Behind them stands what has some of the
//! words or is near by its meaning, both fused by rank: BM25 and cosines have nothing in common. An item that
//! one side does not know gets nothing from it. So an item that both sides find beats one that a single side
//! puts first. Of equals in one side the more popular item has the better rank.

use rustc_hash::FxHashMap;
use smallvec::smallvec;

use super::candidates::Candidates;
use super::catalogue::Catalogue;
use super::score::{Pool, PooledSignal, Scored, Scorer, Scores, Ties, WeightedBlend};
use super::source::{Source, Sources};
use ranking::blend::RankScale;

/// The signal of [`Source::Query`] of items with all words.
pub const ALL_WORDS: u8 = 0;
/// The signal of [`Source::Query`] that meaning gives.
pub const MEANING: u8 = 1;
/// The signal of [`Source::Query`] of items with some of the words.
pub const SOME_WORDS: u8 = 2;

/// The least relevance of an item with all words.
const LEAST_ALL: f64 = 0.65;
/// The relevance of the best of what fills up behind such items. The gap is wider than the differences of
/// two affinities that are met in practice.
const MOST_FILL: f64 = 0.35;

/// How words and meaning are fused.
#[derive(Clone, Copy, Debug)]
pub struct FusionSettings {
    /// The weight of some of the words where that of meaning is 1; not negative.
    pub words_weight: f32,
    /// The best so many of each side count, at least 1.
    pub depth: usize,
    /// Whether what words find behind these is in the result as well, with a score of 0: it may be put
    /// in another order.
    pub keep_rest: bool,
}

/// What a query found, fused.
#[derive(Debug, Default)]
pub struct Fusion {
    items: Vec<FusedItem>,
    /// For each slot of the catalogue 1 + the place among the items, or 0.
    indices: Vec<u32>,
}

/// An item that a query found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FusedItem {
    /// Its slot in the catalogue.
    pub slot: u32,
    /// How well it answers the query, from 0 to 1: for items with all words by their rank among these, for
    /// others the weighted mean of both sides, below that of the former.
    pub relevance: f32,
    /// How well it suits the viewer, from 0 to 1; 0 where it is not known.
    pub affinity: f32,
    /// Its rank by words, from 1; 0 where they did not find it. All ranks behind the depth are the
    /// next one.
    pub words: u32,
    /// Whether it has all words.
    pub all_words: bool,
    /// Its rank by meaning, in the same way.
    pub meaning: u32,
}

impl Fusion {
    /// Fuses the signals of [`Source::Query`] in a pool; the scores of [`Source::Interests`] are taken
    /// as affinities.
    pub fn new(pool: &Pool, catalogue: &Catalogue, settings: FusionSettings) -> Self {
        let side = |part| pool.signal(Source::Query, part);
        let all = ranked(side(ALL_WORDS), catalogue, settings.depth);
        let left = settings.depth.saturating_sub(all.len());
        let some = ranked(side(SOME_WORDS), catalogue, left);
        let meaning = ranked(side(MEANING), catalogue, settings.depth);
        let mut fusion = Self {
            items: Vec::with_capacity(all.len() + some.len() + meaning.len()),
            indices: vec![0; catalogue.len()],
        };
        for (slot, rank) in all.iter().chain(&some).zip(1..) {
            if let Some(item) = fusion.entry(*slot).filter(|item| item.words == 0) {
                item.words = rank;
                item.all_words = rank as usize <= all.len();
            }
        }
        for (slot, rank) in meaning.iter().zip(1..) {
            if let Some(item) = fusion.entry(*slot) {
                item.meaning = rank;
            }
        }
        fusion.weigh(settings.words_weight, all.len(), some.len(), meaning.len());
        if settings.keep_rest {
            let beyond = u32::try_from(settings.depth + 1).unwrap_or(u32::MAX);
            for part in [ALL_WORDS, SOME_WORDS] {
                for (slot, _) in side(part).map_or(&[][..], |words| &words.scores) {
                    if fusion.item(*slot).is_none()
                        && let Some(item) = fusion.entry(*slot)
                    {
                        item.words = beyond;
                    }
                }
            }
        }
        let affinities = pool.signal(Source::Interests, 0);
        for (slot, affinity) in affinities.map_or(&[][..], |signal| &signal.scores) {
            if let Some(item) = fusion.known(*slot) {
                item.affinity = affinity.clamp(0.0, 1.0);
            }
        }
        fusion
    }

    /// The item in a slot, if the query found it.
    pub fn item(&self, slot: u32) -> Option<&FusedItem> {
        let index = self.indices.get(slot as usize)?.checked_sub(1)?;
        self.items.get(index as usize)
    }

    fn known(&mut self, slot: u32) -> Option<&mut FusedItem> {
        let index = self.indices.get(slot as usize)?.checked_sub(1)?;
        self.items.get_mut(index as usize)
    }

    /// The item in a slot, new where it is not there yet; `None` for a slot that no catalogue has.
    fn entry(&mut self, slot: u32) -> Option<&mut FusedItem> {
        let index = self.indices.get_mut(slot as usize)?;
        if *index == 0 {
            self.items.push(FusedItem {
                slot,
                ..FusedItem::default()
            });
            // No more items than slots, which are numbered by `u32`.
            *index = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        }
        let index = *index as usize - 1;
        self.items.get_mut(index)
    }

    /// The relevance of each item. A side that found nothing leaves the other all the weight; where nothing
    /// has all words, what fills up takes the whole scale.
    fn weigh(&mut self, words_weight: f32, all: usize, some: usize, meaning: usize) {
        let speaks = |found: usize| f64::from(u8::from(found > 0));
        let (mut by_words, mut by_meaning) = (
            f64::from(words_weight.max(0.0)) * speaks(some),
            speaks(meaning),
        );
        if by_words + by_meaning == 0.0 {
            by_words = speaks(some);
        }
        let sum = (by_words + by_meaning).max(f64::MIN_POSITIVE);
        by_words /= sum;
        by_meaning /= sum;
        let value = |scale: RankScale, rank: u32| match rank {
            0 => 0.0,
            rank => f64::from(scale.value(rank as usize - 1)),
        };
        let most_fill = if all > 0 { MOST_FILL } else { 1.0 };
        let before = u32::try_from(all).unwrap_or(u32::MAX);
        let (first, words, meaning) = (
            RankScale::of(all),
            RankScale::of(some),
            RankScale::of(meaning),
        );
        for item in &mut self.items {
            let relevance = if item.all_words {
                LEAST_ALL + (1.0 - LEAST_ALL) * value(first, item.words)
            } else {
                let by_some = value(words, item.words.saturating_sub(before)) * by_words;
                most_fill * (by_some + value(meaning, item.meaning) * by_meaning)
            };
            item.relevance = (relevance as f32).min(1.0);
        }
    }
}

/// The best `depth` slots of a side, the best first, of equal ones the more popular.
fn ranked(side: Option<&PooledSignal>, catalogue: &Catalogue, depth: usize) -> Vec<u32> {
    let mut found = side.map_or_else(Vec::new, |side| side.scores.clone());
    let order = |a: &(u32, f32), b: &(u32, f32)| {
        let better = b.1.total_cmp(&a.1);
        better.then_with(|| Ties::Popularity.order(catalogue, a.0, b.0))
    };
    if found.len() > depth {
        found.select_nth_unstable_by(depth, order);
        found.truncate(depth);
    }
    found.sort_unstable_by(order);
    found.into_iter().map(|(slot, _)| slot).collect()
}

/// Scores a fused query: `weight · relevance + (1 − weight) · affinity`; of equal items the more popular
/// one comes first.
#[derive(Clone, Copy, Debug)]
pub struct QueryScorer<'a> {
    /// What the query found.
    pub fusion: &'a Fusion,
    /// How much the query counts, from 0 to 1; `None` where the viewer's affinity has no say.
    pub query_weight: Option<f32>,
}

impl Scorer for QueryScorer<'_> {
    fn score(&self, _: &Pool) -> Scores {
        let items = self.fusion.items.iter();
        match self.query_weight {
            None => Scores {
                blend: vec![(Source::Query, 1.0)],
                items: items
                    .map(|item| Scored {
                        slot: item.slot,
                        score: item.relevance,
                        parts: smallvec![item.relevance],
                        sources: Source::Query.into(),
                    })
                    .collect(),
            },
            Some(query) => Scores {
                blend: vec![(Source::Query, query), (Source::Interests, 1.0 - query)],
                items: items.map(|item| personal(item, query)).collect(),
            },
        }
    }

    fn ties(&self) -> Ties<'_> {
        Ties::Popularity
    }
}

/// An item of a search that is ranked already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundItem {
    /// Its slot in the catalogue.
    pub slot: u32,
    /// Its score in the search, from 0 to 1: how well it answers the query and suits the viewer.
    pub score: f32,
    /// How well it suits the viewer, from 0 to 1; 0 where it is not known.
    pub affinity: f32,
}

/// A search that is ranked already, for a list that is about its query: the list has the scores of the search and,
/// controls aside, its order.
#[derive(Clone, Debug, Default)]
pub struct FoundOrder {
    items: Vec<FoundItem>,
    places: FxHashMap<u32, usize>,
    query_weight: Option<f32>,
}

impl FoundOrder {
    /// The items of a search, the best first, and how much the query counted in their scores, from 0 to 1; `None`
    /// where the viewer's affinity had no say.
    pub fn new(items: impl Iterator<Item = FoundItem>, query_weight: Option<f32>) -> Self {
        let items: Vec<FoundItem> = items.collect();
        Self {
            places: items.iter().map(|item| item.slot).zip(0..).collect(),
            items,
            query_weight,
        }
    }

    /// What the search offers a list: its scores, and how well items suit the viewer.
    pub fn candidates(&self) -> Vec<Candidates> {
        let items = self.items.iter();
        let scores = items.clone().map(|item| (item.slot, item.score)).collect();
        let mut offered = vec![Candidates::given(Source::Query, scores)];
        if let Some(weight) = self.query_weight {
            offered[0].weight = weight;
            let affinities = items.map(|item| (item.slot, item.affinity)).collect();
            offered.push(Candidates {
                weight: 1.0 - weight,
                ..Candidates::given(Source::Interests, affinities)
            });
        }
        offered
    }
}

impl Scorer for FoundOrder {
    /// The scores of the search. Where the pool has other weights than the search had, or leaves the affinity out,
    /// the two parts of each score are weighed anew.
    fn score(&self, pool: &Pool) -> Scores {
        let Some(query) = pool.signal(Source::Query, 0) else {
            return WeightedBlend.score(pool);
        };
        let interests = pool.signal(Source::Interests, 0);
        let (was, now) = (
            self.query_weight.unwrap_or(1.0),
            query_share(query, interests),
        );
        let item = |(slot, _): &(u32, f32)| {
            let item = self.items.get(*self.places.get(slot)?)?;
            // What is called exactly like the query has a score of 1 whatever the affinity is.
            let affinity = ((1.0 - was) * item.affinity).min(item.score);
            let relevance = item.score - affinity;
            let unchanged = now == was;
            let (relevance, affinity) = match unchanged {
                true => (relevance, affinity),
                false if was > 0.0 => (now * relevance / was, (1.0 - now) * item.affinity),
                false => (0.0, (1.0 - now) * item.affinity),
            };
            let mut sources = Sources::from(Source::Query);
            if affinity > 0.0 {
                sources = sources.with(Source::Interests);
            }
            Some(Scored {
                slot: item.slot,
                score: match unchanged {
                    true => item.score,
                    false => (relevance + affinity).min(1.0),
                },
                parts: match interests {
                    Some(_) => smallvec![relevance, affinity],
                    None => smallvec![relevance],
                },
                sources,
            })
        };
        let mut blend = vec![(Source::Query, now)];
        if interests.is_some() {
            blend.push((Source::Interests, 1.0 - now));
        }
        Scores {
            blend,
            items: query.scores.iter().filter_map(item).collect(),
        }
    }

    fn ties(&self) -> Ties<'_> {
        Ties::Listed(&self.places)
    }
}

/// How much the query counts beside the viewer's affinity, from 0 to 1.
fn query_share(query: &PooledSignal, interests: Option<&PooledSignal>) -> f32 {
    let affinity = interests.map_or(0.0, |signal| signal.weight);
    // The weights that a search gives sum to 1, which stays exactly the weight of its query.
    match affinity == 1.0 - query.weight {
        true => query.weight,
        false if query.weight + affinity > 0.0 => query.weight / (query.weight + affinity),
        false => 1.0,
    }
}

fn personal(item: &FusedItem, query: f32) -> Scored {
    let (relevance, affinity) = (query * item.relevance, (1.0 - query) * item.affinity);
    let mut sources = Sources::from(Source::Query);
    if affinity > 0.0 {
        sources = sources.with(Source::Interests);
    }
    Scored {
        slot: item.slot,
        score: (relevance + affinity).min(1.0),
        parts: smallvec![relevance, affinity],
        sources,
    }
}

#[cfg(test)]
mod tests;
