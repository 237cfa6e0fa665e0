//! What a search found, in one order that its pages share.

use chrono::NaiveDate;
use rustc_hash::FxHashSet;

use super::lexical::{LexicalMatches, MatchMode};
use super::model::{SearchHit, SearchRequest, SearchSource};
use super::order::{ExactMatch, ExactTitle, by_field, exact_matches_first};
use super::popularity::PopularityTable;
use crate::domain::content::ContentOrder;
use crate::engine::candidates::Candidates;
use crate::engine::catalogue::{Catalogue, IndexedItem};
use crate::engine::eligibility::{Eligibility, Rules};
use crate::engine::fusion::{
    ALL_WORDS, FoundItem, FoundOrder, Fusion, FusionSettings, MEANING, QueryScorer, SOME_WORDS,
};
use crate::engine::rank::{RankedItem, RankingInput, rank_pool};
use crate::engine::request::RecommendationRequest;
use crate::engine::score::Pool;
use crate::engine::source;
use crate::foundation::page::{Page, Window};

/// The most items that are ranked, the best; more are counted only.
pub const MOST_RANKED: usize = 10_000;
/// How much words count in the fusion where items have any of them only.
const ANY_WORD: f32 = 0.5;
/// Numbers of so many digits are ids only where no item has them as a word.
const SHORT_NUMBER: usize = 5;
/// The score by words of the most popular item is raised by this part of it.
const POPULARITY: f32 = 0.6;

/// What a search found.
pub struct SearchResults {
    /// Tells these results from those of other searches.
    pub(super) key: u64,
    hits: Vec<RankedHit>,
    /// The slots of everything that was found, each once, in no order.
    pub(super) matched: Vec<u32>,
    /// The query with its unknown words put right.
    pub corrected: Option<String>,
    /// What to mark in the texts.
    pub marks: HighlightTerms,
    /// Whether the viewer's affinity had a say.
    pub personalised: bool,
    /// How much the query counts where it had, 0 to 1; the rest is the affinity's.
    pub query_weight: f32,
}

/// The words that count as those of the query.
#[derive(Clone, Debug, Default)]
pub struct HighlightTerms {
    /// Folded words.
    pub words: FxHashSet<String>,
    /// Stems.
    pub stems: FxHashSet<String>,
}

/// Whether a text is a number of at most so many digits that it may be anything.
fn is_short_number(text: &str) -> bool {
    let text = text.trim();
    text.len() <= SHORT_NUMBER && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An item that was found, at its rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RankedHit {
    pub slot: u32,
    pub score: f32,
    pub relevance: f32,
    pub affinity: f32,
    /// Ranks by source, from 1; 0 where the source did not find it. All ranks behind
    /// [`MOST_RANKED`] are the next one.
    pub words: u32,
    pub meaning: u32,
}

/// What a search is ranked from.
pub(super) struct SearchInput<'a> {
    pub request: &'a SearchRequest,
    pub found: Option<LexicalMatches>,
    /// What meaning finds, with cosines.
    pub meant: Vec<(u32, f32)>,
    /// How well found items suit the viewer, from 0 to 1; `None` where that has no say.
    pub affinity: Option<Vec<(u32, f32)>>,
    /// How much of the score is the query's, where the viewer's affinity has a say: the setting
    /// `blend.query`, as in lists.
    pub query_weight: f32,
    /// How popular items are.
    pub popularity: &'a PopularityTable,
    pub day: NaiveDate,
}

impl SearchResults {
    /// Ranks what was found; `key` names the results.
    pub(super) fn new(key: u64, catalogue: &Catalogue, input: SearchInput<'_>) -> Self {
        let rules = Rules::on(input.day).matching(&input.request.filter);
        let rules = rules.within(catalogue);
        let mut results = Self {
            key,
            hits: Vec::new(),
            matched: Vec::new(),
            corrected: None,
            marks: HighlightTerms::default(),
            personalised: input.affinity.is_some(),
            query_weight: input.query_weight,
        };
        if input.request.is_empty() {
            results.personalised = false;
            results.list(&rules, input.request.order, input.popularity);
        } else {
            results.answer(&rules, input);
        }
        results
    }

    /// Everything that the rules admit, the most popular first, or in the order that was asked for.
    /// Scores fall evenly.
    fn list(
        &mut self,
        rules: &Eligibility<'_>,
        order: Option<(ContentOrder, bool)>,
        popularity: &PopularityTable,
    ) {
        let all = rules.catalogue().iter().map(|(slot, _)| (slot, 0.0));
        let all = Candidates::given(source::Source::Any, all.collect());
        self.matched = Pool::new(&[all], rules).eligible;
        let slots = self.matched.iter();
        let hits = slots.map(|slot| RankedHit {
            slot: *slot,
            ..RankedHit::default()
        });
        self.hits = hits.collect();
        let order = order.unwrap_or((ContentOrder::Popularity, false));
        by_field(
            &mut self.hits,
            rules.catalogue(),
            order,
            MOST_RANKED,
            popularity,
        );
        let all = self.matched.len() as f32;
        for (index, hit) in self.hits.iter_mut().enumerate() {
            hit.relevance = 1.0 - index as f32 / all;
            hit.score = hit.relevance;
        }
    }

    /// What answers the query, ranked by the pipeline, and then put in the order that was asked for;
    /// where none was, exact titles go first.
    fn answer(&mut self, rules: &Eligibility<'_>, input: SearchInput<'_>) {
        let catalogue = rules.catalogue();
        let order = input.request.order;
        let found = input.found.unwrap_or_default();
        let by_query = |part, scored| Candidates {
            part,
            ..Candidates::given(source::Source::Query, scored)
        };
        let (mut all, mut some) = (Vec::new(), Vec::new());
        for hit in &found.hits {
            let score = hit.score * (1.0 + POPULARITY * input.popularity.of(hit.slot));
            let words = if hit.all_words { &mut all } else { &mut some };
            words.push((hit.slot, score));
        }
        // A short number is a year, a size or a part of a name before it is somebody's id.
        let named = match all.is_empty() || !is_short_number(&input.request.query) {
            true => found.codes,
            false => FxHashSet::default(),
        };
        all.retain(|(slot, _)| !named.contains(slot));
        all.extend(named.iter().map(|slot| (*slot, f32::MAX)));
        some.retain(|(slot, _)| !named.contains(slot));
        let mut candidates = vec![
            by_query(ALL_WORDS, all),
            by_query(SOME_WORDS, some),
            by_query(MEANING, input.meant),
        ];
        let personal = input.affinity.is_some().then_some(input.query_weight);
        if let Some(affinity) = input.affinity {
            candidates.push(Candidates::given(source::Source::Interests, affinity));
        }
        let mut pool = Pool::new(&candidates, rules);
        let settings = FusionSettings {
            words_weight: match found.match_mode {
                MatchMode::AnyWord => ANY_WORD,
                _ => 1.0,
            },
            depth: MOST_RANKED,
            keep_rest: order.is_some(),
        };
        let fusion = Fusion::new(&pool, catalogue, settings);
        let scorer = QueryScorer {
            fusion: &fusion,
            query_weight: personal,
        };
        self.matched = std::mem::take(&mut pool.eligible);
        // What an order by a field brings forward is not known by its score.
        let length = if order.is_some() {
            usize::MAX
        } else {
            MOST_RANKED
        };
        let ranking = RankingInput::plain(rules, &candidates, &scorer, length);
        let list = rank_pool(&RecommendationRequest::uncontrolled(), &ranking, pool);
        let hit = |item: &RankedItem| {
            let fused = fusion.item(item.slot)?;
            Some(RankedHit {
                slot: item.slot,
                score: item.score,
                relevance: fused.relevance,
                affinity: fused.affinity,
                words: fused.words,
                meaning: fused.meaning,
            })
        };
        self.hits = list.items.iter().filter_map(hit).collect();
        match order {
            Some(order) => {
                by_field(
                    &mut self.hits,
                    catalogue,
                    order,
                    MOST_RANKED,
                    input.popularity,
                );
            }
            None => {
                let title = ExactTitle::new(&input.request.query);
                let exact = ExactMatch {
                    title: &title,
                    named: &named,
                };
                exact_matches_first(&mut self.hits, catalogue, &exact, input.popularity);
            }
        }
        self.corrected = found.corrected;
        self.marks = HighlightTerms {
            words: found.words,
            stems: found.stems,
        };
    }

    /// The best of what was found, in their order.
    pub(super) fn order(&self, most: usize) -> FoundOrder {
        let items = self.hits.iter().take(most).map(|hit| FoundItem {
            slot: hit.slot,
            score: hit.score,
            affinity: hit.affinity,
        });
        let query_weight = self.personalised.then_some(self.query_weight);
        FoundOrder::new(items, query_weight)
    }

    /// How many items were found.
    pub fn total(&self) -> usize {
        self.matched.len()
    }

    /// One page, without what may no longer be shown on `day`.
    pub(super) fn page(
        &self,
        catalogue: &Catalogue,
        window: &Window,
        after: usize,
        day: NaiveDate,
    ) -> Page<SearchHit> {
        let rules = Rules::on(day).within(catalogue);
        let rest = self.hits.iter().zip(1..).skip(after);
        let hits = rest.filter_map(|(hit, rank)| {
            let entry = rules.check(hit.slot).ok()?;
            Some(self.hit(hit, rank, entry))
        });
        let hits = hits.take(window.size + 1).collect();
        Page::cut(window, hits)
    }

    /// The place behind the item in `slot`, if it was ranked.
    pub(super) fn place_of(&self, slot: u32) -> Option<usize> {
        let index = self.hits.iter().position(|hit| hit.slot == slot);
        index.map(|index| index + 1)
    }

    fn hit(&self, hit: &RankedHit, rank: usize, entry: &IndexedItem) -> SearchHit {
        let ranks = [
            (SearchSource::Words, hit.words as usize),
            (SearchSource::Meaning, hit.meaning as usize),
        ];
        let mut sources: Vec<_> = ranks.into_iter().filter(|(_, rank)| *rank > 0).collect();
        if sources.is_empty() {
            sources.push((SearchSource::Listed, rank));
        }
        SearchHit {
            rank,
            content: entry.id,
            score: hit.score,
            relevance: hit.relevance,
            affinity: self.personalised.then_some(hit.affinity),
            sources,
        }
    }

    /// About how many bytes it takes.
    pub(super) fn memory(&self) -> usize {
        let words = self.marks.words.len() + self.marks.stems.len();
        256 + self.hits.len() * size_of::<RankedHit>() + self.matched.len() * 4 + words * 64
    }
}

#[cfg(test)]
mod tests;
