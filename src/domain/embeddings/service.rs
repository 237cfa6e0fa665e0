//! Vectors of items and texts in the space that is served, and what is near them.

use std::sync::Arc;

use chrono::TimeDelta;
use rustc_hash::FxHashSet;
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::model::{Item, Near, Vectors};
use super::space::Space;
use super::store::{Changed, Store};
use super::vectors::{Keep, Show};
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::domain::models::{ModelHandle, ModelKind, ModelService};
use crate::foundation::{Error, Id, Refusal, Result, id};
use crate::platform::cache::Tag;
use crate::platform::config;
use crate::platform::embeddings::Embedder;

/// What was written so long before a space was learnt may have been committed while it was: the first
/// look goes back so far. Later ones go by transactions.
const LONGEST_TRANSACTION: TimeDelta = TimeDelta::days(1);

/// So many items are placed at a time.
const PAGE: i64 = 1000;

/// The embeddings of one schema.
#[derive(Clone)]
pub struct EmbeddingService {
    pub(super) store: Store,
    pub(super) ctx: SchemaContext,
    pub(super) models: ModelService,
    pub(super) served: Arc<ModelHandle<Space>>,
    pub(super) state: Arc<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The oldest transaction whose items may not be placed yet, and in which space.
    placed: Mutex<Option<(Id<id::Model>, u64)>>,
    /// The model from outside, opened once.
    pub(super) outside: OnceCell<Arc<dyn Embedder>>,
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
    pub async fn vectors(&self, ids: &[Id<id::Content>]) -> Result<Vectors> {
        let Some(space) = self.active().await? else {
            return Ok(Vectors::default());
        };
        let mut vectors = Vectors::with_capacity(space.dimensions, ids.len());
        let mut take = |id, vector: &[f32]| vectors.insert(id, vector);
        space.vectors.show(ids, &mut take).await?;
        Ok(vectors)
    }

    /// Shows the vectors of these items in the space that is served, as far as they have one, in
    /// no order: what is only looked at once need not be copied.
    ///
    /// # Errors
    /// Those of [`EmbeddingService::active`].
    pub async fn show(&self, ids: &[Id<id::Content>], to: &mut Show<'_>) -> Result<()> {
        match self.active().await? {
            Some(space) => space.vectors.show(ids, to).await,
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
        keep: &Keep<'_>,
    ) -> Result<Vec<Vec<Near>>> {
        match self.active().await? {
            Some(space) => space.vectors.nearest(queries, count, keep).await,
            None => Ok(vec![Vec::new(); queries.len()]),
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
        let now = self.ctx.clock.now();
        let (model, width) = (space.model.id, space.dimensions);
        let written = self.store.place(model, width, &placed, &without, now);
        let written: FxHashSet<_> = written.await?.into_iter().collect();
        let rows: Vec<_> = placed
            .into_iter()
            .filter(|(id, ..)| written.contains(id))
            .map(|(id, _, vector)| (id, vector))
            .collect();
        let before = space.version();
        space.vectors.upsert(&rows);
        let brought = self.store.vectors(model, width, &without).await?;
        let gone = without.iter().filter(|id| brought.get(id).is_none());
        space.vectors.remove(&gone.copied().collect::<Vec<_>>());
        self.moved(&space, before);
        Ok(rows.len())
    }

    /// Lets nobody have what was made of the vectors as they were at the version `before`.
    pub(super) fn moved(&self, space: &Space, before: u64) {
        if space.version() != before {
            self.ctx.cache.invalidate(&[Tag::Vectors]);
        }
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
        let changed = match *upto {
            Some((of, transaction)) if of == model => Changed::In(transaction),
            _ => Changed::After(space.model.created_at - LONGEST_TRANSACTION),
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
            // In a task of its own: a request that is given up must not leave the vector in the space
            // when nobody has brought it any more.
            let this = self.clone();
            let back = tokio::spawn(async move { this.take_back(content).await });
            return back.await.map_err(|fault| Error::Internal(fault.into()))?;
        };
        // One that is still being read is waited for: a new one must not take its place.
        let space = match self.active().await? {
            Some(space) => Some(space),
            None => self.refresh().await?,
        };
        let space = match space {
            Some(space) => space,
            None => self.brought_space().await?,
        };
        let vector = checked(&vector, space.dimensions)?;
        let (model, now) = (space.model.id, self.ctx.clock.now());
        if !self.store.bring(content, &vector, model, now).await? {
            return Err(crate::domain::content::service::not_found());
        }
        let before = space.version();
        space.vectors.upsert(&[(content, vector)]);
        self.moved(&space, before);
        Ok(())
    }

    async fn take_back(&self, content: Id<id::Content>) -> Result<()> {
        if !self.store.forget_brought(content).await? {
            return Err(Refusal::NotFound {
                thing: "brought vector",
            }
            .into());
        }
        self.embed_items(&[content]).await.map(|_| ())
    }

    /// The empty space that the first vector goes into where callers bring them.
    async fn brought_space(&self) -> Result<Arc<Space>> {
        let none = || -> Error {
            let message = "there is no space yet: run `marquee embed` first".to_owned();
            Refusal::Conflict { message }.into()
        };
        if self.ctx.settings.embeddings.source != config::EmbeddingSource::Brought {
            return Err(none());
        }
        self.train(&Viewer::Command, |_| std::ops::ControlFlow::Continue(()))
            .await?;
        self.active().await?.ok_or_else(none)
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
