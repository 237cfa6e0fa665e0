//! What a search does to the ranked result: an order by a field, and exact titles first.

use std::cmp::Ordering;

use rustc_hash::FxHashSet;

use super::lexical::title_keys;
use super::popularity::PopularityTable;
use super::query::{Interpretation, Synonyms};
use super::results::RankedHit;
use crate::domain::content::ContentOrder;
use crate::engine::catalogue::{Catalogue, IndexedItem};

/// Only so many of the best by words may be the thing that was called by its name.
const EXACT_AMONG: u32 = 50;

/// What a query calls by its name.
pub(super) struct ExactTitle {
    /// Keys of the whole query, with and without an article.
    whole: Vec<String>,
    /// Keys of what stands before the year at its end, and the year.
    dated: Option<(Vec<String>, i32)>,
}

impl ExactTitle {
    pub fn new(query: &str) -> Self {
        // Its year alone is of interest here.
        let read = Interpretation::new(query, &Synonyms::none());
        let dated = read.title_and_year(query);
        Self {
            whole: title_keys(query),
            dated: dated.map(|(title, year)| (title_keys(title), year)),
        }
    }

    /// How exactly an item is called so: 0 for the very title, 1 for one with another article or none; `None`
    /// for another title.
    pub fn fits(&self, title: &str, year: Option<i32>) -> Option<u8> {
        let keys = title_keys(title);
        let fits = |wanted: &[String]| -> Option<u8> {
            if wanted.first() == keys.first() && !keys.is_empty() {
                return Some(0);
            }
            // `Heat` is also `The Heat`, and `The Searchers` also `Searchers`.
            let any = wanted.iter().any(|key| keys.contains(key));
            any.then_some(1)
        };
        fits(&self.whole).or_else(|| {
            let (title, asked) = self.dated.as_ref()?;
            fits(title).filter(|_| year == Some(*asked))
        })
    }
}

/// What a query names exactly.
pub(super) struct ExactMatch<'a> {
    pub title: &'a ExactTitle,
    /// The slots of items whose id in another system it is.
    pub named: &'a FxHashSet<u32>,
}

/// Puts what the query names exactly before all others, with a score of 1: by an id of another system before the
/// very title before one with another article, of several the most popular first; the others keep their order.
pub(super) fn exact_matches_first(
    hits: &mut Vec<RankedHit>,
    catalogue: &Catalogue,
    exact: &ExactMatch<'_>,
    popularity: &PopularityTable,
) {
    let mut first = Vec::new();
    hits.retain(|hit| {
        let near = (1..=EXACT_AMONG).contains(&hit.words);
        let entry = catalogue.entry(hit.slot).filter(|_| near);
        let fits = match exact.named.contains(&hit.slot) {
            true => Some(0),
            false => entry
                .and_then(|entry| exact.title.fits(&entry.title, entry.year))
                .map(|fits| 1 + fits),
        };
        match fits {
            Some(fits) => {
                first.push((fits, *hit));
                false
            }
            None => true,
        }
    });
    for (_, hit) in &mut first {
        (hit.score, hit.relevance) = (1.0, 1.0);
    }
    first.sort_unstable_by(|(fits, a), (others, b)| {
        let exact = fits.cmp(others);
        exact.then_with(|| popularity.order(catalogue, a.slot, b.slot))
    });
    hits.splice(..0, first.into_iter().map(|(_, hit)| hit));
}

/// The first `most` hits by a field, in its order; what has no value comes last either way round.
pub(super) fn by_field(
    hits: &mut Vec<RankedHit>,
    catalogue: &Catalogue,
    (by, ascending): (ContentOrder, bool),
    most: usize,
    popularity: &PopularityTable,
) {
    let order = |a: &RankedHit, b: &RankedHit| {
        let slots = (a.slot, b.slot);
        let (Some(a), Some(b)) = (catalogue.entry(a.slot), catalogue.entry(b.slot)) else {
            return Ordering::Equal;
        };
        if by != ContentOrder::Popularity {
            return compare(a, b, by, ascending);
        }
        let shares = (popularity.of(slots.0), popularity.of(slots.1));
        let popular = match ascending {
            true => shares.0.total_cmp(&shares.1),
            false => shares.1.total_cmp(&shares.0),
        };
        popular.then_with(|| compare(a, b, by, ascending))
    };
    if hits.len() > most {
        hits.select_nth_unstable_by(most, order);
        hits.truncate(most);
    }
    hits.sort_unstable_by(order);
}

fn compare(a: &IndexedItem, b: &IndexedItem, by: ContentOrder, ascending: bool) -> Ordering {
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
