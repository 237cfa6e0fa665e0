//! What a search found, in one order that its pages share.

use chrono::NaiveDate;
use rustc_hash::FxHashSet;

use super::lexical::{Effort, Found};
use super::model::{Hit, Request, Source, Taste};
use crate::domain::content::ContentOrder;
use crate::engine::catalogue::{Catalogue, IndexedItem};
use crate::engine::eligibility::Rules;
use crate::foundation::page::Page;
use crate::foundation::page::Window;
use ranking::text::{fold, normalised};

mod fusion;

/// So many items are drawn at most, the best; more are counted only.
pub const MOST_DRAWN: usize = 10_000;
/// How much words count in the fusion where only some of them were found.
const ANY_WORD: f32 = 0.5;
/// Only so many of the best by words may be the thing that was called by its name.
const NAMED_AMONG: usize = 50;

/// What a search found.
pub struct Draw {
    /// Which draw.
    pub(super) key: u64,
    drawn: Vec<Drawn>,
    /// The slots of everything that was found, in no order.
    pub(super) matched: Vec<u32>,
    /// The query with its unknown words put right.
    pub corrected: Option<String>,
    /// What to mark in the texts.
    pub marks: Marks,
    /// Whether the viewer's taste had a say.
    pub personalised: bool,
    /// How much the query counts where it had, 0 to 1; the rest is the taste's.
    pub query_weight: f32,
}

/// The words that count as those of the query.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Folded words.
    pub words: FxHashSet<String>,
    /// Stems.
    pub stems: FxHashSet<String>,
}

#[derive(Clone, Copy, Default)]
struct Drawn {
    slot: u32,
    score: f32,
    relevance: f32,
    taste: f32,
    /// Ranks by source, from 1; 0 where the source did not find it. All ranks behind
    /// [`MOST_DRAWN`] are the next one.
    words: u32,
    meaning: u32,
}

/// What a draw is made from.
pub(super) struct Ingredients<'a> {
    pub request: &'a Request,
    pub found: Option<Found>,
    pub meant: Vec<(u32, f32)>,
    pub taste: Option<Taste>,
    /// How much of the score is the query's, where the viewer's taste has a say: the setting
    /// `blend.query`, as in lists.
    pub query_weight: f32,
    pub day: NaiveDate,
}

impl Draw {
    /// Filters, fuses and orders what was found; `key` names the draw.
    pub(super) fn new(key: u64, catalogue: &Catalogue, from: Ingredients<'_>) -> Self {
        let rules = Rules::on(from.day).matching(&from.request.filter);
        let rules = rules.within(catalogue);
        let allowed = |slot: u32| rules.admits(slot);
        let mut draw = Self {
            key,
            drawn: Vec::new(),
            matched: Vec::new(),
            corrected: None,
            marks: Marks::default(),
            personalised: false,
            query_weight: from.query_weight,
        };
        if from.request.is_empty() {
            let slots = catalogue.iter().map(|(slot, _)| slot);
            draw.matched = slots.filter(|slot| allowed(*slot)).collect();
            draw.list(catalogue, from.request.order);
            return draw;
        }
        let words = from.found.as_ref().map_or(&[][..], |found| &found.hits);
        let words = words.iter().filter(|hit| allowed(hit.slot));
        let words: Vec<_> = words.map(|hit| (hit.slot, hit.score)).collect();
        let meant = from.meant.iter().filter(|(slot, _)| allowed(*slot));
        let meant: Vec<_> = meant.copied().collect();
        let partly = |found: &Found| found.effort == Effort::AnyWord;
        let weight = if from.found.as_ref().is_some_and(partly) {
            ANY_WORD
        } else {
            1.0
        };
        draw.matched = fusion::union(&words, &meant);
        draw.fuse(catalogue, words, weight, meant);
        if from.request.order.is_some() {
            draw.take_the_rest();
        }
        if let Some(found) = from.found {
            draw.corrected = found.corrected;
            draw.marks = Marks {
                words: found.words,
                stems: found.stems,
            };
        }
        draw.personalise(from.taste.as_ref());
        let called = fold(&normalised(&from.request.query));
        match from.request.order {
            Some(order) => draw.order(catalogue, order),
            None => draw.best_first(catalogue, &called),
        }
        draw
    }

    /// The best of what was found, with their scores.
    pub(super) fn best(&self, most: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let best = self.drawn.iter().take(most);
        best.map(|drawn| (drawn.slot, drawn.score))
    }

    /// How many items were found.
    pub fn total(&self) -> usize {
        self.matched.len()
    }

    /// The most popular first, or in the order that was asked for. Scores fall evenly.
    fn list(&mut self, catalogue: &Catalogue, order: Option<(ContentOrder, bool)>) {
        let slots = self.matched.iter();
        let drawn = slots.map(|slot| Drawn {
            slot: *slot,
            ..Drawn::default()
        });
        self.drawn = drawn.collect();
        self.order(
            catalogue,
            order.unwrap_or((ContentOrder::Popularity, false)),
        );
        let all = self.matched.len() as f32;
        for (place, drawn) in self.drawn.iter_mut().enumerate() {
            drawn.relevance = 1.0 - place as f32 / all;
            drawn.score = drawn.relevance;
        }
    }

    fn personalise(&mut self, taste: Option<&Taste>) {
        let Some(taste) = taste else {
            return;
        };
        self.personalised = true;
        let query = self.query_weight;
        for drawn in &mut self.drawn {
            drawn.taste = taste(drawn.slot).clamp(0.0, 1.0);
            drawn.score = query * drawn.relevance + (1.0 - query) * drawn.taste;
        }
    }

    /// The best first; what is called exactly like the query before all others, with a score of 1.
    fn best_first(&mut self, catalogue: &Catalogue, called: &str) {
        let mut named = FxHashSet::default();
        for drawn in &mut self.drawn {
            let near = (1..=NAMED_AMONG as u32).contains(&drawn.words);
            let entry = catalogue.entry(drawn.slot).filter(|_| near);
            if entry.is_some_and(|entry| fold(&normalised(&entry.title)) == called) {
                (drawn.score, drawn.relevance) = (1.0, 1.0);
                named.insert(drawn.slot);
            }
        }
        top(&mut self.drawn, |a, b| {
            let is_named = |drawn: &Drawn| named.contains(&drawn.slot);
            is_named(b)
                .cmp(&is_named(a))
                .then(b.score.total_cmp(&a.score))
                .then_with(|| popular_first(catalogue, a.slot, b.slot))
        });
    }

    /// By a field, what has no value last either way round.
    fn order(&mut self, catalogue: &Catalogue, (by, ascending): (ContentOrder, bool)) {
        top(&mut self.drawn, |a, b| {
            let (Some(a), Some(b)) = (catalogue.entry(a.slot), catalogue.entry(b.slot)) else {
                return std::cmp::Ordering::Equal;
            };
            compare(a, b, by, ascending)
        });
    }

    /// One page, without what may no longer be shown on `day`.
    pub(super) fn page(
        &self,
        catalogue: &Catalogue,
        window: &Window,
        after: usize,
        day: NaiveDate,
    ) -> Page<Hit> {
        let rules = Rules::on(day).within(catalogue);
        let rest = self.drawn.iter().zip(1..).skip(after);
        let hits = rest.filter_map(|(drawn, rank)| {
            let entry = rules.check(drawn.slot).ok()?;
            Some(self.hit(drawn, rank, entry))
        });
        let hits = hits.take(window.size + 1).collect();
        Page::cut(window, hits)
    }

    /// The place behind the item in `slot`, if it was drawn.
    pub(super) fn place_of(&self, slot: u32) -> Option<usize> {
        let place = self.drawn.iter().position(|drawn| drawn.slot == slot);
        place.map(|place| place + 1)
    }

    fn hit(&self, drawn: &Drawn, rank: usize, entry: &IndexedItem) -> Hit {
        let ranks = [
            (Source::Words, drawn.words as usize),
            (Source::Meaning, drawn.meaning as usize),
        ];
        let mut sources: Vec<_> = ranks.into_iter().filter(|(_, rank)| *rank > 0).collect();
        if sources.is_empty() {
            sources.push((Source::Listed, rank));
        }
        Hit {
            rank,
            content: entry.id,
            score: drawn.score,
            relevance: drawn.relevance,
            taste: self.personalised.then_some(drawn.taste),
            sources,
        }
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let words = self.marks.words.len() + self.marks.stems.len();
        256 + self.drawn.len() * size_of::<Drawn>() + self.matched.len() * 4 + words * 64
    }
}

/// Keeps the first [`MOST_DRAWN`] by `order`, in order.
fn top(drawn: &mut Vec<Drawn>, order: impl Fn(&Drawn, &Drawn) -> std::cmp::Ordering) {
    if drawn.len() > MOST_DRAWN {
        drawn.select_nth_unstable_by(MOST_DRAWN, &order);
        drawn.truncate(MOST_DRAWN);
    }
    drawn.sort_unstable_by(order);
}

/// Equal scores: the more popular first, then by id, so that a list never flickers.
pub(super) fn popular_first(catalogue: &Catalogue, a: u32, b: u32) -> std::cmp::Ordering {
    let of = |slot| {
        catalogue
            .entry(slot)
            .map(|entry| (entry.popularity, entry.id))
    };
    match (of(a), of(b)) {
        (Some((a, a_id)), Some((b, b_id))) => b.total_cmp(&a).then(a_id.cmp(&b_id)),
        _ => a.cmp(&b),
    }
}

fn compare(
    a: &IndexedItem,
    b: &IndexedItem,
    by: ContentOrder,
    ascending: bool,
) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    fn missing_last<T>(
        a: Option<T>,
        b: Option<T>,
        ascending: bool,
        order: impl Fn(&T, &T) -> Ordering,
    ) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) if ascending => order(&a, &b),
            (Some(a), Some(b)) => order(&b, &a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
    let by_field = match by {
        ContentOrder::CreatedAt => {
            missing_last(Some(a.created_at), Some(b.created_at), ascending, Ord::cmp)
        }
        ContentOrder::Title => missing_last(Some(&a.title), Some(&b.title), ascending, Ord::cmp),
        ContentOrder::Year => missing_last(a.year, b.year, ascending, Ord::cmp),
        ContentOrder::Popularity => missing_last(
            Some(a.popularity),
            Some(b.popularity),
            ascending,
            f64::total_cmp,
        ),
        ContentOrder::RatingAverage => missing_last(
            a.rating_average,
            b.rating_average,
            ascending,
            f32::total_cmp,
        ),
        ContentOrder::Price => missing_last(a.price, b.price, ascending, Ord::cmp),
    };
    by_field.then(if ascending {
        a.id.cmp(&b.id)
    } else {
        b.id.cmp(&a.id)
    })
}
