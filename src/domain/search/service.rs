//! Searching on behalf of a viewer.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::NaiveDate;
use moka::sync::Cache;
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::Xxh3;

use super::cursor::{digest, read_cursor};
use super::facets::{FacetCounting, PriceRange, SearchFacet};
use super::index::{IndexState, IndexStatus, SearchIndex, blocking};
use super::lexical::LexicalHit;
use super::model::{PopularQuery, SearchPage, SearchRequest, Suggestion, check_length};
use super::popular::QueryCounter;
use super::query::Synonyms;
use super::results::{SearchInput, SearchResults};
use super::retrieve::with_context;
use super::store::Store;
use super::suggest::suggest;
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::facets::FacetCount;
use crate::domain::content::{ContentKind, ContentService};
use crate::domain::embeddings::EmbeddingService;
use crate::domain::models::handle::HandleState;
use crate::domain::profiles::ProfileService;
use crate::foundation::page::{Direction, Window};
use crate::foundation::{Clock, Id, Refusal, Result, id};
use crate::platform::cache::Cache as SchemaCache;

/// The affinity of so many of the best by words is looked at.
const WITH_AFFINITY: usize = 500;
/// Results are cached for so long after they were last read, and no longer in all.
const CACHED_FOR: Duration = Duration::from_secs(10 * 60);
const CACHED_AT_MOST: Duration = Duration::from_secs(60 * 60);
/// All cached results take at most so many bytes.
const CACHED_BYTES: u64 = 64 << 20;

/// The search of one schema.
#[derive(Clone)]
pub struct SearchService {
    store: Store,
    pub(super) content: ContentService,
    pub(super) clock: Clock,
    queries: QueryCounter,
    cache: SchemaCache,
    search_index: Arc<OnceCell<Arc<SearchIndex>>>,
    cached: Cache<u64, CachedResults>,
    /// Tells the results of this process from those of others.
    salt: u64,
    /// How much the query counts beside the viewer's affinity.
    query_weight: f32,
    /// Other words for the same.
    pub(super) synonyms: Synonyms,
    /// How many searches with somebody's affinity there were.
    personal: Arc<AtomicU64>,
    pub(super) embeddings: EmbeddingService,
    pub(super) profiles: ProfileService,
}

/// Results, and whether they were made of all there was to find.
#[derive(Clone)]
struct CachedResults {
    results: Arc<SearchResults>,
    complete: bool,
}

/// All that results are made of, beside the request and somebody's affinity: each was read before the
/// ranking was begun.
#[derive(Hash)]
struct Versions {
    words: IndexState,
    catalogue: u64,
    /// The space, and the state of its vectors.
    meaning: Option<(Id<id::Model>, u64)>,
    /// Whether the space was still being read after a start.
    meaning_is_opening: bool,
    day: NaiveDate,
}

impl Versions {
    fn complete(&self) -> bool {
        self.words.complete && !self.meaning_is_opening
    }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method itself is not general enough over lifetimes"
)]
impl SearchService {
    /// The search of the schema of `ctx`.
    pub fn new(
        ctx: &SchemaContext,
        content: ContentService,
        embeddings: EmbeddingService,
        profiles: ProfileService,
    ) -> Self {
        let store = Store::new(ctx.db.clone());
        let cached = Cache::builder()
            .max_capacity(CACHED_BYTES)
            .time_to_idle(CACHED_FOR)
            .time_to_live(CACHED_AT_MOST)
            .weigher(|_, cached: &CachedResults| {
                u32::try_from(cached.results.memory()).unwrap_or(u32::MAX)
            })
            .build();
        Self {
            queries: QueryCounter::new(store.clone(), ctx.clock.clone()),
            store,
            content,
            clock: ctx.clock.clone(),
            cache: ctx.cache.clone(),
            search_index: Arc::default(),
            cached,
            salt: ctx.rng.seed(),
            query_weight: ctx.settings.blend.query,
            synonyms: Synonyms::with(&ctx.settings.search.synonyms),
            personal: Arc::default(),
            embeddings,
            profiles,
        }
    }

    /// Waits until the whole catalogue was in the index of words once, however long that takes, at the start of a
    /// server.
    ///
    /// # Errors
    /// When the catalogue cannot be read or the index cannot be begun, and when making it fails, which is tried
    /// again in the background.
    pub async fn preload(&self) -> Result<()> {
        self.content.preload_catalogue().await;
        let (search_index, _) = self.index_state().await?;
        search_index.wait_complete().await
    }

    /// How far the index of words is; `None` before anybody asked for it.
    pub fn progress(&self) -> Option<IndexStatus> {
        self.search_index
            .get()
            .map(|search_index| search_index.progress())
    }

    /// One page of what is found for `request`. Only what may be offered to everybody today is
    /// found: public, not deleted, within its rights, not sold out. The window's cursor goes on
    /// with the results that it is of, whatever was written since. Results are cached for ten minutes; a
    /// cursor of some that are gone goes on behind the same item of fresh ones.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a query that is too long, a filter too large, or a cursor of
    /// another search; when the database fails.
    pub async fn search(
        &self,
        viewer: &Viewer,
        request: &SearchRequest,
        window: &Window,
    ) -> Result<SearchPage> {
        request.check()?;
        if window.direction == Direction::Backward {
            let message = "a search is read from its head: use `first` and `after`";
            return Err(Refusal::invalid("last", message).into());
        }
        let personal = request.personalise && request.order.is_none() && !request.is_empty();
        let user = viewer.user().filter(|_| personal);
        let digest = digest(user, request);
        let from = window.from.as_deref();
        let index = from.map(|text| read_cursor(text, digest)).transpose()?;
        let cached = index
            .as_ref()
            .and_then(|index| self.cached.get(&index.results));
        let (catalogue, day) = (
            self.content.catalogue_so_far().await?,
            self.clock.now().date_naive(),
        );
        let (cached, after) = match (cached, index) {
            (Some(cached), Some(index)) => (cached, index.rank),
            (_, index) => {
                let cached = self.results(request, user, digest, day).await?;
                let after = index.map_or(0, |index| {
                    let slot = catalogue.read().slot(index.last);
                    let known = slot.and_then(|slot| cached.results.place_of(slot));
                    known.unwrap_or(index.rank)
                });
                (cached, after)
            }
        };
        let CachedResults { results, complete } = cached;
        if window.from.is_none() {
            self.queries.record(&request.query);
        }
        let page = results.page(&catalogue.read(), window, after, day);
        Ok(SearchPage {
            digest,
            results,
            complete,
            hits: page.rows,
            has_previous: page.has_previous,
            has_next: page.has_next,
        })
    }

    /// Ranks what `request` finds ahead of whoever asks it next without an affinity. It does not count as
    /// asked.
    ///
    /// # Errors
    /// Those of [`SearchService::search`].
    pub async fn warm(&self, request: &SearchRequest) -> Result<()> {
        request.check()?;
        let day = self.clock.now().date_naive();
        let results = self.results(request, None, digest(None, request), day);
        results.await.map(|_| ())
    }

    /// How many of all found items have each value of `facet`: the `most` frequent ones, the most
    /// frequent first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn facet(
        &self,
        results: &Arc<SearchResults>,
        facet: SearchFacet,
        most: usize,
    ) -> Result<Vec<FacetCount>> {
        self.counted(results, move |counting| counting.texts(facet, most))
            .await
    }

    /// How many of all found items are of each kind, the most frequent first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kinds(
        &self,
        results: &Arc<SearchResults>,
    ) -> Result<Vec<FacetCount<ContentKind>>> {
        self.counted(results, |counting| counting.kinds()).await
    }

    /// How many of all found items are of each decade, the first decade first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decades(&self, results: &Arc<SearchResults>) -> Result<Vec<FacetCount<i32>>> {
        self.counted(results, |counting| counting.decades()).await
    }

    /// How many of all found items have a price in each range.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prices(&self, results: &Arc<SearchResults>) -> Result<Vec<PriceRange>> {
        self.counted(results, |counting| counting.prices()).await
    }

    /// What may be typed next, at most so many; nothing where nothing was typed.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a text that is too long; when the database fails.
    pub async fn suggest(&self, typed: &str, most: usize) -> Result<Vec<Suggestion>> {
        check_length("prefix", typed)?;
        let (search_index, _) = self.index_state().await?;
        let catalogue = self.content.catalogue_so_far().await?.clone();
        let (typed, day) = (typed.to_owned(), self.clock.now().date_naive());
        let synonyms = self.synonyms.clone();
        blocking(move || {
            with_context(
                &search_index,
                &catalogue,
                &synonyms,
                day,
                |context, catalogue| suggest(&search_index, catalogue, context, &typed, most, day),
            )
        })
        .await
    }

    /// What was searched for at least five times in the last `days` days, the most frequent first;
    /// for admins, and apps with the scope `RECOMMENDATIONS_READ`. What was asked in the last
    /// seconds may not be counted yet.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others, [`Refusal::InvalidInput`] for days out
    /// of range, and when the database fails.
    pub async fn popular(
        &self,
        viewer: &Viewer,
        days: i32,
        most: usize,
    ) -> Result<Vec<PopularQuery>> {
        viewer.admin_or(Scope::RecommendationsRead)?;
        if !(1..=90).contains(&days) {
            let message = format!("`days` must be between 1 and 90, not {days}");
            return Err(Refusal::invalid("days", message).into());
        }
        self.queries.popular(days.into(), most).await
    }

    /// Writes the queries that were counted and not yet written; at the end of the process.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn flush(&self) -> Result<()> {
        self.queries.flush().await
    }

    /// The index of words as far as it is made, and how far that is.
    pub(super) async fn index_state(&self) -> Result<(Arc<SearchIndex>, IndexState)> {
        let catalogue = self.content.catalogue_so_far().await?;
        // Nothing in here waits: a request that is given up leaves nothing half done.
        let first = async || {
            let (store, cache) = (self.store.clone(), self.cache.clone());
            let search_index = SearchIndex::start(store, catalogue.clone(), cache)?;
            self.queries.keep_writing();
            Ok::<_, foundation::Error>(search_index)
        };
        let search_index = self.search_index.get_or_try_init(first).await?;
        let index_state = search_index.catch_up().await;
        Ok((Arc::clone(search_index), index_state))
    }

    /// The results of this request, which are the same as the last ones where nothing has changed of
    /// all that they were made of and nobody's affinity has a say.
    async fn results(
        &self,
        request: &SearchRequest,
        user: Option<Id<id::User>>,
        digest: u64,
        day: NaiveDate,
    ) -> Result<CachedResults> {
        let (search_index, words) = self.index_state().await?;
        let catalogue = self.content.catalogue_so_far().await?;
        let profile = self.profile(user).await?;
        let found = self.embeddings.find().await?;
        let meaning_is_opening = matches!(found, HandleState::Loading);
        let embedding = found.model();
        let versions = Versions {
            words,
            catalogue: catalogue.read().change(),
            meaning: embedding
                .as_ref()
                .map(|embedding| (embedding.model.id, embedding.version())),
            meaning_is_opening,
            day,
        };
        // An affinity moves from request to request, and each such search has its own cursors.
        let personal = profile
            .is_some()
            .then(|| self.personal.fetch_add(1, Ordering::Relaxed));
        let mut hasher = Xxh3::new();
        (digest, &versions, personal, self.salt).hash(&mut hasher);
        let key = hasher.finish();
        if profile.is_none()
            && let Some(cached) = self.cached.get(&key)
        {
            return Ok(cached);
        }
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
        let query_weight = self.query_weight;
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
        self.cached.insert(key, cached.clone());
        Ok(cached)
    }

    /// The slots of the items that `request` finds, the best first, with falling scores in [0, 1],
    /// without anybody's affinity; for lists that are about a query.
    ///
    /// # Errors
    /// Those of [`SearchService::search`].
    pub async fn ranked(&self, request: &SearchRequest, most: usize) -> Result<Vec<(u32, f32)>> {
        request.check()?;
        let day = self.clock.now().date_naive();
        let results = self
            .results(request, None, digest(None, request), day)
            .await?
            .results;
        Ok(results.best(most).collect())
    }

    async fn counted<T: Send + 'static>(
        &self,
        results: &Arc<SearchResults>,
        count: impl FnOnce(&FacetCounting<'_>) -> T + Send + 'static,
    ) -> Result<T> {
        let (catalogue, day) = (
            self.content.catalogue_so_far().await?.clone(),
            self.clock.now().date_naive(),
        );
        let results = Arc::clone(results);
        blocking(move || {
            Ok(count(&FacetCounting {
                results: &results,
                catalogue: &catalogue.read(),
                day,
            }))
        })
        .await
    }
}
