//! Queries of slates.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::item::{Selection, Slate};
use super::weights::SignalWeights;
use crate::domain::slates::model::{SelectionFilter, SlateSlot};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::scalars::Date;

/// Queries of slates.
#[derive(Clone, Copy, Default)]
pub struct SlateQuery;

/// Queries of slates.
#[Object]
impl SlateQuery {
    /// Offers films for an hour of a channel. The first query makes a slate; it stays the same until a film is
    /// selected, until it is rejected (`regenerateSlate`) or abandoned, or until one of its films is selected for
    /// another hour. Requires the role CURATOR or ADMIN.
    #[graphql(complexity = "10 + 20 * child_complexity")]
    async fn slate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the channel. It must be one of our own, not a competitor's.")]
        channel_id: Id<id::Channel>,
        #[graphql(desc = "Date in the time zone of the channel.")] date: Date,
        #[graphql(desc = "Hour in the time zone of the channel, 0–23.")] hour: i32,
        #[graphql(
            default = 10,
            desc = "Number of films, 1–50 (default 10). Another number than before makes a new slate."
        )]
        first: i32,
    ) -> Result<Option<Slate>> {
        let slot = SlateSlot::new(channel_id, date.0, hour)?;
        let slates = &ctx.services().slates;
        let slate = slates.slate(ctx.viewer(), slot, first).await?;
        Ok(Some(slate.into()))
    }

    /// Lists the films that were selected from slates, newest selection first. Requires the role CURATOR or ADMIN.
    #[expect(clippy::too_many_arguments, reason = "a filter and a page")]
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn slate_selections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the channel (default: all channels).")] channel_id: Option<
            Id<id::Channel>,
        >,
        #[graphql(
            desc = "First date of the hours that films were selected for (default: no limit)."
        )]
        from: Option<Date>,
        #[graphql(
            desc = "Last date of the hours that films were selected for (default: no limit)."
        )]
        until: Option<Date>,
        #[graphql(
            desc = "Number of selections to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the selections after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of selections to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the selections before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Selection>>> {
        let window = Window::read(first, after, last, before)?;
        let filter = SelectionFilter {
            channel: channel_id,
            from: from.map(Into::into),
            until: until.map(Into::into),
        };
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer());
        let page = services.slates.selections(viewer, filter, &window).await?;
        let total = move || {
            let services = Arc::clone(&services);
            async move { services.slates.count_selections(filter).await }
        };
        let cursor = |selection: &Selection| selection.selection.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }

    /// What the bandit believes about the weights of the signals for an hour of a channel. Requires the role
    /// CURATOR or ADMIN.
    async fn signal_weights(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the channel.")] channel_id: Id<id::Channel>,
        #[graphql(desc = "Date in the time zone of the channel.")] date: Date,
        #[graphql(desc = "Hour in the time zone of the channel, 0–23.")] hour: i32,
    ) -> Result<Option<SignalWeights>> {
        let slot = SlateSlot::new(channel_id, date.0, hour)?;
        let slates = &ctx.services().slates;
        let weights = slates.signal_weights(ctx.viewer(), slot).await?;
        Ok(Some(weights.into()))
    }
}
