//! The cache: type, query and mutation for admins.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::job::parameters::within;
use super::job::{ApiJob, Creation, JobInput};
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::caching::model as domain;
use crate::domain::caching::warming::{CacheWarmingJob, CacheWarmingParameters};
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::int;
use crate::graphql::payload::{payload, payload_errors, settle};

impl ApiJob for CacheWarmingJob {
    const DESCRIPTION: &'static str = "Computes frequent searches and lists in advance.";

    fn creation() -> Creation {
        Creation::input::<CacheWarmingJobInput>(
            "cacheWarming",
            "Compute frequent searches and lists in advance.",
        )
    }
}

/// Parameters of a cache warming job.
#[derive(Clone, Debug, InputObject)]
pub struct CacheWarmingJobInput {
    /// Number of the most popular search queries to compute, 0–1,000.
    #[graphql(default = 50)]
    queries: i32,
    /// Number of the most active users whose lists are computed, 0–10,000.
    #[graphql(default = 100)]
    users: i32,
}

impl JobInput for CacheWarmingJobInput {
    type Job = CacheWarmingJob;

    async fn read(self, _: &Viewer, _: &Services) -> foundation::Result<CacheWarmingParameters> {
        Ok(CacheWarmingParameters {
            queries: within(self.queries, 0..=1000, "queries")?,
            users: within(self.users, 0..=10_000, "users")?,
        })
    }
}

graphql_enum!(domain::CacheKind as CacheKind);

/// Statistics of the cache of this database schema for one kind of values, since the start of the
/// server that responds.
#[derive(Clone, Debug, SimpleObject)]
pub struct CacheStatistics {
    /// Kind of the cached values.
    kind: CacheKind,
    /// Number of lookups that found a value in the memory of this server.
    process_hits: i32,
    /// Number of lookups that found a value in Redis.
    redis_hits: i32,
    /// Number of lookups that found no value, so that it was computed.
    misses: i32,
    /// Fraction of all lookups that found a value, in [0, 1]; 0 if there were no lookups.
    hit_rate: f64,
    /// Mean time to compute a value, in milliseconds; 0 if none was computed.
    mean_computing_milliseconds: f64,
    /// Longest time to compute a value, in milliseconds; 0 if none was computed.
    max_computing_milliseconds: f64,
    /// Number of values that are currently in the memory of this server.
    entries: i32,
    /// Approximate size of these values, in bytes.
    bytes: f64,
}

impl From<domain::Statistics> for CacheStatistics {
    fn from(of: domain::Statistics) -> Self {
        let count = |count: u64| int(usize::try_from(count).unwrap_or(usize::MAX));
        Self {
            hit_rate: of.hit_rate(),
            kind: of.kind.into(),
            process_hits: count(of.process_hits),
            redis_hits: count(of.redis_hits),
            misses: count(of.misses),
            mean_computing_milliseconds: of.mean_computing.as_secs_f64() * 1e3,
            max_computing_milliseconds: of.max_computing.as_secs_f64() * 1e3,
            entries: count(of.entries),
            bytes: of.bytes as f64,
        }
    }
}

/// The part of the cache to clear.
#[derive(Clone, Debug, InputObject)]
pub struct ClearCacheInput {
    /// Kind of the values to remove (default: all kinds).
    kind: Option<CacheKind>,
}

payload_errors! {
    /// Errors that `clearCache` may return.
    ClearCacheError: InvalidInput
}

payload! {
    /// Result of `clearCache`.
    ClearCachePayload(ClearCacheError) {
        /// Whether the values were removed.
        cleared: bool,
    }
}

/// Queries of the cache.
#[derive(Clone, Copy, Default)]
pub struct CacheQuery;

/// Queries of the cache.
#[Object]
impl CacheQuery {
    /// Statistics of the cache by kind of values. Requires the role ADMIN.
    async fn cache_statistics(&self, ctx: &Context<'_>) -> Result<Option<Vec<CacheStatistics>>> {
        let statistics = ctx.services().caching.statistics(ctx.viewer()).await?;
        Ok(Some(statistics.into_iter().map(Into::into).collect()))
    }
}

/// Mutations of the cache.
#[derive(Clone, Copy, Default)]
pub struct CacheMutation;

/// Mutations of the cache.
#[Object]
impl CacheMutation {
    /// Removes cached values of this database schema on all servers. They are computed again on
    /// request. Requires the role ADMIN.
    async fn clear_cache(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The part of the cache to clear.")] input: ClearCacheInput,
    ) -> Result<Option<ClearCachePayload>> {
        let kind = input.kind.map(Into::into);
        let (cleared, errors) = settle(ctx.services().caching.clear(ctx.viewer(), kind).await)?;
        Ok(Some(ClearCachePayload {
            cleared: cleared.is_some(),
            errors,
            query: graphql::Query::default(),
        }))
    }
}
