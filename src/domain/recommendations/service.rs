//! Drawing lists, and reading them again.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};

use super::model::{Context, Item, List, ListPage, Source};
use super::store::{BatchItem, Store};
use crate::domain::Ground;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::ContentService;
use crate::domain::interactions::InteractionService;
use crate::foundation::page::{Cursor, Direction, Window, bad_cursor};
use crate::foundation::{Chance, Clock, Id, Refusal, Result, id};

/// After how long the lists that are the same for everybody are read anew.
const COMMON_FOR: TimeDelta = TimeDelta::seconds(60);

/// The lists of one schema.
#[derive(Clone)]
pub struct RecommendationService {
    pub(super) store: Store,
    pub(super) ground: Ground,
    pub(super) interactions: InteractionService,
    pub(super) content: ContentService,
    clock: Clock,
    chance: Chance,
    common: Arc<Kept>,
}

/// What everybody can be offered, best first: popular items, then the newest ones.
struct Common {
    items: Vec<(Id<id::Content>, Source, f32)>,
}

impl RecommendationService {
    /// The lists of the schema that `ground` stands for.
    pub fn new(ground: &Ground, interactions: InteractionService, content: ContentService) -> Self {
        Self {
            store: Store::new(ground.db.clone()),
            ground: ground.clone(),
            interactions,
            content,
            clock: ground.clock.clone(),
            chance: ground.chance.clone(),
            common: Arc::default(),
        }
    }

    /// Draws a list for `user` and gives its first page, or goes on with the list that the
    /// window's cursor belongs to.
    ///
    /// What the user has already taken is left out, and so is what may not be shown today:
    /// deleted, not public, out of its rights, out of stock.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for somebody else's list, [`Refusal::InvalidInput`] for a cursor that
    /// is not of a list of theirs, [`Refusal::NotFound`] for an unknown user.
    pub async fn recommend(
        &self,
        viewer: &Viewer,
        user: Id<id::User>,
        window: &Window,
    ) -> Result<ListPage> {
        viewer.may_act_for(user, Scope::RecommendationsRead)?;
        if window.direction == Direction::Backward {
            let message = "a list is read from its head: use `first` and `after`";
            return Err(Refusal::invalid("last", message).into());
        }
        match &window.from {
            None => self.draw(user, window.size).await,
            Some(cursor) => {
                let (list, rank) = read_cursor(cursor)?;
                let list = self.store.find(list).await?;
                let list = list
                    .filter(|list| list.user == user)
                    .ok_or_else(|| bad_cursor("this cursor is not of a list of this user"))?;
                self.page(list, rank, window.size).await
            }
        }
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
        let theirs = |list: &List| {
            viewer
                .may_act_for(list.user, Scope::RecommendationsRead)
                .is_ok()
        };
        let Some(list) = self.store.find(id).await?.filter(theirs) else {
            return Ok(None);
        };
        let after = match &window.from {
            None => 0,
            Some(cursor) => match read_cursor(cursor)? {
                (list, rank) if list == id => rank,
                _ => return Err(bad_cursor("this cursor belongs to another list")),
            },
        };
        self.page(list, after, window.size).await.map(Some)
    }

    async fn draw(&self, user: Id<id::User>, size: usize) -> Result<ListPage> {
        let now = self.clock.now();
        let (weights, batch, history, common) = tokio::try_join!(
            self.interactions.weights(),
            self.store.batch(user),
            self.store.history(user),
            self.common(),
        )?;
        let taken: rustc_hash::FxHashSet<_> = history
            .into_iter()
            .filter(|past| weights.excludes(past.kind, now - past.at))
            .map(|past| past.content)
            .collect();
        let model = batch.as_ref().map(|batch| batch.model);
        let candidates = blend(batch.map(|batch| batch.items), &common.items);
        let fresh = candidates.filter(|(content, ..)| !taken.contains(content));
        let mut fresh: Vec<_> = fresh.collect();
        let ids: Vec<_> = fresh.iter().map(|(content, ..)| *content).collect();
        let eligible = self.store.eligible(&ids, now.date_naive()).await?;
        fresh.retain(|(content, ..)| eligible.contains(content));
        fresh.truncate(self.ground.settings.recommendations.list_length);
        let items = fresh
            .into_iter()
            .zip(1..)
            .map(|((content, source, score, because), rank)| Item {
                rank,
                content,
                score,
                source,
                because,
            });
        let list = List {
            id: Id::new(&self.clock, &self.chance),
            user,
            context: Context::Feed,
            model,
            weights_version: weights.version,
            created_at: now,
            items: items.collect(),
        };
        let page = cut(list, 0, size, |_| true);
        if !self.store.insert(&page.list, &page.items).await? {
            return Err(Refusal::NotFound { thing: "user" }.into());
        }
        Ok(page)
    }

    /// The items behind rank `after`, without those that may no longer be shown.
    async fn page(&self, list: List, after: i32, size: usize) -> Result<ListPage> {
        let now = self.clock.now();
        let rest = list.items.iter().filter(|item| item.rank > after);
        let ids: Vec<_> = rest.map(|item| item.content).collect();
        let eligible = self.store.eligible(&ids, now.date_naive()).await?;
        let page = cut(list, after, size, |item| eligible.contains(&item.content));
        self.store.serve(page.list.id, &page.items, now).await?;
        Ok(page)
    }

    /// What everybody can be offered. Reading it anew takes a while where there is much: whoever
    /// asks meanwhile gets what there was, and only those who come first have to wait.
    async fn common(&self) -> Result<Arc<Common>> {
        let (kept, now) = (self.common.kept(), self.clock.now());
        if let Some((read_at, common)) = kept {
            if now - read_at > COMMON_FOR
                && let Ok(turn) = Arc::clone(&self.common.reading).try_lock_owned()
            {
                let service = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = service.read_common().await {
                        tracing::warn!(?error, "What is popular could not be read anew");
                    }
                    drop(turn);
                });
            }
            return Ok(common);
        }
        let _turn = self.common.reading.lock().await;
        match self.common.kept() {
            Some((_, common)) => Ok(common),
            None => self.read_common().await,
        }
    }

    async fn read_common(&self) -> Result<Arc<Common>> {
        let weights = self.interactions.weights().await?;
        let most = self.ground.settings.recommendations.list_length;
        let popular = self.store.popular(&weights, most).await?;
        let newest = if popular.len() < most {
            self.store.newest(most).await?
        } else {
            Vec::new()
        };
        let best = popular.first().map_or(1.0, |(_, weight)| *weight);
        let popular = popular
            .into_iter()
            .map(|(content, weight)| (content, Source::Popular, (weight / best) as f32));
        let newest = newest
            .into_iter()
            .map(|content| (content, Source::New, 0.0));
        let common = Arc::new(Common {
            items: popular.chain(newest).collect(),
        });
        self.common
            .keep(Some((self.clock.now(), Arc::clone(&common))));
        Ok(common)
    }

    /// Forgets the lists that are the same for everybody, so that the next request reads them
    /// anew; after an import or a training in this process.
    pub fn forget_common(&self) {
        self.common.keep(None);
    }
}

/// The latest reading of [`Common`], and whose turn it is to read it anew.
#[derive(Default)]
struct Kept {
    latest: RwLock<Option<(DateTime<Utc>, Arc<Common>)>>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Kept {
    fn kept(&self) -> Option<(DateTime<Utc>, Arc<Common>)> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.clone()
    }

    fn keep(&self, common: Option<(DateTime<Utc>, Arc<Common>)>) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = common;
    }
}

/// What the batch model says, then what everybody can be offered; each item once. The scores of
/// the common part are scaled below the last of the batch, so that scores never grow with rank.
fn blend(
    batch: Option<Vec<BatchItem>>,
    common: &[(Id<id::Content>, Source, f32)],
) -> impl Iterator<Item = (Id<id::Content>, Source, f32, Option<Id<id::Content>>)> {
    let mut batch = batch.unwrap_or_default();
    let mut ceiling = 1.0_f32;
    for (_, score, _) in &mut batch {
        // Predictions of 1 for what is taken and 0 for what is not may stray a little beyond.
        ceiling = score.clamp(0.0, ceiling);
        *score = ceiling;
    }
    let mut met = rustc_hash::FxHashSet::default();
    let batch = batch
        .into_iter()
        .map(|(content, score, because)| (content, Source::Collaborative, score, because));
    let common = common
        .iter()
        .map(move |(content, source, score)| (*content, *source, ceiling * score, None));
    batch
        .chain(common)
        .filter(move |(content, ..)| met.insert(*content))
}

fn cut(list: List, after: i32, size: usize, shown: impl Fn(&Item) -> bool) -> ListPage {
    let rest = list.items.iter().filter(|item| item.rank > after);
    let mut items: Vec<Item> = rest
        .filter(|item| shown(item))
        .take(size + 1)
        .cloned()
        .collect();
    let has_next = items.len() > size;
    items.truncate(size);
    ListPage {
        list,
        items,
        has_next,
    }
}

/// The place of an item in its list.
pub fn cursor(list: Id<id::List>, rank: i32) -> String {
    let place = Cursor {
        order: ORDER.to_owned(),
        value: rank.into(),
        id: list.uuid(),
    };
    place.encode()
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

    fn content(number: u128) -> Id<id::Content> {
        uuid::Uuid::from_u128(number).into()
    }

    #[test]
    fn a_blend_has_each_item_once_and_scores_that_never_grow() {
        let batch = vec![(content(1), 1.2, None), (content(2), 0.4, Some(content(9)))];
        let common = [
            (content(2), Source::Popular, 1.0),
            (content(3), Source::Popular, 0.5),
            (content(4), Source::New, 0.0),
        ];
        let blended: Vec<_> = blend(Some(batch), &common).collect();
        let expected = [
            (content(1), Source::Collaborative, 1.0, None),
            (content(2), Source::Collaborative, 0.4, Some(content(9))),
            (content(3), Source::Popular, 0.2, None),
            (content(4), Source::New, 0.0, None),
        ];
        assert_eq!(blended, expected);
    }

    #[test]
    fn a_cursor_names_list_and_rank() {
        let list: Id<id::List> = uuid::Uuid::from_u128(5).into();
        assert_eq!(read_cursor(&cursor(list, 7)).unwrap(), (list, 7));
        assert!(read_cursor("nonsense").is_err());
    }
}
