//! Reading what users did, and the table of what it says.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use parking_lot::RwLock;

use super::model::{Counting, Interaction, InteractionCount, InteractionFilter, MAX_DAYS, Ratings};
use super::recorded_feed::RecordedFeeds;
use super::store::Store;
use super::weights::{WeightChange, WeightTable, no_such_version};
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::ContentService;
use crate::domain::users::UsersService;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::cache::{Cache, Tag};
use crate::platform::events::Events;

/// After how long the table of weights is read again: another server may have changed it.
const WEIGHTS_LIVE: TimeDelta = TimeDelta::seconds(5);

/// The table of weights, and when it was read.
type ReadWeights = (DateTime<Utc>, Arc<WeightTable>);

/// The interactions of one schema.
#[derive(Clone)]
pub struct InteractionService {
    pub(super) store: Store,
    pub(super) events: Events,
    pub(super) content: ContentService,
    pub(super) users: UsersService,
    pub(super) cache: Cache,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    weights: Arc<RwLock<Option<ReadWeights>>>,
    pub(super) feeds: RecordedFeeds,
}

impl InteractionService {
    /// The interactions of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, content: ContentService, users: UsersService) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            events: ctx.events.clone(),
            content,
            users,
            cache: ctx.cache.clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            weights: Arc::default(),
            feeds: RecordedFeeds::default(),
        }
    }

    /// The present moment of this server, which ranges of time end at unless asked otherwise.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The users who did at least `least` things since `since`, the most active first, at most
    /// `most` of them; for admins. What is worked out ahead is worked out for them first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others, and when the database fails.
    pub async fn active_users(
        &self,
        viewer: &Viewer,
        since: DateTime<Utc>,
        least: i64,
        most: usize,
    ) -> Result<Vec<Id<id::User>>> {
        viewer.admin()?;
        self.store.active_users(since, least, most).await
    }

    /// One page of what `user` did, the newest first; the viewer's own where no user is named.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for somebody else's,
    /// [`Refusal::InvalidInput`] for a cursor of another list or a filter too large.
    pub async fn history(
        &self,
        viewer: &Viewer,
        user: Option<Id<id::User>>,
        filter: &InteractionFilter,
        window: &Window,
    ) -> Result<Page<Interaction>> {
        let user = readable(viewer, user)?;
        filter.check()?;
        let rows = self.store.history(user, filter, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many interactions [`InteractionService::history`] would list in all.
    ///
    /// # Errors
    /// The same.
    pub async fn count_history(
        &self,
        viewer: &Viewer,
        user: Option<Id<id::User>>,
        filter: &InteractionFilter,
    ) -> Result<u64> {
        let user = readable(viewer, user)?;
        filter.check()?;
        self.store.count_history(user, filter).await
    }

    /// The interactions of these ids that the viewer may read: their own, and others' for admins
    /// and apps that read users.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Interaction>],
    ) -> Result<HashMap<Id<id::Interaction>, Interaction>> {
        let found = self.store.find_many(ids).await?;
        Ok(found
            .into_iter()
            .filter(|interaction| readable(viewer, Some(interaction.user)).is_ok())
            .map(|interaction| (interaction.id, interaction))
            .collect())
    }

    /// Takes an interaction back, for the user who did it, admins, and apps that record; answers whose it was.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::NotFound`] for what is not there or
    /// somebody else's.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Interaction>) -> Result<Id<id::User>> {
        let owner = match viewer.admin_or(Scope::InteractionsWrite) {
            Ok(()) => None,
            Err(error) => Some(viewer.user().ok_or(error)?),
        };
        match self.store.delete(id, owner).await? {
            Some(user) => {
                self.cache.invalidate(&[Tag::User(user)]);
                Ok(user)
            }
            None => {
                let thing = "interaction";
                Err(Refusal::NotFound { thing }.into())
            }
        }
    }

    /// How many interactions there are by kind, by day, by both, or in all. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others, [`Refusal::InvalidInput`] for a range that is empty or
    /// longer than [`MAX_DAYS`].
    pub async fn counts(&self, viewer: &Viewer, what: &Counting) -> Result<Vec<InteractionCount>> {
        viewer.admin()?;
        let span = what.until.signed_duration_since(what.from);
        if span <= TimeDelta::zero() || span > TimeDelta::days(MAX_DAYS) {
            let message = format!("a range ends after it begins and spans at most {MAX_DAYS} days");
            return Err(Refusal::invalid("until", message).into());
        }
        self.store.counts(what).await
    }

    /// How often users did something to each of these items.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts_of(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, i64>> {
        self.store.counts_of(items).await
    }

    /// The stars that users gave these items; nothing for those without.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ratings_of(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Ratings>> {
        self.store.ratings_of(items).await
    }

    /// The ratings of the films of these people that the viewer may list, the latest of each user and
    /// film; no entry for people without rated films.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn film_ratings(
        &self,
        viewer: &Viewer,
        people: &[Id<id::Person>],
    ) -> Result<HashMap<Id<id::Person>, Ratings>> {
        let films = self.content.films_of(viewer, people).await?;
        self.store.film_ratings(&films).await
    }

    /// The table of weights in force. A change on this server shows at once, one on another within
    /// five seconds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn weights(&self) -> Result<Arc<WeightTable>> {
        let now = self.clock.now();
        if let Some((read_at, table)) = &*self.weights.read()
            && now.signed_duration_since(*read_at) < WEIGHTS_LIVE
        {
            return Ok(Arc::clone(table));
        }
        let table = self.store.weights(None).await?;
        Ok(self.keep(Arc::new(table.ok_or_else(no_such_version)?)))
    }

    /// The table of weights as a signed-in viewer reads it: the one in force, or an older version.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody.
    pub async fn weights_for(
        &self,
        viewer: &Viewer,
        version: Option<i32>,
    ) -> Result<Option<Arc<WeightTable>>> {
        if *viewer == Viewer::Nobody {
            return Err(Error::signed_out());
        }
        match version {
            None => Ok(Some(self.weights().await?)),
            Some(_) => Ok(self.store.weights(version).await?.map(Arc::new)),
        }
    }

    /// Writes a new version of the table, with `changes` to the one in force. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others, [`Refusal::Conflict`] if the version in force is not
    /// `expected`, [`Refusal::InvalidInput`] for a value out of range.
    pub async fn update_weights(
        &self,
        viewer: &Viewer,
        expected: Option<i32>,
        changes: Vec<WeightChange>,
    ) -> Result<Arc<WeightTable>> {
        viewer.admin()?;
        let table = self
            .store
            .next_weights(self.clock.now().trunc_subsecs(6), move |present| {
                if expected.is_some_and(|expected| expected != present.version) {
                    let message = format!(
                        "version {} is in force by now; read it, then change it",
                        present.version
                    );
                    return Err(Refusal::Conflict { message });
                }
                present.changed(&changes)
            })
            .await?;
        self.cache.invalidate(&[Tag::Weights]);
        tracing::info!(version = table.version, "The interaction weights changed");
        // The answer is the version that this change made, though a newer one be in force by now.
        let made = Arc::new(table);
        self.keep(Arc::clone(&made));
        Ok(made)
    }

    /// Keeps the newer of what is kept and `table`: a slow reader must not bring an old one back.
    fn keep(&self, table: Arc<WeightTable>) -> Arc<WeightTable> {
        let mut kept = self.weights.write();
        let newest = match kept.take() {
            Some((_, newer)) if newer.version > table.version => newer,
            _ => table,
        };
        *kept = Some((self.clock.now(), Arc::clone(&newest)));
        newest
    }
}

/// The user whose history is asked for, if the viewer may read it.
fn readable(viewer: &Viewer, user: Option<Id<id::User>>) -> Result<Id<id::User>> {
    let user = match user {
        Some(user) => user,
        None => viewer.signed_in()?,
    };
    viewer.may_act_for(user, Scope::UsersRead)?;
    Ok(user)
}
