//! Vectors of items and texts in the space that is served, and what is near them.

use std::sync::Arc;

use chrono::TimeDelta;
use rustc_hash::FxHashSet;
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::embedding_model::EmbeddingModel;
use super::model::{Item, Neighbour, VectorTable};
use super::store::{Changed, Store};
use super::vectors::{ItemFilter, VectorVisitor};
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::models::{ModelHandle, ModelKind, ModelService};
use crate::foundation::{Error, Id, Refusal, Result, id};
use crate::platform::cache::Tag;
use crate::platform::config;
use crate::platform::embeddings::Embedder;

/// Changes from this long before a training may have been committed during it: the first catch-up goes back
/// so far. Later ones go by transactions.
const LONGEST_TRANSACTION: TimeDelta = TimeDelta::days(1);

/// The number of items embedded at a time.
const PAGE: i64 = 1000;

/// The embeddings of one schema.
#[derive(Clone)]
pub struct EmbeddingService {
    pub(super) store: Store,
    pub(super) ctx: SchemaContext,
    pub(super) models: ModelService,
    pub(super) served: Arc<ModelHandle<EmbeddingModel>>,
    pub(super) state: Arc<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The oldest transaction whose items may not be embedded yet, and by which model.
    embedded: Mutex<Option<(Id<id::Model>, u64)>>,
    /// The transformer, loaded once.
    pub(super) transformer_model: OnceCell<Arc<dyn Embedder>>,
}

impl EmbeddingService {
    /// The embeddings of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext, models: ModelService) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            ctx: ctx.clone(),
            models,
            served: ModelHandle::new(ctx, ModelKind::Embedding),
            state: Arc::default(),
        }
    }

    /// The vector of a text by the active embedding model, of length 1; `None` without a model, for a text
    /// without known words, and for external embeddings.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn query(&self, text: &str) -> Result<Option<Vec<f32>>> {
        match self.active().await? {
            Some(embedding) => embedding.query(text).await,
            None => Ok(None),
        }
    }

    /// The vectors of these items by the active model, of length 1, as far as they have one.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn vectors(&self, ids: &[Id<id::Content>]) -> Result<VectorTable> {
        let Some(embedding) = self.active().await? else {
            return Ok(VectorTable::default());
        };
        let mut vectors = VectorTable::with_capacity(embedding.dimensions, ids.len());
        let mut take = |id, vector: &[f32]| vectors.insert(id, vector);
        embedding.vectors.visit(ids, &mut take).await?;
        Ok(vectors)
    }

    /// Visits the vectors of these items by the active model, as far as they have one, in no order and
    /// without copying.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn visit(&self, ids: &[Id<id::Content>], to: &mut VectorVisitor<'_>) -> Result<()> {
        match self.active().await? {
            Some(embedding) => embedding.vectors.visit(ids, to).await,
            None => Ok(()),
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
    ) -> Result<Option<Arc<EmbeddingModel>>> {
        let embedding = self.active().await?;
        if let Some(embedding) = &embedding {
            let each = |(id, vector)| each(id, vector);
            self.store.all(embedding.model.id, each).await?;
        }
        Ok(embedding)
    }

    /// The `count` items nearest to `query` for which `keep` holds, the nearest first; none where
    /// there is no space or `query` has other dimensions. `keep` must refuse what may not be shown:
    /// vectors of deleted and private items are among the rest.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn nearest(
        &self,
        query: &[f32],
        count: usize,
        keep: &ItemFilter<'_>,
    ) -> Result<Vec<Neighbour>> {
        let mut near = self.nearest_each(&[query], count, keep).await?;
        // One query in, one answer out.
        Ok(near.swap_remove(0))
    }

    /// The same for several queries, in their order, which takes no more than each alone and mostly
    /// less.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn nearest_each(
        &self,
        queries: &[&[f32]],
        count: usize,
        keep: &ItemFilter<'_>,
    ) -> Result<Vec<Vec<Neighbour>>> {
        match self.active().await? {
            Some(embedding) => embedding.vectors.nearest(queries, count, keep).await,
            None => Ok(vec![Vec::new(); queries.len()]),
        }
    }

    /// Embeds these items in their current state, after they were created or changed. External embeddings
    /// stay. Returns the number of embedded items.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn embed_items(&self, ids: &[Id<id::Content>]) -> Result<usize> {
        let Some(embedding) = self.active().await? else {
            return Ok(0);
        };
        let items = Arc::new(self.store.items(ids).await?);
        let vectors = embedding.encoder.embed(Arc::clone(&items)).await?;
        let with = |(item, vector): (&Item, Option<Vec<f32>>)| {
            Some((item.id.into(), item.updated_at, vector?))
        };
        let embedded: Vec<_> = items.iter().zip(vectors).filter_map(with).collect();
        let has: FxHashSet<_> = embedded.iter().map(|(id, ..)| *id).collect();
        let without: Vec<_> = ids.iter().copied().filter(|id| !has.contains(id)).collect();
        let now = self.ctx.clock.now();
        let (model, width) = (embedding.model.id, embedding.dimensions);
        let written = self
            .store
            .write_vectors(model, width, &embedded, &without, now);
        let written: FxHashSet<_> = written.await?.into_iter().collect();
        let rows: Vec<_> = embedded
            .into_iter()
            .filter(|(id, ..)| written.contains(id))
            .map(|(id, _, vector)| (id, vector))
            .collect();
        let before = embedding.version();
        embedding.vectors.upsert(&rows);
        let external = self.store.vectors(model, width, &without).await?;
        let gone = without.iter().filter(|id| external.get(id).is_none());
        embedding.vectors.remove(&gone.copied().collect::<Vec<_>>());
        self.invalidate_if_changed(&embedding, before);
        Ok(rows.len())
    }

    /// Invalidates cached results if the vectors are no longer at the version `before`.
    pub(super) fn invalidate_if_changed(&self, embedding: &EmbeddingModel, before: u64) {
        if embedding.version() != before {
            self.ctx.cache.invalidate(&[Tag::Vectors]);
        }
    }

    /// Embeds all items that were created or changed since the model was trained. Returns their number. Cheap
    /// when nothing has changed.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn catch_up(&self) -> Result<usize> {
        let Some(embedding) = self.active().await? else {
            return Ok(0);
        };
        let model = embedding.model.id;
        let mut upto = self.state.embedded.lock().await;
        let changed = match *upto {
            Some((of, transaction)) if of == model => Changed::In(transaction),
            _ => Changed::After(embedding.model.created_at - LONGEST_TRANSACTION),
        };
        // Before the items: what is written from here on is for the next time.
        let next = self.store.watermark().await?;
        let (mut after, mut count) = (Uuid::nil(), 0);
        loop {
            let ids = self.store.changed(model, changed, after, PAGE).await?;
            let Some(last) = ids.last() else {
                break;
            };
            after = last.uuid();
            count += self.embed_items(&ids).await?;
        }
        *upto = Some((model, next));
        Ok(count)
    }

    /// Sets the external embedding of an item, which replaces the computed one and survives training. `None`
    /// removes it. It must have the dimensions of the active model, and is normalised to length 1.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for all but admins and apps that may write the catalogue,
    /// [`Refusal::InvalidInput`] for a vector that does not fit, [`Refusal::NotFound`] for an item
    /// that is not there, [`Refusal::Conflict`] where there is no space yet.
    pub async fn set_external(
        &self,
        viewer: &Viewer,
        content: Id<id::Content>,
        vector: Option<Vec<f32>>,
    ) -> Result<()> {
        viewer.admin_or(Scope::CatalogueWrite)?;
        let Some(vector) = vector else {
            // In a task of its own: a dropped request must not leave a vector in memory whose row is
            // deleted.
            let this = self.clone();
            let back = tokio::spawn(async move { this.remove_external(content).await });
            return back.await.map_err(|fault| Error::Internal(fault.into()))?;
        };
        // A model that is still loading is waited for: it must not be replaced by a new one.
        let embedding = match self.active().await? {
            Some(embedding) => Some(embedding),
            None => self.refresh().await?,
        };
        let embedding = match embedding {
            Some(embedding) => embedding,
            None => self.external_model().await?,
        };
        let vector = checked(&vector, embedding.dimensions)?;
        let (model, now) = (embedding.model.id, self.ctx.clock.now());
        if !self
            .store
            .set_external(content, &vector, model, now)
            .await?
        {
            return Err(domain::content::service::not_found());
        }
        let before = embedding.version();
        embedding.vectors.upsert(&[(content, vector)]);
        self.invalidate_if_changed(&embedding, before);
        Ok(())
    }

    async fn remove_external(&self, content: Id<id::Content>) -> Result<()> {
        if !self.store.delete_external(content).await? {
            return Err(Refusal::NotFound {
                thing: "external embedding",
            }
            .into());
        }
        self.embed_items(&[content]).await.map(|_| ())
    }

    /// Creates the empty model for external embeddings.
    async fn external_model(&self) -> Result<Arc<EmbeddingModel>> {
        let none = || -> Error {
            let message = "there is no embedding model yet: run `marquee embed` first".to_owned();
            Refusal::Conflict { message }.into()
        };
        if self.ctx.settings.embeddings.source != config::EmbeddingSource::External {
            return Err(none());
        }
        self.train(&Viewer::Command, |_| std::ops::ControlFlow::Continue(()))
            .await?;
        self.active().await?.ok_or_else(none)
    }
}

/// An external embedding, normalised to length 1.
fn checked(vector: &[f32], dimensions: usize) -> Result<Vec<f32>> {
    let invalid = |message: String| Err(Refusal::invalid("vector", message).into());
    if vector.len() != dimensions {
        return invalid(format!(
            "a vector of this model has {dimensions} numbers, and this one has {}",
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
    fn an_external_embedding_is_normalised_to_length_one() {
        assert_eq!(checked(&[3.0, -4.0], 2).unwrap(), [0.6, -0.8]);
        assert_eq!(checked(&[3e38, 0.0], 2).unwrap(), [1.0, 0.0]);
        assert_eq!(checked(&[1e-40, 0.0], 2).unwrap(), [1.0, 0.0]);
        for wrong in [vec![], vec![1.0], vec![0.0, 0.0], vec![f32::NAN, 1.0]] {
            assert!(checked(&wrong, 2).is_err());
        }
    }
}
