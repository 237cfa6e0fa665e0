//! Queries of traces.

use std::sync::Arc;

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result};

use super::exclusion::Exclusion;
use super::item::Trace;
use super::replay::{Replay, ReplayChangesInput};
use crate::domain::recommendations::traces as domain;
use crate::foundation::page::Window;
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::filter::{operand, or_none};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::recommendation::RecommendationContext;

/// Conditions on traces. All given conditions must hold; an operand cannot be null.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "TraceFilter")]
pub struct TraceFilterInput {
    /// Only lists that were computed for this user.
    user_id: MaybeUndefined<Id<id::User>>,
    /// Only lists that were computed for this context.
    context: MaybeUndefined<RecommendationContext>,
    /// Only lists that this collaborative or embedding model contributed to.
    model_id: MaybeUndefined<Id<id::Model>>,
    /// Only lists in which this item was returned to the user.
    content_id: MaybeUndefined<Id<id::Content>>,
    /// Only lists that were computed at this time or later.
    from: MaybeUndefined<DateTime>,
    /// Only lists that were computed before this time.
    until: MaybeUndefined<DateTime>,
}

impl TryFrom<TraceFilterInput> for domain::TraceFilter {
    type Error = Refusal;

    fn try_from(input: TraceFilterInput) -> Result<Self, Refusal> {
        Ok(Self {
            user: operand("userId", input.user_id)?,
            context: operand("context", input.context)?.map(Into::into),
            model: operand("modelId", input.model_id)?,
            content: operand("contentId", input.content_id)?,
            from: operand("from", input.from)?.map(|from| from.0),
            until: operand("until", input.until)?.map(|until| until.0),
        })
    }
}

/// Queries of traces.
#[derive(Clone, Copy, Default)]
pub struct TraceQuery;

/// Queries of traces.
#[Object]
impl TraceQuery {
    /// Fetches the trace of a recommendation list: the request, the candidates with their scores, and why
    /// candidates are not in the list. Fails with the code NOT_FOUND if there is no such list or the viewer
    /// may not read it. Requires the session of the list's user, the role ADMIN or an API key with the scope
    /// RECOMMENDATIONS_READ.
    #[graphql(complexity = "10 + child_complexity")]
    async fn trace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the recommendation list.")] id: Id<id::List>,
    ) -> Result<Option<Trace>> {
        let service = &ctx.services().recommendations;
        Ok(Some(service.trace(ctx.viewer(), id).await?.into()))
    }

    /// Lists traces, the newest first: those of the viewer's own lists, or for admins those of all users.
    /// API keys with the scope RECOMMENDATIONS_READ must name a user in the filter.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (10 + child_complexity)"
    )]
    async fn traces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the traces (default: none).")] filter: Option<
            TraceFilterInput,
        >,
        #[graphql(
            desc = "Number of traces to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the traces after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of traces to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the traces before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Trace>>> {
        let window = Window::read(first, after, last, before)?;
        let filter: domain::TraceFilter = or_none("filter", filter)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let service = &services.recommendations;
        let page = service.traces(&viewer, &filter, &window).await?;
        let total = move || {
            let (services, viewer) = (Arc::clone(&services), viewer.clone());
            async move {
                services
                    .recommendations
                    .count_traces(&viewer, &filter)
                    .await
            }
        };
        Ok(Some(Connection::new(
            page,
            |trace: &Trace| trace.0.cursor(),
            total,
        )))
    }

    /// Explains why an item is not in a recommendation list: the stage at which it left, or its rank and the
    /// gap to the last item that was returned. Fails with the code NOT_FOUND as `trace` does.
    #[graphql(complexity = "20 + child_complexity")]
    async fn why_not(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the recommendation list.")] list_id: Id<id::List>,
        #[graphql(desc = "ID of the item.")] content_id: Id<id::Content>,
    ) -> Result<Option<Exclusion>> {
        let service = &ctx.services().recommendations;
        let exclusion = service.why_not(ctx.viewer(), list_id, content_id).await?;
        Ok(Some(exclusion.into()))
    }

    /// Computes a recommendation list again from what was stored with it, and compares it with the stored list.
    /// Without `changes` both are identical, whatever has happened to the catalogue, the models and the user's
    /// history since. Stores nothing. Fails with the code NOT_FOUND as `trace` does.
    #[graphql(complexity = "20 + child_complexity")]
    async fn replay(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the recommendation list.")] id: Id<id::List>,
        #[graphql(desc = "Inputs to change (default: none).")] changes: Option<ReplayChangesInput>,
    ) -> Result<Option<Replay>> {
        let service = &ctx.services().recommendations;
        let changes = changes.unwrap_or_default().into();
        let replayed = service.replay(ctx.viewer(), id, &changes).await?;
        Ok(Some(replayed.into()))
    }
}
