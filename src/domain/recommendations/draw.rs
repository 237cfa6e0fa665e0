//! Making a list of candidates: on one scale, blended, controlled, diverse, cut.
//!
//! A draw depends on its material alone, and not on the order in which that comes: the same
//! candidates give the same list on every machine.

use chrono::NaiveDate;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::smallvec;

use super::ask::Ask;
use super::model::{Drop, Item, Source, Sources};
use crate::engine::catalogue::{Catalogue, IndexedItem, Matcher};
use crate::foundation::{Id, id};
use ranking::blend::{Parts, Weighted, blend, calibrate};
use ranking::diversity;
use ranking::top::best_passing;

type Content = Id<id::Content>;

/// So many items at the head of a list are made diverse; nobody compares the rest.
const DIVERSE: usize = 200;

/// What one source offers.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) source: Source,
    /// Its weight in the blend before those that have nothing to say are left out.
    pub(super) weight: f32,
    /// Each item once, with a score of the source's own scale.
    pub(super) scored: Vec<(Content, f32)>,
    /// What speaks for an item.
    pub(super) because: FxHashMap<Content, Content>,
}

/// What a draw is made of.
pub(super) struct Material<'a> {
    pub(super) catalogue: &'a Catalogue,
    /// The day on which rights are looked at.
    pub(super) day: NaiveDate,
    /// What the user has, or does not want.
    pub(super) taken: &'a FxHashSet<Content>,
    pub(super) sources: &'a [Candidates],
    /// What everybody can be offered, by source, best first, with scores in [0, 1].
    pub(super) common: &'a [(Content, Source, f32)],
    /// How alike two items are, from −1 to 1; 0 where it is not known.
    pub(super) likeness: &'a dyn Fn(Content, Content) -> f32,
    /// How many items the list has at most.
    pub(super) length: usize,
}

/// What came of a draw.
#[derive(Debug, PartialEq)]
pub(super) struct Drawn {
    pub(super) items: Vec<Item>,
    /// The weights that were used, of those sources that had something to say.
    pub(super) blend: Vec<(Source, f32)>,
    pub(super) dropped: Vec<(Content, Drop)>,
}

/// A candidate on its way into the list.
struct Placed {
    content: Content,
    score: f32,
    sources: Sources,
    shares: Parts,
    because: Option<Content>,
}

/// Draws the list that `ask` asks for.
pub(super) fn draw(ask: &Ask, material: &Material<'_>) -> Drawn {
    let mut door = Door::new(ask, material);
    let calibrated: Vec<Vec<(Content, f32)>> = material.sources.iter().map(on_scale).collect();
    let weighted: Vec<_> = material
        .sources
        .iter()
        .zip(&calibrated)
        .map(|(source, scores)| Weighted {
            weight: source.weight,
            scores,
        })
        .collect();
    let blended = blend(&weighted);
    let speaking: Vec<usize> = (0..material.sources.len())
        .filter(|at| blended.weights[*at] > 0.0)
        .collect();
    let mut placed = Vec::with_capacity(blended.items.len());
    for item in blended.items {
        let Some(entry) = door.admit(item.key) else {
            continue;
        };
        let score = door.boosted(entry, item.score);
        let shares: Parts = speaking.iter().map(|at| item.contributions[*at]).collect();
        // The source that says most and knows a reason gives it.
        let mut sources = Sources::default();
        let mut because = None;
        let mut most = 0.0;
        for (at, share) in speaking.iter().zip(&shares) {
            let source = &material.sources[*at];
            if *share > 0.0 {
                sources = sources.with(source.source);
            }
            if let Some(reason) = source.because.get(&item.key)
                && *share > most
            {
                (because, most) = (Some(*reason), *share);
            }
        }
        placed.push(Placed {
            content: item.key,
            score,
            sources,
            shares,
            because,
        });
    }
    if !ask.boost.is_empty() {
        by_score(&mut placed);
    }
    placed.retain(|item| {
        let enough = item.score >= ask.min_score;
        if !enough {
            door.drop(item.content, Drop::BelowMinimum);
        }
        enough
    });
    spread(&mut placed, ask.diversity, material.likeness);
    fall_back(&mut placed, &door, speaking.len());
    if placed.len() > material.length {
        let crowded = placed.drain(material.length..);
        door.dropped
            .extend(crowded.map(|item| (item.content, Drop::Crowded)));
    }
    pin(&mut placed, &mut door, speaking.len());
    placed.truncate(material.length);
    Drawn {
        items: ranked(placed),
        blend: speaking
            .iter()
            .map(|at| (material.sources[*at].source, blended.weights[*at]))
            .collect(),
        dropped: door.dropped,
    }
}

/// The scores of a source as the share of its candidates that are no better, in [0, 1].
fn on_scale(source: &Candidates) -> Vec<(Content, f32)> {
    let scores: Vec<f32> = source.scored.iter().map(|(_, score)| *score).collect();
    let items = source.scored.iter().map(|(item, _)| *item);
    items.zip(calibrate(&scores)).collect()
}

/// Who comes in, and why the others do not.
struct Door<'a> {
    ask: &'a Ask,
    material: &'a Material<'a>,
    filter: Option<Matcher<'a>>,
    boosts: Vec<(Matcher<'a>, f32)>,
    excluded: FxHashSet<Content>,
    dropped: Vec<(Content, Drop)>,
}

impl<'a> Door<'a> {
    fn new(ask: &'a Ask, material: &'a Material<'a>) -> Self {
        let boosts = ask.boost.iter();
        Self {
            ask,
            material,
            filter: (!ask.filter.is_empty()).then(|| Matcher::new(&ask.filter, material.catalogue)),
            boosts: boosts
                .map(|boost| {
                    (
                        Matcher::new(&boost.filter, material.catalogue),
                        boost.factor,
                    )
                })
                .collect(),
            excluded: ask.exclude.iter().chain(&ask.like).copied().collect(),
            dropped: Vec::new(),
        }
    }

    /// Lets a candidate in, or notes why not.
    fn admit(&mut self, content: Content) -> Option<&'a IndexedItem> {
        let slot = self.material.catalogue.slot(content)?;
        let entry = self.material.catalogue.entry(slot)?;
        if let Some(reason) = self.reason_against(slot, entry, content) {
            self.drop(content, reason);
            return None;
        }
        Some(entry)
    }

    /// The entry is looked at last: it is far away in memory, and of most nothing is asked.
    fn reason_against(&self, slot: u32, entry: &IndexedItem, content: Content) -> Option<Drop> {
        if let Some(ineligible) = self.material.catalogue.ineligible(slot, self.material.day) {
            return Some(Drop::Ineligible(ineligible));
        }
        let filter = self.filter.as_ref();
        if self.excluded.contains(&content) {
            Some(Drop::Excluded)
        } else if self.material.taken.contains(&content) {
            Some(Drop::Taken)
        } else if filter.is_some_and(|filter| !filter.matches(entry)) {
            Some(Drop::Filtered)
        } else {
            None
        }
    }

    /// Whether an item may fill the list up. What fills up is no candidate: why the rest of the
    /// catalogue does not is noted nowhere.
    fn may_fill(&self, content: Content) -> bool {
        let slot = self.material.catalogue.slot(content);
        let entry = slot.and_then(|slot| Some((slot, self.material.catalogue.entry(slot)?)));
        entry.is_some_and(|(slot, entry)| self.reason_against(slot, entry, content).is_none())
    }

    fn drop(&mut self, content: Content, reason: Drop) {
        self.dropped.push((content, reason));
    }

    /// The score times the factors of all boosts that fit; it may leave [0, 1].
    fn boosted(&self, entry: &IndexedItem, score: f32) -> f32 {
        let fitting = self.boosts.iter().filter(|(boost, _)| boost.matches(entry));
        fitting.fold(score, |score, (_, factor)| score * factor)
    }
}

/// Orders by score, and takes the scores back into [0, 1] where boosts have led beyond.
fn by_score(placed: &mut [Placed]) {
    placed.sort_by(|a, b| {
        let better = b.score.total_cmp(&a.score);
        better.then_with(|| a.content.cmp(&b.content))
    });
    let most = placed.first().map_or(1.0, |item| item.score.max(1.0));
    for item in placed {
        item.score /= most;
    }
}

/// Puts unlike items next to each other at the head of the list.
fn spread(placed: &mut Vec<Placed>, diversity: f32, likeness: &dyn Fn(Content, Content) -> f32) {
    if diversity <= 0.0 {
        return;
    }
    let tail = placed.split_off(placed.len().min(DIVERSE));
    let head: Vec<(Content, f32)> = placed
        .iter()
        .map(|item| (item.content, item.score))
        .collect();
    let like = |a: usize, b: usize| likeness(head[a].0, head[b].0);
    let order = diversity::rerank(&head, diversity, like, head.len());
    let mut waiting: Vec<Option<Placed>> = placed.drain(..).map(Some).collect();
    placed.extend(order.into_iter().filter_map(|at| waiting[at].take()));
    placed.extend(tail);
}

/// Fills the list up with what everybody can be offered, in the order of the fallbacks.
fn fall_back(placed: &mut Vec<Placed>, door: &Door<'_>, sources: usize) {
    let (ask, material) = (door.ask, door.material);
    if placed.len() >= material.length {
        return;
    }
    // Whatever was decided already: nothing comes twice.
    let candidates = material.sources.iter().flat_map(|source| &source.scored);
    let mut met: FxHashSet<Content> = candidates.map(|(content, _)| *content).collect();
    // Below the last of the draw, so that scores never grow with rank.
    let ceiling = placed.iter().map(|item| item.score).fold(1.0, f32::min);
    for fallback in &ask.fallback {
        let open = material.length.saturating_sub(placed.len());
        let may_fill = |content: Content| !met.contains(&content) && door.may_fill(content);
        let rest: Vec<(Content, f32)> = if *fallback == Source::Any {
            anything(material.catalogue, open, may_fill)
        } else {
            let common = material.common.iter();
            let common = common.filter(|(_, source, _)| source == fallback);
            let scored = common.map(|(content, _, score)| (*content, *score));
            scored
                .filter(|(content, _)| may_fill(*content))
                .take(open)
                .collect()
        };
        for (content, score) in rest {
            met.insert(content);
            let score = ceiling * score;
            if score < ask.min_score {
                continue;
            }
            placed.push(Placed {
                content,
                score,
                sources: (*fallback).into(),
                shares: smallvec![0.0; sources],
                because: None,
            });
        }
    }
}

/// The first `most` of the catalogue that may fill a list up, what its source calls popular first.
fn anything(
    catalogue: &Catalogue,
    most: usize,
    may_fill: impl Fn(Content) -> bool,
) -> Vec<(Content, f32)> {
    let known = catalogue
        .iter()
        .map(|(_, entry)| (entry.id, entry.popularity as f32));
    let best = best_passing(known, most, may_fill);
    best.into_iter()
        .map(|(content, _)| (content, 0.0))
        .collect()
}

/// Puts the pinned items at their ranks, the smallest first: what a rule of the house keeps out
/// stays out, what the user has may come back.
fn pin(placed: &mut Vec<Placed>, door: &mut Door<'_>, sources: usize) {
    let material = door.material;
    let mut pins = door.ask.pin.clone();
    pins.sort_unstable_by_key(|pin| pin.rank);
    placed.retain(|item| !pins.iter().any(|pin| pin.content == item.content));
    for pin in pins {
        let Some(entry) = material.catalogue.find(pin.content) else {
            continue;
        };
        if let Some(ineligible) = entry.ineligible(material.day) {
            door.drop(pin.content, Drop::Ineligible(ineligible));
            continue;
        }
        door.dropped.retain(|(content, _)| *content != pin.content);
        let at = usize::try_from(pin.rank - 1).unwrap_or(0).min(placed.len());
        placed.insert(
            at,
            Placed {
                content: pin.content,
                // That of the item in whose place it stands.
                score: placed.get(at).map_or(0.0, |item| item.score),
                sources: Source::Pinned.into(),
                shares: smallvec![0.0; sources],
                because: None,
            },
        );
    }
}

/// Ranks from 1. Where diversity or a pin put a better item behind a worse one, it shows the score
/// of the one before it.
fn ranked(placed: Vec<Placed>) -> Vec<Item> {
    let mut ceiling = 1.0_f32;
    let items = placed.into_iter().zip(1..).map(|(item, rank)| {
        ceiling = ceiling.min(item.score);
        Item {
            rank,
            content: item.content,
            score: ceiling,
            sources: item.sources,
            parts: item.shares,
            because: item.because,
        }
    });
    items.collect()
}

#[cfg(test)]
mod tests;
