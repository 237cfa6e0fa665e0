//! Summing up and removing, on behalf of the schedules and of admins.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::model::{Hour, Removed};
use super::store::{Span, Store};
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::generation::GenerationService;
use crate::domain::uploads::UploadService;
use crate::foundation::{Clock, Id, Refusal, Result, id};
use crate::platform::config::Retention;

/// So many hours back are made up for, if nobody summed them up in time.
const MADE_UP: i64 = 48;
/// So many hours are told at a time.
const MOST_HOURS: i64 = 31 * 24;

/// Looks after one schema.
#[derive(Clone)]
pub struct UpkeepService {
    store: Store,
    clock: Clock,
    retention: Retention,
    uploads: UploadService,
    generation: GenerationService,
}

impl UpkeepService {
    /// The upkeep of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, uploads: UploadService, generation: GenerationService) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            clock: ctx.clock.clone(),
            retention: ctx.settings.retention.clone(),
            uploads,
            generation,
        }
    }

    /// Sums up the hours that are over and were not summed up yet, of the last two days; answers
    /// how many. Counts those anew that more was recorded of since. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`], and when the database fails.
    pub async fn sum_up(&self, viewer: &Viewer) -> Result<u64> {
        viewer.admin()?;
        self.store.recount(span).await?;
        let present = hour_of(self.clock.now());
        let hours = (1..=MADE_UP).filter_map(|back| {
            let from = present.checked_sub_signed(TimeDelta::hours(back))?;
            Some(span(from))
        });
        self.store.sum_up(&hours.collect::<Vec<_>>()).await
    }

    /// The hours that begin from `from` on and before `until`, the earliest first. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`], [`Refusal::InvalidInput`] for more than 31 days.
    pub async fn hours(
        &self,
        viewer: &Viewer,
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Vec<Hour>> {
        viewer.admin()?;
        let until = until.unwrap_or_else(|| self.clock.now());
        let day_before = until.checked_sub_signed(TimeDelta::days(1));
        let from = from.or(day_before).unwrap_or(until);
        if until - from > TimeDelta::hours(MOST_HOURS) || until < from {
            let message = "`until` comes after `from`, by 31 days at most";
            return Err(Refusal::invalid("until", message).into());
        }
        self.store.hours(from, until).await
    }

    /// Removes what has been kept as long as the settings say. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`], and when the database or the file store fails; what
    /// was removed before stays removed.
    pub async fn remove_old(&self, viewer: &Viewer) -> Result<Removed> {
        viewer.admin()?;
        let now = self.clock.now();
        let days = |days: u32| now - TimeDelta::days(i64::from(days));
        let store = &self.store;
        Ok(Removed {
            jobs: store.jobs(days(self.retention.jobs_days)).await?,
            lists: store
                .lists(Id::<id::List>::at(days(self.retention.lists_days), [0; 10]).uuid())
                .await?,
            idempotency_keys: store.keys(days(self.retention.idempotency_days)).await?,
            sessions: store.sessions(days(self.retention.sessions_days)).await?,
            search_queries: store
                .queries(days(self.retention.searches_days).date_naive())
                .await?,
            candidates: store.candidates(days(1)).await?,
            uploads: self
                .uploads
                .remove_older(viewer, days(self.retention.uploads_days))
                .await?,
            files: self.generation.remove_unnamed(viewer).await?,
            import_folders: {
                let running = store.running().await?;
                self.uploads
                    .remove_folders(viewer, days(1), running)
                    .await?
            },
        })
    }
}

/// The hour that begins at `from`.
fn span(from: DateTime<Utc>) -> Span {
    let until = from + TimeDelta::hours(1);
    Span {
        from,
        until,
        first: Id::<id::Interaction>::at(from, [0; 10]).uuid(),
        last: Id::<id::Interaction>::at(until, [0; 10]).uuid(),
    }
}

/// The beginning of the hour.
fn hour_of(moment: DateTime<Utc>) -> DateTime<Utc> {
    // Fails only beyond the range of nanoseconds, in the year 2262.
    moment.duration_trunc(TimeDelta::hours(1)).unwrap_or(moment)
}
