//! Statistics of the cache by kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::CacheKind;
use super::generations::Generations;
use super::key::TagDigest;

/// Statistics of the cache of one schema for one kind, since the start of this process.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// The kind.
    pub kind: CacheKind,
    /// Hits in this process, including callers that waited for a concurrent computation.
    pub process_hits: u64,
    /// Hits in Redis.
    pub redis_hits: u64,
    /// Misses, which were computed.
    pub misses: u64,
    /// The mean time of a computation; zero before the first.
    pub mean_computing: Duration,
    /// The time of the longest computation.
    pub max_computing: Duration,
    /// The number of values in this process.
    pub entries: u64,
    /// Their total weight in bytes.
    pub bytes: u64,
}

impl Statistics {
    /// The share of hits among all look-ups, in [0, 1]; 0 before the first.
    pub fn hit_rate(&self) -> f64 {
        let hits = self.process_hits + self.redis_hits;
        let all = hits + self.misses;
        if all == 0 {
            return 0.0;
        }
        hits as f64 / all as f64
    }
}

/// The counters behind [`Statistics`].
#[derive(Default)]
pub(super) struct Counters {
    process_hits: AtomicU64,
    redis_hits: AtomicU64,
    misses: AtomicU64,
    nanoseconds: AtomicU64,
    longest: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    pub(super) fn process_hit(&self) {
        self.process_hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn redis_hit(&self) {
        self.redis_hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn computed(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        self.longest.fetch_max(took, Ordering::Relaxed);
    }

    pub(super) fn inserted(&self, bytes: u32) {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.into(), Ordering::Relaxed);
    }

    pub(super) fn evicted(&self, bytes: u32) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes.into(), Ordering::Relaxed);
    }

    pub(super) fn read(&self, kind: CacheKind) -> Statistics {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let misses = of(&self.misses);
        let mean = of(&self.nanoseconds).checked_div(misses).unwrap_or(0);
        Statistics {
            kind,
            process_hits: of(&self.process_hits),
            redis_hits: of(&self.redis_hits),
            misses,
            mean_computing: Duration::from_nanos(mean),
            max_computing: Duration::from_nanos(of(&self.longest)),
            entries: of(&self.entries),
            bytes: of(&self.bytes),
        }
    }
}

/// The counters of a cache that the owner of its values holds itself, such as that of search results, whose
/// cursors look values up by what they were made of.
#[derive(Clone)]
pub struct LocalCounters {
    counters: Arc<Counters>,
    generations: Arc<Generations>,
    tag: TagDigest,
}

impl LocalCounters {
    pub(super) fn new(
        counters: Arc<Counters>,
        generations: Arc<Generations>,
        tag: TagDigest,
    ) -> Self {
        Self {
            counters,
            generations,
            tag,
        }
    }

    /// A number that changes when values of the kind are cleared, here or on another server.
    pub fn cleared(&self) -> u64 {
        self.generations
            .of(self.tag)
            .wrapping_add(self.generations.of_all())
    }

    /// A value was found.
    pub fn hit(&self) {
        self.counters.process_hit();
    }

    /// A value was computed, which took so long.
    pub fn computed(&self, took: Duration) {
        self.counters.computed(took);
    }

    /// A value of so many bytes is cached from now on.
    pub fn inserted(&self, bytes: u32) {
        self.counters.inserted(bytes);
    }

    /// A value of so many bytes is cached no longer.
    pub fn evicted(&self, bytes: u32) {
        self.counters.evicted(bytes);
    }
}
