//! Temporal splits of histories for replay evaluation: what a list may know, and the held-out items it is
//! judged by.
//!
//! A list is judged by what the user took after it: the latest fifth of what they like is held out,
//! and with it everything that they did from then on. So nothing of the time after the list reaches
//! it, neither what is held out nor what was done beside it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::history::{Event, History, WeightTable};
use foundation::{Id, id};

type Content = Id<id::Content>;

/// Who likes fewer things is not judged.
const LIKED_FROM: usize = 5;
/// One in so many of them is held out, the latest.
const HELD_OUT: usize = 5;
/// What weighs at least this share of what the user likes most counts as liked: four stars beside
/// five, and not three.
const LIKED_SHARE: f32 = 0.5;

/// A history split in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The history before the split.
    pub before: History,
    /// The time of the split.
    pub at: DateTime<Utc>,
    /// The positives from the split on that the user did not have before, ordered by id.
    pub consumed: Vec<Content>,
}

/// The place of an event in time. Events of one moment, as of an import without times, are ordered
/// by a digest of their item: the cut is then a random one, and the same each time.
fn index(at: DateTime<Utc>, content: Content) -> (DateTime<Utc>, u64) {
    (at, xxh3_64(content.uuid().as_bytes()))
}

/// Cuts the history of these events, the latest first, before the latest fifth of what the user
/// likes. `None` for whoever likes too little to hold something out, or did nothing before.
pub fn split(events: &[Event], weights: &Arc<WeightTable>) -> Option<Split> {
    let whole = History::new(events.to_vec(), Arc::clone(weights));
    let positives = whole.positives();
    let most = positives
        .iter()
        .map(|positives| positives.weight)
        .fold(0.0, f32::max);
    let mut positives: Vec<_> = positives
        .iter()
        .filter(|positives| positives.weight >= LIKED_SHARE * most)
        .map(|positives| {
            (
                index(positives.latest, positives.content),
                positives.content,
            )
        })
        .collect();
    if positives.len() < LIKED_FROM {
        return None;
    }
    positives.sort_unstable();
    let before_count = positives.len() - positives.len() / HELD_OUT;
    let ((at, cut), _) = positives[before_count];
    let earlier = |event: &&Event| index(event.at, event.content) < (at, cut);
    let before: Vec<Event> = events.iter().filter(earlier).copied().collect();
    if before.is_empty() {
        return None;
    }
    let before = History::new(before, Arc::clone(weights));
    let out = before.excluded(at);
    let consumed: FxHashSet<Content> = positives[before_count..]
        .iter()
        .map(|(_, content)| *content)
        .collect();
    let mut consumed: Vec<Content> = consumed
        .into_iter()
        .filter(|item| !out.contains(item))
        .collect();
    consumed.sort_unstable();
    (!consumed.is_empty()).then_some(Split {
        before,
        at,
        consumed,
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::history::{InteractionKind, table};

    fn content(number: u128) -> Content {
        Uuid::from_u128(number).into()
    }

    /// Ratings of items in the order of time; answered the latest first.
    fn ratings(stars: &[f32], apart: TimeDelta) -> Vec<Event> {
        let rating = |(number, stars): (u128, &f32)| Event {
            content: content(number),
            kind: InteractionKind::Rating,
            value: Some(*stars),
            at: DateTime::UNIX_EPOCH + apart * i32::try_from(number).unwrap(),
        };
        let mut events: Vec<Event> = (1..).zip(stars).map(rating).collect();
        events.reverse();
        events
    }

    #[test]
    fn the_latest_fifth_of_what_is_liked_is_held_out_with_all_that_came_after() {
        let stars = [5.0, 4.0, 1.0, 4.0, 5.0, 3.0, 5.0, 2.0];
        let split = split(&ratings(&stars, TimeDelta::hours(1)), &Arc::new(table())).unwrap();

        assert_eq!(
            split.consumed,
            [content(7)],
            "one of five likes; three stars are none"
        );
        assert_eq!(split.before.len(), 6, "not the two stars that came after");
        assert_eq!(split.at, DateTime::UNIX_EPOCH + TimeDelta::hours(7));
    }

    #[test]
    fn without_times_a_part_is_held_out_at_random_and_the_same_each_time() {
        let events = ratings(&[5.0; 20], TimeDelta::zero());
        let weights = Arc::new(table());
        let first = split(&events, &weights).unwrap();

        assert_eq!(first.consumed.len(), 4);
        assert_eq!(first.before.len(), 16);
        assert_eq!(split(&events, &weights), Some(first));
    }

    #[test]
    fn who_likes_little_is_not_judged() {
        let events = ratings(&[5.0, 5.0, 1.0, 5.0, 5.0, 1.0], TimeDelta::hours(1));
        assert_eq!(split(&events, &Arc::new(table())), None);
        assert_eq!(split(&[], &Arc::new(table())), None);
    }
}
