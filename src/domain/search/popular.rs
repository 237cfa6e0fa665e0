//! Counting queries, out of the way of those who ask.

use std::sync::Arc;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::model::PopularQuery;
use super::store::Store;
use crate::foundation::{Clock, Result};
use ranking::text::normalised;

/// How often what was counted is written.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// At most so many different queries wait to be written; others are not counted.
const MOST_WAITING: usize = 10_000;
/// Longer queries are asked once.
const LONGEST: usize = 200;
/// A query asked fewer times is nobody else's business.
pub const LEAST_TIMES: i64 = 5;
/// Counts are kept for so many days.
const KEPT_FOR: TimeDelta = TimeDelta::days(90);

/// The counts of queries of one schema: words only, and no user.
#[derive(Clone)]
pub(super) struct QueryCounter {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    pending: Mutex<FxHashMap<(NaiveDate, String), i64>>,
    /// The day on which old counts were forgotten last.
    forgot_on: Mutex<Option<NaiveDate>>,
}

impl QueryCounter {
    pub fn new(store: Store, clock: Clock) -> Self {
        let inner = Inner {
            store,
            clock,
            pending: Mutex::default(),
            forgot_on: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Notes that this was asked now. Costs no more than an entry in a map.
    pub fn record(&self, query: &str) {
        let query = normalised(query);
        if query.is_empty() || query.chars().count() > LONGEST {
            return;
        }
        let key = (self.inner.clock.now().date_naive(), query);
        let mut pending = self.inner.pending.lock();
        if pending.len() < MOST_WAITING || pending.contains_key(&key) {
            *pending.entry(key).or_default() += 1;
        }
    }

    /// Writes what was counted.
    ///
    /// # Errors
    /// When the database fails; what was counted is then lost, which is worth no more.
    pub async fn flush(&self) -> Result<()> {
        let pending = std::mem::take(&mut *self.inner.pending.lock());
        let mut days: FxHashMap<NaiveDate, Vec<(String, i64)>> = FxHashMap::default();
        for ((day, query), times) in pending {
            days.entry(day).or_default().push((query, times));
        }
        let now = self.inner.clock.now();
        for (day, queries) in days {
            self.inner.store.count(day, queries, now).await?;
        }
        let today = now.date_naive();
        let due = self.inner.forgot_on.lock().replace(today) != Some(today);
        if due {
            self.inner.store.forget(today - KEPT_FOR).await?;
        }
        Ok(())
    }

    /// The queries asked at least [`LEAST_TIMES`] times in the last `days` days.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn popular(&self, days: i64, most: usize) -> Result<Vec<PopularQuery>> {
        let since = self.inner.clock.now().date_naive() - TimeDelta::days(days);
        self.inner.store.popular(since, LEAST_TIMES, most).await
    }

    /// Writes what is counted from time to time, while anybody holds the schema.
    pub fn keep_writing(&self) {
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(WRITE_EVERY).await;
                let Some(inner) = inner.upgrade() else {
                    return;
                };
                if inner.store.closed() {
                    return;
                }
                if let Err(error) = (Self { inner }).flush().await {
                    tracing::warn!(?error, "What was searched for could not be counted");
                }
            }
        });
    }
}
