//! Ranked results, computed once for all who ask the same: searches, and lists that are about a query.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use moka::sync::Cache;
use xxhash_rust::xxh3::Xxh3;

use super::cursor::digest;
use super::index::{IndexState, blocking};
use super::lexical::LexicalHit;
use super::model::SearchRequest;
use super::results::{SearchInput, SearchResults};
use super::service::SearchService;
use crate::domain::models::handle::HandleState;
use crate::engine::fusion::FoundOrder;
use crate::engine::history::History;
use crate::foundation::{Id, Result, id};
use crate::platform::cache::{Cache as SchemaCache, CacheKind, LocalCounters};

/// The affinity of so many of the best by words is looked at.
const WITH_AFFINITY: usize = 500;
/// Results are cached for so long after they were last read, and no longer in all.
const CACHED_FOR: Duration = Duration::from_secs(10 * 60);
const CACHED_AT_MOST: Duration = Duration::from_secs(60 * 60);
/// All cached results take at most so many bytes.
const CACHED_BYTES: u64 = 64 << 20;
/// An affinity fades with time; one of so many seconds ago is as good as one of now.
const AFFINITY_SECONDS: i64 = 120;

/// What is known of the taste of whoever asks, and how much it counts.
#[derive(Clone, Copy)]
pub struct Taste<'a> {
    /// What they did.
    pub history: &'a History,
    /// When they ask.
    pub now: DateTime<Utc>,
    /// How much of the score is the query's, 0 to 1; the rest is the affinity's.
    pub query_weight: f32,
}

/// Results, and whether they were made of all there was to find.
#[derive(Clone)]
pub(super) struct CachedResults {
    pub results: Arc<SearchResults>,
    pub complete: bool,
}

/// The cached results of one schema in this process, counted as [`CacheKind::Searches`].
#[derive(Clone)]
pub(super) struct ResultCache {
    results: Cache<u64, CachedResults>,
    counters: LocalCounters,
    /// What [`LocalCounters::cleared`] said last.
    cleared: Arc<AtomicU64>,
    /// Tells the results of this process from those of others.
    salt: u64,
}

impl ResultCache {
    pub fn new(cache: &SchemaCache, salt: u64) -> Self {
        let counters = cache.local_counters(CacheKind::Searches);
        let evicted = counters.clone();
        let results = Cache::builder()
            .max_capacity(CACHED_BYTES)
            .time_to_idle(CACHED_FOR)
            .time_to_live(CACHED_AT_MOST)
            .weigher(|_, cached: &CachedResults| cached.weight())
            .eviction_listener(move |_, cached: CachedResults, _| evicted.evicted(cached.weight()))
            .build();
        Self {
            results,
            cleared: Arc::new(AtomicU64::new(counters.cleared())),
            counters,
            salt,
        }
    }

    /// The results of this key, for a cursor in them.
    pub fn at(&self, key: u64) -> Option<CachedResults> {
        let found = self.results.get(&key);
        if found.is_some() {
            self.counters.hit();
        }
        found
    }

    /// Drops everything if the cache was cleared, here or on another server.
    fn drop_cleared(&self) {
        let cleared = self.counters.cleared();
        if self.cleared.swap(cleared, Ordering::Relaxed) != cleared {
            self.results.invalidate_all();
        }
    }

    fn insert(&self, key: u64, cached: CachedResults, took: Duration) {
        self.counters.computed(took);
        self.counters.inserted(cached.weight());
        self.results.insert(key, cached);
    }
}

impl CachedResults {
    fn weight(&self) -> u32 {
        u32::try_from(self.results.memory()).unwrap_or(u32::MAX)
    }
}

/// All that results are made of, beside the request: each was read before the ranking was begun.
#[derive(Hash)]
struct Versions {
    words: IndexState,
    catalogue: u64,
    /// The space, and the state of its vectors.
    meaning: Option<(Id<id::Model>, u64)>,
    /// Whether the space was still being read after a start.
    meaning_is_opening: bool,
    day: NaiveDate,
    /// A digest of the history that the affinity is computed from, the time, and the weight of the query.
    taste: Option<(u64, i64, u32)>,
}

impl Versions {
    fn complete(&self) -> bool {
        self.words.complete && !self.meaning_is_opening
    }
}

impl Taste<'_> {
    fn version(&self) -> (u64, i64, u32) {
        let mut hasher = Xxh3::new();
        self.history.weights().version.hash(&mut hasher);
        for event in self.history.events() {
            let value = event.value.map(f32::to_bits);
            (event.content, event.kind, value, event.at).hash(&mut hasher);
        }
        let time = self.now.timestamp().div_euclid(AFFINITY_SECONDS);
        (hasher.finish(), time, self.query_weight.to_bits())
    }
}

impl SearchService {
    /// The results of this request, which are the same as the last ones where nothing has changed of
    /// all that they were made of.
    pub(super) async fn results(
        &self,
        request: &SearchRequest,
        taste: Option<Taste<'_>>,
        day: NaiveDate,
    ) -> Result<CachedResults> {
        self.cached.drop_cleared();
        let (search_index, words) = self.index_state().await?;
        let catalogue = self.content.catalogue_so_far().await?;
        let found = self.embeddings.find().await?;
        let meaning_is_opening = matches!(found, HandleState::Loading);
        let embedding = found.model();
        let taste = taste.filter(|taste| !taste.history.is_empty());
        let versions = Versions {
            words,
            catalogue: catalogue.read().change(),
            meaning: embedding
                .as_ref()
                .map(|embedding| (embedding.model.id, embedding.version())),
            meaning_is_opening,
            day,
            taste: taste.as_ref().map(Taste::version),
        };
        let mut hasher = Xxh3::new();
        (digest(None, request), &versions, self.cached.salt).hash(&mut hasher);
        let key = hasher.finish();
        if let Some(cached) = self.cached.at(key) {
            return Ok(cached);
        }
        let began = Instant::now();
        let profile = match &taste {
            Some(taste) => self.profiles.profile(taste.history, taste.now).await?,
            None => None,
        };
        let embedding = embedding.as_deref();
        let like = self
            .like(&search_index, catalogue, embedding, request, day)
            .await?;
        let (mut found, meant) = match like {
            Some((found, meant)) => (Some(found), meant),
            None => {
                let found = self
                    .by_words(&search_index, catalogue, request, day)
                    .await?;
                let words = found.as_ref();
                let meant = self.by_meaning(catalogue, embedding, request, words, day);
                let meant = meant.await?;
                (found, meant)
            }
        };
        let affinity = match &profile {
            Some(profile) => {
                let hits = found.as_mut().map_or(&mut [][..], |found| &mut found.hits);
                if hits.len() > WITH_AFFINITY {
                    let order = |a: &LexicalHit, b: &LexicalHit| {
                        b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot))
                    };
                    hits.select_nth_unstable_by(WITH_AFFINITY, order);
                }
                let by_words = hits.iter().map(|hit| hit.slot).take(WITH_AFFINITY);
                let slots = by_words.chain(meant.iter().map(|(slot, _)| *slot));
                Some(self.affinities(catalogue, profile, slots.collect()).await?)
            }
            None => None,
        };
        let query_weight = taste.map_or(1.0, |taste| taste.query_weight);
        let popularity = search_index.signals().popularity;
        let (catalogue, request) = (catalogue.clone(), request.clone());
        let results = blocking(move || {
            let input = SearchInput {
                request: &request,
                found,
                meant,
                affinity,
                query_weight,
                popularity: &popularity,
                day,
            };
            Ok(Arc::new(SearchResults::new(key, &catalogue.read(), input)))
        });
        let cached = CachedResults {
            results: results.await?,
            complete: versions.complete(),
        };
        self.cached.insert(key, cached.clone(), began.elapsed());
        Ok(cached)
    }

    /// The best `most` items that `request` finds, in their order, for lists that are about a query. The same
    /// request and taste find the same items here and in [`SearchService::search`].
    ///
    /// # Errors
    /// Those of [`SearchService::search`].
    pub async fn found(
        &self,
        request: &SearchRequest,
        taste: Taste<'_>,
        most: usize,
    ) -> Result<FoundOrder> {
        request.check()?;
        let day = taste.now.date_naive();
        let cached = self.results(request, Some(taste), day).await?;
        Ok(cached.results.order(most))
    }
}
