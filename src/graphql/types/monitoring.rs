//! What the server is doing: a subscription for admins.

use async_graphql::{Context, Result, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};

use crate::domain::monitoring::Sample;
use crate::graphql::ContextExt;
use crate::graphql::number::int;

/// What one server is doing for one schema, at one moment. Counts are since its start.
#[derive(Clone, Debug, SimpleObject)]
pub struct ServerMetrics {
    /// When this was so.
    at: DateTime<Utc>,
    /// For how many seconds the server has been running.
    uptime_seconds: f64,
    /// How much memory the process has, in bytes; null where the system does not tell.
    resident_bytes: Option<f64>,
    /// How many statements were sent to the database.
    statements: f64,
    /// The same a second, since the sample before; null in the first.
    statements_per_second: Option<f64>,
    /// How many look-ups of the cache found a value.
    cache_hits: f64,
    /// How many did not.
    cache_misses: f64,
    /// How many jobs wait.
    jobs_pending: i32,
    /// How many jobs run, on any server.
    jobs_running: i32,
    /// How many processes run jobs.
    workers: i32,
}

impl From<Sample> for ServerMetrics {
    fn from(sample: Sample) -> Self {
        Self {
            at: sample.at,
            uptime_seconds: sample.uptime_seconds,
            resident_bytes: sample.resident_bytes.map(|bytes| bytes as f64),
            statements: sample.statements as f64,
            statements_per_second: sample.statements_per_second,
            cache_hits: sample.cache_hits as f64,
            cache_misses: sample.cache_misses as f64,
            jobs_pending: int(sample.jobs_pending),
            jobs_running: int(sample.jobs_running),
            workers: int(i64::try_from(sample.workers).unwrap_or(i64::MAX)),
        }
    }
}

/// Subscriptions to what the server is doing.
#[derive(Clone, Copy, Default)]
pub struct MonitoringSubscription;

/// Subscriptions to what the server is doing.
#[Subscription]
impl MonitoringSubscription {
    /// What the server that answers is doing, now and then each so many seconds. For admins.
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Every so many seconds, 1 to 3,600.", default = 5)] interval_seconds: i32,
    ) -> Result<impl Stream<Item = ServerMetrics>> {
        let service = &ctx.services().monitoring;
        let samples = service.samples(ctx.viewer(), interval_seconds)?;
        Ok(samples.map(ServerMetrics::from))
    }
}
