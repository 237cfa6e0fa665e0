//! Queries about interactions: histories and counts.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::TimeDelta;

use super::{Interaction, InteractionKind};
use crate::domain::interactions::model::{self as domain, Counting, InteractionFilter as Filter};
use crate::foundation::page::Window;
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::enums::values;
use crate::graphql::filter::{ContentIdFilter, DateTimeFilter, enum_filter, or_none};
use crate::graphql::number::int;
use crate::graphql::scalars::{Date, DateTime};

enum_filter! {
    /// Conditions on the kind of an interaction.
    InteractionKindFilter(InteractionKind)
}

/// A filter for interactions. All given conditions must hold; omitted ones do not restrict the
/// result. At most 1,000 list values in all.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "InteractionFilter")]
pub struct InteractionFilterInput {
    /// Conditions on the kind of the interaction.
    kind: Option<InteractionKindFilter>,
    /// Conditions on the content item.
    content: Option<ContentIdFilter>,
    /// Conditions on the time of the interaction.
    occurred_at: Option<DateTimeFilter>,
}

impl TryFrom<InteractionFilterInput> for Filter {
    type Error = Refusal;

    fn try_from(input: InteractionFilterInput) -> Result<Self, Refusal> {
        Ok(Self {
            kind: or_none("kind", input.kind)?,
            content: or_none("content", input.content)?,
            occurred_at: or_none("occurredAt", input.occurred_at)?,
        })
    }
}

/// Number of interactions in one group.
#[derive(Clone, Debug, SimpleObject)]
pub struct InteractionCount {
    /// Kind of the interactions; null if they are not grouped by kind.
    kind: Option<InteractionKind>,
    /// Day of the interactions (UTC); null if they are not grouped by day.
    day: Option<Date>,
    /// Number of interactions in this group.
    count: i32,
}

impl From<domain::InteractionCount> for InteractionCount {
    fn from(group: domain::InteractionCount) -> Self {
        Self {
            kind: group.kind.map(Into::into),
            day: group.day.map(Into::into),
            count: int(group.count),
        }
    }
}

/// Criteria by which interactions can be grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum InteractionGrouping {
    /// By the kind of the interaction.
    Kind,
    /// By the day of the interaction (UTC).
    Day,
}

/// Queries of interactions.
#[derive(Clone, Copy, Default)]
pub struct InteractionQuery;

/// Queries of interactions.
#[Object]
impl InteractionQuery {
    /// Lists the interactions of a user, newest first. Requires the user's own session, the role
    /// ADMIN or an API key with the scope USERS_READ.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn interactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the user (default: the signed-in user). API keys must set it.")]
        user_id: Option<Id<id::User>>,
        #[graphql(
            desc = "Return only interactions that match this filter (default: all interactions)."
        )]
        filter: Option<InteractionFilterInput>,
        #[graphql(
            desc = "Number of interactions to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the interactions after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of interactions to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the interactions before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Interaction>>> {
        let window = Window::read(first, after, last, before)?;
        let filter: Filter = or_none("filter", filter)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services
            .interactions
            .history(&viewer, user_id, &filter, &window)
            .await?;
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move {
                let service = &services.interactions;
                service.count_history(&viewer, user_id, &filter).await
            }
        };
        let cursor = |interaction: &Interaction| interaction.0.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }

    /// The present position in the subscription `interactions`. Pass it as `after`, also when the connection
    /// is lost before anything was received, to miss nothing from now on. Requires the role ADMIN.
    async fn interactions_cursor(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let service = &ctx.services().interactions;
        let cursor = service.stream_cursor(ctx.viewer()).await?;
        Ok(Some(cursor.encode()))
    }

    /// Counts the interactions of all users in a time range, in groups. Requires the role ADMIN.
    #[graphql(complexity = "100 + child_complexity")]
    async fn interaction_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How to group the interactions; an empty list returns a single count of all interactions."
        )]
        group_by: Vec<InteractionGrouping>,
        #[graphql(desc = "Start of the time range, inclusive (default: 30 days before `until`).")]
        from: Option<DateTime>,
        #[graphql(
            desc = "End of the time range, exclusive (default: now). At most 366 days after `from`."
        )]
        until: Option<DateTime>,
        #[graphql(desc = "Kinds of interactions to count (default: all kinds).")] kinds: Option<
            Vec<InteractionKind>,
        >,
    ) -> Result<Option<Vec<InteractionCount>>> {
        let service = &ctx.services().interactions;
        let until = until.map_or_else(|| service.now(), |until| until.0);
        let month_before = until.checked_sub_signed(TimeDelta::days(30));
        let what = Counting {
            from: from.map(|from| from.0).or(month_before).unwrap_or(until),
            until,
            kinds: kinds.map(values),
            by_kind: group_by.contains(&InteractionGrouping::Kind),
            by_day: group_by.contains(&InteractionGrouping::Day),
        };
        let counts = service.counts(ctx.viewer(), &what).await?;
        Ok(Some(counts.into_iter().map(Into::into).collect()))
    }
}
