//! Vectors that callers bring for content.

use async_graphql::{Context, InputObject, Object, Result};

use super::content::Content;
use super::job::{ApiJob, Creation};
use crate::domain::recommendations::jobs::EmbeddingsJob;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::single;
use crate::graphql::payload::{payload, payload_errors};

impl ApiJob for EmbeddingsJob {
    const DESCRIPTION: &'static str = "Computes the embeddings of all content items.";

    fn creation() -> Creation {
        Creation::plain::<Self>("Compute the embeddings of all content items.")
    }
}

/// An external embedding of a content item.
#[derive(Clone, Debug, InputObject)]
pub struct SetContentEmbeddingInput {
    /// ID of the content item.
    content_id: Id<id::Content>,
    /// The embedding, with as many numbers as the dimension of the active embedding model; not all
    /// may be 0. It is normalised to length 1. Null removes an external embedding and restores the
    /// computed one.
    vector: Option<Vec<f64>>,
}

payload_errors! {
    /// Errors that `setContentEmbedding` may return.
    SetContentEmbeddingError: InvalidInput, NotFound, Conflict
}

payload! {
    /// Result of `setContentEmbedding`.
    SetContentEmbeddingPayload(
        /// Why the embedding was not set; empty if it was.
        SetContentEmbeddingError
    ) {
        /// The content item; null if there are errors.
        content: Option<Content>,
    }
}

/// Mutations of embeddings.
#[derive(Clone, Copy, Default)]
pub struct EmbeddingMutation;

/// Mutations of embeddings.
#[Object]
impl EmbeddingMutation {
    /// Sets the embedding of a content item, in place of the computed one. Training does not change
    /// it. Requires the role ADMIN or an API key with the scope CATALOGUE_WRITE.
    async fn set_content_embedding(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The content item and its embedding.")] input: SetContentEmbeddingInput,
    ) -> Result<Option<SetContentEmbeddingPayload>> {
        let (viewer, services) = (ctx.viewer(), ctx.services());
        let done = async {
            let id = input.content_id;
            let vector = input.vector.map(|it| it.into_iter().map(single).collect());
            services.embeddings.set_external(viewer, id, vector).await?;
            let found = services.content.find_many(viewer, &[id]).await?;
            let gone = domain::content::service::not_found;
            found.into_values().next().ok_or_else(gone)
        };
        SetContentEmbeddingPayload::settle(done.await)
    }
}
