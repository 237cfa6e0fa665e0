//! Mutations of content.

use async_graphql::{Context, Object, Result};

use super::inputs::credits;
use super::{Content, CreateContentInput, DeleteContentInput, UpdateContentInput};
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::payload::{payload, payload_errors};

payload_errors! {
    /// Why `createContent` did not do it.
    CreateContentError: InvalidInput, NotFound
}

payload_errors! {
    /// Why `updateContent` did not do it.
    UpdateContentError: InvalidInput, NotFound
}

payload_errors! {
    /// Why `deleteContent` did not do it.
    DeleteContentError: NotFound, Conflict
}

payload! {
    /// What became of `createContent`.
    CreateContentPayload(
        /// Why it was not made.
        CreateContentError
    ) {
        /// The new item; null if there are errors.
        content: Option<Content>,
    }
}

payload! {
    /// What became of `updateContent`.
    UpdateContentPayload(
        /// Why it was not changed.
        UpdateContentError
    ) {
        /// The changed item; null if there are errors.
        content: Option<Content>,
    }
}

payload! {
    /// What became of `deleteContent`.
    DeleteContentPayload(
        /// Why it was not deleted.
        DeleteContentError
    ) {
        /// The id of the item that is gone; null if there are errors.
        deleted_id: Option<Id<id::Content>>,
    }
}

/// Mutations of content.
#[derive(Clone, Copy, Default)]
pub struct ContentMutation;

/// Mutations of content.
#[Object]
impl ContentMutation {
    /// Adds a content item. Its creator is the signed-in user.
    async fn create_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The item.")] input: CreateContentInput,
    ) -> Result<CreateContentPayload> {
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

    /// Changes a content item: what is left out of the input stays as it is. For its creator and
    /// admins.
    async fn update_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateContentInput,
    ) -> Result<UpdateContentPayload> {
        let changed = async {
            let mut input = input;
            let credits = input.credits.take().map(credits).transpose()?;
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

    /// Hides a content item everywhere, at once. For its creator and admins.
    async fn delete_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteContentInput,
    ) -> Result<DeleteContentPayload> {
        let done = ctx.services().content.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeleteContentPayload::settle(done.map(|()| input.id))
    }
}
