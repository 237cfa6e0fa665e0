//! Samples of what the server is doing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures::Stream;
use tokio::time::{MissedTickBehavior, interval};

use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::jobs::JobService;
use crate::foundation::{Clock, Refusal, Result};
use crate::platform::cache::Cache;
use crate::platform::db::Db;
use crate::platform::telemetry::resident_bytes;

/// What one server is doing for one schema, at one moment. Counts are since its start.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// For how many seconds the server has been running.
    pub uptime_seconds: f64,
    /// How much memory the process has, in bytes; `None` where the system does not tell.
    pub resident_bytes: Option<u64>,
    /// How many statements were sent to the database.
    pub statements: u64,
    /// The same a second, since the sample before; `None` in the first.
    pub statements_per_second: Option<f64>,
    /// How many look-ups of the cache found a value.
    pub cache_hits: u64,
    /// How many did not.
    pub cache_misses: u64,
    /// How many jobs wait.
    pub jobs_pending: i64,
    /// How many jobs run, on any server.
    pub jobs_running: i64,
    /// How many processes run jobs.
    pub workers: usize,
}

/// Watches one schema on this server.
#[derive(Clone)]
pub struct MonitoringService {
    db: Db,
    cache: Cache,
    clock: Clock,
    jobs: JobService,
    began: Arc<Instant>,
}

impl MonitoringService {
    /// Watches the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, jobs: JobService) -> Self {
        Self {
            db: ctx.db.clone(),
            cache: ctx.cache.clone(),
            clock: ctx.clock.clone(),
            jobs,
            began: Arc::new(Instant::now()),
        }
    }

    /// A sample now, then one each `seconds`; a moment at which the database does not answer is left
    /// out. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others, [`Refusal::InvalidInput`] for seconds
    /// out of 1 to 3,600.
    pub fn samples(
        &self,
        viewer: &Viewer,
        seconds: i32,
    ) -> Result<impl Stream<Item = Sample> + use<>> {
        viewer.admin()?;
        let Some(every) = u64::try_from(seconds)
            .ok()
            .filter(|seconds| (1..=3600).contains(seconds))
        else {
            let message = "an interval is between 1 and 3,600 seconds";
            return Err(Refusal::invalid("intervalSeconds", message).into());
        };
        let mut ticks = interval(Duration::from_secs(every));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let state = (self.clone(), ticks, None::<Sample>);
        Ok(futures::stream::unfold(state, async |mut state| {
            let (service, ticks, before) = &mut state;
            loop {
                ticks.tick().await;
                match service.sample(before.as_ref()).await {
                    Ok(sample) => {
                        *before = Some(sample.clone());
                        return Some((sample, state));
                    }
                    Err(error) => tracing::warn!(?error, "No sample of the server can be taken"),
                }
            }
        }))
    }

    async fn sample(&self, before: Option<&Sample>) -> Result<Sample> {
        let (waiting, running) = self.jobs.unfinished_counts().await?;
        let workers = self.jobs.count_workers().await?;
        let kinds = self.cache.statistics().await;
        let statements = self.db.statements();
        let uptime_seconds = self.began.elapsed().as_secs_f64();
        Ok(Sample {
            at: self.clock.now(),
            uptime_seconds,
            resident_bytes: resident_bytes(),
            statements,
            statements_per_second: before.map(|before| {
                let passed = (uptime_seconds - before.uptime_seconds).max(f64::EPSILON);
                statements.saturating_sub(before.statements) as f64 / passed
            }),
            cache_hits: kinds
                .iter()
                .map(|kind| kind.process_hits + kind.redis_hits)
                .sum(),
            cache_misses: kinds.iter().map(|kind| kind.misses).sum(),
            jobs_pending: waiting,
            jobs_running: running,
            workers,
        })
    }
}
