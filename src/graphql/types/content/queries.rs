//! Queries about content.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::{Content, ContentFilterInput, ContentOrder};
use crate::domain::content::model::{self as domain, ContentFilter as Filter};
use crate::foundation::page::Window;
use crate::foundation::{Id, Reference, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::filter::or_none;
use crate::graphql::types::references::reference;

/// Queries of content items.
#[derive(Clone, Copy, Default)]
pub struct ContentQuery;

/// Queries of content items.
#[Object]
impl ContentQuery {
    /// Fetches a content item by its ID or by an ID of your own. Null if it does not exist or the viewer may not see it.
    async fn content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the content item. Either this or `externalId` is required.")]
        id: Option<Id<id::Content>>,
        #[graphql(
            desc = "ID of the item in another system, 1–200 characters. Of several items with it the oldest is returned."
        )]
        external_id: Option<String>,
        #[graphql(
            desc = "Name of the other system (default: the setting `external_ids.source` of the server). Only together with `externalId`."
        )]
        source: Option<String>,
    ) -> Result<Option<Content>> {
        let id = match reference(ctx, id, external_id, source)? {
            Reference::Id(id) => id,
            Reference::External(name) => {
                let service = &ctx.services().content;
                let named = service.named_by(std::slice::from_ref(&name)).await?;
                match named.get(&name) {
                    Some(id) => *id,
                    None => return Ok(None),
                }
            }
        };
        let content = ctx.loaders().content.load_one(id).await?;
        Ok(content.map(Into::into))
    }

    /// Lists content items: public ones and those created by the viewer; for API keys with the scope
    /// CATALOGUE_WRITE also those without a creator, for admins all items.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn contents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Return only items that match this filter (default: all items).")] filter: Option<ContentFilterInput>,
        #[graphql(desc = "Order of the items (default: by `CREATED_AT`, newest first).")] order_by: Option<ContentOrder>,
        #[graphql(
            desc = "Number of items to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the items after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of items to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the items before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Content>>> {
        let window = Window::read(first, after, last, before)?;
        let filter: Filter = or_none("filter", filter)?;
        let usual = (domain::ContentOrder::CreatedAt, false);
        let (by, ascending) = order_by.map_or(usual, Into::into);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services
            .content
            .list(&viewer, &filter, (by, ascending), &window)
            .await?;
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move { services.content.count(&viewer, &filter).await }
        };
        let cursor = move |content: &Content| content.0.cursor(by, ascending);
        Ok(Some(Connection::new(page, cursor, total)))
    }
}
