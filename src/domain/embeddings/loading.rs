//! Loading the active embedding model, and applying changes of other processes.

use std::sync::Arc;

use super::embedding_model::{EmbeddingModel, TextEncoder, blocking};
use super::service::EmbeddingService;
use super::store::PgvectorStore;
use super::training::Algorithm;
use super::vectors::{InMemoryStore, VectorStore};
use crate::domain::models::handle::{HandleState, LoadedModel};
use crate::domain::models::{ModelKind, ModelOrigin, ModelVersion};
use crate::foundation::{Error, Result};
use crate::platform::config;
use crate::platform::embeddings::Embedder;
use ranking::Lsa;
use tokio::sync::Mutex;

impl EmbeddingService {
    /// The active embedding model; see [`ModelHandle::get`]. `None` before the first training, and while the
    /// model is loaded after a start.
    ///
    /// # Errors
    /// When the database fails, or the model cannot be loaded.
    ///
    /// [`ModelHandle::get`]: crate::domain::models::ModelHandle::get
    pub async fn active(&self) -> Result<Option<Arc<EmbeddingModel>>> {
        self.find().await.map(HandleState::model)
    }

    /// The state of the active embedding model; see [`ModelHandle::find`].
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    ///
    /// [`ModelHandle::find`]: crate::domain::models::ModelHandle::find
    pub async fn find(&self) -> Result<HandleState<EmbeddingModel>> {
        let service = self.clone();
        let load = |before| async move { service.load(before).await };
        self.served.find(load).await
    }

    /// Loads the active embedding model with its vectors at the start of a server.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn preload(&self) -> Result<()> {
        let service = self.clone();
        let load = |before| async move { service.load(before).await };
        self.served.preload(load).await.map(|_| ())
    }

    /// Loads a newer model and the changes of other processes at once, for the next
    /// [`EmbeddingService::active`].
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn refresh(&self) -> Result<Option<Arc<EmbeddingModel>>> {
        self.served.refresh(|before| self.load(before)).await
    }

    async fn load(
        &self,
        before: Option<LoadedModel<EmbeddingModel>>,
    ) -> Result<Option<Arc<EmbeddingModel>>> {
        let Some(model) = self.models.active(ModelKind::Embedding).await? else {
            return Ok(None);
        };
        if let Some(loaded) = before
            && let Some(embedding) = loaded.model
            && embedding.model.id == model.id
        {
            self.apply_changes(&embedding).await?;
            return Ok(Some(embedding));
        }
        Ok(Some(Arc::new(self.open(model).await?)))
    }

    /// Applies the changes of other processes to the vectors since the last time.
    async fn apply_changes(&self, embedding: &EmbeddingModel) -> Result<()> {
        let mut since = embedding.since.lock().await;
        let before = embedding.version();
        match self.ctx.settings.embeddings.store {
            config::VectorStore::Memory => {
                let changes = self.store.changes(embedding.model.id, *since).await?;
                embedding.vectors.remove(&changes.removed);
                embedding.vectors.upsert(&changes.written);
                *since = changes.next;
            }
            config::VectorStore::Pgvector => {
                let (marks, next) = self.store.marks(embedding.model.id, *since).await?;
                embedding.vectors.observe_changes(marks);
                *since = next;
            }
        }
        self.invalidate_if_changed(embedding, before);
        Ok(())
    }

    /// Loads a model with its vectors.
    async fn open(&self, model: ModelVersion) -> Result<EmbeddingModel> {
        let damaged = |what: String| Error::Internal(anyhow::anyhow!("{}: {what}", model.version));
        let dimensions = model.settings["dimensions"].as_u64();
        let dimensions = dimensions
            .and_then(|dimensions| usize::try_from(dimensions).ok())
            .filter(|dimensions| *dimensions > 0)
            .ok_or_else(|| damaged("its number of dimensions is not known".to_owned()))?;
        let encoder = match Algorithm::of(&model.algorithm) {
            Algorithm::Lsa => {
                let bytes = self.models.artifact(model.id).await?;
                let bytes = bytes.ok_or_else(|| damaged("what it was read from is gone".into()))?;
                let embedding = blocking(move || {
                    Lsa::from_bytes(&bytes).map_err(|error| Error::Internal(error.into()))
                });
                TextEncoder::Lsa(Arc::new(embedding.await?))
            }
            Algorithm::Transformer => self.transformer(&model).await?,
            Algorithm::External => TextEncoder::Unavailable,
        };
        if model.artifact.is_none() {
            let database = ModelOrigin::Database;
            self.models
                .note_source(ModelKind::Embedding, model.id, database, None);
        }
        // Before the vectors: changes from here on are applied with the first load.
        let since = self.store.watermark().await?;
        let vectors: Arc<dyn VectorStore> = match self.ctx.settings.embeddings.store {
            config::VectorStore::Pgvector => Arc::new(PgvectorStore::new(
                self.ctx.db.clone(),
                model.id,
                dimensions,
            )),
            config::VectorStore::Memory => {
                let mut rows = Vec::new();
                self.store
                    .all(model.id, |embedded| rows.push(embedded))
                    .await?;
                let memory = blocking(move || InMemoryStore::build(dimensions, rows)).await?;
                Arc::new(memory)
            }
        };
        Ok(EmbeddingModel {
            model,
            dimensions,
            encoder,
            vectors,
            since: Mutex::new(since),
        })
    }

    /// The encoder of a transformer model. If the transformer is not available, texts cannot be embedded,
    /// while the vectors of items are still served.
    async fn transformer(&self, model: &ModelVersion) -> Result<TextEncoder> {
        let embedder = match self.transformer_model().await {
            Ok(embedder) => embedder,
            Err(error) => {
                tracing::warn!(error = %error, "The transformer of the active embedding model cannot be loaded");
                return Ok(TextEncoder::Unavailable);
            }
        };
        if model.settings["model"].as_str() != Some(embedder.name()) {
            tracing::warn!(
                model = embedder.name(),
                "The active embedding model was made by another transformer; run `marquee embed`"
            );
            return Ok(TextEncoder::Unavailable);
        }
        Ok(TextEncoder::Transformer(embedder))
    }

    /// The transformer that the settings name.
    pub(super) async fn transformer_model(&self) -> anyhow::Result<Arc<dyn Embedder>> {
        let folder = self.ctx.settings.embeddings.model.clone();
        let opened = self.state.transformer_model.get_or_try_init(|| async {
            tokio::task::spawn_blocking(move || platform::embeddings::open(&folder)).await?
        });
        opened.await.cloned()
    }
}
