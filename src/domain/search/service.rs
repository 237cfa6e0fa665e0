//! Searching on behalf of a viewer.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::cached::{CachedResults, ResultCache, Taste};
use super::cursor::{digest, read_cursor};
use super::facets::{FacetCounting, PriceRange, SearchFacet};
use super::index::{IndexState, IndexStatus, SearchIndex, blocking};
use super::model::{PopularQuery, SearchPage, SearchRequest, Suggestion, check_length};
use super::popular::QueryCounter;
use super::query::Synonyms;
use super::results::SearchResults;
use super::retrieve::with_context;
use super::store::Store;
use super::suggest::suggest;
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::facets::FacetCount;
use crate::domain::content::{ContentKind, ContentService};
use crate::domain::embeddings::EmbeddingService;
use crate::domain::profiles::ProfileService;
use crate::foundation::page::{Direction, Window};
use crate::foundation::{Clock, Refusal, Result};
use crate::platform::cache::Cache as SchemaCache;

/// The search of one schema.
#[derive(Clone)]
pub struct SearchService {
    store: Store,
    pub(super) content: ContentService,
    pub(super) clock: Clock,
    queries: QueryCounter,
    cache: SchemaCache,
    search_index: Arc<OnceCell<Arc<SearchIndex>>>,
    pub(super) cached: ResultCache,
    /// How much the query counts beside the viewer's affinity.
    query_weight: f32,
    /// Other words for the same.
    pub(super) synonyms: Synonyms,
    pub(super) embeddings: EmbeddingService,
    pub(super) profiles: ProfileService,
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
        Self {
            queries: QueryCounter::new(store.clone(), ctx.clock.clone()),
            store,
            content,
            clock: ctx.clock.clone(),
            cached: ResultCache::new(&ctx.cache, ctx.rng.seed()),
            cache: ctx.cache.clone(),
            search_index: Arc::default(),
            query_weight: ctx.settings.blend.query,
            synonyms: Synonyms::with(&ctx.settings.search.synonyms),
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
            .and_then(|index| self.cached.at(index.results));
        let (catalogue, day) = (
            self.content.catalogue_so_far().await?,
            self.clock.now().date_naive(),
        );
        let (cached, after) = match (cached, index) {
            (Some(cached), Some(index)) => (cached, index.rank),
            (_, index) => {
                let history = match user {
                    Some(user) => Some(self.profiles.history(user).await?),
                    None => None,
                };
                let taste = history.as_ref().map(|history| Taste {
                    history,
                    now: self.clock.now(),
                    query_weight: self.query_weight,
                });
                let cached = self.results(request, taste, day).await?;
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
        self.results(request, None, day).await.map(|_| ())
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
