//! Versions of models: begun by a training, activated whole.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::model::{ModelKind, ModelState, ModelVersion};
use super::promotions::{RecentActiveModels, recent_active};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Id, Result, Rng, id};
use crate::platform::cache::{Cache, Tag};
use crate::platform::events::Events;

/// The models of one schema.
#[derive(Clone)]
pub struct ModelService {
    pub(super) store: Store,
    pub(super) events: Events,
    cache: Cache,
    clock: Clock,
    rng: Rng,
    pub(super) recent_active: RecentActiveModels,
}

impl ModelService {
    /// The models of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            events: ctx.events.clone(),
            cache: ctx.cache.clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            recent_active: recent_active(),
        }
    }

    /// The models of these ids. What they were trained with and what was measured is for admins;
    /// for others it is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Model>],
    ) -> Result<HashMap<Id<id::Model>, ModelVersion>> {
        let mut found = self.store.find_many(ids).await?;
        if !viewer.is_admin() {
            for model in &mut found {
                (model.settings, model.metrics) = (Value::Null, Value::Null);
            }
        }
        Ok(found.into_iter().map(|model| (model.id, model)).collect())
    }

    /// One page of the models, of one kind or all, the newest first. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others,
    /// [`crate::foundation::Refusal::InvalidInput`] for a cursor that is not one of this list.
    pub async fn list(
        &self,
        viewer: &Viewer,
        kind: Option<ModelKind>,
        window: &Window,
    ) -> Result<Page<ModelVersion>> {
        viewer.admin()?;
        Ok(Page::cut(window, self.store.list(kind, window).await?))
    }

    /// How many models there are, of one kind or in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, kind: Option<ModelKind>) -> Result<u64> {
        self.store.count(kind).await
    }

    /// The model of this kind that is served, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn active(&self, kind: ModelKind) -> Result<Option<ModelVersion>> {
        self.store.active(kind).await
    }

    /// A new candidate with the next version number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(
        &self,
        kind: ModelKind,
        algorithm: &str,
        settings: Value,
    ) -> Result<ModelVersion> {
        let now = self.clock.now();
        self.begin_at(kind, algorithm, settings, now).await
    }

    /// The same for a training that began at `now`, before there was a candidate.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_at(
        &self,
        kind: ModelKind,
        algorithm: &str,
        settings: Value,
        now: DateTime<Utc>,
    ) -> Result<ModelVersion> {
        let model = ModelVersion {
            id: Id::new(&self.clock, &self.rng),
            kind,
            version: String::new(),
            state: ModelState::Candidate,
            algorithm: algorithm.to_owned(),
            settings,
            metrics: Value::Object(serde_json::Map::new()),
            created_at: now,
            activated_at: None,
        };
        self.store.insert_next(model).await
    }

    /// Takes a candidate into service in place of the active one of its kind: readers see the
    /// old or the new. What an older one than that had computed is removed; its entry stays.
    ///
    /// # Errors
    /// When the database fails; the active model then stays.
    pub async fn activate(&self, id: Id<id::Model>, metrics: Value) -> Result<()> {
        let done = self.store.activate(id, metrics, self.clock.now()).await;
        // Of any kind, since a failure does not tell which: it happens a few times a day.
        let kinds = ModelKind::ALL.iter().map(|kind| kind.as_str());
        self.cache
            .invalidate(&Vec::from_iter(kinds.map(Tag::Model)));
        done
    }

    /// Keeps what a model is read from again, until the model is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_artifact(&self, id: Id<id::Model>, bytes: Vec<u8>) -> Result<()> {
        self.store.keep_artifact(id, bytes, self.clock.now()).await
    }

    /// What a model is read from again, if anything was kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn artifact(&self, id: Id<id::Model>) -> Result<Option<Vec<u8>>> {
        self.store.artifact(id).await
    }

    /// Removes a candidate that will not be served, with all that it had computed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discard(&self, id: Id<id::Model>) -> Result<()> {
        self.store.discard(id).await
    }
}
