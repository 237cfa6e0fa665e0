//! What is taken together, more often than by chance.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::domain::recommendations::RecommendationService;
use crate::domain::recommendations::store::Takers;
use crate::foundation::{Id, Result, id};
use crate::platform::cache::{CacheKind, Key, Tag};
use ranking::Cooccurrence;

type Content = Id<id::Content>;

/// What fewer users took together is chance, and theirs to know.
pub(in crate::domain::recommendations) const FEWEST: u32 = 3;
/// So many takers in the sample speak for all takers; of fewer, more are looked for.
const ENOUGH: usize = 300;

/// What some users took, whoever they are: all users, or so many drawn among them by their ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::domain::recommendations) struct ReplaySample {
    /// Whether these are all users.
    pub(in crate::domain::recommendations) everybody: bool,
    /// Everything that one of them took.
    pub(in crate::domain::recommendations) items: Vec<Content>,
    /// What each took, by its place among the items, each once.
    pub(in crate::domain::recommendations) users: Vec<Vec<u32>>,
}

/// How many users took some items, and what else.
#[derive(Debug, Default)]
struct Counts {
    users: u32,
    items: FxHashMap<Content, u32>,
}

/// What the takers of some items took as well, where that is no chance.
#[derive(Debug, Default)]
pub(super) struct CooccurringItems {
    /// How many takers were looked at.
    pub(super) takers: u32,
    pub(super) items: Vec<CooccurringItem>,
}

/// An item that takers of others took, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CooccurringItem {
    pub(super) content: Content,
    /// How many of the takers.
    pub(super) count: u32,
    /// How surely it is no chance, in [0.5, 1): [`Cooccurrence::strength`].
    pub(super) score: f32,
}

impl ReplaySample {
    /// The takers of any of these items, and all others.
    fn split(&self, about: &[Content]) -> (Counts, Counts) {
        let about: Vec<u32> = (0_u32..)
            .zip(&self.items)
            .filter(|(_, item)| about.contains(item))
            .map(|(index, _)| index)
            .collect();
        let mut counts = [vec![0_u32; self.items.len()], vec![0; self.items.len()]];
        let mut users = [0_u32; 2];
        for consumed in &self.users {
            let side = usize::from(!consumed.iter().any(|item| about.contains(item)));
            users[side] += 1;
            for item in consumed {
                counts[side][*item as usize] += 1;
            }
        }
        let of = |side: usize| Counts {
            users: users[side],
            items: self
                .items
                .iter()
                .zip(&counts[side])
                .filter(|(_, count)| **count > 0)
                .map(|(item, count)| (*item, *count))
                .collect(),
        };
        (of(0), of(1))
    }
}

impl CooccurringItems {
    /// What the takers took more than the others did.
    fn of(about: &[Content], takers: &Counts, others: &Counts) -> Self {
        let judged = |(content, count): (&Content, &u32)| {
            let besides = others.items.get(content).copied().unwrap_or(0);
            let table = Cooccurrence::of(*count, takers.users, besides, others.users);
            let sure = *count >= FEWEST && !about.contains(content) && table.is_significant();
            sure.then(|| CooccurringItem {
                content: *content,
                count: *count,
                score: table.strength(),
            })
        };
        let mut items: Vec<CooccurringItem> = takers.items.iter().filter_map(judged).collect();
        items.sort_by_key(|item| item.content);
        Self {
            takers: takers.users,
            items,
        }
    }
}

impl RecommendationService {
    /// What is taken together with these items. The takers are compared with everybody else in the
    /// sample, so that what everybody takes is not found; where the sample knows few takers, some
    /// hundred are read. It costs the same for an item that everybody knows.
    pub(super) async fn cooccurring(&self, about: &[Content]) -> Result<CooccurringItems> {
        let weights = self.interactions.weights().await?;
        let parts = ("taken", weights.version);
        let key = Key::new(CacheKind::Lists, &[Tag::Weights], &parts);
        let sample = self.store.sample(&weights);
        let sample = self.ctx.cache.get_or_compute(&key, sample).await?;
        let (known, others) = sample.split(about);
        if sample.everybody || known.users as usize >= ENOUGH {
            return Ok(CooccurringItems::of(about, &known, &others));
        }
        let Takers { takers, items } = self.store.takers(about, &weights).await?;
        let more = Counts {
            users: takers,
            items: items.into_iter().collect(),
        };
        // A handful of takers in the sample may be more than the index met.
        let takers = if more.users > known.users {
            more
        } else {
            known
        };
        Ok(CooccurringItems::of(about, &takers, &others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u8) -> Content {
        uuid::Uuid::from_bytes([number; 16]).into()
    }

    /// Of 200 users the first 40 take item 1; `also` says what a user takes besides.
    fn sample(also: impl Fn(usize) -> Vec<u32>) -> ReplaySample {
        let user = |user: usize| {
            let mut consumed = if user < 40 { vec![0] } else { Vec::new() };
            consumed.extend(also(user));
            consumed
        };
        ReplaySample {
            everybody: true,
            items: vec![item(1), item(2), item(3)],
            users: (0..200).map(user).collect(),
        }
    }

    #[test]
    fn what_everybody_takes_is_not_taken_together() {
        // All but a few take item 2; item 3 is taken by 20 of 40 takers, and by nobody else.
        let sample = sample(|user| match (user % 10, user < 20) {
            (0, _) => vec![],
            (_, true) => vec![1, 2],
            (_, false) => vec![1],
        });
        let (takers, others) = sample.split(&[item(1)]);
        assert_eq!((takers.users, others.users), (40, 160));
        let found = CooccurringItems::of(&[item(1)], &takers, &others);
        let [companion] = found.items[..] else {
            panic!("{found:?}")
        };
        assert_eq!((companion.content, companion.count), (item(3), 18));
        assert!(companion.score > 0.8 && companion.score < 1.0);
    }

    #[test]
    fn two_users_are_no_crowd() {
        let sample = sample(|user| if user < 2 { vec![2] } else { vec![] });
        let (takers, others) = sample.split(&[item(1)]);
        assert_eq!(CooccurringItems::of(&[item(1)], &takers, &others).items, []);
    }
}
