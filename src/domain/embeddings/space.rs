//! A space that is served: how texts come into it, and what is near in it.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::model::{Item, Near};
use super::vectors::{Keep, VectorStore};
use crate::domain::models::ModelVersion;
use crate::foundation::{Error, Result};
use crate::platform::embeddings::Embedder;
use ranking::Lsa;

/// How texts and items get their vectors.
#[derive(Clone)]
pub(super) enum Reader {
    /// By the words of the catalogue.
    Lsa(Arc<Lsa>),
    /// By a model from outside.
    Outside(Arc<dyn Embedder>),
    /// Not at all: callers bring them.
    Nobody,
}

/// The space that is served at present.
pub struct Space {
    /// Its model.
    pub model: ModelVersion,
    /// How many numbers a vector has.
    pub dimensions: usize,
    pub(super) reader: Reader,
    /// Where neighbours are looked for.
    pub(super) vectors: Arc<dyn VectorStore>,
    /// The oldest transaction whose changes to the vectors may still be missing here.
    pub(super) since: Mutex<u64>,
}

impl Space {
    /// Grows with every change to the vectors of the space that this process has taken up. What was
    /// made of them belongs to the version that was read before.
    pub fn version(&self) -> u64 {
        self.vectors.version()
    }

    /// The `count` items nearest to `query` for which `keep` holds, the nearest first; none where
    /// `query` has other dimensions. `keep` must refuse what may not be shown.
    ///
    /// # Errors
    /// When the database fails, where the vectors are there.
    pub async fn nearest(&self, query: &[f32], count: usize, keep: &Keep<'_>) -> Result<Vec<Near>> {
        let mut near = self.vectors.nearest(&[query], count, keep).await?;
        // One query in, one answer out.
        Ok(near.swap_remove(0))
    }

    /// The vector of a text, of length 1; `None` for a text that says nothing here, and in a space
    /// whose vectors callers bring.
    ///
    /// # Errors
    /// When the model from outside fails.
    pub async fn query(&self, text: &str) -> Result<Option<Vec<f32>>> {
        match &self.reader {
            // Microseconds.
            Reader::Lsa(space) => Ok(space.query(text)),
            Reader::Nobody => Ok(None),
            Reader::Outside(_) if text.trim().is_empty() => Ok(None),
            Reader::Outside(embedder) => {
                let (embedder, texts) = (Arc::clone(embedder), vec![text.to_owned()]);
                let vectors = blocking(move || Ok(embedder.embed(&texts)?)).await?;
                Ok(vectors.into_iter().next())
            }
        }
    }
}

impl Reader {
    /// The vectors of items, of length 1; `None` for an item that says nothing. x    /// all cores for a while, and not the threads that answer requests.
    pub(super) async fn embed(&self, items: Arc<Vec<Item>>) -> Result<Vec<Option<Vec<f32>>>> {
        match self {
            Self::Nobody => Ok(vec![None; items.len()]),
            Self::Lsa(space) => {
                let space = Arc::clone(space);
                blocking(move || {
                    let documents: Vec<_> = items.iter().map(Item::document).collect();
                    Ok(space.embed_all(&documents))
                })
                .await
            }
            Self::Outside(embedder) => {
                let embedder = Arc::clone(embedder);
                blocking(move || {
                    let texts: Vec<_> = items.iter().map(Item::text).collect();
                    Ok(embedder.embed(&texts)?.into_iter().map(Some).collect())
                })
                .await
            }
        }
    }
}

/// Runs a long computation on a thread for blocking work.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|panicked| Error::Internal(panicked.into()))?
}
