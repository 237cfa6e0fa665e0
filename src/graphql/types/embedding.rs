//! Vectors that callers bring for content.

use async_graphql::{Context, InputObject, Object, Result};

use super::content::Content;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::single;
use crate::graphql::payload::{payload, payload_errors};

/// The vector of a content item.
#[derive(Clone, Debug, InputObject)]
pub struct SetContentEmbeddingInput {
    /// Of which item.
    content_id: Id<id::Content>,
    /// As many numbers as a vector of the space that is served has, of any length but 0; it is
    /// brought to length 1. Null takes back what was set, and the computed vector comes again.
    vector: Option<Vec<f64>>,
}

payload_errors! {
    /// Why `setContentEmbedding` did not do it.
    SetContentEmbeddingError: InvalidInput, NotFound, Conflict
}

payload! {
    /// What became of `setContentEmbedding`.
    SetContentEmbeddingPayload(
        /// Why it was not set.
        SetContentEmbeddingError
    ) {
        /// The item; null if there are errors.
        content: Option<Content>,
    }
}

/// Mutations of vectors.
#[derive(Clone, Copy, Default)]
pub struct EmbeddingMutation;

/// Mutations of vectors.
#[Object]
impl EmbeddingMutation {
    /// Sets what a content item is about, as a vector of the caller's own in place of the computed
    /// one. Training leaves it alone. For admins, and apps with the scope CATALOGUE_WRITE.
    async fn set_content_embedding(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The vector, and of which item.")] input: SetContentEmbeddingInput,
    ) -> Result<SetContentEmbeddingPayload> {
        let (viewer, services) = (ctx.viewer(), ctx.services());
        let done = async {
            let id = input.content_id;
            let vector = input.vector.map(|it| it.into_iter().map(single).collect());
            services.embeddings.set_external(viewer, id, vector).await?;
            let found = services.content.find_many(viewer, &[id]).await?;
            let gone = crate::domain::content::service::not_found;
            found.into_values().next().ok_or_else(gone)
        };
        SetContentEmbeddingPayload::settle(done.await)
    }
}
