//! Non-personalised recommendations: popular items, then the newest ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::RwLock;

use super::service::RecommendationService;
use crate::engine::candidates::NonPersonalised;
use crate::foundation::{Error, Id, Result, id};

/// The minimum time for which the lists are cached.
const MIN_CACHE_TIME: TimeDelta = TimeDelta::seconds(60);
/// The lists are also cached for this many times as long as computing them took: it reads all interactions,
/// which takes a while with ten million of them, in which popularity hardly changes.
const CACHE_TIME_FACTOR: u32 = 50;
/// The length of each list, as a multiple of the length of a recommendation list, so that enough is left after
/// filters and for users who have consumed the most popular items.
const DEPTH_FACTOR: usize = 10;

/// Recommendations for everybody.
pub(super) struct NonPersonalisedLists {
    /// Popular items, the most popular first, with scores in [0, 1].
    pub(super) popular: Vec<(Id<id::Content>, f32)>,
    /// The same and the newest items, by their slots in the catalogue.
    pub(super) slots: NonPersonalised,
}

impl RecommendationService {
    /// The cached lists. They are recomputed in the background: callers meanwhile get the old ones, and only the
    /// first callers have to wait.
    pub(super) async fn non_personalised(&self) -> Result<Arc<NonPersonalisedLists>> {
        let (cached, now) = (self.non_personalised.get(), self.clock.now());
        if let Some((good_until, non_personalised)) = cached {
            if now > good_until
                && let Ok(lock) = Arc::clone(&self.non_personalised.compute_lock).try_lock_owned()
            {
                let service = self.clone();
                tokio::spawn(async move {
                    let began = Instant::now();
                    if let Err(error) = service.load_non_personalised().await {
                        tracing::warn!(?error, "Popular items could not be recomputed");
                        service
                            .non_personalised
                            .extend(service.clock.now() + cache_time(began.elapsed()));
                    }
                    drop(lock);
                });
            }
            return Ok(non_personalised);
        }
        // In a task of its own: a dropped request must not make the next one start again.
        let service = self.clone();
        let first = tokio::spawn(async move {
            let _lock = service.non_personalised.compute_lock.lock().await;
            match service.non_personalised.get() {
                Some((_, non_personalised)) => Ok(non_personalised),
                None => service.load_non_personalised().await,
            }
        });
        first
            .await
            .map_err(|panicked| Error::Internal(panicked.into()))?
    }

    async fn load_non_personalised(&self) -> Result<Arc<NonPersonalisedLists>> {
        let began = Instant::now();
        let weights = self.interactions.weights().await?;
        let most = DEPTH_FACTOR * self.ctx.settings.recommendations.list_length;
        let popular = self.store.popular(&weights, self.clock.now(), most).await?;
        let newest = self.store.newest(most).await?;
        let best = popular.first().map_or(1.0, |(_, weight)| *weight);
        let popular: Vec<(Id<id::Content>, f32)> = popular
            .into_iter()
            .map(|(content, weight)| (content, (weight / best) as f32))
            .collect();
        let slots = {
            let catalogue = self.content.catalogue().await?.read();
            let of = |(content, score): &(Id<id::Content>, f32)| {
                Some((catalogue.slot(*content)?, *score))
            };
            NonPersonalised {
                popular: popular.iter().filter_map(of).collect(),
                newest: newest
                    .into_iter()
                    .filter_map(|content| catalogue.slot(content))
                    .collect(),
            }
        };
        let non_personalised = Arc::new(NonPersonalisedLists { popular, slots });
        let good_until = self.clock.now() + cache_time(began.elapsed());
        self.non_personalised
            .set(Some((good_until, Arc::clone(&non_personalised))));
        Ok(non_personalised)
    }

    /// Drops the cached lists, so that the next request recomputes them; after an import or a training in this
    /// process.
    pub fn invalidate_non_personalised(&self) {
        self.non_personalised.set(None);
    }
}

/// For how long a result that took `took` to compute is cached.
fn cache_time(took: Duration) -> TimeDelta {
    let rest =
        TimeDelta::from_std(took.saturating_mul(CACHE_TIME_FACTOR)).unwrap_or(TimeDelta::MAX);
    // A day at most.
    rest.clamp(MIN_CACHE_TIME, TimeDelta::days(1))
}

/// The cached [`NonPersonalisedLists`] with their expiry, and the lock for recomputing them.
#[derive(Default)]
pub(super) struct NonPersonalisedCache {
    latest: RwLock<Option<(DateTime<Utc>, Arc<NonPersonalisedLists>)>>,
    compute_lock: Arc<tokio::sync::Mutex<()>>,
}

impl NonPersonalisedCache {
    fn get(&self) -> Option<(DateTime<Utc>, Arc<NonPersonalisedLists>)> {
        let latest = self.latest.read();
        latest.clone()
    }

    /// Extends the expiry.
    fn extend(&self, until: DateTime<Utc>) {
        let mut latest = self.latest.write();
        if let Some((good_until, _)) = latest.as_mut() {
            *good_until = until;
        }
    }

    fn set(&self, non_personalised: Option<(DateTime<Utc>, Arc<NonPersonalisedLists>)>) {
        *self.latest.write() = non_personalised;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_good_for_a_minute_and_a_long_one_for_fifty_times_as_long() {
        assert_eq!(cache_time(Duration::from_millis(30)), TimeDelta::minutes(1));
        assert_eq!(cache_time(Duration::from_secs(12)), TimeDelta::minutes(10));
        assert_eq!(cache_time(Duration::MAX), TimeDelta::days(1));
    }
}
