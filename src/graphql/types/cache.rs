//! The cache: type, query and mutation for admins.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use crate::domain::caching::model as domain;
use crate::graphql::ContextExt;
use crate::graphql::number::int;
use crate::graphql::payload::{payload, payload_errors, settle};

/// What a cached value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::CacheKind")]
pub enum CacheKind {
    /// Lists of recommendations; 2 minutes.
    Lists,
    /// What changes with the catalogue alone; 1 hour.
    Metadata,
    /// Whole answers to queries; 2 minutes. They go with every other kind that is cleared.
    Answers,
}

/// What the cache of this schema did with values of one kind, since the start of the server that
/// answers.
#[derive(Clone, Debug, SimpleObject)]
pub struct CacheStatistics {
    /// Which kind.
    kind: CacheKind,
    /// How often a value was found in the memory of this server.
    process_hits: i32,
    /// How often one was found in Redis.
    redis_hits: i32,
    /// How often one had to be computed.
    misses: i32,
    /// The share of all look-ups that found a value, in [0, 1]; 0 where there was none.
    hit_rate: f64,
    /// How long a computation took on average, in milliseconds; 0 where there was none.
    mean_computing_milliseconds: f64,
    /// How long the longest computation took, in milliseconds.
    max_computing_milliseconds: f64,
    /// How many values are in the memory of this server now.
    entries: i32,
    /// About how many bytes they take.
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

/// Which part of the cache to drop.
#[derive(Clone, Debug, InputObject)]
pub struct ClearCacheInput {
    /// Only values of this kind; all where left out.
    kind: Option<CacheKind>,
}

payload_errors! {
    /// Why `clearCache` did not do it.
    ClearCacheError: InvalidInput
}

payload! {
    /// What became of `clearCache`.
    ClearCachePayload(ClearCacheError) {
        /// Whether the values are gone.
        cleared: bool,
    }
}

/// Queries about the cache.
#[derive(Clone, Copy, Default)]
pub struct CacheQuery;

/// Queries about the cache.
#[Object]
impl CacheQuery {
    /// What the cache did, kind by kind. For admins.
    async fn cache_statistics(&self, ctx: &Context<'_>) -> Result<Vec<CacheStatistics>> {
        let statistics = ctx.services().caching.statistics(ctx.viewer()).await?;
        Ok(statistics.into_iter().map(Into::into).collect())
    }
}

/// Mutations of the cache.
#[derive(Clone, Copy, Default)]
pub struct CacheMutation;

/// Mutations of the cache.
#[Object]
impl CacheMutation {
    /// Drops cached values of this schema on every server; they are computed anew when they are
    /// asked for. For admins.
    async fn clear_cache(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ClearCacheInput,
    ) -> Result<ClearCachePayload> {
        let kind = input.kind.map(Into::into);
        let (cleared, errors) = settle(ctx.services().caching.clear(ctx.viewer(), kind).await)?;
        Ok(ClearCachePayload {
            cleared: cleared.is_some(),
            errors,
            query: crate::graphql::Query::default(),
        })
    }
}
