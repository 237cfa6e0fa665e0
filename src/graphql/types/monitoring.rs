//! What the server is doing: a subscription for admins.

use async_graphql::{Context, Result, SimpleObject, Subscription};
use futures::{Stream, StreamExt};

use crate::domain::monitoring::Sample;
use crate::graphql::ContextExt;
use crate::graphql::number::int;
use crate::graphql::scalars::DateTime;

/// Metrics of one server for one database schema. Counters start at 0 when the server starts.
#[derive(Clone, Debug, SimpleObject)]
pub struct ServerMetrics {
    /// Time of the measurement.
    at: DateTime,
    /// Time since the server started, in seconds.
    uptime_seconds: f64,
    /// Resident memory of the process, in bytes; null if the operating system does not report it.
    resident_bytes: Option<f64>,
    /// Number of statements sent to the database of this schema, without bulk operations.
    statements: f64,
    /// Number of statements per second since the previous measurement; null in the first one.
    statements_per_second: Option<f64>,
    /// Number of cache lookups that found a value.
    cache_hits: f64,
    /// Number of cache lookups that found no value.
    cache_misses: f64,
    /// Number of jobs that are pending.
    jobs_pending: i32,
    /// Number of jobs that are running, on all servers.
    jobs_running: i32,
    /// Number of processes that execute jobs.
    workers: i32,
}

impl From<Sample> for ServerMetrics {
    fn from(sample: Sample) -> Self {
        Self {
            at: sample.at.into(),
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

/// Subscriptions to metrics.
#[derive(Clone, Copy, Default)]
pub struct MonitoringSubscription;

/// Subscriptions to metrics.
#[Subscription]
impl MonitoringSubscription {
    /// Sends metrics of the responding server, immediately and then at regular intervals. Requires
    /// the role ADMIN.
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Time between two measurements, in seconds, 1–3,600.",
            default = 5
        )]
        interval_seconds: i32,
    ) -> Result<impl Stream<Item = ServerMetrics>> {
        let service = &ctx.services().monitoring;
        let samples = service.samples(ctx.viewer(), interval_seconds)?;
        Ok(samples.map(ServerMetrics::from))
    }
}
