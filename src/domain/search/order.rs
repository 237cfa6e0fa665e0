//! What a search does to the ranked result: an order by a field, and exact titles first.

use std::cmp::Ordering;

use super::results::RankedHit;
use crate::domain::content::ContentOrder;
use crate::engine::catalogue::{Catalogue, IndexedItem};
use crate::engine::score::Ties;
use ranking::text::{fold, normalised};

/// Only so many of the best by words may be the thing that was called by its name.
const EXACT_AMONG: u32 = 50;

/// Puts what is called exactly like the query before all others, with a score of 1, of several the
/// most popular first; the others keep their order. `title` is the query, normalised and folded.
pub(super) fn exact_titles_first(hits: &mut Vec<RankedHit>, catalogue: &Catalogue, title: &str) {
    let is_exact = |hit: &RankedHit| {
        let near = (1..=EXACT_AMONG).contains(&hit.words);
        let entry = catalogue.entry(hit.slot).filter(|_| near);
        entry.is_some_and(|entry| fold(&normalised(&entry.title)) == title)
    };
    let mut first: Vec<RankedHit> = hits.extract_if(.., |hit| is_exact(hit)).collect();
    for hit in &mut first {
        (hit.score, hit.relevance) = (1.0, 1.0);
    }
    first.sort_unstable_by(|a, b| Ties::Popularity.order(catalogue, a.slot, b.slot));
    hits.splice(..0, first);
}

/// The first `most` hits by a field, in its order; what has no value comes last either way round.
pub(super) fn by_field(
    hits: &mut Vec<RankedHit>,
    catalogue: &Catalogue,
    (by, ascending): (ContentOrder, bool),
    most: usize,
) {
    let order = |a: &RankedHit, b: &RankedHit| {
        let (Some(a), Some(b)) = (catalogue.entry(a.slot), catalogue.entry(b.slot)) else {
            return Ordering::Equal;
        };
        compare(a, b, by, ascending)
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
