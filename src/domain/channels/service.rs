//! Channels: reading, listing and changing them.

use std::collections::HashMap;

use super::model::{Channel, Fields, MAX_CHANNELS};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};

/// The channels of one schema. Admins change them; curators may read them as well.
#[derive(Clone)]
pub struct ChannelService {
    store: Store,
    clock: Clock,
    rng: Rng,
}

impl ChannelService {
    /// The channels of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
        }
    }

    /// The channels of these ids; none for whoever may not read them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Channel>],
    ) -> Result<HashMap<Id<id::Channel>, Channel>> {
        if viewer.curator().is_err() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_many(ids).await?;
        Ok(found.into_iter().map(|one| (one.id, one)).collect())
    }

    /// The channel of this key, if there is one.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but curators and admins.
    pub async fn by_key(&self, viewer: &Viewer, key: &str) -> Result<Option<Channel>> {
        viewer.curator()?;
        let found = self.store.by_keys(&[key.to_owned()]).await?;
        Ok(found.into_iter().next())
    }

    /// The channels of these keys.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but curators and admins;
    /// [`Refusal::InvalidInput`] at `channels` for a key that no channel has.
    pub async fn by_keys(&self, viewer: &Viewer, keys: &[String]) -> Result<Vec<Channel>> {
        viewer.curator()?;
        let found = self.store.by_keys(keys).await?;
        let missing = keys
            .iter()
            .find(|key| !found.iter().any(|channel| channel.fields.key == **key));
        if let Some(missing) = missing {
            let shown: String = missing.chars().take(60).collect();
            let message =
                format!("there is no channel with the key `{shown}`; `channels` lists all");
            return Err(Refusal::invalid("channels", message).into());
        }
        Ok(found)
    }

    /// One page of the channels, by key. `own` lists only ours, or only those of competitors.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but curators and admins;
    /// [`Refusal::InvalidInput`] for a cursor of another list.
    pub async fn list(
        &self,
        viewer: &Viewer,
        own: Option<bool>,
        window: &Window,
    ) -> Result<Page<Channel>> {
        viewer.curator()?;
        let rows = self.store.list(own, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many channels [`ChannelService::list`] lists in all.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but curators and admins.
    pub async fn count(&self, viewer: &Viewer, own: Option<bool>) -> Result<u64> {
        viewer.curator()?;
        self.store.count(own).await
    }

    /// All channels, for imports; the oldest first.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins.
    pub async fn all(&self, viewer: &Viewer) -> Result<Vec<Channel>> {
        viewer.admin()?;
        self.store.all().await
    }

    /// Creates a channel.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins; [`Refusal::InvalidInput`] for
    /// what cannot be stored; [`Refusal::Conflict`] for a key or an id in guides that another channel has, and
    /// for more than [`MAX_CHANNELS`].
    pub async fn create(&self, viewer: &Viewer, mut fields: Fields) -> Result<Channel> {
        viewer.admin()?;
        fields.tidy();
        fields.check()?;
        if self.store.count(None).await? >= MAX_CHANNELS as u64 {
            let message = format!("there are {MAX_CHANNELS} channels already; delete one first");
            return Err(Refusal::Conflict { message }.into());
        }
        let now = self.clock.now();
        let channel = Channel {
            id: Id::new(&self.clock, &self.rng),
            fields,
            created_at: now,
            updated_at: now,
        };
        self.store.insert(channel.clone()).await?;
        Ok(channel)
    }

    /// Changes a channel: `change` edits the present fields.
    ///
    /// # Errors
    /// Those of [`ChannelService::create`], and [`Refusal::NotFound`] for a channel that is not there.
    pub async fn update(
        &self,
        viewer: &Viewer,
        id: Id<id::Channel>,
        change: impl FnOnce(&mut Fields) + Send + 'static,
    ) -> Result<Channel> {
        viewer.admin()?;
        self.store
            .update(id, self.clock.now(), move |fields| {
                change(fields);
                fields.tidy();
                fields.check()
            })
            .await
    }

    /// Deletes a channel with all its airings.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins; [`Refusal::NotFound`] for a
    /// channel that is not there.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Channel>) -> Result<()> {
        viewer.admin()?;
        if self.store.delete(id).await? {
            return Ok(());
        }
        Err(not_found())
    }
}

/// What is said of a channel that is not there.
pub(super) fn not_found() -> Error {
    Refusal::NotFound { thing: "channel" }.into()
}
