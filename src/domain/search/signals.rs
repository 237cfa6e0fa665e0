//! What searches need to know of the catalogue as a whole: how popular items are, and which languages they are in.
//! It is computed beside the requests, when the catalogue has changed or what users took is old.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use tokio::time::{Instant, timeout};

use super::popularity::{PopularityTable, TakenByUsers};
use super::store::Store;
use crate::engine::catalogue::{Catalogue, InternedString};

/// What users took is read again after this, or after so many times as long as reading it takes.
const READ_EVERY: Duration = Duration::from_secs(60);
const READ_FACTOR: u32 = 50;
const READ_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// The first searches wait so long for it.
const FIRST_READING: Duration = Duration::from_secs(2);
/// Smaller catalogues are looked through after each change, larger ones after a hundredth has changed.
const SMALL: usize = 10_000;
const CHANGED_PART: u64 = 100;
/// A language is one of the catalogue if one in so many items is in it.
const LANGUAGE_PART: usize = 100;

/// The signals as a search uses them.
#[derive(Clone, Default)]
pub(super) struct Signals {
    pub popularity: Arc<PopularityTable>,
    /// ISO 639-1 codes.
    pub languages: Arc<[String]>,
}

/// The signals of one schema.
#[derive(Default)]
pub(super) struct SignalCache {
    current: RwLock<Signals>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    by_users: Arc<TakenByUsers>,
    /// What was read and is not in the signals yet.
    is_new: bool,
    reading: bool,
    read_next: Option<Instant>,
    /// The change of the catalogue that the signals are of.
    computed_at: u64,
}

impl SignalCache {
    pub fn current(&self) -> Signals {
        self.current.read().clone()
    }

    /// Reads what users took if that is due, in a task of its own. The first time it is waited for, a moment.
    pub async fn read_taken(self: &Arc<Self>, store: &Store) {
        let first = {
            let mut taken = self.taken.lock();
            let due = taken.read_next.is_none_or(|at| at <= Instant::now());
            if !due || taken.reading {
                return;
            }
            taken.reading = true;
            taken.read_next.is_none()
        };
        let (this, store) = (Arc::clone(self), store.clone());
        let reading = tokio::spawn(async move {
            let began = Instant::now();
            let read = store.taken().await;
            let rest = began.elapsed().saturating_mul(READ_FACTOR);
            let mut taken = this.taken.lock();
            taken.read_next = Some(Instant::now() + rest.clamp(READ_EVERY, READ_AT_MOST));
            taken.reading = false;
            match read {
                Ok(read) => {
                    taken.is_new |= *taken.by_users != read;
                    taken.by_users = Arc::new(read);
                }
                Err(error) => {
                    tracing::warn!(?error, "What users took could not be read for searches");
                }
            }
        });
        if first {
            // It goes on where it takes longer.
            let _ = timeout(FIRST_READING, reading).await;
        }
    }

    /// Computes the signals if enough has changed; whether they were.
    pub fn refresh(&self, catalogue: &Catalogue) -> bool {
        let change = catalogue.change();
        let by_users = {
            let mut taken = self.taken.lock();
            let changed = change.saturating_sub(taken.computed_at);
            let many = catalogue.len() < SMALL && changed > 0
                || changed.saturating_mul(CHANGED_PART) > catalogue.len() as u64;
            if !many && !taken.is_new {
                return false;
            }
            taken.is_new = false;
            taken.computed_at = change;
            Arc::clone(&taken.by_users)
        };
        let signals = Signals {
            popularity: Arc::new(PopularityTable::new(catalogue, &by_users)),
            languages: languages(catalogue),
        };
        *self.current.write() = signals;
        true
    }
}

fn languages(catalogue: &Catalogue) -> Arc<[String]> {
    let mut counts: FxHashMap<InternedString, usize> = FxHashMap::default();
    let mut all = 0;
    for (_, entry) in catalogue.iter().filter(|(_, entry)| !entry.deleted) {
        all += 1;
        if let Some(language) = entry.language {
            *counts.entry(language).or_default() += 1;
        }
    }
    let many = counts
        .into_iter()
        .filter(|(_, count)| count * LANGUAGE_PART >= all);
    let code = |(language, _)| {
        let name = catalogue.strings().name(language).to_lowercase();
        name.split(['-', '_']).next().unwrap_or_default().to_owned()
    };
    let mut codes: Vec<String> = many.map(code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::catalogue::ItemRow;
    use uuid::Uuid;

    #[test]
    fn the_languages_of_a_catalogue_are_those_of_one_in_a_hundred_items() {
        let mut catalogue = Catalogue::default();
        for id in 0..250 {
            let language = match id {
                0 => "fr",
                1..=3 => "de-AT",
                _ => "en",
            };
            catalogue.put(ItemRow {
                language: Some(language.to_owned()),
                ..ItemRow::new(Uuid::from_u128(id), "Item")
            });
        }
        assert_eq!(&*languages(&catalogue), ["de", "en"]);
    }

    #[test]
    fn signals_are_computed_after_a_change_and_not_without_one() {
        let (signals, mut catalogue) = (SignalCache::default(), Catalogue::default());
        assert!(!signals.refresh(&catalogue));
        catalogue.put(ItemRow {
            popularity: 3.0,
            ..ItemRow::new(Uuid::from_u128(1), "Item")
        });
        assert!(signals.refresh(&catalogue));
        assert!(signals.current().popularity.of(0) > 0.0);
        assert!(!signals.refresh(&catalogue));
    }
}
