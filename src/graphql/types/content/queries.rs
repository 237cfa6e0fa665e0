//! Queries about content.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::{Content, ContentFilterInput, ContentOrder};
use crate::domain::content::model::{self as domain, ContentFilter as Filter};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::filter::or_none;

/// Queries about content.
#[derive(Clone, Copy, Default)]
pub struct ContentQuery;

/// Queries about content.
#[Object]
impl ContentQuery {
    /// One content item; null if there is none of this id that the viewer may see.
    async fn content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: Id<id::Content>,
    ) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(id).await?;
        Ok(content.map(Into::into))
    }

    /// The content items that the viewer may list: public ones, their own, and for admins all.
    /// The newest first unless ordered otherwise.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn contents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<ContentFilterInput>,
        #[graphql(desc = "In which order.")] order_by: Option<ContentOrder>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Content>> {
        let window = Window::read(first, after, last, before)?;
        let filter: Filter = or_none(filter);
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
        Ok(Connection::new(page, cursor, total))
    }
}
