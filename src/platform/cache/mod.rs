//! The cache: two tiers behind one typed interface.
//!
//! The first tier is this process (`moka`, bounded by bytes), the second is Redis, if configured.
//! [`Cache::get_or_compute`] reads both and computes what neither has, once for all concurrent callers of
//! this process. The key of a value is a digest of the schema, its kind, its type, the settings that
//! influence results, and the parts of its [`Key`]; nothing crosses schemas.
//!
//! A value depends on [`Tag`]s. [`Cache::invalidate`] makes all values of a tag unreachable: in this process
//! at once; in Redis, and so for other processes, as soon as the invalidation is sent ([`Cache::flush`]
//! waits for that). While Redis is away, each process uses its own tier only and invalidates it about once a
//! second; invalidations that could not be sent are sent when Redis is back.
//!
//! The cache never fails a request: a Redis that is away or slow is a miss.

use std::any::{Any, type_name};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache as Process;
use rustc_hash::FxBuildHasher;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::AbortHandle;
use xxhash_rust::xxh3::Xxh3;

use super::config::{SchemaName, Settings};
use super::db::primary::from_primary;
use crate::foundation::{Clock, Error, Result, Rng};

mod buckets;
mod frame;
mod generations;
mod key;
mod kind;
mod maintenance;
mod marks;
mod process;
mod redis;
mod statistics;

pub use buckets::{Rate, Taken};
pub use key::{Key, Tag};
pub use kind::CacheKind;
pub use statistics::{LocalCounters, Statistics};

use generations::Generations;
use key::TagDigest;
use process::Entry;
use redis::Redis;
use statistics::Counters;

/// How long a closing program waits until its invalidations are in Redis.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The most marks that a process remembers itself, each with some hundred bytes.
const MARKS: u64 = 100_000;

/// The most token buckets that a process has itself, each with some hundred bytes. One that is pushed out is full
/// when it comes back.
const BUCKETS: u64 = 200_000;

/// The type of marks, which no value has.
struct Mark;

/// The weight of a value whose size is unknown, in bytes.
const DEFAULT_WEIGHT: usize = 4096;

/// The caches of all schemas of this process, which share memory and the connection to Redis.
#[derive(Clone)]
pub struct Caches(Arc<Shared>);

struct Shared {
    process: Process<u128, Arc<Entry>, FxBuildHasher>,
    /// When the marks of this process end.
    marks: moka::sync::Cache<u128, DateTime<Utc>, FxBuildHasher>,
    /// The token buckets of this process.
    buckets: buckets::Buckets,
    generations: Arc<Generations>,
    redis: Option<(Arc<Redis>, AbortHandle)>,
    clock: Clock,
    /// The settings that influence results: servers that are configured differently share nothing.
    settings_digest: String,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((_, maintenance)) = &self.redis {
            maintenance.abort();
        }
    }
}

impl Caches {
    /// Empty caches. Redis is connected in the background: opening does not wait for it, and it may come
    /// and go. Call it inside a runtime.
    ///
    /// # Errors
    /// When the address of Redis cannot be read.
    pub fn open(settings: &Settings, clock: Clock, rng: Rng) -> anyhow::Result<Self> {
        let generations = Arc::new(Generations::new());
        let redis = settings.redis.client()?.map(|client| {
            let timeout = Duration::from_millis(settings.redis.timeout_ms);
            let prefix = settings.redis.prefix.clone();
            let redis = Arc::new(Redis::new(client, prefix, timeout, rng));
            let maintenance = maintenance::maintain(Arc::clone(&redis), Arc::clone(&generations));
            (redis, tokio::spawn(maintenance).abort_handle())
        });
        Ok(Self(Arc::new(Shared {
            process: process::new(settings.cache.memory_mib << 20),
            marks: moka::sync::Cache::builder()
                .max_capacity(MARKS)
                .build_with_hasher(FxBuildHasher),
            buckets: moka::sync::Cache::builder()
                .max_capacity(BUCKETS)
                .build_with_hasher(FxBuildHasher),
            generations,
            redis,
            clock,
            settings_digest: format!(
                "{:?} {:?} {:?} {:?}",
                settings.recommendations, settings.blend, settings.training, settings.embeddings
            ),
        })))
    }

    /// The cache of one schema.
    pub fn of(&self, schema: &SchemaName) -> Cache {
        Cache {
            shared: Arc::clone(&self.0),
            schema: schema.as_str().into(),
            counters: Arc::new(CacheKind::ALL.iter().map(|_| Arc::default()).collect()),
        }
    }

    /// Whether Redis is connected; `None` if none is configured.
    pub fn redis_connected(&self) -> Option<bool> {
        self.0.redis_connected()
    }

    /// Waits until Redis is connected or disconnected, as `connected` says; forever if none is configured.
    pub async fn wait_for_redis(&self, connected: bool) {
        let Some(redis) = self.0.redis() else {
            return std::future::pending().await;
        };
        let mut state = redis.connected.subscribe();
        // The sender lives as long as `self`.
        let _ = state.wait_for(|state| *state == connected).await;
    }

    /// Waits up to a second until the invalidations of this process are in Redis.
    pub async fn close(&self) {
        if let Some(redis) = self.0.redis() {
            redis.flush(FLUSH_TIMEOUT).await;
        }
    }
}

impl Shared {
    fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref().map(|(redis, _)| &**redis)
    }

    fn redis_connected(&self) -> Option<bool> {
        self.redis().map(|redis| *redis.connected.borrow())
    }
}

/// The cache of one schema. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
    schema: Arc<str>,
    counters: Arc<Vec<Arc<Counters>>>,
}

/// Invalidates everything when it is dropped.
pub struct InvalidateOnDrop(Cache);

impl Drop for InvalidateOnDrop {
    fn drop(&mut self) {
        let kinds: Vec<Tag> = CacheKind::ALL.iter().copied().map(Tag::Kind).collect();
        self.0.invalidate(&kinds);
    }
}

/// The keys of a value in both tiers.
struct Slot {
    /// In Redis: the same in every process.
    digest: u128,
    /// In this process: also contains the generations of the tags as this process knows them.
    process_key: u128,
    tags: Vec<TagDigest>,
}

impl Cache {
    /// The value of `key`, from one of the tiers, or else from `compute`, which runs once for all concurrent
    /// callers. An error is not cached; all callers that waited for it get it.
    ///
    /// `V` must be a plain structure that `postcard` can encode and decode.
    ///
    /// # Errors
    /// Those of `compute`.
    pub async fn get_or_compute<V>(
        &self,
        key: &Key,
        compute: impl Future<Output = Result<V>> + Send,
    ) -> Result<Arc<V>>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.get_or_compute_weighed(key, None, compute).await
    }

    /// The same, for values that take much more memory than their encoding: `weigh` returns the size in
    /// bytes.
    ///
    /// # Errors
    /// Those of `compute`.
    pub async fn get_or_compute_weighed<V>(
        &self,
        key: &Key,
        weigh: Option<fn(&V) -> usize>,
        compute: impl Future<Output = Result<V>> + Send,
    ) -> Result<Arc<V>>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let Some(slot) = self.slot::<V>(key) else {
            return compute.await.map(Arc::new);
        };
        let counters = self.counters(key.kind);
        let process = &self.shared.process;
        if let Some(entry) = process.get(&slot.process_key).await {
            if let Some(value) = self.if_fresh(&entry) {
                counters.process_hit();
                return Ok(value);
            }
            process.invalidate(&slot.process_key).await;
        }
        let computed_here = AtomicBool::new(false);
        let fetch_or_compute = async {
            computed_here.store(true, Ordering::Relaxed);
            self.fetch_or_compute(key.kind, &slot, weigh, compute).await
        };
        let entry_in_redis = process
            .try_get_with(slot.process_key, Box::pin(fetch_or_compute))
            .await;
        let entry = entry_in_redis.map_err(Error::shared)?;
        if !computed_here.load(Ordering::Relaxed) {
            counters.process_hit();
        }
        // The digest holds the name of the type, so that the entry is of no other.
        entry.value().ok_or_else(|| {
            Error::Internal(anyhow::anyhow!("two types share a digest in the cache"))
        })
    }

    /// Invalidates all values that depend on `tags`. Call it after the change is committed and before it is
    /// announced, by `Db::transaction_then` where a dropped request might come in between.
    pub fn invalidate(&self, tags: &[Tag]) {
        let tags: Vec<TagDigest> = tags.iter().map(|tag| tag.digest(&self.schema)).collect();
        if let Some(redis) = self.shared.redis() {
            // First: a value that is invalid in this process must not be found in Redis.
            redis.invalidate(&tags);
        }
        for tag in tags {
            self.shared.generations.invalidate(tag);
        }
    }

    /// A guard that invalidates everything when it is dropped: for imports, however they end.
    #[must_use = "dropping the guard invalidates the cache"]
    pub fn invalidate_on_drop(&self) -> InvalidateOnDrop {
        InvalidateOnDrop(self.clone())
    }

    /// Waits until other processes see the invalidations of this one, at most for the timeout of Redis.
    /// Without Redis there is nothing to wait for.
    pub async fn flush(&self) {
        if let Some(redis) = self.shared.redis() {
            redis.flush(redis.timeout).await;
        }
    }

    /// Drops the values of `kind`, or all, in every process. Cached responses are dropped too, since they
    /// may contain any kind.
    pub async fn clear(&self, kind: Option<CacheKind>) {
        let kinds: Vec<CacheKind> = match kind {
            Some(CacheKind::Answers) => vec![CacheKind::Answers],
            Some(kind) => vec![kind, CacheKind::Answers],
            None => CacheKind::ALL.to_vec(),
        };
        let tags: Vec<Tag> = kinds.iter().copied().map(Tag::Kind).collect();
        self.invalidate(&tags);
        let counters: Vec<_> = kinds.iter().map(|kind| self.counters(*kind)).collect();
        process::drop_of(&self.shared.process, &counters).await;
    }

    /// Whether Redis is connected; `None` if none is configured.
    pub fn redis_connected(&self) -> Option<bool> {
        self.shared.redis_connected()
    }

    /// The counters of values of `kind` that their owner holds in a cache of its own.
    pub fn local_counters(&self, kind: CacheKind) -> LocalCounters {
        let counters = Arc::clone(self.counters(kind));
        let tag = Tag::Kind(kind).digest(&self.schema);
        let generations = Arc::clone(&self.shared.generations);
        LocalCounters::new(counters, generations, tag)
    }

    /// Statistics by kind.
    pub async fn statistics(&self) -> Vec<Statistics> {
        // Evicts expired values first, so that they are not counted.
        self.shared.process.run_pending_tasks().await;
        let kinds = CacheKind::ALL.iter();
        kinds.map(|kind| self.counters(*kind).read(*kind)).collect()
    }

    /// Reads the value from Redis, or computes it and stores it there.
    async fn fetch_or_compute<V>(
        &self,
        kind: CacheKind,
        slot: &Slot,
        weigh: Option<fn(&V) -> usize>,
        compute: impl Future<Output = Result<V>> + Send,
    ) -> Result<Arc<Entry>>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let counters = self.counters(kind);
        let redis = self.shared.redis();
        let entry_in_redis = match redis {
            Some(redis) => redis.get(slot.digest, &slot.tags).await,
            None => None,
        };
        if let Some(entry_in_redis) = &entry_in_redis
            && let Some(frame) = &entry_in_redis.frame
            && let Some(decoded) = frame::read::<V>(frame, &entry_in_redis.generations)
            && age(self.shared.clock.now(), decoded.made_at) < kind.time_to_live()
        {
            counters.redis_hit();
            let bytes = weigh.map_or(decoded.bytes, |weigh| weigh(&decoded.value));
            return Ok(Entry::new(
                decoded.value,
                bytes,
                decoded.made_at,
                kind,
                counters,
            ));
        }
        let made_at = self.shared.clock.now();
        let started = Instant::now();
        // A value that was made of a replica's old rows would outlive them.
        let value = from_primary(compute).await?;
        counters.computed(started.elapsed());
        let bytes = match (redis, entry_in_redis) {
            (Some(redis), Some(entry_in_redis)) => {
                match frame::write(&value, &entry_in_redis.generations, made_at) {
                    Ok(frame) => {
                        redis.put(slot.digest, &frame, kind.time_to_live()).await;
                        Ok(frame.len())
                    }
                    Err(error) => Err(error),
                }
            }
            _ => postcard::experimental::serialized_size(&value),
        };
        let bytes = bytes.unwrap_or_else(|error| {
            let kind = kind.as_str();
            tracing::error!(kind, %error, "A value cannot be written for the cache");
            DEFAULT_WEIGHT
        });
        let bytes = weigh.map_or(bytes, |weigh| weigh(&value));
        Ok(Entry::new(value, bytes, made_at, kind, counters))
    }

    fn slot<V: 'static>(&self, key: &Key) -> Option<Slot> {
        let parts = key.digest?;
        let mut hasher = Xxh3::new();
        for text in [
            &*self.schema,
            key.kind.as_str(),
            type_name::<V>(),
            &self.shared.settings_digest,
        ] {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        }
        hasher.update(&parts.to_le_bytes());
        let tags = key.tags.iter().copied().chain([Tag::Kind(key.kind)]);
        let tags: Vec<TagDigest> = tags.map(|tag| tag.digest(&self.schema)).collect();
        for tag in &tags {
            hasher.update(&tag.to_le_bytes());
        }
        let digest = hasher.digest128();
        let generations = &self.shared.generations;
        hasher.update(&generations.of_all().to_le_bytes());
        for tag in &tags {
            hasher.update(&generations.of(*tag).to_le_bytes());
        }
        Some(Slot {
            digest,
            process_key: hasher.digest128(),
            tags,
        })
    }

    fn if_fresh<V: Any + Send + Sync>(&self, entry: &Entry) -> Option<Arc<V>> {
        let age = age(self.shared.clock.now(), entry.made_at);
        (age < entry.kind.time_to_live()).then(|| entry.value())?
    }

    fn counters(&self, kind: CacheKind) -> &Arc<Counters> {
        // `ALL` lists the kinds in the order of their numbers.
        &self.counters[kind as usize]
    }
}

/// The absolute age of a value; the clock of another machine may be a little ahead.
fn age(now: DateTime<Utc>, made_at: DateTime<Utc>) -> TimeDelta {
    (now - made_at).abs()
}
