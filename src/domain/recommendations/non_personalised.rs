//! What can be recommended to everybody: popular items, then the newest ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::RwLock;

use super::service::RecommendationService;
use crate::engine::candidates::NonPersonalised;
use crate::foundation::{Error, Id, Result, id};

/// After how long the lists that are the same for everybody are read anew, at least.
const COMMON_FOR: TimeDelta = TimeDelta::seconds(60);
/// And after so many times as long as the last reading took: it goes through all interactions, and
/// of ten million of them that takes a while, in which what is popular hardly changes.
const RESTS_FOR: u32 = 50;
/// So many times the length of a list are read of each, so that something is left of a part of the
/// catalogue, and for those who have had the most popular.
const DEEPER: usize = 10;

/// What can be recommended to everybody.
pub(super) struct Common {
    /// Popular items, the most popular first, with scores in [0, 1].
    pub(super) popular: Vec<(Id<id::Content>, f32)>,
    /// The same, and the newest ones, by their slots in the catalogue.
    pub(super) slots: NonPersonalised,
}

impl RecommendationService {
    /// What everybody can be offered. Reading it anew takes a while where there is much: whoever
    /// asks meanwhile gets what there was, and only those who come first have to wait.
    pub(super) async fn common(&self) -> Result<Arc<Common>> {
        let (kept, now) = (self.common.kept(), self.clock.now());
        if let Some((good_until, common)) = kept {
            if now > good_until
                && let Ok(turn) = Arc::clone(&self.common.reading).try_lock_owned()
            {
                let service = self.clone();
                tokio::spawn(async move {
                    let began = Instant::now();
                    if let Err(error) = service.read_common().await {
                        tracing::warn!(?error, "What is popular could not be read anew");
                        service
                            .common
                            .rest(service.clock.now() + rest(began.elapsed()));
                    }
                    drop(turn);
                });
            }
            return Ok(common);
        }
        // In a task of its own: a request that is given up must not make the next one begin again.
        let service = self.clone();
        let first = tokio::spawn(async move {
            let _turn = service.common.reading.lock().await;
            match service.common.kept() {
                Some((_, common)) => Ok(common),
                None => service.read_common().await,
            }
        });
        first
            .await
            .map_err(|panicked| Error::Internal(panicked.into()))?
    }

    async fn read_common(&self) -> Result<Arc<Common>> {
        let began = Instant::now();
        let weights = self.interactions.weights().await?;
        let most = DEEPER * self.ctx.settings.recommendations.list_length;
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
        let common = Arc::new(Common { popular, slots });
        let good_until = self.clock.now() + rest(began.elapsed());
        self.common.keep(Some((good_until, Arc::clone(&common))));
        Ok(common)
    }

    /// Forgets the lists that are the same for everybody, so that the next request reads them
    /// anew; after an import or a training in this process.
    pub fn forget_common(&self) {
        self.common.keep(None);
    }
}

/// How long a reading that took so long is good for.
fn rest(took: Duration) -> TimeDelta {
    let rest = TimeDelta::from_std(took.saturating_mul(RESTS_FOR)).unwrap_or(TimeDelta::MAX);
    // What is not known after a day might as well not be known at all.
    rest.clamp(COMMON_FOR, TimeDelta::days(1))
}

/// The latest reading of [`Common`] with the moment until which it is good, and whose turn it is to
/// read it anew.
#[derive(Default)]
pub(super) struct Kept {
    latest: RwLock<Option<(DateTime<Utc>, Arc<Common>)>>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Kept {
    fn kept(&self) -> Option<(DateTime<Utc>, Arc<Common>)> {
        let latest = self.latest.read();
        latest.clone()
    }

    /// Leaves what there is for a while longer.
    fn rest(&self, until: DateTime<Utc>) {
        let mut latest = self.latest.write();
        if let Some((good_until, _)) = latest.as_mut() {
            *good_until = until;
        }
    }

    fn keep(&self, common: Option<(DateTime<Utc>, Arc<Common>)>) {
        *self.latest.write() = common;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_good_for_a_minute_and_a_long_one_for_fifty_times_as_long() {
        assert_eq!(rest(Duration::from_millis(30)), TimeDelta::minutes(1));
        assert_eq!(rest(Duration::from_secs(12)), TimeDelta::minutes(10));
        assert_eq!(rest(Duration::MAX), TimeDelta::days(1));
    }
}
