//! The cache: two tiers behind one typed interface.
//!
//! The nearer tier is this process (`moka`, bounded by bytes), the further one Redis, where it is
//! set up. [`Cache::get_or_compute`] looks in both and computes what neither has, once for all who
//! ask at the same time in this process. A value is found by a digest of the schema, its kind, its
//! type, the settings that shape answers and whatever its [`Key`] names; nothing crosses schemas.
//!
//! A value depends upon [`Tag`]s. [`Cache::changed`] makes all values of a tag unreachable: here
//! at once; in Redis, and with that for other processes, within the moment that telling them
//! takes ([`Cache::settled`] waits for it). While Redis is away, each process answers from its own
//! tier and drops that about once a second; changes that could not be told are told when Redis is
//! back.
//!
//! Nothing of this fails a request: a Redis that is away or slow is a miss.

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
use crate::foundation::{Clock, Error, Result, Rng};

mod frame;
mod generations;
mod keeper;
mod key;
mod kind;
mod process;
mod redis;
mod statistics;

pub use key::{Key, Tag};
pub use kind::CacheKind;
pub use statistics::Statistics;

use generations::Generations;
use key::TagDigest;
use process::Entry;
use redis::Redis;
use statistics::Counters;

/// How long a closing program waits for Redis to hear of its changes.
const CLOSING: Duration = Duration::from_secs(1);

/// What a value counts for that cannot be weighed, in bytes.
const SOME: usize = 4096;

/// The caches of all schemas of this process, which share memory and the connection to Redis.
#[derive(Clone)]
pub struct Caches(Arc<Shared>);

struct Shared {
    process: Process<u128, Arc<Entry>, FxBuildHasher>,
    generations: Arc<Generations>,
    redis: Option<(Arc<Redis>, AbortHandle)>,
    clock: Clock,
    /// Of the settings that shape answers: servers that are set up differently share nothing.
    recipe: String,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((_, keeper)) = &self.redis {
            keeper.abort();
        }
    }
}

impl Caches {
    /// Empty caches as the settings say. Redis is looked for in the background: a start does not
    /// wait for it, and it may come and go. Call it inside a runtime.
    ///
    /// # Errors
    /// When the address of Redis cannot be read.
    pub fn open(settings: &Settings, clock: Clock, rng: Rng) -> anyhow::Result<Self> {
        let generations = Arc::new(Generations::new());
        let redis = settings.redis.client()?.map(|client| {
            let timeout = Duration::from_millis(settings.redis.timeout_ms);
            let prefix = settings.redis.prefix.clone();
            let redis = Arc::new(Redis::new(client, prefix, timeout, rng));
            let keeper = keeper::keep(Arc::clone(&redis), Arc::clone(&generations));
            (redis, tokio::spawn(keeper).abort_handle())
        });
        Ok(Self(Arc::new(Shared {
            process: process::new(settings.cache.memory_mib << 20),
            generations,
            redis,
            clock,
            recipe: format!(
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

    /// Whether Redis is there; `None` if none is set up.
    pub fn redis_is_there(&self) -> Option<bool> {
        self.0.redis_is_there()
    }

    /// Waits until Redis is there, or is away, as asked; for good if none is set up.
    pub async fn redis_becomes(&self, there: bool) {
        let Some(redis) = self.0.redis() else {
            return std::future::pending().await;
        };
        let mut connected = redis.connected.subscribe();
        // The sender lives as long as `self`.
        let _ = connected.wait_for(|connected| *connected == there).await;
    }

    /// Waits a moment for Redis to hear of the last changes of this process.
    pub async fn close(&self) {
        if let Some(redis) = self.0.redis() {
            redis.settled(CLOSING).await;
        }
    }
}

impl Shared {
    fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref().map(|(redis, _)| &**redis)
    }

    fn redis_is_there(&self) -> Option<bool> {
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

/// Makes everything unreachable when it is dropped.
pub struct WhenOver(Cache);

impl Drop for WhenOver {
    fn drop(&mut self) {
        let kinds: Vec<Tag> = CacheKind::ALL.iter().copied().map(Tag::Kind).collect();
        self.0.changed(&kinds);
    }
}

/// Where a value is, or would be.
struct Place {
    /// In Redis: the same in every process.
    digest: u128,
    /// In this process: also of the generations as this process knows them.
    here: u128,
    tags: Vec<TagDigest>,
}

impl Cache {
    /// The value of `key`, from one of the tiers, or else from `compute`, which then runs once for
    /// all who ask at the same time. A failure is not kept; all who waited for it get it.
    ///
    /// `V` is a plain structure: one that `postcard` can write and read back.
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

    /// The same, for values that take much more memory than they take written down: `weigh` says how
    /// many bytes.
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
        let Some(place) = self.place::<V>(key) else {
            return compute.await.map(Arc::new);
        };
        let counters = self.counters(key.kind);
        let process = &self.shared.process;
        if let Some(entry) = process.get(&place.here).await {
            if let Some(value) = self.living(&entry) {
                counters.process_hit();
                return Ok(value);
            }
            process.invalidate(&place.here).await;
        }
        let led = AtomicBool::new(false);
        let find = async {
            led.store(true, Ordering::Relaxed);
            self.find(key.kind, &place, weigh, compute).await
        };
        let found = process.try_get_with(place.here, Box::pin(find)).await;
        let entry = found.map_err(Error::shared)?;
        if !led.load(Ordering::Relaxed) {
            counters.process_hit();
        }
        // The digest holds the name of the type, so that the entry is of no other.
        entry.value().ok_or_else(|| {
            Error::Internal(anyhow::anyhow!("two types share a digest in the cache"))
        })
    }

    /// What `tags` name has changed: no value that was made of it before is found again. Call it
    /// after the change is committed and before anybody is told of it, by `Db::transaction_then`
    /// where a dropped request might come in between.
    pub fn changed(&self, tags: &[Tag]) {
        let tags: Vec<TagDigest> = tags.iter().map(|tag| tag.digest(&self.schema)).collect();
        if let Some(redis) = self.shared.redis() {
            // First: who no longer finds the value here must not find it there.
            redis.changed(&tags);
        }
        for tag in tags {
            self.shared.generations.changed(tag);
        }
    }

    /// Says that anything may have changed once the guard is dropped: after an import, however it
    /// ends.
    #[must_use = "dropping it says that it is over"]
    pub fn when_over(&self) -> WhenOver {
        WhenOver(self.clone())
    }

    /// Waits until other processes can see the changes of this one, or for the time that Redis is
    /// given for an answer. Without Redis there is nothing to wait for.
    pub async fn settled(&self) {
        if let Some(redis) = self.shared.redis() {
            redis.settled(redis.timeout).await;
        }
    }

    /// Drops the values of this kind, or all, in every process; whole answers with them, since they
    /// may be made of any.
    pub async fn clear(&self, kind: Option<CacheKind>) {
        let kinds: Vec<CacheKind> = match kind {
            Some(CacheKind::Answers) => vec![CacheKind::Answers],
            Some(kind) => vec![kind, CacheKind::Answers],
            None => CacheKind::ALL.to_vec(),
        };
        let tags: Vec<Tag> = kinds.iter().copied().map(Tag::Kind).collect();
        self.changed(&tags);
        let counters: Vec<_> = kinds.iter().map(|kind| self.counters(*kind)).collect();
        process::drop_of(&self.shared.process, &counters).await;
    }

    /// Whether Redis is there; `None` if none is set up.
    pub fn redis_is_there(&self) -> Option<bool> {
        self.shared.redis_is_there()
    }

    /// What the cache did, kind by kind.
    pub async fn statistics(&self) -> Vec<Statistics> {
        // Values that died a moment ago are taken off the counts now.
        self.shared.process.run_pending_tasks().await;
        let kinds = CacheKind::ALL.iter();
        kinds.map(|kind| self.counters(*kind).read(*kind)).collect()
    }

    /// Looks in Redis, computes what is not there, and leaves it there.
    async fn find<V>(
        &self,
        kind: CacheKind,
        place: &Place,
        weigh: Option<fn(&V) -> usize>,
        compute: impl Future<Output = Result<V>> + Send,
    ) -> Result<Arc<Entry>>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let counters = self.counters(kind);
        let redis = self.shared.redis();
        let found = match redis {
            Some(redis) => redis.get(place.digest, &place.tags).await,
            None => None,
        };
        if let Some(found) = &found
            && let Some(frame) = &found.frame
            && let Some(framed) = frame::read::<V>(frame, &found.generations)
            && age(self.shared.clock.now(), framed.made_at) < kind.time_to_live()
        {
            counters.redis_hit();
            let bytes = weigh.map_or(framed.bytes, |weigh| weigh(&framed.value));
            return Ok(Entry::new(
                framed.value,
                bytes,
                framed.made_at,
                kind,
                counters,
            ));
        }
        let made_at = self.shared.clock.now();
        let started = Instant::now();
        let value = compute.await?;
        counters.computed(started.elapsed());
        let bytes = match (redis, found) {
            (Some(redis), Some(found)) => match frame::write(&value, &found.generations, made_at) {
                Ok(frame) => {
                    redis.put(place.digest, &frame, kind.time_to_live()).await;
                    Ok(frame.len())
                }
                Err(error) => Err(error),
            },
            _ => postcard::experimental::serialized_size(&value),
        };
        let bytes = bytes.unwrap_or_else(|error| {
            let kind = kind.as_str();
            tracing::error!(kind, %error, "A value cannot be written for the cache");
            SOME
        });
        let bytes = weigh.map_or(bytes, |weigh| weigh(&value));
        Ok(Entry::new(value, bytes, made_at, kind, counters))
    }

    fn place<V: 'static>(&self, key: &Key) -> Option<Place> {
        let parts = key.digest?;
        let mut hasher = Xxh3::new();
        for text in [
            &*self.schema,
            key.kind.as_str(),
            type_name::<V>(),
            &self.shared.recipe,
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
        Some(Place {
            digest,
            here: hasher.digest128(),
            tags,
        })
    }

    fn living<V: Any + Send + Sync>(&self, entry: &Entry) -> Option<Arc<V>> {
        let age = age(self.shared.clock.now(), entry.made_at);
        (age < entry.kind.time_to_live()).then(|| entry.value())?
    }

    fn counters(&self, kind: CacheKind) -> &Arc<Counters> {
        // `ALL` lists the kinds in the order of their numbers.
        &self.counters[kind as usize]
    }
}

/// How old something is; another machine's clock may be a little ahead.
fn age(now: DateTime<Utc>, made_at: DateTime<Utc>) -> TimeDelta {
    (now - made_at).abs()
}
