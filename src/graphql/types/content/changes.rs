//! Mutations of content.

use async_graphql::{Context, MaybeUndefined, Object, Result};

use super::inputs::credits;
use super::{Content, CreateContentInput, DeleteContentInput, UpdateContentInput};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::payload::{payload, payload_errors, settle};
use crate::graphql::types::references::reference;
use crate::graphql::{ContextExt, Query};

payload_errors! {
    /// Errors that `createContent` may return.
    CreateContentError: InvalidInput, NotFound, Conflict
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
        /// The new item, or the one that has one of the external IDs already; null if there are errors.
        content: Option<Content>,
        /// Whether an item with one of the external IDs existed before; it was not changed.
        repeated: bool,
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
            let names = input.external_ids.take().unwrap_or_default();
            let names = names.into_iter().enumerate().map(|(index, name)| {
                let outer = ["externalIds".to_owned(), index.to_string()];
                name.read(ctx).map_err(|refusal| refusal.under(outer))
            });
            let names = names.collect::<Result<Vec<_>, Refusal>>()?;
            let (viewer, service) = (ctx.viewer(), &ctx.services().content);
            let fields = input.fields();
            service.create_named(viewer, fields, credits, names).await
        };
        let (made, errors) = settle(made.await)?;
        ctx.loaders().forget();
        Ok(Some(CreateContentPayload {
            repeated: made.as_ref().is_some_and(|made| made.repeated),
            content: made.map(|made| made.content.into()),
            errors,
            query: Query::default(),
        }))
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
            let (name, source) = (input.external_id.take(), input.source.take());
            let named = reference(ctx, input.id, name, source)?;
            let id = service.resolve(&named).await?;
            let change = service.update(viewer, id, credits, move |fields| input.apply(fields));
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
