//! Making lists of recommendations, and reading them again.

use std::collections::HashMap;
use std::sync::Arc;

use moka::sync::Cache;
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::model::{Item, List, ListPage, Source};
use super::non_personalised::NonPersonalisedCache;
use super::retrieve::RequestContext;
use super::served_model::ServedModel;
use super::served_ranker::ServedRanker;
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::{self, ContentService, Visibility};
use crate::domain::embeddings::EmbeddingService;
use crate::domain::experiments::{ExperimentService, ExperimentVariant, Variant};
use crate::domain::interactions::InteractionService;
use crate::domain::models::{ModelHandle, ModelKind, ModelService};
use crate::domain::profiles::ProfileService;
use crate::domain::search::SearchService;
use crate::engine::eligibility::Rules;
use crate::engine::request::RecommendationRequest;
use crate::engine::source::Context;
use crate::foundation::page::{Cursor, Direction, Window, bad_cursor};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::cache::{CacheKind, Key, Tag};

/// How many served pages are remembered.
const MAX_IMPRESSION_KEYS: u64 = 100_000;

/// The lists of one schema.
#[derive(Clone)]
pub struct RecommendationService {
    pub(super) store: Store,
    pub(super) ctx: SchemaContext,
    pub(super) interactions: InteractionService,
    experiments: ExperimentService,
    pub(super) content: ContentService,
    pub(super) models: ModelService,
    pub(super) embeddings: EmbeddingService,
    pub(super) profiles: ProfileService,
    pub(super) search: SearchService,
    pub(super) served: Arc<ModelHandle<ServedModel>>,
    pub(super) ranker: Arc<ModelHandle<ServedRanker>>,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    pub(super) non_personalised: Arc<NonPersonalisedCache>,
    /// Pages whose impressions are recorded; recording them again would change nothing.
    recorded_impressions: Cache<ImpressionKey, ()>,
}

/// The services that lists are made from.
#[expect(missing_docs, reason = "each is the service of that name")]
pub struct Dependencies {
    pub content: ContentService,
    pub experiments: ExperimentService,
    pub interactions: InteractionService,
    pub models: ModelService,
    pub embeddings: EmbeddingService,
    pub profiles: ProfileService,
    pub search: SearchService,
}

/// A served page: its list and a digest of its ranks, which have gaps where items became ineligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ImpressionKey(Id<id::List>, u64);

impl ImpressionKey {
    fn of(page: &ListPage) -> Self {
        let ranks = page.items.iter().flat_map(|item| item.rank.to_le_bytes());
        Self(page.list.id, xxh3_64(&ranks.collect::<Vec<u8>>()))
    }
}

impl RecommendationService {
    /// The lists of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, dependencies: Dependencies) -> Self {
        let Dependencies {
            content,
            experiments,
            interactions,
            models,
            embeddings,
            profiles,
            search,
        } = dependencies;
        Self {
            store: Store::new(ctx.db.clone()),
            ctx: ctx.clone(),
            interactions,
            experiments,
            content,
            models,
            embeddings,
            profiles,
            search,
            served: ModelHandle::new(ctx, ModelKind::Collaborative),
            ranker: ModelHandle::new(ctx, ModelKind::Ranker),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            non_personalised: Arc::default(),
            recorded_impressions: Cache::new(MAX_IMPRESSION_KEYS),
        }
    }

    /// Makes the list of `request` for `user` and returns its first page, or a later page of the list that the
    /// cursor of the window belongs to.
    ///
    /// What the user has already taken is left out, except from what a query finds, and so is what may not be shown today:
    /// deleted, not public, out of its rights, out of stock.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for somebody else's list, [`Refusal::InvalidInput`]
    /// for an request that contradicts itself and for a cursor that is not of a list of theirs,
    /// [`Refusal::NotFound`] for an unknown user or an item to be like that is not there.
    pub async fn recommend(
        &self,
        viewer: &Viewer,
        user: Id<id::User>,
        request: &RecommendationRequest,
        window: &Window,
    ) -> Result<ListPage> {
        viewer.may_act_for(user, Scope::RecommendationsRead)?;
        if window.direction == Direction::Backward {
            let message = "a list is read from its head: use `first` and `after`";
            return Err(Refusal::invalid("last", message).into());
        }
        let Some(cursor) = &window.from else {
            request.check()?;
            if let Some(like) = request.seed {
                let catalogue = self.content.catalogue().await?.read();
                // Asked each time: a list that is kept may be like what is gone by now.
                if catalogue
                    .find(like)
                    .is_none_or(|entry| entry.deleted || entry.visibility == Visibility::Private)
                {
                    return Err(content::service::not_found());
                }
            }
            return match self.cached_list(user, request, window.size).await {
                Ok(list) => self.page(list, 0, window.size).await,
                Err(error @ Error::Unavailable(_)) => {
                    self.unstored(user, request, window.size, error).await
                }
                Err(error) => Err(error),
            };
        };
        let (list, rank) = read_cursor(cursor)?;
        let list = self.store.find(list).await?;
        let list = list
            .filter(|list| list.user == user)
            .ok_or_else(|| bad_cursor("this cursor is not of a list of this user"))?;
        self.page(Arc::new(list), rank, window.size).await
    }

    /// One page of a list that was drawn before; `None` if there is none, or not for this viewer.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a cursor of another list.
    pub async fn list(
        &self,
        viewer: &Viewer,
        id: Id<id::List>,
        window: &Window,
    ) -> Result<Option<ListPage>> {
        let list = self.store.find(id).await?;
        let Some(list) = list.filter(|list| may_read(viewer, list)) else {
            return Ok(None);
        };
        let after = match &window.from {
            None => 0,
            Some(cursor) => match read_cursor(cursor)? {
                (list, rank) if list == id => rank,
                _ => return Err(bad_cursor("this cursor belongs to another list")),
            },
        };
        self.page(Arc::new(list), after, window.size)
            .await
            .map(Some)
    }

    /// The first pages, of `size` items, of those of these lists that there are and that the viewer may read.
    /// Records no impressions: who looks at an interaction is told of its list, and was not shown it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::List>],
        size: usize,
    ) -> Result<HashMap<Id<id::List>, ListPage>> {
        let mut pages = HashMap::with_capacity(ids.len());
        for list in self.store.find_many(ids).await? {
            if may_read(viewer, &list) {
                pages.insert(list.id, self.cut(Arc::new(list), 0, size).await?);
            }
        }
        Ok(pages)
    }

    /// Makes and caches the list of `request` for `user` in advance, if it is not cached. Records no impressions.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown user.
    pub(in crate::domain) async fn warm(
        &self,
        user: Id<id::User>,
        request: &RecommendationRequest,
    ) -> Result<()> {
        self.cached_list(user, request, 0).await.map(|_| ())
    }

    /// The cached list of this request, or a new one, whose first `served` items are recorded as impressions
    /// in the same statement.
    async fn cached_list(
        &self,
        user: Id<id::User>,
        request: &RecommendationRequest,
        served: usize,
    ) -> Result<Arc<List>> {
        let experiment = self.experiments.variant_of(user, request.context).await?;
        let variant = experiment.as_ref().and_then(ExperimentVariant::variant);
        let key = self.key(user, request, variant).await?;
        // Boxed: the futures of all sources together are large.
        let make = Box::pin(async {
            let list = self.make(user, request, variant).await?;
            let page = self.cut(Arc::new(list), 0, served).await?;
            if !self.store.insert(&page.list, &page.items).await? {
                return Err(Refusal::NotFound { thing: "user" }.into());
            }
            self.recorded_impressions
                .insert(ImpressionKey::of(&page), ());
            // Nobody else has it yet.
            Ok(Arc::unwrap_or_clone(page.list))
        });
        if request.context == Context::Search {
            // Searches have a cache of their own, which knows of every change.
            return make.await.map(Arc::new);
        }
        let cache = &self.ctx.cache;
        cache
            .get_or_compute_weighed(&key, Some(List::memory), make)
            .await
    }

    /// A list that is served though the database does not take it: a full disk, or a primary that is read-only for a
    /// while, is no reason to show nothing.
    ///
    /// # Errors
    /// `why` where the database does not even answer questions.
    async fn unstored(
        &self,
        user: Id<id::User>,
        request: &RecommendationRequest,
        size: usize,
        why: Error,
    ) -> Result<ListPage> {
        let experiment = self.experiments.variant_of(user, request.context).await?;
        let variant = experiment.as_ref().and_then(ExperimentVariant::variant);
        let made = Box::pin(self.make(user, request, variant)).await;
        let Ok(list) = made else {
            return Err(why);
        };
        tracing::warn!(list = %list.id, "A list is served and not stored");
        let page = self.cut(Arc::new(list), 0, size).await?;
        Ok(ListPage {
            has_next: false,
            stored: false,
            ..page
        })
    }

    /// The cache key of a list. The user is a tag: their next interaction invalidates the list.
    async fn key(
        &self,
        user: Id<id::User>,
        request: &RecommendationRequest,
        variant: Option<&Variant>,
    ) -> Result<Key> {
        let weights = self.interactions.weights().await?;
        let tags = [
            Tag::User(user),
            Tag::Weights,
            Tag::Model(ModelKind::Collaborative.as_str()),
            Tag::Model(ModelKind::Embedding.as_str()),
            Tag::Model(ModelKind::Ranker.as_str()),
        ];
        let variant = variant.map(|variant| variant.id);
        let parts = (user, request, weights.version, variant);
        Ok(Key::new(CacheKind::Lists, &tags, &parts))
    }

    /// Makes a list, with the settings of the variant where there is one.
    async fn make(
        &self,
        user: Id<id::User>,
        request: &RecommendationRequest,
        variant: Option<&Variant>,
    ) -> Result<List> {
        let overrides = variant.map(|variant| variant.overrides).unwrap_or_default();
        let blend = overrides.blend(&self.ctx.settings.blend);
        let request = &RecommendationRequest {
            diversity: match overrides.diversity {
                // What a request asks for itself stands.
                Some(diversity) if request.diversity == 0.0 => diversity,
                _ => request.diversity,
            },
            ..request.clone()
        };
        let (history, non_personalised, model, ranker) = tokio::try_join!(
            self.profiles.history(user),
            Box::pin(self.non_personalised()),
            self.served_model(),
            self.served_ranker(),
        )?;
        let context = RequestContext {
            user,
            request,
            history: &history,
            blend: &blend,
            now: self.clock.now(),
            variant: variant.map(|variant| variant.id),
            model,
            ranker,
            non_personalised,
            batch: true,
        };
        Box::pin(self.rank(&context)).await
    }

    /// The items after rank `after`, recorded as impressions.
    async fn page(&self, list: Arc<List>, after: i32, size: usize) -> Result<ListPage> {
        let mut page = self.cut(list, after, size).await?;
        let key = ImpressionKey::of(&page);
        if !self.recorded_impressions.contains_key(&key) {
            let now = self.clock.now();
            match self.store.serve(&page.list, &page.items, now).await {
                Ok(()) => self.recorded_impressions.insert(key, ()),
                Err(Error::Unavailable(_)) => page.stored = false,
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// The items that the user has excluded by now. All that they did counts: an app may send late what happened
    /// before the list was made.
    async fn excluded(&self, list: &List) -> Result<FxHashSet<Id<id::Content>>> {
        let history = self.profiles.history(list.user).await?;
        Ok(history.excluded(self.clock.now()))
    }

    /// The items after rank `after` that are still eligible. Later pages also leave out what the user has
    /// consumed since the list was made.
    async fn cut(&self, list: Arc<List>, after: i32, size: usize) -> Result<ListPage> {
        let out = match after {
            _ if list.context == Context::Search => FxHashSet::default(),
            0 => FxHashSet::default(),
            _ => self.excluded(&list).await?,
        };
        let day = self.clock.now().date_naive();
        let catalogue = self.content.catalogue().await?.read();
        let wanted = |item: &Item| item.sources.has(Source::Pinned) || !out.contains(&item.content);
        let rules = Rules::on(day).within(&catalogue);
        let rest = list.items.iter().filter(|item| item.rank > after);
        let shown = |item: &&Item| wanted(item) && rules.is_eligible_content(item.content);
        let mut items: Vec<Item> = rest.filter(shown).take(size + 1).cloned().collect();
        drop(rules);
        drop(catalogue);
        let has_next = items.len() > size;
        items.truncate(size);
        Ok(ListPage {
            list,
            items,
            has_next,
            stored: true,
        })
    }
}

/// Lists are for their users, admins, and API keys with the scope `RECOMMENDATIONS_READ`.
pub(super) fn may_read(viewer: &Viewer, list: &List) -> bool {
    let allowed = viewer.may_act_for(list.user, Scope::RecommendationsRead);
    allowed.is_ok()
}

/// The cursor of an item in its list.
pub fn cursor(list: Id<id::List>, rank: i32) -> String {
    let cursor = Cursor {
        order: ORDER.to_owned(),
        value: rank.into(),
        id: list.uuid(),
    };
    cursor.encode()
}

const ORDER: &str = "recommendations";

fn read_cursor(text: &str) -> Result<(Id<id::List>, i32)> {
    let cursor = Cursor::decode(text, ORDER)?;
    let rank = cursor
        .value
        .as_i64()
        .and_then(|rank| i32::try_from(rank).ok())
        .filter(|rank| *rank >= 0)
        .ok_or_else(|| bad_cursor("this is not a cursor of this server"))?;
    Ok((cursor.id.into(), rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_list_and_rank() {
        let list: Id<id::List> = uuid::Uuid::from_u128(5).into();
        assert_eq!(read_cursor(&cursor(list, 7)).unwrap(), (list, 7));
        assert!(read_cursor("nonsense").is_err());
    }
}
