//! The tier inside this process: bounded by bytes, each value with its own time to live.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use moka::Expiry;
use moka::future::Cache;
use rustc_hash::FxBuildHasher;

use super::CacheKind;
use super::statistics::Counters;

/// The bytes of an entry beside its value: key, counters, bookkeeping of the cache.
const OVERHEAD: usize = 256;

/// A cached value of any type.
pub(super) struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    pub(super) made_at: DateTime<Utc>,
    pub(super) kind: CacheKind,
    /// The approximate size in bytes: the encoded value and the overhead.
    weight: u32,
    counters: Arc<Counters>,
}

impl Entry {
    pub(super) fn new<V: Send + Sync + 'static>(
        value: V,
        bytes: usize,
        made_at: DateTime<Utc>,
        kind: CacheKind,
        counters: &Arc<Counters>,
    ) -> Arc<Self> {
        let weight = u32::try_from(bytes + OVERHEAD).unwrap_or(u32::MAX);
        counters.inserted(weight);
        Arc::new(Self {
            value: Arc::new(value),
            made_at,
            kind,
            weight,
            counters: Arc::clone(counters),
        })
    }

    /// The value, if it is of type `V`.
    pub(super) fn value<V: Send + Sync + 'static>(&self) -> Option<Arc<V>> {
        Arc::clone(&self.value).downcast().ok()
    }
}

/// A tier of at most `bytes`. The keys are digests already.
pub(super) fn new(bytes: u64) -> Cache<u128, Arc<Entry>, FxBuildHasher> {
    Cache::builder()
        .max_capacity(bytes)
        .weigher(|_, entry: &Arc<Entry>| entry.weight)
        .expire_after(Lifetime)
        .eviction_listener(|_, entry: Arc<Entry>, _| entry.counters.evicted(entry.weight))
        .build_with_hasher(FxBuildHasher)
}

/// Drops the values that `counters` count.
pub(super) async fn drop_of(
    cache: &Cache<u128, Arc<Entry>, FxBuildHasher>,
    counters: &[&Arc<Counters>],
) {
    let counted = |entry: &Entry| counters.iter().any(|own| Arc::ptr_eq(own, &entry.counters));
    for (key, entry) in cache {
        if counted(&entry) {
            cache.invalidate(&*key).await;
        }
    }
}

struct Lifetime;

impl Expiry<u128, Arc<Entry>> for Lifetime {
    fn expire_after_create(&self, _: &u128, entry: &Arc<Entry>, _: Instant) -> Option<Duration> {
        entry.kind.time_to_live().to_std().ok()
    }
}
