//! Vectors of items and texts in the space that is served, and what is near them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashSet;
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::model::{Item, Near};
use super::space::{Reader, Space, blocking};
use super::store::{InDatabase, Store};
use super::training::Algorithm;
use super::vectors::{Keep, Memory, VectorStore};
use crate::domain::Ground;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::models::{ModelKind, ModelService, ModelVersion};
use crate::foundation::{Error, Id, Refusal, Result, id};
use crate::platform::config;
use crate::platform::embeddings::Embedder;
use crate::ranking::Lsa;

/// After how long it is asked whether another process has taken a space into service, or has
/// placed items.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(1);

/// Whoever asks first waits so long for the space; then the answer is that there is none yet.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// What was written so long before the last look may not have been visible to it yet.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);

/// So many items are placed at a time.
const PAGE: i64 = 1000;

/// The embeddings of one schema.
#[derive(Clone)]
pub struct EmbeddingService {
    pub(super) store: Store,
    pub(super) ground: Ground,
    pub(super) models: ModelService,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    kept: RwLock<Option<Kept>>,
    /// Whose turn it is to look.
    looking: Arc<Mutex<()>>,
    /// Up to which change of the catalogue items were placed, and in which space.
    placed: Mutex<Option<(Id<id::Model>, DateTime<Utc>)>>,
    /// The model from outside, opened once.
    outside: OnceCell<Arc<dyn Embedder>>,
}

#[derive(Clone)]
struct Kept {
    looked_at: DateTime<Utc>,
    space: Option<Arc<Space>>,
}

impl EmbeddingService {
    /// The embeddings of the schema that `ground` stands for.
    pub fn new(ground: &Ground, models: ModelService) -> Self {
        Self {
            store: Store::new(ground.db.clone()),
            ground: ground.clone(),
            models,
            state: Arc::default(),
        }
    }

    /// The space that is served; `None` before the first training, and while a large one is still
    /// being read after a start.
    ///
    /// It is kept in the process. Every second somebody who asks makes it look for a newer one,
    /// which is read behind the scenes and then takes the place of the old one whole.
    ///
    /// # Errors
    /// When the database fails, or the space cannot be read.
    pub async fn active(&self) -> Result<Option<Arc<Space>>> {
        if let Some(kept) = self.kept() {
            if self.ground.clock.now() - kept.looked_at >= LOOK_EVERY
                && let Ok(turn) = Arc::clone(&self.state.looking).try_lock_owned()
            {
                let service = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = service.look().await {
                        tracing::warn!(?error, "Whether there is a newer space is not known");
                    }
                    drop(turn);
                });
            }
            return Ok(kept.space);
        }
        // In a task of its own: a large space is built on while those who asked go on without it.
        let service = self.clone();
        let first = tokio::spawn(async move {
            let _turn = service.state.looking.lock().await;
            match service.kept() {
                Some(kept) => Ok(kept.space),
                None => service.look().await,
            }
        });
        match tokio::time::timeout(FIRST_WITHIN, first).await {
            Ok(space) => space.map_err(|panicked| Error::Internal(panicked.into()))?,
            Err(_) => Ok(None),
        }
    }

    /// Looks at once whether there is a newer space, and what other processes have placed; the
    /// next [`EmbeddingService::active`] answers it.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn refresh(&self) -> Result<Option<Arc<Space>>> {
        let _turn = self.state.looking.lock().await;
        self.look().await
    }

    async fn look(&self) -> Result<Option<Arc<Space>>> {
        let (now, before) = (self.ground.clock.now(), self.kept());
        let model = self.models.active(ModelKind::Embedding).await?;
        let old = before.as_ref().and_then(|kept| kept.space.clone());
        let space = match (model, old) {
            (None, _) => None,
            (Some(model), Some(old)) if old.model.id == model.id => {
                let since = before.map_or(now, |kept| kept.looked_at) - OVERLAP;
                if self.ground.settings.embeddings.store == config::VectorStore::Memory {
                    let written = self.store.written(model.id, since).await?;
                    old.vectors.upsert(&written);
                }
                Some(old)
            }
            (Some(model), _) => Some(Arc::new(self.open(model).await?)),
        };
        let looked = Kept {
            looked_at: now,
            space: space.clone(),
        };
        *self.lock_kept() = Some(looked);
        Ok(space)
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
                let bytes = self.store.artifact(model.id).await?;
                let bytes = bytes.ok_or_else(|| damaged("what it was read from is gone".into()))?;
                let space = blocking(move || {
                    Lsa::from_bytes(&bytes).map_err(|error| Error::Internal(error.into()))
                });
                Reader::Lsa(Arc::new(space.await?))
            }
            Algorithm::Transformer => self.transformer(&model).await?,
            Algorithm::Brought => Reader::Nobody,
        };
        let vectors: Arc<dyn VectorStore> = match self.ground.settings.embeddings.store {
            config::VectorStore::Pgvector => Arc::new(InDatabase::new(
                self.ground.db.clone(),
                model.id,
                dimensions,
            )),
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
        let folder = self.ground.settings.embeddings.model.clone();
        let opened = self.state.outside.get_or_try_init(|| async {
            tokio::task::spawn_blocking(move || crate::platform::embeddings::open(&folder)).await?
        });
        opened.await.cloned()
    }

    /// The vector of a text in the space that is served, of length 1; `None` where there is no
    /// space, where the text says nothing in it, and where callers bring the vectors.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn query(&self, text: &str) -> Result<Option<Vec<f32>>> {
        match self.active().await? {
            Some(space) => space.query(text).await,
            None => Ok(None),
        }
    }

    /// The vectors of these items in the space that is served, of length 1, as far as they have
    /// one.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn vectors(
        &self,
        ids: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Vec<f32>>> {
        match self.active().await? {
            Some(space) => space.vectors.vectors(ids).await,
            None => Ok(HashMap::new()),
        }
    }

    /// Hands the vector of every item of the space that is served to `each`, in no order, without
    /// holding them all; answers the space.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn all(
        &self,
        mut each: impl FnMut(Id<id::Content>, Vec<f32>) + Send,
    ) -> Result<Option<Arc<Space>>> {
        let space = self.active().await?;
        if let Some(space) = &space {
            let each = |(id, vector)| each(id, vector);
            self.store.all(space.model.id, each).await?;
        }
        Ok(space)
    }

    /// The `count` items nearest to `query` for which `keep` holds, the nearest first; none where
    /// there is no space or `query` has other dimensions. `keep` must refuse what may not be shown:
    /// vectors of deleted and private items are among the rest.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn nearest(&self, query: &[f32], count: usize, keep: &Keep<'_>) -> Result<Vec<Near>> {
        match self.active().await? {
            Some(space) => space.vectors.nearest(query, count, keep).await,
            None => Ok(Vec::new()),
        }
    }

    /// Places these items in the space that is served, as they are now: after they were made or
    /// changed. Brought vectors stay. Answers how many were placed.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn embed_items(&self, ids: &[Id<id::Content>]) -> Result<usize> {
        let Some(space) = self.active().await? else {
            return Ok(0);
        };
        let items = Arc::new(self.store.items(ids).await?);
        let vectors = space.reader.embed(Arc::clone(&items)).await?;
        let with = |(item, vector): (&Item, Option<Vec<f32>>)| {
            Some((item.id.into(), item.updated_at, vector?))
        };
        let placed: Vec<_> = items.iter().zip(vectors).filter_map(with).collect();
        let has: FxHashSet<_> = placed.iter().map(|(id, ..)| *id).collect();
        let without: Vec<_> = ids.iter().copied().filter(|id| !has.contains(id)).collect();
        let now = self.ground.clock.now();
        let (model, width) = (space.model.id, space.dimensions);
        let written = self.store.place(model, width, &placed, &without, now);
        let written: FxHashSet<_> = written.await?.into_iter().collect();
        let rows: Vec<_> = placed
            .into_iter()
            .filter(|(id, ..)| written.contains(id))
            .map(|(id, _, vector)| (id, vector))
            .collect();
        space.vectors.upsert(&rows);
        let brought = self.store.vectors(model, &without).await?;
        let gone = without.iter().filter(|id| !brought.contains_key(id));
        space.vectors.remove(&gone.copied().collect::<Vec<_>>());
        Ok(rows.len())
    }

    /// Places every item that was made or changed since the space was learnt and is not placed as
    /// it is now; answers how many. Cheap where nothing has changed.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn catch_up(&self) -> Result<usize> {
        let Some(space) = self.active().await? else {
            return Ok(0);
        };
        let model = space.model.id;
        let mut upto = self.state.placed.lock().await;
        let since = match *upto {
            Some((of, at)) if of == model => at,
            _ => space.model.created_at,
        };
        let mut after = (since - OVERLAP, Uuid::nil());
        let mut count = 0;
        loop {
            let changed = self.store.changed(model, after, PAGE).await?;
            let Some((at, last)) = changed.last() else {
                break;
            };
            after = (*at, last.uuid());
            let ids: Vec<_> = changed.iter().map(|(_, id)| *id).collect();
            count += self.embed_items(&ids).await?;
        }
        *upto = Some((model, since.max(after.0)));
        Ok(count)
    }

    /// Sets the vector of an item, in place of the computed one and of any that was brought
    /// before; training leaves it alone. `None` takes it back. It has as many numbers as the space
    /// that is served, and any length; it is brought to length 1.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for all but admins and apps that may write the catalogue,
    /// [`Refusal::InvalidInput`] for a vector that does not fit, [`Refusal::NotFound`] for an item
    /// that is not there, [`Refusal::Conflict`] where there is no space yet.
    pub async fn bring(
        &self,
        viewer: &Viewer,
        content: Id<id::Content>,
        vector: Option<Vec<f32>>,
    ) -> Result<()> {
        viewer.admin_or(Scope::CatalogueWrite)?;
        let Some(vector) = vector else {
            if !self.store.forget_brought(content).await? {
                return Err(Refusal::NotFound {
                    thing: "brought vector",
                }
                .into());
            }
            self.embed_items(&[content]).await?;
            return Ok(());
        };
        let space = match self.active().await? {
            Some(space) => space,
            None => self.brought_space().await?,
        };
        let vector = checked(&vector, space.dimensions)?;
        let (model, now) = (space.model.id, self.ground.clock.now());
        if !self.store.bring(content, &vector, Some(model), now).await? {
            return Err(crate::domain::content::service::not_found());
        }
        space.vectors.upsert(&[(content, vector)]);
        Ok(())
    }

    /// The empty space that the first vector goes into where callers bring them.
    async fn brought_space(&self) -> Result<Arc<Space>> {
        let none = || -> Error {
            let message = "there is no space yet: run `marquee embed` first".to_owned();
            Refusal::Conflict { message }.into()
        };
        if self.ground.settings.embeddings.source != config::EmbeddingSource::Brought {
            return Err(none());
        }
        self.train(&Viewer::Command, |_| std::ops::ControlFlow::Continue(()))
            .await?;
        self.active().await?.ok_or_else(none)
    }

    fn kept(&self) -> Option<Kept> {
        let kept = self.state.kept.read();
        kept.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock_kept(&self) -> std::sync::RwLockWriteGuard<'_, Option<Kept>> {
        let kept = self.state.kept.write();
        kept.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A vector of length 1 in the direction of one that was brought.
fn checked(vector: &[f32], dimensions: usize) -> Result<Vec<f32>> {
    let invalid = |message: String| Err(Refusal::invalid("vector", message).into());
    if vector.len() != dimensions {
        return invalid(format!(
            "a vector of this space has {dimensions} numbers, and this one has {}",
            vector.len()
        ));
    }
    // In double precision, which the squares of large numbers do not leave.
    let squares = vector.iter().map(|value| f64::from(*value).powi(2));
    let length = squares.sum::<f64>().sqrt();
    if !(length.is_finite() && length > 0.0) {
        return invalid("a vector has finite numbers, and not all of them are 0".to_owned());
    }
    let scaled = vector
        .iter()
        .map(|value| (f64::from(*value) / length) as f32);
    Ok(scaled.collect())
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn a_brought_vector_is_brought_to_length_one() {
        assert_eq!(checked(&[3.0, -4.0], 2).unwrap(), [0.6, -0.8]);
        assert_eq!(checked(&[3e38, 0.0], 2).unwrap(), [1.0, 0.0]);
        assert_eq!(checked(&[1e-40, 0.0], 2).unwrap(), [1.0, 0.0]);
        for wrong in [vec![], vec![1.0], vec![0.0, 0.0], vec![f32::NAN, 1.0]] {
            assert!(checked(&wrong, 2).is_err());
        }
    }
}
