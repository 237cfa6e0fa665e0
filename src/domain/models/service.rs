//! Versions of models: begun and judged by a training, kept, activated, rolled back and discarded.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::model::{Artifact, ModelKind, ModelState, ModelVersion, NewVersion};
use super::promotions::{RecentActiveModels, recent_active};
use super::sources::KnownSources;
use super::store::{Keep, Store, Which};
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Id, Refusal, Result, Rng, id};
use crate::platform::cache::{Cache, Tag};
use crate::platform::config::SchemaName;
use crate::platform::db::audit::AuditEntry;
use crate::platform::events::Events;
use crate::platform::objects::Objects;

/// The models of one schema.
#[derive(Clone)]
pub struct ModelService {
    pub(super) store: Store,
    pub(super) events: Events,
    cache: Cache,
    pub(super) objects: Objects,
    pub(super) schema: SchemaName,
    /// Whether a model is read from the object store or not at all.
    pub(super) strict: bool,
    pub(super) sources: KnownSources,
    keep: Keep,
    pub(super) clock: Clock,
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
            objects: ctx.objects.clone(),
            schema: ctx.db.schema().clone(),
            keep: Keep {
                bandit: ctx.settings.slates.keep_versions,
                others: ctx.settings.training.keep_versions,
            },
            strict: ctx.settings.models.strict,
            sources: KnownSources::default(),
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

    /// A new candidate with the next version number, whose training begins now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(
        &self,
        kind: ModelKind,
        algorithm: &str,
        settings: Value,
    ) -> Result<ModelVersion> {
        self.begin_version(NewVersion {
            kind,
            algorithm: algorithm.to_owned(),
            settings,
            created_at: self.clock.now(),
            trained_with: None,
        })
        .await
    }

    /// The same with all that can be said of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_version(&self, new: NewVersion) -> Result<ModelVersion> {
        let model = ModelVersion {
            id: Id::new(&self.clock, &self.rng),
            kind: new.kind,
            version: String::new(),
            state: ModelState::Candidate,
            algorithm: new.algorithm,
            settings: new.settings,
            metrics: Value::Object(serde_json::Map::new()),
            created_at: new.created_at,
            activated_at: None,
            trained_at: None,
            kept: true,
            trained_with: new.trained_with,
            artifact: None,
        };
        self.store.insert_next(model).await
    }

    /// Writes the file that a version is read from again, into the object store.
    ///
    /// # Errors
    /// When the store or the database fails.
    pub async fn write_artifact(&self, id: Id<id::Model>, bytes: Vec<u8>) -> Result<()> {
        let artifact = Artifact {
            bytes: bytes.len() as u64,
            sha256: Sha256::digest(&bytes).to_vec(),
        };
        let (name, bytes) = (file(id), Bytes::from(bytes));
        self.objects
            .put_artifact(&self.schema, &name, bytes.clone())
            .await?;
        self.objects
            .back_up_artifact(&self.schema, &name, &bytes)
            .await;
        self.store.set_artifact(id, &artifact).await
    }

    /// Ends the training of a version, which can be activated from then on: `metrics` is how it was judged, a
    /// JSON object.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(&self, id: Id<id::Model>, metrics: Value) -> Result<()> {
        let now = self.clock.now();
        self.store.finish(id, metrics, true, now).await
    }

    /// Ends the training of a version that was judged and refused: its entry and its metrics stay, and it
    /// cannot be activated.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refuse(&self, id: Id<id::Model>, metrics: Value) -> Result<()> {
        let now = self.clock.now();
        self.store.finish(id, metrics, false, now).await
    }

    /// Makes a trained version the active one of its kind: readers see the old or the new. Versions of other
    /// kinds that were trained with it become active, too. Of the versions that are not active the last
    /// few are kept; what older ones had learned is removed.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::NotFound`]; [`crate::foundation::Refusal::Conflict`] for one whose training has
    /// not ended or that is not kept; and when the database fails: the active version then stays.
    pub async fn activate(&self, id: Id<id::Model>) -> Result<ModelVersion> {
        self.activated(Which::Version(id), None).await
    }

    /// The same on behalf of an admin.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others, and those of [`ModelService::activate`].
    pub async fn promote(&self, viewer: &Viewer, id: Id<id::Model>) -> Result<ModelVersion> {
        viewer.admin()?;
        let entry = entry(viewer, "model.activate", id.to_string());
        self.activated(Which::Version(id), Some(entry)).await
    }

    /// Makes the version of a kind active that was active before the present one. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others; [`crate::foundation::Refusal::Conflict`] where none is kept.
    pub async fn roll_back(&self, viewer: &Viewer, kind: ModelKind) -> Result<ModelVersion> {
        viewer.admin()?;
        let entry = entry(viewer, "model.roll_back", String::new());
        self.activated(Which::Previous(kind), Some(entry)).await
    }

    /// Removes a version that is not active, with all that it had learned. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others; [`crate::foundation::Refusal::NotFound`];
    /// [`crate::foundation::Refusal::Conflict`] for the active version.
    pub async fn discard(&self, viewer: &Viewer, id: Id<id::Model>) -> Result<ModelVersion> {
        viewer.admin()?;
        let entry = entry(viewer, "model.discard", id.to_string());
        let entry = Some((entry, self.rng.clone()));
        let gone = self.store.discard(id, self.clock.now(), entry).await?;
        let gone = gone.ok_or(Refusal::NotFound { thing: "model" })?;
        self.remove_files(&[id]).await;
        Ok(gone)
    }

    /// Removes all versions of a kind, also the active one, with all that they had learned. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others.
    pub async fn discard_all(&self, viewer: &Viewer, kind: ModelKind) -> Result<()> {
        viewer.admin()?;
        let entry = entry(viewer, "model.discard_all", kind.as_str().to_owned());
        let entry = (entry, self.rng.clone());
        let removed = self
            .store
            .discard_all(kind, self.clock.now(), entry)
            .await?;
        self.cache.invalidate(&[Tag::Model(kind.as_str())]);
        self.remove_files(&removed).await;
        Ok(())
    }

    /// Removes a candidate whose training failed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn abandon(&self, id: Id<id::Model>) -> Result<()> {
        self.store.discard(id, self.clock.now(), None).await?;
        self.remove_files(&[id]).await;
        Ok(())
    }

    async fn activated(&self, which: Which, entry: Option<AuditEntry>) -> Result<ModelVersion> {
        let entry = entry.map(|entry| (entry, self.rng.clone()));
        let now = self.clock.now();
        let done = self.store.activate(which, self.keep, now, entry).await;
        // Of any kind, since a failure does not tell which: it happens a few times a day.
        let kinds = ModelKind::ALL.iter().map(|kind| kind.as_str());
        self.cache
            .invalidate(&Vec::from_iter(kinds.map(Tag::Model)));
        let (version, removed) = done?;
        self.remove_files(&removed).await;
        Ok(version)
    }

    /// Removes files that no version names any more. One that cannot be removed is left behind.
    async fn remove_files(&self, versions: &[Id<id::Model>]) {
        for id in versions {
            let name = file(*id);
            let removed = self.objects.delete_artifact(&self.schema, &name);
            if let Err(error) = removed.await {
                tracing::warn!(%id, ?error, "The file of a model could not be removed");
            }
        }
    }
}

/// The name of the file of a version.
pub(super) fn file(id: Id<id::Model>) -> String {
    id.to_string()
}

fn entry(viewer: &Viewer, action: &'static str, subject: String) -> AuditEntry {
    AuditEntry {
        actor: viewer.name(),
        action,
        subject,
        details: json!({}),
    }
}
