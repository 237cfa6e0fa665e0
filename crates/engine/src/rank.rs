//! The pipeline: from candidates to a ranked list.
//!
//! Eligibility, calibration, scores, boosts, least score, diversity, fallbacks, length, pins, ranks;
//! in this order. The result depends on the input alone, and not on the order in which candidates
//! come: the same input gives the same list on every machine.
//!
//! Every list goes this way. One that its caller controls goes through [`rank()`]; one without
//! controls (search, groups of similar items, rows, trends) through [`best`], which is the same
//! pipeline with a request that asks for nothing.

use rustc_hash::{FxHashMap, FxHashSet};

use super::candidates::{Candidates, NonPersonalised};
use super::catalogue::{Catalogue, Matcher};
use super::eligibility::{Eligibility, Ineligible};
use super::request::RecommendationRequest;
use super::score::{Pool, Scored, Scorer, Scores};
use super::similarities::Similarities;
use super::source::{Source, Sources};
use foundation::{Id, id};
use ranking::blend::Parts;
use ranking::diversity;

mod controls;

/// Items at the head of a list that are made diverse; nobody compares the rest.
const DIVERSE: usize = 200;

/// What a list is ranked from.
pub struct RankingInput<'a> {
    /// Who may come in.
    pub rules: &'a Eligibility<'a>,
    /// What the sources offer.
    pub candidates: &'a [Candidates],
    /// How their scores become one.
    pub scorer: &'a dyn Scorer,
    /// What fills a list that is too short.
    pub fallback: &'a NonPersonalised,
    /// How similar the items in two slots are, from −1 to 1; 0 where it is not known.
    pub similarity: &'a dyn Fn(u32, u32) -> f32,
    /// The most items of the list.
    pub length: usize,
}

/// Nothing that could fill a list.
static NO_FALLBACK: NonPersonalised = NonPersonalised {
    popular: Vec::new(),
    newest: Vec::new(),
};

impl<'a> RankingInput<'a> {
    /// A list that nothing fills and nothing diversifies.
    pub fn plain(
        rules: &'a Eligibility<'a>,
        candidates: &'a [Candidates],
        scorer: &'a dyn Scorer,
        length: usize,
    ) -> Self {
        Self {
            rules,
            candidates,
            scorer,
            fallback: &NO_FALLBACK,
            similarity: &|_, _| 0.0,
            length,
        }
    }
}

/// A ranked list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankedList {
    /// Its items, best first.
    pub items: Vec<RankedItem>,
    /// The sources that had a say, with weights that sum to 1.
    pub blend: Vec<(Source, f32)>,
    /// Candidates that have no place in it, and why; ascending by slot.
    pub dropped: Vec<(u32, DropReason)>,
    /// Candidates that are not eligible and stand in it because of a pin; ascending by slot.
    pub overridden: Vec<(u32, Ineligible)>,
    /// Items that filled it by a fallback until pins pushed them over its end, with that fallback.
    pub displaced: Vec<(u32, Source)>,
    /// How similar the items are that were made diverse; empty where none were.
    pub similarities: Similarities,
}

impl RankedList {
    /// The items with their scores, best first.
    pub fn contents(&self, catalogue: &Catalogue) -> Vec<(Id<id::Content>, f32)> {
        let items = self.items.iter();
        let content = |item: &RankedItem| Some((catalogue.entry(item.slot)?.id, item.score));
        items.filter_map(content).collect()
    }
}

/// An item at its rank.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedItem {
    /// Its slot in the catalogue.
    pub slot: u32,
    /// From 0 to 1, never growing from rank to rank.
    pub score: f32,
    /// The sources that offered it.
    pub sources: Sources,
    /// How much of the score comes from each source of the blend; before boosts their sum is the
    /// score.
    pub parts: Parts,
    /// The slot of the item that speaks most for it, if a source named one.
    pub because: Option<u32>,
}

/// Why a candidate has no place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// It may not be shown.
    Ineligible(Ineligible),
    /// Its score is below the least that was asked for.
    BelowMinimum,
    /// Better items fill the list.
    BeyondLength,
}

impl From<Ineligible> for DropReason {
    fn from(why: Ineligible) -> Self {
        Self::Ineligible(why)
    }
}

/// Ranks the candidates for a request.
pub fn rank(request: &RecommendationRequest, input: &RankingInput<'_>) -> RankedList {
    rank_pool(request, input, Pool::new(input.candidates, input.rules))
}

/// Ranks candidates where nobody controls anything: what may be shown, by its score, as much of it as
/// the list is long.
pub fn best(input: &RankingInput<'_>) -> RankedList {
    rank(&RecommendationRequest::uncontrolled(), input)
}

/// The same as [`rank()`] from the second step on, for scorers that have to read the pool before:
/// `pool` has been made of the candidates and rules of `input`.
pub fn rank_pool(
    request: &RecommendationRequest,
    input: &RankingInput<'_>,
    pool: Pool,
) -> RankedList {
    let Scores { blend, items } = input.scorer.score(&pool);
    let mut list = Assembly::new(request, input, &blend);
    list.index(items);
    list.drop_low();
    list.diversify();
    list.fall_back();
    list.cut();
    list.pin();
    let (overridden, refused): (Vec<_>, Vec<_>) = pool
        .refused
        .into_iter()
        .partition(|(slot, _)| list.pinned.contains(slot));
    let refused = refused.into_iter().map(|(slot, why)| (slot, why.into()));
    let mut dropped: Vec<(u32, DropReason)> = refused.collect();
    dropped.append(&mut list.dropped);
    // Of several reasons the first counts: what a pin could not bring in was refused before.
    dropped.sort_by_key(|(slot, _)| *slot);
    dropped.dedup_by_key(|(slot, _)| *slot);
    RankedList {
        displaced: std::mem::take(&mut list.displaced),
        similarities: std::mem::take(&mut list.similarities),
        items: list.ranked(),
        blend,
        dropped,
        overridden,
    }
}

/// A list while it is put together.
struct Assembly<'a> {
    request: &'a RecommendationRequest,
    input: &'a RankingInput<'a>,
    catalogue: &'a Catalogue,
    boosts: Vec<(Matcher<'a>, f32)>,
    /// How many sources had a say.
    width: usize,
    /// For each of them, what speaks for items, if it names something.
    evidence: Vec<Option<&'a FxHashMap<u32, u32>>>,
    indexed: Vec<RankedItem>,
    dropped: Vec<(u32, DropReason)>,
    pinned: FxHashSet<u32>,
    displaced: Vec<(u32, Source)>,
    similarities: Similarities,
}

impl<'a> Assembly<'a> {
    fn new(
        request: &'a RecommendationRequest,
        input: &'a RankingInput<'a>,
        blend: &[(Source, f32)],
    ) -> Self {
        let catalogue = input.rules.catalogue();
        let boosts = request.boost.iter();
        let evidence_of = |source: Source| {
            let from = input.candidates.iter().find(|from| from.source == source);
            from.map(|from| &from.because)
        };
        Self {
            request,
            input,
            catalogue,
            boosts: boosts
                .map(|boost| (Matcher::new(&boost.filter, catalogue), boost.factor))
                .collect(),
            width: blend.len(),
            evidence: blend
                .iter()
                .map(|(source, _)| evidence_of(*source))
                .collect(),
            indexed: Vec::new(),
            dropped: Vec::new(),
            pinned: FxHashSet::default(),
            displaced: Vec::new(),
            similarities: Similarities::default(),
        }
    }

    /// Takes the scored items, boosted, the best first, equal ones as the scorer says. What no later
    /// step can bring into the list is dropped unsorted.
    fn index(&mut self, items: Vec<Scored>) {
        let indexed = items.into_iter().map(|item| RankedItem {
            slot: item.slot,
            score: self.boosted(&item),
            because: self.evidence_for(&item),
            sources: item.sources,
            parts: item.parts,
        });
        let mut indexed: Vec<RankedItem> = indexed.collect();
        let (catalogue, ties) = (self.catalogue, self.input.scorer.ties());
        let order = |a: &RankedItem, b: &RankedItem| {
            let better = b.score.total_cmp(&a.score);
            better.then_with(|| ties.order(catalogue, a.slot, b.slot))
        };
        let needed = self.input.length.max(DIVERSE);
        let mut rest = Vec::new();
        if indexed.len() > needed {
            indexed.select_nth_unstable_by(needed, order);
            rest = indexed.split_off(needed);
        }
        // Scorers give what one source ranked in its order: long runs, which a stable sort merges.
        indexed.sort_by(order);
        // Boosts may have led beyond 1.
        let most = indexed.first().map_or(1.0, |item| item.score.max(1.0));
        if most > 1.0 {
            indexed.iter_mut().for_each(|item| item.score /= most);
        }
        self.indexed = indexed;
        let least = self.request.min_score;
        let dropped = rest
            .into_iter()
            .map(|item| match item.score / most >= least {
                true => (item.slot, DropReason::BeyondLength),
                false => (item.slot, DropReason::BelowMinimum),
            });
        self.dropped.extend(dropped);
    }

    /// The score times the factors of all boosts that match; it may leave [0, 1].
    fn boosted(&self, item: &Scored) -> f32 {
        if self.boosts.is_empty() {
            return item.score;
        }
        let Some(entry) = self.catalogue.entry(item.slot) else {
            return item.score;
        };
        let matching = self.boosts.iter().filter(|(boost, _)| boost.matches(entry));
        matching.fold(item.score, |score, (_, factor)| score * factor)
    }

    /// What the source that adds most names, of equals the first: it is the reason that is told, and what
    /// another source names is no evidence for it.
    fn evidence_for(&self, item: &Scored) -> Option<u32> {
        let mut best: Option<(f32, usize)> = None;
        for (index, part) in item.parts.iter().enumerate() {
            if *part > best.map_or(0.0, |(most, _)| most) {
                best = Some((*part, index));
            }
        }
        let (_, index) = best?;
        let evidence = self.evidence.get(index).copied().flatten()?;
        evidence.get(&item.slot).copied()
    }

    fn drop_low(&mut self) {
        let least = self.request.min_score;
        // They are in order: all that are too low come last.
        let enough = self.indexed.partition_point(|item| item.score >= least);
        let low = self.indexed.drain(enough..);
        self.dropped
            .extend(low.map(|item| (item.slot, DropReason::BelowMinimum)));
    }

    /// Brings unlike items next to each other at the head of the list.
    fn diversify(&mut self) {
        if self.request.diversity <= 0.0 {
            return;
        }
        let tail = self.indexed.split_off(self.indexed.len().min(DIVERSE));
        let head: Vec<(usize, f32)> = self
            .indexed
            .iter()
            .enumerate()
            .map(|(at, item)| (at, item.score))
            .collect();
        let slots = self.indexed.iter().map(|item| item.slot).collect();
        let similarities = Similarities::new(slots, self.input.similarity);
        let similar = |a: usize, b: usize| similarities.between(a, b);
        let order = diversity::rerank(&head, self.request.diversity, similar, head.len());
        self.similarities = similarities;
        let mut waiting: Vec<Option<RankedItem>> = self.indexed.drain(..).map(Some).collect();
        self.indexed
            .extend(order.into_iter().filter_map(|at| waiting[at].take()));
        self.indexed.extend(tail);
    }

    fn cut(&mut self) {
        if self.indexed.len() > self.input.length {
            let beyond = self.indexed.drain(self.input.length..);
            self.dropped
                .extend(beyond.map(|item| (item.slot, DropReason::BeyondLength)));
        }
    }

    /// Where diversity or a pin put a better item behind a worse one, it shows the score of the one
    /// before it.
    fn ranked(self) -> Vec<RankedItem> {
        let mut ceiling = 1.0_f32;
        let mut items = self.indexed;
        for item in &mut items {
            ceiling = ceiling.min(item.score);
            item.score = ceiling;
        }
        items
    }
}

#[cfg(test)]
pub(super) mod tests;
