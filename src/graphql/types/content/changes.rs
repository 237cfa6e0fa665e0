//! Mutations of content.

use async_graphql::{Context, MaybeUndefined, Object, Result};

use super::inputs::credits;
use super::{Content, CreateContentInput, DeleteContentInput, UpdateContentInput};
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::payload::{payload, payload_errors};

payload_errors! {
    /// Errors that `createContent` may return.
    CreateContentError: InvalidInput, NotFound
}

payload_errors! {
    /// Errors that `updateContent` may return.
    UpdateContentError: InvalidInput, NotFound
}

payload_errors! {
    /// Errors that `deleteContent` may return.
    DeleteContentError: NotFound, Conflict
}

payload! {
    /// Result of `createContent`.
    CreateContentPayload(
        /// Why the item was not created; empty if it was.
        CreateContentError
    ) {
        /// The new item; null if there are errors.
        content: Option<Content>,
    }
}

payload! {
    /// Result of `updateContent`.
    UpdateContentPayload(
        /// Why the item was not changed; empty if it was.
        UpdateContentError
    ) {
        /// The changed item; null if there are errors.
        content: Option<Content>,
    }
}

payload! {
    /// Result of `deleteContent`.
    DeleteContentPayload(
        /// Why the item was not deleted; empty if it was.
        DeleteContentError
    ) {
        /// ID of the deleted item; null if there are errors.
        deleted_id: Option<Id<id::Content>>,
    }
}

/// Mutations of content items.
#[derive(Clone, Copy, Default)]
pub struct ContentMutation;

/// Mutations of content items.
#[Object]
impl ContentMutation {
    /// Creates a content item. Requires a signed-in user, who becomes the creator of the item, or
    /// an API key with the scope CATALOGUE_WRITE.
    async fn create_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new item.")] input: CreateContentInput,
    ) -> Result<Option<CreateContentPayload>> {
        let made = async {
            let mut input = input;
            let credits = credits(input.credits.take().unwrap_or_default())?;
            let (viewer, service) = (ctx.viewer(), &ctx.services().content);
            service.create(viewer, input.fields(), credits).await
        };
        let made = made.await;
        ctx.loaders().forget();
        CreateContentPayload::settle(made)
    }

    /// Changes a content item. Fields that are omitted from the input remain unchanged. Requires
    /// the item's creator, the role ADMIN or an API key with the scope CATALOGUE_WRITE.
    async fn update_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes to make.")] input: UpdateContentInput,
    ) -> Result<Option<UpdateContentPayload>> {
        let changed = async {
            let mut input = input;
            input.check()?;
            let credits = match std::mem::take(&mut input.credits) {
                MaybeUndefined::Value(given) => Some(credits(given)?),
                MaybeUndefined::Null => Some(Vec::new()),
                MaybeUndefined::Undefined => None,
            };
            let (viewer, service) = (ctx.viewer(), &ctx.services().content);
            let change = {
                let id = input.id;
                service.update(viewer, id, credits, move |fields| input.apply(fields))
            };
            change.await
        };
        let changed = changed.await;
        ctx.loaders().forget();
        UpdateContentPayload::settle(changed)
    }

    /// Deletes a content item. It is no longer returned by any query. Requires the item's creator,
    /// the role ADMIN or an API key with the scope CATALOGUE_WRITE.
    async fn delete_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The item to delete.")] input: DeleteContentInput,
    ) -> Result<Option<DeleteContentPayload>> {
        let done = ctx.services().content.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeleteContentPayload::settle(done.map(|()| input.id))
    }
}
