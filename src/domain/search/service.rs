//! Searching on behalf of a viewer.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::NaiveDate;
use moka::sync::Cache;
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::draw::{Draw, Ingredients};
use super::facets::{Counting, PriceRange, SearchFacet};
use super::follow::{Followed, Following, IndexProgress, blocking};
use super::lexical::WordHit;
use super::model::{Hit, PopularQuery, Request, SearchPage, Suggestion, check_length};
use super::popular::Queries;
use super::store::Store;
use super::suggest::suggest;
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::facets::FacetCount;
use crate::domain::content::{ContentKind, ContentService};
use crate::domain::embeddings::EmbeddingService;
use crate::domain::models::handle::HandleState;
use crate::domain::profiles::ProfileService;
use crate::foundation::page::{Cursor, Direction, Window, bad_cursor};
use crate::foundation::{Clock, Id, Refusal, Result, id};
use crate::platform::cache::Cache as SchemaCache;

/// The taste of so many of the best by words is looked at.
const TASTED: usize = 500;
/// A draw is kept for so long after it was last read, and no longer in all.
const KEPT_FOR: Duration = Duration::from_secs(10 * 60);
const KEPT_AT_MOST: Duration = Duration::from_secs(60 * 60);
/// All draws that are kept take at most so many bytes.
const KEPT_BYTES: u64 = 64 << 20;

/// The search of one schema.
#[derive(Clone)]
pub struct SearchService {
    store: Store,
    pub(super) content: ContentService,
    pub(super) clock: Clock,
    queries: Queries,
    cache: SchemaCache,
    following: Arc<OnceCell<Arc<Following>>>,
    draws: Cache<u64, Kept>,
    /// Tells the draws of this process from those of others.
    salt: u64,
    /// How much the query counts beside the viewer's taste.
    query_weight: f32,
    /// How many draws with somebody's taste there were.
    personal: Arc<AtomicU64>,
    pub(super) embeddings: EmbeddingService,
    pub(super) profiles: ProfileService,
}

/// A draw, and whether it was made of all there was to find.
#[derive(Clone)]
struct Kept {
    draw: Arc<Draw>,
    complete: bool,
}

/// All that a draw is made of, beside the request and somebody's taste: each was read before the
/// draw was begun.
#[derive(Hash)]
struct Versions {
    words: Followed,
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

/// The place that a cursor names.
struct Place {
    draw: u64,
    rank: usize,
    last: Id<id::Content>,
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
        let draws = Cache::builder()
            .max_capacity(KEPT_BYTES)
            .time_to_idle(KEPT_FOR)
            .time_to_live(KEPT_AT_MOST)
            .weigher(|_, kept: &Kept| u32::try_from(kept.draw.weight()).unwrap_or(u32::MAX))
            .build();
        Self {
            queries: Queries::new(store.clone(), ctx.clock.clone()),
            store,
            content,
            clock: ctx.clock.clone(),
            cache: ctx.cache.clone(),
            following: Arc::default(),
            draws,
            salt: ctx.rng.seed(),
            query_weight: ctx.settings.blend.query,
            personal: Arc::default(),
            embeddings,
            profiles,
        }
    }

    /// Begins to make the index of words if there is none yet, in a task of its own. A server that
    /// calls this at its start spares the first requests the wait.
    ///
    /// # Errors
    /// When the catalogue cannot be read, or the index cannot be begun; the next call tries again.
    pub async fn ready(&self) -> Result<()> {
        self.followed().await.map(|_| ())
    }

    /// How far the index of words is; `None` before anybody asked for it.
    pub fn progress(&self) -> Option<IndexProgress> {
        self.following.get().map(|following| following.progress())
    }

    /// One page of what is found for `request`. Only what may be offered to everybody today is
    /// found: public, not deleted, within its rights, not sold out. The window's cursor goes on
    /// with the draw that it is of, whatever was written since. A draw is kept for ten minutes; a
    /// cursor of one that is gone goes on behind the same item of a fresh draw.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a query that is too long, a filter too large, or a cursor of
    /// another search; when the database fails.
    pub async fn search(
        &self,
        viewer: &Viewer,
        request: &Request,
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
        let place = from.map(|text| read_cursor(text, digest)).transpose()?;
        let kept = place.as_ref().and_then(|place| self.draws.get(&place.draw));
        let (catalogue, day) = (
            self.content.catalogue_so_far().await?,
            self.clock.now().date_naive(),
        );
        let (kept, after) = match (kept, place) {
            (Some(kept), Some(place)) => (kept, place.rank),
            (_, place) => {
                let kept = self.draw(request, user, digest, day).await?;
                let after = place.map_or(0, |place| {
                    let slot = catalogue.read().slot(place.last);
                    let known = slot.and_then(|slot| kept.draw.place_of(slot));
                    known.unwrap_or(place.rank)
                });
                (kept, after)
            }
        };
        let Kept { draw, complete } = kept;
        if window.from.is_none() {
            self.queries.note(&request.query);
        }
        let page = draw.page(&catalogue.read(), window, after, day);
        Ok(SearchPage {
            digest,
            draw,
            complete,
            hits: page.rows,
            has_previous: page.has_previous,
            has_next: page.has_next,
        })
    }

    /// Draws what `request` finds ahead of whoever asks it next without a taste. It does not count as
    /// asked.
    ///
    /// # Errors
    /// Those of [`SearchService::search`].
    pub async fn warm(&self, request: &Request) -> Result<()> {
        request.check()?;
        let day = self.clock.now().date_naive();
        let drawn = self.draw(request, None, digest(None, request), day);
        drawn.await.map(|_| ())
    }

    /// How many of all found items have each value of `facet`: the `most` frequent ones, the most
    /// frequent first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn facet(
        &self,
        draw: &Arc<Draw>,
        facet: SearchFacet,
        most: usize,
    ) -> Result<Vec<FacetCount>> {
        self.counted(draw, move |counting| counting.texts(facet, most))
            .await
    }

    /// How many of all found items are of each kind, the most frequent first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kinds(&self, draw: &Arc<Draw>) -> Result<Vec<FacetCount<ContentKind>>> {
        self.counted(draw, |counting| counting.kinds()).await
    }

    /// How many of all found items are of each decade, the first decade first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decades(&self, draw: &Arc<Draw>) -> Result<Vec<FacetCount<i32>>> {
        self.counted(draw, |counting| counting.decades()).await
    }

    /// How many of all found items have a price in each range.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prices(&self, draw: &Arc<Draw>) -> Result<Vec<PriceRange>> {
        self.counted(draw, |counting| counting.prices()).await
    }

    /// What may be typed next, at most so many; nothing where nothing was typed.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a text that is too long; when the database fails.
    pub async fn suggest(&self, typed: &str, most: usize) -> Result<Vec<Suggestion>> {
        check_length("prefix", typed)?;
        let (following, _) = self.followed().await?;
        let catalogue = self.content.catalogue_so_far().await?.clone();
        let (typed, day) = (typed.to_owned(), self.clock.now().date_naive());
        blocking(move || suggest(&following, &catalogue, &typed, most, day)).await
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
    pub(super) async fn followed(&self) -> Result<(Arc<Following>, Followed)> {
        let catalogue = self.content.catalogue_so_far().await?;
        // Nothing in here waits: a request that is given up leaves nothing half done.
        let first = async || {
            let (store, cache) = (self.store.clone(), self.cache.clone());
            let following = Following::begin(store, catalogue.clone(), cache)?;
            self.queries.keep_writing();
            Ok::<_, crate::foundation::Error>(following)
        };
        let following = self.following.get_or_try_init(first).await?;
        let followed = following.follow().await;
        Ok((Arc::clone(following), followed))
    }

    /// A draw for this request, which is the same as the last one where nothing has changed of all
    /// that it was made of and nobody's taste has a say.
    async fn draw(
        &self,
        request: &Request,
        user: Option<Id<id::User>>,
        digest: u64,
        day: NaiveDate,
    ) -> Result<Kept> {
        let (following, words) = self.followed().await?;
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
        // A taste moves from request to request, and each such draw has its own cursors.
        let personal = profile
            .is_some()
            .then(|| self.personal.fetch_add(1, Ordering::Relaxed));
        let mut hasher = Xxh3::new();
        (digest, &versions, personal, self.salt).hash(&mut hasher);
        let key = hasher.finish();
        if profile.is_none()
            && let Some(kept) = self.draws.get(&key)
        {
            return Ok(kept);
        }
        let mut found = self.by_words(&following, request).await?;
        let meant = self
            .by_meaning(
                catalogue,
                embedding.as_deref(),
                request,
                found.as_ref(),
                day,
            )
            .await?;
        let taste = match &profile {
            Some(profile) => {
                let hits = found.as_mut().map_or(&mut [][..], |found| &mut found.hits);
                if hits.len() > TASTED {
                    let order = |a: &WordHit, b: &WordHit| {
                        b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot))
                    };
                    hits.select_nth_unstable_by(TASTED, order);
                }
                let by_words = hits.iter().map(|hit| hit.slot).take(TASTED);
                let slots = by_words.chain(meant.iter().map(|(slot, _)| *slot));
                Some(self.taste(catalogue, profile, slots.collect()).await?)
            }
            None => None,
        };
        let query_weight = self.query_weight;
        let (catalogue, request) = (catalogue.clone(), request.clone());
        let draw = blocking(move || {
            let from = Ingredients {
                request: &request,
                found,
                meant,
                taste,
                query_weight,
                day,
            };
            Ok(Arc::new(Draw::new(key, &catalogue.read(), from)))
        });
        let kept = Kept {
            draw: draw.await?,
            complete: versions.complete(),
        };
        self.draws.insert(key, kept.clone());
        Ok(kept)
    }

    /// The slots of the items that `request` finds, the best first, with falling scores in [0, 1],
    /// without anybody's taste; for lists that are about a query.
    ///
    /// # Errors
    /// Those of [`SearchService::search`].
    pub async fn ranked(&self, request: &Request, most: usize) -> Result<Vec<(u32, f32)>> {
        request.check()?;
        let day = self.clock.now().date_naive();
        let digest = xxh3_64(format!("{:?} {request:?}", None::<Id<id::User>>).as_bytes());
        let draw = self.draw(request, None, digest, day).await?.draw;
        Ok(draw.best(most).collect())
    }

    async fn counted<T: Send + 'static>(
        &self,
        draw: &Arc<Draw>,
        count: impl FnOnce(&Counting<'_>) -> T + Send + 'static,
    ) -> Result<T> {
        let (catalogue, day) = (
            self.content.catalogue_so_far().await?.clone(),
            self.clock.now().date_naive(),
        );
        let draw = Arc::clone(draw);
        blocking(move || {
            Ok(count(&Counting {
                draw: &draw,
                catalogue: &catalogue.read(),
                day,
            }))
        })
        .await
    }
}

impl SearchPage {
    /// The place of a hit, for the next page.
    pub fn cursor(&self, hit: &Hit) -> String {
        let place = Cursor {
            order: order(self.digest),
            value: serde_json::json!([format!("{:x}", self.draw.key), hit.rank]),
            id: hit.content.uuid(),
        };
        place.encode()
    }
}

/// The cursors of one query, filter and viewer have this order, so that another's are refused.
fn order(digest: u64) -> String {
    format!("search {digest:x}")
}

/// Tells requests apart whose cursors must not be mixed up.
fn digest(user: Option<Id<id::User>>, request: &Request) -> u64 {
    xxh3_64(format!("{user:?} {request:?}").as_bytes())
}

fn read_cursor(text: &str, digest: u64) -> Result<Place> {
    let cursor = Cursor::decode(text, &order(digest))?;
    let (draw, rank): (String, usize) = serde_json::from_value(cursor.value)
        .map_err(|_| bad_cursor("this is not a cursor of this server"))?;
    let draw = u64::from_str_radix(&draw, 16);
    Ok(Place {
        draw: draw.map_err(|_| bad_cursor("this is not a cursor of this server"))?,
        rank,
        last: cursor.id.into(),
    })
}
