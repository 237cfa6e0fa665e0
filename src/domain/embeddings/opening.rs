//! Opening the space that is served, and keeping up with what other processes do to it.

use std::sync::Arc;

use super::service::EmbeddingService;
use super::space::{Reader, Space, blocking};
use super::store::InDatabase;
use super::training::Algorithm;
use super::vectors::{Memory, VectorStore};
use crate::domain::models::handle::{HandleState, LoadedModel};
use crate::domain::models::{ModelKind, ModelVersion};
use crate::foundation::{Error, Result};
use crate::platform::config;
use crate::platform::embeddings::Embedder;
use ranking::Lsa;
use tokio::sync::Mutex;

impl EmbeddingService {
    /// The space that is served, in memory; see [`ModelHandle::get`]. `None` before the first training,
    /// and while a large one is still being read after a start.
    ///
    /// # Errors
    /// When the database fails, or the space cannot be read.
    ///
    /// [`ModelHandle::get`]: crate::domain::models::Served::get
    pub async fn active(&self) -> Result<Option<Arc<Space>>> {
        self.find().await.map(HandleState::model)
    }

    /// The space that is served, as far as it is known; see [`ModelHandle::find`].
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    ///
    /// [`ModelHandle::find`]: crate::domain::models::Served::find
    pub async fn find(&self) -> Result<HandleState<Space>> {
        let service = self.clone();
        let look = |before| async move { service.look(before).await };
        self.served.find(look).await
    }

    /// Looks at once whether there is a newer space, and what other processes have placed; the
    /// next [`EmbeddingService::active`] answers it.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn refresh(&self) -> Result<Option<Arc<Space>>> {
        self.served.refresh(|before| self.look(before)).await
    }

    async fn look(&self, before: Option<LoadedModel<Space>>) -> Result<Option<Arc<Space>>> {
        let Some(model) = self.models.active(ModelKind::Embedding).await? else {
            return Ok(None);
        };
        if let Some(latest) = before
            && let Some(space) = latest.model
            && space.model.id == model.id
        {
            self.follow(&space).await?;
            return Ok(Some(space));
        }
        Ok(Some(Arc::new(self.open(model).await?)))
    }

    /// Takes up what other processes did to the vectors of a space since the last time.
    async fn follow(&self, space: &Space) -> Result<()> {
        let mut since = space.since.lock().await;
        let before = space.version();
        match self.ctx.settings.embeddings.store {
            config::VectorStore::Memory => {
                let changes = self.store.changes(space.model.id, *since).await?;
                space.vectors.remove(&changes.removed);
                space.vectors.upsert(&changes.written);
                *since = changes.next;
            }
            config::VectorStore::Pgvector => {
                let (marks, next) = self.store.marks(space.model.id, *since).await?;
                space.vectors.noticed(marks);
                *since = next;
            }
        }
        self.moved(space, before);
        Ok(())
    }

    /// Reads a space whole, with the vectors that its neighbours are looked for among.
    async fn open(&self, model: ModelVersion) -> Result<Space> {
        let damaged = |what: String| Error::Internal(anyhow::anyhow!("{}: {what}", model.version));
        let dimensions = model.settings["dimensions"].as_u64();
        let dimensions = dimensions
            .and_then(|dimensions| usize::try_from(dimensions).ok())
            .filter(|dimensions| *dimensions > 0)
            .ok_or_else(|| damaged("its number of dimensions is not known".to_owned()))?;
        let reader = match Algorithm::of(&model.algorithm) {
            Algorithm::Lsa => {
                let bytes = self.models.artifact(model.id).await?;
                let bytes = bytes.ok_or_else(|| damaged("what it was read from is gone".into()))?;
                let space = blocking(move || {
                    Lsa::from_bytes(&bytes).map_err(|error| Error::Internal(error.into()))
                });
                Reader::Lsa(Arc::new(space.await?))
            }
            Algorithm::Transformer => self.transformer(&model).await?,
            Algorithm::Brought => Reader::Nobody,
        };
        // Before the vectors: what is written from here on is taken up with the first look.
        let since = self.store.watermark().await?;
        let vectors: Arc<dyn VectorStore> = match self.ctx.settings.embeddings.store {
            config::VectorStore::Pgvector => {
                Arc::new(InDatabase::new(self.ctx.db.clone(), model.id, dimensions))
            }
            config::VectorStore::Memory => {
                let mut rows = Vec::new();
                self.store.all(model.id, |placed| rows.push(placed)).await?;
                let memory = blocking(move || Memory::build(dimensions, rows)).await?;
                Arc::new(memory)
            }
        };
        Ok(Space {
            model,
            dimensions,
            reader,
            vectors,
            since: Mutex::new(since),
        })
    }

    /// The reader of a space that a transformer made; if it is not at hand, no text can be read,
    /// while the vectors of items serve on.
    async fn transformer(&self, model: &ModelVersion) -> Result<Reader> {
        let embedder = match self.outside().await {
            Ok(embedder) => embedder,
            Err(error) => {
                tracing::warn!(error = %error, "The model of the space that is served cannot be opened");
                return Ok(Reader::Nobody);
            }
        };
        if model.settings["model"].as_str() != Some(embedder.name()) {
            tracing::warn!(
                model = embedder.name(),
                "The space that is served was made by another model; run `marquee embed`"
            );
            return Ok(Reader::Nobody);
        }
        Ok(Reader::Outside(embedder))
    }

    /// The model from outside that the settings name.
    pub(super) async fn outside(&self) -> anyhow::Result<Arc<dyn Embedder>> {
        let folder = self.ctx.settings.embeddings.model.clone();
        let opened = self.state.outside.get_or_try_init(|| async {
            tokio::task::spawn_blocking(move || crate::platform::embeddings::open(&folder)).await?
        });
        opened.await.cloned()
    }
}
