//! Where models were read from: the object store, a copy on this machine, or nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::model::{Artifact, ModelKind, ModelState, ModelVersion};
use super::service::{ModelService, file};
use crate::domain::auth::Viewer;
use crate::foundation::{Id, Result, id, text_enum};

text_enum! {
    /// Where a model was read from.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ModelOrigin {
        /// The object store, as the model was written.
        ObjectStore = "OBJECT_STORE",
        /// A copy on this server, since the object store did not have the file as it was written.
        Backup = "BACKUP",
        /// The database, where the state of the model is.
        Database = "DATABASE",
        /// Nowhere: it could not be read. What served before, if anything, still serves.
        None = "NONE",
    }
}

/// Where this process read the model of a kind from, the last time.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSource {
    /// The kind of model.
    pub kind: ModelKind,
    /// The version that was to be read.
    pub model: Id<id::Model>,
    /// Where it was read from.
    pub origin: ModelOrigin,
    /// What was wrong with the sources that come before; `None` if nothing was.
    pub problem: Option<String>,
    /// When that was.
    pub read_at: DateTime<Utc>,
}

/// The sources of this process, by kind.
pub(super) type KnownSources = Arc<Mutex<BTreeMap<&'static str, ModelSource>>>;

impl ModelService {
    /// Where this process read the models of each kind from, the last time. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others.
    pub fn sources(&self, viewer: &Viewer) -> Result<Vec<ModelSource>> {
        viewer.admin()?;
        Ok(self.sources.lock().values().cloned().collect())
    }

    /// Remembers where the model of a kind was read from.
    pub fn note_source(
        &self,
        kind: ModelKind,
        model: Id<id::Model>,
        origin: ModelOrigin,
        problem: Option<String>,
    ) {
        let source = ModelSource {
            kind,
            model,
            origin,
            problem,
            read_at: self.clock.now(),
        };
        self.sources.lock().insert(kind.as_str(), source);
    }

    /// Remembers that the model of a kind cannot be loaded, although its file was read as it was written.
    pub fn note_failure(&self, kind: ModelKind, problem: String) {
        let read_at = self.clock.now();
        if let Some(source) = self.sources.lock().get_mut(kind.as_str())
            && source.origin != ModelOrigin::None
        {
            (source.origin, source.problem) = (ModelOrigin::None, Some(problem));
            source.read_at = read_at;
        }
    }

    /// Remembers where the file of a version was read from, if it is the one that serves: a candidate that is only
    /// looked at says nothing of that.
    fn note_read(&self, version: &ModelVersion, origin: ModelOrigin, problem: Option<String>) {
        if version.state == ModelState::Active {
            self.note_source(version.kind, version.id, origin, problem);
        }
    }

    /// The bytes of the file of a version; `None` if it has none. Where the object store has not what was written,
    /// the copy on this machine is read, unless the setting `models.strict` says otherwise.
    ///
    /// # Errors
    /// When neither has the file as it was written, and when the store or the database fails.
    pub async fn artifact(&self, id: Id<id::Model>) -> Result<Option<Bytes>> {
        let version = self.store.find(id).await?;
        let Some((version, artifact)) = version.and_then(|mut version| {
            let artifact = version.artifact.take()?;
            Some((version, artifact))
        }) else {
            return Ok(None);
        };
        let problem = match self.object_store_bytes(&version, &artifact).await? {
            Ok(bytes) => {
                self.note_read(&version, ModelOrigin::ObjectStore, None);
                return Ok(Some(bytes));
            }
            Err(problem) => problem,
        };
        if !self.strict
            && let Some(bytes) = self.objects.artifact_backup(&self.schema, &file(id)).await
            && is_intact(&bytes, &artifact).await?
        {
            tracing::warn!(problem, "A model is read from its backup");
            self.note_read(&version, ModelOrigin::Backup, Some(problem));
            return Ok(Some(bytes));
        }
        self.note_read(&version, ModelOrigin::None, Some(problem.clone()));
        Err(anyhow::anyhow!(problem).into())
    }

    /// The file of a version as the object store has it, or what is wrong with it.
    async fn object_store_bytes(
        &self,
        version: &ModelVersion,
        artifact: &Artifact,
    ) -> Result<Result<Bytes, String>> {
        let (name, id) = (&version.version, version.id);
        let bytes = match self.objects.artifact(&self.schema, &file(id)).await {
            Ok(bytes) => bytes,
            Err(error) if self.strict => return Err(error),
            Err(error) => {
                return Ok(Err(format!(
                    "the model {name} ({id}) cannot be read: {error}"
                )));
            }
        };
        let Some(bytes) = bytes else {
            return Ok(Err(format!(
                "the file of the model {name} ({id}) is not in the object store; several servers need a store \
                 that all of them reach, see the setting `objects.url`"
            )));
        };
        if !is_intact(&bytes, artifact).await? {
            return Ok(Err(format!(
                "the file of the model {name} ({id}) is damaged: its SHA-256 is another"
            )));
        }
        Ok(Ok(bytes))
    }

    /// Refuses active models that the object store has not as they were written: what a server with the setting
    /// `models.strict` asks before it starts.
    ///
    /// # Errors
    /// A sentence that names every such model, and when the database fails.
    pub async fn check_active(&self) -> anyhow::Result<()> {
        let mut problems = Vec::new();
        for version in self.store.all_active().await? {
            let Some(artifact) = version.artifact.clone() else {
                continue;
            };
            if let Err(problem) = self.object_store_bytes(&version, &artifact).await? {
                problems.push(problem);
            }
        }
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
        Ok(())
    }
}

/// Whether these are the bytes that were written.
async fn is_intact(bytes: &Bytes, artifact: &Artifact) -> Result<bool> {
    let digested = bytes.clone();
    let digest = tokio::task::spawn_blocking(move || Sha256::digest(&digested).to_vec()).await;
    Ok(digest.map_err(anyhow::Error::from)? == artifact.sha256)
}
