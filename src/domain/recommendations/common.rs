//! What everybody can be offered: popular items, then the newest ones.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};

use super::model::Source;
use super::service::RecommendationService;
use crate::foundation::{Id, Result, id};

/// After how long the lists that are the same for everybody are read anew.
const COMMON_FOR: TimeDelta = TimeDelta::seconds(60);
/// So many times the length of a list are read of each, so that something is left of a part of the
/// catalogue, and for those who have had the most popular.
const DEEPER: usize = 10;

/// What everybody can be offered, by source, best first, with scores in [0, 1].
pub(super) struct Common {
    pub(super) items: Vec<(Id<id::Content>, Source, f32)>,
}

impl RecommendationService {
    /// What everybody can be offered. Reading it anew takes a while where there is much: whoever
    /// asks meanwhile gets what there was, and only those who come first have to wait.
    pub(super) async fn common(&self) -> Result<Arc<Common>> {
        let (kept, now) = (self.common.kept(), self.clock.now());
        if let Some((read_at, common)) = kept {
            if now - read_at > COMMON_FOR
                && let Ok(turn) = Arc::clone(&self.common.reading).try_lock_owned()
            {
                let service = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = service.read_common().await {
                        tracing::warn!(?error, "What is popular could not be read anew");
                    }
                    drop(turn);
                });
            }
            return Ok(common);
        }
        let _turn = self.common.reading.lock().await;
        match self.common.kept() {
            Some((_, common)) => Ok(common),
            None => self.read_common().await,
        }
    }

    async fn read_common(&self) -> Result<Arc<Common>> {
        let weights = self.interactions.weights().await?;
        let most = DEEPER * self.ground.settings.recommendations.list_length;
        let popular = self.store.popular(&weights, most).await?;
        let newest = self.store.newest(most).await?;
        let best = popular.first().map_or(1.0, |(_, weight)| *weight);
        let popular = popular
            .into_iter()
            .map(|(content, weight)| (content, Source::Popular, (weight / best) as f32));
        let newest = newest
            .into_iter()
            .map(|content| (content, Source::New, 0.0));
        let common = Arc::new(Common {
            items: popular.chain(newest).collect(),
        });
        self.common
            .keep(Some((self.clock.now(), Arc::clone(&common))));
        Ok(common)
    }

    /// Forgets the lists that are the same for everybody, so that the next request reads them
    /// anew; after an import or a training in this process.
    pub fn forget_common(&self) {
        self.common.keep(None);
    }
}

/// The latest reading of [`Common`], and whose turn it is to read it anew.
#[derive(Default)]
pub(super) struct Kept {
    latest: RwLock<Option<(DateTime<Utc>, Arc<Common>)>>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Kept {
    fn kept(&self) -> Option<(DateTime<Utc>, Arc<Common>)> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.clone()
    }

    fn keep(&self, common: Option<(DateTime<Utc>, Arc<Common>)>) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = common;
    }
}
