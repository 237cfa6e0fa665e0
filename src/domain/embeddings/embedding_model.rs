//! The active embedding model: embedding texts and finding neighbours.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::model::{Item, Neighbour};
use super::vectors::{ItemFilter, VectorStore};
use crate::domain::models::ModelVersion;
use crate::foundation::{Error, Result};
use crate::platform::embeddings::Embedder;
use ranking::Lsa;

/// Computes the vectors of texts and items.
#[derive(Clone)]
pub(super) enum TextEncoder {
    /// Latent semantic analysis of the catalogue.
    Lsa(Arc<Lsa>),
    /// A transformer model.
    Transformer(Arc<dyn Embedder>),
    /// Not available: callers set the vectors.
    Unavailable,
}

/// An embedding model with the vectors of all items.
pub struct EmbeddingModel {
    /// The version of the model.
    pub model: ModelVersion,
    /// The number of dimensions of a vector.
    pub dimensions: usize,
    pub(super) encoder: TextEncoder,
    /// The store of the vectors.
    pub(super) vectors: Arc<dyn VectorStore>,
    /// The oldest transaction whose changes to the vectors may be missing here.
    pub(super) since: Mutex<u64>,
}

impl EmbeddingModel {
    /// Increases with every change to the vectors that this process has applied. Results computed from the
    /// vectors belong to the version that was read before.
    pub fn version(&self) -> u64 {
        self.vectors.version()
    }

    /// The `count` nearest neighbours of `query` that pass the filter `keep`, nearest first; empty if `query`
    /// has other dimensions. `keep` must reject items that may not be shown.
    ///
    /// # Errors
    /// When the database fails, for vectors in the database.
    pub async fn nearest(
        &self,
        query: &[f32],
        count: usize,
        keep: &ItemFilter<'_>,
    ) -> Result<Vec<Neighbour>> {
        let mut near = self.vectors.nearest(&[query], count, keep).await?;
        // One query, one result.
        Ok(near.swap_remove(0))
    }

    /// The vector of a text, of length 1; `None` for a text without known words, and for external embeddings.
    ///
    /// # Errors
    /// When the transformer fails.
    pub async fn query(&self, text: &str) -> Result<Option<Vec<f32>>> {
        match &self.encoder {
            // Microseconds.
            TextEncoder::Lsa(embedding) => Ok(embedding.query(text)),
            TextEncoder::Unavailable => Ok(None),
            TextEncoder::Transformer(_) if text.trim().is_empty() => Ok(None),
            TextEncoder::Transformer(embedder) => {
                let (embedder, texts) = (Arc::clone(embedder), vec![text.to_owned()]);
                let vectors = blocking(move || Ok(embedder.embed(&texts)?)).await?;
                Ok(vectors.into_iter().next())
            }
        }
    }
}

impl TextEncoder {
    /// The vectors of items, of length 1; `None` for an item without usable text. The computation uses all
    /// cores, outside the threads that answer requests.
    pub(super) async fn embed(&self, items: Arc<Vec<Item>>) -> Result<Vec<Option<Vec<f32>>>> {
        match self {
            Self::Unavailable => Ok(vec![None; items.len()]),
            Self::Lsa(embedding) => {
                let embedding = Arc::clone(embedding);
                blocking(move || {
                    let documents: Vec<_> = items.iter().map(Item::document).collect();
                    Ok(embedding.embed_all(&documents))
                })
                .await
            }
            Self::Transformer(embedder) => {
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
