//! Stored lists, ranked again: by the same pipeline and with the inputs that were stored with them, or
//! with some of them changed.
//!
//! What is stored is put before the pipeline as a catalogue of the items that the list dealt with, each as
//! available and as eligible as it was. So no step is written twice, and where nothing is changed the list
//! comes out again to the last bit, whatever became of catalogue, models and histories.

use chrono::NaiveDate;
use rustc_hash::{FxHashMap, FxHashSet};

use super::candidates::{Candidates, NonPersonalised, Scale};
use super::catalogue::{Catalogue, ContentFilter, ContentKind, ItemRow, Unavailable, Visibility};
use super::eligibility::{Ineligible, Rules};
use super::fusion::{FoundItem, FoundOrder};
use super::provenance::{Composition, Signal};
use super::rank::{DropReason, RankedList, RankingInput, rank};
use super::ranker::{Ranker, SignalWeight};
use super::request::RecommendationRequest;
use super::score::{Scorer, WeightedBlend};
use super::source::{Source, Sources};
use foundation::filter::TextList;
use foundation::{Id, id};
use ranking::blend::Parts;

type Content = Id<id::Content>;

/// A stored list with what it was made of.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// What was asked for.
    pub request: &'a RecommendationRequest,
    /// The items of the list by rank, each with its sources.
    pub items: &'a [(Content, Sources)],
    /// What it was made of.
    pub composition: &'a Composition,
}

/// What to change in the inputs of a stored list. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The weight of a source in place of the one that it had, at least 0. The signals of a source keep
    /// their proportions.
    pub weights: Vec<(Source, f32)>,
    /// Sources that are left out.
    pub without: Vec<Source>,
    /// Items that must not come.
    pub exclude: Vec<Content>,
    /// Another share of diversity, 0 to 1.
    pub diversity: Option<f32>,
    /// Another least score, 0 to 1.
    pub min_score: Option<f32>,
}

/// A stored list that was ranked again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplayedList {
    /// Its items, best first.
    pub items: Vec<ReplayedItem>,
    /// The sources that had a say, with weights that sum to 1.
    pub blend: Vec<(Source, f32)>,
    /// Candidates that have no place in it, and why.
    pub dropped: Vec<(Content, DropReason)>,
}

/// An item of a list that was ranked again.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayedItem {
    /// The item.
    pub content: Content,
    /// Its score, from 0 to 1.
    pub score: f32,
    /// The sources that offered it.
    pub sources: Sources,
    /// How much of the score comes from each source of the blend.
    pub parts: Parts,
}

/// What became of an item in the making of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// No source offered it, and nothing else brought it in.
    NotACandidate,
    /// It was dropped.
    Dropped(DropReason),
    /// It is in the list, at this rank from 1.
    Listed(usize),
}

/// Where an item stands by its score alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Its rank among all eligible candidates, from 1: before diversity, pins and the least score.
    pub rank: usize,
    /// Its score, from 0 to 1.
    pub score: f32,
}

/// The only day that there is in the catalogue of a recording.
const DAY: NaiveDate = NaiveDate::MIN;

impl Recording<'_> {
    /// The list again, with some of its inputs changed. `similarity` is asked of two items where the list
    /// was not made with their similarity: other items come to its head, or it is made diverse now.
    pub fn rank(
        &self,
        changes: &Changes,
        similarity: &dyn Fn(Content, Content) -> f32,
    ) -> ReplayedList {
        let mut request = self.request.clone();
        request.diversity = changes.diversity.unwrap_or(request.diversity);
        request.min_score = changes.min_score.unwrap_or(request.min_score);
        let left_out = |source: Source| changes.without.contains(&source);
        request.fallback.retain(|source| !left_out(*source));
        if left_out(Source::Pinned) {
            request.pin.clear();
        }
        self.rank_as(request, changes, self.composition.length, similarity)
    }

    /// What became of an item.
    pub fn outcome(&self, content: Content) -> Outcome {
        if let Some(index) = self.items.iter().position(|(item, _)| *item == content) {
            return Outcome::Listed(index + 1);
        }
        let mut dropped = self.composition.dropped.iter();
        let dropped = dropped.find(|(item, _)| *item == content);
        dropped.map_or(Outcome::NotACandidate, |(_, why)| Outcome::Dropped(*why))
    }

    /// Where an eligible candidate stands by its score alone; `None` for what is none.
    pub fn standing(&self, content: Content) -> Option<Standing> {
        let request = RecommendationRequest {
            boost: self.request.boost.clone(),
            ..RecommendationRequest::uncontrolled()
        };
        let all = self.items.len() + self.composition.dropped.len();
        let list = self.rank_as(request, &Changes::default(), all, &|_, _| 0.0);
        let index = list.items.iter().position(|item| item.content == content)?;
        Some(Standing {
            rank: index + 1,
            score: list.items[index].score,
        })
    }

    fn rank_as(
        &self,
        mut request: RecommendationRequest,
        changes: &Changes,
        length: usize,
        similarity: &dyn Fn(Content, Content) -> f32,
    ) -> ReplayedList {
        for (index, boost) in request.boost.iter_mut().enumerate() {
            boost.filter = ContentFilter {
                tags: TextList {
                    has: Some(index.to_string()),
                    ..TextList::default()
                },
                ..ContentFilter::default()
            };
        }
        let candidates: Vec<&Signal> = self
            .composition
            .signals
            .iter()
            .filter(|signal| !changes.without.contains(&signal.source))
            .collect();
        let catalogue = self.catalogue();
        let fills = Fills::new(self, &candidates, &request.fallback);
        if fills.any.is_empty() {
            // What any item could fill was filled otherwise.
            request.fallback.retain(|source| *source != Source::Any);
        }
        let (excluded, seen) = self.shut_out(changes, &candidates, &fills);
        let rules = Rules::on(DAY).of_kinds(&[ContentKind::Movie]);
        let rules = rules.within(&catalogue).for_broadcast();
        let rules = rules.without(&excluded).without_seen(&seen);
        let slot = |content: Content| catalogue.slot(content);
        let id = |slot: u32| catalogue.entry(slot).map(|item| item.id);
        let recorded = self.composition.similarities(slot).unwrap_or_default();
        let places: FxHashMap<u32, usize> = recorded.slots.iter().copied().zip(0..).collect();
        let similar = |a: u32, b: u32| match (places.get(&a), places.get(&b)) {
            (Some(a), Some(b)) => recorded.between(*a, *b),
            _ => id(a).zip(id(b)).map_or(0.0, |(a, b)| similarity(a, b)),
        };
        let (ranker, weights) = self.weights(changes, &candidates);
        let search = self.search(slot);
        let scorer: &dyn Scorer = match (&search, &ranker) {
            (Some(search), _) => search,
            (None, Some(ranker)) => ranker,
            (None, None) => &WeightedBlend,
        };
        let candidates: Vec<Candidates> = candidates
            .iter()
            .zip(weights)
            .map(|(signal, weight)| {
                let scored = signal.scores.iter();
                let scored = scored.filter_map(|score| Some((slot(score.content)?, score.raw)));
                let scale = match search {
                    Some(_) => Scale::Given,
                    None => Scale::Rank,
                };
                Candidates {
                    part: signal.part,
                    scale,
                    ..Candidates::new(signal.source, weight, scored.collect())
                }
            })
            .collect();
        let list = rank(
            &request,
            &RankingInput {
                rules: &rules,
                candidates: &candidates,
                scorer,
                fallback: &fills.common(slot),
                similarity: &similar,
                length,
            },
        );
        replayed(list, &catalogue)
    }

    /// The search that the list was made of, if it was made of one. Of equal scores the earlier item comes first: what
    /// was made diverse in the order that it had before, the list's own in their order, then what was dropped.
    fn search(&self, slot: impl Fn(Content) -> Option<u32>) -> Option<FoundOrder> {
        let signal = |source: Source| {
            let mut signals = self.composition.signals.iter();
            signals.find(|signal| signal.source == source)
        };
        let query = signal(Source::Query)?;
        let raw = |signal: &Signal| -> FxHashMap<Content, f32> {
            let scores = signal.scores.iter();
            scores.map(|score| (score.content, score.raw)).collect()
        };
        let scores = raw(query);
        let affinities = signal(Source::Interests).map(raw);
        let heads = self.composition.heads.iter().copied();
        let listed = self.items.iter().map(|(content, _)| *content);
        let dropped = self.composition.dropped.iter().map(|(content, _)| *content);
        let mut taken = FxHashSet::default();
        let items = heads.chain(listed).chain(dropped);
        let found = items.filter(|content| taken.insert(*content));
        let found = found.filter_map(|content| {
            let affinities = affinities.as_ref();
            let affinity = affinities.and_then(|known| known.get(&content).copied());
            Some(FoundItem {
                slot: slot(content)?,
                score: *scores.get(&content)?,
                affinity: affinity.unwrap_or(0.0),
            })
        });
        Some(FoundOrder::new(
            found,
            affinities.as_ref().map(|_| query.weight),
        ))
    }

    /// The items that the list dealt with, as available as they were; the tags of each name the boosts that
    /// matched it. What fills a list as any other item is the more popular the earlier it stood.
    fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::default();
        let dropped = self.composition.dropped.iter();
        let whys: FxHashMap<Content, Ineligible> = dropped
            .filter_map(|(content, why)| match why {
                DropReason::Ineligible(why) => Some((*content, *why)),
                DropReason::BelowMinimum | DropReason::BeyondLength => None,
            })
            .chain(self.composition.overridden.iter().copied())
            .collect();
        let listed = self.items.iter().map(|(content, _)| *content);
        let dropped = self.composition.dropped.iter().map(|(content, _)| *content);
        let all = self.items.len() + self.composition.dropped.len();
        for (index, content) in listed.chain(dropped).enumerate() {
            let mut row = ItemRow::new(content.uuid(), "");
            row.popularity = (all - index) as f64;
            let mask = self.composition.boosts.get(&content).copied().unwrap_or(0);
            let boosts = (0..16).filter(|bit| mask >> bit & 1 == 1);
            row.tags = boosts.map(|bit| bit.to_string()).collect();
            match whys.get(&content) {
                None | Some(Ineligible::Excluded | Ineligible::Seen) => {}
                Some(Ineligible::Filtered) => row.kind = ContentKind::Product,
                Some(Ineligible::NoBroadcastsLeft) => row.broadcasts_left = Some(0),
                Some(Ineligible::Unavailable(Unavailable::Deleted)) => row.deleted = true,
                Some(Ineligible::Unavailable(Unavailable::NotPublic)) => {
                    row.visibility = Visibility::Private;
                }
                Some(Ineligible::Unavailable(Unavailable::Rights)) => {
                    row.rights_from = DAY.succ_opt();
                }
                Some(Ineligible::Unavailable(Unavailable::SoldOut)) => row.stock = Some(0),
            }
            catalogue.put(row);
        }
        catalogue
    }

    /// What the request and what the history of the user shut out. The latter also keeps out what is no
    /// candidate any more and did not fill the list.
    fn shut_out(
        &self,
        changes: &Changes,
        candidates: &[&Signal],
        fills: &Fills,
    ) -> (FxHashSet<Content>, FxHashSet<Content>) {
        let mut excluded: FxHashSet<Content> = changes.exclude.iter().copied().collect();
        let mut seen = FxHashSet::default();
        let dropped = self.composition.dropped.iter();
        let dropped = dropped.filter_map(|(content, why)| match why {
            DropReason::Ineligible(why) => Some((*content, *why)),
            DropReason::BelowMinimum | DropReason::BeyondLength => None,
        });
        let overridden = self.composition.overridden.iter().copied();
        for (content, why) in dropped.chain(overridden) {
            match why {
                Ineligible::Excluded => excluded.insert(content),
                Ineligible::Seen => seen.insert(content),
                _ => false,
            };
        }
        let offered = candidates.iter().flat_map(|signal| &signal.scores);
        let offered: FxHashSet<Content> = offered.map(|score| score.content).collect();
        let listed = self.items.iter().map(|(content, _)| *content);
        let dropped = self.composition.dropped.iter().map(|(content, _)| *content);
        let others = listed.chain(dropped);
        seen.extend(others.filter(|content| !offered.contains(content) && !fills.has(*content)));
        (excluded, seen)
    }

    /// The learned weights, where these make the scores, and the weights of the candidates.
    fn weights(&self, changes: &Changes, signals: &[&Signal]) -> (Option<Ranker>, Vec<f32>) {
        let configured = || signals.iter().map(|signal| signal.weight).collect();
        if changes.weights.is_empty() {
            let weight = |signal: &&Signal| SignalWeight {
                source: signal.source.as_str().to_owned(),
                part: signal.part,
                weight: signal.learned,
            };
            let ranker = self.composition.learned.then(|| Ranker {
                weights: signals.iter().map(weight).collect(),
            });
            return (ranker, configured());
        }
        let used = self.composition.weights();
        let used: Vec<f32> = self
            .composition
            .signals
            .iter()
            .zip(used)
            .filter(|(signal, _)| !changes.without.contains(&signal.source))
            .map(|(_, weight)| weight)
            .collect();
        let weight = |(signal, own): (&&Signal, &f32)| {
            let mut wanted = changes.weights.iter();
            let Some((_, wanted)) = wanted.find(|(source, _)| *source == signal.source) else {
                return *own;
            };
            let of_source = signals.iter().zip(&used);
            let of_source = of_source.filter(|(other, _)| other.source == signal.source);
            let (count, sum) = of_source.fold((0.0, 0.0), |(count, sum), (_, weight)| {
                (count + 1.0, sum + weight)
            });
            match sum > 0.0 {
                true => wanted * own / sum,
                false => wanted / count,
            }
        };
        (None, signals.iter().zip(&used).map(weight).collect())
    }
}

/// What fills a list, by rank: only what did.
struct Fills {
    popular: Vec<(Content, f32)>,
    newest: Vec<Content>,
    any: Vec<Content>,
}

impl Fills {
    /// Items that no signal knows, by the fallback that brought them: those of the list, then those that
    /// pins pushed over its end.
    fn new(recording: &Recording<'_>, candidates: &[&Signal], fallback: &[Source]) -> Self {
        let offered = candidates.iter().flat_map(|signal| &signal.scores);
        let offered: FxHashSet<Content> = offered.map(|score| score.content).collect();
        let composition = recording.composition;
        let displaced = composition.displaced.iter();
        let displaced = displaced.map(|(content, source)| (*content, Sources::from(*source)));
        let filling: Vec<(Content, Sources)> =
            recording.items.iter().copied().chain(displaced).collect();
        let of = |source: Source| -> Vec<Content> {
            let filling = filling.iter().filter(|(content, sources)| {
                *sources == source.into()
                    && fallback.contains(&source)
                    && !offered.contains(content)
            });
            filling.map(|(content, _)| *content).collect()
        };
        let popularity = |content: Content| {
            let score = composition.popularity.get(&content).copied();
            (content, score.unwrap_or(0.0))
        };
        Self {
            popular: of(Source::Popular).into_iter().map(popularity).collect(),
            newest: of(Source::New),
            any: of(Source::Any),
        }
    }

    fn has(&self, content: Content) -> bool {
        let mut popular = self.popular.iter();
        popular.any(|(item, _)| *item == content)
            || self.newest.contains(&content)
            || self.any.contains(&content)
    }

    fn common(&self, slot: impl Fn(Content) -> Option<u32>) -> NonPersonalised {
        let popular = self.popular.iter();
        let popular = popular.filter_map(|(content, score)| Some((slot(*content)?, *score)));
        NonPersonalised {
            popular: popular.collect(),
            newest: self.newest.iter().filter_map(|item| slot(*item)).collect(),
        }
    }
}

fn replayed(list: RankedList, catalogue: &Catalogue) -> ReplayedList {
    let id = |slot: u32| catalogue.entry(slot).map(|item| item.id);
    let items = list.items.into_iter();
    let items = items.filter_map(|item| {
        Some(ReplayedItem {
            content: id(item.slot)?,
            score: item.score,
            sources: item.sources,
            parts: item.parts,
        })
    });
    let dropped = list.dropped.into_iter();
    ReplayedList {
        items: items.collect(),
        blend: list.blend,
        dropped: dropped
            .filter_map(|(slot, why)| Some((id(slot)?, why)))
            .collect(),
    }
}

#[cfg(test)]
mod tests;
